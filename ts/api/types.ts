/**
 * What the control plane needs of the rest of DcRouter, as narrow interfaces: the planes implement
 * them, `DcRouter` passes them in, and tests stand in for them.
 */
import type {
  ICertificateInfo,
  ICertificateOptions,
  IDcRouterOptions,
  IGlobalStats,
  IRouteStats,
  RouteConfig,
} from '../../ts_interfaces/index.ts';
import type { IProblem } from '../core/errors.ts';

/** A backend as it is doing now. */
export interface ILiveEndpoint {
  readonly id: string;
  readonly isDead: boolean;
  /** Milliseconds since the epoch; nothing or 0 while it is alive. */
  readonly deadSince?: number | null;
  readonly failureCount: number;
  /** Taken out by hand. */
  readonly maintenance?: boolean;
}

/** A route that takes requests. */
export interface ILiveRoute {
  readonly id: string;
  /** In its normal form. */
  readonly vHost: string;
  readonly config: RouteConfig;
  readonly endpoints: readonly ILiveEndpoint[];
}

/** The table of routes that requests are matched against. */
export interface IRouteTarget<TRoute extends ILiveRoute = ILiveRoute> {
  /**
   * Compiles a route; changes nothing. @throws DcError `ROUTE_INVALID`, e.g. for an unknown auth
   * provider.
   */
  prepareRoute(config: RouteConfig): TRoute;
  /**
   * Adds a route, or replaces the one with its id; backends that stay keep their state. Never
   * throws.
   */
  setRoute(route: TRoute): void;
  /** Takes a route out; its requests in flight end by themselves. False: it was not there. */
  removeRoute(id: string): boolean;
  route(id: string): TRoute | undefined;
  /**
   * The route that a request would take. `host` in its normal form without port, `path` without
   * query.
   */
  match(
    host: string,
    method: string,
    path: string,
    headerOf: (name: string) => string | undefined,
  ): TRoute | null | undefined;
}

/** The certificates that TLS handshakes are answered with. */
export interface ICertificateTarget {
  /**
   * Checks a certificate and says what it is; changes nothing.
   * @throws DcError `CERTIFICATE_INVALID`
   */
  inspect(options: ICertificateOptions): Omit<ICertificateInfo, 'origin'>;
  /**
   * Serves it from the next handshake on, in place of the domain's earlier one. Never throws after
   * `inspect`.
   */
  set(options: ICertificateOptions): void;
  /** Serves it no more. */
  remove(domain: string): void;
}

/** Takes backends out of rotation by hand, and back. Unknown ids are ignored. */
export interface IHealthTarget {
  markDead(routeId: string, backendId: string): void;
  markAlive(routeId: string, backendId: string): void;
}

/** Numbers about the traffic. */
export interface IStatsSource {
  global(): IGlobalStats;
  route(routeId: string): IRouteStats | undefined;
}

/** How a change takes effect. */
export type TChangeEffect = 'hot' | 'restart-listener' | 'restart';

/** One difference between two configurations; secrets are masked. */
export interface IConfigChange {
  /** E.g. `web.routes[api].vHost`. */
  path: string;
  /** Absent: it was not there. */
  before?: unknown;
  /** Absent: it is gone. */
  after?: unknown;
  effect: TChangeEffect;
}

/** Outcome of a reload that was applied. */
export interface IReloadResult {
  changes: IConfigChange[];
}

/** A port that is open. */
export interface IEntrypointStatus {
  address: string;
  port: number;
  tls: boolean;
}

/** The process around the planes. */
export interface IProcessControl {
  /** E.g. '0.1.0'. */
  readonly version: string;
  /** Milliseconds since the epoch. */
  readonly startedAt: number;
  /** Path of the configuration file; null: there is none. */
  readonly configFile: string | null;
  /** Whether requests are served: true from the end of the start to the beginning of the stop. */
  ready(): boolean;
  /** Open ports by the names of their entrypoints. */
  entrypoints(): Record<string, IEntrypointStatus>;
  /** What is wrong now with what the file says: items of it that were left out. */
  problems(): readonly IProblem[];
  /** The options of the file in effect, without what the API changed. */
  options(): IDcRouterOptions;
  /**
   * Whether the file's bytes differ from those that were loaded; null: there is no file, or it
   * cannot be read. Cheap: every `GET /status` asks.
   */
  fileChanged(): Promise<boolean | null>;
  /**
   * What a reload would change.
   * @throws DcError `CONFIG_UNREADABLE` or `CONFIG_INVALID` when the file could not be loaded.
   */
  pendingChanges(): Promise<IConfigChange[]>;
  /**
   * Loads the file again and applies it, all or nothing.
   * @throws DcError `CONFIG_UNREADABLE` or `CONFIG_INVALID` with every problem; nothing has
   *   changed.
   */
  reload(): Promise<IReloadResult>;
}

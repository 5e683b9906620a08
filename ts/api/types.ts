/**
 * What the control plane needs of the rest of DcRouter, as narrow interfaces: the planes implement
 * them, `DcRouter` passes them in, and tests stand in for them.
 */
import type {
  ICertificateInfo,
  ICertificateOptions,
  IConnectionInfo,
  IDcRouterOptions,
  IDnsStats,
  IGlobalStats,
  ILimitInfo,
  IPortProxySettings,
  IRateLimit,
  IRouteStats,
  ITcpLive,
  IWorkerInfo,
  IZoneOptions,
  RouteConfig,
} from '../../ts_interfaces/index.ts';
import type { IProblem } from '../core/errors.ts';
import type {
  IDnsAddress,
  IDnsCache,
  IExplainRequest,
  IQueryExplanation,
} from '../dns/plane/types.ts';
import type { IOwnedRecordBook, IZoneBook, IZoneKeys } from '../dns/zones/types.ts';

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

/**
 * Takes backends out of rotation by hand, and back. A group is a route, by its id, or the backends
 * of a TCP entry or of one of its domain configs: `tcp:<entry>`, `tcp:<entry>/<domain config>`.
 * Unknown ids are ignored.
 */
export interface IHealthTarget {
  markDead(groupId: string, backendId: string): void;
  markAlive(groupId: string, backendId: string): void;
}

/** What is to change among the TCP entries. */
export interface ITcpChanges {
  /** Added, or in place of the one with the same id; as `parseTcpEntry` makes them. */
  set: readonly IPortProxySettings[];
  /** Ids. */
  removed: readonly string[];
}

/** The plane that forwards ports. */
export interface ITcpTarget<TPrepared = unknown> {
  /**
   * Compiles entries and binds the ports that are new; nothing has changed yet.
   * @throws DcError `LISTEN_FAILED`, `TCP_INVALID`; nothing is left open then.
   */
  prepare(changes: ITcpChanges): Promise<TPrepared>;
  /** Makes it live. Never throws. */
  apply(prepared: TPrepared): void;
  /** Closes what was prepared and is not applied. */
  discard(prepared: TPrepared): Promise<void>;
  /** An entry as it is doing; undefined: it is not there. */
  info(id: string): ITcpLive | undefined | Promise<ITcpLive | undefined>;
}

/** What is to change among the zones. */
export interface IZoneChanges {
  /** Added, or in place of the one with the same id; as `parseZone` makes them. */
  set: readonly IZoneOptions[];
  /** Ids. */
  removed: readonly string[];
}

/** The zones that are answered for. */
export interface IZoneTarget<TPrepared = unknown> {
  /**
   * Loads and checks zones; nothing has changed yet.
   * @throws DcError `ZONE_INVALID`
   */
  prepare(changes: IZoneChanges): Promise<TPrepared>;
  /** Answers for them from the next query on. Never throws. */
  apply(prepared: TPrepared): void;
  /** Gives back what was prepared and is not applied. */
  discard(prepared: TPrepared): Promise<void>;
}

/** The zones with what only the management does. */
export interface IManagedZoneBook extends IZoneBook {
  /**
   * Forgets what was ever changed in a zone that is not hosted any more: without it, a zone that
   * comes back has all that again.
   * @throws DcError `ZONE_EXISTS` while it is hosted, `STORE_FAILED`
   */
  purge(id: string): Promise<void>;
}

/** Zones, keys, cache and servers of the DNS plane, for looking and for changes of records. */
export interface IDnsTarget {
  readonly book: IManagedZoneBook;
  readonly keys: IZoneKeys;
  readonly manager: IOwnedRecordBook;
  readonly cache: IDnsCache;
  query(request: IExplainRequest): Promise<IQueryExplanation>;
  stats(): Promise<IDnsStats>;
  /** Where it listens, by name of the listener. */
  addresses(): Record<string, IDnsAddress>;
  /** Tells the secondaries of a zone that it may have changed. @throws DcError `ZONE_UNKNOWN` */
  notify(id: string): void;
  /**
   * Asks the primaries of a secondary zone now.
   *
   * @param whole fetches all of it, whatever the serial says.
   * @throws DcError `ZONE_UNKNOWN`, `ZONE_INVALID` for a zone that is no secondary, `DNS_FAILED`
   */
  refresh(id: string, whole: boolean): Promise<void>;
}

/** An address list as rules look into it. */
export interface ILiveAddressList {
  /** Networks in it. */
  readonly size: number;
  contains(address: string): boolean;
  /** Changes a few of many; without these the list is set anew. */
  add?(addresses: readonly string[]): unknown;
  remove?(addresses: readonly string[]): unknown;
}

/** The address lists that access rules look into. */
export interface IAccessTarget {
  get(name: string): ILiveAddressList | undefined;
  /** Adds or replaces a list, in one step. Never throws for addresses that were checked. */
  set(name: string, addresses: readonly string[]): void;
  delete(name: string): unknown;
}

/** The named rate limits. */
export interface ILimitTarget {
  /** Adds one, or gives it other settings; what is in its buckets stays. Never throws. */
  set(name: string, limit: IRateLimit): void;
  delete(name: string): unknown;
  /** undefined: it is not there. */
  info(name: string): TLimitCounts | undefined | Promise<TLimitCounts | undefined>;
}

/** Numbers of a named limit. */
export type TLimitCounts = Pick<ILimitInfo, 'keys' | 'allowed' | 'refused'>;

/** Live connections of all planes, in all processes. */
export interface IConnectionSource {
  list(): Promise<IConnectionInfo[]>;
  /** Breaks one off; false: it is not there. */
  close(id: string): Promise<boolean>;
}

/** Numbers about the traffic, perhaps collected from several processes. */
export interface IStatsSource {
  global(): IGlobalStats | Promise<IGlobalStats>;
  route(routeId: string): IRouteStats | undefined | Promise<IRouteStats | undefined>;
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
  /** The worker processes; empty: everything runs in this one. */
  workers(): readonly IWorkerInfo[];
  /**
   * Begins to hand the ports over to a new process, which loads program and configuration anew;
   * resolves when the new one serves, while this one drains.
   * Absent: this process cannot do that.
   */
  reloadBinary?(): Promise<{ pid: number }>;
}

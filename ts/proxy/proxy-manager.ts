import { randomBytes } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import type { IAccessLogOptions, IHooks, IWebOptions } from '../../ts_interfaces/index.ts';
import { type IClock, systemClock } from '../core/clock.ts';
import { DcError } from '../core/errors.ts';
import { EventBus } from '../core/event-bus.ts';
import { type ILogger, silentLogger } from '../core/logger.ts';
import { AccessLog } from '../metrics/access-log.ts';
import { Tracker } from '../metrics/tracker.ts';
import { AddressLists } from '../net/address-list.ts';
import { type ILimiters, LocalLimiters } from '../net/limiters.ts';
import { type IPortBinder, LocalPorts } from '../net/ports.ts';
import type { IWebService } from '../net/web-service.ts';
import { AuthProviders } from './access/index.ts';
import { BackendNames } from './backend-names.ts';
import type { ICertificateSource } from './certificate-source.ts';
import { announcingGuard } from './descriptor-guard.ts';
import type { Endpoint } from './endpoint.ts';
import { Entrypoints, type IConnectionCounts, type IPreparedEntrypoint } from './entrypoints.ts';
import { HealthMonitor } from './health-monitor.ts';
import type { IEngine, IWebSettings } from './http/engine.ts';
import { LiveWebConnection } from './http/live-web-connection.ts';
import { UpstreamPool, UpstreamPools } from './http/upstream-pool.ts';
import type { ILiveConnection } from './live-connection.ts';
import { NamedLimits } from './named-limits.ts';
import type { INetworkProxyBridge } from './network-proxy-bridge.ts';
import { type IRouterParts, Router } from './router.ts';
import { TlsContexts } from './tls-contexts.ts';
import { compileSettings, httpsPortOf, parseWeb, withServices } from './web-plan.ts';

/** Milliseconds between two looks at the deadlines of all connections. */
const sweepMs = 100;

const drainTimeoutMsDefault = 10_000;

/** Bytes that Node wants for the keys of session tickets. */
const ticketKeyBytes = 48;

/** The web plane's options, or just the two ports of a plain set-up. */
export interface IProxyManagerOptions extends IWebOptions {
  /** Port of an entrypoint `http`. */
  port?: number;
  /** Port of an entrypoint `https`. */
  sslPort?: number;
  /** Functions. */
  hooks?: IHooks;
  /** Milliseconds that `stop()` and a replaced listener let open requests finish. @default 10000 */
  drainTimeoutMs?: number;
}

/** What the proxy needs of the rest of a router. */
export interface IProxyManagerParts {
  bus?: EventBus;
  logger?: ILogger;
  clock?: IClock;
  /** Asked after the routes' own certificates. */
  certificates?: ICertificateSource;
  /** Binds the entrypoints' ports. @default in this process, and nobody else has them */
  ports?: IPortBinder;
  /** Where limits live. @default in this process */
  limiters?: ILimiters;
  /** Address lists that access rules may name. @default none */
  lists?: AddressLists;
  /** Rate limits that routes may name. @default none */
  limits?: NamedLimits;
  /** Where backends by name are; stopped by whoever made them. @default names of its own */
  names?: BackendNames;
  /** Who decides about the health of backends. @default this process */
  health?: HealthMonitor;
  /** Keys of session tickets, 48 bytes; processes with the same go on with each other's. @default random */
  ticketKeys?: Buffer;
  /** Makes the queue of a new route. @default one of this process */
  queueFor?: IRouterParts['queueFor'];
  /** As in `IRouterParts`. @default false */
  isChecked?: boolean;
}

/** Numbers of other processes that serve in place of this one; added to its own. */
export interface IServedElsewhere {
  connections: IConnectionCounts & { tunnels: number };
  accessLog: { written: number; dropped: number };
  /** Connections to the backends that wait for a request. */
  idleConnections(endpoint: Endpoint): number;
}

/** A configuration that is compiled and bound, but not in force. */
export interface IPreparedWeb {
  readonly web: IWebOptions;
  readonly settings: IWebSettings;
  /** What routes that are prepared for this configuration use. */
  readonly providers: AuthProviders;
  /** An auth provider is another one than before: routes that name one must be prepared anew. */
  readonly providersChanged: boolean;
  /** All entrypoints that are to be open, by name. */
  readonly entrypoints: ReadonlyMap<string, IPreparedEntrypoint>;
  readonly accessLog: AccessLog | null;
}

/**
 * The web plane: listeners, routes and connections.
 *
 * Whoever starts it stops it. Routes can be added and removed at any time
 * through `router`, also before `start()`; a stopped one can be started again,
 * and has the routes that it had.
 *
 * @example
 * const proxy = new ProxyManager({ port: 8080 });
 * await proxy.start();
 * proxy.router.addRoute({ id: 'a', vHost: 'a.example.com', backends: [{ hostname: '127.0.0.1', port: 3000 }] });
 */
export class ProxyManager {
  readonly router: Router;
  readonly tracker: Tracker;
  readonly health: HealthMonitor;
  readonly events: EventBus;
  /** Address lists that access rules may name; changes hold at once. */
  readonly lists: AddressLists;
  /** Rate limits that routes may name; changes hold at once. */
  readonly limits: NamedLimits;
  /** Certificates by name, as TLS shows them. */
  readonly contexts: TlsContexts;
  /** Keys of session tickets. */
  readonly ticketKeys: Buffer;
  /** Told when `services` are others than before; null: nobody is. */
  onServices: (() => void) | null = null;
  /** Numbers of the workers; null: this process serves. */
  elsewhere: IServedElsewhere | null = null;
  /** Milliseconds that a replaced listener, and `stop()` by default, let open requests finish. */
  drainTimeoutMs: number;
  private readonly engine: IEngine;
  private readonly entrypoints: Entrypoints;
  private readonly web: IWebOptions;
  private readonly hooks: IHooks | null;
  /** null: they are somebody else's. */
  private readonly ownNames: BackendNames | null;
  private readonly clock: IClock;
  private readonly logger: ILogger;
  private providers: AuthProviders;
  private current: IWebOptions | null = null;
  private timer: NodeJS.Timeout | null = null;
  private expiredAt = 0;
  private running = false;
  private hasOwnRoutes = false;
  private showsDefaults = false;
  private starting: Promise<void> | null = null;
  private stopping: Promise<boolean> | null = null;
  private unfollow: (() => void)[] = [];
  /** Access logs that were replaced and still write what they have. */
  private leavingLogs: Promise<void> = Promise.resolve();

  /** @throws DcError `CONFIG_INVALID` with every problem. */
  constructor(options: IProxyManagerOptions = {}, parts: IProxyManagerParts = {}) {
    this.hooks = options.hooks ?? null;
    this.drainTimeoutMs = options.drainTimeoutMs ?? drainTimeoutMsDefault;
    this.logger = parts.logger ?? silentLogger;
    this.events = parts.bus ?? new EventBus(this.logger);
    this.clock = parts.clock ?? systemClock;
    this.tracker = new Tracker(this.clock);
    const limiters = parts.limiters ?? new LocalLimiters();
    this.lists = parts.lists ?? new AddressLists();
    this.limits = parts.limits ?? new NamedLimits(limiters);
    this.web = parseWeb(webOf(options), {
      authProviders: Object.keys(this.hooks?.authProviders ?? {}),
      accessLists: this.lists.names(),
      limits: this.limits.names(),
    });
    const { events: bus, logger, clock, tracker, hooks, web } = this;
    const forward = web.authProviders;
    this.providers = new AuthProviders({ clock, logger, forward, functions: hooks?.authProviders });
    const names = parts.names ?? new BackendNames({ clock, logger });
    this.ownNames = parts.names === undefined ? names : null;
    this.health = parts.health ?? new HealthMonitor({ bus, logger, clock, names });
    this.ticketKeys = parts.ticketKeys ?? randomBytes(ticketKeyBytes);
    const pools = new UpstreamPools(names);
    const { providers, health, lists, limits } = this;
    const onCertificates = () => this.refreshDefaults();
    this.router = new Router({
      tracker,
      health,
      bus,
      clock,
      logger,
      providers,
      limiters,
      lists,
      limits,
      onCertificates,
      queueFor: parts.queueFor,
      isChecked: parts.isChecked,
    });
    const own = parts.certificates === undefined ? [] : [parts.certificates];
    this.engine = {
      now: performance.now(),
      settings: compileSettings(web, hooks, null),
      routes: this.router.table,
      tracker,
      pools,
      health,
      bus,
      logger,
      accessLog: null,
      tunnels: 0,
    };
    this.contexts = new TlsContexts([this.router, ...own]);
    const { contexts } = this;
    this.entrypoints = new Entrypoints({
      engine: this.engine,
      contexts,
      ticketKeys: this.ticketKeys,
      ports: parts.ports ?? new LocalPorts({ guard: announcingGuard(bus, logger) }),
      limiters,
      lists,
      onActive: () => this.watch(),
    });
  }

  /**
   * Opens the entrypoints and begins to serve. Harmless when it runs already.
   *
   * @throws DcError `LISTEN_FAILED`, `ROUTE_INVALID`, `ROUTE_EXISTS`, `CERTIFICATE_INVALID`,
   * `LOG_FAILED`; nothing is open then.
   */
  start(): Promise<void> {
    if (this.starting === null) {
      const starting = this.open().catch((error: unknown) => {
        if (this.starting === starting) this.starting = null;
        throw error;
      });
      this.starting = starting;
    }
    return this.starting;
  }

  private async open(): Promise<void> {
    await this.stopping;
    this.running = true;
    this.health.start();
    try {
      const prepared = await this.prepare(this.web, this.hooks);
      try {
        this.addOwnRoutes(prepared.providers);
        this.apply(prepared);
      } catch (error) {
        await this.discard(prepared);
        throw error;
      }
      this.unfollow = this.followCertificates();
    } catch (error) {
      this.running = false;
      this.health.stop();
      throw error;
    }
  }

  /**
   * The auth providers of a configuration; those that stay the same are those in force.
   *
   * @throws DcError `CONFIG_INVALID`
   */
  compileProviders(web: IWebOptions, hooks: IHooks | null): AuthProviders {
    const { clock, logger } = this;
    const parts = { clock, logger, forward: web.authProviders, functions: hooks?.authProviders };
    return new AuthProviders(parts, this.providers);
  }

  /**
   * Compiles a configuration and binds its new ports; nothing has changed for
   * requests before `apply`. Call `discard` with what is not applied.
   *
   * Routes are not part of it: prepare them with its `providers`.
   *
   * @param web as `parseOptions` makes it.
   * @throws DcError `LISTEN_FAILED`, `CONFIG_INVALID`, `LOG_FAILED`; nothing is left open then.
   */
  async prepare(web: IWebOptions, hooks: IHooks | null): Promise<IPreparedWeb> {
    const before = this.providers;
    const providers = this.compileProviders(web, hooks);
    const providersChanged = [...providers.names, ...before.names].some(
      (name) => providers.get(name) !== before.get(name),
    );
    const settings = compileSettings(web, hooks, null);
    const accessLog = this.prepareAccessLog(web.accessLog);
    try {
      const entrypoints = await this.entrypoints.prepare(web);
      const httpsPort = httpsPortOf(entrypoints);
      return Object.freeze({
        web,
        settings: Object.freeze({ ...settings, httpsPort }),
        providers,
        providersChanged,
        entrypoints,
        accessLog,
      });
    } catch (error) {
      if (accessLog !== this.engine.accessLog) await accessLog?.close();
      throw error;
    }
  }

  /**
   * Puts a prepared configuration in force, at once and as a whole.
   *
   * @throws DcError `NOT_RUNNING`; nothing has changed then.
   */
  apply(prepared: IPreparedWeb): void {
    if (!this.running) throw new DcError('NOT_RUNNING', 'The proxy does not run');
    const { engine, router } = this;
    router.providers = prepared.providers;
    this.providers = prepared.providers;
    engine.settings = withServices(prepared.settings, this.services);
    if (engine.accessLog !== prepared.accessLog) {
      const old = engine.accessLog;
      engine.accessLog = prepared.accessLog;
      this.leavingLogs = this.leavingLogs.then(() => old?.close());
    }
    this.current = prepared.web;
    this.entrypoints.apply(prepared.entrypoints, prepared.web, this.drainTimeoutMs);
  }

  /** Closes what was prepared and is not applied. */
  async discard(prepared: IPreparedWeb): Promise<void> {
    await this.entrypoints.discard(prepared.entrypoints);
    if (prepared.accessLog !== this.engine.accessLog) await prepared.accessLog?.close();
  }

  /**
   * Takes no new connections, lets the open requests finish, then closes.
   *
   * @returns true when every request finished within `drainTimeoutMs`.
   */
  stop(drainTimeoutMs = this.drainTimeoutMs): Promise<boolean> {
    this.stopping ??= this.close(drainTimeoutMs).finally(() => {
      this.stopping = null;
    });
    return this.stopping;
  }

  private async close(drainTimeoutMs: number): Promise<boolean> {
    // A start under way opens listeners that would be left behind; whoever started it hears of its failure.
    const { starting } = this;
    this.starting = null;
    await Promise.allSettled([starting]);
    if (!this.running) return true;
    this.running = false;
    for (const leave of this.unfollow) leave();
    const { engine } = this;
    const drained = await this.entrypoints.close(drainTimeoutMs);
    this.health.stop();
    this.tracker.stop();
    engine.pools.destroy();
    this.ownNames?.stop();
    for (const route of this.router.routes()) {
      for (const endpoint of route.endpoints) endpoint.pool = null;
    }
    this.providers.close();
    await this.leavingLogs;
    await engine.accessLog?.close();
    engine.accessLog = null;
    if (this.timer !== null) clearInterval(this.timer);
    this.timer = null;
    return drained;
  }

  /** Takes connections over from the TCP plane; it closes them while the proxy does not run. */
  get bridge(): INetworkProxyBridge {
    return {
      handOver: (connection) => {
        if (this.running && this.current !== null) {
          this.entrypoints.handOver(connection, this.current);
          return;
        }
        connection.wire.reset();
        connection.onClosed();
      },
      retire: (entryId, drainTimeoutMs) => this.entrypoints.retireHanded(entryId, drainTimeoutMs),
    };
  }

  /** Parts of the router that answer requests of the entrypoints, asked in this order before the routes. */
  get services(): readonly IWebService[] {
    return this.engine.settings.services ?? [];
  }

  set services(services: readonly IWebService[]) {
    this.engine.settings = withServices(this.engine.settings, services);
    this.onServices?.();
  }

  /** Where the entrypoints listen. */
  addresses(): Record<string, { address: string; port: number }> {
    return this.entrypoints.addresses();
  }

  /** Connections of clients, now and since the start. */
  connectionStats(): IConnectionCounts & { tunnels: number } {
    const own = { ...this.entrypoints.counts(), tunnels: this.engine.tunnels };
    return this.elsewhere === null ? own : { ...this.elsewhere.connections };
  }

  /** The connections of clients that this process serves; those in a TLS handshake are none yet. */
  *connections(): Generator<ILiveConnection> {
    for (const connection of this.entrypoints.connections()) {
      yield new LiveWebConnection(connection);
    }
  }

  /** Connections to an endpoint that wait for a request. */
  idleConnections(endpoint: Endpoint): number {
    const { pool } = endpoint;
    if (this.elsewhere !== null) return this.elsewhere.idleConnections(endpoint);
    return pool instanceof UpstreamPool ? pool.idleCount : 0;
  }

  /** Lines of the access log that were written and dropped. */
  accessLogStats(): { written: number; dropped: number } {
    if (this.elsewhere !== null) return { ...this.elsewhere.accessLog };
    const { accessLog } = this.engine;
    return { written: accessLog?.written ?? 0, dropped: accessLog?.dropped ?? 0 };
  }

  /** Opens the access log's file anew, after rotation. */
  async reopenLogs(): Promise<void> {
    await this.engine.accessLog?.reopen();
  }

  /** The routes of the options, at the first start. @throws DcError; none was added then. */
  private addOwnRoutes(providers: AuthProviders): void {
    if (this.hasOwnRoutes) return;
    const { router } = this;
    const prepared = (this.web.routes ?? []).map((input) => {
      const config = router.parseNew(input);
      return router.prepareRoute(config, providers);
    });
    for (const route of prepared) router.setRoute(route);
    this.hasOwnRoutes = true;
  }

  private prepareAccessLog(options: IAccessLogOptions | undefined): AccessLog | null {
    if (options?.enabled !== true) return null;
    const { accessLog } = this.engine;
    const isSame = isDeepStrictEqual(this.current?.accessLog, options);
    if (accessLog !== null && isSame) return accessLog;
    return new AccessLog({ options, logger: this.logger });
  }

  /** A certificate came or went: it may be the one for clients that name no host. */
  private refreshDefaults(): void {
    if (this.showsDefaults) return;
    this.showsDefaults = true;
    // Many may come at once: one look is enough for them all.
    queueMicrotask(() => {
      this.showsDefaults = false;
      this.entrypoints.showDefaults();
      this.contexts.changed();
    });
  }

  /** Follows the other certificates for as long as the proxy runs. */
  private followCertificates(): (() => void)[] {
    const names = ['certificate.added', 'certificate.removed'] as const;
    return names.map((name) => this.events.on(name, () => this.refreshDefaults()));
  }

  /** Looks after deadlines for as long as there is a connection. */
  private watch(): void {
    this.timer ??= setInterval(() => this.sweep(), sweepMs).unref();
  }

  private sweep(): void {
    const { engine } = this;
    const now = performance.now();
    engine.now = now;
    const open = engine.pools.openCount + this.entrypoints.check(now);
    if (now - this.expiredAt > 1000) {
      this.expiredAt = now;
      engine.pools.expire(now);
    }
    if (open > 0 || this.timer === null) return;
    clearInterval(this.timer);
    this.timer = null;
  }
}

/** `port` and `sslPort` are short for two entrypoints. */
function webOf(options: IProxyManagerOptions): IWebOptions {
  const { port, sslPort, hooks: _hooks, drainTimeoutMs: _drain, ...web } = options;
  const short = {
    ...(port === undefined ? {} : { http: { port } }),
    ...(sslPort === undefined ? {} : { https: { port: sslPort, tls: true } }),
  };
  if (Object.keys(short).length === 0) return web;
  return { ...web, entrypoints: { ...short, ...web.entrypoints } };
}

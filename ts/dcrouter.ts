import { setImmediate } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import type {
  IDcRouterOptions,
  ILogOptions,
  IWebOptions,
  RouteConfig,
} from '../ts_interfaces/index.ts';
import {
  ControlPlane,
  type IConfigChange,
  type IProcessControl,
  type IReloadResult,
} from './api/index.ts';
import { type ILeftOut, logProblems, routesToBlock } from './api/left-out.ts';
import { ManagementPort } from './api/management-port.ts';
import { SerialQueue } from './api/serial-queue.ts';
import { StatsSource } from './api/stats-source.ts';
import { CertificateStore } from './certificates/index.ts';
import { ConfigFile, type IReadConfig } from './config/config-file.ts';
import { defaultDomainsOf } from './config/default-domains.ts';
import { daemonDefaults } from './config/defaults.ts';
import { joinProblems, placeProblems } from './config/item-problems.ts';
import { parseOptions } from './config/parse-options.ts';
import { reuseItems } from './config/reuse.ts';
import { DcError, type IProblem } from './core/errors.ts';
import { EventBus } from './core/event-bus.ts';
import { createLogger, type IOwnedLogger, silentLogger } from './core/logger.ts';
import { LoggerSwitch } from './core/logger-switch.ts';
import { version } from './core/version.ts';
import { ProxyManager } from './proxy/proxy-manager.ts';
import { MemoryStore } from './storage/memory-store.ts';
import { SqliteStore } from './storage/sqlite-store.ts';
import type { Store } from './storage/store.ts';

export { mergeOptions } from './config/merge.ts';

const drainTimeoutMsDefault = 10_000;

/** What a DcRouter knows of the process that runs it. */
export interface IDcRouterContext {
  /** File that `reload()` reads again; the options are what it said. */
  configFile?: string;
  /** Options in place of what the file lacks. @default none */
  defaults?: IDcRouterOptions;
  /** Options that win over the file's, e.g. from the command line. @default none */
  overrides?: IDcRouterOptions;
  /** What was wrong with the file's items that were left out. @default none */
  problems?: readonly IProblem[];
  /** Routes of the file that were left out, as they were given; their requests get 503. @default none */
  leftOutRoutes?: readonly unknown[];
}

/** A configuration that is to be put in force. */
interface ICandidate extends Omit<IReadConfig, 'file'> {
  /** null: it was given by code. */
  file: IReadConfig['file'] | null;
  /** Any problem refuses the whole; else the first start goes on without items that have one. */
  strict: boolean;
}

/** Takes back one step of a preparation. */
type TUndo = () => unknown;

/**
 * The router: web proxy, certificates, store and management API as one.
 *
 * It starts and stops all of it; `apply` changes the configuration while it
 * runs. Everything but `options.hooks` is JSON data. A stopped one can be
 * started again, with the configuration that it had.
 *
 * @example
 * const router = new DcRouter({
 *   web: { routes: [{ id: 'a', vHost: 'a.example.com', backends: [{ hostname: '127.0.0.1', port: 3000 }] }] },
 * });
 * await router.start();
 */
export class DcRouter {
  /** What happens, as it happens. */
  readonly events: EventBus;
  /** The web plane. */
  readonly proxy: ProxyManager;
  /** Changes that are stored and live, as the management API makes them. */
  readonly control: ControlPlane;
  private readonly logger = new LoggerSwitch();
  private readonly certificates: CertificateStore;
  private readonly store: Store;
  private readonly file: ConfigFile | null;
  private readonly api: ManagementPort;
  private options: IDcRouterOptions;
  private leftOut: ILeftOut;
  private log: IOwnedLogger | null = null;
  /** Logs that were replaced and still write what they have. */
  private leavingLogs: Promise<void> = Promise.resolve();
  private startedAt = Date.now();
  private state: 'new' | 'starting' | 'running' | 'stopping' | 'stopped' = 'new';
  private starting: Promise<void> | null = null;
  private stopping: Promise<boolean> | null = null;
  private readonly reloads = new SerialQueue();

  /**
   * Checks the options; nothing is opened before `start()`.
   *
   * @throws DcError `CONFIG_INVALID` with every problem.
   */
  constructor(options: IDcRouterOptions = {}, context: IDcRouterContext = {}) {
    // The store, which may have more certificates, is not open yet.
    this.options = checked(options, defaultDomainsOf(options.web));
    this.leftOut = { problems: context.problems ?? [], unread: context.leftOutRoutes ?? [] };
    this.events = new EventBus(this.logger);
    const { events: bus, logger } = this;
    this.certificates = new CertificateStore(bus, undefined, logger);
    const { certificates } = this;
    const { hooks, dataDir } = this.options;
    const { configFile, defaults = {}, overrides = {} } = context;
    this.file =
      configFile === undefined ? null : new ConfigFile(configFile, { defaults, overrides }, logger);
    this.proxy = new ProxyManager({ hooks }, { bus, logger, certificates });
    this.store = dataDir === undefined ? new MemoryStore() : new SqliteStore(dataDir);
    const { proxy, store } = this;
    this.control = new ControlPlane({
      router: proxy.router,
      certificates,
      health: {
        markDead: (routeId, backendId) => this.mark(routeId, backendId, true),
        markAlive: (routeId, backendId) => this.mark(routeId, backendId, false),
      },
      stats: new StatsSource(proxy),
      store,
      logger,
      process: this.processControl(),
    });
    this.api = new ManagementPort({ control: this.control, dataDir, logger });
  }

  /**
   * Opens the store, the entrypoints and the management port.
   *
   * @throws DcError `STORE_LOCKED`, `STORE_CORRUPT`, `STORE_NEWER`, `LISTEN_FAILED`, `LOG_FAILED`,
   * `CONFIG_INVALID` and others; everything is closed then.
   */
  async start(): Promise<void> {
    if (this.state !== 'new' && this.state !== 'stopped') {
      const doing = this.state === 'stopping' ? 'is stopping' : 'runs already';
      throw new DcError('ALREADY_RUNNING', `The router ${doing}`);
    }
    this.state = 'starting';
    this.starting = this.open();
    await this.starting;
  }

  /**
   * Takes no new connections, lets open requests finish within
   * `drainTimeoutMs`, then closes everything. Harmless when it does not run.
   *
   * @returns true when every request finished in time.
   */
  stop(): Promise<boolean> {
    this.stopping ??= this.shutDown().finally(() => {
      this.stopping = null;
    });
    return this.stopping;
  }

  /**
   * Changes the configuration, all or nothing; what did not change is not touched.
   *
   * What the API changed stays on top of it, and the hooks stay unless there are new ones.
   * `dataDir` stays as long as this object lives.
   *
   * @throws DcError `CONFIG_INVALID` with every problem, `LISTEN_FAILED`, `LOG_FAILED`, `NOT_RUNNING`;
   * nothing has changed then.
   */
  apply(options: IDcRouterOptions): Promise<IReloadResult> {
    return this.orRefused(async () => {
      const hooks = options.hooks ?? this.options.hooks;
      const domains = await this.overlayDomains(options.web);
      const candidate = checked({ ...options, hooks }, domains);
      return this.control.exclusive(() =>
        this.takeIn({ options: candidate, file: null, strict: true }),
      );
    });
  }

  /**
   * Reads the configuration file again and applies it, all or nothing.
   *
   * @throws DcError `CONFIG_UNREADABLE`, or as `apply`; `NOT_RUNNING` without a file. Nothing has
   * changed then.
   */
  reload(): Promise<IReloadResult> {
    return this.orRefused(() =>
      this.reloads.run(async () => {
        // First, so that a change while it is read is seen as one.
        const hash = await this.file?.hash();
        const read = await this.readFile();
        const result = await this.control.exclusive(() => this.takeIn({ ...read, strict: true }));
        this.file?.remember(hash ?? null);
        return result;
      }),
    );
  }

  /** Opens the log files anew, after rotation; no line is lost. */
  async reopenLogs(): Promise<void> {
    await Promise.all([this.log?.reopen(), this.proxy.reopenLogs()]);
  }

  /** Where it listens: the web entrypoints by name, and `api`. */
  addresses(): Record<string, { address: string; port: number }> {
    const addresses = this.proxy.addresses();
    const api = this.api.address;
    return api === undefined ? addresses : { ...addresses, api };
  }

  private async open(): Promise<void> {
    try {
      this.startedAt = Date.now();
      this.useLog(openLog(this.options.log));
      await this.store.open();
      await this.control.load();
      this.file?.remember(await this.file.hash());
      await this.proxy.start();
      const candidate = { options: this.options, file: null, strict: false };
      await this.control.exclusive(() => this.takeIn(candidate));
      const api = await this.api.prepare(this.options.api);
      if (api !== undefined) this.api.apply(api);
    } catch (error) {
      this.logger.error('process.failed', 'DcRouter cannot start', { error });
      await this.close(0);
      this.state = 'stopped';
      throw error;
    }
    this.state = 'running';
    const entrypoints = Object.fromEntries(
      Object.entries(this.proxy.addresses()).map(([name, { port }]) => [name, port]),
    );
    this.logger.info('process.started', 'DcRouter serves', { version, entrypoints });
    this.events.emit('router.started', { entrypoints });
  }

  private async shutDown(): Promise<boolean> {
    // Whoever started it hears of a failure.
    if (this.state === 'starting') await Promise.allSettled([this.starting]);
    if (this.state !== 'running') return true;
    this.state = 'stopping';
    this.logger.info('process.stopping', 'DcRouter stops');
    let drained = false;
    try {
      drained = await this.close(this.options.drainTimeoutMs ?? drainTimeoutMsDefault);
    } finally {
      this.state = 'stopped';
    }
    this.events.emit('router.stopped', { drained });
    return drained;
  }

  private async close(drainTimeoutMs: number): Promise<boolean> {
    // What is being applied would open ports behind our back.
    await this.control.settled();
    const drained = await this.proxy.stop(drainTimeoutMs);
    await this.api.close();
    await this.control.settled();
    await this.store.close();
    this.logger.info('process.stopped', 'DcRouter has stopped', { drained });
    this.useLog(null);
    await this.leavingLogs;
    return drained;
  }

  /** Tells of a configuration that is refused, in log and event; the caller hears of it as well. */
  private async orRefused<T>(task: () => Promise<T>): Promise<T> {
    try {
      this.checkRunning();
      return await task();
    } catch (error) {
      const problems = error instanceof DcError ? error.problems : [];
      const message = 'The configuration was refused; the one before stays in force';
      this.logger.error('config.refused', message, { error });
      this.events.emit('config.refused', { problems: problems.length });
      throw error;
    }
  }

  private checkRunning(): void {
    const isUp = this.state === 'running' || this.state === 'starting';
    if (!isUp) throw new DcError('NOT_RUNNING', 'The router does not run');
  }

  /** Prepares the plan of every part; then all change at once. Runs inside of `exclusive`. */
  private async takeIn(candidate: ICandidate): Promise<IReloadResult> {
    this.checkRunning();
    const { strict, file } = candidate;
    const { options, changes } = strict
      ? reuseItems(this.options, candidate.options)
      : { options: candidate.options, changes: [] };
    // With very many routes each step takes a while: traffic goes on between them.
    await setImmediate();
    const base = baseOf(options);
    const undo: TUndo[] = [];
    try {
      const log = this.prepareLog(options.log, undo);
      const web = await this.proxy.prepare(withEntrypoints(options.web), options.hooks ?? null);
      undo.push(() => this.proxy.discard(web));
      // At the start it opens last, when there is something to manage.
      const api = strict ? await this.api.prepare(options.api) : undefined;
      if (api !== undefined) undo.push(() => this.api.discard(api));
      const rebase = this.control.rebase(base, {
        prepareRoute: (config) => this.proxy.router.prepareRoute(config, web.providers),
        everyRoute: web.providersChanged,
      });
      const problems = placeProblems(rebase.problems, base, file);
      if (strict) refuse(problems);
      this.checkRunning();
      this.proxy.drainTimeoutMs = options.drainTimeoutMs ?? drainTimeoutMsDefault;
      this.proxy.apply(web);
      rebase.swap();
      if (log !== undefined) this.useLog(log);
      if (api !== undefined) this.api.apply(api);
      this.leftOut = strict
        ? { problems: [], unread: [] }
        : { ...this.leftOut, problems: joinProblems(this.leftOut.problems, problems) };
    } catch (error) {
      for (const step of undo.reverse()) await step();
      throw error;
    }
    const { router } = this.proxy;
    router.block(routesToBlock(this.leftOut, base.routes, router));
    // What the process holds stays what it is.
    this.options = strict ? { ...options, dataDir: this.options.dataDir } : options;
    this.tell(changes);
    return { changes };
  }

  /** Logs what a new configuration means. */
  private tell(changes: readonly IConfigChange[]): void {
    const { logger } = this;
    const count = changes.length;
    const late = changes.filter(({ effect }) => effect === 'restart').map((change) => change.path);
    logger.info('config.applied', 'The configuration is in force', { changes: count });
    if (late.length > 0) {
      logger.warn('config.warning', `Takes effect at the next start: ${late.join(', ')}`);
    }
    logProblems(this.currentProblems(), logger);
    this.events.emit('config.applied', { changes: count });
  }

  /** undefined: the log stays. @throws DcError `LOG_FAILED` */
  private prepareLog(
    options: ILogOptions | undefined,
    undo: TUndo[],
  ): IOwnedLogger | null | undefined {
    if (isDeepStrictEqual(options, this.options.log)) return undefined;
    const log = openLog(options);
    undo.push(() => log?.close());
    return log;
  }

  private useLog(log: IOwnedLogger | null): void {
    const before = this.log;
    this.leavingLogs = this.leavingLogs.then(() => before?.close());
    this.log = log;
    this.logger.target = log ?? silentLogger;
  }

  private mark(routeId: string, backendId: string, dead: boolean): void {
    const { router, health } = this.proxy;
    const route = router.route(routeId);
    const endpoint = route?.endpoints.find(({ id }) => id === backendId);
    if (route === undefined || endpoint === undefined) return;
    if (dead) health.markDead(route, endpoint);
    else health.markAlive(route, endpoint);
  }

  private processControl(): IProcessControl {
    const startedAt = () => this.startedAt;
    return {
      version,
      get startedAt() {
        return startedAt();
      },
      configFile: this.file?.path ?? null,
      ready: () => this.state === 'running',
      entrypoints: () => this.entrypoints(),
      problems: () => this.currentProblems(),
      options: () => this.options,
      fileChanged: async () => this.file?.changed() ?? null,
      pendingChanges: () => this.pendingChanges(),
      reload: () => this.reload(),
    };
  }

  private entrypoints(): ReturnType<IProcessControl['entrypoints']> {
    const { entrypoints = {} } = withEntrypoints(this.options.web);
    const addresses = Object.entries(this.proxy.addresses());
    return Object.fromEntries(
      addresses.map(([name, where]) => [name, { ...where, tls: Boolean(entrypoints[name]?.tls) }]),
    );
  }

  /** What was left out at the start, and default certificates that are missing now. */
  private currentProblems(): IProblem[] {
    const { problems } = this.leftOut;
    const isOfDefault = /^web\.entrypoints\..*\.defaultCertificate$/;
    const missing = this.missingDefaults().map((problem) => {
      return problems.find((known) => known.path === problem.path) ?? problem;
    });
    return [...problems.filter((problem) => !isOfDefault.test(problem.path)), ...missing];
  }

  private missingDefaults(): IProblem[] {
    const { entrypoints = {} } = withEntrypoints(this.options.web);
    return Object.entries(entrypoints).flatMap(([name, { tls }]) => {
      const domain = typeof tls === 'object' ? tls.defaultCertificate : undefined;
      if (domain === undefined) return [];
      const found = this.certificates.find(domain) ?? this.proxy.router.find(domain);
      if (found !== undefined) return [];
      const message =
        'There is no certificate for this domain: clients that name no host are refused';
      const path = `web.entrypoints.${name}.tls.defaultCertificate`;
      return [{ path, message, value: domain }];
    });
  }

  /** Those of the default certificates that the API brought, which stay whatever the file says. */
  private async overlayDomains(web: unknown): Promise<string[]> {
    const { certificates, routes } = this.control;
    const domains: string[] = [];
    for (const domain of defaultDomainsOf(web)) {
      const isServed = this.certificates.find(domain) !== undefined;
      const { items } = await routes.list({ vHost: domain });
      const isOverlay =
        (isServed && certificates.get(domain).origin !== 'file') ||
        items.some(({ ssl, origin }) => ssl !== undefined && origin !== 'file');
      if (isOverlay) domains.push(domain);
    }
    return domains;
  }

  private async readFile(): Promise<IReadConfig> {
    if (this.file === null) {
      throw new DcError('NOT_RUNNING', 'There is no configuration file to read again');
    }
    const { hooks } = this.options;
    const { options, file } = await this.file.read({
      authProviders: Object.keys(hooks?.authProviders ?? {}),
      certificatesOf: (web) => this.overlayDomains(web),
    });
    return { options: { ...options, hooks }, file };
  }

  private async pendingChanges(): Promise<IConfigChange[]> {
    if (this.file === null) return [];
    const { options, file } = await this.readFile();
    const base = baseOf(options);
    const providers = this.proxy.compileProviders(options.web ?? {}, options.hooks ?? null);
    const { problems } = await this.control.exclusive(() =>
      this.control.rebase(base, {
        prepareRoute: (config) => this.proxy.router.prepareRoute(config, providers),
      }),
    );
    refuse(placeProblems(problems, base, file));
    return reuseItems(this.options, options).changes;
  }
}

function baseOf({ web, certificates = [] }: IDcRouterOptions) {
  // Parsed ones, so they have all that a route has.
  return { routes: (web?.routes ?? []) as RouteConfig[], certificates };
}

/** @throws DcError `CONFIG_INVALID` when there are any. */
function refuse(problems: readonly IProblem[]): void {
  if (problems.length === 0) return;
  const count = problems.length === 1 ? 'it has a problem' : `it has ${problems.length} problems`;
  throw new DcError('CONFIG_INVALID', `Cannot use the configuration: ${count}`, { problems });
}

/** @param certificates domains whose certificates come from elsewhere. */
function checked(options: IDcRouterOptions, certificates: readonly string[]): IDcRouterOptions {
  const { hooks, ...data } = options;
  const authProviders = Object.keys(hooks?.authProviders ?? {});
  return { ...parseOptions(data, { authProviders, certificates }).options, hooks };
}

function openLog(options: ILogOptions | undefined): IOwnedLogger | null {
  return options === undefined ? null : createLogger(options);
}

/** The web plane listens on the default ports where the options name none, and nowhere without it. */
function withEntrypoints(web: IWebOptions | undefined): IWebOptions {
  if (web === undefined) return {};
  return web.entrypoints === undefined
    ? { ...web, entrypoints: daemonDefaults.web?.entrypoints }
    : web;
}

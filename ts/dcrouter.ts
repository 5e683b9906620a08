import { setImmediate } from 'node:timers/promises';
import type { IDcRouterOptions } from '../ts_interfaces/index.ts';
import { baseOf, folderOf, logApplied } from './api/base.ts';
import { HandOverSide } from './api/hand-over-side.ts';
import {
  ControlPlane,
  type IConfigChange,
  type IProcessControl,
  type IReloadResult,
} from './api/index.ts';
import { currentProblems, type ILeftOut, logProblems, routesToBlock } from './api/left-out.ts';
import { ManagementPort } from './api/management-port.ts';
import { overlayNames } from './api/overlay-names.ts';
import { foreignPorts } from './api/port-clash.ts';
import type { ICandidate, IDcRouterContext } from './api/router-context.ts';
import { StatsSource } from './api/stats-source.ts';
import { CertificateStore } from './certificates/index.ts';
import { ConfigFile, type IReadConfig } from './config/config-file.ts';
import { defaultDomainsOf } from './config/default-domains.ts';
import { withEntrypoints } from './config/defaults.ts';
import { parseWithHooks } from './config/hooks.ts';
import { joinProblems, placeProblems, refuseProblems } from './config/item-problems.ts';
import { reuseItems } from './config/reuse.ts';
import { DcError, type IProblem } from './core/errors.ts';
import { EventBus } from './core/event-bus.ts';
import { LoggerSwitch } from './core/logger-switch.ts';
import { SerialQueue } from './core/serial-queue.ts';
import { version } from './core/version.ts';
import { DnsService } from './dns/dns-service.ts';
import type { ITcpHandle } from './net/handles.ts';
import { DataPlane } from './proxy/data-plane.ts';
import type { ProxyManager } from './proxy/proxy-manager.ts';
import type { IPreparedTcp, SmartProxy } from './proxy/tcp/index.ts';
import { MemoryStore } from './storage/memory-store.ts';
import { SqliteStore } from './storage/sqlite-store.ts';
import type { Store } from './storage/store.ts';

export type { IDcRouterContext } from './api/router-context.ts';
export { mergeOptions } from './config/merge.ts';

const drainTimeoutMsDefault = 10_000;

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
  /** The TCP and UDP plane. */
  readonly smartProxy: SmartProxy;
  /** Zones, their records and keys, and the resolver. */
  readonly dns: DnsService;
  /** Changes that are stored and live, as the management API makes them. */
  readonly control: ControlPlane;
  private readonly logger = new LoggerSwitch();
  private readonly planes: DataPlane;
  private readonly context: IDcRouterContext;
  private readonly certificates: CertificateStore;
  private readonly store: Store;
  private readonly file: ConfigFile | null;
  private readonly api: ManagementPort;
  private options: IDcRouterOptions;
  private leftOut: ILeftOut;
  private startedAt = Date.now();
  private state: 'new' | 'starting' | 'running' | 'stopping' | 'stopped' = 'new';
  private starting: Promise<void> | null = null;
  private stopping: Promise<boolean> | null = null;
  private readonly reloads = new SerialQueue();
  /** Store and management port were given up for another process. */
  private isReleased = false;

  /**
   * Checks the options; nothing is opened before `start()`.
   *
   * @throws DcError `CONFIG_INVALID` with every problem.
   */
  constructor(options: IDcRouterOptions = {}, context: IDcRouterContext = {}) {
    // The store, which may have more certificates, is not open yet.
    const certificates = defaultDomainsOf(options.web, options.tcp, options.dns);
    this.options = parseWithHooks(options, { certificates, accessLists: 'any', limits: 'any' });
    this.leftOut = { problems: context.problems ?? [], unread: context.leftOutRoutes ?? [] };
    this.events = new EventBus(this.logger);
    const { events: bus, logger } = this;
    this.certificates = new CertificateStore(bus, undefined, logger);
    const served = this.certificates;
    const { hooks, dataDir, workers = 0 } = this.options;
    const { configFile, defaults = {}, overrides = {} } = context;
    this.context = context;
    this.file =
      configFile === undefined ? null : new ConfigFile(configFile, { defaults, overrides }, logger);
    this.planes = new DataPlane({ bus, logger, hooks, certificates: served, workers });
    const { planes } = this;
    this.proxy = planes.web;
    this.smartProxy = planes.tcp;
    this.store = dataDir === undefined ? new MemoryStore() : new SqliteStore(dataDir);
    this.dns = new DnsService({
      ...{ store: this.store, bus, logger, dataDir, workers },
      tls: { contexts: planes.web.contexts },
      lists: planes.lists,
      health: planes.healthSource,
      guard: planes.guard,
      baseFolder: () => folderOf(this.file?.path),
    });
    planes.useResolver(this.dns.resolver);
    const { proxy, smartProxy, store, dns } = this;
    this.control = new ControlPlane({
      router: proxy.router,
      certificates: served,
      health: {
        markDead: (group, backend) => planes.mark(group, backend, true),
        markAlive: (group, backend) => planes.mark(group, backend, false),
      },
      tcp: {
        prepare: (changes) => planes.tcpTarget.prepare(changes),
        apply: (prepared: IPreparedTcp) => planes.tcpTarget.apply(prepared),
        discard: (prepared: IPreparedTcp) => planes.tcpTarget.discard(prepared),
        info: (id) => planes.tcpInfo(id),
      },
      zones: dns,
      dns,
      access: planes.lists,
      limits: planes.limits,
      connections: {
        list: () => planes.connections(),
        close: (id) => planes.closeConnection(id),
      },
      live: async () => {
        await Promise.all([planes.live(), dns.live()]);
      },
      stats: new StatsSource(proxy, {
        tcp: () => smartProxy.stats(),
        dns: () => dns.stats(),
        collect: async () => planes.workers?.drainStats(),
      }),
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
      const names = await overlayNames(this.control, options);
      const candidate = parseWithHooks({ ...options, hooks }, names);
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

  /**
   * Brings a port of the process that this one takes over from, before `start()`.
   *
   * @param key as `HandOverSide.heldPorts` says.
   */
  takeOver(key: string, handle: ITcpHandle): void {
    if (!this.dns.takeOver(key, handle)) this.planes.takeOver(key, handle);
  }

  /** Another process has our ports still, so that they need not be free. Before `start()`. */
  beginTakeOver(): void {
    this.planes.takesOver = true;
  }

  /** Opens the log files anew, after rotation; no line is lost. */
  async reopenLogs(): Promise<void> {
    const { logger, proxy, planes } = this;
    await Promise.all([logger.reopen(), proxy.reopenLogs(), planes.workers?.reopenLogs()]);
  }

  /**
   * Where it listens: web entrypoints by name, TCP entries as `tcp:<id>` (the first port), DNS listeners as
   * `dns:<name>`, and `api`.
   */
  addresses(): Record<string, { address: string; port: number }> {
    const addresses = this.proxy.addresses();
    for (const [id, [first]] of Object.entries(this.smartProxy.addresses())) {
      if (first !== undefined) addresses[`tcp:${id}`] = first;
    }
    for (const [name, where] of Object.entries(this.dns.addresses()))
      addresses[`dns:${name}`] = where;
    const api = this.api.address;
    return api === undefined ? addresses : { ...addresses, api };
  }

  private async open(): Promise<void> {
    try {
      this.startedAt = Date.now();
      const log = this.logger.prepare(this.options.log);
      if (log !== undefined) this.logger.use(log);
      await this.store.open();
      await this.control.load();
      await this.dns.load();
      this.file?.remember(await this.file.hash());
      await this.planes.start();
      const candidate = { options: this.options, file: null, strict: false };
      await this.control.exclusive(() => this.takeIn(candidate));
      await this.planes.workers?.start();
      this.planes.endTakeOver();
      this.dns.endTakeOver();
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
    const [drained] = await Promise.all([
      this.planes.stop(drainTimeoutMs),
      this.dns.stop(drainTimeoutMs),
    ]);
    await this.api.close();
    await this.control.settled();
    await this.store.close();
    this.logger.info('process.stopped', 'DcRouter has stopped', { drained });
    await this.logger.close();
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
    if (this.isReleased) throw new DcError('NOT_RUNNING', 'Another process is taking over');
  }

  /** Prepares the plan of every part; then all change at once. Runs inside of `exclusive`. */
  private async takeIn(candidate: ICandidate): Promise<IReloadResult> {
    this.checkRunning();
    const { strict, file } = candidate;
    const { options, changes } = strict
      ? reuseItems(this.options, candidate.options)
      : { options: candidate.options, changes: [] };
    const { hooks = null } = options;
    // With very many routes each step takes a while: traffic goes on between them.
    await setImmediate();
    const undo: TUndo[] = [];
    const base = await baseOf(options, this.file?.path);
    try {
      const log = this.logger.prepare(options.log);
      undo.push(() => log?.log?.close());
      const web = await this.proxy.prepare(withEntrypoints(options.web), hooks);
      undo.push(() => this.proxy.discard(web));
      const dns = await this.dns.prepareOptions(options.dns, { isTakeOver: this.planes.takesOver });
      undo.push(() => this.dns.discardOptions(dns));
      // At the start it opens last, when there is something to manage.
      const api = strict ? await this.api.prepare(options.api) : undefined;
      if (api !== undefined) undo.push(() => this.api.discard(api));
      const rebase = this.control.rebase(base, {
        prepareRoute: (config) => this.proxy.router.prepareRoute(config, web.providers),
        everyRoute: web.providersChanged,
        ports: foreignPorts(options),
        tcp: this.smartProxy,
        // What was stopped has none.
        everyEntry: !strict,
        // The file of a zone may be another one than before.
        everyZone: true,
      });
      await rebase.prepare(strict || this.context.strict ? 'strict' : 'start');
      undo.push(() => rebase.discard());
      const problems = placeProblems(rebase.problems, base, file);
      if (strict || this.context.strict) refuseProblems(problems);
      const { workers } = this.planes;
      const authProviders = Object.keys(hooks?.authProviders ?? {});
      const preparedTcp = rebase.preparedTcp as IPreparedTcp | undefined;
      await workers?.prepare({ web, authProviders, tcp: preparedTcp });
      undo.push(() => workers?.discard());
      if (!strict) this.context.onLoaded?.();
      this.checkRunning();
      this.planes.drainTimeoutMs = options.drainTimeoutMs ?? drainTimeoutMsDefault;
      this.proxy.apply(web);
      rebase.swap();
      this.dns.applyOptions(dns);
      this.proxy.services = this.dns.webServices;
      workers?.apply();
      if (log !== undefined) this.logger.use(log);
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
    await Promise.all([this.planes.live(), this.dns.live()]);
    return { changes };
  }

  private tell(changes: readonly IConfigChange[]): void {
    logApplied(changes, this.logger);
    logProblems(this.currentProblems(), this.logger);
    this.events.emit('config.applied', { changes: changes.length });
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
      workers: () => this.planes.workers?.workers() ?? [],
      ...(this.context.handOver && { reloadBinary: () => this.handOver() }),
    };
  }

  /** Lets a new process take over. @throws DcError `NOT_RUNNING` */
  private async handOver(): Promise<{ pid: number }> {
    const { handOver } = this.context;
    this.checkRunning();
    if (handOver === undefined || this.options.dataDir === undefined) {
      throw new DcError('NOT_RUNNING', 'Only a daemon with a data folder can hand over');
    }
    const { control, api, dns, store, logger, planes } = this;
    return handOver(
      new HandOverSide({
        ...{ control, api, dns, store, logger },
        options: () => this.options.api,
        heldPorts: () => [...planes.heldPorts(), ...dns.heldPorts()],
        onReleased: (isReleased) => {
          this.isReleased = isReleased;
        },
      }),
    );
  }

  private entrypoints(): ReturnType<IProcessControl['entrypoints']> {
    const { entrypoints = {} } = withEntrypoints(this.options.web);
    const addresses = Object.entries(this.proxy.addresses());
    return Object.fromEntries(
      addresses.map(([name, where]) => [name, { ...where, tls: Boolean(entrypoints[name]?.tls) }]),
    );
  }

  private currentProblems(): IProblem[] {
    const find = (domain: string) =>
      this.certificates.find(domain) ?? this.proxy.router.find(domain);
    return currentProblems(this.leftOut, withEntrypoints(this.options.web), find);
  }

  private async readFile(): Promise<IReadConfig> {
    if (this.file === null) {
      throw new DcError('NOT_RUNNING', 'There is no configuration file to read again');
    }
    const { hooks } = this.options;
    const { options, file } = await this.file.read({
      authProviders: Object.keys(hooks?.authProviders ?? {}),
      namesOf: (options) => overlayNames(this.control, options),
    });
    return { options: { ...options, hooks }, file };
  }

  private async pendingChanges(): Promise<IConfigChange[]> {
    if (this.file === null) return [];
    const { options, file } = await this.readFile();
    const base = await baseOf(options, this.file?.path);
    const providers = this.proxy.compileProviders(options.web ?? {}, options.hooks ?? null);
    const { problems } = await this.control.exclusive(() =>
      this.control.rebase(base, {
        prepareRoute: (config) => this.proxy.router.prepareRoute(config, providers),
      }),
    );
    refuseProblems(placeProblems(problems, base, file));
    return reuseItems(this.options, options).changes;
  }
}

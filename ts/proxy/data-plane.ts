import { availableParallelism } from 'node:os';
import type { IConnectionInfo, IHooks, ITcpLive } from '../../ts_interfaces/index.ts';
import { type IClock, systemClock } from '../core/clock.ts';
import type { EventBus } from '../core/event-bus.ts';
import type { ILogger } from '../core/logger.ts';
import { AddressLists } from '../net/address-list.ts';
import type { DescriptorGuard } from '../net/descriptors.ts';
import type { ITcpHandle } from '../net/handles.ts';
import { LocalLimiters } from '../net/limiters.ts';
import { type IHeldPort, PortTable } from '../net/port-table.ts';
import {
  addressOfKey,
  HandedPorts,
  type IBoundPort,
  LocalPorts,
  SharedPorts,
} from '../net/ports.ts';
import { BackendNames } from './backend-names.ts';
import type { ICertificateMaterial } from './certificate-source.ts';
import { announcingGuard } from './descriptor-guard.ts';
import { HealthSource } from './health-source.ts';
import { KernelForwarder } from './kernel/index.ts';
import type { INameResolver } from './name-source.ts';
import { NamedLimits } from './named-limits.ts';
import { ProxyManager } from './proxy-manager.ts';
import { SmartProxy } from './tcp/index.ts';
import { UdpForwarder } from './udp/index.ts';
import type { IWorkerPoolParts, PooledTcp, WorkerPool } from './workers/index.ts';
import { PortBook } from './workers/port-book.ts';

/** What a data plane is made of. */
export interface IDataPlaneParts {
  bus: EventBus;
  logger: ILogger;
  clock?: IClock;
  hooks: IHooks | undefined;
  certificates: {
    domains(): Iterable<string>;
    find(domain: string): ICertificateMaterial | undefined;
  };
  /** Worker processes; `auto`: one for each core; 0: none. */
  workers: number | 'auto';
}

/**
 * The web and TCP planes with all that they share: ports, limits, address lists, health, TLS. They
 * serve in this process, or in worker processes that follow them.
 */
export class DataPlane {
  readonly web: ProxyManager;
  readonly tcp: SmartProxy;
  readonly lists = new AddressLists();
  /** Where backends by name are, for all planes. */
  readonly names: BackendNames;
  readonly limits: NamedLimits;
  /** Who lives behind routes and entries. */
  readonly healthSource: HealthSource;
  /** Changes TCP entries, in all processes. */
  tcpTarget: SmartProxy | PooledTcp;
  /** Refuses connections while file descriptors are short. */
  readonly guard: DescriptorGuard;
  /** null: this process serves, or nothing was started yet. */
  workers: WorkerPool | null = null;
  /** Its code is loaded where there are to be workers. */
  private readonly makePool: (() => Promise<IPooled>) | null;
  /** Ports of a process that this one takes over from, until they are asked for. */
  private readonly handed: HandedPorts;
  /** Leases of them: whatever is tried at the start, they stay open. */
  private handedLeases: IBoundPort[] = [];
  /** Another process has our ports still. */
  takesOver = false;
  private readonly ports: PortTable;

  constructor({
    bus,
    logger,
    clock = systemClock,
    hooks,
    certificates,
    ...parts
  }: IDataPlaneParts) {
    const workers = parts.workers === 'auto' ? availableParallelism() : parts.workers;
    this.guard = announcingGuard(bus, logger);
    const { guard } = this;
    this.handed = new HandedPorts(new LocalPorts({ guard }), guard, { listensLate: true });
    const { handed } = this;
    const book =
      workers === 0 ? null : new PortBook(workers, new SharedPorts(() => workers, { handed }));
    this.ports = new PortTable(book ?? handed);
    const { ports, lists } = this;
    const limiters = new LocalLimiters();
    this.limits = new NamedLimits(limiters);
    const { limits } = this;
    this.names = new BackendNames({ clock, logger });
    const { names } = this;
    const shared = { bus, logger, clock, ports, limiters, lists, names };
    this.web = new ProxyManager({ hooks }, { ...shared, certificates, limits });
    const { health, contexts, ticketKeys, bridge } = this.web;
    const serves = workers === 0;
    this.tcp = new SmartProxy({
      ...shared,
      health,
      contexts,
      ticketKeys,
      bridge,
      kernel: new KernelForwarder({ logger, clock, lists }),
      udp: new UdpForwarder({
        ...{ ...shared, health, serves },
        reusePort: true,
        isAlone: () => !this.takesOver,
      }),
    });
    const { web: proxy, tcp } = this;
    this.tcpTarget = tcp;
    this.healthSource = new HealthSource({ bus, router: proxy.router, tcp });
    const pool = { proxy, tcp, workers, limiters, certificates, names, bus, logger };
    this.makePool = book === null ? null : () => poolOf({ ...pool, ports: book });
  }

  /** Asks this resolver for the names of backends from now on, in place of the machine's. */
  useResolver(resolver: INameResolver): void {
    this.names.useResolver(resolver);
  }

  /**
   * Takes a backend out of rotation by hand, or back. Unknown ids are ignored.
   *
   * @param groupId of a route, `tcp:<id>`, or `tcp:<id>/<domain config>`.
   */
  mark(groupId: string, backendId: string, dead: boolean): void {
    const { router, health } = this.web;
    const group = router.route(groupId) ?? this.tcp.healthGroup(groupId);
    const endpoint = group?.endpoints.find(({ id }) => id === backendId);
    if (group === undefined || endpoint === undefined) return;
    if (dead) health.markDead(group, endpoint);
    else health.markAlive(group, endpoint);
  }

  /** How a TCP entry is doing, over all processes; undefined: there is none. */
  async tcpInfo(id: string): Promise<ITcpLive | undefined> {
    await this.workers?.drainStats();
    return this.tcp.info(id);
  }

  /** Begins to take plans; nothing is served before one is applied. */
  async start(): Promise<void> {
    if (this.makePool !== null && this.workers === null) {
      const { pool, tcp } = await this.makePool();
      this.workers = pool;
      this.tcpTarget = tcp;
    }
    const addresses = this.handed.keys().map(addressOfKey);
    // Whoever gets a free port asks for no address that could be leased.
    const known = addresses.filter(({ port }) => port !== 0);
    this.handedLeases = await Promise.all(known.map((address) => this.ports.bind(address)));
    await this.web.start();
    await this.tcp.start();
  }

  /** Milliseconds that what leaves, and what is open when it stops, may go on. */
  set drainTimeoutMs(drainTimeoutMs: number) {
    this.web.drainTimeoutMs = drainTimeoutMs;
    this.tcp.drainTimeoutMs = drainTimeoutMs;
  }

  /** Resolves when all that has changed is in force in every process. */
  async live(): Promise<void> {
    await this.workers?.flush();
  }

  /**
   * Takes no new connections, lets what is open end, then closes all.
   *
   * @returns true when everything ended within the time.
   */
  async stop(drainTimeoutMs: number): Promise<boolean> {
    const drained = await Promise.all([
      this.workers?.stop(drainTimeoutMs) ?? true,
      this.tcp.stop(drainTimeoutMs),
      this.web.stop(drainTimeoutMs),
    ]);
    this.names.stop();
    return drained.every((inTime) => inTime);
  }

  /**
   * Brings a port of the process that this one takes over from, before `start()`.
   *
   * @param key of `heldPorts()` there.
   */
  takeOver(key: string, handle: ITcpHandle): void {
    this.takesOver = true;
    this.handed.offer(key, handle);
  }

  /** What was brought and is not used is closed. */
  endTakeOver(): void {
    this.takesOver = false;
    this.handed.discard();
    for (const lease of this.handedLeases.splice(0)) lease.close();
  }

  /** The ports that are held now, for a process that takes over. */
  heldPorts(): Iterable<IHeldPort> {
    return this.ports.held();
  }

  /** Every live connection, of all processes. */
  async connections(): Promise<IConnectionInfo[]> {
    if (this.workers !== null) return this.workers.connections();
    const now = performance.now();
    return Array.from(this.own(), (connection) => connection.describe(now));
  }

  /** Breaks a connection off by its id. False: there is none. */
  async closeConnection(id: string): Promise<boolean> {
    if (this.workers !== null) return this.workers.close(id);
    const now = performance.now();
    for (const connection of this.own()) {
      if (connection.describe(now).id !== id) continue;
      connection.close();
      return true;
    }
    return false;
  }

  private *own() {
    yield* this.web.connections();
    yield* this.tcp.connections();
  }
}

interface IPooled {
  pool: WorkerPool;
  tcp: PooledTcp;
}

async function poolOf(parts: IWorkerPoolParts & { tcp: SmartProxy }): Promise<IPooled> {
  const { PooledTcp, WorkerPool } = await import('./workers/index.ts');
  const pool = new WorkerPool(parts);
  return { pool, tcp: new PooledTcp(parts.tcp, pool) };
}

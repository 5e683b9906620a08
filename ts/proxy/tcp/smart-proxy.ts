import type {
  IPortProxySettings,
  ITcpLive,
  ITcpStats,
  TPortProxyInput,
} from '../../../ts_interfaces/index.ts';
import { DcError } from '../../core/errors.ts';
import { type IBoundPort, portKey } from '../../net/ports.ts';
import { BackendNames } from '../backend-names.ts';
import type { IHealthGroup } from '../health-monitor.ts';
import type { ILiveConnection } from '../live-connection.ts';
import { addStats } from '../tcp-stats.ts';
import type { IPreparedUdp } from '../udp/index.ts';
import { compileEntry } from './compile.ts';
import type { ITcpEngine } from './engine.ts';
import { Entry } from './entry.ts';
import { EntryShape } from './entry-shape.ts';
import { KernelEntries } from './kernel-entries.ts';
import { LeavingEntries } from './leaving-entries.ts';
import { type ISmartProxyParts, ownParts } from './parts.ts';
import { Throttle } from './throttle.ts';
import type { ITcpChanges, ITcpElsewhere } from './types.ts';

/** Milliseconds between two looks at the deadlines of all sessions. */
const sweepMs = 100;

const drainTimeoutMsDefault = 10_000;

/** An entry that is compiled and whose new ports are bound. */
interface IPreparedEntry {
  readonly settings: IPortProxySettings;
  /** null: it is served by UDP. */
  readonly shape: EntryShape | null;
  /** All of its ports, by `portKey`. */
  readonly ports: ReadonlyMap<string, IBoundPort>;
  /** Those that were bound for it. */
  readonly fresh: readonly IBoundPort[];
  /** What the UDP plane has prepared; null: it is served by TCP. */
  readonly udp: IPreparedUdp | null;
}

/** A change of entries that is compiled and bound, but not in force. */
export interface IPreparedTcp {
  readonly entries: readonly IPreparedEntry[];
  readonly removed: readonly string[];
}

/**
 * The TCP and UDP plane: ports that are forwarded.
 *
 * Entries can be added, changed and removed at any time: `prepare` compiles them and binds their new
 * ports, `apply` puts them in force; nothing else is touched. Whoever starts it stops it.
 *
 * @example
 * const proxy = new SmartProxy({ fromPort: 5432, toPort: 'db.internal:5432' });
 * await proxy.start();
 */
export class SmartProxy {
  /** Numbers of the workers; null: this process serves. */
  elsewhere: ITcpElsewhere | null = null;
  private readonly parts: ISmartProxyParts;
  private readonly engine: ITcpEngine;
  private readonly entries = new Map<string, Entry>();
  /** Ids of entries that are served by UDP. */
  private readonly udpEntries = new Map<string, IPortProxySettings>();
  private readonly leaving: LeavingEntries;
  private readonly kernel: KernelEntries;
  /** Entries by the `portKey`s of their ports. */
  private readonly owners = new Map<string, string>();
  /** Of a plane of its own: what it begins with, and what it has to begin and to end. */
  private readonly own: ReturnType<typeof ownParts> | null;
  private isRunning = false;
  private drainMs = drainTimeoutMsDefault;
  private isSweeping = false;
  private unfollow: (() => void) | null = null;

  /**
   * @param from the entries of a plane of its own, or what it works with as a part of a router:
   * then entries come by `prepare` and `apply`.
   * @throws DcError `TCP_INVALID` with every problem.
   */
  constructor(from: ISmartProxyParts | TPortProxyInput | readonly TPortProxyInput[]) {
    this.own = isParts(from) ? null : ownParts(from);
    this.parts = isParts(from) ? from : (this.own as ReturnType<typeof ownParts>).parts;
    const { health, bus, logger, clock, bridge } = this.parts;
    const { names = new BackendNames({ clock, logger }) } = this.parts;
    const engine = {
      now: clock.monotonic(),
      touch: () => {
        engine.now = clock.monotonic();
        return engine.now;
      },
      health,
      names,
      bus,
      logger,
      clock,
      bridge,
      throttle: new Throttle(clock),
      onActive: () => this.sweepSoon(),
    };
    this.engine = engine;
    this.leaving = new LeavingEntries(clock);
    this.kernel = new KernelEntries(this.parts.kernel ?? null, { logger, clock });
  }

  /** Milliseconds that sessions of ports that are gone, and of `stop()` by default, may go on. */
  get drainTimeoutMs(): number {
    return this.drainMs;
  }

  set drainTimeoutMs(ms: number) {
    this.drainMs = ms;
    if (this.parts.udp !== undefined) this.parts.udp.drainTimeoutMs = ms;
  }

  /**
   * Begins to serve: the entries that it was made with, and what is applied from now on. Harmless
   * when it runs already.
   *
   * @throws DcError `LISTEN_FAILED`; nothing is open then.
   */
  async start(): Promise<void> {
    if (this.isRunning) return;
    this.isRunning = true;
    // A stop leaves its own there.
    this.drainTimeoutMs = this.drainMs;
    this.unfollow = this.parts.contexts.follow(() => this.refreshDefaults());
    if (this.own === null) return this.kernel.start();
    this.own.start();
    try {
      this.apply(await this.prepare({ set: this.own.entries, removed: [] }));
    } catch (error) {
      await this.stop(0);
      throw error;
    }
  }

  /**
   * Compiles entries and binds their new ports; nothing has changed before `apply`. Call `discard`
   * with what is not applied.
   *
   * @param changes entries as `ts/config` has checked them, and ids of entries that go.
   * @throws DcError `LISTEN_FAILED`, `TCP_INVALID`, `TCP_EXISTS`; nothing is left open then.
   */
  async prepare({ set, removed }: ITcpChanges): Promise<IPreparedTcp> {
    const gone = new Set([...removed, ...set.map(({ id }) => id)]);
    const taken = new Map<string, string>();
    const entries: IPreparedEntry[] = [];
    try {
      for (const settings of set) {
        await this.kernel.check(settings);
        entries.push(await this.prepareEntry(settings, gone, taken));
      }
    } catch (error) {
      await this.discard({ entries, removed });
      throw error;
    }
    return { entries, removed };
  }

  /**
   * Puts prepared changes in force at once. New connections are served by them; sessions that are
   * open go on by what they began with, but for those of ports that are gone: these have
   * `drainTimeoutMs`.
   *
   * @throws DcError `NOT_RUNNING`; nothing has changed then.
   */
  apply({ entries, removed }: IPreparedTcp): void {
    if (!this.isRunning) throw new DcError('NOT_RUNNING', 'The TCP plane does not run');
    for (const id of removed) this.remove(id);
    for (const prepared of entries) this.set(prepared);
    this.kernel.apply();
  }

  /** Closes what was prepared and is not applied. */
  async discard({ entries }: Pick<IPreparedTcp, 'entries' | 'removed'>): Promise<void> {
    for (const { fresh, udp } of entries) {
      for (const bound of fresh) bound.close();
      if (udp !== null) await this.parts.udp?.discard(udp);
    }
  }

  /**
   * Takes no new connections and lets the sessions go on, then closes them.
   *
   * @returns true when all ended within `drainTimeoutMs`.
   */
  async stop(drainTimeoutMs = this.drainTimeoutMs): Promise<boolean> {
    if (!this.isRunning) return true;
    this.isRunning = false;
    this.unfollow?.();
    this.unfollow = null;
    for (const id of [...this.entries.keys()]) this.remove(id, drainTimeoutMs);
    this.udpEntries.clear();
    await this.kernel.stop();
    const [isDrained, isUdpDrained = true] = await Promise.all([
      this.leaving.empty(drainTimeoutMs),
      this.parts.udp?.stop(drainTimeoutMs),
    ]);
    this.leaving.destroy();
    this.own?.stop();
    return isDrained && isUdpDrained;
  }

  /** The certificates for clients that name no host may be others than before. */
  refreshDefaults(): void {
    for (const { shape } of this.entries.values()) {
      for (const { tlsEnd } of shape.actions()) tlsEnd?.showDefault();
    }
  }

  /** How an entry is doing; undefined: there is none with this id. */
  info(id: string): ITcpLive | undefined {
    const live = this.ownInfo(id);
    if (live === undefined) return undefined;
    return this.kernel.informed(id, this.elsewhere?.informed(id, live) ?? live);
  }

  /** Ids of all entries. */
  ids(): string[] {
    return [...this.entries.keys(), ...this.udpEntries.keys()];
  }

  /** The numbers of all entries, also of those that are gone. */
  stats(): ITcpStats {
    const sum = this.leaving.stats();
    addStats(sum, this.elsewhere?.total);
    for (const entry of this.entries.values()) addStats(sum, entry.stats());
    addStats(sum, this.parts.udp?.stats());
    addStats(sum, this.kernel.stats());
    return sum;
  }

  /** Where the entries listen, by their ids. */
  addresses(): Record<string, { address: string; port: number }[]> {
    return Object.fromEntries(this.ids().map((id) => [id, this.info(id)?.listening ?? []]));
  }

  /** Every open session; not those that the web plane serves. */
  *connections(): Generator<ILiveConnection> {
    for (const { sessions } of this.entries.values()) yield* sessions;
    yield* this.leaving.sessions();
    yield* this.parts.udp?.connections() ?? [];
  }

  private ownInfo(id: string): ITcpLive | undefined {
    return this.udpEntries.has(id) ? this.parts.udp?.info(id) : this.tcpInfo(id);
  }

  /**
   * The backends of an entry (`tcp:<id>`) or of its domain config (`tcp:<id>/<domain config>`), as the
   * health monitor knows them; undefined: there is no such group.
   */
  healthGroup(groupId: string): IHealthGroup | undefined {
    const id = groupId.replace(/^tcp:/, '');
    // Neither ids of entries nor of domain configs are without slashes for sure.
    for (let slash = id.length; slash !== -1; slash = id.lastIndexOf('/', slash - 1)) {
      const shape = this.entries.get(id.slice(0, slash))?.shape;
      const action = slash === id.length ? shape?.action : shape?.domains.get(id.slice(slash + 1));
      if (action !== undefined && action !== null) return action.group;
    }
    return this.parts.udp?.healthGroup(groupId);
  }

  private tcpInfo(id: string): ITcpLive | undefined {
    const entry = this.entries.get(id);
    if (entry === undefined) return undefined;
    const listening = entry.listening();
    const forwardedBy = listening.length === 0 ? 'none' : 'user';
    return { listening, forwardedBy, stats: entry.stats(), endpoints: entry.endpoints() };
  }

  // One entry.

  private async prepareEntry(
    settings: IPortProxySettings,
    gone: ReadonlySet<string>,
    taken: Map<string, string>,
  ): Promise<IPreparedEntry> {
    const { id, protocol } = settings;
    const ports = new Map<string, IBoundPort>();
    const fresh: IBoundPort[] = [];
    if (protocol === 'udp') {
      const { udp } = this.parts;
      if (udp === undefined) {
        throw new DcError('TCP_INVALID', `Cannot serve "${id}": there is no UDP plane`);
      }
      return { settings, shape: null, ports, fresh, udp: await udp.prepare(settings) };
    }
    const before = this.entries.get(id);
    const shape = new EntryShape(compileEntry(settings), before?.shape, this.parts);
    const { address: host } = settings;
    try {
      for (const port of this.kernel.isOnly(settings) ? [] : shape.plan.ports) {
        const key = portKey({ host, port });
        this.claim(key, port, id, gone, taken);
        let bound = before?.ports.get(key)?.bound;
        if (bound === undefined) {
          bound = await this.parts.ports.bind({ host, port, purpose: `TCP entry "${id}"` });
          fresh.push(bound);
        }
        ports.set(key, bound);
      }
    } catch (error) {
      for (const bound of fresh) bound.close();
      throw error;
    }
    return { settings, shape, ports, fresh, udp: null };
  }

  /** Two entries cannot have one port, unless the other one goes or is changed as well. */
  private claim(
    key: string,
    port: number,
    id: string,
    gone: ReadonlySet<string>,
    taken: Map<string, string>,
  ): void {
    if (port === 0) return;
    const owner = this.owners.get(key);
    const other = taken.get(key) ?? (owner !== undefined && gone.has(owner) ? undefined : owner);
    if (other !== undefined && other !== id) {
      const message = `Cannot listen on port ${port} for TCP entry "${id}": "${other}" has it`;
      throw new DcError('TCP_EXISTS', message);
    }
    taken.set(key, id);
  }

  private set({ settings, shape, ports, udp }: IPreparedEntry): void {
    const { id } = settings;
    const isKnown = this.entries.has(id) || this.udpEntries.has(id);
    if (shape === null) {
      if (this.entries.has(id)) this.removeTcp(id, this.drainTimeoutMs);
      this.udpEntries.set(id, settings);
      if (udp !== null) this.parts.udp?.apply(udp);
    } else {
      if (this.udpEntries.has(id)) this.removeUdp(id);
      this.setTcp(shape, ports);
    }
    this.kernel.set(settings);
    this.announce(isKnown ? 'tcp.changed' : 'tcp.added', id);
  }

  private setTcp(shape: EntryShape, ports: ReadonlyMap<string, IBoundPort>): void {
    const { health } = this.parts;
    const { id } = shape;
    let entry = this.entries.get(id);
    const before = entry?.shape;
    if (entry === undefined) {
      entry = new Entry(this.engine, shape, () => this.leaving.becameIdle());
      this.entries.set(id, entry);
    }
    for (const action of shape.actions()) {
      action.takeOver();
      health.watch(action);
    }
    for (const action of before?.actions() ?? []) health.unwatch(action);
    if (before?.usesWeb === true && !shape.usesWeb) {
      this.parts.bridge?.retire(id, this.drainTimeoutMs);
    }
    this.disown(entry);
    entry.open(shape, ports, this.drainTimeoutMs);
    for (const key of ports.keys()) this.owners.set(key, id);
  }

  private remove(id: string, drainTimeoutMs = this.drainTimeoutMs): void {
    const isTcp = this.removeTcp(id, drainTimeoutMs);
    if (!isTcp && !this.removeUdp(id)) return;
    this.kernel.remove(id);
    this.announce('tcp.removed', id);
  }

  private removeTcp(id: string, drainTimeoutMs: number): boolean {
    const entry = this.entries.get(id);
    if (entry === undefined) return false;
    this.entries.delete(id);
    this.disown(entry);
    for (const action of entry.shape.actions()) this.parts.health.unwatch(action);
    // Sessions that began with another shape may have gone there as well.
    this.parts.bridge?.retire(id, drainTimeoutMs);
    // At a stop, all of them have one deadline, and it is said whether they kept it.
    this.leaving.add(entry, this.isRunning ? drainTimeoutMs : Number.POSITIVE_INFINITY);
    return true;
  }

  private removeUdp(id: string): boolean {
    if (!this.udpEntries.delete(id)) return false;
    this.parts.udp?.remove(id);
    return true;
  }

  private disown(entry: Entry): void {
    for (const key of entry.ports.keys()) {
      if (this.owners.get(key) === entry.id) this.owners.delete(key);
    }
  }

  private announce(name: 'tcp.added' | 'tcp.changed' | 'tcp.removed', entryId: string): void {
    const { bus, logger } = this.parts;
    if (bus.has(name)) bus.emit(name, { entryId });
    logger.debug(name, `TCP entry "${entryId}": ${name.slice('tcp.'.length)}`, { entryId });
  }

  // Deadlines.

  /** Looks after deadlines for as long as there is a session. */
  private sweepSoon(): void {
    if (this.isSweeping) return;
    this.isSweeping = true;
    this.engine.touch();
    this.parts.clock.setTimeout(() => this.sweep(), sweepMs);
  }

  private sweep(): void {
    this.isSweeping = false;
    const now = this.engine.touch();
    let isActive = this.leaving.check(now);
    for (const entry of this.entries.values()) if (entry.check(now)) isActive = true;
    if (isActive) this.sweepSoon();
  }
}

function isParts(
  from: ISmartProxyParts | TPortProxyInput | readonly TPortProxyInput[],
): from is ISmartProxyParts {
  return 'limiters' in from && 'ports' in from;
}

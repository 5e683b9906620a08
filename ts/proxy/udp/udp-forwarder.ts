import type { RemoteInfo } from 'node:dgram';
import type { IPortProxySettings, ITcpLive, ITcpStats } from '../../../ts_interfaces/index.ts';
import type { IClock, ITimer } from '../../core/clock.ts';
import type { EventBus } from '../../core/event-bus.ts';
import type { ILogger } from '../../core/logger.ts';
import type { AddressLists } from '../../net/address-list.ts';
import type { ILimiters } from '../../net/limiters.ts';
import { BackendNames } from '../backend-names.ts';
import type { HealthMonitor, IHealthGroup } from '../health-monitor.ts';
import type { ILiveConnection } from '../live-connection.ts';
import type { IProbe } from '../probe.ts';
import { addStats, noStats } from '../tcp-stats.ts';
import { UdpEntry } from './udp-entry.ts';
import { compileUdp, type IUdpPlan } from './udp-plan.ts';
import { type UdpPort, UdpPorts } from './udp-port.ts';
import { udpProbe } from './udp-probe.ts';
import type { IUdpSessionParts, UdpSession } from './udp-session.ts';

/** Milliseconds without a datagram after which a session is over while everything stops. */
const stopIdleMs = 1000;
/** Bounds of the time between two looks for sessions that are over. */
const sweepMsMin = 10;
const sweepMsMax = 1000;

/** What a UDP forwarder works with. */
export interface IUdpForwarderParts {
  limiters: ILimiters;
  lists: AddressLists;
  health: Pick<HealthMonitor, 'watch' | 'unwatch' | 'reportFailure' | 'reportSuccess'>;
  bus: Pick<EventBus, 'emit' | 'has'>;
  logger: ILogger;
  clock: IClock;
  /** Several processes have the same ports; the kernel sends a client always to the same one. */
  reusePort: boolean;
  /**
   * false: ports that are new are bound for a moment, to find out whether they can be, and nothing is
   * forwarded: for the main process of workers. @default true
   */
  serves?: boolean;
  /**
   * Whether a port that another process has is refused, although `reusePort` would share it: nobody
   * takes a port by mistake. @default always
   */
  isAlone?: () => boolean;
  /** Where backends by name are. @default names of its own */
  names?: BackendNames;
  /** Probes backends whose health options name no probe. @default an empty datagram */
  probe?: IProbe;
}

/** An entry that is ready to be served; `apply()` or `discard()` it. */
export interface IPreparedUdp {
  readonly id: string;
  readonly plan: IUdpPlan;
  /** Leased, in the order of the plan. */
  readonly ports: readonly UdpPort[];
}

/**
 * Forwards UDP: a session for each client (address and port) and port that it came to, with a socket
 * of its own towards one backend. The sessions of an entry that changes go on with the plan that they
 * began with; those of one that is removed, or of its ports, for `drainTimeoutMs`.
 *
 * Numbers of an entry: `refused` are datagrams that were not let begin a session, `failed` those that
 * got lost on our way: no backend, a closed port, no socket, too many waiting.
 */
export class UdpForwarder {
  /** How long sessions of removed entries and ports may go on, in milliseconds. */
  drainTimeoutMs = 30_000;
  private readonly parts: IUdpForwarderParts;
  private readonly planParts: { limiters: ILimiters; lists: AddressLists; probe: IProbe };
  private readonly sessionParts: IUdpSessionParts;
  private readonly ports: UdpPorts;
  private readonly entries = new Map<string, UdpEntry>();
  /** Removed, with sessions left. */
  private readonly leaving = new Set<UdpEntry>();
  /** Of entries that are gone. */
  private readonly gone = noStats();
  private readonly sessions = new Set<UdpSession>();
  private sweepTimer: ITimer | null = null;
  private sweepAt = 0;
  private isStopping = false;
  /** When sessions are broken off; monotonic milliseconds. */
  private stopsAt = Number.POSITIVE_INFINITY;
  /** Sessions that were broken off by a deadline. */
  private brokenOff = 0;
  private onEmpty: (() => void) | null = null;
  private shortageToldAt = Number.NEGATIVE_INFINITY;

  constructor(parts: IUdpForwarderParts) {
    const { limiters, lists, clock, logger, bus, health } = parts;
    const { names = new BackendNames({ clock, logger }) } = parts;
    this.parts = parts;
    this.planParts = { limiters, lists, probe: parts.probe ?? udpProbe(clock, names) };
    const { reusePort, serves = true, isAlone = () => true } = parts;
    const drainTimeoutMs = () => this.drainTimeoutMs;
    this.ports = new UdpPorts({ reusePort, serves, isAlone, drainTimeoutMs, clock });
    this.sessionParts = {
      ...{ clock, logger, bus, health, names, waiting: { bytes: 0 } },
      onEnd: (session) => this.ended(session),
      onShortage: (session, error) => this.tellShortage(session, error),
    };
  }

  /**
   * Compiles an entry with `protocol: udp` and binds the ports that are new. Nothing changes before
   * `apply()`; datagrams that come to a new port before are dropped.
   *
   * @throws DcError `LISTEN_FAILED`, `CONFIG_INVALID`; nothing is left open then.
   */
  async prepare(settings: IPortProxySettings): Promise<IPreparedUdp> {
    const plan = compileUdp(settings, this.planParts, this.entries.get(settings.id)?.plan);
    const ports: UdpPort[] = [];
    try {
      for (const port of plan.ports) {
        ports.push(await this.ports.lease(settings.address, port, plan.id));
      }
    } catch (error) {
      for (const port of ports) port.release();
      throw error;
    }
    return { id: plan.id, plan, ports };
  }

  /** Serves a prepared entry: new clients follow it from now on. Never throws. */
  apply({ id, plan, ports }: IPreparedUdp): void {
    const { health } = this.parts;
    let entry = this.entries.get(id);
    const before = entry?.plan;
    if (entry === undefined) {
      entry = new UdpEntry(plan, this.parts, (...client) => this.begin(...client));
      this.entries.set(id, entry);
    }
    plan.action.takeOver();
    health.watch(plan.group);
    if (before !== undefined && before !== plan) health.unwatch(before.group);
    const dropped = entry.change(plan, ports);
    this.drain(entry, dropped);
    for (const port of dropped) port.release();
  }

  /** Gives up what was prepared: ports that nobody else has are closed. */
  async discard({ ports }: IPreparedUdp): Promise<void> {
    for (const port of ports) port.release();
  }

  /** Takes no new clients of the entry; its sessions may go on for `drainTimeoutMs`. */
  remove(id: string): void {
    const entry = this.entries.get(id);
    if (entry === undefined) return;
    this.entries.delete(id);
    this.leaving.add(entry);
    this.parts.health.unwatch(entry.plan.group);
    const dropped = entry.retire(this.isStopping);
    this.drain(entry, dropped);
    for (const port of dropped) port.release();
    this.forget(entry);
  }

  /**
   * Takes no new clients. Sessions may go on until nothing moves in them for a second.
   *
   * @param drainTimeoutMs then they are broken off. @default 0: at once
   * @returns whether all of them ended by themselves.
   */
  async stop(drainTimeoutMs = 0): Promise<boolean> {
    this.isStopping = true;
    this.drainTimeoutMs = drainTimeoutMs;
    const brokenOffBefore = this.brokenOff;
    const deadlineAt = this.parts.clock.monotonic() + drainTimeoutMs;
    this.stopsAt = deadlineAt;
    for (const id of [...this.entries.keys()]) this.remove(id);
    for (const session of this.sessions)
      session.deadlineAt = Math.min(session.deadlineAt, deadlineAt);
    this.sweepTimer?.cancel();
    this.sweepTimer = null;
    this.sweep();
    if (this.sessions.size > 0) {
      await new Promise<void>((resolve) => {
        this.onEmpty = resolve;
      });
    }
    this.isStopping = false;
    this.stopsAt = Number.POSITIVE_INFINITY;
    return this.brokenOff === brokenOffBefore;
  }

  /** How an entry is doing; undefined: there is none. */
  info(id: string): ITcpLive | undefined {
    return this.entries.get(id)?.info();
  }

  /** The backends of an entry (`tcp:<id>`), as the health monitor knows them. */
  healthGroup(groupId: string): IHealthGroup | undefined {
    for (const { plan } of this.entries.values()) {
      if (plan.group.routeId === groupId) return plan.group;
    }
    return undefined;
  }

  /** Numbers of all entries, also of those that are gone. */
  stats(): ITcpStats {
    const all = { ...this.gone };
    for (const { stats } of [...this.entries.values(), ...this.leaving]) addStats(all, stats);
    return all;
  }

  /** Sessions that are open. */
  connections(): Iterable<ILiveConnection> {
    return this.sessions;
  }

  private begin(entry: UdpEntry, port: UdpPort, bytes: Buffer, from: RemoteInfo, ip: string): void {
    const { plan, stats } = entry;
    const { clock } = this.parts;
    let session: UdpSession | null = null;
    const conclude = (entered: boolean) => {
      if (session === null) return;
      // Whoever asked is gone: its place goes back.
      if (session.isEnded) {
        if (entered) plan.admission.leave(ip);
      } else if (entered) {
        session.admitted();
      } else {
        stats.refused++;
        session.close();
      }
    };
    const entered = plan.admission.admit(ip, conclude);
    if (entered === false) {
      stats.refused++;
      return;
    }
    session = entry.open(this.sessionParts, port, { address: from.address, port: from.port, ip });
    this.sessions.add(session);
    session.deadlineAt = Math.min(session.deadlineAt, this.stopsAt);
    session.forward(bytes);
    if (entered === true) session.admitted();
    this.armSweep(clock.monotonic() + sweepPause(plan.idleMs));
  }

  private ended(session: UdpSession): void {
    this.sessions.delete(session);
    for (const entry of this.leaving) if (entry.left(session)) this.forget(entry);
    this.entries.get(session.plan.id)?.left(session);
    if (this.sessions.size > 0) return;
    this.onEmpty?.();
    this.onEmpty = null;
  }

  private forget(entry: UdpEntry): void {
    if (entry.sessions.size > 0 || !this.leaving.delete(entry)) return;
    addStats(this.gone, entry.stats);
  }

  /** Sessions at ports that the entry no longer has get a deadline. */
  private drain(entry: UdpEntry, ports: readonly UdpPort[]): void {
    const deadlineAt = this.parts.clock.monotonic() + this.drainTimeoutMs;
    for (const session of entry.sessions) {
      if (!ports.includes(session.port) || entry.has(session.port)) continue;
      session.deadlineAt = Math.min(session.deadlineAt, deadlineAt);
      this.armSweep(session.deadlineAt);
    }
  }

  private armSweep(at: number): void {
    if (this.sweepTimer !== null && this.sweepAt <= at) return;
    this.sweepTimer?.cancel();
    this.sweepAt = at;
    const { clock } = this.parts;
    this.sweepTimer = clock.setTimeout(
      () => {
        this.sweepTimer = null;
        this.sweep();
      },
      Math.max(0, at - clock.monotonic()),
    );
  }

  /** Ends what is idle or beyond its deadline: one look at each session, however many there are. */
  private sweep(): void {
    const now = this.parts.clock.monotonic();
    let next = now + sweepMsMax;
    for (const session of this.sessions) {
      const { plan, touchedAt, deadlineAt } = session;
      const idleMs = this.isStopping ? Math.min(plan.idleMs, stopIdleMs) : plan.idleMs;
      if (now - touchedAt >= idleMs) {
        session.close();
      } else if (now >= deadlineAt) {
        this.brokenOff++;
        session.close();
      } else {
        next = Math.min(next, deadlineAt, now + sweepPause(idleMs));
      }
    }
    if (this.sessions.size > 0) this.armSweep(next);
  }

  private tellShortage(session: UdpSession, error: NodeJS.ErrnoException): void {
    const now = this.parts.clock.monotonic();
    if (now - this.shortageToldAt < 1000) return;
    this.shortageToldAt = now;
    const reason = error.code ?? error.message;
    const message = `Cannot open a socket for a UDP session: ${reason}`;
    this.parts.logger.warn('tcp.failed', message, { entryId: session.plan.id, reason });
  }
}

function sweepPause(idleMs: number): number {
  return Math.max(sweepMsMin, Math.min(sweepMsMax, idleMs / 4));
}

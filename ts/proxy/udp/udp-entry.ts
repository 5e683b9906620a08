import type { RemoteInfo } from 'node:dgram';
import type { ITcpLive } from '../../../ts_interfaces/index.ts';
import type { IClock } from '../../core/clock.ts';
import type { ILogger } from '../../core/logger.ts';
import { canonicalIp } from '../../net/ip.ts';
import { endpointText } from '../endpoint.ts';
import { noStats } from '../tcp-stats.ts';
import type { IUdpPlan } from './udp-plan.ts';
import type { IUdpOwner, UdpPort } from './udp-port.ts';
import { type IUdpSessionParts, UdpSession } from './udp-session.ts';

/** Milliseconds between two lines of the log about the same thing. */
const quietMs = 1000;

/** Begins a session for a client whom nobody has refused yet. */
export type TBeginSession = (
  entry: UdpEntry,
  port: UdpPort,
  bytes: Buffer,
  from: RemoteInfo,
  clientIp: string,
) => void;

/** A UDP entry as it lives: its plan of the moment, its ports, sessions and numbers. */
export class UdpEntry implements IUdpOwner {
  readonly id: string;
  readonly stats = noStats();
  /** All that are not over, also those that still wait for their admission. */
  readonly sessions = new Set<UdpSession>();
  private readonly parts: { clock: IClock; logger: ILogger };
  private readonly begin: TBeginSession;
  private current: IUdpPlan;
  private ports: readonly UdpPort[] = [];
  private fullToldAt = Number.NEGATIVE_INFINITY;
  /** Datagrams that were dropped since then because of it. */
  private fullCount = 0;
  private errorToldAt = Number.NEGATIVE_INFINITY;

  constructor(plan: IUdpPlan, parts: { clock: IClock; logger: ILogger }, begin: TBeginSession) {
    this.id = plan.id;
    this.current = plan;
    this.parts = parts;
    this.begin = begin;
  }

  get plan(): IUdpPlan {
    return this.current;
  }

  /** Follows another plan. @returns the leases from before, to be released. */
  change(plan: IUdpPlan, ports: readonly UdpPort[]): UdpPort[] {
    const before = this.ports;
    this.current = plan;
    this.ports = ports;
    for (const port of before) if (port.owner === this && !ports.includes(port)) port.owner = null;
    for (const port of ports) port.owner = this;
    return [...before];
  }

  /**
   * Gives its ports up. @returns the leases, to be released.
   *
   * @param stillServes new clients of ports that stay open for the sake of others are served: the
   * kernel may send them here for as long as the socket is there.
   */
  retire(stillServes: boolean): UdpPort[] {
    if (!stillServes) return this.change(this.current, []);
    const before = [...this.ports];
    this.ports = [];
    return before;
  }

  /** Whether the port is one of those that the entry has now. */
  has(port: UdpPort): boolean {
    return this.ports.includes(port);
  }

  onNewClient(port: UdpPort, bytes: Buffer, from: RemoteInfo): void {
    const { plan, stats } = this;
    if (this.sessions.size >= plan.sessionsMax) {
      stats.refused++;
      this.tellFull();
      return;
    }
    this.begin(this, port, bytes, from, canonicalIp(from.address) ?? from.address);
  }

  onPortError(port: UdpPort, error: NodeJS.ErrnoException): void {
    const now = this.parts.clock.monotonic();
    this.stats.failed++;
    if (now - this.errorToldAt < quietMs) return;
    this.errorToldAt = now;
    const reason = error.code ?? error.message;
    const message = `UDP port ${port.port} of "${this.id}" reports ${reason}`;
    this.parts.logger.warn('tcp.failed', message, { entryId: this.id, port: port.port, reason });
  }

  /** Opens the session of a client; `left` has to be called when it is over. */
  open(
    parts: IUdpSessionParts,
    port: UdpPort,
    client: { address: string; port: number; ip: string },
  ): UdpSession {
    const session = new UdpSession(parts, this.plan, this.stats, port, client);
    this.sessions.add(session);
    return session;
  }

  /** A session is over. @returns whether it was one of this entry's. */
  left(session: UdpSession): boolean {
    return this.sessions.delete(session);
  }

  info(): ITcpLive {
    return {
      listening: this.ports.map(({ address, port }) => ({ address, port })),
      forwardedBy: this.ports.length === 0 ? 'none' : 'user',
      stats: { ...this.stats },
      endpoints: this.plan.action.backends.map((endpoint) => ({
        domainConfig: null,
        id: endpoint.id,
        address: endpointText(endpoint, 0),
        isDead: endpoint.isDead,
        failureCount: endpoint.failureCount,
        active: endpoint.active,
        connections: endpoint.requests,
      })),
    };
  }

  private tellFull(): void {
    const { clock, logger } = this.parts;
    const now = clock.monotonic();
    this.fullCount++;
    if (now - this.fullToldAt < quietMs) return;
    this.fullToldAt = now;
    const { sessionsMax } = this.plan;
    const message = `UDP entry "${this.id}" has ${sessionsMax} sessions: new clients are dropped`;
    const dropped = this.fullCount;
    this.fullCount = 0;
    logger.warn('udp.full', message, { entryId: this.id, sessionsMax, dropped });
  }
}

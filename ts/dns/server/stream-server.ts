import type { TLSSocket } from 'node:tls';
import { type IClock, type ITimer, systemClock } from '../../core/clock.ts';
import type { Accepted } from '../../net/accepted.ts';
import { clientKey } from '../../net/client-prefix.ts';
import { ConnectionCounter } from '../../net/connection-counter.ts';
import type { IBoundPort, IPortAddress, IPortBinder } from '../../net/ports.ts';
import { type IWireConsumer, Wire } from '../../net/wire.ts';
import type { IDnsClient, IQueryHandler } from '../answer/query-handler.ts';
import { DnsCounters } from './dns-counters.ts';
import { type ISessionHost, StreamSession } from './stream-session.ts';

/** How much clients by TCP and TLS may have. */
export interface IStreamLimits {
  /** Above that the connection that has been idle longest is closed. @default 1000 */
  readonly connectionsMax?: number;
  /** For each client network (IPv4 address, IPv6 /64); more are refused. @default 100 */
  readonly connectionsPerClientMax?: number;
  /**
   * A connection is closed when the client neither asks a whole query nor takes anything of an
   * answer for so long. @default 10000
   */
  readonly idleTimeoutMs?: number;
  /** Answers of several messages, such as transfers, at once on a connection. @default 4 */
  readonly streamsMax?: number;
}

/** What the server works with. */
export interface IStreamServerParts extends IStreamLimits {
  readonly handler: IQueryHandler;
  /** @default counters of its own */
  readonly counters?: DnsCounters;
  readonly clock?: IClock;
  /** Hears of errors of ours; the query was answered SERVFAIL. @default they are only counted */
  readonly onFault?: (error: unknown) => void;
}

/** Limits where none are given. */
export const streamDefaults = {
  connectionsMax: 1000,
  connectionsPerClientMax: 100,
  idleTimeoutMs: 10_000,
} as const;

/** Idle connections are looked for that often. */
const sweepMs = 500;

/** Answers queries by TCP and, over sockets whose TLS somebody else makes, by TLS (RFC 7858). */
export class StreamServer implements ISessionHost {
  readonly handler: IQueryHandler;
  readonly counters: DnsCounters;
  readonly streamsMax: number;
  private connectionsMax = 0;
  private connectionsPerClientMax = 0;
  private idleTimeoutMs = 0;
  private readonly clock: IClock;
  private readonly onFault: (error: unknown) => void;
  /** The one that has been idle longest comes first. */
  private readonly sessions = new Set<StreamSession>();
  private readonly perClient = new ConnectionCounter();
  private readonly ports: IBoundPort[] = [];
  private sweep: ITimer | null = null;
  private onEmpty: (() => void) | null = null;

  constructor(parts: IStreamServerParts) {
    this.handler = parts.handler;
    this.counters = parts.counters ?? new DnsCounters();
    this.clock = parts.clock ?? systemClock;
    this.onFault = parts.onFault ?? (() => undefined);
    this.streamsMax = parts.streamsMax ?? 4;
    this.limit(parts);
  }

  /** Has other limits from now on; connections that are open stay. What is left out is the default. */
  limit({ connectionsMax, connectionsPerClientMax, idleTimeoutMs }: IStreamLimits): void {
    this.connectionsMax = connectionsMax ?? streamDefaults.connectionsMax;
    this.connectionsPerClientMax =
      connectionsPerClientMax ?? streamDefaults.connectionsPerClientMax;
    this.idleTimeoutMs = idleTimeoutMs ?? streamDefaults.idleTimeoutMs;
  }

  /** Connections that are open. */
  get connections(): number {
    return this.sessions.size;
  }

  /**
   * Binds a port for plain TCP; may be called for several.
   *
   * @returns what is really bound.
   * @throws DcError `LISTEN_FAILED`.
   */
  async start(
    ports: IPortBinder,
    address: IPortAddress,
  ): Promise<{ address: string; port: number }> {
    const bound = await ports.bind(address);
    this.ports.push(bound);
    bound.accept((connection) => this.take(connection));
    return { address: bound.address, port: bound.port };
  }

  /**
   * Closes connections on which no answer is under way, and each other one when its answers have
   * left. Resolves when all are closed, or after `timeoutMs`.
   */
  async drain(timeoutMs: number): Promise<void> {
    for (const port of this.ports.splice(0)) port.close();
    if (this.sessions.size === 0) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = this.clock.setTimeout(resolve, timeoutMs);
    this.onEmpty = resolve;
    for (const session of [...this.sessions]) session.drain();
    if (this.sessions.size === 0) resolve();
    await promise;
    timer.cancel();
  }

  /** Takes no further connections, and closes those that are open. Idempotent. */
  stop(): void {
    for (const port of this.ports.splice(0)) port.close();
    for (const session of this.sessions) session.destroy();
    this.sweep?.cancel();
    this.sweep = null;
  }

  /** Serves a connection that a port accepted. */
  take(connection: Accepted): void {
    const client = { address: connection.peerIp, transport: 'tcp' } as const;
    if (client.address === '' || !this.admits(client)) connection.destroy();
    else this.open(client, (consumer) => connection.toWire(consumer));
  }

  /** Serves a TLS connection. @param address of the client in normal form. */
  takeSecure(socket: TLSSocket, address: string): void {
    const client = { address, transport: 'tls' } as const;
    if (!this.admits(client)) socket.destroy();
    else this.open(client, (consumer) => Wire.secure(socket, consumer));
  }

  /** @internal for sessions. */
  active(session: StreamSession): void {
    session.activeAtMs = this.clock.monotonic();
    // To the end of the order.
    if (this.sessions.delete(session)) this.sessions.add(session);
  }

  /** @internal for sessions. */
  closed(session: StreamSession): void {
    if (this.sessions.delete(session)) this.perClient.leave(clientKey(session.client.address));
    if (this.sessions.size === 0) this.onEmpty?.();
  }

  /** @internal for sessions. */
  readonly fault = (error: unknown): void => {
    this.counters.faults++;
    this.onFault(error);
  };

  private admits({ address }: IDnsClient): boolean {
    return this.perClient.enter(clientKey(address), this.connectionsPerClientMax);
  }

  private open(client: IDnsClient, open: (consumer: IWireConsumer) => Wire): void {
    if (this.sessions.size >= this.connectionsMax) this.closeIdlest();
    const session = new StreamSession(this, client, open);
    session.activeAtMs = this.clock.monotonic();
    this.sessions.add(session);
    this.sweep ??= this.clock.setTimeout(() => this.closeIdle(), sweepMs);
  }

  private closeIdlest(): void {
    const [first] = this.sessions;
    if (first === undefined) return;
    this.closed(first);
    first.destroy();
  }

  private closeIdle(): void {
    const idleSinceMs = this.clock.monotonic() - this.idleTimeoutMs;
    for (const session of [...this.sessions]) {
      if (session.activeAtMs > idleSinceMs) break;
      if (session.isBusy) this.active(session);
      else session.destroy();
    }
    this.sweep =
      this.sessions.size > 0 ? this.clock.setTimeout(() => this.closeIdle(), sweepMs) : null;
  }
}

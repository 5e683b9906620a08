import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { isIP } from 'node:net';
import type { IClock } from '../../core/clock.ts';
import { DcError } from '../../core/errors.ts';
import { listenFailure } from '../../net/listen-failure.ts';
import { literalLookup } from './literal-lookup.ts';
import type { UdpSession } from './udp-session.ts';

/**
 * Bytes that may wait for the network on one socket; further datagrams are dropped, as the kernel
 * does with its own queue.
 */
export const sendQueueBytesMax = 4 * 1024 * 1024;

/** Takes datagrams of clients that have no session yet. */
export interface IUdpOwner {
  readonly id: string;
  onNewClient(port: UdpPort, bytes: Buffer, from: RemoteInfo): void;
  /** An error of the socket that is nobody's session. */
  onPortError(port: UdpPort, error: Error): void;
}

/**
 * A bound port with its clients' sessions. It stays open as long as somebody leases it or a session
 * is left, so it can go from one entry to another without being closed.
 */
export class UdpPort {
  /** What is really bound. */
  readonly address: string;
  readonly port: number;
  /** By `clientOf`. */
  readonly sessions = new Map<string, UdpSession>();
  /** Gets new clients; null: there are none any more. */
  owner: IUdpOwner | null = null;
  private readonly socket: Socket | null;
  private readonly onClosed: () => void;
  private leases = 0;
  private isClosed = false;

  /** @param socket null: another process has it. */
  constructor(
    bound: { socket: Socket | null; address: string; port: number },
    onClosed: () => void,
  ) {
    this.socket = bound.socket;
    this.address = bound.address;
    this.port = bound.port;
    this.onClosed = onClosed;
    this.socket?.on('message', (bytes, from) => {
      const session = this.sessions.get(clientOf(from.address, from.port));
      if (session !== undefined) session.forward(bytes);
      else this.owner?.onNewClient(this, bytes, from);
    });
    this.socket?.on('error', (error) => this.owner?.onPortError(this, error));
  }

  lease(): void {
    this.leases++;
  }

  release(): void {
    this.leases--;
    this.closeIfUnused();
  }

  /** Sends an answer to a client; false: too much waits for the network already. */
  send(
    bytes: Buffer,
    port: number,
    address: string,
    onSent: (error: Error | null) => void,
  ): boolean {
    if (this.socket === null || this.isClosed) return false;
    if (this.socket.getSendQueueSize() > sendQueueBytesMax) return false;
    this.socket.send(bytes, port, address, onSent);
    return true;
  }

  add(session: UdpSession): void {
    this.sessions.set(clientOf(session.clientAddress, session.clientPort), session);
  }

  delete(session: UdpSession): void {
    const key = clientOf(session.clientAddress, session.clientPort);
    if (this.sessions.get(key) === session) this.sessions.delete(key);
    this.closeIfUnused();
  }

  private closeIfUnused(): void {
    if (this.isClosed || this.leases > 0 || this.sessions.size > 0) return;
    this.isClosed = true;
    this.socket?.close();
    this.onClosed();
  }
}

/** How ports are bound. */
export interface IUdpPortsOptions {
  /** Other processes that say so too may have the same port. */
  reusePort: boolean;
  /** false: ports are bound and closed at once: other processes serve them. */
  serves: boolean;
  /** Whether a port that somebody has already is refused, although he would share it. */
  isAlone: () => boolean;
  /** Milliseconds that sessions of a port may go on which nobody leases any more. */
  drainTimeoutMs: () => number;
  clock: IClock;
}

/** Milliseconds in which other processes follow what this one has decided. */
const followMs = 5000;

/** The ports of all entries. */
export class UdpPorts {
  private readonly options: IUdpPortsOptions;
  private readonly ports = new Map<string, UdpPort>();
  /** Given up, but sessions in other processes may hold them until then (monotonic milliseconds). */
  private readonly drainingUntil = new Map<string, number>();

  constructor(options: IUdpPortsOptions) {
    this.options = options;
  }

  /** Ports that are open. */
  get size(): number {
    return this.ports.size;
  }

  /**
   * Leases a port, which is bound unless it is already.
   *
   * @param port 0: a free one, which the entry keeps as long as it has it.
   * @throws DcError `LISTEN_FAILED`
   */
  async lease(address: string | undefined, port: number, entryId: string): Promise<UdpPort> {
    const key = keyOf(address, port === 0 ? `0|${entryId}` : port);
    let known = this.ports.get(key);
    if (known === undefined) {
      const bound = await this.open(address, port, entryId, this.isDraining(key));
      known = new UdpPort(bound, () => this.closed(key, keyOf(address, bound.port)));
      this.ports.set(key, known);
    }
    known.lease();
    return known;
  }

  private closed(key: string, boundKey: string): void {
    const { serves, clock, drainTimeoutMs } = this.options;
    this.ports.delete(key);
    if (!serves) this.drainingUntil.set(boundKey, clock.monotonic() + drainTimeoutMs() + followMs);
  }

  /** Whether our own workers may have the port still, for sessions that go on. */
  private isDraining(key: string): boolean {
    const now = this.options.clock.monotonic();
    for (const [one, until] of this.drainingUntil) if (now >= until) this.drainingUntil.delete(one);
    return this.drainingUntil.has(key);
  }

  private async open(
    address: string | undefined,
    port: number,
    entryId: string,
    isShared: boolean,
  ) {
    const { reusePort, serves, isAlone } = this.options;
    try {
      const mustBeFree = reusePort && port !== 0 && !isShared && isAlone();
      if (mustBeFree) (await bindAny(address, port, false)).close();
      const socket = await bindAny(address, port, reusePort);
      const { address: bound, port: boundPort } = socket.address();
      if (serves) return { socket, address: bound, port: boundPort };
      socket.close();
      return { socket: null, address: bound, port: boundPort };
    } catch (cause) {
      const { code = 'unknown error' } = cause as NodeJS.ErrnoException;
      // Who listens by TCP has nothing to do with it, so the general text would name the wrong one.
      const isOurs = [...this.ports.values()].some((known) => known.port === port);
      const holder = isOurs ? 'this process' : 'another program';
      const reason = code === 'EADDRINUSE' ? `${holder} has this UDP port already` : code;
      const purpose = `UDP entry "${entryId}"`;
      const message = await listenFailure({ host: address, port, purpose }, reason);
      throw new DcError('LISTEN_FAILED', message, { cause });
    }
  }
}

function keyOf(address: string | undefined, port: number | string): string {
  return `${address ?? '*'}|${port}`;
}

/** The key of a client. */
export function clientOf(address: string, port: number): string {
  return `${address}|${port}`;
}

/** On every address by one socket of both families; by IPv4 alone on machines without IPv6. */
async function bindAny(
  address: string | undefined,
  port: number,
  reusePort: boolean,
): Promise<Socket> {
  if (address !== undefined) return bind(address, port, reusePort);
  try {
    return await bind('::', port, reusePort);
  } catch (error) {
    const { code = '' } = error as NodeJS.ErrnoException;
    if (!['EAFNOSUPPORT', 'EADDRNOTAVAIL', 'EINVAL'].includes(code)) throw error;
    return bind('0.0.0.0', port, reusePort);
  }
}

async function bind(address: string, port: number, reusePort: boolean): Promise<Socket> {
  const type = isIP(address) === 6 ? 'udp6' : 'udp4';
  const socket = createSocket({ type, reusePort, lookup: literalLookup });
  try {
    const listening = once(socket, 'listening');
    socket.bind({ address, port, exclusive: true });
    await listening;
    return socket;
  } catch (error) {
    socket.close();
    throw error;
  }
}

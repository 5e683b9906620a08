import type { ClientConnection } from './client-connection.ts';
import type { ExchangeState } from './exchange-state.ts';
import { closedReason, type ITunnelEnd, type UpstreamConnection } from './upstream-connection.ts';

/**
 * Raw bytes both ways, after 101 or a successful CONNECT.
 *
 * Each side's FIN is passed on by itself; a reset on one side resets the other.
 */
export class Tunnel implements ITunnelEnd {
  /** The request that it began with. */
  readonly exchange: ExchangeState;
  /** Monotonic milliseconds of the last byte either way. */
  lastActivity: number;
  private readonly connection: ClientConnection;
  private readonly idleMs: number;
  private readonly onOver: () => void;
  private upstream: UpstreamConnection | null;
  private hasUpstreamEnded = false;
  /** The backend takes no more at the moment. */
  private isBlocked = false;
  private isOver = false;

  /**
   * @param idleMs milliseconds without a byte until it is closed; 0: never.
   * @param onOver called once, when the tunnel is over.
   */
  constructor(
    exchange: ExchangeState,
    upstream: UpstreamConnection,
    idleMs: number,
    onOver: () => void,
  ) {
    const { connection } = exchange;
    this.exchange = exchange;
    this.connection = connection;
    this.upstream = upstream;
    this.idleMs = idleMs;
    this.onOver = onOver;
    this.lastActivity = connection.engine.now;
    connection.engine.tunnels++;
    upstream.beginTunnel(this);
  }

  /** Bytes from the client. */
  onClientBytes(bytes: Buffer, start: number, end: number): void {
    const { upstream, connection } = this;
    this.lastActivity = connection.engine.now;
    if (upstream === null) return;
    upstream.wire.begin();
    upstream.wire.addBytes(bytes, start, end);
    if (upstream.wire.flush()) return;
    this.isBlocked = true;
    connection.wire.pause();
  }

  /** The client sent FIN. */
  onClientEnd(): void {
    this.upstream?.wire.end();
  }

  /** What was written to the client has left. */
  onClientDrain(): void {
    this.lastActivity = this.connection.engine.now;
    this.upstream?.wire.resume();
  }

  /** The client's connection is gone; with an error, it was no orderly end. */
  onClientClose(error: Error | null): void {
    const { upstream } = this;
    this.upstream = null;
    if (error !== null) upstream?.reset();
    // What the client sent before its FIN may still be on its way.
    else if (this.connection.ended && this.hasUpstreamEnded) upstream?.detach();
    else upstream?.abandon();
    this.over();
  }

  /** Called a few times a second. */
  check(now: number): void {
    if (this.idleMs !== 0 && now - this.lastActivity >= this.idleMs) this.connection.wire.destroy();
  }

  onTunnelBytes(bytes: Buffer, start: number, end: number): void {
    const { connection } = this;
    const { wire, engine } = connection;
    engine.now = performance.now();
    this.lastActivity = engine.now;
    wire.begin();
    wire.addBytes(bytes, start, end);
    if (!connection.wrote(wire.flush())) this.upstream?.wire.pause();
  }

  onTunnelEnd(): void {
    this.hasUpstreamEnded = true;
    this.connection.wire.end();
  }

  onUpstreamDrain(): void {
    this.lastActivity = this.connection.engine.now;
    this.isBlocked = false;
    this.connection.readOn();
  }

  /** Reads from the client again, when the backend takes it. */
  readOn(): void {
    if (!this.isBlocked) this.connection.readOn();
  }

  onUpstreamClose(reason: string): void {
    this.upstream = null;
    this.over();
    if (reason === closedReason) this.connection.close();
    else this.connection.abort();
  }

  private over(): void {
    if (this.isOver) return;
    this.isOver = true;
    this.connection.engine.tunnels--;
    this.onOver();
  }
}

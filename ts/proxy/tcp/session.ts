import type { IConnectionInfo } from '../../../ts_interfaces/index.ts';
import { spellPlace } from '../../net/ip.ts';
import type { IWireConsumer, Wire } from '../../net/wire.ts';
import type { Admission } from '../admission.ts';
import type { IClientAddress } from '../client-address.ts';
import { type Endpoint, endpointText } from '../endpoint.ts';
import { type ILiveConnection, nextConnectionId, secondsOf } from '../live-connection.ts';
import type { Action } from './action.ts';
import type { BackendSide, IBackendOwner } from './backend-side.ts';
import { Bandwidth } from './bandwidth.ts';
import type { ITcpEngine } from './engine.ts';
import type { EntryShape } from './entry-shape.ts';
import type { IThrottled } from './throttle.ts';

/** Why a side is not read. */
const hold = { none: 0, blocked: 1, paced: 2 } as const;

/** What sessions belong to. */
export interface ISessionOwner {
  readonly engine: ITcpEngine;
  /** Connections may still go to the web plane. */
  readonly handsOver: boolean;
  /** The session is over, and so are its connections. @param failure null: an orderly end. */
  ended(session: Session, failure: string | null): void;
  /** The web plane serves the connection from now on; `ended` follows when it is gone. */
  handedOver(session: Session): void;
  /** It is closed because of an access rule or a limit; `ended` follows. */
  refused(): void;
}

/** What a session does before its backend is there. */
export interface IOpening {
  /** Looks at the deadline. */
  check(now: number): void;
  /** The session is over. */
  cancel(): void;
}

/**
 * A client's connection to a TCP entry, and the relay to its backend: bytes both ways.
 *
 * Each side's FIN is passed on by itself; a reset on one side resets the other. Neither side is read
 * faster than the other one takes.
 */
export class Session implements IWireConsumer, IBackendOwner, IThrottled, ILiveConnection {
  // Set by the entry right after construction.
  wire!: Wire;
  readonly owner: ISessionOwner;
  readonly shape: EntryShape;
  readonly client: IClientAddress;
  /** The port that the client came to. */
  readonly port: number;
  /** Monotonic milliseconds, as all times here. */
  readonly openedAt: number;
  /** Not null until the relay begins. */
  opening: IOpening | null = null;
  action: Action | null = null;
  /** What it has entered besides its entry, to be left at the end. */
  admission: Admission | null = null;
  /** The backend that it has, or is being tried. */
  endpoint: Endpoint | null = null;
  /** Name that the client asked for; null: none that is known. */
  serverName: string | null = null;
  isTls = false;
  /** Unique in this process. */
  readonly number = nextConnectionId();
  private deadline = Number.POSITIVE_INFINITY;
  private lastActivity: number;
  private backend: BackendSide | null = null;
  private bandwidth: Bandwidth | null = null;
  private clientHold: number = hold.none;
  private backendHold: number = hold.none;
  private clientEnded = false;
  private backendEnded = false;
  private clientClosed = false;
  private isOver = false;

  constructor(owner: ISessionOwner, shape: EntryShape, client: IClientAddress, port: number) {
    const { now } = owner.engine;
    this.owner = owner;
    this.shape = shape;
    this.client = client;
    this.port = port;
    this.openedAt = now;
    this.lastActivity = now;
  }

  /**
   * The backend is there: bytes go both ways.
   *
   * @param header sent to the backend first; null: none.
   * @param bytes of the client that follow it; null: none.
   * @param clientEnded the client has sent FIN already.
   */
  relay(
    backend: BackendSide,
    header: Buffer | null,
    bytes: Buffer | null,
    clientEnded: boolean,
  ): void {
    const { wire, owner } = this;
    const { plan } = this.action as Action;
    this.opening = null;
    this.backend = backend;
    this.clientEnded = clientEnded;
    if (plan.bandwidth !== null) this.bandwidth = new Bandwidth(plan.bandwidth);
    this.lastActivity = owner.engine.now;
    this.setDeadline();
    wire.readsAfterFailure = true;
    wire.consumer = this;
    backend.owner = this;
    const other = backend.wire;
    other.begin();
    if (header !== null) other.addBytes(header, 0, header.length);
    if (bytes !== null) other.addBytes(bytes, 0, bytes.length);
    if (!other.flush()) this.clientHold |= hold.blocked;
    if (bytes !== null && this.bandwidth !== null) this.spendIn(bytes.length);
    if (clientEnded) other.end();
    if (this.clientHold === hold.none) wire.resume();
  }

  // Bytes of the client.

  onBytes(bytes: Buffer, start: number, end: number): void {
    const { backend } = this;
    if (backend === null) return;
    const { wire } = backend;
    this.lastActivity = this.owner.engine.now;
    wire.begin();
    wire.addBytes(bytes, start, end);
    if (!wire.flush()) this.holdClient(hold.blocked);
    if (this.bandwidth !== null) this.spendIn(end - start);
  }

  onEnd(): void {
    this.clientEnded = true;
    this.backend?.wire.end();
    this.hurry();
  }

  onDrain(): void {
    this.lastActivity = this.owner.engine.now;
    this.freeBackend(hold.blocked);
  }

  onClose(error: Error | null): void {
    if (this.isOver) return;
    this.clientClosed = true;
    if (error !== null || this.backend === null) return this.over(reasonOf(error));
    // What the client sent before its FIN may still be on its way.
    if (this.clientEnded && this.backendEnded) this.hurry();
    else this.over(null);
  }

  // Bytes of the backend.

  onBackendBytes(bytes: Buffer, start: number, end: number): void {
    if (this.clientClosed) return;
    const { wire } = this;
    this.lastActivity = this.owner.engine.now;
    wire.begin();
    wire.addBytes(bytes, start, end);
    if (!wire.flush()) this.holdBackend(hold.blocked);
    if (this.bandwidth !== null) this.spendOut(end - start);
  }

  onBackendEnd(): void {
    this.backendEnded = true;
    this.wire.end();
    this.hurry();
  }

  onBackendDrain(): void {
    this.lastActivity = this.owner.engine.now;
    this.freeClient(hold.blocked);
  }

  onBackendClose(error: Error | null): void {
    if (this.isOver) return;
    this.backend = null;
    if (error !== null) return this.over(reasonOf(error));
    // What the backend sent before its FIN may still be on its way.
    if (this.clientClosed || !this.backendEnded) this.over(null);
    else this.hurry();
  }

  // Back-pressure and bandwidth.

  private holdClient(why: number): void {
    this.clientHold |= why;
    this.wire.pause();
  }

  private freeClient(why: number): void {
    this.clientHold &= ~why;
    if (this.clientHold === hold.none && !this.clientClosed) this.wire.resume();
  }

  private holdBackend(why: number): void {
    this.backendHold |= why;
    this.backend?.wire.pause();
  }

  private freeBackend(why: number): void {
    this.backendHold &= ~why;
    if (this.backendHold === hold.none) this.backend?.wire.resume();
  }

  private spendIn(bytes: number): void {
    const { clock, throttle } = this.owner.engine;
    if (this.bandwidth?.spendIn(bytes, clock.monotonic()) !== true) return;
    this.holdClient(hold.paced);
    throttle.add(this);
  }

  private spendOut(bytes: number): void {
    const { clock, throttle } = this.owner.engine;
    if (this.bandwidth?.spendOut(bytes, clock.monotonic()) !== true) return;
    this.holdBackend(hold.paced);
    throttle.add(this);
  }

  paced(now: number): boolean {
    const { bandwidth } = this;
    if (bandwidth === null || this.isOver) return false;
    // It is us who pause: nobody is idle.
    this.lastActivity = now;
    if (now >= bandwidth.inUntil) this.freeClient(hold.paced);
    if (now >= bandwidth.outUntil) this.freeBackend(hold.paced);
    return now < bandwidth.inUntil || now < bandwidth.outUntil;
  }

  // Deadlines.

  /** Called a few times a second: does what a passed deadline asks for. */
  check(now: number): void {
    if (this.opening !== null) return this.opening.check(now);
    if (now < this.deadline || this.action === null) return;
    const { totalMs } = this.action.plan.timeouts;
    if (totalMs !== 0 && now >= this.openedAt + totalMs) return this.over('it took too long');
    // Both are asked, since each remembers what it has answered.
    const clientMoved = !this.clientClosed && this.wire.unsentMoved;
    const backendMoved = this.backend?.wire.unsentMoved === true;
    // A slow reader may take as long as it likes, if only it takes something.
    if (clientMoved || backendMoved) this.lastActivity = now;
    this.setDeadline();
    if (now >= this.deadline) this.over('nothing moved any more');
  }

  private setDeadline(): void {
    const { idleMs, halfCloseMs, totalMs } = (this.action as Action).plan.timeouts;
    let quietMs = idleMs || Number.POSITIVE_INFINITY;
    if (this.clientEnded || this.backendEnded) {
      quietMs = Math.min(quietMs, halfCloseMs || Number.POSITIVE_INFINITY);
    }
    const totalAt = totalMs === 0 ? Number.POSITIVE_INFINITY : this.openedAt + totalMs;
    this.deadline = Math.min(this.lastActivity + quietMs, totalAt);
  }

  /** One side has ended: the other one has less time to be quiet. */
  private hurry(): void {
    this.lastActivity = this.owner.engine.now;
    this.setDeadline();
  }

  // How it ends.

  /** The client may not come. */
  refuse(): void {
    if (this.isOver) return;
    this.owner.refused();
    this.wire.reset();
    this.clientClosed = true;
    this.over(null);
  }

  /**
   * Closes what is open of it.
   *
   * @param failure both sides are reset, so that neither takes what it has for the whole; null: an
   * orderly end.
   */
  over(failure: string | null): void {
    if (this.isOver) return;
    this.isOver = true;
    const { backend, opening } = this;
    this.opening = null;
    this.backend = null;
    opening?.cancel();
    if (failure === null) backend?.drop();
    else backend?.reset();
    if (!this.clientClosed) {
      if (failure === null) this.wire.destroy();
      else this.wire.reset();
    }
    this.leave(failure);
  }

  /** Somebody else closes its connections, or has closed them. */
  leave(failure: string | null): void {
    this.isOver = true;
    const { endpoint, admission, bandwidth, client } = this;
    this.endpoint = null;
    this.admission = null;
    if (endpoint !== null) endpoint.active--;
    if (bandwidth !== null) this.owner.engine.throttle.drop(this);
    admission?.leave(client.clientIp);
    this.owner.ended(this, failure);
  }

  /** Whether it has ended. */
  get isDone(): boolean {
    return this.isOver;
  }

  // What can be seen of it.

  get id(): string {
    return String(this.number);
  }

  describe(now: number): IConnectionInfo {
    const { client, wire, owner, endpoint } = this;
    const ageMs = Math.max(0, now - this.openedAt);
    return {
      id: this.id,
      protocol: this.isTls ? 'tls' : 'tcp',
      client: spellPlace(client.clientIp, client.clientPort),
      entrypoint: this.shape.id,
      port: this.port,
      route: this.action?.plan.domainConfig ?? null,
      backend: endpoint === null ? null : endpointText(endpoint, this.port),
      serverName: this.serverName,
      openedAt: new Date(owner.engine.clock.now() - ageMs).toISOString(),
      ageSeconds: secondsOf(ageMs),
      idleSeconds: secondsOf(now - this.lastActivity),
      bytesIn: wire.bytesRead,
      bytesOut: wire.bytesWritten,
      worker: null,
    };
  }

  close(): void {
    this.over('closed by hand');
  }
}

/** What an error is called in the log. */
export function reasonOf(error: Error | null): string | null {
  if (error === null) return null;
  return (error as NodeJS.ErrnoException).code ?? error.message;
}

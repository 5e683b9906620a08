import type { TErrorCode } from '../../core/errors.ts';
import type { IWireConsumer, Wire } from '../../net/wire.ts';
import type { BackendDial } from '../backend-dial.ts';
import { BodyReader } from './body-reader.ts';
import { INCOMPLETE, MALFORMED } from './field-table.ts';
import { ResponseHead } from './response-head.ts';
import type { UpstreamPool } from './upstream-pool.ts';

/** Whoever sends a request through an upstream connection. */
export interface IUpstreamOwner {
  readonly method: string;
  readonly responseHeadBytesMax: number;
  /** Says who the client is, for a backend that is told so before anything else. */
  proxyHeader(version: 1 | 2): Buffer;
  /** The connection is there; the request may be sent. */
  onUpstreamConnect(upstream: UpstreamConnection): void;
  /** A 1xx response other than 101. `head` is valid until this returns. */
  onInformational(head: ResponseHead): void;
  /** The final response's head. The owner may abandon the upstream or begin a tunnel. */
  onResponseHead(upstream: UpstreamConnection, head: ResponseHead, body: BodyReader): void;
  /** Data of the response: the pieces of `body` in `bytes`. Also called once without data after a head. */
  onResponseBody(bytes: Buffer, body: BodyReader): void;
  /** The response is complete; `reusable` tells whether the backend keeps the connection. */
  onResponseEnd(upstream: UpstreamConnection, reusable: boolean): void;
  /** What was written to the backend has left. */
  onUpstreamDrain(): void;
  /** The connection failed or closed before the response was complete. */
  onUpstreamFailure(upstream: UpstreamConnection, code: TErrorCode, reason: string): void;
}

/** Whoever goes on with raw bytes after a response. */
export interface ITunnelEnd {
  /** Bytes from the backend. */
  onTunnelBytes(bytes: Buffer, start: number, end: number): void;
  /** The backend sent FIN. */
  onTunnelEnd(): void;
  /** What was written to the backend has left. */
  onUpstreamDrain(): void;
  /** The connection is gone; `closedReason` when both sides had ended. */
  onUpstreamClose(reason: string): void;
}

/** Milliseconds without progress that a connection without an owner gets to send what it has. */
const detachedMs = 30_000;

const phase = { connecting: 0, idle: 1, head: 2, body: 3, tunnel: 4, closed: 5 } as const;

/** In place of a head that is not needed any more. */
const noHead = new ResponseHead();

/** Reason of a failure without an error: the backend just closed. */
export const closedReason = 'closed';

/** A connection to a backend: one request at a time, then the next or the pool. */
export class UpstreamConnection implements IWireConsumer {
  // Set by the pool right after construction.
  wire!: Wire;
  readonly pool: UpstreamPool;
  /** How it came to its backend; null: by an address. */
  route: BackendDial | null = null;
  /** It served a request before: a close without an answer may just be its age. */
  reused = false;
  isIdle = false;
  /** Monotonic milliseconds of the last use. */
  idleSince = 0;
  /** Bytes of a response have arrived for the current request. */
  answered = false;
  private owner: IUpstreamOwner | null;
  private tunnel: ITunnelEnd | null = null;
  private phase: number = phase.connecting;
  private readonly body = new BodyReader();
  private head = new ResponseHead();
  private stash: Buffer | null = null;
  /** Looks whether it still gets on, when it is detached. */
  private farewell: NodeJS.Timeout | null = null;
  private keepAlive = true;

  constructor(pool: UpstreamPool, owner: IUpstreamOwner) {
    this.pool = pool;
    this.owner = owner;
  }

  /** The backend's name leads elsewhere. */
  get isAway(): boolean {
    return this.route?.isAway === true;
  }

  /** The connection is there. */
  onConnect(): void {
    if (this.phase !== phase.connecting) return;
    this.phase = phase.idle;
    const { owner } = this;
    if (owner === null) this.wire.destroy();
    else owner.onUpstreamConnect(this);
  }

  /** Expects the response to a request that the owner sends now. */
  begin(owner: IUpstreamOwner): void {
    this.owner = owner;
    this.phase = phase.head;
    this.answered = false;
    // Before the request is there, whatever the backend says is no answer to it.
    this.wire.readsAfterFailure = false;
    if (this.wire.isPaused) this.wire.resume();
  }

  /** Parts from the owner and closes: the request is over, its response is not wanted. */
  abandon(): void {
    this.owner = null;
    this.tunnel = null;
    this.wire.destroy();
  }

  /** Parts from the owner with RST, so that the backend sees that the client broke off. */
  reset(): void {
    this.owner = null;
    this.tunnel = null;
    this.wire.reset();
  }

  /** Parts from the owner, when both sides have ended; closes once what was written has left. */
  detach(): void {
    this.tunnel = null;
    const { wire } = this;
    wire.end();
    // Nobody looks after it any more.
    const look = () => {
      if (!wire.unsentMoved) wire.destroy();
    };
    this.farewell = setInterval(look, detachedMs).unref();
  }

  /** The owner goes on with raw bytes, after 101 or a successful CONNECT. */
  beginTunnel(tunnel: ITunnelEnd): void {
    this.phase = phase.tunnel;
    this.owner = null;
    this.tunnel = tunnel;
    // A tunnel may live for days, and there is no head to come.
    this.head = noHead;
  }

  onBytes(bytes: Buffer, start: number, end: number): void {
    if (this.stash !== null) {
      const joined = Buffer.concat([this.stash, bytes.subarray(start, end)]);
      this.stash = null;
      this.consume(joined, 0, joined.length);
      return;
    }
    if (this.phase === phase.head || this.phase === phase.body) {
      this.consume(bytes, start, end);
      return;
    }
    if (this.phase === phase.tunnel) {
      this.tunnel?.onTunnelBytes(bytes, start, end);
      return;
    }
    // A backend that speaks without being asked would answer in the next request's place.
    this.discard();
  }

  /** Closes, and is not handed out any more: the close itself is reported later. */
  private discard(): void {
    this.pool.remove(this);
    this.wire.destroy();
  }

  private consume(bytes: Buffer, start: number, end: number): void {
    let at = start;
    this.answered = true;
    while (this.owner !== null) {
      if (this.phase === phase.head) {
        at = this.readHead(this.owner, bytes, at, end);
        // Behind a 1xx head comes another one; behind others the body, even when it is empty.
        if (at < 0 || (this.phase === phase.head && at >= end)) return;
        continue;
      }
      at = this.body.read(bytes, at, end);
      this.owner.onResponseBody(bytes, this.body);
      if (this.body.failed) return this.fail('UPSTREAM_INVALID', 'bad chunk');
      if (this.body.complete) return this.finish(at === end);
      if (at >= end) return;
    }
    if (this.tunnel !== null && at < end) this.tunnel.onTunnelBytes(bytes, at, end);
  }

  /** Returns the position behind the head, or -1 when there is nothing more to do now. */
  private readHead(owner: IUpstreamOwner, bytes: Buffer, start: number, end: number): number {
    const { head } = this;
    const stop = head.parse(bytes, start, end, owner.method, owner.responseHeadBytesMax);
    if (stop === INCOMPLETE) {
      this.stash = Buffer.from(bytes.subarray(start, end));
      return -1;
    }
    if (stop === MALFORMED) {
      this.fail('UPSTREAM_INVALID', 'bad response head');
      return -1;
    }
    if (head.status < 200 && head.status !== 101) {
      owner.onInformational(head);
      return stop;
    }
    this.phase = phase.body;
    this.keepAlive = head.keepAlive;
    this.body.begin(head.body, head.contentLength);
    owner.onResponseHead(this, head, this.body);
    return stop;
  }

  private finish(clean: boolean): void {
    const { owner } = this;
    this.owner = null;
    this.phase = phase.idle;
    this.reused = true;
    owner?.onResponseEnd(this, clean && this.keepAlive);
  }

  onEnd(): void {
    if (this.phase === phase.tunnel) {
      this.tunnel?.onTunnelEnd();
      return;
    }
    if (this.phase === phase.body && this.owner !== null) {
      this.body.finish();
      if (this.body.complete) {
        const { owner } = this;
        this.body.pieceCount = 0;
        this.body.pieceBytes = 0;
        owner.onResponseBody(noBytes, this.body);
        this.finish(false);
        return;
      }
    }
    // Half-open is of no use between requests, and a broken response stays broken.
    this.discard();
  }

  onDrain(): void {
    if (this.phase === phase.tunnel) this.tunnel?.onUpstreamDrain();
    else this.owner?.onUpstreamDrain();
  }

  onClose(error: Error | null): void {
    const connecting = this.phase === phase.connecting;
    this.phase = phase.closed;
    if (this.farewell !== null) clearInterval(this.farewell);
    this.pool.remove(this);
    const { owner, tunnel } = this;
    this.tunnel = null;
    tunnel?.onUpstreamClose(reasonOf(error, false));
    if (owner === null) return;
    this.owner = null;
    const code = codeOf(error, connecting);
    owner.onUpstreamFailure(this, code, reasonOf(error, connecting));
  }

  private fail(code: TErrorCode, reason: string): void {
    const { owner } = this;
    this.owner = null;
    this.wire.destroy();
    owner?.onUpstreamFailure(this, code, reason);
  }

  /** Gives up on the backend: it took too long. */
  timeout(reason: string): void {
    if (this.route?.isWaiting === true) this.fail('UPSTREAM_UNKNOWN_HOST', 'EAI_AGAIN');
    else this.fail('UPSTREAM_TIMEOUT', reason);
  }
}

const noBytes = Buffer.alloc(0);

/** What we may lack ourselves: descriptors, memory, local ports. */
const ownLacks: ReadonlySet<string> = new Set([
  'EMFILE',
  'ENFILE',
  'ENOMEM',
  'ENOBUFS',
  'EADDRNOTAVAIL',
]);

/** Whether the reason of a failure says nothing about the backend. */
export function isOwnLack(reason: string): boolean {
  return ownLacks.has(reason);
}

function codeOf(error: Error | null, connecting: boolean): TErrorCode {
  const code = (error as NodeJS.ErrnoException | null)?.code ?? '';
  if (code === 'ECONNREFUSED' || code === 'ENOENT' || code === 'EACCES') return 'UPSTREAM_REFUSED';
  if (code === 'ETIMEDOUT') return 'UPSTREAM_TIMEOUT';
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN') return 'UPSTREAM_UNKNOWN_HOST';
  if (code.startsWith('ERR_TLS') || code.startsWith('ERR_SSL') || isCertificateError(code)) {
    return 'UPSTREAM_TLS';
  }
  if (connecting && code !== 'ECONNRESET') return 'UPSTREAM_REFUSED';
  return 'UPSTREAM_RESET';
}

function isCertificateError(code: string): boolean {
  return /CERT|SELF_SIGNED|UNABLE_TO|HOSTNAME|EPROTO/.test(code);
}

function reasonOf(error: Error | null, connecting: boolean): string {
  if (error !== null) return (error as NodeJS.ErrnoException).code ?? error.message;
  return connecting ? 'closed while connecting' : closedReason;
}

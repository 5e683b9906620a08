import type { IWireConsumer, Wire } from '../../net/wire.ts';
import type { IClientAddress } from '../client-address.ts';
import type { Route } from '../route.ts';
import { buildAnswer, type IAnswerOptions } from './answer-builder.ts';
import { BodyReader } from './body-reader.ts';
import { ConnectionPace } from './connection-pace.ts';
import type { IEngine, IEntrypointPlan } from './engine.ts';
import { Exchange } from './exchange.ts';
import type { ExchangeState } from './exchange-state.ts';
import { INCOMPLETE, MALFORMED } from './field-table.ts';
import { directForwarding, type IForwarding, trustedForwarding } from './forwarding.ts';
import { KnownRequest } from './known-request.ts';
import type { IOutgoingRequest } from './request-builder.ts';
import { bodyKind, RequestHead } from './request-head.ts';
import { ResponseRelay } from './response-relay.ts';
import { type ServiceExchange, serviceExchange } from './service-exchange.ts';
import { codeOfRefusal, type TAnswerCode } from './statuses.ts';
import type { Tunnel } from './tunnel.ts';

/** Where a connection stands between two requests and in one. */
export const phase = {
  /** Waits for the first byte of a request. */
  idle: 0,
  /** Has a part of a head. */
  head: 1,
  /** An exchange is under way. */
  exchange: 2,
  /** Raw bytes both ways. */
  tunnel: 3,
  /** The last answer is on its way; what still arrives is thrown away. */
  closing: 4,
  closed: 5,
} as const;

/** Bytes that are kept while they cannot be used: a waiting request's body, or further requests. */
const stashBytesMax = 65_536;

/** Written bytes that a client may leave unread before its next request is looked at. */
const pendingBytesMax = 262_144;

/** Bytes of a request that nobody wants any more, read so that its sender sees our answer. */
const lingerBytesMax = 1_048_576;

/** Milliseconds that are given to the sender of such bytes. */
const lingerMs = 5000;

/** Bytes of a head that is kept to recognise its repetition. */
const knownBytesMax = 4096;

/** Attempts at an incomplete head before only its end is looked for. */
const parsesMax = 8;

const requestHead = new RequestHead();

/** A client's connection: reads its requests one after the other, and hands each to an `Exchange`. */
export class ClientConnection implements IWireConsumer {
  // Set by the listener right after construction.
  wire!: Wire;
  readonly engine: IEngine;
  readonly id: number;
  readonly client: IClientAddress;
  /** Address of the client; with the PROXY protocol it is not the socket's. */
  readonly peerIp: string;
  readonly isTrusted: boolean;
  readonly openedAt: number;
  /** Finds the current request's body. */
  readonly body = new BodyReader();
  /** Sends the current response. */
  readonly response = new ResponseRelay();
  plan: IEntrypointPlan;
  phase: number = phase.idle;
  /** Monotonic milliseconds; what happens then depends on the phase. */
  deadline: number;
  /** The client has sent FIN. */
  ended = false;
  /** The next answer is the last one, and says so. */
  isLeaving = false;
  /** Holds it at its bandwidth; null: it goes as fast as it can. */
  readonly pace: ConnectionPace | null;
  /** Monotonic milliseconds of the last bytes from the client. */
  lastRead: number;
  /** The backend takes no more of the request's body at the moment. */
  isBodyBlocked = false;
  private exchange: Exchange | ServiceExchange | null = null;
  private tunnel: Tunnel | null = null;
  private known: KnownRequest | null = null;
  private stash: Buffer | null = null;
  private parses = 0;
  private consuming = false;
  /** Bytes that came after the last answer. */
  private lingered = 0;
  /** All was sent: only the client's FIN is waited for. */
  private lingers = false;
  /** A response waits to be read by the client before the next request starts. */
  private waitsForDrain = false;
  private authority = '';
  private hostKey = '';
  private forwarding: IForwarding | null = null;
  private readonly onGone: (connection: ClientConnection) => void;

  constructor(
    engine: IEngine,
    plan: IEntrypointPlan,
    id: number,
    client: IClientAddress,
    onGone: (connection: ClientConnection) => void,
  ) {
    this.engine = engine;
    this.plan = plan;
    this.id = id;
    this.client = client;
    this.peerIp = client.clientIp;
    this.onGone = onGone;
    this.isTrusted = engine.settings.trusted?.contains(this.peerIp) ?? false;
    this.pace = plan.bandwidth === null ? null : new ConnectionPace(plan.bandwidth);
    this.openedAt = engine.now;
    this.lastRead = engine.now;
    this.deadline = this.after(plan.timeouts.headMs);
  }

  onBytes(bytes: Buffer, start: number, end: number): void {
    const { engine, pace } = this;
    engine.now = performance.now();
    this.lastRead = engine.now;
    if (pace !== null && !pace.took(end - start, engine.now)) this.wire.pause();
    if (this.phase === phase.tunnel) {
      this.tunnel?.onClientBytes(bytes, start, end);
      return;
    }
    const { stash } = this;
    if (stash === null) {
      this.consume(bytes, start, end);
      return;
    }
    const joined = Buffer.concat([stash, bytes.subarray(start, end)]);
    if (this.phase === phase.exchange && this.exchange?.wantsBody !== true) {
      this.stash = joined;
      this.settle();
    } else {
      this.stash = null;
      this.consume(joined, 0, joined.length);
    }
  }

  private consume(bytes: Buffer, start: number, end: number): void {
    this.consuming = true;
    let at = start;
    while (at >= 0 && at < end) {
      if (this.phase === phase.idle || this.phase === phase.head) {
        if (this.waitsForDrain) break;
        at = this.readHead(bytes, at, end);
      } else if (this.phase === phase.exchange) {
        const exchange = this.exchange as Exchange | ServiceExchange;
        if (!exchange.wantsBody) break;
        at = exchange.onRequestBytes(bytes, at, end);
      } else {
        break;
      }
    }
    this.consuming = false;
    if (at >= 0 && at < end) {
      if (this.phase === phase.closing) this.discard(end - at);
      else if (this.phase !== phase.closed) this.stash = Buffer.from(bytes.subarray(at, end));
    }
    this.exchange?.flushRequest();
    this.settle();
  }

  /**
   * Reads on, or not while something has to catch up first. Everything that
   * changes what it depends on ends here, so that nothing waits for ever.
   */
  private settle(): void {
    const { wire, stash } = this;
    if (this.phase === phase.exchange) {
      if (this.isBodyBlocked || (stash !== null && stash.length >= stashBytesMax)) wire.pause();
      else this.readOn();
      if (this.ended) this.exchange?.onClientEnd();
    } else if (this.phase <= phase.head) {
      if (this.waitsForDrain) wire.pause();
      else if (this.ended) this.close();
      else this.readOn();
    }
  }

  /** Reads on, as soon as the bandwidth allows it. */
  readOn(): void {
    if (this.pace?.holdsIn !== true) this.wire.resume();
  }

  /**
   * Notes that a response, or a tunnel's bytes, were written to the client.
   *
   * @param flowing the client's socket takes more.
   * @returns false: the backend is to be read on after `onClientDrain` only.
   */
  wrote(flowing: boolean): boolean {
    const { pace } = this;
    return pace === null ? flowing : pace.wrote(flowing, this.wire.bytesWritten, this.engine.now);
  }

  /** Goes on where the bandwidth made a pause. */
  private goOnPaced(pace: ConnectionPace, now: number): void {
    if (pace.releaseOut(now)) this.tellDrain();
    if (!pace.releaseIn(now)) return;
    if (this.phase <= phase.exchange) this.settle();
    else if (this.phase === phase.tunnel) this.tunnel?.readOn();
    else if (this.lingered <= lingerBytesMax) this.wire.resume();
  }

  private tellDrain(): void {
    this.exchange?.onClientDrain();
    this.tunnel?.onClientDrain();
  }

  /** Returns the position behind the head, or -1 when the rest is kept or was refused. */
  private readHead(bytes: Buffer, start: number, end: number): number {
    let at = start;
    if (this.phase === phase.idle) {
      // Empty lines before a request are skipped (RFC 9112 §2.2).
      while (at + 1 < end && bytes[at] === 13 && bytes[at + 1] === 10) at += 2;
      if (at === end) return -1;
      this.phase = phase.head;
      this.parses = 0;
      this.deadline = this.after(this.plan.timeouts.headMs);
    }
    const { known } = this;
    if (known?.isAgain(bytes, at, end, this.engine, this.plan)) {
      this.phase = phase.exchange;
      this.body.begin(bodyKind.none, 0);
      this.exchange = new Exchange(this, known.summary, known.length, null);
      this.exchange.repeat(known);
      return at + known.length;
    }
    const { limits } = this.plan;
    if (this.parses >= parsesMax && end - at <= limits.headBytesMax) {
      if (bytes.indexOf('\r\n\r\n', at, 'latin1') === -1) {
        this.stash = bytes.subarray(at, end);
        return -1;
      }
    }
    this.parses++;
    const stop = requestHead.parse(bytes, at, end, limits);
    if (stop === INCOMPLETE) {
      this.stash = Buffer.from(bytes.subarray(at, end));
      return -1;
    }
    if (stop === MALFORMED) {
      this.refuse(requestHead.status);
      return -1;
    }
    this.begin(stop - at);
    return stop;
  }

  private begin(headBytes: number): void {
    this.phase = phase.exchange;
    if (requestHead.authority !== this.authority || this.forwarding === null) this.learnHost();
    this.body.begin(requestHead.body, requestHead.contentLength);
    const { services } = this.engine.settings;
    if (services !== null) {
      this.exchange = serviceExchange(services, this, requestHead, headBytes, this.hostKey);
      if (this.exchange !== null) return this.exchange.run(requestHead, this.forwardingOf());
    }
    const exchange = new Exchange(this, requestHead, headBytes, requestHead.fields);
    this.exchange = exchange;
    exchange.run(requestHead, this.hostKey, this.forwardingOf());
  }

  /** Keeps what was made of a plain request, for its repetition. */
  remember(
    head: RequestHead,
    route: Route,
    outgoing: IOutgoingRequest,
    { uri: target, userAgent, referer }: Exchange,
  ): void {
    const { method, authority, minor, keepAlive, fields } = head;
    if (fields.text.length > knownBytesMax) return;
    const upgrade = '';
    const summary = { method, target, authority, minor, keepAlive, upgrade, userAgent, referer };
    const matched = { text: fields.text, hostKey: this.hostKey, target: head.target };
    this.known = new KnownRequest(matched, summary, route, outgoing, this.engine, this.plan);
  }

  /** Remembers what depends on the Host only: clients rarely change it on one connection. */
  private learnHost(): void {
    this.authority = requestHead.authority;
    const host = requestHead.host.toLowerCase();
    this.hostKey = host.endsWith('.') ? host.slice(0, -1) : host;
    this.forwarding = directForwarding(this.peerIp, this.protocol, this.authority);
  }

  private forwardingOf(): IForwarding {
    const { trusted } = this.engine.settings;
    if (!this.isTrusted || trusted === null) return this.forwarding as IForwarding;
    return trustedForwarding(requestHead, this.peerIp, this.protocol, trusted);
  }

  /** The request under way, or the one that became a tunnel; null: there is none. */
  get current(): ExchangeState | null {
    return this.exchange ?? this.tunnel?.exchange ?? null;
  }

  /** Monotonic milliseconds when something last moved, either way. */
  get lastMoved(): number {
    const { lastRead, exchange, tunnel } = this;
    return Math.max(lastRead, exchange?.lastActivity ?? tunnel?.lastActivity ?? 0);
  }

  /** Protocol of this connection. */
  get protocol(): 'http' | 'https' {
    return this.wire.secure ? 'https' : 'http';
  }

  /** Monotonic time in `ms`; never for 0. */
  after(ms: number): number {
    return ms === 0 ? Number.POSITIVE_INFINITY : this.engine.now + ms;
  }

  /** The exchange wants the body that was kept, or is ready for more of it. */
  resumeBody(): void {
    this.isBodyBlocked = false;
    // What is being consumed goes on by itself.
    if (this.consuming) return;
    const { stash } = this;
    if (stash !== null && this.exchange?.wantsBody === true) {
      this.stash = null;
      this.consume(stash, 0, stash.length);
      return;
    }
    this.exchange?.flushRequest();
    this.settle();
  }

  /**
   * The exchange is over.
   *
   * @param keepAlive the connection may carry another request.
   * @param bodyComplete the request's body was read to its end.
   */
  next(keepAlive: boolean, bodyComplete: boolean): void {
    if (this.phase >= phase.closing) return;
    this.exchange = null;
    this.isBodyBlocked = false;
    if (!keepAlive || !bodyComplete) {
      this.close();
      return;
    }
    const { idleMs, responseMs } = this.plan.timeouts;
    this.phase = phase.idle;
    this.waitsForDrain = this.wire.pendingBytes > pendingBytesMax;
    this.deadline = this.after(this.waitsForDrain ? responseMs : idleMs);
    this.goOn();
  }

  /** Takes up the bytes of the next request, if they are here already. */
  private goOn(): void {
    if (this.consuming) return;
    const { stash } = this;
    if (stash !== null && !this.waitsForDrain) {
      this.stash = null;
      this.consume(stash, 0, stash.length);
    } else {
      this.settle();
    }
  }

  /** The connection carries raw bytes from now on. */
  beginTunnel(tunnel: Tunnel): void {
    this.phase = phase.tunnel;
    this.exchange = null;
    this.tunnel = tunnel;
    this.known = null;
    this.forwarding = null;
    const { stash } = this;
    this.stash = null;
    this.readOn();
    if (stash !== null) tunnel.onClientBytes(stash, 0, stash.length);
    if (this.ended) tunnel.onClientEnd();
  }

  /** Refuses what cannot be understood; the connection cannot be used after that. */
  refuse(status: number): void {
    const { engine } = this;
    const code = codeOfRefusal(status);
    const bytesOut = this.answer(status, code, '', true);
    engine.tracker.record(null, status, 0, 0, bytesOut, engine.now);
    this.close();
  }

  /** Sends an answer of ours; returns its size. */
  answer(
    status: number,
    code: TAnswerCode,
    lines: string,
    closes: boolean,
    options: IAnswerOptions = {},
  ): number {
    const { head, body } = buildAnswer(status, code, lines, closes, options);
    if (typeof body === 'string') this.wire.writeText(head + body);
    else this.wire.writeStable(Buffer.concat([Buffer.from(head, 'latin1'), body]));
    return head.length + body.length;
  }

  /**
   * Sends FIN after what was written.
   *
   * While the client still sends, its bytes are read and thrown away for a
   * while: a reset would take the answer from it (RFC 9112 §9.6).
   */
  close(): void {
    if (this.phase >= phase.closing) return;
    this.phase = phase.closing;
    this.exchange = null;
    this.stash = null;
    this.waitsForDrain = false;
    this.deadline = this.after(this.plan.timeouts.responseMs);
    this.wire.end();
    this.readOn();
  }

  private discard(count: number): void {
    this.lingered += count;
    if (this.lingered <= lingerBytesMax) return;
    // Closing now would take what is still on its way from the client.
    if (this.wire.pendingBytes > 0) this.wire.pause();
    else this.wire.destroy();
  }

  /** Breaks off so that the client cannot take what it has for the whole. */
  abort(): void {
    this.wire.reset();
  }

  /** Closes the connection if nothing is under way; else it closes after the current request. */
  drain(): void {
    if (this.phase === phase.idle) this.close();
  }

  /** Called a few times a second: does what a passed deadline asks for. */
  check(now: number): void {
    if (this.pace !== null) this.goOnPaced(this.pace, now);
    if (this.phase === phase.exchange) return this.exchange?.check(now);
    if (this.phase === phase.tunnel) return this.tunnel?.check(now);
    const { wire } = this;
    const isSending = this.waitsForDrain || (this.phase === phase.closing && wire.pendingBytes > 0);
    if (isSending) {
      // A slow client may take as long as it likes, if only it takes something.
      if (wire.unsentMoved) this.deadline = this.after(this.plan.timeouts.responseMs);
    } else if (this.phase === phase.closing && !this.lingers) {
      this.lingers = true;
      this.deadline = now + lingerMs;
    }
    if (now < this.deadline) return;
    if (isSending) wire.reset();
    else if (this.phase === phase.head) this.refuse(408);
    else if (this.phase === phase.idle) this.close();
    else wire.destroy();
  }

  onEnd(): void {
    this.ended = true;
    if (this.phase === phase.exchange) this.exchange?.onClientEnd();
    else if (this.phase === phase.tunnel) this.tunnel?.onClientEnd();
    else if (this.phase === phase.head) this.refuse(400);
    else this.settle();
  }

  onDrain(): void {
    const isHeld = this.pace !== null && !this.pace.drained();
    if (this.waitsForDrain) {
      this.waitsForDrain = false;
      this.deadline = this.after(this.plan.timeouts.idleMs);
      this.goOn();
      return;
    }
    if (!isHeld) this.tellDrain();
  }

  onClose(error: Error | null): void {
    const { exchange, tunnel } = this;
    this.phase = phase.closed;
    this.exchange = null;
    this.tunnel = null;
    this.stash = null;
    exchange?.onClientClose();
    tunnel?.onClientClose(error);
    this.onGone(this);
  }

  /** Name of the host that the client asked for by SNI, '' without TLS. */
  get serverName(): string {
    return this.wire.serverName;
  }
}

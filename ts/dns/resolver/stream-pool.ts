import type { IClock, ITimer } from '../../core/clock.ts';
import { failureOf, type TExchange } from './datagram-query.ts';
import { encodeQuery, type IQueryMessage, matchReply } from './query-message.ts';
import type { TRandom } from './random.ts';
import { type IServer, type IStreamChannel, type ITransport, serverKey } from './transport.ts';

/** What a pool of streams works with. */
export interface IStreamPoolParts {
  readonly transport: ITransport;
  readonly clock: IClock;
  readonly random: TRandom;
  /** How long an unused stream stays open. @default 10,000 */
  readonly idleTimeoutMs?: number;
  /** Streams in all; an unused one makes room. @default 200 */
  readonly streamsMax?: number;
}

const idleTimeoutMsDefault = 10_000;
const streamsMaxDefault = 200;
/** Queries on one stream that wait for an answer; more go on the next stream. */
const pipelineMax = 100;
/** Streams to one server; more queries fail at once. */
const streamsPerServerMax = 4;

const tooMany: TExchange = {
  kind: 'failed',
  reason: 'too many connections are open',
  isOurs: true,
};

interface IWaiting {
  readonly query: IQueryMessage;
  readonly timer: ITimer;
  done(exchange: TExchange): void;
}

/** A connection, on which queries are pipelined and answered in any order (RFC 7766 §6.2). */
class Stream {
  readonly waiting = new Map<number, IWaiting>();
  /** Whether it was of use before: then its end may only mean that the server was tired of it. */
  hasAnswered = false;
  isClosed = false;
  /** It left a query without an answer. */
  isTired = false;
  idleTimer: ITimer | null = null;
  readonly channel: IStreamChannel;
  private rest: Buffer = Buffer.alloc(0);
  private readonly pool: StreamPool;
  private readonly key: string;

  constructor(pool: StreamPool, transport: ITransport, server: IServer) {
    this.pool = pool;
    this.key = serverKey(server);
    this.channel = transport.openStream(server, {
      opened: () => undefined,
      data: (bytes) => this.take(bytes),
      closed: (error) => {
        if (error === null) this.end('the server closed the connection');
        else this.fail(failureOf(error));
      },
    });
  }

  /** Closes it; what waits fails. */
  end(reason: string): void {
    this.fail({ kind: 'failed', reason });
  }

  private fail(exchange: TExchange): void {
    if (this.isClosed) return;
    this.isClosed = true;
    this.idleTimer?.cancel();
    this.channel.close();
    this.pool.forget(this.key, this);
    const waiting = [...this.waiting.values()];
    this.waiting.clear();
    for (const { timer, done } of waiting) {
      timer.cancel();
      done(exchange);
    }
  }

  private take(bytes: Buffer): void {
    if (this.isClosed) return;
    this.rest = this.rest.length === 0 ? bytes : Buffer.concat([this.rest, bytes]);
    while (this.rest.length >= 2 && !this.isClosed) {
      const end = 2 + this.rest.readUInt16BE(0);
      if (this.rest.length < end) return;
      const message = this.rest.subarray(2, end);
      this.rest = this.rest.subarray(end);
      this.deliver(message);
    }
  }

  private deliver(message: Buffer): void {
    const id = message.length < 2 ? -1 : message.readUInt16BE(0);
    const waiting = this.waiting.get(id);
    // Most likely the answer to a query that was given up.
    if (waiting === undefined) return;
    const match = matchReply(message, waiting.query);
    // A server that folds the case cannot be told from one that lies, but TCP is hard to forge.
    if (match !== 'match' && match !== 'case') {
      this.end('the answer is to another question');
      return;
    }
    this.waiting.delete(id);
    this.hasAnswered = true;
    waiting.timer.cancel();
    waiting.done({ kind: 'reply', bytes: message });
    this.pool.rest(this);
  }
}

/**
 * Streams to servers, kept open for a while for the next query. Whoever makes one closes it.
 */
export class StreamPool {
  private readonly parts: IStreamPoolParts;
  private readonly byServer = new Map<string, Stream[]>();
  private count = 0;

  constructor(parts: IStreamPoolParts) {
    this.parts = parts;
  }

  /** Streams that are open. */
  get size(): number {
    return this.count;
  }

  /**
   * Asks by TCP, or by TLS when the server's protocol is that. The id of the query is replaced by
   * one that is free on the stream. A stream that an earlier query used and that ends before it
   * answers is replaced by a new one, once.
   */
  async ask(server: IServer, query: IQueryMessage, timeoutMs: number): Promise<TExchange> {
    const { clock } = this.parts;
    const startMs = clock.monotonic();
    const first = this.streamTo(server);
    if (first === null) return tooMany;
    const wasUsed = first.hasAnswered;
    const exchange = await this.askOn(first, query, timeoutMs);
    const leftMs = timeoutMs - (clock.monotonic() - startMs);
    if (exchange.kind !== 'failed' || !wasUsed || leftMs <= 0) return exchange;
    const second = this.open(server);
    return second === null ? exchange : this.askOn(second, query, leftMs);
  }

  /** Closes every stream; what waits fails. */
  close(): void {
    for (const streams of [...this.byServer.values()]) {
      for (const stream of [...streams]) stream.end('the resolver stops');
    }
  }

  /** Called by a stream that has ended. */
  forget(key: string, stream: Stream): void {
    const streams = this.byServer.get(key);
    const index = streams?.indexOf(stream) ?? -1;
    if (streams === undefined || index === -1) return;
    streams.splice(index, 1);
    this.count--;
    if (streams.length === 0) this.byServer.delete(key);
  }

  /** Called by a stream on which less waits than before. */
  rest(stream: Stream): void {
    if (stream.waiting.size > 0 || stream.isClosed) return;
    if (stream.isTired) {
      stream.end('no answer in time');
      return;
    }
    stream.idleTimer = this.parts.clock.setTimeout(
      () => stream.end('the connection was idle'),
      this.parts.idleTimeoutMs ?? idleTimeoutMsDefault,
    );
  }

  private askOn(stream: Stream, query: IQueryMessage, timeoutMs: number): Promise<TExchange> {
    return new Promise((done) => {
      let id = this.parts.random(0x10000);
      while (stream.waiting.has(id)) id = (id + 1) & 0xffff;
      const timer = this.parts.clock.setTimeout(() => {
        stream.waiting.delete(id);
        // It may be dead without our knowing: what waits on it may still come, but nothing more is
        // asked there.
        stream.isTired = true;
        if (stream.waiting.size === 0) stream.end('no answer in time');
        done({ kind: 'timeout' });
      }, timeoutMs);
      const sent = { ...query, id };
      stream.idleTimer?.cancel();
      stream.idleTimer = null;
      stream.waiting.set(id, { query: sent, timer, done });
      const bytes = encodeQuery(sent);
      const framed = Buffer.allocUnsafe(2 + bytes.length);
      framed.writeUInt16BE(bytes.length, 0);
      bytes.copy(framed, 2);
      stream.channel.write(framed);
    });
  }

  private streamTo(server: IServer): Stream | null {
    const streams = this.byServer.get(serverKey(server)) ?? [];
    const free = streams.find(({ waiting, isTired }) => {
      return !isTired && waiting.size < pipelineMax;
    });
    if (free !== undefined) return free;
    return streams.length >= streamsPerServerMax ? null : this.open(server);
  }

  private open(server: IServer): Stream | null {
    if (this.count >= (this.parts.streamsMax ?? streamsMaxDefault) && !this.makeRoom()) return null;
    const key = serverKey(server);
    const stream = new Stream(this, this.parts.transport, server);
    const streams = this.byServer.get(key);
    if (streams === undefined) this.byServer.set(key, [stream]);
    else streams.push(stream);
    this.count++;
    return stream;
  }

  /** Ends a stream that nobody waits for. */
  private makeRoom(): boolean {
    for (const streams of this.byServer.values()) {
      for (const stream of streams) {
        if (stream.waiting.size > 0) continue;
        stream.end('room is needed');
        return true;
      }
    }
    return false;
  }
}

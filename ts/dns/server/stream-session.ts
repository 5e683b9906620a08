import type { IWireConsumer, Wire } from '../../net/wire.ts';
import { type IDnsClient, type IQueryHandler, streamed } from '../answer/query-handler.ts';
import { headerBytes } from '../codec/message.ts';
import { rcode } from '../codec/types.ts';
import type { DnsCounters } from './dns-counters.ts';
import { FrameBuffer, lengthBytes } from './frame-buffer.ts';
import { failed, failureBytes, isTruncated, safeAnswer } from './replies.ts';

/** What a session needs of its server. */
export interface ISessionHost {
  readonly handler: IQueryHandler;
  readonly counters: DnsCounters;
  /** Answers of several messages that one session may be sent at once. */
  readonly streamsMax: number;
  readonly fault: (error: unknown) => void;
  /** The client asked a whole query, or took what we had for it. */
  active(session: StreamSession): void;
  /** The connection is gone. */
  closed(session: StreamSession): void;
}

/** All sessions put their answers together here, behind their length. */
const framed = Buffer.allocUnsafeSlow(lengthBytes + 65_535);
const out = framed.subarray(lengthBytes);

/** Answers are sent together until they are so many bytes. */
const batchBytes = 32_768;
/** Bytes of answers, and queries, after which others have their turn. */
const turnBytes = 131_072;
const turnQueries = 256;

/**
 * One connection by TCP or TLS: queries come one behind the other, and each is answered as soon as
 * its answer is known (RFC 7766 §6.2.1.1 and §7). While the client does not take answers, nothing
 * more is read from it.
 */
export class StreamSession implements IWireConsumer {
  readonly client: IDnsClient;
  /** On the clock's `monotonic()`, by the server. */
  activeAtMs = 0;
  private readonly host: ISessionHost;
  private readonly wire: Wire;
  private readonly received = new FrameBuffer();
  private streams = 0;
  private isBlocked = false;
  /** Goes on when others have had their turn. */
  private isResting = false;
  private hasEnded = false;
  private isClosed = false;
  private waiting: (() => void)[] = [];

  /** @param open makes the wire, which begins to read. */
  constructor(host: ISessionHost, client: IDnsClient, open: (consumer: IWireConsumer) => Wire) {
    this.host = host;
    this.client = client;
    this.wire = open(this);
  }

  /** Answers that are being made, while the client takes what there is. */
  get isBusy(): boolean {
    return this.streams > 0 && !this.isBlocked;
  }

  /** Closes when all that was asked is answered; nothing more is read. */
  drain(): void {
    this.hasEnded = true;
    this.turn();
  }

  /** Closes at once. */
  destroy(): void {
    this.wire.destroy();
  }

  onBytes(bytes: Buffer, start: number, end: number): void {
    this.received.append(bytes, start, end);
    this.work();
  }

  onEnd(): void {
    this.hasEnded = true;
    this.endWhenDone();
  }

  onDrain(): void {
    this.isBlocked = false;
    this.host.active(this);
    for (const resume of this.waiting.splice(0)) resume();
    this.work();
  }

  onClose(): void {
    this.isClosed = true;
    for (const resume of this.waiting.splice(0)) resume();
    this.host.closed(this);
  }

  /** Answers what has come, as far as the client takes it. */
  private work(): void {
    const { received, wire, host } = this;
    let written = 0;
    let turnLeft = turnBytes;
    let queriesLeft = turnQueries;
    let isHeld = this.isHeld;
    wire.begin();
    while (!isHeld && !wire.isClosed) {
      const query = received.next();
      if (query === null) break;
      host.active(this);
      const length = this.answer(query);
      if (length < 0) {
        wire.flush();
        this.destroy();
        return;
      }
      if (length > 0) wire.addBytes(framed, 0, lengthBytes + length);
      written += length;
      turnLeft -= length;
      isHeld = this.streams >= host.streamsMax;
      if (turnLeft <= 0 || --queriesLeft === 0) {
        this.rest();
        isHeld = true;
      }
      if (written < batchBytes) continue;
      this.isBlocked = !wire.flush();
      isHeld ||= this.isBlocked;
      wire.begin();
      written = 0;
    }
    if (written > 0) this.isBlocked = !wire.flush();
    received.trim();
    this.turn();
  }

  private get isHeld(): boolean {
    return this.isBlocked || this.isResting || this.streams >= this.host.streamsMax;
  }

  /** Whoever sends queries without end, and takes the answers, does not keep others waiting. */
  private rest(): void {
    this.isResting = true;
    setImmediate(() => {
      this.isResting = false;
      if (!this.isClosed) this.work();
    });
  }

  /** Reads on, or stops reading. */
  private turn(): void {
    const { wire } = this;
    if (wire.isClosed) return;
    if (this.isHeld && !wire.isPaused) wire.pause();
    else if (!this.isHeld && wire.isPaused) wire.resume();
    this.endWhenDone();
  }

  /** @returns bytes to send, 0 when there are none yet; -1: the client talks nonsense. */
  private answer(query: Buffer): number {
    const { host, client } = this;
    if (query.length < headerBytes) return -1;
    host.counters.queries[client.transport]++;
    let length = safeAnswer(host.handler, query, client, out, host.fault);
    if (length === streamed) {
      void this.stream(Buffer.from(query));
      return 0;
    }
    if (length === 0) {
      host.counters.dropped++;
      return -1;
    }
    if (length === failed) {
      length = failureBytes;
      host.counters.answered(rcode.SERVFAIL);
    } else {
      const { reply } = host.handler;
      host.counters.answered(reply.rcode);
      host.counters.asked(out, reply.questionEnd);
    }
    if (isTruncated(out)) host.counters.truncated++;
    framed.writeUInt16BE(length, 0);
    return length;
  }

  private async stream(query: Buffer): Promise<void> {
    const { host, client } = this;
    this.streams++;
    let isFirst = true;
    try {
      // Nothing may be written within `work`, which is putting answers together.
      await Promise.resolve();
      for await (const message of host.handler.stream(query, client)) {
        if (this.isClosed) return;
        if (isFirst) host.counters.askedIn(message);
        isFirst = false;
        this.send(message);
        if (this.isBlocked) await new Promise<void>((resume) => this.waiting.push(resume));
        if (this.isClosed) return;
      }
    } catch (error) {
      host.fault(error);
      this.destroy();
    } finally {
      this.streams--;
    }
    this.work();
  }

  private send(message: Buffer): void {
    const { wire, host } = this;
    const length = Buffer.allocUnsafe(lengthBytes);
    length.writeUInt16BE(message.length);
    host.counters.answered((message[3] as number) & 15);
    host.active(this);
    wire.begin();
    wire.addBytes(length, 0, lengthBytes);
    wire.addBytes(message, 0, message.length);
    if (!wire.flush()) this.isBlocked = true;
    this.turn();
  }

  /** After a FIN of the client, what it asked before is still answered. */
  private endWhenDone(): void {
    const isDone = this.streams === 0 && !this.isBlocked && !this.isResting;
    if (this.hasEnded && isDone) this.wire.end();
  }
}

import { setImmediate } from 'node:timers/promises';
import { type IClock, systemClock } from '../../core/clock.ts';
import { DcError } from '../../core/errors.ts';
import { type ISocketName, systemError } from '../../net/handles.ts';
import { canonicalIp } from '../../net/ip.ts';
import { listenFailure } from '../../net/listen-failure.ts';
import type { IPortAddress } from '../../net/ports.ts';
import { type IDnsClient, type IQueryHandler, streamed } from '../answer/query-handler.ts';
import { rcode } from '../codec/types.ts';
import { DnsCounters } from './dns-counters.ts';
import {
  cutDown,
  failed,
  failureBytes,
  failureTo,
  isTruncated,
  safeAnswer,
  shortened,
} from './replies.ts';
import type { ResponseRate } from './response-rate.ts';
import {
  bindUdp,
  type IDatagramSource,
  type IUdpHandle,
  portTaken,
  SendRequest,
  type TSendRequest,
} from './udp-handle.ts';

/** What a UDP server works with. */
export interface IUdpServerParts {
  readonly handler: IQueryHandler;
  /** @default counters of its own */
  readonly counters?: DnsCounters;
  /** Null: all answers are sent. @default null */
  readonly rate?: ResponseRate | null;
  /** Other sockets that say so too may have the same port. @default false */
  readonly reusePort?: boolean;
  /** Bytes that the kernel shall keep for us; it gives what it may. @default 4194304, i.e. 4 MiB */
  readonly receiveBufferBytes?: number;
  readonly clock?: IClock;
  /** Hears of errors of ours; the query was answered SERVFAIL. @default they are only counted */
  readonly onFault?: (error: unknown) => void;
}

/** Room for an answer by UDP: more than the largest that an `Answerer` may be told to make. */
const answerBytesMax = 8192;
/** Queries that are answered later, at once; more get SERVFAIL. */
const laterMax = 2048;
/** How long a socket that is left may go on being asked, in milliseconds: until a pause in it. */
const leaveMsMax = 500;

/**
 * Answers queries by UDP on one socket. Datagrams are answered as they come, as many as 32 for each
 * turn of the event loop, without a promise or a copy for any of them.
 *
 * On a machine with several addresses bind each of them: an answer from a socket that is bound to
 * all leaves from the address that the routing table prefers.
 */
export class UdpServer {
  readonly counters: DnsCounters;
  /** May be another one from some datagram on. */
  rate: ResponseRate | null;
  private readonly handler: IQueryHandler;
  private readonly clock: IClock;
  private readonly reusePort: boolean;
  private readonly receiveBufferBytes: number;
  private readonly onFault: (error: unknown) => void;
  private readonly client = new DatagramClient();
  private handle: IUdpHandle | null = null;
  private isIpv6 = false;
  private isOpen = false;
  /** What `open` is to bind. */
  private wanted: IPortAddress | null = null;
  private later = 0;
  /** Datagrams that came since the last look of `leave`. */
  private received = 0;
  private out = Buffer.allocUnsafeSlow(answerBytesMax);
  /** Views of `out` by their length: making one costs as much as sending. */
  private views = noViews();
  private readonly parts: Buffer[] = [];
  private request: TSendRequest = new SendRequest();

  constructor(parts: IUdpServerParts) {
    this.handler = parts.handler;
    this.counters = parts.counters ?? new DnsCounters();
    this.rate = parts.rate ?? null;
    this.clock = parts.clock ?? systemClock;
    this.reusePort = parts.reusePort ?? false;
    this.receiveBufferBytes = parts.receiveBufferBytes ?? 4_194_304;
    this.onFault = parts.onFault ?? (() => undefined);
  }

  /**
   * Binds the port and answers from now on.
   *
   * @param address its host is an IP address; undefined: all, IPv4 and IPv6.
   * @returns what is really bound.
   * @throws DcError `LISTEN_FAILED`.
   */
  async start(address: IPortAddress): Promise<{ address: string; port: number }> {
    const bound = await this.bind(address);
    this.open();
    return bound;
  }

  /**
   * Binds the port; datagrams wait in the kernel, as many as fit, until `open`. As `start`.
   *
   * @param isLate leaves it to `open`: beside a process that still answers, nobody shall wait for
   *   this one. That the port is taken is no error then.
   */
  async bind(address: IPortAddress, isLate = false): Promise<{ address: string; port: number }> {
    if (this.handle !== null) throw new Error('The server was started already');
    // Alone, so that the kernel sends no client of the other process here.
    const bound = this.attach(address, this.reusePort && !isLate);
    if (typeof bound === 'number' && !(isLate && bound === portTaken)) {
      const cause = systemError(bound, 'bind');
      throw new DcError('LISTEN_FAILED', await listenFailure(address, cause.code), { cause });
    }
    if (isLate) {
      this.stop();
      this.wanted = address;
    }
    return typeof bound === 'number' ? { address: address.host ?? '', port: address.port } : bound;
  }

  /** Answers from now on; those that came after `bind` come first. Idempotent. */
  open(): void {
    const { wanted } = this;
    this.wanted = null;
    if (wanted !== null) {
      const bound = this.attach(wanted, this.reusePort);
      if (typeof bound === 'number') this.fault(systemError(bound, 'bind'));
    }
    const { handle } = this;
    if (handle === null || this.isOpen) return;
    this.isOpen = true;
    handle.onmessage = (count, _, bytes, source) => this.receive(count, bytes, source);
    handle.recvStart();
  }

  /** Closes the socket; what waits in it, and answers that are still being made, are lost. Idempotent. */
  stop(): void {
    this.handle?.close();
    this.handle = null;
    this.wanted = null;
  }

  /**
   * Answers what has come already, then closes the socket: others that share the port get the rest.
   * Resolves when it is closed, half a second later at most.
   */
  async leave(): Promise<void> {
    const endMs = performance.now() + leaveMsMax;
    if (this.isOpen) await setImmediate();
    while (this.handle !== null && this.isOpen && performance.now() < endMs) {
      this.received = 0;
      // From one immediate to the next, the loop looks at the socket.
      await setImmediate();
      if (this.received === 0 && this.later === 0) break;
    }
    this.stop();
  }

  private attach(
    address: IPortAddress,
    reusePort: boolean,
  ): { address: string; port: number } | number {
    const bound = bindUdp(address, reusePort);
    if (typeof bound === 'number') return bound;
    const { handle, isIpv6 } = bound;
    const name: ISocketName = {};
    handle.getsockname(name);
    // The kernel gives less than that when it may not give more.
    handle.bufferSize(this.receiveBufferBytes, true, {});
    this.handle = handle;
    this.isIpv6 = isIpv6;
    return { address: name.address ?? '', port: name.port ?? 0 };
  }

  private receive(count: number, query: Buffer, source: IDatagramSource): void {
    // A failed receive has no sender; to port 0 nothing can be sent.
    if (count <= 0 || source.port === 0) return;
    const { handler, client, counters } = this;
    this.received++;
    counters.queries.udp++;
    client.source = source.address;
    const length = safeAnswer(handler, query, client, this.out, this.fault);
    if (length === 0) {
      counters.dropped++;
    } else if (length === streamed) {
      void this.answerLater(query, source);
    } else if (length === failed) {
      counters.answered(rcode.SERVFAIL);
      this.sendOut(failureBytes, source);
    } else {
      this.reply(length, source);
    }
  }

  private readonly fault = (error: unknown): void => {
    this.counters.faults++;
    this.onFault(error);
  };

  private reply(length: number, source: IDatagramSource): void {
    const { counters, rate, handler } = this;
    const { rcode: code, isProven } = handler.reply;
    let size = length;
    if (rate !== null && !isProven) {
      const verdict = rate.take(source.address, code, this.clock.monotonic());
      if (verdict === 'drop') {
        counters.rateLimited++;
        return;
      }
      if (verdict === 'slip') {
        counters.slipped++;
        size = cutDown(this.out, length, handler.reply);
      }
    }
    counters.answered(code);
    counters.asked(this.out, handler.reply.questionEnd);
    if (isTruncated(this.out)) counters.truncated++;
    this.sendOut(size, source);
  }

  /** Sends what `out` begins with. */
  private sendOut(size: number, source: IDatagramSource): void {
    let view = this.views[size];
    if (view === undefined) {
      view = this.out.subarray(0, size);
      this.views[size] = view;
    }
    if (this.send(view, source) === 0) this.replaceOut();
  }

  /** Libuv still reads what it was given: further answers go elsewhere. */
  private replaceOut(): void {
    this.out = Buffer.allocUnsafeSlow(answerBytesMax);
    this.views = noViews();
    this.request = new SendRequest();
  }

  /** @returns as `IUdpHandle.send`. */
  private send(bytes: Buffer, { port, address }: IDatagramSource): number {
    const { handle, parts, request } = this;
    if (handle === null) return -1;
    parts[0] = bytes;
    const status = this.isIpv6
      ? handle.send6(request, parts, 1, port, address, false)
      : handle.send(request, parts, 1, port, address, false);
    if (status < 0) this.counters.sendFailures++;
    return status;
  }

  private async answerLater(query: Buffer, source: IDatagramSource): Promise<void> {
    if (this.later >= laterMax) {
      this.sendLate(failureTo(query), source);
      return;
    }
    this.later++;
    const client = new DatagramClient();
    client.source = source.address;
    try {
      for await (const message of this.handler.stream(query, client)) {
        this.sendLate(message, source);
        break;
      }
    } catch (error) {
      this.fault(error);
      this.sendLate(failureTo(query), source);
    } finally {
      this.later--;
    }
  }

  /** Sends an answer that has memory of its own. */
  private sendLate(message: Buffer, source: IDatagramSource): void {
    const { counters, rate } = this;
    const code = (message[3] as number) & 15;
    const verdict = rate?.take(source.address, code, this.clock.monotonic()) ?? 'send';
    if (verdict === 'drop') {
      counters.rateLimited++;
      return;
    }
    if (verdict === 'slip') counters.slipped++;
    const bytes = verdict === 'slip' ? shortened(message) : message;
    counters.answered(code);
    counters.askedIn(bytes);
    if (isTruncated(bytes)) counters.truncated++;
    if (this.send(bytes, source) === 0) this.request = new SendRequest();
  }
}

function noViews(): (Buffer | undefined)[] {
  return new Array<Buffer | undefined>(answerBytesMax + 1).fill(undefined);
}

/** Whoever sent the datagram at hand. */
class DatagramClient implements IDnsClient {
  readonly transport = 'udp';
  /** As the socket says it: IPv4 in IPv6 on a socket for both. */
  source = '';

  get address(): string {
    const { source } = this;
    // The kernel's text of an IPv4 address is the normal form.
    return source.includes(':') ? (canonicalIp(source) ?? source) : source;
  }
}

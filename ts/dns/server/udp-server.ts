import { isIP } from 'node:net';
import { type IClock, systemClock } from '../../core/clock.ts';
import { DcError } from '../../core/errors.ts';
import { type ISocketName, systemError } from '../../net/handles.ts';
import { canonicalIp } from '../../net/ip.ts';
import { listenFailure } from '../../net/listen-failure.ts';
import type { IPortAddress } from '../../net/ports.ts';
import { type IDnsClient, type IQueryHandler, streamed } from '../answer/query-handler.ts';
import { rcode } from '../codec/types.ts';
import { DnsCounters } from './dns-counters.ts';
import { cutDown, failed, failureBytes, isTruncated, safeAnswer } from './replies.ts';
import type { ResponseRate } from './response-rate.ts';
import {
  type IDatagramSource,
  type IUdpHandle,
  newUdpHandle,
  SendRequest,
  type TSendRequest,
  udpReusePortFlag,
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
/** Queries that are answered later, at once. */
const laterMax = 256;

/**
 * Answers queries by UDP on one socket. Datagrams are answered as they come, as many as 32 for each
 * turn of the event loop, without a promise or a copy for any of them.
 *
 * On a machine with several addresses bind each of them: an answer from a socket that is bound to
 * all leaves from the address that the routing table prefers.
 */
export class UdpServer {
  readonly counters: DnsCounters;
  private readonly handler: IQueryHandler;
  private readonly rate: ResponseRate | null;
  private readonly clock: IClock;
  private readonly reusePort: boolean;
  private readonly receiveBufferBytes: number;
  private readonly onFault: (error: unknown) => void;
  private readonly client = new DatagramClient();
  private handle: IUdpHandle | null = null;
  private isIpv6 = false;
  private later = 0;
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
  start(address: IPortAddress): { address: string; port: number } {
    if (this.handle !== null) throw new Error('The server was started already');
    const handle = this.bind(address);
    const name: ISocketName = {};
    handle.getsockname(name);
    // The kernel gives less than that when it may not give more.
    handle.bufferSize(this.receiveBufferBytes, true, {});
    handle.onmessage = (count, _, bytes, source) => this.receive(count, bytes, source);
    handle.recvStart();
    this.handle = handle;
    return { address: name.address ?? '', port: name.port ?? 0 };
  }

  /** Closes the socket; answers that are still being made are lost. Idempotent. */
  stop(): void {
    this.handle?.close();
    this.handle = null;
  }

  private bind(address: IPortAddress): IUdpHandle {
    const hosts = address.host === undefined ? ['::', '0.0.0.0'] : [address.host];
    const flags = this.reusePort ? udpReusePortFlag : 0;
    let status = 0;
    for (const host of hosts) {
      this.isIpv6 = isIP(host) === 6;
      const handle = newUdpHandle();
      const { port } = address;
      status = this.isIpv6 ? handle.bind6(host, port, flags) : handle.bind(host, port, flags);
      if (status === 0) return handle;
      handle.close();
    }
    const cause = systemError(status, 'bind');
    throw new DcError('LISTEN_FAILED', listenFailure(address, cause.code), { cause });
  }

  private receive(count: number, query: Buffer, source: IDatagramSource): void {
    // A failed receive has no sender; to port 0 nothing can be sent.
    if (count <= 0 || source.port === 0) return;
    const { handler, client, counters } = this;
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
      this.counters.dropped++;
      return;
    }
    this.later++;
    const client = new DatagramClient();
    client.source = source.address;
    try {
      for await (const message of this.handler.stream(query, client)) {
        this.counters.answered((message[3] as number) & 15);
        if (this.send(message, source) === 0) this.request = new SendRequest();
        break;
      }
    } catch (error) {
      this.fault(error);
    } finally {
      this.later--;
    }
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
    return canonicalIp(this.source) ?? this.source;
  }
}

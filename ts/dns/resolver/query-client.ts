import type { IClock } from '../../core/clock.ts';
import { udpSizeDefault } from '../codec/edns.ts';
import { decodeMessage, headerBytes, type IMessage, isMessageError } from '../codec/message.ts';
import type { TName } from '../codec/name.ts';
import { rcode } from '../codec/types.ts';
import type { IBudget } from './answer.ts';
import { askByDatagram, failureOf, type TExchange } from './datagram-query.ts';
import { encodeQuery, type IQueryMessage, matchReply, randomCase } from './query-message.ts';
import type { TRandom } from './random.ts';
import type { ServerTable } from './server-table.ts';
import { StreamPool } from './stream-pool.ts';
import { type IServer, type ITransport, serverKey } from './transport.ts';

/** What a server is asked. */
export interface IServerQuery {
  /** In lower case. */
  readonly name: TName;
  readonly type: number;
  readonly recursionDesired: boolean;
  readonly checkingDisabled: boolean;
  readonly authenticData: boolean;
  readonly dnssecOk: boolean;
}

/** What a server said, or did not. */
export type TServerReply =
  | { readonly kind: 'reply'; readonly message: IMessage }
  | { readonly kind: 'timeout' }
  | { readonly kind: 'failed'; readonly reason: string }
  /** The budget of the question is spent. */
  | { readonly kind: 'spent' };

/** What a query client works with. */
export interface IQueryClientParts {
  readonly transport: ITransport;
  readonly clock: IClock;
  readonly random: TRandom;
  readonly servers: ServerTable;
  /** Whether the case of names is drawn for UDP. @default true */
  readonly randomCase?: boolean;
  /** Least time for a query by TCP, TLS or HTTPS. @default 3,000 */
  readonly streamTimeoutMs?: number;
}

const streamTimeoutMsDefault = 3000;
/** RFC 8467 §4.1. */
const paddingBlock = 128;

/**
 * Asks one server one question, by whatever way works: over UDP with TCP behind it, TCP, TLS or
 * HTTPS, with EDNS or without. What it learns of the server goes into the server table.
 *
 * The same question to the same server is under way once: that many at a time would be what a
 * forger needs for a birthday attack (RFC 5452 §5).
 */
export class QueryClient {
  private readonly parts: IQueryClientParts;
  private readonly streams: StreamPool;
  private readonly open = new Map<string, Promise<TServerReply>>();

  constructor(parts: IQueryClientParts) {
    this.parts = parts;
    this.streams = new StreamPool(parts);
  }

  /** Closes connections that are open; what is under way fails. */
  close(): void {
    this.streams.close();
    this.parts.transport.close();
  }

  /** Asks. Whoever joins a query that is under way pays nothing. */
  ask(server: IServer, query: IServerQuery, budget: IBudget): Promise<TServerReply> {
    const flags = [query.recursionDesired, query.checkingDisabled, query.dnssecOk];
    const bits = flags.map(Number).join('');
    const key = `${serverKey(server)} ${query.type} ${bits} ${query.name.toString('latin1')}`;
    const known = this.open.get(key);
    if (known !== undefined) {
      // The one who asked ran out of budget, which is not our concern.
      return known.then((reply) =>
        reply.kind === 'spent' ? this.ask(server, query, budget) : reply,
      );
    }
    const reply = this.converse(server, query, budget).finally(() => this.open.delete(key));
    this.open.set(key, reply);
    return reply;
  }

  private async converse(
    server: IServer,
    query: IServerQuery,
    budget: IBudget,
  ): Promise<TServerReply> {
    const { servers } = this.parts;
    const speaksEdns = servers.speaksEdns(server);
    const reply = await this.once(server, query, speaksEdns, budget);
    if (!speaksEdns || reply.kind !== 'reply' || !refusesEdns(reply.message)) return reply;
    // RFC 6891 §6.2.2: a server that does not know EDNS says FORMERR, or NOTIMP.
    const plain = await this.once(server, query, false, budget);
    if (plain.kind !== 'reply') return plain;
    if (plain.message.rcode !== reply.message.rcode) servers.withoutEdns(server);
    return plain;
  }

  private async once(
    server: IServer,
    query: IServerQuery,
    hasEdns: boolean,
    budget: IBudget,
  ): Promise<TServerReply> {
    const { servers, random } = this.parts;
    const isPlain = server.protocol === 'udp' || server.protocol === 'tcp';
    const mixes = server.protocol === 'udp' && servers.keepsCase(server);
    const message: IQueryMessage = {
      ...query,
      id: server.protocol === 'https' ? 0 : random(0x10000),
      name: mixes && this.parts.randomCase !== false ? randomCase(query.name, random) : query.name,
      udpBytes: hasEdns ? udpSizeDefault : null,
      dnssecOk: hasEdns && query.dnssecOk,
      paddingBlock: isPlain ? 0 : paddingBlock,
    };
    if (server.protocol !== 'udp')
      return decode(await this.slow(server, message, budget), query.name);

    const exchange = await this.byDatagram(server, message, budget);
    if (exchange.kind === 'reply' && !isTruncated(exchange.bytes))
      return decode(exchange, query.name);
    if (exchange.kind !== 'reply' && exchange.kind !== 'suspect')
      return decode(exchange, query.name);
    const byStream = await this.slow(server, message, budget);
    if (
      byStream.kind === 'reply' &&
      matchReply(byStream.bytes, asSent(message, byStream.bytes)) === 'case'
    ) {
      servers.foldsCase(server);
    }
    return decode(byStream, query.name);
  }

  private async byDatagram(
    server: IServer,
    message: IQueryMessage,
    budget: IBudget,
  ): Promise<TExchange | { readonly kind: 'spent' }> {
    const { transport, clock, servers } = this.parts;
    if (!budget.takeQuery()) return { kind: 'spent' };
    const startMs = clock.monotonic();
    const timeoutMs = Math.min(servers.timeoutMs(server), budget.leftMs());
    const exchange = await askByDatagram(transport, clock, server, message, timeoutMs);
    this.learn(server, exchange, clock.monotonic() - startMs);
    return exchange;
  }

  /** By a connection, which takes a few round trips. */
  private async slow(
    server: IServer,
    message: IQueryMessage,
    budget: IBudget,
  ): Promise<TExchange | { readonly kind: 'spent' }> {
    const { clock, servers, streamTimeoutMs = streamTimeoutMsDefault } = this.parts;
    if (!budget.takeQuery()) return { kind: 'spent' };
    const wantedMs = Math.max(streamTimeoutMs, servers.timeoutMs(server));
    const timeoutMs = Math.min(wantedMs, budget.leftMs());
    const startMs = clock.monotonic();
    const exchange =
      server.protocol === 'https'
        ? await this.post(server, message, timeoutMs)
        : await this.streams.ask(server, message, timeoutMs);
    // That TCP is blocked says nothing about UDP: of such a server only UDP is measured.
    if (server.protocol !== 'udp') this.learn(server, exchange, clock.monotonic() - startMs);
    return exchange;
  }

  private async post(
    server: IServer,
    message: IQueryMessage,
    timeoutMs: number,
  ): Promise<TExchange> {
    const request = this.parts.transport.post(server, encodeQuery(message));
    let isLate = false;
    const timer = this.parts.clock.setTimeout(() => {
      isLate = true;
      request.cancel();
    }, timeoutMs);
    try {
      const { status, contentType, body } = await request.reply;
      if (status !== 200) return { kind: 'failed', reason: `HTTP status ${status}` };
      if (!/^application\/dns-message\b/i.test(contentType)) {
        return { kind: 'failed', reason: 'the HTTP answer is no DNS message' };
      }
      const match = matchReply(body, message);
      if (match === 'match' || match === 'case') return { kind: 'reply', bytes: body };
      return { kind: 'failed', reason: 'the answer is to another question' };
    } catch (error) {
      if (isLate) return { kind: 'timeout' };
      return failureOf(error);
    } finally {
      timer.cancel();
    }
  }

  private learn(server: IServer, exchange: TExchange, roundTripMs: number): void {
    const { servers } = this.parts;
    if (exchange.kind === 'reply') servers.answered(server, roundTripMs);
    else if (exchange.kind === 'timeout') servers.timedOut(server);
    else if (exchange.kind === 'failed' && !exchange.isOurs) servers.unreachable(server);
  }
}

/** @param name that was asked for, in the case that it shall have in all of the answer. */
function decode(exchange: TExchange | { readonly kind: 'spent' }, name: TName): TServerReply {
  if (exchange.kind === 'suspect') return { kind: 'failed', reason: 'the answer may be forged' };
  if (exchange.kind !== 'reply') return exchange;
  const { bytes } = exchange;
  // Compressed names end in the question: without this they would have its random case.
  if (bytes.readUInt16BE(4) === 1) name.copy(bytes, headerBytes);
  const message = decodeMessage(bytes);
  if (isMessageError(message)) return { kind: 'failed', reason: message.reason };
  return { kind: 'reply', message };
}

function isTruncated(bytes: Buffer): boolean {
  return bytes.length >= headerBytes && ((bytes[2] as number) & 0x02) !== 0;
}

function refusesEdns(message: IMessage): boolean {
  if (message.rcode === rcode.BADVERS) return true;
  const isRefusal = message.rcode === rcode.FORMERR || message.rcode === rcode.NOTIMP;
  return isRefusal && message.edns === null;
}

/** On a stream the query had another id. */
function asSent(message: IQueryMessage, reply: Buffer): IQueryMessage {
  return { ...message, id: reply.readUInt16BE(0) };
}

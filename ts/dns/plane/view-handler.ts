import type { EventBus } from '../../core/event-bus.ts';
import type { ILogger } from '../../core/logger.ts';
import type { ClientSet } from '../../net/client-set.ts';
import { Answerer } from '../answer/answerer.ts';
import type { IAnswererOptions } from '../answer/answerer-options.ts';
import {
  type IDnsClient,
  type IQueryHandler,
  type IReplyFacts,
  streamed,
} from '../answer/query-handler.ts';
import { messageBytesMax } from '../codec/encode.ts';
import { headerBytes } from '../codec/message.ts';
import { formatName } from '../codec/name.ts';
import { rcodeName, recordTypeName } from '../codec/types.ts';
import { failureTo, questionEndOf } from '../server/replies.ts';
import type { TSpecialFactory } from './types.ts';
import type { ViewZones } from './view-zones.ts';

/** A view whose clients are known. */
export interface IHandlerView {
  readonly name: string;
  readonly clients: ClientSet;
}

/** How queries are answered from some moment on. */
export interface IHandlerPlan {
  /** The first one that a client is in counts. */
  readonly views: readonly IHandlerView[];
  /** Of all views alike. */
  readonly answerer: Omit<IAnswererOptions, 'special'>;
  /** Null: transfers and the like are refused. */
  readonly special: TSpecialFactory | null;
}

interface IView {
  readonly name: string | null;
  readonly clients: ClientSet | null;
  readonly answerer: Answerer;
}

const smallCache = { entriesMax: 1024, bytesMax: 1_048_576 } as const;

/** Room for answers that are copied from it at once. */
const scratch = Buffer.allocUnsafeSlow(messageBytesMax);

/** Answers each client from the zones of its view. */
export class ViewHandler implements IQueryHandler {
  reply: IReplyFacts;
  private readonly zones: ViewZones;
  private readonly bus: EventBus | null;
  private views: readonly IView[] = [];
  private rest: IView;

  /** @param bus hears of queries while somebody listens; null: it does not. */
  constructor(zones: ViewZones, bus: EventBus | null) {
    this.zones = zones;
    this.bus = bus;
    this.rest = { name: null, clients: null, answerer: new Answerer(zones.setOf(null)) };
    this.reply = this.rest.answerer.reply;
  }

  /** Answers like that from the next query on. @throws RangeError as `Answerer`. */
  use({ views, answerer, special }: IHandlerPlan): void {
    const makeView = (name: string | null, clients: ClientSet | null): IView => {
      const zones = this.zones.setOf(name);
      let plain: Answerer | null = null;
      const plainOf = (): Answerer => {
        // Few queries are signed.
        plain ??= new Answerer(zones, { ...answerer, foreign: null, cache: smallCache });
        return plain;
      };
      const own = special?.(name, plainOf) ?? null;
      return { name, clients, answerer: new Answerer(zones, { ...answerer, special: own }) };
    };
    this.zones.setViews(views.map(({ name }) => name));
    this.views = views.map(({ name, clients }) => makeView(name, clients));
    this.rest = makeView(null, null);
  }

  /** The view that a client is in; null: none. */
  viewOf(address: string): string | null {
    return this.find(address).name;
  }

  answer(query: Buffer, client: IDnsClient, out: Buffer): number {
    const { answerer, name } = this.views.length === 0 ? this.rest : this.find(client.address);
    const length = answerer.answer(query, client, out);
    this.reply = answerer.reply;
    if (length > 0 && this.bus?.has('dns.query') === true) {
      this.tell(name, client, out, this.reply.questionEnd, this.reply.rcode);
    }
    return length;
  }

  stream(query: Buffer, client: IDnsClient): AsyncIterable<Buffer> {
    const { answerer, name } = this.find(client.address);
    const messages = answerer.stream(query, client);
    return this.bus?.has('dns.query') === true ? this.watched(messages, name, client) : messages;
  }

  /** The whole answer, when it is one message, as memory of its own; null: there is none. */
  answerOnce(query: Buffer, client: IDnsClient): Promise<Buffer | null> {
    return oneAnswer(this, query, client);
  }

  private find(address: string): IView {
    for (const view of this.views) if (view.clients?.contains(address)) return view;
    return this.rest;
  }

  private async *watched(
    messages: AsyncIterable<Buffer>,
    view: string | null,
    client: IDnsClient,
  ): AsyncGenerator<Buffer> {
    let isFirst = true;
    for await (const message of messages) {
      if (isFirst) {
        this.tell(view, client, message, questionEndOf(message), (message[3] as number) & 15);
      }
      isFirst = false;
      yield message;
    }
  }

  private tell(
    view: string | null,
    { address, transport }: IDnsClient,
    message: Buffer,
    end: number,
    code: number,
  ): void {
    if (end <= headerBytes) return;
    this.bus?.emit('dns.query', {
      name: formatName(message.subarray(headerBytes, end - 4)),
      type: recordTypeName(message.readUInt16BE(end - 4)),
      rcode: rcodeName(code),
      clientIp: address,
      transport,
      view,
    });
  }
}

/**
 * The answer as one message. Of several, by UDP the first one is the answer (RFC 1995 §2); by HTTPS
 * there is no way to send them, which is SERVFAIL.
 */
async function oneAnswer(
  handler: IQueryHandler,
  query: Buffer,
  client: IDnsClient,
): Promise<Buffer | null> {
  const length = handler.answer(query, client, scratch);
  if (length !== streamed) return length === 0 ? null : Buffer.from(scratch.subarray(0, length));
  let first: Buffer | null = null;
  for await (const message of handler.stream(Buffer.from(query), client)) {
    if (first !== null) return failureTo(query);
    first = message;
    if (client.transport !== 'https') return first;
  }
  return first;
}

/** Tells the log of a fault of ours, once a minute at most: a query may come again and again. */
export function faultLogger(logger: ILogger, monotonic: () => number): (error: unknown) => void {
  let quietUntilMs = Number.NEGATIVE_INFINITY;
  let silenced = 0;
  return (error) => {
    silenced++;
    const nowMs = monotonic();
    if (nowMs < quietUntilMs) return;
    quietUntilMs = nowMs + 60_000;
    logger.error('dns.failed', 'A query was answered SERVFAIL because of a fault of ours', {
      error,
      faults: silenced,
    });
    silenced = 0;
  };
}

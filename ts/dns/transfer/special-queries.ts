import { type IClock, systemClock } from '../../core/clock.ts';
import type { EventBus } from '../../core/event-bus.ts';
import { type ILogger, silentLogger } from '../../core/logger.ts';
import type { IAddressLists } from '../../net/client-set.ts';
import type { IDnsClient, IQueryHandler } from '../answer/query-handler.ts';
import type { ISpecialQueries } from '../answer/special-queries.ts';
import { udpSizeDefault } from '../codec/edns.ts';
import { messageBytesMax } from '../codec/encode.ts';
import { headerBytes, type IMessage } from '../codec/message.ts';
import { splitTsig } from '../codec/tsig.ts';
import { opcode, rcode, recordType } from '../codec/types.ts';
import { UpdateHandler } from '../update/index.ts';
import type { TsigKeys } from '../zones/tsig-keys.ts';
import type { IZoneBook } from '../zones/types.ts';
import { Conversation } from './conversation.ts';
import { TransferCounters } from './counters.ts';
import { type TNotified, takeNotify } from './notify-receiver.ts';
import { TransferSender } from './transfer-sender.ts';
import { ZonePolicies } from './zone-policies.ts';

/** What special queries are answered with. */
export interface ISpecialParts {
  readonly book: IZoneBook;
  /** View of the clients; null: none. */
  readonly view: string | null;
  /** The keys of the moment. */
  readonly keys: () => TsigKeys;
  readonly lists: IAddressLists;
  /** Answers the signed queries that are ordinary otherwise: the answerer of the view. */
  readonly plain: () => IQueryHandler;
  /** Hears of NOTIFY for a secondary: `SecondaryKeeper.notified`. */
  readonly notified: TNotified;
  readonly bus: EventBus;
  /** @default counters of its own */
  readonly counters?: TransferCounters;
  /** Shared by all views, for the limit of transfers. @default one of its own */
  readonly sender?: TransferSender;
  /** Most bytes of an answer by UDP. @default 1232 */
  readonly udpSizeMax?: number | undefined;
  readonly logger?: ILogger;
  readonly clock?: IClock;
}

/** Ordinary answers to signed queries are made here, one at a time. */
const out = Buffer.allocUnsafeSlow(messageBytesMax);

/**
 * Transfers out, NOTIFY, UPDATE and everything signed, for the clients of one view.
 *
 * A signature is verified first (RFC 8945 §5.2), and an answer to a signed query is signed, each
 * message of it.
 */
export class SpecialQueries implements ISpecialQueries {
  private readonly parts: ISpecialParts;
  private readonly counters: TransferCounters;
  private readonly clock: IClock;
  private readonly policies: ZonePolicies;
  private readonly updates: UpdateHandler;
  private readonly sender: TransferSender;

  constructor(parts: ISpecialParts) {
    const { book, view, bus, logger = silentLogger, counters = new TransferCounters() } = parts;
    this.parts = parts;
    this.counters = counters;
    this.clock = parts.clock ?? systemClock;
    this.policies = new ZonePolicies(parts.lists);
    const policyOf = (zone: Parameters<ZonePolicies['of']>[0]) => this.policies.of(zone).update;
    this.updates = new UpdateHandler({ book, view, policyOf, bus, logger });
    this.sender = parts.sender ?? new TransferSender({ counters, logger });
  }

  takes(): boolean {
    return true;
  }

  async *answer(query: IMessage, bytes: Buffer, client: IDnsClient): AsyncGenerator<Buffer, void> {
    const talk = new Conversation(query, bytes, client, this.parts.keys().of, this.clock);
    const refusal = talk.refusal();
    if (refusal !== null) {
      this.counters.badSignatures++;
      yield refusal;
      return;
    }
    const type = query.question[0]?.type;
    if (query.opcode === opcode.NOTIFY) {
      yield this.notify(talk);
    } else if (query.opcode === opcode.UPDATE) {
      yield await this.update(talk);
    } else if (query.opcode !== opcode.QUERY) {
      yield talk.reply(rcode.NOTIMP);
    } else if (type === recordType.AXFR || type === recordType.IXFR) {
      yield* this.transfer(talk);
    } else {
      const answer = this.plain(talk, bytes);
      if (answer !== null) yield answer;
    }
  }

  private notify(talk: Conversation): Buffer {
    const { book, view, notified, logger = silentLogger } = this.parts;
    const { policies, counters } = this;
    return takeNotify(talk, { book, view, notified, policies, counters, logger });
  }

  private async update(talk: Conversation): Promise<Buffer> {
    const { keyName, client, query } = talk;
    const made = await this.updates.update(query, { address: client.address, keyName });
    if (made.rcode === rcode.NOERROR) this.counters.updatesApplied++;
    else this.counters.updatesRefused++;
    return talk.reply(made.rcode, made.reason);
  }

  private transfer(talk: Conversation): AsyncIterable<Buffer> {
    const { book, view, udpSizeMax = udpSizeDefault } = this.parts;
    const name = talk.query.question[0]?.name;
    const zone = name === undefined ? undefined : book.find(name, view);
    const acl = zone === undefined ? null : this.policies.of(zone).transfer;
    return this.sender.send(talk, zone, acl, talk.udpLimit(udpSizeMax));
  }

  /** An ordinary question: answered as if it were not signed, and then signed. */
  private plain(talk: Conversation, bytes: Buffer): Buffer | null {
    const split = splitTsig(bytes);
    if (split === null || split === 'malformed') return talk.reply(rcode.FORMERR);
    const handler = this.parts.plain();
    const length = handler.answer(split.unsigned, talk.client, out);
    if (length <= 0) return null;
    // The signature's id may be another one than the message's: RFC 8945 §4.2.
    out.writeUInt16BE(talk.query.id, 0);
    const { udpSizeMax = udpSizeDefault } = this.parts;
    const isTooLong =
      talk.client.transport === 'udp' && length + talk.tailBytes > talk.udpLimit(udpSizeMax);
    const { questionEnd, optStart } = handler.reply;
    const answer = isTooLong
      ? cutDown(out.subarray(0, length), questionEnd, optStart)
      : Buffer.from(out.subarray(0, length));
    return talk.sign(answer);
  }
}

/** The question and OPT of an answer, with TC set. */
function cutDown(answer: Buffer, questionEnd: number, optStart: number): Buffer {
  const cut = Buffer.concat([answer.subarray(0, questionEnd), answer.subarray(optStart)]);
  cut[2] = (cut[2] as number) | 2;
  cut.fill(0, 6, headerBytes);
  cut[11] = optStart < answer.length ? 1 : 0;
  return cut;
}

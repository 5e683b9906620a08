import { type ILogger, silentLogger } from '../../core/logger.ts';
import { extendedError, type IExtendedError } from '../codec/edns.ts';
import { encodeMessage, messageBytesMax } from '../codec/encode.ts';
import type { IRecord } from '../codec/message.ts';
import { rcode, recordClass, recordType } from '../codec/types.ts';
import { ZoneSigner } from '../dnssec/zone-signer.ts';
import { runStepsGently } from '../zone/steps.ts';
import type { Zone } from '../zone/zone.ts';
import type { Acl } from '../zones/acl.ts';
import type { IHostedZone, IServedVersion } from '../zones/types.ts';
import type { Conversation } from './conversation.ts';
import type { TransferCounters } from './counters.ts';
import { changesSince, soaRecord, versionOf, wholeZone } from './outgoing-records.ts';
import { serialIn } from './soa-serial.ts';
import { packMessages } from './transfer-messages.ts';

/** Transfers out at once; further ones are refused, and their clients try again. */
export const transfersOutMax = 100;

/** What transfers are sent with. */
export interface ITransferSenderParts {
  readonly counters: TransferCounters;
  readonly logger?: ILogger;
  /** @default transfersOutMax */
  readonly activeMax?: number;
}

const notOurs: IExtendedError = { code: extendedError.NOT_AUTHORITATIVE, text: '' };
const prohibited: IExtendedError = { code: extendedError.PROHIBITED, text: '' };
const notReady: IExtendedError = { code: extendedError.NOT_READY, text: '' };
const tooMany: IExtendedError = {
  code: extendedError.OTHER,
  text: 'Too many transfers are under way',
};

/**
 * Sends zones whole (AXFR, RFC 5936) and changes of zones (IXFR, RFC 1995) to who may have them.
 *
 * A transfer is of one version from the first message to the last, whatever changes meanwhile. Of
 * the versions that the book keeps, an IXFR goes from any to the newest in one difference; whoever
 * has an older one, or asks for a zone that we sign, gets the whole zone.
 */
export class TransferSender {
  private readonly counters: TransferCounters;
  private readonly logger: ILogger;
  private readonly activeMax: number;

  constructor({ counters, logger, activeMax }: ITransferSenderParts) {
    this.counters = counters;
    this.logger = logger ?? silentLogger;
    this.activeMax = activeMax ?? transfersOutMax;
  }

  /**
   * The messages of the answer, signed; each is made when the one before was taken.
   *
   * @param zone of exactly the name that was asked for.
   * @param acl who may have it.
   * @param udpLimit most bytes of an answer by UDP.
   */
  async *send(
    talk: Conversation,
    zone: IHostedZone | undefined,
    acl: Acl | null,
    udpLimit: number,
  ): AsyncGenerator<Buffer, void> {
    const isWhole = talk.query.question[0]?.type === recordType.AXFR;
    const isStream = talk.client.transport === 'tcp' || talk.client.transport === 'tls';
    // RFC 5936 §4.2: never by UDP; by HTTPS an answer is one message.
    if (!isStream && (isWhole || talk.client.transport === 'https')) {
      yield talk.reply(isWhole && talk.client.transport === 'udp' ? rcode.FORMERR : rcode.NOTIMP);
      return;
    }
    const refusal = this.refusalOf(talk, zone, acl);
    if (refusal !== null) {
      this.counters.outRefused++;
      const { address: clientIp } = talk.client;
      const data = { zone: zone?.id ?? null, clientIp, keyName: talk.keyName, rcode: refusal.code };
      this.logger.debug('dns.transferRefused', 'A zone transfer was refused', data);
      yield talk.reply(refusal.code, refusal.reason);
      return;
    }
    const { served, history, id } = zone as IHostedZone;
    this.counters.outActive++;
    try {
      const pinned = served as IServedVersion;
      if (isWhole) yield* this.stream(talk, id, wholeZone(pinned));
      else yield* this.changes(talk, id, pinned, history, isStream ? null : udpLimit);
    } finally {
      this.counters.outActive--;
    }
  }

  private refusalOf(talk: Conversation, zone: IHostedZone | undefined, acl: Acl | null) {
    const { query, client, keyName } = talk;
    const isOurs = zone !== undefined && query.question[0]?.class === recordClass.IN;
    if (!isOurs || acl === null) return { code: rcode.NOTAUTH, reason: notOurs };
    if (!acl.allows(client.address, keyName)) return { code: rcode.REFUSED, reason: prohibited };
    if (zone.served === null || zone.served.isProvisional === true) {
      return { code: rcode.SERVFAIL, reason: notReady };
    }
    const isFull = this.counters.outActive >= this.activeMax;
    return isFull ? { code: rcode.REFUSED, reason: tooMany } : null;
  }

  private async *changes(
    talk: Conversation,
    id: string,
    served: IServedVersion,
    history: readonly Zone[],
    udpLimit: number | null,
  ): AsyncGenerator<Buffer, void> {
    const { zone, signer } = served;
    // RFC 1995 §3: the client says in the authority section what it has.
    const serial = serialIn(talk.query.authority[0], zone.apex);
    if (serial === null) {
      yield talk.reply(rcode.FORMERR);
      return;
    }
    const older = versionOf(zone, signer instanceof ZoneSigner ? [] : history, serial);
    if (older === 'current') {
      yield this.message(talk, [soaRecord(zone)]);
      return;
    }
    const records = older === null ? null : await runStepsGently(changesSince(older, zone));
    if (udpLimit === null) yield* this.stream(talk, id, records ?? wholeZone(served));
    else yield this.datagram(talk, records, soaRecord(zone), udpLimit);
  }

  /** RFC 1995 §2: what does not fit is told by the SOA alone, and the client comes by TCP. */
  private datagram(
    talk: Conversation,
    records: readonly IRecord[] | null,
    soa: IRecord,
    udpLimit: number,
  ): Buffer {
    const changes = records === null ? null : this.message(talk, records, udpLimit);
    return changes ?? this.message(talk, [soa]);
  }

  private message(talk: Conversation, answer: readonly IRecord[]): Buffer;
  private message(talk: Conversation, answer: readonly IRecord[], limit: number): Buffer | null;
  private message(talk: Conversation, answer: readonly IRecord[], limit?: number): Buffer | null {
    const sizeMax = (limit ?? messageBytesMax) - talk.tailBytes;
    const head = { ...talk.empty(rcode.NOERROR), authoritative: true };
    const bytes = encodeMessage({ ...head, answer }, { sizeMax });
    const isCut = ((bytes[2] as number) & 2) !== 0;
    return isCut ? null : talk.sign(bytes);
  }

  private async *stream(
    talk: Conversation,
    id: string,
    records: Iterable<IRecord>,
  ): AsyncGenerator<Buffer, void> {
    const head = { ...talk.empty(rcode.NOERROR), authoritative: true };
    let messages = 0;
    let bytes = 0;
    for await (const message of packMessages(head, records, talk.tailBytes)) {
      const signed = talk.sign(message);
      messages++;
      bytes += signed.length;
      yield signed;
    }
    this.counters.out++;
    const data = {
      zone: id,
      clientIp: talk.client.address,
      keyName: talk.keyName,
      messages,
      bytes,
    };
    this.logger.info('dns.transferSent', 'A zone was transferred', data);
  }
}

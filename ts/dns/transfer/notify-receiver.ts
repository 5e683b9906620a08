import type { ILogger } from '../../core/logger.ts';
import { extendedError } from '../codec/edns.ts';
import { encodeMessage } from '../codec/encode.ts';
import { rcode, recordClass, recordType } from '../codec/types.ts';
import type { IZoneBook } from '../zones/types.ts';
import type { Conversation } from './conversation.ts';
import type { TransferCounters } from './counters.ts';
import { serialIn } from './soa-serial.ts';
import type { ZonePolicies } from './zone-policies.ts';

/** Takes that a primary says that a zone has changed. @param serial it has now; null: not said. */
export type TNotified = (id: string, serial: number | null) => void;

/** What a NOTIFY is judged by. */
export interface INotifyParts {
  readonly book: IZoneBook;
  readonly view: string | null;
  readonly policies: ZonePolicies;
  readonly notified: TNotified;
  readonly counters: TransferCounters;
  readonly logger: ILogger;
}

const notOurs = { code: extendedError.NOT_AUTHORITATIVE, text: '' };
const prohibited = { code: extendedError.PROHIBITED, text: '' };

/**
 * Takes a NOTIFY (RFC 1996): it is a hint to look, and nothing that it says is believed. One that
 * comes twice, or too late, or is made up, costs a question to the primary at most.
 *
 * @returns the answer: NOTAUTH where we are no secondary, REFUSED for who may not.
 */
export function takeNotify(talk: Conversation, parts: INotifyParts): Buffer {
  const { book, view, policies, notified, counters, logger } = parts;
  const { query, client, keyName } = talk;
  const [asked] = query.question;
  if (asked?.type !== recordType.SOA) return talk.reply(rcode.FORMERR);
  const zone = asked.class === recordClass.IN ? book.find(asked.name, view) : undefined;
  if (zone === undefined || !zone.isSecondary) {
    counters.notifiesRefused++;
    return talk.reply(rcode.NOTAUTH, notOurs);
  }
  if (!policies.mayNotify(zone, client.address, keyName)) {
    counters.notifiesRefused++;
    const data = { zone: zone.id, clientIp: client.address, keyName };
    logger.debug('dns.notifyRefused', 'A NOTIFY came from who may not send it', data);
    return talk.reply(rcode.REFUSED, prohibited);
  }
  counters.notifiesIn++;
  notified(zone.id, serialIn(query.answer[0], asked.name));
  const answer = { ...talk.empty(rcode.NOERROR), authoritative: true };
  return talk.sign(encodeMessage(answer));
}

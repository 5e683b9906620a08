import type { TName } from '../codec/name.ts';
import { equalNames } from '../codec/name.ts';
import { recordClass, recordType } from '../codec/types.ts';

/** A query as it goes to a server; the case of `name` is the one that is sent. */
export interface IQueryMessage {
  readonly id: number;
  readonly name: TName;
  readonly type: number;
  /** RD: ask a server that recurses. */
  readonly recursionDesired: boolean;
  /** CD: the server need not validate. */
  readonly checkingDisabled: boolean;
  /** AD in a query: the answer may say AD without DO (RFC 6840 §5.7). */
  readonly authenticData: boolean;
  /** DO: the answer holds DNSSEC records. Needs EDNS. */
  readonly dnssecOk: boolean;
  /** Size of answers that we take by UDP; null: no EDNS at all. */
  readonly udpBytes: number | null;
  /** Length that the message is padded to a multiple of (RFC 8467 §4.1); 0: not padded. */
  readonly paddingBlock: number;
}

const headerBytes = 12;
const optionBytes = 11;
const paddingOption = 12;

/** The bytes of a query. */
export function encodeQuery(query: IQueryMessage): Buffer {
  const questionEnd = headerBytes + query.name.length + 4;
  const withOption = query.udpBytes === null ? questionEnd : questionEnd + optionBytes;
  const block = query.udpBytes === null ? 0 : query.paddingBlock;
  const size = block === 0 ? withOption : Math.ceil((withOption + 4) / block) * block;
  const bytes = Buffer.alloc(size);
  bytes.writeUInt16BE(query.id, 0);
  bytes[2] = query.recursionDesired ? 0x01 : 0;
  bytes[3] = (query.authenticData ? 0x20 : 0) | (query.checkingDisabled ? 0x10 : 0);
  bytes.writeUInt16BE(1, 4);
  query.name.copy(bytes, headerBytes);
  bytes.writeUInt16BE(query.type, questionEnd - 4);
  bytes.writeUInt16BE(recordClass.IN, questionEnd - 2);
  if (query.udpBytes === null) return bytes;
  bytes.writeUInt16BE(1, 10);
  bytes.writeUInt16BE(recordType.OPT, questionEnd + 1);
  bytes.writeUInt16BE(query.udpBytes, questionEnd + 3);
  bytes.writeUInt16BE(query.dnssecOk ? 0x8000 : 0, questionEnd + 7);
  if (block === 0) return bytes;
  bytes.writeUInt16BE(size - withOption, questionEnd + 9);
  bytes.writeUInt16BE(paddingOption, withOption);
  bytes.writeUInt16BE(size - withOption - 4, withOption + 2);
  return bytes;
}

/** How well a message answers a query. */
export type TReplyMatch =
  /** It is the answer. */
  | 'match'
  /** It is, but the case of the name was changed on the way. */
  | 'case'
  /** It has the id of the query, and another question. */
  | 'question'
  /** It is something else. */
  | 'none';

/**
 * Compares what came with what was sent (RFC 5452 §9.1): id, QR, opcode and the whole question.
 *
 * An error without a question matches: some servers leave it out of FORMERR and NOTIMP.
 */
export function matchReply(bytes: Buffer, query: IQueryMessage): TReplyMatch {
  if (bytes.length < headerBytes || bytes.readUInt16BE(0) !== query.id) return 'none';
  // QR is set and the opcode is QUERY.
  if (((bytes[2] as number) & 0xf8) !== 0x80) return 'none';
  const questions = bytes.readUInt16BE(4);
  if (questions === 0) return ((bytes[3] as number) & 0x0f) === 0 ? 'question' : 'match';
  const end = headerBytes + query.name.length;
  if (questions !== 1 || bytes.length < end + 4) return 'question';
  const isSame =
    bytes.readUInt16BE(end) === query.type && bytes.readUInt16BE(end + 2) === recordClass.IN;
  const name = bytes.subarray(headerBytes, end);
  if (!isSame || !equalNames(name, query.name)) return 'question';
  return name.equals(query.name) ? 'match' : 'case';
}

/**
 * The name with the case of each letter drawn anew (draft-vixie-dnsext-dns0x20): a forger must
 * guess it too.
 *
 * @param random gives a whole number from 0 to below the bound.
 */
export function randomCase(name: TName, random: (bound: number) => number): TName {
  const mixed = Buffer.from(name);
  let bits = 0;
  let left = 0;
  for (let at = 0; at < mixed.length; at++) {
    const lower = (mixed[at] as number) | 0x20;
    // The octet of a length is below 64 and so never looks like a letter, but 0x20 makes one of it.
    if ((mixed[at] as number) < 0x41 || lower < 0x61 || lower > 0x7a) continue;
    if (left === 0) {
      bits = random(2 ** 16);
      left = 16;
    }
    mixed[at] = bits & 1 ? lower : lower & ~0x20;
    bits >>= 1;
    left--;
  }
  return mixed;
}

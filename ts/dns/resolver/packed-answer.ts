import type { IExtendedError } from '../codec/edns.ts';
import { encodeMessage, messageBytesMax } from '../codec/encode.ts';
import { decodeMessage, emptyMessage, headerBytes, isMessageError } from '../codec/message.ts';
import { nameEnd } from '../codec/name.ts';
import { recordClass } from '../codec/types.ts';
import type { IAnswer, IAsked, TSecurity } from './answer.ts';

/**
 * An answer as a cache keeps it: the bytes of a whole response without EDNS, so that a server may
 * copy them and set only id, flags, case of the question and TTLs.
 */
export interface IPackedAnswer {
  /** The response, and behind it where its TTLs are: 16 bits each. */
  readonly bytes: Buffer;
  /** Bytes of the response. */
  readonly length: number;
  readonly rcode: number;
  readonly security: TSecurity;
  readonly extendedError: IExtendedError | null;
}

/**
 * Packs an answer, on memory of its own.
 *
 * @param ttlOf the TTL in seconds to keep of the one a record has.
 * @returns null when it is larger than a message may be.
 */
export function packAnswer(
  asked: IAsked,
  answer: IAnswer,
  ttlOf: (ttl: number) => number,
): IPackedAnswer | null {
  const cap = <T extends { ttl: number }>(record: T): T => ({ ...record, ttl: ttlOf(record.ttl) });
  const message = encodeMessage({
    ...emptyMessage,
    response: true,
    question: [{ name: asked.name, type: asked.type, class: recordClass.IN }],
    // The extended bits are in `rcode` beside it.
    rcode: answer.rcode & 15,
    answer: answer.answer.map(cap),
    authority: answer.authority.map(cap),
  });
  const isCut = ((message[2] as number) & 0x02) !== 0;
  if (isCut || message.length > messageBytesMax) return null;
  const places = ttlPlaces(message);
  // Not from Node's pool, of which a small part would keep the whole.
  const bytes = Buffer.allocUnsafeSlow(message.length + 2 * places.length);
  message.copy(bytes);
  for (const [index, place] of places.entries()) {
    bytes.writeUInt16BE(place, message.length + 2 * index);
  }
  const { rcode, security, extendedError } = answer;
  return { bytes, length: message.length, rcode, security, extendedError };
}

/**
 * The answer of a packed one, with the TTL for each that is kept; its data lies on the packed
 * memory.
 */
export function unpackAnswer(packed: IPackedAnswer, ttlOf: (ttl: number) => number): IAnswer {
  const message = decodeMessage(packed.bytes.subarray(0, packed.length));
  if (isMessageError(message)) throw new Error(`A kept answer is malformed: ${message.reason}`);
  const change = <T extends { ttl: number }>(record: T): T => {
    return { ...record, ttl: ttlOf(record.ttl) };
  };
  return {
    rcode: packed.rcode,
    answer: message.answer.map(change),
    authority: message.authority.map(change),
    security: packed.security,
    extendedError: packed.extendedError,
  };
}

/**
 * Writes a packed answer as the response to a query: what a server does for each hit. The query is
 * for the very name that was packed, in any case (an NXDOMAIN of the cache may be that of a name
 * further up: unpack that one instead).
 *
 * @param target has room for `packed.length` bytes at `offset`.
 * @param query the bytes of the query, whose id and question are repeated as they are.
 * @param flags the second 16 bits of the header.
 * @param ttlOf the TTL to tell of the one that is kept.
 * @returns where it ends.
 */
export function writePackedAnswer(
  packed: IPackedAnswer,
  target: Buffer,
  offset: number,
  query: Buffer,
  flags: number,
  ttlOf: (ttl: number) => number,
): number {
  const { bytes, length } = packed;
  // For so few bytes, loops are faster than calls that leave JavaScript.
  if (offset + bytes.length <= target.length) target.set(bytes, offset);
  else bytes.copy(target, offset, 0, length);
  target[offset] = query[0] as number;
  target[offset + 1] = query[1] as number;
  target[offset + 2] = flags >>> 8;
  target[offset + 3] = flags & 255;
  const questionEnd = nameEnd(query, headerBytes) + 4;
  for (let at = headerBytes; at < questionEnd; at++) target[offset + at] = query[at] as number;
  for (let at = length; at < bytes.length; at += 2) {
    const place = bytes.readUInt16BE(at);
    target.writeUInt32BE(ttlOf(bytes.readUInt32BE(place)), offset + place);
  }
  return offset + length;
}

/** Where the TTLs are in a message of ours, which is well-formed and has one question. */
function ttlPlaces(message: Buffer): number[] {
  const places: number[] = [];
  let at = skipName(message, headerBytes) + 4;
  while (at < message.length) {
    const place = skipName(message, at) + 4;
    places.push(place);
    at = place + 6 + message.readUInt16BE(place + 4);
  }
  return places;
}

function skipName(message: Buffer, offset: number): number {
  let at = offset;
  for (;;) {
    const length = message[at] as number;
    if (length >= 0xc0) return at + 2;
    at += 1 + length;
    if (length === 0) return at;
  }
}

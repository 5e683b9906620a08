import type { ICookie } from '../codec/cookie.ts';
import { ednsOption } from '../codec/edns.ts';
import { headerBytes } from '../codec/message.ts';
import { nameBytesMax } from '../codec/name.ts';
import { recordClass, recordType } from '../codec/types.ts';
import { mix } from './answer-cache.ts';

const lowerBytes = Uint8Array.from({ length: 256 }, (_, byte) =>
  byte >= 0x41 && byte <= 0x5a ? byte + 32 : byte,
);

/** Bytes of an OPT record without options. */
const optBytes = 11;
/** Bytes of an option in front of its data. */
const optionBytes = 4;
/** A cookie before the client has one of ours, and with one that we make: RFC 7873, RFC 9018. */
const clientCookieBytes = 8;
const wholeCookieBytes = 24;

/**
 * The usual question, read in place: a standard query with one question of class IN and at most an
 * OPT record with no option but a cookie. Nearly all are like that; all others are decoded.
 *
 * It is one object for all, so that a question costs no memory.
 */
export class UsualQuery {
  /** The name in lower case, from the first byte; those behind `nameLength` say nothing. */
  readonly name = Buffer.alloc(nameBytesMax + 1);
  nameLength = 0;
  /** The bytes of the name in lower case, mixed into the seed. */
  nameHash = 0;
  type = 0;
  /** It has an OPT record of version 0. */
  hasEdns = false;
  /** What its sender takes by UDP; 512 without EDNS. */
  udpSize = 512;
  /** DO. */
  dnssec = false;
  /** Bytes of a cookie at the end of the query; 0: there is none. */
  cookieLength = 0;

  /** The cookie; only when there is one. */
  cookieOf(query: Buffer): ICookie {
    const at = query.length - this.cookieLength;
    const hasServer = this.cookieLength === wholeCookieBytes;
    return {
      client: query.subarray(at, at + clientCookieBytes),
      server: hasServer ? query.subarray(at + clientCookieBytes) : null,
    };
  }

  /** @returns whether it is a usual question; else it must be decoded, and this says nothing. */
  read(query: Buffer, seed: number): boolean {
    const { length } = query;
    if (length < headerBytes + 5) return false;
    // No response, opcode QUERY, not truncated; one question, nothing but OPT behind it.
    if (((query[2] as number) & 0xfa) !== 0) return false;
    if (query[4] !== 0 || query[5] !== 1) return false;
    if ((query[6] as number) | (query[7] as number) | (query[8] as number)) return false;
    if ((query[9] as number) | (query[10] as number) || (query[11] as number) > 1) return false;
    const end = this.readName(query, seed);
    if (end === -1 || end + 4 > length) return false;
    this.type = ((query[end] as number) << 8) | (query[end + 1] as number);
    if (query[end + 2] !== 0 || query[end + 3] !== recordClass.IN) return false;
    this.hasEdns = query[11] === 1;
    if (this.hasEdns) return this.readOpt(query, end + 4);
    this.udpSize = 512;
    this.dnssec = false;
    this.cookieLength = 0;
    return end + 4 === length;
  }

  /** @returns where the name ends; -1: it is cut off, too long or compressed. */
  private readName(query: Buffer, seed: number): number {
    const { name } = this;
    let hash = seed;
    let at = headerBytes;
    let written = 0;
    for (;;) {
      const label = query[at++];
      if (label === undefined || label > 63 || written + label >= nameBytesMax) return -1;
      name[written++] = label;
      hash = mix(hash, label);
      if (label === 0) break;
      const end = at + label;
      if (end > query.length) return -1;
      while (at < end) {
        const byte = lowerBytes[query[at++] as number] as number;
        name[written++] = byte;
        hash = mix(hash, byte);
      }
    }
    this.nameLength = written;
    this.nameHash = hash;
    return at;
  }

  private readOpt(query: Buffer, at: number): boolean {
    const end = at + optBytes;
    if (end > query.length || query[at] !== 0 || query[at + 1] !== 0) return false;
    if (query[at + 2] !== recordType.OPT || query[at + 6] !== 0) return false;
    const length = ((query[at + 9] as number) << 8) | (query[at + 10] as number);
    if (end + length !== query.length) return false;
    this.udpSize = ((query[at + 3] as number) << 8) | (query[at + 4] as number);
    this.dnssec = ((query[at + 7] as number) & 0x80) !== 0;
    this.cookieLength = 0;
    return length === 0 || this.readCookie(query, end, length - optionBytes);
  }

  /** One option, a cookie of the client alone or with one of ours behind it. */
  private readCookie(query: Buffer, at: number, length: number): boolean {
    if (length !== clientCookieBytes && length !== wholeCookieBytes) return false;
    if (query[at] !== 0 || query[at + 1] !== ednsOption.COOKIE) return false;
    if (query[at + 2] !== 0 || query[at + 3] !== length) return false;
    this.cookieLength = length;
    return true;
  }
}

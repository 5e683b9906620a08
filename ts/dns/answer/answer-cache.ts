import { randomBytes } from 'node:crypto';
import { headerBytes } from '../codec/message.ts';
import { rcode } from '../codec/types.ts';
import type { IServedZone } from './zone-set.ts';

/** An answer in bytes, ready but for the id, flags of the query, case of the name, and OPT. */
export interface IReadyAnswer {
  /** The message with id 0 and without OPT; its name in lower case. */
  readonly bytes: Buffer;
  /**
   * The whole message fits into no datagram: `bytes` is what every client by UDP is told, with TC,
   * however much room its OPT record takes.
   */
  readonly isCut: boolean;
  /** Bytes of the name in the question. */
  readonly nameLength: number;
  readonly type: number;
  readonly dnssec: boolean;
  /** A resolver has to go on from it. */
  readonly leads: boolean;
  /** Of all of the question. */
  readonly hash: number;
  /** It counts as long as this zone has this version, and the set of zones this generation. */
  readonly served: IServedZone;
  readonly version: number;
  readonly generation: number;
  /** On the clock's `monotonic()`; signatures are looked at anew after that. */
  readonly goodUntilMs: number;
}

/** How much is kept. */
export interface IAnswerCacheLimits {
  /** Answers; rounded up to a power of two. @default 65536 */
  readonly entriesMax?: number;
  /** Bytes of messages; when they are reached all is forgotten. @default 33554432, i.e. 32 MiB */
  readonly bytesMax?: number;
}

/** Answers that have a place at the same hash. */
const ways = 4;

/** Longer ones fit into no datagram: they are kept cut off, and made anew for who can take them. */
export const wholeBytesMax = 4096;

/**
 * Answers by name, type and whether DNSSEC was asked for. The place of an answer follows from the
 * hash of its question alone, so that its size is bounded and looking costs the same always: a
 * flood of names makes others be made anew, and nothing else.
 */
export class AnswerCache {
  /** Distinct in every process, so that nobody can choose names that take the same place. */
  readonly seed = randomBytes(4).readInt32LE(0) | 1;
  private readonly entries: (IReadyAnswer | null)[];
  private readonly mask: number;
  private readonly bytesMax: number;
  private bytes = 0;
  private victim = 0;

  constructor({ entriesMax = 65_536, bytesMax = 33_554_432 }: IAnswerCacheLimits = {}) {
    const sets = 2 ** Math.ceil(Math.log2(Math.max(1, entriesMax / ways)));
    this.entries = new Array<IReadyAnswer | null>(sets * ways).fill(null);
    this.mask = sets - 1;
    this.bytesMax = bytesMax;
  }

  /** Bytes of the messages that are kept. */
  get size(): number {
    return this.bytes;
  }

  /**
   * The answer to a question that was kept, be it still good or not.
   *
   * @param hash as `hashOf` says.
   * @param name bytes that begin with the name in lower case.
   */
  get(
    hash: number,
    name: Buffer,
    nameLength: number,
    type: number,
    dnssec: boolean,
  ): IReadyAnswer | null {
    const first = (hash & this.mask) * ways;
    for (let at = first; at < first + ways; at++) {
      const entry = this.entries[at] as IReadyAnswer | null;
      if (entry === null || entry.hash !== hash || entry.type !== type) continue;
      if (entry.dnssec !== dnssec || entry.nameLength !== nameLength) continue;
      if (isSame(entry.bytes, name, nameLength)) return entry;
    }
    return null;
  }

  /** Keeps an answer in place of the one to the same question, or of another one. */
  set(answer: IReadyAnswer): void {
    if (this.bytes + answer.bytes.length > this.bytesMax) this.clear();
    const at = this.placeOf(answer);
    this.bytes += answer.bytes.length - (this.entries[at]?.bytes.length ?? 0);
    this.entries[at] = answer;
  }

  /** Forgets all. */
  clear(): void {
    this.entries.fill(null);
    this.bytes = 0;
  }

  private placeOf({ hash, bytes, nameLength, type, dnssec }: IReadyAnswer): number {
    const first = (hash & this.mask) * ways;
    const before = this.get(hash, bytes.subarray(headerBytes), nameLength, type, dnssec);
    let free = -1;
    let denial = -1;
    for (let at = first; at < first + ways; at++) {
      const entry = this.entries[at] as IReadyAnswer | null;
      if (entry === before && before !== null) return at;
      if (entry === null) free = at;
      else if (isDenial(entry)) denial = at;
    }
    if (free !== -1) return free;
    // Random names are the usual flood: they take each other's place before that of good names.
    if (denial !== -1) return denial;
    this.victim = (this.victim + 1) % ways;
    return first + this.victim;
  }
}

function isDenial({ bytes }: IReadyAnswer): boolean {
  return ((bytes[3] as number) & 15) === rcode.NXDOMAIN;
}

function isSame(message: Buffer, name: Buffer, nameLength: number): boolean {
  for (let at = 0; at < nameLength; at++) if (message[headerBytes + at] !== name[at]) return false;
  return true;
}

/** Mixes a byte into a hash that began as the seed of the cache. */
export function mix(hash: number, byte: number): number {
  return Math.imul(hash ^ byte, 0x01000193);
}

/** The hash of a question. @param ofName the bytes of the name in lower case, mixed. */
export function hashOf(ofName: number, type: number, dnssec: boolean): number {
  let hash = Math.imul(ofName ^ (type << 1) ^ (dnssec ? 1 : 0), 0x85ebca6b);
  hash ^= hash >>> 13;
  hash = Math.imul(hash, 0xc2b2ae35);
  return hash ^ (hash >>> 16);
}

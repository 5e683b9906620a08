import { randomBytes } from 'node:crypto';
import { ipWords, maskWords, parseIp } from '../../net/ip.ts';
import { rcode } from '../codec/types.ts';

/** How many answers a network of clients gets by UDP. */
export interface IResponseRateOptions {
  /** Answers a second for each network and kind: data, NXDOMAIN, errors. As many may come at once. */
  readonly responsesPerSecond: number;
  /**
   * Every so many answers above the limit one goes out truncated, so that an honest client asks by
   * TCP; 0: none, 1: all. @default 2
   */
  readonly slip?: number;
  /** Bits of an IPv4 address that make the network. @default 24 */
  readonly prefix4?: number;
  /** Bits of an IPv6 address that make the network. @default 56 */
  readonly prefix6?: number;
  /** Networks and kinds that are remembered; rounded up to a power of two. @default 65536 */
  readonly entriesMax?: number;
  /** Clients without a limit; null: none. @default null */
  readonly exempt?: { contains(address: string): boolean } | null;
}

/** What becomes of an answer. */
export type TRateVerdict = 'send' | 'slip' | 'drop';

/** Buckets that share a place; of these the one nearest to full makes room. */
const ways = 4;

/**
 * Response rate limiting: a token bucket for each client network and kind of answer, in a table of
 * fixed size. It keeps our answers from being an attack on whoever's address was forged.
 */
export class ResponseRate {
  private readonly options: Required<IResponseRateOptions>;
  private readonly seed = randomBytes(4).readInt32LE(0);
  private readonly marks: Int32Array;
  /** When each bucket is full again, in ms. */
  private readonly fullAt: Float64Array;
  private readonly mask: number;
  private readonly costMs: number;
  private readonly words = ipWords();
  private overruns = 0;

  /** @throws RangeError for a rate that is not above 0. */
  constructor(options: IResponseRateOptions) {
    const defaults = { slip: 2, prefix4: 24, prefix6: 56, entriesMax: 65_536, exempt: null };
    this.options = { ...defaults, ...options };
    const { responsesPerSecond, entriesMax } = this.options;
    if (!(responsesPerSecond > 0)) throw new RangeError('Expected a rate above 0');
    const sets = 2 ** Math.ceil(Math.log2(Math.max(1, entriesMax / ways)));
    this.marks = new Int32Array(sets * ways);
    this.fullAt = new Float64Array(sets * ways).fill(-1);
    this.mask = sets - 1;
    this.costMs = 1000 / responsesPerSecond;
  }

  /**
   * Asks for one answer to this client.
   *
   * @param code the rcode of the answer.
   * @param nowMs of a clock that does not go back.
   */
  take(address: string, code: number, nowMs: number): TRateVerdict {
    const { words, options, fullAt } = this;
    const family = parseIp(address, words);
    if (family === 0) return 'send';
    if (options.exempt?.contains(address) === true) return 'send';
    maskWords(words, family, family === 4 ? options.prefix4 : options.prefix6);
    const at = this.placeOf(this.hashOf(family, code), nowMs);
    const before = Math.max(nowMs, fullAt[at] as number);
    const burstMs = Math.max(1000, this.costMs);
    if (before + this.costMs - nowMs <= burstMs) {
      fullAt[at] = before + this.costMs;
      return 'send';
    }
    const { slip } = options;
    this.overruns++;
    return slip > 0 && this.overruns % slip === 0 ? 'slip' : 'drop';
  }

  private hashOf(family: 4 | 6, code: number): number {
    const kind = code === rcode.NOERROR ? 0 : code === rcode.NXDOMAIN ? 1 : 2;
    let hash = this.seed ^ (kind << 3) ^ family;
    const count = family === 4 ? 1 : 4;
    for (let index = 0; index < count; index++) {
      hash = Math.imul(hash ^ (this.words[index] as number), 0x85ebca6b);
      hash = Math.imul(hash ^ (hash >>> 15), 0xc2b2ae35);
      hash ^= hash >>> 13;
    }
    return hash;
  }

  /** The bucket of a hash, or one that takes the place of the bucket that is nearest to full. */
  private placeOf(hash: number, nowMs: number): number {
    const first = (hash & this.mask) * ways;
    let best = first;
    for (let at = first; at < first + ways; at++) {
      if (this.marks[at] === hash && this.fullAt[at] !== -1) return at;
      if ((this.fullAt[at] as number) < (this.fullAt[best] as number)) best = at;
    }
    this.marks[best] = hash;
    this.fullAt[best] = nowMs;
    return best;
  }
}

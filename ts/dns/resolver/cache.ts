import type { IClock } from '../../core/clock.ts';
import type { IRecord } from '../codec/message.ts';
import { isSubdomain, nameKey, parentOf, type TName } from '../codec/name.ts';
import { rcode } from '../codec/types.ts';
import {
  askedKey,
  askedOfKey,
  type IAnswer,
  type IAsked,
  isNegative,
  isUsable,
  ttlSecondsOf,
} from './answer.ts';
import { type IPackedAnswer, packAnswer, unpackAnswer } from './packed-answer.ts';

/** Limits of a cache of answers. */
export interface ICacheLimits {
  /** Memory, estimated. @default 67,108,864 */
  readonly bytesMax?: number;
  /** Answers are kept so long at least, whatever their TTL is. @default 0 */
  readonly ttlSecondsMin?: number;
  /** And so long at most. @default 86,400 */
  readonly ttlSecondsMax?: number;
  /** Negative answers so long at most (RFC 2308 §5). @default 3,600 */
  readonly negativeTtlSecondsMax?: number;
  /** Failures (RFC 9520 §3.2: 1 second to 5 minutes). @default 5 */
  readonly failureTtlSeconds?: number;
  /** Expired answers are kept so much longer, for when the servers fail; 0: not. @default 86,400 */
  readonly staleSecondsMax?: number;
}

/** Defaults of the limits. */
export const cacheDefaults = {
  bytesMax: 64 * 1024 * 1024,
  ttlSecondsMin: 0,
  ttlSecondsMax: 86_400,
  negativeTtlSecondsMax: 3600,
  failureTtlSeconds: 5,
  staleSecondsMax: 86_400,
} as const satisfies Required<ICacheLimits>;

/** What a stale answer's records tell as TTL: RFC 8767 §4. */
export const staleTtlSeconds = 30;
/** After a refresh failed, a stale answer is given at once for so long: RFC 8767 §5. */
const staleRetryMs = 30_000;
/** Of so many uses by `use` one counts for the order in which entries go. */
const touchEvery = 16;
/** Objects, key and table of an entry, about. */
const entryBytes = 700;

/** An answer that is kept. */
export interface ICacheEntry {
  readonly name: TName;
  /** 0: the name does not exist, whatever the type. */
  readonly type: number;
  readonly checkingDisabled: boolean;
  readonly packed: IPackedAnswer;
  readonly isNegative: boolean;
  /** `monotonic` times. */
  readonly storedMs: number;
  readonly expiresMs: number;
  /** Hits since it was stored. */
  readonly hits: number;
}

/** An entry, in the list of those that were used after and before it. */
class Entry implements ICacheEntry {
  readonly key: string;
  readonly packed: IPackedAnswer;
  readonly isNegative: boolean;
  readonly storedMs: number;
  readonly expiresMs: number;
  readonly bytes: number;
  hits = 0;
  /** Whether a cache has it. */
  isKept = false;
  retryMs = 0;
  newer: Entry | null = null;
  older: Entry | null = null;

  constructor(
    key: string,
    packed: IPackedAnswer,
    isNegative: boolean,
    storedMs: number,
    expiresMs: number,
  ) {
    this.key = key;
    this.packed = packed;
    this.isNegative = isNegative;
    this.storedMs = storedMs;
    this.expiresMs = expiresMs;
    this.bytes = entryBytes + packed.bytes.length + key.length;
  }

  get name(): TName {
    return askedOfKey(this.key).name;
  }

  get type(): number {
    return askedOfKey(this.key).type;
  }

  get checkingDisabled(): boolean {
    return askedOfKey(this.key).checkingDisabled;
  }
}

/** What a cache did since it was made, and holds now. */
export interface ICacheNumbers {
  readonly entries: number;
  readonly bytes: number;
  readonly hits: number;
  readonly misses: number;
  readonly staleHits: number;
  readonly evicted: number;
}

/**
 * Answers by question, within a bound of bytes: the one longest unused goes first.
 *
 * An NXDOMAIN answers for every type of its name (RFC 2308 §5), and, when it is secure, for
 * everything below it (RFC 8020). Failures are kept for seconds and never replace a usable answer
 * that may still be given stale.
 */
export class AnswerCache {
  private readonly clock: IClock;
  private readonly limits: Required<ICacheLimits>;
  private readonly entries = new Map<string, Entry>();
  private newest: Entry | null = null;
  private oldest: Entry | null = null;
  private bytes = 0;
  private hits = 0;
  private misses = 0;
  private staleHits = 0;
  private evicted = 0;

  constructor(clock: IClock, limits: ICacheLimits = {}) {
    this.clock = clock;
    this.limits = { ...cacheDefaults, ...limits };
  }

  /** Sizes and counts. */
  numbers(): ICacheNumbers {
    const { bytes, hits, misses, staleHits, evicted } = this;
    return { entries: this.entries.size, bytes, hits, misses, staleHits, evicted };
  }

  /**
   * The fresh answer to a question, and counts as used; null when there is none.
   *
   * @param countsMiss false: whoever asks will ask again. @default true
   */
  find(asked: IAsked, countsMiss = true): ICacheEntry | null {
    const now = this.clock.monotonic();
    const entry = this.fresh(asked, now);
    if (entry === null) {
      if (countsMiss) this.misses++;
      return null;
    }
    this.hits++;
    entry.hits++;
    this.touch(entry);
    return entry;
  }

  /**
   * Counts a further use of an entry that `find` gave; false: the cache has it no more, or it has
   * expired.
   */
  use(found: ICacheEntry, now: number): boolean {
    const entry = found as Entry;
    if (!entry.isKept || entry.expiresMs <= now) return false;
    this.hits++;
    entry.hits++;
    // The order need not be exact, and to change it is what costs.
    if (entry.hits % touchEvery === 0) this.touch(entry);
    return true;
  }

  /** The expired answer that may be given when the servers fail; null when there is none. */
  findStale(asked: IAsked): ICacheEntry | null {
    return this.usable(asked, this.clock.monotonic());
  }

  /** Whether the last refresh failed so lately that a stale answer is given without waiting. */
  isWaiting(entry: ICacheEntry): boolean {
    return (entry as Entry).retryMs > this.clock.monotonic();
  }

  /** Counts the use of a stale answer. */
  usedStale(entry: ICacheEntry): void {
    this.staleHits++;
    this.touch(entry as Entry);
  }

  /** The answer of an entry as of now: its TTLs count down, and are 30 once it is stale. */
  answerOf(entry: ICacheEntry): IAnswer {
    return unpackAnswer(entry.packed, this.ttlOf(entry));
  }

  /** What a record's TTL is now, of the one that is kept. */
  ttlOf(entry: ICacheEntry): (ttl: number) => number {
    const now = this.clock.monotonic();
    if (entry.expiresMs <= now) return () => staleTtlSeconds;
    const age = Math.floor((now - entry.storedMs) / 1000);
    const left = Math.ceil((entry.expiresMs - now) / 1000);
    return (ttl) => Math.max(0, Math.min(left, ttl - age));
  }

  /**
   * The answer with TTLs within the limits, as whoever asks later gets it: who asked first would keep it
   * for longer, or ask again sooner.
   */
  bounded(asked: IAsked, answer: IAnswer): IAnswer {
    const { ttlSecondsMin, ttlSecondsMax, negativeTtlSecondsMax } = this.limits;
    const [least, most] = isNegative(answer, asked.type)
      ? [0, negativeTtlSecondsMax]
      : [ttlSecondsMin, ttlSecondsMax];
    const limited = (record: IRecord): IRecord => {
      const ttl = Math.min(Math.max(record.ttl, least), most);
      return ttl === record.ttl ? record : { ...record, ttl };
    };
    const { answer: records, authority } = answer;
    return { ...answer, answer: records.map(limited), authority: authority.map(limited) };
  }

  /**
   * Keeps an answer as long as its TTL and the limits say.
   *
   */
  store(asked: IAsked, answer: IAnswer): void {
    const now = this.clock.monotonic();
    if (!isUsable(answer) && this.keepsStale(asked, now)) return;
    const ttlSeconds = this.lifetime(answer, asked.type);
    if (ttlSeconds <= 0) return;
    const isForName = answer.rcode === rcode.NXDOMAIN && answer.answer.length === 0;
    const type = isForName ? 0 : asked.type;
    const { ttlSecondsMin } = this.limits;
    const packed = packAnswer(asked, answer, (ttl) =>
      Math.min(Math.max(ttl, ttlSecondsMin), this.limits.ttlSecondsMax),
    );
    if (packed === null) return;
    const key = askedKey(asked.name, type, asked.checkingDisabled);
    const endMs = now + ttlSeconds * 1000;
    const entry = new Entry(key, packed, isNegative(answer, asked.type), now, endMs);
    if (entry.bytes > this.limits.bytesMax / 4) return;
    // What it replaces: the records by NXDOMAIN, or the other way round.
    const otherType = isForName ? asked.type : 0;
    this.removeKey(askedKey(asked.name, otherType, asked.checkingDisabled));
    this.insert(entry);
  }

  /** Forgets a name, with its subdomains when asked; all when no name is given. @returns how many */
  flush(name: TName | null = null, withSubdomains = false): number {
    const before = this.entries.size;
    const key = name === null ? null : nameKey(name);
    for (const entry of [...this.entries.values()]) {
      const isMeant =
        name === null ||
        (withSubdomains ? isSubdomain(entry.name, name) : nameKey(entry.name) === key);
      if (isMeant) this.remove(entry);
    }
    return before - this.entries.size;
  }

  /** What is kept, the one used last first; for people. */
  *list(): Generator<ICacheEntry> {
    for (let entry = this.newest; entry !== null; entry = entry.older) yield entry;
  }

  private lifetime(answer: IAnswer, type: number): number {
    const { limits } = this;
    if (!isUsable(answer)) return limits.failureTtlSeconds;
    const ttl = ttlSecondsOf(answer, type);
    if (isNegative(answer, type)) return Math.min(ttl, limits.negativeTtlSecondsMax);
    return Math.min(Math.max(ttl, limits.ttlSecondsMin), limits.ttlSecondsMax);
  }

  private fresh(asked: IAsked, now: number): Entry | null {
    const own = this.at(asked, asked.type);
    if (own !== null && own.expiresMs > now) return own;
    const none = this.at(asked, 0);
    if (none !== null && none.expiresMs > now) return none;
    // RFC 8020: below a name that does not exist there is nothing.
    for (let name = parentOf(asked.name); name !== null; name = parentOf(name)) {
      const above = this.entries.get(askedKey(name, 0, asked.checkingDisabled));
      if (above === undefined || above.expiresMs <= now) continue;
      if (above.packed.security === 'secure') return above;
    }
    return null;
  }

  private at(asked: IAsked, type: number): Entry | null {
    return this.entries.get(askedKey(asked.name, type, asked.checkingDisabled)) ?? null;
  }

  /** A failure came: whether a usable answer is kept, which then has its refresh put off. */
  private keepsStale(asked: IAsked, now: number): boolean {
    const entry = this.usable(asked, now);
    if (entry === null) return false;
    entry.retryMs = now + staleRetryMs;
    return true;
  }

  /** What is kept for the question, be it stale, and is no failure. */
  private usable(asked: IAsked, now: number): Entry | null {
    for (const type of [asked.type, 0]) {
      const entry = this.at(asked, type);
      if (entry === null || !isUsablePacked(entry)) continue;
      if (now < entry.expiresMs + this.limits.staleSecondsMax * 1000) return entry;
    }
    return null;
  }

  private insert(entry: Entry): void {
    this.removeKey(entry.key);
    this.entries.set(entry.key, entry);
    entry.isKept = true;
    this.bytes += entry.bytes;
    this.linkNewest(entry);
    while (this.bytes > this.limits.bytesMax && this.oldest !== null) {
      this.evicted++;
      this.remove(this.oldest);
    }
  }

  private removeKey(key: string): void {
    const entry = this.entries.get(key);
    if (entry !== undefined) this.remove(entry);
  }

  private remove(entry: Entry): void {
    this.entries.delete(entry.key);
    entry.isKept = false;
    this.bytes -= entry.bytes;
    this.unlink(entry);
  }

  private touch(entry: Entry): void {
    // An entry that was removed meanwhile stays so.
    if (entry === this.newest || !entry.isKept) return;
    this.unlink(entry);
    this.linkNewest(entry);
  }

  private linkNewest(entry: Entry): void {
    entry.older = this.newest;
    entry.newer = null;
    if (this.newest !== null) this.newest.newer = entry;
    this.newest = entry;
    this.oldest ??= entry;
  }

  private unlink(entry: Entry): void {
    if (entry.newer === null) this.newest = entry.older;
    else entry.newer.older = entry.older;
    if (entry.older === null) this.oldest = entry.newer;
    else entry.older.newer = entry.newer;
    entry.newer = null;
    entry.older = null;
  }
}

function isUsablePacked({ packed }: ICacheEntry): boolean {
  return packed.rcode === rcode.NOERROR || packed.rcode === rcode.NXDOMAIN;
}

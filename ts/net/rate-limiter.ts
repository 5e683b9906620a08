import { hash } from 'node:crypto';

/** What was decided about one request, with what the answer's headers say. */
export interface IRateVerdict {
  readonly allowed: boolean;
  /** Requests that may come at once: the size of the bucket. */
  readonly limit: number;
  /** Whole requests that may come at once from now on. */
  readonly remaining: number;
  /** Until the whole limit is there again, rounded up. */
  readonly resetSeconds: number;
  /** Until the next request is allowed, rounded up, at least 1; 0 when this one is. */
  readonly retryAfterSeconds: number;
}

/** How much is allowed. All numbers are above 0. */
export interface IRateSettings {
  /** Requests in each window on average. */
  amount: number;
  windowMs: number;
  /** Requests that may come at once. @default amount */
  burst?: number;
  /** Keys that are remembered; see `RateLimiter`. @default 100,000 */
  keysMax?: number;
}

/** A rate limit for each key, in this process or asked in another one. */
export interface IRateLimiter {
  /**
   * Takes one request from the key's bucket; a refused one takes nothing.
   *
   * @param now milliseconds of a clock that does not go back.
   * @param answer called once, later, when null is returned, and else never.
   * @returns null: comes through `answer`.
   */
  take(key: string, now: number, answer: (verdict: IRateVerdict) => void): IRateVerdict | null;
  /** Gives back what an allowed `take` of the key took: the request was not made. */
  giveBack(key: string): void;
  /** Changes the limit; what the keys took stays taken. @throws RangeError */
  configure(settings: IRateSettings): void;
  /** Keys that are remembered. */
  readonly keys: number;
  /** Requests allowed since the start, without those that were given back. */
  readonly allowed: number;
  /** Requests refused since the start. */
  readonly refused: number;
}

const keysMaxDefault = 100_000;
/** Longer keys are remembered by their hash. */
const keyLengthMax = 64;
const slotCount = 64;
/** Buckets are full at most `slotCount` slots ahead; one more, since now is within a slot. */
const ringSize = slotCount + 2;
/** Full buckets that are dropped with each request; more than the one that it may add. */
const sweepMax = 4;

/**
 * A bucket that is not full, in the list of those that will be at about the same time.
 * Links only: the ring's heads are of this kind.
 */
class Entry {
  readonly key: string;
  /** When it is full, in the limiter's units. */
  fullAt = 0;
  previous: Entry = this;
  next: Entry = this;

  constructor(key: string) {
    this.key = key;
  }

  unlink(): void {
    this.previous.next = this.next;
    this.next.previous = this.previous;
  }

  append(entry: Entry): void {
    entry.previous = this.previous;
    entry.next = this;
    this.previous.next = entry;
    this.previous = entry;
  }

  /** Forgets what the head has. */
  clear(): void {
    this.previous = this;
    this.next = this;
  }

  /** Takes over all that the other head has. */
  adopt(head: Entry): void {
    if (head.next === head) return;
    this.previous.next = head.next;
    head.next.previous = this.previous;
    this.previous = head.previous;
    head.previous.next = this;
    head.clear();
  }
}

function shortKey(key: string): string {
  return key.length > keyLengthMax ? hash('sha256', key, 'base64') : key;
}

/** The same text; one cut out of a longer text would keep all of that in memory. */
function ownText(text: string): string {
  const copy = Buffer.from(text, 'latin1').toString('latin1');
  return copy === text ? copy : Buffer.from(text, 'utf16le').toString('utf16le');
}

/**
 * A token bucket for each key, exact to the millisecond, without timers.
 *
 * A full bucket is not remembered. When `keysMax` buckets are not full, a new key takes the place
 * of the one that is nearest to full (within 1/64 of the burst). So a flood of other keys makes a
 * bucket that lacks n requests forgotten only after `keysMax` other keys had n requests allowed
 * each, within the time in which n are refilled; what a key gains by it are these n.
 *
 * An entry takes about 150 bytes, whatever the length of the key.
 */
export class RateLimiter implements IRateLimiter {
  allowed = 0;
  refused = 0;
  private readonly entries = new Map<string, Entry>();
  /** Ring of lists by the slot of `fullAt`. */
  private readonly ring = Array.from({ length: ringSize }, () => new Entry(''));
  /** Buckets that are full. */
  private readonly full = new Entry('');
  private keysMax = 0;
  private burst = 0;
  // Time is counted in units of which a millisecond has `amount` and a request costs `windowMs`,
  // so that whole milliseconds and settings give whole numbers, and no rounding adds up.
  private amount = 0;
  private windowMs = 0;
  private capacity = 0;
  private slotWidth = 0;
  private startMs: number | undefined;
  /** Since the first request; never goes back. */
  private nowMs = 0;
  /** The same in units. */
  private now = 0;
  /** The slot of `now`. */
  private slot = 0;

  /** @throws RangeError for a setting that is not above 0. */
  constructor(settings: IRateSettings) {
    this.configure(settings);
  }

  get keys(): number {
    return this.entries.size;
  }

  take(givenKey: string, nowMs: number): IRateVerdict {
    const key = shortKey(givenKey);
    this.advance(nowMs);
    const entry = this.entries.get(key);
    const before = entry === undefined ? this.now : Math.max(this.now, entry.fullAt);
    const after = before + this.windowMs;
    const allowed = after - this.now <= this.capacity;
    if (allowed) {
      this.allowed++;
      this.store(entry ?? this.create(key), after);
    } else {
      this.refused++;
    }
    return this.verdict(allowed, allowed ? after : before);
  }

  giveBack(givenKey: string): void {
    this.allowed--;
    const entry = this.entries.get(shortKey(givenKey));
    // Forgotten, or full again meanwhile: there is nothing left to give back to.
    if (entry === undefined) return;
    const fullAt = entry.fullAt - this.windowMs;
    if (fullAt > this.now) this.store(entry, fullAt);
    else this.drop(entry);
  }

  configure(settings: IRateSettings): void {
    const { amount, windowMs, burst = amount, keysMax = keysMaxDefault } = settings;
    if (!(amount > 0 && windowMs > 0 && burst >= 1 && keysMax >= 1)) {
      throw new RangeError('A rate limit needs an amount, a window, a burst and keys above 0');
    }
    // The longest owing come last, so that those remain when fewer may be remembered.
    const owing = [...this.entries.values()]
      .map(({ key, fullAt }) => ({ key, requests: (fullAt - this.now) / (this.windowMs || 1) }))
      .filter(({ requests }) => requests > 0)
      .sort((a, b) => a.requests - b.requests);
    this.now = this.nowMs * amount;
    this.amount = amount;
    this.windowMs = windowMs;
    this.burst = burst;
    this.keysMax = keysMax;
    this.capacity = burst * windowMs;
    this.slotWidth = this.capacity / slotCount;
    this.slot = Math.floor(this.now / this.slotWidth);
    this.entries.clear();
    for (const head of [this.full, ...this.ring]) head.clear();
    for (const { key, requests } of owing.slice(-keysMax)) {
      const entry = new Entry(key);
      this.entries.set(key, entry);
      this.store(entry, this.now + Math.min(requests, burst) * windowMs);
    }
  }

  private advance(nowMs: number): void {
    this.startMs ??= Math.floor(nowMs);
    const elapsedMs = Math.floor(nowMs) - this.startMs;
    if (elapsedMs > this.nowMs) {
      this.nowMs = elapsedMs;
      this.now = elapsedMs * this.amount;
      const slot = Math.floor(this.now / this.slotWidth);
      const steps = Math.min(slot - this.slot, ringSize);
      for (let step = 0; step < steps; step++) this.full.adopt(this.headOf(this.slot + step));
      this.slot = slot;
    }
    for (let count = 0; count < sweepMax && this.full.next !== this.full; count++) {
      this.drop(this.full.next);
    }
  }

  private create(key: string): Entry {
    if (this.entries.size >= this.keysMax) this.drop(this.nearestToFull());
    const entry = new Entry(ownText(key));
    this.entries.set(entry.key, entry);
    return entry;
  }

  private store(entry: Entry, fullAt: number): void {
    entry.unlink();
    entry.fullAt = fullAt;
    this.headOf(Math.floor(fullAt / this.slotWidth)).append(entry);
  }

  /** Called only when there are entries. */
  private nearestToFull(): Entry {
    let head = this.full;
    for (let slot = this.slot; head.next === head; slot++) head = this.headOf(slot);
    return head.next;
  }

  private drop(entry: Entry): void {
    entry.unlink();
    this.entries.delete(entry.key);
  }

  private headOf(slot: number): Entry {
    return this.ring[slot % ringSize] as Entry;
  }

  private verdict(allowed: boolean, fullAt: number): IRateVerdict {
    const { capacity, windowMs, amount } = this;
    const owed = fullAt - this.now;
    const unitsPerSecond = amount * 1000;
    const waitUnits = owed + windowMs - capacity;
    return {
      allowed,
      limit: Math.floor(this.burst),
      remaining: Math.floor((capacity - owed) / windowMs),
      resetSeconds: Math.ceil(owed / unitsPerSecond),
      retryAfterSeconds: allowed ? 0 : Math.max(1, Math.ceil(waitUnits / unitsPerSecond)),
    };
  }
}

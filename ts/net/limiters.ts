import { isDeepStrictEqual } from 'node:util';
import { ConnectionCounter, type IConnectionCounter } from './connection-counter.ts';
import { type IRateLimiter, type IRateSettings, RateLimiter } from './rate-limiter.ts';

/**
 * Where limits live: in this process, or in one that several processes ask.
 *
 * An id names one limit over all configurations: the same id gives the same live object, with what
 * it has counted. Whoever works with one holds it; what nobody holds is forgotten.
 */
export interface ILimiters {
  /**
   * The rate limiter with an id; other settings than before hold at once, for everybody who has it.
   *
   * @throws RangeError for settings that are not above 0.
   */
  rateLimiter(id: string, settings: IRateSettings): IRateLimiter;
  /** The connection counter with an id. */
  connectionCounter(id: string): IConnectionCounter;
}

/** Limits of this process, which answer at once. */
export class LocalLimiters implements ILimiters {
  private readonly rates = new HeldValues<RateLimiter>();
  private readonly settings = new WeakMap<RateLimiter, IRateSettings>();
  private readonly counters = new HeldValues<ConnectionCounter>();

  /** Rate limiters and counters that somebody may still hold. */
  get size(): number {
    return this.rates.size + this.counters.size;
  }

  rateLimiter(id: string, settings: IRateSettings): RateLimiter {
    const limiter = this.rates.get(id, () => new RateLimiter(settings));
    const before = this.settings.get(limiter);
    // Changing them costs time for each key that is remembered.
    if (before !== undefined && !isDeepStrictEqual(before, settings)) limiter.configure(settings);
    this.settings.set(limiter, { ...settings });
    return limiter;
  }

  /** The rate limiter with an id as it is, if somebody holds one. */
  knownRateLimiter(id: string): RateLimiter | undefined {
    return this.rates.find(id);
  }

  connectionCounter(id: string): ConnectionCounter {
    return this.counters.get(id, () => new ConnectionCounter());
  }
}

const sweepSizeMin = 1024;

/** Values by id, for as long as somebody else holds them. */
class HeldValues<T extends object> {
  private readonly values = new Map<string, WeakRef<T>>();
  private sweepAt = sweepSizeMin;

  get size(): number {
    this.sweep();
    return this.values.size;
  }

  find(id: string): T | undefined {
    return this.values.get(id)?.deref();
  }

  get(id: string, make: () => T): T {
    const known = this.find(id);
    if (known !== undefined) return known;
    const value = make();
    if (this.values.size >= this.sweepAt) this.sweep();
    this.values.set(id, new WeakRef(value));
    return value;
  }

  private sweep(): void {
    for (const [id, value] of this.values) if (value.deref() === undefined) this.values.delete(id);
    this.sweepAt = Math.max(sweepSizeMin, this.values.size * 2);
  }
}

import type { IClock } from '../core/clock.ts';

/** Milliseconds after which a request or a retry has lost all but 1/e of its weight. */
const MEMORY_MS = 10_000;

/**
 * Keeps retries from making an overload worse: of the recent requests (about ten seconds), only a
 * share may be repeated, plus a few per second so that a quiet route can retry at all.
 *
 * @see Finagle's RetryBudget
 */
export class RetryBudget {
  private readonly ratio: number;
  private readonly minPerSecond: number;
  private readonly clock: IClock;
  /** Requests since `countedAt`. */
  private fresh = 0;
  private requests = 0;
  private retries = 0;
  /** Monotonic milliseconds; requests and retries are as of then. */
  private countedAt: number;

  /**
   * @param ratio retries per request, 0 to 1.
   * @param minPerSecond retries that are allowed whatever the ratio says, e.g. 3.
   */
  constructor(ratio: number, minPerSecond: number, clock: IClock) {
    this.ratio = ratio;
    this.minPerSecond = minPerSecond;
    this.clock = clock;
    this.countedAt = Math.floor(clock.monotonic());
  }

  /**
   * Counts a request (not its retries). Costs one addition: the clock is read only by `tryRetry()`.
   */
  request(): void {
    this.fresh++;
  }

  /** Whether another attempt may be made; true counts it. */
  tryRetry(): boolean {
    this.age();
    const allowed = this.ratio * this.requests + (this.minPerSecond * MEMORY_MS) / 1000;
    if (this.retries + 1 > allowed) return false;
    this.retries++;
    return true;
  }

  private age(): void {
    const now = Math.floor(this.clock.monotonic());
    const elapsed = now - this.countedAt;
    const kept = Math.exp(-elapsed / MEMORY_MS);
    // The fresh ones are taken to have come evenly, so part of them has lost its weight already.
    const freshKept = elapsed > 0 ? (MEMORY_MS / elapsed) * (1 - kept) : 1;
    this.requests = this.requests * kept + this.fresh * freshKept;
    this.retries *= kept;
    this.fresh = 0;
    this.countedAt = now;
  }
}

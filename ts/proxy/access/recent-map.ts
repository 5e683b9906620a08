import type { IClock } from '../../core/clock.ts';

interface IRecent<T> {
  readonly value: T;
  /** Monotonic milliseconds. */
  readonly until: number;
}

/**
 * Remembers values for a while, and only the most recently used ones: what is over the limit goes,
 * the longest unused first. It has no timer; what is old goes when it is asked for or pushed out.
 */
export class RecentMap<T> {
  private readonly entries = new Map<string, IRecent<T>>();
  private readonly sizeMax: number;
  private readonly ageMaxMs: number;
  private readonly clock: IClock;

  constructor(sizeMax: number, ageMaxMs: number, clock: IClock) {
    this.sizeMax = sizeMax;
    this.ageMaxMs = ageMaxMs;
    this.clock = clock;
  }

  /** Number of values that are held, old ones included. */
  get size(): number {
    return this.entries.size;
  }

  /** The value; undefined when it is unknown or too old. */
  get(key: string): T | undefined {
    const entry = this.entries.get(key);
    if (entry === undefined) return undefined;
    this.entries.delete(key);
    if (entry.until <= this.clock.monotonic()) return undefined;
    // A Map keeps the order of insertion: back to the end with it.
    this.entries.set(key, entry);
    return entry.value;
  }

  /** Remembers a value from now on. */
  set(key: string, value: T): void {
    this.entries.delete(key);
    this.entries.set(key, { value, until: this.clock.monotonic() + this.ageMaxMs });
    if (this.entries.size <= this.sizeMax) return;
    for (const oldest of this.entries.keys()) {
      this.entries.delete(oldest);
      break;
    }
  }
}

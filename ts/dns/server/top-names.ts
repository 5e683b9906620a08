import { randomBytes } from 'node:crypto';
import { nameKey } from '../codec/name.ts';

/** Names that are counted at a time. */
const namesMax = 256;
/** Of so many questions one is looked at, about. */
const sampleDefault = 64;

/**
 * The names that are asked for most often, out of a sample: the space-saving algorithm (Metwally et
 * al., 2005). A name that is asked for in more than 1 of 256 questions is always among them; memory
 * and work are bounded whatever is asked.
 */
export class TopNames {
  /** Of so many questions one is looked at; the counts are multiplied by it. */
  readonly sample: number;
  private readonly counts = new Map<string, number>();
  /** Never 0: see `xorshift`. */
  private random = randomBytes(4).readInt32LE(0) | 1;
  private left: number;

  /** @param sample 1: every question is looked at. */
  constructor(sample: number = sampleDefault) {
    this.sample = sample;
    this.left = this.distance();
  }

  /** Whether this question is one of the sample: nearly all that a question costs. */
  isDue(): boolean {
    if (--this.left > 0) return false;
    this.left = this.distance();
    return true;
  }

  /**
   * Counts a name of the sample.
   *
   * @param message a message of ours whose question has the name at `start` to `end`.
   */
  add(message: Buffer, start: number, end: number): void {
    this.count(nameKey(message.subarray(start, end)), 1);
  }

  /** Adds what another one has counted. */
  merge(counts: Iterable<readonly [name: string, count: number]>): void {
    for (const [name, count] of counts) this.count(name, count);
  }

  /** Names as latin1 of their wire form in lower case, with what was counted, the most first. */
  entries(): [name: string, count: number][] {
    return [...this.counts].sort((one, other) => other[1] - one[1]);
  }

  private count(name: string, count: number): void {
    const known = this.counts.get(name);
    if (known === undefined && this.counts.size >= namesMax) {
      const [least, leastCount] = this.least();
      this.counts.delete(least);
      this.counts.set(name, leastCount + count);
    } else {
      this.counts.set(name, (known ?? 0) + count);
    }
  }

  private least(): [name: string, count: number] {
    let least: [string, number] = ['', Number.POSITIVE_INFINITY];
    for (const entry of this.counts) if (entry[1] < least[1]) least = entry;
    return least;
  }

  /** Random: clients that ask for the same names in turn would fool a fixed one. */
  private distance(): number {
    return 1 + (this.xorshift() % (2 * this.sample - 1));
  }

  private xorshift(): number {
    let value = this.random;
    value ^= value << 13;
    value ^= value >>> 17;
    value ^= value << 5;
    this.random = value;
    return value >>> 0;
  }
}

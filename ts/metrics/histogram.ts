/** Buckets per doubling: a bucket is at most 1/16 wide, so its middle is at most 3.2 % off. */
const SUB_BUCKET_BITS = 4;
const SUB_BUCKETS = 1 << SUB_BUCKET_BITS;

/** Longest value that is told apart: one hour. */
const VALUE_MAX_MS = 3_600_000;
const VALUE_MAX_US = VALUE_MAX_MS * 1000;

/** Counts are allocated in steps of half a doubling. */
const GROWTH_BUCKETS = 8;

/**
 * Number of the bucket that counts a duration. Whole microseconds below 16 µs, then 16 buckets per
 * doubling, up to an hour; what is longer counts as an hour, what is no positive number as 0.
 */
export function bucketOf(ms: number): number {
  if (!(ms > 0)) return 0;
  const us = ms >= VALUE_MAX_MS ? VALUE_MAX_US : (ms * 1000) >>> 0;
  if (us < SUB_BUCKETS) return us;
  const exponent = 31 - Math.clz32(us);
  const sub = (us >>> (exponent - SUB_BUCKET_BITS)) & (SUB_BUCKETS - 1);
  return ((exponent - SUB_BUCKET_BITS + 1) << SUB_BUCKET_BITS) + sub;
}

/** Milliseconds in the middle of a bucket. */
function middleOf(bucket: number): number {
  if (bucket < SUB_BUCKETS) return (bucket + 0.5) / 1000;
  const shift = (bucket >>> SUB_BUCKET_BITS) - 1;
  const sub = bucket & (SUB_BUCKETS - 1);
  return ((SUB_BUCKETS + sub + 0.5) * 2 ** shift) / 1000;
}

/** What a histogram has counted, as data: for another process. */
export interface IHistogramCounts {
  count: number;
  /** Milliseconds. */
  max: number;
  /** Milliseconds. */
  sum: number;
  /** Bucket that the first of `counts` counts. */
  low: number;
  counts: number[];
}

/**
 * Counts durations in log-linear buckets, as HdrHistogram does: any percentile within 3.2 % (or
 * half a microsecond) for 1 µs to 1 h. It only holds the range of buckets that it has seen, so one
 * with few values takes some 200 bytes; recording allocates only when that range grows.
 */
export class Histogram {
  /** Values recorded. */
  public count = 0;
  /** Largest value in milliseconds, exact. */
  public max = 0;
  /** Sum in milliseconds, exact. */
  protected sum = 0;
  /** Bucket that `counts[0]` counts. */
  private low = 0;
  private counts: number[] = [];

  /** Arithmetic mean in milliseconds, exact; 0 when nothing was recorded. */
  get mean(): number {
    return this.count === 0 ? 0 : this.sum / this.count;
  }

  /** Counts a duration in milliseconds. */
  record(ms: number): void {
    this.recordBucket(bucketOf(ms), ms);
  }

  /**
   * The same for a caller that knows `bucketOf(ms)`, because it records into several histograms.
   */
  recordBucket(bucket: number, ms: number): void {
    let index = bucket - this.low;
    if (index < 0 || index >= this.counts.length) {
      this.cover(bucket, bucket);
      index = bucket - this.low;
    }
    this.counts[index] = (this.counts[index] as number) + 1;
    this.count++;
    if (ms > 0) {
      this.sum += ms;
      if (ms > this.max) this.max = ms;
    }
  }

  /** Adds what another one has counted; that one stays as it is. */
  merge(other: Histogram): void {
    this.absorb(other.data());
  }

  /** What was counted; look at it before anything else is recorded. */
  data(): IHistogramCounts {
    const { count, max, sum, low, counts } = this;
    return { count, max, sum, low, counts };
  }

  /** Adds what another one, perhaps of another process, has counted. */
  absorb(other: IHistogramCounts): void {
    if (other.count === 0) return;
    this.cover(other.low, other.low + other.counts.length - 1);
    const offset = other.low - this.low;
    for (let index = 0; index < other.counts.length; index++) {
      const at = index + offset;
      this.counts[at] = (this.counts[at] as number) + (other.counts[index] as number);
    }
    this.count += other.count;
    this.sum += other.sum;
    if (other.max > this.max) this.max = other.max;
  }

  /** Milliseconds that `percent` (0 to 100) of the values do not exceed; 0 when there are none. */
  percentile(percent: number): number {
    if (this.count === 0) return 0;
    const rank = Math.max(1, Math.ceil((Math.min(percent, 100) / 100) * this.count));
    if (rank === this.count) return this.max;
    let seen = 0;
    for (let index = 0; index < this.counts.length; index++) {
      seen += this.counts[index] as number;
      if (seen >= rank) return Math.min(middleOf(this.low + index), this.max);
    }
    return this.max;
  }

  /** Forgets the values and keeps the memory. */
  clear(): void {
    this.counts.fill(0);
    this.count = 0;
    this.max = 0;
    this.sum = 0;
  }

  /** Makes room for the buckets from `first` to `last`. */
  private cover(first: number, last: number): void {
    const isEmpty = this.counts.length === 0;
    const end = this.low + this.counts.length;
    const low = isEmpty ? first : Math.min(first, this.low);
    const high = isEmpty ? last + 1 : Math.max(last + 1, end);
    const from = low - (low % GROWTH_BUCKETS);
    const to = Math.ceil(high / GROWTH_BUCKETS) * GROWTH_BUCKETS;
    if (!isEmpty && from === this.low && to === end) return;

    const grown = new Array<number>(to - from).fill(0);
    for (let index = 0; index < this.counts.length; index++) {
      grown[index + this.low - from] = this.counts[index] as number;
    }
    this.low = from;
    this.counts = grown;
  }
}

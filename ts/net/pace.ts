/** What may pass at once: this much time's worth, but not less than a usual read. */
const burstMs = 100;
const burstBytesMin = 16_384;

/**
 * Holds a stream at a bandwidth: a token bucket that may be overdrawn, since bytes that were read
 * are here already; the pause that follows pays for them.
 *
 * Over any time, no more than the rate's worth, the burst (100 ms worth, at least 16 KiB) and one
 * read's excess pass.
 */
export class Pace {
  private readonly bytesPerMs: number;
  private readonly burstBytes: number;
  /** Below 0: overdrawn. */
  private available: number;
  private last = Number.NEGATIVE_INFINITY;

  /** @throws RangeError for a rate that is not above 0. */
  constructor(bytesPerSecond: number) {
    if (!(bytesPerSecond > 0)) throw new RangeError('A pace needs a rate above 0');
    this.bytesPerMs = bytesPerSecond / 1000;
    this.burstBytes = Math.max(burstBytesMin, this.bytesPerMs * burstMs);
    this.available = this.burstBytes;
  }

  /**
   * Notes bytes that have passed.
   *
   * @param now milliseconds of a clock that does not go back.
   * @returns whole milliseconds to pause before reading on; 0: go on.
   */
  spend(bytes: number, now: number): number {
    const elapsedMs = Math.max(0, now - this.last);
    if (elapsedMs > 0) this.last = now;
    const available = Math.min(this.burstBytes, this.available + elapsedMs * this.bytesPerMs);
    this.available = available - bytes;
    return this.available >= 0 ? 0 : Math.ceil(-this.available / this.bytesPerMs);
  }
}

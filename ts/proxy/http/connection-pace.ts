import { Pace } from '../../net/pace.ts';

/** Speed of a connection each way, in bytes per second; 0: as fast as it goes. */
export interface IBandwidthPlan {
  readonly inBytesPerSecond: number;
  readonly outBytesPerSecond: number;
}

/**
 * Holds a connection at its bandwidth: tells when to stop reading, from the client or from the
 * backend, and when to go on. It has no timer: whoever looks at deadlines asks it.
 */
export class ConnectionPace {
  private readonly inward: Pace | null;
  private readonly outward: Pace | null;
  /** Monotonic milliseconds until which nothing is read; 0: it may be read. */
  private inUntil = 0;
  private outUntil = 0;
  /** Written bytes that were paid for. */
  private paid = 0;
  /** The client's socket takes no more at the moment. */
  private isBlocked = false;

  constructor({ inBytesPerSecond, outBytesPerSecond }: IBandwidthPlan) {
    this.inward = inBytesPerSecond === 0 ? null : new Pace(inBytesPerSecond);
    this.outward = outBytesPerSecond === 0 ? null : new Pace(outBytesPerSecond);
  }

  /** Nothing is to be read from the client now. */
  get holdsIn(): boolean {
    return this.inUntil !== 0;
  }

  /** It lets one side wait: that nothing moves says nothing about the other. */
  get isHolding(): boolean {
    return this.inUntil !== 0 || this.outUntil !== 0;
  }

  /** Notes bytes that came from the client. @returns false: stop reading until `releaseIn`. */
  took(count: number, now: number): boolean {
    if (this.inward === null) return true;
    const pauseMs = this.inward.spend(count, now);
    if (pauseMs > 0) this.inUntil = now + pauseMs;
    return pauseMs === 0;
  }

  /**
   * Notes what was written to the client.
   *
   * @param flowing the client's socket takes more.
   * @param total bytes that were ever written to it.
   * @returns false: give it no more until `drained` or `releaseOut`.
   */
  wrote(flowing: boolean, total: number, now: number): boolean {
    this.isBlocked = !flowing;
    if (this.outward === null) return flowing;
    const pauseMs = this.outward.spend(total - this.paid, now);
    this.paid = total;
    if (pauseMs > 0) this.outUntil = now + pauseMs;
    return flowing && pauseMs === 0;
  }

  /** The client's socket takes more again. @returns whether it may be given more. */
  drained(): boolean {
    this.isBlocked = false;
    return this.outUntil === 0;
  }

  /** Whether a pause of reading from the client ends now. */
  releaseIn(now: number): boolean {
    if (this.inUntil === 0 || now < this.inUntil) return false;
    this.inUntil = 0;
    return true;
  }

  /** Whether a pause of writing to the client ends now. */
  releaseOut(now: number): boolean {
    if (this.outUntil === 0 || now < this.outUntil) return false;
    this.outUntil = 0;
    return !this.isBlocked;
  }
}

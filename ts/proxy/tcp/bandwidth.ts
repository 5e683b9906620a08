import type { IBandwidth } from '../../../ts_interfaces/index.ts';
import { Pace } from '../../net/pace.ts';

/** How fast a session may be, and until when each direction pauses. */
export class Bandwidth {
  /** Monotonic milliseconds; 0: it does not pause. */
  inUntil = 0;
  outUntil = 0;
  private readonly inPace: Pace | null;
  private readonly outPace: Pace | null;

  constructor({ inBytesPerSecond = 0, outBytesPerSecond = 0 }: IBandwidth) {
    this.inPace = inBytesPerSecond > 0 ? new Pace(inBytesPerSecond) : null;
    this.outPace = outBytesPerSecond > 0 ? new Pace(outBytesPerSecond) : null;
  }

  /** Bytes came from the client. @returns whether reading from it has to pause. */
  spendIn(bytes: number, now: number): boolean {
    const pauseMs = this.inPace?.spend(bytes, now) ?? 0;
    if (pauseMs > 0) this.inUntil = now + pauseMs;
    return pauseMs > 0;
  }

  /** Bytes go to the client. @returns whether reading from the backend has to pause. */
  spendOut(bytes: number, now: number): boolean {
    const pauseMs = this.outPace?.spend(bytes, now) ?? 0;
    if (pauseMs > 0) this.outUntil = now + pauseMs;
    return pauseMs > 0;
  }
}

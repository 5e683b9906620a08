import type { IClock, ITimer } from './clock.ts';

/** A timer that waits for its time. */
interface IManualTimer extends ITimer {
  readonly dueMs: number;
  readonly run: () => void;
}

/** A clock that only moves when a test moves it. */
export class ManualClock implements IClock {
  private readonly startMs: number;
  private elapsedMs = 0;
  /** Ordered by due time, then by age. */
  private timers: IManualTimer[] = [];

  /** @param startMs what `now()` says at first. @default 2026-01-01T00:00:00Z */
  constructor(startMs = Date.UTC(2026, 0, 1)) {
    this.startMs = startMs;
  }

  /** Timers that are set and neither ran nor were cancelled. */
  get timerCount(): number {
    return this.timers.length;
  }

  now(): number {
    return this.startMs + this.elapsedMs;
  }

  monotonic(): number {
    return this.elapsedMs;
  }

  setTimeout(run: () => void, delayMs: number): ITimer {
    const timer: IManualTimer = {
      dueMs: this.elapsedMs + Math.max(0, delayMs),
      run,
      cancel: () => {
        this.timers = this.timers.filter((other) => other !== timer);
      },
    };
    const later = this.timers.findIndex(({ dueMs }) => dueMs > timer.dueMs);
    this.timers.splice(later === -1 ? this.timers.length : later, 0, timer);
    return timer;
  }

  /**
   * Moves the time on and runs what falls due, in order, each at its own time; what these set
   * runs too if it falls due. What a timer throws is thrown here, the time standing at it.
   */
  advance(ms: number): void {
    const endMs = this.elapsedMs + ms;
    for (;;) {
      const next = this.timers[0];
      if (next === undefined || next.dueMs > endMs) break;
      this.timers.shift();
      this.elapsedMs = next.dueMs;
      next.run();
    }
    this.elapsedMs = endMs;
  }
}

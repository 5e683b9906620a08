/** A timer that was set. */
export interface ITimer {
  /** Takes the timer back; nothing happens when it ran or was cancelled before. */
  cancel(): void;
}

/** Time, injected so that tests own it. Its timers never keep the process alive. */
export interface IClock {
  /** Milliseconds since the epoch; jumps when the machine's clock is set. */
  now(): number;
  /** Milliseconds, with a fraction, from an arbitrary start; never goes back. For durations. */
  monotonic(): number;
  /** Runs `run` once after `delayMs`; any length is fine, below zero counts as zero. */
  setTimeout(run: () => void, delayMs: number): ITimer;
}

/** Longer delays overflow in Node, which then runs the timer at once. */
const delayMsMax = 2 ** 31 - 1;

class SystemTimer implements ITimer {
  private readonly run: () => void;
  private remainingMs: number;
  private handle: NodeJS.Timeout;

  constructor(run: () => void, delayMs: number) {
    this.run = run;
    this.remainingMs = Math.max(0, delayMs);
    this.handle = this.arm();
  }

  cancel(): void {
    clearTimeout(this.handle);
  }

  private arm(): NodeJS.Timeout {
    const stepMs = Math.min(this.remainingMs, delayMsMax);
    this.remainingMs -= stepMs;
    return setTimeout(() => this.expire(), stepMs).unref();
  }

  private expire(): void {
    if (this.remainingMs > 0) this.handle = this.arm();
    else this.run();
  }
}

/** The machine's clock. */
export const systemClock: IClock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  setTimeout: (run, delayMs) => new SystemTimer(run, delayMs),
};

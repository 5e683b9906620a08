import type { IClock, ITimer } from '../../core/clock.ts';

const firstMs = 100;
const lastMs = 30_000;
/** A worker that lived so long was well: its next end is the first again. */
const wellMs = 60_000;

/** When workers that ended begin again: later each time, so that one that cannot live costs little. */
export class Restarts {
  private readonly clock: IClock;
  private readonly failures = new Map<number, number>();
  private readonly timers = new Map<number, ITimer>();

  constructor(clock: IClock) {
    this.clock = clock;
  }

  /**
   * Runs `restart` after a pause.
   *
   * @param livedMs how long the worker lived.
   * @returns milliseconds of the pause.
   */
  schedule(worker: number, livedMs: number, restart: () => void): number {
    const before = livedMs >= wellMs ? 0 : (this.failures.get(worker) ?? 0);
    const pauseMs = Math.min(lastMs, firstMs * 2 ** before);
    this.failures.set(worker, before + 1);
    this.timers.get(worker)?.cancel();
    const timer = this.clock.setTimeout(() => {
      this.timers.delete(worker);
      restart();
    }, pauseMs);
    this.timers.set(worker, timer);
    return pauseMs;
  }

  /** Nobody begins any more. */
  cancel(): void {
    for (const timer of this.timers.values()) timer.cancel();
    this.timers.clear();
  }
}

/** Runs tasks one after the other, in the order in which they came. */
export class SerialQueue {
  private last: Promise<unknown> = Promise.resolve();

  /**
   * Runs the task when all earlier ones have ended, whether well or not, and resolves or rejects as
   * it does. A task that calls `run` and waits for it waits for itself for ever.
   */
  run<T>(task: () => T | Promise<T>): Promise<T> {
    const result = this.last.then(task);
    this.last = result.then(ignore, ignore);
    return result;
  }
}

/** The outcome is the caller's; the queue only waits for the end. */
function ignore(): void {}

/** Runs tasks one after the other, in the order in which they came. */
export class SerialQueue {
  private last: Promise<unknown> = Promise.resolve();
  private count = 0;

  /** Tasks that wait or run. */
  get pending(): number {
    return this.count;
  }

  /**
   * Runs the task when all earlier ones have ended, whether well or not, and resolves or rejects as
   * it does. A task that calls `run` and waits for it waits for itself for ever.
   */
  run<T>(task: () => T | Promise<T>): Promise<T> {
    this.count++;
    const result = this.last.then(task);
    // The outcome is the caller's; the queue only waits for the end.
    const end = (): void => {
      this.count--;
    };
    this.last = result.then(end, end);
    return result;
  }

  /** Resolves when all tasks of now have ended, well or not. */
  async idle(): Promise<void> {
    await this.last;
  }
}

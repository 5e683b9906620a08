/** Runs jobs one after another, in the order in which they came. */
export class JobQueue {
  private last: Promise<unknown> = Promise.resolve();
  private count = 0;

  /** Jobs that wait or run. */
  get pending(): number {
    return this.count;
  }

  /** Resolves or rejects as the job does. A job that waits for a later one waits for ever. */
  run<T>(job: () => Promise<T>): Promise<T> {
    this.count++;
    const result = this.last.then(job);
    const end = (): void => {
      this.count--;
    };
    this.last = result.then(end, end);
    return result;
  }

  /** Resolves when all jobs of now have ended, well or not. */
  async idle(): Promise<void> {
    await this.last;
  }
}

/**
 * Counts what is open for each key, e.g. the connections of a client. In a process of its own, or
 * by asking another process, when several share the count.
 */
export interface IConnectionCounter {
  /**
   * Counts one more, unless `max` are counted; 0: without limit.
   *
   * @param answer called once, later, when null is returned, and else never.
   * @returns whether it was counted; null: comes through `answer`.
   */
  enter(key: string, max: number, answer: (entered: boolean) => void): boolean | null;
  /** Counts one less, once for each one that entered; nothing for a key that has none. */
  leave(key: string): void;
  /** Keys with a count; bounded by what is open. */
  readonly keys: number;
}

/** A count of this process, which answers at once. */
export class ConnectionCounter implements IConnectionCounter {
  private readonly counts = new Map<string, number>();

  enter(key: string, max: number): boolean {
    const count = this.counts.get(key) ?? 0;
    if (max !== 0 && count >= max) return false;
    this.counts.set(key, count + 1);
    return true;
  }

  leave(key: string): void {
    const count = this.counts.get(key);
    if (count === undefined) return;
    if (count === 1) this.counts.delete(key);
    else this.counts.set(key, count - 1);
  }

  /** What is counted for the key. */
  countOf(key: string): number {
    return this.counts.get(key) ?? 0;
  }

  get keys(): number {
    return this.counts.size;
  }
}

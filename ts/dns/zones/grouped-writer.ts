import type { IStoreChange, Store } from '../../storage/store.ts';

interface IWaiting {
  readonly changes: readonly IStoreChange[];
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/** Writes in one go at most: a larger group would hold others up for long. */
const groupMax = 1_000;

/**
 * Writes what comes while a write is under way together, in one go: a thousand zones that change at
 * once wait for a few syncs of the disk, not for a thousand.
 */
export class GroupedWriter {
  private readonly store: Store;
  private waiting: IWaiting[] = [];
  private running: Promise<void> | null = null;

  constructor(store: Store) {
    this.store = store;
  }

  /**
   * Resolves when the changes, all of them, are on disk; none are when it rejects.
   *
   * @throws DcError `STORE_FAILED`, `STORE_CORRUPT` or `NOT_RUNNING`.
   */
  write(changes: readonly IStoreChange[]): Promise<void> {
    if (changes.length === 0) return Promise.resolve();
    return new Promise((resolve, reject) => {
      this.waiting.push({ changes, resolve, reject });
      this.running ??= this.run();
    });
  }

  /** Resolves when nothing is to be written. */
  async idle(): Promise<void> {
    while (this.running !== null) await this.running;
  }

  private async run(): Promise<void> {
    // What comes in the same moment goes into the same group.
    await Promise.resolve();
    while (this.waiting.length > 0) {
      const group = this.waiting.splice(0, groupMax);
      if (!(await this.writeTogether(group))) {
        for (const one of group) await this.writeAlone(one);
      }
    }
    this.running = null;
  }

  private async writeTogether(group: readonly IWaiting[]): Promise<boolean> {
    if (group.length < 2) return false;
    try {
      await this.store.write(group.flatMap(({ changes }) => changes));
    } catch {
      // One of them may be at fault: each is tried by itself, and has its own error.
      return false;
    }
    for (const { resolve } of group) resolve();
    return true;
  }

  private async writeAlone({ changes, resolve, reject }: IWaiting): Promise<void> {
    try {
      await this.store.write(changes);
      resolve();
    } catch (error) {
      reject(error);
    }
  }
}

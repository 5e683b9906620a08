import { MemoryStore } from '../../ts/storage/memory-store.ts';
import type { IStoreChange } from '../../ts/storage/store.ts';

/** A store in memory that a test can break and hold up, and that counts. */
export class BreakableStore extends MemoryStore {
  /** Writes that began. */
  writes = 0;
  /** Thrown by each write. */
  failure: Error | null = null;
  /** Writes wait for it. */
  gate: Promise<void> | null = null;

  override async write(changes: readonly IStoreChange[]): Promise<void> {
    this.writes++;
    if (this.gate !== null) await this.gate;
    if (this.failure !== null) throw this.failure;
    await super.write(changes);
  }
}

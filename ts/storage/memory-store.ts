import { DcError } from '../core/errors.ts';
import { encodeChanges } from './encode.ts';
import type { IStoreChange, Store, TJson } from './store.ts';

/** Keeps items as long as the object lives: for the library without `dataDir`, and for tests. */
export class MemoryStore implements Store {
  private isOpen = false;
  /** JSON text by collection and key. */
  private readonly collections = new Map<string, Map<string, string>>();

  async open(): Promise<void> {
    if (this.isOpen) throw new DcError('ALREADY_RUNNING', 'The store is open already');
    this.isOpen = true;
  }

  async close(): Promise<void> {
    this.isOpen = false;
  }

  async entries(collection: string): Promise<[key: string, value: TJson][]> {
    return [...this.collection(collection)]
      .map(([key, text]) => ({ bytes: Buffer.from(key), key, text }))
      .sort((a, b) => Buffer.compare(a.bytes, b.bytes))
      .map(({ key, text }) => [key, JSON.parse(text) as TJson]);
  }

  async get(collection: string, key: string): Promise<TJson | undefined> {
    const text = this.collection(collection).get(key);
    return text === undefined ? undefined : (JSON.parse(text) as TJson);
  }

  async write(changes: readonly IStoreChange[]): Promise<void> {
    this.checkOpen();
    for (const { collection, key, text } of encodeChanges(changes)) {
      const items = this.collection(collection);
      if (text === undefined) items.delete(key);
      else this.collections.set(collection, items.set(key, text));
    }
  }

  private collection(name: string): Map<string, string> {
    this.checkOpen();
    return this.collections.get(name) ?? new Map();
  }

  private checkOpen(): void {
    if (!this.isOpen) throw new DcError('NOT_RUNNING', 'The store is not open');
  }
}

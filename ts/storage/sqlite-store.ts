import { DcError } from '../core/errors.ts';
import { encodeChanges } from './encode.ts';
import { SqliteThread } from './sqlite-thread.ts';
import type { IStoreChange, Store, TJson } from './store.ts';

/**
 * Keeps items in a folder of its own, in SQLite (WAL, `synchronous=FULL`).
 *
 * A write resolves when it is synced; writes that wait together share one sync. The folder is
 * created with mode 0700, its files with 0600; one store holds it at a time, and the kernel lets
 * it go when the process ends. An open store does not keep the process alive.
 */
export class SqliteStore implements Store {
  private readonly folder: string;
  private thread: SqliteThread | undefined;
  private closing: Promise<void> | undefined;

  /** @param folder for the store's files alone; nothing is touched before `open()`. */
  constructor(folder: string) {
    this.folder = folder;
  }

  async open(): Promise<void> {
    await this.closing;
    if (this.thread !== undefined) {
      throw new DcError('ALREADY_RUNNING', `The store "${this.folder}" is open already`);
    }
    const thread = new SqliteThread(this.folder, () => {
      if (this.thread === thread) this.thread = undefined;
    });
    this.thread = thread;
    try {
      await thread.opened;
    } catch (error) {
      await thread.end();
      throw error;
    }
  }

  async close(): Promise<void> {
    const { thread } = this;
    if (thread !== undefined) {
      this.thread = undefined;
      this.closing = closeThread(thread).finally(() => {
        this.closing = undefined;
      });
    }
    await this.closing;
  }

  async entries(collection: string): Promise<[key: string, value: TJson][]> {
    const rows = (await this.running().ask({ type: 'entries', collection })) as [string, string][];
    return rows.map(([key, text]) => [key, this.parse(collection, key, text)]);
  }

  async get(collection: string, key: string): Promise<TJson | undefined> {
    const text = (await this.running().ask({ type: 'get', collection, key })) as string | undefined;
    return text === undefined ? undefined : this.parse(collection, key, text);
  }

  async write(changes: readonly IStoreChange[]): Promise<void> {
    const thread = this.running();
    await thread.ask({ type: 'write', changes: encodeChanges(changes) });
  }

  private running(): SqliteThread {
    if (this.thread !== undefined) return this.thread;
    throw new DcError('NOT_RUNNING', `The store "${this.folder}" is not open`);
  }

  private parse(collection: string, key: string, text: string): TJson {
    try {
      return JSON.parse(text) as TJson;
    } catch (cause) {
      const item = `the item "${key}" in "${collection}" of the store "${this.folder}"`;
      throw new DcError('STORE_CORRUPT', `Cannot read ${item}: it is not JSON`, { cause });
    }
  }
}

async function closeThread(thread: SqliteThread): Promise<void> {
  const isOpen = await thread.opened.then(
    () => true,
    // Whoever called open() is told why it could not be.
    () => false,
  );
  try {
    if (isOpen) await thread.ask({ type: 'close' });
  } finally {
    await thread.end();
  }
}

import type { DatabaseSync, StatementSync } from 'node:sqlite';
import type { IEncodedChange } from './encode.ts';
import { storeError } from './sqlite-errors.ts';
import { createFolder, sqliteFiles } from './sqlite-files.ts';
import { SqliteLock } from './sqlite-lock.ts';
import { openDatabase } from './sqlite-schema.ts';

/**
 * A folder's items, synchronously: each call waits for the disk, so this belongs in a worker.
 * Every method throws a `DcError`: `STORE_FAILED` or `STORE_CORRUPT`.
 */
export class SqliteDatabase {
  private readonly folder: string;
  private readonly lock: SqliteLock;
  private readonly database: DatabaseSync;
  private readonly selectAll: StatementSync;
  private readonly selectOne: StatementSync;
  private readonly upsert: StatementSync;
  private readonly remove: StatementSync;

  /**
   * Opens the folder, creating it where there is none.
   *
   * @throws DcError as `Store.open` says; then nothing is held.
   */
  constructor(folder: string) {
    this.folder = folder;
    const files = sqliteFiles(folder);
    try {
      createFolder(folder);
      this.lock = new SqliteLock(files);
    } catch (error) {
      throw storeError('Cannot open', folder, error);
    }
    try {
      this.database = openDatabase(files);
    } catch (error) {
      this.lock.release();
      throw storeError('Cannot open', folder, error);
    }
    const { database } = this;
    this.selectAll = database.prepare(
      'SELECT key, value FROM items WHERE collection = ? ORDER BY key',
    );
    this.selectAll.setReturnArrays(true);
    this.selectOne = database.prepare('SELECT value FROM items WHERE collection = ? AND key = ?');
    this.upsert = database.prepare(
      'INSERT INTO items (collection, key, value) VALUES (?, ?, ?)' +
        ' ON CONFLICT DO UPDATE SET value = excluded.value',
    );
    this.remove = database.prepare('DELETE FROM items WHERE collection = ? AND key = ?');
  }

  /** Keys and JSON texts of a collection, ordered by key. */
  entries(collection: string): [key: string, text: string][] {
    return this.attempt('Cannot read', () => {
      return this.selectAll.all(collection) as unknown as [string, string][];
    });
  }

  /** JSON text of an item. */
  get(collection: string, key: string): string | undefined {
    return this.attempt('Cannot read', () => {
      const row = this.selectOne.get(collection, key);
      return row === undefined ? undefined : String(row.value);
    });
  }

  /** Applies all changes in one transaction; returns when they are synced. */
  write(changes: readonly IEncodedChange[]): void {
    this.attempt('Cannot write to', () => {
      this.database.exec('BEGIN IMMEDIATE');
      try {
        for (const { collection, key, text } of changes) {
          if (text === undefined) this.remove.run(collection, key);
          else this.upsert.run(collection, key, text);
        }
        this.database.exec('COMMIT');
      } catch (error) {
        // SQLite rolls back by itself after some errors, e.g. a full disk.
        if (this.database.isTransaction) this.database.exec('ROLLBACK');
        throw error;
      }
    });
  }

  /** Moves the log into the database and lets the folder go. */
  close(): void {
    try {
      this.attempt('Cannot close', () => this.database.close());
    } finally {
      this.lock.release();
    }
  }

  private attempt<T>(doing: string, action: () => T): T {
    try {
      return action();
    } catch (error) {
      throw storeError(doing, this.folder, error);
    }
  }
}

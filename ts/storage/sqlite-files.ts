import * as fs from 'node:fs';
import { dirname, join } from 'node:path';

/** Where a SQLite store keeps what, in its folder. */
export interface ISqliteFiles {
  readonly folder: string;
  /** The items. SQLite keeps its log beside it as `store.db-wal`. */
  readonly database: string;
  /** Empty; who holds the folder has it locked. */
  readonly lock: string;
  /** Who that is, for the others to tell: JSON. */
  readonly holder: string;
}

/** The files of a folder, whether they are there or not. */
export function sqliteFiles(folder: string): ISqliteFiles {
  return {
    folder,
    database: join(folder, 'store.db'),
    lock: join(folder, 'store.lock'),
    holder: join(folder, 'store.holder'),
  };
}

/** Creates the folder (mode 0700) and those above it that are missing, durably. */
export function createFolder(folder: string): void {
  try {
    fs.mkdirSync(folder, { mode: 0o700 });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST') return;
    const above = dirname(folder);
    if (code !== 'ENOENT' || above === folder) throw error;
    // Not `recursive`: Node 24 then never ends where the folder above cannot have any, as /proc.
    createFolder(above);
    fs.mkdirSync(folder, { mode: 0o700 });
  }
  syncFolder(dirname(folder));
}

/**
 * Creates an empty file (mode 0600) where there is none.
 *
 * One that is there is not even opened: closing a file gives up every POSIX lock that this process
 * has on it, and so would release the store of whoever holds it.
 */
export function createFile(path: string): void {
  try {
    fs.closeSync(fs.openSync(path, 'wx', 0o600));
    syncFolder(dirname(path));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
}

/** Replaces a file (mode 0600) at once: a reader sees the old or the new text, never a part. */
export function replaceFile(path: string, text: string): void {
  const temporary = `${path}.new`;
  fs.rmSync(temporary, { force: true });
  fs.writeFileSync(temporary, text, { mode: 0o600, flag: 'wx' });
  fs.renameSync(temporary, path);
}

function syncFolder(folder: string): void {
  const descriptor = fs.openSync(folder, 'r');
  try {
    fs.fsyncSync(descriptor);
  } finally {
    fs.closeSync(descriptor);
  }
}

import * as fs from 'node:fs';
import { hostname } from 'node:os';
import { DatabaseSync } from 'node:sqlite';
import { DcError } from '../core/errors.ts';
import { isBusy } from './sqlite-errors.ts';
import { createFile, type ISqliteFiles, replaceFile } from './sqlite-files.ts';

/** Who holds a folder, as its holder file says. */
interface IHolder {
  pid: number;
  host: string;
  /** ISO 8601. */
  since: string;
}

/** Two that start at once are in each other's way for a moment; then one of them gets it. */
const lockTimeoutMs = 100;

/**
 * Keeps every other store, in this process or another, out of the folder.
 *
 * The lock is the kernel's (an empty SQLite database under `BEGIN EXCLUSIVE`), so it ends with the
 * process, however that ends. The holder file only serves the message.
 */
export class SqliteLock {
  private readonly files: ISqliteFiles;
  private readonly database: DatabaseSync;

  /** @throws DcError `STORE_LOCKED`, naming the holder; or what the file system throws. */
  constructor(files: ISqliteFiles) {
    this.files = files;
    createFile(files.lock);
    this.database = new DatabaseSync(files.lock, { timeout: lockTimeoutMs });
    try {
      // Without the pragma there would be a journal file, too.
      this.database.exec('PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE');
      const holder: IHolder = {
        pid: process.pid,
        host: hostname(),
        since: new Date().toISOString(),
      };
      replaceFile(files.holder, JSON.stringify(holder));
    } catch (error) {
      this.database.close();
      throw isBusy(error) ? lockedError(files) : error;
    }
  }

  /** Lets the next one in. */
  release(): void {
    fs.rmSync(this.files.holder, { force: true });
    this.database.close();
  }
}

function lockedError(files: ISqliteFiles): DcError {
  const holder = readHolder(files.holder);
  const by = holder === undefined ? 'another process' : describe(holder);
  return new DcError('STORE_LOCKED', `The store "${files.folder}" is held by ${by}`);
}

function describe({ pid, host, since }: IHolder): string {
  if (host !== hostname()) return `process ${pid} on host "${host}" since ${since}`;
  return `${pid === process.pid ? 'this process,' : 'process'} ${pid}, since ${since}`;
}

/** Undefined when the file is missing, or names one that is gone and so is not the present one. */
function readHolder(path: string): IHolder | undefined {
  let holder: IHolder;
  try {
    holder = JSON.parse(fs.readFileSync(path, 'utf8')) as IHolder;
  } catch {
    // Missing, or no JSON: the lock counts, the file only serves the message.
    return undefined;
  }
  return holder.host !== hostname() || isRunning(holder.pid) ? holder : undefined;
}

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    // EPERM: it runs, as another user.
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

import { getCompileCacheDir } from 'node:module';
import path from 'node:path';
import { Worker } from 'node:worker_threads';
import { DcError } from '../core/errors.ts';
import type { ISqliteReply, TSqliteRequest, TSqliteResult } from './sqlite-messages.ts';

/** Somebody who waits for a reply. */
interface IWaiter {
  resolve: (result: TSqliteResult) => void;
  reject: (error: DcError) => void;
}

type TWithoutId<T> = T extends { id: number } ? Omit<T, 'id'> : never;

/** Requests that may wait for the disk; the next one fails. */
const waitersMax = 10_000;

const workerUrl = new URL(
  import.meta.url.endsWith('.ts') ? './sqlite-worker.ts' : './sqlite-worker.js',
  import.meta.url,
);

/**
 * A thread has no compile cache of its own accord. With the process's one it need not load the
 * machinery that turns TypeScript into JavaScript, which is 25 MB.
 */
function threadEnvironment(): NodeJS.ProcessEnv {
  const folder = getCompileCacheDir();
  return folder === undefined
    ? process.env
    : { ...process.env, NODE_COMPILE_CACHE: path.dirname(folder) };
}

/** A worker thread that has a store's folder open, or tries to, and those who wait for it. */
export class SqliteThread {
  /** Resolves when the folder is open; rejects with the `DcError` that says why not. */
  readonly opened: Promise<unknown>;
  private readonly folder: string;
  private readonly worker: Worker;
  private readonly waiters = new Map<number, IWaiter>();
  private lastId = 0;
  private failure: unknown;
  private readonly ended: Promise<void>;

  /** @param onEnd called when the thread has ended, for whatever reason. */
  constructor(folder: string, onEnd: () => void) {
    this.folder = folder;
    this.worker = new Worker(workerUrl, {
      name: 'store',
      workerData: { folder },
      // The process's own flags (a debugger's port, a test's loader) are not the thread's.
      execArgv: [],
      env: threadEnvironment(),
    });
    this.worker.on('message', (replies: ISqliteReply[]) => {
      for (const reply of replies) this.take(reply);
    });
    this.worker.on('error', (error) => {
      this.failure = error;
    });
    this.ended = new Promise((resolve) => {
      this.worker.once('exit', () => {
        onEnd();
        this.rejectAll();
        resolve();
      });
    });
    // The worker says by itself, as request 0, whether it could open the folder.
    this.opened = this.wait(0);
  }

  /** Asks and waits for the reply; keeps the process alive meanwhile. Rejects with a `DcError`. */
  async ask(request: TWithoutId<TSqliteRequest>): Promise<TSqliteResult> {
    if (this.waiters.size >= waitersMax && request.type !== 'close') {
      throw new DcError('STORE_FAILED', `The store "${this.folder}" does not keep up`);
    }
    const id = ++this.lastId;
    const reply = this.wait(id);
    this.worker.postMessage({ ...request, id });
    return reply;
  }

  /** Waits for the end of a thread that was told to close, or could not open its folder. */
  end(): Promise<void> {
    this.worker.ref();
    return this.ended;
  }

  private wait(id: number): Promise<TSqliteResult> {
    return new Promise((resolve, reject) => {
      this.waiters.set(id, { resolve, reject });
      this.worker.ref();
    });
  }

  private take({ id, result, error }: ISqliteReply): void {
    const waiter = this.waiters.get(id);
    this.waiters.delete(id);
    if (this.waiters.size === 0) this.worker.unref();
    if (error === undefined) waiter?.resolve(result);
    else waiter?.reject(new DcError(error.code, error.message));
  }

  private rejectAll(): void {
    const message = `The thread of the store "${this.folder}" ended`;
    for (const { reject } of this.waiters.values()) {
      reject(new DcError('STORE_FAILED', message, { cause: this.failure }));
    }
    this.waiters.clear();
  }
}

import * as fs from 'node:fs';
import { DcError } from './errors.ts';

/** Whether a log's path means a stream of the process, which is never closed or opened anew. */
export function isStream(path: string): boolean {
  return path === 'stdout' || path === 'stderr';
}

/**
 * Opens a log for appending, creating it with mode 0640. For `stdout` and `stderr` it takes the
 * process's, in a way that a reader who stops reading cannot block.
 *
 * @returns a descriptor for `closeLog`.
 * @throws DcError `LOG_FAILED`.
 */
export function openLogSync(path: string): number {
  if (isStream(path)) return openStream(path === 'stdout' ? 1 : 2);
  try {
    return fs.openSync(path, openFlags, openMode);
  } catch (error) {
    throw openFailed(path, error);
  }
}

/** Like `openLogSync`, without blocking. Rejects with the same error. */
export function openLog(path: string): Promise<number> {
  return new Promise((resolve, reject) => {
    fs.open(path, openFlags, openMode, (error, descriptor) => {
      if (error === null) resolve(descriptor);
      else reject(openFailed(path, error));
    });
  });
}

/** Closes what `openLogSync` or `openLog` opened; the process's own streams stay open. */
export function closeLog(descriptor: number): void {
  if (descriptor > 2) fs.closeSync(descriptor);
}

/**
 * A write that blocks would hold a thread of the pool and, as Node waits for its threads, the
 * exit of the process for as long as the reader sleeps.
 */
function openStream(descriptor: 1 | 2): number {
  const stats = fs.fstatSync(descriptor);
  if (stats.isFIFO() || stats.isCharacterDevice()) {
    try {
      // An open file of its own: other processes that share ours keep theirs blocking.
      const flags = fs.constants.O_WRONLY | fs.constants.O_NONBLOCK | fs.constants.O_NOCTTY;
      return fs.openSync(`/proc/self/fd/${descriptor}`, flags);
    } catch (error) {
      // No /proc, or the pipe is another user's.
      if ((error as NodeJS.ErrnoException).code === undefined) throw error;
    }
  }
  // A socket cannot be opened anew; that Node makes its stream does not let it block either.
  if (!stats.isFile()) void (descriptor === 1 ? process.stdout : process.stderr).writable;
  return descriptor;
}

const openMode = 0o640;
const openFlags =
  fs.constants.O_APPEND |
  fs.constants.O_CREAT |
  fs.constants.O_WRONLY |
  // Opening a named pipe would wait for its reader.
  fs.constants.O_NONBLOCK;

function openFailed(path: string, cause: unknown): DcError {
  const reason = (cause as NodeJS.ErrnoException).code ?? String(cause);
  return new DcError('LOG_FAILED', `Cannot open the log "${path}": ${reason}`, { cause });
}

const triesMax = 50;
const pauseMs = 2;

/**
 * Writes all bytes before it returns, for the end of the process; a full pipe gets 100 ms.
 *
 * @returns whether all were written.
 */
export function writeAllSync(descriptor: number, bytes: Buffer): boolean {
  let offset = 0;
  for (let tries = 0; offset < bytes.length && tries < triesMax; ) {
    try {
      offset += fs.writeSync(descriptor, bytes, offset);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') return false;
      tries++;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, pauseMs);
    }
  }
  return offset === bytes.length;
}

/** Number of line feeds. */
export function countLines(bytes: Buffer): number {
  let lines = 0;
  for (let at = bytes.indexOf(0x0a); at !== -1; at = bytes.indexOf(0x0a, at + 1)) lines++;
  return lines;
}

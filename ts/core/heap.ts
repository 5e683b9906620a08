import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/** V8's own collector, as `--expose-gc` shows it. */
type TCollect = (options: { type: 'major'; execution: 'sync'; flavor: 'last-resort' }) => void;

/**
 * Gives the memory that starting up took, and nobody needs any more, back to the system.
 *
 * V8 would keep it until the heap has grown to it again, which an idle process never does. Takes
 * some 20 ms, with a million records 300 ms, in which nothing else runs: for the start only, when all
 * is loaded and nobody is served yet.
 *
 * @param usedBytesMax does nothing when more is in use: once somebody is served. @default no limit
 */
export function releaseUnusedHeap(usedBytesMax = Number.POSITIVE_INFINITY): void {
  if (process.memoryUsage().heapUsed > usedBytesMax) return;
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as TCollect | undefined;
  setFlagsFromString('--no-expose-gc');
  collect?.({ type: 'major', execution: 'sync', flavor: 'last-resort' });
}

import { execFile } from 'node:child_process';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';

/** What many routes cost at rest. */
export interface IMemoryResult {
  routes: number;
  heapBytesPerRoute: number;
  rssBytesPerRoute: number;
  /** Milliseconds that `start()` took with all of them. */
  startMs: number;
}

interface IMemorySample {
  rss: number;
  /** Heap, and what it holds outside of V8. */
  heap: number;
  startMs: number;
}

const run = promisify(execFile);
const program = join(resolve(import.meta.dirname, '..'), 'servers', 'memory.ts');

/** Compares a process with many routes to one with a single route, both after garbage collection. */
export async function measureMemory(routes: number): Promise<IMemoryResult> {
  const many = await sample(routes);
  const one = await sample(1);
  return {
    routes,
    heapBytesPerRoute: (many.heap - one.heap) / (routes - 1),
    rssBytesPerRoute: (many.rss - one.rss) / (routes - 1),
    startMs: many.startMs,
  };
}

async function sample(routes: number): Promise<IMemorySample> {
  const { stdout } = await run(process.execPath, ['--expose-gc', program, String(routes)]);
  return JSON.parse(stdout) as IMemorySample;
}

import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { proxyCore, startPinned, usageOf } from './processes.ts';
import { waitUntilServing } from './request.ts';
import { median } from './statistics.ts';

/** How the daemon starts with no configuration at all, in an empty folder. */
export interface IStartResult {
  runs: number;
  /** Milliseconds from spawn to the first answer, with nothing cached by Node. */
  firstMs: number;
  /** The same when it has run before. */
  nextMs: number;
  /** Resident memory when nothing has happened for a while. */
  idleRssBytes: number;
}

const launcher = resolve(import.meta.dirname, '..', '..', 'bin', 'dcrouter.js');
const defaultPorts = [8080, 8443, 7700];
const settleMs = 2000;

/** @throws when one of the default ports is taken. */
export async function measureStart(runs: number): Promise<IStartResult> {
  for (const port of defaultPorts) await assertFree(port);
  const folder = mkdtempSync(join(tmpdir(), 'dcrouter-start-'));
  try {
    const first: number[] = [];
    const next: number[] = [];
    const rss: number[] = [];
    for (let run = 0; run < runs; run++) {
      const cache = join(folder, `cache-${run}`);
      first.push((await startOnce(join(folder, `first-${run}`), cache, 0)).ms);
      const warm = await startOnce(join(folder, `next-${run}`), cache, settleMs);
      next.push(warm.ms);
      rss.push(warm.rssBytes);
    }
    return { runs, firstMs: median(first), nextMs: median(next), idleRssBytes: median(rss) };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function startOnce(
  cwd: string,
  cache: string,
  idleMs: number,
): Promise<{ ms: number; rssBytes: number }> {
  mkdirSync(cwd, { recursive: true });
  const startedAt = performance.now();
  const running = startPinned(proxyCore, [process.execPath, launcher, 'run'], {
    cwd,
    env: { XDG_CACHE_HOME: cache, CACHE_DIRECTORY: undefined, NODE_COMPILE_CACHE: undefined },
  });
  try {
    const ms = await waitUntilServing('http://127.0.0.1:8080/', running, startedAt);
    await new Promise((done) => setTimeout(done, idleMs));
    return { ms, rssBytes: usageOf(running.pid).rssBytes };
  } finally {
    await running.stop();
  }
}

async function assertFree(port: number): Promise<void> {
  const server = createServer().listen(port);
  await once(server, 'listening');
  await once(server.close(), 'close');
}

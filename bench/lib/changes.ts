import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { type IMeasurement, measure } from './load.ts';
import { freePorts, proxyCore } from './processes.ts';
import { root } from './proxies.ts';
import { ask } from './request.ts';
import { progress } from './rounds.ts';
import type { ISite } from './site.ts';
import { median, medians } from './statistics.ts';

/** What a stream of changes does to the requests beside it. */
export interface IChangesResult {
  changesPerSecond: number;
  quiet: IMeasurement;
  changing: IMeasurement;
}

const wantedPerSecond = 1000;
const connections = 16;
const pollMs = 20;

/** The same load with nothing changing and with 1,000 route changes a second, in turn. */
export async function measureChanges(
  site: ISite,
  rounds: number,
  seconds: number,
): Promise<IChangesResult> {
  const [port = 0] = await freePorts(1);
  const program = join(root, 'bench', 'servers', 'changes.ts');
  const given = [String(port), String(site.filePort), String(wantedPerSecond)];
  const pinned = ['-c', String(proxyCore), process.execPath, program, ...given];
  const child = spawn('taskset', pinned, { stdio: ['pipe', 'pipe', 'inherit'] });
  const ended = once(child, 'close');
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const url = `http://127.0.0.1:${port}/`;
  const headers = { Host: 'host-5000.bench.test' };
  const load = { url, connections, seconds, headers };
  const quiet: IMeasurement[] = [];
  const changing: IMeasurement[] = [];
  const rates: number[] = [];
  try {
    await untilServing(url, headers, () => child.exitCode !== null);
    const pid = child.pid ?? 0;
    // Warm-up of both: code that has just been compiled, or is about to be, is no price of a change.
    await measure(load, pid);
    child.stdin.write('start\n');
    await measure(load, pid);
    child.stdin.write('stop\n');
    await lines.next();
    for (let round = 1; round <= rounds; round++) {
      progress(`changes: round ${round} of ${rounds}`);
      quiet.push(await measure(load, pid));
      child.stdin.write('start\n');
      changing.push(await measure(load, pid));
      child.stdin.write('stop\n');
      const { value = '' } = await lines.next();
      const [, count, ms] = /^changed (\d+) in (\d+)$/.exec(value) ?? [];
      if (ms === undefined) throw new Error(`The router under change ended, or said "${value}"`);
      rates.push((Number(count) * 1000) / Number(ms));
    }
  } finally {
    child.stdin.end();
    await ended;
  }
  return { changesPerSecond: median(rates), quiet: medians(quiet), changing: medians(changing) };
}

async function untilServing(
  url: string,
  headers: Record<string, string>,
  hasEnded: () => boolean,
): Promise<void> {
  for (;;) {
    try {
      const { status } = await ask(url, { headers });
      if (status === 200) return;
      throw new Error(`${url} answered ${status}`);
    } catch (error) {
      if (hasEnded()) throw error;
      await new Promise((done) => setTimeout(done, pollMs));
    }
  }
}

import { join } from 'node:path';
import { type IMeasurement, measure } from './load.ts';
import { freePorts, startPinned } from './processes.ts';
import { dcrouterCommand, dcrouterConfig, file } from './proxies.ts';
import type { IScenarioResult } from './report.ts';
import { waitUntilServing } from './request.ts';
import { progress } from './rounds.ts';
import type { ISite } from './site.ts';
import { medians } from './statistics.ts';

const connections = 64;
const bothCores = '0,1';

/**
 * One worker process against two, on both cores, with load and backends on the same two cores. What a
 * request costs says how it scales: N workers do N times the work while a request costs the same.
 */
export async function measureWorkers(
  site: ISite,
  rounds: number,
  seconds: number,
): Promise<IScenarioResult> {
  const counts = [1, 2];
  const results = new Map<number, IMeasurement[]>(counts.map((count) => [count, []]));
  for (let round = 0; round <= rounds; round++) {
    for (const count of counts) {
      progress(`workers: ${count}, round ${round} of ${rounds}`);
      const measured = await run(site, count, seconds);
      if (round > 0) results.get(count)?.push(measured);
    }
  }
  return {
    name: 'workers',
    title: `GET of 12 bytes, keep-alive, ${connections} connections, everything on both cores`,
    base: '1 worker',
    rows: Array.from(results, ([count, measured]) => ({
      proxy: count === 1 ? '1 worker' : `${count} workers`,
      median: medians(measured),
      rounds: measured,
    })),
  };
}

async function run(site: ISite, workers: number, seconds: number): Promise<IMeasurement> {
  const [http = 0, tls = 0] = await freePorts(2);
  const dataDir = join(site.folder, `workers-${workers}`);
  const config = { ...dcrouterConfig(site, { http, tls, echo: 0 }, dataDir), workers };
  const path = file(site, `workers-${workers}.json`, JSON.stringify(config));
  const running = startPinned(bothCores, dcrouterCommand(path));
  try {
    const url = `http://127.0.0.1:${http}/`;
    await waitUntilServing(url, running, performance.now());
    const load = { url, connections, threads: 2, core: bothCores };
    await measure({ ...load, seconds: 1 }, running.pid);
    return await measure({ ...load, seconds }, running.pid);
  } finally {
    await running.stop();
  }
}

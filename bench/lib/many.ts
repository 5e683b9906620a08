import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type ILoad, type IMeasurement, measure } from './load.ts';
import { freePorts, type IRunning, proxyCore, startPinned } from './processes.ts';
import { dcrouterCommand } from './proxies.ts';
import type { IScenarioResult } from './report.ts';
import { ask, waitUntilServing } from './request.ts';
import { manyRoutes } from './routes.ts';
import { script } from './scenarios.ts';
import type { ISite } from './site.ts';
import { medians } from './statistics.ts';

interface ICandidate {
  name: string;
  port: number;
  running: IRunning;
}

const connections = 64;
const warmUpSeconds = 2;

/**
 * DcRouter with many routes against DcRouter with one, under the same load: first requests for one
 * host, then requests for random ones of so many hosts.
 */
export async function measureRoutes(
  site: ISite,
  count: number,
  rounds: number,
  seconds: number,
): Promise<IScenarioResult[]> {
  const wildcard = { id: 'all', vHost: '*.bench.test' };
  const backends = [{ hostname: '127.0.0.1', port: site.filePort }];
  const candidates = [
    await start(site, 'dcrouter, 1 route', [{ ...wildcard, backends }]),
    await start(site, `dcrouter, ${count} routes`, manyRoutes(count, site.filePort)),
  ];
  const middle = Math.floor(count / 2);
  const one = { headers: { Host: `host-${middle}.bench.test` } };
  const random = { script: script('hosts.lua'), scriptArguments: [String(count)] };
  const kinds: [name: string, title: string, load: Partial<ILoad>][] = [
    ['routes', `GETs for one of ${count} hosts`, one],
    ['routes-random', `GETs for random ones of ${count} hosts`, random],
  ];
  try {
    const results: IScenarioResult[] = [];
    for (const [name, title, load] of kinds) {
      const measured = await compare(candidates, load, rounds, seconds);
      results.push({
        name,
        title: `${title}, keep-alive, ${connections} connections`,
        base: candidates[0]?.name ?? '',
        rows: Array.from(measured, ([proxy, each]) => ({
          proxy,
          median: medians(each),
          rounds: each,
        })),
      });
    }
    return results;
  } finally {
    await Promise.all(candidates.map(({ running }) => running.stop()));
  }
}

async function compare(
  candidates: readonly ICandidate[],
  load: Partial<ILoad>,
  rounds: number,
  seconds: number,
): Promise<Map<string, IMeasurement[]>> {
  const results = new Map<string, IMeasurement[]>(candidates.map(({ name }) => [name, []]));
  for (let round = 0; round <= rounds; round++) {
    for (const { name, port, running } of candidates) {
      const measured = await measure(
        {
          url: `http://127.0.0.1:${port}/`,
          connections,
          seconds: round === 0 ? Math.min(warmUpSeconds, seconds) : seconds,
          ...load,
        },
        running.pid,
      );
      if (round > 0) results.get(name)?.push(measured);
    }
  }
  return results;
}

async function start(site: ISite, name: string, routes: object[]): Promise<ICandidate> {
  const [port = 0] = await freePorts(1);
  const label = `routes-${routes.length}`;
  const config = {
    dataDir: join(site.folder, label),
    log: { level: 'warn' },
    api: { enabled: false },
    web: {
      accessLog: { enabled: false },
      entrypoints: { http: { address: '127.0.0.1', port } },
      routes,
    },
  };
  const file = join(site.folder, `${label}.json`);
  writeFileSync(file, JSON.stringify(config));
  const startedAt = performance.now();
  const running = startPinned(proxyCore, dcrouterCommand(file));
  const url = `http://127.0.0.1:${port}/`;
  await waitUntilServing(url, running, startedAt);
  const { status } = await ask(url, { headers: { Host: 'host-0.bench.test' } });
  if (status !== 200) throw new Error(`${name} answered ${status}`);
  return { name, port, running };
}

import { dnsMedians, type IDnsMeasurement, measureDns } from './dns-load.ts';
import { waitUntilAnswering } from './dns-query.ts';
import type { IDnsScenarioResult } from './dns-report.ts';
import { configFile, dcrouterDns } from './dns-servers.ts';
import { askedNames, hostOf, type IDnsSite, plainZone, writeQuestions } from './dns-site.ts';
import { freePorts, startPinned } from './processes.ts';
import { dcrouterCommand } from './proxies.ts';
import { progress } from './rounds.ts';

const bothCores = '0,1';
/** Many sockets, because the kernel gives each client to one of the workers. */
const load = { clients: 64, open: 256, threads: 2, core: bothCores };

/**
 * One thread against two, on both cores, with dnsperf on the same two cores. What a query costs says how it
 * scales: N workers do N times the work while a query costs the same.
 */
export async function measureDnsWorkers(
  site: IDnsSite,
  rounds: number,
  seconds: number,
): Promise<IDnsScenarioResult> {
  const counts = [1, 2];
  const questionsFile = writeQuestions(site, plainZone, askedNames);
  const results = new Map<number, IDnsMeasurement[]>(counts.map((count) => [count, []]));
  for (let round = 0; round <= rounds; round++) {
    for (const count of counts) {
      progress(`workers: ${count}, round ${round} of ${rounds}`);
      const measured = await run(site, count, questionsFile, seconds);
      if (round > 0) results.get(count)?.push(measured);
    }
  }
  const nameOf = (count: number): string => (count === 1 ? '1 worker' : `${count} workers`);
  return {
    name: 'workers',
    title: `UDP, ${askedNames} names of the plain zone, everything on both cores`,
    bases: [nameOf(1)],
    rows: Array.from(results, ([count, measured]) => ({
      server: nameOf(count),
      median: dnsMedians(measured),
      rounds: measured,
    })),
  };
}

async function run(
  site: IDnsSite,
  workers: number,
  questionsFile: string,
  seconds: number,
): Promise<IDnsMeasurement> {
  const [port = 0] = await freePorts(1);
  const path = configFile(site, `workers-${workers}`, { workers, dns: dcrouterDns(site, port) });
  const startedAt = performance.now();
  const running = startPinned(bothCores, dcrouterCommand(path));
  try {
    await waitUntilAnswering(port, `${hostOf(0)}.${plainZone}`, running, startedAt);
    await measureDns({ ...load, port, questionsFile, seconds: 1 }, running.pid);
    return await measureDns({ ...load, port, questionsFile, seconds }, running.pid);
  } finally {
    await running.stop();
  }
}

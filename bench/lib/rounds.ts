import { mkdirSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { type ILoad, type IMeasurement, measure } from './load.ts';
import type { IRunning } from './processes.ts';
import type { IResultRow, IScenarioResult } from './report.ts';
import { medians } from './statistics.ts';

/** How often and how long a load is put on each proxy. */
export interface IRounds {
  rounds: number;
  seconds: number;
  /** Before the first round: connections to the backends, and compiled code. */
  warmUpSeconds: number;
}

/** A proxy that is measured. */
export interface IMeasured {
  name: string;
  running: IRunning;
}

/** A load, made for each proxy. */
export interface ILoadOf<TTarget> {
  name: string;
  title: string;
  load(target: TTarget): Omit<ILoad, 'seconds'>;
  /** @throws unless the proxy answers as it must. */
  check(target: TTarget): Promise<void>;
}

/**
 * All proxies in turn, round by round, so that whatever changes on the machine meets all of them.
 *
 * @param direct the backends themselves, measured once at the end; null: not.
 */
export async function runRounds<TTarget>(
  scenario: ILoadOf<TTarget>,
  proxies: readonly (TTarget & IMeasured)[],
  direct: TTarget | null,
  { rounds, seconds, warmUpSeconds }: IRounds,
  base = 'nginx',
): Promise<IScenarioResult> {
  const results = new Map<string, IMeasurement[]>(proxies.map(({ name }) => [name, []]));
  for (const proxy of proxies) {
    await scenario.check(proxy);
    await measure({ ...scenario.load(proxy), seconds: warmUpSeconds }, proxy.running.pid);
  }
  for (let round = 1; round <= rounds; round++) {
    progress(`${scenario.name}: round ${round} of ${rounds}`);
    for (const proxy of proxies) {
      const measured = await measure({ ...scenario.load(proxy), seconds }, proxy.running.pid);
      results.get(proxy.name)?.push(measured);
    }
  }
  const rows: IResultRow[] = Array.from(results, ([proxy, measured]) => ({
    proxy,
    median: medians(measured),
    rounds: measured,
  }));
  if (direct !== null) {
    const measured = [await measure({ ...scenario.load(direct), seconds }, process.pid)];
    rows.push({ proxy: 'direct', median: medians(measured), rounds: measured });
  }
  return { name: scenario.name, title: scenario.title, base, rows };
}

/** Writes everything that was measured; returns the file's name for people. */
export function save(name: string, report: { at: string }): string {
  const folder = join(resolve(import.meta.dirname, '..'), 'results');
  mkdirSync(folder, { recursive: true });
  const file = `${name}-${report.at.replace(/[:.]/g, '-')}.json`;
  writeFileSync(join(folder, file), `${JSON.stringify(report, null, 2)}\n`);
  return `bench/results/${file}`;
}

/** Tells a person how far it is. */
export function progress(text: string): void {
  console.error(`bench: ${text}`);
}

/** Ends the benchmark with an error. */
export function fail(message: string): never {
  console.error(message);
  process.exit(1);
}

/**
 * The benchmark of the web proxy: `npm run bench:http [-- OPTIONS]`; see readme.md beside this file.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { type IMeasurement, measure } from './lib/load.ts';
import { describeMachine } from './lib/machine.ts';
import { measureRoutes } from './lib/many.ts';
import { measureMemory } from './lib/memory.ts';
import { type IProxy, proxyKinds } from './lib/proxies.ts';
import { formatReport, type IReport, type IResultRow } from './lib/report.ts';
import {
  checkForwarding,
  directTarget,
  type IScenario,
  scenarios,
  type TTarget,
} from './lib/scenarios.ts';
import { startSite } from './lib/site.ts';
import { measureStart } from './lib/startup.ts';
import { medians } from './lib/statistics.ts';

const help = `npm run bench:http -- [--short] [--rounds N] [--seconds N] [--only NAMES] [--proxies NAMES]
  --short          one round of a second, fewer routes: shows that it works, not how fast
  --rounds N       rounds of every scenario (5)
  --seconds N      seconds of every round (4)
  --only NAMES     of ${scenarios.map(({ name }) => name).join(',')},routes,memory,start
  --proxies NAMES  of ${proxyKinds.map(({ name }) => name).join(',')}`;

const { values } = parseArgs({
  options: {
    short: { type: 'boolean', default: false },
    rounds: { type: 'string' },
    seconds: { type: 'string' },
    only: { type: 'string' },
    proxies: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
});
if (values.help) {
  console.log(help);
  process.exit(0);
}
// Ends what was started, by the exit handlers of the processes.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1));

const rounds = Number(values.rounds ?? (values.short ? 1 : 5));
const seconds = Number(values.seconds ?? (values.short ? 1 : 4));
const routeCount = values.short ? 10_000 : 100_000;
const names = values.only?.split(',');
const wanted = (name: string): boolean => names === undefined || names.includes(name);

if (cpus().length < 2) fail('The benchmark needs two cores: one for the proxy, one for the load');
installLibraries();

const report: IReport = {
  at: new Date().toISOString(),
  machine: await describeMachine(),
  versions: {},
  rounds,
  secondsPerRound: seconds,
  scenarios: [],
  missing: [],
};
const site = await startSite();
const proxies: IProxy[] = [];
try {
  await startProxies();
  for (const scenario of scenarios.filter(({ name }) => wanted(name))) {
    await runScenario(scenario, proxies, directTarget(site));
  }
  await Promise.all(proxies.map((proxy) => proxy.running.stop()));
  if (wanted('routes') && withDcRouter()) {
    progress(`routes: ${routeCount}`);
    report.scenarios.push(...(await measureRoutes(site, routeCount, rounds, seconds)));
  }
} finally {
  await Promise.all(proxies.map((proxy) => proxy.running.stop()));
  await site.stop();
}
if (wanted('memory') && withDcRouter()) {
  progress('memory');
  report.memory = await measureMemory(routeCount);
}
if (wanted('start') && withDcRouter()) await runStart();

const file = save(report);
console.log(`\n${formatReport(report)}\nWritten to ${file}`);
const wrong = report.scenarios
  .flatMap(({ rows }) => rows)
  .filter(({ median }) => median.errors > 0);
if (wrong.some(({ proxy }) => proxy.startsWith('dcrouter'))) fail('DcRouter answered with errors');

/** The Node libraries are no dependency of the product; they are installed when they are needed. */
function installLibraries(): void {
  if (existsSync(join(import.meta.dirname, 'node_modules', 'http-proxy'))) return;
  progress('installing the Node libraries');
  const { status } = spawnSync('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error'], {
    cwd: import.meta.dirname,
    stdio: 'inherit',
  });
  if (status !== 0) fail('Cannot install bench/package.json');
}

function withDcRouter(): boolean {
  return proxies.some(({ name }) => name === 'dcrouter');
}

async function startProxies(): Promise<void> {
  const asked = values.proxies?.split(',');
  const unknown = asked?.filter((name) => !proxyKinds.some((kind) => kind.name === name)) ?? [];
  if (unknown.length > 0) fail(`Unknown proxy "${unknown.join(', ')}"\n${help}`);
  for (const kind of proxyKinds) {
    if (asked !== undefined && !asked.includes(kind.name)) continue;
    progress(`starting ${kind.name}`);
    const proxy = await kind.start(site);
    proxies.push(proxy);
    await checkForwarding(proxy);
    report.versions[kind.name] = proxy.version;
  }
}

/** All proxies in turn, round by round, so that whatever changes on the machine meets all of them. */
async function runScenario(scenario: IScenario, all: IProxy[], direct: TTarget): Promise<void> {
  const results = new Map<string, IMeasurement[]>(all.map(({ name }) => [name, []]));
  for (const proxy of all) {
    await scenario.check(proxy);
    // Warm-up: connections to the backends, and compiled code.
    await measure({ ...scenario.load(proxy), seconds: values.short ? 1 : 3 }, proxy.running.pid);
  }
  for (let round = 1; round <= rounds; round++) {
    progress(`${scenario.name}: round ${round} of ${rounds}`);
    for (const proxy of all) {
      const measured = await measure({ ...scenario.load(proxy), seconds }, proxy.running.pid);
      results.get(proxy.name)?.push(measured);
    }
  }
  const rows: IResultRow[] = Array.from(results, ([proxy, measured]) => ({
    proxy,
    median: medians(measured),
    rounds: measured,
  }));
  // Without a proxy: how much the load core could do, so that nobody mistakes its limit for a proxy's.
  if (scenario.name !== 'tls') {
    const measured = [await measure({ ...scenario.load(direct), seconds }, process.pid)];
    rows.push({ proxy: 'direct', median: medians(measured), rounds: measured });
  }
  report.scenarios.push({ name: scenario.name, title: scenario.title, base: 'nginx', rows });
}

async function runStart(): Promise<void> {
  progress('start');
  try {
    report.start = await measureStart(values.short ? 1 : 5);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error;
    report.missing.push(`start: a default port is taken (${(error as Error).message})`);
  }
}

function save(result: IReport): string {
  const folder = join(import.meta.dirname, 'results');
  mkdirSync(folder, { recursive: true });
  const name = `http-${result.at.replace(/[:.]/g, '-')}.json`;
  writeFileSync(join(folder, name), `${JSON.stringify(result, null, 2)}\n`);
  return `bench/results/${name}`;
}

function progress(text: string): void {
  console.error(`bench: ${text}`);
}

function fail(message: string): never {
  console.error(message);
  process.exit(1);
}

/**
 * The benchmark of the web proxy: `npm run bench:http [-- OPTIONS]`; see readme.md beside this file.
 */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { describeMachine } from './lib/machine.ts';
import { measureRoutes } from './lib/many.ts';
import { measureMemory } from './lib/memory.ts';
import { type IProxy, proxyKinds } from './lib/proxies.ts';
import { formatReport, type IReport } from './lib/report.ts';
import { fail, progress, runRounds, save } from './lib/rounds.ts';
import { checkForwarding, directTarget, scenarios } from './lib/scenarios.ts';
import { startSite } from './lib/site.ts';
import { measureStart } from './lib/startup.ts';

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
const warmUpSeconds = values.short ? 1 : 3;
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
    // Without a proxy: what the load core could do, so that nobody mistakes its limit for a proxy's.
    const direct = scenario.name === 'tls' ? null : directTarget(site);
    const result = await runRounds(scenario, proxies, direct, { rounds, seconds, warmUpSeconds });
    report.scenarios.push(result);
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

const file = save('http', report);
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

async function runStart(): Promise<void> {
  progress('start');
  try {
    report.start = await measureStart(values.short ? 1 : 5);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error;
    report.missing.push(`start: a default port is taken (${(error as Error).message})`);
  }
}

/**
 * The benchmark of the web proxy: `npm run bench:http [-- OPTIONS]`; see readme.md beside this file.
 */
import { installLibraries } from './lib/libraries.ts';
import { measureRoutes } from './lib/many.ts';
import { measureMemory } from './lib/memory.ts';
import { benchOptions, failOnErrors, newReport } from './lib/options.ts';
import { type IProxy, proxyKinds } from './lib/proxies.ts';
import { formatReport } from './lib/report.ts';
import { progress, runRounds, save } from './lib/rounds.ts';
import { checkForwarding, directTarget, scenarios } from './lib/scenarios.ts';
import { startSite } from './lib/site.ts';
import { measureStart } from './lib/startup.ts';

const options = benchOptions({
  name: 'http',
  fewer: 'routes',
  scenarios: [...scenarios.map(({ name }) => name), 'routes', 'memory', 'start'],
  proxies: proxyKinds.map(({ name }) => name),
});
const { isShort, rounds, seconds, wanted } = options;
const routeCount = isShort ? 10_000 : 100_000;
installLibraries();

const report = await newReport(options);
const site = await startSite();
const proxies: IProxy[] = [];
try {
  await startProxies();
  for (const scenario of scenarios.filter(({ name }) => wanted(name))) {
    // Without a proxy: what the load core could do, so that nobody mistakes its limit for a proxy's.
    const direct = scenario.name === 'tls' ? null : directTarget(site);
    const result = await runRounds(scenario, proxies, direct, options);
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
failOnErrors(report);

function withDcRouter(): boolean {
  return proxies.some(({ name }) => name === 'dcrouter');
}

async function startProxies(): Promise<void> {
  for (const kind of proxyKinds) {
    if (!options.proxies.includes(kind.name)) continue;
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
    report.start = await measureStart(isShort ? 1 : 5);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error;
    report.missing.push(`start: a default port is taken (${(error as Error).message})`);
  }
}

/**
 * The benchmark of DNS: `npm run bench:dns [-- OPTIONS]`; see readme.md beside this file.
 */
import { measureRecursion } from './lib/dns-recursion.ts';
import { formatDnsReport, type IDnsReport } from './lib/dns-report.ts';
import { dnsScenarios, runDnsRounds } from './lib/dns-rounds.ts';
import {
  dnsperfVersion,
  dnsServerKinds,
  type IDnsServer,
  type IDnsServerKind,
} from './lib/dns-servers.ts';
import { makeDnsSite } from './lib/dns-site.ts';
import { measureDnsWorkers } from './lib/dns-workers.ts';
import { measureBigZone } from './lib/dns-zone.ts';
import { installLibraries } from './lib/libraries.ts';
import { describeMachine } from './lib/machine.ts';
import { benchOptions } from './lib/options.ts';
import { fail, progress, save } from './lib/rounds.ts';

const authoritative = ['udp', 'udp-all', 'dnssec', 'tcp'];
const options = benchOptions({
  name: 'dns',
  fewer: 'records',
  scenarios: [...authoritative, 'workers', 'recursion', 'big'],
  choice: 'servers',
  proxies: [...dnsServerKinds.map(({ name }) => name), 'unbound'],
});
const { isShort, wanted, proxies: servers } = options;
const records = isShort ? 10_000 : 100_000;
const bigRecords = isShort ? 100_000 : 1_000_000;
installLibraries();

const report: IDnsReport = {
  at: new Date().toISOString(),
  machine: await describeMachine(),
  versions: {},
  rounds: options.rounds,
  secondsPerRound: options.seconds,
  records,
  scenarios: [],
  missing: [],
};
report.versions.dnsperf =
  dnsperfVersion() ?? fail('"dnsperf" is missing: run scripts/install-peers.sh');
progress('making the zones');
const site = makeDnsSite(records, wanted('dnssec'));
const running: { server: IDnsServer; kind: IDnsServerKind }[] = [];
try {
  if (authoritative.some(wanted)) await startServers();
  for (const scenario of dnsScenarios(site).filter(({ name }) => wanted(name))) {
    const fit = running.filter(({ kind }) => kind.isWhole || !scenario.isForWhole);
    report.scenarios.push(
      await runDnsRounds(
        scenario,
        fit.map(({ server }) => server),
        options,
      ),
    );
  }
  await stopServers();
  if (wanted('workers') && servers.includes('dcrouter')) {
    report.scenarios.push(await measureDnsWorkers(site, options.rounds, options.seconds));
  }
  if (wanted('recursion')) {
    const result = await measureRecursion(site, options, servers, report.versions);
    if (result !== null) report.scenarios.push(result);
    else report.missing.push('recursion: run scripts/install-peers.sh');
  }
  if (wanted('big')) {
    progress(`big: ${bigRecords} records`);
    report.bigZone = await measureBigZone(site, bigRecords, servers.includes('dcrouter'));
  }
} finally {
  await stopServers();
  site.stop();
}

const file = save('dns', report);
console.log(`\n${formatDnsReport(report)}\nWritten to ${file}`);
const ours = report.scenarios.flatMap(({ rows }) => rows.filter(({ server }) => isOurs(server)));
if (ours.some(({ median }) => median.errors > 0)) fail('DcRouter answered with errors');

async function startServers(): Promise<void> {
  for (const kind of dnsServerKinds.filter(({ name }) => servers.includes(name))) {
    const version = kind.version();
    if (version === null) {
      report.missing.push(`${kind.name}: run scripts/install-peers.sh`);
      continue;
    }
    progress(`starting ${kind.name}`);
    report.versions[kind.name] = version;
    try {
      running.push({ server: await kind.start(site), kind });
    } catch (error) {
      // A library may not run on every system; without the others there is nothing to compare.
      if (kind.isWhole) throw error;
      const [first = '', second = ''] = (error as Error).message.split('\n');
      report.missing.push(`${kind.name}: ${first} ${second}`);
    }
  }
}

async function stopServers(): Promise<void> {
  await Promise.all(running.map(({ server }) => server.running.stop()));
}

/** Rows of peers have names of their own. */
function isOurs(server: string): boolean {
  return /^(dcrouter|\d+ workers?)\b/.test(server);
}

/**
 * The benchmark of the TCP plane: `npm run bench:tcp [-- OPTIONS]`; see readme.md beside this file.
 */
import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { measureIdle } from './lib/idle.ts';
import { describeMachine } from './lib/machine.ts';
import { formatReport, type IReport } from './lib/report.ts';
import { fail, type ILoadOf, progress, runRounds, save } from './lib/rounds.ts';
import { expectBytes } from './lib/scenarios.ts';
import { bigBytes, startSite } from './lib/site.ts';
import {
  type ITcpProxy,
  type ITcpTarget,
  proxiedMax,
  sniName,
  tcpProxyKinds,
} from './lib/tcp-proxies.ts';

const connections = 64;
const smallBytes = 'hello world\n'.length;
const plain = ({ plainPort }: ITcpTarget, path = '/'): string =>
  `http://127.0.0.1:${plainPort}${path}`;
const sni = ({ sniPort }: ITcpTarget): string => `https://${sniName}:${sniPort}/`;
const close = { Connection: 'close' };

const scenarios: readonly ILoadOf<ITcpTarget>[] = [
  {
    name: 'small',
    title: `exchanges of some 40 and 170 bytes on ${connections} connections`,
    load: (proxy) => ({ url: plain(proxy), connections }),
    check: (proxy) => expectBytes(plain(proxy), smallBytes),
  },
  {
    name: 'big',
    title: `streams of ${bigBytes >> 20} MiB on ${connections} connections`,
    load: (proxy) => ({ url: plain(proxy, '/big'), connections }),
    check: (proxy) => expectBytes(plain(proxy, '/big'), bigBytes),
  },
  {
    name: 'newconn',
    title: `a new connection for each exchange, ${connections} at once`,
    load: (proxy) => ({ url: plain(proxy), connections, headers: close }),
    check: (proxy) => expectBytes(plain(proxy), smallBytes),
  },
  {
    name: 'sni',
    title: `TLS passed through by its server name, ${connections} connections`,
    load: (proxy) => ({ url: sni(proxy), connections }),
    check: (proxy) => expectBytes(sni(proxy), smallBytes),
  },
  {
    name: 'sni-newconn',
    title: `a new TLS connection for each exchange, ${connections} at once`,
    load: (proxy) => ({ url: sni(proxy), connections, headers: close }),
    check: (proxy) => expectBytes(sni(proxy), smallBytes),
  },
];

const help = `npm run bench:tcp -- [--short] [--rounds N] [--seconds N] [--only NAMES] [--proxies NAMES]
  --short          one round of a second, fewer connections: shows that it works, not how fast
  --rounds N       rounds of every scenario (5)
  --seconds N      seconds of every round (4)
  --only NAMES     of ${scenarios.map(({ name }) => name).join(',')},idle
  --proxies NAMES  of ${tcpProxyKinds.map(({ name }) => name).join(',')}`;

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
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1));
if (cpus().length < 2) fail('The benchmark needs two cores: one for the proxy, one for the load');

const rounds = Number(values.rounds ?? (values.short ? 1 : 5));
const seconds = Number(values.seconds ?? (values.short ? 1 : 4));
const warmUpSeconds = values.short ? 1 : 3;
const idleConnections = Math.min(values.short ? 1000 : 10_000, proxiedMax);
const names = values.only?.split(',');
const asked = values.proxies?.split(',');
const wanted = (name: string): boolean => names === undefined || names.includes(name);
const kinds = tcpProxyKinds.filter(({ name }) => asked === undefined || asked.includes(name));

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
const proxies: ITcpProxy[] = [];
try {
  const installed = kinds.filter((kind) => {
    const version = kind.version();
    if (version === null) report.missing.push(`${kind.name}: run scripts/install-peers.sh`);
    else report.versions[kind.name] = version;
    return version !== null;
  });
  if (scenarios.some(({ name }) => wanted(name))) {
    for (const kind of installed) {
      progress(`starting ${kind.name}`);
      proxies.push(await kind.start(site));
    }
  }
  const direct = { plainPort: site.filePort, sniPort: site.tlsPort };
  for (const scenario of scenarios.filter(({ name }) => wanted(name))) {
    const settings = { rounds, seconds, warmUpSeconds };
    const result = await runRounds(scenario, proxies, direct, settings, 'haproxy');
    const bytes = scenario.name === 'big' ? { bytesPerRequest: bigBytes } : {};
    report.scenarios.push({ ...result, ...bytes });
  }
  await Promise.all(proxies.map(({ running }) => running.stop()));
  if (wanted('idle')) report.idle = await measureIdle(site, installed, idleConnections);
} finally {
  await Promise.all(proxies.map(({ running }) => running.stop()));
  await site.stop();
}

const file = save('tcp', report);
console.log(`\n${formatReport(report)}\nWritten to ${file}`);
const wrong = report.scenarios
  .flatMap(({ rows }) => rows)
  .filter(({ median }) => median.errors > 0);
if (wrong.some(({ proxy }) => proxy === 'dcrouter')) fail('DcRouter answered with errors');

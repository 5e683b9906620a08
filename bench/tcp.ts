/**
 * The benchmark of the TCP plane: `npm run bench:tcp [-- OPTIONS]`; see readme.md beside this file.
 */
import { measureIdle } from './lib/idle.ts';
import { benchOptions, failOnErrors, newReport } from './lib/options.ts';
import { formatReport } from './lib/report.ts';
import { type ILoadOf, progress, runRounds, save } from './lib/rounds.ts';
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

const options = benchOptions({
  name: 'tcp',
  fewer: 'connections',
  scenarios: [...scenarios.map(({ name }) => name), 'idle'],
  proxies: tcpProxyKinds.map(({ name }) => name),
});
const { wanted } = options;
const idleConnections = Math.min(options.isShort ? 1000 : 10_000, proxiedMax);
const kinds = tcpProxyKinds.filter(({ name }) => options.proxies.includes(name));

const report = await newReport(options);
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
    const result = await runRounds(scenario, proxies, direct, options, 'haproxy');
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
failOnErrors(report);

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePorts, proxyCore, startPinned } from './processes.ts';
import { dcrouterCommand, file } from './proxies.ts';
import type { IScenarioResult } from './report.ts';
import { waitUntilServing } from './request.ts';
import { type ILoadOf, type IMeasured, type IRounds, runRounds } from './rounds.ts';
import { expectBytes } from './scenarios.ts';
import type { ISite } from './site.ts';
import { type ITcpTarget, sniName } from './tcp-proxies.ts';

interface ICandidate extends ITcpTarget, IMeasured {
  httpPort: number;
}

const connections = 64;
const close = { Connection: 'close' };

/** DcRouter with so many denied networks and so many domains against DcRouter with none of them. */
export async function measureLists(
  site: ISite,
  count: number,
  settings: IRounds,
): Promise<IScenarioResult[]> {
  const bare = await start(site, 'dcrouter, no lists', 0);
  const full = await start(site, `dcrouter, ${count} entries`, count);
  const http = ({ httpPort }: ICandidate): string => `http://127.0.0.1:${httpPort}/`;
  const sni = ({ sniPort }: ICandidate): string => `https://${sniName}:${sniPort}/`;
  const tcp = ({ plainPort }: ICandidate): string => `http://127.0.0.1:${plainPort}/`;
  const loads: ILoadOf<ICandidate>[] = [
    {
      name: 'deny-http',
      title: `HTTP, a new connection each, ${count} denied networks at entrypoint and route`,
      load: (proxy) => ({ url: http(proxy), connections, headers: close }),
      check: (proxy) => expectBytes(http(proxy), 12),
    },
    {
      name: 'deny-route',
      title: `HTTP keep-alive, ${count} denied networks at entrypoint and route`,
      load: (proxy) => ({ url: http(proxy), connections }),
      check: (proxy) => expectBytes(http(proxy), 12),
    },
    {
      name: 'deny-tcp',
      title: `TCP, a new connection each, ${count} denied networks`,
      load: (proxy) => ({ url: tcp(proxy), connections, headers: close }),
      check: (proxy) => expectBytes(tcp(proxy), 12),
    },
    {
      name: 'domains',
      title: `TLS by server name, a new connection each, ${count} domains`,
      load: (proxy) => ({ url: sni(proxy), connections, headers: close }),
      check: (proxy) => expectBytes(sni(proxy), 12),
    },
  ];
  try {
    const results: IScenarioResult[] = [];
    for (const load of loads) {
      results.push(await runRounds(load, [bare, full], null, settings, bare.name));
    }
    return results;
  } finally {
    await Promise.all([bare, full].map(({ running }) => running.stop()));
  }
}

async function start(site: ISite, name: string, count: number): Promise<ICandidate> {
  const [httpPort = 0, plainPort = 0, sniPort = 0] = await freePorts(3);
  const address = '127.0.0.1';
  const label = `lists-${count}`;
  const denied = join(site.folder, `${label}.txt`);
  // Networks of documentation and of others: nobody on this machine is in them.
  writeFileSync(denied, Array.from({ length: count }, (_, index) => networkOf(index)).join('\n'));
  const access = count === 0 ? {} : { access: { deny: ['@denied'] } };
  const domains = Array.from({ length: count }, (_, index) => `host-${index}.bench.test`);
  const config = {
    dataDir: join(site.folder, label),
    log: { level: 'warn' },
    api: { enabled: false },
    access: { lists: { denied: { file: denied } } },
    web: {
      accessLog: { enabled: false },
      entrypoints: { http: { address, port: httpPort, ...access } },
      routes: [
        {
          id: 'all',
          vHost: '*',
          backends: [{ hostname: address, port: site.filePort }],
          ...access,
        },
      ],
    },
    tcp: [
      {
        id: 'plain',
        address,
        fromPort: plainPort,
        toPort: `${address}:${site.filePort}`,
        ...access,
      },
      {
        id: 'sni',
        address,
        fromPort: sniPort,
        domainConfigs: [...domains, sniName, 'bench.test'].map((domain) => ({
          domains: [domain],
          toPort: `${address}:${site.tlsPort}`,
        })),
      },
    ],
  };
  const path = file(site, `${label}.json`, JSON.stringify(config));
  const startedAt = performance.now();
  const running = startPinned(proxyCore, dcrouterCommand(path));
  await waitUntilServing(`http://${address}:${httpPort}/`, running, startedAt);
  return { name, httpPort, plainPort, sniPort, running };
}

/** A network of its own, far from loopback. */
function networkOf(index: number): string {
  return `${11 + (index >> 16)}.${(index >> 8) & 255}.${index & 255}.0/24`;
}

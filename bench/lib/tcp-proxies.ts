import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { nginxMain } from './nginx.ts';
import { findProgram, freePorts, type IRunning, proxyCore, startPinned } from './processes.ts';
import { dcrouterCommand, file, packageVersion, programVersion, root } from './proxies.ts';
import { waitUntilServing } from './request.ts';
import type { IMeasured } from './rounds.ts';
import type { ISite } from './site.ts';

/** The name that wrk asks for by SNI: it sends none for an address. */
export const sniName = 'localhost';
/** The name that the benchmark's own first requests ask for. */
const otherName = 'bench.test';

/** Where a proxy of the TCP plane is reached. */
export interface ITcpTarget {
  /** Leads to the plain backend. */
  plainPort: number;
  /** Leads to the TLS backend, by the name in the ClientHello. */
  sniPort: number;
}

/** A proxy under test. */
export interface ITcpProxy extends ITcpTarget, IMeasured {
  version: string;
}

/** How a proxy is started. */
export interface ITcpProxyKind {
  name: string;
  /** null: it is not installed. */
  version(): string | null;
  start(site: ISite): Promise<ITcpProxy>;
}

interface IPorts {
  plain: number;
  sni: number;
}

const wantedDescriptors = 65_536;

/** Descriptors that a process here may have: the hard limit, or more where it may be raised. */
const descriptors = Number(
  execFileSync('sh', ['-c', `(ulimit -n ${wantedDescriptors} 2>/dev/null; ulimit -n)`], {
    encoding: 'utf8',
  }),
);

/** Connections that a proxy can bear here, with both of their ends; DcRouter keeps some descriptors back. */
export const proxiedMax = Math.floor((descriptors - 1400) / 2);

function kind(
  name: string,
  version: () => string | null,
  prepare: (site: ISite, ports: IPorts) => string[],
): ITcpProxyKind {
  return {
    name,
    version,
    async start(site) {
      const [plain = 0, sni = 0] = await freePorts(2);
      const command = withDescriptors(prepare(site, { plain, sni }));
      const startedAt = performance.now();
      const running: IRunning = startPinned(proxyCore, command, { cwd: site.folder });
      await waitUntilServing(`http://127.0.0.1:${plain}/`, running, startedAt);
      return { name, version: version() ?? '', plainPort: plain, sniPort: sni, running };
    },
  };
}

/** A command with as many descriptors as may be had. */
export function withDescriptors(command: string[]): string[] {
  return ['sh', '-c', `ulimit -n ${descriptors}; exec "$@"`, 'sh', ...command];
}

/** All proxies, DcRouter first. HAProxy is the one that others are compared with. */
export const tcpProxyKinds: readonly ITcpProxyKind[] = [
  kind('dcrouter', packageVersion(join(root, 'package.json')), (site, ports) => {
    const config = dcrouterTcpConfig(site, ports);
    return dcrouterCommand(file(site, 'dcrouter-tcp.json', JSON.stringify(config)));
  }),
  kind('haproxy', programVersion('haproxy', '-v'), (site, ports) => [
    ...['haproxy', '-db', '-f'],
    file(site, 'haproxy-tcp.cfg', haproxyTcpConfig(site, ports)),
  ]),
  kind('nginx', nginxStreamVersion, (site, ports) => [
    ...['nginx', '-c'],
    file(site, 'nginx-tcp.conf', nginxTcpConfig(site, ports)),
  ]),
  kind(
    'node-pipe',
    () => process.versions.node,
    (site, ports) => [
      process.execPath,
      join(root, 'bench', 'servers', 'pipe.ts'),
      `${ports.plain}:${site.filePort}`,
      // It knows no names: the same pipe to the TLS backend.
      `${ports.sni}:${site.tlsPort}`,
    ],
  ),
];

/** Configuration of DcRouter: all that is on by default. */
function dcrouterTcpConfig(site: ISite, ports: IPorts): object {
  const address = '127.0.0.1';
  return {
    dataDir: join(site.folder, 'dcrouter-tcp'),
    log: { level: 'warn' },
    api: { enabled: false },
    web: { entrypoints: {} },
    tcp: [
      { id: 'plain', address, fromPort: ports.plain, toPort: `${address}:${site.filePort}` },
      {
        id: 'sni',
        address,
        fromPort: ports.sni,
        domainConfigs: [{ domains: [sniName, otherName], toPort: `${address}:${site.tlsPort}` }],
      },
    ],
  };
}

const streamModule = '/usr/lib/nginx/modules/ngx_stream_module.so';

function nginxStreamVersion(): string | null {
  const found = findProgram('nginx') !== undefined && existsSync(streamModule);
  return found ? programVersion('nginx', '-v')() : null;
}

function nginxTcpConfig(site: ISite, ports: IPorts): string {
  const main = nginxMain(site.folder, 'nginx-tcp').replace('8192', String(descriptors));
  return `load_module ${streamModule};
worker_rlimit_nofile ${descriptors};
${main}
stream {
  map $ssl_preread_server_name $backend {
    ${sniName} 127.0.0.1:${site.tlsPort};
    ${otherName} 127.0.0.1:${site.tlsPort};
  }
  server {
    listen 127.0.0.1:${ports.plain} backlog=4096;
    proxy_pass 127.0.0.1:${site.filePort};
  }
  server {
    listen 127.0.0.1:${ports.sni} backlog=4096;
    ssl_preread on;
    proxy_pass $backend;
  }
}
`;
}

function haproxyTcpConfig(site: ISite, ports: IPorts): string {
  return `
global
  nbthread 1
  maxconn ${proxiedMax}
defaults
  mode tcp
  timeout connect 5s
  timeout client 1h
  timeout server 1h
frontend plain
  bind 127.0.0.1:${ports.plain} backlog 4096
  default_backend plain
frontend sni
  bind 127.0.0.1:${ports.sni} backlog 4096
  tcp-request inspect-delay 5s
  tcp-request content accept if { req_ssl_hello_type 1 }
  use_backend tls if { req_ssl_sni -i ${sniName} ${otherName} }
backend plain
  server a 127.0.0.1:${site.filePort}
backend tls
  server a 127.0.0.1:${site.tlsPort}
`;
}

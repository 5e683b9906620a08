import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { nginxHttp, nginxMain } from './nginx.ts';
import { findProgram, freePorts, type IRunning, proxyCore, startPinned } from './processes.ts';
import { waitUntilServing } from './request.ts';
import type { ISite } from './site.ts';

/** Host that the loads on the echo backend ask for; DcRouter routes by it. */
export const echoHost = 'echo.bench.test';

/** A proxy under test. */
export interface IProxy {
  name: string;
  version: string;
  httpPort: number;
  tlsPort: number;
  /** Leads to the echo backend: the peers have a port for it, DcRouter a route. */
  echoPort: number;
  running: IRunning;
}

/** How a proxy is started. */
export interface IProxyKind {
  name: string;
  version(): string;
  /** @throws when the proxy is not installed or does not answer. */
  start(site: ISite): Promise<IProxy>;
}

interface IPorts {
  http: number;
  tls: number;
  echo: number;
}

const benchFolder = resolve(import.meta.dirname, '..');
/** The checkout. */
export const root = resolve(benchFolder, '..');
/** Idle connections to a backend that every proxy may keep: more than the load has. */
const keepAliveMax = 256;

/** Configuration of DcRouter for a load: all that is on by default, and no access log. */
export function dcrouterConfig(site: ISite, ports: IPorts, dataDir: string): object {
  const host = '127.0.0.1';
  return {
    dataDir,
    log: { level: 'warn' },
    api: { enabled: false },
    web: {
      accessLog: { enabled: false },
      entrypoints: {
        http: { address: host, port: ports.http },
        https: { address: host, port: ports.tls, tls: { defaultCertificate: 'bench.test' } },
      },
      routes: [
        { id: 'files', vHost: '*', backends: [{ hostname: host, port: site.filePort }] },
        {
          id: 'echo',
          vHost: echoHost,
          backends: [{ hostname: host, port: site.echoPort }],
        },
      ],
    },
    certificates: [
      {
        domain: 'bench.test',
        key: readFileSync(site.keyFile, 'utf8'),
        cert: readFileSync(site.certFile, 'utf8'),
      },
    ],
  };
}

/** Command line of the daemon with a configuration file. */
export function dcrouterCommand(configFile: string): string[] {
  return [process.execPath, join(root, 'bin', 'dcrouter.js'), 'run', '-c', configFile];
}

function kind(
  name: string,
  version: () => string,
  prepare: (site: ISite, ports: IPorts) => { command: string[]; env?: NodeJS.ProcessEnv },
): IProxyKind {
  return {
    name,
    version,
    async start(site) {
      const [http = 0, tls = 0, echo = 0] = await freePorts(3);
      const { command, env } = prepare(site, { http, tls, echo });
      const startedAt = performance.now();
      const running = startPinned(proxyCore, command, { cwd: site.folder, env: env ?? {} });
      await waitUntilServing(`http://127.0.0.1:${http}/`, running, startedAt);
      await waitUntilServing(`https://127.0.0.1:${tls}/`, running, startedAt);
      const echoPort = name === 'dcrouter' ? http : echo;
      return { name, version: version(), httpPort: http, tlsPort: tls, echoPort, running };
    },
  };
}

/** Writes a configuration file into the site's folder. */
export function file(site: ISite, name: string, text: string): string {
  const path = join(site.folder, name);
  writeFileSync(path, text, { mode: 0o600 });
  return path;
}

/** Asks a program for its version, when it is called. */
export function programVersion(program: string, ...args: string[]): () => string {
  return () => {
    const path = findProgram(program);
    if (path === undefined)
      throw new Error(`"${program}" is missing: run scripts/install-peers.sh`);
    const text = execFileSync('sh', ['-c', `"${path}" ${args.join(' ')} 2>&1`], {
      encoding: 'utf8',
    });
    return /\d+\.\d+[\w.+-]*/.exec(text)?.[0] ?? 'unknown';
  };
}

/** Reads the version of a package, when it is called. */
export function packageVersion(path: string): () => string {
  return () => (JSON.parse(readFileSync(path, 'utf8')) as { version: string }).version;
}

function libraryKind(name: string, packageName: string): IProxyKind {
  const manifest = join(benchFolder, 'node_modules', packageName, 'package.json');
  return kind(name, packageVersion(manifest), (site, ports) => {
    const servers = [
      { http: ports.http, tls: ports.tls, backend: site.filePort },
      { http: ports.echo, tls: 0, backend: site.echoPort },
    ];
    const script = join(benchFolder, 'servers', 'library.ts');
    // One process for both backends, because one process is what is measured.
    const args = servers.map((server) =>
      [server.http, server.tls, `http://127.0.0.1:${server.backend}`].join(','),
    );
    return {
      command: [process.execPath, script, packageName, site.keyFile, site.certFile, ...args],
      env: { NODE_ENV: 'production' },
    };
  });
}

/** All proxies, DcRouter first. nginx is the one that others are compared with. */
export const proxyKinds: readonly IProxyKind[] = [
  kind('dcrouter', packageVersion(join(root, 'package.json')), (site, ports) => {
    const config = dcrouterConfig(site, ports, join(site.folder, 'dcrouter-data'));
    return { command: dcrouterCommand(file(site, 'dcrouter.json', JSON.stringify(config))) };
  }),
  kind('nginx', programVersion('nginx', '-v'), (site, ports) => ({
    command: ['nginx', '-c', file(site, 'nginx.conf', nginxConfig(site, ports, 'nginx', ''))],
  })),
  kind('nginx-tuned', programVersion('nginx', '-v'), (site, ports) => ({
    command: [
      'nginx',
      '-c',
      file(site, 'nginx-tuned.conf', nginxConfig(site, ports, 'nginx-tuned', nginxTuning)),
    ],
  })),
  kind('haproxy', programVersion('haproxy', '-v'), (site, ports) => ({
    command: ['haproxy', '-db', '-f', file(site, 'haproxy.cfg', haproxyConfig(site, ports))],
  })),
  kind('caddy', programVersion('caddy', 'version'), (site, ports) => ({
    command: [
      ...['caddy', 'run', '--adapter', 'caddyfile'],
      ...['--config', file(site, 'Caddyfile', caddyConfig(site, ports))],
    ],
    env: { GOMAXPROCS: '1', HOME: site.folder, XDG_DATA_HOME: site.folder },
  })),
  libraryKind('http-proxy', 'http-proxy'),
  libraryKind('http-proxy-3', 'http-proxy-3'),
  libraryKind('@fastify/http-proxy', '@fastify/http-proxy'),
];

/** What a large body wants: buffers that hold some of it, instead of a temporary file behind 64 KiB. */
const nginxTuning = `
  proxy_buffer_size 16k;
  proxy_buffers 32 64k;
  proxy_busy_buffers_size 256k;
  proxy_max_temp_file_size 0;
  client_body_buffer_size 64k;
`;

function nginxConfig(site: ISite, ports: IPorts, name: string, tuning: string): string {
  const upstream = (group: string, port: number): string => `
  upstream ${group} {
    server 127.0.0.1:${port};
    keepalive ${keepAliveMax};
    keepalive_requests 1000000000;
  }`;
  return `${nginxMain(site.folder, name)}
http {
${nginxHttp(site.folder, name)}
  ${tuning}
  proxy_http_version 1.1;
  proxy_set_header Connection "";
  proxy_set_header Host $http_host;
  proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
  proxy_set_header X-Real-IP $remote_addr;
  proxy_set_header X-Forwarded-Proto $scheme;
  proxy_set_header X-Forwarded-Host $http_host;
  ssl_certificate ${site.certFile};
  ssl_certificate_key ${site.keyFile};
  ssl_protocols TLSv1.2 TLSv1.3;
  ${upstream('files', site.filePort)}
  ${upstream('echo', site.echoPort)}
  server {
    listen 127.0.0.1:${ports.http} backlog=4096;
    listen 127.0.0.1:${ports.tls} ssl backlog=4096;
    location / { proxy_pass http://files; }
  }
  server {
    listen 127.0.0.1:${ports.echo} backlog=4096;
    location / { proxy_pass http://echo; }
  }
}
`;
}

function haproxyConfig(site: ISite, ports: IPorts): string {
  const pem = file(
    site,
    'haproxy.pem',
    readFileSync(site.certFile, 'utf8') + readFileSync(site.keyFile, 'utf8'),
  );
  return `
global
  nbthread 1
  maxconn 8192
defaults
  mode http
  timeout connect 5s
  timeout client 75s
  timeout server 60s
  option forwardfor
  http-reuse always
frontend files
  bind 127.0.0.1:${ports.http} backlog 4096
  bind 127.0.0.1:${ports.tls} ssl crt ${pem} backlog 4096
  http-request set-header X-Real-IP %[src]
  http-request set-header X-Forwarded-Proto https if { ssl_fc }
  http-request set-header X-Forwarded-Proto http unless { ssl_fc }
  http-request set-header X-Forwarded-Host %[req.hdr(Host)]
  default_backend files
frontend echo
  bind 127.0.0.1:${ports.echo} backlog 4096
  http-request set-header X-Real-IP %[src]
  http-request set-header X-Forwarded-Proto http
  http-request set-header X-Forwarded-Host %[req.hdr(Host)]
  default_backend echo
backend files
  server a 127.0.0.1:${site.filePort} pool-max-conn ${keepAliveMax}
backend echo
  server a 127.0.0.1:${site.echoPort} pool-max-conn ${keepAliveMax}
`;
}

function caddyConfig(site: ISite, ports: IPorts): string {
  const proxy = (port: number): string => `
  reverse_proxy 127.0.0.1:${port} {
    header_up X-Real-IP {remote_host}
    transport http {
      versions 1.1
      keepalive_idle_conns_per_host ${keepAliveMax}
    }
  }`;
  return `
{
  admin off
  auto_https off
  log {
    level ERROR
  }
  servers {
    protocols h1
  }
}
http://:${ports.http} {
  bind 127.0.0.1
  ${proxy(site.filePort)}
}
https://:${ports.tls} {
  bind 127.0.0.1
  tls ${site.certFile} ${site.keyFile}
  ${proxy(site.filePort)}
}
http://:${ports.echo} {
  bind 127.0.0.1
  ${proxy(site.echoPort)}
}
`;
}

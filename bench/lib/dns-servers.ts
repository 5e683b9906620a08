import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { waitUntilAnswering } from './dns-query.ts';
import { hostOf, type IDnsSite, plainZone, signedZone } from './dns-site.ts';
import {
  findProgram,
  freePorts,
  type IRunning,
  loadCore,
  proxyCore,
  startPinned,
} from './processes.ts';
import { dcrouterCommand, packageVersion, programVersion, root } from './proxies.ts';

/** A server that is measured. */
export interface IDnsServer {
  name: string;
  port: number;
  running: IRunning;
}

/** How a server is started. */
export interface IDnsServerKind {
  name: string;
  /** It has both zones and TCP; else only the plain zone, by UDP. */
  isWhole: boolean;
  /** null: it is not installed. */
  version(): string | null;
  /** @throws when it does not answer. */
  start(site: IDnsSite): Promise<IDnsServer>;
}

const startTimeoutMs = 60_000;
const libraryTimeoutMs = 10_000;

function kind(
  name: string,
  version: () => string | null,
  prepare: (site: IDnsSite, port: number) => string[],
  { isWhole = true, core = String(proxyCore) } = {},
): IDnsServerKind {
  return {
    name,
    isWhole,
    version,
    async start(site) {
      const [port = 0] = await freePorts(1);
      const command = prepare(site, port);
      const startedAt = performance.now();
      const running = startPinned(core, command, {
        cwd: site.folder,
        env: { NODE_ENV: 'production' },
      });
      try {
        const timeoutMs = isWhole ? startTimeoutMs : libraryTimeoutMs;
        const first = `${hostOf(0)}.${plainZone}`;
        await waitUntilAnswering(port, first, running, startedAt, timeoutMs);
      } catch (error) {
        await running.stop();
        throw error;
      }
      return { name, port, running };
    },
  };
}

/** Version of a program, or null when it is not installed. */
function installed(program: string, ...args: string[]): () => string | null {
  return () => (findProgram(program) === undefined ? null : programVersion(program, ...args)());
}

function libraryKind(name: string): IDnsServerKind {
  const manifest = join(root, 'bench', 'node_modules', name, 'package.json');
  const script = join(root, 'bench', 'servers', 'dns-library.ts');
  const prepare = (site: IDnsSite, port: number): string[] => {
    return [process.execPath, script, name, String(port), plainZone, String(site.records)];
  };
  return kind(name, packageVersion(manifest), prepare, { isWhole: false });
}

/** Version of the load generator, which stands at the end of its help; null: it is not installed. */
export function dnsperfVersion(): string | null {
  if (findProgram('dnsperf') === undefined) return null;
  const { stdout, stderr } = spawnSync('dnsperf', ['-h'], { encoding: 'utf8' });
  return /Version (\S+)/.exec(stdout + stderr)?.[1] ?? 'unknown';
}

/** What answers with authority, DcRouter first. */
export const dnsServerKinds: readonly IDnsServerKind[] = [
  kind('dcrouter', packageVersion(join(root, 'package.json')), dcrouterDnsCommand),
  kind('knotd', installed('knotd', '-V'), (site, port) => [
    ...['knotd', '-c', file(site, 'knotd.conf', knotConfig(site, port, 'knotd'))],
  ]),
  kind('named', installed('named', '-v'), (site, port) => [
    ...['named', '-g', '-n', '1', '-U', '1'],
    ...['-c', file(site, 'named.conf', namedConfig(site, port))],
  ]),
  libraryKind('dns2'),
  libraryKind('@push.rocks/smartdns'),
];

/** What answers for the resolvers, on the core of the load: it is asked before the measurement only. */
export const authorityKind: IDnsServerKind = kind(
  'authority',
  installed('knotd', '-V'),
  (site, port) => [
    ...['knotd', '-c', file(site, 'authority.conf', knotConfig(site, port, 'authority'))],
  ],
  { core: String(loadCore) },
);

/** Resolvers that ask the server at a port for everything. */
export function resolverKinds(authorityPort: number): readonly IDnsServerKind[] {
  return [
    kind('dcrouter', packageVersion(join(root, 'package.json')), (site, port) => {
      const dns = {
        listeners: { dns: { address: '127.0.0.1', port } },
        resolver: {
          mode: 'forward',
          servers: [`127.0.0.1:${authorityPort}`],
          clients: ['127.0.0.0/8'],
        },
      };
      return dcrouterCommand(configFile(site, 'dcrouter-resolver', { dns }));
    }),
    kind('unbound', installed('unbound', '-V'), (site, port) => [
      ...['unbound', '-d', '-p', '-c'],
      file(site, 'unbound.conf', unboundConfig(site, port, authorityPort)),
    ]),
  ];
}

/** The daemon with both zones; all else as it is by default. */
function dcrouterDnsCommand(site: IDnsSite, port: number): string[] {
  return dcrouterCommand(configFile(site, 'dcrouter', { dns: dcrouterDns(site, port) }));
}

/** The option `dns` of a DcRouter with both zones. */
export function dcrouterDns(site: IDnsSite, port: number): object {
  const signed = { name: signedZone, file: site.unsignedFile, dnssec: true };
  return {
    listeners: { dns: { address: '127.0.0.1', port } },
    zones: [{ name: plainZone, file: site.plainFile }, ...(site.signedFile ? [signed] : [])],
  };
}

/** Writes a configuration of the daemon that does nothing but `more`. @returns its path. */
export function configFile(site: IDnsSite, name: string, more: object): string {
  const config = {
    dataDir: join(site.folder, `${name}-data`),
    log: { level: 'warn' },
    api: { enabled: false },
    web: { entrypoints: {} },
    ...more,
  };
  return file(site, `${name}.json`, JSON.stringify(config));
}

function file(site: IDnsSite, name: string, text: string): string {
  const path = join(site.folder, name);
  writeFileSync(path, text, { mode: 0o600 });
  return path;
}

/** One thread for each kind of work; nothing is written but the folder's own files. */
function knotConfig(site: IDnsSite, port: number, name: string): string {
  const signed = site.signedFile
    ? `  - domain: ${signedZone}
    file: ${site.signedFile}
`
    : '';
  return `server:
  rundir: ${site.folder}
  pidfile: ${name}.pid
  listen: 127.0.0.1@${port}
  udp-workers: 1
  tcp-workers: 1
  background-workers: 1
  tcp-max-clients: 1000
control:
  listen: ${name}.sock
log:
  - target: stderr
    any: warning
database:
  storage: ${join(site.folder, name)}
template:
  - id: default
    zonefile-sync: -1
    journal-content: none
zone:
  - domain: ${plainZone}
    file: ${site.plainFile}
${signed}`;
}

function namedConfig(site: IDnsSite, port: number): string {
  const zone = (name: string, path: string): string => `
zone "${name}" { type primary; file "${path}"; };`;
  return `options {
  directory "${site.folder}";
  pid-file none;
  listen-on port ${port} { 127.0.0.1; };
  listen-on-v6 { none; };
  recursion no;
  minimal-responses yes;
  dnssec-validation no;
  notify no;
  tcp-clients 1000;
};
controls { };
${zone(plainZone, site.plainFile)}
${site.signedFile ? zone(signedZone, site.signedFile) : ''}
`;
}

function unboundConfig(site: IDnsSite, port: number, authorityPort: number): string {
  return `server:
  directory: "${site.folder}"
  chroot: ""
  username: ""
  use-syslog: no
  logfile: ""
  interface: 127.0.0.1
  port: ${port}
  num-threads: 1
  access-control: 127.0.0.0/8 allow
  do-not-query-localhost: no
  module-config: "iterator"
remote-control:
  control-enable: no
forward-zone:
  name: "."
  forward-addr: 127.0.0.1@${authorityPort}
`;
}

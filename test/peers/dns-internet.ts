import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import type { TestContext } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import type { IDcRouterOptions } from '../../ts_interfaces/index.ts';
import type { IAskOrder } from './dns-asker.ts';
import { faultPlaces, type INetZone, netZones, places, rootZone } from './dns-internet-zones.ts';
import { knotHead, knotPlainZones } from './dns-peers.ts';
import { findPeer, folderFor, run } from './peer.ts';

const askerCommand = [process.execPath, join(import.meta.dirname, 'dns-asker.ts')];
const launcher = resolve(import.meta.dirname, '..', '..', 'bin', 'dcrouter.js');

/** A small internet: root, TLDs and what is below, on port 53 of addresses of its own. */
export interface IInternet {
  readonly folder: string;
  /** In the form of named.root. */
  readonly hintsFile: string;
  /** DNSKEY of the root. */
  readonly anchorFile: string;
  /** Starts a program there that ends with the test, and waits until it has said a text. */
  start(command: readonly string[], ready: RegExp): Promise<ChildProcess>;
  /** Unbound on a port of the loopback. */
  unbound(port: number, more?: string): Promise<ChildProcess>;
  /** The router with these options, in a folder of its own. */
  router(options: IDcRouterOptions, environment?: readonly string[]): Promise<ChildProcess>;
  /** Changes what `/etc/resolv.conf` is for programs that start from then on, or goes on changing. */
  resolvConf(text: string): void;
  /** Asks a server on the loopback there. */
  ask(port: number, queries: readonly Buffer[]): Promise<(Buffer | null)[]>;
  run(...command: string[]): Promise<string>;
}

let internets = 0;

/** Builds it in a network namespace, and takes it down with the test. */
export async function internet(context: TestContext): Promise<IInternet> {
  const folder = folderFor(context);
  const name = `dcr-${process.pid}-i${internets++}`;
  await must('ip', ['netns', 'add', name]);
  context.after(() => must('ip', ['netns', 'delete', name]));
  const addresses = [...Object.values(places).flat(), ...Object.values(faultPlaces)];
  const batch = ['link set lo up', ...addresses.map((one) => `address add ${one}/32 dev lo`)];
  await must('ip', ['-n', name, '-batch', '-'], batch.join('\n'));

  const start = async (command: readonly string[], ready: RegExp): Promise<ChildProcess> => {
    const child = spawn(findPeer('ip') as string, ['netns', 'exec', name, ...command], {
      stdio: ['pipe', 'pipe', 'pipe'],
      cwd: folder,
    });
    const ended = once(child, 'close');
    context.after(async () => {
      child.kill('SIGTERM');
      const timer = globalThis.setTimeout(() => child.kill('SIGKILL'), 5000);
      await ended;
      clearTimeout(timer);
    });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream?.on('data', (part: Buffer) => {
        if (output.length < 100_000) output += part.toString();
      });
    }
    while (!ready.test(output)) {
      assert.equal(child.exitCode, null, `${command.join(' ')} ended: ${output}`);
      await setTimeout(10);
    }
    return child;
  };
  await signAll(folder);
  await Promise.all([
    start([peer('named'), '-g', '-n', '1', '-c', namedConfig(folder)], / running$/m),
    start([peer('nsd'), '-d', '-c', nsdConfig(folder)], /nsd started/),
    start([peer('knotd'), '-c', knotConfig(folder)], /server started/i),
  ]);
  await start([process.execPath, join(import.meta.dirname, 'dns-faults.ts')], /ready/);
  const etc = `/etc/netns/${name}`;
  context.after(() => rmSync(etc, { recursive: true, force: true }));
  const askers = new Map<number, Promise<TAsker>>();
  return {
    ...{ folder, hintsFile: join(folder, 'root.hints'), anchorFile: join(folder, 'root.key') },
    start,
    unbound: async (port: number, more = '') => {
      const config = join(folder, `unbound-${port}.conf`);
      writeFileSync(config, unboundConfig(folder, port, more));
      return start([peer('unbound'), '-d', '-d', '-c', config], /start of service/);
    },
    router: (options: IDcRouterOptions, environment: readonly string[] = []) => {
      const own = join(folder, `router-${Math.random().toString(36).slice(2)}`);
      mkdirSync(own);
      writeFileSync(join(own, 'dcrouter.json'), JSON.stringify(options));
      const config = ['-c', join(own, 'dcrouter.json'), '--data-dir', join(own, 'data')];
      const command = [process.execPath, launcher, 'run', ...config];
      return start(['env', ...environment, ...command], /process\.started/);
    },
    ask: async (port: number, queries: readonly Buffer[]) => {
      const asker = askers.get(port) ?? askerOf(await start(askerCommand, /(?:)/));
      askers.set(port, Promise.resolve(asker));
      return (await asker)({ port, queries: queries.map((query) => query.toString('hex')) });
    },
    resolvConf: (text: string) => {
      // `ip netns exec` mounts it: ip-netns(8).
      mkdirSync(etc, { recursive: true });
      writeFileSync(join(etc, 'resolv.conf'), text);
    },
    run: (...command: string[]) => must('ip', ['netns', 'exec', name, ...command]),
  };
}

/** Asks one server, one list after the other. */
type TAsker = (order: IAskOrder) => Promise<(Buffer | null)[]>;

async function askerOf(child: ChildProcess): Promise<TAsker> {
  const lines = createInterface({ input: child.stdout as NodeJS.ReadableStream });
  return async (order) => {
    const answer = once(lines, 'line');
    child.stdin?.write(`${JSON.stringify(order)}\n`);
    const texts = JSON.parse(String((await answer)[0])) as (string | null)[];
    return texts.map((text) => (text === null ? null : Buffer.from(text, 'hex')));
  };
}

async function must(command: string, args: readonly string[], input?: string): Promise<string> {
  const { code, stdout, stderr } = await run(command, args, input === undefined ? {} : { input });
  assert.equal(code, 0, `${command} ${args.join(' ')}: ${stdout}${stderr}`);
  return stdout;
}

function peer(name: string): string {
  return findPeer(name) ?? assert.fail(`"${name}" is not installed`);
}

/** Writes and signs all zones, children before parents. */
async function signAll(folder: string): Promise<void> {
  const delegated = new Map<string, string[]>();
  const zones = [rootZone, ...netZones].sort((one, other) => depth(other) - depth(one));
  for (let level = 4; level >= 0; level--) {
    const now = zones.filter((zone) => depth(zone) === level);
    const signed = await Promise.all(now.map((zone) => signZone(folder, zone, delegated)));
    for (const [index, ds] of signed.entries()) {
      if (ds === null) continue;
      const zone = now[index] as INetZone;
      const parent = parentZone(zone.name);
      delegated.set(parent, [...(delegated.get(parent) ?? []), ds]);
    }
  }
  const key = readFileSync(join(folder, 'root.signed.zone'), 'utf8');
  const line = /DNSKEY\s+257 3 \d+ \(([^)]*)\)/.exec(key)?.[1] ?? assert.fail('no key of the root');
  const number = /DNSKEY\s+257 3 (\d+)/.exec(key)?.[1];
  const text = line.replaceAll(/;.*$|\s+/gm, '');
  writeFileSync(join(folder, 'root.key'), `. 3600 IN DNSKEY 257 3 ${number} ${text}\n`);
  const hints = places.root.map((address, index) => {
    const name = `${'ab'[index]}.root.`;
    return `. 3600000 NS ${name}\n${name} 3600000 A ${address}\n`;
  });
  writeFileSync(join(folder, 'root.hints'), hints.join(''));
}

function depth({ name }: INetZone): number {
  return name === '.' ? 0 : name.split('.').length - 1;
}

/** The zone that has the delegation. */
function parentZone(name: string): string {
  for (let at = name.indexOf('.') + 1; at < name.length; at = name.indexOf('.', at) + 1) {
    const above = name.slice(at);
    if (netZones.some((zone) => zone.name === above)) return above;
  }
  return '.';
}

function fileOf({ name }: Pick<INetZone, 'name'>): string {
  return name === '.' ? 'root' : name.slice(0, -1);
}

/** @returns the DS for the parent; null: there is none. */
async function signZone(
  folder: string,
  zone: INetZone,
  delegated: ReadonlyMap<string, string[]>,
): Promise<string | null> {
  const { name, records, signing } = zone;
  const file = join(folder, `${fileOf(zone)}.zone`);
  const dsLines = delegated.get(name) ?? [];
  const head = `$ORIGIN ${name}\n$TTL 300\n@ SOA ns h 1 3600 600 86400 60\n`;
  const text = `${head}${records}\n${dsLines.join('\n')}\n`;
  const output = join(folder, `${fileOf(zone)}.signed.zone`);
  if (signing === undefined) {
    writeFileSync(output, text);
    return zone.hasDs ? `${name} DS 12345 13 2 ${'ab'.repeat(32)}` : null;
  }
  const { algorithm, denial = 'nsec', isLate, ds, spoil } = signing;
  const bits = algorithm.startsWith('RSA') ? ['-b', '2048'] : [];
  const make = ['-q', '-K', folder, '-a', algorithm, ...bits, '-f', 'KSK', '-n', 'ZONE', name];
  const key = (await must('dnssec-keygen', make)).trim();
  writeFileSync(file, `${text}\n${readFileSync(join(folder, `${key}.key`), 'utf8')}`);
  const hashes = { nsec: [], nsec3: [], 'opt-out': ['-A'], rounds: [] }[denial];
  const salted = denial === 'rounds' ? ['-3', 'abcd', '-H', '10'] : ['-3', '-', '-H', '0'];
  const times =
    isLate === 'ended'
      ? ['-s', 'now-864000', '-e', 'now-86400']
      : isLate === 'early'
        ? ['-s', 'now+86400', '-e', 'now+864000']
        : ['-s', 'now-3600', '-e', 'now+864000'];
  const how = ['-q', '-P', '-z', '-K', folder, '-d', folder, '-o', name, '-f', output, ...times];
  const denials = denial === 'nsec' ? [] : [...salted, ...hashes];
  await must('dnssec-signzone', [...how, ...denials, file, join(folder, `${key}.private`)]);
  if (spoil !== undefined) {
    const plain = await must('named-compilezone', [
      '-s',
      'full',
      '-i',
      'none',
      '-q',
      '-o',
      '-',
      name,
      output,
    ]);
    const spoiled = spoil(plain);
    assert.notEqual(spoiled, plain, `${name} is not spoiled`);
    writeFileSync(output, spoiled);
  }
  if (ds === 'none') return null;
  if (ds === 'unknown') return `${name} DS 12345 200 2 ${'ab'.repeat(32)}`;
  if (ds === 'wrong') return `${name} DS 12345 13 2 ${'ab'.repeat(32)}`;
  return (await must('dnssec-dsfromkey', ['-2', join(folder, `${key}.key`)])).trim();
}

function at(place: string): INetZone[] {
  return netZones.filter((zone) => zone.at === place);
}

/** Knows a zone by the address that it is asked at. */
function namedConfig(folder: string): string {
  const views: [name: string, addresses: readonly string[], zones: readonly INetZone[]][] = [
    ['root', places.root, [rootZone]],
    ['lab', [places.lab], at(places.lab)],
    ['leaf', [places.leaf], at(places.leaf)],
    ['empty', [places.empty], []],
  ];
  const declared = views.map(([name, addresses, zones]) => {
    const lines = zones.map((zone) => {
      return `zone "${zone.name}" { type primary; file "${fileOf(zone)}.signed.zone"; };`;
    });
    return `view "${name}" { match-destinations { ${addresses.join('; ')}; }; ${lines.join('\n')} };`;
  });
  const listening = views.flatMap(([, addresses]) => addresses).join('; ');
  const config = join(folder, 'named.conf');
  writeFileSync(
    config,
    `options {
  directory "${folder}"; pid-file none; session-keyfile none; listen-on { ${listening}; };
  listen-on-v6 { none; }; recursion no; notify no; dnssec-validation no; minimal-responses no;
  check-names primary ignore; check-integrity no; check-mx ignore; check-srv-cname ignore;
  check-wildcard no; check-sibling no; empty-zones-enable no; allow-query { any; };
};
controls { };
${declared.join('\n')}
`,
  );
  return config;
}

function nsdConfig(folder: string): string {
  const zones = [...at(places.plain), ...at(places.leafNsd)].map((zone) => {
    return `zone:\n  name: "${zone.name}"\n  zonefile: "${fileOf(zone)}.signed.zone"\n`;
  });
  const config = join(folder, 'nsd.conf');
  writeFileSync(
    config,
    `server:
  ip-address: ${places.plain}
  ip-address: ${places.leafNsd}
  port: 53
  username: ""
  zonesdir: "${folder}"
  zonelistfile: "${folder}/nsd.list"
  xfrdfile: "${folder}/nsd.xfrd"
  xfrdir: "${folder}"
  pidfile: "${folder}/nsd.pid"
  database: ""
  server-count: 1
remote-control:
  control-enable: no
${zones.join('')}`,
  );
  return config;
}

function knotConfig(folder: string): string {
  const zones = [...at(places.opt), ...at(places.leafKnot)].map((zone) => {
    return `  - domain: ${zone.name}\n    file: ${folder}/${fileOf(zone)}.signed.zone\n`;
  });
  const config = join(folder, 'knot.conf');
  writeFileSync(
    config,
    `${knotHead(folder, `[${places.opt}@53, ${places.leafKnot}@53]`)}${knotPlainZones}zone:
${zones.join('')}`,
  );
  return config;
}

function unboundConfig(folder: string, port: number, more: string): string {
  return `server:
  interface: 127.0.0.1@${port}
  do-ip6: no
  chroot: ""
  username: ""
  directory: "${folder}"
  pidfile: ""
  use-syslog: no
  verbosity: 1
  num-threads: 1
  root-hints: "root.hints"
  trust-anchor-file: "root.key"
  access-control: 127.0.0.0/8 allow
  qname-minimisation: yes
  aggressive-nsec: no
  rrset-roundrobin: no
  minimal-responses: no
  val-log-level: 2
  unblock-lan-zones: yes
${more}
remote-control:
  control-enable: no
`;
}

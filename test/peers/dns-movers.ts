import assert from 'node:assert/strict';

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { knotHead } from './dns-peers.ts';
import { folderFor, run, serve } from './peer.ts';

/** A key that both sides know. */
export interface IMoverKey {
  readonly name: string;
  readonly algorithm: 'hmac-sha256' | 'hmac-sha512';
  readonly secret: string;
}

/** A server that zones move to or from: what we are to it, and what the zone is. */
export interface IMover {
  readonly port: number;
  /** Where we listen. */
  readonly ourPort: number;
  readonly key: IMoverKey;
  /** Zone of which it is primary, with its master file; else it is our secondary. */
  readonly text?: string;
  readonly zone: string;
  /** As a primary it signs. */
  readonly signing?: 'nsec' | 'nsec3';
}

/** The keys of the tests. */
export const moverKeys: readonly IMoverKey[] = [
  { name: 'small', algorithm: 'hmac-sha256', secret: Buffer.alloc(32, 7).toString('base64') },
  { name: 'big.key', algorithm: 'hmac-sha512', secret: Buffer.alloc(64, 8).toString('base64') },
];

/** BIND, as primary or secondary of a zone. Whoever has the key may update and fetch it. */
export async function moveNamed(context: TestContext, mover: IMover): Promise<void> {
  const { port, ourPort, key, zone, text, signing } = mover;
  const folder = folderFor(context);
  const us = `127.0.0.1 port ${ourPort} key "${key.name}"`;
  const file = join(folder, 'zone');
  if (text !== undefined) writeFileSync(file, text);
  const denial = signing === 'nsec3' ? 'nsec3param iterations 0 optout no salt-length 0;' : '';
  const policy =
    signing === undefined
      ? ''
      : `dnssec-policy "p"; inline-signing yes; key-directory "${folder}";`;
  const role =
    text === undefined
      ? `type secondary; primaries { ${us}; }; masterfile-format text; allow-notify { key "${key.name}"; };`
      : `type primary; allow-update { key "${key.name}"; }; notify explicit; also-notify { ${us}; }; ${policy}`;
  const config = join(folder, 'named.conf');
  writeFileSync(
    config,
    `key "${key.name}" { algorithm ${key.algorithm}; secret "${key.secret}"; };
options {
  directory "${folder}"; pid-file none; session-keyfile none; recursion no;
  listen-on port ${port} { 127.0.0.1; }; listen-on-v6 { none; }; dnssec-validation no;
  notify-delay 0; serial-query-rate 100; notify-rate 1000; startup-notify-rate 1000;
  allow-transfer { key "${key.name}"; };
};
dnssec-policy "p" { keys { csk lifetime unlimited algorithm 13; }; ${denial} };
controls { };
zone "${zone}" { file "${file}"; ${role} };
`,
  );
  await serve(context, ['named', '-g', '-n', '1', '-c', config], port);
}

/** Knot, the same. */
export async function moveKnot(context: TestContext, mover: IMover): Promise<void> {
  const { port, ourPort, key, zone, text, signing } = mover;
  const folder = folderFor(context);
  const file = join(folder, 'zone');
  if (text !== undefined) writeFileSync(file, text);
  const policy = `policy:
  - id: p
    algorithm: ecdsap256sha256
    single-type-signing: on
    nsec3: ${signing === 'nsec3' ? 'on' : 'off'}
`;
  const sign = signing === undefined ? '' : '\n    dnssec-signing: on\n    dnssec-policy: p';
  const role = text === undefined ? 'master: us' : `notify: us${sign}`;
  const config = join(folder, 'knot.conf');
  writeFileSync(
    config,
    `${knotHead(folder, `127.0.0.1@${port}`)}key:
  - id: ${key.name}
    algorithm: ${key.algorithm}
    secret: ${key.secret}
remote:
  - id: us
    address: 127.0.0.1@${ourPort}
    key: ${key.name}
acl:
  - id: all
    key: ${key.name}
    action: [transfer, update, notify]
${policy}zone:
  - domain: ${zone}
    file: ${file}
    acl: all
    journal-content: all
    ${text === undefined ? '' : 'zonefile-load: difference-no-serial\n    '}${role}
`,
  );
  await serve(context, ['knotd', '-c', config], port);
}

/** Records of a zone as a server gives them by AXFR, sorted, without the SOA and signatures. */
export async function zoneAt(port: number, zone: string, key: IMoverKey): Promise<string[]> {
  const { stdout } = await dig(port, key, ['axfr', zone]);
  const lines = stdout
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith(';'))
    .map((line) => line.replace(/\s+/g, ' ').replace('Mail', 'mail'));
  return [...new Set(lines.filter((line) => !/ (SOA|RRSIG|TSIG) /.test(line)))].sort();
}

/** Asks with a key. */
export function dig(port: number, key: IMoverKey | null, args: readonly string[]) {
  const signed = key === null ? [] : ['-y', `${key.algorithm}:${key.name}:${key.secret}`];
  return run('dig', [
    '@127.0.0.1',
    ...['-p', String(port)],
    ...signed,
    ...['+noidnout', '+time=2', '+tries=1', '+nocookie'],
    ...args,
  ]);
}

/** The serial that a server has; null: it does not answer for the zone. */
export async function serialOf(port: number, zone: string, key: IMoverKey | null = null) {
  const { stdout } = await dig(port, key, ['+short', '+norecurse', 'soa', zone]);
  const serial = Number(stdout.split(' ')[2]);
  return Number.isInteger(serial) ? serial : null;
}

/** Waits until something is so. @throws what `what` says when it is not within 20 seconds. */
export async function until(
  is: () => Promise<boolean> | boolean,
  what: () => string,
): Promise<void> {
  const deadline = performance.now() + 20_000;
  while (!(await is())) {
    assert.ok(performance.now() < deadline, what());
    await setTimeout(50);
  }
}

/** Sends an update by `nsupdate` or `knsupdate`. @returns what it says. */
export async function update(
  program: 'nsupdate' | 'knsupdate',
  port: number,
  zone: string,
  key: IMoverKey | null,
  lines: readonly string[],
): Promise<string> {
  const signed = key === null ? [] : ['-y', `${key.algorithm}:${key.name}:${key.secret}`];
  const input = [`server 127.0.0.1 ${port}`, `zone ${zone}`, ...lines, 'send', ''].join('\n');
  const { stdout, stderr } = await run(program, signed, { input });
  return `${stdout}${stderr}`;
}

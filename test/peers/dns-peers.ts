import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { formatName } from '../../ts/dns/codec/name.ts';
import { queryFor } from '../dns/query.ts';
import { askAll } from './dns-client.ts';
import { folderFor, freePort, serve } from './peer.ts';

/** A zone as others read it. */
export interface IPeerZone {
  /** In wire form. */
  readonly apex: Buffer;
  /** Master file. */
  readonly text: string;
}

/**
 * BIND; what it does not like in a zone it serves anyhow.
 *
 * @param isMinimal answers are as short as they may be. @default true
 */
export async function serveNamed(
  context: TestContext,
  zones: readonly IPeerZone[],
  isMinimal = true,
): Promise<number> {
  const folder = folderFor(context);
  const port = await freePort();
  const declared = zones.map(({ apex, text }, index) => {
    const file = zoneFile(folder, index, text);
    return `zone "${formatName(apex)}" { type primary; file "${file}"; };`;
  });
  const config = join(folder, 'named.conf');
  writeFileSync(
    config,
    `options {
  directory "${folder}"; pid-file none; session-keyfile none;
  listen-on port ${port} { 127.0.0.1; }; listen-on-v6 { none; };
  recursion no; notify no; dnssec-validation no; minimal-responses ${isMinimal ? 'yes' : 'no'};
  max-udp-size 4096; allow-transfer { 127.0.0.1; };
  check-names primary ignore; check-integrity no; check-mx ignore; check-srv-cname ignore;
  check-dup-records ignore; check-wildcard no; check-sibling no;
};
controls { };
${declared.join('\n')}
`,
  );
  await serve(context, ['named', '-g', '-n', '1', '-c', config], port);
  await untilLoaded(port, zones);
  return port;
}

/** What the configurations of Knot begin with. @param listen addresses, each with its port. */
export function knotHead(folder: string, listen: string): string {
  return `server:
  rundir: ${folder}
  listen: ${listen}
  udp-workers: 1
  tcp-workers: 1
  background-workers: 1
  udp-max-payload: 4096
database:
  storage: ${folder}
log:
  - target: stderr
    any: info
`;
}

/** Zones of files that Knot takes as they are, and leaves alone. */
export const knotPlainZones = `template:
  - id: default
    zonefile-sync: -1
    journal-content: none
    semantic-checks: off
`;

/** Knot, without checks of what stands in a zone but those that it always makes. */
export async function serveKnot(
  context: TestContext,
  zones: readonly IPeerZone[],
): Promise<number> {
  const folder = folderFor(context);
  const port = await freePort();
  const declared = zones.map(({ apex, text }, index) => {
    return `  - domain: ${formatName(apex)}\n    file: ${zoneFile(folder, index, text)}\n`;
  });
  const config = join(folder, 'knot.conf');
  writeFileSync(
    config,
    `${knotHead(folder, `127.0.0.1@${port}`)}${knotPlainZones}zone:
${declared.join('')}`,
  );
  await serve(context, ['knotd', '-c', config], port);
  await untilLoaded(port, zones);
  return port;
}

function zoneFile(folder: string, index: number, text: string): string {
  const path = join(folder, `${index}.zone`);
  writeFileSync(path, text);
  return path;
}

/** A server that has accepted connections may still be reading its zones. */
async function untilLoaded(port: number, zones: readonly IPeerZone[]): Promise<void> {
  const queries = zones.map(({ apex }) => queryFor(formatName(apex), 'SOA'));
  const deadline = performance.now() + 20_000;
  for (;;) {
    const answers = await askAll(port, queries);
    const absent = zones.filter((_, index) => ((answers[index]?.[3] ?? 2) & 15) !== 0);
    if (absent.length === 0) return;
    await setTimeout(20);
    if (performance.now() > deadline) {
      throw new Error(`It does not serve ${absent.map(({ apex }) => formatName(apex)).join(' ')}`);
    }
  }
}

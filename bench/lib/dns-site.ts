import { execFileSync } from 'node:child_process';
import {
  closeSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findProgram } from './processes.ts';

/** No zone of documentation ends in `.test`: resolvers do not ask for those. */
export const plainZone = 'plain.example.org';
/** The same records, signed. */
export const signedZone = 'signed.example.org';
/** Names that most loads ask for. */
export const askedNames = 1000;

/** What all servers share: zones and questions. */
export interface IDnsSite {
  folder: string;
  /** Address records in each of the two zones. */
  records: number;
  plainFile: string;
  /** `signedZone` without signatures, for who signs by itself. */
  unsignedFile: string;
  /** With signatures and NSEC, by Knot's `kzonesign` (ECDSA P-256, one key); null: not asked for. */
  signedFile: string | null;
  stop(): void;
}

const header = `$TTL 3600
@ SOA ns1 hostmaster 1 7200 900 1209600 300
@ NS ns1
ns1 A 192.0.2.1
`;
const chunkLines = 20_000;

/** Makes the folder with the zones; signing takes seconds. The caller stops it. */
export function makeDnsSite(records: number, isSigned: boolean): IDnsSite {
  const folder = mkdtempSync(join(tmpdir(), 'dcrouter-dns-'));
  const plainFile = join(folder, `${plainZone}.zone`);
  const unsignedFile = join(folder, `${signedZone}.zone`);
  writeZone(plainFile, records);
  writeZone(unsignedFile, records);
  const signedFile = isSigned ? signZone(folder) : null;
  const stop = (): void => rmSync(folder, { recursive: true, force: true });
  return { folder, records, plainFile, unsignedFile, signedFile, stop };
}

/** Owner of one of the address records, relative to its zone. */
export function hostOf(index: number): string {
  return `host-${index}`;
}

/** Writes a master file with so many address records. */
export function writeZone(path: string, records: number): void {
  const file = openSync(path, 'w');
  writeSync(file, header);
  for (let first = 0; first < records; first += chunkLines) {
    const count = Math.min(chunkLines, records - first);
    const lines = Array.from({ length: count }, (_, index) => {
      const number = first + index;
      return `${hostOf(number)} A 10.${number >>> 16}.${(number >>> 8) & 255}.${number & 255}\n`;
    });
    writeSync(file, lines.join(''));
  }
  closeSync(file);
}

/** Questions for so many names that are spread over a zone, in an order that has no order. */
export function writeQuestions(site: IDnsSite, zone: string, count: number): string {
  const path = join(site.folder, `${zone}-${count}.txt`);
  const step = Math.floor(site.records / count);
  const lines = Array.from({ length: count }, (_, index) => {
    // 7,919 is a prime that divides no number of names here: each comes once.
    const name = ((index * 7919) % count) * step;
    return `${hostOf(name)}.${zone} A\n`;
  });
  writeFileSync(path, lines.join(''));
  return path;
}

function signZone(folder: string): string {
  const program = findProgram('kzonesign');
  if (program === undefined)
    throw new Error('"kzonesign" is missing: run scripts/install-peers.sh');
  const out = join(folder, 'signed');
  mkdirSync(out);
  const config = join(folder, 'kzonesign.conf');
  writeFileSync(
    config,
    `server:
  rundir: ${folder}
database:
  storage: ${out}
policy:
  - id: bench
    algorithm: ecdsap256sha256
    single-type-signing: on
    rrsig-lifetime: 30d
    rrsig-refresh: 10d
zone:
  - domain: ${signedZone}
    storage: ${folder}
    dnssec-policy: bench
    dnssec-signing: on
    zonefile-load: whole
    journal-content: none
`,
  );
  execFileSync(program, ['-c', config, '-o', out, signedZone], { stdio: 'pipe' });
  return join(out, `${signedZone}.zone`);
}

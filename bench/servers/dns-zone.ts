/**
 * Loads a zone file, changes record after record, and prints what that took and what the zone holds.
 *
 * Usage: node --expose-gc dns-zone.ts FILE ZONE CHANGES
 */
import { parseName } from '../../ts/dns/codec/name.ts';
import { recordType } from '../../ts/dns/codec/types.ts';
import { loadZoneFile } from '../../ts/dns/zone/load-zone.ts';
import type { Zone } from '../../ts/dns/zone/zone.ts';
import { hostOf } from '../lib/dns-site.ts';
import { median } from '../lib/statistics.ts';

const [file = '', name = '', changes = ''] = process.argv.slice(2);
const ttl = 300;
const address = Buffer.of(192, 0, 2, 7);

function held(): number {
  for (let i = 0; i < 4; i++) globalThis.gc?.();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

/** Alone, so that nothing of the load but the zone lives on. */
async function load(): Promise<Zone> {
  const { zone, problems } = await loadZoneFile(file, parseName(`${name}.`));
  if (zone === null) throw new Error(JSON.stringify(problems.kept));
  return zone;
}

const before = held();
const startedAt = performance.now();
let zone = await load();
const loadMs = performance.now() - startedAt;
const { recordCount } = zone;
const bytesPerRecord = (held() - before) / recordCount;

const times: number[] = [];
for (let index = 0; index < Number(changes); index++) {
  const owner = parseName(`${hostOf((index * 7919) % (recordCount - 3))}.${name}.`);
  const from = performance.now();
  const change = { name: owner, type: recordType.A, ttl, rdatas: [address] };
  const changed = zone.replace([change]);
  times.push(performance.now() - from);
  if (changed.rrset(owner, recordType.A)?.ttl !== ttl) throw new Error('The change is not seen');
  zone = changed;
}
console.log(JSON.stringify({ bytesPerRecord, loadMs, changeMs: median(times) }));

import { nameKey } from '../codec/name.ts';
import { rdataCodec } from '../codec/rdata.ts';
import { recordType } from '../codec/types.ts';
import { lookup } from './lookup.ts';
import type { IRrset } from './owner-data.ts';
import type { Zone } from './zone.ts';

/** Names whose addresses are added to one answer; more would not fit into a message. */
const namesMax = 64;

const addressTypes = [recordType.A, recordType.AAAA];

/**
 * The addresses of the names in these records that the zone itself knows, each once: for the
 * additional section (RFC 1034 §4.3.2 step 6). For the NS of a delegation that is its glue, below
 * the cut or beside it.
 */
export function additionalFor(zone: Zone, rrsets: readonly IRrset[]): IRrset[] {
  const found: IRrset[] = [];
  const seen = new Set<string>();
  for (const { type, rdatas } of rrsets) {
    const { names } = rdataCodec(type);
    for (const rdata of rdatas) {
      for (const name of names(rdata)) {
        const key = nameKey(name);
        if (seen.has(key) || seen.size >= namesMax) continue;
        seen.add(key);
        found.push(...addressesOf(zone, name));
      }
    }
  }
  return found;
}

/** Of a name in the zone, glue and wildcards too; none when it is an alias. */
export function addressesOf(zone: Zone, name: Buffer): IRrset[] {
  const node = zone.node(name);
  if (node !== undefined) return addressTypes.flatMap((type) => node.rrset(type) ?? []);
  return addressTypes.flatMap((type) => {
    const result = lookup(zone, name, type);
    return result?.kind === 'answer' ? result.rrsets : [];
  });
}

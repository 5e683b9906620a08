import { wildcardOf } from '../codec/name.ts';
import { recordType } from '../codec/types.ts';
import { ownerBefore } from '../dnssec/authority.ts';
import { distinct, type IDenier } from '../dnssec/denier.ts';
import type { IRrset } from '../zone/owner-data.ts';
import type { Zone } from '../zone/zone.ts';

/** Finds the records by which a zone, as it was loaded, proves that something does not exist. */
export interface IKeptChain extends Pick<IDenier, 'nodata' | 'nxdomain' | 'expansion'> {
  /** The child at this cut is not signed. @param cut owner of the delegation, in any case. */
  unsigned(zone: Zone, cut: Buffer): IRrset[];
}

/** Owners without a NSEC that are passed over; a chain with more of them in a row is broken. */
const gapMax = 1000;

/** The chain of NSEC records: RFC 4035 §3.1.3. */
export const keptNsec: IKeptChain = {
  nodata(zone, name, { wildcard }) {
    if (wildcard === null) return distinct(atOrCovering(zone, name));
    return distinct([...covering(zone, name), ...atOrCovering(zone, wildcard)]);
  },
  nxdomain: (zone, name, { closestEncloser }) =>
    distinct([...covering(zone, name), ...covering(zone, wildcardOf(closestEncloser))]),
  expansion: (zone, name) => covering(zone, name),
  unsigned: (zone, cut) => recordAt(zone, zone.keyOf(cut) ?? ''),
};

/** An empty non-terminal has no record: the one before it proves that it has no data. */
function atOrCovering(zone: Zone, name: Buffer): IRrset[] {
  const found = recordAt(zone, zone.keyOf(name) ?? '');
  return found.length > 0 ? found : covering(zone, name);
}

function covering(zone: Zone, name: Buffer): IRrset[] {
  let key = zone.keyOf(name) ?? '';
  for (let passed = 0; passed < gapMax && key !== ''; passed++) {
    key = ownerBefore(zone, key);
    const found = recordAt(zone, key);
    if (found.length > 0) return found;
  }
  return [];
}

function recordAt(zone: Zone, key: string): IRrset[] {
  const rrset = zone.nodeOf(key)?.rrset(recordType.NSEC);
  return rrset === undefined ? [] : [rrset];
}

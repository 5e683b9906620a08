import { formatName, lowerName } from '../codec/name.ts';
import { rdataCodec } from '../codec/rdata.ts';
import { recordType } from '../codec/types.ts';
import { addressesOf } from './additional.ts';
import type { TReport } from './check.ts';
import { hasApexTwice, isHostName, looksLikeAddress } from './check-names.ts';
import { lookup } from './lookup.ts';
import type { IRrset } from './owner-data.ts';
import type { Zone } from './zone.ts';

/** Types whose target must have an address and must be no alias: RFC 2181 §10.3, RFC 2782. */
const hostTargets: ReadonlySet<number> = new Set([recordType.NS, recordType.MX, recordType.SRV]);

/** Types besides them whose targets are worth a look. */
const otherTargets: ReadonlySet<number> = new Set([
  recordType.CNAME,
  recordType.DNAME,
  recordType.PTR,
]);

/**
 * Checks the names that an rrset points to, as far as the zone itself can tell. Only name servers of
 * the zone itself without an address are errors.
 */
export function checkTargets(zone: Zone, key: string, rrset: IRrset, report: TReport): void {
  const { name, type, rdatas } = rrset;
  const isHost = hostTargets.has(type);
  if (!isHost && !otherTargets.has(type)) return;
  const { nameRanges } = rdataCodec(type);
  for (const rdata of rdatas) {
    const [start, end] = nameRanges(rdata)[0] ?? [0, 0];
    const target = lowerName(rdata.subarray(start, end));
    // A single dot says that there is none: RFC 7505, RFC 2782.
    if (target.length <= 1) continue;
    const warn = (message: string): void => report('warning', key, name, type, message);
    const text = formatName(target);
    if (hasApexTwice(target, zone.apex)) {
      warn(`"${text}" ends with the name of the zone twice: a dot may be missing`);
    }
    if (!isHost) continue;
    if (looksLikeAddress(target)) warn(`Expected the name of a host, found an address: "${text}"`);
    else if (!isHostName(target)) warn(`"${text}" is no host name: letters, digits and hyphens`);
    const message = hostProblem(zone, key, type, target, text);
    if (message === undefined) continue;
    report(type === recordType.NS && key === '' ? 'error' : 'warning', key, name, type, message);
  }
}

function hostProblem(
  zone: Zone,
  key: string,
  type: number,
  target: Buffer,
  text: string,
): string | undefined {
  const found = lookup(zone, target, recordType.A);
  switch (found?.kind) {
    case 'cname':
    case 'dname':
      return `"${text}" is an alias, which must not be used here (RFC 2181 §10.3)`;
    case 'delegation': {
      if (type !== recordType.NS || addressesOf(zone, target).length > 0) return undefined;
      const own = zone.keyOf(found.rrset.name) === key;
      return own
        ? `"${text}" is in what it serves, and its address (glue) is missing`
        : `"${text}" is in another delegation, and its address (glue) is missing`;
    }
    case 'nodata':
    case 'nxdomain':
      return lookup(zone, target, recordType.AAAA)?.kind === 'answer'
        ? undefined
        : `"${text}" has no address (A or AAAA)`;
    default:
      return undefined;
  }
}

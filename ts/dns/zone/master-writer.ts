import { formatName } from '../codec/name.ts';
import { rdataCodec } from '../codec/rdata.ts';
import { recordTypeName } from '../codec/types.ts';
import type { IRrset } from './owner-data.ts';
import type { Zone } from './zone.ts';

/** Characters that come at once, at least, from `formatInParts`. */
const partLength = 65_536;

/**
 * The zone as a master file: `$ORIGIN`, then a record a line, the SOA first, owners in canonical
 * order and relative to the apex, names in data absolute. The same zone always gives the same
 * text, and `loadZone` makes the same zone of it.
 */
export function format(zone: Zone): string {
  return [...formatInParts(zone)].join('');
}

/** The same for a big zone, piece by piece. */
export function* formatInParts(zone: Zone): Generator<string, void> {
  let part = `$ORIGIN ${formatName(zone.apex)}\n`;
  for (const rrset of zone.rrsets()) {
    const owner = relativeName(rrset.name, zone.apex);
    for (const line of linesOf(owner, rrset)) part += line;
    if (part.length < partLength) continue;
    yield part;
    part = '';
  }
  yield part;
}

/** An rrset as lines of a master file, with absolute names. */
export function formatRrset(rrset: IRrset): string {
  return linesOf(formatName(rrset.name), rrset).join('');
}

function linesOf(owner: string, { type, ttl, rdatas }: IRrset): string[] {
  const { format: formatData } = rdataCodec(type);
  const head = `${owner}\t${ttl}\tIN\t${recordTypeName(type)}\t`;
  return rdatas.map((rdata) => `${head}${formatData(rdata)}\n`);
}

function relativeName(name: Buffer, apex: Buffer): string {
  const text = formatName(name);
  if (apex.length === 1) return text;
  if (name.length === apex.length) return '@';
  return text.slice(0, -formatName(apex).length - 1);
}

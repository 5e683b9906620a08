/** Zones as a configuration file would bring them back. */
import type { IOwnedRecords, IZoneOptions, IZoneRecord } from '../../ts_interfaces/index.ts';
import { formatName, lowerName } from '../dns/codec/name.ts';
import { rdataCodec } from '../dns/codec/rdata.ts';
import { recordTypeName } from '../dns/codec/types.ts';
import type { IRecordSet } from '../dns/zones/types.ts';
import { readData, readName, readType } from './record-text.ts';
import type { ControlState } from './state.ts';

/** Record sets in one piece of an export. */
const setsPerPiece = 500;

/** A zone in an export. */
export interface IZoneExport {
  /** All but the records that follow. */
  options: IZoneOptions;
  /** In pieces; null: the options say all. */
  records: AsyncIterable<(string | IZoneRecord)[]> | null;
}

/**
 * A zone as it is now. One whose content was changed is written with all its records, for a file of
 * its own would bring back what was changed; undefined: it is not there any more.
 */
export function zoneExport({ zones, dns }: ControlState, id: string): IZoneExport | undefined {
  const found = zones.get(id)?.value;
  if (found === undefined) return undefined;
  const hosted = dns.book.get(id);
  const isChanged = hosted?.isImported === true || (dns.book.info(id)?.changed ?? 0) > 0;
  if (!isChanged || hosted === undefined || hosted.isSecondary || hosted.source === null) {
    return { options: found, records: null };
  }
  const { file: _file, records: _records, ...options } = found;
  return { options, records: linesOf(dns, id, hosted.apex) };
}

async function* linesOf(
  dns: ControlState['dns'],
  id: string,
  apex: Buffer,
): AsyncGenerator<(string | IZoneRecord)[], void> {
  const owned = ownedData(dns.manager.list({ zone: id }), apex);
  let piece: (string | IZoneRecord)[] = [];
  for (const set of dns.book.recordSets(id)) {
    // The router makes it again by itself.
    if (set.origin === 'made') continue;
    piece.push(...asWritten(set, owned));
    if (piece.length < setsPerPiece) continue;
    yield piece;
    piece = [];
    await new Promise((resolve) => setImmediate(resolve));
  }
  yield piece;
}

/** Lines of a master file; what no line can say as a record set. Owned records are not the zone's. */
function asWritten(
  { name, type, ttl, rdatas, health }: IRecordSet,
  owned: ReadonlySet<string>,
): (string | IZoneRecord)[] {
  const owner = formatName(name);
  const typeName = recordTypeName(type);
  if (health !== undefined) return [{ name: owner, type: typeName, ttl, health }];
  const { format } = rdataCodec(type);
  return rdatas
    .filter((rdata) => !owned.has(keyOf(name, type, rdata)))
    .map((rdata) => `${owner} ${ttl} IN ${typeName} ${format(rdata)}`);
}

function ownedData(list: readonly IOwnedRecords[], apex: Buffer): Set<string> {
  const keys = new Set<string>();
  for (const { name, type, data } of list) {
    const owner = readName(name);
    const number = readType(type);
    if (!Buffer.isBuffer(owner) || typeof number !== 'number') continue;
    for (const line of data) {
      const rdata = readData(number, line, apex);
      if (Buffer.isBuffer(rdata)) keys.add(keyOf(owner, number, rdata));
    }
  }
  return keys;
}

function keyOf(name: Buffer, type: number, rdata: Buffer): string {
  return `${type} ${lowerName(name).toString('latin1')} ${rdata.toString('latin1')}`;
}

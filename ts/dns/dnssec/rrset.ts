import type { IRecord } from '../codec/message.ts';
import { nameKey } from '../codec/name.ts';
import { rdataCodec } from '../codec/rdata.ts';
import { recordType } from '../codec/types.ts';
import type { IRrset } from '../zone/owner-data.ts';

/** An rrset and the rdata of the RRSIG records that cover its type. */
export interface ISignedRrset extends IRrset {
  readonly signatures: readonly Buffer[];
}

/** The rdata in canonical form and order, without duplicates (RFC 4034 §6.2, §6.3). */
export function canonicalRdatas(rrset: IRrset): Buffer[] {
  const codec = rdataCodec(rrset.type);
  const sorted = rrset.rdatas.map((rdata) => codec.canonical(rdata)).sort(Buffer.compare);
  return sorted.filter((rdata, index) => index === 0 || !rdata.equals(sorted[index - 1] as Buffer));
}

interface IOpenRrset extends ISignedRrset {
  ttl: number;
  readonly rdatas: Buffer[];
  readonly signatures: Buffer[];
}

/**
 * Groups records into rrsets, each with its signatures, in the order in which the rrsets begin. The
 * TTL is the lowest (RFC 2181 §5.2). Signatures without records get no rrset.
 */
export function groupRecords(records: Iterable<IRecord>): ISignedRrset[] {
  const rrsets = new Map<string, IOpenRrset>();
  const signatures: IRecord[] = [];
  for (const record of records) {
    if (record.type === recordType.RRSIG) {
      signatures.push(record);
      continue;
    }
    const rrset = openRrset(rrsets, record);
    rrset.rdatas.push(record.rdata);
    rrset.ttl = Math.min(rrset.ttl, record.ttl);
  }
  for (const { name, class: recordClass, rdata } of signatures) {
    if (rdata.length < 2) continue;
    const covered = rrsets.get(keyOf(name, recordClass, rdata.readUInt16BE(0)));
    covered?.signatures.push(rdata);
  }
  return [...rrsets.values()];
}

function openRrset(rrsets: Map<string, IOpenRrset>, record: IRecord): IOpenRrset {
  const key = keyOf(record.name, record.class, record.type);
  const present = rrsets.get(key);
  if (present !== undefined) return present;
  const { name, type, ttl } = record;
  const rrset = { name, type, class: record.class, ttl, rdatas: [], signatures: [] };
  rrsets.set(key, rrset);
  return rrset;
}

function keyOf(name: Buffer, recordClass: number, type: number): string {
  return `${type}/${recordClass}/${nameKey(name)}`;
}

import { createHash } from 'node:crypto';
import { soaWithSerial } from '../codec/soa.ts';
import { recordType } from '../codec/types.ts';
import { encodeRrsets, type IRrset } from '../zone/owner-data.ts';
import type { IRrsetChange, Zone } from '../zone/zone.ts';
import type { IHealthRecordSet } from './stages.ts';

/** Between two pauses as many owners are taken. */
const ownersPerStep = 2_000;
/** Bytes that are hashed in one go, at least. */
const blockBytes = 65_536;

/**
 * A digest of all that a zone holds but its serial: the same content has the same one, after a
 * restart too.
 *
 * @param health record sets that stand beside the zone.
 */
export function* digestInSteps(
  zone: Zone,
  health: Iterable<IHealthRecordSet>,
): Generator<void, string> {
  const hash = createHash('sha256');
  const apex = zone.nodeOf('')?.rrsets() ?? [];
  hash.update(zone.apex).update(encodeRrsets(apex.map(withoutSerial)));
  let parts: Buffer[] = [];
  let length = 0;
  let count = 0;
  for (const { key, bytes, start, end } of zone.tree.entries()) {
    if (key !== '') {
      const name = Buffer.from(key, 'latin1');
      const head = Buffer.allocUnsafe(6);
      head.writeUInt16BE(name.length, 0);
      head.writeUInt32BE(end - start, 2);
      parts.push(head, name, bytes.subarray(start, end));
      length += head.length + name.length + end - start;
    }
    if (length >= blockBytes) {
      hash.update(Buffer.concat(parts, length));
      parts = [];
      length = 0;
    }
    if (++count % ownersPerStep === 0) yield;
  }
  hash.update(Buffer.concat(parts, length));
  const sets = [...health].map(({ name, type, ttl, health: how }) =>
    JSON.stringify([name.toString('hex'), type, ttl, how]),
  );
  hash.update(sets.sort().join('\n'));
  return hash.digest('base64url');
}

/** A digest of what expansion and signing add; empty: nothing. */
export function dynamicDigest(
  changes: readonly IRrsetChange[],
  signed: { readonly stamp: string; readonly apex: readonly IRrset[] } | null,
): string {
  if (changes.length === 0 && signed === null) return '';
  const hash = createHash('sha256');
  const texts = changes.map(({ name, type, ttl, rdatas }) => {
    const data = rdatas.map((rdata) => rdata.toString('base64')).sort();
    return JSON.stringify([name.toString('base64'), type, ttl, data]);
  });
  hash.update(texts.sort().join('\n'));
  if (signed !== null) {
    hash.update(`\n${signed.stamp}\n`).update(encodeRrsets(signed.apex.filter(isMade)));
  }
  return hash.digest('base64url');
}

const madeTypes: ReadonlySet<number> = new Set([
  recordType.DNSKEY,
  recordType.CDS,
  recordType.CDNSKEY,
  recordType.NSEC3PARAM,
]);

function isMade({ type }: IRrset): boolean {
  return madeTypes.has(type);
}

function withoutSerial(rrset: IRrset): IRrset {
  if (rrset.type !== recordType.SOA) return rrset;
  return { ...rrset, rdatas: rrset.rdatas.map((rdata) => soaWithSerial(rdata, 0)) };
}

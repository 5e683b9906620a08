import {
  compareNames,
  labelBytesMax,
  labelCount,
  lastLabels,
  lowerName,
  nameBytesMax,
  nameEnd,
} from '../codec/name.ts';
import { decodeTypes, encodeTypes } from '../codec/rdata/bitmap.ts';
import { rdataCodec } from '../codec/rdata.ts';
import { recordType } from '../codec/types.ts';

/** An NSEC record (RFC 4034 §4): its owner exists, and nothing does between it and the next one. */
export interface INsec {
  /** Lower case. */
  readonly owner: Buffer;
  /** Lower case; of the zone's last owner: the apex. */
  readonly next: Buffer;
  readonly types: ReadonlySet<number>;
}

/** Reads an NSEC record; null when its rdata is malformed. */
export function parseNsec(owner: Buffer, rdata: Buffer): INsec | null {
  if (!rdataCodec(recordType.NSEC).check(rdata)) return null;
  const end = nameEnd(rdata, 0);
  const next = lowerName(rdata.subarray(0, end));
  return { owner: lowerName(owner), next, types: new Set(decodeTypes(rdata, end)) };
}

/** The rdata of an NSEC record. */
export function nsecRdata(next: Buffer, types: Iterable<number>): Buffer {
  return Buffer.concat([next, encodeTypes(types)]);
}

/**
 * The name right behind another one, with no name of the DNS between: `\\000.` in front, or what
 * RFC 4471 §3.1 says where that would be longer than a name may be.
 *
 * @param name in lower case, not the root.
 */
export function nextName(name: Buffer): Buffer {
  if (name.length + 2 <= nameBytesMax) return Buffer.concat([Buffer.of(1, 0), name]);
  const labelBytes = name[0] ?? 0;
  const label = name.subarray(1, 1 + labelBytes);
  const parent = name.subarray(1 + labelBytes);
  if (name.length < nameBytesMax && labelBytes < labelBytesMax) {
    return withLabel(Buffer.concat([label, Buffer.of(0)]), parent);
  }
  // The last byte that can grow does, what is behind it goes.
  const last = label.findLastIndex((byte) => byte !== 0xff);
  if (last === -1) return nextSibling(parent);
  const grown = Buffer.from(label.subarray(0, last + 1));
  const byte = (grown[last] ?? 0) + 1;
  // Capital letters are small ones to the DNS, so that `[` comes behind `@`.
  grown[last] = byte === 0x41 ? 0x5b : byte;
  return withLabel(grown, parent);
}

/** The name behind all that is below this one. */
function nextSibling(name: Buffer): Buffer {
  const labelBytes = name[0] ?? 0;
  const label = name.subarray(1, 1 + labelBytes);
  const longer = labelBytes < labelBytesMax ? Buffer.of(0) : Buffer.alloc(0);
  return withLabel(Buffer.concat([label, longer]), name.subarray(1 + labelBytes));
}

function withLabel(label: Buffer, parent: Buffer): Buffer {
  return Buffer.concat([Buffer.of(label.length), label, parent]);
}

/** Whether a name of the zone does not exist by this record; it may be an empty non-terminal. */
export function coversName(nsec: INsec, name: Buffer): boolean {
  if (compareNames(nsec.owner, name) >= 0) return false;
  const isLast = compareNames(nsec.next, nsec.owner) <= 0;
  return isLast || compareNames(name, nsec.next) < 0;
}

/** The longest name that two names are at or below. */
export function commonAncestor(one: Buffer, other: Buffer): Buffer {
  const most = Math.min(labelCount(one), labelCount(other));
  for (let labels = most; labels > 0; labels--) {
    const ancestor = lastLabels(one, labels);
    if (compareNames(ancestor, lastLabels(other, labels)) === 0) return ancestor;
  }
  return lastLabels(one, 0);
}

/** Whether the types are those of a delegation, seen from the parent. */
export function isDelegation(types: ReadonlySet<number>): boolean {
  return types.has(recordType.NS) && !types.has(recordType.SOA);
}

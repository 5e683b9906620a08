import {
  isWildcard,
  labelCount,
  lastLabels,
  lowerName,
  nameEnd,
  wildcardOf,
} from '../codec/name.ts';
import type { IRrset } from '../zone/owner-data.ts';
import { canonicalRdatas } from './rrset.ts';

/** The fields of an RRSIG record (RFC 4034 §3.1). Times are seconds modulo 2^32. */
export interface IRrsig {
  readonly typeCovered: number;
  readonly algorithm: number;
  /** Labels of the owner that was signed, without the root and a leading `*`. */
  readonly labels: number;
  readonly originalTtl: number;
  readonly expiration: number;
  readonly inception: number;
  readonly keyTag: number;
  /** Lower case. */
  readonly signer: Buffer;
  /** Empty in one that is about to be made. */
  readonly signature: Buffer;
}

const fixedBytes = 18;

/** Reads the rdata of an RRSIG; null when it is malformed, or its signer is compressed. */
export function parseRrsig(rdata: Buffer): IRrsig | null {
  if (rdata.length <= fixedBytes) return null;
  const signerEnd = nameEnd(rdata, fixedBytes);
  if (signerEnd === -1) return null;
  return {
    typeCovered: rdata.readUInt16BE(0),
    algorithm: rdata.readUInt8(2),
    labels: rdata.readUInt8(3),
    originalTtl: rdata.readUInt32BE(4),
    expiration: rdata.readUInt32BE(8),
    inception: rdata.readUInt32BE(12),
    keyTag: rdata.readUInt16BE(16),
    signer: lowerName(rdata.subarray(fixedBytes, signerEnd)),
    signature: rdata.subarray(signerEnd),
  };
}

/** The rdata of an RRSIG up to its signature: where the signed data begins. */
export function rrsigHead(rrsig: Omit<IRrsig, 'signature'>): Buffer {
  const head = Buffer.alloc(fixedBytes);
  head.writeUInt16BE(rrsig.typeCovered, 0);
  head.writeUInt8(rrsig.algorithm, 2);
  head.writeUInt8(rrsig.labels, 3);
  head.writeUInt32BE(rrsig.originalTtl, 4);
  head.writeUInt32BE(rrsig.expiration >>> 0, 8);
  head.writeUInt32BE(rrsig.inception >>> 0, 12);
  head.writeUInt16BE(rrsig.keyTag, 16);
  return Buffer.concat([head, rrsig.signer]);
}

/**
 * Labels of a name as an RRSIG counts them: without the root and a leading `*` (RFC 4034 §3.1.3).
 */
export function signedLabels(name: Buffer): number {
  return labelCount(name) - (isWildcard(name) ? 1 : 0);
}

/**
 * What a signature is made over (RFC 4034 §3.1.8.1).
 *
 * @param labels those of the RRSIG; where the owner has more, it was expanded from a wildcard.
 */
export function signedData(head: Buffer, rrset: IRrset, labels: number, ttl: number): Buffer {
  const name = signedName(lowerName(rrset.name), labels);
  const parts = [head];
  for (const rdata of canonicalRdatas(rrset)) {
    const fixed = Buffer.alloc(10);
    fixed.writeUInt16BE(rrset.type, 0);
    fixed.writeUInt16BE(rrset.class, 2);
    fixed.writeUInt32BE(ttl, 4);
    fixed.writeUInt16BE(rdata.length, 8);
    parts.push(name, fixed, rdata);
  }
  return Buffer.concat(parts);
}

/** The owner that was signed: itself, or the wildcard that it was expanded from. */
function signedName(name: Buffer, labels: number): Buffer {
  if (signedLabels(name) <= labels) return name;
  return wildcardOf(lastLabels(name, labels));
}

/** `a - b` of two times in seconds modulo 2^32 (RFC 1982): below zero when `a` is earlier. */
export function timeDifference(a: number, b: number): number {
  return (a - b) | 0;
}

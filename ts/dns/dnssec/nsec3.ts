import { hash } from 'node:crypto';
import { equalNames, lowerName, parentOf } from '../codec/name.ts';
import { decodeTypes, encodeTypes } from '../codec/rdata/bitmap.ts';
import { formatBase32Hex, parseBase32Hex } from '../codec/rdata/texts.ts';
import { rdataCodec } from '../codec/rdata.ts';
import { recordType } from '../codec/types.ts';

/** How the names of a zone are hashed (RFC 5155 §4). */
export interface INsec3Params {
  /** Rounds after the first; 0 in our own zones (RFC 9276 §3.1). */
  readonly iterations: number;
  /** Empty in our own zones (RFC 9276 §3.1). */
  readonly salt: Buffer;
}

/** No further rounds and no salt: what RFC 9276 asks for. */
export const plainNsec3: INsec3Params = Object.freeze({ iterations: 0, salt: Buffer.alloc(0) });

/**
 * An NSEC3 record (RFC 5155 §3): its owner's hash exists, and none does between it and the next.
 */
export interface INsec3 extends INsec3Params {
  /** Of the owner. */
  readonly hash: Buffer;
  readonly next: Buffer;
  /** There may be unsigned delegations between it and the next. */
  readonly optOut: boolean;
  readonly types: ReadonlySet<number>;
}

const hashBytes = 20;
const hashSha1 = 1;
const optOutFlag = 1;

/** The hash of a name (RFC 5155 §5). */
export function nsec3Hash(name: Buffer, { iterations, salt }: INsec3Params): Buffer {
  let digest = round(lowerName(name), salt);
  for (let left = iterations; left > 0; left--) digest = round(digest, salt);
  return digest;
}

function round(data: Buffer, salt: Buffer): Buffer {
  return hash('sha1', salt.length === 0 ? data : Buffer.concat([data, salt]), 'buffer');
}

/**
 * Reads an NSEC3 record.
 *
 * @param zone apex of the zone that it has to be of.
 * @returns null when it is malformed, of another zone, or of a hash or with flags that nobody
 *   knows: such a record proves nothing (RFC 5155 §8.1, §8.2).
 */
export function parseNsec3(owner: Buffer, rdata: Buffer, zone: Buffer): INsec3 | null {
  if (!rdataCodec(recordType.NSEC3).check(rdata) || rdata[0] !== hashSha1) return null;
  const flags = rdata.readUInt8(1);
  const saltEnd = 5 + rdata.readUInt8(4);
  const nextEnd = saltEnd + 1 + rdata.readUInt8(saltEnd);
  const next = rdata.subarray(saltEnd + 1, nextEnd);
  const parent = parentOf(owner);
  const digest = parseBase32Hex(owner.toString('latin1', 1, 1 + (owner[0] ?? 0)));
  if (flags > optOutFlag || digest?.length !== hashBytes || next.length !== hashBytes) return null;
  if (parent === null || !equalNames(parent, zone)) return null;
  return {
    hash: digest,
    next,
    optOut: flags === optOutFlag,
    iterations: rdata.readUInt16BE(2),
    salt: rdata.subarray(5, saltEnd),
    types: new Set(decodeTypes(rdata, nextEnd)),
  };
}

/** The rdata of an NSEC3 record, without opt-out. */
export function nsec3Rdata(params: INsec3Params, next: Buffer, types: Iterable<number>): Buffer {
  const head = nsec3ParamRdata(params);
  return Buffer.concat([head, Buffer.of(next.length), next, encodeTypes(types)]);
}

/** The rdata of the NSEC3PARAM record (RFC 5155 §4.2). */
export function nsec3ParamRdata({ iterations, salt }: INsec3Params): Buffer {
  const head = Buffer.of(hashSha1, 0, iterations >> 8, iterations & 0xff, salt.length);
  return Buffer.concat([head, salt]);
}

/** Owner of the NSEC3 record of a hash. */
export function nsec3Owner(digest: Buffer, zone: Buffer): Buffer {
  const label = Buffer.from(formatBase32Hex(digest).toLowerCase(), 'latin1');
  return Buffer.concat([Buffer.of(label.length), label, zone]);
}

/** Whether no name has this hash by the record. */
export function coversHash(nsec3: INsec3, digest: Buffer): boolean {
  const isBehind = Buffer.compare(nsec3.hash, digest) < 0;
  const isBefore = Buffer.compare(digest, nsec3.next) < 0;
  const isLast = Buffer.compare(nsec3.next, nsec3.hash) <= 0;
  if (isLast) return (isBehind || isBefore) && !nsec3.hash.equals(digest);
  return isBehind && isBefore;
}

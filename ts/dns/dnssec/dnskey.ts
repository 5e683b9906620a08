import { createHash, type KeyObject } from 'node:crypto';
import { lowerName } from '../codec/name.ts';
import { algorithmOf, publicKeyOf } from './algorithm.ts';

/** Flags of a DNSKEY: a zone key that signs the zone. */
export const zoneKeyFlags = 256;
/** Flags of a DNSKEY that is also a secure entry point, i.e. a DS points to it (RFC 3757). */
export const entryPointFlags = 257;

const zoneKeyBit = 0x0100;
const revokedBit = 0x0080;
const protocolDnssec = 3;

/** The fields of a DNSKEY record (RFC 4034 §2). */
export interface IDnskey {
  readonly flags: number;
  readonly algorithm: number;
  readonly tag: number;
  /** The whole rdata. */
  readonly rdata: Buffer;
}

/** A DNSKEY that signatures can be checked with. */
export interface IZoneKey extends IDnskey {
  /**
   * Null when the algorithm is not supported or the key is malformed. Made when it is first read.
   */
  readonly publicKey: KeyObject | null;
}

class ZoneKey implements IZoneKey {
  readonly flags: number;
  readonly algorithm: number;
  readonly tag: number;
  readonly rdata: Buffer;
  private key: KeyObject | null | undefined;

  constructor(rdata: Buffer) {
    this.flags = rdata.readUInt16BE(0);
    this.algorithm = rdata.readUInt8(3);
    this.tag = keyTag(rdata);
    this.rdata = rdata;
  }

  get publicKey(): KeyObject | null {
    this.key ??= publicKeyOf(this.algorithm, this.rdata.subarray(4));
    return this.key;
  }
}

/**
 * Reads the rdata of a DNSKEY.
 *
 * @returns null when it is too short or not of protocol 3, when its zone key bit is not set, or
 *   when it is revoked (RFC 5011 §2.1): nothing may be verified with such a key.
 */
export function parseDnskey(rdata: Buffer): IZoneKey | null {
  if (rdata.length < 5 || rdata[2] !== protocolDnssec) return null;
  const flags = rdata.readUInt16BE(0);
  return (flags & zoneKeyBit) === 0 || (flags & revokedBit) !== 0 ? null : new ZoneKey(rdata);
}

/** The rdata of a DNSKEY. */
export function dnskeyRdata(flags: number, algorithm: number, publicKey: Buffer): Buffer {
  const head = Buffer.of(flags >> 8, flags & 0xff, protocolDnssec, algorithm);
  return Buffer.concat([head, publicKey]);
}

/** Key tag of a DNSKEY's rdata (RFC 4034 appendix B; algorithm 1 is not supported). */
export function keyTag(rdata: Buffer): number {
  let sum = 0;
  for (const [index, byte] of rdata.entries()) sum += index % 2 === 0 ? byte << 8 : byte;
  return (sum + (sum >>> 16)) & 0xffff;
}

const digests = new Map([
  [2, 'sha256'],
  [4, 'sha384'],
]);

/** Digest types of DS records: SHA-256 (RFC 4509) and SHA-384 (RFC 6605). */
export type TDsDigest = 2 | 4;

/** The fields of a DS record (RFC 4034 §5.1). */
export interface IDs {
  readonly keyTag: number;
  readonly algorithm: number;
  readonly digestType: number;
  readonly digest: Buffer;
}

/** Reads the rdata of a DS; null when it is too short, or the digest has not its type's length. */
export function parseDs(rdata: Buffer): IDs | null {
  if (rdata.length < 5) return null;
  const digestType = rdata.readUInt8(3);
  const digest = rdata.subarray(4);
  if (digestType === 2 && digest.length !== 32) return null;
  if (digestType === 4 && digest.length !== 48) return null;
  return { keyTag: rdata.readUInt16BE(0), algorithm: rdata.readUInt8(2), digestType, digest };
}

/** The rdata of the DS (and CDS) record of a key. */
export function dsRdata(owner: Buffer, dnskey: Buffer, digestType: TDsDigest = 2): Buffer {
  const tag = keyTag(dnskey);
  const head = Buffer.of(tag >> 8, tag & 0xff, dnskey[3] ?? 0, digestType);
  return Buffer.concat([head, digestOf(owner, dnskey, digestType)]);
}

/** Whether a DS is of this key; false for a digest type that is not supported. */
export function dsMatches(ds: IDs, owner: Buffer, key: IDnskey): boolean {
  if (ds.keyTag !== key.tag || ds.algorithm !== key.algorithm) return false;
  return digests.has(ds.digestType) && digestOf(owner, key.rdata, ds.digestType).equals(ds.digest);
}

/**
 * Whether a chain of trust can lead through this DS: its digest type and algorithm are supported.
 */
export function isUsableDs(ds: IDs): boolean {
  return digests.has(ds.digestType) && algorithmOf(ds.algorithm) !== undefined;
}

function digestOf(owner: Buffer, dnskey: Buffer, digestType: number): Buffer {
  const hash = createHash(digests.get(digestType) ?? 'sha256');
  return hash.update(lowerName(owner)).update(dnskey).digest();
}

/** CDS with which a zone asks its parent to remove the DS: `0 0 0 00` (RFC 8078 §4). */
export const cdsDelete: Buffer = Buffer.from('0000000000', 'hex');
/** CDNSKEY with which a zone asks its parent to remove the DS: `0 3 0 AA==` (RFC 8078 §4). */
export const cdnskeyDelete: Buffer = Buffer.from('0000030000', 'hex');

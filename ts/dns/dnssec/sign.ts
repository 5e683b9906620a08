import { lowerName } from '../codec/name.ts';
import { recordType } from '../codec/types.ts';
import type { IRrset } from '../zone/owner-data.ts';
import type { DnssecKey } from './key.ts';
import { rrsigHead, signedData, signedLabels } from './rrsig.ts';

/** From when to when a signature holds: seconds since the epoch. */
export interface IValidity {
  readonly inceptionS: number;
  readonly expirationS: number;
}

/**
 * Signs an rrset (RFC 4034 §3.1.8).
 *
 * A wildcard that is to be expanded is signed under its own owner, `*.…`; the answer then carries
 * the signature under the name that was asked for.
 *
 * @param zone its apex.
 * @returns the rdata of the RRSIG record, whose TTL is the rrset's.
 */
export function signRrset(
  rrset: IRrset,
  zone: Buffer,
  key: DnssecKey,
  { inceptionS, expirationS }: IValidity,
): Buffer {
  const labels = signedLabels(rrset.name);
  const head = rrsigHead({
    typeCovered: rrset.type,
    algorithm: key.algorithm,
    labels,
    originalTtl: rrset.ttl,
    expiration: expirationS,
    inception: inceptionS,
    keyTag: key.tag,
    signer: lowerName(zone),
  });
  return Buffer.concat([head, key.sign(signedData(head, rrset, labels, rrset.ttl))]);
}

/** Whether a type is signed with the keys that the DS points to: those that the parent reads. */
export function isEntryPointType(type: number): boolean {
  return type === recordType.DNSKEY || type === recordType.CDS || type === recordType.CDNSKEY;
}

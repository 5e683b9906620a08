import { extendedError, type IExtendedError } from '../codec/edns.ts';
import type { IRecord } from '../codec/message.ts';
import { lowerName, rootName } from '../codec/name.ts';
import { recordType } from '../codec/types.ts';
import { dsRdata, type IDs, type IZoneKey, parseDs } from './dnskey.ts';

import type { TVerifyFailure } from './verify.ts';

/** A key that is trusted as it is: RFC 4035 §4.4. */
export interface ITrustAnchor {
  /** Lower case. */
  readonly zone: Buffer;
  readonly ds: IDs;
}

/**
 * Makes trust anchors of DS and DNSKEY records.
 *
 * @throws TypeError for a record of another type, or a malformed one (a programmer's error).
 */
export function trustAnchorsOf(records: Iterable<IRecord>): ITrustAnchor[] {
  return Array.from(records, ({ name, type, rdata }) => {
    const isKey = type === recordType.DNSKEY;
    const ds =
      isKey || type === recordType.DS ? parseDs(isKey ? dsRdata(name, rdata) : rdata) : null;
    if (ds === null) throw new TypeError('A trust anchor is a DS or DNSKEY record');
    return { zone: lowerName(name), ds };
  });
}

/** The root's keys 20326 (KSK-2017) and 38696 (KSK-2024), as IANA publishes them. */
export const rootAnchors: readonly ITrustAnchor[] = [
  '4f660802e06d44b80b8f1d39a95c0b0d7c65d08458e880409bbc683457104237c7f8ec8d',
  '97280802683d2d0acb8c9b712a1948b27f741219298d0a450d612c483af444a4c0fb2b16',
].map((hex) => ({ zone: rootName, ds: parseDs(Buffer.from(hex, 'hex')) as IDs }));

const failureErrors: Record<TVerifyFailure, readonly [code: number, text: string]> = {
  unsigned: [extendedError.RRSIGS_MISSING, 'no signature covers it'],
  'wrong-signer': [extendedError.DNSSEC_BOGUS, 'it is signed by another zone'],
  expired: [extendedError.SIGNATURE_EXPIRED, 'its signature has expired'],
  'not-yet-valid': [extendedError.SIGNATURE_NOT_YET_VALID, 'its signature is not valid yet'],
  'expired-before-valid': [
    extendedError.SIGNATURE_EXPIRED_BEFORE_VALID,
    'its signature ends before it begins',
  ],
  'no-key': [extendedError.DNSKEY_MISSING, 'the key of its signature is missing'],
  unsupported: [extendedError.UNSUPPORTED_DNSKEY_ALGORITHM, 'its algorithm is not supported'],
  forged: [extendedError.DNSSEC_BOGUS, 'its signature is wrong'],
  budget: [extendedError.DNSSEC_BOGUS, 'it takes more work than is allowed'],
};

/** The extended error for an rrset, e.g. `www.example.org. A`, whose signatures do not hold. */
export function failureError(what: string, failure: TVerifyFailure): IExtendedError {
  const [code, text] = failureErrors[failure];
  return { code, text: `${what}: ${text}` };
}

/** What is known of a zone, or of a name at which none begins. */
export type TZoneTrust =
  | { readonly kind: 'secure'; readonly zone: Buffer; readonly keys: readonly IZoneKey[] }
  /** It is proven that there is no chain of trust to it. */
  | { readonly kind: 'insecure'; readonly error: IExtendedError | null }
  | { readonly kind: 'bogus'; readonly error: IExtendedError }
  /** No trust anchor is above it. */
  | { readonly kind: 'indeterminate'; readonly error: IExtendedError };

/** What is at a name, seen from the zone above. */
export type TStep = TZoneTrust | { readonly kind: 'no-cut' };

interface IEntry {
  readonly step: TStep;
  readonly endS: number;
}

/** Steps of chains of trust by name, for as long as their records may be kept. */
export class TrustCache {
  private readonly entriesMax: number;
  private readonly entries = new Map<string, IEntry>();

  constructor(entriesMax: number) {
    this.entriesMax = entriesMax;
  }

  /** Names that are kept. */
  get size(): number {
    return this.entries.size;
  }

  /** The step at a name. */
  get(key: string, nowS: number): TStep | undefined {
    const entry = this.entries.get(key);
    if (entry === undefined || nowS >= entry.endS) return undefined;
    // What is in use comes to the end of the order, so that it goes last.
    this.entries.delete(key);
    this.entries.set(key, entry);
    return entry.step;
  }

  /** Keeps a step. */
  set(key: string, step: TStep, endS: number): void {
    this.entries.delete(key);
    if (this.entries.size >= this.entriesMax) {
      const oldest = this.entries.keys().next().value;
      if (oldest !== undefined) this.entries.delete(oldest);
    }
    this.entries.set(key, { step, endS });
  }

  /** Forgets all. */
  clear(): void {
    this.entries.clear();
  }
}

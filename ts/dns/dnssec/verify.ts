import { isSubdomain, lastLabels, lowerName, wildcardOf } from '../codec/name.ts';
import { algorithmOf, verifyBytes } from './algorithm.ts';
import type { IZoneKey } from './dnskey.ts';
import type { ISignedRrset } from './rrset.ts';
import {
  type IRrsig,
  parseRrsig,
  rrsigHead,
  signedData,
  signedLabels,
  timeDifference,
} from './rrsig.ts';
import type { WorkBudget } from './work-budget.ts';

/** Why no signature of an rrset holds. */
export type TVerifyFailure =
  /** No RRSIG covers the rrset, or all are malformed. */
  | 'unsigned'
  /** It is signed, but in the name of another zone, or with too many labels. */
  | 'wrong-signer'
  | 'expired'
  | 'not-yet-valid'
  /** The expiration lies before the inception. */
  | 'expired-before-valid'
  /** The zone has no key with that tag and algorithm. */
  | 'no-key'
  /** All its signatures are of algorithms that are not supported. */
  | 'unsupported'
  | 'forged'
  /** The work that one question may cost was done before one was found. */
  | 'budget';

/** What the check of an rrset gave. */
export type TVerifyResult =
  | {
      readonly ok: true;
      readonly rrsig: IRrsig;
      /** The wildcard that the owner was expanded from; null when it was signed as it is. */
      readonly wildcard: Buffer | null;
      /** Seconds that the rrset may be kept: RFC 4035 §5.3.3. */
      readonly ttl: number;
    }
  | { readonly ok: false; readonly failure: TVerifyFailure };

/** What to check with. */
export interface IVerifyContext {
  /** Apex of the zone that the keys are of, lower case. */
  readonly zone: Buffer;
  readonly keys: readonly IZoneKey[];
  /** Seconds since the epoch. */
  readonly nowS: number;
  readonly budget: WorkBudget;
}

/** Signatures of one rrset that are looked at (KeyTrap, CVE-2023-50387). */
const signaturesMax = 8;
/** Keys with the same tag and algorithm that one signature is tried with. */
const keysPerTagMax = 2;

/** Later ones say more about what is wrong. */
const failureOrder: readonly TVerifyFailure[] = [
  'unsigned',
  'wrong-signer',
  'unsupported',
  'no-key',
  'expired-before-valid',
  'not-yet-valid',
  'expired',
  'forged',
  'budget',
];

/**
 * Checks the signatures of an rrset until one holds (RFC 4035 §5.3).
 *
 * With `wildcard`, the caller still has to see proof that no closer name exists.
 */
export function verifyRrset(rrset: ISignedRrset, context: IVerifyContext): TVerifyResult {
  let worst: TVerifyFailure = 'unsigned';
  for (const rdata of rrset.signatures.slice(0, signaturesMax)) {
    const rrsig = parseRrsig(rdata);
    if (rrsig === null || rrsig.typeCovered !== rrset.type) continue;
    const failure = failureOf(rrset, rrsig, context) ?? tryKeys(rrset, rrsig, context);
    if (failure === null) return accepted(rrset, rrsig, context.nowS);
    if (failureOrder.indexOf(failure) > failureOrder.indexOf(worst)) worst = failure;
    if (worst === 'budget') break;
  }
  return { ok: false, failure: worst };
}

/** What speaks against a signature before any cryptography. */
function failureOf(
  rrset: ISignedRrset,
  rrsig: IRrsig,
  context: IVerifyContext,
): TVerifyFailure | null {
  if (!rrsig.signer.equals(context.zone) || !isSubdomain(rrset.name, context.zone)) {
    return 'wrong-signer';
  }
  if (rrsig.labels > signedLabels(rrset.name)) return 'wrong-signer';
  // A wildcard stands in the zone, so that its labels are the zone's or more.
  if (rrsig.labels < signedLabels(context.zone)) return 'wrong-signer';
  if (algorithmOf(rrsig.algorithm) === undefined) return 'unsupported';
  if (timeDifference(rrsig.expiration, rrsig.inception) < 0) return 'expired-before-valid';
  if (timeDifference(rrsig.expiration, context.nowS) < 0) return 'expired';
  if (timeDifference(context.nowS, rrsig.inception) < 0) return 'not-yet-valid';
  return null;
}

function tryKeys(
  rrset: ISignedRrset,
  rrsig: IRrsig,
  { keys, budget }: IVerifyContext,
): TVerifyFailure | null {
  const { keyTag, algorithm } = rrsig;
  const entry = algorithmOf(algorithm);
  const fitting = keys.filter((key) => key.tag === keyTag && key.algorithm === algorithm);
  if (entry === undefined || fitting.length === 0) return 'no-key';

  let data: Buffer | undefined;
  for (const { publicKey } of fitting.slice(0, keysPerTagMax)) {
    if (publicKey === null) continue;
    if (!budget.take('verifications')) return 'budget';
    data ??= signedData(rrsigHead(rrsig), rrset, rrsig.labels, rrsig.originalTtl);
    if (verifyBytes(entry, publicKey, data, rrsig.signature)) return null;
    if (!budget.take('failures')) return 'budget';
  }
  return data === undefined ? 'no-key' : 'forged';
}

function accepted(rrset: ISignedRrset, rrsig: IRrsig, nowS: number): TVerifyResult {
  const isExpanded = signedLabels(rrset.name) > rrsig.labels;
  const wildcard = isExpanded ? wildcardOf(lastLabels(lowerName(rrset.name), rrsig.labels)) : null;
  const remaining = timeDifference(rrsig.expiration, nowS);
  return { ok: true, rrsig, wildcard, ttl: Math.min(rrset.ttl, rrsig.originalTtl, remaining) };
}

/**
 * DNSSEC, on Node's cryptography alone: keys and their rollover, signatures, denial of existence,
 * signing of our own zones and validation of others'.
 *
 * Nothing in it opens a socket: time, storage and queries are given to it. Signing and checking are
 * synchronous: a signature takes well below a millisecond, and what one question may cost is bounded.
 */
export { algorithmByName, algorithmOf, type IAlgorithm } from './algorithm.ts';
export {
  type IDenial,
  nsec3IterationsMax,
  proveCut,
  proveExpansion,
  proveNameError,
  proveNoData,
  type TCutProof,
  type TProof,
} from './denial.ts';
export {
  cdnskeyDelete,
  cdsDelete,
  dsMatches,
  dsRdata,
  entryPointFlags,
  type IDnskey,
  type IDs,
  type IZoneKey,
  keyTag,
  parseDnskey,
  parseDs,
  type TDsDigest,
  zoneKeyFlags,
} from './dnskey.ts';
export { DnssecKey, type IKeyInfo, KeyFormatError } from './key.ts';
export {
  type IKeyManagerOptions,
  type IKeyStore,
  type IManagedKeyInfo,
  type IStoredKey,
  type IStoredKeys,
  KeyManager,
} from './key-manager.ts';
export {
  defaultKeyPolicy,
  type IKeyLife,
  type IKeyPolicy,
  type TKeyRole,
  type TKeyState,
} from './key-schedule.ts';
export { type INsec, nextName, nsecRdata, parseNsec } from './nsec.ts';
export { type INsec3, type INsec3Params, nsec3Hash, parseNsec3, plainNsec3 } from './nsec3.ts';
export { canonicalRdatas, groupRecords, type ISignedRrset } from './rrset.ts';
export { type IRrsig, parseRrsig } from './rrsig.ts';
export { type IValidity, signRrset } from './sign.ts';
export { type ITrustAnchor, rootAnchors, trustAnchorsOf } from './trust.ts';
export {
  type IResponse,
  type IValidation,
  type IValidatorOptions,
  type TFetch,
  type TSecurity,
  Validator,
} from './validator.ts';
export { type TVerifyFailure, type TVerifyResult, verifyRrset } from './verify.ts';
export { type IWorkLimits, WorkBudget } from './work-budget.ts';
export {
  type ISignedAnswer,
  type ISignerOptions,
  type ISigningKeys,
  type TDenialMode,
  ZoneSigner,
} from './zone-signer.ts';

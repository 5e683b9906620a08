import type { ISignedAnswer } from '../dnssec/zone-signer.ts';
import type { TLookup } from '../zone/lookup.ts';
import type { IRrset } from '../zone/owner-data.ts';
import type { Zone } from '../zone/zone.ts';

/** Makes DNSSEC answers of what a zone says; `ZoneSigner` is one. */
export interface IAnswerSigner {
  /** Signs what the lookup of this name and type gave: see `ZoneSigner.respond`. */
  respond(zone: Zone, name: Buffer, type: number, found: TLookup): ISignedAnswer;
  /** The signatures of an rrset. @param wildcard owner that it was expanded from; null: none. */
  signaturesOf(rrset: IRrset, wildcard?: Buffer | null): IRrset;
}

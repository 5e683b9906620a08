import { recordType } from '../codec/types.ts';
import { negativeTtl } from '../dnssec/denier.ts';
import type { ISignedAnswer } from '../dnssec/zone-signer.ts';
import type { TLookup } from '../zone/lookup.ts';
import type { IRrset } from '../zone/owner-data.ts';
import type { Zone } from '../zone/zone.ts';
import { type IKeptChain, keptNsec } from './kept-nsec.ts';
import { KeptNsec3 } from './kept-nsec3.ts';
import type { IAnswerSigner } from './signer.ts';

/**
 * Answers from one version of a zone that somebody else has signed, with the signatures and the
 * chain that are in it: what a secondary of a signed zone needs. It signs nothing.
 *
 * What the zone lacks, e.g. a signature, is missing in the answer too; it never throws for that.
 */
export class PresignedSigner implements IAnswerSigner {
  private readonly zone: Zone;
  private readonly chain: IKeptChain;

  private constructor(zone: Zone, chain: IKeptChain) {
    this.zone = zone;
    this.chain = chain;
  }

  /**
   * The signer of a version.
   *
   * @param previous the signer of the version before, which is not to be asked any more: what it
   *   knows of the chain is taken over. @default none
   * @returns null when the zone is not signed: its SOA has no signature.
   */
  static of(zone: Zone, previous: IAnswerSigner | null = null): PresignedSigner | null {
    const apex = zone.node(zone.apex);
    if (apex?.signatures(recordType.SOA) === undefined) return null;
    if (apex.has(recordType.NSEC)) return new PresignedSigner(zone, keptNsec);
    const before = previous instanceof PresignedSigner ? previous.chain : null;
    if (before instanceof KeptNsec3 && before.leadsTo(zone)) {
      return new PresignedSigner(zone, before);
    }
    return new PresignedSigner(zone, new KeptNsec3(zone));
  }

  /** Does beforehand, with pauses, what the first negative answer would wait for. */
  *warm(): Generator<void, void> {
    if (this.chain instanceof KeptNsec3) yield* this.chain.warm(this.zone);
  }

  respond(zone: Zone, name: Buffer, type: number, found: TLookup): ISignedAnswer {
    const { chain } = this;
    switch (found.kind) {
      case 'answer':
        return this.positive(zone, name, type, found.rrsets, found.wildcard);
      case 'cname':
        return this.positive(zone, name, type, [found.rrset], found.wildcard);
      case 'dname':
        // Not `type`: who asks for RRSIG is led on, by a DNAME that is signed as ever.
        return this.positive(zone, name, recordType.DNAME, [found.rrset], null);
      case 'delegation': {
        const proof = found.ds === undefined ? chain.unsigned(zone, found.rrset.name) : [found.ds];
        return { ...nothing, authority: [found.rrset, ...this.withSignatures(proof)] };
      }
      case 'nodata':
        return { ...nothing, authority: this.negative(chain.nodata(zone, name, found)) };
      case 'nxdomain': {
        const authority = this.negative(chain.nxdomain(zone, name, found));
        return { ...nothing, authority, nxdomain: true, denied: true };
      }
    }
  }

  signaturesOf(rrset: IRrset, wildcard: Buffer | null = null): IRrset {
    const kept = this.zone.node(wildcard ?? rrset.name)?.signatures(rrset.type);
    // RFC 4034 §3: a signature has the TTL of what it covers.
    return { ...rrset, type: recordType.RRSIG, rdatas: kept?.rdatas ?? [] };
  }

  private positive(
    zone: Zone,
    name: Buffer,
    type: number,
    rrsets: readonly IRrset[],
    wildcard: Buffer | null,
  ): ISignedAnswer {
    const isAsked = type === recordType.RRSIG;
    const answer = rrsets
      .filter((rrset) => isAsked || rrset.type !== recordType.RRSIG)
      .flatMap((rrset) => (isAsked ? [rrset] : this.signed(rrset, wildcard)));
    if (wildcard === null) return { ...nothing, answer };
    return {
      ...nothing,
      answer,
      authority: this.withSignatures(this.chain.expansion(zone, name, wildcard)),
    };
  }

  private negative(proof: readonly IRrset[]): IRrset[] {
    const soa = this.zone.soa();
    const ttl = negativeTtl(this.zone);
    return [...this.signed({ ...soa, ttl }, null), ...this.withSignatures(proof)];
  }

  private withSignatures(rrsets: readonly IRrset[]): IRrset[] {
    return rrsets.flatMap((rrset) => this.signed(rrset, null));
  }

  private signed(rrset: IRrset, wildcard: Buffer | null): IRrset[] {
    const signatures = this.signaturesOf(rrset, wildcard);
    return signatures.rdatas.length === 0 ? [rrset] : [rrset, signatures];
  }
}

const nothing: ISignedAnswer = Object.freeze({
  answer: [],
  authority: [],
  nxdomain: false,
  denied: false,
  renewalS: Number.POSITIVE_INFINITY,
});

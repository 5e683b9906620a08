import { hash } from 'node:crypto';
import { type IClock, systemClock } from '../../core/clock.ts';
import { nameKey } from '../codec/name.ts';
import { recordType } from '../codec/types.ts';
import type { TLookup } from '../zone/lookup.ts';
import type { IRrset } from '../zone/owner-data.ts';
import type { IRrsetChange, Zone } from '../zone/zone.ts';
import { isCut, occluderOf, ownTypes, signedTypes } from './authority.ts';
import { type IDenier, negativeTtl } from './denier.ts';
import type { DnssecKey } from './key.ts';
import { compactDenier, nsecDenier } from './nsec-denier.ts';
import { type INsec3Params, plainNsec3 } from './nsec3.ts';
import { Nsec3Denier } from './nsec3-denier.ts';
import { isEntryPointType, signRrset } from './sign.ts';
import { type IKeptSignatures, SignatureCache } from './signature-cache.ts';

/** How a zone proves that something does not exist. */
export type TDenialMode =
  /** One record made for each question (RFC 9824); names cannot be listed. Transfers carry NSEC. */
  | 'compact'
  /** The chain of all names (RFC 4034), which anybody can walk. */
  | 'nsec'
  /** The chain of all hashes (RFC 5155). */
  | 'nsec3';

/** How a zone is signed. */
export interface ISignerOptions {
  /** @default 'compact' */
  readonly denial?: TDenialMode;
  /** Of the hashes of `nsec3`; RFC 9276 wants no other than the default. @default plainNsec3 */
  readonly nsec3?: INsec3Params;
  /** Seconds that a signature holds. @default 1209600, i.e. 14 days */
  readonly validityS?: number;
  /** Seconds before its end at which a signature is made anew. @default a third of `validityS` */
  readonly renewalS?: number;
  /**
   * Signatures end up to so many seconds earlier, spread by owner. @default a tenth of `validityS`
   */
  readonly jitterS?: number;
  /** Seconds that a signature begins in the past, for clocks that are behind. @default 3600 */
  readonly inceptionOffsetS?: number;
  /** Rrsets of the zone whose signatures are kept. @default 200000 */
  readonly cacheEntriesMax?: number;
  /** Rrsets made for questions whose signatures are kept. @default 10000 */
  readonly denialEntriesMax?: number;
  /** Parts of rrsets, drawn for answers, whose signatures are kept. @default 10000 */
  readonly partEntriesMax?: number;
}

/** The keys of a zone by what they do now. */
export interface ISigningKeys {
  /** All that are in the DNSKEY rrset. */
  readonly published: readonly DnssecKey[];
  /** Those that sign the zone's rrsets. */
  readonly zone: readonly DnssecKey[];
  /** Those that sign DNSKEY, CDS and CDNSKEY. */
  readonly entry: readonly DnssecKey[];
  /** Rdata of CDS and of CDNSKEY; none: the parent shall do nothing. */
  readonly cds: readonly Buffer[];
  readonly cdnskey: readonly Buffer[];
  /** Seconds. */
  readonly dnskeyTtlS: number;
}

/** The parts of an answer, each rrset followed by its signatures (rrsets of type RRSIG). */
export interface ISignedAnswer {
  readonly answer: readonly IRrset[];
  readonly authority: readonly IRrset[];
  /**
   * The rcode is NXDOMAIN. With compact denial it is not, unless the question had the flag CO
   * (RFC 9824 §5): `denied` says it then.
   */
  readonly nxdomain: boolean;
  /** The name does not exist. */
  readonly denied: boolean;
  /**
   * Seconds since the epoch from which one of its signatures is to be made anew: an encoded answer
   * may be kept until then, unless the zone or the keys change.
   */
  readonly renewalS: number;
}

const madeTypes: ReadonlySet<number> = new Set([recordType.NSEC, recordType.NSEC3]);

/**
 * Signs one zone while it is served.
 *
 * A version of the zone goes through `prepare` before it is served. Signatures are made when they
 * are needed first and kept; `renew` makes the ones anew that come to their end, before anybody has
 * to wait for it.
 */
export class ZoneSigner {
  /** Of the zone, in wire form and lower case. */
  readonly apex: Buffer;
  /** With every default. */
  readonly options: Required<ISignerOptions>;
  private keys: ISigningKeys;
  private changes = 0;
  private readonly clock: IClock;
  private readonly denier: IDenier;
  private readonly signatures: SignatureCache;
  private readonly made: SignatureCache;
  private readonly parts: SignatureCache;
  /** When the first of the signatures that were handed out for an answer is to be renewed. */
  private dueS = Number.POSITIVE_INFINITY;

  /** @param apex of the zone, in wire form and lower case. */
  constructor(
    apex: Buffer,
    keys: ISigningKeys,
    options: ISignerOptions = {},
    clock: IClock = systemClock,
  ) {
    const validityS = options.validityS ?? 14 * 86_400;
    this.options = {
      denial: 'compact',
      nsec3: plainNsec3,
      validityS,
      renewalS: Math.floor(validityS / 3),
      jitterS: Math.floor(validityS / 10),
      inceptionOffsetS: 3600,
      cacheEntriesMax: 200_000,
      denialEntriesMax: 10_000,
      partEntriesMax: 10_000,
      ...options,
    };
    this.apex = apex;
    this.keys = keys;
    this.clock = clock;
    this.denier = denierOf(this.options);
    this.signatures = new SignatureCache(this.options.cacheEntriesMax);
    this.made = new SignatureCache(this.options.denialEntriesMax);
    this.parts = new SignatureCache(this.options.partEntriesMax);
  }

  /** Signs with other keys from the next answer on; the zone has to go through `prepare` again. */
  setKeys(keys: ISigningKeys): void {
    const before = this.keys;
    this.keys = keys;
    this.changes++;
    if (!isSameSigners(before, keys)) this.forget();
  }

  /** What it signs with. Secret. */
  get signingKeys(): ISigningKeys {
    return this.keys;
  }

  /** Rises with every call of `setKeys`: whoever has a copy of the keys needs another one. */
  get revision(): number {
    return this.changes;
  }

  /** Makes every signature anew when it is needed, e.g. since the clock was wrong. */
  forget(): void {
    this.signatures.clear();
    this.made.clear();
    this.parts.clear();
  }

  /**
   * Does beforehand, with pauses, what the first negative answer of a version would wait for: the
   * chain of an `nsec3` zone.
   */
  *warm(zone: Zone): Generator<void, void> {
    yield* this.denier.warm?.(zone) ?? [];
  }

  /**
   * The version with DNSKEY, CDS, CDNSKEY and NSEC3PARAM at its apex, with the same serial. It is
   * the same object when all is there.
   */
  prepare(zone: Zone): Zone {
    return zone.replace(this.apexChanges(zone), { serial: 'keep' });
  }

  /**
   * Signs what a lookup in a prepared zone gave.
   *
   * Negative answers get the SOA, delegations DS or the proof that there is none, expanded
   * wildcards the proof that no closer name exists. The CNAME of a DNAME, the chase of aliases and
   * addresses are the caller's.
   *
   * @param name as it was asked for.
   */
  respond(zone: Zone, name: Buffer, type: number, found: TLookup): ISignedAnswer {
    this.dueS = Number.POSITIVE_INFINITY;
    const answer = this.partsOf(zone, name, type, found);
    return { ...answer, renewalS: this.dueS };
  }

  /**
   * The signatures of one rrset of the zone as an rrset of type RRSIG with the same owner and TTL.
   *
   * @param wildcard owner of the wildcard that the rrset was expanded from.
   */
  signaturesOf(rrset: IRrset, wildcard: Buffer | null = null): IRrset {
    const owner = wildcard === null || this.signsExpanded ? rrset.name : wildcard;
    const signed = { ...rrset, name: owner };
    const [cache, key] = this.placeOf(signed, wildcard);
    const nowS = this.nowS;
    const kept = cache.get(key, signed, nowS) ?? this.sign(cache, key, signed, nowS);
    this.dueS = Math.min(this.dueS, kept.renewalS);
    return { ...rrset, type: recordType.RRSIG, rdatas: kept.signatures };
  }

  /**
   * The whole zone with its signatures and chain, SOA first, in canonical order but for the records
   * of an NSEC3 chain, which come last. Each step of the generator signs one rrset.
   */
  *transfer(zone: Zone): Generator<IRrset, void> {
    const chain = this.denier.chain(zone);
    const isHashed = this.options.denial === 'nsec3';
    for (const node of zone.nodes()) {
      const key = zone.keyOf(node.name) ?? '';
      const isOccluded = occluderOf(zone, key) !== undefined;
      const signed = new Set(isOccluded ? [] : signedTypes(key, node));
      for (const rrset of node.rrsets()) {
        if (rrset.type === recordType.RRSIG || madeTypes.has(rrset.type)) continue;
        yield rrset;
        if (signed.has(rrset.type)) yield this.signaturesOf(rrset);
      }
      if (isHashed || isOccluded) continue;
      const next = chain.next();
      if (!next.done) yield* this.withSignatures([next.value]);
    }
    if (isHashed) for (const rrset of chain) yield* this.withSignatures([rrset]);
  }

  /**
   * Makes signatures anew that have come close to their end.
   *
   * @param max rrsets to sign at most: some ten thousand a second are possible, and nothing else
   *   runs.
   * @returns how many were signed; as many as `max`: call it again soon.
   */
  renew(max: number): number {
    let renewed = 0;
    for (const cache of [this.signatures, this.made, this.parts]) {
      for (const [key, rrset] of cache.due(this.nowS, max - renewed)) {
        this.sign(cache, key, rrset, this.nowS);
        renewed++;
      }
    }
    return renewed;
  }

  /**
   * Seconds after which a secondary must have fetched the zone again, lest its signatures expire:
   * the serial has to rise that often.
   */
  get transferIntervalS(): number {
    const { renewalS, jitterS } = this.options;
    return Math.max(1, renewalS - jitterS);
  }

  private get nowS(): number {
    return Math.floor(this.clock.now() / 1000);
  }

  /** Expanded records are signed under the name that was asked for. */
  private get signsExpanded(): boolean {
    return this.options.denial === 'compact';
  }

  private partsOf(zone: Zone, name: Buffer, type: number, found: TLookup): ISignedAnswer {
    switch (found.kind) {
      case 'answer':
        return this.positive(zone, name, found.rrsets, found.wildcard);
      case 'cname':
        return this.positive(zone, name, [found.rrset], found.wildcard);
      case 'dname':
        return this.positive(zone, name, [found.rrset], null);
      case 'delegation':
        return this.referral(zone, found.rrset, found.ds);
      case 'nodata': {
        const { wildcard } = found;
        const own = this.madeAnswer(zone, name, type, wildcard);
        if (own.length === 0) {
          const proof = this.denier.nodata(zone, name, found);
          return { ...nothing, authority: this.negative(zone, proof) };
        }
        const expanded = wildcard === null ? [] : this.denier.expansion(zone, name, wildcard);
        return { ...nothing, answer: own, authority: this.withSignatures(expanded) };
      }
      case 'nxdomain': {
        const proof = this.denier.nxdomain(zone, name, found);
        const isCompact = this.options.denial === 'compact';
        // The one record that such a name has: "there is none" would contradict its own types.
        if (isCompact && type === recordType.NSEC) {
          return { ...nothing, answer: this.withSignatures(proof), denied: true };
        }
        return {
          ...nothing,
          authority: this.negative(zone, proof),
          nxdomain: !isCompact,
          denied: true,
        };
      }
    }
  }

  private positive(
    zone: Zone,
    name: Buffer,
    rrsets: readonly IRrset[],
    wildcard: Buffer | null,
  ): ISignedAnswer {
    const key = zone.keyOf(wildcard ?? name) ?? '';
    const answer = rrsets
      .filter(({ type }) => type !== recordType.RRSIG && !madeTypes.has(type))
      .flatMap((rrset) => [rrset, ...this.ownSignatures(zone, key, rrset, wildcard)]);
    if (wildcard === null) return { ...nothing, answer };
    const proof = this.denier.expansion(zone, name, wildcard);
    return { ...nothing, answer, authority: this.withSignatures(proof) };
  }

  /** None for the NS of a delegation, which may be asked for together with its DS. */
  private ownSignatures(zone: Zone, key: string, rrset: IRrset, wildcard: Buffer | null): IRrset[] {
    const node = zone.nodeOf(key);
    const isForeign = node !== undefined && isCut(key, node) && rrset.type !== recordType.DS;
    return isForeign ? [] : [this.signaturesOf(rrset, wildcard)];
  }

  private referral(zone: Zone, rrset: IRrset, ds: IRrset | undefined): ISignedAnswer {
    const rrsets =
      ds === undefined ? this.denier.unsigned(zone, zone.keyOf(rrset.name) ?? '') : [ds];
    return { ...nothing, authority: [rrset, ...this.withSignatures(rrsets)] };
  }

  private negative(zone: Zone, proof: readonly IRrset[]): IRrset[] {
    const soa = zone.soa();
    const ttl = negativeTtl(zone);
    const signatures = this.signaturesOf(soa);
    return [{ ...soa, ttl }, { ...signatures, ttl }, ...this.withSignatures(proof)];
  }

  /**
   * What the zone holds only by being signed: an NSEC, or signatures that were asked for. The NSEC of a
   * wildcard is expanded as all that it has.
   */
  private madeAnswer(zone: Zone, name: Buffer, type: number, wildcard: Buffer | null): IRrset[] {
    const key = zone.keyOf(wildcard ?? name) ?? '';
    const node = zone.nodeOf(key);
    if (node === undefined || (wildcard !== null && type !== recordType.NSEC)) return [];
    if (type === recordType.NSEC && this.options.denial !== 'nsec3') {
      const own = this.signsExpanded ? name : (wildcard ?? name);
      const found = {
        kind: 'nodata',
        wildcard: this.signsExpanded ? wildcard : null,
        types: ownTypes(key, node),
        closestEncloser: name,
      } as const;
      return this.denier
        .nodata(zone, own, found)
        .map((nsec) => ({ ...nsec, name }))
        .flatMap((nsec) => [nsec, this.signaturesOf(nsec, wildcard)]);
    }
    const first = type === recordType.RRSIG ? signedTypes(key, node)[0] : undefined;
    const rrset = first === undefined ? undefined : node.rrset(first);
    // One rrset's are enough (RFC 8482 §4.1 has the same for ANY).
    return rrset === undefined ? [] : [this.signaturesOf({ ...rrset, name })];
  }

  private withSignatures(rrsets: readonly IRrset[]): IRrset[] {
    return rrsets.flatMap((rrset) => [rrset, this.signaturesOf(rrset)]);
  }

  /** Where its signatures are kept: of one rrset, each part that was drawn has its own. */
  private placeOf(rrset: IRrset, wildcard: Buffer | null): [SignatureCache, string] {
    const { type, name, rdatas, isPart } = rrset;
    const key = `${type}/${nameKey(name)}`;
    if (isPart === true) {
      return [this.parts, `${key}/${rdatas.map((rdata) => rdata.toString('latin1')).join('/')}`];
    }
    const isMade = madeTypes.has(type) || (wildcard !== null && this.signsExpanded);
    return [isMade ? this.made : this.signatures, key];
  }

  private sign(cache: SignatureCache, key: string, rrset: IRrset, nowS: number): IKeptSignatures {
    const { validityS, renewalS, jitterS, inceptionOffsetS } = this.options;
    const expirationS = nowS + validityS - jitterOf(key, jitterS);
    const validity = { inceptionS: nowS - inceptionOffsetS, expirationS };
    const signers = isEntryPointType(rrset.type) ? this.keys.entry : this.keys.zone;
    const signatures = signers.map((signer) => signRrset(rrset, this.apex, signer, validity));
    const kept = { rrset, signatures, renewalS: expirationS - renewalS };
    cache.set(key, kept);
    return kept;
  }

  private apexChanges(zone: Zone): IRrsetChange[] {
    const { published, cds, cdnskey, dnskeyTtlS } = this.keys;
    const name = zone.apex;
    const dnskey = published.map(({ rdata }) => rdata);
    return [
      { name, type: recordType.DNSKEY, ttl: dnskeyTtlS, rdatas: dnskey },
      { name, type: recordType.CDS, ttl: dnskeyTtlS, rdatas: cds },
      { name, type: recordType.CDNSKEY, ttl: dnskeyTtlS, rdatas: cdnskey },
      // RFC 5155 §4: the TTL does not matter, and 0 is usual.
      { name, type: recordType.NSEC3PARAM, ttl: 0, rdatas: this.denier.apex() },
    ];
  }
}

const nothing: ISignedAnswer = Object.freeze({
  answer: [],
  authority: [],
  nxdomain: false,
  denied: false,
  renewalS: Number.POSITIVE_INFINITY,
});

function denierOf({ denial, nsec3 }: Required<ISignerOptions>): IDenier {
  if (denial === 'nsec3') return new Nsec3Denier(nsec3);
  return denial === 'nsec' ? nsecDenier : compactDenier;
}

/** Spread by owner and type, and the same each time. */
function jitterOf(key: string, jitterS: number): number {
  return hash('sha1', key, 'buffer').readUInt32BE(0) % (jitterS + 1);
}

function isSameSigners(one: ISigningKeys, other: ISigningKeys): boolean {
  const tags = (keys: readonly DnssecKey[]) => keys.map(({ rdata }) => rdata.toString('latin1'));
  const all = ({ zone, entry }: ISigningKeys) => JSON.stringify([tags(zone), tags(entry)]);
  return all(one) === all(other);
}

import { extendedError, type IExtendedError } from '../codec/edns.ts';
import { equalNames, isSubdomain, nameKey, parentOf, type TName } from '../codec/name.ts';
import { rcode, recordClass, recordType } from '../codec/types.ts';
import { additionalFor } from '../zone/additional.ts';
import { type IAnswer, type ICname, type IDname, lookup, type TLookup } from '../zone/lookup.ts';
import type { IRrset } from '../zone/owner-data.ts';
import type { Zone } from '../zone/zone.ts';
import { type Draws, drawn, type TRandom } from './draws.ts';
import type { IAnswerSigner } from './signer.ts';
import type { IServedZone, ZoneSet } from './zone-set.ts';

/** What the zones say to a question, before it becomes a message. */
export interface ISections {
  readonly rcode: number;
  /** AA. */
  readonly authoritative: boolean;
  readonly answer: readonly IRrset[];
  readonly authority: readonly IRrset[];
  readonly additional: readonly IRrset[];
  /** So many of the first additional rrsets the client cannot do without (RFC 9471). */
  readonly additionalNeeded: number;
  /** Why, beyond the rcode; null: nothing to add. */
  readonly reason: IExtendedError | null;
  /** The one zone that all of it is from; null: none, or several, or the next answer may differ. */
  readonly served: IServedZone | null;
  /** Signatures are among it. */
  readonly signed: boolean;
  /** Where a resolver has to go on: an alias out of our zones, a delegated name; null: nowhere. */
  readonly leads: TName | null;
}

/** How the zones are asked. */
export interface ISectionOptions {
  /** DNSSEC records are wanted (DO). */
  readonly dnssec: boolean;
  /** For ANY one rrset is enough: RFC 8482 §4.1. */
  readonly minimalAny: boolean;
  /** Addresses only where they are needed: for delegations and with the NS of a zone. */
  readonly minimalResponses: boolean;
  /** For what is drawn. @default Math.random */
  readonly random?: TRandom;
}

/** Aliases that are followed for one question. */
export const aliasesMax = 16;

/** Types whose records exist only where signing makes them, with DO or without. */
const madeTypes: ReadonlySet<number> = new Set([recordType.RRSIG, recordType.NSEC]);

/**
 * Types that bring addresses along, as Knot has them. For those whose RFCs want it too but which nobody reads
 * (AFSDB, KX, NAPTR …) servers differ.
 */
const additionalTypes: ReadonlySet<number> = new Set([
  recordType.NS,
  recordType.MX,
  recordType.SRV,
  recordType.SVCB,
  recordType.HTTPS,
]);

/** Nothing lives, or nobody knows the addresses of an ALIAS. */
const unreachable: IExtendedError = { code: extendedError.NETWORK_ERROR, text: '' };
const notOurs: IExtendedError = { code: extendedError.NOT_AUTHORITATIVE, text: '' };
const absences: Readonly<Record<string, IExtendedError>> = {
  loading: { code: extendedError.NOT_READY, text: 'The zone is not loaded' },
  expired: { code: extendedError.INVALID_DATA, text: 'The zone has expired' },
};

/**
 * Answers a question of class IN from our zones: RFC 1034 §4.3.2, with aliases followed through
 * all of them. It never throws for what was asked.
 *
 * @param name in wire form, in any case.
 */
export function sectionsFor(
  zones: ZoneSet,
  name: TName,
  type: number,
  options: ISectionOptions,
): ISections {
  const served = zoneFor(zones, name, type);
  if (served === undefined) return refusal(rcode.REFUSED, notOurs);
  const { zone } = served;
  if (typeof zone === 'string') return refusal(rcode.SERVFAIL, absences[zone] ?? null);
  return new Chase(zones, type, options).follow(served, zone, name);
}

/**
 * The zone of ours that answers a question: DS belongs to the parent's side of a cut (RFC 4035
 * §3.1.4.1), when the parent is ours too.
 */
export function zoneFor(zones: ZoneSet, name: TName, type: number): IServedZone | undefined {
  const served = zones.closest(name);
  if (type !== recordType.DS || served === undefined) return served;
  const parent = equalNames(served.apex, name) ? parentOf(name) : null;
  return (parent === null ? undefined : zones.closest(parent)) ?? served;
}

function refusal(code: number, reason: IExtendedError | null): ISections {
  return { ...empty, rcode: code, reason };
}

const empty: ISections = Object.freeze({
  rcode: rcode.NOERROR,
  authoritative: false,
  answer: [],
  authority: [],
  additional: [],
  additionalNeeded: 0,
  reason: null,
  served: null,
  signed: false,
  leads: null,
});

/** One question on its way from alias to alias. */
class Chase {
  private readonly zones: ZoneSet;
  private readonly type: number;
  private readonly options: ISectionOptions;
  private readonly answer: IRrset[] = [];
  private readonly authority: IRrset[] = [];
  private readonly seen = new Set<string>();
  private served: IServedZone | null = null;
  private draws: Draws | null = null;
  private crossesZones = false;
  private hasDrawn = false;
  private signed = false;
  private leads: TName | null = null;

  constructor(zones: ZoneSet, type: number, options: ISectionOptions) {
    this.zones = zones;
    this.type = type;
    this.options = options;
  }

  follow(first: IServedZone, firstZone: Zone, question: TName): ISections {
    let [served, zone, name] = [first, firstZone, question];
    this.served = served;
    for (;;) {
      this.seen.add(nameKey(name));
      const found = lookup(zone, name, this.type);
      if (found === undefined) return this.finish(rcode.NOERROR);
      const signer = this.signerOf(served);
      this.draws = served.draws;
      if (this.draws?.isUnknown(name, this.type, found, signer !== null) === true) {
        return refusal(rcode.SERVFAIL, unreachable);
      }
      const target = this.step(zone, signer, name, found);
      if (typeof target === 'object' && !Buffer.isBuffer(target)) return target;
      const next = this.seen.size > aliasesMax ? undefined : zoneFor(this.zones, target, this.type);
      // Out of our zones, or around in a circle: the client goes on from here.
      if (next === undefined || typeof next.zone === 'string' || this.seen.has(nameKey(target))) {
        // What an absent zone lets us say differs from what it lets us say when it is back.
        if (typeof next?.zone === 'string') this.crossesZones = true;
        else if (next === undefined && this.seen.size <= aliasesMax) this.leads = target;
        return this.finish(rcode.NOERROR);
      }
      if (next !== served) this.crossesZones = true;
      [served, zone, name] = [next, next.zone, target];
    }
  }

  /** @returns the sections, or the alias to go on with. */
  private step(
    zone: Zone,
    signer: IAnswerSigner | null,
    name: TName,
    found: TLookup,
  ): ISections | TName {
    const wasEmpty = this.answer.length === 0;
    switch (found.kind) {
      case 'answer':
        return this.positive(zone, signer, name, found);
      case 'cname':
        this.add(zone, signer, name, found);
        return found.target;
      case 'dname': {
        this.add(zone, signer, name, found);
        if (found.target === null) return this.finish(rcode.YXDOMAIN);
        this.answer.push(aliasOf(found, name, found.target));
        return this.type === recordType.CNAME ? this.finish(rcode.NOERROR) : found.target;
      }
      case 'delegation': {
        this.leads = name;
        if (signer === null) this.authority.push(found.rrset);
        else this.authority.push(...signer.respond(zone, name, this.type, found).authority);
        return this.finish(rcode.NOERROR, !wasEmpty, ...this.glueOf(zone, signer, found.rrset));
      }
      default:
        return this.negative(zone, signer, name, found);
    }
  }

  private positive(
    zone: Zone,
    signer: IAnswerSigner | null,
    name: TName,
    found: IAnswer,
  ): ISections {
    const isMinimal = this.type === recordType.ANY && this.options.minimalAny;
    const one = isMinimal ? { ...found, rrsets: [chosen(found.rrsets)] as const } : found;
    this.add(zone, signer, name, one);
    const wanted = one.rrsets.filter(({ type }) => this.isAdded(type));
    const known = additionalFor(zone, wanted).filter((rrset) => !this.has(rrset));
    const ordered = new Map<IRrset, IRrset>();
    const { draws } = this;
    const additional =
      draws === null
        ? known
        : known.flatMap((rrset) => this.drawn(draws, ownerOf(zone, rrset), rrset, ordered) ?? []);
    const signatures =
      signer === null ? [] : additional.flatMap((rrset) => ownSignatures(zone, signer, rrset));
    return this.finish(rcode.NOERROR, true, [...inOrder(additional, ordered), ...signatures]);
  }

  private negative(
    zone: Zone,
    signer: IAnswerSigner | null,
    name: TName,
    found: TLookup,
  ): ISections {
    const plain = found.kind === 'nxdomain' ? rcode.NXDOMAIN : rcode.NOERROR;
    if (signer === null) {
      this.authority.push(negativeSoa(zone));
      return this.finish(plain);
    }
    const made = signer.respond(zone, name, this.type, found);
    // RRSIG and NSEC are there for whoever asks for them, other proofs only with DO.
    if (made.answer.length === 0 && !this.options.dnssec) {
      this.authority.push(negativeSoa(zone));
      return this.finish(plain);
    }
    this.answer.push(...made.answer);
    this.authority.push(...made.authority);
    return this.finish(made.nxdomain ? rcode.NXDOMAIN : rcode.NOERROR);
  }

  /** Adds an answer or an alias, with signatures and the proof of a wildcard. */
  private add(
    zone: Zone,
    signer: IAnswerSigner | null,
    name: TName,
    found: IAnswer | ICname | IDname,
  ): void {
    if (this.draws !== null && found.kind === 'answer') {
      this.addDrawn(this.draws, zone, signer, name, found);
      return;
    }
    if (signer === null) {
      this.answer.push(...(found.kind === 'answer' ? found.rrsets : [found.rrset]));
      return;
    }
    const made = signer.respond(zone, name, this.type, found);
    this.answer.push(...made.answer);
    this.authority.push(...made.authority);
  }

  /** The same, with those of the rrsets drawn that are: signed first, then put into their order. */
  private addDrawn(
    draws: Draws,
    zone: Zone,
    signer: IAnswerSigner | null,
    name: TName,
    found: IAnswer,
  ): void {
    const ordered = new Map<IRrset, IRrset>();
    const owner = found.wildcard ?? name;
    const rrsets = found.rrsets.flatMap((rrset) => this.drawn(draws, owner, rrset, ordered) ?? []);
    const [first, ...rest] = rrsets;
    if (signer === null || first === undefined) {
      this.answer.push(...inOrder(rrsets, ordered));
      return;
    }
    const made = signer.respond(zone, name, this.type, { ...found, rrsets: [first, ...rest] });
    this.answer.push(...inOrder(made.answer, ordered));
    this.authority.push(...made.authority);
  }

  /**
   * The rrset as it is signed for this answer; undefined: nothing of it may be said.
   *
   * @param ordered gets the order in which it is answered.
   */
  private drawn(
    draws: Draws,
    owner: TName,
    rrset: IRrset,
    ordered: Map<IRrset, IRrset>,
  ): IRrset | undefined {
    const draw = draws.find(owner, rrset.type);
    if (draw === undefined) return rrset;
    this.hasDrawn = true;
    if (draw.isFailed) return undefined;
    const { signed, answered } = drawn(rrset, draw, this.options.random ?? Math.random);
    ordered.set(signed, answered);
    return signed;
  }

  /** Addresses of the servers of a delegation; those below the cut come first and are needed. */
  private glueOf(zone: Zone, signer: IAnswerSigner | null, servers: IRrset): [IRrset[], number] {
    const all = additionalFor(zone, [servers]);
    const needed = all.filter(({ name }) => isSubdomain(name, servers.name));
    const others = all.filter((rrset) => !needed.includes(rrset));
    // Servers with a name outside of the delegation may be the zone's own.
    const signatures =
      signer === null ? [] : others.flatMap((rrset) => ownSignatures(zone, signer, rrset));
    return [[...needed, ...others, ...signatures], needed.length];
  }

  /** Whether the addresses of the names in records of the type come with them. */
  private isAdded(type: number): boolean {
    // Who asks for ANY asks about the name alone.
    if (this.type === recordType.ANY) return false;
    return this.options.minimalResponses ? type === recordType.NS : additionalTypes.has(type);
  }

  private has({ name, type }: IRrset): boolean {
    return this.answer.some((other) => other.type === type && equalNames(other.name, name));
  }

  private signerOf(served: IServedZone): IAnswerSigner | null {
    const isWanted = this.options.dnssec || madeTypes.has(this.type);
    const signer = isWanted ? served.signer : null;
    if (signer !== null) this.signed = true;
    return signer;
  }

  private finish(
    code: number,
    authoritative = true,
    additional: readonly IRrset[] = [],
    additionalNeeded = 0,
  ): ISections {
    const { signed, leads, type } = this;
    const served = this.crossesZones || this.hasDrawn ? null : this.served;
    // RFC 4035 §3.1: without DO only what was asked for by its type.
    const isPlain = signed && !this.options.dnssec;
    const answer = isPlain ? this.answer.filter(isPlainOr(type)) : this.answer;
    const authority = isPlain ? this.authority.filter(isPlainOr(null)) : this.authority;
    const others = isPlain ? additional.filter(isPlainOr(null)) : additional;
    const sections = { answer, authority, additional: others, additionalNeeded };
    return { rcode: code, authoritative, reason: null, ...sections, served, signed, leads };
  }
}

/** Of which a client without DO is told only when it asks for them. */
const dnssecTypes: ReadonlySet<number> = new Set([
  recordType.RRSIG,
  recordType.NSEC,
  recordType.NSEC3,
  recordType.DS,
]);

function isPlainOr(asked: number | null): (rrset: IRrset) => boolean {
  return ({ type }) => type === asked || !dnssecTypes.has(type);
}

/** One rrset of a name for ANY: not one that DNSSEC made, when there is another. */
function chosen(rrsets: readonly [IRrset, ...IRrset[]]): IRrset {
  return rrsets.find(({ type }) => !madeTypes.has(type)) ?? rrsets[0];
}

/** The CNAME that a DNAME makes for a name: RFC 6672 §3.1. */
function aliasOf({ rrset }: IDname, name: TName, target: TName): IRrset {
  const { ttl } = rrset;
  return { name, type: recordType.CNAME, class: recordClass.IN, ttl, rdatas: [target] };
}

/** The SOA with the TTL of RFC 2308 §3. */
function negativeSoa(zone: Zone): IRrset {
  const soa = zone.soa();
  const rdata = soa.rdatas[0] as Buffer;
  return { ...soa, ttl: Math.min(soa.ttl, rdata.readUInt32BE(rdata.length - 4)) };
}

function inOrder(rrsets: readonly IRrset[], ordered: ReadonlyMap<IRrset, IRrset>): IRrset[] {
  return rrsets.map((rrset) => ordered.get(rrset) ?? rrset);
}

/** The owner of an rrset in the zone: the wildcard that it was expanded from, or its own. */
function ownerOf(zone: Zone, { name, type }: IRrset): TName {
  if (zone.node(name) !== undefined) return name;
  const found = lookup(zone, name, type);
  return found?.kind === 'answer' ? (found.wildcard ?? name) : name;
}

/** RFC 4035 §3.1.1: signatures come along in the additional section; glue has none. */
function ownSignatures(zone: Zone, signer: IAnswerSigner, rrset: IRrset): IRrset[] {
  const found = lookup(zone, rrset.name, rrset.type);
  return found?.kind === 'answer' ? [signer.signaturesOf(rrset, found.wildcard)] : [];
}

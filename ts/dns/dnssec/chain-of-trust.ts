import type { IClock } from '../../core/clock.ts';
import { extendedError, type IExtendedError } from '../codec/edns.ts';
import type { IRecord } from '../codec/message.ts';
import {
  equalNames,
  formatName,
  isSubdomain,
  labelCount,
  lastLabels,
  lowerName,
  nameKey,
} from '../codec/name.ts';
import { recordType, recordTypeName } from '../codec/types.ts';
import { type IDenial, proveCut } from './denial.ts';
import { dsMatches, type IDs, type IZoneKey, isUsableDs, parseDnskey, parseDs } from './dnskey.ts';
import { type INsec, parseNsec } from './nsec.ts';
import { type INsec3, parseNsec3 } from './nsec3.ts';
import { groupRecords, type ISignedRrset } from './rrset.ts';
import {
  failureError,
  type ITrustAnchor,
  TrustCache,
  type TStep,
  type TZoneTrust,
} from './trust.ts';
import { type TVerifyFailure, type TVerifyResult, verifyRrset } from './verify.ts';
import type { WorkBudget } from './work-budget.ts';

/** What a question gave: the parts of the message that matter to a validator. */
export interface IResponse {
  readonly rcode: number;
  readonly answer: readonly IRecord[];
  readonly authority: readonly IRecord[];
}

/** Asks for the DS or DNSKEY records of a name, with DO set; null: no answer could be had. */
export type TFetch = (name: Buffer, type: number) => Promise<IResponse | null>;

/** What serves one validation. */
export interface IWork {
  readonly fetch: TFetch;
  readonly budget: WorkBudget;
}

/** NSEC and NSEC3 rrsets of one answer that are looked at. */
const denialsMax = 12;
/** Keys of a zone and DS records of a child that are looked at. */
const keysMax = 64;
const dsMax = 16;

/** Seconds that a step is kept at most. */
const secureS = 86_400;
const insecureS = 3600;
const bogusS = 30;

/** The zone keys that DS records vouch for, and how long. */
type TMade = { readonly step: TStep; readonly ttl: number };

/** Follows DS and DNSKEY records from the trust anchors down (RFC 4035 §5). */
export class ChainOfTrust {
  private readonly anchors: readonly ITrustAnchor[];
  private readonly clock: IClock;
  private readonly cache: TrustCache;

  constructor(anchors: readonly ITrustAnchor[], clock: IClock, entriesMax: number) {
    this.anchors = anchors;
    this.clock = clock;
    this.cache = new TrustCache(entriesMax);
  }

  /** Seconds since the epoch. */
  get nowS(): number {
    return Math.floor(this.clock.now() / 1000);
  }

  /** Forgets all keys and cuts. */
  clear(): void {
    this.cache.clear();
  }

  /**
   * The zone that a name is in, as far as its security is concerned: the deepest signed one, unless
   * the chain ends above it.
   *
   * @param signer a signature names it as its zone, so that one may begin there.
   */
  async zoneOf(name: Buffer, signer: boolean, work: IWork): Promise<TZoneTrust> {
    const target = lowerName(name);
    const apex = this.anchorAbove(target);
    if (apex === undefined) {
      const text = `no trust anchor is above ${formatName(target)}`;
      return { kind: 'indeterminate', error: { code: extendedError.DNSSEC_INDETERMINATE, text } };
    }
    let trust = await this.anchored(apex, work);
    for (let labels = labelCount(apex) + 1; labels <= labelCount(target); labels++) {
      if (trust.kind !== 'secure') return trust;
      const next = lastLabels(target, labels);
      const isKnown = this.cache.get(nameKey(next), this.nowS) !== undefined;
      if (signer && !isKnown && labels < labelCount(target)) {
        const direct = await this.tryDirect(trust, target, work);
        if (direct !== undefined) return direct;
      }
      const step = await this.step(trust, next, work);
      if (step.kind !== 'no-cut') trust = step;
    }
    return trust;
  }

  /** Checks an rrset with the keys of its zone. */
  verify(
    rrset: ISignedRrset,
    { zone, keys }: { zone: Buffer; keys: readonly IZoneKey[] },
    { budget }: IWork,
  ): TVerifyResult {
    return verifyRrset(rrset, { zone, keys, nowS: this.nowS, budget });
  }

  /** The NSEC and NSEC3 records among rrsets that the zone signed, and why others do not count. */
  denialOf(
    rrsets: readonly ISignedRrset[],
    trust: { zone: Buffer; keys: readonly IZoneKey[] },
    work: IWork,
  ): { denial: IDenial; ttl: number; error: IExtendedError | null } {
    const { zone } = trust;
    const nsecs: INsec[] = [];
    const nsec3s: INsec3[] = [];
    let ttl = Number.POSITIVE_INFINITY;
    let error: IExtendedError | null = null;
    for (const rrset of rrsets.filter(isDenial).slice(0, denialsMax)) {
      const result = this.verify(rrset, trust, work);
      if (!result.ok) {
        error = failureError(nameOf(rrset), result.failure);
        continue;
      }
      // A chain's record is at its own owner: one from a wildcard would speak for any name.
      if (result.wildcard !== null) continue;
      ttl = Math.min(ttl, result.ttl);
      const rdata = rrset.rdatas[0] as Buffer;
      const nsec = rrset.type === recordType.NSEC ? parseNsec(rrset.name, rdata) : null;
      const nsec3 = rrset.type === recordType.NSEC3 ? parseNsec3(rrset.name, rdata, zone) : null;
      if (nsec !== null && isSubdomain(nsec.next, zone)) nsecs.push(nsec);
      if (nsec3 !== null) nsec3s.push(nsec3);
    }
    return { denial: { zone, nsecs, nsec3s }, ttl, error };
  }

  /** The deepest zone with an anchor at or above a name. */
  private anchorAbove(name: Buffer): Buffer | undefined {
    const above = this.anchors.filter(({ zone }) => isSubdomain(name, zone));
    above.sort((one, other) => other.zone.length - one.zone.length);
    return above[0]?.zone;
  }

  private async anchored(apex: Buffer, work: IWork): Promise<TZoneTrust> {
    const key = `anchor ${nameKey(apex)}`;
    const known = this.cache.get(key, this.nowS);
    if (known !== undefined && known.kind !== 'no-cut') return known;
    const ofZone = this.anchors.filter(({ zone }) => equalNames(zone, apex));
    const made = await this.fromDs(
      apex,
      ofZone.map(({ ds }) => ds),
      secureS,
      work,
    );
    this.keep(key, made);
    return made.step.kind === 'no-cut' ? bogus(apex, 'no anchor') : made.step;
  }

  /**
   * From a zone to one that lies more than a label below, by the word of a signature. Undefined:
   * other zones may lie between, the labels have to be gone through.
   */
  private async tryDirect(
    parent: TZoneTrust & { kind: 'secure' },
    target: Buffer,
    work: IWork,
  ): Promise<TZoneTrust | undefined> {
    const known = this.cache.get(nameKey(target), this.nowS);
    if (known?.kind === 'secure') return known;
    if (known !== undefined) return undefined;
    const made = await this.stepFrom(parent, target, work);
    if (made.step.kind !== 'secure') return undefined;
    this.keep(nameKey(target), made);
    return made.step;
  }

  private async step(
    parent: TZoneTrust & { kind: 'secure' },
    child: Buffer,
    work: IWork,
  ): Promise<TStep> {
    const key = nameKey(child);
    const known = this.cache.get(key, this.nowS);
    if (known !== undefined) return known;
    const made = await this.stepFrom(parent, child, work);
    // What a spent budget gave says nothing about the next question.
    if (!work.budget.isSpent) this.keep(key, made);
    return made.step;
  }

  private keep(key: string, { step, ttl }: TMade): void {
    const most = { secure: secureS, insecure: insecureS, 'no-cut': insecureS };
    const max = step.kind in most ? most[step.kind as keyof typeof most] : bogusS;
    this.cache.set(key, step, this.nowS + Math.min(ttl, max));
  }

  private async stepFrom(
    parent: TZoneTrust & { kind: 'secure' },
    child: Buffer,
    work: IWork,
  ): Promise<TMade> {
    const response = await this.ask(child, recordType.DS, work);
    if (response === null) return { step: bogus(child, 'its DS cannot be had'), ttl: 0 };
    const answer = groupRecords(response.answer);
    const ds = find(answer, child, recordType.DS);
    if (ds !== undefined) return this.delegated(parent, ds, work);
    const alias = find(answer, child, recordType.CNAME);
    if (alias !== undefined) {
      const result = this.verify(alias, parent, work);
      if (result.ok) return { step: { kind: 'no-cut' }, ttl: result.ttl };
    }
    const redirect = answer.find(
      ({ name, type }) => type === recordType.DNAME && isSubdomain(child, name),
    );
    if (redirect !== undefined && !equalNames(redirect.name, child)) {
      const result = this.verify(redirect, parent, work);
      if (result.ok) return { step: { kind: 'no-cut' }, ttl: result.ttl };
    }
    return this.undelegated(parent, child, groupRecords(response.authority), work);
  }

  private async delegated(
    parent: TZoneTrust & { kind: 'secure' },
    ds: ISignedRrset,
    work: IWork,
  ): Promise<TMade> {
    const result = this.verify(ds, parent, work);
    if (!result.ok) return failed(ds, result.failure);
    if (result.wildcard !== null) return failed(ds, 'forged');
    const parsed = ds.rdatas.slice(0, dsMax).map(parseDs);
    const records = parsed.filter((record) => record !== null);
    return this.fromDs(ds.name, records, result.ttl, work);
  }

  private undelegated(
    parent: TZoneTrust & { kind: 'secure' },
    child: Buffer,
    authority: readonly ISignedRrset[],
    work: IWork,
  ): TMade {
    const { denial, ttl, error } = this.denialOf(authority, parent, work);
    const proof = proveCut(child, denial, work.budget);
    if (proof === 'no-cut') return { step: { kind: 'no-cut' }, ttl };
    if (proof === 'unsigned') return { step: { kind: 'insecure', error: null }, ttl };
    if (proof === 'iterations') return { step: insecureHashes(child), ttl };
    if (proof === 'budget') return { step: bogus(child, 'it takes too much work'), ttl: 0 };
    const missing = {
      code: extendedError.NSEC_MISSING,
      text: `${formatName(child)} DS: nothing proves that it is missing`,
    };
    return { step: { kind: 'bogus', error: error ?? missing }, ttl: bogusS };
  }

  /** The keys of a zone by the DS records that point to them (RFC 4035 §5.2). */
  private async fromDs(
    zone: Buffer,
    records: readonly IDs[],
    ttl: number,
    work: IWork,
  ): Promise<TMade> {
    const usable = records.filter(isUsableDs);
    if (usable.length === 0) return { step: unusable(zone, records), ttl };
    const response = await this.ask(zone, recordType.DNSKEY, work);
    if (response === null) return { step: bogus(zone, 'its keys cannot be had'), ttl: 0 };
    const rrset = find(groupRecords(response.answer), zone, recordType.DNSKEY);
    const parsed = rrset?.rdatas.slice(0, keysMax).map(parseDnskey) ?? [];
    const keys = parsed.filter((key) => key !== null);
    const vouched = keys.filter((key) => usable.some((ds) => dsMatches(ds, zone, key)));
    if (rrset === undefined || vouched.length === 0) {
      return { step: bogus(zone, 'no key fits its DS', extendedError.DNSKEY_MISSING), ttl: bogusS };
    }
    const apex = lowerName(zone);
    const result = this.verify(rrset, { zone: apex, keys: vouched }, work);
    if (!result.ok) return failed(rrset, result.failure);
    return { step: { kind: 'secure', zone: apex, keys }, ttl: Math.min(ttl, result.ttl) };
  }

  private async ask(
    name: Buffer,
    type: number,
    { fetch, budget }: IWork,
  ): Promise<IResponse | null> {
    return budget.take('fetches') ? fetch(name, type) : null;
  }
}

/** The rrset of a name and type. */
export function find(
  rrsets: readonly ISignedRrset[],
  name: Buffer,
  type: number,
): ISignedRrset | undefined {
  return rrsets.find((rrset) => rrset.type === type && equalNames(rrset.name, name));
}

/** An rrset for people: `www.example.org. A`. */
export function nameOf({ name, type }: { name: Buffer; type: number }): string {
  return `${formatName(name)} ${recordTypeName(type)}`;
}

/** Whether it is an NSEC or NSEC3. */
export function isDenial({ type }: { type: number }): boolean {
  return type === recordType.NSEC || type === recordType.NSEC3;
}

/** A zone whose hashes take too many rounds counts as unsigned. */
export function insecureHashes(name: Buffer): TZoneTrust & { kind: 'insecure' } {
  const text = `${formatName(name)}: its NSEC3 records have too many iterations`;
  return { kind: 'insecure', error: { code: extendedError.UNSUPPORTED_NSEC3_ITERATIONS, text } };
}

function bogus(
  name: Buffer,
  text: string,
  code: number = extendedError.DNSSEC_BOGUS,
): TZoneTrust & { kind: 'bogus' } {
  return { kind: 'bogus', error: { code, text: `${formatName(name)}: ${text}` } };
}

function failed(rrset: ISignedRrset, failure: TVerifyFailure): TMade {
  return { step: { kind: 'bogus', error: failureError(nameOf(rrset), failure) }, ttl: bogusS };
}

function unusable(zone: Buffer, records: readonly IDs[]): TZoneTrust {
  const isDigest = records.every(({ digestType }) => digestType !== 2 && digestType !== 4);
  const code = isDigest
    ? extendedError.UNSUPPORTED_DS_DIGEST
    : extendedError.UNSUPPORTED_DNSKEY_ALGORITHM;
  const text = `${formatName(zone)}: no DS has a supported algorithm and digest`;
  return { kind: 'insecure', error: { code, text } };
}

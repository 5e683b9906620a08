import { labelCount, lastLabels, lowerName, parentOf, wildcardOf } from '../codec/name.ts';
import { recordType } from '../codec/types.ts';
import { distinct } from '../dnssec/denier.ts';
import { type INsec3Params, nsec3Hash, nsec3Owner, parseNsec3 } from '../dnssec/nsec3.ts';
import type { INodata, INxdomain } from '../zone/lookup.ts';
import type { IRrset } from '../zone/owner-data.ts';
import { runSteps } from '../zone/steps.ts';
import type { Zone } from '../zone/zone.ts';
import type { IKeptChain } from './kept-nsec.ts';

/** Between two pauses as many owners are looked at. */
const ownersPerStep = 2000;

/**
 * The chain of NSEC3 records of a zone, as it was loaded (RFC 5155 §7.2), with opt-out or without.
 *
 * The first question that needs it looks at all owners for it (1,000,000 take about half a second);
 * the next version of the zone costs what has changed.
 */
export class KeptNsec3 implements IKeptChain {
  private zone: Zone;
  private readonly params: INsec3Params | null;
  /** Keys of the owners of NSEC3 records in order; null: nobody has asked yet. */
  private keys: string[] | null = null;

  constructor(zone: Zone) {
    this.zone = zone;
    this.params = paramsOf(zone);
  }

  /** Whether it can go on for another version: the names are hashed in the same way. */
  leadsTo(zone: Zone): boolean {
    const [ours, theirs] = [this.params, paramsOf(zone)];
    if (ours === null || theirs === null) return false;
    return ours.iterations === theirs.iterations && ours.salt.equals(theirs.salt);
  }

  nodata(zone: Zone, name: Buffer, { wildcard, closestEncloser }: INodata): IRrset[] {
    if (wildcard !== null) {
      return distinct([...this.enclosing(zone, name, closestEncloser), ...this.at(zone, wildcard)]);
    }
    const own = this.at(zone, name);
    // RFC 5155 §7.2.4: a delegation that opted out, or what is above none but such.
    return own.length > 0 ? own : this.provable(zone, name);
  }

  nxdomain(zone: Zone, name: Buffer, { closestEncloser }: INxdomain): IRrset[] {
    const encloser = this.provableEncloser(zone, closestEncloser);
    if (encloser === null) return [];
    return distinct([
      ...this.enclosing(zone, name, encloser),
      ...this.covering(zone, wildcardOf(encloser)),
    ]);
  }

  expansion(zone: Zone, name: Buffer, wildcard: Buffer): IRrset[] {
    return this.covering(zone, lastLabels(name, labelCount(wildcard)));
  }

  unsigned(zone: Zone, cut: Buffer): IRrset[] {
    const own = this.at(zone, cut);
    return own.length > 0 ? own : this.provable(zone, cut);
  }

  /** The name or its nearest ancestor that has a record: opt-out leaves out what is above none but its delegations. */
  private provableEncloser(zone: Zone, name: Buffer): Buffer | null {
    let encloser: Buffer | null = name;
    while (encloser !== null && this.at(zone, encloser).length === 0) {
      encloser = zone.keyOf(encloser) === '' ? null : parentOf(encloser);
    }
    return encloser;
  }

  /** RFC 5155 §7.2.1, when it is known which name encloses. */
  private enclosing(zone: Zone, name: Buffer, encloser: Buffer): IRrset[] {
    const own = this.at(zone, encloser);
    if (own.length === 0) return this.provable(zone, name);
    const nextCloser = lastLabels(name, labelCount(encloser) + 1);
    return [...own, ...this.covering(zone, nextCloser)];
  }

  /** The same from the nearest ancestor that has a record, as opt-out needs it. */
  private provable(zone: Zone, name: Buffer): IRrset[] {
    let nextCloser = lowerName(name);
    for (;;) {
      const encloser = zone.keyOf(nextCloser) === '' ? null : parentOf(nextCloser);
      if (encloser === null) return [];
      const own = this.at(zone, encloser);
      if (own.length > 0) return distinct([...own, ...this.covering(zone, nextCloser)]);
      nextCloser = encloser;
    }
  }

  private at(zone: Zone, name: Buffer): IRrset[] {
    const { params } = this;
    if (params === null) return [];
    const rrset = zone.rrset(nsec3Owner(nsec3Hash(name, params), zone.apex), recordType.NSEC3);
    return rrset === undefined ? [] : [rrset];
  }

  private covering(zone: Zone, name: Buffer): IRrset[] {
    const { params } = this;
    const keys = this.keysOf(zone);
    if (params === null || keys.length === 0) return [];
    const owner = nsec3Owner(nsec3Hash(name, params), zone.apex);
    const place = placeOf(keys, zone.keyOf(owner) ?? '');
    // What comes before the first is covered by the last.
    const key = keys[place === 0 ? keys.length - 1 : place - 1] as string;
    const rrset = zone.nodeOf(key)?.rrset(recordType.NSEC3);
    return rrset === undefined ? [] : [rrset];
  }

  /** Looks for the chain with pauses, before somebody has to wait for it. */
  *warm(zone: Zone): Generator<void, void> {
    const keys: string[] = [];
    let count = 0;
    for (const { key } of zone.tree.entries()) {
      if (this.isLink(zone, key)) keys.push(key);
      if (++count % ownersPerStep === 0) yield;
    }
    this.zone = zone;
    this.keys = keys;
  }

  private keysOf(zone: Zone): readonly string[] {
    if (this.keys === null) runSteps(this.warm(zone));
    const older = this.zone;
    this.zone = zone;
    if (this.keys === null) return [];
    if (older !== zone) {
      for (const { key } of zone.tree.differences(older.tree)) this.settle(this.keys, zone, key);
    }
    return this.keys;
  }

  private settle(keys: string[], zone: Zone, key: string): void {
    const place = placeOf(keys, key);
    const [isThere, shall] = [keys[place] === key, this.isLink(zone, key)];
    if (isThere !== shall) keys.splice(place, isThere ? 1 : 0, ...(shall ? [key] : []));
  }

  /** While a zone changes its salt it has two chains. */
  private isLink(zone: Zone, key: string): boolean {
    const { params } = this;
    const rrset = zone.nodeOf(key)?.rrset(recordType.NSEC3);
    if (params === null || rrset === undefined) return false;
    return rrset.rdatas.some((rdata) => {
      const salt = rdata.subarray(5, 5 + (rdata[4] as number));
      return rdata.readUInt16BE(2) === params.iterations && salt.equals(params.salt);
    });
  }
}

/** Index of the first key that is not below this one. */
function placeOf(keys: readonly string[], key: string): number {
  let [low, high] = [0, keys.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((keys[middle] as string) < key) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** How the names are hashed: RFC 5155 §4; null when the zone does not say so. */
function paramsOf(zone: Zone): INsec3Params | null {
  const rdatas = zone.rrset(zone.apex, recordType.NSEC3PARAM)?.rdatas ?? [];
  for (const rdata of rdatas) {
    const params = { iterations: rdata.readUInt16BE(2), salt: rdata.subarray(5) };
    const owner = nsec3Owner(nsec3Hash(zone.apex, params), zone.apex);
    // While the zone changes from one to another there may be several; only whole chains count.
    const own = zone.rrset(owner, recordType.NSEC3)?.rdatas ?? [];
    if (own.some((own) => parseNsec3(owner, own, zone.apex) !== null)) return params;
  }
  return null;
}

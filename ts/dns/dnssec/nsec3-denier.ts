import { labelCount, lastLabels, wildcardOf } from '../codec/name.ts';
import { recordType } from '../codec/types.ts';
import type { INodata, INxdomain } from '../zone/lookup.ts';
import type { IRrset } from '../zone/owner-data.ts';
import type { Zone } from '../zone/zone.ts';
import { ownTypes, signedTypes } from './authority.ts';
import { distinct, type IDenier, negativeTtl, singleRrset } from './denier.ts';
import { type INsec3Params, nsec3Hash, nsec3Owner, nsec3ParamRdata, nsec3Rdata } from './nsec3.ts';
import { type IHashedOwner, Nsec3Chain } from './nsec3-chain.ts';

/**
 * Denies with the zone's chain of NSEC3 records (RFC 5155 §7.2), without opt-out.
 *
 * It keeps the chain of the version that it was asked about last: the first question about a zone
 * hashes all its names, one after a change only those that the change touches.
 */
export class Nsec3Denier implements IDenier {
  private readonly params: INsec3Params;
  private current: Nsec3Chain | undefined;

  constructor(params: INsec3Params) {
    this.params = params;
  }

  nodata(zone: Zone, name: Buffer, { wildcard, closestEncloser }: INodata): IRrset[] {
    if (wildcard === null) return this.matching(zone, name);
    return distinct([
      ...this.enclosing(zone, name, closestEncloser),
      ...this.matching(zone, wildcard),
    ]);
  }

  nxdomain(zone: Zone, name: Buffer, { closestEncloser }: INxdomain): IRrset[] {
    return distinct([
      ...this.enclosing(zone, name, closestEncloser),
      this.covering(zone, wildcardOf(closestEncloser)),
    ]);
  }

  expansion(zone: Zone, name: Buffer, wildcard: Buffer): IRrset[] {
    return [this.covering(zone, lastLabels(name, labelCount(wildcard)))];
  }

  unsigned(zone: Zone, cut: string): IRrset[] {
    const chain = this.chainOf(zone);
    const entry = chain.match(chain.hashOf(cut));
    return entry === undefined ? [] : [this.record(zone, entry)];
  }

  *chain(zone: Zone): Generator<IRrset, void> {
    for (const entry of this.chainOf(zone).entries()) yield this.record(zone, entry);
  }

  *warm(zone: Zone): Generator<void, void> {
    if (this.current !== undefined) return;
    const chain = yield* Nsec3Chain.inSteps(zone, this.params);
    // A question may have been faster.
    this.current ??= chain;
  }

  apex(): Buffer[] {
    return [nsec3ParamRdata(this.params)];
  }

  /** RFC 5155 §7.2.1. */
  private enclosing(zone: Zone, name: Buffer, encloser: Buffer): IRrset[] {
    const nextCloser = lastLabels(name, labelCount(encloser) + 1);
    return [...this.matching(zone, encloser), this.covering(zone, nextCloser)];
  }

  private matching(zone: Zone, name: Buffer): IRrset[] {
    const entry = this.chainOf(zone).match(nsec3Hash(name, this.params));
    return entry === undefined ? [] : [this.record(zone, entry)];
  }

  private covering(zone: Zone, name: Buffer): IRrset {
    return this.record(zone, this.chainOf(zone).before(nsec3Hash(name, this.params)));
  }

  private record(zone: Zone, { hash, key }: IHashedOwner): IRrset {
    const next = this.chainOf(zone).after(hash).hash;
    const rdata = nsec3Rdata(this.params, next, typesAt(zone, key));
    return singleRrset(nsec3Owner(hash, zone.apex), recordType.NSEC3, negativeTtl(zone), rdata);
  }

  private chainOf(zone: Zone): Nsec3Chain {
    this.current ??= Nsec3Chain.of(zone, this.params);
    this.current.update(zone);
    return this.current;
  }
}

function typesAt(zone: Zone, key: string): number[] {
  const node = zone.nodeOf(key);
  if (node === undefined) return [];
  const isSigned = signedTypes(key, node).length > 0;
  return [...ownTypes(key, node), ...(isSigned ? [recordType.RRSIG] : [])];
}

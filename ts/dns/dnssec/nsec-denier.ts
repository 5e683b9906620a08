import { lowerName, wildcardOf } from '../codec/name.ts';
import { recordType } from '../codec/types.ts';
import type { INodata, INxdomain } from '../zone/lookup.ts';
import type { IRrset } from '../zone/owner-data.ts';
import { ownerName } from '../zone/owner-key.ts';
import type { Zone } from '../zone/zone.ts';
import { occluderOf, ownerAfter, ownerBefore, ownTypes } from './authority.ts';
import { distinct, type IDenier, negativeTtl, singleRrset } from './denier.ts';
import { nextName, nsecRdata } from './nsec.ts';

/**
 * Denies with the zone's chain of NSEC records (RFC 4035 §3.1.3): whoever asks on learns all names.
 */
export const nsecDenier: IDenier = {
  nodata(zone, name, { wildcard, types }) {
    if (wildcard === null) return [types.length > 0 ? at(zone, name) : covering(zone, name)];
    const ofWildcard = types.length > 0 ? at(zone, wildcard) : covering(zone, wildcard);
    return distinct([covering(zone, name), ofWildcard]);
  },
  nxdomain: (zone, name, { closestEncloser }) =>
    distinct([covering(zone, name), covering(zone, wildcardOf(closestEncloser))]),
  expansion: (zone, name) => [covering(zone, name)],
  unsigned: (zone, cut) => [recordAt(zone, cut)],
  *chain(zone) {
    let key = '';
    do {
      yield recordAt(zone, key);
      key = ownerAfter(zone, key);
    } while (key !== '');
  },
  apex: () => [],
};

function at(zone: Zone, name: Buffer): IRrset {
  return recordAt(zone, zone.keyOf(name) ?? '');
}

function covering(zone: Zone, name: Buffer): IRrset {
  return recordAt(zone, ownerBefore(zone, zone.keyOf(name) ?? ''));
}

function recordAt(zone: Zone, key: string): IRrset {
  const next = ownerName(ownerAfter(zone, key), zone.apex);
  const rdata = nsecRdata(next, typesAt(zone, key));
  return singleRrset(ownerName(key, zone.apex), recordType.NSEC, negativeTtl(zone), rdata);
}

function typesAt(zone: Zone, key: string): number[] {
  const node = zone.nodeOf(key);
  return [...(node === undefined ? [] : ownTypes(key, node)), recordType.RRSIG, recordType.NSEC];
}

/**
 * Denies with one record made for the question (RFC 9824): the name exists, it only has none of the
 * types. Nobody learns other names, and an answer needs one signature. The rcode of a name that
 * does not exist is NOERROR then, and NXNAME among its types tells it.
 */
export const compactDenier: IDenier = {
  nodata: (zone, name, found) => [nodataRecord(zone, name, found)],
  nxdomain: (zone, name, _found: INxdomain) => [compactRecord(zone, name, [recordType.NXNAME])],
  // The signature is made for the expanded name, which thereby exists.
  expansion: () => [],
  unsigned: (zone, cut) => [compactRecord(zone, ownerName(cut, zone.apex), cutTypes(zone, cut))],
  chain: nsecDenier.chain,
  apex: () => [],
};

function nodataRecord(zone: Zone, name: Buffer, { wildcard }: INodata): IRrset {
  const key = zone.keyOf(wildcard ?? name) ?? '';
  return compactRecord(zone, name, cutTypes(zone, key));
}

function cutTypes(zone: Zone, key: string): number[] {
  const node = occluderOf(zone, key) === undefined ? zone.nodeOf(key) : undefined;
  return node === undefined ? [] : ownTypes(key, node);
}

function compactRecord(zone: Zone, name: Buffer, types: readonly number[]): IRrset {
  const owner = lowerName(name);
  const all = [...types, recordType.RRSIG, recordType.NSEC];
  const rdata = nsecRdata(nextName(owner), all);
  return singleRrset(owner, recordType.NSEC, negativeTtl(zone), rdata);
}

import { soaMinimumS } from '../codec/soa.ts';
import { recordClass } from '../codec/types.ts';
import type { INodata, INxdomain } from '../zone/lookup.ts';
import type { IRrset } from '../zone/owner-data.ts';
import type { Zone } from '../zone/zone.ts';

/**
 * Makes the records by which a zone proves that something does not exist; the caller signs them.
 *
 * Names are in wire form; records for names that were asked for bear them in lower case.
 */
export interface IDenier {
  /** The name exists without the type, or a wildcard does in its place. */
  nodata(zone: Zone, name: Buffer, found: INodata): IRrset[];
  /** Neither the name nor a wildcard exists. */
  nxdomain(zone: Zone, name: Buffer, found: INxdomain): IRrset[];
  /** The name does not exist, so that the wildcard stands in for it. */
  expansion(zone: Zone, name: Buffer, wildcard: Buffer): IRrset[];
  /** The child at this cut is not signed. @param cut key of the delegation. */
  unsigned(zone: Zone, cut: string): IRrset[];
  /** All records of the zone's chain in order, for transfers. */
  chain(zone: Zone): Generator<IRrset, void>;
  /** What belongs to the apex, beyond keys, so that others know how the zone denies. */
  apex(): IRrset['rdatas'];
  /** Does beforehand, with pauses, what the first denial would wait for; absent: nothing. */
  warm?(zone: Zone): Generator<void, void>;
}

/** One record as an rrset. */
export function singleRrset(name: Buffer, type: number, ttl: number, rdata: Buffer): IRrset {
  return { name, type, class: recordClass.IN, ttl, rdatas: [rdata] };
}

/** Seconds that a negative answer may be kept: RFC 2308 §5, RFC 9077 §3.2. */
export function negativeTtl(zone: Zone): number {
  const { ttl, rdatas } = zone.soa();
  return Math.min(ttl, soaMinimumS(rdatas[0] as Buffer));
}

/** Leaves out what came before. */
export function distinct(rrsets: readonly IRrset[]): IRrset[] {
  return rrsets.filter(
    ({ name }, index) => rrsets.findIndex((other) => other.name.equals(name)) === index,
  );
}

import type { IRecord } from '../codec/message.ts';
import { recordType } from '../codec/types.ts';
import { ZoneSigner } from '../dnssec/zone-signer.ts';
import type { IRrset } from '../zone/owner-data.ts';
import { compareSerials } from '../zone/serial.ts';
import type { Zone } from '../zone/zone.ts';
import type { IServedVersion } from '../zones/types.ts';

/**
 * All records of a version as a transfer has them: the SOA, all others, the SOA again (RFC 5936
 * §2.2), with signatures and chain where we sign it.
 */
export function* wholeZone({ zone, signer }: IServedVersion): Generator<IRecord, void> {
  const rrsets = signer instanceof ZoneSigner ? signer.transfer(zone) : zone.rrsets();
  for (const rrset of rrsets) yield* recordsOf(rrset);
  yield soaRecord(zone);
}

/** The SOA as a record. */
export function soaRecord(zone: Zone): IRecord {
  const [soa] = recordsOf(zone.soa());
  return soa as IRecord;
}

/**
 * Finds the version that a client of an IXFR has.
 *
 * @returns `current` when it needs nothing; null when we do not know its version any more.
 */
export function versionOf(
  current: Zone,
  history: readonly Zone[],
  serial: number,
): Zone | 'current' | null {
  const order = compareSerials(serial, current.serial);
  // RFC 1995 §2: also who is ahead of us is told our serial, and decides.
  if (order === 0 || order === 1) return 'current';
  return history.find((zone) => zone !== current && zone.serial === serial) ?? null;
}

/**
 * The changes between two versions as one difference (RFC 1995 §4, condensed as §5 allows): the SOA,
 * the old SOA, what went, the SOA, what came, the SOA.
 *
 * It pauses at each rrset that differs: see `runStepsGently`.
 *
 * @returns null when the whole zone is not more.
 */
export function* changesSince(
  older: Zone,
  current: Zone,
): Generator<void, readonly IRecord[] | null> {
  const gone: IRecord[] = [];
  const come: IRecord[] = [];
  for (const change of current.differences(older)) {
    const { old, new: fresh } = change;
    if ((old ?? fresh)?.type === recordType.SOA) continue;
    const isSameTtl = old?.ttl === fresh?.ttl;
    gone.push(...recordsOf(old).filter(({ rdata }) => !isSameTtl || !has(fresh, rdata)));
    come.push(...recordsOf(fresh).filter(({ rdata }) => !isSameTtl || !has(old, rdata)));
    if (gone.length + come.length >= current.recordCount) return null;
    yield;
  }
  const soa = soaRecord(current);
  return [soa, soaRecord(older), ...gone, soa, ...come, soa];
}

function has(rrset: IRrset | undefined, rdata: Buffer): boolean {
  return rrset?.rdatas.some((other) => other.equals(rdata)) === true;
}

function recordsOf(rrset: IRrset | undefined): IRecord[] {
  if (rrset === undefined) return [];
  const { name, type, class: classNumber, ttl, rdatas } = rrset;
  return rdatas.map((rdata) => ({ name, type, class: classNumber, ttl, rdata }));
}

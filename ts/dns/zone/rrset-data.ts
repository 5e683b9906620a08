import { rdataCodec } from '../codec/rdata.ts';
import { recordType } from '../codec/types.ts';
import { coveredType, type IRrsetData } from './owner-data.ts';

/** Types that may stand beside a CNAME: RFC 4034 §3 and §4, RFC 2181 §10.1, RFC 3007. */
const besideCname: ReadonlySet<number> = new Set([
  recordType.CNAME,
  recordType.SIG,
  recordType.KEY,
  recordType.NXT,
  recordType.RRSIG,
  recordType.NSEC,
]);

/** Types of which an owner has one record at most: RFC 2181 §10.1, RFC 6672 §2.4, RFC 1035. */
const singles: ReadonlySet<number> = new Set([
  recordType.CNAME,
  recordType.DNAME,
  recordType.SOA,
  recordType.ALIAS,
]);

/**
 * Rdata in canonical order (RFC 4034 §6.3) without duplicates, each as it was written. Records
 * that differ only in the case of a name that DNSSEC lowers are duplicates: the first stays.
 */
export function sortRdatas(type: number, rdatas: readonly Buffer[]): readonly Buffer[] {
  if (rdatas.length < 2) return rdatas;
  const { canonical } = rdataCodec(type);
  const pairs = rdatas.map((rdata) => ({ rdata, form: canonical(rdata) }));
  pairs.sort((first, second) => first.form.compare(second.form));
  return pairs
    .filter(({ form }, index) => index === 0 || !form.equals((pairs[index - 1] as IPair).form))
    .map(({ rdata }) => rdata);
}

interface IPair {
  readonly form: Buffer;
}

/** As a zone keeps them: sorted, and signatures apart by the type that they cover. */
export function normalRrsets({ type, ttl, rdatas }: IRrsetData): IRrsetData[] {
  if (type !== recordType.RRSIG) return [{ type, ttl, rdatas: sortRdatas(type, rdatas) }];
  const parts = Map.groupBy(rdatas, (rdata) => coveredType({ type, rdatas: [rdata] }));
  return [...parts.values()].map((part) => ({ type, ttl, rdatas: sortRdatas(type, part) }));
}

/** Something that must not be at an owner, by the type to blame. */
export interface IConflict {
  readonly type: number;
  readonly message: string;
  /** The type is not there, but must be. */
  readonly isMissing?: boolean;
}

/** What is wrong with the rrsets of one owner, taken together. */
export function conflictsOf(rrsets: readonly IRrsetData[], isApex: boolean): IConflict[] {
  const conflicts: IConflict[] = [];
  const types = new Set(rrsets.map(({ type }) => type));
  for (const { type, rdatas } of rrsets) {
    if (singles.has(type) && rdatas.length > 1) {
      conflicts.push({ type, message: `Expected one record of this type, found ${rdatas.length}` });
    }
  }
  const other = [...types].find((type) => !besideCname.has(type));
  if (types.has(recordType.CNAME) && other !== undefined) {
    const message = 'A CNAME must be the only record of its name (RFC 1034 §3.6.2)';
    conflicts.push({ type: recordType.CNAME, message });
  }
  if (types.has(recordType.SOA) && !isApex) {
    conflicts.push({ type: recordType.SOA, message: 'A SOA belongs at the apex of the zone' });
  }
  if (isApex) {
    for (const [type, name] of [
      [recordType.SOA, 'SOA'],
      [recordType.NS, 'NS'],
    ] as const) {
      if (!types.has(type))
        conflicts.push({ type, message: `The zone has no ${name} record`, isMissing: true });
    }
  }
  return conflicts;
}

import type { IRecord } from '../codec/message.ts';
import { equalNames, isSubdomain } from '../codec/name.ts';
import { rdataCodec } from '../codec/rdata.ts';
import { isMetaType, rcode, recordClass, recordType } from '../codec/types.ts';
import { compareSerials } from '../zone/serial.ts';
import type { IUpdateGrant } from './update-policy.ts';
import { dataKey, type IZoneContent, type ZoneDraft } from './zone-draft.ts';

/** Types of which a name has one record: a further one takes its place (RFC 2136 §3.4.2.2). */
const singles: ReadonlySet<number> = new Set([
  recordType.CNAME,
  recordType.DNAME,
  recordType.SOA,
  recordType.ALIAS,
]);

/** Types that may be beside a CNAME: RFC 4034 §3 and §4, RFC 3007. */
const besideCname: ReadonlySet<number> = new Set([
  recordType.SIG,
  recordType.KEY,
  recordType.NXT,
  recordType.RRSIG,
  recordType.NSEC,
]);

/** Address and protocol of a WKS, which tell two of them apart. */
const wksHeadBytes = 5;
/** Bytes of a SOA behind its names, of which the serial is the first. */
const soaNumbersBytes = 20;

/**
 * Whether the records of an update are well-formed and their client may change all of them: RFC
 * 2136 §3.4.1 and §3.3, with the rules record by record.
 *
 * @returns `rcode.NOERROR`, or FORMERR, NOTZONE, REFUSED.
 */
export function scanUpdates(
  content: IZoneContent,
  records: readonly IRecord[],
  grant: IUpdateGrant,
): number {
  for (const record of records) {
    if (!isSubdomain(record.name, content.apex)) return rcode.NOTZONE;
    if (!isWellFormed(record)) return rcode.FORMERR;
  }
  return records.every((record) => isAllowed(content, record, grant))
    ? rcode.NOERROR
    : rcode.REFUSED;
}

function isWellFormed({ type, class: classNumber, ttl, rdata }: IRecord): boolean {
  switch (classNumber) {
    case recordClass.IN:
      return !isMetaType(type);
    case recordClass.ANY:
      return ttl === 0 && rdata.length === 0 && (type === recordType.ANY || !isMetaType(type));
    case recordClass.NONE:
      return ttl === 0 && !isMetaType(type) && rdataCodec(type).check(rdata);
    default:
      return false;
  }
}

/** To take a name away is to take all its types away. */
function isAllowed(content: IZoneContent, { name, type }: IRecord, grant: IUpdateGrant): boolean {
  if (type !== recordType.ANY) return grant.allows(name, type);
  const types = content.types(name).filter((own) => !staysAtApex(content, name, own));
  // Of a name without records nothing is taken, but only who may change it learns that.
  return types.length === 0 ? grant.touches(name) : types.every((own) => grant.allows(name, own));
}

/** Makes the changes, one after the other: RFC 2136 §3.4.2. What is to be ignored is. */
export function applyUpdates(draft: ZoneDraft, records: readonly IRecord[]): void {
  for (const record of records) {
    const { name, type, class: classNumber } = record;
    if (classNumber === recordClass.IN) add(draft, record);
    else if (classNumber === recordClass.NONE) removeRecord(draft, record);
    else if (type === recordType.ANY) removeName(draft, name);
    else if (!staysAtApex(draft, name, type)) draft.set(name, type, 0, []);
  }
}

/** §3.4.2.2. */
function add(draft: ZoneDraft, { name, type, ttl, rdata }: IRecord): void {
  const others = draft.types(name).filter((other) => other !== type && !besideCname.has(other));
  if (type === recordType.CNAME && others.length > 0) return;
  if (others.includes(recordType.CNAME) && !besideCname.has(type)) return;
  const before = draft.rrset(name, type);
  if (type === recordType.SOA) {
    const old = before?.rdatas[0];
    if (old === undefined || isOlder(rdata, old)) return;
  }
  const kept = singles.has(type)
    ? []
    : (before?.rdatas ?? []).filter((other) => !isReplaced(type, other, rdata));
  draft.set(name, type, ttl, [...kept, rdata]);
}

function isOlder(soa: Buffer, than: Buffer): boolean {
  const [one, other] = [soa, than].map((data) => data.readUInt32BE(data.length - soaNumbersBytes));
  const order = compareSerials(one as number, other as number);
  return order === -1 || order === undefined;
}

function isReplaced(type: number, old: Buffer, rdata: Buffer): boolean {
  if (type === recordType.WKS) {
    return old.subarray(0, wksHeadBytes).equals(rdata.subarray(0, wksHeadBytes));
  }
  return dataKey(type, old) === dataKey(type, rdata);
}

/** §3.4.2.3: the apex keeps its SOA and NS. */
function removeName(draft: ZoneDraft, name: Buffer): void {
  for (const type of draft.types(name)) {
    if (!staysAtApex(draft, name, type)) draft.set(name, type, 0, []);
  }
}

/** §3.4.2.4: no SOA is removed, and not the last NS of the apex. */
function removeRecord(draft: ZoneDraft, { name, type, rdata }: IRecord): void {
  const before = draft.rrset(name, type);
  if (before === undefined || type === recordType.SOA) return;
  const key = dataKey(type, rdata);
  const kept = before.rdatas.filter((other) => dataKey(type, other) !== key);
  if (kept.length === before.rdatas.length) return;
  if (kept.length === 0 && staysAtApex(draft, name, type)) return;
  draft.set(name, type, before.ttl, kept);
}

function staysAtApex({ apex }: IZoneContent, name: Buffer, type: number): boolean {
  return (type === recordType.SOA || type === recordType.NS) && equalNames(name, apex);
}

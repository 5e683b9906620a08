import type { IRecord } from '../codec/message.ts';
import { equalNames, isSubdomain } from '../codec/name.ts';
import { rdataCodec } from '../codec/rdata.ts';
import { soaSerial } from '../codec/soa.ts';
import { isMetaType, rcode, recordClass, recordType } from '../codec/types.ts';
import { compareSerials } from '../zone/serial.ts';
import { rdataKey, setKey } from '../zones/record-set.ts';
import type { IUpdateGrant } from './update-policy.ts';
import type { IZoneContent, ZoneDraft } from './zone-draft.ts';

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
  return areAllowed(content, records, grant) ? rcode.NOERROR : rcode.REFUSED;
}

/** Of many records of one name and type the first tells of all. */
function areAllowed(
  content: IZoneContent,
  records: readonly IRecord[],
  grant: IUpdateGrant,
): boolean {
  const seen = new Set<string>();
  return records.every((record) => {
    const key = setKey(record.name, record.type);
    if (seen.has(key)) return true;
    seen.add(key);
    return isAllowed(content, record, grant);
  });
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
  const types = [...content.types(name)].filter((own) => !staysAtApex(content, name, own));
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
    else if (!staysAtApex(draft, name, type)) draft.clear(name, type);
  }
}

/** §3.4.2.2. */
function add(draft: ZoneDraft, { name, type, ttl, rdata }: IRecord): void {
  const { CNAME, SOA, WKS } = recordType;
  if (type === CNAME ? hasMore(draft.types(name)) : !fitsBesideCname(draft, name, type)) return;
  if (type === SOA) {
    const [old] = draft.rrset(name, type)?.rdatas ?? [];
    if (old === undefined || isOlder(rdata, old)) return;
  }
  if (singles.has(type)) draft.clear(name, type);
  if (type === WKS) removeReplaced(draft, name, rdata);
  draft.add(name, type, ttl, rdata);
}

/** Whether a name has what no CNAME may be beside. */
function hasMore(types: ReadonlySet<number>): boolean {
  // Those that may be beside one are few: this ends soon.
  for (const type of types) if (type !== recordType.CNAME && !besideCname.has(type)) return true;
  return false;
}

function fitsBesideCname(draft: ZoneDraft, name: Buffer, type: number): boolean {
  return besideCname.has(type) || !draft.has(name, recordType.CNAME);
}

/** A WKS takes the place of that of the same address and protocol. */
function removeReplaced(draft: ZoneDraft, name: Buffer, rdata: Buffer): void {
  const head = rdata.subarray(0, wksHeadBytes);
  for (const [key, other] of draft.data(name, recordType.WKS)) {
    if (other.subarray(0, wksHeadBytes).equals(head)) draft.remove(name, recordType.WKS, key);
  }
}

function isOlder(soa: Buffer, than: Buffer): boolean {
  const order = compareSerials(soaSerial(soa), soaSerial(than));
  return order === -1 || order === undefined;
}

/** §3.4.2.3: the apex keeps its SOA and NS. */
function removeName(draft: ZoneDraft, name: Buffer): void {
  for (const type of [...draft.types(name)]) {
    if (!staysAtApex(draft, name, type)) draft.clear(name, type);
  }
}

/** §3.4.2.4: no SOA is removed, and not the last NS of the apex. */
function removeRecord(draft: ZoneDraft, { name, type, rdata }: IRecord): void {
  if (type === recordType.SOA || !draft.has(name, type)) return;
  const data = draft.data(name, type);
  const key = rdataKey(type, rdata);
  if (!data.has(key)) return;
  if (data.size === 1 && staysAtApex(draft, name, type)) return;
  draft.remove(name, type, key);
}

function staysAtApex({ apex }: IZoneContent, name: Buffer, type: number): boolean {
  return (type === recordType.SOA || type === recordType.NS) && equalNames(name, apex);
}

import type { IRecord } from '../codec/message.ts';
import { isSubdomain } from '../codec/name.ts';
import { isMetaType, rcode, recordClass, recordType } from '../codec/types.ts';
import { setKey } from '../zones/record-set.ts';
import { byKey, hasSameData, type IZoneContent } from './zone-draft.ts';

/**
 * Whether what an update takes for granted is so: RFC 2136 §3.2, in the order of the records.
 *
 * @returns `rcode.NOERROR`, or why not: FORMERR, NOTZONE, NXDOMAIN, YXDOMAIN, NXRRSET, YXRRSET.
 */
export function checkPrerequisites(content: IZoneContent, records: readonly IRecord[]): number {
  /** Records that shall be all of their rrsets: §3.2.3. */
  const wanted = new Map<string, IRecord[]>();
  for (const record of records) {
    const { name, type, class: classNumber, ttl, rdata } = record;
    if (ttl !== 0) return rcode.FORMERR;
    if (!isSubdomain(name, content.apex)) return rcode.NOTZONE;
    const isAny = type === recordType.ANY;
    if (classNumber === recordClass.IN) {
      if (isMetaType(type)) return rcode.FORMERR;
      const key = setKey(name, type);
      const group = wanted.get(key);
      if (group === undefined) wanted.set(key, [record]);
      else group.push(record);
      continue;
    }
    if (rdata.length !== 0 || (isMetaType(type) && !isAny)) return rcode.FORMERR;
    const isThere = isAny ? content.types(name).size > 0 : content.has(name, type);
    if (classNumber === recordClass.ANY) {
      if (!isThere) return isAny ? rcode.NXDOMAIN : rcode.NXRRSET;
    } else if (classNumber === recordClass.NONE) {
      if (isThere) return isAny ? rcode.YXDOMAIN : rcode.YXRRSET;
    } else {
      return rcode.FORMERR;
    }
  }
  for (const group of wanted.values()) {
    const { name, type } = group[0] as IRecord;
    const rdatas = group.map(({ rdata }) => rdata);
    const there = content.rrset(name, type)?.rdatas ?? [];
    if (!hasSameData(type, there, byKey(type, rdatas))) return rcode.NXRRSET;
  }
  return rcode.NOERROR;
}

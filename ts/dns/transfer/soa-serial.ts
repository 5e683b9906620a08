import type { IRecord } from '../codec/message.ts';
import { equalNames } from '../codec/name.ts';
import { recordClass, recordType } from '../codec/types.ts';

/** Bytes of a SOA behind its two names, of which the serial is the first (RFC 1035 §3.3.13). */
const soaNumbersBytes = 20;

/**
 * The serial of a zone's SOA that a message holds; null: the record is none, of another zone, or
 * without data (as those of updates may be).
 */
export function serialIn(record: IRecord | undefined, apex: Buffer | undefined): number | null {
  if (record?.type !== recordType.SOA || record.class !== recordClass.IN) return null;
  if (apex === undefined || !equalNames(record.name, apex)) return null;
  return record.rdata.readUInt32BE(record.rdata.length - soaNumbersBytes);
}

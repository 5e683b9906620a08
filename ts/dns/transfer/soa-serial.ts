import type { IRecord } from '../codec/message.ts';
import { equalNames } from '../codec/name.ts';
import { soaSerial } from '../codec/soa.ts';
import { recordClass, recordType } from '../codec/types.ts';

/** The serial of a zone's SOA that a message holds; null: the record is none, or of another zone. */
export function serialIn(record: IRecord | undefined, apex: Buffer | undefined): number | null {
  if (record?.type !== recordType.SOA || record.class !== recordClass.IN) return null;
  if (apex === undefined || !equalNames(record.name, apex)) return null;
  return soaSerial(record.rdata);
}

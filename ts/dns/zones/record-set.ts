/** Record sets by owner and type: keys, comparison, and the form in which the store keeps them. */
import type { IHealthRecords } from '../../../ts_interfaces/index.ts';
import type { TJson } from '../../storage/store.ts';
import { formatName, lowerName, nameKey, nameOfKey, parseName } from '../codec/name.ts';
import { rdataCodec } from '../codec/rdata.ts';
import { soaWithSerial } from '../codec/soa.ts';
import { tokensOf } from '../codec/tokens.ts';
import { recordType, recordTypeName, recordTypeOf } from '../codec/types.ts';
import { sortRdatas } from '../zone/rrset-data.ts';

/** All records of an owner and type, as somebody set them. */
export interface IRecordData {
  /** Owner in wire form, in lower case. */
  readonly name: Buffer;
  readonly type: number;
  /** Seconds. */
  readonly ttl: number;
  readonly rdatas: readonly Buffer[];
  readonly health?: IHealthRecords;
}

/** What tells a record set from all others of a zone. @param name in any case. */
export function setKey(name: Buffer, type: number): string {
  return `${type} ${nameKey(name)}`;
}

/** A record set by owner and type. */
export type TSetName = Pick<IRecordData, 'name' | 'type'>;

/** The owner, in lower case, and type of a key that `setKey` made. */
export function readSetKey(key: string): TSetName {
  const at = key.indexOf(' ');
  return { name: nameOfKey(key.slice(at + 1)), type: Number(key.slice(0, at)) };
}

/** For people: `www.example.com. A`. */
export function describeSet({ name, type }: TSetName): string {
  return `${formatName(name)} ${recordTypeName(type)}`;
}

/** Whether two record sets say the same; of a SOA the serial does not count. */
export function isSameData(one: IRecordData, other: IRecordData): boolean {
  if (one.ttl !== other.ttl || one.rdatas.length !== other.rdatas.length) return false;
  if (JSON.stringify(one.health) !== JSON.stringify(other.health)) return false;
  const [left, right] = [one, other].map(({ type, rdatas }) => {
    const sorted = sortRdatas(type, rdatas);
    return type === recordType.SOA ? sorted.map((rdata) => soaWithSerial(rdata, 0)) : sorted;
  }) as [readonly Buffer[], readonly Buffer[]];
  if (left.length !== right.length) return false;
  return left.every((rdata, index) => rdata.equals(right[index] as Buffer));
}

/**
 * What a record is compared by: case does not matter in names of the types of RFC 4034 §6.2.
 */
export function rdataKey(type: number, rdata: Buffer): string {
  return rdataCodec(type).canonical(rdata).toString('latin1');
}

/** The key of a record set in the store: the zone, the owner and the type. */
export function storeKey(zone: string, name: Buffer, type: number): string {
  return `${zone} ${formatName(name)} ${recordTypeName(type)}`;
}

/** The zone, owner and type of such a key; undefined when it is none. */
export function readStoreKey(
  key: string,
): { zone: string; name: Buffer; type: number } | undefined {
  const typeAt = key.lastIndexOf(' ');
  const nameAt = key.lastIndexOf(' ', typeAt - 1);
  const type = recordTypeOf(key.slice(typeAt + 1));
  if (nameAt < 1 || type === undefined) return undefined;
  const name = lowerName(parseName(key.slice(nameAt + 1, typeAt)));
  return { zone: key.slice(0, nameAt), name, type };
}

/** Rdatas as a master file has them, which `readData` reads again. */
export function dataTexts(type: number, rdatas: readonly Buffer[]): string[] {
  const codec = rdataCodec(type);
  return rdatas.map((rdata) => codec.format(rdata));
}

/** @throws RdataError */
export function readData(type: number, texts: readonly string[], origin: Buffer): Buffer[] {
  const codec = rdataCodec(type);
  return texts.map((text) => codec.parse(tokensOf(text), origin));
}

/** An object of the store. */
export type TStored = { [key: string]: TJson };

/** Whether something that was stored is an object. */
export function isStored(value: TJson | undefined): value is TStored {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Record sets as people write them, and as zones hold them. */
import type { IHealthRecords, IRecordSetInfo } from '../../ts_interfaces/index.ts';
import { checkRecordName, misfitOf } from '../config/dns-name.ts';
import type { IRefusal } from '../config/host-name.ts';
import { nearest } from '../config/nearest.ts';
import type { IProblem } from '../core/errors.ts';
import { formatName, NameError, parseName } from '../dns/codec/name.ts';
import { rdataCodec } from '../dns/codec/rdata.ts';
import { type IToken, RdataError, tokensOf } from '../dns/codec/tokens.ts';
import { isMetaType, recordType, recordTypeName, recordTypeOf } from '../dns/codec/types.ts';
import type { IRecordSet, IRecordSetChange } from '../dns/zones/types.ts';

/** Longest text of a name: 255 bytes, each as `\DDD`. */
export const nameTextMax = 1_020;

/**
 * An owner in a zone: relative to the apex, `@`, or absolute with a trailing dot; IDN is taken.
 *
 * A relative name that ends with the name of the zone is refused, for its dot was forgotten.
 *
 * @param zone name of the zone in its normal form, e.g. `example.com`.
 * @param apex the same in wire form.
 */
export function readOwner(text: string, zone: string, apex: Buffer): Buffer | IRefusal {
  if (text === '@') return apex;
  if (text.length > nameTextMax) return { problem: 'Must be a domain name: this is too long' };
  const name = checkRecordName(text);
  if (typeof name !== 'string') return name;
  return misfitOf(name, zone) ?? wireName(name, apex);
}

/** A domain name, absolute with or without the trailing dot; IDN is taken. */
export function readName(text: string): Buffer | IRefusal {
  if (text.length > nameTextMax) return { problem: 'Must be a domain name: this is too long' };
  const name = text === '@' ? undefined : checkRecordName(text);
  if (name === undefined) return { problem: 'Must be an absolute name, e.g. www.example.com' };
  return typeof name === 'string' ? wireName(name) : name;
}

function wireName(name: string, origin?: Buffer): Buffer | IRefusal {
  try {
    return parseName(name, origin);
  } catch (error) {
    if (!(error instanceof NameError)) throw error;
    return { problem: `Must be a domain name: this has ${error.reason}` };
  }
}

/** A type of records, by name in any case. @param ofZone only one that a zone can hold. */
export function readType(text: string, ofZone = true): number | IRefusal {
  const type = text.length > 32 ? undefined : recordTypeOf(text);
  if (type !== undefined && type !== 0 && !(ofZone && isMetaType(type))) return type;
  if (type !== undefined) return { problem: 'Must be a type that a zone can hold' };
  const suggestion = nearest(text, Object.keys(recordType));
  const problem = 'Must be a type of records, e.g. AAAA or TYPE65';
  return suggestion === undefined ? { problem } : { problem, suggestion };
}

/** What a record set is made from: its form is checked already. */
export interface IRecordSource {
  ttl?: number | undefined;
  data?: string | readonly string[] | undefined;
  health?: IHealthRecords | undefined;
}

/**
 * What a zone shall hold, from what was sent.
 *
 * @param at where in the zone; `ttlDefault` in seconds, `path` for problems, e.g. `[3]`.
 * @param problems gets what is wrong.
 */
export function readRecordSet(
  { ttl, data = [], health }: IRecordSource,
  at: { name: Buffer; type: number; apex: Buffer; ttlDefault: number; path: string },
  problems: IProblem[],
): IRecordSetChange {
  const change = { name: at.name, type: at.type, ttl: ttl ?? at.ttlDefault };
  if (health !== undefined) return { ...change, rdatas: [], health };
  const place = at.path === '' ? 'data' : `${at.path}.data`;
  const isOne = typeof data === 'string';
  const lines = isOne ? [data] : data;
  const rdatas = lines.flatMap((line, index) => {
    const rdata = readData(at.type, line, at.apex);
    if (Buffer.isBuffer(rdata)) return [rdata];
    const { problem: message, suggestion } = rdata;
    const path = isOne ? place : `${place}[${index}]`;
    problems.push({ path, message, value: line.slice(0, 200), ...(suggestion && { suggestion }) });
    return [];
  });
  return { ...change, rdatas };
}

/** The data of a record, as in a master file; names without a trailing dot are relative to the zone. */
export function readData(type: number, line: string, apex: Buffer): Buffer | IRefusal {
  try {
    const tokens = tokensOf(line);
    const isText = type === recordType.TXT || type === recordType.SPF;
    // `v=spf1 -all` would become `v=spf1-all`, which nobody means.
    if (
      isText &&
      tokens.length > 1 &&
      tokens.every(({ quoted }) => !quoted) &&
      !isGeneric(tokens)
    ) {
      const problem = 'Must be in quotes: words without them are texts of their own';
      return line.includes('"') ? { problem } : { problem, suggestion: `"${line.trim()}"` };
    }
    const rdata = rdataCodec(type).parse(tokens, apex);
    if (rdata.length <= 0xffff) return rdata;
    return { problem: 'Must have at most 65535 bytes' };
  } catch (error) {
    if (error instanceof RdataError) return { problem: error.message };
    if (error instanceof NameError) return { problem: `Must be a name: this has ${error.reason}` };
    throw error;
  }
}

/** `\# 4 c0000201` (RFC 3597). */
function isGeneric([first]: readonly IToken[]): boolean {
  return first?.text === '\\#';
}

/** A record set as it is shown. */
export function recordSetInfo({ name, type, ttl, ...rest }: IRecordSet): IRecordSetInfo {
  const { rdatas, origin, health, owners } = rest;
  const codec = rdataCodec(type);
  return {
    name: formatName(name),
    type: recordTypeName(type),
    ttl,
    data: rdatas.map((rdata) => codec.format(rdata)),
    origin,
    ...(health === undefined ? {} : { health }),
    ...(owners.length === 0 ? {} : { owners: [...owners] }),
  };
}

import { domainToASCII } from 'node:url';
import { DcError } from '../../core/errors.ts';
import { canonicalIp } from '../../net/ip.ts';
import { formatName, lowerName, NameError, parseName, type TName } from '../codec/name.ts';
import { rdataCodec } from '../codec/rdata.ts';
import { recordTypeName, recordTypeOf } from '../codec/types.ts';
import type { IExplainedRecord } from './types.ts';

/** A name that somebody typed, in lower case. @throws DcError `CONFIG_INVALID` */
export function readNameText(text: string, path = 'name'): TName {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: all of ASCII is meant
  const ascii = /^[\u0000-\u007f]*$/.test(text) ? text : domainToASCII(text);
  try {
    if (ascii === '') throw new NameError(text, 'it is empty, or IDNA does not take it');
    return lowerName(parseName(ascii));
  } catch (error) {
    if (!(error instanceof NameError)) throw error;
    throw invalid(path, text, error.message);
  }
}

/** A type of records that somebody typed. @throws DcError `CONFIG_INVALID` */
export function readTypeText(text: string, path = 'type'): number {
  const type = recordTypeOf(text.toUpperCase());
  if (type === undefined) throw invalid(path, text, 'Must be a type like AAAA or TYPE65');
  return type;
}

/** An address that somebody typed, in normal form. @throws DcError `CONFIG_INVALID` */
export function readAddressText(text: string, path: string): string {
  const address = canonicalIp(text);
  if (address === undefined) throw invalid(path, text, 'Must be an IP address');
  return address;
}

/** The error for something that was typed. */
export function invalid(path: string, value: string, message: string): DcError {
  const problems = [{ path, message, value }];
  return new DcError('CONFIG_INVALID', `Cannot take "${value}" as ${path}`, { problems });
}

/** A record as text. */
export function recordText(record: {
  readonly name: TName;
  readonly type: number;
  readonly ttl: number;
  readonly rdata: Buffer;
}): IExplainedRecord {
  const { name, type, ttl, rdata } = record;
  const data = rdataCodec(type).format(rdata);
  return { name: formatName(name), type: recordTypeName(type), ttl, data };
}

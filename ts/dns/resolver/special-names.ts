import type { IRecord } from '../codec/message.ts';
import { isSubdomain, parseName, type TName } from '../codec/name.ts';
import { rcode, recordClass, recordType } from '../codec/types.ts';
import { rdataOfAddress } from './address.ts';
import type { IAnswer, IAsked } from './answer.ts';

/** Records that we make ourselves, in seconds. */
const ttlSeconds = 10_800;

const localhost = parseName('localhost');
const arpa = parseName('arpa');
/** RFC 6761 §6.4, RFC 7686 §2: they do not exist, and asking for them tells too much. */
const absent = ['invalid', 'onion'].map((name) => parseName(name));

/** Private reverse zones, of which the public DNS knows nothing: RFC 6303 §4, RFC 7793. */
const reverse = [
  '10',
  '168.192',
  '254.169',
  '2.0.192',
  '100.51.198',
  '113.0.203',
  '127',
  '0',
  '255.255.255.255',
  ...range(16, 31).map((octet) => `${octet}.172`),
  ...range(64, 127).map((octet) => `${octet}.100`),
].map((prefix) => parseName(`${prefix}.in-addr.arpa`));

const reverse6 = [
  `${'0.'.repeat(32)}ip6.arpa`,
  `1.${'0.'.repeat(31)}ip6.arpa`,
  'd.f.ip6.arpa',
  '8.e.f.ip6.arpa',
  '9.e.f.ip6.arpa',
  'a.e.f.ip6.arpa',
  'b.e.f.ip6.arpa',
  '8.b.d.0.1.0.0.2.ip6.arpa',
].map((name) => parseName(name));

/**
 * The answer to names that have their meaning on this machine, or none at all, and are never asked
 * for: `localhost` is the loopback (RFC 6761 §6.3), `invalid` and `onion` do not exist.
 *
 * @param isPublic whether the answer would come from the public DNS: then the reverse zones of
 * private networks are empty too. A resolver of the network may know them.
 * @returns null for all other names.
 */
export function specialAnswer(asked: IAsked, isPublic: boolean): IAnswer | null {
  const { name, type } = asked;
  if (isSubdomain(name, localhost)) return said(rcode.NOERROR, loopback(name, type));
  if (absent.some((zone) => isSubdomain(name, zone))) return said(rcode.NXDOMAIN, []);
  if (!isPublic || !isSubdomain(name, arpa)) return null;
  const isReverse = [...reverse, ...reverse6].some((zone) => isSubdomain(name, zone));
  return isReverse ? said(rcode.NXDOMAIN, []) : null;
}

function loopback(name: TName, type: number): IRecord[] {
  const address = new Map<number, string>([
    [recordType.A, '127.0.0.1'],
    [recordType.AAAA, '::1'],
  ]).get(type);
  const rdata = address === undefined ? null : rdataOfAddress(address);
  return rdata === null ? [] : [{ name, type, class: recordClass.IN, ttl: ttlSeconds, rdata }];
}

function said(code: number, answer: readonly IRecord[]): IAnswer {
  const authority: readonly IRecord[] = [];
  return { rcode: code, answer, authority, security: 'insecure', extendedError: null };
}

function range(first: number, last: number): number[] {
  return Array.from({ length: last - first + 1 }, (_, index) => first + index);
}

import { isIP, isIPv4, isIPv6 } from 'node:net';
import {
  checkRecordName,
  normalizeKeyName,
  normalizeServerName,
  normalizeZoneName,
} from './dns-name.ts';
import { isDnsServer, readDnsServer } from './dns-server-text.ts';
import type { IRefusal } from './host-name.ts';
import { checkAccessEntry } from './schema-access.ts';
import { pattern, text, whole } from './schema-scalar.ts';

/** Characters of a record's data: its 65,535 bytes, each written as an escape. */
const DATA_LENGTH_MAX = 262_144;

/** A time to live in seconds: RFC 2181 §8. */
export const ttl = whole(0, 2_147_483_647);

/** The name of a zone, in its normal form. */
export const zoneName = text(normalizeZoneName);

/** The name of a server for NS records, in its normal form. */
export const serverName = text(normalizeServerName);

/** The name of a TSIG key where one is named, in its normal form. */
export const keyReference = text(normalizeKeyName);

/** The name of a TSIG key where it is defined: already in its normal form, so that no two are one. */
export const keyName = text((value) => {
  const name = normalizeKeyName(value);
  if (typeof name !== 'string' || name === value) return name;
  return { problem: 'Must be in lower case and without a trailing dot', suggestion: name };
});

/** The name of a view, which stands behind an `@` in the ids of its zones. */
export const viewName = pattern(
  /^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$/,
  'Must be a name of at most 64 letters, digits, "-" and "_"',
);

/** The owner of a record, as it is written. */
export const recordName = text(checkRecordName);

/** A name or pattern of names that an update may change. */
export const updateName = text((value) => {
  if (value === '**' || value === '*') return value;
  const below = value.startsWith('*.') ? '*.' : '';
  const name = checkRecordName(value.slice(below.length));
  if (typeof name === 'string') return below + name;
  return below === '' ? name : { problem: name.problem };
});

/** Types that are questions or parts of messages, and so no records: RFC 6895 §3.1. */
const metaTypes = /^(?:OPT|NXNAME|TKEY|TSIG|IXFR|AXFR|MAILB|MAILA|ANY|\*)$/;

/** The type of a record, in upper case. Whether a word is one is known to whoever reads the data. */
export const recordType = text((value) => {
  const type = value.toUpperCase();
  if (metaTypes.test(type)) return { problem: `Must be a type of records: ${type} is none` };
  const [, digits] = /^TYPE(\d+)$/.exec(type) ?? [];
  if (digits !== undefined) return checkTypeNumber(Number(digits));
  if (/^[A-Z][A-Z0-9-]{0,15}$/.test(type)) return type;
  return { problem: 'Must be a type such as A, TXT, ALIAS or TYPE65' };
});

function checkTypeNumber(number: number): string | IRefusal {
  const isMeta = number === 0 || number === 41 || number === 128 || (number > 248 && number < 256);
  if (number <= 65_535 && !isMeta) return `TYPE${number}`;
  return { problem: 'Must be a type of records: TYPE1 to TYPE65535 without those of questions' };
}

/** The data of one record, as in a master file: on one line. */
export const recordData = text((value) => {
  if (value.trim() === '') return { problem: 'Must be the data of a record, not an empty text' };
  if (value.length > DATA_LENGTH_MAX) {
    return { problem: `Must have at most ${DATA_LENGTH_MAX} characters` };
  }
  if (!/[^\P{Cc}\t]/u.test(value)) return value;
  return { problem: 'Must be the data of one record: without line ends and control characters' };
});

/** A line of a master file, or several. */
export const recordLine = text((value) => {
  if (value.trim() === '') return { problem: 'Must be a line of a master file' };
  if (/[^\P{Cc}\t\r\n]/u.test(value)) return { problem: 'Must be without control characters' };
  // Whoever may set a zone over the API must not read files by it.
  if (!/^\s*\$include\b/im.test(value)) return value;
  return { problem: 'Must not include files: only the "file" of a zone may' };
});

/** An address that is answered. */
export const dataAddress = text((value) => {
  if (!value.includes('%') && isIP(value) !== 0) return value.toLowerCase();
  return { problem: 'Must be an IPv4 or IPv6 address' };
});

/** The address of another name server. */
export const peerAddress = text((value) => {
  if (!value.includes('%') && isIP(value) !== 0) return value.toLowerCase();
  const problem = 'Must be an IP address; a port stands in "port"';
  if (value === 'localhost') return { problem, suggestion: '127.0.0.1' };
  const [, inside = ''] = /^\[([^\]]*)\](?::\d+)?$/.exec(value) ?? [];
  const [, before = ''] = /^([^:]*):\d+$/.exec(value) ?? [];
  const suggestion = isIPv6(inside) ? inside : before;
  return isIP(suggestion) === 0 ? { problem } : { problem, suggestion };
});

/** Who may do something: an address, a range, `@` and a list, `key:` and a key, or `any`. */
export const dnsAccessEntry = text((value) => {
  if (/^any$/i.test(value)) return 'any';
  if (/^none$/i.test(value)) return { problem: 'Must be absent: without an entry nobody may' };
  if (!/^key:/i.test(value)) {
    const verdict = checkAccessEntry(value);
    if (typeof verdict === 'string' || /[.:/%@]/.test(value)) return verdict;
    return {
      problem: 'Must be an address, a range, "@" and a list, "key:" and a key, or "any"',
    };
  }
  const name = normalizeKeyName(value.slice(4));
  if (typeof name === 'string') return `key:${name}`;
  return { problem: 'Must have the name of a key in "dns.keys" behind "key:"' };
});

/** Clients by address: as in other access rules. */
export const dnsClient = text((value) => {
  if (!/^any$/i.test(value)) return checkAccessEntry(value);
  return { problem: 'Must be an address, a range or "@" and a list: all are 0.0.0.0/0 and ::/0' };
});

/** A server that the resolver asks, as it is written. */
export const resolverServer = text((value) => {
  const server = readDnsServer(value);
  return isDnsServer(server) ? value : server;
});

/** A secret that is shared with other servers: base64 of at least 16 bytes. */
export const sharedSecret = text((value) => {
  const isBase64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.test(value);
  if (!isBase64) return { problem: 'Must be base64; "openssl rand -base64 32" makes one' };
  if (Buffer.from(value, 'base64').length >= 16) return value;
  return { problem: 'Must have at least 16 bytes; "openssl rand -base64 32" makes such base64' };
});

/** 16 bytes, as a server cookie wants them (RFC 9018 §4). */
export const cookieSecret = text((value) => {
  if (/^[0-9a-f]{32}$/i.test(value)) return value.toLowerCase();
  return { problem: 'Must have 32 hex digits; "openssl rand -hex 16" makes them' };
});

/** What a server says of itself by NSID. */
export const nsid = text((value) => {
  if (value === '') return { problem: 'Must be a text, or absent' };
  if (/\p{Cc}/u.test(value)) return { problem: 'Must be without control characters' };
  if (Buffer.byteLength(value) <= 128) return value;
  return { problem: 'Must have at most 128 bytes' };
});

/** A mail address for the SOA, which keeps it as a name. */
export const contact = text((value) => {
  const at = value.lastIndexOf('@');
  const [user, domain] = [value.slice(0, Math.max(at, 0)), value.slice(at + 1)];
  const host = normalizeServerName(domain);
  const isHost = typeof host === 'string' && !isIPv4(host);
  const isUser = /^[!#-'*+./-9=?A-Z^-~-]{1,63}$/i.test(user);
  if (at > 0 && isHost && isUser) return `${user}@${host}`;
  const problem = 'Must be a mail address, such as hostmaster@example.com';
  const [, first, rest] = /^([\w-]+)\.([\w-]+(?:\.[\w-]+)+)\.?$/.exec(value) ?? [];
  return rest === undefined ? { problem } : { problem, suggestion: `${first}@${rest}` };
});

/** What lives or not: a route, an entry or a domain config of one. */
export const upstreamName = text((value) => {
  const isText = value.trim() === value && !/\p{Cc}/u.test(value) && value.length <= 410;
  const name = value.startsWith('tcp:') ? value.slice('tcp:'.length) : value;
  if (isText && name !== '' && !name.endsWith('/')) return value;
  return { problem: 'Must be the id of a route, or "tcp:" and the id of a TCP entry' };
});

import { formatIp, ipWords, parseIp } from '../../../net/ip.ts';
import { parseTtl } from '../ttl.ts';
import { recordTypeName, recordTypeOf } from '../types.ts';
import type { IField, TokenReader } from './field.ts';

/** Fields of a fixed length: numbers and addresses. */

type TSize = 1 | 2 | 4;

/** A number in decimal, e.g. `fixed(2, …)`: 16 bits, the most significant first. */
export function number(size: TSize, expected: string): IField {
  const max = 2 ** (size * 8) - 1;
  return numeric(size, (input) => {
    const text = input.next(expected);
    const value = /^\d{1,10}$/.test(text) ? Number(text) : -1;
    if (value < 0 || value > max) throw input.failure(`${expected} (0 to ${max})`);
    return value;
  });
}

/** A number that may be given by a name, in any case. It is always written as a number. */
export function named(
  size: TSize,
  expected: string,
  names: Readonly<Record<string, number>>,
): IField {
  const plain = number(size, expected);
  return {
    ...plain,
    parse(input) {
      const token = input.peek;
      const value = token?.quoted === false ? names[token.text.toUpperCase()] : undefined;
      if (value === undefined) return plain.parse(input);
      input.next(expected);
      return bytesOf(size, value);
    },
  };
}

/** Seconds: `3600` or `1h30m`. */
export function seconds(expected: string): IField {
  return numeric(4, (input) => {
    const value = parseTtl(input.next(expected));
    if (value === null) throw input.failure(`${expected} (seconds, or e.g. 1h30m)`);
    return value;
  });
}

/** The type of a record, by its name. */
export const typeField: IField = {
  ...numeric(2, (input) => {
    const value = recordTypeOf(input.next('a record type'));
    if (value === undefined) throw input.failure('a record type');
    return value;
  }),
  format: (bytes, at) => recordTypeName(bytes.readUInt16BE(at)),
};

/** A point in time, `20260131235959` in UTC or in seconds since 1970 (RFC 4034 §3.2). */
export function time(expected: string): IField {
  return {
    ...numeric(4, (input) => {
      const value = parseTime(input.next(expected));
      if (value === null) throw input.failure(`${expected} (YYYYMMDDHHmmSS, or seconds)`);
      return value;
    }),
    format: (bytes, at) => formatTime(bytes.readUInt32BE(at)),
  };
}

function parseTime(text: string): number | null {
  if (/^\d{1,10}$/.test(text)) return Number(text) <= 0xffff_ffff ? Number(text) : null;
  const parts = /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)$/.exec(text);
  if (parts === null) return null;
  const [year = 0, month = 0, ...rest] = parts.slice(1).map(Number);
  const value = Date.UTC(year, month - 1, ...rest) / 1000;
  // A day that is in no calendar comes out as another one.
  return value >= 0 && value <= 0xffff_ffff && formatTime(value) === text ? value : null;
}

function formatTime(value: number): string {
  return new Date(value * 1000).toISOString().slice(0, 19).replace(/\D/g, '');
}

/** An IPv4 address. */
export const ipv4: IField = {
  ...fixed(4),
  parse(input) {
    const address = ipv4Bytes(input.next('an IPv4 address'));
    if (address === null) throw input.failure('an IPv4 address');
    return address;
  },
  format: formatIpv4,
};

/** An IPv6 address, written as RFC 5952 says. */
export const ipv6: IField = {
  ...fixed(16),
  parse(input) {
    const address = ipv6Bytes(input.next('an IPv6 address'));
    if (address === null) throw input.failure('an IPv6 address');
    return address;
  },
  format: formatIpv6,
};

const words = ipWords();

/** The four bytes of an IPv4 address in dotted decimal; null when it is none. */
export function ipv4Bytes(text: string): Buffer | null {
  if (text.includes(':') || parseIp(text, words) !== 4) return null;
  return bytesOf(4, words[0] as number);
}

/** The 16 bytes of an IPv6 address; null when it is none or names a zone. */
export function ipv6Bytes(text: string): Buffer | null {
  if (!text.includes(':') || text.includes('%')) return null;
  const family = parseIp(text, words);
  if (family === 0) return null;
  const address = Buffer.alloc(16);
  if (family === 4) {
    // An IPv4-mapped address: the reader has put it into the first word.
    address.writeUInt16BE(0xffff, 10);
    address.writeUInt32BE(words[0] as number, 12);
  } else {
    for (let index = 0; index < 4; index++) address.writeUInt32BE(words[index] ?? 0, index * 4);
  }
  return address;
}

/** The text of the IPv4 address at `at`. */
export function formatIpv4(bytes: Buffer, at: number): string {
  return `${bytes[at]}.${bytes[at + 1]}.${bytes[at + 2]}.${bytes[at + 3]}`;
}

/** The text of the IPv6 address at `at`. */
export function formatIpv6(bytes: Buffer, at: number): string {
  for (let index = 0; index < 4; index++) words[index] = bytes.readUInt32BE(at + index * 4);
  const text = formatIp(6, words);
  // What is mapped comes as an IPv4 address, which an AAAA record cannot hold.
  return text.includes(':') ? text : `::ffff:${text}`;
}

const hexOctets = (count: number) => new RegExp(`^[0-9a-f]{2}(?:-[0-9a-f]{2}){${count - 1}}$`, 'i');

/** Octets in hex with hyphens between them: RFC 7043. */
export function octets(count: number): IField {
  const pattern = hexOctets(count);
  const expected = `${count} octets like 00-00-5e-…`;
  return {
    ...fixed(count),
    parse(input) {
      const text = input.next(expected);
      if (!pattern.test(text)) throw input.failure(expected);
      return Buffer.from(text.replaceAll('-', ''), 'hex');
    },
    format: (bytes, at) => [...bytes.subarray(at, at + count)].map(hexOf).join('-'),
  };
}

function hexOf(byte: number): string {
  return byte.toString(16).padStart(2, '0');
}

const hex16 = /^[0-9a-f]{1,4}(?::[0-9a-f]{1,4}){3}$/i;

/** 64 bits as four groups of hex digits: RFC 6742 §2.1. All are written, for Knot reads no less. */
export const groups64: IField = {
  ...fixed(8),
  parse(input) {
    const text = input.next('four groups of hex digits');
    if (!hex16.test(text)) throw input.failure('four groups of hex digits');
    const groups = text.split(':').map((group) => bytesOf(2, Number.parseInt(group, 16)));
    return Buffer.concat(groups);
  },
  format: (bytes, at) =>
    [0, 2, 4, 6].map((index) => bytes.toString('hex', at + index, at + index + 2)).join(':'),
};

/** A number as bytes, the most significant first. */
export function bytesOf(size: TSize, value: number): Buffer {
  const bytes = Buffer.allocUnsafe(size);
  bytes.writeUIntBE(value, 0, size);
  return bytes;
}

function fixed(size: number): Pick<IField, 'end'> {
  return { end: (bytes, at) => (at + size <= bytes.length ? at + size : -1) };
}

function numeric(size: TSize, parse: (input: TokenReader) => number): IField {
  return {
    ...fixed(size),
    parse: (input) => bytesOf(size, parse(input)),
    format: (bytes, at) => String(bytes.readUIntBE(at, size)),
  };
}

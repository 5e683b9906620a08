import { quoteBytes, unescapeText } from '../tokens.ts';
import type { IField, TokenReader } from './field.ts';
import { bytesOf, formatIpv4, formatIpv6, ipv4Bytes, ipv6Bytes } from './numbers.ts';
import { parseBase64, prefixed, prefixedEnd } from './texts.ts';

/** The parameters of SVCB and HTTPS records: RFC 9460 §2.1, §7, §8, appendix A. */

/** The value of one parameter. */
interface IValue {
  /** What it looks like, for messages. */
  readonly expected: string;
  /** @returns null when the text, with its escapes resolved, is no such value. */
  parse(value: Buffer | null): Buffer | null;
  check(value: Buffer): boolean;
  /** The text behind `=`; null: the key stands alone. */
  format(value: Buffer): string | null;
}

/** Numbers of the parameters that have a name: RFC 9460 §14.3.2, RFC 9461, RFC 9540. */
const keyNumbers: Readonly<Record<string, number>> = {
  mandatory: 0,
  alpn: 1,
  'no-default-alpn': 2,
  port: 3,
  ipv4hint: 4,
  ech: 5,
  ipv6hint: 6,
  dohpath: 7,
  ohttp: 8,
};

const keyNames = new Map(Object.entries(keyNumbers).map(([name, key]) => [key, name]));

/** @returns -1 when it is no key. */
function keyOf(text: string): number {
  if (Object.hasOwn(keyNumbers, text)) return keyNumbers[text] as number;
  if (!/^key(?:0|[1-9]\d{0,4})$/.test(text)) return -1;
  const key = Number(text.slice(3));
  return key <= 0xffff ? key : -1;
}

function keyName(key: number): string {
  return keyNames.get(key) ?? `key${key}`;
}

const nothing: IValue = {
  expected: 'no value',
  parse: (value) => value ?? Buffer.alloc(0),
  check: (value) => value.length === 0,
  format: () => null,
};

const anything: IValue = {
  expected: 'a value',
  parse: (value) => value ?? Buffer.alloc(0),
  check: () => true,
  format: (value) => (value.length === 0 ? null : quoteBytes(value)),
};

const values = new Map<number, IValue>([
  [
    0,
    {
      expected: 'different keys with commas between them, without mandatory',
      parse(value) {
        const keys = (value ?? '').toString().split(',').map(keyOf);
        if (keys.includes(-1)) return null;
        keys.sort((one, other) => one - other);
        return Buffer.concat(keys.map((key) => bytesOf(2, key)));
      },
      check(value) {
        // Ascending from above 0, which is the key of the list itself.
        const keys = numbersOf(value);
        return keys.length > 0 && keys.every((key, index) => key > (keys[index - 1] ?? 0));
      },
      format: (value) => numbersOf(value).map(keyName).join(','),
    },
  ],
  [
    1,
    {
      expected: 'names of protocols with commas between them',
      parse(value) {
        const items = value === null ? [] : itemsOf(value);
        const isGood = items.every((item) => item.length > 0 && item.length <= 255);
        return isGood ? Buffer.concat(items.map(prefixed)) : null;
      },
      check: (value) => value.length > 0 && protocolsOf(value) !== null,
      format(value) {
        const items = (protocolsOf(value) ?? []).map((item) =>
          item.toString('latin1').replace(/[\\,]/g, '\\$&'),
        );
        return quoteBytes(Buffer.from(items.join(','), 'latin1'));
      },
    },
  ],
  [2, nothing],
  [
    3,
    {
      expected: 'a port',
      parse(value) {
        const text = value?.toString('latin1') ?? '';
        return /^\d{1,5}$/.test(text) && Number(text) <= 0xffff ? bytesOf(2, Number(text)) : null;
      },
      check: (value) => value.length === 2,
      format: (value) => String(value.readUInt16BE(0)),
    },
  ],
  [4, addresses('IPv4', 4, ipv4Bytes, formatIpv4)],
  [
    5,
    {
      expected: 'base64',
      parse: (value) => (value === null ? null : parseBase64(value.toString('latin1'))),
      check: (value) => value.length > 0,
      format: (value) => value.toString('base64'),
    },
  ],
  [6, addresses('IPv6', 16, ipv6Bytes, formatIpv6)],
  [
    7,
    {
      expected: 'a path with {?dns}',
      parse: (value) => value,
      // RFC 9461 §5: a relative URI template with the variable "dns".
      check: (value) => /^\/.*\{[^}]*\bdns\b[^}]*\}/s.test(value.toString('latin1')),
      format: quoteBytes,
    },
  ],
  [8, nothing],
]);

function addresses(
  family: string,
  size: number,
  parse: (text: string) => Buffer | null,
  format: (bytes: Buffer, at: number) => string,
): IValue {
  return {
    expected: `${family} addresses with commas between them`,
    parse(value) {
      const parts = (value ?? '').toString().split(',').map(parse);
      return parts.includes(null) ? null : Buffer.concat(parts as Buffer[]);
    },
    check: (value) => value.length > 0 && value.length % size === 0,
    format(value) {
      const texts: string[] = [];
      for (let at = 0; at < value.length; at += size) texts.push(format(value, at));
      return texts.join(',');
    },
  };
}

function numbersOf(value: Buffer): number[] {
  if (value.length % 2 !== 0) return [];
  return Array.from({ length: value.length / 2 }, (_, index) => value.readUInt16BE(index * 2));
}

/** Protocols behind their lengths; null when one is empty or does not fit. */
function protocolsOf(value: Buffer): Buffer[] | null {
  const protocols: Buffer[] = [];
  for (let at = 0; at < value.length; ) {
    const end = prefixedEnd(value, at);
    if (end === -1 || end === at + 1) return null;
    protocols.push(value.subarray(at + 1, end));
    at = end;
  }
  return protocols;
}

/** Appendix A.1: items with commas between them, in which `\,` and `\\` are no separators. */
function itemsOf(value: Buffer): Buffer[] {
  const items: Buffer[] = [];
  let item: number[] = [];
  for (let at = 0; at < value.length; at++) {
    let byte = value[at] as number;
    if (byte === 0x2c) {
      items.push(Buffer.from(item));
      item = [];
      continue;
    }
    if (byte === 0x5c) byte = value[++at] ?? byte;
    item.push(byte);
  }
  return [...items, Buffer.from(item)];
}

/** All parameters: what is left of the record. */
export const svcbParameters: IField = {
  parse(input) {
    const parameters = new Map<number, Buffer>();
    while (!input.isDone) {
      const [key, value] = parseParameter(input);
      if (parameters.has(key)) throw input.failure(`${keyName(key)} once`);
      parameters.set(key, value);
    }
    const sorted = [...parameters].sort(([one], [other]) => one - other);
    const bytes = Buffer.concat(
      sorted.flatMap(([key, value]) => [bytesOf(2, key), bytesOf(2, value.length), value]),
    );
    if (readParameters(bytes, 0) === null) {
      throw input.failure('every key that is mandatory, and alpn beside no-default-alpn');
    }
    return bytes;
  },
  end: (bytes, at) => (readParameters(bytes, at) === null ? -1 : bytes.length),
  format(bytes, at) {
    const texts = [...(readParameters(bytes, at) ?? [])].map(([key, value]) => {
      const text = (values.get(key) ?? anything).format(value);
      return text === null ? keyName(key) : `${keyName(key)}=${text}`;
    });
    return texts.join(' ');
  },
};

function parseParameter(input: TokenReader): [key: number, value: Buffer] {
  const word = input.next('a parameter');
  const cut = word.indexOf('=');
  const key = keyOf(cut === -1 ? word : word.slice(0, cut));
  if (key === -1) throw input.failure('a parameter');
  const kind = values.get(key) ?? anything;
  const raw = cut === -1 ? null : unescapeText(withoutQuotes(word.slice(cut + 1)));
  const value = kind.parse(raw);
  if ((cut !== -1 && raw === null) || value === null || !kind.check(value)) {
    throw input.failure(`${keyName(key)} with ${kind.expected}`);
  }
  return [key, value];
}

function withoutQuotes(text: string): string {
  return text.length >= 2 && text.startsWith('"') && text.endsWith('"') ? text.slice(1, -1) : text;
}

/**
 * The parameters from `at` to the end, by key; null when they are malformed: keys ascend, values
 * suit their keys, what is mandatory is there, `no-default-alpn` has `alpn` beside it.
 */
export function readParameters(bytes: Buffer, at: number): Map<number, Buffer> | null {
  const parameters = new Map<number, Buffer>();
  let previous = -1;
  for (let start = at; start < bytes.length; ) {
    if (start + 4 > bytes.length) return null;
    const key = bytes.readUInt16BE(start);
    const end = start + 4 + bytes.readUInt16BE(start + 2);
    if (key <= previous || end > bytes.length) return null;
    const value = bytes.subarray(start + 4, end);
    if (!(values.get(key) ?? anything).check(value)) return null;
    parameters.set(key, value);
    previous = key;
    start = end;
  }
  const mandatory = numbersOf(parameters.get(0) ?? Buffer.alloc(0));
  if (!mandatory.every((key) => parameters.has(key))) return null;
  return parameters.has(2) && !parameters.has(1) ? null : parameters;
}

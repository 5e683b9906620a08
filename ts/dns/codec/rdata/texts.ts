import { formatName, nameEnd } from '../name.ts';
import { type IToken, quoteBytes, tokensOf, unescapeText } from '../tokens.ts';
import type { IField, INameUse, TokenReader } from './field.ts';

/** Fields of a length of their own: names, strings, blobs in hex, base64 and base32. */

/** A domain name; default: as it is when signed, and of no use in the additional section. */
export function name(expected: string, use: Partial<INameUse> = {}): IField {
  return {
    name: { lowered: use.lowered ?? false, additional: use.additional ?? false },
    parse: (input) => input.name(expected),
    end: nameEnd,
    format: (bytes, at, end) => formatName(bytes.subarray(at, end)),
  };
}

const stringBytesMax = 255;

/** A string behind its length, at most 255 bytes: RFC 1035 §3.3. */
export function string(expected: string): IField {
  return {
    parse: (input) => withLength(input, input.nextString(expected), expected),
    end: prefixedEnd,
    format: (bytes, at, end) => quoteBytes(bytes.subarray(at + 1, end)),
  };
}

/** One such string or more, up to the end. */
export function strings(expected: string): IField {
  return {
    parse(input) {
      const parts: Buffer[] = [];
      do {
        for (const piece of piecesOf(input.nextString(expected))) {
          parts.push(withLength(input, piece, expected));
        }
      } while (!input.isDone);
      return Buffer.concat(parts);
    },
    end(bytes, at) {
      let end = at;
      do end = prefixedEnd(bytes, end);
      while (end !== -1 && end < bytes.length);
      return end;
    },
    format(bytes, at, end) {
      const texts: string[] = [];
      for (let start = at; start < end; ) {
        const next = prefixedEnd(bytes, start);
        texts.push(quoteBytes(bytes.subarray(start + 1, next)));
        start = next;
      }
      return texts.join(' ');
    },
  };
}

/** `a="b"` is one word where keys have values, but two strings here, as everywhere else. */
function piecesOf(token: IToken): IToken[] {
  const cut = token.quoted ? 0 : token.text.indexOf('="') + 1;
  if (cut === 0) return [token];
  const head = { text: token.text.slice(0, cut), quoted: false };
  return [head, ...tokensOf(token.text.slice(cut)).flatMap(piecesOf)];
}

/** A string without a length, up to the end. */
export function restString(expected: string): IField {
  return {
    parse: (input) => stringBytes(input, input.nextString(expected), expected),
    end: restEnd,
    format: (bytes, at, end) => quoteBytes(bytes.subarray(at, end)),
  };
}

function stringBytes(input: TokenReader, token: IToken, expected: string): Buffer {
  const bytes = unescapeText(token.text);
  if (bytes === null) throw input.failure(`${expected} with valid escapes`);
  return bytes;
}

function withLength(input: TokenReader, token: IToken, expected: string): Buffer {
  const bytes = stringBytes(input, token, expected);
  if (bytes.length > stringBytesMax) throw input.failure(`${expected} of at most 255 bytes`);
  return prefixed(bytes);
}

/** The bytes behind their length in one byte. */
export function prefixed(bytes: Buffer): Buffer {
  return Buffer.concat([Buffer.of(bytes.length), bytes]);
}

/** Where what is behind its length in one byte ends; -1: outside. */
export function prefixedEnd(bytes: Buffer, at: number): number {
  const length = bytes[at];
  if (length === undefined) return -1;
  const end = at + 1 + length;
  return end <= bytes.length ? end : -1;
}

function restEnd(bytes: Buffer, at: number): number {
  return at <= bytes.length ? bytes.length : -1;
}

function filledEnd(bytes: Buffer, at: number): number {
  return at < bytes.length ? bytes.length : -1;
}

/** Bytes in hex up to the end, in any count of words; `optional`: without any, from a message. */
export function hex(expected: string, { optional = false } = {}): IField {
  return {
    parse(input) {
      const bytes = parseHex(input.rest(expected));
      if (bytes === null) throw input.failure(`${expected} in hex digits`);
      return bytes;
    },
    end: optional ? restEnd : filledEnd,
    format: (bytes, at, end) => (at === end ? null : bytes.toString('hex', at, end).toUpperCase()),
  };
}

/** The bytes of hex digits, which come in pairs; null when they do not. */
export function parseHex(text: string): Buffer | null {
  return /^(?:[0-9a-f]{2})*$/i.test(text) ? Buffer.from(text, 'hex') : null;
}

/** Bytes in base64 up to the end, in any count of words; none at all when `optional`. */
export function base64(expected: string, { optional = false } = {}): IField {
  return {
    parse(input) {
      if (optional && input.isDone) return Buffer.alloc(0);
      const bytes = parseBase64(input.rest(expected));
      if (bytes === null) throw input.failure(`${expected} in base64`);
      return bytes;
    },
    end: optional ? restEnd : filledEnd,
    format: (bytes, at, end) => bytes.toString('base64', at, end),
  };
}

/** The bytes of base64 with its padding (RFC 4648 §4); null when it is not exactly that. */
export function parseBase64(text: string): Buffer | null {
  const bytes = Buffer.from(text, 'base64');
  return bytes.toString('base64') === text ? bytes : null;
}

/** Bytes in hex behind their length in one byte; `-` is none: RFC 5155 §3.3. */
export const salt: IField = {
  parse(input) {
    const text = input.next('a salt');
    const bytes = text === '-' ? Buffer.alloc(0) : parseHex(text);
    if (bytes === null || bytes.length > 255 || text === '') {
      throw input.failure('a salt in hex digits, or -');
    }
    return prefixed(bytes);
  },
  end: prefixedEnd,
  format: (bytes, at, end) =>
    end === at + 1 ? '-' : bytes.toString('hex', at + 1, end).toUpperCase(),
};

/** Bytes in base32hex (RFC 4648 §7) without padding, behind their length; at least one. */
export const hash32: IField = {
  parse(input) {
    const bytes = parseBase32Hex(input.next('a hash'));
    if (bytes === null || bytes.length === 0 || bytes.length > 255) {
      throw input.failure('a hash in base32hex');
    }
    return prefixed(bytes);
  },
  end: (bytes, at) => (bytes[at] === 0 ? -1 : prefixedEnd(bytes, at)),
  format: (bytes, at, end) => formatBase32Hex(bytes.subarray(at + 1, end)),
};

const digits32 = '0123456789ABCDEFGHIJKLMNOPQRSTUV';

/** The text of bytes in base32hex, upper case, without padding. */
export function formatBase32Hex(bytes: Buffer): string {
  let text = '';
  let bits = 0;
  let value = 0;
  for (const byte of bytes) {
    value = ((value << 8) | byte) & 0xfff;
    for (bits += 8; bits >= 5; bits -= 5) text += digits32.charAt((value >>> (bits - 5)) & 31);
  }
  return bits === 0 ? text : text + digits32.charAt((value << (5 - bits)) & 31);
}

/** The bytes of base32hex in any case, without padding; null when it is not exactly that. */
export function parseBase32Hex(text: string): Buffer | null {
  const bytes = Buffer.alloc(Math.floor((text.length * 5) / 8));
  let bits = 0;
  let value = 0;
  let length = 0;
  for (const character of text.toUpperCase()) {
    const digit = digits32.indexOf(character);
    if (digit === -1) return null;
    value = ((value << 5) | digit) & 0xfff;
    bits += 5;
    if (bits < 8) continue;
    bits -= 8;
    bytes[length++] = (value >>> bits) & 0xff;
  }
  return formatBase32Hex(bytes) === text.toUpperCase() ? bytes : null;
}

/** The words that the text of a record's data consists of: RFC 1035 §5.1. */

import { shortened } from '../../core/text.ts';
import { escapedByte } from './name.ts';

/**
 * A word of a master file. Its text has its escapes (`\.`, `\065`) still in it, since what they
 * mean depends on where it stands. A character above U+007F stands for its bytes in UTF-8, so
 * whoever reads a file that is not UTF-8 gives such bytes as `\DDD`.
 */
export interface IToken {
  /** Without the quotes around it. A quote may follow a `=` inside: `alpn="h2,h3"` is one word. */
  readonly text: string;
  /** It stood in quotes as a whole, so that it is no keyword, number or name. */
  readonly quoted: boolean;
}

/** The text of a record's data is refused. */
export class RdataError extends Error {
  /** Which token was not as expected, counted from 0; the count of all when one is missing. */
  public readonly token: number;
  /** What would have been right, e.g. `an IPv4 address`. */
  public readonly expected: string;

  constructor(token: number, expected: string, found: IToken | undefined) {
    const what = found === undefined ? 'the end' : `"${shortened(found.text)}"`;
    super(`Expected ${expected}, found ${what}`);
    this.name = 'RdataError';
    this.token = token;
    this.expected = expected;
  }
}

const quoteMark = '"';

/**
 * Cuts one line of data into words, e.g. what a person enters as a TXT record: the words of a
 * master file without its parentheses and comments, which are refused.
 *
 * @throws RdataError for a quote that is not closed, and for `(`, `)`, `;` outside of quotes.
 */
export function tokensOf(line: string): IToken[] {
  const tokens: IToken[] = [];
  for (let at = 0; at < line.length; ) {
    const character = line.charAt(at);
    if (character === ' ' || character === '\t') {
      at++;
      continue;
    }
    const quoted = character === quoteMark;
    const end = quoted ? quoteEnd(line, at + 1) : wordEnd(line, at);
    const text = quoted ? line.slice(at + 1, end) : line.slice(at, end);
    if (end === -1) throw new RdataError(tokens.length, 'a closing quote', undefined);
    if (end === at) {
      throw new RdataError(tokens.length, 'one line of data', { text: character, quoted: false });
    }
    tokens.push({ text, quoted });
    at = quoted ? end + 1 : end;
  }
  return tokens;
}

/** Where the quote that begins before `from` is closed; -1: nowhere. */
function quoteEnd(line: string, from: number): number {
  for (let at = from; at < line.length; at++) {
    const character = line.charAt(at);
    if (character === '\\') at++;
    else if (character === quoteMark) return at;
  }
  return -1;
}

/** Where the word at `from` ends; -1: in a quote that is not closed. */
function wordEnd(line: string, from: number): number {
  let at = from;
  for (; at < line.length; at++) {
    const character = line.charAt(at);
    if (character === '\\') {
      at++;
    } else if (character === quoteMark) {
      if (at > from && line.charAt(at - 1) !== '=') return at;
      at = quoteEnd(line, at + 1);
      if (at === -1) return -1;
    } else if (' \t\r\n();'.includes(character)) {
      return at;
    }
  }
  return Math.min(at, line.length);
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: all of ASCII but the backslash
const plain = /^[\u0000-\u005b\u005d-\u007f]*$/;

/** The bytes that a word stands for, its escapes resolved; null for a bad escape. */
export function unescapeText(text: string): Buffer | null {
  if (plain.test(text)) return Buffer.from(text, 'latin1');
  const bytes = Buffer.allocUnsafe(text.length * 3);
  let length = 0;
  for (let at = 0; at < text.length; at++) {
    const code = text.codePointAt(at) as number;
    if (code === 0x5c) {
      const byte = escapedByte(text, at);
      if (byte === -1) return null;
      bytes[length++] = byte;
      const next = text.charCodeAt(at + 1);
      at += next >= 0x30 && next <= 0x39 ? 3 : 1;
    } else if (code <= 0x7f) {
      bytes[length++] = code;
    } else {
      length += bytes.write(String.fromCodePoint(code), length);
      if (code > 0xffff) at++;
    }
  }
  return bytes.subarray(0, length);
}

/** What stands for each byte inside of quotes. */
const quotedCharacters = Array.from({ length: 256 }, (_, byte) => {
  if (byte < 0x20 || byte >= 0x7f) return `\\${String(byte).padStart(3, '0')}`;
  return byte === 0x22 || byte === 0x5c
    ? `\\${String.fromCharCode(byte)}`
    : String.fromCharCode(byte);
});

const plainQuoted = /^[ !#-[\]-~]*$/;

/** The text of bytes in quotes, as a word of a master file. */
export function quoteBytes(bytes: Buffer): string {
  const text = bytes.toString('latin1');
  if (plainQuoted.test(text)) return `"${text}"`;
  let escaped = '';
  for (const byte of bytes) escaped += quotedCharacters[byte];
  return `"${escaped}"`;
}

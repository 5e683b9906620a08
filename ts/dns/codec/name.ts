/**
 * Domain names as bytes: labels behind their lengths, uncompressed, with the root's 0 at the end
 * (RFC 1035 §3.1). Text exists only at the edges.
 */

import { shortened } from '../../core/text.ts';

/** A name in uncompressed wire form, e.g. `\x03www\x07example\x03org\x00`; 1 to 255 bytes. */
export type TName = Buffer;

/** Longest label and longest name in bytes: RFC 1035 §2.3.4. */
export const labelBytesMax = 63;
export const nameBytesMax = 255;

/** The root, `.`. */
export const rootName: TName = Buffer.alloc(1);

/** The text of a name is refused; the message says why and quotes the text. */
export class NameError extends Error {
  /** What is wrong, e.g. `a label of more than 63 bytes`. */
  public readonly reason: string;

  constructor(text: string, reason: string) {
    super(`"${shortened(text)}" is no domain name: it has ${reason}`);
    this.name = 'NameError';
    this.reason = reason;
  }
}

/** A name has at most 127 labels, so whoever needs more pointers than that means harm. */
const pointersMax = 128;

const dot = 0x2e;
const backslash = 0x5c;

/** One name at a time is read or put together here, before its length is known. */
const scratch = Buffer.alloc(nameBytesMax + labelBytesMax + 2);

/**
 * Reads the text of a name: with `\X` and `\DDD` (RFC 1035 §5.1); a character above U+007F stands
 * for its bytes in UTF-8; case is kept. `@` is a label like any other here: what it means in a
 * master file is up to the caller.
 *
 * @param origin what a name without a trailing dot is relative to; default: the root.
 * @throws NameError for an empty label, one above 63 bytes, a name above 255 bytes, a bad escape.
 */
export function parseName(text: string, origin: TName = rootName): TName {
  if (text === '.') return rootName;
  let labelAt = 0;
  let at = 1;
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index);
    if (code === dot) {
      labelAt = endLabel(text, labelAt, at);
      at = labelAt + 1;
    } else if (code === backslash) {
      const escaped = escapedByte(text, index);
      if (escaped === -1) throw new NameError(text, 'a bad escape');
      scratch[at++] = escaped;
      index += isDigit(text.charCodeAt(index + 1)) ? 3 : 1;
    } else if (code <= 0x7f) {
      scratch[at++] = code;
    } else {
      const character = String.fromCodePoint(text.codePointAt(index) as number);
      at += scratch.write(character, at);
      index += character.length - 1;
    }
    if (at - labelAt - 1 > labelBytesMax) throw new NameError(text, 'a label above 63 bytes');
    if (at > nameBytesMax) throw new NameError(text, 'more than 255 bytes');
  }
  if (at === labelAt + 1 && labelAt > 0) {
    scratch[labelAt] = 0;
    return Buffer.from(scratch.subarray(0, at));
  }
  const end = endLabel(text, labelAt, at);
  if (end + origin.length > nameBytesMax) throw new NameError(text, 'more than 255 bytes');
  const name = Buffer.allocUnsafe(end + origin.length);
  scratch.copy(name, 0, 0, end);
  origin.copy(name, end);
  return name;
}

/** The same for a text that need not be a name: null where `parseName` throws `NameError`. */
export function tryParseName(text: string, origin: TName = rootName): TName | null {
  try {
    return parseName(text, origin);
  } catch (error) {
    if (error instanceof NameError) return null;
    throw error;
  }
}

/** @returns where the next label's length goes. */
function endLabel(text: string, labelAt: number, at: number): number {
  const length = at - labelAt - 1;
  if (length === 0) throw new NameError(text, 'an empty label');
  scratch[labelAt] = length;
  return at;
}

/**
 * The byte that an escape stands for: `\DDD` decimal, or any other single character of ASCII behind
 * the backslash at `index`. -1 when it is none.
 */
export function escapedByte(text: string, index: number): number {
  const first = text.charCodeAt(index + 1);
  if (!isDigit(first)) return first <= 0x7f ? first : -1;
  const second = text.charCodeAt(index + 2);
  const third = text.charCodeAt(index + 3);
  if (!isDigit(second) || !isDigit(third)) return -1;
  const byte = (first - 0x30) * 100 + (second - 0x30) * 10 + third - 0x30;
  return byte <= 255 ? byte : -1;
}

function isDigit(code: number): boolean {
  return code >= 0x30 && code <= 0x39;
}

/** What stands for each byte of a label in text. */
const labelCharacters = Array.from({ length: 256 }, (_, byte) => {
  if (byte <= 0x20 || byte >= 0x7f) return `\\${String(byte).padStart(3, '0')}`;
  const character = String.fromCharCode(byte);
  return '."();@$\\'.includes(character) ? `\\${character}` : character;
});

const plainLabel = /^[\w*-]+$/;

/** The text of a name, absolute, with a trailing dot and the escapes of RFC 4343 §2.1. */
export function formatName(name: TName): string {
  if (name.length === 1) return '.';
  let text = '';
  for (let at = 0; at < name.length - 1; ) {
    const end = at + 1 + (name[at] as number);
    const label = name.toString('latin1', at + 1, end);
    if (plainLabel.test(label)) text += label;
    else for (let index = at + 1; index < end; index++) text += labelCharacters[name[index] ?? 0];
    text += '.';
    at = end;
  }
  return text;
}

/**
 * Reads the name at `offset` of a message, case kept; compression pointers (RFC 1035 §4.1.4) must
 * each lead further back than the one before, and not into the header.
 *
 * @returns the name, and where it ends in the message; null when it is malformed or too long.
 */
export function readName(message: Buffer, offset: number): { name: TName; end: number } | null {
  let at = offset;
  let bound = offset;
  let end = -1;
  let length = 0;
  let pointers = 0;
  for (;;) {
    const octet = message[at];
    if (octet === undefined) return null;
    if (octet === 0) {
      scratch[length++] = 0;
      const name = Buffer.from(scratch.subarray(0, length));
      return { name, end: end === -1 ? at + 1 : end };
    }
    if (octet <= labelBytesMax) {
      const next = at + 1 + octet;
      if (next >= message.length || length + 2 + octet > nameBytesMax) return null;
      message.copy(scratch, length, at, next);
      length += 1 + octet;
      at = next;
      continue;
    }
    const low = message[at + 1];
    if (octet < 0xc0 || low === undefined) return null;
    const target = (octet & 0x3f) * 256 + low;
    if (target >= bound || target < 12 || ++pointers > pointersMax) return null;
    if (end === -1) end = at + 2;
    at = target;
    bound = target;
  }
}

/**
 * Where the uncompressed name at `offset` ends; -1 when there is none, or a pointer in it, or more
 * than 255 bytes.
 */
export function nameEnd(bytes: Buffer, offset: number): number {
  let at = offset;
  for (;;) {
    const length = bytes[at];
    if (length === undefined || length > labelBytesMax) return -1;
    at += 1 + length;
    if (at - offset > nameBytesMax) return -1;
    if (length === 0) return at;
  }
}

/** Whether all of the bytes are one name in uncompressed wire form. */
export function isName(bytes: Buffer): boolean {
  return nameEnd(bytes, 0) === bytes.length;
}

/**
 * The name in lower case (ASCII only, RFC 4343); the same buffer when it is so already. A length is
 * at most 63, so that no octet of one looks like a letter.
 */
export function lowerName(name: TName): TName {
  for (let at = 0; at < name.length; at++) {
    if (!isUpper(name[at] as number)) continue;
    const lower = Buffer.from(name);
    for (let index = at; index < lower.length; index++) {
      lower[index] = lowerByte(lower[index] as number);
    }
    return lower;
  }
  return name;
}

function isUpper(byte: number): boolean {
  return byte >= 0x41 && byte <= 0x5a;
}

function lowerByte(byte: number): number {
  return isUpper(byte) ? byte | 0x20 : byte;
}

/** Whether two names are the same, in any case. */
export function equalNames(one: TName, other: TName): boolean {
  return one.length === other.length && endsAlike(one, 0, other);
}

function endsAlike(name: TName, from: number, end: TName): boolean {
  for (let at = 0; at < end.length; at++) {
    const byte = name[from + at] as number;
    if (byte !== end[at] && lowerByte(byte) !== lowerByte(end[at] as number)) return false;
  }
  return true;
}

const labelsOfOne = new Uint8Array(128);
const labelsOfOther = new Uint8Array(128);

/**
 * Canonical order (RFC 4034 §6.1): label by label from the right, as lower-case bytes, what is
 * shorter first.
 *
 * @returns below 0 when `one` comes first, 0 when the names are equal in any case.
 */
export function compareNames(one: TName, other: TName): number {
  let left = findLabels(one, labelsOfOne);
  let right = findLabels(other, labelsOfOther);
  while (left > 0 && right > 0) {
    const oneAt = labelsOfOne[--left] as number;
    const otherAt = labelsOfOther[--right] as number;
    const difference = compareLabels(one, oneAt, other, otherAt);
    if (difference !== 0) return difference;
  }
  return left - right;
}

/** @returns the count of labels, the root's not among them; `starts` gets where each begins. */
function findLabels(name: TName, starts: Uint8Array): number {
  let count = 0;
  for (let at = 0; at < name.length - 1; at += 1 + (name[at] as number)) starts[count++] = at;
  return count;
}

function compareLabels(one: TName, oneAt: number, other: TName, otherAt: number): number {
  const oneLength = one[oneAt] as number;
  const otherLength = other[otherAt] as number;
  const common = Math.min(oneLength, otherLength);
  for (let index = 1; index <= common; index++) {
    const left = lowerByte(one[oneAt + index] as number);
    const right = lowerByte(other[otherAt + index] as number);
    if (left !== right) return left - right;
  }
  return oneLength - otherLength;
}

/** How many labels a name has, not counting the root's: 2 for `example.org.`, 0 for `.`. */
export function labelCount(name: TName): number {
  let count = 0;
  for (let at = 0; at < name.length - 1; at += 1 + (name[at] as number)) count++;
  return count;
}

/** Whether `child` is `parent` or below it, in any case. */
export function isSubdomain(child: TName, parent: TName): boolean {
  const start = child.length - parent.length;
  if (start < 0) return false;
  let at = 0;
  while (at < start) at += 1 + (child[at] as number);
  return at === start && endsAlike(child, start, parent);
}

/** The name without its first label, on the same memory; null for the root. */
export function parentOf(name: TName): TName | null {
  return name.length === 1 ? null : name.subarray(1 + (name[0] as number));
}

/** The last `count` labels of a name, on the same memory; all of it when it has fewer. */
export function lastLabels(name: TName, count: number): TName {
  let rest = name;
  for (let left = labelCount(name); left > count; left--) {
    rest = rest.subarray(1 + (rest[0] as number));
  }
  return rest;
}

/**
 * `*.` in front of a name (RFC 4592). Of a name with more than 253 bytes the result is longer than
 * a name may be: it equals none.
 */
export function wildcardOf(name: TName): TName {
  const wildcard = Buffer.allocUnsafe(name.length + 2);
  wildcard[0] = 1;
  wildcard[1] = 0x2a;
  name.copy(wildcard, 2);
  return wildcard;
}

/** Whether the first label of a name is `*` (RFC 4592 §2.1.1). */
export function isWildcard(name: TName): boolean {
  return name[0] === 1 && name[1] === 0x2a;
}

/**
 * Puts `target` in the place of the suffix `owner` of a name at or below it: what a DNAME does
 * (RFC 6672 §2.2).
 *
 * @returns null when the result is longer than a name may be.
 */
export function replaceSuffix(name: TName, owner: TName, target: TName): TName | null {
  const kept = name.length - owner.length;
  if (kept + target.length > nameBytesMax) return null;
  return Buffer.concat([name.subarray(0, kept), target]);
}

/** The key of a name in a `Map`: its lower-case wire form, a character a byte. */
export function nameKey(name: TName): string {
  return lowerName(name).toString('latin1');
}

/** The name of a key that `nameKey` made: in lower case. */
export function nameOfKey(key: string): TName {
  return Buffer.from(key, 'latin1');
}

import { codecOf, type IRdataCodec } from './codec.ts';
import type { IField, TokenReader } from './field.ts';

/** Where on earth something is: RFC 1876. */

const equator = 2 ** 31;
const unitsPerDegree = 3_600_000;
/** The altitude counts centimetres from 100 km below sea level. */
const altitudeBase = 10_000_000;
const bytesOfVersion0 = 16;

const location: IField = {
  parse(input) {
    const bytes = Buffer.alloc(bytesOfVersion0);
    bytes.writeUInt32BE(parseAngle(input, 90, 'N', 'S'), 4);
    bytes.writeUInt32BE(parseAngle(input, 180, 'E', 'W'), 8);
    bytes.writeUInt32BE(altitudeBase + parseMetres(input, 'an altitude', -altitudeBase), 12);
    for (const [at, fallback] of [0x12, 0x16, 0x13].entries()) {
      bytes[at + 1] = input.isDone ? fallback : parseSize(input);
    }
    return bytes;
  },
  // RFC 1876 §2: nothing is known of the data of another version.
  end(bytes, at) {
    if (bytes[at] !== 0) return at < bytes.length ? bytes.length : -1;
    return isVersion0(bytes.subarray(at)) ? bytes.length : -1;
  },
  format(bytes, at) {
    const sizes = [...bytes.subarray(at + 1, at + 4)];
    // The zeros of several sizes are one and the same text.
    if (bytes[at] !== 0 || sizes.some((size) => size !== 0 && size < 0x10)) return null;
    return [
      formatAngle(bytes.readUInt32BE(at + 4), 'N', 'S'),
      formatAngle(bytes.readUInt32BE(at + 8), 'E', 'W'),
      formatMetres(bytes.readUInt32BE(at + 12) - altitudeBase),
      ...sizes.map((size) => formatMetres((size >>> 4) * 10 ** (size & 15))),
    ].join(' ');
  },
};

function isVersion0(bytes: Buffer): boolean {
  if (bytes.length !== bytesOfVersion0) return false;
  const isAngle = (at: number, degrees: number) =>
    Math.abs(bytes.readUInt32BE(at) - equator) <= degrees * unitsPerDegree;
  const isSize = (size: number) => size >>> 4 <= 9 && (size & 15) <= 9;
  return isAngle(4, 90) && isAngle(8, 180) && [...bytes.subarray(1, 4)].every(isSize);
}

/** Degrees, minutes and seconds, of which the last ones may be left out, and a direction. */
function parseAngle(input: TokenReader, max: number, plus: string, minus: string): number {
  const expected = `degrees, minutes and seconds, and ${plus} or ${minus}`;
  const parts: number[] = [];
  for (;;) {
    const word = input.next(expected).toUpperCase();
    if ((word === plus || word === minus) && parts.length > 0) {
      const [degrees = 0, minutes = 0, seconds = 0] = parts;
      const units = degrees * unitsPerDegree + minutes * 60_000 + Math.round(seconds * 1000);
      if (units > max * unitsPerDegree) throw input.failure(`at most ${max} degrees`);
      return word === plus ? equator + units : equator - units;
    }
    const pattern = parts.length === 2 ? /^\d{1,2}(?:\.\d{1,3})?$/ : /^\d{1,3}$/;
    const limit = parts.length === 0 ? max + 1 : 60;
    if (parts.length === 3 || !pattern.test(word) || Number(word) >= limit) {
      throw input.failure(expected);
    }
    parts.push(Number(word));
  }
}

function formatAngle(value: number, plus: string, minus: string): string {
  const units = Math.abs(value - equator);
  const seconds = ((units % 60_000) / 1000).toFixed(3);
  const degrees = Math.floor(units / unitsPerDegree);
  const minutes = Math.floor(units / 60_000) % 60;
  return `${degrees} ${minutes} ${seconds} ${value >= equator ? plus : minus}`;
}

/** @returns centimetres. */
function parseMetres(input: TokenReader, expected: string, min: number): number {
  const text = input.next(expected);
  const parts = /^(-?)(\d{1,8})(?:\.(\d{1,2}))?m?$/i.exec(text);
  if (parts === null) throw input.failure(`${expected} in metres`);
  const [, sign, whole, fraction = ''] = parts;
  const centimetres = Number(whole) * 100 + Number(fraction.padEnd(2, '0'));
  const value = sign === '-' ? -centimetres : centimetres;
  const max = min === 0 ? 9_000_000_000 : 0xffff_ffff - altitudeBase;
  if (value < min || value > max) throw input.failure(`${expected} in metres, in range`);
  return value;
}

function formatMetres(centimetres: number): string {
  return `${(centimetres / 100).toFixed(2)}m`;
}

/** One digit and the count of zeros behind it, in four bits each. */
function parseSize(input: TokenReader): number {
  let mantissa = parseMetres(input, 'a size', 0);
  let exponent = 0;
  while (mantissa >= 10) {
    mantissa = Math.floor(mantissa / 10);
    exponent++;
  }
  return (mantissa << 4) | exponent;
}

/** Locations. */
export const locationCodecs = {
  LOC: codecOf({ fields: [location] }),
} as const satisfies Record<string, IRdataCodec>;

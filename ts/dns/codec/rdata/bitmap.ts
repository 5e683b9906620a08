import { recordTypeName, recordTypeOf } from '../types.ts';
import type { IField } from './field.ts';

/** The types of a bitmap in the wire form of RFC 4034 §4.1.2; order and repeats do not count. */
export function encodeTypes(types: Iterable<number>): Buffer {
  const windows = new Map<number, Buffer>();
  for (const type of [...types].sort((one, other) => one - other)) {
    let bits = windows.get(type >>> 8);
    if (bits === undefined) {
      bits = Buffer.alloc(32);
      windows.set(type >>> 8, bits);
    }
    const at = (type & 0xff) >>> 3;
    bits[at] = (bits[at] as number) | (0x80 >>> (type & 7));
  }
  return Buffer.concat(
    [...windows].flatMap(([window, bits]) => {
      const length = bits.findLastIndex((byte) => byte !== 0) + 1;
      return [Buffer.of(window, length), bits.subarray(0, length)];
    }),
  );
}

/** The types of the bitmap from `at` to before `end`, ascending; it is well-formed. */
export function decodeTypes(bytes: Buffer, at = 0, end = bytes.length): number[] {
  const types: number[] = [];
  for (let start = at; start < end; start += 2 + (bytes[start + 1] as number)) {
    const length = bytes[start + 1] as number;
    for (let bit = 0; bit < length * 8; bit++) {
      const byte = bytes[start + 2 + (bit >>> 3)] as number;
      if ((byte & (0x80 >>> (bit & 7))) !== 0) types.push((bytes[start] as number) * 256 + bit);
    }
  }
  return types;
}

/** Types up to the end of the data; `needed`: at least one. */
export function typeBitmap({ needed }: { needed: boolean }): IField {
  return {
    parse(input) {
      const types: number[] = [];
      while (!input.isDone || (needed && types.length === 0)) {
        const type = recordTypeOf(input.next('a record type'));
        if (type === undefined) throw input.failure('a record type');
        types.push(type);
      }
      return encodeTypes(types);
    },
    end: (bytes, at) => (isBitmap(bytes, at) && (at < bytes.length || !needed) ? bytes.length : -1),
    format: (bytes, at, end) => decodeTypes(bytes, at, end).map(recordTypeName).join(' '),
  };
}

/** Windows ascend, none is empty, and none has zeros at its end: RFC 4034 §4.1.2. */
function isBitmap(bytes: Buffer, from: number): boolean {
  let previous = -1;
  let at = from;
  while (at < bytes.length) {
    const window = bytes[at] as number;
    const length = bytes[at + 1] ?? 0;
    const next = at + 2 + length;
    if (window <= previous || length === 0 || length > 32 || next > bytes.length) return false;
    if (bytes[next - 1] === 0) return false;
    previous = window;
    at = next;
  }
  return at === bytes.length;
}

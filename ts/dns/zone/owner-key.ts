/**
 * Owners as keys: the labels below the apex from the right to the left, in lower case, with a zero
 * byte between them. `www.example.org` in the zone `example.org` is `www`, `b.a.example.org` is
 * `a\0b`, and the apex is the empty text. As texts they sort in the canonical order of RFC 4034
 * §6.1, and all below a name begins with its key and a zero.
 */

/** Between the labels of a key. */
export const labelEnd = '\0';

/** Bytes 0 and 1 of a label become two, so that a zero always ends a label. */
const escapeByte = 1;

const starts = new Uint8Array(128);
const scratch = Buffer.alloc(512);

/**
 * @param name in wire form, in any case.
 * @param apex in wire form, in lower case.
 * @returns undefined when the name is neither the apex nor below it.
 */
export function ownerKey(name: Buffer, apex: Buffer): string | undefined {
  const end = name.length - apex.length;
  if (end < 0) return undefined;
  let count = 0;
  let at = 0;
  for (; at < end; at += 1 + (name[at] as number)) starts[count++] = at;
  if (at !== end) return undefined;
  for (let index = 0; index < apex.length; index++) {
    if (lower(name[end + index] as number) !== apex[index]) return undefined;
  }
  let length = 0;
  while (count > 0) {
    const start = starts[--count] as number;
    if (length > 0) scratch[length++] = 0;
    const stop = start + 1 + (name[start] as number);
    for (let index = start + 1; index < stop; index++) {
      const byte = name[index] as number;
      if (byte > escapeByte) {
        scratch[length++] = lower(byte);
      } else {
        scratch[length++] = escapeByte;
        scratch[length++] = byte + 1;
      }
    }
  }
  return scratch.toString('latin1', 0, length);
}

/** The name of a key, in wire form and lower case. */
export function ownerName(key: string, apex: Buffer): Buffer {
  if (key === '') return apex;
  const labels = key.split(labelEnd).reverse().map(labelBytes);
  return Buffer.concat([...labels.flatMap((label) => [Buffer.of(label.length), label]), apex]);
}

function labelBytes(text: string): Buffer {
  const bytes = Buffer.from(text, 'latin1');
  if (!text.includes('\x01')) return bytes;
  let length = 0;
  for (let index = 0; index < bytes.length; index++) {
    const byte = bytes[index] as number;
    bytes[length++] = byte === escapeByte ? (bytes[++index] as number) - 1 : byte;
  }
  return bytes.subarray(0, length);
}

/** Whether the owner of the key is below the other one, not the same. */
export function isBelow(key: string, ancestor: string): boolean {
  return ancestor === ''
    ? key !== ''
    : key.charCodeAt(ancestor.length) === 0 && key.startsWith(ancestor);
}

/** The key one label shorter; undefined for the apex. */
export function parentKey(key: string): string | undefined {
  if (key === '') return undefined;
  return key.slice(0, Math.max(0, key.lastIndexOf(labelEnd)));
}

/** The key of `*` below the owner. */
export function wildcardKey(key: string): string {
  return key === '' ? '*' : `${key}${labelEnd}*`;
}

/** The key of the nearest owner that both are at or below. */
export function commonAncestor(first: string, second: string): string {
  let common = 0;
  const end = Math.min(first.length, second.length);
  for (let index = 0; index < end; index++) {
    if (first.charCodeAt(index) !== second.charCodeAt(index)) break;
    common = index + 1;
  }
  for (let at = common; at > 0; at--) {
    if (endsLabel(first, at) && endsLabel(second, at)) return first.slice(0, at);
  }
  return '';
}

function endsLabel(key: string, at: number): boolean {
  return at === key.length || key.charCodeAt(at) === 0;
}

function lower(byte: number): number {
  return byte >= 0x41 && byte <= 0x5a ? byte + 32 : byte;
}

import { recordType } from '../codec/types.ts';

/** Types whose owner is a host: RFC 1123 §2.1, as BIND's check-names has them. */
const hostTypes: ReadonlySet<number> = new Set([recordType.A, recordType.AAAA, recordType.MX]);

const hyphen = 0x2d;
const asterisk = 0x2a;
const addressPattern = /^[0-9]{1,3}$/;

/** Whether the owner should be a host name for this type, and is none; a wildcard may be one. */
export function hasBadOwner(name: Buffer, type: number): boolean {
  return hostTypes.has(type) && !isHostName(name, true);
}

/** Whether all labels are letters, digits and inner hyphens. */
export function isHostName(name: Buffer, wildcardToo = false): boolean {
  const start = wildcardToo && name[0] === 1 && name[1] === asterisk ? 2 : 0;
  for (let at = start; at < name.length - 1; ) {
    const end = at + 1 + (name[at] as number);
    if (name[at + 1] === hyphen || name[end - 1] === hyphen) return false;
    for (let index = at + 1; index < end; index++) {
      if (!isHostByte(name[index] as number)) return false;
    }
    at = end;
  }
  return true;
}

function isHostByte(byte: number): boolean {
  const letter = byte | 0x20;
  const isLetter = letter >= 0x61 && letter <= 0x7a && byte >= 0x41;
  return isLetter || (byte >= 0x30 && byte <= 0x39) || byte === hyphen;
}

/** Whether a name begins with four numbers: an address where a name must be. */
export function looksLikeAddress(name: Buffer): boolean {
  let at = 0;
  for (let count = 0; count < 4; count++) {
    const end = at + 1 + (name[at] ?? 0);
    if (!addressPattern.test(name.toString('latin1', at + 1, end))) return false;
    at = end;
  }
  return true;
}

/** Whether a name in the zone ends with the zone's name twice: `www.example.org.example.org.` */
export function hasApexTwice(name: Buffer, apex: Buffer): boolean {
  // A zone of one label is too often in names on purpose.
  if (apex.length < 3 || apex.length === 2 + (apex[0] as number)) return false;
  const labels = apex.subarray(0, -1);
  return (
    name.length >= apex.length + labels.length &&
    name
      .subarray(0, -1 - labels.length)
      .subarray(-labels.length)
      .equals(labels)
  );
}

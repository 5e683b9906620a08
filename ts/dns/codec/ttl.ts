/** Largest TTL (RFC 2181 §8) in seconds. */
export const ttlMax = 0x7fff_ffff;

const unitSeconds: Readonly<Record<string, number>> = {
  s: 1,
  m: 60,
  h: 3600,
  d: 86_400,
  w: 604_800,
};

const withUnits = /^(?:\d{1,10}[smhdw])+$/i;

/**
 * Reads seconds, plain or with units as BIND has them: `3600`, `1h30m`, `2W`.
 *
 * @returns null when the text is neither, or is above 2^32 - 1: which of those are too large as a
 * TTL is up to the caller (`ttlMax`).
 */
export function parseTtl(text: string): number | null {
  let seconds = 0;
  if (/^\d{1,10}$/.test(text)) {
    seconds = Number(text);
  } else {
    if (!withUnits.test(text)) return null;
    for (const [, digits, unit] of text.matchAll(/(\d+)([a-z])/gi)) {
      seconds += Number(digits) * (unitSeconds[(unit as string).toLowerCase()] as number);
    }
  }
  return seconds <= 0xffff_ffff ? seconds : null;
}

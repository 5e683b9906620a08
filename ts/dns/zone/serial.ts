/** How the serial of a zone rises with a change. */
export type TSerialPolicy = 'increment' | 'unix-time' | 'date';

const serialCount = 2 ** 32;
const half = 2 ** 31;

/** @returns the serial after `add` (0 to 2^31 - 1) more; it wraps (RFC 1982 §3.1). */
export function addToSerial(serial: number, add: number): number {
  return (serial + add) % serialCount;
}

/**
 * Compares two serials as RFC 1982 §3.2 does: after 4294967295 comes 0.
 *
 * @returns -1 when `first` is older, 1 when it is newer, 0 when they are equal, and undefined when
 *   they are exactly 2^31 apart, which the RFC leaves open.
 */
export function compareSerials(first: number, second: number): -1 | 0 | 1 | undefined {
  if (first === second) return 0;
  const ahead = (second - first + serialCount) % serialCount;
  if (ahead === half) return undefined;
  return ahead < half ? -1 : 1;
}

/**
 * The serial after a change: always newer than `serial`, by one where the policy's own number is
 * not newer.
 *
 * @param policy `increment` adds one, `unix-time` takes the seconds since 1970, `date` is
 *   `YYYYMMDDnn` in UTC with `nn` from 00.
 * @param nowMs milliseconds since the epoch.
 */
export function nextSerial(serial: number, policy: TSerialPolicy, nowMs: number): number {
  const wanted = wantedSerial(policy, nowMs);
  if (wanted !== undefined && compareSerials(serial, wanted) === -1) return wanted;
  return addToSerial(serial, 1);
}

function wantedSerial(policy: TSerialPolicy, nowMs: number): number | undefined {
  if (policy === 'increment') return undefined;
  if (policy === 'unix-time') return Math.floor(nowMs / 1000) % serialCount;
  const day = new Date(nowMs).toISOString().slice(0, 10).replaceAll('-', '');
  return Number(`${day}00`) % serialCount;
}

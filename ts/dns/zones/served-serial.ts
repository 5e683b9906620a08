import { compareSerials, nextSerial, type TSerialPolicy } from '../zone/serial.ts';

/** What decides on the serial of a version that is to be served. */
export interface ISerialCase {
  /** Of the version that was served last, before a restart too; null: none ever was. */
  readonly last: number | null;
  /** The highest that was ever given away, also to versions that were not served in the end. */
  readonly highest: number | null;
  /** That somebody wrote into the SOA; null: nobody did. */
  readonly own: number | null;
  /** What is served differs from what was served last. */
  readonly isChanged: boolean;
  readonly policy: TSerialPolicy;
  /** Milliseconds since the epoch. */
  readonly nowMs: number;
}

/**
 * The serial that clients see: it rises with every change of what is served, and follows the SOA's
 * own when that is ahead. It never goes back, and never stands for two contents.
 */
export function servedSerial({
  last,
  highest,
  own,
  isChanged,
  policy,
  nowMs,
}: ISerialCase): number {
  if (last === null || highest === null) return own ?? nextSerial(0, policy, nowMs);
  if (own !== null && compareSerials(highest, own) === -1) return own;
  return isChanged ? nextSerial(highest, policy, nowMs) : last;
}

/** The newer of two serials; null counts as none. */
export function newerSerial(one: number | null, other: number): number {
  return one === null || compareSerials(one, other) === -1 ? other : one;
}

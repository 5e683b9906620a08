import { soaNumbers } from '../codec/soa.ts';
import type { Zone } from '../zone/zone.ts';

/** Milliseconds. */
export interface ISecondaryTimes {
  /** From one look at the primaries to the next, while they answer, */
  readonly refreshMs: number;
  /** and while they do not. */
  readonly retryMs: number;
  /** From the last look that succeeded until the zone is not answered for any more. */
  readonly expireMs: number;
}

const second = 1000;
const week = 7 * 86_400 * second;
/** The times of a SOA are kept within these; RFC 1035 has no bounds, other servers do. */
const refreshMin = 2 * second;
const refreshMax = 4 * week;
const retryMin = 2 * second;
const retryMax = 2 * week;
const expireMin = 4 * second;
/** A zone that was never fetched is tried for after so long, twice as long, and so on, up to … */
const firstRetryMs = 2 * second;
const firstRetryMax = 300 * second;
/** Times end up to this part earlier, so that zones which came together part. */
const jitter = 0.1;

/**
 * The times of a zone's SOA, within bounds: refresh 2 s to 4 weeks, retry 2 s to 2 weeks, expire at
 * least 4 s. The primaries are looked at twice before the zone expires, whatever its refresh says.
 */
export function timesOf(zone: Zone): ISecondaryTimes {
  const { refreshS, retryS, expireS } = soaNumbers(zone.soa().rdatas[0] as Buffer);
  const expireMs = Math.max(expireMin, expireS * second);
  const refreshMs = Math.min(within(refreshS * second, refreshMin, refreshMax), expireMs / 2);
  const retryMs = Math.min(within(retryS * second, retryMin, retryMax), refreshMs);
  return { refreshMs, retryMs, expireMs };
}

/** Until the next try for a zone that was never fetched. @param failures so far, at least 1. */
export function firstRetry(failures: number): number {
  return Math.min(firstRetryMax, firstRetryMs * 2 ** Math.min(failures - 1, 16));
}

/** A little earlier. @param random gives a whole number below the bound. */
export function jittered(ms: number, random: (bound: number) => number): number {
  return Math.ceil(ms * (1 - (jitter * random(1001)) / 1000));
}

function within(ms: number, min: number, max: number): number {
  return Math.min(max, Math.max(min, ms));
}

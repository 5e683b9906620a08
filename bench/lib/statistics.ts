import type { IMeasurement } from './load.ts';

/** The middle value; of an even number, the mean of the two. Not a number when there is none. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2;
}

/** Each number's median over the rounds; errors are added up. */
export function medians(rounds: readonly IMeasurement[]): IMeasurement {
  const of = (pick: (round: IMeasurement) => number): number => median(rounds.map(pick));
  return {
    requestsPerSecond: of((round) => round.requestsPerSecond),
    cpuUsPerRequest: of((round) => round.cpuUsPerRequest),
    p50Ms: of((round) => round.p50Ms),
    p99Ms: of((round) => round.p99Ms),
    rssBytes: of((round) => round.rssBytes),
    proxyCoreBusy: of((round) => round.proxyCoreBusy),
    loadCoreBusy: of((round) => round.loadCoreBusy),
    errors: rounds.reduce((sum, round) => sum + round.errors, 0),
  };
}

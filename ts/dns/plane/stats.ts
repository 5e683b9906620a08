import type { IDnsStats } from '../../../ts_interfaces/index.ts';
import type { IClock, ITimer } from '../../core/clock.ts';
import { formatName, nameOfKey } from '../codec/name.ts';
import type { IDnsNumbers } from '../server/dns-counters.ts';
import { TopNames } from '../server/top-names.ts';
import type { ResolverService } from './resolver-service.ts';

const topNamesMax = 20;
/** Queries a second are those of so many seconds. */
const windowS = 10;

/** What one thread has counted. */
export interface IThreadCounts {
  readonly numbers: IDnsNumbers;
  /** See `TopNames.entries`. */
  readonly top: readonly (readonly [name: string, count: number])[];
}

/** Nothing was counted. */
export const noCounts: IThreadCounts = Object.freeze({
  numbers: {
    queries: { udp: 0, tcp: 0, tls: 0, https: 0 },
    rcodes: {},
    types: {},
    truncated: 0,
    dropped: 0,
    rateLimited: 0,
    slipped: 0,
    sendFailures: 0,
    faults: 0,
  },
  top: [],
});

/** Adds up what several threads have counted. */
export function addCounts(all: readonly IThreadCounts[]): IThreadCounts {
  const top = new TopNames(1);
  let { numbers } = noCounts;
  for (const counts of all) {
    numbers = sumOf(numbers, counts.numbers);
    top.merge(counts.top);
  }
  return { numbers, top: top.entries() };
}

function sumOf(one: IDnsNumbers, other: IDnsNumbers): IDnsNumbers {
  const add = (
    key: 'truncated' | 'dropped' | 'rateLimited' | 'slipped' | 'sendFailures' | 'faults',
  ) => one[key] + other[key];
  return {
    queries: {
      udp: one.queries.udp + other.queries.udp,
      tcp: one.queries.tcp + other.queries.tcp,
      tls: one.queries.tls + other.queries.tls,
      https: one.queries.https + other.queries.https,
    },
    rcodes: sumByName(one.rcodes, other.rcodes),
    types: sumByName(one.types, other.types),
    truncated: add('truncated'),
    dropped: add('dropped'),
    rateLimited: add('rateLimited'),
    slipped: add('slipped'),
    sendFailures: add('sendFailures'),
    faults: add('faults'),
  };
}

function sumByName(
  one: Readonly<Record<string, number>>,
  other: Readonly<Record<string, number>>,
): Record<string, number> {
  const sum: Record<string, number> = { ...one };
  for (const [name, count] of Object.entries(other)) sum[name] = (sum[name] ?? 0) + count;
  return sum;
}

/** The names that were asked for most often, as text; counts are of the sample, made up to all. */
export function topNamesOf({ top }: IThreadCounts, sample: number): IDnsStats['topNames'] {
  return top
    .slice(0, topNamesMax)
    .map(([key, count]) => ({ name: formatName(nameOfKey(key)), count: count * sample }));
}

/** Numbers of the resolver's cache. */
export function cacheStats(service: ResolverService): IDnsStats['cache'] {
  const { cache, caching } = service.current;
  const { entries, bytes, hits, misses, staleHits: stale } = cache.numbers();
  const hitRate = hits + misses === 0 ? 0 : hits / (hits + misses);
  return { entries, bytes, hits, misses, hitRate, stale, prefetches: caching.prefetches };
}

/** Measures how fast a count grows, over the last seconds. */
export class RateMeter {
  private readonly clock: IClock;
  private readonly total: () => Promise<number>;
  private readonly samples: { readonly atMs: number; readonly count: number }[] = [];
  private timer: ITimer | null = null;

  /** @param total never rejects. */
  constructor(clock: IClock, total: () => Promise<number>) {
    this.clock = clock;
    this.total = total;
  }

  /** Begins to measure. Idempotent. */
  start(): void {
    if (this.timer === null) this.tick();
  }

  /** Idempotent. */
  stop(): void {
    this.timer?.cancel();
    this.timer = null;
    this.samples.length = 0;
  }

  /** Growth a second up to now, when the count is this; 0 as long as nothing was measured. */
  perSecond(count: number): number {
    const [first] = this.samples;
    if (first === undefined) return 0;
    const elapsedMs = this.clock.monotonic() - first.atMs;
    return elapsedMs <= 0 ? 0 : Math.max(0, ((count - first.count) * 1000) / elapsedMs);
  }

  private tick(): void {
    this.timer = this.clock.setTimeout(() => this.tick(), 1000);
    const atMs = this.clock.monotonic();
    void this.total().then((count) => {
      if (this.timer === null) return;
      this.samples.push({ atMs, count });
      if (this.samples.length > windowS) this.samples.shift();
    });
  }
}

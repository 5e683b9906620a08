import type { IClock } from '../core/clock.ts';
import { systemClock } from '../core/clock.ts';
import type { BalancingStrategy } from './balancing-strategy.ts';
import { type Endpoint, LATENCY_DECAY_MS } from './endpoint.ts';
import { chance, hashText, mixHash } from './hash.ts';

/** Cost of an endpoint that has work but no measurement yet: above every measured one. */
const UNMEASURED_COST = 1e12;

const MAPPED_PREFIX = '::ffff:';

/**
 * Chooses the endpoint of a request. It has no state of its own (that is in the endpoints), so one
 * instance serves every route, and it allocates nothing.
 */
export abstract class LoadBalancer {
  abstract readonly strategy: BalancingStrategy;

  /**
   * The endpoint for the next attempt; undefined when none is both alive and untried.
   *
   * @param clientIp the client's address in the form that the socket gives; used by IP_HASH.
   * @param tried endpoints that failed this request already; null before the first attempt.
   * @param random 0 (inclusive) to 1 (exclusive). @default an own generator
   */
  abstract pick(
    endpoints: readonly Endpoint[],
    clientIp: string,
    tried: readonly Endpoint[] | null,
    random?: () => number,
  ): Endpoint | undefined;
}

/** Smooth weighted round robin, as nginx does it: weights 5, 1, 1 give A A B A C A A. */
export class RoundRobinLB extends LoadBalancer {
  readonly strategy = 'ROUND_ROBIN';

  pick(
    endpoints: readonly Endpoint[],
    _clientIp: string,
    tried: readonly Endpoint[] | null,
  ): Endpoint | undefined {
    let best: Endpoint | undefined;
    let total = 0;
    for (let index = 0; index < endpoints.length; index++) {
      const endpoint = endpoints[index] as Endpoint;
      if (!isUsable(endpoint, tried)) continue;
      total += endpoint.weight;
      endpoint.currentWeight += endpoint.weight;
      if (best === undefined || endpoint.currentWeight > best.currentWeight) best = endpoint;
    }
    if (best !== undefined) best.currentWeight -= total;
    return best;
  }
}

/** By chance, in proportion to the weights. */
export class RandomLB extends LoadBalancer {
  readonly strategy = 'RANDOM';

  pick(
    endpoints: readonly Endpoint[],
    _clientIp: string,
    tried: readonly Endpoint[] | null,
    random: () => number = chance,
  ): Endpoint | undefined {
    let total = 0;
    for (let index = 0; index < endpoints.length; index++) {
      const endpoint = endpoints[index] as Endpoint;
      if (isUsable(endpoint, tried)) total += endpoint.weight;
    }
    if (total === 0) return undefined;

    let ticket = random() * total;
    let last: Endpoint | undefined;
    for (let index = 0; index < endpoints.length; index++) {
      const endpoint = endpoints[index] as Endpoint;
      if (!isUsable(endpoint, tried)) continue;
      last = endpoint;
      ticket -= endpoint.weight;
      if (ticket < 0) break;
    }
    return last;
  }
}

/**
 * Always the same endpoint for a client address, by weighted rendezvous hashing: when one of N
 * goes, only its clients move, and they spread over the others. The whole address counts, IPv6 too;
 * an IPv4 address mapped into IPv6 is the same client as the plain one.
 *
 * @see Thaler and Ravishankar, "Using name-based mappings to increase hit rates" (1998)
 */
export class IpHashLB extends LoadBalancer {
  readonly strategy = 'IP_HASH';

  pick(
    endpoints: readonly Endpoint[],
    clientIp: string,
    tried: readonly Endpoint[] | null,
  ): Endpoint | undefined {
    const isMapped = clientIp.startsWith(MAPPED_PREFIX) && clientIp.includes('.');
    const client = hashText(clientIp, isMapped ? MAPPED_PREFIX.length : 0);
    let best: Endpoint | undefined;
    let bestScore = Number.NEGATIVE_INFINITY;
    for (let index = 0; index < endpoints.length; index++) {
      const endpoint = endpoints[index] as Endpoint;
      if (!isUsable(endpoint, tried)) continue;
      // A number in (0, 1) that only this client and this endpoint have; log(u) / weight is the
      // race that a weight of 2 wins twice as often as a weight of 1.
      const share = ((mixHash(client ^ endpoint.hash) >>> 0) + 0.5) / 0x1_0000_0000;
      const score = Math.log(share) / endpoint.weight;
      if (score > bestScore) {
        best = endpoint;
        bestScore = score;
      }
    }
    return best;
  }
}

/**
 * The cheaper of two endpoints drawn by chance. Cost: peak EWMA of the latency, which decays while
 * nothing is measured, times the requests that it would then have, by weight. An endpoint without
 * measurement costs nothing until it has its first request, then a lot until that is answered.
 *
 * @see Mitzenmacher, "The power of two choices in randomized load balancing" (2001)
 */
export class LeastLatencyLB extends LoadBalancer {
  readonly strategy = 'LEAST_LATENCY';
  private readonly clock: IClock;

  /** @param clock the one whose monotonic time the endpoints' `observe()` gets. */
  constructor(clock: IClock = systemClock) {
    super();
    this.clock = clock;
  }

  pick(
    endpoints: readonly Endpoint[],
    _clientIp: string,
    tried: readonly Endpoint[] | null,
    random: () => number = chance,
  ): Endpoint | undefined {
    let usable = 0;
    let first: Endpoint | undefined;
    for (let index = 0; index < endpoints.length; index++) {
      const endpoint = endpoints[index] as Endpoint;
      if (!isUsable(endpoint, tried)) continue;
      if (usable === 0) first = endpoint;
      usable++;
    }
    if (usable <= 1) return first;

    const one = Math.floor(random() * usable);
    let other = Math.floor(random() * (usable - 1));
    if (other >= one) other++;
    const left = nthUsable(endpoints, tried, one);
    const right = nthUsable(endpoints, tried, other);
    const now = this.clock.monotonic();
    return costOf(right, now) < costOf(left, now) ? right : left;
  }
}

/** The fewest requests by weight; among equals by chance, in proportion to the weights. */
export class LeastConnectionsLB extends LoadBalancer {
  readonly strategy = 'LEAST_CONNECTIONS';

  pick(
    endpoints: readonly Endpoint[],
    _clientIp: string,
    tried: readonly Endpoint[] | null,
    random: () => number = chance,
  ): Endpoint | undefined {
    let best: Endpoint | undefined;
    let equalWeight = 0;
    for (let index = 0; index < endpoints.length; index++) {
      const endpoint = endpoints[index] as Endpoint;
      if (!isUsable(endpoint, tried)) continue;
      if (best === undefined) {
        best = endpoint;
        equalWeight = endpoint.weight;
        continue;
      }
      const difference = endpoint.active * best.weight - best.active * endpoint.weight;
      if (difference < 0) {
        best = endpoint;
        equalWeight = endpoint.weight;
      } else if (difference === 0) {
        // Reservoir sampling: each of the equals so far stays with its share of the weights.
        equalWeight += endpoint.weight;
        if (random() * equalWeight < endpoint.weight) best = endpoint;
      }
    }
    return best;
  }
}

const shared: Record<BalancingStrategy, LoadBalancer> = {
  ROUND_ROBIN: new RoundRobinLB(),
  RANDOM: new RandomLB(),
  IP_HASH: new IpHashLB(),
  LEAST_LATENCY: new LeastLatencyLB(),
  LEAST_CONNECTIONS: new LeastConnectionsLB(),
};

/**
 * The load balancer of a strategy; the same object for every route.
 *
 * @param clock only matters to LEAST_LATENCY; another than the system's makes an instance of its
 *   own.
 */
export function loadBalancerFor(
  strategy: BalancingStrategy,
  clock: IClock = systemClock,
): LoadBalancer {
  if (strategy === 'LEAST_LATENCY' && clock !== systemClock) return new LeastLatencyLB(clock);
  return shared[strategy];
}

function isUsable(endpoint: Endpoint, tried: readonly Endpoint[] | null): boolean {
  return !endpoint.isDead && (tried === null || !tried.includes(endpoint));
}

function nthUsable(
  endpoints: readonly Endpoint[],
  tried: readonly Endpoint[] | null,
  wanted: number,
): Endpoint {
  let left = wanted;
  for (let index = 0; index < endpoints.length; index++) {
    const endpoint = endpoints[index] as Endpoint;
    if (isUsable(endpoint, tried) && left-- === 0) return endpoint;
  }
  throw new Error('Fewer usable endpoints than counted');
}

function costOf(endpoint: Endpoint, now: number): number {
  const latency = endpoint.latencyMs;
  if (latency === 0) {
    // One that only failed so far has no latency either, and must not look like the cheapest.
    return UNMEASURED_COST * (endpoint.active + endpoint.failureCount);
  }
  const idle = now - endpoint.latencyAt;
  const decayed = idle > 0 ? latency * Math.exp(-idle / LATENCY_DECAY_MS) : latency;
  return (decayed * (endpoint.active + 1)) / endpoint.weight;
}

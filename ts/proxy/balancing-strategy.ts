import type { BalancingStrategy as TBalancingStrategy } from '../../ts_interfaces/index.ts';

/**
 * Names of the ways to choose a backend, for code that prefers `BalancingStrategy.RANDOM` to a
 * string.
 */
export const BalancingStrategy = {
  ROUND_ROBIN: 'ROUND_ROBIN',
  IP_HASH: 'IP_HASH',
  RANDOM: 'RANDOM',
  LEAST_LATENCY: 'LEAST_LATENCY',
  LEAST_CONNECTIONS: 'LEAST_CONNECTIONS',
} as const satisfies { [Name in TBalancingStrategy]: Name };

/** How a route chooses the backend of a request. */
export type BalancingStrategy = TBalancingStrategy;

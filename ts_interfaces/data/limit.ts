import type { TOrigin } from './certificate.ts';

/** How many requests may come: a token bucket for each key. Above: 429. */
export interface IRateLimit {
  /** Requests that may come per window. */
  requests: number;
  /** Length of the window in seconds. @default 1 */
  windowSeconds?: number;
  /** Requests that may come at once after a pause. @default requests */
  burst?: number;
  /**
   * What has a bucket of its own: each client address, each value of a header (`{ header: NAME }`;
   * requests without it share one), or the route as a whole. @default 'address'
   */
  key?: 'address' | 'route' | { header: string };
  /** Bits of an IPv4 address that count, so that neighbours share a bucket. @default 32 */
  prefix4?: number;
  /** Bits of an IPv6 address that count. @default 64 */
  prefix6?: number;
}

/** How many connections may come: a token bucket for each client address. Above: the connection is closed. */
export interface IConnectionRate {
  /** Connections that may come per window. */
  connections: number;
  /** Length of the window in seconds. @default 1 */
  windowSeconds?: number;
  /** Connections that may come at once after a pause. @default connections */
  burst?: number;
}

/** How fast one connection may be, in bytes per second; 0 or absent: as fast as it goes. */
export interface IBandwidth {
  /** From the client. @default 0 */
  inBytesPerSecond?: number;
  /** To the client. @default 0 */
  outBytesPerSecond?: number;
}

/** What may be shown of a named limit. */
export interface ILimitInfo {
  name: string;
  limit: IRateLimit;
  origin: TOrigin;
  /** Keys that have a bucket now. */
  keys: number;
  /** Requests that were let through since the start. */
  allowed: number;
  /** Requests that were refused since the start. */
  refused: number;
  /** Ids of the routes that name it. */
  routes: string[];
}

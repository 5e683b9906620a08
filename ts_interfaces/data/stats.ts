import type { ITcpStats } from './tcp.ts';

/** Latency over the sliding window, in milliseconds. */
export interface ILatencyStats {
  mean: number;
  p50: number;
  p95: number;
  p99: number;
  max: number;
}

/** Counters of a route or of all. Totals count since the start; rates and latency cover the window. */
export interface ITrafficStats {
  /** Finished requests. */
  requests: number;
  /** Per second, over the window. */
  requestsPerSecond: number;
  /** Finished requests with a status of 500 or more, or that broke off. */
  errors: number;
  /** Share of the window's requests, 0 to 1. */
  errorRate: number;
  /** By status class: `2xx` … `5xx`, and `aborted`. */
  statuses: Record<string, number>;
  /** Requests with a backend now. */
  active: number;
  /** Requests waiting in the queue now. */
  queued: number;
  retries: number;
  /** From clients: heads and bodies. */
  bytesIn: number;
  /** To clients: heads and bodies. */
  bytesOut: number;
  latency: ILatencyStats;
  /** Length of the window in seconds. */
  windowSeconds: number;
}

/** Answer of `GET /api/v1/stats/:vHost`. */
export interface IRouteStats extends ITrafficStats {
  routeId: string;
  vHost: string;
  backends: {
    id: string;
    isDead: boolean;
    failureCount: number;
    active: number;
    requests: number;
    /** Exponentially weighted, in milliseconds. */
    latencyMs: number;
    idleConnections: number;
  }[];
}

/** What name servers and resolver did since the start, in short. */
export interface IDnsTotals {
  /** By all transports. */
  queries: number;
  queriesPerSecond: number;
  /** Answers SERVFAIL. */
  failed: number;
  /** Queries that were not answered: garbage, and over a limit. */
  dropped: number;
  /** Share of the resolver's answers that came from its cache, 0 to 1. */
  cacheHitRate: number;
}

/** Answer of `GET /api/v1/stats`. */
export interface IGlobalStats extends ITrafficStats {
  uptimeSeconds: number;
  connections: { open: number; total: number; refused: number; tunnels: number };
  routes: number;
  /** Of the TCP and UDP plane. */
  tcp: ITcpStats;
  /** Of the DNS plane; `GET /api/v1/dns/stats` has more. */
  dns: IDnsTotals;
  accessLog: { written: number; dropped: number };
  memory: { rssBytes: number; heapUsedBytes: number };
}

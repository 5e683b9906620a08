import { z } from 'zod';
import { answer } from './registry.ts';
import { tcpStatsSchema } from './tcp.ts';

const count = z.int().min(0);
const amount = z.number().min(0);

const trafficShape = {
  requests: count.describe('Finished requests since the start'),
  requestsPerSecond: amount.describe('Over the window'),
  errors: count.describe('Finished with 500 or more, or broken off, since the start'),
  errorRate: z.number().min(0).max(1).describe('Share of the window’s requests'),
  statuses: z.record(z.string(), count).describe('By class: `2xx` … `5xx`, and `aborted`'),
  active: count.describe('With a backend now'),
  queued: count.describe('Waiting now'),
  retries: count,
  bytesIn: count,
  bytesOut: count,
  latency: z
    .strictObject({ mean: amount, p50: amount, p95: amount, p99: amount, max: amount })
    .describe('Milliseconds, over the window'),
  windowSeconds: amount,
};

/** `IGlobalStats`. */
export const globalStatsSchema = answer(
  'GlobalStats',
  z.strictObject({
    ...trafficShape,
    uptimeSeconds: amount,
    connections: z.strictObject({ open: count, total: count, refused: count, tunnels: count }),
    routes: count,
    tcp: tcpStatsSchema.describe('Of the TCP and UDP plane'),
    dns: z
      .strictObject({
        queries: count.describe('By all transports, since the start'),
        queriesPerSecond: amount,
        failed: count.describe('Answers SERVFAIL'),
        dropped: count.describe('Queries that were not answered'),
        cacheHitRate: z.number().min(0).max(1),
      })
      .describe('Of name servers and resolver'),
    accessLog: z.strictObject({ written: count, dropped: count }),
    memory: z.strictObject({ rssBytes: count, heapUsedBytes: count }),
  }),
);

/** `IRouteStats`. */
export const routeStatsSchema = answer(
  'RouteStats',
  z.strictObject({
    ...trafficShape,
    routeId: z.string(),
    vHost: z.string(),
    backends: z.array(
      z.strictObject({
        id: z.string(),
        isDead: z.boolean(),
        failureCount: count,
        active: count,
        requests: count,
        latencyMs: amount.describe('Exponentially weighted'),
        idleConnections: count,
      }),
    ),
  }),
);

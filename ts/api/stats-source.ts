import type {
  IDnsStats,
  IDnsTotals,
  IGlobalStats,
  IRouteStats,
  ITcpStats,
} from '../../ts_interfaces/index.ts';
import type { ProxyManager } from '../proxy/proxy-manager.ts';
import { noStats } from '../proxy/tcp-stats.ts';

/** What a `StatsSource` asks besides the web plane. */
export interface IStatsParts {
  /** Numbers of the TCP and UDP plane. @default zeros */
  tcp?: () => ITcpStats;
  /** Numbers of the DNS plane. @default zeros */
  dns?: () => Promise<IDnsStats>;
  /** Brings what worker processes have counted into the trackers here. @default nothing */
  collect?: () => Promise<void>;
}

/** Puts the numbers of the planes together as the management API shows them. */
export class StatsSource {
  private readonly proxy: ProxyManager;
  private readonly parts: IStatsParts;

  constructor(proxy: ProxyManager, parts: IStatsParts = {}) {
    this.proxy = proxy;
    this.parts = parts;
  }

  /** Of all routes. */
  async global(): Promise<IGlobalStats> {
    const { proxy, parts } = this;
    await parts.collect?.();
    const now = performance.now();
    const { rss, heapUsed } = process.memoryUsage();
    return {
      ...proxy.tracker.total.snapshot(now),
      uptimeSeconds: (now - proxy.tracker.startedAt) / 1000,
      connections: proxy.connectionStats(),
      routes: proxy.router.size,
      tcp: parts.tcp?.() ?? noStats(),
      dns: totalsOf(await parts.dns?.()),
      accessLog: proxy.accessLogStats(),
      memory: { rssBytes: rss, heapUsedBytes: heapUsed },
    };
  }

  /** Of one route; undefined: there is none. */
  async route(routeId: string): Promise<IRouteStats | undefined> {
    await this.parts.collect?.();
    const route = this.proxy.router.route(routeId);
    if (route === undefined) return undefined;
    return {
      routeId,
      vHost: route.vHost,
      ...route.counter.snapshot(performance.now()),
      backends: route.endpoints.map((endpoint) => ({
        id: endpoint.id,
        isDead: endpoint.isDead,
        failureCount: endpoint.failureCount,
        active: endpoint.active,
        requests: endpoint.requests,
        latencyMs: endpoint.latencyMs,
        idleConnections: this.proxy.idleConnections(endpoint),
      })),
    };
  }
}

function totalsOf(stats: IDnsStats | undefined): IDnsTotals {
  const { queries = {}, queriesPerSecond = 0, rcodes = {}, dropped = 0, cache } = stats ?? {};
  return {
    queries: Object.values<number>(queries).reduce((sum, count) => sum + count, 0),
    queriesPerSecond,
    failed: rcodes.SERVFAIL ?? 0,
    dropped,
    cacheHitRate: cache?.hitRate ?? 0,
  };
}

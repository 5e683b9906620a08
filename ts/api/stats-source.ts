import type { IGlobalStats, IRouteStats } from '../../ts_interfaces/index.ts';
import type { ProxyManager } from '../proxy/proxy-manager.ts';

/** Puts the numbers of the planes together as the management API shows them. */
export class StatsSource {
  private readonly proxy: ProxyManager;

  constructor(proxy: ProxyManager) {
    this.proxy = proxy;
  }

  /** Of all routes. */
  global(): IGlobalStats {
    const { proxy } = this;
    const now = performance.now();
    const { rss, heapUsed } = process.memoryUsage();
    return {
      ...proxy.tracker.total.snapshot(now),
      uptimeSeconds: (now - proxy.tracker.startedAt) / 1000,
      connections: proxy.connectionStats(),
      routes: proxy.router.size,
      accessLog: proxy.accessLogStats(),
      memory: { rssBytes: rss, heapUsedBytes: heapUsed },
    };
  }

  /** Of one route; undefined: there is none. */
  route(routeId: string): IRouteStats | undefined {
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

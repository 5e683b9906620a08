import type { ITrafficDelta } from '../../metrics/tracker.ts';
import type { ProxyManager } from '../proxy-manager.ts';
import type { SmartProxy } from '../tcp/index.ts';
import type { IRouteWork, ITcpWork, IWorkReport } from './protocol.ts';
import type { SharedQueue } from './shared-queue.ts';

/** Adds up what a worker does, for main: only what has changed is looked at. */
export class WorkCollector {
  private readonly proxy: ProxyManager;
  /** Queues whose numbers have changed. */
  private touched: SharedQueue[] = [];
  /** Routes that had connections to backends waiting when last looked at, and how many. */
  private readonly idle = new Map<string, number>();
  private readonly tcp: SmartProxy;
  /** Of each TCP entry, as it was told last. */
  private readonly told = new Map<string, string>();
  private lastConnections = '';

  constructor(proxy: ProxyManager, tcp: SmartProxy) {
    this.proxy = proxy;
    this.tcp = tcp;
    // From now on the counters tell when they count.
    proxy.tracker.drainable();
  }

  /** The numbers of a queue are about to change. */
  touch(queue: SharedQueue): void {
    queue.isTouched = true;
    this.touched.push(queue);
  }

  /** What was done since the last report, and is not counted here any more; null: nothing. */
  reportIfAny(): IWorkReport | null {
    const report = this.report();
    const { total, routes, tcp } = report;
    const connections = JSON.stringify([report.connections, report.accessLog, report.tcpTotal]);
    const isSame = connections === this.lastConnections;
    this.lastConnections = connections;
    const isEmpty = total === null && routes.length === 0 && tcp.length === 0;
    return isSame && isEmpty ? null : report;
  }

  /** What was done since the last report, and is not counted here any more. */
  report(): IWorkReport {
    const { proxy } = this;
    const traffic = new Map<string, ITrafficDelta[]>();
    let total: ITrafficDelta | null = null;
    for (const counter of proxy.tracker.drainable()) {
      const delta = counter.drain();
      if (counter.routeId === null) total = delta;
      else deltasOf(traffic, counter.routeId).push(delta);
    }
    const queues = new Map<string, SharedQueue>();
    for (const queue of this.touched.splice(0)) {
      queue.isTouched = false;
      queues.set(queue.routeId, queue);
      deltasOf(traffic, queue.routeId);
    }
    for (const [routeId, count] of this.idle) {
      if (this.idleOf(routeId) !== count) deltasOf(traffic, routeId);
    }
    const routes = [...traffic].map(([routeId, deltas]) => {
      return this.routeWork(routeId, deltas, queues);
    });
    const { active, queued } = proxy.tracker.total;
    return {
      total,
      active,
      queued,
      routes,
      tcp: this.tcpWork(),
      tcpTotal: this.tcp.stats(),
      connections: proxy.connectionStats(),
      accessLog: proxy.accessLogStats(),
      rssBytes: process.memoryUsage.rss(),
    };
  }

  private routeWork(
    routeId: string,
    traffic: readonly ITrafficDelta[],
    queues: ReadonlyMap<string, SharedQueue>,
  ): IRouteWork {
    const { proxy } = this;
    const route = proxy.router.route(routeId);
    // The route may be gone while its last requests end.
    const queue = route?.queue ?? queues.get(routeId);
    const endpoints = (route?.endpoints ?? []).map((endpoint) => {
      const { id, active, requests, latencyMs } = endpoint;
      endpoint.requests = 0;
      return { id, active, requests, latencyMs, idleConnections: proxy.idleConnections(endpoint) };
    });
    const idle = endpoints.reduce((sum, { idleConnections }) => sum + idleConnections, 0);
    if (idle > 0) this.idle.set(routeId, idle);
    else this.idle.delete(routeId);
    const { active = 0, queued = 0 } = queue ?? {};
    return { routeId, traffic, active, queued, endpoints };
  }

  private tcpWork(): ITcpWork[] {
    const work: ITcpWork[] = [];
    const ids = this.tcp.ids();
    for (const entryId of ids) {
      const info = this.tcp.info(entryId);
      if (info === undefined) continue;
      const endpoints = info.endpoints.map(({ domainConfig, id, active, connections }) => {
        return { domainConfig, id, active, connections };
      });
      const one = { entryId, stats: info.stats, endpoints };
      const text = JSON.stringify(one);
      if (this.told.get(entryId) === text) continue;
      this.told.set(entryId, text);
      work.push(one);
    }
    const there = new Set(ids);
    for (const id of this.told.keys()) if (!there.has(id)) this.told.delete(id);
    return work;
  }

  private idleOf(routeId: string): number {
    const endpoints = this.proxy.router.route(routeId)?.endpoints ?? [];
    return endpoints.reduce((sum, endpoint) => sum + this.proxy.idleConnections(endpoint), 0);
  }
}

function deltasOf(traffic: Map<string, ITrafficDelta[]>, routeId: string): ITrafficDelta[] {
  const deltas = traffic.get(routeId) ?? [];
  traffic.set(routeId, deltas);
  return deltas;
}

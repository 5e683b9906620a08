import type { TrafficCounter } from '../../metrics/tracker.ts';
import type { Endpoint } from '../endpoint.ts';
import type { IServedElsewhere, ProxyManager } from '../proxy-manager.ts';
import type { IRouteWork, IWorkReport } from './protocol.ts';

/** What a worker has under way on an endpoint. */
interface IEndpointGauge {
  active: number;
  latencyMs: number;
  idleConnections: number;
}

/** What a worker has under way on a route. */
interface IRouteGauge {
  /** That it was counted in. */
  counter: TrafficCounter;
  active: number;
  queued: number;
  endpoints: Map<Endpoint, IEndpointGauge>;
}

/** What a worker has under way, and what it did since its start. */
interface IWorkerGauge {
  active: number;
  queued: number;
  routes: Map<string, IRouteGauge>;
  connections: IWorkReport['connections'];
  accessLog: IWorkReport['accessLog'];
  rssBytes: number;
}

/**
 * Adds what the workers have done to the numbers of the main process, so that these are the sums over
 * all: counters, merged histograms, and what is under way now.
 */
export class WorkAbsorber implements IServedElsewhere {
  readonly connections = { open: 0, total: 0, refused: 0, tunnels: 0 };
  readonly accessLog = { written: 0, dropped: 0 };
  private readonly proxy: ProxyManager;
  private readonly workers = new Map<number, IWorkerGauge>();
  /** Totals of workers that are gone. */
  private readonly past = { total: 0, refused: 0, written: 0, dropped: 0 };

  constructor(proxy: ProxyManager) {
    this.proxy = proxy;
  }

  /** A worker has come. */
  joined(worker: number): void {
    this.workers.set(worker, {
      active: 0,
      queued: 0,
      routes: new Map(),
      connections: { open: 0, total: 0, refused: 0, tunnels: 0 },
      accessLog: { written: 0, dropped: 0 },
      rssBytes: 0,
    });
  }

  /** A worker is gone: nothing of it is under way any more; what it did stays counted. */
  parted(worker: number): void {
    const gauge = this.workers.get(worker);
    if (gauge === undefined) return;
    this.workers.delete(worker);
    const { total } = this.proxy.tracker;
    total.active -= gauge.active;
    total.queued -= gauge.queued;
    for (const route of gauge.routes.values()) this.takeOff(route);
    this.past.total += gauge.connections.total;
    this.past.refused += gauge.connections.refused;
    this.past.written += gauge.accessLog.written;
    this.past.dropped += gauge.accessLog.dropped;
    this.addUp();
  }

  /** Adds a report; one of a worker that is gone counts as far as it is about the past. */
  absorb(worker: number, report: IWorkReport): void {
    const { tracker } = this.proxy;
    const now = performance.now();
    if (report.total !== null) tracker.total.absorb(report.total, now);
    const gauge = this.workers.get(worker);
    for (const work of report.routes) this.absorbRoute(work, gauge, now);
    if (gauge === undefined) return;
    tracker.total.active += report.active - gauge.active;
    tracker.total.queued += report.queued - gauge.queued;
    gauge.active = report.active;
    gauge.queued = report.queued;
    gauge.connections = report.connections;
    gauge.accessLog = report.accessLog;
    gauge.rssBytes = report.rssBytes;
    this.addUp();
  }

  /** What a worker last said of itself. */
  ofWorker(worker: number): { connections: number; rssBytes: number } {
    const gauge = this.workers.get(worker);
    return { connections: gauge?.connections.open ?? 0, rssBytes: gauge?.rssBytes ?? 0 };
  }

  idleConnections(endpoint: Endpoint): number {
    let count = 0;
    const routeId = endpoint.watchedBy?.routeId ?? '';
    for (const { routes } of this.workers.values()) {
      count += routes.get(routeId)?.endpoints.get(endpoint)?.idleConnections ?? 0;
    }
    return count;
  }

  private absorbRoute(work: IRouteWork, gauge: IWorkerGauge | undefined, now: number): void {
    const route = this.proxy.router.route(work.routeId);
    const before = gauge?.routes.get(work.routeId);
    if (before !== undefined) this.takeOff(before);
    gauge?.routes.delete(work.routeId);
    if (route === undefined) return;
    const { counter } = route;
    for (const delta of work.traffic) counter.absorb(delta, now);
    const endpoints = new Map<Endpoint, IEndpointGauge>();
    for (const { id, active, requests, latencyMs, idleConnections } of work.endpoints) {
      const endpoint = route.endpoints.find((one) => one.id === id);
      if (endpoint === undefined) continue;
      endpoint.requests += requests;
      endpoints.set(endpoint, { active, latencyMs, idleConnections });
    }
    if (gauge === undefined) return;
    const { active, queued } = work;
    counter.active += active;
    counter.queued += queued;
    gauge.routes.set(work.routeId, { counter, active, queued, endpoints });
    for (const [endpoint, { active }] of endpoints) {
      endpoint.active += active;
      endpoint.latencyMs = this.latencyOf(work.routeId, endpoint);
    }
    // With 100,000 routes those that rest must not cost memory.
    const rests = [...endpoints.values()].every((one) => one.active + one.idleConnections === 0);
    if (active + queued === 0 && rests) gauge.routes.delete(work.routeId);
  }

  private takeOff({ counter, active, queued, endpoints }: IRouteGauge): void {
    counter.active -= active;
    counter.queued -= queued;
    for (const [endpoint, gauge] of endpoints) endpoint.active -= gauge.active;
  }

  /** The mean of the workers that have measured one. */
  private latencyOf(routeId: string, endpoint: Endpoint): number {
    let sum = 0;
    let count = 0;
    for (const { routes } of this.workers.values()) {
      const latencyMs = routes.get(routeId)?.endpoints.get(endpoint)?.latencyMs ?? 0;
      if (latencyMs === 0) continue;
      sum += latencyMs;
      count++;
    }
    return count === 0 ? 0 : sum / count;
  }

  private addUp(): void {
    const { past } = this;
    const sums = { open: 0, total: past.total, refused: past.refused, tunnels: 0 };
    const lines = { written: past.written, dropped: past.dropped };
    for (const { connections, accessLog } of this.workers.values()) {
      sums.open += connections.open;
      sums.total += connections.total;
      sums.refused += connections.refused;
      sums.tunnels += connections.tunnels;
      lines.written += accessLog.written;
      lines.dropped += accessLog.dropped;
    }
    Object.assign(this.connections, sums);
    Object.assign(this.accessLog, lines);
  }
}

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ManualClock } from '../ts/core/manual-clock.ts';
import { type ITrafficDelta, Tracker } from '../ts/metrics/tracker.ts';
import { ProxyManager } from '../ts/proxy/proxy-manager.ts';
import type { IWorkReport } from '../ts/proxy/workers/protocol.ts';
import { TcpAbsorber } from '../ts/proxy/workers/tcp-absorber.ts';
import { WorkAbsorber } from '../ts/proxy/workers/work-absorber.ts';
import { randomFrom } from './suites/random.ts';

test('TrafficCounter: what is drained and absorbed is what one process would have counted', () => {
  const below = randomFrom(7);
  const clock = new ManualClock();
  const alone = new Tracker(clock);
  const main = new Tracker(clock);
  const workers = [new Tracker(clock), new Tracker(clock)];
  const counters = workers.map((tracker) => tracker.route('a'));
  const inMain = main.route('a');
  const single = alone.route('a');
  for (const tracker of workers) tracker.drainable();
  for (let step = 0; step < 3000; step++) {
    const now = clock.monotonic();
    const index = below(2);
    const [status, ms] = [[200, 204, 301, 404, 503][below(5)] ?? 200, below(1000) / 7];
    workers[index]?.record(counters[index] ?? null, status, ms, 10, 100, now);
    alone.record(single, status, ms, 10, 100, now);
    if (below(20) === 0) {
      workers[index]?.aborted(counters[index] ?? null, 1, 2, now);
      alone.aborted(single, 1, 2, now);
    }
    if (below(30) === 0) {
      (counters[index] ?? single).retries++;
      single.retries++;
    }
    clock.advance(below(20));
    if (below(100) !== 0) continue;
    drain(workers, main, inMain, clock.monotonic());
  }
  drain(workers, main, inMain, clock.monotonic());
  const now = clock.monotonic();
  // A retry is handed over with the next request that is counted.
  for (const counter of counters) inMain.retries += counter.retries;
  const { latency, ...numbers } = inMain.snapshot(now);
  const { latency: latencyAlone, ...numbersAlone } = single.snapshot(now);
  assert.deepEqual(
    { ...numbers, errorRate: 0, requestsPerSecond: 0 },
    {
      ...numbersAlone,
      errorRate: 0,
      requestsPerSecond: 0,
    },
  );
  assert.equal(main.total.snapshot(now).requests, alone.total.snapshot(now).requests);
  assert.ok(Math.abs(latency.p99 - latencyAlone.p99) <= 0.07 * latencyAlone.p99);
  assert.ok(Math.abs(numbers.requestsPerSecond - numbersAlone.requestsPerSecond) < 5);
  for (const counter of counters) assert.equal(counter.snapshot(now).requests, 0);
});

function drain(
  workers: readonly Tracker[],
  main: Tracker,
  route: ReturnType<Tracker['route']>,
  now: number,
): void {
  for (const tracker of workers) {
    for (const counter of tracker.drainable()) {
      const delta = structuredClone(counter.drain());
      (counter.routeId === null ? main.total : route).absorb(delta, now);
    }
  }
}

test('Tracker: only counters that have counted since are drained', () => {
  const tracker = new Tracker(new ManualClock());
  const [one, other] = [tracker.route('one'), tracker.route('other')];
  tracker.record(one, 200, 1, 1, 1, 0);
  assert.deepEqual(tracker.drainable(), [], 'nobody asked before');
  one.drain();
  tracker.total.drain();
  tracker.record(other, 200, 1, 1, 1, 0);
  tracker.record(other, 200, 1, 1, 1, 0);
  assert.deepEqual(tracker.drainable(), [tracker.total, other]);
  assert.equal(other.drain().success, 2);
  assert.deepEqual(tracker.drainable(), []);
  tracker.record(other, 500, 1, 1, 1, 0);
  assert.deepEqual([other.drain().success, tracker.drainable().includes(other)], [0, true]);
});

const none: ITrafficDelta = {
  ...{ informational: 0, success: 0, redirection: 0, clientError: 0, serverError: 0, aborted: 0 },
  ...{ bytesIn: 0, bytesOut: 0, retries: 0, requests: 0, errors: 0 },
  latency: { count: 0, max: 0, sum: 0, low: 0, counts: [] },
};

function reportOf(change: Partial<IWorkReport>): IWorkReport {
  return {
    ...{ total: null, active: 0, queued: 0, routes: [], tcp: [], rssBytes: 1 },
    tcpTotal: { open: 0, total: 0, refused: 0, failed: 0, bytesIn: 0, bytesOut: 0 },
    connections: { open: 0, total: 0, refused: 0, tunnels: 0 },
    accessLog: { written: 0, dropped: 0 },
    ...change,
  };
}

test('WorkAbsorber: gauges of a worker that is gone are taken off, totals stay', () => {
  const proxy = new ProxyManager();
  proxy.router.addRoute({
    id: 'a',
    vHost: 'a.test',
    backends: [{ hostname: '127.0.0.1', port: 1 }],
  });
  const work = new WorkAbsorber(proxy);
  proxy.elsewhere = work;
  const route = proxy.router.route('a');
  const endpoint = route?.endpoints[0];
  if (route === undefined || endpoint === undefined) throw new Error('It is there');
  const under = (active: number, requests: number) =>
    reportOf({
      active,
      queued: 1,
      total: { ...none, success: requests, requests },
      routes: [
        {
          ...{
            routeId: 'a',
            traffic: [{ ...none, success: requests, requests }],
            active,
            queued: 1,
          },
          endpoints: [{ id: endpoint.id, active, requests, latencyMs: 2, idleConnections: 3 }],
        },
      ],
      connections: { open: active, total: 10, refused: 1, tunnels: 1 },
      accessLog: { written: 5, dropped: 1 },
    });
  for (const worker of [1, 2]) work.joined(worker);
  work.absorb(1, under(2, 4));
  work.absorb(2, under(3, 5));
  work.absorb(2, under(1, 1));
  const { total } = proxy.tracker;
  assert.deepEqual([route.counter.active, route.counter.queued, total.active], [3, 2, 3]);
  assert.deepEqual([endpoint.active, endpoint.requests, endpoint.latencyMs], [3, 10, 2]);
  assert.equal(proxy.idleConnections(endpoint), 6);
  assert.deepEqual(proxy.connectionStats(), { open: 3, total: 20, refused: 2, tunnels: 2 });
  assert.deepEqual(work.ofWorker(2), { connections: 1, rssBytes: 1 });

  work.parted(1);
  work.parted(1);
  assert.deepEqual([route.counter.active, route.counter.queued, total.active], [1, 1, 1]);
  assert.deepEqual([endpoint.active, endpoint.requests], [1, 10]);
  assert.deepEqual(proxy.connectionStats(), { open: 1, total: 20, refused: 2, tunnels: 1 });
  // What it said last comes late: it counts, but nothing of it is under way.
  work.absorb(1, under(7, 2));
  assert.equal(total.snapshot(performance.now()).requests, 12);
  assert.deepEqual([route.counter.active, endpoint.active], [1, 1]);

  work.joined(1);
  proxy.router.removeRoute('a');
  work.absorb(2, reportOf({ routes: [{ ...rest, routeId: 'a' }] }));
  assert.deepEqual([route.counter.active, total.active, total.queued], [0, 0, 0]);
  assert.deepEqual(proxy.accessLogStats(), { written: 5, dropped: 1 });
});

const rest = { traffic: [], active: 0, queued: 0, endpoints: [] };

test('TcpAbsorber: entries have the numbers of all workers, also of those that are gone', () => {
  const tcp = new TcpAbsorber();
  const stats = { open: 1, total: 5, refused: 1, failed: 0, bytesIn: 10, bytesOut: 20 };
  const endpoints = [{ domainConfig: null, id: 'b', active: 1, connections: 5 }];
  const empty = { open: 0, total: 0, refused: 0, failed: 0, bytesIn: 0, bytesOut: 0 };
  const one = { address: 'x:1', isDead: false, failureCount: 0, active: 0, connections: 0 };
  const live = {
    ...{ listening: [], forwardedBy: 'user' as const, stats: empty },
    endpoints: [
      { domainConfig: null, id: 'b', ...one },
      { domainConfig: 'c', id: 'b', ...one },
    ],
  };
  for (const worker of [1, 2]) {
    tcp.joined(worker);
    tcp.absorb(worker, { tcp: [{ entryId: 'e', stats, endpoints }], tcpTotal: stats });
  }
  assert.deepEqual(tcp.total, {
    ...stats,
    open: 2,
    total: 10,
    refused: 2,
    bytesIn: 20,
    bytesOut: 40,
  });
  for (let round = 0; round < 2; round++) {
    tcp.parted(1);
    const { stats: sums, endpoints: sum } = tcp.informed('e', live);
    assert.deepEqual([sums.open, sums.total], [1, 10]);
    assert.deepEqual([sum[0]?.active, sum[0]?.connections, sum[1]?.connections], [1, 10, 0]);
  }
  tcp.parted(2);
  assert.deepEqual([tcp.informed('e', live).stats.open, tcp.total.total], [0, 10]);
  tcp.forget('e');
  assert.deepEqual(tcp.informed('e', live), live);
  assert.equal(tcp.informed('f', live).stats.total, 0);
});

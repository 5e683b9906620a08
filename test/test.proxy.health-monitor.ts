import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EventBus } from '../ts/core/event-bus.ts';
import { silentLogger } from '../ts/core/logger.ts';
import { ManualClock } from '../ts/core/manual-clock.ts';
import { Endpoint } from '../ts/proxy/endpoint.ts';
import { HealthMonitor, type IHealthGroup } from '../ts/proxy/health-monitor.ts';
import type { IProbe } from '../ts/proxy/probe.ts';
import type { Backend, IHealthOptions } from '../ts_interfaces/index.ts';

/** Probes that end when the test says so. */
class ManualProbe implements IProbe {
  readonly running: { id: string; done: (failure: string | null) => void }[] = [];
  started = 0;
  runningMax = 0;

  check(backend: Backend, _health: unknown, done: (failure: string | null) => void): () => void {
    const probe = { id: backend.id, done };
    this.started++;
    this.running.push(probe);
    this.runningMax = Math.max(this.runningMax, this.running.length);
    return () => this.running.splice(this.running.indexOf(probe), 1);
  }

  end(failure: string | null): void {
    const probe = this.running.shift();
    assert.ok(probe !== undefined, 'no probe runs');
    probe.done(failure);
  }
}

function setUp(random: () => number = () => 0.5) {
  const clock = new ManualClock();
  const bus = new EventBus();
  const probe = new ManualProbe();
  const events: string[] = [];
  const warnings: string[] = [];
  bus.on('backend.dead', ({ routeId, backendId, reason, maintenance }) =>
    events.push(`dead ${routeId}/${backendId} ${reason}${maintenance ? ' by hand' : ''}`),
  );
  bus.on('backend.alive', ({ routeId, backendId }) => events.push(`alive ${routeId}/${backendId}`));
  const logger = {
    ...silentLogger,
    warn: (event: string) => {
      warnings.push(event);
    },
  };
  const monitor = new HealthMonitor({ bus, logger, clock, probe, random });
  monitor.start();
  return { clock, probe, events, warnings, monitor };
}

function groupOf(health?: IHealthOptions, count = 2, state: Partial<Backend> = {}): IHealthGroup {
  const endpoints = Array.from(
    { length: count },
    (_, index) =>
      new Endpoint({
        id: `b${index + 1}`,
        hostname: '127.0.0.1',
        port: 1,
        isDead: false,
        failureCount: 0,
        ...state,
      }),
  );
  return { routeId: 'r', endpoints, health };
}

function first(group: IHealthGroup): Endpoint {
  return group.endpoints[0] as Endpoint;
}

test('HealthMonitor: one failure is death by default, told once', () => {
  const { clock, monitor, events, warnings } = setUp();
  const group = groupOf();
  monitor.watch(group);
  monitor.reportFailure(group, first(group), 'ECONNREFUSED');
  monitor.reportFailure(group, first(group), 'ECONNREFUSED');
  assert.deepEqual(events, ['dead r/b1 ECONNREFUSED']);
  assert.deepEqual(warnings, ['backend.dead']);
  assert.equal(first(group).deadSince, clock.now());
  assert.equal(group.endpoints[1]?.isDead, false);
});

test('HealthMonitor: with failuresMax, only failures in a row count', () => {
  const { monitor } = setUp();
  const group = groupOf({ failuresMax: 3 });
  monitor.watch(group);
  for (let round = 0; round < 5; round++) {
    monitor.reportFailure(group, first(group), 'timeout');
    monitor.reportFailure(group, first(group), 'timeout');
    assert.equal(first(group).isDead, false);
    monitor.reportSuccess(group, first(group));
  }
  for (let round = 0; round < 3; round++) monitor.reportFailure(group, first(group), 'timeout');
  assert.equal(first(group).isDead, true);
  assert.equal(first(group).failureCount, 3);
});

test('HealthMonitor: a request that still ends well does not bring a dead one back', () => {
  const { monitor } = setUp();
  const group = groupOf();
  monitor.watch(group);
  monitor.reportFailure(group, first(group), 'ECONNRESET');
  monitor.reportSuccess(group, first(group));
  assert.equal(first(group).isDead, true);
});

test('HealthMonitor: groups that are well cost no timer', () => {
  const { clock, monitor } = setUp();
  const group = groupOf();
  monitor.watch(group);
  assert.equal(clock.timerCount, 0);
});

test('HealthMonitor: probes a dead one every minute until it answers', () => {
  const { clock, monitor, probe, events } = setUp();
  const group = groupOf();
  monitor.watch(group);
  monitor.reportFailure(group, first(group), 'ECONNREFUSED');
  clock.advance(59_999);
  assert.equal(probe.started, 0);
  clock.advance(1);
  assert.equal(probe.started, 1);
  clock.advance(120_000);
  assert.equal(probe.started, 1, 'one probe at a time');
  probe.end('ECONNREFUSED');
  assert.equal(first(group).isDead, true);
  clock.advance(60_000);
  probe.end(null);
  assert.equal(first(group).isDead, false);
  assert.equal(first(group).deadSince, undefined);
  assert.equal(first(group).failureCount, 0);
  assert.deepEqual(events, ['dead r/b1 ECONNREFUSED', 'alive r/b1']);
  assert.equal(clock.timerCount, 0);
});

for (const [random, atMs] of [
  [0, 54_000],
  [0.999_999, 66_000],
] as const) {
  test(`HealthMonitor: jitter puts the probe at ${atMs} ms with ${random}`, () => {
    const { clock, monitor, probe } = setUp(() => random);
    const group = groupOf();
    monitor.watch(group);
    monitor.reportFailure(group, first(group), 'ECONNREFUSED');
    clock.advance(atMs - 2);
    assert.equal(probe.started, 0);
    clock.advance(3);
    assert.equal(probe.started, 1);
  });
}

test('HealthMonitor: takes over what is dead in the configuration', () => {
  const { clock, monitor, probe } = setUp();
  const group = groupOf({ recoveryIntervalMs: 1000 }, 1, { isDead: true, failureCount: 1 });
  monitor.watch(group);
  clock.advance(1000);
  probe.end(null);
  assert.equal(first(group).isDead, false);
});

test('HealthMonitor: dead by hand is not probed, and only comes back by hand', () => {
  const { clock, monitor, probe, events } = setUp();
  const group = groupOf({ active: {} });
  monitor.watch(group);
  monitor.markDead(group, first(group));
  monitor.markDead(group, first(group));
  clock.advance(600_000);
  assert.equal(
    probe.running.some(({ id }) => id === 'b1'),
    false,
  );
  monitor.reportSuccess(group, first(group));
  assert.equal(first(group).isDead, true);
  monitor.markAlive(group, first(group));
  assert.deepEqual([first(group).isDead, first(group).maintenance], [false, false]);
  assert.deepEqual(events, ['dead r/b1 maintenance by hand', 'alive r/b1']);
});

test('HealthMonitor: a dead one that is marked dead by hand is no longer probed', () => {
  const { clock, monitor, probe } = setUp();
  const group = groupOf();
  monitor.watch(group);
  monitor.reportFailure(group, first(group), 'ECONNREFUSED');
  clock.advance(60_000);
  assert.equal(probe.running.length, 1);
  monitor.markDead(group, first(group));
  assert.equal(probe.running.length, 0, 'the running probe is given up');
  clock.advance(600_000);
  assert.equal(probe.started, 1);
});

test('HealthMonitor: markAlive() brings one back that failed', () => {
  const { clock, monitor, probe, events } = setUp();
  const group = groupOf();
  monitor.watch(group);
  monitor.reportFailure(group, first(group), 'ECONNREFUSED');
  monitor.markAlive(group, first(group));
  monitor.markAlive(group, first(group));
  assert.deepEqual(events, ['dead r/b1 ECONNREFUSED', 'alive r/b1']);
  clock.advance(600_000);
  assert.equal(probe.started, 0);
});

test('HealthMonitor: active checks obey their thresholds both ways', () => {
  const { clock, monitor, probe, events } = setUp();
  const active = { intervalMs: 1000, unhealthyThreshold: 3, healthyThreshold: 2 };
  const group = groupOf({ active }, 1);
  monitor.watch(group);
  const check = (failure: string | null) => {
    clock.advance(1000);
    probe.end(failure);
  };
  for (const failure of ['x', 'x', null, 'x', 'x']) check(failure);
  assert.equal(first(group).isDead, false);
  check('status 500');
  assert.equal(first(group).isDead, true);
  for (const failure of [null, 'x', null]) check(failure);
  assert.equal(first(group).isDead, true);
  check(null);
  assert.equal(first(group).isDead, false);
  assert.deepEqual(events, ['dead r/b1 status 500', 'alive r/b1']);
});

test('HealthMonitor: with active checks, a request that failed also needs the healthy threshold', () => {
  const { clock, monitor, probe } = setUp();
  const group = groupOf({ active: { intervalMs: 1000, healthyThreshold: 2 } }, 1);
  monitor.watch(group);
  clock.advance(1000);
  probe.end(null);
  clock.advance(1000);
  probe.end(null);
  monitor.reportFailure(group, first(group), 'ECONNRESET');
  clock.advance(1000);
  probe.end(null);
  assert.equal(first(group).isDead, true);
  clock.advance(1000);
  probe.end(null);
  assert.equal(first(group).isDead, false);
});

test('HealthMonitor: the first active checks spread over the interval', () => {
  let number = 0;
  const { clock, monitor, probe } = setUp(() => (number++ % 10) / 10);
  monitor.watch(groupOf({ active: { intervalMs: 10_000 } }, 10));
  clock.advance(4999);
  assert.ok(probe.started >= 4 && probe.started <= 6, `${probe.started}`);
});

test('HealthMonitor: never more than 64 probes at once, and everybody gets a turn', () => {
  const { clock, monitor, probe } = setUp();
  const group = groupOf({}, 300, { isDead: true, failureCount: 1 });
  monitor.watch(group);
  clock.advance(60_000);
  assert.equal(probe.running.length, 64);
  while (probe.running.length > 0) probe.end(null);
  assert.equal(probe.runningMax, 64);
  assert.equal(
    group.endpoints.some(({ isDead }) => isDead),
    false,
  );
});

test('HealthMonitor: unwatch() gives probes up, and late reports start none', () => {
  const { clock, monitor, probe, events } = setUp();
  const group = groupOf();
  monitor.watch(group);
  monitor.reportFailure(group, first(group), 'ECONNREFUSED');
  clock.advance(60_000);
  assert.equal(probe.running.length, 1);
  monitor.unwatch(group);
  assert.equal(probe.running.length, 0);
  monitor.reportFailure(group, group.endpoints[1] as Endpoint, 'ECONNREFUSED');
  clock.advance(600_000);
  assert.equal(probe.started, 1);
  assert.equal(clock.timerCount, 0);
  assert.equal(events.length, 2);
});

test('HealthMonitor: an endpoint that moves to another group keeps its state and date', () => {
  const { clock, monitor, probe, events } = setUp();
  const before = groupOf({}, 1);
  monitor.watch(before);
  monitor.reportFailure(before, first(before), 'ECONNREFUSED');
  for (let change = 0; change < 5; change++) {
    clock.advance(10_000);
    const after = { ...before, routeId: 'r2' };
    monitor.watch(after);
    monitor.unwatch(before);
  }
  assert.equal(probe.started, 0);
  clock.advance(10_000);
  probe.end(null);
  assert.deepEqual(events, ['dead r/b1 ECONNREFUSED', 'alive r2/b1']);
});

test('HealthMonitor: a shorter interval in a new group counts at once', () => {
  const { clock, monitor, probe } = setUp();
  const before = groupOf({ recoveryIntervalMs: 600_000 }, 1);
  monitor.watch(before);
  monitor.reportFailure(before, first(before), 'ECONNREFUSED');
  monitor.watch({ ...before, health: { recoveryIntervalMs: 5000 } });
  clock.advance(5000);
  assert.equal(probe.started, 1);
});

test('HealthMonitor: active checks that are switched off in a new group end', () => {
  const { clock, monitor, probe } = setUp();
  const before = groupOf({ active: {} }, 1);
  monitor.watch(before);
  monitor.watch({ ...before, health: undefined });
  clock.advance(600_000);
  assert.deepEqual([probe.started, clock.timerCount], [0, 0]);
});

test('HealthMonitor: stop() gives up what runs, start() goes on', () => {
  const { clock, monitor, probe } = setUp();
  const group = groupOf();
  monitor.watch(group);
  monitor.reportFailure(group, first(group), 'ECONNREFUSED');
  clock.advance(60_000);
  monitor.stop();
  assert.deepEqual([probe.running.length, clock.timerCount], [0, 0]);
  clock.advance(600_000);
  assert.equal(probe.started, 1);
  monitor.start();
  assert.equal(probe.running.length, 1);
  probe.end(null);
  assert.equal(first(group).isDead, false);
});

test('HealthMonitor: retryAfterSeconds() is the time to the next probe', () => {
  const { clock, monitor } = setUp();
  const group = groupOf();
  monitor.watch(group);
  assert.equal(monitor.retryAfterSeconds(group), 60);
  for (const endpoint of group.endpoints) monitor.reportFailure(group, endpoint, 'ECONNREFUSED');
  clock.advance(45_500);
  assert.equal(monitor.retryAfterSeconds(group), 15);
  clock.advance(60_000);
  assert.equal(monitor.retryAfterSeconds(group), 1);
});

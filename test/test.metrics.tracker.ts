import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ManualClock } from '../ts/core/manual-clock.ts';
import { Tracker } from '../ts/metrics/tracker.ts';

function setUp() {
  const clock = new ManualClock();
  const tracker = new Tracker(clock);
  return { clock, tracker, counter: tracker.route() };
}

test('TrafficCounter: one without traffic says 0 everywhere', () => {
  const { clock, counter } = setUp();
  clock.advance(5000);
  const stats = counter.snapshot(clock.monotonic());
  assert.equal(stats.requests, 0);
  assert.equal(stats.requestsPerSecond, 0);
  assert.equal(stats.errorRate, 0);
  assert.deepEqual(stats.latency, { mean: 0, p50: 0, p95: 0, p99: 0, max: 0 });
});

test('TrafficCounter: counts by status class, errors and bytes', () => {
  const { clock, counter } = setUp();
  for (const status of [101, 200, 204, 301, 404, 500, 503]) counter.record(status, 1, 10, 100, 0);
  counter.aborted(10, 100, 0);
  const stats = counter.snapshot(clock.monotonic());
  assert.deepEqual(stats.statuses, {
    '1xx': 1,
    '2xx': 2,
    '3xx': 1,
    '4xx': 1,
    '5xx': 2,
    aborted: 1,
  });
  assert.equal(stats.requests, 8);
  assert.equal(stats.errors, 3);
  assert.equal(stats.errorRate, 3 / 8);
  assert.equal(stats.bytesIn, 80);
  assert.equal(stats.bytesOut, 800);
});

test('TrafficCounter: rate and latency cover a minute, totals do not', () => {
  const { clock, counter } = setUp();
  for (let second = 0; second < 120; second++) {
    for (let n = 0; n < 5; n++) counter.record(200, second < 60 ? 1000 : 10, 1, 1, second * 1000);
    clock.advance(1000);
  }
  const stats = counter.snapshot(clock.monotonic() - 1);
  assert.equal(stats.requests, 600);
  assert.ok(Math.abs(stats.requestsPerSecond - 5) < 0.01, `${stats.requestsPerSecond}`);
  assert.equal(stats.latency.max, 10);
  assert.equal(stats.latency.mean, 10);
  assert.ok(stats.windowSeconds > 50 && stats.windowSeconds <= 60);
});

test('TrafficCounter: the rate of a young process is not diluted by a minute it has not lived', () => {
  const { clock, counter } = setUp();
  for (let n = 0; n < 40; n++) counter.record(200, 1, 1, 1, 0);
  clock.advance(4000);
  assert.equal(counter.snapshot(clock.monotonic()).requestsPerSecond, 10);
});

test('TrafficCounter: the first request is not a thousand per second', () => {
  const { clock, counter } = setUp();
  clock.advance(1);
  counter.record(200, 1, 1, 1, clock.monotonic());
  assert.equal(counter.snapshot(clock.monotonic()).requestsPerSecond, 1);
});

test('TrafficCounter: a slot that is used again has nothing of the minute before', () => {
  const { clock, counter } = setUp();
  for (let n = 0; n < 100; n++) counter.record(500, 5000, 1, 1, 0);
  clock.advance(60_000);
  counter.record(200, 1, 1, 1, clock.monotonic());
  const stats = counter.snapshot(clock.monotonic());
  assert.equal(stats.errorRate, 0);
  assert.equal(stats.latency.max, 1);
  assert.equal(stats.errors, 100);
});

test('TrafficCounter: old latencies are gone even if nothing happens', () => {
  const { clock, counter } = setUp();
  counter.record(500, 5000, 1, 1, 0);
  clock.advance(70_000);
  const stats = counter.snapshot(clock.monotonic());
  assert.equal(stats.latency.max, 0);
  assert.equal(stats.errorRate, 0);
  assert.equal(stats.requests, 1);
});

test('TrafficCounter: a negative duration counts the request without a latency', () => {
  const { counter } = setUp();
  counter.record(200, 4, 1, 1, 0);
  counter.record(101, -1, 1, 1, 0);
  const stats = counter.snapshot(1);
  assert.equal(stats.requests, 2);
  assert.equal(stats.latency.mean, 4);
});

test('TrafficCounter: a time just before the running slot counts into it', () => {
  const { counter } = setUp();
  counter.record(200, 1, 1, 1, 10_001);
  counter.record(200, 1, 1, 1, 9_999);
  counter.record(200, 1, 1, 1, 10_002);
  const stats = counter.snapshot(10_003);
  assert.equal(stats.requests, 3);
  assert.ok(stats.requestsPerSecond > 0.29);
});

test('Tracker: record() and aborted() count into the route and into the total', () => {
  const { tracker, counter } = setUp();
  tracker.record(counter, 200, 2, 3, 4, 0);
  tracker.record(null, 404, 2, 3, 4, 0);
  tracker.aborted(counter, 3, 4, 0);
  assert.equal(counter.snapshot(1).requests, 2);
  assert.equal(tracker.total.snapshot(1).requests, 3);
  assert.equal(tracker.total.snapshot(1).bytesOut, 12);
});

test('Tracker: gives a window back after a minute without traffic, and then has no timer', () => {
  const { clock, tracker, counter } = setUp();
  assert.equal(clock.timerCount, 0);
  tracker.record(counter, 200, 1, 1, 1, 0);
  assert.equal(clock.timerCount, 1);
  clock.advance(59_999);
  assert.equal(counter.releaseIfIdle(clock.monotonic()), false);
  clock.advance(60_001);
  assert.equal(counter.releaseIfIdle(clock.monotonic()), true);
  assert.equal(clock.timerCount, 0);
  tracker.record(counter, 200, 1, 1, 1, clock.monotonic());
  assert.equal(clock.timerCount, 1);
  assert.equal(counter.snapshot(clock.monotonic()).requests, 2);
});

test('Tracker: a counter with traffic keeps its window over the sweeps', () => {
  const { clock, counter } = setUp();
  for (let second = 0; second < 200; second++) {
    counter.record(200, 1, 1, 1, clock.monotonic());
    clock.advance(1000);
  }
  const stats = counter.snapshot(clock.monotonic());
  assert.ok(Math.abs(stats.requestsPerSecond - 1) < 0.05, `${stats.requestsPerSecond}`);
});

test('Tracker: stop() leaves no timer; the numbers stay', () => {
  const { clock, tracker, counter } = setUp();
  tracker.record(counter, 200, 1, 1, 1, 0);
  tracker.stop();
  assert.equal(clock.timerCount, 0);
  assert.equal(counter.snapshot(0).requests, 1);
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bucketOf, Histogram } from '../ts/metrics/histogram.ts';

function filled(values: Iterable<number>): Histogram {
  const histogram = new Histogram();
  for (const value of values) histogram.record(value);
  return histogram;
}

function assertClose(actual: number, expected: number, share: number): void {
  const error = Math.abs(actual - expected) / expected;
  assert.ok(error <= share, `${actual} is ${(error * 100).toFixed(2)} % off ${expected}`);
}

test('Histogram: an empty one says 0 to everything', () => {
  const histogram = new Histogram();
  assert.deepEqual(
    [histogram.count, histogram.mean, histogram.max, histogram.percentile(99)],
    [0, 0, 0, 0],
  );
});

test('Histogram: every value from 16 µs to an hour is found again within 3.2 %', () => {
  for (let value = 0.016; value < 3_600_000; value *= 1.037) {
    // The second value keeps the maximum, which is exact, out of the answer.
    assertClose(filled([value, 3_600_000]).percentile(50), value, 0.032);
  }
});

test('Histogram: percentiles of an even distribution', () => {
  const histogram = filled(Array.from({ length: 10_000 }, (_, index) => (index + 1) / 10));
  assertClose(histogram.percentile(50), 500, 0.032);
  assertClose(histogram.percentile(95), 950, 0.032);
  assertClose(histogram.percentile(99), 990, 0.032);
  assert.equal(histogram.percentile(100), 1000);
  assert.equal(histogram.max, 1000);
  assertClose(histogram.mean, 500.05, 1e-9);
});

test('Histogram: no percentile is above the maximum', () => {
  const histogram = filled([10, 10, 10]);
  assert.equal(histogram.percentile(50) <= 10, true);
  assert.equal(histogram.percentile(99), 10);
});

test('Histogram: one value is every percentile', () => {
  const histogram = filled([7.3]);
  for (const percent of [0, 1, 50, 99.9, 100, 200]) {
    assert.equal(histogram.percentile(percent), 7.3);
  }
});

test('Histogram: what is no duration counts as 0 and does not spoil the sum', () => {
  const histogram = filled([Number.NaN, -5, 0, 4]);
  assert.equal(histogram.count, 4);
  assert.equal(histogram.mean, 1);
  assert.equal(histogram.max, 4);
});

test('Histogram: what is longer than an hour is the last bucket, and the maximum stays true', () => {
  const histogram = filled([1e9, 1e9, Number.MAX_VALUE]);
  assert.equal(histogram.max, Number.MAX_VALUE);
  assertClose(histogram.percentile(50), 3_600_000, 0.032);
  assert.equal(bucketOf(Number.POSITIVE_INFINITY), bucketOf(3_600_000));
});

test('Histogram: buckets never go down when values go up', () => {
  let last = -1;
  for (let value = 0; value < 100; value += 0.0005) {
    const bucket = bucketOf(value);
    assert.ok(bucket === last || bucket > last, `at ${value}`);
    last = bucket;
  }
});

test('Histogram: merge() is the same as recording into one, in any order of ranges', () => {
  const parts = [[500, 600, 700], [0.002], [12, 13, 14], [], [90_000]];
  const merged = new Histogram();
  for (const part of parts) merged.merge(filled(part));
  const whole = filled(parts.flat());
  assert.equal(merged.count, whole.count);
  assert.equal(merged.max, whole.max);
  assert.equal(merged.mean, whole.mean);
  for (let percent = 0; percent <= 100; percent += 5) {
    assert.equal(merged.percentile(percent), whole.percentile(percent));
  }
});

test('Histogram: clear() forgets everything', () => {
  const histogram = filled([1, 2, 3]);
  histogram.clear();
  assert.deepEqual([histogram.count, histogram.mean, histogram.max], [0, 0, 0]);
  histogram.record(2);
  assert.equal(histogram.percentile(50), 2);
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ManualClock } from '../ts/core/manual-clock.ts';
import { type IRateSettings, RateLimiter } from '../ts/net/rate-limiter.ts';
import { Random } from './fuzz/random.ts';

/** The text book's bucket, in whole numbers: a request is `windowMs` units. */
class Model {
  private readonly settings: Required<IRateSettings>;
  private readonly buckets = new Map<string, { units: number; at: number }>();

  constructor(settings: Required<IRateSettings>) {
    this.settings = settings;
  }

  take(key: string, now: number): object {
    const { amount, windowMs, burst } = this.settings;
    const capacity = burst * windowMs;
    const bucket = this.buckets.get(key) ?? { units: capacity, at: now };
    bucket.units = Math.min(capacity, bucket.units + (now - bucket.at) * amount);
    bucket.at = now;
    this.buckets.set(key, bucket);
    const allowed = bucket.units >= windowMs;
    if (allowed) bucket.units -= windowMs;
    const secondsFor = (units: number) => Math.ceil(units / amount / 1000);
    return {
      allowed,
      limit: burst,
      remaining: Math.floor(bucket.units / windowMs),
      resetSeconds: secondsFor(capacity - bucket.units),
      retryAfterSeconds: allowed ? 0 : Math.max(1, secondsFor(windowMs - bucket.units)),
    };
  }
}

const settingsList = [
  { amount: 10, windowMs: 1000, burst: 10, keysMax: 1000 },
  { amount: 3, windowMs: 1000, burst: 7, keysMax: 1000 },
  { amount: 7, windowMs: 60_000, burst: 2, keysMax: 1000 },
  { amount: 1, windowMs: 333, burst: 1, keysMax: 1000 },
  { amount: 1000, windowMs: 1000, burst: 20, keysMax: 1000 },
];

for (const settings of settingsList) {
  test(`as the model says: ${JSON.stringify(settings)}`, () => {
    const clock = new ManualClock();
    const limiter = new RateLimiter(settings);
    const model = new Model(settings);
    const random = new Random(settings.amount);
    const interval = settings.windowMs / settings.amount;
    let refused = 0;
    for (let round = 0; round < 20_000; round++) {
      if (random.oneIn(3)) clock.advance(random.number(Math.ceil(interval) + 1));
      if (random.oneIn(500)) clock.advance(random.number(5 * settings.windowMs));
      const key = `key ${random.number(4)}`;
      const expected = model.take(key, clock.now());
      const verdict = limiter.take(key, clock.now());
      assert.deepEqual(verdict, expected, `round ${round}`);
      if (!verdict.allowed) refused++;
    }
    assert.ok(refused > 1000);
    assert.equal(limiter.refused, refused);
  });
}

test('the verdict: what is left, when to come back', () => {
  const limiter = new RateLimiter({ amount: 2, windowMs: 10_000 });
  const verdict = (allowed: boolean, remaining: number, resetSeconds: number, retry: number) => ({
    allowed,
    limit: 2,
    remaining,
    resetSeconds,
    retryAfterSeconds: retry,
  });
  assert.deepEqual(limiter.take('a', 0), verdict(true, 1, 5, 0));
  assert.deepEqual(limiter.take('a', 0), verdict(true, 0, 10, 0));
  assert.deepEqual(limiter.take('a', 0), verdict(false, 0, 10, 5));
  assert.deepEqual(limiter.take('a', 1001), verdict(false, 0, 9, 4));
  assert.deepEqual(limiter.take('a', 4999), verdict(false, 0, 6, 1));
  assert.deepEqual(limiter.take('a', 5000), verdict(true, 0, 10, 0));
  assert.deepEqual(limiter.take('b', 5000), verdict(true, 1, 5, 0));
});

test('a clock that goes back or has fractions gives nothing away', () => {
  const limiter = new RateLimiter({ amount: 1, windowMs: 1000 });
  assert.equal(limiter.take('a', 1000.9).allowed, true);
  assert.equal(limiter.take('a', -5000).allowed, false);
  assert.equal(limiter.take('a', 1999.9).allowed, false);
  assert.equal(limiter.take('a', 2000).allowed, true);
});

test('a million keys: bounded, and full buckets are forgotten', () => {
  const limiter = new RateLimiter({ amount: 100, windowMs: 1000, keysMax: 10_000 });
  let most = 0;
  for (let index = 0; index < 1_000_000; index++) {
    assert.equal(limiter.take(`client ${index}`, index / 10_000).allowed, true);
    most = Math.max(most, limiter.keys);
  }
  assert.equal(most, 10_000);
  for (let now = 2000; now < 8000; now++) limiter.take('other', now);
  assert.equal(limiter.keys, 1);
});

test('without memory pressure full buckets do not pile up either', () => {
  const limiter = new RateLimiter({ amount: 1000, windowMs: 1000, burst: 10 });
  // A bucket is full again after a millisecond, so that only those of the moment count.
  for (let index = 0; index < 100_000; index++) limiter.take(`key ${index}`, index);
  assert.ok(limiter.keys < 30, `${limiter.keys}`);
});

test('a flood of other keys makes nobody who owes more forgotten', () => {
  const limiter = new RateLimiter({ amount: 64, windowMs: 60_000, keysMax: 1000 });
  for (let count = 0; count < 64; count++) limiter.take('abuser', 0);
  assert.equal(limiter.take('abuser', 0).allowed, false);
  for (let count = 0; count < 5; count++) limiter.take('somebody', 0);
  // Each of the flood takes three requests, less than the other two have.
  for (let index = 0; index < 3 * 100_000; index++) {
    limiter.take(`flood ${Math.floor(index / 3)}`, 0);
  }
  assert.equal(limiter.keys, 1000);
  assert.equal(limiter.take('abuser', 0).allowed, false);
  assert.equal(limiter.take('somebody', 0).remaining, 64 - 6);
});

test('the bound: as many others as there are keys must have taken as much', () => {
  const limiter = new RateLimiter({ amount: 8, windowMs: 60_000, keysMax: 100 });
  for (let count = 0; count < 4; count++) limiter.take('victim', 0);
  for (let other = 0; other < 99; other++) {
    for (let count = 0; count < 5; count++) limiter.take(`other ${other}`, 0);
  }
  assert.equal(limiter.take('victim', 0).remaining, 8 - 5);
  // Now all have five, and the one that took longest ago goes first: it gains those five.
  limiter.take('new', 0);
  assert.equal(limiter.keys, 100);
  assert.equal(limiter.take('other 1', 0).remaining, 8 - 6);
  assert.equal(limiter.take('other 0', 0).remaining, 8 - 1);
});

test('keys: long ones, wide ones and broken ones are each their own', () => {
  const limiter = new RateLimiter({ amount: 1, windowMs: 1000 });
  const long = 'x'.repeat(8000);
  const keys = [
    '',
    'ü',
    '\u20ac',
    '\ud800',
    '\udbff',
    '\ufffd',
    `${long}1`,
    `${long}2`,
    '__proto__',
  ];
  for (const key of keys) assert.equal(limiter.take(key, 0).allowed, true, key.slice(0, 9));
  for (const key of keys) assert.equal(limiter.take(key, 0).allowed, false, key.slice(0, 9));
  assert.equal(limiter.keys, keys.length);
});

test('configure() keeps what was taken', () => {
  const limiter = new RateLimiter({ amount: 10, windowMs: 1000 });
  for (let count = 0; count < 4; count++) limiter.take('a', 500);
  limiter.configure({ amount: 20, windowMs: 10_000 });
  assert.deepEqual(limiter.take('a', 500), {
    allowed: true,
    limit: 20,
    remaining: 15,
    resetSeconds: 3,
    retryAfterSeconds: 0,
  });
  // Owing more than the new limit is owing all of it.
  limiter.configure({ amount: 2, windowMs: 1000 });
  assert.equal(limiter.take('a', 500).allowed, false);
  assert.equal(limiter.take('a', 999).allowed, false);
  assert.equal(limiter.take('a', 1000).allowed, true);
});

test('configure() to fewer keys keeps those that took most', () => {
  const limiter = new RateLimiter({ amount: 10, windowMs: 1000 });
  for (let key = 0; key < 9; key++) {
    for (let count = 0; count <= key; count++) limiter.take(`${key}`, 0);
  }
  limiter.configure({ amount: 10, windowMs: 1000, keysMax: 2 });
  assert.equal(limiter.keys, 2);
  assert.equal(limiter.take('8', 0).remaining, 0);
  assert.equal(limiter.take('7', 0).remaining, 1);
});

test('settings that are not above 0 are refused, and the old ones stay', () => {
  const good = { amount: 1, windowMs: 1000 };
  const limiter = new RateLimiter(good);
  for (const bad of [
    { amount: 0 },
    { windowMs: 0 },
    { burst: 0 },
    { keysMax: 0 },
    { amount: NaN },
  ]) {
    assert.throws(() => new RateLimiter({ ...good, ...bad }), RangeError);
    assert.throws(() => limiter.configure({ ...good, ...bad }), RangeError);
  }
  assert.equal(limiter.take('a', 0).limit, 1);
});

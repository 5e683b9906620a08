import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ManualClock } from '../ts/core/manual-clock.ts';
import { RetryBudget } from '../ts/proxy/retry-budget.ts';

function retriesOf(budget: RetryBudget, wanted: number): number {
  let allowed = 0;
  for (let index = 0; index < wanted; index++) if (budget.tryRetry()) allowed++;
  return allowed;
}

test('RetryBudget: a quiet route may retry a few times per second', () => {
  const clock = new ManualClock();
  const budget = new RetryBudget(0.2, 3, clock);
  assert.equal(retriesOf(budget, 1000), 30);
  clock.advance(1000);
  const later = retriesOf(budget, 1000);
  assert.ok(later >= 2 && later <= 3, `${later}`);
});

test('RetryBudget: a busy route may repeat its share of the requests', () => {
  const clock = new ManualClock();
  const budget = new RetryBudget(0.2, 0, clock);
  let allowed = 0;
  for (let second = 0; second < 100; second++) {
    for (let index = 0; index < 100; index++) budget.request();
    allowed += retriesOf(budget, 100);
    clock.advance(1000);
  }
  assert.ok(Math.abs(allowed / 10_000 - 0.2) < 0.03, `${allowed}`);
});

test('RetryBudget: requests of an hour ago count for nothing, those of now do', () => {
  const clock = new ManualClock();
  const budget = new RetryBudget(0.5, 0, clock);
  for (let index = 0; index < 36_000; index++) budget.request();
  clock.advance(3_600_000);
  // 10 per second on average is what is left of them: a memory of ten seconds.
  assert.equal(retriesOf(budget, 1000), 50);
  clock.advance(3_600_000);
  assert.equal(retriesOf(budget, 10), 0);
  for (let index = 0; index < 10; index++) budget.request();
  assert.ok(retriesOf(budget, 10) <= 5);
});

test('RetryBudget: with 0 and 0 nothing is retried', () => {
  const budget = new RetryBudget(0, 0, new ManualClock());
  budget.request();
  assert.equal(budget.tryRetry(), false);
});

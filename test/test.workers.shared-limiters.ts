import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LocalLimiters } from '../ts/net/limiters.ts';
import type { IRateVerdict } from '../ts/net/rate-limiter.ts';
import { LimitDesk } from '../ts/proxy/workers/limit-desk.ts';
import { SharedLimiters } from '../ts/proxy/workers/shared-limiters.ts';

/** Workers and their main process; `exchange` is the end of a turn, with the way there and back. */
function setUp(workers: number) {
  const local = new LocalLimiters();
  let now = 0;
  const all = Array.from({ length: workers }, () => {
    let scheduled = 0;
    const limiters = new SharedLimiters({ schedule: () => scheduled++ });
    const desk = new LimitDesk(local);
    const exchange = (): number => {
      const asked = limiters.questions();
      if (asked !== null) limiters.answered(desk.answer(structuredClone(asked), now));
      return scheduled;
    };
    return { limiters, desk, exchange };
  });
  const advance = (ms: number) => {
    now += ms;
  };
  return { local, all, advance };
}

const settings = { amount: 3, windowMs: 1000 };

test('SharedLimiters: a rate limit is exact over all workers, in one message a turn', () => {
  const { all, advance, local } = setUp(2);
  const verdicts: IRateVerdict[] = [];
  const limiters = all.map(({ limiters }) => limiters.rateLimiter('limit:api', settings));
  for (const limiter of limiters) {
    for (let count = 0; count < 2; count++) {
      assert.equal(
        limiter.take('client', 0, (verdict) => verdicts.push(verdict)),
        null,
      );
    }
  }
  assert.deepEqual(
    all.map(({ exchange }) => exchange()),
    [1, 1],
  );
  assert.deepEqual(
    verdicts.map(({ allowed }) => allowed),
    [true, true, true, false],
  );
  assert.deepEqual([limiters[1]?.allowed, limiters[1]?.refused], [1, 1]);
  assert.equal(local.knownRateLimiter('limit:api')?.refused, 1);

  // What was not used goes back, and another key has its own.
  limiters[0]?.giveBack('client');
  limiters[0]?.take('other', 0, (verdict) => verdicts.push(verdict));
  all[0]?.exchange();
  limiters[1]?.take('client', 0, (verdict) => verdicts.push(verdict));
  all[1]?.exchange();
  assert.deepEqual(
    verdicts.slice(4).map(({ allowed }) => allowed),
    [true, true],
  );
  advance(1000);
  limiters[1]?.take('client', 0, (verdict) => verdicts.push(verdict));
  all[1]?.exchange();
  assert.equal(verdicts.at(-1)?.allowed, true);
});

test('SharedLimiters: what main has in force wins over what a worker still thinks', () => {
  const { all, local } = setUp(1);
  local.rateLimiter('route:a:1', { amount: 1, windowMs: 1000 });
  const kept = local.rateLimiter('route:a:1', { amount: 1, windowMs: 1000 });
  const limiter = all[0]?.limiters.rateLimiter('route:a:1', { amount: 100, windowMs: 1000 });
  const allowed: boolean[] = [];
  for (let count = 0; count < 3; count++) {
    limiter?.take('client', 0, (verdict) => allowed.push(verdict.allowed));
  }
  all[0]?.exchange();
  assert.deepEqual(allowed, [true, false, false]);
  assert.equal(kept.refused, 2);
});

test('SharedLimiters: the same id is the same limit, and nothing is sent without a question', () => {
  const { all } = setUp(1);
  const [worker] = all;
  const first = worker?.limiters.rateLimiter('limit:a', settings);
  assert.equal(worker?.limiters.rateLimiter('limit:a', { amount: 1, windowMs: 1 }), first);
  const counter = worker?.limiters.connectionCounter('limit:a');
  assert.equal(worker?.limiters.connectionCounter('limit:a'), counter);
  worker?.exchange();
  assert.equal(worker?.limiters.questions(), null);
});

test('SharedLimiters: connections count over all workers; those of a dead one do not', () => {
  const { all, local } = setUp(2);
  const [one, other] = all.map(({ limiters }) => limiters.connectionCounter('entrypoint:http'));
  const entered: boolean[] = [];
  for (const counter of [one, other, one]) {
    counter?.enter('client', 2, (yes) => entered.push(yes));
    for (const { exchange } of all) exchange();
  }
  assert.deepEqual(entered, [true, true, false]);
  assert.deepEqual([one?.keys, other?.keys], [1, 1]);
  const counted = local.connectionCounter('entrypoint:http');
  assert.equal(counted.countOf('client'), 2);

  all[0]?.desk.close();
  assert.equal(counted.countOf('client'), 1);
  other?.leave('client');
  // Nobody who did not enter can leave.
  other?.leave('client');
  other?.leave('stranger');
  all[1]?.exchange();
  assert.equal(counted.countOf('client'), 0);
  assert.equal(counted.keys, 0);
  all[1]?.desk.close();
  assert.equal(counted.keys, 0);
});

test('SharedLimiters: a place that is free in the same turn is taken', () => {
  const { all } = setUp(1);
  const counter = all[0]?.limiters.connectionCounter('tcp:a');
  const entered: boolean[] = [];
  counter?.enter('client', 1, (yes) => entered.push(yes));
  all[0]?.exchange();
  counter?.leave('client');
  counter?.enter('client', 1, (yes) => entered.push(yes));
  all[0]?.exchange();
  assert.deepEqual(entered, [true, true]);
});

test('LimitDesk: questions about limits that it was never told of let pass, and answers come once', () => {
  const { all, local } = setUp(1);
  const desk = new LimitDesk(local);
  const asked = {
    turn: 7,
    open: [],
    drop: [3],
    takes: [{ number: 1, key: 'a' }],
    returns: [{ number: 1, key: 'a' }],
    enters: [{ number: 2, key: 'a', max: 1 }],
    leaves: [{ number: 2, key: 'a' }],
  };
  const answers = desk.answer(asked, 0);
  assert.equal(answers.turn, 7);
  assert.equal(answers.rates[0]?.allowed, true);
  assert.deepEqual(answers.counts, [true]);
  // Answers to a turn that was never asked are passed over.
  all[0]?.limiters.answered(answers);
});

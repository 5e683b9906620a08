import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ManualClock } from '../ts/core/manual-clock.ts';
import { type IQueueWaiter, type QueueEntry, RequestQueue } from '../ts/proxy/request-queue.ts';

class Waiter implements IQueueWaiter {
  queueEntry: QueueEntry | null = null;
  outcome: 'none' | 'admitted' | 'expired' = 'none';
  private readonly onAdmitted: () => void;

  constructor(onAdmitted: () => void = () => undefined) {
    this.onAdmitted = onAdmitted;
  }

  admitted(): void {
    this.outcome = 'admitted';
    this.onAdmitted();
  }

  expired(): void {
    this.outcome = 'expired';
  }

  refused(): void {
    throw new Error('A queue of one process refuses in wait()');
  }
}

function setUp(activeMax: number, queuedMax: number, timeoutMs = 10_000) {
  const clock = new ManualClock();
  return { clock, queue: new RequestQueue(activeMax, queuedMax, timeoutMs, clock) };
}

function waiters(queue: RequestQueue, count: number): Waiter[] {
  return Array.from({ length: count }, () => {
    const waiter = new Waiter();
    assert.equal(queue.wait(waiter), true);
    return waiter;
  });
}

function outcomes(list: Waiter[]): string[] {
  return list.map((waiter) => waiter.outcome);
}

test('RequestQueue: lets activeMax in, makes queuedMax wait, refuses the next', () => {
  const { queue } = setUp(2, 2);
  assert.deepEqual([queue.tryEnter(), queue.tryEnter(), queue.tryEnter()], [true, true, false]);
  waiters(queue, 2);
  const refused = new Waiter();
  assert.equal(queue.wait(refused), false);
  assert.equal(refused.queueEntry, null);
  assert.deepEqual([queue.active, queue.queued], [2, 2]);
});

test('RequestQueue: a place that comes free goes to the first in line', () => {
  const { queue } = setUp(1, 10);
  queue.tryEnter();
  const line = waiters(queue, 3);
  queue.leave();
  assert.deepEqual(outcomes(line), ['admitted', 'none', 'none']);
  queue.leave();
  assert.deepEqual(outcomes(line), ['admitted', 'admitted', 'none']);
  assert.deepEqual([queue.active, queue.queued], [1, 1]);
});

test('RequestQueue: nobody passes those that wait', () => {
  const { queue } = setUp(1, 10);
  queue.tryEnter();
  let barged: boolean | undefined;
  const first = new Waiter(() => {
    barged = queue.tryEnter();
  });
  queue.wait(first);
  waiters(queue, 1);
  queue.configure(2, 10, 10_000);
  assert.equal(barged, false);
  assert.deepEqual([queue.active, queue.queued], [2, 1]);
});

test('RequestQueue: the line empties and the fast path is back', () => {
  const { clock, queue } = setUp(1, 10);
  queue.tryEnter();
  waiters(queue, 1);
  queue.leave();
  queue.leave();
  assert.deepEqual([queue.active, queue.queued, clock.timerCount], [0, 0, 0]);
  assert.equal(queue.tryEnter(), true);
});

test('RequestQueue: one that leaves the line is skipped, wherever it stands', () => {
  for (const leaving of [0, 1, 2]) {
    const { queue } = setUp(1, 10);
    queue.tryEnter();
    const line = waiters(queue, 3);
    const gone = line[leaving] as Waiter;
    queue.cancel(gone);
    queue.cancel(gone);
    assert.equal(queue.queued, 2);
    queue.leave();
    queue.leave();
    const expected = ['admitted', 'admitted', 'admitted'];
    expected[leaving] = 'none';
    assert.deepEqual(outcomes(line), expected);
  }
});

test('RequestQueue: a line that everybody left has no timer', () => {
  const { clock, queue } = setUp(1, 10);
  queue.tryEnter();
  for (const waiter of waiters(queue, 3)) queue.cancel(waiter);
  assert.deepEqual([queue.queued, clock.timerCount], [0, 0]);
  queue.cancel(new Waiter());
});

test('RequestQueue: each waits for its own time, with one timer for all', () => {
  const { clock, queue } = setUp(1, 10, 1000);
  queue.tryEnter();
  const [first] = waiters(queue, 1) as [Waiter];
  clock.advance(600);
  const [second] = waiters(queue, 1) as [Waiter];
  assert.equal(clock.timerCount, 1);
  clock.advance(399);
  assert.equal(first.outcome, 'none');
  clock.advance(1);
  assert.deepEqual([first.outcome, second.outcome], ['expired', 'none']);
  clock.advance(599);
  assert.equal(second.outcome, 'none');
  clock.advance(1);
  assert.equal(second.outcome, 'expired');
  assert.deepEqual([queue.active, queue.queued, clock.timerCount], [1, 0, 0]);
});

test('RequestQueue: the timer of one that was admitted does not expire the next too early', () => {
  const { clock, queue } = setUp(1, 10, 1000);
  queue.tryEnter();
  waiters(queue, 1);
  clock.advance(900);
  const [second] = waiters(queue, 1) as [Waiter];
  queue.leave();
  clock.advance(500);
  assert.equal(second.outcome, 'none');
  clock.advance(500);
  assert.equal(second.outcome, 'expired');
});

test('RequestQueue: without a deadline nobody expires', () => {
  const { clock, queue } = setUp(1, 10, 0);
  queue.tryEnter();
  const line = waiters(queue, 2);
  clock.advance(1e9);
  assert.deepEqual([outcomes(line), clock.timerCount], [['none', 'none'], 0]);
});

test('RequestQueue: raised limits admit at once, lowered ones throw nobody out', () => {
  const { queue } = setUp(1, 10);
  queue.tryEnter();
  const line = waiters(queue, 4);
  queue.configure(3, 10, 10_000);
  assert.deepEqual(outcomes(line), ['admitted', 'admitted', 'none', 'none']);
  queue.configure(1, 1, 10_000);
  assert.deepEqual([queue.active, queue.queued], [3, 2]);
  assert.equal(queue.wait(new Waiter()), false);
  queue.leave();
  queue.leave();
  assert.equal(queue.queued, 2);
  queue.leave();
  assert.equal(queue.queued, 1);
});

test('RequestQueue: a new deadline counts for those that wait already', () => {
  const { clock, queue } = setUp(1, 10, 10_000);
  queue.tryEnter();
  const line = waiters(queue, 2);
  clock.advance(500);
  queue.configure(1, 10, 800);
  clock.advance(299);
  assert.deepEqual(outcomes(line), ['none', 'none']);
  clock.advance(1);
  assert.deepEqual(outcomes(line), ['expired', 'expired']);
});

test('RequestQueue: 100,000 that leave as soon as they are admitted do not exhaust the stack', () => {
  const { queue } = setUp(1, 100_000);
  queue.tryEnter();
  let admitted = 0;
  for (let index = 0; index < 100_000; index++) {
    queue.wait(
      new Waiter(() => {
        admitted++;
        queue.leave();
      }),
    );
  }
  queue.leave();
  assert.deepEqual([admitted, queue.active, queue.queued], [100_000, 0, 0]);
});

test('RequestQueue: one that is admitted and waits anew goes to the end', () => {
  const { queue } = setUp(1, 10);
  queue.tryEnter();
  const order: string[] = [];
  const again = new Waiter(() => order.push('again'));
  const first = new Waiter(() => {
    order.push('first');
    queue.wait(again);
  });
  const second = new Waiter(() => order.push('second'));
  queue.wait(first);
  queue.wait(second);
  for (let round = 0; round < 3; round++) queue.leave();
  assert.deepEqual(order, ['first', 'second', 'again']);
});

test('RequestQueue: a waiter that throws does not break the line', () => {
  const { queue } = setUp(1, 10);
  queue.tryEnter();
  queue.wait(
    new Waiter(() => {
      throw new Error('broken');
    }),
  );
  const [second] = waiters(queue, 1) as [Waiter];
  assert.throws(() => queue.leave(), /broken/);
  assert.deepEqual([queue.active, queue.queued], [1, 1]);
  queue.leave();
  assert.equal(second.outcome, 'admitted');
});

test('RequestQueue: misuse is told at once', () => {
  const { queue } = setUp(1, 10);
  assert.throws(() => queue.leave(), /not in/);
  queue.tryEnter();
  const waiter = new Waiter();
  queue.wait(waiter);
  assert.throws(() => queue.wait(waiter), /already/);
});

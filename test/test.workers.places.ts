import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PlaceSimulation, type Visitor } from './suites/places.ts';
import { randomFrom } from './suites/random.ts';

const outcomes = (visitors: readonly Visitor[]) => visitors.map(({ outcome }) => outcome);

test('SharedQueue: one place and one waiting over two workers, whichever they come to', () => {
  for (const workers of [
    [0, 0, 0],
    [0, 0, 1],
    [0, 1, 0],
    [0, 1, 1],
  ]) {
    const simulation = new PlaceSimulation(2, 1, 1);
    const visitors = workers.map((worker) => {
      const visitor = simulation.visit(worker);
      simulation.settle();
      return visitor;
    });
    assert.deepEqual(outcomes(visitors), ['in', 'waits', 'refused'], workers.join());
    visitors[0]?.leave();
    simulation.settle();
    assert.deepEqual(outcomes(visitors), ['left', 'in', 'refused'], workers.join());
  }
});

test('SharedQueue: what another worker does not use comes over, and nobody is refused', () => {
  const simulation = new PlaceSimulation(2, 8, 0);
  const early = simulation.visit(0);
  const many = Array.from({ length: 7 }, () => simulation.visit(1));
  simulation.settle();
  assert.deepEqual(outcomes([early, ...many]), new Array(8).fill('in'));
  assert.equal(simulation.visit(0).outcome, 'waits');
  const last = simulation.visit(1);
  simulation.settle();
  assert.equal(last.outcome, 'refused');
});

test('SharedQueue: the first requests of a route with room enough need no answer', () => {
  const simulation = new PlaceSimulation(2, 100, 10);
  const visitors = Array.from({ length: 25 }, () => simulation.visit(0));
  assert.deepEqual(outcomes(visitors), new Array(25).fill('in'));
  assert.equal(simulation.pending, 0);
  assert.equal(simulation.visit(0).outcome, 'waits');
});

test('SharedQueue: who asked first is served first, over all workers', () => {
  const simulation = new PlaceSimulation(3, 1, 10);
  const first = simulation.visit(0);
  simulation.settle();
  const line = [1, 2, 0, 1, 0, 2].map((worker) => {
    const visitor = simulation.visit(worker);
    simulation.settle();
    return visitor;
  });
  let inside = first;
  for (const next of line) {
    assert.equal(next.outcome, 'waits');
    inside.leave();
    simulation.settle();
    assert.equal(next.outcome, 'in');
    inside = next;
  }
});

test('SharedQueue: a worker that ends leaves its places and its turns to the others', () => {
  const simulation = new PlaceSimulation(2, 2, 1);
  const dying = [simulation.visit(0), simulation.visit(0)];
  simulation.settle();
  const waiting = simulation.visit(0);
  simulation.settle();
  assert.deepEqual(outcomes([...dying, waiting]), ['in', 'in', 'waits']);
  simulation.replace(0);
  const visitors = [0, 1, 0, 1].map((worker) => {
    const visitor = simulation.visit(worker);
    simulation.settle();
    return visitor;
  });
  assert.deepEqual(outcomes(visitors), ['in', 'in', 'waits', 'refused']);
});

test('SharedQueue: a request that gives up while its place is on the way does not lose it', () => {
  const simulation = new PlaceSimulation(2, 1, 1);
  const first = simulation.visit(0);
  assert.ok(simulation.deliver(0, 'toMain'));
  first.cancel();
  simulation.settle();
  const second = simulation.visit(1);
  simulation.settle();
  assert.equal(second.outcome, 'in');
});

test('SharedQueue: changed limits hold over all workers', () => {
  const simulation = new PlaceSimulation(2, 1, 2);
  const visitors = [0, 1, 0].map((worker) => {
    const visitor = simulation.visit(worker);
    simulation.settle();
    return visitor;
  });
  assert.deepEqual(outcomes(visitors), ['in', 'waits', 'waits']);
  simulation.configure(3, 0);
  simulation.settle();
  assert.deepEqual(outcomes(visitors), ['in', 'in', 'in']);
  simulation.configure(1, 0);
  simulation.settle();
  visitors[0]?.leave();
  visitors[1]?.leave();
  simulation.settle();
  const refused = simulation.visit(0);
  simulation.settle();
  assert.equal(refused.outcome, 'refused');
  visitors[2]?.leave();
  simulation.settle();
  const entered = simulation.visit(1);
  simulation.settle();
  assert.equal(entered.outcome, 'in');
});

test('SharedQueue: a queue whose route is gone lets those who wait go on', () => {
  const simulation = new PlaceSimulation(2, 1, 5);
  simulation.visit(0);
  simulation.settle();
  const waiting = simulation.visit(1);
  simulation.settle();
  assert.equal(waiting.outcome, 'waits');
  simulation.limits = undefined;
  simulation.queues[1]?.retire();
  simulation.brokers.retired(1, 'a');
  assert.equal(waiting.outcome, 'in');
  simulation.settle();
  waiting.leave();
  assert.equal(simulation.pending, 0);
});

test('SharedQueue: waiting has its time, with or without an answer', () => {
  const simulation = new PlaceSimulation(2, 1, 5, 1000);
  simulation.visit(0);
  simulation.settle();
  const known = simulation.visit(1);
  simulation.settle();
  const unknown = simulation.visit(1);
  simulation.clock.advance(1000);
  assert.deepEqual(outcomes([known, unknown]), ['expired', 'expired']);
  simulation.settle();
  const next = simulation.visit(1);
  simulation.settle();
  assert.equal(next.outcome, 'waits');
});

for (const seed of [1, 2, 3, 4, 5, 6, 7, 8]) {
  test(`SharedQueue: no order of messages breaks the limits or forgets a request (${seed})`, () => {
    const below = randomFrom(seed);
    const workers = 1 + below(4);
    let activeMax = 1 + below(9);
    let queuedMax = below(6);
    let bound = activeMax;
    const simulation = new PlaceSimulation(workers, activeMax, queuedMax);
    let visitors: Visitor[] = [];
    for (let step = 0; step < 6000; step++) {
      const worker = below(workers);
      const action = below(100);
      const inside = visitors.filter(({ outcome }) => outcome === 'in');
      if (action < 25) visitors.push(simulation.visit(worker));
      else if (action < 45) inside[below(inside.length)]?.leave();
      else if (action < 49) {
        const waiting = visitors.filter(({ outcome }) => outcome === 'waits');
        waiting[below(waiting.length)]?.cancel();
      } else if (action === 49 && below(10) === 0) {
        const { queue } = simulation.visit(worker);
        simulation.replace(worker);
        visitors = visitors.filter((visitor) => visitor.queue !== queue);
      } else if (action === 50 && below(10) === 0) {
        simulation.settle();
        activeMax = 1 + below(9);
        queuedMax = below(6);
        simulation.configure(activeMax, queuedMax);
        simulation.settle();
        const still = visitors.filter(({ outcome }) => outcome === 'in').length;
        bound = Math.max(activeMax, still);
      } else simulation.deliver(worker, below(2) === 0 ? 'toMain' : 'toWorker');
      visitors = visitors.filter(({ outcome }) => outcome === 'in' || outcome === 'waits');
      const active = visitors.filter(({ outcome }) => outcome === 'in').length;
      assert.ok(active <= bound, `${active} of ${bound} at step ${step}`);
      bound = Math.max(activeMax, Math.min(bound, active));
    }
    simulation.settle();
    visitors = visitors.filter(({ outcome }) => outcome === 'in' || outcome === 'waits');
    const waiting = visitors.filter(({ outcome }) => outcome === 'waits');
    const active = visitors.filter(({ outcome }) => outcome === 'in').length;
    assert.ok(waiting.length <= queuedMax);
    assert.ok(waiting.length === 0 || active >= activeMax, 'nobody waits beside a free place');
    while (visitors.some(({ outcome }) => outcome === 'in')) {
      visitors.find(({ outcome }) => outcome === 'in')?.leave();
      simulation.settle();
    }
    assert.ok(visitors.every(({ outcome }) => outcome === 'left'));
    const whole = Array.from({ length: activeMax }, () => simulation.visit(0));
    simulation.settle();
    assert.deepEqual(outcomes(whole), new Array(activeMax).fill('in'), 'no place was lost');
    const over = simulation.visit(workers - 1);
    simulation.settle();
    assert.equal(over.outcome, queuedMax === 0 ? 'refused' : 'waits');
  });
}

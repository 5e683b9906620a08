import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ManualClock } from '../ts/core/manual-clock.ts';
import { BalancingStrategy } from '../ts/proxy/balancing-strategy.ts';
import { Endpoint } from '../ts/proxy/endpoint.ts';
import { LeastLatencyLB, type LoadBalancer, loadBalancerFor } from '../ts/proxy/load-balancer.ts';
import { randomFrom } from './suites/random.ts';

function endpoint(id: string, weight = 1): Endpoint {
  return new Endpoint({
    id,
    hostname: '127.0.0.1',
    port: 1,
    weight,
    isDead: false,
    failureCount: 0,
  });
}

function endpoints(...weights: number[]): Endpoint[] {
  return weights.map((weight, index) => endpoint(`node-${index + 1}`, weight));
}

function seededRandom(): () => number {
  const random = randomFrom(4711);
  return () => random(2 ** 32) / 2 ** 32;
}

function picks(balancer: LoadBalancer, from: Endpoint[], count: number): Map<Endpoint, number> {
  const random = seededRandom();
  const counts = new Map<Endpoint, number>(from.map((one) => [one, 0]));
  for (let index = 0; index < count; index++) {
    const picked = balancer.pick(from, '10.0.0.1', null, random) as Endpoint;
    counts.set(picked, (counts.get(picked) ?? 0) + 1);
  }
  return counts;
}

function clientIps(count: number): string[] {
  return Array.from(
    { length: count },
    (_, index) => `10.${(index >> 16) & 255}.${(index >> 8) & 255}.${index & 255}`,
  );
}

for (const strategy of Object.values(BalancingStrategy)) {
  const balancer = loadBalancerFor(strategy);

  test(`${strategy}: knows its name and is shared`, () => {
    assert.equal(balancer.strategy, strategy);
    assert.equal(loadBalancerFor(strategy), balancer);
  });

  test(`${strategy}: picks neither dead nor tried endpoints, and then none`, () => {
    const [one, two, three] = endpoints(1, 2, 3) as [Endpoint, Endpoint, Endpoint];
    const all = [one, two, three];
    two.isDead = true;
    for (let round = 0; round < 50; round++) {
      assert.equal(balancer.pick(all, '10.0.0.1', [one]), three);
      assert.equal(balancer.pick(all, '10.0.0.1', [three]), one);
      assert.equal(balancer.pick(all, '10.0.0.1', [one, three]), undefined);
    }
    one.isDead = true;
    three.isDead = true;
    assert.equal(balancer.pick(all, '10.0.0.1', null), undefined);
    assert.equal(balancer.pick([], '10.0.0.1', null), undefined);
  });

  test(`${strategy}: a single endpoint gets everything`, () => {
    const only = endpoint('only');
    for (let round = 0; round < 10; round++) assert.equal(balancer.pick([only], '::1', null), only);
  });
}

test('ROUND_ROBIN: cycles', () => {
  const from = endpoints(1, 1, 1);
  const balancer = loadBalancerFor('ROUND_ROBIN');
  const order = Array.from({ length: 6 }, () => balancer.pick(from, '', null)?.id);
  assert.deepEqual(order, ['node-1', 'node-2', 'node-3', 'node-1', 'node-2', 'node-3']);
});

test('ROUND_ROBIN: is smooth with weights', () => {
  const from = [endpoint('a', 5), endpoint('b', 1), endpoint('c', 1)];
  const balancer = loadBalancerFor('ROUND_ROBIN');
  const order = Array.from({ length: 14 }, () => balancer.pick(from, '', null)?.id).join('');
  assert.equal(order, 'aabacaaaabacaa');
});

test('ROUND_ROBIN: one that comes back does not get a flood', () => {
  const from = endpoints(1, 1);
  const [one, two] = from as [Endpoint, Endpoint];
  const balancer = loadBalancerFor('ROUND_ROBIN');
  two.isDead = true;
  for (let round = 0; round < 100; round++) balancer.pick(from, '', null);
  two.isDead = false;
  const next = Array.from({ length: 6 }, () => balancer.pick(from, '', null));
  assert.equal(next.filter((picked) => picked === one).length, 3);
});

test('RANDOM: follows the weights', () => {
  const from = endpoints(1, 2, 7);
  const counts = [...picks(loadBalancerFor('RANDOM'), from, 10_000).values()];
  for (const [index, share] of [1000, 2000, 7000].entries()) {
    assert.ok(Math.abs((counts[index] as number) - share) < 200, `${counts}`);
  }
});

test('RANDOM: a random number just below 1 is the last endpoint that is alive', () => {
  const from = endpoints(1, 1, 1);
  (from[2] as Endpoint).isDead = true;
  const almostOne = () => 1 - Number.EPSILON / 2;
  assert.equal(loadBalancerFor('RANDOM').pick(from, '', null, almostOne), from[1]);
  assert.equal(
    loadBalancerFor('RANDOM').pick(from, '', null, () => 0),
    from[0],
  );
});

test('IP_HASH: a client stays with its endpoint, whatever the order of the list', () => {
  const from = endpoints(1, 1, 1, 1);
  const balancer = loadBalancerFor('IP_HASH');
  for (const ip of ['10.1.2.3', '2001:db8::1', '2001:db8::2', '::1', '']) {
    const picked = balancer.pick(from, ip, null);
    assert.equal(balancer.pick(from, ip, null), picked);
    assert.equal(balancer.pick(from.toReversed(), ip, null), picked);
  }
});

test('IP_HASH: an IPv4 address mapped into IPv6 is the same client', () => {
  const from = endpoints(1, 1, 1, 1, 1, 1, 1, 1);
  const balancer = loadBalancerFor('IP_HASH');
  for (const ip of clientIps(100)) {
    assert.equal(balancer.pick(from, `::ffff:${ip}`, null), balancer.pick(from, ip, null));
  }
});

test('IP_HASH: spreads clients evenly, also those that differ in the last digits of IPv6', () => {
  const from = endpoints(1, 1, 1, 1, 1);
  const balancer = loadBalancerFor('IP_HASH');
  const v6 = Array.from({ length: 10_000 }, (_, index) => `2001:db8::${index.toString(16)}`);
  for (const clients of [clientIps(10_000), v6]) {
    const counts = new Map<Endpoint | undefined, number>();
    for (const ip of clients) {
      const picked = balancer.pick(from, ip, null);
      counts.set(picked, (counts.get(picked) ?? 0) + 1);
    }
    for (const count of counts.values()) assert.ok(Math.abs(count - 2000) < 200, `${count}`);
  }
});

test('IP_HASH: follows the weights', () => {
  const from = endpoints(1, 3);
  const balancer = loadBalancerFor('IP_HASH');
  const heavy = clientIps(10_000).filter((ip) => balancer.pick(from, ip, null) === from[1]).length;
  assert.ok(Math.abs(heavy - 7500) < 250, `${heavy}`);
});

for (const [how, lose] of [
  ['removing', (from: Endpoint[], lost: Endpoint) => from.filter((one) => one !== lost)],
  ['death of', markDead],
] as const) {
  test(`IP_HASH: ${how} one of 10 moves its clients, and no others, to all of the rest`, () => {
    const before = endpoints(1, 1, 1, 1, 1, 1, 1, 1, 1, 1);
    const lost = before[3] as Endpoint;
    const balancer = loadBalancerFor('IP_HASH');
    const homes = new Map(clientIps(10_000).map((ip) => [ip, balancer.pick(before, ip, null)]));
    const after = lose(before, lost);

    let moved = 0;
    const heirs = new Set<Endpoint | undefined>();
    for (const [ip, home] of homes) {
      const now = balancer.pick(after, ip, null);
      if (home === lost) heirs.add(now);
      else assert.equal(now, home);
      if (now !== home) moved++;
    }
    assert.ok(moved > 800 && moved < 1200, `${moved} moved`);
    assert.equal(heirs.size, 9);
  });
}

function markDead(from: Endpoint[], lost: Endpoint): Endpoint[] {
  lost.isDead = true;
  return from;
}

test('LEAST_CONNECTIONS: takes the one with the fewest requests for its weight', () => {
  const from = endpoints(1, 4);
  const [light, heavy] = from as [Endpoint, Endpoint];
  const balancer = loadBalancerFor('LEAST_CONNECTIONS');
  light.active = 1;
  heavy.active = 3;
  assert.equal(balancer.pick(from, '', null), heavy);
  heavy.active = 5;
  assert.equal(balancer.pick(from, '', null), light);
});

test('LEAST_CONNECTIONS: idle endpoints share by weight, not by their place in the list', () => {
  const from = endpoints(1, 1, 2);
  const counts = [...picks(loadBalancerFor('LEAST_CONNECTIONS'), from, 8000).values()];
  for (const [index, share] of [2000, 2000, 4000].entries()) {
    assert.ok(Math.abs((counts[index] as number) - share) < 250, `${counts}`);
  }
});

test('LEAST_LATENCY: prefers the faster one, and work in progress makes it dearer', () => {
  const clock = new ManualClock();
  const balancer = new LeastLatencyLB(clock);
  const from = endpoints(1, 1);
  const [fast, slow] = from as [Endpoint, Endpoint];
  fast.observe(10, 0);
  slow.observe(30, 0);
  assert.equal(balancer.pick(from, '', null), fast);
  fast.active = 3;
  assert.equal(balancer.pick(from, '', null), slow);
});

test('LEAST_LATENCY: one without a measurement is tried first, but not flooded', () => {
  const balancer = new LeastLatencyLB(new ManualClock());
  const from = endpoints(1, 1);
  const [known, fresh] = from as [Endpoint, Endpoint];
  known.observe(1, 0);
  assert.equal(balancer.pick(from, '', null), fresh);
  fresh.active = 1;
  assert.equal(balancer.pick(from, '', null), known);
  fresh.active = 0;
  fresh.failureCount = 1;
  assert.equal(balancer.pick(from, '', null), known);
});

test('LEAST_LATENCY: a slow one is asked again after a while', () => {
  const clock = new ManualClock();
  const balancer = new LeastLatencyLB(clock);
  const from = endpoints(1, 1);
  const [fast, slow] = from as [Endpoint, Endpoint];
  slow.observe(2000, clock.monotonic());
  for (let second = 0; second < 120; second++) {
    fast.observe(5, clock.monotonic());
    if (balancer.pick(from, '', null) === slow) return;
    clock.advance(1000);
  }
  assert.fail('never asked again');
});

test('LEAST_LATENCY: of many, the slowest gets next to nothing and the others share', () => {
  const balancer = new LeastLatencyLB(new ManualClock());
  const from = endpoints(1, 1, 1, 1);
  for (const [index, one] of from.entries()) one.observe(index === 0 ? 100 : 10, 0);
  const counts = [...picks(balancer, from, 6000).values()];
  assert.equal(counts[0], 0);
  for (const count of counts.slice(1)) assert.ok(Math.abs(count - 2000) < 250, `${counts}`);
});

test('LEAST_LATENCY: another clock makes another instance', () => {
  const clock = new ManualClock();
  assert.notEqual(loadBalancerFor('LEAST_LATENCY', clock), loadBalancerFor('LEAST_LATENCY'));
  assert.equal(loadBalancerFor('RANDOM', clock), loadBalancerFor('RANDOM'));
});

test('Endpoint.observe(): a peak counts at once and goes in about ten seconds', () => {
  const one = endpoint('a');
  one.observe(10, 0);
  one.observe(500, 1);
  assert.equal(one.latencyMs, 500);
  one.observe(10, 10_001);
  assert.ok(Math.abs(one.latencyMs - (500 / Math.E + 10 * (1 - 1 / Math.E))) < 0.5);
  one.observe(10, 100_000);
  assert.ok(one.latencyMs < 11);
});

test('Endpoint.observe(): measured is never 0, and time that goes back changes nothing', () => {
  const one = endpoint('a');
  one.observe(0, 5000);
  assert.ok(one.latencyMs > 0);
  one.observe(20, 5000);
  one.observe(1, 4000);
  assert.equal(one.latencyMs, 20);
});

test('Endpoint: takes its state over from the configuration', () => {
  const one = new Endpoint({
    id: 'a',
    hostname: 'x',
    port: 1,
    isDead: true,
    deadSince: 12,
    failureCount: 3,
    maintenance: true,
  });
  assert.deepEqual(
    [one.id, one.weight, one.isDead, one.deadSince, one.failureCount, one.maintenance],
    ['a', 1, true, 12, 3, true],
  );
});

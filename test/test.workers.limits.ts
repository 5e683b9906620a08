import assert from 'node:assert/strict';
import type { ServerResponse } from 'node:http';
import { test } from 'node:test';
import { nextEvent, routeTo, startOrigin } from './suites/web.ts';
import { clientOfEach, startPool } from './suites/workers.ts';

test('WorkerPool: queue, rate limit and dead marks hold over all workers', async (context) => {
  const held: ServerResponse[] = [];
  let wake: () => void = () => undefined;
  const slow = await startOrigin(context, 'slow', (_request, response) => {
    held.push(response);
    wake();
  });
  const arrivals = async (count: number): Promise<void> => {
    while (held.length < count) {
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
  };
  const origin = await startOrigin(context, 'one');
  const dying = await startOrigin(context, 'dying');
  const health = { failuresMax: 2, recoveryIntervalMs: 50 };
  const { pool, proxy, bus, port } = await startPool(context, {
    routes: [
      routeTo([slow.backend], {
        id: 'queue',
        vHost: 'queue.test',
        reqActiveLength: 1,
        reqQueueLength: 1,
      }),
      routeTo([origin.backend], {
        id: 'rate',
        vHost: 'rate.test',
        rateLimits: [{ requests: 5, windowSeconds: 3600 }],
      }),
      routeTo([dying.backend, origin.backend], { id: 'dead', vHost: 'dead.test', health }),
    ],
  });
  const clients = await clientOfEach(context, pool, port);
  const more = await clientOfEach(context, pool, port);
  const [one, other] = clients;
  const [oneMore, otherMore] = more;
  if (one === undefined || other === undefined) throw new Error('There are two');
  if (oneMore === undefined || otherMore === undefined) throw new Error('There are two');

  // One with the backend, one waits in the other worker, and the third is refused by either.
  one.send({ host: 'queue.test' });
  await arrivals(1);
  other.send({ host: 'queue.test' });
  for (;;) {
    await pool.drainStats();
    const { active, queued } = proxy.tracker.total.snapshot(performance.now());
    assert.equal(active, 1);
    if (queued === 1) break;
  }
  assert.deepEqual(
    [proxy.router.route('queue')?.counter.active, proxy.router.route('queue')?.counter.queued],
    [1, 1],
  );
  for (const client of more) {
    const { status, headers } = await client.ask({ host: 'queue.test' });
    assert.deepEqual([status, headers['retry-after']], [503, '1']);
  }
  held[0]?.end('first');
  assert.equal((await one.reply()).body, 'first');
  await arrivals(2);
  held[1]?.end('second');
  assert.equal((await other.reply()).body, 'second');

  // Five requests, whoever serves them.
  const statuses: number[] = [];
  for (let round = 0; round < 4; round++) {
    for (const client of clients) statuses.push((await client.ask({ host: 'rate.test' })).status);
  }
  assert.deepEqual(statuses, [200, 200, 200, 200, 200, 429, 429, 429]);

  // A failure in each worker makes two, and both know.
  await dying.stop();
  const dead = nextEvent(bus, 'backend.dead');
  for (const client of clients) {
    for (let round = 0; round < 2; round++) {
      assert.equal((await client.ask({ host: 'dead.test' })).status, 200);
    }
  }
  assert.deepEqual((await dead).backendId, 'dying');
  await pool.flush();
  const endpoint = proxy.router.route('dead')?.endpoints[0];
  assert.equal(endpoint?.isDead, true);
  assert.equal(endpoint?.failureCount, 2);
  const alive = nextEvent(bus, 'backend.alive');
  await dying.restart();
  await alive;
  await pool.flush();
  for (const client of clients) {
    const origins = new Set<string>();
    for (let round = 0; round < 4; round++) {
      origins.add(JSON.parse((await client.ask({ host: 'dead.test' })).body).origin);
    }
    assert.deepEqual([...origins].sort(), ['dying', 'one']);
  }

  // By hand it is out at once, in both.
  const route = proxy.router.route('dead');
  if (route?.endpoints[0] === undefined) throw new Error('It is there');
  proxy.health.markDead(route, route.endpoints[0]);
  await pool.flush();
  const reached = dying.requests.length;
  for (const client of clients) {
    for (let round = 0; round < 3; round++) await client.ask({ host: 'dead.test' });
  }
  assert.equal(dying.requests.length, reached);
});

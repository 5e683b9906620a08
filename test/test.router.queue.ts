import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { test } from 'node:test';
import { ManualClock } from '../ts/core/manual-clock.ts';
import type { TRouteInput } from '../ts_interfaces/index.ts';
import { Client, nextEvent, routeTo, startOrigin, startProxy } from './suites/web.ts';

/** An origin that holds what it gets, and a proxy that lets one request through at a time. */
async function startHolding(
  context: Parameters<typeof startOrigin>[0],
  rest: Partial<TRouteInput>,
) {
  const held: { url: string; response: ServerResponse }[] = [];
  const origin = await startOrigin(context, 'one', (request, response) => {
    held.push({ url: request.url ?? '', response });
    origin.server.emit('held');
  });
  const clock = new ManualClock();
  const route = routeTo([origin.backend], { reqActiveLength: 1, reqQueueLength: 2, ...rest });
  const { proxy, port } = await startProxy(context, { routes: [route] }, { clock });
  const next = async () => {
    if (held.length === 0) await once(origin.server, 'held');
    return held.shift() ?? assert.fail();
  };
  /** Sends and waits until the route has so many waiting requests. */
  const enqueue = async (path: string, queued: number) => {
    const client = await Client.open(context, port);
    client.send({ path });
    const counter = proxy.router.route('a')?.counter ?? assert.fail();
    while (counter.queued < queued) await new Promise((resolve) => setImmediate(resolve));
    return client;
  };
  return { proxy, port, clock, held, next, enqueue, origin };
}

test('queue: requests wait for a place, in the order in which they came; the next one gets 503', async (context) => {
  const { proxy, port, next, enqueue } = await startHolding(context, {});
  const first = await enqueue('/1', 0);
  const one = await next();
  const second = await enqueue('/2', 1);
  const third = await enqueue('/3', 2);
  const fourth = await Client.open(context, port);
  const refused = await fourth.ask({ path: '/4' });
  assert.equal(refused.status, 503);
  assert.match(refused.body, /QUEUE_FULL/);
  assert.equal(refused.headers['retry-after'], '1');
  const stats = () => proxy.router.route('a')?.counter.snapshot(performance.now());
  assert.deepEqual([stats()?.active, stats()?.queued], [1, 2]);

  one.response.end('1');
  assert.equal((await first.reply()).body, '1');
  const two = await next();
  assert.equal(two.url, '/2');
  two.response.end('2');
  assert.equal((await second.reply()).body, '2');
  const three = await next();
  assert.equal(three.url, '/3');
  three.response.end('3');
  assert.equal((await third.reply()).body, '3');
  assert.deepEqual([stats()?.active, stats()?.queued], [0, 0]);
});

test('queue: who waits for too long gets 503; the others go on waiting', async (context) => {
  const { clock, next, enqueue } = await startHolding(context, { queueTimeoutMs: 1_000 });
  const first = await enqueue('/1', 0);
  const one = await next();
  const second = await enqueue('/2', 1);
  clock.advance(600);
  const third = await enqueue('/3', 2);
  clock.advance(400);
  const late = await second.reply();
  assert.equal(late.status, 503);
  assert.match(late.body, /QUEUE_TIMEOUT/);
  one.response.end('1');
  await first.reply();
  (await next()).response.end('3');
  assert.equal((await third.reply()).body, '3');
});

test('queue: a client that leaves is taken out of the line', async (context) => {
  const { proxy, next, enqueue, held } = await startHolding(context, {});
  const first = await enqueue('/1', 0);
  const one = await next();
  const second = await enqueue('/2', 1);
  const third = await enqueue('/3', 2);
  const gone = nextEvent(proxy.events, 'request.completed', ({ uri }) => uri === '/2');
  second.socket.destroy();
  assert.equal((await gone).status, 0);
  one.response.end('1');
  await first.reply();
  const three = await next();
  assert.equal(three.url, '/3');
  three.response.end('3');
  await third.reply();
  assert.equal(held.length, 0);
});

test('queue: a request with a body waits with it, and raised limits let waiters through at once', async (context) => {
  const { proxy, port, next, enqueue, origin } = await startHolding(context, {});
  await enqueue('/1', 0);
  await next();
  const second = await Client.open(context, port);
  second.send({ method: 'POST', path: '/2', body: 'x'.repeat(200_000) });
  const counter = proxy.router.route('a')?.counter ?? assert.fail();
  while (counter.queued < 1) await new Promise((resolve) => setImmediate(resolve));
  const { router } = proxy;
  const { config } = router.route('a') ?? assert.fail();
  router.setRoute(router.prepareRoute({ ...config, reqActiveLength: 2 }));
  const two = await next();
  assert.equal(two.url, '/2');
  two.response.end('2');
  assert.equal((await second.reply()).body, '2');
  assert.equal(origin.requests[1]?.headers['content-length'], '200000');
});

test('queue: no queue at all refuses at once', async (context) => {
  const { port, next, enqueue } = await startHolding(context, { reqQueueLength: 0 });
  await enqueue('/1', 0);
  await next();
  const client = await Client.open(context, port);
  assert.equal((await client.ask()).status, 503);
});

test('queue: what waits for a removed route is served to its end', async (context) => {
  const { proxy, next, enqueue } = await startHolding(context, {});
  const first = await enqueue('/1', 0);
  const one = await next();
  const second = await enqueue('/2', 1);
  proxy.router.removeRoute('a');
  one.response.end('1');
  assert.equal((await first.reply()).body, '1');
  (await next()).response.end('2');
  assert.equal((await second.reply()).body, '2');
  assert.equal((await second.ask()).status, 404);
});

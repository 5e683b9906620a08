import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { Duplex } from 'node:stream';
import { test } from 'node:test';
import {
  ask,
  Client,
  echoOf,
  routeTo,
  startOrigin,
  startProxy,
  startRouter,
} from './suites/web.ts';

test('live changes: routes come, change and go under parallel requests, and none fails', async (context) => {
  const [one, two] = [await startOrigin(context, 'one'), await startOrigin(context, 'two')];
  const { proxy, port } = await startProxy(context, { routes: [routeTo([one.backend])] });
  const { router } = proxy;
  let running = true;
  const statuses = new Map<number, number>();
  const worker = async (fresh: boolean): Promise<void> => {
    let client = await Client.open(context, port);
    while (running) {
      if (fresh) {
        client.socket.destroy();
        client = await Client.open(context, port);
      }
      const { status, body } = await client.ask({ path: '/x', headers: { 'X-Pad': 'y' } });
      assert.ok(body.length > 0);
      statuses.set(status, (statuses.get(status) ?? 0) + 1);
    }
    client.socket.destroy();
  };
  const workers = [false, false, false, false, true, true].map((fresh) => worker(fresh));
  for (let round = 0; round < 100; round++) {
    const other = routeTo([two.backend], { id: `other-${round}`, vHost: `other-${round}.test` });
    router.addRoute(other);
    router.addRoute({ ...other, id: `twin-${round}`, vHost: 'a.test', paths: ['/elsewhere'] });
    const { config } = router.route('a') ?? assert.fail();
    const backends = [round % 2 === 0 ? two.backend : one.backend].map((backend) => ({
      ...backend,
      isDead: false,
      failureCount: 0,
    }));
    router.setRoute(router.prepareRoute({ ...config, backends }));
    if (round > 10) {
      assert.ok(router.removeRoute(`other-${round - 10}`));
      assert.ok(router.removeRoute(`twin-${round - 10}`));
    }
    await new Promise((resolve) => setImmediate(resolve));
  }
  running = false;
  await Promise.all(workers);
  assert.deepEqual([...statuses.keys()], [200]);
  assert.ok((statuses.get(200) ?? 0) >= 100, `${statuses.get(200)}`);
  assert.ok(one.requests.length > 0 && two.requests.length > 0);
});

test('live changes: a removed route’s request in flight ends well; the next one is 404', async (context) => {
  const { promise: released, resolve: release } = Promise.withResolvers<void>();
  const origin = await startOrigin(context, 'slow', (_request, response) => {
    response.write('first,');
    void released.then(() => response.end('second'));
  });
  const { router, port } = await startRouter(context, {
    web: { routes: [routeTo([origin.backend])] },
  });
  const client = await Client.open(context, port);
  client.send();
  await client.until('first,');
  await router.control.routes.remove('a');
  assert.equal((await ask(context, port)).status, 404);
  release();
  assert.match(await client.until('0\r\n\r\n'), /second/);
  assert.equal((await client.ask()).status, 404);
});

test('live changes: a changed route counts on, and keeps what it knows of its backends', async (context) => {
  const origin = await startOrigin(context, 'one');
  const { router, port } = await startRouter(context, {
    web: { routes: [routeTo([origin.backend])] },
  });
  await ask(context, port);
  const before = router.proxy.router.route('a');
  await router.control.routes.patch('a', { headers: { 'X-New': 'yes' } });
  const after = router.proxy.router.route('a');
  assert.notEqual(after, before);
  assert.equal(after?.counter, before?.counter);
  assert.equal(after?.endpoints[0], before?.endpoints[0]);
  const reply = await ask(context, port);
  assert.equal(echoOf(reply).headers['x-new'], 'yes');
  assert.equal(after?.counter.snapshot(performance.now()).requests, 2);
  assert.equal(after?.endpoints[0]?.requests, 2);
});

test('live changes: an open WebSocket survives every change of the rest, and of its own route', async (context) => {
  const origin = await startOrigin(context, 'ws');
  origin.server.on('upgrade', (request, socket: Duplex) => {
    const key = request.headers['sec-websocket-key'];
    socket.write(
      `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nX-Key: ${key}\r\n\r\n`,
    );
    socket.pipe(socket);
  });
  const http = { address: '127.0.0.1', port: 0 };
  const other = routeTo([origin.backend], { id: 'other', vHost: 'other.test' });
  const mine = routeTo([origin.backend]);
  const web = { entrypoints: { http }, routes: [mine, other] };
  const { router, port } = await startRouter(context, { web });
  const client = await Client.open(context, port);
  const headers = { Connection: 'Upgrade', Upgrade: 'websocket', 'Sec-WebSocket-Key': 'k' };
  const reply = await client.ask({ headers });
  assert.equal(reply.status, 101);
  assert.equal(reply.headers['x-key'], 'k');
  const echo = async (text: string) => {
    client.socket.write(text);
    assert.equal(await client.bytes(text.length), text);
  };
  await echo('one');
  await router.control.routes.remove('other');
  await router.control.routes.add({ ...other, id: 'third', vHost: 'third.test' });
  await echo('two');
  const entrypoints = { http: { ...http, connectionsMax: 5 }, more: http };
  await router.apply({ drainTimeoutMs: 0, web: { entrypoints, routes: [mine] } });
  await echo('three');
  await router.control.routes.patch('a', { reqActiveLength: 1 });
  await echo('four');
  await router.control.routes.remove('a');
  await echo('five');
  assert.equal(router.proxy.connectionStats().tunnels, 1);
  const closed = once(client.socket, 'close');
  client.socket.end();
  await closed;
});

test('live changes: one of 100,000 routes comes and goes, and nothing else is touched', async (context) => {
  const origin = await startOrigin(context, 'one');
  const { proxy, port } = await startProxy(context);
  const { router } = proxy;
  for (let index = 0; index < 100_000; index++) {
    router.addRoute(routeTo([origin.backend], { id: `r${index}`, vHost: `h${index}.test` }));
  }
  const before = [...router.routes()];
  const version = router.table.version;
  router.addRoute(routeTo([origin.backend]));
  assert.equal((await ask(context, port)).status, 200);
  const { config } = router.route('a') ?? assert.fail();
  router.setRoute(router.prepareRoute({ ...config, priority: 1 }));
  router.removeRoute('a');
  assert.equal(router.table.version, version + 4, 'one add, a remove and an add, one remove');
  assert.equal((await ask(context, port)).status, 404);
  assert.equal((await ask(context, port, { host: 'h99999.test' })).status, 200);
  const after = [...router.routes()];
  assert.equal(after.length, before.length);
  assert.ok(after.every((route, index) => route === before[index]));
  // Routes that do the same share what they do.
  assert.equal(new Set(after.map(({ plan }) => plan)).size, 1);
});

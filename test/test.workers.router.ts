import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  ask,
  Client,
  nextEvent,
  routeTo,
  startOrigin,
  startRaw,
  startRouter,
} from './suites/web.ts';

test('DcRouter with workers: stops and starts again, and its numbers and changes are those of all', async (context) => {
  const origin = await startOrigin(context, 'one');
  const echo = await startRaw(context, (socket) => socket.pipe(socket));
  const { router, port } = await startRouter(context, {
    workers: 2,
    tcp: { id: 't', address: '127.0.0.1', fromPort: 0, toPort: `127.0.0.1:${echo.port}` },
    web: {
      entrypoints: { http: { address: '127.0.0.1', port: 0 } },
      routes: [routeTo([origin.backend])],
    },
  });
  for (let count = 0; count < 8; count++) assert.equal((await ask(context, port)).status, 200);
  const { requests, statuses } = await router.control.stats.global();
  assert.deepEqual([requests, statuses['2xx']], [8, 8]);
  await router.control.routes.add(routeTo([origin.backend], { id: 'b', vHost: 'b.test' }));
  const completed = nextEvent(router.events, 'request.completed');
  for (let count = 0; count < 8; count++) {
    assert.equal((await ask(context, port, { host: 'b.test' })).status, 200);
  }
  assert.equal((await completed).vHost, 'b.test');

  assert.equal(await router.stop(), true);
  await assert.rejects(ask(context, port), { code: 'ECONNREFUSED' });
  await router.start();
  const addresses = router.addresses();
  const { workers } = await router.control.status();
  assert.deepEqual(
    workers.map(({ state }) => state),
    ['serving', 'serving'],
  );
  for (let count = 0; count < 8; count++) {
    assert.equal((await ask(context, addresses.http?.port ?? 0)).status, 200);
    const client = await Client.open(context, addresses['tcp:t']?.port ?? 0);
    client.socket.write('hello');
    assert.equal(await client.bytes(5), 'hello');
    client.socket.destroy();
  }
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { IAuthRequest } from '../ts_interfaces/index.ts';
import { routeTo, startOrigin } from './suites/web.ts';
import { clientOfEach, startPool } from './suites/workers.ts';

test('WorkerPool: functions decide in the main process, and stop() drains', async (context) => {
  const origin = await startOrigin(context, 'one', (request, response) => {
    const { 'x-user': user = '' } = request.headers;
    if (request.url === '/slow') setTimeout(() => response.end('slow'), 150);
    else response.end(user);
  });
  const asked: IAuthRequest[] = [];
  const { pool, proxy, port, limiters } = await startPool(context, {
    web: {
      entrypoints: { http: { address: '127.0.0.1', port: 0, connectionsPerClientMax: 3 } },
    },
    hooks: {
      authProviders: {
        own: async (request) => {
          asked.push(request);
          const { 'x-key': key } = request.headers;
          if (key === 'broken') throw new Error('down');
          return key === 'good' ? { allow: true, headers: { 'x-user': 'alice' } } : false;
        },
      },
    },
  });
  proxy.router.addRoute(routeTo([origin.backend], { authProvider: 'own' }));
  await pool.flush();
  const clients = await clientOfEach(context, pool, port);
  for (const client of clients) {
    const good = await client.ask({ headers: { 'X-Key': 'good', 'X-User': 'mallory' } });
    assert.deepEqual([good.status, good.body], [200, 'alice']);
    assert.equal((await client.ask({ headers: { 'X-Key': 'bad' } })).status, 401);
    assert.equal((await client.ask({ headers: { 'X-Key': 'broken' } })).status, 503);
  }
  assert.equal(asked.length, 6);
  const { clientIp, host, routeId } = asked[0] as IAuthRequest;
  assert.deepEqual([clientIp, host, routeId], ['127.0.0.1', 'a.test', 'a']);
  // What a client has open counts over all workers.
  assert.equal(limiters.connectionCounter('entrypoint:http').keys, 1);

  proxy.router.addRoute(routeTo([origin.backend], { id: 'b', vHost: 'b.test' }));
  await pool.flush();
  for (const client of clients) client.send({ host: 'b.test', path: '/slow' });
  while (origin.requests.filter(({ url }) => url === '/slow').length < clients.length) {
    await new Promise((resolve) => setImmediate(resolve));
  }
  const pids = pool.workers().map(({ pid }) => pid ?? 0);
  const [drained] = await Promise.all([pool.stop(5000), proxy.stop(5000)]);
  assert.equal(drained, true);
  for (const client of clients) {
    const { status, body, headers } = await client.reply();
    assert.deepEqual([status, body, headers.connection], [200, 'slow', 'close']);
  }
  for (const pid of pids) assert.throws(() => process.kill(pid, 0), { code: 'ESRCH' });
  assert.equal(limiters.connectionCounter('entrypoint:http').keys, 0);
});

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { nextEvent, routeTo, startOrigin, temporaryFolder } from './suites/web.ts';
import { clientOfEach, startPool } from './suites/workers.ts';

test('WorkerPool: all workers serve every change, and the numbers add up', async (context) => {
  const folder = temporaryFolder(context);
  const accessLog = { enabled: true, path: path.join(folder, 'access.log') };
  const origin = await startOrigin(context, 'one');
  const routes = [routeTo([origin.backend], { strategy: 'LEAST_CONNECTIONS' })];
  const entrypoints = { http: { address: '127.0.0.1', port: 0 } };
  const started = await startPool(context, { routes, web: { accessLog, entrypoints } });
  const { pool, proxy, bus, port, configure } = started;
  assert.deepEqual(
    pool.workers().map(({ worker, state, restarts }) => ({ worker, state, restarts })),
    [
      { worker: 1, state: 'serving', restarts: 0 },
      { worker: 2, state: 'serving', restarts: 0 },
    ],
  );
  const clients = await clientOfEach(context, pool, port);

  for (const client of clients) assert.equal((await client.ask()).status, 200);
  for (const client of clients) assert.equal((await client.ask({ host: 'b.test' })).status, 404);

  const other = await startOrigin(context, 'two');
  proxy.router.addRoute(routeTo([other.backend], { id: 'b', vHost: 'b.test' }));
  await pool.flush();
  for (const client of clients) {
    const { status, body } = await client.ask({ host: 'b.test' });
    assert.deepEqual([status, JSON.parse(body).origin], [200, 'two']);
  }
  proxy.router.removeRoute('a');
  proxy.router.block([{ id: 'c', vHost: 'c.test' }]);
  await pool.flush();
  for (const client of clients) {
    assert.equal((await client.ask()).status, 404);
    assert.equal((await client.ask({ host: 'c.test' })).status, 503);
  }

  await pool.drainStats();
  const total = proxy.tracker.total.snapshot(performance.now());
  assert.equal(total.requests, 10);
  assert.deepEqual(
    [total.statuses['2xx'], total.statuses['4xx'], total.statuses['5xx']],
    [4, 4, 2],
  );
  assert.ok(total.latency.max > 0);
  assert.equal(total.active + total.queued, 0);
  const route = proxy.router.route('b');
  assert.equal(route?.counter.snapshot(performance.now()).requests, 2);
  assert.equal(route?.endpoints[0]?.requests, 2);
  assert.equal(proxy.connectionStats().open, 2);
  assert.ok(pool.workers().every(({ connections, rssBytes }) => connections === 1 && rssBytes > 0));
  if (route !== undefined && route.endpoints[0] !== undefined) {
    assert.equal(proxy.idleConnections(route.endpoints[0]), 2);
  }

  // Events are sent only when somebody listens.
  const seen = nextEvent(bus, 'request.completed');
  await pool.flush();
  await clients[1]?.ask({ host: 'b.test', path: '/seen' });
  assert.equal((await seen).uri, '/seen');

  const added = { ...entrypoints, more: { address: '127.0.0.1', port: 0 } };
  await configure({ accessLog, entrypoints: added });
  await pool.flush();
  const { more, http } = proxy.addresses();
  assert.equal(http?.port, port);
  for (const client of await clientOfEach(context, pool, more?.port ?? 0)) {
    assert.equal((await client.ask({ host: 'b.test' })).status, 200);
  }
  for (const client of clients) assert.equal((await client.ask({ host: 'b.test' })).status, 200);

  const [{ id } = { id: '' }] = (await pool.connections()).filter(({ worker }) => worker === 2);
  assert.match(id, /^w2-/);
  const listed = (await pool.connections()).length;
  assert.equal(await pool.close(id), true);
  assert.equal(await pool.close(id), false);
  assert.equal(await pool.close('w9-1'), false);
  assert.equal(await pool.close('1'), false);
  assert.equal((await pool.connections()).length, listed - 1);

  await pool.stop(0);
  const lines = readFileSync(accessLog.path, 'utf8').trim().split('\n');
  assert.equal(lines.length, 15);
  for (const line of lines) assert.ok(JSON.parse(line));
});

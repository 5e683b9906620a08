import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ManualClock } from '../ts/core/manual-clock.ts';
import { BackendNames } from '../ts/proxy/backend-names.ts';
import { ResolverNames } from '../ts/proxy/name-source.ts';
import { FakeResolver, settle } from './suites/names.ts';
import { startEcho, TcpClient } from './suites/tcp.ts';
import { routeTo, startOrigin } from './suites/web.ts';
import { clientOfEach, startPool } from './suites/workers.ts';

test('WorkerPool: names are looked up in the main process only; changes reach all workers at once', async (t) => {
  const resolver = new FakeResolver();
  const clock = new ManualClock();
  const source = new ResolverNames(resolver);
  const names = new BackendNames({ clock, source, random: () => 0 });
  const [first, second] = [await startOrigin(t, 'one'), await startOrigin(t, 'two')];
  const echo = await startEcho(t);
  const service = '_http._tcp.app.test';
  resolver.set(service, 'SRV', [`0 0 ${first.port} host.test.`], 60);
  resolver.addresses('host.test', ['127.0.0.1'], 60);
  resolver.addresses('db.test', ['127.0.0.1'], 60);
  const routes = [
    routeTo([{ id: 'b', hostname: service, port: 0 }]),
    routeTo([{ id: 'b', hostname: 'nowhere.test', port: 1 }], { id: 'n', vHost: 'n.test' }),
  ];
  const { pool, port, proxy, change, tcp } = await startPool(t, { routes, names });
  const clients = await clientOfEach(t, pool, port);
  for (const client of clients) {
    for (let turn = 0; turn < 2; turn++) {
      assert.equal(JSON.parse((await client.ask()).body).origin, 'one');
    }
  }
  assert.equal(resolver.count(service), 1);
  assert.equal((await clients[0]?.ask({ host: 'n.test' }))?.status, 503);

  // The other process hears of it without asking: its own TTL is a minute.
  resolver.set(service, 'SRV', [`0 0 ${second.port} host.test.`], 60);
  clock.advance(60_000);
  await settle();
  for (const client of clients) {
    let origin = '';
    while (origin !== 'two') origin = JSON.parse((await client.ask()).body).origin;
  }
  assert.equal(resolver.count(service), 2);

  const entry = { id: 'db', address: '127.0.0.1', fromPort: 0, toPort: `db.test:${echo.port}` };
  await change({ set: [entry], removed: [] });
  const listening = tcp.info('db')?.listening[0]?.port ?? 0;
  const client = await TcpClient.open(t, listening);
  client.socket.end('hello');
  assert.equal(await client.end(), 'hello');
  assert.equal(resolver.count('db.test'), 2);
  assert.equal(proxy.router.size, 2);
});

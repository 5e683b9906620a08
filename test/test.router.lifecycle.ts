import assert from 'node:assert/strict';
import { fork } from 'node:child_process';
import { once } from 'node:events';
import net from 'node:net';
import { test } from 'node:test';
import { DcError } from '../ts/core/errors.ts';
import { DcRouter } from '../ts/dcrouter.ts';
import {
  ask,
  Client,
  nextEvent,
  routeTo,
  startOrigin,
  startRouter,
  temporaryFolder,
  withPort,
} from './suites/web.ts';

test('DcRouter: the constructor refuses bad options with every problem and opens nothing', () => {
  const options = { drainTimeoutMs: -1, web: { routes: [{ id: 'a', vHost: '*x' }] } };
  assert.throws(
    () => new DcRouter(options),
    (error) => {
      assert.ok(error instanceof DcError && error.code === 'CONFIG_INVALID');
      assert.deepEqual(error.problems.map(({ path }) => path).sort(), [
        'drainTimeoutMs',
        'web.routes[0].backends',
        'web.routes[0].vHost',
      ]);
      return true;
    },
  );
});

test('DcRouter: a second start() is refused; stop() is harmless at any time', async (context) => {
  const router = new DcRouter(withPort({}));
  assert.equal(await router.stop(), true);
  const started = router.start();
  await assert.rejects(router.start(), { code: 'ALREADY_RUNNING' });
  await started;
  await assert.rejects(router.start(), { code: 'ALREADY_RUNNING' });
  const stopped = router.stop();
  await assert.rejects(router.start(), { code: 'ALREADY_RUNNING', message: /is stopping/ });
  assert.equal(router.stop(), stopped);
  assert.equal(await stopped, true);
  assert.equal(await router.stop(), true);
  await assert.rejects(router.apply({}), { code: 'NOT_RUNNING' });
  await assert.rejects(router.reload(), { code: 'NOT_RUNNING' });
  context.after(() => router.stop());
});

test('DcRouter: stop() while it starts waits for the start, then stops', async () => {
  const router = new DcRouter(withPort({}));
  const started = router.start();
  const stopped = router.stop();
  await started;
  assert.equal(await stopped, true);
  assert.deepEqual(router.addresses(), {});
});

for (const storage of ['in memory', 'on disk']) {
  test(`DcRouter: start after stop, with the state that it had (${storage})`, async (context) => {
    const origin = await startOrigin(context, 'one');
    const dataDir = storage === 'on disk' ? temporaryFolder(context) : undefined;
    const routes = [
      routeTo([origin.backend]),
      routeTo([origin.backend], { id: 'b', vHost: 'b.test' }),
    ];
    const { router, port } = await startRouter(context, { dataDir, web: { routes } });
    await router.control.routes.add(routeTo([origin.backend], { id: 'c', vHost: 'c.test' }));
    await router.control.routes.remove('b');
    await router.stop();
    await assert.rejects(ask(context, port), { code: 'ECONNREFUSED' });

    await router.start();
    const again = router.addresses().http?.port ?? 0;
    const statuses = [];
    for (const host of ['a.test', 'b.test', 'c.test']) {
      statuses.push((await ask(context, again, { host })).status);
    }
    assert.deepEqual(statuses, [200, 404, 200]);
    assert.equal(router.control.routes.get('c').item.origin, 'api');
    assert.deepEqual((await router.control.status()).problems, []);
    const { items } = (await router.control.configuration.diff()).overlay;
    assert.deepEqual(
      items.map(({ key, change }) => [key, change]),
      [
        ['b', 'removed'],
        ['c', 'added'],
      ],
    );
  });
}

test('DcRouter: stop() lets an open request finish, takes no new one, and says that all is well', async (context) => {
  const { promise: released, resolve: release } = Promise.withResolvers<void>();
  const origin = await startOrigin(context, 'slow', (_request, response) => {
    void released.then(() => response.end('done'));
  });
  const options = { drainTimeoutMs: 30_000, web: { routes: [routeTo([origin.backend])] } };
  const { router, port } = await startRouter(context, options);
  const idle = await Client.open(context, port);
  const busy = await Client.open(context, port);
  const arrived = once(origin.server, 'request');
  busy.send();
  await arrived;
  const stopped = router.stop();
  await idle.closed;
  await assert.rejects(ask(context, port), { code: 'ECONNREFUSED' });
  release();
  const reply = await busy.reply();
  assert.deepEqual([reply.status, reply.body, reply.headers.connection], [200, 'done', 'close']);
  await busy.closed;
  assert.equal(await stopped, true);
});

test('DcRouter: stop() cuts what is still open at its deadline, and says so', async (context) => {
  const origin = await startOrigin(context, 'silent', () => undefined);
  const options = { drainTimeoutMs: 20, web: { routes: [routeTo([origin.backend])] } };
  const { router, port } = await startRouter(context, options);
  const busy = await Client.open(context, port);
  const arrived = once(origin.server, 'request');
  busy.send();
  await arrived;
  const told = nextEvent(router.events, 'router.stopped');
  assert.equal(await router.stop(), false);
  assert.deepEqual(await told, { drained: false });
  await busy.closed;
  assert.equal(busy.received, '');
});

test('DcRouter: a start that fails names port and reason, and leaves nothing open', async (context) => {
  const taken = net.createServer().listen(0, '127.0.0.1');
  await once(taken, 'listening');
  context.after(() => taken.close());
  const { port } = taken.address() as net.AddressInfo;
  const dataDir = temporaryFolder(context);
  const web = {
    entrypoints: {
      first: { address: '127.0.0.1', port: 0 },
      second: { address: '127.0.0.1', port },
    },
  };
  const router = new DcRouter({ dataDir, web });
  await assert.rejects(router.start(), {
    code: 'LISTEN_FAILED',
    message: new RegExp(`127\\.0\\.0\\.1:${port}.*"second".*listens there`),
  });
  assert.deepEqual(router.addresses(), {});
  // Neither port nor store is held: another router, and this one, may have them.
  const { router: other } = await startRouter(context, { dataDir });
  await other.stop();
  taken.close();
  await once(taken, 'close');
  await router.start();
  assert.equal(router.addresses().second?.port, port);
  await router.stop();
});

test('DcRouter: two routers on one data folder: the second is told who has it', async (context) => {
  const dataDir = temporaryFolder(context);
  const { router } = await startRouter(context, { dataDir });
  const second = new DcRouter(withPort({ dataDir }));
  await assert.rejects(second.start(), {
    code: 'STORE_LOCKED',
    message: new RegExp(`${process.pid}`),
  });
  assert.deepEqual(second.addresses(), {});
  await router.stop();
  await second.start();
  await second.stop();
});

test('DcRouter: a data folder that another process holds is refused, until that process is killed', async (context) => {
  const dataDir = temporaryFolder(context);
  const child = fork(new URL('./fixtures/router-child.ts', import.meta.url), [dataDir]);
  context.after(() => child.kill('SIGKILL'));
  await once(child, 'message');
  const router = new DcRouter(withPort({ dataDir }));
  await assert.rejects(router.start(), {
    code: 'STORE_LOCKED',
    message: new RegExp(`${child.pid}`),
  });
  const exited = once(child, 'exit');
  child.kill('SIGKILL');
  await exited;
  await router.start();
  await router.stop();
});

test('DcRouter: events and status tell of start and stop', async (context) => {
  const router = new DcRouter(withPort({}));
  context.after(() => router.stop());
  const started = nextEvent(router.events, 'router.started');
  await router.start();
  const { entrypoints } = await started;
  assert.deepEqual(entrypoints, { http: router.addresses().http?.port });
  const status = await router.control.status();
  assert.equal(status.ready, true);
  assert.deepEqual(status.entrypoints, {
    http: { address: '127.0.0.1', port: entrypoints.http, tls: false },
  });
  await router.stop();
});

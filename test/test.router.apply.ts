import assert from 'node:assert/strict';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { test } from 'node:test';
import { DcError } from '../ts/core/errors.ts';
import type { IDcRouterOptions } from '../ts_interfaces/index.ts';
import { certificateOf } from './fixtures/control-plane.ts';
import {
  ask,
  Client,
  nextEvent,
  routeTo,
  startOrigin,
  startRouter,
  temporaryFolder,
} from './suites/web.ts';

const http = { address: '127.0.0.1', port: 0 };

/** A bad part for `apply()`, and the code of the refusal. */
const refusals: { why: string; code: string; change: (port: number) => IDcRouterOptions }[] = [
  {
    why: 'a route that is not valid',
    code: 'CONFIG_INVALID',
    change: () => ({ web: { routes: [{ id: 'x', vHost: 'not a host' }] } }),
  },
  {
    why: 'a certificate that has expired',
    code: 'CONFIG_INVALID',
    change: () => ({
      certificates: [{ domain: 'expired.example.test', ...certificateOf('expired') }],
    }),
  },
  {
    why: 'a port that somebody else has',
    code: 'LISTEN_FAILED',
    change: (port) => ({ web: { entrypoints: { new: http, bad: { ...http, port } } } }),
  },
  {
    why: 'an access log that cannot be written',
    code: 'LOG_FAILED',
    change: () => ({ web: { accessLog: { enabled: true, path: '/nowhere/at/all/access.log' } } }),
  },
  {
    why: 'a log that cannot be written',
    code: 'LOG_FAILED',
    change: () => ({ log: { path: '/nowhere/at/all/router.log' } }),
  },
  {
    why: 'a management port that somebody else has',
    code: 'LISTEN_FAILED',
    change: (port) => ({ api: { enabled: true, port } }),
  },
];

for (const { why, code, change } of refusals) {
  test(`DcRouter.apply(): ${why} changes nothing`, async (context) => {
    const taken = net.createServer().listen(0, '127.0.0.1');
    await once(taken, 'listening');
    context.after(() => taken.close());
    const origin = await startOrigin(context, 'one');
    const entrypoints = { http, second: http };
    const routes = [routeTo([origin.backend])];
    const { router, port } = await startRouter(context, { web: { entrypoints, routes } });
    const client = await Client.open(context, port);
    assert.equal((await client.ask()).status, 200);
    const before = router.addresses();
    const route = router.proxy.router.route('a');
    const refused = nextEvent(router.events, 'config.refused');

    const bad = change((taken.address() as net.AddressInfo).port);
    const web = {
      entrypoints: { http: { ...http, connectionsMax: 1 } },
      routes: [routeTo([origin.backend], { id: 'b', vHost: 'b.test' })],
      ...bad.web,
    };
    await assert.rejects(router.apply({ ...bad, web }), { code });

    await refused;
    assert.deepEqual(router.addresses(), before);
    assert.equal(router.proxy.router.route('a'), route);
    assert.equal(router.proxy.router.size, 1);
    assert.equal((await client.ask()).status, 200);
    assert.equal((await ask(context, before.second?.port ?? 0)).status, 200);
    assert.equal((await router.control.status()).routes, 1);
    // What was refused left nothing behind that stands in the way of the next one.
    await router.apply({ web: { entrypoints, routes: [] } });
    assert.equal((await client.ask()).status, 404);
  });
}

test('DcRouter.apply(): problems of compiled items have their place', async (context) => {
  const { router } = await startRouter(context);
  const { key } = certificateOf('rsa');
  const { cert } = certificateOf('ecdsa');
  const origin = { hostname: '127.0.0.1', port: 1 };
  const pem = '-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n';
  const routes = [
    routeTo([origin], { id: 'a.b[c]', vHost: 'www.example.test', ssl: { key, cert } }),
    routeTo([{ ...origin, tls: { ca: pem } }], { id: 'tls', vHost: 'tls.test' }),
  ];
  const certificates = [{ domain: 'other.test', ...certificateOf('ecdsa') }];
  await assert.rejects(router.apply({ web: { routes }, certificates }), (error) => {
    assert.ok(error instanceof DcError);
    assert.deepEqual(
      error.problems.map((problem) => problem.path),
      [
        'web.routes[a.b[c]].ssl.key',
        'web.routes[tls].backends[0].tls',
        'certificates[other.test].domain',
      ],
    );
    return true;
  });
});

test('DcRouter.apply(): the result names the changes; what stayed is the same object', async (context) => {
  const origin = await startOrigin(context, 'one');
  const keep = routeTo([origin.backend], { id: 'keep', vHost: 'keep.test' });
  const { router, port } = await startRouter(context, {
    web: { entrypoints: { http }, routes: [keep, routeTo([origin.backend])] },
  });
  const kept = router.proxy.router.route('keep');
  const applied = nextEvent(router.events, 'config.applied');
  const { changes } = await router.apply({
    web: { entrypoints: { http }, routes: [keep, routeTo([origin.backend], { vHost: 'z.test' })] },
    drainTimeoutMs: 0,
  });
  assert.deepEqual(changes, [
    { path: 'web.routes[a].vHost', before: 'a.test', after: 'z.test', effect: 'hot' },
  ]);
  assert.deepEqual(await applied, { changes: 1 });
  assert.equal(router.proxy.router.route('keep'), kept);
  assert.equal((await ask(context, port, { host: 'z.test' })).status, 200);
  assert.equal((await ask(context, port, { host: 'a.test' })).status, 404);
});

test('DcRouter.apply(): new hooks and auth providers are in force at once, for all routes', async (context) => {
  const origin = await startOrigin(context, 'one');
  const web = {
    entrypoints: { http },
    routes: [routeTo([origin.backend], { authProvider: 'who' })],
  };
  const hooks = (status: number) => ({
    authProviders: { who: () => ({ allow: status === 200, status }) },
    onRequest: ({ setHeader }: { setHeader(name: string, value: string): void }) =>
      setHeader('X-Hook', String(status)),
  });
  const { router, port } = await startRouter(context, { web, hooks: hooks(403) });
  const client = await Client.open(context, port);
  assert.equal((await client.ask()).status, 403);
  await router.apply({ web, hooks: hooks(200) });
  const reply = await client.ask();
  assert.equal(JSON.parse(reply.body).headers['x-hook'], '200');
  // Without hooks those from before stay; without the provider that a route names, nothing changes.
  await router.apply({ web, drainTimeoutMs: 0 });
  assert.equal((await client.ask()).status, 200);
  await assert.rejects(router.apply({ web, hooks: {} }), { code: 'CONFIG_INVALID' });
  assert.equal((await client.ask()).status, 200);
});

test('DcRouter.apply(): an entrypoint that goes lets its requests finish within drainTimeoutMs', async (context) => {
  const { promise: released, resolve: release } = Promise.withResolvers<void>();
  const origin = await startOrigin(context, 'slow', (_request, response) => {
    void released.then(() => response.end('done'));
  });
  const routes = [routeTo([origin.backend])];
  const web = { entrypoints: { http, old: http }, routes };
  const { router, ports } = await startRouter(context, { drainTimeoutMs: 30_000, web });
  const old = ports.old ?? 0;
  const busy = await Client.open(context, old);
  const idle = await Client.open(context, old);
  const arrived = once(origin.server, 'request');
  busy.send();
  await arrived;
  await router.apply({ web: { entrypoints: { http }, routes }, drainTimeoutMs: 0 });
  await idle.closed;
  await assert.rejects(ask(context, old), { code: 'ECONNREFUSED' });
  assert.deepEqual(Object.keys(router.addresses()), ['http']);
  await busy.closed;
  assert.equal(busy.received, '', 'the new deadline is 0, so it was cut');
  release();
});

test('DcRouter.apply(): a connection of an entrypoint that goes closes after its request', async (context) => {
  const { promise: released, resolve: release } = Promise.withResolvers<void>();
  const origin = await startOrigin(context, 'slow', (_request, response) => {
    void released.then(() => response.end('done'));
  });
  const routes = [routeTo([origin.backend])];
  const web = { entrypoints: { http, old: http }, routes };
  const { router, ports } = await startRouter(context, { drainTimeoutMs: 30_000, web });
  const busy = await Client.open(context, ports.old ?? 0);
  const arrived = once(origin.server, 'request');
  busy.send();
  await arrived;
  const entrypoints = { http };
  await router.apply({ web: { entrypoints, routes }, drainTimeoutMs: 30_000 });
  release();
  assert.equal((await busy.reply()).body, 'done');
  await busy.closed;
});

test('DcRouter.apply(): the log moves to another file, and goes silent when it is taken out', async (context) => {
  const folder = temporaryFolder(context);
  const [first, second] = [path.join(folder, 'first.log'), path.join(folder, 'second.log')];
  const { router } = await startRouter(context, { log: { path: first } });
  await router.apply({ log: { path: second } });
  await router.apply({});
  await router.stop();
  const events = (file: string) =>
    readFileSync(file, 'utf8')
      .trim()
      .split('\n')
      .map((line) => (JSON.parse(line) as { event: string }).event);
  assert.deepEqual(events(first), ['config.applied', 'process.started']);
  assert.deepEqual(events(second), ['config.applied']);
});

test('DcRouter.apply(): the management port moves, closes and opens', async (context) => {
  const dataDir = temporaryFolder(context);
  const api = { enabled: true, port: 0 };
  const { router } = await startRouter(context, { dataDir, api });
  const first = router.addresses().api?.port ?? 0;
  const healthz = async (port: number) => (await fetch(`http://127.0.0.1:${port}/healthz`)).status;
  assert.equal(await healthz(first), 200);
  await router.apply({ dataDir, api: { ...api, address: '127.0.0.2' } });
  const moved = router.addresses().api;
  assert.equal(moved?.address, '127.0.0.2');
  assert.equal((await fetch(`http://127.0.0.2:${moved.port}/healthz`)).status, 200);
  await router.apply({ dataDir });
  assert.equal(router.addresses().api, undefined);
  await router.apply({ dataDir, api });
  const last = router.addresses().api?.port ?? 0;
  assert.equal(await healthz(last), 200);
  await router.stop();
  assert.equal(existsSync(path.join(dataDir, 'api.json')), false);
});

test('DcRouter.apply(): a moved management port is where api.json says', async (context) => {
  const dataDir = temporaryFolder(context);
  const { router } = await startRouter(context, { dataDir, api: { enabled: true, port: 0 } });
  const file = path.join(dataDir, 'api.json');
  const api = { enabled: true, port: 0, address: '::1' };
  await router.apply({ dataDir, api });
  // A failing change is undone; then nothing is under way any more.
  await assert.rejects(
    router.apply({ dataDir, api: { ...api, address: '127.0.0.1' }, log: { path: '/no/such/x' } }),
    { code: 'LOG_FAILED' },
  );
  const { port } = router.addresses().api ?? {};
  assert.equal(JSON.parse(readFileSync(file, 'utf8')).url, `http://[::1]:${port}`);
});

test('DcRouter.apply(): the management port cannot change its address alone, and says why', async (context) => {
  const free = (await startRouter(context, { api: { enabled: true, port: 0 } })).router;
  const { port } = free.addresses().api ?? assert.fail();
  await free.stop();
  const { router } = await startRouter(context, { api: { enabled: true, port } });
  await assert.rejects(router.apply({ api: { enabled: true, port, address: '0.0.0.0' } }), {
    code: 'LISTEN_FAILED',
    message: /change the port as well, or restart$/,
  });
  assert.equal(router.addresses().api?.address, '127.0.0.1');
});

test('DcRouter.apply(): another dataDir waits for the next start, and says so', async (context) => {
  const dataDir = temporaryFolder(context);
  const { router } = await startRouter(context, { dataDir });
  const { changes } = await router.apply({ dataDir: temporaryFolder(context) });
  assert.equal(changes.find((change) => change.path === 'dataDir')?.effect, 'restart');
  await router.control.routes.add(routeTo([{ hostname: '127.0.0.1', port: 1 }]));
  await router.stop();
  await router.start();
  assert.equal((await router.control.status()).routes, 1);
});

test('DcRouter.apply(): while it stops, nothing is opened any more', async (context) => {
  const { router } = await startRouter(context);
  const applied = router.apply({ web: { entrypoints: { a: http, b: http, c: http } } });
  const stopped = router.stop();
  await Promise.allSettled([applied]);
  await stopped;
  assert.deepEqual(router.addresses(), {});
  assert.deepEqual(router.proxy.addresses(), {});
});

import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { test } from 'node:test';
import {
  Client,
  closedPort,
  echoOf,
  type IOrigin,
  nextEvent,
  routeTo,
  startOrigin,
  startProxy,
  startRaw,
  startRouter,
  temporaryFolder,
} from './suites/web.ts';

test('health: a refused connection is tried on another backend, and the first one is dead', async (context) => {
  const bad = { id: 'bad', hostname: '127.0.0.1', port: await closedPort() };
  const good = await startOrigin(context, 'good');
  const { proxy, port } = await startProxy(context, { routes: [routeTo([bad, good.backend])] });
  const client = await Client.open(context, port);
  const dead = nextEvent(proxy.events, 'backend.dead');
  const completed = nextEvent(proxy.events, 'request.completed');
  const reply = await client.ask({ method: 'POST', body: 'sent once' });
  assert.equal(echoOf(reply).body, 'sent once');
  assert.deepEqual(await dead, {
    routeId: 'a',
    backendId: 'bad',
    reason: 'ECONNREFUSED',
    maintenance: false,
  });
  const { retries, backendId } = await completed;
  assert.deepEqual([retries, backendId], [1, 'good']);
  for (let index = 0; index < 4; index++) assert.equal((await client.ask()).status, 200);
  assert.equal(proxy.router.route('a')?.counter.retries, 1);
});

/** Resets every connection as soon as a request arrives on it. */
function resetAtRequest(socket: Socket): void {
  socket.once('data', () => socket.resetAndDestroy());
}

for (const { method, body, status } of [
  { method: 'GET', body: undefined, status: 200 },
  { method: 'PUT', body: 'again', status: 200 },
  { method: 'POST', body: 'once', status: 502 },
]) {
  test(`health: a reset before the response: ${method} gets ${status}`, async (context) => {
    const bad = await startRaw(context, resetAtRequest);
    const good = await startOrigin(context, 'good');
    const { proxy, port } = await startProxy(context, {
      routes: [routeTo([bad.backend, good.backend])],
    });
    const client = await Client.open(context, port);
    const dead = nextEvent(proxy.events, 'backend.dead');
    const reply = await client.ask({ method, body });
    assert.equal(reply.status, status);
    assert.equal((await dead).backendId, 'raw');
    assert.equal(good.requests.length, status === 200 ? 1 : 0);
    if (status === 200) assert.equal(echoOf(reply).body, body ?? '');
  });
}

test('health: a connect that takes too long is tried elsewhere', async (context) => {
  // A server that never answers a TLS handshake: connected, but not ready.
  const silent = await startRaw(context, (socket) => socket.resume());
  const good = await startOrigin(context, 'good');
  const { proxy, port } = await startProxy(context, {
    timeouts: { connectMs: 1 },
    routes: [routeTo([{ ...silent.backend, tls: { verify: false } }, good.backend])],
  });
  const client = await Client.open(context, port);
  const dead = nextEvent(proxy.events, 'backend.dead');
  assert.equal(echoOf(await client.ask({ method: 'POST', body: 'x' })).origin, 'good');
  assert.equal((await dead).backendId, 'raw');
});

test('health: without another backend the client is told at once: 503 with Retry-After', async (context) => {
  const bad = { id: 'bad', hostname: '127.0.0.1', port: await closedPort() };
  const { proxy, port } = await startProxy(context, {
    routes: [routeTo([bad], { health: { recoveryIntervalMs: 30_000 } })],
  });
  const client = await Client.open(context, port);
  for (let index = 0; index < 2; index++) {
    const reply = await client.ask();
    assert.equal(reply.status, 503);
    assert.match(reply.body, /NO_BACKEND/);
    const seconds = Number(reply.headers['retry-after']);
    assert.ok(seconds >= 1 && seconds <= 33, reply.headers['retry-after']);
  }
  assert.equal(proxy.router.route('a')?.endpoints[0]?.requests, 1);
});

test('health: attempts end at retry.attempts', async (context) => {
  const bad = await Promise.all(
    ['b1', 'b2', 'b3', 'b4'].map(async (id) => ({
      id,
      hostname: '127.0.0.1',
      port: await closedPort(),
    })),
  );
  const { proxy, port } = await startProxy(context, {
    routes: [routeTo(bad, { retry: { attempts: 1 } })],
  });
  const client = await Client.open(context, port);
  assert.equal((await client.ask()).status, 502);
  assert.equal(proxy.router.route('a')?.endpoints.filter(({ isDead }) => isDead).length, 2);
  assert.equal((await client.ask()).status, 503);
});

test('health: retries have a budget', async (context) => {
  const bad = await startRaw(context, resetAtRequest);
  const good = await startOrigin(context, 'good');
  const { proxy, port } = await startProxy(context, {
    routes: [
      routeTo([bad.backend, good.backend], {
        retry: { budget: 0 },
        health: { failuresMax: 1_000 },
      }),
    ],
  });
  const client = await Client.open(context, port);
  const statuses = new Map<number, number>();
  for (let index = 0; index < 100; index++) {
    const { status } = await client.ask();
    statuses.set(status, (statuses.get(status) ?? 0) + 1);
  }
  // Half of the requests fail first; a few retries a second are free, for ten seconds: 30 and some.
  const retries = proxy.router.route('a')?.counter.retries ?? 0;
  assert.ok(retries >= 30 && retries < 45, `${retries}`);
  assert.equal(statuses.get(502), 50 - retries);
});

test('health: failuresMax failures in a row, not before', async (context) => {
  let fails = true;
  const flaky = await startRaw(context, (socket) => {
    socket.on('data', () => {
      if (fails) socket.resetAndDestroy();
      else socket.write('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n');
    });
  });
  const { proxy, port } = await startProxy(context, {
    routes: [routeTo([flaky.backend], { health: { failuresMax: 2 } })],
  });
  const client = await Client.open(context, port);
  const [endpoint] = proxy.router.route('a')?.endpoints ?? [];
  assert.equal((await client.ask()).status, 502);
  assert.equal(endpoint?.failureCount, 1);
  fails = false;
  assert.equal((await client.ask()).status, 200);
  assert.equal(endpoint?.failureCount, 0);
});

for (const probe of ['tcp', 'http'] as const) {
  test(`health: a recovery probe (${probe}) brings a backend back`, async (context) => {
    const origin = await startOrigin(context, 'one');
    const health = { recoveryIntervalMs: 30, probe, path: '/healthz' };
    const { proxy, port } = await startProxy(context, {
      routes: [routeTo([origin.backend], { health })],
    });
    const client = await Client.open(context, port);
    assert.equal((await client.ask()).status, 200);
    await origin.stop();
    const dead = nextEvent(proxy.events, 'backend.dead');
    assert.equal((await client.ask()).status, 503);
    await dead;
    const alive = nextEvent(proxy.events, 'backend.alive');
    await origin.restart();
    assert.deepEqual(await alive, { routeId: 'a', backendId: 'one' });
    assert.equal((await client.ask()).status, 200);
    const probed = origin.requests.some(({ url }) => url === '/healthz');
    assert.equal(probed, probe === 'http');
  });
}

test('health: active checks find a dead backend before a request does, and its return', async (context) => {
  let status = 200;
  const origin: IOrigin = await startOrigin(context, 'one', (request, response) => {
    response.statusCode = request.url === '/check' ? status : 200;
    response.end();
  });
  const health = {
    probe: 'http' as const,
    path: '/check',
    active: { intervalMs: 10, unhealthyThreshold: 2, healthyThreshold: 2 },
  };
  const { proxy, port } = await startProxy(context, {
    routes: [routeTo([origin.backend], { health })],
  });
  await once(origin.server, 'request');
  status = 500;
  const { reason } = await nextEvent(proxy.events, 'backend.dead');
  assert.equal(reason, 'status 500');
  const client = await Client.open(context, port);
  assert.equal((await client.ask()).status, 503);
  status = 200;
  await nextEvent(proxy.events, 'backend.alive');
  assert.equal((await client.ask()).status, 200);
});

test('health: maintenance by hand survives reload and restart, and ends by hand', async (context) => {
  const [one, two] = [await startOrigin(context, 'one'), await startOrigin(context, 'two')];
  const dataDir = temporaryFolder(context);
  const options = { dataDir, web: { routes: [routeTo([one.backend, two.backend])] } };
  const first = await startRouter(context, options);
  const client = await Client.open(context, first.port);
  const origins = async (from: Client) => {
    const seen = new Set<string>();
    for (let index = 0; index < 4; index++) seen.add(echoOf(await from.ask()).origin);
    return [...seen].sort();
  };
  assert.deepEqual(await origins(client), ['one', 'two']);
  const dead = nextEvent(first.router.events, 'backend.dead');
  await first.router.control.backends.mark('a', 'one', 'dead');
  assert.equal((await dead).maintenance, true);
  assert.deepEqual(await origins(client), ['two']);
  const entrypoints = { http: { address: '127.0.0.1', port: 0 } };
  const routes = [routeTo([one.backend, two.backend], { forwarded: true })];
  await first.router.apply({ dataDir, drainTimeoutMs: 0, web: { entrypoints, routes } });
  assert.deepEqual(await origins(client), ['two']);
  await first.router.stop();

  const second = await startRouter(context, options);
  const again = await Client.open(context, second.port);
  assert.deepEqual(await origins(again), ['two']);
  await second.router.control.backends.mark('a', 'one', 'alive');
  assert.deepEqual(await origins(again), ['one', 'two']);
});

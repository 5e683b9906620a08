import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import {
  ask,
  Client,
  echoOf,
  type IOrigin,
  routeTo,
  startOrigin,
  startProxy,
} from './suites/web.ts';

const names = ['one', 'two', 'three'];

async function startOrigins(context: Parameters<typeof startOrigin>[0]): Promise<IOrigin[]> {
  return Promise.all(names.map((name) => startOrigin(context, name)));
}

/** How many of the requests went to each origin. */
async function shares(
  client: Client,
  count: number,
  headers?: (index: number) => Record<string, string>,
): Promise<Record<string, number>> {
  const taken: Record<string, number> = {};
  for (let index = 0; index < count; index++) {
    const { origin } = echoOf(await client.ask({ headers: headers?.(index) }));
    taken[origin] = (taken[origin] ?? 0) + 1;
  }
  return taken;
}

test('balancing: ROUND_ROBIN is smooth and heeds weights', async (context) => {
  const origins = await startOrigins(context);
  const backends = origins.map(({ backend }, index) => ({
    ...backend,
    weight: index === 0 ? 2 : 1,
  }));
  const { port } = await startProxy(context, { routes: [routeTo(backends)] });
  const client = await Client.open(context, port);
  const order = [];
  for (let index = 0; index < 8; index++) order.push(echoOf(await client.ask()).origin);
  assert.deepEqual(order, ['one', 'two', 'three', 'one', 'one', 'two', 'three', 'one']);
});

test('balancing: RANDOM reaches all of them, heavier ones more often', async (context) => {
  const origins = await startOrigins(context);
  const backends = origins.map(({ backend }, index) => ({
    ...backend,
    weight: index === 0 ? 100 : 1,
  }));
  const { port } = await startProxy(context, {
    routes: [routeTo(backends, { strategy: 'RANDOM' })],
  });
  const client = await Client.open(context, port);
  // Fewer than 50 of 100 have a chance of 100 to 102 each: less than once in 10^60 runs.
  assert.ok(((await shares(client, 100)).one ?? 0) > 50);
});

test('balancing: IP_HASH keeps a client with its backend, and few move when one goes', async (context) => {
  const origins = await startOrigins(context);
  const { proxy, port } = await startProxy(context, {
    trustedProxies: ['127.0.0.1'],
    routes: [
      routeTo(
        origins.map(({ backend }) => backend),
        { strategy: 'IP_HASH' },
      ),
    ],
  });
  const client = await Client.open(context, port);
  const placeAll = async () => {
    const places = [];
    for (let index = 0; index < 60; index++) {
      const headers = { 'X-Forwarded-For': `192.0.2.${index}` };
      places.push(echoOf(await client.ask({ headers })).origin);
    }
    return places;
  };
  const before = await placeAll();
  assert.deepEqual(await placeAll(), before);
  assert.deepEqual([...new Set(before)].sort(), ['one', 'three', 'two']);

  const [one, , three] = origins.map(({ backend }) => backend);
  const { router } = proxy;
  const { config } = router.route('a') ?? assert.fail();
  const backends = [one, three].map((backend) => ({
    ...(backend ?? assert.fail()),
    isDead: false,
    failureCount: 0,
  }));
  router.setRoute(router.prepareRoute({ ...config, backends }));
  const after = await placeAll();
  for (const [index, place] of before.entries()) {
    if (place !== 'two') assert.equal(after[index], place);
  }
});

test('balancing: LEAST_LATENCY prefers the backend that answers faster', async (context) => {
  const slow = await startOrigin(context, 'slow', (_request, response) => {
    // Busy for 20 ms: two choices are then told apart whatever the machine does.
    setTimeout(() => response.end(JSON.stringify({ origin: 'slow' })), 20);
  });
  const fast = await startOrigin(context, 'fast');
  const { port } = await startProxy(context, {
    routes: [routeTo([slow.backend, fast.backend], { strategy: 'LEAST_LATENCY' })],
  });
  const client = await Client.open(context, port);
  const taken = await shares(client, 30);
  assert.ok((taken.slow ?? 0) <= 3, JSON.stringify(taken));
});

test('balancing: LEAST_CONNECTIONS gives to who has least to do', async (context) => {
  const { promise: released, resolve: release } = Promise.withResolvers<void>();
  const busy = await startOrigin(context, 'busy', (_request, response) => {
    void released.then(() => response.end(JSON.stringify({ origin: 'busy' })));
  });
  const free = await startOrigin(context, 'free');
  const { port } = await startProxy(context, {
    routes: [routeTo([busy.backend, free.backend], { strategy: 'LEAST_CONNECTIONS' })],
  });
  const [held, client] = [await Client.open(context, port), await Client.open(context, port)];
  // Which one gets the first request is open; the busy one keeps what it gets.
  const arrived = once(busy.server, 'request');
  for (let index = 0; index < 20; index++) held.send();
  await arrived;
  assert.deepEqual(await shares(client, 5), { free: 5 });
  release();
});

test('balancing: a sticky cookie brings a client back, and is set only when it is new', async (context) => {
  const origins = await startOrigins(context);
  const { port } = await startProxy(context, {
    routes: [
      routeTo(
        origins.map(({ backend }) => backend),
        {
          sticky: { cookie: 'stick', maxAgeSeconds: 60, sameSite: 'Strict' },
        },
      ),
    ],
  });
  const first = await ask(context, port);
  const cookie = first.headers['set-cookie'] ?? '';
  assert.match(cookie, /^stick=[\w-]+; Path=\/; Max-Age=60; HttpOnly; SameSite=Strict$/);
  const { origin } = echoOf(first);
  const client = await Client.open(context, port);
  const headers = { Cookie: `other=1; ${cookie.split(';')[0]}; last=2` };
  for (let index = 0; index < 5; index++) {
    const reply = await client.ask({ headers });
    assert.equal(echoOf(reply).origin, origin);
    assert.equal(reply.headers['set-cookie'], undefined);
    // The backend sees its visitors' cookies as they are.
    assert.equal(echoOf(reply).headers.cookie, headers.Cookie);
  }
  const forged = await client.ask({ headers: { Cookie: 'stick=zzzz' } });
  assert.match(forged.headers['set-cookie'] ?? '', /^stick=/);
});

test('balancing: a sticky client whose backend is dead gets another one, and its cookie', async (context) => {
  const origins = await startOrigins(context);
  const { proxy, port } = await startProxy(context, {
    routes: [
      routeTo(
        origins.map(({ backend }) => backend),
        { sticky: {} },
      ),
    ],
  });
  const first = await ask(context, port);
  const { origin } = echoOf(first);
  const cookie = first.headers['set-cookie']?.split(';')[0] ?? '';
  await origins[names.indexOf(origin)]?.stop();
  const second = await ask(context, port, { headers: { Cookie: cookie } });
  assert.equal(second.status, 200);
  assert.notEqual(echoOf(second).origin, origin);
  assert.match(
    second.headers['set-cookie'] ?? '',
    /^dcrouter_backend=[\w-]+; Path=\/; HttpOnly; SameSite=Lax$/,
  );
  assert.notEqual(second.headers['set-cookie']?.split(';')[0], cookie);
  const dead = proxy.router.route('a')?.endpoints.filter(({ isDead }) => isDead) ?? [];
  assert.deepEqual(
    dead.map(({ id }) => id),
    [origin],
  );
});

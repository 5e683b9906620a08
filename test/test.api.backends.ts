import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { IBackendView, IRouteView } from '../ts/api/route-view.ts';
import { type IAnswer, makeControl, route, startApi, takeIn } from './fixtures/control-plane.ts';

const base = '/api/v1/routes/a/backends';

function refused({ status, body }: IAnswer, expected: number, code: string): void {
  assert.equal(status, expected);
  assert.equal((body as { code: string }).code, code);
}

test('POST …/backends: 201 with Location, and the next request may go there', async (context) => {
  const { call, proxy } = await startApi(context);
  await call('POST', '/api/v1/routes', route('a'));
  const made = await call('POST', base, { hostname: '10.0.0.2', port: 81 });
  assert.equal(made.status, 201);
  assert.equal(made.headers.get('location'), `${base}/backend-2`);
  assert.deepEqual(
    proxy.router.route('a')?.endpoints.map(({ config }) => config.port),
    [3000, 81],
  );
  const { body } = await call('GET', base);
  assert.deepEqual(
    (body as { items: IBackendView[] }).items.map(({ id }) => id),
    ['backend-1', 'backend-2'],
  );
  assert.deepEqual((await call('GET', `${base}/backend-2`)).body, made.body);
  const byHost = await call('POST', '/api/v1/routes/A.example.com/backends', {
    id: 'named/x',
    hostname: 'h',
    port: 82,
    weight: 5,
  });
  assert.equal((await call('GET', byHost.headers.get('location') ?? '')).status, 200);
});

test('POST …/backends: what is wrong is named by the field; a taken id is 409', async (context) => {
  const { call } = await startApi(context);
  await call('POST', '/api/v1/routes', route('a'));
  const bad = await call('POST', base, { hostname: 'http://x', port: '80', wieght: 1 });
  refused(bad, 422, 'ROUTE_INVALID');
  const { problems } = bad.body as { problems: { path: string }[] };
  assert.deepEqual(problems.map(({ path }) => path).sort(), ['hostname', 'port', 'wieght']);
  refused(
    await call('POST', base, { id: 'backend-1', hostname: 'h', port: 1 }),
    409,
    'BACKEND_EXISTS',
  );
  refused(await call('POST', base, 'null'), 422, 'ROUTE_INVALID');
  refused(
    await call('POST', '/api/v1/routes/x/backends', { hostname: 'h', port: 1 }),
    404,
    'ROUTE_UNKNOWN',
  );
});

test('POST …/backends: many at once all arrive, each with a name of its own', async (context) => {
  const { call, proxy } = await startApi(context);
  await call('POST', '/api/v1/routes', route('a'));
  const ports = Array.from({ length: 20 }, (_, number) => 4000 + number);
  const made = await Promise.all(ports.map((port) => call('POST', base, { hostname: 'h', port })));
  assert.equal(new Set(made.map(({ body }) => (body as IBackendView).id)).size, 20);
  assert.equal(proxy.router.route('a')?.endpoints.length, 21);
});

test('PATCH …/backends/:id changes members and honours If-Match', async (context) => {
  const { call, proxy } = await startApi(context);
  await call('POST', '/api/v1/routes', route('a'));
  const tag = (await call('GET', `${base}/backend-1`)).headers.get('etag') ?? '';
  const changed = await call('PATCH', `${base}/backend-1`, { weight: 3 }, { 'if-match': tag });
  assert.equal(changed.status, 200);
  assert.equal(proxy.router.route('a')?.endpoints[0]?.weight, 3);
  refused(
    await call('PATCH', `${base}/backend-1`, { weight: 4 }, { 'if-match': tag }),
    412,
    'PRECONDITION_FAILED',
  );
  refused(await call('PATCH', `${base}/backend-1`, { id: 'x' }), 422, 'ROUTE_INVALID');
  refused(await call('PATCH', `${base}/x`, { weight: 1 }), 404, 'BACKEND_UNKNOWN');
});

test('DELETE …/backends/:id: not the last one, unless the route redirects', async (context) => {
  const { call } = await startApi(context);
  await call('POST', '/api/v1/routes', route('a'));
  refused(await call('DELETE', `${base}/backend-1`), 409, 'LAST_BACKEND');
  await call('POST', base, { hostname: 'h', port: 1 });
  assert.equal((await call('DELETE', `${base}/backend-1`)).status, 204);
  refused(await call('DELETE', `${base}/backend-1`), 404, 'BACKEND_UNKNOWN');
  await call('PATCH', '/api/v1/routes/a', { redirect: { to: 'https://x.example' } });
  assert.equal((await call('DELETE', `${base}/backend-2`)).status, 204);
});

test('…/dead takes a backend out until …/alive, through changes, reloads and restarts', async (context) => {
  const first = await startApi(context);
  const { call, control, store, proxy } = first;
  takeIn(control, [route('a')]);
  const dead = await call('POST', `${base}/backend-1/dead`);
  assert.equal(dead.status, 200);
  const view = dead.body as IBackendView;
  assert.deepEqual([view.isDead, view.maintenance], [true, true]);
  assert.equal((await call('POST', `${base}/backend-1/dead`)).status, 200, 'twice is harmless');
  await call('PATCH', '/api/v1/routes/a', {
    priority: 1,
    backends: [{ id: 'backend-1', hostname: 'other', port: 1 }],
  });
  takeIn(control, [{ ...route('a'), autoHttps: true }]);
  assert.equal(proxy.router.route('a')?.endpoints[0]?.maintenance, true);

  await control.settled();
  await store.close();
  const restarted = await makeControl(store);
  takeIn(restarted.control, [route('a')]);
  assert.equal(restarted.proxy.router.route('a')?.endpoints[0]?.maintenance, true);
  const { item } = await restarted.control.backends.mark('a', 'backend-1', 'alive');
  assert.deepEqual([item.isDead, item.maintenance], [false, false]);
  assert.deepEqual(await store.entries('maintenance'), []);
});

test('…/alive also brings back a backend that failed', async (context) => {
  const { call, proxy } = await startApi(context);
  await call('POST', '/api/v1/routes', route('a'));
  const live = proxy.router.route('a');
  assert.ok(live?.endpoints[0]);
  proxy.health.reportFailure(live, live.endpoints[0], 'UPSTREAM_REFUSED');
  assert.equal(
    ((await call('GET', '/api/v1/routes/a')).body as IRouteView).backends[0]?.isDead,
    true,
  );
  const alive = await call('POST', `${base}/backend-1/alive`);
  assert.equal((alive.body as IBackendView).isDead, false);
  refused(await call('POST', `${base}/x/alive`), 404, 'BACKEND_UNKNOWN');
});

test('a mark goes with its backend and with its route', async (context) => {
  const { call, store, proxy } = await startApi(context);
  await call('POST', '/api/v1/routes', route('a'));
  await call('POST', base, { hostname: 'h', port: 1 });
  await call('POST', `${base}/backend-2/dead`);
  await call('DELETE', `${base}/backend-2`);
  assert.deepEqual(await store.entries('maintenance'), []);
  await call('POST', `${base}/backend-1/dead`);
  await call('DELETE', '/api/v1/routes/a');
  assert.deepEqual(await store.entries('maintenance'), []);
  await call('POST', '/api/v1/routes', route('a'));
  assert.equal(proxy.router.route('a')?.endpoints[0]?.isDead, false);
});

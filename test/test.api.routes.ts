import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { IRouteView } from '../ts/api/route-view.ts';
import { DcError } from '../ts/core/errors.ts';
import { type IAnswer, route, startApi, takeIn } from './fixtures/control-plane.ts';
import { BreakableStore } from './suites/breakable-store.ts';

const routes = '/api/v1/routes';

interface IProblemBody {
  status: number;
  code: string;
  detail: string;
  problems: { path: string; message: string; value?: unknown; suggestion?: string }[];
}

function problem({ status, body, headers }: IAnswer, expected: number, code: string): IProblemBody {
  assert.equal(status, expected);
  assert.match(headers.get('content-type') ?? '', /^application\/problem\+json/);
  const found = body as IProblemBody;
  assert.equal(found.code, code);
  assert.equal(found.status, expected);
  return found;
}

test('POST /routes: 201 with Location and ETag; the route is live and stored', async (context) => {
  const { call, proxy, store } = await startApi(context);
  const made = await call('POST', routes, { ...route('a'), vHost: 'API.Example.COM.' });
  assert.equal(made.status, 201);
  assert.equal(made.headers.get('location'), `${routes}/a`);
  const view = made.body as IRouteView;
  assert.equal(view.vHost, 'api.example.com');
  assert.equal(view.origin, 'api');
  assert.equal(view.backends[0]?.id, 'backend-1');
  assert.equal(proxy.router.match('api.example.com', 'GET', '/', () => undefined)?.id, 'a');
  assert.deepEqual(
    (await store.entries('routes')).map(([key]) => key),
    ['a'],
  );
  const got = await call('GET', `${routes}/a`);
  assert.equal(got.headers.get('etag'), made.headers.get('etag'));
  assert.deepEqual(got.body, made.body);
});

test('POST /routes: problems have the path of the field', async (context) => {
  const { call, proxy } = await startApi(context);
  const bad = {
    ...route('a'),
    vHost: '*x.com',
    strategi: 'RANDOM',
    backends: [{ hostname: 'h', port: 0 }],
  };
  const { problems } = problem(await call('POST', routes, bad), 422, 'ROUTE_INVALID');
  assert.deepEqual(problems.map(({ path }) => path).sort(), [
    'backends[0].port',
    'strategi',
    'vHost',
  ]);
  assert.equal(problems.find(({ path }) => path === 'strategi')?.suggestion, 'strategy');
  assert.equal(proxy.router.size, 0);
});

test('POST /routes: 409 for a taken id, and for the same host with the same conditions', async (context) => {
  const { call } = await startApi(context);
  await call('POST', routes, { ...route('a'), paths: ['/api', '/v2'] });
  problem(await call('POST', routes, route('a', 'other.example.com')), 409, 'ROUTE_EXISTS');
  const twin = {
    ...route('b', 'a.example.com'),
    paths: [{ type: 'prefix', path: '/v2/' }, '/api'],
  };
  problem(await call('POST', routes, twin), 409, 'ROUTE_EXISTS');
  assert.equal((await call('POST', routes, { ...twin, priority: 1 })).status, 201);
  assert.equal((await call('POST', routes, route('c', 'a.example.com'))).status, 201);
});

test('GET /routes/:vHost: by id first, then by host in any spelling; 409 when a host has several', async (context) => {
  const { call } = await startApi(context);
  await call('POST', routes, route('one', 'bücher.example'));
  await call('POST', routes, route('x', 'one.example.com'));
  await call('POST', routes, { ...route('y', 'one.example.com'), paths: ['/y'] });
  await call('POST', routes, route('wild', '*.example.org'));
  const idOf = async (name: string) =>
    ((await call('GET', `${routes}/${encodeURIComponent(name)}`)).body as IRouteView).id;
  assert.equal(await idOf('one'), 'one');
  assert.equal(await idOf('BÜCHER.example'), 'one');
  assert.equal(await idOf('xn--bcher-kva.example'), 'one');
  assert.equal(await idOf('*.example.org'), 'wild');
  const { detail, problems } = problem(
    await call('GET', `${routes}/one.example.com`),
    409,
    'ROUTE_AMBIGUOUS',
  );
  assert.match(detail, /use the id/);
  assert.deepEqual(
    problems.map(({ value }) => value),
    ['x', 'y'],
  );
  problem(await call('GET', `${routes}/nobody`), 404, 'ROUTE_UNKNOWN');
});

test('ids with slashes, blanks and percent signs survive the address', async (context) => {
  const { call } = await startApi(context);
  for (const id of ['a/b', 'a b', '100%', '../x', 'ü', '%2F', 'x'.repeat(200)]) {
    const made = await call('POST', routes, { ...route('h'), id, vHost: 'h.example.com' });
    assert.equal(made.status, 201, id);
    const address = made.headers.get('location') ?? '';
    assert.equal(((await call('GET', address)).body as IRouteView).id, id);
    assert.equal((await call('DELETE', address)).status, 204, id);
  }
});

test('PUT: creates under an unknown id, replaces a known one, and never renames', async (context) => {
  const { call, proxy } = await startApi(context);
  const made = await call('PUT', `${routes}/a`, { ...route('a'), id: undefined });
  assert.equal(made.status, 201);
  assert.equal(made.headers.get('location'), `${routes}/a`);
  const changed = await call('PUT', `${routes}/a.example.com`, { ...route('a'), priority: 7 });
  assert.equal(changed.status, 200);
  assert.equal(proxy.router.route('a')?.config.priority, 7);
  const gone = await call('PUT', `${routes}/a`, route('a'));
  assert.equal((gone.body as IRouteView).priority, undefined, 'PUT replaces the whole');
  const renamed = problem(
    await call('PUT', `${routes}/a`, route('b', 'a.example.com')),
    422,
    'ROUTE_INVALID',
  );
  assert.equal(renamed.problems[0]?.path, 'id');
  problem(await call('PUT', `${routes}/new`, route('b')), 422, 'ROUTE_INVALID');
  const byHost = await call('PUT', `${routes}/c.example.com`, route('c'));
  assert.equal(byHost.headers.get('location'), `${routes}/c`);
});

test('PATCH: a merge patch; null takes away, lists are replaced, the id stays', async (context) => {
  const { call } = await startApi(context);
  await call('POST', routes, { ...route('a'), headers: { 'X-A': '1', 'X-B': '2' }, priority: 3 });
  const patch = { priority: null, headers: { 'X-A': null, 'X-C': '3' }, autoHttps: true };
  const types = { 'content-type': 'application/merge-patch+json; charset=utf-8' };
  const { status, body } = await call('PATCH', `${routes}/a`, patch, types);
  assert.equal(status, 200);
  const view = body as IRouteView;
  assert.deepEqual(view.headers, { 'X-B': '2', 'X-C': '3' });
  assert.equal(view.priority, undefined);
  assert.equal(view.autoHttps, true);
  problem(await call('PATCH', `${routes}/a`, { id: 'b' }), 422, 'ROUTE_INVALID');
  problem(await call('PATCH', `${routes}/a`, [1]), 422, 'ROUTE_INVALID');
  problem(await call('PATCH', `${routes}/a`, { backends: [] }), 422, 'ROUTE_INVALID');
  problem(await call('PATCH', `${routes}/b`, {}), 404, 'ROUTE_UNKNOWN');
});

test('DELETE: 204, then 404; a route of the file stays away until it is put back', async (context) => {
  const { call, control, proxy, store } = await startApi(context);
  takeIn(control, [route('file')]);
  const origin = async () => ((await call('GET', `${routes}/file`)).body as IRouteView).origin;
  assert.equal(await origin(), 'file');
  assert.equal((await call('DELETE', `${routes}/file`)).status, 204);
  problem(await call('DELETE', `${routes}/file`), 404, 'ROUTE_UNKNOWN');
  assert.equal(proxy.router.size, 0);
  assert.deepEqual(await store.get('routes', 'file'), { removed: true });
  takeIn(control, [route('file')]);
  assert.equal(proxy.router.size, 0, 'a reload does not bring it back');
  await call('PUT', `${routes}/file`, { ...route('file'), priority: 1 });
  assert.equal(await origin(), 'api-over-file');
  await call('PUT', `${routes}/file`, route('file'));
  assert.equal(await origin(), 'file');
  assert.deepEqual(
    await store.entries('routes'),
    [],
    'what the file says as well is not kept twice',
  );
});

test('ETag: If-Match guards changes, If-None-Match answers 304 and guards creation', async (context) => {
  const { call } = await startApi(context);
  const tag = (await call('POST', routes, route('a'))).headers.get('etag') ?? '';
  const fresh = await call('GET', `${routes}/a`, undefined, { 'if-none-match': `"x", W/${tag}` });
  assert.deepEqual([fresh.status, fresh.body, fresh.headers.get('etag')], [304, undefined, tag]);
  const changed = await call('PATCH', `${routes}/a`, { priority: 1 }, { 'if-match': tag });
  assert.equal(changed.status, 200);
  for (const [method, body] of [
    ['PUT', route('a')],
    ['PATCH', {}],
    ['DELETE', undefined],
  ] as const) {
    problem(
      await call(method, `${routes}/a`, body, { 'if-match': tag }),
      412,
      'PRECONDITION_FAILED',
    );
    problem(
      await call(method, `${routes}/a`, body, { 'if-match': `W/${tag}` }),
      412,
      'PRECONDITION_FAILED',
    );
    problem(await call(method, `${routes}/a`, body, { 'if-match': 'abc' }), 400, 'REQUEST_INVALID');
  }
  problem(
    await call('PUT', `${routes}/a`, route('a'), { 'if-none-match': '*' }),
    412,
    'PRECONDITION_FAILED',
  );
  problem(
    await call('PUT', `${routes}/b`, route('b'), { 'if-match': '*' }),
    412,
    'PRECONDITION_FAILED',
  );
  assert.equal(
    (await call('PUT', `${routes}/b`, route('b'), { 'if-none-match': '*' })).status,
    201,
  );
  const next = changed.headers.get('etag') ?? '';
  assert.equal(
    (await call('DELETE', `${routes}/a`, undefined, { 'if-match': `"z",${next}` })).status,
    204,
  );
});

test('ETag: a backend that dies is a new version to readers, not to writers', async (context) => {
  const { call, proxy } = await startApi(context);
  const tag = (await call('POST', routes, route('a'))).headers.get('etag') ?? '';
  const live = proxy.router.route('a');
  assert.ok(live?.endpoints[0]);
  proxy.health.markDead(live, live.endpoints[0]);
  const again = await call('GET', `${routes}/a`, undefined, { 'if-none-match': tag });
  assert.equal(again.status, 200);
  assert.equal((again.body as IRouteView).backends[0]?.isDead, true);
  assert.equal(
    (await call('PATCH', `${routes}/a`, { priority: 1 }, { 'if-match': tag })).status,
    200,
  );
});

test('If-Match: of two writers with the same version one wins', async (context) => {
  const { call } = await startApi(context);
  const tag = (await call('POST', routes, route('a'))).headers.get('etag') ?? '';
  const answers = await Promise.all(
    [1, 2, 3, 4].map((priority) => call('PATCH', `${routes}/a`, { priority }, { 'if-match': tag })),
  );
  assert.deepEqual(answers.map(({ status }) => status).sort(), [200, 412, 412, 412]);
});

test('secrets are masked, and what was read can be sent back', async (context) => {
  const { call, proxy } = await startApi(context);
  const hash = `sha256$${'a'.repeat(64)}`;
  const input = {
    ...route('a'),
    auth: { type: 'bearer', tokenHashes: [hash, `sha256$${'b'.repeat(64)}`] },
    headers: { Authorization: 'Basic c2VjcmV0', 'X-Team': 'blue' },
    matchHeaders: [{ name: 'X-Api-Key', value: 'hush' }],
  };
  const made = await call('POST', routes, input);
  assert.equal(made.status, 201, JSON.stringify(made.body));
  const text = JSON.stringify(made.body);
  for (const secret of [hash, 'c2VjcmV0', 'hush']) assert.ok(!text.includes(secret), secret);
  const view = made.body as IRouteView & { auth: { tokenHashes: string[] } };
  assert.equal(view.headers?.['X-Team'], 'blue');
  view.auth.tokenHashes.reverse();
  const put = await call('PUT', `${routes}/a`, { ...view, priority: 2 });
  assert.equal(put.status, 200, JSON.stringify(put.body));
  const { config } = proxy.router.route('a') ?? {};
  assert.deepEqual(config?.auth, {
    type: 'bearer',
    tokenHashes: [...input.auth.tokenHashes].reverse(),
  });
  assert.equal(config?.headers?.Authorization, 'Basic c2VjcmV0');
  assert.equal(config?.matchHeaders?.[0]?.value, 'hush');
  const foreign = problem(
    await call('POST', routes, { ...view, id: 'b', vHost: 'b.example.com' }),
    422,
    'ROUTE_INVALID',
  );
  assert.deepEqual(foreign.problems.map(({ path }) => path).sort(), [
    'auth.tokenHashes[0]',
    'auth.tokenHashes[1]',
    'headers.Authorization',
    'matchHeaders[0].value',
  ]);
});

test('live state in an input is ignored: only /dead and /alive change it', async (context) => {
  const { call, proxy } = await startApi(context);
  const [backend] = route('a').backends ?? [];
  const input = {
    ...route('a'),
    backends: [{ ...backend, isDead: true, failureCount: 9, maintenance: true }],
  };
  const made = await call('POST', routes, input);
  assert.equal((made.body as IRouteView).backends[0]?.isDead, false);
  assert.equal(proxy.router.route('a')?.endpoints[0]?.isDead, false);
});

test('a failing store: 503, and nothing has changed', async (context) => {
  const store = new BreakableStore();
  const { call, proxy } = await startApi(context, { store });
  await call('POST', routes, route('a'));
  store.failure = new DcError('STORE_FAILED', 'Cannot write "/var/lib/x": disk full');
  const refused = await call('POST', routes, route('b'));
  assert.equal(refused.headers.get('retry-after'), '5');
  assert.doesNotMatch(problem(refused, 503, 'STORE_FAILED').detail, /var/);
  problem(await call('DELETE', `${routes}/a`), 503, 'STORE_FAILED');
  problem(await call('PATCH', `${routes}/a`, { priority: 1 }), 503, 'STORE_FAILED');
  assert.deepEqual(
    [...proxy.router.routes()].map(({ id }) => id),
    ['a'],
  );
  store.failure = null;
  assert.equal((await call('POST', routes, route('b'))).status, 201);
});

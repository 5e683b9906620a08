import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseRoute } from '../ts/config/parse.ts';
import type { ILimitInfo } from '../ts_interfaces/index.ts';
import { type IAnswer, route, startApi, takeInBase } from './fixtures/control-plane.ts';

const limits = '/api/v1/limits';

function problem({ status, body }: IAnswer, expected: number, code: string): string {
  assert.equal(status, expected, JSON.stringify(body));
  const found = body as { code: string; detail: string };
  assert.equal(found.code, code);
  return found.detail;
}

test('PUT, GET, PATCH and DELETE /limits/:name', async (context) => {
  const { call, control, limits: live } = await startApi(context);
  const made = await call('PUT', `${limits}/login`, {
    requests: 5,
    windowSeconds: 60,
    key: 'route',
  });
  assert.equal(made.status, 201, JSON.stringify(made.body));
  assert.deepEqual(made.body, {
    name: 'login',
    limit: { requests: 5, windowSeconds: 60, key: 'route' },
    origin: 'api',
    keys: 0,
    allowed: 0,
    refused: 0,
    routes: [],
  });
  assert.ok(live.get('login'));
  const tag = made.headers.get('etag') ?? '';
  const patched = await call(
    'PATCH',
    `${limits}/login`,
    { key: null, requests: 6 },
    { 'if-match': tag },
  );
  assert.deepEqual((patched.body as ILimitInfo).limit, { requests: 6, windowSeconds: 60 });
  problem(
    await call('PATCH', `${limits}/login`, {}, { 'if-match': tag }),
    412,
    'PRECONDITION_FAILED',
  );
  problem(await call('PATCH', `${limits}/login`, { requests: 0 }), 422, 'LIMIT_INVALID');
  problem(await call('PATCH', `${limits}/login`, []), 422, 'LIMIT_INVALID');
  problem(await call('PATCH', `${limits}/none`, {}), 404, 'LIMIT_UNKNOWN');
  for (const name of ['a%20b', 'x'.repeat(65), '__proto__']) {
    problem(await call('PUT', `${limits}/${name}`, { requests: 1 }), 422, 'LIMIT_INVALID');
  }
  problem(await call('PUT', `${limits}/x`, { requests: 1, burts: 2 }), 422, 'LIMIT_INVALID');
  await call('POST', '/api/v1/routes', {
    ...route('a'),
    rateLimits: ['login', 'login', { requests: 9 }],
  });
  assert.deepEqual(((await call('GET', `${limits}/login`)).body as ILimitInfo).routes, ['a']);
  assert.match(
    problem(await call('DELETE', `${limits}/login`), 409, 'IN_USE'),
    /route "a" names it/,
  );
  await call('DELETE', '/api/v1/routes/a');
  assert.equal((await call('DELETE', `${limits}/login`)).status, 204);
  problem(await call('GET', `${limits}/login`), 404, 'LIMIT_UNKNOWN');
  assert.deepEqual([live.names(), control.limits.size], [[], 0]);
});

test('a route that names a limit which is not there is refused, or disabled by a reload', async (context) => {
  const { call, control } = await startApi(context);
  const limited = { ...route('a'), rateLimits: ['fast'] };
  assert.match(
    problem(await call('POST', '/api/v1/routes', limited), 422, 'ROUTE_INVALID'),
    /rateLimits\[0\].*there is no "fast"/,
  );
  await takeInBase(control, { limits: { fast: { requests: 5 } } });
  assert.equal((await call('POST', '/api/v1/routes', limited)).status, 201);
  await takeInBase(control, {});
  assert.equal((await control.status()).problems[0]?.path, 'routes[a].rateLimits[0]');
  await takeInBase(control, { limits: { fast: { requests: 6 } } });
  assert.deepEqual((await control.status()).problems, []);
});

test('rebase: limits and lists are there before the routes that name them, and go after', async (context) => {
  const { control, lists, limits: live } = await startApi(context);
  const base = {
    routes: [parseRoute({ ...route('a'), rateLimits: ['fast'], access: { deny: ['@bad'] } })],
    access: new Map([['bad', ['10.0.0.0/8']]]),
    limits: { fast: { requests: 5 } },
  };
  await takeInBase(control, base);
  assert.deepEqual([lists.names(), live.names()], [['bad'], ['fast']]);
  const before = lists.get('bad');
  await takeInBase(control, base);
  assert.equal(lists.get('bad'), before, 'what did not change is not touched');
  await takeInBase(control, {});
  assert.deepEqual([lists.names(), live.names()], [[], []]);
});

test('GET /limits: a page with numbers', async (context) => {
  const { call, control } = await startApi(context);
  await takeInBase(control, { limits: { b: { requests: 1 }, a: { requests: 2 } } });
  const page = (await call('GET', `${limits}?limit=1`)).body as {
    items: ILimitInfo[];
    nextCursor: string;
  };
  assert.deepEqual([page.items[0]?.name, page.items[0]?.origin], ['a', 'file']);
  const next = (await call('GET', `${limits}?cursor=${page.nextCursor}`)).body as {
    items: ILimitInfo[];
  };
  assert.deepEqual(
    next.items.map(({ name }) => name),
    ['b'],
  );
});

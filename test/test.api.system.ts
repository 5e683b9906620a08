import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parse } from 'yaml';
import type { IConfigDiff } from '../ts/api/config-service.ts';
import type { IStatus } from '../ts/api/control.ts';
import type { IExplanation } from '../ts/api/explain.ts';
import { parseOptions } from '../ts/config/parse-options.ts';
import { DcError } from '../ts/core/errors.ts';
import type { IDcRouterOptions } from '../ts_interfaces/index.ts';
import { certificateOf, route, startApi, takeIn } from './fixtures/control-plane.ts';

test('GET /status: what runs and what is wrong', async (context) => {
  const { call, control, process, clock } = await startApi(context);
  takeIn(control, [route('a'), route('b')]);
  process.configFile = '/etc/dcrouter.yaml';
  process.changed = true;
  process.found = [{ path: 'web.routes[2].vHost', message: 'Must …', line: 7 }];
  clock.advance(90_000);
  const status = (await call('GET', '/api/v1/status')).body as IStatus;
  assert.equal(status.version, '9.9.9');
  assert.equal(status.uptimeSeconds, 90);
  assert.deepEqual([status.routes, status.ready, status.configChanged], [2, true, true]);
  assert.deepEqual(status.problems, process.found);
});

test('POST /reload: 200 with the changes, or 422 with every problem', async (context) => {
  const { call, process } = await startApi(context);
  const none = await call('POST', '/api/v1/reload');
  assert.deepEqual([none.status, (none.body as { code: string }).code], [409, 'NO_CONFIG_FILE']);
  process.configFile = '/etc/dcrouter.yaml';
  process.pending = [{ path: 'log.level', before: 'info', after: 'debug', effect: 'hot' }];
  assert.deepEqual((await call('POST', '/api/v1/reload')).body, { changes: process.pending });
  const problems = [
    { path: 'web.routes[0].vHost', message: 'Must …', file: 'f.yaml', line: 3, column: 2 },
  ];
  process.pending = new DcError('CONFIG_INVALID', 'Cannot use "f.yaml"', { problems });
  const refused = await call('POST', '/api/v1/reload');
  assert.equal(refused.status, 422);
  assert.deepEqual((refused.body as { problems: unknown }).problems, problems);
  assert.equal(process.reloads, 2);
});

const base: IDcRouterOptions = {
  version: 1,
  log: { level: 'warn' },
  web: {
    entrypoints: { http: { port: 8080 } },
    authProviders: { sso: { type: 'forward', url: 'https://u:hidden@sso.example' } },
  },
};

for (const format of ['yaml', 'json'] as const) {
  test(`GET /config/export?format=${format}: file and overlay as one file that loads`, async (context) => {
    const { call, control, process } = await startApi(context);
    process.base = base;
    const pem = certificateOf('ecdsa');
    takeIn(control, [route('file'), route('gone')], [{ domain: 'example.test', ...pem }]);
    await call('DELETE', '/api/v1/routes/gone');
    const odd = { 'X-Odd': '# no: comment', 'X-Yes': 'yes', 'X-Text': 'it\'s "quoted"' };
    const input = { ...route('api', 'www.example.test'), ssl: pem, headers: odd };
    assert.equal((await call('POST', '/api/v1/routes', input)).status, 201);

    const masked = await call('GET', `/api/v1/config/export?format=${format}`);
    assert.match(masked.headers.get('content-type') ?? '', new RegExp(format));
    const shown = typeof masked.body === 'string' ? masked.body : JSON.stringify(masked.body);
    assert.ok(!shown.includes('BEGIN PRIVATE KEY') && !shown.includes('hidden'));

    const { body } = await call('GET', `/api/v1/config/export?format=${format}&secrets=true`);
    const data = typeof body === 'string' ? parse(body) : body;
    const { options } = parseOptions(data);
    assert.deepEqual(options.log, base.log);
    assert.deepEqual(options.web?.authProviders, base.web?.authProviders);
    assert.deepEqual(
      options.web?.routes?.map(({ id }) => id),
      ['file', 'api'],
    );
    assert.deepEqual(options.web?.routes?.[1]?.ssl, pem);
    assert.deepEqual(options.web?.routes?.[1]?.headers, odd);
    assert.deepEqual(options.certificates, [{ domain: 'example.test', ...pem }]);
  });
}

test('GET /config: streams many routes, whole and in order', async (context) => {
  const { call, control } = await startApi(context);
  const ids = Array.from({ length: 1_001 }, (_, number) => `r${number}`);
  takeIn(
    control,
    ids.map((id) => route(id)),
  );
  const { body } = await call('GET', '/api/v1/config');
  assert.deepEqual(
    (body as IDcRouterOptions).web?.routes?.map(({ id }) => id),
    ids,
  );
});

test('GET /config with nothing in it is still a configuration', async (context) => {
  const { call } = await startApi(context);
  assert.deepEqual((await call('GET', '/api/v1/config')).body, {
    certificates: [],
    web: { routes: [] },
  });
  const yaml = parse(String((await call('GET', '/api/v1/config/export')).body));
  assert.deepEqual(yaml, { certificates: [], web: { routes: [] } });
});

test('GET /config/diff: what is not loaded, and what the API changed, with its origin', async (context) => {
  const { call, control, process } = await startApi(context);
  takeIn(control, [route('same'), route('changed'), route('removed')]);
  process.configFile = '/etc/dcrouter.yaml';
  await call('PATCH', '/api/v1/routes/changed', { headers: { Authorization: 'Basic hush' } });
  await call('DELETE', '/api/v1/routes/removed');
  await call('POST', '/api/v1/routes', route('added'));
  await call('POST', '/api/v1/certificates', { domain: 'example.test', ...certificateOf('ecdsa') });
  process.pending = [{ path: 'log.level', after: 'debug', effect: 'hot' }];
  const { body } = await call('GET', '/api/v1/config/diff');
  const diff = body as IConfigDiff;
  assert.deepEqual(diff.file, {
    path: '/etc/dcrouter.yaml',
    changes: process.pending,
    problems: [],
  });
  assert.deepEqual(
    diff.overlay.items.map(({ kind, key, change, origin }) => [kind, key, change, origin]),
    [
      ['certificate', 'example.test', 'added', 'api'],
      ['route', 'added', 'added', 'api'],
      ['route', 'changed', 'changed', 'api-over-file'],
      ['route', 'removed', 'removed', 'api-over-file'],
    ],
  );
  const text = JSON.stringify(diff);
  assert.ok(!text.includes('hush') && !text.includes('PRIVATE KEY'));
  const first = (await call('GET', '/api/v1/config/diff?limit=3')).body as IConfigDiff;
  const next = await call('GET', `/api/v1/config/diff?limit=3&cursor=${first.overlay.nextCursor}`);
  assert.deepEqual(
    (next.body as IConfigDiff).overlay.items.map(({ key }) => key),
    ['removed'],
  );
  process.pending = new DcError('CONFIG_UNREADABLE', 'Cannot read "x": no such file');
  const broken = (await call('GET', '/api/v1/config/diff')).body as IConfigDiff;
  assert.match(broken.file.problems[0]?.message ?? '', /no such file/);
});

test('GET /explain: the live table decides; every candidate says why', async (context) => {
  const { call, control } = await startApi(context);
  takeIn(control, [
    { ...route('api', 'a.example.com'), paths: ['/api/'], methods: ['POST'] },
    {
      ...route('key', 'a.example.com'),
      matchHeaders: [{ name: 'X-Key', value: 'k' }],
      priority: 9,
    },
    { ...route('wild', '*.example.com'), paths: [{ type: 'exact', path: '/only' }] },
    { ...route('deep', '*.a.example.com') },
    { id: 'all', vHost: '*', redirect: { to: 'https://x.example{path}' }, autoHttps: true },
  ]);
  const explain = async (query: string) =>
    (await call('GET', `/api/v1/explain?${query}`)).body as IExplanation;
  const post = await explain(
    'url=http%3A%2F%2FA.example.com.%3A8080%2Fapi%2Fx%3Fy%23z&method=post',
  );
  assert.deepEqual(
    [post.route?.id, post.host, post.path, post.method],
    ['api', 'a.example.com', '/api/x', 'POST'],
  );
  const reasons = Object.fromEntries(post.candidates.map((one) => [one.routeId, one]));
  assert.deepEqual(Object.keys(reasons), ['api', 'key', 'wild', 'all']);
  assert.equal(reasons.api?.fits, true);
  assert.match(reasons.key?.reasons.join() ?? '', /"X-Key" is missing/);
  assert.match(reasons.wild?.reasons.join() ?? '', /exact "\/only"/);
  assert.equal((await explain('url=a.example.com/api&header.x-KEY=k')).route?.id, 'key');
  assert.equal((await explain('url=b.example.com/only')).route?.id, 'wild');
  const all = await explain('url=https://nowhere.test');
  assert.equal(all.route?.id, 'all');
  assert.match(all.verdict, /308 to https:/);
  assert.match((await explain('url=nowhere.test')).verdict, /https/);
  await call('DELETE', '/api/v1/routes/all');
  const none = await explain('url=nowhere.test');
  assert.deepEqual([none.route, none.candidatesTotal], [null, 0]);
  assert.match(none.verdict, /^404/);
});

for (const query of [
  '',
  'url=',
  'url=%2Fpath',
  'url=http://a%20b/',
  'url=*.example.com',
  'url=a&method=G%20T',
  'url=a&x=1',
]) {
  test(`GET /explain?${query} is 400`, async (context) => {
    const { call } = await startApi(context);
    const { status, body } = await call('GET', `/api/v1/explain?${query}`);
    assert.equal(status, 400);
    assert.ok((body as { problems: unknown[] }).problems.length > 0);
  });
}

test('GET /stats: of all, of a route, and not of a route that is not there', async (context) => {
  const { call, control, proxy } = await startApi(context);
  takeIn(control, [route('a')]);
  proxy.router.route('a')?.counter.record(200, 12, 100, 200, performance.now());
  const one = (await call('GET', '/api/v1/stats/a.example.com')).body as {
    requests: number;
    routeId: string;
  };
  assert.deepEqual([one.requests, one.routeId], [1, 'a']);
  assert.equal(((await call('GET', '/api/v1/stats')).body as { routes: number }).routes, 1);
  assert.equal((await call('GET', '/api/v1/stats/b')).status, 404);
});

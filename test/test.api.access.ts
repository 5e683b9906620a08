import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseRoute, parseTcpEntry } from '../ts/config/parse.ts';
import { MemoryStore } from '../ts/storage/memory-store.ts';
import type { IAddressListInfo } from '../ts_interfaces/index.ts';
import {
  type IAnswer,
  makeControl,
  route,
  startApi,
  takeInBase,
} from './fixtures/control-plane.ts';
import { BreakableStore } from './suites/breakable-store.ts';

const access = '/api/v1/access';

interface IProblemBody {
  code: string;
  detail: string;
  problems: { path: string; message: string; value?: unknown }[];
}

function problem({ status, body }: IAnswer, expected: number, code: string): IProblemBody {
  assert.equal(status, expected, JSON.stringify(body));
  const found = body as IProblemBody;
  assert.equal(found.code, code);
  return found;
}

test('PUT /access/:name: in normal form, once each, live and stored', async (context) => {
  const { call, lists, store, acknowledged } = await startApi(context);
  const addresses = ['10.1.2.3/8', '10.0.0.0/8', '::ffff:192.0.2.1', '2001:DB8:0::1'];
  const made = await call('PUT', `${access}/office`, { addresses });
  assert.deepEqual([made.status, made.body], [201, { name: 'office', ranges: 3, origin: 'api' }]);
  assert.equal(made.headers.get('location'), `${access}/office`);
  assert.equal(lists.get('office')?.contains('10.255.0.1'), true);
  const read = await call('GET', `${access}/office`);
  const { addresses: shown } = read.body as IAddressListInfo;
  assert.deepEqual(shown, ['10.0.0.0/8', '192.0.2.1', '2001:db8::1']);
  assert.equal((await store.entries('access')).length, 1);
  assert.equal(acknowledged.length, 1);
  const tag = { 'if-none-match': read.headers.get('etag') ?? '' };
  assert.equal((await call('GET', `${access}/office`, undefined, tag)).status, 304);
  assert.equal((await call('PUT', `${access}/office`, read.body)).status, 200);
});

test('PUT /access/:name: what is no list is refused, and nothing changes', async (context) => {
  const store = new BreakableStore();
  const { call, lists } = await startApi(context, { store });
  const put = (name: string, body: unknown) => call('PUT', `${access}/${name}`, body);
  const bad = ['10.0.0.0/33', '300.1.1.1', 'fe80::1%eth0', '@x', '', 5, null, {}, '1'.repeat(999)];
  const { problems } = problem(
    await put('a', { addresses: ['10.0.0.1', ...bad] }),
    422,
    'ACCESS_INVALID',
  );
  assert.equal(problems[0]?.path, 'addresses[1]');
  assert.ok(problems.every(({ value }) => value === undefined || String(value).length <= 100));
  const many = { addresses: Array.from({ length: 500 }, () => 'x') };
  const told = problem(await put('a', many), 422, 'ACCESS_INVALID').problems;
  assert.deepEqual([told.length, told.at(-1)?.message], [101, '400 more are no addresses']);
  problem(await put('a', []), 422, 'ACCESS_INVALID');
  problem(await put('a', {}), 422, 'ACCESS_INVALID');
  const file = problem(
    await put('a', { addresses: [], file: '/etc/passwd' }),
    422,
    'ACCESS_INVALID',
  );
  assert.match(file.detail, /in the configuration file alone/);
  for (const name of ['check', '-a', 'a.b', 'a%20b', '%40x', 'x'.repeat(65), '__proto__']) {
    problem(await put(name, { addresses: [] }), 422, 'ACCESS_INVALID');
  }
  problem(await put('a', { name: 'b', addresses: [] }), 422, 'ACCESS_INVALID');
  problem(await call('POST', `${access}/a/addresses`, { add: [] }), 404, 'ACCESS_UNKNOWN');
  store.failure = new Error('disk full');
  assert.equal((await put('a', { addresses: ['10.0.0.1'] })).status, 500);
  assert.deepEqual(lists.names(), []);
});

test('POST /access/:name/addresses: adds and removes, and says how many', async (context) => {
  const { call, control, lists } = await startApi(context);
  await takeInBase(control, { access: new Map([['blocked', ['10.0.0.0/8', '192.0.2.1/32']]]) });
  const change = `${access}/blocked/addresses`;
  const done = await call('POST', change, {
    add: ['192.0.2.2', '10.9.9.9/8'],
    remove: ['192.0.2.1', '1.1.1.1'],
  });
  assert.deepEqual(done.body, {
    name: 'blocked',
    ranges: 2,
    origin: 'api-over-file',
    added: 1,
    removed: 1,
  });
  const list = lists.get('blocked');
  assert.deepEqual([list?.contains('192.0.2.2'), list?.contains('192.0.2.1')], [true, false]);
  problem(await call('POST', change, { add: ['x'] }), 422, 'ACCESS_INVALID');
  problem(await call('POST', change, { ad: ['10.0.0.1'] }), 422, 'ACCESS_INVALID');
  problem(await call('POST', change, { add: '10.0.0.1' }), 422, 'ACCESS_INVALID');
  problem(
    await call('POST', change, { add: [] }, { 'if-match': '"x"' }),
    412,
    'PRECONDITION_FAILED',
  );
  const back = await call('POST', change, { remove: ['192.0.2.2'], add: ['192.0.2.1'] });
  assert.equal((back.body as { ranges: number }).ranges, 2);
  // Twenty changes at once: none is lost.
  const adds = Array.from({ length: 20 }, (_, at) =>
    call('POST', change, { add: [`172.16.0.${at}`] }),
  );
  await Promise.all(adds);
  assert.equal(lists.get('blocked')?.size, 22);
});

test('DELETE /access/:name: not while something names it; one of the file stays away', async (context) => {
  const { call, control, lists, process } = await startApi(context);
  const named = { deny: ['@bad'] };
  const base = {
    access: new Map([['bad', ['10.0.0.0/8']]]),
    routes: [parseRoute({ ...route('a'), access: named })],
    tcp: [
      parseTcpEntry({
        id: 'db',
        fromPort: 1,
        toPort: 2,
        domainConfigs: [{ protocol: 'ssh', toPort: 22, access: named }],
      }),
    ],
  };
  process.base = { web: { entrypoints: { http: { port: 80, access: named } } } };
  await takeInBase(control, base);
  const used = problem(await call('DELETE', `${access}/bad`), 409, 'IN_USE');
  assert.match(used.detail, /entrypoint "http" and 2 more name it/);
  process.base = {};
  await call('DELETE', '/api/v1/tcp/db');
  await call('DELETE', '/api/v1/routes/a');
  assert.equal((await call('DELETE', `${access}/bad`)).status, 204);
  assert.equal(lists.get('bad'), undefined);
  problem(await call('GET', `${access}/bad`), 404, 'ACCESS_UNKNOWN');
  await takeInBase(control, { access: base.access });
  assert.equal(lists.get('bad'), undefined, 'a reload does not bring it back');
});

test('routes and entries that name a list which is not there are refused, or disabled by a reload', async (context) => {
  const { call, control } = await startApi(context);
  const denied = { ...route('a'), access: { deny: ['@offce'] } };
  await call('PUT', `${access}/office`, { addresses: ['10.0.0.0/8'] });
  const refused = problem(await call('POST', '/api/v1/routes', denied), 422, 'ROUTE_INVALID');
  assert.equal(refused.problems[0]?.path, 'access.deny[0]');
  const entry = { fromPort: 1, toPort: 1, access: { allow: ['@none'] } };
  problem(await call('POST', '/api/v1/tcp', entry), 422, 'TCP_INVALID');
  await takeInBase(control, { access: new Map([['file', ['10.0.0.0/8']]]) });
  await call('POST', '/api/v1/routes', { ...route('a'), access: { allow: ['@file', '@office'] } });
  await takeInBase(control, {});
  const { problems } = await control.status();
  assert.deepEqual(
    problems.map(({ path }) => path),
    ['routes[a].access.allow[0]'],
  );
  assert.equal(control.routes.size, 0);
});

test('GET /access/check: the lists that an address is in', async (context) => {
  const { call } = await startApi(context);
  await call('PUT', `${access}/b`, { addresses: ['10.0.0.0/8'] });
  await call('PUT', `${access}/a`, { addresses: ['10.1.0.0/16', '2001:db8::/32'] });
  const found = await call('GET', `${access}/check?address=::ffff:10.1.1.1`);
  assert.deepEqual(found.body, { address: '10.1.1.1', lists: ['a', 'b'] });
  const six = await call('GET', `${access}/check?address=2001:db8:0:0::1`);
  assert.deepEqual(six.body, { address: '2001:db8::1', lists: ['a'] });
  problem(await call('GET', `${access}/check?address=10.1.1.0/24`), 400, 'REQUEST_INVALID');
  problem(await call('GET', `${access}/check`), 400, 'REQUEST_INVALID');
});

test('a list of 100,000 addresses goes in, is changed, comes out, and outlives a restart', async (context) => {
  const store = new MemoryStore();
  const { call, api } = await startApi(context, { store });
  const addresses = Array.from({ length: 100_000 }, (_, at) => {
    return `2001:db8:${(at >> 8).toString(16)}:${(at & 255).toString(16)}::/64`;
  });
  const made = await call('PUT', `${access}/big`, { addresses });
  assert.deepEqual([made.status, (made.body as { ranges: number }).ranges], [201, 100_000]);
  const changed = await call('POST', `${access}/big/addresses`, { add: ['10.0.0.1'] });
  assert.equal((changed.body as { ranges: number }).ranges, 100_001);
  const { body } = await call('GET', `${access}/big`);
  assert.equal((body as IAddressListInfo).addresses.length, 100_001);
  const { body: diff } = await call('GET', '/api/v1/config/diff');
  assert.ok(JSON.stringify(diff).length < 2_000, 'a diff only shows some');
  const tooBig = await call('PUT', `${access}/big`, ' '.repeat(17_000_000));
  problem(tooBig, 413, 'BODY_TOO_LARGE');
  await api.stop();
  await store.close();
  const next = await makeControl(store);
  await takeInBase(next.control, {});
  assert.equal(next.lists.get('big')?.contains('2001:db8:1:2::9'), true);
});

test('GET /config/export: lists, limits and entries; a list of a file stays one', async (context) => {
  const { call, control, process } = await startApi(context);
  process.base = {
    access: { lists: { feed: { file: 'feed.txt' }, own: { addresses: ['::/0'] } } },
  };
  await takeInBase(control, {
    access: new Map([
      ['feed', ['192.0.2.0/24']],
      ['own', ['::/0']],
    ]),
    limits: { slow: { requests: 1, key: 'route' } },
    tcp: [parseTcpEntry({ id: 'db', fromPort: 1, backends: [{ hostname: 'h', port: 2 }] })],
  });
  await call('PUT', `${access}/api`, { addresses: ['10.0.0.1', '2001:db8::'] });
  await call('PUT', `${access}/empty`, { addresses: [] });
  const { body } = await call('GET', '/api/v1/config/export?format=json');
  const { parse } = await import('yaml');
  const yaml = (await call('GET', '/api/v1/config/export')).body as string;
  const expected = {
    limits: { slow: { requests: 1, key: 'route' } },
    tcp: [{ id: 'db', fromPort: 1, backends: [{ id: 'backend-1', hostname: 'h', port: 2 }] }],
    certificates: [],
    web: { routes: [] },
    access: {
      lists: {
        feed: { file: 'feed.txt' },
        own: { addresses: ['::/0'] },
        api: { addresses: ['10.0.0.1', '2001:db8::'] },
        empty: { addresses: [] },
      },
    },
  };
  assert.deepEqual(body, expected);
  assert.deepEqual(parse(yaml), expected);
});

test('a list of the file comes into its normal form; a reload that says the same touches nothing', async (context) => {
  const { call, control, lists } = await startApi(context);
  const base = (): { access: Map<string, string[]> } => {
    return { access: new Map([['a', ['10.1.2.3/8', '::FFFF:192.0.2.1']]]) };
  };
  await takeInBase(control, base());
  const { revision } = lists;
  await takeInBase(control, base());
  assert.equal(lists.revision, revision);
  const { body } = await call('GET', `${access}/a`);
  assert.deepEqual((body as IAddressListInfo).addresses, ['10.0.0.0/8', '192.0.2.1']);
  const put = await call('PUT', `${access}/a`, { addresses: ['10.0.0.0/8', '192.0.2.1'] });
  assert.equal((put.body as IAddressListInfo).origin, 'file', 'it says what the file says');
});

test('rebase(): a list that is none is a problem of the base', async (context) => {
  const { control } = await startApi(context);
  const access = new Map([['a', ['10.0.0.1', 'nonsense']]]);
  const { problems, swap } = control.rebase({ routes: [], certificates: [], access });
  assert.deepEqual(
    problems.map(({ path }) => path),
    ['access[a].addresses[1]'],
  );
  swap();
  assert.equal(control.access.size, 0);
});

import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { IZoneView } from '../ts/api/zone-service.ts';
import type { IZoneInfo } from '../ts_interfaces/index.ts';
import { type IAnswer, startApi, takeInBase } from './fixtures/control-plane.ts';
import { BreakableStore } from './suites/breakable-store.ts';

const zones = '/api/v1/dns/zones';
const text = { 'content-type': 'text/dns' };

const small = {
  name: 'example.com',
  nameservers: ['ns1.example.net'],
  records: ['www 300 A 192.0.2.1', 'mail A 192.0.2.2'],
};

const masterFile = `$TTL 3600
@ IN SOA ns1 hostmaster 5 7200 3600 1209600 3600
@ NS ns1
ns1 A 192.0.2.1
web AAAA 2001:db8::1
`;

function problem({ status, body }: IAnswer, expected: number, code: string) {
  assert.equal(status, expected, JSON.stringify(body));
  const found = body as {
    code: string;
    detail: string;
    problems: { path: string; line?: number }[];
  };
  assert.equal(found.code, code, JSON.stringify(body));
  return found;
}

test('POST, GET, PUT, PATCH and DELETE /dns/zones/:zone', async (context) => {
  const { call, dns, control } = await startApi(context);
  const made = await call('POST', zones, small);
  assert.equal(made.status, 201, JSON.stringify(made.body));
  assert.equal(made.headers.get('location'), '/api/v1/dns/zones/example.com');
  const zone = made.body as IZoneView;
  assert.deepEqual(
    [zone.id, zone.view, zone.kind, zone.origin, zone.state, zone.records, zone.changed],
    ['example.com', null, 'primary', 'api', 'serving', 4, 0],
  );
  assert.deepEqual(zone.options, small);
  assert.equal(dns.book.get('example.com')?.state, 'serving');
  problem(await call('POST', zones, { ...small, name: 'EXAMPLE.com.' }), 409, 'ZONE_EXISTS');

  for (const selector of ['example.com', 'Example.COM.', 'example.com%2E']) {
    assert.equal((await call('GET', `${zones}/${selector}`)).status, 200, selector);
  }
  const read = await call('GET', `${zones}/example.com`);
  const tag = read.headers.get('etag') ?? '';
  const same = { 'if-none-match': tag };
  assert.equal((await call('GET', `${zones}/example.com`, undefined, same)).status, 304);
  const patched = await call(
    'PATCH',
    `${zones}/example.com`,
    { ttl: 60, records: ['www A 192.0.2.9'] },
    { 'if-match': tag },
  );
  assert.equal(patched.status, 200, JSON.stringify(patched.body));
  assert.equal((patched.body as IZoneView).options.ttl, 60);
  const late = await call('PATCH', `${zones}/example.com`, { ttl: 61 }, { 'if-match': tag });
  problem(late, 412, 'PRECONDITION_FAILED');
  const serial = (patched.body as IZoneView).serial ?? 0;
  assert.ok(serial > (zone.serial ?? 0), 'the serial rises with what is served');

  const put = await call('PUT', `${zones}/example.com`, { ...small, name: undefined });
  assert.equal(put.status, 200, JSON.stringify(put.body));
  assert.deepEqual((put.body as IZoneView).options, small);
  const other = await call('PUT', `${zones}/b%C3%BCcher.example`, {
    nameservers: ['ns.x.example'],
    records: [],
  });
  assert.equal(other.status, 201, JSON.stringify(other.body));
  assert.equal((other.body as IZoneView).id, 'xn--bcher-kva.example');
  assert.equal(control.zones.size, 2);
  problem(await call('PUT', `${zones}/example.org`, small), 422, 'ZONE_INVALID');
  problem(await call('PATCH', `${zones}/example.com`, { name: 'x.example' }), 422, 'ZONE_INVALID');

  assert.equal((await call('DELETE', `${zones}/example.com`)).status, 204);
  problem(await call('GET', `${zones}/example.com`), 404, 'ZONE_UNKNOWN');
  problem(await call('DELETE', `${zones}/example.com`), 404, 'ZONE_UNKNOWN');
  assert.equal(dns.book.get('example.com'), undefined);
});

test('views: NAME@VIEW is a zone of its own, and its names have to be known', async (context) => {
  const { call, process } = await startApi(context);
  const inner = { ...small, view: 'internal' };
  const unknown = problem(await call('POST', zones, inner), 422, 'ZONE_INVALID');
  assert.equal(unknown.problems[0]?.path, 'view');
  process.base = { dns: { views: [{ name: 'internal', clients: ['10.0.0.0/8'] }] } };
  await call('POST', zones, small);
  const made = await call('POST', zones, inner);
  assert.equal((made.body as IZoneView).id, 'example.com@internal');
  assert.equal(made.headers.get('location'), '/api/v1/dns/zones/example.com%40internal');
  const read = await call('GET', `${zones}/Example.com.@internal`);
  assert.equal((read.body as IZoneView).view, 'internal');
  const put = await call('PUT', `${zones}/example.org@internal`, {
    records: [],
    nameservers: ['n.x.example'],
  });
  assert.deepEqual([put.status, (put.body as IZoneView).id], [201, 'example.org@internal']);
  const moved = problem(
    await call('PATCH', `${zones}/example.com@internal`, { view: null }),
    422,
    'ZONE_INVALID',
  );
  assert.match(moved.detail, /Must stay as it is/);
  const peers = { ...small, name: 'a.example', transfer: ['key:none', '@nolist'] };
  const names = problem(await call('POST', zones, peers), 422, 'ZONE_INVALID');
  assert.deepEqual(names.problems.map(({ path }) => path).sort(), ['transfer[0]', 'transfer[1]']);
});

test('an address list that a zone or an option of DNS names is not taken away', async (context) => {
  const { call, process } = await startApi(context);
  await call('PUT', '/api/v1/access/friends', { addresses: ['192.0.2.0/24'] });
  await call('POST', zones, { ...small, transfer: ['@friends'] });
  const used = problem(await call('DELETE', '/api/v1/access/friends'), 409, 'IN_USE');
  assert.match(used.detail, /zone "example\.com" names it/);
  await call('DELETE', `${zones}/example.com`);
  process.base = { dns: { resolver: { clients: ['@friends'] } } };
  assert.match(
    problem(await call('DELETE', '/api/v1/access/friends'), 409, 'IN_USE').detail,
    /resolver\.clients/,
  );
  process.base = {};
  assert.equal((await call('DELETE', '/api/v1/access/friends')).status, 204);
});

test('a master file makes a zone, and an import replaces what is in it, all or nothing', async (context) => {
  const { call } = await startApi(context);
  problem(await call('POST', zones, masterFile, text), 400, 'REQUEST_INVALID');
  problem(await call('POST', `${zones}?name=example.com`, small), 400, 'REQUEST_INVALID');
  const made = await call('POST', `${zones}?name=example.com`, masterFile, text);
  assert.deepEqual([made.status, (made.body as IZoneView).serial], [201, 5]);
  const bad = masterFile.replace('2001:db8::1', '2001:db8::g');
  const refused = problem(
    await call('PUT', `${zones}/example.com/import`, bad, text),
    422,
    'ZONE_INVALID',
  );
  assert.equal(refused.problems[0]?.line, 5, JSON.stringify(refused.problems));
  const files = [
    ['no SOA', '@ NS ns1\n'],
    ['no NS', '@ 60 SOA ns h 1 1 1 1 1\n'],
    ['CNAME and other data', `${masterFile}web CNAME x\n`],
    ['an include', `${masterFile}$INCLUDE /etc/passwd\n`],
    ['bytes', '\u0000\u0001\ufffd'],
    ['a long word', `${masterFile}x TXT ${'a'.repeat(100_000)}\n`],
  ] as const;
  for (const [why, file] of files) {
    const answer = await call('PUT', `${zones}/example.com/import`, file, text);
    const { detail, problems } = problem(answer, 422, 'ZONE_INVALID');
    assert.ok(problems.length > 0, why);
    assert.doesNotMatch(detail + JSON.stringify(problems), /daemon:/);
  }
  const exported = await call('GET', `${zones}/example.com/export`);
  assert.match(String(exported.body), /^web\t3600\tIN\tAAAA\t2001:db8::1$/m);
  assert.match(exported.headers.get('content-type') ?? '', /^text\/dns; charset=utf-8$/);
  const next = masterFile.replace('web AAAA', 'new AAAA').replace('hostmaster 5', 'hostmaster 9');
  const done = await call('PUT', `${zones}/example.com/import`, next, {
    'content-type': 'text/plain; charset=utf-8',
  });
  assert.deepEqual([done.status, done.body], [200, { zone: 'example.com', serial: 9 }]);
  const again = String((await call('GET', `${zones}/example.com/export`)).body);
  assert.ok(!again.includes('\nweb') && again.includes('\nnew\t'), again);
  const reverted = await call('POST', `${zones}/example.com/revert`);
  assert.equal((reverted.body as { serial: number }).serial, 10);
  assert.match(String((await call('GET', `${zones}/example.com/export`)).body), /^web\t/m);
  problem(await call('PUT', `${zones}/none/import`, masterFile, text), 404, 'ZONE_UNKNOWN');
  problem(await call('PUT', `${zones}/example.com/import`, small), 415, 'UNSUPPORTED_MEDIA_TYPE');
  problem(await call('PUT', `${zones}/example.com/import`, '', text), 400, 'REQUEST_INVALID');
  problem(await call('PATCH', `${zones}/example.com`, 'x', text), 415, 'UNSUPPORTED_MEDIA_TYPE');
});

test('a master file that is no UTF-8 keeps its bytes', async (context) => {
  const { url, control, call } = await startApi(context);
  const { token } = await control.tokens.create({ name: 'w', scopes: ['write'] });
  const body = Buffer.from(`${masterFile}; gr\u00fcn\nt TXT "gr\u00fcn"\n`, 'latin1');
  const headers = { ...text, authorization: `Bearer ${token}` };
  const made = await fetch(`${url}${zones}?name=example.com`, { method: 'POST', headers, body });
  assert.equal(made.status, 201, await made.text());
  const { body: set } = await call('GET', `${zones}/example.com/records/t/TXT`);
  assert.deepEqual((set as { data: string[] }).data, ['"gr\\252n"']);
});

test('a zone that is deleted and made again has nothing of the one before', async (context) => {
  const { call } = await startApi(context);
  await call('POST', zones, small);
  await call('PUT', `${zones}/example.com/records/extra/A`, { data: '192.0.2.7' });
  const other = masterFile.replace('web', 'old');
  await call('PUT', `${zones}/example.com/import`, other, text);
  await call('PUT', `${zones}/example.com/records/more/A`, { data: '192.0.2.7' });
  const before = (await call('GET', `${zones}/example.com`)).body as IZoneView;
  await call('DELETE', `${zones}/example.com`);
  const after = (await call('POST', zones, small)).body as IZoneView;
  assert.deepEqual([after.records, after.changed], [4, 0]);
  assert.ok((after.serial ?? 0) > (before.serial ?? 0), 'secondaries must take it');
});

test('the file’s zones: changed over, removed for good, and back again', async (context) => {
  const { call, control } = await startApi(context);
  const base = { zones: [small] };
  await takeInBase(control, base);
  assert.equal(((await call('GET', `${zones}/example.com`)).body as IZoneView).origin, 'file');
  await call('PATCH', `${zones}/example.com`, { ttl: 5 });
  const over = (await call('GET', `${zones}/example.com`)).body as IZoneView;
  assert.deepEqual([over.origin, over.options.ttl], ['api-over-file', 5]);
  await call('DELETE', `${zones}/example.com`);
  await takeInBase(control, base);
  problem(await call('GET', `${zones}/example.com`), 404, 'ZONE_UNKNOWN');
  assert.equal((await call('PUT', `${zones}/example.com`, small)).status, 201);
  assert.equal(((await call('GET', `${zones}/example.com`)).body as IZoneView).origin, 'file');
});

test('a zone of the API names no file but that of the configuration', async (context) => {
  const { call, control } = await startApi(context);
  const folder = await mkdtemp(join(tmpdir(), 'dcrouter-zones-'));
  context.after(() => rm(folder, { recursive: true }));
  const file = join(folder, 'a.zone');
  await writeFile(file, masterFile);
  await takeInBase(control, { zones: [{ name: 'a.example', file }] });
  for (const [method, path, body] of [
    ['POST', zones, { name: 'b.example', file: '/etc/passwd' }],
    ['PUT', `${zones}/b.example`, { file }],
    ['PUT', `${zones}/a.example`, { file: 'b.zone' }],
    ['PATCH', `${zones}/a.example`, { file: '/etc/passwd' }],
  ] as const) {
    const { problems } = problem(await call(method, path, body), 422, 'ZONE_INVALID');
    assert.deepEqual(
      problems?.map(({ path: place }) => place),
      ['file'],
    );
  }
  const changed = await call('PATCH', `${zones}/a.example`, { transfer: ['any'] });
  assert.equal((changed.body as IZoneView).options?.file, file);
  await call('DELETE', `${zones}/a.example`);
  assert.equal((await call('PUT', `${zones}/a.example`, { file })).status, 201);
});

test('GET /dns/zones: pages, filters; secondaries that serve nothing are in the status', async (context) => {
  const { call, dns } = await startApi(context);
  await call('POST', zones, small);
  const secondary = { name: 'b.example', primaries: [{ address: '192.0.2.53' }] };
  assert.equal((await call('POST', zones, secondary)).status, 201);
  const first = (await call('GET', `${zones}?limit=1`)).body as {
    items: IZoneInfo[];
    nextCursor: string;
    total: number;
  };
  assert.deepEqual([first.items[0]?.id, first.total], ['b.example', 2]);
  const next = await call('GET', `${zones}?limit=1&cursor=${first.nextCursor}`);
  assert.equal((next.body as typeof first).items[0]?.id, 'example.com');
  const loading = (await call('GET', `${zones}?state=loading`)).body as typeof first;
  assert.deepEqual(
    loading.items.map(({ id, kind }) => `${id} ${kind}`),
    ['b.example secondary'],
  );
  assert.equal(((await call('GET', `${zones}?q=COM`)).body as typeof first).total, 1);
  problem(await call('GET', `${zones}?cursor=x`), 400, 'REQUEST_INVALID');
  const status = (await call('GET', '/api/v1/status')).body as {
    zones: number;
    problems: { path: string; message: string }[];
  };
  assert.equal(status.zones, 2);
  assert.deepEqual(
    status.problems.map(({ path }) => path),
    ['zones[b.example]'],
  );
  assert.match(status.problems[0]?.message ?? '', /SERVFAIL/);

  problem(await call('GET', `${zones}/b.example/export`), 409, 'ZONE_EMPTY');
  problem(await call('PUT', `${zones}/b.example/import`, masterFile, text), 422, 'ZONE_INVALID');
  assert.equal((await call('POST', `${zones}/b.example/retransfer`)).status, 200);
  assert.equal((await call('POST', `${zones}/b.example/retransfer?whole=false`)).status, 200);
  assert.deepEqual(dns.fetched, ['b.example true', 'b.example false']);
  problem(await call('POST', `${zones}/example.com/retransfer`), 422, 'ZONE_INVALID');
  assert.equal((await call('POST', `${zones}/example.com/notify`)).status, 202);
  assert.deepEqual(dns.told, ['example.com']);
  problem(await call('POST', `${zones}/none/notify`), 404, 'ZONE_UNKNOWN');
});

test('what a store does not take has not happened', async (context) => {
  const store = new BreakableStore();
  const { call, dns } = await startApi(context, { store });
  await call('POST', zones, small);
  store.failure = Object.assign(new Error('disk full'), { code: 'ENOSPC' });
  assert.ok((await call('POST', zones, { ...small, name: 'b.example' })).status >= 500);
  assert.ok(
    (await call('PUT', `${zones}/example.com/records/x/A`, { data: '192.0.2.1' })).status >= 500,
  );
  assert.ok((await call('DELETE', `${zones}/example.com`)).status >= 500);
  store.failure = null;
  assert.equal(dns.book.get('b.example'), undefined);
  assert.equal((await call('GET', `${zones}/example.com/records/x/A`)).status, 404);
  assert.equal((await call('POST', zones, { ...small, name: 'b.example' })).status, 201);
});

test('hostile zones are refused, and nothing is there afterwards', async (context) => {
  const { call, control } = await startApi(context);
  const bad: [path: string, input: unknown][] = [
    ['', []],
    ['', '"x"'],
    ['name', { ...small, name: 'a..b' }],
    ['name', { ...small, name: `${'a'.repeat(64)}.example` }],
    ['name', { ...small, name: 'x\u0000y.example' }],
    ['name', { ...small, name: 'a b.example' }],
    ['name', { ...small, name: 5 }],
    ['name', { ...small, name: '192.0.2.1' }],
    ['records', { name: 'a.example' }],
    ['recods', { ...small, recods: [] }],
    ['records[0]', { ...small, records: ['$INCLUDE /etc/passwd'] }],
    ['records[0]', { ...small, records: ['www A\u0007 192.0.2.1'] }],
    ['records[0]', { ...small, records: [{ name: 'www', type: 'A' }] }],
    ['records[1]', { ...small, records: ['www A 192.0.2.1', 'bad A 192.0.2.300'] }],
    ['nameservers', { ...small, primaries: [{ address: '192.0.2.1' }] }],
    ['records', { name: 'noserver.example', records: ['www A 192.0.2.1'] }],
  ];
  for (const [path, input] of bad) {
    const { problems } = problem(await call('POST', zones, input), 422, 'ZONE_INVALID');
    const isThere = problems.some((one) => one.path.startsWith(path));
    assert.ok(isThere || path === 'records', `${path}: ${JSON.stringify(problems)}`);
  }
  for (const selector of ['%00', 'a..b', '%2F', 'x'.repeat(3_000), '@', '@x', '..', '%FF']) {
    const { status } = await call('GET', `${zones}/${selector}`);
    assert.ok(status === 404 || status === 400, `${selector}: ${status}`);
  }
  assert.equal(control.zones.size, 0);
});

test('scopes: reading changes nothing', async (context) => {
  const { call, as } = await startApi(context);
  await call('POST', zones, small);
  const reader = await as('read');
  assert.equal((await reader('GET', `${zones}/example.com/export`)).status, 200);
  const wanted = [
    ['POST', zones],
    ['DELETE', `${zones}/example.com`],
    ['PUT', `${zones}/example.com/import`],
    ['PUT', `${zones}/example.com/records/www/A`],
    ['POST', `${zones}/example.com/revert`],
    ['POST', `${zones}/example.com/dnssec/roll`],
    ['DELETE', '/api/v1/dns/cache'],
    ['PUT', '/api/v1/dns/owned'],
  ] as const;
  for (const [method, path] of wanted) {
    assert.equal((await reader(method, path)).status, 403, `${method} ${path}`);
  }
});

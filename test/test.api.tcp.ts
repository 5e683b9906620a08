import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseTcpEntry } from '../ts/config/parse.ts';
import type { DcError } from '../ts/core/errors.ts';
import { MemoryStore } from '../ts/storage/memory-store.ts';
import type { IDomainConfig, IPortProxySettings, ITcpEntryInfo } from '../ts_interfaces/index.ts';
import { type IAnswer, makeControl, startApi, takeInBase } from './fixtures/control-plane.ts';
import { BreakableStore } from './suites/breakable-store.ts';

const tcp = '/api/v1/tcp';

const database = { id: 'db', fromPort: 5432, backends: [{ hostname: '10.0.0.1', port: 5432 }] };

interface IProblemBody {
  code: string;
  detail: string;
  problems: { path: string; message: string }[];
}

function problem({ status, body }: IAnswer, expected: number, code: string): IProblemBody {
  assert.equal(status, expected, JSON.stringify(body));
  const found = body as IProblemBody;
  assert.equal(found.code, code);
  return found;
}

test('POST /tcp: 201 when it is stored and live; the id comes from the port', async (context) => {
  const made = await startApi(context);
  const { call, store } = made;
  const added = await call('POST', tcp, { fromPort: 5432, toPort: '10.0.0.1:5432' });
  assert.equal(added.status, 201, JSON.stringify(added.body));
  assert.equal(added.headers.get('location'), `${tcp}/tcp-5432`);
  const entry = added.body as ITcpEntryInfo;
  assert.deepEqual([entry.id, entry.origin, entry.forwardedBy], ['tcp-5432', 'api', 'user']);
  assert.deepEqual(entry.listening, [{ address: '::', port: 5432 }]);
  assert.equal(entry.stats.total, 2);
  assert.ok(made.tcp.live.has('tcp-5432'));
  assert.equal(made.tcp.open.size, 0);
  assert.equal((await store.entries('tcp')).length, 1);
  assert.deepEqual(made.acknowledged, [1], 'acknowledged when every process serves it');
});

test('POST /tcp: refused entries leave nothing behind', async (context) => {
  const store = new BreakableStore();
  const made = await startApi(context, { store });
  const { call } = made;
  const bad = problem(await call('POST', tcp, { fromPort: 65_536, toPort: 1 }), 422, 'TCP_INVALID');
  assert.deepEqual([bad.problems[0]?.path], ['fromPort']);
  problem(await call('POST', tcp, []), 422, 'TCP_INVALID');
  made.tcp.taken.add(5432);
  const busy = problem(await call('POST', tcp, database), 422, 'LISTEN_FAILED');
  assert.match(busy.detail, /"postgres" \(pid 42\) has it/);
  made.tcp.taken.clear();
  store.failure = Object.assign(new Error('disk full'));
  assert.equal((await call('POST', tcp, database)).status, 500);
  store.failure = null;
  assert.deepEqual([made.tcp.live.size, made.tcp.open.size, made.control.tcp.size], [0, 0, 0]);
  assert.equal((await call('POST', tcp, database)).status, 201);
  problem(await call('POST', tcp, database), 409, 'TCP_EXISTS');
});

test('POST /tcp: a port that one of ours has is refused by the name of who has it', async (context) => {
  const { call, process, control } = await startApi(context);
  process.base = { api: { enabled: true, port: 7700 } };
  await takeInBase(control, {
    tcp: [parseTcpEntry({ ...database, globalPortRanges: ['6000-6010'] })],
  });
  const cases: [object, RegExp][] = [
    [{ fromPort: 8080, toPort: 1 }, /port 8080: the entrypoint "http" has it/],
    [{ fromPort: 7700, toPort: 1 }, /port 7700: the management port has it/],
    [{ fromPort: 6005, toPort: 1 }, /port 6005: TCP entry "db" has it/],
    [{ globalPortRanges: ['5000-5500'], toPort: 1 }, /port 5432: TCP entry "db" has it/],
    [{ address: '127.0.0.1', fromPort: 5432, toPort: 1 }, /TCP entry "db" has it/],
  ];
  for (const [input, message] of cases) {
    const { detail } = problem(await call('POST', tcp, input), 409, 'TCP_EXISTS');
    assert.match(detail, message);
  }
  assert.equal(
    (await call('POST', tcp, { fromPort: 6005, protocol: 'udp', toPort: 1 })).status,
    201,
  );
  assert.equal(
    (await call('POST', tcp, { fromPort: 5432, enabled: false, toPort: 1 })).status,
    201,
  );
  assert.equal((await call('POST', tcp, { id: 'x', fromPort: 0, toPort: 1 })).status, 201);
  assert.equal((await call('POST', tcp, { id: 'y', fromPort: 0, toPort: 1 })).status, 201);
  assert.equal((await call('PATCH', `${tcp}/db`, { retries: 1 })).status, 200, 'not with itself');
});

test('GET, PUT and PATCH /tcp/:id: what was read can be sent back; If-Match; origins', async (context) => {
  const { call, control } = await startApi(context);
  await takeInBase(control, { tcp: [parseTcpEntry(database)] });
  const read = await call('GET', `${tcp}/db`);
  assert.equal((read.body as ITcpEntryInfo).origin, 'file');
  const tag = read.headers.get('etag') ?? '';
  assert.equal((await call('GET', `${tcp}/db`, undefined, { 'if-none-match': tag })).status, 304);
  const patched = await call('PATCH', `${tcp}/db`, { connectionsMax: 5 }, { 'if-match': tag });
  assert.equal((patched.body as ITcpEntryInfo).origin, 'api-over-file');
  problem(
    await call('PUT', `${tcp}/db`, read.body, { 'if-match': tag }),
    412,
    'PRECONDITION_FAILED',
  );
  const back = await call('PUT', `${tcp}/db`, read.body);
  assert.deepEqual([back.status, (back.body as ITcpEntryInfo).origin], [200, 'file']);
  assert.equal((await call('PUT', `${tcp}/new`, { fromPort: 1, toPort: 2 })).status, 201);
  const renamed = problem(
    await call('PUT', `${tcp}/new`, { ...database, fromPort: 1 }),
    422,
    'TCP_INVALID',
  );
  assert.equal(renamed.problems[0]?.path, 'id');
  problem(await call('PATCH', `${tcp}/none`, {}), 404, 'TCP_UNKNOWN');
  problem(await call('PATCH', `${tcp}/db`, [1]), 422, 'TCP_INVALID');
  problem(await call('PUT', `${tcp}/x`, database, { 'if-match': '*' }), 412, 'PRECONDITION_FAILED');
  assert.equal((await call('DELETE', `${tcp}/db`)).status, 204);
  problem(await call('DELETE', `${tcp}/db`), 404, 'TCP_UNKNOWN');
  assert.deepEqual(
    (await control.tcp.list()).items.map(({ id }) => id),
    ['new'],
  );
});

test('health options of an entry survive being read and sent back; secrets are masked', async (context) => {
  const { call, tcp: live } = await startApi(context);
  const entry = {
    ...database,
    health: { failuresMax: 3 },
    backends: [{ hostname: 'h', port: 1, tls: { verify: false } }],
  };
  const { body } = await call('POST', tcp, entry);
  await call('PUT', `${tcp}/db`, body);
  assert.deepEqual(live.live.get('db')?.health, { failuresMax: 3 });
  assert.deepEqual((await call('GET', tcp)).body, {
    items: [(await call('GET', `${tcp}/db`)).body],
    total: 1,
    nextCursor: null,
  });
});

test('/tcp/:id/domains: by id or by domain; added, replaced, removed', async (context) => {
  const { call, control } = await startApi(context);
  await call('POST', tcp, { id: 'tls', fromPort: 443, toPort: 'fallback.internal' });
  const domains = `${tcp}/tls/domains`;
  const added = await call('POST', domains, {
    domains: ['A.example.com', '*.b.example'],
    toPort: 'a:1',
  });
  assert.deepEqual([added.status, (added.body as IDomainConfig).id], [201, 'a.example.com']);
  assert.equal(added.headers.get('location'), `${domains}/a.example.com`);
  assert.deepEqual((await call('GET', `${domains}/*.b.example`)).body, added.body);
  problem(
    await call('POST', domains, { id: 'a.example.com', protocol: 'ssh', toPort: 22 }),
    409,
    'TCP_EXISTS',
  );
  const twin = await call('POST', domains, { domains: ['a.example.com'], toPort: 1 });
  assert.equal(twin.status >= 400, true, 'the same domain twice');
  problem(await call('POST', domains, 'null'), 422, 'TCP_INVALID');
  problem(await call('POST', `${tcp}/none/domains`, {}), 404, 'TCP_UNKNOWN');
  const tag = added.headers.get('etag') ?? '';
  const put = { domains: ['a.example.com'], backends: [{ hostname: 'h', port: 1 }] };
  const replaced = await call('PUT', `${domains}/a.example.com`, put, { 'if-match': tag });
  assert.equal(replaced.status, 200, JSON.stringify(replaced.body));
  problem(
    await call('PUT', `${domains}/a.example.com`, put, { 'if-match': tag }),
    412,
    'PRECONDITION_FAILED',
  );
  assert.equal((await call('PUT', `${domains}/ssh`, { protocol: 'ssh', toPort: 22 })).status, 201);
  assert.equal((await call('PUT', `${domains}/a.example.com`, replaced.body)).status, 200);
  const listed = (await call('GET', domains)).body as { items: IDomainConfig[]; total: number };
  assert.deepEqual(
    listed.items.map(({ id }) => id),
    ['a.example.com', 'ssh'],
  );
  assert.equal((await call('DELETE', `${domains}/a.example.com`)).status, 204);
  assert.equal((await call('DELETE', `${domains}/ssh`)).status, 204);
  problem(await call('DELETE', `${domains}/ssh`), 404, 'TCP_UNKNOWN');
  assert.equal(control.tcp.config('tls').domainConfigs, undefined);
});

test('/tcp/:id/ranges: added and removed; the last port stays', async (context) => {
  const { call, tcp: live } = await startApi(context);
  await call('POST', tcp, { id: 'games', globalPortRanges: [6000], toPort: 'games.internal' });
  const ranges = `${tcp}/games/ranges`;
  const added = await call('POST', ranges, '"6001-6010"');
  assert.deepEqual([added.status, added.body], [201, { from: 6001, to: 6010 }]);
  assert.equal((await call('POST', ranges, { from: 7000, to: 7000 })).status, 201);
  const overlap = problem(await call('POST', ranges, '6005'), 422, 'TCP_INVALID');
  assert.match(overlap.detail, /overlap/);
  for (const bad of ['"x"', '0', '65536', '"9-1"', '{}', 'null']) {
    problem(await call('POST', ranges, bad), 422, 'TCP_INVALID');
  }
  assert.deepEqual((await call('GET', ranges)).body, {
    items: [
      { from: 6000, to: 6000 },
      { from: 6001, to: 6010 },
      { from: 7000, to: 7000 },
    ],
    total: 3,
  });
  problem(await call('DELETE', `${ranges}/6001-6005`), 404, 'TCP_UNKNOWN');
  assert.equal((await call('DELETE', `${ranges}/6001-6010`)).status, 204);
  assert.equal((await call('DELETE', `${ranges}/7000`)).status, 204);
  problem(await call('DELETE', `${ranges}/6000`), 422, 'TCP_INVALID');
  assert.deepEqual(live.live.get('games')?.globalPortRanges, [{ from: 6000, to: 6000 }]);
});

test('POST /tcp/:id/backends/:backend/dead: outlives restarts, and is forgotten with the backend', async (context) => {
  const store = new MemoryStore();
  const { call, tcp: live, api } = await startApi(context, { store });
  const domainConfigs = [{ domains: ['a.example'], backends: [{ hostname: 'h', port: 1 }] }];
  await call('POST', tcp, { ...database, domainConfigs });
  const dead = await call('POST', `${tcp}/db/backends/backend-1/dead`);
  assert.deepEqual([dead.status, (dead.body as { isDead: boolean }).isDead], [200, true]);
  await call('POST', `${tcp}/db/backends/backend-1/dead?domain=a.example`);
  assert.deepEqual([...live.dead], ['tcp:db backend-1', 'tcp:db/a.example backend-1']);
  const { body } = await call('GET', `${tcp}/db`);
  const view = body as ITcpEntryInfo;
  assert.deepEqual([view.backends?.[0]?.isDead, view.backends?.[0]?.maintenance], [true, true]);
  problem(await call('POST', `${tcp}/db/backends/none/dead`), 404, 'BACKEND_UNKNOWN');
  problem(await call('POST', `${tcp}/none/backends/x/alive`), 404, 'TCP_UNKNOWN');
  await call('POST', `${tcp}/db/domains`, {
    domains: ['c.example'],
    backends: [{ id: 'own', hostname: 'h', port: 2 }],
  });
  const elsewhere = await call('POST', `${tcp}/db/backends/own/dead`);
  assert.match(problem(elsewhere, 404, 'BACKEND_UNKNOWN').detail, /"db" .*\?domain=c\.example/);
  await api.stop();
  await store.close();

  const next = await makeControl(store);
  await takeInBase(next.control, {});
  assert.deepEqual([...next.tcp.dead], [...live.dead]);
  await next.control.tcpParts.removeDomain('db', 'a.example');
  await next.control.tcp.mark('db', null, 'backend-1', 'alive');
  assert.deepEqual(await store.entries('maintenance'), []);
});

test('a reload: overlay entries whose ports are taken are disabled and come back', async (context) => {
  const { call, control, tcp: live } = await startApi(context);
  await call('POST', tcp, { id: 'api', fromPort: 5432, toPort: 1 });
  await takeInBase(control, { tcp: [parseTcpEntry(database)] });
  const { problems } = await control.status();
  assert.match(problems[0]?.message ?? '', /TCP entry "db" has port 5432/);
  assert.equal(problems[0]?.path, 'tcp[api].fromPort');
  assert.deepEqual([...live.live.keys()], ['db']);
  const gone = problem(await call('GET', `${tcp}/api`), 404, 'TCP_UNKNOWN');
  assert.match(gone.detail, /disabled/);
  await takeInBase(control, {});
  assert.deepEqual([...live.live.keys()], ['api']);
  const ports = [{ holder: 'the entrypoint "web"', port: 5432 }];
  const rebase = control.rebase({ routes: [], certificates: [] }, { ports });
  assert.deepEqual(rebase.tcp, { set: [], removed: ['api'] });
});

test('a reload: an overlay entry that cannot be bound is disabled, one of the file refuses it', async (context) => {
  const { call, control, tcp: live } = await startApi(context);
  await call('POST', tcp, { id: 'api', fromPort: 1111, toPort: 1 });
  const file = (id: string, fromPort: number): IPortProxySettings =>
    parseTcpEntry({ id, fromPort, toPort: 1 });
  live.taken.add(2222);
  await assert.rejects(
    takeInBase(control, { tcp: [file('x', 2222)] }),
    (error: DcError) => error.code === 'LISTEN_FAILED',
  );
  assert.deepEqual([...live.live.keys()], ['api'], 'nothing has changed');
  assert.equal(live.open.size, 0);

  const store = new BreakableStore();
  await store.open();
  const stored = JSON.parse(JSON.stringify(file('busy', 2222)));
  await store.write([{ collection: 'tcp', key: 'busy', value: stored }]);
  await store.close();
  const next = await makeControl(store);
  next.tcp.taken.add(2222);
  await takeInBase(next.control, { tcp: [file('x', 3333)] });
  assert.deepEqual([...next.tcp.live.keys()], ['x']);
  assert.match((await next.control.status()).problems[0]?.message ?? '', /postgres/);
  next.tcp.taken.clear();
  await takeInBase(next.control, { tcp: [file('x', 3333)] });
  assert.deepEqual([...next.tcp.live.keys()].sort(), ['busy', 'x']);
});

test('rebase: discard closes what was prepared, and swap without prepare is a fault of ours', async () => {
  const { control, tcp: live } = await makeControl();
  await takeInBase(control, {});
  const base = { routes: [], certificates: [], tcp: [parseTcpEntry(database)] };
  const rebase = control.rebase(base);
  await rebase.prepare();
  assert.equal(live.open.size, 1);
  await rebase.discard();
  await rebase.discard();
  assert.equal(live.open.size, 0);
  assert.throws(() => control.rebase(base).swap(), /were not prepared/);
});

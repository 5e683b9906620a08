import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DcError } from '../ts/core/errors.ts';
import type { IConnectionInfo } from '../ts_interfaces/index.ts';
import { startApi } from './fixtures/control-plane.ts';

const connections = '/api/v1/connections';

function connection(id: string, more: Partial<IConnectionInfo> = {}): IConnectionInfo {
  return {
    id,
    protocol: 'tcp',
    client: '192.0.2.1:4711',
    entrypoint: 'db',
    port: 5432,
    route: null,
    backend: '10.0.0.1:5432',
    serverName: null,
    openedAt: '2026-01-01T00:00:00.000Z',
    ageSeconds: 1,
    idleSeconds: 0,
    bytesIn: 1,
    bytesOut: 2,
    worker: null,
    ...more,
  };
}

const idsOf = (body: unknown): string[] => {
  return (body as { items: IConnectionInfo[] }).items.map(({ id }) => id);
};

test('GET /connections: the oldest first, page after page, while connections come and go', async (context) => {
  const { call, connections: live } = await startApi(context);
  for (let at = 0; at < 5; at++) {
    live.open.unshift(connection(`${at}`, { openedAt: `2026-01-01T00:00:0${at}.000Z` }));
  }
  const first = await call('GET', `${connections}?limit=2`);
  assert.deepEqual(idsOf(first.body), ['0', '1']);
  assert.match(first.headers.get('link') ?? '', /rel="next"/);
  const { nextCursor: cursor } = first.body as { nextCursor: string };
  await live.close('1');
  const second = await call('GET', `${connections}?limit=2&cursor=${cursor}`);
  assert.deepEqual(idsOf(second.body), ['2', '3']);
  assert.equal((second.body as { total: number }).total, 4);
});

test('GET /connections: by protocol, client, entrypoint and backend', async (context) => {
  const { call, connections: live } = await startApi(context);
  live.open.push(
    connection('a'),
    connection('b', { client: '[2001:db8::1]:99', protocol: 'https', entrypoint: 'https' }),
    connection('c', { client: '10.1.2.3:5', backend: null }),
  );
  const cases: [query: string, ids: string[]][] = [
    ['protocol=https', ['b']],
    ['client=192.0.2.1', ['a']],
    ['client=10.0.0.0/8', ['c']],
    ['client=2001:DB8::/32', ['b']],
    ['entrypoint=db', ['a', 'c']],
    ['backend=10.0.0.1:5432', ['a', 'b']],
    ['backend=10.0.0.1:5432&protocol=tcp', ['a']],
  ];
  for (const [query, ids] of cases) {
    assert.deepEqual(idsOf((await call('GET', `${connections}?${query}`)).body), ids, query);
  }
  for (const query of ['protocol=quic', 'client=example.com', 'client=10.0.0.0/99', 'x=1']) {
    assert.equal((await call('GET', `${connections}?${query}`)).status, 400, query);
  }
});

test('DELETE /connections/:id: closed, by whoever may write', async (context) => {
  const { call, as, connections: live } = await startApi(context);
  live.open.push(connection('w1/17'));
  assert.equal((await call('GET', `${connections}/w1%2F17`)).status, 200);
  const reader = await as('read');
  assert.equal((await reader('DELETE', `${connections}/w1%2F17`)).status, 403);
  const writer = await as('write');
  assert.equal((await writer('DELETE', `${connections}/w1%2F17`)).status, 204);
  assert.equal(live.open.length, 0);
  const gone = await writer('DELETE', `${connections}/w1%2F17`);
  assert.deepEqual(
    [gone.status, (gone.body as { code: string }).code],
    [404, 'CONNECTION_UNKNOWN'],
  );
  assert.equal((await call('GET', `${connections}/x`)).status, 404);
});

test('POST /reload with binary: 202 and the new process, or why not', async (context) => {
  const { call, as, process } = await startApi(context);
  process.configFile = '/etc/dcrouter.yaml';
  const reload = '/api/v1/reload';
  const cannot = await call('POST', reload, { binary: true });
  assert.deepEqual(
    [cannot.status, (cannot.body as { code: string }).code],
    [409, 'NO_BINARY_RELOAD'],
  );
  for (const code of ['NOT_RUNNING', 'WORKER_FAILED'] as const) {
    process.reloadBinary = () => Promise.reject(new DcError(code, 'Another one is under way'));
    const { status, body } = await call('POST', reload, { binary: true });
    const { detail } = body as { detail: string };
    assert.deepEqual([status, detail], [409, 'Another one is under way']);
  }
  process.reloadBinary = async () => ({ pid: 4711 });
  const done = await call('POST', reload, { binary: true });
  assert.deepEqual([done.status, done.body], [202, { pid: 4711 }]);
  assert.equal(process.reloads, 0);
  assert.equal((await call('POST', reload, { binary: false })).status, 200);
  assert.equal((await call('POST', reload)).status, 200);
  assert.equal((await call('POST', reload, { binray: true })).status, 422);
  const writer = await as('write');
  assert.equal((await writer('POST', reload, { binary: true })).status, 403);
});

test('GET /status and /stats: workers, and numbers of all planes', async (context) => {
  const { call, process } = await startApi(context);
  process.running = [
    {
      worker: 1,
      pid: 42,
      state: 'serving',
      restarts: 0,
      startedAt: '2026-01-01T00:00:00.000Z',
      connections: 3,
      rssBytes: 1,
    },
  ];
  await call('POST', '/api/v1/tcp', { fromPort: 1, toPort: 2 });
  const { body } = await call('GET', '/api/v1/status');
  const { workers, tcp, access, limits } = body as Record<string, unknown>;
  assert.deepEqual([workers, tcp, access, limits], [process.running, 1, 0, 0]);
  const stats = (await call('GET', '/api/v1/stats')).body as { tcp: object };
  assert.deepEqual(Object.keys(stats.tcp), [
    'open',
    'total',
    'refused',
    'failed',
    'bytesIn',
    'bytesOut',
  ]);
});

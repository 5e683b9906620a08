import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { type TestContext, test } from 'node:test';
import { systemClock } from '../ts/core/clock.ts';
import { ManualClock } from '../ts/core/manual-clock.ts';
import { BackendNames } from '../ts/proxy/backend-names.ts';
import { ResolverNames } from '../ts/proxy/name-source.ts';
import { networkProbe } from '../ts/proxy/probe.ts';
import type { Backend, IHealthOptions } from '../ts_interfaces/index.ts';
import { FakeResolver, settle } from './suites/names.ts';
import { eventually, startEcho, startTcp, TcpClient } from './suites/tcp.ts';
import { askText, echo, udpForwarder, udpSocket } from './suites/udp.ts';
import { Client, closedPort, routeTo, startOrigin, startProxy } from './suites/web.ts';

/** Names that a test decides about, and whose time it moves. */
function named() {
  const resolver = new FakeResolver();
  const clock = new ManualClock();
  const names = new BackendNames({ clock, source: new ResolverNames(resolver), random: () => 0 });
  return { resolver, clock, names };
}

/** An HTTP server on one address of the loopback; it says its address, and counts connections. */
async function origin(context: TestContext, host: string, port = 0) {
  const held: http.ServerResponse[] = [];
  const seen = { open: 0, total: 0, hosts: [] as (string | undefined)[], held };
  const server = http.createServer((request, response) => {
    seen.hosts.push(request.headers.host);
    if (request.url === '/held') held.push(response);
    else response.end(host);
  });
  server.on('connection', (socket) => {
    seen.open++;
    seen.total++;
    socket.on('close', () => seen.open--);
  });
  server.listen(port, host);
  await once(server, 'listening');
  context.after(() => {
    server.close();
    server.closeAllConnections();
  });
  return { ...seen, seen, server, port: (server.address() as AddressInfo).port };
}

const [one, two] = ['127.0.0.11', '127.0.0.12'] as const;

test('a name that leads elsewhere: new requests go there, idle connections close, open requests finish', async (t) => {
  const { resolver, clock, names } = named();
  const first = await origin(t, one);
  const second = await origin(t, two, first.port);
  resolver.addresses('app.test', [one], 30);
  const { proxy, port } = await startProxy(t, {}, { names });
  proxy.router.addRoute(routeTo([{ id: 'b', hostname: 'app.test', port: first.port }]));
  const [client, other] = [await Client.open(t, port), await Client.open(t, port)];
  other.send({ path: '/held' });
  await eventually(() => first.held.length === 1);
  assert.equal((await client.ask()).body, one);
  assert.equal((await client.ask()).body, one);
  assert.deepEqual([first.seen.open, resolver.count('app.test')], [2, 2]);

  resolver.addresses('app.test', [two], 30);
  clock.advance(30_000);
  await settle();
  await eventually(() => first.seen.open === 1, 'the idle connection closes');
  assert.equal((await client.ask()).body, two);
  assert.deepEqual([first.seen.open, second.seen.total], [1, 1]);
  first.held[0]?.end('late');
  assert.equal((await other.reply()).body, 'late');
  await eventually(() => first.seen.open === 0, 'its connection is not kept');
  assert.equal((await other.ask()).body, two);
  assert.deepEqual(new Set(second.seen.hosts), new Set(['a.test']));
});

test('an address that refuses is passed over within the attempt, and is nobody’s failure', async (t) => {
  const { resolver, names } = named();
  const good = await origin(t, one);
  resolver.addresses('app.test', [two, '127.0.0.13', one]);
  const { proxy, port } = await startProxy(t, {}, { names });
  const backend = { id: 'b', hostname: 'app.test', port: good.port };
  const route = proxy.router.addRoute(
    routeTo([backend], { retry: { attempts: 0 }, keepAliveMax: 0 }),
  );
  const client = await Client.open(t, port);
  for (let turn = 0; turn < 4; turn++) {
    const { status, body } = await client.ask({ method: 'POST', body: 'x' });
    assert.deepEqual([status, body], [200, one]);
  }
  assert.deepEqual([route.endpoints[0]?.failureCount, route.counter.retries], [0, 0]);
  assert.equal(
    names.use('app.test').places.filter(({ avoidedUntil }) => avoidedUntil > 0).length,
    2,
  );
  // When all refuse, it is the backend's.
  resolver.addresses('none.test', [two, '127.0.0.13']);
  proxy.router.addRoute(
    routeTo([{ id: 'b', hostname: 'none.test', port: good.port }], { id: 'n', vHost: 'n.test' }),
  );
  assert.equal((await client.ask({ host: 'n.test' })).status, 503);
});

test('a name that nobody knows: 502, at once when that is said, else after connectMs', async (t) => {
  const { resolver, names } = named();
  const reasons: unknown[] = [];
  const { proxy, port } = await startProxy(t, { timeouts: { connectMs: 300 } }, { names });
  proxy.events.on('backend.dead', ({ reason }) => reasons.push(reason));
  const health = { failuresMax: 100 };
  const backend = { id: 'b', hostname: 'nowhere.test', port: 80 };
  proxy.router.addRoute(routeTo([backend], { health }));
  const silent = { id: 'b', hostname: 'silent.test', port: 80 };
  proxy.router.addRoute(
    routeTo([silent], { id: 's', vHost: 's.test', health: { failuresMax: 1 } }),
  );
  resolver.answer('silent.test', 'A', () => new Promise(() => undefined));
  const client = await Client.open(t, port);
  const { status, body } = await client.ask();
  assert.deepEqual([status, /BAD_GATEWAY/.test(body)], [502, true]);
  const began = performance.now();
  assert.equal((await client.ask({ host: 's.test' })).status, 503, 'its only backend is dead now');
  assert.ok(performance.now() - began >= 250);
  assert.deepEqual(reasons, ['EAI_AGAIN']);
  assert.equal(names.use('silent.test').waiters.size, 0);
});

test('a backend by SRV: its target and port; Host and certificate are those of the domain', async (t) => {
  const { resolver, clock, names } = named();
  const first = await origin(t, one);
  const second = await origin(t, two);
  resolver.set('_http._tcp.app.test', 'SRV', [`0 0 ${first.port} one.test.`], 10);
  resolver.addresses('one.test', [one], 10);
  resolver.addresses('two.test', [two], 10);
  const { proxy, port } = await startProxy(t, {}, { names });
  const backends = [{ id: 'b', hostname: '_http._tcp.app.test' }];
  proxy.router.addRoute({ id: 'a', vHost: 'a.test', backends, upstreamHost: 'backend' });
  const client = await Client.open(t, port);
  assert.equal((await client.ask()).body, one);
  resolver.set('_http._tcp.app.test', 'SRV', [`0 0 ${second.port} two.test.`], 10);
  clock.advance(10_000);
  await settle();
  assert.equal((await client.ask()).body, two);
  assert.deepEqual(second.seen.hosts, ['app.test']);
  await eventually(() => first.seen.open === 0);
  assert.throws(
    () => proxy.router.addRoute({ id: 'x', vHost: 'x.test', backends: [{ hostname: 'app.test' }] }),
    { code: 'ROUTE_INVALID' },
  );
});

test('TLS by name: the certificate is checked for the name, of a service for its domain', async (t) => {
  const { resolver, names } = named();
  const secure = { cert: pem('chain.cert'), key: pem('ecdsa.key') };
  const server = await startOrigin(t, 'secure', undefined, secure);
  const ca = pem('root.cert');
  resolver.addresses('www.example.test', ['127.0.0.1']);
  resolver.addresses('other.test', ['127.0.0.1']);
  resolver.set('_https._tcp.www.example.test', 'SRV', [`0 0 ${server.port} other.test.`]);
  const { proxy, port } = await startProxy(t, {}, { names });
  const backends = [
    { hostname: 'www.example.test', port: server.port, tls: { ca } },
    { hostname: '_https._tcp.www.example.test', tls: { ca } },
    { hostname: 'other.test', port: server.port, tls: { ca } },
    { hostname: 'other.test', port: server.port, tls: { ca, serverName: 'www.example.test' } },
    {
      hostname: 'www.example.test',
      port: server.port,
      tls: { ca },
      sendProxyProtocol: 'v2' as const,
    },
  ];
  for (const [index, backend] of backends.entries()) {
    const route = { id: `${index}`, vHost: `${index}.test`, backends: [backend] };
    proxy.router.addRoute(route);
  }
  const client = await Client.open(t, port);
  const statuses: number[] = [];
  for (let index = 0; index < 5; index++) {
    for (let turn = 0; turn < 2; turn++) {
      statuses.push((await client.ask({ host: `${index}.test` })).status);
    }
  }
  // The last one wants no PROXY header.
  assert.deepEqual(statuses, [200, 200, 200, 200, 503, 503, 200, 200, 503, 503]);
  const [first] = backends;
  assert.ok(first !== undefined);
  const plane = await startTcp(t, { backends: [first] }, { names });
  const tunnel = await Client.open(t, plane.port());
  assert.equal((await tunnel.ask()).status, 200);
});

test('backends by address are never looked up', async (t) => {
  const { resolver, names } = named();
  const server = await origin(t, one);
  const { proxy, port } = await startProxy(t, {}, { names });
  proxy.router.addRoute(routeTo([{ id: 'b', hostname: one, port: server.port }]));
  assert.equal((await (await Client.open(t, port)).ask()).body, one);
  assert.deepEqual([resolver.asked, names.size], [[], 0]);
});

test('TCP: entries follow names; what is open goes on', async (t) => {
  const { resolver, clock, names } = named();
  const first = await startEcho(t, 0, one);
  const second = await startEcho(t, first.port, two);
  resolver.addresses('db.test', [one], 10);
  const plane = await startTcp(t, { toPort: `db.test:${first.port}` }, { names });
  const open = await TcpClient.open(t, plane.port());
  open.socket.write('a');
  await eventually(() => first.sockets.length === 1);
  resolver.addresses('db.test', [two], 10);
  clock.advance(10_000);
  await settle();
  const client = await TcpClient.open(t, plane.port());
  client.socket.end('b');
  assert.equal(await client.end(), 'b');
  assert.deepEqual([first.sockets.length, second.sockets.length], [1, 1]);
  open.socket.end('c');
  assert.equal(await open.end(), 'ac');
});

test('TCP: SRV without a port is a backend that is judged; a silent resolver ends with connectMs', async (t) => {
  const { resolver, names } = named();
  const server = await startEcho(t, 0, one);
  resolver.set('_pg._tcp.db.test', 'SRV', [`0 0 ${server.port} one.test.`]);
  resolver.addresses('one.test', [one]);
  resolver.answer('silent.test', 'A', () => new Promise(() => undefined));
  const backends = [
    { id: 's', hostname: 'silent.test', port: 1 },
    { id: 'b', hostname: '_pg._tcp.db.test' },
  ];
  const plane = await startTcp(t, { backends, timeouts: { connectMs: 200 } }, { names });
  const client = await TcpClient.open(t, plane.port());
  client.socket.end('x');
  assert.equal(await client.end(), 'x');
  const endpoints = plane.proxy.info('a')?.endpoints ?? [];
  assert.deepEqual(
    endpoints.map(({ address, isDead }) => [address, isDead]),
    [
      ['silent.test:1', true],
      ['_pg._tcp.db.test', false],
    ],
  );
});

test('UDP: sessions go to another address of the name when one refuses', async (t) => {
  const { resolver, names } = named();
  const server = await echo(t, 'x', one);
  resolver.addresses('u.test', [two, one]);
  const { set } = udpForwarder(t, { names });
  const port = await set({ backends: [{ ...plain, hostname: 'u.test', port: server.port }] });
  const client = await udpSocket(t);
  client.send('lost?', port, '127.0.0.1');
  await eventually(() => names.use('u.test').places.some(({ avoidedUntil }) => avoidedUntil > 0));
  assert.match(await askText(client, port, 'hello'), /hello/);
});

function pem(name: string): string {
  return readFileSync(new URL(`./fixtures/certificates/${name}.pem`, import.meta.url), 'utf8');
}

const plain: Backend = { id: 'b', hostname: '', port: 0, isDead: false, failureCount: 0 };

const probes: { why: string; health?: IHealthOptions; outcome: (port: number) => string | null }[] =
  [
    { why: 'TCP', outcome: () => null },
    { why: 'HTTP', health: { probe: 'http', path: '/' }, outcome: () => null },
    {
      why: 'HTTP',
      health: { probe: 'http', statusRange: [500, 599] },
      outcome: () => 'status 200',
    },
  ];

for (const { why, health, outcome } of probes) {
  test(`networkProbe by name: ${why} ${JSON.stringify(health ?? {})}`, async (t) => {
    const { resolver, names } = named();
    const server = await origin(t, one);
    resolver.addresses('app.test', [two, one]);
    const backend = { ...plain, hostname: 'app.test', port: server.port };
    const failure = await new Promise((resolve) => {
      networkProbe(systemClock, names).check(backend, health, resolve);
    });
    assert.equal(failure, outcome(server.port));
    if (health !== undefined) assert.deepEqual(server.seen.hosts, [`app.test:${server.port}`]);
    await eventually(() => server.seen.open === 0, 'it leaves no connection');
  });
}

test('networkProbe by name: one that does not resolve, a closed port, and bad settings have failed', async () => {
  const { resolver, names } = named();
  const check = (backend: Partial<Backend>, health?: IHealthOptions) =>
    new Promise((resolve) => {
      networkProbe(systemClock, names).check({ ...plain, ...backend }, health, resolve);
    });
  assert.equal(await check({ hostname: 'nowhere.test', port: 80 }), 'ENOTFOUND');
  resolver.addresses('app.test', [one]);
  const port = await closedPort();
  assert.equal(await check({ hostname: 'app.test', port }), 'ECONNREFUSED');
});

test('a backend by SRV: requests go to what stands first, and spread by weight over kept connections', async (t) => {
  const { resolver, clock, names } = named();
  Object.assign(names, { random: Math.random });
  const first = await origin(t, one);
  const second = await origin(t, two);
  const service = '_http._tcp.app.test';
  const records = (
    ...lines: readonly [priority: number, weight: number, place: 'one' | 'two'][]
  ) => {
    const data = lines.map(([priority, weight, place]) => {
      const { port } = place === 'one' ? first : second;
      return `${priority} ${weight} ${port} ${place}.test.`;
    });
    resolver.set(service, 'SRV', data, 10);
  };
  const look = async (): Promise<void> => {
    // The TTL, and what is waited longer at random.
    clock.advance(11_000);
    await settle();
  };
  resolver.addresses('one.test', [one], 10);
  resolver.addresses('two.test', [two], 10);
  records([10, 1, 'one'], [20, 1, 'two']);
  const { proxy, port } = await startProxy(t, {}, { names });
  proxy.router.addRoute({ id: 'a', vHost: 'a.test', backends: [{ id: 'b', hostname: service }] });
  const client = await Client.open(t, port);
  const ask = async (): Promise<string> => (await client.ask()).body;
  assert.equal(await ask(), one);

  // The same places in another order: the connection that is there is not used again.
  records([20, 1, 'one'], [10, 1, 'two']);
  await look();
  assert.equal(await ask(), two);
  await eventually(() => first.seen.open === 0, 'the idle connection closes');

  // Two that share: each request is drawn for itself, and connections are kept.
  records([10, 1, 'one'], [10, 1, 'two']);
  await look();
  const seen = new Set<string>();
  for (let turn = 0; turn < 40; turn++) seen.add(await ask());
  assert.deepEqual([...seen].sort(), [one, two]);
  // In turn they would be opened for each request.
  assert.ok(first.seen.total + second.seen.total < 15, 'connections are kept');

  // The first one does not answer: the others do, for a while, over connections that are kept.
  records([10, 1, 'one'], [20, 1, 'two']);
  await look();
  first.server.close();
  first.server.closeAllConnections();
  const before = second.seen.total;
  for (let turn = 0; turn < 3; turn++) assert.equal(await ask(), two);
  assert.ok(second.seen.total <= before + 1);
});

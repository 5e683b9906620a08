import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ManualClock } from '../ts/core/manual-clock.ts';
import { Wire } from '../ts/net/wire.ts';
import { eventually, startEcho, startNamed, startTcp, TcpClient } from './suites/tcp.ts';
import { closedPort, nextEvent } from './suites/web.ts';

test('A refused connection goes to the next backend, and the first one is dead', async (t) => {
  const echo = await startEcho(t);
  const [refused] = [await closedPort()];
  const plane = await startTcp(t, { toPort: [refused, echo.port] });
  const dead = nextEvent(plane.parts.bus, 'backend.dead');
  for (const text of ['one', 'two', 'three']) {
    const client = await TcpClient.open(t, plane.port());
    client.socket.end(text);
    assert.equal(await client.end(), text);
  }
  assert.deepEqual(await dead, {
    routeId: 'tcp:a',
    backendId: `127.0.0.1:${refused}`,
    reason: 'ECONNREFUSED',
    maintenance: false,
  });
  const [first, second] = plane.proxy.info('a')?.endpoints ?? [];
  assert.deepEqual([first?.isDead, first?.connections], [true, 1]);
  assert.deepEqual([second?.isDead, second?.connections], [false, 3]);
  assert.equal(plane.proxy.stats().failed, 0);
});

test('All backends dead: closed at once with RST, and counted as failed', async (t) => {
  const ports = [await closedPort(), await closedPort()];
  const plane = await startTcp(t, { toPort: ports });
  for (let round = 1; round <= 3; round++) {
    const client = TcpClient.dial(t, plane.port());
    assert.equal(await client.closed(), 'ECONNRESET');
    assert.equal(plane.proxy.stats().failed, round);
  }
  const { endpoints = [] } = plane.proxy.info('a') ?? {};
  assert.deepEqual(
    endpoints.map(({ isDead, connections, active }) => [isDead, connections, active]),
    [
      [true, 1, 0],
      [true, 1, 0],
    ],
  );
});

test('`retries` says how many further backends are tried', async (t) => {
  const echo = await startEcho(t);
  const ports = [await closedPort(), await closedPort(), echo.port];
  const health = { failuresMax: 1000 };
  const plane = await startTcp(t, { toPort: ports, retries: 0, health });
  const outcomes = [];
  for (let round = 0; round < 3; round++) {
    const client = await TcpClient.open(t, plane.port());
    client.socket.end('x');
    const outcome = await Promise.race([client.closed(), client.until('x')]).catch(() => 'RST');
    outcomes.push(outcome === 'x' || outcome === '' ? 'served' : 'reset');
  }
  assert.deepEqual(outcomes, ['reset', 'reset', 'served']);
  await plane.set({ toPort: ports, retries: 1, health });
  const client = await TcpClient.open(t, plane.port());
  assert.equal(await client.closed(), 'ECONNRESET');
});

test('`failuresMax` failures in a row make a backend dead; a success in between does not', async (t) => {
  const port = await closedPort();
  const plane = await startTcp(t, { toPort: port, health: { failuresMax: 2 } });
  const refuse = async () => {
    const client = TcpClient.dial(t, plane.port());
    assert.equal(await client.closed(), 'ECONNRESET');
    return plane.proxy.info('a')?.endpoints[0];
  };
  assert.equal((await refuse())?.isDead, false);
  const echo = await startEcho(t, port);
  const client = await TcpClient.open(t, plane.port());
  client.socket.end('x');
  assert.equal(await client.end(), 'x');
  await echo.stop();
  assert.equal((await refuse())?.isDead, false);
  assert.equal((await refuse())?.isDead, true);
});

test('A dead backend comes back by its recovery probe', async (t) => {
  const port = await closedPort();
  const health = { recoveryIntervalMs: 100 };
  const plane = await startTcp(t, { toPort: port, health });
  const refused = await TcpClient.open(t, plane.port());
  assert.equal(await refused.closed(), 'ECONNRESET');
  const alive = nextEvent(plane.parts.bus, 'backend.alive');
  await startEcho(t, port);
  assert.equal((await alive).routeId, 'tcp:a');
  const client = await TcpClient.open(t, plane.port());
  client.socket.end('back');
  assert.equal(await client.end(), 'back');
});

test('connectMs: a backend that does not answer is given up for the next one', async (t) => {
  const echo = await startEcho(t);
  const clock = new ManualClock();
  // A connection that never comes.
  const real = Wire.connect;
  const { mock } = t.mock.method(Wire, 'connect', ((target, consumer, onConnect) => {
    const isFirst = mock.callCount() === 0;
    return real.call(Wire, target, consumer, isFirst ? () => undefined : onConnect);
  }) as typeof Wire.connect);
  const toPort = [echo.port, `localhost:${echo.port}`];
  const plane = await startTcp(t, { toPort }, { clock });
  const client = await TcpClient.open(t, plane.port());
  client.socket.end('late');
  await eventually(() => mock.callCount() === 1);
  clock.advance(4900);
  assert.equal(mock.callCount(), 1);
  clock.advance(200);
  assert.equal(await client.end(), 'late');
  assert.equal(plane.proxy.info('a')?.endpoints[0]?.isDead, true);
});

test('Descriptors that are used up are not the backend’s fault', async (t) => {
  const echo = await startEcho(t);
  const real = Wire.connect;
  let fails = true;
  t.mock.method(Wire, 'connect', ((target, consumer, onConnect) => {
    if (!fails) return real.call(Wire, target, consumer, onConnect);
    const wire = real.call(Wire, { host: '127.0.0.1', port: echo.port }, consumer, () => undefined);
    wire.consumer = { ...none, onClose: () => undefined };
    wire.destroy();
    const error = Object.assign(new Error('connect EMFILE'), { code: 'EMFILE' });
    setImmediate(() => consumer.onClose(error));
    return wire;
  }) as typeof Wire.connect);
  const plane = await startTcp(t, { toPort: echo.port });
  const client = await TcpClient.open(t, plane.port());
  assert.equal(await client.closed(), 'ECONNRESET');
  const [endpoint] = plane.proxy.info('a')?.endpoints ?? [];
  assert.deepEqual([endpoint?.isDead, endpoint?.failureCount], [false, 0]);
  fails = false;
  const again = await TcpClient.open(t, plane.port());
  again.socket.end('x');
  assert.equal(await again.end(), 'x');
});

test('Backends are balanced by their weights', async (t) => {
  const [one, two] = [await startNamed(t, 'one'), await startNamed(t, 'two')];
  const backends = [
    { hostname: '127.0.0.1', port: one.port, weight: 3 },
    { hostname: '127.0.0.1', port: two.port },
  ];
  const plane = await startTcp(t, { backends, strategy: 'ROUND_ROBIN' });
  const names: string[] = [];
  for (let round = 0; round < 8; round++) {
    const client = await TcpClient.open(t, plane.port());
    names.push(await client.until(':'));
    client.socket.destroy();
  }
  assert.equal(names.filter((name) => name === 'one:').length, 6);
});

test('LEAST_CONNECTIONS counts the sessions that are open', async (t) => {
  const [one, two] = [await startNamed(t, 'one'), await startNamed(t, 'two')];
  const toPort = [one.port, two.port];
  const plane = await startTcp(t, { toPort, strategy: 'LEAST_CONNECTIONS' });
  for (let round = 0; round < 6; round++) {
    const client = await TcpClient.open(t, plane.port());
    await client.until(':');
  }
  const active = plane.proxy.info('a')?.endpoints.map((endpoint) => endpoint.active);
  assert.deepEqual(active, [3, 3]);
});

test('LEAST_LATENCY goes by the time that a connect takes', async (t) => {
  const [quick, slow] = [await startNamed(t, 'quick'), await startNamed(t, 'slow')];
  const toPort = [quick.port, slow.port];
  const plane = await startTcp(t, { toPort, strategy: 'LEAST_LATENCY' });
  const [one, other] = plane.proxy.healthGroup('tcp:a')?.endpoints ?? [];
  const ask = async () => {
    const client = await TcpClient.open(t, plane.port());
    client.socket.end();
    return client.end();
  };
  for (let round = 0; round < 4; round++) await ask();
  assert.ok(one && other && one.latencyMs > 0 && other.latencyMs > 0);
  other.observe(5000, performance.now());
  for (let round = 0; round < 10; round++) assert.equal(await ask(), 'quick:');
});

test('IP_HASH brings a client back to its backend', async (t) => {
  const servers = await Promise.all(['a', 'b', 'c', 'd'].map((name) => startNamed(t, name)));
  const toPort = servers.map(({ port }) => port);
  const plane = await startTcp(t, { toPort, strategy: 'IP_HASH' });
  const names = new Set<string>();
  for (let round = 0; round < 5; round++) {
    names.add(await (await TcpClient.open(t, plane.port())).until(':'));
  }
  assert.equal(names.size, 1);
});

test('healthGroup(): backends of an entry and of a domain config, to be taken out by hand', async (t) => {
  const echo = await startEcho(t);
  const domainConfigs = [{ id: 'x/y', domains: ['a.test'], toPort: 1 }];
  const plane = await startTcp(t, { toPort: ['127.0.0.9', echo.port], domainConfigs });
  const { proxy, parts } = plane;
  assert.equal(proxy.healthGroup('tcp:a/x/y')?.endpoints[0]?.id, '127.0.0.1:1');
  assert.equal(proxy.healthGroup('tcp:b'), undefined);
  assert.equal(proxy.healthGroup('tcp:a/z'), undefined);
  const group = proxy.healthGroup('tcp:a');
  const [same] = group?.endpoints ?? [];
  assert.ok(group && same);
  parts.health.markDead(group, same);
  for (let round = 0; round < 3; round++) {
    const client = await TcpClient.open(t, plane.port());
    client.socket.end('x');
    assert.equal(await client.end(), 'x');
  }
  parts.health.markAlive(group, same);
  assert.equal(proxy.info('a')?.endpoints[0]?.isDead, false);
});

const none = {
  onBytes: () => undefined,
  onEnd: () => undefined,
  onDrain: () => undefined,
  onClose: () => undefined,
};

import assert from 'node:assert/strict';
import { once } from 'node:events';
import net from 'node:net';
import { test } from 'node:test';
import { ManualClock } from '../ts/core/manual-clock.ts';
import { entryOf, eventually, startEcho, startNamed, startTcp, TcpClient } from './suites/tcp.ts';
import { closedPort, nextEvent } from './suites/web.ts';

test('A changed entry: new connections follow it, open sessions go on as they began', async (t) => {
  const [one, two] = [await startNamed(t, 'one'), await startNamed(t, 'two')];
  const plane = await startTcp(t, { toPort: one.port });
  const port = plane.port();
  const before = await TcpClient.open(t, port);
  await before.until('one:');
  const changed = nextEvent(plane.parts.bus, 'tcp.changed');
  await plane.set({ toPort: two.port });
  assert.deepEqual(await changed, { entryId: 'a' });
  assert.equal(plane.port(), port, 'a free port stays');
  const after = await TcpClient.open(t, port);
  await after.until('two:');
  before.socket.end('still');
  assert.equal(await before.end(), 'one:still');
});

test('Entries that are not named are not touched: 1,000 changes beside a session', async (t) => {
  const echo = await startEcho(t);
  const plane = await startTcp(t, { id: 'kept', toPort: echo.port });
  const client = await TcpClient.open(t, plane.port('kept'));
  for (let round = 0; round < 1000; round++) {
    await plane.set({ id: `other-${round % 10}`, toPort: echo.port, retries: round % 7 });
    if (round % 100 === 0) {
      client.socket.write(`${round};`);
      await client.until(`${round};`);
    }
  }
  await plane.remove(...Array.from({ length: 10 }, (_, index) => `other-${index}`));
  client.socket.end('end');
  assert.match(await client.end(), /900;end$/);
  assert.equal(plane.proxy.stats().failed, 0);
});

test('One change of 1,000 entries is cheap', async (t) => {
  const echo = await startEcho(t);
  const entries = Array.from({ length: 1000 }, (_, index) => ({
    id: `e${index}`,
    toPort: echo.port,
    domainConfigs: [{ domains: [`${index}.test`], toPort: echo.port }],
  }));
  const plane = await startTcp(t, entries);
  const settings = entryOf({ ...entries[500], retries: 1 });
  const begin = performance.now();
  for (let round = 0; round < 200; round++) {
    plane.proxy.apply(await plane.proxy.prepare({ set: [settings], removed: [] }));
  }
  const each = (performance.now() - begin) / 200;
  assert.ok(each < 1, `a change took ${each.toFixed(3)} ms`);
});

test('A removed entry: its port closes at once, its sessions have the drain timeout', async (t) => {
  const echo = await startEcho(t);
  const clock = new ManualClock();
  const plane = await startTcp(t, { toPort: echo.port }, { clock });
  plane.proxy.drainTimeoutMs = 1000;
  const port = plane.port();
  const [quick, slow] = [await TcpClient.open(t, port), await TcpClient.open(t, port)];
  await eventually(() => plane.proxy.stats().open === 2);
  await plane.remove('a');
  await assert.rejects(TcpClient.open(t, port), /ECONNREFUSED/);
  assert.equal(plane.proxy.info('a'), undefined);
  quick.socket.end('done');
  assert.equal(await quick.end(), 'done');
  clock.advance(900);
  slow.socket.write('here');
  await slow.until('here');
  clock.advance(200);
  assert.equal(await slow.closed(), 'ECONNRESET');
  assert.deepEqual(
    [plane.proxy.stats().open, plane.proxy.stats().total, plane.proxy.stats().bytesIn],
    [0, 2, 8],
  );
});

test('A port that an entry leaves: the sessions of its other ports go on', async (t) => {
  const echo = await startEcho(t);
  const [kept, left] = [await closedPort(), await closedPort()];
  const clock = new ManualClock();
  const entry = { fromPort: kept, toPort: echo.port };
  const plane = await startTcp(t, { ...entry, globalPortRanges: [left] }, { clock });
  plane.proxy.drainTimeoutMs = 500;
  const [stays, goes] = [await TcpClient.open(t, kept), await TcpClient.open(t, left)];
  await eventually(() => plane.proxy.stats().open === 2);
  await plane.set(entry);
  await assert.rejects(TcpClient.open(t, left), /ECONNREFUSED/);
  clock.advance(700);
  assert.equal(await goes.closed(), 'ECONNRESET');
  stays.socket.end('x');
  assert.equal(await stays.end(), 'x');
});

test('A port moves from one entry to another in one change', async (t) => {
  const [one, two] = [await startNamed(t, 'one'), await startNamed(t, 'two')];
  const port = await closedPort();
  const plane = await startTcp(t, { id: 'one', fromPort: port, toPort: one.port });
  const set = [entryOf({ id: 'two', fromPort: port, toPort: two.port })];
  plane.proxy.apply(await plane.proxy.prepare({ set, removed: ['one'] }));
  const client = await TcpClient.open(t, port);
  await client.until('two:');
});

test('prepare(): a port that cannot be bound changes nothing and leaves nothing open', async (t) => {
  const echo = await startEcho(t);
  const plane = await startTcp(t, { toPort: echo.port });
  const [free, other] = [await closedPort(), await closedPort()];
  const blocker = net.createServer().listen(other, '127.0.0.1');
  await once(blocker, 'listening');
  t.after(() => blocker.close());
  const set = [
    entryOf({ toPort: 1 }),
    entryOf({ id: 'b', fromPort: free, globalPortRanges: [other], toPort: echo.port }),
  ];
  await assert.rejects(plane.proxy.prepare({ set, removed: [] }), (error: Error) => {
    assert.equal((error as { code?: string }).code, 'LISTEN_FAILED');
    assert.match(error.message, new RegExp(`${other}.*TCP entry "b"`));
    return true;
  });
  await assert.rejects(TcpClient.open(t, free), /ECONNREFUSED/);
  const client = await TcpClient.open(t, plane.port());
  client.socket.end('x');
  assert.equal(await client.end(), 'x');
});

test('prepare(): two entries cannot have one port', async (t) => {
  const echo = await startEcho(t);
  const port = await closedPort();
  const plane = await startTcp(t, { id: 'one', fromPort: port, toPort: echo.port });
  const twin = entryOf({ id: 'two', fromPort: port, toPort: echo.port });
  await assert.rejects(plane.proxy.prepare({ set: [twin], removed: [] }), /"one" has it/);
  const fresh = await closedPort();
  const pair = ['x', 'y'].map((id) => entryOf({ id, fromPort: fresh, toPort: echo.port }));
  await assert.rejects(plane.proxy.prepare({ set: pair, removed: [] }), /"x" has it/);
});

test('discard(): what was prepared and is not applied is closed', async (t) => {
  const echo = await startEcho(t);
  const port = await closedPort();
  const plane = await startTcp(t, []);
  const set = [entryOf({ fromPort: port, toPort: echo.port })];
  await plane.proxy.discard(await plane.proxy.prepare({ set, removed: [] }));
  await assert.rejects(TcpClient.open(t, port), /ECONNREFUSED/);
  plane.proxy.apply(await plane.proxy.prepare({ set, removed: [] }));
  await TcpClient.open(t, port);
});

test('A backend that stays keeps its health and its numbers over a change', async (t) => {
  const refused = await closedPort();
  const echo = await startEcho(t);
  const plane = await startTcp(t, { toPort: [refused, echo.port] });
  const client = await TcpClient.open(t, plane.port());
  client.socket.end('x');
  await client.end();
  await plane.set({ toPort: [echo.port, refused], retries: 0 });
  const { endpoints = [] } = plane.proxy.info('a') ?? {};
  assert.deepEqual(
    endpoints.map(({ isDead, connections }) => [isDead, connections]),
    [
      [false, 1],
      [true, 1],
    ],
  );
});

test('enabled: false closes the ports; what is refused by then is nobody’s', async (t) => {
  const echo = await startEcho(t);
  const port = await closedPort();
  const plane = await startTcp(t, { fromPort: port, toPort: echo.port });
  await plane.set({ fromPort: port, toPort: echo.port, enabled: false });
  await assert.rejects(TcpClient.open(t, port), /ECONNREFUSED/);
  const { listening, forwardedBy } = plane.proxy.info('a') ?? {};
  assert.deepEqual([listening, forwardedBy], [[], 'none']);
  await plane.set({ fromPort: port, toPort: echo.port });
  await TcpClient.open(t, port);
});

test('stop(): true when all sessions end in time, false when some were cut', async (t) => {
  const echo = await startEcho(t);
  const plane = await startTcp(t, { toPort: echo.port });
  const client = await TcpClient.open(t, plane.port());
  client.socket.write('x');
  await client.until('x');
  const stopped = plane.proxy.stop(10_000);
  client.socket.end('y');
  assert.equal(await client.end(), 'xy');
  assert.equal(await stopped, true);
  assert.throws(() => plane.proxy.apply({ entries: [], removed: [] }), /does not run/);
  await plane.proxy.start();
  await plane.set({ toPort: echo.port });
  const cut = await TcpClient.open(t, plane.port());
  cut.socket.write('x');
  await cut.until('x');
  assert.equal(await plane.proxy.stop(0), false);
  assert.equal(await cut.closed(), 'ECONNRESET');
});

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type TestContext, test } from 'node:test';
import { ManualClock } from '../ts/core/manual-clock.ts';
import type { TPortProxyInput } from '../ts_interfaces/index.ts';
import { eventually, startEcho, startServer, startTcp, TcpClient } from './suites/tcp.ts';

/** A plane whose time the test moves, and a client whose session has begun. */
async function begin(t: TestContext, entry: Partial<TPortProxyInput>, isEcho = true) {
  const server = isEcho ? await startEcho(t) : await startServer(t);
  const clock = new ManualClock();
  const plane = await startTcp(t, { toPort: server.port, ...entry }, { clock });
  const client = await TcpClient.open(t, plane.port());
  await eventually(() => plane.proxy.stats().open === 1);
  return { server, clock, plane, client };
}

test('idleMs: a session in which nothing moves is reset on both sides, and counted', async (t) => {
  const { clock, plane, client, server } = await begin(t, { timeouts: { idleMs: 2000 } });
  client.socket.write('a');
  await client.until('a');
  clock.advance(1900);
  assert.equal(client.closedBy, undefined);
  client.socket.write('b');
  await client.until('b');
  clock.advance(1900);
  assert.equal(plane.proxy.stats().open, 1);
  clock.advance(300);
  assert.equal(await client.closed(), 'ECONNRESET');
  await eventually(() => server.sockets[0]?.destroyed === true);
  assert.equal(plane.proxy.stats().failed, 1);
});

test('idleMs: a backend that accepts and never answers', async (t) => {
  const { clock, plane, client } = await begin(t, { timeouts: { idleMs: 1000 } }, false);
  client.socket.write('anybody there?');
  await eventually(() => plane.proxy.stats().bytesIn === 14);
  clock.advance(1200);
  assert.equal(await client.closed(), 'ECONNRESET');
  assert.equal(plane.proxy.info('a')?.endpoints[0]?.isDead, false);
});

test('totalMs: even a busy session ends', async (t) => {
  const { clock, client } = await begin(t, { timeouts: { totalMs: 1000 } });
  for (const text of ['a', 'b', 'c']) {
    client.socket.write(text);
    await client.until(text);
    clock.advance(300);
  }
  assert.equal(client.closedBy, undefined);
  clock.advance(200);
  assert.equal(await client.closed(), 'ECONNRESET');
});

test('halfCloseMs: one side has ended and the other one is silent', async (t) => {
  const { clock, client, server } = await begin(t, { timeouts: { halfCloseMs: 500 } }, false);
  client.socket.end('bye');
  await eventually(() => server.sockets.length === 1);
  const [other] = server.sockets;
  other?.resume();
  await eventually(() => other?.readableEnded === true);
  clock.advance(400);
  other?.write('still here');
  await client.until('still here');
  clock.advance(400);
  assert.equal(client.closedBy, undefined);
  clock.advance(300);
  assert.equal(await client.closed(), 'ECONNRESET');
});

test('peekMs: a client that never says what it is', async (t) => {
  const server = await startEcho(t);
  const clock = new ManualClock();
  const domainConfigs = [{ domains: ['a.test'], toPort: server.port }];
  const plane = await startTcp(t, { domainConfigs, timeouts: { peekMs: 1000 } }, { clock });
  const [mute, slow] = [
    await TcpClient.open(t, plane.port()),
    await TcpClient.open(t, plane.port()),
  ];
  slow.socket.write(Buffer.from([0x16, 3]));
  await eventually(() => plane.proxy.stats().bytesIn === 2);
  clock.advance(900);
  assert.equal(plane.proxy.stats().open, 2);
  // Bytes that do not say enough give no further time.
  slow.socket.write(Buffer.from([1, 0]));
  await eventually(() => plane.proxy.stats().bytesIn === 4);
  clock.advance(200);
  assert.equal(await mute.closed(), 'ECONNRESET');
  assert.equal(await slow.closed(), 'ECONNRESET');
  assert.equal(plane.proxy.stats().failed, 2);
  assert.equal(server.sockets.length, 0);
});

test('0 switches a timeout off', async (t) => {
  const timeouts = { idleMs: 0, totalMs: 0, halfCloseMs: 0 };
  const { clock, client } = await begin(t, { timeouts }, false);
  client.socket.end('x');
  clock.advance(500);
  clock.advance(86_400_000);
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(client.closedBy, undefined);
});

test('A slow reader is not idle while it takes something', async (t) => {
  const stepBytes = 7 << 20;
  const bytes = Buffer.alloc(10 * stepBytes);
  const clock = new ManualClock();
  const server = await startServer(t, (socket) => void socket.end(bytes));
  const timeouts = { idleMs: 500, halfCloseMs: 500 };
  const plane = await startTcp(t, { toPort: server.port, timeouts }, { clock });
  const client = await TcpClient.open(t, plane.port());
  client.socket.removeAllListeners('data');
  let read = 0;
  for (let step = 1; step <= 8; step++) {
    // More than what the kernel holds for a client, so that the proxy sees it move.
    client.socket.resume();
    while (read < step * stepBytes) {
      const [piece] = (await once(client.socket, 'data')) as [Buffer];
      read += piece.length;
    }
    client.socket.pause();
    clock.advance(400);
  }
  assert.ok(read < bytes.length);
  assert.equal(plane.proxy.stats().failed, 0);
});

test('No timer is left when there is no session', async (t) => {
  const { clock, client, plane } = await begin(t, {});
  assert.equal(clock.timerCount, 1);
  client.socket.end('x');
  await client.closed();
  await eventually(() => plane.proxy.stats().open === 0);
  clock.advance(100);
  assert.equal(clock.timerCount, 0);
});

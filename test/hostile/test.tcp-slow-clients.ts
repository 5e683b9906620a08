import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ManualClock } from '../../ts/core/manual-clock.ts';
import { eventually, startEcho, startTcp, TcpClient } from '../suites/tcp.ts';

test('Clients that say nothing, or one byte, do not outlive `peekMs`, and use no backend', async (t) => {
  const echo = await startEcho(t);
  const clock = new ManualClock();
  const domainConfigs = [{ domains: ['a.test'], toPort: echo.port }];
  const plane = await startTcp(t, { domainConfigs, timeouts: { peekMs: 1000 } }, { clock });
  const clients = await Promise.all(
    Array.from({ length: 100 }, () => TcpClient.open(t, plane.port())),
  );
  clients.forEach(({ socket }, index) => {
    if (index % 2 === 0) socket.write(Buffer.from([0x16]));
  });
  await eventually(() => plane.proxy.stats().bytesIn === 50);
  assert.equal(plane.proxy.stats().open, 100);
  for (let step = 0; step < 11; step++) clock.advance(100);
  await Promise.all(clients.map((client) => client.closed()));
  assert.deepEqual([plane.proxy.stats().open, plane.proxy.stats().failed], [0, 100]);
  assert.equal(echo.sockets.length, 0);
});

test('A client that sends more and more of nothing is bounded', async (t) => {
  const echo = await startEcho(t);
  const domainConfigs = [{ domains: ['a.test'], toPort: echo.port }];
  const plane = await startTcp(t, { domainConfigs });
  // A handshake record without end: its message never says what it is.
  const client = TcpClient.dial(t, plane.port());
  const record = Buffer.concat([
    Buffer.from([0x16, 3, 1, 0x40, 0, 1, 0, 0x3f, 0xff]),
    Buffer.alloc(16_380),
  ]);
  client.socket.write(record.subarray(0, 16_000));
  await eventually(() => plane.proxy.stats().bytesIn === 16_000);
  client.socket.write(record.subarray(16_000));
  client.socket.write(record);
  assert.equal(await client.closed(), 'ECONNRESET');
  assert.equal(echo.sockets.length, 0);
});

test('Clients that break off at any moment leave nothing behind', async (t) => {
  const echo = await startEcho(t);
  const domainConfigs = [{ protocol: 'http' as const, toPort: `localhost:${echo.port}` }];
  const plane = await startTcp(t, { domainConfigs, toPort: echo.port });
  for (let round = 0; round < 60; round++) {
    const client = TcpClient.dial(t, plane.port());
    client.socket.on('connect', () => {
      client.socket.write('GET / HTTP/1.1\r\n\r\n'.slice(0, round % 20));
      if (round % 3 === 0) client.socket.resetAndDestroy();
      else if (round % 3 === 1) setImmediate(() => client.socket.resetAndDestroy());
      else setTimeout(() => client.socket.resetAndDestroy(), round % 7);
    });
    await client.closed();
  }
  await eventually(() => plane.proxy.stats().open === 0);
  const { endpoints = [] } = plane.proxy.info('a') ?? {};
  assert.deepEqual(
    endpoints.map(({ active, isDead }) => [active, isDead]),
    [
      [0, false],
      [0, false],
    ],
  );
});

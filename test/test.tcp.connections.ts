import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { IEventMap } from '../ts_interfaces/index.ts';
import { realClientHello } from './suites/client-hello.ts';
import { eventually, startEcho, startServer, startTcp, TcpClient } from './suites/tcp.ts';

test('connections(): what a session is and has moved', async (t) => {
  const echo = await startEcho(t);
  const domainConfigs = [{ id: 'named', domains: ['a.test'], toPort: echo.port }];
  const plane = await startTcp(t, { domainConfigs, toPort: echo.port });
  const named = await TcpClient.open(t, plane.port());
  const hello = await realClientHello({ servername: 'A.test' });
  named.socket.write(hello);
  await eventually(() => named.received.length === hello.length);
  const plain = await TcpClient.open(t, plane.port());
  plain.socket.write('EHLO x\r\n');
  await plain.until('EHLO x\r\n');
  const [one, other] = [...plane.proxy.connections()].map((live) => {
    const { openedAt, ageSeconds, idleSeconds, ...rest } = live.describe(performance.now());
    assert.ok(Math.abs(Date.parse(openedAt) - Date.now()) < 5000);
    assert.ok(ageSeconds >= 0 && idleSeconds >= 0 && idleSeconds <= ageSeconds + 0.2);
    assert.equal(live.id, rest.id);
    return rest;
  });
  const backend = `127.0.0.1:${echo.port}`;
  const common = { entrypoint: 'a', port: plane.port(), backend, worker: null };
  assert.deepEqual(one, {
    ...common,
    id: one?.id,
    protocol: 'tls',
    client: `127.0.0.1:${named.socket.localPort}`,
    route: 'named',
    serverName: 'a.test',
    bytesIn: hello.length,
    bytesOut: hello.length,
  });
  assert.deepEqual(other, {
    ...common,
    id: other?.id,
    protocol: 'tcp',
    client: `127.0.0.1:${plain.socket.localPort}`,
    route: null,
    serverName: null,
    bytesIn: 8,
    bytesOut: 8,
  });
  assert.notEqual(one?.id, other?.id);
});

test('close(): breaks one session off, on both sides, and no other', async (t) => {
  const echo = await startEcho(t);
  const plane = await startTcp(t, { toPort: echo.port });
  const [one, other] = [
    await TcpClient.open(t, plane.port()),
    await TcpClient.open(t, plane.port()),
  ];
  for (const { socket } of [one, other]) socket.write('x');
  await Promise.all([one.until('x'), other.until('x')]);
  const [live] = plane.proxy.connections();
  live?.close();
  live?.close();
  assert.equal(await one.closed(), 'ECONNRESET');
  await eventually(() => echo.sockets[0]?.destroyed === true);
  other.socket.end('y');
  assert.equal(await other.end(), 'xy');
  const ended = live?.describe(performance.now());
  assert.equal(ended?.backend, null, 'one that is over still answers');
});

test('connection.open and connection.close tell of each session once', async (t) => {
  const echo = await startEcho(t);
  const plane = await startTcp(t, { toPort: echo.port });
  const opened: IEventMap['connection.open'][] = [];
  const closed: IEventMap['connection.close'][] = [];
  plane.parts.bus.on('connection.open', (event) => opened.push(event));
  plane.parts.bus.on('connection.close', (event) => closed.push(event));
  const client = await TcpClient.open(t, plane.port());
  client.socket.end('12345');
  await client.end();
  await eventually(() => closed.length === 1);
  const { id, durationMs, ...rest } = closed[0] as IEventMap['connection.close'];
  assert.deepEqual(rest, { entrypoint: 'a', clientIp: '127.0.0.1', bytesIn: 5, bytesOut: 5 });
  assert.ok(durationMs >= 0);
  assert.deepEqual(opened, [{ id, entrypoint: 'a', clientIp: '127.0.0.1' }]);
});

test('stats(): numbers of open sessions count before they end', async (t) => {
  const server = await startServer(t);
  const plane = await startTcp(t, { toPort: server.port });
  const client = await TcpClient.open(t, plane.port());
  client.socket.write('0123456789');
  await eventually(() => plane.proxy.stats().bytesIn === 10);
  assert.deepEqual(plane.proxy.info('a')?.stats, {
    open: 1,
    total: 1,
    refused: 0,
    failed: 0,
    bytesIn: 10,
    bytesOut: 0,
  });
  assert.equal(plane.proxy.info('a')?.endpoints[0]?.active, 1);
  client.socket.resetAndDestroy();
  await eventually(() => plane.proxy.info('a')?.endpoints[0]?.active === 0);
});

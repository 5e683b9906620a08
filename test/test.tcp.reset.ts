import assert from 'node:assert/strict';
import { test } from 'node:test';
import { eventually, startEcho, startServer, startTcp, TcpClient } from './suites/tcp.ts';

test('Session: a reset of the client resets the backend', async (t) => {
  const server = await startEcho(t);
  const { port, proxy } = await startTcp(t, { toPort: server.port });
  const client = await TcpClient.open(t, port());
  client.socket.write('x');
  await client.until('x');
  const [other] = server.sockets;
  const error = new Promise((resolve) => {
    other?.once('error', (cause: NodeJS.ErrnoException) => resolve(cause.code));
  });
  client.socket.resetAndDestroy();
  assert.equal(await error, 'ECONNRESET');
  await eventually(() => proxy.stats().open === 0);
});

test('Session: a reset of the backend resets the client, after what was sent before', async (t) => {
  const server = await startServer(t, (socket) => {
    socket.once('data', () => {
      socket.write('last words', () => setImmediate(() => socket.resetAndDestroy()));
    });
  });
  const { port, proxy } = await startTcp(t, { toPort: server.port });
  const client = await TcpClient.open(t, port());
  client.socket.write('x');
  assert.equal(await client.closed(), 'ECONNRESET');
  assert.equal(String(client.received), 'last words');
  await eventually(() => proxy.stats().open === 0);
});

test('Session: a backend that closes while the client still sends answers to the end', async (t) => {
  const answer = 'x'.repeat(200_000);
  const server = await startServer(t, (socket) => {
    // It reads nothing: its close is a reset, behind an answer.
    socket.pause();
    socket.end(answer);
  });
  const { port, proxy } = await startTcp(t, { toPort: server.port });
  const client = await TcpClient.open(t, port());
  client.socket.write('some');
  assert.equal((await client.end()).length, answer.length);
  client.socket.end();
  await eventually(() => server.sockets.length === 1);
  server.sockets[0]?.destroy();
  await eventually(() => proxy.stats().open === 0);
});

test('Session: one session is not touched by the reset of another', async (t) => {
  const server = await startEcho(t);
  const { port } = await startTcp(t, { toPort: server.port });
  const [one, other] = [await TcpClient.open(t, port()), await TcpClient.open(t, port())];
  for (const { socket } of [one, other]) socket.write('a');
  await Promise.all([one.until('a'), other.until('a')]);
  one.socket.resetAndDestroy();
  other.socket.end('b');
  assert.equal(await other.end(), 'ab');
});

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { eventually, startServer, startTcp, TcpClient } from './suites/tcp.ts';

test('Session: the client ends, the backend goes on until it ends too', async (t) => {
  const server = await startServer(t);
  const { port, proxy } = await startTcp(t, { toPort: server.port });
  const accepted = server.next();
  const client = await TcpClient.open(t, port());
  client.socket.end('question');
  const other = await accepted;
  const parts: Buffer[] = [];
  other.on('data', (bytes: Buffer) => parts.push(bytes));
  await once(other, 'end');
  assert.equal(String(Buffer.concat(parts)), 'question');
  for (const part of ['an', 'swer']) {
    other.write(part);
    await client.until(part);
  }
  assert.equal(proxy.stats().open, 1);
  other.end();
  assert.equal(await client.end(), 'answer');
  assert.equal(await client.closed(), '');
  await eventually(() => proxy.stats().open === 0);
  assert.equal(proxy.stats().failed, 0);
});

test('Session: the backend ends, the client goes on until it ends too', async (t) => {
  const server = await startServer(t);
  const { port, proxy } = await startTcp(t, { toPort: server.port });
  const accepted = server.next();
  const client = await TcpClient.open(t, port());
  const other = await accepted;
  other.end('greeting');
  assert.equal(await client.end(), 'greeting');
  const received: Buffer[] = [];
  other.on('data', (bytes: Buffer) => received.push(bytes));
  client.socket.write('one ');
  await eventually(() => String(Buffer.concat(received)) === 'one ');
  client.socket.end('two');
  await once(other, 'end');
  assert.equal(String(Buffer.concat(received)), 'one two');
  assert.equal(await client.closed(), '');
  await eventually(() => proxy.stats().open === 0);
  assert.equal(proxy.stats().failed, 0);
});

test('Session: what a slow backend has not read yet follows although both have ended', async (t) => {
  const server = await startServer(t, (socket) => {
    socket.pause();
    socket.end('bye');
  });
  const { port, proxy } = await startTcp(t, { toPort: server.port });
  const accepted = server.next();
  const client = await TcpClient.open(t, port());
  const other = await accepted;
  const bytes = Buffer.alloc(8 << 20, 7);
  client.socket.end(bytes);
  assert.equal(await client.end(), 'bye');
  let read = 0;
  for await (const piece of other) read += (piece as Buffer).length;
  assert.equal(read, bytes.length);
  await eventually(() => proxy.stats().open === 0);
  assert.equal(proxy.stats().failed, 0);
});

test('Session: a client that ends before the backend is there', async (t) => {
  const server = await startServer(t, (socket) => void socket.pipe(socket));
  const { port } = await startTcp(t, { toPort: `localhost:${server.port}` });
  const client = await TcpClient.open(t, port());
  client.socket.end('early');
  assert.equal(await client.end(), 'early');
});

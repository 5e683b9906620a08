import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { test } from 'node:test';
import { eventually, startServer, startTcp, TcpClient } from './suites/tcp.ts';

const block = Buffer.alloc(1024 * 1024);
for (let index = 0; index < block.length; index++) block[index] = (index * 2_654_435_761) >>> 13;

/** Writes so many MiB as fast as the socket takes them; each differs. */
async function send(socket: NodeJS.WritableStream, mebibytes: number): Promise<string> {
  const hash = createHash('sha1');
  for (let index = 0; index < mebibytes; index++) {
    const bytes = Buffer.from(block);
    bytes.writeUInt32BE(index);
    hash.update(bytes);
    if (!socket.write(bytes)) await once(socket, 'drain');
  }
  socket.end();
  return hash.digest('hex');
}

async function hashOf(socket: NodeJS.ReadableStream & AsyncIterable<Buffer>): Promise<string> {
  const hash = createHash('sha1');
  for await (const bytes of socket) hash.update(bytes);
  return hash.digest('hex');
}

test('Session: bytes are exact both ways at once', async (t) => {
  const server = await startServer(t);
  const { port, proxy } = await startTcp(t, { toPort: server.port });
  const accepted = server.next();
  const { socket } = await TcpClient.open(t, port());
  socket.removeAllListeners('data');
  const other = await accepted;
  const [up, down, upHash, downHash] = await Promise.all([
    send(socket, 96),
    send(other, 96),
    hashOf(other),
    hashOf(socket),
  ]);
  assert.equal(upHash, up);
  assert.equal(downHash, down);
  await eventually(() => proxy.stats().open === 0);
  const { bytesIn, bytesOut, failed } = proxy.stats();
  assert.deepEqual(
    { bytesIn, bytesOut, failed },
    { bytesIn: 96 << 20, bytesOut: 96 << 20, failed: 0 },
  );
});

test('Session: a slow reader slows its writer down, and memory stays flat', async (t) => {
  const server = await startServer(t);
  const { port, proxy } = await startTcp(t, { toPort: server.port });
  const accepted = server.next();
  const { socket } = await TcpClient.open(t, port());
  socket.removeAllListeners('data');
  socket.pause();
  const other = await accepted;
  const before = process.memoryUsage.rss();
  let written = 0;
  // Nobody reads: only what kernel and one read of ours hold may be taken.
  for (;;) {
    if (!other.write(block)) {
      const waits = await Promise.race([
        once(other, 'drain').then(() => false),
        new Promise<boolean>((resolve) => setTimeout(resolve, 200, true)),
      ]);
      if (waits) break;
    }
    written += block.length;
  }
  assert.ok(written < 64 << 20, `${written} bytes were taken`);
  assert.ok(process.memoryUsage.rss() - before < 48 << 20);
  other.end();
  let read = 0;
  for await (const bytes of socket) read += (bytes as Buffer).length;
  assert.equal(read, written + block.length);
  socket.end();
  await eventually(() => proxy.stats().open === 0);
});

test('Session: single bytes arrive as they were sent', async (t) => {
  const server = await startServer(t, (socket) => void socket.pipe(socket));
  const { port } = await startTcp(t, { toPort: server.port });
  const client = await TcpClient.open(t, port());
  const text = 'The quick brown fox jumps over the lazy dog';
  for (const character of text) {
    client.socket.write(character);
    await new Promise((resolve) => setImmediate(resolve));
  }
  client.socket.end();
  assert.equal(await client.end(), text);
});

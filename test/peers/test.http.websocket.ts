import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { Socket } from 'node:net';
import { type TestContext, test } from 'node:test';
import { startRouter } from './origin.ts';

const guid = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';

/** A WebSocket server that sends every message back, and closes when it is asked to (RFC 6455). */
async function startEcho(t: TestContext): Promise<number> {
  const server = createServer();
  const sockets = new Set<Socket>();
  server.on('upgrade', (request, socket: Socket, head: Buffer) => {
    sockets.add(socket);
    const accept = createHash('sha1').update(`${request.headers['sec-websocket-key']}${guid}`);
    socket.write(
      'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n' +
        `Sec-WebSocket-Accept: ${accept.digest('base64')}\r\n\r\n`,
    );
    let buffer = head;
    socket.on('data', (chunk: Buffer) => {
      buffer = echoFrames(socket, Buffer.concat([buffer, chunk]));
    });
    socket.on('error', () => socket.destroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  const address = server.address();
  return typeof address === 'object' && address !== null ? address.port : 0;
}

/** Answers all frames that are complete, without mask, and returns what is left. */
function echoFrames(socket: Socket, buffer: Buffer): Buffer {
  let rest = buffer;
  for (;;) {
    const short = (rest[1] ?? 0) & 127;
    const extra = short === 126 ? 2 : short === 127 ? 8 : 0;
    const start = 2 + extra + 4;
    if (rest.length < start) return rest;
    const length = extra === 0 ? short : rest.readUIntBE(extra === 8 ? 4 : 2, extra === 8 ? 6 : 2);
    if (rest.length < start + length) return rest;
    const mask = rest.subarray(start - 4, start);
    const payload = Buffer.from(rest.subarray(start, start + length));
    for (let i = 0; i < payload.length; i++) payload[i] = (payload[i] ?? 0) ^ (mask[i % 4] ?? 0);
    const head = Buffer.from(rest.subarray(0, 2 + extra));
    head[1] = short;
    socket.write(Buffer.concat([head, payload]));
    if (((rest[0] ?? 0) & 15) === 8) socket.end();
    rest = rest.subarray(start + length);
  }
}

async function open(port: number): Promise<WebSocket> {
  const socket = new WebSocket(`ws://127.0.0.1:${port}/chat`);
  socket.binaryType = 'arraybuffer';
  await once(socket, 'open');
  return socket;
}

async function roundTrip(socket: WebSocket, message: string | Uint8Array<ArrayBuffer>) {
  const answered = once(socket, 'message');
  socket.send(message);
  const [event] = (await answered) as [MessageEvent];
  return event.data as string | ArrayBuffer;
}

test('WebSocket: text and binary messages of many sizes come back, then it closes', async (t) => {
  const socket = await open(await startRouter(t, await startEcho(t)));
  assert.equal(await roundTrip(socket, 'hello'), 'hello');
  for (const size of [0, 125, 126, 65_535, 65_536, 1_000_000]) {
    const message = new Uint8Array(randomBytes(size));
    assert.deepEqual(new Uint8Array((await roundTrip(socket, message)) as ArrayBuffer), message);
  }
  const closed = once(socket, 'close');
  socket.close(1000, 'done');
  const [event] = (await closed) as [CloseEvent];
  assert.equal(event.code, 1000);
  assert.equal(event.wasClean, true);
});

test('WebSocket: a hundred at once', async (t) => {
  const port = await startRouter(t, await startEcho(t));
  const sockets = await Promise.all(Array.from({ length: 100 }, () => open(port)));
  const answers = await Promise.all(
    sockets.map((socket, index) => roundTrip(socket, `message ${index}`)),
  );
  assert.deepEqual(
    answers,
    sockets.map((_, index) => `message ${index}`),
  );
  await Promise.all(
    sockets.map((socket) => {
      const closed = once(socket, 'close');
      socket.close();
      return closed;
    }),
  );
});

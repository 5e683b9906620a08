import assert from 'node:assert/strict';
import type { Socket } from 'node:net';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import {
  eventually,
  type IProxy,
  standstill,
  startBackend,
  startHttpBackend,
  startProxy,
} from './suites/engine.ts';
import type { Peer } from './suites/peer.ts';
import { randomFrom } from './suites/random.ts';

const mebibyte = 1_048_576;

/** What kernels of both hops and both sides may hold of a transfer that stands still. */
const kernelBytesMax = 40 * mebibyte;

/** What the process may hold: a few reads, assembled pieces, the streams of client and backend. */
const processBytesMax = 16 * mebibyte;

/** Data whose every position is known: a block of odd length, repeated. */
const block = Buffer.alloc(1_000_003);
const fill = randomFrom(11);
for (let at = 0; at < block.length; at++) block[at] = fill(256);

/** Writes the data from `at` on, until the socket takes no more at the moment. */
function pump(socket: Socket, at: number, end: number): number {
  let position = at;
  let flows = true;
  while (flows && position < end) {
    const offset = position % block.length;
    const piece = block.subarray(offset, Math.min(offset + 65_536, offset + end - position));
    position += piece.length;
    flows = socket.write(piece);
  }
  return position;
}

/** Writes all of the data as fast as it is taken; `sent` tells how far it has come. */
function sendAll(socket: Socket, size: number): { sent: () => number } {
  let at = 0;
  const goOn = () => {
    at = pump(socket, at, size);
  };
  socket.on('drain', goOn);
  goOn();
  return { sent: () => at - socket.writableLength };
}

/** Compares what comes with the data; `received` tells how far it has come. */
class Checker {
  received = 0;
  wrongAt = -1;

  take(bytes: Buffer): void {
    let at = 0;
    while (at < bytes.length) {
      const offset = this.received % block.length;
      const length = Math.min(bytes.length - at, block.length - offset);
      const same = bytes.compare(block, offset, offset + length, at, at + length) === 0;
      if (!same && this.wrongAt === -1) this.wrongAt = this.received;
      at += length;
      this.received += length;
    }
  }
}

/** Hands the bytes of a peer's connection to a checker from now on. */
function checkRest(peer: Peer): Checker {
  const checker = new Checker();
  checker.take(peer.pending);
  peer.socket.removeAllListeners('data');
  peer.socket.on('data', (bytes: Buffer) => checker.take(bytes));
  return checker;
}

function heldBytes(): number {
  const { external, heapUsed } = process.memoryUsage();
  return external + heapUsed;
}

const hops = [
  { name: 'plain', client: false, backend: false, size: 256 * mebibyte },
  { name: 'TLS on the client side', client: true, backend: false, size: 64 * mebibyte },
  { name: 'TLS to the backend', client: false, backend: true, size: 64 * mebibyte },
];

function connect(proxy: IProxy, secure: boolean): Promise<Peer> {
  return secure ? proxy.dialTls() : proxy.dial();
}

for (const { name, client: secure, backend: tls, size } of hops) {
  test(`a response of ${size / mebibyte} MiB to a client that does not read, ${name}`, async (t) => {
    let sent = () => 0;
    const backend = await startBackend(
      t,
      async (peer) => {
        await peer.readRequest();
        peer.write(`HTTP/1.1 200 OK\r\nContent-Length: ${size}\r\n\r\n`);
        ({ sent } = sendAll(peer.socket, size));
      },
      { tls },
    );
    const proxy = await startProxy(t, [backend]);
    const client = await connect(proxy, secure);
    client.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
    assert.equal((await client.readHead()).status, 200);
    const before = heldBytes();
    client.socket.pause();
    const stopped = await standstill(() => sent());
    assert.ok(stopped < kernelBytesMax, `the backend could send ${stopped}`);
    assert.ok(heldBytes() - before < processBytesMax, `held ${heldBytes() - before}`);

    const checker = checkRest(client);
    client.socket.resume();
    await eventually(() => checker.received >= size);
    assert.equal(checker.received, size);
    assert.equal(checker.wrongAt, -1);
  });

  test(`a request of ${size / mebibyte} MiB to a backend that does not read, ${name}`, async (t) => {
    let target: Peer | undefined;
    const backend = await startBackend(
      t,
      async (peer) => {
        await peer.readHead();
        peer.socket.pause();
        target = peer;
      },
      { tls },
    );
    const proxy = await startProxy(t, [backend]);
    const client = await connect(proxy, secure);
    client.write(`POST / HTTP/1.1\r\nHost: a\r\nContent-Length: ${size}\r\n\r\n`);
    const before = heldBytes();
    const { sent } = sendAll(client.socket, size);
    await eventually(() => target !== undefined);
    const stopped = await standstill(() => sent());
    assert.ok(stopped < kernelBytesMax, `the client could send ${stopped}`);
    assert.ok(heldBytes() - before < processBytesMax, `held ${heldBytes() - before}`);

    const peer = target as Peer;
    const checker = checkRest(peer);
    peer.socket.resume();
    await eventually(() => checker.received >= size);
    assert.equal(checker.received, size);
    assert.equal(checker.wrongAt, -1);
    peer.write('HTTP/1.1 204 No Content\r\n\r\n');
    assert.equal((await client.readHead()).status, 204);
  });
}

test('informational responses to a client that does not read', async (t) => {
  const hints = `HTTP/1.1 103 Early Hints\r\nLink: ${'x'.repeat(900_000)}\r\n\r\n`;
  const count = 90;
  let sent = () => 0;
  const backend = await startBackend(t, async (peer) => {
    await peer.readRequest();
    let left = count;
    const goOn = () => {
      let flows = true;
      while (left > 0 && flows) {
        left--;
        flows = peer.socket.write(hints);
      }
      if (left === 0) peer.write('HTTP/1.1 204 No Content\r\n\r\n');
    };
    sent = () => (count - left) * hints.length - peer.socket.writableLength;
    peer.socket.on('drain', goOn);
    goOn();
  });
  const limits = { responseHeadBytesMax: 1_000_000 };
  const proxy = await startProxy(t, [backend], { route: { limits } });
  const client = await proxy.dial();
  client.socket.pause();
  client.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
  await eventually(() => backend.peers.length === 1);
  const stopped = await standstill(() => sent());
  assert.ok(stopped < kernelBytesMax, `the backend could send ${stopped}`);
  client.socket.resume();
  let heads = 0;
  while ((await client.readHead()).status === 103) heads++;
  assert.equal(heads, count);
});

for (const secure of [false, true]) {
  test(`bodies both ways at once arrive byte by byte, half of the sockets slow${secure ? ', TLS' : ''}`, async (t) => {
    const random = randomFrom(secure ? 5 : 3);
    const backend = await startHttpBackend(t, (request, response) => {
      const isSlow = random(2) === 0;
      const length = request.headers['x-length'];
      if (length !== undefined) response.setHeader('Content-Length', length);
      request.on('data', (bytes: Buffer) => {
        let at = 0;
        while (at < bytes.length) {
          const piece = bytes.subarray(at, at + 1 + random(100_000));
          at += piece.length;
          if (response.write(Buffer.from(piece))) continue;
          request.pause();
          response.once('drain', () => request.resume());
        }
        if (!isSlow || random(3) !== 0) return;
        request.pause();
        setTimeout(() => request.resume(), random(4));
      });
      request.on('end', () => response.end());
    });
    const proxy = await startProxy(t, [backend]);
    const clients = Array.from({ length: 12 }, async (_, index) => {
      const client = await connect(proxy, secure);
      const isSlow = index % 2 === 0;
      for (let round = 0; round < 3; round++) {
        const size = random(3) === 0 ? random(3_000_000) : random(200_000);
        const response = client.readResponse();
        await sendBody(client, size, random, isSlow);
        const { body } = await response;
        const checker = new Checker();
        checker.take(body);
        assert.deepEqual([checker.received, checker.wrongAt], [size, -1]);
      }
    });
    await Promise.all(clients);
  });
}

/** Sends a request with so much of the data, framed in either way, in pieces of any size. */
async function sendBody(
  client: Peer,
  size: number,
  random: (bound: number) => number,
  isSlow: boolean,
): Promise<void> {
  const isChunked = random(2) === 0;
  const framing = isChunked
    ? 'Transfer-Encoding: chunked'
    : `Content-Length: ${size}\r\nX-Length: ${size}`;
  client.write(`POST / HTTP/1.1\r\nHost: a\r\n${framing}\r\n\r\n`);
  let at = 0;
  while (at < size) {
    const offset = at % block.length;
    const length = 1 + random(random(4) === 0 ? 150_000 : 300);
    const piece = block.subarray(offset, Math.min(offset + length, offset + size - at));
    at += piece.length;
    if (isChunked) client.write(`${piece.length.toString(16)}\r\n`);
    client.write(piece);
    if (isChunked) client.write('\r\n');
    if (client.socket.writableNeedDrain) await new Promise((go) => client.socket.once('drain', go));
    if (!isSlow || random(40) !== 0) continue;
    client.socket.pause();
    await turn();
    await new Promise((go) => setTimeout(go, random(3)));
    client.socket.resume();
  }
  if (isChunked) client.write('0\r\n\r\n');
}

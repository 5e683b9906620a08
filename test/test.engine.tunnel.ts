import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { type TestContext, test } from 'node:test';
import {
  echoTargets,
  eventually,
  get,
  type IBackend,
  type IProxy,
  type IProxyWishes,
  ok,
  standstill,
  startBackend,
  startProxy,
} from './suites/engine.ts';
import type { Peer } from './suites/peer.ts';

const switching =
  'HTTP/1.1 101 Switching Protocols\r\nConnection: keep-alive, Upgrade\r\nUpgrade: echo\r\nX-A: 1\r\n\r\n';
const upgrade = (lines = '') => get('/tunnel', `Connection: Upgrade\r\nUpgrade: echo\r\n${lines}`);

interface ITunnel {
  client: Peer;
  /** The backend's end. */
  far: Peer;
  backend: IBackend;
  proxy: IProxy;
}

/** Opens a tunnel, by TLS on both hops or by none. */
async function open(
  context: TestContext,
  { secure = false, ...wishes }: IProxyWishes & { secure?: boolean } = {},
): Promise<ITunnel> {
  let far: Peer | undefined;
  const backend = await startBackend(
    context,
    async (peer) => {
      await peer.readHead();
      peer.write(switching);
      far = peer;
    },
    { tls: secure },
  );
  const proxy = await startProxy(context, [backend], wishes);
  const client = secure ? await proxy.dialTls() : await proxy.dial();
  client.write(upgrade());
  assert.equal((await client.readHead()).status, 101);
  return { client, far: far as Peer, backend, proxy };
}

for (const secure of [false, true]) {
  const how = secure ? 'TLS' : 'plain';

  test(`bytes go both ways, and are no HTTP any more (${how})`, async (t) => {
    const { client, far, proxy } = await open(t, { secure });
    client.write(get('/not-a-request'));
    assert.equal(await far.readTo('\r\n\r\n'), get('/not-a-request'));
    far.write('\0\xff HTTP/1.1 500 No\r\n\r\n');
    assert.equal(await client.readTo('\r\n\r\n'), '\0\xff HTTP/1.1 500 No\r\n\r\n');
    assert.equal(proxy.manager.connectionStats().tunnels, 1);
    // A tunnel is no request that is under way; others need not wait for it.
    assert.equal(proxy.route.queue.active, 0);
    assert.equal(proxy.route.endpoints[0]?.active, 1);
  });

  test(`each side ends by itself (${how})`, async (t) => {
    const { client, far, proxy } = await open(t, { secure });
    client.write('last words');
    client.end();
    assert.equal((await far.readAll()).toString(), 'last words');
    assert.equal(far.ending, 'end');
    far.write('and an answer');
    assert.equal((await client.read(13)).toString(), 'and an answer');
    far.end();
    assert.equal(await client.closed(), 'end');
    await eventually(() => proxy.manager.connectionStats().open === 0);
    await eventually(() => proxy.engine.pools.openCount === 0);
  });

  test(`the backend may end first (${how})`, async (t) => {
    const { client, far, proxy } = await open(t, { secure });
    far.write('bye');
    far.end();
    assert.equal((await client.readAll()).toString(), 'bye');
    assert.equal(client.ending, 'end');
    client.write('still here');
    assert.equal((await far.read(10)).toString(), 'still here');
    client.end();
    await eventually(() => proxy.engine.pools.openCount === 0);
  });

  test(`20 MiB through each way, with a slow reader at either end (${how})`, async (t) => {
    const { client, far } = await open(t, { secure });
    const size = 20 * 1_048_576;
    for (const [from, to] of [
      [client, far],
      [far, client],
    ] as const) {
      const data = randomBytes(size);
      to.socket.pause();
      from.write(data);
      await standstill(() => from.socket.writableLength, 50);
      assert.ok(from.socket.writableLength > 0, 'the sender has to wait for the reader');
      to.socket.resume();
      assert.equal(hash(await to.read(size)), hash(data));
    }
  });
}

function hash(bytes: Buffer): string {
  return createHash('sha1').update(bytes).digest('hex');
}

test('the head of the request and of the response', async (t) => {
  let asked: string | undefined;
  const backend = await startBackend(t, async (peer) => {
    asked = (await peer.readHead()).text;
    peer.write(switching);
  });
  const proxy = await startProxy(t, [backend]);
  const client = await proxy.dial();
  client.write(upgrade('Sec-WebSocket-Key: abc=\r\n'));
  const head = await client.readHead();
  assert.match(asked ?? '', /\r\nConnection: Upgrade\r\nUpgrade: echo\r\n/i);
  assert.match(asked ?? '', /\r\nSec-WebSocket-Key: abc=\r\n/);
  assert.equal(head.get('connection')?.toLowerCase(), 'upgrade');
  assert.equal(head.get('upgrade'), 'echo');
  assert.equal(head.get('x-a'), '1');
});

test('data right behind the heads, on both sides, in one packet', async (t) => {
  const backend = await startBackend(t, async (peer) => {
    await peer.readHead();
    peer.write(`${switching}backend speaks first`);
    assert.equal(await peer.readTo('!'), 'so does the client!');
    peer.write('heard');
  });
  const proxy = await startProxy(t, [backend]);
  const client = await proxy.dial();
  client.write(`${upgrade()}so does the client!`);
  await client.readHead();
  assert.equal(await client.readTo('heard'), 'backend speaks firstheard');
});

test('much data right behind the head of a request that waits for a place', async (t) => {
  const size = 3_000_000;
  const backend = await startBackend(t, async (peer) => {
    const { head } = await peer.readRequest();
    if (head.target === '/first') {
      await peer.closed();
      return;
    }
    peer.write(switching);
    assert.equal((await peer.read(size)).length, size);
    peer.write('all');
  });
  const proxy = await startProxy(t, [backend], { route: { reqActiveLength: 1 } });
  const first = await proxy.dial();
  first.write(get('/first'));
  await eventually(() => proxy.route.queue.active === 1);
  const client = await proxy.dial();
  client.write(upgrade() + 'x'.repeat(size));
  await eventually(() => proxy.route.queue.queued === 1);
  first.reset();
  assert.equal((await client.readHead()).status, 101);
  assert.equal(await client.readTo('all'), 'all');
});

test('a reset of the client resets the backend', async (t) => {
  const { client, far, proxy } = await open(t);
  client.reset();
  assert.equal(await far.closed(), 'reset');
  await eventually(() => proxy.manager.connectionStats().tunnels === 0);
});

test('a reset of the backend resets the client', async (t) => {
  for (const secure of [false, true]) {
    const { client, far, proxy } = await open(t, { secure });
    // By TLS a test cannot send one; the socket below it is not to be had.
    if (secure) far.socket.destroy(new Error('gone'));
    else far.reset();
    const ending = await client.closed();
    if (!secure) assert.equal(ending, 'reset');
    client.end();
    await eventually(() => proxy.manager.connectionStats().tunnels === 0);
  }
});

test('a client that half-closed and then resets leaves nothing behind', async (t) => {
  const { client, far, proxy } = await open(t);
  client.end();
  await far.readAll();
  far.socket.on('drain', () => far.write(Buffer.alloc(100_000)));
  far.write(Buffer.alloc(5_000_000));
  await client.read(1000);
  client.reset();
  await eventually(() => proxy.manager.connectionStats().open === 0);
  await eventually(() => proxy.engine.pools.openCount === 0);
});

test('an upgrade that is refused stays HTTP', async (t) => {
  const backend = await startBackend(t, async (peer) => {
    await peer.readRequest();
    peer.write('HTTP/1.1 426 Upgrade Required\r\nUpgrade: other\r\nContent-Length: 2\r\n\r\nno');
    await echoTargets(peer);
  });
  const proxy = await startProxy(t, [backend]);
  const client = await proxy.dial();
  client.write(upgrade());
  const { head, body } = await client.readResponse();
  assert.equal(head.status, 426);
  assert.equal(body.toString(), 'no');
  client.write(get('/next'));
  assert.equal((await client.readResponse()).body.toString(), '/next');
  assert.equal(backend.peers.length, 1);
});

test('101 that nobody asked for is 502', async (t) => {
  const backend = await startBackend(t, async (peer) => {
    await peer.readRequest();
    peer.write(`${switching}HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\ntrick`);
  });
  const proxy = await startProxy(t, [backend]);
  for (const request of [get('/'), 'GET / HTTP/1.0\r\nHost: a\r\nConnection: upgrade\r\n\r\n']) {
    const client = await proxy.dial();
    client.write(request);
    assert.equal((await client.readResponse()).head.status, 502);
  }
});

test('101 before the request is complete is 502: its rest is no tunnel', async (t) => {
  const backend = await startBackend(t, async (peer) => {
    await peer.readHead();
    peer.write(switching);
  });
  const proxy = await startProxy(t, [backend]);
  const client = await proxy.dial();
  client.write(
    'POST / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: echo\r\nContent-Length: 9\r\n\r\nabc',
  );
  assert.equal((await client.readResponse()).head.status, 502);
});

test('101 behind the whole request with a body opens the tunnel', async (t) => {
  const backend = await startBackend(t, async (peer) => {
    const { body } = await peer.readRequest();
    peer.write(switching + body);
  });
  const proxy = await startProxy(t, [backend]);
  const client = await proxy.dial();
  client.write(
    'POST / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: echo\r\nContent-Length: 3\r\n\r\nabc',
  );
  assert.equal((await client.readHead()).status, 101);
  assert.equal((await client.read(3)).toString(), 'abc');
});

test('tunnels do not occupy the queue', async (t) => {
  const backend = await startBackend(t, async (peer) => {
    const { head } = await peer.readRequest();
    peer.write(head.target === '/tunnel' ? switching : ok('response'));
  });
  const proxy = await startProxy(t, [backend], {
    route: { reqActiveLength: 1, reqQueueLength: 0 },
  });
  const clients: Peer[] = [];
  for (let count = 0; count < 5; count++) {
    const client = await proxy.dial();
    client.write(upgrade());
    assert.equal((await client.readHead()).status, 101);
    clients.push(client);
  }
  assert.equal(proxy.engine.tunnels, 5);
  const client = await proxy.dial();
  client.write(get('/'));
  assert.equal((await client.readResponse()).body.toString(), 'response');
  for (const each of clients) each.reset();
  await eventually(() => proxy.engine.tunnels === 0);
  const { statuses, latency } = proxy.route.counter.snapshot(performance.now());
  assert.equal(statuses['1xx'], 5);
  assert.ok(latency.max < 1000);
});

test('a tunnel in which nothing moves is closed, one in which something does is not', async (t) => {
  const { client, far, proxy } = await open(t, { route: { timeouts: { tunnelIdleMs: 400 } } });
  for (let round = 0; round < 4; round++) {
    // Half of its patience, from either side.
    const [from, to] = round % 2 === 0 ? [client, far] : [far, client];
    await new Promise((resolve) => setTimeout(resolve, 200));
    from.write('x');
    await to.read(1);
  }
  assert.equal(client.ending, null);
  await client.closed();
  await far.closed();
  await eventually(() => proxy.manager.connectionStats().tunnels === 0);
});

test('CONNECT is refused where it is not allowed', async (t) => {
  const proxy = await startProxy(t, [await startBackend(t, echoTargets)]);
  const client = await proxy.dial();
  client.write('CONNECT example.test:443 HTTP/1.1\r\nHost: example.test:443\r\n\r\n');
  const { head } = await client.readResponse();
  assert.equal(head.status, 405);
  assert.match(head.get('allow') ?? '', /GET/);
  assert.equal(client.ending, null);
});

test('CONNECT that is allowed: 2xx opens a tunnel, its framing fields mean nothing', async (t) => {
  const backend = await startBackend(t, async (peer) => {
    const head = await peer.readHead();
    assert.equal(head.line, 'CONNECT example.test:443 HTTP/1.1');
    peer.write('HTTP/1.1 200 Connected\r\nContent-Length: 5\r\n\r\nhello');
    peer.write(await peer.readTo('!'));
  });
  const proxy = await startProxy(t, [backend], { route: { allowConnect: true } });
  const client = await proxy.dial();
  client.write('CONNECT example.test:443 HTTP/1.1\r\nHost: example.test:443\r\n\r\necho!');
  const head = await client.readHead();
  assert.equal(head.status, 200);
  assert.equal(head.get('content-length'), undefined);
  assert.equal(await client.readTo('!'), 'helloecho!');
  assert.equal(proxy.engine.tunnels, 1);
});

test('CONNECT that is allowed: other responses stay HTTP', async (t) => {
  const backend = await startBackend(t, async (peer) => {
    await peer.readHead();
    peer.write('HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno');
    await echoTargets(peer);
  });
  const proxy = await startProxy(t, [backend], { route: { allowConnect: true } });
  const client = await proxy.dial();
  client.write('CONNECT example.test:443 HTTP/1.1\r\nHost: example.test:443\r\n\r\n');
  const { head, body } = await client.readResponse();
  assert.equal(head.status, 403);
  assert.equal(body.toString(), 'no');
  client.write(get('/next'));
  assert.equal((await client.readResponse()).body.toString(), '/next');
});

test('WebSocket: the built-in client talks through it, both ways, and closes', async (t) => {
  const backend = await startBackend(t, async (peer) => {
    const head = await peer.readHead();
    const guid = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';
    const key = head.get('sec-websocket-key') ?? '';
    const accept = createHash('sha1')
      .update(key + guid)
      .digest('base64');
    peer.write(
      'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n' +
        `Sec-WebSocket-Accept: ${accept}\r\n\r\n`,
    );
    for (;;) {
      const { code, data } = await readFrame(peer);
      peer.write(frame(code, data));
      if (code === 8) return peer.end();
    }
  });
  const proxy = await startProxy(t, [backend]);
  const socket = new WebSocket(`ws://127.0.0.1:${proxy.port}/chat`);
  await once(socket, 'open');
  for (const text of ['hello', 'ä'.repeat(50_000)]) {
    const answer = once(socket, 'message') as Promise<[MessageEvent]>;
    socket.send(text);
    assert.equal((await answer)[0].data, text);
  }
  const closed = once(socket, 'close') as Promise<[CloseEvent]>;
  socket.close(1000, 'done');
  const [{ code, wasClean }] = await closed;
  assert.deepEqual([code, wasClean], [1000, true]);
  await eventually(() => proxy.engine.tunnels === 0);
});

/** Reads a masked frame (RFC 6455 §5.2). */
async function readFrame(peer: Peer): Promise<{ code: number; data: Buffer }> {
  const [first = 0, second = 0] = await peer.read(2);
  let length = second & 127;
  if (length === 126) length = (await peer.read(2)).readUInt16BE();
  else if (length === 127) length = Number((await peer.read(8)).readBigUInt64BE());
  const mask = Buffer.from(await peer.read(4));
  const data = Buffer.from(await peer.read(length));
  for (let at = 0; at < length; at++) data[at] = (data[at] as number) ^ (mask[at % 4] as number);
  return { code: first & 15, data };
}

/** A final frame without a mask. */
function frame(code: number, data: Buffer): Buffer {
  const head = Buffer.alloc(data.length < 126 ? 2 : data.length < 65_536 ? 4 : 10);
  head[0] = 128 | code;
  head[1] = data.length < 126 ? data.length : data.length < 65_536 ? 126 : 127;
  if (head.length === 4) head.writeUInt16BE(data.length, 2);
  else if (head.length === 10) head.writeBigUInt64BE(BigInt(data.length), 2);
  return Buffer.concat([head, data]);
}

import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import {
  eventually,
  get,
  type IProxy,
  ok,
  post,
  standstill,
  startBackend,
  startProxy,
} from './suites/engine.ts';
import { type Peer, PeerClosed } from './suites/peer.ts';

const both = [
  { how: 'plain', secure: false },
  { how: 'TLS', secure: true },
];

/** A proxy to a backend that answers with these bytes and then ends in some way. */
async function broken(
  context: TestContext,
  response: string,
  ending: (peer: Peer) => void,
  tls = false,
): Promise<IProxy> {
  const backend = await startBackend(
    context,
    async (peer) => {
      await peer.readRequest();
      if (response !== '') await peer.send(response);
      ending(peer);
    },
    { tls },
  );
  return startProxy(context, [backend]);
}

const end = (peer: Peer) => peer.end();
const reset = (peer: Peer) => peer.reset();

const cutOff = [
  {
    name: 'Content-Length that is not reached',
    response: 'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nsome',
  },
  {
    name: 'chunked without its last chunk',
    response: 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nsome\r\n',
  },
  {
    name: 'chunked in the middle of a chunk',
    response: 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n8\r\nsome',
  },
  {
    name: 'chunked in its trailer section',
    response: 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nsome\r\n0\r\nX: 1\r\n',
  },
  {
    name: 'a chunk that is none',
    response: 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nsome\r\nzzz\r\n\r\n',
  },
];

for (const { name, response } of cutOff) {
  for (const { how, secure } of both) {
    test(`backend breaks off, ${name}: the client does not take it for complete (${how})`, async (t) => {
      const proxy = await broken(t, response, end);
      const client = secure ? await proxy.dialTls() : await proxy.dial();
      client.write(get('/'));
      await assert.rejects(client.readResponse(), PeerClosed);
      assert.ok(!client.pending.includes('0\r\n\r\n'));
      assert.equal(proxy.manager.tracker.total.snapshot(performance.now()).statuses.aborted, 1);
    });

    test(`the same, HTTP/1.0 client: reset (${how})`, async (t) => {
      const proxy = await broken(t, response, end);
      const client = secure ? await proxy.dialTls() : await proxy.dial();
      client.write('GET / HTTP/1.0\r\nHost: a\r\n\r\n');
      await assert.rejects(client.readResponse(), PeerClosed);
      // Where a length says how much there is, the end itself need not say it.
      if (!name.startsWith('Content-Length')) assert.equal(client.ending, 'reset');
    });
  }
}

for (const { how, secure } of both) {
  test(`until close that ends by RST is not complete (${how})`, async (t) => {
    const response = 'HTTP/1.1 200 OK\r\n\r\nsome';
    const proxy = await broken(t, response, reset);
    for (const version of ['1.1', '1.0']) {
      const client = secure ? await proxy.dialTls() : await proxy.dial();
      client.write(`GET / HTTP/${version}\r\nHost: a\r\n\r\n`);
      await assert.rejects(client.readResponse(), PeerClosed);
      if (version === '1.0') assert.equal(client.ending, 'reset');
    }
  });

  test(`backend resets before its response: 502, and the connection goes on (${how})`, async (t) => {
    const proxy = await broken(t, '', reset);
    const client = secure ? await proxy.dialTls() : await proxy.dial();
    for (let round = 0; round < 2; round++) {
      client.write(get('/'));
      const { head, body } = await client.readResponse();
      assert.equal(head.status, 502);
      assert.match(body.toString(), /^502 Bad Gateway\nBAD_GATEWAY [\w-]+\n$/);
    }
  });

  test(`client resets in the middle of a response: the backend is let go (${how})`, async (t) => {
    let closed: Promise<string> | undefined;
    const backend = await startBackend(t, async (peer) => {
      await peer.readRequest();
      peer.write('HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n');
      closed = peer.closed();
      const goOn = () => {
        while (!peer.socket.destroyed && peer.socket.write(Buffer.alloc(10_000)));
      };
      peer.socket.on('drain', goOn);
      goOn();
    });
    const proxy = await startProxy(t, [backend], { route: { reqActiveLength: 1 } });
    const client = secure ? await proxy.dialTls() : await proxy.dial();
    client.write(get('/'));
    await client.readHead();
    if (secure) client.socket.destroy();
    else client.reset();
    assert.notEqual(await closed, null);
    await eventually(() => proxy.route.queue.active === 0);
    assert.equal(proxy.manager.tracker.total.snapshot(performance.now()).statuses.aborted, 1);
  });
}

test('client resets in the middle of its request: the backend is let go', async (t) => {
  let closed: Promise<string> | undefined;
  const backend = await startBackend(t, async (peer) => {
    await peer.readHead();
    await peer.read(5);
    closed = peer.closed();
  });
  const proxy = await startProxy(t, [backend]);
  const client = await proxy.dial();
  client.write(post('/', '0123456789').slice(0, -5));
  await eventually(() => closed !== undefined);
  client.reset();
  await closed;
  await eventually(() => proxy.route.queue.active === 0);
});

test('client sends FIN in the middle of its request: the backend is let go', async (t) => {
  let closed: Promise<string> | undefined;
  const backend = await startBackend(t, async (peer) => {
    await peer.readHead();
    await peer.read(5);
    closed = peer.closed();
  });
  const proxy = await startProxy(t, [backend]);
  const client = await proxy.dial();
  client.write(post('/', '0123456789').slice(0, -5));
  await eventually(() => closed !== undefined);
  client.end();
  await closed;
  assert.notEqual(await client.closed(), null);
  await eventually(() => proxy.route.queue.active === 0);
});

test('client leaves while its request waits in the queue: it is taken out', async (t) => {
  const backend = await startBackend(t, async (peer) => {
    await peer.readRequest();
  });
  const proxy = await startProxy(t, [backend], { route: { reqActiveLength: 1 } });
  const first = await proxy.dial();
  first.write(get('/'));
  await eventually(() => proxy.route.queue.active === 1);
  for (const leave of [(peer: Peer) => peer.reset(), (peer: Peer) => peer.end()]) {
    const second = await proxy.dial();
    second.write(get('/'));
    await eventually(() => proxy.route.queue.queued === 1);
    leave(second);
    await eventually(() => proxy.route.queue.queued === 0);
    assert.notEqual(await second.closed(), null);
  }
  assert.equal(proxy.route.counter.queued, 0);
});

test('client leaves the queue of a route that was removed meanwhile', async (t) => {
  const backend = await startBackend(t, async (peer) => {
    await peer.readRequest();
  });
  const proxy = await startProxy(t, [backend], { route: { reqActiveLength: 1 } });
  const [first, second] = [await proxy.dial(), await proxy.dial()];
  first.write(get('/'));
  await eventually(() => proxy.route.queue.active === 1);
  second.write(get('/'));
  await eventually(() => proxy.route.queue.queued === 1);
  proxy.manager.router.removeRoute('all');
  second.reset();
  await eventually(() => proxy.route.queue.queued === 0);
  first.reset();
  await eventually(() => proxy.route.queue.active === 0);
});

test('client leaves while the backend is being connected to', async (t) => {
  // A handshake that the backend never answers.
  const { input } = await startBackend(t, () => undefined);
  const proxy = await startProxy(t, [], {
    route: { backends: [{ ...input, tls: {} }], timeouts: { connectMs: 0 } },
  });
  const client = await proxy.dial();
  client.write(get('/'));
  await eventually(() => proxy.route.queue.active === 1);
  client.reset();
  await eventually(() => proxy.route.queue.active === 0);
  await eventually(() => proxy.engine.pools.openCount === 0);
});

for (const tls of [false, true]) {
  const to = tls ? 'TLS backend' : 'backend';

  test(`${to} refuses a body with 413 while it arrives, and reads on: the connection goes on`, async (t) => {
    const backend = await startBackend(
      t,
      async (peer) => {
        for (;;) {
          const head = await peer.readHead();
          peer.write(head.method === 'POST' ? ok('no').replace('200 OK', '413 No') : ok('yes'));
          if (head.method === 'POST') peer.socket.resume();
        }
      },
      { tls },
    );
    const proxy = await startProxy(t, [backend]);
    const client = await proxy.dial();
    client.write(post('/', 'x'.repeat(500_000)));
    const { head } = await client.readResponse();
    assert.equal(head.status, 413);
    client.write(get('/'));
    assert.equal((await client.readResponse()).body.toString(), 'yes');
  });

  test(`${to} refuses a body that is too big to be read: the connection is closed`, async (t) => {
    const backend = await startBackend(
      t,
      async (peer) => {
        await peer.readHead();
        peer.write(ok('no').replace('200 OK', '413 No'));
      },
      { tls },
    );
    const proxy = await startProxy(t, [backend]);
    const client = await proxy.dial();
    client.write('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000000\r\n\r\n');
    assert.equal((await client.readResponse()).head.status, 413);
    const piece = Buffer.alloc(100_000);
    let sent = 0;
    while (client.ending === null && sent < 300_000_000) {
      sent += piece.length;
      await client.send(piece).catch((error: unknown) => {
        assert.ok(error instanceof PeerClosed);
      });
    }
    assert.notEqual(client.ending, null, 'the body is not read for ever');
  });
}

test('backend refuses a body and closes at once, with bytes unread: its answer is passed on', async (t) => {
  const backend = await startBackend(t, async (peer) => {
    await peer.readHead();
    peer.socket.pause();
    await peer.send('HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno');
    peer.socket.destroy();
  });
  const proxy = await startProxy(t, [backend]);
  const statuses: number[] = [];
  for (let round = 0; round < 30; round++) {
    const client = await proxy.dial();
    client.write('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000000\r\n\r\n');
    const piece = Buffer.alloc(20_000);
    const goOn = () => {
      while (!client.socket.destroyed && client.bytesRead === 0 && client.socket.write(piece));
    };
    client.socket.on('drain', goOn);
    goOn();
    statuses.push((await client.readResponse()).head.status);
    client.reset();
  }
  assert.deepEqual(new Set(statuses), new Set([413]));
});
test('backend sends its whole response and closes while the body still arrives', async (t) => {
  const backend = await startBackend(t, async (peer) => {
    await peer.readHead();
    peer.write('HTTP/1.1 200 OK\r\n\r\nuntil close');
    peer.end();
  });
  const proxy = await startProxy(t, [backend]);
  const client = await proxy.dial();
  client.write(post('/', 'x'.repeat(100_000)));
  assert.equal((await client.readResponse()).body.toString(), 'until close');
});

test('a client that never reads is given up, with RST', async (t) => {
  const backend = await startBackend(t, async (peer) => {
    await peer.readRequest();
    peer.write('HTTP/1.1 200 OK\r\n\r\n');
    peer.write(Buffer.alloc(30_000_000));
    peer.end();
  });
  const proxy = await startProxy(t, [backend], { web: { timeouts: { responseMs: 300 } } });
  const client = await proxy.dial();
  client.write('GET / HTTP/1.0\r\nHost: a\r\n\r\n');
  await client.readHead();
  client.socket.pause();
  await eventually(() => proxy.manager.connectionStats().open === 0);
  client.socket.resume();
  assert.equal(await client.closed(), 'reset');
  await standstill(() => proxy.engine.pools.openCount, 20);
  assert.equal(proxy.engine.pools.openCount, 0);
});

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Endpoint } from '../ts/proxy/endpoint.ts';
import {
  echoTargets,
  eventually,
  get,
  type IProxy,
  ok,
  post,
  startBackend,
  startProxy,
} from './suites/engine.ts';
import { dial, Peer } from './suites/peer.ts';

for (const tls of [false, true]) {
  const what = tls ? 'TLS connections' : 'connections';

  test(`${what} are used again, the one used last first`, async (t) => {
    const served: number[] = [];
    const backend = await startBackend(
      t,
      async (peer, index) => {
        for (;;) {
          const { head } = await peer.readRequest();
          served.push(index);
          // Both of the first two are under way at once.
          if (head.target === '/both') await eventually(() => served.length >= 2);
          peer.write(ok(''));
        }
      },
      { tls },
    );
    const proxy = await startProxy(t, [backend]);
    const [one, two] = [await proxy.dial(), await proxy.dial()];
    one.write(get('/both'));
    two.write(get('/both'));
    await one.readResponse();
    await two.readResponse();
    assert.deepEqual(served.toSorted(), [0, 1]);
    assert.equal(proxy.manager.idleConnections(endpointOf(proxy)), 2);
    for (let round = 0; round < 4; round++) {
      one.write(get('/'));
      await one.readResponse();
    }
    assert.equal(backend.peers.length, 2);
    assert.equal(new Set(served.slice(2)).size, 1);
  });

  test(`${what} beyond keepAliveMax are closed`, async (t) => {
    let arrived = 0;
    const backend = await startBackend(
      t,
      async (peer) => {
        await peer.readRequest();
        arrived++;
        await eventually(() => arrived === 3);
        peer.write(ok(''));
        await peer.readRequest();
      },
      { tls },
    );
    const proxy = await startProxy(t, [backend], { route: { keepAliveMax: 1 } });
    const clients = await Promise.all([proxy.dial(), proxy.dial(), proxy.dial()]);
    for (const client of clients) client.write(get('/'));
    for (const client of clients) await client.readResponse();
    await eventually(() => proxy.engine.pools.openCount === 1);
    assert.equal(proxy.manager.idleConnections(endpointOf(proxy)), 1);
  });

  test(`${what} that are idle for too long are closed`, async (t) => {
    const backend = await startBackend(t, echoTargets, { tls });
    const proxy = await startProxy(t, [backend], { web: { timeouts: { upstreamIdleMs: 100 } } });
    const client = await proxy.dial();
    client.write(get('/'));
    await client.readResponse();
    assert.equal(proxy.manager.idleConnections(endpointOf(proxy)), 1);
    await eventually(() => proxy.engine.pools.openCount === 0);
    assert.notEqual(await backend.peers[0]?.closed(), null);
    client.write(get('/again'));
    assert.equal((await client.readResponse()).body.toString(), '/again');
  });

  test(`a backend that speaks on idle ${what} is not heard`, async (t) => {
    const backend = await startBackend(t, echoTargets, { tls });
    const proxy = await startProxy(t, [backend]);
    const client = await proxy.dial();
    for (const target of ['/1', '/2', '/3']) {
      client.write(get(target));
      assert.equal((await client.readResponse()).body.toString(), target);
      assert.equal(proxy.manager.idleConnections(endpointOf(proxy)), 1);
      backend.peers.at(-1)?.write('HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison');
      await eventually(() => proxy.engine.pools.openCount === 0);
    }
    assert.equal(client.pending.length, 0);
    assert.equal(backend.peers.length, 3);
  });
}

function endpointOf({ route }: IProxy): Endpoint {
  return route.endpoints[0] as Endpoint;
}

test('what a backend sends behind its response never reaches a client', async (t) => {
  const backend = await startBackend(t, async (peer) => {
    const { head } = await peer.readRequest();
    peer.write(`${ok(head.target)}HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison`);
  });
  const proxy = await startProxy(t, [backend]);
  const client = await proxy.dial();
  for (const target of ['/1', '/2', '/3']) {
    client.write(get(target));
    assert.equal((await client.readResponse()).body.toString(), target);
  }
  assert.equal(client.pending.length, 0);
  assert.equal(backend.peers.length, 3);
});

test('a backend that closes every connection is served by new ones', async (t) => {
  for (const lines of ['Connection: close\r\n', '']) {
    const backend = await startBackend(t, async (peer) => {
      const { head } = await peer.readRequest();
      peer.write(ok(head.target, lines));
      peer.end();
    });
    const proxy = await startProxy(t, [backend]);
    const client = await proxy.dial();
    for (let round = 0; round < 20; round++) {
      client.write(get(`/${round}`));
      const { head, body } = await client.readResponse();
      assert.equal(body.toString(), `/${round}`);
      assert.equal(head.get('connection'), undefined);
    }
    await eventually(() => proxy.engine.pools.openCount === 0);
  }
});

const stale = [
  { name: 'GET', request: get('/x'), status: 200 },
  { name: 'HEAD', request: get('/x').replace('GET', 'HEAD'), status: 200 },
  { name: 'PUT with its body', request: post('/x', 'y'.repeat(60_000), '', 'PUT'), status: 200 },
  {
    name: 'chunked PUT with its body',
    request:
      'PUT /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n' +
      '3\r\nyyy\r\n2\r\nyy\r\n0\r\nX-T: 1\r\n\r\n',
    status: 200,
  },
  { name: 'DELETE', request: get('/x').replace('GET', 'DELETE'), status: 200 },
  { name: 'POST', request: post('/x', 'y'), status: 502 },
  { name: 'POST without a body', request: post('/x', ''), status: 502 },
  { name: 'PATCH', request: post('/x', 'y', '', 'PATCH'), status: 502 },
];

for (const { name, request, status } of stale) {
  for (const how of ['end', 'reset'] as const) {
    test(`${name} on a connection that the backend just closed (${how}): ${status}`, async (t) => {
      const seen: string[] = [];
      const backend = await startBackend(t, async (peer, index) => {
        if (index === 0) {
          await peer.readRequest();
          peer.write(ok('first'));
        }
        // The proxy can only learn of the close when it has sent the next request.
        const { head, body, trailers } = await peer.readRequest();
        seen.push(`${head.method} ${body.length} ${trailers}`);
        if (index > 0) peer.write(ok(''));
        else if (how === 'end') peer.end();
        else peer.reset();
      });
      const proxy = await startProxy(t, [backend]);
      const client = await proxy.dial();
      client.write(get('/first'));
      await client.readResponse();
      client.write(request);
      const { head } = await client.readResponse(name === 'HEAD' ? 'HEAD' : 'GET');
      assert.equal(head.status, status);
      assert.equal(new Set(seen).size, 1, 'the same request, twice at most');
      assert.equal(seen.length, status === 200 ? 2 : 1);
      assert.equal(proxy.route.endpoints[0]?.failureCount, 0, 'its age is no failure');
      assert.equal(proxy.route.counter.retries, status === 200 ? 1 : 0);
    });
  }
}

test('a body that is too big to be kept is not sent twice', async (t) => {
  const backend = await startBackend(t, async (peer) => {
    await peer.readRequest();
    peer.write(ok('first'));
    await peer.readRequest();
    peer.end();
  });
  const proxy = await startProxy(t, [backend]);
  const client = await proxy.dial();
  client.write(get('/'));
  await client.readResponse();
  client.write(post('/', 'x'.repeat(70_000), '', 'PUT'));
  assert.equal((await client.readResponse()).head.status, 502);
  assert.equal(backend.peers.length, 1);
});

test('an idle connection that the backend closed is not taken, even for POST', async (t) => {
  const backend = await startBackend(t, async (peer) => {
    for (;;) {
      const { head } = await peer.readRequest();
      peer.write(ok(head.target));
    }
  });
  const proxy = await startProxy(t, [backend]);
  const clients = await Promise.all(Array.from({ length: 8 }, () => proxy.dial()));
  for (let round = 0; round < 30; round++) {
    for (const client of clients) client.write(get('/warm'));
    for (const client of clients) await client.readResponse();
    // The ends and the next requests arrive in the same turn of the event loop, in this order.
    const peers = backend.peers.splice(0);
    if (round % 2 === 0) await Promise.all(peers.map(({ socket }) => endOf(socket)));
    else for (const peer of peers) peer.reset();
    for (const client of clients) client.write(post('/post', 'x'));
    for (const client of clients) {
      assert.equal((await client.readResponse()).body.toString(), '/post');
    }
  }
});

/** Sends FIN; resolves when it has left. */
function endOf(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    socket.end(resolve);
  });
}

test('unix sockets: requests go through, and a missing one is 502', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'dcrouter-'));
  const socketPath = join(folder, 'backend.sock');
  const peers: Peer[] = [];
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    const peer = new Peer(socket);
    peers.push(peer);
    echoTargets(peer).catch(() => socket.destroy());
  });
  server.listen(socketPath);
  t.after(() => {
    for (const { socket } of peers) socket.destroy();
    server.close();
    rmSync(folder, { recursive: true, force: true });
  });
  const backends = [{ hostname: 'local', port: 1, socketPath }];
  const proxy = await startProxy(t, [], { route: { backends, upstreamHost: 'backend' } });
  const client = await proxy.dial();
  for (const target of ['/1', '/2']) {
    client.write(get(target));
    assert.equal((await client.readResponse()).body.toString(), target);
  }
  assert.equal(peers.length, 1);
  const gone = { ...backends[0], socketPath: join(folder, 'gone.sock') };
  const other = await startProxy(t, [], { route: { backends: [gone as (typeof backends)[0]] } });
  const second = await other.dial();
  second.write(get('/'));
  assert.equal((await second.readResponse()).head.status, 502);
});

test('a pool is forgotten with its last connection, and used on by who knows it', async (t) => {
  const backend = await startBackend(t, echoTargets);
  const proxy = await startProxy(t, [backend], { web: { timeouts: { upstreamIdleMs: 50 } } });
  const known = () => (proxy.engine.pools as unknown as { pools: Map<string, unknown> }).pools.size;
  const client = await proxy.dial();
  for (let round = 0; round < 2; round++) {
    client.write(get('/'));
    await client.readResponse();
    assert.equal(known(), 1);
    await eventually(() => proxy.engine.pools.openCount === 0);
    assert.equal(known(), 0);
  }
});

test('after stop() and start() connections still expire', async (t) => {
  const backend = await startBackend(t, echoTargets);
  const proxy = await startProxy(t, [backend], { web: { timeouts: { upstreamIdleMs: 50 } } });
  const client = await proxy.dial();
  client.write(get('/'));
  await client.readResponse();
  await proxy.manager.stop(0);
  await eventually(() => proxy.engine.pools.openCount === 0);
  await proxy.manager.start();
  const again = await dial(proxy.manager.addresses().http?.port ?? 0);
  t.after(() => again.socket.destroy());
  again.write(get('/'));
  await again.readResponse();
  assert.equal(proxy.engine.pools.openCount, 1);
  await eventually(() => proxy.engine.pools.openCount === 0);
});

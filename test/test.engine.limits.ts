import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  clientsOf,
  echoTargets,
  eventually,
  get,
  ok,
  post,
  startBackend,
  startProxy,
} from './suites/engine.ts';
import type { Peer } from './suites/peer.ts';

const chunkedHead = 'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n';

test('bodyBytesMax: a length above it is refused before a backend is asked', async (t) => {
  const backend = await startBackend(t, echoTargets);
  const proxy = await startProxy(t, [backend], { route: { limits: { bodyBytesMax: 1000 } } });
  for (const client of [await proxy.dial(), await proxy.dialTls()]) {
    client.write(post('/small', 'x'.repeat(1000)));
    assert.equal((await client.readResponse()).body.toString(), '/small');
    client.write(post('/big', 'x'.repeat(1001)));
    const { head, body } = await client.readResponse();
    assert.equal(head.status, 413);
    assert.match(body.toString(), /^413 Payload Too Large\nBODY_TOO_LARGE /);
    assert.equal(await client.closed(), 'end');
  }
});

test('bodyBytesMax: a chunked body is stopped where it goes beyond', async (t) => {
  const backend = await startBackend(t, () => undefined);
  const proxy = await startProxy(t, [backend], { route: { limits: { bodyBytesMax: 1000 } } });
  const client = await proxy.dial();
  client.write(`${chunkedHead}3e8\r\n${'x'.repeat(1000)}\r\n`);
  await eventually(() => (backend.peers[0]?.bytesRead ?? 0) > 1000);
  client.write('1\r\nx\r\n');
  const { head } = await client.readResponse();
  assert.equal(head.status, 413);
  assert.equal(head.get('connection'), 'close');
  assert.equal(await client.closed(), 'end');
  await eventually(() => proxy.engine.pools.openCount === 0);
});

test('bodyBytesMax: beyond it while the response is under way: both break off', async (t) => {
  const backend = await startBackend(t, async (peer) => {
    await peer.readHead();
    peer.write('HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nsome');
  });
  const proxy = await startProxy(t, [backend], { route: { limits: { bodyBytesMax: 10 } } });
  const client = await proxy.dial();
  client.write(`${chunkedHead}1\r\nx\r\n`);
  assert.equal((await client.readHead()).status, 200);
  client.write(`20\r\n${'x'.repeat(32)}\r\n`);
  assert.equal((await client.readAll()).toString(), 'some');
  assert.equal(backend.peers.length, 1);
});

test('a chunk that is none is 400, and the backend does not get a whole request', async (t) => {
  const backend = await startBackend(t, async (peer) => {
    await peer.readHead();
    await peer.closed();
    assert.ok(!peer.pending.includes('0\r\n\r\n'));
  });
  const proxy = await startProxy(t, [backend]);
  const client = await proxy.dial();
  client.write(`${chunkedHead}3\r\nabc\r\n`);
  await eventually(() => (backend.peers[0]?.bytesRead ?? 0) > 0);
  client.write('zz\r\n\r\n');
  assert.equal((await client.readResponse()).head.status, 400);
  assert.equal(await client.closed(), 'end');
  assert.notEqual(await backend.peers[0]?.closed(), null);
});

test('responseHeadBytesMax: a bigger head is 502, in one piece or in many', async (t) => {
  const backend = await startBackend(t, async (peer) => {
    const { head } = await peer.readRequest();
    const response = `HTTP/1.1 200 OK\r\nX-A: ${'x'.repeat(5000)}\r\nContent-Length: 0\r\n\r\n`;
    if (head.target === '/one') return peer.write(response);
    for (let at = 0; at < response.length; at += 500) {
      if (peer.ending === null) await peer.send(response.slice(at, at + 500));
    }
  });
  const limits = { responseHeadBytesMax: 4000 };
  const proxy = await startProxy(t, [backend], { route: { limits } });
  const client = await proxy.dial();
  // The second and third ones are recognised as repetitions.
  for (const target of ['/one', '/one', '/one', '/many']) {
    client.write(get(target));
    assert.equal((await client.readResponse()).head.status, 502);
  }
  assert.equal(proxy.route.endpoints[0]?.failureCount, 0);
});

test('a response that is none is 502, and the backend is not dead', async (t) => {
  const responses = [
    'HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n',
    'HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
    'HTTP/2.0 200 OK\r\n\r\n',
    'HTTP/1.1 200 OK\r\nX A: 1\r\n\r\n',
    'SSH-2.0-OpenSSH_9.6\r\n',
  ];
  const backend = await startBackend(t, async (peer) => {
    const { head } = await peer.readRequest();
    peer.write(responses[Number(head.target.slice(1))] as string);
  });
  const proxy = await startProxy(t, [backend], { route: { health: { failuresMax: 1 } } });
  const client = await proxy.dial();
  for (let index = 0; index < responses.length; index++) {
    client.write(get(`/${index}`));
    assert.equal((await client.readResponse()).head.status, 502, responses[index]);
  }
  assert.equal(proxy.route.endpoints[0]?.isDead, false);
});

test('answers of ours keep the connection when the rest of the body is small', async (t) => {
  const backend = await startBackend(t, echoTargets);
  const proxy = await startProxy(t, [backend], {
    web: {
      hooks: {
        onRequest: ({ uri, respond }) => {
          if (uri === '/no') respond(401);
        },
      },
    },
  });
  const client = await proxy.dial();
  client.write(post('/no', 'x'.repeat(100_000)) + get('/next'));
  const { head } = await client.readResponse();
  assert.equal(head.status, 401);
  assert.equal(head.get('connection'), undefined);
  assert.equal((await client.readResponse()).body.toString(), '/next');
  // But not when nobody knows whether it will come at all.
  client.write(post('/no', 'x', 'Expect: 100-continue\r\n').slice(0, -1));
  assert.equal((await client.readResponse()).head.get('connection'), 'close');
  assert.equal(await client.closed(), 'end');
});

test('hooks that ask for what cannot be are a 500, at once or later', async (t) => {
  const backend = await startBackend(t, echoTargets);
  const errors: unknown[] = [];
  const onError = (error: unknown) => errors.push(error);
  process.on('uncaughtException', onError);
  process.on('unhandledRejection', onError);
  t.after(() => {
    process.off('uncaughtException', onError);
    process.off('unhandledRejection', onError);
  });
  const proxy = await startProxy(t, [backend], {
    web: {
      hooks: {
        onRequest: ({ uri, respond, removeHeader, setHeader }) => {
          const act = () => {
            if (uri.includes('remove')) removeHeader('no name');
            if (uri.includes('respond')) respond(200, { 'X-A': 'a\r\nX-B: b' });
            if (uri.includes('status')) respond(100);
            if (uri.includes('length')) setHeader('Content-Length', '5');
            if (uri.includes('coding')) setHeader('transfer-encoding', 'chunked');
          };
          if (!uri.startsWith('/later')) return act();
          return Promise.resolve().then(act);
        },
        onResponse: ({ setHeader }) => setHeader('Content-Length', '1'),
      },
    },
  });
  const client = await proxy.dial();
  for (const when of ['/now', '/later']) {
    for (const what of ['remove', 'respond', 'status', 'length', 'coding']) {
      client.write(get(`${when}-${what}`));
      assert.equal((await client.readResponse()).head.status, 500, `${when} ${what}`);
    }
  }
  client.write(get('/fine'));
  assert.equal((await client.readResponse()).body.toString(), '/fine');
  assert.deepEqual(errors, []);
});

for (const secure of [false, true]) {
  const how = secure ? ' (TLS)' : '';

  test(`stop(): what is under way ends, with Connection: close; idle connections close${how}`, async (t) => {
    let release = () => {};
    const released = new Promise<void>((resolve) => {
      release = resolve;
    });
    const backend = await startBackend(t, async (peer) => {
      const { head } = await peer.readRequest();
      await released;
      peer.write(ok(head.target));
    });
    const proxy = await startProxy(t, [backend]);
    const dial = (): Promise<Peer> => (secure ? proxy.dialTls() : proxy.dial());
    const [idle, fresh, busy, partial] = await Promise.all([dial(), dial(), dial(), dial()]);
    idle.write(get('/').replace('example.test', 'a..b'));
    await idle.readResponse();
    busy.write(get('/busy') + get('/pipelined'));
    partial.write('GET /partial HTTP/1.1\r\nHo');
    await eventually(() => proxy.route.queue.active === 1);
    const inside = () => clientsOf(proxy, secure ? 'https' : 'http');
    await eventually(() => inside().some(({ stash }) => stash?.includes('/partial') === true));

    const stopped = proxy.manager.stop(5000);
    assert.equal(await fresh.closed(), 'end');
    assert.equal(await idle.closed(), 'end');
    partial.write('st: a\r\n\r\n');
    await eventually(() => proxy.route.queue.active === 2);
    release();
    for (const [client, target] of [
      [busy, '/busy'],
      [partial, '/partial'],
    ] as const) {
      const { head, body } = await client.readResponse();
      assert.equal(body.toString(), target);
      assert.equal(head.get('connection'), 'close');
      assert.equal((await client.readAll()).length, 0);
    }
    for (const client of [idle, fresh, busy, partial]) client.end();
    assert.equal(await stopped, true);
    await eventually(() => proxy.engine.pools.openCount === 0);
  });
}

test('stop(): a connection in use gets one more answer, which says that it is the last', async (t) => {
  const backend = await startBackend(t, async (peer) => {
    for (;;) peer.write(ok((await peer.readRequest()).head.target));
  });
  const proxy = await startProxy(t, [backend]);
  const [used, opened] = await Promise.all([proxy.dial(), proxy.dial()]);
  used.write(get('/before'));
  assert.equal((await used.readResponse()).head.get('connection'), undefined);
  await eventually(() => clientsOf(proxy, 'http').length === 2);

  const stopped = proxy.manager.stop(5000);
  for (const client of [used, opened]) {
    client.write(get('/after'));
    const { head, body } = await client.readResponse();
    assert.equal(body.toString(), '/after');
    assert.equal(head.get('connection'), 'close');
    assert.equal(await client.closed(), 'end');
    client.end();
  }
  assert.equal(await stopped, true);
});

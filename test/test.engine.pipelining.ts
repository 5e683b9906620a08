import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  clientsOf,
  echoTargets,
  eventually,
  get,
  ok,
  post,
  standstill,
  startBackend,
  startProxy,
} from './suites/engine.ts';
import { randomFrom } from './suites/random.ts';

for (const secure of [false, true]) {
  const how = secure ? ' by TLS' : '';

  test(`100 requests in one packet are answered in order${how}`, async (t) => {
    const backend = await startBackend(t, echoTargets);
    const proxy = await startProxy(t, [backend]);
    const client = secure ? await proxy.dialTls() : await proxy.dial();
    const targets = Array.from({ length: 100 }, (_, index) => `/${index}`);
    client.write(targets.map((target) => get(target)).join(''));
    for (const target of targets) {
      assert.equal((await client.readResponse()).body.toString(), target);
    }
    assert.equal(client.ending, null);
    assert.equal(backend.peers.length, 1);
  });

  test(`requests with bodies, without, and those that we answer, in one stream${how}`, async (t) => {
    const backend = await startBackend(t, async (peer) => {
      for (;;) {
        const { head, body } = await peer.readRequest();
        peer.write(ok(`${head.method} ${head.target} ${body.length}`));
      }
    });
    const proxy = await startProxy(t, [backend], { route: { vHost: 'example.test' } });
    const random = randomFrom(7);
    const requests: string[] = [];
    const expected: string[] = [];
    for (let index = 0; index < 150; index++) {
      const size = random(4) === 0 ? random(200_000) : random(50);
      const body = 'b'.repeat(size);
      switch (random(5)) {
        case 0:
          requests.push(get(`/${index}`));
          expected.push(`GET /${index} 0`);
          break;
        case 1:
          requests.push(post(`/${index}`, body, '', 'PUT'));
          expected.push(`PUT /${index} ${size}`);
          break;
        case 2: {
          const chunk = size === 0 ? '' : `${size.toString(16)}\r\n${body}\r\n`;
          const lines = 'Host: example.test\r\nTransfer-Encoding: chunked\r\n';
          requests.push(`POST /${index} HTTP/1.1\r\n${lines}\r\n${chunk}0\r\nX-T: 1\r\n\r\n`);
          expected.push(`POST /${index} ${size}`);
          break;
        }
        case 3:
          requests.push(get(`/${index}`).replace('example.test', 'unknown.test'));
          expected.push('404');
          break;
        default:
          requests.push(get('/same'));
          expected.push('GET /same 0');
      }
    }
    const client = secure ? await proxy.dialTls() : await proxy.dial();
    client.write(requests.join(''));
    for (const text of expected) {
      const { head, body } = await client.readResponse();
      assert.equal(text === '404' ? String(head.status) : body.toString(), text);
    }
    assert.equal(client.ending, null);
  });
}

test('requests behind one whose body is thrown away are answered', async (t) => {
  // The backend answers before it has the body, which comes later, with further requests behind it.
  const backend = await startBackend(t, async (peer) => {
    for (;;) {
      const head = await peer.readHead();
      peer.write(ok(head.target));
      if (head.method === 'POST') return;
    }
  });
  const proxy = await startProxy(t, [backend]);
  const client = await proxy.dial();
  const [head] = post('/early', 'x'.repeat(300_000)).split('x'.repeat(300_000));
  client.write(head as string);
  assert.equal((await client.readResponse()).body.toString(), '/early');
  client.write('x'.repeat(300_000) + get('/one') + get('/two'));
  assert.equal((await client.readResponse()).body.toString(), '/one');
  assert.equal((await client.readResponse()).body.toString(), '/two');
});

test('requests and bodies that wait for a place in the queue are kept, within bounds', async (t) => {
  let release = () => {};
  const released = new Promise<void>((resolve) => {
    release = resolve;
  });
  const backend = await startBackend(t, async (peer) => {
    for (;;) {
      const { head, body } = await peer.readRequest();
      if (head.target === '/first') await released;
      peer.write(ok(`${head.target} ${body.length}`));
    }
  });
  const proxy = await startProxy(t, [backend], { route: { reqActiveLength: 1 } });
  const first = await proxy.dial();
  first.write(get('/first'));
  await eventually(() => backend.peers.length === 1);

  const size = 40_000_000;
  const second = await proxy.dial();
  second.write(post('/second', 'x'.repeat(size)) + get('/third'));
  await eventually(() => proxy.route.queue.queued === 1);
  await standstill(() => second.socket.bytesWritten - second.socket.writableLength);
  const connection = clientsOf(proxy).find(({ stash }) => stash !== null);
  assert.ok(connection?.stash && connection.stash.length < 1_000_000);

  release();
  assert.equal((await first.readResponse()).body.toString(), '/first 0');
  assert.equal((await second.readResponse()).body.toString(), `/second ${size}`);
  assert.equal((await second.readResponse()).body.toString(), '/third 0');
});

test('a client that pipelines and does not read is not read either', async (t) => {
  const body = 'x'.repeat(20_000);
  let answered = 0;
  const backend = await startBackend(t, async (peer) => {
    for (;;) {
      await peer.readRequest();
      answered++;
      peer.write(ok(body));
    }
  });
  const proxy = await startProxy(t, [backend]);
  const client = await proxy.dial();
  client.socket.pause();
  const count = 2000;
  client.write(get('/').repeat(count));
  const stopped = await standstill(() => answered);
  assert.ok(stopped < count / 2, `${stopped} of ${count} responses were made for nobody`);
  client.socket.resume();
  for (let index = 0; index < count; index++) {
    assert.equal((await client.readResponse()).body.length, body.length);
  }
  assert.equal(answered, count);
});

test('answers of ours that nobody reads do not pile up either', async (t) => {
  const proxy = await startProxy(t, [], {
    route: { backends: [], redirect: { to: `https://elsewhere.test/${'x'.repeat(4000)}` } },
  });
  const client = await proxy.dial();
  client.socket.pause();
  const count = 8000;
  client.write(get('/').repeat(count));
  await standstill(() => client.socket.bytesWritten - client.socket.writableLength);
  const [connection] = clientsOf(proxy);
  assert.ok((connection?.wire.pendingBytes ?? 0) < 1_000_000);
  client.socket.resume();
  for (let index = 0; index < count; index++) await client.readResponse();
  assert.equal(client.pending.length, 0);
});

test('what is pipelined behind an upgrade: raw bytes when it is granted', async (t) => {
  const backend = await startBackend(t, async (peer) => {
    await peer.readHead();
    peer.write('HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n');
    peer.write(await peer.readTo('END'));
  });
  const proxy = await startProxy(t, [backend]);
  const client = await proxy.dial();
  client.write(`${get('/', 'Connection: upgrade\r\nUpgrade: x\r\n')}${get('/not-http')}END`);
  assert.equal((await client.readHead()).status, 101);
  assert.equal(await client.readTo('END'), `${get('/not-http')}END`);
});

test('what is pipelined behind an upgrade: a request when it is refused', async (t) => {
  const backend = await startBackend(t, echoTargets);
  const proxy = await startProxy(t, [backend]);
  const client = await proxy.dial();
  client.write(get('/upgrade', 'Connection: upgrade\r\nUpgrade: x\r\n') + get('/next'));
  assert.equal((await client.readResponse()).body.toString(), '/upgrade');
  assert.equal((await client.readResponse()).body.toString(), '/next');
});

test('FIN behind pipelined requests: all are answered, then the connection is closed', async (t) => {
  const backend = await startBackend(t, async (peer) => {
    for (;;) {
      const { head, body } = await peer.readRequest();
      peer.write(ok(`${head.target} ${body.length}`));
    }
  });
  const proxy = await startProxy(t, [backend]);
  const client = await proxy.dial();
  // The body is here before there is a connection to the backend.
  client.write(post('/a', 'x'.repeat(70_000)) + get('/b') + post('/c', 'abc') + get('/d'));
  client.end();
  const bodies: string[] = [];
  for (let index = 0; index < 4; index++) {
    bodies.push((await client.readResponse()).body.toString());
  }
  assert.deepEqual(bodies, ['/a 70000', '/b 0', '/c 3', '/d 0']);
  assert.equal(await client.closed(), 'end');
});

test('FIN in the middle of a pipelined body: the request is given up at once', async (t) => {
  const backend = await startBackend(t, echoTargets);
  const proxy = await startProxy(t, [backend]);
  const client = await proxy.dial();
  client.write(get('/a') + post('/b', 'x'.repeat(10)).slice(0, -5));
  client.end();
  assert.equal((await client.readResponse()).body.toString(), '/a');
  assert.equal((await client.readAll()).length, 0);
});

test('FIN in the middle of a head is answered by 400', async (t) => {
  const proxy = await startProxy(t, [await startBackend(t, echoTargets)]);
  const client = await proxy.dial();
  client.write('GET / HTTP/1.1\r\nHos');
  client.end();
  assert.equal((await client.readResponse()).head.status, 400);
  assert.equal(await client.closed(), 'end');
});

test('Connection: close: what stands behind it is not looked at', async (t) => {
  const backend = await startBackend(t, echoTargets);
  const proxy = await startProxy(t, [backend]);
  const client = await proxy.dial();
  client.write(get('/a', 'Connection: close\r\n') + get('/b'));
  assert.equal((await client.readResponse()).body.toString(), '/a');
  assert.equal((await client.readAll()).length, 0);
  assert.equal(client.ending, 'end');
});

for (const secure of [false, true]) {
  const mix = 'pipelined bodies, slow readers, early answers, new connections';
  test(`nothing gets stuck: ${mix}${secure ? ', TLS' : ''}`, async (t) => {
    const random = randomFrom(secure ? 23 : 17);
    const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
    const backend = await startBackend(t, async (peer) => {
      for (;;) {
        const head = await peer.readHead();
        const isEarly = random(6) === 0;
        const closes = isEarly || random(3) === 0 ? 'Connection: close\r\n' : '';
        const response = ok(head.target + 'y'.repeat(random(80_000)), closes);
        if (isEarly) peer.write(response);
        let left = Number(head.get('content-length') ?? 0);
        while (left > 0) {
          if (random(3) === 0) {
            peer.socket.pause();
            await pause(random(4));
            peer.socket.resume();
          }
          left -= (await peer.read(Math.min(left, 1 + random(200_000)))).length;
        }
        if (!isEarly) peer.write(response);
        if (closes !== '') return peer.end();
      }
    });
    const proxy = await startProxy(t, [backend], {
      route: { reqActiveLength: 4, queueTimeoutMs: 0, keepAliveMax: 2 },
    });
    const clients = Array.from({ length: 10 }, async (_, name) => {
      const client = secure ? await proxy.dialTls() : await proxy.dial();
      const targets = Array.from({ length: 25 }, (_, index) => `/${name}.${index}`);
      const requests = targets.map((target) =>
        random(2) === 0 ? get(target) : post(target, 'x'.repeat(random(3) * random(150_000))),
      );
      const all = Buffer.from(requests.join(''));
      for (let at = 0; at < all.length; ) {
        const piece = all.subarray(at, at + 1 + random(400_000));
        at += piece.length;
        client.write(piece);
        if (random(3) === 0) await pause(random(3));
      }
      for (const target of targets) {
        if (random(4) === 0) {
          client.socket.pause();
          await pause(random(10));
          client.socket.resume();
        }
        const { head, body } = await client.readResponse();
        assert.equal(head.status, 200);
        assert.equal(body.subarray(0, target.length).toString(), target);
        assert.ok(!/[^y]/.test(body.subarray(target.length).toString()));
      }
    });
    await Promise.all(clients);
  });
}

import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { describe, type TestContext, test } from 'node:test';
import type { IHttpTimeouts } from '../ts_interfaces/index.ts';
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
import { Peer } from './suites/peer.ts';

/**
 * Waits for something, and fails unless it takes about so long: one look at the deadlines more.
 *
 * @param start before whatever makes the router begin to count.
 */
async function takes<T>(ms: number, promise: Promise<T>, start = performance.now()): Promise<T> {
  const value = await promise;
  const elapsed = performance.now() - start;
  assert.ok(elapsed >= ms - 50, `it took ${elapsed} ms instead of ${ms}`);
  assert.ok(elapsed < ms + 3000, `it took ${elapsed} ms instead of ${ms}`);
  return value;
}

const every: (keyof IHttpTimeouts)[] = [
  ...(['headMs', 'bodyMs', 'idleMs', 'connectMs', 'firstByteMs', 'responseMs'] as const),
  ...(['totalMs', 'tunnelIdleMs', 'upstreamIdleMs', 'handshakeMs'] as const),
];
const off: IHttpTimeouts = Object.fromEntries(every.map((name) => [name, 0]));

/** All timeouts off but these. */
function only(timeouts: IHttpTimeouts): { web: { timeouts: IHttpTimeouts } } {
  return { web: { timeouts: { ...off, ...timeouts } } };
}

const silent = (peer: Peer) => {
  peer.socket.resume();
};

describe('timeouts', { concurrency: true }, () => {
  test('headMs: a head that does not become complete is answered by 408', async (t) => {
    const proxy = await startProxy(t, [await startBackend(t, silent)], only({ headMs: 500 }));
    const clients = [await proxy.dial(), await proxy.dialTls()].map(async (client) => {
      client.write('GET / HTTP/1.1\r\nHost: ');
      dripInto(t, client, 'a');
      const { head } = await takes(500, client.readResponse());
      assert.equal(head.status, 408);
      assert.equal(head.get('connection'), 'close');
      assert.equal(await client.closed(), 'end');
    });
    await Promise.all(clients);
  });

  test('headMs: a connection on which nothing comes is closed without a word', async (t) => {
    const proxy = await startProxy(t, [await startBackend(t, silent)], only({ headMs: 500 }));
    const start = performance.now();
    const client = await proxy.dial();
    assert.equal((await takes(500, client.readAll(), start)).length, 0);
    assert.equal(client.ending, 'end');
  });

  test('idleMs: a connection without a further request is closed', async (t) => {
    const proxy = await startProxy(t, [await startBackend(t, echoTargets)], only({ idleMs: 500 }));
    const clients = [await proxy.dial(), await proxy.dialTls()].map(async (client) => {
      const rest = async (): Promise<Buffer> => {
        client.write(get('/'));
        await client.readResponse();
        // Empty lines are no request.
        client.write('\r\n');
        return client.readAll();
      };
      assert.equal((await takes(500, rest())).length, 0);
      assert.equal(client.ending, 'end');
    });
    await Promise.all(clients);
  });

  test('handshakeMs: a handshake that does not end is broken off', async (t) => {
    const proxy = await startProxy(t, [await startBackend(t, silent)], {
      web: {
        entrypoints: {
          https: { address: '127.0.0.1', port: 0, tls: true, timeouts: { handshakeMs: 500 } },
        },
      },
    });
    const client = new Peer(connect(proxy.securePort, '127.0.0.1'));
    await takes(500, client.closed());
  });

  test('bodyMs: a body that stops is answered by 408', async (t) => {
    const proxy = await startProxy(t, [await startBackend(t, silent)], only({ bodyMs: 500 }));
    const client = await proxy.dial();
    client.write(post('/', 'x'.repeat(1000)).slice(0, -500));
    // Every byte gives it new time.
    for (let round = 0; round < 4; round++) {
      await new Promise((resolve) => setTimeout(resolve, 250));
      client.write('x');
    }
    assert.equal(client.bytesRead, 0);
    const { head } = await takes(500, client.readResponse());
    assert.equal(head.status, 408);
    assert.equal(await client.closed(), 'end');
  });

  test('bodyMs: a backend that takes nothing of the body is 504', async (t) => {
    const backend = await startBackend(t, (peer) => void peer.socket.pause());
    const proxy = await startProxy(t, [backend], only({ bodyMs: 500 }));
    const client = await proxy.dial();
    client.write('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000000\r\n\r\n');
    client.write(Buffer.alloc(20_000_000));
    assert.equal((await client.readResponse()).head.status, 504);
    assert.equal(proxy.route.endpoints[0]?.failureCount, 0);
  });

  test('bodyMs: a backend that is slow but takes something is waited for', async (t) => {
    let taken = 0;
    const size = 12_000_000;
    const backend = await startBackend(t, async (peer) => {
      await peer.readHead();
      while (taken < size) {
        taken += (await peer.read(1_000_000)).length;
        peer.socket.pause();
        await new Promise((resolve) => setTimeout(resolve, 250));
        peer.socket.resume();
      }
      peer.write(ok('all'));
    });
    const proxy = await startProxy(t, [backend], only({ bodyMs: 700 }));
    const client = await proxy.dial();
    client.write(post('/', 'x'.repeat(size)));
    assert.equal((await client.readResponse()).body.toString(), 'all');
  });

  test('connectMs: a backend that cannot be connected to is 504', async (t) => {
    // A TLS handshake that is never answered.
    const { input } = await startBackend(t, silent);
    const proxy = await startProxy(t, [], {
      ...only({ connectMs: 500 }),
      route: { backends: [{ ...input, tls: {} }] },
    });
    const client = await proxy.dial();
    client.write(get('/'));
    assert.equal((await takes(500, client.readResponse())).head.status, 504);
    assert.equal(proxy.route.endpoints[0]?.failureCount, 1);
    await eventually(() => proxy.engine.pools.openCount === 0);
  });

  test('connectMs: then another backend is tried, for POST too', async (t) => {
    const { input } = await startBackend(t, silent);
    const good = await startBackend(t, async (peer) => {
      for (;;) peer.write(ok((await peer.readRequest()).body.toString()));
    });
    const proxy = await startProxy(t, [], {
      ...only({ connectMs: 500 }),
      route: { backends: [{ ...input, tls: {} }, good.input] },
    });
    const client = await proxy.dial();
    for (const body of ['one', 'two']) {
      client.write(post('/', body));
      assert.equal((await client.readResponse()).body.toString(), body);
    }
    assert.equal(proxy.route.counter.retries, 1);
  });

  test('a name that does not resolve is 502', async (t) => {
    const { input } = await startBackend(t, silent);
    const proxy = await startProxy(t, [], { route: { backends: [input] } });
    const [endpoint] = proxy.route.endpoints;
    // Longer than a label may be, so that nobody is asked.
    if (endpoint) endpoint.config = { ...endpoint.config, hostname: `${'x'.repeat(64)}.test` };
    const client = await proxy.dial();
    for (let round = 0; round < 2; round++) {
      client.write(get('/'));
      assert.equal((await client.readResponse()).head.status, 502);
    }
  });

  test('firstByteMs: a backend that does not answer is 504, and not dead', async (t) => {
    const backend = await startBackend(t, silent);
    const proxy = await startProxy(t, [backend], only({ firstByteMs: 500 }));
    const client = await proxy.dial();
    for (const request of [get('/'), post('/', 'body'), get('/')]) {
      client.write(request);
      const { head } = await takes(500, client.readResponse());
      assert.equal(head.status, 504);
      assert.equal(head.get('connection'), undefined);
    }
    assert.equal(proxy.route.endpoints[0]?.isDead, false);
    await eventually(() => proxy.engine.pools.openCount === 0);
  });

  test('firstByteMs: 1xx are no answer', async (t) => {
    const backend = await startBackend(t, async (peer) => {
      await peer.readRequest();
      dripInto(t, peer, 'HTTP/1.1 102 Processing\r\n\r\n');
    });
    const proxy = await startProxy(t, [backend], only({ firstByteMs: 500 }));
    const client = await proxy.dial();
    client.write(get('/'));
    assert.equal((await takes(500, client.readResponse())).head.status, 504);
  });

  test('firstByteMs: counts from the end of the request', async (t) => {
    const backend = await startBackend(t, async (peer) => {
      await peer.readRequest();
      peer.write(ok('done'));
    });
    const proxy = await startProxy(t, [backend], only({ firstByteMs: 500 }));
    const client = await proxy.dial();
    client.write(post('/', 'xx').slice(0, -1));
    await new Promise((resolve) => setTimeout(resolve, 900));
    client.write('x');
    assert.equal((await client.readResponse()).body.toString(), 'done');
  });

  test('responseMs: a response that stops breaks off', async (t) => {
    const backend = await startBackend(t, async (peer) => {
      await peer.readRequest();
      peer.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n');
    });
    const proxy = await startProxy(t, [backend], only({ responseMs: 500 }));
    for (const version of ['1.1', '1.0']) {
      const client = await proxy.dial();
      client.write(`GET / HTTP/${version}\r\nHost: a\r\n\r\n`);
      const all = (await takes(500, client.readAll())).toString();
      assert.ok(!all.endsWith('0\r\n\r\n'));
      assert.equal(client.ending, version === '1.1' ? 'end' : 'reset');
    }
    await eventually(() => proxy.engine.pools.openCount === 0);
  });

  test('responseMs: a client that is slow but takes something is waited for', async (t) => {
    const size = 30_000_000;
    const backend = await startBackend(t, async (peer) => {
      await peer.readRequest();
      peer.write(ok('x'.repeat(size)));
    });
    const proxy = await startProxy(t, [backend], only({ responseMs: 1000 }));
    const received = [await proxy.dial(), await proxy.dialTls()].map(async (client) => {
      client.write(get('/', 'Connection: close\r\n'));
      takeSlowly(client, 5_000_000, 350);
      return (await client.readResponse()).body.length;
    });
    assert.deepEqual(await Promise.all(received), [size, size]);
  });

  test('answers that are complete are delivered, though nobody reads for a while', async (t) => {
    const backend = await startBackend(t, async (peer) => {
      for (;;) {
        await peer.readRequest();
        peer.write(ok('x'.repeat(100_000)));
      }
    });
    const proxy = await startProxy(t, [backend], only({}));
    const client = await proxy.dial();
    client.socket.pause();
    const [connection] = clientsOf(proxy);
    let count = 0;
    const answered = () => proxy.route.counter.snapshot(performance.now()).requests === count;
    // The kernel takes no more; what comes now waits in the proxy.
    while (connection?.wire.pendingBytes === 0) {
      client.write(get('/'));
      count++;
      await eventually(answered);
    }
    client.write(get('/', 'Connection: close\r\n'));
    count++;
    await eventually(answered);
    // Longer than a connection lingers that has nothing more to send.
    await new Promise((resolve) => setTimeout(resolve, 5500));
    client.socket.resume();
    for (; count > 0; count--) assert.equal((await client.readResponse()).body.length, 100_000);
    assert.equal(await client.closed(), 'end');
  });

  test('totalMs: counts from the head to the end', async (t) => {
    const backend = await startBackend(t, async (peer) => {
      const { head } = await peer.readRequest();
      if (head.target === '/none') return;
      peer.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n');
      dripInto(t, peer, '1\r\nx\r\n');
    });
    const proxy = await startProxy(t, [backend], {
      ...only({ totalMs: 600 }),
      route: { reqActiveLength: 1, queueTimeoutMs: 0 },
    });
    const [one, two, three] = [await proxy.dial(), await proxy.dial(), await proxy.dial()];
    const start = performance.now();
    one.write(get('/none'));
    await eventually(() => proxy.route.queue.active === 1);
    // One waits in the queue meanwhile.
    two.write(get('/none'));
    assert.equal((await takes(600, one.readResponse(), start)).head.status, 504);
    assert.equal((await two.readResponse()).head.status, 504);
    three.write(get('/drip'));
    const all = (await takes(600, three.readAll())).toString();
    assert.ok(!all.endsWith('0\r\n\r\n'));
  });

  test('a client that stops sending behind an early response is let go after bodyMs', async (t) => {
    const backend = await startBackend(t, async (peer) => {
      await peer.readHead();
      peer.write(ok('early'));
    });
    const proxy = await startProxy(t, [backend], only({ bodyMs: 500 }));
    const client = await proxy.dial();
    const start = performance.now();
    client.write(post('/', 'x'.repeat(1000)).slice(0, -500));
    assert.equal((await client.readResponse()).body.toString(), 'early');
    await takes(500, client.closed(), start);
    assert.equal(client.ending, 'end');
  });

  test('bodyMs: counts from the answer for a body that is thrown away', async (t) => {
    const proxy = await startProxy(t, [await startBackend(t, silent)], {
      ...only({ bodyMs: 500 }),
      route: { reqActiveLength: 1, queueTimeoutMs: 900 },
    });
    const first = await proxy.dial();
    first.write(get('/'));
    await eventually(() => proxy.route.queue.active === 1);
    const client = await proxy.dial();
    client.write(post('/', 'x'.repeat(1000)).slice(0, -500));
    const { head } = await client.readResponse();
    assert.equal(head.status, 503);
    assert.equal(head.get('connection'), undefined);
    await new Promise((resolve) => setTimeout(resolve, 250));
    client.write('x'.repeat(500) + get('/').replace('example.test', 'a/b'));
    assert.equal((await client.readResponse()).head.status, 400);
    first.reset();
  });

  test('0 is off', async (t) => {
    const backend = await startBackend(t, async (peer) => {
      const { head } = await peer.readRequest();
      if (head.target === '/half') peer.write('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf');
    });
    const proxy = await startProxy(t, [backend], only({}));
    const clients: Peer[] = [];
    for (const data of ['', 'GET', get('/none'), get('/half'), post('/', 'xx').slice(0, -1)]) {
      const client = await proxy.dial();
      client.write(data);
      clients.push(client);
    }
    await standstill(() => clients.length, 700);
    assert.deepEqual(
      clients.map(({ ending }) => ending),
      clients.map(() => null),
    );
    // Nothing else would end them.
    for (const client of clients) client.reset();
    await eventually(() => proxy.manager.connectionStats().open === 0);
  });
});

/** Sends the same again and again until the connection or the test ends. */
function dripInto(context: TestContext, peer: Peer, text: string): void {
  const timer = setInterval(() => {
    if (peer.ending === null) peer.write(text);
    else clearInterval(timer);
  }, 40);
  context.after(() => clearInterval(timer));
}

/** Reads with a pause behind every `bytes`. */
function takeSlowly(client: Peer, bytes: number, ms: number): void {
  let pauses = 0;
  client.socket.on('data', () => {
    if (client.bytesRead < (pauses + 1) * bytes) return;
    pauses++;
    client.socket.pause();
    setTimeout(() => client.socket.resume(), ms);
  });
}

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ConnectionPace } from '../ts/proxy/http/connection-pace.ts';
import type { IBandwidth } from '../ts_interfaces/index.ts';
import { echoTargets, get, ok, post, startBackend, startProxy } from './suites/engine.ts';

const kib = 1024;

function entrypointsWith(bandwidth: IBandwidth) {
  return {
    http: { address: '127.0.0.1', port: 0, bandwidth },
    https: { address: '127.0.0.1', port: 0, tls: true, bandwidth },
  };
}

/** Milliseconds that something takes. */
async function timeOf(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await work();
  return performance.now() - start;
}

for (const tls of [false, true]) {
  test(`a response ${tls ? 'over TLS ' : ''}comes no faster than the bandwidth, and whole`, async (context) => {
    const body = Buffer.alloc(900 * kib, 'abcdefghij').toString('latin1');
    const backend = await startBackend(context, async (peer) => {
      await peer.readRequest();
      peer.write(ok(body));
    });
    const proxy = await startProxy(context, [backend], {
      web: { entrypoints: entrypointsWith({ outBytesPerSecond: 2000 * kib }) },
    });
    const client = tls ? await proxy.dialTls() : await proxy.dial();
    client.write(get('/'));
    let received: Buffer = Buffer.alloc(0);
    const ms = await timeOf(async () => {
      received = (await client.readResponse()).body;
    });
    assert.ok(received.equals(Buffer.from(body, 'latin1')));
    // A tenth of a second's worth and one read of 256 KiB come at once.
    assert.ok(ms > 200 && ms < 3000, `${Math.round(ms)} ms`);
  });

  test(`a request's body ${tls ? 'over TLS ' : ''}is read no faster than the bandwidth`, async (context) => {
    let received = 0;
    const backend = await startBackend(context, async (peer) => {
      for (;;) {
        received = (await peer.readRequest()).body.length;
        peer.write(ok('done'));
      }
    });
    const proxy = await startProxy(context, [backend], {
      web: { entrypoints: entrypointsWith({ inBytesPerSecond: 2000 * kib }) },
    });
    const client = tls ? await proxy.dialTls() : await proxy.dial();
    const ms = await timeOf(async () => {
      client.write(post('/', 'x'.repeat(900 * kib)));
      await client.readResponse();
    });
    assert.equal(received, 900 * kib);
    assert.ok(ms > 200 && ms < 3000, `${Math.round(ms)} ms`);
    // The connection goes on as it was.
    client.write(get('/'));
    assert.equal((await client.readResponse()).head.status, 200);
  });
}

test('a tunnel is held at the bandwidth both ways', async (context) => {
  const backend = await startBackend(context, async (peer) => {
    await peer.readRequest();
    peer.write('HTTP/1.1 101 Switching Protocols\r\nUpgrade: raw\r\n\r\n');
    for (;;) peer.write(await peer.read(100 * kib));
  });
  const bandwidth = { inBytesPerSecond: 2000 * kib, outBytesPerSecond: 2000 * kib };
  const proxy = await startProxy(context, [backend], {
    web: { entrypoints: entrypointsWith(bandwidth) },
  });
  const client = await proxy.dial();
  client.write(get('/', 'Connection: Upgrade\r\nUpgrade: raw\r\n'));
  await client.readHead();
  const bytes = Buffer.alloc(800 * kib, 'tunnel');
  const ms = await timeOf(async () => {
    client.write(bytes);
    assert.ok((await client.read(bytes.length)).equals(bytes));
  });
  assert.ok(ms > 150 && ms < 3000, `${Math.round(ms)} ms`);
});

test('a pause for the bandwidth is not taken for a stalled body', async (context) => {
  const body = 'x'.repeat(400 * kib);
  const backend = await startBackend(context, async (peer) => {
    await peer.readRequest();
    peer.write(ok(body));
  });
  const bandwidth = { inBytesPerSecond: 800 * kib, outBytesPerSecond: 800 * kib };
  const proxy = await startProxy(context, [backend], {
    web: {
      entrypoints: entrypointsWith(bandwidth),
      timeouts: { responseMs: 150, bodyMs: 150, firstByteMs: 3000 },
    },
  });
  const client = await proxy.dial();
  client.write(post('/', body));
  const response = await client.readResponse();
  assert.deepEqual([response.head.status, response.body.length], [200, body.length]);
});

test('one connection does not slow another, and short requests are not slowed at all', async (context) => {
  const backend = await startBackend(context, echoTargets);
  const bandwidth = { inBytesPerSecond: 100 * kib, outBytesPerSecond: 100 * kib };
  const proxy = await startProxy(context, [backend], {
    web: { entrypoints: entrypointsWith(bandwidth) },
  });
  const ms = await timeOf(async () => {
    for (let index = 0; index < 5; index++) {
      const client = await proxy.dial();
      client.write(get('/').repeat(50));
      for (let count = 0; count < 50; count++) await client.readResponse();
    }
  });
  assert.ok(ms < 1000, `${Math.round(ms)} ms`);
});

test('a client that leaves during a pause is let go', async (context) => {
  const backend = await startBackend(context, async (peer) => {
    await peer.readRequest();
    peer.write(ok('x'.repeat(2000 * kib)));
    await peer.closed();
  });
  const proxy = await startProxy(context, [backend], {
    web: { entrypoints: entrypointsWith({ outBytesPerSecond: 1 }) },
  });
  const client = await proxy.dial();
  client.write(get('/'));
  await client.readHead();
  client.reset();
  await backend.peers[0]?.closed();
});

test('ConnectionPace: each way has its own pause, and ends it when it is asked', () => {
  const pace = new ConnectionPace({ inBytesPerSecond: 1000, outBytesPerSecond: 0 });
  assert.equal(pace.took(16_384, 0), true, 'what may pass at once');
  assert.equal(pace.took(500, 0), false);
  assert.deepEqual([pace.holdsIn, pace.isHolding], [true, true]);
  assert.equal(pace.releaseIn(499), false);
  assert.equal(pace.releaseIn(500), true);
  assert.equal(pace.releaseIn(501), false, 'once');
  assert.equal(pace.wrote(true, 1e9, 0), true, 'no limit that way');
  assert.equal(pace.wrote(false, 2e9, 0), false);
  assert.equal(pace.drained(), true);
});

test('ConnectionPace: a client that takes nothing is not given more when the pause ends', () => {
  const pace = new ConnectionPace({ inBytesPerSecond: 0, outBytesPerSecond: 1000 });
  assert.equal(pace.wrote(false, 17_384, 0), false);
  assert.equal(pace.drained(), false, 'the pause is not over');
  assert.equal(pace.releaseOut(1000), true);
  assert.equal(pace.wrote(false, 18_384, 1000), false);
  assert.equal(pace.releaseOut(2000), false, 'it still takes nothing');
  assert.equal(pace.drained(), true);
});

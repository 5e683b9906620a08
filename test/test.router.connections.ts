import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { IEntrypointOptions } from '../ts_interfaces/index.ts';
import { certificateOf } from './fixtures/control-plane.ts';
import { Client, nextEvent, routeTo, startOrigin, startProxy } from './suites/web.ts';

const http = { address: '127.0.0.1', port: 0 };

/** Whether a new connection is served, or closed at once. */
async function isServed(
  context: Parameters<typeof startOrigin>[0],
  port: number,
  secure: boolean,
): Promise<Client | null> {
  try {
    const client = secure
      ? await Client.secure(context, port, { servername: 'www.example.test' })
      : await Client.open(context, port);
    await client.ask();
    return client;
  } catch (error) {
    assert.match(String(error), /ended|ECONNRESET|disconnected/);
    return null;
  }
}

for (const secure of [false, true]) {
  for (const limit of ['connectionsMax', 'connectionsPerClientMax'] as const) {
    test(`connections: ${limit}${secure ? ' by TLS' : ''}: the next one is closed, until one goes`, async (context) => {
      const origin = await startOrigin(context, 'one');
      const entrypoint: IEntrypointOptions = { ...http, tls: secure, [limit]: 2 };
      const { proxy, port } = await startProxy(context, {
        entrypoints: { http: entrypoint },
        routes: [
          routeTo([origin.backend], {
            vHost: 'www.example.test',
            ssl: certificateOf('chain', 'ecdsa'),
          }),
        ],
      });
      const first = await isServed(context, port, secure);
      assert.ok(first);
      assert.ok(await isServed(context, port, secure));
      assert.equal(await isServed(context, port, secure), null);
      assert.deepEqual(proxy.connectionStats(), { open: 2, total: 3, refused: 1, tunnels: 0 });
      const closed = nextEvent(proxy.events, 'connection.close');
      first.socket.destroy();
      const { bytesIn, bytesOut, entrypoint: name, clientIp } = await closed;
      assert.ok(bytesIn > 0 && bytesOut > 0);
      assert.deepEqual([name, clientIp], ['http', '127.0.0.1']);
      assert.ok(await isServed(context, port, secure));
      // The limit is read anew by each connection.
      proxy.apply(await proxy.prepare({ entrypoints: { http: { ...http, tls: secure } } }, null));
      assert.ok(await isServed(context, port, secure));
    });
  }
}

test('connections: open and close are announced with what went through', async (context) => {
  const { proxy, port } = await startProxy(context);
  const opened = nextEvent(proxy.events, 'connection.open');
  const client = await Client.open(context, port);
  const { id } = await opened;
  await client.ask();
  const closed = nextEvent(proxy.events, 'connection.close', (payload) => payload.id === id);
  client.socket.end();
  assert.ok((await closed).durationMs > 0);
  assert.equal(proxy.connectionStats().open, 0);
});

test('connections: IPv4 clients of a listener on every address have IPv4 addresses', async (context) => {
  const origin = await startOrigin(context, 'one');
  const { proxy, port } = await startProxy(context, {
    entrypoints: { http: { port: 0 } },
    routes: [routeTo([origin.backend])],
  });
  const completed = nextEvent(proxy.events, 'request.completed');
  const client = await Client.open(context, port);
  await client.ask();
  assert.equal((await completed).clientIp, '127.0.0.1');
  assert.match(proxy.addresses().http?.address ?? '', /^(::|0\.0\.0\.0)$/);
});

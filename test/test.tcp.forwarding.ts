import assert from 'node:assert/strict';
import { once } from 'node:events';
import net from 'node:net';
import { test } from 'node:test';
import { SmartProxy } from '../ts/proxy/tcp/index.ts';
import { startEcho, startServer, startTcp, TcpClient } from './suites/tcp.ts';
import { closedPort } from './suites/web.ts';

test('SmartProxy alone: entries as a user writes them, start() and stop()', async (t) => {
  const echo = await startEcho(t);
  const entry = { fromPort: 0, address: '127.0.0.1', toPort: `localhost:${echo.port}` };
  const proxy = new SmartProxy(entry);
  t.after(() => proxy.stop(0));
  await proxy.start();
  const [port] = proxy.addresses()['tcp-0'] ?? [];
  const client = await TcpClient.open(t, port?.port ?? 0);
  client.socket.end('hello');
  assert.equal(await client.end(), 'hello');
  await client.closed();
  assert.equal(await proxy.stop(1000), true);
});

test('SmartProxy alone: problems of entries are told with their places', () => {
  assert.throws(
    () => new SmartProxy([{ fromPort: 1, toPort: 'a:70000' }]),
    (error: { code?: string }) => error.code === 'TCP_INVALID',
  );
});

test('SmartProxy: a server that speaks first needs no byte of the client', async (t) => {
  const server = await startServer(t, (socket) => void socket.write('220 ready\r\n'));
  const { port } = await startTcp(t, { toPort: server.port });
  const client = await TcpClient.open(t, port());
  assert.equal(await client.until('\n'), '220 ready\r\n');
});

test('SmartProxy: a mapping by the port that the client came to', async (t) => {
  const [one, two] = [await startEcho(t), await startServer(t, (socket) => void socket.end('two'))];
  const [from, other] = [await closedPort(), await closedPort()];
  const toPort = { [String(from)]: `127.0.0.1:${one.port}`, [String(other)]: two.port };
  await startTcp(t, { fromPort: from, globalPortRanges: [other], toPort });
  const first = await TcpClient.open(t, from);
  first.socket.end('one');
  assert.equal(await first.end(), 'one');
  const second = await TcpClient.open(t, other);
  assert.equal(await second.end(), 'two');
});

test('SmartProxy: a target without a port is at the port that the client came to', async (t) => {
  const port = await closedPort();
  await startEcho(t, port, '127.0.0.2');
  const plane = await startTcp(t, { fromPort: port, toPort: '127.0.0.2' });
  const client = await TcpClient.open(t, port);
  client.socket.end('same');
  assert.equal(await client.end(), 'same');
  assert.equal(plane.proxy.info('a')?.endpoints[0]?.address, '127.0.0.2');
});

test('SmartProxy: such a target is not taken out by one closed port', async (t) => {
  const [open, closed] = [await closedPort(), await closedPort()];
  await startEcho(t, open, '127.0.0.3');
  const plane = await startTcp(t, {
    fromPort: open,
    globalPortRanges: [closed],
    toPort: '127.0.0.3',
  });
  const refused = await TcpClient.open(t, closed);
  assert.equal(await refused.closed(), 'ECONNRESET');
  const client = await TcpClient.open(t, open);
  client.socket.end('still there');
  assert.equal(await client.end(), 'still there');
  assert.equal(plane.proxy.stats().failed, 1);
});

test('SmartProxy: ranges of 1,000 ports open, serve at their ends and close', async (t) => {
  const echo = await startEcho(t);
  const from = await freeRange(1000);
  const range = { from, to: from + 999 };
  const plane = await startTcp(t, { id: 'games', globalPortRanges: [range], toPort: echo.port });
  assert.equal(plane.proxy.addresses().games?.length, 1000);
  for (const port of [from, from + 500, from + 999]) {
    const client = await TcpClient.open(t, port);
    client.socket.end(String(port));
    assert.equal(await client.end(), String(port));
  }
  await plane.remove('games');
  await assert.rejects(TcpClient.open(t, from + 500));
});

test('SmartProxy: keep-alive and Nagle as asked for change nothing about the bytes', async (t) => {
  const echo = await startEcho(t);
  const { port } = await startTcp(t, { toPort: echo.port, keepAliveMs: 0, noDelay: false });
  const client = await TcpClient.open(t, port());
  client.socket.end('bytes');
  assert.equal(await client.end(), 'bytes');
});

test('SmartProxy: an IPv6 client and an IPv6 backend', async (t) => {
  const echo = await startEcho(t, 0, '::1');
  const plane = await startTcp(t, { address: '::1', toPort: `[::1]:${echo.port}` });
  const client = await TcpClient.open(t, plane.port(), '::1');
  client.socket.end('six');
  assert.equal(await client.end(), 'six');
});

/** The first of so many ports that are free now. */
async function freeRange(count: number): Promise<number> {
  for (let from = 20_000; from < 60_000; from += count) {
    const servers: net.Server[] = [];
    try {
      for (const port of [from, from + (count >> 1), from + count - 1]) {
        const server = net.createServer().listen(port, '127.0.0.1');
        servers.push(server);
        await once(server, 'listening');
      }
      return from;
    } catch (error) {
      assert.equal((error as NodeJS.ErrnoException).code, 'EADDRINUSE');
    } finally {
      for (const server of servers) server.close();
    }
  }
  throw new Error('There is no such range');
}

import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { type TestContext, test } from 'node:test';
import { SmartProxy } from '../ts/proxy/tcp/index.ts';
import { entryOf, startEcho, TcpClient } from './suites/tcp.ts';

async function udpEcho(t: TestContext): Promise<number> {
  const socket = createSocket('udp4');
  socket.on('message', (bytes, { port, address }) => socket.send(bytes, port, address));
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  t.after(() => socket.close());
  return socket.address().port;
}

async function ask(t: TestContext, port: number, text: string): Promise<string> {
  const socket = createSocket('udp4');
  t.after(() => socket.close());
  socket.send(text, port, '127.0.0.1');
  const [bytes] = (await once(socket, 'message')) as [Buffer];
  return String(bytes);
}

test('SmartProxy: an entry of UDP beside one of TCP, its numbers, and its way to TCP and back', async (t) => {
  const [udpPort, echo] = [await udpEcho(t), await startEcho(t)];
  const common = { id: 'a', address: '127.0.0.1', fromPort: 0 };
  const udp = { ...common, protocol: 'udp' as const, toPort: udpPort };
  const proxy = new SmartProxy([udp, { ...common, id: 'b', toPort: echo.port }]);
  t.after(() => proxy.stop(0));
  await proxy.start();
  const port = () => proxy.addresses().a?.[0]?.port ?? 0;
  assert.equal(await ask(t, port(), 'datagram'), 'datagram');
  assert.deepEqual([proxy.stats().open, proxy.stats().bytesIn], [1, 8]);
  const [live] = proxy.connections();
  assert.equal(live?.describe(performance.now()).protocol, 'udp');
  proxy.drainTimeoutMs = 0;
  proxy.apply(await proxy.prepare({ set: [entryOf({ toPort: echo.port })], removed: [] }));
  const client = await TcpClient.open(t, port());
  client.socket.end('stream');
  assert.equal(await client.end(), 'stream');
  proxy.apply(await proxy.prepare({ set: [entryOf(udp)], removed: [] }));
  assert.equal(await ask(t, port(), 'again'), 'again');
  proxy.apply(await proxy.prepare({ set: [], removed: ['a'] }));
  assert.deepEqual(Object.keys(proxy.addresses()), ['b']);
});

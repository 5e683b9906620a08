import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import tls from 'node:tls';
import { CertificateStore } from '../ts/certificates/certificate-store.ts';
import { EventBus } from '../ts/core/event-bus.ts';
import type { TPortProxyInput } from '../ts_interfaces/index.ts';
import { certificateOf } from './fixtures/control-plane.ts';
import { realClientHello } from './suites/client-hello.ts';
import { eventually, startNamed, startTcp, TcpClient } from './suites/tcp.ts';
import { Client, echoOf, routeTo, startOrigin, startProxy } from './suites/web.ts';

/** A web plane without ports of its own, and a TCP plane in front of it. */
async function start(t: TestContext, entry: TPortProxyInput) {
  const origin = await startOrigin(t, 'web');
  const bus = new EventBus();
  const certificates = new CertificateStore(bus);
  certificates.set({ domain: '*.example.test', ...certificateOf('wildcard') });
  const routes = [routeTo([origin.backend], { vHost: '*' })];
  const { proxy: web } = await startProxy(t, { entrypoints: {}, routes }, { bus, certificates });
  const plane = await startTcp(t, entry, { bus, bridge: web.bridge });
  return { web, plane, origin };
}

test('useNetworkProxy: TLS names and plain HTTP go to the web plane, other names pass through', async (t) => {
  const behind = await startNamed(t, 'behind');
  const { plane, web } = await start(t, {
    domainConfigs: [
      { domains: ['*.example.test'], useNetworkProxy: true },
      { protocol: 'http', useNetworkProxy: true },
    ],
    toPort: behind.port,
  });
  const servername = 'a.example.test';
  const secure = await Client.secure(t, plane.port(), { servername });
  const overTls = await secure.ask({ host: servername, path: '/tls' });
  assert.equal(overTls.status, 200);
  const { headers } = echoOf(overTls);
  assert.equal(headers['x-forwarded-proto'], 'https');
  assert.equal(headers['x-forwarded-for'], '127.0.0.1');
  const plain = await Client.open(t, plane.port());
  const overHttp = await plain.ask({ host: 'b.test', path: '/plain' });
  assert.equal(echoOf(overHttp).headers['x-forwarded-proto'], 'http');
  const again = await plain.ask({ host: 'b.test', path: '/again' });
  assert.equal(echoOf(again).url, '/again', 'the connection lives on');
  const hello = await realClientHello({ servername: 'other.test' });
  const other = await TcpClient.open(t, plane.port());
  other.socket.write(hello);
  await other.until('behind:');
  assert.equal(plane.proxy.stats().open, 3);
  assert.equal(web.connectionStats().open, 2);
  secure.socket.destroy();
  plain.socket.destroy();
  await eventually(() => plane.proxy.stats().open === 1);
});

test('useNetworkProxy for a whole entry tells TLS and plain apart', async (t) => {
  const { plane } = await start(t, { useNetworkProxy: true });
  const secure = await Client.secure(t, plane.port(), { servername: 'a.example.test' });
  assert.equal((await secure.ask({ host: 'a.example.test' })).status, 200);
  const plain = await Client.open(t, plane.port());
  assert.equal((await plain.ask()).status, 200);
});

test('useNetworkProxy behind a proxy: the client of its header is forwarded', async (t) => {
  const proxyProtocol = { from: ['127.0.0.1'] };
  const { plane } = await start(t, { useNetworkProxy: true, proxyProtocol });
  const client = await Client.open(t, plane.port());
  client.socket.write('PROXY TCP4 203.0.113.7 192.0.2.1 1234 80\r\n');
  const { headers } = echoOf(await client.ask());
  assert.equal(headers['x-forwarded-for'], '203.0.113.7');
});

test('useNetworkProxy: limits of the entry hold until the web plane has closed', async (t) => {
  const { plane } = await start(t, { useNetworkProxy: true, connectionsMax: 1 });
  const first = await Client.open(t, plane.port());
  assert.equal((await first.ask()).status, 200);
  assert.equal(await TcpClient.dial(t, plane.port()).closed(), 'ECONNRESET');
  first.socket.destroy();
  await eventually(() => plane.proxy.stats().open === 0);
  const second = await Client.open(t, plane.port());
  assert.equal((await second.ask()).status, 200);
});

test('useNetworkProxy: a request of a removed entry is answered, then it closes', async (t) => {
  const { plane, origin } = await start(t, { useNetworkProxy: true });
  const client = await Client.open(t, plane.port());
  assert.equal((await client.ask()).status, 200);
  await plane.remove('a');
  await client.closed;
  assert.equal(origin.requests.length, 1);
  await eventually(() => plane.proxy.stats().open === 0);
});

test('useNetworkProxy without a web plane that runs: broken off', async (t) => {
  const { plane, web } = await start(t, { useNetworkProxy: true });
  await web.stop(0);
  const client = await TcpClient.open(t, plane.port());
  client.socket.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
  assert.equal(await client.closed(), 'ECONNRESET');
  await eventually(() => plane.proxy.stats().open === 0);
  const alone = await startTcp(t, { useNetworkProxy: true });
  const other = await TcpClient.open(t, alone.port());
  other.socket.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
  assert.equal(await other.closed(), 'ECONNRESET');
  assert.equal(alone.proxy.stats().failed, 1);
});

test('useNetworkProxy: a name without a certificate ends the handshake, and is gone', async (t) => {
  const { plane } = await start(t, { useNetworkProxy: true });
  const options = { port: plane.port(), host: '127.0.0.1', servername: 'other.test' };
  const socket = tls.connect({ ...options, rejectUnauthorized: false });
  t.after(() => socket.destroy());
  const error = await new Promise<Error>((resolve) => socket.once('error', resolve));
  assert.match(error.message, /alert|reset/i);
  await eventually(() => plane.proxy.stats().open === 0);
});

test('useNetworkProxy: who says what it is only after its entry was removed is broken off', async (t) => {
  const { plane, web } = await start(t, { useNetworkProxy: true });
  const client = await TcpClient.open(t, plane.port());
  client.socket.write('GET ');
  await eventually(() => plane.proxy.stats().bytesIn === 4);
  await plane.remove('a');
  client.socket.write('/ HTTP/1.1\r\nHost: a\r\n\r\n');
  assert.equal(await client.closed(), 'ECONNRESET');
  assert.equal(web.connectionStats().total, 0);
});

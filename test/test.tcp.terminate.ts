import assert from 'node:assert/strict';
import { once } from 'node:events';
import net from 'node:net';
import { type TestContext, test } from 'node:test';
import tls from 'node:tls';
import { CertificateStore } from '../ts/certificates/certificate-store.ts';
import { EventBus } from '../ts/core/event-bus.ts';
import { TlsContexts } from '../ts/proxy/tls-contexts.ts';
import type { TPortProxyInput } from '../ts_interfaces/index.ts';
import { certificateOf } from './fixtures/control-plane.ts';
import { realClientHello } from './suites/client-hello.ts';
import { eventually, startEcho, startServer, startTcp, TcpClient } from './suites/tcp.ts';

/** A plane with certificates for `www.example.test`, `rsa.example.test` and `*.example.test`. */
async function start(t: TestContext, entry: TPortProxyInput) {
  const bus = new EventBus();
  const certificates = new CertificateStore(bus);
  certificates.set({ domain: 'rsa.example.test', ...certificateOf('rsa') });
  certificates.set({ domain: '*.example.test', ...certificateOf('wildcard') });
  const contexts = new TlsContexts([certificates]);
  bus.on('certificate.added', () => contexts.changed());
  bus.on('certificate.removed', () => contexts.changed());
  return { certificates, plane: await startTcp(t, entry, { bus, contexts }) };
}

/** A TLS client whose handshake is done. */
async function connect(t: TestContext, port: number, options: tls.ConnectionOptions = {}) {
  const socket = tls.connect({
    port,
    host: '127.0.0.1',
    servername: 'rsa.example.test',
    rejectUnauthorized: false,
    allowHalfOpen: true,
    ...options,
  } as tls.ConnectionOptions);
  t.after(() => socket.destroy());
  await once(socket, 'secureConnect');
  return { socket, client: new TcpClient(socket) };
}

test('terminate: the backend gets what is inside, the client the certificate of its name', async (t) => {
  const echo = await startEcho(t);
  const { plane } = await start(t, { toPort: echo.port, tls: 'terminate' });
  for (const servername of ['rsa.example.test', 'b.example.test']) {
    const { socket, client } = await connect(t, plane.port(), { servername });
    const { subject } = socket.getPeerCertificate();
    const name = servername.startsWith('rsa') ? 'rsa test' : 'wildcard test';
    assert.equal(subject.CN, name);
    socket.end(`to ${servername}`);
    assert.equal(await client.end(), `to ${servername}`);
  }
  await eventually(() => plane.proxy.stats().open === 0);
  assert.equal(plane.proxy.stats().failed, 0);
});

test('terminate: bytes are exact both ways, and half-close is kept', async (t) => {
  const echo = await startEcho(t);
  const { plane } = await start(t, { toPort: echo.port, tls: 'terminate' });
  const { socket } = await connect(t, plane.port());
  socket.removeAllListeners('data');
  const bytes = Buffer.alloc(24 << 20, 'a quick brown fox ');
  socket.end(bytes);
  let at = 0;
  for await (const part of socket) {
    const piece = part as Buffer;
    assert.ok(piece.equals(bytes.subarray(at, at + piece.length)));
    at += piece.length;
  }
  assert.equal(at, bytes.length);
});

test('terminate: a name without a certificate, and garbage, end the handshake and are counted', async (t) => {
  const echo = await startEcho(t);
  const { plane } = await start(t, { toPort: echo.port, tls: 'terminate' });
  await assert.rejects(connect(t, plane.port(), { servername: 'other.test' }), /alert|reset/i);
  const garbage = await TcpClient.open(t, plane.port());
  garbage.socket.end('GET / HTTP/1.1\r\n\r\n');
  await garbage.end();
  await eventually(() => plane.proxy.stats().open === 0);
  assert.equal(plane.proxy.stats().failed, 2);
  assert.equal(echo.sockets.length, 0);
});

test('terminate by domain config while other names pass through', async (t) => {
  const [inside, outside] = [await startEcho(t), await startServer(t)];
  const domainConfigs = [
    { domains: ['rsa.example.test'], toPort: inside.port, tls: 'terminate' as const },
  ];
  const { plane } = await start(t, { domainConfigs, toPort: outside.port });
  const { socket, client } = await connect(t, plane.port());
  socket.end('inside');
  assert.equal(await client.end(), 'inside');
  const hello = await realClientHello({ servername: 'b.example.test' });
  const accepted = outside.next();
  const other = await TcpClient.open(t, plane.port());
  other.socket.write(hello);
  const [seen] = (await once(await accepted, 'data')) as [Buffer];
  assert.deepEqual(seen, hello);
});

test('terminate: without `alpn` none is agreed on; a domain config’s `alpn` is', async (t) => {
  const echo = await startEcho(t);
  const tls = 'terminate' as const;
  const domainConfigs = [
    { id: 'h2', domains: ['rsa.example.test'], alpn: ['h2'], toPort: echo.port, tls },
    { domains: ['rsa.example.test'], toPort: echo.port, tls },
  ];
  const { plane } = await start(t, { domainConfigs });
  const agreed = await connect(t, plane.port(), { ALPNProtocols: ['h2', 'http/1.1'] });
  assert.equal(agreed.socket.alpnProtocol, 'h2');
  const none = await connect(t, plane.port(), { ALPNProtocols: ['http/1.1'] });
  assert.equal(none.socket.alpnProtocol, false);
});

test('terminate: a default certificate, also one that comes later', async (t) => {
  const echo = await startEcho(t);
  const entry = { toPort: echo.port, tls: { defaultCertificate: 'www.example.test' } };
  const { plane, certificates } = await start(t, entry);
  certificates.remove('*.example.test');
  await new Promise((resolve) => setImmediate(resolve));
  const servername = 'nobody.test';
  await assert.rejects(connect(t, plane.port(), { servername }), /alert|reset/i);
  certificates.set({ domain: 'www.example.test', ...certificateOf('chain', 'ecdsa') });
  await new Promise((resolve) => setImmediate(resolve));
  const { socket, client } = await connect(t, plane.port(), { servername });
  socket.end('hello');
  assert.equal(await client.end(), 'hello');
});

test('terminate: TLS to the backend as well, with its certificate checked', async (t) => {
  const material = certificateOf('chain', 'ecdsa');
  const server = tls.createServer(material, (socket) => void socket.pipe(socket));
  server.on('tlsClientError', (_error, socket) => socket.destroy());
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  const { port } = server.address() as { port: number };
  const backend = (more: tls.ConnectionOptions & { serverName?: string }) => ({
    hostname: '127.0.0.1',
    port,
    tls: more as { ca?: string; serverName?: string },
  });
  const root = certificateOf('root', 'ecdsa').cert;
  const good = backend({ ca: root, serverName: 'www.example.test' });
  const { plane } = await start(t, { backends: [good], tls: 'terminate' });
  const first = await connect(t, plane.port());
  first.socket.end('twice encrypted');
  assert.equal(await first.client.end(), 'twice encrypted');
  // An authority that nobody trusts: the backend is not reached, and dead.
  await plane.set({ backends: [backend({})], tls: 'terminate' });
  const second = await connect(t, plane.port());
  assert.match(await second.client.closed(), /^(ECONNRESET)?$/);
  assert.equal(plane.proxy.info('a')?.endpoints[0]?.isDead, true);
});

test('A reset of the client within TLS resets the backend', async (t) => {
  const echo = await startEcho(t);
  const { plane } = await start(t, { toPort: echo.port, tls: 'terminate' });
  const below = net.connect({ port: plane.port(), host: '127.0.0.1' });
  const { socket, client } = await connect(t, plane.port(), { socket: below });
  socket.write('x');
  await client.until('x');
  const [other] = echo.sockets;
  const error = new Promise((resolve) => {
    other?.once('error', (cause: NodeJS.ErrnoException) => resolve(cause.code));
  });
  below.resetAndDestroy();
  assert.equal(await error, 'ECONNRESET');
});

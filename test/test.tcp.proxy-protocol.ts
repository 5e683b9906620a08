import assert from 'node:assert/strict';
import { once } from 'node:events';
import type net from 'node:net';
import { type TestContext, test } from 'node:test';
import tls from 'node:tls';
import {
  buildProxyHeader,
  type IProxyHeader,
  parseProxyHeader,
  parseProxySsl,
  proxySslTlv,
  proxyTlv,
} from '../ts/net/proxy-protocol.ts';
import { TlsContexts } from '../ts/proxy/tls-contexts.ts';
import type { TPortProxyInput } from '../ts_interfaces/index.ts';
import { certificateOf } from './fixtures/control-plane.ts';
import { realClientHello } from './suites/client-hello.ts';
import { eventually, startEcho, startServer, startTcp, TcpClient } from './suites/tcp.ts';

/** Reads a header, and so many bytes behind it. */
async function headerOf(socket: net.Socket, more: number): Promise<[IProxyHeader, Buffer]> {
  let bytes = Buffer.alloc(0);
  for (;;) {
    const found = parseProxyHeader(bytes, 0, bytes.length);
    if (found.kind === 'header' && bytes.length >= found.length + more) {
      return [found.header, bytes.subarray(found.length)];
    }
    assert.match(found.kind, /^(incomplete|header)$/);
    const [piece] = (await once(socket, 'data')) as [Buffer];
    bytes = Buffer.concat([bytes, piece]);
  }
}

/** A header as a proxy in front of us sends it. */
function headerFrom(sourceIp: string, version: 1 | 2 = 2): Buffer {
  const destination = { destinationIp: '192.0.2.80', destinationPort: 443 };
  return buildProxyHeader(version, { sourceIp, sourcePort: 4242, ...destination });
}

async function startBehind(t: TestContext, entry: TPortProxyInput = {}) {
  const echo = await startEcho(t);
  const proxyProtocol = { from: ['127.0.0.1'] };
  return { echo, plane: await startTcp(t, { toPort: echo.port, proxyProtocol, ...entry }) };
}

for (const version of [1, 2] as const) {
  test(`sendProxyProtocol: v${version} tells the backend who the client is`, async (t) => {
    const server = await startServer(t);
    const sendProxyProtocol = `v${version}` as const;
    const plane = await startTcp(t, { toPort: server.port, sendProxyProtocol });
    const accepted = server.next();
    const client = await TcpClient.open(t, plane.port());
    client.socket.write('payload');
    const [header, rest] = await headerOf(await accepted, 7);
    assert.equal(header.version, version);
    assert.equal(header.sourceIp, '127.0.0.1');
    assert.equal(header.sourcePort, client.socket.localPort);
    assert.equal(header.destinationIp, '127.0.0.1');
    assert.equal(header.destinationPort, plane.port());
    assert.equal(String(rest), 'payload');
  });
}

test('sendProxyProtocol: v2 of a TLS name that passes through tells the name', async (t) => {
  const server = await startServer(t);
  const domainConfigs = [
    { domains: ['a.test'], toPort: server.port, sendProxyProtocol: 'v2' as const },
  ];
  const plane = await startTcp(t, { domainConfigs });
  const accepted = server.next();
  const client = await TcpClient.open(t, plane.port());
  const hello = await realClientHello({ servername: 'a.test' });
  client.socket.write(hello);
  const [{ tlvs }, rest] = await headerOf(await accepted, hello.length);
  assert.deepEqual(tlvs, [{ type: proxyTlv.AUTHORITY, value: Buffer.from('a.test') }]);
  assert.deepEqual(rest, hello);
});

test('sendProxyProtocol: v2 of TLS that was ended tells name, protocol, version and cipher', async (t) => {
  const server = await startServer(t);
  const source = { find: () => certificateOf('rsa') };
  const contexts = new TlsContexts([source]);
  const domainConfigs = [
    {
      domains: ['a.test'],
      alpn: ['mine'],
      tls: 'terminate' as const,
      toPort: server.port,
      sendProxyProtocol: 'v2' as const,
    },
  ];
  const plane = await startTcp(t, { domainConfigs }, { contexts });
  const accepted = server.next();
  const options = { host: '127.0.0.1', servername: 'a.test', rejectUnauthorized: false };
  const socket = tls.connect({ port: plane.port(), ALPNProtocols: ['mine'], ...options });
  t.after(() => socket.destroy());
  socket.on('error', () => socket.destroy());
  socket.write('inside');
  const [{ tlvs }, rest] = await headerOf(await accepted, 6);
  const tlvOf = (wanted: number) => tlvs.find(({ type }) => type === wanted)?.value;
  assert.equal(String(tlvOf(proxyTlv.ALPN)), 'mine');
  assert.equal(String(tlvOf(proxyTlv.AUTHORITY)), 'a.test');
  const ssl = parseProxySsl(tlvOf(proxyTlv.SSL) ?? Buffer.alloc(0));
  assert.deepEqual([ssl?.isSecure, ssl?.isVerified], [true, false]);
  const said = ssl?.tlvs.map(({ type, value }) => [type, String(value)]) ?? [];
  assert.deepEqual(said[0], [proxySslTlv.VERSION, 'TLSv1.3']);
  assert.match(String(said[1]), /TLS_/);
  assert.equal(String(rest), 'inside');
});

for (const version of [1, 2] as const) {
  test(`proxyProtocol: a header of version ${version} in one piece, split, and with payload`, async (t) => {
    const { plane } = await startBehind(t);
    const header = headerFrom('203.0.113.9', version);
    for (const cut of [header.length, 1, 5, header.length - 1]) {
      const client = await TcpClient.open(t, plane.port());
      client.socket.write(header.subarray(0, cut));
      await new Promise((resolve) => setImmediate(resolve));
      client.socket.write(header.subarray(cut));
      client.socket.write('payload');
      assert.equal(await client.until('payload'), 'payload');
      const [live] = plane.proxy.connections();
      assert.equal(live?.describe(performance.now()).client, '203.0.113.9:4242');
      client.socket.destroy();
      await eventually(() => plane.proxy.stats().open === 0);
    }
  });
}

test('proxyProtocol: required, and there is none, or the peer is not trusted', async (t) => {
  const { plane, echo } = await startBehind(t);
  const without = await TcpClient.open(t, plane.port());
  without.socket.write('GET / HTTP/1.1\r\n');
  await without.end();
  const proxyProtocol = { from: ['10.0.0.0/8'] };
  await plane.set({ toPort: echo.port, proxyProtocol });
  const stranger = TcpClient.dial(t, plane.port());
  stranger.socket.write(headerFrom('203.0.113.9'));
  await stranger.end().catch((error: unknown) => error);
  await eventually(() => plane.proxy.stats().refused === 2);
  assert.equal(echo.sockets.length, 0);
});

test('proxyProtocol: optional serves both; a stranger’s header is payload', async (t) => {
  const { plane, echo } = await startBehind(t, {
    proxyProtocol: { from: ['127.0.0.1'], mode: 'optional' },
  });
  const plain = await TcpClient.open(t, plane.port());
  plain.socket.end('plain');
  assert.equal(await plain.end(), 'plain');
  await plane.set({
    toPort: echo.port,
    proxyProtocol: { from: ['10.0.0.0/8'], mode: 'optional' },
  });
  const header = headerFrom('203.0.113.9', 1);
  const stranger = await TcpClient.open(t, plane.port());
  stranger.socket.end(header);
  assert.equal(await stranger.end(), String(header));
});

test('proxyProtocol in and out, with a name: the whole chain', async (t) => {
  const server = await startServer(t);
  const proxyProtocol = { from: ['127.0.0.0/8'] };
  const domainConfigs = [
    { domains: ['a.test'], toPort: server.port, sendProxyProtocol: 'v1' as const },
  ];
  const plane = await startTcp(t, { proxyProtocol, domainConfigs });
  const hello = await realClientHello({ servername: 'a.test' });
  const accepted = server.next();
  const client = await TcpClient.open(t, plane.port());
  client.socket.write(Buffer.concat([headerFrom('2001:db8::9'), hello]));
  const [header, rest] = await headerOf(await accepted, hello.length);
  assert.deepEqual([header.family, header.sourceIp], ['tcp6', '2001:db8::9']);
  assert.equal(header.destinationPort, 443);
  assert.deepEqual(rest, hello);
});

test('sendProxyProtocol of a backend that speaks TLS: the header comes before the TLS', async (t) => {
  const secure = tls.createServer(certificateOf('rsa'), (socket) => {
    socket.on('data', (bytes: Buffer) => socket.end(`${header}|${bytes}`));
  });
  let header = '';
  const server = await startServer(t, (socket) => {
    socket.once('readable', () => {
      const bytes = socket.read() as Buffer;
      const end = bytes.indexOf('\r\n') + 2;
      header = bytes.toString('latin1', 0, end);
      socket.unshift(bytes.subarray(end));
      secure.emit('connection', socket);
    });
  });
  const hostname = '127.0.0.1';
  const backend = { hostname, port: server.port, sendProxyProtocol: 'v1', tls: { verify: false } };
  const backends = [backend] as TPortProxyInput['backends'];
  const plane = await startTcp(t, { backends });
  const client = await TcpClient.open(t, plane.port());
  client.socket.write('inside');
  const line = `PROXY TCP4 127.0.0.1 127.0.0.1 ${client.socket.localPort} ${plane.port()}\r\n`;
  assert.equal(await client.end(), `${line}|inside`);
});

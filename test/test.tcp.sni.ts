import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type TestContext, test } from 'node:test';
import tls from 'node:tls';
import type { TPortProxyInput } from '../ts_interfaces/index.ts';
import { certificateOf } from './fixtures/control-plane.ts';
import {
  clientHello,
  extension,
  protocols,
  realClientHello,
  serverNames,
} from './suites/client-hello.ts';
import { eventually, startNamed, startTcp, TcpClient } from './suites/tcp.ts';
import { closedPort } from './suites/web.ts';

const material = certificateOf('ecdsa');

/** A TLS server that tells who it is, and what name and protocol it was asked for. */
async function startTls(t: TestContext, name: string, ALPNProtocols?: string[]) {
  const server = tls.createServer({ ...material, ALPNProtocols }, (socket) => {
    socket.on('error', () => socket.destroy());
    socket.end(`${name} ${socket.servername} ${socket.alpnProtocol}`);
  });
  // Clients that break off are part of the tests.
  server.on('tlsClientError', (_error, socket) => socket.destroy());
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  return (server.address() as { port: number }).port;
}

/** What a TLS client is told; the code of the error when it is broken off. */
async function ask(t: TestContext, port: number, options: tls.ConnectionOptions): Promise<string> {
  const socket = tls.connect({ port, host: '127.0.0.1', rejectUnauthorized: false, ...options });
  t.after(() => socket.destroy());
  let text = '';
  socket.on('data', (bytes: Buffer) => {
    text += String(bytes);
  });
  return new Promise((resolve) => {
    socket.on('end', () => resolve(text));
    socket.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? ''));
  });
}

test('TLS is passed on as it is, by its server name: the most specific wins', async (t) => {
  const [exact, wildcard, deeper, every] = await Promise.all(
    ['exact', 'wildcard', 'deeper', 'every'].map((name) => startTls(t, name)),
  );
  const domainConfigs = [
    { domains: ['*'], toPort: every },
    { domains: ['*.example.com'], toPort: wildcard },
    { domains: ['*.eu.example.com'], toPort: deeper },
    { domains: ['a.example.com', 'A.example.org'], toPort: exact },
  ] as TPortProxyInput['domainConfigs'];
  const { port } = await startTcp(t, { domainConfigs });
  const cases = [
    ['a.example.com', 'exact'],
    ['A.EXAMPLE.COM', 'exact'],
    ['a.example.org', 'exact'],
    ['b.example.com', 'wildcard'],
    ['b.c.example.com', 'wildcard'],
    ['b.eu.example.com', 'deeper'],
    ['example.com', 'every'],
    ['xexample.com', 'every'],
    ['other.test', 'every'],
  ] as const;
  for (const [servername, name] of cases) {
    assert.equal(await ask(t, port(), { servername }), `${name} ${servername} false`);
  }
});

test('unknownName: the default is the entry’s action; without one, or with "reset", it is broken off', async (t) => {
  const [own, rest] = [await startTls(t, 'own'), await startTls(t, 'rest')];
  const domainConfigs = [{ domains: ['a.test'], toPort: own }];
  const plane = await startTcp(t, { domainConfigs, toPort: rest });
  const { proxy } = plane;
  const servername = 'b.test';
  assert.equal(await ask(t, plane.port(), { servername }), 'rest b.test false');
  assert.equal(await ask(t, plane.port(), {}), 'rest false false', 'no SNI');
  await plane.set({ domainConfigs, toPort: rest, unknownName: 'reset' });
  assert.equal(await ask(t, plane.port(), { servername }), 'ECONNRESET');
  assert.equal(await ask(t, plane.port(), {}), 'ECONNRESET');
  assert.equal(await ask(t, plane.port(), { servername: 'a.test' }), 'own a.test false');
  await plane.set({ domainConfigs });
  assert.equal(await ask(t, plane.port(), { servername }), 'ECONNRESET');
  assert.equal(await ask(t, plane.port(), {}), 'ECONNRESET');
  assert.equal(proxy.stats().failed, 4);
});

test('alpn: of two configs for a name, that for an offered protocol wins', async (t) => {
  const [acme, web] = [await startTls(t, 'acme', ['acme-tls/1']), await startTls(t, 'web', ['h2'])];
  const domainConfigs = [
    { domains: ['a.test'], toPort: web },
    { id: 'acme', domains: ['a.test'], alpn: ['acme-tls/1'], toPort: acme },
  ];
  const { port } = await startTcp(t, { domainConfigs });
  const servername = 'a.test';
  const asked = (ALPNProtocols: string[]) => ask(t, port(), { servername, ALPNProtocols });
  assert.equal(await asked(['acme-tls/1']), 'acme a.test acme-tls/1');
  assert.equal(await asked(['h2', 'http/1.1']), 'web a.test h2');
});

test('portRanges: a domain config only takes connections to its ports', async (t) => {
  const [one, two] = [await startTls(t, 'one'), await startTls(t, 'two')];
  const [first, extra] = [await closedPort(), await closedPort()];
  const domainConfigs = [
    { id: 'extra', domains: ['a.test'], portRanges: [extra], toPort: two },
    { domains: ['a.test'], toPort: one },
  ];
  await startTcp(t, { fromPort: first, globalPortRanges: [extra], domainConfigs });
  const servername = 'a.test';
  assert.equal(await ask(t, first, { servername }), 'one a.test false');
  assert.equal(await ask(t, extra, { servername }), 'two a.test false');
});

test('A ClientHello that is split at any byte, or comes byte by byte', async (t) => {
  const server = await startNamed(t, 'seen');
  const domainConfigs = [{ domains: ['split.test'], toPort: server.port }];
  const { port } = await startTcp(t, { domainConfigs });
  const small = clientHello({ extensions: [serverNames('split.test')] });
  for (let cut = 1; cut < small.length; cut++) {
    const client = await TcpClient.open(t, port());
    client.socket.write(small.subarray(0, cut));
    await new Promise((resolve) => setImmediate(resolve));
    client.socket.write(small.subarray(cut));
    await eventually(() => client.received.length === 'seen:'.length + small.length);
    assert.deepEqual(client.received.subarray('seen:'.length), small, `cut at ${cut}`);
    client.socket.destroy();
  }
  const hello = await realClientHello({ servername: 'split.test', ALPNProtocols: ['h2'] });
  const client = await TcpClient.open(t, port());
  for (const byte of hello) {
    client.socket.write(Buffer.from([byte]));
    await new Promise((resolve) => setImmediate(resolve));
  }
  await eventually(() => client.received.length === 'seen:'.length + hello.length);
  assert.deepEqual(client.received.subarray('seen:'.length), hello);
});

test('What follows the ClientHello at once is passed on as well', async (t) => {
  const server = await startNamed(t, 'seen');
  const domainConfigs = [{ domains: ['a.test'], toPort: server.port }];
  const { port } = await startTcp(t, { domainConfigs });
  const hello = await realClientHello({ servername: 'a.test' });
  const client = await TcpClient.open(t, port());
  const rest = Buffer.alloc(300_000, 'early data ');
  client.socket.end(Buffer.concat([hello, rest]));
  await client.end();
  assert.equal(client.received.length, 'seen:'.length + hello.length + rest.length);
});

test('GREASE and ECH: the outer name counts', async (t) => {
  const server = await startNamed(t, 'outer');
  const domainConfigs = [{ domains: ['public.test'], toPort: server.port }];
  const { port, proxy } = await startTcp(t, { domainConfigs });
  const extensions = [
    extension(0x0a0a, Buffer.alloc(0)),
    serverNames('public.test'),
    extension(0xfe0d, Buffer.alloc(200, 1)),
    extension(0xfafa, Buffer.alloc(1)),
    protocols('\x0a\x0a', 'h2'),
  ];
  const hello = clientHello({ extensions });
  const client = await TcpClient.open(t, port());
  client.socket.write(hello);
  await client.until('outer:');
  const [live] = proxy.connections();
  const { serverName, protocol, route } = live?.describe(performance.now()) ?? {};
  assert.deepEqual([serverName, protocol, route], ['public.test', 'tls', 'public.test']);
});

test('A real TLS session through the proxy carries bytes both ways', async (t) => {
  const server = tls.createServer(material, (socket) => void socket.pipe(socket));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  const { port } = server.address() as { port: number };
  const plane = await startTcp(t, { domainConfigs: [{ domains: ['a.test'], toPort: port }] });
  const bytes = Buffer.alloc(3 << 20, 'payload ');
  const options = { host: '127.0.0.1', servername: 'a.test', rejectUnauthorized: false };
  const halfOpen = { allowHalfOpen: true, ...options };
  const socket = tls.connect({ port: plane.port(), ...halfOpen });
  t.after(() => socket.destroy());
  await once(socket, 'secureConnect');
  socket.end(bytes);
  const parts: Buffer[] = [];
  for await (const part of socket) parts.push(part as Buffer);
  assert.ok(Buffer.concat(parts).equals(bytes));
});

import assert from 'node:assert/strict';
import { once } from 'node:events';
import http from 'node:http';
import path from 'node:path';
import { test } from 'node:test';
import type { TLSSocket } from 'node:tls';
import type { IBackendTls } from '../ts_interfaces/index.ts';
import { certificateOf } from './fixtures/control-plane.ts';
import {
  ask,
  Client,
  echoOf,
  nextEvent,
  routeTo,
  startOrigin,
  startProxy,
  startRaw,
  temporaryFolder,
} from './suites/web.ts';

const { cert: root } = certificateOf('root', 'ecdsa');
const serverName = 'www.example.test';

const cases: { why: string; tls: IBackendTls; reason: string | null }[] = [
  { why: 'verified by its own authority', tls: { ca: root, serverName }, reason: null },
  { why: 'the address itself is in the certificate', tls: { ca: root }, reason: null },
  { why: 'not verified', tls: { verify: false }, reason: null },
  {
    why: 'signed by nobody we know',
    tls: { serverName },
    reason: 'SELF_SIGNED_CERT_IN_CHAIN|UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  },
  {
    why: 'for another name',
    tls: { ca: root, serverName: 'other.test' },
    reason: 'ERR_TLS_CERT_ALTNAME_INVALID',
  },
];

for (const { why, tls, reason } of cases) {
  test(`backends by TLS: ${why}: ${reason === null ? 'served' : 'refused'}`, async (context) => {
    const origin = await startOrigin(context, 'secure', undefined, certificateOf('chain', 'ecdsa'));
    const { proxy, port } = await startProxy(context, {
      routes: [routeTo([{ ...origin.backend, tls }])],
    });
    const client = await Client.open(context, port);
    if (reason === null) {
      for (const _ of [1, 2]) assert.equal(echoOf(await client.ask()).origin, 'secure');
      const [first, second] = origin.requests.map(({ socket }) => socket as TLSSocket);
      assert.equal(first, second, 'the connection is kept');
      assert.equal(first?.alpnProtocol, 'http/1.1');
      return;
    }
    const dead = nextEvent(proxy.events, 'backend.dead');
    const { status } = await client.ask({ method: 'POST', body: 'secret' });
    assert.ok(status === 502 || status === 503, `${status}`);
    assert.match((await dead).reason, new RegExp(reason));
    assert.equal(origin.requests.length, 0);
  });
}

test('backends by TLS: a backend without TLS is a failure, tried elsewhere', async (context) => {
  const plain = await startOrigin(context, 'plain');
  const good = await startOrigin(context, 'good');
  const { port } = await startProxy(context, {
    routes: [routeTo([{ ...plain.backend, tls: { verify: false } }, good.backend])],
  });
  assert.equal(echoOf(await ask(context, port)).origin, 'good');
});

test('backends by TLS: SNI carries serverName; a client certificate is shown', async (context) => {
  const origin = await startOrigin(context, 'secure', undefined, {
    ...certificateOf('chain', 'ecdsa'),
    requestCert: true,
    ca: root,
  });
  const tls = { ca: root, serverName, ...certificateOf('client') };
  const { port } = await startProxy(context, { routes: [routeTo([{ ...origin.backend, tls }])] });
  assert.equal((await ask(context, port)).status, 200);
  const socket = origin.requests[0]?.socket as TLSSocket;
  assert.equal((socket as TLSSocket & { servername: string }).servername, serverName);
  assert.equal(socket.getPeerCertificate().subject.CN, 'client test');
  assert.equal(socket.authorized, true);
});

test('backends: a unix socket, and what is not there', async (context) => {
  const folder = temporaryFolder(context);
  const socketPath = path.join(folder, 'backend.sock');
  const server = http.createServer((request, response) => response.end(`unix ${request.url}`));
  server.listen(socketPath);
  await once(server, 'listening');
  context.after(() => server.close());
  const named = { hostname: 'app', port: 1 };
  const { port } = await startProxy(context, {
    routes: [
      routeTo([{ ...named, socketPath }], { upstreamHost: 'backend' }),
      routeTo([{ ...named, socketPath: `${socketPath}.gone` }], { id: 'b', vHost: 'b.test' }),
    ],
  });
  const client = await Client.open(context, port);
  assert.equal((await client.ask({ path: '/x' })).body, 'unix /x');
  assert.equal((await client.ask({ path: '/y' })).body, 'unix /y');
  assert.equal((await client.ask({ host: 'b.test' })).status, 503);
});

test('backends: a name that does not exist is a failure like others', async (context) => {
  const good = await startOrigin(context, 'good');
  const { proxy, port } = await startProxy(context, {
    routes: [routeTo([{ id: 'bad', hostname: 'nowhere.invalid', port: 80 }, good.backend])],
  });
  const dead = nextEvent(proxy.events, 'backend.dead');
  assert.equal(echoOf(await ask(context, port)).origin, 'good');
  assert.match((await dead).reason, /^(ENOTFOUND|EAI_AGAIN)$/);
});

test('backends: routes to one address share its idle connections; another address gets its own', async (context) => {
  const connections = new Set<unknown>();
  const origin = await startOrigin(context, 'one', (request, response) => {
    connections.add(request.socket);
    response.end('ok');
  });
  const { proxy, port } = await startProxy(context, {
    routes: [
      routeTo([origin.backend]),
      routeTo([{ ...origin.backend, id: 'same' }], { id: 'b', vHost: 'b.test' }),
      routeTo([{ ...origin.backend, hostname: 'localhost' }], { id: 'c', vHost: 'c.test' }),
    ],
  });
  const client = await Client.open(context, port);
  for (const host of ['a.test', 'b.test', 'a.test']) await client.ask({ host });
  assert.equal(connections.size, 1);
  await client.ask({ host: 'c.test' });
  assert.equal(connections.size, 2);
  const idle = proxy.router.route('a')?.endpoints.map((each) => proxy.idleConnections(each));
  assert.deepEqual(idle, [1]);
});

test('backends: an idle connection that the backend closed is not a failure', async (context) => {
  const sockets: import('node:net').Socket[] = [];
  const backend = await startRaw(context, (socket) => {
    sockets.push(socket);
    socket.on('data', () => socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'));
  });
  const { proxy, port } = await startProxy(context, { routes: [routeTo([backend.backend])] });
  const client = await Client.open(context, port);
  assert.equal((await client.ask()).body, 'ok');
  const [first] = sockets;
  // It goes just when the next request comes: what the proxy sees first is up to the kernel.
  first?.resetAndDestroy();
  assert.equal((await client.ask()).body, 'ok');
  assert.equal(sockets.length, 2);
  assert.equal(proxy.router.route('a')?.endpoints[0]?.failureCount, 0);
});

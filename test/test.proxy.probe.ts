import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type RequestListener } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import {
  type AddressInfo,
  createServer as createTcpServer,
  type Server,
  type Socket,
} from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { systemClock } from '../ts/core/clock.ts';
import { ManualClock } from '../ts/core/manual-clock.ts';
import { networkProbe } from '../ts/proxy/probe.ts';
import type { Backend, IHealthOptions } from '../ts_interfaces/index.ts';

async function listen(context: TestContext, server: Server, path?: string): Promise<number> {
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  });
  if (path === undefined) server.listen(0, '127.0.0.1');
  else server.listen(path);
  await once(server, 'listening');
  context.after(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  return path === undefined ? (server.address() as AddressInfo).port : 0;
}

function backend(port: number, rest: Partial<Backend> = {}): Backend {
  return { id: 'b', hostname: '127.0.0.1', port, isDead: false, failureCount: 0, ...rest };
}

function probe(to: Backend, health?: IHealthOptions): Promise<string | null> {
  return new Promise((resolve) => networkProbe(systemClock).check(to, health, resolve));
}

async function httpServer(context: TestContext, listener: RequestListener): Promise<number> {
  return listen(context, createServer(listener));
}

test('networkProbe: TCP is well when the port accepts', async (context) => {
  assert.equal(await probe(backend(await listen(context, createTcpServer()))), null);
});

test('networkProbe: TCP says why it cannot connect', async (context) => {
  const server = createTcpServer();
  const port = await listen(context, server);
  server.close();
  await once(server, 'close');
  assert.equal(await probe(backend(port)), 'ECONNREFUSED');
});

test('networkProbe: TCP over a unix socket', async (context) => {
  const folder = mkdtempSync(join(tmpdir(), 'dcrouter-probe-'));
  context.after(() => rmSync(folder, { recursive: true }));
  const socketPath = join(folder, 'socket');
  assert.equal(await probe(backend(1, { socketPath })), 'ENOENT');
  await listen(context, createTcpServer(), socketPath);
  assert.equal(await probe(backend(1, { socketPath })), null);
});

test('networkProbe: HTTP asks for the path with the host of the options', async (context) => {
  const asked: unknown[] = [];
  const port = await httpServer(context, (request, response) => {
    asked.push([request.method, request.url, request.headers.host]);
    response.end();
  });
  assert.equal(await probe(backend(port), { probe: 'http' }), null);
  assert.equal(await probe(backend(port), { probe: 'http', path: '/up?a', host: 'x.org' }), null);
  assert.deepEqual(asked, [
    ['GET', '/', `127.0.0.1:${port}`],
    ['GET', '/up?a', 'x.org'],
  ]);
});

test('networkProbe: HTTP accepts 200 to 399, or what the options say', async (context) => {
  const port = await httpServer(context, (request, response) => {
    response.writeHead(Number(request.url?.slice(1))).end();
  });
  const ask = (status: number, statusRange?: [number, number]) =>
    probe(backend(port), { probe: 'http', path: `/${status}`, statusRange });
  assert.equal(await ask(200), null);
  assert.equal(await ask(399), null);
  assert.equal(await ask(400), 'status 400');
  assert.equal(await ask(503), 'status 503');
  assert.equal(await ask(404, [200, 404]), null);
  assert.equal(await ask(200, [204, 204]), 'status 200');
});

test('networkProbe: HTTP does not wait for the body, and takes no nonsense', async (context) => {
  const endless = await httpServer(context, (_request, response) => response.write('x'));
  assert.equal(await probe(backend(endless), { probe: 'http' }), null);
  const nonsense = createTcpServer((socket) => socket.end('hello\r\n\r\n'));
  const port = await listen(context, nonsense);
  assert.match(String(await probe(backend(port), { probe: 'http' })), /^HPE_|Parse/);
});

test('networkProbe: one that does not answer in time has failed', async (context) => {
  const clock = new ManualClock();
  const silent = createTcpServer();
  const port = await listen(context, silent);
  const connected = once(silent, 'connection');
  const outcome = new Promise((resolve) => {
    networkProbe(clock).check(backend(port), { probe: 'http', probeTimeoutMs: 700 }, resolve);
  });
  const [socket] = (await connected) as [Socket];
  const closed = once(socket, 'close');
  socket.resume();
  clock.advance(700);
  assert.equal(await outcome, 'timeout');
  await closed;
});

test('networkProbe: one that was given up says nothing and leaves no connection', async (context) => {
  const clock = new ManualClock();
  const silent = createTcpServer();
  const port = await listen(context, silent);
  const connected = once(silent, 'connection');
  const done = () => assert.fail('it was given up');
  const giveUp = networkProbe(clock).check(backend(port), { probe: 'http' }, done);
  const [socket] = (await connected) as [Socket];
  const closed = once(socket, 'close');
  socket.resume();
  giveUp();
  giveUp();
  await closed;
  assert.equal(clock.timerCount, 0);
});

test('networkProbe: settings that Node refuses are a failure, not an exception', async () => {
  assert.match(String(await probe(backend(70_000))), /ERR_SOCKET_BAD_PORT/);
  const host = 'bad\nhost';
  assert.match(String(await probe(backend(1), { probe: 'http', host })), /ERR_INVALID_CHAR/);
});

test('networkProbe: HTTPS to a server that does not speak TLS has failed', async (context) => {
  const port = await httpServer(context, (_request, response) => response.end());
  assert.notEqual(await probe(backend(port, { tls: {} }), { probe: 'http' }), null);
});

test('networkProbe: HTTPS verifies the certificate unless told otherwise', async (context) => {
  const names: (string | false | null)[] = [];
  const server = createTlsServer(
    { cert: pem('chain.cert'), key: pem('ecdsa.key') },
    (_request, response) => response.end(),
  );
  server.on('secureConnection', (socket) => names.push(socket.servername));
  const port = await listen(context, server);
  const ask = (tls: Backend['tls']) => probe(backend(port, { tls }), { probe: 'http' });
  const ca = pem('root.cert');
  assert.match(String(await ask({})), /SELF_SIGNED|UNABLE_TO/);
  assert.equal(await ask({ ca }), null);
  assert.equal(await ask({ ca, serverName: 'www.example.test' }), null);
  assert.equal(await ask({ ca, serverName: 'other.test' }), 'ERR_TLS_CERT_ALTNAME_INVALID');
  assert.equal(await ask({ verify: false, serverName: 'other.test' }), null);
  assert.ok(names.includes('www.example.test') && names.includes('other.test'));
});

test('networkProbe: an authority that is no certificate is a failure, not an exception', async () => {
  const tls = { ca: '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----' };
  assert.notEqual(await probe(backend(1, { tls }), { probe: 'http' }), null);
});

function pem(name: string): string {
  return readFileSync(new URL(`./fixtures/certificates/${name}.pem`, import.meta.url), 'utf8');
}

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import {
  type AddressInfo,
  createServer as createTcpServer,
  type Server,
  type Socket,
} from 'node:net';
import { type TestContext, test } from 'node:test';
import type { IClock } from '../ts/core/clock.ts';
import { ManualClock } from '../ts/core/manual-clock.ts';
import { ForwardAccess } from '../ts/proxy/access/forward-access.ts';
import { Outage } from '../ts/proxy/access/outage.ts';
import type { IForwardAuthOptions } from '../ts_interfaces/index.ts';
import { authRequest, recordingLogger, short } from './suites/access.ts';

type TAnswer = (request: IncomingMessage, response: ServerResponse) => void;

async function listen(context: TestContext, server: Server): Promise<number> {
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  context.after(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  return (server.address() as AddressInfo).port;
}

/** A provider service with what it was asked. */
async function service(
  context: TestContext,
  answer: TAnswer,
  options: Partial<IForwardAuthOptions> = {},
) {
  const asked: IncomingMessage[] = [];
  const server = createServer((request, response) => {
    asked.push(request);
    answer(request, response);
  });
  const port = await listen(context, server);
  return { asked, server, ...accessTo(context, `http://127.0.0.1:${port}/check?x=1`, options) };
}

function accessTo(context: TestContext, url: string, options: Partial<IForwardAuthOptions> = {}) {
  const clock = new ManualClock();
  const { logger, events } = recordingLogger();
  const access = forwardAccess(context, { type: 'forward', url, ...options }, clock, logger);
  return { access, clock, events };
}

function forwardAccess(
  context: TestContext,
  options: IForwardAuthOptions,
  clock: IClock,
  logger: ReturnType<typeof recordingLogger>['logger'],
): ForwardAccess {
  const access = new ForwardAccess(options, clock, new Outage('service', logger));
  context.after(() => access.close());
  return access;
}

const ok: TAnswer = (_request, response) => response.end('ignored');

test('forward auth: asks by GET with the headers of the request and what was asked', async (context) => {
  const { access, asked } = await service(context, ok);
  const headers = {
    host: 'example.test',
    authorization: 'Bearer x',
    cookie: 'a=b',
    'x-custom': '1',
    connection: 'keep-alive, X-Hop',
    'x-hop': '1',
    'content-length': '5',
    'transfer-encoding': 'chunked',
    upgrade: 'websocket',
    expect: '100-continue',
    'accept-encoding': 'gzip',
    'if-none-match': '"x"',
    range: 'bytes=0-1',
    forwarded: 'for=evil',
    'x-real-ip': 'evil',
    'x-forwarded-for': 'evil',
    'x-forwarded-uri': '/evil',
    'x-forwarded-port': '1',
  };
  const verdict = await access.check(authRequest({ method: 'POST', headers }));
  assert.equal(verdict.allow, true);
  const [request] = asked as [IncomingMessage];
  assert.deepEqual([request.method, request.url], ['GET', '/check?x=1']);
  const { host, connection, ...rest } = request.headers;
  assert.match(String(host), /^127\.0\.0\.1:/);
  assert.equal(connection, 'keep-alive');
  assert.deepEqual(rest, {
    authorization: 'Bearer x',
    cookie: 'a=b',
    'x-custom': '1',
    'x-forwarded-method': 'POST',
    'x-forwarded-uri': '/path?query',
    'x-forwarded-host': 'example.test',
    'x-forwarded-proto': 'https',
    'x-forwarded-for': '192.0.2.1',
  });
});

test('forward auth: named headers of a yes go to the backend, absent ones are taken off', async (context) => {
  const answer: TAnswer = (_request, response) => {
    response.writeHead(204, { 'X-User': 'ann', 'X-Secret': 'no', 'Content-Length': '0' }).end();
  };
  const responseHeaders = ['X-User', 'X-Groups', 'Content-Length'];
  const { access } = await service(context, answer, { responseHeaders });
  assert.deepEqual(await access.check(authRequest()), {
    allow: true,
    headers: { 'x-user': 'ann' },
    removeHeaders: ['x-groups'],
  });
});

test('forward auth: a refusal goes to the client, with its headers, cookies and body', async (context) => {
  const answer: TAnswer = (_request, response) => {
    response.writeHead(302, {
      Location: 'https://login.test/',
      'WWW-Authenticate': 'Basic realm="x"',
      'Content-Type': 'text/plain; charset=utf-8',
      'Set-Cookie': ['a=1', 'b=2; Path=/'],
      'X-Internal': 'no',
    });
    response.end('geh zur Tür');
  };
  const { access } = await service(context, answer);
  assert.deepEqual(await access.check(authRequest()), {
    allow: false,
    status: 302,
    headers: {
      location: 'https://login.test/',
      'www-authenticate': 'Basic realm="x"',
      'content-type': 'text/plain; charset=utf-8',
    },
    setCookies: ['a=1', 'b=2; Path=/'],
    body: 'geh zur Tür',
  });
});

test('forward auth: any answer but 2xx refuses, a broken service too', async (context) => {
  let status = 0;
  const { access } = await service(context, (_request, response) => {
    response.writeHead(status).end();
  });
  for (status of [304, 400, 401, 403, 404, 500, 503]) {
    assert.equal(short(await access.check(authRequest())), String(status));
  }
});

test('forward auth: a refusal with more than 64 KiB is passed on without its body', async (context) => {
  let bytes = 65_536;
  const { access } = await service(context, (_request, response) => {
    response.writeHead(403).end('x'.repeat(bytes));
  });
  assert.equal((await access.check(authRequest())).body?.length, 65_536);
  bytes++;
  const verdict = await access.check(authRequest());
  assert.deepEqual([verdict.status, verdict.body?.length], [403, 0]);
});

test('forward auth: connections are used again', async (context) => {
  const { access, asked } = await service(context, ok);
  for (let round = 0; round < 3; round++) {
    await access.check(authRequest());
    // The rest of the answer is read behind the verdict.
    await new Promise((resolve) => setImmediate(resolve));
  }
  assert.equal(new Set(asked.map(({ socket }) => socket)).size, 1);
});

test('forward auth: a connection that the service closed meanwhile is no outage', async (context) => {
  let questions = 0;
  const server = createTcpServer((socket) => {
    socket.on('error', () => undefined);
    socket.once('data', () => {
      questions++;
      socket.write('HTTP/1.1 204 No Content\r\nConnection: keep-alive\r\n\r\n');
      // Whatever comes second on a connection is reset, as if it had been closed just before.
      socket.once('data', () => socket.resetAndDestroy());
    });
  });
  const port = await listen(context, server);
  const { access, events } = accessTo(context, `http://127.0.0.1:${port}/`);
  for (let round = 0; round < 3; round++) {
    assert.equal(short(await access.check(authRequest())), 'allow');
    await new Promise((resolve) => setImmediate(resolve));
  }
  assert.equal(questions, 3);
  assert.deepEqual(events, []);
});

test('forward auth: a service that is gone is 503, told once, and again when it works', async (context) => {
  const { access, server, events } = await service(context, ok);
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  for (let round = 0; round < 2; round++) {
    assert.equal(short(await access.check(authRequest())), '503');
  }
  assert.deepEqual(events, ['auth.providerDown']);
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  assert.equal(short(await access.check(authRequest())), 'allow');
  assert.deepEqual(events, ['auth.providerDown', 'auth.providerUp']);
});

test('forward auth: a service that is late is 503, and the connection is closed', async (context) => {
  const { access, clock, server } = await service(context, () => undefined, { timeoutMs: 700 });
  const arrived = once(server, 'request');
  const verdict = access.check(authRequest());
  const [request] = (await arrived) as [IncomingMessage];
  const closed = once(request.socket, 'close');
  clock.advance(700);
  assert.equal(short(await verdict), '503');
  await closed;
});

test('forward auth: a refusal whose body never ends is passed on without it', async (context) => {
  const { access, clock, server } = await service(
    context,
    (_request, response) => {
      response.writeHead(403).write('x');
    },
    { timeoutMs: 700 },
  );
  const arrived = once(server, 'request');
  const verdict = access.check(authRequest());
  await arrived;
  // Whether its head has come by then or not: it is a refusal in either case.
  clock.advance(700);
  const { allow, status, body = '' } = await verdict;
  assert.deepEqual([allow, body], [false, '']);
  assert.ok(status === 403 || status === 503);
});

test('forward auth: nonsense and broken answers are 503', async (context) => {
  for (const answer of ['hello\r\n\r\n', 'HTTP/1.1 200', '']) {
    const server = createTcpServer((socket) => socket.once('data', () => socket.end(answer)));
    const port = await listen(context, server);
    const { access } = accessTo(context, `http://127.0.0.1:${port}/`);
    assert.equal(short(await access.check(authRequest())), '503', JSON.stringify(answer));
  }
});

test("forward auth: a header that cannot be sent on is the client's fault", async (context) => {
  const { access, events, clock } = await service(context, ok);
  const verdict = await access.check(authRequest({ headers: { 'x-a': 'ł' } }));
  assert.equal(short(verdict), '400');
  assert.deepEqual(events, []);
  assert.equal(clock.timerCount, 0);
});

test('forward auth: without cacheMs every request is asked', async (context) => {
  const { access, asked } = await service(context, ok);
  for (let round = 0; round < 3; round++) await access.check(authRequest());
  assert.equal(asked.length, 3);
});

test('forward auth: with cacheMs a yes is remembered for what it was said about', async (context) => {
  const { access, asked, clock } = await service(context, ok, { cacheMs: 1000 });
  const request = authRequest({ headers: { authorization: 'Bearer x', accept: '*/*' } });
  await access.check(request);
  const known = access.check({ ...request, headers: { ...request.headers, accept: 'text/html' } });
  assert.ok(!(known instanceof Promise));
  assert.equal(known.allow, true);
  assert.equal(asked.length, 1);
  const others = [
    { ...request, method: 'DELETE' },
    { ...request, host: 'other.test' },
    { ...request, uri: '/path?other' },
    { ...request, clientIp: '192.0.2.2' },
    { ...request, protocol: 'http' as const },
    { ...request, headers: { authorization: 'Bearer y' } },
    { ...request, headers: {} },
    { ...request, headers: { ...request.headers, cookie: 'a=b' } },
    { ...request, headers: { ...request.headers, 'x-api-key': '1' } },
  ];
  for (const other of others) await access.check(other);
  assert.equal(asked.length, 1 + others.length);
  clock.advance(1000);
  await access.check(request);
  assert.equal(asked.length, 2 + others.length);
});

test('forward auth: a header cannot be written so that it looks like another one', async (context) => {
  const { access, asked } = await service(context, ok, { cacheMs: 1000 });
  await access.check(authRequest({ headers: { 'x-a': '1', 'x-b': '2' } }));
  await access.check(authRequest({ headers: { 'x-a': '1, x-b: 2' } }));
  await access.check(authRequest({ headers: { 'x-a': '12', 'x-b': '' } }));
  assert.equal(asked.length, 3);
});

test('forward auth: a no is never remembered', async (context) => {
  let status = 403;
  const { access } = await service(
    context,
    (_request, response) => {
      response.writeHead(status).end();
    },
    { cacheMs: 1000 },
  );
  assert.equal(short(await access.check(authRequest())), '403');
  status = 200;
  assert.equal(short(await access.check(authRequest())), 'allow');
});

test('forward auth: an https service must have a certificate that can be trusted', async (context) => {
  const pem = (name: string) =>
    readFileSync(new URL(`./fixtures/certificates/${name}.pem`, import.meta.url));
  const server = createTlsServer({ cert: pem('chain.cert'), key: pem('ecdsa.key') }, ok);
  const port = await listen(context, server);
  const { access } = accessTo(context, `https://127.0.0.1:${port}/`);
  assert.equal(short(await access.check(authRequest())), '503');
});

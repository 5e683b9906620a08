import assert from 'node:assert/strict';
import { once } from 'node:events';
import net from 'node:net';
import { test } from 'node:test';
import { isOwnHost } from '../ts/api/host-check.ts';
import { ApiServer } from '../ts/api/server.ts';
import { type ILogger, silentLogger } from '../ts/core/logger.ts';
import {
  caller,
  type IAnswer,
  makeControl,
  rawRequest,
  route,
  startApi,
} from './fixtures/control-plane.ts';

const routes = '/api/v1/routes';

function codeOf({ status, body }: IAnswer): [number, string] {
  return [status, (body as { code: string }).code];
}

test('/healthz and /readyz need no token and tell nothing', async (context) => {
  const { url, process } = await startApi(context);
  const nobody = caller(url, undefined);
  const health = await nobody('GET', '/healthz');
  assert.deepEqual([health.status, health.body], [200, { status: 'ok' }]);
  assert.equal((await nobody('GET', '/readyz')).status, 200);
  assert.equal((await nobody('HEAD', '/readyz')).status, 200);
  process.isReady = false;
  assert.equal((await nobody('GET', '/healthz')).status, 200);
  const ready = await nobody('GET', '/readyz');
  assert.deepEqual([ready.status, ready.body], [503, { status: 'not ready' }]);
});

const bodies: [name: string, body: string, status: number, code: string][] = [
  ['not JSON', '{"id":', 400, 'MALFORMED_JSON'],
  ['empty', '', 400, 'REQUEST_INVALID'],
  ['a key twice', '{"id":"a","id":"b"}', 400, 'MALFORMED_JSON'],
  ['a key twice, escaped', '{"id":"a","\\u0069d":"b"}', 400, 'MALFORMED_JSON'],
  ['a key twice, deep inside', '{"backends":[{"port":1,"port":2}]}', 400, 'MALFORMED_JSON'],
  ['__proto__', '{"__proto__":{"vHost":"x"}}', 400, 'MALFORMED_JSON'],
  ['__proto__, escaped', '{"a":{"\\u005f_proto__":1}}', 400, 'MALFORMED_JSON'],
  ['constructor', '{"constructor":{"prototype":{}}}', 422, 'ROUTE_INVALID'],
  ['too deep', '['.repeat(100_000) + ']'.repeat(100_000), 400, 'MALFORMED_JSON'],
  ['too big', `{"id":"${'x'.repeat(1_048_576)}"}`, 413, 'BODY_TOO_LARGE'],
  ['a text', '"x"', 422, 'ROUTE_INVALID'],
  ['null', 'null', 422, 'ROUTE_INVALID'],
  ['a list', '[]', 422, 'ROUTE_INVALID'],
];
for (const [name, body, status, code] of bodies) {
  test(`POST /routes with a body that is ${name}: ${status}`, async (context) => {
    const { call } = await startApi(context);
    assert.deepEqual(codeOf(await call('POST', routes, body)), [status, code]);
  });
}

test('malformed JSON is told by line and column', async (context) => {
  const { call } = await startApi(context);
  const { body } = await call('POST', routes, '{\n  "id": "a",\n  "vHost": }');
  const [found] = (body as { problems: { line: number; column: number }[] }).problems;
  assert.deepEqual([found?.line, found?.column], [3, 12]);
});

test('bodies that are no UTF-8 are refused', async (context) => {
  const { port, control } = await startApi(context);
  const { token } = await control.tokens.create({ name: 'x', scopes: ['write'] });
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
  const request = rawRequest(port, { method: 'POST', path: routes, headers }, '{"id":"\xff"}');
  // http sends texts as UTF-8, so that one is fine; the next one is not.
  assert.equal((await request).status, 422);
  const socket = net.connect(port, '127.0.0.1');
  const head = `POST ${routes} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${token}\r\n`;
  socket.write(
    `${head}Content-Type: application/json\r\nContent-Length: 3\r\nConnection: close\r\n\r\n`,
  );
  socket.end(Buffer.from([0x22, 0xff, 0x22]));
  let text = '';
  socket.on('data', (chunk) => {
    text += chunk.toString();
  });
  await once(socket, 'close');
  assert.match(text, /^HTTP\/1\.1 400 /);
  assert.match(text, /MALFORMED_JSON/);
});

test('content types: 415 for any but JSON, for a patch on a POST, and for compressed bodies', async (context) => {
  const { call } = await startApi(context);
  const send = (method: string, headers: Record<string, string>) =>
    call(method, method === 'POST' ? routes : `${routes}/a`, '{}', headers);
  const unsupported = [415, 'UNSUPPORTED_MEDIA_TYPE'];
  for (const type of [
    'text/plain',
    'application/x-www-form-urlencoded',
    'application/jsonx',
    'multipart/form-data',
  ]) {
    assert.deepEqual(codeOf(await send('POST', { 'content-type': type })), unsupported, type);
  }
  const patch = { 'content-type': 'application/merge-patch+json' };
  assert.deepEqual(codeOf(await send('POST', patch)), unsupported);
  assert.deepEqual(
    codeOf(await send('PATCH', { 'content-type': 'application/json-patch+json' })),
    unsupported,
  );
  assert.deepEqual(codeOf(await send('POST', { 'content-encoding': 'gzip' })), unsupported);
  assert.deepEqual(codeOf(await send('PATCH', patch)), [404, 'ROUTE_UNKNOWN']);
  assert.deepEqual(
    codeOf(await send('POST', { 'content-type': 'APPLICATION/JSON; charset=utf-8' })),
    [422, 'ROUTE_INVALID'],
  );
});

test('unknown paths are 404; known ones with another method are 405 with Allow', async (context) => {
  const { call } = await startApi(context);
  for (const address of ['/api/v1/nowhere', '/api/v1', '/', '/api/v2/routes', '/api/v1//routes']) {
    assert.deepEqual(codeOf(await call('GET', address)), [404, 'NOT_FOUND'], address);
  }
  const cases = [
    ['PUT', routes, 'GET, HEAD, POST'],
    ['POST', `${routes}/a`, 'GET, HEAD, PUT, PATCH, DELETE'],
    ['GET', `${routes}/a/backends/b/dead`, 'POST'],
    ['OPTIONS', routes, 'GET, HEAD, POST'],
    ['POST', '/api/v1/openapi.json', 'GET, HEAD'],
    ['DELETE', '/api/v1/stats', 'GET, HEAD'],
  ] as const;
  for (const [method, address, allow] of cases) {
    const answer = await call(method, address);
    assert.deepEqual(codeOf(answer), [405, 'METHOD_NOT_ALLOWED'], `${method} ${address}`);
    assert.equal(answer.headers.get('allow'), allow);
  }
});

test('a query where there is none, and a path that is no path, are 400', async (context) => {
  const { call } = await startApi(context);
  assert.deepEqual(codeOf(await call('GET', '/api/v1/stats?x=1')), [400, 'REQUEST_INVALID']);
  assert.deepEqual(codeOf(await call('GET', '/api/v1/routes/%ff')), [400, 'REQUEST_INVALID']);
});

test('every answer has security headers, none has CORS', async (context) => {
  const { call } = await startApi(context);
  for (const address of ['/healthz', routes, '/nowhere', '/api/v1/routes/%ff']) {
    const { headers } = await call('GET', address, undefined, { origin: 'https://evil.example' });
    assert.equal(headers.get('x-content-type-options'), 'nosniff', address);
    assert.equal(headers.get('cache-control'), 'no-store', address);
    assert.match(headers.get('content-security-policy') ?? '', /default-src 'none'/, address);
    assert.match(headers.get('x-request-id') ?? '', /^[0-9a-f-]{36}$/, address);
    assert.equal(headers.get('access-control-allow-origin'), null, address);
  }
});

test('Host: a foreign name is 421 before anything else is looked at', async (context) => {
  const { port, control } = await startApi(context, {
    options: { port: 0, hosts: ['Admin.Example.com'] },
  });
  const { token } = await control.tokens.create({ name: 'x', scopes: ['read'] });
  const statusFor = async (host: string) => {
    const headers = { host, authorization: `Bearer ${token}` };
    return (await rawRequest(port, { path: routes, headers })).status;
  };
  for (const host of [
    'localhost',
    'LOCALHOST:1',
    'a.localhost',
    '127.0.0.1:80',
    '[::1]',
    '10.1.2.3',
    'admin.example.com:7700',
  ]) {
    assert.equal(await statusFor(host), 200, host);
  }
  for (const host of [
    'evil.example',
    'localhost.evil.example',
    'x@localhost',
    '127.0.0.1.evil.example',
    '[::1',
    'localhost:x',
  ]) {
    assert.equal(await statusFor(host), 421, host);
  }
  assert.equal(
    (await rawRequest(port, { path: '/healthz', headers: { host: 'evil.example' } })).status,
    200,
  );
  assert.equal(isOwnHost(undefined, new Set()), false);
});

test('a fault of ours: 500 with an id and no detail, which the log has', async (context) => {
  const lines: { message: string; data: Record<string, unknown> | undefined }[] = [];
  const logger: ILogger = {
    ...silentLogger,
    error: (_event, message, data) => lines.push({ message, data }),
  };
  const { call, control } = await startApi(context, { logger });
  control.stats.global = () => {
    throw new TypeError('secret detail in a stack');
  };
  const { status, body, headers } = await call('GET', '/api/v1/stats');
  assert.equal(status, 500);
  const found = body as { code: string; detail: string; requestId: string };
  assert.equal(found.code, 'INTERNAL');
  assert.ok(!JSON.stringify(body).includes('secret detail'));
  assert.equal(found.requestId, headers.get('x-request-id'));
  const line = lines.find(({ data }) => data?.requestId === found.requestId);
  assert.match(String(line?.data?.error), /secret detail/);
});

test('heads that are too large or no HTTP are refused with a problem, and the connection closes', async (context) => {
  const { port } = await startApi(context);
  const big = await rawRequest(port, { path: routes, headers: { 'x-big': 'x'.repeat(40_000) } });
  assert.equal(big.status, 431);
  assert.equal(JSON.parse(big.text).code, 'HEAD_TOO_LARGE');
  const socket = net.connect(port, '127.0.0.1');
  socket.end('NONSENSE\r\n\r\n');
  const [data] = await once(socket, 'data');
  assert.match(String(data), /^HTTP\/1\.1 400 [\s\S]*"code":"REQUEST_INVALID"/);
  await once(socket, 'close');
});

test('a slow body does not hold stop() up for ever, and a port that is taken is told', async (context) => {
  const { port, api, control, clock } = await startApi(context);
  const other = new ApiServer({ control, options: { port } });
  await assert.rejects(other.start(), { code: 'LISTEN_FAILED', message: new RegExp(`${port}`) });
  const { token } = await control.tokens.create({ name: 'x', scopes: ['write'] });
  const socket = net.connect(port, '127.0.0.1');
  socket.on('error', () => undefined);
  const head = `POST ${routes} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${token}\r\n`;
  socket.write(`${head}Content-Type: application/json\r\nContent-Length: 99\r\n\r\n{`);
  // An answer on a second connection shows that the first one has arrived.
  await rawRequest(port, { path: '/healthz' });
  const stopped = api.stop();
  clock.advance(5_000);
  await stopped;
  assert.equal(api.address, undefined);
  await api.stop();
});

test('start() twice is refused, and it can start again after stop()', async () => {
  const { control } = await makeControl();
  const api = new ApiServer({ control, options: { port: 0 } });
  await api.start();
  await assert.rejects(api.start(), { code: 'ALREADY_RUNNING' });
  await api.stop();
  const { port } = await api.start();
  assert.equal((await rawRequest(port, { path: '/healthz' })).status, 200);
  await api.stop();
});

test('HEAD answers as GET does, without the body', async (context) => {
  const { call } = await startApi(context);
  await call('POST', routes, route('a'));
  const { status, body, headers } = await call('HEAD', `${routes}/a`);
  assert.deepEqual([status, body], [200, undefined]);
  assert.match(headers.get('etag') ?? '', /^"/);
});

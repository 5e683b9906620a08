import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import type { ILogger } from '../ts/core/logger.ts';
import { silentLogger } from '../ts/core/logger.ts';
import { type IWebService, type IWebServiceRequest, takesRequest } from '../ts/net/web-service.ts';
import type { IWebOptions } from '../ts_interfaces/index.ts';
import { eventually } from './suites/tcp.ts';
import {
  Client,
  nextEvent,
  routeTo,
  startOrigin,
  startProxy,
  temporaryFolder,
} from './suites/web.ts';

const everywhere = { paths: ['/dns-query'], hosts: null, entrypoints: ['http'] };

/** A service that tells what it was asked. */
function service(more: Partial<IWebService> = {}): IWebService & { seen: IWebServiceRequest[] } {
  const seen: IWebServiceRequest[] = [];
  return {
    name: 'echo',
    scope: everywhere,
    bodyBytesMax: 1000,
    seen,
    handle: async (request) => {
      seen.push(request);
      const { method, host, path: asked, query, body, clientIp } = request;
      const text = [method, host, asked, query, body.toString('latin1'), clientIp].join('|');
      const headers = { 'Content-Type': 'text/x', 'Cache-Control': 'max-age=5' };
      return { status: 200, headers, body: Buffer.from(text, 'latin1') };
    },
    ...more,
  };
}

/** A proxy with services, and a route for every other request. */
async function serve(
  t: TestContext,
  services: IWebService[],
  web: IWebOptions = {},
  logger?: ILogger,
) {
  const origin = await startOrigin(t, 'one');
  const { proxy, port } = await startProxy(t, web, logger === undefined ? {} : { logger });
  proxy.router.addRoute(routeTo([origin.backend], { vHost: '*' }));
  proxy.services = services;
  const client = await Client.open(t, port);
  return { proxy, port, client, origin };
}

const scopes = [
  { scope: everywhere, target: {}, takes: true },
  { scope: everywhere, target: { path: '/dns-query/' }, takes: false },
  { scope: everywhere, target: { entrypoint: 'other' }, takes: false },
  { scope: { ...everywhere, entrypoints: null }, target: {}, takes: false },
  { scope: { ...everywhere, entrypoints: null }, target: { isTls: true }, takes: true },
  { scope: { ...everywhere, hosts: ['b.test'] }, target: {}, takes: false },
  { scope: { ...everywhere, hosts: ['b.test', 'a.test'] }, target: {}, takes: true },
  { scope: { ...everywhere, hosts: ['*.test'] }, target: {}, takes: true },
  { scope: { ...everywhere, hosts: ['*.a.test'] }, target: {}, takes: false },
  { scope: { ...everywhere, hosts: [] }, target: {}, takes: false },
];

for (const { scope, target, takes } of scopes) {
  test(`takesRequest(): ${JSON.stringify(scope)} ${JSON.stringify(target)}`, () => {
    const usual = { host: 'a.test', path: '/dns-query', entrypoint: 'http', isTls: false };
    assert.equal(takesRequest(scope, { ...usual, ...target }), takes);
  });
}

test('a service answers GET, POST and HEAD on a connection that goes on; others are the routes’', async (t) => {
  const echo = service();
  const { client, origin } = await serve(t, [echo]);
  const got = await client.ask({ path: '/dns-query?dns=AAAA?b', host: 'A.test:80' });
  assert.deepEqual([got.status, got.body], [200, 'GET|a.test|/dns-query|dns=AAAA?b||127.0.0.1']);
  assert.equal(got.headers['content-type'], 'text/x');
  assert.equal(got.headers['cache-control'], 'max-age=5');
  assert.equal(got.headers['content-length'], String(got.body.length));
  assert.match(got.headers['x-request-id'] ?? '', /./);
  const body = 'a\0b\xff';
  const headers = { 'Content-Length': '4', 'X-Twice': 'one' };
  const posted = await client.ask({ method: 'POST', path: '/%64ns-query', headers, body });
  assert.equal(posted.body, `POST|a.test|/dns-query||${body}|127.0.0.1`);
  assert.equal(echo.seen[1]?.headers.get('x-twice'), 'one');
  const head = await client.ask({ method: 'HEAD', path: '/dns-query' });
  assert.deepEqual([head.status, head.headers['content-length']], [200, '34']);
  assert.equal(JSON.parse((await client.ask({ path: '/dns-queryx' })).body).origin, 'one');
  assert.equal(JSON.parse((await client.ask({ path: '/' })).body).origin, 'one');
  assert.equal(origin.requests.length, 2);
});

test('chunked bodies, Expect: 100-continue and pipelining', async (t) => {
  const echo = service();
  const { client } = await serve(t, [echo]);
  const post = 'POST /dns-query HTTP/1.1\r\nHost: a.test\r\n';
  client.socket.write(`${post}Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n`);
  await eventually(() => echo.seen.length === 0);
  client.socket.write('2\r\nde\r\n0\r\nX-Trailer: 1\r\n\r\n');
  assert.match((await client.reply()).body, /\|abcde\|/);

  client.socket.write(`${post}Content-Length: 3\r\nExpect: 100-continue\r\n\r\n`);
  assert.equal(await client.until('\r\n\r\n'), 'HTTP/1.1 100 Continue');
  client.socket.write('xyz');
  assert.match((await client.reply()).body, /\|xyz\|/);

  const get = (name: string) => `GET /dns-query?${name} HTTP/1.1\r\nHost: a.test\r\n\r\n`;
  client.socket.write(
    `${get('1')}${post}Content-Length: 2\r\n\r\nhi${get('2')}GET / HTTP/1.1\r\nHost: a\r\n\r\n${get('3')}`,
  );
  const bodies: string[] = [];
  for (let turn = 0; turn < 5; turn++) bodies.push((await client.reply()).body.slice(0, 28));
  assert.deepEqual(
    bodies.map((text) => /\|dns-query\|(\d?)\|(hi)?|"one"/.exec(text.replace('/', ''))?.[0]),
    ['|dns-query|1|', '|dns-query||hi', '|dns-query|2|', '"one"', '|dns-query|3|'],
  );
});

const refused = [
  { why: 'a length above the limit', head: 'Content-Length: 1001\r\n\r\n', status: 413 },
  {
    why: 'a length above the limit that waits for 100',
    head: 'Content-Length: 1001\r\nExpect: 100-continue\r\n\r\n',
    status: 413,
  },
  {
    why: 'chunks above the limit',
    head: `Transfer-Encoding: chunked\r\n\r\n3e9\r\n${'x'.repeat(1001)}\r\n`,
    status: 413,
  },
  { why: 'a broken chunk', head: 'Transfer-Encoding: chunked\r\n\r\nzz\r\n', status: 400 },
  { why: 'a path that climbs', head: '\r\n', path: '/../dns-query', status: 400 },
];

for (const { why, head, status, path: target = '/dns-query' } of refused) {
  test(`refused: ${why}`, async (t) => {
    const echo = service();
    const { client } = await serve(t, [echo]);
    client.socket.write(`POST ${target} HTTP/1.1\r\nHost: a.test\r\n${head}`);
    assert.equal((await client.reply()).status, status);
    assert.equal(echo.seen.length, 0);
  });
}

test('a service that fails, or answers nonsense, is 500 and logged; the connection goes on', async (t) => {
  const logged: unknown[] = [];
  const logger = { ...silentLogger, error: (event: string) => void logged.push(event) };
  let turn = 0;
  const answers = [
    () => Promise.reject(new Error('secret')),
    async () => ({ status: 99, headers: {}, body: Buffer.alloc(0) }),
    async () => ({ status: 200, headers: { 'X-Bad': 'a\r\nX-Evil: 1' }, body: Buffer.alloc(0) }),
    async () => ({ status: 204, headers: { 'Content-Length': '7' }, body: Buffer.alloc(0) }),
  ];
  const bad = service({ handle: () => (answers[turn++] as IWebService['handle'])({} as never) });
  const { client } = await serve(t, [bad], {}, logger);
  for (let index = 0; index < 3; index++) {
    const { status, body, headers } = await client.ask({ path: '/dns-query' });
    assert.deepEqual([status, /SERVICE_FAILED/.test(body)], [500, true]);
    assert.ok(!body.includes('secret') && headers['x-evil'] === undefined);
  }
  const { status, headers } = await client.ask({ path: '/dns-query' });
  assert.deepEqual([status, headers['content-length']], [204, undefined]);
  assert.deepEqual(logged, ['service.failed', 'service.failed', 'service.failed']);
});

test('services change while connections are open; a request that was known is asked about again', async (t) => {
  const { client, proxy } = await serve(t, []);
  const isRoute = async () => (await client.ask({ path: '/dns-query' })).body.includes('"one"');
  assert.deepEqual([await isRoute(), await isRoute()], [true, true]);
  proxy.services = [service()];
  assert.equal(await isRoute(), false);
  const prepared = await proxy.prepare(
    { entrypoints: { http: { address: '127.0.0.1', port: 0 } } },
    null,
  );
  proxy.apply(prepared);
  assert.deepEqual(
    proxy.services.map(({ name }) => name),
    ['echo'],
  );
  proxy.services = [];
  assert.equal(await isRoute(), true);
});

test('access log, event and counters are as for other requests; a client that leaves broke off', async (t) => {
  const file = path.join(temporaryFolder(t), 'access.log');
  let answer: (() => void) | undefined;
  const slow = service({
    name: 'slow',
    scope: { ...everywhere, paths: ['/slow'] },
    handle: async () => {
      await new Promise<void>((resolve) => {
        answer = resolve;
      });
      return { status: 200, headers: {}, body: Buffer.from('late') };
    },
  });
  const accessLog = { enabled: true, path: file };
  const { client, proxy, port } = await serve(t, [service(), slow], { accessLog });
  const completed = nextEvent(proxy.events, 'request.completed');
  await client.ask({ path: '/dns-query?x' });
  const { status, routeId, uri } = await completed;
  assert.deepEqual([status, routeId, uri], [200, null, '/dns-query?x']);
  const leaving = await Client.open(t, port);
  leaving.send({ path: '/slow' });
  const broken = nextEvent(proxy.events, 'request.completed');
  await eventually(() => answer !== undefined);
  leaving.socket.resetAndDestroy();
  assert.equal((await broken).status, 0);
  answer?.();
  const total = proxy.tracker.total.snapshot(performance.now());
  assert.deepEqual([total.requests, total.statuses['2xx']], [2, 1]);
  await proxy.stop();
  const lines = readFileSync(file, 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  assert.deepEqual(
    lines.map((line) => [line.status, line.route]),
    [
      [200, null],
      [0, null],
    ],
  );
});

test('deadlines: a body that stops is 408, a service that does not answer 504', async (t) => {
  const stuck = service({ handle: () => new Promise(() => undefined) });
  const timeouts = { bodyMs: 100, firstByteMs: 100 };
  const { client, port } = await serve(t, [stuck], { timeouts });
  client.send({ path: '/dns-query' });
  assert.equal((await client.reply()).status, 504);
  const slow = await Client.open(t, port);
  slow.socket.write('POST /dns-query HTTP/1.1\r\nHost: a.test\r\nContent-Length: 9\r\n\r\nabc');
  assert.equal((await slow.reply()).status, 408);
});

test('who pipelines requests to a service lets others have their turn', async (t) => {
  const count = 300;
  let answered = 0;
  const slow = service({
    handle: async () => {
      // Work that takes a millisecond, as a large answer does.
      const end = performance.now() + 1;
      while (performance.now() < end);
      answered++;
      return { status: 200, headers: {}, body: Buffer.from('x') };
    },
  });
  const { port } = await serve(t, [slow]);
  let most = 0;
  let seen = 0;
  let isOver = false;
  t.after(() => {
    isOver = true;
  });
  const nextTurn = (): void => {
    most = Math.max(most, answered - seen);
    seen = answered;
    if (!isOver) setImmediate(nextTurn);
  };
  nextTurn();
  const socket = connect(port, '127.0.0.1');
  t.after(() => socket.destroy());
  socket.write('GET /dns-query HTTP/1.1\r\nHost: a\r\n\r\n'.repeat(count));
  let text = '';
  for await (const bytes of socket) {
    text += (bytes as Buffer).toString('latin1');
    if (text.split('HTTP/1.1 200').length > count && text.endsWith('x')) break;
  }
  assert.equal(answered, count);
  assert.ok(most <= 50, `${most} answers in one turn`);
});

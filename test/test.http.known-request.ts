import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { get, type IProxyWishes, ok, post, startBackend, startProxy } from './suites/engine.ts';
import { type IRecorder, startRecorder } from './suites/hostile.ts';
import type { Peer } from './suites/peer.ts';

/** Asks on one connection again and again; gives the status and what the backend saw. */
async function asker(recorder: IRecorder) {
  const client: Peer = await recorder.proxy.dial();
  return async (bytes: string, method = 'GET') => {
    const before = recorder.requests.length;
    client.write(bytes);
    const { head, body } = await client.readResponse(method);
    const seen = recorder.requests.slice(before);
    return { status: head.status, head, body: body.toString(), seen };
  };
}

const start = (t: TestContext, wishes?: IProxyWishes) => startRecorder(t, wishes);
const config = (recorder: IRecorder) => recorder.proxy.route.config;

test('a request that comes again is the same but for its id', async (t) => {
  const recorder = await start(t);
  const ask = await asker(recorder);
  const texts: string[] = [];
  const ids = new Set<string | undefined>();
  for (let count = 0; count < 4; count++) {
    const { status, body, seen } = await ask(
      get('/a?b', 'Accept:*/*\r\nConnection: X-A\r\nX-A: 1\r\n'),
    );
    assert.deepEqual([status, body, seen.length], [200, '/a?b', 1]);
    const text = seen[0]?.head.text ?? '';
    ids.add(seen[0]?.head.get('x-request-id'));
    texts.push(text.replace(/X-Request-Id: .*/, ''));
  }
  assert.equal(ids.size, 4);
  assert.equal(new Set(texts).size, 1);
  assert.doesNotMatch(texts[0] ?? '', /x-a/i);
});

test('requests that share a part of their head are told apart', async (t) => {
  const recorder = await start(t);
  const ask = await asker(recorder);
  const requests = [
    get('/a'),
    get('/b'),
    get('/a', 'X: 1\r\n'),
    get('/a', 'X: 2\r\n'),
    get('/a', 'X: 1\r\nY: 1\r\n'),
    get('/a'),
    get('/a').replace('GET', 'PUT'),
    get('/a').replace('1.1', '1.0').replace('\r\n\r\n', '\r\nConnection: keep-alive\r\n\r\n'),
    get('/a').replace('example', 'EXAMPLE'),
    get('/aa'),
    get('/a '.trim()),
  ];
  for (const request of [...requests, ...requests]) {
    const { body, seen, head } = await ask(request);
    const [line = '', host = ''] = request.split('\r\n');
    const [method, target] = line.split(' ');
    assert.equal(body, target);
    assert.equal(seen[0]?.head.line, `${method} ${target} HTTP/1.1`);
    assert.equal(seen[0]?.head.get('host'), host.slice('Host: '.length));
    for (const name of ['x', 'y']) {
      const sent = new RegExp(`\\r\\n${name}: (.)`, 'i').exec(request)?.[1];
      assert.equal(seen[0]?.head.get(name), sent);
    }
    assert.equal(head.get('connection'), line.endsWith('0') ? 'keep-alive' : undefined);
  }
});

test('HEAD and GET of the same target do not mix, nor do their answers', async (t) => {
  const recorder = await start(t);
  const ask = await asker(recorder);
  for (let count = 0; count < 3; count++) {
    const text = get('/a');
    assert.deepEqual((await ask(text)).body, '/a');
    // The backend answers HEAD with a body, which the proxy must not take for an answer.
    const head = await ask(text.replace('GET', 'HEAD'), 'HEAD');
    assert.deepEqual([head.status, head.head.get('content-length')], [200, '2']);
  }
});

test('requests with the same head and another body keep their own', async (t) => {
  const recorder = await startRecorder(t, {}, ({ body }) => ok(body.toString()));
  const ask = await asker(recorder);
  for (const body of ['one', 'two', 'one', 'abc']) {
    assert.equal((await ask(post('/a', body))).body, body);
    const chunk = `3\r\n${body}\r\n0\r\n\r\n`;
    assert.equal((await ask(get('/a', 'Transfer-Encoding: chunked\r\n') + chunk)).body, body);
  }
  // A length of 0 is no body.
  for (let count = 0; count < 3; count++) assert.equal((await ask(post('/a', ''))).body, '');
});

test('a pipeline of the same request gets one answer each', async (t) => {
  const recorder = await start(t);
  const client = await recorder.proxy.dial();
  client.write(get('/a').repeat(50) + get('/b') + get('/a').repeat(50));
  const bodies: string[] = [];
  for (let count = 0; count < 101; count++) bodies.push(String((await client.readResponse()).body));
  assert.deepEqual(bodies, [...Array(50).fill('/a'), '/b', ...Array(50).fill('/a')]);
});

test('a known request that comes in two parts, wherever it is cut', async (t) => {
  const recorder = await start(t);
  const client = await recorder.proxy.dial();
  const text = get('/a');
  for (let at = 1; at < text.length; at++) {
    await client.send(text.slice(0, at));
    await new Promise((resolve) => setImmediate(resolve));
    client.write(text.slice(at) + text);
    assert.equal((await client.readResponse()).body.toString(), '/a');
    assert.equal((await client.readResponse()).body.toString(), '/a');
  }
});

test('a changed route applies to the next request, however often it came before', async (t) => {
  const recorder = await start(t);
  const { router } = recorder.proxy.manager;
  const ask = await asker(recorder);
  const role = async () => (await ask(get('/a'))).seen[0]?.head.get('x-role');
  assert.equal(await role(), undefined);
  assert.equal(await role(), undefined);
  for (const value of ['one', 'two']) {
    router.setRoute(router.prepareRoute({ ...config(recorder), headers: { 'X-Role': value } }));
    assert.equal(await role(), value);
    assert.equal(await role(), value);
  }
});

test('a route that comes or goes applies to the next request', async (t) => {
  const recorder = await start(t);
  const { router } = recorder.proxy.manager;
  const ask = await asker(recorder);
  for (let count = 0; count < 2; count++) {
    assert.equal((await ask(get('/a'))).status, 200);
    router.addRoute({ id: 'other', vHost: 'example.test', redirect: { to: 'https://x/' } });
    assert.equal((await ask(get('/a'))).status, 308);
    router.removeRoute('other');
  }
  assert.equal((await ask(get('/a'))).status, 200);
  const kept = router.route('all');
  router.removeRoute('all');
  assert.equal((await ask(get('/a'))).status, 404);
  router.setRoute(router.prepareRoute(kept?.config ?? config(recorder)));
  assert.equal((await ask(get('/a'))).status, 200);
});

test('access control that comes to a route applies to the next request', async (t) => {
  const recorder = await start(t);
  const { router } = recorder.proxy.manager;
  const ask = await asker(recorder);
  await ask(get('/a'));
  assert.equal((await ask(get('/a'))).status, 200);
  const auth = { type: 'bearer' as const, tokenHashes: [`sha256$${'0'.repeat(64)}`] };
  router.setRoute(router.prepareRoute({ ...config(recorder), auth }));
  assert.equal((await ask(get('/a'))).status, 401);
  assert.equal((await ask(get('/a'))).status, 401);
  assert.equal(recorder.requests.length, 2);
});

test('settings of the whole proxy apply to the next request', async (t) => {
  const recorder = await start(t);
  const { manager } = recorder.proxy;
  const ask = await asker(recorder);
  const via = async () => (await ask(get('/a'))).seen[0]?.head.get('via');
  assert.equal(await via(), '1.1 dcrouter');
  assert.equal(await via(), '1.1 dcrouter');
  const entrypoints = {
    http: { address: '127.0.0.1', port: 0 },
    https: { address: '127.0.0.1', port: 0, tls: true },
  };
  manager.apply(await manager.prepare({ entrypoints, serverName: 'renamed' }, null));
  assert.equal(await via(), '1.1 renamed');
});

test('a dead backend is not asked, however often it answered before', async (t) => {
  const recorder = await start(t);
  const { manager, route } = recorder.proxy;
  const ask = await asker(recorder);
  await ask(get('/a'));
  const [endpoint] = route.endpoints;
  assert.ok(endpoint);
  manager.health.markDead(route, endpoint);
  assert.equal((await ask(get('/a'))).status, 503);
  manager.health.markAlive(route, endpoint);
  assert.equal((await ask(get('/a'))).status, 200);
});

test('a Host that depends on the backend is right for each', async (t) => {
  const echoHost = async (peer: Peer) => {
    for (;;) peer.write(ok((await peer.readRequest()).head.get('host') ?? ''));
  };
  const backends = [await startBackend(t, echoHost), await startBackend(t, echoHost)];
  const proxy = await startProxy(t, backends, { route: { upstreamHost: 'backend' } });
  const client = await proxy.dial();
  const hosts: string[] = [];
  for (let count = 0; count < 6; count++) {
    client.write(get('/a'));
    hosts.push((await client.readResponse()).body.toString());
  }
  const expected = backends.map(({ port }) => `127.0.0.1:${port}`);
  assert.deepEqual(new Set(hosts), new Set(expected));
  for (let index = 2; index < 6; index++) assert.equal(hosts[index], hosts[index - 2]);
});

test('a request that closes, or has HTTP/1.0, does so when it comes again elsewhere', async (t) => {
  const recorder = await start(t);
  for (let count = 0; count < 2; count++) {
    for (const text of [get('/a', 'Connection: close\r\n'), 'GET /a HTTP/1.0\r\n\r\n']) {
      const client = await recorder.proxy.dial();
      client.write(text.repeat(2));
      const { head } = await client.readResponse();
      assert.equal(head.get('connection'), 'close');
      assert.equal((await client.readAll()).length, 0);
      client.end();
    }
  }
});

test('heads of different clients do not mix', async (t) => {
  const recorder = await start(t);
  const clients = [await recorder.proxy.dial(), await recorder.proxy.dial()];
  for (let count = 0; count < 3; count++) {
    for (const [index, client] of clients.entries()) {
      client.write(get(`/${index}`, `Cookie: session=${index}\r\n`));
    }
    for (const [index, client] of clients.entries()) {
      assert.equal((await client.readResponse()).body.toString(), `/${index}`);
    }
  }
  for (const { head } of recorder.requests) {
    assert.equal(head.get('cookie'), `session=${head.target.slice(1)}`);
  }
});

test('answers that repeat themselves, and those that do not, reach their clients', async (t) => {
  let count = 0;
  const answers = [
    ok('same', 'Date: d\r\n'),
    ok('same', 'Date: d\r\n'),
    ok('diff', 'Date: d\r\n'),
    ok('longer', 'Date: d\r\n'),
    'HTTP/1.1 204 No\r\nDate: d\r\n\r\n',
    ok('same', 'Date: d\r\n'),
    ok('same', 'Date: e\r\n'),
    'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nDate: d\r\n\r\n1\r\na\r\n0\r\n\r\n',
    'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nDate: d\r\n\r\n2\r\nbc\r\n0\r\n\r\n',
    'HTTP/1.1 103 Early\r\n\r\nHTTP/1.1 103 Early\r\n\r\nHTTP/1.1 204 No\r\nDate: d\r\n\r\n',
  ];
  const recorder = await startRecorder(t, {}, () => answers[count++ % answers.length] ?? '');
  const ask = await asker(recorder);
  for (let round = 0; round < 3; round++) {
    const seen: string[] = [];
    for (const _ of answers) {
      const { head, body } = await ask(get('/a'));
      seen.push(`${head.status}${head.get('date')}${body}`);
    }
    assert.deepEqual(seen, [
      ...['200dsame', '200dsame', '200ddiff', '200dlonger', '204d', '200dsame', '200esame'],
      ...['200da', '200dbc', '204d'],
    ]);
  }
});

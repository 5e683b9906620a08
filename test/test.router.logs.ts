import assert from 'node:assert/strict';
import { existsSync, readFileSync, renameSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { certificateOf } from './fixtures/control-plane.ts';
import {
  ask,
  Client,
  nextEvent,
  routeTo,
  startOrigin,
  startRouter,
  temporaryFolder,
} from './suites/web.ts';

interface ILine {
  id: string;
  uri: string;
  status: number;
  route: string | null;
  backend: string | null;
  client: string;
  method: string;
  host: string;
  durationMs: number;
  userAgent?: string;
}

function linesOf(file: string): ILine[] {
  if (!existsSync(file)) return [];
  const text = readFileSync(file, 'utf8');
  assert.ok(text === '' || text.endsWith('\n'), 'no half line');
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as ILine);
}

test('access log: rotation under load loses and splits no line', async (context) => {
  const origin = await startOrigin(context, 'one', (_request, response) => response.end('ok'));
  const file = path.join(temporaryFolder(context), 'access.log');
  const { router, port } = await startRouter(context, {
    web: {
      accessLog: { enabled: true, path: file },
      routes: [routeTo([origin.backend])],
    },
  });
  let rotations = 0;
  const sent: string[] = [];
  const worker = async (name: number): Promise<void> => {
    const client = await Client.open(context, port);
    for (let index = 0; index < 100; index++) {
      const uri = `/${name}/${index}`;
      sent.push(uri);
      assert.equal((await client.ask({ path: uri })).status, 200);
      if (name > 0 || index % 20 !== 19) continue;
      renameSync(file, `${file}.${rotations++}`);
      await router.reopenLogs();
    }
  };
  await Promise.all([0, 1, 2, 3].map(worker));
  await router.stop();
  const files = [file, ...Array.from({ length: rotations }, (_, index) => `${file}.${index}`)];
  const lines = files.flatMap(linesOf);
  assert.equal(rotations, 5);
  assert.deepEqual(lines.map(({ uri }) => uri).sort(), sent.sort());
  assert.ok(files.filter((one) => linesOf(one).length > 0).length > 1);
});

test('access log: one line a request, also for what no route takes; 5xx whatever the sample', async (context) => {
  const origin = await startOrigin(context, 'one', (request, response) => {
    response.statusCode = request.url === '/bad' ? 500 : 200;
    response.end('ok');
  });
  const file = path.join(temporaryFolder(context), 'access.log');
  const accessLog = { enabled: true, path: file };
  const web = {
    entrypoints: { http: { address: '127.0.0.1', port: 0 } },
    routes: [routeTo([origin.backend])],
  };
  const { router, port } = await startRouter(context, { web: { ...web, accessLog } });
  const client = await Client.open(context, port);
  await client.ask({ path: '/x?y', headers: { 'User-Agent': 'tester "1"' } });
  await client.ask({ host: 'nobody.test' });
  await router.apply({
    drainTimeoutMs: 0,
    web: { ...web, accessLog: { ...accessLog, sample: 0 } },
  });
  await client.ask({ path: '/silent' });
  await client.ask({ path: '/bad' });
  await router.apply({ drainTimeoutMs: 0, web });
  await client.ask({ path: '/off' });
  await router.stop();
  const lines = linesOf(file);
  assert.deepEqual(
    lines.map(({ uri, status, route, backend }) => [uri, status, route, backend]),
    [
      ['/x?y', 200, 'a', 'one'],
      ['/', 404, null, null],
      ['/bad', 500, 'a', 'one'],
    ],
  );
  const [first] = lines;
  assert.equal(first?.userAgent, 'tester "1"');
  assert.deepEqual([first?.client, first?.method, first?.host], ['127.0.0.1', 'GET', 'a.test']);
});

test('log: a certificate that is about to be of no use is warned of by name', async (context) => {
  const file = path.join(temporaryFolder(context), 'router.log');
  const { router } = await startRouter(context, { log: { path: file } });
  const future = certificateOf('future');
  await router.control.certificates.set({ domain: 'future.example.test', ...future });
  await router.control.routes.add({
    ...{ id: 'client', vHost: 'client.example.test', redirect: { to: '/' } },
    ssl: certificateOf('client'),
  });
  await router.stop();
  const text = readFileSync(file, 'utf8');
  assert.match(
    text,
    /"certificate\.warning","message":"The certificate for \\"future\.example\.test\\": not valid before/,
  );
  assert.match(text, /route \\"client\\" for \\"client\.example\.test\\": not meant for servers/);
  assert.doesNotMatch(text, /PRIVATE KEY/);
});

test('log: a refused reload, start and stop are there', async (context) => {
  const file = path.join(temporaryFolder(context), 'router.log');
  const { router } = await startRouter(context, { log: { path: file } });
  await assert.rejects(router.apply({ web: { routes: [{ id: 'a', vHost: '' }] } }));
  await router.stop();
  const events = readFileSync(file, 'utf8')
    .trim()
    .split('\n')
    .map((line) => (JSON.parse(line) as { event: string }).event);
  assert.deepEqual(events, [
    'config.applied',
    'process.started',
    'config.refused',
    'process.stopping',
    'process.stopped',
  ]);
});

test('events: request.completed, route and certificate changes; the tracker counts the same', async (context) => {
  const origin = await startOrigin(context, 'one', (_request, response) => response.end('12345'));
  const { router, port } = await startRouter(context);
  const added = nextEvent(router.events, 'route.added');
  await router.control.routes.add(routeTo([origin.backend]));
  assert.deepEqual(await added, { routeId: 'a', vHost: 'a.test' });
  const completed = nextEvent(router.events, 'request.completed');
  await ask(context, port, { method: 'POST', path: '/p?q', body: 'abc' });
  const { durationMs, bytesIn, bytesOut, id, ...rest } = await completed;
  assert.deepEqual(rest, {
    routeId: 'a',
    backendId: 'one',
    vHost: 'a.test',
    method: 'POST',
    uri: '/p?q',
    status: 200,
    clientIp: '127.0.0.1',
    retries: 0,
  });
  assert.ok(durationMs > 0 && bytesIn > 3 && bytesOut > 5 && id.length > 8);
  const stats = await router.control.stats.route('a');
  assert.equal(stats?.requests, 1);
  assert.equal(stats?.bytesIn, bytesIn);
  assert.equal(stats?.bytesOut, bytesOut);
  assert.ok((stats?.latency.p50 ?? 0) > 0);
  const removed = nextEvent(router.events, 'route.removed');
  await router.control.routes.remove('a');
  assert.deepEqual(await removed, { routeId: 'a', vHost: 'a.test' });
  const certified = nextEvent(router.events, 'certificate.added');
  const chain = certificateOf('chain', 'ecdsa');
  await router.control.certificates.set({ domain: 'www.example.test', ...chain });
  assert.deepEqual(await certified, { domain: 'www.example.test' });
});

test('events: a listener that throws harms neither requests nor other listeners', async (context) => {
  const origin = await startOrigin(context, 'one');
  const { router, port } = await startRouter(context, {
    web: { routes: [routeTo([origin.backend])] },
  });
  router.events.on('request.completed', () => {
    throw new Error('a bad listener');
  });
  const completed = nextEvent(router.events, 'request.completed');
  assert.equal((await ask(context, port)).status, 200);
  assert.equal((await completed).status, 200);
});

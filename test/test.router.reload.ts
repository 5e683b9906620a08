import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { get } from 'node:http';
import path from 'node:path';
import { test } from 'node:test';
import { loadConfigFile } from '../ts/config/file.ts';
import { parseOptions } from '../ts/config/parse-options.ts';
import { DcError } from '../ts/core/errors.ts';
import { DcRouter, type IDcRouterContext, mergeOptions } from '../ts/dcrouter.ts';
import type { IDcRouterOptions, TRouteInput } from '../ts_interfaces/index.ts';
import { certificateOf } from './fixtures/control-plane.ts';
import {
  ask,
  Client,
  echoOf,
  nextEvent,
  routeTo,
  startOrigin,
  temporaryFolder,
} from './suites/web.ts';

const entrypoints = { http: { address: '127.0.0.1', port: 0 } };

/** A router that runs from a file, as the daemon does, and ways to write that file. */
async function startFromFile(
  context: Parameters<typeof startOrigin>[0],
  given: IDcRouterOptions,
  rest: { folder?: string; name?: string } = {},
) {
  const folder = rest.folder ?? temporaryFolder(context);
  const configFile = path.join(folder, rest.name ?? 'dcrouter.json');
  const write = (options: IDcRouterOptions | string) => {
    const text = typeof options === 'string' ? options : JSON.stringify(options, null, 1);
    writeFileSync(configFile, text);
  };
  write(given);
  const { value, source } = await loadConfigFile(configFile);
  const { options, problems, disabled } = parseOptions(value, { source, mode: 'start' });
  const { web = {} } = value as { web?: { routes?: unknown[] } };
  const about: IDcRouterContext = {
    configFile,
    overrides: { drainTimeoutMs: 0 },
    problems,
    leftOutRoutes: disabled.flatMap(({ kind, path: at }) => {
      const index = Number(/\[(\d+)\]/.exec(at)?.[1]);
      return kind === 'route' ? [web.routes?.[index]] : [];
    }),
  };
  const router = new DcRouter(mergeOptions(options, about.overrides ?? {}), about);
  context.after(() => router.stop());
  await router.start();
  return { router, write, configFile, folder, port: router.addresses().http?.port ?? 0 };
}

test('reload(): the file’s new routes serve, what it lacks goes, what stayed is not touched', async (context) => {
  const origin = await startOrigin(context, 'one');
  const keep = routeTo([origin.backend], { id: 'keep', vHost: 'keep.test' });
  const { router, write, port } = await startFromFile(context, {
    web: { entrypoints, routes: [keep, routeTo([origin.backend])] },
  });
  const kept = router.proxy.router.route('keep');
  assert.equal((await router.control.status()).configChanged, false);
  write({ web: { entrypoints, routes: [keep, routeTo([origin.backend], { vHost: 'new.test' })] } });
  assert.equal((await router.control.status()).configChanged, true);
  const { file } = await router.control.configuration.diff();
  assert.deepEqual(
    file.changes.map((change) => change.path),
    ['web.routes[a].vHost'],
  );
  const { changes } = await router.reload();
  assert.deepEqual(changes, file.changes);
  assert.equal((await ask(context, port, { host: 'new.test' })).status, 200);
  assert.equal((await ask(context, port, { host: 'a.test' })).status, 404);
  assert.equal(router.proxy.router.route('keep'), kept);
  assert.equal((await router.control.status()).configChanged, false);
  assert.deepEqual((await router.control.configuration.diff()).file.changes, []);
});

const broken: { why: string; text: string; code: string; place: RegExp }[] = [
  { why: 'is no JSON', text: '{ "web": ', code: 'CONFIG_INVALID', place: /dcrouter\.json:1:\d+/ },
  {
    why: 'has a bad route',
    text: '{\n "web": {"routes": [\n  {"id": "a", "vHost": "*bad"}\n ]}\n}',
    code: 'CONFIG_INVALID',
    place: /dcrouter\.json:3:\d+ web\.routes\[0\]\.vHost/,
  },
  {
    why: 'has a certificate for another name',
    text: JSON.stringify(
      { certificates: [{ domain: 'other.test', ...certificateOf('rsa') }] },
      null,
      1,
    ),
    code: 'CONFIG_INVALID',
    place: /dcrouter\.json:4:\d+ certificates\[0\]\.domain/,
  },
  {
    why: 'has a route whose key is not its certificate’s',
    text: JSON.stringify(
      {
        web: {
          routes: [
            { id: 'first', vHost: 'first.test', redirect: { to: '/' } },
            {
              ...{ id: 'b', vHost: 'www.example.test', redirect: { to: '/' } },
              ssl: { key: certificateOf('rsa').key, cert: certificateOf('ecdsa').cert },
            },
          ],
        },
      },
      null,
      1,
    ),
    code: 'CONFIG_INVALID',
    place: /dcrouter\.json:\d+:\d+ web\.routes\[1\]\.ssl\.key/,
  },
  {
    why: 'names a port that the management port has',
    text: '{"api": {"enabled": true, "port": 8080}, "web": {"entrypoints": {"http": {"port": 8080}}}}',
    code: 'CONFIG_INVALID',
    place: /api\.port/,
  },
];

for (const { why, text, code, place } of broken) {
  test(`reload(): a file that ${why} changes nothing, and says where`, async (context) => {
    const origin = await startOrigin(context, 'one');
    const { router, write, port } = await startFromFile(context, {
      web: { entrypoints, routes: [routeTo([origin.backend])] },
    });
    write(text);
    const refused = nextEvent(router.events, 'config.refused');
    await assert.rejects(router.reload(), (error) => {
      assert.ok(error instanceof DcError);
      assert.equal(error.code, code);
      const places = error.problems.map(({ file, line, column, path: at }) => {
        return line === undefined ? at : `${file}:${line}:${column} ${at}`;
      });
      assert.match(places.join('\n'), place);
      return true;
    });
    assert.ok((await refused).problems > 0);
    assert.equal((await ask(context, port)).status, 200);
    assert.equal((await router.control.status()).configChanged, true);
    const { file } = await router.control.configuration.diff();
    assert.ok(file.problems.length > 0);
  });
}

test('reload(): a file that is gone changes nothing; without one there is nothing to reload', async (context) => {
  const { router } = await startFromFile(context, { web: { entrypoints } });
  const { router: none } = await (async () => {
    const plain = new DcRouter({ web: { entrypoints } });
    context.after(() => plain.stop());
    await plain.start();
    return { router: plain };
  })();
  await assert.rejects(none.reload(), { code: 'NOT_RUNNING' });
  const missing = new DcRouter({ web: { entrypoints } }, { configFile: '/nowhere/dcrouter.yaml' });
  context.after(() => missing.stop());
  await missing.start();
  await assert.rejects(missing.reload(), { code: 'CONFIG_UNREADABLE' });
  assert.equal((await missing.control.status()).configChanged, null);
  assert.ok((await router.control.status()).ready);
});

test('reload(): several at once run one after the other, and the last file wins', async (context) => {
  const origin = await startOrigin(context, 'one');
  const { router, write, port } = await startFromFile(context, { web: { entrypoints } });
  const reloads = [];
  for (const host of ['x.test', 'y.test', 'z.test']) {
    write({ web: { entrypoints, routes: [routeTo([origin.backend], { vHost: host })] } });
    reloads.push(router.reload());
  }
  await Promise.all(reloads);
  assert.equal((await ask(context, port, { host: 'z.test' })).status, 200);
  assert.equal((await ask(context, port, { host: 'x.test' })).status, 404);
});

test('reload(): a default certificate that the API brought is good enough', async (context) => {
  const https = {
    address: '127.0.0.1',
    port: 0,
    tls: { defaultCertificate: 'www.example.test' },
  };
  const web = { entrypoints: { https } };
  const { router, write } = await startFromFile(context, { web });
  const problemPaths = async () =>
    (await router.control.status()).problems.map((problem) => problem.path);
  const missing = 'web.entrypoints.https.tls.defaultCertificate';
  assert.deepEqual(await problemPaths(), [missing]);
  await assert.rejects(router.reload(), { code: 'CONFIG_INVALID' });

  const chain = certificateOf('chain', 'ecdsa');
  await router.control.certificates.set({ domain: 'www.example.test', ...chain });
  assert.deepEqual(await problemPaths(), []);
  await router.reload();
  const port = router.addresses().https?.port ?? 0;
  const client = await Client.secure(context, port);
  assert.equal((await client.ask()).status, 404);

  // One of the file does not outlive the file.
  write({ web, certificates: [{ domain: 'www.example.test', ...chain }] });
  await router.control.certificates.remove('www.example.test');
  await router.reload();
  write({ web });
  await assert.rejects(router.reload(), { code: 'CONFIG_INVALID' });
  // A route's certificate over the API is good enough as well.
  await router.control.routes.add({
    ...{ id: 'w', vHost: 'www.example.test', redirect: { to: '/' } },
    ssl: chain,
  });
  await router.reload();
});

test('start: a route that is not right is left out with its place; its requests get 503', async (context) => {
  const origin = await startOrigin(context, 'one');
  const { backend } = origin;
  const good = routeTo([backend], { id: 'all', vHost: '*' });
  const bad = [
    { id: 'no-backends', vHost: 'bad.test' },
    {
      ...routeTo([backend], { id: 'paths', vHost: 'good.test', paths: ['/admin'] }),
      auth: { type: 'basic', users: 1 },
    },
    { id: 'twin', vHost: 'a.test', backends: [backend] },
    { id: 'nameless', vHost: 'not a host', backends: [backend] },
    {
      ...routeTo([backend], { id: 'expired', vHost: 'expired.example.test' }),
      ssl: certificateOf('expired'),
    },
  ] as TRouteInput[];
  const routes = [
    good,
    routeTo([backend]),
    routeTo([backend], { id: 'good', vHost: 'good.test' }),
    ...bad,
  ];
  const { router, write, port } = await startFromFile(context, { web: { entrypoints, routes } });
  const client = await Client.open(context, port);
  const statusOf = async (host: string, at = '/') => (await client.ask({ host, path: at })).status;
  assert.equal(await statusOf('bad.test'), 503, 'not the route for every host');
  assert.equal(
    await statusOf('good.test', '/admin/x'),
    503,
    'not the route without access control',
  );
  assert.equal(await statusOf('expired.example.test'), 503);
  assert.equal(await statusOf('good.test'), 200);
  assert.equal(await statusOf('a.test'), 200, 'the first of two twins has the requests');
  assert.equal(await statusOf('other.test'), 200);

  assert.match(router.control.explain({ url: 'http://bad.test/' }).verdict, /503/);

  const status = await router.control.status();
  assert.equal(status.routes, 3);
  const places = status.problems.map((problem) => `${problem.line ?? '-'} ${problem.path}`);
  assert.equal(places.length, 5, `one of each: ${places.join(', ')}`);
  assert.match(places.join('\n'), /^\d+ web\.routes\[3\]\.backends$/m);
  assert.match(places.join('\n'), /^- web\.routes\[expired\]\.ssl\.cert$/m);

  // The API can mend one; a reload that is right mends all.
  await router.control.routes.add(routeTo([backend], { id: 'no-backends', vHost: 'bad.test' }));
  assert.equal(await statusOf('bad.test'), 200);
  // One for the same requests, under another name, is as good.
  await router.control.routes.add(
    routeTo([backend], { id: 'zzz', vHost: 'good.test', paths: ['/admin'] }),
  );
  assert.equal(await statusOf('good.test', '/admin/x'), 200);
  await router.control.routes.remove('zzz');
  await assert.rejects(router.reload(), { code: 'CONFIG_INVALID' });
  assert.equal(await statusOf('expired.example.test'), 503);
  write({ web: { entrypoints, routes: [good] } });
  await router.reload();
  assert.equal(await statusOf('expired.example.test'), 200);
  assert.deepEqual((await router.control.status()).problems, []);
});

test('the overlay: what the API changed stays over the file, through reloads and restarts', async (context) => {
  const [one, two] = [await startOrigin(context, 'one'), await startOrigin(context, 'two')];
  const folder = temporaryFolder(context);
  const given: IDcRouterOptions = {
    dataDir: path.join(folder, 'data'),
    web: {
      entrypoints,
      routes: [
        routeTo([one.backend]),
        routeTo([one.backend], { id: 'gone', vHost: 'gone.test' }),
        routeTo([one.backend], { id: 'file', vHost: 'file.test' }),
      ],
    },
  };
  const first = await startFromFile(context, given, { folder });
  const { control } = first.router;
  await control.routes.put('a', routeTo([two.backend]));
  await control.routes.remove('gone');
  await control.routes.add(routeTo([two.backend], { id: 'new', vHost: 'new.test' }));
  const check = async (port: number) => {
    assert.equal(echoOf(await ask(context, port)).origin, 'two');
    assert.equal((await ask(context, port, { host: 'gone.test' })).status, 404);
    assert.equal((await ask(context, port, { host: 'new.test' })).status, 200);
    assert.equal(echoOf(await ask(context, port, { host: 'file.test' })).origin, 'one');
  };
  await check(first.port);
  first.write({ ...given, drainTimeoutMs: 5 });
  await first.router.reload();
  await check(first.port);
  await first.router.stop();

  const second = await startFromFile(context, given, { folder });
  await check(second.port);
  const { overlay } = await second.router.control.configuration.diff();
  assert.deepEqual(
    overlay.items.map(({ key, change, origin }) => [key, change, origin]),
    [
      ['a', 'changed', 'api-over-file'],
      ['gone', 'removed', 'api-over-file'],
      ['new', 'added', 'api'],
    ],
  );

  // The export brings it all back without the store.
  let text = '';
  for await (const piece of second.router.control.configuration.export({
    format: 'json',
    secrets: true,
  })) {
    text += piece;
  }
  await second.router.stop();
  const third = await startFromFile(
    context,
    { ...JSON.parse(text), dataDir: undefined },
    { name: 'exported.json' },
  );
  await check(third.port);
  assert.equal((await third.router.control.configuration.diff()).overlay.total, 0);
});

test('reload(): the names of the management port change, and the port stays open', async (context) => {
  const named = (...hosts: string[]): IDcRouterOptions => {
    return { api: { enabled: true, port: 0, hosts }, web: { entrypoints } };
  };
  const { router, write } = await startFromFile(context, named('old.test'));
  const { port = 0 } = router.addresses().api ?? {};
  const statusFor = (host: string): Promise<number | undefined> => {
    return new Promise((resolve, reject) => {
      const options = { host: '127.0.0.1', port, path: '/api/v1/status', headers: { host } };
      const request = get({ ...options, agent: false }, (response) => {
        response.resume();
        resolve(response.statusCode);
      });
      request.on('error', reject);
    });
  };
  assert.deepEqual([await statusFor('old.test'), await statusFor('new.test')], [401, 421]);
  write(named('new.test'));
  const { changes } = await router.reload();
  assert.deepEqual(
    changes.map(({ path: at, effect }) => [at, effect]),
    [['api.hosts', 'hot']],
  );
  assert.equal(router.addresses().api?.port, port);
  assert.deepEqual([await statusFor('old.test'), await statusFor('new.test')], [421, 401]);
});

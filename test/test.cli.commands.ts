import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import type { IRouteView } from '../ts/api/route-view.ts';
import { DcError } from '../ts/core/errors.ts';
import { SqliteStore } from '../ts/storage/sqlite-store.ts';
import { makeControl, route, startApi, takeIn } from './fixtures/control-plane.ts';
import { type IRun, run } from './fixtures/terminal.ts';

const certificates = path.join(import.meta.dirname, 'fixtures', 'certificates');

function folder(context: TestContext): string {
  const made = mkdtempSync(path.join(tmpdir(), 'dcrouter-cli-'));
  context.after(() => rmSync(made, { recursive: true }));
  return made;
}

/** A router with its data folder, and the command line of somebody on its machine. */
async function machine(context: TestContext) {
  const dataDir = folder(context);
  const started = await startApi(context, { dataDir });
  const cli = (...argv: string[]): Promise<IRun> => run([...argv, '--data-dir', dataDir]);
  const person = (...argv: string[]): Promise<IRun> =>
    run(argv, { tty: true, env: { DCROUTER_DATA_DIR: dataDir, TERM: 'xterm' } });
  return { ...started, dataDir, cli, person };
}

function json<T>({ code, stdout, stderr }: IRun): T {
  assert.equal(code, 0, stderr);
  return JSON.parse(stdout) as T;
}

test('route add, list, show, explain, remove: as JSON where nobody looks', async (context) => {
  const { cli, proxy } = await machine(context);
  const flags = ['--backend', '127.0.0.1:3000,weight=2', '--backend', '[::1]:3001,id=six'];
  const added = json<IRouteView>(
    await cli(
      'route',
      'add',
      '--host',
      'A.example.com',
      ...flags,
      '--path=/api',
      '--method',
      'get',
      '--auto-https',
    ),
  );
  assert.deepEqual(
    added.backends.map(({ id, hostname, port, weight }) => [id, hostname, port, weight]),
    [
      ['backend-1', '127.0.0.1', 3000, 2],
      ['six', '::1', 3001, undefined],
    ],
  );
  assert.deepEqual([added.id, added.paths, added.methods], ['A.example.com', ['/api'], ['GET']]);
  assert.equal(proxy.router.route('A.example.com')?.config.autoHttps, true);
  assert.equal(json<IRouteView[]>(await cli('route', 'list'))[0]?.vHost, 'a.example.com');
  assert.equal(json<IRouteView>(await cli('route', 'show', 'a.example.com')).id, 'A.example.com');
  const explained = json<{ verdict: string }>(
    await cli('route', 'explain', 'a.example.com/api/x', '-H', 'X-A: b'),
  );
  assert.match(explained.verdict, /takes it/);
  assert.deepEqual(json(await cli('route', 'remove', 'a.example.com')), {
    removed: 'a.example.com',
  });
  assert.equal(proxy.router.size, 0);
});

test('route list: a table for a person, with colours unless NO_COLOR', async (context) => {
  const { control, person, dataDir } = await machine(context);
  takeIn(control, [route('one'), { id: 'r', vHost: '*', redirect: { to: 'https://x.example' } }]);
  const coloured = await person('route', 'list');
  assert.ok(coloured.stdout.includes('\u001b[1mID\u001b[22m'));
  const env = { NO_COLOR: '1', DCROUTER_DATA_DIR: dataDir };
  const { stdout } = await run(['route', 'list'], { tty: true, env });
  const lines = stdout.split('\n');
  assert.match(lines[0] ?? '', /^ID +HOST +CONDITIONS +TARGET +ALIVE +ORIGIN$/);
  assert.match(lines[1] ?? '', /^one +one\.example\.com +- +127\.0\.0\.1:3000 +1\/1 +file$/);
  assert.match(lines[2] ?? '', /^r +\* +- +→ https:\/\/x\.example +- +file$/);
  assert.ok(!stdout.includes('\u001b'));
  assert.ok(Array.isArray(JSON.parse((await person('route', 'list', '--json')).stdout)));
});

test('text from elsewhere cannot steer the terminal', async (context) => {
  const { control, person } = await machine(context);
  control.certificates.list = () => {
    const item = {
      domain: 'a\u001b[2Jb',
      issuer: 'x\ny\u202e',
      notAfter: '2030-01-01',
      warnings: [],
      origin: 'api',
    };
    return { items: [item], total: 1, nextCursor: null } as unknown as ReturnType<
      typeof control.certificates.list
    >;
  };
  const { stdout } = await person('cert', 'list');
  assert.match(stdout, /a\\u001b\[2Jb/);
  assert.match(stdout, /x\\u000ay\\u202e/);
});

test('route add -f: JSON and YAML, from a file and from standard input; --replace puts', async (context) => {
  const { cli, dataDir, proxy } = await machine(context);
  const file = path.join(folder(context), 'route.yaml');
  writeFileSync(file, 'id: y\nvHost: y.example.com\nbackends:\n  - {hostname: h, port: 1}\n');
  assert.equal(json<IRouteView>(await cli('route', 'add', '-f', file)).id, 'y');
  const again = await cli('route', 'add', '-f', file);
  assert.equal(again.code, 1);
  assert.match(again.stderr, /the id "y" already/);
  const input = JSON.stringify({ ...route('y'), priority: 3 });
  const put = await run(['route', 'add', '-f', '-', '--replace', '--data-dir', dataDir], { input });
  assert.equal(json<IRouteView>(put).priority, 3);
  assert.equal(proxy.router.route('y')?.config.priority, 3);
  writeFileSync(file, 'id: [');
  const broken = await cli('route', 'add', '--file', file);
  assert.equal(broken.code, 1);
  assert.match(broken.stderr, /line 1/);
});

test('what the router refuses is told by place, value and the nearest word; exit code 1', async (context) => {
  const { cli } = await machine(context);
  const refused = await cli('route', 'add', '--host', '*x.com', '--backend', 'h:1');
  assert.equal(refused.code, 1);
  assert.match(refused.stderr, /vHost: Must .*is "\*x\.com"; did you mean "\*\.x\.com"\?/);
  const asJson = await cli('route', 'show', 'nope', '--json');
  assert.equal(JSON.parse(asJson.stderr).error.code, 'ROUTE_UNKNOWN');
  assert.deepEqual([asJson.code, asJson.stdout], [1, '']);
});

test('reload: what has changed; refused: every problem with its line, exit code 1', async (context) => {
  const { cli, person, process } = await machine(context);
  process.configFile = '/etc/dcrouter.yaml';
  process.pending = [{ path: 'log.level', before: 'info', after: 'debug', effect: 'hot' }];
  assert.deepEqual(json(await cli('reload')), { changes: process.pending });
  assert.match((await person('reload')).stdout, /log\.level +"info" → "debug" +hot/);
  const problems = [
    { path: 'web.routes[0].vHost', message: 'Must be a host', file: 'f.yaml', line: 3, column: 2 },
  ];
  process.pending = new DcError('CONFIG_INVALID', 'Cannot use "f.yaml"', { problems });
  const refused = await cli('reload');
  assert.equal(refused.code, 1);
  assert.match(refused.stderr, /f\.yaml:3:2 web\.routes\[0\]\.vHost: Must be a host/);
});

test('status, config show, config export and config diff', async (context) => {
  const { cli, person, control, process } = await machine(context);
  takeIn(control, [route('a')]);
  process.found = [{ path: 'web.routes[1].vHost', message: 'Must be a host' }];
  assert.equal(json<{ routes: number }>(await cli('status')).routes, 1);
  const shown = (await person('status')).stdout;
  assert.match(shown, /ready/);
  assert.match(shown, /web\.routes\[1\]\.vHost/);
  assert.equal(
    json<{ web: { routes: unknown[] } }>(await cli('config', 'show')).web.routes.length,
    1,
  );
  assert.match((await person('config', 'show')).stdout, /^ {4}- id: a$/m);
  assert.match((await cli('config', 'export')).stdout, /^ {4}- id: a$/m);
  assert.ok(JSON.parse((await cli('config', 'export', '--format', 'json', '--secrets')).stdout));
  assert.match((await person('config', 'diff')).stdout, /What is live is what the file says/);
  await cli('route', 'remove', 'a');
  assert.match((await person('config', 'diff')).stdout, /route +a +removed +api-over-file/);
  const { overlay } = json<{ overlay: { key: string }[] }>(await cli('config', 'diff'));
  assert.deepEqual(
    overlay.map(({ key }) => key),
    ['a'],
  );
});

test('cert add, list, remove', async (context) => {
  const { cli, person, certificates: live } = await machine(context);
  const files = [
    '--key',
    path.join(certificates, 'future.key.pem'),
    '--cert',
    path.join(certificates, 'future.cert.pem'),
  ];
  const added = await person('cert', 'add', 'future.example.test', ...files);
  assert.match(added.stdout, /warning.*2119/s);
  assert.ok(live.find('future.example.test'));
  assert.equal(json<unknown[]>(await cli('cert', 'list')).length, 1);
  assert.deepEqual(json(await cli('cert', 'remove', 'future.example.test')), {
    removed: 'future.example.test',
  });
  const missing = await cli('cert', 'add', 'x.test', '--key', '/nowhere', '--cert', '/nowhere');
  assert.deepEqual([missing.code, /\/nowhere/.test(missing.stderr)], [1, true]);
  assert.match((await cli('cert', 'add', 'x.test', '--key', 'f')).stderr, /--cert FILE is missing/);
});

test('token create, list, revoke: the secret alone on standard output', async (context) => {
  const { cli, person, url } = await machine(context);
  const made = await person('token', 'create', 'ci', '--scope', 'write', '--expires', '90d');
  assert.match(made.stdout, /^dcr_[\w-]+\n$/);
  const listed = json<{ id: string; name: string; scopes: string[]; expiresAt: string }[]>(
    await cli('token', 'list'),
  );
  const ci = listed.find(({ name }) => name === 'ci');
  assert.deepEqual(ci?.scopes, ['write']);
  const own = ['--url', url, '--token', made.stdout.trim()];
  assert.equal((await run(['route', 'list', ...own])).code, 0);
  const denied = await run(['token', 'list', ...own]);
  assert.deepEqual([denied.code, /scope "admin"/.test(denied.stderr)], [1, true]);
  await cli('token', 'revoke', ci?.id ?? '');
  assert.equal((await run(['route', 'list', ...own])).code, 1);
});

test('token create --offline: into the store of a stopped router, not of a running one', async (context) => {
  const dataDir = folder(context);
  const flags = ['token', 'create', 'rescue', '--scope=admin', '--offline', '--data-dir', dataDir];
  const { token } = json<{ token: string }>(await run(flags));
  const store = new SqliteStore(dataDir);
  const { control } = await makeControl(store);
  context.after(() => store.close());
  assert.deepEqual(control.tokens.authenticate(token)?.scopes, ['admin']);
  const locked = await run(flags);
  assert.deepEqual([locked.code, /rescue|already|held|process/.test(locked.stderr)], [2, true]);
  await control.tokens.settled();
  assert.equal((await run([...flags.slice(0, -1), '/nowhere'])).code, 1);
});

test('stats --once, of all and of a route', async (context) => {
  const { cli, person, control } = await machine(context);
  takeIn(control, [route('a')]);
  assert.equal(json<{ routes: number }>(await cli('stats', '--once')).routes, 1);
  assert.equal(json<{ routeId: string }>(await cli('stats', 'a', '--once')).routeId, 'a');
  const shown = (await person('stats', 'a.example.com', '--once')).stdout;
  assert.match(shown, /p50 0\.00 ms/);
  assert.match(shown, /backend-1/);
  assert.equal((await cli('stats', 'x', '--once')).code, 1);
});

test('the target: flags, environment, data folder; a foreign address gets no local token', async (context) => {
  const { url, dataDir, as, control } = await machine(context);
  await as('read');
  const { token } = await control.tokens.create({ name: 'x', scopes: ['read'] });
  const env = {
    DCROUTER_URL: 'http://127.0.0.1:1',
    DCROUTER_TOKEN: token,
    DCROUTER_DATA_DIR: dataDir,
  };
  assert.equal((await run(['status', '--url', url], { env })).code, 0);
  const nobody = await run(['status'], { env });
  assert.deepEqual([nobody.code, /Is the router running\?/.test(nobody.stderr)], [2, true]);
  const bad = await run(['status', '--url', url, '--token', 'dcr_bad'], { env });
  assert.deepEqual([bad.code, /token is not valid/.test(bad.stderr)], [1, true]);
  const foreign = await run(['status', '--url', 'http://router.example:7700'], {
    env: { DCROUTER_DATA_DIR: dataDir },
  });
  assert.deepEqual([foreign.code, /another machine/.test(foreign.stderr)], [1, true]);
  const none = await run(['status', '--data-dir', folder(context)]);
  assert.deepEqual([none.code, /There is no token/.test(none.stderr)], [1, true]);
  assert.equal((await run(['status', '--url', 'ftp://x'])).code, 1);
});

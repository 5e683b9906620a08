import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseRoute } from '../ts/config/parse.ts';
import { DcError } from '../ts/core/errors.ts';
import { type ILogger, silentLogger } from '../ts/core/logger.ts';
import { MemoryStore } from '../ts/storage/memory-store.ts';
import { certificateOf, makeControl, route, takeIn } from './fixtures/control-plane.ts';

const base = (...ids: string[]) => ({
  routes: ids.map((id) => parseRoute(route(id))),
  certificates: [],
});

test('rebase(): nothing has changed until swap()', async () => {
  const { control, proxy } = await makeControl();
  takeIn(control, [route('a'), route('b')]);
  const rebase = control.rebase(base('b', 'c'));
  assert.deepEqual(
    rebase.routes.set.map(({ id }) => id),
    ['c'],
  );
  assert.deepEqual(rebase.routes.removed, ['a']);
  assert.deepEqual(
    [...proxy.router.routes()].map(({ id }) => id),
    ['a', 'b'],
  );
  assert.equal(control.routes.get('a').item.id, 'a');
  rebase.swap();
  assert.deepEqual(
    [...proxy.router.routes()].map(({ id }) => id),
    ['b', 'c'],
  );
  assert.throws(() => control.routes.get('a'), { code: 'ROUTE_UNKNOWN' });
  assert.equal(control.routes.get('c.example.com').item.origin, 'file');
});

test('rebase(): what did not change is neither compiled nor touched', async () => {
  const { control, proxy } = await makeControl();
  takeIn(control, [route('a'), route('b')]);
  const before = proxy.router.route('a');
  const compiled: string[] = [];
  const settings = {
    prepareRoute: (config: Parameters<typeof proxy.router.prepareRoute>[0]) => {
      compiled.push(config.id);
      return proxy.router.prepareRoute(config);
    },
  };
  const changed = { ...base('a', 'b') };
  changed.routes[1] = parseRoute({ ...route('b'), priority: 1 });
  control.rebase(changed, settings).swap();
  assert.deepEqual(compiled, ['b']);
  assert.equal(proxy.router.route('a'), before);
  control.rebase(changed, { ...settings, everyRoute: true }).swap();
  assert.deepEqual(compiled, ['b', 'a', 'b']);
});

test('rebase(): problems of the base are told, and swap() goes on without those items', async () => {
  const { control, proxy } = await makeControl();
  takeIn(control, [route('a')]);
  const rebase = control.rebase(
    {
      routes: [parseRoute(route('a')), parseRoute({ ...route('p'), authProvider: 'nobody' })],
      certificates: [{ domain: 'x.test', ...certificateOf('ecdsa') }],
    },
    {
      prepareRoute: (config) => {
        if (config.id !== 'p') return proxy.router.prepareRoute(config);
        const problems = [{ path: 'authProvider', message: 'Must be known' }];
        throw new DcError('ROUTE_INVALID', 'Cannot use it', { problems });
      },
    },
  );
  assert.deepEqual(
    rebase.problems.map(({ path }) => path),
    ['routes[p].authProvider', 'certificates[x.test].domain'],
  );
  rebase.swap();
  assert.equal(control.routes.size, 1);
  assert.equal(control.certificates.size, 0);
  assert.throws(() => control.routes.get('p'), { code: 'ROUTE_UNKNOWN' });
});

test('the overlay outlives restarts: added, changed and removed items', async () => {
  const store = new MemoryStore();
  const first = await makeControl(store);
  takeIn(first.control, [route('a'), route('b')]);
  await first.control.routes.add(route('new', 'bücher.example'));
  await first.control.routes.patch('a', { priority: 4 });
  await first.control.routes.remove('b');
  await first.control.settled();
  await store.close();

  const { control, proxy } = await makeControl(store);
  takeIn(control, [route('a'), route('b')]);
  const { items } = await control.routes.list();
  assert.deepEqual(
    items.map(({ id, origin, priority, vHost }) => [id, origin, priority, vHost]),
    [
      ['a', 'api-over-file', 4, 'a.example.com'],
      ['new', 'api', undefined, 'xn--bcher-kva.example'],
    ],
  );
  assert.equal(proxy.router.size, 2);
});

test('an item of the overlay that is not valid any more is disabled, not fatal, and keeps the file’s out', async () => {
  const store = new MemoryStore();
  const events: string[] = [];
  const logger: ILogger = { ...silentLogger, error: (event) => events.push(event) };
  await store.open();
  const bad = { ...route('a'), strategy: 'GUESS' };
  await store.write([{ collection: 'routes', key: 'a', value: JSON.parse(JSON.stringify(bad)) }]);
  await store.close();
  const { control, proxy } = await makeControl(store, logger);
  takeIn(control, [route('a'), route('b')]);
  assert.deepEqual(
    [...proxy.router.routes()].map(({ id }) => id),
    ['b'],
  );
  assert.deepEqual(events, ['route.disabled']);
  const { problems } = await control.status();
  assert.equal(problems[0]?.path, 'routes[a].strategy');
  assert.throws(() => control.routes.get('a'), { code: 'ROUTE_UNKNOWN', message: /disabled/ });
  const { overlay } = await control.configuration.diff();
  assert.deepEqual([overlay.items[0]?.key, overlay.items[0]?.change], ['a', 'disabled']);
  takeIn(control, [route('a'), route('b')]);
  assert.deepEqual(events, ['route.disabled'], 'told once');

  await control.routes.put('a', route('a'));
  assert.deepEqual((await control.status()).problems, []);
  assert.equal(control.routes.get('a').item.origin, 'file');
});

test('a disabled item can be removed, and one that becomes valid again is back', async () => {
  const { control, store } = await makeControl();
  takeIn(control);
  await control.routes.add(route('a'));
  await control.routes.add(route('x'));
  // A reload brings routes that take the same requests.
  takeIn(control, [route('file-a', 'a.example.com'), route('file-x', 'x.example.com')]);
  const { problems } = await control.status();
  assert.deepEqual(
    problems.map(({ path }) => path),
    ['routes[a].vHost', 'routes[x].vHost'],
  );
  await control.routes.remove('x');
  assert.deepEqual(
    (await store.entries('routes')).map(([key]) => key),
    ['a'],
  );
  takeIn(control);
  assert.equal(control.routes.get('a').item.origin, 'api');
  assert.deepEqual((await control.status()).problems, []);
});

test('an overlay item that the file says as well is forgotten, also in the store', async () => {
  const { control, store } = await makeControl();
  takeIn(control);
  await control.routes.add(route('a'));
  takeIn(control, [route('a')]);
  await control.settled();
  assert.deepEqual(await store.entries('routes'), []);
  assert.equal(control.routes.get('a').item.origin, 'file');
  takeIn(control);
  assert.throws(() => control.routes.get('a'), { code: 'ROUTE_UNKNOWN' });
});

test('changes wait for exclusive(), and see what it did', async () => {
  const { control } = await makeControl();
  takeIn(control, [route('a')]);
  let release: () => void = () => undefined;
  const held = new Promise<void>((resolve) => {
    release = resolve;
  });
  const reload = control.exclusive(async () => {
    const rebase = control.rebase(base('a', 'b'));
    await held;
    rebase.swap();
  });
  const added = control.routes.add(route('b', 'other.example.com'));
  release();
  await reload;
  await assert.rejects(added, { code: 'ROUTE_EXISTS' });
});

test('a route that is replaced in a reload keeps what it has learned', async () => {
  const { control, proxy } = await makeControl();
  takeIn(control, [route('a')]);
  const before = proxy.router.route('a');
  takeIn(control, [{ ...route('a'), priority: 2 }]);
  const after = proxy.router.route('a');
  assert.notEqual(after, before);
  assert.equal(after?.counter, before?.counter);
  assert.equal(after?.endpoints[0], before?.endpoints[0]);
});

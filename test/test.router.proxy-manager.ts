import assert from 'node:assert/strict';
import { once } from 'node:events';
import net from 'node:net';
import { test } from 'node:test';
import { DcError } from '../ts/core/errors.ts';
import { BalancingStrategy } from '../ts/proxy/balancing-strategy.ts';
import { ProxyManager } from '../ts/proxy/proxy-manager.ts';
import { ask, Client, echoOf, routeTo, startOrigin, startProxy } from './suites/web.ts';

const http = { address: '127.0.0.1', port: 0 };

test("ProxyManager: the seed's snippet, with routes added before and after start()", async (context) => {
  const one = await startOrigin(context, 'one');
  const two = await startOrigin(context, 'two');
  const proxy = new ProxyManager({ port: 0, sslPort: 0 });
  context.after(() => proxy.stop(0));
  const backends = [
    { id: 'node-1', hostname: '127.0.0.1', port: one.port, isDead: false, failureCount: 0 },
    { id: 'node-2', hostname: '127.0.0.1', port: two.port, isDead: false, failureCount: 0 },
  ];
  const settings = {
    strategy: BalancingStrategy.ROUND_ROBIN,
    autoHttps: false,
    reqActiveLength: 50,
    reqQueueLength: 100,
    backends,
  };
  proxy.router.addRoute({ id: 'before', vHost: 'before.test', ...settings });
  const started = proxy.start();
  proxy.router.addRoute({ id: 'service-a', vHost: 'api.myapp.com', ...settings });
  await started;
  const port = proxy.addresses().http?.port ?? 0;
  const origins = new Set<string>();
  for (const host of ['before.test', 'api.myapp.com', 'api.myapp.com']) {
    const reply = await ask(context, port, { host });
    assert.equal(reply.status, 200);
    origins.add(echoOf(reply).origin);
  }
  assert.deepEqual([...origins].sort(), ['one', 'two']);
  proxy.router.addRoute({ id: 'after', vHost: 'after.test', ...settings });
  assert.equal((await ask(context, port, { host: 'after.test' })).status, 200);
  assert.throws(() => proxy.router.addRoute({ id: 'after', vHost: 'x.test', ...settings }), {
    code: 'ROUTE_EXISTS',
  });
  assert.ok(await proxy.stop());
});

test('ProxyManager: bad options are refused with every problem, by path', () => {
  const options = {
    entrypoints: { http: { port: -1 }, other: { port: 80, address: 'nowhere' } },
    trustedProxies: ['10.0.0.0/8', '10.0.0.0/99'],
    routes: [{ id: 'a', vHost: 'a b', backends: [] }],
  };
  assert.throws(
    () => new ProxyManager(options),
    (error) => {
      assert.ok(error instanceof DcError && error.code === 'CONFIG_INVALID');
      assert.deepEqual(error.problems.map(({ path }) => path).sort(), [
        'web.entrypoints.http.port',
        'web.entrypoints.other.address',
        'web.routes[0].backends',
        'web.routes[0].vHost',
        'web.trustedProxies[1]',
      ]);
      return true;
    },
  );
});

test('ProxyManager.prepare(): a trusted proxy that is no CIDR is a problem with its path', async (context) => {
  const { proxy } = await startProxy(context);
  await assert.rejects(proxy.prepare({ trustedProxies: ['10.0.0.1', 'ten'] }, null), (error) => {
    assert.ok(error instanceof DcError && error.code === 'CONFIG_INVALID');
    assert.deepEqual(
      error.problems.map(({ path }) => path),
      ['web.trustedProxies[1]'],
    );
    return true;
  });
});

test('ProxyManager.start(): a route that cannot be used leaves nothing open', async (context) => {
  const origin = await startOrigin(context, 'one');
  const routes = [
    routeTo([origin.backend]),
    routeTo([origin.backend], { id: 'b', vHost: 'b.test' }),
  ];
  const proxy = new ProxyManager({ entrypoints: { http }, routes });
  proxy.router.addRoute(routeTo([origin.backend], { id: 'b', vHost: 'other.test' }));
  await assert.rejects(proxy.start(), { code: 'ROUTE_EXISTS' });
  assert.deepEqual(proxy.addresses(), {});
  assert.deepEqual(
    [...proxy.router.routes()].map(({ id }) => id),
    ['b'],
  );
  proxy.router.removeRoute('b');
  await proxy.start();
  const port = proxy.addresses().http?.port ?? 0;
  assert.equal((await ask(context, port)).status, 200);
  await proxy.stop(0);
});

test('ProxyManager.start(): a port in use is named with the reason; the others close', async (context) => {
  const taken = net.createServer().listen(0, '127.0.0.1');
  await once(taken, 'listening');
  context.after(() => taken.close());
  const { port } = taken.address() as net.AddressInfo;
  const proxy = new ProxyManager({
    entrypoints: { first: http, second: { address: '127.0.0.1', port } },
  });
  await assert.rejects(proxy.start(), (error) => {
    assert.ok(error instanceof DcError && error.code === 'LISTEN_FAILED');
    assert.equal(
      error.message,
      `Cannot listen on "127.0.0.1:${port}" for entrypoint "second": this process listens there already`,
    );
    return true;
  });
  assert.deepEqual(proxy.addresses(), {});
  assert.equal(await proxy.stop(), true);
});

test('ProxyManager: stop, start again; the routes stay, also those of the options', async (context) => {
  const origin = await startOrigin(context, 'one');
  const { proxy, port } = await startProxy(context, { routes: [routeTo([origin.backend])] });
  assert.equal((await ask(context, port)).status, 200);
  proxy.router.addRoute(routeTo([origin.backend], { id: 'b', vHost: 'b.test' }));
  proxy.router.removeRoute('a');
  assert.equal(await proxy.stop(), true);
  assert.deepEqual(proxy.addresses(), {});
  await assert.rejects(ask(context, port), { code: 'ECONNREFUSED' });
  await proxy.start();
  const again = proxy.addresses().http?.port ?? 0;
  assert.equal((await ask(context, again)).status, 404);
  assert.equal((await ask(context, again, { host: 'b.test' })).status, 200);
});

test('ProxyManager: start, stop and start in one breath end as the last one says', async (context) => {
  const proxy = new ProxyManager({ entrypoints: { http } });
  context.after(() => proxy.stop(0));
  const first = proxy.start();
  assert.equal(proxy.start(), first);
  const stopped = proxy.stop(0);
  assert.equal(proxy.stop(0), stopped);
  const second = proxy.start();
  await Promise.all([first, stopped, second]);
  assert.ok((proxy.addresses().http?.port ?? 0) > 0);
  assert.equal(await proxy.stop(0), true);
  assert.deepEqual(proxy.addresses(), {});
});

test('ProxyManager.apply(): refused after stop(); discard() closes what was prepared', async (context) => {
  const { proxy } = await startProxy(context);
  const prepared = await proxy.prepare({ entrypoints: { other: http } }, null);
  const { port = 0 } = prepared.entrypoints.get('other')?.listener.bound ?? {};
  await proxy.stop();
  assert.throws(() => proxy.apply(prepared), { code: 'NOT_RUNNING' });
  await proxy.discard(prepared);
  await assert.rejects(ask(context, port), { code: 'ECONNREFUSED' });
});

test('ProxyManager: a new port answers nobody before apply(); discard() cuts who waits', async (context) => {
  const origin = await startOrigin(context, 'one');
  const { proxy, port } = await startProxy(context, { routes: [routeTo([origin.backend])] });
  const web = { entrypoints: { http, extra: http } };
  const discarded = await proxy.prepare(web, null);
  const extra = discarded.entrypoints.get('extra')?.listener.bound.port ?? 0;
  const early = await Client.open(context, extra);
  early.send();
  await proxy.discard(discarded);
  await early.closed;
  assert.equal(early.received, '');

  const prepared = await proxy.prepare(web, null);
  const second = prepared.entrypoints.get('extra')?.listener.bound.port ?? 0;
  assert.equal(prepared.entrypoints.get('http')?.listener.bound.port, port);
  const waiting = await Client.open(context, second);
  waiting.send();
  // An exchange with the open port: whatever was answered on the new one would have come by then.
  assert.equal((await ask(context, port)).status, 200);
  assert.equal(waiting.received, '');
  proxy.apply(prepared);
  assert.equal((await waiting.reply()).status, 200);
});

test('ProxyManager: entrypoints with port 0 keep their own port at the next apply()', async (context) => {
  const web = { entrypoints: { one: http, two: http } };
  const { proxy, ports } = await startProxy(context, web);
  assert.notEqual(ports.one, ports.two);
  proxy.apply(await proxy.prepare(web, null));
  assert.deepEqual(proxy.addresses(), {
    one: { address: '127.0.0.1', port: ports.one },
    two: { address: '127.0.0.1', port: ports.two },
  });
});

test('ProxyManager: an entrypoint that gets another name keeps its port and its connections', async (context) => {
  const origin = await startOrigin(context, 'one');
  const fixed = (await startProxy(context)).proxy;
  const { port = 0 } = fixed.addresses().http ?? {};
  await fixed.stop();
  const entrypoint = { address: '127.0.0.1', port };
  const { proxy } = await startProxy(context, {
    entrypoints: { old: entrypoint },
    routes: [routeTo([origin.backend])],
  });
  const client = await Client.open(context, port);
  assert.equal((await client.ask()).status, 200);
  proxy.apply(await proxy.prepare({ entrypoints: { new: entrypoint } }, null));
  assert.deepEqual(proxy.addresses(), { new: { address: '127.0.0.1', port } });
  assert.equal((await client.ask()).status, 200);
});

test('ProxyManager: another address on a port of ours says what to do', async (context) => {
  const { proxy, port } = await startProxy(context);
  const entrypoints = { http: { address: '127.0.0.1', port }, wide: { port } };
  await assert.rejects(proxy.prepare({ entrypoints: { http: { port } } }, null), {
    code: 'LISTEN_FAILED',
    message: /entrypoint "http" holds it with another address; change the port as well, or restart/,
  });
  await assert.rejects(proxy.prepare({ entrypoints }, null), { code: 'LISTEN_FAILED' });
  assert.equal((await ask(context, port)).status, 404);
});

test('ProxyManager: counts of connections outlive the listener', async (context) => {
  const { proxy, port } = await startProxy(context);
  await ask(context, port);
  proxy.apply(await proxy.prepare({ entrypoints: { other: http } }, null));
  const other = proxy.addresses().other?.port ?? 0;
  await ask(context, other);
  await proxy.stop();
  assert.equal(proxy.connectionStats().total, 2);
  assert.equal(proxy.connectionStats().open, 0);
});

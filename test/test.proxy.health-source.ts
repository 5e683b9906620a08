import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { CertificateStore } from '../ts/certificates/index.ts';
import { EventBus } from '../ts/core/event-bus.ts';
import { silentLogger } from '../ts/core/logger.ts';
import type { IHealthSource } from '../ts/dns/zones/types.ts';
import { DataPlane } from '../ts/proxy/data-plane.ts';
import type { TPortProxyInput } from '../ts_interfaces/index.ts';
import { settle } from './suites/names.ts';
import { entryOf } from './suites/tcp.ts';
import { Client, closedPort, routeTo, startOrigin } from './suites/web.ts';

/** A data plane with one plain entrypoint; stops with the test. */
async function startPlane(t: TestContext, workers = 0) {
  const bus = new EventBus();
  const certificates = new CertificateStore(bus);
  const planes = new DataPlane({
    bus,
    logger: silentLogger,
    hooks: undefined,
    certificates,
    workers,
  });
  t.after(() => planes.stop(0));
  await planes.start();
  const web = { entrypoints: { http: { address: '127.0.0.1', port: 0 } } };
  const prepared = await planes.web.prepare(web, null);
  await planes.workers?.prepare({ web: prepared });
  planes.web.apply(prepared);
  planes.workers?.apply();
  await planes.workers?.start();
  const change = async (set: TPortProxyInput[], removed: string[] = []) => {
    const entries = set.map((input) => entryOf({ address: '127.0.0.1', fromPort: 0, ...input }));
    planes.tcpTarget.apply(await planes.tcpTarget.prepare({ set: entries, removed }));
  };
  const source: IHealthSource = planes.healthSource;
  let changes = 0;
  const leave = source.follow(() => changes++);
  /** Whether the listener was called since the last time. */
  const isTold = async () => {
    await settle();
    const told = changes;
    changes = 0;
    return told > 0;
  };
  return { planes, source, change, isTold, leave, port: planes.web.addresses().http?.port ?? 0 };
}

const alive = (source: IHealthSource, upstream: string) =>
  source.backends(upstream)?.map(({ id, isAlive }) => `${id} ${isAlive ? 'alive' : 'dead'}`);

test('HealthSource: routes, with every change of who lives, of weights, and of the routes themselves', async (t) => {
  const { planes, source, isTold, leave } = await startPlane(t);
  const { router } = planes.web;
  assert.equal(source.backends('a'), undefined);
  const backends = [
    { id: 'one', hostname: '192.0.2.1', port: 1, weight: 5 },
    { id: 'two', hostname: 'two.test', port: 2, maintenance: true },
    { id: 'socket', hostname: 'x', port: 3, socketPath: '/run/x' },
  ];
  const config = { id: 'a', vHost: 'a.test', backends };
  router.addRoute(config);
  assert.deepEqual(source.backends('a'), [
    { id: 'one', hostname: '192.0.2.1', weight: 5, isAlive: true },
    { id: 'two', hostname: 'two.test', weight: 1, isAlive: false },
  ]);
  assert.equal(await isTold(), true);
  planes.mark('a', 'one', true);
  assert.equal(await isTold(), true);
  assert.deepEqual(alive(source, 'a'), ['one dead', 'two dead']);
  planes.mark('a', 'one', false);
  assert.equal(await isTold(), true);
  const [before] = backends;
  const changed = router.route('a')?.config;
  assert.ok(before !== undefined && changed !== undefined);
  const next = { ...changed, backends: changed.backends.map((one) => ({ ...one, weight: 9 })) };
  router.setRoute(router.prepareRoute(next));
  assert.equal(await isTold(), true);
  assert.deepEqual(
    source.backends('a')?.map(({ weight }) => weight),
    [9, 9],
  );
  router.removeRoute('a');
  assert.equal(await isTold(), true);
  assert.equal(source.backends('a'), undefined);
  assert.equal(await isTold(), false);
  leave();
  leave();
  router.addRoute(config);
  assert.equal(await isTold(), false);
});

test('HealthSource: TCP and UDP entries, domain configs, and what is none', async (t) => {
  const { planes, source, change, isTold } = await startPlane(t);
  await change([
    {
      id: 'mail/in',
      toPort: ['192.0.2.1:25', '192.0.2.2:25'],
      domainConfigs: [{ id: 'x/y', domains: ['x.test'], toPort: 'x.test:443' }],
    },
    { id: 'udp', protocol: 'udp', toPort: '192.0.2.9:53' },
  ]);
  assert.equal(await isTold(), true);
  const hostnames = (upstream: string) =>
    source.backends(upstream)?.map(({ hostname }) => hostname);
  assert.deepEqual(hostnames('tcp:mail/in'), ['192.0.2.1', '192.0.2.2']);
  assert.deepEqual(hostnames('tcp:mail/in/x/y'), ['x.test']);
  assert.deepEqual(hostnames('tcp:udp'), ['192.0.2.9']);
  for (const none of ['mail/in', 'tcp:', 'tcp:none', 'tcp:mail/in/z', '', 'tcp:mail']) {
    assert.equal(source.backends(none), undefined, none);
  }
  planes.mark('tcp:mail/in', source.backends('tcp:mail/in')?.[0]?.id ?? '', true);
  assert.equal(await isTold(), true);
  assert.deepEqual(
    source.backends('tcp:mail/in')?.map(({ isAlive }) => isAlive),
    [false, true],
  );
  await change([], ['mail/in']);
  assert.equal(await isTold(), true);
  assert.equal(source.backends('tcp:mail/in'), undefined);
});

test('HealthSource: one call for all changes of a turn', async (t) => {
  const { planes, source } = await startPlane(t);
  let calls = 0;
  const leave = source.follow(() => calls++);
  for (let index = 0; index < 100; index++) {
    planes.web.router.addRoute(
      routeTo([], { id: `${index}`, vHost: `${index}.test`, redirect: { to: '/' } }),
    );
  }
  await settle();
  assert.equal(calls, 1);
  leave();
});

test('HealthSource with workers: a backend that fails in a worker is dead in the main process', async (t) => {
  const { planes, source, isTold, port } = await startPlane(t, 2);
  const origin = await startOrigin(t, 'one');
  const dead = { id: 'dead', hostname: '127.0.0.1', port: await closedPort() };
  planes.web.router.addRoute(routeTo([dead, { ...origin.backend, id: 'good' }]));
  await planes.live();
  await isTold();
  const client = await Client.open(t, port);
  assert.equal((await client.ask()).status, 200);
  while (alive(source, 'a')?.[0] !== 'dead dead') {
    assert.equal((await client.ask()).status, 200);
  }
  assert.equal(await isTold(), true);
  assert.deepEqual(alive(source, 'a'), ['dead dead', 'good alive']);
});

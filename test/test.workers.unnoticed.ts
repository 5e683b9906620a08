import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { DcRouter } from '../ts/dcrouter.ts';
import { baseOf, changesOf, openAll, reloadedWith, startFromFile } from './suites/changes.ts';
import { ask, nextEvent, routeTo } from './suites/web.ts';
import {
  Crowd,
  echoOnce,
  type ILong,
  openSession,
  openWebSocket,
  startWitnessOrigin,
  wentWell,
} from './suites/witnesses.ts';

test('Workers: nobody notices 100 changes and 10 reloads', async (context) => {
  const origin = await startWitnessOrigin(context);
  const started = await startFromFile(context, { ...baseOf(origin), workers: 2 });
  const { router, ports, write } = started;
  const long = await openAll(context, started, origin);
  const crowd = new Crowd(context, ports);
  crowd.begin();
  const changes = changesOf(router, origin);
  for (let count = 0; count < 100; count++) {
    const [round, step] = [Math.floor(count / changes.length), count % changes.length];
    await changes[step]?.(round);
    if (step === 6) {
      // What was added works when it was acknowledged, whichever worker is asked.
      const { item } = await router.control.tcp.get(`n${round}`);
      for (let asked = 0; asked < 4; asked++) {
        await echoOnce(item.listening[0]?.port ?? 0);
        assert.equal((await ask(context, ports.http, { host: `n${round}.test` })).status, 200);
      }
    }
    if (count % 10 === 0) for (const one of long) await one.move();
    assert.deepEqual(crowd.failures, []);
  }
  for (let round = 0; round < 10; round++) {
    write({ ...reloadedWith(origin, round), workers: 2 });
    await router.reload();
    const addresses = router.addresses();
    for (let asked = 0; asked < 4; asked++) {
      assert.equal((await ask(context, ports.http, { host: `r${round}.test` })).status, 200);
      await echoOnce(addresses[`tcp:t${round % 5}`]?.port ?? 0);
    }
    for (const one of long) await one.move();
    assert.deepEqual(crowd.failures, []);
  }
  await crowd.end();
  await wentWell(crowd, long);
});

test('Workers: one is killed under load, and only what was in flight on it fails', async (context) => {
  const origin = await startWitnessOrigin(context);
  const started = await startFromFile(context, { ...baseOf(origin), workers: 2 });
  const { router, ports } = started;
  const crowd = new Crowd(context, ports);
  crowd.begin();
  const webSockets = await onEach(router, () => openWebSocket(context, ports.http));
  const sessions = await onEach(router, () => openSession(context, ports.tcp));
  const where = await placesOf(router);
  const [killed, living] = router.control.process.workers();

  const restarted = nextEvent(router.events, 'worker.started');
  process.kill(killed?.pid ?? 0, 'SIGKILL');
  assert.equal((await restarted).worker, killed?.worker);
  for (const [on, other] of [webSockets, sessions]) {
    await assert.rejects(on?.move() ?? assert.fail());
    await other?.move();
  }
  const before = crowd.served;
  for (const [, other] of [webSockets, sessions]) await other?.end();
  await router.control.routes.add(routeTo([origin.backend], { id: 'late', vHost: 'late.test' }));
  for (let asked = 0; asked < 10; asked++) {
    assert.equal((await ask(context, ports.http, { host: 'late.test' })).status, 200);
    await echoOnce(ports.tcp);
  }
  await crowd.end();
  assert.ok(crowd.served > before);
  // Each of them has one request in flight at most; nobody was refused a connection.
  const clients = crowd.failures.map((failure) => failure.split(':')[0] ?? '');
  assert.deepEqual(clients, [...new Set(clients)], crowd.failures.join('\n'));
  assert.doesNotMatch(crowd.failures.join('\n'), /ECONNREFUSED/);
  for (const [client, port] of Object.entries(crowd.kept)) {
    if (where.get(port) === living?.worker) assert.ok(!clients.includes(client), client);
  }
  const [first, second] = router.control.process.workers();
  assert.deepEqual([first?.restarts, second?.restarts, second?.pid], [1, 0, living?.pid]);
});

/** Which worker has a client's connection, by the client's port. */
async function placesOf(router: DcRouter): Promise<Map<number, number | null>> {
  const { items } = await router.control.connections.list({ limit: 1000 });
  return new Map(
    items.map(({ client, worker }) => [Number(client.slice(client.lastIndexOf(':') + 1)), worker]),
  );
}

/** Opens connections until each worker has one; in the workers' order. */
async function onEach(router: DcRouter, open: () => Promise<ILong>): Promise<ILong[]> {
  const found = new Map<number, ILong>();
  while (found.size < 2) {
    const one = await open();
    // The kernel connects before a worker has accepted.
    await one.move();
    const worker = (await placesOf(router)).get(one.port) ?? assert.fail('it is not listed');
    if (found.has(worker)) await one.end();
    else found.set(worker, one);
  }
  return [...found].sort(([a], [b]) => a - b).map(([, one]) => one);
}

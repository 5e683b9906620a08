import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { DcError } from '../ts/core/errors.ts';
import type { DcRouter } from '../ts/dcrouter.ts';
import type { IDcRouterOptions } from '../ts_interfaces/index.ts';
import { certificateOf } from './fixtures/control-plane.ts';
import { baseOf, changesOf, openAll, reloadedWith, startFromFile } from './suites/changes.ts';
import { TcpClient } from './suites/tcp.ts';
import { ask, Client, routeTo, startRaw } from './suites/web.ts';
import { Crowd, echoOnce, openDownload, startWitnessOrigin, wentWell } from './suites/witnesses.ts';

const loopback = { address: '127.0.0.1', port: 0 };

test('Nobody notices 1,000 changes over the control plane', async (context) => {
  const origin = await startWitnessOrigin(context);
  const started = await startFromFile(context, baseOf(origin));
  const { router, ports } = started;
  const long = await openAll(context, started, origin);
  const crowd = new Crowd(context, ports);
  crowd.begin();
  const changes = changesOf(router, origin);
  for (let count = 0; count < 1000; count++) {
    const [round, step] = [Math.floor(count / changes.length), count % changes.length];
    await changes[step]?.(round);
    if (step === 6) {
      // What was added works.
      const { item } = await router.control.tcp.get(`n${round}`);
      await echoOnce(item.listening[0]?.port ?? 0);
      assert.equal((await ask(context, ports.http, { host: `n${round}.test` })).status, 200);
    }
    if (count % 25 === 0) for (const one of long) await one.move();
    assert.deepEqual(crowd.failures, []);
  }
  await crowd.end();
  await wentWell(crowd, long);
  const { routes, tcp } = await router.control.status();
  assert.deepEqual({ routes, tcp }, { routes: 2, tcp: 2 });
});

test('Nobody notices 100 reloads of a file that changes everything', async (context) => {
  const origin = await startWitnessOrigin(context);
  const started = await startFromFile(context, reloadedWith(origin, 99));
  const { router, write, ports } = started;
  const long = await openAll(context, started, origin);
  const crowd = new Crowd(context, ports);
  crowd.begin();
  for (let round = 0; round < 100; round++) {
    write(reloadedWith(origin, round));
    const { changes } = await router.reload();
    assert.ok(changes.length > 5);
    assert.equal((await ask(context, ports.http, { host: `r${round}.test` })).status, 200);
    const addresses = router.addresses();
    await echoOnce(addresses[`tcp:t${round % 5}`]?.port ?? 0);
    assert.equal((await ask(context, addresses[`extra-${round % 3}`]?.port ?? 0)).status, 200);
    assert.equal(addresses[`extra-${(round + 1) % 3}`], undefined);
    for (const one of long) await one.move();
    assert.deepEqual(crowd.failures, []);
  }
  await crowd.end();
  await wentWell(crowd, long);
  const { http, https, 'tcp:echo': tcp } = router.addresses();
  assert.deepEqual({ http: http?.port, https: https?.port, tcp: tcp?.port }, ports);
});

test('A reload with an error changes nothing, whatever part it is in', async (context) => {
  const origin = await startWitnessOrigin(context);
  const good = reloadedWith(origin, 1);
  const started = await startFromFile(context, good);
  const { router, write, ports } = started;
  const long = await openAll(context, started, origin);
  const crowd = new Crowd(context, ports);
  crowd.begin();
  const holder = await startRaw(context, (socket) => socket.destroy());
  const held = { address: '127.0.0.1', port: holder.port };
  const next = reloadedWith(origin, 2);
  const { web = {}, tcp = [] } = next;
  const entry = { address: '127.0.0.1', fromPort: holder.port, toPort: 1 };
  const broken: [RegExp, IDcRouterOptions][] = [
    [/vHost/, { ...next, web: { ...web, routes: [routeTo([], { vHost: '*bad' })] } }],
    [
      /this process listens there already/,
      { ...next, web: { ...web, entrypoints: { ...web.entrypoints, held } } },
    ],
    [
      /this process listens there already/,
      { ...next, tcp: [...[tcp].flat(), { ...entry, id: 'held' }] },
    ],
    [/has this id/, { ...next, tcp: [...[tcp].flat(), { ...entry, id: 'echo' }] }],
    [
      /nobody/,
      {
        ...next,
        tcp: [...[tcp].flat(), { id: 'x', fromPort: 0, toPort: 1, access: { allow: ['@nobody'] } }],
      },
    ],
    [/addresses/, { ...next, access: { lists: { office: { addresses: ['10.0.0.300'] } } } }],
    [/requests/, { ...next, limits: { some: { requests: -1 } } }],
    [
      /certificates/,
      { ...next, certificates: [{ domain: 'other.test', ...certificateOf('rsa') }] },
    ],
  ];
  const before = await stateOf(router);
  for (const [reason, options] of broken) {
    write(options);
    await assert.rejects(router.reload(), (error: DcError) => {
      assert.match(`${error.message} ${JSON.stringify(error.problems)}`, reason);
      return true;
    });
    assert.deepEqual(await stateOf(router), before);
    for (const one of long) await one.move();
  }
  write(next);
  await router.reload();
  assert.notDeepEqual(await stateOf(router), before);
  await crowd.end();
  await wentWell(crowd, long);
});

/** The configuration in effect, with its secrets, and where it listens. */
async function stateOf(router: DcRouter): Promise<unknown> {
  let text = '';
  const { configuration } = router.control;
  for await (const piece of configuration.export({ format: 'json', secrets: true })) text += piece;
  return { text, addresses: router.addresses() };
}

test('A removed entry drains: what is open goes on until the deadline', async (context) => {
  const origin = await startWitnessOrigin(context);
  const base = baseOf(origin);
  const started = await startFromFile(context, { ...base, drainTimeoutMs: 500 });
  const { router, write, ports } = started;
  const extra = { id: 'extra', address: '127.0.0.1', fromPort: 0, toPort: origin.echoPort };
  const { item } = await router.control.tcp.add(extra);
  const { port } = item.listening[0] ?? assert.fail();
  const others = await openAll(context, started, origin);
  const [ends, overstays] = [
    await TcpClient.open(context, port),
    await TcpClient.open(context, port),
  ];
  await router.control.tcp.remove('extra');
  const removedAt = performance.now();
  assert.equal(await TcpClient.dial(context, port).closed(), 'ECONNREFUSED');
  ends.socket.end('to the end');
  assert.equal(await ends.end(), 'to the end');
  assert.equal(await ends.closed(), '');
  overstays.socket.write('still here');
  await overstays.until('still here');
  await overstays.closed();
  const drainedMs = performance.now() - removedAt;
  assert.ok(drainedMs > 450 && drainedMs < 5000, `${drainedMs} ms`);

  // Of the web plane: an idle connection is closed, a request in flight ends.
  const idle = await Client.open(context, ports.http);
  assert.equal((await idle.ask()).status, 200);
  const [download] = [await openDownload(ports.http, origin)];
  const { https = loopback } = base.web?.entrypoints ?? {};
  write({ ...base, drainTimeoutMs: 5000, web: { ...base.web, entrypoints: { https } } });
  await router.reload();
  await idle.closed;
  assert.equal(await TcpClient.dial(context, ports.http).closed(), 'ECONNREFUSED');
  await download.move();
  await download.end();
  for (const one of others) {
    await one.move();
    await one.end();
  }
});

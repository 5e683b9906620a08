import assert from 'node:assert/strict';
import type { Socket } from 'node:dgram';
import { once } from 'node:events';
import { describe, type TestContext, test } from 'node:test';
import type { IDcRouterOptions, TPortProxyInput } from '../ts_interfaces/index.ts';
import { certificateOf } from './fixtures/control-plane.ts';
import { Daemon } from './suites/daemon.ts';
import { ask as askUdp, echo as echoUdp, udpSocket } from './suites/udp.ts';
import { ask, Client, closedPort, routeTo, startRaw } from './suites/web.ts';
import {
  Crowd,
  echoOnce,
  type IWitnessOrigin,
  openDownload,
  openSession,
  openWebSocket,
  startWitnessOrigin,
} from './suites/witnesses.ts';

/** A daemon's file, with ports that nobody has. */
async function optionsOf(
  { backend, echoPort }: IWitnessOrigin,
  ports: { http: number; https: number; tcp: number },
  more: IDcRouterOptions = {},
): Promise<IDcRouterOptions> {
  const address = '127.0.0.1';
  return {
    log: { format: 'json', level: 'info' },
    drainTimeoutMs: 10_000,
    certificates: [{ domain: '*.example.test', ...certificateOf('wildcard') }],
    web: {
      accessLog: { enabled: false },
      entrypoints: {
        http: { address, port: ports.http },
        https: { address, port: ports.https, tls: true },
      },
      routes: [routeTo([backend]), routeTo([backend], { id: 'tls', vHost: 'a.example.test' })],
    },
    tcp: { id: 'echo', address, fromPort: ports.tcp, toPort: echoPort },
    ...more,
  };
}

async function start(context: TestContext, more: IDcRouterOptions = {}) {
  const origin = await startWitnessOrigin(context);
  const ports = {
    http: await closedPort(),
    https: await closedPort(),
    tcp: await closedPort(),
  };
  const options = await optionsOf(origin, ports, { api: { port: await closedPort() }, ...more });
  const daemon = await Daemon.start(context, options);
  // Connections that stay open are closed by whoever leaves: that is no failure, so there are none.
  const crowd = new Crowd(context, ports, { pauseMs: 5, keeps: false });
  return { origin, ports, options, daemon, crowd };
}

/** Waits until a crowd has done something more. */
async function goesOn(daemon: Daemon, crowd: Crowd, times = 20): Promise<void> {
  const goal = crowd.served + times;
  await daemon.when(() => crowd.served >= goal || crowd.failures.length > 0, 'the crowd');
  assert.deepEqual(crowd.failures, []);
}

describe('reload --binary', { concurrency: 3 }, () => {
  for (const workers of [0, 2]) {
    test(`a new process takes over, with ${workers} workers: nobody is refused`, async (context) => {
      const { origin, ports, daemon, crowd } = await start(context, { workers });
      crowd.begin();
      const long = [
        await openWebSocket(context, ports.http),
        await openSession(context, ports.tcp),
        await openDownload(ports.http, origin),
      ];
      const late = routeTo([origin.backend], { id: 'late', vHost: 'late.test' });
      assert.equal((await daemon.api('POST', '/routes', late)).status, 201);
      await goesOn(daemon, crowd);

      const begun = await daemon.api('POST', '/reload', { binary: true });
      assert.equal(begun.status, 202, JSON.stringify(begun.body));
      const { pid = 0 } = begun.body;
      assert.notEqual(pid, daemon.child.pid);
      await daemon.said('handover.done');
      await daemon.when(() => daemon.note()?.pid === pid, 'the note of the new process');
      const { status, body } = await daemon.api('GET', '/status');
      assert.equal(status, 200);
      assert.equal(body.ready, true);
      assert.equal(body.workers?.length, workers);
      assert.deepEqual(body.problems, []);
      // What the API brought is there; the old process drains.
      assert.equal((await ask(context, ports.http, { host: 'late.test' })).status, 200);
      assert.equal((await daemon.api('DELETE', '/routes/late')).status, 204);
      assert.equal((await ask(context, ports.http, { host: 'late.test' })).status, 404);
      await goesOn(daemon, crowd);
      assert.equal(daemon.child.exitCode, null);
      for (const one of long) await one.move();
      for (const one of long) await one.end();
      assert.equal(await daemon.ended, 0);
      await goesOn(daemon, crowd);
      await crowd.end();
      assert.deepEqual(crowd.failures, []);
      assert.equal(daemon.pids().length, 1 + workers);

      // And again, from the one that took over.
      crowd.begin();
      const again = await daemon.api('POST', '/reload', { binary: true });
      assert.equal(again.status, 202, JSON.stringify(again.body));
      await daemon.when(() => daemon.note()?.pid === again.body.pid, 'the third process');
      await daemon.when(() => !daemon.pids().includes(pid), 'the end of the second');
      await goesOn(daemon, crowd);
      await crowd.end();
      assert.deepEqual(crowd.failures, []);
    });
  }

  test('what overstays is cut off at the deadline, and the old process ends well', async (context) => {
    const { ports, daemon } = await start(context, { drainTimeoutMs: 300 });
    const session = await openSession(context, ports.tcp);
    await session.move();
    const begun = await daemon.api('POST', '/reload', { binary: true });
    assert.equal(begun.status, 202);
    assert.equal(await daemon.ended, 0);
    await assert.rejects(session.move());
    await echoOnce(ports.tcp);
  });

  test('with another number of workers than before', async (context) => {
    const { options, daemon, crowd } = await start(context, { workers: 2, drainTimeoutMs: 2000 });
    crowd.begin();
    for (const workers of [1, 0, 3]) {
      daemon.write({ ...options, workers });
      const { status, body } = await daemon.api('POST', '/reload', { binary: true });
      assert.equal(status, 202, JSON.stringify(body));
      await daemon.when(() => daemon.note()?.pid === body.pid, 'the new process');
      await daemon.when(() => daemon.pids().length === 1 + workers, 'the end of the old one');
      await goesOn(daemon, crowd, 40);
    }
    await crowd.end();
    assert.deepEqual(crowd.failures, []);
  });

  test('ports that the kernel chose are taken over, each by its own', async (context) => {
    const { daemon, origin } = await start(context, {
      tcp: [],
      web: { entrypoints: {} },
    });
    const address = '127.0.0.1';
    const where = async (id: string) =>
      (await daemon.api('GET', `/tcp/${id}`)).body.listening?.[0]?.port ?? 0;
    const entry: TPortProxyInput = { address, fromPort: 0, toPort: origin.echoPort };
    for (const id of ['one', 'two']) {
      const added = await daemon.api('POST', '/tcp', { ...entry, id });
      assert.equal(added.status, 201, JSON.stringify(added.body));
    }
    const banner = await startRaw(context, (socket) => socket.end('banner'));
    const changed = await daemon.api('PATCH', '/tcp/two', { toPort: banner.port });
    assert.equal(changed.status, 200, JSON.stringify(changed.body));
    const begun = await daemon.api('POST', '/reload', { binary: true });
    assert.equal(begun.status, 202);
    assert.equal(await daemon.ended, 0);
    await daemon.when(() => daemon.note()?.pid === begun.body.pid, 'the new process');
    const ports = [await where('one'), await where('two')];
    assert.notEqual(ports[0], ports[1]);
    await echoOnce(ports[0] ?? 0);
    const client = await Client.open(context, ports[1] ?? 0);
    assert.equal(await client.bytes(6), 'banner');
  });

  test('UDP entries are served on while the old process drains', async (context) => {
    const { port } = await echoUdp(context);
    const udp = await closedPort();
    const entry: TPortProxyInput = {
      ...{ id: 'udp', protocol: 'udp', address: '127.0.0.1', fromPort: udp, toPort: port },
    };
    const { daemon, ports } = await start(context, { tcp: entry, drainTimeoutMs: 3000 });
    const old = await udpSocket(context);
    assert.equal(String((await askUdp(old, udp, 'x'))[0]), 'a:x');
    const webSocket = await openWebSocket(context, ports.http);
    const begun = await daemon.api('POST', '/reload', { binary: true });
    assert.equal(begun.status, 202);
    await daemon.said('handover.done');
    for (let count = 0; count < 20; count++) {
      const client = await udpSocket(context);
      assert.equal(await insist(client, udp, `${count}`), `a:${count}`);
    }
    await webSocket.end();
    assert.equal(await daemon.ended, 0);
    assert.equal(await insist(old, udp, 'y'), 'a:y');
  });

  /** Asks until there is an answer, as clients of UDP do: the old process drops what comes anew. */
  async function insist(client: Socket, port: number, text: string): Promise<string> {
    const answer = once(client, 'message');
    const again = setInterval(() => client.send(text, port, '127.0.0.1'), 50);
    client.send(text, port, '127.0.0.1');
    try {
      return String((await answer)[0]);
    } finally {
      clearInterval(again);
    }
  }

  const broken: {
    why: string;
    change: (options: IDcRouterOptions) => IDcRouterOptions | string;
  }[] = [
    { why: 'is no JSON', change: () => '{ "web": ' },
    { why: 'has an unknown option', change: (options) => ({ ...options, wrong: 1 }) as object },
    {
      why: 'has a route that is not right',
      change: ({ web, ...options }) => {
        return { ...options, web: { ...web, routes: [{ id: 'bad', vHost: '*bad' }] } };
      },
    },
    {
      why: 'has a TCP entry that is not right',
      change: (options) => ({ ...options, tcp: { id: 'echo', fromPort: 70_000, toPort: 1 } }),
    },
  ];

  for (const workers of [0, 2]) {
    test(`a broken file is refused, with ${workers} workers, and the old one goes on`, async (context) => {
      const { ports, options, daemon, crowd } = await start(context, { workers });
      crowd.begin();
      const webSocket = await openWebSocket(context, ports.http);
      for (const { why, change } of broken.slice(0, workers === 0 ? 4 : 1)) {
        daemon.write(change(options));
        const { status, body } = await daemon.api('POST', '/reload', { binary: true });
        assert.equal(status, 422, `${why}: ${JSON.stringify(body)}`);
        assert.ok(body.problems?.length, why);
        await webSocket.move();
        assert.equal((await daemon.api('GET', '/status')).body.ready, true);
        await goesOn(daemon, crowd, 5);
      }
      await daemon.when(() => daemon.pids().length === 1 + workers, 'the end of the others');
      // It is as able as before.
      daemon.write(options);
      const begun = await daemon.api('POST', '/reload', { binary: true });
      assert.equal(begun.status, 202, JSON.stringify(begun.body));
      await webSocket.end();
      assert.equal(await daemon.ended, 0);
      await goesOn(daemon, crowd, 5);
      await crowd.end();
      assert.deepEqual(crowd.failures, []);
    });

    test(`who cannot bind gives up, with ${workers} workers, and the old one goes on`, async (context) => {
      const { origin, ports, options, daemon, crowd } = await start(context, { workers });
      const holder = await startRaw(context, (socket) => socket.destroy());
      crowd.begin();
      const long = [
        await openWebSocket(context, ports.http),
        await openSession(context, ports.tcp),
      ];
      const { web = {}, tcp = [] } = options;
      const { port } = holder;
      const entrypoints = { ...web.entrypoints, held: { address: '127.0.0.1', port } };
      const entry = { id: 'held', address: '127.0.0.1', fromPort: port, toPort: 1 };
      const failed = () => daemon.lines.filter((line) => line.includes('handover.failed'));
      for (const [index, more] of [
        { web: { ...web, entrypoints } },
        { tcp: [...[tcp].flat(), entry] },
      ].entries()) {
        daemon.write({ ...options, ...more });
        const { status } = await daemon.api('POST', '/reload', { binary: true });
        assert.equal(status, 202);
        await daemon.when(() => failed().length > index, 'the failure');
        await daemon.when(() => daemon.note()?.pid === daemon.child.pid, 'the old one');
        assert.match(failed()[index] ?? '', new RegExp(`${port}.*listens there already`));
      }
      const late = routeTo([origin.backend], { id: 'late', vHost: 'late.test' });
      assert.equal((await daemon.api('POST', '/routes', late)).status, 201);
      assert.equal((await ask(context, ports.http, { host: 'late.test' })).status, 200);
      await daemon.when(() => daemon.pids().length === 1 + workers, 'the end of the new one');
      await goesOn(daemon, crowd);
      for (const one of long) await one.move();

      daemon.write(options);
      assert.equal((await daemon.api('POST', '/reload')).status, 200);
      const again = await daemon.api('POST', '/reload', { binary: true });
      assert.equal(again.status, 202);
      for (const one of long) await one.end();
      assert.equal(await daemon.ended, 0);
      await goesOn(daemon, crowd);
      await crowd.end();
      assert.deepEqual(crowd.failures, []);
      assert.equal((await ask(context, ports.http, { host: 'late.test' })).status, 200);
    });
  }

  test('a new process that is killed while it takes over: the old one goes on', async (context) => {
    const { ports, options, daemon, crowd } = await start(context);
    crowd.begin();
    const { status, body } = await daemon.api('POST', '/reload', { binary: true });
    assert.equal(status, 202);
    process.kill(body.pid ?? 0, 'SIGKILL');
    await daemon.said('handover.failed');
    await daemon.when(() => daemon.note()?.pid === daemon.child.pid, 'the old one');
    daemon.write({ ...options, drainTimeoutMs: 4000 });
    assert.equal((await daemon.api('POST', '/reload')).status, 200);
    await goesOn(daemon, crowd);
    await crowd.end();
    assert.deepEqual(crowd.failures, []);
    await echoOnce(ports.tcp);
    assert.equal(daemon.child.exitCode, null);
  });

  test('of two at once, one is refused', async (context) => {
    const { ports, daemon } = await start(context);
    const answers = await Promise.all([
      daemon.api('POST', '/reload', { binary: true }),
      daemon.api('POST', '/reload', { binary: true }),
    ]);
    const statuses = answers.map(({ status }) => status).sort();
    assert.deepEqual(statuses, [202, 409]);
    assert.equal(await daemon.ended, 0);
    await daemon.when(() => daemon.note() !== null, 'the new process');
    assert.deepEqual(daemon.pids(), [daemon.note()?.pid]);
    await echoOnce(ports.tcp);
  });
});

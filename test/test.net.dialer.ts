import assert from 'node:assert/strict';
import { once } from 'node:events';
import net from 'node:net';
import { type TestContext, test } from 'node:test';
import { Worker } from 'node:worker_threads';
import { ManualClock } from '../ts/core/manual-clock.ts';
import { Dialer, type IDialPlace, type IDialRoute } from '../ts/net/dialer.ts';
import { socketOf } from '../ts/net/plain-wire.ts';
import { startServer } from './suites/tcp.ts';
import { closedPort } from './suites/web.ts';

/** A port whose connects stay without an answer: its queue is full, and nobody takes from it. */
async function silentPort(context: TestContext): Promise<number> {
  const code = `
    const { parentPort } = require('node:worker_threads');
    const server = require('node:net').createServer();
    server.listen({ host: '127.0.0.1', port: 0, backlog: 1 }, () => {
      parentPort.postMessage(server.address().port);
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
    });`;
  const worker = new Worker(code, { eval: true });
  context.after(() => worker.terminate());
  const [port] = (await once(worker, 'message')) as [number];
  for (;;) {
    const socket = net.connect({ host: '127.0.0.1', port });
    context.after(() => socket.destroy());
    socket.on('error', () => undefined);
    const isTaken = await new Promise((resolve) => {
      socket.once('connect', () => resolve(true));
      setTimeout(() => resolve(false), 50);
    });
    if (!isTaken) return port;
  }
}

/** A route over given ports of 127.0.0.1, and what it was told. */
function routeOver(ports: readonly number[], error: Error | null = null) {
  const clock = new ManualClock();
  const told: string[] = [];
  const route: IDialRoute = {
    clock,
    port: 1,
    look: (then) => {
      const places = ports.map((port) => ({ address: '127.0.0.1', port }));
      then(error, places);
      return () => undefined;
    },
    settled: ({ port }: IDialPlace, failure) => {
      told.push(`${port} ${failure === null ? 'ok' : (failure as NodeJS.ErrnoException).code}`);
    },
  };
  return { route, clock, told };
}

function dial(context: TestContext, route: IDialRoute): Promise<string> {
  return new Promise((resolve) => {
    const dialer = new Dialer(route, (error, handle) => {
      if (handle === null) return resolve((error as NodeJS.ErrnoException).code ?? 'no code');
      const socket = socketOf(handle, null);
      context.after(() => socket.destroy());
      resolve(`to ${socket.remotePort}`);
    });
    dialer.start();
  });
}

test('Dialer: a place that refuses is passed over at once', async (t) => {
  const { port } = await startServer(t);
  const closed = await closedPort();
  const { route, told, clock } = routeOver([closed, port]);
  assert.equal(await dial(t, route), `to ${port}`);
  assert.deepEqual(told, [`${closed} ECONNREFUSED`, `${port} ok`]);
  assert.equal(clock.timerCount, 0);
});

test('Dialer: a place that is silent does not hold up the next one, and counts as late', async (t) => {
  const { port } = await startServer(t);
  const silent = await silentPort(t);
  const { route, told, clock } = routeOver([silent, port, 1]);
  const connected = dial(t, route);
  clock.advance(249);
  assert.deepEqual(told, []);
  clock.advance(1);
  assert.equal(await connected, `to ${port}`);
  assert.deepEqual(told, [`${port} ok`, `${silent} ETIMEDOUT`]);
  assert.equal(clock.timerCount, 0);
});

test('Dialer: all refuse, there is nothing, or the name is unknown', async (t) => {
  const closed = await closedPort();
  assert.equal(await dial(t, routeOver([closed, 0, closed]).route), 'ECONNREFUSED');
  assert.equal(await dial(t, routeOver([]).route), 'no code');
  const unknown = Object.assign(new Error('unknown'), { code: 'ENOTFOUND' });
  assert.equal(await dial(t, routeOver([], unknown).route), 'ENOTFOUND');
});

test('Dialer: that we cannot reach a network says less than that a backend refuses', async (t) => {
  const closed = await closedPort();
  const { route } = routeOver([]);
  const places = [
    { address: '127.0.0.1', port: closed },
    // A broadcast address, which no TCP goes to.
    { address: '255.255.255.255', port: 9 },
  ];
  for (const order of [places, [...places].reverse()]) {
    const look: IDialRoute['look'] = (then) => {
      then(null, order);
      return () => undefined;
    };
    assert.equal(await dial(t, { ...route, look }), 'ECONNREFUSED');
  }
});

test('Dialer: cancel() closes what is under way, and says which place took long', async (t) => {
  const silent = await silentPort(t);
  const { route, told, clock } = routeOver([silent, silent]);
  const early = new Dialer(route, () => assert.fail('done'));
  early.start();
  early.cancel();
  early.cancel();
  assert.deepEqual([told, clock.timerCount], [[], 0]);
  const late = new Dialer(route, () => assert.fail('done'));
  late.start();
  clock.advance(300);
  late.cancel();
  assert.deepEqual([told, clock.timerCount], [[`${silent} ETIMEDOUT`], 0]);
  const never = new Dialer({ ...route, look: () => assert.fail('looked up') }, () =>
    assert.fail('done'),
  );
  never.cancel();
  never.start();
});

import assert from 'node:assert/strict';
import { once } from 'node:events';
import net from 'node:net';
import { test } from 'node:test';
import { Client, nextEvent, routeTo, startOrigin, startRaw } from './suites/web.ts';
import { clientOfEach, startPool } from './suites/workers.ts';

const upgrade = { Connection: 'Upgrade', Upgrade: 'websocket' };

test('WorkerPool: a worker that is killed is replaced, and nobody else notices', async (context) => {
  const origin = await startOrigin(context, 'one');
  const echo = await startRaw(context, (socket) => {
    socket.once('data', () => {
      socket.write(
        'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n',
      );
      socket.pipe(socket);
    });
  });
  const lines: string[] = [];
  const logger = {
    error: (event: string) => lines.push(event),
    warn: () => undefined,
    info: () => undefined,
    debug: () => undefined,
    enabled: (level: string) => level === 'error',
  };
  const { pool, proxy, bus, port } = await startPool(context, {
    routes: [
      routeTo([origin.backend], { reqActiveLength: 2 }),
      routeTo([echo.backend], { id: 'ws', vHost: 'ws.test' }),
    ],
    logger,
  });
  const clients = await clientOfEach(context, pool, port);
  const [dying, living] = clients;
  if (dying === undefined || living === undefined) throw new Error('There are two');
  await dying.ask();
  living.send({ host: 'ws.test', headers: upgrade });
  assert.equal((await living.reply()).status, 101);
  await pool.drainStats();
  const before = pool.workers();
  const requests = proxy.tracker.total.snapshot(performance.now()).requests;

  const exited = nextEvent(bus, 'worker.exited');
  const restarted = nextEvent(bus, 'worker.started');
  process.kill(before[0]?.pid ?? 0, 'SIGKILL');
  // Connections of the next moments, also those that the kernel gives to the one that is gone.
  let [connects, served] = [0, 0];
  let isBack = false;
  restarted.then(
    () => {
      isBack = true;
    },
    () => undefined,
  );
  const replies: Promise<void>[] = [];
  while (!isBack) {
    const socket = net.connect(port, '127.0.0.1');
    context.after(() => socket.destroy());
    await once(socket, 'connect');
    connects++;
    const reply = new Client(socket).ask().then(({ status }) => {
      assert.equal(status, 200);
      served++;
      socket.destroy();
    });
    replies.push(reply);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  await Promise.all(replies);
  assert.ok(connects > 5);
  assert.equal(served, connects);

  const { worker, pid, reason, restartInMs } = await exited;
  assert.deepEqual([worker, pid, reason], [1, before[0]?.pid, 'SIGKILL']);
  assert.equal(restartInMs, 100);
  assert.ok(lines.includes('worker.exited'));
  await dying.closed;
  living.socket.write('still here');
  assert.equal(await living.bytes(10), 'still here');

  const [first, second] = pool.workers();
  assert.deepEqual([first?.restarts, second?.restarts], [1, 0]);
  assert.equal(first?.state, 'serving');
  assert.notEqual(first?.pid, before[0]?.pid);
  assert.equal(second?.pid, before[1]?.pid);
  await pool.drainStats();
  const after = proxy.tracker.total.snapshot(performance.now());
  assert.equal(after.requests, requests + served, 'what the old one did stays counted');
  assert.equal(after.active, 0);
  assert.equal(proxy.connectionStats().tunnels, 1);

  // The new one takes part in changes and limits.
  proxy.router.addRoute(routeTo([origin.backend], { id: 'b', vHost: 'b.test' }));
  await pool.flush();
  for (const client of await clientOfEach(context, pool, port)) {
    assert.equal((await client.ask({ host: 'b.test' })).status, 200);
    assert.equal((await client.ask()).status, 200);
  }
});

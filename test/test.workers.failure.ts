import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { silentLogger } from '../ts/core/logger.ts';
import { ManualClock } from '../ts/core/manual-clock.ts';
import { SharedPorts } from '../ts/net/ports.ts';
import { PortBook } from '../ts/proxy/workers/index.ts';
import { Restarts } from '../ts/proxy/workers/restarts.ts';
import { ask, closedPort, nextEvent, routeTo, startOrigin } from './suites/web.ts';
import { clientOfEach, startPool } from './suites/workers.ts';

test('WorkerPool: a worker that does not answer is ended and replaced; signals are for main', async (context) => {
  const clock = new ManualClock();
  const origin = await startOrigin(context, 'one');
  const { pool, bus, port } = await startPool(context, {
    clock,
    routes: [routeTo([origin.backend])],
  });
  const [first, second] = pool.workers();
  const pids = [first?.pid ?? 0, second?.pid ?? 0] as const;
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) {
    for (const pid of pids) process.kill(pid, signal);
  }
  await pool.drainStats();
  assert.deepEqual(
    pool.workers().map(({ pid }) => pid),
    pids,
  );
  const exited = nextEvent(bus, 'worker.exited');
  process.kill(pids[0], 'SIGSTOP');
  // Ten seconds, in which the other one answers.
  for (let count = 0; count < 5; count++) {
    clock.advance(2500);
    assert.equal(await pool.close('w2-none'), false);
  }
  const { worker, reason } = await exited;
  assert.deepEqual([worker, reason], [1, 'SIGKILL']);
  assert.equal(pool.workers()[0]?.state, 'waiting');
  const restarted = nextEvent(bus, 'worker.started');
  clock.advance(100);
  assert.equal((await restarted).worker, 1);
  assert.equal(pool.workers()[1]?.pid, pids[1]);
  for (const client of await clientOfEach(context, pool, port)) {
    assert.equal((await client.ask()).status, 200);
  }
});

test('WorkerPool: a worker that ends while others still begin is replaced', async (context) => {
  const others: number[] = [];
  let first: number | null = null;
  const logger = {
    ...silentLogger,
    info: (event: string, _message: string, data?: Record<string, unknown>) => {
      if (event !== 'worker.started' || first !== null) return;
      first = Number(data?.pid);
      const children = readFileSync(`/proc/${process.pid}/task/${process.pid}/children`, 'utf8');
      others.push(
        ...children
          .trim()
          .split(' ')
          .map(Number)
          .filter((pid) => pid !== first),
      );
      for (const pid of others) process.kill(pid, 'SIGSTOP');
      process.kill(first, 'SIGKILL');
    },
    error: (event: string) => {
      if (event === 'worker.exited') for (const pid of others) process.kill(pid, 'SIGCONT');
    },
  };
  const origin = await startOrigin(context, 'one');
  const { pool, port } = await startPool(context, { logger, routes: [routeTo([origin.backend])] });
  for (const client of await clientOfEach(context, pool, port)) {
    assert.equal((await client.ask()).status, 200);
  }
  assert.deepEqual(
    pool
      .workers()
      .map(({ restarts }) => restarts)
      .sort(),
    [0, 1],
  );
});

test('WorkerPool: connections() does not wait for a worker that does not answer', async (context) => {
  const clock = new ManualClock();
  const { pool, port } = await startPool(context, { clock });
  await clientOfEach(context, pool, port);
  const pid = pool.workers()[0]?.pid ?? 0;
  process.kill(pid, 'SIGSTOP');
  const listing = pool.connections();
  // The other one answers before its time is over.
  await pool.close('w2-none');
  clock.advance(3000);
  const listed = await listing;
  // It has to answer when all of them stop.
  process.kill(pid, 'SIGCONT');
  assert.deepEqual(
    listed.map(({ worker }) => worker),
    [2],
  );
});

test('WorkerPool: start() says why no worker can begin, and leaves none behind', async (context) => {
  // The worker gets no handle, so it cannot have the port.
  const book = new PortBook(0, new SharedPorts(() => 0));
  const begun = performance.now();
  await assert.rejects(startPool(context, { workers: 2, book }), (error: Error) => {
    assert.equal((error as { code?: string }).code, 'WORKER_FAILED');
    assert.match(error.message, /Worker 2 cannot start: Cannot listen on "127\.0\.0\.1:\d+"/);
    return true;
  });
  assert.ok(performance.now() - begun < 10_000);
});

test('WorkerPool: clients of a worker that is away for long are served by the others', async (context) => {
  const clock = new ManualClock();
  const origin = await startOrigin(context, 'one');
  const { pool, bus, port, configure } = await startPool(context, {
    clock,
    routes: [routeTo([origin.backend])],
  });
  // Each time a little later; it is not even given the time to begin.
  for (const pauseMs of [100, 200, 400, 800, 1600]) {
    const exited = nextEvent(bus, 'worker.exited');
    process.kill(pool.workers()[0]?.pid ?? 0, 'SIGKILL');
    assert.equal((await exited).restartInMs, pauseMs);
    if (pauseMs < 1600) clock.advance(pauseMs);
  }
  const served = async (at: number): Promise<void> => {
    for (let count = 0; count < 12; count++) {
      assert.equal((await ask(context, at)).status, 200);
    }
  };
  await served(port);
  assert.equal(pool.workers()[0]?.state, 'waiting');
  // Also at a port that opens meanwhile.
  const entrypoints = {
    http: { address: '127.0.0.1', port: 0 },
    more: { address: '127.0.0.1', port: await closedPort() },
  };
  await configure({ entrypoints });
  await pool.flush();
  await served(entrypoints.more.port);
  const restarted = nextEvent(bus, 'worker.started');
  clock.advance(1600);
  await restarted;
  for (const at of [port, entrypoints.more.port]) {
    for (const client of await clientOfEach(context, pool, at)) {
      assert.equal((await client.ask()).status, 200);
    }
  }
});

test('Restarts: the pause doubles up to 30 s, and begins anew after a minute of life', () => {
  const clock = new ManualClock();
  const restarts = new Restarts(clock);
  let runs = 0;
  const schedule = (livedMs: number) => restarts.schedule(1, livedMs, () => runs++);
  const pauses = Array.from({ length: 11 }, () => schedule(1000));
  assert.deepEqual(pauses, [100, 200, 400, 800, 1600, 3200, 6400, 12800, 25600, 30000, 30000]);
  assert.equal(
    restarts.schedule(2, 1000, () => runs++),
    100,
  );
  clock.advance(100);
  assert.equal(runs, 1, 'only the last one of a worker counts');
  assert.equal(schedule(60_000), 100);
  clock.advance(99);
  assert.equal(runs, 1);
  clock.advance(1);
  assert.equal(runs, 2);
  schedule(0);
  restarts.cancel();
  clock.advance(60_000);
  assert.equal(runs, 2);
});

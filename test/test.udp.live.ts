import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import type { DcError } from '../ts/core/errors.ts';
import { ManualClock } from '../ts/core/manual-clock.ts';
import { ask, askText, echo, udpEntry, udpForwarder, udpSocket, until } from './suites/udp.ts';

test('UdpForwarder: open sessions keep their backend when the entry changes, new ones follow it', async (t) => {
  const [before, after] = [await echo(t, 'before'), await echo(t, 'after')];
  const { set, stats } = udpForwarder(t);
  const port = await set({ toPort: before.port });
  const [old, fresh] = [await udpSocket(t), await udpSocket(t)];
  assert.equal(await askText(old, port, '1'), 'before:1');
  assert.equal(await set({ toPort: after.port }), port, 'the free port is kept');
  assert.equal(await askText(old, port, '2'), 'before:2');
  assert.equal(await askText(fresh, port, '3'), 'after:3');
  assert.deepEqual([stats().open, stats().total], [2, 2]);
});

test('UdpForwarder: a thousand changes of an entry lose no datagram of a session', async (t) => {
  const backend = await echo(t);
  const { set, udp } = udpForwarder(t);
  const port = await set({ toPort: backend.port });
  const client = await udpSocket(t);
  for (let count = 0; count < 1000; count++) {
    await set({ toPort: backend.port, udp: { idleMs: 60_000 + count } });
    if (count % 10 === 0) assert.equal(await askText(client, port, `${count}`), `a:${count}`);
  }
  assert.equal([...udp.connections()].length, 1);
  assert.equal(udp.info('udp-1')?.stats.total, 1);
});

test('UdpForwarder: a removed entry takes no new clients; its sessions live until the deadline', async (t) => {
  const clock = new ManualClock();
  const backend = await echo(t);
  const { set, udp } = udpForwarder(t, { clock });
  const port = await set({ toPort: backend.port });
  const [old, fresh] = [await udpSocket(t), await udpSocket(t)];
  await askText(old, port, '1');
  udp.drainTimeoutMs = 5000;
  udp.remove('udp-1');
  assert.equal(udp.info('udp-1'), undefined);
  fresh.send('dropped', port);
  assert.equal(await askText(old, port, '2'), 'a:2');
  assert.equal(backend.seen.length, 2);
  clock.advance(4999);
  assert.equal([...udp.connections()].length, 1);
  clock.advance(1);
  assert.equal([...udp.connections()].length, 0);
  assert.deepEqual([udp.stats().open, udp.stats().total, udp.stats().bytesIn], [0, 1, 2]);
  await udpSocket(t, '127.0.0.1', port);
});

test('UdpForwarder: a removed entry without sessions frees its port at once', async (t) => {
  const { set, udp } = udpForwarder(t);
  const port = await set({ toPort: 9 });
  udp.remove('udp-1');
  await udpSocket(t, '127.0.0.1', port);
});

test('UdpForwarder: a port goes from one entry to another while its sessions go on', async (t) => {
  const [one, two] = [await echo(t, 'one'), await echo(t, 'two')];
  const { set, udp, stats } = udpForwarder(t);
  const spare = await udpSocket(t);
  const { port } = spare.address();
  await new Promise<void>((done) => spare.close(done));
  await set({ id: 'first', fromPort: port, toPort: one.port });
  const [old, fresh] = [await udpSocket(t), await udpSocket(t)];
  await askText(old, port, '1');
  const second = await udp.prepare(udpEntry({ id: 'second', fromPort: port, toPort: two.port }));
  assert.equal(await askText(old, port, '2'), 'one:2');
  udp.apply(second);
  udp.remove('first');
  assert.equal(await askText(fresh, port, '3'), 'two:3');
  assert.equal(await askText(old, port, '4'), 'one:4');
  assert.equal(stats('second').open, 1);
});

test('UdpForwarder ends idle sessions, and traffic either way keeps them', async (t) => {
  const clock = new ManualClock();
  const backend = await udpSocket(t);
  const { set, udp } = udpForwarder(t, { clock });
  const port = await set({ toPort: backend.address().port, udp: { idleMs: 4000 } });
  const client = await udpSocket(t);
  client.send('x', port);
  const [, from] = await once(backend, 'message');
  clock.advance(3500);
  const answer = once(client, 'message');
  backend.send('from the backend', from.port, from.address);
  await answer;
  clock.advance(3500);
  assert.equal([...udp.connections()].length, 1);
  clock.advance(1500);
  assert.equal([...udp.connections()].length, 0);
  client.send('y', port);
  const [, later] = await once(backend, 'message');
  assert.notEqual(later.port, from.port, 'a new session');
});

test('UdpForwarder: nothing ticks while there are no sessions', async (t) => {
  const clock = new ManualClock();
  const backend = await echo(t);
  const { set } = udpForwarder(t, { clock });
  const port = await set({ toPort: backend.port, udp: { idleMs: 1000 } });
  assert.equal(clock.timerCount, 0);
  const clients = [await udpSocket(t), await udpSocket(t)];
  for (const client of clients) await askText(client, port, 'x');
  assert.equal(clock.timerCount, 1, 'one timer for all');
  clock.advance(2000);
  assert.equal(clock.timerCount, 0);
});

test('UdpForwarder lists sessions, and closes one', async (t) => {
  const backend = await echo(t);
  const { set, udp, bus, stats } = udpForwarder(t);
  const events: string[] = [];
  bus.on('connection.open', ({ entrypoint }) => events.push(`open ${entrypoint}`));
  bus.on('connection.close', ({ bytesIn, bytesOut }) => events.push(`${bytesIn} ${bytesOut}`));
  const port = await set({ toPort: backend.port });
  const client = await udpSocket(t);
  await askText(client, port, 'hello');
  const [session] = udp.connections();
  assert.ok(session !== undefined);
  const { openedAt, ageSeconds, idleSeconds, ...info } = session.describe(performance.now());
  assert.deepEqual(info, {
    id: session.id,
    protocol: 'udp',
    client: `127.0.0.1:${client.address().port}`,
    entrypoint: 'udp-1',
    port,
    route: null,
    backend: `127.0.0.1:${backend.port}`,
    serverName: null,
    bytesIn: 5,
    bytesOut: 7,
    worker: null,
  });
  assert.ok(Math.abs(Date.parse(openedAt) - Date.now()) < 5000);
  assert.ok(ageSeconds >= idleSeconds && ageSeconds < 5);
  session.close();
  session.close();
  assert.deepEqual(events, ['open udp-1', '5 7']);
  assert.equal(stats().open, 0);
  assert.equal(await askText(client, port, 'new'), 'a:new');
});

test('UdpForwarder.prepare: a port that is taken is named, and nothing is left open', async (t) => {
  const { udp } = udpForwarder(t);
  const taken = (await udpSocket(t)).address().port;
  const spare = await udpSocket(t);
  const free = spare.address().port;
  await new Promise<void>((done) => spare.close(done));
  const entry = udpEntry({ fromPort: free, globalPortRanges: [taken], toPort: 9 });
  await assert.rejects(udp.prepare(entry), (error: DcError) => {
    assert.equal(error.code, 'LISTEN_FAILED');
    assert.match(error.message, new RegExp(`"127.0.0.1:${taken}" for UDP entry "udp-1": another`));
    return true;
  });
  await udpSocket(t, '127.0.0.1', free);
});

test('UdpForwarder.discard closes what is new and keeps what is served', async (t) => {
  const backend = await echo(t);
  const { set, udp } = udpForwarder(t);
  const port = await set({ toPort: backend.port });
  const spare = await udpSocket(t);
  const free = spare.address().port;
  await new Promise<void>((done) => spare.close(done));
  const entry = udpEntry({ fromPort: 0, globalPortRanges: [free], toPort: 9 });
  await udp.discard(await udp.prepare(entry));
  await udpSocket(t, '127.0.0.1', free);
  assert.equal(await askText(await udpSocket(t), port, 'x'), 'a:x');
});

test('UdpForwarder: a switched off entry listens nowhere', async (t) => {
  const { set, udp } = udpForwarder(t);
  assert.equal(await set({ enabled: false, toPort: 9 }), 0);
  assert.deepEqual(udp.info('udp-1')?.listening, []);
  assert.equal(udp.info('udp-1')?.forwardedBy, 'none');
});

test('UdpForwarder.stop: clients that come while others are drained are served', async (t) => {
  const clock = new ManualClock();
  const backend = await echo(t);
  const { set, udp } = udpForwarder(t, { clock });
  const port = await set({ toPort: backend.port });
  await askText(await udpSocket(t), port, 'first');
  const stopped = udp.stop(3000);
  clock.advance(500);
  // With several processes the kernel still sends some of them here.
  assert.equal(await askText(await udpSocket(t), port, 'late'), 'a:late');
  for (let count = 0; count < 4; count++) clock.advance(500);
  assert.equal(await stopped, true);
  assert.equal([...udp.connections()].length, 0);
});

test('UdpForwarder.stop waits for sessions until they are quiet, or until the deadline', async (t) => {
  const clock = new ManualClock();
  const backend = await echo(t);
  for (const [isQuiet, isDrained] of [
    [true, true],
    [false, false],
  ] as const) {
    const { set, udp } = udpForwarder(t, { clock });
    const port = await set({ toPort: backend.port });
    const client = await udpSocket(t);
    await askText(client, port, 'x');
    const stopped = udp.stop(3000);
    for (let count = 0; count < 6; count++) {
      clock.advance(500);
      if (isQuiet) continue;
      // The session is gone after the last one.
      if (count < 5) await ask(client, port, 'still talking');
    }
    assert.equal(await stopped, isDrained);
    assert.equal([...udp.connections()].length, 0);
  }
});

test('UdpForwarder: several processes share a port by reusePort; the one that only checks finds holders', async (t) => {
  const backend = await echo(t);
  const workers = { reusePort: true, isAlone: () => false };
  const one = udpForwarder(t, workers);
  const two = udpForwarder(t, workers);
  const port = await one.set({ toPort: backend.port });
  await two.set({ fromPort: port, toPort: backend.port });
  for (let count = 0; count < 40; count++) {
    assert.equal(await askText(await udpSocket(t), port, 'x'), 'a:x');
  }
  const total = one.stats().total + two.stats().total;
  assert.equal(total, 40);
  assert.ok(one.stats().total > 0 && two.stats().total > 0);

  const main = udpForwarder(t, { reusePort: true, serves: false });
  const free = await main.set({ id: 'new', toPort: backend.port });
  assert.deepEqual(main.udp.info('new')?.listening, [{ address: '127.0.0.1', port: free }]);
  await udpSocket(t, '127.0.0.1', free);
  const foreign = (await udpSocket(t)).address().port;
  await assert.rejects(main.set({ id: 'taken', fromPort: foreign, toPort: 9 }), /another program/);
});

test('UdpForwarder: a port that workers still drain can be had again, one of others cannot', async (t) => {
  const clock = new ManualClock();
  const backend = await echo(t);
  const worker = udpForwarder(t, { clock, reusePort: true, isAlone: () => false });
  const main = udpForwarder(t, { clock, reusePort: true, serves: false });
  const port = await main.set({ toPort: backend.port });
  const entry = { fromPort: port, toPort: backend.port };
  await worker.set(entry);
  const [old, fresh] = [await udpSocket(t), await udpSocket(t)];
  assert.equal(await askText(old, port, '1'), 'a:1');
  for (const { udp } of [main, worker]) {
    udp.drainTimeoutMs = 5000;
    udp.remove('udp-1');
  }
  await main.set({ id: 'again', ...entry });
  await worker.set({ id: 'again', ...entry });
  assert.equal(await askText(old, port, '2'), 'a:2', 'the session goes on');
  assert.equal(await askText(fresh, port, '3'), 'a:3', 'the new entry has the port');

  for (const { udp } of [main, worker]) udp.remove('again');
  clock.advance(60_000);
  await udpSocket(t, '127.0.0.1', port);
  await assert.rejects(main.set({ id: 'late', ...entry }), /another program/);
});

test('UdpForwarder survives a flood of clients beyond its limits', async (t) => {
  const backend = await echo(t);
  const { set, stats, udp } = udpForwarder(t);
  const port = await set({ toPort: backend.port, udp: { sessionsMax: 50 } });
  const clients = await Promise.all(Array.from({ length: 120 }, () => udpSocket(t)));
  for (const client of clients) client.send('flood', port);
  await until(() => stats().total + stats().refused >= 120);
  assert.equal(stats().open, 50);
  assert.equal(stats().refused, 70);
  await until(() => backend.seen.length === 50);
  assert.equal([...udp.connections()].length, 50);
});

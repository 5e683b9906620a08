import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';
import { ManualClock } from '../ts/core/manual-clock.ts';
import { LocalLimiters } from '../ts/net/limiters.ts';
import { askText, echo, udpForwarder, udpSocket, until } from './suites/udp.ts';

test('UdpForwarder drops further clients above sessionsMax, counts them and says so once a second', async (t) => {
  const clock = new ManualClock();
  const backend = await echo(t);
  const { set, stats, logged } = udpForwarder(t, { clock });
  const port = await set({ toPort: backend.port, udp: { sessionsMax: 2, idleMs: 5000 } });
  const [one, two, three] = [await udpSocket(t), await udpSocket(t), await udpSocket(t)];
  await askText(one, port, '1');
  await askText(two, port, '2');
  for (let count = 0; count < 5; count++) three.send('3', port);
  await until(() => stats().refused === 5);
  assert.deepEqual(
    logged.map(({ event, data }) => [event, data?.dropped]),
    [['udp.full', 1]],
  );
  clock.advance(1000);
  three.send('3', port);
  await until(() => stats().refused === 6);
  assert.deepEqual(logged.at(-1)?.data?.dropped, 5, 'with those that were not told of');
  assert.equal(await askText(one, port, 'still there'), 'a:still there');

  clock.advance(4500);
  assert.equal(stats().open, 1, 'the idle one is over');
  assert.equal(await askText(three, port, '3'), 'a:3');
});

test('UdpForwarder limits the sessions of one client address', async (t) => {
  const backend = await echo(t);
  const { set, stats } = udpForwarder(t);
  const port = await set({ toPort: backend.port, udp: { sessionsPerClientMax: 1 } });
  const [one, two] = [await udpSocket(t), await udpSocket(t)];
  const other = await udpSocket(t, '127.0.0.9');
  await askText(one, port, '1');
  two.send('2', port);
  assert.equal(await askText(other, port, '3'), 'a:3');
  assert.deepEqual([stats().open, stats().refused], [2, 1]);
});

test('UdpForwarder asks the access rules, whose lists may change', async (t) => {
  const backend = await echo(t);
  const { set, stats, lists } = udpForwarder(t);
  lists.set('bad', ['127.0.0.9']);
  const access = { allow: ['127.0.0.0/8'], deny: ['@bad'] };
  const port = await set({ toPort: backend.port, access });
  const good = await udpSocket(t);
  const bad = await udpSocket(t, '127.0.0.9');
  bad.send('x', port);
  assert.equal(await askText(good, port, 'x'), 'a:x');
  assert.deepEqual([stats().open, stats().refused], [1, 1]);
  lists.set('bad', []);
  assert.equal(await askText(bad, port, 'now'), 'a:now');
});

test('UdpForwarder limits how many sessions a client begins', async (t) => {
  const clock = new ManualClock();
  const backend = await echo(t);
  const { set, stats } = udpForwarder(t, { clock });
  const connectionRate = { connections: 2, windowSeconds: 10 };
  const port = await set({ toPort: backend.port, connectionRate });
  const clients = [await udpSocket(t), await udpSocket(t), await udpSocket(t)] as const;
  await askText(clients[0], port, '1');
  await askText(clients[1], port, '2');
  clients[2].send('3', port);
  await until(() => stats().refused === 1);
  assert.equal(await askText(clients[0], port, 'goes on'), 'a:goes on');
});

test('UdpForwarder waits for an answer of limits that live in another process', async (t) => {
  const backend = await echo(t);
  const asked: ((entered: boolean) => void)[] = [];
  let left = 0;
  const limiters = new LocalLimiters();
  const remote = {
    rateLimiter: limiters.rateLimiter.bind(limiters),
    connectionCounter: () => ({
      keys: 0,
      enter: (_key: string, _max: number, answer: (entered: boolean) => void) => {
        asked.push(answer);
        return null;
      },
      leave: () => {
        left++;
      },
    }),
  };
  const { set, stats, udp } = udpForwarder(t, { limiters: remote });
  const port = await set({ toPort: backend.port, udp: { sessionsMax: 10 } });
  const [one, two, three] = [await udpSocket(t), await udpSocket(t), await udpSocket(t)];
  one.send('1', port);
  await until(() => asked.length === 1);
  asked[0]?.(true);
  assert.equal(String((await once(one, 'message'))[0]), 'a:1');

  two.send('2', port);
  await until(() => asked.length === 2);
  asked[1]?.(false);
  await until(() => stats().refused === 1);
  assert.equal(stats().bytesIn, 1, 'what a refused client sent does not count');

  three.send('3', port);
  await until(() => asked.length === 3);
  for (const session of udp.connections()) session.close();
  const before = left;
  asked[2]?.(true);
  assert.ok(left > before, 'a place for a session that is over is given back');
  assert.deepEqual([stats().open, stats().total], [0, 1]);
});

test('UdpForwarder lives through used up descriptors and recovers', async () => {
  const script = new URL('./fixtures/udp-shortage.ts', import.meta.url).pathname;
  const child = spawn('sh', ['-c', 'ulimit -n 60 && exec "$0" "$@"', process.execPath, script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let output = '';
  child.stdout.on('data', (text: Buffer) => {
    output += text.toString();
  });
  assert.deepEqual(await once(child, 'close'), [0, null]);
  assert.deepEqual(JSON.parse(output), {
    lost: true,
    toldOnce: true,
    deadBackends: 0,
    answered: 'a:again',
    openSessionsGoOn: true,
  });
});

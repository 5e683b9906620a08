import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { networkInterfaces } from 'node:os';
import { test } from 'node:test';
import { FakeResolver, namesOf } from './suites/names.ts';
import { ask, askText, echo, udpForwarder, udpSocket, until } from './suites/udp.ts';

const hasIpv6 = Object.values(networkInterfaces()).some((list) =>
  list?.some(({ address }) => address === '::1'),
);

test('UdpForwarder sends datagrams to the backend and answers from the port that was asked', async (t) => {
  const backend = await echo(t);
  const { set, stats } = udpForwarder(t);
  const port = await set({ toPort: backend.port });
  const client = await udpSocket(t);
  const [bytes, from] = await ask(client, port, 'hello');
  assert.equal(bytes.toString(), 'a:hello');
  assert.deepEqual([from.address, from.port], ['127.0.0.1', port]);
  assert.deepEqual(stats(), { open: 1, total: 1, refused: 0, failed: 0, bytesIn: 5, bytesOut: 7 });
});

test('UdpForwarder keeps clients apart: each has a port of its own at the backend', async (t) => {
  const backend = await echo(t);
  const { set, stats } = udpForwarder(t);
  const port = await set({ toPort: backend.port });
  const clients = await Promise.all(Array.from({ length: 20 }, () => udpSocket(t)));
  const answers = await Promise.all(
    clients.map((client, index) => askText(client, port, `client ${index}`)),
  );
  assert.deepEqual(
    answers,
    clients.map((_, index) => `a:client ${index}`),
  );
  assert.equal(new Set(backend.seen.map(([, from]) => from.port)).size, 20);
  for (const client of clients) await askText(client, port, 'again');
  assert.equal(new Set(backend.seen.map(([, from]) => from.port)).size, 20);
  assert.equal(stats().open, 20);
});

test('UdpForwarder keeps datagrams whole: empty ones, and the longest', async (t) => {
  const backend = await udpSocket(t);
  backend.on('message', (bytes, from) => backend.send(bytes, from.port, from.address));
  const { set } = udpForwarder(t);
  const port = await set({ toPort: backend.address().port });
  const client = await udpSocket(t);
  for (const length of [0, 1, 1472, 1473, 65_507, 0]) {
    const bytes = randomBytes(length);
    const [answer] = await ask(client, port, bytes);
    assert.equal(answer.length, length);
    assert.ok(answer.equals(bytes));
  }
});

test('UdpForwarder passes on what the backend sends by itself', async (t) => {
  const backend = await udpSocket(t);
  const { set } = udpForwarder(t);
  const port = await set({ toPort: backend.address().port });
  const client = await udpSocket(t);
  client.send('subscribe', port);
  const [, from] = await once(backend, 'message');
  for (const text of ['one', 'two', 'three']) {
    const arrival = once(client, 'message');
    backend.send(text, from.port, from.address);
    assert.equal(String((await arrival)[0]), text);
  }
});

test('UdpForwarder takes nothing from strangers who send to the port of a session', async (t) => {
  const backend = await echo(t);
  const { set, stats } = udpForwarder(t);
  const port = await set({ toPort: backend.port });
  const client = await udpSocket(t);
  await ask(client, port, 'x');
  const sessionPort = backend.seen[0]?.[1].port as number;
  const stranger = await udpSocket(t);
  stranger.send('spoofed', sessionPort, '127.0.0.1');
  assert.equal(await askText(client, port, 'y'), 'a:y');
  assert.equal(stats().bytesOut, 6);
});

test('UdpForwarder serves IPv6, and both families where it is bound to every address', {
  skip: !hasIpv6 && 'the machine has no ::1',
}, async (t) => {
  const backend6 = await echo(t, 'six', '::1');
  const backend4 = await echo(t, 'four');
  const { set, udp } = udpForwarder(t);
  const only6 = await set({ id: 'v6', address: '::1', toPort: `[::1]:${backend6.port}` });
  const both = await set({ id: 'both', address: undefined, toPort: backend4.port });
  const client6 = await udpSocket(t, '::1');
  const client4 = await udpSocket(t);
  assert.equal(await askText(client6, only6, 'a', '::1'), 'six:a');
  assert.equal(await askText(client6, both, 'b', '::1'), 'four:b');
  assert.equal(await askText(client4, both, 'c'), 'four:c');
  const clients = [...udp.connections()].map((session) => session.describe(0).client);
  const port4 = client4.address().port;
  const port6 = client6.address().port;
  assert.deepEqual(clients, [`[::1]:${port6}`, `[::1]:${port6}`, `127.0.0.1:${port4}`]);
});

test('UdpForwarder maps ports and ranges, and goes to the port that the client came to', async (t) => {
  const { set, udp } = udpForwarder(t);
  const first = await echo(t, 'first');
  const second = await echo(t, 'second');
  const target = await echo(t, 'same', '127.0.0.2');
  // A range of ports that are free at the moment: each is tried by binding it.
  const ports: number[] = [target.port];
  for (const _ of [1, 2]) {
    const socket = await udpSocket(t);
    ports.push(socket.address().port);
    await new Promise<void>((done) => socket.close(done));
  }
  const [same, one, two] = ports as [number, number, number];
  await set({
    globalPortRanges: ports,
    toPort: { [same]: '127.0.0.2', [one]: first.port, [two]: [second.port] },
  });
  const client = await udpSocket(t);
  assert.equal(await askText(client, same, 'x'), 'same:x');
  assert.equal(await askText(client, one, 'x'), 'first:x');
  assert.equal(await askText(client, two, 'x'), 'second:x');
  assert.deepEqual(new Set(udp.info('udp-1')?.listening.map(({ port }) => port)), new Set(ports));
});

test('UdpForwarder looks names up, once for all who wait, and keeps what waits in order', async (t) => {
  const backend = await echo(t);
  const answers: (() => void)[] = [];
  const resolver = new FakeResolver();
  resolver.later('db.example', '127.0.0.1', (answer) => answers.push(answer));
  const { set, stats } = udpForwarder(t, { names: namesOf(resolver) });
  const port = await set({ toPort: `db.example:${backend.port}` });
  const clients = [await udpSocket(t), await udpSocket(t)];
  const heard: string[] = [];
  for (const [index, client] of clients.entries()) {
    client.on('message', (bytes) => heard.push(`${index} ${bytes}`));
    for (const text of ['1', '2', '3']) client.send(text, port);
  }
  await until(() => answers.length === 1);
  await until(() => stats().bytesIn === 6);
  answers[0]?.();
  await until(() => heard.length === 6);
  assert.deepEqual(
    heard.filter((line) => line.startsWith('0')),
    ['0 a:1', '0 a:2', '0 a:3'],
  );
  assert.deepEqual(resolver.asked, ['db.example A', 'db.example AAAA']);
});

test('UdpForwarder drops what is too much while a name is looked up', async (t) => {
  const backend = await udpSocket(t);
  let answer: (() => void) | undefined;
  const resolver = new FakeResolver();
  resolver.later('db.example', '127.0.0.1', (give) => {
    answer = give;
  });
  const { set, stats } = udpForwarder(t, { names: namesOf(resolver) });
  const port = await set({ toPort: `db.example:${backend.address().port}` });
  const client = await udpSocket(t);
  for (let count = 0; count < 40; count++) client.send(`${count}`, port);
  await until(() => stats().bytesIn === 70);
  assert.equal(stats().failed, 24, '16 wait');
  const seen: string[] = [];
  backend.on('message', (bytes) => seen.push(bytes.toString()));
  answer?.();
  await until(() => seen.length === 16);
  assert.deepEqual(
    seen,
    Array.from({ length: 16 }, (_, index) => `${index}`),
  );
});

test('UdpForwarder goes to the next backend when a name is unknown, and gives up without one', async (t) => {
  const backend = await echo(t);
  const { set, stats, udp } = udpForwarder(t, { names: namesOf(new FakeResolver()) });
  const port = await set({ toPort: ['gone.example:53', `127.0.0.1:${backend.port}`] });
  const client = await udpSocket(t);
  assert.equal(await askText(client, port, 'x'), 'a:x');
  const [gone] = udp.info('udp-1')?.endpoints ?? [];
  assert.equal(gone?.isDead, true);
  const lost = await set({ id: 'lost', toPort: 'gone.example:53' });
  client.send('x', lost);
  client.send('y', lost);
  await until(() => stats('lost').failed === 2);
  assert.equal(stats('lost').open, 0);
});

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { ManualClock } from '../ts/core/manual-clock.ts';
import {
  askText,
  closeSocket,
  echo,
  udpBackend,
  udpForwarder,
  udpSocket,
  until,
} from './suites/udp.ts';

/** A port that nobody has. */
async function closedPort(t: Parameters<typeof udpSocket>[0]): Promise<number> {
  const socket = await udpSocket(t);
  const { port } = socket.address();
  await new Promise<void>((done) => socket.close(done));
  return port;
}

test('UdpForwarder spreads sessions over the backends, and keeps each at its own', async (t) => {
  const backends = [await echo(t, 'a'), await echo(t, 'b')];
  const { set } = udpForwarder(t);
  const port = await set({ toPort: backends.map((backend) => backend.port) });
  const names: string[] = [];
  for (let count = 0; count < 6; count++) {
    const client = await udpSocket(t);
    const answers = [await askText(client, port, ''), await askText(client, port, '')];
    assert.equal(answers[0], answers[1]);
    names.push(answers[0] as string);
  }
  assert.deepEqual(names.sort(), ['a:', 'a:', 'a:', 'b:', 'b:', 'b:']);
});

test('UdpForwarder: a closed port kills the backend, and its sessions go to another one', async (t) => {
  const [bad, good] = [await closedPort(t), await echo(t, 'good')];
  const { set, udp, bus } = udpForwarder(t);
  const port = await set({
    backends: [udpBackend('bad', bad, { weight: 100 }), udpBackend('good', good.port)],
  });
  const dead: unknown[] = [];
  bus.on('backend.dead', (event) => dead.push(event));
  const client = await udpSocket(t);
  client.send('lost', port);
  await until(() => dead.length === 1);
  assert.deepEqual(dead, [
    { routeId: 'tcp:udp-1', backendId: 'bad', reason: 'ECONNREFUSED', maintenance: false },
  ]);
  assert.equal(await askText(client, port, 'next'), 'good:next');
  const [first, second] = udp.info('udp-1')?.endpoints ?? [];
  assert.deepEqual([first?.active, first?.isDead], [0, true]);
  assert.deepEqual([second?.active, second?.isDead], [1, false]);
});

test('UdpForwarder uses the only backend although it is dead, and finds it at once when it is back', async (t) => {
  const backendPort = await closedPort(t);
  const { set, udp, stats } = udpForwarder(t);
  const port = await set({ toPort: backendPort });
  const client = await udpSocket(t);
  client.send('lost', port);
  await until(() => udp.info('udp-1')?.endpoints[0]?.isDead === true);
  await echo(t, 'back', '127.0.0.1', backendPort);
  assert.equal(await askText(client, port, 'x'), 'back:x');
  const other = await udpSocket(t);
  assert.equal(await askText(other, port, 'x'), 'back:x');
  assert.equal(stats().failed, 1);
});

test('UdpForwarder never uses a backend that was taken out by hand', async (t) => {
  const backend = await echo(t);
  const { set, stats } = udpForwarder(t);
  const out = udpBackend('out', backend.port, { maintenance: true, isDead: true });
  const port = await set({ backends: [out] });
  const client = await udpSocket(t);
  client.send('x', port);
  await until(() => stats().failed === 1);
  assert.equal(backend.seen.length, 0);
  assert.equal(stats().open, 0);
});

test('UdpForwarder does not judge backends at the port that the client came to', async (t) => {
  const { set, udp, stats } = udpForwarder(t);
  const port = await set({ toPort: ['127.0.0.2', '127.0.0.3'] });
  const backend = await echo(t, 'three', '127.0.0.3', port);
  const clients = [await udpSocket(t), await udpSocket(t)];
  for (const client of clients) client.send('x', port);
  await until(() => stats().failed === 1 && backend.seen.length === 1);
  for (const client of clients) assert.equal(await askText(client, port, 'y'), 'three:y');
  assert.deepEqual(
    udp.info('udp-1')?.endpoints.map(({ isDead }) => isDead),
    [false, false],
  );
});

test('UdpForwarder revives a dead backend by UDP probes', async (t) => {
  const clock = new ManualClock();
  const backendPort = await closedPort(t);
  const { set, udp, bus } = udpForwarder(t, { clock });
  const port = await set({ toPort: backendPort, health: { recoveryIntervalMs: 10_000 } });
  const client = await udpSocket(t);
  client.send('lost', port);
  const isDead = () => udp.info('udp-1')?.endpoints[0]?.isDead;
  await until(() => isDead() === true);
  const backend = await udpSocket(t, '127.0.0.1', backendPort);
  let isAlive = false;
  bus.on('backend.alive', () => {
    isAlive = true;
  });
  const probed = once(backend, 'message');
  clock.advance(11_000);
  const [bytes] = await probed;
  assert.equal(bytes.length, 0, 'the probe is an empty datagram');
  assert.equal(isAlive, false, 'silence has to last');
  await until(() => {
    clock.advance(100);
    return isAlive;
  });
  assert.equal(isDead(), false);
});

test('UdpForwarder: a probe of a port that is still closed keeps the backend dead', async (t) => {
  const clock = new ManualClock();
  const { set, udp } = udpForwarder(t, { clock });
  const port = await set({ toPort: await closedPort(t), health: { recoveryIntervalMs: 10_000 } });
  const client = await udpSocket(t);
  client.send('lost', port);
  const first = () => udp.info('udp-1')?.endpoints[0];
  await until(() => first()?.isDead === true);
  clock.advance(11_000);
  await until(() => (first()?.failureCount ?? 0) > 1);
  assert.equal(first()?.isDead, true);
});

test('UdpForwarder: an answer clears the failures of a backend', async (t) => {
  const backend = await echo(t);
  const { set, udp } = udpForwarder(t);
  const port = await set({ toPort: backend.port, health: { failuresMax: 3 } });
  const backendPort = backend.port;
  await new Promise<void>((done) => closeSocket(backend.socket, done));
  const client = await udpSocket(t);
  client.send('lost', port);
  const first = () => udp.info('udp-1')?.endpoints[0];
  await until(() => first()?.failureCount === 1);
  await echo(t, 'back', '127.0.0.1', backendPort);
  assert.equal(await askText(client, port, 'x'), 'back:x');
  assert.deepEqual([first()?.failureCount, first()?.isDead], [0, false]);
});

import assert from 'node:assert/strict';
import dgram from 'node:dgram';
import { once } from 'node:events';
import net from 'node:net';
import { test } from 'node:test';
import { parseTcpEntry } from '../ts/config/parse.ts';
import { Client, closedPort, startRaw } from './suites/web.ts';
import { clientOfEach, startPool } from './suites/workers.ts';

test('WorkerPool: TCP and UDP entries are served by all workers, and change live', async (context) => {
  const echo = await startRaw(context, (socket) => socket.pipe(socket));
  const entry = (port: number, rest: object = {}) =>
    parseTcpEntry({ id: 'echo', address: '127.0.0.1', fromPort: port, toPort: echo.port, ...rest });
  const { pool, tcp, change } = await startPool(context, { tcp: [entry(0)] });
  const [{ port } = { port: 0 }] = tcp.addresses().echo ?? [];
  const clients = await clientOfEach(context, pool, port);
  for (const client of clients) {
    assert.equal(await client.bytes(2), '\r\n');
    client.socket.write('hello');
    assert.equal(await client.bytes(5), 'hello');
  }
  await pool.drainStats();
  const info = tcp.info('echo');
  assert.equal(info?.stats.open, 2);
  assert.ok((info?.stats.total ?? 0) >= 2);
  assert.ok((info?.stats.bytesIn ?? 0) >= 14);
  assert.equal(info?.endpoints[0]?.active, 2);
  assert.equal(tcp.stats().open, 2);

  // Another entry comes and goes; sessions of the first one do not notice.
  const second = parseTcpEntry({
    ...{ id: 'second', address: '127.0.0.1', fromPort: 0, connectionsMax: 1 },
    toPort: echo.port,
  });
  await change({ set: [second], removed: [] });
  const [{ port: secondPort } = { port: 0 }] = tcp.addresses().second ?? [];
  const one = await Client.open(context, secondPort);
  one.socket.write('one');
  assert.equal(await one.bytes(3), 'one');
  for (let count = 0; count < 6; count++) {
    // A reset may come before the client knows that it is connected.
    const refused = new Client(net.connect(secondPort, '127.0.0.1'));
    await refused.closed;
    assert.equal(refused.received, '');
  }
  await change({ set: [], removed: ['second'] });
  one.socket.write('on');
  assert.equal(await one.bytes(2), 'on');
  await assert.rejects(Client.open(context, secondPort), { code: 'ECONNREFUSED' });
  await pool.drainStats();
  assert.equal(tcp.stats().refused, 6);
  assert.equal(tcp.info('second'), undefined);

  // A dead backend is dead for all.
  const dead = parseTcpEntry({
    ...{ id: 'dead', address: '127.0.0.1', fromPort: 0 },
    toPort: [`127.0.0.1:${await closedPort()}`, `127.0.0.1:${echo.port}`],
  });
  await change({ set: [dead], removed: [] });
  const [{ port: deadPort } = { port: 0 }] = tcp.addresses().dead ?? [];
  const alive = await clientOfEach(context, pool, deadPort);
  for (const client of alive) assert.equal(await client.bytes(2), '\r\n');
  await pool.drainStats();
  await pool.flush();
  const [bad, good] = tcp.info('dead')?.endpoints ?? [];
  assert.deepEqual([bad?.isDead, good?.isDead], [true, false]);
  for (const client of await clientOfEach(context, pool, deadPort)) await client.bytes(2);
  for (const client of await clientOfEach(context, pool, deadPort)) await client.bytes(2);
  await pool.drainStats();
  assert.equal(tcp.info('dead')?.endpoints[0]?.connections, bad?.connections);

  // UDP: whichever worker the kernel gives the client to.
  const target = dgram.createSocket('udp4');
  context.after(() => target.close());
  target.on('message', (bytes, from) => target.send(bytes, from.port, from.address));
  target.bind(0, '127.0.0.1');
  await once(target, 'listening');
  const udp = parseTcpEntry({
    ...{ id: 'udp', protocol: 'udp', address: '127.0.0.1', fromPort: 0 },
    toPort: target.address().port,
  });
  await change({ set: [udp], removed: [] });
  const [{ port: udpPort } = { port: 0 }] = tcp.addresses().udp ?? [];
  for (let count = 0; count < 4; count++) {
    const client = dgram.createSocket('udp4');
    context.after(() => client.close());
    const reply = once(client, 'message');
    client.send('ping', udpPort, '127.0.0.1');
    assert.equal(String((await reply)[0]), 'ping');
  }
  await pool.drainStats();
  assert.equal(tcp.info('udp')?.stats.open, 4);
  assert.equal((await pool.connections()).filter(({ protocol }) => protocol === 'udp').length, 4);

  // A port that cannot be had changes nothing.
  const taken = parseTcpEntry({
    id: 'taken',
    address: '127.0.0.1',
    fromPort: echo.port,
    toPort: 1,
  });
  await assert.rejects(change({ set: [taken], removed: ['echo'] }), { code: 'LISTEN_FAILED' });
  for (const client of clients) {
    client.socket.write('still');
    assert.equal(await client.bytes(5), 'still');
  }
});

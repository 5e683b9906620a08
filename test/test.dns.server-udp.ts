import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ManualClock } from '../ts/core/manual-clock.ts';
import { Answerer, type IQueryHandler, streamed, ZoneSet } from '../ts/dns/answer/index.ts';
import { findOption } from '../ts/dns/codec/edns.ts';
import { rcode } from '../ts/dns/codec/types.ts';
import { ResponseRate, UdpServer } from '../ts/dns/server/index.ts';
import { CidrSet } from '../ts/net/cidr.ts';
import { clientSocket, decoded, exchange, plainEdns, queryFor, zoneOf } from './dns/query.ts';

const zone = zoneOf('@ 300 SOA ns h 1 1 1 1 1\n@ 300 NS ns\nns 300 A 192.0.2.1\n');
const query = queryFor('ns.example.org', 'A', { edns: plainEdns });

function answerer(): Answerer {
  const zones = new ZoneSet();
  zones.set(zone);
  return new Answerer(zones);
}

const facts = { rcode: 0, isProven: false, questionEnd: 12, optStart: 12 };

test('garbage gets no answer, and what comes behind it does', async (context) => {
  const server = new UdpServer({ handler: answerer() });
  const { port } = await server.start({ host: '127.0.0.1', port: 0 });
  context.after(() => server.stop());
  const socket = await clientSocket(context);
  const response = Buffer.from(query);
  response[2] = 0x80;
  for (const bytes of ['', 'x', 'eleven byte', response, Buffer.alloc(60_000, 0xff)]) {
    socket.send(bytes, port, '127.0.0.1');
  }
  assert.equal(decoded(await exchange(socket, port, query)).answer.length, 1);
  const { queries, rcodes, dropped } = server.counters.numbers();
  // The empty datagram says nothing at all.
  assert.deepEqual([queries.udp, rcodes, dropped], [5, { NOERROR: 1 }, 4]);
});

test('IPv4 and IPv6 on one socket', async (context) => {
  const server = new UdpServer({ handler: answerer() });
  const { port } = await server.start({ host: undefined, port: 0 });
  context.after(() => server.stop());
  for (const address of ['127.0.0.1', '::1']) {
    const socket = await clientSocket(context, address);
    const cookie = [{ code: 10, data: Buffer.alloc(8) }];
    const asked = queryFor('ns.example.org', 'A', { edns: { ...plainEdns, options: cookie } });
    const answer = decoded(await exchange(socket, port, asked));
    assert.equal(findOption(answer.edns, 10)?.length, 24);
  }
});

test('a port can be shared by those who say so, and by nobody else', async (context) => {
  const servers = [true, true, false].map(
    (reusePort) => new UdpServer({ handler: answerer(), reusePort }),
  );
  context.after(() => {
    for (const server of servers) server.stop();
  });
  const [first, second, third] = servers as [UdpServer, UdpServer, UdpServer];
  const { port } = await first.start({ host: '127.0.0.1', port: 0 });
  assert.equal((await second.start({ host: '127.0.0.1', port })).port, port);
  await assert.rejects(third.start({ host: '127.0.0.1', port }), { code: 'LISTEN_FAILED' });
  const socket = await clientSocket(context);
  assert.equal(decoded(await exchange(socket, port, query)).answer.length, 1);
});

test('above the rate every second answer is truncated, the others are held back', async (context) => {
  const clock = new ManualClock();
  const rate = new ResponseRate({ responsesPerSecond: 4 });
  const server = new UdpServer({ handler: answerer(), rate, clock });
  const { port } = await server.start({ host: '127.0.0.1', port: 0 });
  context.after(() => server.stop());
  const socket = await clientSocket(context);
  for (let count = 0; count < 4; count++) {
    assert.equal(decoded(await exchange(socket, port, query)).truncated, false);
  }
  socket.send(query, port, '127.0.0.1');
  const slipped = decoded(await exchange(socket, port, query));
  assert.deepEqual(
    [slipped.truncated, slipped.answer.length, slipped.question.length],
    [true, 0, 1],
  );
  assert.equal(slipped.edns?.udpSize, 1232);
  const { rateLimited, slipped: slips, truncated } = server.counters;
  assert.deepEqual([rateLimited, slips, truncated], [1, 1, 1]);

  // Another kind of answer has a limit of its own, and so has another second.
  assert.equal(decoded(await exchange(socket, port, queryFor('x.example.org', 'A'))).rcode, 3);
  clock.advance(250);
  assert.equal(decoded(await exchange(socket, port, query)).truncated, false);
});

test('a client with a good cookie has no limit', async (context) => {
  const rate = new ResponseRate({ responsesPerSecond: 2, slip: 1 });
  const server = new UdpServer({ handler: answerer(), rate, clock: new ManualClock() });
  const { port } = await server.start({ host: '127.0.0.1', port: 0 });
  context.after(() => server.stop());
  const socket = await clientSocket(context);
  const ask = async (data: Buffer) => {
    const edns = { ...plainEdns, options: [{ code: 10, data }] };
    return decoded(await exchange(socket, port, queryFor('ns.example.org', 'A', { edns })));
  };
  const cookie = findOption((await ask(Buffer.alloc(8))).edns, 10) as Buffer;
  for (let count = 0; count < 5; count++) assert.equal((await ask(cookie)).truncated, false);
  assert.equal((await ask(Buffer.alloc(8))).truncated, false, 'they took nothing');
  assert.equal((await ask(Buffer.alloc(8))).truncated, true);
});

test('a fault of ours is SERVFAIL, and is told', async (context) => {
  const faults: unknown[] = [];
  const handler: IQueryHandler = {
    reply: facts,
    answer() {
      throw new Error('broken');
    },
    stream: () => assert.fail(),
  };
  const server = new UdpServer({ handler, onFault: (error) => faults.push(error) });
  const { port } = await server.start({ host: '127.0.0.1', port: 0 });
  context.after(() => server.stop());
  const socket = await clientSocket(context);
  assert.equal(decoded(await exchange(socket, port, query)).rcode, rcode.SERVFAIL);
  assert.equal(faults.length, 1);
  assert.deepEqual(server.counters.numbers().rcodes, { SERVFAIL: 1 });
});

test('of many messages the first one is sent', async (context) => {
  const handler: IQueryHandler = {
    reply: facts,
    answer: () => streamed,
    async *stream(bytes) {
      yield bytes;
      yield assert.fail();
    },
  };
  const server = new UdpServer({ handler });
  const { port } = await server.start({ host: '127.0.0.1', port: 0 });
  context.after(() => server.stop());
  const socket = await clientSocket(context);
  assert.deepEqual(await exchange(socket, port, query), query);
});

test('a server that was stopped answers no more, and its port is free', async (context) => {
  const server = new UdpServer({ handler: answerer() });
  const { port } = await server.start({ host: '127.0.0.1', port: 0 });
  server.stop();
  server.stop();
  const other = new UdpServer({ handler: answerer() });
  context.after(() => other.stop());
  assert.equal((await other.start({ host: '127.0.0.1', port })).port, port);
});

const clients = [
  { one: '192.0.2.1', other: '192.0.2.255', alike: true },
  { one: '192.0.2.1', other: '192.0.3.1', alike: false },
  { one: '::ffff:192.0.2.1', other: '192.0.2.9', alike: true },
  { one: '2001:db8:0:1::1', other: '2001:db8:0:ff::2', alike: true },
  { one: '2001:db8:0:1::1', other: '2001:db8:0:100::1', alike: false },
];
for (const { one, other, alike } of clients) {
  test(`the rate of ${one} and ${other} is ${alike ? 'the same' : 'their own'}`, () => {
    const rate = new ResponseRate({ responsesPerSecond: 1, slip: 0 });
    assert.equal(rate.take(one, 0, 0), 'send');
    assert.equal(rate.take(other, 0, 0), alike ? 'drop' : 'send');
    assert.equal(rate.take(other, 0, 2000), 'send');
  });
}

test('a flood from many networks neither grows the table nor stops exempt clients', () => {
  const exempt = new CidrSet(['198.51.100.0/24']);
  const rate = new ResponseRate({ responsesPerSecond: 2, slip: 0, entriesMax: 16, exempt });
  let sent = 0;
  for (let index = 0; index < 4000; index++) {
    const address = `10.${index >>> 8}.${index & 255}.1`;
    for (const _ of [1, 2, 3]) if (rate.take(address, 0, 1) === 'send') sent++;
  }
  assert.equal(sent, 8000);
  for (let index = 0; index < 10; index++) assert.equal(rate.take('198.51.100.7', 0, 1), 'send');
});

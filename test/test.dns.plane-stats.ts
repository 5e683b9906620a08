import assert from 'node:assert/strict';
import type { Socket } from 'node:dgram';
import { test } from 'node:test';
import { ManualClock } from '../ts/core/manual-clock.ts';
import { findOption } from '../ts/dns/codec/edns.ts';
import { DnsCounters, TopNames } from '../ts/dns/server/index.ts';
import { MemoryStore } from '../ts/storage/memory-store.ts';
import { onLoopback, planeOf, upstreamOf } from './dns/plane.ts';
import { clientSocket, decoded, exchange, plainEdns, queryFor } from './dns/query.ts';

async function ask(socket: Socket, port: number, name: string, type = 'A') {
  return decoded(await exchange(socket, port, queryFor(name, type, { edns: plainEdns })));
}

test('stats(): what was asked and answered, zones and records, queries a second', async (context) => {
  const clock = new ManualClock();
  const specialCounts = () => ({
    transfers: { out: 3, in: 2, failed: 1 },
    updates: { applied: 5, refused: 4 },
  });
  const { plane, book, use, port } = await planeOf(context, { clock, specialCounts });
  const { recordCount } = book.set('example.org', 'www 60 A 192.0.2.1');
  book.serve('late.org', null);
  await use({ listeners: onLoopback });
  const socket = await clientSocket(context);
  await plane.stats();
  for (let count = 0; count < 10; count++) await ask(socket, port(), 'www.example.org');
  await ask(socket, port(), 'www.late.org', 'AAAA');
  await ask(socket, port(), 'www.example.com', 'TYPE65400');
  socket.send('x', port(), '127.0.0.1');
  await ask(socket, port(), 'none.example.org', 'MX');
  clock.advance(500);
  const stats = await plane.stats();
  assert.deepEqual(stats.queries, { udp: 14, tcp: 0, tls: 0, https: 0 });
  assert.deepEqual(stats.types, { A: 10, AAAA: 1, MX: 1, TYPE65400: 1 });
  assert.deepEqual(stats.rcodes, { NOERROR: 10, SERVFAIL: 1, NXDOMAIN: 1, REFUSED: 1 });
  assert.deepEqual([stats.dropped, stats.zones, stats.records], [1, 2, recordCount]);
  assert.equal(stats.queriesPerSecond, 28);
  assert.deepEqual(stats.transfers, { out: 3, in: 2, failed: 1 });
  assert.deepEqual(stats.updates, { applied: 5, refused: 4 });
});

test('stats(): the cache of the resolver; a miss counts once', async (context) => {
  const upstream = await upstreamOf(context, 'www.test. 60 A 198.51.100.1');
  const { plane, use, port } = await planeOf(context);
  const resolver = { servers: [upstream.server], clients: ['127.0.0.1'] };
  await use({ listeners: onLoopback, resolver });
  const socket = await clientSocket(context);
  const query = queryFor('www.test', 'A', { recursionDesired: true });
  for (let count = 0; count < 4; count++) await exchange(socket, port(), query);
  const { entries, hits, misses, hitRate } = (await plane.stats()).cache;
  assert.deepEqual([entries, hits, misses, hitRate], [1, 3, 1, 0.75]);
});

test('TopNames: the names that are asked for most, within a bound', () => {
  const counters = new DnsCounters(new TopNames(1));
  for (let round = 0; round < 3000; round++) {
    for (const name of ['often.test', round % 3 === 0 ? 'SOMETIMES.test' : `n${round}.test`]) {
      counters.askedIn(queryFor(name, 'A'));
    }
  }
  const [first, second] = counters.top.entries();
  assert.deepEqual(first, ['\x05often\x04test\0', 3000]);
  assert.equal(second?.[0], '\x09sometimes\x04test\0');
  assert.ok((second?.[1] ?? 0) >= 1000);
  assert.equal(counters.top.entries().length, 256);
});

test('TopNames: about one of 64 is looked at', () => {
  const top = new TopNames();
  let due = 0;
  for (let count = 0; count < 64_000; count++) if (top.isDue()) due++;
  assert.ok(due > 900 && due < 1100, `${due}`);
});

test('dns.query is told while somebody listens', async (context) => {
  const { book, use, port, bus } = await planeOf(context);
  book.set('example.org', 'www 60 A 192.0.2.1', 'office');
  await use({ listeners: onLoopback, views: [{ name: 'office', clients: ['127.0.0.1'] }] });
  const socket = await clientSocket(context);
  const seen: unknown[] = [];
  const leave = bus.on('dns.query', (payload) => seen.push(payload));
  await ask(socket, port(), 'WWW.example.org');
  await ask(socket, port(), 'x.example.org', 'TXT');
  leave();
  await ask(socket, port(), 'www.example.org');
  const who = { clientIp: '127.0.0.1', transport: 'udp', view: 'office' };
  assert.deepEqual(seen, [
    { name: 'WWW.example.org.', type: 'A', rcode: 'NOERROR', ...who },
    { name: 'x.example.org.', type: 'TXT', rcode: 'NXDOMAIN', ...who },
  ]);
});

test('cookies: the secret is kept, or that of the options', async (context) => {
  const store = new MemoryStore();
  await store.open();
  const cookieOf = async (options = {}) => {
    const { use, port, book } = await planeOf(context, { store, clock: new ManualClock() });
    book.set('example.org', '');
    await use({ listeners: onLoopback, ...options });
    const socket = await clientSocket(context);
    const edns = { ...plainEdns, options: [{ code: 10, data: Buffer.alloc(8) }] };
    const answer = decoded(
      await exchange(socket, port(), queryFor('example.org', 'SOA', { edns })),
    );
    return findOption(answer.edns, 10)?.toString('hex');
  };
  const first = await cookieOf();
  assert.equal(await cookieOf(), first);
  const cookieSecret = '00112233445566778899aabbccddeeff';
  const given = await cookieOf({ cookieSecret });
  assert.notEqual(given, first);
  assert.equal(await cookieOf({ cookieSecret }), given);
  await store.write([{ collection: 'dns-settings', key: 'cookie-secret', value: 'damaged' }]);
  assert.equal((await cookieOf())?.length, 48);
});

test('the rate limit comes, goes and exempts lists', async (context) => {
  const { book, use, port, lists, plane } = await planeOf(context, { clock: new ManualClock() });
  book.set('example.org', 'www 60 A 192.0.2.1');
  lists.set('friends', []);
  const rateLimit = { responsesPerSecond: 1, slip: 1, exempt: ['@friends'] };
  await use({ listeners: onLoopback, rateLimit });
  const socket = await clientSocket(context);
  const isCut = async () => (await ask(socket, port(), 'www.example.org')).truncated;
  assert.deepEqual([await isCut(), await isCut()], [false, true]);
  await use({ listeners: onLoopback, rateLimit, minimalResponses: true });
  assert.equal(await isCut(), true, 'the same limit goes on');
  lists.set('friends', ['127.0.0.0/8']);
  assert.equal(await isCut(), false);
  lists.set('friends', []);
  assert.equal(await isCut(), true);
  await use({ listeners: onLoopback });
  assert.equal(await isCut(), false);
  assert.equal((await plane.stats()).slipped, 3);
});

test('sizes, NSID and minimal answers are those of the options', async (context) => {
  const { book, use, port } = await planeOf(context);
  const lines = Array.from(
    { length: 20 },
    (_, index) => `big 60 TXT ${`${index}`.padEnd(60, 'x')}`,
  );
  book.set('example.org', `@ MX 1 ns\n${lines.join('\n')}`);
  const socket = await clientSocket(context);
  const edns = { ...plainEdns, udpSize: 4096, options: [{ code: 3, data: Buffer.alloc(0) }] };
  const sent = async (name: string, type: string) =>
    decoded(await exchange(socket, port(), queryFor(name, type, { edns })));
  await use({ listeners: onLoopback });
  assert.equal((await sent('big.example.org', 'TXT')).truncated, true);
  const mx = await sent('example.org', 'MX');
  assert.deepEqual([mx.additional.length, findOption(mx.edns, 3)], [1, undefined]);
  await use({ listeners: onLoopback, udpSizeMax: 4096, nsid: 'ns1', minimalResponses: true });
  const whole = await sent('big.example.org', 'TXT');
  assert.deepEqual([whole.truncated, whole.answer.length, whole.edns?.udpSize], [false, 20, 4096]);
  const minimal = await sent('example.org', 'MX');
  assert.deepEqual([minimal.additional.length, `${findOption(minimal.edns, 3)}`], [0, 'ns1']);
});

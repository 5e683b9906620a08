import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import type { ILogger } from '../ts/core/logger.ts';
import { silentLogger } from '../ts/core/logger.ts';
import { parseName } from '../ts/dns/codec/name.ts';
import { recordType } from '../ts/dns/codec/types.ts';
import { DnssecKey, ZoneSigner } from '../ts/dns/dnssec/index.ts';
import type { Zone } from '../ts/dns/zone/zone.ts';
import { singleKey } from './dns/dnssec/signed-zone.ts';
import { loggerOf, onLoopback, planeOf } from './dns/plane.ts';
import { clientSocket, decoded, exchange, plainEdns, queryFor, zoneOf } from './dns/query.ts';

const workers = 2;
const edns = plainEdns;

/** Asks from many ports, so that every thread is asked. */
async function askAll(context: Parameters<typeof clientSocket>[0], port: number, name: string) {
  const answers = new Set<string>();
  for (let count = 0; count < 16; count++) {
    const socket = await clientSocket(context);
    const message = decoded(await exchange(socket, port, queryFor(name, 'A', { edns })));
    answers.add(
      message.answer.map(({ rdata }) => [...rdata].join('.')).join(' ') || `${message.rcode}`,
    );
  }
  return [...answers];
}

function changed(zone: Zone, name: string, address: string): Zone {
  const rdata = Buffer.from(address.split('.').map(Number));
  const owner = parseName(name);
  return zone.replace([{ name: owner, type: recordType.A, ttl: 60, rdatas: [rdata] }]);
}

test('every thread answers, from each change on; zones come, change and go', async (context) => {
  const { plane, book, use, port } = await planeOf(context, { workers });
  let zone = book.set('example.org', 'www 60 A 192.0.2.1');
  await use({ listeners: onLoopback });
  assert.deepEqual(await askAll(context, port(), 'www.example.org'), ['192.0.2.1']);
  // Changes right behind each other: nobody sees any but the last one.
  for (let count = 2; count <= 40; count++) {
    zone = changed(zone, 'www.example.org', `192.0.2.${count}`);
    book.serve('example.org', { zone, signer: null, draws: [] });
  }
  book.set('example.net', 'www 60 A 192.0.2.99');
  await plane.live();
  assert.deepEqual(await askAll(context, port(), 'www.example.org'), ['192.0.2.40']);
  assert.deepEqual(await askAll(context, port(), 'www.example.net'), ['192.0.2.99']);
  book.remove('example.org');
  book.serve('example.net', null);
  await plane.live();
  assert.deepEqual(await askAll(context, port(), 'www.example.org'), ['5']);
  assert.deepEqual(await askAll(context, port(), 'www.example.net'), ['2']);
  const { queries, types, rcodes } = await plane.stats();
  assert.deepEqual([queries.udp, types], [80, { A: 80 }]);
  assert.deepEqual(rcodes, { NOERROR: 48, REFUSED: 16, SERVFAIL: 16 });
});

test('a zone of several megabytes is sent in parts, and what is gone is gone', async (context) => {
  const { plane, book, use, port } = await planeOf(context, { workers: 1 });
  const lines = Array.from(
    { length: 9_000 },
    (_, index) =>
      `n${index} 60 A 10.0.${index >> 8}.${index & 255}\nn${index} 60 TXT ${'x'.repeat(99)}`,
  );
  const zone = book.set('example.org', lines.join('\n'));
  await use({ listeners: onLoopback });
  const socket = await clientSocket(context);
  const ask = async (name: string) =>
    decoded(await exchange(socket, port(), queryFor(name, 'A', { edns })));
  assert.equal((await ask('n8999.example.org')).answer.length, 1);
  const name = parseName('n777.example.org');
  const types = [recordType.A, recordType.TXT];
  const less = zone.replace(types.map((type) => ({ name, type, ttl: 0, rdatas: [] })));
  book.serve('example.org', { zone: less, signer: null, draws: [] });
  await plane.live();
  assert.equal((await ask('n777.example.org')).rcode, 3);
  assert.equal((await ask('n778.example.org')).answer.length, 1);
  assert.equal((await plane.stats()).records, less.recordCount);
});

test('threads sign, and draw', async (context) => {
  const { plane, book, use, port } = await planeOf(context, { workers: 1 });
  const key = DnssecKey.generate(13, 257);
  const keys = singleKey(key, 60);
  const signer = new ZoneSigner(parseName('example.org'), keys);
  const text =
    '@ 300 SOA ns h 1 1 1 1 60\n@ 300 NS ns\nns 60 A 192.0.2.1\nlb 60 A 192.0.2.2\nlb A 192.0.2.3';
  const zone = signer.prepare(zoneOf(text));
  const draw = {
    ...{ name: parseName('lb.example.org'), type: recordType.A },
    ...{ weights: [1, 0], answers: 1, isFailed: false },
  };
  book.serve('example.org', { zone, signer, draws: [draw] });
  await use({ listeners: onLoopback });
  const socket = await clientSocket(context);
  const ask = async (name: string) => {
    const query = queryFor(name, 'A', { edns: { ...edns, do: true } });
    return decoded(await exchange(socket, port(), query)).answer;
  };
  const types = async (name: string) => (await ask(name)).map(({ type }) => type);
  assert.deepEqual(await types('ns.example.org'), [recordType.A, recordType.RRSIG]);
  for (let count = 0; count < 8; count++) {
    const [first, ...rest] = await ask('lb.example.org');
    assert.deepEqual([[...(first?.rdata ?? [])], rest.length], [[192, 0, 2, 2], 1]);
  }
  const tagOf = async () => (await ask('ns.example.org'))[1]?.rdata.readUInt16BE(16);
  const before = await tagOf();
  const next = DnssecKey.generate(13, 257);
  signer.setKeys({ ...keys, published: [next], zone: [next], entry: [next] });
  book.serve('example.org', { zone: signer.prepare(zone), signer, draws: [draw] });
  await plane.live();
  assert.notEqual(await tagOf(), before, 'the new key signs');
});

test('a thread that dies comes back with all that is in force', async (context) => {
  const exited = Promise.withResolvers<void>();
  const restarted = Promise.withResolvers<void>();
  let starts = 0;
  const logger: ILogger = {
    ...silentLogger,
    info: (event) => {
      if (event === 'dns.threadStarted' && ++starts === 2) restarted.resolve();
    },
    error: (event) => {
      if (event === 'dns.threadExited') exited.resolve();
    },
  };
  const { plane, book, use, port } = await planeOf(context, { workers: 1, logger });
  book.set('example.org', 'www 60 A 192.0.2.1');
  await use({ listeners: onLoopback });
  const socket = await clientSocket(context);
  const query = queryFor('www.example.org', 'A', { edns });
  await exchange(socket, port(), query);
  for (const thread of plane.pool?.running() ?? []) thread.kill(new Error('killed'));
  await exited.promise;
  book.set('example.net', 'www 60 A 192.0.2.3');
  await restarted.promise;
  await plane.live();
  assert.equal(decoded(await exchange(socket, port(), query)).answer.length, 1);
  const other = queryFor('www.example.net', 'A', { edns });
  assert.deepEqual(
    [...(decoded(await exchange(socket, port(), other)).answer[0]?.rdata ?? [])],
    [192, 0, 2, 3],
  );
  assert.equal((await plane.stats()).queries.udp >= 2, true);
});

test('what a thread cannot answer goes to the main thread and back', async (context) => {
  const seen: string[] = [];
  const { book, use, port } = await planeOf(context, {
    workers: 1,
    special: (view) => ({
      takes: ({ opcode }) => opcode === 4,
      async *answer({ opcode }, bytes, { address, transport }) {
        seen.push(`${view} ${opcode} ${address} ${transport}`);
        const answer = Buffer.from(bytes);
        answer[2] = (answer[2] as number) | 0x80;
        yield answer;
      },
    }),
  });
  book.set('example.org', '');
  await use({ listeners: onLoopback });
  const socket = await clientSocket(context);
  const notify = queryFor('example.org', 'SOA', { opcode: 4 });
  assert.equal(decoded(await exchange(socket, port(), notify)).response, true);
  assert.deepEqual(seen, ['null 4 127.0.0.1 udp']);
  const update = queryFor('example.org', 'SOA', { opcode: 5 });
  assert.equal(decoded(await exchange(socket, port(), update)).rcode, 5, 'nobody takes it');
});

test('a port that somebody else holds is refused, and nothing is left of it', async (context) => {
  const { plane } = await planeOf(context, { workers: 1 });
  const holder = await clientSocket(context);
  const { port } = holder.address();
  const listeners = { dns: { address: '127.0.0.1', port } };
  await assert.rejects(plane.prepare({ listeners }), { code: 'LISTEN_FAILED' });
  holder.removeAllListeners();
  const message = once(holder, 'message');
  const sender = await clientSocket(context);
  sender.send('mine', port, '127.0.0.1');
  assert.equal(`${(await message)[0]}`, 'mine');
});

test('a zone that no thread can have is SERVFAIL, and others are answered', async (context) => {
  const events: string[] = [];
  const { plane, book, use, port } = await planeOf(context, {
    workers: 1,
    logger: loggerOf(events),
  });
  const zone = book.set('example.net', 'www 60 A 192.0.2.2');
  const respond = () => assert.fail();
  book.serve('example.net', { zone, signer: { respond, signaturesOf: respond }, draws: [] });
  book.set('example.org', 'www 60 A 192.0.2.1');
  await use({ listeners: onLoopback });
  const socket = await clientSocket(context);
  const rcodeOf = async (name: string) =>
    decoded(await exchange(socket, port(), queryFor(name, 'A', { edns }))).rcode;
  assert.deepEqual([await rcodeOf('www.example.net'), await rcodeOf('www.example.org')], [2, 0]);
  assert.ok(events.includes('dns.failed'));
  book.serve('example.net', { zone, signer: null, draws: [] });
  await plane.live();
  assert.equal(await rcodeOf('www.example.net'), 0);
});

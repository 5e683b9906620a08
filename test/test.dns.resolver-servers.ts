import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { IMessage } from '../ts/dns/codec/message.ts';
import { responseTo } from '../ts/dns/codec/message.ts';
import {
  authority,
  Internet,
  record,
  recursorIn,
  rootWith,
  settle,
  type TBehaviour,
} from './dns/internet.ts';

const soa = 'example.org. 3600 SOA ns.example.org. x. 1 1800 900 604800 300';
const zone = { 'example.org.': `${soa}\n www.example.org. 300 A 192.0.2.1` };

/** example.org., served at the given number of addresses, from 198.51.100.10 on. */
function servedBy(count: number): Internet {
  const names = Array.from({ length: count }, (_, index) => `ns${index}.example.org.`);
  const lines = names.flatMap((name, index) => [
    `example.org. 86400 NS ${name}`,
    `${name} 86400 A 198.51.100.${10 + index}`,
  ]);
  const internet = rootWith(new Internet(), lines.join('\n'));
  for (let index = 0; index < count; index++) internet.serve(`198.51.100.${10 + index}`, zone);
  return internet;
}

async function resolve(internet: Internet, name = 'www.example.org', parts = recursorIn(internet)) {
  return settle(internet, parts.resolver.resolve(name, 'A'));
}

function queries(internet: Internet, address: string): number {
  return internet.asked(address).length;
}

test('ServerTable: a dead server is left alone while another one answers', async () => {
  const internet = servedBy(2);
  internet.on('198.51.100.10', () => null);
  const parts = recursorIn(internet);
  for (let index = 0; index < 40; index++) {
    const { rcode } = await resolve(internet, `name-${index}.example.org`, parts);
    assert.equal(rcode, 'NXDOMAIN');
  }
  const dead = queries(internet, '198.51.100.10');
  assert.ok(dead >= 1 && dead <= 5, String(dead));
  assert.equal(internet.clock.timerCount, 0);
});

test('ServerTable: a dead server is tried again later', async () => {
  const internet = servedBy(1);
  internet.on('198.51.100.10', () => null);
  const parts = recursorIn(internet);
  const failed = await resolve(internet, 'www.example.org', parts);
  assert.deepEqual([failed.rcode, failed.extendedError?.code], ['SERVFAIL', 22]);
  const tries = queries(internet, '198.51.100.10');
  assert.ok(tries >= 3 && tries <= 8, String(tries));
  internet.serve('198.51.100.10', zone);
  internet.clock.advance(6000);
  assert.equal((await resolve(internet, 'www.example.org', parts)).rcode, 'NOERROR');
});

test('ServerTable: the fast server gets most, the slow one is looked at now and then', async () => {
  const internet = servedBy(2);
  internet.serve('198.51.100.10', zone, 300);
  internet.serve('198.51.100.11', zone, 10);
  const parts = recursorIn(internet);
  for (let index = 0; index < 100; index++) {
    await resolve(internet, `name-${index}.example.org`, parts);
  }
  const slow = queries(internet, '198.51.100.10');
  assert.ok(slow >= 1 && slow <= 15, String(slow));
  internet.serve('198.51.100.10', zone, 10);
  internet.serve('198.51.100.11', zone, 300);
  internet.seen.length = 0;
  for (let index = 100; index < 200; index++) {
    await resolve(internet, `name-${index}.example.org`, parts);
  }
  assert.ok(queries(internet, '198.51.100.10') > 50, 'it got faster, and that was noticed');
});

const lame: [why: string, behaviour: TBehaviour][] = [
  ['refuses', ({ query }) => responseTo(query, 5)],
  ['fails', ({ query }) => responseTo(query, 2)],
  ['says nothing', ({ query }) => responseTo(query, 0)],
  [
    'refers to the root',
    ({ query }) => ({ ...responseTo(query, 0), authority: [record('. 1 NS a.root-servers.net.')] }),
  ],
  [
    'is a cache',
    ({ query }) => ({
      ...responseTo(query, 0),
      recursionAvailable: true,
      answer: [record('www.example.org. 60 A 203.0.113.1')],
    }),
  ],
  ['sends garbage', ({ bytes }) => Buffer.concat([answerHead(bytes), Buffer.from([0xc0, 0xff])])],
];

function answerHead(bytes: Buffer): Buffer {
  const head = Buffer.from(bytes.subarray(0, bytes.length - 11));
  head[2] = 0x84;
  head.writeUInt16BE(1, 6);
  head.writeUInt16BE(0, 10);
  return head;
}

for (const [why, behaviour] of lame) {
  test(`ZoneQuery: a server that ${why} is passed over`, async () => {
    const internet = servedBy(3);
    internet.on('198.51.100.10', behaviour);
    internet.on('198.51.100.11', behaviour);
    const parts = recursorIn(internet);
    const { records } = await resolve(internet, 'www.example.org', parts);
    assert.deepEqual(
      records.map(({ data }) => data),
      ['192.0.2.1'],
    );
    internet.seen.length = 0;
    for (let index = 0; index < 10; index++) {
      await resolve(internet, `name-${index}.example.org`, parts);
    }
    if (why !== 'sends garbage') assert.ok(queries(internet, '198.51.100.12') >= 10);
  });
}

test('ZoneQuery: a server that was lame is asked when no other one is left', async () => {
  const internet = servedBy(1);
  internet.on('198.51.100.10', ({ query }) => responseTo(query, 2));
  const parts = recursorIn(internet);
  assert.equal((await resolve(internet, 'www.example.org', parts)).rcode, 'SERVFAIL');
  internet.serve('198.51.100.10', zone);
  internet.clock.advance(6000);
  assert.equal((await resolve(internet, 'www.example.org', parts)).rcode, 'NOERROR');
});

test('QueryClient: a server without EDNS is asked without it, and remembered', async () => {
  for (const rcode of [1, 4]) {
    const internet = servedBy(1);
    const run = authority(zone);
    internet.on('198.51.100.10', (visit) => {
      return visit.query.edns === null ? run(visit) : responseTo(visit.query, rcode);
    });
    const parts = recursorIn(internet);
    assert.equal((await resolve(internet, 'www.example.org', parts)).records.length, 1);
    internet.seen.length = 0;
    await resolve(internet, 'other.example.org', parts);
    assert.equal(queries(internet, '198.51.100.10'), 1);
  }
});

test('QueryClient: a FORMERR without a question is understood', async () => {
  const internet = servedBy(1);
  const run = authority(zone);
  internet.on('198.51.100.10', (visit) => {
    if (visit.query.edns === null) return run(visit);
    return { ...responseTo(visit.query, 1), question: [] };
  });
  assert.equal((await resolve(internet)).records.length, 1);
});

test('QueryClient: what does not fit into UDP comes by TCP, on one connection', async () => {
  const internet = servedBy(1);
  const many = Array.from({ length: 200 }, (_, index) => `www.example.org. 300 A 192.0.2.${index}`);
  internet.serve('198.51.100.10', { 'example.org.': `${soa}\n${many.join('\n')}` });
  const parts = recursorIn(internet);
  assert.equal((await resolve(internet, 'www.example.org', parts)).records.length, 200);
  parts.cache.flush();
  assert.equal((await resolve(internet, 'www.example.org', parts)).records.length, 200);
  assert.equal(internet.opened, 1);
  internet.clock.advance(10_001);
  assert.equal(internet.openStreams, 0);
});

test('QueryClient: a server that folds the case is asked by TCP, and then as it likes it', async () => {
  const internet = servedBy(1);
  const run = authority(zone);
  internet.on('198.51.100.10', (visit) => {
    const reply = run(visit) as IMessage;
    const [question] = visit.query.question;
    if (question === undefined) return null;
    const name = Buffer.from(question.name.toString('latin1').toLowerCase(), 'latin1');
    return { ...reply, question: [{ ...question, name }] };
  });
  const parts = recursorIn(internet);
  assert.equal((await resolve(internet, 'www.example.org', parts)).records.length, 1);
  assert.equal(internet.seen.filter(({ via }) => via === 'stream').length, 1);
  await resolve(internet, 'other-name.example.org', parts);
  assert.equal(internet.seen.filter(({ via }) => via === 'stream').length, 1);
});

test('QueryClient: a truncated answer without TCP behind it is no answer', async () => {
  const internet = servedBy(1);
  internet.on('198.51.100.10', ({ query, via }) => {
    const truncated = { ...responseTo(query, 0), authoritative: true, truncated: true };
    const answer = [record('www.example.org. 60 A 203.0.113.1')];
    return via === 'udp' ? { ...truncated, answer } : null;
  });
  const { rcode } = await resolve(internet);
  assert.equal(rcode, 'SERVFAIL');
  assert.equal(internet.openStreams, 0);
});

test('Recursor: hints that are outdated do, as long as one server answers', async () => {
  const internet = servedBy(1);
  const hints = [
    ['a.root-servers.net.', '203.0.113.1'],
    ['b.root-servers.net.', '203.0.113.2'],
    ['c.root-servers.net.', '198.51.100.1'],
  ] as const;
  const parts = recursorIn(internet, { mode: { type: 'recurse', hints } });
  assert.equal((await resolve(internet, 'www.example.org', parts)).rcode, 'NOERROR');
});

test('Recursor: a root that does not answer is SERVFAIL, in time, and works again later', async () => {
  const internet = servedBy(1);
  internet.on('198.51.100.1', () => null);
  const parts = recursorIn(internet);
  const startMs = internet.clock.monotonic();
  assert.equal((await resolve(internet, 'www.example.org', parts)).rcode, 'SERVFAIL');
  assert.ok(internet.clock.monotonic() - startMs <= 10_100);
  assert.ok(internet.seen.length < 20);
  const ns = '. 5 NS a.root-servers.net.\n a.root-servers.net. 5 A 198.51.100.1';
  const cut = 'example.org. 5 NS n.example.org.\n n.example.org. 5 A 198.51.100.10';
  internet.serve('198.51.100.1', { '.': `. 5 SOA a. x. 1 1 1 1 1\n ${ns}\n ${cut}` });
  internet.clock.advance(61_000);
  assert.equal((await resolve(internet, 'www.example.org', parts)).rcode, 'NOERROR');
});

import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { ManualClock } from '../ts/core/manual-clock.ts';
import { encodeMessage } from '../ts/dns/codec/encode.ts';
import { type IMessage, responseTo } from '../ts/dns/codec/message.ts';
import { type ITsigKey, signMessage, verifyMessage } from '../ts/dns/codec/tsig.ts';
import { opcode, rcode, recordType } from '../ts/dns/codec/types.ts';
import { NotifySender, TransferCounters } from '../ts/dns/transfer/index.ts';
import type { IZonePeer } from '../ts_interfaces/index.ts';
import { FakeBook } from './dns/fake-book.ts';
import { FakeNetwork, once } from './dns/fake-primary.ts';
import { decoded } from './dns/query.ts';
import {
  byUdp,
  lineOf,
  recordOf,
  smallZone,
  specialQuery,
  specialSetup,
  testKeys,
} from './dns/special.ts';
import { settled } from './dns/stages.ts';

const mover = testKeys.named('mover') as ITsigKey;
const soa = recordOf('example.org. 300 SOA a. b. 42 1 1 1 1');

function notify(more: Partial<IMessage> = {}, type = 'SOA'): Buffer {
  return specialQuery(type, { opcode: opcode.NOTIFY, authoritative: true, ...more });
}

function receiver(primaries: IZonePeer[], notifyFrom?: string[]) {
  const made = specialSetup();
  const options = {
    name: 'example.org',
    primaries,
    ...(notifyFrom === undefined ? {} : { notifyFrom }),
  };
  made.book.put(options, smallZone(7));
  made.book.put({ name: 'own.org' }, smallZone(7, '', 'own.org.'));
  const time = Math.floor(made.clock.now() / 1000);
  const send = async (bytes: Buffer, key: ITsigKey | null = null, client = byUdp) => {
    const query = key === null ? bytes : signMessage(bytes, key, { time }).bytes;
    const [answer, ...others] = await made.send(query, client);
    assert.ok(answer);
    assert.equal(others.length, 0);
    return decoded(answer);
  };
  return { ...made, send };
}

test('a NOTIFY from a primary is answered, and leads to a look', async () => {
  const { send, notified, counters } = receiver([{ address: '192.0.2.7' }]);
  const answer = await send(notify({ answer: [soa] }));
  assert.equal(answer.rcode, rcode.NOERROR);
  assert.equal(answer.opcode, opcode.NOTIFY);
  assert.ok(answer.authoritative);
  await send(notify());
  assert.deepEqual(notified, [
    ['example.org', 42],
    ['example.org', null],
  ]);
  assert.equal(counters.notifiesIn, 2);
});

const strangers = [
  { why: 'another address', primaries: [{ address: '192.0.2.9' }], key: null, code: rcode.REFUSED },
  {
    why: 'no key where the primary has one',
    primaries: [{ address: '192.0.2.7', key: 'mover' }],
    key: null,
    code: rcode.REFUSED,
  },
  {
    why: 'another key than the primary has',
    primaries: [{ address: '192.0.2.7', key: 'big.mover' }],
    key: mover,
    code: rcode.REFUSED,
  },
  {
    why: 'the key of the primary',
    primaries: [{ address: '192.0.2.7', key: 'MOVER.' }],
    key: mover,
    code: rcode.NOERROR,
  },
  {
    why: 'the key of the primary and another address',
    primaries: [{ address: '192.0.2.9', key: 'mover' }],
    key: mover,
    code: rcode.REFUSED,
  },
  {
    why: 'who is named besides',
    primaries: [{ address: '192.0.2.9' }],
    notifyFrom: ['192.0.2.0/28'],
    key: null,
    code: rcode.NOERROR,
  },
  {
    why: 'who is on a list',
    primaries: [{ address: '192.0.2.9' }],
    notifyFrom: ['@friends', 'key:mover'],
    key: mover,
    code: rcode.NOERROR,
  },
];

for (const { why, primaries, notifyFrom, key, code } of strangers) {
  test(`a NOTIFY from ${why} gives rcode ${code}`, async () => {
    const { send, notified } = receiver(primaries, notifyFrom);
    assert.equal((await send(notify(), key)).rcode, code);
    assert.equal(notified.length, code === rcode.NOERROR ? 1 : 0);
  });
}

test('a NOTIFY for what we are no secondary of is NOTAUTH, for another type FORMERR', async () => {
  const { send, notified, counters } = receiver([{ address: '192.0.2.7' }]);
  for (const name of ['own.org', 'example.com', 'www.example.org']) {
    const query = specialQuery('SOA', { opcode: opcode.NOTIFY }, name);
    assert.equal((await send(query)).rcode, rcode.NOTAUTH, name);
  }
  assert.equal((await send(notify({}, 'A'))).rcode, rcode.FORMERR);
  assert.equal((await send(notify({ question: [] }))).rcode, rcode.FORMERR);
  assert.deepEqual(notified, []);
  assert.equal(counters.notifiesRefused, 3);
});

/** A sender for `example.org`, and servers that answer as told. */
function sender(context: TestContext, peers: IZonePeer[]) {
  const clock = new ManualClock();
  const network = new FakeNetwork();
  const book = new FakeBook(clock);
  const counters = new TransferCounters();
  const heard: IMessage[] = [];
  const answering =
    (code: number, change: (bytes: Buffer) => Buffer = (bytes) => bytes) =>
    (bytes: Buffer) => {
      const query = decoded(bytes);
      heard.push(query);
      return once(change(encodeMessage(responseTo(query, code))));
    };
  const silent = (bytes: Buffer) => {
    heard.push(decoded(bytes));
    return null;
  };
  const keeper = new NotifySender({
    book,
    keys: () => testKeys,
    transport: network,
    counters,
    clock,
    random: () => 7,
  });
  context.after(() => keeper.stop());
  book.put({ name: 'example.org', notify: peers }, smallZone(1));
  const serials = () => heard.map(({ answer }) => Number(lineOf(answer[0] as never).split(' ')[5]));
  return { clock, network, book, counters, heard, keeper, answering, silent, serials };
}

test('servers are told at the start and of each change, once', async (context) => {
  const { clock, network, book, heard, keeper, answering, serials, counters } = sender(context, [
    { address: '192.0.2.1' },
  ]);
  network.servers.set('192.0.2.1', answering(rcode.NOERROR));
  keeper.start();
  clock.advance(100);
  await settled(10);
  assert.equal(heard.length, 1);
  const [first] = heard;
  assert.equal(first?.opcode, opcode.NOTIFY);
  assert.ok(first?.authoritative);
  assert.equal(first?.question[0]?.type, recordType.SOA);
  // Several changes at once are one; a change back is none.
  book.serve('example.org', smallZone(2));
  book.serve('example.org', smallZone(3));
  clock.advance(100);
  await settled(10);
  book.serve('example.org', smallZone(3));
  clock.advance(100_000);
  await settled(10);
  assert.deepEqual(serials(), [1, 3]);
  assert.equal(counters.notifiesOut, 2);
  keeper.notify('example.org');
  clock.advance(100);
  await settled(10);
  assert.deepEqual(serials(), [1, 3, 3]);
});

test('a server that does not answer is told five times, with longer and longer pauses', async (context) => {
  const { clock, network, book, heard, keeper, silent, counters } = sender(context, [
    { address: '192.0.2.1' },
  ]);
  network.servers.set('192.0.2.1', silent);
  keeper.start();
  const times: number[] = [];
  for (let ms = 0; ms < 60_000; ms += 100) {
    clock.advance(100);
    await new Promise((done) => setImmediate(done));
    while (times.length < heard.length) times.push(clock.monotonic());
  }
  assert.deepEqual(
    times.map((ms) => Math.round((ms - (times[0] as number)) / 1000)),
    [0, 1, 3, 7, 15],
  );
  assert.match(book.warnings.get('example.org notify') ?? '', /192\.0\.2\.1: no answer/);
  assert.equal(counters.notifiesFailed, 1);
});

test('one NOTIFY at a time goes to a server, and the newest serial comes behind it', async (context) => {
  const { clock, network, book, heard, keeper, silent, answering, serials } = sender(context, [
    { address: '192.0.2.1' },
  ]);
  network.servers.set('192.0.2.1', silent);
  keeper.start();
  clock.advance(100);
  await settled(10);
  for (const serial of [2, 3, 4]) {
    book.serve('example.org', smallZone(serial));
    clock.advance(200);
    await settled(10);
  }
  assert.equal(heard.length, 1);
  network.servers.set('192.0.2.1', answering(rcode.NOERROR));
  clock.advance(1000);
  await settled(10);
  assert.deepEqual(serials(), [1, 1, 4]);
});

test('a server that refuses is not asked again, and told in the status until it agrees', async (context) => {
  const { clock, network, book, heard, keeper, answering } = sender(context, [
    { address: '192.0.2.1' },
    { address: '192.0.2.2' },
  ]);
  network.servers.set('192.0.2.1', answering(rcode.REFUSED));
  network.servers.set('192.0.2.2', answering(rcode.NOERROR));
  keeper.start();
  clock.advance(100);
  await settled(10);
  clock.advance(100_000);
  await settled(10);
  assert.equal(heard.length, 2);
  assert.match(book.warnings.get('example.org notify') ?? '', /192\.0\.2\.1: it says REFUSED$/);
  network.servers.set('192.0.2.1', answering(rcode.NOERROR));
  book.serve('example.org', smallZone(2));
  clock.advance(100);
  await settled(10);
  assert.equal(book.warnings.size, 0);
});

test('the status forgets a server that could not be told and is not to be told any more', async (context) => {
  const { clock, network, book, keeper, answering } = sender(context, [
    { address: '192.0.2.1' },
    { address: '192.0.2.2' },
  ]);
  network.servers.set('192.0.2.1', answering(rcode.REFUSED));
  network.servers.set('192.0.2.2', answering(rcode.REFUSED));
  keeper.start();
  const change = async (notify: IZonePeer[], serial: number) => {
    const zone = book.get('example.org');
    assert.ok(zone);
    zone.options = { ...zone.options, notify };
    book.serve('example.org', smallZone(serial));
    clock.advance(100);
    await settled(10);
    return book.warnings.get('example.org notify') ?? '';
  };
  assert.match(await change([{ address: '192.0.2.1' }, { address: '192.0.2.2' }], 2), /2\.1.*2\.2/);
  const left = await change([{ address: '192.0.2.2' }], 3);
  assert.match(left, /192\.0\.2\.2/);
  assert.doesNotMatch(left, /192\.0\.2\.1/);
  assert.equal(await change([], 4), '');
});

test('with a key the NOTIFY is signed, and an answer without a signature does not count', async (context) => {
  const { clock, network, book, keeper } = sender(context, [
    { address: '192.0.2.1', key: 'mover' },
  ]);
  const time = Math.floor(clock.now() / 1000);
  let isSigned = true;
  network.servers.set('192.0.2.1', (bytes) => {
    const verified = verifyMessage(bytes, { keyOf: testKeys.of, time });
    assert.equal(verified.kind, 'verified');
    const answer = encodeMessage(responseTo(decoded(bytes), 0));
    const priorMac = verified.kind === 'verified' ? verified.mac : Buffer.alloc(0);
    return once(isSigned ? signMessage(answer, mover, { time, priorMac }).bytes : answer);
  });
  keeper.start();
  clock.advance(100);
  await settled(10);
  assert.equal(book.warnings.size, 0);
  isSigned = false;
  book.serve('example.org', smallZone(2));
  clock.advance(100);
  await settled(10);
  assert.match(book.warnings.get('example.org notify') ?? '', /its answer is not signed/);
});

test('nobody is told of a zone that is gone', async (context) => {
  const { clock, network, book, heard, keeper, silent } = sender(context, [
    { address: '192.0.2.1' },
  ]);
  network.servers.set('192.0.2.1', silent);
  keeper.start();
  clock.advance(100);
  await settled(10);
  book.remove('example.org');
  clock.advance(100_000);
  await settled(10);
  assert.equal(heard.length, 1);
  assert.equal(clock.timerCount, 0);
});

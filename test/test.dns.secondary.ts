import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { ManualClock } from '../ts/core/manual-clock.ts';
import { Answerer } from '../ts/dns/answer/index.ts';
import { recordType } from '../ts/dns/codec/types.ts';
import { SecondaryKeeper, TransferCounters } from '../ts/dns/transfer/index.ts';
import { format } from '../ts/dns/zone/master-writer.ts';
import type { Zone } from '../ts/dns/zone/zone.ts';
import type { IZonePeer } from '../ts_interfaces/index.ts';
import { FakeBook } from './dns/fake-book.ts';
import { FakeNetwork, scriptOf } from './dns/fake-primary.ts';
import { decoded, zoneOf } from './dns/query.ts';
import { openZone, smallZone, specialSetup, testKeys } from './dns/special.ts';
import { settled } from './dns/stages.ts';

const one: IZonePeer = { address: '192.0.2.1' };
const two: IZonePeer = { address: '192.0.2.2' };
const id = 'example.org';

/** A primary that serves `example.org`, and a keeper that has it as a secondary. */
function setup(context: TestContext, peers: IZonePeer[] = [one], zone: Zone | null = null) {
  const primary = specialSetup();
  const handler = new Answerer(primary.zones, { clock: primary.clock, special: primary.special });
  primary.book.put(openZone(), smallZone(10, 'www A 192.0.2.80'));
  const network = new FakeNetwork();
  network.servers.set(one.address, scriptOf(handler));
  const { clock } = primary;
  const book = new FakeBook(clock);
  const counters = new TransferCounters();
  const keeper = new SecondaryKeeper({
    book,
    keys: () => testKeys,
    transport: network,
    counters,
    clock,
    random: () => 0,
    limits: { recordsMax: 10_000, bytesMax: 1_000_000 },
  });
  context.after(() => keeper.stop());
  const times = zone === null ? undefined : { checkedAt: clock.now(), checkedWith: one.address };
  const begin = () => {
    book.put({ name: id, primaries: peers }, zone, times === undefined ? {} : { times });
    keeper.start();
  };
  const served = () => book.get(id)?.served?.zone;
  const attempts = () => book.outcomes.length + counters.failed;
  return { primary, network, clock, book, counters, keeper, begin, served, attempts, handler };
}

/** Moves the time on, step by step, so that what falls due is answered. */
async function pass(clock: ManualClock, ms: number, stepMs = ms): Promise<void> {
  for (let left = ms; left > 0; left -= stepMs) {
    clock.advance(Math.min(stepMs, left));
    await settled(20);
  }
}

test('a secondary that was never fetched is fetched at once', async (context) => {
  const { begin, book, served, primary, counters } = setup(context);
  begin();
  await book.until(() => book.outcomes.length > 0);
  assert.equal(format(served() as Zone), format(primary.book.get(id)?.source as Zone));
  assert.equal(counters.in, 1);
  assert.equal(book.transferTimes(id)?.checkedWith, '192.0.2.1');
});

test('a newer serial is fetched by IXFR when the refresh time is over, an equal one is not', async (context) => {
  const { begin, book, served, primary, network, clock } = setup(context);
  begin();
  await book.until(() => book.outcomes.length > 0);
  await settled(20);
  network.sent.length = 0;
  await pass(clock, 7_199_000);
  assert.deepEqual(network.sent, []);
  await pass(clock, 2000);
  assert.deepEqual(network.sent, ['udp 192.0.2.1']);
  assert.equal(book.outcomes.at(-1)?.kind, 'current');
  const newer = primary.book.get(id)?.source as Zone;
  primary.book.serve(
    id,
    newer.replace([
      {
        name: zoneOf('@ 1 SOA a a 1 1 1 1 1\n@ 1 NS a').apex,
        type: recordType.TXT,
        ttl: 5,
        rdatas: [Buffer.from('\x01x')],
      },
    ]),
  );
  await pass(clock, 7_201_000);
  await settled(20);
  assert.equal(served()?.serial, 11);
  assert.equal(format(served() as Zone), format(primary.book.get(id)?.source as Zone));
  assert.equal(primary.counters.out, 2);
});

test('a NOTIFY leads to a look at once, one that says nothing new to none', async (context) => {
  const { begin, book, served, primary, network, keeper, clock } = setup(context);
  begin();
  await book.until(() => book.outcomes.length > 0);
  await settled(20);
  primary.book.serve(id, smallZone(11));
  network.sent.length = 0;
  // A replay of the NOTIFY for what we have.
  for (const serial of [10, 9, 10]) keeper.notified(id, serial);
  await settled(20);
  assert.deepEqual(network.sent, []);
  keeper.notified(id, 11);
  await book.until(() => served()?.serial === 11);
  await settled(20);
  // A flood that names serials to come leads to one look a second.
  network.sent.length = 0;
  for (let count = 0; count < 50; count++) {
    keeper.notified(id, 100 + count);
    await settled(20);
  }
  await pass(clock, 1000);
  assert.equal(network.sent.length, 1);
});

test('a NOTIFY during a transfer leads to another look behind it', async (context) => {
  const { begin, book, served, primary, keeper } = setup(context);
  begin();
  await book.until(() => book.outcomes.length > 0);
  await settled(20);
  primary.book.serve(id, smallZone(11));
  keeper.notified(id, null);
  primary.book.serve(id, smallZone(12));
  keeper.notified(id, 12);
  await book.until(() => served()?.serial === 12);
});

test('the next primary is asked when one does not answer, refuses or is behind', async (context) => {
  const { begin, book, served, network, handler, counters } = setup(
    context,
    [{ address: '192.0.2.9' }, two, one],
    smallZone(9),
  );
  const behind = specialSetup();
  behind.book.put(openZone(), smallZone(8));
  const old = new Answerer(behind.zones, { clock: behind.clock, special: behind.special });
  network.servers.set('192.0.2.9', scriptOf(new Answerer(specialSetup().zones)));
  network.servers.set(two.address, scriptOf(old));
  network.servers.set(one.address, scriptOf(handler));
  begin();
  await book.until(() => served()?.serial === 10);
  await settled(20);
  assert.equal(book.transferTimes(id)?.checkedWith, '192.0.2.1');
  assert.equal(counters.failed, 0);
  assert.equal(book.warnings.size, 0);
});

test('a dead primary is told in the status, retried, and the zone expires in the end', async (context) => {
  const { begin, book, served, network, clock } = setup(context, [one], smallZone(10));
  network.servers.clear();
  begin();
  await pass(clock, 10_000, 1000);
  assert.match(book.warnings.get(`${id} transfer`) ?? '', /192\.0\.2\.1: connect ECONNREFUSED/);
  assert.equal(served()?.serial, 10);
  network.sent.length = 0;
  await pass(clock, 2_000_000, 5000);
  // Every 900 seconds: two datagrams, then TCP.
  assert.equal(network.sent.filter((line) => line.startsWith('tcp')).length, 2);
  await pass(clock, 1_209_600_000 - 2_200_000, 900_000);
  assert.equal(book.get(id)?.state, 'serving');
  await pass(clock, 300_000, 10_000);
  assert.equal(book.get(id)?.state, 'expired');
  assert.equal(served(), undefined);
});

test('an expired zone is served again when its primary is back, at the same serial', async (context) => {
  const { begin, book, served, network, clock, handler } = setup(context, [one], smallZone(10));
  network.servers.clear();
  begin();
  await pass(clock, 1_210_000_000, 900_000);
  assert.equal(book.get(id)?.state, 'expired');
  network.servers.set(one.address, scriptOf(handler));
  await pass(clock, 1_800_000, 900_000);
  assert.equal(served()?.serial, 10);
  assert.equal(book.warnings.size, 0);
});

test('a zone whose time was over at the start expires before it is asked for', async (context) => {
  const { book, network, keeper, clock } = setup(context);
  network.servers.clear();
  const checkedAt = clock.now() - 1_209_601_000;
  book.put({ name: id, primaries: [one] }, smallZone(10), {
    times: { checkedAt, checkedWith: 'x' },
  });
  keeper.start();
  await book.until(() => book.get(id)?.state === 'expired');
});

test('refresh() and retransfer() do it now, and say why they cannot', async (context) => {
  const { begin, book, served, keeper, primary, network } = setup(context);
  begin();
  await book.until(() => book.outcomes.length > 0);
  await settled(20);
  primary.book.serve(id, smallZone(11));
  await keeper.refresh(id);
  assert.equal(served()?.serial, 11);
  // An older one is fetched only by who asks for it.
  primary.book.serve(id, smallZone(5));
  await assert.rejects(keeper.refresh(id), /its serial 5 is older than 11/);
  await keeper.retransfer(id);
  assert.equal(served()?.serial, 5);
  network.servers.clear();
  await assert.rejects(keeper.retransfer(id), { code: 'DNS_FAILED' });
  await assert.rejects(keeper.refresh('example.com'), { code: 'ZONE_UNKNOWN' });
});

test('serials are compared as RFC 1982 says', async (context) => {
  const { begin, book, served, keeper, primary } = setup(context, [one], smallZone(0xffffffff));
  primary.book.serve(id, smallZone(3));
  begin();
  await book.until(() => book.outcomes.length > 0);
  await settled(20);
  assert.equal(served()?.serial, 3);
  await keeper.refresh(id);
  assert.equal(served()?.serial, 3);
});

test('other primaries are asked at once, a zone that is gone no more', async (context) => {
  const { begin, book, served, network, handler, clock } = setup(context, [two]);
  begin();
  await book.until(() => book.warnings.size > 0);
  network.servers.set('192.0.2.3', scriptOf(handler));
  const zone = book.get(id);
  assert.ok(zone);
  zone.options = { ...zone.options, primaries: [{ address: '192.0.2.3' }] };
  await book.transferred(id, { kind: 'expired' });
  await book.until(() => served()?.serial === 10);
  await settled(20);
  book.remove(id);
  network.sent.length = 0;
  await pass(clock, 10_000_000);
  assert.deepEqual(network.sent, []);
  assert.equal(clock.timerCount, 0);
});

for (const key of ['mover', 'big.mover']) {
  test(`with the key ${key} questions and transfers are signed`, async (context) => {
    const { begin, book, served, primary, keeper } = setup(context, [{ ...one, key }]);
    primary.book.put(openZone({ transfer: [`key:${key}`] }), smallZone(10, 'www A 192.0.2.80'));
    begin();
    await book.until(() => book.outcomes.length > 0);
    primary.book.serve(id, smallZone(11));
    await settled(20);
    await keeper.refresh(id);
    assert.equal(served()?.serial, 11);
  });
}

test('a key that is not there is told in the status', async (context) => {
  const { begin, book, network } = setup(context, [{ ...one, key: 'nobody' }]);
  begin();
  await book.until(() => book.warnings.size > 0);
  assert.match(book.warnings.get(`${id} transfer`) ?? '', /there is no key "nobody"/);
  assert.deepEqual(network.sent, []);
});

test('a store that fails is no fault of the primary, and it is tried again', async (context) => {
  const { begin, book, served, clock } = setup(context);
  book.failure = new Error('The disk is full');
  begin();
  await book.until(() => book.warnings.size > 0);
  assert.match(book.warnings.get(`${id} transfer`) ?? '', /The disk is full/);
  book.failure = null;
  await pass(clock, 3000);
  assert.equal(served()?.serial, 10);
});

test('only ten transfers run at once', async (context) => {
  const { book, network, keeper } = setup(context);
  let most = 0;
  network.servers.set(one.address, (query) => {
    assert.equal(decoded(query).question[0]?.type, recordType.AXFR);
    most = Math.max(most, network.open);
    return null;
  });
  for (let index = 0; index < 30; index++)
    book.put({ name: `z${index}.org`, primaries: [one] }, null);
  keeper.start();
  await settled(20);
  assert.equal(most, 10);
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DcError } from '../ts/core/errors.ts';
import { loadZone } from '../ts/dns/zone/load-zone.ts';
import type { Zone } from '../ts/dns/zone/zone.ts';
import type { IZoneOptions } from '../ts_interfaces/index.ts';
import { change, makeWorld, name, openBook, put, serial, served } from './dns/book.ts';

const id = 'example.org';
const secondary: IZoneOptions = { name: id, primaries: [{ address: '192.0.2.53' }] };
const primary = '192.0.2.53';

function zoneOf(number: number, lines: readonly string[] = [], apex = 'example.org.'): Zone {
  const head = `$TTL 60\n@ SOA ns.x. me ${number} 100 50 1000 30\n@ NS ns.x.\n`;
  const { zone } = loadZone(head + lines.join('\n'), { origin: name(apex) });
  assert.ok(zone);
  return zone;
}

test('a secondary is loading until it was fetched, and then has the serial of its primary', async () => {
  const world = await makeWorld();
  const heard: string[] = [];
  world.bus.on('zone.transferred', ({ zone, serial: number }) => heard.push(`${zone} ${number}`));
  const book = await openBook(world, [secondary]);
  assert.equal(book.get(id)?.state, 'loading');
  assert.equal(book.get(id)?.served, null);
  assert.equal(book.transferTimes(id), undefined);
  assert.match(book.info(id)?.warnings.join() ?? '', /never fetched/);
  await book.transferred(id, { kind: 'zone', zone: zoneOf(7, ['www A 192.0.2.1']), primary });
  assert.equal(serial(book), 7);
  assert.equal(book.get(id)?.state, 'serving');
  assert.deepEqual(book.transferTimes(id), { checkedAt: world.clock.now(), checkedWith: primary });
  const info = book.info(id);
  assert.equal(Date.parse(info?.refreshAt ?? '') - world.clock.now(), 100_000);
  assert.equal(Date.parse(info?.expireAt ?? '') - world.clock.now(), 1_000_000);
  assert.deepEqual(heard, ['example.org 7']);
  assert.equal([...book.recordSets(id)][0]?.origin, 'transfer');
});

test('nobody but the primary changes a secondary', async () => {
  const book = await openBook(await makeWorld(), [secondary]);
  await book.transferred(id, { kind: 'zone', zone: zoneOf(7), primary });
  const edit = () => [change('a.example.org.', 'A', ['192.0.2.1'])];
  await assert.rejects(book.change(id, 'api', edit), { code: 'ZONE_INVALID' });
  await assert.rejects(book.import(id, ''), { code: 'ZONE_INVALID' });
  await assert.rejects(book.revert(id), { code: 'ZONE_INVALID' });
  const other = zoneOf(8, [], 'example.com.');
  await assert.rejects(book.transferred(id, { kind: 'zone', zone: other, primary }), {
    code: 'ZONE_INVALID',
  });
  await assert.rejects(book.transferred('example.com', { kind: 'expired' }), {
    code: 'ZONE_UNKNOWN',
  });
  assert.equal(serial(book), 7);
});

test('a restart serves what was fetched at once, unless it is too old', async () => {
  const world = await makeWorld();
  const book = await openBook(world, [secondary]);
  await book.transferred(id, { kind: 'zone', zone: zoneOf(7, ['www A 192.0.2.1']), primary });
  world.clock.advance(900_000);
  const again = await openBook(world, [secondary]);
  assert.equal(served(again, 'www.example.org.', 'A'), '60 192.0.2.1');
  await again.transferred(id, { kind: 'current', primary });
  await again.stop();
  world.clock.advance(900_000);
  const third = await openBook(world, [secondary]);
  assert.equal(serial(third), 7, 'it was found to be up to date');
  world.clock.advance(200_000);
  const old = await openBook(world, [secondary]);
  assert.equal(old.get(id)?.state, 'expired');
  assert.equal(old.get(id)?.served, null);
  assert.match(old.info(id)?.warnings.join() ?? '', /expired/);
  await old.transferred(id, { kind: 'current', primary });
  assert.equal(serial(old), 7);
  assert.deepEqual(old.info(id)?.warnings, []);
});

test('an expired secondary says so, over a restart too, until it is fetched', async () => {
  const world = await makeWorld();
  const book = await openBook(world, [secondary]);
  const states: string[] = [];
  book.follow({ onServed: ({ state }) => states.push(state), onRemoved: () => undefined });
  await book.transferred(id, { kind: 'expired' });
  assert.deepEqual(states, [], 'what never was does not expire');
  await book.transferred(id, { kind: 'zone', zone: zoneOf(7), primary });
  await book.transferred(id, { kind: 'expired' });
  await book.stop();
  assert.equal((await openBook(world, [secondary])).get(id)?.state, 'expired');
  await book.transferred(id, { kind: 'zone', zone: zoneOf(8), primary });
  assert.deepEqual(states, ['serving', 'expired', 'serving']);
});

test('versions of a secondary share memory and are its history', async () => {
  const lines = Array.from({ length: 5_000 }, (_, index) => `h${index} A 192.0.2.1`);
  const book = await openBook(await makeWorld(), [secondary]);
  await book.transferred(id, { kind: 'zone', zone: zoneOf(1, lines), primary });
  await book.transferred(id, {
    kind: 'zone',
    zone: zoneOf(2, [...lines, 'x A 192.0.2.2']),
    primary,
  });
  assert.deepEqual(
    book.get(id)?.history.map((zone) => zone.serial),
    [1, 2],
  );
  const [one, two] = book.get(id)?.history ?? [];
  assert.ok(one && two);
  assert.equal([...two.differences(one)].length, 2);
  const blocks = new Set([...one.tree.entries()].map(({ bytes }) => bytes));
  const made = new Set(
    [...two.tree.entries()].map(({ bytes }) => bytes).filter((it) => !blocks.has(it)),
  );
  assert.ok(made.size <= 4, `${made.size} leaves`);
  await book.transferred(id, { kind: 'zone', zone: zoneOf(3), primary });
  assert.deepEqual(
    book.get(id)?.history.map((zone) => zone.serial),
    [3],
  );
});

test('a big zone is written once a minute, and when the book stops', async () => {
  const world = await makeWorld();
  const book = await openBook(world, [secondary]);
  const lines = Array.from({ length: 10_001 }, (_, index) => `h${index} A 192.0.2.1`);
  const fetched = async (number: number) => {
    await book.transferred(id, { kind: 'zone', zone: zoneOf(number, lines), primary });
    return world.store.writes;
  };
  const first = await fetched(1);
  assert.equal(await fetched(2), first);
  assert.equal(await fetched(3), first);
  assert.equal(serial(book), 3);
  world.clock.advance(60_000);
  await book.transferred(id, { kind: 'current', primary });
  assert.ok(world.store.writes > first);
  assert.equal(serial(await openBook(world, [secondary])), 3);
  await fetched(4);
  await book.stop();
  assert.equal(serial(await openBook(world, [secondary])), 4);
});

test('a secondary is served though the disk is full, with a warning', async () => {
  const world = await makeWorld();
  const book = await openBook(world, [secondary]);
  world.store.failure = new DcError('STORE_FAILED', 'The disk is full');
  await book.transferred(id, { kind: 'zone', zone: zoneOf(7), primary });
  assert.equal(serial(book), 7);
  assert.match(book.info(id)?.warnings.join() ?? '', /disk is full/);
  world.store.failure = null;
  world.clock.advance(60_000);
  await book.transferred(id, { kind: 'current', primary });
  assert.deepEqual(book.info(id)?.warnings, []);
  assert.equal(serial(await openBook(world, [secondary])), 7);
});

test('what could not be stored in the end is not tried again afterwards', async () => {
  const world = await makeWorld();
  const book = await openBook(world, [secondary]);
  world.store.failure = new DcError('STORE_FAILED', 'The disk is full');
  await book.transferred(id, { kind: 'zone', zone: zoneOf(7), primary });
  assert.equal(world.clock.timerCount, 1);
  const { writes } = world.store;
  await book.stop();
  assert.equal(world.store.writes, writes + 1);
  assert.equal(world.clock.timerCount, 0);
});

test('a zone that becomes a secondary, and a primary again', async () => {
  const world = await makeWorld();
  const plain = { name: id, nameservers: ['ns.x'], records: ['www A 192.0.2.1'] };
  const book = await openBook(world, [plain]);
  const heard: string[] = [];
  book.follow({
    onServed: ({ isSecondary, state }) => heard.push(`${isSecondary} ${state}`),
    onRemoved: ({ isSecondary }) => heard.push(`${isSecondary} gone`),
  });
  await put(book, [secondary]);
  await book.transferred(id, { kind: 'zone', zone: zoneOf(7), primary });
  await put(book, [plain]);
  assert.equal(served(book, 'www.example.org.', 'A'), '3600 192.0.2.1');
  assert.equal(serial(book), 8, 'above what clients saw');
  assert.deepEqual(heard, [
    'false gone',
    'true loading',
    'true serving',
    'true gone',
    'false serving',
  ]);
});

test('what somebody else has signed is passed on with its signatures and serial', async () => {
  const signature = 'A 13 2 60 20300101000000 20200101000000 1 example.org. AAAA';
  const lines = [
    `@ RRSIG ${signature.replace('A', 'SOA')}`,
    `www RRSIG ${signature}`,
    'www A 192.0.2.1',
    '@ NSEC www.example.org. NS SOA RRSIG NSEC',
  ];
  const book = await openBook(await makeWorld(), [secondary]);
  await book.transferred(id, { kind: 'zone', zone: zoneOf(7, lines), primary });
  assert.equal(serial(book), 7);
  const signer = book.get(id)?.served?.signer;
  const rrset = book.get(id)?.served?.zone.rrset(name('www.example.org.'), 1);
  assert.ok(signer && rrset);
  assert.equal(signer.signaturesOf(rrset).rdatas.length, 1);
});

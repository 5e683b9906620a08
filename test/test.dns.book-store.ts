import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { test } from 'node:test';
import { change, example, makeWorld, openBook, put, serial, served } from './dns/book.ts';
import { temporaryFolder } from './suites/web.ts';

const id = 'example.org';

async function settle(): Promise<void> {
  for (let turn = 0; turn < 50; turn++) await Promise.resolve();
}

test('a disk that is full at the start: zones are served, and their serials stored later', async () => {
  const world = await makeWorld();
  world.store.failure = new Error('The disk is full');
  const book = await openBook(world, [example]);
  await settle();
  assert.equal(served(book, 'www.example.org.', 'A'), '300 192.0.2.1 192.0.2.2');
  assert.match(book.info(id)?.warnings.join() ?? '', /cannot be stored: The disk is full/);
  await assert.rejects(
    book.change(id, 'api', () => [change('a.example.org.', 'A', ['192.0.2.7'])]),
    /full/,
  );
  assert.equal(serial(book), 1);
  world.store.failure = null;
  await world.clock.advance(60_000);
  await settle();
  assert.deepEqual(book.info(id)?.warnings, []);
  assert.equal((await world.store.entries('dns-zone-states')).length, 1);
  await book.stop();
});

test('a reload does nothing with zones whose options and files are as they were', async (context) => {
  const folder = temporaryFolder(context);
  const file = path.join(folder, 'a.zone');
  const text = '@ 60 SOA ns.a.net. h 7 1 1 1 1\n@ 60 NS ns.a.net.\nwww 60 A 192.0.2.1\n';
  await writeFile(file, text);
  const zones = [example, { name: 'a.example', file }];
  const world = await makeWorld();
  const book = await openBook(world, zones);
  await settle();
  const told: string[] = [];
  book.follow({ onServed: (zone) => void told.push(zone.id), onRemoved: () => undefined });
  const { writes } = world.store;
  assert.deepEqual((await book.prepare({ set: structuredClone(zones), removed: [] })).zones, []);
  await put(book, zones);
  assert.deepEqual([told, world.store.writes], [[], writes]);
  await writeFile(file, text.replace('2.1', '2.22'));
  await put(book, zones);
  await put(book, [{ ...example, ttl: 60 }]);
  assert.deepEqual(told, ['a.example', id]);
  assert.equal(served(book, 'www.a.example.', 'A', 'a.example'), '60 192.0.2.22');
  await book.stop();
});

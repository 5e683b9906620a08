import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DcError } from '../ts/core/errors.ts';
import { silentLogger } from '../ts/core/logger.ts';
import { DNSManager, txtData } from '../ts/dns/zones/dns-manager.ts';
import type { ZoneBook } from '../ts/dns/zones/zone-book.ts';
import type { IOwnedRecords } from '../ts_interfaces/index.ts';
import {
  change,
  example,
  type IBookWorld,
  makeWorld,
  name,
  openBook,
  put,
  serial,
  served,
} from './dns/book.ts';

const id = 'example.org';

async function managed(
  given?: IBookWorld,
): Promise<{ world: IBookWorld; book: ZoneBook; manager: DNSManager }> {
  const world = given ?? (await makeWorld());
  const book = await openBook(world, [example]);
  const manager = new DNSManager({ book, clock: world.clock, logger: silentLogger });
  manager.start();
  return { world, book, manager };
}

function txt(owner: string, data: string, more: Partial<IOwnedRecords> = {}): IOwnedRecords {
  return { name: 'example.org', type: 'TXT', data: [data], owner, purpose: 'test', ...more };
}

test('DNSManager adds records of several owners to those of the zone, and takes them away', async () => {
  const { book, manager } = await managed();
  await manager.set(txt('a', '"from a"'));
  await manager.set(txt('b', '"from b"'));
  await manager.set(txt('c', '"hello"'));
  assert.equal(served(book, 'example.org.', 'TXT'), '3600 "hello" "from a" "from b"');
  assert.equal(serial(book), 3, 'what the zone has already changes nothing');
  const [set] = book.recordSets(id, { name: name('example.org.'), type: 16 });
  assert.deepEqual([set?.origin, set?.owners], ['file', ['a', 'b', 'c']]);
  await manager.set(txt('a', '"new"'));
  assert.equal(served(book, 'example.org.', 'TXT'), '3600 "new" "hello" "from b"');
  assert.equal(await manager.remove('a', 'EXAMPLE.org.', 'txt'), true);
  assert.equal(await manager.remove('a', 'example.org', 'TXT'), false);
  assert.equal(await manager.removeAll('c'), 1);
  assert.equal(served(book, 'example.org.', 'TXT'), '3600 "hello" "from b"');
  await manager.removeAll('b');
  assert.equal(served(book, 'example.org.', 'TXT'), '3600 "hello"');
  assert.deepEqual(manager.list(), []);
});

test('records of owners and changes by the API do not get into each other', async () => {
  const { world, book, manager } = await managed();
  await manager.set(txt('acme', '"x"', { name: '_acme-challenge.example.org', ttl: 60 }));
  const at = '_acme-challenge.example.org.';
  assert.equal(served(book, at, 'TXT'), '60 "x"');
  // What an update sees and sends back, with a record more.
  await book.change(id, 'update', (source) => {
    const rdatas = [...(source.rrset(name(at), 16)?.rdatas ?? []), Buffer.from('\x01y')];
    return [{ name: name(at), type: 16, ttl: 60, rdatas }];
  });
  assert.equal(served(book, at, 'TXT'), '60 "x" "y"');
  await manager.removeAll('acme');
  assert.equal(served(book, at, 'TXT'), '60 "y"', 'x was not stored a second time');
  await manager.set(txt('acme', '"x"', { name: '_acme-challenge.example.org' }));
  await book.change(id, 'update', () => [change(at, 'TXT')]);
  assert.equal(served(book, at, 'TXT'), '3600 "x"', 'it is its owner who takes it away');
  await book.import(id, await textOfExample());
  assert.equal(served(book, at, 'TXT'), '3600 "x"', 'an import does not, either');
  const again = await managed(world);
  assert.equal(served(again.book, at, 'TXT'), '3600 "x"');
  assert.equal(serial(again.book), serial(book));
});

async function textOfExample(): Promise<string> {
  return '$TTL 1\n@ SOA ns.x. me 1 7200 3600 1209600 30\n@ NS ns.x.\n';
}

test('records go when their time is over, also when it was over while nobody looked', async () => {
  const { world, book, manager } = await managed();
  const expiresAt = (ms: number) => new Date(world.clock.now() + ms).toISOString();
  await manager.set(txt('early', '"1"', { expiresAt: expiresAt(10_000) }));
  await manager.set(txt('late', '"2"', { expiresAt: expiresAt(20_000) }));
  await manager.set(txt('never', '"3"'));
  world.clock.advance(10_000);
  await idle(book);
  assert.equal(served(book, 'example.org.', 'TXT'), '3600 "1" "2" "3" "hello"'.replace(' "1"', ''));
  const last = serial(book) ?? 0;
  manager.stop();
  world.clock.advance(20_000);
  const again = await managed(world);
  assert.equal(serial(again.book), last);
  world.clock.advance(0);
  await idle(again.book);
  assert.equal(served(again.book, 'example.org.', 'TXT'), '3600 "3" "hello"');
  assert.equal(serial(again.book), last + 1);
  assert.deepEqual(
    again.manager.list().map(({ owner }) => owner),
    ['never'],
  );
});

/** Until what runs is stored. */
async function idle(book: ZoneBook): Promise<void> {
  for (let turn = 0; turn < 50; turn++) await Promise.resolve();
  await book.change(id, 'api', () => []);
}

test('what could not be removed in time is tried again', async () => {
  const { world, book, manager } = await managed();
  const expiresAt = new Date(world.clock.now() + 1_000).toISOString();
  await manager.set(txt('x', '"1"', { expiresAt }));
  world.store.failure = new DcError('STORE_FAILED', 'The disk is full');
  world.clock.advance(1_000);
  await idle(book);
  assert.match(served(book, 'example.org.', 'TXT'), /"1"/);
  assert.equal(world.clock.timerCount, 1);
  world.store.failure = null;
  world.clock.advance(60_000);
  await idle(book);
  assert.equal(served(book, 'example.org.', 'TXT'), '3600 "hello"');
});

const refused: { why: string; set: Partial<IOwnedRecords>; code: string; path?: string }[] = [
  { why: 'a name of nobody', set: { name: 'example.com' }, code: 'ZONE_UNKNOWN' },
  {
    why: 'a name that is none',
    set: { name: 'a..example.org' },
    code: 'ZONE_INVALID',
    path: 'name',
  },
  {
    why: 'an address by a CNAME',
    set: { name: 'www.example.org', type: 'CNAME', data: ['a.'] },
    code: 'ZONE_INVALID',
  },
  { why: 'no data', set: { data: [] }, code: 'ZONE_INVALID', path: 'data' },
  { why: 'an open quote', set: { data: ['"x'] }, code: 'ZONE_INVALID', path: 'data[0]' },
  {
    why: 'a second line',
    set: { data: ['x\nwww A 192.0.2.66'] },
    code: 'ZONE_INVALID',
    path: 'data[0]',
  },
  { why: 'a type of questions', set: { type: 'ANY' }, code: 'ZONE_INVALID', path: 'type' },
  { why: 'a SOA', set: { type: 'SOA' }, code: 'ZONE_INVALID', path: 'type' },
  { why: 'no owner', set: { owner: '' }, code: 'ZONE_INVALID', path: 'owner' },
  { why: 'half a character', set: { owner: '\ud800' }, code: 'ZONE_INVALID', path: 'owner' },
  {
    why: 'a date that is none',
    set: { expiresAt: 'soon' },
    code: 'ZONE_INVALID',
    path: 'expiresAt',
  },
  { why: 'a TTL below zero', set: { ttl: -1 }, code: 'ZONE_INVALID', path: 'ttl' },
  {
    why: 'a name that is delegated',
    set: { name: 'a.sub.example.org' },
    code: 'ZONE_INVALID',
    path: 'name',
  },
];
for (const { why, set, code, path } of refused) {
  test(`DNSManager refuses ${why}`, async () => {
    const { world, book, manager } = await managed();
    await book.change(id, 'api', () => [change('sub.example.org.', 'NS', ['ns.example.net.'])]);
    await assert.rejects(manager.set({ ...txt('x', '"x"'), ...set }), (error) => {
      assert.ok(error instanceof DcError);
      assert.equal(error.code, code);
      if (path !== undefined) assert.equal(error.problems[0]?.path, path);
      return true;
    });
    assert.deepEqual(manager.list(), []);
    assert.deepEqual(await world.store.entries('dns-owned'), []);
    assert.equal(serial(book), 2);
  });
}

test('covers() is true for names that a primary zone of ours answers to everybody', async () => {
  const { book, manager } = await managed();
  await put(book, [
    { name: 'second.example', primaries: [{ address: '192.0.2.1' }] },
    { ...example, name: 'inside.example', view: 'inside' },
  ]);
  await book.change(id, 'api', () => [change('sub.example.org.', 'NS', ['ns.example.net.'])]);
  const names = ['example.org', 'a.b.EXAMPLE.org.', 'a.sub.example.org', 'a.second.example'];
  assert.deepEqual(
    [...names, 'inside.example', 'example.com', 'a..b'].map((one) => manager.covers(one)),
    [true, true, false, false, false, false, false],
  );
});

test('challenges of a domain and of its wildcard stand beside each other', async () => {
  const { book, manager } = await managed();
  await manager.setChallenge({ domain: 'example.org', value: 'one' });
  await manager.setChallenge({ domain: '*.example.org', value: 'two' });
  assert.equal(served(book, '_acme-challenge.example.org.', 'TXT'), '60 "one" "two"');
  assert.deepEqual(
    manager.list({ purpose: 'acme-challenge', zone: id }).map(({ owner }) => owner),
    ['acme:example.org', 'acme:*.example.org'],
  );
  assert.equal(await manager.removeChallenge({ domain: 'example.org' }), true);
  assert.equal(served(book, '_acme-challenge.example.org.', 'TXT'), '60 "two"');
});

test('txtData() puts any text in quotes, in strings of 255 bytes', async () => {
  const { book, manager } = await managed();
  assert.equal(txtData(''), '""');
  assert.equal(txtData('a"b\\c'), '"a\\"b\\\\c"');
  const text = `v=DKIM1; p=${'ä'.repeat(300)}`;
  assert.deepEqual(txtData(text).match(/" "/g)?.length, 2);
  await manager.setTxt({ name: 'k._domainkey.example.org', text, owner: 'dkim', purpose: 'dkim' });
  const rdatas = book.get(id)?.source?.rrset(name('k._domainkey.example.org.'), 16)?.rdatas;
  assert.equal(rdatas?.length, 1);
  const [rdata] = rdatas as [Buffer];
  const strings: Buffer[] = [];
  for (let at = 0; at < rdata.length; at += 1 + (rdata[at] as number)) {
    strings.push(rdata.subarray(at + 1, at + 1 + (rdata[at] as number)));
  }
  assert.equal(Buffer.concat(strings).toString(), text);
});

test('records with owners of a zone that went wait for it', async () => {
  const { book, manager } = await managed();
  await manager.set(txt('a', '"1"'));
  book.apply(await book.prepare({ set: [], removed: [id] }));
  assert.equal(manager.list().length, 1);
  await put(book, [example]);
  assert.equal(served(book, 'example.org.', 'TXT'), '3600 "1" "hello"');
  book.apply(await book.prepare({ set: [], removed: [id] }));
  assert.equal(await manager.removeAll('a'), 1);
  assert.deepEqual(manager.list(), []);
});

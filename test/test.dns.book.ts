import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DcError } from '../ts/core/errors.ts';
import type { IZoneOptions } from '../ts_interfaces/index.ts';
import { content, example, makeWorld, name, openBook, put, serial, served } from './dns/book.ts';

test('ZoneBook answers with what the options say, with SOA and NS made', async () => {
  const book = await openBook(await makeWorld(), [example]);
  assert.equal(served(book, 'www.example.org.', 'A'), '300 192.0.2.1 192.0.2.2');
  assert.equal(served(book, 'example.org.', 'TXT'), '3600 "hello"');
  assert.equal(served(book, 'example.org.', 'NS'), '3600 ns1.example.net. ns2.example.net.');
  assert.match(
    served(book, 'example.org.', 'SOA'),
    /^3600 ns1\.example\.net\. hostmaster\.example\.org\. 1 /,
  );
  const info = book.info('example.org');
  assert.deepEqual(
    [info?.kind, info?.state, info?.serial, info?.records, info?.warnings],
    ['primary', 'serving', 1, 7, []],
  );
});

test('ZoneBook takes record sets, with ALIAS and records by health beside the zone', async () => {
  const options: IZoneOptions = {
    name: 'example.org',
    nameservers: ['ns.example.net'],
    contact: 'dns.admin@example.net',
    ttl: 60,
    records: [
      { name: '@', type: 'ALIAS', data: 'cdn.example.net.' },
      { name: 'mail', type: 'MX', ttl: 5, data: ['10 mx1', '20 mx2.example.net.'] },
      { name: 'app', type: 'A', health: { upstream: 'route-1' } },
      'tail A 192.0.2.7',
    ],
  };
  const book = await openBook(await makeWorld(), [options]);
  assert.equal(
    served(book, 'mail.example.org.', 'MX'),
    '5 10 mx1.example.org. 20 mx2.example.net.',
  );
  assert.equal(served(book, 'tail.example.org.', 'A'), '60 192.0.2.7');
  assert.match(served(book, 'example.org.', 'SOA'), / dns\\\.admin\.example\.net\. /);
  const sets = [...book.recordSets('example.org')];
  assert.deepEqual(
    sets.map(({ name: owner, type, origin }) => [owner.length, type, origin]),
    [
      [13, 6, 'made'],
      [13, 2, 'made'],
      [13, 65401, 'file'],
      [17, 1, 'file'],
      [18, 15, 'file'],
      [18, 1, 'file'],
    ],
  );
  assert.deepEqual(sets[3]?.health, { upstream: 'route-1' });
  assert.equal(served(book, 'example.org.', 'ALIAS'), '', 'an ALIAS itself is never answered');
});

const refused: { why: string; zone: Partial<IZoneOptions>; paths: string[]; says: RegExp }[] = [
  {
    why: 'a word that is no type',
    zone: { records: ['www A 192.0.2.1', '', 'www AA 192.0.2.1'] },
    paths: ['records[2]'],
    says: /class or type, found "AA"/,
  },
  {
    why: 'bad data in one of several records of a set',
    zone: { records: [{ name: 'www', type: 'A', data: ['192.0.2.1', '192.0.2.999'] }] },
    paths: ['records[0].data[1]'],
    says: /IPv4/,
  },
  {
    why: 'a CNAME beside other data, at the line of the one to blame',
    zone: { records: ['www A 192.0.2.1', 'www CNAME a.example.'] },
    paths: ['records[1]'],
    says: /only record/,
  },
  {
    why: 'no SOA and no NS, and no name servers to make them of',
    zone: { nameservers: [] },
    paths: ['records', 'records'],
    says: /no SOA record/,
  },
  {
    why: 'an ALIAS beside an address',
    zone: { records: ['www A 192.0.2.1', 'www ALIAS a.example.'] },
    paths: ['www.example.org. ALIAS'],
    says: /ALIAS brings the addresses/,
  },
  {
    why: 'two ALIAS records at a name',
    zone: { records: ['www ALIAS a.example.', 'www ALIAS b.example.'] },
    paths: ['records[0]'],
    says: /Expected one record/,
  },
  {
    why: 'records by health at an alias',
    zone: {
      records: [{ name: 'a', type: 'A', health: { upstream: 'x' } }, 'a CNAME b'],
    },
    paths: ['a.example.org. CNAME'],
    says: /only record/,
  },
  {
    why: 'an include in records',
    zone: { records: ['$INCLUDE /etc/passwd'] },
    paths: ['records[0]'],
    says: /cannot include/,
  },
  {
    why: 'a text that is open at its end',
    zone: { records: ['a TXT "x', 'b A 192.0.2.1'] },
    paths: ['records[0]'],
    says: /quote/,
  },
  {
    why: 'a file that is not there',
    zone: { file: 'missing.zone' },
    paths: ['file'],
    says: /Cannot read the file: ENOENT/,
  },
  {
    why: 'an owner that is none',
    zone: { records: [{ name: 'a..b', type: 'A', data: '192.0.2.1' }] },
    paths: ['records[0].name'],
    says: /empty label/,
  },
];
for (const records of [['a A 1\nb A 192.0.2.1'], ['a A 192.0.2.1', 'b A 192.0.2.1\n\nc A 1']]) {
  test(`ZoneBook names the line in a record of several lines: ${JSON.stringify(records)}`, async () => {
    const adding = put(await openBook(await makeWorld(), [example]), [{ ...example, records }]);
    await assert.rejects(adding, (error) => {
      assert.ok(error instanceof DcError);
      const [{ path, line, column, value } = { path: '' }] = error.problems;
      const [item, at] = records.length === 1 ? ['records[0]', 1] : ['records[1]', 3];
      assert.deepEqual([path, line, column, value], [item, at, 5, '1']);
      return true;
    });
  });
}

for (const { why, zone, paths, says } of refused) {
  test(`ZoneBook refuses ${why}, and goes on with the old zone`, async () => {
    const book = await openBook(await makeWorld(), [example]);
    const before = content(book);
    await assert.rejects(put(book, [{ ...example, ...zone }]), (error) => {
      assert.ok(error instanceof DcError);
      assert.equal(error.code, 'ZONE_INVALID');
      assert.deepEqual(
        error.problems.map(({ path }) => path),
        paths,
      );
      assert.match(error.message, says);
      return true;
    });
    assert.deepEqual(content(book), before);
    assert.equal(serial(book), 1);
  });
}

test('ZoneBook.prepare() of several zones names each that is refused', async () => {
  const book = await openBook(await makeWorld());
  const bad = (zone: string): IZoneOptions => ({ ...example, name: zone, records: ['x'] });
  await assert.rejects(put(book, [bad('a.example'), example, bad('b.example')]), (error) => {
    assert.ok(error instanceof DcError);
    assert.deepEqual(
      error.problems.map(({ path }) => path),
      ['zones[a.example].records[0]', 'zones[b.example].records[0]'],
    );
    return true;
  });
  assert.deepEqual([...book.zones()], []);
});

test('closest() and find() know views: their own zone first, else the one without a view', async () => {
  const inside = { ...example, view: 'inside', records: ['www A 10.0.0.1'] };
  const sub = { ...example, name: 'sub.example.org', view: 'inside' };
  const book = await openBook(await makeWorld(), [example, inside, sub]);
  const idOf = (owner: string, view: string | null) => book.closest(name(owner), view)?.id;
  assert.equal(idOf('WWW.example.ORG.', null), 'example.org');
  assert.equal(idOf('www.example.org.', 'inside'), 'example.org@inside');
  assert.equal(idOf('www.example.org.', 'other'), 'example.org');
  assert.equal(idOf('a.sub.example.org.', 'inside'), 'sub.example.org@inside');
  assert.equal(idOf('a.sub.example.org.', null), 'example.org');
  assert.equal(idOf('notexample.org.', null), undefined);
  assert.equal(book.find(name('sub.example.org.'), null), undefined);
  assert.deepEqual(
    [...book.zones()].map(({ id }) => id),
    ['example.org', 'example.org@inside', 'sub.example.org@inside'],
  );
  book.apply(await book.prepare({ set: [], removed: ['example.org@inside', 'nothing'] }));
  assert.equal(idOf('www.example.org.', 'inside'), 'example.org');
});

test('the root and other odd names can be zones', async () => {
  const root = {
    name: '.',
    nameservers: ['a.net'],
    records: ['com NS a.net', 'a.net A 192.0.2.1'],
  };
  const book = await openBook(await makeWorld(), [root]);
  assert.equal(book.closest(name('x.com.'), null)?.id, '.');
  assert.equal(served(book, 'com.', 'NS', '.'), '3600 a.net.');
});

test('follow() hears of versions and of zones that go, and the bus too', async () => {
  const world = await makeWorld();
  const book = await openBook(world);
  const heard: string[] = [];
  const unfollow = book.follow({
    onServed: (zone) => heard.push(`${zone.id} ${zone.served?.zone.serial}`),
    onRemoved: (zone) => heard.push(`${zone.id} gone`),
  });
  world.bus.on('zone.added', ({ zone }) => heard.push(`added ${zone}`));
  world.bus.on('zone.changed', (event) => heard.push(`changed ${event.zone} ${event.serial}`));
  world.bus.on('zone.removed', ({ zone }) => heard.push(`removed ${zone}`));
  await put(book, [example]);
  await put(book, [{ ...example, records: ['new A 192.0.2.1'] }]);
  book.apply(await book.prepare({ set: [], removed: ['example.org'] }));
  unfollow();
  await put(book, [example]);
  assert.deepEqual(heard, [
    'added example.org',
    'example.org 1',
    'example.org 2',
    'changed example.org 2',
    'example.org gone',
    'removed example.org',
    'added example.org',
  ]);
});

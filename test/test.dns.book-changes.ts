import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DcError } from '../ts/core/errors.ts';
import { recordType } from '../ts/dns/codec/types.ts';
import {
  change,
  content,
  example,
  makeWorld,
  name,
  openBook,
  put,
  serial,
  served,
} from './dns/book.ts';
import { BreakableStore } from './suites/breakable-store.ts';

const id = 'example.org';

test('change() is answered with the next question, and the serial rises by one', async () => {
  const book = await openBook(await makeWorld(), [example]);
  const given = await book.change(id, 'api', () => [
    change('WWW.example.org.', 'A', ['192.0.2.3']),
  ]);
  assert.equal(given, 2);
  assert.equal(serial(book), 2);
  assert.equal(served(book, 'www.example.org.', 'A'), '300 192.0.2.3');
  assert.equal(book.info(id)?.changed, 1);
  assert.equal([...book.recordSets(id, { name: name('www.example.org.') })][0]?.origin, 'api');
});

test('change() stores only what differs from the base', async () => {
  const world = await makeWorld();
  const book = await openBook(world, [example]);
  const stored = async () => (await world.store.entries('dns-records')).map(([key]) => key);
  await book.change(id, 'update', () => [
    change('www.example.org.', 'A', ['192.0.2.1']),
    change('new.example.org.', 'TXT', ['"a b" c']),
    change('example.org.', 'TXT'),
    change('nothing.example.org.', 'TXT'),
  ]);
  assert.deepEqual(await stored(), [
    'example.org example.org. TXT',
    'example.org new.example.org. TXT',
    'example.org www.example.org. A',
  ]);
  // The same as in the base, in another order.
  const back = change('www.example.org.', 'A', ['192.0.2.2', '192.0.2.1']);
  assert.equal(await book.change(id, 'api', () => [back]), 3);
  await book.change(id, 'api', () => [change('new.example.org.', 'TXT')]);
  assert.deepEqual(await stored(), ['example.org example.org. TXT']);
  const { writes } = world.store;
  assert.equal(await book.change(id, 'api', () => [back]), 4, 'nothing is to be done');
  assert.equal(await book.change(id, 'api', () => []), 4);
  assert.equal(world.store.writes, writes);
});

const refused = [
  { why: 'a CNAME beside data', changes: [change('www.example.org.', 'CNAME', ['a.example.'])] },
  { why: 'a name of another zone', changes: [change('www.example.com.', 'A', ['192.0.2.1'])] },
  { why: 'no NS', changes: [change('example.org.', 'NS')] },
  { why: 'no SOA', changes: [change('example.org.', 'SOA')] },
  { why: 'an ALIAS at an address', changes: [change('www.example.org.', 'ALIAS', ['a.example.'])] },
  {
    why: 'an address at an ALIAS of the same change',
    changes: [
      change('a.example.org.', 'ALIAS', ['a.example.']),
      change('a.example.org.', 'AAAA', ['2001:db8::1']),
    ],
  },
  {
    why: 'a TTL above the limit',
    changes: [change('www.example.org.', 'A', ['192.0.2.1'], 2 ** 31)],
  },
  {
    why: 'a TTL that is no number',
    changes: [change('www.example.org.', 'A', ['192.0.2.1'], NaN)],
  },
  {
    why: 'broken rdata',
    changes: [
      { name: name('a.example.org.'), type: recordType.MX, ttl: 1, rdatas: [Buffer.of(1)] },
    ],
  },
  {
    why: 'a broken SOA',
    changes: [
      { name: name('example.org.'), type: recordType.SOA, ttl: 1, rdatas: [Buffer.of(0, 0)] },
    ],
  },
  {
    why: 'a type of questions',
    changes: [{ name: name('a.example.org.'), type: 255, ttl: 1, rdatas: [Buffer.of(1)] }],
  },
  {
    why: 'a name that is none',
    changes: [{ name: Buffer.from('\x40abc\0'), type: 1, ttl: 1, rdatas: [] }],
  },
  {
    why: 'health of what is no address',
    changes: [{ ...change('a.example.org.', 'TXT'), health: { upstream: 'x' } }],
  },
  {
    why: 'health outside of the zone',
    changes: [{ ...change('a.example.com.', 'A'), health: { upstream: 'x' } }],
  },
];
for (const { why, changes } of refused) {
  test(`change() refuses ${why}, all of it`, async () => {
    const world = await makeWorld();
    const book = await openBook(world, [example]);
    const before = content(book);
    const good = change('good.example.org.', 'A', ['192.0.2.1']);
    await assert.rejects(
      book.change(id, 'api', () => [good, ...changes]),
      (error) =>
        error instanceof DcError && error.code === 'ZONE_INVALID' && error.problems.length > 0,
    );
    assert.deepEqual(content(book), before);
    assert.equal(serial(book), 1);
    assert.deepEqual(await world.store.entries('dns-records'), []);
    // The zone goes on.
    assert.equal(await book.change(id, 'api', () => [good]), 2);
  });
}

test('change() of an unknown zone, and what `edit` throws', async () => {
  const book = await openBook(await makeWorld(), [example]);
  await assert.rejects(
    book.change('example.com', 'api', () => []),
    { code: 'ZONE_UNKNOWN' },
  );
  await assert.rejects(
    book.change(id, 'api', () => {
      throw new RangeError('mine');
    }),
    RangeError,
  );
  assert.equal(
    await book.change(id, 'api', () => [change('a.example.org.', 'A', ['192.0.2.1'])]),
    2,
  );
});

test('a change that cannot be stored is not there, and its serial is not used again', async () => {
  const world = await makeWorld();
  const book = await openBook(world, [example]);
  world.store.failure = new DcError('STORE_FAILED', 'The disk is full');
  const edit = () => [change('www.example.org.', 'A', ['192.0.2.3'])];
  await assert.rejects(book.change(id, 'api', edit), { code: 'STORE_FAILED' });
  assert.equal(serial(book), 1);
  assert.equal(served(book, 'www.example.org.', 'A'), '300 192.0.2.1 192.0.2.2');
  assert.equal(book.info(id)?.changed, 0);
  world.store.failure = null;
  const given = await book.change(id, 'api', edit);
  assert.ok(given > 1);
  assert.equal(serial(book), given);
});

test('changes of one zone run one after another, each seeing the one before', async () => {
  const book = await openBook(await makeWorld(), [example]);
  const seen: number[] = [];
  const serials = await Promise.all(
    Array.from({ length: 50 }, (_, index) =>
      book.change(id, 'update', (source) => {
        const before = source.rrset(name('count.example.org.'), recordType.TXT);
        seen.push(before?.rdatas.length ?? 0);
        return [
          {
            ...change('count.example.org.', 'TXT', [`n${index}`]),
            rdatas: [
              ...(before?.rdatas ?? []),
              ...change('count.example.org.', 'TXT', [`n${index}`]).rdatas,
            ],
          },
        ];
      }),
    ),
  );
  assert.deepEqual(
    seen,
    Array.from({ length: 50 }, (_, index) => index),
  );
  assert.deepEqual(
    serials,
    Array.from({ length: 50 }, (_, index) => index + 2),
  );
});

test('nothing is answered before it is stored', async () => {
  const world = await makeWorld();
  const book = await openBook(world, [example]);
  let open = (): void => undefined;
  world.store.gate = new Promise((resolve) => {
    open = resolve;
  });
  const done = book.change(id, 'api', () => [change('www.example.org.', 'A', ['192.0.2.3'])]);
  for (let turn = 0; turn < 20; turn++) await Promise.resolve();
  assert.equal(serial(book), 1);
  open();
  await done;
  assert.equal(serial(book), 2);
});

test('a SOA that is given brings its serial when that is ahead, and is kept', async () => {
  const world = await makeWorld();
  const book = await openBook(world, [example]);
  const soa = (number: number, minimum: number) =>
    change('example.org.', 'SOA', [`ns1.example.net. me.example.org. ${number} 2 1 9 ${minimum}`]);
  assert.equal(await book.change(id, 'api', () => [soa(2_026_010_100, 60)]), 2_026_010_100);
  assert.equal(await book.change(id, 'api', () => [soa(5, 61)]), 2_026_010_101);
  assert.equal(await book.change(id, 'api', () => [soa(2_026_010_150, 61)]), 2_026_010_150);
  assert.match(served(book, 'example.org.', 'SOA'), / 2026010150 2 1 9 61$/);
  const again = await openBook(world, [example]);
  assert.match(served(again, 'example.org.', 'SOA'), / 2026010150 2 1 9 61$/);
});

test('records by health are set, listed, and taken away', async () => {
  const world = await makeWorld();
  const book = await openBook(world, [example]);
  const health = { upstream: 'route-1', answers: 1 };
  await book.change(id, 'api', () => [
    { ...change('www.example.org.', 'A', [], 30), health },
    { ...change('only.example.org.', 'AAAA', [], 30), health },
  ]);
  assert.equal(served(book, 'www.example.org.', 'A'), '', 'the addresses of the file are out');
  const listed = [...book.recordSets(id)].filter((set) => set.health !== undefined);
  assert.deepEqual(
    listed.map((set) => [set.type, set.ttl, set.origin, set.health]),
    [
      [recordType.AAAA, 30, 'api', health],
      [recordType.A, 30, 'api', health],
    ],
  );
  const again = await openBook(world, [example]);
  assert.equal([...again.recordSets(id)].filter((set) => set.health).length, 2);
  await again.revert(id, name('WWW.example.org.'));
  assert.equal(served(again, 'www.example.org.', 'A'), '300 192.0.2.1 192.0.2.2');
  await again.change(id, 'api', () => [change('only.example.org.', 'AAAA')]);
  assert.equal([...again.recordSets(id)].filter((set) => set.health).length, 0);
});

test('revert() takes back one record set, a name, or all', async () => {
  const world = await makeWorld();
  const book = await openBook(world, [example]);
  const before = content(book);
  await book.change(id, 'api', () => [
    change('www.example.org.', 'A', ['192.0.2.3']),
    change('www.example.org.', 'TXT', ['x']),
    change('a.example.org.', 'A', ['192.0.2.4']),
    change('b.example.org.', 'A', ['192.0.2.4']),
  ]);
  await book.revert(id, name('www.example.org.'), recordType.A);
  assert.equal(served(book, 'www.example.org.', 'A'), '300 192.0.2.1 192.0.2.2');
  assert.equal(served(book, 'www.example.org.', 'TXT'), '300 "x"');
  await book.revert(id, name('www.example.org.'));
  assert.equal(served(book, 'www.example.org.', 'TXT'), '');
  const last = await book.revert(id);
  assert.deepEqual(content(book), before);
  assert.equal(await book.revert(id), last, 'nothing is left to take back');
  assert.deepEqual(await world.store.entries('dns-records'), []);
});

test('recordSets() lists a name, all below it, a type, and pages', async () => {
  const records = [
    'a A 192.0.2.1',
    'a TXT x',
    'b.a A 192.0.2.1',
    'aa A 192.0.2.1',
    'c A 192.0.2.1',
  ];
  const book = await openBook(await makeWorld(), [{ ...example, records }]);
  const list = (query: Parameters<typeof book.recordSets>[1]) =>
    [...book.recordSets(id, query)].map(
      (set) => `${set.name.toString('latin1', 1, 3)} ${set.type}`,
    );
  const a = name('a.example.org.');
  assert.deepEqual(list({ name: a }), ['a\x07 1', 'a\x07 16']);
  assert.deepEqual(list({ name: a, below: true }), ['a\x07 1', 'a\x07 16', 'b\x01 1']);
  assert.deepEqual(list({ name: a, type: 16 }), ['a\x07 16']);
  assert.deepEqual(list({ after: name('aa.example.org.') }), ['aa 1', 'c\x07 1']);
  assert.deepEqual(list({ name: name('x.example.org.') }), []);
  assert.deepEqual(list({ name: name('example.com.') }), []);
  assert.throws(() => [...book.recordSets('example.com')], { code: 'ZONE_UNKNOWN' });
});

test('an overlay over a changed file: what does not fit any more is left out, and comes back', async () => {
  const world = await makeWorld();
  const book = await openBook(world, [example]);
  await book.change(id, 'api', () => [
    change('new.example.org.', 'A', ['192.0.2.3']),
    change('kept.example.org.', 'A', ['192.0.2.4']),
  ]);
  const clash = { ...example, records: ['new CNAME www', 'www A 192.0.2.5'] };
  await put(book, [clash]);
  assert.equal(served(book, 'new.example.org.', 'CNAME'), '3600 www.example.org.');
  assert.equal(served(book, 'kept.example.org.', 'A'), '300 192.0.2.4');
  assert.match(book.info(id)?.warnings.join() ?? '', /new\.example\.org\. A does not fit/);
  // A change of something else leaves it so.
  await book.change(id, 'api', () => [change('x.example.org.', 'A', ['192.0.2.6'])]);
  assert.equal(served(book, 'new.example.org.', 'A'), '');
  const again = await openBook(world, [clash]);
  assert.equal(served(again, 'kept.example.org.', 'A'), '300 192.0.2.4');
  await put(again, [example]);
  assert.equal(served(again, 'new.example.org.', 'A'), '300 192.0.2.3');
  assert.deepEqual(again.info(id)?.warnings, []);
});

test('prepare() and a change at the same time: both are there in the end, the serial only rises', async () => {
  const world = await makeWorld();
  const book = await openBook(world, [example]);
  const seen: number[] = [];
  book.follow({
    onServed: (zone) => seen.push(zone.served?.zone.serial ?? -1),
    onRemoved: () => undefined,
  });
  const prepared = await book.prepare({
    set: [{ ...example, records: ['next A 192.0.2.7'] }],
    removed: [],
  });
  await book.change(id, 'api', () => [change('between.example.org.', 'A', ['192.0.2.8'])]);
  const running = book.change(id, 'api', () => [change('during.example.org.', 'A', ['192.0.2.9'])]);
  book.apply(prepared);
  await running;
  await book.change(id, 'api', () => [change('after.example.org.', 'A', ['192.0.2.9'])]);
  for (const owner of ['next', 'between', 'during', 'after']) {
    assert.notEqual(served(book, `${owner}.example.org.`, 'A'), '', owner);
  }
  assert.equal(served(book, 'www.example.org.', 'TXT'), '');
  assert.deepEqual(
    seen,
    [...seen].sort((a, b) => a - b),
  );
  const again = await openBook(world, [{ ...example, records: ['next A 192.0.2.7'] }]);
  assert.equal(serial(again), serial(book));
  assert.deepEqual(content(again), content(book));
});

test('discard() changes nothing, and its serial is not used for something else', async () => {
  const book = await openBook(await makeWorld(), [example]);
  const other = { ...example, records: ['next A 192.0.2.7'] };
  await book.discard(await book.prepare({ set: [other], removed: [] }));
  assert.equal(serial(book), 1);
  assert.equal(
    await book.change(id, 'api', () => [change('a.example.org.', 'A', ['192.0.2.8'])]),
    3,
  );
});

test('a hundred zones that change at once wait for few writes', async () => {
  const world = await makeWorld({ store: new BreakableStore() });
  await world.store.open();
  const zones = Array.from({ length: 100 }, (_, index) => ({
    ...example,
    name: `z${index}.example`,
  }));
  const book = await openBook(world, zones);
  const before = world.store.writes;
  await Promise.all(
    zones.map((zone) =>
      book.change(zone.name, 'api', () => [change(`a.${zone.name}.`, 'A', ['192.0.2.1'])]),
    ),
  );
  assert.ok(world.store.writes - before < 10, `${world.store.writes - before} writes`);
});

test('one record of 100,000 changes without a look at the others', async () => {
  const records = [
    ...Array.from(
      { length: 100_000 },
      (_, index) => `h${index} A 10.0.${index >> 8}.${index & 255}`,
    ),
  ];
  const lines = [
    records
      .map((line) => line.replace(/10\.0\.(\d+)/, (_, high) => `10.${high >> 8}.${high & 255}`))
      .join('\n'),
  ];
  const book = await openBook(await makeWorld(), [{ ...example, records: lines }]);
  const before = book.get(id)?.served?.zone;
  await book.change(id, 'api', () => [change('h77777.example.org.', 'A', ['192.0.2.1'])]);
  const after = book.get(id)?.served?.zone;
  assert.ok(before && after);
  // Whatever was not copied is the same memory: all but the two leaves that were changed.
  const blocks = (zone: typeof before) =>
    new Set([...zone.tree.entries()].map(({ bytes }) => bytes));
  const old = blocks(before);
  const made = [...blocks(after)].filter((block) => !old.has(block));
  assert.ok(made.length <= 3, `${made.length} of ${old.size} leaves were made anew`);
  assert.equal([...after.differences(before)].length, 2);
});

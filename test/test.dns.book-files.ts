import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { DcError } from '../ts/core/errors.ts';
import { formatRrset } from '../ts/dns/zone/master-writer.ts';
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
  textOf,
} from './dns/book.ts';

const id = 'example.org';

function folder(context: TestContext): { path: string; write(file: string, text: string): void } {
  const path = mkdtempSync(join(tmpdir(), 'dcrouter-book-'));
  context.after(() => rmSync(path, { recursive: true }));
  return { path, write: (file, text) => writeFileSync(join(path, file), text) };
}

const head = '$TTL 60\n@ SOA ns me 10 7200 3600 1209600 300\n@ NS ns\nns A 192.0.2.1\n';

test('a file that did not change is not loaded again, also when an include of it did not', async (context) => {
  const { path, write } = folder(context);
  write('main.zone', `${head}$INCLUDE more.zone\n`);
  write('more.zone', 'www A 192.0.2.2\n');
  const book = await openBook(await makeWorld({ baseFolder: path }), [
    { name: id, file: 'main.zone' },
  ]);
  const zone = () => book.get(id)?.served?.zone;
  const first = zone();
  await put(book, [{ name: id, file: 'main.zone', transfer: ['192.0.2.0/24'] }]);
  assert.equal(zone(), first, 'the very same version');
  assert.deepEqual(book.get(id)?.options.transfer, ['192.0.2.0/24']);
  write('more.zone', 'www A 192.0.2.3\n');
  await put(book, [{ name: id, file: 'main.zone' }]);
  assert.equal(served(book, 'www.example.org.', 'A'), '60 192.0.2.3');
  assert.equal(serial(book), 11);
  // Touched, but the same.
  const second = zone();
  utimesSync(join(path, 'more.zone'), new Date(), new Date());
  await put(book, [{ name: id, file: 'main.zone' }]);
  assert.equal(zone(), second);
  // As long, at the same time: only the bytes tell.
  write('more.zone', 'www A 192.0.2.4\n');
  await put(book, [{ name: id, file: 'main.zone' }]);
  assert.equal(served(book, 'www.example.org.', 'A'), '60 192.0.2.4');
  // A comment is no change.
  write('more.zone', 'www A 192.0.2.4 ; here\n');
  await put(book, [{ name: id, file: 'main.zone' }]);
  assert.equal(serial(book), 12);
});

test('an error of a file names file, line, column and token, and the old zone goes on', async (context) => {
  const { path, write } = folder(context);
  write('main.zone', head);
  const zone = { name: id, file: 'main.zone' };
  const book = await openBook(await makeWorld({ baseFolder: path }), [zone]);
  write('main.zone', `${head}www A 192.0.2.300\nmail MX mail\n`);
  await assert.rejects(put(book, [zone]), (error) => {
    assert.ok(error instanceof DcError && error.code === 'ZONE_INVALID');
    assert.deepEqual(
      error.problems.map(({ path: at, file, line, column, value }) => [
        at,
        file,
        line,
        column,
        value,
      ]),
      [
        ['file', join(path, 'main.zone'), 5, 7, '192.0.2.300'],
        ['file', join(path, 'main.zone'), 6, 9, 'mail'],
      ],
    );
    assert.match(error.problems[0]?.message ?? '', /www\.example\.org\..*IPv4 address/);
    return true;
  });
  assert.equal(serial(book), 10);
  rmSync(join(path, 'main.zone'));
  await assert.rejects(put(book, [zone]), { code: 'ZONE_INVALID' });
  assert.equal(serial(book), 10);
});

test('file and records are one zone; warnings of the file are in the status', async (context) => {
  const { path, write } = folder(context);
  write('main.zone', `${head}deep.sub A 192.0.2.3\nsub NS ns\n`);
  const zone = { name: id, file: 'main.zone', records: ['www A 192.0.2.9'], ttl: 5 };
  const book = await openBook(await makeWorld({ baseFolder: path }), [zone]);
  assert.equal(served(book, 'www.example.org.', 'A'), '5 192.0.2.9');
  assert.match(book.info(id)?.warnings.join() ?? '', /main\.zone:5.*below the delegation/);
});

test('a file without SOA and TTL gets both from the options', async (context) => {
  const { path, write } = folder(context);
  write('main.zone', 'www A 192.0.2.9\n');
  const zone = { name: id, file: 'main.zone', nameservers: ['ns.example.net'], ttl: 77 };
  const book = await openBook(await makeWorld({ baseFolder: path }), [zone]);
  assert.equal(served(book, 'www.example.org.', 'A'), '77 192.0.2.9');
  assert.equal(served(book, 'example.org.', 'NS'), '77 ns.example.net.');
});

test('import() takes the place of all that a zone has, over a restart and a reload too', async () => {
  const world = await makeWorld();
  const book = await openBook(world, [example]);
  await book.change(id, 'api', () => [change('gone.example.org.', 'A', ['192.0.2.3'])]);
  const given = await book.import(id, `${head}www ALIAS cdn.example.\ntext TXT "\\200" "ä"\n`);
  assert.equal(given, 10, 'the serial of the import is ahead');
  assert.equal(book.info(id)?.changed, 0);
  assert.equal(served(book, 'gone.example.org.', 'A'), '');
  await book.change(id, 'api', () => [change('new.example.org.', 'A', ['192.0.2.4'])]);
  const before = content(book);
  const again = await openBook(world, [example]);
  assert.deepEqual(content(again), before);
  assert.equal(serial(again), 11);
  await put(again, [{ ...example, records: [] }]);
  assert.deepEqual(content(again), before);
  await again.revert(id, name('new.example.org.'));
  assert.equal(await again.revert(id), 13);
  assert.equal(served(again, 'www.example.org.', 'A'), '', 'as the options say now');
  assert.deepEqual(await world.store.entries('dns-imports'), []);
  assert.equal((await openBook(world, [{ ...example, records: [] }])).info(id)?.serial, 13);
});

const badImports = [
  { why: 'a line that is none', text: `${head}www A`, line: 5 },
  { why: 'a CNAME beside data', text: `${head}ns CNAME a\n`, line: 5 },
  { why: 'an include', text: `${head}$INCLUDE /etc/passwd\n`, line: 5 },
  {
    why: 'no NS with an address',
    text: '$TTL 1\n@ SOA ns me 1 7200 3600 1209600 300\n@ NS ns\n',
    line: 3,
  },
];
for (const { why, text, line } of badImports) {
  test(`import() refuses ${why}, and all stays as it was`, async () => {
    const world = await makeWorld();
    const book = await openBook(world, [example]);
    await book.change(id, 'api', () => [change('kept.example.org.', 'A', ['192.0.2.3'])]);
    const before = content(book);
    await assert.rejects(book.import(id, Buffer.from(text)), (error) => {
      assert.ok(error instanceof DcError && error.code === 'ZONE_INVALID');
      assert.equal(error.problems[0]?.line, line);
      assert.equal(error.problems[0]?.file, undefined);
      return true;
    });
    assert.deepEqual(content(book), before);
    assert.equal(serial(book), 2);
  });
}

test('an import that cannot be stored leaves all as it was, also after a restart', async () => {
  const world = await makeWorld();
  const book = await openBook(world, [example]);
  const before = content(book);
  // More than one part of text.
  const lines = Array.from({ length: 30_000 }, (_, index) => `h${index} TXT "${'x'.repeat(20)}"`);
  const text = head + lines.join('\n');
  const write = world.store.write.bind(world.store);
  let left = 1;
  world.store.write = async (changes) => {
    if (left-- === 0) throw new DcError('STORE_FAILED', 'The disk is full');
    await write(changes);
  };
  await assert.rejects(book.import(id, text), { code: 'STORE_FAILED' });
  assert.deepEqual(content(book), before);
  world.store.write = write;
  assert.notDeepEqual(await world.store.entries('dns-imports'), []);
  const again = await openBook(world, [example]);
  assert.deepEqual(content(again), before);
  assert.deepEqual(await world.store.entries('dns-imports'), [], 'what was left is cleaned up');
  await again.import(id, text);
  assert.equal(again.info(id)?.records, 30_003);
  assert.equal((await openBook(world, [example])).info(id)?.records, 30_003);
});

test('export() can be imported again, and is the version of the call', async () => {
  const records = [
    ...['a TXT "; ( \\" \\\\ \\007"', '\\@\\.\\$x A 192.0.2.1', 'b ALIAS cdn.example.', '* MX 0 .'],
    ...['c TYPE65534 \\# 3 010203', 'd SVCB 1 . alpn="h2,h3" key65000=ab'],
    { name: 'live', type: 'A', health: { upstream: 'x\ny' } },
  ];
  const book = await openBook(await makeWorld(), [{ ...example, records }]);
  const parts = book.export(id);
  await book.change(id, 'api', () => [change('later.example.org.', 'A', ['192.0.2.1'])]);
  const text = await textOf(parts);
  assert.match(text, /^; live\.example\.org\.\t3600\tIN\tA\tby health: .*$/m);
  const before = content(book);
  await book.import(id, text);
  assert.deepEqual(
    content(book),
    before.filter((line) => !line.startsWith('later.')),
  );
  const all = [...(book.get(id)?.served?.zone.rrsets() ?? [])].map(formatRrset);
  assert.equal((await textOf(book.export(id, 'served'))).split('\n').length - 2, all.length + 1);
  assert.throws(() => book.export('example.com'), { code: 'ZONE_UNKNOWN' });
});

test('a file that is signed already keeps its serial, and is not changed here', async () => {
  const signature = 'SOA 13 2 60 20300101000000 20200101000000 1 example.org. AAAA';
  const records = [head, `@ RRSIG ${signature}`];
  const book = await openBook(await makeWorld(), [{ name: id, records }]);
  assert.equal(serial(book), 10);
  const edit = () => [change('a.example.org.', 'A', ['192.0.2.1'])];
  await assert.rejects(book.change(id, 'api', edit), { code: 'ZONE_INVALID' });
  await put(book, [{ name: id, records: [...records, 'b A 192.0.2.1'] }]);
  assert.equal(serial(book), 10);
  assert.equal(served(book, 'b.example.org.', 'A'), '60 192.0.2.1');
});

test('revert() takes an import back only when the file can be loaded', async (context) => {
  const { path, write } = folder(context);
  write('main.zone', `${head}www A 192.0.2.9\n`);
  const zone = { name: id, file: 'main.zone' };
  const book = await openBook(await makeWorld({ baseFolder: path }), [zone]);
  await book.import(id, `${head}www A 192.0.2.8\n`);
  write('main.zone', 'broken');
  await assert.rejects(book.revert(id), { code: 'ZONE_INVALID' });
  assert.equal(served(book, 'www.example.org.', 'A'), '60 192.0.2.8');
  write('main.zone', `${head}www A 192.0.2.7\n`);
  await book.revert(id);
  assert.equal(served(book, 'www.example.org.', 'A'), '60 192.0.2.7');
  const version = book.get(id)?.served?.zone;
  await put(book, [zone]);
  assert.equal(book.get(id)?.served?.zone, version);
});

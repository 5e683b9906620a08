import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { formatName, parseName } from '../ts/dns/codec/name.ts';
import { rdataCodec } from '../ts/dns/codec/rdata.ts';
import { recordTypeName } from '../ts/dns/codec/types.ts';
import { fillTemplate, parseRange, rangeCount } from '../ts/dns/zone/generate.ts';
import { loadZoneFile, loadZoneGently } from '../ts/dns/zone/load-zone.ts';
import { type IMasterFileOptions, parse } from '../ts/dns/zone/master-file.ts';
import { ZoneProblems } from '../ts/dns/zone/zone-problem.ts';

const origin = parseName('example.org.');

/** A line for each record, and one for each problem. */
function read(text: string | Buffer, options: Partial<IMasterFileOptions> = {}): string[] {
  const { records, problems } = parse(text, { origin, ...options });
  return [
    ...records.map(({ name, type, ttl, rdata }) => {
      const data = rdataCodec(type).format(rdata);
      return `${formatName(name)} ${ttl} ${recordTypeName(type)} ${data}`;
    }),
    ...problems.kept.map((problem) => ZoneProblems.format(problem)),
  ];
}

const good = [
  ['a 60 IN A 1.2.3.4', 'a.example.org. 60 A 1.2.3.4', 'TTL, class'],
  ['a IN 60 A 1.2.3.4', 'a.example.org. 60 A 1.2.3.4', 'class, TTL'],
  ['a class1 60 type1 1.2.3.4', 'a.example.org. 60 A 1.2.3.4', 'numbers of RFC 3597'],
  ['a 1H30m5S a 1.2.3.4', 'a.example.org. 5405 A 1.2.3.4', 'TTL with units, type in small'],
  ['a. 1 A 1.2.3.4', 'a. 1 A 1.2.3.4', 'an absolute owner'],
  ['@ 1 A 1.2.3.4', 'example.org. 1 A 1.2.3.4', 'the origin'],
  ['\\@ 1 A 1.2.3.4', '\\@.example.org. 1 A 1.2.3.4', 'a label that is an at sign'],
  ['60 60 A 1.2.3.4', '60.example.org. 60 A 1.2.3.4', 'an owner like a TTL'],
  ['A 60 A 1.2.3.4', 'A.example.org. 60 A 1.2.3.4', 'an owner like a type'],
  ['IN 60 IN A 1.2.3.4', 'IN.example.org. 60 A 1.2.3.4', 'an owner like a class'],
  ['a\t60\tA\t1.2.3.4\r\n', 'a.example.org. 60 A 1.2.3.4', 'tabs, CRLF'],
  ['\ufeffa 60 A 1.2.3.4', 'a.example.org. 60 A 1.2.3.4', 'a byte order mark'],
  ['a 60 TXT "x;y" ; "z"', 'a.example.org. 60 TXT "x;y"', 'a semicolon in quotes, a comment'],
  ['a 60 TXT x\\;y', 'a.example.org. 60 TXT "x;y"', 'an escaped semicolon'],
  ['a 60 TXT "a\\"b\\\\"', 'a.example.org. 60 TXT "a\\"b\\\\"', 'escapes in quotes'],
  ['a 60 TXT ""', 'a.example.org. 60 TXT ""', 'an empty string'],
  ['a 60 TXT (x\n\n;c )\n y ) ; d', 'a.example.org. 60 TXT "x" "y"', 'parentheses over lines'],
  ['a 60 TXT "("', 'a.example.org. 60 TXT "("', 'a parenthesis in quotes'],
  ['a 60 TXT a"b"c', 'a.example.org. 60 TXT "a" "b" "c"', 'words without blanks between'],
  ['a 60 TXT \\040\\010', 'a.example.org. 60 TXT "(\\010"', 'decimal escapes'],
  ['a 60 TXT é', 'a.example.org. 60 TXT "\\195\\169"', 'UTF-8'],
  ['a 60 MX 5 @', 'a.example.org. 60 MX 5 example.org.', 'the origin in data'],
  ['a 60 A \\# 4 01020304', 'a.example.org. 60 A 1.2.3.4', 'generic data of a known type'],
  ['a 60 TYPE999 \\# 0', 'a.example.org. 60 TYPE999 \\# 0', 'no data at all'],
  ['$ORIGIN x.y.\n@ 60 A 1.2.3.4', 'x.y. 60 A 1.2.3.4', 'another origin'],
  ['$ORIGIN b\na 60 NS @', 'a.b.example.org. 60 NS b.example.org.', 'a relative origin'],
  ['$origin b\n$ttl 5\na A 1.2.3.4', 'a.b.example.org. 5 A 1.2.3.4', 'directives in small'],
] as const;

for (const [text, expected, why] of good) {
  test(`parse() reads ${JSON.stringify(text)}: ${why}`, () => {
    assert.deepEqual(read(text), [expected]);
  });
}

test('parse(): a blank owner is that before, also across a comment, not across a bad name', () => {
  const text = '$TTL 1\na A 1.2.3.4\n\n ; c\n\tAAAA ::1\nb..c A 1.2.3.5\n A 1.2.3.6\nd A 1.2.3.7\n';
  assert.deepEqual(read(text), [
    'a.example.org. 1 A 1.2.3.4',
    'a.example.org. 1 AAAA ::1',
    'd.example.org. 1 A 1.2.3.7',
    'line 6:1: error: Expected an owner: "b..c" is no domain name: it has an empty label',
  ]);
});

test('parse(): a blank owner stays the name it was when the origin changes', () => {
  const text = '$TTL 1\na A 1.2.3.4\n$ORIGIN b\n A 1.2.3.5\na A 1.2.3.6\n';
  assert.deepEqual(read(text), [
    'a.example.org. 1 A 1.2.3.4',
    'a.example.org. 1 A 1.2.3.5',
    'a.b.example.org. 1 A 1.2.3.6',
  ]);
});

test('parse(): a blank owner after $GENERATE is that before it, as in BIND', () => {
  assert.deepEqual(read('a 1 A 1.2.3.4\n$GENERATE 1-2 b$ 1 A 1.2.3.$\n 1 TXT x\n').slice(-1), [
    'a.example.org. 1 TXT "x"',
  ]);
  const [, problem = ''] = read('$GENERATE 1-1 b$ 1 A 1.2.3.$\n 1 TXT x\n');
  assert.match(problem, /2:2: error: Expected an owner at the start of the line: none came before/);
});

test('parse(): $TTL counts for what follows, a TTL of its own for its record only', () => {
  const text = '$TTL 1h\na A 1.2.3.4\na 5 A 1.2.3.5\na A 1.2.3.6\n$TTL 7\na A 1.2.3.7\n';
  assert.deepEqual(
    read(text).map((line) => line.split(' ')[1]),
    ['3600', '5', '3600', '7'],
  );
});

test('parse(): bytes that are not UTF-8 stay the bytes that they are', () => {
  const text = Buffer.from('a\xe9 60 TXT "\xff" \xe9\n', 'latin1');
  assert.deepEqual(read(text), ['a\\233.example.org. 60 TXT "\\255" "\\233"']);
});

test('parse(): records carry their file and line', () => {
  const text = '\n$TTL 1\na A 1.2.3.4\nb TXT (x\ny)\n A 1.2.3.4\n';
  const { records } = parse(text, { origin, fileName: 'f' });
  assert.deepEqual(
    records.map(({ file, line }) => [file, line]),
    [
      ['f', 3],
      ['f', 4],
      ['f', 6],
    ],
  );
});

test('parse(): $INCLUDE has its origin, then owner and origin are as before, $TTL is not', () => {
  const texts: Record<string, string> = {
    sub: '@ TXT at\n$ORIGIN deep\nx TXT x\n$TTL 9\n$INCLUDE leaf\n',
    leaf: 'leaf TXT leaf\n TXT two\n',
  };
  const asked: unknown[] = [];
  const readInclude = (name: string, from: string | undefined) => {
    asked.push([name, from]);
    return { text: texts[name] as string, fileName: `/${name}` };
  };
  const text = '$TTL 1\na TXT a\n$INCLUDE sub b ; c\n TXT still-a\nc TXT c\n';
  assert.deepEqual(read(text, { readInclude, fileName: 'main' }), [
    'a.example.org. 1 TXT "a"',
    'b.example.org. 1 TXT "at"',
    'x.deep.b.example.org. 1 TXT "x"',
    'leaf.deep.b.example.org. 9 TXT "leaf"',
    'leaf.deep.b.example.org. 9 TXT "two"',
    'a.example.org. 9 TXT "still-a"',
    'c.example.org. 9 TXT "c"',
  ]);
  assert.deepEqual(asked, [
    ['sub', 'main'],
    ['leaf', '/sub'],
  ]);
});

test('parse(): a file that includes itself ends, at the limit', () => {
  const readInclude = () => ({ text: '$INCLUDE a\n$INCLUDE a\n', fileName: 'a' });
  const limits = { includeDepthMax: 5, includesMax: 20 };
  const { problems } = parse('$INCLUDE a\n', { origin, readInclude, limits });
  assert.ok(problems.kept.some(({ message }) => message.includes('more than 5 deep')));
  assert.ok(problems.kept.some(({ message }) => message.includes('More than 20 files')));
});

test('parse(): an error in an included file names that file, a missing one the line', () => {
  const readInclude = (name: string) => {
    if (name === 'gone') throw new Error('ENOENT');
    return { text: '\na 60 A x\n', fileName: name };
  };
  assert.deepEqual(read('$INCLUDE b\n$INCLUDE gone\nc 60 B x\n', { readInclude, fileName: 'm' }), [
    'b:2:8: error: a.example.org.: A: Expected an IPv4 address, found "x"',
    'm:2:10: error: Cannot read "gone": ENOENT',
    'm:3:6: error: c.example.org.: Expected a class or type, found "B"',
  ]);
});

test('parse(): limits of records, of generated records, of bytes', () => {
  const limits = { recordsMax: 3, fileBytesMax: 90 };
  const many = read('$TTL 1\na A 1.2.3.4\nb A 1.2.3.4\nc A 1.2.3.4\nd A 1.2.3.4\n', { limits });
  assert.deepEqual(many.slice(3), ['line 5:1: error: d.example.org.: More than 3 records']);
  const generated = read('$GENERATE 1-4 a$ 1 A 1.2.3.$\n', { limits });
  assert.deepEqual(generated, ['line 1:11: error: More than 3 records in all']);
  assert.deepEqual(read(';'.repeat(91), { limits }), [
    'line 1:1: error: The file has more than 90 bytes',
  ]);
});

test('parse(): 200,000 parentheses, quotes or backslashes are one line and one error', () => {
  for (const text of ['(', ')', '"', '\\', '( a ', 'a"', '\\"']) {
    const { records, problems } = parse(text.repeat(50_000), { origin });
    assert.equal(records.length, 0);
    assert.equal(problems.errorCount, 1, text);
  }
});

const templates = [
  ['a$b', 7, 'a7b'],
  ['$$', 7, '$'],
  ['\\$', 7, '\\$'],
  ['${0}', 7, '7'],
  ['${3}', 7, '10'],
  ['${-7}', 7, '0'],
  ['${-8}', 7, undefined],
  ['${0,3}', 7, '007'],
  ['${0,3,d}', 1234, '1234'],
  ['${0,4,o}', 8, '0010'],
  ['${0,2,x}', 255, 'ff'],
  ['${0,4,X}', 255, '00FF'],
  ['${0,7,n}', 0xabc, 'c.b.a.0'],
  ['${0,1,N}', 0xabc, 'C.B.A'],
  ['${}', 7, undefined],
  ['${0,0,q}', 7, undefined],
  ['${0,6,n}', 0xabc, 'c.b.a.'],
  ['${0,5,n}', 0xabc, 'c.b.a'],
  ['${0,8,N}', 0xabc, 'C.B.A.0.'],
  ['${0', 7, undefined],
  ['a${', 7, undefined],
  ['${0,999}', 7, undefined],
] as const;

for (const [template, value, text] of templates) {
  test(`fillTemplate(${template}) with ${value} is ${text}`, () => {
    assert.equal(fillTemplate(template, value), text);
  });
}

test('parseRange() and rangeCount()', () => {
  assert.deepEqual(parseRange('1-10/3'), { first: 1, last: 10, step: 3 });
  assert.equal(rangeCount({ first: 1, last: 10, step: 3 }), 4);
  assert.equal(rangeCount({ first: 5, last: 5, step: 1 }), 1);
  for (const bad of ['', '1', '2-1', '1-2/0', '-1-2', '1-2-3', '1-99999999999', 'a-b']) {
    assert.equal(parseRange(bad), undefined, bad);
  }
});

test('loadZoneFile(): includes are relative to their file; a missing file is the caller’s', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'zone-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const path = join(folder, 'main.zone');
  writeFileSync(path, '$TTL 60\n@ SOA ns1 h 1 2 1 9 5\n NS ns1\n$INCLUDE hosts\n');
  writeFileSync(join(folder, 'hosts'), 'ns1 A 192.0.2.1\n');
  const { zone } = await loadZoneFile(path, origin);
  assert.equal(zone?.recordCount, 3);
  await assert.rejects(loadZoneFile(join(folder, 'none'), origin), { code: 'ENOENT' });
});

test('loadZoneGently(): lets others run in between', async () => {
  const lines = Array.from(
    { length: 30_000 },
    (_, index) => `h${(index * 7919) % 30_000} A 192.0.2.1`,
  );
  const text = `$TTL 60\n@ SOA ns1 h 1 2 1 9 5\n@ NS ns1\n${lines.join('\n')}\n`;
  let turns = 0;
  let running = true;
  const turn = (): void => {
    turns++;
    if (running) setImmediate(turn);
  };
  turn();
  const { zone } = await loadZoneGently(text, { origin });
  running = false;
  assert.equal(zone?.recordCount, 30_002);
  assert.ok(turns > 3, String(turns));
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DcError, type IProblem } from '../ts/core/errors.ts';
import { AccessRules } from '../ts/net/access-rules.ts';
import { AddressList, AddressLists, parseAddressFile } from '../ts/net/address-list.ts';
import { CidrSet, canonicalCidr } from '../ts/net/cidr.ts';
import { Random } from './fuzz/random.ts';

function problemsOf(run: () => unknown): readonly IProblem[] {
  let problems: readonly IProblem[] = [];
  assert.throws(run, (error) => {
    assert.ok(error instanceof DcError);
    assert.equal(error.code, 'CONFIG_INVALID');
    problems = error.problems;
    return true;
  });
  return problems;
}

test('CidrSet: adding and deleting at random is what a new set of the same says', () => {
  const random = new Random(5);
  const cidrs = Array.from({ length: 300 }, () =>
    random.oneIn(2)
      ? `10.0.${random.number(4)}.${random.number(256)}/${20 + random.number(13)}`
      : `2001:db8::${random.number(4)}:${random.number(256)}/${104 + random.number(25)}`,
  );
  const set = new CidrSet();
  const there = new Set<string>();
  for (let round = 0; round < 3000; round++) {
    const cidr = random.pick(cidrs);
    const text = canonicalCidr(cidr) as string;
    if (random.oneIn(2)) assert.equal(set.add(cidr), !there.has(text));
    else assert.equal(set.delete(cidr), there.has(text));
    if (set.size > there.size) there.add(text);
    else if (set.size < there.size) there.delete(text);
    if (round % 100 !== 0) continue;
    const fresh = new CidrSet([...there]);
    assert.equal(fresh.size, set.size);
    for (let index = 0; index < 256; index++) {
      const ips = [`10.0.${random.number(4)}.${index}`, `2001:db8::${random.number(4)}:${index}`];
      for (const ip of ips) assert.equal(set.contains(ip), fresh.contains(ip), ip);
    }
  }
});

test('canonicalCidr()', () => {
  assert.equal(canonicalCidr('10.1.2.3/8'), '10.0.0.0/8');
  assert.equal(canonicalCidr('10.1.2.3'), '10.1.2.3');
  assert.equal(canonicalCidr('10.1.2.3/32'), '10.1.2.3');
  assert.equal(canonicalCidr('::ffff:10.1.2.3/104'), '10.0.0.0/8');
  assert.equal(canonicalCidr('2001:DB8:0:1::5/48'), '2001:db8::/48');
  assert.equal(canonicalCidr('::1/128'), '::1');
  assert.equal(canonicalCidr('::/0'), '::/0');
  assert.equal(canonicalCidr('10.0.0.0/33'), undefined);
});

test('AddressList: replace, add and remove', () => {
  let changes = 0;
  const list = new AddressList('office', () => changes++);
  list.replace(['10.1.2.3/8', '192.0.2.1', '10.0.0.0/8']);
  assert.deepEqual(list.cidrs(), ['10.0.0.0/8', '192.0.2.1']);
  assert.equal(list.add(['192.0.2.1/32', '2001:db8::/32', '10.1.0.0/16']), 2);
  assert.equal(list.size, 4);
  assert.equal(list.contains('2001:db8::1'), true);
  // What lies within what is removed stays.
  assert.equal(list.remove(['10.0.0.0/8', '172.16.0.0/12']), 1);
  assert.equal(list.contains('10.2.0.0'), false);
  assert.equal(list.contains('10.1.0.0'), true);
  assert.deepEqual(list.cidrs(), ['192.0.2.1', '2001:db8::/32', '10.1.0.0/16']);
  assert.equal(changes, 3);
  assert.equal(list.add(['192.0.2.1']), 0);
  assert.equal(list.remove(['192.0.2.9']), 0);
  assert.equal(changes, 3);
  list.replace([]);
  assert.equal(list.size, 0);
  assert.equal(list.contains('192.0.2.1'), false);
});

test('AddressList: a bad entry changes nothing and is named', () => {
  const list = new AddressList('office');
  list.replace(['10.0.0.0/8']);
  for (const change of ['replace', 'add', 'remove'] as const) {
    const problems = problemsOf(() => list[change](['192.0.2.1', 'nonsense', '10.0.0.0/8', '1/2']));
    assert.deepEqual(
      problems.map(({ path, value }) => [path, value]),
      [
        ['[1]', 'nonsense'],
        ['[3]', '1/2'],
      ],
    );
    assert.deepEqual(list.cidrs(), ['10.0.0.0/8']);
    assert.equal(list.contains('192.0.2.1'), false);
  }
  const many = problemsOf(() => list.replace(Array.from({ length: 5000 }, () => 'x')));
  assert.equal(many.length, 101);
  assert.equal(many.at(-1)?.message, '4900 more are no CIDRs');
});

test('AddressList: texts that were given out do not change', () => {
  const list = new AddressList('office');
  list.replace(['10.0.0.0/8']);
  const before = list.cidrs();
  list.add(['::1']);
  assert.deepEqual(before, ['10.0.0.0/8']);
  assert.throws(() => (before as string[]).push('x'), TypeError);
});

test('AddressList: 100,000 entries of both families load, and change one by one', () => {
  const cidrs = Array.from({ length: 100_000 }, (_, index) => {
    const [high, low] = [index >> 8, index & 255];
    return index % 2 === 0
      ? `${(high >> 8) + 1}.${high & 255}.${low}.0/24`
      : `2001:${high.toString(16)}:${low}::/48`;
  });
  const list = new AddressList('big');
  const start = performance.now();
  list.replace(cidrs);
  // Usually a tenth of it; the machine may be busy.
  assert.ok(performance.now() - start < 1000);
  assert.equal(list.size, 100_000);
  assert.equal(list.contains('1.5.4.9'), true);
  assert.equal(list.contains('1.5.5.9'), false);
  // Remembered answers are forgotten with each change.
  assert.equal(list.contains('198.51.3.1'), false);
  for (let index = 0; index < 1000; index++) list.add([`198.51.${index >> 8}.${index & 255}`]);
  assert.equal(list.contains('198.51.3.1'), true);
  assert.equal(list.remove(['1.5.4.0/24']), 1);
  assert.equal(list.contains('1.5.4.9'), false);
  assert.equal(list.remove(cidrs), 99_999);
  assert.equal(list.size, 1000);
  assert.equal(list.contains('198.51.3.1'), true);
});

test('AddressLists: set, get, delete and names', () => {
  const lists = new AddressLists();
  const list = lists.set('office', ['10.0.0.0/8']);
  assert.equal(lists.get('office'), list);
  assert.equal(lists.set('office', ['192.0.2.1']), list);
  assert.deepEqual(list.cidrs(), ['192.0.2.1']);
  lists.set('Block_list-2.txt', []);
  assert.deepEqual(lists.names(), ['office', 'Block_list-2.txt']);
  problemsOf(() => lists.set('bad', ['x']));
  assert.equal(lists.get('bad'), undefined);
  for (const name of ['', '@a', 'a b', '../a', '.a', 'ä', 'a'.repeat(65), 'a\n']) {
    assert.equal(problemsOf(() => lists.set(name, []))[0]?.path, 'name');
  }
  assert.equal(lists.delete('office'), true);
  assert.equal(lists.delete('office'), false);
  assert.equal(lists.get('office'), undefined);
});

const answers: { allow?: string[]; deny?: string[]; yes: string[]; no: string[] }[] = [
  { yes: ['192.0.2.1', '::1', '', 'nonsense'], no: [] },
  { allow: [], deny: [], yes: ['192.0.2.1'], no: [] },
  {
    allow: ['10.0.0.0/8', '::1'],
    yes: ['10.1.1.1', '::1', '::ffff:10.1.1.1'],
    no: ['11.0.0.0', ''],
  },
  { deny: ['10.0.0.0/8'], yes: ['11.0.0.0', '::1'], no: ['10.1.1.1', '::ffff:10.1.1.1'] },
  {
    allow: ['10.0.0.0/8', '192.0.2.1'],
    deny: ['10.1.0.0/16', '192.0.2.0/24'],
    yes: ['10.2.0.0'],
    no: ['10.1.0.0', '192.0.2.1', '172.16.0.1'],
  },
  { allow: ['@office'], yes: ['203.0.113.1'], no: ['203.0.114.1'] },
  { allow: ['10.0.0.1', '@office'], deny: ['@bad'], yes: ['10.0.0.1'], no: ['203.0.113.66'] },
  { allow: ['@nobody'], yes: [], no: ['203.0.113.1', '10.0.0.1'] },
  { deny: ['@nobody'], yes: ['203.0.113.1'], no: [] },
];

for (const { yes, no, ...entries } of answers) {
  test(`AccessRules of ${JSON.stringify(entries)}`, () => {
    const lists = new AddressLists();
    lists.set('office', ['203.0.113.0/24']);
    lists.set('bad', ['203.0.113.66', '192.0.2.0/24']);
    const rules = new AccessRules(entries, lists);
    // Twice, since the last answer is remembered.
    for (const ip of [...yes, ...yes]) assert.equal(rules.allows(ip), true, ip);
    for (const ip of no) assert.equal(rules.allows(ip) || rules.allows(ip), false, ip);
  });
}

test('AccessRules: a change of a list counts at the next question', () => {
  const lists = new AddressLists();
  const rules = new AccessRules({ allow: ['@office', '@home'], deny: ['@bad'] }, lists);
  assert.deepEqual(rules.listNames, ['office', 'home', 'bad']);
  const ip = '203.0.113.1';
  assert.equal(rules.allows(ip), false);
  const office = lists.set('office', [ip]);
  assert.equal(rules.allows(ip), true);
  office.remove([ip]);
  assert.equal(rules.allows(ip), false);
  office.add(['203.0.113.0/24']);
  assert.equal(rules.allows(ip), true);
  lists.set('bad', [ip]);
  assert.equal(rules.allows(ip), false);
  lists.delete('bad');
  assert.equal(rules.allows(ip), true);
  lists.delete('office');
  assert.equal(rules.allows(ip), false);
  lists.set('office', [ip]);
  assert.equal(rules.allows(ip), true);
});

test('AccessRules: every bad entry is named', () => {
  const entries = { allow: ['10.0.0.0/8', 'x', '@'], deny: ['@ok', '10.0.0.0/40', '@a b'] };
  const problems = problemsOf(() => new AccessRules(entries, new AddressLists()));
  assert.deepEqual(
    problems.map(({ path }) => path),
    ['allow[1]', 'allow[2]', 'deny[1]', 'deny[2]'],
  );
});

test('parseAddressFile(): comments, blanks, any line end and a byte order mark', () => {
  const text = [
    '\ufeff# A list',
    '192.0.2.1',
    '  10.0.0.0/8\t',
    '',
    '2001:db8::/32 ; SBL123',
    '; all of it',
    '::ffff:10.0.0.1#tight',
    '   # indented',
    '198.51.100.7',
  ];
  const expected = ['192.0.2.1', '10.0.0.0/8', '2001:db8::/32', '::ffff:10.0.0.1', '198.51.100.7'];
  for (const end of ['\n', '\r\n', '\r']) {
    assert.deepEqual(parseAddressFile(text.join(end), 'x.txt'), expected);
    assert.deepEqual(parseAddressFile(text.join(end) + end, 'x.txt'), expected);
  }
  assert.deepEqual(parseAddressFile('', 'x.txt'), []);
});

test('parseAddressFile(): bad lines by their numbers, the first hundred', () => {
  const text = '10.0.0.0/8\nnonsense\n\n1.2.3.4 5.6.7.8\n# fine\n1.2.3.4/33\n';
  const problems = problemsOf(() => parseAddressFile(text, 'block.txt'));
  assert.deepEqual(
    problems.map(({ file, line, value }) => [file, line, value]),
    [
      ['block.txt', 2, 'nonsense'],
      ['block.txt', 4, '1.2.3.4 5.6.7.8'],
      ['block.txt', 6, '1.2.3.4/33'],
    ],
  );
  const long = problemsOf(() => parseAddressFile('x'.repeat(1_000_000), 'block.txt'));
  assert.ok(String(long[0]?.value).length < 100);
  const many = problemsOf(() => parseAddressFile('<html>\n'.repeat(30_000), 'block.txt'));
  assert.equal(many.length, 101);
  assert.equal(many[99]?.line, 100);
  assert.equal(many[100]?.message, '29900 more are no CIDRs');
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  compareNames,
  equalNames,
  formatName,
  isName,
  isSubdomain,
  isWildcard,
  labelCount,
  lastLabels,
  lowerName,
  NameError,
  nameEnd,
  nameKey,
  nameOfKey,
  parentOf,
  parseName,
  readName,
  replaceSuffix,
  rootName,
  type TName,
  tryParseName,
  wildcardOf,
} from '../ts/dns/codec/name.ts';

const origin = parseName('example.org.');
const long = 'a'.repeat(63);

const texts = [
  { text: 'www.example.org.', wire: '\x03www\x07example\x03org\0', out: 'www.example.org.' },
  { text: 'www', wire: '\x03www\x07example\x03org\0', out: 'www.example.org.' },
  { text: '.', wire: '\0', out: '.' },
  { text: 'WwW.', wire: '\x03WwW\0', out: 'WwW.' },
  { text: 'a\\.b.', wire: '\x03a.b\0', out: 'a\\.b.' },
  { text: 'a\\046b.', wire: '\x03a.b\0', out: 'a\\.b.' },
  { text: '\\000\\255\\032.', wire: '\x03\0\xff \0', out: '\\000\\255\\032.' },
  { text: '\\097\\b\\@.', wire: '\x03ab@\0', out: 'ab\\@.' },
  { text: '*._tcp.', wire: '\x01*\x04_tcp\0', out: '*._tcp.' },
  { text: 'a"();@$\\\\.', wire: '\x08a"();@$\\\0', out: 'a\\"\\(\\)\\;\\@\\$\\\\.' },
  { text: 'bücher.', wire: '\x07b\xc3\xbccher\0', out: 'b\\195\\188cher.' },
  { text: `${long}.`, wire: `\x3f${long}\0`, out: `${long}.` },
];
for (const { text, wire, out } of texts) {
  test(`parseName() of ${text.slice(0, 30)}, and back`, () => {
    const name = parseName(text, origin);
    assert.equal(name.toString('latin1'), wire);
    assert.equal(formatName(name), out);
    assert.deepEqual(parseName(out), name);
    assert.ok(isName(name));
    assert.deepEqual(nameOfKey(nameKey(name)), lowerName(name));
  });
}

test('parseName() takes a name without origin as an absolute one', () => {
  assert.deepEqual(parseName('www.example'), parseName('www.example.'));
});

const full = `${long}.${long}.${long}.${'b'.repeat(61)}`;
test('parseName() takes 255 bytes and no more, also with the origin', () => {
  assert.equal(parseName(full).length, 255);
  assert.equal(parseName(`${full}.`).length, 255);
  assert.equal(parseName('a.'.repeat(127)).length, 255);
  for (const text of [`${full}b`, `${full}b.`, 'a.'.repeat(128), `${full}.x`]) {
    assert.throws(() => parseName(text), NameError, text);
  }
  assert.throws(() => parseName(full, origin), NameError);
  assert.throws(() => parseName(`${'a.'.repeat(20_000)}`), NameError);
});

for (const text of ['', '..', 'a..b', '.a', 'a..', `a${long}`, `a${long}.b`, '\\', 'a\\', '\\25']) {
  test(`parseName() refuses "${text.slice(0, 10)}"`, () => {
    assert.throws(() => parseName(text), NameError);
    assert.equal(tryParseName(text), null);
  });
}
for (const text of ['\\256', '\\1x0', '\\12', '\\é']) {
  test(`parseName() refuses the escape ${text}`, () => {
    assert.throws(() => parseName(text), /"a bad escape"|a bad escape/);
  });
}

function message(body: string): Buffer {
  return Buffer.concat([Buffer.alloc(12), Buffer.from(body, 'latin1')]);
}

const reads = [
  { body: '\x01a\0', offset: 12, name: '\x01a\0', end: 15 },
  { body: '\x01a\0\x01B\xc0\x0c', offset: 15, name: '\x01B\x01a\0', end: 19 },
  { body: '\x01a\0\xc0\x0c\xc0\x0f', offset: 17, name: '\x01a\0', end: 19 },
  { body: '\xc0\x0c', offset: 12, name: null, why: 'a pointer to itself' },
  { body: '\x01a\xc0\x0c', offset: 12, name: null, why: 'a loop through a label' },
  { body: '\xc0\x0e\x01a\0', offset: 12, name: null, why: 'a pointer forward' },
  { body: '\x01a\0\xc0\x00', offset: 15, name: null, why: 'a pointer into the header' },
  { body: '\x01a\x01b\xc0\x0e', offset: 12, name: null, why: 'a pointer into the same name' },
  { body: '\x02a', offset: 12, name: null, why: 'a label cut off' },
  { body: '\x01a', offset: 12, name: null, why: 'no end' },
  { body: '\xc0', offset: 12, name: null, why: 'half a pointer' },
  { body: '\x40a\0', offset: 12, name: null, why: 'a label type that is not known' },
  { body: '\x80a\0', offset: 12, name: null, why: 'another such' },
  { body: '', offset: 12, name: null, why: 'nothing' },
  { body: 'a', offset: 99, name: null, why: 'outside' },
];
for (const { body, offset, name, end, why = 'a name' } of reads) {
  test(`readName(): ${why} at ${offset}`, () => {
    const read = readName(message(body), offset);
    assert.deepEqual(read, name === null ? null : { name: Buffer.from(name, 'latin1'), end });
  });
}

test('readName() stops at 255 bytes, pointers or not', () => {
  const labels = parseName(full).subarray(0, -1).toString('latin1');
  assert.equal(readName(message(`${labels}\0`), 12)?.name.length, 255);
  assert.equal(readName(message(`${labels}\x01a\0`), 12), null);
  assert.equal(readName(message(`${labels}\0\x01a\xc0\x0c`), 12 + 255), null);
});

test('readName() gives up on a staircase of pointers', () => {
  const body = Buffer.alloc(12 + 1 + 2 * 8000);
  for (let step = 0; step < 8000; step++) {
    body.writeUInt16BE(0xc000 | (step === 0 ? 12 : 13 + (step - 1) * 2), 13 + step * 2);
  }
  assert.deepEqual(readName(body, 13 + 2 * 100)?.name, rootName);
  assert.equal(readName(body, 13 + 2 * 7999), null);
});

test('nameEnd() takes no pointers', () => {
  assert.equal(nameEnd(Buffer.from('\x01a\0', 'latin1'), 0), 3);
  assert.equal(nameEnd(Buffer.from('\x01a\xc0\x00', 'latin1'), 0), -1);
  assert.equal(nameEnd(Buffer.from('\x01a', 'latin1'), 0), -1);
  assert.equal(nameEnd(Buffer.alloc(0), 0), -1);
  assert.equal(nameEnd(Buffer.concat([parseName(full), rootName]), 0), 255);
  const tooLong = Buffer.concat([parseName(full).subarray(0, -1), Buffer.from('\x01a\0')]);
  assert.equal(nameEnd(tooLong, 0), -1);
});

test('compareNames() has the order of RFC 4034 §6.1', () => {
  const sorted = [
    'example.',
    'a.example.',
    'yljkjljk.a.example.',
    'Z.a.example.',
    'zABC.a.EXAMPLE.',
    'z.example.',
    '\\001.z.example.',
    '*.z.example.',
    '\\200.z.example.',
  ].map((text) => parseName(text));
  for (const [left, one] of sorted.entries()) {
    for (const [right, other] of sorted.entries()) {
      assert.equal(Math.sign(compareNames(one, other)), Math.sign(left - right));
    }
  }
  assert.ok(compareNames(rootName, sorted[0] as TName) < 0);
  assert.equal(compareNames(parseName('A.b.'), parseName('a.B.')), 0);
});

test('isSubdomain() goes by labels, in any case', () => {
  const cases = [
    { child: 'a.example.org.', parent: 'example.org.', is: true },
    { child: 'EXAMPLE.org.', parent: 'example.ORG.', is: true },
    { child: 'aexample.org.', parent: 'example.org.', is: false },
    { child: 'org.', parent: 'example.org.', is: false },
    { child: 'a\\007example.org.', parent: 'example.org.', is: false },
    { child: 'a.', parent: '.', is: true },
    { child: '.', parent: '.', is: true },
    { child: 'example.com.', parent: 'example.org.', is: false },
  ];
  for (const { child, parent, is } of cases) {
    assert.equal(isSubdomain(parseName(child), parseName(parent)), is, `${child} ${parent}`);
  }
});

test('what is made of a name: parents, counts, wildcards, other suffixes', () => {
  const name = parseName('A.b.c.');
  assert.deepEqual(parentOf(name), parseName('b.c.'));
  assert.equal(parentOf(rootName), null);
  assert.deepEqual([labelCount(name), labelCount(rootName)], [3, 0]);
  assert.deepEqual(lastLabels(name, 1), parseName('c.'));
  assert.deepEqual(lastLabels(name, 0), rootName);
  assert.deepEqual(lastLabels(name, 9), name);
  assert.deepEqual(wildcardOf(name), parseName('*.A.b.c.'));
  assert.ok(isWildcard(parseName('*.a.')) && !isWildcard(parseName('**.a.')));
  assert.ok(equalNames(name, parseName('a.B.C.')) && !equalNames(name, parseName('a.b.d.')));
  assert.equal(lowerName(rootName), rootName);
  assert.deepEqual(name, parseName('A.b.c.'), 'lowerName() changes a copy');
  assert.equal(nameKey(name), '\x01a\x01b\x01c\0');
  const moved = replaceSuffix(name, parseName('b.c.'), parseName('example.'));
  assert.deepEqual(moved, parseName('A.example.'));
  assert.equal(replaceSuffix(name, parseName('c.'), parseName(full)), null);
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { quoteBytes, RdataError, tokensOf, unescapeText } from '../ts/dns/codec/tokens.ts';
import { parseTtl } from '../ts/dns/codec/ttl.ts';
import {
  isMetaType,
  rcode,
  rcodeName,
  recordClassOf,
  recordType,
  recordTypeName,
  recordTypeOf,
} from '../ts/dns/codec/types.ts';

test('types: every number has one name, and every name its number', () => {
  const entries = Object.entries(recordType);
  assert.equal(new Set(entries.map(([, type]) => type)).size, entries.length);
  for (const [name, type] of entries) {
    assert.equal(recordTypeName(type), name);
    assert.equal(recordTypeOf(name.toLowerCase()), type);
    assert.equal(recordTypeOf(`TYPE${type}`), type);
  }
  assert.equal(recordTypeName(65534), 'TYPE65534');
  assert.equal(recordTypeOf('type65535'), 65535);
  for (const text of ['', 'TYPE', 'TYPE65536', 'TYPE-1', 'TYPE1x', 'NOSUCH', 'constructor', '1']) {
    assert.equal(recordTypeOf(text), undefined, text);
  }
});

test('classes and rcodes have names too', () => {
  assert.deepEqual([recordClassOf('ch'), recordClassOf('CLASS254')], [3, 254]);
  assert.equal(recordClassOf('CLASS65536'), undefined);
  assert.deepEqual([rcodeName(3), rcodeName(4000)], ['NXDOMAIN', 'RCODE4000']);
  assert.equal(rcodeName(rcode.BADSIG), 'BADVERS', 'of two names the one of messages counts');
});

test('isMetaType() is true for what no zone holds', () => {
  for (const type of ['OPT', 'TSIG', 'TKEY', 'AXFR', 'IXFR', 'ANY', 'MAILB', 'NXNAME', 'TYPE200']) {
    assert.ok(isMetaType(recordTypeOf(type) as number), type);
  }
  for (const type of ['A', 'DS', 'URI', 'EUI64', 'TYPE65534', 'TYPE127', 'TYPE256']) {
    assert.ok(!isMetaType(recordTypeOf(type) as number), type);
  }
});

const ttls = [
  { text: '3600', seconds: 3600 },
  { text: '0', seconds: 0 },
  { text: '1h30m', seconds: 5400 },
  { text: '2W1d1H1M1S', seconds: 1_299_661 },
  { text: '4294967295', seconds: 4_294_967_295 },
  { text: '4294967296', seconds: null },
  { text: '9999999999w', seconds: null },
  { text: '1h30', seconds: null },
  { text: 'h', seconds: null },
  { text: '1y', seconds: null },
  { text: '-1', seconds: null },
  { text: '1.5h', seconds: null },
  { text: '', seconds: null },
];
for (const { text, seconds } of ttls) {
  test(`parseTtl() of "${text}"`, () => assert.equal(parseTtl(text), seconds));
}

const lines = [
  { line: '  a\tb ', tokens: ['a', 'b'] },
  { line: '"a b" c', tokens: ['"a b', 'c'] },
  { line: 'a"b"c', tokens: ['a', '"b', 'c'] },
  { line: 'k="a b"c d', tokens: ['k="a b"c', 'd'] },
  { line: '"a\\"b"', tokens: ['"a\\"b'] },
  { line: 'a\\ b\\"c\\;', tokens: ['a\\ b\\"c\\;'] },
  { line: '""', tokens: ['"'] },
  { line: '"(;)"', tokens: ['"(;)'] },
  { line: '', tokens: [] },
  { line: 'a\\', tokens: ['a\\'] },
];
for (const { line, tokens } of lines) {
  test(`tokensOf() of ${line}`, () => {
    const found = tokensOf(line).map(({ text, quoted }) => (quoted ? `"${text}` : text));
    assert.deepEqual(found, tokens);
  });
}

for (const line of ['"a', 'a "b\\"', 'k="a', '( a )', 'a ; b', 'a\nb', 'a)']) {
  test(`tokensOf() refuses ${JSON.stringify(line)}`, () => {
    assert.throws(() => tokensOf(line), RdataError);
  });
}

test('unescapeText() and quoteBytes() are each other’s inverse, for every byte', () => {
  const all = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte));
  assert.deepEqual(unescapeText(quoteBytes(all).slice(1, -1)), all);
  assert.deepEqual(unescapeText('a\\065\\x€'), Buffer.from('aAx€'));
  assert.equal(unescapeText('\\256'), null);
  assert.equal(unescapeText('a\\'), null);
  assert.equal(quoteBytes(Buffer.from('a"\\\x00ü;')), '"a\\"\\\\\\000\\195\\188;"');
});

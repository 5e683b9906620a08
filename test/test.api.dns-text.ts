import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readData, readName, readOwner, readType } from '../ts/api/record-text.ts';
import { zoneIdOfText } from '../ts/api/zone-input.ts';
import { formatName, isSubdomain, lowerName, parseName } from '../ts/dns/codec/name.ts';
import { knownTypes, rdataCodec } from '../ts/dns/codec/rdata.ts';
import { randomFrom } from './suites/random.ts';

const apex = parseName('example.com');

const pieces = [
  ...['a', 'www', 'example', 'com', '.', '..', '@', '*', '\\', '\\.', '\\000', '\\999', '"', '""'],
  ...['(', ')', ';', '$', ' ', '\t', '\n', '\u0000', '\u202e', 'ü', '\ud800', '💥', 'xn--', '/'],
  ...['192.0.2.1', '::1', '0', '-1', '4294967296', '1e9', '\\# 4 c0000201', '\\#', 'alpn=h2', '='],
  ...['x'.repeat(64), 'y.'.repeat(130), '20260101000000', 'AAECAw==', 'SHA256'],
];

test('texts of strangers are read or refused, and never anything else', () => {
  const random = randomFrom(4);
  const types = knownTypes();
  for (let round = 0; round < 20_000; round++) {
    const count = 1 + random(5);
    const text = Array.from({ length: count }, () => pieces[random(pieces.length)]).join('');
    const owner = readOwner(text, 'example.com', apex);
    if (Buffer.isBuffer(owner)) {
      assert.ok(owner.length <= 255 && isSubdomain(lowerName(owner), apex), text);
      const absolute = readOwner(formatName(owner), 'example.com', apex);
      assert.deepEqual(absolute, owner, text);
    } else {
      assert.ok(owner.problem.length > 0);
    }
    const name = readName(text);
    assert.ok(Buffer.isBuffer(name) ? name.length <= 255 : name.problem.length > 0, text);
    const type = readType(text);
    assert.ok(typeof type === 'number' || type.problem.length > 0);
    assert.equal(typeof zoneIdOfText(text), 'string');
    const known = types[random(types.length)] ?? 1;
    const data = readData(known, text, apex);
    if (!Buffer.isBuffer(data)) assert.ok(data.problem.length > 0);
    else assert.ok(rdataCodec(known).check(data), `${known} ${text}`);
  }
});

const ids: [text: string, id: string][] = [
  ['example.com', 'example.com'],
  ['Example.COM.', 'example.com'],
  ['example.com.@Internal', 'example.com@Internal'],
  ['bücher.example', 'xn--bcher-kva.example'],
  ['.', '.'],
  ['.@v', '.@v'],
  ['0/25.2.0.192.in-addr.arpa', '0/25.2.0.192.in-addr.arpa'],
  ['a..b', 'a..b'],
  ['', ''],
  ['@', '@'],
];

for (const [text, id] of ids) {
  test(`zoneIdOfText(${JSON.stringify(text)})`, () => assert.equal(zoneIdOfText(text), id));
}

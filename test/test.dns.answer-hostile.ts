import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Answerer, ZoneSet } from '../ts/dns/answer/index.ts';
import { decodeMessage, isMessageError } from '../ts/dns/codec/message.ts';
import { rcode } from '../ts/dns/codec/types.ts';
import { decoded, plainEdns, queryFor, zoneOf } from './dns/query.ts';

const text =
  '@ 300 SOA ns h 1 1 1 1 1\n@ 300 NS ns\nns 300 A 192.0.2.1\n* 300 TXT "a"\nd 300 DNAME ns\n';
const client = { address: '192.0.2.77', transport: 'udp' } as const;
const out = Buffer.alloc(4096);

function answererOf(): Answerer {
  const zones = new ZoneSet();
  zones.set(zoneOf(text));
  return new Answerer(zones, { cache: { entriesMax: 64 } });
}

function answer(query: Buffer): Buffer {
  return Buffer.from(out.subarray(0, answererOf().answer(query, client, out)));
}

function with16(query: Buffer, at: number, value: number): Buffer {
  const changed = Buffer.from(query);
  changed.writeUInt16BE(value, at);
  return changed;
}

const query = queryFor('ns.example.org', 'A', { edns: plainEdns });
const plain = queryFor('ns.example.org', 'A');

test('what is shorter than a header, and a response, is never answered', () => {
  for (let length = 0; length < 12; length++)
    assert.equal(answer(query.subarray(0, length)).length, 0);
  for (let opcode = 0; opcode < 16; opcode++) {
    assert.equal(answer(with16(query, 2, 0x8000 | (opcode << 11))).length, 0);
  }
});

test('a query that is cut off anywhere is malformed', () => {
  for (let length = 12; length < query.length; length++) {
    const refused = decoded(answer(query.subarray(0, length)));
    assert.equal(refused.rcode, rcode.FORMERR, `${length} bytes`);
    assert.equal(refused.id, 4711);
  }
});

const malformed = [
  { what: 'two questions', bytes: with16(plain, 4, 2) },
  {
    what: 'two questions that are there',
    bytes: with16(Buffer.concat([plain, plain.subarray(12)]), 4, 2),
  },
  { what: '65535 questions', bytes: with16(plain, 4, 65_535) },
  { what: 'no question, but its bytes', bytes: with16(plain, 4, 0) },
  { what: 'records that are not there', bytes: with16(plain, 6, 1) },
  { what: 'many records that are not there', bytes: with16(plain, 10, 65_535) },
  { what: 'an OPT record that is not counted', bytes: with16(query, 10, 0) },
  { what: 'two OPT records', bytes: with16(Buffer.concat([query, query.subarray(-11)]), 10, 2) },
  { what: 'an OPT record in the answer', bytes: with16(with16(query, 10, 0), 6, 1) },
  { what: 'bytes behind the message', bytes: Buffer.concat([plain, Buffer.alloc(1)]) },
  { what: 'an option that is cut off', bytes: with16(query, query.length - 2, 1) },
  { what: 'a pointer to itself', bytes: with16(plain, 12, 0xc00c) },
  { what: 'a pointer ahead', bytes: with16(plain, 12, 0xc020) },
  { what: 'a label of 64 bytes', bytes: with16(plain, 12, 0x4041) },
];
for (const { what, bytes } of malformed) {
  test(`${what}: FORMERR`, () => {
    const refused = decoded(answer(bytes));
    assert.equal(refused.rcode, rcode.FORMERR);
    assert.deepEqual([refused.answer.length, refused.additional.length], [0, 0]);
  });
}

test('a name of 255 bytes is answered, one of 256 is malformed', () => {
  const label = Buffer.concat([Buffer.of(63), Buffer.alloc(63, 'a')]);
  const apex = Buffer.from('\x07example\x03org\0', 'latin1');
  const name = (rest: number) =>
    Buffer.concat([label, label, label, Buffer.of(rest), Buffer.alloc(rest, 'b'), apex]);
  const ask = (rest: number) =>
    decoded(answer(Buffer.concat([plain.subarray(0, 12), name(rest), Buffer.of(0, 16, 0, 1)])));
  assert.equal(name(49).length, 255);
  assert.deepEqual([ask(49).rcode, ask(49).answer.length], [0, 1]);
  assert.equal(ask(50).rcode, rcode.FORMERR);
});

test('a DNAME whose target would be too long: YXDOMAIN', () => {
  const long = `${'a'.repeat(63)}.${'b'.repeat(63)}.${'c'.repeat(63)}.${'e'.repeat(47)}`;
  assert.equal(decoded(answer(queryFor(`${long}.d.example.org`, 'A'))).rcode, rcode.YXDOMAIN);
});

test('names that look alike in bytes are not mixed up by what is kept', () => {
  const answerer = answererOf();
  const ask = (bytes: Buffer) => Buffer.from(out.subarray(0, answerer.answer(bytes, client, out)));
  for (let index = 0; index < 2000; index++) {
    const name = `n${index % 300}.EXAMPLE.org`;
    const bytes = ask(queryFor(name, index % 2 ? 'TXT' : 'A', { id: index }));
    const message = decoded(bytes);
    assert.equal(message.id, index);
    assert.equal(message.answer.length, index % 2);
    assert.equal(bytes.toString('latin1', 12, 27), queryFor(name, 'A').toString('latin1', 12, 27));
  }
});

test('bytes at random: no fault, no answer that is long or none', () => {
  const answerer = answererOf();
  let seed = 12_345;
  const random = (below: number) => {
    seed = (Math.imul(seed, 1_103_515_245) + 12_345) >>> 0;
    return (seed >>> 8) % below;
  };
  const bases = [plain, query, queryFor('a.d.example.org', 'MX'), queryFor('x.example.org', 'ANY')];
  for (let round = 0; round < 20_000; round++) {
    const bytes = Buffer.from(bases[random(bases.length)] as Buffer);
    for (let count = random(4); count >= 0; count--) bytes[random(bytes.length)] = random(256);
    const asked = bytes.subarray(0, random(4) === 0 ? random(bytes.length) : bytes.length);
    const length = answerer.answer(asked, client, out);
    assert.ok(length >= 0 && length <= 1232);
    if (length === 0) continue;
    const message = decodeMessage(out.subarray(0, length));
    assert.equal(isMessageError(message), false);
    assert.deepEqual(out.subarray(0, 2), asked.subarray(0, 2));
  }
});

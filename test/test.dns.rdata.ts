import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { parseName } from '../ts/dns/codec/name.ts';
import { type IRdataCodec, knownTypes, rdataCodec } from '../ts/dns/codec/rdata.ts';
import { RdataError, tokensOf } from '../ts/dns/codec/tokens.ts';
import { recordTypeName, recordTypeOf } from '../ts/dns/codec/types.ts';

const origin = parseName('example.org.');

interface IVector {
  readonly text: string;
  readonly codec: IRdataCodec;
  readonly data: string;
}

function vectorOf(line: string): IVector {
  const cut = line.includes(' ') ? line.indexOf(' ') : line.length;
  const type = recordTypeOf(line.slice(0, cut));
  assert.ok(type !== undefined, line);
  return { text: line, codec: rdataCodec(type), data: line.slice(cut) };
}

function linesOf(file: string): string[] {
  const text = readFileSync(new URL(`./dns/codec/${file}`, import.meta.url), 'utf8');
  return text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
}

function parse(line: string): Buffer {
  const { codec, data } = vectorOf(line);
  return codec.parse(tokensOf(data), origin);
}

const lines = linesOf('rdata.txt');
for (let index = 0; index < lines.length; index += 2) {
  const { text, codec, data } = vectorOf(lines[index] as string);
  const hex = (lines[index + 1] as string).trim().split(' ')[1] ?? '';
  test(`rdata of ${text.slice(0, 60)}`, () => {
    const rdata = codec.parse(tokensOf(data), origin);
    assert.equal(rdata.toString('hex'), hex);
    assert.ok(codec.check(rdata));
    assert.deepEqual(
      codec.uncompress(Buffer.concat([Buffer.alloc(12), rdata]), 12, rdata.length),
      rdata,
    );
    // What we write means the same, and is written the same the next time.
    const written = codec.format(rdata);
    assert.deepEqual(codec.parse(tokensOf(written), origin), rdata, written);
    // RFC 3597 §5: the generic form is one of every type.
    const generic = codec.parse(tokensOf(`\\# ${rdata.length} ${hex}`), origin);
    assert.deepEqual(generic, rdata);
    // Nothing shorter or longer is well-formed, unless what ends it may have any length.
    assert.deepEqual(codec.canonical(codec.canonical(rdata)), codec.canonical(rdata));
  });
}

for (const line of linesOf('refused.txt')) {
  test(`rdata refuses ${line.slice(0, 60)}`, () => {
    assert.throws(() => parse(line), RdataError);
  });
}

test('the vectors have every type that we know', () => {
  const types = new Set(
    lines.filter((_, index) => index % 2 === 0).map((line) => line.split(' ')[0]),
  );
  for (const type of knownTypes()) assert.ok(types.has(recordTypeName(type)), recordTypeName(type));
});

const errors = [
  { line: 'MX 10 a..b', token: 1, expected: 'the name of a mail server (this has an empty label)' },
  { line: 'A 1.2.3.4 5', token: 1, expected: 'the end of the record' },
  { line: 'A', token: 0, expected: 'an IPv4 address' },
  { line: 'SRV 1 2 x a.', token: 2, expected: 'a port (0 to 65535)' },
  { line: 'SOA a. b. 1 2 3', token: 5, expected: 'the expiry interval' },
  { line: 'A \\# 3 010203', token: 1, expected: 'well-formed data of this type' },
  { line: 'TYPE65000 1', token: 0, expected: 'unknown data like \\# 2 c001' },
];
for (const { line, token, expected } of errors) {
  test(`RdataError of "${line}" says where and what`, () => {
    assert.throws(
      () => parse(line),
      (error) => {
        assert.ok(error instanceof RdataError);
        assert.deepEqual([error.token, error.expected], [token, expected]);
        return true;
      },
    );
  });
}

const texts = [
  { line: 'MX 10 mail', text: '10 mail.example.org.' },
  { line: 'MX 10 @', text: '10 example.org.' },
  { line: 'TXT "é" é', text: '"\\195\\169" "\\195\\169"' },
  { line: 'TXT 🚀', text: '"\\240\\159\\154\\128"' },
  { line: 'AAAA ::ffff:1.2.3.4', text: '::ffff:1.2.3.4' },
  {
    line: 'LOC 42 21 54 N 71 06 18 W -24m 30m',
    text: '42 21 54.000 N 71 6 18.000 W -24.00m 30.00m 10000.00m 10.00m',
  },
  { line: 'CAA 0 issue ca.example', text: '0 issue "ca.example"' },
  { line: `DS 1 ED25519 SHA-256 ${'ab'.repeat(32)}`, text: `1 15 2 ${'AB'.repeat(32)}` },
  { line: 'TLSA DANE-EE SPKI SHA2-256 abcd', text: '3 1 1 ABCD' },
  {
    line: 'RRSIG A 13 2 1h 4294967295 0 1 . AA==',
    text: 'A 13 2 3600 21060207062815 19700101000000 1 . AA==',
  },
  { line: 'HTTPS 1 . ohttp alpn="h2"', text: '1 . alpn="h2" ohttp' },
];
for (const { line, text } of texts) {
  test(`format() of ${line.slice(0, 50)}`, () => {
    assert.equal(vectorOf(line).codec.format(parse(line)), text);
  });
}

const malformed = [
  { type: 'A', hex: 'c00002' },
  { type: 'A', hex: 'c000020100' },
  { type: 'NS', hex: '' },
  { type: 'NS', hex: '0161' },
  { type: 'NS', hex: 'c00c' },
  { type: 'NS', hex: '0000' },
  { type: 'TXT', hex: '' },
  { type: 'TXT', hex: '0261' },
  { type: 'SOA', hex: '00000000000100000002000000030000000400000005'.slice(0, -2) },
  { type: 'NSEC', hex: '00' },
  { type: 'NSEC', hex: '00000100' },
  { type: 'NSEC', hex: '00000240' },
  { type: 'NSEC', hex: '0000024000' },
  { type: 'NSEC', hex: '00010140000140' },
  { type: 'NSEC', hex: `000021${'01'.repeat(33)}` },
  { type: 'NSEC3', hex: '010000000000' },
  { type: 'CAA', hex: '0000' },
  { type: 'CAA', hex: '00022d61' },
  { type: 'SVCB', hex: '000100000300020050000300020050' },
  { type: 'SVCB', hex: '00010000030001' },
  { type: 'SVCB', hex: '0001000001000003026832' },
  { type: 'SVCB', hex: '00010000010003026832'.slice(0, -2) },
  { type: 'LOC', hex: '00a0000080000000800000000098968'.padEnd(32, '0') },
  { type: 'APL', hex: '00012104c0000201' },
  { type: 'HIP', hex: '0002000100' },
  { type: 'IPSECKEY', hex: '0a0400' },
  { type: 'DS', hex: '00010809' },
  { type: 'DNSKEY', hex: '01000308' },
  { type: 'TLSA', hex: '030101' },
  { type: 'OPENPGPKEY', hex: '' },
];
for (const { type, hex } of malformed) {
  test(`${type} rdata ${hex || 'without bytes'} is malformed, and has the generic text`, () => {
    const codec = rdataCodec(recordTypeOf(type) as number);
    const rdata = Buffer.from(hex, 'hex');
    assert.equal(codec.check(rdata), false);
    assert.equal(codec.format(rdata), `\\# ${rdata.length} ${hex.toUpperCase()}`.trim());
    const message = Buffer.concat([Buffer.alloc(12), rdata]);
    assert.equal(codec.uncompress(message, 12, rdata.length), null);
  });
}

test('uncompress() expands names where RFC 3597 §4 allows it, and there only', () => {
  const message = Buffer.concat([
    Buffer.alloc(12),
    parseName('a.example.'),
    Buffer.from('000ac00c', 'hex'),
  ]);
  const expanded = Buffer.concat([Buffer.of(0, 10), parseName('a.example.')]);
  const offset = message.length - 4;
  assert.deepEqual(rdataCodec(15).uncompress(message, offset, 4), expanded);
  for (const type of ['KX', 'SVCB', 'LP']) {
    const codec = rdataCodec(recordTypeOf(type) as number);
    assert.equal(codec.uncompress(message, offset, 4), null, type);
  }
  const dname = rdataCodec(recordTypeOf('DNAME') as number);
  assert.equal(dname.uncompress(message, offset + 2, 2), null);
  // A name must end where the data does.
  assert.equal(rdataCodec(15).uncompress(message, offset, 3), null);
  assert.equal(rdataCodec(15).uncompress(message, offset - 10, 4), null);
  assert.equal(rdataCodec(15).uncompress(message, offset, 5), null);
});

test('canonical() lowers the names that RFC 4034 §6.2 and RFC 6840 §5.1 list', () => {
  const lowered = ['MX 1 A.B.', 'SOA A. B. 1 2 3 4 5', 'DNAME A.B.', 'SRV 1 2 3 A.', 'RP A. B.'];
  for (const line of lowered) {
    const canonical = vectorOf(line).codec.canonical(parse(line));
    assert.deepEqual(canonical, parse(line.replace(/[AB]\./g, (name) => name.toLowerCase())));
  }
  for (const line of ['NSEC A.B. NS', 'SVCB 1 A. alpn=H2', 'TXT "A.B."', 'HINFO A B', 'LP 1 A.']) {
    assert.deepEqual(vectorOf(line).codec.canonical(parse(line)), parse(line));
  }
});

test('names() gives what additional data is looked up for', () => {
  const cases = [
    { line: 'MX 1 Mail.b.', names: ['Mail.b.'] },
    { line: 'NS ns.', names: ['ns.'] },
    { line: 'SRV 1 2 3 sip.b.', names: ['sip.b.'] },
    { line: 'HTTPS 1 svc.b. alpn=h2', names: ['svc.b.'] },
    { line: 'SOA a. b. 1 2 3 4 5', names: [] },
    { line: 'CNAME a.', names: [] },
    { line: 'A 1.2.3.4', names: [] },
    { line: 'TYPE65000 \\# 1 00', names: [] },
  ];
  for (const { line, names } of cases) {
    const found = vectorOf(line).codec.names(parse(line));
    assert.deepEqual(
      found,
      names.map((name) => parseName(name)),
      line,
    );
  }
});

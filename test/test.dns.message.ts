import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { encodeMessage } from '../ts/dns/codec/encode.ts';
import {
  decodeMessage,
  emptyMessage,
  type IMessage,
  type IRecord,
  isMessageError,
  readHeader,
  responseTo,
} from '../ts/dns/codec/message.ts';
import { formatName, parseName } from '../ts/dns/codec/name.ts';
import { rdataCodec } from '../ts/dns/codec/rdata.ts';
import { tokensOf } from '../ts/dns/codec/tokens.ts';
import { rcode, recordClass, recordType, recordTypeOf } from '../ts/dns/codec/types.ts';

type TTextRecord = [name: string, ttl: number, classNumber: number, type: number, hex: string];

/** What dnspython 2.3.0 wrote and read. */
interface IFixture {
  title: string;
  wire: string;
  id: number;
  opcode: number;
  rcode: number;
  flags: string;
  question: [name: string, classNumber: number, type: number][];
  answer: TTextRecord[];
  authority: TTextRecord[];
  additional: TTextRecord[];
  edns: null | { udpSize: number; version: number; do: boolean; options: [number, string][] };
}

const file = new URL('./dns/codec/messages.json', import.meta.url);
const fixtures = JSON.parse(readFileSync(file, 'utf8')) as IFixture[];

function decoded(bytes: Buffer): IMessage {
  const message = decodeMessage(bytes);
  if (isMessageError(message)) assert.fail(message.reason);
  return message;
}

function texts(records: readonly IRecord[]): TTextRecord[] {
  return records.map(({ name, ttl, class: classNumber, type, rdata }) => [
    formatName(name),
    ttl,
    classNumber,
    type,
    rdata.toString('hex'),
  ]);
}

function flagsOf(message: IMessage): string {
  const flags: [string, boolean][] = [
    ['QR', message.response],
    ['AA', message.authoritative],
    ['TC', message.truncated],
    ['RD', message.recursionDesired],
    ['RA', message.recursionAvailable],
    ['AD', message.authenticatedData],
    ['CD', message.checkingDisabled],
  ];
  return flags.flatMap(([flag, isSet]) => (isSet ? [flag] : [])).join(' ');
}

for (const fixture of fixtures) {
  test(`decodeMessage(): ${fixture.title}`, () => {
    const wire = Buffer.from(fixture.wire, 'hex');
    const message = decoded(wire);
    const { id, opcode, rcode: code, edns } = message;
    assert.deepEqual(
      { id, opcode, rcode: code, flags: flagsOf(message) },
      { id: fixture.id, opcode: fixture.opcode, rcode: fixture.rcode, flags: fixture.flags },
    );
    assert.deepEqual(
      message.question.map((question) => [
        formatName(question.name),
        question.class,
        question.type,
      ]),
      fixture.question,
    );
    for (const section of ['answer', 'authority', 'additional'] as const) {
      assert.deepEqual(texts(message[section]), fixture[section], section);
    }
    const options = edns?.options.map(({ code: number, data }) => [number, data.toString('hex')]);
    assert.deepEqual(edns === null ? null : { ...edns, options }, fixture.edns);

    const again = encodeMessage(message);
    assert.deepEqual(decoded(again), message);
    // It compresses the names of SRV and NAPTR records, which RFC 3597 §4 forbids.
    const isComparable = !message.answer.some(({ type }) => type === recordType.SRV);
    if (isComparable) assert.ok(again.length <= wire.length, `${again.length} > ${wire.length}`);
    assert.deepEqual(decoded(encodeMessage(message, { compress: false })), message);
  });
}

const asked = { name: parseName('WwW.Example.ORG.'), type: recordType.A, class: recordClass.IN };

function record(name: string, type: string, data: string, ttl = 60): IRecord {
  const number = recordTypeOf(type) as number;
  const rdata = rdataCodec(number).parse(tokensOf(data), parseName('.'));
  return { name: parseName(name), type: number, class: recordClass.IN, ttl, rdata };
}

const addresses = Array.from({ length: 40 }, (_, index) =>
  record('www.example.org.', 'A', `192.0.2.${index}`),
);
const servers = ['ns1', 'ns2'].map((name) => record('example.org.', 'NS', `${name}.example.org.`));
const glue = ['ns1', 'ns2'].map((name) => record(`${name}.example.org.`, 'A', '192.0.2.1'));

function answer(parts: Partial<IMessage>): IMessage {
  return { ...emptyMessage, response: true, question: [asked], ...parts };
}

test('encodeMessage() keeps the case of every name, that of compressed ones too', () => {
  const message = answer({
    answer: [record('WWW.EXAMPLE.ORG.', 'CNAME', 'www.example.ORG.'), ...addresses.slice(0, 2)],
  });
  assert.deepEqual(decoded(encodeMessage(message)), message);
});

test('encodeMessage() compresses names in the data of the types of RFC 1035 only', () => {
  const size = (type: string, data: string) =>
    encodeMessage(answer({ answer: [record('WwW.Example.ORG.', type, data)] })).length;
  const head = 12 + asked.name.length + 4 + 2 + 10;
  assert.equal(size('MX', '1 WwW.Example.ORG.'), head + 2 + 2);
  assert.equal(size('PTR', 'a.Example.ORG.'), head + 2 + 2);
  assert.equal(size('SRV', '1 2 3 WwW.Example.ORG.'), head + 6 + asked.name.length);
  assert.equal(size('DNAME', 'WwW.Example.ORG.'), head + asked.name.length);
});

test('encodeMessage() points nowhere behind 16,383 bytes', () => {
  const texts = Array.from({ length: 80 }, (_, index) =>
    record(`t${index}.example.org.`, 'TXT', `"${'x'.repeat(250)}"`),
  );
  const message = answer({ answer: [...texts, record('far.away.', 'NS', 'ns.far.away.')] });
  assert.deepEqual(decoded(encodeMessage(message)), message);
});

test('encodeMessage() cuts whole record sets and sets TC, in answer and authority', () => {
  const message = answer({ answer: addresses, authority: servers, additional: glue });
  assert.equal(decoded(encodeMessage(message)).truncated, false);
  const short = decoded(encodeMessage(message, { sizeMax: 512 }));
  assert.ok(short.truncated);
  assert.deepEqual([short.answer, short.authority, short.additional], [[], [], []]);
  assert.deepEqual(short.question, [asked]);

  const whole = encodeMessage(answer({ answer: addresses })).length;
  const exact = encodeMessage(message, { sizeMax: whole });
  assert.equal(exact.length, whole);
  assert.deepEqual(decoded(exact).answer, addresses);
  assert.ok(decoded(exact).truncated);
  assert.deepEqual(decoded(encodeMessage(message, { sizeMax: whole - 1 })).answer, []);
});

test('encodeMessage() leaves out additional records silently, unless they are needed', () => {
  const message = answer({ authority: servers, additional: glue });
  const sizeMax = encodeMessage(message).length - 1;
  const optional = decoded(encodeMessage(message, { sizeMax }));
  assert.deepEqual([optional.truncated, optional.additional], [false, glue.slice(0, 1)]);
  assert.ok(decoded(encodeMessage(message, { sizeMax, additionalNeeded: 2 })).truncated);
  assert.ok(!decoded(encodeMessage(message, { sizeMax, additionalNeeded: 1 })).truncated);
});

test('encodeMessage() always has room for OPT, within the limit', () => {
  const edns = {
    udpSize: 1232,
    version: 0,
    do: true,
    options: [{ code: 3, data: Buffer.from('name') }],
  };
  for (let sizeMax = 512; sizeMax < 800; sizeMax++) {
    const message = answer({ answer: addresses, authority: servers, additional: glue, edns });
    const bytes = encodeMessage(message, { sizeMax });
    assert.ok(bytes.length <= sizeMax);
    assert.deepEqual(decoded(bytes).edns, edns);
  }
});

test('encodeMessage() refuses what cannot be written', () => {
  assert.throws(() => encodeMessage(answer({}), { sizeMax: 20 }), RangeError);
  assert.throws(() => encodeMessage(answer({ rcode: rcode.BADVERS })), RangeError);
  const tooMany = Array.from({ length: 5000 }, () => record('a.', 'TXT', `"${'x'.repeat(200)}"`));
  assert.deepEqual(decoded(encodeMessage(answer({ answer: tooMany }))).answer, []);
});

test('responseTo() repeats id, opcode, RD, CD and the question as it was asked', () => {
  const query = { ...emptyMessage, id: 7, recursionDesired: true, question: [asked], opcode: 4 };
  const response = responseTo({ ...query, authoritative: true, truncated: true }, rcode.REFUSED);
  assert.deepEqual(response, {
    ...emptyMessage,
    id: 7,
    opcode: 4,
    response: true,
    recursionDesired: true,
    question: [asked],
    rcode: rcode.REFUSED,
  });
});

/** A message of a header with these counts and what follows. */
function raw(counts: readonly number[], body: string, flags = 0x0100): Buffer {
  const header = Buffer.alloc(12);
  for (const [index, value] of [0xabcd, flags, ...counts].entries()) {
    header.writeUInt16BE(value, index * 2);
  }
  return Buffer.concat([header, Buffer.from(body.replaceAll(' ', ''), 'hex')]);
}

const question = '0161 00 0001 0001';
const opt = '00 0029 04d0 00000000 0000';
const tsig = '0161 00 00fa 00ff 00000000 0000';
const broken = [
  { why: 'a question that is missing', bytes: raw([1, 0, 0, 0], '') },
  { why: 'a question cut off', bytes: raw([1, 0, 0, 0], '0161 00 0001 00') },
  { why: 'two questions', bytes: raw([2, 0, 0, 0], question + question) },
  { why: 'a byte too many', bytes: raw([1, 0, 0, 0], `${question} 00`) },
  { why: 'records that are missing', bytes: raw([1, 65535, 65535, 65535], question) },
  { why: 'a record cut off', bytes: raw([1, 1, 0, 0], `${question} c00c 0001 0001 00000000 00`) },
  {
    why: 'data cut off',
    bytes: raw([1, 1, 0, 0], `${question} c00c 0001 0001 00000000 0004 c000`),
  },
  { why: 'an A record of 3 bytes', bytes: raw([0, 1, 0, 0], '00 0001 0001 00000000 0003 c00002') },
  { why: 'an A record without data', bytes: raw([0, 1, 0, 0], '00 0001 0001 00000000 0000') },
  { why: 'a pointer to itself', bytes: raw([1, 0, 0, 0], 'c00c 0001 0001') },
  { why: 'two OPT records', bytes: raw([0, 0, 0, 2], opt + opt) },
  { why: 'OPT as an answer', bytes: raw([0, 1, 0, 0], opt) },
  { why: 'OPT with a name', bytes: raw([0, 0, 0, 1], '0161 00 0029 04d0 00000000 0000') },
  { why: 'an option cut off', bytes: raw([0, 0, 0, 1], '00 0029 04d0 00000000 0005 000a000200') },
  { why: 'half an option', bytes: raw([0, 0, 0, 1], '00 0029 04d0 00000000 0003 000a00') },
  { why: 'TSIG before OPT', bytes: raw([0, 0, 0, 2], tsig + opt) },
  { why: 'TSIG as an answer', bytes: raw([0, 1, 0, 0], tsig) },
  { why: 'TSIG in the class IN', bytes: raw([0, 0, 0, 1], tsig.replace('00ff', '0001')) },
  { why: 'TSIG with a TTL', bytes: raw([0, 0, 0, 1], '0161 00 00fa 00ff 00000001 0000') },
  {
    why: 'a compressed DNAME',
    bytes: raw([1, 1, 0, 0], `${question} c00c 0027 0001 00000000 0002 c00c`),
  },
];
for (const { why, bytes } of broken) {
  test(`decodeMessage(): ${why} is a FORMERR, and dropped in a response`, () => {
    const error = decodeMessage(bytes);
    assert.ok(isMessageError(error));
    assert.equal(error.error, 'formerr');
    assert.deepEqual([error.header?.id, error.header?.recursionDesired], [0xabcd, true]);
    const reply = Buffer.from(bytes);
    reply[2] = 0x81;
    const dropped = decodeMessage(reply);
    assert.ok(isMessageError(dropped));
    assert.deepEqual([dropped.error, dropped.header?.response], ['drop', true]);
  });
}

test('decodeMessage() gives what it could read of the question', () => {
  const error = decodeMessage(raw([1, 1, 0, 0], question));
  assert.ok(isMessageError(error));
  assert.deepEqual(error.question, [{ name: parseName('a.'), type: 1, class: 1 }]);
});

test('decodeMessage() drops less than a header', () => {
  for (let length = 0; length < 12; length++) {
    const error = decodeMessage(Buffer.alloc(length));
    assert.ok(isMessageError(error));
    assert.deepEqual([error.error, error.header], ['drop', null]);
    assert.equal(readHeader(Buffer.alloc(length)), null);
  }
  assert.deepEqual(decodeMessage(Buffer.alloc(12)), emptyMessage);
});

test('decodeMessage() takes a TTL above 2^31 - 1 as 0: RFC 2181 §8', () => {
  const ttlOf = (ttl: string) =>
    decoded(raw([0, 1, 0, 0], `00 0001 0001 ${ttl} 0004 c0000201`)).answer[0]?.ttl;
  assert.deepEqual([ttlOf('7fffffff'), ttlOf('80000000'), ttlOf('ffffffff')], [0x7fffffff, 0, 0]);
});

test('decodeMessage() knows that an A record of the class CH is none of ours', () => {
  const message = decoded(raw([0, 1, 0, 0], '00 0001 0003 00000000 0003 000102'));
  assert.deepEqual(message.answer[0]?.rdata, Buffer.of(0, 1, 2));
});

test('decodeMessage() takes options of another version of EDNS for what they are: unknown', () => {
  const message = decoded(raw([0, 0, 0, 1], '00 0029 04d0 00018000 0003 000a00'));
  assert.deepEqual(message.edns, { udpSize: 1232, version: 1, do: true, options: [] });
});

test('decodeMessage() is quick with the worst of names', () => {
  // 127 labels behind a staircase of pointers, which each record goes down.
  const head = Buffer.alloc(12);
  const labels = Buffer.concat([...Array(127).fill(Buffer.of(1, 0x61)), Buffer.of(0)]);
  const records: Buffer[] = [];
  let target = 12;
  let at = 12 + labels.length + 10;
  head.writeUInt16BE(5000, 6);
  for (let index = 1; index < 5000; index++) {
    const next = Buffer.alloc(12);
    next.writeUInt16BE(0xc000 | target, 0);
    next.writeUInt16BE(65280, 2);
    records.push(next);
    if (index < 100) target = at;
    at += 12;
  }
  const bytes = Buffer.concat([
    head,
    labels,
    Buffer.from('ff000001000000000000', 'hex'),
    ...records,
  ]);
  const start = performance.now();
  assert.equal(decoded(bytes).answer.length, 5000);
  assert.ok(performance.now() - start < 1000);
});

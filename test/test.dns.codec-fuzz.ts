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
} from '../ts/dns/codec/message.ts';
import {
  compareNames,
  formatName,
  isName,
  NameError,
  parseName,
  readName,
} from '../ts/dns/codec/name.ts';
import { knownTypes, rdataCodec } from '../ts/dns/codec/rdata.ts';
import { RdataError, tokensOf } from '../ts/dns/codec/tokens.ts';
import { makeTsigKey, signMessage, verifyMessage } from '../ts/dns/codec/tsig.ts';
import { recordClass, recordTypeOf } from '../ts/dns/codec/types.ts';
import { Random } from './fuzz/random.ts';
import { freshSeed } from './fuzz/run.ts';

interface IVector {
  readonly type: number;
  readonly text: string;
  readonly rdata: Buffer;
}

const root = parseName('.');
const vectors = readVectors();

function readVectors(): IVector[] {
  const file = readFileSync(new URL('./dns/codec/rdata.txt', import.meta.url), 'utf8');
  const lines = file.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return lines.flatMap((line, index) => {
    const hex = /^ {2}\S+ ?(\S*)$/.exec(lines[index + 1] ?? '')?.[1];
    if (hex === undefined) return [];
    const [name = ''] = line.split(' ');
    const type = recordTypeOf(name) as number;
    return [{ type, text: line.slice(name.length), rdata: Buffer.from(hex, 'hex') }];
  });
}

/** Runs `check` for three seeds, and names seed and round of what fails. */
function fuzz(rounds: number, check: (random: Random) => void): void {
  for (const seed of [1, 2, freshSeed()]) {
    const random = new Random(seed);
    for (let round = 0; round < rounds; round++) {
      try {
        check(random);
      } catch (error) {
        throw new Error(`Seed ${seed}, round ${round}`, { cause: error });
      }
    }
  }
}

const oddBytes = [0, 1, 2, 3, 0x0c, 0x29, 0x3f, 0x40, 0x7f, 0x80, 0xc0, 0xc1, 0xfa, 0xff];

function mutate(random: Random, bytes: Buffer): Buffer {
  let mutant = Buffer.from(bytes);
  for (let count = random.number(4); count > 0; count--) {
    const at = random.number(mutant.length + 1);
    const [before, after] = [mutant.subarray(0, at), mutant.subarray(at)];
    switch (random.number(7)) {
      case 0:
        mutant = Buffer.concat([before, after.subarray(1 + random.number(4))]);
        break;
      case 1:
        mutant = Buffer.concat([before, Buffer.of(random.pick(oddBytes)), after]);
        break;
      case 2:
        mutant = Buffer.concat([before, after.subarray(0, 1 + random.number(30)), after]);
        break;
      case 3:
        mutant = Buffer.from(before);
        break;
      case 4:
        if (after.length > 0) after[0] = (after[0] as number) ^ (1 << random.number(8));
        break;
      case 5:
        // A pointer, mostly to somewhere.
        if (after.length > 1) after.writeUInt16BE(0xc000 | random.number(mutant.length + 4));
        break;
      default:
        if (after.length > 0) after[0] = random.pick(oddBytes);
    }
  }
  return mutant;
}

const labels = ['a', 'A', 'www', 'example', 'Example', 'org', '*', '_tcp', '\\000', 'x'.repeat(63)];

function randomName(random: Random): Buffer {
  const count = random.number(4);
  return parseName(Array.from({ length: count }, () => random.pick(labels)).join('.') || '.');
}

function randomRecord(random: Random): IRecord {
  const { type, rdata } = random.pick(vectors);
  const ttl = random.pick([0, 1, 3600, 0x7fff_ffff]);
  return { name: randomName(random), type, class: recordClass.IN, ttl, rdata };
}

function randomMessage(random: Random): IMessage {
  const records = () => Array.from({ length: random.number(5) }, () => randomRecord(random));
  const edns = {
    udpSize: random.number(65_536),
    version: random.mostly(0, 5, [1, 255]),
    do: random.oneIn(2),
    options: [] as { code: number; data: Buffer }[],
  };
  for (let count = random.number(3); count > 0 && edns.version === 0; count--) {
    const data = Buffer.alloc(random.pick([0, 8, 16, 24, 41]), random.number(256));
    edns.options.push({ code: random.pick([3, 10, 11, 12, 15, 65001]), data });
  }
  const hasEdns = random.oneIn(2);
  return {
    ...emptyMessage,
    id: random.number(65_536),
    response: random.oneIn(2),
    opcode: random.number(16),
    authoritative: random.oneIn(2),
    truncated: random.oneIn(2),
    recursionDesired: random.oneIn(2),
    recursionAvailable: random.oneIn(2),
    authenticatedData: random.oneIn(2),
    checkingDisabled: random.oneIn(2),
    rcode: random.number(hasEdns ? 4096 : 16),
    question: random.oneIn(4) ? [] : [{ name: randomName(random), type: 1, class: 1 }],
    answer: records(),
    authority: records(),
    additional: records(),
    edns: hasEdns ? edns : null,
  };
}

test('fuzz: decoding is the inverse of encoding', () => {
  fuzz(400, (random) => {
    const message = randomMessage(random);
    const bytes = encodeMessage(message, { compress: !random.oneIn(4) });
    assert.deepEqual(decodeMessage(bytes), message);
    const sizeMax = 512 + random.number(1024);
    const short = encodeMessage(message, { sizeMax, compress: random.oneIn(2) });
    assert.ok(short.length <= sizeMax);
    const decoded = decodeMessage(short);
    assert.ok(!isMessageError(decoded));
    if (short.length < bytes.length && decoded.answer.length < message.answer.length) {
      assert.ok(decoded.truncated);
    }
  });
});

const key = makeTsigKey('key.example.', 'hmac-sha256', 'c2VjcmV0');

test('fuzz: whatever comes is decoded or refused, and what is decoded can be written', () => {
  let accepted = 0;
  let refused = 0;
  fuzz(2500, (random) => {
    const clean = encodeMessage(randomMessage(random));
    const bytes = mutate(
      random,
      random.oneIn(4) ? signMessage(clean, key, { time: 1 }).bytes : clean,
    );
    const decoded = decodeMessage(bytes);
    // What lies around the bytes does not count.
    const start = 1 + random.number(20);
    const padded = Buffer.alloc(start + bytes.length + 20, random.pick(oddBytes));
    bytes.copy(padded, start);
    assert.deepEqual(decodeMessage(padded.subarray(start, start + bytes.length)), decoded);
    const verified = verifyMessage(bytes, { keyOf: () => key, time: 1 });
    if (isMessageError(decoded)) {
      refused++;
      assert.equal(decoded.header === null, bytes.length < 12);
      return;
    }
    accepted++;
    assert.notEqual(verified.kind === 'verified' && decoded.tsig === null, true);
    const again = encodeMessage(decoded);
    assert.deepEqual(decodeMessage(again), decoded);
    for (const record of [...decoded.answer, ...decoded.authority, ...decoded.additional]) {
      assert.ok(isName(record.name));
      const codec = rdataCodec(record.type);
      if (!codec.check(record.rdata)) continue;
      for (const name of codec.names(record.rdata)) assert.ok(isName(name));
      assert.equal(codec.canonical(record.rdata).length, record.rdata.length);
    }
  });
  // Otherwise the generator is not worth much.
  assert.ok(accepted > 1000 && refused > 1000, `${accepted} accepted, ${refused} refused`);
});

test('fuzz: bytes by themselves', () => {
  fuzz(2000, (random) => {
    const bytes = Buffer.from(
      Array.from({ length: random.number(80) }, () =>
        random.mostly(random.number(256), 2, oddBytes),
      ),
    );
    decodeMessage(bytes);
    verifyMessage(bytes, { keyOf: () => key, time: 1 });
    const read = readName(bytes, random.number(90));
    if (read !== null) assert.ok(isName(read.name) && read.end <= bytes.length);
  });
});

test('fuzz: data has a text which means exactly that data, in every type', () => {
  const types = [...knownTypes(), 65534];
  const counts = new Map<number, number>();
  fuzz(6000, (random) => {
    const type = random.pick(types);
    const samples = vectors.filter((vector) => vector.type === type);
    const sample = samples.length === 0 ? Buffer.alloc(3) : random.pick(samples).rdata;
    const rdata = mutate(random, sample);
    const codec = rdataCodec(type);
    const text = codec.format(rdata);
    const isGood = codec.check(rdata);
    const message = Buffer.concat([Buffer.alloc(12), rdata]);
    const read = codec.uncompress(message, 12, rdata.length);
    if (isGood) assert.deepEqual(read, rdata);
    // Names may be compressed there, so that more is well-formed.
    else if (read !== null) assert.ok(codec.check(read));
    if (!isGood) {
      assert.match(text, /^\\# \d+/);
      assert.throws(() => codec.parse(tokensOf(text), root), RdataError);
      return;
    }
    counts.set(type, (counts.get(type) ?? 0) + 1);
    assert.deepEqual(codec.parse(tokensOf(text), root), rdata, `${type} ${text}`);
    const canonical = codec.canonical(rdata);
    assert.ok(codec.check(canonical));
    assert.deepEqual(codec.canonical(canonical), canonical);
  });
  for (const type of types) assert.ok((counts.get(type) ?? 0) > 10, `type ${type}`);
});

test('fuzz: text of data is read or refused by RdataError, and what is read is well-formed', () => {
  const words = [
    '\\',
    '"',
    '=',
    ',',
    '.',
    '-',
    '\\000',
    '\\256',
    '\\#',
    ' ',
    '0',
    '99999',
    'A',
    '@',
    'é',
  ];
  let accepted = 0;
  fuzz(6000, (random) => {
    const { type, text } = random.pick(vectors);
    let mutant = text;
    for (let count = random.number(3); count > 0; count--) {
      const at = random.number(mutant.length + 1);
      const rest = mutant.slice(at + random.number(3));
      mutant = mutant.slice(0, at) + random.pick(words) + rest;
    }
    const codec = rdataCodec(random.mostly(type, 10, knownTypes()));
    let rdata: Buffer;
    try {
      rdata = codec.parse(tokensOf(mutant), root);
    } catch (error) {
      assert.ok(error instanceof RdataError, `${mutant}: ${error}`);
      return;
    }
    accepted++;
    assert.ok(codec.check(rdata), mutant);
    assert.deepEqual(codec.parse(tokensOf(codec.format(rdata)), root), rdata, mutant);
  });
  assert.ok(accepted > 3000, String(accepted));
});

test('fuzz: names', () => {
  const pieces = [
    'a',
    'B',
    '.',
    '..',
    '\\',
    '\\.',
    '\\065',
    '\\999',
    '\\0',
    'é',
    '🚀',
    '*',
    '@',
    '\0',
  ];
  fuzz(4000, (random) => {
    const count = random.mostly(random.number(8), 20, [200]);
    const text = Array.from({ length: count }, () => random.pick(pieces)).join('');
    let name: Buffer;
    try {
      name = parseName(text);
    } catch (error) {
      assert.ok(error instanceof NameError, text);
      return;
    }
    assert.ok(isName(name), text);
    assert.deepEqual(parseName(formatName(name)), name, text);
    const other = randomName(random);
    assert.ok(compareNames(name, other) === -compareNames(other, name));
  });
});

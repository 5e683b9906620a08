import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { encodeMessage } from '../ts/dns/codec/encode.ts';
import { decodeMessage, emptyMessage, isMessageError } from '../ts/dns/codec/message.ts';
import { nameKey, parseName, type TName } from '../ts/dns/codec/name.ts';
import {
  type ITsigKey,
  makeTsigKey,
  readTsig,
  refuseMessage,
  signMessage,
  splitTsig,
  type TVerified,
  tsigBytes,
  verifyMessage,
} from '../ts/dns/codec/tsig.ts';
import { TsigSigner, TsigStream } from '../ts/dns/codec/tsig-stream.ts';
import { rcode } from '../ts/dns/codec/types.ts';

/** What dnspython 2.3.0 signed. */
interface ICase {
  algorithm: string;
  secret: string;
  time: number;
  query: string;
  queryMac: string;
  answer: string;
  stream: string[];
}

const file = new URL('./dns/codec/tsig.json', import.meta.url);
const fixtures = JSON.parse(readFileSync(file, 'utf8')) as { key: string; cases: ICase[] };

function lookup(...keys: ITsigKey[]): (name: TName) => ITsigKey | undefined {
  const byName = new Map(keys.map((key) => [nameKey(key.name), key]));
  return (name) => byName.get(nameKey(name));
}

function errorOf(verified: TVerified): number | string {
  return verified.kind === 'refused' ? verified.error : verified.kind;
}

for (const { algorithm, secret, time, query, queryMac, answer, stream } of fixtures.cases) {
  const key = makeTsigKey(fixtures.key, algorithm, secret, { sha1: true });
  const keyOf = lookup(key);
  const mac = Buffer.from(queryMac, 'hex');

  test(`verifyMessage() believes dnspython, ${algorithm}`, () => {
    const verified = verifyMessage(Buffer.from(query, 'hex'), { keyOf, time });
    assert.ok(verified.kind === 'verified');
    assert.deepEqual(verified.mac, mac);
    const options = { keyOf, time, priorMac: mac };
    assert.equal(errorOf(verifyMessage(Buffer.from(answer, 'hex'), options)), 'verified');
    const without = verifyMessage(Buffer.from(answer, 'hex'), { keyOf, time });
    assert.equal(errorOf(without), rcode.BADSIG, 'an answer to another query');
  });

  test(`signMessage() signs as dnspython does, ${algorithm}`, () => {
    const split = splitTsig(Buffer.from(query, 'hex'));
    assert.ok(split !== null && split !== 'malformed');
    assert.deepEqual(signMessage(split.unsigned, key, { time }).mac, mac);
  });

  test(`TsigStream and TsigSigner agree with dnspython, ${algorithm}`, () => {
    const verifier = new TsigStream(key, mac);
    const signer = new TsigSigner(key, mac);
    for (const hex of stream) {
      const bytes = Buffer.from(hex, 'hex');
      const verified = verifier.verify(bytes, time);
      assert.ok(verified.kind === 'verified');
      assert.ok(verifier.isComplete);
      const split = splitTsig(bytes);
      assert.ok(split !== null && split !== 'malformed');
      const again = splitTsig(signer.sign(split.unsigned, time));
      assert.ok(again !== null && again !== 'malformed');
      assert.deepEqual(again.tsig.mac, verified.mac);
    }
  });
}

const key = makeTsigKey('key.example.', 'hmac-sha256', 'c2VjcmV0IHNlY3JldCBzZWNyZXQ=');
const time = 1_800_000_000;
const keyOf = lookup(key);
const plain = encodeMessage({
  ...emptyMessage,
  id: 99,
  question: [{ name: parseName('example.org.'), type: 6, class: 1 }],
});

test('a signed message has the size that was said, and is a message', () => {
  const { bytes } = signMessage(plain, key, { time });
  assert.ok(bytes.length <= plain.length + tsigBytes(key));
  const message = decodeMessage(bytes);
  assert.ok(!isMessageError(message) && message.tsig !== null);
  assert.equal(readTsig(message.tsig)?.time, time);
  assert.deepEqual(encodeMessage(message), bytes);
});

test('verifyMessage() refuses a message with any byte changed', () => {
  const { bytes } = signMessage(plain, key, { time });
  for (const at of bytes.keys()) {
    // The id is replaced by the original one, as a forwarder may have changed it.
    if (at < 2) continue;
    for (const bit of [1, 0x20, 0x80]) {
      const changed = Buffer.from(bytes);
      changed[at] = (changed[at] as number) ^ bit;
      const verified = verifyMessage(changed, { keyOf, time });
      const isCase = bit === 0x20 && verified.kind === 'verified';
      // Names of key and algorithm are the same in any case.
      if (isCase) assert.ok(at >= plain.length, `byte ${at}`);
      else assert.notEqual(verified.kind, 'verified', `byte ${at}`);
    }
  }
});

test('verifyMessage() takes a message whose id a forwarder changed', () => {
  const { bytes } = signMessage(plain, key, { time });
  bytes.writeUInt16BE(4711, 0);
  assert.equal(errorOf(verifyMessage(bytes, { keyOf, time })), 'verified');
});

test('verifyMessage() tells BADKEY, BADSIG, BADTIME and BADTRUNC', () => {
  const { bytes } = signMessage(plain, key, { time });
  const verdict = (keys: ITsigKey[], now = time) =>
    errorOf(verifyMessage(bytes, { keyOf: lookup(...keys), time: now }));
  assert.equal(verdict([]), rcode.BADKEY);
  assert.equal(verdict([{ ...key, algorithm: 'hmac-sha512' }]), rcode.BADKEY);
  assert.equal(verdict([{ ...key, secret: Buffer.from('other') }]), rcode.BADSIG);
  assert.equal(verdict([key], time + 300), 'verified');
  assert.equal(verdict([key], time + 301), rcode.BADTIME);
  assert.equal(verdict([key], time - 301), rcode.BADTIME);

  const macs = [
    { length: 32, error: 'verified' },
    { length: 31, error: rcode.BADTRUNC },
    { length: 16, error: rcode.BADTRUNC },
    { length: 15, error: 'malformed' },
    { length: 0, error: 'malformed' },
  ];
  for (const { length, error } of macs) {
    assert.equal(errorOf(verifyMessage(withMac(bytes, length), { keyOf, time })), error);
  }
});

/** The signed message with a MAC cut to that length. */
function withMac(bytes: Buffer, length: number): Buffer {
  const macAt = bytes.length - 6 - 32;
  const cut = Buffer.concat([bytes.subarray(0, macAt + length), bytes.subarray(-6)]);
  cut.writeUInt16BE(length, macAt - 2);
  const lengthAt = macAt - 10 - parseName('hmac-sha256').length - 2;
  cut.writeUInt16BE(cut.readUInt16BE(lengthAt) - (32 - length), lengthAt);
  return cut;
}

test('verifyMessage() says of what is not signed that it is not, and of rubbish what it is', () => {
  assert.equal(errorOf(verifyMessage(plain, { keyOf, time })), 'unsigned');
  assert.equal(errorOf(verifyMessage(Buffer.alloc(0), { keyOf, time })), 'malformed');
  const { bytes } = signMessage(plain, key, { time });
  for (let length = 0; length < bytes.length; length++) {
    const part = bytes.subarray(0, length);
    assert.equal(errorOf(verifyMessage(part, { keyOf, time })), 'malformed', String(length));
  }
  const more = Buffer.concat([bytes, Buffer.of(0)]);
  assert.equal(errorOf(verifyMessage(more, { keyOf, time })), 'malformed');
});

test('refusals: BADSIG comes without a MAC, BADTIME with one', () => {
  const { bytes, mac } = signMessage(plain, key, { time });
  const split = splitTsig(bytes);
  assert.ok(split !== null && split !== 'malformed');
  const refused = refuseMessage(plain, split.tsig, rcode.BADSIG, time);
  const verified = verifyMessage(refused, { keyOf, time, priorMac: mac });
  assert.ok(verified.kind === 'refused');
  assert.deepEqual([verified.error, verified.tsig.error], [rcode.BADSIG, rcode.BADSIG]);

  const other = Buffer.alloc(6);
  other.writeUIntBE(time + 1000, 0, 6);
  const late = signMessage(plain, key, { time, priorMac: mac, error: rcode.BADTIME, other });
  const believed = verifyMessage(late.bytes, { keyOf, time, priorMac: mac });
  assert.ok(believed.kind === 'verified');
  assert.equal(believed.tsig.error, rcode.BADTIME);
  assert.equal(believed.tsig.other.readUIntBE(0, 6), time + 1000);
});

test('TsigStream: some messages between may be unsigned, not the first, not the last', () => {
  const mac = Buffer.alloc(32, 1);
  const first = signMessage(plain, key, { time, priorMac: mac });
  const start = () => {
    const stream = new TsigStream(key, mac);
    assert.equal(errorOf(stream.verify(first.bytes, time)), 'verified');
    return stream;
  };
  // What a peer sends that signs every third message: its MAC covers the two before.
  const between = Buffer.concat([plain, plain, plain]);
  const third = signMessage(between, key, { time, priorMac: first.mac, isFurther: true });
  const last = Buffer.concat([plain, third.bytes.subarray(between.length)]);
  last.writeUInt16BE(1, 10);

  const stream = start();
  assert.equal(errorOf(stream.verify(plain, time)), 'unsigned');
  assert.equal(errorOf(stream.verify(plain, time)), 'unsigned');
  assert.equal(stream.isComplete, false);
  assert.equal(errorOf(stream.verify(last, time)), 'verified');
  assert.equal(stream.isComplete, true);

  const missing = start();
  missing.verify(plain, time);
  assert.equal(errorOf(missing.verify(last, time)), rcode.BADSIG, 'one message is missing');
  assert.equal(errorOf(missing.verify(plain, time)), 'malformed', 'a stream that failed is over');
  assert.equal(missing.isComplete, false);

  assert.equal(errorOf(new TsigStream(key, mac).verify(plain, time)), 'malformed');
  const endless = start();
  for (let count = 0; count < 99; count++) {
    assert.equal(errorOf(endless.verify(plain, time)), 'unsigned');
  }
  assert.equal(errorOf(endless.verify(plain, time)), 'malformed');
});

test('makeTsigKey() refuses what is weak or wrong', () => {
  assert.throws(() => makeTsigKey('k', 'hmac-sha1', 'AAAA'), /refused/);
  assert.throws(() => makeTsigKey('k', 'hmac-md5.sig-alg.reg.int', 'AAAA'), RangeError);
  assert.throws(() => makeTsigKey('k', 'constructor', 'AAAA'), RangeError);
  assert.throws(() => makeTsigKey('k', 'hmac-sha256', 'A'), RangeError);
  assert.throws(() => makeTsigKey('k', 'hmac-sha256', ''), RangeError);
  assert.throws(() => makeTsigKey('a..b', 'hmac-sha256', 'AAAA'), /empty label/);
  assert.deepEqual(makeTsigKey('K.', 'HMAC-SHA256.', 'AAAA').name, parseName('k'));
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decodeMessage, type IRecord, isMessageError } from '../ts/dns/codec/message.ts';
import {
  type ITsigKey,
  makeTsigKey,
  readTsig,
  signMessage,
  type TVerified,
  verifyMessage,
} from '../ts/dns/codec/tsig.ts';
import { rcode } from '../ts/dns/codec/types.ts';
import { answerText, decoded, plainEdns, queryFor } from './dns/query.ts';
import {
  byUdp,
  openZone,
  secrets,
  smallZone,
  specialQuery,
  specialSetup,
  testKeys,
} from './dns/special.ts';

const mover = testKeys.named('mover') as ITsigKey;

function tsigOf(bytes: Buffer) {
  const { tsig } = decoded(bytes);
  return tsig === null ? null : readTsig(tsig as IRecord);
}

function verify(bytes: Buffer, key: ITsigKey, time: number, priorMac: Buffer): TVerified {
  return verifyMessage(bytes, { keyOf: () => key, time, priorMac });
}

function setup() {
  const made = specialSetup();
  made.book.put(openZone(), smallZone(7, 'www A 192.0.2.5\nbig TXT "x"'));
  return { ...made, time: Math.floor(made.clock.now() / 1000) };
}

test('an ordinary question that is signed is answered and signed', async () => {
  const { send, time } = setup();
  const signed = signMessage(queryFor('WWW.example.org', 'A'), mover, { time });
  const [answer, ...others] = await send(signed.bytes, byUdp);
  assert.ok(answer);
  assert.equal(others.length, 0);
  assert.equal(verify(answer, mover, time, signed.mac).kind, 'verified');
  assert.deepEqual(answerText(answer).slice(0, 2), [
    'NOERROR aa',
    'an www.example.org. 300 A 192.0.2.5',
  ]);
  assert.equal(decoded(answer).question[0]?.name.toString('latin1', 1, 4), 'WWW');
});

test('an answer keeps to the size of UDP with its signature', async () => {
  const { book, send, time } = setup();
  const text = Array.from({ length: 6 }, (_, index) => `big TXT "${'x'.repeat(70)}${index}"`);
  book.serve('example.org', smallZone(8, text.join('\n')));
  const query = queryFor('big.example.org', 'TXT');
  const signed = signMessage(query, mover, { time });
  const [answer] = await send(signed.bytes, byUdp);
  assert.ok(answer);
  assert.ok(answer.length <= 512);
  assert.equal(decoded(answer).truncated, true);
  assert.equal(verify(answer, mover, time, signed.mac).kind, 'verified');
  const [whole] = await send(signed.bytes);
  assert.equal(decoded(whole as Buffer).answer.length, 6);
  const roomy = signMessage(queryFor('big.example.org', 'TXT', { edns: plainEdns }), mover, {
    time,
  });
  const [inOne] = await send(roomy.bytes, byUdp);
  assert.equal(decoded(inOne as Buffer).answer.length, 6);
});

test('an unknown key, algorithm or signature is refused without being believed', async () => {
  const { send, time, counters } = setup();
  const unknown = makeTsigKey('nobody', 'hmac-sha256', secrets.sha256);
  const other = makeTsigKey('mover', 'hmac-sha256', secrets.other);
  const algorithm = makeTsigKey('mover', 'hmac-sha384', secrets.sha256);
  for (const [key, error] of [
    [unknown, rcode.BADKEY],
    [algorithm, rcode.BADKEY],
    [other, rcode.BADSIG],
  ] as const) {
    for (const query of [specialQuery('AXFR'), queryFor('www.example.org', 'A')]) {
      const [answer, ...others] = await send(signMessage(query, key, { time }).bytes);
      assert.ok(answer);
      assert.equal(others.length, 0);
      assert.equal(decoded(answer).rcode, rcode.NOTAUTH);
      assert.equal(decoded(answer).answer.length, 0);
      assert.equal(tsigOf(answer)?.error, error);
      assert.equal(tsigOf(answer)?.mac.length, 0);
    }
  }
  assert.equal(counters.badSignatures, 6);
});

test('a signature from another time is refused, and told our time', async () => {
  const { send, time } = setup();
  const signed = signMessage(specialQuery('AXFR'), mover, { time: time - 301 });
  const [answer] = await send(signed.bytes);
  assert.ok(answer);
  const tsig = tsigOf(answer);
  assert.equal(decoded(answer).rcode, rcode.NOTAUTH);
  assert.equal(tsig?.error, rcode.BADTIME);
  assert.equal(tsig?.other.readUIntBE(0, 6), time);
  assert.equal(tsig?.time, time - 301);
  // The client, by whose clock it is that time, believes the answer.
  assert.equal(verify(answer, mover, time - 301, signed.mac).kind, 'verified');
});

test('a signature that is cut short is refused with BADTRUNC', async () => {
  const { send, time } = setup();
  const signed = signMessage(specialQuery('AXFR'), mover, { time });
  const { tsig } = decoded(signed.bytes);
  assert.ok(tsig);
  // RFC 8945 §5.2.2.1: 16 of 32 bytes are as few as may be.
  const macAt = signed.bytes.length - 6 - 32;
  const cut = Buffer.concat([
    signed.bytes.subarray(0, macAt + 16),
    signed.bytes.subarray(macAt + 32),
  ]);
  cut.writeUInt16BE(16, macAt - 2);
  const lengthAt = signed.bytes.length - tsig.rdata.length - 2;
  cut.writeUInt16BE(tsig.rdata.length - 16, lengthAt);
  const [answer] = await send(cut);
  assert.equal(tsigOf(answer as Buffer)?.error, rcode.BADTRUNC);
});

test('a query that was changed on its way is not believed', async () => {
  const { send, time, counters } = setup();
  const signed = signMessage(specialQuery('AXFR'), mover, { time });
  for (let at = 0; at < signed.bytes.length; at++) {
    const bytes = Buffer.from(signed.bytes);
    bytes[at] = (bytes[at] as number) ^ 0x04;
    // What cannot be read at all does not come so far.
    const message = decodeMessage(bytes);
    if (isMessageError(message) || message.response || message.tsig === null) continue;
    const answers = await send(bytes);
    const [first] = answers;
    assert.ok(first);
    // The id of the message itself is not signed; the case of names does not matter.
    const isSame = at < 2 || decoded(first).rcode === rcode.NOERROR;
    assert.ok(isSame ? at < 2 : decoded(first).rcode !== rcode.NOERROR, `byte ${at}`);
  }
  assert.equal(counters.out, 2);
});

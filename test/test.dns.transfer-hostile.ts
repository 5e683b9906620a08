import assert from 'node:assert/strict';
import { test } from 'node:test';
import { encodeMessage } from '../ts/dns/codec/encode.ts';
import {
  decodeMessage,
  emptyMessage,
  type IRecord,
  isMessageError,
} from '../ts/dns/codec/message.ts';
import { type ITsigKey, signMessage } from '../ts/dns/codec/tsig.ts';
import { opcode, rcode, recordType } from '../ts/dns/codec/types.ts';
import { decoded } from './dns/query.ts';
import {
  byTcp,
  byUdp,
  openZone,
  recordOf,
  smallZone,
  specialQuery,
  specialSetup,
  testKeys,
} from './dns/special.ts';
import { randomFrom } from './suites/random.ts';

const mover = testKeys.named('mover') as ITsigKey;
const soa = recordOf('example.org. 300 SOA a. b. 6 1 1 1 1');
const bareSoa: IRecord = { ...soa, class: 254, ttl: 0, rdata: Buffer.alloc(0) };

function setup() {
  const made = specialSetup();
  const zone = smallZone(7, 'www A 192.0.2.5\nalias CNAME www');
  made.book.put(
    openZone({ update: [{ from: ['192.0.2.0/24'] }, { key: 'mover', types: ['SOA', 'NS', 'A'] }] }),
    zone,
  );
  made.book.serve('example.org', smallZone(8, 'www A 192.0.2.6'));
  const primaries = [{ address: '192.0.2.7' }];
  made.book.put({ name: 'second.org', primaries }, smallZone(1, '', 'second.org.'));
  return { ...made, time: Math.floor(made.clock.now() / 1000) };
}

test('a SOA without data, as updates may have, is no serial', async () => {
  const { send, notified } = setup();
  const ixfr = specialQuery('IXFR', { authority: [bareSoa] });
  for (const client of [byTcp, byUdp]) {
    const [answer] = await send(ixfr, client);
    assert.equal(decoded(answer as Buffer).rcode, rcode.FORMERR);
  }
  const notify = specialQuery(
    'SOA',
    { opcode: opcode.NOTIFY, answer: [{ ...bareSoa, name: recordOf('second.org. 1 TXT x').name }] },
    'second.org',
  );
  const [answer] = await send(notify);
  assert.equal(decoded(answer as Buffer).rcode, rcode.NOERROR);
  assert.deepEqual(notified, [['second.org', null]]);
  const update = {
    ...emptyMessage,
    opcode: opcode.UPDATE,
    question: decoded(specialQuery('SOA')).question,
  };
  for (const records of [{ answer: [bareSoa] }, { authority: [bareSoa] }]) {
    const [said] = await send(encodeMessage({ ...update, ...records }));
    assert.notEqual(decoded(said as Buffer).rcode, rcode.SERVFAIL);
  }
});

test('whatever is done to a message, the answer is one, and nothing throws', async () => {
  const random = randomFrom(20_260_101);
  const { send, book, time } = setup();
  const question = decoded(specialQuery('SOA')).question;
  const www = recordOf('www.example.org. 60 A 192.0.2.1');
  const seeds = [
    specialQuery('AXFR'),
    specialQuery('IXFR', { authority: [soa] }),
    specialQuery('SOA', { opcode: opcode.NOTIFY, answer: [soa] }, 'second.org'),
    encodeMessage({
      ...emptyMessage,
      opcode: opcode.UPDATE,
      question,
      answer: [{ ...www, ttl: 0 }],
      authority: [www, soa],
    }),
    encodeMessage({
      ...emptyMessage,
      opcode: opcode.UPDATE,
      question,
      authority: [{ ...www, class: 254, ttl: 0 }],
    }),
  ];
  const signed = seeds.map((seed) => signMessage(seed, mover, { time }).bytes);
  let heard = 0;
  for (let round = 0; round < 6000; round++) {
    const seed = [...seeds, ...signed][random(seeds.length * 2)] as Buffer;
    const bytes = Buffer.from(seed);
    for (let times = 1 + random(4); times > 0; times--) {
      const at = 2 + random(bytes.length - 2);
      bytes[at] =
        random(3) === 0 ? ([0, 1, 252, 251, 254, 255, 192][random(7)] as number) : random(256);
    }
    const message = decodeMessage(bytes);
    if (isMessageError(message) || message.response) continue;
    const answers = await send(bytes, random(2) === 0 ? byTcp : byUdp);
    if (message.opcode === opcode.QUERY && message.tsig === null) {
      const type = message.question[0]?.type;
      if (type !== recordType.AXFR && type !== recordType.IXFR) continue;
    }
    for (const answer of answers) {
      assert.ok(answer.length <= 65_535);
      assert.equal(decoded(answer).response, true);
      assert.equal(decoded(answer).id, message.id);
    }
    heard += answers.length;
    const zone = book.get('example.org')?.source;
    assert.ok(zone?.soa().rdatas.length === 1 && zone.rrset(zone.apex, recordType.NS));
  }
  assert.ok(heard > 1000, `${heard}`);
});

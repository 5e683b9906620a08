import assert from 'node:assert/strict';
import { test } from 'node:test';
import { encodeMessage } from '../ts/dns/codec/encode.ts';
import { decodeMessage, type IMessage, responseTo } from '../ts/dns/codec/message.ts';
import { authority, Internet, record, recursorIn, rootWith, settle } from './dns/internet.ts';

const soa = 'example.org. 3600 SOA ns.example.org. x. 1 1800 900 604800 300';

const zone = {
  'example.org.': `${soa}
    example.org. 3600 NS ns.example.org.
    ns.example.org. 3600 A 198.51.100.3
    www.example.org. 300 A 192.0.2.1
    alias.example.org. 300 CNAME www.victim.test-a.org.`,
};

function small(): Internet {
  const internet = rootWith(
    new Internet(),
    `example.org. 86400 NS ns.example.org.
     ns.example.org. 86400 A 198.51.100.3
     victim.test-a.org. 86400 NS ns.victim.test-a.org.
     ns.victim.test-a.org. 86400 A 198.51.100.4`,
  );
  internet.serve('198.51.100.4', {
    'victim.test-a.org.': `victim.test-a.org. 3600 SOA ns.victim.test-a.org. x. 1 1 1 1 300
      www.victim.test-a.org. 300 A 192.0.2.4
      login.victim.test-a.org. 300 A 192.0.2.5`,
  });
  return internet.serve('198.51.100.3', zone);
}

const evil = '203.0.113.66';

/** Wraps the server of example.org. */
function tampered(internet: Internet, change: (reply: IMessage) => IMessage): Internet {
  const run = authority(zone);
  return internet.on('198.51.100.3', (visit) => change(run(visit) as IMessage));
}

async function addresses(internet: Internet, name: string, parts = recursorIn(internet)) {
  const { records } = await settle(internet, parts.resolver.resolve(name, 'A'));
  return records.map(({ data }) => data);
}

/** A forged answer to the query that was sent. */
function forged(bytes: Buffer, change: (message: IMessage) => IMessage): Buffer {
  const query = decodeMessage(bytes) as IMessage;
  const name = query.question[0]?.name as Buffer;
  const answer = [{ ...record(`x. 86400 A ${evil}`), name }];
  return encodeMessage(change({ ...responseTo(query, 0), authoritative: true, answer }));
}

const forgeries: [
  why: string,
  change: (message: IMessage) => IMessage,
  from: string,
  port: number,
][] = [
  ['of another id', (message) => ({ ...message, id: message.id ^ 1 }), '198.51.100.3', 53],
  ['from another address', (message) => message, '198.51.100.9', 53],
  ['from another port', (message) => message, '198.51.100.3', 5353],
  ['that is a query', (message) => ({ ...message, response: false }), '198.51.100.3', 53],
  [
    'to another question',
    (message) => ({ ...message, question: [{ ...message.question[0], type: 28 } as never] }),
    '198.51.100.3',
    53,
  ],
  [
    'in another case',
    (message) => {
      const name = Buffer.from(message.question[0]?.name as Buffer);
      name[1] = (name[1] as number) ^ 0x20;
      return { ...message, question: [{ name, type: 1, class: 1 }] };
    },
    '198.51.100.3',
    53,
  ],
  ['without a question', (message) => ({ ...message, question: [] }), '198.51.100.3', 53],
];

for (const [why, change, from, port] of forgeries) {
  for (const count of [1, 5]) {
    test(`askByDatagram: ${count} forged answers ${why} are not believed`, async () => {
      const internet = small();
      const parts = recursorIn(internet);
      await addresses(internet, 'other.example.org', parts);
      internet.forge = (bytes, deliver) => {
        const fake = forged(bytes, change);
        for (let sent = 0; sent < count; sent++) deliver(fake, from, port);
      };
      assert.deepEqual(await addresses(internet, 'www.example.org', parts), ['192.0.2.1']);
      assert.equal(internet.openDatagrams, 0);
    });
  }
}

test('askByDatagram: a flood of wrong ids leads to TCP, where nobody else can answer', async () => {
  const internet = small();
  const parts = recursorIn(internet);
  await addresses(internet, 'other.example.org', parts);
  internet.seen.length = 0;
  internet.forge = (bytes, deliver) => {
    for (let id = 0; id < 100; id++) {
      const fake = forged(bytes, (message) => ({ ...message, id: message.id ^ (id + 1) }));
      deliver(fake, '198.51.100.3', 53);
    }
  };
  assert.deepEqual(await addresses(internet, 'www.example.org', parts), ['192.0.2.1']);
  assert.deepEqual(
    internet.seen.map(({ via }) => via),
    ['udp', 'stream'],
  );
});

test('QueryClient: ids and case are drawn anew for each query', async () => {
  const internet = small();
  const parts = recursorIn(internet);
  for (let index = 0; index < 40; index++) {
    await addresses(internet, `${'name'.repeat(4)}-${index}.example.org`, parts);
  }
  const ids = new Set(internet.sockets.map(({ id }) => id));
  assert.ok(ids.size > internet.sockets.length * 0.9);
  const cases = new Set(
    internet.sockets.slice(5).map(({ bytes }) => bytes.toString('latin1', 13, 29)),
  );
  assert.ok(cases.size > 35, String(cases.size));
});

test('readFinding: records that were not asked for are not kept', async () => {
  const internet = tampered(small(), (reply) => ({
    ...reply,
    answer: [
      ...reply.answer,
      record(`www.victim.test-a.org. 86400 A ${evil}`),
      record(`other.example.org. 86400 A ${evil}`),
    ],
    authority: [
      ...reply.authority,
      record('victim.test-a.org. 86400 NS ns.evil.example.org.'),
      record('org. 86400 NS ns.evil.example.org.'),
      record('. 86400 NS ns.evil.example.org.'),
    ],
    additional: [
      record(`ns.victim.test-a.org. 86400 A ${evil}`),
      record(`a.root-servers.net. 86400 A ${evil}`),
      record(`www.victim.test-a.org. 86400 A ${evil}`),
    ],
  }));
  const parts = recursorIn(internet);
  assert.deepEqual(await addresses(internet, 'www.example.org', parts), ['192.0.2.1']);
  internet.serve('198.51.100.3', zone);
  assert.deepEqual(await addresses(internet, 'other.example.org', parts), []);
  assert.deepEqual(await addresses(internet, 'www.victim.test-a.org', parts), ['192.0.2.4']);
  assert.deepEqual(internet.asked(evil), []);
});

test('readFinding: what stands behind an alias is asked of its own zone', async () => {
  const internet = tampered(small(), (reply) => ({
    ...reply,
    answer: [...reply.answer, record(`www.victim.test-a.org. 86400 A ${evil}`)],
  }));
  assert.deepEqual(await addresses(internet, 'alias.example.org'), ['192.0.2.4']);
});

test('readFinding: referrals upwards, sideways and to itself lead nowhere', async () => {
  for (const cut of ['.', 'org.', 'example.org.', 'victim.test-a.org.', 'sub.other.example.org.']) {
    const internet = tampered(small(), (reply) => ({
      ...reply,
      authoritative: false,
      rcode: 0,
      answer: [],
      authority: [record(`${cut} 86400 NS ns.evil.test-b.org.`)],
      additional: [record(`ns.evil.test-b.org. 86400 A ${evil}`)],
    }));
    const parts = recursorIn(internet);
    assert.deepEqual(await addresses(internet, 'www.example.org', parts), [], cut);
    assert.deepEqual(await addresses(internet, 'www.victim.test-a.org', parts), ['192.0.2.4'], cut);
    assert.deepEqual(internet.asked(evil), [], cut);
  }
});

test('readFinding: glue outside of the zone that gives it is not used', async () => {
  const internet = tampered(small(), (reply) => ({
    ...reply,
    authoritative: false,
    rcode: 0,
    answer: [],
    authority: [record('sub.example.org. 86400 NS ns.victim.test-a.org.')],
    additional: [record(`ns.victim.test-a.org. 86400 A ${evil}`)],
  }));
  const parts = recursorIn(internet);
  assert.deepEqual(await addresses(internet, 'www.sub.example.org', parts), []);
  assert.deepEqual(internet.asked(evil), []);
  assert.ok(internet.asked('198.51.100.4').length > 0);
});

test('readFinding: glue of one referral answers no question and serves no other zone', async () => {
  const internet = tampered(small(), (reply) => ({
    ...reply,
    authoritative: false,
    rcode: 0,
    answer: [],
    authority: [record('sub.example.org. 86400 NS ns.example.org.')],
    additional: [record(`ns.example.org. 86400 A ${evil}`)],
  }));
  const parts = recursorIn(internet);
  await addresses(internet, 'www.sub.example.org', parts);
  assert.ok(internet.asked(evil).length > 0);
  internet.serve('198.51.100.3', zone);
  assert.deepEqual(await addresses(internet, 'ns.example.org', parts), ['198.51.100.3']);
  assert.deepEqual(await addresses(internet, 'www.example.org', parts), ['192.0.2.1']);
});

test('readFinding: a zone cannot send us to this machine', async () => {
  for (const own of ['127.0.0.1', '0.0.0.0', '224.0.0.1', '255.255.255.255']) {
    const internet = tampered(small(), (reply) => ({
      ...reply,
      authoritative: false,
      answer: [],
      authority: [record('sub.example.org. 86400 NS ns.sub.example.org.')],
      additional: [record(`ns.sub.example.org. 86400 A ${own}`)],
    }));
    const { rcode } = await settle(
      internet,
      recursorIn(internet).resolver.resolve('www.sub.example.org', 'A'),
    );
    assert.equal(rcode, 'SERVFAIL');
    assert.deepEqual(internet.asked(own), [], own);
  }
});

test('Delegations: a zone that was taken down cannot keep itself alive', async () => {
  const internet = tampered(small(), (reply) => ({
    ...reply,
    authority: [record('example.org. 86400 NS ns.example.org.')],
    additional: [record('ns.example.org. 86400 A 198.51.100.3')],
  }));
  const parts = recursorIn(internet);
  assert.deepEqual(await addresses(internet, 'www.example.org', parts), ['192.0.2.1']);
  rootWith(internet, '');
  for (let hours = 0; hours < 26; hours++) {
    internet.clock.advance(3_600_000);
    await addresses(internet, `name-${hours}.example.org`, parts);
  }
  assert.deepEqual(await addresses(internet, 'www2.example.org', parts), []);
  const last = internet.asked('198.51.100.3').at(-1);
  assert.equal(last, 'name-22.example.org. A');
});

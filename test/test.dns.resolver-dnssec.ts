import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { IMessage, IRecord } from '../ts/dns/codec/message.ts';
import { isSubdomain, parseName, type TName } from '../ts/dns/codec/name.ts';
import { DnssecKey, signRrset, trustAnchorsOf, Validator } from '../ts/dns/dnssec/index.ts';
import { groupRecords } from '../ts/dns/dnssec/rrset.ts';
import { authority, Internet, recursorIn, settle, type TBehaviour } from './dns/internet.ts';

const root = DnssecKey.generate(13);
const signed = DnssecKey.generate(13);
const stranger = DnssecKey.generate(13);

function keyRecord(zone: string, key: DnssecKey): IRecord {
  return { name: parseName(zone), type: 48, class: 1, ttl: 300, rdata: key.rdata };
}

function dsRecord(zone: string, key: DnssecKey): IRecord {
  return { name: parseName(zone), type: 43, class: 1, ttl: 300, rdata: key.ds(parseName(zone)) };
}

interface ISignedZone {
  readonly apex: string;
  readonly text: string;
  readonly key: DnssecKey;
  /** Records besides those of the text. */
  readonly more?: readonly IRecord[];
  readonly lifeSeconds?: number;
  /** Records for the authority section of empty answers, by the name that was asked for. */
  readonly proofs?: (name: TName) => readonly IRecord[];
}

/** A server of one signed zone: it signs what it sends, all but delegations. */
function signer(internet: Internet, zone: ISignedZone): TBehaviour {
  const { apex, text, key, more = [], lifeSeconds = 86_400, proofs } = zone;
  const plain = authority({ [apex]: text });
  const nowS = Math.floor(internet.clock.now() / 1000);
  const validity = { inceptionS: nowS - 100, expirationS: nowS + lifeSeconds };
  const zoneName = parseName(apex);
  const sign = (records: readonly IRecord[]): IRecord[] => {
    const isCut = records.some(({ type, name }) => type === 2 && !name.equals(zoneName));
    if (isCut) return [...records];
    return groupRecords(records).flatMap((rrset) => {
      const { name, ttl } = rrset;
      const rdata = signRrset(rrset, zoneName, key, validity);
      const own = rrset.rdatas.map((data) => ({
        name,
        ttl,
        type: rrset.type,
        class: 1,
        rdata: data,
      }));
      return [...own, { name, type: 46, class: 1, ttl, rdata }];
    });
  };
  return (visit) => {
    const reply = plain(visit) as IMessage;
    const question = visit.query.question[0] as IMessage['question'][0];
    const lower = parseName(question.name.toString('latin1').length ? nameOf(question.name) : '.');
    const extra = more.filter(({ name, type }) => type === question.type && name.equals(lower));
    if (extra.length > 0)
      return { ...reply, rcode: 0, authoritative: true, authority: [], answer: sign(extra) };
    const isEmpty = reply.answer.length === 0 && reply.authoritative;
    const added = isEmpty ? (proofs?.(lower) ?? []) : [];
    return {
      ...reply,
      answer: sign(reply.answer),
      authority: sign([...reply.authority, ...added]),
    };
  };
}

function nameOf(name: TName): string {
  let text = '';
  for (let at = 0; at < name.length - 1; ) {
    const end = at + 1 + (name[at] as number);
    text += `${name.toString('latin1', at + 1, end).toLowerCase()}.`;
    at = end;
  }
  return text === '' ? '.' : text;
}

/** The root and `good.` are signed, `plain.` is not, which the root proves. */
function world(lifeSeconds?: number): Internet {
  const internet = new Internet();
  const nsec: IRecord = {
    name: parseName('plain'),
    type: 47,
    class: 1,
    ttl: 300,
    // Types NS, RRSIG and NSEC.
    rdata: Buffer.concat([parseName('z'), Buffer.from('0006200000000003', 'hex')]),
  };
  internet.on(
    '198.51.100.1',
    signer(internet, {
      apex: '.',
      key: root,
      text: `. 300 SOA a. x. 1 1 1 1 300
        . 300 NS a.root-servers.net.
        a.root-servers.net. 300 A 198.51.100.1
        good. 300 NS ns.good.
        ns.good. 300 A 198.51.100.2
        plain. 300 NS ns.plain.
        ns.plain. 300 A 198.51.100.3`,
      more: [keyRecord('.', root), dsRecord('good.', signed)],
      proofs: (name) => (isSubdomain(name, parseName('plain')) ? [nsec] : []),
    }),
  );
  internet.serve('198.51.100.3', {
    'plain.': 'plain. 300 SOA a. x. 1 1 1 1 300\n www.plain. 300 A 192.0.2.3',
  });
  return good(internet, signed, lifeSeconds);
}

function good(internet: Internet, key: DnssecKey, lifeSeconds?: number): Internet {
  return internet.on(
    '198.51.100.2',
    signer(internet, {
      apex: 'good.',
      key,
      lifeSeconds,
      text: `good. 300 SOA a. x. 1 1 1 1 300
        www.good. 300 A 192.0.2.1
        alias.good. 300 CNAME www.good.
        out.good. 300 CNAME www.plain.`,
      more: [keyRecord('good.', key)],
    }),
  );
}

function validating(internet: Internet) {
  const anchors = trustAnchorsOf([dsRecord('.', root)]);
  return recursorIn(internet, { validator: new Validator({ anchors }, internet.clock) }).resolver;
}

const outcomes = [
  ['www.good', 'NOERROR', '192.0.2.1', true],
  ['alias.good', 'NOERROR', '192.0.2.1', true],
  ['www.plain', 'NOERROR', '192.0.2.3', false],
  ['out.good', 'NOERROR', '192.0.2.3', false],
] as const;

for (const [name, code, data, isSecure] of outcomes) {
  test(`Recursor, validating: ${name} is ${isSecure ? 'secure' : 'insecure'}`, async () => {
    const internet = world();
    const resolver = validating(internet);
    for (const origin of ['network', 'cache']) {
      const found = await settle(internet, resolver.resolve(name, 'A'));
      assert.deepEqual(
        [found.rcode, found.records[0]?.data, found.authenticated, found.origin],
        [code, data, isSecure, origin],
      );
    }
  });
}

const attacks: [why: string, change: (reply: IMessage) => IMessage][] = [
  [
    'another address',
    (reply) => ({
      ...reply,
      answer: reply.answer.map((one) =>
        one.type === 1 ? { ...one, rdata: Buffer.of(6, 6, 6, 6) } : one,
      ),
    }),
  ],
  [
    'no signature',
    (reply) => ({ ...reply, answer: reply.answer.filter(({ type }) => type !== 46) }),
  ],
  ['a name that is not there', (reply) => ({ ...reply, rcode: 3, answer: [] })],
  ['no records', (reply) => ({ ...reply, answer: [] })],
];

for (const [why, change] of attacks) {
  test(`Recursor, validating: ${why} is SERVFAIL, and to be had with CD`, async () => {
    const internet = world();
    const run = signer(internet, {
      apex: 'good.',
      key: signed,
      text: 'good. 300 SOA a. x. 1 1 1 1 300\n www.good. 300 A 192.0.2.1',
      more: [keyRecord('good.', signed)],
    });
    internet.on('198.51.100.2', (visit) => {
      const reply = run(visit) as IMessage;
      return visit.query.question[0]?.type === 1 ? change(reply) : reply;
    });
    const resolver = validating(internet);
    const { rcode, extendedError } = await settle(internet, resolver.resolve('www.good', 'A'));
    assert.equal(rcode, 'SERVFAIL');
    assert.ok([6, 10, 12].includes(extendedError?.code ?? 0), String(extendedError?.code));
    const raw = await settle(
      internet,
      resolver.resolve('www.good', 'A', { checkingDisabled: true }),
    );
    assert.notEqual(raw.rcode, 'SERVFAIL');
    assert.equal(raw.authenticated, false);
    assert.equal((await settle(internet, resolver.resolve('www.good', 'A'))).rcode, 'SERVFAIL');
  });
}

test('Recursor, validating: one server of two that lies is passed over', async () => {
  const internet = world();
  const honest = signer(internet, {
    apex: 'good.',
    key: signed,
    text: 'good. 300 SOA a. x. 1 1 1 1 300\n www.good. 300 A 192.0.2.1',
    more: [keyRecord('good.', signed)],
  });
  const zone = signer(internet, {
    apex: '.',
    key: root,
    text: `. 300 SOA a. x. 1 1 1 1 300
      . 300 NS a.root-servers.net.
      a.root-servers.net. 300 A 198.51.100.1
      good. 300 NS ns.good.
      ns.good. 300 A 198.51.100.2
      ns.good. 300 A 198.51.100.4`,
    more: [keyRecord('.', root), dsRecord('good.', signed)],
  });
  internet.on('198.51.100.1', zone).on('198.51.100.2', honest, 200);
  internet.on('198.51.100.4', (visit) => {
    const reply = honest(visit) as IMessage;
    const answer = reply.answer.filter(({ type }) => type !== 46);
    return visit.query.question[0]?.type === 1 ? { ...reply, answer } : reply;
  });
  const anchors = trustAnchorsOf([dsRecord('.', root)]);
  const validator = new Validator({ anchors }, internet.clock);
  const { resolver, cache } = recursorIn(internet, { validator });
  for (let round = 0; round < 8; round++) {
    cache.flush();
    const { rcode, authenticated } = await settle(internet, resolver.resolve('www.good', 'A'));
    assert.deepEqual([rcode, authenticated], ['NOERROR', true]);
  }
  const lies = internet.asked('198.51.100.4').filter((asked) => asked === 'www.good. A');
  assert.equal(lies.length, 1);
});

test('Recursor, validating: a zone signed with keys of a stranger is SERVFAIL', async () => {
  const internet = good(world(), stranger);
  const { rcode } = await settle(internet, validating(internet).resolve('www.good', 'A'));
  assert.equal(rcode, 'SERVFAIL');
});

test('Recursor, validating: an answer is not kept longer than its signature holds', async () => {
  const internet = world(120);
  const { ttl, authenticated } = await settle(
    internet,
    validating(internet).resolve('www.good', 'A'),
  );
  assert.ok(authenticated);
  assert.ok(ttl > 0 && ttl <= 120, String(ttl));
  const expired = world(-10);
  const failed = await settle(expired, validating(expired).resolve('www.good', 'A'));
  assert.deepEqual([failed.rcode, failed.extendedError?.code], ['SERVFAIL', 7]);
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ManualClock } from '../ts/core/manual-clock.ts';
import { Answerer, type IDraw, ZoneSet } from '../ts/dns/answer/index.ts';
import { extendedErrors } from '../ts/dns/codec/edns.ts';
import type { IMessage } from '../ts/dns/codec/message.ts';
import { parseName } from '../ts/dns/codec/name.ts';
import { rcodeName, recordType } from '../ts/dns/codec/types.ts';
import {
  DnssecKey,
  entryPointFlags,
  groupRecords,
  parseDnskey,
  verifyRrset,
  WorkBudget,
  ZoneSigner,
} from '../ts/dns/dnssec/index.ts';
import { singleKey } from './dns/dnssec/signed-zone.ts';
import { decoded, plainEdns, queryFor, zoneOf } from './dns/query.ts';
import { randomFrom } from './suites/random.ts';

const client = { address: '192.0.2.77', transport: 'udp' } as const;
const dnssec = { ...plainEdns, do: true };
const zone = zoneOf(`$TTL 300
@ SOA ns1 hostmaster 1 7200 900 1209600 60
@ NS ns1
@ MX 10 three
ns1 A 192.0.2.53
${[1, 2, 3].map((index) => `three A 192.0.2.${index}`).join('\n')}
three AAAA 2001:db8::1
${[1, 2, 3, 4, 5].map((index) => `*.wild A 198.51.100.${index}`).join('\n')}
*.wild TXT "any"
alias CNAME three
dead A 192.0.2.99
dead MX 10 three
gone TYPE65401 \\# 1 00
to-gone CNAME gone
*.lost TYPE65401 \\# 1 00
plain A 192.0.2.7
plain A 192.0.2.8
`);

function draw(name: string, more: Partial<IDraw> = {}): IDraw {
  const wire = parseName(name, zone.apex);
  return { name: wire, type: 1, weights: [6, 3, 1], answers: 1, isFailed: false, ...more };
}

const draws = [
  draw('three'),
  draw('*.wild', { weights: [1, 1, 1, 1, 1], answers: 2 }),
  draw('dead', { weights: [1], isFailed: true }),
  draw('gone', { weights: [], isFailed: true }),
  draw('*.lost', { weights: [], isFailed: true }),
];

function setup(given: readonly IDraw[] = draws, isSigned = false) {
  const next = randomFrom(20_260_115);
  const random = () => next(2 ** 32) / 2 ** 32;
  const clock = new ManualClock();
  const key = DnssecKey.generate(13, entryPointFlags);
  const signing = singleKey(key, 300);
  const signer = isSigned ? new ZoneSigner(zone.apex, signing, {}, clock) : null;
  const zones = new ZoneSet();
  zones.set(signer?.prepare(zone) ?? zone, signer, given);
  const answerer = new Answerer(zones, { clock, random });
  const out = Buffer.alloc(65_535);
  const ask = (name: string, type = 'A', more: Partial<IMessage> = { edns: plainEdns }) =>
    decoded(
      Buffer.from(
        out.subarray(0, answerer.answer(queryFor(`${name}.example.org`, type, more), client, out)),
      ),
    );
  /** Verifies every signature; how many record sets have one. */
  const verified = (message: IMessage): number => {
    const dnskey = parseDnskey(key.rdata);
    assert.ok(dnskey !== null);
    const sets = groupRecords([...message.answer, ...message.authority, ...message.additional]);
    const signed = sets.filter(({ signatures }) => signatures.length > 0);
    for (const set of signed) {
      const context = {
        zone: zone.apex,
        keys: [dnskey],
        nowS: Math.floor(clock.now() / 1000),
        budget: new WorkBudget(),
      };
      const result = verifyRrset(set, context);
      assert.ok(result.ok, JSON.stringify(result));
    }
    return signed.length;
  };
  return { zones, ask, verified, signer };
}

function addresses({ answer, additional }: IMessage, section = answer): string[] {
  assert.ok(section === answer || section === additional);
  return section.filter(({ type }) => type === recordType.A).map(({ rdata }) => rdata.join('.'));
}

test('one of three is answered as often as its weight says, also behind a CNAME', () => {
  for (const name of ['three', 'alias']) {
    const { ask } = setup();
    const counts = new Map<string, number>();
    for (let round = 0; round < 10_000; round++) {
      const found = addresses(ask(name));
      assert.equal(found.length, 1);
      counts.set(found[0] as string, (counts.get(found[0] as string) ?? 0) + 1);
    }
    // Four standard deviations of a share of 10,000 draws are below 0.02.
    for (const [address, share] of [
      ['192.0.2.1', 0.6],
      ['192.0.2.2', 0.3],
      ['192.0.2.3', 0.1],
    ] as const) {
      const got = (counts.get(address) ?? 0) / 10_000;
      assert.ok(Math.abs(got - share) < 0.02, `${name} ${address}: ${got} instead of ${share}`);
    }
  }
});

test('all are answered in an order by weight, without any twice', () => {
  const { ask } = setup([draw('three', { answers: 0 })]);
  const firsts = new Map<string, number>();
  const seconds = new Map<string, number>();
  for (let round = 0; round < 10_000; round++) {
    const found = addresses(ask('three'));
    assert.equal(new Set(found).size, 3);
    firsts.set(found[0] as string, (firsts.get(found[0] as string) ?? 0) + 1);
    seconds.set(found[1] as string, (seconds.get(found[1] as string) ?? 0) + 1);
  }
  assert.ok(Math.abs((firsts.get('192.0.2.1') ?? 0) / 10_000 - 0.6) < 0.02);
  // Second behind one that was first: 0.3 * 6/7 + 0.1 * 6/9.
  assert.ok(Math.abs((seconds.get('192.0.2.1') ?? 0) / 10_000 - 0.3238) < 0.02);
});

test('what has no weight comes last, and weights that are missing count as none', () => {
  const { ask } = setup([draw('three', { weights: [0, 5], answers: 1 })]);
  for (let round = 0; round < 200; round++) {
    assert.deepEqual(addresses(ask('three')), ['192.0.2.2']);
  }
});

test('more answers than there are addresses are all of them', () => {
  const { ask } = setup([draw('three', { answers: 9 })]);
  assert.equal(addresses(ask('three')).length, 3);
});

test('a wildcard that is drawn is drawn under every name', () => {
  const { ask } = setup();
  const seen = new Set<string>();
  for (let round = 0; round < 200; round++) {
    const message = ask(`n${round}.wild`);
    assert.equal(message.answer.length, 2);
    assert.ok(message.answer.every(({ name }) => name.toString('latin1').includes('wild')));
    for (const address of addresses(message)) seen.add(address);
  }
  assert.equal(seen.size, 5);
  assert.equal(ask('x.wild', 'TXT').answer.length, 1);
});

test('answers are signed as they were drawn, and each part is signed once', (context) => {
  const { ask, verified, signer } = setup(draws, true);
  assert.ok(signer !== null);
  const sign = context.mock.method(DnssecKey.prototype, 'sign');
  for (let round = 0; round < 100; round++) {
    const message = ask('three', 'A', { edns: dnssec });
    assert.equal(addresses(message).length, 1);
    assert.equal(verified(message), 1);
  }
  assert.ok(sign.mock.callCount() <= 3, `${sign.mock.callCount()} signatures for three addresses`);
  for (const name of ['x.wild', 'y.wild', 'alias']) {
    assert.ok(verified(ask(name, 'A', { edns: dnssec })) >= 1, name);
  }
});

test('the order of a whole record set does not make it be signed anew', (context) => {
  const { ask, verified } = setup([draw('three', { answers: 0 })], true);
  const sign = context.mock.method(DnssecKey.prototype, 'sign');
  const orders = new Set<string>();
  for (let round = 0; round < 50; round++) {
    const message = ask('three', 'A', { edns: dnssec });
    assert.equal(verified(message), 1);
    orders.add(addresses(message).join());
  }
  assert.equal(sign.mock.callCount(), 1);
  assert.ok(orders.size > 1);
});

test('additional addresses are drawn too, with good signatures', () => {
  const { ask, verified } = setup(draws, true);
  const seen = new Set<string>();
  for (let round = 0; round < 100; round++) {
    const message = decodedMx(ask);
    const found = addresses(message, message.additional);
    assert.equal(found.length, 1);
    seen.add(found[0] as string);
    assert.ok(verified(message) >= 2);
  }
  assert.ok(seen.size > 1);
});

function decodedMx(ask: ReturnType<typeof setup>['ask']): IMessage {
  return ask('dead', 'MX', { edns: dnssec });
}

test('what is known to fail is SERVFAIL and says why, whether the zone has addresses or not', () => {
  const { ask } = setup();
  for (const name of ['dead', 'gone', 'to-gone', 'x.lost']) {
    const message = ask(name);
    assert.equal(rcodeName(message.rcode), 'SERVFAIL', name);
    assert.equal(message.answer.length, 0);
    assert.deepEqual(
      extendedErrors(message.edns).map(({ code }) => code),
      [23],
    );
  }
  assert.equal(ask('dead', 'MX').answer.length, 1);
  assert.equal(rcodeName(ask('gone', 'TXT').rcode), 'NOERROR');
  assert.equal(rcodeName(ask('nothing').rcode), 'NXDOMAIN');
});

test('a signed zone proves nothing about a name whose addresses are not known', () => {
  const { ask } = setup(draws, true);
  // NSEC of this name would say that it has no A record, which resolvers may use (RFC 8198).
  for (const name of ['gone', 'y.lost']) {
    assert.equal(rcodeName(ask(name, 'TXT', { edns: dnssec }).rcode), 'SERVFAIL');
    assert.equal(rcodeName(ask(name, 'TXT', { edns: plainEdns }).rcode), 'NOERROR');
  }
});

test('a record set beside one that is drawn is not touched, and draws end with the version', () => {
  const { zones, ask } = setup();
  assert.deepEqual(addresses(ask('plain')), ['192.0.2.7', '192.0.2.8']);
  assert.equal(ask('three', 'AAAA').answer.length, 1);
  zones.set(zone);
  assert.equal(addresses(ask('three')).length, 3);
  zones.set(zone, null, draws);
  assert.equal(addresses(ask('three')).length, 1);
  assert.equal(zones.get(zone.apex)?.draws?.find(parseName('THREE.example.org'), 1)?.answers, 1);
});

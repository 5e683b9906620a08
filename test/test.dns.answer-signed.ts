import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ManualClock } from '../ts/core/manual-clock.ts';
import { Answerer, ZoneSet } from '../ts/dns/answer/index.ts';
import type { IMessage, IRecord } from '../ts/dns/codec/message.ts';
import { formatName } from '../ts/dns/codec/name.ts';
import { recordType, recordTypeName } from '../ts/dns/codec/types.ts';
import {
  DnssecKey,
  entryPointFlags,
  groupRecords,
  type IZoneKey,
  parseDnskey,
  type TDenialMode,
  verifyRrset,
  WorkBudget,
  ZoneSigner,
} from '../ts/dns/dnssec/index.ts';
import { singleKey } from './dns/dnssec/signed-zone.ts';
import { decoded, plainEdns, queryFor, zoneOf } from './dns/query.ts';

const zone = zoneOf(`$TTL 300
@ SOA ns1 hostmaster 1 7200 900 1209600 60
@ NS ns1
@ MX 10 mail
ns1 A 192.0.2.1
mail A 192.0.2.2
www CNAME mail
old DNAME new
mail.new A 192.0.2.5
*.wild TXT "any"
cut NS ns.cut
ns.cut A 192.0.2.9
`);
const dnssec = { ...plainEdns, do: true };
const client = { address: '192.0.2.77', transport: 'udp' } as const;

function setup(denial: TDenialMode) {
  const clock = new ManualClock();
  const key = DnssecKey.generate(13, entryPointFlags);
  const signing = singleKey(key, 300);
  const signer = new ZoneSigner(zone.apex, signing, { denial }, clock);
  const zones = new ZoneSet();
  zones.set(signer.prepare(zone), signer);
  const answerer = new Answerer(zones, { clock });
  const out = Buffer.alloc(4096);
  const ask = (name: string, type: string, more: Partial<IMessage> = { edns: dnssec }) =>
    decoded(Buffer.from(out.subarray(0, answerer.answer(queryFor(name, type, more), client, out))));
  const dnskey = parseDnskey(key.rdata) as IZoneKey;
  return { ask, clock, dnskey };
}

const asked = [
  { name: 'mail.example.org', type: 'A', signed: 1 },
  { name: 'example.org', type: 'MX', signed: 2 },
  { name: 'www.example.org', type: 'A', signed: 2 },
  { name: 'WWW.example.org', type: 'MX', signed: 2 },
  { name: 'mail.old.example.org', type: 'A', signed: 2 },
  { name: 'x.wild.example.org', type: 'TXT', signed: 1 },
  { name: 'x.wild.example.org', type: 'A', signed: 1 },
  { name: 'x.wild.example.org', type: 'NSEC', signed: 1 },
  { name: 'nothing.example.org', type: 'A', signed: 1 },
  { name: 'mail.example.org', type: 'TXT', signed: 1 },
  { name: 'a.cut.example.org', type: 'A', signed: 1 },
  { name: 'example.org', type: 'DNSKEY', signed: 1 },
];

for (const denial of ['compact', 'nsec', 'nsec3'] as const) {
  test(`${denial}: all that is ours has a good signature, made and kept`, () => {
    const { ask, clock, dnskey } = setup(denial);
    for (const { name, type, signed } of asked) {
      for (const round of ['made', 'kept']) {
        const message = ask(name, type);
        const records = [...message.answer, ...message.authority, ...message.additional];
        const good = signedSets(records, dnskey, Math.floor(clock.now() / 1000));
        assert.ok(good >= signed, `${name} ${type} ${round}: ${good} good signatures`);
        assert.equal(message.truncated, false);
      }
    }
  });
}

test('without DO there is nothing of DNSSEC, nor is what was kept for it mixed up', () => {
  const { ask } = setup('compact');
  for (const { name, type } of asked) {
    for (const more of [{ edns: dnssec }, { edns: plainEdns }, {}, { edns: dnssec }]) {
      const message = ask(name, type, more);
      const all = [...message.answer, ...message.authority, ...message.additional];
      const signatures = all.filter((record) => record.type === recordType.RRSIG);
      assert.equal(signatures.length > 0, more.edns?.do === true, `${name} ${type}`);
      assert.equal(message.edns?.do === true, more.edns?.do === true);
    }
  }
  assert.equal(ask('nothing.example.org', 'A', {}).rcode, 3);
});

test('NSEC that is asked for without DO comes without signatures and proofs', () => {
  for (const denial of ['compact', 'nsec'] as const) {
    const { ask } = setup(denial);
    for (const name of ['mail.example.org', 'x.wild.example.org', 'a.cut.example.org']) {
      const { answer, authority } = ask(name, 'NSEC', { edns: plainEdns });
      const types = [...answer, ...authority].map(({ type }) => recordTypeName(type));
      const expected = name.startsWith('a.cut') ? ['NS'] : ['NSEC'];
      assert.deepEqual(types, expected, `${denial} ${name}`);
    }
  }
});

test('the NSEC of a wildcard is expanded, with the proof that nothing is closer', () => {
  const { ask } = setup('nsec');
  const { answer, authority } = ask('x.wild.example.org', 'NSEC');
  const names = answer.map(({ name, type }) => `${formatName(name)} ${recordTypeName(type)}`);
  assert.deepEqual(names, ['x.wild.example.org. NSEC', 'x.wild.example.org. RRSIG']);
  assert.deepEqual(
    authority.map(({ type }) => recordTypeName(type)),
    ['NSEC', 'RRSIG'],
  );
});

test('compact denial: the NSEC of a name that does not exist is an answer, as its types say', () => {
  const { ask } = setup('compact');
  const { answer, authority, rcode } = ask('nothing.example.org', 'NSEC');
  assert.deepEqual(
    answer.map(({ type }) => recordTypeName(type)),
    ['NSEC', 'RRSIG'],
  );
  assert.deepEqual([authority.length, rcode], [0, 0]);
});

/** Checks every set that has signatures, and that only the synthesised and the foreign have none. */
function signedSets(records: readonly IRecord[], dnskey: IZoneKey, now: number): number {
  const sets = groupRecords(records);
  let good = 0;
  for (const set of sets) {
    const what = `${formatName(set.name)} ${recordTypeName(set.type)}`;
    if (set.signatures.length === 0) {
      const isForeign = formatName(set.name).includes('cut.');
      const isMade = set.type === recordType.CNAME && formatName(set.name).includes('old.');
      assert.ok(isForeign || isMade, `${what} is not signed`);
      continue;
    }
    const context = { zone: zone.apex, keys: [dnskey], nowS: now, budget: new WorkBudget() };
    const result = verifyRrset(set, context);
    assert.ok(result.ok, `${what}: ${JSON.stringify(result)}`);
    good++;
  }
  return good;
}

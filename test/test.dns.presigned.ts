import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ManualClock } from '../ts/core/manual-clock.ts';
import { Answerer, type IAnswerSigner, ZoneSet } from '../ts/dns/answer/index.ts';
import { PresignedSigner } from '../ts/dns/answer/presigned.ts';
import type { IMessage } from '../ts/dns/codec/message.ts';
import { formatName, parseName } from '../ts/dns/codec/name.ts';
import { rcode, recordType } from '../ts/dns/codec/types.ts';
import {
  DnssecKey,
  entryPointFlags,
  groupRecords,
  type IZoneKey,
  parseDnskey,
  verifyRrset,
  WorkBudget,
  ZoneSigner,
} from '../ts/dns/dnssec/index.ts';
import { nsec3Hash, nsec3Owner, plainNsec3 } from '../ts/dns/dnssec/nsec3.ts';
import type { Zone } from '../ts/dns/zone/zone.ts';
import { singleKey } from './dns/dnssec/signed-zone.ts';
import { decoded, plainEdns, queryFor, zoneOf } from './dns/query.ts';
import { lineOf } from './dns/special.ts';

const text = `$TTL 300
@ SOA ns1 hostmaster 1 7200 900 1209600 60
@ NS ns1
@ MX 10 mail
ns1 A 192.0.2.1
mail A 192.0.2.2
mail AAAA 2001:db8::2
www CNAME mail
old DNAME new
mail.new A 192.0.2.5
*.wild TXT "any"
*.alias CNAME mail
deep.er.name TXT "x"
cut NS ns.cut
ns.cut A 192.0.2.9
safe NS ns1
safe DS 1 13 2 ${'AB'.repeat(32)}
`;
const dnssec = { ...plainEdns, do: true };
const client = { address: '192.0.2.77', transport: 'tcp' } as const;
const key = DnssecKey.generate(13, entryPointFlags);
const dnskey = parseDnskey(key.rdata) as IZoneKey;
const clock = new ManualClock();
const nowS = Math.floor(clock.now() / 1000);

/** What the primary has: it signs itself. */
function signedHere(zone: Zone, denial: 'nsec' | 'nsec3') {
  const keys = singleKey(key, 300);
  const signer = new ZoneSigner(zone.apex, keys, { denial }, clock);
  return { zone: signer.prepare(zone), signer };
}

/** The same as a secondary gets it. */
function transferred({ zone, signer }: { zone: Zone; signer: ZoneSigner }): Zone {
  const lines: string[] = [];
  for (const { rdatas, ...rrset } of signer.transfer(zone)) {
    for (const rdata of rdatas) lines.push(lineOf({ ...rrset, rdata }));
  }
  return zoneOf(lines.join('\n'));
}

function asking(zone: Zone, signer: IAnswerSigner | null) {
  const zones = new ZoneSet();
  zones.set(zone, signer);
  const answerer = new Answerer(zones, { clock });
  const out = Buffer.alloc(65_535);
  return (name: string, type: string, edns: IMessage['edns'] = dnssec): IMessage =>
    decoded(
      Buffer.from(out.subarray(0, answerer.answer(queryFor(name, type, { edns }), client, out))),
    );
}

/** An answer as text, without the signatures themselves, which differ each time. */
function shape(message: IMessage): string[] {
  const lines = (section: string, records: IMessage['answer']): string[] =>
    records
      .map((record) => `${section} ${lineOf(record)}`)
      .map((line) => line.replace(/( RRSIG \S+ \d+ \d+ \d+) .*/, '$1'))
      .sort();
  return [
    `${message.rcode}${message.authoritative ? ' aa' : ''}`,
    ...lines('an', message.answer),
    ...lines('au', message.authority),
    ...lines('ad', message.additional),
  ];
}

/** Every set that a signature covers verifies. @returns how many there are. */
function goodSets(message: IMessage): number {
  const records = [...message.answer, ...message.authority, ...message.additional];
  const signed = groupRecords(records).filter(({ signatures }) => signatures.length > 0);
  for (const set of signed) {
    const zone = parseName('example.org.');
    const result = verifyRrset(set, { zone, keys: [dnskey], nowS, budget: new WorkBudget() });
    assert.ok(result.ok, `${formatName(set.name)} ${set.type}: ${JSON.stringify(result)}`);
  }
  return signed.length;
}

const questions = [
  ['example.org', 'SOA'],
  ['example.org', 'MX'],
  ['example.org', 'DNSKEY'],
  ['mail.example.org', 'A'],
  ['MAIL.example.org', 'AAAA'],
  ['mail.example.org', 'TXT'],
  ['www.example.org', 'A'],
  ['www.example.org', 'CNAME'],
  ['mail.old.example.org', 'A'],
  ['old.example.org', 'DNAME'],
  ['x.wild.example.org', 'TXT'],
  ['x.wild.example.org', 'A'],
  ['a.b.wild.example.org', 'TXT'],
  ['*.wild.example.org', 'TXT'],
  ['x.alias.example.org', 'A'],
  ['nothing.example.org', 'A'],
  ['zzz.example.org', 'A'],
  ['0.example.org', 'A'],
  ['a.b.c.d.nothing.example.org', 'A'],
  ['er.name.example.org', 'A'],
  ['name.example.org', 'A'],
  ['other.er.name.example.org', 'A'],
  ['cut.example.org', 'A'],
  ['x.cut.example.org', 'A'],
  ['cut.example.org', 'DS'],
  ['ns.cut.example.org', 'A'],
  ['safe.example.org', 'A'],
  ['a.safe.example.org', 'A'],
  ['safe.example.org', 'DS'],
] as const;

for (const denial of ['nsec', 'nsec3'] as const) {
  test(`${denial}: a secondary answers with the records of its primary as the primary does`, () => {
    const primary = signedHere(zoneOf(text), denial);
    const zone = transferred(primary);
    const theirs = asking(primary.zone, primary.signer);
    const ours = asking(zone, PresignedSigner.of(zone));
    for (const [name, type] of questions) {
      const answer = ours(name, type);
      assert.deepEqual(shape(answer), shape(theirs(name, type)), `${name} ${type}`);
      assert.equal(goodSets(answer), goodSets(theirs(name, type)), `${name} ${type}`);
    }
  });

  test(`${denial}: without DO there are no signatures, unless they are asked for`, () => {
    const zone = transferred(signedHere(zoneOf(text), denial));
    const ours = asking(zone, PresignedSigner.of(zone));
    const without = asking(zoneOf(text), null);
    for (const [name, type] of questions.filter(([, asked]) => asked !== 'DNSKEY')) {
      assert.deepEqual(shape(ours(name, type, plainEdns)), shape(without(name, type, plainEdns)));
    }
    const signatures = ours('mail.example.org', 'RRSIG', plainEdns).answer;
    assert.ok(signatures.length >= 2);
    assert.ok(signatures.every(({ type }) => type === recordType.RRSIG));
  });
}

test('who asks for RRSIG below a DNAME is led on by a signed one', () => {
  const zone = transferred(signedHere(zoneOf(text), 'nsec'));
  const { answer } = asking(zone, PresignedSigner.of(zone))('host.old.example.org', 'RRSIG');
  const types = answer.map(({ type }) => type);
  assert.deepEqual(types, [recordType.DNAME, recordType.RRSIG, recordType.CNAME]);
});

test('addresses of our own servers come signed with a referral', () => {
  const primary = signedHere(zoneOf(text), 'nsec3');
  const zone = transferred(primary);
  for (const ask of [
    asking(zone, PresignedSigner.of(zone)),
    asking(primary.zone, primary.signer),
  ]) {
    const ours = ask('a.safe.example.org', 'A').additional.map(({ type }) => type);
    assert.deepEqual(ours, [recordType.A, recordType.RRSIG]);
    const glue = ask('a.cut.example.org', 'A').additional.map(({ type }) => type);
    assert.deepEqual(glue, [recordType.A]);
  }
});

test('what opt-out leaves out of the chain proves nothing: the name above it does', () => {
  const more = `${text}host.gone NS ns.test.\n`;
  const whole = transferred(signedHere(zoneOf(more), 'nsec3'));
  const ownerOf = (name: string): Buffer =>
    nsec3Owner(nsec3Hash(parseName(`${name}example.org.`), plainNsec3), whole.apex);
  const empty = { type: recordType.NSEC3, ttl: 0, rdatas: [] };
  const zone = whole.replace(
    ['gone.', 'host.gone.'].map((at) => ({ ...empty, name: ownerOf(at) })),
  );
  const { rcode: code, authority } = asking(zone, PresignedSigner.of(zone))(
    'z.gone.example.org',
    'A',
  );
  assert.equal(code, rcode.NXDOMAIN);
  const chain = authority.filter(({ type }) => type === recordType.NSEC3).map(({ name }) => name);
  const owners = [...zone.rrsets()]
    .filter(({ type }) => type === recordType.NSEC3)
    .map(({ name }) => name.toString('latin1', 1, 33))
    .sort();
  const covering = (name: string): string => {
    const hash = ownerOf(name).toString('latin1', 1, 33);
    return owners.filter((owner) => owner < hash).at(-1) ?? (owners.at(-1) as string);
  };
  const wanted = new Set([
    ownerOf('').toString('latin1', 1, 33),
    covering('gone.'),
    covering('*.'),
  ]);
  assert.deepEqual(new Set(chain.map((name) => name.toString('latin1', 1, 33))), wanted);
});

test('every NSEC of the zone is given to who asks for it', () => {
  const zone = transferred(signedHere(zoneOf(text), 'nsec'));
  const answer = asking(zone, PresignedSigner.of(zone))('mail.example.org', 'NSEC');
  assert.equal(goodSets(answer), 1);
  assert.equal(answer.answer[0]?.type, recordType.NSEC);
});

test('the owner of a NSEC3 does not exist', () => {
  const zone = transferred(signedHere(zoneOf(text), 'nsec3'));
  const hashed = [...zone.rrsets()].find(({ type }) => type === recordType.NSEC3);
  assert.ok(hashed);
  const ours = asking(zone, PresignedSigner.of(zone));
  for (const type of ['A', 'NSEC3']) {
    const answer = ours(formatName(hashed.name), type);
    assert.equal(answer.rcode, rcode.NXDOMAIN);
    assert.equal(answer.answer.length, 0);
    assert.ok(goodSets(answer) >= 3);
  }
});

test('the next version of a zone goes on with the chain of the one before', () => {
  const base = zoneOf(text);
  let signer: IAnswerSigner | null = null;
  for (let round = 0; round < 5; round++) {
    const changed = base.replace([
      {
        name: parseName(`new${round}.example.org.`),
        type: recordType.A,
        ttl: 1,
        rdatas: [Buffer.from([1, 2, 3, round])],
      },
      { name: parseName('mail.new.example.org.'), type: recordType.A, ttl: 1, rdatas: [] },
    ]);
    const primary = signedHere(changed, 'nsec3');
    const zone = transferred(primary);
    signer = PresignedSigner.of(zone, signer);
    const ours = asking(zone, signer);
    const theirs = asking(primary.zone, primary.signer);
    for (const name of ['nothing', 'new1', 'a.new2', 'mail.new', 'zzz']) {
      assert.deepEqual(
        shape(ours(`${name}.example.org`, 'TXT')),
        shape(theirs(`${name}.example.org`, 'TXT')),
        name,
      );
    }
  }
});

test('a zone without signatures has no such signer, one that lacks records does not throw', () => {
  assert.equal(PresignedSigner.of(zoneOf(text)), null);
  for (const denial of ['nsec', 'nsec3'] as const) {
    const whole = transferred(signedHere(zoneOf(text), denial));
    const isChain = (type: number) => type === recordType.NSEC || type === recordType.NSEC3;
    const holey = whole.replace(
      [...whole.rrsets()]
        .filter(({ type }, index) => isChain(type) && index % 2 === 0)
        .map(({ name, type }) => ({ name, type, ttl: 0, rdatas: [] })),
    );
    const ours = asking(holey, PresignedSigner.of(holey));
    for (const [name, type] of questions) ours(name, type);
  }
});

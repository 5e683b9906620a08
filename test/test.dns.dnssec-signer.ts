import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { IRecord } from '../ts/dns/codec/message.ts';
import { compareNames, formatName, isSubdomain, parseName } from '../ts/dns/codec/name.ts';
import { recordType } from '../ts/dns/codec/types.ts';
import {
  DnssecKey,
  groupRecords,
  parseNsec,
  parseNsec3,
  parseRrsig,
  plainNsec3,
  verifyRrset,
  WorkBudget,
} from '../ts/dns/dnssec/index.ts';
import { Nsec3Chain } from '../ts/dns/dnssec/nsec3-chain.ts';
import { lookup } from '../ts/dns/zone/lookup.ts';
import type { IRrset } from '../ts/dns/zone/owner-data.ts';
import type { IRrsetChange, Zone } from '../ts/dns/zone/zone.ts';
import { fixture, recordsOf } from './dns/dnssec/records.ts';
import { signedZone, singleKey, unsignedZone } from './dns/dnssec/signed-zone.ts';
import { flat } from './dns/dnssec/world.ts';

const daysMs = 86_400_000;

function respond(here: ReturnType<typeof signedZone>, name: string, type: number) {
  const wire = parseName(name);
  const found = lookup(here.zone, wire, type);
  assert.ok(found !== undefined);
  return here.signer.respond(here.zone, wire, type, found);
}

function rrsigOf(rrsets: readonly IRrset[], covered: number) {
  const rdatas = rrsets
    .filter(({ type }) => type === recordType.RRSIG)
    .flatMap((one) => one.rdatas);
  const parsed = rdatas.map(parseRrsig);
  const rrsig = parsed.find((one) => one?.typeCovered === covered);
  assert.ok(rrsig);
  return rrsig;
}

for (const denial of ['nsec', 'nsec3', 'compact'] as const) {
  test(`ZoneSigner.transfer(), ${denial}: signs all that is the zone's, and nothing else`, () => {
    const { signer, zone, keys, apex, clock } = signedZone({ denial });
    const rrsets = [...signer.transfer(zone)];
    assert.equal(rrsets[0]?.type, recordType.SOA);
    const groups = groupRecords(flat(rrsets));
    const cuts = ['secure.example.', 'insecure.example.'].map((name) => parseName(name));
    const context = { zone: apex, keys, nowS: clock.now() / 1000, budget: new WorkBudget() };
    for (const rrset of groups) {
      const isBelow = cuts.some((cut) => isSubdomain(rrset.name, cut));
      const isParents = [recordType.DS, recordType.NSEC].some((type) => type === rrset.type);
      const what = `${formatName(rrset.name)} ${rrset.type}`;
      const result = verifyRrset(rrset, { ...context, budget: new WorkBudget() });
      assert.equal(result.ok, !isBelow || isParents, what);
    }
    const owners = new Set(groups.map(({ name }) => formatName(name)));
    assert.ok(owners.has('ns.secure.example.'));
  });
}

test('ZoneSigner.transfer(): the chain of NSEC is closed and in order', () => {
  const { signer, zone, apex } = signedZone({ denial: 'nsec' });
  const chain = flat([...signer.transfer(zone)])
    .filter(({ type }) => type === recordType.NSEC)
    .map(({ name, rdata }) => parseNsec(name, rdata));
  for (const [index, nsec] of chain.entries()) {
    const next = chain[index + 1]?.owner ?? apex;
    assert.ok(nsec !== null && compareNames(nsec.next, next) === 0, `${index}`);
    if (index > 0) assert.ok(compareNames(nsec.owner, nsec.next) < 0 || next === apex);
  }
});

test('ZoneSigner.transfer(): the chain of NSEC3 is closed, with empty non-terminals', () => {
  const { signer, zone, apex } = signedZone({ denial: 'nsec3' });
  const rrsets = [...signer.transfer(zone)];
  const chain = flat(rrsets)
    .filter(({ type }) => type === recordType.NSEC3)
    .map(({ name, rdata }) => parseNsec3(name, rdata, apex));
  for (const [index, nsec3] of chain.entries()) {
    const next = chain[(index + 1) % chain.length];
    assert.ok(nsec3 !== null && next?.hash.equals(nsec3.next), `${index}`);
    assert.deepEqual([nsec3.iterations, nsec3.salt.length, nsec3.optOut], [0, 0, false]);
  }
  assert.equal(chain.filter((nsec3) => nsec3?.types.size === 0).length, 6);
  const params = rrsets.find(({ type }) => type === recordType.NSEC3PARAM);
  assert.deepEqual(params?.rdatas, [Buffer.of(1, 0, 0, 0, 0)]);
});

for (const [denial, type, file] of [
  ['nsec', recordType.NSEC, '13-nsec-bind.zone'],
  ['compact', recordType.NSEC, '13-nsec-bind.zone'],
  ['nsec3', recordType.NSEC3, '13-nsec3-bind.zone'],
] as const) {
  test(`ZoneSigner.transfer(), ${denial}: the chain is the one that BIND makes`, () => {
    const { signer, zone } = signedZone({ denial });
    const ofType = (records: IRecord[]) =>
      records
        .filter((record) => record.type === type)
        .map(({ name, rdata }) => `${formatName(name)} ${rdata.toString('hex')}`.toLowerCase())
        .sort();
    const ours = ofType(flat([...signer.transfer(zone)]));
    assert.ok(ours.length > 10);
    assert.deepEqual(ours, ofType(recordsOf(fixture(file))));
  });
}

test('ZoneSigner: DNAME at the apex leaves only the apex to sign', () => {
  for (const denial of ['nsec', 'nsec3'] as const) {
    const here = signedZone({ denial }, 13, 'example. 60 IN DNAME example.net.');
    const rrsets = [...here.signer.transfer(here.zone)];
    const chain = rrsets.filter(
      ({ type }) => type === recordType.NSEC || type === recordType.NSEC3,
    );
    assert.equal(chain.length, 1);
    const signed = rrsets.filter(({ type }) => type === recordType.RRSIG);
    assert.ok(signed.every(({ name }) => name.equals(here.apex) || denial === 'nsec3'));
  }
});

test('ZoneSigner.respond(): owners keep the case of the question, proofs are in lower case', () => {
  const here = signedZone({ denial: 'compact' });
  const { answer } = respond(here, 'wWw.eXample.', recordType.A);
  assert.deepEqual(
    answer.map(({ name }) => formatName(name)),
    ['wWw.eXample.', 'wWw.eXample.'],
  );
  const { authority } = respond(here, 'NOthing.eXample.', recordType.A);
  assert.ok(authority.every(({ name }) => /^[a-z.]+$/.test(formatName(name))));
});

test('ZoneSigner.respond(): a negative answer has the TTL of RFC 2308 and RFC 9077', () => {
  for (const denial of ['nsec', 'nsec3', 'compact'] as const) {
    const here = signedZone({ denial });
    const { authority } = respond(here, 'nothing.example.', recordType.A);
    assert.deepEqual(new Set(authority.map(({ ttl }) => ttl)), new Set([300]));
  }
});

test('ZoneSigner.respond(): compact denial says that the name exists, and that it does not', () => {
  const here = signedZone({ denial: 'compact' });
  const { authority, nxdomain, denied } = respond(here, 'nothing.example.', recordType.A);
  assert.deepEqual([nxdomain, denied], [false, true]);
  const record = authority.find(({ type }) => type === recordType.NSEC) as IRrset;
  const nsec = parseNsec(record.name, record.rdatas[0] as Buffer);
  assert.equal(formatName(nsec?.owner as Buffer), 'nothing.example.');
  assert.equal(formatName(nsec?.next as Buffer), '\\000.nothing.example.');
  assert.deepEqual(
    [...(nsec?.types ?? [])],
    [recordType.RRSIG, recordType.NSEC, recordType.NXNAME],
  );
  assert.equal(respond(here, 'empty.example.', recordType.A).denied, false);
});

test('ZoneSigner: a signature is kept until it is renewed, and never served near its end', () => {
  const here = signedZone({ validityS: 14 * 86_400, jitterS: 86_400, renewalS: 4 * 86_400 });
  let last = rrsigOf(respond(here, 'www.example.', recordType.A).answer, recordType.A);
  let changes = 0;
  for (let hour = 0; hour < 24 * 60; hour++) {
    here.clock.advance(3_600_000);
    const rrsig = rrsigOf(respond(here, 'www.example.', recordType.A).answer, recordType.A);
    const nowS = here.clock.now() / 1000;
    assert.ok(rrsig.expiration - nowS > 4 * 86_400 - 3600);
    assert.ok(rrsig.inception <= nowS - 3600);
    if (!rrsig.signature.equals(last.signature)) changes++;
    last = rrsig;
  }
  assert.ok(changes >= 5 && changes <= 7, `${changes}`);
});

test('ZoneSigner.respond(): tells until when an answer can be kept', () => {
  for (const denial of ['nsec', 'nsec3', 'compact'] as const) {
    const here = signedZone({ denial });
    for (const [name, type] of [
      ['www.example.', recordType.A],
      ['nothing.example.', recordType.A],
      ['insecure.example.', recordType.A],
    ] as const) {
      const { answer, authority, renewalS } = respond(here, name, type);
      const again = respond(here, name, type);
      assert.deepEqual(again, {
        answer,
        authority,
        renewalS,
        nxdomain: again.nxdomain,
        denied: again.denied,
      });
      here.clock.advance(renewalS * 1000 - here.clock.now() - 1000);
      assert.deepEqual(respond(here, name, type).authority, authority);
      here.clock.advance(1000);
      assert.notDeepEqual(respond(here, name, type), again);
    }
  }
});

test('ZoneSigner: signatures end at different times, the same after a restart', () => {
  const ends = () => {
    const { signer, zone } = signedZone({ denial: 'nsec' });
    return flat([...signer.transfer(zone)])
      .filter(({ type }) => type === recordType.RRSIG)
      .map(({ rdata }) => parseRrsig(rdata)?.expiration);
  };
  assert.ok(new Set(ends()).size > 30);
  assert.deepEqual(ends(), ends());
});

test('ZoneSigner.renew(): makes what is due anew, so many at a time', () => {
  const here = signedZone({ denial: 'nsec' });
  const count = flat([...here.signer.transfer(here.zone)]).filter(({ type }) => type === 46).length;
  assert.equal(here.signer.renew(1000), 0);
  here.clock.advance(10 * daysMs);
  assert.equal(here.signer.renew(5), 5);
  assert.equal(here.signer.renew(1000), count - 5);
  assert.equal(here.signer.renew(1000), 0);
  assert.ok(here.signer.transferIntervalS < 14 * 86_400 * 0.3);
});

test('ZoneSigner: a change signs what it touches, and nothing else', () => {
  const here = signedZone({ denial: 'nsec' });
  const before = signaturesOf(here.signer.transfer(here.zone));
  const zone = here.zone.replace([
    {
      name: parseName('www.example.'),
      type: recordType.A,
      ttl: 60,
      rdatas: [Buffer.of(192, 0, 2, 99)],
    },
  ]);
  const after = signaturesOf(here.signer.transfer(zone));
  const changed = [...after].filter(([key, rdata]) => before.get(key) !== rdata);
  assert.deepEqual(
    changed.map(([key]) => key),
    ['example. 6', 'www.example. 1'],
  );
});

test('ZoneSigner.setKeys(): other keys sign from the next answer on', () => {
  const here = signedZone({ denial: 'nsec' });
  const first = rrsigOf(respond(here, 'www.example.', recordType.A).answer, recordType.A);
  const key = DnssecKey.generate(13);
  here.signer.setKeys({ ...singleKey(key), published: [key, here.key], entry: [here.key] });
  const zone = here.signer.prepare(here.zone);
  assert.equal(zone.serial, here.zone.serial);
  assert.equal(zone.rrset(here.apex, recordType.DNSKEY)?.rdatas.length, 2);
  const second = rrsigOf(respond(here, 'www.example.', recordType.A).answer, recordType.A);
  assert.notEqual(second.keyTag, first.keyTag);
  assert.equal(second.keyTag, key.tag);
  const dnskey = rrsigOf(respond({ ...here, zone }, 'example.', recordType.DNSKEY).answer, 48);
  assert.equal(dnskey.keyTag, here.key.tag);
});

test('ZoneSigner.prepare(): the same version when all is there', () => {
  const here = signedZone({ denial: 'nsec3' });
  assert.equal(here.signer.prepare(here.zone), here.zone);
});

test('ZoneSigner: questions for made-up names push no signature of the zone out', () => {
  const here = signedZone({ denialEntriesMax: 10, cacheEntriesMax: 100 });
  const first = rrsigOf(respond(here, 'www.example.', recordType.A).answer, recordType.A);
  for (let index = 0; index < 300; index++) {
    respond(here, `random-${index}.example.`, recordType.A);
    respond(here, `random-${index}.wild.example.`, recordType.TXT);
  }
  const second = rrsigOf(respond(here, 'www.example.', recordType.A).answer, recordType.A);
  assert.deepEqual(second.signature, first.signature);
});

test('Nsec3Chain.update(): after any changes it is as if it were made anew', () => {
  let seed = 7;
  const random = (below: number) => {
    seed = (seed * 1103515245 + 12345) & 0x7fffffff;
    return (seed >>> 8) % below;
  };
  const labels = ['a', 'b', 'c', '*', 'ns'];
  const randomName = () => {
    let text = 'example.';
    for (let depth = random(4); depth >= 0; depth--) text = `${labels[random(5)]}.${text}`;
    return parseName(text);
  };
  const target = parseName('x.example.net.');
  let zone: Zone = unsignedZone();
  const chain = Nsec3Chain.of(zone, plainNsec3);
  for (let round = 0; round < 400; round++) {
    const types = [recordType.A, recordType.NS, recordType.DNAME];
    const type = types[random(3)] as number;
    const rdata = type === recordType.A ? Buffer.of(192, 0, 2, 1) : target;
    const name = random(20) === 0 ? zone.apex : randomName();
    const isApexNs = name === zone.apex && type === recordType.NS;
    const rdatas = random(2) === 0 && !isApexNs ? [] : [rdata];
    const change: IRrsetChange = { name, type, ttl: 60, rdatas };
    zone = zone.replace([change]);
    chain.update(zone);
    const fresh = Nsec3Chain.of(zone, plainNsec3);
    const keys = (one: Nsec3Chain) => [...one.entries()].map(({ key }) => key);
    assert.deepEqual(keys(chain), keys(fresh), `${round}`);
    assert.equal(chain.size, fresh.size);
  }
});

test('Nsec3Chain: before() and after() go around', () => {
  const chain = Nsec3Chain.of(unsignedZone(), plainNsec3);
  const entries = [...chain.entries()];
  const low = Buffer.alloc(20);
  const high = Buffer.alloc(20, 0xff);
  assert.deepEqual(chain.before(low), entries.at(-1));
  assert.deepEqual(chain.before(high), entries.at(-1));
  assert.deepEqual(chain.after(high), entries[0]);
  assert.deepEqual(chain.after(low), entries[0]);
  for (const [index, entry] of entries.entries()) {
    assert.deepEqual(chain.match(entry.hash), entry);
    assert.deepEqual(chain.after(entry.hash), entries[(index + 1) % entries.length]);
    assert.deepEqual(chain.before(entry.hash), entries.at(index - 1));
  }
});

function signaturesOf(rrsets: Iterable<IRrset>): Map<string, string> {
  const records = flat([...rrsets]).filter(({ type }) => type === recordType.RRSIG);
  return new Map(
    records.map(({ name, rdata }) => [
      `${formatName(name)} ${rdata.readUInt16BE(0)}`,
      rdata.toString('hex'),
    ]),
  );
}

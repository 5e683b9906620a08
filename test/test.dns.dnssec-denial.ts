import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compareNames, formatName, parseName, wildcardOf } from '../ts/dns/codec/name.ts';
import { recordType } from '../ts/dns/codec/types.ts';
import {
  type IDenial,
  type INsec,
  nextName,
  parseNsec,
  parseNsec3,
  proveCut,
  proveExpansion,
  proveNameError,
  proveNoData,
  WorkBudget,
} from '../ts/dns/dnssec/index.ts';
import { lookup } from '../ts/dns/zone/lookup.ts';
import { fixture, recordsOf } from './dns/dnssec/records.ts';
import { unsignedZone } from './dns/dnssec/signed-zone.ts';

const zone = parseName('example.');

/** All NSEC and NSEC3 records of a zone that BIND or ldns signed. */
function chainOf(file: string): IDenial {
  const records = recordsOf(fixture(file));
  const ofType = (type: number) => records.filter((record) => record.type === type);
  const nsecs = ofType(recordType.NSEC).map(({ name, rdata }) => parseNsec(name, rdata));
  const nsec3s = ofType(recordType.NSEC3).map(({ name, rdata }) => parseNsec3(name, rdata, zone));
  return {
    zone,
    nsecs: nsecs.filter((nsec) => nsec !== null),
    nsec3s: nsec3s.filter((nsec3) => nsec3 !== null),
  };
}

const budget = () => new WorkBudget({ hashes: 10_000 });

const names = [
  ...recordsOf(fixture('13-nsec-bind.zone')).map(({ name }) => formatName(name)),
  ...['deep.empty', 'empty', '_tcp', 'wild', 'target', '_tcp.mail', '*', 'aaa', 'zzz', 'b.aaa'],
  ...['x.wild', 'y.x.wild', 'x.closer.wild', 'b.deep.empty', 'x.a.deep.empty', 'x.www', 'wwx'],
  ...['x.target', 'www\\000', 'WWW', 'x.*.wild', '*.x.wild', 'x.odd', '\\000.odd', '\\255'],
].map((name) => (name.endsWith('.') ? name : `${name}.example.`));

const types = [
  recordType.A,
  recordType.AAAA,
  recordType.TXT,
  recordType.MX,
  recordType.NS,
  recordType.SOA,
  recordType.CNAME,
  recordType.DS,
];

for (const file of [
  '13-nsec-bind.zone',
  '13-nsec-ldns.zone',
  '13-nsec3-bind.zone',
  '13-salted-bind.zone',
  '15-nsec3-ldns.zone',
  '8-salted-ldns.zone',
]) {
  test(`the whole chain of ${file} proves what is missing, and nothing else`, () => {
    const denial = chainOf(file);
    const truth = unsignedZone();
    let proven = 0;
    for (const name of new Set(names)) {
      const wire = parseName(name);
      for (const type of types) {
        const found = lookup(truth, wire, type);
        // The apex's DS, and what lies below a cut, are for other zones to deny.
        if (found === undefined || found.kind === 'delegation') continue;
        if (type === recordType.DS && compareNames(wire, zone) === 0) continue;
        const what = `${name} ${type}: ${found.kind}`;
        const isData = proveNoData(wire, type, denial, budget());
        const isName = proveNameError(wire, denial, budget());
        assert.equal(isData === 'proven', found.kind === 'nodata', what);
        assert.equal(isName === 'proven', found.kind === 'nxdomain', what);
        if (isData === 'proven' || isName === 'proven') proven++;
        if ('wildcard' in found && found.wildcard !== null) {
          assert.equal(proveExpansion(wire, found.wildcard, denial, budget()), 'proven', what);
          const wrong = wildcardOf(zone);
          assert.equal(proveExpansion(wire, wrong, denial, budget()), 'unproven', what);
        }
      }
    }
    assert.ok(proven > 100, `${proven}`);
    assert.equal(proveCut(parseName('insecure.example.'), denial, budget()), 'unsigned');
    assert.equal(proveCut(parseName('secure.example.'), denial, budget()), 'unproven');
    assert.equal(proveCut(parseName('www.example.'), denial, budget()), 'no-cut');
    assert.equal(proveCut(parseName('nothing.example.'), denial, budget()), 'no-cut');
  });
}

test('opt-out: what lies in a gap may be an unsigned delegation, so that nothing is secure', () => {
  const denial = chainOf('15-optout-bind.zone');
  const of = (name: string) => parseName(name);
  assert.equal(proveCut(of('insecure.example.'), denial, budget()), 'unsigned');
  assert.equal(proveCut(of('nothing.example.'), denial, budget()), 'unsigned');
  assert.equal(proveCut(of('www.example.'), denial, budget()), 'no-cut');
  assert.equal(proveNoData(of('insecure.example.'), recordType.DS, denial, budget()), 'opt-out');
  assert.equal(proveNameError(of('nothing.example.'), denial, budget()), 'opt-out');
  assert.equal(proveNoData(of('www.example.'), recordType.TXT, denial, budget()), 'proven');
});

test('more than 100 iterations prove nothing (RFC 9276)', () => {
  const denial = chainOf('13-many-bind.zone');
  assert.equal(proveNameError(parseName('nothing.example.'), denial, budget()), 'iterations');
  const spent = new WorkBudget({ hashes: 0 });
  const plain = chainOf('13-nsec3-bind.zone');
  assert.equal(proveNameError(parseName('nothing.example.'), plain, spent), 'budget');
});

test('a delegation or DNAME says nothing about names below it (RFC 6840 §4.1)', () => {
  const nsec = (owner: string, next: string, ...bits: number[]): INsec => ({
    owner: parseName(owner),
    next: parseName(next),
    types: new Set(bits),
  });
  const denialOf = (...nsecs: INsec[]): IDenial => ({ zone, nsecs, nsec3s: [] });
  const name = parseName('www.sub.example.');
  const below = [
    denialOf(nsec('sub.example.', 'example.', recordType.NS)),
    denialOf(nsec('sub.example.', 'example.', recordType.DNAME)),
  ];
  for (const denial of below) {
    const withApex = { ...denial, nsecs: [...denial.nsecs, nsec('example.', 'sub.example.', 6)] };
    assert.equal(proveNameError(name, withApex, budget()), 'unproven');
    assert.equal(proveNoData(name, recordType.A, withApex, budget()), 'unproven');
    assert.equal(proveExpansion(name, parseName('*.example.'), withApex, budget()), 'unproven');
  }
  const cut = denialOf(nsec('sub.example.', 'example.', recordType.NS));
  assert.equal(proveNoData(parseName('sub.example.'), recordType.A, cut, budget()), 'unproven');
  assert.equal(proveNoData(parseName('sub.example.'), recordType.DS, cut, budget()), 'proven');
  // The child's own record does not deny its DS, nor that it begins there.
  const child = denialOf(nsec('sub.example.', 'x.sub.example.', recordType.NS, recordType.SOA));
  assert.equal(proveNoData(parseName('sub.example.'), recordType.DS, child, budget()), 'unproven');
  assert.equal(proveCut(parseName('sub.example.'), child, budget()), 'unproven');
  // With an alias at the name there may be data of any type.
  const alias = denialOf(nsec('a.example.', 'b.example.', recordType.CNAME));
  assert.equal(proveNoData(parseName('a.example.'), recordType.A, alias, budget()), 'unproven');
});

test('a record proves nothing outside of its zone', () => {
  const denial = chainOf('13-nsec-bind.zone');
  for (const name of ['com.', 'www.example.com.', '.', 'notexample.']) {
    assert.equal(proveNameError(parseName(name), denial, budget()), 'unproven', name);
    assert.equal(proveNoData(parseName(name), recordType.A, denial, budget()), 'unproven', name);
  }
});

test('parseNsec3(): what is malformed, or unknown, or of another zone is no record', () => {
  const record = recordsOf(fixture('13-salted-bind.zone')).find(({ type }) => type === 50);
  assert.ok(record !== undefined);
  const { name, rdata } = record;
  assert.ok(parseNsec3(name, rdata, zone) !== null);
  const changed = (at: number, value: number) => {
    const bytes = Buffer.from(rdata);
    bytes[at] = value;
    return bytes;
  };
  assert.equal(parseNsec3(name, changed(0, 2), zone), null);
  assert.equal(parseNsec3(name, changed(1, 2), zone), null);
  assert.equal(parseNsec3(name, changed(4, 200), zone), null);
  assert.equal(parseNsec3(name, changed(9, 19), zone), null);
  assert.equal(parseNsec3(name, rdata, parseName('com.')), null);
  assert.equal(parseNsec3(parseName('abc.example.'), rdata, zone), null);
  assert.equal(parseNsec3(zone, rdata, zone), null);
  for (let length = 0; length < 30; length++) {
    assert.equal(parseNsec3(name, rdata.subarray(0, length), zone), null);
  }
});

test('nextName(): nothing is between a name and the next, at any length', () => {
  const long = (bytes: number, last: string) => {
    const label = 'a'.repeat(63);
    const rest = bytes - 3 * 64 - 2;
    return parseName(`${last.padStart(rest, 'b')}.${label}.${label}.${label}.`);
  };
  assert.equal(formatName(nextName(zone)), '\\000.example.');
  for (const bytes of [253, 254, 255]) {
    for (const last of ['a', '@', '\x7f']) {
      const name = long(bytes, last);
      const next = nextName(name);
      assert.ok(next.length <= 255);
      assert.ok(compareNames(name, next) < 0);
      assert.equal(formatName(parseName(formatName(next))), formatName(next));
      assert.deepEqual(next, Buffer.from(next.toString('latin1').toLowerCase(), 'latin1'));
    }
  }
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatName, parseName } from '../ts/dns/codec/name.ts';
import { recordType } from '../ts/dns/codec/types.ts';
import {
  groupRecords,
  type ISignedRrset,
  type IZoneKey,
  parseDnskey,
  verifyRrset,
  WorkBudget,
} from '../ts/dns/dnssec/index.ts';
import { fixture, recordOf, recordsOf, secondsOf } from './dns/dnssec/records.ts';

const zone = parseName('example.');
const nowS = secondsOf('2026-06-01T00:00:00Z');

function load(file: string): { rrsets: ISignedRrset[]; keys: IZoneKey[] } {
  const rrsets = groupRecords(recordsOf(fixture(file)));
  return { rrsets, keys: keysOf(rrsets) };
}

function keysOf(rrsets: ISignedRrset[]): IZoneKey[] {
  const dnskeys = rrsets.find(({ type }) => type === recordType.DNSKEY)?.rdatas ?? [];
  return dnskeys.map(parseDnskey).filter((key) => key !== null);
}

function find(rrsets: ISignedRrset[], owner: string, type: number): ISignedRrset {
  const found = rrsets.find((rrset) => formatName(rrset.name) === owner && rrset.type === type);
  assert.ok(found !== undefined, owner);
  return found;
}

function check(rrset: ISignedRrset, keys: IZoneKey[], at = nowS, budget = new WorkBudget()) {
  return verifyRrset(rrset, { zone, keys, nowS: at, budget });
}

const files = [
  ...[8, 10, 13, 14, 15, 16].map((algorithm) => `${algorithm}-nsec-bind.zone`),
  '13-nsec3-bind.zone',
  '13-salted-bind.zone',
  '15-optout-bind.zone',
  '13-nsec-ldns.zone',
  '15-nsec3-ldns.zone',
  '8-salted-ldns.zone',
];

for (const file of files) {
  test(`verifyRrset(): every signature of ${file} holds`, () => {
    const { rrsets, keys } = load(file);
    assert.equal(keys.length, 2);
    const signed = rrsets.filter(({ signatures }) => signatures.length > 0);
    assert.ok(signed.length >= 40, `${signed.length}`);
    for (const rrset of signed) {
      const result = check(rrset, keys);
      assert.ok(result.ok, `${formatName(rrset.name)} ${rrset.type}`);
      assert.equal(result.wildcard, null);
    }
    const glue = rrsets.filter(({ signatures }) => signatures.length === 0);
    for (const rrset of glue) {
      assert.deepEqual(check(rrset, keys), { ok: false, failure: 'unsigned' });
    }
  });
}

test('verifyRrset(): case of owner and rdata, order and duplicates do not count', () => {
  const { rrsets, keys } = load('13-nsec-bind.zone');
  const mx = find(rrsets, 'example.', recordType.MX);
  const shouted = recordOf('EXAMPLE. 3600 IN MX 10 MAIL.EXAMPLE.');
  assert.ok(check({ ...mx, name: shouted.name, rdatas: [shouted.rdata] }, keys).ok);
  const a = find(rrsets, 'www.example.', recordType.A);
  const [first, second] = a.rdatas as [Buffer, Buffer];
  assert.ok(check({ ...a, rdatas: [second, first, second] }, keys).ok);
});

test('verifyRrset(): a record more, less or changed is forged', () => {
  const { rrsets, keys } = load('13-nsec-bind.zone');
  const a = find(rrsets, 'www.example.', recordType.A);
  const forged: Partial<ISignedRrset>[] = [
    { rdatas: [...a.rdatas, Buffer.of(192, 0, 2, 66)] },
    { rdatas: a.rdatas.slice(1) },
    { rdatas: [Buffer.of(192, 0, 2, 66)] },
    { name: parseName('ftp.example.') },
    { class: 3 },
    { signatures: a.signatures.map((bytes) => flip(bytes, bytes.length - 1)) },
    { signatures: a.signatures.map((bytes) => bytes.subarray(0, -1)) },
    { signatures: a.signatures.map((bytes) => Buffer.concat([bytes, Buffer.of(0)])) },
    // The original TTL is signed too.
    { signatures: a.signatures.map((bytes) => flip(bytes, 7)) },
  ];
  for (const change of forged) {
    assert.deepEqual(check({ ...a, ...change }, keys), { ok: false, failure: 'forged' });
  }
});

test('verifyRrset(): an all-zero ECDSA signature is forged (CVE-2022-21449)', () => {
  const { rrsets, keys } = load('13-nsec-bind.zone');
  const a = find(rrsets, 'www.example.', recordType.A);
  const signatures = a.signatures.map((bytes) => Buffer.from(bytes).fill(0, bytes.length - 64));
  assert.deepEqual(check({ ...a, signatures }, keys), { ok: false, failure: 'forged' });
});

test('verifyRrset(): the clock decides, to the second', () => {
  const { rrsets, keys } = load('13-nsec-bind.zone');
  const a = find(rrsets, 'www.example.', recordType.A);
  const inception = secondsOf('2026-01-01T00:00:00Z');
  const expiration = secondsOf('2035-01-01T00:00:00Z');
  assert.ok(check(a, keys, inception).ok);
  assert.ok(check(a, keys, expiration).ok);
  assert.deepEqual(check(a, keys, inception - 1), { ok: false, failure: 'not-yet-valid' });
  assert.deepEqual(check(a, keys, expiration + 1), { ok: false, failure: 'expired' });
  const swapped = a.signatures.map((bytes) => {
    const changed = Buffer.from(bytes);
    bytes.copy(changed, 8, 12, 16);
    bytes.copy(changed, 12, 8, 12);
    return changed;
  });
  assert.deepEqual(check({ ...a, signatures: swapped }, keys), {
    ok: false,
    failure: 'expired-before-valid',
  });
});

test('verifyRrset(): the TTL is the lowest of its own, the signed one and what remains', () => {
  const { rrsets, keys } = load('13-nsec-bind.zone');
  const a = find(rrsets, 'www.example.', recordType.A);
  const expiration = secondsOf('2035-01-01T00:00:00Z');
  const ttlOf = (rrset: ISignedRrset, at: number) => {
    const result = check(rrset, keys, at);
    return result.ok ? result.ttl : -1;
  };
  assert.equal(ttlOf({ ...a, ttl: 60 }, nowS), 60);
  assert.equal(ttlOf({ ...a, ttl: 86_400 }, nowS), 600);
  assert.equal(ttlOf(a, expiration - 5), 5);
});

test('verifyRrset(): a wildcard that was expanded is told', () => {
  const { rrsets, keys } = load('13-nsec-bind.zone');
  const wild = find(rrsets, '*.wild.example.', recordType.TXT);
  const result = check({ ...wild, name: parseName('A.b.Wild.example.') }, keys);
  assert.ok(result.ok);
  assert.equal(formatName(result.wildcard as Buffer), '*.wild.example.');
  assert.equal(check({ ...wild, name: parseName('a.wilder.example.') }, keys).ok, false);
});

test('verifyRrset(): another zone cannot sign', () => {
  const { rrsets, keys } = load('13-nsec-bind.zone');
  const a = find(rrsets, 'www.example.', recordType.A);
  const wrong = { ok: false, failure: 'wrong-signer' };
  const elsewhere = verifyRrset(a, {
    zone: parseName('com.'),
    keys,
    nowS,
    budget: new WorkBudget(),
  });
  assert.deepEqual(elsewhere, wrong);
  // Signed by the zone, but the owner is not below it.
  assert.deepEqual(check({ ...a, name: parseName('www.example.com.') }, keys), wrong);
  // More labels than the owner has, and fewer than the zone has.
  for (const labels of [3, 0]) {
    const signatures = a.signatures.map((bytes) => {
      const changed = Buffer.from(bytes);
      changed[3] = labels;
      return changed;
    });
    assert.deepEqual(check({ ...a, signatures }, keys), wrong);
  }
});

test('verifyRrset(): keys of another zone, algorithm or purpose do not count', () => {
  const { rrsets, keys } = load('13-nsec-bind.zone');
  const a = find(rrsets, 'www.example.', recordType.A);
  const others = load('13-nsec-ldns.zone').keys;
  assert.deepEqual(check(a, others), { ok: false, failure: 'no-key' });
  const unsupported = a.signatures.map((bytes) => {
    const changed = Buffer.from(bytes);
    changed[2] = 5;
    return changed;
  });
  assert.deepEqual(check({ ...a, signatures: unsupported }, keys), {
    ok: false,
    failure: 'unsupported',
  });
  for (const { rdata } of keys) {
    // Not a zone key, revoked, another protocol.
    for (const [at, bits] of [
      [0, 0x01],
      [1, 0x80],
      [2, 0x01],
    ] as const) {
      const changed = Buffer.from(rdata);
      changed[at] = (changed[at] ?? 0) ^ bits;
      assert.equal(parseDnskey(changed), null);
    }
  }
});

test('verifyRrset(): malformed signatures are skipped, a good one behind them is found', () => {
  const { rrsets, keys } = load('15-nsec3-ldns.zone');
  const a = find(rrsets, 'www.example.', recordType.A);
  const good = a.signatures[0] as Buffer;
  const cut = [0, 1, 18, 19, 20].map((length) => good.subarray(0, length));
  const pointer = Buffer.from(good);
  pointer[18] = 0xc0;
  assert.ok(check({ ...a, signatures: [...cut, pointer, good] }, keys).ok);
  for (const bytes of [...cut, pointer]) {
    assert.equal(check({ ...a, signatures: [bytes] }, keys).ok, false);
  }
});

test('verifyRrset(): KeyTrap: colliding keys times signatures are bounded', () => {
  const { rrsets, keys } = load('13-nsec-bind.zone');
  const a = find(rrsets, 'www.example.', recordType.A);
  const rrsig = a.signatures[0] as Buffer;
  const tag = rrsig.readUInt16BE(16);
  const key = keys.find((one) => one.tag === tag) as IZoneKey;
  const collisions = Array.from({ length: 500 }, () => key);
  const bad = Array.from({ length: 500 }, (_, index) => {
    const bytes = Buffer.from(rrsig);
    bytes.writeUInt16BE(index, bytes.length - 2);
    return bytes;
  });
  let verifications = 0;
  const budget = new WorkBudget({ failures: 1000, verifications: 1000 });
  const take = budget.take.bind(budget);
  budget.take = (kind) => {
    if (kind === 'verifications') verifications++;
    return take(kind);
  };
  const hostile = { ...a, signatures: bad };
  assert.deepEqual(check(hostile, collisions, nowS, budget), { ok: false, failure: 'forged' });
  assert.equal(verifications, 16);

  const small = new WorkBudget({ failures: 3 });
  assert.deepEqual(check(hostile, collisions, nowS, small), { ok: false, failure: 'budget' });
  assert.ok(small.isSpent);
});

function flip(bytes: Buffer, at: number): Buffer {
  const changed = Buffer.from(bytes);
  changed[at] = (changed[at] ?? 0) ^ 1;
  return changed;
}

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { inspect } from 'node:util';
import { parseName } from '../ts/dns/codec/name.ts';
import { rdataCodec } from '../ts/dns/codec/rdata.ts';
import { recordType } from '../ts/dns/codec/types.ts';
import {
  algorithmOf,
  cdnskeyDelete,
  cdsDelete,
  DnssecKey,
  dsMatches,
  dsRdata,
  groupRecords,
  type IDs,
  type IZoneKey,
  KeyFormatError,
  keyTag,
  nsec3Hash,
  parseDnskey,
  parseDs,
  signRrset,
  verifyRrset,
  WorkBudget,
} from '../ts/dns/dnssec/index.ts';
import { fixture, recordOf, recordsOf, secondsOf } from './dns/dnssec/records.ts';

/** A key, its DS, and an rrset that it signed. */
const vectors = [
  { rfc: 'RFC 5702 §6.1', file: 'rfc5702-6.1.zone', now: '2010-01-01T00:00:00Z', tag: 9033 },
  { rfc: 'RFC 6605 §6.1', file: 'rfc6605-6.1.zone', now: '2010-09-01T00:00:00Z', tag: 55648 },
  { rfc: 'RFC 6605 §6.2', file: 'rfc6605-6.2.zone', now: '2010-09-01T00:00:00Z', tag: 10771 },
  { rfc: 'RFC 8080 §6.1', file: 'rfc8080-6.1.zone', now: '2015-08-10T00:00:00Z', tag: 3613 },
  { rfc: 'RFC 8080 §6.2', file: 'rfc8080-6.2.zone', now: '2015-08-10T00:00:00Z', tag: 9713 },
];

for (const { rfc, file, now, tag } of vectors) {
  test(`${rfc}: key tag, DS and signature`, () => {
    const records = recordsOf(fixture(file));
    const dnskey = records.find(({ type }) => type === recordType.DNSKEY);
    assert.ok(dnskey !== undefined);
    const { name: zone, rdata } = dnskey;
    const key = parseDnskey(rdata) as IZoneKey;
    assert.equal(key.tag, tag);
    for (const ds of records.filter(({ type }) => type === recordType.DS)) {
      const fields = parseDs(ds.rdata) as IDs;
      assert.ok(dsMatches(fields, zone, key));
      assert.ok(!dsMatches(fields, parseName('example.org.'), key));
    }
    const rrset = groupRecords(records).find(({ signatures }) => signatures.length > 0);
    assert.ok(rrset !== undefined);
    const context = { zone, keys: [key], nowS: secondsOf(now), budget: new WorkBudget() };
    assert.ok(verifyRrset(rrset, context).ok);
  });
}

test('RFC 6605 §6.1, RFC 8080 §6: a private key in the form of BIND gives the public key', () => {
  const cases = [
    [13, 'GU6SnQ/Ou+xC5RumuIUIuJZteXT2z0O/ok1s38Et6mQ=', 55648],
    [14, 'WURgWHCcYIYUPWgeLmiPY2DJJk02vgrmTfitxgqcL4vwW7BOrbawVmVe0d9V94SR', 10771],
    [15, 'ODIyNjAzODQ2MjgwODAxMjI2NDUxOTAyMDQxNDIyNjI=', 3613],
    [16, 'xZ+5Cgm463xugtkY5B0Jx6erFTXp13rYegst0qRtNsOYnaVpMx0Z/c5EiA9x8wWbDDct/U3FhYWA', 9713],
  ] as const;
  for (const [algorithm, secret, tag] of cases) {
    const text = `Private-key-format: v1.2\nAlgorithm: ${algorithm}\nPrivateKey: ${secret}\n`;
    assert.equal(DnssecKey.fromBind(text).tag, tag);
  }
});

test('RFC 4509 §2.3: the DS of a key, also of an algorithm that is not supported', () => {
  const { name, rdata } = recordOf(
    'dskey.example.com. IN DNSKEY 256 3 5 AQOeiiR0GOMYkDshWoSKz9XzfwJr1AYtsmx3TGkJaNXVbfi/' +
      '2pHm822aJ5iI9BMzNXxeYCmZDRD99WYwYqUSdjMmmAphXdvxegXd/M5+X7OrzKBaMbCVdFLUUh6DhweJBjEVv5f2wwjM' +
      '9XzcnOf+EPbtG9DMBmADjFDc2w/rljwvFw==',
  );
  const ds = recordOf(
    'dskey.example.com. IN DS 60485 5 2 ' +
      'D4B7D520E7BB5F0F67674A0CCEB1E3E0614B93C4F9E99B8383F6A1E4469DA50A',
  );
  assert.deepEqual(dsRdata(name, rdata), ds.rdata);
});

test('RFC 5155 appendix A: hashes of names', () => {
  const salt = Buffer.from('aabbccdd', 'hex');
  const hashes = {
    'example.': '0p9mhaveqvm6t7vbl5lop2u3t2rp3tom',
    'a.example.': '35mthgpgcu1qg68fab165klnsnk3dpvl',
    'AI.Example.': 'gjeqe526plbf1g8mklp59enfd789njgi',
    'ns1.example.': '2t7b4g4vsa5smi47k61mv5bv1a22bojr',
    '*.w.example.': 'r53bq7cc2uvmubfu5ocmm6pers9tk9en',
    'x.y.w.example.': '2vptu5timamqttgl4luu9kg21e0aor3s',
    'xx.example.': 't644ebqk9bibcna874givr6joj62mlhv',
  };
  for (const [name, hash] of Object.entries(hashes)) {
    const text = rdataCodec(recordType.NSEC3).format(
      Buffer.concat([
        Buffer.of(1, 0, 0, 0, 0, 20),
        nsec3Hash(parseName(name), { iterations: 12, salt }),
      ]),
    );
    assert.match(text.toLowerCase(), new RegExp(`${hash}`), name);
  }
});

for (const algorithm of [8, 10, 13, 14, 15, 16]) {
  test(`DnssecKey, algorithm ${algorithm}: reads what dnssec-keygen writes, with its tag and DS`, () => {
    const key = DnssecKey.fromBind(fixture(`key-${algorithm}.private`));
    const { name, rdata } = recordOf(fixture(`key-${algorithm}.key`).trim());
    assert.deepEqual(key.rdata, rdata);
    assert.equal(key.tag, keyTag(rdata));
    const [sha256, sha384] = recordsOf(fixture(`key-${algorithm}.ds`));
    assert.deepEqual(key.ds(name), sha256?.rdata);
    assert.deepEqual(key.ds(name, 4), sha384?.rdata);
    const lines = fixture(`key-${algorithm}.private`).split('\n');
    const secret = lines.filter((line) => !/^(Created|Publish|Activate)/.test(line)).join('\n');
    assert.equal(key.exportBind(), secret);
  });

  test(`DnssecKey, algorithm ${algorithm}: signs, and survives both ways of storing it`, () => {
    const made = DnssecKey.generate(algorithm, 256);
    assert.equal(made.isEntryPoint, false);
    const pem = made.exportPem();
    const locked = made.exportPem('a passphrase');
    assert.match(locked, /^-----BEGIN ENCRYPTED PRIVATE KEY-----/);
    const copies = [
      made,
      DnssecKey.fromBind(made.exportBind(), 256),
      DnssecKey.fromPem(pem, algorithm, 256),
      DnssecKey.fromPem(locked, made.info.algorithmName, 256, 'a passphrase'),
    ];
    const zone = parseName('Example.');
    const { name, rdata } = recordOf('www.example. IN A 192.0.2.1');
    const rrset = { name, type: recordType.A, class: 1, ttl: 60, rdatas: [rdata] };
    const key = parseDnskey(made.rdata) as IZoneKey;
    for (const copy of copies) {
      assert.deepEqual(copy.rdata, made.rdata);
      const signature = signRrset(rrset, zone, copy, { inceptionS: 1000, expirationS: 2000 });
      assert.equal(rdataCodec(recordType.RRSIG).check(signature), true);
      const context = { zone: parseName('example.'), keys: [key], nowS: 1500 };
      const signed = { ...rrset, signatures: [signature] };
      assert.ok(verifyRrset(signed, { ...context, budget: new WorkBudget() }).ok);
    }
    assert.throws(() => DnssecKey.fromPem(locked, algorithm, 256, 'wrong'), KeyFormatError);
  });
}

test('DnssecKey: the private key is in no JSON, inspection or error', () => {
  const key = DnssecKey.fromBind(fixture('key-13.private'));
  const secret = 'ZKFnMXIFKtF85hXqAokZWCfFV5YF';
  assert.ok(key.exportBind().includes(secret));
  assert.deepEqual(JSON.parse(JSON.stringify({ key })), {
    key: { tag: 10813, flags: 257, algorithm: 13, algorithmName: 'ECDSAP256SHA256' },
  });
  assert.ok(!inspect(key, { depth: 9, showHidden: true }).includes(secret));

  const text = fixture('key-13.private');
  const broken = [
    '',
    text.replace('v1.3', 'v9.9'),
    text.replace(': 13', ': 5'),
    text.replace(': 13', ': 8'),
    text.replace(': 13', ': 15').replace(secret, `${secret}${secret}`),
    text.replace(secret, `!${secret}`),
    text.replace(secret, `${secret}${secret}`),
    text.replace(/PrivateKey: .*/, 'PrivateKey: AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA='),
    text.replace(/PrivateKey: .*/, ''),
    fixture('key-8.private').replace(/^Prime1: .*$/m, 'Prime1: AAAA'),
    fixture('key-8.private').replace(/^Modulus: .*$/m, ''),
  ];
  for (const damaged of broken) {
    assert.throws(
      () => DnssecKey.fromBind(damaged).sign(Buffer.of(1)),
      (error: unknown) => {
        assert.ok(error instanceof KeyFormatError, damaged);
        assert.equal(error.cause, undefined);
        assert.ok(!inspect(error).includes(secret));
        return true;
      },
    );
  }
  assert.throws(() => DnssecKey.fromPem(key.exportPem(), 15), KeyFormatError);
  assert.throws(() => DnssecKey.fromPem(key.exportPem(), 14), KeyFormatError);
  assert.throws(() => DnssecKey.fromPem('no PEM', 13), KeyFormatError);
  assert.throws(() => DnssecKey.generate(5), KeyFormatError);
});

test('parseDnskey(): a malformed or absurd public key is no key, and throws nothing', () => {
  const key = parseDnskey(DnssecKey.generate(13).rdata) as IZoneKey;
  const point = Buffer.from(key.rdata.subarray(4));
  point[63] = (point[63] ?? 0) ^ 1;
  const modulus = Buffer.alloc(256, 0xff);
  const cases: [number, Buffer][] = [
    [13, point],
    [13, point.subarray(1)],
    [13, Buffer.alloc(64)],
    [14, point],
    [15, Buffer.alloc(31, 1)],
    [16, Buffer.alloc(58)],
    [8, Buffer.of(0)],
    [8, Buffer.of(0, 0)],
    [8, Buffer.of(0, 255, 255, 1)],
    [8, Buffer.of(3, 1, 0, 1)],
    [8, Buffer.concat([Buffer.of(3, 1, 0, 1), modulus.subarray(0, 32)])],
    [8, Buffer.concat([Buffer.of(3, 1, 0, 1), Buffer.alloc(4097, 0xff)])],
    // Exponents of 0, 1 and 2,048 bits.
    [8, Buffer.concat([Buffer.of(1, 0), modulus])],
    [8, Buffer.concat([Buffer.of(1, 1), modulus])],
    [8, Buffer.concat([Buffer.of(0, 1, 0), modulus, modulus])],
    [10, Buffer.concat([Buffer.of(3, 1, 0, 1), modulus.subarray(0, 64)])],
    [5, Buffer.concat([Buffer.of(3, 1, 0, 1), modulus])],
    [253, modulus],
  ];
  for (const [algorithm, data] of cases) {
    const rdata = Buffer.concat([Buffer.of(1, 1, 3, algorithm), data]);
    assert.equal(parseDnskey(rdata)?.publicKey ?? null, null, `${algorithm} ${data.length}`);
  }
  assert.equal(parseDnskey(Buffer.of(1, 1, 3, 13)), null);
  assert.equal(algorithmOf(5), undefined);
});

test('parseDnskey(): the exponent of an RSA key may have the long form (RFC 3110 §2)', () => {
  const { rdata } = recordOf(fixture('key-8.key').trim());
  const head = Buffer.concat([rdata.subarray(0, 4), Buffer.of(0, 0)]);
  const long = Buffer.concat([head, rdata.subarray(4)]);
  assert.notEqual((parseDnskey(rdata) as IZoneKey).publicKey, null);
  const same = (parseDnskey(long) as IZoneKey).publicKey;
  assert.equal((parseDnskey(rdata) as IZoneKey).publicKey?.equals(same as never), true);
});

test('parseDs(): a digest of the wrong length is malformed', () => {
  const ds = DnssecKey.generate(15).ds(parseName('example.'));
  assert.equal(parseDs(ds.subarray(0, -1)), null);
  assert.equal(parseDs(Buffer.concat([ds, Buffer.of(0)])), null);
  assert.equal(parseDs(Buffer.of(1, 2, 3, 2)), null);
});

test('CDS and CDNSKEY that ask for the removal of the DS: RFC 8078 §4', () => {
  assert.equal(rdataCodec(recordType.CDS).format(cdsDelete), '0 0 0 00');
  assert.equal(rdataCodec(recordType.CDNSKEY).format(cdnskeyDelete), '0 3 0 AA==');
});

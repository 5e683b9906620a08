import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { test } from 'node:test';
import { DcError } from '../ts/core/errors.ts';
import { compareNames, formatName, parseName } from '../ts/dns/codec/name.ts';
import { rdataCodec } from '../ts/dns/codec/rdata.ts';
import { tokensOf } from '../ts/dns/codec/tokens.ts';
import { recordType, recordTypeOf } from '../ts/dns/codec/types.ts';
import { loadZone } from '../ts/dns/zone/load-zone.ts';
import { format, formatInParts, formatRrset } from '../ts/dns/zone/master-writer.ts';
import type { IRrset } from '../ts/dns/zone/owner-data.ts';
import { type IRrsetChange, Zone } from '../ts/dns/zone/zone.ts';
import { readZone, zonesFolder } from './dns/zone-answer.ts';

const origin = parseName('example.org.');
const head = '$TTL 60\n@ SOA ns1 h 7 7200 900 1209600 300\n NS ns1\nns1 A 192.0.2.1\n';

function zoneOf(text = ''): Zone {
  const { zone, problems } = loadZone(head + text, { origin });
  assert.ok(zone !== null, JSON.stringify(problems.kept));
  return zone;
}

/** `www A 192.0.2.1`, or `www A` for none. */
function change(text: string, ttl = 60): IRrsetChange {
  const [name, typeName, ...data] = text.split(' ') as [string, string, ...string[]];
  const type = recordTypeOf(typeName) as number;
  const rdatas =
    data.length === 0
      ? []
      : data
          .join(' ')
          .split(' | ')
          .map((one) => rdataCodec(type).parse(tokensOf(one), origin));
  return { name: name === '@' ? origin : parseName(name, origin), type, ttl, rdatas };
}

function problemsOf(run: () => unknown): string[] {
  try {
    run();
  } catch (error) {
    assert.ok(error instanceof DcError);
    assert.equal(error.code, 'CONFIG_INVALID');
    return error.problems.map(({ path, message }) => `${path}: ${message}`);
  }
  return [];
}

function text(rrset: IRrset | undefined): string {
  return rrset === undefined ? 'none' : formatRrset(rrset).trimEnd();
}

test('Zone.replace(): a new version with a new serial, the old one as it was', () => {
  const old = zoneOf('www A 192.0.2.2\n');
  const next = old.replace([
    change('WWW A 192.0.2.4 | 192.0.2.3'),
    change('new TXT a'),
    change('ns1 A'),
  ]);
  assert.equal(next.serial, 8);
  assert.equal(next.recordCount, 5);
  const name = parseName('www', origin);
  assert.equal(
    text(next.rrset(name, 1)),
    'www.example.org.\t60\tIN\tA\t192.0.2.3\nwww.example.org.\t60\tIN\tA\t192.0.2.4',
  );
  assert.equal(next.node(parseName('ns1', origin)), undefined);
  assert.equal(old.serial, 7);
  assert.equal(text(old.rrset(name, 1)), 'www.example.org.\t60\tIN\tA\t192.0.2.2');
  assert.equal(old.rrset(parseName('new', origin), 16), undefined);
});

test('Zone.replace(): what changes nothing is the same version', () => {
  const zone = zoneOf('a MX 1 b\n');
  assert.equal(zone.replace([]), zone);
  assert.equal(zone.replace([change('a MX 1 b'), change('gone A')]), zone);
  assert.notEqual(zone.replace([change('a MX 1 b', 61)]), zone);
});

test('Zone.replace(): serial by policy, kept, or from the new SOA', () => {
  const zone = zoneOf();
  const nowMs = Date.UTC(2026, 10, 21);
  const one = [change('a A 192.0.2.1')];
  assert.equal(zone.replace(one, { serial: 'date', nowMs }).serial, 2026112100);
  assert.equal(zone.replace(one, { serial: 'unix-time', nowMs }).serial, nowMs / 1000);
  assert.equal(zone.replace(one, { serial: 'keep' }).serial, 7);
  assert.equal(zone.replace([change('@ SOA ns1 h 99 1 1 1 1')]).serial, 99);
});

test('Zone.replace(): refuses what must not be, all of it, and changes nothing', () => {
  const zone = zoneOf('c CNAME ns1\n');
  const bad = [
    change('c A 192.0.2.1'),
    change('d CNAME a | b'),
    change('x.example.com. A 192.0.2.1'),
    { ...change('e A 192.0.2.1'), rdatas: [Buffer.of(1, 2, 3)] },
    { ...change('f A 192.0.2.1'), ttl: 2 ** 31 },
    { ...change('g A 192.0.2.1'), type: recordType.ANY },
  ];
  assert.deepEqual(
    problemsOf(() => zone.replace(bad)),
    [
      'x.example.com. A: The name is not in the zone',
      'e.example.org. A: The data breaks the format of its type',
      'f.example.org. A: Expected a TTL of 0 to 2147483647 seconds, found 2147483648',
      'g.example.org. ANY: No zone can hold this type',
    ],
  );
  assert.deepEqual(
    problemsOf(() => zone.replace(bad.slice(0, 2))),
    [
      'c.example.org. CNAME: A CNAME must be the only record of its name (RFC 1034 §3.6.2)',
      'd.example.org. CNAME: Expected one record of this type, found 2',
    ],
  );
  assert.deepEqual(
    problemsOf(() => zone.replace([change('@ SOA'), change('@ NS')])),
    ['example.org. SOA: The zone has no SOA record', 'example.org. NS: The zone has no NS record'],
  );
  assert.deepEqual(
    problemsOf(() => zone.replace([change('www SOA ns1 h 1 1 1 1 1')])),
    ['www.example.org. SOA: A SOA belongs at the apex of the zone'],
  );
  // From a CNAME to something else in one go is fine.
  assert.equal(zone.replace([change('c CNAME'), change('c A 192.0.2.1')]).recordCount, 4);
});

test('Zone.create(): rrsets given apart become one; SOA and NS are needed', () => {
  const soa = change('@ SOA ns1 h 1 7200 900 1209600 300');
  const parts = [
    soa,
    change('@ NS a'),
    change('a A 192.0.2.1'),
    change('@ NS b'),
    change('A A 192.0.2.2'),
  ];
  const zone = Zone.create(parseName('EXAMPLE.org.'), parts);
  assert.equal(zone.recordCount, 5);
  assert.equal(zone.rrset(parseName('a', origin), 1)?.rdatas.length, 2);
  assert.deepEqual(
    problemsOf(() => Zone.create(origin, [])),
    ['example.org. SOA: The zone has no SOA record', 'example.org. NS: The zone has no NS record'],
  );
});

test('Zone: duplicates in another case are one record, and the first one stays', () => {
  const zone = zoneOf().replace([change('a MX 1 NS1 | 1 ns1 | 1 b')]);
  assert.deepEqual(
    zone.rrset(parseName('a', origin), 15)?.rdatas.map((rdata) => rdataCodec(15).format(rdata)),
    ['1 b.example.org.', '1 NS1.example.org.'],
  );
});

test('Zone.differences(): per rrset, SOA included, in order', () => {
  const old = zoneOf('a A 192.0.2.1\na TXT same\nb A 192.0.2.1\n');
  const next = old.replace([change('a A 192.0.2.2'), change('b A'), change('c A 192.0.2.3')]);
  const seen = [...next.differences(old)].map((difference) => [
    text(difference.old).split('\t').at(-1),
    text(difference.new).split('\t').at(-1),
  ]);
  assert.deepEqual(seen, [
    [
      'ns1.example.org. h.example.org. 7 7200 900 1209600 300',
      'ns1.example.org. h.example.org. 8 7200 900 1209600 300',
    ],
    ['192.0.2.1', '192.0.2.2'],
    ['192.0.2.1', 'none'],
    ['none', '192.0.2.3'],
  ]);
});

test('Zone.replace(): a change of most owners makes the same as many small ones', () => {
  const lines = Array.from({ length: 500 }, (_, index) => `h${index} A 192.0.2.1\n`);
  const zone = zoneOf(lines.join(''));
  const changes = Array.from({ length: 600 }, (_, index) =>
    change(index % 3 === 0 ? `h${index} A` : `h${index} A 192.0.2.${index % 250}`),
  );
  const atOnce = zone.replace(changes, { serial: 'keep' });
  let bySteps = zone;
  for (const one of changes) bySteps = bySteps.replace([one], { serial: 'keep' });
  assert.equal(format(atOnce), format(bySteps));
  assert.equal(atOnce.recordCount, bySteps.recordCount);
  assert.equal(atOnce.recordCount, 3 + 400);
});

test('Zone: signatures lie apart by what they cover, with their own TTLs', () => {
  const signature = (type: string, ttl: number) =>
    `www ${ttl} RRSIG ${type} 13 3 ${ttl} 20300101000000 20200101000000 1 example.org. AAAA\n`;
  const zone = zoneOf(`www A 192.0.2.1\n${signature('A', 60)}www 5 TXT a\n${signature('TXT', 5)}`);
  const node = zone.node(parseName('www', origin));
  assert.deepEqual(node?.types(), [1, 16, 46]);
  assert.equal(node?.signatures(1)?.ttl, 60);
  assert.equal(node?.signatures(16)?.ttl, 5);
  assert.equal(node?.signatures(28), undefined);
  const all = node?.rrset(46);
  assert.deepEqual([all?.ttl, all?.rdatas.length], [5, 2]);
  assert.equal(node?.rrsets().length, 4);
  assert.deepEqual(loadZone(format(zone), { origin }).problems.kept, []);
});

test('Zone.rrsets(): the SOA first, owners in canonical order', () => {
  for (const file of ['names.zone', 'random2.zone', 'wildcards.zone']) {
    const rrsets = [...readZone(file).rrsets()];
    assert.equal(rrsets[0]?.type, recordType.SOA);
    for (const [index, { name }] of rrsets.entries()) {
      const before = rrsets[index - 1]?.name ?? name;
      assert.ok(compareNames(before, name) <= 0, formatName(name));
    }
  }
});

test('format(): every zone comes back the same', () => {
  for (const file of readdirSync(zonesFolder).filter((name) => name.endsWith('.zone'))) {
    const zone = readZone(file);
    const written = format(zone);
    const again = loadZone(written, { origin: zone.apex });
    assert.deepEqual(again.problems.kept, [], file);
    assert.equal(format(again.zone as Zone), written, file);
    assert.deepEqual([...(again.zone as Zone).differences(zone)], [], file);
    assert.equal([...formatInParts(zone)].join(''), written);
  }
});

test('format(): the root, and owners that look like something else', () => {
  const root = parseName('.');
  const text =
    '$TTL 60\n. SOA a. b. 1 2 1 9 5\n. NS a.\na. A 192.0.2.1\n\\@.a. TXT x\n\\$ttl. TXT y\n';
  const { zone } = loadZone(text, { origin: root });
  const written = format(zone as Zone);
  assert.match(written, /^\$ORIGIN \.\n\.\t60\tIN\tSOA\ta\. b\. 1 2 1 9 5\n/);
  assert.match(written, /\n\\\$ttl\.\t/);
  assert.equal(format(loadZone(written, { origin: root }).zone as Zone), written);
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { absoluteName } from '../ts/config/dns-name.ts';
import { parseZone } from '../ts/config/schema.ts';
import { readZoneId, zoneIdOf } from '../ts/config/zone-ids.ts';
import { DcError, type IProblem } from '../ts/core/errors.ts';

/** The problems of a zone that must be refused. */
function problemsOf(input: unknown, prefix?: string): readonly IProblem[] {
  try {
    parseZone(input, prefix);
  } catch (error) {
    assert.ok(error instanceof DcError, String(error));
    assert.equal(error.code, 'ZONE_INVALID');
    assert.ok(error.problems.length > 0);
    return error.problems;
  }
  return assert.fail(`accepted ${JSON.stringify(input)}`);
}

/** A zone with one record set, or with other fields. */
function zoneWith(fields: object): object {
  return { name: 'example.com', records: [], ...fields };
}

function recordWith(fields: object): object {
  return zoneWith({ records: [{ name: 'www', type: 'A', data: '192.0.2.1', ...fields }] });
}

const label = 'x'.repeat(63);
const longest = `${label}.${label}.${label}.${'y'.repeat(61)}`;

const names: { given: string; name?: string; suggestion?: string; why: string }[] = [
  { given: 'Example.COM.', name: 'example.com', why: 'lower case, without the dot' },
  { given: 'Bücher.example', name: 'xn--bcher-kva.example', why: 'IDN' },
  { given: 'com', name: 'com', why: 'one label' },
  { given: '.', name: '.', why: 'the root' },
  { given: '_msdcs.corp.example', name: '_msdcs.corp.example', why: 'an underscore' },
  { given: '0/25.2.0.192.in-addr.arpa', name: '0/25.2.0.192.in-addr.arpa', why: 'RFC 2317' },
  { given: longest, name: longest, why: '253 characters' },
  { given: `${longest}y`, why: '254 characters' },
  { given: `${label}x.example`, why: 'a label of 64 characters' },
  { given: '', why: 'no name' },
  { given: '..', why: 'empty labels' },
  { given: 'a..b', why: 'an empty label' },
  { given: '.example.com', suggestion: 'example.com', why: 'an empty label in front' },
  { given: 'a b', why: 'a blank' },
  { given: 'a\n.example', why: 'a line end' },
  { given: 'ü\n.example', why: 'a line end beside IDN' },
  { given: 'a\\.b.example', why: 'an escape' },
  { given: 'example.com@internal', why: 'the id of a zone with a view' },
  { given: '*.example.com', suggestion: 'example.com', why: 'a wildcard' },
  { given: 'https://example.com/x', suggestion: 'example.com', why: 'a URL' },
  { given: '192.0.2.0/24', suggestion: '2.0.192.in-addr.arpa', why: 'a range' },
  { given: '10.1.2.3', suggestion: '2.1.10.in-addr.arpa', why: 'an address' },
  { given: '2001:db8::/32', why: 'a range of IPv6' },
  { given: 'xn--\u0000.example', why: 'NUL' },
];

for (const { given, name, suggestion, why } of names) {
  test(`parseZone() for the name ${JSON.stringify(given).slice(0, 40)}: ${why}`, () => {
    if (name !== undefined) {
      const zone = parseZone({ name: given, records: [] });
      assert.equal(zone.name, name);
      assert.deepEqual(parseZone(zone), zone, 'it accepts its own result');
      return;
    }
    const [problem, more] = problemsOf({ name: given, records: [] }, 'dns.zones[3]');
    assert.equal(problem?.path, 'dns.zones[3].name');
    assert.equal(problem.suggestion, suggestion);
    assert.equal(more, undefined);
  });
}

test('zoneIdOf() and readZoneId() tell zones apart by name and view', () => {
  assert.equal(zoneIdOf({ name: 'example.com' }), 'example.com');
  assert.equal(zoneIdOf({ name: '.', view: 'internal' }), '.@internal');
  assert.equal(readZoneId({ name: 'Example.Com.', view: 'a' }), 'example.com@a');
  for (const zone of [{}, { name: 5 }, { name: 'a b' }, { name: 'a', view: 5 }]) {
    assert.equal(readZoneId(zone), undefined);
  }
});

test('parseZone() gives what is frozen and shares nothing', () => {
  const record = { name: 'www', type: 'A', data: ['192.0.2.1'] };
  const zone = parseZone({ name: 'example.com', records: [record] });
  assert.ok(Object.isFrozen(zone.records?.[0]));
  record.data.push('192.0.2.2');
  assert.deepEqual(zone.records, [{ name: 'www', type: 'A', data: ['192.0.2.1'] }]);
});

const sources: { fields: object; path?: string; why: string }[] = [
  { fields: {}, path: 'records', why: 'nothing' },
  { fields: { file: 'x.zone' }, why: 'a file' },
  { fields: { records: [] }, why: 'no records yet' },
  { fields: { file: 'x.zone', records: ['@ A 192.0.2.1'] }, why: 'both' },
  { fields: { primaries: [{ address: '::1' }] }, why: 'a secondary' },
  { fields: { primaries: [] }, path: 'primaries', why: 'a secondary of nobody' },
];
const ofPrimaries = {
  file: 'x.zone',
  records: [],
  dnssec: {},
  update: [{ key: 'a' }],
  nameservers: ['ns.example'],
  contact: 'a@example.com',
  ttl: 1,
  serial: 'date',
};
for (const [key, value] of Object.entries(ofPrimaries)) {
  const primaries = [{ address: '192.0.2.1' }];
  sources.push({ fields: { primaries, [key]: value }, path: key, why: `a secondary with ${key}` });
}

for (const { fields, path, why } of sources) {
  test(`parseZone() for ${why}: ${path === undefined ? 'fine' : 'refused'}`, () => {
    const zone = { name: 'example.com', ...fields };
    if (path === undefined) assert.deepEqual(parseZone(zone), zone);
    else
      assert.deepEqual(
        problemsOf(zone).map((problem) => problem.path),
        [path],
      );
  });
}

const owners: { name: string; becomes?: string; suggestion?: string; why: string }[] = [
  { name: '@', why: 'the apex' },
  { name: 'WWW', why: 'a relative one, whose case stays' },
  { name: '*', why: 'a wildcard' },
  { name: '*.sub', why: 'a wildcard further down' },
  { name: '_443._tcp.www', why: 'underscores' },
  { name: 'www.example.com.', why: 'an absolute one' },
  { name: 'Example.COM.', why: 'the absolute apex' },
  { name: 'first\\.last', why: 'an escaped dot' },
  { name: 'a\\032b', why: 'an escape by number' },
  { name: 'a\\\\.b', why: 'an escaped backslash before a dot' },
  { name: 'user=name+tag/x', why: 'odd characters' },
  { name: 'bücher', becomes: 'xn--bcher-kva', why: 'IDN' },
  { name: 'ü.1', becomes: 'xn--tda.1', why: 'IDN before a number' },
  { name: 'example.net', why: 'a relative one with a dot' },
  { name: '', suggestion: '@', why: 'nothing' },
  { name: 'a..b', why: 'an empty label' },
  { name: 'a b', why: 'a blank' },
  { name: 'a\tb', why: 'a tab' },
  { name: 'a\nb', why: 'a line end, which would begin another record' },
  { name: 'a"b', why: 'a quote' },
  { name: 'a;b', why: 'a comment' },
  { name: 'a(b', why: 'a bracket' },
  { name: '$INCLUDE', why: 'a directive' },
  { name: 'user@host', why: 'a mail address' },
  { name: 'a\\', why: 'a cut off escape' },
  { name: 'a\\.', why: 'an escaped dot at the end, which is no end' },
  { name: 'x'.repeat(64), why: 'a label of 64 characters' },
  { name: 'www.example.net.', why: 'another zone' },
  { name: 'notexample.com.', why: 'another zone that ends alike' },
  { name: '.', why: 'the root' },
  { name: 'www.example.com', suggestion: 'www.example.com.', why: 'a forgotten dot' },
  { name: 'example.com', suggestion: 'example.com.', why: 'the apex without its dot' },
];

for (const { name, becomes = name, suggestion, why } of owners) {
  const isFine = owners.findIndex((one) => one.name === name) < 14 || name === 'a\\.';
  test(`parseZone() for the owner ${JSON.stringify(name).slice(0, 40)}: ${why}`, () => {
    if (isFine) {
      const [record] = parseZone(recordWith({ name })).records ?? [];
      assert.equal(Object(record).name, becomes);
      return;
    }
    const [problem] = problemsOf(recordWith({ name }));
    assert.equal(problem?.path, 'records[0].name');
    assert.equal(problem.suggestion, suggestion);
  });
}

test('absoluteName() is one for all spellings of a name', () => {
  for (const name of ['@', 'example.com.', 'EXAMPLE.com.']) {
    assert.equal(absoluteName(name, 'example.com'), 'example.com.');
  }
  assert.equal(absoluteName('WWW', 'example.com'), 'www.example.com.');
  assert.equal(absoluteName('@', '.'), '.');
  assert.equal(absoluteName('com', '.'), 'com.');
});

const records: { record: unknown; path?: string; type?: string; why: string }[] = [
  { record: { type: 'aaaa', data: '::1' }, type: 'AAAA', why: 'a type in lower case' },
  { record: { type: 'type065' }, type: 'TYPE65', why: 'a type by its number' },
  { record: { type: 'NSAP-PTR' }, type: 'NSAP-PTR', why: 'a type with a dash' },
  { record: { ttl: 2 ** 31 - 1 }, type: 'A', why: 'the longest time to live' },
  { record: { ttl: 2 ** 31 }, path: 'ttl', why: 'RFC 2181 section 8' },
  { record: { ttl: 1.5 }, path: 'ttl', why: 'half a second' },
  { record: { ttl: '1h' }, path: 'ttl', why: 'a unit' },
  { record: { type: '' }, path: 'type', why: 'no type' },
  { record: { type: 'A AAAA' }, path: 'type', why: 'two types' },
  { record: { type: 'TYPE65536' }, path: 'type', why: 'a number that is none' },
  { record: { type: 'TYPE255' }, path: 'type', why: 'ANY by its number' },
  { record: { type: 'AXFR' }, path: 'type', why: 'a question' },
  { record: { type: '*' }, path: 'type', why: 'ANY by its sign' },
  { record: { data: undefined }, path: 'data', why: 'no data' },
  { record: { data: '' }, path: 'data', why: 'empty data' },
  { record: { data: [] }, path: 'data', why: 'no records' },
  { record: { data: ['192.0.2.1', ' '] }, path: 'data[1]', why: 'blank data' },
  { record: { data: '192.0.2.1\n$INCLUDE /etc/passwd' }, path: 'data', why: 'a second line' },
  { record: { data: '192.0.2.1\r' }, path: 'data', why: 'a return' },
  { record: { data: 'a\u0000b' }, path: 'data', why: 'NUL' },
  { record: { data: 'x'.repeat(262_145) }, path: 'data', why: 'more than a record holds' },
  { record: { type: 'ALIAS', data: ['a.', 'b.'] }, path: 'data', why: 'two aliases' },
  { record: { class: 'IN' }, path: 'class', why: 'an unknown key' },
];

for (const { record, path, type, why } of records) {
  test(`parseZone() for records: ${why}`, () => {
    const zone = recordWith(record as object);
    if (path === undefined) assert.equal(Object(parseZone(zone).records?.[0]).type, type);
    else
      assert.deepEqual(
        problemsOf(zone).map((one) => one.path),
        [`records[0].${path}`],
      );
  });
}

test('parseZone() takes lines of master files, but no files by them', () => {
  const lines = ['$TTL 300', 'www\tA 192.0.2.1 ; comment', '@ MX (\n 10\n mail )\r\n'];
  assert.deepEqual(parseZone(zoneWith({ records: lines })).records, lines);
  for (const line of [
    '',
    ' ',
    '$INCLUDE x',
    '  $include x',
    'a A 192.0.2.1\n$Include x',
    'a\u0000b',
  ]) {
    assert.deepEqual(
      problemsOf(zoneWith({ records: [line] })).map(({ path }) => path),
      ['records[0]'],
    );
  }
  for (const line of [5, null, []]) {
    const [problem] = problemsOf(zoneWith({ records: [line] }));
    assert.match(problem?.message ?? '', /^Must be a text, or a map/);
  }
});

test('parseZone() takes one record set for each name and type', () => {
  const one = { name: '@', type: 'TXT', data: 'x' };
  const other = { name: 'EXAMPLE.com.', type: 'txt', data: 'y' };
  const [problem] = problemsOf(zoneWith({ records: [one, 'www A 192.0.2.1', other] }));
  assert.equal(problem?.path, 'records[2].name');
  assert.match(problem.message, /records\[0\] is the TXT record set/);
  parseZone(zoneWith({ records: [one, { ...other, type: 'A' }, { ...other, name: 'x' }] }));
});

const healths: { health: object; more?: object; paths: string[]; why: string }[] = [
  { health: {}, paths: [], why: 'the upstream alone' },
  {
    health: { members: [{ address: '192.0.2.1', backend: 'a' }, { address: '192.0.2.1' }] },
    paths: [],
    why: 'an address for two',
  },
  { health: {}, more: { data: '192.0.2.1' }, paths: ['data'], why: 'data besides' },
  { health: {}, more: { type: 'CNAME' }, paths: ['type'], why: 'no addresses' },
  { health: { upstream: '' }, paths: ['health.upstream'], why: 'no upstream' },
  { health: { upstream: 'tcp:' }, paths: ['health.upstream'], why: 'no entry' },
  { health: { upstream: 'tcp:db/' }, paths: ['health.upstream'], why: 'no domain config' },
  { health: { members: [] }, paths: ['health.members'], why: 'no members' },
  {
    health: { members: [{ address: '::1' }] },
    paths: ['health.members[0].address'],
    why: 'the other family',
  },
  {
    health: { members: [{ address: 'fe80::1%eth0' }] },
    more: { type: 'AAAA' },
    paths: ['health.members[0].address'],
    why: 'an IPv6 zone',
  },
  {
    health: { members: [{ address: '::1' }, { address: '::1' }] },
    more: { type: 'AAAA' },
    paths: ['health.members[1].address'],
    why: 'twins',
  },
  {
    health: { members: [{ address: '192.0.2.1', weight: 0 }] },
    paths: ['health.members[0].weight'],
    why: 'no weight',
  },
  { health: { whenAllDead: 'fallback' }, paths: ['health.fallback'], why: 'no fallback' },
  {
    health: { fallback: ['192.0.2.1'] },
    paths: ['health.fallback'],
    why: 'a fallback for nothing',
  },
  {
    health: { whenAllDead: 'fallback', fallback: ['::1'] },
    paths: ['health.fallback[0]'],
    why: 'a fallback of the other family',
  },
  { health: { answers: -1 }, paths: ['health.answers'], why: 'fewer than no answers' },
];

for (const { health, more, paths, why } of healths) {
  test(`parseZone() for health: ${why}`, () => {
    const fields = { data: undefined, health: { upstream: 'web', ...health }, ...more };
    const zone = recordWith(fields);
    if (paths.length === 0) parseZone(zone);
    else {
      const expected = paths.map((path) => `records[0].${path}`);
      assert.deepEqual(
        problemsOf(zone).map(({ path }) => path),
        expected,
      );
    }
  });
}

const others: { fields: object; path: string; suggestion?: string; why: string }[] = [
  { fields: { nme: 'x' }, path: 'nme', why: 'an unknown key' },
  { fields: { view: 'a@b' }, path: 'view', why: 'a view that no id could hold' },
  { fields: { file: ' ' }, path: 'file', why: 'no file' },
  { fields: { ttl: -1 }, path: 'ttl', why: 'a time to live below 0' },
  {
    fields: { serial: 'unixtime' },
    path: 'serial',
    suggestion: 'unix-time',
    why: 'a misspelt word',
  },
  { fields: { nameservers: [] }, path: 'nameservers', why: 'no servers' },
  {
    fields: { nameservers: ['ns1'] },
    path: 'nameservers[0]',
    suggestion: 'ns1.example.com',
    why: 'a relative server',
  },
  { fields: { nameservers: ['192.0.2.1'] }, path: 'nameservers[0]', why: 'an address' },
  { fields: { nameservers: ['a.b', 'A.B.'] }, path: 'nameservers[1]', why: 'twins' },
  {
    fields: { contact: 'hostmaster.example.com' },
    path: 'contact',
    suggestion: 'hostmaster@example.com',
    why: 'as the SOA has it',
  },
  { fields: { contact: 'a b@example.com' }, path: 'contact', why: 'a blank' },
  { fields: { contact: '@example.com' }, path: 'contact', why: 'nobody' },
  { fields: { transfer: ['key:'] }, path: 'transfer[0]', why: 'no key' },
  { fields: { transfer: ['key:a b'] }, path: 'transfer[0]', why: 'a key with a blank' },
  { fields: { transfer: ['none'] }, path: 'transfer[0]', why: 'a word of BIND' },
  {
    fields: { notifyFrom: ['10.0.0.1/8'] },
    path: 'notifyFrom[0]',
    suggestion: '10.0.0.0/8',
    why: 'bits below the prefix',
  },
  { fields: { notify: [{ address: 'ns.example' }] }, path: 'notify[0].address', why: 'a name' },
  {
    fields: { notify: [{ address: '192.0.2.1:53' }] },
    path: 'notify[0].address',
    suggestion: '192.0.2.1',
    why: 'a port in the address',
  },
  {
    fields: { notify: [{ address: '[::1]:53' }] },
    path: 'notify[0].address',
    suggestion: '::1',
    why: 'brackets',
  },
  { fields: { notify: [{ address: '::1', port: 0 }] }, path: 'notify[0].port', why: 'port 0' },
  {
    fields: { notify: [{ address: '::1' }, { address: '::1', port: 53 }] },
    path: 'notify[1].address',
    why: 'twins',
  },
  { fields: { update: [{}] }, path: 'update[0].key', why: 'a rule for everybody' },
  { fields: { update: [{ from: [] }] }, path: 'update[0].from', why: 'a rule for nobody' },
  {
    fields: { update: [{ from: ['any'] }] },
    path: 'update[0].from[0]',
    why: 'everybody by a word',
  },
  { fields: { update: [{ key: 'a', types: [] }] }, path: 'update[0].types', why: 'no types' },
  {
    fields: { update: [{ key: 'a', types: ['ANY'] }] },
    path: 'update[0].types[0]',
    why: 'a question',
  },
  {
    fields: { update: [{ key: 'a', names: ['x.example.net.'] }] },
    path: 'update[0].names[0]',
    why: 'another zone',
  },
  {
    fields: { update: [{ key: 'a', names: ['*.x.example.com'] }] },
    path: 'update[0].names[0]',
    suggestion: '*.x.example.com.',
    why: 'a forgotten dot',
  },
  { fields: { dnssec: 'yes' }, path: 'dnssec', suggestion: 'true', why: 'a word of YAML 1.1' },
  {
    fields: { dnssec: { algorithm: 'RSASHA256' } },
    path: 'dnssec.algorithm',
    why: 'another algorithm',
  },
  { fields: { dnssec: { validityDays: 0 } }, path: 'dnssec.validityDays', why: 'no validity' },
];

for (const { fields, path, suggestion, why } of others) {
  test(`parseZone() refuses ${path}: ${why}`, () => {
    const found = problemsOf(zoneWith(fields));
    assert.deepEqual(
      found.map((problem) => problem.path),
      [path],
    );
    assert.equal(found[0]?.suggestion, suggestion);
    assert.match(found[0]?.message ?? '', /^(?:Must|Unknown key)/);
  });
}

test('parseZone() shows names of keys, for they are no secrets', () => {
  const [problem] = problemsOf(zoneWith({ notify: [{ address: '::1', key: 'a b' }] }));
  assert.equal(problem?.value, 'a b');
  const [rule] = problemsOf(zoneWith({ update: [{ key: 'a b' }] }));
  assert.equal(rule?.value, 'a b');
});

test('parseZone() for what is no zone', () => {
  for (const input of [null, undefined, 5, 'example.com', [], () => 1]) {
    assert.equal(problemsOf(input)[0]?.path, '');
  }
  assert.deepEqual(
    problemsOf({}).map(({ path }) => path),
    ['name', 'records'],
  );
});

test('parseZone() takes 100,000 records in a moment, and hostile names too', () => {
  const many = Array.from({ length: 100_000 }, (_, index) => `r${index} A 192.0.2.1`);
  assert.equal(parseZone(zoneWith({ records: many })).records?.length, many.length);
  const long = 'a\\.'.repeat(50_000);
  for (const name of [
    long,
    `${long}.`,
    '\\'.repeat(100_000),
    '.'.repeat(100_000),
    `${'ü'.repeat(5_000)}.`,
  ]) {
    assert.ok(problemsOf(recordWith({ name })).length > 0);
    assert.ok(problemsOf({ name, records: [] }).length > 0);
  }
});

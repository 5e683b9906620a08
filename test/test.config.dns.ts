import assert from 'node:assert/strict';
import { test } from 'node:test';
import { defaultDomainsOf } from '../ts/config/default-domains.ts';
import { withDnsListeners } from '../ts/config/defaults.ts';
import { checkZoneNames } from '../ts/config/dns-checks.ts';
import { isDnsServer, readDnsServer } from '../ts/config/dns-server-text.ts';
import { parseConfigText } from '../ts/config/file.ts';
import { dnsListeners } from '../ts/config/ports.ts';
import { type IParseSettings, parseOptions, parseZone } from '../ts/config/schema.ts';
import { SECRET_MASK } from '../ts/config/secrets.ts';
import { DcError, formatProblems, type IProblem } from '../ts/core/errors.ts';

function refused(input: unknown, settings?: IParseSettings): readonly IProblem[] {
  try {
    parseOptions(input, settings);
  } catch (error) {
    assert.ok(error instanceof DcError, String(error));
    assert.equal(error.code, 'CONFIG_INVALID');
    return error.problems;
  }
  return [];
}

function pathsOf(input: unknown, settings?: IParseSettings): string[] {
  return refused(input, settings).map(({ path }) => path);
}

const secret = 'MDEyMzQ1Njc4OWFiY2RlZg==';

const planes: { dns: unknown; paths: string[]; why: string }[] = [
  { dns: {}, paths: [], why: 'nothing' },
  { dns: { listeners: {} }, paths: [], why: 'no listeners' },
  { dns: null, paths: ['dns'], why: 'null' },
  { dns: [], paths: ['dns'], why: 'a list' },
  { dns: { zone: [] }, paths: ['dns.zone'], why: 'an unknown key' },
  { dns: { zones: {} }, paths: ['dns.zones'], why: 'zones by name' },
  { dns: { listeners: { a: {} } }, paths: ['dns.listeners.a.port'], why: 'no port' },
  {
    dns: { listeners: { a: { port: 65_536 } } },
    paths: ['dns.listeners.a.port'],
    why: 'port 65536',
  },
  { dns: { listeners: { '': { port: 1 } } }, paths: ['dns.listeners[""]'], why: 'no name' },
  {
    dns: { listeners: { a: { port: 1, address: '*' } } },
    paths: ['dns.listeners.a.address'],
    why: 'no address',
  },
  { dns: { udpSizeMax: 511 }, paths: ['dns.udpSizeMax'], why: 'less than RFC 1035 has' },
  { dns: { udpSizeMax: 4_097 }, paths: ['dns.udpSizeMax'], why: 'more than is safe' },
  { dns: { nsid: 'x'.repeat(129) }, paths: ['dns.nsid'], why: 'a long name' },
  { dns: { nsid: 'ü'.repeat(65) }, paths: ['dns.nsid'], why: 'a long name in bytes' },
  { dns: { rateLimit: true }, paths: ['dns.rateLimit'], why: 'a limit without a number' },
  { dns: { rateLimit: false }, paths: [], why: 'no limit' },
  { dns: { rateLimit: {} }, paths: ['dns.rateLimit.responsesPerSecond'], why: 'an empty limit' },
  {
    dns: { rateLimit: { responsesPerSecond: 0 } },
    paths: ['dns.rateLimit.responsesPerSecond'],
    why: 'no answers',
  },
  {
    dns: { rateLimit: { responsesPerSecond: 1, prefix4: 33 } },
    paths: ['dns.rateLimit.prefix4'],
    why: 'too many bits',
  },
  { dns: { limits: { idleTimeoutMs: 0 } }, paths: ['dns.limits.idleTimeoutMs'], why: 'no time' },
  { dns: { keys: { a: {} } }, paths: ['dns.keys.a.secret'], why: 'no secret' },
  {
    dns: { keys: { a: { secret, algorithm: 'hmac-md5' } } },
    paths: ['dns.keys.a.algorithm'],
    why: 'an old algorithm',
  },
  { dns: { keys: { 'a b': { secret } } }, paths: ['dns.keys["a b"]'], why: 'no name of a key' },
  {
    dns: { views: [{ name: 'a', clients: [] }] },
    paths: ['dns.views[0].clients'],
    why: 'a view of nobody',
  },
  {
    dns: {
      views: [
        { name: 'a', clients: ['::/0'] },
        { name: 'a', clients: ['::/0'] },
      ],
    },
    paths: ['dns.views[1].name'],
    why: 'twin views',
  },
  { dns: { resolver: { mode: 'forward' } }, paths: ['dns.resolver.servers'], why: 'nobody to ask' },
  { dns: { resolver: { servers: [] } }, paths: ['dns.resolver.servers'], why: 'no servers' },
  {
    dns: { resolver: { mode: 'system', servers: ['::1'] } },
    paths: ['dns.resolver.servers'],
    why: 'servers nobody asks',
  },
  {
    dns: { resolver: { mode: 'recurse', servers: ['::1'] } },
    paths: ['dns.resolver.servers'],
    why: 'servers for recursion',
  },
  { dns: { resolver: { servers: ['::1'] } }, paths: [], why: 'servers alone' },
  {
    dns: { resolver: { mode: 'recurse', rootHints: 'private.root', trustAnchors: 'root.key' } },
    paths: [],
    why: 'files of a private root',
  },
  {
    dns: {
      resolver: { mode: 'recurse', rootHints: ['10.0.0.1'], trustAnchors: ['. DS 1 13 2 aa'] },
    },
    paths: [],
    why: 'a private root in place',
  },
  {
    dns: { resolver: { mode: 'recurse', rootHints: ['ns.example'], trustAnchors: [] } },
    paths: ['dns.resolver.rootHints[0]', 'dns.resolver.trustAnchors'],
    why: 'names as hints, no anchor',
  },
  {
    dns: { resolver: { servers: ['::1'], rootHints: ['::1'], trustAnchors: 'root.key' } },
    paths: ['dns.resolver.rootHints', 'dns.resolver.trustAnchors'],
    why: 'a root that nobody asks',
  },
  { dns: { resolver: { mode: 'recursive' } }, paths: ['dns.resolver.mode'], why: 'another word' },
  {
    dns: { resolver: { ttlMin: 60, ttlMax: 30 } },
    paths: ['dns.resolver.ttlMin'],
    why: 'bounds that cross',
  },
  {
    dns: { resolver: { cacheBytesMax: 0 } },
    paths: ['dns.resolver.cacheBytesMax'],
    why: 'no cache',
  },
  { dns: { https: { entrypoints: [] } }, paths: ['dns.https.entrypoints'], why: 'no entrypoints' },
];

for (const { dns, paths, why } of planes) {
  test(`parseOptions() for dns: ${why}`, () => {
    assert.deepEqual(pathsOf({ dns }), paths);
    if (paths.length === 0) assert.deepEqual(parseOptions({ dns }).options, { dns });
  });
}

test('parseOptions() tells of names of keys what would be accepted', () => {
  const [problem] = refused({ dns: { keys: { 'Mover.Example.': { secret } } } });
  assert.equal(problem?.suggestion, 'mover.example');
  assert.equal(refused({ dns: { keys: { 'Mover.Example.': { secret } } } }).length, 1);
});

for (const given of [
  '',
  'short',
  'c2hvcnQ=',
  `${secret}\n`,
  `${secret.slice(0, -1)}`,
  'ZZZZ_-==',
]) {
  test(`parseOptions() refuses the secret ${JSON.stringify(given)}, and does not show it`, () => {
    const [problem, more] = refused({ dns: { keys: { a: { secret: given } } } });
    assert.equal(problem?.path, 'dns.keys.a.secret');
    assert.equal(problem.value, SECRET_MASK);
    assert.equal(more, undefined);
  });
}

for (const given of [
  '',
  '00112233',
  '0x112233445566778899aabbccddeeff',
  'g'.repeat(32),
  '0'.repeat(33),
]) {
  test(`parseOptions() refuses the cookie secret ${JSON.stringify(given)}`, () => {
    const [problem] = refused({ dns: { cookieSecret: given } });
    assert.deepEqual([problem?.path, problem?.value], ['dns.cookieSecret', SECRET_MASK]);
  });
}

const servers: { text: string; becomes?: string; suggestion?: string }[] = [
  { text: '192.0.2.1', becomes: 'udp 192.0.2.1 53' },
  { text: '192.0.2.1:5353', becomes: 'udp 192.0.2.1 5353' },
  { text: '::1', becomes: 'udp ::1 53' },
  { text: '[2001:db8::1]', becomes: 'udp 2001:db8::1 53' },
  { text: '[2001:db8::1]:5353', becomes: 'udp 2001:db8::1 5353' },
  { text: '[fe80::1%eth0]:53', becomes: 'udp fe80::1%eth0 53' },
  { text: 'tcp://192.0.2.1', becomes: 'tcp 192.0.2.1 53' },
  { text: 'TLS://[::1]:8853#Dns.Example', becomes: 'tls ::1 8853 dns.example' },
  { text: 'tls://192.0.2.1', becomes: 'tls 192.0.2.1 853' },
  {
    text: 'https://dns.example/dns-query@192.0.2.1',
    becomes: 'https 192.0.2.1 443 dns.example /dns-query',
  },
  { text: 'https://dns.example:8443/q/x@[::1]', becomes: 'https ::1 8443 dns.example /q/x' },
  { text: 'https://dns.example@192.0.2.1', becomes: 'https 192.0.2.1 443 dns.example /dns-query' },
  { text: 'https://192.0.2.1/q', becomes: 'https 192.0.2.1 443 /q' },
  { text: '2001:db8::1:5353', suggestion: '[2001:db8::1]:5353' },
  { text: 'udp://192.0.2.1', suggestion: '192.0.2.1' },
  { text: '' },
  { text: 'dns.example' },
  { text: '192.0.2.1:' },
  { text: '192.0.2.1:0' },
  { text: '192.0.2.1:65536' },
  { text: '192.0.2.1 ' },
  { text: '192.0.2.256' },
  { text: '192.0.2.1#dns.example' },
  { text: 'tls://192.0.2.1#' },
  { text: 'tls://192.0.2.1#a b' },
  { text: 'tls://dns.example' },
  { text: 'quic://192.0.2.1' },
  { text: 'https://dns.example/dns-query' },
  { text: 'https://dns.example/dns-query{?dns}@192.0.2.1' },
  { text: 'https://dns.example/x?y@192.0.2.1' },
  { text: 'https://dns.example/x@192.0.2.1:443' },
  { text: 'https://dns.example/x@dns.example' },
  { text: 'https:///x@192.0.2.1' },
  { text: 'https://user:word@dns.example/x' },
];

for (const { text, becomes, suggestion } of servers) {
  test(`readDnsServer() for ${JSON.stringify(text)}: ${becomes ?? 'refused'}`, () => {
    const read = readDnsServer(text);
    if (isDnsServer(read)) {
      const { protocol, address, port, serverName, path } = read;
      assert.equal([protocol, address, port, serverName, path].filter(Boolean).join(' '), becomes);
      return;
    }
    assert.equal(becomes, undefined, read.problem);
    assert.equal(read.suggestion, suggestion);
    assert.match(read.problem, /^Must /);
    assert.deepEqual(pathsOf({ dns: { resolver: { servers: [text] } } }), [
      'dns.resolver.servers[0]',
    ]);
  });
}

test('parseOptions() knows the ports of DNS: with TLS by TCP alone', () => {
  const udp = { protocol: 'udp', fromPort: 5353, toPort: 1 };
  const tcp = { fromPort: 5353, toPort: 1 };
  const plain = { listeners: { a: { port: 5353 } } };
  const tls = { listeners: { a: { port: 5353, tls: true } } };
  assert.deepEqual(pathsOf({ dns: plain, tcp: [udp, tcp] }), [
    'tcp[0].fromPort',
    'tcp[1].fromPort',
  ]);
  assert.deepEqual(pathsOf({ dns: tls, tcp: [udp] }), []);
  assert.deepEqual(pathsOf({ dns: tls, tcp: [tcp] }), ['tcp[0].fromPort']);
  const web = { entrypoints: { http: { port: 5353 } } };
  assert.deepEqual(pathsOf({ dns: plain, web }), ['dns.listeners.a.port']);
  const twins = {
    a: { port: 53 },
    b: { port: 53, address: '127.0.0.1' },
    c: { port: 53, tls: true },
  };
  // Both protocols of a listener clash: it is told once.
  assert.deepEqual(pathsOf({ dns: { listeners: twins } }), [
    'dns.listeners.b.port',
    'dns.listeners.c.port',
  ]);
  const apart = {
    a: { port: 53, address: '::1' },
    b: { port: 53, address: '127.0.0.1' },
    c: { port: 0 },
    d: { port: 0 },
  };
  assert.deepEqual(pathsOf({ dns: { listeners: apart } }), []);
  assert.deepEqual(
    pathsOf({ dns: { listeners: { a: { port: 7700, address: '127.0.0.1' } } }, api: {} }),
    ['dns.listeners.a.port'],
  );
});

test('parseOptions() knows the port of DNS that nobody names', () => {
  const tcp = { fromPort: 5300, toPort: 1 };
  assert.deepEqual(pathsOf({ dns: {}, tcp }), ['tcp.fromPort']);
  assert.deepEqual(pathsOf({ dns: { listeners: {} }, tcp }), []);
  assert.deepEqual(pathsOf({ tcp }), []);
});

test('withDnsListeners() fills in the listener that is there without being named', () => {
  assert.equal(withDnsListeners(undefined), undefined);
  assert.deepEqual(withDnsListeners({ nsid: 'x' }), {
    nsid: 'x',
    listeners: { dns: { port: 5300 } },
  });
  const none = { listeners: {} };
  assert.equal(withDnsListeners(none), none);
  assert.deepEqual(
    dnsListeners({}).map(({ path, protocol, from }) => [path.join('.'), protocol, from]),
    [
      ['dns.listeners.dns.port', 'tcp', 5300],
      ['dns.listeners.dns.port', 'udp', 5300],
    ],
  );
  assert.deepEqual(dnsListeners(undefined), []);
});

test('parseOptions() wants an entrypoint with TLS for DNS over HTTPS', async () => {
  const plain = { entrypoints: { http: { port: 8080 } } };
  const tls = { entrypoints: { http: { port: 8080 }, https: { port: 8443, tls: true } } };
  assert.deepEqual(pathsOf({ dns: { https: true } }), ['dns.https']);
  assert.deepEqual(pathsOf({ dns: { https: { path: '/q' } }, web: plain }), ['dns.https']);
  assert.deepEqual(pathsOf({ dns: { https: true }, web: tls }), []);
  assert.deepEqual(pathsOf({ dns: { https: false }, web: plain }), []);
  // A proxy in front may have TLS.
  assert.deepEqual(pathsOf({ dns: { https: { entrypoints: ['http'] } }, web: plain }), []);
  const [problem] = refused({ dns: { https: { entrypoints: ['http', 'htps'] } }, web: tls });
  assert.deepEqual([problem?.path, problem?.suggestion], ['dns.https.entrypoints[1]', 'https']);
  // The daemon opens the default ones.
  const { value, source } = await parseConfigText('dns: { https: true }', { file: 'x.yaml' });
  parseOptions(value, { source });
});

test('parseOptions() asks for the default certificates of DNS listeners', () => {
  const listeners = { a: { port: 853, tls: { defaultCertificate: 'Dns.example' } } };
  const path = 'dns.listeners.a.tls.defaultCertificate';
  assert.deepEqual(pathsOf({ dns: { listeners } }), [path]);
  assert.deepEqual(pathsOf({ dns: { listeners } }, { certificates: ['dns.example'] }), []);
  // It may come over the API: a start bears it.
  const { options, problems } = parseOptions({ dns: { listeners } }, { mode: 'start' });
  assert.deepEqual(
    problems.map((one) => one.path),
    [path],
  );
  assert.ok(options.dns?.listeners?.a);
  assert.deepEqual(defaultDomainsOf({}, undefined, { listeners }), ['dns.example']);
});

const named = {
  name: 'a.example',
  view: 'internl',
  transfer: ['key:movr', '@ofice', 'any', 'key:mover.'],
  notifyFrom: ['@office', 'key:nobody'],
  notify: [{ address: '::1', key: 'MOVR' }],
  update: [{ key: 'mover', from: ['@ofice'] }],
  records: [],
};
const unknown = [
  'view: internal',
  'notify[0].key: mover',
  'transfer[1]: @office',
  'transfer[0]: key:mover',
  'notifyFrom[1]: undefined',
  'update[0].from[0]: @office',
];

test('parseOptions() finds views, keys and lists that nobody defines', () => {
  const dns = {
    keys: { mover: { secret } },
    views: [{ name: 'internal', clients: ['@ofice'] }],
    rateLimit: { responsesPerSecond: 1, exempt: ['@ofice'] },
    resolver: { clients: ['@ofice'] },
    zones: [named],
  };
  const access = { lists: { office: {} } };
  const found = refused({ dns, access });
  assert.deepEqual(
    found.map(({ path, suggestion }) => `${path}: ${suggestion}`),
    [
      ...unknown.map((line) => `dns.zones[0].${line}`),
      'dns.rateLimit.exempt[0]: @office',
      'dns.views[0].clients[0]: @office',
      'dns.resolver.clients[0]: @office',
    ],
  );
  // Lists may come over the API; keys and views only from the file.
  const { length } = found.filter(({ message }) => message.includes('access.lists'));
  assert.equal(refused({ dns, access }, { accessLists: 'any' }).length, found.length - length);
  assert.equal(refused({ dns, access }, { accessLists: ['ofice'] }).length, found.length - length);
});

test('checkZoneNames() finds the same for a zone of the API', () => {
  const zone = parseZone(named);
  const known = {
    lists: new Set(['office']),
    keys: new Set(['mover']),
    views: new Set(['internal']),
  };
  const found = checkZoneNames({ ...zone }, [], known);
  assert.equal(found.length, unknown.length);
  assert.deepEqual(checkZoneNames({ name: 'a' }, [], known), []);
  // What cannot be read is refused by others.
  const broken = { update: [null, 5], notify: {}, transfer: [5], primaries: 'x', view: 7 };
  assert.deepEqual(checkZoneNames(broken, [], known), []);
});

test('parseOptions() takes one zone of each name and view', () => {
  const views = [{ name: 'in', clients: ['::1'] }];
  const zone = (name: string, view?: string) => ({ name, records: [], ...(view && { view }) });
  const zones = [zone('a.example'), zone('a.example', 'in'), zone('b.example'), zone('A.example.')];
  const [problem, more] = refused({ dns: { views, zones } });
  assert.equal(problem?.path, 'dns.zones[3].name');
  assert.match(problem.message, /dns\.zones\[0\] is the zone "a\.example"/);
  assert.equal(more, undefined);
  // A refused one counts as well, but takes nobody down at a start.
  const twins = [{ ...zone('a.example'), ttl: -1 }, zone('a.example')];
  assert.deepEqual(pathsOf({ dns: { zones: twins } }), ['dns.zones[0].ttl', 'dns.zones[1].name']);
  const { options } = parseOptions({ dns: { zones: twins } }, { mode: 'start' });
  assert.deepEqual(options.dns?.zones, [zone('a.example')]);
});

test('parseOptions() leaves out single zones at a start, with their lines', async () => {
  const text = [
    'dns:',
    '  zones:',
    '    - { name: A.example., view: in, records: [] }',
    '    - { name: b.example, records: [{ name: www, type: A }] }',
    '    - { name: "*.c.example", records: [] }',
    '    - { name: d.example, file: d.zone }',
    '    - { name: "${MISSING}", records: [] }',
    '    - 5',
  ].join('\n');
  const { value, source } = await parseConfigText(text, { file: 'x.yaml', env: {} });
  const { options, problems, disabled } = parseOptions(value, { source, mode: 'start' });
  assert.deepEqual(options.dns, { zones: [{ name: 'd.example', file: 'd.zone' }] });
  assert.deepEqual(disabled, [
    { kind: 'zone', path: 'dns.zones[4]', name: '${MISSING}' },
    { kind: 'zone', path: 'dns.zones[1]', name: 'b.example' },
    { kind: 'zone', path: 'dns.zones[2]', name: '*.c.example' },
    { kind: 'zone', path: 'dns.zones[5]', name: undefined },
    { kind: 'zone', path: 'dns.zones[0]', name: 'a.example@in' },
  ]);
  assert.deepEqual(formatProblems(problems).split('\n'), [
    'x.yaml:3:33 dns.zones[0].view: Must name a view in "dns.views" (is "in")',
    'x.yaml:4:36 dns.zones[1].records[0].data: Must be given, unless "health" says what is answered',
    'x.yaml:5:15 dns.zones[2].name: Must be a domain like example.com, or "." for the root ' +
      '(is "*.c.example"; did you mean "c.example"?)',
    'x.yaml:7:15 dns.zones[4].name: Must name a variable of the environment: MISSING is not set ' +
      '(is "${MISSING}")',
    'x.yaml:8:7 dns.zones[5]: Must be a map (is 5)',
  ]);
  // What is no zone refuses the whole.
  assert.throws(() => parseOptions({ dns: { zones: [], nsid: '' } }, { mode: 'start' }));
});

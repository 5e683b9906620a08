import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TPortProxyInput } from '../ts_interfaces/data/tcp.ts';
import { problemsOf } from './fixtures/tcp-problems.ts';

const one = { fromPort: 5432, toPort: 'db:5432' };

/** An entry on some ports with domain configs, which all go somewhere. */
function withConfigs(configs: object[], more: object = {}): object {
  const domainConfigs = configs.map((config) => ({ toPort: 1, ...config }));
  return { fromPort: 443, globalPortRanges: ['8000-8010'], toPort: 1, domainConfigs, ...more };
}

const badTargets: { toPort: unknown; says: RegExp; path?: string; suggests?: string }[] = [
  { toPort: 0, says: /from 1 to 65535/ },
  { toPort: 65_536, says: /from 1 to 65535/ },
  { toPort: 1.5, says: /whole number/ },
  { toPort: '', says: /must have a host/i },
  { toPort: ':443', says: /must have a host/i, suggests: '127.0.0.1:443' },
  { toPort: '65536', says: /from 1 to 65535/ },
  { toPort: 'db:0', says: /from 1 to 65535/ },
  { toPort: 'db:65536', says: /from 1 to 65535/ },
  { toPort: 'db:', says: /or no colon/, suggests: 'db' },
  { toPort: 'db:http', says: /"host:port"/ },
  { toPort: 'a:b:1', says: /"host:port"/ },
  { toPort: '2001:db8::1', says: /brackets/, suggests: '[2001:db8::1]' },
  { toPort: '::1:443', says: /brackets/, suggests: '[::1]:443' },
  { toPort: '[10.0.0.1]:5', says: /IPv6/, suggests: '10.0.0.1:5' },
  { toPort: '[::1', says: /brackets/ },
  { toPort: '[::g]:1', says: /brackets/ },
  { toPort: '[::1]443', says: /brackets/ },
  { toPort: 'tcp://db:5432', says: /without scheme/, suggests: 'db:5432' },
  { toPort: 'a b:1', says: /blanks/ },
  { toPort: 'db\n:1', says: /blanks|host name/ },
  { toPort: `${'a'.repeat(64)}:1`, says: /63 characters/ },
  { toPort: '10.0.0.256:80', says: /IPv4/ },
  { toPort: '5432:5432', says: /IPv4/ },
  { toPort: [], says: /at least one/ },
  { toPort: [1, '::1'], path: 'toPort[1]', says: /brackets/ },
  { toPort: {}, says: /at least one port/ },
  { toPort: { port: 5 }, path: 'toPort.host', says: /must be given/i },
  { toPort: { host: 'a', port: 0 }, path: 'toPort.port', says: /from 1 to 65535/ },
  { toPort: { hots: 'a', port: 1 }, path: 'toPort.hots', says: /unknown/i, suggests: 'host' },
  { toPort: { 443: [] }, path: 'toPort.443', says: /at least one/ },
  { toPort: { 443: 'a:b' }, path: 'toPort.443', says: /"host:port"/ },
  { toPort: { x: 1 }, path: 'toPort.x', says: /Must be a port, or ports like/ },
  { toPort: { 0: 1, 443: 1 }, path: 'toPort.0', says: /from 1 to 65535/ },
  { toPort: { '443-65536': 1 }, path: 'toPort.443-65536', says: /from 1 to 65535/ },
  { toPort: { '443-442': 1, 443: 1 }, path: 'toPort.443-442', says: /lower port first/ },
  { toPort: { __proto__: null, 443: null }, path: 'toPort.443', says: /not empty/ },
  { toPort: true, says: /not|whole number/ },
  { toPort: null, says: /not empty/ },
];

for (const { toPort, says, path = 'toPort', suggests } of badTargets) {
  test(`parseTcpEntry() refuses toPort ${JSON.stringify(toPort)?.slice(0, 30)}`, () => {
    const found = problemsOf({ fromPort: 443, toPort });
    const problem = found.find((candidate) => candidate.path === path);
    assert.match(problem?.message ?? JSON.stringify(found), says);
    if (suggests !== undefined) assert.equal(problem?.suggestion, suggests);
  });
}

const refused: { why: string; entry: object; at: string; says: RegExp; suggests?: string }[] = [
  { why: 'no port', entry: { toPort: 1 }, at: 'fromPort', says: /globalPortRanges/ },
  { why: 'port 65536', entry: { ...one, fromPort: 65_536 }, at: 'fromPort', says: /0 to 65535/ },
  { why: 'port -1', entry: { ...one, fromPort: -1 }, at: 'fromPort', says: /0 to 65535/ },
  { why: 'a port in quotes', entry: { ...one, fromPort: '1' }, at: 'fromPort', says: /quotes/ },
  {
    why: 'an empty list of ports',
    entry: { globalPortRanges: [], toPort: 1 },
    at: 'globalPortRanges',
    says: /at least one port/,
  },
  {
    why: 'a range backwards',
    entry: { ...one, globalPortRanges: ['6010-6000'] },
    at: 'globalPortRanges[0]',
    says: /lower port first: 6000 is below 6010/,
    suggests: '6000-6010',
  },
  {
    why: 'a range backwards as a map',
    entry: { ...one, globalPortRanges: [{ from: 2, to: 1 }] },
    at: 'globalPortRanges[0]',
    says: /lower port first/,
  },
  {
    why: 'a range beyond the last port',
    entry: { ...one, globalPortRanges: ['65000-65536'] },
    at: 'globalPortRanges[0]',
    says: /1 to 65535/,
  },
  {
    why: 'port 0 in a range',
    entry: { ...one, globalPortRanges: ['0-5'] },
    at: 'globalPortRanges[0]',
    says: /1 to 65535/,
  },
  {
    why: 'ranges that overlap',
    entry: { toPort: 1, globalPortRanges: ['10-20', '30-40', '20-25'] },
    at: 'globalPortRanges[2]',
    says: /globalPortRanges\[0\] 10-20/,
  },
  {
    why: 'a range with fromPort in it',
    entry: { fromPort: 15, toPort: 1, globalPortRanges: ['10-20'] },
    at: 'globalPortRanges[0]',
    says: /fromPort 15/,
  },
  { why: 'nothing to do', entry: { fromPort: 1 }, at: 'toPort', says: /where connections go/ },
  {
    why: 'nothing to do, in more words',
    entry: { fromPort: 1, useNetworkProxy: false, domainConfigs: [] },
    at: 'toPort',
    says: /where connections go/,
  },
  {
    why: 'two targets',
    entry: { ...one, backends: [{ hostname: 'a' }] },
    at: 'backends',
    says: /"toPort"/,
  },
  {
    why: 'a target and the web plane',
    entry: { ...one, useNetworkProxy: true },
    at: 'useNetworkProxy',
    says: /"toPort"/,
  },
  { why: 'no backend', entry: { fromPort: 1, backends: [] }, at: 'backends', says: /at least one/ },
  {
    why: 'backends of one id',
    entry: {
      fromPort: 1,
      backends: [
        { id: 'a', hostname: 'a' },
        { id: 'a', hostname: 'b' },
      ],
    },
    at: 'backends[1].id',
    says: /backends\[0\]/,
  },
  {
    why: 'TLS that both terminate',
    entry: { fromPort: 1, useNetworkProxy: true, tls: 'terminate' },
    at: 'tls',
    says: /web plane terminates/,
  },
  {
    why: 'TLS settings of the web plane',
    entry: { fromPort: 1, useNetworkProxy: true, tls: {} },
    at: 'tls',
    says: /web plane terminates/,
  },
  {
    why: 'unknown names without an action',
    entry: {
      fromPort: 1,
      unknownName: 'default',
      domainConfigs: [{ domains: ['a.example.com'], toPort: 1 }],
    },
    at: 'unknownName',
    says: /"reset"/,
  },
  {
    why: 'a mapping with keys that overlap',
    entry: { globalPortRanges: ['10-20'], toPort: { '10-15': 1, '15-20': 2 } },
    at: 'toPort.15-20',
    says: /"10-15"/,
  },
  {
    why: 'a mapping of foreign ports',
    entry: { fromPort: 10, toPort: { 10: 1, '11-12': 2 } },
    at: 'toPort.11-12',
    says: /11-12 is none/,
  },
  {
    why: 'a mapping that leaves ports out',
    entry: { globalPortRanges: ['10-20', 30], toPort: { '12-14': 1, 20: 2 } },
    at: 'toPort',
    says: /10-11, 15-19, 30/,
  },
  {
    why: 'a mapping for a free port',
    entry: { fromPort: 0, globalPortRanges: [10], toPort: { 10: 1 } },
    at: 'toPort',
    says: /fromPort: 0/,
  },
  { why: 'udp settings of TCP', entry: { ...one, udp: {} }, at: 'udp', says: /forwards TCP/ },
  {
    why: 'a word that is near',
    entry: { ...one, strategy: 'ROUND_ROBBIN' },
    at: 'strategy',
    says: /one of/,
    suggests: 'ROUND_ROBIN',
  },
  {
    why: 'a key that is near',
    entry: { ...one, domainConfig: [] },
    at: 'domainConfig',
    says: /unknown/i,
    suggests: 'domainConfigs',
  },
  {
    why: 'a host as address',
    entry: { ...one, address: 'localhost' },
    at: 'address',
    says: /IP address/,
    suggests: '127.0.0.1',
  },
  {
    why: 'proxies that nobody is',
    entry: { ...one, proxyProtocol: { from: [] } },
    at: 'proxyProtocol.from',
    says: /at least one proxy/,
  },
];

for (const { why, entry, at, says, suggests } of refused) {
  test(`parseTcpEntry() refuses ${why}`, () => {
    const found = problemsOf(entry);
    const problem = found.find(({ path }) => path === at);
    assert.match(problem?.message ?? JSON.stringify(found), says);
    if (suggests !== undefined) assert.equal(problem?.suggestion, suggests);
  });
}

const badConfigs: { why: string; configs: object[]; at: string; says: RegExp }[] = [
  {
    why: 'no target',
    configs: [{ domains: ['a'], toPort: undefined }],
    at: '[0].toPort',
    says: /where connections go/,
  },
  { why: 'an empty list of domains', configs: [{ domains: [] }], at: '[0].domains', says: /one/ },
  {
    why: 'an address as name',
    configs: [{ domains: ['[::1]', '10.0.0.1'] }],
    at: '[0].domains[1]',
    says: /SNI/,
  },
  {
    why: 'a wildcard in the middle',
    configs: [{ domains: ['a.*.com'] }],
    at: '[0].domains[0]',
    says: /whole first label/,
  },
  {
    why: 'domains of another protocol',
    configs: [{ domains: ['a'], protocol: 'http' }],
    at: '[0].protocol',
    says: /"tls" or absent/,
  },
  { why: 'ALPN alone', configs: [{ alpn: ['h2'] }], at: '[0].alpn', says: /only TLS/ },
  {
    why: 'ALPN of another protocol',
    configs: [{ alpn: ['h2'], protocol: 'ssh' }],
    at: '[0].alpn',
    says: /only TLS/,
  },
  {
    why: 'TLS that is none',
    configs: [{ protocol: 'ssh', tls: 'terminate' }],
    at: '[0].tls',
    says: /"ssh" have no TLS/,
  },
  {
    why: 'the web plane for what it does not speak',
    configs: [{ protocol: 'silent', toPort: undefined, useNetworkProxy: true }],
    at: '[0].useNetworkProxy',
    says: /"silent"/,
  },
  {
    why: 'ports outside of the entry',
    configs: [{ portRanges: [443, '8005-8012'] }],
    at: '[0].portRanges[1]',
    says: /8011-8012/,
  },
  {
    why: 'a domain twice',
    configs: [{ domains: ['a', 'b'] }, { domains: ['c', 'A.'] }],
    at: '[1].domains[1]',
    says: /domainConfigs\[0\]/,
  },
  {
    why: 'a domain twice in one',
    configs: [{ domains: ['a', 'A'] }],
    at: '[0].domains[1]',
    says: /once/,
  },
  {
    why: 'a domain twice, with the same ports in other words',
    configs: [
      { id: 'x', domains: ['a'], portRanges: [443, '8000-8010'] },
      { id: 'y', domains: ['a'] },
    ],
    at: '[1].domains[0]',
    says: /domainConfigs\[0\]/,
  },
  {
    why: 'a protocol twice',
    configs: [{ protocol: 'ssh' }, { protocol: 'ssh' }],
    at: '[1].protocol',
    says: /never match/,
  },
  {
    why: 'an id twice',
    configs: [
      { domains: ['a'], portRanges: [443] },
      { domains: ['a'], portRanges: [8000] },
    ],
    at: '[1].id',
    says: /domainConfigs\[0\] has the id "a"/,
  },
  {
    why: 'two targets',
    configs: [{ protocol: 'http', useNetworkProxy: true }],
    at: '[0].useNetworkProxy',
    says: /"toPort"/,
  },
  {
    why: 'a protocol that nobody knows',
    configs: [{ protocol: 'shh' }],
    at: '[0].protocol',
    says: /tls, http, ssh, silent, other/,
  },
];

for (const { why, configs, at, says } of badConfigs) {
  test(`parseTcpEntry() refuses in a domain config: ${why}`, () => {
    const found = problemsOf(withConfigs(configs));
    const problem = found.find(({ path }) => path === `domainConfigs${at}`);
    assert.match(problem?.message ?? JSON.stringify(found), says);
  });
}

const udp = { protocol: 'udp', fromPort: 53, toPort: 5353 };
const streamOnly: [string, unknown][] = [
  ['domainConfigs', [{ domains: ['a'], toPort: 1 }]],
  ['tls', 'passthrough'],
  ['sendProxyProtocol', 'v2'],
  ['proxyProtocol', { from: ['10.0.0.1'] }],
  ['bandwidth', {}],
  ['timeouts', { idleMs: 1 }],
  ['retries', 1],
  ['unknownName', 'reset'],
  ['keepAliveMs', 1],
  ['noDelay', true],
  ['connectionsMax', 1],
  ['connectionsPerClientMax', 1],
];

for (const [key, value] of streamOnly) {
  test(`parseTcpEntry() refuses ${key} with UDP`, () => {
    const [problem, ...more] = problemsOf({ ...udp, [key]: value });
    assert.equal(problem?.path, key);
    assert.match(problem.message, /with "protocol: udp"/);
    assert.equal(more.length, 0);
  });
}

test('parseTcpEntry() refuses backends that datagrams cannot reach', () => {
  const backends = [{ hostname: 'a', tls: {}, socketPath: '/run/a', sendProxyProtocol: 'v1' }];
  assert.deepEqual(
    problemsOf({ protocol: 'udp', fromPort: 53, backends }).map(({ path }) => path),
    ['backends[0].tls', 'backends[0].socketPath', 'backends[0].sendProxyProtocol'],
  );
  const web = problemsOf({ protocol: 'udp', fromPort: 53, useNetworkProxy: true });
  assert.equal(web[0]?.path, 'useNetworkProxy');
});

const kernel = { fromPort: 53, toPort: '10.0.0.1:53', forwarding: 'kernel' };
const userOnly: { more: TPortProxyInput; at: string }[] = [
  { more: { toPort: 'db:53' }, at: 'toPort' },
  { more: { toPort: ['10.0.0.1', 'db'] }, at: 'toPort[1]' },
  { more: { toPort: { host: 'db' } }, at: 'toPort' },
  { more: { toPort: { 53: ['10.0.0.1', 'db'] } }, at: 'toPort.53[1]' },
  { more: { toPort: '[fe80::1%eth0]:53' }, at: 'toPort' },
  { more: { toPort: undefined, backends: [{ hostname: 'db' }] }, at: 'backends[0].hostname' },
  {
    more: { toPort: undefined, backends: [{ hostname: '10.0.0.1', tls: {} }] },
    at: 'backends[0].tls',
  },
  { more: { domainConfigs: [{ domains: ['a'], toPort: 1 }] }, at: 'domainConfigs' },
  { more: { tls: 'terminate' }, at: 'tls' },
  { more: { toPort: undefined, useNetworkProxy: true }, at: 'useNetworkProxy' },
  { more: { sendProxyProtocol: 'v1' }, at: 'sendProxyProtocol' },
  { more: { proxyProtocol: { from: ['10.0.0.1'] } }, at: 'proxyProtocol' },
  { more: { bandwidth: { inBytesPerSecond: 1 } }, at: 'bandwidth' },
  { more: { strategy: 'IP_HASH' }, at: 'strategy' },
  { more: { fromPort: 0 }, at: 'fromPort' },
];

for (const { more, at } of userOnly) {
  test(`parseTcpEntry() refuses in the kernel: ${JSON.stringify(more)}`, () => {
    assert.deepEqual(
      problemsOf({ ...kernel, ...more }).map(({ path }) => path),
      [at],
    );
  });
}

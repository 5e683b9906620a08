import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { DcError } from '../ts/core/errors.ts';
import { AddressLists } from '../ts/net/address-list.ts';
import { compileKernel, kernelObstacles } from '../ts/proxy/kernel/kernel-plan.ts';
import { kernelName, rulesetOf } from '../ts/proxy/kernel/ruleset.ts';
import type { Backend, IPortProxySettings } from '../ts_interfaces/index.ts';

function rulesOf(...entries: IPortProxySettings[]): string {
  const lists = new AddressLists();
  lists.set('office', ['192.0.2.0/24', '2001:db8:1::/48']);
  const plans = entries.map(compileKernel);
  return rulesetOf({ owner: 'owner_1_2_ab', plans, lists, before: null }).text;
}

/** The rules of a chain, without the indentation. */
function chainOf(ruleset: string, name: string): string[] {
  const lines = ruleset.split('\n');
  const start = lines.indexOf(`  chain ${name} {`);
  assert.ok(start !== -1, `no chain ${name} in ${ruleset}`);
  const end = lines.indexOf('  }', start);
  return lines.slice(start + 1, end).map((line) => line.trim());
}

function backend(id: string, hostname: string, port: number, more: Partial<Backend> = {}): Backend {
  return { id, hostname, port, isDead: false, failureCount: 0, ...more };
}

const web = kernelName('web');
/** Its chain, in a table that is new. */
const chain = `${web}_v1`;

test('rulesetOf() replaces the whole table in one transaction', () => {
  const ruleset = rulesOf({ id: 'web', fromPort: 80, toPort: '10.0.0.1:8080' });
  assert.match(
    ruleset,
    /^add table inet dcrouter\ndelete table inet dcrouter\ntable inet dcrouter \{/,
  );
  assert.match(ruleset, /counter owner_1_2_ab \{/);
  assert.deepEqual(chainOf(ruleset, 'prerouting'), [
    'type nat hook prerouting priority -101; policy accept;',
    `fib daddr type local tcp dport { 80 } jump ${chain}`,
  ]);
  assert.deepEqual(chainOf(ruleset, 'output').slice(1), chainOf(ruleset, 'prerouting').slice(1));
  assert.deepEqual(chainOf(ruleset, chain), [
    `counter name ${web}_new`,
    'tcp dport { 80 } dnat ip to 10.0.0.1:8080',
  ]);
  const match = 'ct status dnat meta l4proto tcp ct original proto-dst { 80 }';
  assert.deepEqual(chainOf(ruleset, 'postrouting').slice(1), [
    `oifname != "lo" ${match} masquerade`,
  ]);
  assert.deepEqual(chainOf(ruleset, 'counted'), [
    `${match} ct direction original counter name ${web}_in return`,
    `${match} ct direction reply counter name ${web}_out return`,
  ]);
});

const targets: { name: string; entry: Partial<IPortProxySettings>; rules: string[] }[] = [
  {
    name: 'ranges that keep the port',
    entry: { globalPortRanges: ['6000-6010', 7000], toPort: '10.0.0.1' },
    rules: ['tcp dport { 6000-6010, 7000 } dnat ip to 10.0.0.1'],
  },
  {
    name: 'neighbours are one range',
    entry: { fromPort: 6000, globalPortRanges: [6002, 6001], toPort: '10.0.0.1' },
    rules: ['tcp dport { 6000-6002 } dnat ip to 10.0.0.1'],
  },
  {
    name: 'IPv6 and UDP',
    entry: { protocol: 'udp', fromPort: 53, toPort: '[2001:db8::1]:5353' },
    rules: ['udp dport { 53 } dnat ip6 to [2001:db8::1]:5353'],
  },
  {
    name: 'several backends by their weights, without dead ones',
    entry: {
      fromPort: 80,
      backends: [
        backend('a', '10.0.0.1', 81, { weight: 3 }),
        backend('b', '10.0.0.2', 82),
        backend('c', '10.0.0.3', 83, { isDead: true }),
        backend('d', '10.0.0.4', 84, { maintenance: true }),
        backend('e', '2001:db8::1', 85),
      ],
    },
    rules: [
      'tcp dport { 80 } dnat ip to numgen random mod 4 map { 0-2 : 10.0.0.1 . 81, 3 : 10.0.0.2 . 82 }',
      'tcp dport { 80 } dnat ip6 to [2001:db8::1]:85',
    ],
  },
  {
    name: 'several backends at the port that the client came to',
    entry: { globalPortRanges: ['1-9'], toPort: ['10.0.0.1', '10.0.0.2'] },
    rules: ['tcp dport { 1-9 } dnat ip to numgen random mod 2 map { 0 : 10.0.0.1, 1 : 10.0.0.2 }'],
  },
  {
    name: 'backends with and without port: each port by itself',
    entry: { globalPortRanges: ['7-8'], toPort: ['10.0.0.1', '10.0.0.2:9'] },
    rules: [7, 8].map(
      (port) =>
        `tcp dport { ${port} } dnat ip to numgen random mod 2 map { 0 : 10.0.0.1 . ${port}, 1 : 10.0.0.2 . 9 }`,
    ),
  },
  {
    name: 'a mapping, whose other ports are left alone',
    entry: { globalPortRanges: ['1-5'], toPort: { 1: '10.0.0.1:11', '3-4': '10.0.0.3' } },
    rules: ['tcp dport { 1 } dnat ip to 10.0.0.1:11', 'tcp dport { 3-4 } dnat ip to 10.0.0.3'],
  },
  {
    name: 'nobody is alive',
    entry: { fromPort: 80, backends: [backend('a', '10.0.0.1', 81, { isDead: true })] },
    rules: [],
  },
];

for (const { name, entry, rules } of targets) {
  test(`rulesetOf() targets: ${name}`, () => {
    const lines = chainOf(rulesOf({ id: 'web', ...entry }), chain);
    assert.deepEqual(lines, [`counter name ${web}_new`, ...rules]);
  });
}

const places: { address: string; match: string; original: string }[] = [
  {
    address: '192.0.2.7',
    match: 'ip daddr 192.0.2.7',
    original: ' ct original ip daddr 192.0.2.7',
  },
  { address: '0.0.0.0', match: 'meta nfproto ipv4 fib daddr type local', original: '' },
];

for (const { address, match, original } of places) {
  test(`rulesetOf() for packets to ${address}`, () => {
    const ruleset = rulesOf({ id: 'web', address, fromPort: 80, toPort: '10.0.0.1:80' });
    assert.deepEqual(chainOf(ruleset, 'prerouting')[1], `${match} tcp dport { 80 } jump ${chain}`);
    assert.ok(chainOf(ruleset, 'counted')[0]?.includes(`proto-dst { 80 }${original} ct direction`));
  });
}

test('rulesetOf() access: sets by family, lists by name, and who is not in an allow list', () => {
  const access = { allow: ['10.0.0.0/8', '@office'], deny: ['10.1.2.3', '::ffff:10.9.9.9'] };
  const ruleset = rulesOf({ id: 'web', fromPort: 80, toPort: '10.0.0.1:80', access });
  const refuse = `counter name ${web}_refused drop`;
  assert.deepEqual(chainOf(ruleset, chain).slice(0, 3), [
    `ip saddr @${web}_deny4_v1 ${refuse}`,
    `ip saddr != @${web}_allow4_v1 ${refuse}`,
    `ip6 saddr != @${web}_allow6_v1 ${refuse}`,
  ]);
  const set = (name: string) =>
    new RegExp(`set ${web}_${name}_v1 \\{\n.*\n {4}elements = \\{([^}]*)`)
      .exec(ruleset)?.[1]
      ?.replace(/\s+/g, '');
  assert.equal(set('deny4'), '10.1.2.3,10.9.9.9');
  assert.equal(set('allow4'), '10.0.0.0/8,192.0.2.0/24');
  assert.equal(set('allow6'), '2001:db8:1::/48');
  assert.match(ruleset, /type ipv4_addr; flags interval; auto-merge;/);
});

test('rulesetOf() access: an allow list without addresses of a family lets none of it in', () => {
  for (const allow of [['@nobody'], ['10.0.0.0/8']]) {
    const ruleset = rulesOf({ id: 'web', fromPort: 80, toPort: '10.0.0.1:80', access: { allow } });
    const refuse = `meta nfproto ipv6 counter name ${web}_refused drop`;
    assert.ok(chainOf(ruleset, chain).includes(refuse));
  }
});

test('rulesetOf() limits: new connections, all open ones, and those of a client', () => {
  const rate = (connections: number, windowSeconds?: number, burst?: number) => {
    const connectionRate = { connections, windowSeconds, burst };
    const ruleset = rulesOf({ id: 'web', fromPort: 80, toPort: '10.0.0.1:80', connectionRate });
    return /limit rate over ([^}]*) \}/.exec(chainOf(ruleset, chain)[0] ?? '')?.[1];
  };
  assert.equal(rate(10), '10/second burst 10 packets');
  assert.equal(rate(20, 10, 5), '2/second burst 5 packets');
  assert.equal(rate(1, 60), '1/minute burst 1 packets');
  assert.equal(rate(3, 7), '37029/day burst 3 packets');
  assert.equal(rate(1, 1_000_000), '1/day burst 1 packets');

  const limits = { connectionsMax: 100, connectionsPerClientMax: 10 };
  const ruleset = rulesOf({ id: 'web', fromPort: 80, toPort: '10.0.0.1:80', ...limits });
  const refuse = `counter name ${web}_refused drop`;
  assert.deepEqual(chainOf(ruleset, chain).slice(0, 3), [
    `ct count over 100 ${refuse}`,
    `add @${web}_open4_v1 { ip saddr ct count over 10 } ${refuse}`,
    `add @${web}_open6_v1 { ip6 saddr & ffff:ffff:ffff:ffff:: ct count over 10 } ${refuse}`,
  ]);
});

test('rulesetOf() touches only what has changed', () => {
  const lists = new AddressLists();
  const parts = { owner: 'owner_1', lists };
  const planOf = (id: string, fromPort: number, more: Partial<IPortProxySettings> = {}) =>
    compileKernel({ id, fromPort, toPort: '10.0.0.1:80', ...more });
  const [a, b, c] = ['a', 'b', 'c'].map(kernelName) as [string, string, string];
  const access = { deny: ['10.9.0.0/16'] };
  const first = rulesetOf({
    ...parts,
    plans: [planOf('a', 1), planOf('b', 2, { access }), planOf('c', 3)],
    before: null,
  });
  const second = rulesetOf({
    ...parts,
    plans: [planOf('a', 1), planOf('b', 2, { connectionsPerClientMax: 5 }), planOf('d', 4)],
    before: first.blocks,
  });
  const [start = '', table = ''] = second.text.split('table inet dcrouter {\n');
  assert.deepEqual(start.trim().split('\n'), [
    'delete counter inet dcrouter owner_1',
    ...['prerouting', 'output', 'postrouting', 'counted'].map(
      (name) => `flush chain inet dcrouter ${name}`,
    ),
    ...[b, c].map((name) => `flush chain inet dcrouter ${name}_v1`),
    ...[b, c].map((name) => `delete chain inet dcrouter ${name}_v1`),
    `delete set inet dcrouter ${b}_deny4_v1`,
    ...['new', 'refused', 'in', 'out'].map((name) => `delete counter inet dcrouter ${c}_${name}`),
  ]);
  const chains = [...table.matchAll(/ {2}(?:chain|set) (\w+) \{/g)].map(([, name]) => name);
  const d = kernelName('d');
  assert.deepEqual(chains, [
    ...[`${b}_open4_v2`, `${b}_open6_v2`, `${b}_v2`, `${d}_v2`],
    ...['counted', 'prerouting', 'output', 'postrouting'],
  ]);
  const counters = [...table.matchAll(/ {2}counter (\w+) \{/g)].map(([, name]) => name);
  assert.deepEqual(counters, ['owner_1', `${d}_new`, `${d}_refused`, `${d}_in`, `${d}_out`]);
  assert.ok(table.includes(`jump ${a}_v1\n`) && table.includes(`jump ${b}_v2\n`));

  const third = rulesetOf({ ...parts, plans: [planOf('b', 2)], before: second.blocks });
  assert.ok(third.text.includes(`chain ${b}_v3 {`), 'a name is not used again');
  assert.deepEqual(
    third.blocks.map(({ id, version, sets }) => ({ id, version, sets })),
    [{ id: 'b', version: 3, sets: [] }],
  );
});

const hostileIds = [
  'a"b',
  "a'b",
  'web\n  }\n}\nflush ruleset\n',
  'web; flush ruleset',
  '$(reboot)',
  '`reboot`',
  'web {',
  '# comment',
  'include "/etc/shadow"',
  '../../x',
  '\u0000',
  '\u202ereversed',
  '@set',
  'x'.repeat(100_000),
];

test('rulesetOf(): nothing of an id gets into the rules, whatever is in it', () => {
  const plain = rulesOf({ id: 'web', fromPort: 80, toPort: '10.0.0.1:80' });
  for (const id of hostileIds) {
    const hostile = rulesOf({ id, fromPort: 80, toPort: '10.0.0.1:80' });
    assert.match(kernelName(id), /^e[0-9a-f]{16}$/);
    assert.equal(hostile.replaceAll(kernelName(id), web), plain);
  }
  assert.equal(new Set(hostileIds.map(kernelName)).size, hostileIds.length);
});

const hostileValues: Partial<IPortProxySettings>[] = [
  { address: '0.0.0.0; flush ruleset' },
  { address: '10.0.0.1\nflush ruleset' },
  { address: 'fe80::1%eth0' },
  { toPort: '10.0.0.1;flush:80' },
  { toPort: { host: '10.0.0.1 } flush ruleset', port: 80 } },
  { toPort: undefined, backends: [backend('a', '10.0.0.1\n', 80)] },
  { toPort: undefined, backends: [backend('a', '10.0.0.1', 80.5)] },
  { toPort: undefined, backends: [backend('a', '10.0.0.1', 65_536)] },
  { toPort: undefined, backends: [backend('a', '10.0.0.1', '80; drop' as unknown as number)] },
  { toPort: undefined, backends: [backend('a', '10.0.0.1', 80, { weight: -1 })] },
  { toPort: undefined, backends: [backend('a', '10.0.0.1', 80, { weight: Number.NaN })] },
  { protocol: 'tcp; drop' as 'tcp' },
  { connectionsMax: '1 drop' as unknown as number },
  { connectionsPerClientMax: -5 },
  { connectionRate: { connections: '1' as unknown as number } },
  { connectionRate: { connections: 1, windowSeconds: Number.POSITIVE_INFINITY } },
  { connectionRate: { connections: 1, burst: Number.NaN } },
  { access: { deny: ['10.0.0.0/8 }; flush ruleset'] } },
  { access: { allow: ['10.0.0.0/33'] } },
];

for (const [index, hostile] of hostileValues.entries()) {
  test(`compileKernel() refuses hostile values, case ${index}: ${JSON.stringify(hostile)}`, () => {
    const entry = { id: 'web', fromPort: 80, toPort: '10.0.0.1:80', ...hostile };
    assert.throws(
      () => compileKernel(entry),
      (error: DcError) => error.code === 'TCP_INVALID',
    );
  });
}

const obstacles: { entry: Partial<IPortProxySettings>; reason: RegExp }[] = [
  { entry: { toPort: 'db.example:5432' }, reason: /rules know no names/ },
  { entry: { domainConfigs: [{ domains: ['a.example'] }] }, reason: /domain configs need a look/ },
  { entry: { toPort: undefined, useNetworkProxy: true }, reason: /useNetworkProxy/ },
  { entry: { tls: 'terminate' }, reason: /TLS is terminated/ },
  { entry: { proxyProtocol: { from: ['10.0.0.1'] } }, reason: /headers are read/ },
  { entry: { sendProxyProtocol: 'v2' }, reason: /headers are sent/ },
  { entry: { bandwidth: { inBytesPerSecond: 1 } }, reason: /bandwidth/ },
  { entry: { fromPort: 0 }, reason: /port 0/ },
  { entry: { toPort: '[::1]:80' }, reason: /::1/ },
  { entry: { toPort: '[fe80::1%eth0]:80' }, reason: /zone/ },
  { entry: { address: '10.0.0.5', toPort: '[2001:db8::1]:80' }, reason: /another family/ },
  { entry: { toPort: { 81: '10.0.0.1:81' } }, reason: /no port has a backend/ },
  {
    entry: { toPort: undefined, backends: [backend('s', 'x', 1, { socketPath: '/run/s' })] },
    reason: /unix socket/,
  },
];

for (const { entry, reason } of obstacles) {
  test(`kernelObstacles() for ${JSON.stringify(entry)}`, () => {
    const found = kernelObstacles({ id: 'web', fromPort: 80, toPort: '10.0.0.1:80', ...entry });
    assert.match(found.join('; '), reason);
  });
}

test('kernelObstacles() names all that is wrong at once, and nothing where nothing is', () => {
  const entry = { id: 'web', fromPort: 80, toPort: 'a.example:1', tls: 'terminate' } as const;
  assert.equal(kernelObstacles(entry).length, 2);
  assert.deepEqual(kernelObstacles({ id: 'web', fromPort: 80, toPort: '10.0.0.1:80' }), []);
});

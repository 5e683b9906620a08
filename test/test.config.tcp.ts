import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type IParseSettings, parseOptions, parseTcpEntry } from '../ts/config/schema.ts';
import { readToPort } from '../ts/config/tcp-target.ts';
import { DcError, type IProblem } from '../ts/core/errors.ts';
import type { TToPort } from '../ts_interfaces/data/tcp.ts';
import { problemsOf } from './fixtures/tcp-problems.ts';

const one = { fromPort: 5432, toPort: 'db:5432' };

function refusedOptions(input: unknown, settings?: IParseSettings): readonly IProblem[] {
  try {
    parseOptions(input, settings);
  } catch (error) {
    assert.ok(error instanceof DcError, String(error));
    return error.problems;
  }
  return assert.fail('accepted');
}

/** An entry on some ports with domain configs, which all go somewhere. */
function withConfigs(configs: object[], more: object = {}): object {
  const domainConfigs = configs.map((config) => ({ toPort: 1, ...config }));
  return { fromPort: 443, globalPortRanges: ['8000-8010'], toPort: 1, domainConfigs, ...more };
}

test('parseTcpEntry() fills in ids, and nothing else', () => {
  assert.deepEqual(parseTcpEntry(one), { id: 'tcp-5432', ...one });
  assert.deepEqual(parseTcpEntry({ protocol: 'udp', globalPortRanges: [53], toPort: 5353 }), {
    id: 'udp-53',
    protocol: 'udp',
    globalPortRanges: [{ from: 53, to: 53 }],
    toPort: 5353,
  });
  const { id, domainConfigs } = parseTcpEntry({
    globalPortRanges: ['6000-6010'],
    domainConfigs: [
      { domains: ['B.example.com.', 'a.example.com'], backends: [{ hostname: 'A.' }] },
      { protocol: 'ssh', toPort: 22 },
      { portRanges: ['6001-6002'], toPort: 1 },
      { toPort: 1 },
    ],
  });
  assert.equal(id, 'tcp-6000');
  assert.deepEqual(
    domainConfigs?.map((config) => config.id),
    ['b.example.com', 'ssh', 'port-6001-6002', 'any'],
  );
  assert.deepEqual(domainConfigs?.[0]?.backends, [
    { id: 'backend-1', hostname: 'a', port: 0, isDead: false, failureCount: 0 },
  ]);
});

test('parseTcpEntry() accepts its own result, which is frozen and shares nothing', () => {
  const input = {
    ...one,
    toPort: { 5432: ['db-1', { host: 'db-2', port: 1 }] },
    domainConfigs: [{ domains: ['*.Bücher.example'], toPort: 1, portRanges: [5432] }],
  };
  const entry = parseTcpEntry(input);
  assert.deepEqual(parseTcpEntry(entry), entry);
  assert.ok(Object.isFrozen(entry.domainConfigs?.[0]?.portRanges?.[0]));
  input.toPort[5432].push('db-3');
  assert.deepEqual(entry.toPort, { 5432: ['db-1', { host: 'db-2', port: 1 }] });
});

test('parseTcpEntry() keeps every option that it is given', () => {
  const action = {
    strategy: 'LEAST_CONNECTIONS',
    health: { failuresMax: 2, active: { intervalMs: 100 } },
    retries: 0,
    sendProxyProtocol: 'v2',
    access: { allow: ['@office', '10.0.0.1'], deny: ['10.0.0.0/8'] },
    connectionsMax: 5,
    connectionsPerClientMax: 1,
    connectionRate: { connections: 1, windowSeconds: 60, burst: 3 },
    bandwidth: { inBytesPerSecond: 0, outBytesPerSecond: 1_000_000 },
    timeouts: {
      peekMs: 0,
      silentMs: 1,
      connectMs: 2,
      idleMs: 3,
      totalMs: 4,
      halfCloseMs: 5,
      handshakeMs: 6,
    },
  };
  const backends = [
    { id: 'one', hostname: 'fe80::1%eth0', port: 0, isDead: false, failureCount: 0, weight: 3 },
  ];
  const full = {
    id: 'full',
    enabled: false,
    protocol: 'tcp',
    address: '::1',
    fromPort: 443,
    globalPortRanges: [{ from: 1, to: 2 }],
    ...action,
    backends,
    tls: { minVersion: 'TLSv1.3', defaultCertificate: 'a.example.com' },
    domainConfigs: [
      {
        id: 'a',
        domains: ['a.example.com', '*'],
        alpn: ['h2', 'acme-tls/1'],
        protocol: 'tls',
        portRanges: [{ from: 443, to: 443 }],
        ...action,
        tls: 'terminate',
        toPort: '[2001:db8::1]:443',
      },
      { id: 'web', protocol: 'http', useNetworkProxy: true },
    ],
    unknownName: 'default',
    proxyProtocol: { from: ['10.0.0.0/8'], mode: 'optional', timeoutMs: 1 },
    keepAliveMs: 0,
    noDelay: false,
    forwarding: 'user',
    kernelFallback: false,
  };
  assert.deepEqual(parseTcpEntry(full), full);
  const udp = {
    id: 'udp',
    protocol: 'udp',
    fromPort: 53,
    toPort: ['10.0.0.1', '10.0.0.2:5353'],
    strategy: 'RANDOM',
    access: action.access,
    connectionRate: action.connectionRate,
    udp: { sessionsMax: 1, sessionsPerClientMax: 0, idleMs: 1 },
    forwarding: 'kernel',
  };
  assert.deepEqual(parseTcpEntry(udp), udp);
});

const places: { toPort: TToPort; place: string }[] = [
  { toPort: 80, place: '127.0.0.1 80' },
  { toPort: '80', place: '127.0.0.1 80' },
  { toPort: 'DB-1.example.com.:80', place: 'db-1.example.com 80' },
  { toPort: 'bücher.example', place: 'xn--bcher-kva.example 0' },
  { toPort: '10.0.0.1:65535', place: '10.0.0.1 65535' },
  { toPort: '[2001:db8::2]', place: '2001:db8::2 0' },
  { toPort: '[2001:DB8::1]:443', place: '2001:db8::1 443' },
  { toPort: '[fe80::1%Eth0]:22', place: 'fe80::1%Eth0 22' },
  { toPort: { host: '::1', port: 5 }, place: '::1 5' },
  { toPort: { host: 'A' }, place: 'a 0' },
];

for (const { toPort, place } of places) {
  test(`readToPort() reads ${JSON.stringify(toPort)} as ${place}`, () => {
    const entry = parseTcpEntry({ fromPort: 443, toPort });
    const rules = readToPort(entry.toPort as TToPort);
    assert.equal(rules[0]?.ports, null);
    assert.deepEqual(
      rules.flatMap((rule) => rule.places.map(({ host, port }) => `${host} ${port}`)),
      [place],
    );
  });
}

test('readToPort() reads a mapping as a rule for each key', () => {
  const toPort = { 443: 'a:1', '8000-8001': ['b', 2] };
  const entry = parseTcpEntry({ fromPort: 443, globalPortRanges: ['8000-8001'], toPort });
  assert.deepEqual(readToPort(entry.toPort as TToPort), [
    { ports: { from: 443, to: 443 }, places: [{ host: 'a', port: 1 }] },
    {
      ports: { from: 8000, to: 8001 },
      places: [
        { host: 'b', port: 0 },
        { host: '127.0.0.1', port: 2 },
      ],
    },
  ]);
});

test('parseTcpEntry() takes ports that need a right, and port 0', () => {
  for (const fromPort of [0, 1, 80, 65_535]) parseTcpEntry({ fromPort, toPort: 2 });
});

test('parseTcpEntry() lets a mapping leave out what domain configs take', () => {
  const ports = { globalPortRanges: ['10-20'] };
  parseTcpEntry({
    ...ports,
    toPort: { '10-14': 1 },
    domainConfigs: [{ portRanges: ['15-20'], toPort: 1 }],
  });
  parseTcpEntry({ ...ports, toPort: { 10: 1 }, domainConfigs: [{ protocol: 'ssh', toPort: 1 }] });
  const domainConfigs = [{ protocol: 'ssh', portRanges: ['15-19'], toPort: { '15-18': 1 } }];
  const found = problemsOf({ ...ports, domainConfigs });
  assert.deepEqual(
    found.map(({ path, message }) => `${path}: ${message}`),
    [
      'domainConfigs[0].toPort: Must have a target for 19 too: it listens there',
      'domainConfigs: Must take connections at 10-14, 20 too, or the entry say where they go',
    ],
  );
});

test('parseTcpEntry() takes a domain again with other ports or another ALPN', () => {
  parseTcpEntry(
    withConfigs([
      { domains: ['a'] },
      { id: 'ports', domains: ['a'], portRanges: [443] },
      { id: 'alpn', domains: ['a'], alpn: ['h2'] },
      { id: 'both', domains: ['a'], alpn: ['h2'], portRanges: [443] },
    ]),
  );
});

const kernel = { fromPort: 53, toPort: '10.0.0.1:53', forwarding: 'kernel' };

test('parseTcpEntry() takes in the kernel what rules can do', () => {
  parseTcpEntry({ ...kernel, strategy: 'RANDOM', health: { active: {} }, tls: 'passthrough' });
  parseTcpEntry({ ...kernel, protocol: 'udp', access: { deny: ['10.0.0.0/8'] } });
});

test('parseTcpEntry() reports every problem together, each with its path', () => {
  const found = problemsOf(
    {
      id: '',
      fromPrt: 1,
      globalPortRanges: ['1-x'],
      toPort: '::1',
      timeouts: { idleMS: 1 },
      domainConfigs: [{ domains: ['a..b'], toPort: 1, tsl: 'x' }],
      access: { alow: [] },
    },
    'tcp[3]',
  );
  assert.deepEqual(found.map(({ path }) => path).sort(), [
    'tcp[3].access.alow',
    'tcp[3].domainConfigs[0].domains[0]',
    'tcp[3].domainConfigs[0].tsl',
    'tcp[3].fromPrt',
    'tcp[3].globalPortRanges[0]',
    'tcp[3].id',
    'tcp[3].timeouts.idleMS',
    'tcp[3].toPort',
  ]);
  assert.equal(found.find(({ path }) => path.endsWith('fromPrt'))?.suggestion, 'fromPort');
});

for (const input of [undefined, null, 5, 'x', [], [one], () => 1, new Map()]) {
  test(`parseTcpEntry() refuses ${String(input) || 'a list'} as an entry`, () => {
    assert.ok(problemsOf(input).length > 0);
  });
}

test('parseTcpEntry() is not fooled by names that every object has', () => {
  const hostile = JSON.parse('{"fromPort": 1, "toPort": {"__proto__": 1}, "__proto__": {}}');
  assert.ok(problemsOf(hostile).some(({ path }) => path === '__proto__'));
  for (const key of ['constructor', 'toString']) {
    assert.equal(problemsOf({ ...one, [key]: 1 })[0]?.path, key);
    assert.equal(problemsOf({ fromPort: 1, toPort: { [key]: 1, 1: 1 } })[0]?.path, `toPort.${key}`);
  }
});

test('parseTcpEntry() shows no secret', () => {
  const backends = [{ hostname: 'a', tls: { key: 's3cret', cert: 's3cret-2' } }];
  const found = problemsOf({ fromPort: 1, backends });
  assert.equal(found.length, 2);
  assert.doesNotMatch(JSON.stringify(found[1]), /s3cret"/);
});

test('parseOptions() takes one entry without a list around it, and gives a list', () => {
  assert.deepEqual(parseOptions({ tcp: one }).options, { tcp: [{ id: 'tcp-5432', ...one }] });
  assert.deepEqual(parseOptions({ tcp: [] }).options, { tcp: [] });
  const { options } = parseOptions({ tcp: [one, { ...one, fromPort: 5433 }] });
  assert.deepEqual(parseOptions(options).options, options);
  const wrong = refusedOptions({ tcp: { ...one, toPort: '::1' } });
  assert.deepEqual(
    wrong.map(({ path }) => path),
    ['tcp.toPort'],
  );
  for (const tcp of [5, null, 'x', true]) assert.equal(refusedOptions({ tcp })[0]?.path, 'tcp');
});

test('parseOptions() leaves out at a start the entries that have a problem', () => {
  const tcp = [
    one,
    { ...one, fromPort: 1, toPort: 'a:b' },
    { id: 'twin', fromPort: 5432, toPort: 1 },
    { fromPort: 7, toPort: 1, access: { allow: ['@nobody'] } },
    { fromPort: 8, toPort: 1, tls: { defaultCertificate: 'later.example.com' } },
    5,
  ];
  const { options, disabled, problems } = parseOptions({ tcp }, { mode: 'start' });
  assert.deepEqual(
    [options.tcp].flat().map((entry) => entry?.id),
    ['tcp-5432', 'tcp-8'],
  );
  assert.deepEqual(disabled, [
    { kind: 'tcp', path: 'tcp[1]', name: 'tcp-1' },
    { kind: 'tcp', path: 'tcp[5]', name: undefined },
    { kind: 'tcp', path: 'tcp[3]', name: 'tcp-7' },
    { kind: 'tcp', path: 'tcp[2]', name: 'twin' },
  ]);
  assert.equal(problems.length, 5);

  const single = parseOptions({ tcp: { ...one, toPort: '::1' } }, { mode: 'start' });
  assert.deepEqual(single.options, { tcp: [] });
  assert.deepEqual(single.disabled, [{ kind: 'tcp', path: 'tcp', name: 'tcp-5432' }]);
  assert.ok(refusedOptions({ tcp: 5 }, { mode: 'start' }).length > 0);
});

test('parseTcpEntry() reads 100,000 domain configs fast', () => {
  const domainConfigs = Array.from({ length: 100_000 }, (_, index) => ({
    domains: [`host-${index}.example.com`],
    toPort: `10.0.${index & 255}.1:443`,
  }));
  const started = performance.now();
  const { options } = parseOptions({ tcp: { fromPort: 443, domainConfigs } });
  const spent = performance.now() - started;
  const [entry] = [options.tcp].flat();
  assert.equal(entry?.domainConfigs?.length, 100_000);
  // It takes 0.5 s; the bound only catches a change of another order.
  assert.ok(spent < 4000, `${spent} ms`);
});

test('parseOptions() reads 10,000 entries with ranges fast', () => {
  const tcp = Array.from({ length: 10_000 }, (_, index) => ({
    address: `127.0.${index >> 8}.${index & 255}`,
    globalPortRanges: ['6000-6999', 7000 + (index % 1000)],
    id: `entry-${index}`,
    toPort: 1,
  }));
  const started = performance.now();
  const { options } = parseOptions({ tcp });
  const spent = performance.now() - started;
  assert.equal([options.tcp].flat().length, 10_000);
  assert.ok(spent < 2000, `${spent} ms`);
});

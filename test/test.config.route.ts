import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseBackend, parseCertificate, parseRoute } from '../ts/config/schema.ts';
import { DcError, type IProblem } from '../ts/core/errors.ts';

const minimal = {
  id: 'a',
  vHost: 'a.example.com',
  backends: [{ hostname: '10.0.0.1', port: 3000 }],
};

const certificate = '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n';
const key = '-----BEGIN EC PRIVATE KEY-----\nAAAA\n-----END EC PRIVATE KEY-----\n';

/** The problems of a route that must be refused. */
function problemsOf(input: unknown, prefix?: string): readonly IProblem[] {
  try {
    parseRoute(input, prefix);
  } catch (error) {
    assert.ok(error instanceof DcError, String(error));
    assert.equal(error.code, 'ROUTE_INVALID');
    assert.ok(error.problems.length > 0);
    return error.problems;
  }
  return assert.fail(`accepted ${JSON.stringify(input)}`);
}

test('parseRoute() fills in what RouteConfig requires, and nothing else', () => {
  assert.deepEqual(parseRoute(minimal), {
    id: 'a',
    vHost: 'a.example.com',
    strategy: 'ROUND_ROBIN',
    autoHttps: false,
    reqQueueLength: 1000,
    reqActiveLength: 10_000,
    backends: [
      { id: 'backend-1', hostname: '10.0.0.1', port: 3000, isDead: false, failureCount: 0 },
    ],
  });
});

test('parseRoute() takes the route of the seed as it stands', () => {
  const seed = {
    id: 'service-a',
    vHost: 'api.myapp.com',
    strategy: 'ROUND_ROBIN',
    autoHttps: true,
    reqActiveLength: 50,
    reqQueueLength: 100,
    backends: [
      { id: 'node-1', hostname: '10.0.0.1', port: 3000, isDead: false, failureCount: 0 },
      { id: 'node-2', hostname: '10.0.0.2', port: 3000, isDead: false, failureCount: 0 },
    ],
  };
  assert.deepEqual(parseRoute(seed), seed);
});

test('parseRoute() keeps every option that it is given', () => {
  const full = {
    id: 'full',
    vHost: '*.example.com',
    strategy: 'IP_HASH',
    autoHttps: true,
    reqQueueLength: 0,
    reqActiveLength: 1,
    queueTimeoutMs: 0,
    paths: ['/api', { type: 'exact', path: '/%C3%BC' }],
    methods: ['GET', 'PROPFIND'],
    matchHeaders: [
      { name: 'X-A' },
      { name: 'X-B', value: '' },
      { name: 'X-C', pattern: '^(a|b)+$' },
    ],
    priority: -5,
    auth: { type: 'bearer', tokenHashes: [`sha256$${'0a'.repeat(32)}`], realm: 'staff' },
    headers: { 'X-D': 'Zürich' },
    requestHeaders: { set: { 'X-E': '1' }, add: { 'X-F': '2' }, remove: ['X-G'] },
    responseHeaders: { set: { Server: 'x' }, remove: ['Host'] },
    upstreamHost: { name: 'inner.example.com:8080' },
    stripPrefix: '/api',
    addPrefix: '/v2/x',
    redirect: { to: 'https://{host}{path}{query}', status: 302 },
    forwarded: true,
    allowConnect: true,
    sticky: { cookie: 'x', maxAgeSeconds: 60, secure: true, sameSite: 'None' },
    retry: { attempts: 0, budget: 0.5 },
    health: {
      failuresMax: 2,
      recoveryIntervalMs: 1000,
      probe: 'http',
      path: '/health',
      host: 'inner',
      statusRange: [200, 299],
      probeTimeoutMs: 100,
      active: { intervalMs: 1000, unhealthyThreshold: 2, healthyThreshold: 3 },
    },
    limits: { headBytesMax: 1024, bodyBytesMax: 0 },
    timeouts: { headMs: 0, totalMs: 1 },
    keepAliveMax: 0,
    backends: [
      {
        id: 'one',
        hostname: 'one.internal',
        port: 443,
        weight: 5,
        socketPath: '/run/one.sock',
        tls: { verify: false, ca: certificate, serverName: 'one', cert: certificate, key },
        isDead: true,
        deadSince: 1,
        failureCount: 3,
        maintenance: true,
      },
    ],
    ssl: { key, cert: certificate },
  };
  assert.deepEqual(parseRoute(full), full);
});

test('parseRoute() gives frozen data that share nothing with the input', () => {
  const backend = { hostname: '10.0.0.1', port: 3000 };
  const input = { ...minimal, headers: { 'X-A': '1' }, paths: ['/a'], backends: [backend] };
  const route = parseRoute(input);
  backend.port = 1;
  input.headers['X-A'] = '2';
  assert.equal(route.backends[0]?.port, 3000);
  assert.equal(route.headers?.['X-A'], '1');
  for (const part of [route, route.backends, route.backends[0], route.headers, route.paths]) {
    assert.ok(Object.isFrozen(part));
  }
});

test('parseRoute() names backends by the first free number from their place on', () => {
  const backend = { hostname: 'a', port: 1 };
  const named = { ...backend, id: 'backend-2' };
  const route = parseRoute({ ...minimal, backends: [backend, backend, named, backend] });
  const ids = route.backends.map(({ id }) => id);
  assert.deepEqual(ids, ['backend-1', 'backend-3', 'backend-2', 'backend-4']);
});

test('parseRoute() lets a redirect do without backends, and nothing else', () => {
  const { backends: _, ...bare } = minimal;
  const redirect = { to: 'https://www.example.com/' };
  assert.deepEqual(parseRoute({ ...bare, redirect }).backends, []);
  assert.equal(problemsOf(bare)[0]?.path, 'backends');
  assert.equal(problemsOf({ ...bare, backends: [] })[0]?.path, 'backends');
});

const vHosts = [
  { given: 'API.Example.COM', kept: 'api.example.com', why: 'case does not count' },
  { given: 'example.com.', kept: 'example.com', why: 'the root label is left out' },
  { given: '*.Example.com.', kept: '*.example.com', why: 'so are those of a wildcard' },
  { given: 'bücher.example', kept: 'xn--bcher-kva.example', why: 'IDN becomes punycode' },
  { given: '*.BÜCHER.example', kept: '*.xn--bcher-kva.example', why: 'after a wildcard too' },
  { given: '例え。テスト', kept: 'xn--r8jz45g.xn--zckzah', why: 'an ideographic dot is a dot' },
  { given: '*', kept: '*', why: 'every host' },
  { given: 'localhost', kept: 'localhost', why: 'one label is a host' },
  { given: 'my_service', kept: 'my_service', why: 'Docker names have underscores' },
  { given: 'foo-.example.com', kept: 'foo-.example.com', why: 'such names are in use' },
  { given: '10.0.0.1', kept: '10.0.0.1', why: 'an address is a Host too' },
  { given: '[2001:DB8:0::1]', kept: '[2001:db8::1]', why: 'IPv6 in its shortest form' },
];

for (const { given, kept, why } of vHosts) {
  test(`parseRoute() keeps vHost ${given} as ${kept}: ${why}`, () => {
    assert.equal(parseRoute({ ...minimal, vHost: given }).vHost, kept);
  });
}

const badVHosts = [
  '',
  '.',
  '*.',
  '*.*.example.com',
  'a.*',
  'a*.example.com',
  'a..b',
  '*..b',
  'a b',
  'a\tb',
  'a\nb',
  'a\u0000b',
  'a/b',
  'a:80',
  'a@b',
  '[::1',
  '[::g]',
  '[::1]:80',
  '*.[::1]',
  '[fe80::1%eth0]',
  `${'a'.repeat(64)}.com`,
  `${'a.'.repeat(127)}aa`,
  'ü'.repeat(300),
  '\ud800.com',
  'a\u200d.example',
];

for (const given of badVHosts) {
  test(`parseRoute() refuses vHost ${JSON.stringify(given.slice(0, 20))}`, () => {
    const problems = problemsOf({ ...minimal, vHost: given });
    assert.deepEqual(
      problems.map(({ path }) => path),
      ['vHost'],
    );
  });
}

test('parseRoute() brings the hosts of backends into their normal form', () => {
  const kept = (hostname: string) =>
    parseRoute({ ...minimal, backends: [{ hostname, port: 1 }] }).backends[0]?.hostname;
  assert.equal(kept('[::1]'), '::1');
  assert.equal(kept('FE80::1'), 'fe80::1');
  assert.equal(kept('Bücher.example.'), 'xn--bcher-kva.example');
  assert.equal(kept('web_1'), 'web_1');
});

test('parseRoute() reports every problem together, each with its path', () => {
  const problems = problemsOf(
    {
      id: '',
      vHost: 'a..b',
      strategy: 'ROUND_ROBBIN',
      backends: [{ hostname: 'a', port: 0, wieght: 2 }],
      ssl: { key },
      extra: 1,
    },
    'web.routes[3]',
  );
  assert.deepEqual(problems.map(({ path }) => path).sort(), [
    'web.routes[3].backends[0].port',
    'web.routes[3].backends[0].wieght',
    'web.routes[3].extra',
    'web.routes[3].id',
    'web.routes[3].ssl.cert',
    'web.routes[3].strategy',
    'web.routes[3].vHost',
  ]);
  const strategy = problems.find(({ path }) => path.endsWith('strategy'));
  assert.equal(strategy?.value, 'ROUND_ROBBIN');
  assert.equal(strategy?.suggestion, 'ROUND_ROBIN');
  assert.equal(problems.find(({ path }) => path.endsWith('wieght'))?.suggestion, 'weight');
});

for (const input of [undefined, null, 5, 'route', [], () => 1, new Map()]) {
  test(`parseRoute() refuses ${String(input) || 'a list'} as a route`, () => {
    assert.ok(problemsOf(input).length > 0);
  });
}

test('parseRoute() is not fooled by names that every object has', () => {
  const hostile = JSON.parse(
    `{"id":"a","vHost":"a","__proto__":{"autoHttps":true},"backends":[{"hostname":"a","port":1}]}`,
  );
  assert.deepEqual(
    problemsOf(hostile).map(({ path }) => path),
    ['__proto__'],
  );
  for (const key of ['constructor', 'toString', 'hasOwnProperty']) {
    assert.equal(problemsOf({ ...minimal, [key]: 1 })[0]?.path, key);
  }
});

test('parseRoute() shows no secret', () => {
  const word = 's3cret-word';
  const problems = problemsOf({
    ...minimal,
    ssl: { key: word, cert: certificate },
    auth: { type: 'basic', users: [{ name: 'a', passwordHash: word }] },
    headers: { Authorization: `Bearer ${word}\n` },
  });
  assert.equal(problems.length, 3);
  assert.doesNotMatch(JSON.stringify(problems), /s3cret/);
});

test('parseRoute() refuses what would smuggle: line ends and reserved headers', () => {
  const hostile = ['a\r\nb', 'a\nb', 'a\0b', ' a', 'a ', '\u2028', 'x'.repeat(8193)];
  for (const value of hostile) {
    assert.equal(problemsOf({ ...minimal, headers: { 'X-A': value } }).length, 1);
  }
  const reserved = ['Connection', 'TE', 'Trailer', 'transfer-encoding', 'UPGRADE', 'keep-alive'];
  for (const name of [...reserved, 'Content-Length', 'Proxy-Connection', 'Host']) {
    const headers = { [name]: 'x' };
    assert.equal(problemsOf({ ...minimal, headers }).length, 1, name);
    assert.equal(problemsOf({ ...minimal, requestHeaders: { add: headers } }).length, 1, name);
  }
});

const badRedirects = [
  '/{path}',
  '{path}',
  '//example.com',
  '/\\example.com',
  'javascript:alert(1)',
  'https:///x',
  'https://a b',
  'https://a\r\nX: y',
  'https://{hots}/',
  'https://{host',
];

for (const to of badRedirects) {
  test(`parseRoute() refuses a redirect to ${JSON.stringify(to)}`, () => {
    assert.equal(problemsOf({ ...minimal, redirect: { to } })[0]?.path, 'redirect.to');
  });
}

test('parseBackend() checks a single backend and leaves its name to the route', () => {
  const backend = parseBackend({ hostname: 'A.example.com', port: 80 });
  assert.equal(backend.id, '');
  assert.equal(backend.hostname, 'a.example.com');
  assert.throws(() => parseBackend({ hostname: 'a', port: '80' }), { code: 'ROUTE_INVALID' });
});

test('parseCertificate() checks the form of a certificate', () => {
  const parsed = parseCertificate({ domain: 'WWW.example.com', key, cert: certificate });
  assert.equal(parsed.domain, 'www.example.com');
  const swapped = { domain: 'a.example.com', key: certificate, cert: key };
  assert.throws(() => parseCertificate(swapped), { code: 'CERTIFICATE_INVALID' });
});

test('parseRoute() is fast enough for 100,000 routes at a start', () => {
  const count = 20_000;
  const started = performance.now();
  for (let number = 0; number < count; number++) {
    parseRoute({ ...minimal, id: `route-${number}`, vHost: `host-${number}.example.com` });
  }
  const each = ((performance.now() - started) / count) * 1000;
  // It takes about 3 µs; the bound only catches a change of another order.
  assert.ok(each < 100, `${each} µs a route`);
});

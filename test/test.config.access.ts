import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkNames } from '../ts/config/name-checks.ts';
import {
  type IParseSettings,
  parseAddressList,
  parseOptions,
  parseRateLimit,
  parseRoute,
} from '../ts/config/schema.ts';
import { isSecretPath, maskSecrets } from '../ts/config/secrets.ts';
import { DcError, type IProblem } from '../ts/core/errors.ts';

type TParse = (input: unknown, prefix?: string) => unknown;

function problemsOf(parse: TParse, code: string, input: unknown): readonly IProblem[] {
  try {
    parse(input, 'here');
  } catch (error) {
    assert.ok(error instanceof DcError, String(error));
    assert.equal(error.code, code);
    return error.problems;
  }
  return assert.fail(`accepted ${JSON.stringify(input)}`);
}

function refused(input: unknown, settings?: IParseSettings): string[] {
  try {
    parseOptions(input, settings);
  } catch (error) {
    assert.ok(error instanceof DcError, String(error));
    return error.problems.map(({ path, suggestion = '' }) => `${path} ${suggestion}`.trim());
  }
  return [];
}

const addresses: { given: string; kept?: string; suggests?: string; says?: RegExp }[] = [
  { given: '10.0.0.1', kept: '10.0.0.1' },
  { given: '10.0.0.0/8', kept: '10.0.0.0/8' },
  { given: '0.0.0.0/0', kept: '0.0.0.0/0' },
  { given: '2001:DB8::/32', kept: '2001:db8::/32' },
  { given: '::1', kept: '::1' },
  { given: '::ffff:10.0.0.1', kept: '::ffff:10.0.0.1' },
  { given: '10.0.0.1/8', says: /zeros/, suggests: '10.0.0.0/8' },
  { given: '10.0.0.0/33', says: /0 to 32/ },
  { given: '10.0.0.0/', says: /prefix length/ },
  { given: '10.0.0.0/08', says: /prefix length/ },
  { given: '::/129', says: /0 to 128/ },
  { given: '10.0.0', says: /address range/ },
  { given: '10.0.0.256', says: /address range/ },
  { given: '010.0.0.1', says: /address range/ },
  { given: ' 10.0.0.1', says: /address range/ },
  { given: '10.0.0.1-10.0.0.9', says: /address range/ },
  { given: '10.0.0.*', says: /address range/ },
  { given: '', says: /address/ },
  { given: '[::1]', says: /address range/ },
  { given: 'fe80::1%eth0', says: /without a zone/, suggests: 'fe80::1' },
  { given: 'fe80::1%eth0/64', says: /without a zone/ },
  { given: '10.0.0.1:80', says: /address range/ },
  { given: 'host.example.com', says: /address range/ },
];

for (const { given, kept, says = /^$/, suggests } of addresses) {
  test(`parseAddressList() ${kept === undefined ? 'refuses' : 'keeps'} ${JSON.stringify(given)}`, () => {
    const rule = { id: 'a', vHost: 'a', redirect: { to: '/' }, access: { deny: [given] } };
    if (kept !== undefined) {
      assert.deepEqual(parseAddressList({ addresses: [given] }), { addresses: [kept] });
      assert.deepEqual(parseRoute(rule).access, { deny: [kept] });
      return;
    }
    const [problem] = problemsOf(parseAddressList, 'ACCESS_INVALID', { addresses: ['::', given] });
    assert.equal(problem?.path, 'here.addresses[1]');
    assert.match(problem.message, says);
    assert.equal(problem.suggestion, suggests);
    assert.equal(problemsOf(parseRoute, 'ROUTE_INVALID', rule)[0]?.path, 'here.access.deny[0]');
  });
}

test('parseAddressList() takes a file, both, and nothing; and refuses all else', () => {
  for (const list of [{}, { file: 'blocked.txt' }, { file: 'x', addresses: [] }]) {
    assert.deepEqual(parseAddressList(list), list);
  }
  const wrong = [undefined, null, 5, 'x', ['10.0.0.1'], { addresses: '10.0.0.1' }, { file: '' }];
  for (const list of [...wrong, { addresses: [5] }, { adresses: [] }, { addresses: ['@other'] }]) {
    assert.equal(
      problemsOf(parseAddressList, 'ACCESS_INVALID', list).length,
      1,
      JSON.stringify(list),
    );
  }
  const [problem] = problemsOf(parseAddressList, 'ACCESS_INVALID', { adresses: [] });
  assert.equal(problem?.suggestion, 'addresses');
});

test('parseRoute() refuses an empty list of those who may come: it is not everybody', () => {
  const rule = { id: 'a', vHost: 'a', redirect: { to: '/' }, access: { allow: [] } };
  const [problem] = problemsOf(parseRoute, 'ROUTE_INVALID', rule);
  assert.equal(problem?.path, 'here.access.allow');
  parseRoute({ ...rule, access: { deny: [] } });
});

test('parseRateLimit() keeps what it is given', () => {
  for (const limit of [
    { requests: 1 },
    { requests: 100, windowSeconds: 60, burst: 1, key: 'address', prefix4: 24, prefix6: 48 },
    { requests: 1_000_000_000, key: 'route' },
    { requests: 5, key: { header: 'X-Api-Key' } },
  ]) {
    assert.deepEqual(parseRateLimit(limit), limit);
    assert.ok(Object.isFrozen(parseRateLimit(limit)));
  }
});

const badLimits: { limit: unknown; at: string; value?: unknown; suggests?: string }[] = [
  { limit: {}, at: 'here.requests' },
  { limit: { requests: 0 }, at: 'here.requests', value: 0 },
  { limit: { requests: -5 }, at: 'here.requests', value: -5 },
  { limit: { requests: 1.5 }, at: 'here.requests', value: 1.5 },
  { limit: { requests: '5' }, at: 'here.requests', value: '5' },
  { limit: { requests: Number.POSITIVE_INFINITY }, at: 'here.requests', value: 'Infinity' },
  { limit: { requests: 1, windowSeconds: 0 }, at: 'here.windowSeconds', value: 0 },
  { limit: { requests: 1, windowSeconds: 86_401 }, at: 'here.windowSeconds', value: 86_401 },
  { limit: { requests: 1, burst: 0 }, at: 'here.burst', value: 0 },
  { limit: { requests: 1, key: 'adress' }, at: 'here.key', value: 'adress', suggests: 'address' },
  { limit: { requests: 1, key: {} }, at: 'here.key.header' },
  { limit: { requests: 1, key: { header: 'a b' } }, at: 'here.key.header', value: 'a b' },
  { limit: { requests: 1, key: { heder: 'a' } }, at: 'here.key.header' },
  { limit: { requests: 1, prefix4: 33 }, at: 'here.prefix4', value: 33 },
  { limit: { requests: 1, prefix6: 129 }, at: 'here.prefix6', value: 129 },
  { limit: { reqests: 1, requests: 1 }, at: 'here.reqests' },
  { limit: { reqests: 1 }, at: 'here.requests' },
  { limit: 5, at: 'here', value: 5 },
  { limit: null, at: 'here' },
];

for (const { limit, at, value, suggests } of badLimits) {
  test(`parseRateLimit() refuses ${JSON.stringify(limit)}`, () => {
    const found = problemsOf(parseRateLimit, 'LIMIT_INVALID', limit);
    const problem = found.find(({ path }) => path === at);
    assert.ok(problem !== undefined, JSON.stringify(found));
    assert.equal(problem.value, value, 'what a limit counts by is no secret');
    if (suggests !== undefined) assert.equal(problem.suggestion, suggests);
  });
}

const route = { id: 'a', vHost: 'a', redirect: { to: '/' } };

test('parseOptions() knows the lists and limits that are named, and those of the overlay', () => {
  const access = { lists: { office: {}, 'from-file': { file: 'x' } } };
  const limits = { slow: { requests: 1 } };
  const rules = { allow: ['@office', '@later'] };
  const input = {
    access,
    limits,
    web: {
      entrypoints: { http: { port: 80, access: { deny: ['@ofice'] } } },
      routes: [{ ...route, access: rules, rateLimits: ['slwo', 'later', { requests: 1 }] }],
    },
    tcp: {
      fromPort: 81,
      toPort: 1,
      access: { deny: ['@from-flie'] },
      domainConfigs: [{ domains: ['a'], toPort: 1, access: { deny: ['@', '@later'] } }],
    },
  };
  assert.deepEqual(refused(input), [
    'tcp.domainConfigs[0].access.deny[0]',
    'web.entrypoints.http.access.deny[0] @office',
    'web.routes[0].access.allow[1]',
    'web.routes[0].rateLimits[0] slow',
    'web.routes[0].rateLimits[1]',
    'tcp.access.deny[0] @from-file',
    'tcp.domainConfigs[0].access.deny[1]',
  ]);
  const overlay = { accessLists: ['later'], limits: ['later'] };
  assert.equal(refused(input, overlay).length, 4);
  const unknownYet = { accessLists: 'any', limits: 'any' } as const;
  assert.deepEqual(refused(input, unknownYet), ['tcp.domainConfigs[0].access.deny[0]']);
});

test('parseOptions() leaves out at a start what names a list that is gone, but no entrypoint', () => {
  const web = { routes: [{ ...route, access: { deny: ['@gone'] } }] };
  const { disabled, options } = parseOptions({ web }, { mode: 'start' });
  assert.deepEqual(disabled, [{ kind: 'route', path: 'web.routes[0]', name: 'a' }]);
  assert.deepEqual(options.web?.routes, []);
  const entrypoints = { http: { port: 80, access: { deny: ['@gone'] } } };
  assert.deepEqual(refused({ web: { entrypoints } }, { mode: 'start' }), [
    'web.entrypoints.http.access.deny[0]',
  ]);
});

test('parseOptions() refuses the whole for a list or limit that is wrong, also at a start', () => {
  for (const input of [
    { access: { lists: { a: { addresses: ['x'] } } } },
    { access: { list: {} } },
    { limits: { a: {} } },
    { access: { lists: { 'a b': {} } } },
    { limits: { '': { requests: 1 } } },
    { limits: { ['x'.repeat(65)]: { requests: 1 } } },
  ]) {
    assert.equal(refused(input, { mode: 'start' }).length, 1, JSON.stringify(input));
  }
});

test('parseOptions() does not name twice what is wrong once', () => {
  const lists = { office: { addresses: ['x'] } };
  const web = { routes: [{ ...route, access: { allow: ['@office', '@a b'] } }] };
  assert.deepEqual(refused({ access: { lists }, web }), [
    'access.lists.office.addresses[0]',
    'web.routes[0].access.allow[1]',
  ]);
});

test('checkNames() also judges single items, for the API', () => {
  const known = { lists: new Set(['office']), limits: new Set<string>() };
  const item = {
    access: { allow: ['@offise', '10.0.0.1'] },
    rateLimits: ['slow', { requests: 1 }],
  };
  const found = checkNames(item, ['routes', 'a'], known);
  assert.deepEqual(
    found.map(({ path, suggestion }) => [path.join('.'), suggestion]),
    [
      ['routes.a.access.allow.0', '@office'],
      ['routes.a.rateLimits.0', undefined],
    ],
  );
  assert.deepEqual(checkNames({}, [], known), []);
  assert.deepEqual(checkNames({ access: 5, rateLimits: {}, domainConfigs: [5] }, [], known), []);
});

test('maskSecrets() leaves limits and lists alone, whatever they are called', () => {
  const options = {
    access: { lists: { token: { addresses: ['10.0.0.1'] } } },
    limits: { secret: { requests: 1, key: 'address' as const } },
    web: {
      routes: [{ ...route, rateLimits: [{ requests: 1, key: 'route' as const }] }],
    },
  };
  assert.deepEqual(maskSecrets(options), options);
  assert.ok(isSecretPath(['tcp', 0, 'backends', 0, 'tls', 'key']));
  assert.ok(isSecretPath(['certificates', 0, 'key']));
});

test('parseOptions() reads 100,000 addresses fast', () => {
  const given = Array.from({ length: 100_000 }, (_, index) => {
    const [high, low] = [index >> 8, index & 255];
    return index % 2 === 0
      ? `10.${high & 255}.${low}.${high >> 8}`
      : `2001:db8:${low.toString(16)}:${high.toString(16)}::/64`;
  });
  const started = performance.now();
  const { options } = parseOptions({ access: { lists: { big: { addresses: given } } } });
  const spent = performance.now() - started;
  assert.deepEqual(options.access?.lists?.big?.addresses, given);
  // It takes 0.3 s; the bound only catches a change of another order.
  assert.ok(spent < 2000, `${spent} ms`);
});

test('parseOptions(): a wrong word where a map would be right too; a list called "check"', () => {
  const given = {
    limits: { slow: { requests: 1, key: 'header:X-A' } },
    access: { lists: { check: { addresses: ['10.0.0.1'] } } },
  };
  assert.throws(
    () => parseOptions(given, { mode: 'strict' }),
    (error) => {
      assert.ok(error instanceof DcError);
      assert.deepEqual(
        error.problems.map(({ path, message }) => `${path}: ${message}`).toSorted(),
        [
          'access.lists.check: Must have a name of at most 64 letters, digits, "-" and "_", ' +
            'and another one than "check"',
          'limits.slow.key: Must be one of address, route, or a map',
        ],
      );
      return true;
    },
  );
});

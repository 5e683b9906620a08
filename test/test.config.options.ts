import assert from 'node:assert/strict';
import { test } from 'node:test';
import { daemonDefaults, httpLimits, httpTimeouts } from '../ts/config/defaults.ts';
import { parseConfigText } from '../ts/config/file.ts';
import {
  httpLimitsSchema,
  httpTimeoutsSchema,
  type IParseSettings,
  parseOptions,
} from '../ts/config/schema.ts';
import { DcError, type IProblem } from '../ts/core/errors.ts';

const backends = [{ hostname: '10.0.0.1', port: 3000 }];
const key = '-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n';
const cert = '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n';

function route(id: string, more: object = {}): object {
  return { id, vHost: `${id}.example.com`, backends, ...more };
}

/** The problems of options that must be refused as a whole. */
function problemsOf(input: unknown, settings?: IParseSettings): readonly IProblem[] {
  try {
    parseOptions(input, settings);
  } catch (error) {
    assert.ok(error instanceof DcError, String(error));
    assert.equal(error.code, 'CONFIG_INVALID');
    return error.problems;
  }
  return assert.fail('accepted');
}

function pathsOf(problems: readonly IProblem[]): string[] {
  return problems.map(({ path }) => path);
}

test('parseOptions() leaves what is absent absent', () => {
  assert.deepEqual(parseOptions({}), { options: {}, problems: [], disabled: [] });
  assert.deepEqual(parseOptions({ web: {} }).options, { web: {} });
  const { options } = parseOptions({ web: { routes: [] }, certificates: [] });
  assert.deepEqual(options, { web: { routes: [] }, certificates: [] });
});

test('parseOptions() freezes what it gives, and does not touch what it was given', () => {
  const input = { web: { routes: [route('a')], timeouts: { headMs: 1 } }, api: { port: 0 } };
  const copy = structuredClone(input);
  const { options } = parseOptions(input);
  assert.ok(Object.isFrozen(options));
  assert.ok(Object.isFrozen(options.api));
  assert.ok(Object.isFrozen(options.web?.timeouts));
  assert.ok(Object.isFrozen(options.web?.routes));
  assert.ok(Object.isFrozen(options.web?.routes?.[0]?.backends?.[0]));
  assert.deepEqual(input, copy);
  assert.ok(!Object.isFrozen(input.web.routes[0]));
});

test('parseOptions() accepts its own result and the embedded defaults', () => {
  assert.deepEqual(parseOptions(daemonDefaults).options, daemonDefaults);
  const { options } = parseOptions({ web: { routes: [route('a')] } });
  assert.deepEqual(parseOptions(options).options, options);
});

test('the defaults of limits and timeouts are whole, valid and frozen', () => {
  assert.deepEqual(httpLimitsSchema.parse(httpLimits), httpLimits);
  assert.deepEqual(Object.keys(httpLimits), Object.keys(httpLimitsSchema.shape));
  assert.deepEqual(httpTimeoutsSchema.parse(httpTimeouts), httpTimeouts);
  assert.deepEqual(Object.keys(httpTimeouts), Object.keys(httpTimeoutsSchema.shape));
  assert.ok(Object.isFrozen(httpLimits) && Object.isFrozen(httpTimeouts));
  assert.ok(Object.isFrozen(daemonDefaults.web?.entrypoints?.http));
});

test('parseOptions() at a start drops what is bad, and serves the rest', () => {
  const input = {
    web: {
      routes: [
        route('good'),
        route('bad', { strategy: 'ROUND_ROBBIN', vhost: 1 }),
        'no route at all',
        route('unsafe', { authProvider: 'nobody' }),
        route('good', { vHost: 'other.example.com' }),
        route('hidden', { vHost: 'GOOD.example.com' }),
        route('last'),
      ],
    },
    certificates: [
      { domain: 'a.example.com', key, cert },
      { domain: 'b.example.com', key: 'x', cert },
      { domain: 'A.example.com', key, cert },
    ],
  };
  const { options, problems, disabled } = parseOptions(input, { mode: 'start' });
  const ids = options.web?.routes?.map(({ id }) => id);
  assert.deepEqual(ids, ['good', 'last']);
  assert.deepEqual(
    options.certificates?.map(({ domain }) => domain),
    ['a.example.com'],
  );
  assert.deepEqual(pathsOf(problems).sort(), [
    'certificates[1].key',
    'certificates[2].domain',
    'web.routes[1].strategy',
    'web.routes[1].vhost',
    'web.routes[2]',
    'web.routes[3].authProvider',
    'web.routes[4].id',
    'web.routes[5].vHost',
  ]);
  assert.deepEqual(
    disabled.map(({ kind, path, name }) => `${kind} ${path} ${name}`),
    [
      'route web.routes[1] bad',
      'route web.routes[2] undefined',
      'certificate certificates[1] b.example.com',
      'route web.routes[3] unsafe',
      'route web.routes[4] good',
      'route web.routes[5] hidden',
      'certificate certificates[2] A.example.com',
    ],
  );
  assert.ok(problemsOf(input).length >= problems.length, 'strict mode refuses the same');
});

test('parseOptions() at a start: a bad item takes no good one with it', () => {
  const routes = [
    route('same', { strategy: 'x' }),
    route('same'),
    route('provided', { authProvider: 'nobody', vHost: 'one.example.com' }),
    route('provided', { vHost: 'one.example.com' }),
  ];
  const { options } = parseOptions({ web: { routes } }, { mode: 'start' });
  assert.deepEqual(
    options.web?.routes?.map(({ id, authProvider }) => [id, authProvider]),
    [
      ['same', undefined],
      ['provided', undefined],
    ],
  );
});

test('parseOptions() at a start refuses the whole for anything but an item', () => {
  const bad = [
    { log: { level: 'loud' } },
    { web: { routes: {} } },
    { web: { entrypoints: { a: { port: 1 }, b: { port: 1 } } } },
    { unknown: 1 },
    [],
    null,
  ];
  for (const input of bad) assert.ok(problemsOf(input, { mode: 'start' }).length > 0);
  const both = { unknown: 1, web: { routes: [route('a', { x: 1 })] } };
  assert.deepEqual(pathsOf(problemsOf(both, { mode: 'start' })), ['unknown', 'web.routes[0].x']);
});

test('parseOptions() names both places of a duplicate', () => {
  const routes = [route('a'), route('b'), route('a', { vHost: 'x.example.com' })];
  const [problem] = problemsOf({ web: { routes } });
  assert.equal(problem?.path, 'web.routes[2].id');
  assert.match(problem?.message ?? '', /web\.routes\[0\] has this id/);
});

test('parseOptions() finds routes that could never match, whatever the order of conditions', () => {
  const conditions = {
    vHost: 'a.example.com',
    paths: ['/b', { type: 'exact', path: '/a' }],
    methods: ['GET', 'PUT'],
    matchHeaders: [{ name: 'X-A', value: '1' }, { name: 'X-B' }],
    priority: 0,
  };
  const same = {
    vHost: 'A.example.com.',
    paths: [
      { type: 'exact', path: '/a' },
      { type: 'prefix', path: '/b' },
    ],
    methods: ['PUT', 'GET'],
    matchHeaders: [{ name: 'x-b' }, { name: 'x-a', value: '1' }],
  };
  const routes = (second: object) => ({
    web: { routes: [route('a', conditions), route('b', second)] },
  });
  assert.deepEqual(pathsOf(problemsOf(routes(same))), ['web.routes[1].vHost']);
  const different = [
    { ...same, vHost: 'b.example.com' },
    { ...same, paths: ['/a', '/b'] },
    { ...same, methods: ['GET'] },
    { ...same, matchHeaders: [{ name: 'X-A', value: '2' }, { name: 'X-B' }] },
    { ...same, priority: 1 },
  ];
  for (const second of different) parseOptions(routes(second));
});

test('parseOptions() knows auth providers of the file and of the hooks', () => {
  const web = {
    authProviders: { staff: { type: 'forward', url: 'http://127.0.0.1:9000/' } },
    routes: [route('a', { authProvider: 'staff' }), route('b', { authProvider: 'hook' })],
  };
  assert.deepEqual(pathsOf(problemsOf({ web })), ['web.routes[1].authProvider']);
  parseOptions({ web }, { authProviders: ['hook'] });
  const inherited = { web: { routes: [route('a', { authProvider: 'constructor' })] } };
  assert.equal(problemsOf(inherited).length, 1);
});

test('parseOptions() finds default certificates wherever they may come from', () => {
  const tls = { defaultCertificate: 'www.example.com' };
  const entrypoints = { https: { port: 8443, tls } };
  assert.deepEqual(pathsOf(problemsOf({ web: { entrypoints } })), [
    'web.entrypoints.https.tls.defaultCertificate',
  ]);
  parseOptions({ web: { entrypoints } }, { certificates: ['www.example.com'] });
  const certificates = [{ domain: 'WWW.example.com', key, cert }];
  parseOptions({ web: { entrypoints }, certificates });
  parseOptions({ web: { entrypoints, routes: [route('www', { ssl: { key, cert } })] } });
  const atStart = parseOptions({ web: { entrypoints } }, { mode: 'start' });
  assert.deepEqual(atStart.options, { web: { entrypoints } }, 'it may come over the API');
  assert.equal(atStart.problems.length, 1);
  assert.deepEqual(atStart.disabled, []);
  const broken = [{ domain: 'www.example.com', key: 'x', cert }];
  const input = { web: { entrypoints }, certificates: broken };
  assert.equal(parseOptions(input, { mode: 'start' }).disabled.length, 1);
});

const listeners = [
  { one: { port: 1 }, other: { port: 2 }, clash: false },
  { one: { port: 1 }, other: { port: 1 }, clash: true },
  { one: { port: 0 }, other: { port: 0 }, clash: false },
  { one: { port: 1 }, other: { port: 1, address: '127.0.0.1' }, clash: true },
  { one: { port: 1, address: '0.0.0.0' }, other: { port: 1, address: '10.0.0.1' }, clash: true },
  { one: { port: 1, address: '0.0.0.0' }, other: { port: 1, address: '::1' }, clash: false },
  { one: { port: 1, address: '0.0.0.0' }, other: { port: 1, address: '::' }, clash: true },
  { one: { port: 1, address: '10.0.0.1' }, other: { port: 1, address: '10.0.0.2' }, clash: false },
  { one: { port: 1, address: '0:0::1' }, other: { port: 1, address: '::1' }, clash: true },
];

for (const { one, other, clash } of listeners) {
  test(`parseOptions() for listeners ${JSON.stringify([one, other])}: ${clash ? 'clash' : 'fine'}`, () => {
    const input = { web: { entrypoints: { one, other } } };
    if (!clash) parseOptions(input);
    else assert.deepEqual(pathsOf(problemsOf(input)), ['web.entrypoints.other.port']);
  });
}

test('parseOptions() compares the management port with the entrypoints, also the default ones', () => {
  assert.deepEqual(pathsOf(problemsOf({ api: { port: 8080 }, web: {} })), ['api.port']);
  // Without a web plane nothing listens on its default ports.
  parseOptions({ api: { port: 8080 } });
  parseOptions({ api: { port: 8080, enabled: false } });
  const entrypoints = { http: { port: 7700 } };
  assert.deepEqual(pathsOf(problemsOf({ api: {}, web: { entrypoints } })), ['api.port']);
  parseOptions({ web: { entrypoints } });
  parseOptions({ api: { port: 8080 }, web: { entrypoints } });
});

test('parseOptions() refuses keys of later versions in words of their own', () => {
  for (const plane of ['mail', 'tunnels', 'rules', 'domains', 'cluster']) {
    const [problem] = problemsOf({ [plane]: {} });
    assert.match(problem?.message ?? '', /not available in this version/);
  }
});

test('parseOptions() takes a number of workers, or one for each core', () => {
  for (const workers of [0, 1, 256, 'auto']) {
    assert.deepEqual(parseOptions({ workers }).options, { workers });
  }
  for (const workers of [-1, 257, 1.5, 'atuo', '', true, null]) {
    const [problem] = problemsOf({ workers });
    assert.equal(problem?.path, 'workers');
    assert.match(problem.message, /a whole number from 0 to 256/);
  }
});

test('parseOptions() drops at a start the route whose variable is missing', async () => {
  const text = [
    'web:',
    '  routes:',
    '    - { id: a, vHost: a.example.com, backends: [{ hostname: "${MISSING}", port: 1 }] }',
    '    - { id: b, vHost: b.example.com, backends: [{ hostname: b, port: 1 }] }',
  ].join('\n');
  const { value, source } = await parseConfigText(text, { file: 'x.yaml', env: {} });
  const { options, problems, disabled } = parseOptions(value, { source, mode: 'start' });
  assert.deepEqual(
    options.web?.routes?.map(({ id }) => id),
    ['b'],
  );
  assert.deepEqual(disabled, [{ kind: 'route', path: 'web.routes[0]', name: 'a' }]);
  assert.deepEqual(problems, [
    {
      path: 'web.routes[0].backends[0].hostname',
      message: 'Must name a variable of the environment: MISSING is not set',
      value: '${MISSING}',
      file: 'x.yaml',
      line: 3,
      column: 61,
    },
  ]);
});

test('parseOptions() says in its message which file, and how many problems', async () => {
  const { value, source } = await parseConfigText('a: 1\nb: 2\n', { file: 'dir/x.yaml', env: {} });
  assert.throws(() => parseOptions(value, { source }), {
    code: 'CONFIG_INVALID',
    message: 'Cannot use "dir/x.yaml": it has 2 problems',
  });
  assert.throws(() => parseOptions({ a: 1 }), {
    message: 'Cannot use the configuration: it has a problem',
  });
});

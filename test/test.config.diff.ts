import assert from 'node:assert/strict';
import { test } from 'node:test';
import { diffOptions, sameData } from '../ts/config/diff.ts';
import { maskSecrets, SECRET_MASK } from '../ts/config/secrets.ts';
import type { IDcRouterOptions, IWebOptions } from '../ts_interfaces/index.ts';

const options: IDcRouterOptions = {
  dataDir: './data',
  log: { level: 'info' },
  api: { port: 7700 },
  web: {
    entrypoints: { http: { port: 8080 }, https: { port: 8443, tls: { minVersion: 'TLSv1.2' } } },
    trustedProxies: ['10.0.0.0/8'],
    routes: [
      { id: 'a', vHost: 'a.example.com', backends: [{ hostname: 'a', port: 1 }] },
      { id: 'b.c', vHost: 'b.example.com', headers: { Authorization: 'Basic eA==', 'X-A': '1' } },
    ],
  },
  certificates: [{ domain: '*.example.com', key: 'KEY', cert: 'CERT' }],
};

function changed(change: (copy: IDcRouterOptions) => void): string[] {
  const copy = structuredClone(options);
  change(copy);
  return linesOf(copy);
}

function linesOf(after: IDcRouterOptions): string[] {
  return diffOptions(options, after).map(({ path, before, after: now, effect }) => {
    return `${effect} ${path}: ${JSON.stringify(before)} -> ${JSON.stringify(now)}`;
  });
}

test('diffOptions() finds nothing between equals', () => {
  assert.deepEqual(diffOptions(options, options), []);
  assert.deepEqual(diffOptions(options, structuredClone(options)), []);
  assert.deepEqual(diffOptions({}, { web: undefined }), []);
});

test('diffOptions() tells routes apart by id, not by place', () => {
  const moved = changed(({ web }) => void web?.routes?.reverse());
  assert.deepEqual(moved, []);
  const more = changed(({ web }) => {
    web?.routes?.shift();
    web?.routes?.push({ id: 'new', vHost: 'new.example.com' });
  });
  assert.deepEqual(more, [
    'hot web.routes[a]: {"id":"a","vHost":"a.example.com","backends":[{"hostname":"a","port":1}]} -> undefined',
    'hot web.routes[new]: undefined -> {"id":"new","vHost":"new.example.com"}',
  ]);
  const deeper = changed(({ web }) => {
    const route = web?.routes?.[1];
    if (route?.headers !== undefined) route.headers['X-A'] = '2';
  });
  assert.deepEqual(deeper, ['hot web.routes[b.c].headers.X-A: "1" -> "2"']);
});

const { http, https } = options.web?.entrypoints ?? {};

/** The options with other entrypoints. */
function withEntrypoints(entrypoints: IWebOptions['entrypoints']): IDcRouterOptions {
  return { ...options, web: { ...options.web, entrypoints } };
}

const { log: _, ...silent } = options;

const effects: { what: string; after: IDcRouterOptions; lines: string[] }[] = [
  {
    what: 'the store needs a restart',
    after: { ...options, dataDir: './other' },
    lines: ['restart dataDir: "./data" -> "./other"'],
  },
  {
    what: 'the management port needs its listener',
    after: { ...options, api: { port: 7701 } },
    lines: ['restart-listener api.port: 7700 -> 7701'],
  },
  {
    what: 'the log is hot',
    after: silent,
    lines: ['hot log: {"level":"info"} -> undefined'],
  },
  {
    what: 'a port needs its listener',
    after: withEntrypoints({ http: { port: 80 }, https: { ...https, port: 8443 } }),
    lines: ['restart-listener web.entrypoints.http.port: 8080 -> 80'],
  },
  {
    what: 'a new entrypoint is a listener',
    after: withEntrypoints({ ...options.web?.entrypoints, more: { port: 1 } }),
    lines: ['restart-listener web.entrypoints.more: undefined -> {"port":1}'],
  },
  {
    what: 'limits are hot',
    after: withEntrypoints({ ...options.web?.entrypoints, http: { port: 8080, limits: {} } }),
    lines: ['hot web.entrypoints.http.limits: undefined -> {}'],
  },
  {
    what: 'TLS needs its listener, the choice of its certificate does not',
    after: withEntrypoints({
      ...(http === undefined ? {} : { http }),
      https: { port: 8443, tls: { minVersion: 'TLSv1.3', defaultCertificate: 'a' } },
    }),
    lines: [
      'restart-listener web.entrypoints.https.tls.minVersion: "TLSv1.2" -> "TLSv1.3"',
      'hot web.entrypoints.https.tls.defaultCertificate: undefined -> "a"',
    ],
  },
  {
    what: 'other lists are one value',
    after: { ...options, web: { ...options.web, trustedProxies: ['fd00::/8'] } },
    lines: ['hot web.trustedProxies: ["10.0.0.0/8"] -> ["fd00::/8"]'],
  },
];

for (const { what, after, lines } of effects) {
  test(`diffOptions(): ${what}`, () => {
    assert.deepEqual(linesOf(after), lines);
  });
}

test('diffOptions() says that a secret changed, and no more', () => {
  const lines = changed(({ web, certificates }) => {
    if (certificates?.[0]) certificates[0].key = 'OTHER KEY';
    const route = web?.routes?.[1];
    if (route?.headers) route.headers.Authorization = 'Basic other';
    if (route) route.auth = { type: 'bearer', tokenHashes: ['HASH'] };
  });
  assert.deepEqual(lines, [
    `hot web.routes[b.c].headers.Authorization: "${SECRET_MASK}" -> "${SECRET_MASK} (changed)"`,
    `hot web.routes[b.c].auth: undefined -> {"type":"bearer","tokenHashes":["${SECRET_MASK}"]}`,
    `hot certificates[*.example.com].key: "${SECRET_MASK}" -> "${SECRET_MASK} (changed)"`,
  ]);
});

test('maskSecrets() masks every secret, and nothing else', () => {
  const secret = 'S3CRET';
  const given: IDcRouterOptions = {
    web: {
      authProviders: { a: { type: 'forward', url: `https://user:${secret}@example.com/` } },
      routes: [
        {
          id: 'key',
          vHost: 'token.example.com',
          auth: { type: 'basic', users: [{ name: 'password', passwordHash: secret }] },
          headers: { 'X-Api-Key': secret, 'X-Team': 'shown', Cookie: secret },
          requestHeaders: { add: { authorization: secret }, remove: ['Authorization'] },
          matchHeaders: [
            { name: 'X-Token', value: secret },
            { name: 'X-Team', value: 'shown' },
          ],
          sticky: { cookie: 'shown' },
          backends: [{ hostname: 'a', port: 1, tls: { key: secret, cert: 'shown' } }],
          ssl: { key: secret, cert: 'shown' },
        },
        { id: 'b', vHost: 'b', auth: { type: 'bearer', tokenHashes: [secret, secret] } },
      ],
    },
    certificates: [{ domain: 'a', key: secret, cert: 'shown' }],
  };
  const copy = structuredClone(given);
  const masked = maskSecrets(given);
  assert.deepEqual(given, copy);
  const text = JSON.stringify(masked);
  assert.doesNotMatch(text, /S3CRET/);
  assert.equal(text.split('shown').length - 1, 6);
  const [route] = masked.web?.routes ?? [];
  assert.equal(route?.id, 'key');
  assert.deepEqual(route?.requestHeaders?.remove, ['Authorization']);
  assert.equal(masked.web?.authProviders?.a?.url, `https://${SECRET_MASK}@example.com/`);
});

test('sameData() compares plain data; undefined is absent', () => {
  const equal: [unknown, unknown][] = [
    [1, 1],
    [Number.NaN, Number.NaN],
    [
      { a: 1, b: [1, { c: null }] },
      { b: [1, { c: null }], a: 1 },
    ],
    [{ a: undefined }, {}],
  ];
  for (const [first, second] of equal) assert.ok(sameData(first, second));
  const different: [unknown, unknown][] = [
    [1, '1'],
    [null, {}],
    [[], {}],
    [[1], [1, 2]],
    [{ a: 1 }, { a: 1, b: 2 }],
    [{ a: null }, {}],
    [{}, { toString: 1 }],
  ];
  for (const [first, second] of different) {
    assert.ok(!sameData(first, second));
    assert.ok(!sameData(second, first));
  }
});

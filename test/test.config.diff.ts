import assert from 'node:assert/strict';
import { test } from 'node:test';
import { defaultDomainsOf } from '../ts/config/default-domains.ts';
import { diffOptions, sameData } from '../ts/config/diff.ts';
import { parseConfigText } from '../ts/config/file.ts';
import { placeProblems } from '../ts/config/item-problems.ts';
import { entriesOf, reuseItems } from '../ts/config/reuse.ts';
import { maskSecrets, SECRET_MASK } from '../ts/config/secrets.ts';
import type { IDcRouterOptions, IWebOptions, TPortProxyInput } from '../ts_interfaces/index.ts';

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
    what: 'the names of the management port are hot',
    after: { ...options, api: { port: 7700, hosts: ['router.test'] } },
    lines: ['hot api.hosts: undefined -> ["router.test"]'],
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

const planes: IDcRouterOptions = {
  workers: 2,
  tcp: [
    { id: 'db', fromPort: 5432, toPort: 'db:5432' },
    {
      id: 'sni',
      fromPort: 443,
      domainConfigs: [
        { id: 'a.example.com', domains: ['a.example.com'], toPort: 1 },
        { id: 'b.example.com', domains: ['b.example.com'], toPort: { 443: 'b' } },
      ],
    },
  ],
  access: { lists: { office: { addresses: ['10.0.0.1', '10.0.0.2'] }, same: { file: 'x' } } },
  limits: { slow: { requests: 1, key: 'address' }, key: { requests: 2 } },
};

/** What a change of TCP entries, lists and limits is told as. */
function planesChanged(change: (copy: typeof planes) => void): string[] {
  const copy = structuredClone(planes);
  change(copy);
  return diffOptions(planes, copy).map(({ path, before, after, effect }) => {
    return `${effect} ${path}: ${JSON.stringify(before)} -> ${JSON.stringify(after)}`;
  });
}

function entryOf({ tcp }: typeof planes, index: number): TPortProxyInput {
  return [tcp].flat()[index] as TPortProxyInput;
}

test('diffOptions() tells TCP entries and their domain configs apart by id', () => {
  assert.deepEqual(
    planesChanged((copy) => void [copy.tcp].flat().reverse()),
    [],
  );
  assert.deepEqual(
    planesChanged((copy) => {
      entryOf(copy, 0).toPort = 'db-2:5432';
      const configs = entryOf(copy, 1).domainConfigs ?? [];
      configs.shift();
      Object.assign(configs[0] as object, { toPort: { 443: 'c' } });
      configs.push({ id: 'ssh', protocol: 'ssh', toPort: 22 });
    }),
    [
      'hot tcp[db].toPort: "db:5432" -> "db-2:5432"',
      'hot tcp[sni].domainConfigs[a.example.com]: ' +
        '{"id":"a.example.com","domains":["a.example.com"],"toPort":1} -> undefined',
      'hot tcp[sni].domainConfigs[b.example.com].toPort.443: "b" -> "c"',
      'hot tcp[sni].domainConfigs[ssh]: undefined -> {"id":"ssh","protocol":"ssh","toPort":22}',
    ],
  );
});

test('diffOptions() tells of address lists what differs, and masks no limit', () => {
  assert.deepEqual(
    planesChanged(({ access, limits }) => {
      const { office, same } = access?.lists ?? {};
      Object.assign(office ?? {}, { addresses: ['10.0.0.3', '10.0.0.2'] });
      Object.assign(same ?? {}, { file: 'y' });
      Object.assign(limits?.slow ?? {}, { key: 'route' });
      Object.assign(limits?.key ?? {}, { requests: 3 });
    }),
    [
      'hot access.lists.office.addresses: ["10.0.0.1"] -> ["10.0.0.3"]',
      'hot access.lists.same.file: "x" -> "y"',
      'hot limits.slow.key: "address" -> "route"',
      'hot limits.key.requests: 2 -> 3',
    ],
  );
  assert.deepEqual(
    planesChanged(({ access }) => void access?.lists?.office?.addresses?.reverse()),
    [],
  );
  assert.deepEqual(
    planesChanged((copy) => {
      copy.workers = 'auto';
    }),
    ['restart workers: 2 -> "auto"'],
  );
});

test('reuseItems() keeps what means the same', () => {
  const after = structuredClone(planes);
  entryOf(after, 0).toPort = 'db-2:5432';
  Object.assign(after.access?.lists?.office ?? {}, { file: 'more.txt' });
  const { options: next, changes } = reuseItems(planes, after);
  assert.deepEqual(next, after);
  assert.deepEqual(
    changes.map(({ path }) => path),
    ['tcp[db].toPort', 'access.lists.office.file'],
  );
  const [entries, old] = [entriesOf(next), entriesOf(planes)];
  assert.notEqual(entries[0], old[0]);
  assert.equal(entries[1], old[1]);
  assert.equal(next.access?.lists?.same, planes.access?.lists?.same);
  assert.equal(next.limits?.slow, planes.limits?.slow);
});

test('placeProblems() finds the place of a TCP entry in the file', async () => {
  const problems = [{ path: 'tcp[db].backends[0].hostname', message: 'Must be reachable' }];
  const items = { routes: [], certificates: [], tcp: [{ id: 'x' }, { id: 'db' }] };
  assert.equal(placeProblems(problems, items, null)[0]?.path, 'tcp[db].backends[0].hostname');
  const entry = '{ id: db, fromPort: 1, backends: [{ hostname: a }] }';
  const list = await parseConfigText(`tcp:\n  - {}\n  - ${entry}\n`, { file: 'x.yaml' });
  const [inList] = placeProblems(problems, items, list);
  assert.deepEqual([inList?.path, inList?.line], ['tcp[1].backends[0].hostname', 3]);
  const alone = await parseConfigText(`tcp: ${entry}\n`, { file: 'x.yaml' });
  const [single] = placeProblems(problems, { ...items, tcp: [{ id: 'db' }] }, alone);
  assert.deepEqual([single?.path, single?.line], ['tcp.backends[0].hostname', 1]);
});

test('placeProblems() keeps the line of a file that the configuration names', async () => {
  const zones = [{ name: 'example.net' }, { name: 'example.org' }];
  const text = 'dns:\n  zones:\n    - {}\n    - { name: example.org, file: a.zone }\n';
  const config = await parseConfigText(text, { file: 'x.yaml' });
  const place = { file: 'a.zone', line: 80, column: 5, value: '1.2.3' };
  const message = 'a.example.org.: A: Expected an IPv4 address, found "1.2.3"';
  const problems = [{ path: 'zones[example.org].file', message, ...place }];
  assert.deepEqual(placeProblems(problems, { routes: [], certificates: [], zones }, config), [
    { path: 'dns.zones[1].file', message, ...place },
  ]);
  const inText = [{ path: 'zones[example.org].records[0]', message: 'Expected a type', line: 3 }];
  const [placed] = placeProblems(inText, { routes: [], certificates: [], zones }, config);
  assert.deepEqual([placed?.line, placed?.message], [4, 'Line 3 of it: Expected a type']);
});

test('defaultDomainsOf() also looks into TCP entries', () => {
  const named = (defaultCertificate: string) => ({ tls: { defaultCertificate } });
  const web = { entrypoints: { a: named('A.example.com'), b: { tls: true } } };
  const tcp = [{ ...named('b.example.com'), domainConfigs: [named('c.example.com'), {}] }, 5, null];
  const all = ['a.example.com', 'b.example.com', 'c.example.com'];
  assert.deepEqual(defaultDomainsOf(web, tcp), all);
  assert.deepEqual(defaultDomainsOf(undefined, tcp[0]), all.slice(1));
  assert.deepEqual(defaultDomainsOf({}, undefined), []);
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

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import { operations } from '../ts/api/operations/index.ts';
import { DcError } from '../ts/core/errors.ts';
import {
  caller,
  certificateOf,
  type IAnswer,
  route,
  startApi,
  takeIn,
} from './fixtures/control-plane.ts';

interface IOperationObject {
  operationId: string;
  parameters?: { name: string; in: string; required?: boolean; schema: object }[];
  requestBody?: { content: Record<string, { schema: object }> };
  responses: Record<
    string,
    { headers?: Record<string, unknown>; content?: Record<string, { schema: object }> }
  >;
}

interface IDocument {
  openapi: string;
  servers: { url: string }[];
  paths: Record<string, Record<string, IOperationObject>>;
  components: { schemas: Record<string, object> };
}

/** Checks answers against the document that the server gives of itself. */
class Contract {
  readonly document: IDocument;
  readonly seen = new Map<string, Set<number>>();
  private readonly ajv = new Ajv2020({ strict: false, allErrors: true });
  private readonly checks = new Map<object, ValidateFunction>();

  constructor(document: IDocument) {
    this.document = document;
    addFormats.default(this.ajv);
    this.ajv.addSchema({ $id: 'openapi', ...document });
  }

  operation(method: string, address: string): IOperationObject {
    const path = address.split('?')[0]?.slice('/api/v1'.length) ?? '';
    for (const [template, methods] of Object.entries(this.document.paths)) {
      const pattern = new RegExp(`^${template.replace(/\{\w+\}/g, '[^/]+')}$`);
      const found = methods[method.toLowerCase()];
      if (pattern.test(path) && found !== undefined) return found;
    }
    throw new Error(`The document has no ${method} ${path}`);
  }

  check(method: string, address: string, answer: IAnswer): void {
    const operation = this.operation(method, address);
    const { status, headers, body } = answer;
    const what = `${operation.operationId} ${status}`;
    const response = operation.responses[status];
    assert.ok(response, `${what} is not in the document: ${JSON.stringify(body)}`);
    for (const name of Object.keys(response.headers ?? {})) {
      if (name !== 'Link') assert.ok(headers.get(name), `${what} lacks the header ${name}`);
    }
    const type = headers.get('content-type')?.split(';')[0] ?? '';
    if (response.content === undefined) {
      assert.equal(body, undefined, `${what} has a body`);
    } else {
      const content = response.content[type];
      assert.ok(content, `${what} is ${type}`);
      if (typeof body === 'object') this.validate(content.schema, body, what);
    }
    const seen = this.seen.get(operation.operationId) ?? new Set();
    this.seen.set(operation.operationId, seen.add(status));
  }

  validate(schema: object, value: unknown, what: string): void {
    let check = this.checks.get(schema);
    if (check === undefined) {
      const text = JSON.stringify(schema).replaceAll('"#/', '"openapi#/');
      check = this.ajv.compile(JSON.parse(text));
      this.checks.set(schema, check);
    }
    assert.ok(check(value), `${what}: ${this.ajv.errorsText(check.errors)}`);
  }
}

test('the OpenAPI document is whole: 3.1, unique names, references that lead somewhere', async (context) => {
  const { call, url } = await startApi(context);
  assert.equal((await caller(url, undefined)('GET', '/api/v1/openapi.json')).status, 401);
  const document = (await call('GET', '/api/v1/openapi.json')).body as IDocument;
  assert.match(document.openapi, /^3\.1\./);
  const objects = Object.values(document.paths).flatMap((path) => Object.values(path));
  assert.equal(new Set(objects.map(({ operationId }) => operationId)).size, operations.length);
  for (const [, reference = ''] of JSON.stringify(document).matchAll(/"\$ref":"([^"]+)"/g)) {
    const name = /^#\/components\/schemas\/(\w+)$/.exec(reference)?.[1] ?? '';
    assert.ok(document.components.schemas[name], reference);
  }
  for (const [path, methods] of Object.entries(document.paths)) {
    const wanted = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name);
    for (const { parameters = [] } of Object.values(methods)) {
      const given = parameters.filter((one) => one.in === 'path').map(({ name }) => name);
      assert.deepEqual(given, wanted, path);
    }
  }
  const text = JSON.stringify(document);
  assert.ok(!text.includes('$schema') && !text.includes('$id'));
});

/** A call whose answer is checked. */
type TAsk = (
  method: string,
  path: string,
  body?: unknown,
  headers?: Record<string, string>,
) => Promise<IAnswer>;

/** Reads something, and again with the tag that it had. */
async function askTwice(ask: TAsk, path: string): Promise<void> {
  const { headers } = await ask('GET', path);
  await ask('GET', path, undefined, { 'if-none-match': headers.get('etag') ?? '' });
}

const wrongTag = { 'if-match': '"x"' };

async function askTcp(ask: TAsk): Promise<void> {
  const rich = {
    id: 'rich',
    protocol: 'tcp',
    address: '127.0.0.1',
    fromPort: 4430,
    globalPortRanges: ['6000-6010', 7000, { from: 8000, to: 8001 }],
    backends: [{ hostname: 'db.internal', port: 5432, weight: 2 }, { hostname: 'h' }],
    strategy: 'LEAST_CONNECTIONS',
    health: { failuresMax: 2 },
    retries: 1,
    tls: 'passthrough',
    sendProxyProtocol: 'v2',
    access: { allow: ['10.0.0.0/8'], deny: ['10.0.0.1'] },
    connectionsMax: 10,
    connectionRate: { connections: 5 },
    bandwidth: { inBytesPerSecond: 1000 },
    timeouts: { idleMs: 1 },
    proxyProtocol: { from: ['10.0.0.1'] },
    domainConfigs: [
      { domains: ['a.example'], alpn: ['h2'], toPort: 'a:1', portRanges: ['6000-6001'] },
      { domains: ['b.example'], tls: 'terminate', backends: [{ hostname: 'b', port: 2 }] },
      { protocol: 'http', useNetworkProxy: true },
    ],
  };
  const made = await ask('POST', '/tcp', rich);
  assert.equal(made.status, 201, JSON.stringify(made.body));
  await ask('POST', '/tcp', rich);
  await ask('POST', '/tcp', { fromPort: 1 });
  await ask('GET', '/tcp');
  await ask('GET', '/tcp?limit=0');
  await askTwice(ask, '/tcp/rich');
  await ask('GET', '/tcp/none');
  await ask('PUT', '/tcp/put', { fromPort: 1, toPort: { 1: ['a:1', { host: 'b' }] } });
  await ask('PUT', '/tcp/put', {
    protocol: 'udp',
    fromPort: 1,
    toPort: 2,
    udp: { sessionsMax: 5 },
  });
  await ask('PUT', '/tcp/put', { fromPort: 1, toPort: 2 }, wrongTag);
  await ask('PUT', '/tcp/put', {});
  await ask('PATCH', '/tcp/put', { toPort: 3 });
  await ask('PATCH', '/tcp/none', {});

  const domains = '/tcp/rich/domains';
  await ask('GET', domains);
  await ask('GET', '/tcp/none/domains');
  await ask('POST', domains, { domains: ['c.example'], toPort: 1 });
  await ask('POST', domains, { id: 'c.example', protocol: 'ssh', toPort: 1 });
  await askTwice(ask, `${domains}/b.example`);
  await ask('GET', `${domains}/none`);
  await ask('PUT', `${domains}/ssh`, { protocol: 'ssh', toPort: 22 });
  await ask('PUT', `${domains}/ssh`, { protocol: 'ssh', toPort: 23 });
  await ask('PUT', `${domains}/ssh`, { protocol: 'ssh', toPort: 23 }, wrongTag);
  await ask('DELETE', `${domains}/ssh`);
  await ask('DELETE', `${domains}/ssh`);
  const ranges = '/tcp/rich/ranges';
  await ask('GET', ranges);
  await ask('GET', '/tcp/none/ranges');
  await ask('POST', ranges, { from: 9000, to: 9001 });
  await ask('POST', ranges, { from: 9001, to: 9000 });
  await ask('DELETE', `${ranges}/9000-9001`);
  await ask('DELETE', `${ranges}/9000-9001`);
  for (const state of ['dead', 'alive']) {
    await ask('POST', `/tcp/rich/backends/backend-1/${state}?domain=b.example`);
    await ask('POST', `/tcp/rich/backends/none/${state}`);
  }
  await ask('GET', '/tcp/rich');
  await ask('DELETE', '/tcp/rich');
  await ask('DELETE', '/tcp/rich');
}

async function askAccess(ask: TAsk): Promise<void> {
  await ask('PUT', '/access/office', { addresses: ['10.0.0.0/8', '::1'] });
  await ask('PUT', '/access/office', { addresses: ['10.0.0.0/8'] });
  await ask('PUT', '/access/office', { addresses: ['x'] });
  await ask('GET', '/access?limit=1');
  await ask('GET', '/access?limit=x');
  await ask('GET', '/access/check?address=10.0.0.1');
  await ask('GET', '/access/check?address=x');
  await askTwice(ask, '/access/office');
  await ask('GET', '/access/none');
  await ask('POST', '/access/office/addresses', { add: ['10.0.0.1'], remove: ['10.0.0.2'] });
  await ask('POST', '/access/office/addresses', { add: ['10.0.0.1'] }, wrongTag);
  await ask('POST', '/access/none/addresses', {});
  await ask('DELETE', '/access/office');
  await ask('DELETE', '/access/office');
}

async function askLimits(ask: TAsk): Promise<void> {
  await ask('PUT', '/limits/a', { requests: 5, key: { header: 'x-key' }, prefix6: 48 });
  await ask('PUT', '/limits/a', { requests: 5, windowSeconds: 60, burst: 9 });
  await ask('PUT', '/limits/a', {});
  await ask('GET', '/limits');
  await ask('GET', '/limits?x=1');
  await askTwice(ask, '/limits/a');
  await ask('GET', '/limits/none');
  await ask('PATCH', '/limits/a', { key: 'route' });
  await ask('PATCH', '/limits/a', {}, wrongTag);
  await ask('DELETE', '/limits/a');
  await ask('DELETE', '/limits/a');
}

async function askDns(ask: TAsk): Promise<void> {
  const rich = {
    name: 'rich.example',
    nameservers: ['ns1.rich.example'],
    contact: 'h@rich.example',
    ttl: 300,
    serial: 'date',
    records: [
      'ns1 A 192.0.2.1',
      { name: 'www', type: 'A', ttl: 5, data: ['192.0.2.1'] },
      {
        name: 'lb',
        type: 'A',
        health: { upstream: 'web', members: [{ address: '192.0.2.9', backend: 'b', weight: 2 }] },
      },
    ],
    transfer: ['10.0.0.0/8'],
    notify: [{ address: '192.0.2.53', port: 5353 }],
    notifyFrom: ['10.0.0.1'],
    update: [{ from: ['10.0.0.1'], names: ['*.dyn'], types: ['A'] }],
    dnssec: { denial: 'nsec' },
  };
  const text = { 'content-type': 'text/dns' };
  const file = '@ 60 SOA ns.x. h.x. 4 2 1 9 1\n@ 60 NS ns.x.\n';
  const one = '/dns/zones/rich.example';
  const made = await ask('POST', '/dns/zones', rich);
  assert.equal(made.status, 201, JSON.stringify(made.body));
  await ask('POST', '/dns/zones', rich);
  await ask('POST', '/dns/zones', { name: 'x.example' });
  await ask('POST', '/dns/zones?name=file.example', file, text);
  await ask('GET', '/dns/zones?limit=1');
  await ask('GET', '/dns/zones?state=none');
  await askTwice(ask, one);
  await ask('GET', '/dns/zones/none');
  await ask('PUT', '/dns/zones/put.example', {
    records: ['@ NS ns.x.', '@ SOA ns.x. h.x. 1 2 1 9 1'],
  });
  await ask('PUT', '/dns/zones/put.example', {
    primaries: [{ address: '192.0.2.66', key: 'none' }],
  });
  await ask('PUT', '/dns/zones/put.example', { primaries: [{ address: '192.0.2.66' }] });
  await ask('PUT', '/dns/zones/put.example', {}, wrongTag);
  await ask('PATCH', one, { ttl: null });
  await ask('PATCH', one, { ttl: 'x' });
  await ask('GET', `${one}/export`);
  await ask('GET', `${one}/export?source=served`);
  await ask('GET', '/dns/zones/put.example/export');
  await ask('PUT', '/dns/zones/file.example/import', file, text);
  await ask('PUT', '/dns/zones/file.example/import', 'x', text);
  await ask('PUT', '/dns/zones/none/import', file, text);
  await ask('POST', `${one}/notify`);
  await ask('POST', '/dns/zones/none/notify');
  await ask('POST', '/dns/zones/put.example/retransfer');
  await ask('POST', `${one}/retransfer`);
  await ask('PUT', '/dns/zones/second.example', { primaries: [{ address: '192.0.2.53' }] });
  await ask('POST', '/dns/zones/second.example/retransfer');

  const records = `${one}/records`;
  await ask('GET', `${records}?limit=2`);
  await ask('GET', `${records}?name=www&type=A`);
  await ask('GET', `${records}?name=..`);
  await ask('GET', '/dns/zones/none/records');
  await ask('PUT', records, [
    { name: 'a', type: 'A', data: '192.0.2.1' },
    { name: 'b', type: 'A', data: [] },
  ]);
  await ask('PUT', records, [{ name: 'a', type: 'A', data: 'x' }]);
  await ask('PUT', `${records}/put/A`, { data: '192.0.2.1' });
  await ask('PUT', `${records}/put/A`, { ttl: 5, health: { upstream: 'web' } });
  await ask('PUT', `${records}/put/A`, { data: '192.0.2.1' }, wrongTag);
  await ask('PUT', `${records}/put/A`, {});
  await ask('PUT', `${records}/put/X`, {});
  await askTwice(ask, `${records}/put/A`);
  await ask('GET', `${records}/none/A`);
  await ask('DELETE', `${records}/put/A`);
  await ask('DELETE', `${records}/put/A`);
  await ask('DELETE', `${records}/@/SOA`);
  await ask('POST', `${one}/revert`, { name: 'www' });
  await ask('POST', `${one}/revert`);
  await ask('POST', `${one}/revert`, { odd: 1 });

  await askTwice(ask, `${one}/dnssec`);
  await ask('GET', '/dns/zones/none/dnssec');
  await ask('PUT', `${one}/dnssec`, { denial: 'nsec3' });
  await ask('PUT', `${one}/dnssec`, {}, wrongTag);
  await ask('PATCH', `${one}/dnssec`, { zskLifetimeDays: 30 });
  await ask('PATCH', `${one}/dnssec`, { odd: 1 });
  await ask('POST', `${one}/dnssec/roll`, { role: 'csk' });
  await ask('POST', `${one}/dnssec/roll`, { role: 'x' });
  await ask('POST', `${one}/dnssec/ds`, { ds: [] });
  await ask('POST', `${one}/dnssec/ds`, {});
  await ask('DELETE', `${one}/dnssec`);
  await ask('DELETE', '/dns/zones/none/dnssec');

  await ask('GET', '/dns/query?name=www.rich.example');
  await ask('GET', '/dns/query?name=a.example.net&trace=true');
  await ask('GET', '/dns/query');
  await ask('POST', '/dns/query', { name: 'nothing.rich.example', dnssec: true });
  await ask('POST', '/dns/query', {});
  await ask('GET', '/dns/cache?limit=1');
  await ask('GET', '/dns/cache?type=x');
  await ask('DELETE', '/dns/cache?name=a.example.net');
  await ask('DELETE', '/dns/cache?x=1');
  await ask('GET', '/dns/stats');
  await ask('GET', '/dns/stats?x=1');
  await ask('POST', '/dns/check?origin=a', file, text);
  await ask('POST', '/dns/check?origin=a', 'x A y', text);
  await ask('POST', '/dns/check', file, text);
  const owned = { name: 'a.example.com', type: 'TXT', data: ['"x"'], owner: 'me', purpose: 'test' };
  await ask('PUT', '/dns/zones/example.com', { nameservers: ['ns.x.example'], records: [] });
  await ask('PUT', '/dns/owned', { ...owned, ttl: 5, expiresAt: '2126-01-01T00:00:00Z' });
  await ask('PUT', '/dns/owned', {});
  await ask('GET', '/dns/owned');
  await ask('GET', '/dns/owned?x=1');
  await ask('GET', `${records}?limit=1000`);
  await ask('DELETE', '/dns/owned?owner=me');
  await ask('DELETE', '/dns/owned');
  await ask('DELETE', one, undefined, wrongTag);
  await ask('DELETE', one);
}

const connection = {
  id: '1',
  protocol: 'tls' as const,
  client: '[::1]:9',
  entrypoint: 'https',
  port: 443,
  route: 'a',
  backend: '10.0.0.1:80',
  serverName: 'a.example',
  openedAt: '2026-01-01T00:00:00.000Z',
  ageSeconds: 1.5,
  idleSeconds: 0,
  bytesIn: 1,
  bytesOut: 2,
  worker: 1,
};

test('every operation answers as the document says, when it works and when it does not', async (context) => {
  const { call, url, control, process, as, connections } = await startApi(context);
  const contract = new Contract((await call('GET', '/api/v1/openapi.json')).body as IDocument);
  const ask: TAsk = async (method, path, body, headers) => {
    const answer = await call(method, `/api/v1${path}`, body, headers);
    contract.check(method, `/api/v1${path}`, answer);
    return answer;
  };
  const reader = await as('read');
  takeIn(control, [route('file')], [{ domain: 'rsa.example.test', ...certificateOf('rsa') }]);
  process.configFile = '/etc/dcrouter.yaml';
  process.found = [
    { path: 'web.routes[3].vHost', message: 'Must …', value: '*x', file: 'f', line: 3, column: 5 },
  ];

  const rich = {
    ...route('rich'),
    paths: ['/a', { type: 'exact', path: '/b' }],
    methods: ['GET'],
    matchHeaders: [{ name: 'x-a', pattern: '^a' }],
    priority: 5,
    headers: { 'X-A': 'a' },
    requestHeaders: { set: { 'x-b': 'b' }, remove: ['x-c'] },
    responseHeaders: { add: { 'x-d': 'd' } },
    upstreamHost: { name: 'inner.example' },
    stripPrefix: '/a',
    auth: {
      type: 'basic',
      users: [
        { name: 'u', passwordHash: 'scrypt$16384$8$5$c2FsdHNhbHQ$aGFzaGhhc2hoYXNoaGFzaGhhc2g' },
      ],
    },
    sticky: { cookie: 'c' },
    retry: { attempts: 1 },
    health: { probe: 'http', active: {} },
    limits: { headBytesMax: 4096 },
    timeouts: { connectMs: 100 },
    ssl: certificateOf('ecdsa'),
    vHost: 'www.example.test',
    backends: [{ hostname: '10.0.0.1', port: 443, weight: 2, tls: { verify: false } }],
  };
  const created = await ask('POST', '/routes', rich);
  assert.equal(created.status, 201, JSON.stringify(created.body));
  await ask('POST', '/routes', { id: 'x' });
  await ask('POST', '/routes', rich);
  await ask('POST', '/routes', '{');
  await ask('POST', '/routes', '{}', { 'content-type': 'text/plain' });
  await ask('POST', '/routes', ' '.repeat(1_100_000));
  await ask('GET', '/routes?limit=1');
  await ask('GET', '/routes?limit=x');
  const { headers } = await ask('GET', '/routes/rich');
  const tag = { 'if-none-match': headers.get('etag') ?? '' };
  await ask('GET', '/routes/rich', undefined, tag);
  await ask('GET', '/routes/none');
  await ask('PUT', '/routes/put', { vHost: 'put.example', redirect: { to: 'https://x.example' } });
  await ask('PUT', '/routes/put', { ...route('put'), vHost: 'put.example' });
  await ask('PUT', '/routes/put', route('put'), { 'if-match': '"x"' });
  await ask('PUT', '/routes/put', {});
  await ask('PATCH', '/routes/put', { priority: 1 });
  await ask('PATCH', '/routes/none', {});

  await ask('POST', '/routes/put/backends', { hostname: 'h', port: 1 });
  await ask('POST', '/routes/put/backends', { hostname: 'h' });
  await ask('POST', '/routes/put/backends', { id: 'backend-1', hostname: 'h', port: 1 });
  await ask('GET', '/routes/put/backends');
  await ask('GET', '/routes/none/backends');
  const { headers: backendHeaders } = await ask('GET', '/routes/put/backends/backend-1');
  const backendTag = { 'if-none-match': backendHeaders.get('etag') ?? '' };
  await ask('GET', '/routes/put/backends/backend-1', undefined, backendTag);
  await ask('GET', '/routes/put/backends/none');
  await ask('PATCH', '/routes/put/backends/backend-1', { weight: 3 });
  await ask('PATCH', '/routes/put/backends/backend-1', { weight: 0 });
  await ask('POST', '/routes/put/backends/backend-1/dead');
  await ask('GET', '/routes/put');
  await ask('POST', '/routes/put/backends/none/dead');
  await ask('POST', '/routes/put/backends/backend-1/alive');
  await ask('POST', '/routes/none/backends/x/alive');
  await ask('DELETE', '/routes/put/backends/backend-2');
  await ask('DELETE', '/routes/put/backends/backend-1');

  const certificate = { domain: 'a.example.test', ...certificateOf('wildcard') };
  await ask('POST', '/certificates', certificate);
  await ask('POST', '/certificates', certificate);
  await ask('POST', '/certificates', { ...certificate, domain: 'b.example' });
  await ask('GET', '/certificates?limit=1');
  await ask('GET', '/certificates?x=1');
  await ask('GET', '/certificates/a.example.test');
  await ask('GET', '/certificates/none');

  await askTcp(ask);
  await askAccess(ask);
  await askLimits(ask);
  await askDns(ask);
  connections.open.push(connection);
  await ask('GET', '/connections');
  await ask('GET', '/connections?client=x');
  await ask('GET', '/connections/1');
  await ask('GET', '/connections/2');
  await ask('DELETE', '/connections/1');
  await ask('DELETE', '/connections/1');

  await ask('GET', '/stats');
  await ask('GET', '/stats?x=1');
  await ask('GET', '/stats/rich');
  await ask('GET', '/stats/none');
  await ask('GET', '/status');
  await ask('GET', '/status?x=1');
  process.pending = [{ path: 'log.level', before: 'info', after: 'debug', effect: 'hot' }];
  await ask('POST', '/reload');
  await ask('POST', '/reload', { binary: true });
  process.reloadBinary = async () => ({ pid: 42 });
  await ask('POST', '/reload', { binary: true });
  await ask('POST', '/reload', { binary: 1 });
  await ask('PUT', '/access/big', { addresses: [] });
  await ask('PUT', '/limits/one', { requests: 1 });
  await ask('GET', '/config/diff');
  process.pending = new DcError('CONFIG_INVALID', 'Cannot use it', {
    problems: [{ path: 'web', message: 'Must …' }],
  });
  await ask('POST', '/reload');
  await ask('GET', '/config/diff?limit=2');
  await ask('GET', '/config/diff?limit=0');
  process.base = { version: 1, web: { entrypoints: { http: { port: 1 } }, serverName: 'x' } };
  process.base.access = { lists: { big: { file: 'x' } } };
  process.base.tcp = { fromPort: 1, toPort: 2 };
  await ask('GET', '/config');
  await ask('GET', '/config?x=1');
  await ask('GET', '/config/schema');
  await ask('GET', '/config/schema?x=1');
  await ask('GET', '/config/export');
  await ask('GET', '/config/export?format=json&secrets=true');
  await ask('GET', '/config/export?format=toml');
  contract.check(
    'GET',
    '/api/v1/config/export',
    await reader('GET', '/api/v1/config/export?secrets=true'),
  );
  await ask('GET', '/explain?url=https://www.example.test/a&header.x-a=a');
  await ask('GET', '/explain?url=none.example&method=POST');
  await ask('GET', '/explain');
  await ask('GET', '/openapi.json');
  await ask('GET', '/openapi.json?x=1');

  const { body } = await ask('POST', '/tokens', {
    name: 't',
    scopes: ['read'],
    expiresAt: '2126-01-01T00:00:00+01:00',
  });
  await ask('POST', '/tokens', {});
  await ask('GET', '/tokens');
  contract.check('GET', '/api/v1/tokens', await reader('GET', '/api/v1/tokens'));
  await ask('DELETE', `/tokens/${(body as { id: string }).id}`);
  await ask('DELETE', '/tokens/none');

  await ask('DELETE', '/certificates/a.example.test');
  await ask('DELETE', '/certificates/a.example.test');
  await ask('DELETE', '/routes/rich');
  await ask('DELETE', '/routes/rich');

  for (const { id, method, path, answers } of operations) {
    const seen = contract.seen.get(id) ?? new Set();
    for (const status of Object.keys(answers))
      assert.ok(seen.has(Number(status)), `${id} ${status} was not seen`);
    assert.ok(
      [...seen].some((status) => status >= 400),
      `no refusal of ${id} was seen`,
    );
    const address = `/api/v1${path.replace(/:\w+/g, 'x')}`;
    contract.check(method, address, await caller(url, undefined)(method, address));
  }
});

test('inputs that the document allows are those that the server takes', async (context) => {
  const { call } = await startApi(context);
  const contract = new Contract((await call('GET', '/api/v1/openapi.json')).body as IDocument);
  const schemaOf = (method: string, address: string): object => {
    const { requestBody } = contract.operation(method, address);
    const schema = requestBody?.content['application/json']?.schema;
    assert.ok(schema);
    return schema;
  };
  contract.validate(schemaOf('POST', '/api/v1/routes'), route('a'), 'a short route');
  contract.validate(
    schemaOf('POST', '/api/v1/routes/a/backends'),
    { hostname: 'h', port: 1 },
    'a backend',
  );
  contract.validate(schemaOf('POST', '/api/v1/tokens'), { name: 'x', scopes: ['read'] }, 'a token');
  const bad = [
    { id: 'a' },
    { ...route('a'), strategy: 'X' },
    { ...route('a'), odd: 1 },
    { ...route('a'), reqActiveLength: 0 },
  ];
  for (const input of bad) {
    const schema = schemaOf('POST', '/api/v1/routes');
    assert.throws(
      () => contract.validate(schema, input, 'x'),
      assert.AssertionError,
      JSON.stringify(input),
    );
    assert.equal((await call('POST', '/api/v1/routes', input)).status, 422);
  }
});

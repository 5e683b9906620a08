import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parse } from 'yaml';
import type { IZoneCheck } from '../ts/api/zone-check.ts';
import { parseOptions } from '../ts/config/parse-options.ts';
import type { ICacheEntryInfo, IQueryExplanation } from '../ts/dns/plane/types.ts';
import type { IDcRouterOptions, IDnsStats, IZoneOptions } from '../ts_interfaces/index.ts';
import { type IAnswer, startApi, type TCall, takeInBase } from './fixtures/control-plane.ts';

const dns = '/api/v1/dns';
const zones = `${dns}/zones`;
const text = { 'content-type': 'text/dns' };

function problem({ status, body }: IAnswer, expected: number, code: string) {
  assert.equal(status, expected, JSON.stringify(body));
  const found = body as { code: string; detail: string; problems: { path: string }[] };
  assert.equal(found.code, code, JSON.stringify(body));
  return found;
}

const small = {
  name: 'example.com',
  nameservers: ['ns1.example.net'],
  records: ['www 300 A 192.0.2.1', 'alias CNAME www', '*.w TXT "x"'],
};

test('GET and POST /dns/query: our zones and the resolver, with the path', async (context) => {
  const { call, process } = await startApi(context);
  await call('POST', zones, small);
  const own = await call('GET', `${dns}/query?name=alias.Example.com&type=a`);
  const found = own.body as IQueryExplanation;
  assert.deepEqual(
    [found.rcode, found.authoritative, found.answer.map(({ type, data }) => `${type} ${data}`)],
    ['NOERROR', true, ['CNAME www.example.com.', 'A 192.0.2.1']],
  );
  assert.deepEqual(
    found.path.map((step) => (step.kind === 'zone' ? `${step.zone} ${step.found}` : step.kind)),
    ['view', 'example.com cname', 'example.com answer'],
  );
  const wild = await call('POST', `${dns}/query`, { name: 'a.w.example.com', type: 'TXT' });
  const step = (wild.body as IQueryExplanation).path.find(({ kind }) => kind === 'zone');
  assert.equal(step?.kind === 'zone' && step.wildcard, '*.w.example.com.');
  const far = await call('POST', `${dns}/query`, { name: 'far.example.net', trace: true });
  const resolved = far.body as IQueryExplanation;
  assert.deepEqual(
    resolved.answer.map(({ data }) => data),
    ['192.0.2.77'],
  );
  assert.ok(resolved.path.some((one) => one.kind === 'query' && one.server === '192.0.2.53'));
  const stranger = await call('GET', `${dns}/query?name=far.example.net&server=authoritative`);
  assert.equal((stranger.body as IQueryExplanation).rcode, 'REFUSED');
  const idn = await call('GET', `${dns}/query?name=b%C3%BCcher.example.com`);
  assert.equal((idn.body as IQueryExplanation).rcode, 'NXDOMAIN');
  process.base = { dns: { views: [{ name: 'v', clients: ['10.0.0.0/8'] }] } };
  for (const query of [
    '',
    'name=',
    'name=a..b',
    `name=${'a'.repeat(2_000)}`,
    'name=a&type=NONE',
    'name=a&client=x',
    'name=a&view=w',
    'name=a&server=x',
    'name=a&dnssec=1',
    'name=%00',
    'name=a&x=1',
  ]) {
    problem(await call('GET', `${dns}/query?${query}`), 400, 'REQUEST_INVALID');
  }
  for (const body of [{}, { name: 5 }, [], { name: 'a', odd: 1 }, { name: 'a', dnssec: 'true' }]) {
    problem(await call('POST', `${dns}/query`, body), 422, 'BODY_INVALID');
  }
  problem(await call('POST', `${dns}/query`, { name: 'a..b' }), 400, 'REQUEST_INVALID');
});

test('GET and DELETE /dns/cache', async (context) => {
  const { call } = await startApi(context);
  for (const name of ['a.net', 'b.a.net', 'c.org']) {
    await call('GET', `${dns}/query?name=${name}&server=resolver`);
  }
  const look = async (query: string) => {
    const { status, body } = await call('GET', `${dns}/cache?${query}`);
    assert.equal(status, 200, JSON.stringify(body));
    return body as { items: ICacheEntryInfo[]; total: number; nextCursor: string | null };
  };
  const all = await look('limit=2');
  assert.deepEqual([all.items.length, all.total], [2, 3]);
  const rest = await look(`limit=2&cursor=${all.nextCursor}`);
  assert.deepEqual([rest.items.length, rest.nextCursor], [1, null]);
  assert.equal((await look('name=A.net&below=true&type=A')).total, 2);
  const flushed = await call('DELETE', `${dns}/cache?name=a.net&below=true`);
  assert.deepEqual(flushed.body, { flushed: 2 });
  assert.deepEqual((await call('DELETE', `${dns}/cache`)).body, { flushed: 1 });
  assert.equal((await look('')).total, 0);
  for (const query of ['name=a..b', 'type=x', 'cursor=eHg', 'below=1']) {
    problem(await call('GET', `${dns}/cache?${query}`), 400, 'REQUEST_INVALID');
  }
  problem(await call('DELETE', `${dns}/cache?name=..`), 400, 'REQUEST_INVALID');
});

test('GET /dns/stats; GET /stats has the sum', async (context) => {
  const { call } = await startApi(context);
  await call('POST', zones, small);
  const stats = (await call('GET', `${dns}/stats`)).body as IDnsStats;
  assert.deepEqual([stats.zones, stats.records, stats.queries.udp], [1, 5, 0]);
  const { dns: totals } = (await call('GET', '/api/v1/stats')).body as { dns: object };
  assert.deepEqual(Object.keys(totals), [
    'queries',
    'queriesPerSecond',
    'failed',
    'dropped',
    'cacheHitRate',
  ]);
});

test('POST /dns/check: problems with their lines, and nothing changes', async (context) => {
  const { call, control } = await startApi(context);
  await call('POST', zones, { ...small, records: ['@ 60 SOA ns1.example.net. h 7 2 1 9 1'] });
  const file =
    '@ 60 SOA ns h 7 2 1 9 1\n@ 60 NS ns\nns 60 A 192.0.2.1\nx 60 A 1\nx.net. 60 A 192.0.2.1\n';
  const answer = await call('POST', `${dns}/check?origin=example.com`, file, text);
  const found = answer.body as IZoneCheck;
  assert.deepEqual([answer.status, found.errors, found.warnings, found.serial], [200, 1, 1, null]);
  assert.deepEqual(
    found.problems.map(({ line }) => line),
    [4, 5],
  );
  const good = file.split('\n').slice(0, 3).join('\n');
  const compared = await call(
    'POST',
    `${dns}/check?origin=example.com&zone=example.com`,
    good,
    text,
  );
  assert.match(JSON.stringify(compared.body), /is not above 7/);
  const including = await call('POST', `${dns}/check?origin=a`, '$INCLUDE /etc/passwd\n', text);
  assert.doesNotMatch(JSON.stringify(including.body), /daemon:/);
  problem(await call('POST', `${dns}/check`, good, text), 400, 'REQUEST_INVALID');
  problem(await call('POST', `${dns}/check?origin=a..b`, good, text), 400, 'REQUEST_INVALID');
  problem(await call('POST', `${dns}/check?origin=a&zone=none`, good, text), 404, 'ZONE_UNKNOWN');
  problem(await call('POST', `${dns}/check?origin=a`, { a: 1 }), 415, 'UNSUPPORTED_MEDIA_TYPE');
  const noise = Buffer.from(Array.from({ length: 5_000 }, (_, at) => (at * 73) % 256)).toString(
    'latin1',
  );
  assert.equal((await call('POST', `${dns}/check?origin=a`, noise, text)).status, 200);
  assert.equal(control.zones.size, 1);
});

test('/dns/owned: set, list, remove', async (context) => {
  const { call } = await startApi(context);
  await call('POST', zones, small);
  const records = {
    name: '_acme-challenge.example.com',
    type: 'txt',
    data: ['"x"'],
    owner: 'acme:a',
    purpose: 'acme-challenge',
  };
  const made = await call('PUT', `${dns}/owned`, records);
  assert.equal(made.status, 200, JSON.stringify(made.body));
  assert.deepEqual(made.body, { ...records, name: '_acme-challenge.example.com.', type: 'TXT' });
  await call('PUT', `${dns}/owned`, { ...records, name: 'b.example.com', owner: 'acme:b' });
  const page = (await call('GET', `${dns}/owned?limit=1`)).body as {
    items: { owner: string }[];
    total: number;
    nextCursor: string;
  };
  assert.deepEqual([page.items[0]?.owner, page.total], ['acme:a', 2]);
  const next = (await call('GET', `${dns}/owned?cursor=${page.nextCursor}`)).body as typeof page;
  assert.deepEqual(
    next.items.map(({ owner }) => owner),
    ['acme:b'],
  );
  assert.equal(((await call('GET', `${dns}/owned?owner=acme:a`)).body as typeof page).total, 1);
  const bad: [path: string, input: unknown][] = [
    ['data', { ...records, data: [] }],
    ['data[0]', { ...records, data: ['v=spf1 -all'] }],
    ['name', { ...records, name: 'a..b' }],
    ['name', { ...records, name: 'a b' }],
    ['type', { ...records, type: 'NONE' }],
    ['owner', { ...records, owner: '' }],
    ['expiresAt', { ...records, expiresAt: 'tomorrow' }],
    ['odd', { ...records, odd: 1 }],
  ];
  for (const [path, input] of bad) {
    const { problems } = problem(await call('PUT', `${dns}/owned`, input), 422, 'ZONE_INVALID');
    assert.ok(
      problems.some((one) => one.path === path),
      `${path} ${JSON.stringify(problems)}`,
    );
  }
  problem(
    await call('PUT', `${dns}/owned`, { ...records, name: 'a.example.net' }),
    404,
    'ZONE_UNKNOWN',
  );
  problem(await call('DELETE', `${dns}/owned`), 400, 'REQUEST_INVALID');
  problem(await call('DELETE', `${dns}/owned?owner=acme:a&name=x`), 400, 'REQUEST_INVALID');
  const one = `${dns}/owned?owner=acme:a&name=_acme-challenge.example.com&type=TXT`;
  assert.deepEqual((await call('DELETE', one)).body, { removed: 1 });
  assert.deepEqual((await call('DELETE', one)).body, { removed: 0 });
  assert.deepEqual((await call('DELETE', `${dns}/owned?owner=acme:b`)).body, { removed: 1 });
});

interface IDnssec {
  enabled: boolean;
  withdrawing: boolean;
  options: object | null;
  keys: { role: string; ds: string | null }[];
  ds: string[];
}

test('/dns/zones/:zone/dnssec: sign, change, roll, confirm, withdraw; never a secret', async (context) => {
  const { call, store } = await startApi(context);
  await call('POST', zones, small);
  const path = `${zones}/example.com/dnssec`;
  const off = (await call('GET', path)).body as IDnssec;
  assert.deepEqual([off.enabled, off.options, off.keys], [false, null, []]);
  const on = await call('PUT', path, {});
  const signed = on.body as IDnssec;
  assert.deepEqual(
    [on.status, signed.enabled, signed.options],
    [200, true, {}],
    JSON.stringify(signed),
  );
  assert.ok(signed.keys.length > 0);
  const tag = on.headers.get('etag') ?? '';
  assert.equal((await call('GET', path, undefined, { 'if-none-match': tag })).status, 304);
  const patched = await call('PATCH', path, { denial: 'nsec3' }, { 'if-match': tag });
  assert.deepEqual(
    (patched.body as IDnssec).options,
    { denial: 'nsec3' },
    JSON.stringify(patched.body),
  );
  problem(
    await call('PATCH', path, { denial: 'nsec' }, { 'if-match': tag }),
    412,
    'PRECONDITION_FAILED',
  );
  problem(await call('PATCH', path, { denial: 'none' }), 422, 'ZONE_INVALID');
  problem(await call('PATCH', path, []), 422, 'ZONE_INVALID');
  problem(await call('PUT', path, { alg: 1 }), 422, 'ZONE_INVALID');
  assert.equal((await call('POST', `${path}/roll`, { role: 'csk' })).status, 200);
  problem(await call('POST', `${path}/roll`, { role: 'all' }), 422, 'BODY_INVALID');
  problem(await call('POST', `${path}/roll`, { role: 'zsk' }), 422, 'ZONE_INVALID');
  const { ds } = (await call('GET', path)).body as IDnssec;
  const confirmed = await call('POST', `${path}/ds`, { ds });
  assert.equal(confirmed.status, 200, JSON.stringify(confirmed.body));
  problem(await call('POST', `${path}/ds`, { ds: ['nonsense'] }), 422, 'ZONE_INVALID');
  problem(await call('POST', `${path}/ds`, { ds: 'x' }), 422, 'BODY_INVALID');
  const query = `${dns}/query?name=www.example.com&dnssec=true`;
  const { answer } = (await call('GET', query)).body as IQueryExplanation;
  assert.ok(answer.some(({ type }) => type === 'RRSIG'));
  const served = String((await call('GET', `${zones}/example.com/export?source=served`)).body);
  assert.match(served, /\tDNSKEY\t/);
  assert.doesNotMatch(String((await call('GET', `${zones}/example.com/export`)).body), /DNSKEY/);

  // With a memory store the keys lie there as they are: no answer may have any of it.
  const kept = (await store.entries('dns-keys')).map(([, value]) => JSON.stringify(value)).join();
  const secrets = [...kept.matchAll(/[A-Za-z0-9+/_=-]{40,}/g)].map(([word]) => word);
  assert.ok(secrets.length > 0);
  const places = [
    '/api/v1/config',
    '/api/v1/config/export?secrets=true',
    path,
    zones,
    `${zones}/example.com`,
  ];
  const told = await Promise.all(
    places.map(async (one) => JSON.stringify((await call('GET', one)).body)),
  );
  const keysToldPublicly = /"dnskey":"[^"]*"/g;
  for (const answerText of told) {
    const rest = answerText.replace(keysToldPublicly, '');
    assert.ok(!secrets.some((secret) => rest.includes(secret) && !served.includes(secret)));
    assert.doesNotMatch(answerText, /PRIVATE|privateKey|"secret"/);
  }

  const gone = (await call('DELETE', path)).body as IDnssec;
  assert.equal(gone.options, null);
  problem(await call('GET', `${zones}/none/dnssec`), 404, 'ZONE_UNKNOWN');
  problem(await call('PUT', `${zones}/none/dnssec`), 404, 'ZONE_UNKNOWN');
});

/** Reads an export as a file, takes it in elsewhere, and gives the zone as a master file. */
async function broughtBack(exported: string, context: Parameters<typeof startApi>[0]) {
  const value = parse(exported) as IDcRouterOptions;
  const { options } = parseOptions(value);
  const other = await startApi(context);
  await takeInBase(other.control, {
    zones: options.dns?.zones as IZoneOptions[],
    dns: options.dns,
  });
  return { value, other };
}

async function setsOf(call: TCall, zone: string) {
  const { body } = await call('GET', `${zones}/${zone}/records?limit=1000`);
  const { items } = body as {
    items: { type: string; name: string; ttl: number; data: string[] }[];
  };
  return items
    .filter(({ type }) => type !== 'SOA')
    .map(({ name, type, ttl, data }) => ({ name, type, ttl, data }));
}

for (const format of ['json', 'yaml'] as const) {
  test(`config export as ${format}: zones come back with all that was changed; secrets are masked`, async (context) => {
    const { call, control, process } = await startApi(context);
    const key = { secret: Buffer.alloc(32, 7).toString('base64') };
    process.base = { dns: { keys: { transfer: key }, nsid: 'a: "b"', zones: [] } };
    await takeInBase(control, {
      zones: [{ ...small, name: 'file.example' }],
      dns: process.base.dns,
    });
    await call('POST', zones, small);
    await call('POST', zones, {
      name: 'b.example',
      primaries: [{ address: '192.0.2.53', key: 'transfer' }],
    });
    await call('PUT', `${zones}/example.com/records/www/A`, {
      ttl: 7,
      data: ['192.0.2.8', '192.0.2.9'],
    });
    await call('PUT', `${zones}/example.com/records/odd/TXT`, {
      data: '"a: b # c" "\\"q\\" \\007"',
    });
    await call('PUT', `${zones}/example.com/records/lb/A`, { ttl: 5, health: { upstream: 'web' } });
    await call('DELETE', `${zones}/example.com/records/alias/CNAME`);
    const imported = '@ 60 SOA ns.x. h.x. 4 2 1 9 1\n@ 60 NS ns.x.\nimported 60 A 192.0.2.3\n';
    await call('POST', zones, { ...small, name: 'c.example' });
    await call('PUT', `${zones}/c.example/import`, imported, text);

    const masked = await call('GET', `/api/v1/config/export?format=${format}`);
    const shown = typeof masked.body === 'string' ? masked.body : JSON.stringify(masked.body);
    assert.ok(!shown.includes(key.secret));
    const whole = await call('GET', `/api/v1/config/export?format=${format}&secrets=true`);
    const exported = typeof whole.body === 'string' ? whole.body : JSON.stringify(whole.body);
    const { value, other } = await broughtBack(exported, context);
    assert.equal(value.dns?.nsid, 'a: "b"');
    assert.deepEqual(value.dns?.keys?.transfer, key);
    for (const zone of ['example.com', 'file.example', 'c.example']) {
      assert.deepEqual(await setsOf(other.call, zone), await setsOf(call, zone), zone);
    }
    assert.equal(other.control.zones.size, 4);
    assert.match(exported, /192\.0\.2\.3/);
  });
}

test('config diff: zones that came, changed, or have other records', async (context) => {
  const { call, control } = await startApi(context);
  const records = Array.from({ length: 30 }, (_, at) => `h${at} A 192.0.2.1`);
  await takeInBase(control, {
    zones: [
      { ...small, records },
      { ...small, name: 'b.example' },
    ],
  });
  await call('PUT', `${zones}/example.com/records/new/A`, { data: '192.0.2.1' });
  await call('PATCH', `${zones}/b.example`, { ttl: 5 });
  await call('POST', zones, {
    ...small,
    name: 'c.example',
    records: [...records, 'x'.padEnd(5_000, 'x ').concat('\n; x')],
  });
  await call('POST', zones, { ...small, name: 'c.example', records });
  await call('DELETE', `${zones}/b.example/records/www/A`);
  const { body } = await call('GET', '/api/v1/config/diff');
  const { items } = (
    body as {
      overlay: {
        items: {
          key: string;
          kind: string;
          change: string;
          recordSets?: number;
          after?: { records: string[] };
        }[];
      };
    }
  ).overlay;
  assert.deepEqual(
    items.map(({ kind, key, change, recordSets = 0 }) => [kind, key, change, recordSets]),
    [
      ['zone', 'b.example', 'changed', 1],
      ['zone', 'c.example', 'added', 0],
      ['zone', 'example.com', 'changed', 1],
    ],
  );
  assert.deepEqual(
    [items[1]?.after?.records.length, items[1]?.after?.records.at(-1)],
    [21, 'and 10 more'],
  );
  assert.ok(!('after' in (items[2] ?? {})), 'its options are the file’s');
});

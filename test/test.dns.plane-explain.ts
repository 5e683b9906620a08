import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseName } from '../ts/dns/codec/name.ts';
import { DnssecKey, ZoneSigner } from '../ts/dns/dnssec/index.ts';
import type { TExplainedStep } from '../ts/dns/plane/index.ts';
import { singleKey } from './dns/dnssec/signed-zone.ts';
import { planeOf, upstreamOf } from './dns/plane.ts';
import { zoneOf } from './dns/query.ts';

const foreign = `
  test. 60 SOA ns.test. h.test. 1 1 1 1 30
  www.test. 60 A 198.51.100.1
  a.test. 60 A 198.51.100.2
  x.a.test. 60 A 198.51.100.3
`;

/** Steps as `kind detail`. */
const told = (path: readonly TExplainedStep[]): string[] => path.map(stepText);

function stepText(step: TExplainedStep): string {
  switch (step.kind) {
    case 'view':
      return `view ${step.view}`;
    case 'zone':
      return `${step.zone} ${step.name} ${step.found} ${step.wildcard} ${step.target}`;
    case 'foreign':
      return `foreign ${step.name}`;
    case 'resolver':
      return `resolver ${step.name} ${step.origin} ${step.security}`;
    case 'query':
      return `query ${step.server} ${step.name} ${step.type} ${step.outcome}`;
  }
}

async function asked(context: Parameters<typeof planeOf>[0]) {
  const upstream = await upstreamOf(context, foreign);
  const made = await planeOf(context);
  made.book.set(
    'example.org',
    'www CNAME mid\nmid CNAME www.example.net.\nout CNAME www.test.\n*.wild A 192.0.2.5\nsub NS ns',
  );
  made.book.set('example.net', 'www 60 A 192.0.2.7');
  made.book.set('example.net', 'www 60 A 10.0.0.7', 'office');
  made.book.serve('late.org', null);
  const views = [{ name: 'office', clients: ['10.0.0.0/8'] }];
  await made.use({ listeners: {}, views, resolver: { servers: [upstream.server] } });
  return { ...made, upstream };
}

const cases: [string, object, string, string[]][] = [
  [
    'aliases through our zones',
    { name: 'www.example.org' },
    'NOERROR 3',
    [
      'view null',
      'example.org www.example.org. cname null mid.example.org.',
      'example.org mid.example.org. cname null www.example.net.',
      'example.net www.example.net. answer null null',
    ],
  ],
  [
    'the view of a client',
    { name: 'www.example.net', client: '10.1.2.3' },
    'NOERROR 1',
    ['view office', 'example.net@office www.example.net. answer null null'],
  ],
  [
    'a view by name, and a wildcard',
    { name: 'a.wild.example.org', view: 'office' },
    'NOERROR 1',
    ['view office', 'example.org a.wild.example.org. answer *.wild.example.org. null'],
  ],
  [
    'out of our zones, to the resolver',
    { name: 'out.example.org' },
    'NOERROR 2',
    [
      'view null',
      'example.org out.example.org. cname null www.test.',
      'foreign www.test.',
      'resolver www.test. network unchecked',
    ],
  ],
  [
    'what a stranger gets',
    { name: 'out.example.org', from: 'zones' },
    'NOERROR 1',
    ['view null', 'example.org out.example.org. cname null www.test.', 'foreign www.test.'],
  ],
  [
    'a delegation',
    { name: 'x.sub.example.org', from: 'zones' },
    'NOERROR 0',
    ['view null', 'example.org x.sub.example.org. delegation null sub.example.org.'],
  ],
  [
    'no such name, and no such type',
    { name: 'none.example.org', type: 'aaaa' },
    'NXDOMAIN 0',
    ['view null', 'example.org none.example.org. nxdomain null null'],
  ],
  [
    'a zone that is not loaded',
    { name: 'www.late.org' },
    'SERVFAIL 0',
    ['view null', 'late.org www.late.org. servfail null null'],
  ],
  [
    'nothing that is ours, as a stranger',
    { name: 'www.test', from: 'zones' },
    'REFUSED 0',
    ['view null', 'foreign www.test.'],
  ],
  [
    'past our zones',
    { name: 'www.example.net', from: 'resolver' },
    'NXDOMAIN 0',
    ['resolver www.example.net. network unchecked'],
  ],
];

for (const [what, request, outcome, steps] of cases) {
  test(`query(): ${what}`, async (context) => {
    const { plane } = await asked(context);
    const { path, rcode, answer } = await plane.query({ name: '', ...request });
    assert.equal(`${rcode} ${answer.length}`, outcome);
    assert.deepEqual(told(path), steps);
  });
}

test('query(): from the cache, and with each query to a server', async (context) => {
  const { plane, upstream } = await asked(context);
  await plane.query({ name: 'www.test' });
  const kept = await plane.query({ name: 'www.test' });
  assert.equal(told(kept.path).at(-1), 'resolver www.test. cache unchecked');
  const traced = await plane.query({ name: 'www.test', trace: true });
  assert.deepEqual(told(traced.path).slice(2), [
    'query 127.0.0.1 www.test. A answer',
    'resolver www.test. network unchecked',
  ]);
  assert.equal(upstream.asked.length, 2);
  assert.deepEqual(traced.answer, [
    { name: 'www.test.', type: 'A', ttl: 60, data: '198.51.100.1' },
  ]);
});

test('query(): what is no name, type, client or view', async (context) => {
  const { plane } = await asked(context);
  const long = `${'a'.repeat(64)}.org`;
  for (const request of [
    { name: '' },
    { name: 'a..b' },
    { name: long },
    { name: 'x', type: 'NOSUCH' },
    { name: 'x', type: 'AXFR' },
    { name: 'x', type: 'OPT' },
    { name: 'x', client: '10.0.0' },
    { name: 'x', view: 'other' },
  ]) {
    await assert.rejects(plane.query(request), { code: 'CONFIG_INVALID' }, JSON.stringify(request));
  }
});

test('the resolver asks our own zones first, and what we sign is proven', async (context) => {
  const { plane, book, upstream } = await asked(context);
  const key = DnssecKey.generate(15, 257);
  const keys = singleKey(key, 60);
  const signer = new ZoneSigner(parseName('signed.org'), keys);
  const text =
    '@ 300 SOA ns h 1 1 1 1 60\n@ 300 NS ns\nns 60 A 192.0.2.1\n_25._tcp TLSA 3 1 1 00\nout CNAME www.test.';
  book.serve('signed.org', {
    zone: signer.prepare(zoneOf(text, 'signed.org.')),
    signer,
    draws: [],
  });
  const resolve = async (name: string, type = 'A') => {
    const { rcode, records, authenticated, origin } = await plane.resolver.resolve(name, type);
    return [rcode, records.map(({ data }) => data).join(' '), authenticated, origin];
  };
  assert.deepEqual(await resolve('www.example.org'), ['NOERROR', '192.0.2.7', false, 'local']);
  assert.deepEqual(await resolve('ns.signed.org'), ['NOERROR', '192.0.2.1', true, 'local']);
  assert.deepEqual(await resolve('_25._tcp.signed.org', 'TLSA'), [
    'NOERROR',
    '3 1 1 00',
    true,
    'local',
  ]);
  assert.deepEqual(await resolve('none.signed.org'), ['NXDOMAIN', '', true, 'local']);
  assert.deepEqual(await resolve('out.signed.org'), ['NOERROR', '198.51.100.1', false, 'local']);
  assert.deepEqual(await resolve('localhost'), ['NOERROR', '127.0.0.1', false, 'local']);
  assert.deepEqual(upstream.asked, ['www.test. A']);
  // A zone that is not loaded may have other servers.
  assert.deepEqual(await resolve('www.late.org'), ['NXDOMAIN', '', false, 'network']);
});

test('the cache is shown and flushed: by name, below it, by type, in pages', async (context) => {
  const { plane } = await asked(context);
  for (const name of ['www.test', 'a.test', 'x.a.test', 'no.test']) {
    await plane.resolver.resolve(name, 'A');
  }
  const names = (query = {}) => plane.cache.look(query).entries.map(({ name }) => name);
  assert.deepEqual(names(), ['no.test.', 'x.a.test.', 'a.test.', 'www.test.']);
  assert.deepEqual(names({ name: 'A.test' }), ['a.test.']);
  assert.deepEqual(names({ name: 'a.test', below: true }), ['x.a.test.', 'a.test.']);
  assert.deepEqual(names({ type: 'AAAA' }), ['no.test.']);
  const page = plane.cache.look({ offset: 1, limit: 2 });
  assert.deepEqual([page.entries.length, page.total], [2, 4]);
  const [absent] = plane.cache.look({ name: 'no.test' }).entries;
  assert.deepEqual([absent?.type, absent?.rcode], [null, 'NXDOMAIN']);
  const [present] = plane.cache.look({ name: 'www.test' }).entries;
  assert.deepEqual(present?.records, [
    { name: 'www.test.', type: 'A', ttl: 60, data: '198.51.100.1' },
  ]);
  assert.throws(() => plane.cache.look({ name: '..' }), { code: 'CONFIG_INVALID' });
  assert.equal(plane.cache.flush({ name: 'a.test', below: true }), 2);
  assert.deepEqual(names(), ['no.test.', 'www.test.']);
  assert.equal(plane.cache.flush(), 2);
  assert.deepEqual(names(), []);
});

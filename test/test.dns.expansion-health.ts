import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { Answerer, ZoneSet } from '../ts/dns/answer/index.ts';
import { parseName } from '../ts/dns/codec/name.ts';
import { rcodeName, recordType } from '../ts/dns/codec/types.ts';
import type { IHealthRecordSet } from '../ts/dns/zones/stages.ts';
import type { IHealthMember, IHealthRecords } from '../ts_interfaces/index.ts';
import { expanding } from './dns/expanding.ts';
import { decoded, queryFor, zoneOf } from './dns/query.ts';
import { pass } from './dns/stages.ts';
import { randomFrom } from './suites/random.ts';

const head = '$TTL 300\n@ SOA ns h 1 7200 900 1209600 60\n@ NS ns\nns A 192.0.2.53\n';
const name = parseName('app.example.org');

function setOf(health: Partial<IHealthRecords> = {}, type = 1, owner = name): IHealthRecordSet {
  return { name: owner, type, ttl: 60, health: { upstream: 'web', ...health } };
}

function setup(t: TestContext, health: Partial<IHealthRecords> = {}, lines = '') {
  const all = expanding(t);
  const begin = () => all.load(zoneOf(head + lines), [setOf(health), setOf(health, 28)]);
  const draw = (type = 1) => all.book.closest(name)?.served?.draws.find((one) => one.type === type);
  const a = () => all.served(name, 'A');
  const aaaa = () => all.served(name, 'AAAA');
  return { ...all, begin, draw, a, aaaa };
}

test('the addresses of what lives are answered, by family and weight, and change with it', async (t) => {
  const { health, begin, draw, a, aaaa, settled } = setup(t, { answers: 1 });
  const backends = [
    { hostname: '192.0.2.2', weight: 5 },
    { hostname: '192.0.2.1', weight: 3 },
    { hostname: '2001:db8::1', weight: 2 },
    { hostname: '192.0.2.9', isAlive: false },
  ];
  health.set('web', backends);
  begin();
  assert.deepEqual(a(), ['192.0.2.1', '192.0.2.2']);
  assert.deepEqual(aaaa(), ['2001:db8::1']);
  assert.deepEqual([draw()?.weights, draw()?.answers], [[3, 5], 1]);
  assert.equal(draw(28), undefined, 'one address is not drawn, so that its answer is kept');
  health.set(
    'web',
    backends.map((backend) => ({ ...backend, isAlive: true })),
  );
  await settled();
  assert.deepEqual(a(), ['192.0.2.1', '192.0.2.2', '192.0.2.9']);
});

test('what changes nothing is published by nobody, and many changes at once only once', async (t) => {
  const { health, begin, published, a, settled } = setup(t);
  health.set('web', [{}, {}]);
  begin();
  await settled();
  const before = published.length;
  for (let index = 0; index < 10; index++) health.tell();
  health.set('other', [{ isAlive: false }]);
  health.set('web', [{ isAlive: false }, {}]);
  health.set('web', [{}, {}]);
  await settled();
  assert.equal(published.length, before);
  for (const isAlive of [true, false]) health.set('web', [{ isAlive }, {}]);
  await settled();
  assert.equal(published.length, before + 1);
  assert.deepEqual(a(), ['192.0.2.2']);
});

test('weights alone are a change', async (t) => {
  const { health, begin, draw, settled } = setup(t);
  health.set('web', [{ weight: 1 }, { weight: 1 }]);
  begin();
  health.set('web', [{ weight: 1 }, { weight: 9 }]);
  await settled();
  assert.deepEqual(draw()?.weights, [1, 9]);
});

const dead = [{ isAlive: false }, { isAlive: false, weight: 4 }];
const whenDead: {
  title: string;
  health: Partial<IHealthRecords>;
  a: string[];
  aaaa: string[];
  types: string[];
}[] = [
  { title: 'all by default', health: {}, a: ['192.0.2.1', '192.0.2.2'], aaaa: [], types: ['A'] },
  { title: 'none', health: { whenAllDead: 'none' }, a: [], aaaa: [], types: ['ALIAS'] },
  { title: 'SERVFAIL', health: { whenAllDead: 'servfail' }, a: ['failed'], aaaa: [], types: ['A'] },
  {
    title: 'the fallback of the family',
    health: { whenAllDead: 'fallback', fallback: ['203.0.113.9', '2001:db8::9', '203.0.113.8'] },
    a: ['203.0.113.8', '203.0.113.9'],
    aaaa: [],
    types: ['A'],
  },
  {
    title: 'a fallback without addresses',
    health: { whenAllDead: 'fallback', fallback: [] },
    a: [],
    aaaa: [],
    types: ['ALIAS'],
  },
];

for (const { title, health: options, a: wanted, aaaa: wanted6, types: kept } of whenDead) {
  test(`when all are dead: ${title}`, (t) => {
    const { health, begin, a, aaaa, types } = setup(t, options);
    health.set('web', dead);
    begin();
    assert.deepEqual(a(), wanted);
    assert.deepEqual(aaaa(), wanted6);
    assert.deepEqual(types(name), kept);
  });
}

test('an upstream that is not there is all dead and warned of, until it comes', async (t) => {
  for (const [whenAllDead, wanted] of [
    [undefined, ['failed']],
    ['servfail', ['failed']],
    ['none', []],
    ['fallback', ['203.0.113.9']],
  ] as const) {
    const fallback = whenAllDead === 'fallback' ? { fallback: ['203.0.113.9'] } : {};
    const { health, begin, a, book, settled } = setup(t, { whenAllDead, ...fallback });
    begin();
    await settled();
    assert.deepEqual(a(), wanted, whenAllDead);
    assert.match(book.warnings.get('example.org expansion') ?? '', /no upstream "web"/);
    health.set('web', [{}]);
    await settled();
    assert.deepEqual(a(), ['192.0.2.1']);
    assert.equal(book.warnings.size, 0);
  }
});

test('members stand for backends: each for its own, without one for any', async (t) => {
  const members: IHealthMember[] = [
    { address: '198.51.100.1', backend: 'b0', weight: 7 },
    { address: '198.51.100.2', backend: 'b1' },
    { address: '198.51.100.3' },
    { address: '2001:db8::3' },
    { address: '198.51.100.4', backend: 'gone' },
  ];
  const { health, begin, a, aaaa, draw, book, settled } = setup(t, { members });
  health.set('web', [{ weight: 2 }, { weight: 3 }]);
  begin();
  assert.deepEqual(a(), ['198.51.100.1', '198.51.100.2', '198.51.100.3']);
  assert.deepEqual(draw()?.weights, [7, 3, 1]);
  assert.deepEqual(aaaa(), ['2001:db8::3']);
  await settled();
  assert.match(book.warnings.get('example.org expansion') ?? '', /no backend "gone"/);
  health.set('web', [{ isAlive: false }, {}]);
  await settled();
  assert.deepEqual(a(), ['198.51.100.2', '198.51.100.3']);
  health.set('web', dead);
  await settled();
  assert.equal(a().length, 4, 'all, when nothing lives');
});

test('members of an unknown upstream are all dead, and none of them is asked for', (t) => {
  const members = [{ address: '198.51.100.1' }];
  const { begin, a, resolver } = setup(t, { members, whenAllDead: 'servfail' });
  begin();
  assert.deepEqual(a(), ['failed']);
  assert.deepEqual(resolver.asked, []);
});

test('backends by name are resolved and followed, the weight is shared by their addresses', async (t) => {
  const { health, begin, a, aaaa, draw, resolver, settled, clock, book } = setup(t);
  resolver.set('one.test.', 'A', { data: ['198.51.100.1', '198.51.100.2'], ttl: 20 });
  resolver.set('one.test.', 'AAAA', { data: [], ttl: 20 });
  resolver.set('two.test.', 'A', { data: ['198.51.100.3'], ttl: 600 });
  resolver.set('two.test.', 'AAAA', { data: [], ttl: 600 });
  health.set('web', [
    { hostname: 'one.test', weight: 4 },
    { hostname: 'two.test', weight: 2 },
  ]);
  begin();
  assert.deepEqual(a(), ['failed']);
  await settled();
  assert.deepEqual(a(), ['198.51.100.1', '198.51.100.2', '198.51.100.3']);
  assert.deepEqual(draw()?.weights, [2, 2, 2]);
  assert.equal(book.closest(name)?.served?.zone.rrset(name, 1)?.ttl, 20);
  assert.deepEqual(aaaa(), []);
  resolver.set('one.test.', 'A', { data: ['198.51.100.9'], ttl: 20 });
  await pass(clock, 60, 5);
  assert.deepEqual(a(), ['198.51.100.3', '198.51.100.9']);
  health.set('web', [{ hostname: 'two.test' }]);
  await settled();
  resolver.asked.length = 0;
  await pass(clock, 1800, 60);
  assert.ok(resolver.asked.length > 0);
  assert.ok(resolver.asked.every((question) => question.startsWith('two.test.')));
});

test('a backend that does not resolve is warned of, the others are answered', async (t) => {
  const { health, begin, a, book, settled } = setup(t);
  health.set('web', [
    { hostname: 'gone.test' },
    { hostname: '192.0.2.1' },
    { hostname: 'not a name..' },
  ]);
  begin();
  await settled();
  assert.deepEqual(a(), ['192.0.2.1']);
  const warning = book.warnings.get('example.org expansion') ?? '';
  assert.match(warning, /"gone\.test\." does not exist/);
  assert.match(warning, /is no name/);
});

test('a backend whose name is in our zones is found there, a circle fails', async (t) => {
  const { health, load, served, settled } = expanding(t);
  health.set('web', [{ hostname: 'ns.example.org' }]);
  health.set('loop', [{ hostname: 'loop.example.org' }]);
  const loop = parseName('loop.example.org');
  load(zoneOf(head), [setOf(), setOf({ upstream: 'loop' }, 1, loop)]);
  await settled(20);
  assert.deepEqual(served(name, 'A'), ['192.0.2.53']);
  assert.deepEqual(served(loop, 'A'), ['failed']);
});

test('an ALIAS of a record set by health has what lives, in the same zone and in another', async (t) => {
  const { health, load, served, settled } = expanding(t);
  health.set('web', [{}, {}]);
  load(zoneOf(`${head}@ ALIAS app\n`), [setOf()]);
  load(
    zoneOf('@ 60 SOA ns h 1 1 1 1 60\n@ 60 NS ns\n@ 60 ALIAS app.example.org.\n', 'other.test.'),
  );
  const other = parseName('other.test');
  for (const [isAlive, wanted] of [
    [true, ['192.0.2.1', '192.0.2.2']],
    [false, ['192.0.2.2']],
    [true, ['192.0.2.1', '192.0.2.2']],
  ] as const) {
    health.set('web', [{ isAlive }, {}]);
    await settled();
    assert.deepEqual(served(parseName('example.org'), 'A'), wanted);
    assert.deepEqual(served(other, 'A'), wanted);
  }
});

test('a backend with the weight 0 is answered only when there is no other', async (t) => {
  const { health, begin, a, settled } = setup(t);
  health.set('web', [{ weight: 0 }, { weight: 1 }]);
  begin();
  assert.deepEqual(a(), ['192.0.2.2']);
  health.set('web', [{ weight: 0 }, { weight: 1, isAlive: false }]);
  await settled();
  assert.deepEqual(a(), ['192.0.2.1']);
});

test('backends with one address are one address, which lives while one of them does', (t) => {
  const { health, begin, a } = setup(t);
  health.set('web', [{ hostname: '192.0.2.1', isAlive: false }, { hostname: '192.0.2.1' }]);
  begin();
  assert.deepEqual(a(), ['192.0.2.1']);
});

test('clients get addresses as often as the weights say, and SERVFAIL when that was chosen', async (t) => {
  const { health, begin, book, settled } = setup(t, { answers: 1, whenAllDead: 'servfail' });
  const next = randomFrom(4711);
  const zones = new ZoneSet();
  const answerer = new Answerer(zones, { random: () => next(2 ** 32) / 2 ** 32 });
  book.follow({
    onServed: ({ served }) => {
      if (served !== null) zones.set(served.zone, null, served.draws);
    },
    onRemoved: () => undefined,
  });
  const out = Buffer.alloc(4096);
  const client = { address: '192.0.2.77', transport: 'udp' } as const;
  const ask = (type = 'A') =>
    decoded(
      Buffer.from(out.subarray(0, answerer.answer(queryFor('app.example.org', type), client, out))),
    );
  health.set('web', [{ weight: 10 }, { weight: 30 }, { weight: 60 }]);
  begin();
  const counts = new Map<string, number>();
  for (let round = 0; round < 10_000; round++) {
    const { answer } = ask();
    assert.equal(answer.length, 1);
    const address = answer[0]?.rdata.join('.') ?? '';
    counts.set(address, (counts.get(address) ?? 0) + 1);
  }
  for (const [address, share] of [
    ['192.0.2.1', 0.1],
    ['192.0.2.2', 0.3],
    ['192.0.2.3', 0.6],
  ] as const) {
    assert.ok(Math.abs((counts.get(address) ?? 0) / 10_000 - share) < 0.02, address);
  }
  health.set('web', [{ isAlive: false }, { isAlive: false }, { isAlive: false }]);
  await settled();
  assert.equal(rcodeName(ask().rcode), 'SERVFAIL');
  assert.equal(rcodeName(ask('TXT').rcode), 'NOERROR');
  health.set('web', [{ isAlive: false }, {}, { isAlive: false }]);
  await settled();
  assert.deepEqual(
    ask().answer.map(({ rdata }) => rdata.join('.')),
    ['192.0.2.2'],
  );
  assert.equal(ask().answer[0]?.type, recordType.A);
});

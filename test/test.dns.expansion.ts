import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseName } from '../ts/dns/codec/name.ts';
import { expanding } from './dns/expanding.ts';
import { zoneOf } from './dns/query.ts';
import { pass } from './dns/stages.ts';

const head = '$TTL 300\n@ SOA ns h 1 7200 900 1209600 60\n@ NS ns\nns A 192.0.2.53\n';
const n = (name: string) => parseName(`${name}.example.org`);
const apex = parseName('example.org');

test('an ALIAS at the apex is answered with its target beside SOA and NS', async (t) => {
  const { load, resolver, served, types, settled } = expanding(t);
  resolver.set('cdn.test.', 'A', { data: ['198.51.100.2', '198.51.100.1'] });
  resolver.set('cdn.test.', 'AAAA', { data: ['2001:db8::1'] });
  load(zoneOf(`${head}@ ALIAS cdn.test.\n`));
  assert.deepEqual(served(apex, 'A'), ['failed'], 'nobody knows it yet');
  await settled();
  assert.deepEqual(served(apex, 'A'), ['198.51.100.1', '198.51.100.2']);
  assert.deepEqual(served(apex, 'AAAA'), ['2001:db8::1']);
  assert.deepEqual(types(apex), ['A', 'NS', 'SOA', 'AAAA']);
});

test('its TTL is the lower of both; it is followed by the target, at the earliest after 5 s', async (t) => {
  const { load, resolver, book, clock, settled } = expanding(t);
  const ttlOf = (name: string) => book.closest(n(name))?.served?.zone.rrset(n(name), 1)?.ttl;
  const asked = (name: string) =>
    resolver.asked.filter((text) => text === `${name}.test. A`).length;
  for (const [name, ttl] of [
    ['zero', 0],
    ['short', 30],
    ['long', 999_999],
  ] as const) {
    resolver.set(`${name}.test.`, 'A', { data: ['198.51.100.1'], ttl });
    resolver.set(`${name}.test.`, 'AAAA', { data: [], ttl: 3600 });
  }
  load(zoneOf(`${head}zero ALIAS zero.test.\nshort ALIAS short.test.\nlong ALIAS long.test.\n`));
  await settled();
  assert.deepEqual([ttlOf('zero'), ttlOf('short'), ttlOf('long')], [0, 30, 300]);
  await pass(clock, 3 * 3600, 5);
  assert.ok(asked('zero') > 1000 && asked('zero') <= (3 * 3600) / 5 + 1);
  assert.ok(asked('short') > 200 && asked('short') <= (3 * 3600) / 30 + 1);
  assert.ok(asked('long') >= 3 && asked('long') <= 4);
});

test('other addresses are published, the same ones are not, nor the rest of a TTL in a cache', async (t) => {
  const { load, resolver, published, clock, served, settled } = expanding(t);
  resolver.set('cdn.test.', 'A', { data: ['198.51.100.1', '198.51.100.2'], ttl: 60 });
  resolver.set('cdn.test.', 'AAAA', { data: [], ttl: 60 });
  load(zoneOf(`${head}www ALIAS cdn.test.\n`));
  await settled();
  const before = published.length;
  resolver.set('cdn.test.', 'A', { data: ['198.51.100.2', '198.51.100.1'], ttl: 60 });
  await pass(clock, 300, 30);
  resolver.set('cdn.test.', 'A', {
    data: ['198.51.100.1', '198.51.100.2'],
    ttl: 17,
    origin: 'cache',
  });
  await pass(clock, 300, 30);
  assert.equal(published.length, before);
  resolver.set('cdn.test.', 'A', { data: ['198.51.100.3'], ttl: 60 });
  await pass(clock, 120, 30);
  assert.equal(published.length, before + 1);
  assert.deepEqual(served(n('www'), 'A'), ['198.51.100.3']);
});

test('when the resolver fails the last addresses stay; a name that is gone takes them along', async (t) => {
  const { load, resolver, clock, served, book, settled, types } = expanding(t);
  resolver.set('cdn.test.', 'A', { data: ['198.51.100.1'], ttl: 60 });
  load(zoneOf(`${head}www ALIAS cdn.test.\n`));
  await settled();
  assert.deepEqual(served(n('www'), 'AAAA'), ['failed'], 'NXDOMAIN of one type only');
  for (const failure of [{ rcode: 'SERVFAIL' }, new Error('no network'), { data: ['nonsense'] }]) {
    resolver.set('cdn.test.', 'A', failure);
    await pass(clock, 3600, 30);
    assert.deepEqual(served(n('www'), 'A'), ['198.51.100.1']);
  }
  resolver.set('cdn.test.', 'A', { rcode: 'NXDOMAIN' });
  await pass(clock, 600, 30);
  assert.deepEqual(served(n('www'), 'A'), ['failed']);
  assert.deepEqual(types(n('www')), ['ALIAS'], 'the name goes on to exist');
  assert.match(
    book.warnings.get('example.org expansion') ?? '',
    /www.*"cdn\.test\." does not exist/,
  );
  resolver.set('cdn.test.', 'A', { data: ['198.51.100.7'] });
  resolver.set('cdn.test.', 'AAAA', { data: [] });
  await pass(clock, 600, 30);
  assert.deepEqual(served(n('www'), 'A'), ['198.51.100.7']);
  assert.deepEqual(types(n('www')), ['A']);
  assert.equal(book.warnings.size, 0);
});

test('a warning that changes alone publishes nothing', async (t) => {
  const { load, resolver, clock, book, published, settled } = expanding(t);
  load(zoneOf(`${head}www ALIAS cdn.test.\n`));
  await settled();
  const before = published.length;
  resolver.set('cdn.test.', 'A', { rcode: 'SERVFAIL' });
  resolver.set('cdn.test.', 'AAAA', { rcode: 'SERVFAIL' });
  await pass(clock, 600, 30);
  assert.equal(published.length, before);
  assert.match(book.warnings.get('example.org expansion') ?? '', /SERVFAIL/);
});

test('a target without addresses makes a name that exists without them', async (t) => {
  const { load, resolver, served, types, settled } = expanding(t);
  resolver.set('cdn.test.', 'A', { data: [] });
  resolver.set('cdn.test.', 'AAAA', { data: [] });
  load(zoneOf(`${head}www ALIAS cdn.test.\nmore ALIAS cdn.test.\nmore TXT "x"\n`));
  await settled();
  assert.deepEqual(served(n('www'), 'A'), []);
  assert.deepEqual(types(n('www')), ['ALIAS']);
  assert.deepEqual(types(n('more')), ['TXT']);
});

test('names in our own zones are followed at once, through CNAME, ALIAS and wildcards', (t) => {
  const { load, served, resolver } = expanding(t);
  load(
    zoneOf(
      '@ 60 SOA ns h 1 1 1 1 60\n@ 60 NS ns\nhost 60 A 203.0.113.1\n*.any 60 A 203.0.113.2\nhop 60 ALIAS host\n',
      'other.test.',
    ),
  );
  const lines = [
    'one ALIAS host.other.test.',
    'two ALIAS x.any.other.test.',
    'three ALIAS hop.other.test.',
    'four ALIAS cname',
    'cname CNAME hop.other.test.',
    'five ALIAS four',
    'six ALIAS ns',
    '*.wild ALIAS ns',
    'seven ALIAS deep.wild',
    'none ALIAS missing.other.test.',
    'old DNAME other.test.',
    'eight ALIAS host.old',
  ];
  load(zoneOf(`${head}${lines.join('\n')}\n`));
  const cases: [string, string[]][] = [
    ['one', ['203.0.113.1']],
    ['two', ['203.0.113.2']],
    ['three', ['203.0.113.1']],
    ['four', ['203.0.113.1']],
    ['five', ['203.0.113.1']],
    ['six', ['192.0.2.53']],
    ['seven', ['192.0.2.53']],
    ['none', ['failed']],
    ['eight', ['203.0.113.1']],
  ];
  for (const [name, addresses] of cases) assert.deepEqual(served(n(name), 'A'), addresses, name);
  assert.deepEqual(served(n('one'), 'AAAA'), []);
  assert.deepEqual(resolver.asked, []);
});

test('a change in a zone of ours is seen by those that lead into it, and by nobody else', async (t) => {
  const { load, served, published, settled, book, resolver } = expanding(t);
  const other = (address: string) =>
    zoneOf(`@ 60 SOA ns h 1 1 1 1 60\n@ 60 NS ns\nhost 60 A ${address}\n`, 'other.test.');
  resolver.set('host.other.test.', 'A', { data: ['198.51.100.9'] });
  resolver.set('host.other.test.', 'AAAA', { data: [] });
  load(zoneOf(`${head}www ALIAS host.other.test.\n`));
  load(
    zoneOf(
      '@ 60 SOA ns h 1 1 1 1 60\n@ 60 NS ns\nx 60 ALIAS ns\nns 60 A 192.0.2.1\n',
      'third.test.',
    ),
  );
  await settled();
  assert.deepEqual(served(n('www'), 'A'), ['198.51.100.9'], 'of others');
  load(other('203.0.113.1'));
  await settled();
  assert.deepEqual(served(n('www'), 'A'), ['203.0.113.1'], 'the zone is ours now');
  const before = published.filter((id) => id === 'third.test').length;
  load(other('203.0.113.2'));
  await settled();
  assert.deepEqual(served(n('www'), 'A'), ['203.0.113.2']);
  assert.equal(published.filter((id) => id === 'third.test').length, before);
  book.remove(other('203.0.113.2'));
  await settled();
  assert.deepEqual(served(n('www'), 'A'), ['198.51.100.9'], 'of others again');
});

test('ALIAS records that lead in a circle fail, and nothing runs for ever', async (t) => {
  const { load, served, published, settled, book } = expanding(t);
  const chain = Array.from({ length: 20 }, (_, index) => `c${index} ALIAS c${index + 1}`);
  const lines = ['a ALIAS b', 'b ALIAS a', 'self ALIAS self', 'far ALIAS x.other.test.', ...chain];
  load(
    zoneOf('@ 60 SOA ns h 1 1 1 1 60\n@ 60 NS ns\nx 60 ALIAS far.example.org.\n', 'other.test.'),
  );
  load(zoneOf(`${head}${lines.join('\n')}\nc20 A 192.0.2.1\n`));
  await settled(20);
  for (const name of ['a', 'b', 'self', 'far', 'c0']) {
    assert.deepEqual(served(n(name), 'A'), ['failed'], name);
  }
  assert.deepEqual(served(n('c10'), 'A'), ['192.0.2.1']);
  const before = published.length;
  await settled(20);
  assert.equal(published.length, before);
  assert.match(book.warnings.get('example.org expansion') ?? '', /leads back to itself/);
});

test('a zone that is not served makes a target fail, and back it is well again', async (t) => {
  const { load, served, settled, book } = expanding(t);
  const other = zoneOf(
    '@ 60 SOA ns h 1 1 1 1 60\n@ 60 NS ns\nhost 60 A 203.0.113.1\n',
    'other.test.',
  );
  load(other);
  load(zoneOf(`${head}www ALIAS host.other.test.\n`));
  await settled();
  const hosted = book.get('other.test');
  assert.ok(hosted !== undefined);
  Object.assign(hosted, { served: null, state: 'expired' });
  for (const listener of book.heard()) listener.onServed(hosted);
  await settled();
  assert.deepEqual(served(n('www'), 'A'), ['failed']);
  load(other);
  await settled();
  assert.deepEqual(served(n('www'), 'A'), ['203.0.113.1']);
});

test('addresses that stand beside an ALIAS win', async (t) => {
  const { load, resolver, served, settled } = expanding(t);
  resolver.set('cdn.test.', 'A', { data: ['198.51.100.1'] });
  resolver.set('cdn.test.', 'AAAA', { data: ['2001:db8::1'] });
  load(zoneOf(`${head}www ALIAS cdn.test.\nwww A 192.0.2.80\n`));
  await settled();
  assert.deepEqual(served(n('www'), 'A'), ['192.0.2.80']);
  assert.deepEqual(served(n('www'), 'AAAA'), ['2001:db8::1']);
});

test('only so many names are asked for at a time, each once, and those that went no more', async (t) => {
  const { load, resolver, settled, clock, served } = expanding(t);
  const release: (() => void)[] = [];
  for (let index = 0; index < 50; index++) {
    for (const type of ['A', 'AAAA']) {
      const data = type === 'A' ? ['198.51.100.1'] : [];
      const answer = new Promise<{ data: string[] }>((resolve) =>
        release.push(() => resolve({ data })),
      );
      resolver.set(`t${index}.test.`, type, answer);
    }
  }
  const lines = Array.from({ length: 50 }, (_, index) => `n${index} ALIAS t${index}.test.`);
  load(zoneOf(`${head}${lines.join('\n')}\nagain ALIAS t0.test.\n`));
  await settled();
  assert.equal(resolver.asked.length, 16);
  for (const answer of release) answer();
  await settled(40);
  assert.equal(resolver.asked.length, 100);
  assert.deepEqual(served(n('again'), 'A'), ['198.51.100.1']);
  load(zoneOf(`${head}n7 ALIAS t7.test.\n`));
  await settled();
  resolver.asked.length = 0;
  await pass(clock, 1200, 300);
  assert.deepEqual(new Set(resolver.asked), new Set(['t7.test. A', 't7.test. AAAA']));
});

test('many changes in one turn are one publication', async (t) => {
  const { load, resolver, published, settled } = expanding(t);
  for (let index = 0; index < 8; index++) {
    resolver.set(`t${index}.test.`, 'A', { data: [`198.51.100.${index}`] });
    resolver.set(`t${index}.test.`, 'AAAA', { data: [] });
  }
  const lines = Array.from({ length: 8 }, (_, index) => `n${index} ALIAS t${index}.test.`);
  load(zoneOf(`${head}${lines.join('\n')}\n`));
  await settled(20);
  assert.deepEqual(published.length, 2);
});

test('stop() leaves no timer, and what comes afterwards changes nothing', async (t) => {
  const { expansion, load, resolver, clock, published, settled } = expanding(t);
  resolver.set('cdn.test.', 'A', { data: ['198.51.100.1'], ttl: 60 });
  load(zoneOf(`${head}www ALIAS cdn.test.\nlate ALIAS late.test.\n`));
  await settled();
  let answer: (value: { data: string[] }) => void = () => undefined;
  resolver.set('late.test.', 'A', new Promise((resolve) => (answer = resolve)));
  await pass(clock, 600, 60);
  await expansion.stop();
  const before = published.length;
  answer({ data: ['198.51.100.3'] });
  await settled();
  assert.equal(clock.timerCount, 0);
  assert.equal(published.length, before);
});

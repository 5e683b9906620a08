import assert from 'node:assert/strict';
import { test } from 'node:test';
import { silentLogger } from '../ts/core/logger.ts';
import { ManualClock } from '../ts/core/manual-clock.ts';
import { BackendNames } from '../ts/proxy/backend-names.ts';
import { type INameResolver, ResolverNames } from '../ts/proxy/name-source.ts';
import { FakeResolver, settle } from './suites/names.ts';

/** Names over a fake resolver, with a clock of the test's. */
function setUp(resolver: INameResolver & Partial<FakeResolver> = new FakeResolver()) {
  const clock = new ManualClock();
  const logged: string[] = [];
  const note = (event: string) => logged.push(event);
  const logger = { ...silentLogger, info: note, warn: note };
  const changed: string[] = [];
  const names = new BackendNames({
    clock,
    logger,
    source: new ResolverNames(resolver),
    random: () => 0,
    onChange: (hostname) => changed.push(hostname),
  });
  /** Where a new connection would go first, `address:port`; the code of the failure otherwise. */
  const first = async (hostname: string): Promise<string> => {
    let found = 'nothing yet';
    names.dial(hostname, 80).look((error, [place]) => {
      found =
        error === null
          ? `${place?.address}:${place?.port || 80}`
          : `${(error as NodeJS.ErrnoException).code}`;
    });
    if (found === 'nothing yet') await settle();
    return found;
  };
  const pass = async (ms: number) => {
    clock.advance(ms);
    await settle();
  };
  return { names, clock, logged, changed, first, pass };
}

test('BackendNames: looked up at the first use, then again as the TTL ends, in the background', async () => {
  const resolver = new FakeResolver();
  const { names, first, pass, changed } = setUp(resolver);
  resolver.addresses('a.test', ['192.0.2.1'], 30);
  assert.equal(names.size, 0);
  assert.equal(resolver.asked.length, 0);
  assert.equal(await first('a.test'), '192.0.2.1:80');
  assert.deepEqual(resolver.asked, ['a.test A', 'a.test AAAA']);
  resolver.addresses('a.test', ['192.0.2.2'], 30);
  await pass(29_999);
  assert.equal(await first('a.test'), '192.0.2.1:80');
  await pass(1);
  // Without a wait: it was looked up before anybody asked.
  let found = '';
  names.dial('a.test', 80).look((_error, [place]) => {
    found = place?.address ?? '';
  });
  assert.equal(found, '192.0.2.2');
  assert.equal(resolver.count('a.test'), 4);
  assert.deepEqual(changed, ['a.test', 'a.test']);
});

for (const { ttl, isMs } of [
  { ttl: 0, isMs: 1000 },
  { ttl: 86_400, isMs: 3_600_000 },
]) {
  test(`BackendNames: a TTL of ${ttl} s holds ${isMs} ms`, async () => {
    const resolver = new FakeResolver();
    const { first, pass } = setUp(resolver);
    resolver.addresses('a.test', ['192.0.2.1'], ttl);
    await first('a.test');
    await pass(isMs - 1);
    assert.equal(resolver.count('a.test'), 2);
    await pass(1);
    assert.equal(resolver.count('a.test'), ttl === 0 ? 4 : 2, 'an hour is longer than it is kept');
  });
}

test('BackendNames: what is not used is forgotten at the end of its TTL, what has a follower is kept', async () => {
  const resolver = new FakeResolver();
  const { names, first, pass, clock } = setUp(resolver);
  resolver.addresses('a.test', ['192.0.2.1'], 60);
  resolver.addresses('b.test', ['192.0.2.2'], 60);
  await first('a.test');
  await first('b.test');
  const follower = { onPlaces: () => undefined };
  const followed = names.use('b.test');
  followed.followers.add(follower);
  for (let minute = 0; minute < 6; minute++) await pass(60_000);
  assert.equal(names.size, 1);
  await pass(60_000);
  // The first look, and one at the end of each of the minutes in which it counts as used.
  assert.equal(resolver.count('a.test'), 2 + 4 * 2);
  assert.equal(resolver.count('b.test'), 2 + 7 * 2);
  followed.followers.delete(follower);
  await pass(120_000);
  assert.deepEqual([names.size, clock.timerCount], [0, 0]);
  assert.equal(await first('a.test'), '192.0.2.1:80');
});

test('BackendNames: failures keep the last addresses, and are tried again ever more slowly', async () => {
  const resolver = new FakeResolver();
  const { first, pass, logged, changed } = setUp(resolver);
  resolver.addresses('a.test', ['192.0.2.1'], 10);
  await first('a.test');
  for (const rcode of ['SERVFAIL', 'NXDOMAIN']) {
    resolver.fail('a.test', rcode);
    await pass(10_000);
    assert.equal(await first('a.test'), '192.0.2.1:80', rcode);
  }
  resolver.answer('a.test', 'A', () => Promise.reject(new Error('no network')));
  const counts: number[] = [];
  for (let second = 0; second < 120; second++) {
    await pass(1000);
    counts.push(resolver.count('a.test'));
  }
  assert.equal(await first('a.test'), '192.0.2.1:80');
  assert.ok((counts.at(-1) ?? 0) - (counts.at(-61) ?? 0) <= 6, 'every 30 s');
  assert.deepEqual(logged, ['backend.unresolved']);
  resolver.addresses('a.test', ['192.0.2.9'], 10);
  await pass(30_000);
  assert.equal(await first('a.test'), '192.0.2.9:80');
  assert.deepEqual(logged, ['backend.unresolved', 'backend.resolved']);
  assert.equal(changed.length, 2);
});

test('BackendNames: a name that never resolved fails all who wait, then asks again after a second', async () => {
  const resolver = new FakeResolver();
  const { first, pass } = setUp(resolver);
  const outcomes = await Promise.all([first('a.test'), first('a.test')]);
  assert.deepEqual(outcomes, ['ENOTFOUND', 'ENOTFOUND']);
  assert.equal(resolver.count('a.test'), 2, 'one look for all');
  assert.equal(await first('a.test'), 'ENOTFOUND');
  assert.equal(resolver.count('a.test'), 2, 'the failure is remembered');
  resolver.fail('a.test');
  await pass(1000);
  assert.equal(resolver.count('a.test'), 2, 'nobody asks for it');
  assert.equal(await first('a.test'), 'EAI_AGAIN');
  resolver.addresses('a.test', ['2001:db8::1']);
  await pass(1000);
  assert.equal(await first('a.test'), '2001:db8::1:80');
});

test('BackendNames: of addresses that cannot be asked for, nobody says that they are gone', async () => {
  const resolver = new FakeResolver();
  const { names, first, pass } = setUp(resolver);
  resolver.addresses('a.test', ['192.0.2.1', '2001:db8::1'], 10);
  await first('a.test');
  resolver.set('a.test', 'A', ['192.0.2.2'], 10);
  resolver.set('a.test', 'AAAA', [], 0, 'SERVFAIL');
  await pass(10_000);
  const places = names.use('a.test').places;
  assert.deepEqual(
    places.map(({ address }) => address),
    ['192.0.2.2', '192.0.2.1', '2001:db8::1'],
  );
  resolver.set('a.test', 'AAAA', [], 10);
  await pass(10_000);
  assert.deepEqual(
    names.use('a.test').places.map(({ address }) => address),
    ['192.0.2.2'],
  );
  assert.deepEqual(
    places.map(({ isGone }) => isGone),
    [false, true, true],
  );
});

test('BackendNames: new connections take the addresses in turn; one that failed is tried last', async () => {
  const resolver = new FakeResolver();
  const { names, first, clock } = setUp(resolver);
  resolver.addresses('a.test', ['192.0.2.1', '192.0.2.2', '2001:db8::1'], 3600);
  const turns: string[] = [];
  for (let turn = 0; turn < 6; turn++) turns.push(await first('a.test'));
  assert.deepEqual(turns.slice(0, 3), turns.slice(3));
  assert.equal(new Set(turns).size, 3);
  const order = () => {
    let addresses: string[] = [];
    names.dial('a.test', 80).look((_error, places) => {
      addresses = places.map(({ address }) => address);
    });
    return addresses;
  };
  names.avoid('a.test', '192.0.2.1');
  for (let turn = 0; turn < 3; turn++) assert.equal(order()[2], '192.0.2.1');
  clock.advance(10_000);
  const firsts = new Set([order()[0], order()[0], order()[0]]);
  assert.ok(firsts.has('192.0.2.1'));
});

test('BackendNames: useResolver() asks the new one at once; until it answers, all stays', async () => {
  const old = new FakeResolver();
  const { names, first } = setUp(old);
  old.addresses('a.test', ['192.0.2.1'], 3600);
  await first('a.test');
  // An answer of the old one that comes late does not count.
  let late: () => void = () => undefined;
  old.answer('b.test', 'A', async () => {
    await new Promise<void>((resolve) => {
      late = resolve;
    });
    return { rcode: 'NOERROR', records: [{ type: 'A', ttl: 9, data: '192.0.2.8' }], ttl: 9 };
  });
  let found = '';
  names.dial('b.test', 80).look((_error, [place]) => {
    found = place?.address ?? '';
  });
  const fresh = new FakeResolver();
  fresh.addresses('a.test', ['192.0.2.3'], 3600);
  fresh.addresses('b.test', ['192.0.2.4'], 3600);
  names.useResolver(fresh);
  assert.equal(await first('a.test'), '192.0.2.1:80');
  await settle();
  assert.equal(await first('a.test'), '192.0.2.3:80');
  late();
  await settle();
  assert.equal(found, '192.0.2.4');
});

test('BackendNames: a look that never ends has failed after 30 s; who gave up is not called', async () => {
  const resolver = new FakeResolver();
  const { names, pass } = setUp(resolver);
  resolver.answer('a.test', 'A', () => new Promise(() => undefined));
  const heard: (Error | null)[] = [];
  names.dial('a.test', 80).look((error) => heard.push(error));
  names.dial('a.test', 80).look(() => assert.fail('gave up'))();
  await pass(29_999);
  assert.equal(heard.length, 0);
  await pass(1);
  assert.equal((heard[0] as NodeJS.ErrnoException).code, 'EAI_AGAIN');
});

test('BackendNames: 10,000 names at once are 32 looks at a time; who is waited for comes first', async () => {
  let running = 0;
  let most = 0;
  const asked: string[] = [];
  const pending: (() => void)[] = [];
  const resolver: INameResolver = {
    resolve: async (name, type) => {
      if (type === 'AAAA') return { rcode: 'NOERROR', records: [], ttl: 1 };
      asked.push(name);
      most = Math.max(most, ++running);
      await new Promise<void>((resolve) => pending.push(resolve));
      running--;
      return { rcode: 'NOERROR', records: [{ type, ttl: 1, data: '192.0.2.1' }], ttl: 1 };
    },
  };
  const { names, clock } = setUp(resolver);
  const answerAll = async () => {
    while (pending.length > 0) {
      for (const answer of pending.splice(0)) answer();
      await settle();
    }
  };
  for (let index = 0; index < 10_000; index++) names.pick(`n${index}.test`, () => undefined);
  await answerAll();
  assert.deepEqual([most, names.size], [32, 10_000]);
  asked.length = 0;
  clock.advance(1000);
  await settle();
  names.pick('new.test', () => undefined);
  for (const answer of pending.splice(0)) answer();
  await settle();
  assert.equal(asked[32], 'new.test');
  await answerAll();
  names.stop();
  assert.deepEqual([names.size, clock.timerCount], [0, 0]);
});

test('BackendNames: nonsense of a resolver is no place', async () => {
  const resolver = new FakeResolver();
  const { names, first } = setUp(resolver);
  resolver.set('a.test', 'A', ['nonsense', '', '192.0.2.1', '192.0.2.1', '999.1.1.1']);
  assert.equal(await first('a.test'), '192.0.2.1:80');
  assert.equal(names.use('a.test').places.length, 1);
  const many = Array.from({ length: 5000 }, (_, index) => `10.0.${index >> 8}.${index & 255}`);
  resolver.set('b.test', 'A', many);
  await first('b.test');
  assert.equal(names.use('b.test').places.length, 256);
  resolver.set('_x._tcp.c.test', 'SRV', [
    'nonsense',
    '0 0 0 d.test.',
    '0 0 80 .',
    '1 2',
    '-1 0 1 d.',
  ]);
  assert.equal(await first('_x._tcp.c.test'), 'ENOTFOUND');
});

test('BackendNames: SRV by priority and weight, with ports of their own', async () => {
  const resolver = new FakeResolver();
  const { names, clock } = setUp(resolver);
  resolver.set('_x._tcp.a.test', 'SRV', [
    '10 1 81 a1.test.',
    '10 3 82 A2.test.',
    '20 0 83 a3.test.',
  ]);
  resolver.addresses('a1.test', ['192.0.2.1'], 60);
  resolver.addresses('a2.test', ['192.0.2.2', '2001:db8::2'], 5);
  resolver.addresses('a3.test', ['192.0.2.3'], 60);
  const name = names.use('_x._tcp.a.test');
  await names.known('_x._tcp.a.test');
  assert.deepEqual(
    name.places.map(({ address, port, priority, weight }) => [address, port, priority, weight]),
    [
      ['192.0.2.1', 81, 10, 1],
      ['192.0.2.2', 82, 10, 3],
      ['2001:db8::2', 82, 10, 3],
      ['192.0.2.3', 83, 20, 0],
    ],
  );
  const counts = new Map<string, number>();
  for (let turn = 0; turn < 400; turn++) {
    const order = name.order(0, () => (turn % 100) / 100);
    assert.equal(order.length, 4);
    assert.equal(order[3]?.address, '192.0.2.3', 'the other priority stands last');
    const target = order[0]?.target ?? '';
    counts.set(target, (counts.get(target) ?? 0) + 1);
  }
  assert.deepEqual([counts.get('a1.test'), counts.get('a2.test')], [100, 300]);
  // When all of a priority do not answer, the next one is taken first.
  for (const address of ['192.0.2.1', '192.0.2.2', '2001:db8::2']) {
    names.avoid('_x._tcp.a.test', address);
  }
  assert.equal(name.order(clock.monotonic(), Math.random)[0]?.address, '192.0.2.3');
});

test('BackendNames: a target that does not exist is left out, one that nobody can say stays as it was', async () => {
  const resolver = new FakeResolver();
  const { names, pass } = setUp(resolver);
  resolver.set('_x._tcp.a.test', 'SRV', ['0 0 81 a1.test.', '0 0 82 gone.test.'], 5);
  resolver.addresses('a1.test', ['192.0.2.1'], 5);
  await names.known('_x._tcp.a.test');
  const name = names.use('_x._tcp.a.test');
  const addresses = () => name.places.map(({ address, port }) => `${address}:${port}`);
  assert.deepEqual(addresses(), ['192.0.2.1:81']);
  resolver.addresses('gone.test', ['192.0.2.2'], 5);
  resolver.fail('a1.test');
  await pass(5000);
  assert.deepEqual(addresses(), ['192.0.2.2:82', '192.0.2.1:81']);
});

test('BackendNames: a name like a service that comes with a port is looked up by its addresses', async () => {
  const resolver = new FakeResolver();
  const { first } = setUp(resolver);
  resolver.addresses('_x._tcp.a.test.', ['192.0.2.1']);
  assert.equal(await first('_x._tcp.a.test.'), '192.0.2.1:80');
});

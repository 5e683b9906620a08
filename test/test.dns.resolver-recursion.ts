import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseName } from '../ts/dns/codec/name.ts';
import { rcode, recordType } from '../ts/dns/codec/types.ts';
import type { ITraceStep } from '../ts/dns/resolver/index.ts';
import { specialAnswer } from '../ts/dns/resolver/special-names.ts';
import { authority, Internet, recursorIn, rootWith, settle } from './dns/internet.ts';

const soa = (zone: string) => `${zone} 3600 SOA ns.${zone} x. 1 1800 900 604800 300`;

/** org. at .2, example.org. at .3. */
function small(): Internet {
  const internet = rootWith(
    new Internet(),
    `org. 172800 NS a.org.
     a.org. 172800 A 198.51.100.2`,
  );
  internet.serve('198.51.100.2', {
    'org.': `${soa('org.')}
      org. 3600 NS a.org.
      example.org. 86400 NS ns.example.org.
      ns.example.org. 86400 A 198.51.100.3
      lone.org. 86400 NS ns.example.org.`,
  });
  internet.serve('198.51.100.3', {
    'example.org.': `${soa('example.org.')}
      example.org. 3600 NS ns.example.org.
      ns.example.org. 3600 A 198.51.100.3
      www.example.org. 300 A 192.0.2.1
      www.example.org. 300 A 192.0.2.2
      alias.example.org. 60 CNAME www.example.org.
      a.b.c.d.example.org. 300 TXT "deep"
      away.example.org. 60 CNAME www.lone.org.
      one.example.org. 60 CNAME two.example.org.
      two.example.org. 60 CNAME one.example.org.
      self.example.org. 60 CNAME self.example.org.`,
    'lone.org.': `${soa('lone.org.')}
      www.lone.org. 300 A 192.0.2.77`,
  });
  return internet;
}

test('Recursor: goes from the root to the answer, and tells each zone only what it needs', async () => {
  const internet = small();
  const { resolver } = recursorIn(internet);
  const { rcode, records, authenticated, ttl, canonicalName } = await settle(
    internet,
    resolver.resolve('WWW.Example.org', 'A'),
  );
  assert.equal(rcode, 'NOERROR');
  assert.deepEqual(
    records.map(({ data }) => data),
    ['192.0.2.1', '192.0.2.2'],
  );
  assert.equal(records[0]?.name, 'www.example.org.');
  assert.deepEqual([authenticated, ttl, canonicalName], [false, 300, 'www.example.org.']);
  assert.deepEqual(internet.asked('198.51.100.1'), ['. NS', 'org. A']);
  assert.deepEqual(internet.asked('198.51.100.2'), ['example.org. A']);
  assert.deepEqual(internet.asked('198.51.100.3'), ['www.example.org. A']);
  assert.equal(internet.openDatagrams, 0);
});

test('Recursor: the next name begins at the closest zone that is known', async () => {
  const internet = small();
  const { resolver } = recursorIn(internet);
  await settle(internet, resolver.resolve('www.example.org', 'A'));
  internet.seen.length = 0;
  const { records } = await settle(internet, resolver.resolve('a.b.c.d.example.org', 'TXT'));
  assert.deepEqual(records[0]?.data, '"deep"');
  assert.deepEqual(
    internet.seen.map(({ name, type }) => `${name} ${type}`),
    ['d.example.org. A', 'c.d.example.org. A', 'b.c.d.example.org. A', 'a.b.c.d.example.org. TXT'],
  );
});

test('Recursor: follows aliases into other zones, and says where they led', async () => {
  const internet = small();
  const { resolver } = recursorIn(internet);
  const { records, canonicalName, ttl } = await settle(
    internet,
    resolver.resolve('away.example.org', 'A'),
  );
  assert.deepEqual(
    records.map(({ data }) => data),
    ['192.0.2.77'],
  );
  assert.deepEqual([canonicalName, ttl], ['www.lone.org.', 60]);
});

for (const name of ['one.example.org', 'self.example.org']) {
  test(`Recursor: the alias loop of ${name} is SERVFAIL`, async () => {
    const internet = small();
    const { resolver } = recursorIn(internet);
    const { rcode, extendedError } = await settle(internet, resolver.resolve(name, 'A'));
    assert.equal(rcode, 'SERVFAIL');
    assert.match(extendedError?.text ?? '', /waits for itself/);
    assert.ok(internet.seen.length < 10, String(internet.seen.length));
  });
}

test('Recursor: both ends of an alias loop at once do not wait for each other', async () => {
  const internet = small();
  const { resolver } = recursorIn(internet);
  const both = Promise.all(
    ['one.example.org', 'two.example.org'].map((name) => resolver.resolve(name, 'A')),
  );
  const outcomes = await settle(internet, both);
  assert.deepEqual(
    outcomes.map(({ rcode }) => rcode),
    ['SERVFAIL', 'SERVFAIL'],
  );
});

test('Recursor: nodata and nxdomain hold as long as the SOA says', async () => {
  const internet = small();
  const { resolver } = recursorIn(internet);
  const none = await settle(internet, resolver.resolve('www.example.org', 'AAAA'));
  assert.deepEqual([none.rcode, none.records.length, none.ttl], ['NOERROR', 0, 300]);
  const absent = await settle(internet, resolver.resolve('gone.example.org', 'A'));
  assert.deepEqual([absent.rcode, absent.ttl], ['NXDOMAIN', 300]);
  internet.seen.length = 0;
  const other = await settle(internet, resolver.resolve('gone.example.org', 'MX'));
  assert.deepEqual([other.rcode, other.origin], ['NXDOMAIN', 'cache']);
  assert.equal(internet.seen.length, 0);
});

test('Recursor: DS is asked for at the parent', async () => {
  const internet = small();
  const { resolver } = recursorIn(internet);
  await settle(internet, resolver.resolve('www.example.org', 'A'));
  internet.seen.length = 0;
  const { rcode, records } = await settle(internet, resolver.resolve('example.org', 'DS'));
  assert.deepEqual([rcode, records.length], ['NOERROR', 0]);
  assert.deepEqual(
    internet.seen.map(({ address }) => address),
    ['198.51.100.2'],
  );
});

test('Recursor: a server that says NXDOMAIN to the hidden name gets the whole one', async () => {
  const internet = small();
  const { resolver } = recursorIn(internet);
  const run = authority({
    'example.org.': `${soa('example.org.')}\n x.y.example.org. 60 A 192.0.2.9`,
  });
  internet.on('198.51.100.3', (visit) => {
    const reply = run(visit);
    const isHidden =
      visit.query.question[0]?.name[0] === 1 && visit.query.question[0].name[2] !== 1;
    return isHidden && reply !== null && 'rcode' in reply ? { ...reply, rcode: 3 } : reply;
  });
  const { records } = await settle(internet, resolver.resolve('x.y.example.org', 'A'));
  assert.equal(records[0]?.data, '192.0.2.9');
  const asked = ['y.example.org. A', 'x.y.example.org. A'];
  assert.deepEqual(internet.asked('198.51.100.3'), asked);
});

test('Recursor: what is meta is not asked for, what is local does not leave the machine', async () => {
  const internet = small();
  const { resolver } = recursorIn(internet);
  assert.equal((await settle(internet, resolver.resolve('example.org', 'AXFR'))).rcode, 'NOTIMP');
  const own = await settle(internet, resolver.resolve('a.localhost', 'AAAA'));
  assert.deepEqual([own.records[0]?.data, own.origin], ['::1', 'local']);
  for (const name of ['x.onion', 'a.invalid.']) {
    assert.equal((await settle(internet, resolver.resolve(name, 'A'))).rcode, 'NXDOMAIN', name);
  }
  assert.equal(internet.seen.length, 0);
});

test('Recursor: a private root may know the private networks, the public one is not asked', async () => {
  const internet = small();
  const { resolver } = recursorIn(internet);
  await settle(internet, resolver.resolve('1.1.168.192.in-addr.arpa', 'PTR'));
  assert.ok(internet.seen.length > 0);
  for (const name of ['1.1.168.192.in-addr.arpa', '1.20.172.in-addr.arpa', '1.d.f.ip6.arpa']) {
    const asked = { name: parseName(name), type: recordType.PTR, checkingDisabled: false };
    assert.equal(specialAnswer(asked, true)?.rcode, rcode.NXDOMAIN, name);
    assert.equal(specialAnswer(asked, false), null, name);
  }
});

test('Recursor: the same question at once is asked once', async () => {
  const internet = small();
  const { resolver } = recursorIn(internet);
  const all = Array.from({ length: 20 }, () => resolver.resolve('www.example.org', 'A'));
  const outcomes = await settle(internet, Promise.all(all));
  assert.ok(outcomes.every(({ records }) => records.length === 2));
  assert.equal(internet.seen.length, 4);
});

test('Resolver: a trace tells which server was asked what, and is no answer from the cache', async () => {
  const internet = small();
  const { resolver } = recursorIn(internet);
  for (let round = 0; round < 2; round++) {
    const steps: string[] = [];
    const trace = ({ depth, zone, server, name, type, outcome }: ITraceStep) => {
      steps.push([depth, zone, server.slice(-2), name, type, outcome].join(' '));
    };
    const { origin } = await settle(internet, resolver.resolve('away.example.org', 'A', { trace }));
    assert.equal(origin, 'network');
    const own = '0 example.org. .3 away.example.org. A answer';
    assert.deepEqual(
      steps,
      round === 1
        ? [own]
        : [
            '0 . .1 . NS answer',
            '0 . .1 org. A referral',
            '0 org. .2 example.org. A referral',
            own,
            '1 org. .2 lone.org. A referral',
            '1 lone.org. .3 www.lone.org. A answer',
          ],
    );
  }
});

test('Recursor: a name that is flushed is looked for from above, all below it too when asked', async () => {
  const internet = small();
  const owned = recursorIn(internet);
  const asked = async (name: string) => {
    internet.seen.length = 0;
    await settle(internet, owned.resolver.resolve(name, 'A'));
    return internet.seen.map((query) => query.name);
  };
  const [www, org] = ['www.example.org.', parseName('org')];
  assert.deepEqual(await asked(www), ['.', 'org.', 'example.org.', www]);
  assert.deepEqual(await asked(www), []);
  assert.equal(owned.flush(parseName(www)), 1);
  assert.deepEqual(await asked(www), [www]);
  assert.equal(owned.flush(parseName('example.org')), 0);
  owned.flush(parseName(www));
  assert.deepEqual(await asked(www), ['example.org.', www]);
  assert.ok(owned.flush(org, true) > 0);
  assert.deepEqual(await asked(www), ['org.', 'example.org.', www]);
  assert.ok(owned.flush() > 0);
  assert.deepEqual(await asked(www), ['.', 'org.', 'example.org.', www]);
});

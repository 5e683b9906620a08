import assert from 'node:assert/strict';
import { test } from 'node:test';
import { encodeMessage } from '../ts/dns/codec/encode.ts';
import { type IMessage, responseTo } from '../ts/dns/codec/message.ts';
import { labelCount } from '../ts/dns/codec/name.ts';
import { authority, Internet, record, recursorIn, rootWith, settle } from './dns/internet.ts';
import { randomFrom } from './suites/random.ts';

/** The attacker's zone evil.test-e.org. at .66, the victim's victim.test-v.org. at .77. */
function field(): Internet {
  const internet = rootWith(
    new Internet(),
    `evil.test-e.org. 86400 NS ns.evil.test-e.org.
     ns.evil.test-e.org. 86400 A 198.51.100.66
     victim.test-v.org. 86400 NS ns.victim.test-v.org.
     ns.victim.test-v.org. 86400 A 198.51.100.77`,
  );
  return internet.serve('198.51.100.77', {
    'victim.test-v.org.': 'victim.test-v.org. 60 SOA a. x. 1 1 1 1 60',
  });
}

test('ZoneQuery: a referral to many servers of a victim costs it few queries (NXNSAttack)', async () => {
  const internet = field();
  internet.on('198.51.100.66', ({ query }) => ({
    ...responseTo(query, 0),
    authority: Array.from({ length: 300 }, (_, index) =>
      record(`sub.evil.test-e.org. 60 NS random-${index}.victim.test-v.org.`),
    ),
  }));
  const { resolver } = recursorIn(internet);
  const { rcode } = await settle(internet, resolver.resolve('a.sub.evil.test-e.org', 'A'));
  assert.equal(rcode, 'SERVFAIL');
  const cost = internet.asked('198.51.100.77').length;
  assert.ok(cost > 0 && cost <= 12, `${cost} queries`);
});

test('ZoneQuery: referrals that fan out at each level stay within the budget', async () => {
  const internet = field();
  // Each name server's name is in a zone of its own with the same trick.
  internet.on('198.51.100.66', ({ query }) => {
    const name = query.question[0]?.name as Buffer;
    const depth = labelCount(name);
    return {
      ...responseTo(query, 0),
      authority: Array.from({ length: 20 }, (_, index) => ({
        ...record(`x. 60 NS n${index}.d${depth}-${index}.evil.test-e.org.`),
        name: name.subarray(0),
      })),
    };
  });
  const { resolver } = recursorIn(internet);
  const { rcode } = await settle(internet, resolver.resolve('a.b.c.evil.test-e.org', 'A'));
  assert.equal(rcode, 'SERVFAIL');
  assert.ok(internet.seen.length <= 100, `${internet.seen.length} queries`);
});

test('Recursor: name servers that need each other are SERVFAIL', async () => {
  const internet = rootWith(
    new Internet(),
    `one.org. 86400 NS ns.two.org.
     two.org. 86400 NS ns.one.org.`,
  );
  const { resolver } = recursorIn(internet);
  const both = Promise.all(
    ['www.one.org', 'www.two.org', 'ns.one.org'].map((name) => resolver.resolve(name, 'A')),
  );
  for (const { rcode } of await settle(internet, both)) assert.equal(rcode, 'SERVFAIL');
  assert.ok(internet.seen.length <= 40, `${internet.seen.length} queries`);
});

test('Recursor: name servers elsewhere are looked up, and not when glue does', async () => {
  const internet = rootWith(
    new Internet(),
    `one.org. 86400 NS ns.two.org.
     two.org. 86400 NS ns.two.org.
     ns.two.org. 86400 A 198.51.100.22
     mixed.org. 86400 NS ns.far.net.
     mixed.org. 86400 NS ns.mixed.org.
     ns.mixed.org. 86400 A 198.51.100.33`,
  );
  internet.serve('198.51.100.22', {
    'one.org.': 'one.org. 60 SOA a. x. 1 1 1 1 60\n www.one.org. 60 A 192.0.2.1',
    'two.org.': 'two.org. 60 SOA a. x. 1 1 1 1 60\n ns.two.org. 60 A 198.51.100.22',
  });
  internet.serve('198.51.100.33', {
    'mixed.org.': 'mixed.org. 60 SOA a. x. 1 1 1 1 60\n www.mixed.org. 60 A 192.0.2.3',
  });
  const { resolver } = recursorIn(internet);
  const one = await settle(internet, resolver.resolve('www.one.org', 'A'));
  assert.equal(one.records[0]?.data, '192.0.2.1');
  const mixed = await settle(internet, resolver.resolve('www.mixed.org', 'A'));
  assert.equal(mixed.records[0]?.data, '192.0.2.3');
  assert.ok(!internet.seen.some(({ name }) => name.endsWith('net.')));
});

test('Recursor: an endless chain of aliases ends', async () => {
  const internet = field();
  let count = 0;
  internet.on('198.51.100.66', ({ query }) => {
    const name = query.question[0]?.name as Buffer;
    const alias = { ...record(`x. 60 CNAME next-${count++}.evil.test-e.org.`), name };
    return { ...responseTo(query, 0), authoritative: true, answer: [alias] };
  });
  const { resolver } = recursorIn(internet);
  const { rcode } = await settle(internet, resolver.resolve('www.evil.test-e.org', 'A'));
  assert.equal(rcode, 'SERVFAIL');
  assert.ok(count <= 40, String(count));
});

test('Recursor: an endless chain of referrals ends', async () => {
  const internet = field();
  internet.on('198.51.100.66', ({ query }) => {
    const name = query.question[0]?.name as Buffer;
    const cut = { ...record('x. 60 NS ns.evil.test-e.org.'), name };
    const glue = record('ns.evil.test-e.org. 60 A 198.51.100.66');
    return { ...responseTo(query, 0), authority: [cut], additional: [glue] };
  });
  const { resolver } = recursorIn(internet);
  const name = `${'a.'.repeat(110)}evil.test-e.org`;
  const { rcode } = await settle(internet, resolver.resolve(name, 'A'));
  assert.equal(rcode, 'SERVFAIL');
  assert.ok(internet.seen.length <= 100, `${internet.seen.length} queries`);
});

test('Minimiser: a name of many labels is not asked label by label', async () => {
  const internet = field();
  const { resolver } = recursorIn(internet);
  const name = `${'a.'.repeat(100)}victim.test-v.org`;
  internet.serve('198.51.100.77', {
    'victim.test-v.org.': `victim.test-v.org. 60 SOA a. x. 1 1 1 1 60\n ${name}. 60 A 192.0.2.1`,
  });
  const { records } = await settle(internet, resolver.resolve(name, 'A'));
  assert.equal(records.length, 1);
  assert.ok(internet.asked('198.51.100.77').length <= 11);
});

test('Recursor: TTLs that lie are held to the limits', async () => {
  const internet = field();
  const { resolver, cache } = recursorIn(internet, {
    cache: { ttlSecondsMax: 3600, negativeTtlSecondsMax: 600 },
  });
  internet.serve('198.51.100.77', {
    'victim.test-v.org.': `victim.test-v.org. 2000000000 SOA a. x. 1 1 1 1 2000000000
      long.victim.test-v.org. 2147483647 A 192.0.2.1
      none.victim.test-v.org. 0 A 192.0.2.1`,
  });
  const ttlOf = async (name: string) => {
    return (await settle(internet, resolver.resolve(`${name}.victim.test-v.org`, 'A'))).ttl;
  };
  await ttlOf('long');
  assert.equal(await ttlOf('long'), 3600);
  await ttlOf('gone');
  assert.equal(await ttlOf('gone'), 600);
  assert.equal(await ttlOf('none'), 0);
  assert.equal(await ttlOf('none'), 0);
  const zero = internet.asked('198.51.100.77').filter((asked) => asked.startsWith('none'));
  assert.equal(zero.length, 2);
  assert.equal(cache.numbers().entries, 2);
});

test('Recursor: a budget of few queries ends in SERVFAIL, and is each question its own', async () => {
  const internet = field();
  const { resolver } = recursorIn(internet, { budget: { queriesMax: 4 } });
  const names = ['a.b.c.victim.test-v.org', 'd.e.f.victim.test-v.org'];
  for (const name of names) {
    internet.seen.length = 0;
    const { rcode } = await settle(internet, resolver.resolve(name, 'A'));
    assert.ok(internet.seen.length <= 4);
    assert.equal(rcode, name === names[0] ? 'SERVFAIL' : 'NXDOMAIN');
  }
});

test('Recursor: answers with bytes changed at random never break it', async () => {
  const internet = field();
  const random = randomFrom(99);
  const zone = authority({
    'victim.test-v.org.': `victim.test-v.org. 60 SOA a. x. 1 1 1 1 60
      victim.test-v.org. 60 NS ns.victim.test-v.org.
      www.victim.test-v.org. 60 CNAME a.victim.test-v.org.
      a.victim.test-v.org. 60 A 192.0.2.1
      a.victim.test-v.org. 60 DNAME d.victim.test-v.org.
      sub.victim.test-v.org. 60 NS ns.sub.victim.test-v.org.
      ns.sub.victim.test-v.org. 60 A 198.51.100.77`,
  });
  internet.on('198.51.100.77', (visit) => {
    const bytes = Buffer.from(encodeMessage(zone(visit) as IMessage));
    const questionEnd = 12 + (visit.query.question[0]?.name.length ?? 0) + 4;
    for (let count = 1 + random(4); count > 0; count--) {
      // The header's flags and counts, or the records: id and question are those of the query.
      const at =
        random(3) === 0 ? 2 + random(10) : questionEnd + random(bytes.length - questionEnd);
      if (at < bytes.length) bytes[at] = random(256);
    }
    return random(8) === 0 ? bytes.subarray(0, random(bytes.length)) : bytes;
  });
  const { resolver, cache } = recursorIn(internet, { cache: { failureTtlSeconds: 0 } });
  const names = ['www', 'a', 'b.a', 'x.sub', 'gone', '@'].map((name) => {
    return name === '@' ? 'victim.test-v.org' : `${name}.victim.test-v.org`;
  });
  for (let count = 0; count < 60; count++) {
    cache.flush();
    const all = Promise.all(names.map((name) => resolver.resolve(name, 'A')));
    for (const { rcode } of await settle(internet, all)) {
      assert.match(rcode, /^(NOERROR|NXDOMAIN|SERVFAIL)$/);
    }
    for (const { name } of cache.list()) assert.ok(name.length > 0);
  }
  assert.equal(internet.openDatagrams, 0);
});

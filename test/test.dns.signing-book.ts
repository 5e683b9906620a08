import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { EventBus } from '../ts/core/event-bus.ts';
import { silentLogger } from '../ts/core/logger.ts';
import type { ManualClock } from '../ts/core/manual-clock.ts';
import { Answerer, ZoneSet } from '../ts/dns/answer/index.ts';
import type { IMessage } from '../ts/dns/codec/message.ts';
import { formatName } from '../ts/dns/codec/name.ts';
import { rcodeName, recordType } from '../ts/dns/codec/types.ts';
import { groupRecords, parseDnskey, verifyRrset, WorkBudget } from '../ts/dns/dnssec/index.ts';
import { ZoneSigning } from '../ts/dns/zones/signing/index.ts';
import { ZoneBook } from '../ts/dns/zones/zone-book.ts';
import { MemoryStore } from '../ts/storage/memory-store.ts';
import type { IZoneOptions } from '../ts_interfaces/index.ts';
import { FakeHealth } from './dns/expanding.ts';
import { decoded, plainEdns, queryFor } from './dns/query.ts';
import { FakeResolver, pass, SettableClock, settled } from './dns/stages.ts';

const hourS = 3600;
const dnssec = { ...plainEdns, do: true };
const options: IZoneOptions = {
  name: 'example.org',
  nameservers: ['ns1.example.org'],
  ttl: 300,
  records: [
    { name: 'ns1', type: 'A', data: '192.0.2.53' },
    { name: '@', type: 'ALIAS', data: 'cdn.test.' },
    { name: 'app', type: 'A', ttl: 60, health: { upstream: 'web', answers: 1 } },
    { name: '*.wild', type: 'A', ttl: 60, health: { upstream: 'web' } },
  ],
};

async function setup(context: TestContext, clock: ManualClock = new SettableClock()) {
  const store = new MemoryStore();
  await store.open();
  const [resolver, health, zones] = [new FakeResolver(), new FakeHealth(), new ZoneSet()];
  resolver.set('cdn.test.', 'A', { data: ['198.51.100.1', '198.51.100.2'] });
  resolver.set('cdn.test.', 'AAAA', { data: [] });
  health.set('web', [{}, {}, { isAlive: false }]);
  const book = new ZoneBook({
    store,
    clock,
    health,
    resolver: () => resolver,
    logger: silentLogger,
    bus: new EventBus(),
    isInMemory: true,
    dataDir: undefined,
    baseFolder: () => '/',
  });
  context.after(() => book.stop());
  await book.load();
  book.follow({
    onServed: ({ served, apex }) => {
      if (served === null) zones.setAbsent(apex, 'loading');
      else zones.set(served.zone, served.signer, served.draws);
    },
    onRemoved: ({ apex }) => void zones.delete(apex),
  });
  const use = async (more: Partial<IZoneOptions> = {}) => {
    book.apply(await book.prepare({ set: [{ ...options, ...more }], removed: [] }));
    await settled();
  };
  const answerer = new Answerer(zones, { clock });
  const out = Buffer.alloc(65_535);
  const client = { address: '192.0.2.77', transport: 'tcp' } as const;
  const ask = (name: string, type: string, edns = dnssec) =>
    decoded(
      Buffer.from(out.subarray(0, answerer.answer(queryFor(name, type, { edns }), client, out))),
    );
  const serial = () => book.get('example.org')?.served?.zone.serial ?? 0;
  /** Verifies all that is signed with the keys that the zone publishes. */
  const verify = (message: IMessage): number => {
    const keys = ask('example.org', 'DNSKEY').answer.flatMap(({ type, rdata }) =>
      type === recordType.DNSKEY ? (parseDnskey(rdata) ?? []) : [],
    );
    const sets = groupRecords([...message.answer, ...message.authority, ...message.additional]);
    const signed = sets.filter(({ signatures }) => signatures.length > 0);
    for (const set of signed) {
      const result = verifyRrset(set, {
        zone: book.get('example.org')?.apex ?? Buffer.of(0),
        keys,
        nowS: Math.floor(clock.now() / 1000),
        budget: new WorkBudget(),
      });
      assert.ok(result.ok, `${formatName(set.name)} ${set.type}: ${JSON.stringify(result)}`);
    }
    return signed.length;
  };
  const signing = book.stages.signing;
  assert.ok(signing instanceof ZoneSigning);
  return { book, clock, health, resolver, use, ask, verify, serial, signing };
}

const questions: [string, string][] = [
  ['example.org', 'A'],
  ['example.org', 'AAAA'],
  ['example.org', 'SOA'],
  ['example.org', 'DNSKEY'],
  ['app.example.org', 'A'],
  ['app.example.org', 'AAAA'],
  ['x.wild.example.org', 'A'],
  ['nothing.example.org', 'A'],
];

for (const denial of ['compact', 'nsec', 'nsec3'] as const) {
  test(`${denial}: ALIAS and health in a signed zone have good signatures, before and after changes`, async (t) => {
    const { use, ask, verify, health, book, serial } = await setup(t);
    await use({ dnssec: { denial } });
    const verifyAll = () => {
      for (const [name, type] of questions) {
        const message = ask(name, type);
        assert.notEqual(rcodeName(message.rcode), 'SERVFAIL', `${name} ${type}`);
        assert.ok(verify(message) > 0, `${name} ${type} is not signed`);
      }
    };
    verifyAll();
    assert.equal(ask('example.org', 'A').answer.filter(({ type }) => type === 1).length, 2);
    assert.equal(ask('app.example.org', 'A').answer.filter(({ type }) => type === 1).length, 1);
    const before = serial();
    health.set('web', [{ isAlive: false }, {}, {}]);
    await settled();
    verifyAll();
    assert.ok(serial() > before, 'what secondaries have is another thing now');
    const kept = serial();
    health.set('web', [{ isAlive: false }, { weight: 3 }, {}]);
    await settled();
    assert.equal(serial(), kept, 'weights are not in the zone');
    assert.equal(book.get('example.org')?.served?.draws.length, 2);
  });
}

test('switched on and off again, the zone is signed and unsigned, with serials that rise', async (t) => {
  const { use, ask, verify, serial, book } = await setup(t);
  await use();
  assert.equal(verify(ask('ns1.example.org', 'A')), 0);
  const serials = [serial()];
  await use({ dnssec: true });
  serials.push(serial());
  assert.equal(verify(ask('ns1.example.org', 'A')), 1);
  await use({ dnssec: { denial: 'nsec3' } });
  serials.push(serial());
  assert.equal(ask('example.org', 'NSEC3PARAM').answer.length, 2);
  await use({ dnssec: false });
  serials.push(serial());
  assert.equal(verify(ask('ns1.example.org', 'A')), 0);
  assert.equal(ask('example.org', 'DNSKEY').answer.length, 0);
  assert.deepEqual(
    [...new Set(serials)].sort((one, other) => one - other),
    serials,
  );
  assert.deepEqual(book.info('example.org')?.warnings, []);
});

test('a rollover with the DS is published step by step, and each answer verifies', async (t) => {
  const { use, ask, verify, clock, signing, book } = await setup(t);
  await use({ dnssec: { validityDays: 7 } });
  const roll = async () => {
    await pass(clock, 30 * hourS);
    assert.match(book.info('example.org')?.warnings.join() ?? '', /has to get the DS/);
    assert.ok(ask('example.org', 'CDS').answer.length > 0);
    await signing.confirmDs('example.org', signing.info('example.org').ds);
    await settled();
    assert.deepEqual(book.info('example.org')?.warnings, []);
  };
  await roll();
  const first = signing.info('example.org').keys[0]?.tag;
  await signing.roll('example.org', 'csk');
  await roll();
  for (let day = 0; day < 10; day++) {
    await pass(clock, 24 * hourS);
    for (const [name, type] of questions) assert.ok(verify(ask(name, type)) > 0);
  }
  const keys = signing.info('example.org').keys;
  assert.deepEqual(
    keys.map(({ state }) => state),
    ['active'],
  );
  assert.notEqual(keys[0]?.tag, first);
});

test('the serial rises before the signatures that secondaries hold end', async (t) => {
  const { use, clock, serial, signing } = await setup(t);
  await use({ dnssec: { validityDays: 6 } });
  const intervalS = signing.signingOf('example.org')?.transferIntervalS ?? 0;
  assert.ok(intervalS > 0 && intervalS < 2 * 86_400);
  const before = serial();
  await pass(clock, 6 * 86_400);
  assert.ok(serial() - before >= 3, `${serial() - before} times in six days`);
});

test('an ALIAS that does not resolve is SERVFAIL and a warning, in a signed zone too', async (t) => {
  const { use, ask, resolver, book, clock } = await setup(t);
  resolver.set('cdn.test.', 'A', { rcode: 'SERVFAIL' });
  await use({ dnssec: true });
  assert.equal(rcodeName(ask('example.org', 'A').rcode), 'SERVFAIL');
  assert.equal(rcodeName(ask('example.org', 'SOA').rcode), 'NOERROR');
  assert.match(book.info('example.org')?.warnings.join() ?? '', /cdn\.test.*SERVFAIL/);
  resolver.set('cdn.test.', 'A', { data: ['198.51.100.1'] });
  await pass(clock, 60, 5);
  assert.equal(ask('example.org', 'A').answer.length, 2);
  const [warning, ...others] = book.info('example.org')?.warnings ?? [];
  assert.match(warning ?? '', /^The parent zone has to get the DS/);
  assert.deepEqual(others, []);
});

test('whoever lives nowhere is denied with a proof, and comes back', async (t) => {
  const { use, ask, verify, health } = await setup(t);
  const records = [
    { name: 'ns1', type: 'A', data: '192.0.2.53' },
    { name: 'app', type: 'A', health: { upstream: 'web', whenAllDead: 'none' as const } },
  ];
  await use({ dnssec: { denial: 'nsec' }, records });
  health.set('web', [{ isAlive: false }]);
  await settled();
  const message = ask('app.example.org', 'A');
  assert.equal(rcodeName(message.rcode), 'NOERROR', 'NODATA, not NXDOMAIN');
  assert.ok(verify(message) >= 2);
  health.set('web', [{}]);
  await settled();
  assert.equal(ask('app.example.org', 'A').answer.length, 2);
});

import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { TLogEvent } from '../ts/core/log-event.ts';
import { parseName } from '../ts/dns/codec/name.ts';
import { recordType } from '../ts/dns/codec/types.ts';
import { DnssecKey } from '../ts/dns/dnssec/index.ts';
import { lookup } from '../ts/dns/zone/lookup.ts';
import { copySigner, signerOf, ZoneSigning } from '../ts/dns/zones/signing/index.ts';
import type { IPreparedSigning } from '../ts/dns/zones/stages.ts';
import type { IDnssecOptions } from '../ts_interfaces/index.ts';
import { zoneOf } from './dns/query.ts';
import {
  eventLogger,
  FakeResolver,
  identityOf,
  pass,
  SettableClock,
  StageBook,
  settled,
} from './dns/stages.ts';
import { BreakableStore } from './suites/breakable-store.ts';

const hourS = 3600;
const dayS = 86_400;
const zone = zoneOf('@ 300 SOA ns h 1 7200 900 1209600 60\n@ 300 NS ns\nns 300 A 192.0.2.1\n');
const id = 'example.org';

async function setup(
  context: TestContext,
  store = new BreakableStore(),
  clock = new SettableClock(),
) {
  if (store.writes === 0) await store.open();
  const [book, resolver, events, changed] = [
    new StageBook(),
    new FakeResolver(),
    [] as TLogEvent[],
    [] as string[],
  ];
  const parts = { store, clock, book, logger: eventLogger(events) };
  const where = { resolver: () => resolver, isInMemory: true, dataDir: undefined };
  const signing = new ZoneSigning({ ...parts, ...where });
  signing.onChanged = (zoneId) => {
    changed.push(zoneId);
    book.serve(zone, { id: zoneId, signer: signing.signingOf(zoneId)?.signer ?? null });
  };
  await signing.load();
  context.after(() => signing.stop());
  const prepare = (dnssec: IDnssecOptions | boolean, isNew = false) =>
    signing.prepare(identityOf({ name: id, dnssec }), isNew);
  const use = async (dnssec: IDnssecOptions | boolean): Promise<IPreparedSigning> => {
    const prepared = await prepare(dnssec);
    signing.apply(prepared);
    await settled();
    return prepared;
  };
  /** Until the first key waits for its DS, and then the parent has it. */
  const trust = async () => {
    await pass(clock, 27 * hourS);
    await signing.confirmDs(id, signing.info(id).ds);
  };
  const states = () => signing.info(id).keys.map(({ role, state }) => `${role} ${state}`);
  return { signing, store, clock, book, resolver, events, changed, prepare, use, trust, states };
}

test('a zone without DNSSEC has no keys, one with it has signatures and DS at once', async (t) => {
  const { signing, use, states } = await setup(t);
  await use(false);
  assert.equal(signing.signingOf(id), null);
  assert.deepEqual(signing.info(id).keys, []);
  const { signing: made } = await use({ algorithm: 'ED25519' });
  assert.ok(made !== null);
  const prepared = made.signer.prepare(zone);
  assert.equal(prepared.rrset(zone.apex, recordType.DNSKEY)?.rdatas.length, 1);
  const info = signing.info(id);
  assert.deepEqual([info.enabled, info.withdrawing, info.denial], [true, false, 'compact']);
  assert.match(info.keys[0]?.dnskey ?? '', /^257 3 15 \S+$/);
  assert.match(info.ds[0] ?? '', /^\d+ 15 2 [0-9A-Fa-f]{64}$/);
  assert.deepEqual(states(), ['csk published']);
  assert.doesNotMatch(JSON.stringify(info), /PRIVATE/);
});

test('a new zone asks for its DS at once, one that was served before only a day later', async (t) => {
  for (const [isNew, asked] of [
    [true, 1],
    [false, 0],
  ] as const) {
    const { signing, prepare, clock } = await setup(t);
    const prepared = await prepare({ keys: 'ksk-zsk' }, isNew);
    signing.apply(prepared);
    const signer = () => signing.signingOf(id)?.signer;
    const cds = () => signer()?.prepare(zone).rrset(zone.apex, recordType.CDS)?.rdatas.length ?? 0;
    assert.equal(cds(), asked);
    assert.equal(signing.info(id).keys.filter(({ waitsForDs }) => waitsForDs).length, asked);
    await pass(clock, 27 * hourS);
    assert.equal(cds(), 1);
  }
});

test('a successor that is not with everybody yet is not what the parent shall point to', async (t) => {
  const { signing, use, clock } = await setup(t);
  await use({ keys: 'ksk-zsk' });
  const [first] = signing.info(id).ds;
  await signing.roll(id, 'ksk');
  assert.equal(signing.info(id).keys.filter(({ role }) => role === 'ksk').length, 2);
  assert.deepEqual(signing.info(id).ds, [first]);
  await pass(clock, 27 * hourS);
  assert.notEqual(signing.info(id).ds[0], first);
});

test('a DS that the parent has already is in CDS from then on', async (t) => {
  const { signing, use } = await setup(t);
  await use(true);
  const cds = () =>
    signing.signingOf(id)?.signer.prepare(zone).rrset(zone.apex, recordType.CDS)?.rdatas.length;
  assert.equal(cds(), undefined);
  await signing.confirmDs(id, signing.info(id).ds);
  assert.equal(cds(), 1);
});

test('keys stay over a restart, which writes nothing, and are never made anew', async (t) => {
  const first = await setup(t);
  await first.use({ keys: 'ksk-zsk' });
  const before = first.signing.info(id);
  await first.signing.stop();
  const { writes } = first.store;
  const second = await setup(t, first.store, first.clock);
  await second.use({ keys: 'ksk-zsk' });
  assert.deepEqual(second.signing.info(id), before);
  assert.equal(first.store.writes, writes);
});

test('what was prepared and discarded is not used, and the next time finds its keys', async (t) => {
  const { signing, prepare, use } = await setup(t);
  const first = await prepare(true);
  assert.throws(() => signing.info(id), { code: 'ZONE_UNKNOWN' });
  signing.discard(first);
  assert.equal(signing.signingOf(id), null);
  const { signing: second } = await use(true);
  const tags = (made: IPreparedSigning['signing']) =>
    made?.signer.signingKeys.published.map(({ tag }) => tag);
  assert.deepEqual(tags(second), tags(first.signing));
});

test('a store that cannot be written makes no keys, and the zone is refused', async (t) => {
  const { signing, store, use, prepare } = await setup(t);
  store.failure = new Error('disk full');
  await assert.rejects(prepare(true), /disk full/);
  assert.equal(signing.signingOf(id), null);
  store.failure = null;
  await use(true);
  assert.ok(signing.signingOf(id) !== null);
});

test('other options: denial and validity change the signer and its stamp, lifetimes do not', async (t) => {
  const { signing, use } = await setup(t);
  await use(true);
  const first = signing.signingOf(id);
  const keys = signing.info(id).keys.map(({ tag }) => tag);
  await use({ zskLifetimeDays: 7 });
  const second = signing.signingOf(id);
  assert.equal(second?.signer, first?.signer);
  assert.equal(second?.stamp, first?.stamp);
  const prepared = await use({ denial: 'nsec3', validityDays: 7 });
  const third = signing.signingOf(id);
  assert.equal(third?.signer, prepared.signing?.signer);
  assert.notEqual(third?.stamp, first?.stamp);
  assert.equal(signing.info(id).denial, 'nsec3');
  assert.ok((third?.transferIntervalS ?? 0) < (first?.transferIntervalS ?? 0));
  assert.equal(third?.signer.prepare(zone).rrset(zone.apex, recordType.NSEC3PARAM)?.ttl, 0);
  assert.deepEqual(
    signing.info(id).keys.map(({ tag }) => tag),
    keys,
  );
});

test('another algorithm is refused with what to do instead, and nothing has changed', async (t) => {
  const { signing, use, prepare } = await setup(t);
  await use(true);
  await assert.rejects(prepare({ algorithm: 'ED25519' }), (error: Error) => {
    assert.match(JSON.stringify(error), /dnssec\.algorithm/);
    assert.match(JSON.stringify(error), /switch dnssec off/);
    return true;
  });
  assert.match(signing.info(id).keys[0]?.algorithm ?? '', /ECDSAP256SHA256/);
  // The way that the message tells.
  await use(false);
  assert.equal(signing.signingOf(id), null);
  await use({ algorithm: 'ED25519' });
  assert.equal(signing.info(id).keys[0]?.algorithm, 'ED25519');
});

test('without a DS at the parent a zone is unsigned at once; on again it has its keys', async (t) => {
  const first = await setup(t);
  await first.use(true);
  const tag = first.signing.info(id).keys[0]?.tag;
  const { signing: none } = await first.use(false);
  assert.equal(none, null);
  assert.equal(first.signing.info(id).enabled, false);
  await first.use(true);
  assert.equal(first.signing.info(id).keys[0]?.tag, tag);
  await first.use(false);
  await first.signing.stop();
  const second = await setup(t, first.store, first.clock);
  await second.use(false);
  assert.equal(second.signing.info(id).enabled, false);
  await second.use(true);
  assert.equal(second.signing.info(id).keys[0]?.tag, tag);
});

test('with a DS at the parent a zone stays signed until nobody has it, over a restart too', async (t) => {
  const first = await setup(t);
  await first.use({ denial: 'nsec' });
  await first.trust();
  const { signing: still } = await first.use(false);
  assert.ok(still !== null);
  assert.equal(first.signing.info(id).withdrawing, true);
  assert.deepEqual(first.signing.info(id).ds, []);
  const apex = still.signer.prepare(zone);
  assert.equal(apex.rrset(zone.apex, recordType.CDS)?.rdatas[0]?.toString('hex'), '0000000000');
  assert.match(first.book.warnings.get(`${id} dnssec`) ?? '', /removed from the parent/);
  await assert.rejects(first.signing.roll(id, 'csk'), { code: 'ZONE_INVALID' });
  await first.signing.stop();

  const { signing, use, clock, changed, events, store, book } = await setup(
    t,
    first.store,
    first.clock,
  );
  await use(false);
  assert.equal(signing.info(id).withdrawing, true);
  assert.equal(signing.info(id).denial, 'nsec', 'as it was signed');
  await signing.confirmDs(id, []);
  await pass(clock, 20 * hourS);
  assert.equal(signing.info(id).enabled, true, 'caches still have the DS');
  await pass(clock, 10 * hourS);
  assert.equal(signing.info(id).enabled, false);
  assert.equal(changed.at(-1), id);
  assert.equal(book.warnings.size, 0);
  assert.ok(events.includes('dnssec.unsigned'));
  assert.deepEqual(await store.entries('dns-keys'), []);
});

test('switched on again while the DS is being removed, all is as before', async (t) => {
  const { signing, use, trust, clock } = await setup(t);
  await use(true);
  await trust();
  const before = signing.info(id);
  await use(false);
  await use(true);
  assert.deepEqual(signing.info(id), before);
  await signing.confirmDs(id, before.ds);
  await pass(clock, 4 * dayS);
  assert.equal(signing.info(id).enabled, true);
});

test('a ZSK is replaced by itself, and each change is told', async (t) => {
  const { signing, use, clock, changed, states } = await setup(t);
  await use({ keys: 'ksk-zsk', zskLifetimeDays: 10 });
  const stamp = signing.signingOf(id)?.stamp;
  const zsk = signing.info(id).keys.find(({ role }) => role === 'zsk')?.tag;
  await pass(clock, 12 * dayS);
  assert.ok(changed.length > 0);
  assert.notEqual(signing.signingOf(id)?.stamp, stamp);
  const active = signing.info(id).keys.find((key) => key.role === 'zsk' && key.state === 'active');
  assert.notEqual(active?.tag, zsk);
  assert.ok(states().includes('ksk published'));
});

test('a CSK becomes a KSK and a ZSK by a rollover that waits for the DS', async (t) => {
  const { signing, use, trust, clock, states } = await setup(t);
  await use(true);
  await trust();
  assert.deepEqual(states(), ['csk active']);
  await use({ keys: 'ksk-zsk' });
  await pass(clock, 3 * hourS);
  assert.deepEqual(states(), ['csk active', 'ksk published']);
  await signing.confirmDs(id, signing.info(id).ds);
  await pass(clock, 8 * dayS);
  assert.deepEqual(states().sort(), ['ksk active', 'zsk active']);
});

test('a store that fails in a rollover: the old keys sign on, and it goes on afterwards', async (t) => {
  const { signing, store, use, clock, events, states } = await setup(t);
  await use({ keys: 'ksk-zsk', zskLifetimeDays: 2 });
  const before = signing.info(id);
  store.failure = new Error('disk full');
  await pass(clock, 3 * dayS);
  assert.deepEqual(
    signing.info(id).keys.map(({ tag }) => tag),
    before.keys.map(({ tag }) => tag),
  );
  assert.ok(events.includes('dnssec.failed'));
  await assert.rejects(signing.roll(id, 'zsk'), /disk full/);
  store.failure = null;
  await pass(clock, dayS);
  assert.ok(states().length > 2);
});

test('a store that fails when DNSSEC is switched off: it is tried again', async (t) => {
  const { signing, store, use, trust, clock } = await setup(t);
  await use(true);
  await trust();
  store.failure = new Error('disk full');
  await use(false);
  assert.equal(signing.signingOf(id)?.signer.signingKeys.cds[0]?.length, 36, 'no delete yet');
  store.failure = null;
  await pass(clock, 120, 60);
  assert.equal(signing.signingOf(id)?.signer.signingKeys.cds[0]?.length, 5);
});

test('a wish that cannot be stored is tried again, also when one before it was stored meanwhile', async (t) => {
  const { signing, store, clock, prepare, use, trust } = await setup(t);
  await use(true);
  await trust();
  const withdrawn = /withdrawnS[\\"]+:\d/;
  const write = store.write.bind(store);
  store.write = async (changes) => {
    if (withdrawn.test(JSON.stringify(changes))) throw new Error('disk full');
    await write(changes);
  };
  const held = Promise.withResolvers<void>();
  store.gate = held.promise;
  signing.apply(await prepare({ keys: 'ksk-zsk' }));
  signing.apply(await prepare(false));
  held.resolve();
  await settled();
  store.write = write;
  await pass(clock, 120, 60);
  assert.match(JSON.stringify(await store.get('dns-keys', id)), withdrawn);
});

test('roll() and confirmDs() say what cannot be', async (t) => {
  const { signing, use } = await setup(t);
  await assert.rejects(signing.roll(id, 'csk'), { code: 'ZONE_UNKNOWN' });
  await use(false);
  await assert.rejects(signing.roll(id, 'csk'), { code: 'ZONE_INVALID' });
  await use(true);
  await assert.rejects(signing.roll(id, 'zsk'), { code: 'ZONE_INVALID' });
  await assert.rejects(signing.confirmDs(id, ['1 13 2 zz']), { code: 'ZONE_INVALID' });
  const foreign = `1 13 2 ${'00'.repeat(32)}`;
  await assert.rejects(signing.confirmDs(id, [foreign]), { code: 'ZONE_INVALID' });
  const [ds = ''] = signing.info(id).ds;
  await signing.confirmDs(id, [foreign, `example.org. 3600 IN DS ${ds}`]);
  assert.equal(signing.info(id).keys[0]?.state, 'active');
});

test('signatures are made anew before they end, some at a time', async (t) => {
  const { use, clock } = await setup(t);
  const { signing: made } = await use(true);
  assert.ok(made !== null);
  const { signer } = made;
  const lines = Array.from({ length: 450 }, (_, index) => `n${index} 300 A 192.0.2.1`);
  const large = signer.prepare(
    zoneOf(`@ 300 SOA ns h 1 7200 900 1209600 60\n@ 300 NS ns\n${lines.join('\n')}\n`),
  );
  assert.ok([...signer.transfer(large)].length > 900);
  const renew = t.mock.method(signer, 'renew');
  // A third of 14 days is left, less the spread.
  await pass(clock, 10 * dayS, 1800);
  const counts = renew.mock.calls.map((call) => call.result ?? 0);
  assert.ok(Math.max(...counts) <= 200);
  assert.ok(counts.reduce((sum, count) => sum + count, 0) >= 450);
  const sign = t.mock.method(DnssecKey.prototype, 'sign');
  for (let index = 0; index < 50; index++) {
    const name = parseName(`n${index}.example.org`);
    const found = lookup(large, name, 1);
    if (found !== undefined) signer.respond(large, name, 1, found);
  }
  assert.equal(sign.mock.callCount(), 0, 'nobody waits for a signature');
});

for (const { title, byMs } of [
  { title: 'back by a month', byMs: -30 * dayS * 1000 },
  { title: 'forward by a year', byMs: 365 * dayS * 1000 },
]) {
  test(`the clock is set ${title}: signatures are made by the new time, secondaries are told`, async (t) => {
    const { signing, use, clock, changed } = await setup(t);
    const { signing: made } = await use(true);
    assert.ok(made !== null);
    const prepared = made.signer.prepare(zone);
    made.signer.signaturesOf(prepared.soa());
    const { stamp } = made;
    clock.set(byMs);
    changed.length = 0;
    await pass(clock, 120, 60);
    assert.ok(changed.includes(id));
    assert.notEqual(signing.signingOf(id)?.stamp, stamp);
    const { rdatas } = made.signer.signaturesOf(prepared.soa());
    const nowS = clock.now() / 1000;
    const [expiration, inception] = [8, 12].map((at) => rdatas[0]?.readUInt32BE(at) ?? 0);
    assert.ok((inception ?? 0) <= nowS && nowS < (expiration ?? 0));
    assert.equal(
      signing.info(id).keys.filter(({ state }) => state !== 'retired').length >= 1,
      true,
    );
  });
}

test('without signed zones there is no timer, and none is left after the end', async (t) => {
  const { signing, use, clock } = await setup(t);
  await use(false);
  assert.equal(clock.timerCount, 0);
  await use(true);
  assert.ok(clock.timerCount > 0);
  await signing.stop();
  assert.equal(clock.timerCount, 0);
});

test('a removed zone keeps its keys in the store', async (t) => {
  const { signing, use } = await setup(t);
  await use(true);
  const tag = signing.info(id).keys[0]?.tag;
  signing.removed(id);
  assert.throws(() => signing.info(id), { code: 'ZONE_UNKNOWN' });
  await use(true);
  assert.equal(signing.info(id).keys[0]?.tag, tag);
});

test('a zone that went and came back is told again what its parent has to do', async (t) => {
  const { signing, use, book, clock } = await setup(t);
  await use(true);
  await pass(clock, 27 * hourS);
  assert.match(book.warnings.get(`${id} dnssec`) ?? '', /has to get the DS/);
  signing.removed(id);
  // As for the book, in which a zone that comes has no warnings yet.
  book.warnings.clear();
  await use(true);
  assert.match(book.warnings.get(`${id} dnssec`) ?? '', /has to get the DS/);
});

test('an NSEC3 chain is made before anybody waits for it', async (t) => {
  const { signing, use, book } = await setup(t);
  const { signing: made } = await use({ denial: 'nsec3' });
  assert.ok(made !== null);
  const warm = t.mock.method(made.signer, 'warm');
  const served = made.signer.prepare(zone);
  book.serve(served, { id, signer: made.signer });
  book.serve(served, { id, signer: made.signer });
  await settled();
  assert.equal(warm.mock.callCount(), 1);
  assert.ok(signing.signingOf(id) !== null);
});

test('keys that go stay as long as others may keep records of the zone', async (t) => {
  const { signing, use, book, clock, states } = await setup(t);
  const { signing: made } = await use({ keys: 'ksk-zsk', zskLifetimeDays: 10 });
  const week = zoneOf('@ 300 SOA ns h 1 1 1 1 60\n@ 300 NS ns\nns 604800 A 192.0.2.1\n');
  book.serve(week, { id, signer: made?.signer ?? null });
  await settled();
  await pass(clock, 13 * dayS);
  assert.equal(states().filter((state) => state === 'zsk retired').length, 1);
  await pass(clock, 6 * dayS);
  assert.ok(!states().includes('zsk retired'));
  assert.ok(signing.signingOf(id) !== null);
});

test('a copy of a signer goes to a thread and signs with the same keys', async (t) => {
  const { use } = await setup(t);
  const { signing: made } = await use({ keys: 'ksk-zsk', denial: 'nsec3', algorithm: 'ED25519' });
  assert.ok(made !== null);
  const { signer } = made;
  const replica = signerOf(structuredClone(copySigner(signer)), new SettableClock());
  const prepared = signer.prepare(zone);
  assert.equal(replica.prepare(zone).rrset(zone.apex, 48)?.rdatas.length, 2);
  // Ed25519 signs alike each time.
  for (const name of ['example.org', 'ns.example.org', 'nothing.example.org']) {
    const wire = parseName(name);
    const found = lookup(prepared, wire, 1);
    assert.ok(found !== undefined);
    assert.deepEqual(
      replica.respond(prepared, wire, 1, found),
      signer.respond(prepared, wire, 1, found),
    );
  }
  assert.deepEqual(
    replica.signingKeys.entry.map(({ tag }) => tag),
    signer.signingKeys.entry.map(({ tag }) => tag),
  );
});

import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { silentLogger } from '../ts/core/logger.ts';
import { ManualClock } from '../ts/core/manual-clock.ts';
import { ZoneSigning } from '../ts/dns/zones/signing/index.ts';
import { MemoryStore } from '../ts/storage/memory-store.ts';
import { zoneOf } from './dns/query.ts';
import { FakeResolver, identityOf, pass, StageBook } from './dns/stages.ts';

const hourS = 3600;
const dayS = 86_400;
const id = 'child.example.org';
const question = 'child.example.org. DS';
const parentLines = '@ 300 SOA ns h 1 7200 900 1209600 60\n@ 300 NS ns\nns 300 A 192.0.2.1\n';

async function setup(context: TestContext) {
  const store = new MemoryStore();
  await store.open();
  const [clock, book, resolver] = [new ManualClock(), new StageBook(), new FakeResolver()];
  /** Another one of the same store, as after a restart. */
  const again = async () => {
    const made = new ZoneSigning({
      store,
      clock,
      book,
      logger: silentLogger,
      resolver: () => resolver,
      isInMemory: true,
      dataDir: undefined,
    });
    await made.load();
    context.after(() => made.stop());
    return made;
  };
  const signing = await again();
  const use = async (dnssec: boolean) =>
    signing.apply(await signing.prepare(identityOf({ name: id, dnssec })));
  await use(true);
  const states = () => signing.info(id).keys.map(({ state }) => state);
  const ds = () => signing.info(id).ds;
  const asked = () => resolver.asked.filter((text) => text === question).length;
  return { signing, clock, book, resolver, use, states, ds, asked, again };
}

test('the parent is asked only while a key waits for it, and less and less often', async (t) => {
  const { clock, resolver, states, ds, asked, book } = await setup(t);
  await pass(clock, 24 * hourS);
  assert.equal(asked(), 0, 'the first key is not submitted yet');
  await pass(clock, 4 * hourS, 300);
  const first = asked();
  assert.ok(first >= 3);
  assert.match(book.warnings.get(`${id} dnssec`) ?? '', new RegExp(ds()[0] ?? 'none'));
  await pass(clock, 10 * dayS);
  assert.ok(asked() - first <= 45, `${asked() - first} questions in ten days`);
  resolver.set('child.example.org.', 'DS', { data: ds(), authenticated: true });
  await pass(clock, 7 * hourS);
  assert.deepEqual(states(), ['active']);
  assert.equal(book.warnings.size, 0);
  const last = asked();
  await pass(clock, 5 * dayS);
  assert.equal(asked(), last);
});

test('an answer that nothing proves, or that failed, does not count', async (t) => {
  const { signing, clock, resolver, states, ds } = await setup(t);
  await pass(clock, 26 * hourS);
  for (const answer of [
    { data: ds(), authenticated: false },
    { data: ds(), authenticated: true, rcode: 'SERVFAIL' },
    { data: ['1 13 2 00'], authenticated: true },
    new Error('no network'),
  ]) {
    resolver.set('child.example.org.', 'DS', answer);
    await pass(clock, dayS);
    assert.deepEqual(states(), ['published']);
  }
  resolver.set('child.example.org.', 'DS', { data: ds(), authenticated: true });
  await pass(clock, 7 * hourS);
  assert.equal(signing.info(id).keys[0]?.waitsForDs, false);
});

test('a parent zone of ours is looked at itself', async (t) => {
  const { clock, book, states, ds, asked } = await setup(t);
  const cut = `${parentLines}child 300 NS ns.child\nns.child 300 A 192.0.2.2\n`;
  book.serve(zoneOf(cut));
  await pass(clock, 30 * hourS);
  assert.deepEqual(states(), ['published']);
  book.serve(zoneOf(`${cut}child 300 DS ${ds()[0]}\n`));
  await pass(clock, 7 * hourS);
  assert.deepEqual(states(), ['active']);
  assert.equal(asked(), 0);
});

test('a parent zone of ours that does not delegate says nothing', async (t) => {
  const { clock, book, asked } = await setup(t);
  book.serve(zoneOf(parentLines));
  await pass(clock, 30 * hourS);
  assert.ok(asked() > 0);
});

test('a zone that is to be unsigned is, once the parent is proven to have no DS', async (t) => {
  const { signing, clock, resolver, use, ds } = await setup(t);
  await pass(clock, 26 * hourS);
  const data = ds();
  await signing.confirmDs(id, data);
  await use(false);
  resolver.set('child.example.org.', 'DS', { data, authenticated: true });
  await pass(clock, 5 * dayS);
  assert.equal(signing.info(id).enabled, true);
  // Without proof a forged answer could make the zone bogus for everybody.
  resolver.set('child.example.org.', 'DS', { data: [], authenticated: false });
  await pass(clock, 5 * dayS);
  assert.equal(signing.info(id).enabled, true);
  resolver.set('child.example.org.', 'DS', { data: [], authenticated: true });
  await pass(clock, 3 * dayS);
  assert.equal(signing.info(id).enabled, false);
});

test('a DS at the parent that nothing proves keeps a zone signed, also after a restart', async (t) => {
  const { signing, resolver, use, ds, again } = await setup(t);
  resolver.set('child.example.org.', 'DS', { data: ds(), authenticated: false });
  await use(false);
  assert.deepEqual([signing.info(id).enabled, signing.info(id).withdrawing], [true, true]);
  await signing.stop();
  resolver.set('child.example.org.', 'DS', { data: [], authenticated: false });
  const next = await again();
  next.apply(await next.prepare(identityOf({ name: id, dnssec: false })));
  assert.deepEqual([next.info(id).enabled, next.info(id).withdrawing], [true, true]);
});

test('without a DS at the parent, or any answer of it, a zone is unsigned at once', async (t) => {
  for (const answer of [{ data: [], authenticated: false }, new Error('no network')]) {
    const { signing, resolver, use } = await setup(t);
    resolver.set('child.example.org.', 'DS', answer);
    await use(false);
    assert.equal(signing.info(id).enabled, false);
  }
});

test('an answer that comes after the zone went changes nothing', async (t) => {
  const { signing, clock, resolver, ds } = await setup(t);
  const data = ds();
  let answer: (value: { data: string[]; authenticated: boolean }) => void = () => undefined;
  resolver.set('child.example.org.', 'DS', new Promise((resolve) => (answer = resolve)));
  await pass(clock, 27 * hourS);
  signing.removed(id);
  answer({ data, authenticated: true });
  await pass(clock, 60, 60);
  assert.throws(() => signing.info(id), { code: 'ZONE_UNKNOWN' });
});

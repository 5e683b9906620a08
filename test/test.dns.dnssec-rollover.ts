import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { ManualClock } from '../ts/core/manual-clock.ts';
import { parseName } from '../ts/dns/codec/name.ts';
import {
  cdsDelete,
  DnssecKey,
  type IKeyPolicy,
  type IKeyStore,
  type ISigningKeys,
  type IStoredKeys,
  KeyManager,
} from '../ts/dns/dnssec/index.ts';
import { fixture } from './dns/dnssec/records.ts';

const zone = parseName('example.');
const hourS = 3600;
const dayS = 86_400;

/** Keeps keys in memory. */
class MemoryKeys implements IKeyStore {
  saved: IStoredKeys | null = null;
  saves = 0;
  failure: Error | undefined;

  async load(): Promise<IStoredKeys | null> {
    return this.saved === null ? null : structuredClone(this.saved);
  }

  async save(keys: IStoredKeys): Promise<void> {
    if (this.failure !== undefined) throw this.failure;
    this.saves++;
    this.saved = structuredClone(keys);
  }
}

async function manage(context: TestContext, policy: IKeyPolicy, store = new MemoryKeys()) {
  const clock = new ManualClock();
  const given: ISigningKeys[] = [];
  const errors: unknown[] = [];
  const manager = new KeyManager(
    {
      zone,
      policy,
      store,
      onKeys: (keys) => given.push(keys),
      onError: (error) => errors.push(error),
    },
    clock,
  );
  await manager.start();
  context.after(() => manager.stop());
  const states = () => manager.info.map(({ role, state }) => `${role} ${state}`);
  /** Moves time, an hour at a time, and lets what falls due be saved. */
  const pass = async (seconds: number) => {
    for (let left = seconds; left > 0; left -= hourS) {
      clock.advance(Math.min(left, hourS) * 1000);
      await settle(manager);
    }
  };
  return { manager, clock, given, errors, states, pass, store };
}

/** Resolves when what the manager began is done. */
async function settle(manager: KeyManager): Promise<void> {
  // A call that changes nothing takes its turn behind all that is under way.
  await manager.observeDs([]);
}

const dsOf = ({ manager }: { manager: KeyManager }, index: number) =>
  manager.info[index]?.ds as Buffer;

test('KeyManager: a new zone signs at once, and asks for its DS when old answers are gone', async (context) => {
  const here = await manage(context, { zoneTtlMaxS: dayS });
  assert.deepEqual(here.states(), ['csk published']);
  const first = here.given.at(-1);
  assert.equal(first?.zone.length, 1);
  assert.equal(first?.entry.length, 1);
  assert.deepEqual(first?.cds, []);
  await here.pass(dayS);
  assert.equal(here.manager.info[0]?.waitsForDs, false);
  await here.pass(2 * hourS);
  assert.equal(here.manager.info[0]?.waitsForDs, true);
  const keys = here.manager.signingKeys;
  assert.deepEqual(keys.cds, [keys.published[0]?.ds(zone)]);
  assert.deepEqual(keys.cdnskey, [keys.published[0]?.rdata]);
  assert.equal(here.given.at(-1)?.cds.length, 1);
  await here.manager.observeDs([DnssecKey.generate(13).ds(zone)]);
  assert.deepEqual(here.states(), ['csk published']);
  await here.manager.observeDs([dsOf(here, 0)]);
  assert.deepEqual(here.states(), ['csk active']);
  await here.pass(400 * dayS);
  assert.deepEqual(here.states(), ['csk active']);
});

test('KeyManager: a ZSK is replaced by itself, published before it signs, kept after it', async (context) => {
  const lifetime = 30 * dayS;
  const policy = { scheme: 'ksk-zsk', zskLifetimeS: lifetime, zoneTtlMaxS: dayS } as const;
  const here = await manage(context, policy);
  assert.deepEqual(here.states(), ['zsk active', 'ksk published']);
  const [first] = here.manager.signingKeys.zone;
  // Published 2 h 5 min (propagation, DNSKEY TTL, margin) before its time.
  await here.pass(lifetime - 3 * hourS);
  assert.deepEqual(here.states(), ['zsk active', 'ksk published']);
  await here.pass(hourS);
  assert.deepEqual(here.states(), ['zsk active', 'ksk published', 'zsk published']);
  assert.deepEqual(here.manager.signingKeys.zone, [first]);
  assert.equal(here.manager.signingKeys.published.length, 3);
  await here.pass(3 * hourS);
  assert.deepEqual(here.states(), ['zsk retired', 'ksk published', 'zsk active']);
  const { zone: signers, published, entry } = here.manager.signingKeys;
  assert.equal(signers.length, 1);
  assert.notEqual(signers[0]?.tag, first?.tag);
  assert.equal(published.length, 3);
  assert.equal(entry.length, 1);
  await here.pass(dayS);
  assert.equal(here.states().length, 3);
  await here.pass(2 * hourS);
  assert.deepEqual(here.states(), ['ksk published', 'zsk active']);
  await here.pass(10 * lifetime);
  assert.equal(here.manager.signingKeys.zone.length, 1);
  assert.equal(here.errors.length, 0);
});

test('KeyManager: at each moment of a rollover old and new answers verify', async (context) => {
  const ttl = 6 * hourS;
  const policy = {
    scheme: 'ksk-zsk',
    zskLifetimeS: 5 * dayS,
    zoneTtlMaxS: ttl,
    dnskeyTtlS: ttl,
    propagationS: hourS,
    safetyS: 0,
  } as const;
  const here = await manage(context, policy);
  // A cache may hold keys and signatures as old as propagation and TTL.
  const memory: { at: number; keys: ISigningKeys }[] = [];
  for (let hour = 0; hour < 24 * 20; hour++) {
    memory.push({ at: hour, keys: here.manager.signingKeys });
    const recent = memory.filter(({ at }) => hour - at <= (ttl + policy.propagationS) / hourS - 1);
    for (const signed of recent) {
      for (const known of recent) {
        const tags = known.keys.published.map(({ tag }) => tag);
        assert.ok(
          signed.keys.zone.every(({ tag }) => tags.includes(tag)),
          `hour ${hour}`,
        );
      }
    }
    await here.pass(hourS);
  }
  const signers = new Set(memory.map(({ keys }) => keys.zone[0]?.tag));
  assert.ok(signers.size >= 3);
});

test('KeyManager: a KSK waits for the DS for ever, and both sign until then', async (context) => {
  const policy = { scheme: 'ksk-zsk', zskLifetimeS: 0, zoneTtlMaxS: hourS } as const;
  const here = await manage(context, policy);
  await here.pass(dayS);
  await here.manager.observeDs([dsOf(here, 1)]);
  assert.deepEqual(here.states(), ['zsk active', 'ksk active']);
  await here.manager.roll('ksk');
  await here.manager.roll('ksk');
  assert.deepEqual(here.states(), ['zsk active', 'ksk active', 'ksk published']);
  assert.deepEqual(here.manager.signingKeys.cds, [dsOf(here, 1)]);
  assert.equal(here.manager.signingKeys.entry.length, 2);
  await here.pass(3 * hourS);
  assert.deepEqual(here.manager.signingKeys.cds, [dsOf(here, 2)]);
  assert.equal(here.manager.info[2]?.waitsForDs, true);
  await here.pass(200 * dayS);
  await here.manager.observeDs([dsOf(here, 1)]);
  await here.manager.roll('ksk');
  assert.deepEqual(here.states(), ['zsk active', 'ksk active', 'ksk published']);
  const successor = dsOf(here, 2);
  await here.manager.observeDs([dsOf(here, 1), successor]);
  assert.deepEqual(here.states(), ['zsk active', 'ksk retired', 'ksk active']);
  assert.equal(here.manager.signingKeys.entry.length, 2);
  // The DS of the parent may be cached for a day, and takes an hour to spread.
  await here.pass(dayS + hourS);
  assert.equal(here.states().length, 3);
  await here.pass(2 * hourS);
  assert.deepEqual(here.states(), ['zsk active', 'ksk active']);
  assert.deepEqual(dsOf(here, 1), successor);
});

test('KeyManager: a CSK is replaced in both its parts', async (context) => {
  const here = await manage(context, { zoneTtlMaxS: dayS, kskLifetimeS: 100 * dayS });
  await here.pass(2 * dayS);
  const first = dsOf(here, 0);
  await here.manager.observeDs([first]);
  await here.pass(100 * dayS + 3 * hourS);
  assert.deepEqual(here.states(), ['csk active', 'csk published']);
  const { zone: signers, entry, cds } = here.manager.signingKeys;
  assert.deepEqual(signers, [entry[1]]);
  assert.deepEqual(cds, [dsOf(here, 1)]);
  await here.pass(30 * dayS);
  assert.equal(here.states().length, 2);
  await here.manager.observeDs([dsOf(here, 1)]);
  await here.pass(2 * dayS);
  assert.deepEqual(here.states(), ['csk active']);
  assert.notDeepEqual(dsOf(here, 0), first);
});

test('KeyManager: one key becomes two, and two become one', async (context) => {
  const store = new MemoryKeys();
  const one = await manage(context, { zoneTtlMaxS: hourS }, store);
  await one.pass(dayS);
  await one.manager.observeDs([dsOf(one, 0)]);
  await one.manager.stop();

  const two = await manage(context, { scheme: 'ksk-zsk', zoneTtlMaxS: hourS }, store);
  two.clock.advance(dayS * 1000);
  await two.manager.roll('csk');
  await two.pass(dayS);
  await two.manager.observeDs([two.manager.info.find(({ role }) => role === 'ksk')?.ds as Buffer]);
  await two.pass(3 * dayS);
  assert.deepEqual(two.states().sort(), ['ksk active', 'zsk active']);
  await two.manager.stop();

  const back = await manage(context, { zoneTtlMaxS: hourS }, store);
  back.clock.advance(5 * dayS * 1000);
  await back.manager.roll('ksk');
  await back.pass(dayS);
  await back.manager.observeDs([
    back.manager.info.find(({ role }) => role === 'csk')?.ds as Buffer,
  ]);
  await back.pass(3 * dayS);
  assert.deepEqual(back.states(), ['csk active']);
});

test('KeyManager: keys survive a restart, and a key is not used before it is saved', async (context) => {
  const store = new MemoryKeys();
  const first = await manage(context, { scheme: 'ksk-zsk' }, store);
  const tags = first.manager.info.map(({ tag }) => tag);
  await first.manager.stop();
  const second = await manage(context, { scheme: 'ksk-zsk' }, store);
  assert.deepEqual(
    second.manager.info.map(({ tag, flags }) => [tag, flags]),
    [
      [tags[0], 256],
      [tags[1], 257],
    ],
  );

  store.failure = new Error('disk is full');
  await assert.rejects(second.manager.roll('zsk'), /disk is full/);
  assert.equal(second.manager.signingKeys.published.length, 2);
  await second.pass(100 * dayS).catch((error: unknown) => assert.match(`${error}`, /disk is full/));
  assert.equal(second.manager.signingKeys.published.length, 2);
});

test('KeyManager: what a timer cannot save is told, and tried again', async (context) => {
  const policy = { scheme: 'ksk-zsk', zskLifetimeS: dayS, zoneTtlMaxS: hourS } as const;
  const here = await manage(context, policy);
  here.store.failure = new Error('disk is full');
  here.clock.advance(dayS * 1000);
  await here.manager.observeDs([]).catch((error: unknown) => assert.match(`${error}`, /full/));
  assert.ok(here.errors.length > 0);
  here.store.failure = undefined;
  await here.pass(hourS);
  assert.equal(here.manager.info.length, 3);
});

test('KeyManager: nothing is saved when nothing has changed', async (context) => {
  const here = await manage(context, {});
  const { saves } = here.store;
  for (let count = 0; count < 5; count++) await here.manager.observeDs([]);
  assert.equal(here.store.saves, saves);
  assert.equal(here.given.length, 1);
});

test('KeyManager: keys of BIND are taken over', async (context) => {
  const store = new MemoryKeys();
  const clock = new ManualClock();
  const options = { zone, store, onKeys: () => {}, onError: () => {} };
  const manager = new KeyManager({ ...options, policy: { scheme: 'ksk-zsk' } }, clock);
  context.after(() => manager.stop());
  await manager.adopt([
    { key: DnssecKey.fromBind(fixture('key-8.private')), role: 'ksk' },
    { key: DnssecKey.generate(8, 256), role: 'zsk' },
  ]);
  await manager.start();
  assert.deepEqual(
    manager.info.map(({ algorithm, role, state }) => [algorithm, role, state]),
    [
      [8, 'ksk', 'published'],
      [8, 'zsk', 'active'],
    ],
  );
  // A successor has the algorithm of the zone, whatever is wanted for new zones.
  await manager.roll('zsk');
  assert.equal(manager.info.at(-1)?.algorithm, 8);
});

test('KeyManager: a zone goes back to unsigned when nobody has its DS', async (context) => {
  const here = await manage(context, { zoneTtlMaxS: hourS });
  await here.pass(dayS);
  await here.manager.observeDs([dsOf(here, 0)]);
  await here.manager.withdraw();
  assert.deepEqual(here.manager.signingKeys.cds, [cdsDelete]);
  await here.manager.observeDs([dsOf(here, 0)]);
  here.clock.advance(10 * dayS * 1000);
  assert.equal(here.manager.mayBeUnsigned, false);
  await here.manager.observeDs([]);
  assert.equal(here.manager.mayBeUnsigned, false);
  here.clock.advance(2 * dayS * 1000);
  assert.equal(here.manager.mayBeUnsigned, true);
  await here.manager.withdraw(false);
  assert.equal(here.manager.mayBeUnsigned, false);
  assert.equal(here.manager.signingKeys.cds.length, 1);
});

test('KeyManager: its state for others holds no secret', async (context) => {
  const here = await manage(context, {});
  const pem = here.store.saved?.keys[0]?.pem ?? '';
  const secret = pem.split('\n')[1] ?? '';
  assert.ok(secret.length > 20);
  assert.ok(!JSON.stringify([here.manager.info, here.manager.signingKeys]).includes(secret));
});

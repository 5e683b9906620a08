import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DcError } from '../ts/core/errors.ts';
import { recordType } from '../ts/dns/codec/types.ts';
import { DnssecKey } from '../ts/dns/dnssec/key.ts';
import { ZoneSigner } from '../ts/dns/dnssec/zone-signer.ts';
import type {
  IDynamics,
  IExpanded,
  IPreparedSigning,
  IZoneIdentity,
  IZoneSigning,
} from '../ts/dns/zones/stages.ts';
import type { IStoreChange } from '../ts/storage/store.ts';
import type { IZoneOptions } from '../ts_interfaces/index.ts';
import {
  change,
  content,
  example,
  type IBookWorld,
  makeWorld,
  name,
  openBook,
  put,
  serial,
  served,
} from './dns/book.ts';
import { singleKey } from './dns/dnssec/signed-zone.ts';
import { NullExpansion, NullSigning } from './dns/null-stages.ts';

const id = 'example.org';

function withSerial(number: number, records: string[] = []): IZoneOptions {
  const soa = `@ SOA ns.example.net. me ${number} 7200 3600 1209600 300`;
  return { name: id, records: [soa, '@ NS ns.example.net.', ...records] };
}

test('a restart with the same content keeps the serial, with another one raises it', async () => {
  const world = await makeWorld();
  const first = await openBook(world, [withSerial(10, ['a A 192.0.2.1'])]);
  await first.change(id, 'api', () => [change('b.example.org.', 'A', ['192.0.2.2'])]);
  await first.stop();
  const same = await openBook(world, [withSerial(10, ['a A 192.0.2.1'])]);
  assert.equal(serial(same), 11);
  assert.deepEqual(content(same), content(first));
  const other = await openBook(world, [withSerial(10, ['a A 192.0.2.9'])]);
  assert.equal(serial(other), 12);
  assert.equal(served(other, 'b.example.org.', 'A'), '300 192.0.2.2');
  const back = await openBook(world, [withSerial(10, ['a A 192.0.2.1'])]);
  assert.equal(serial(back), 13, 'never an old serial for what is served now');
});

test('the serial of the file counts where it is ahead', async () => {
  const world = await makeWorld();
  const book = await openBook(world, [withSerial(10)]);
  await put(book, [withSerial(20)]);
  assert.equal(serial(book), 20);
  await book.change(id, 'api', () => [change('b.example.org.', 'A', ['192.0.2.2'])]);
  await put(book, [withSerial(21, ['a A 192.0.2.1'])]);
  assert.equal(serial(book), 22, '21 stood for something else');
  await put(book, [withSerial(5, ['a A 192.0.2.1'])]);
  assert.equal(serial(book), 22, 'a lower serial of the same content does not count');
  // 2^31 - 1 ahead counts, a step further would be behind.
  await put(book, [withSerial(22 + 2 ** 31 - 1)]);
  assert.equal(serial(book), 22 + 2 ** 31 - 1);
  await put(book, [withSerial(4_294_967_295)]);
  await book.change(id, 'api', () => [change('c.example.org.', 'A', ['192.0.2.2'])]);
  assert.equal(serial(book), 0, 'after the last comes 0');
  assert.equal(serial(await openBook(world, [withSerial(4_294_967_295)])), 0);
});

const policies = [
  { policy: 'unix-time', first: 1_767_225_600, next: [1_767_225_601, 1_767_225_661] },
  { policy: 'date', first: 2_026_010_100, next: [2_026_010_101, 2_026_010_102] },
  { policy: 'increment', first: 1, next: [2, 3] },
] as const;
for (const { policy, first, next } of policies) {
  test(`serials by ${policy}, of a SOA that was made`, async () => {
    const world = await makeWorld();
    const book = await openBook(world, [{ ...example, serial: policy }]);
    assert.equal(serial(book), first);
    const edit = (data: string) => () => [change('b.example.org.', 'TXT', [data])];
    assert.equal(await book.change(id, 'api', edit('x')), next[0]);
    world.clock.advance(61_000);
    assert.equal(await book.change(id, 'api', edit('y')), next[1]);
    world.clock.advance(86_400_000);
    assert.equal(serial(await openBook(world, [{ ...example, serial: policy }])), next[1]);
  });
}

test('zones that went and come back have what was changed; purge() forgets it, but the serial', async () => {
  const world = await makeWorld();
  const book = await openBook(world, [example]);
  await book.change(id, 'api', () => [change('b.example.org.', 'A', ['192.0.2.2'])]);
  const remove = async () => book.apply(await book.prepare({ set: [], removed: [id] }));
  await assert.rejects(book.purge(id), { code: 'ZONE_EXISTS' });
  await remove();
  await assert.rejects(
    book.change(id, 'api', () => []),
    { code: 'ZONE_UNKNOWN' },
  );
  await put(book, [example]);
  assert.equal(served(book, 'b.example.org.', 'A'), '300 192.0.2.2');
  assert.equal(serial(book), 2);
  await remove();
  await book.purge(id);
  await put(book, [example]);
  assert.equal(served(book, 'b.example.org.', 'A'), '');
  assert.equal(serial(book), 3);
  assert.deepEqual(await world.store.entries('dns-records'), []);
});

test('a change that waits for its zone ends when the zone goes', async () => {
  const book = await openBook(await makeWorld(), [example]);
  const first = book.change(id, 'api', () => [change('a.example.org.', 'A', ['192.0.2.2'])]);
  const second = book.change(id, 'api', () => [change('b.example.org.', 'A', ['192.0.2.2'])]);
  await first;
  book.apply(await book.prepare({ set: [], removed: [id] }));
  await Promise.allSettled([second]);
  assert.equal(book.get(id), undefined);
  await put(book, [example]);
});

test('what the store has and nobody can read is left alone', async () => {
  const world = await makeWorld();
  const broken: IStoreChange[] = [
    {
      collection: 'dns-records',
      key: 'example.org a.example.org. A',
      value: { ttl: 1, data: ['x'] },
    },
    { collection: 'dns-records', key: 'example.org', value: {} },
    { collection: 'dns-records', key: 'example.org a..b. A', value: { ttl: 1, data: [] } },
    { collection: 'dns-records', key: 'example.org b.example.org. A', value: 'text' },
    { collection: 'dns-zone-states', key: id, value: { serial: -1 } },
    { collection: 'dns-owned', key: '"x" example.org', value: { owner: 'x' } },
  ];
  await world.store.write(broken);
  const book = await openBook(world, [example]);
  assert.equal(serial(book), 1);
  assert.equal((await world.store.entries('dns-records')).length, 4);
});

/** Gives what the test says for every ALIAS. */
class TestExpansion extends NullExpansion {
  address = '192.0.2.50';
  followed = 0;
  isPending = false;

  override expand(zone: IZoneIdentity, source: never, dynamics: IDynamics): IExpanded {
    const { changes } = super.expand(zone, source, dynamics);
    const made = dynamics.aliases.map(({ name: owner, ttl }) => {
      return { ...change('@.example.org.', 'A', [this.address]), name: owner, ttl };
    });
    const warnings = [`it is ${this.address}`];
    const { isPending } = this;
    return { changes: [...changes, ...made], draws: [], warnings, isPending };
  }

  override served(): void {
    this.followed++;
  }
}

async function settle(): Promise<void> {
  for (let turn = 0; turn < 50; turn++) await Promise.resolve();
}

test('another expansion is published anew under another serial, which a restart keeps', async () => {
  const expansion = new TestExpansion();
  const world = await makeWorld({ stages: { expansion, signing: new NullSigning() } });
  const zone = { ...example, records: ['www ALIAS a.example.'] };
  const book = await openBook(world, [zone]);
  assert.equal(served(book, 'www.example.org.', 'A'), '3600 192.0.2.50');
  assert.equal(serial(book), 1);
  assert.deepEqual(book.info(id)?.warnings, ['it is 192.0.2.50']);
  expansion.address = '192.0.2.51';
  expansion.onChanged(id);
  expansion.onChanged(id);
  expansion.onChanged('unknown.example');
  assert.equal(serial(book), 1, 'stored first');
  await settle();
  assert.equal(served(book, 'www.example.org.', 'A'), '3600 192.0.2.51');
  assert.equal(serial(book), 2);
  assert.equal(book.get(id)?.source?.serial, 2);
  const again = await openBook(world, [zone]);
  assert.equal(serial(again), 2);
  expansion.address = '192.0.2.52';
  assert.equal(serial(await openBook(world, [zone])), 3);
  assert.equal(expansion.followed, 3, 'once for each book');
});

test('what is not known yet after a restart leaves the serial as it was', async () => {
  const expansion = new TestExpansion();
  const world = await makeWorld({ stages: { expansion, signing: new NullSigning() } });
  const zone = { ...example, records: ['www ALIAS a.example.'] };
  await (await openBook(world, [zone])).stop();
  for (const [address, later] of [
    ['192.0.2.50', 1],
    ['192.0.2.51', 2],
  ] as const) {
    Object.assign(expansion, { address: '192.0.2.99', isPending: true });
    const book = await openBook(world, [zone]);
    assert.equal(serial(book), 1);
    assert.equal(book.get(id)?.served?.isProvisional, true);
    assert.deepEqual(book.get(id)?.history, [], 'nobody gets the differences to it');
    Object.assign(expansion, { address, isPending: false });
    expansion.onChanged(id);
    await settle();
    assert.equal(serial(book), later, 'what it was keeps the serial');
    assert.equal(book.get(id)?.served?.isProvisional, false);
    await book.stop();
  }
});

test('a change counts also while something is not known', async () => {
  const expansion = new TestExpansion();
  const world = await makeWorld({ stages: { expansion, signing: new NullSigning() } });
  const zone = { ...example, records: ['www ALIAS a.example.'] };
  await (await openBook(world, [zone])).stop();
  expansion.isPending = true;
  const book = await openBook(world, [{ ...zone, records: [...zone.records, 'b A 192.0.2.1'] }]);
  assert.equal(serial(book), 2);
  assert.equal(book.get(id)?.served?.isProvisional, false, 'secondaries hear of it');
});

test('what expansion says is answered even when the disk is full, and is stored later', async () => {
  const expansion = new TestExpansion();
  const world = await makeWorld({ stages: { expansion, signing: new NullSigning() } });
  const zone = { ...example, records: ['www ALIAS a.example.'] };
  const book = await openBook(world, [zone]);
  world.store.failure = new DcError('STORE_FAILED', 'The disk is full');
  expansion.address = '192.0.2.51';
  expansion.onChanged(id);
  await settle();
  assert.equal(served(book, 'www.example.org.', 'A'), '3600 192.0.2.51');
  assert.match(book.info(id)?.warnings.join() ?? '', /cannot be stored.*disk is full/);
  const { timerCount } = world.clock;
  for (const address of ['192.0.2.52', '192.0.2.51']) {
    expansion.address = address;
    expansion.onChanged(id);
    await settle();
  }
  assert.equal(
    world.clock.timerCount,
    timerCount,
    'it is tried again once, however often it fails',
  );
  world.store.failure = null;
  world.clock.advance(60_000);
  await settle();
  assert.deepEqual(book.info(id)?.warnings, ['it is 192.0.2.51']);
  assert.equal(serial(await openBook(world, [zone])), serial(book));
});

test('nothing is tried again after the end', async () => {
  const expansion = new TestExpansion();
  const world = await makeWorld({ stages: { expansion, signing: new NullSigning() } });
  const book = await openBook(world, [{ ...example, records: ['www ALIAS a.example.'] }]);
  world.store.failure = new DcError('STORE_FAILED', 'The disk is full');
  expansion.address = '192.0.2.51';
  expansion.onChanged(id);
  await settle();
  await book.stop();
  assert.equal(world.clock.timerCount, 0);
});

/** Signs all zones with one key. */
class TestSigning extends NullSigning {
  readonly signing: IZoneSigning;
  stamp = 'compact';

  constructor(world: Pick<IBookWorld, 'clock'>) {
    super();
    const key = DnssecKey.generate(15);
    const keys = singleKey(key);
    const signer = new ZoneSigner(name('example.org.'), keys, {}, world.clock);
    const stampOf = () => this.stamp;
    this.signing = {
      signer,
      transferIntervalS: 1000,
      get stamp() {
        return stampOf();
      },
    };
  }

  override async prepare(): Promise<IPreparedSigning> {
    return { signing: this.signing };
  }

  override signingOf(): never {
    return this.signing as never;
  }
}

test('a signed zone has its keys, no history, and a serial that rises in time, also over restarts', async () => {
  const plain = await makeWorld();
  const signing = new TestSigning(plain);
  const world = { ...plain, stages: { expansion: new NullExpansion(), signing } };
  const book = await openBook(world, [example]);
  assert.equal(serial(book), 1);
  assert.equal(book.get(id)?.served?.signer, signing.signing.signer);
  assert.notEqual(served(book, 'example.org.', 'DNSKEY'), '');
  assert.equal(book.get(id)?.source?.rrset(name('example.org.'), recordType.DNSKEY), undefined);
  assert.deepEqual(book.get(id)?.history, []);
  world.clock.advance(999_000);
  await settle();
  assert.equal(serial(book), 1);
  world.clock.advance(1_000);
  await settle();
  assert.equal(serial(book), 2);
  world.clock.advance(900_000);
  await book.stop();
  const again = await openBook(world, [example]);
  assert.equal(serial(again), 2);
  world.clock.advance(100_000);
  await settle();
  assert.equal(serial(again), 3, 'a restart does not begin the time anew');
  signing.stamp = 'nsec3';
  signing.onChanged(id);
  await settle();
  assert.equal(serial(again), 4);
});

test('history: the last versions, each leading to the next, the newest last', async () => {
  const book = await openBook(await makeWorld(), [example]);
  for (let count = 0; count < 120; count++) {
    await book.change(id, 'update', () => [change('a.example.org.', 'TXT', [`${count}`])]);
  }
  const history = book.get(id)?.history ?? [];
  assert.equal(history.length, 100);
  assert.equal(history.at(-1), book.get(id)?.served?.zone);
  assert.deepEqual(
    history.map((zone) => zone.serial),
    Array.from({ length: 100 }, (_, index) => index + 22),
  );
  // A reload that changes little shares memory, and goes on with the history.
  await put(book, [{ ...example, records: [...(example.records ?? []), 'b TXT x'] }]);
  assert.equal(book.get(id)?.history.length, 100);
});

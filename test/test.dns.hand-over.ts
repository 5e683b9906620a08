import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { test } from 'node:test';
import { ManualClock } from '../ts/core/manual-clock.ts';
import { ZoneSigning } from '../ts/dns/zones/signing/index.ts';
import { newTcpServer, reusePortFlag } from '../ts/net/handles.ts';
import { change, example, makeWorld, openBook, serial, served } from './dns/book.ts';
import { NullExpansion, NullSigning } from './dns/null-stages.ts';
import { loggerOf, onLoopback, planeOf } from './dns/plane.ts';
import { clientSocket, decoded, exchange, queryFor } from './dns/query.ts';
import { FakeResolver, identityOf, StageBook } from './dns/stages.ts';
import { BreakableStore } from './suites/breakable-store.ts';

const id = 'example.org';

async function settle(): Promise<void> {
  for (let turn = 0; turn < 50; turn++) await Promise.resolve();
}

test('a book that let go of the store changes nothing, and goes on afterwards', async () => {
  const expansion = new NullExpansion();
  const world = await makeWorld({ stages: { expansion, signing: new NullSigning() } });
  const book = await openBook(world, [example]);
  const edit = () => [change('new.example.org.', 'A', ['192.0.2.7'])];
  const under = book.change(id, 'api', edit);
  await book.pause();
  await under;
  assert.equal(serial(book), 2, 'what was under way has ended');
  const before = await world.store.entries('dns-zone-states');
  world.store.failure = new Error('The store is gone');
  await assert.rejects(book.change(id, 'update', edit), { code: 'NOT_RUNNING' });
  await assert.rejects(book.import(id, '@ 60 SOA ns.a.net. h 9 1 1 1 1\n@ 60 NS ns.a.net.'), {
    code: 'NOT_RUNNING',
  });
  await assert.rejects(
    book.changeOwned(id, () => []),
    { code: 'NOT_RUNNING' },
  );
  expansion.onChanged(id);
  await settle();
  assert.equal(serial(book), 2);
  assert.deepEqual(book.info(id)?.warnings, [], 'nothing was tried that failed');
  assert.equal(served(book, 'www.example.org.', 'A'), '300 192.0.2.1 192.0.2.2');
  world.store.failure = null;
  book.resume();
  await settle();
  assert.deepEqual(await world.store.entries('dns-zone-states'), before);
  assert.equal(
    await book.change(id, 'api', () => [change('two.example.org.', 'A', ['192.0.2.8'])]),
    3,
  );
  await book.stop();
});

test('keys that change while the store is gone are stored when it is back, or not at all', async (context) => {
  const store = new BreakableStore();
  await store.open();
  const logged: string[] = [];
  const signing = new ZoneSigning({
    ...{ store, isInMemory: true, dataDir: undefined, clock: new ManualClock() },
    ...{ book: new StageBook(), logger: loggerOf(logged), resolver: () => new FakeResolver() },
  });
  await signing.load();
  context.after(() => signing.stop());
  signing.apply(await signing.prepare(identityOf({ name: id, dnssec: true })));
  const tags = (): number[] => signing.info(id).keys.map(({ tag }) => tag);
  const [first = 0] = tags();
  await signing.pause();
  store.failure = new Error('The store is gone');
  const roll = signing.roll(id, 'csk');
  await settle();
  assert.deepEqual(tags(), [first]);
  store.failure = null;
  signing.resume();
  await roll;
  assert.equal(tags().length, 2);
  await signing.pause();
  const never = signing.confirmDs(id, signing.info(id).ds.slice(-1));
  const { writes } = store;
  const refused = assert.rejects(never, { code: 'NOT_RUNNING' });
  await signing.stop();
  await refused;
  assert.equal(store.writes, writes);
  assert.deepEqual(
    logged.filter((event) => event === 'dnssec.failed'),
    [],
  );
});

test('a plane takes the ports of another: no query is lost, before, between and after', async (context) => {
  const [old, heir] = [await planeOf(context), await planeOf(context)];
  old.book.set('example.org', 'who 60 TXT old');
  heir.book.set('example.org', 'who 60 TXT new');
  await old.use({ listeners: onLoopback });
  const port = old.port();
  const held = [...old.plane.heldPorts()];
  assert.deepEqual(
    held.map(({ key, handles }) => [key, handles.length]),
    [['dns:127.0.0.1|0|dns', 1]],
  );
  // In place of the same socket, which another process would get.
  const handle = newTcpServer();
  assert.equal(handle.bind('127.0.0.1', port, reusePortFlag), 0);
  heir.plane.takeOver(held[0]?.key ?? '', handle);
  const prepared = await heir.plane.prepare({ listeners: onLoopback }, { isTakeOver: true });
  // Sockets of many clients: the kernel would have shared them out.
  const clients = await Promise.all(Array.from({ length: 16 }, () => clientSocket(context)));
  const askAll = async (): Promise<string[]> => {
    const answers = clients.map((client) =>
      exchange(client, port, queryFor('who.example.org', 'TXT')),
    );
    return (await Promise.all(answers)).map((bytes) => {
      return decoded(bytes).answer[0]?.rdata.subarray(1).toString() ?? '';
    });
  };
  assert.deepEqual(new Set(await askAll()), new Set(['old']), 'the new one does not answer yet');
  heir.plane.apply(prepared);
  heir.plane.endTakeOver();
  assert.equal(heir.port(), port, 'a port that the kernel chose as well');
  const asked = askAll();
  const gone = old.plane.stop(1000);
  assert.deepEqual((await asked).filter((who) => who === '').length, 0);
  await gone;
  assert.deepEqual(new Set(await askAll()), new Set(['new']));
  const client = connect({ port, host: '127.0.0.1' });
  context.after(() => client.destroy());
  await once(client, 'connect');
});

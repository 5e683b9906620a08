import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { type TestContext, test } from 'node:test';
import { SqliteStore } from '../ts/storage/sqlite-store.ts';
import { hasCode, storeSuite } from './suites/store.ts';

function temporaryFolder(context: TestContext): string {
  const folder = fs.mkdtempSync(join(tmpdir(), 'dcrouter-store-'));
  context.after(() => fs.rmSync(folder, { recursive: true }));
  return folder;
}

/** Names and contents of all files in a folder. */
function contentsOf(folder: string): Record<string, string> {
  const names = fs.readdirSync(folder).filter((name) => !name.startsWith('store.lock'));
  return Object.fromEntries(
    names.map((name) => [name, fs.readFileSync(join(folder, name)).toString('base64')]),
  );
}

/** A folder with a store that has 500 items and is closed. */
async function filledFolder(context: TestContext): Promise<string> {
  const folder = temporaryFolder(context);
  const store = new SqliteStore(folder);
  await store.open();
  const keys = Array.from({ length: 500 }, (_, index) => `key-${index}`);
  await store.write(
    keys.map((key) => ({ collection: 'c', key, value: { key, text: 'x'.repeat(99) } })),
  );
  await store.close();
  return folder;
}

/** Asserts that the folder is refused with the code and left as it is. */
async function assertRefused(
  folder: string,
  code: 'STORE_CORRUPT' | 'STORE_NEWER',
  message: RegExp,
): Promise<void> {
  const before = contentsOf(folder);
  const store = new SqliteStore(folder);
  await assert.rejects(store.open(), (error: Error) => {
    assert.match(error.message, message);
    return hasCode(code)(error);
  });
  assert.deepEqual(contentsOf(folder), before);
  await assert.rejects(store.get('c', 'k'), hasCode('NOT_RUNNING'));
  await store.close();
}

storeSuite('SqliteStore', (context) => new SqliteStore(temporaryFolder(context)));

test('SqliteStore: items outlive the store', async (context) => {
  const folder = await filledFolder(context);
  const store = new SqliteStore(folder);
  context.after(() => store.close());
  await store.open();
  assert.equal((await store.entries('c')).length, 500);
});

test('SqliteStore: the folder is private, and those above it are created', async (context) => {
  const folder = join(temporaryFolder(context), 'a', 'b');
  const store = new SqliteStore(folder);
  await store.open();
  await store.write([{ collection: 'c', key: 'k', value: 1 }]);
  const mode = (path: string): string => (fs.statSync(path).mode & 0o777).toString(8);
  assert.equal(mode(folder), '700');
  const files = fs.readdirSync(folder).sort();
  assert.deepEqual(files, ['store.db', 'store.db-wal', 'store.holder', 'store.lock']);
  for (const name of files) assert.equal(mode(join(folder, name)), '600', name);
  await store.close();
  assert.deepEqual(fs.readdirSync(folder).sort(), ['store.db', 'store.lock']);
});

test('SqliteStore: a second store in the same process is refused', async (context) => {
  const folder = await filledFolder(context);
  const first = new SqliteStore(folder);
  await first.open();
  context.after(() => first.close());
  for (let attempt = 0; attempt < 2; attempt++) {
    await assert.rejects(new SqliteStore(folder).open(), (error: Error) => {
      assert.match(
        error.message,
        new RegExp(`held by this process, ${process.pid}, since \\d{4}-`),
      );
      return hasCode('STORE_LOCKED')(error);
    });
  }
  await first.write([{ collection: 'c', key: 'k', value: 1 }]);
  await first.close();
  const next = new SqliteStore(folder);
  await next.open();
  assert.equal(await next.get('c', 'k'), 1);
  await next.close();
});

test('SqliteStore: an empty file becomes a store of the present version', async (context) => {
  const folder = temporaryFolder(context);
  fs.writeFileSync(join(folder, 'store.db'), '');
  const store = new SqliteStore(folder);
  await store.open();
  await store.write([{ collection: 'c', key: 'k', value: 1 }]);
  await store.close();
  const database = new DatabaseSync(join(folder, 'store.db'), { readOnly: true });
  assert.deepEqual({ ...database.prepare('PRAGMA user_version').get() }, { user_version: 1 });
  database.close();
});

test('SqliteStore: a database of version 0 without tables is migrated', async (context) => {
  const folder = temporaryFolder(context);
  const database = new DatabaseSync(join(folder, 'store.db'));
  database.exec('CREATE TABLE t (a); DROP TABLE t');
  database.close();
  assert.ok(fs.statSync(join(folder, 'store.db')).size > 0);
  const store = new SqliteStore(folder);
  await store.open();
  assert.deepEqual(await store.entries('c'), []);
  await store.close();
});

test('SqliteStore: random bytes are refused and stay', async (context) => {
  const folder = temporaryFolder(context);
  const bytes = Buffer.alloc(20_000);
  for (let index = 0; index < bytes.length; index++) bytes[index] = (index * 7919) % 251;
  fs.writeFileSync(join(folder, 'store.db'), bytes);
  await assertRefused(folder, 'STORE_CORRUPT', /file is not a database/);
});

test('SqliteStore: a truncated file is refused and stays', async (context) => {
  const folder = await filledFolder(context);
  const path = join(folder, 'store.db');
  const { size } = fs.statSync(path);
  for (const rest of [size - 4096, Math.floor(size / 2), 5000, 600, 100, 1]) {
    fs.truncateSync(path, rest);
    await assertRefused(folder, 'STORE_CORRUPT', /malformed|not a database|rror|quick_check/);
  }
});

test('SqliteStore: a file with a page overwritten is refused and stays', async (context) => {
  const folder = await filledFolder(context);
  const path = join(folder, 'store.db');
  const bytes = fs.readFileSync(path);
  bytes.fill(0xa5, 8192, 12_288);
  fs.writeFileSync(path, bytes);
  await assertRefused(folder, 'STORE_CORRUPT', /Cannot use the store/);
});

test('SqliteStore: a database of another program is refused and stays', async (context) => {
  const folder = temporaryFolder(context);
  const database = new DatabaseSync(join(folder, 'store.db'));
  database.exec('CREATE TABLE items (a, b)');
  database.close();
  await assertRefused(folder, 'STORE_CORRUPT', /database of another program/);
});

test('SqliteStore: a newer version is refused and stays, also in its log', async (context) => {
  const folder = await filledFolder(context);
  const path = join(folder, 'store.db');
  const database = new DatabaseSync(path);
  database.exec('PRAGMA user_version = 99');
  database.close();
  await assertRefused(folder, 'STORE_NEWER', /newer DcRouter wrote it \(version 99; .* up to 1\)/);

  // As if the newer one had been killed: its version stands in the log alone.
  const older = await filledFolder(context);
  const writer = new DatabaseSync(join(older, 'store.db'));
  writer.exec('PRAGMA journal_mode = WAL; PRAGMA user_version = 7');
  const killed = temporaryFolder(context);
  for (const name of ['store.db', 'store.db-wal']) {
    fs.copyFileSync(join(older, name), join(killed, name));
  }
  writer.close();
  assert.equal(fs.readFileSync(join(killed, 'store.db')).readUInt32BE(60), 1);
  await assertRefused(killed, 'STORE_NEWER', /version 7/);
});

test('SqliteStore: an item that is no JSON is an error that names it', async (context) => {
  const folder = await filledFolder(context);
  const database = new DatabaseSync(join(folder, 'store.db'));
  database.exec("UPDATE items SET value = '{\"cut' WHERE key = 'key-7'");
  database.close();
  const store = new SqliteStore(folder);
  await store.open();
  context.after(() => store.close());
  await assert.rejects(store.entries('c'), (error: Error) => {
    assert.match(error.message, /"key-7" in "c"/);
    return hasCode('STORE_CORRUPT')(error);
  });
  assert.deepEqual(Object.keys((await store.get('c', 'key-8')) as object), ['key', 'text']);
});

test('SqliteStore: a folder that cannot be there or be written is an error', async (context) => {
  const base = temporaryFolder(context);
  const file = join(base, 'file');
  fs.writeFileSync(file, '');
  // These fail for root too, whom permissions do not stop.
  const folders = [file, join(file, 'below'), '/proc/dcrouter-store'];
  for (const folder of folders) {
    await assert.rejects(new SqliteStore(folder).open(), (error: Error) => {
      assert.ok(error.message.startsWith(`Cannot open the store "${folder}": `), error.message);
      return hasCode('STORE_FAILED')(error);
    });
  }
});

test('SqliteStore: a database file that cannot be written is an error', async (context) => {
  const folder = temporaryFolder(context);
  fs.mkdirSync(join(folder, 'store.db'));
  await assert.rejects(new SqliteStore(folder).open(), hasCode('STORE_FAILED'));
  fs.rmdirSync(join(folder, 'store.db'));
  const store = new SqliteStore(folder);
  await store.open();
  await store.close();
});

import assert from 'node:assert/strict';
import {
  chmod,
  mkdtemp,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { DcError } from '../ts/core/errors.ts';
import { silentLogger } from '../ts/core/logger.ts';
import { ManualClock } from '../ts/core/manual-clock.ts';
import {
  type IVaultEntry,
  KeyVault,
  keySecretFile,
  ZoneSigning,
} from '../ts/dns/zones/signing/index.ts';
import { MemoryStore } from '../ts/storage/memory-store.ts';
import type { TJson } from '../ts/storage/store.ts';
import { FakeResolver, identityOf, StageBook } from './dns/stages.ts';

/** A folder of its own, and a store that counts as one that keeps things. */
async function setup(context: TestContext) {
  const dataDir = await mkdtemp(path.join(tmpdir(), 'dcrouter-vault-'));
  context.after(() => rm(dataDir, { recursive: true, force: true }));
  const store = new MemoryStore();
  await store.open();
  const begin = async (isInMemory = false) => {
    const resolver = new FakeResolver();
    const signing = new ZoneSigning({
      store,
      isInMemory,
      dataDir: isInMemory ? undefined : dataDir,
      clock: new ManualClock(),
      book: new StageBook(),
      logger: silentLogger,
      resolver: () => resolver,
    });
    await signing.load();
    context.after(() => signing.stop());
    return signing;
  };
  const sign = async (signing: ZoneSigning, name = 'example.org') => {
    signing.apply(await signing.prepare(identityOf({ name, dnssec: true })));
    return signing.info(name).keys.map(({ tag }) => tag);
  };
  const file = path.join(dataDir, keySecretFile);
  const stored = async (): Promise<Map<string, TJson>> => new Map(await store.entries('dns-keys'));
  const put = (key: string, value: TJson) => store.write([{ collection: 'dns-keys', key, value }]);
  return { dataDir, store, begin, sign, file, stored, put };
}

/** The zone is refused, for what is said at its `dnssec`. */
function isRefusal(message: RegExp): (error: unknown) => boolean {
  return (error) => {
    assert.ok(error instanceof DcError && error.code === 'ZONE_INVALID', String(error));
    assert.equal(error.problems[0]?.path, 'dnssec');
    assert.match(error.problems[0]?.message ?? '', message);
    return true;
  };
}

test('keys are encrypted with a secret that only its owner can read', async (t) => {
  const { begin, sign, file, stored, dataDir } = await setup(t);
  const tags = await sign(await begin());
  assert.equal((await stat(file)).mode & 0o777, 0o600);
  assert.match(await readFile(file, 'latin1'), /^[0-9a-f]{64}\n$/);
  const text = JSON.stringify([...(await stored())]);
  assert.doesNotMatch(text, /PRIVATE|pem|LS0tLS/);
  assert.deepEqual(await readdir(dataDir), [keySecretFile], 'no draft is left');
  assert.deepEqual(await sign(await begin()), tags);
});

test('zones that are signed at once get one secret', async (t) => {
  const { begin, sign } = await setup(t);
  const signing = await begin();
  const names = Array.from({ length: 8 }, (_, index) => `n${index}.example.org`);
  const tags = await Promise.all(names.map((name) => sign(signing, name)));
  const again = await begin();
  assert.deepEqual(await Promise.all(names.map((name) => sign(again, name))), tags);
});

test('with a store in memory keys are plain, and no file is made', async (t) => {
  const { begin, sign, dataDir } = await setup(t);
  const tags = await sign(await begin(true));
  assert.deepEqual(await readdir(dataDir), []);
  assert.deepEqual(await sign(await begin(true)), tags);
});

for (const { title, spoil, message } of [
  {
    title: 'is missing',
    spoil: (file: string) => rename(file, `${file}.away`),
    message: /missing/,
  },
  { title: 'can be read by others', spoil: (file: string) => chmod(file, 0o644), message: /0644/ },
  {
    title: 'can be read by the group',
    spoil: (file: string) => chmod(file, 0o640),
    message: /0640/,
  },
  { title: 'is empty', spoil: (file: string) => writeFile(file, ''), message: /damaged/ },
  { title: 'is cut off', spoil: (file: string) => writeFile(file, 'abcdef\n'), message: /damaged/ },
  {
    title: 'is huge',
    spoil: (file: string) => writeFile(file, 'a'.repeat(9999)),
    message: /damaged/,
  },
  {
    title: 'is a link',
    spoil: async (file: string) => {
      await rename(file, `${file}.real`);
      await symlink(`${file}.real`, file);
    },
    message: /symbolic link/,
  },
  {
    title: 'is a folder',
    spoil: async (file: string) => {
      await rm(file);
      await (await import('node:fs/promises')).mkdir(file, { mode: 0o700 });
    },
    message: /no regular file/,
  },
  {
    title: 'is another one',
    spoil: (file: string) => writeFile(file, `${'ab'.repeat(32)}\n`, { mode: 0o600 }),
    message: /another secret/,
  },
]) {
  test(`a secret that ${title}: signed zones are refused, others are not, no key is made`, async (t) => {
    const { begin, sign, file, stored } = await setup(t);
    const tags = await sign(await begin());
    const before = await stored();
    const secret = await readFile(file);
    await spoil(file);
    const signing = await begin();
    await assert.rejects(sign(signing), isRefusal(message));
    if (!title.includes('another')) {
      // Nor for a zone that had no keys: they would be lost with the next start.
      await assert.rejects(sign(signing, 'new.example.org'), isRefusal(message));
    }
    signing.apply(await signing.prepare(identityOf({ name: 'plain.example.org' })));
    assert.equal(signing.info('plain.example.org').enabled, false);
    // Switched off by the operator: it is served, and its keys stay.
    signing.apply(await signing.prepare(identityOf({ name: 'example.org', dnssec: false })));
    assert.deepEqual((await stored()).get('example.org'), before.get('example.org'));
    await rm(file, { recursive: true, force: true });
    await writeFile(file, secret, { mode: 0o600 });
    assert.deepEqual(await sign(await begin()), tags);
  });
}

test('keys that were tampered with are refused', async (t) => {
  const { begin, sign, stored, put } = await setup(t);
  await sign(await begin());
  await sign(await begin(), 'other.example.org');
  const all = await stored();
  const own = all.get('example.org') as { [key: string]: string };
  const flipped = Buffer.from(own.data ?? '', 'base64');
  flipped[10] = (flipped[10] as number) ^ 1;
  const cases: [string, TJson][] = [
    ['a bit', { ...own, data: flipped.toString('base64') }],
    ['cut off', { ...own, data: (own.data ?? '').slice(0, 40) }],
    [
      'a short tag',
      {
        ...own,
        tag: Buffer.from(own.tag ?? '', 'base64')
          .subarray(0, 4)
          .toString('base64'),
      },
    ],
    ['no tag', { ...own, tag: null }],
    ['a nonce', { ...own, nonce: Buffer.alloc(12).toString('base64') }],
    ['an empty nonce', { ...own, nonce: '' }],
    ['a version', { ...own, version: 2 }],
    ["another zone's", all.get('other.example.org') as TJson],
    ['plain keys', { version: 1, text: '{"keys":{"keys":[]},"isOff":false,"options":{}}' }],
    ['a text', 'keys'],
    ['null', null],
    ['a list', [1, 2]],
  ];
  for (const [title, value] of cases) {
    await put('example.org', value);
    const signing = await begin();
    await assert.rejects(sign(signing), { code: 'ZONE_INVALID' }, title);
    assert.equal((await sign(signing, 'other.example.org')).length, 1, 'others are signed');
    assert.deepEqual((await stored()).get('example.org'), value, 'nothing is written over it');
  }
});

test('what is no entry is refused, also when it is encrypted well', async (t) => {
  const { begin, sign, store } = await setup(t);
  await sign(await begin(true));
  const vault = new KeyVault({ store, isInMemory: true, dataDir: undefined });
  await vault.load();
  const good = vault.read('example.org');
  assert.ok(good !== null);
  const [key] = good.keys.keys;
  const bad: unknown[] = [
    { ...good, keys: { ...good.keys, keys: [{ ...key, pem: 'no key' }] } },
    { ...good, keys: { ...good.keys, keys: [{ ...key, algorithm: 250 }] } },
    { ...good, keys: { ...good.keys, keys: [{ pem: key?.pem }] } },
    { ...good, keys: { ...good.keys, keys: [null] } },
    { ...good, keys: { keys: {} } },
    { ...good, isOff: 'no' },
    { ...good, options: null },
    {},
  ];
  for (const entry of bad) {
    await vault.write('example.org', entry as IVaultEntry);
    const failure = await sign(await begin(true)).catch((error: Error) => error);
    assert.ok(failure instanceof Error && 'code' in failure, JSON.stringify(entry));
    assert.equal(failure.code, 'ZONE_INVALID');
    assert.doesNotMatch(JSON.stringify(failure) + failure.message, /BEGIN|PRIVATE/);
  }
});

test('a folder that cannot be written makes no keys', async (t) => {
  const { begin, sign, dataDir, stored } = await setup(t);
  const signing = await begin();
  await rm(dataDir, { recursive: true });
  await assert.rejects(sign(signing), { code: 'STORE_FAILED' });
  assert.equal((await stored()).size, 0);
});

test('a secret that somebody made meanwhile is not written over', async (t) => {
  const { begin, sign, file } = await setup(t);
  const signing = await begin();
  const other = `${'cd'.repeat(32)}\n`;
  await writeFile(file, other, { mode: 0o600 });
  await assert.rejects(sign(signing), { code: 'STORE_FAILED' });
  assert.equal(await readFile(file, 'latin1'), other);
});

test('keys whose secret is lost can be deleted, and the zone gets others', async (t) => {
  const { begin, sign, file, stored } = await setup(t);
  const tags = await sign(await begin());
  await rm(file);
  const signing = await begin();
  await assert.rejects(sign(signing), isRefusal(/missing/));
  await signing.purge('example.org');
  assert.equal((await stored()).size, 0);
  const others = await sign(signing);
  assert.notDeepEqual(others, tags);
  await assert.rejects(signing.purge('example.org'), { code: 'ZONE_EXISTS' });
  assert.deepEqual(await sign(await begin()), others);
});

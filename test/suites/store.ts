import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { DcError, type TErrorCode } from '../../ts/core/errors.ts';
import type { Store, TJson } from '../../ts/storage/store.ts';

/** For `assert.rejects`: the error is a `DcError` with the code. */
export function hasCode(code: TErrorCode): (error: unknown) => boolean {
  return (error) => {
    assert.ok(error instanceof DcError, `not a DcError: ${error}`);
    assert.equal(error.code, code, error.message);
    return true;
  };
}

/**
 * What every `Store` must do.
 *
 * @param create makes one that is not open yet; the suite closes it.
 */
export function storeSuite(name: string, create: (context: TestContext) => Store): void {
  const openStore = async (context: TestContext): Promise<Store> => {
    const store = create(context);
    await store.open();
    context.after(() => store.close());
    return store;
  };

  test(`${name}: what is written can be read, by key and by collection`, async (context) => {
    const store = await openStore(context);
    const value: TJson = { list: [1, 'zwei', null, { deep: true }], text: 'ü\0\u2028😀', zero: 0 };
    await store.write([
      { collection: 'routes', key: 'b', value },
      { collection: 'routes', key: 'a', value: null },
      { collection: 'tokens', key: 'a', value: 'other' },
    ]);
    assert.deepEqual(await store.get('routes', 'b'), value);
    assert.equal(await store.get('routes', 'a'), null);
    assert.equal(await store.get('routes', 'c'), undefined);
    assert.equal(await store.get('none', 'a'), undefined);
    assert.deepEqual(await store.entries('routes'), [
      ['a', null],
      ['b', value],
    ]);
    assert.deepEqual(await store.entries('none'), []);
  });

  test(`${name}: a later value replaces an earlier one, undefined deletes`, async (context) => {
    const store = await openStore(context);
    await store.write([
      { collection: 'c', key: 'k', value: 1 },
      { collection: 'c', key: 'k', value: 2 },
      { collection: 'c', key: 'gone', value: 1 },
      { collection: 'c', key: 'gone', value: undefined },
      { collection: 'c', key: 'never there', value: undefined },
    ]);
    assert.deepEqual(await store.entries('c'), [['k', 2]]);
    await store.write([{ collection: 'c', key: 'k', value: undefined }]);
    assert.deepEqual(await store.entries('c'), []);
    await store.write([]);
  });

  test(`${name}: keys are any text, ordered by their UTF-8 bytes`, async (context) => {
    const store = await openStore(context);
    const keys = ['', ' ', 'A', 'a', 'a'.repeat(5000), 'é', '￿', '😀', "'; DROP TABLE items; --"];
    const names = [...keys.slice(1), '__proto__', 'constructor', '%', '*.example.com'];
    await store.write(names.map((key) => ({ collection: '__proto__', key, value: key })));
    const expected = names.toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
    assert.deepEqual(
      await store.entries('__proto__'),
      expected.map((key) => [key, key]),
    );
  });

  test(`${name}: a name or value that cannot be kept refuses the whole write`, async (context) => {
    const store = await openStore(context);
    const good = { collection: 'c', key: 'good', value: 1 };
    const bad = [
      { collection: 'c', key: '', value: 1 },
      { collection: '', key: 'k', value: 1 },
      { collection: 'c', key: 'a\0b', value: 1 },
      { collection: 'c', key: 'lone \ud800', value: 1 },
      { collection: 'c', key: 'k', value: (() => 1) as unknown as TJson },
    ];
    for (const change of bad) await assert.rejects(store.write([good, change]), TypeError);
    assert.deepEqual(await store.entries('c'), []);
  });

  test(`${name}: values are copied both ways`, async (context) => {
    const store = await openStore(context);
    const value = { list: [1] };
    const written = store.write([{ collection: 'c', key: 'k', value }]);
    value.list.push(2);
    await written;
    const read = (await store.get('c', 'k')) as typeof value;
    read.list.push(3);
    assert.deepEqual(await store.get('c', 'k'), { list: [1] });
  });

  test(`${name}: calls take effect in the order in which they are made`, async (context) => {
    const store = await openStore(context);
    const reads: Promise<TJson | undefined>[] = [];
    const writes: Promise<void>[] = [];
    for (let value = 0; value < 50; value++) {
      writes.push(store.write([{ collection: 'c', key: 'k', value }]));
      writes.push(store.write([{ collection: 'c', key: `k${value}`, value }]));
      reads.push(store.get('c', 'k'));
    }
    await Promise.all(writes);
    assert.deepEqual(
      await Promise.all(reads),
      Array.from({ length: 50 }, (_, value) => value),
    );
    assert.equal((await store.entries('c')).length, 51);
  });

  test(`${name}: is usable only while open, and can be opened again`, async (context) => {
    const store = create(context);
    await store.close();
    await assert.rejects(store.get('c', 'k'), hasCode('NOT_RUNNING'));
    await store.open();
    await assert.rejects(store.open(), hasCode('ALREADY_RUNNING'));
    const written = store.write([{ collection: 'c', key: 'k', value: 1 }]);
    const closed = Promise.all([store.close(), store.close()]);
    await assert.rejects(store.write([]), hasCode('NOT_RUNNING'));
    await assert.rejects(store.entries('c'), hasCode('NOT_RUNNING'));
    await written;
    await closed;
    await store.open();
    assert.equal(await store.get('c', 'k'), 1);
    void store.close();
    await store.open();
    assert.equal(await store.get('c', 'k'), 1);
    await store.close();
  });
}

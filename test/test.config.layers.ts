import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sameData } from '../ts/config/diff.ts';
import { LayeredItems } from '../ts/config/layers.ts';

interface IItem {
  value: number;
}

function layersOf(base: Record<string, number>): LayeredItems<IItem> {
  const items = new LayeredItems<IItem>({ same: sameData });
  items.setBase(mapOf(base));
  return items;
}

function mapOf(values: Record<string, number>): Map<string, IItem> {
  return new Map(Object.entries(values).map(([key, value]) => [key, { value }]));
}

function shown(items: LayeredItems<IItem>): string[] {
  const entries = [...items.entries()];
  assert.equal(items.size, entries.length, 'size counts what entries() gives');
  for (const [key, item] of entries) assert.deepEqual(items.get(key), item);
  return entries.map(([key, { value, origin }]) => `${key}=${value.value} ${origin}`);
}

test('LayeredItems shows the base until the overlay says otherwise', () => {
  const items = layersOf({ a: 1, b: 2, c: 3 });
  items.applySet('b', { value: 20 });
  items.applyRemove('c');
  items.applySet('d', { value: 4 });
  assert.deepEqual(shown(items), ['a=1 file', 'b=20 api-over-file', 'd=4 api']);
  assert.equal(items.get('c'), undefined);
  assert.deepEqual(items.baseOf('c'), { value: 3 });
  assert.deepEqual(
    [...items.overlay()],
    [
      ['b', { value: 20 }],
      ['c', null],
      ['d', { value: 4 }],
    ],
  );
});

test('LayeredItems plans without changing anything', () => {
  const items = layersOf({ a: 1 });
  assert.deepEqual(items.planSet('a', { value: 2 }), { value: 2 });
  assert.deepEqual(items.planSet('b', { value: 2 }), { value: 2 });
  assert.equal(items.planSet('a', { value: 1 }), undefined);
  assert.equal(items.planRemove('a'), null);
  assert.equal(items.planRemove('b'), undefined);
  assert.deepEqual(shown(items), ['a=1 file']);
});

test('LayeredItems: a value equal to the base takes the overlay back', () => {
  const items = layersOf({ a: 1 });
  items.applySet('a', { value: 2 });
  items.applySet('a', { value: 1 });
  assert.deepEqual(shown(items), ['a=1 file']);
  items.applyRemove('a');
  items.applySet('a', { value: 1 });
  assert.deepEqual(shown(items), ['a=1 file']);
  assert.equal(items.overlay().size, 0);
});

test('LayeredItems: an item of the API alone leaves nothing behind', () => {
  const items = layersOf({});
  items.applySet('a', { value: 1 });
  items.applyRemove('a');
  items.applyRemove('never');
  assert.deepEqual(shown(items), []);
  assert.equal(items.overlay().size, 0);
});

test('LayeredItems.setBase() tells what changed among the items in effect', () => {
  const items = layersOf({ same: 1, changed: 1, gone: 1, hidden: 1, removed: 1 });
  items.applySet('hidden', { value: 5 });
  items.applyRemove('removed');
  items.applySet('own', { value: 6 });
  const changes = items.setBase(
    mapOf({ same: 1, changed: 2, hidden: 2, removed: 2, own: 7, fresh: 1 }),
  );
  assert.deepEqual(changes, {
    added: ['fresh'],
    changed: ['changed'],
    removed: ['gone'],
    obsolete: [],
  });
  assert.deepEqual(shown(items), [
    'same=1 file',
    'changed=2 file',
    'hidden=5 api-over-file',
    'own=6 api-over-file',
    'fresh=1 file',
  ]);
});

test('LayeredItems.setBase() names overlay entries that say nothing any more', () => {
  const items = layersOf({ a: 1, b: 1 });
  items.applySet('a', { value: 2 });
  items.applyRemove('b');
  items.applySet('c', { value: 3 });
  const { obsolete } = items.setBase(mapOf({ a: 2, c: 3 }));
  assert.deepEqual(obsolete, ['a', 'b', 'c']);
  assert.deepEqual(shown(items), ['a=2 api-over-file', 'c=3 api-over-file']);
  for (const key of obsolete) items.apply(key, undefined);
  assert.deepEqual(shown(items), ['a=2 file', 'c=3 file']);
});

test('LayeredItems.apply() puts back what a store kept', () => {
  const items = layersOf({ a: 1, b: 2 });
  const kept = layersOf({ a: 1, b: 2 });
  kept.applySet('a', { value: 9 });
  kept.applyRemove('b');
  kept.applySet('c', { value: 3 });
  for (const [key, entry] of kept.overlay()) items.apply(key, entry);
  items.apply('unknown', null);
  assert.deepEqual(shown(items), shown(kept));
});

test('LayeredItems counts right whatever happens', () => {
  const items = layersOf({ a: 1, b: 1, c: 1 });
  let state = 7;
  const random = (below: number) => {
    state = (state * 48_271) % 2_147_483_647;
    return state % below;
  };
  const keys = ['a', 'b', 'c', 'd', 'e'];
  for (let round = 0; round < 2_000; round++) {
    const key = keys[random(keys.length)] ?? 'a';
    switch (random(4)) {
      case 0:
        items.applySet(key, { value: random(3) });
        break;
      case 1:
        items.applyRemove(key);
        break;
      case 2:
        items.apply(key, random(2) === 0 ? null : undefined);
        break;
      default:
        items.setBase(mapOf(random(2) === 0 ? { a: 1, d: 2 } : { b: 0, c: 1, e: 2 }));
    }
    shown(items);
  }
});

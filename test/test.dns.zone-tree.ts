import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compareNames, parseName } from '../ts/dns/codec/name.ts';
import {
  commonAncestor,
  isBelow,
  ownerKey,
  ownerName,
  parentKey,
} from '../ts/dns/zone/owner-key.ts';
import { OwnerTree } from '../ts/dns/zone/owner-tree.ts';
import { Random } from './fuzz/random.ts';

const apex = parseName('example.org.');

function randomName(random: Random): Buffer {
  const labels = Array.from({ length: 1 + random.number(4) }, () => {
    const bytes = Array.from({ length: 1 + random.number(3) }, () =>
      random.pick([0, 1, 2, 0x2d, 0x41, 0x61, 0x62, 0x5f, 0xff]),
    );
    return Buffer.from([bytes.length, ...bytes]);
  });
  return Buffer.concat([...labels, apex]);
}

test('ownerKey(): keys sort as names do, and lead back to them', () => {
  const random = new Random(11);
  const names = Array.from({ length: 400 }, () => randomName(random));
  for (const one of names) {
    const key = ownerKey(one, apex) as string;
    assert.equal(compareNames(ownerName(key, apex), one), 0);
    const other = random.pick(names);
    const otherKey = ownerKey(other, apex) as string;
    const order = key < otherKey ? -1 : key > otherKey ? 1 : 0;
    assert.equal(order, Math.sign(compareNames(one, other)));
    const rest = one.subarray(1 + (one[0] as number));
    assert.equal(ownerKey(rest, apex), parentKey(key));
    assert.ok(isBelow(key, parentKey(key) as string));
    assert.ok(isBelow(otherKey, '') && !isBelow(key, key));
  }
});

test('ownerKey(): only what is in the zone has one, in any case', () => {
  assert.equal(ownerKey(apex, apex), '');
  assert.equal(ownerKey(parseName('A.b.EXAMPLE.org.'), apex), 'b\0a');
  for (const name of [
    '.',
    'org.',
    'example.com.',
    'anexample.org.',
    '\\007example.org.',
    'a\\007example.org.',
  ]) {
    assert.equal(ownerKey(parseName(name), apex), undefined, name);
  }
  assert.equal(ownerKey(parseName('a.b.'), parseName('.')), 'b\0a');
});

test('ownerKey(): the longest name of zero bytes fits', () => {
  const name = Buffer.concat([
    ...Array.from({ length: 3 }, () => Buffer.concat([Buffer.of(63), Buffer.alloc(63)])),
    Buffer.concat([Buffer.of(61), Buffer.alloc(61)]),
    Buffer.alloc(1),
  ]);
  assert.equal(name.length, 255);
  const key = ownerKey(name, Buffer.alloc(1)) as string;
  assert.deepEqual(ownerName(key, Buffer.alloc(1)), name);
});

test('commonAncestor() counts labels, not characters', () => {
  assert.equal(commonAncestor('a\0bc', 'a\0bd'), 'a');
  assert.equal(commonAncestor('ab', 'ac'), '');
  assert.equal(commonAncestor('a', 'a\0b'), 'a');
  assert.equal(commonAncestor('a\0b', 'a\0b'), 'a\0b');
  assert.equal(commonAncestor('', 'a'), '');
});

type TModel = Map<string, Buffer>;

function check(tree: OwnerTree, model: TModel): void {
  const keys = [...model.keys()].sort();
  assert.equal(tree.size, keys.length);
  assert.deepEqual(
    [...tree.entries()].map(({ key }) => key),
    keys,
  );
  for (const { key, bytes, start, end } of tree.entries()) {
    assert.deepEqual(bytes.subarray(start, end), model.get(key));
    assert.equal(tree.get(key)?.start, start);
  }
}

test('OwnerTree: a thousand random changes, and every old version stays as it was', () => {
  const random = new Random(3);
  let model: TModel = new Map();
  let tree = OwnerTree.empty;
  const versions: { tree: OwnerTree; model: TModel }[] = [];
  for (let round = 0; round < 6_000; round++) {
    const key = `k${random.number(900)}`;
    // First it grows, then it shrinks to nothing.
    const remove = random.number(6_000) < round;
    const data = remove ? null : Buffer.alloc(random.oneIn(50) ? 9_000 : random.number(40), round);
    tree = tree.with(key, data);
    if (data === null) model.delete(key);
    else model.set(key, data);
    if (round % 600 !== 0) continue;
    versions.push({ tree, model });
    model = new Map(model);
    const probe = `k${random.number(900)}`;
    const keys = [...model.keys()].sort();
    assert.equal(
      tree.before(probe)?.key,
      keys.findLast((other) => other < probe),
    );
    assert.equal(
      tree.after(probe)?.key,
      keys.find((other) => other > probe),
    );
    const from = [...tree.entries(probe)].map((entry) => entry.key);
    assert.deepEqual(
      from,
      keys.filter((other) => other >= probe),
    );
  }
  check(tree, model);
  for (const key of [...model.keys()]) tree = tree.with(key, null);
  check(tree, new Map());
  check(tree.with('again', Buffer.of(1)), new Map([['again', Buffer.of(1)]]));
  for (const version of versions) check(version.tree, version.model);
});

test('OwnerTree.build(): what was built is what was changed into being', () => {
  const model: TModel = new Map();
  for (let index = 0; index < 5_000; index++) model.set(`k${index}`, Buffer.from(`v${index}`));
  const sorted = [...model].sort(([one], [other]) => (one < other ? -1 : 1));
  const tree = OwnerTree.build(sorted);
  check(tree, model);
  assert.equal(tree.with('none', null), tree);
  assert.throws(() => OwnerTree.build([...sorted].reverse()), RangeError);
});

test('OwnerTree.differences(): between any two versions, and nothing for the same', () => {
  const random = new Random(9);
  const model: TModel = new Map();
  for (let index = 0; index < 2_000; index++) model.set(`k${index}`, Buffer.from(`v${index}`));
  const old = OwnerTree.build([...model].sort(([one], [other]) => (one < other ? -1 : 1)));
  const changed = new Map(model);
  let tree = old;
  for (let count = 0; count < 300; count++) {
    const key = `k${random.number(2_200)}`;
    const data = random.oneIn(3) ? null : Buffer.from(`v${random.number(3_000)}`);
    tree = tree.with(key, data);
    if (data === null) changed.delete(key);
    else changed.set(key, data);
  }
  const expected = [...new Set([...model.keys(), ...changed.keys()])]
    .sort()
    .map((key) => ({ key, old: model.get(key) ?? null, new: changed.get(key) ?? null }))
    .filter((change) => !change.old?.equals(change.new ?? Buffer.alloc(0)) || change.new === null);
  assert.deepEqual([...tree.differences(old)], expected);
  assert.deepEqual([...tree.differences(tree)], []);
  const back = [...old.differences(tree)].map((change) => ({
    ...change,
    old: change.new,
    new: change.old,
  }));
  assert.deepEqual(back, expected);
});

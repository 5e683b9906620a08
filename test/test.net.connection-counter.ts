import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ConnectionCounter } from '../ts/net/connection-counter.ts';

test('as many enter as may, and one more for each that leaves', () => {
  const counter = new ConnectionCounter();
  assert.equal(counter.enter('a', 2), true);
  assert.equal(counter.enter('a', 2), true);
  assert.equal(counter.enter('a', 2), false);
  assert.equal(counter.enter('b', 2), true);
  assert.equal(counter.countOf('a'), 2);
  counter.leave('a');
  assert.equal(counter.enter('a', 2), true);
  assert.equal(counter.enter('a', 2), false);
});

test('a limit may change in between; 0 is none', () => {
  const counter = new ConnectionCounter();
  for (let count = 0; count < 100; count++) assert.equal(counter.enter('a', 0), true);
  assert.equal(counter.enter('a', 100), false);
  assert.equal(counter.enter('a', 101), true);
  assert.equal(counter.enter('a', 5), false);
});

test('a key that all have left is forgotten, and never goes below 0', () => {
  const counter = new ConnectionCounter();
  counter.leave('nobody');
  assert.equal(counter.countOf('nobody'), 0);
  for (let key = 0; key < 1000; key++) counter.enter(`${key}`, 1);
  assert.equal(counter.keys, 1000);
  for (let key = 0; key < 1000; key++) counter.leave(`${key}`);
  assert.equal(counter.keys, 0);
  counter.leave('0');
  assert.equal(counter.enter('0', 1), true);
  assert.equal(counter.enter('0', 1), false);
});

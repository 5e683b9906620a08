import assert from 'node:assert/strict';
import { test } from 'node:test';
import { addToSerial, compareSerials, nextSerial } from '../ts/dns/zone/serial.ts';

const top = 2 ** 32 - 1;

test('compareSerials(): RFC 1982 §5', () => {
  assert.equal(compareSerials(0, 1), -1);
  assert.equal(compareSerials(44, 0), 1);
  assert.equal(compareSerials(top, 0), -1);
  assert.equal(compareSerials(100, 100 + 2 ** 31 - 1), -1);
  assert.equal(compareSerials(100 + 2 ** 31 + 1, 100), -1);
  assert.equal(compareSerials(5, 5), 0);
  assert.equal(compareSerials(5, 5 + 2 ** 31), undefined);
});

test('addToSerial() wraps', () => {
  assert.equal(addToSerial(top, 1), 0);
  assert.equal(addToSerial(2 ** 31, 2 ** 31 - 1), top);
});

test('nextSerial(): always newer', () => {
  const now = Date.UTC(2024, 1, 29, 23, 59);
  assert.equal(nextSerial(top, 'increment', now), 0);
  assert.equal(nextSerial(1, 'unix-time', now), now / 1000);
  assert.equal(nextSerial(now / 1000, 'unix-time', now), now / 1000 + 1);
  assert.equal(nextSerial(1, 'date', now), 2024022900);
  assert.equal(nextSerial(2024022900, 'date', now), 2024022901);
  assert.equal(nextSerial(2024022999, 'date', now), 2024023000);
  // A serial from the future is not taken back.
  assert.equal(nextSerial(2030010100, 'date', now), 2030010101);
});

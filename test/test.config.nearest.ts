import assert from 'node:assert/strict';
import { test } from 'node:test';
import { editDistance, nearest } from '../ts/config/nearest.ts';

const strategies = ['ROUND_ROBIN', 'IP_HASH', 'RANDOM', 'LEAST_LATENCY', 'LEAST_CONNECTIONS'];

const cases = [
  { word: 'ROUND_ROBBIN', found: 'ROUND_ROBIN', why: 'a letter too many' },
  { word: 'round-robin', found: 'ROUND_ROBIN', why: 'another spelling' },
  { word: 'least latency', found: 'LEAST_LATENCY', why: 'blanks for underscores' },
  { word: 'RNADOM', found: 'RANDOM', why: 'a swap is one edit' },
  { word: 'LEAST_CONN', found: undefined, why: 'a cut word is too far' },
  { word: 'fastest', found: undefined, why: 'another word' },
  { word: '', found: undefined, why: 'nothing is near to nothing' },
  { word: '_', found: undefined, why: 'only separators' },
  { word: 'RANDOM'.repeat(1000), found: undefined, why: 'a text is no misspelt word' },
];

for (const { word, found, why } of cases) {
  test(`nearest() to ${JSON.stringify(word.slice(0, 20))} is ${found}: ${why}`, () => {
    assert.equal(nearest(word, strategies), found);
  });
}

test('nearest() keeps to short words, and takes the first of equals', () => {
  assert.equal(nearest('x', ['a', 'b']), undefined);
  assert.equal(nearest('ID', ['a', 'id']), 'id');
  assert.equal(nearest('prot', ['id', 'hostname', 'port']), 'port');
  assert.equal(nearest('port', ['sort', 'fort']), 'sort');
  assert.equal(nearest('vhost', []), undefined);
});

test('editDistance() counts insertions, deletions, substitutions and swaps', () => {
  const distances: [string, string, number][] = [
    ['', '', 0],
    ['abc', '', 3],
    ['', 'abc', 3],
    ['abc', 'abc', 0],
    ['abc', 'acb', 1],
    ['abc', 'abd', 1],
    ['abc', 'abcd', 1],
    ['ca', 'abc', 3],
    ['kitten', 'sitting', 3],
  ];
  for (const [from, to, edits] of distances) {
    assert.equal(editDistance(from, to), edits, `${from} ${to}`);
    assert.equal(editDistance(to, from), edits, `${to} ${from}`);
  }
});

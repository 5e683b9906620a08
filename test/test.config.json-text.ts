import assert from 'node:assert/strict';
import { test } from 'node:test';
import { JsonText } from '../ts/config/json-text.ts';

const sample = [
  '{',
  '  "web": {"routes": [',
  '    {"id": "a", "n": -1.5e+3, "t": true, "z": null},',
  '    {"id": "b\\"\\\\", "list": [[], {}, 0]}',
  '  ]}, "ünï": "\\u00fc"',
  '}',
].join('\n');

test('JsonText locates keys and values, and for missing ones what should have held them', () => {
  const text = new JsonText(sample, true);
  assert.deepEqual(text.faults, []);
  const places: [(string | number)[], 'key' | 'value', number, number][] = [
    [[], 'value', 1, 1],
    [['web'], 'key', 2, 3],
    [['web'], 'value', 2, 10],
    [['web', 'routes', 0, 'id'], 'value', 3, 12],
    [['web', 'routes', 0, 'z'], 'value', 3, 47],
    [['web', 'routes', 1, 'list', 2], 'value', 4, 38],
    [['web', 'routes', 1], 'key', 4, 5],
    [['ünï'], 'key', 5, 7],
    [['web', 'routes', 1, 'vHost'], 'value', 4, 5],
    [['web', 'extra', 'more'], 'value', 2, 3],
    [['missing'], 'key', 1, 1],
  ];
  for (const [path, at, line, column] of places) {
    assert.deepEqual(text.locate(path, at), { line, column }, JSON.stringify(path));
  }
});

test('JsonText finds keys that are given twice, however they are spelled', () => {
  const { faults } = new JsonText(
    '{"a": 1, "b": {"a": 1}, "\\u0061": 2, "c": [{"b": 1, "b": 2}]}',
    false,
  );
  assert.deepEqual(
    faults.map(({ offset }) => offset),
    [24, 52],
  );
});

test('JsonText takes what JSON.parse() takes, and refuses what it refuses', () => {
  const seeds = [sample, '[]', '"a"', '0', ' {"a":[1,2,{"b":"c"}],"d":1e-7} '];
  const pieces = [
    '{',
    '}',
    '[',
    ']',
    ',',
    ':',
    '"',
    '\\',
    'u00e9',
    '0',
    '-',
    '.',
    'e',
    ' ',
    '\n',
    'true',
    '\0',
    '//',
    '\u2028',
  ];
  let state = 1;
  const random = (below: number) => {
    state = (state * 48_271) % 2_147_483_647;
    return state % below;
  };
  for (let round = 0; round < 20_000; round++) {
    const seed = seeds[random(seeds.length)] ?? '';
    const at = random(seed.length + 1);
    const text = seed.slice(0, at) + pieces[random(pieces.length)] + seed.slice(at + random(3));
    const { faults } = new JsonText(text, round % 2 === 0);
    const errors = faults.filter(({ message }) => !message.startsWith('Must be given once'));
    assert.equal(errors.length === 0, parses(text), JSON.stringify(text));
    for (const { offset } of faults) assert.ok(offset >= 0 && offset <= text.length);
  }
});

test('JsonText ends at its limit of nesting', () => {
  const { faults } = new JsonText('['.repeat(100_000), false);
  assert.match(faults[0]?.message ?? '', /Must not be nested deeper/);
});

function parses(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    // Any refusal counts.
    return false;
  }
}

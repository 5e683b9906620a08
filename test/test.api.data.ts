import assert from 'node:assert/strict';
import { test } from 'node:test';
import { mask, unmask } from '../ts/api/mask.ts';
import { mergePatch } from '../ts/api/merge-patch.ts';
import { cursorAfter, nameOfCursor } from '../ts/api/paging.ts';

// RFC 7396, appendix A.
const patches: [target: unknown, patch: unknown, result: unknown][] = [
  [{ a: 'b' }, { a: 'c' }, { a: 'c' }],
  [{ a: 'b' }, { b: 'c' }, { a: 'b', b: 'c' }],
  [{ a: 'b' }, { a: null }, {}],
  [{ a: 'b', b: 'c' }, { a: null }, { b: 'c' }],
  [{ a: ['b'] }, { a: 'c' }, { a: 'c' }],
  [{ a: 'c' }, { a: ['b'] }, { a: ['b'] }],
  [{ a: { b: 'c' } }, { a: { b: 'd', c: null } }, { a: { b: 'd' } }],
  [{ a: [{ b: 'c' }] }, { a: [1] }, { a: [1] }],
  [
    ['a', 'b'],
    ['c', 'd'],
    ['c', 'd'],
  ],
  [{ a: 'b' }, ['c'], ['c']],
  [{ a: 'foo' }, null, null],
  [{ a: 'foo' }, 'bar', 'bar'],
  [{ e: null }, { a: 1 }, { e: null, a: 1 }],
  [[1, 2], { a: 'b', c: null }, { a: 'b' }],
  [{}, { a: { bb: { ccc: null } } }, { a: { bb: {} } }],
];
for (const [target, patch, result] of patches) {
  test(`mergePatch(${JSON.stringify(target)}, ${JSON.stringify(patch)})`, () => {
    const before = structuredClone(target);
    assert.deepEqual(mergePatch(target, patch), result);
    assert.deepEqual(target, before);
  });
}

test('mergePatch() does not reach what an object inherits', () => {
  assert.deepEqual(mergePatch({}, { constructor: { x: 1 }, toString: null }), {
    constructor: { x: 1 },
  });
});

test('mask() hides each secret by a digest, and unmask() brings it back', () => {
  const current = {
    ssl: { key: 'KEY', cert: 'CERT' },
    auth: {
      type: 'basic',
      users: [
        { name: 'a', passwordHash: 'H1' },
        { name: 'b', passwordHash: 'H2' },
      ],
    },
    backends: [{ id: 'x', tls: { key: 'K2', cert: 'C2' } }],
    requestHeaders: { set: { authorization: 'A', 'X-Api-Key': 'B', accept: '*/*' } },
    matchHeaders: [
      { name: 'Cookie', value: 'c=1' },
      { name: 'X-Team', value: 'blue' },
    ],
  };
  const masked = mask(current);
  const text = JSON.stringify(masked);
  for (const secret of ['"KEY"', '"H1"', '"H2"', '"K2"', '"A"', '"B"', 'c=1'])
    assert.ok(!text.includes(secret), secret);
  for (const open of ['CERT', 'C2', '*/*', 'blue', '"a"']) assert.ok(text.includes(open), open);
  assert.deepEqual(unmask(masked, current), { value: current, problems: [] });
  assert.equal(masked.ssl.key, mask(current).ssl.key, 'the same secret has the same mask');
  const { problems } = unmask(masked, { ssl: { key: 'KEY' } });
  assert.equal(problems.length, 6);
  assert.deepEqual(unmask({ ssl: { key: '[redacted]' } }, current).problems[0]?.path, 'ssl.key');
});

test('cursors lead back to any name, and foreign ones are refused', () => {
  for (const name of ['a', 'bücher', '%', '/', '\u{1f600}', ' ']) {
    assert.equal(nameOfCursor(cursorAfter(name) ?? ''), name);
  }
  for (const cursor of ['', '!', 'YQ==', 'Y', '_w']) {
    assert.throws(() => nameOfCursor(cursor), { code: 'REQUEST_INVALID' }, cursor);
  }
});

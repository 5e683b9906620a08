import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DcError, errorTable, formatProblems, type IProblem } from '../ts/core/errors.ts';

test('DcError: knows origin and retry by its code', () => {
  const cause = new Error('ECONNREFUSED');
  const error = new DcError('UPSTREAM_REFUSED', 'Cannot connect to "10.0.0.7:80"', { cause });
  assert.ok(error instanceof Error);
  assert.equal(error.name, 'DcError');
  assert.equal(error.cause, cause);
  assert.deepEqual([error.origin, error.retry, error.problems], ['upstream', 'now', []]);
  assert.equal('cause' in new DcError('QUEUE_FULL', 'x'), false);
});

test('errorTable: only failures behind us are worth another try at once', () => {
  for (const [code, { origin, retry }] of Object.entries(errorTable)) {
    assert.equal(retry === 'now', code.startsWith('UPSTREAM_') && retry !== 'never', code);
    if (code.startsWith('UPSTREAM_')) assert.equal(origin, 'upstream');
  }
});

const cyclic: Record<string, unknown> = {};
cyclic.self = cyclic;

const cases: { problem: IProblem; line: string }[] = [
  { problem: { path: '', message: 'is empty' }, line: 'is empty' },
  {
    problem: { path: 'web.routes[3].vHost', message: 'is no host' },
    line: 'web.routes[3].vHost: is no host',
  },
  {
    problem: {
      path: 'a',
      message: 'is unknown',
      file: 'dcrouter.yaml',
      line: 12,
      column: 7,
      value: 'ROUND',
      suggestion: 'ROUND_ROBIN',
    },
    line: 'dcrouter.yaml:12:7 a: is unknown (is "ROUND"; did you mean "ROUND_ROBIN"?)',
  },
  { problem: { path: 'a', message: 'is bad', line: 2 }, line: 'line 2 a: is bad' },
  { problem: { path: 'a', message: 'is bad', value: 1n }, line: 'a: is bad (is bigint)' },
  { problem: { path: 'a', message: 'is bad', value: cyclic }, line: 'a: is bad (is object)' },
  { problem: { path: 'a', message: 'is bad', value: null }, line: 'a: is bad (is null)' },
  {
    problem: { path: 'a', message: 'is bad', value: 'x'.repeat(200) },
    line: `a: is bad (is "${'x'.repeat(79)}…)`,
  },
  {
    problem: { path: 'a\nb', message: 'is \u001b[31mbad\u009b', value: '\u2028' },
    line: 'a\\u000ab: is \\u001b[31mbad\\u009b (is "\\u2028")',
  },
];

for (const { problem, line } of cases) {
  test(`formatProblems(): ${line}`, () => {
    assert.equal(formatProblems([problem]), line);
  });
}

test('formatProblems(): one line each', () => {
  const problems = cases.map(({ problem }) => problem);
  assert.equal(formatProblems(problems), cases.map(({ line }) => line).join('\n'));
  assert.equal(formatProblems([]), '');
});

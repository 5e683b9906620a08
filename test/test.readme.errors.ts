import assert from 'node:assert/strict';
import { test } from 'node:test';
import { apiErrorTable } from '../ts/api/api-error.ts';
import { refusalOf } from '../ts/api/problem.ts';
import { DcError, errorTable, type TErrorCode } from '../ts/core/errors.ts';
import { codeOfRefusal } from '../ts/proxy/http/statuses.ts';
import { readText, tableAfter } from './suites/markdown.ts';

const readme = readText('readme.md');

test('readme.md: the table of errors is that of ts/core/errors.ts', () => {
  const told = tableAfter(readme, 'errors').map((row) => row.slice(0, 3));
  const known = Object.entries(errorTable).map(([code, { origin, retry }]) => {
    return [code, origin, retry];
  });
  assert.deepEqual(told, known);
});

test('readme.md: the codes that clients see are those of ts/proxy/http/statuses.ts', () => {
  const source = readText('ts/proxy/http/statuses.ts');
  const union = /export type TAnswerCode =([^;]*);/.exec(source)?.[1] ?? '';
  const known = [...union.matchAll(/'([A-Z_]+)'/g)].map(([, code]) => code);
  assert.ok(known.length > 10);
  const rows = tableAfter(readme, 'answers');
  assert.deepEqual(rows.map(([code]) => code).sort(), known.sort());
});

test('readme.md: refusals of the parser have the codes that the table gives their statuses', () => {
  const rows = tableAfter(readme, 'answers');
  for (const status of [400, 408, 413, 414, 417, 431, 501, 505]) {
    const row = rows.find(([, told]) => told === String(status));
    assert.equal(row?.[0], codeOfRefusal(status), `status ${status}`);
  }
});

test('docs/api.md: the table of codes is what the management port answers', () => {
  const told = tableAfter(readText('docs/api.md'), 'codes').map(([code, status]) => {
    return `${code} ${status}`;
  });
  const shared = Object.keys(errorTable)
    .map((code) => refusalOf(new DcError(code as TErrorCode, ''), '').details)
    .filter(({ code }) => code !== 'INTERNAL')
    .map(({ code, status }) => `${code} ${status}`);
  const own = Object.entries(apiErrorTable).map(([code, status]) => `${code} ${status}`);
  assert.deepEqual(told.sort(), [...own, ...shared].sort());
});

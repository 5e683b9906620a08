import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { parseConfigText } from '../ts/config/file.ts';
import { parseOptions } from '../ts/config/schema.ts';
import { DcError, formatProblems } from '../ts/core/errors.ts';

/**
 * Every file in `configs` is a case: `x.yaml`, or `x.json.case` for JSON, beside `x.expected`,
 * which holds the problems as people see them or, for a good file, the parsed options. A new case
 * is two new files.
 */
const folder = join(import.meta.dirname, 'configs');

const env = {
  TOKEN: 's3cret-word',
  PORT: '7701',
  YES: 'true',
  EMPTY: '',
  FOLDER: 'files',
};

for (const name of readdirSync(folder).sort()) {
  if (!/\.(?:yaml|json\.case)$/.test(name)) continue;
  test(`configs/${name}`, async () => {
    const actual = await outcomeOf(name);
    const expected = readFileSync(join(folder, `${name}.expected`), 'utf8');
    assert.doesNotMatch(actual, /s3cret/, 'no secret is ever shown');
    assert.equal(`${actual}\n`, expected);
  });
}

async function outcomeOf(name: string): Promise<string> {
  const text = readFileSync(join(folder, name), 'utf8');
  try {
    const file = name.replace(/\.case$/, '');
    const { value, source } = await parseConfigText(text, { file, folder, env });
    const parsed = parseOptions(value, { source, authProviders: ['from-hooks'] });
    return JSON.stringify(parsed.options, null, 2);
  } catch (error) {
    assert.ok(error instanceof DcError, String(error));
    assert.equal(error.code, 'CONFIG_INVALID');
    return formatProblems(error.problems);
  }
}

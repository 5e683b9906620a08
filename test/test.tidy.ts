import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { join, resolve, sep } from 'node:path';
import { test } from 'node:test';
import { docsRule } from './tidy/docs.ts';
import { interfacesRule, layersRule } from './tidy/layers.ts';
import { mask } from './tidy/mask.ts';
import { type IRule, isCode, sourceOf } from './tidy/rule.ts';
import {
  catchRule,
  columnsRule,
  lengthRule,
  placesRule,
  testsRunRule,
  typesRule,
  wordsRule,
} from './tidy/words.ts';

interface IPackage {
  dependencies: Record<string, string>;
  devDependencies: Record<string, string>;
}

const root = resolve(import.meta.dirname, '..');
const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as IPackage;

const rules: IRule[] = [
  layersRule(Object.keys(manifest.dependencies)),
  interfacesRule,
  docsRule,
  columnsRule,
  wordsRule,
  testsRunRule,
  typesRule,
  catchRule,
  lengthRule,
  placesRule,
];

const sources = readSources();

test('the sources are found', () => {
  assert.ok(sources.some((source) => source.path === 'ts_interfaces/index.ts'));
  assert.ok(sources.some((source) => source.path === 'package-lock.json'));
  assert.ok(sources.some((source) => source.path === '.ci/run'));
});

test('mask() blanks what is not code, and keeps every column', () => {
  const cases = [
    ["a('\\\\', b); c('x')", "a('  ', b); c(' ')"],
    ["a('it\\'s', b)", "a('     ', b)"],
    ['`a ${b(`c ${d}`)} e` + f', '`  ${b(`  ${d}`)}  ` + f'],
    ['`a ${ { b: 1 }.b } c`', '`  ${ { b: 1 }.b }  `'],
    ['a = /[\'"`/]/g; b', 'a = /      /g; b'],
    ['a / b; // c\nd /* e */ / f', 'a / b;     \nd         / f'],
  ] as const;
  for (const [source, code] of cases) assert.equal(mask(source).code, code);
  for (const { text, masked } of sources.filter((source) => isCode(source.path))) {
    assert.equal(masked.code.length, text.length);
    assert.equal(masked.withoutComments.split('\n').length, text.split('\n').length);
  }
});

for (const rule of rules) {
  test(`${rule.name}: the rule can fail`, () => {
    assert.ok(rule.samples.some((sample) => sample.violations > 0));
    assert.ok(rule.samples.some((sample) => sample.violations === 0));
    for (const { path, text, violations } of rule.samples) {
      assert.ok(rule.applies(path), path);
      const actual = rule.check(sourceOf(path, text));
      assert.equal(actual.length, violations, `${text}\n${JSON.stringify(actual)}`);
    }
  });

  test(`${rule.name}: the repository keeps it`, () => {
    const problems = sources
      .filter((source) => rule.applies(source.path))
      .flatMap((source) =>
        rule.check(source).map(({ line, message }) => `${source.path}:${line} ${message}`),
      );
    assert.deepEqual(problems, []);
  });
}

test('dependencies: every version is pinned', () => {
  const all = { ...manifest.dependencies, ...manifest.devDependencies };
  const loose = Object.entries(all).filter(([, version]) => !/^\d+\.\d+\.\d+$/.test(version));
  assert.deepEqual(loose, []);
});

/** Everything that is committed and is text, without what is installed, built or measured. */
function readSources() {
  const excluded =
    /(^|\/)(node_modules|\.git|\.build|dist_[^/]*|results|dcrouter-data|\.dcrouter)(\/|$)/;
  const patterns = [
    '**/*.{ts,js,json,md,sh,yaml,yml,conf,cfg,lua,txt,smtp}',
    '.ci/run',
    '.npmrc',
    'license',
  ];
  return globSync(patterns, {
    cwd: root,
    exclude: (path) => excluded.test(path.split(sep).join('/')),
  })
    .map((path) => path.split(sep).join('/'))
    .sort()
    .map((path) => sourceOf(path, readFileSync(join(root, path), 'utf8')));
}

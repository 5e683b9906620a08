import { found, type IRule, isCode, isProduct } from './rule.ts';

// Written in halves, so that this file does not break its own rules.
const todo = ['TO', 'DO'].join('');
const someday = ['FIX', 'ME'].join('');
const unfinished = ['st', 'ub'].join('');
const instead = ['place', 'holder'].join('');
const missing = ['not impl', 'emented'].join('');
const soon = ['for', 'now'].join(' ');
const anyCast = ['as', 'any'].join(' ');
const ignore = ['@ts', 'ignore'].join('-');
const only = ['test', 'only'].join('.');
const skipped = ['test', 'skip'].join('.');

/** Lines stay within 120 columns. */
export const columnsRule: IRule = {
  name: '120 columns',
  applies: (path) => isCode(path) || path === '.ci/run' || path.endsWith('.sh'),
  check: (source) =>
    source.lines.flatMap((line, index) =>
      line.length > 120 ? [{ line: index + 1, message: `has ${line.length} columns` }] : [],
    ),
  samples: [
    { path: 'ts/x.ts', text: `const a = 1;\n// ${'x'.repeat(118)}\n`, violations: 1 },
    { path: 'ts/x.ts', text: `// ${'x'.repeat(117)}`, violations: 0 },
  ],
};

const banned = new RegExp(
  [
    `\\b${todo}\\b(?!\\(#\\d+\\))`,
    `\\b${someday}\\b`,
    '\\bXX' + 'X\\b',
    '\\bHA' + 'CK\\b',
    `\\b[S${unfinished[0]}]${unfinished.slice(1)}(?:s|bed)?\\b`,
    `\\b[Ff]${soon.slice(1)}\\b`,
    `\\b[P${instead[0]}]${instead.slice(1)}s?\\b`,
    // Status 501 is called like that, with capitals.
    `\\b[Nn]${missing.slice(1)}\\b`,
  ].join('|'),
  'g',
);

/** Nothing is promised for later: an open end carries the number of its issue. */
export const wordsRule: IRule = {
  name: 'no unfinished work',
  applies: isCode,
  check: (source) => found(source.text, banned, 'banned'),
  samples: [
    { path: 'ts/x.ts', text: `// ${todo}: later\n// ${someday}`, violations: 2 },
    { path: 'ts/x.ts', text: `// a ${unfinished}, ${soon}; a ${instead}`, violations: 3 },
    { path: 'ts/x.ts', text: `throw new Error('${missing}')`, violations: 1 },
    { path: 'ts/x.ts', text: `// ${'XX'}X and ${'HA'}CK`, violations: 2 },
    { path: 'ts/x.ts', text: `// ${todo}(#12): the issue says why\n// stubborn`, violations: 0 },
    { path: 'ts/x.ts', text: `[501, 'Not Impl${'emented'}']`, violations: 0 },
  ],
};

/**
 * Every test runs, unless a condition of the machine forbids it and the reason is given. The helper of
 * the peer tests skips on its own terms: never under CI.
 */
export const testsRunRule: IRule = {
  name: 'every test runs',
  applies: (path) => /^test\/.*\.ts$/.test(path) && path !== 'test/peers/peer.ts',
  check: (source) =>
    [
      /\b(?:test|it|describe|suite|t|context)\.(?:skip|only|todo)\s*\(/g,
      /\b(?:skip|only|todo):\s*(?!false\b|undefined\b|[^,}]*&&\s*['"`])\w+/g,
    ].flatMap((pattern) => found(source.masked.code, pattern, 'test left out')),
  samples: [
    { path: 'test/test.x.ts', text: `${only}('a', () => {});\n${skipped}('b');`, violations: 2 },
    { path: 'test/test.x.ts', text: "test('a', { skip: true }, () => {});", violations: 1 },
    {
      path: 'test/test.x.ts',
      text: "test('skip: only', () => { t.after(stop); });",
      violations: 0,
    },
  ],
};

/** Types are not talked away. */
export const typesRule: IRule = {
  name: 'no any',
  applies: isCode,
  check: (source) => [
    ...found(
      source.masked.code,
      /\bas any\b|[:<,|]\s*any\b(?!\s*\()(?=\s*[[\]>,;)=|{]|\s*$)/gm,
      'any',
    ),
    ...found(source.text, /@ts-(?:ignore|expect-error|nocheck)\b(?!')/g, 'silenced'),
  ],
  samples: [
    { path: 'ts/x.ts', text: `const a = b ${anyCast};`, violations: 1 },
    { path: 'ts/x.ts', text: `function a(b: ${'an'}y): void {}`, violations: 1 },
    { path: 'ts/x.ts', text: `// ${ignore}\nconst a: Map<string, ${'an'}y> = b;`, violations: 2 },
    { path: 'ts/x.ts', text: "// as any other\nconst many = 'as any';", violations: 0 },
  ],
};

/** An error that is caught is handled, even if only by a line that says what it means here. */
export const catchRule: IRule = {
  name: 'no empty catch',
  applies: isCode,
  check: (source) =>
    [
      /\bcatch\s*(?:\([^)]*\))?\s*\{\s*\}/g,
      /\.catch\(\s*(?:(?:\([^)]*\)|\w+)\s*=>\s*(?:\{\s*\}|undefined|null)\s*)?\)/g,
    ].flatMap((pattern) => found(source.masked.code, pattern, 'error ignored')),
  samples: [
    { path: 'ts/x.ts', text: 'try {\n  a();\n} catch {\n}', violations: 1 },
    { path: 'ts/x.ts', text: 'try { a(); } catch (error) {\n  // never mind\n}', violations: 1 },
    { path: 'ts/x.ts', text: 'a().catch(() => {});\na().catch(() => undefined);', violations: 2 },
    { path: 'ts/x.ts', text: 'try { a(); } catch (error) { log(error); }', violations: 0 },
  ],
};

/** A file fits into a head. */
export const lengthRule: IRule = {
  name: 'no file over 500 lines',
  applies: isProduct,
  check: (source) =>
    source.lines.length > 501 ? [{ line: 501, message: `${source.lines.length - 1} lines` }] : [],
  samples: [
    { path: 'ts/x.ts', text: '\n'.repeat(501), violations: 1 },
    { path: 'ts/x.ts', text: '\n'.repeat(500), violations: 0 },
  ],
};

const workFolder = ['', 'work', 'main'].join('/');
const rootHome = ['', 'root', 'notes'].join('/');
const registryHost = ['registry', 'npmjs', 'org'].join('.');

const machinePath =
  /(?<![\w.~-])\/(?:work\/(?:main|shared|\.library)|tmp\/(?:exp|contracts)|root|home\/\w+|Users\/\w+)\b[\w./-]*/g;

/** What is committed names neither a path of the machine it was written on nor a package registry. */
export const placesRule: IRule = {
  name: 'no machine paths, no registry hosts',
  applies: () => true,
  check: (source) => [
    ...found(source.text, machinePath, 'path of a machine'),
    ...found(
      source.text,
      /\bregistry\.(?:[a-z0-9-]+\.)+[a-z]{2,}\b|"resolved": "[h]ttp[^"]*/g,
      'registry',
    ),
  ],
  samples: [
    { path: 'readme.md', text: `cd ${workFolder}\ncat ${rootHome}`, violations: 2 },
    { path: 'package-lock.json', text: `"from ${registryHost}"`, violations: 1 },
    {
      path: 'package-lock.json',
      text: `"resolved": "${'https'}://example.org/a.tgz"`,
      violations: 1,
    },
    {
      path: 'readme.md',
      text: 'GET /api/v1/root/x and test/home/x, /etc/dcrouter.yaml',
      violations: 0,
    },
  ],
};

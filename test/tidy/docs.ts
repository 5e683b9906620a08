import type { IRule, ISource, IViolation } from './rule.ts';
import { isProduct } from './rule.ts';

const declaration = new RegExp(
  '^export\\s+(?:(?:default|declare|abstract|async)\\s+)*' +
    '(?:function\\*?|class|interface|type|const|let|var|enum)\\s+(\\w+)',
);

/**
 * Every export has a doc comment right above it. Re-exports need none, nor do further overloads of a
 * documented function; constants of one line each that follow each other may share one.
 */
export const docsRule: IRule = {
  name: 'exports have a doc comment',
  applies: isProduct,
  check,
  samples: [
    { path: 'ts/x.ts', text: 'export const a = 1;', violations: 1 },
    { path: 'ts/x.ts', text: '// A comment.\nexport const a = 1;', violations: 1 },
    { path: 'ts/x.ts', text: '/* A comment. */\nexport class A {}', violations: 1 },
    { path: 'ts/x.ts', text: '/** A. */\n\nexport class A {}', violations: 1 },
    { path: 'ts/x.ts', text: '/**  */\nexport class A {}', violations: 1 },
    { path: 'ts/x.ts', text: 'const a = 1;\nexport { a };', violations: 1 },
    { path: 'ts/x.ts', text: 'export default function () {}', violations: 1 },
    { path: 'ts/x.ts', text: '/** A. */\nexport const a = 1;', violations: 0 },
    { path: 'ts/x.ts', text: '/**\n * A.\n */\nexport async function a() {}', violations: 0 },
    { path: 'ts/x.ts', text: '/** A. */\nconst a = 1;\nexport { a };', violations: 0 },
    {
      path: 'ts/x.ts',
      text: "export * from './a.ts';\nexport { b } from './b.ts';",
      violations: 0,
    },
    {
      path: 'ts/x.ts',
      text: '/** A. */\nexport function a(): void;\nexport function a(b?: string): void {}',
      violations: 0,
    },
    {
      path: 'ts/x.ts',
      text: '/** A. */\nexport const a = 1;\nexport const b = 2;\nexport const c = 2;',
      violations: 0,
    },
    {
      path: 'ts/x.ts',
      text: '/** A. */\nexport const a = 1;\n\nexport const b = 2;\nexport const c = 2;',
      violations: 2,
    },
    { path: 'ts/x.ts', text: 'const text = `\nexport const a = 1;\n`;', violations: 0 },
  ],
};

function check(source: ISource): IViolation[] {
  const code = source.masked.code.split('\n');
  const violations: IViolation[] = [];
  let previous: string | undefined;
  for (const [index, line] of code.entries()) {
    if (!line.startsWith('export')) continue;
    const name = declaration.exec(line)?.[1];
    if (name !== undefined || line.startsWith('export default')) {
      const overload = name !== undefined && name === previous;
      if (!overload && !isDocumented(source.lines, index)) {
        violations.push({ line: index + 1, message: `${name ?? 'default'} has no doc comment` });
      }
      previous = name;
      continue;
    }
    for (const local of localNames(code.slice(index).join('\n'))) {
      const at = declarationOf(code, local);
      if (at !== undefined && !isDocumented(source.lines, at)) {
        violations.push({ line: at + 1, message: `${local} has no doc comment` });
      }
    }
  }
  return violations;
}

/** Names in `export { a, b as c };`, not those of a re-export. */
function localNames(text: string): string[] {
  const list = /^export\s+(?:type\s+)?\{([^}]*)\}\s*(from\b)?/.exec(text);
  if (list === null || list[2] !== undefined) return [];
  return (list[1] ?? '')
    .split(',')
    .map(
      (entry) =>
        entry
          .trim()
          .replace(/^type\s+/, '')
          .split(/\s+as\s+/)[0] ?? '',
    )
    .filter((entry) => entry !== '');
}

function declarationOf(code: string[], name: string): number | undefined {
  const pattern = new RegExp(
    `^(?:abstract |async )*(?:function\\*?|class|interface|type|const|let|var)\\s+${name}\\b`,
  );
  const at = code.findIndex((line) => pattern.test(line));
  return at === -1 ? undefined : at;
}

function isDocumented(lines: string[], index: number): boolean {
  let at = index - 1;
  const line = /^export const \w.*;$/;
  while (line.test(lines[index] ?? '') && line.test(lines[at] ?? '')) at--;
  const end = at + 1;
  if (!(lines[at] ?? '').trimEnd().endsWith('*/')) return false;
  while (at > 0 && !(lines[at] ?? '').includes('/*')) at--;
  const comment = lines.slice(at, end).join('\n').trim();
  return comment.startsWith('/**') && /[^\s*/]/.test(comment);
}

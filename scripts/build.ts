/**
 * Writes `dist_ts` and `dist_ts_interfaces`: JavaScript and declarations of `ts` and `ts_interfaces`.
 *
 * The compiler keeps the folders' names, so what it emits for one is moved to `dist_…` and the
 * specifiers between the two are rewritten; in declarations it leaves `.ts`, which becomes `.js`.
 * An older build stays until the new one is complete.
 */
import { spawnSync } from 'node:child_process';
import {
  globSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join, resolve } from 'node:path';

const root = resolve(import.meta.dirname, '..');
const buildFolder = join(root, '.build');
const folders = ['ts', 'ts_interfaces'];

rmSync(buildFolder, { recursive: true, force: true });
mkdirSync(buildFolder);
const tsc = join(root, 'node_modules', 'typescript', 'bin', 'tsc');
const compiled = spawnSync(process.execPath, [tsc, '-p', join(root, 'tsconfig.build.json')], {
  stdio: 'inherit',
});
if (compiled.status !== 0) process.exit(compiled.status ?? 1);

const problems: string[] = [];
for (const file of globSync(['**/*.js', '**/*.d.ts'], { cwd: buildFolder })) {
  const path = join(buildFolder, file);
  const text = readFileSync(path, 'utf8');
  const rewritten = rewriteSpecifiers(text);
  for (const specifier of relativeSpecifiers(rewritten)) checkTarget(file, specifier);
  if (rewritten !== text) writeFileSync(path, rewritten);
}
if (problems.length > 0) {
  console.error(problems.join('\n'));
  process.exit(1);
}

for (const folder of folders) {
  const target = join(root, `dist_${folder}`);
  rmSync(target, { recursive: true, force: true });
  renameSync(join(buildFolder, folder), target);
}
rmSync(buildFolder, { recursive: true, force: true });

/** `from '../x.ts'`, `import('../x.ts')`, `import '../x.ts'`, with either quote. */
function specifierPattern(): RegExp {
  return /(\bfrom\s*|\bimport\s*\(?\s*)(['"])(\.{1,2}\/[^'"\n]+)\2/g;
}

function rewriteSpecifiers(text: string): string {
  return text.replace(
    specifierPattern(),
    (_whole, keyword: string, quote: string, specifier: string) => {
      const renamed = specifier
        .replace(/^((?:\.\.\/)+)(ts|ts_interfaces)\//, '$1dist_$2/')
        .replace(/(?<!\.d)\.ts$/, '.js');
      return `${keyword}${quote}${renamed}${quote}`;
    },
  );
}

function relativeSpecifiers(text: string): string[] {
  return Array.from(text.matchAll(specifierPattern()), (match) => match[3] ?? '');
}

/** A specifier that leads nowhere would only be seen by whoever installs the package. */
function checkTarget(file: string, specifier: string): void {
  const target = join(buildFolder, dirname(file), specifier).replace('/dist_ts', '/ts');
  const found = [target, target.replace(/\.js$/, '.d.ts')].some(
    (path) => statSync(path, { throwIfNoEntry: false }) !== undefined,
  );
  const shared = specifier.endsWith('/package.json') || specifier.endsWith('.json');
  if (!found && !shared) problems.push(`${file}: "${specifier}" leads nowhere`);
}

import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fail, progress } from './rounds.ts';

const folder = resolve(import.meta.dirname, '..');

/** The Node libraries are no dependency of the product; they are installed when they are needed. */
export function installLibraries(): void {
  const text = readFileSync(join(folder, 'package.json'), 'utf8');
  const { dependencies } = JSON.parse(text) as { dependencies: Record<string, string> };
  const names = Object.keys(dependencies);
  if (names.every((name) => existsSync(join(folder, 'node_modules', name)))) return;
  progress('installing the Node libraries');
  const args = ['ci', '--no-audit', '--no-fund', '--loglevel=error'];
  const { status } = spawnSync('npm', args, { cwd: folder, stdio: 'inherit' });
  if (status !== 0) fail('Cannot install bench/package.json');
}

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';

const root = resolve(import.meta.dirname, '..', '..');

/** Text of a file, by its path from the repository's root. */
export function readText(path: string): string {
  return readFileSync(resolve(root, path), 'utf8');
}

/**
 * The rows of the table behind `<!-- MARK -->`, without its head; cells are plain text, without
 * back-quotes.
 */
export function tableAfter(document: string, mark: string): string[][] {
  const start = document.indexOf(`<!-- ${mark} -->\n`);
  assert.notEqual(start, -1, `The mark "${mark}" is lost`);
  const lines = document.slice(start).split('\n').slice(1);
  const end = lines.findIndex((line) => !line.startsWith('|'));
  return lines.slice(2, end).map(cellsOf);
}

function cellsOf(line: string): string[] {
  return line
    .split(/(?<!\\)\|/)
    .slice(1, -1)
    .map((cell) => cell.trim().replaceAll('\\|', '|').replaceAll('`', ''));
}

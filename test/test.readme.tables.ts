import assert from 'node:assert/strict';
import { existsSync, globSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { test } from 'node:test';
import { operations } from '../ts/api/operations/index.ts';
import { basePath } from '../ts/api/operations/shared.ts';
import { commands } from '../ts/cli/commands.ts';
import { httpLimits, httpTimeouts } from '../ts/config/defaults.ts';
import { readText, tableAfter } from './suites/markdown.ts';

const root = resolve(import.meta.dirname, '..');
const documents = globSync(['*.md', 'docs/*.md', 'examples/*.md', 'bench/*.md'], { cwd: root });
const readme = readText('readme.md');

test('readme.md: the table of operations is that of the management API', () => {
  const known = operations.map(({ method, path, scope, summary }) => {
    return [`${method} ${basePath}${path}`, scope, summary];
  });
  assert.deepEqual(tableAfter(readme, 'operations'), known);
});

test('readme.md: the table of commands is that of the command line', () => {
  const known = commands.map(({ path, positionals, summary }) => {
    return [[...path, ...positionals].join(' '), summary];
  });
  assert.deepEqual(tableAfter(readme, 'commands'), known);
});

test('readme.md: limits and timeouts have the defaults that are in force', () => {
  const told = (mark: string): [string, number][] => {
    return tableAfter(readme, mark).map(([name = '', value]) => [name, Number(value)]);
  };
  assert.deepEqual(Object.fromEntries(told('limits')), { ...httpLimits });
  assert.deepEqual(Object.fromEntries(told('timeouts')), { ...httpTimeouts });
});

test('readme.md: the table of events is that of the public types', () => {
  const source = readText('ts_interfaces/data/event.ts');
  const known = [...source.matchAll(/^ {2}'([\w.]+)': \{([^}]*)\}/gm)].map(([, name, fields]) => {
    return [name, [...(fields ?? '').matchAll(/(\w+):/g)].map(([, field]) => field).join(', ')];
  });
  assert.ok(known.length > 10);
  assert.deepEqual(tableAfter(readme, 'events'), known);
});

test('docs/operations.md: the events of the log that it names are those that there are', () => {
  const source = readText('ts/core/log-event.ts');
  const known = [...source.matchAll(/'([\w.]+)'/g)].map(([, name]) => name);
  const told = tableAfter(readText('docs/operations.md'), 'log-events').flatMap(([names = '']) => {
    return names.split(', ');
  });
  assert.ok(told.length > 10);
  assert.deepEqual(told.toSorted(), known.toSorted());
});

test('readme.md and docs: every link within the repository leads somewhere', () => {
  const broken = documents.flatMap((document) => {
    return [...readText(document).matchAll(/\]\((?!https?:)([^)#\s]*)(?:#([^)\s]*))?\)/g)]
      .filter(([, path = '', anchor]) => {
        const target = path === '' ? document : join(dirname(document), path);
        if (!existsSync(resolve(root, target))) return true;
        return anchor !== undefined && !anchorsOf(readText(target)).has(anchor);
      })
      .map(([link]) => `${document}: ${link}`);
  });
  assert.deepEqual(broken, []);
});

/** Anchors of the headings, as GitHub makes them. */
function anchorsOf(document: string): Set<string> {
  const headings = document.replace(/^```[\s\S]*?^```$/gm, '').matchAll(/^#+ (.*)$/gm);
  return new Set(
    [...headings].map(([, heading = '']) => {
      return heading
        .toLowerCase()
        .replace(/[^\w\- ]/g, '')
        .replaceAll(' ', '-');
    }),
  );
}

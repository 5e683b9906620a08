import { builtinModules } from 'node:module';
import { posix } from 'node:path';
import type { IRule, ISource, IViolation } from './rule.ts';

/** The house of the design: who stands on one line never imports each other, only what is above. */
const layers: readonly (readonly string[])[] = [
  ['ts_interfaces'],
  ['ts/core'],
  ['ts/config', 'ts/storage', 'ts/metrics', 'ts/rules', 'ts/net'],
  ['ts/proxy', 'ts/dns', 'ts/mail', 'ts/tunnels', 'ts/certificates'],
  ['ts/api'],
  ['ts/dcrouter.ts'],
  ['ts/cli'],
  ['ts/index.ts'],
];

/** The order inside of a plane that has parts: each imports only from those before it. */
const partsInOrder: Readonly<Record<string, readonly string[]>> = {
  'ts/dns': [
    ...['codec', 'zone', 'dnssec', 'answer', 'server', 'resolver'],
    ...['zones', 'update', 'transfer', 'plane', 'dns-host.ts', 'dns-service.ts'],
  ],
};

const builtins = new Set(builtinModules);

interface IImport {
  specifier: string;
  line: number;
}

/** A folder imports only from folders above it, and only packages that the product depends on. */
export function layersRule(dependencies: readonly string[]): IRule {
  return {
    name: 'layers',
    applies: (path) => /^(ts|ts_interfaces)\/.*\.ts$/.test(path),
    check: (source) =>
      importsOf(source).flatMap(({ specifier, line }) => {
        const message = problemOf(source.path, specifier, dependencies);
        return message === undefined ? [] : [{ line, message }];
      }),
    samples: [
      sample('ts/core/x.ts', "import { a } from '../net/a.ts';", 1),
      sample('ts/net/x.ts', "import { a } from '../config/a.ts';", 1),
      sample('ts/net/x.ts', "const a = await import('../proxy/a.ts');", 1),
      sample('ts/net/x.ts', "const url = new URL('../proxy/a.ts', import.meta.url);", 1),
      sample('ts/proxy/x.ts', "export * from '../dns/a.ts';", 1),
      sample('ts/api/x.ts', "import type { DcRouter } from '../dcrouter.ts';", 1),
      sample('ts/cli/x.ts', "import { DcRouter } from '../index.ts';", 1),
      sample('ts_interfaces/x.ts', "import type { a } from '../ts/core/a.ts';", 1),
      sample('ts/attic/x.ts', "import type { a } from '../core/a.ts';", 1),
      sample('ts/core/x.ts', "import { a } from '../../test/a.ts';", 1),
      sample('ts/core/x.ts', "import { a } from 'typescript';", 1),
      sample('ts/core/x.ts', "import fs from 'fs';", 1),
      sample('ts/core/x.ts', "import {\n  a,\n} from '../net/a.ts';", 1),
      sample('ts/net/x.ts', "import { a } from '../core/a.ts';\nimport b from './b.ts';", 0),
      sample('ts/net/x.ts', "import type { a } from '../../ts_interfaces/index.ts';", 0),
      sample('ts/core/x.ts', "import fs from 'node:fs';", 0),
      sample('ts/dns/zone/x.ts', "import { a } from '../zones/a.ts';", 1),
      sample('ts/dns/plane/threads/x.ts', "import { a } from '../../dns-host.ts';", 1),
      sample('ts/dns/attic/x.ts', "import { a } from '../codec/a.ts';", 1),
      sample('ts/dns/zones/x.ts', "import { a } from '../zone/a.ts';\nimport b from './b.ts';", 0),
      sample('ts/dns/dns-host.ts', "import { a } from './plane/index.ts';", 0),
      sample('ts/core/x.ts', "// import { a } from '../net/a.ts';", 0),
    ],
  };
}

function sample(path: string, text: string, violations: number) {
  return { path, text, violations };
}

function problemOf(path: string, specifier: string, dependencies: readonly string[]) {
  if (!specifier.startsWith('.')) return packageProblem(specifier, dependencies);

  const target = posix.join(posix.dirname(path), specifier);
  if (/^package\.json$|\.schema\.json$/.test(target)) return undefined;
  const from = layerOf(path);
  const to = layerOf(target);
  if (from === undefined) return `"${path}" is in no layer of the house`;
  if (to === undefined) return `imports "${target}", which is in no layer of the house`;
  if (to.name === from.name) return orderProblem(from.name, path, target);
  if (to.rank < from.rank) return undefined;
  return `${from.name} must not import ${to.name} ("${specifier}")`;
}

function orderProblem(layer: string, path: string, target: string): string | undefined {
  const order = partsInOrder[layer];
  if (order === undefined) return undefined;
  const part = (file: string): string => file.slice(layer.length + 1).split('/')[0] ?? '';
  const [from, to] = [part(path), part(target)];
  if (from === to) return undefined;
  const unknown = [from, to].find((each) => !order.includes(each));
  if (unknown !== undefined) return `"${layer}/${unknown}" is no part of ${layer}`;
  if (order.indexOf(to) < order.indexOf(from)) return undefined;
  return `${layer}/${from} must not import ${layer}/${to}`;
}

function packageProblem(specifier: string, dependencies: readonly string[]): string | undefined {
  if (specifier.startsWith('node:')) return undefined;
  if (builtins.has(specifier)) return `write "node:${specifier}"`;
  const name = specifier.split('/', specifier.startsWith('@') ? 2 : 1).join('/');
  return dependencies.includes(name)
    ? undefined
    : `"${name}" is not in package.json's dependencies`;
}

function layerOf(path: string): { name: string; rank: number } | undefined {
  for (const [rank, names] of layers.entries()) {
    for (const name of names) {
      if (path === name || path.startsWith(`${name}/`)) return { name, rank };
    }
  }
  return undefined;
}

/** Static and dynamic imports, re-exports, and files named by `new URL('…', import.meta.url)`. */
function importsOf(source: ISource): IImport[] {
  const text = source.masked.withoutComments;
  const pattern =
    /(?:\bfrom\s*|\bimport\s*\(?\s*|\bnew URL\(\s*)(['"])([^'"\n]+)\1(?=\s*(?:[;),]|$|with\b))/gm;
  const imports: IImport[] = [];
  for (const match of text.matchAll(pattern)) {
    const specifier = match[2] ?? '';
    const isUrl = match[0].startsWith('new URL');
    // The keyword must be code, not a part of a string.
    if (source.masked.code.slice(match.index, match.index + 3).trim() === '') continue;
    if (isUrl && !specifier.startsWith('.')) continue;
    imports.push({ specifier, line: text.slice(0, match.index).split('\n').length });
  }
  return imports;
}

/** The types of the interfaces are types only: nothing of them is there when the program runs. */
export const interfacesRule: IRule = {
  name: 'interfaces are types',
  applies: (path) => path.startsWith('ts_interfaces/') && path.endsWith('.ts'),
  check: (source): IViolation[] =>
    source.masked.code.split('\n').flatMap((line, index) => {
      const isValue = /^(?:export\s+)?(?:async\s+)?(?:const|let|var|function|class|enum)\b/.test(
        line,
      );
      const isValueImport = /^(?:import|export)\s+(?!type\b|interface\b|declare\b)/.test(line);
      return isValue || isValueImport ? [{ line: index + 1, message: 'is not a type' }] : [];
    }),
  samples: [
    sample('ts_interfaces/x.ts', 'export const a = 1;', 1),
    sample('ts_interfaces/x.ts', "import { a } from './a.ts';", 1),
    sample('ts_interfaces/x.ts', "export * from './a.ts';", 1),
    sample('ts_interfaces/x.ts', "export type * from './a.ts';\nexport interface IA {}", 0),
  ],
};

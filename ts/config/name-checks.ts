import type { IFinding } from './issues.ts';
import { nearest } from './nearest.ts';
import type { TPath } from './path.ts';
import { isObject, type TLooseObject } from './schema-object.ts';

/** Names that items may use; `any`: which ones is not known yet, so none is refused. */
export interface IDefinedNames {
  /** Of `access.lists`. */
  lists: ReadonlySet<string> | 'any';
  /** Of `limits`. */
  limits: ReadonlySet<string> | 'any';
}

/**
 * Finds names of lists and limits that nobody defines: what names one must not be served without it.
 *
 * @param item a route, an entrypoint, or an entry with its domain configs; also a refused one.
 */
export function checkNames(item: TLooseObject, path: TPath, known: IDefinedNames): IFinding[] {
  const findings = [
    ...checkLists(item.access, [...path, 'access'], known),
    ...checkLimits(item.rateLimits, [...path, 'rateLimits'], known),
  ];
  const { domainConfigs } = item;
  if (!Array.isArray(domainConfigs)) return findings;
  domainConfigs.forEach((config: unknown, index) => {
    if (!isObject(config) || config.access === undefined) return;
    const place = [...path, 'domainConfigs', index, 'access'];
    findings.push(...checkLists(config.access, place, known));
  });
  return findings;
}

function checkLists(access: unknown, path: TPath, { lists }: IDefinedNames): IFinding[] {
  if (!isObject(access)) return [];
  return ['allow', 'deny'].flatMap((key) => unknownLists(access[key], [...path, key], lists));
}

/** Finds entries that begin with `@` and then name no known list. */
export function unknownLists(
  entries: unknown,
  path: TPath,
  lists: IDefinedNames['lists'],
): IFinding[] {
  return unknownOf(entries, lists, '@').map(({ index, suggestion }) => {
    const message = 'Must name a list in "access.lists"';
    return { path: [...path, index], at: 'value' as const, message, suggestion };
  });
}

function checkLimits(rateLimits: unknown, path: TPath, { limits }: IDefinedNames): IFinding[] {
  return unknownOf(rateLimits, limits, '').map(({ index, suggestion }) => {
    const message = 'Must name a limit in "limits", or be one';
    return { path: [...path, index], at: 'value' as const, message, suggestion };
  });
}

interface IUnknownName {
  index: number;
  suggestion: string | undefined;
}

/** The texts of a list that begin with the sign and then have no known name. */
function unknownOf(
  entries: unknown,
  known: ReadonlySet<string> | 'any',
  sign: string,
): IUnknownName[] {
  const found: IUnknownName[] = [];
  if (!Array.isArray(entries) || known === 'any') return found;
  entries.forEach((entry: unknown, index) => {
    if (typeof entry !== 'string' || !entry.startsWith(sign)) return;
    const name = entry.slice(sign.length);
    // What is no name is refused already.
    if (known.has(name) || !/^[\w-]{1,64}$/.test(name)) return;
    const near = nearest(name, known);
    found.push({ index, suggestion: near === undefined ? undefined : sign + near });
  });
  return found;
}

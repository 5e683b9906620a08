/** Names that items give each other: address lists (`@name`) and rate limits. */
import type { IAccessRules, IPortProxySettings, RouteConfig } from '../../ts_interfaces/index.ts';
import { nearest } from '../config/nearest.ts';
import { DcError, type IProblem } from '../core/errors.ts';
import type { IItemWords } from './item-input.ts';
import type { TLayers } from './state.ts';

/** A name with the place that it stands in. */
export interface INameUse {
  kind: 'access' | 'limits';
  name: string;
  /** Place in the item, e.g. `access.deny[0]`. */
  path: string;
}

/** What is looked into: routes, TCP entries, entrypoints. */
export type TNamingItem = Pick<RouteConfig, 'access' | 'rateLimits'> &
  Pick<IPortProxySettings, 'domainConfigs'>;

/** The lists and limits that an item names. */
export function* namesIn(item: TNamingItem): Generator<INameUse> {
  yield* listsIn(item.access, 'access');
  for (const [at, limit] of (item.rateLimits ?? []).entries()) {
    if (typeof limit === 'string') yield { kind: 'limits', name: limit, path: `rateLimits[${at}]` };
  }
  for (const [at, config] of (item.domainConfigs ?? []).entries()) {
    yield* listsIn(config.access, `domainConfigs[${at}].access`);
  }
}

function* listsIn(rules: IAccessRules | undefined, path: string): Generator<INameUse> {
  if (rules === undefined) return;
  for (const side of ['allow', 'deny'] as const) {
    for (const [at, entry] of (rules[side] ?? []).entries()) {
      if (entry.startsWith('@')) {
        yield { kind: 'access', name: entry.slice(1), path: `${path}.${side}[${at}]` };
      }
    }
  }
}

/** Names in an item that stand for nothing. */
export function unknownNames(
  item: TNamingItem,
  { access, limits }: Pick<TLayers, 'access' | 'limits'>,
): IProblem[] {
  const problems: IProblem[] = [];
  for (const { kind, name, path } of namesIn(item)) {
    const layers = kind === 'access' ? access : limits;
    if (layers.get(name) !== undefined) continue;
    const sign = kind === 'access' ? '@' : '';
    const what = kind === 'access' ? 'an address list' : 'a rate limit of "limits"';
    const close = nearest(
      name,
      [...layers.entries()].map(([known]) => known),
    );
    problems.push({
      path,
      message: `Must name ${what}: there is no "${name}"`,
      value: sign + name,
      ...(close === undefined ? {} : { suggestion: sign + close }),
    });
  }
  return problems;
}

/** @throws DcError when an item names a list or limit that is not there. */
export function checkNames(
  words: Pick<IItemWords, 'noun' | 'invalid'>,
  item: TNamingItem,
  layers: Pick<TLayers, 'access' | 'limits'>,
): void {
  const problems = unknownNames(item, layers);
  const [first] = problems;
  if (first === undefined) return;
  const { path, message } = first;
  throw new DcError(words.invalid, `Cannot use this ${words.noun}: ${path}: ${message}`, {
    problems,
  });
}

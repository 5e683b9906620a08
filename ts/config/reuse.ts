import type { IDcRouterOptions } from '../../ts_interfaces/data/options.ts';
import { diffOptions, type IOptionChange, sameData } from './diff.ts';

/** A new configuration as it is taken in. */
export interface IReused {
  /** The new options; items that mean the same as before are the objects from before. */
  options: IDcRouterOptions;
  /** As `diffOptions` tells them. */
  changes: IOptionChange[];
}

/**
 * Compares a new configuration with the one in force, and keeps the old objects where nothing
 * changed: so that each of 100,000 routes is held and compared once.
 */
export function reuseItems(before: IDcRouterOptions, after: IDcRouterOptions): IReused {
  const routes = reuseList(before.web?.routes, after.web?.routes, 'id');
  const certificates = reuseList(before.certificates, after.certificates, 'domain');
  const withItems = (
    options: IDcRouterOptions,
    routeItems: typeof routes.after,
    certificateItems: typeof certificates.after,
  ): IDcRouterOptions => ({
    ...options,
    ...(options.web?.routes && { web: { ...options.web, routes: routeItems } }),
    ...(options.certificates && { certificates: certificateItems }),
  });
  return {
    options: withItems(after, routes.all, certificates.all),
    changes: diffOptions(
      withItems(before, routes.before, certificates.before),
      withItems(after, routes.after, certificates.after),
    ),
  };
}

/** `all` is the new list; `before` and `after` are the items in which the two differ. */
function reuseList<K extends string, T extends Record<K, string>>(
  before: readonly T[] = [],
  after: readonly T[] = [],
  key: K,
): { all: T[]; before: T[]; after: T[] } {
  const known = new Map(before.map((item) => [item[key], item]));
  const changed: T[] = [];
  const all = after.map((item) => {
    const old = known.get(item[key]);
    if (old === undefined || !sameData(old, item)) {
      changed.push(item);
      return item;
    }
    known.delete(item[key]);
    return old;
  });
  return { all, before: before.filter((item) => known.has(item[key])), after: changed };
}

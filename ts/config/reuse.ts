import type { IDcRouterOptions } from '../../ts_interfaces/data/options.ts';
import type { IPortProxySettings } from '../../ts_interfaces/data/tcp.ts';
import { diffOptions, type IOptionChange, sameData } from './diff.ts';
import { zoneIdOf } from './zone-ids.ts';

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
  const routes = reuseList(before.web?.routes, after.web?.routes, ({ id }) => id);
  const entries = reuseList(entriesOf(before), entriesOf(after), ({ id }) => id);
  const zones = reuseList(before.dns?.zones, after.dns?.zones, zoneIdOf);
  const certificates = reuseList(before.certificates, after.certificates, ({ domain }) => domain);
  const withItems = (
    options: IDcRouterOptions,
    routeItems: typeof routes.after,
    entryItems: typeof entries.after,
    zoneItems: typeof zones.after,
    certificateItems: typeof certificates.after,
  ): IDcRouterOptions => ({
    ...options,
    ...(options.web?.routes && { web: { ...options.web, routes: routeItems } }),
    ...(options.tcp && { tcp: entryItems }),
    ...(options.dns?.zones && { dns: { ...options.dns, zones: zoneItems } }),
    ...(options.certificates && { certificates: certificateItems }),
  });
  const next = reuseMaps(before, after);
  return {
    options: withItems(next, routes.all, entries.all, zones.all, certificates.all),
    changes: diffOptions(
      withItems(before, routes.before, entries.before, zones.before, certificates.before),
      withItems(next, routes.after, entries.after, zones.after, certificates.after),
    ),
  };
}

/** The TCP entries of parsed options, which have all that an entry has. */
export function entriesOf({ tcp = [] }: IDcRouterOptions): IPortProxySettings[] {
  return [tcp].flat() as IPortProxySettings[];
}

/** The new options with the old address lists and limits where they mean the same. */
function reuseMaps(before: IDcRouterOptions, after: IDcRouterOptions): IDcRouterOptions {
  const { access, limits } = after;
  return {
    ...after,
    ...(access?.lists && {
      access: { ...access, lists: reuseFields(before.access?.lists, access.lists) },
    }),
    ...(limits && { limits: reuseFields(before.limits, limits) }),
  };
}

/** The fields of a map; those that mean the same as before are the values from before. */
function reuseFields<T>(
  before: Readonly<Record<string, T>> = {},
  after: Readonly<Record<string, T>>,
): Record<string, T> {
  const fields = Object.entries(after).map(([name, value]) => {
    const old = Object.hasOwn(before, name) ? before[name] : undefined;
    return [name, old !== undefined && sameData(old, value) ? old : value] as const;
  });
  return Object.fromEntries(fields);
}

/** `all` is the new list; `before` and `after` are the items in which the two differ. */
function reuseList<T>(
  before: readonly T[] = [],
  after: readonly T[] = [],
  nameOf: (item: T) => string,
): { all: T[]; before: T[]; after: T[] } {
  const known = new Map(before.map((item) => [nameOf(item), item]));
  const changed: T[] = [];
  const all = after.map((item) => {
    const old = known.get(nameOf(item));
    if (old === undefined || !sameData(old, item)) {
      changed.push(item);
      return item;
    }
    known.delete(nameOf(item));
    return old;
  });
  return { all, before: before.filter((item) => known.has(nameOf(item))), after: changed };
}

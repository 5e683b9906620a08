import type { IZoneOptions } from '../../ts_interfaces/data/dns.ts';
import type { IDcRouterOptions } from '../../ts_interfaces/data/options.ts';
import { formatPath, type TPath } from './path.ts';
import { maskSecrets, SECRET_MASK } from './secrets.ts';
import { zoneIdOf } from './zone-ids.ts';

/** What a change needs to take effect: nothing, its listener opened anew, or the whole process. */
export type TEffect = 'hot' | 'restart-listener' | 'restart';

/** One value that differs between two configurations. */
export interface IOptionChange {
  /** Items stand under their id: `web.routes[api].strategy`, `dns.zones[example.com].ttl`. */
  path: string;
  /** Undefined: it was not there. A secret is masked. */
  before: unknown;
  /** Undefined: it is not there any more. A secret is masked. */
  after: unknown;
  /** What the change needs to take effect. */
  effect: TEffect;
}

/**
 * What differs between two configurations, in the order of the first, then what the second adds.
 *
 * Routes, TCP entries and their domain configs are compared by id, zones by name and view,
 * certificates by domain, all other lists as a whole; of address lists and the records of a zone only
 * what differs is told. Items that both share by reference cost one comparison. Hooks are functions:
 * they are compared by identity.
 */
export function diffOptions(before: IDcRouterOptions, after: IDcRouterOptions): IOptionChange[] {
  const changes: IOptionChange[] = [];
  // Masked copies are made of what differs only: a big configuration is mostly the same.
  compare(before, after, [], (path, first, second) => {
    const [shownBefore, shownAfter] = shown(path, first, second);
    changes.push({
      path: spell(path),
      before: shownBefore,
      after: shownAfter,
      effect: effectOf(path),
    });
  });
  return changes;
}

/** Tells whether two values of plain data mean the same; absent and `undefined` do. */
export function sameData(first: unknown, second: unknown): boolean {
  if (Object.is(first, second)) return true;
  if (!isHolder(first) || !isHolder(second) || Array.isArray(first) !== Array.isArray(second)) {
    return false;
  }
  return keysOf(first, second).every((key) => sameData(first[key], second[key]));
}

type THolder = Record<string, unknown>;
type TReport = (path: TPath, before: unknown, after: unknown) => void;

function compare(before: unknown, after: unknown, path: TPath, report: TReport): void {
  if (Object.is(before, after)) return;
  const nameOf = namesAt(path);
  if (nameOf !== undefined && (Array.isArray(before) || Array.isArray(after))) {
    compareFields(byName(before, nameOf), byName(after, nameOf), path, report);
  } else if (isMap(before) && isMap(after)) {
    compareFields(before, after, path, report);
  } else if (isAddresses(path) && Array.isArray(before) && Array.isArray(after)) {
    const [gone, added] = [withoutThose(before, after), withoutThose(after, before)];
    if (gone.length + added.length > 0) report(path, gone, added);
  } else if (isRecords(path) && Array.isArray(before) && Array.isArray(after)) {
    compareRecords(before, after, path, report);
  } else if (!sameData(before, after)) {
    report(path, before, after);
  }
}

function compareFields(before: THolder, after: THolder, path: TPath, report: TReport): void {
  for (const key of keysOf(before, after)) compare(before[key], after[key], [...path, key], report);
}

const idOf = (item: THolder): string => String(item.id);
const domainOf = (item: THolder): string => String(item.domain);
const zoneOf = ({ name, view }: THolder): string => zoneIdOf({ name, view } as IZoneOptions);

/** How the items of a list are told apart; undefined for other lists. */
function namesAt(path: TPath): ((item: THolder) => string) | undefined {
  const [plane, part, list] = path;
  switch (path.length) {
    case 1:
      return plane === 'certificates' ? domainOf : plane === 'tcp' ? idOf : undefined;
    case 2:
      if (plane === 'dns') return part === 'zones' ? zoneOf : undefined;
      return plane === 'web' && part === 'routes' ? idOf : undefined;
    case 3:
      return plane === 'tcp' && list === 'domainConfigs' ? idOf : undefined;
    default:
      return undefined;
  }
}

/** Lists of which only what differs is told: they are long. */
function isAddresses([plane, , , field]: TPath): boolean {
  return plane === 'access' && field === 'addresses';
}

/** There may be thousands of records in a zone. */
function isRecords([plane, part, , field]: TPath): boolean {
  return plane === 'dns' && part === 'zones' && field === 'records';
}

function compareRecords(
  before: readonly unknown[],
  after: readonly unknown[],
  path: TPath,
  report: TReport,
): void {
  const texts = (items: readonly unknown[]): Set<string> =>
    new Set(items.map((item) => JSON.stringify(item)));
  const [old, now] = [texts(before), texts(after)];
  const gone = before.filter((item) => !now.has(JSON.stringify(item)));
  const added = after.filter((item) => !old.has(JSON.stringify(item)));
  if (gone.length + added.length > 0) report(path, gone, added);
  // The same ones in another order, which decides what a line such as $ORIGIN is about.
  else if (!sameData(before, after)) report(path, before, after);
}

function withoutThose(items: readonly unknown[], others: readonly unknown[]): unknown[] {
  const known = new Set(others);
  return items.filter((item) => !known.has(item));
}

function byName(items: unknown, nameOf: (item: THolder) => string): THolder {
  const named: THolder = Object.create(null);
  for (const item of Array.isArray(items) ? items : []) named[nameOf(item)] = item;
  return named;
}

function keysOf(first: object, second: object): string[] {
  const keys = Object.keys(first);
  for (const key of Object.keys(second)) if (!Object.hasOwn(first, key)) keys.push(key);
  return keys;
}

function isHolder(value: unknown): value is THolder {
  return typeof value === 'object' && value !== null;
}

function isMap(value: unknown): value is THolder {
  return isHolder(value) && !Array.isArray(value);
}

/** Both values with their secrets masked; a secret that changed says so, and nothing more. */
function shown(path: TPath, before: unknown, after: unknown): [unknown, unknown] {
  const [first, second] = [maskAt(path, before), maskAt(path, after)];
  return [first, sameData(first, second) ? `${SECRET_MASK} (changed)` : second];
}

/** Masks a value as if it stood in its place: the place decides what is secret. */
function maskAt(path: TPath, value: unknown): unknown {
  const nest = path.reduceRight<unknown>((inner, key) => ({ [key]: inner }), value);
  const masked: unknown = maskSecrets(nest as IDcRouterOptions);
  return path.reduce<unknown>((outer, key) => (isHolder(outer) ? outer[key] : outer), masked);
}

function spell(path: TPath): string {
  return path.reduce<string>((text, part, index) => {
    const isItem = namesAt(path.slice(0, index)) !== undefined;
    return isItem ? `${text}[${part}]` : formatPath([part], text);
  }, '');
}

function effectOf(path: TPath): TEffect {
  const [plane, part, , field] = path;
  if (plane === 'api') return part === 'hosts' ? 'hot' : 'restart-listener';
  if (plane === 'dataDir' || plane === 'version' || plane === 'workers') return 'restart';
  // The whole plane comes or goes, with its ports.
  if (plane === 'dns' && part === undefined) return 'restart-listener';
  const isPort =
    (plane === 'web' && part === 'entrypoints') || (plane === 'dns' && part === 'listeners');
  if (!isPort) return 'hot';
  // Names, limits and the choice of certificates are read anew by each connection.
  if (field === undefined || field === 'address' || field === 'port') return 'restart-listener';
  return field === 'tls' && path[4] !== 'defaultCertificate' ? 'restart-listener' : 'hot';
}

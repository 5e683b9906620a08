import type { IEntrypointOptions } from '../../ts_interfaces/data/web.ts';
import type { IPlaced } from './cross-checks.ts';
import { normalizeKeyName } from './dns-name.ts';
import type { IFinding } from './issues.ts';
import { unknownLists } from './name-checks.ts';
import { nearest } from './nearest.ts';
import { formatPath, type TPath } from './path.ts';
import { isObject, type TLooseObject } from './schema-object.ts';
import { readZoneId } from './zone-ids.ts';

/** Names that zones may use. */
export interface IDnsNames {
  /** Of `access.lists`; `any`: which ones is not known yet. */
  lists: ReadonlySet<string> | 'any';
  /** Of `dns.keys`, in their normal form. */
  keys: ReadonlySet<string>;
  /** Of `dns.views`. */
  views: ReadonlySet<string>;
}

/**
 * Finds names of lists, keys and views that nobody defines: a zone must not be served to others
 * than was meant.
 *
 * @param zone also a refused one.
 */
export function checkZoneNames(zone: TLooseObject, path: TPath, known: IDnsNames): IFinding[] {
  const { view, update } = zone;
  const findings: IFinding[] = [];
  if (typeof view === 'string' && !known.views.has(view)) {
    const message = 'Must name a view in "dns.views"';
    const suggestion = nearest(view, known.views);
    findings.push({ path: [...path, 'view'], at: 'value', message, suggestion });
  }
  for (const field of ['primaries', 'notify'] as const) {
    listOf(zone[field]).forEach((peer, index) => {
      findings.push(...checkKey(Object(peer).key, [...path, field, index, 'key'], known));
    });
  }
  for (const field of ['transfer', 'notifyFrom'] as const) {
    findings.push(...unknownLists(zone[field], [...path, field], known.lists));
    listOf(zone[field]).forEach((entry, index) => {
      if (typeof entry !== 'string' || !/^key:/i.test(entry)) return;
      findings.push(...checkKey(entry.slice(4), [...path, field, index], known, 'key:'));
    });
  }
  listOf(update).forEach((rule, index) => {
    const place = [...path, 'update', index];
    findings.push(...checkKey(Object(rule).key, [...place, 'key'], known));
    findings.push(...unknownLists(Object(rule).from, [...place, 'from'], known.lists));
  });
  return findings;
}

function checkKey(given: unknown, path: TPath, { keys }: IDnsNames, sign = ''): IFinding[] {
  const name = typeof given === 'string' ? normalizeKeyName(given) : undefined;
  // What is no name is refused already.
  if (typeof name !== 'string' || keys.has(name)) return [];
  const near = nearest(name, keys);
  const suggestion = near === undefined ? undefined : sign + near;
  return [{ path, at: 'value', message: 'Must name a key in "dns.keys"', suggestion }];
}

/** Finds names of lists that nobody defines in what is said of clients of the whole plane. */
export function checkDnsLists(
  dns: TLooseObject,
  path: TPath,
  lists: IDnsNames['lists'],
): IFinding[] {
  const views = listOf(dns.views).flatMap((view, index) => {
    return unknownLists(Object(view).clients, [...path, 'views', index, 'clients'], lists);
  });
  const { clients } = Object(dns.resolver);
  const { exempt } = Object(dns.rateLimit);
  return [
    ...unknownLists(exempt, [...path, 'rateLimit', 'exempt'], lists),
    ...views,
    ...unknownLists(clients, [...path, 'resolver', 'clients'], lists),
  ];
}

/** Finds zones that are there already, for clients of the same view: the later one is at fault. */
export function checkUniqueZones(zones: readonly IPlaced<TLooseObject>[]): IFinding[] {
  const seen = new Map<string, TPath>();
  return zones.flatMap(({ path, item }) => {
    const id = readZoneId(item);
    if (id === undefined) return [];
    const first = seen.get(id);
    if (first === undefined) {
      seen.set(id, path);
      return [];
    }
    const message = `Must be unique: ${formatPath(first)} is the zone ${JSON.stringify(id)}`;
    return [{ path: [...path, 'name'], at: 'value' as const, message }];
  });
}

/** Checks that DNS over HTTPS has an entrypoint on which it is answered. */
export function checkDnsHttps(
  { https }: TLooseObject,
  path: TPath,
  entrypoints: Readonly<Record<string, IEntrypointOptions>>,
): IFinding[] {
  if (https !== true && !isObject(https)) return [];
  const { entrypoints: named } = Object(https);
  if (named !== undefined) {
    const place = [...path, 'https', 'entrypoints'];
    return listOf(named).flatMap((name, index) => {
      if (typeof name !== 'string' || Object.hasOwn(entrypoints, name)) return [];
      const suggestion = nearest(name, Object.keys(entrypoints));
      const message = 'Must name an entrypoint in "web.entrypoints"';
      return [{ path: [...place, index], at: 'value' as const, message, suggestion }];
    });
  }
  const hasTls = Object.values(entrypoints).some(({ tls }) => tls === true || isObject(tls));
  if (hasTls) return [];
  const message =
    'Must be false, or an entrypoint have TLS; "https.entrypoints" can name one behind a proxy that has it';
  return [{ path: [...path, 'https'], at: 'value', message }];
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

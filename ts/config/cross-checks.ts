import type { TRouteInput } from '../../ts_interfaces/data/route.ts';
import type { IFinding } from './issues.ts';
import { formatPath, type TPath } from './path.ts';
import { isObject } from './schema-object.ts';

/** An item of a list with the place that it has in the file. */
export interface IPlaced<T> {
  path: TPath;
  item: T;
}

/** A route, of which refused ones may lack anything. */
export type TLooseRoute = Partial<Omit<TRouteInput, 'backends'>>;

/**
 * Finds routes that name an auth provider which nobody defines: they must not be served without it.
 */
export function checkAuthProviders(
  routes: readonly IPlaced<TLooseRoute>[],
  known: ReadonlySet<string>,
  nearestName: (name: string) => string | undefined,
): IFinding[] {
  return routes.flatMap(({ path, item: { authProvider } }) => {
    if (typeof authProvider !== 'string' || known.has(authProvider)) return [];
    const message = 'Must name a provider in "web.authProviders" or in the hooks';
    const suggestion = nearestName(authProvider);
    return [{ path: [...path, 'authProvider'], at: 'value' as const, message, suggestion }];
  });
}

/**
 * Finds values that must be unique and are not: the later one is at fault, and the first is named.
 */
export function checkUnique<T>(
  items: readonly IPlaced<T>[],
  key: keyof T & string,
  noun: string,
): IFinding[] {
  const seen = new Map<unknown, TPath>();
  return items.flatMap(({ path, item }) => {
    const value = item[key];
    if (typeof value !== 'string') return [];
    const first = seen.get(value);
    if (first === undefined) {
      seen.set(value, path);
      return [];
    }
    const message = `Must be unique: ${formatPath(first)} has this ${noun}`;
    return [{ path: [...path, key], at: 'value' as const, message }];
  });
}

/** Finds routes that no request can reach, because an earlier one has the same conditions. */
export function checkReachable(routes: readonly IPlaced<TLooseRoute>[]): IFinding[] {
  const byHost = new Map<string, IPlaced<TLooseRoute>[]>();
  const findings: IFinding[] = [];
  for (const route of routes) {
    const { vHost } = route.item;
    if (typeof vHost !== 'string') continue;
    const others = byHost.get(vHost);
    if (others === undefined) byHost.set(vHost, [route]);
    else others.push(route);
  }
  for (const others of byHost.values()) {
    if (others.length > 1) findings.push(...unreachableOf(others));
  }
  return findings;
}

function unreachableOf(routes: readonly IPlaced<TLooseRoute>[]): IFinding[] {
  const seen = new Map<string, TPath>();
  return routes.flatMap(({ path, item }) => {
    const conditions = conditionsOf(item);
    const first = seen.get(conditions);
    if (first === undefined) {
      seen.set(conditions, path);
      return [];
    }
    const message =
      `Must differ from ${formatPath(first)} in its vHost, paths, methods, matchHeaders or priority: ` +
      'this route could never match';
    return [{ path: [...path, 'vHost'], at: 'value' as const, message }];
  });
}

/** What decides whether a route matches, in one spelling whatever the order. */
function conditionsOf({ paths, methods, matchHeaders, priority }: TLooseRoute): string {
  const pathTexts = paths?.map((path) => {
    return typeof path === 'string' ? `prefix ${path}` : `${path.type} ${path.path}`;
  });
  const headerTexts = matchHeaders?.map(({ name, value, pattern }) => {
    return JSON.stringify([name.toLowerCase(), value, pattern]);
  });
  return JSON.stringify([sorted(pathTexts), sorted(methods), sorted(headerTexts), priority ?? 0]);
}

function sorted(texts: readonly string[] | undefined): string[] {
  return [...new Set(texts)].sort();
}

/** Something that may end TLS, with the place of its settings. */
export interface ITlsUser {
  path: TPath;
  tls: unknown;
}

/**
 * Finds default certificates that nobody gives. A start bears it: the certificate may come over the
 * API, and without it only clients that name no known host are refused.
 */
export function checkDefaultCertificates(
  users: Iterable<ITlsUser>,
  known: ReadonlySet<string>,
  nearestName: (name: string) => string | undefined,
): IFinding[] {
  const findings: IFinding[] = [];
  for (const { path, tls } of users) {
    const domain = isObject(tls) ? tls.defaultCertificate : undefined;
    if (typeof domain !== 'string' || known.has(domain)) continue;
    const message =
      'Must be the domain of a certificate in "certificates", or the vHost of a route with "ssl"';
    const suggestion = nearestName(domain);
    const place = [...path, 'defaultCertificate'];
    findings.push({ path: place, at: 'value', message, suggestion, bearable: true });
  }
  return findings;
}

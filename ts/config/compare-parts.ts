import type { z } from 'zod';
import type { ICertificateOptions } from '../../ts_interfaces/data/certificate.ts';
import type { IDnsOptions, IZoneOptions } from '../../ts_interfaces/data/dns.ts';
import type { IApiOptions } from '../../ts_interfaces/data/options.ts';
import type { RouteConfig } from '../../ts_interfaces/data/route.ts';
import type { IPortProxySettings } from '../../ts_interfaces/data/tcp.ts';
import type { IEntrypointOptions } from '../../ts_interfaces/data/web.ts';
import { compareDns, readDnsListeners } from './compare-dns.ts';
import {
  checkAuthProviders,
  checkDefaultCertificates,
  checkReachable,
  checkUnique,
  type IPlaced,
  type ITlsUser,
} from './cross-checks.ts';
import { daemonDefaults } from './defaults.ts';
import type { IFinding } from './issues.ts';
import { checkNames, type IDefinedNames } from './name-checks.ts';
import { nearest } from './nearest.ts';
import type { IParseSettings } from './parse-options.ts';
import { formatPath, type TPath, valueAt } from './path.ts';
import { checkPorts, dnsListeners, listenersOf, webListeners } from './ports.ts';
import { isObject, type TLooseObject } from './schema-object.ts';
import { apiSchema, type optionsFrameSchema } from './schema-options.ts';
import { entrypointSchema } from './schema-web.ts';

/**
 * Items of a list: those that are right, and all of them with the refused ones as they were given.
 */
export interface IList<T> {
  good: IPlaced<T>[];
  all: IPlaced<Partial<T>>[];
}

/** Options as they were read, part by part. */
export interface IParts {
  input: unknown;
  frame: z.output<typeof optionsFrameSchema>;
  routes: IList<RouteConfig>;
  entries: IList<IPortProxySettings>;
  zones: IList<IZoneOptions>;
  certificates: IList<ICertificateOptions>;
  /** What is wrong with single parts. */
  findings: IFinding[];
}

/** The item of a list that a path leads into; undefined for the rest of the configuration. */
export function itemOf(path: TPath): TPath | undefined {
  const [plane, part, index] = path;
  switch (plane) {
    case 'certificates':
      return typeof part === 'number' ? path.slice(0, 2) : undefined;
    case 'tcp':
      // A single entry needs no list around it.
      return part === undefined ? undefined : path.slice(0, typeof part === 'number' ? 2 : 1);
    case 'dns':
      return part === 'zones' && typeof index === 'number' ? path.slice(0, 3) : undefined;
    case 'web':
      return part === 'routes' && typeof index === 'number' ? path.slice(0, 3) : undefined;
    default:
      return undefined;
  }
}

/** Checks between items. In start mode a refused item cannot take a good one down with it. */
export function compareParts(parts: IParts, settings: IParseSettings): IFinding[] {
  const { routes, entries, certificates, input } = parts;
  const strict = settings.mode !== 'start';
  const checkedRoutes: readonly IPlaced<Partial<RouteConfig>>[] = strict ? routes.all : routes.good;
  const checkedEntries: readonly IPlaced<Partial<IPortProxySettings>>[] = strict
    ? entries.all
    : entries.good;

  const own = Object.keys(Object(valueAt(input, ['web', 'authProviders'])));
  const providers = new Set([...own, ...(settings.authProviders ?? [])]);
  const findings = checkAuthProviders(checkedRoutes, providers, (name) => nearest(name, providers));
  const known = knownNames(parts, settings);
  findings.push(...checkEveryName(input, [...checkedRoutes, ...checkedEntries], known));
  findings.push(...checkUnique(strict ? routes.all : without(routes.good, findings), 'id', 'id'));
  findings.push(...checkReachable(strict ? routes.good : without(routes.good, findings)));
  findings.push(...checkUnique(strict ? certificates.all : certificates.good, 'domain', 'domain'));

  const entrypoints = entrypointsOf(input, settings);
  const ids = checkUnique(strict ? entries.all : without(entries.good, findings), 'id', 'id');
  findings.push(...withIds(ids, checkedEntries));
  findings.push(...compareDns(parts, { lists: known.lists, entrypoints, strict }));
  const dns = dnsPortsOf(input);
  const listening = strict ? entries.all : without(entries.good, findings);
  findings.push(
    ...checkPorts([
      ...webListeners(entrypoints, apiOf(input, settings)),
      ...dnsListeners(dns),
      ...listening.flatMap(({ path, item }) => listenersOf({ ...item }, path)),
    ]),
  );
  const domains = domainsOf(parts, settings);
  findings.push(
    ...checkDefaultCertificates(tlsUsersOf(entrypoints, dns, entries.good), domains, (name) =>
      nearest(name, domains),
    ),
  );
  return findings;
}

/** An id that nobody wrote must be told, for the problem cannot show it. */
function withIds(
  findings: readonly IFinding[],
  entries: readonly IPlaced<Partial<IPortProxySettings>>[],
): IFinding[] {
  if (findings.length === 0) return [];
  const ids = new Map(entries.map(({ path, item }) => [formatPath([...path, 'id']), item.id]));
  return findings.map((finding) => {
    const id = JSON.stringify(ids.get(formatPath(finding.path)));
    return { ...finding, message: `${finding.message} ${id}` };
  });
}

/** The names of lists and limits that there are. */
function knownNames({ input, frame }: IParts, settings: IParseSettings): IDefinedNames {
  // The names of a refused part are known all the same: one problem is enough.
  const lists = frame.access?.lists ?? valueAt(input, ['access', 'lists']);
  const limits = frame.limits ?? valueAt(input, ['limits']);
  return {
    lists: namesOf(lists, settings.accessLists),
    limits: namesOf(limits, settings.limits),
  };
}

/** Checks the names of lists and limits that items and entrypoints use. */
function checkEveryName(
  input: unknown,
  items: readonly IPlaced<TLooseObject>[],
  known: IDefinedNames,
): IFinding[] {
  const path = ['web', 'entrypoints'];
  const entrypoints = Object.entries(Object(valueAt(input, path))).flatMap(([name, item]) => {
    return isObject(item) ? [{ path: [...path, name], item }] : [];
  });
  return [...entrypoints, ...items].flatMap((one) => checkNames(one.item, one.path, known));
}

function namesOf(part: unknown, more: Iterable<string> | 'any' = []): Set<string> | 'any' {
  return more === 'any' ? 'any' : new Set([...Object.keys(Object(part)), ...more]);
}

function without<T>(items: readonly IPlaced<T>[], findings: readonly IFinding[]): IPlaced<T>[] {
  if (findings.length === 0) return [...items];
  const refused = new Set(findings.map(({ path }) => formatPath(itemOf(path) ?? [])));
  return items.filter(({ path }) => !refused.has(formatPath(path)));
}

/** Domains that have a certificate, counting those of refused items: they are reported already. */
function domainsOf({ routes, certificates }: IParts, settings: IParseSettings): Set<string> {
  const domains = new Set<string>(settings.certificates);
  for (const { item } of certificates.all) {
    if (typeof item.domain === 'string') domains.add(item.domain.toLowerCase());
  }
  for (const { item } of routes.all) {
    if (isObject(item.ssl) && typeof item.vHost === 'string') domains.add(item.vHost.toLowerCase());
  }
  return domains;
}

function* tlsUsersOf(
  entrypoints: Readonly<Record<string, IEntrypointOptions>>,
  dns: TDnsPorts,
  entries: readonly IPlaced<IPortProxySettings>[],
): Generator<ITlsUser> {
  for (const [name, { tls }] of Object.entries(entrypoints)) {
    yield { path: ['web', 'entrypoints', name, 'tls'], tls };
  }
  for (const [name, { tls }] of Object.entries(dns?.listeners ?? {})) {
    yield { path: ['dns', 'listeners', name, 'tls'], tls };
  }
  for (const { path, item } of entries) {
    yield { path: [...path, 'tls'], tls: item.tls };
    for (const [index, { tls }] of (item.domainConfigs ?? []).entries()) {
      if (tls !== undefined) yield { path: [...path, 'domainConfigs', index, 'tls'], tls };
    }
  }
}

/**
 * The entrypoints that will listen: the default ones when none are given, which a file need not even
 * have a web plane for.
 */
function entrypointsOf(
  input: unknown,
  { source }: IParseSettings,
): Record<string, IEntrypointOptions> {
  const path = ['web', 'entrypoints'];
  const given = valueAt(input, path);
  if (given !== undefined) {
    const entries = Object.keys(Object(given)).flatMap((name) => {
      const entrypoint = partOf(entrypointSchema, input, [...path, name]);
      return entrypoint === undefined ? [] : [[name, entrypoint]];
    });
    return Object.fromEntries(entries);
  }
  const isServed = source !== undefined || valueAt(input, ['web']) !== undefined;
  return isServed ? { ...daemonDefaults.web?.entrypoints } : {};
}

type TDnsPorts = Pick<IDnsOptions, 'listeners'> | undefined;

/** What is known of the ports of the DNS plane; undefined: there is none. */
function dnsPortsOf(input: unknown): TDnsPorts {
  const dns = valueAt(input, ['dns']);
  if (!isObject(dns)) return undefined;
  const listeners = readDnsListeners(dns);
  return listeners === undefined ? {} : { listeners };
}

/** The management port, which a daemon opens without being told. */
function apiOf(input: unknown, { source }: IParseSettings): IApiOptions | undefined {
  if (source !== undefined && valueAt(input, ['api']) === undefined) return {};
  return partOf(apiSchema, input, ['api']);
}

/**
 * A part of the input by itself; undefined when it is absent, or refused and so reported already.
 */
function partOf<TSchema extends z.ZodType>(
  schema: TSchema,
  input: unknown,
  path: TPath,
): z.output<TSchema> | undefined {
  const result = schema.safeParse(valueAt(input, path));
  return result.success ? result.data : undefined;
}

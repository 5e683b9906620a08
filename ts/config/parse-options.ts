import { z } from 'zod';
import type { ICertificateOptions } from '../../ts_interfaces/data/certificate.ts';
import type { IDcRouterOptions } from '../../ts_interfaces/data/options.ts';
import type { RouteConfig } from '../../ts_interfaces/data/route.ts';
import type { IEntrypointOptions } from '../../ts_interfaces/data/web.ts';
import { DcError, type IProblem } from '../core/errors.ts';
import {
  checkAuthProviders,
  checkDefaultCertificates,
  checkPorts,
  checkReachable,
  checkUnique,
  type IPlaced,
} from './cross-checks.ts';
import { daemonDefaults } from './defaults.ts';
import { deepFreeze } from './freeze.ts';
import { findingsOf, type IFinding } from './issues.ts';
import { nearest } from './nearest.ts';
import { formatPath, type TPath, valueAt } from './path.ts';
import { isObject } from './schema-object.ts';
import { apiSchema, certificateSchema, optionsFrameSchema } from './schema-options.ts';
import { routeSchema } from './schema-route.ts';
import { entrypointSchema } from './schema-web.ts';
import { type IConfigSource, problemOf } from './source.ts';

/** How `parseOptions` looks at its input. */
export interface IParseSettings {
  /**
   * `strict` refuses the whole for any problem: reload, apply and validate. `start` drops single
   * routes and certificates that have one, and refuses the whole for anything else. @default
   * 'strict'
   */
  mode?: 'strict' | 'start';
  /** The text that the input was read from, so that problems have lines. */
  source?: IConfigSource;
  /** Names of the auth providers that come as hooks. */
  authProviders?: Iterable<string>;
  /** Domains whose certificates come from elsewhere: the API's overlay. */
  certificates?: Iterable<string>;
}

/** An item that `start` mode left out. */
export interface IDisabledItem {
  /** What it is. */
  kind: 'route' | 'certificate';
  /** Its place in the file: `web.routes[3]`. */
  path: string;
  /** Its id or domain, where it has a readable one. */
  name: string | undefined;
}

/** What came of parsing. */
export interface IParsedOptions {
  /** Frozen through and through; what was absent stays absent. */
  options: IDcRouterOptions;
  /** Empty in strict mode, which throws instead. */
  problems: IProblem[];
  /** Items that the options lack because of the problems. */
  disabled: IDisabledItem[];
}

/**
 * Checks all that a DcRouter can be told, except for hooks.
 *
 * Every problem is reported together: those inside of single items, those between items, and those
 * that were found while the file was read.
 *
 * @throws DcError `CONFIG_INVALID` with every problem.
 */
export function parseOptions(input: unknown, settings: IParseSettings = {}): IParsedOptions {
  const { source, mode = 'strict' } = settings;
  const parts = readParts(input);
  const found = [...parts.findings, ...compareParts(parts, settings)];
  const findings = withRead(source?.findings ?? [], found);
  const problems = findings.map((finding) => problemOf(finding, input, source));
  if (source !== undefined) problems.sort(byPlace);

  const broken = findings.some(({ path, bearable }) => !bearable && itemOf(path) === undefined);
  if (problems.length > 0 && (mode === 'strict' || broken)) {
    const count = problems.length === 1 ? 'it has a problem' : `it has ${problems.length} problems`;
    const name = source === undefined ? 'the configuration' : JSON.stringify(source.file);
    throw new DcError('CONFIG_INVALID', `Cannot use ${name}: ${count}`, { problems });
  }
  const disabled = disabledOf(findings, input, source);
  return { options: deepFreeze(assemble(parts, disabled)), problems, disabled };
}

/**
 * Items of a list: those that are right, and all of them with the refused ones as they were given.
 */
interface IList<T> {
  good: IPlaced<T>[];
  all: IPlaced<Partial<T>>[];
}

interface IParts {
  input: unknown;
  frame: z.output<typeof optionsFrameSchema>;
  routes: IList<RouteConfig>;
  certificates: IList<ICertificateOptions>;
  findings: IFinding[];
}

const routesPath: TPath = ['web', 'routes'];
const certificatesPath: TPath = ['certificates'];

function readParts(input: unknown): IParts {
  const findings: IFinding[] = [];
  const frame = parseAt(optionsFrameSchema, input, [], findings) ?? {};
  const routes = parseList(routeSchema, input, routesPath, findings);
  const certificates = parseList(certificateSchema, input, certificatesPath, findings);
  return { input, frame, routes, certificates, findings };
}

function parseAt<TSchema extends z.ZodType>(
  schema: TSchema,
  input: unknown,
  path: TPath,
  findings: IFinding[],
): z.output<TSchema> | undefined {
  const result = schema.safeParse(input);
  if (result.success) return result.data;
  for (const finding of findingsOf(schema, input, result.error.issues)) {
    findings.push({ ...finding, path: [...path, ...finding.path] });
  }
  return undefined;
}

function parseList<T>(
  schema: z.ZodType<T>,
  input: unknown,
  listPath: TPath,
  findings: IFinding[],
): IList<T> {
  const list: IList<T> = { good: [], all: [] };
  const items = valueAt(input, listPath);
  if (!Array.isArray(items)) return list;
  items.forEach((given: unknown, index) => {
    const path = [...listPath, index];
    const item = parseAt(schema, given, path, findings);
    if (item !== undefined) {
      const placed = { path, item };
      list.good.push(placed);
      list.all.push(placed);
    } else if (isObject(given)) list.all.push({ path, item: given as Partial<T> });
  });
  return list;
}

/** Checks between items. In start mode a refused item cannot take a good one down with it. */
function compareParts(parts: IParts, settings: IParseSettings): IFinding[] {
  const { routes, certificates, input } = parts;
  const strict = settings.mode !== 'start';
  const own = Object.keys(Object(valueAt(input, ['web', 'authProviders'])));
  const providers = new Set([...own, ...(settings.authProviders ?? [])]);
  const findings = checkAuthProviders(strict ? routes.all : routes.good, providers, (name) =>
    nearest(name, providers),
  );
  findings.push(...checkUnique(strict ? routes.all : without(routes.good, findings), 'id', 'id'));
  findings.push(...checkReachable(strict ? routes.good : without(routes.good, findings)));
  findings.push(...checkUnique(strict ? certificates.all : certificates.good, 'domain', 'domain'));

  const domains = domainsOf(parts, settings);
  const entrypoints = entrypointsOf(input);
  findings.push(...checkPorts(entrypoints, partOf(apiSchema, input, ['api'])));
  findings.push(
    ...checkDefaultCertificates(entrypoints, domains, (name) => nearest(name, domains)),
  );
  return findings;
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

/** The entrypoints that will listen: the default ones when none are given. */
function entrypointsOf(input: unknown): Record<string, IEntrypointOptions> {
  const path = ['web', 'entrypoints'];
  if (valueAt(input, path) === undefined) return { ...daemonDefaults.web?.entrypoints };
  return partOf(z.record(z.string(), entrypointSchema), input, path) ?? {};
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

/** What could not be read has one problem, not a second one for being no number. */
function withRead(read: readonly IFinding[], found: readonly IFinding[]): IFinding[] {
  if (read.length === 0) return [...found];
  const places = new Set(read.map(({ path }) => formatPath(path)));
  return [...read, ...found.filter(({ path }) => !places.has(formatPath(path)))];
}

/** The item of a list that a path leads into; undefined for the rest of the configuration. */
function itemOf(path: TPath): TPath | undefined {
  if (path[0] === 'certificates' && typeof path[1] === 'number') return path.slice(0, 2);
  if (path[0] !== 'web' || path[1] !== 'routes' || typeof path[2] !== 'number') return undefined;
  return path.slice(0, 3);
}

function disabledOf(
  findings: readonly IFinding[],
  input: unknown,
  source: IConfigSource | undefined,
): IDisabledItem[] {
  const items = new Map<string, IDisabledItem>();
  for (const finding of findings) {
    const itemPath = itemOf(finding.path);
    if (itemPath === undefined) continue;
    const path = formatPath(itemPath);
    const kind = itemPath[0] === 'web' ? 'route' : 'certificate';
    const namePath = [...itemPath, kind === 'route' ? 'id' : 'domain'];
    const name = source?.writtenAt(namePath) ?? valueAt(input, namePath);
    items.set(path, { kind, path, name: typeof name === 'string' ? name : undefined });
  }
  return [...items.values()];
}

function assemble(parts: IParts, disabled: readonly IDisabledItem[]): IDcRouterOptions {
  const { frame } = parts;
  const out = new Set(disabled.map(({ path }) => path));
  const kept = <T>({ good }: IList<T>): T[] => {
    const items = out.size === 0 ? good : good.filter(({ path }) => !out.has(formatPath(path)));
    return items.map(({ item }) => item);
  };
  const { web, certificates, ...rest } = frame;
  const options: IDcRouterOptions = rest;
  if (web !== undefined) {
    const { routes, ...webRest } = web;
    options.web = routes === undefined ? webRest : { ...webRest, routes: kept(parts.routes) };
  }
  if (certificates !== undefined) options.certificates = kept(parts.certificates);
  return options;
}

function byPlace(first: IProblem, second: IProblem): number {
  const lines = (first.line ?? 0) - (second.line ?? 0);
  return lines === 0 ? (first.column ?? 0) - (second.column ?? 0) : lines;
}

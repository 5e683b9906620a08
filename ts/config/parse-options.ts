import type { z } from 'zod';
import type { IDcRouterOptions } from '../../ts_interfaces/data/options.ts';
import { DcError, type IProblem } from '../core/errors.ts';
import { compareParts, type IList, type IParts, itemOf } from './compare-parts.ts';
import type { IPlaced } from './cross-checks.ts';
import { deepFreeze } from './freeze.ts';
import { findingsOf, type IFinding } from './issues.ts';
import { formatPath, type TPath, valueAt } from './path.ts';
import { isObject, type TLooseObject } from './schema-object.ts';
import { certificateSchema, optionsFrameSchema } from './schema-options.ts';
import { routeSchema } from './schema-route.ts';
import { tcpEntrySchema } from './schema-tcp.ts';
import { zoneSchema } from './schema-zone.ts';
import { type IConfigSource, problemOf } from './source.ts';
import { tcpEntryId } from './tcp-ids.ts';
import { readZoneId } from './zone-ids.ts';

/** How `parseOptions` looks at its input. */
export interface IParseSettings {
  /**
   * `strict` refuses the whole for any problem: reload, apply and validate. `start` drops single
   * routes, TCP entries, zones and certificates that have one, and refuses the whole for anything else. @default
   * 'strict'
   */
  mode?: 'strict' | 'start';
  /** The text that the input was read from, so that problems have lines. */
  source?: IConfigSource;
  /** Names of the auth providers that come as hooks. */
  authProviders?: Iterable<string>;
  /** Domains whose certificates come from elsewhere: the API's overlay. */
  certificates?: Iterable<string>;
  /**
   * Names of address lists that come from elsewhere: the API's overlay. `any`: they are not known
   * yet, and whoever reads the overlay checks the names that items use.
   */
  accessLists?: Iterable<string> | 'any';
  /** The same of rate limits. */
  limits?: Iterable<string> | 'any';
}

/** An item that `start` mode left out. */
export interface IDisabledItem {
  /** What it is. */
  kind: 'route' | 'tcp' | 'zone' | 'certificate';
  /** Its place in the file: `web.routes[3]`. */
  path: string;
  /** Its id (also one that it would have got) or domain, where it can be read. */
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

const routesPath: TPath = ['web', 'routes'];
const tcpPath: TPath = ['tcp'];
const zonesPath: TPath = ['dns', 'zones'];
const certificatesPath: TPath = ['certificates'];

function readParts(input: unknown): IParts {
  const findings: IFinding[] = [];
  const frame = parseAt(optionsFrameSchema, input, [], findings) ?? {};
  const routes = parseList(routeSchema, input, routesPath, findings);
  const entries = parseList(tcpEntrySchema, input, tcpPath, findings);
  const zones = parseList(zoneSchema, input, zonesPath, findings);
  const certificates = parseList(certificateSchema, input, certificatesPath, findings);
  return { input, frame, routes, entries, zones, certificates, findings };
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
  for (const { path, item: given } of itemsAt(input, listPath)) {
    const item = parseAt(schema, given, path, findings);
    if (item !== undefined) {
      const placed = { path, item };
      list.good.push(placed);
      list.all.push(placed);
    } else if (isObject(given)) list.all.push({ path, item: given as Partial<T> });
  }
  return list;
}

/** The items of a list with their places; `tcp` may be one item without a list around it. */
function itemsAt(input: unknown, listPath: TPath): IPlaced<unknown>[] {
  const items = valueAt(input, listPath);
  if (listPath === tcpPath && isObject(items)) return [{ path: tcpPath, item: items }];
  if (!Array.isArray(items)) return [];
  return items.map((item: unknown, index) => ({ path: [...listPath, index], item }));
}

/** What could not be read has one problem, not a second one for being no number. */
function withRead(read: readonly IFinding[], found: readonly IFinding[]): IFinding[] {
  if (read.length === 0) return [...found];
  const places = new Set(read.map(({ path }) => formatPath(path)));
  return [...read, ...found.filter(({ path }) => !places.has(formatPath(path)))];
}

function disabledOf(
  findings: readonly IFinding[],
  input: unknown,
  source: IConfigSource | undefined,
): IDisabledItem[] {
  const items = new Map<string, IDisabledItem>();
  for (const finding of findings) {
    const itemPath = itemOf(finding.path);
    if (itemPath === undefined || finding.bearable) continue;
    const path = formatPath(itemPath);
    if (items.has(path)) continue;
    const kind = kindOf(itemPath);
    const namePath = [...itemPath, nameKeys[kind]];
    const given = source?.writtenAt(namePath) ?? valueAt(input, namePath);
    const name = nameOf(kind, given, Object(valueAt(input, itemPath)));
    const isName = typeof name === 'string' && name !== '';
    items.set(path, { kind, path, name: isName ? name : undefined });
  }
  return [...items.values()];
}

const nameKeys = { route: 'id', tcp: 'id', zone: 'name', certificate: 'domain' } as const;

function nameOf(kind: IDisabledItem['kind'], given: unknown, item: TLooseObject): unknown {
  if (kind === 'tcp') return given ?? tcpEntryId(item);
  return kind === 'zone' ? (readZoneId({ ...item, name: given }) ?? given) : given;
}

function kindOf(itemPath: TPath): IDisabledItem['kind'] {
  if (itemPath[0] === 'web') return 'route';
  if (itemPath[0] === 'dns') return 'zone';
  return itemPath[0] === 'tcp' ? 'tcp' : 'certificate';
}

function assemble(parts: IParts, disabled: readonly IDisabledItem[]): IDcRouterOptions {
  const { frame } = parts;
  const out = new Set(disabled.map(({ path }) => path));
  const kept = <T>({ good }: IList<T>): T[] => {
    const items = out.size === 0 ? good : good.filter(({ path }) => !out.has(formatPath(path)));
    return items.map(({ item }) => item);
  };
  const { web, tcp, dns, certificates, ...rest } = frame;
  const options: IDcRouterOptions = rest;
  if (web !== undefined) {
    const { routes, ...webRest } = web;
    options.web = routes === undefined ? webRest : { ...webRest, routes: kept(parts.routes) };
  }
  if (tcp !== undefined) options.tcp = kept(parts.entries);
  if (dns !== undefined) {
    const { zones, ...dnsRest } = dns;
    options.dns = zones === undefined ? dnsRest : { ...dnsRest, zones: kept(parts.zones) };
  }
  if (certificates !== undefined) options.certificates = kept(parts.certificates);
  return options;
}

function byPlace(first: IProblem, second: IProblem): number {
  const lines = (first.line ?? 0) - (second.line ?? 0);
  return lines === 0 ? (first.column ?? 0) - (second.column ?? 0) : lines;
}

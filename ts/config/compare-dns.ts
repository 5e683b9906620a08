import type { IDnsListenerOptions } from '../../ts_interfaces/data/dns.ts';
import type { IEntrypointOptions } from '../../ts_interfaces/data/web.ts';
import type { IList, IParts } from './compare-parts.ts';
import {
  checkDnsHttps,
  checkDnsLists,
  checkUniqueZones,
  checkZoneNames,
  type IDnsNames,
} from './dns-checks.ts';
import { normalizeKeyName } from './dns-name.ts';
import type { IFinding } from './issues.ts';
import { valueAt } from './path.ts';
import { dnsListenerSchema } from './schema-dns.ts';
import { isObject, type TLooseObject } from './schema-object.ts';

/** What the DNS plane is compared with. */
export interface IDnsSurroundings {
  /** Names of address lists. */
  lists: IDnsNames['lists'];
  /** The entrypoints that will listen. */
  entrypoints: Readonly<Record<string, IEntrypointOptions>>;
  /** Whether refused zones count as well. */
  strict: boolean;
}

/** Checks between zones and what they name, and between the DNS plane and the web plane. */
export function compareDns(
  { input, zones }: Pick<IParts, 'input' | 'zones'>,
  { lists, entrypoints, strict }: IDnsSurroundings,
): IFinding[] {
  const dns = valueAt(input, ['dns']);
  if (!isObject(dns)) return [];
  const known = { lists, keys: keysOf(dns), views: viewsOf(dns) };
  const findings = checkedOf(zones, strict).flatMap(({ path, item }) => {
    return checkZoneNames(item as TLooseObject, path, known);
  });
  const faulty = new Set(findings.map(({ path }) => path[2]));
  const unique = checkedOf(zones, strict).filter(({ path }) => strict || !faulty.has(path[2]));
  return [
    ...findings,
    ...checkUniqueZones(unique as { path: (string | number)[]; item: TLooseObject }[]),
    ...checkDnsLists(dns, ['dns'], lists),
    ...checkDnsHttps(dns, ['dns'], entrypoints),
  ];
}

/** The listeners of the DNS plane that are right; undefined: none are named. */
export function readDnsListeners(
  dns: TLooseObject,
): Record<string, IDnsListenerOptions> | undefined {
  if (dns.listeners === undefined) return undefined;
  const listeners = Object.entries(Object(dns.listeners)).flatMap(([name, given]) => {
    const result = dnsListenerSchema.safeParse(given);
    return result.success ? [[name, result.data] as const] : [];
  });
  return Object.fromEntries(listeners);
}

function checkedOf<T>({ all, good }: IList<T>, strict: boolean): IList<T>['all'] {
  return strict ? all : good;
}

/** Names of keys; one in another spelling is refused already. */
function keysOf({ keys }: TLooseObject): Set<string> {
  const names = Object.keys(Object(keys)).map(normalizeKeyName);
  return new Set(names.filter((name) => typeof name === 'string'));
}

function viewsOf({ views }: TLooseObject): Set<string> {
  const names = (Array.isArray(views) ? views : []).map((view: unknown) => Object(view).name);
  return new Set(names.filter((name) => typeof name === 'string'));
}

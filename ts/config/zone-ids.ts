import type { IZoneOptions } from '../../ts_interfaces/data/dns.ts';
import { normalizeZoneName } from './dns-name.ts';
import type { TLooseObject } from './schema-object.ts';

/** What tells a zone from all others: `example.com`, or `example.com@internal` with a view. */
export function zoneIdOf({ name, view }: Pick<IZoneOptions, 'name' | 'view'>): string {
  return view === undefined ? name : `${name}@${view}`;
}

/** The name and view in such an id. */
export function nameAndViewOf(id: string): { name: string; view?: string } {
  const at = id.lastIndexOf('@');
  return at === -1 ? { name: id } : { name: id.slice(0, at), view: id.slice(at + 1) };
}

/** The id of a zone that may be refused; undefined where its name or view cannot be read. */
export function readZoneId({ name, view }: TLooseObject): string | undefined {
  const apex = typeof name === 'string' ? normalizeZoneName(name) : undefined;
  if (typeof apex !== 'string' || (view !== undefined && typeof view !== 'string')) {
    return undefined;
  }
  return zoneIdOf({ name: apex, ...(view !== undefined && { view }) });
}

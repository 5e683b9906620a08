import { recordType } from '../codec/types.ts';
import type { ZoneNode } from '../zone/owner-data.ts';
import type { Zone } from '../zone/zone.ts';

/**
 * What of a zone is its own and therefore signed: all but what lies below a delegation or a DNAME.
 * Owners are named by the zone's keys, see `Zone.keyOf`.
 */

/** Above all keys below an owner, and under all others behind it. */
const subtreeEnd = '\0\uffff';

/** Types that signing makes; a zone that was loaded with some is signed anew without them. */
const madeTypes: ReadonlySet<number> = new Set([
  recordType.RRSIG,
  recordType.NSEC,
  recordType.NSEC3,
]);

/** Whether the owner is a delegation: its NS and glue are not signed. */
export function isCut(key: string, node: ZoneNode): boolean {
  return key !== '' && node.has(recordType.NS) && key !== '*' && !key.endsWith('\0*');
}

/**
 * The topmost owner above the key whose descendants are not the zone's; undefined: there is none.
 */
export function occluderOf(zone: Zone, key: string): string | undefined {
  if (key === '') return undefined;
  if (zone.apexHasDname) return '';
  for (let at = key.indexOf('\0'); at !== -1; at = key.indexOf('\0', at + 1)) {
    const ancestor = key.slice(0, at);
    const node = zone.nodeOf(ancestor);
    if (node !== undefined && occludes(ancestor, node)) return ancestor;
  }
  return undefined;
}

/** Whether what lies below the owner is not the zone's. */
export function occludes(key: string, node: ZoneNode): boolean {
  return isCut(key, node) || node.has(recordType.DNAME);
}

/** The owner behind the key in canonical order; behind the last comes the apex. */
export function ownerAfter(zone: Zone, key: string): string {
  if (zone.apexHasDname) return '';
  const node = zone.nodeOf(key);
  const from = node !== undefined && occludes(key, node) ? key + subtreeEnd : key;
  const after = zone.tree.after(from)?.key;
  if (after === undefined) return '';
  // Nothing behind an owner is occluded but by itself, unless the key was no owner.
  const occluder = occluderOf(zone, after);
  return occluder === undefined ? after : ownerAfter(zone, occluder);
}

/** The owner before the key in canonical order. @param key is not the apex. */
export function ownerBefore(zone: Zone, key: string): string {
  const before = zone.tree.before(key)?.key ?? '';
  return occluderOf(zone, before) ?? before;
}

/**
 * The types of an owner that are the zone's, without what signing adds: of a delegation NS and DS.
 */
export function ownTypes(key: string, node: ZoneNode): number[] {
  const types = node.types().filter((type) => !madeTypes.has(type));
  return isCut(key, node) ? types.filter((type) => isOfCut(type)) : types;
}

/** The types of an owner whose rrsets are signed. */
export function signedTypes(key: string, node: ZoneNode): number[] {
  const types = ownTypes(key, node);
  return isCut(key, node) ? types.filter((type) => type === recordType.DS) : types;
}

function isOfCut(type: number): boolean {
  return type === recordType.NS || type === recordType.DS;
}

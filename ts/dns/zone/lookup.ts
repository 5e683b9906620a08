import { replaceSuffix } from '../codec/name.ts';
import { recordType } from '../codec/types.ts';
import type { IRrset, ZoneNode } from './owner-data.ts';
import { commonAncestor, isBelow, labelEnd, ownerName, wildcardKey } from './owner-key.ts';
import type { Zone } from './zone.ts';

/** How a name was found. */
interface IFound {
  /**
   * The owner of the wildcard that the answer was made from (RFC 4592 §3.3.1), its records then
   * bear the name that was asked for; null: the name itself exists.
   */
  readonly wildcard: Buffer | null;
}

/**
 * What a zone says to a question. Each kind tells the server what to do next, in the words of RFC
 * 1034 §4.3.2.
 */
export type TLookup = IAnswer | ICname | IDname | IDelegation | INodata | INxdomain;

/** The records that were asked for: for ANY all of the name, at least one. */
export interface IAnswer extends IFound {
  readonly kind: 'answer';
  readonly rrsets: readonly [IRrset, ...IRrset[]];
}

/** The name is an alias: answer with the record and go on with its target. */
export interface ICname extends IFound {
  readonly kind: 'cname';
  readonly rrset: IRrset;
  /** In wire form. */
  readonly target: Buffer;
}

/**
 * An ancestor of the name is redirected (RFC 6672): answer with the DNAME and the CNAME that it
 * makes for the name, of the same TTL. A question for CNAME is answered by that; any other goes on
 * with the target.
 */
export interface IDname {
  readonly kind: 'dname';
  readonly rrset: IRrset;
  /** Where the CNAME leads; null: longer than a name may be, the answer is YXDOMAIN (§2.2). */
  readonly target: Buffer | null;
}

/** The name is in a zone that this one delegates: a referral, not authoritative. */
export interface IDelegation {
  readonly kind: 'delegation';
  /** The NS records at the cut; `additionalFor` finds their addresses. */
  readonly rrset: IRrset;
  /** DS records at the cut: the child is signed. */
  readonly ds: IRrset | undefined;
}

/** The name exists, but has no records of the type. */
export interface INodata extends IFound {
  readonly kind: 'nodata';
  /** The types at the name, ascending; none for an empty non-terminal. */
  readonly types: readonly number[];
  readonly closestEncloser: Buffer;
}

/** Neither the name nor anything below it exists, and no wildcard stands in. */
export interface INxdomain {
  readonly kind: 'nxdomain';
  /** The nearest ancestor that exists, in lower case: for proofs. */
  readonly closestEncloser: Buffer;
}

/** Types that are answered at a CNAME as they are: RFC 4035 §2.5, RFC 3007 §4. */
const answeredAtCname: ReadonlySet<number> = new Set([
  recordType.CNAME,
  recordType.ANY,
  recordType.RRSIG,
  recordType.NSEC,
  recordType.KEY,
]);

/**
 * Looks a name up as RFC 1034 §4.3.2 says, with wildcards of RFC 4592, DNAME of RFC 6672, empty
 * non-terminals of RFC 8020, and DS on the parent's side of a cut (RFC 4035 §3.1.4.1). What lies
 * below a delegation or DNAME is never seen.
 *
 * @param name in wire form, in any case: records bear it as it is.
 * @returns undefined when the name is not in the zone.
 */
export function lookup(zone: Zone, name: Buffer, type: number): TLookup | undefined {
  const key = zone.keyOf(name);
  if (key === undefined) return undefined;
  const redirect = redirectAbove(zone, key, name);
  if (redirect !== undefined) return redirect;
  const node = zone.nodeOf(key, name);
  if (node !== undefined && !isHash(node)) return answerOf(zone, key, node, type);
  const closest = closestEncloser(zone, key);
  if (closest === key) {
    return { kind: 'nodata', wildcard: null, types: [], closestEncloser: name };
  }
  return fromWildcard(zone, closest, name, type);
}

/** The owner of nothing but a link of the zone's chain of hashes does not exist: RFC 5155 §7.2.8. */
function isHash(node: ZoneNode): boolean {
  if (!node.has(recordType.NSEC3)) return false;
  return node.types().every((type) => type === recordType.NSEC3 || type === recordType.RRSIG);
}

/** The topmost delegation or DNAME at an ancestor of the name. */
function redirectAbove(zone: Zone, key: string, name: Buffer): TLookup | undefined {
  if (key === '') return undefined;
  const apex = zone.apexHasDname ? zone.nodeOf('')?.rrset(recordType.DNAME) : undefined;
  if (apex !== undefined) return dnameOf(apex, name);
  for (let at = key.indexOf(labelEnd); at !== -1; at = key.indexOf(labelEnd, at + 1)) {
    const node = zone.nodeOf(key.slice(0, at));
    if (node === undefined) continue;
    const delegation = delegationAt(node);
    if (delegation !== undefined) return delegation;
    const dname = node.rrset(recordType.DNAME);
    if (dname !== undefined) return dnameOf(dname, name);
  }
  return undefined;
}

function delegationAt(node: ZoneNode): IDelegation | undefined {
  const rrset = node.rrset(recordType.NS);
  if (rrset === undefined) return undefined;
  return { kind: 'delegation', rrset, ds: node.rrset(recordType.DS) };
}

function dnameOf(rrset: IRrset, name: Buffer): IDname {
  const target = replaceSuffix(name, rrset.name, rrset.rdatas[0] as Buffer);
  return { kind: 'dname', rrset, target };
}

/** The name exists: it may be a cut itself, which only DS is asked above of. */
function answerOf(zone: Zone, key: string, node: ZoneNode, type: number): TLookup {
  if (key !== '' && type !== recordType.DS) {
    const delegation = delegationAt(node);
    if (delegation !== undefined) return { ...delegation, rrset: ownedBy(zone, key, delegation) };
  }
  return dataOf(node, type, null, node.name);
}

/** The owner of a referral is that of the zone, also when it was asked for in another case. */
function ownedBy(zone: Zone, key: string, { rrset }: IDelegation): IRrset {
  return { ...rrset, name: ownerName(key, zone.apex) };
}

function dataOf(
  node: ZoneNode,
  type: number,
  wildcard: Buffer | null,
  closestEncloser: Buffer,
): TLookup {
  if (type === recordType.ANY) {
    const [first, ...rest] = node.rrsets();
    if (first !== undefined) return { kind: 'answer', rrsets: [first, ...rest], wildcard };
  }
  const rrset = node.rrset(type);
  if (rrset !== undefined) return { kind: 'answer', rrsets: [rrset], wildcard };
  const cname = answeredAtCname.has(type) ? undefined : node.rrset(recordType.CNAME);
  if (cname !== undefined) {
    return { kind: 'cname', rrset: cname, target: cname.rdatas[0] as Buffer, wildcard };
  }
  return { kind: 'nodata', wildcard, types: node.types(), closestEncloser };
}

/** The name does not exist; RFC 4592 §3.3.1: only `*` right below the closest encloser helps. */
function fromWildcard(zone: Zone, closest: string, name: Buffer, type: number): TLookup {
  const encloser = ownerName(closest, zone.apex);
  const key = wildcardKey(closest);
  const node = zone.nodeOf(key, name);
  const wildcard = ownerName(key, zone.apex);
  if (node !== undefined) return dataOf(node, type, wildcard, encloser);
  if (zone.exists(key)) {
    // The wildcard is an empty non-terminal (§2.2.2): it exists, and has no data.
    return { kind: 'nodata', wildcard, types: [], closestEncloser: encloser };
  }
  return { kind: 'nxdomain', closestEncloser: encloser };
}

/**
 * The key of the nearest ancestor, or the name itself, that exists. The neighbours of the name in
 * canonical order have the longest common end with it.
 */
function closestEncloser(zone: Zone, key: string): string {
  const above = zone.tree.after(key)?.key ?? '';
  if (isBelow(above, key)) return key;
  const below = zone.tree.before(key)?.key ?? '';
  const [one, other] = [commonAncestor(key, above), commonAncestor(key, below)];
  return one.length > other.length ? one : other;
}

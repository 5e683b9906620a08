import { Draws, type IDraw } from '../../answer/draws.ts';
import { formatName, isSubdomain, nameKey, type TName } from '../../codec/name.ts';
import { recordType } from '../../codec/types.ts';
import { lookup } from '../../zone/lookup.ts';
import type { Zone } from '../../zone/zone.ts';
import { setKey } from '../record-set.ts';
import type { IZoneIdentity } from '../stages.ts';
import type { IHostedZone, IZoneBook } from '../types.ts';

/** The addresses of a name, of one type. */
export type TAddresses =
  /** These; none: the name has none of this type. */
  | { readonly kind: 'known'; readonly rdatas: readonly Buffer[]; readonly ttl: number }
  /** Nobody can say. */
  | { readonly kind: 'failed'; readonly reason: string }
  /** Nobody has been asked yet. */
  | { readonly kind: 'unknown' };

/** What our own zones know of a name. */
export type TOwnName = TAddresses | IForeignName;

/** It leads out of our zones: the resolver has to be asked. */
export interface IForeignName {
  readonly kind: 'foreign';
  readonly name: TName;
  /** Seconds: the lowest of the aliases on the way. */
  readonly ttl: number;
}

/** A version that may not be in the book yet. */
export interface IOwnVersion {
  readonly identity: IZoneIdentity;
  readonly source: Zone;
  /** What its records by health give, by type and name: see `setKey`. */
  readonly sets: ReadonlyMap<string, TAddresses>;
  /** Gets the ids of the other zones that names lead into. */
  readonly uses?: Set<string>;
}

/** Aliases on the way to addresses. */
const aliasesMax = 16;

/**
 * Follows a name through our own zones: CNAME, DNAME and ALIAS, as far as they lead. ALIAS is
 * followed record by record, not by the addresses that are served for it: so a circle is seen, and
 * no address keeps itself alive in it.
 *
 * @param version of the zone that asks, in place of the one in the book.
 * @param ttl seconds; the outcome has at most that.
 */
export function ownName(
  book: Pick<IZoneBook, 'closest'>,
  version: IOwnVersion,
  first: TName,
  type: number,
  ttl: number,
): TOwnName {
  const seen = new Set<string>();
  let [name, least] = [first, ttl];
  for (let count = 0; count < aliasesMax; count++) {
    const key = nameKey(name);
    if (seen.has(key)) return failed(`"${formatName(name)}" leads back to itself`);
    seen.add(key);
    const step = stepFrom(placeOf(book, version, name), name, type, least);
    if (step.kind !== 'alias') return step;
    name = step.target;
    least = Math.min(least, step.ttl);
  }
  return failed(`"${formatName(first)}" leads through more than ${aliasesMax} aliases`);
}

type TStep = TOwnName | { readonly kind: 'alias'; readonly target: TName; readonly ttl: number };

/** The zone that knows a name: what it holds, and what it is answered with. */
interface IPlace {
  readonly source: Zone | null;
  /** Null: of the version that asks. */
  readonly hosted: IHostedZone | null;
  readonly version: IOwnVersion;
}

function placeOf(
  book: Pick<IZoneBook, 'closest'>,
  version: IOwnVersion,
  name: TName,
): IPlace | null {
  const { identity, source } = version;
  const hosted = book.closest(name, identity.options.view ?? null) ?? null;
  const isOwn = isSubdomain(name, identity.apex);
  if (isOwn && (hosted === null || hosted.apex.length <= identity.apex.length)) {
    return { source, hosted: null, version };
  }
  if (hosted === null) return null;
  version.uses?.add(hosted.id);
  return { source: hosted.source, hosted, version };
}

function stepFrom(place: IPlace | null, name: TName, type: number, ttl: number): TStep {
  if (place === null) return { kind: 'foreign', name, ttl };
  const { source, hosted } = place;
  if (source === null || (hosted !== null && hosted.served === null)) {
    return failed(`The zone of "${formatName(name)}" is not served`);
  }
  const alias = lookup(source, name, recordType.ALIAS);
  switch (alias?.kind) {
    case 'cname':
      return { kind: 'alias', target: alias.target, ttl: alias.rrset.ttl };
    case 'dname':
      if (alias.target === null) return failed(`"${formatName(name)}" is redirected too far`);
      return { kind: 'alias', target: alias.target, ttl: alias.rrset.ttl };
    case 'delegation':
      return { kind: 'foreign', name, ttl };
    case 'answer': {
      const [rrset] = alias.rrsets;
      const isGiven = lookup(source, name, type)?.kind === 'answer';
      if (isGiven) break;
      return { kind: 'alias', target: rrset.rdatas[0] as Buffer, ttl: rrset.ttl };
    }
  }
  return dataOf(place, source, name, type, ttl);
}

function dataOf(
  { hosted, version }: IPlace,
  source: Zone,
  name: TName,
  type: number,
  ttl: number,
): TAddresses {
  const set = hosted === null ? version.sets.get(setKey(name, type)) : undefined;
  if (set !== undefined) return set.kind === 'known' ? within(set, ttl) : set;
  const found = lookup(hosted?.served?.zone ?? source, name, type);
  const owner = found !== undefined && 'wildcard' in found ? (found.wildcard ?? name) : name;
  const draws = hosted?.served?.draws ?? [];
  if (drawsOf(draws)?.find(owner, type)?.isFailed === true)
    return failed(`Nothing lives behind "${formatName(name)}"`);
  if (found?.kind === 'answer') {
    const [rrset] = found.rrsets;
    return within({ kind: 'known', rdatas: rrset.rdatas, ttl: rrset.ttl }, ttl);
  }
  if (found?.kind === 'nodata') return { kind: 'known', rdatas: [], ttl };
  return failed(`"${formatName(name)}" does not exist`);
}

const keptDraws = new WeakMap<readonly IDraw[], Draws>();

function drawsOf(list: readonly IDraw[]): Draws | null {
  const kept = keptDraws.get(list);
  if (kept !== undefined || list.length === 0) return kept ?? null;
  const draws = Draws.of(list);
  if (draws !== null) keptDraws.set(list, draws);
  return draws;
}

function within(known: TAddresses & { kind: 'known' }, ttl: number): TAddresses {
  return { ...known, ttl: Math.min(known.ttl, ttl) };
}

function failed(reason: string): TAddresses {
  return { kind: 'failed', reason };
}

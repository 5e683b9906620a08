import type { IOwnedRecords } from '../../../ts_interfaces/index.ts';
import type { IStoreChange, TJson } from '../../storage/store.ts';
import { formatName } from '../codec/name.ts';
import { recordTypeName } from '../codec/types.ts';
import {
  dataTexts,
  isStored,
  readData,
  readStoreKey,
  setKey,
  storeKey,
  type TStored,
} from './record-set.ts';

/** Records that somebody set for a purpose. */
export interface IOwnedSet {
  /** Id of the zone that they are in. */
  readonly zone: string;
  /** Owner in wire form, in lower case. */
  readonly name: Buffer;
  readonly type: number;
  /** Seconds; undefined: the zone's. */
  readonly ttl: number | undefined;
  readonly rdatas: readonly Buffer[];
  readonly owner: string;
  readonly purpose: string;
  /** Milliseconds since the epoch; undefined: never. */
  readonly expiresAtMs: number | undefined;
}

/** Changes of owned records; `set` null: they go. */
export interface IOwnedEdit {
  readonly before: IOwnedSet | undefined;
  readonly set: IOwnedSet | null;
}

/** Collection of the store. */
export const ownedCollection = 'dns-owned';

const none: ReadonlyMap<string, IOwnedSet> = new Map();

/** All records with an owner, of all zones. */
export class OwnedRecords {
  /** By zone, `setKey` and owner. */
  private readonly byZone = new Map<string, Map<string, Map<string, IOwnedSet>>>();

  /** The sets of a record set, by owner. */
  of(zone: string, key: string): ReadonlyMap<string, IOwnedSet> {
    return this.byZone.get(zone)?.get(key) ?? none;
  }

  /** The record sets of a zone that have owners. */
  inZone(zone: string): Iterable<readonly [key: string, owners: ReadonlyMap<string, IOwnedSet>]> {
    return this.byZone.get(zone) ?? [];
  }

  /** All of a zone. */
  ofZone(zone: string): IOwnedSet[] {
    return [...this.inZone(zone)].flatMap(([, owners]) => [...owners.values()]);
  }

  /** All of them. */
  *all(): Generator<IOwnedSet, void> {
    for (const sets of this.byZone.values()) {
      for (const owners of sets.values()) yield* owners.values();
    }
  }

  /** Takes what was stored, or was read. */
  apply({ before, set }: IOwnedEdit): void {
    if (before !== undefined) this.delete(before);
    if (set === null) return;
    const sets = this.byZone.get(set.zone) ?? new Map<string, Map<string, IOwnedSet>>();
    this.byZone.set(set.zone, sets);
    const key = setKey(set.name, set.type);
    const owners = sets.get(key) ?? new Map<string, IOwnedSet>();
    sets.set(key, owners.set(set.owner, set));
  }

  private delete({ zone, name, type, owner }: IOwnedSet): void {
    const sets = this.byZone.get(zone);
    const key = setKey(name, type);
    const owners = sets?.get(key);
    owners?.delete(owner);
    if (owners?.size === 0) sets?.delete(key);
    if (sets?.size === 0) this.byZone.delete(zone);
  }
}

/** What the store has to write for a change. */
export function ownedChanges({ before, set }: IOwnedEdit): IStoreChange[] {
  const changes: IStoreChange[] = [];
  const collection = ownedCollection;
  if (before !== undefined && (set === null || ownedKey(before) !== ownedKey(set))) {
    changes.push({ collection, key: ownedKey(before), value: undefined });
  }
  if (set !== null) changes.push({ collection, key: ownedKey(set), value: stored(set) });
  return changes;
}

/** The owner stands first, in quotes: it may be any text. */
function ownedKey({ zone, name, type, owner }: IOwnedSet): string {
  return `${JSON.stringify(owner)} ${storeKey(zone, name, type)}`;
}

function stored({ type, ttl, rdatas, owner, purpose, expiresAtMs }: IOwnedSet): TStored {
  const set: TStored = { data: dataTexts(type, rdatas), owner, purpose };
  if (ttl !== undefined) set.ttl = ttl;
  if (expiresAtMs !== undefined) set.expiresAt = new Date(expiresAtMs).toISOString();
  return set;
}

/**
 * Records as the store has them; undefined when they are none.
 *
 * @throws RdataError for data that cannot be read.
 */
export function readOwned(key: string, value: TJson): IOwnedSet | undefined {
  if (!isStored(value)) return undefined;
  const { ttl, data, owner, purpose, expiresAt } = value;
  if (typeof owner !== 'string' || typeof purpose !== 'string' || !Array.isArray(data)) {
    return undefined;
  }
  const place = readStoreKey(key.slice(JSON.stringify(owner).length + 1));
  if (place === undefined) return undefined;
  return {
    ...place,
    ttl: typeof ttl === 'number' ? ttl : undefined,
    rdatas: readData(place.type, data.map(String), Buffer.alloc(1)),
    owner,
    purpose,
    expiresAtMs: typeof expiresAt === 'string' ? Date.parse(expiresAt) : undefined,
  };
}

/** As programs see them. */
export function ownedInfo(set: IOwnedSet): IOwnedRecords {
  const { name, type, ttl, rdatas, owner, purpose, expiresAtMs } = set;
  return {
    name: formatName(name),
    type: recordTypeName(type),
    data: dataTexts(type, rdatas),
    owner,
    purpose,
    ...(ttl !== undefined && { ttl }),
    ...(expiresAtMs !== undefined && { expiresAt: new Date(expiresAtMs).toISOString() }),
  };
}

import type { IHealthRecords } from '../../../ts_interfaces/index.ts';
import type { IStoreChange, TJson } from '../../storage/store.ts';
import {
  dataTexts,
  type IRecordData,
  isStored,
  readData,
  setKey,
  storeKey,
  type TStored,
} from './record-set.ts';

/** A record set that was changed over what the zone's base has; without data: it was taken away. */
export interface IOverlaid extends IRecordData {
  readonly origin: 'api' | 'update';
}

/** Changes of an overlay by `setKey`; null: what the base has counts again. */
export type TOverlayEdits = ReadonlyMap<string, IOverlaid | null>;

/** Collection of the store. */
export const overlayCollection = 'dns-records';

/** The record sets of a zone that were changed over its base. */
export class RecordOverlay {
  private readonly sets = new Map<string, IOverlaid>();

  /** Record sets in it. */
  get size(): number {
    return this.sets.size;
  }

  /** The set of a key. */
  get(key: string): IOverlaid | undefined {
    return this.sets.get(key);
  }

  /** All sets. */
  entries(): Iterable<readonly [key: string, set: IOverlaid]> {
    return this.sets;
  }

  /** Takes changes that were stored. */
  apply(edits: TOverlayEdits): void {
    for (const [key, set] of edits) {
      if (set === null) this.sets.delete(key);
      else this.sets.set(key, set);
    }
  }

  /** What the store has to write for them. */
  changesOf(zone: string, edits: TOverlayEdits): IStoreChange[] {
    return [...edits].flatMap(([key, set]): IStoreChange[] => {
      const known = set ?? this.sets.get(key);
      if (known === undefined) return [];
      const change = { collection: overlayCollection, key: storeKey(zone, known.name, known.type) };
      return [{ ...change, value: set === null ? undefined : stored(set) }];
    });
  }

  /** Takes a set that the store has. */
  load(set: IOverlaid): void {
    this.sets.set(setKey(set.name, set.type), set);
  }
}

function stored({ type, ttl, rdatas, health, origin }: IOverlaid): TStored {
  const set: TStored = { ttl, data: dataTexts(type, rdatas), origin };
  return health === undefined ? set : { ...set, health: health as unknown as TJson };
}

/**
 * A set as the store has it; undefined when it is none.
 *
 * @throws RdataError for data that cannot be read.
 */
export function readOverlaid(
  { name, type }: { name: Buffer; type: number },
  value: TJson,
): IOverlaid | undefined {
  if (!isStored(value)) return undefined;
  const { ttl, data, origin, health } = value;
  if (typeof ttl !== 'number' || !Array.isArray(data)) return undefined;
  const rdatas = readData(type, data.map(String), Buffer.alloc(1));
  return {
    name,
    type,
    ttl,
    rdatas,
    origin: origin === 'update' ? 'update' : 'api',
    ...(isStored(health) && { health: health as unknown as IHealthRecords }),
  };
}

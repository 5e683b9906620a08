import { lowerName, nameKey } from '../codec/name.ts';
import { recordType } from '../codec/types.ts';
import type { IRrset } from '../zone/owner-data.ts';
import type { Zone } from '../zone/zone.ts';
import { rdataKey } from '../zones/record-set.ts';
import type { IRecordSetChange } from '../zones/types.ts';

/** What an update sees of a zone. Names are in wire form, in any case. */
export interface IZoneContent {
  readonly apex: Buffer;
  /** Undefined: there are no such records. */
  rrset(name: Buffer, type: number): Pick<IRrset, 'ttl' | 'rdatas'> | undefined;
  /** Whether there are such records; costs the same however many. */
  has(name: Buffer, type: number): boolean;
  /** Types that a name has; none: it is not in use, even if names below it are. */
  types(name: Buffer): ReadonlySet<number>;
}

/** The records of an owner and type, as they are to be. */
interface IDraftSet {
  ttl: number;
  /** By `rdataKey`. */
  readonly data: Map<string, Buffer>;
}

/** An owner that an update looked at. */
interface IDraftOwner {
  /** In lower case. */
  readonly name: Buffer;
  /** Types of which it has records. */
  readonly types: Set<number>;
  /** By type: what was changed, or read to be changed. */
  readonly sets: Map<number, IDraftSet>;
}

/**
 * The records of a zone as an update changes them one by one. Nothing but the draft changes.
 *
 * A message holds thousands of records, which may all be about one record set or one name: what each
 * costs does not depend on how many came before.
 */
export class ZoneDraft implements IZoneContent {
  readonly apex: Buffer;
  private readonly source: Zone;
  private readonly soa: IRrset;
  private readonly owners = new Map<string, IDraftOwner>();

  /** @param soa what clients see, whose serial may be above that of the source. */
  constructor(source: Zone, soa: IRrset = source.soa()) {
    this.apex = source.apex;
    this.source = source;
    this.soa = soa;
  }

  rrset(name: Buffer, type: number): Pick<IRrset, 'ttl' | 'rdatas'> | undefined {
    const set = this.owner(name).sets.get(type);
    if (set === undefined) return this.before(name, type);
    return set.data.size === 0 ? undefined : { ttl: set.ttl, rdatas: [...set.data.values()] };
  }

  has(name: Buffer, type: number): boolean {
    return this.owner(name).types.has(type);
  }

  types(name: Buffer): ReadonlySet<number> {
    return this.owner(name).types;
  }

  /** Records of a type by `rdataKey`, not to be changed. */
  data(name: Buffer, type: number): ReadonlyMap<string, Buffer> {
    return this.setOf(this.owner(name), type).data;
  }

  /** Adds a record, or puts it in the place of an equal one; all of its type get the TTL. */
  add(name: Buffer, type: number, ttl: number, rdata: Buffer): void {
    const owner = this.owner(name);
    const set = this.setOf(owner, type);
    set.ttl = ttl;
    set.data.set(rdataKey(type, rdata), rdata);
    owner.types.add(type);
  }

  /** Takes one record away, by its `rdataKey`. */
  remove(name: Buffer, type: number, key: string): void {
    const owner = this.owner(name);
    const { data } = this.setOf(owner, type);
    data.delete(key);
    if (data.size === 0) owner.types.delete(type);
  }

  /** Takes all records of a type away. */
  clear(name: Buffer, type: number): void {
    const owner = this.owner(name);
    owner.sets.set(type, { ttl: 0, data: new Map() });
    owner.types.delete(type);
  }

  /** What differs from the source in the end. */
  finish(): IRecordSetChange[] {
    const changes: IRecordSetChange[] = [];
    for (const { name, sets } of this.owners.values()) {
      for (const [type, { ttl, data }] of sets) {
        const before = this.before(name, type);
        const isSame =
          before === undefined
            ? data.size === 0
            : before.ttl === ttl && hasSameData(type, before.rdatas, data);
        if (!isSame) changes.push({ name, type, ttl, rdatas: [...data.values()] });
      }
    }
    return changes;
  }

  private owner(name: Buffer): IDraftOwner {
    const key = nameKey(name);
    const known = this.owners.get(key);
    if (known !== undefined) return known;
    const types = new Set(this.source.node(name)?.types());
    const owner = { name: lowerName(name), types, sets: new Map<number, IDraftSet>() };
    this.owners.set(key, owner);
    return owner;
  }

  private setOf({ name, sets }: IDraftOwner, type: number): IDraftSet {
    const known = sets.get(type);
    if (known !== undefined) return known;
    const before = this.before(name, type);
    const data = byKey(type, before?.rdatas ?? []);
    const set = { ttl: before?.ttl ?? 0, data };
    sets.set(type, set);
    return set;
  }

  private before(name: Buffer, type: number): IRrset | undefined {
    const found = this.source.rrset(name, type);
    return found !== undefined && type === recordType.SOA ? this.soa : found;
  }
}

/** Whether a set holds this data and no other, whatever the order (RFC 2136 §1.1.1). */
export function hasSameData(
  type: number,
  rdatas: readonly Buffer[],
  data: ReadonlyMap<string, Buffer>,
): boolean {
  const ours = byKey(type, rdatas);
  return ours.size === data.size && [...ours.keys()].every((key) => data.has(key));
}

/** The data by `rdataKey`: what is equal is there once. */
export function byKey(type: number, rdatas: readonly Buffer[]): Map<string, Buffer> {
  return new Map(rdatas.map((rdata) => [rdataKey(type, rdata), rdata]));
}

import { lowerName, nameKey } from '../codec/name.ts';
import { rdataCodec } from '../codec/rdata.ts';
import { recordType } from '../codec/types.ts';
import type { IRrset } from '../zone/owner-data.ts';
import type { Zone } from '../zone/zone.ts';
import type { IRecordSetChange } from '../zones/types.ts';

/** What an update sees of a zone. Names are in wire form, in any case. */
export interface IZoneContent {
  readonly apex: Buffer;
  /** Undefined: there are no such records. */
  rrset(name: Buffer, type: number): Pick<IRrset, 'ttl' | 'rdatas'> | undefined;
  /** Types that a name has; none: it is not in use, even if names below it are. */
  types(name: Buffer): number[];
}

/** The records of a zone as an update changes them one by one. Nothing but the draft changes. */
export class ZoneDraft implements IZoneContent {
  readonly apex: Buffer;
  private readonly source: Zone;
  private readonly soa: IRrset;
  private readonly changes = new Map<string, IRecordSetChange>();

  /** @param soa what clients see, whose serial may be above that of the source. */
  constructor(source: Zone, soa: IRrset = source.soa()) {
    this.apex = source.apex;
    this.source = source;
    this.soa = soa;
  }

  rrset(name: Buffer, type: number): Pick<IRrset, 'ttl' | 'rdatas'> | undefined {
    const change = this.changes.get(idOf(name, type));
    if (change !== undefined) return change.rdatas.length === 0 ? undefined : change;
    return this.before(name, type);
  }

  types(name: Buffer): number[] {
    const types = new Set(this.source.node(name)?.types());
    for (const change of this.changes.values()) {
      if (nameKey(change.name) === nameKey(name)) types.add(change.type);
    }
    return [...types].filter((type) => this.rrset(name, type) !== undefined);
  }

  /** Puts these in place of all records of a type; none takes them away. */
  set(name: Buffer, type: number, ttl: number, rdatas: readonly Buffer[]): void {
    this.changes.set(idOf(name, type), { name: lowerName(name), type, ttl, rdatas });
  }

  /** What differs from the source in the end. */
  finish(): IRecordSetChange[] {
    return [...this.changes.values()].filter(({ name, type, ttl, rdatas }) => {
      const before = this.before(name, type);
      if (before === undefined) return rdatas.length > 0;
      return before.ttl !== ttl || !hasSameData(type, before.rdatas, rdatas);
    });
  }

  private before(name: Buffer, type: number): IRrset | undefined {
    const found = this.source.rrset(name, type);
    return found !== undefined && type === recordType.SOA ? this.soa : found;
  }
}

/** Whether two sets of data are the same, whatever their order (RFC 2136 §1.1.1). */
export function hasSameData(
  type: number,
  one: readonly Buffer[],
  other: readonly Buffer[],
): boolean {
  const [ours, theirs] = [one, other].map(
    (rdatas) => new Set(rdatas.map((rdata) => dataKey(type, rdata))),
  ) as [Set<string>, Set<string>];
  return ours.size === theirs.size && [...ours].every((key) => theirs.has(key));
}

/** The same for data that is equal: case does not matter in names of the types of RFC 4034 §6.2. */
export function dataKey(type: number, rdata: Buffer): string {
  return rdataCodec(type).canonical(rdata).toString('latin1');
}

function idOf(name: Buffer, type: number): string {
  return `${type} ${nameKey(name)}`;
}

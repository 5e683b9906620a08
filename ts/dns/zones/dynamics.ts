import { formatName, nameKey } from '../codec/name.ts';
import { recordType, recordTypeName } from '../codec/types.ts';
import { type IRrset, ZoneNode } from '../zone/owner-data.ts';
import type { Zone } from '../zone/zone.ts';
import { setKey } from './record-set.ts';
import type { IDynamics, IHealthRecordSet } from './stages.ts';

/** A record set that came, changed or went. */
export interface ITouchedSet {
  readonly name: Buffer;
  readonly type: number;
  /** Absent: there are no records by health. */
  readonly health?: IHealthRecordSet | undefined;
}

const addressTypes = [recordType.A, recordType.AAAA] as const;

/** Between two pauses as many owners are looked at. */
const ownersPerStep = 2_000;

/** The ALIAS and health record sets of one version of a zone; it never changes. */
export class Dynamics implements IDynamics {
  static readonly none = new Dynamics(new Map(), new Map());

  readonly aliases: readonly IRrset[];
  readonly health: readonly IHealthRecordSet[];
  private readonly aliasByKey: ReadonlyMap<string, IRrset>;
  private readonly healthByKey: ReadonlyMap<string, IHealthRecordSet>;

  private constructor(
    aliasByKey: ReadonlyMap<string, IRrset>,
    healthByKey: ReadonlyMap<string, IHealthRecordSet>,
  ) {
    this.aliasByKey = aliasByKey;
    this.healthByKey = healthByKey;
    this.aliases = [...aliasByKey.values()];
    this.health = [...healthByKey.values()];
  }

  /** Finds them in a whole zone, with pauses. @param health those that stand beside the zone. */
  static *find(zone: Zone, health: Iterable<IHealthRecordSet>): Generator<void, Dynamics> {
    const aliases = new Map<string, IRrset>();
    let count = 0;
    for (const { key, bytes, start, end } of zone.tree.entries()) {
      if (++count % ownersPerStep === 0) yield;
      // To make the name of each owner would take longer than all the rest.
      if (!new ZoneNode(zone.apex, bytes, start, end).has(recordType.ALIAS)) continue;
      const alias = zone.nodeOf(key)?.rrset(recordType.ALIAS);
      if (alias !== undefined) aliases.set(nameKey(alias.name), alias);
    }
    const sets = new Map([...health].map((set) => [setKey(set.name, set.type), set]));
    return aliases.size + sets.size === 0 ? Dynamics.none : new Dynamics(aliases, sets);
  }

  get isEmpty(): boolean {
    return this.aliases.length + this.health.length === 0;
  }

  /** Those of a version in which these sets were touched; the same object when that is nothing to it. */
  with(zone: Zone, touched: readonly ITouchedSet[]): Dynamics {
    let aliases: Map<string, IRrset> | undefined;
    let sets: Map<string, IHealthRecordSet> | undefined;
    for (const { name, type, health } of touched) {
      const key = setKey(name, type);
      if (type === recordType.ALIAS) {
        aliases ??= new Map(this.aliasByKey);
        const rrset = zone.rrset(name, type);
        if (rrset === undefined) aliases.delete(nameKey(name));
        else aliases.set(nameKey(name), rrset);
      }
      if (health === undefined && !this.healthByKey.has(key)) continue;
      sets ??= new Map(this.healthByKey);
      if (health === undefined) sets.delete(key);
      else sets.set(key, health);
    }
    if (aliases === undefined && sets === undefined) return this;
    return new Dynamics(aliases ?? this.aliasByKey, sets ?? this.healthByKey);
  }

  /** The set that is answered by health, of a name in any case and a type. */
  healthOf(name: Buffer, type: number): IHealthRecordSet | undefined {
    return this.healthByKey.get(setKey(name, type));
  }

  /** What must not be at a name of this version; undefined: nothing is wrong. */
  conflictAt(zone: Zone, name: Buffer): { type: number; message: string } | undefined {
    const node = zone.node(name);
    const hasAlias = node?.has(recordType.ALIAS) === true;
    for (const type of addressTypes) {
      const health = this.healthOf(name, type);
      const isThere = health !== undefined || node?.has(type) === true;
      if (hasAlias && isThere) {
        const message = `An ALIAS brings the addresses: no ${recordTypeName(type)} may be beside it`;
        return { type: recordType.ALIAS, message };
      }
      if (health === undefined) continue;
      if (zone.keyOf(name) === undefined) return { type, message: 'The name is not in the zone' };
      if (node?.has(recordType.CNAME) === true) {
        const message = 'A CNAME must be the only record of its name (RFC 1034 §3.6.2)';
        return { type: recordType.CNAME, message };
      }
      if (node?.has(type) === true) {
        return { type, message: 'Records that stand fast and records by health are at one name' };
      }
    }
    return undefined;
  }

  /** All conflicts, each once, by name. */
  *conflicts(zone: Zone): Generator<{ name: Buffer; path: string; message: string }, void> {
    const names = new Map<string, Buffer>();
    for (const { name } of [...this.aliases, ...this.health]) names.set(nameKey(name), name);
    for (const name of names.values()) {
      const conflict = this.conflictAt(zone, name);
      if (conflict === undefined) continue;
      const path = `${formatName(name)} ${recordTypeName(conflict.type)}`;
      yield { name, path, message: conflict.message };
    }
  }
}

import type { TRecordOrigin } from '../../../ts_interfaces/index.ts';
import { lowerName } from '../codec/name.ts';
import { recordType } from '../codec/types.ts';
import type { ZoneNode } from '../zone/owner-data.ts';
import { isBelow } from '../zone/owner-key.ts';
import type { Zone } from '../zone/zone.ts';
import type { HostedZone } from './hosted-zone.ts';
import type { IHealthRecordSet } from './stages.ts';
import type { IRecordSet } from './types.ts';
import type { ZoneContent } from './zone-content.ts';

/** Which record sets are wanted. */
export interface IRecordQuery {
  readonly name?: Buffer;
  readonly type?: number;
  readonly below?: boolean;
  /** Only those of this name, which need not be there, and of names behind it. */
  readonly after?: Buffer;
}

/** The record sets of a zone as they are stored, in canonical order. */
export function* listRecordSets(
  zone: HostedZone,
  content: ZoneContent,
  { name, type, below = false, after }: IRecordQuery,
): Generator<IRecordSet, void> {
  const { source } = zone;
  const top = name === undefined ? '' : source?.keyOf(name);
  if (source === null || top === undefined) return;
  const first = after === undefined ? top : (source.keyOf(after) ?? top);
  const isOne = name !== undefined && !below;
  const isWanted = (key: string): boolean => {
    if (isOne) return key === top;
    return top === '' || key === top || isBelow(key, top);
  };
  const from = first > top ? first : top;
  for (const { key, node, health } of owners(source, zone.dynamics.health, from)) {
    if (!isWanted(key)) {
      // What is below a name stands together, directly behind it.
      if (key > top) return;
      continue;
    }
    for (const set of setsOf(node, health, content)) {
      if (type === undefined || set.type === type) yield set;
    }
    if (isOne) return;
  }
}

interface IOwner {
  readonly key: string;
  readonly node: ZoneNode | undefined;
  readonly health: readonly IHealthRecordSet[];
}

/** Owners with records, and those that have only records by health, in order. */
function* owners(
  zone: Zone,
  sets: readonly IHealthRecordSet[],
  from: string,
): Generator<IOwner, void> {
  const byKey = Map.groupBy(sets, (set) => zone.keyOf(set.name) ?? '');
  const keys = [...byKey.keys()].filter((key) => key >= from).sort();
  let next = 0;
  for (const { key } of zone.tree.entries(from)) {
    while (next < keys.length && (keys[next] as string) < key) {
      const only = keys[next++] as string;
      yield { key: only, node: undefined, health: byKey.get(only) ?? [] };
    }
    if (keys[next] === key) next++;
    yield { key, node: zone.nodeOf(key), health: byKey.get(key) ?? [] };
  }
  for (; next < keys.length; next++) {
    const only = keys[next] as string;
    yield { key: only, node: undefined, health: byKey.get(only) ?? [] };
  }
}

function setsOf(
  node: ZoneNode | undefined,
  health: readonly IHealthRecordSet[],
  content: ZoneContent,
): IRecordSet[] {
  const types = new Set(node?.types());
  const plain = [...types].flatMap((type): IRecordSet[] => {
    const rrset = node?.rrset(type);
    if (rrset === undefined) return [];
    const { ttl, rdatas } = rrset;
    const name = lowerName(rrset.name);
    const owned = [...content.owners({ name, type }).keys()];
    return [{ name, type, ttl, rdatas, origin: originOf(content, name, type), owners: owned }];
  });
  const living = health.map(({ name, type, ttl, health: how }): IRecordSet => {
    const origin = originOf(content, name, type);
    return { name, type, ttl, rdatas: [], health: how, origin, owners: [] };
  });
  return [...plain, ...living].sort((one, other) => rank(one.type) - rank(other.type));
}

/** SOA first, as in a master file. */
function rank(type: number): number {
  return type === recordType.SOA ? 0 : type;
}

function originOf(content: ZoneContent, name: Buffer, type: number): TRecordOrigin {
  const own = content.ownSet({ name, type });
  const hasOwn = own !== undefined && (own.rdatas.length > 0 || own.health !== undefined);
  return hasOwn ? own.origin : 'owned';
}

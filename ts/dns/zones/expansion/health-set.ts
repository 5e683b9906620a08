import { domainToASCII } from 'node:url';
import { isIp } from '../../../net/ip.ts';
import { addressBytes } from '../../answer/reply-opt.ts';
import { type TName, tryParseName } from '../../codec/name.ts';
import { recordType } from '../../codec/types.ts';
import type { IHealthRecordSet } from '../stages.ts';
import type { IHealthBackend, IHealthSource } from '../types.ts';
import type { TAddresses } from './own-names.ts';

/** What is answered for a record set by health. */
export interface IHealthOutcome {
  /** In canonical order. */
  readonly rdatas: readonly Buffer[];
  readonly weights: readonly number[];
  /** Seconds. */
  readonly ttl: number;
  readonly isFailed: boolean;
  readonly warnings: readonly string[];
}

/** Gives what is known of the addresses of a backend's name. */
export type TNameAddresses = (name: TName, type: number, ttl: number) => TAddresses;

/** An address that may be answered. */
interface ICandidate {
  readonly rdata: Buffer;
  readonly weight: number;
  readonly isAlive: boolean;
}

/** All that may be answered. */
interface ICandidates {
  readonly list: readonly ICandidate[];
  readonly ttl: number;
  /** Addresses of a name are not known, so that what is there is not all. */
  readonly isPartial: boolean;
  readonly warnings: readonly string[];
}

/** Chooses the addresses of what lives, or what stands for them when nothing does. */
export function healthOutcome(
  set: IHealthRecordSet,
  source: Pick<IHealthSource, 'backends'>,
  addressesOf: TNameAddresses,
): IHealthOutcome {
  const { upstream, members } = set.health;
  const backends = source.backends(upstream);
  const candidates =
    members === undefined
      ? ofBackends(set, backends ?? [], addressesOf)
      : ofMembers(set, members, backends ?? []);
  const all = backends === undefined ? [`There is no upstream "${upstream}"`] : [];
  const warnings = [...all, ...candidates.warnings];
  const alive = candidates.list.filter(({ isAlive }) => isAlive);
  const { ttl } = candidates;
  if (alive.length > 0) return { ...merged(alive), ttl, isFailed: false, warnings };
  const isUnknown =
    candidates.list.length === 0 && (candidates.isPartial || backends === undefined);
  // It has no addresses of this type, and never had: that is not what the choice is for.
  if (candidates.list.length === 0 && !isUnknown) {
    return { rdatas: [], weights: [], ttl, isFailed: false, warnings };
  }
  return { ...insteadOfDead(set, candidates.list), ttl, warnings };
}

/** The names of backends whose addresses are needed; none when the members have addresses. */
export function backendNames(
  { health: { upstream, members } }: IHealthRecordSet,
  source: Pick<IHealthSource, 'backends'>,
): TName[] {
  if (members !== undefined) return [];
  return (source.backends(upstream) ?? []).flatMap(({ hostname }) => nameOf(hostname) ?? []);
}

function ofBackends(
  { type, ttl }: IHealthRecordSet,
  backends: readonly IHealthBackend[],
  addressesOf: TNameAddresses,
): ICandidates {
  const list: ICandidate[] = [];
  const warnings: string[] = [];
  let least = ttl;
  let isPartial = false;
  for (const { id, hostname, weight, isAlive } of backends) {
    const own = addressOf(hostname, type);
    if (own !== null) list.push({ rdata: own, weight, isAlive });
    if (isIp(hostname)) continue;
    const name = nameOf(hostname);
    const found: TAddresses =
      name === null
        ? { kind: 'failed', reason: `"${hostname}" of backend "${id}" is no name` }
        : addressesOf(name, type, ttl);
    if (found.kind === 'failed') warnings.push(found.reason);
    if (found.kind !== 'known') {
      isPartial = true;
      continue;
    }
    if (found.rdatas.length > 0) least = Math.min(least, found.ttl);
    for (const rdata of found.rdatas) {
      list.push({ rdata, weight: weight / found.rdatas.length, isAlive });
    }
  }
  return { list, ttl: least, isPartial, warnings };
}

function ofMembers(
  { type, ttl }: IHealthRecordSet,
  members: NonNullable<IHealthRecordSet['health']['members']>,
  backends: readonly IHealthBackend[],
): ICandidates {
  const list: ICandidate[] = [];
  const warnings: string[] = [];
  const isAnyAlive = backends.some(({ isAlive }) => isAlive);
  for (const { address, backend: id, weight } of members) {
    const rdata = addressOf(address, type);
    if (rdata === null) continue;
    const backend = backends.find((other) => other.id === id);
    if (id !== undefined && backend === undefined && backends.length > 0) {
      warnings.push(`There is no backend "${id}" for "${address}"`);
    }
    const isAlive = id === undefined ? isAnyAlive : backend?.isAlive === true;
    list.push({ rdata, weight: weight ?? backend?.weight ?? 1, isAlive });
  }
  return { list, ttl, isPartial: false, warnings };
}

function insteadOfDead(
  { type, health: { whenAllDead = 'all', fallback = [] } }: IHealthRecordSet,
  list: readonly ICandidate[],
): Pick<IHealthOutcome, 'rdatas' | 'weights' | 'isFailed'> {
  switch (whenAllDead) {
    case 'all':
      return { ...merged(list), isFailed: list.length === 0 };
    case 'servfail':
      // The addresses stay in the zone: secondaries and proofs of what exists do not change.
      return { ...merged(list), isFailed: true };
    case 'none':
      return { rdatas: [], weights: [], isFailed: false };
    case 'fallback': {
      const given = fallback.flatMap((address) => addressOf(address, type) ?? []);
      const instead = given.map((rdata) => ({ rdata, weight: 1, isAlive: true }));
      return { ...merged(instead), isFailed: false };
    }
  }
}

/**
 * Each address once, with the weights of all that have it, in canonical order. What has no weight
 * is left out while something else has.
 */
function merged(list: readonly ICandidate[]): Pick<IHealthOutcome, 'rdatas' | 'weights'> {
  const byAddress = new Map<string, { rdata: Buffer; weight: number }>();
  for (const { rdata, weight } of list) {
    const key = rdata.toString('latin1');
    byAddress.set(key, { rdata, weight: (byAddress.get(key)?.weight ?? 0) + weight });
  }
  const all = [...byAddress.values()];
  const weighted = all.filter(({ weight }) => weight > 0);
  const used = weighted.length > 0 ? weighted : all.map((one) => ({ ...one, weight: 1 }));
  used.sort((one, other) => Buffer.compare(one.rdata, other.rdata));
  return { rdatas: used.map(({ rdata }) => rdata), weights: used.map(({ weight }) => weight) };
}

/** Of the type's family; null: it is no such address. */
function addressOf(text: string, type: number): Buffer | null {
  const bytes = addressBytes(text);
  return bytes?.length === (type === recordType.A ? 4 : 16) ? bytes : null;
}

function nameOf(hostname: string): TName | null {
  if (isIp(hostname)) return null;
  return tryParseName(domainToASCII(hostname));
}

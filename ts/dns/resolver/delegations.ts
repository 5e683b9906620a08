import type { IClock } from '../../core/clock.ts';
import { isSubdomain, nameKey, parentOf, type TName } from '../codec/name.ts';
import type { IServer } from './transport.ts';

/** A name server of a zone, with the addresses that came along as glue. */
export interface IZoneServer {
  /** In lower case. */
  readonly name: TName;
  readonly glue: readonly IServer[];
}

/** Who serves a zone, as its parent says. */
export interface IDelegation {
  /** In lower case. */
  readonly zone: TName;
  readonly servers: readonly IZoneServer[];
  /** `monotonic` time. */
  readonly expiresMs: number;
}

/** Longest life of a delegation, so that a zone that has moved is found again. */
export const delegationSecondsMax = 86_400;
/** Shortest life: a parent with a TTL of 0 is not asked anew for each name. */
const delegationSecondsMin = 5;
/** Some 40,000 delegations as they usually are. */
const bytesMaxDefault = 32 * 1024 * 1024;
/** Objects of a delegation, of a server and of an address, with their places in tables, about. */
const delegationBytes = 450;
const serverBytes = 200;
const addressBytes = 150;

interface IKept {
  readonly delegation: IDelegation;
  /** Memory, estimated. */
  readonly bytes: number;
}

/**
 * Delegations by zone. They come from the parent only, and only when the old one has expired or its
 * servers fail, so that a zone that was taken down cannot keep itself alive (ghost domains,
 * CVE-2012-1033). Glue stays in here: it never answers a question.
 */
export class Delegations {
  private readonly clock: IClock;
  private readonly bytesMax: number;
  private readonly byZone = new Map<string, IKept>();
  private bytes = 0;

  /** @param bytesMax memory, estimated; zones used longest ago are forgotten first. */
  constructor(clock: IClock, bytesMax: number = bytesMaxDefault) {
    this.clock = clock;
    this.bytesMax = bytesMax;
  }

  /** Zones that are remembered. */
  get size(): number {
    return this.byZone.size;
  }

  /** The closest delegation that is known at or above a name; null: not even the root's. */
  closest(name: TName): IDelegation | null {
    const now = this.clock.monotonic();
    for (let zone: TName | null = name; zone !== null; zone = parentOf(zone)) {
      const key = nameKey(zone);
      const known = this.byZone.get(key);
      if (known === undefined) continue;
      const isOver = known.delegation.expiresMs <= now;
      this.remove(key);
      if (isOver) continue;
      this.insert(key, known);
      return known.delegation;
    }
    return null;
  }

  /** Remembers who serves a zone, on memory of its own. */
  store(zone: TName, servers: readonly IZoneServer[], ttlSeconds: number): IDelegation {
    const life = Math.min(Math.max(ttlSeconds, delegationSecondsMin), delegationSecondsMax);
    const expiresMs = this.clock.monotonic() + life * 1000;
    const delegation = { ...compact(zone, servers), expiresMs };
    const key = nameKey(zone);
    this.remove(key);
    this.insert(key, { delegation, bytes: bytesOf(delegation) });
    for (const oldest of this.byZone.keys()) {
      if (this.bytes <= this.bytesMax || oldest === key) break;
      this.remove(oldest);
    }
    return delegation;
  }

  /** Forgets a zone, e.g. since none of its servers is of use. */
  forget(zone: TName): void {
    this.remove(nameKey(zone));
  }

  /** Forgets a zone and all below it. */
  forgetBelow(zone: TName): void {
    for (const { delegation } of [...this.byZone.values()]) {
      if (isSubdomain(delegation.zone, zone)) this.forget(delegation.zone);
    }
  }

  /** Forgets all. */
  clear(): void {
    this.byZone.clear();
    this.bytes = 0;
  }

  private insert(key: string, kept: IKept): void {
    this.byZone.set(key, kept);
    this.bytes += kept.bytes;
  }

  private remove(key: string): void {
    const kept = this.byZone.get(key);
    if (kept === undefined) return;
    this.byZone.delete(key);
    this.bytes -= kept.bytes;
  }
}

/** The names side by side: each for itself would keep a whole slab of Node's pool alive. */
function compact(
  zone: TName,
  servers: readonly IZoneServer[],
): { zone: TName; servers: IZoneServer[] } {
  const length = servers.reduce((sum, { name }) => sum + name.length, zone.length);
  const memory = Buffer.allocUnsafeSlow(length);
  let at = zone.copy(memory);
  const kept = servers.map(({ name, glue }) => {
    const start = at;
    at += name.copy(memory, start);
    return { name: memory.subarray(start, at), glue };
  });
  return { zone: memory.subarray(0, zone.length), servers: kept };
}

function bytesOf({ zone, servers }: IDelegation): number {
  const ofServers = servers.reduce(
    (sum, { name, glue }) => sum + serverBytes + name.length + glue.length * addressBytes,
    0,
  );
  return delegationBytes + 2 * zone.length + ofServers;
}

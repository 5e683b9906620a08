import type { IClock } from '../../core/clock.ts';
import { nameKey, parentOf, type TName } from '../codec/name.ts';
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
const delegationsMaxDefault = 50_000;

/**
 * Delegations by zone. They come from the parent only, and only when the old one has expired or its
 * servers fail, so that a zone that was taken down cannot keep itself alive (ghost domains,
 * CVE-2012-1033). Glue stays in here: it never answers a question.
 */
export class Delegations {
  private readonly clock: IClock;
  private readonly zonesMax: number;
  private readonly byZone = new Map<string, IDelegation>();

  /** @param zonesMax zones that are remembered; those used longest ago are forgotten first. */
  constructor(clock: IClock, zonesMax: number = delegationsMaxDefault) {
    this.clock = clock;
    this.zonesMax = zonesMax;
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
      this.byZone.delete(key);
      if (known.expiresMs <= now) continue;
      this.byZone.set(key, known);
      return known;
    }
    return null;
  }

  /** Remembers who serves a zone. */
  store(zone: TName, servers: readonly IZoneServer[], ttlSeconds: number): IDelegation {
    const life = Math.min(Math.max(ttlSeconds, delegationSecondsMin), delegationSecondsMax);
    const delegation = { zone, servers, expiresMs: this.clock.monotonic() + life * 1000 };
    const key = nameKey(zone);
    this.byZone.delete(key);
    this.byZone.set(key, delegation);
    if (this.byZone.size > this.zonesMax) {
      const [oldest] = this.byZone.keys();
      if (oldest !== undefined) this.byZone.delete(oldest);
    }
    return delegation;
  }

  /** Forgets a zone, e.g. since none of its servers is of use. */
  forget(zone: TName): void {
    this.byZone.delete(nameKey(zone));
  }

  /** Forgets all. */
  clear(): void {
    this.byZone.clear();
  }
}

import { lowerName, type TName } from '../codec/name.ts';
import type { Zone } from '../zone/zone.ts';
import { Draws, type IDraw } from './draws.ts';
import type { IAnswerSigner } from './signer.ts';

/** Why a zone that is ours cannot be answered for: it has not come yet, or is too old. */
export type TZoneAbsence = 'loading' | 'expired';

/** A zone that is answered for. */
export interface IServedZone {
  /** In wire form, in lower case. */
  readonly apex: Buffer;
  /** What is served now; all questions for an absent zone are answered SERVFAIL. */
  readonly zone: Zone | TZoneAbsence;
  /** Signs its answers; null: it is not signed. */
  readonly signer: IAnswerSigner | null;
  /** Record sets of which each answer is drawn; null: there are none. */
  readonly draws: Draws | null;
  /** Rises with every change; answers that were made before count no longer. */
  readonly version: number;
}

/**
 * The zones of a server, or of one of its views. A change is seen by the next question.
 */
export class ZoneSet {
  private readonly byApex = new Map<string, ServedZone>();
  private changes = 0;

  /** Rises when a zone comes or goes, i.e. when a name may belong to another zone than before. */
  get generation(): number {
    return this.changes;
  }

  /** Zones in the set. */
  get size(): number {
    return this.byApex.size;
  }

  /** All zones, in the order in which they came. */
  zones(): Iterable<IServedZone> {
    return this.byApex.values();
  }

  /**
   * Serves this version of a zone from now on, and forgets the answers of the one before.
   *
   * @param signer has prepared the version (`ZoneSigner.prepare`). Call `set` again when its keys
   *   change.
   * @param draws record sets of which each answer is drawn anew.
   */
  set(zone: Zone, signer: IAnswerSigner | null = null, draws: readonly IDraw[] = []): void {
    this.put(zone.apex, zone, signer, Draws.of(draws));
  }

  /** Answers SERVFAIL for a zone until it is set. @param apex in wire form, in any case. */
  setAbsent(apex: Buffer, absence: TZoneAbsence): void {
    this.put(lowerName(apex), absence, null, null);
  }

  /** Serves the zone no longer. @returns whether it was served. */
  delete(apex: Buffer): boolean {
    const key = lowerName(apex).toString('latin1');
    const served = this.byApex.get(key);
    if (served === undefined) return false;
    served.version++;
    this.changes++;
    return this.byApex.delete(key);
  }

  /** The zone of exactly that apex, in any case. */
  get(apex: Buffer): IServedZone | undefined {
    return this.byApex.get(lowerName(apex).toString('latin1'));
  }

  /** The zone with the longest apex that the name is at or below. @param name in any case. */
  closest(name: TName): IServedZone | undefined {
    const key = lowerName(name).toString('latin1');
    for (let at = 0; at < key.length; at += 1 + key.charCodeAt(at)) {
      const served = this.byApex.get(at === 0 ? key : key.slice(at));
      if (served !== undefined) return served;
    }
    return undefined;
  }

  private put(
    apex: Buffer,
    zone: Zone | TZoneAbsence,
    signer: IAnswerSigner | null,
    draws: Draws | null,
  ): void {
    const key = apex.toString('latin1');
    const served = this.byApex.get(key);
    if (served === undefined) {
      this.byApex.set(key, { apex, zone, signer, draws, version: 0 });
      this.changes++;
      return;
    }
    served.zone = zone;
    served.signer = signer;
    served.draws = draws;
    served.version++;
  }
}

type ServedZone = { -readonly [Key in keyof IServedZone]: IServedZone[Key] };

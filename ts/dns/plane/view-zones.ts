import type { TZoneState } from '../../../ts_interfaces/index.ts';
import { ZoneSet } from '../answer/zone-set.ts';
import { nameKey } from '../codec/name.ts';
import type { IServedVersion } from '../zones/types.ts';

/** A zone as clients are answered from it. */
export interface IViewedZone {
  readonly id: string;
  /** In wire form, in lower case. */
  readonly apex: Buffer;
  /** Null: clients of every view that has no zone of this apex. */
  readonly view: string | null;
  readonly state: TZoneState;
  /** Null unless `state` is `serving`. */
  readonly served: IServedVersion | null;
}

/**
 * The zones as the clients of each view see them: those of the view, and besides them those of no
 * view. A change is seen by the next question.
 */
export class ViewZones {
  /** By apex, then by view. */
  private readonly zones = new Map<string, Map<string | null, IViewedZone>>();
  private readonly sets = new Map<string | null, ZoneSet>([[null, new ZoneSet()]]);

  /** Has sets for these views, besides the one for clients of none. */
  setViews(names: readonly string[]): void {
    for (const name of this.sets.keys()) {
      if (name !== null && !names.includes(name)) this.sets.delete(name);
    }
    for (const name of names) {
      if (this.sets.has(name)) continue;
      this.sets.set(name, new ZoneSet());
      for (const key of this.zones.keys()) this.place(key, name);
    }
  }

  /** The zones that clients of a view see. @throws Error when there is no such view. */
  setOf(view: string | null): ZoneSet {
    const set = this.sets.get(view);
    if (set === undefined) throw new Error(`There is no view "${view}"`);
    return set;
  }

  /** Serves a zone, or what it has become. */
  set(zone: IViewedZone): void {
    const key = nameKey(zone.apex);
    const ofApex = this.zones.get(key) ?? new Map<string | null, IViewedZone>();
    this.zones.set(key, ofApex.set(zone.view, zone));
    this.placeFor(key, zone.view);
  }

  /** Serves a zone no more. */
  remove({ apex, view }: Pick<IViewedZone, 'apex' | 'view'>): void {
    const key = nameKey(apex);
    const ofApex = this.zones.get(key);
    if (ofApex?.delete(view) !== true) return;
    this.placeFor(key, view);
    if (ofApex.size === 0) {
      this.zones.delete(key);
      for (const set of this.sets.values()) set.delete(apex);
    }
  }

  /** The zone of exactly that apex, as clients of the view see it. */
  find(apex: Buffer, view: string | null): IViewedZone | undefined {
    const ofApex = this.zones.get(nameKey(apex));
    return ofApex?.get(view) ?? ofApex?.get(null);
  }

  /** All zones. */
  *all(): Generator<IViewedZone, void> {
    for (const ofApex of this.zones.values()) yield* ofApex.values();
  }

  private placeFor(key: string, view: string | null): void {
    if (view !== null) {
      this.place(key, view);
      return;
    }
    const ofApex = this.zones.get(key);
    for (const name of this.sets.keys()) {
      if (name === null || ofApex?.has(name) !== true) this.place(key, name);
    }
  }

  private place(key: string, view: string | null): void {
    const set = this.sets.get(view);
    const ofApex = this.zones.get(key);
    if (set === undefined || ofApex === undefined) return;
    const zone = ofApex.get(view) ?? ofApex.get(null);
    if (zone === undefined) set.delete(Buffer.from(key, 'latin1'));
    else if (zone.served === null) set.setAbsent(zone.apex, absenceOf(zone.state));
    else set.set(zone.served.zone, zone.served.signer, zone.served.draws);
  }
}

function absenceOf(state: TZoneState): 'loading' | 'expired' {
  return state === 'expired' ? 'expired' : 'loading';
}

import type { IStoreChange, TJson } from '../storage/store.ts';
import { isObject } from './merge-patch.ts';
import type { IHealthTarget, ILiveRoute } from './types.ts';

/** The store's collection. */
export const maintenanceCollection = 'maintenance';

/**
 * Which backends were taken out by hand, by route (its id) or by group of TCP backends (`tcp:…`, see
 * `IHealthTarget`). The marks are stored, so they outlive a restart; they wait
 * when a reload takes their route away, and are forgotten when the API removes the route or the
 * backend.
 */
export class MaintenanceMarks {
  private readonly health: IHealthTarget;
  /** Ids of routes and groups to backend ids. */
  private readonly marks = new Map<string, Set<string>>();

  constructor(health: IHealthTarget) {
    this.health = health;
  }

  /**
   * Takes what the store holds in place of all marks. Entries that are none of ours are left out.
   */
  load(entries: Iterable<readonly [key: string, value: TJson]>): void {
    this.marks.clear();
    for (const [, value] of entries) {
      if (!isObject(value)) continue;
      const { routeId, backendId } = value;
      if (typeof routeId === 'string' && typeof backendId === 'string')
        this.set(routeId, backendId);
    }
  }

  has(routeId: string, backendId: string): boolean {
    return this.marks.get(routeId)?.has(backendId) === true;
  }

  /** Ids of the routes and groups of TCP backends that have marks. */
  groupIds(): IterableIterator<string> {
    return this.marks.keys();
  }

  set(routeId: string, backendId: string): void {
    const ids = this.marks.get(routeId);
    if (ids === undefined) this.marks.set(routeId, new Set([backendId]));
    else ids.add(backendId);
  }

  delete(routeId: string, backendId: string): void {
    const ids = this.marks.get(routeId);
    ids?.delete(backendId);
    if (ids?.size === 0) this.marks.delete(routeId);
  }

  /** Backends of the route whose marks would go when only these stay. */
  surplus(routeId: string, staying: readonly { id: string }[]): string[] {
    const ids = this.marks.get(routeId);
    if (ids === undefined) return [];
    const stays = new Set(staying.map((backend) => backend.id));
    return [...ids].filter((id) => !stays.has(id));
  }

  /** Tells the health monitor of a mark that was set or taken back. */
  tell(routeId: string, backendId: string, dead: boolean): void {
    if (dead) this.health.markDead(routeId, backendId);
    else this.health.markAlive(routeId, backendId);
  }

  /** The same for a group of TCP backends. */
  applyToGroup(groupId: string): void {
    for (const backendId of this.marks.get(groupId) ?? []) this.health.markDead(groupId, backendId);
  }

  /** Takes the marked backends of a live route out of rotation, where they are not out already. */
  applyTo(route: ILiveRoute | undefined): void {
    if (route === undefined || !this.marks.has(route.id)) return;
    for (const endpoint of route.endpoints) {
      if (endpoint.maintenance !== true && this.has(route.id, endpoint.id)) {
        this.health.markDead(route.id, endpoint.id);
      }
    }
  }
}

/** What to store for a mark, or (`marked` false) to take it out of the store. */
export function maintenanceChange(
  routeId: string,
  backendId: string,
  marked: boolean,
): IStoreChange {
  return {
    collection: maintenanceCollection,
    key: JSON.stringify([routeId, backendId]),
    value: marked ? { routeId, backendId } : undefined,
  };
}

import { nameKey } from '../codec/name.ts';
import type { HostedZone } from './hosted-zone.ts';

/** Finds zones by id, and by name for the clients of a view. */
export class ZoneIndex {
  private readonly byId = new Map<string, HostedZone>();
  /** By apex, then by view; `null` stands for clients of no view. */
  private readonly byApex = new Map<string, Map<string | null, HostedZone>>();
  private sorted: readonly HostedZone[] | null = null;

  /** Zones in it. */
  get size(): number {
    return this.byId.size;
  }

  get(id: string): HostedZone | undefined {
    return this.byId.get(id);
  }

  /** In the order of ids. */
  all(): readonly HostedZone[] {
    this.sorted ??= [...this.byId.values()].sort((one, other) => (one.id < other.id ? -1 : 1));
    return this.sorted;
  }

  add(zone: HostedZone): void {
    if (!this.byId.has(zone.id)) this.sorted = null;
    const before = this.byId.get(zone.id);
    if (before !== undefined && before !== zone) this.delete(before);
    this.byId.set(zone.id, zone);
    const key = nameKey(zone.apex);
    const views = this.byApex.get(key) ?? new Map<string | null, HostedZone>();
    this.byApex.set(key, views.set(zone.options.view ?? null, zone));
  }

  delete(zone: HostedZone): void {
    this.byId.delete(zone.id);
    this.sorted = null;
    const key = nameKey(zone.apex);
    const views = this.byApex.get(key);
    views?.delete(zone.options.view ?? null);
    if (views?.size === 0) this.byApex.delete(key);
  }

  /** The zone of exactly that apex, in any case. */
  find(apex: Buffer, view: string | null): HostedZone | undefined {
    return this.at(nameKey(apex), view);
  }

  /** The zone with the longest apex that the name, in any case, is at or below. */
  closest(name: Buffer, view: string | null): HostedZone | undefined {
    const key = nameKey(name);
    for (let at = 0; at < key.length; at += 1 + key.charCodeAt(at)) {
      const zone = this.at(at === 0 ? key : key.slice(at), view);
      if (zone !== undefined) return zone;
    }
    return undefined;
  }

  private at(key: string, view: string | null): HostedZone | undefined {
    const views = this.byApex.get(key);
    return views?.get(view) ?? views?.get(null);
  }
}

import type { TOrigin } from '../../ts_interfaces/data/certificate.ts';

/** An item as it is in effect, and the layer that it comes from. */
export interface ILayered<T> {
  value: T;
  origin: TOrigin;
}

/**
 * What the overlay holds for a key: a value in place of the base's or beside it, `null` for an item
 * of the base that was removed, `undefined` for nothing.
 */
export type TOverlayEntry<T> = T | null | undefined;

/** What a new base changed among the items in effect, by key. */
export interface ILayerChanges {
  added: string[];
  changed: string[];
  removed: string[];
  /**
   * Overlay entries that say nothing any more: equal to the new base, or removing what it no longer
   * has. They stay until the caller drops them here and in the store.
   */
  obsolete: string[];
}

/** What a `LayeredItems` needs to know of its values. */
export interface ILayerSettings<T> {
  /** Tells whether two values mean the same. */
  same(first: T, second: T): boolean;
}

/**
 * Items in two layers: the base comes from the file, the overlay from the API.
 *
 * An overlay entry hides the base's item of the same key, until it is taken back. Values are kept
 * by reference, so 100,000 items cost one map entry each. `plan…` say what to store, and change
 * nothing; `apply…` follow once that is durable.
 */
export class LayeredItems<T extends object> {
  readonly #same: (first: T, second: T) => boolean;
  #base: ReadonlyMap<string, T> = new Map();
  readonly #overlay = new Map<string, T | null>();
  /** Overlay entries with a value that the base does not have: they count on top of it. */
  #added = 0;
  /** Overlay entries that remove an item of the base. */
  #removed = 0;

  constructor(settings: ILayerSettings<T>) {
    this.#same = settings.same;
  }

  /** How many items are in effect. */
  get size(): number {
    return this.#base.size + this.#added - this.#removed;
  }

  /** The item in effect for a key. */
  get(key: string): ILayered<T> | undefined {
    const base = this.#base.get(key);
    const entry = this.#overlay.get(key);
    if (entry === null) return undefined;
    if (entry !== undefined) {
      return { value: entry, origin: base === undefined ? 'api' : 'api-over-file' };
    }
    return base === undefined ? undefined : { value: base, origin: 'file' };
  }

  /** The base's item for a key, whether an overlay entry hides it or not. */
  baseOf(key: string): T | undefined {
    return this.#base.get(key);
  }

  /**
   * All items in effect: the base's in its order, then the overlay's own in the order they were
   * set.
   */
  *entries(): Generator<[string, ILayered<T>]> {
    for (const key of this.#base.keys()) {
      const item = this.get(key);
      if (item !== undefined) yield [key, item];
    }
    for (const [key, value] of this.#overlay) {
      if (value !== null && !this.#base.has(key)) yield [key, { value, origin: 'api' }];
    }
  }

  /** A copy of the overlay: what a store must hold to bring it back. */
  overlay(): Map<string, T | null> {
    return new Map(this.#overlay);
  }

  /** Exchanges the base. The overlay stays as it is. */
  setBase(base: ReadonlyMap<string, T>): ILayerChanges {
    const before = this.#base;
    this.#base = base;
    this.#count();
    const changes: ILayerChanges = { added: [], changed: [], removed: [], obsolete: [] };
    for (const [key, value] of base) {
      if (this.#overlay.has(key)) continue;
      const old = before.get(key);
      if (old === undefined) changes.added.push(key);
      else if (!this.#equal(old, value)) changes.changed.push(key);
    }
    for (const key of before.keys()) {
      if (!base.has(key) && !this.#overlay.has(key)) changes.removed.push(key);
    }
    for (const [key, entry] of this.#overlay) {
      if (this.#saysNothing(key, entry)) changes.obsolete.push(key);
    }
    return changes;
  }

  /**
   * The overlay entry that makes `value` the item in effect: `undefined` when the base has it
   * already.
   */
  planSet(key: string, value: T): TOverlayEntry<T> {
    return this.#saysNothing(key, value) ? undefined : value;
  }

  /**
   * The overlay entry that leaves no item in effect: `null` only where the base has one to hide.
   */
  planRemove(key: string): TOverlayEntry<T> {
    return this.#base.has(key) ? null : undefined;
  }

  /** Puts an overlay entry in place, as it was planned or as it comes from the store. */
  apply(key: string, entry: TOverlayEntry<T>): void {
    this.#tally(key, -1);
    if (entry === undefined) this.#overlay.delete(key);
    else this.#overlay.set(key, entry);
    this.#tally(key, 1);
  }

  /** Makes `value` the item in effect. */
  applySet(key: string, value: T): void {
    this.apply(key, this.planSet(key, value));
  }

  /** Leaves no item in effect for a key. */
  applyRemove(key: string): void {
    this.apply(key, this.planRemove(key));
  }

  #saysNothing(key: string, entry: T | null): boolean {
    const base = this.#base.get(key);
    if (entry === null || base === undefined) return entry === null && base === undefined;
    return this.#equal(entry, base);
  }

  #equal(first: T, second: T): boolean {
    return first === second || this.#same(first, second);
  }

  #count(): void {
    this.#added = 0;
    this.#removed = 0;
    for (const key of this.#overlay.keys()) this.#tally(key, 1);
  }

  #tally(key: string, sign: 1 | -1): void {
    const entry = this.#overlay.get(key);
    const hasBase = this.#base.has(key);
    if (entry === null && hasBase) this.#removed += sign;
    else if (entry !== null && entry !== undefined && !hasBase) this.#added += sign;
  }
}

import type { ICertificateOptions, RouteConfig } from '../../ts_interfaces/index.ts';
import { LayeredItems } from '../config/layers.ts';
import type { IClock } from '../core/clock.ts';
import type { IProblem } from '../core/errors.ts';
import type { ILogger } from '../core/logger.ts';
import type { IStoreChange, Store, TJson } from '../storage/store.ts';
import { MaintenanceMarks } from './maintenance.ts';
import { isObject } from './merge-patch.ts';
import { RouteIndex } from './route-index.ts';
import { SerialQueue } from './serial-queue.ts';
import type { ICertificateTarget, IHealthTarget, IRouteTarget, IStatsSource } from './types.ts';

/** What the control plane works on. */
export interface IControlParts {
  /** The table of live routes. */
  router: IRouteTarget;
  /** The live certificates. */
  certificates: ICertificateTarget;
  health: IHealthTarget;
  stats: IStatsSource;
  /** Keeps what the API changes; opened and closed by the caller. */
  store: Store;
  /** @default writes nothing */
  logger?: ILogger;
  /** @default the machine's */
  clock?: IClock;
}

/** An item of the overlay that cannot be used, with what is stored for it. */
export interface IDisabledItem {
  value: TJson;
  problems: readonly IProblem[];
}

/**
 * The two kinds of items that a file and the API both make; also the names of the store's
 * collections.
 */
export type TItemKind = 'routes' | 'certificates';

/**
 * What the services of the control plane share. Changes run one after the other in `serial`; reads
 * need no turn, for every change becomes visible at once, in one synchronous step.
 */
export class ControlState {
  readonly router: IRouteTarget;
  readonly certificateTarget: ICertificateTarget;
  readonly store: Store;
  readonly logger: ILogger;
  readonly clock: IClock;
  readonly marks: MaintenanceMarks;
  readonly serial = new SerialQueue();
  routes = new LayeredItems<RouteConfig>({ same });
  certificates = new LayeredItems<ICertificateOptions>({ same });
  /**
   * Items of the overlay that are left out, by kind and key. Neither they nor the file's items in
   * their place are live.
   */
  readonly disabled: Record<TItemKind, Map<string, IDisabledItem>> = {
    routes: new Map(),
    certificates: new Map(),
  };
  private builtIndex: RouteIndex | undefined;

  constructor(parts: IControlParts & { logger: ILogger; clock: IClock }) {
    this.router = parts.router;
    this.certificateTarget = parts.certificates;
    this.store = parts.store;
    this.logger = parts.logger;
    this.clock = parts.clock;
    this.marks = new MaintenanceMarks(parts.health);
  }

  /**
   * Ids and virtual hosts in order; built when first asked for, then kept up by whoever changes
   * `routes`.
   */
  get index(): RouteIndex {
    this.builtIndex ??= new RouteIndex(idsAndHosts(this.routes));
    return this.builtIndex;
  }

  /** Takes the index of many changes at once; undefined: it is built again when it is asked for. */
  takeIndex(index: RouteIndex | undefined): void {
    this.builtIndex = index;
  }

  /** Tells the index, if it was built, that a route came, changed or went. */
  reindex(before: RouteConfig | undefined, after: RouteConfig | undefined): void {
    if (this.builtIndex === undefined) return;
    if (before !== undefined) this.builtIndex.remove(before.id, before.vHost);
    if (after !== undefined) this.builtIndex.add(after.id, after.vHost);
  }
}

/**
 * Whether two values are the same JSON; the order of keys does not count. A reload compares every
 * item by it.
 */
export function same(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (Array.isArray(a)) {
    return Array.isArray(b) && a.length === b.length && a.every((item, at) => same(item, b[at]));
  }
  if (!isObject(a) || !isObject(b)) return false;
  let count = 0;
  for (const key in a) {
    if (!same(a[key], b[key])) return false;
    count++;
  }
  return count === Object.keys(b).length;
}

/**
 * What to store for an item of the overlay: its value, that it was removed (null), or nothing
 * (undefined).
 */
export function overlayChange(
  kind: TItemKind,
  key: string,
  entry: RouteConfig | ICertificateOptions | null | undefined,
): IStoreChange {
  // Configurations are JSON data; the store copies them.
  const value = entry === null ? { removed: true } : (entry as TJson | undefined);
  return { collection: kind, key, value };
}

/** What a `RouteIndex` is built from. */
export function* idsAndHosts(routes: LayeredItems<RouteConfig>): Iterable<[string, string]> {
  for (const [id, { value }] of routes.entries()) yield [id, value.vHost];
}

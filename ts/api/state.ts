import type {
  ICertificateOptions,
  IPortProxySettings,
  IRateLimit,
  IZoneOptions,
  RouteConfig,
} from '../../ts_interfaces/index.ts';
import { LayeredItems } from '../config/layers.ts';
import type { IClock } from '../core/clock.ts';
import type { IProblem } from '../core/errors.ts';
import type { ILogger } from '../core/logger.ts';
import { SerialQueue } from '../core/serial-queue.ts';
import type { IStoreChange, Store, TJson } from '../storage/store.ts';
import { MaintenanceMarks } from './maintenance.ts';
import { isObject } from './merge-patch.ts';
import { RouteIndex } from './route-index.ts';
import type {
  IAccessTarget,
  ICertificateTarget,
  IConnectionSource,
  IDnsTarget,
  IHealthTarget,
  ILimitTarget,
  IRouteTarget,
  IStatsSource,
  ITcpTarget,
  IZoneTarget,
} from './types.ts';

/** What the control plane works on. */
export interface IControlParts {
  /** The table of live routes. */
  router: IRouteTarget;
  /** The live certificates. */
  certificates: ICertificateTarget;
  health: IHealthTarget;
  stats: IStatsSource;
  /** The TCP and UDP plane. */
  tcp: ITcpTarget;
  /** The live address lists. */
  access: IAccessTarget;
  /** The live rate limits. */
  limits: ILimitTarget;
  /** The zones that are answered for. */
  zones: IZoneTarget;
  dns: IDnsTarget;
  connections: IConnectionSource;
  /**
   * Resolves when every process serves what was changed before the call; a change is acknowledged
   * after that. @default at once: there is one process
   */
  live?: () => Promise<void>;
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

/** A list of addresses with all that is in it, wherever it came from. */
export interface IAddressList {
  readonly name: string;
  /** CIDRs and single addresses. */
  readonly addresses: readonly string[];
}

/** A rate limit that routes name. */
export interface INamedLimit {
  readonly name: string;
  readonly limit: IRateLimit;
}

/** What a file and the API both make; the keys are also the names of the store's collections. */
export interface IItems {
  routes: RouteConfig;
  certificates: ICertificateOptions;
  tcp: IPortProxySettings;
  access: IAddressList;
  limits: INamedLimit;
  /** By `zoneIdOf`. */
  zones: IZoneOptions;
}

/** A kind of items. */
export type TItemKind = keyof IItems;

/** All kinds. */
export const itemKinds = ['routes', 'certificates', 'tcp', 'access', 'limits', 'zones'] as const;

/** The items of all kinds, in their layers. */
export type TLayers = { [K in TItemKind]: LayeredItems<IItems[K]> };

/**
 * What the services of the control plane share. Changes run one after the other in `serial`; reads
 * need no turn, for every change becomes visible at once, in one synchronous step.
 */
export class ControlState implements TLayers {
  readonly router: IRouteTarget;
  readonly certificateTarget: ICertificateTarget;
  readonly tcpTarget: ITcpTarget;
  readonly accessTarget: IAccessTarget;
  readonly limitTarget: ILimitTarget;
  readonly zoneTarget: IZoneTarget;
  readonly dns: IDnsTarget;
  readonly connections: IConnectionSource;
  readonly live: () => Promise<void>;
  readonly store: Store;
  readonly logger: ILogger;
  readonly clock: IClock;
  readonly marks: MaintenanceMarks;
  readonly serial = new SerialQueue();
  routes = new LayeredItems<RouteConfig>({ same });
  certificates = new LayeredItems<ICertificateOptions>({ same });
  tcp = new LayeredItems<IPortProxySettings>({ same });
  access = new LayeredItems<IAddressList>({ same });
  limits = new LayeredItems<INamedLimit>({ same });
  zones = new LayeredItems<IZoneOptions>({ same });
  /**
   * Items of the overlay that are left out, by kind and key. Neither they nor the file's items in
   * their place are live.
   */
  readonly disabled: Record<TItemKind, Map<string, IDisabledItem>> = {
    routes: new Map(),
    certificates: new Map(),
    tcp: new Map(),
    access: new Map(),
    limits: new Map(),
    zones: new Map(),
  };
  private builtIndex: RouteIndex | undefined;

  constructor(parts: IControlParts & { logger: ILogger; clock: IClock }) {
    this.router = parts.router;
    this.certificateTarget = parts.certificates;
    this.tcpTarget = parts.tcp;
    this.accessTarget = parts.access;
    this.limitTarget = parts.limits;
    this.zoneTarget = parts.zones;
    this.dns = parts.dns;
    this.connections = parts.connections;
    this.live = parts.live ?? (async () => undefined);
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
  entry: IItems[TItemKind] | null | undefined,
): IStoreChange {
  // Configurations are JSON data; the store copies them.
  const value = entry === null ? { removed: true } : (entry as unknown as TJson | undefined);
  return { collection: kind, key, value };
}

/** What a `RouteIndex` is built from. */
export function* idsAndHosts(routes: LayeredItems<RouteConfig>): Iterable<[string, string]> {
  for (const [id, { value }] of routes.entries()) yield [id, value.vHost];
}

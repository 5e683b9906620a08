import type {
  ICertificateOptions,
  IDnsOptions,
  IPortProxySettings,
  IRateLimit,
  IZoneOptions,
  RouteConfig,
} from '../../ts_interfaces/index.ts';
import { parseCertificate, parseRoute, parseZone } from '../config/parse.ts';
import { zoneIdOf } from '../config/zone-ids.ts';
import type { IProblem } from '../core/errors.ts';
import type { TJson } from '../storage/store.ts';
import { baseList, checkList, parseStoredList } from './access-input.ts';
import { parseStoredLimit } from './limit-input.ts';
import { checkNames } from './named-items.ts';
import {
  findClash,
  foreignHolder,
  holderOf,
  type IForeignPort,
  type IPortHolder,
} from './port-clash.ts';
import {
  changedItems,
  commitKind,
  disable,
  goneFrom,
  type IPlan,
  layOver,
} from './rebase-layers.ts';
import { TcpRebase } from './rebase-tcp.ts';
import { ZoneRebase } from './rebase-zones.ts';
import { sameConditions } from './route-conditions.ts';
import { RouteIndex } from './route-index.ts';
import { type ControlState, type IAddressList, type INamedLimit, idsAndHosts } from './state.ts';
import { parseStoredTcp, tcpWords } from './tcp-input.ts';
import type { ILiveRoute, ITcpChanges, ITcpTarget, IZoneChanges } from './types.ts';
import { checkZoneNames } from './zone-names.ts';

/** What a configuration says: the base, which the API's changes lie over. */
export interface IBase {
  /** As `parseRoute` makes them. Ids are unique. */
  routes: Iterable<RouteConfig>;
  /** As `parseCertificate` makes them. Domains are unique. */
  certificates: Iterable<ICertificateOptions>;
  /** As `parseTcpEntry` makes them. Ids are unique. @default none */
  tcp?: Iterable<IPortProxySettings>;
  /** Address lists by name, with what their files hold. @default none */
  access?: ReadonlyMap<string, readonly string[]>;
  /** By name. @default none */
  limits?: Readonly<Record<string, IRateLimit>>;
  /** As `parseZone` makes them. Ids are unique. @default none */
  zones?: Iterable<IZoneOptions>;
  /** What zones may name. @default nothing */
  dns?: Pick<IDnsOptions, 'keys' | 'views'>;
}

/** How a new base is taken in. */
export interface IRebaseSettings {
  /** Compiles a route for the configuration to come. @default the live router's `prepareRoute` */
  prepareRoute?: (config: RouteConfig) => ILiveRoute;
  /**
   * Prepares all routes, not only those that changed: what all routes depend on has changed.
   * @default false
   */
  everyRoute?: boolean;
  /** Ports of entrypoints and management port in the configuration to come. @default those of now */
  ports?: readonly IForeignPort[];
  /** Sets all TCP entries, not only those that changed: the plane has none. @default false */
  everyEntry?: boolean;
  /** Sets all zones, not only those whose options changed: their files may have. @default false */
  everyZone?: boolean;
  /** Prepares and takes the TCP entries. @default the control plane's */
  tcp?: ITcpTarget;
}

/** What a new base means, worked out and not yet done. */
export interface IRebase {
  /** Routes to add or replace, compiled, and ids of routes to remove. */
  readonly routes: { set: readonly ILiveRoute[]; removed: readonly string[] };
  /** Certificates to serve, and domains to serve no more. */
  readonly certificates: { set: readonly ICertificateOptions[]; removed: readonly string[] };
  /** TCP entries to add or replace, and ids of those to remove. */
  readonly tcp: ITcpChanges;
  readonly access: { set: readonly IAddressList[]; removed: readonly string[] };
  readonly limits: { set: readonly INamedLimit[]; removed: readonly string[] };
  /** Zones to add or replace, and ids of those to remove. */
  readonly zones: IZoneChanges;
  /**
   * Items of the base that cannot be used. They are in none of the lists: refuse the base, or go on
   * without them.
   */
  readonly problems: readonly IProblem[];
  /**
   * Compiles the TCP entries and binds their ports, and loads the zones; nothing is live yet. Those
   * of the overlay that cannot be had are disabled and leave `tcp` and `zones`; zones of the base
   * are left out with a problem each. Call it before `swap`, and `discard` if that does not come.
   *
   * @param mode `start` leaves entries of the base out as well, with a problem each. @default
   * 'strict'
   * @throws DcError `LISTEN_FAILED`, `TCP_INVALID` for an entry of the base; nothing is left open.
   */
  prepare(mode?: 'strict' | 'start'): Promise<void>;
  /** What the TCP target has prepared; undefined: nothing, or not yet. */
  readonly preparedTcp: unknown;
  /** Closes what `prepare` opened; harmless without it and after `swap`. */
  discard(): Promise<void>;
  /**
   * Makes it live: lists and limits, certificates, TCP entries, routes, zones; then commits.
   * Synchronous; never throws after `prepare`, which may be left out where no TCP entry and no zone
   * changes.
   */
  swap(): void;
  /** Only takes note of it, when the caller has made the lists live. Synchronous; never throws. */
  commit(): void;
}

/**
 * Works out what a new base changes. It must run and end in one turn of `state.serial`.
 * @param held ports of entrypoints and management port as they are.
 */
export function planRebase(
  state: ControlState,
  base: IBase,
  settings: IRebaseSettings,
  held: () => readonly IForeignPort[],
): IRebase {
  const problems: IProblem[] = [];
  const access = layOver(state, keyed(listsOf(state, base), 'name'), {
    name: 'access',
    current: state.access,
    parse: parseStoredList,
    check: checkList,
  });
  const limits = layOver(state, keyed(limitsOf(base), 'name'), {
    name: 'limits',
    current: state.limits,
    parse: parseStoredLimit,
    check: () => undefined,
  });
  const setAccess = changedItems(access, problems, new Map());
  const setLimits = changedItems(limits, problems, new Map());
  const names = { access: access.next, limits: limits.next };

  const prepared = new Map<string, ILiveRoute>();
  const routes = layOver(state, keyed(base.routes, 'id'), {
    name: 'routes',
    current: state.routes,
    parse: (stored) => parseRoute(stored),
    check: (config) => {
      checkNames({ noun: 'route', invalid: 'ROUTE_INVALID' }, config, names);
      const route = settings.prepareRoute?.(config) ?? state.router.prepareRoute(config);
      prepared.set(config.id, route);
    },
    recheck: (config) => checkNames({ noun: 'route', invalid: 'ROUTE_INVALID' }, config, names),
    everyItem: settings.everyRoute ?? false,
  });
  const index = disableTwins(routes);
  const certificates = layOver(state, keyed(base.certificates, 'domain'), {
    name: 'certificates',
    current: state.certificates,
    parse: (stored) => parseCertificate(stored),
    check: (options) => {
      state.certificateTarget.inspect(options);
    },
  });
  const checkEntry = (entry: IPortProxySettings): void => checkNames(tcpWords, entry, names);
  const tcp = layOver(state, keyed(base.tcp ?? [], 'id'), {
    name: 'tcp',
    current: state.tcp,
    parse: parseStoredTcp,
    check: checkEntry,
    recheck: checkEntry,
    everyItem: settings.everyEntry ?? false,
  });
  disableClashes(tcp, settings.ports ?? held());
  const checkZone = (zone: IZoneOptions): void => checkZoneNames(zone, base.dns, names.access);
  const zones = layOver(state, keyedBy(base.zones ?? [], zoneIdOf), {
    name: 'zones',
    current: state.zones,
    parse: (stored) => parseZone(stored),
    check: checkZone,
    recheck: checkZone,
    everyItem: settings.everyZone ?? false,
  });

  const setRoutes = changedItems(routes, problems, prepared).flatMap(
    ({ id }) => prepared.get(id) ?? [],
  );
  const setCertificates = changedItems(certificates, problems, new Map());
  const setTcp = changedItems(tcp, problems, new Map());
  const setZones = changedItems(zones, problems, new Map());
  const [goneRoutes, goneCertificates] = [goneFrom(routes), goneFrom(certificates)];
  const [goneAccess, goneLimits] = [goneFrom(access), goneFrom(limits)];
  const plane = new TcpRebase(settings.tcp ?? state.tcpTarget, tcp, setTcp);
  const setById = setZones.map((zone) => [zoneIdOf(zone), zone] as [string, IZoneOptions]);
  const dns = new ZoneRebase(state.zoneTarget, zones, setById);

  function commit(): void {
    commitKind(state, access);
    commitKind(state, limits);
    commitKind(state, routes);
    commitKind(state, certificates);
    commitKind(state, tcp);
    commitKind(state, zones);
    state.access = access.next;
    state.limits = limits.next;
    state.routes = routes.next;
    state.certificates = certificates.next;
    state.tcp = tcp.next;
    state.zones = zones.next;
    state.takeIndex(index);
    for (const id of state.marks.groupIds()) {
      const route = state.router.route(id);
      if (route === undefined) state.marks.applyToGroup(id);
      else state.marks.applyTo(route);
    }
  }

  return {
    routes: { set: setRoutes, removed: goneRoutes },
    certificates: { set: setCertificates, removed: goneCertificates },
    get tcp() {
      return plane.changes;
    },
    get preparedTcp() {
      return plane.prepared?.value;
    },
    access: { set: setAccess, removed: goneAccess },
    limits: { set: setLimits, removed: goneLimits },
    get zones() {
      return dns.changes;
    },
    problems,
    prepare: async (mode = 'strict') => {
      await plane.prepare(mode === 'start' ? problems : null);
      await dns.prepare(problems);
    },
    discard: async () => {
      await plane.discard();
      await dns.discard();
    },
    commit,
    swap: () => {
      for (const { name, addresses } of setAccess) state.accessTarget.set(name, addresses);
      for (const { name, limit } of setLimits) state.limitTarget.set(name, limit);
      for (const domain of goneCertificates) state.certificateTarget.remove(domain);
      for (const options of setCertificates) state.certificateTarget.set(options);
      plane.swap();
      for (const id of goneRoutes) state.router.removeRoute(id);
      for (const route of setRoutes) state.router.setRoute(route);
      dns.swap();
      // Last: until here somebody may have named them.
      for (const name of goneAccess) state.accessTarget.delete(name);
      for (const name of goneLimits) state.limitTarget.delete(name);
      commit();
    },
  };
}

/**
 * Disables routes of the overlay that take the same requests as another one: a reload may have
 * brought that one.
 */
function disableTwins(plan: IPlan<RouteConfig>): RouteIndex | undefined {
  const overlay = plan.next.overlay();
  if (overlay.size === 0) return undefined;
  const index = new RouteIndex(idsAndHosts(plan.next));
  for (const [id, config] of overlay) {
    if (config === null) continue;
    const twin = twinOf(plan, index, config);
    if (twin === undefined) continue;
    const message = `Must differ from route "${twin}" in its vHost, conditions or priority`;
    const problem = { path: 'vHost', message, value: config.vHost };
    disable(plan, id, config as unknown as TJson, [problem]);
    index.remove(id, config.vHost);
  }
  return index;
}

function twinOf(
  { next }: IPlan<RouteConfig>,
  index: RouteIndex,
  config: RouteConfig,
): string | undefined {
  for (const id of index.with(config.vHost)) {
    const other = next.get(id)?.value;
    if (id !== config.id && other !== undefined && sameConditions(config, other)) return id;
  }
  return undefined;
}

/** Disables entries of the overlay whose ports somebody else has by now. */
function disableClashes(plan: IPlan<IPortProxySettings>, ports: readonly IForeignPort[]): void {
  const overlay = plan.next.overlay();
  if (overlay.size === 0) return;
  const holders: IPortHolder[] = ports.map(foreignHolder);
  for (const [id, { value }] of plan.next.entries()) {
    if (!overlay.has(id)) holders.push(holderOf(value));
  }
  for (const [id, entry] of overlay) {
    if (entry === null) continue;
    const mine = holderOf(entry);
    const found = findClash(mine.spans, holders);
    if (found === undefined) {
      holders.push(mine);
      continue;
    }
    const message = `Must have ports of its own: ${found.holder} has port ${found.port}`;
    const problem = { path: 'fromPort', message, value: found.port };
    disable(plan, id, entry as unknown as TJson, [problem]);
  }
}

function* listsOf(state: ControlState, { access = new Map() }: IBase): Iterable<IAddressList> {
  for (const [name, addresses] of access) {
    yield baseList(name, addresses, state.access.baseOf(name));
  }
}

function* limitsOf({ limits = {} }: IBase): Iterable<INamedLimit> {
  for (const [name, limit] of Object.entries(limits)) yield { name, limit };
}

function keyed<K extends string, T extends Record<K, string>>(
  items: Iterable<T>,
  key: K,
): Map<string, T> {
  return keyedBy(items, (item) => item[key]);
}

function keyedBy<T>(items: Iterable<T>, keyOf: (item: T) => string): Map<string, T> {
  const map = new Map<string, T>();
  for (const item of items) map.set(keyOf(item), item);
  return map;
}

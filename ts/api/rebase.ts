import type { ICertificateOptions, RouteConfig } from '../../ts_interfaces/index.ts';
import { LayeredItems } from '../config/layers.ts';
import { parseCertificate, parseRoute } from '../config/parse.ts';
import { DcError, type IProblem } from '../core/errors.ts';
import type { TJson } from '../storage/store.ts';
import { sameConditions } from './route-conditions.ts';
import { RouteIndex } from './route-index.ts';
import {
  type ControlState,
  type IDisabledItem,
  idsAndHosts,
  overlayChange,
  same,
  type TItemKind,
} from './state.ts';
import type { ILiveRoute } from './types.ts';

/** What a configuration says: the base, which the API's changes lie over. */
export interface IBase {
  /** As `parseRoute` makes them. Ids are unique. */
  routes: Iterable<RouteConfig>;
  /** As `parseCertificate` makes them. Domains are unique. */
  certificates: Iterable<ICertificateOptions>;
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
}

/** What a new base means, worked out and not yet done. */
export interface IRebase {
  /** Routes to add or replace, compiled, and ids of routes to remove. */
  readonly routes: { set: readonly ILiveRoute[]; removed: readonly string[] };
  /** Certificates to serve, and domains to serve no more. */
  readonly certificates: { set: readonly ICertificateOptions[]; removed: readonly string[] };
  /**
   * Items of the base that cannot be used. They are in neither list: refuse the base, or go on
   * without them.
   */
  readonly problems: readonly IProblem[];
  /** Makes it live: changes router and certificates, then commits. Synchronous; never throws. */
  swap(): void;
  /** Only takes note of it, when the caller has made the lists live. Synchronous; never throws. */
  commit(): void;
}

/** What is done with the items of one kind. */
interface IKind<T extends object> {
  name: TItemKind;
  current: LayeredItems<T>;
  /** Reads what the store holds. @throws DcError */
  parse(stored: TJson): T;
  /** @throws DcError when the item cannot be used. */
  check(item: T): void;
  /** Also checks items that were in use before. */
  everyItem: boolean;
}

/** One kind of items, as they will be. */
interface IPlan<T extends object> {
  kind: IKind<T>;
  base: Map<string, T>;
  next: LayeredItems<T>;
  disabled: Map<string, IDisabledItem>;
  /** Keys whose overlay entry equals the new base: the file has caught up. */
  caughtUp: string[];
}

/** Works out what a new base changes. It must run and end in one turn of `state.serial`. */
export function planRebase(
  state: ControlState,
  base: IBase,
  settings: IRebaseSettings = {},
): IRebase {
  const { everyRoute = false } = settings;
  const problems: IProblem[] = [];
  const prepared = new Map<string, ILiveRoute>();
  const routes = layOver(state, keyed(base.routes, 'id'), {
    name: 'routes',
    current: state.routes,
    parse: (stored) => parseRoute(stored),
    check: (config) => {
      const route = settings.prepareRoute?.(config) ?? state.router.prepareRoute(config);
      prepared.set(config.id, route);
    },
    everyItem: everyRoute,
  });
  const index = disableTwins(routes);
  const certificates = layOver(state, keyed(base.certificates, 'domain'), {
    name: 'certificates',
    current: state.certificates,
    parse: (stored) => parseCertificate(stored),
    check: (options) => {
      state.certificateTarget.inspect(options);
    },
    everyItem: false,
  });

  const setRoutes = changedItems(routes, problems, prepared).flatMap(
    ({ id }) => prepared.get(id) ?? [],
  );
  const setCertificates = changedItems(certificates, problems, new Map());
  const removedRoutes = goneFrom(routes);
  const removedCertificates = goneFrom(certificates);

  function commit(): void {
    commitKind(state, routes);
    commitKind(state, certificates);
    state.routes = routes.next;
    state.certificates = certificates.next;
    state.takeIndex(index);
    for (const id of state.marks.routeIds()) state.marks.applyTo(state.router.route(id));
  }

  return {
    routes: { set: setRoutes, removed: removedRoutes },
    certificates: { set: setCertificates, removed: removedCertificates },
    problems,
    commit,
    swap: () => {
      for (const id of removedRoutes) state.router.removeRoute(id);
      for (const route of setRoutes) state.router.setRoute(route);
      for (const domain of removedCertificates) state.certificateTarget.remove(domain);
      for (const options of setCertificates) state.certificateTarget.set(options);
      commit();
    },
  };
}

/** Lays the overlay over a new base. What of the overlay cannot be used any more is disabled. */
function layOver<T extends object>(
  state: ControlState,
  base: Map<string, T>,
  kind: IKind<T>,
): IPlan<T> {
  const { current } = kind;
  for (const [key, value] of base) {
    // An item that stays keeps its object, so that nothing is held twice and the router's route
    // fits it.
    const old = current.baseOf(key);
    if (old !== undefined && same(old, value)) base.set(key, old);
  }
  const next = new LayeredItems<T>({ same });
  next.setBase(base);
  const plan: IPlan<T> = { kind, base, next, disabled: new Map(), caughtUp: [] };
  const was = state.disabled[kind.name];
  for (const [key, value] of current.overlay()) {
    if (value === null) next.apply(key, was.has(key) ? undefined : null);
    else place(plan, key, value as unknown as TJson, () => recheck(kind, value));
  }
  for (const [key, { value }] of was) {
    place(plan, key, value, () => {
      const item = kind.parse(value);
      kind.check(item);
      return item;
    });
  }
  return plan;
}

function recheck<T extends object>(kind: IKind<T>, item: T): T {
  if (kind.everyItem) kind.check(item);
  return item;
}

function place<T extends object>(plan: IPlan<T>, key: string, stored: TJson, read: () => T): void {
  const problems: IProblem[] = [];
  attempt(problems, '', () => {
    const item = read();
    if (plan.next.planSet(key, item) === undefined) plan.caughtUp.push(key);
    else plan.next.apply(key, item);
  });
  if (problems.length === 0) return;
  plan.disabled.set(key, { value: stored, problems });
  // Not even the file's item takes its place: it may lack what the API added, e.g. authentication.
  plan.next.applyRemove(key);
}

/**
 * Items that are new or another object than before; those of the base that cannot be used are taken
 * out of it.
 */
function changedItems<T extends object>(
  plan: IPlan<T>,
  problems: IProblem[],
  checked: ReadonlyMap<string, unknown>,
): T[] {
  const { kind, base, next } = plan;
  const changed: T[] = [];
  const refused: string[] = [];
  for (const [key, { value }] of next.entries()) {
    if (!kind.everyItem && kind.current.get(key)?.value === value) continue;
    const before = problems.length;
    if (!checked.has(key)) attempt(problems, `${kind.name}[${key}]`, () => kind.check(value));
    if (problems.length === before) changed.push(value);
    else refused.push(key);
  }
  if (refused.length > 0) {
    for (const key of refused) base.delete(key);
    next.setBase(base);
  }
  return changed;
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
    const twin = twinOf(plan.next, index, config);
    if (twin === undefined) continue;
    const message = `Must differ from route "${twin}" in its vHost, conditions or priority`;
    plan.disabled.set(id, {
      value: config as unknown as TJson,
      problems: [{ path: 'vHost', message, value: config.vHost }],
    });
    plan.next.applyRemove(id);
    index.remove(id, config.vHost);
  }
  return index;
}

function twinOf(
  routes: LayeredItems<RouteConfig>,
  index: RouteIndex,
  config: RouteConfig,
): string | undefined {
  for (const id of index.with(config.vHost)) {
    const other = routes.get(id)?.value;
    if (id !== config.id && other !== undefined && sameConditions(config, other)) return id;
  }
  return undefined;
}

function commitKind<T extends object>(state: ControlState, plan: IPlan<T>): void {
  const { disabled, caughtUp } = plan;
  const { name } = plan.kind;
  for (const [key, { problems }] of disabled) {
    if (state.disabled[name].get(key)?.problems.length) continue;
    const event = name === 'routes' ? 'route.disabled' : 'certificate.disabled';
    const message = `${name}[${key}], as the API stored it, cannot be used`;
    state.logger.error(event, message, { problems });
  }
  state.disabled[name] = disabled;
  if (caughtUp.length > 0) forget(state, name, caughtUp);
}

/** Drops overlay entries that say the same as the file, in a turn of their own. */
function forget(state: ControlState, kind: TItemKind, keys: readonly string[]): void {
  state.serial
    .run(() => {
      // In the meantime somebody may have changed one again.
      const overlay = state[kind].overlay();
      const idle = keys.filter((key) => !overlay.has(key) && !state.disabled[kind].has(key));
      return state.store.write(idle.map((key) => overlayChange(kind, key, undefined)));
    })
    .catch((error: unknown) => {
      const message = `Cannot forget changes of ${kind} that the file has as well`;
      state.logger.warn('store.failed', message, { error });
    });
}

/** Runs a check; what a `DcError` says becomes problems. */
function attempt(problems: IProblem[], prefix: string, check: () => void): void {
  try {
    check();
  } catch (error) {
    if (!(error instanceof DcError)) throw error;
    const { message } = error;
    const found = error.problems.length > 0 ? error.problems : [{ path: '', message }];
    for (const problem of found) problems.push({ ...problem, path: joined(prefix, problem.path) });
  }
}

function joined(prefix: string, path: string): string {
  return prefix === '' || path === '' ? prefix + path : `${prefix}.${path}`;
}

function keyed<K extends string, T extends Record<K, string>>(
  items: Iterable<T>,
  key: K,
): Map<string, T> {
  const map = new Map<string, T>();
  for (const item of items) map.set(item[key], item);
  return map;
}

function goneFrom<T extends object>({ kind, next }: IPlan<T>): string[] {
  const gone: string[] = [];
  for (const [key] of kind.current.entries()) if (next.get(key) === undefined) gone.push(key);
  return gone;
}

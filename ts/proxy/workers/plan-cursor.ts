import type { TEventName, TLogLevel } from '../../../ts_interfaces/index.ts';
import type { EventBus } from '../../core/event-bus.ts';
import type { ILogger } from '../../core/logger.ts';
import type { ICertificateMaterial } from '../certificate-source.ts';
import type { Endpoint } from '../endpoint.ts';
import type { ProxyManager } from '../proxy-manager.ts';
import type { RateRule } from '../rate-rule.ts';
import type { Route } from '../route.ts';
import { stateOf } from './following-health.ts';
import type { IEndpointState, IPlanPart, IRouteEntry } from './protocol.ts';

/** Where the truth is, in the main process. */
export interface IPlanSource {
  proxy: ProxyManager;
  certificates: {
    domains(): Iterable<string>;
    find(domain: string): ICertificateMaterial | undefined;
  };
  bus: EventBus;
  logger: ILogger;
  /** Whether places of the route were handed out. */
  isClaimed(routeId: string): boolean;
}

/** Routes of one message: it takes some milliseconds to write, and as long to read. */
const routesPerPart = 500;
const levels: readonly TLogLevel[] = ['error', 'warn', 'info', 'debug'];
/** Events of the data path, which workers send when somebody listens. */
const eventNames: readonly TEventName[] = [
  'request.completed',
  'connection.open',
  'connection.close',
  'listener.paused',
  'listener.resumed',
];

/**
 * What one worker does not know yet. Changes are noted by their ids, and read when they are sent: a
 * route that changes a thousand times meanwhile is sent once.
 */
export class PlanCursor {
  private readonly source: IPlanSource;
  private isNew = true;
  private routes = new Set<string>();
  private domains = new Set<string>();
  /** By group and backend. */
  private health = new Map<string, { group: string; backend: string }>();
  private readonly lists = new Map<string, readonly string[]>();
  private readonly limits = new Map<string, RateRule>();
  private listsRevision = -1;
  private blocked = '[]';
  private switches = '';

  constructor(source: IPlanSource) {
    this.source = source;
  }

  /** A route was set or removed. */
  routeChanged(routeId: string): void {
    // At the end, so that the worker has the routes in the order in which they were set.
    this.routes.delete(routeId);
    this.routes.add(routeId);
  }

  /** A certificate was set or removed. */
  certificateChanged(domain: string): void {
    this.domains.add(domain);
  }

  /** A backend is doing otherwise. */
  healthChanged(group: string, backend: string): void {
    this.health.set(JSON.stringify([group, backend]), { group, backend });
  }

  /** Entries of the TCP plane were set: how their backends are doing is to be told again. */
  tcpChanged(): void {
    for (const { routeId, endpoints } of this.source.proxy.health.allTcpGroups()) {
      for (const endpoint of endpoints) {
        if (isSpecial(endpoint)) this.healthChanged(routeId, endpoint.id);
      }
    }
  }

  /**
   * What is missing, in parts to be sent in this order; what is yielded counts as known. The first
   * time it is everything.
   */
  *parts(): Generator<IPlanPart> {
    const general = this.general();
    if (general !== null) yield general;
    if (this.isNew) {
      this.isNew = false;
      this.routes.clear();
      this.domains = new Set(this.source.certificates.domains());
      yield* this.routeParts(this.source.proxy.router.routes());
    }
    if (this.routes.size > 0) {
      const ids = [...this.routes];
      this.routes.clear();
      yield* this.changedRoutes(ids);
    }
    const rest = this.rest();
    if (rest !== null) yield rest;
  }

  /** Lists and limits, which routes may name, and switches. */
  private general(): IPlanPart | null {
    const { bus, logger, proxy } = this.source;
    const part: IPlanPart = {};
    const lists = this.changedLists();
    if (lists !== null) part.lists = lists;
    const limits = this.changedLimits();
    if (limits !== null) part.limits = limits;
    const logLevels = levels.filter((level) => logger.enabled(level));
    const events = eventNames.filter((name) => bus.has(name));
    const { drainTimeoutMs } = proxy;
    const services = proxy.services.map(({ name, scope, bodyBytesMax }) => {
      return { name, scope, bodyBytesMax };
    });
    const switches = { logLevels, events, drainTimeoutMs, services };
    const text = JSON.stringify(switches);
    if (text !== this.switches) Object.assign(part, switches);
    this.switches = text;
    return Object.keys(part).length === 0 ? null : part;
  }

  private changedLists(): IPlanPart['lists'] | null {
    const { lists } = this.source.proxy;
    if (lists.revision === this.listsRevision) return null;
    this.listsRevision = lists.revision;
    const names = lists.names();
    const set = names.flatMap((name) => {
      const cidrs = lists.get(name)?.cidrs() ?? [];
      if (this.lists.get(name) === cidrs) return [];
      this.lists.set(name, cidrs);
      return [{ name, cidrs }];
    });
    const removed = goneKeys(this.lists, names);
    return set.length + removed.length === 0 ? null : { set, removed };
  }

  private changedLimits(): IPlanPart['limits'] | null {
    const { limits } = this.source.proxy;
    const names = limits.names();
    const set = names.flatMap((name) => {
      const rule = limits.get(name);
      if (rule === undefined || this.limits.get(name) === rule) return [];
      this.limits.set(name, rule);
      return [{ name, limit: rule.limit }];
    });
    const removed = goneKeys(this.limits, names);
    return set.length + removed.length === 0 ? null : { set, removed };
  }

  private *changedRoutes(ids: readonly string[]): Generator<IPlanPart> {
    const { router } = this.source.proxy;
    const removed = ids.filter((id) => router.route(id) === undefined);
    if (removed.length > 0) yield { routes: { set: [], removed } };
    const there = (function* () {
      for (const id of ids) {
        const route = router.route(id);
        if (route !== undefined) yield route;
      }
    })();
    yield* this.routeParts(there);
  }

  private *routeParts(routes: Iterable<Route>): Generator<IPlanPart> {
    let set: IRouteEntry[] = [];
    let health: IEndpointState[] = [];
    for (const route of routes) {
      set.push({ config: route.config, isClaimed: this.source.isClaimed(route.id) });
      for (const endpoint of route.endpoints) {
        if (isSpecial(endpoint)) health.push(stateOf(route.id, endpoint));
      }
      if (set.length < routesPerPart) continue;
      yield { routes: { set, removed: [] }, health };
      set = [];
      health = [];
    }
    if (set.length > 0) yield { routes: { set, removed: [] }, health };
  }

  /** What takes effect after the routes. */
  private rest(): IPlanPart | null {
    const { certificates, proxy } = this.source;
    const part: IPlanPart = {};
    const blocked = proxy.router.blocked();
    const text = JSON.stringify(blocked);
    if (text !== this.blocked) part.blocked = blocked;
    this.blocked = text;
    if (this.domains.size > 0) {
      const domains = [...this.domains];
      this.domains.clear();
      const set = domains.flatMap((domain) => {
        const material = certificates.find(domain);
        return material === undefined ? [] : [{ domain, key: material.key, cert: material.cert }];
      });
      const removed = domains.filter((domain) => certificates.find(domain) === undefined);
      part.certificates = { set, removed };
    }
    if (this.health.size > 0) {
      const states = [...this.health.values()];
      this.health.clear();
      part.health = states.flatMap(({ group, backend }) => {
        const endpoint = this.endpointOf(group, backend);
        return endpoint === undefined ? [] : [stateOf(group, endpoint)];
      });
    }
    return Object.keys(part).length === 0 ? null : part;
  }

  private endpointOf(group: string, backend: string): Endpoint | undefined {
    const { router, health } = this.source.proxy;
    const found = router.route(group) ?? health.tcpGroup(group);
    return found?.endpoints.find(({ id }) => id === backend);
  }
}

/** Whether an endpoint is, or was configured to be, anything but well. */
function isSpecial({ isDead, failureCount, maintenance, config }: Endpoint): boolean {
  if (isDead || maintenance || failureCount > 0) return true;
  return config.isDead || config.maintenance === true || config.failureCount > 0;
}

function goneKeys(known: Map<string, unknown>, names: readonly string[]): string[] {
  const there = new Set(names);
  const gone = [...known.keys()].filter((name) => !there.has(name));
  for (const name of gone) known.delete(name);
  return gone;
}

import { X509Certificate } from 'node:crypto';
import { createSecureContext } from 'node:tls';
import type { Backend, RouteConfig, TRouteInput } from '../../ts_interfaces/index.ts';
import { parseRoute } from '../config/parse.ts';
import type { IClock } from '../core/clock.ts';
import { DcError } from '../core/errors.ts';
import type { EventBus } from '../core/event-bus.ts';
import type { ILogger } from '../core/logger.ts';
import type { Tracker } from '../metrics/tracker.ts';
import type { AddressLists } from '../net/address-list.ts';
import { inspectCertificate } from '../net/certificate.ts';
import type { ILimiters } from '../net/limiters.ts';
import { type AuthProviders, compileAccess } from './access/index.ts';
import type { ICertificateMaterial, ICertificateSource } from './certificate-source.ts';
import { Endpoint } from './endpoint.ts';
import type { HealthMonitor } from './health-monitor.ts';
import { addressKey } from './http/upstream-pool.ts';
import { loadBalancerFor } from './load-balancer.ts';
import type { NamedLimits } from './named-limits.ts';
import { RateLimits } from './rate-limits.ts';
import { RequestQueue } from './request-queue.ts';
import { Route } from './route.ts';
import type { IRouteGuard } from './route-guard.ts';
import { type IRoutePlan, PlanCache } from './route-plan.ts';
import { RouteTable } from './route-table.ts';
import { StandIns, type TRouteConditions } from './stand-ins.ts';

const queueTimeoutMsDefault = 10_000;

/** What a router works with. */
export interface IRouterParts {
  tracker: Tracker;
  health: HealthMonitor;
  bus: EventBus;
  clock: IClock;
  logger: ILogger;
  providers: AuthProviders;
  /** Where the routes' own rate limits live. */
  limiters: ILimiters;
  /** Address lists that access rules may name. */
  lists: AddressLists;
  /** Rate limits that routes may name. */
  limits: NamedLimits;
  /** Called when a certificate that a route brings along has come or gone. */
  onCertificates: () => void;
  /** Makes the queue of a new route. @default one of this process */
  queueFor?: (config: RouteConfig, timeoutMs: number) => RequestQueue;
  /**
   * Another process has checked the certificates of routes and backends already, at a time when
   * they were valid. @default false
   */
  isChecked?: boolean;
}

/**
 * The routes: which there are, and which one takes a request.
 *
 * Every change takes effect with the next request and touches nothing else;
 * requests in flight keep the route that they began with.
 */
export class Router implements ICertificateSource {
  /** What the data path asks. */
  readonly table = new RouteTable<Route>();
  /** Used by the routes that are prepared from now on. */
  providers: AuthProviders;
  private readonly parts: IRouterParts;
  private readonly byId = new Map<string, Route>();
  private readonly plans: PlanCache;
  /** Routes that bring a certificate along, by vHost; the last one's is shown. */
  private readonly certified = new Map<string, Route[]>();
  /** What certificates were warned of when they were looked at. */
  private readonly warnings = new WeakMap<ICertificateMaterial, readonly string[]>();
  private readonly standIns = new StandIns(this.table, (config) => this.prepareRoute(config));

  constructor(parts: IRouterParts) {
    this.parts = parts;
    this.plans = new PlanCache(parts.lists);
    this.providers = parts.providers;
  }

  /** Number of routes. */
  get size(): number {
    return this.byId.size;
  }

  /** The route with an id. */
  route(id: string): Route | undefined {
    return this.byId.get(id);
  }

  /** The route that takes a request; arguments as those of `RouteTable.match`. */
  match(
    host: string,
    method: string,
    path: string,
    headerOf: (name: string) => string | undefined,
  ): Route | undefined {
    return this.table.match(host, method, path, headerOf);
  }

  /** All routes, in the order in which they were added. */
  routes(): IterableIterator<Route> {
    return this.byId.values();
  }

  /**
   * Adds a route; it serves the next request.
   *
   * @throws DcError `ROUTE_INVALID` with every problem, `CERTIFICATE_INVALID`, `ROUTE_EXISTS` for an
   * id that is taken.
   */
  addRoute(input: TRouteInput): Route {
    const route = this.prepareRoute(this.parseNew(input));
    this.setRoute(route);
    return route;
  }

  /** Checks a route that is to be added. @throws DcError `ROUTE_INVALID`, `ROUTE_EXISTS` */
  parseNew(input: TRouteInput): RouteConfig {
    const config = parseRoute(input);
    if (!this.byId.has(config.id)) return config;
    throw new DcError('ROUTE_EXISTS', `Cannot add route "${config.id}": the id is taken`);
  }

  /**
   * Compiles a route; nothing changes before `setRoute`.
   *
   * What the route of the same id has learned goes with it: counters, waiting
   * requests, and the health of backends whose address stays.
   *
   * @param config as `parseRoute` makes it.
   * @param providers who the route may name for authentication. @default those in force
   * @throws DcError `ROUTE_INVALID`, `CERTIFICATE_INVALID`, with the places in the route.
   */
  prepareRoute(config: RouteConfig, providers = this.providers): Route {
    const { tracker, clock } = this.parts;
    const before = this.byId.get(config.id);
    if (this.parts.isChecked !== true) this.check(config);
    const timeoutMs = config.queueTimeoutMs ?? queueTimeoutMsDefault;
    const plan = this.plans.planOf(config);
    return new Route({
      config,
      plan,
      endpoints: config.backends.map((backend) => endpointFor(backend, before)),
      balancer: loadBalancerFor(config.strategy),
      guard: this.guardOf(config, plan),
      access: compileAccess(config, providers),
      counter: before?.counter ?? tracker.route(config.id),
      queue:
        before?.queue ??
        this.parts.queueFor?.(config, timeoutMs) ??
        new RequestQueue(config.reqActiveLength, config.reqQueueLength, timeoutMs, clock),
    });
  }

  /** Puts a prepared route in place of the one with its id, or adds it. */
  setRoute(route: Route): void {
    const { health, bus } = this.parts;
    const { config } = route;
    const before = this.byId.get(route.id);
    for (const [index, backend] of config.backends.entries()) {
      (route.endpoints[index] as Endpoint).config = backend;
      (route.endpoints[index] as Endpoint).weight = backend.weight ?? 1;
    }
    route.guard?.rates?.begin(this.parts.limiters);
    this.standIns.giveWayTo(route);
    if (before !== undefined) this.table.remove(before);
    this.byId.set(route.id, route);
    this.table.add(route);
    health.watch(route);
    if (before !== undefined) {
      health.unwatch(before);
      // The raised limits may let waiting requests go on at once.
      const timeoutMs = config.queueTimeoutMs ?? queueTimeoutMsDefault;
      route.queue.configure(config.reqActiveLength, config.reqQueueLength, timeoutMs);
    }
    if (before?.config.ssl !== undefined) this.dropCertificate(before);
    if (config.ssl !== undefined) this.showCertificate(route, config.ssl);
    const name = before === undefined ? 'route.added' : 'route.changed';
    if (bus.has(name)) bus.emit(name, { routeId: route.id, vHost: route.vHost });
  }

  /** Removes a route; its requests in flight end as they would have. False: there is none. */
  removeRoute(id: string): boolean {
    const { health, bus } = this.parts;
    const route = this.byId.get(id);
    if (route === undefined) return false;
    this.byId.delete(id);
    this.table.remove(route);
    health.unwatch(route);
    if (route.config.ssl !== undefined) this.dropCertificate(route);
    if (bus.has('route.removed')) bus.emit('route.removed', { routeId: id, vHost: route.vHost });
    return true;
  }

  /**
   * Answers 503 to what routes that cannot be used would take, in place of all that was blocked
   * before; a route that is set frees its id, and its conditions.
   */
  block(routes: Iterable<TRouteConditions>): void {
    this.standIns.set(routes);
  }

  /** What is answered 503 in place of routes that cannot be used. */
  blocked(): TRouteConditions[] {
    return this.standIns.conditions();
  }

  /** The certificate that a route brings along for its vHost. */
  find(domain: string): ICertificateMaterial | undefined {
    return this.certified.get(domain)?.at(-1)?.config.ssl;
  }

  private guardOf({ id, rateLimits = [] }: RouteConfig, plan: IRoutePlan): IRouteGuard | null {
    if (rateLimits.length === 0) return plan.guard;
    const rates = new RateLimits(id, rateLimits, this.parts.limits);
    return { rules: plan.guard?.rules ?? null, rates };
  }

  private check({ ssl, vHost, backends }: RouteConfig): void {
    if (ssl !== undefined) this.inspect(ssl, vHost);
    for (const [index, backend] of backends.entries()) checkBackendTls(backend, index);
  }

  private inspect(ssl: ICertificateMaterial, vHost: string): void {
    try {
      const { key, cert } = ssl;
      const input = { key, cert, domain: vHost };
      this.warnings.set(ssl, inspectCertificate(input, this.parts.clock.now()).warnings);
    } catch (cause) {
      if (!(cause instanceof DcError)) throw cause;
      const problems = cause.problems.map((problem) => {
        return { ...problem, path: problem.path === 'domain' ? 'vHost' : `ssl.${problem.path}` };
      });
      throw new DcError(cause.code, cause.message, { cause, problems });
    }
  }

  private showCertificate(route: Route, ssl: ICertificateMaterial): void {
    const { vHost, id: routeId } = route;
    const routes = this.certified.get(vHost);
    if (routes === undefined) this.certified.set(vHost, [route]);
    else routes.push(route);
    const warnings = this.warnings.get(ssl) ?? [];
    if (warnings.length > 0) {
      const message = `The certificate of route "${routeId}" for "${vHost}": ${warnings.join('; ')}`;
      this.parts.logger.warn('certificate.warning', message, { routeId, domain: vHost, warnings });
    }
    this.parts.onCertificates();
  }

  private dropCertificate(route: Route): void {
    const routes = this.certified.get(route.vHost) ?? [];
    const left = routes.filter((other) => other !== route);
    if (left.length === 0) this.certified.delete(route.vHost);
    else this.certified.set(route.vHost, left);
    this.parts.onCertificates();
  }
}

/** The endpoint of a backend: the one from before when the address is the same. */
function endpointFor(backend: Backend, before: Route | undefined): Endpoint {
  const known = before?.endpoints.find(
    (endpoint) => endpoint.id === backend.id && addressKey(endpoint.config) === addressKey(backend),
  );
  return known ?? new Endpoint(backend);
}

function checkBackendTls(backend: Backend, index: number): void {
  const { tls } = backend;
  if (tls === undefined || (tls.ca === undefined && tls.cert === undefined)) return;
  try {
    // OpenSSL passes over authorities that it cannot read, and then trusts nobody.
    const blocks = tls.ca?.match(/-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g);
    for (const block of blocks ?? []) new X509Certificate(block);
    createSecureContext({ ca: tls.ca, cert: tls.cert, key: tls.key });
  } catch (cause) {
    const reason = (cause as { reason?: string }).reason ?? (cause as Error).message;
    const problems = [{ path: `backends[${index}].tls`, message: `cannot be used: ${reason}` }];
    const message = `Cannot use the TLS settings of backend "${backend.id}": ${reason}`;
    throw new DcError('ROUTE_INVALID', message, { cause, problems });
  }
}

import type {
  IHeaderMatch,
  IHealthOptions,
  IPathMatch,
  RouteConfig,
} from '../../ts_interfaces/index.ts';
import type { TrafficCounter } from '../metrics/tracker.ts';
import type { IAccess } from './access/index.ts';
import type { Endpoint } from './endpoint.ts';
import type { IHealthGroup } from './health-monitor.ts';
import type { LoadBalancer } from './load-balancer.ts';
import type { RequestQueue } from './request-queue.ts';
import type { RetryBudget } from './retry-budget.ts';
import type { IRouteGuard } from './route-guard.ts';
import type { IRouteMatch } from './route-match.ts';
import { type IRoutePlan, normalPath } from './route-plan.ts';

/** What a route is made of; `Router` puts it together. */
export interface IRouteParts {
  config: RouteConfig;
  plan: IRoutePlan;
  endpoints: readonly Endpoint[];
  balancer: LoadBalancer;
  guard: IRouteGuard | null;
  access: IAccess | null;
  counter: TrafficCounter;
  queue: RequestQueue;
}

/**
 * A route as the data path uses it: which requests it takes, and the state of its backends.
 *
 * A changed configuration becomes a new `Route`; requests in flight keep the
 * one that they began with. Counter, queue and the endpoints that stayed the
 * same move on to the new one.
 */
export class Route implements IHealthGroup, IRouteMatch {
  readonly config: RouteConfig;
  readonly plan: IRoutePlan;
  readonly endpoints: readonly Endpoint[];
  readonly balancer: LoadBalancer;
  /** Address rules and rate limits; null: it has neither. */
  readonly guard: IRouteGuard | null;
  /** Who is asked for credentials; null: nobody. */
  readonly access: IAccess | null;
  readonly counter: TrafficCounter;
  readonly queue: RequestQueue;
  /** Made by the first retry. */
  retryBudget: RetryBudget | null = null;

  constructor(parts: IRouteParts) {
    this.config = parts.config;
    this.plan = parts.plan;
    this.endpoints = parts.endpoints;
    this.balancer = parts.balancer;
    this.guard = parts.guard;
    this.access = parts.access;
    this.counter = parts.counter;
    this.queue = parts.queue;
  }

  /** Unique name. */
  get id(): string {
    return this.config.id;
  }

  /** Unique name, as the health monitor calls it. */
  get routeId(): string {
    return this.config.id;
  }

  /** Host that it answers for. */
  get vHost(): string {
    return this.config.vHost;
  }

  /** Path conditions, in the normal form that requests have; a string is a prefix. */
  get paths(): readonly (string | IPathMatch)[] | undefined {
    return this.config.paths?.map((path) =>
      typeof path === 'string' ? normalPath(path) : { ...path, path: normalPath(path.path) },
    );
  }

  /** Method conditions. */
  get methods(): readonly string[] | undefined {
    return this.config.methods;
  }

  /** Header conditions. */
  get matchHeaders(): readonly IHeaderMatch[] | undefined {
    return this.config.matchHeaders;
  }

  /** The higher wins. */
  get priority(): number {
    return this.config.priority ?? 0;
  }

  /** How its backends are judged. */
  get health(): IHealthOptions | undefined {
    return this.config.health;
  }
}

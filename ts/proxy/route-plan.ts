import type {
  IHttpLimits,
  IHttpTimeouts,
  IRedirect,
  RouteConfig,
} from '../../ts_interfaces/index.ts';
import { DcError } from '../core/errors.ts';
import { AccessRules } from '../net/access-rules.ts';
import { AddressLists } from '../net/address-list.ts';
import { compileChanges, type ICompiledChanges } from './http/field-lines.ts';
import { resolveDots } from './http/target.ts';
import type { IRouteGuard } from './route-guard.ts';

/** Every limit, with its value. */
export type TLimits = Readonly<Required<IHttpLimits>>;
/** Every timeout, with its value. */
export type TTimeouts = Readonly<Required<IHttpTimeouts>>;

/** Sticky cookie, made ready. */
export interface IStickyPlan {
  readonly cookie: string;
  /** Everything behind the value, e.g. `; Path=/; HttpOnly; SameSite=Lax`. */
  readonly attributes: string;
  /** Adds `; Secure`: always, never, or on TLS connections. */
  readonly secure: boolean | null;
}

/**
 * What a route does with a request, compiled from its configuration and frozen.
 *
 * Routes that do the same share one plan, so that 100,000 plain routes cost
 * one. What is absent is `null`, which costs the request one comparison.
 */
export interface IRoutePlan {
  /** Who may come by address; a route with rate limits has a guard of its own. */
  readonly guard: IRouteGuard | null;
  readonly redirect: Required<IRedirect> | null;
  readonly autoHttps: boolean;
  readonly requestChanges: ICompiledChanges | null;
  readonly responseChanges: ICompiledChanges | null;
  /** Host sent to the backend; null: the client's; '': the backend's own. */
  readonly upstreamHost: string | null;
  readonly stripPrefix: string | null;
  readonly addPrefix: string | null;
  readonly forwarded: boolean;
  readonly allowConnect: boolean;
  readonly sticky: IStickyPlan | null;
  /** Attempts behind the first one. */
  readonly retriesMax: number;
  readonly keepAliveMax: number;
  readonly limits: IHttpLimits | null;
  readonly timeouts: IHttpTimeouts | null;
}

const defaultRetries = 2;
const defaultKeepAliveMax = 256;

/** What `compilePlan` reads of a route, in the order of its key. */
function planSource(config: RouteConfig): unknown[] {
  return [
    config.access,
    config.redirect,
    config.autoHttps,
    config.headers,
    config.requestHeaders,
    config.responseHeaders,
    config.upstreamHost,
    config.stripPrefix,
    config.addPrefix,
    config.forwarded,
    config.allowConnect,
    config.sticky,
    config.retry?.attempts,
    config.keepAliveMax,
    config.limits,
    config.timeouts,
  ];
}

/** Hands out one plan for all routes that do the same. */
export class PlanCache {
  private readonly plans = new Map<string, WeakRef<IRoutePlan>>();
  private readonly lists: AddressLists;
  private sweepAt = 1024;

  /** @param lists what access rules may name. @default none */
  constructor(lists = new AddressLists()) {
    this.lists = lists;
  }

  /**
   * The plan of a route.
   *
   * @throws DcError `ROUTE_INVALID` for header changes that cannot be made, and for access rules
   * that are none.
   */
  planOf(config: RouteConfig): IRoutePlan {
    const key = JSON.stringify(planSource(config));
    const known = this.plans.get(key)?.deref();
    if (known !== undefined) return known;
    const plan = compilePlan(config, this.lists);
    if (this.plans.size >= this.sweepAt) this.sweep();
    this.plans.set(key, new WeakRef(plan));
    return plan;
  }

  private sweep(): void {
    for (const [key, plan] of this.plans) if (plan.deref() === undefined) this.plans.delete(key);
    this.sweepAt = Math.max(1024, this.plans.size * 2);
  }
}

function compilePlan(config: RouteConfig, lists: AddressLists): IRoutePlan {
  const changes = config.requestHeaders ?? {};
  const requestChanges = compileChanges({
    ...changes,
    set: { ...config.headers, ...changes.set },
  });
  return Object.freeze({
    guard: guardOf(config, lists),
    redirect: config.redirect ? { status: 308, ...config.redirect } : null,
    autoHttps: config.autoHttps,
    requestChanges,
    responseChanges: config.responseHeaders ? compileChanges(config.responseHeaders) : null,
    upstreamHost: upstreamHostOf(config, requestChanges),
    // Requests have their paths in normal form.
    stripPrefix: withoutTrailingSlash(config.stripPrefix && normalPath(config.stripPrefix)),
    addPrefix: withoutTrailingSlash(config.addPrefix),
    forwarded: config.forwarded ?? false,
    allowConnect: config.allowConnect ?? false,
    sticky: stickyOf(config),
    retriesMax: config.retry?.attempts ?? defaultRetries,
    keepAliveMax: config.keepAliveMax ?? defaultKeepAliveMax,
    limits: config.limits ?? null,
    timeouts: config.timeouts ?? null,
  } satisfies IRoutePlan);
}

function guardOf({ access, id }: RouteConfig, lists: AddressLists): IRouteGuard | null {
  if (access === undefined) return null;
  try {
    return Object.freeze({ rules: new AccessRules(access, lists), rates: null });
  } catch (cause) {
    if (!(cause instanceof DcError)) throw cause;
    const problems = cause.problems.map((problem) => {
      return { ...problem, path: `access.${problem.path}` };
    });
    const message = `Cannot use the access rules of route "${id}"`;
    throw new DcError('ROUTE_INVALID', message, { cause, problems });
  }
}

/** A configured path as requests have it: escapes of plain characters decoded, dots resolved. */
export function normalPath(path: string): string {
  return resolveDots(path) ?? path;
}

function upstreamHostOf(config: RouteConfig, changes: ICompiledChanges | null): string | null {
  const { upstreamHost } = config;
  if (upstreamHost === 'backend') return '';
  if (upstreamHost !== undefined && upstreamHost !== 'preserve') return upstreamHost.name;
  return changes?.host ?? null;
}

/** '/api/' and '/api' mean the same; '/' means nothing. */
function withoutTrailingSlash(prefix: string | undefined): string | null {
  const text = prefix?.endsWith('/') ? prefix.slice(0, -1) : prefix;
  return text ? text : null;
}

function stickyOf(config: RouteConfig): IStickyPlan | null {
  const { sticky } = config;
  if (sticky === undefined) return null;
  const sameSite = sticky.sameSite ?? 'Lax';
  const maxAge = sticky.maxAgeSeconds === undefined ? '' : `; Max-Age=${sticky.maxAgeSeconds}`;
  return {
    cookie: sticky.cookie ?? 'dcrouter_backend',
    attributes: `; Path=/${maxAge}; HttpOnly; SameSite=${sameSite}`,
    secure: sticky.secure ?? null,
  };
}

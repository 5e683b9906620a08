import type { AddressLists } from '../../net/address-list.ts';
import type { Endpoint } from '../endpoint.ts';
import type { NamedLimits } from '../named-limits.ts';
import type { IPreparedWeb, ProxyManager } from '../proxy-manager.ts';
import type { Route } from '../route.ts';
import type { IPreparedTcp, SmartProxy } from '../tcp/index.ts';
import { type FollowingHealth, takeState } from './following-health.ts';
import type { GivenCertificates } from './given-certificates.ts';
import type { IPlanPart } from './protocol.ts';
import type { SharedQueue } from './shared-queue.ts';

/** What is bound and compiled. */
export interface IPrepared {
  /** null: the web plane stays as it is. */
  web: IPreparedWeb | null;
  tcp: IPreparedTcp;
}

/** What a plan changes. */
export interface IPlanTakerParts {
  proxy: ProxyManager;
  tcp: SmartProxy;
  health: FollowingHealth;
  certificates: GivenCertificates;
  lists: AddressLists;
  limits: NamedLimits;
  /** A route is gone: its queue has to do with main no more. */
  onRetired(queue: SharedQueue): void;
}

/**
 * Takes the parts of a plan in a worker process, compiles them as they come, and puts them in force
 * together. Main has checked all of it: what fails here is a fault of ours.
 */
export class PlanTaker {
  private readonly parts: IPlanTakerParts;
  /** Compiled; null: to be removed. */
  private readonly routes = new Map<string, Route | null>();
  /** Done in this order after the routes. */
  private steps: (() => void)[] = [];

  constructor(parts: IPlanTakerParts) {
    this.parts = parts;
  }

  /** The queue of a route, in force or to come. */
  queueOf(routeId: string): SharedQueue | undefined {
    const route = this.routes.get(routeId) ?? this.parts.proxy.router.route(routeId);
    return route?.queue as SharedQueue | undefined;
  }

  /**
   * Takes a part.
   *
   * @param claimed is told the routes whose places were handed out, before they are compiled.
   * @param prepared what the routes of this plan are compiled for; null: what is in force.
   */
  take(part: IPlanPart, claimed: Set<string>, prepared: IPreparedWeb | null): void {
    const { proxy, lists, limits, certificates } = this.parts;
    // Routes that are compiled next may name them.
    for (const { name, cidrs } of part.lists?.set ?? []) lists.set(name, cidrs);
    for (const { name, limit } of part.limits?.set ?? []) limits.set(name, limit);
    for (const id of part.routes?.removed ?? []) this.routes.set(id, null);
    const providers = prepared?.providers ?? proxy.router.providers;
    for (const { config, isClaimed } of part.routes?.set ?? []) {
      if (isClaimed) claimed.add(config.id);
      this.routes.set(config.id, proxy.router.prepareRoute(config, providers));
      claimed.delete(config.id);
    }
    for (const certificate of part.certificates?.set ?? []) {
      this.steps.push(() => certificates.set(certificate));
    }
    for (const domain of part.certificates?.removed ?? []) {
      this.steps.push(() => certificates.remove(domain));
    }
    const { blocked, health = [], drainTimeoutMs } = part;
    if (blocked !== undefined) this.steps.push(() => proxy.router.block(blocked));
    if (drainTimeoutMs !== undefined) proxy.drainTimeoutMs = drainTimeoutMs;
    for (const state of health) {
      this.steps.push(() => {
        const endpoint = this.endpointOf(state.group, state.backend);
        if (endpoint !== undefined) takeState(endpoint, state);
      });
    }
    for (const name of part.lists?.removed ?? []) this.steps.push(() => lists.delete(name));
    for (const name of part.limits?.removed ?? []) this.steps.push(() => limits.delete(name));
  }

  /** Puts all parts in force. */
  commit(prepared: IPrepared | null): void {
    const { proxy, tcp, onRetired } = this.parts;
    const { router } = proxy;
    const { steps } = this;
    const routes = [...this.routes];
    this.routes.clear();
    this.steps = [];
    if (prepared?.web) proxy.apply(prepared.web);
    if (prepared !== null) tcp.apply(prepared.tcp);
    for (const [id, route] of routes) {
      if (route !== null) continue;
      const before = router.route(id);
      router.removeRoute(id);
      if (before !== undefined) onRetired(before.queue as SharedQueue);
    }
    for (const [, route] of routes) if (route !== null) router.setRoute(route);
    for (const step of steps) step();
  }

  private endpointOf(group: string, backend: string): Endpoint | undefined {
    const { proxy, health } = this.parts;
    const found = proxy.router.route(group) ?? health.tcpGroup(group);
    return found?.endpoints.find(({ id }) => id === backend);
  }
}

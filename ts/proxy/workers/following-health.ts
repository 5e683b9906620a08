import type { Endpoint } from '../endpoint.ts';
import {
  failuresMaxOf,
  HealthMonitor,
  type IHealthGroup,
  type IHealthMonitorParts,
} from '../health-monitor.ts';
import type { IEndpointState, IHealthReport } from './protocol.ts';

/**
 * Health of backends in a worker process. What requests find out goes to the main process, which
 * alone decides, probes, logs and tells all workers. A backend that has failed too often here is out
 * at once, until main says otherwise.
 */
export class FollowingHealth extends HealthMonitor {
  private readonly now: () => number;
  private readonly report: (report: IHealthReport) => void;

  /** @param report takes what main is to know. */
  constructor(parts: IHealthMonitorParts, report: (report: IHealthReport) => void) {
    super(parts);
    this.now = () => parts.clock.now();
    this.report = report;
  }

  override start(): void {
    // Main probes.
  }

  override watch(group: IHealthGroup): void {
    this.remember(group);
    for (const endpoint of group.endpoints) endpoint.watchedBy = group;
  }

  override unwatch(group: IHealthGroup): void {
    this.forget(group);
    for (const endpoint of group.endpoints) {
      if (endpoint.watchedBy === group) endpoint.watchedBy = null;
    }
  }

  override reportFailure(group: IHealthGroup, endpoint: Endpoint, reason: string): void {
    if (endpoint.isDead) return;
    const owner = endpoint.watchedBy ?? group;
    endpoint.failureCount++;
    if (endpoint.failureCount >= failuresMaxOf(owner)) {
      endpoint.isDead = true;
      endpoint.deadSince ??= this.now();
    }
    this.report({ group: owner.routeId, backend: endpoint.id, failure: reason });
  }

  override reportSuccess(group: IHealthGroup, endpoint: Endpoint): void {
    if (endpoint.failureCount === 0 || endpoint.isDead) return;
    endpoint.failureCount = 0;
    const { routeId } = endpoint.watchedBy ?? group;
    this.report({ group: routeId, backend: endpoint.id, failure: null });
  }
}

/** Makes an endpoint what main says. */
export function takeState(endpoint: Endpoint, state: IEndpointState): void {
  endpoint.isDead = state.isDead;
  endpoint.maintenance = state.maintenance;
  endpoint.deadSince = state.deadSince;
  endpoint.failureCount = state.failureCount;
}

/** How an endpoint is doing, for the workers. */
export function stateOf(group: string, endpoint: Endpoint): IEndpointState {
  const { id, isDead, maintenance, deadSince, failureCount } = endpoint;
  return { group, backend: id, isDead, maintenance, deadSince, failureCount };
}

import type { IHealthOptions } from '../../ts_interfaces/index.ts';
import type { IClock } from '../core/clock.ts';
import type { EventBus } from '../core/event-bus.ts';
import type { ILogger } from '../core/logger.ts';
import type { BackendNames } from './backend-names.ts';
import type { Endpoint } from './endpoint.ts';
import { type IProbe, networkProbe } from './probe.ts';
import { type HealthCheck, ProbeSchedule } from './probe-schedule.ts';

/** Share of an interval by which probes are spread, up and down. */
const JITTER = 0.1;

const FAILURES_MAX = 1;
const RECOVERY_INTERVAL_MS = 60_000;
const ACTIVE_INTERVAL_MS = 10_000;
const UNHEALTHY_THRESHOLD = 3;
const HEALTHY_THRESHOLD = 2;

/** How the ids of groups of the TCP plane begin. */
const tcpPrefix = 'tcp:';

/** Endpoints that share health options: those of a route. */
export interface IHealthGroup {
  readonly routeId: string;
  readonly endpoints: readonly Endpoint[];
  readonly health: IHealthOptions | undefined;
  /** How its endpoints are probed. @default the monitor's probe */
  readonly probe?: IProbe;
}

/** What the monitor works with. */
export interface IHealthMonitorParts {
  bus: Pick<EventBus, 'emit'>;
  logger: ILogger;
  clock: IClock;
  /** @default over the network */
  probe?: IProbe;
  /** Where backends by name are, for that one. @default names of its own */
  names?: BackendNames;
  /** 0 (inclusive) to 1 (exclusive). @default Math.random */
  random?: () => number;
}

/**
 * Decides which endpoints are dead, by what requests report and by its own probes, and brings them
 * back. An endpoint that works and has no active checks costs nothing here: only dead and actively
 * checked ones are scheduled.
 */
export class HealthMonitor {
  private readonly bus: Pick<EventBus, 'emit'>;
  private readonly logger: ILogger;
  private readonly clock: IClock;
  private readonly random: () => number;
  private readonly schedule: ProbeSchedule;
  /** Groups of the TCP and UDP plane; those of routes are in the router. */
  private readonly tcpGroups = new Map<string, IHealthGroup>();

  constructor(parts: IHealthMonitorParts) {
    this.bus = parts.bus;
    this.logger = parts.logger;
    this.clock = parts.clock;
    this.random = parts.random ?? Math.random;
    const probe = parts.probe ?? networkProbe(parts.clock, parts.names);
    this.schedule = new ProbeSchedule(parts.clock, probe, (check, failure) =>
      this.conclude(check, failure),
    );
  }

  /** Begins to probe. Until then, and after `stop()`, failures count but nothing is probed. */
  start(): void {
    this.schedule.start();
  }

  /** Gives running probes up and stops the timer. What is dead stays dead; `start()` goes on. */
  stop(): void {
    this.schedule.stop();
  }

  /**
   * Takes over a group's endpoints, with the state that they have. An endpoint that goes from one
   * group to another keeps the date of its next probe if the new group is watched before the old
   * one is unwatched.
   */
  watch(group: IHealthGroup): void {
    this.remember(group);
    for (const endpoint of group.endpoints) {
      endpoint.watchedBy = group;
      this.review(endpoint);
    }
  }

  /** Forgets the group's endpoints, but for those that another group has taken over. */
  unwatch(group: IHealthGroup): void {
    this.forget(group);
    for (const endpoint of group.endpoints) {
      if (endpoint.watchedBy !== group) continue;
      endpoint.watchedBy = null;
      this.schedule.drop(endpoint);
    }
  }

  /**
   * A request failed in a way that is the endpoint's fault; `failuresMax` in a row and it is dead.
   *
   * @param reason for the log and the event, e.g. `ECONNREFUSED`.
   */
  reportFailure(group: IHealthGroup, endpoint: Endpoint, reason: string): void {
    if (endpoint.isDead) return;
    const owner = endpoint.watchedBy ?? group;
    endpoint.failureCount++;
    if (endpoint.failureCount >= failuresMaxOf(owner)) {
      this.bury(owner, endpoint, reason, false);
    }
  }

  /** A request worked: failures count from 0 again. One that is dead already stays so. */
  reportSuccess(_group: IHealthGroup, endpoint: Endpoint): void {
    if (endpoint.failureCount !== 0 && !endpoint.isDead) endpoint.failureCount = 0;
  }

  /** Takes an endpoint out by hand: dead until `markAlive()`, whatever probes would say. */
  markDead(group: IHealthGroup, endpoint: Endpoint): void {
    if (endpoint.maintenance) return;
    endpoint.maintenance = true;
    this.bury(endpoint.watchedBy ?? group, endpoint, 'maintenance', true);
  }

  /** Puts an endpoint back by hand. */
  markAlive(group: IHealthGroup, endpoint: Endpoint): void {
    endpoint.maintenance = false;
    endpoint.failureCount = 0;
    if (endpoint.isDead) this.revive(endpoint.watchedBy ?? group, endpoint);
  }

  /** Seconds until the next probe of the group, at least 1: for `Retry-After` when all are dead. */
  retryAfterSeconds(group: IHealthGroup): number {
    let waitMs = group.health?.recoveryIntervalMs ?? RECOVERY_INTERVAL_MS;
    const now = this.clock.monotonic();
    for (const endpoint of group.endpoints) {
      const check = this.schedule.get(endpoint);
      if (check !== undefined) waitMs = Math.min(waitMs, check.dueAt - now);
    }
    return Math.max(1, Math.ceil(waitMs / 1000));
  }

  /** The group of a TCP or UDP entry, by its `routeId`; undefined: there is none. */
  tcpGroup(id: string): IHealthGroup | undefined {
    return this.tcpGroups.get(id);
  }

  /** All groups of the TCP plane. */
  allTcpGroups(): Iterable<IHealthGroup> {
    return this.tcpGroups.values();
  }

  /** Makes a group known to `tcpGroup`, if it is one of the TCP plane. */
  protected remember(group: IHealthGroup): void {
    if (group.routeId.startsWith(tcpPrefix)) this.tcpGroups.set(group.routeId, group);
  }

  /** Takes that back, unless another group has taken over the id. */
  protected forget(group: IHealthGroup): void {
    if (this.tcpGroups.get(group.routeId) === group) this.tcpGroups.delete(group.routeId);
  }

  private bury(group: IHealthGroup, endpoint: Endpoint, reason: string, byHand: boolean): void {
    const { routeId } = group;
    const backendId = endpoint.id;
    endpoint.deadSince ??= this.clock.now();
    endpoint.isDead = true;
    this.review(endpoint);
    this.logger.warn('backend.dead', `Backend "${backendId}" of route "${routeId}" is dead`, {
      routeId,
      backendId,
      reason,
      maintenance: byHand,
    });
    this.bus.emit('backend.dead', { routeId, backendId, reason, maintenance: byHand });
  }

  private revive(group: IHealthGroup, endpoint: Endpoint): void {
    const { routeId } = group;
    const backendId = endpoint.id;
    const deadMs = this.clock.now() - (endpoint.deadSince ?? this.clock.now());
    endpoint.isDead = false;
    endpoint.deadSince = undefined;
    endpoint.failureCount = 0;
    this.review(endpoint);
    this.logger.info('backend.alive', `Backend "${backendId}" of route "${routeId}" is back`, {
      routeId,
      backendId,
      deadMs,
    });
    this.bus.emit('backend.alive', { routeId, backendId });
  }

  /** Begins, keeps or ends the endpoint's probes, as its state and its group's options want it. */
  private review(endpoint: Endpoint): void {
    const group = endpoint.watchedBy;
    if (group === null) return;
    const active = group.health?.active;
    if (endpoint.maintenance || (active === undefined && !endpoint.isDead)) {
      this.schedule.drop(endpoint);
      return;
    }
    const known = this.schedule.get(endpoint);
    if (known === undefined) {
      // The first active check comes at any time within the interval, so that they spread.
      const pauseMs =
        active === undefined ? this.pauseOf(group) : intervalOf(group) * this.random();
      this.schedule.add(endpoint, pauseMs);
      return;
    }
    known.successes = 0;
    known.failures = 0;
    const latest = this.clock.monotonic() + intervalOf(group) * (1 + JITTER);
    if (known.dueAt > latest) this.schedule.postpone(known, this.pauseOf(group));
  }

  private pauseOf(group: IHealthGroup): number {
    return intervalOf(group) * (1 - JITTER + 2 * JITTER * this.random());
  }

  private conclude(check: HealthCheck, failure: string | null): void {
    const { endpoint } = check;
    const group = endpoint.watchedBy;
    if (group === null) return;
    if (failure === null) {
      check.failures = 0;
      check.successes++;
      const wanted = group.health?.active?.healthyThreshold ?? HEALTHY_THRESHOLD;
      const isEnough = group.health?.active === undefined || check.successes >= wanted;
      if (endpoint.isDead && isEnough) this.revive(group, endpoint);
    } else {
      this.probeFailed(check, group, failure);
    }
    if (this.schedule.get(endpoint) === check) this.schedule.postpone(check, this.pauseOf(group));
  }

  private probeFailed(check: HealthCheck, group: IHealthGroup, reason: string): void {
    const { endpoint } = check;
    check.successes = 0;
    check.failures++;
    if (endpoint.isDead) {
      endpoint.failureCount++;
      this.logger.debug('backend.probeFailed', `Backend "${endpoint.id}" is still dead`, {
        routeId: group.routeId,
        backendId: endpoint.id,
        reason,
      });
      return;
    }
    const wanted = group.health?.active?.unhealthyThreshold ?? UNHEALTHY_THRESHOLD;
    if (check.failures < wanted) return;
    endpoint.failureCount = Math.max(endpoint.failureCount, check.failures);
    this.bury(group, endpoint, reason, false);
  }
}

/** Failures in a row that make an endpoint of the group dead. */
export function failuresMaxOf({ health }: IHealthGroup): number {
  return health?.failuresMax ?? FAILURES_MAX;
}

function intervalOf(group: IHealthGroup): number {
  const { health } = group;
  if (health?.active !== undefined) return health.active.intervalMs ?? ACTIVE_INTERVAL_MS;
  return health?.recoveryIntervalMs ?? RECOVERY_INTERVAL_MS;
}

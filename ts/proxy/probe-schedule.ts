import type { IClock, ITimer } from '../core/clock.ts';
import type { Endpoint } from './endpoint.ts';
import type { IProbe } from './probe.ts';

/** Probes that run at once. */
const PROBES_MAX = 64;

/** Milliseconds between two looks at who is due, so that many checks share one look. */
const LOOK_INTERVAL_MIN_MS = 50;

/** An endpoint that is probed again and again: a dead one, or any where active checks are on. */
export class HealthCheck {
  public readonly endpoint: Endpoint;
  /** Date of the next probe in monotonic milliseconds. */
  public dueAt: number;
  /** Probes in a row that went well. Counted by the monitor. */
  public successes = 0;
  /** Probes in a row that failed. Counted by the monitor. */
  public failures = 0;
  /** Gives the running probe up; null: none runs. Belongs to the schedule. */
  public cancel: (() => void) | null = null;

  constructor(endpoint: Endpoint, dueAt: number) {
    this.endpoint = endpoint;
    this.dueAt = dueAt;
  }
}

/** Takes the result of a probe: null is well. It postpones or drops the check. */
export type TProbeResult = (check: HealthCheck, failure: string | null) => void;

/** Runs probes when they are due, so many at once, with one timer for all of them. */
export class ProbeSchedule {
  private readonly clock: IClock;
  private readonly probe: IProbe;
  private readonly conclude: TProbeResult;
  private readonly checks = new Map<Endpoint, HealthCheck>();
  /** Due checks that wait for one of the PROBES_MAX places, in order. */
  private readonly ready = new Set<HealthCheck>();
  private probing = 0;
  private isRunning = false;
  private timer: ITimer | null = null;
  private timerAt = 0;

  constructor(clock: IClock, probe: IProbe, conclude: TProbeResult) {
    this.clock = clock;
    this.probe = probe;
    this.conclude = conclude;
  }

  /** Begins to probe what is due. */
  start(): void {
    if (this.isRunning) return;
    this.isRunning = true;
    this.look();
  }

  /** Gives running probes up and stops the timer; the checks stay. */
  stop(): void {
    this.isRunning = false;
    this.timer?.cancel();
    this.timer = null;
    this.ready.clear();
    this.probing = 0;
    for (const check of this.checks.values()) {
      check.cancel?.();
      check.cancel = null;
    }
  }

  /** The endpoint's check; undefined when it has none. */
  get(endpoint: Endpoint): HealthCheck | undefined {
    return this.checks.get(endpoint);
  }

  /** Adds a check to an endpoint that has none. */
  add(endpoint: Endpoint, delayMs: number): void {
    const check = new HealthCheck(endpoint, 0);
    this.checks.set(endpoint, check);
    this.postpone(check, delayMs);
  }

  /** Gives a check its next date. */
  postpone(check: HealthCheck, delayMs: number): void {
    check.dueAt = this.clock.monotonic() + delayMs;
    if (this.timer === null || check.dueAt < this.timerAt) this.arm(check.dueAt);
  }

  /** Takes an endpoint's check away, if it has one, and gives its probe up. */
  drop(endpoint: Endpoint): void {
    const check = this.checks.get(endpoint);
    if (check === undefined) return;
    this.checks.delete(endpoint);
    this.ready.delete(check);
    if (check.cancel === null) return;
    check.cancel();
    check.cancel = null;
    this.probing--;
    this.fillPlaces();
  }

  private arm(dueAt: number): void {
    if (!this.isRunning) return;
    this.timer?.cancel();
    const delayMs = Math.max(1, dueAt - this.clock.monotonic());
    this.timerAt = dueAt;
    this.timer = this.clock.setTimeout(() => this.look(), delayMs);
  }

  /** Collects the checks that are due and sets the timer for the next one. */
  private look(): void {
    this.timer?.cancel();
    this.timer = null;
    const now = this.clock.monotonic();
    let next = Number.POSITIVE_INFINITY;
    for (const check of this.checks.values()) {
      if (check.cancel !== null || this.ready.has(check)) continue;
      // A timer may fire a fraction of a millisecond early.
      if (check.dueAt <= now + 1) this.ready.add(check);
      else if (check.dueAt < next) next = check.dueAt;
    }
    if (next !== Number.POSITIVE_INFINITY) this.arm(Math.max(next, now + LOOK_INTERVAL_MIN_MS));
    this.fillPlaces();
  }

  private fillPlaces(): void {
    for (const check of this.ready) {
      if (this.probing >= PROBES_MAX || !this.isRunning) return;
      this.ready.delete(check);
      this.begin(check);
    }
  }

  private begin(check: HealthCheck): void {
    const { endpoint } = check;
    this.probing++;
    const probe = endpoint.watchedBy?.probe ?? this.probe;
    check.cancel = probe.check(endpoint.config, endpoint.watchedBy?.health, (failure) => {
      check.cancel = null;
      this.probing--;
      this.conclude(check, failure);
      this.fillPlaces();
    });
  }
}

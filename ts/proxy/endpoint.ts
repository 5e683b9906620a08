import type { Backend } from '../../ts_interfaces/index.ts';
import { spellPlace } from '../net/ip.ts';
import { hashText } from './hash.ts';
import type { IHealthGroup } from './health-monitor.ts';
import { isService } from './service-name.ts';

/** Milliseconds in which an old latency loses all but 1/e of its say. */
export const LATENCY_DECAY_MS = 10_000;

/** A latency that was measured is never 0: 0 means that there is no measurement. */
const LATENCY_MIN_MS = 0.001;

/**
 * One address that a route forwards to: the backend as configured plus all that changes while it
 * runs. It belongs to one route; the data path, the load balancer and the health monitor write
 * into it directly, so it is one flat object without closures.
 */
export class Endpoint {
  /** The backend as given. Replace it only together with `weight`. */
  public config: Backend;
  /** Share of the requests, at least 1. */
  public weight: number;
  /** Out of rotation. Only the health monitor changes it. */
  public isDead: boolean;
  /** Taken out by hand: no probe brings it back. Only the health monitor changes it. */
  public maintenance: boolean;
  /** Milliseconds since the epoch; undefined while it is alive. */
  public deadSince: number | undefined;
  /** Failures since it last worked. */
  public failureCount: number;
  /** Requests with it now. The data path counts up and down. */
  public active = 0;
  /** Requests sent to it since the start. The data path counts. */
  public requests = 0;
  /** State of the smooth weighted round robin. */
  public currentWeight = 0;
  /** Peak EWMA in milliseconds as of `latencyAt`; 0: nothing was measured yet. */
  public latencyMs = 0;
  /** Monotonic time of the last measurement, in whole milliseconds. */
  public latencyAt = 0;
  /** 32-bit hash of the id, for consistent hashing. */
  public readonly hash: number;
  /** Idle connections; owned by the forwarding code. */
  public pool: unknown = null;
  /** Group whose options decide about its health; null: nobody probes it. Set by the monitor. */
  public watchedBy: IHealthGroup | null = null;

  constructor(config: Backend) {
    this.config = config;
    this.weight = config.weight ?? 1;
    this.maintenance = config.maintenance ?? false;
    this.isDead = config.isDead || this.maintenance;
    this.deadSince = config.deadSince;
    this.failureCount = config.failureCount;
    this.hash = hashText(config.id, 0);
  }

  /** Unique within the route. */
  get id(): string {
    return this.config.id;
  }

  /**
   * Takes in how long an answer took. A slower one counts at once, a faster one by and by: that is
   * what makes the average a peak EWMA, which flees from trouble and comes back slowly.
   *
   * @param ms time to the response's head, in milliseconds.
   * @param now monotonic time, in milliseconds.
   */
  observe(ms: number, now: number): void {
    const sample = ms > LATENCY_MIN_MS ? ms : LATENCY_MIN_MS;
    const old = this.latencyMs;
    if (sample >= old) {
      this.latencyMs = sample;
    } else {
      const elapsed = now - this.latencyAt;
      const share = elapsed > 0 ? Math.exp(-elapsed / LATENCY_DECAY_MS) : 1;
      this.latencyMs = old * share + sample * (1 - share);
    }
    // Whole milliseconds stay small integers, which need no box of their own.
    this.latencyAt = Math.floor(now);
  }
}

/**
 * Where an endpoint is, for people.
 *
 * @param clientPort stands in for the port of one that has none of its own; 0: not known.
 */
export function endpointText({ config }: Endpoint, clientPort: number): string {
  const { hostname, port, socketPath } = config;
  if (socketPath !== undefined) return socketPath;
  const at = isService(config) ? 0 : port || clientPort;
  return at === 0 ? hostname : spellPlace(hostname, at);
}

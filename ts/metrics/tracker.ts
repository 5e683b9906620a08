import type { ITrafficStats } from '../../ts_interfaces/index.ts';
import type { IClock, ITimer } from '../core/clock.ts';
import { bucketOf, Histogram, type IHistogramCounts } from './histogram.ts';

/** The window slides in steps of this length. */
const SLOT_MS = 10_000;
const SLOTS = 6;
const WINDOW_MS = SLOT_MS * SLOTS;

/**
 * Rates of a younger process are taken as if it were this old: one request is not 1000 per second.
 */
const AGE_MIN_MS = 1000;

/**
 * What happened in ten seconds. The histogram has the latencies of the requests that were answered.
 */
class Slot extends Histogram {
  /** Monotonic milliseconds, a multiple of SLOT_MS. */
  public endsAt = 0;
  public requests = 0;
  public errors = 0;

  /** Starts anew, with the memory of the last round. */
  reuse(endsAt: number): void {
    this.clear();
    this.endsAt = endsAt;
    this.requests = 0;
    this.errors = 0;
  }
}

/** The last minute of a counter that has traffic. */
class TrafficWindow {
  public current: Slot;
  public readonly slots = new Array<Slot | null>(SLOTS).fill(null);

  constructor(first: Slot) {
    this.current = first;
  }
}

/** What a counter has counted since it was last asked, as data: for another process. */
export interface ITrafficDelta {
  informational: number;
  success: number;
  redirection: number;
  clientError: number;
  serverError: number;
  aborted: number;
  bytesIn: number;
  bytesOut: number;
  retries: number;
  /** Requests and errors of the window. */
  requests: number;
  errors: number;
  latency: IHistogramCounts;
}

/** Totals since the start, of a counter that has had traffic. */
class Totals {
  public informational = 0;
  public success = 0;
  public redirection = 0;
  public clientError = 0;
  public serverError = 0;
  public aborted = 0;
  public bytesIn = 0;
  public bytesOut = 0;
}

/**
 * Counts the requests of one route, or of all. Costs 72 bytes until the first request, and a few
 * hundred more for as long as its last minute had any.
 */
export class TrafficCounter {
  /** Requests with a backend now. The data path counts up and down. */
  public active = 0;
  /** Requests that wait in the queue now. The data path counts up and down. */
  public queued = 0;
  /** Repeated attempts since the start. The data path counts up. */
  public retries = 0;
  /** Id of the route; null: it counts all. */
  public readonly routeId: string | null;
  private readonly tracker: Tracker;
  private totals: Totals | null = null;
  private window: TrafficWindow | null = null;

  constructor(tracker: Tracker, routeId: string | null) {
    this.tracker = tracker;
    this.routeId = routeId;
  }

  /**
   * Counts a request that was answered.
   *
   * @param status 100 to 599; 500 and above count as errors.
   * @param durationMs milliseconds that go into the latency; negative: none do (e.g. a tunnel).
   * @param bytesIn from the client, head and body; bytesOut the same to the client.
   * @param now monotonic milliseconds.
   */
  record(status: number, durationMs: number, bytesIn: number, bytesOut: number, now: number): void {
    this.recordBucket(status, bucketOf(durationMs), durationMs, bytesIn, bytesOut, now);
  }

  /** `record()` for a caller that knows the latency's bucket, because it has several counters. */
  recordBucket(
    status: number,
    bucket: number,
    durationMs: number,
    bytesIn: number,
    bytesOut: number,
    now: number,
  ): void {
    const totals = this.totals ?? this.begin();
    totals.bytesIn += bytesIn;
    totals.bytesOut += bytesOut;
    const slot = this.slotAt(now);
    slot.requests++;
    if (durationMs >= 0) slot.recordBucket(bucket, durationMs);
    if (status < 300) {
      if (status >= 200) totals.success++;
      else totals.informational++;
    } else if (status < 400) {
      totals.redirection++;
    } else if (status < 500) {
      totals.clientError++;
    } else {
      totals.serverError++;
      slot.errors++;
    }
  }

  /** Counts a request that broke off: an error without a status or a latency. */
  aborted(bytesIn: number, bytesOut: number, now: number): void {
    const totals = this.totals ?? this.begin();
    totals.bytesIn += bytesIn;
    totals.bytesOut += bytesOut;
    totals.aborted++;
    const slot = this.slotAt(now);
    slot.requests++;
    slot.errors++;
  }

  /** The numbers as of now, for the statistics of the API. */
  snapshot(now: number): ITrafficStats {
    const latency = new Histogram();
    let requests = 0;
    let errors = 0;
    const oldest = endOfSlot(now) - WINDOW_MS;
    for (const slot of this.window?.slots ?? []) {
      if (slot === null || slot.endsAt <= oldest) continue;
      requests += slot.requests;
      errors += slot.errors;
      latency.merge(slot);
    }

    // The running slot is not over yet, and a young process has not lived through a whole window.
    const covered = Math.min(now - oldest, now - this.tracker.startedAt);
    const seconds = Math.max(AGE_MIN_MS, covered) / 1000;
    const totals = this.totals ?? new Totals();
    return {
      requests: requestsOf(totals),
      requestsPerSecond: requests / seconds,
      errors: totals.serverError + totals.aborted,
      errorRate: requests === 0 ? 0 : errors / requests,
      statuses: {
        '1xx': totals.informational,
        '2xx': totals.success,
        '3xx': totals.redirection,
        '4xx': totals.clientError,
        '5xx': totals.serverError,
        aborted: totals.aborted,
      },
      active: this.active,
      queued: this.queued,
      retries: this.retries,
      bytesIn: totals.bytesIn,
      bytesOut: totals.bytesOut,
      latency: {
        mean: latency.mean,
        p50: latency.percentile(50),
        p95: latency.percentile(95),
        p99: latency.percentile(99),
        max: latency.max,
      },
      windowSeconds: seconds,
    };
  }

  /**
   * Hands over what was counted since the last call; it is not counted here any more. Who is active
   * and who waits is not part of it.
   */
  drain(): ITrafficDelta {
    const latency = new Histogram();
    let requests = 0;
    let errors = 0;
    for (const slot of this.window?.slots ?? []) {
      if (slot === null || slot.requests === 0) continue;
      requests += slot.requests;
      errors += slot.errors;
      latency.merge(slot);
      slot.reuse(slot.endsAt);
    }
    const { retries } = this;
    const delta = { ...(this.totals ?? new Totals()), retries, requests, errors };
    // The next request begins new ones, which the tracker is told of.
    this.totals = null;
    this.retries = 0;
    return { ...delta, latency: latency.data() };
  }

  /** Counts what another process has counted. @param now monotonic milliseconds. */
  absorb(delta: ITrafficDelta, now: number): void {
    const totals = this.totals ?? this.begin();
    totals.informational += delta.informational;
    totals.success += delta.success;
    totals.redirection += delta.redirection;
    totals.clientError += delta.clientError;
    totals.serverError += delta.serverError;
    totals.aborted += delta.aborted;
    totals.bytesIn += delta.bytesIn;
    totals.bytesOut += delta.bytesOut;
    this.retries += delta.retries;
    const slot = this.slotAt(now);
    slot.requests += delta.requests;
    slot.errors += delta.errors;
    slot.absorb(delta.latency);
  }

  /**
   * Gives the window back if nothing happened in it; says whether there is none now. For the
   * tracker.
   */
  releaseIfIdle(now: number): boolean {
    if (this.window !== null && this.window.current.endsAt <= endOfSlot(now) - WINDOW_MS) {
      this.window = null;
    }
    return this.window === null;
  }

  private begin(): Totals {
    this.totals = new Totals();
    this.tracker.began(this);
    return this.totals;
  }

  private slotAt(now: number): Slot {
    const window = this.window;
    return window !== null && now < window.current.endsAt ? window.current : this.nextSlot(now);
  }

  /** The slow part of a slot's first request. */
  private nextSlot(now: number): Slot {
    const endsAt = endOfSlot(now);
    const index = (endsAt / SLOT_MS) % SLOTS;
    const slot = this.window?.slots[index] ?? new Slot();
    slot.reuse(endsAt);
    if (this.window === null) {
      this.window = new TrafficWindow(slot);
      this.tracker.watch(this);
    }
    this.window.slots[index] = slot;
    this.window.current = slot;
    return slot;
  }
}

/**
 * Keeps the numbers of the traffic, over all and per route. Owns one timer, which runs only while
 * some counter has a window, and never keeps the process alive.
 */
export class Tracker {
  /** Of every request, those without a route too. */
  public readonly total: TrafficCounter;
  /** Monotonic milliseconds. */
  public readonly startedAt: number;
  private readonly clock: IClock;
  private withWindow: TrafficCounter[] = [];
  /** Those that have counted since the last drain; null: nobody drains. */
  private counted: TrafficCounter[] | null = null;
  private timer: ITimer | null = null;

  constructor(clock: IClock) {
    this.clock = clock;
    this.startedAt = clock.monotonic();
    this.total = new TrafficCounter(this, null);
  }

  /** A counter for a route. It needs no closing: drop it with its route. */
  route(routeId: string | null = null): TrafficCounter {
    return new TrafficCounter(this, routeId);
  }

  /** The counters that have counted since the last call; the first call begins to collect them. */
  drainable(): TrafficCounter[] {
    const counted = this.counted ?? [];
    this.counted = [];
    return counted;
  }

  /** A counter counts for the first time since it was drained. For the counters. */
  began(counter: TrafficCounter): void {
    this.counted?.push(counter);
  }

  /**
   * `record()` into the total and into the route's counter (null: there is no route), at one price.
   */
  record(
    route: TrafficCounter | null,
    status: number,
    durationMs: number,
    bytesIn: number,
    bytesOut: number,
    now: number,
  ): void {
    const bucket = bucketOf(durationMs);
    this.total.recordBucket(status, bucket, durationMs, bytesIn, bytesOut, now);
    if (route !== null) route.recordBucket(status, bucket, durationMs, bytesIn, bytesOut, now);
  }

  /** `aborted()` into the total and into the route's counter. */
  aborted(route: TrafficCounter | null, bytesIn: number, bytesOut: number, now: number): void {
    this.total.aborted(bytesIn, bytesOut, now);
    if (route !== null) route.aborted(bytesIn, bytesOut, now);
  }

  /** Takes a counter into the sweep that gives unused windows back. For the counters. */
  watch(counter: TrafficCounter): void {
    this.withWindow.push(counter);
    this.timer ??= this.clock.setTimeout(() => this.sweep(), WINDOW_MS);
  }

  /** Stops the timer; the numbers stay. Recording goes on to work. */
  stop(): void {
    this.timer?.cancel();
    this.timer = null;
  }

  private sweep(): void {
    const now = this.clock.monotonic();
    this.withWindow = this.withWindow.filter((counter) => !counter.releaseIfIdle(now));
    this.timer =
      this.withWindow.length === 0 ? null : this.clock.setTimeout(() => this.sweep(), WINDOW_MS);
  }
}

function endOfSlot(now: number): number {
  return (Math.floor(now / SLOT_MS) + 1) * SLOT_MS;
}

function requestsOf(totals: Totals): number {
  return (
    totals.informational +
    totals.success +
    totals.redirection +
    totals.clientError +
    totals.serverError +
    totals.aborted
  );
}

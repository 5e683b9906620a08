import type { IClock, ITimer } from '../../../core/clock.ts';
import type { SignedZone } from './signed-zone.ts';

/** What is done regularly. */
export interface ISigningWork {
  /** All that are signed. */
  zones(): Iterable<SignedZone>;
  /** Looks after a zone; once a round. */
  tend(zone: SignedZone): void;
  /** The machine's clock was set by that much. */
  clockWasSet(byMs: number): void;
}

const roundMs = 60_000;
/** Between two steps of a round that has more to do. */
const stepMs = 100;
/** Signatures in a step: a few milliseconds. */
const signaturesMax = 200;
const stepWorkMs = 10;
/** Less is a clock that is slewed; signatures begin an hour in the past. */
const clockSetMs = 600_000;

/**
 * Goes through all signed zones every minute, and makes those signatures anew that come to their
 * end: a bounded number at a time, so that answers do not wait for it.
 */
export class SigningRounds {
  private readonly work: ISigningWork;
  private readonly clock: IClock;
  private queue: SignedZone[] = [];
  private timer: ITimer | null = null;
  private offsetMs: number;

  constructor(work: ISigningWork, clock: IClock) {
    this.work = work;
    this.clock = clock;
    this.offsetMs = clock.now() - clock.monotonic();
  }

  /** Begins, if it has not: while nothing is signed there is no timer. */
  start(): void {
    if (this.timer !== null) return;
    this.offsetMs = this.clock.now() - this.clock.monotonic();
    this.arm(roundMs);
  }

  /** Ends; `start` may begin anew. */
  stop(): void {
    this.timer?.cancel();
    this.timer = null;
    this.queue = [];
  }

  private arm(delayMs: number): void {
    this.timer = this.clock.setTimeout(() => this.step(), delayMs);
  }

  private step(): void {
    this.timer = null;
    if (this.queue.length === 0) this.beginRound();
    const startMs = this.clock.monotonic();
    let left = signaturesMax;
    while (left > 0 && this.clock.monotonic() - startMs < stepWorkMs) {
      const zone = this.queue.pop();
      if (zone === undefined) break;
      const renewed = zone.signer.renew(left);
      if (renewed === left) this.queue.push(zone);
      left -= renewed;
    }
    if (this.queue.length > 0) this.arm(stepMs);
    else if (this.hasZones()) this.arm(roundMs);
  }

  private beginRound(): void {
    const offsetMs = this.clock.now() - this.clock.monotonic();
    const setMs = offsetMs - this.offsetMs;
    if (Math.abs(setMs) > clockSetMs) {
      this.offsetMs = offsetMs;
      this.work.clockWasSet(setMs);
    }
    this.queue = [...this.work.zones()];
    for (const zone of this.queue) this.work.tend(zone);
  }

  private hasZones(): boolean {
    for (const _zone of this.work.zones()) return true;
    return false;
  }
}

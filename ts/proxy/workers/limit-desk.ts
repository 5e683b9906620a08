import type { ConnectionCounter } from '../../net/connection-counter.ts';
import type { LocalLimiters } from '../../net/limiters.ts';
import type { IRateVerdict, RateLimiter } from '../../net/rate-limiter.ts';
import type { ILimitAnswers, ILimitQuestions } from './protocol.ts';

/** What a request gets that names a limit which main does not know: a fault of ours, so it passes. */
const passes: IRateVerdict = Object.freeze({
  allowed: true,
  limit: 1,
  remaining: 0,
  resetSeconds: 0,
  retryAfterSeconds: 0,
});

/** Answers the questions of one worker about limits, from the main process's own. */
export class LimitDesk {
  private readonly limiters: LocalLimiters;
  private readonly rates = new Map<number, RateLimiter>();
  private readonly counters = new Map<number, ConnectionCounter>();
  /** What the worker's connections count for, so that it can be taken back when it dies. */
  private readonly entered = new Map<ConnectionCounter, Map<string, number>>();

  constructor(limiters: LocalLimiters) {
    this.limiters = limiters;
  }

  /** @param now monotonic milliseconds. */
  answer(asked: ILimitQuestions, now: number): ILimitAnswers {
    for (const one of asked.open) this.open(one);
    for (const { number, key } of asked.leaves) this.leave(number, key);
    for (const { number, key } of asked.returns) this.rates.get(number)?.giveBack(key);
    const rates = asked.takes.map(({ number, key }) => {
      return this.rates.get(number)?.take(key, now) ?? passes;
    });
    const counts = asked.enters.map(({ number, key, max }) => this.enter(number, key, max));
    for (const number of asked.drop) {
      this.rates.delete(number);
      this.counters.delete(number);
    }
    return { turn: asked.turn, rates, counts };
  }

  /** The worker is gone, and its connections with it. */
  close(): void {
    for (const [counter, keys] of this.entered) {
      for (const [key, count] of keys) for (let left = count; left > 0; left--) counter.leave(key);
    }
    this.entered.clear();
    this.rates.clear();
    this.counters.clear();
  }

  private open({ number, id, settings }: ILimitQuestions['open'][number]): void {
    if (settings === null) {
      this.counters.set(number, this.limiters.connectionCounter(id));
      return;
    }
    // The worker may be behind: what main has in force already stays.
    const known = this.limiters.knownRateLimiter(id);
    this.rates.set(number, known ?? this.limiters.rateLimiter(id, settings));
  }

  private enter(number: number, key: string, max: number): boolean {
    const counter = this.counters.get(number);
    if (counter === undefined) return true;
    if (!counter.enter(key, max)) return false;
    const keys = this.entered.get(counter) ?? new Map<string, number>();
    this.entered.set(counter, keys);
    keys.set(key, (keys.get(key) ?? 0) + 1);
    return true;
  }

  private leave(number: number, key: string): void {
    const counter = this.counters.get(number);
    const keys = counter === undefined ? undefined : this.entered.get(counter);
    const count = keys?.get(key);
    if (counter === undefined || keys === undefined || count === undefined) return;
    counter.leave(key);
    if (count === 1) keys.delete(key);
    else keys.set(key, count - 1);
    if (keys.size === 0) this.entered.delete(counter);
  }
}

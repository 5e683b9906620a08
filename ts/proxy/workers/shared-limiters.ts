import type { IConnectionCounter } from '../../net/connection-counter.ts';
import type { ILimiters } from '../../net/limiters.ts';
import type { IRateLimiter, IRateSettings, IRateVerdict } from '../../net/rate-limiter.ts';
import type { ILimitAnswers, ILimitQuestions } from './protocol.ts';

/** How the limits of a worker reach the main process; what is said in one turn goes together. */
export interface ILimitSender {
  /** Sends the questions that `questions()` hands over, at the end of this turn. */
  schedule(): void;
}

/**
 * The limits of a worker process, which the main process counts: rate limits, and connections per
 * client, are exact over all workers, whatever share of the clients each one serves.
 *
 * Every answer comes later; what was asked within one turn is one message.
 */
export class SharedLimiters implements ILimiters {
  private readonly sender: ILimitSender;
  private readonly rates = new Map<string, WeakRef<SharedRateLimiter>>();
  private readonly counters = new Map<string, WeakRef<SharedCounter>>();
  private readonly waiting = new Map<number, IAsked>();
  private readonly dropped: FinalizationRegistry<{ number: number; id: string }>;
  private asked = newQuestions(1);
  private answers: IAsked = { rates: [], counts: [] };
  private isScheduled = false;
  private lastNumber = 0;

  constructor(sender: ILimitSender) {
    this.sender = sender;
    this.dropped = new FinalizationRegistry(({ number, id }) => {
      this.due().drop.push(number);
      if (this.rates.get(id)?.deref() === undefined) this.rates.delete(id);
      if (this.counters.get(id)?.deref() === undefined) this.counters.delete(id);
    });
  }

  rateLimiter(id: string, settings: IRateSettings): IRateLimiter {
    const known = this.rates.get(id)?.deref();
    if (known !== undefined) return known;
    const number = ++this.lastNumber;
    const limiter = new SharedRateLimiter(this, number);
    this.due().open.push({ number, id, settings: { ...settings } });
    this.rates.set(id, new WeakRef(limiter));
    this.dropped.register(limiter, { number, id });
    return limiter;
  }

  connectionCounter(id: string): IConnectionCounter {
    const known = this.counters.get(id)?.deref();
    if (known !== undefined) return known;
    const number = ++this.lastNumber;
    const counter = new SharedCounter(this, number);
    this.due().open.push({ number, id, settings: null });
    this.counters.set(id, new WeakRef(counter));
    this.dropped.register(counter, { number, id });
    return counter;
  }

  /** What is to be sent; null: nothing. */
  questions(): ILimitQuestions | null {
    if (!this.isScheduled) return null;
    const { asked } = this;
    this.isScheduled = false;
    this.waiting.set(asked.turn, this.answers);
    this.asked = newQuestions(asked.turn + 1);
    this.answers = { rates: [], counts: [] };
    return asked;
  }

  /** Main has answered the questions of one turn. */
  answered({ turn, rates, counts }: ILimitAnswers): void {
    const asked = this.waiting.get(turn);
    this.waiting.delete(turn);
    if (asked === undefined) return;
    for (const [index, answer] of asked.rates.entries()) answer(rates[index] as IRateVerdict);
    for (const [index, answer] of asked.counts.entries()) answer(counts[index] === true);
  }

  /** Asks for one request. */
  take(number: number, key: string, answer: (verdict: IRateVerdict) => void): void {
    this.due().takes.push({ number, key });
    this.answers.rates.push(answer);
  }

  /** Gives one request back. */
  giveBack(number: number, key: string): void {
    this.due().returns.push({ number, key });
  }

  /** Asks for one connection. */
  enter(number: number, key: string, max: number, answer: (entered: boolean) => void): void {
    this.due().enters.push({ number, key, max });
    this.answers.counts.push(answer);
  }

  /** One connection less. */
  leave(number: number, key: string): void {
    this.due().leaves.push({ number, key });
  }

  private due(): ILimitQuestions {
    if (!this.isScheduled) {
      this.isScheduled = true;
      this.sender.schedule();
    }
    return this.asked;
  }
}

/** Those who wait for the answers of one turn, in the order in which they asked. */
interface IAsked {
  readonly rates: ((verdict: IRateVerdict) => void)[];
  readonly counts: ((entered: boolean) => void)[];
}

class SharedRateLimiter implements IRateLimiter {
  /** Main remembers them. */
  readonly keys = 0;
  allowed = 0;
  refused = 0;
  private readonly limiters: SharedLimiters;
  private readonly number: number;

  constructor(limiters: SharedLimiters, number: number) {
    this.limiters = limiters;
    this.number = number;
  }

  take(key: string, _now: number, answer: (verdict: IRateVerdict) => void): null {
    this.limiters.take(this.number, key, (verdict) => {
      if (verdict.allowed) this.allowed++;
      else this.refused++;
      answer(verdict);
    });
    return null;
  }

  giveBack(key: string): void {
    this.allowed--;
    this.limiters.giveBack(this.number, key);
  }

  configure(): void {
    // Main has the configuration as well, and puts it in force.
  }
}

class SharedCounter implements IConnectionCounter {
  private readonly counts = new Map<string, number>();
  private readonly limiters: SharedLimiters;
  private readonly number: number;

  constructor(limiters: SharedLimiters, number: number) {
    this.limiters = limiters;
    this.number = number;
  }

  /** Keys of this process's connections. */
  get keys(): number {
    return this.counts.size;
  }

  enter(key: string, max: number, answer: (entered: boolean) => void): null {
    this.limiters.enter(this.number, key, max, (entered) => {
      if (entered) this.counts.set(key, (this.counts.get(key) ?? 0) + 1);
      answer(entered);
    });
    return null;
  }

  leave(key: string): void {
    const count = this.counts.get(key);
    if (count === undefined) return;
    if (count === 1) this.counts.delete(key);
    else this.counts.set(key, count - 1);
    this.limiters.leave(this.number, key);
  }
}

function newQuestions(turn: number): ILimitQuestions {
  return { turn, open: [], drop: [], takes: [], returns: [], enters: [], leaves: [] };
}

import { type IClock, systemClock } from '../../core/clock.ts';
import { extendedError } from '../codec/edns.ts';
import { lowerName } from '../codec/name.ts';
import { rcode } from '../codec/types.ts';
import {
  askedKey,
  failure,
  type IAnswer,
  type IAnswerSource,
  type IAsked,
  type IBudget,
  isUsable,
  type TTrace,
} from './answer.ts';
import { Budget, type IBudgetLimits } from './budget.ts';
import type { AnswerCache, ICacheEntry } from './cache.ts';
import { Flight, Flights } from './flights.ts';

/** What a caching resolver works with. */
export interface ICachingResolverParts {
  /** Forwards, or recurses. */
  readonly source: IAnswerSource;
  readonly cache: AnswerCache;
  /** @default systemClock */
  readonly clock?: IClock;
  /** What each question may cost. */
  readonly budget?: IBudgetLimits;
  /** Answers that are asked for get refreshed when so little of their TTL is left. @default 0.1 */
  readonly prefetchShare?: number;
  /**
   * Called with errors that are ours, not the servers'; the question gets SERVFAIL.
   * @default thrown to whoever asked
   */
  readonly onFault?: (error: unknown) => void;
  /** Client questions at a time that are not in the cache; more fail at once. @default 1,000 */
  readonly questionsMax?: number;
}

/** An answer, and where it came from. */
export interface ILookupResult {
  readonly answer: IAnswer;
  /** `stale`: it has expired, and the servers do not answer (RFC 8767). */
  readonly origin: 'cache' | 'network' | 'stale';
}

const prefetchShareDefault = 0.1;
/** Answers with a shorter life are not worth it. */
const prefetchLifeMsMin = 10_000;
const questionsMaxDefault = 1000;
/** How long a client with a stale answer at hand waits for a fresh one: RFC 8767 §5. */
const staleWaitMs = 1800;
/** Look-ups within each other: CNAME chains, addresses of name servers, keys. */
const depthMax = 24;

const loopError = { code: extendedError.OTHER, text: 'the question waits for itself' };
const depthError = { code: extendedError.OTHER, text: 'too many names lead to each other' };
const staleError = { code: extendedError.STALE_ANSWER, text: '' };
const staleNameError = { code: extendedError.STALE_NXDOMAIN, text: '' };
const busyError = { code: extendedError.NOT_READY, text: 'too many questions are open' };

/**
 * Puts a cache in front of what asks servers: each question is under way once, answers are renewed
 * before they expire when they are in use, and expired ones are given when the servers fail.
 */
export class CachingResolver {
  private readonly parts: ICachingResolverParts;
  private readonly clock: IClock;
  private readonly flights = new Flights<IAnswer>();
  private renewals = 0;

  constructor(parts: ICachingResolverParts) {
    this.parts = parts;
    this.clock = parts.clock ?? systemClock;
  }

  /** Answers that were renewed before they expired. */
  get prefetches(): number {
    return this.renewals;
  }

  /** Questions that are under way, with those that they lead to. */
  get openQuestions(): number {
    return this.flights.size;
  }

  /**
   * The entry of the cache for a question, ready to be served; null: `lookup` has to be asked. Begins
   * to renew it when it is about to expire.
   */
  peek(asked: IAsked): ICacheEntry | null {
    return this.find(asked, false);
  }

  private find(asked: IAsked, countsMiss: boolean): ICacheEntry | null {
    const entry = this.parts.cache.find(asked, countsMiss);
    if (entry !== null && this.isDue(entry)) this.refresh(asked);
    return entry;
  }

  /**
   * Whether `peek` would give this entry, which it gave before, once more: it costs less than to look
   * for it. False: call `peek`.
   */
  repeat(entry: ICacheEntry): boolean {
    const now = this.clock.monotonic();
    return !this.isDueAt(entry, now) && this.parts.cache.use(entry, now);
  }

  /**
   * Answers a client's question. Never rejects for what servers do: that is SERVFAIL.
   *
   * @param trace is told of each query; then the answer to the question itself is not taken from the
   * cache, but what leads to it may be.
   */
  async lookup(question: IAsked, trace: TTrace | null = null): Promise<ILookupResult> {
    const asked = { ...question, name: lowerName(question.name) };
    const { cache } = this.parts;
    if (trace !== null) return { answer: await this.traced(asked, trace), origin: 'network' };
    const entry = this.find(asked, true);
    if (entry !== null) return { answer: cache.answerOf(entry), origin: 'cache' };
    const stale = cache.findStale(asked);
    if (stale === null) return { answer: await this.fetch(asked, null), origin: 'network' };
    if (!cache.isWaiting(stale)) {
      const answer = await this.within(this.fetch(asked, null), staleWaitMs);
      if (answer !== null && isUsable(answer)) return { answer, origin: 'network' };
    }
    cache.usedStale(stale);
    const told = stale.packed.rcode === rcode.NXDOMAIN ? staleNameError : staleError;
    return { answer: { ...cache.answerOf(stale), extendedError: told }, origin: 'stale' };
  }

  /** Asks the servers and keeps what they say. */
  private fetch(asked: IAsked, needs: INeeds | null): Promise<IAnswer> {
    const key = askedKey(asked.name, asked.type, asked.checkingDisabled);
    const isBusy = this.flights.size >= (this.parts.questionsMax ?? questionsMaxDefault);
    const parent = needs?.flight ?? null;
    if (isBusy && parent === null) return Promise.resolve(failure(busyError));
    const start = (flight: Flight<IAnswer>): Promise<IAnswer> => {
      const budget = needs?.budget ?? new Budget(this.clock, this.parts.budget);
      const depth = needs === null ? 0 : needs.depth + 1;
      return this.work(asked, { flight, budget, depth, trace: needs?.trace ?? null });
    };
    const boarding = this.flights.board(key, parent, start);
    if (boarding === null) return Promise.resolve(failure(loopError));
    if (!boarding.isBorrowed) return boarding.result;
    // It may have failed for want of the other's budget only.
    return boarding.result.then((answer) => {
      if (isUsable(answer)) return answer;
      return this.flights.board(key, parent, start)?.result ?? failure(loopError);
    });
  }

  private traced(asked: IAsked, trace: TTrace): Promise<IAnswer> {
    const key = askedKey(asked.name, asked.type, asked.checkingDisabled);
    const budget = new Budget(this.clock, this.parts.budget);
    return this.work(asked, { flight: new Flight(key, null), budget, depth: 0, trace });
  }

  private async work(asked: IAsked, needs: INeeds): Promise<IAnswer> {
    if (needs.depth > depthMax) return failure(depthError);
    const { source, onFault } = this.parts;
    const { budget, depth, trace } = needs;
    const lookup = (inner: IAsked): Promise<IAnswer> => this.lookupInner(inner, needs);
    let answer: IAnswer;
    try {
      const found = await source.answer(asked, { budget, depth, trace, lookup });
      answer = this.parts.cache.bounded(asked, found);
    } catch (error) {
      if (onFault === undefined) throw error;
      onFault(error);
      return failure(null);
    }
    // A look-up within another one may have failed only for want of budget.
    if (isUsable(answer) || needs.depth === 0) this.parts.cache.store(asked, answer);
    return answer;
  }

  private lookupInner(inner: IAsked, needs: INeeds): Promise<IAnswer> {
    const { cache } = this.parts;
    const entry = cache.find(inner);
    if (entry !== null) return Promise.resolve(cache.answerOf(entry));
    return this.fetch(inner, needs);
  }

  private isDue(entry: ICacheEntry): boolean {
    return this.isDueAt(entry, this.clock.monotonic());
  }

  private isDueAt(entry: ICacheEntry, now: number): boolean {
    const lifeMs = entry.expiresMs - entry.storedMs;
    if (lifeMs < prefetchLifeMsMin) return false;
    const leftMs = entry.expiresMs - now;
    return leftMs <= lifeMs * (this.parts.prefetchShare ?? prefetchShareDefault);
  }

  private refresh(asked: IAsked): void {
    const key = askedKey(asked.name, asked.type, asked.checkingDisabled);
    if (this.flights.has(key)) return;
    this.renewals++;
    void this.fetch(asked, null);
  }

  /** What the promise gives, or null when that takes longer. */
  private within<T>(promise: Promise<T>, ms: number): Promise<T | null> {
    const { promise: late, resolve } = Promise.withResolvers<null>();
    const timer = this.clock.setTimeout(() => resolve(null), ms);
    return Promise.race([promise, late]).finally(() => timer.cancel());
  }
}

/** What a look-up within another one has from it. */
interface INeeds {
  readonly flight: Flight<IAnswer>;
  readonly budget: IBudget;
  readonly depth: number;
  readonly trace: TTrace | null;
}

import type { IRateLimit } from '../../ts_interfaces/index.ts';
import type { ILimiters } from '../net/limiters.ts';
import type { IRateVerdict } from '../net/rate-limiter.ts';
import type { NamedLimits } from './named-limits.ts';
import { RateRule } from './rate-rule.ts';
import type { THeaderOf } from './route-match.ts';

/** What the rate limits of a route say about one request. */
export interface IRateOutcome {
  readonly allowed: boolean;
  /** Until it may be tried again; 0 when it is allowed. */
  readonly retryAfterSeconds: number;
  /** Field lines for the answer, each with its CRLF. */
  readonly lines: string;
}

/** The fields that tell of limits; ours take the place of the backend's. */
export const rateFields = /^RateLimit(?:-(?:Limit|Remaining|Reset|Policy))?:/im;

/**
 * The request rate limits of a route: of its own, and names of shared ones.
 *
 * All of them must allow a request. They are asked in their order; what those before the one that
 * refuses have taken is given back.
 */
export class RateLimits {
  private readonly routeId: string;
  private readonly named: NamedLimits;
  /** Its own ones, and the names of shared ones, which are looked up at each request. */
  private readonly rules: readonly (RateRule | string)[];

  /** @throws RangeError for settings that are not above 0. */
  constructor(routeId: string, limits: readonly (IRateLimit | string)[], named: NamedLimits) {
    this.routeId = routeId;
    this.named = named;
    this.rules = limits.map((limit, index) =>
      typeof limit === 'string' ? limit : new RateRule(`limit-${index + 1}`, limit),
    );
  }

  /** Its settings are in force from now on; to be called before `take`. */
  begin(limiters: ILimiters): void {
    for (const [index, rule] of this.rules.entries()) {
      if (typeof rule !== 'string') rule.begin(limiters, `route:${this.routeId}:${index + 1}`);
    }
  }

  /**
   * Asks whether a request may come.
   *
   * @param headerOf is asked before this returns only.
   * @param now monotonic milliseconds.
   * @param answer called once, later, when null is returned, and else never.
   * @returns null: comes through `answer`.
   */
  take(
    clientIp: string,
    headerOf: THeaderOf,
    now: number,
    answer: (outcome: IRateOutcome) => void,
  ): IRateOutcome | null {
    const { rules, routeId } = this;
    const question = new Question(now, answer);
    for (let index = 0; index < rules.length; index++) {
      const given = rules[index] as RateRule | string;
      const rule = typeof given === 'string' ? this.named.get(given) : given;
      // The configuration has every name that routes use; one that was deleted limits nobody.
      if (rule !== undefined) question.add(rule, rule.keyOf(clientIp, headerOf, routeId));
    }
    return question.goOn();
  }
}

/** One request on its way through the limits. */
class Question {
  private readonly now: number;
  private readonly answer: (outcome: IRateOutcome) => void;
  private readonly rules: RateRule[] = [];
  private readonly keys: string[] = [];
  private readonly verdicts: IRateVerdict[] = [];

  constructor(now: number, answer: (outcome: IRateOutcome) => void) {
    this.now = now;
    this.answer = answer;
  }

  add(rule: RateRule, key: string): void {
    this.rules.push(rule);
    this.keys.push(key);
  }

  goOn(): IRateOutcome | null {
    const { rules, keys, verdicts } = this;
    while (verdicts.length < rules.length) {
      const index = verdicts.length;
      const verdict = (rules[index] as RateRule).take(
        keys[index] as string,
        this.now,
        this.onLater,
      );
      if (verdict === null) return null;
      verdicts.push(verdict);
      if (!verdict.allowed) return this.refused(verdict);
    }
    return { allowed: true, retryAfterSeconds: 0, lines: this.lines() };
  }

  private readonly onLater = (verdict: IRateVerdict): void => {
    this.verdicts.push(verdict);
    const outcome = verdict.allowed ? this.goOn() : this.refused(verdict);
    if (outcome !== null) this.answer(outcome);
  };

  private refused({ retryAfterSeconds }: IRateVerdict): IRateOutcome {
    const { rules, keys, verdicts } = this;
    for (let index = 0; index < verdicts.length - 1; index++) {
      (rules[index] as RateRule).giveBack(keys[index] as string);
    }
    const seconds = Math.max(1, Math.ceil(retryAfterSeconds));
    return { allowed: false, retryAfterSeconds: seconds, lines: this.lines() };
  }

  /** `RateLimit-…` of the tightest limit as most clients know them, and all limits in the new form. */
  private lines(): string {
    const { rules, verdicts } = this;
    let tightest = verdicts[0];
    if (tightest === undefined) return '';
    let policies = '';
    let states = '';
    for (let index = 0; index < verdicts.length; index++) {
      const verdict = verdicts[index] as IRateVerdict;
      const { name, policy } = rules[index] as RateRule;
      if (!verdict.allowed || verdict.remaining < tightest.remaining) tightest = verdict;
      const comma = index === 0 ? '' : ', ';
      policies += comma + policy;
      states += `${comma}"${name}";r=${verdict.remaining};t=${verdict.resetSeconds}`;
    }
    const { limit, remaining, resetSeconds } = tightest;
    return (
      `RateLimit-Limit: ${limit}\r\nRateLimit-Remaining: ${remaining}\r\n` +
      `RateLimit-Reset: ${resetSeconds}\r\n` +
      `RateLimit-Policy: ${policies}\r\nRateLimit: ${states}\r\n`
    );
  }
}

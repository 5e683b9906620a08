import type { IRateLimit } from '../../ts_interfaces/index.ts';
import type { ILimiters } from '../net/limiters.ts';
import { RateRule } from './rate-rule.ts';

/** How a named limit stands. */
export interface ILimitCounts {
  /** Keys that have a bucket now. */
  keys: number;
  /** Requests that were let through since the start. */
  allowed: number;
  /** Requests that were refused since the start. */
  refused: number;
}

/**
 * Rate limits that routes share by name.
 *
 * Routes look them up at each request, so that a change holds for the next one, however many routes
 * name it. What the keys took stays taken.
 */
export class NamedLimits {
  private readonly limiters: ILimiters;
  private readonly rules = new Map<string, RateRule>();

  constructor(limiters: ILimiters) {
    this.limiters = limiters;
  }

  /** Sets or replaces a limit. @throws RangeError for settings that are not above 0. */
  set(name: string, limit: IRateLimit): void {
    const rule = new RateRule(name, limit);
    rule.begin(this.limiters, `limit:${name}`);
    this.rules.set(name, rule);
  }

  /** Takes a limit away; routes that still name it are not limited by it. False: there is none. */
  delete(name: string): boolean {
    return this.rules.delete(name);
  }

  /** The limit as it is in force. */
  get(name: string): RateRule | undefined {
    return this.rules.get(name);
  }

  /** Names of all limits, in the order in which they were first set. */
  names(): string[] {
    return [...this.rules.keys()];
  }

  /** How a limit stands; undefined: there is none. */
  async info(name: string): Promise<ILimitCounts | undefined> {
    return this.rules.get(name)?.counts;
  }
}

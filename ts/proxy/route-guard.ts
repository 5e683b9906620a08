import type { AccessRules } from '../net/access-rules.ts';
import type { RateLimits } from './rate-limits.ts';

/** What a route asks of a request before anything else; a route without both has none. */
export interface IRouteGuard {
  /** Who may come, by address; null: everybody. */
  readonly rules: AccessRules | null;
  /** How many requests may come; null: any number. */
  readonly rates: RateLimits | null;
}

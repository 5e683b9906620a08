import type { IRateLimit } from '../../ts_interfaces/index.ts';
import { clientKey } from '../net/client-prefix.ts';
import type { ILimiters } from '../net/limiters.ts';
import type { IRateLimiter, IRateSettings, IRateVerdict } from '../net/rate-limiter.ts';
import type { THeaderOf } from './route-match.ts';

const prefix4Default = 32;
const prefix6Default = 64;

/** One request rate limit, compiled: which bucket a request takes from, and how it is announced. */
export class RateRule {
  /** As `RateLimit` fields call it. */
  readonly name: string;
  readonly limit: IRateLimit;
  /** Item of `RateLimit-Policy`, e.g. `"api";q=100;w=60`. */
  readonly policy: string;
  private readonly settings: IRateSettings;
  private readonly byRoute: boolean;
  /** Name in lower case; null: the key is none. */
  private readonly header: string | null;
  private readonly prefix4: number;
  private readonly prefix6: number;
  private limiter: IRateLimiter | null = null;

  /** @throws RangeError for settings that are not above 0. */
  constructor(name: string, limit: IRateLimit) {
    const { requests, windowSeconds = 1, burst = requests, key = 'address' } = limit;
    if (!(requests > 0 && windowSeconds > 0 && burst >= 1)) {
      throw new RangeError(`Cannot limit "${name}": requests, window and burst must be above 0`);
    }
    this.name = name.replace(/[^\w.-]/g, '-');
    this.limit = limit;
    this.settings = { amount: requests, windowMs: windowSeconds * 1000, burst };
    // What a bucket holds, and the time in which it fills: so `q` and `w` are true for bursts too.
    const fillSeconds = Math.ceil((burst * windowSeconds) / requests);
    this.policy = `"${this.name}";q=${Math.floor(burst)};w=${fillSeconds}`;
    this.byRoute = key === 'route';
    this.header = typeof key === 'string' ? null : key.header.toLowerCase();
    this.prefix4 = limit.prefix4 ?? prefix4Default;
    this.prefix6 = limit.prefix6 ?? prefix6Default;
  }

  /** It is in force from now on, as the limiter with this id. */
  begin(limiters: ILimiters, id: string): void {
    this.limiter = limiters.rateLimiter(id, this.settings);
  }

  /** The bucket of a request. */
  keyOf(clientIp: string, headerOf: THeaderOf, routeId: string): string {
    if (this.header !== null) return headerOf(this.header) ?? '';
    return this.byRoute ? routeId : clientKey(clientIp, this.prefix4, this.prefix6);
  }

  /** As `IRateLimiter.take`. */
  take(key: string, now: number, answer: (verdict: IRateVerdict) => void): IRateVerdict | null {
    return (this.limiter as IRateLimiter).take(key, now, answer);
  }

  /** As `IRateLimiter.giveBack`. */
  giveBack(key: string): void {
    this.limiter?.giveBack(key);
  }

  /** Keys that are remembered, and requests that were allowed and refused. */
  get counts(): { keys: number; allowed: number; refused: number } {
    const { keys = 0, allowed = 0, refused = 0 } = this.limiter ?? {};
    return { keys, allowed, refused };
  }
}

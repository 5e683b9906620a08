import type { IClock } from '../core/clock.ts';

/** Bad tokens that an address may send in a window. */
const attemptsMax = 20;

/** Length of a window in milliseconds, from an address's first bad token in it. */
const windowMs = 60_000;

/** Addresses that are remembered; beyond, the one that was counted longest ago is forgotten. */
const addressesMax = 10_000;

/**
 * Counts bad tokens per client address. An address that sent too many gets 429 for its next bad
 * ones: guesses are answered without a hint, and a broken script is visible as such.
 *
 * A good token passes all the same. Tokens are 256 random bits, so no guess will ever be one, and
 * otherwise any user of the machine could lock its administrator out by sending rubbish from
 * 127.0.0.1.
 */
export class BadTokenLimiter {
  private readonly clock: IClock;
  private readonly windows = new Map<string, { count: number; endsAt: number }>();

  constructor(clock: IClock) {
    this.clock = clock;
  }

  /**
   * Counts a bad token.
   * @returns 0: answer 401; else the seconds after which it makes sense to come back: answer 429.
   */
  count(address: string): number {
    const key = networkOf(address);
    const now = this.clock.monotonic();
    let window = this.windows.get(key);
    if (window === undefined || window.endsAt <= now) window = { count: 0, endsAt: now + windowMs };
    window.count++;
    // Last in the map is last counted, so the first one is the one to forget.
    this.windows.delete(key);
    this.windows.set(key, window);
    if (this.windows.size > addressesMax) {
      const [oldest] = this.windows.keys();
      if (oldest !== undefined) this.windows.delete(oldest);
    }
    return window.count > attemptsMax ? Math.ceil((window.endsAt - now) / 1000) : 0;
  }
}

/** IPv6 clients own at least a /64, so that is one client. */
function networkOf(address: string): string {
  if (!address.includes(':') || address.startsWith('::ffff:')) return address;
  const [head = '', tail = ''] = address.split('%')[0]?.split('::') ?? [];
  const front = head === '' ? [] : head.split(':');
  const back = tail === '' ? [] : tail.split(':');
  const zeros = address.includes('::') ? 8 - front.length - back.length : 0;
  return [...front, ...Array<string>(Math.max(0, zeros)).fill('0'), ...back].slice(0, 4).join(':');
}

import { createHmac, randomBytes } from 'node:crypto';
import type { IClock } from '../../core/clock.ts';
import { verifyPassword } from '../../core/credentials.ts';
import { RecentMap } from './recent-map.ts';

/** Passwords that are remembered to be right. */
const REMEMBERED_MAX = 10_000;
const REMEMBERED_MS = 60_000;

/** scrypt runs on libuv's four threads, which file access and name look-ups need too. */
const RUNNING_MAX = 2;

/** Verifications that wait for a thread; with a tenth of a second each that is some ten seconds. */
const WAITING_MAX = 256;

/** `busy`: too many wait already; nothing was verified. */
export type TPasswordVerdict = 'right' | 'wrong' | 'busy';

/**
 * Verifies passwords at a bounded cost. A right one is remembered for a minute under a keyed hash
 * (never in clear), equal ones that arrive together are verified once, and only a few run at once.
 * One instance serves all routes.
 */
export class PasswordVerifier {
  private readonly secret = randomBytes(32);
  private readonly remembered: RecentMap<true>;
  private readonly pending = new Map<string, Promise<TPasswordVerdict>>();
  private readonly waiting: (() => void)[] = [];
  private readonly verify: (password: string, hash: string) => Promise<boolean>;
  private running = 0;

  /** @param verify for tests. @default verifyPassword */
  constructor(clock: IClock, verify = verifyPassword) {
    this.remembered = new RecentMap(REMEMBERED_MAX, REMEMBERED_MS, clock);
    this.verify = verify;
  }

  /**
   * Whether the password belongs to the hash; at once when that is remembered. Rejects if scrypt
   * fails.
   */
  check(password: string, hash: string): TPasswordVerdict | Promise<TPasswordVerdict> {
    const key = createHmac('sha256', this.secret).update(`${hash}\0${password}`).digest('base64');
    if (this.remembered.get(key) === true) return 'right';
    const pending = this.pending.get(key);
    if (pending !== undefined) return pending;
    if (this.running >= RUNNING_MAX && this.waiting.length >= WAITING_MAX) return 'busy';

    const started = this.run(key, password, hash).finally(() => this.pending.delete(key));
    this.pending.set(key, started);
    return started;
  }

  private async run(key: string, password: string, hash: string): Promise<TPasswordVerdict> {
    if (this.running >= RUNNING_MAX) {
      // Whoever is done hands its place over, so `running` stays as it is.
      await new Promise<void>((resolve) => this.waiting.push(resolve));
    } else {
      this.running++;
    }
    try {
      if (!(await this.verify(password, hash))) return 'wrong';
      this.remembered.set(key, true);
      return 'right';
    } finally {
      const next = this.waiting.shift();
      if (next === undefined) this.running--;
      else next();
    }
  }
}

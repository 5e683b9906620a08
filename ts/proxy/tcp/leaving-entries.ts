import type { ITcpStats } from '../../../ts_interfaces/index.ts';
import type { IClock } from '../../core/clock.ts';
import { addStats, noStats } from '../tcp-stats.ts';
import type { Entry } from './entry.ts';
import type { Session } from './session.ts';

/** Removed entries whose sessions go on for a while, and the numbers of those that are gone. */
export class LeavingEntries {
  private readonly clock: IClock;
  private readonly entries = new Set<Entry>();
  private readonly past = noStats();
  private onEmpty: (() => void) | null = null;

  constructor(clock: IClock) {
    this.clock = clock;
  }

  /** Takes an entry over. @param sessionsMs how long its sessions may go on. */
  add(entry: Entry, sessionsMs: number): void {
    this.entries.add(entry);
    entry.close(sessionsMs);
    if (entry.isIdle) this.forget(entry);
  }

  /** An entry, maybe one of these, has no session any more. */
  becameIdle(): void {
    for (const entry of this.entries) if (entry.isIdle) this.forget(entry);
    if (this.entries.size === 0) this.onEmpty?.();
  }

  /** Looks at the deadlines of all sessions. @returns whether there is something to look at. */
  check(now: number): boolean {
    let isActive = false;
    for (const entry of this.entries) if (entry.check(now)) isActive = true;
    return isActive;
  }

  /** The numbers of these entries, and of those that are gone. */
  stats(): ITcpStats {
    const sum = { ...this.past };
    for (const entry of this.entries) addStats(sum, entry.stats());
    return sum;
  }

  /** Their sessions that are open. */
  *sessions(): Generator<Session> {
    for (const { sessions } of this.entries) yield* sessions;
  }

  /** Resolves when every session is over, to true, or after a time, to false. */
  empty(timeoutMs: number): Promise<boolean> {
    if (this.entries.size === 0) return Promise.resolve(true);
    if (timeoutMs === 0) return Promise.resolve(false);
    return new Promise((resolve) => {
      const timer = this.clock.setTimeout(() => {
        this.onEmpty = null;
        resolve(false);
      }, timeoutMs);
      this.onEmpty = () => {
        this.onEmpty = null;
        timer.cancel();
        resolve(true);
      };
    });
  }

  /** Closes every session at once. */
  destroy(): void {
    for (const entry of this.entries) entry.destroy();
    for (const entry of this.entries) this.forget(entry);
  }

  private forget(entry: Entry): void {
    if (!this.entries.delete(entry)) return;
    addStats(this.past, { ...entry.stats(), open: 0 });
  }
}

import type { IClock } from '../../../core/clock.ts';
import type { IResolver } from '../../resolver/index.ts';
import type { IZoneBook } from '../types.ts';
import { parentDs, type TParentDs } from './parent-ds.ts';
import type { SignedZone } from './signed-zone.ts';

/** Whom the watch asks and tells. */
export interface IDsWatchParts {
  readonly book: Pick<IZoneBook, 'closest'>;
  readonly resolver: () => IResolver;
  readonly clock: IClock;
  /** What the parent of a zone said. Must not reject. */
  readonly onSeen: (zone: SignedZone, seen: TParentDs) => Promise<void>;
}

/** When a zone is looked at next. */
interface ILook {
  /** On the clock's `monotonic()`. */
  dueMs: number;
  delayMs: number;
}

/** The parent's TTL keeps an answer for longer anyway; a parent may take weeks to act. */
const firstDelayMs = 5 * 60_000;
const delayMsMax = 6 * 3_600_000;
const looksMax = 8;

/** Asks for the DS of zones that wait for it, less and less often; not of any others. */
export class DsWatch {
  private readonly parts: IDsWatchParts;
  private readonly looks = new Map<SignedZone, ILook>();
  private readonly running = new Map<SignedZone, Promise<void>>();

  constructor(parts: IDsWatchParts) {
    this.parts = parts;
  }

  /** Looks when it is time to; to be called regularly. */
  tend(zone: SignedZone): void {
    if (!zone.waitsForParent) {
      this.looks.delete(zone);
      return;
    }
    const nowMs = this.parts.clock.monotonic();
    const look = this.looks.get(zone) ?? { dueMs: nowMs, delayMs: firstDelayMs };
    this.looks.set(zone, look);
    if (nowMs < look.dueMs || this.running.has(zone) || this.running.size >= looksMax) return;
    look.dueMs = nowMs + look.delayMs;
    look.delayMs = Math.min(2 * look.delayMs, delayMsMax);
    const run = this.look(zone).finally(() => this.running.delete(zone));
    this.running.set(zone, run);
  }

  /** The zone is signed no more. */
  forget(zone: SignedZone): void {
    this.looks.delete(zone);
  }

  /** Resolves when no look is under way. */
  async idle(): Promise<void> {
    await Promise.all(this.running.values());
  }

  private async look(zone: SignedZone): Promise<void> {
    const { book, resolver, onSeen } = this.parts;
    const seen = await parentDs(zone.identity, book, resolver());
    if (this.looks.has(zone)) await onSeen(zone, seen);
  }
}

import type { IClock, ITimer } from '../../core/clock.ts';

/** Milliseconds between two looks at who may go on. */
const stepMs = 10;

/** A session that pauses because of its bandwidth. */
export interface IThrottled {
  /** Reads on if its time has come. @returns whether it still has to pause. */
  paced(now: number): boolean;
}

/** Wakes sessions that pause because of their bandwidth: one timer for all, and none while nobody pauses. */
export class Throttle {
  private readonly clock: IClock;
  private readonly sessions = new Set<IThrottled>();
  private timer: ITimer | null = null;

  constructor(clock: IClock) {
    this.clock = clock;
  }

  /** Asks the session until it need not pause any more. */
  add(session: IThrottled): void {
    this.sessions.add(session);
    this.timer ??= this.clock.setTimeout(() => this.run(), stepMs);
  }

  /** The session is over. */
  drop(session: IThrottled): void {
    this.sessions.delete(session);
  }

  private run(): void {
    const now = this.clock.monotonic();
    for (const session of this.sessions) if (!session.paced(now)) this.sessions.delete(session);
    this.timer = this.sessions.size === 0 ? null : this.clock.setTimeout(() => this.run(), stepMs);
  }
}

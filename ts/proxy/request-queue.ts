import type { IClock, ITimer } from '../core/clock.ts';

/** A request that waits for a free place. */
export interface IQueueWaiter {
  /** Where it waits. Belongs to the queue: start it with null and leave it alone. */
  queueEntry: QueueEntry | null;
  /**
   * It has a place now and must give it back with `leave()`. Called from inside `leave()` or
   * `configure()`.
   */
  admitted(): void;
  /** It waited for too long and is out of the queue; it has no place. Called from a timer. */
  expired(): void;
  /**
   * The line turned out to be full, and it is out of it; it has no place. Only where several
   * processes share a queue; there `wait()` returns true before that is known.
   */
  refused(): void;
}

/** A link of the list of those that wait. */
export class QueueEntry {
  public readonly waiter: IQueueWaiter;
  /** Monotonic milliseconds. */
  public readonly since: number;
  /** Names it to whoever is asked for places; 0: nobody is asked. */
  public ticket = 0;
  public previous: QueueEntry | null = null;
  public next: QueueEntry | null = null;

  constructor(waiter: IQueueWaiter, since: number) {
    this.waiter = waiter;
    this.since = since;
  }
}

/** Exists only while somebody waits, so that the many idle queues stay small. */
class WaitingLine {
  public head: QueueEntry | null = null;
  public tail: QueueEntry | null = null;
  public count = 0;
  public timer: ITimer | null = null;
  public isAdmitting = false;
}

/**
 * Back-pressure of a route: so many requests are with the backends, so many wait, the next one is
 * refused. First come, first served. A request asks `tryEnter()`; on false it calls `wait()` in the
 * same turn. Whoever entered or was admitted calls `leave()` exactly once.
 */
export class RequestQueue {
  /** Requests that have a place now. */
  public active = 0;
  protected activeMax: number;
  private queuedMax: number;
  protected timeoutMs: number;
  private readonly clock: IClock;
  private line: WaitingLine | null = null;

  /**
   * @param activeMax places.
   * @param queuedMax requests that may wait for one.
   * @param timeoutMs milliseconds that a request may wait; 0: without end.
   */
  constructor(activeMax: number, queuedMax: number, timeoutMs: number, clock: IClock) {
    this.activeMax = activeMax;
    this.queuedMax = queuedMax;
    this.timeoutMs = timeoutMs;
    this.clock = clock;
  }

  /** Requests that wait now. */
  get queued(): number {
    return this.line === null ? 0 : this.line.count;
  }

  /** Takes a place if one is free and nobody waits for it. */
  tryEnter(): boolean {
    if (this.active >= this.activeMax || (this.line !== null && this.line.count > 0)) return false;
    this.active++;
    return true;
  }

  /** Puts a request at the end of the line; false: the line is full and nothing has changed. */
  wait(waiter: IQueueWaiter): boolean {
    if (waiter.queueEntry !== null) throw new Error('The request waits already');
    if (this.queued >= this.queuedMax) return false;

    this.line ??= new WaitingLine();
    const line = this.line;
    const entry = new QueueEntry(waiter, this.clock.monotonic());
    waiter.queueEntry = entry;
    entry.previous = line.tail;
    if (line.tail === null) line.head = entry;
    else line.tail.next = entry;
    line.tail = entry;
    line.count++;
    if (line.timer === null) this.arm(line);
    return true;
  }

  /**
   * Takes a request out of the line, e.g. because its client is gone; nothing if it does not wait.
   */
  cancel(waiter: IQueueWaiter): void {
    const line = this.line;
    const entry = waiter.queueEntry;
    if (line === null || entry === null) return;
    this.unlink(line, entry);
    this.releaseIfEmpty(line);
  }

  /** Gives a place back; the first in line gets it before this returns. */
  leave(): void {
    if (this.active === 0) throw new Error('A request left that was not in');
    this.active--;
    if (this.line !== null) this.admit(this.line);
  }

  /**
   * Changes the limits. Raised ones admit waiters at once; lowered ones throw nobody out. The new
   * deadline counts for those that wait already.
   */
  configure(activeMax: number, queuedMax: number, timeoutMs: number): void {
    this.activeMax = activeMax;
    this.queuedMax = queuedMax;
    this.timeoutMs = timeoutMs;
    const line = this.line;
    if (line === null) return;
    line.timer?.cancel();
    line.timer = null;
    this.admit(line);
    if (line.count > 0 && line.timer === null) this.arm(line);
  }

  private admit(line: WaitingLine): void {
    // A waiter may leave from inside admitted(); the loop below then goes on, not a recursion.
    if (line.isAdmitting) return;
    line.isAdmitting = true;
    try {
      while (line.head !== null && this.active < this.activeMax) {
        const { waiter } = line.head;
        this.unlink(line, line.head);
        this.active++;
        waiter.admitted();
      }
    } finally {
      line.isAdmitting = false;
      this.releaseIfEmpty(line);
    }
  }

  private arm(line: WaitingLine): void {
    if (this.timeoutMs === 0 || line.head === null) return;
    const waitMs = line.head.since + this.timeoutMs - this.clock.monotonic();
    line.timer = this.clock.setTimeout(() => this.expire(line), Math.max(1, waitMs));
  }

  private expire(line: WaitingLine): void {
    line.timer = null;
    const since = this.clock.monotonic() - this.timeoutMs;
    try {
      while (line.head !== null && line.head.since <= since) {
        const { waiter } = line.head;
        this.unlink(line, line.head);
        waiter.expired();
      }
    } finally {
      if (line.timer === null) this.arm(line);
      this.releaseIfEmpty(line);
    }
  }

  private releaseIfEmpty(line: WaitingLine): void {
    if (line.count > 0 || line.isAdmitting || this.line !== line) return;
    line.timer?.cancel();
    this.line = null;
  }

  /** Somebody has left the line, by whatever way. For those who share the queue with others. */
  protected left(_entry: QueueEntry): void {
    // One process alone need not tell anybody.
  }

  private unlink(line: WaitingLine, entry: QueueEntry): void {
    if (entry.previous === null) line.head = entry.next;
    else entry.previous.next = entry.next;
    if (entry.next === null) line.tail = entry.previous;
    else entry.next.previous = entry.previous;
    line.count--;
    entry.waiter.queueEntry = null;
    this.left(entry);
  }
}

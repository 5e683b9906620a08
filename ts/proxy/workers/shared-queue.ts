import type { IClock } from '../../core/clock.ts';
import { type IQueueWaiter, type QueueEntry, RequestQueue } from '../request-queue.ts';

/** Whom a queue asks for places: the main process, which hands them out over all workers. */
export interface IPlaceDesk {
  /** Processes that share the places. */
  readonly workers: number;
  /** The ticket given out last, over all queues of this process; from 0. */
  lastTicket: number;
  /**
   * A request needs a place that is not here.
   *
   * @param held places that this process has.
   */
  ask(routeId: string, ticket: number, held: number): void;
  /** A request that was asked for needs no place any more. */
  gone(routeId: string, ticket: number): void;
  /**
   * Places go back.
   *
   * @param held those that stay here.
   * @param answers whether this is the answer to `press`.
   */
  give(routeId: string, places: number, held: number, answers: boolean): void;
  /** The numbers of the queue are about to change. */
  touched(queue: SharedQueue): void;
}

const noLimit = Number.MAX_SAFE_INTEGER;

/**
 * Places that each process has without asking, so that the first request of a route need not wait
 * for an answer. All of them together have at most half of the places.
 */
export function placesAtFirst(activeMax: number, workers: number): number {
  return Math.floor(activeMax / (2 * workers));
}

/**
 * The queue of a route in a worker process. It has some of the route's places, lent by the main
 * process, and lets requests in by itself as long as these suffice; then it asks. Both limits, of
 * requests with the backends and of those that wait, are kept over all workers exactly.
 *
 * Within a worker it is first come, first served; among workers the first that asked is served
 * first. Only a queue whose route is removed may exceed its limit, by one request a worker.
 */
export class SharedQueue extends RequestQueue {
  readonly routeId: string;
  /** Whether the desk was told of it since its numbers were taken. */
  isTouched = false;
  private readonly desk: IPlaceDesk;
  /** Asked for, by ticket. */
  private readonly tickets = new Map<number, QueueEntry>();
  /** Tickets up to this one are of an earlier queue of the route. */
  private readonly bornAt: number;
  /** Main knows of its places; until then it has those that each worker has. */
  private isKnown: boolean;
  /** Others wait: every place that is free goes back. */
  private isPressed = false;
  /** Its route is gone: nobody is asked any more. */
  private isRetired = false;

  /**
   * @param activeMax places of all workers together.
   * @param isClaimed main has handed out places already: this one begins without.
   */
  constructor(
    routeId: string,
    activeMax: number,
    timeoutMs: number,
    clock: IClock,
    desk: IPlaceDesk,
    isClaimed: boolean,
  ) {
    const places = isClaimed ? 0 : placesAtFirst(activeMax, desk.workers);
    super(places, noLimit, timeoutMs, clock);
    this.routeId = routeId;
    this.desk = desk;
    this.isKnown = isClaimed;
    this.bornAt = desk.lastTicket;
  }

  /** Places that are here, taken or free. */
  get places(): number {
    return this.activeMax;
  }

  override tryEnter(): boolean {
    if (!this.isTouched) this.desk.touched(this);
    return super.tryEnter();
  }

  /** Puts a request into the line and asks for a place; a full line is told by `refused()`. */
  override wait(waiter: IQueueWaiter): boolean {
    if (!this.isTouched) this.desk.touched(this);
    super.wait(waiter);
    if (this.isRetired) return true;
    const entry = waiter.queueEntry as QueueEntry;
    entry.ticket = ++this.desk.lastTicket;
    this.tickets.set(entry.ticket, entry);
    this.isKnown = true;
    this.desk.ask(this.routeId, entry.ticket, this.activeMax);
    return true;
  }

  override leave(): void {
    if (!this.isTouched) this.desk.touched(this);
    if (!this.isPressed) return super.leave();
    if (this.active === 0) throw new Error('A request left that was not in');
    this.active--;
    this.giveUnused(false);
  }

  override cancel(waiter: IQueueWaiter): void {
    if (!this.isTouched) this.desk.touched(this);
    super.cancel(waiter);
  }

  /**
   * Takes over the time that a request may wait. The limits are main's business, but for the
   * places that each worker has at first.
   */
  override configure(activeMax: number, _queuedMax: number, timeoutMs: number): void {
    const places = this.isKnown ? this.activeMax : placesAtFirst(activeMax, this.desk.workers);
    super.configure(places, noLimit, timeoutMs);
  }

  /** Main lends places; the first of them is for the request with the ticket. */
  grant(ticket: number, places: number): void {
    if (ticket <= this.bornAt) return;
    const entry = this.tickets.get(ticket);
    // Main has struck it off its list already.
    if (entry !== undefined) this.settle(entry);
    this.more(places);
    if (this.isPressed) this.giveUnused(false);
  }

  /** Main says that the line is full. */
  refuse(ticket: number): void {
    const entry = this.tickets.get(ticket);
    if (entry === undefined) return;
    this.settle(entry);
    if (!this.isTouched) this.desk.touched(this);
    const { waiter } = entry;
    super.cancel(waiter);
    waiter.refused();
  }

  /** Others wait: what is free goes back now, and what becomes free as it does. */
  press(): void {
    this.isKnown = true;
    this.isPressed = true;
    this.giveUnused(true);
  }

  /** Nobody else waits any more. */
  calm(): void {
    this.isPressed = false;
  }

  /** The route is gone; what waits is served with the places that are here. */
  retire(): void {
    this.isRetired = true;
    this.isPressed = false;
    for (const entry of this.tickets.values()) entry.ticket = 0;
    this.tickets.clear();
    this.more(this.queued > 0 && this.activeMax === 0 ? 1 : 0);
  }

  protected override left(entry: QueueEntry): void {
    if (entry.ticket === 0) return;
    this.tickets.delete(entry.ticket);
    this.desk.gone(this.routeId, entry.ticket);
  }

  private settle(entry: QueueEntry): void {
    this.tickets.delete(entry.ticket);
    entry.ticket = 0;
  }

  private more(places: number): void {
    if (!this.isTouched) this.desk.touched(this);
    super.configure(this.activeMax + places, noLimit, this.timeoutMs);
  }

  private giveUnused(answers: boolean): void {
    const unused = Math.max(0, this.activeMax - this.active);
    this.activeMax -= unused;
    if (unused > 0 || answers) this.desk.give(this.routeId, unused, this.activeMax, answers);
  }
}

import { placesAtFirst } from './shared-queue.ts';

/** How the broker reaches the queues of the workers. */
export interface IPlaceMessenger {
  /** Lends places; the first is for the request with the ticket. */
  grant(worker: number, routeId: string, ticket: number, places: number): void;
  /** The line is full. */
  refuse(worker: number, routeId: string, ticket: number): void;
  /** Free places are to come back, at once and as they become free; it answers by `give`. */
  press(worker: number, routeId: string): void;
  /** Takes the press back. */
  calm(worker: number, routeId: string): void;
}

/** What a worker has of a route's places. */
interface IHolder {
  /** null: as many as each has at first, or some of them; its answer says. */
  held: number | null;
  isPressed: boolean;
  /** Answers that are still to come. */
  silent: number;
  /** Requests of it that wait. */
  waiting: number;
}

/** A request that waits in some worker. */
interface IWaiting {
  readonly worker: number;
  readonly ticket: number;
  /** Has one of the line's places; else it is not known yet whether there is one. */
  isQueued: boolean;
}

/**
 * The places of one route, lent to the workers: as many requests as `reqActiveLength` says are with
 * the backends, and `reqQueueLength` wait, over all of them.
 *
 * A worker asks when its places do not suffice. What is free is lent, with some to spare. When
 * nothing is free the others are pressed: they give back what they do not use, now and later, until
 * nobody waits any more. Only when all have answered is a request refused.
 */
export class PlaceBroker {
  readonly routeId: string;
  private readonly messenger: IPlaceMessenger;
  private readonly workers: number;
  private readonly holders = new Map<number, IHolder>();
  /** In the order in which they asked. */
  private waiting: IWaiting[] = [];
  /** Of those, the ones that have a place of the line. */
  private queued = 0;
  private activeMax: number;
  private queuedMax: number;

  /**
   * @param workers processes that share the places, running or not.
   * @param present those that may have some by now.
   */
  constructor(
    routeId: string,
    limits: { activeMax: number; queuedMax: number },
    messenger: IPlaceMessenger,
    workers: number,
    present: Iterable<number>,
  ) {
    this.routeId = routeId;
    this.activeMax = limits.activeMax;
    this.queuedMax = limits.queuedMax;
    this.messenger = messenger;
    this.workers = workers;
    for (const worker of present) this.holders.set(worker, newHolder(null));
  }

  /** Whether nobody waits. */
  get isIdle(): boolean {
    return this.waiting.length === 0;
  }

  /** A request of a worker needs a place. @param held places that the worker has. */
  ask(worker: number, ticket: number, held: number): void {
    const holder = this.holderOf(worker);
    holder.held ??= held;
    holder.waiting++;
    this.waiting.push({ worker, ticket, isQueued: false });
    this.settle();
  }

  /** A request waits no more, or was let in by its worker. */
  gone(worker: number, ticket: number): void {
    const index = this.waiting.findIndex((one) => one.worker === worker && one.ticket === ticket);
    if (index === -1) return;
    const [one] = this.waiting.splice(index, 1);
    this.forget(one as IWaiting);
    this.settle();
  }

  /**
   * A worker gives places back.
   *
   * @param held those that it keeps.
   */
  give(worker: number, places: number, held: number, answers: boolean): void {
    const holder = this.holderOf(worker);
    if (holder.held === null) holder.held = held;
    else holder.held = Math.max(0, holder.held - places);
    if (answers) holder.silent--;
    this.settle();
  }

  /** A worker has come and has no places yet. */
  joined(worker: number): void {
    this.holders.set(worker, newHolder(0));
    this.settle();
  }

  /** A worker is gone: its places are free, its requests wait no more. */
  parted(worker: number): void {
    this.holders.delete(worker);
    this.waiting = this.waiting.filter((one) => one.worker !== worker);
    this.queued = this.waiting.filter(({ isQueued }) => isQueued).length;
    this.settle();
  }

  /** A worker has removed the route: what it had is free. */
  retired(worker: number): void {
    this.parted(worker);
    this.holders.set(worker, newHolder(0));
  }

  /** The limits are others now. */
  configure(activeMax: number, queuedMax: number): void {
    this.activeMax = activeMax;
    this.queuedMax = queuedMax;
    this.settle();
  }

  private get free(): number {
    let free = this.activeMax;
    for (const { held } of this.holders.values()) {
      free -= held ?? placesAtFirst(this.activeMax, this.workers);
    }
    return free;
  }

  private settle(): void {
    this.lend();
    this.pressOthers();
    if (this.queued === this.waiting.length) return;
    for (const { silent } of this.holders.values()) if (silent > 0) return;
    this.decide();
    this.pressOthers();
  }

  private lend(): void {
    let { free } = this;
    while (free > 0) {
      const first = this.waiting.shift();
      if (first === undefined) return;
      this.forget(first);
      const spare = this.waiting.length === 0 ? Math.floor((free - 1) / (2 * this.workers)) : 0;
      const places = 1 + spare;
      const holder = this.holderOf(first.worker);
      holder.held = (holder.held ?? 0) + places;
      free -= places;
      this.messenger.grant(first.worker, this.routeId, first.ticket, places);
    }
  }

  /** Who has places while others wait is pressed, and nobody else. */
  private pressOthers(): void {
    const overdrawn = this.free < 0;
    for (const [worker, holder] of this.holders) {
      const shall = overdrawn || this.waiting.length > holder.waiting;
      if (shall === holder.isPressed) continue;
      holder.isPressed = shall;
      if (shall) holder.silent++;
      if (shall) this.messenger.press(worker, this.routeId);
      else this.messenger.calm(worker, this.routeId);
    }
  }

  /** All are known to be busy: who finds no place in the line is refused. */
  private decide(): void {
    const kept: IWaiting[] = [];
    for (const one of this.waiting) {
      if (!one.isQueued && this.queued >= this.queuedMax) {
        this.holderOf(one.worker).waiting--;
        this.messenger.refuse(one.worker, this.routeId, one.ticket);
        continue;
      }
      if (!one.isQueued) this.queued++;
      one.isQueued = true;
      kept.push(one);
    }
    this.waiting = kept;
  }

  /** Somebody is out of the line. */
  private forget({ worker, isQueued }: IWaiting): void {
    this.holderOf(worker).waiting--;
    if (isQueued) this.queued--;
  }

  private holderOf(worker: number): IHolder {
    const known = this.holders.get(worker);
    if (known !== undefined) return known;
    const holder = newHolder(0);
    this.holders.set(worker, holder);
    return holder;
  }
}

function newHolder(held: number | null): IHolder {
  return { held, isPressed: false, silent: 0, waiting: 0 };
}

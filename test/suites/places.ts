import { ManualClock } from '../../ts/core/manual-clock.ts';
import type { IQueueWaiter, QueueEntry } from '../../ts/proxy/request-queue.ts';
import { PlaceBrokers } from '../../ts/proxy/workers/place-brokers.ts';
import type { TPlaceMessage } from '../../ts/proxy/workers/protocol.ts';
import { type IPlaceDesk, SharedQueue } from '../../ts/proxy/workers/shared-queue.ts';

/** A request at a queue, and what became of it. */
export class Visitor implements IQueueWaiter {
  queueEntry: QueueEntry | null = null;
  outcome: 'waits' | 'in' | 'left' | 'refused' | 'expired' | 'gone' = 'waits';
  readonly queue: SharedQueue;

  constructor(queue: SharedQueue) {
    this.queue = queue;
    if (queue.tryEnter()) this.outcome = 'in';
    else queue.wait(this);
  }

  admitted(): void {
    this.outcome = 'in';
  }

  expired(): void {
    this.outcome = 'expired';
  }

  refused(): void {
    this.outcome = 'refused';
  }

  leave(): void {
    this.outcome = 'left';
    this.queue.leave();
  }

  cancel(): void {
    this.outcome = 'gone';
    this.queue.cancel(this);
  }
}

/** Queues of several workers and their broker, with messages that arrive when the test says. */
export class PlaceSimulation {
  readonly clock = new ManualClock();
  readonly brokers: PlaceBrokers;
  readonly queues: SharedQueue[] = [];
  limits: { activeMax: number; queuedMax: number } | undefined;
  private readonly toMain: TPlaceMessage[][] = [];
  private readonly toWorker: TPlaceMessage[][] = [];
  private readonly desks: IPlaceDesk[] = [];

  constructor(workers: number, activeMax: number, queuedMax: number, timeoutMs = 10_000) {
    this.limits = { activeMax, queuedMax };
    const send = (worker: number, message: TPlaceMessage) => {
      this.toWorker[worker]?.push(message);
    };
    this.brokers = new PlaceBrokers(
      {
        grant: (worker, routeId, ticket, places) =>
          send(worker, { type: 'grant', routeId, ticket, places }),
        refuse: (worker, routeId, ticket) => send(worker, { type: 'refuse', routeId, ticket }),
        press: (worker, routeId) => send(worker, { type: 'press', routeId }),
        calm: (worker, routeId) => send(worker, { type: 'calm', routeId }),
      },
      () => this.limits,
      workers,
    );
    for (let worker = 0; worker < workers; worker++) this.begin(worker, workers, timeoutMs);
  }

  /** A worker's process ends, and another one takes its place. */
  replace(worker: number): void {
    this.brokers.parted(worker);
    this.begin(worker, this.queues.length, 10_000);
  }

  /** The limits change, first in the main process. */
  configure(activeMax: number, queuedMax: number): void {
    this.limits = { activeMax, queuedMax };
    this.brokers.review('a');
    for (const queue of this.queues) queue.configure(activeMax, queuedMax, 10_000);
  }

  /** A request comes to a worker. */
  visit(worker: number): Visitor {
    return new Visitor(this.queues[worker] as SharedQueue);
  }

  /** Messages that are on their way. */
  get pending(): number {
    return [...this.toMain, ...this.toWorker].reduce((sum, { length }) => sum + length, 0);
  }

  /** The next message from or to a worker arrives. False: there is none. */
  deliver(worker: number, direction: 'toMain' | 'toWorker'): boolean {
    const message = this[direction][worker]?.shift();
    if (message === undefined) return false;
    if (direction === 'toWorker') this.takeInWorker(worker, message);
    else this.takeInMain(worker, message);
    return true;
  }

  /** All messages arrive, and those that they cause. */
  settle(): void {
    while (this.pending > 0) {
      for (let worker = 0; worker < this.queues.length; worker++) {
        while (this.deliver(worker, 'toMain'));
        while (this.deliver(worker, 'toWorker'));
      }
    }
  }

  /** Places that the queues believe to have. */
  get places(): number {
    return this.queues.reduce((sum, { places }) => sum + places, 0);
  }

  private begin(worker: number, workers: number, timeoutMs: number): void {
    const toMain: TPlaceMessage[] = [];
    this.toMain[worker] = toMain;
    this.toWorker[worker] = [];
    const desk: IPlaceDesk = {
      workers,
      lastTicket: 0,
      ask: (routeId, ticket, held) => toMain.push({ type: 'ask', routeId, ticket, held }),
      gone: (routeId, ticket) => toMain.push({ type: 'gone', routeId, ticket }),
      give: (routeId, places, held, answers) =>
        toMain.push({ type: 'give', routeId, places, held, answers }),
      touched: () => undefined,
    };
    this.desks[worker] = desk;
    const isClaimed = this.brokers.isClaimed('a');
    const activeMax = this.limits?.activeMax ?? 0;
    this.queues[worker] = new SharedQueue('a', activeMax, timeoutMs, this.clock, desk, isClaimed);
    this.brokers.joined(worker);
  }

  private takeInMain(worker: number, message: TPlaceMessage): void {
    const { brokers } = this;
    const { routeId } = message;
    if (message.type === 'ask') brokers.ask(worker, routeId, message.ticket, message.held);
    else if (message.type === 'gone') brokers.gone(worker, routeId, message.ticket);
    else if (message.type === 'retired') brokers.retired(worker, routeId);
    else if (message.type === 'give') {
      brokers.give(worker, routeId, message.places, message.held, message.answers);
    }
  }

  private takeInWorker(worker: number, message: TPlaceMessage): void {
    const queue = this.queues[worker] as SharedQueue;
    if (message.type === 'grant') queue.grant(message.ticket, message.places);
    else if (message.type === 'refuse') queue.refuse(message.ticket);
    else if (message.type === 'press') queue.press();
    else if (message.type === 'calm') queue.calm();
  }
}

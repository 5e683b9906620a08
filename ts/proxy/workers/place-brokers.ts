import { type IPlaceMessenger, PlaceBroker } from './place-broker.ts';

/** What the places of a route are limited to; undefined: there is no such route. */
export type TLimitsOf = (routeId: string) => { activeMax: number; queuedMax: number } | undefined;

/** What a request gets whose route has no limits any more: it was removed meanwhile. */
const placesOfGoneRoute = 1;

/** The brokers of all routes whose workers have asked for places. */
export class PlaceBrokers {
  private readonly messenger: IPlaceMessenger;
  private readonly limitsOf: TLimitsOf;
  private readonly workers: number;
  private readonly present = new Set<number>();
  private readonly brokers = new Map<string, PlaceBroker>();

  /** @param workers processes that share the places, running or not. */
  constructor(messenger: IPlaceMessenger, limitsOf: TLimitsOf, workers: number) {
    this.messenger = messenger;
    this.limitsOf = limitsOf;
    this.workers = workers;
  }

  /** Whether places of the route were handed out: who comes now begins without any. */
  isClaimed(routeId: string): boolean {
    return this.brokers.has(routeId);
  }

  /** A worker has been told the routes, with what `isClaimed` said at that time. */
  joined(worker: number): void {
    this.present.add(worker);
    for (const broker of this.brokers.values()) broker.joined(worker);
  }

  /** A worker is gone. */
  parted(worker: number): void {
    this.present.delete(worker);
    for (const broker of this.brokers.values()) broker.parted(worker);
  }

  /** As `PlaceBroker.ask`. */
  ask(worker: number, routeId: string, ticket: number, held: number): void {
    const broker = this.brokers.get(routeId) ?? this.open(routeId);
    if (broker === null) this.messenger.grant(worker, routeId, ticket, placesOfGoneRoute);
    else broker.ask(worker, ticket, held);
  }

  /** As `PlaceBroker.gone`. */
  gone(worker: number, routeId: string, ticket: number): void {
    this.brokers.get(routeId)?.gone(worker, ticket);
  }

  /** As `PlaceBroker.give`. */
  give(worker: number, routeId: string, places: number, held: number, answers: boolean): void {
    this.brokers.get(routeId)?.give(worker, places, held, answers);
  }

  /** As `PlaceBroker.retired`. */
  retired(worker: number, routeId: string): void {
    this.brokers.get(routeId)?.retired(worker);
    this.review(routeId);
  }

  /** A route was set or removed: its limits may be others. */
  review(routeId: string): void {
    const broker = this.brokers.get(routeId);
    if (broker === undefined) return;
    const limits = this.limitsOf(routeId);
    if (limits !== undefined) broker.configure(limits.activeMax, limits.queuedMax);
    else if (broker.isIdle) this.brokers.delete(routeId);
  }

  private open(routeId: string): PlaceBroker | null {
    const limits = this.limitsOf(routeId);
    if (limits === undefined) return null;
    const { messenger, workers, present } = this;
    const broker = new PlaceBroker(routeId, limits, messenger, workers, present);
    this.brokers.set(routeId, broker);
    return broker;
  }
}

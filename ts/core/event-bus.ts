import { rxjs } from '@push.rocks/smartrx';
import type { IEventMap, TEventName } from '../../ts_interfaces/data/event.ts';
import { type ILogger, silentLogger } from './logger.ts';

/** Takes an event's payload. What it throws, or rejects with, is logged and stops nobody else. */
export type TEventListener<N extends TEventName> = (payload: IEventMap[N]) => unknown;

/**
 * Announces what happened to whoever listens; nothing waits for a listener.
 *
 * Listeners run synchronously, in the order in which they came. A payload is shared by all of
 * them: look, do not change it. Whoever calls `on` or subscribes to `observe` also leaves.
 */
export class EventBus {
  /** Called when the first listener of an event has come, or the last one has left. */
  onInterest: (() => void) | null = null;
  private readonly logger: ILogger;
  /** Has an entry only while somebody listens, so that `has` is one look-up. */
  private readonly subjects = new Map<TEventName, rxjs.Subject<unknown>>();

  constructor(logger: ILogger = silentLogger) {
    this.logger = logger;
  }

  /** Whether somebody listens: the hot path asks before it builds the payload. */
  has(name: TEventName): boolean {
    return this.subjects.has(name);
  }

  /** Calls every listener of the event; never throws. */
  emit<N extends TEventName>(name: N, payload: IEventMap[N]): void {
    this.subjects.get(name)?.next(payload);
  }

  /**
   * Calls the listener for each event of the name, from now on.
   *
   * @returns leaves: the listener is not called again. Calling it twice is harmless.
   */
  on<N extends TEventName>(name: N, listener: TEventListener<N>): () => void {
    const known = this.subjects.get(name);
    const subject = known ?? new rxjs.Subject<unknown>();
    if (known === undefined) {
      this.subjects.set(name, subject);
      this.onInterest?.();
    }
    const subscription = subject.subscribe((payload) =>
      this.call(name, listener, payload as IEventMap[N]),
    );
    return () => {
      subscription.unsubscribe();
      if (subject.observed || this.subjects.get(name) !== subject) return;
      this.subjects.delete(name);
      this.onInterest?.();
    };
  }

  /**
   * The event as an rxjs observable that never completes; each subscription listens by itself.
   * A subscriber that throws is logged; it goes on receiving.
   */
  observe<N extends TEventName>(name: N): rxjs.Observable<IEventMap[N]> {
    return new SafeObservable<IEventMap[N]>(
      (error) => this.listenerFailed(name, error),
      (subscriber) => this.on(name, (payload) => subscriber.next(payload)),
    );
  }

  private call<N extends TEventName>(
    name: N,
    listener: TEventListener<N>,
    payload: IEventMap[N],
  ): void {
    try {
      const result = listener(payload);
      if (result instanceof Promise) {
        result.catch((error: unknown) => this.listenerFailed(name, error));
      }
    } catch (error) {
      this.listenerFailed(name, error);
    }
  }

  private listenerFailed(name: TEventName, error: unknown): void {
    this.logger.error('event.listenerFailed', `A listener of "${name}" failed`, { name, error });
  }
}

/**
 * rxjs turns what a subscriber throws into an uncaught exception, which ends the process.
 * This one, and what is piped from it, reports instead.
 */
class SafeObservable<T> extends rxjs.Observable<T> {
  private readonly report: (error: unknown) => void;

  constructor(
    report: (error: unknown) => void,
    subscribe?: (subscriber: rxjs.Observer<T>) => () => void,
  ) {
    super(subscribe);
    this.report = report;
  }

  /** How `pipe` derives the next observable: of the same kind, so that it reports too. */
  override lift<R>(operator?: rxjs.Observable<R>['operator']): rxjs.Observable<R> {
    const lifted = new SafeObservable<R>(this.report);
    lifted.source = this;
    lifted.operator = operator;
    return lifted;
  }

  override subscribe(
    next?: Partial<rxjs.Observer<T>> | ((value: T) => void) | null,
    error?: ((error: unknown) => void) | null,
    complete?: (() => void) | null,
  ): rxjs.Subscription {
    // The inner end of a pipe: its outer end is a subscription of its own, below.
    if (next instanceof rxjs.Subscription)
      return super.subscribe(next as Partial<rxjs.Observer<T>>);
    const observer: Partial<rxjs.Observer<T>> =
      typeof next === 'function' || !next
        ? { next: next ?? undefined, error: error ?? undefined, complete: complete ?? undefined }
        : next;
    return super.subscribe({
      next: (value) => this.guard(() => observer.next?.(value)),
      error: (cause) =>
        this.guard(() => (observer.error ? observer.error(cause) : this.report(cause))),
      complete: () => this.guard(() => observer.complete?.()),
    });
  }

  private guard(run: () => void): void {
    try {
      run();
    } catch (error) {
      this.report(error);
    }
  }
}

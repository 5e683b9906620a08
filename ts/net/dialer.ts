import { lookup } from 'node:dns';
import { isIP } from 'node:net';
import { type IClock, type ITimer, systemClock } from '../core/clock.ts';
import { isLastDescriptor } from './descriptors.ts';
import { type ITcpHandle, newTcpClient, systemError, TcpConnectRequest } from './handles.ts';

/** A place that a name stands for. */
export interface IDialPlace {
  /** IP address. */
  readonly address: string;
  /** 0: that of the route. */
  readonly port: number;
}

/** Where a name leads: asked for one connection. */
export interface IDialRoute<TPlace extends IDialPlace = IDialPlace> {
  readonly clock: IClock;
  /** For places without a port of their own. */
  readonly port: number;
  /**
   * Finds the places, in the order in which they are to be tried. Calls once: at once where they
   * are known, else later.
   *
   * @returns takes it back; nothing is called then.
   */
  look(then: (error: Error | null, places: readonly TPlace[]) => void): () => void;
  /** A place answered (null), or did not, or not in time. */
  settled(place: TPlace, error: Error | null): void;
}

/** Milliseconds until the next place is tried beside one that has not answered yet (RFC 8305 §5). */
const staggerMs = 250;
/** libuv's status, which is the kernel's on Linux. */
const tooManyFiles = -24;

/** Failures that say how we are connected, rather than how the backend is. */
const ownFailures: ReadonlySet<string> = new Set([
  'EADDRNOTAVAIL',
  'EAFNOSUPPORT',
  'ENETUNREACH',
  'EHOSTUNREACH',
]);

interface IAttempt<TPlace> {
  readonly handle: ITcpHandle;
  readonly place: TPlace;
  readonly startedAt: number;
}

/** Tries the places of a route until one answers; one that is slow does not hold up the next. */
export class Dialer<TPlace extends IDialPlace = IDialPlace> {
  private readonly route: IDialRoute<TPlace>;
  private readonly done: (error: Error | null, handle: ITcpHandle | null) => void;
  private readonly attempts = new Set<IAttempt<TPlace>>();
  private places: readonly TPlace[] = [];
  private at = 0;
  private timer: ITimer | null = null;
  private failure: (Error & { code?: string }) | null = null;
  private isOver = false;
  private giveUp: (() => void) | null = null;

  /** @param done called once, perhaps before this returns, with a handle that is then the caller's. */
  constructor(
    route: IDialRoute<TPlace>,
    done: (error: Error | null, handle: ITcpHandle | null) => void,
  ) {
    this.route = route;
    this.done = done;
  }

  /** Begins, unless it was given up already. */
  start(): void {
    if (this.isOver) return;
    this.giveUp = this.route.look((error, places) => {
      if (this.isOver) return;
      if (error !== null) return this.finish(error, null);
      this.places = places;
      this.tryNext();
    });
  }

  /** Gives up; `done` is not called any more. */
  cancel(): void {
    if (this.isOver) return;
    const late = this.route.clock.monotonic() - staggerMs;
    for (const { place, startedAt } of this.attempts) {
      if (startedAt <= late) this.route.settled(place, timeoutError(place));
    }
    this.end();
    this.giveUp?.();
  }

  private tryNext(): void {
    this.timer?.cancel();
    this.timer = null;
    while (this.at < this.places.length) {
      const place = this.places[this.at++] as TPlace;
      if (!this.begin(place)) continue;
      if (this.at < this.places.length) {
        this.timer = this.route.clock.setTimeout(() => this.tryNext(), staggerMs);
      }
      return;
    }
    if (this.attempts.size > 0) return;
    this.finish(this.failure ?? new Error('There is no address to connect to'), null);
  }

  /** @returns false: it has failed already. */
  private begin(place: TPlace): boolean {
    const handle = newTcpClient();
    const { address } = place;
    const port = place.port || this.route.port;
    const attempt = { handle, place, startedAt: this.route.clock.monotonic() };
    const request = new TcpConnectRequest();
    request.place = `${address}:${port}`;
    request.oncomplete = (status) => this.concluded(attempt, status);
    handle.setNoDelay(true);
    let status =
      isIP(address) === 6
        ? handle.connect6(request, address, port)
        : handle.connect(request, address, port);
    if (status === 0 && isLastDescriptor(handle.fd)) status = tooManyFiles;
    if (status === 0) {
      this.attempts.add(attempt);
      return true;
    }
    handle.close();
    this.note(place, status);
    return false;
  }

  private concluded(attempt: IAttempt<TPlace>, status: number): void {
    // It was closed meanwhile.
    if (!this.attempts.delete(attempt)) return;
    const { handle, place } = attempt;
    if (status !== 0) {
      handle.close();
      this.note(place, status);
      return this.tryNext();
    }
    this.route.settled(place, null);
    for (const other of this.attempts) {
      const isBeaten = other.startedAt < attempt.startedAt;
      if (isBeaten) this.route.settled(other.place, timeoutError(other.place));
    }
    this.finish(null, handle);
  }

  private note(place: TPlace, status: number): void {
    const error = systemError(
      status,
      'connect',
      `${place.address}:${place.port || this.route.port}`,
    );
    this.route.settled(place, error);
    const { failure } = this;
    if (failure === null || ownFailures.has(failure.code ?? '')) this.failure = error;
  }

  private finish(error: Error | null, handle: ITcpHandle | null): void {
    this.end();
    this.done(error, handle);
  }

  private end(): void {
    this.isOver = true;
    this.timer?.cancel();
    this.timer = null;
    for (const { handle } of this.attempts) handle.close();
    this.attempts.clear();
  }
}

/** The route of a name that nobody follows: looked up as the machine does, each time. */
export function lookupRoute(host: string, port: number): IDialRoute {
  return {
    clock: systemClock,
    port,
    look: (then) => {
      let isWanted = true;
      lookup(host, { all: true }, (error, found) => {
        if (!isWanted) return;
        then(error, error === null ? found.map(({ address }) => ({ address, port: 0 })) : []);
      });
      return () => {
        isWanted = false;
      };
    },
    settled: () => {
      // Nobody asks for it again.
    },
  };
}

function timeoutError({ address }: IDialPlace): Error {
  return Object.assign(new Error(`connect ETIMEDOUT ${address}`), { code: 'ETIMEDOUT' });
}

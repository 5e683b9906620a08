import type { IDialPlace } from '../net/dialer.ts';
import type { INameLookup, INamePlace } from './name-source.ts';

/** Milliseconds for which a place that did not answer is tried after the others. */
const avoidedMs = 10_000;
/** Places of a name that are used. */
const placesMax = 256;

/** A place that a backend's name stands for at present, or stood for. */
export class BackendPlace implements IDialPlace {
  readonly address: string;
  readonly port: number;
  readonly target: string;
  priority: number;
  weight: number;
  /** The name does not stand for it any more: nothing new goes there. */
  isGone = false;
  /** Monotonic milliseconds until which others are tried first. */
  avoidedUntil = 0;

  constructor({ address, port, target, priority, weight }: INamePlace) {
    this.address = address;
    this.port = port;
    this.target = target;
    this.priority = priority;
    this.weight = weight;
  }

  /** Others are tried first for a while. @param now monotonic milliseconds. */
  avoid(now: number): void {
    this.avoidedUntil = now + avoidedMs;
  }
}

/** Is told that a name does not stand for some of its places any more, or that some stand behind others. */
export interface INameFollower {
  onPlaces(): void;
}

/** A name of backends: where it leads, and in which order its places are taken. */
export class BackendName {
  readonly hostname: string;
  /** Those that have connections to its places; while there is one, the name is kept fresh. */
  readonly followers = new Set<INameFollower>();
  /** Who waits for the first answer. */
  readonly waiters = new Set<() => void>();
  /** Why there are no places; null while there are, and before the first answer. */
  failure: 'ENOTFOUND' | 'EAI_AGAIN' | null = null;
  /** Monotonic milliseconds until which the failure is taken for true. */
  failedUntil = 0;
  /** Failures in a row of looking it up. */
  failures = 0;
  /** Monotonic milliseconds of the last use. */
  usedAt: number;
  /** Monotonic milliseconds of the last answer. */
  answeredAt = Number.NEGATIVE_INFINITY;
  /** Monotonic milliseconds at which it is looked up again, or dropped. */
  dueAt = 0;
  private all: readonly BackendPlace[] = [];
  private turn = 0;

  constructor(hostname: string, now: number) {
    this.hostname = hostname;
    this.usedAt = now;
  }

  /** Where it leads; what it led to last, when it cannot be looked up. */
  get places(): readonly BackendPlace[] {
    return this.all;
  }

  /** Takes an answer. @returns whether the places are others than before. */
  take({ places, isPartial, failure }: INameLookup): boolean {
    if (failure !== null) {
      this.failures++;
      if (this.all.length === 0) this.failure = failure;
      return false;
    }
    this.failures = isPartial ? this.failures + 1 : 0;
    this.failure = null;
    const before = this.all;
    const known = new Map(before.map((place) => [keyOf(place), place]));
    const next = new Map<string, BackendPlace>();
    for (const found of places.slice(0, placesMax)) {
      const key = keyOf(found);
      const place = known.get(key) ?? new BackendPlace(found);
      place.priority = found.priority;
      place.weight = found.weight;
      next.set(key, place);
    }
    // Of what could not be asked for, nobody said that it is gone.
    if (isPartial) for (const [key, place] of known) if (!next.has(key)) next.set(key, place);
    this.all = [...next.values()];
    const gone = before.filter((place) => !next.has(keyOf(place)));
    for (const place of gone) place.isGone = true;
    const isChanged = gone.length > 0 || next.size !== before.length;
    const priority = Math.min(...this.all.map((place) => place.priority));
    const isMoved = gone.length > 0 || this.all.some((place) => place.priority > priority);
    if (isMoved) for (const follower of this.followers) follower.onPlaces();
    return isChanged;
  }

  /**
   * The place for the next request, when there may be a connection to it already: any, or one that is
   * drawn by the weights of SRV records.
   *
   * @param now monotonic milliseconds.
   * @param random 0 (inclusive) to 1 (exclusive).
   */
  next(now: number, random: () => number): BackendPlace | undefined {
    const fit = this.all.filter((place) => !this.passesOver(place, now));
    const answering = fit.filter(({ avoidedUntil }) => avoidedUntil <= now);
    const places = answering.length > 0 ? answering : fit;
    if (places[0]?.target === '') return places[Math.floor(random() * places.length)];
    const [drawn] = byService(places, Math.floor(random() * places.length), random);
    return drawn;
  }

  /**
   * Whether a connection to the place is not to be used again: the name does not stand for it any
   * more, or SRV records put another one first, that does answer.
   *
   * @param now monotonic milliseconds.
   */
  passesOver(place: BackendPlace, now: number): boolean {
    const { priority, isGone } = place;
    if (isGone) return true;
    return this.all.some((other) => other.priority < priority && other.avoidedUntil <= now);
  }

  /**
   * The places in the order in which a connection tries them: in turn, or as SRV records say; those
   * that did not answer lately stand last.
   *
   * @param random 0 (inclusive) to 1 (exclusive).
   */
  order(now: number, random: () => number): readonly BackendPlace[] {
    const { all } = this;
    if (all.length < 2) return all;
    const turn = this.turn++;
    const ordered = all[0]?.target === '' ? rotated(all, turn) : byService(all, turn, random);
    const avoided = ordered.filter(({ avoidedUntil }) => avoidedUntil > now);
    if (avoided.length === 0 || avoided.length === ordered.length) return ordered;
    return [...ordered.filter(({ avoidedUntil }) => avoidedUntil <= now), ...avoided];
  }
}

/** Why a name leads nowhere, as a failed connect says it. */
export function unknownHost({ hostname, failure }: BackendName): NodeJS.ErrnoException {
  const code = failure ?? 'EAI_AGAIN';
  return Object.assign(new Error(`Cannot look up "${hostname}": ${code}`), { code });
}

function keyOf({ address, port, target }: Pick<INamePlace, 'address' | 'port' | 'target'>): string {
  return `${address} ${port} ${target}`;
}

function rotated(places: readonly BackendPlace[], turn: number): BackendPlace[] {
  const start = turn % places.length;
  return [...places.slice(start), ...places.slice(0, start)];
}

/** RFC 2782: by priority, then drawn by weight; the addresses of a target in turn. */
function byService(
  places: readonly BackendPlace[],
  turn: number,
  random: () => number,
): BackendPlace[] {
  const services = new Map<string, BackendPlace[]>();
  for (const place of rotated(places, turn)) {
    const key = `${place.target} ${place.port}`;
    const service = services.get(key);
    if (service === undefined) services.set(key, [place]);
    else service.push(place);
  }
  const left = [...services.values()];
  const ordered: BackendPlace[] = [];
  while (left.length > 0) {
    const priority = Math.min(...left.map(([place]) => place?.priority ?? 0));
    const rivals = left.filter(([place]) => place?.priority === priority);
    const drawn = draw(rivals, random);
    left.splice(left.indexOf(drawn), 1);
    ordered.push(...drawn);
  }
  return ordered;
}

/** Weight 0 has a small chance beside others, as the RFC wants. */
function draw(rivals: readonly BackendPlace[][], random: () => number): BackendPlace[] {
  const weights = rivals.map(([place]) => place?.weight || 0.01);
  const sum = weights.reduce((total, weight) => total + weight, 0);
  let at = random() * sum;
  for (const [index, weight] of weights.entries()) {
    at -= weight;
    if (at < 0) return rivals[index] as BackendPlace[];
  }
  return rivals.at(-1) as BackendPlace[];
}

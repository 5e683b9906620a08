import type { IClock } from '../core/clock.ts';
import type { IDialRoute } from '../net/dialer.ts';
import { type BackendName, type BackendPlace, unknownHost } from './backend-name.ts';
import type { BackendNames } from './backend-names.ts';

/** The way to a backend by name, for one connection. */
export class BackendDial implements IDialRoute<BackendPlace> {
  readonly port: number;
  readonly name: BackendName;
  /** Where the connection went; null: it is not there. */
  place: BackendPlace | null = null;
  /** Nobody knows yet where the name leads. */
  isWaiting = true;
  private readonly names: BackendNames;

  constructor(names: BackendNames, name: BackendName, port: number) {
    this.names = names;
    this.name = name;
    this.port = port;
  }

  get clock(): IClock {
    return this.names.clock;
  }

  /** What is there is not to be used again: see `BackendName.passesOver`. */
  get isAway(): boolean {
    const { place } = this;
    return place !== null && this.name.passesOver(place, this.clock.monotonic());
  }

  look(then: (error: Error | null, places: readonly BackendPlace[]) => void): () => void {
    const { names, name } = this;
    return names.whenKnown(name, () => {
      this.isWaiting = false;
      const places = name.order(this.clock.monotonic(), names.random);
      then(places.length === 0 ? unknownHost(name) : null, places);
    });
  }

  settled(place: BackendPlace, error: Error | null): void {
    if (error !== null) return place.avoid(this.clock.monotonic());
    this.place = place;
    place.avoidedUntil = 0;
  }
}

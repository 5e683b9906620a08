/** Work that is under way, and what it waits for. */
export class Flight<T> {
  readonly key: string;
  /** The work that needs it; null: a client's question. */
  readonly parent: Flight<T> | null;
  /** Flights whose end this one waits for. */
  readonly waits = new Set<Flight<T>>();
  /** Settled when it has landed. */
  result: Promise<T> | null = null;

  constructor(key: string, parent: Flight<T> | null) {
    this.key = key;
    this.parent = parent;
  }

  /** Whether this flight, directly or through others, waits for the other one. */
  waitsFor(other: Flight<T>): boolean {
    const seen = new Set<Flight<T>>();
    const open: Flight<T>[] = [this];
    for (let flight = open.pop(); flight !== undefined; flight = open.pop()) {
      if (flight === other) return true;
      if (seen.has(flight)) continue;
      seen.add(flight);
      open.push(...flight.waits);
    }
    return false;
  }

  /** Whether the question is this flight's own, or that of one that needs it. */
  hasAncestor(key: string): boolean {
    for (let flight: Flight<T> | null = this; flight !== null; flight = flight.parent) {
      if (flight.key === key) return true;
    }
    return false;
  }
}

/** How a flight was come by. */
export interface IBoarding<T> {
  readonly result: Promise<T>;
  /** Whether work was joined that somebody else's work had begun, which may be short of budget. */
  readonly isBorrowed: boolean;
}

/**
 * One piece of work at a time for each key: who asks for the same joins it.
 *
 * Work that needs other work never joins what waits for itself: two questions that lead to each
 * other would wait for ever. It is done apart then.
 */
export class Flights<T> {
  private readonly shared = new Map<string, Flight<T>>();

  /** Keys that are worked on. */
  get size(): number {
    return this.shared.size;
  }

  /** Whether the key is worked on. */
  has(key: string): boolean {
    return this.shared.has(key);
  }

  /**
   * Joins the work for the key, or begins it.
   *
   * @param parent the work that needs it; null: nobody's.
   * @returns null when the parent, or one it works for, is about this very key.
   */
  board(
    key: string,
    parent: Flight<T> | null,
    start: (flight: Flight<T>) => Promise<T>,
  ): IBoarding<T> | null {
    if (parent?.hasAncestor(key)) return null;
    const known = this.shared.get(key);
    const isCycle = known !== undefined && parent !== null && known.waitsFor(parent);
    if (known?.result && !isCycle) {
      const isBorrowed = known.parent !== null;
      return { result: this.await(known, known.result, parent), isBorrowed };
    }
    const flight = new Flight(key, parent);
    const isShared = !this.shared.has(key);
    if (isShared) this.shared.set(key, flight);
    flight.result = start(flight).finally(() => {
      if (isShared) this.shared.delete(key);
    });
    return { result: this.await(flight, flight.result, parent), isBorrowed: false };
  }

  private async await(flight: Flight<T>, result: Promise<T>, parent: Flight<T> | null): Promise<T> {
    if (parent === null) return result;
    parent.waits.add(flight);
    try {
      return await result;
    } finally {
      parent.waits.delete(flight);
    }
  }
}

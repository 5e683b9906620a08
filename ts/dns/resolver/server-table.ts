import type { IClock } from '../../core/clock.ts';
import type { TRandom } from './random.ts';
import { type IServer, serverKey } from './transport.ts';

/** What a server table works with. */
export interface IServerTableParts {
  readonly clock: IClock;
  readonly random: TRandom;
  /** Servers that are remembered; the ones longest unused are forgotten. @default 20,000 */
  readonly serversMax?: number;
}

/** What is known of one server. */
export interface IServerRecord {
  readonly key: string;
  /** Smoothed round-trip time and its mean deviation (RFC 6298 §2); null: never answered. */
  readonly roundTripMs: number | null;
  readonly deviationMs: number;
  /** Queries in a row that it left without an answer. */
  readonly timeouts: number;
  /** `monotonic` time until which it counts as dead; 0: it does not. */
  readonly deadUntilMs: number;
}

interface IKnown {
  key: string;
  roundTripMs: number | null;
  deviationMs: number;
  timeouts: number;
  deadUntilMs: number;
  plainUntilMs: number;
  foldsUntilMs: number;
  /** Zones that it does not serve as it should, with the time until which we believe so. */
  lame: Map<string, number> | null;
}

const serversMaxDefault = 20_000;
/** What a server that is not known is taken for: as good as a fair one, so that it gets its try. */
const unknownRoundTripMs = 100;
/** Servers at most this much slower than the best one share the queries. */
const bandMs = 40;
/** One query in this many goes to a server outside of the band, to see whether it got faster. */
const exploreEvery = 20;
const timeoutMsMin = 150;
const timeoutMsUnknown = 400;
const timeoutMsMax = 3000;
/** Timeouts in a row that make a server dead. */
const timeoutsMax = 3;
const deadMsFirst = 10_000;
const deadMsMax = 15 * 60_000;
const lameMs = 15 * 60_000;
const lameZonesMax = 16;
/** How long a server without EDNS, or one that folds the case, is asked in that way. */
const habitMs = 60 * 60_000;

/**
 * What we learned about servers: how fast they answer, which ones are dead, which zones they are
 * lame for, and what they do not understand.
 *
 * Choosing prefers fast servers and still spreads: those within a band share the queries (which
 * also makes a forger's guess harder), and now and then another one is tried.
 */
export class ServerTable {
  private readonly parts: IServerTableParts;
  private readonly known = new Map<string, IKnown>();

  constructor(parts: IServerTableParts) {
    this.parts = parts;
  }

  /** Servers that are remembered. */
  get size(): number {
    return this.known.size;
  }

  /** What is known, for people. */
  records(): Iterable<IServerRecord> {
    return this.known.values();
  }

  /** Forgets everything, e.g. when the network has changed. */
  clear(): void {
    this.known.clear();
  }

  /**
   * The server to ask next.
   *
   * @param zoneKey the zone it is asked for.
   * @param tried keys of servers that are left out, e.g. since they were asked already.
   * @returns null when no server is left. Dead ones come after all others, those first that died
   * first; last of all those that are lame for the zone, since they may have been mended.
   */
  choose(servers: readonly IServer[], zoneKey: string, tried: ReadonlySet<string>): IServer | null {
    const now = this.parts.clock.monotonic();
    const left = servers.filter((server) => !tried.has(serverKey(server)));
    const fit = left.filter((server) => !this.isLame(serverKey(server), zoneKey, now));
    const alive = fit.filter((server) => this.deadUntil(server) <= now);
    if (alive.length > 0) return this.pick(alive);
    return this.soonest(fit.length > 0 ? fit : left);
  }

  /** Whether it left the last queries without an answer, and is not due for another try. */
  isDead(server: IServer): boolean {
    return this.deadUntil(server) > this.parts.clock.monotonic();
  }

  /** How long to wait for this server: from what it took so far, twice as long after a timeout. */
  timeoutMs(server: IServer): number {
    const known = this.known.get(serverKey(server));
    if (known === undefined) return timeoutMsUnknown;
    const base =
      known.roundTripMs === null ? timeoutMsUnknown : known.roundTripMs + 4 * known.deviationMs;
    const grown = Math.max(timeoutMsMin, base) * 2 ** Math.min(known.timeouts, 5);
    return Math.min(timeoutMsMax, grown);
  }

  /** It answered, after so long. */
  answered(server: IServer, roundTripMs: number): void {
    const known = this.open(server);
    known.timeouts = 0;
    known.deadUntilMs = 0;
    if (known.roundTripMs === null) {
      known.roundTripMs = roundTripMs;
      known.deviationMs = roundTripMs / 2;
      return;
    }
    const error = Math.abs(known.roundTripMs - roundTripMs);
    known.deviationMs = 0.75 * known.deviationMs + 0.25 * error;
    known.roundTripMs = 0.7 * known.roundTripMs + 0.3 * roundTripMs;
  }

  /** It did not answer in time. */
  timedOut(server: IServer): void {
    const known = this.open(server);
    known.timeouts++;
    if (known.timeouts < timeoutsMax) return;
    const grown = deadMsFirst * 2 ** Math.min(known.timeouts - timeoutsMax, 10);
    known.deadUntilMs = this.parts.clock.monotonic() + Math.min(deadMsMax, grown);
  }

  /** It cannot be reached at all. */
  unreachable(server: IServer): void {
    const known = this.open(server);
    known.timeouts = Math.max(known.timeouts, timeoutsMax - 1);
    this.timedOut(server);
  }

  /** It does not serve the zone: it refuses, fails, or knows nothing of it. */
  lameFor(server: IServer, zoneKey: string): void {
    const known = this.open(server);
    known.lame ??= new Map();
    if (known.lame.size >= lameZonesMax) known.lame.clear();
    known.lame.set(zoneKey, this.parts.clock.monotonic() + lameMs);
  }

  /** Whether it understands EDNS, as far as we know. */
  speaksEdns(server: IServer): boolean {
    const known = this.known.get(serverKey(server));
    return known === undefined || known.plainUntilMs <= this.parts.clock.monotonic();
  }

  /** It answered without EDNS what it did not answer with it. */
  withoutEdns(server: IServer): void {
    this.open(server).plainUntilMs = this.parts.clock.monotonic() + habitMs;
  }

  /** Whether it keeps the case of the question, as far as we know. */
  keepsCase(server: IServer): boolean {
    const known = this.known.get(serverKey(server));
    return known === undefined || known.foldsUntilMs <= this.parts.clock.monotonic();
  }

  /** It changes the case of the question, by TCP too. */
  foldsCase(server: IServer): void {
    this.open(server).foldsUntilMs = this.parts.clock.monotonic() + habitMs;
  }

  private pick(servers: readonly IServer[]): IServer | null {
    const { random } = this.parts;
    if (servers.length > 1 && random(exploreEvery) === 0) return at(servers, random);
    const best = Math.min(...servers.map((server) => this.cost(server)));
    return at(
      servers.filter((server) => this.cost(server) <= best + bandMs),
      random,
    );
  }

  private cost(server: IServer): number {
    const known = this.known.get(serverKey(server));
    const base = known?.roundTripMs ?? unknownRoundTripMs;
    return known === undefined ? base : base * 2 ** known.timeouts;
  }

  private soonest(servers: readonly IServer[]): IServer | null {
    let best: IServer | null = null;
    for (const server of servers) {
      if (best === null || this.deadUntil(server) < this.deadUntil(best)) best = server;
    }
    return best;
  }

  private deadUntil(server: IServer): number {
    return this.known.get(serverKey(server))?.deadUntilMs ?? 0;
  }

  private isLame(key: string, zoneKey: string, now: number): boolean {
    return (this.known.get(key)?.lame?.get(zoneKey) ?? 0) > now;
  }

  /** The entry to write to; the one written last is forgotten last. */
  private open(server: IServer): IKnown {
    const key = serverKey(server);
    const known = this.known.get(key) ?? fresh(key);
    this.known.delete(key);
    this.known.set(key, known);
    if (this.known.size > (this.parts.serversMax ?? serversMaxDefault)) {
      const [oldest] = this.known.keys();
      if (oldest !== undefined) this.known.delete(oldest);
    }
    return known;
  }
}

function fresh(key: string): IKnown {
  return {
    key,
    roundTripMs: null,
    deviationMs: 0,
    timeouts: 0,
    deadUntilMs: 0,
    plainUntilMs: 0,
    foldsUntilMs: 0,
    lame: null,
  };
}

function at(servers: readonly IServer[], random: TRandom): IServer | null {
  return servers[random(servers.length)] ?? null;
}

import { isIP } from 'node:net';
import { type IClock, type ITimer, systemClock } from '../core/clock.ts';
import { type ILogger, silentLogger } from '../core/logger.ts';
import { BackendDial } from './backend-dial.ts';
import { BackendName, unknownHost } from './backend-name.ts';
import {
  type INameLookup,
  type INameResolver,
  type INameSource,
  machineResolver,
  ResolverNames,
} from './name-source.ts';

/** Milliseconds between two looks at a name at least and at most, whatever its TTL says. */
const ttlMsMin = 1000;
const ttlMsMax = 3_600_000;
/** Share of the TTL that is waited longer, at random, so that looks spread; and at most so many milliseconds. */
const jitter = 0.1;
const jitterMsMax = 5000;
/** Milliseconds after a failure; they double from one to the next. */
const retryMsMin = 1000;
const retryMsMax = 30_000;
/** Milliseconds for which a name that is not used is still kept fresh. */
const keptMs = 300_000;
/** Milliseconds for a look; then it has failed. */
const lookupMs = 30_000;
/** Looks at the same time. */
const lookupsMax = 32;

const nobody: INameLookup = { places: [], ttlMs: 0, isPartial: false, failure: 'EAI_AGAIN' };

/** What names are followed with. */
export interface IBackendNamesParts {
  clock?: IClock;
  logger?: ILogger;
  /** @default what the machine says */
  source?: INameSource;
  /** 0 (inclusive) to 1 (exclusive). @default Math.random */
  random?: () => number;
  /** Told of each name that leads elsewhere than before. */
  onChange?: (hostname: string) => void;
}

/**
 * The names of backends, and where they lead.
 *
 * A name is looked up when it is used first; from then on it is looked up again in the background as
 * its TTL ends, so that no connection waits for DNS. What is not used for five minutes is forgotten at
 * the end of its TTL: routes by the thousand that nobody asks for cost nothing. What cannot be looked
 * up leads where it led last. One object serves all planes of a process.
 */
export class BackendNames {
  readonly clock: IClock;
  /** 0 (inclusive) to 1 (exclusive). */
  readonly random: () => number;
  /** Told of each name that leads elsewhere than before; null: nobody is. */
  onChange: ((hostname: string) => void) | null;
  private readonly logger: ILogger;
  private source: INameSource;
  private readonly names = new Map<string, BackendName>();
  private readonly timers = new Map<BackendName, ITimer>();
  /** Being looked up. */
  private readonly running = new Set<BackendName>();
  /** Wait until they can be: those that somebody waits for, and the others. */
  private readonly urgent = new Set<BackendName>();
  private readonly queued = new Set<BackendName>();

  constructor(parts: IBackendNamesParts = {}) {
    this.clock = parts.clock ?? systemClock;
    this.logger = parts.logger ?? silentLogger;
    this.random = parts.random ?? Math.random;
    this.source = parts.source ?? new ResolverNames(machineResolver);
    this.onChange = parts.onChange ?? null;
  }

  /** Names that are known now. */
  get size(): number {
    return this.names.size;
  }

  /** Asks another resolver from now on; what is known holds until it has answered. */
  useResolver(resolver: INameResolver): void {
    this.useSource(new ResolverNames(resolver));
  }

  /** As `useResolver`, for any source. */
  useSource(source: INameSource): void {
    this.source = source;
    for (const name of this.names.values()) {
      this.timers.get(name)?.cancel();
      this.timers.delete(name);
      this.enqueue(name);
    }
  }

  /** Forgets all names; who uses one later has it looked up anew. */
  stop(): void {
    for (const timer of this.timers.values()) timer.cancel();
    this.timers.clear();
    this.names.clear();
    this.urgent.clear();
    this.queued.clear();
    this.running.clear();
  }

  /**
   * The way to a backend by name, for one connection.
   *
   * @param port of the backend; SRV records have their own.
   */
  dial(hostname: string, port: number): BackendDial {
    return new BackendDial(this, this.use(hostname), port);
  }

  /** A name; from now on it is in use. */
  use(hostname: string): BackendName {
    const now = this.clock.monotonic();
    let name = this.names.get(hostname);
    if (name === undefined) {
      name = new BackendName(hostname, now);
      this.names.set(hostname, name);
    }
    name.usedAt = now;
    return name;
  }

  /**
   * Calls when it is known where a name leads, or that nobody knows: at once if that is so already.
   *
   * @returns takes it back; nothing is called then.
   */
  whenKnown(name: BackendName, then: () => void): () => void {
    if (name.places.length > 0 || this.clock.monotonic() < name.failedUntil) {
      then();
      return () => undefined;
    }
    name.waiters.add(then);
    this.enqueue(name);
    return () => name.waiters.delete(then);
  }

  /**
   * Finds one place of a backend, e.g. for a UDP session; an IP address at once.
   *
   * @param done `error` has the `code` `ENOTFOUND` or `EAI_AGAIN`.
   */
  pick(
    hostname: string,
    done: (error: NodeJS.ErrnoException | null, address: string, port: number) => void,
  ): void {
    if (isIP(hostname) !== 0) return done(null, hostname, 0);
    const name = this.use(hostname);
    this.whenKnown(name, () => {
      const [place] = name.order(this.clock.monotonic(), this.random);
      if (place === undefined) done(unknownHost(name), '', 0);
      else done(null, place.address, place.port);
    });
  }

  /** An address of a name did not answer: others are taken first for a while. */
  avoid(hostname: string, address: string): void {
    const now = this.clock.monotonic();
    for (const place of this.names.get(hostname)?.places ?? []) {
      if (place.address === address) place.avoid(now);
    }
  }

  /** Whether a name leads to another address than this one, too. */
  hasOther(hostname: string, address: string): boolean {
    const places = this.names.get(hostname)?.places ?? [];
    return places.some((place) => place.address !== address);
  }

  /** What is known of a name, for another process: waits for the first answer. */
  async known(hostname: string): Promise<INameLookup> {
    const name = this.use(hostname);
    await new Promise<void>((resolve) => this.whenKnown(name, resolve));
    return this.snapshot(name);
  }

  /** What is known of a name now, for another process; undefined: nothing. */
  knownNow(hostname: string): INameLookup | undefined {
    const name = this.names.get(hostname);
    return name === undefined || name.places.length === 0 ? undefined : this.snapshot(name);
  }

  /** Takes what another process knows of a name, if it is in use here. */
  told(hostname: string, lookup: INameLookup): void {
    const name = this.names.get(hostname);
    if (name !== undefined) this.take(name, lookup);
  }

  private snapshot({ places, failure, dueAt }: BackendName): INameLookup {
    const data = places.map(({ address, port, priority, weight, target }) => {
      return { address, port, priority, weight, target };
    });
    const ttlMs = Math.max(0, dueAt - this.clock.monotonic());
    return { places: data, ttlMs, isPartial: false, failure: data.length > 0 ? null : failure };
  }

  private enqueue(name: BackendName): void {
    if (this.running.has(name)) return;
    this.queued.delete(name);
    if (name.waiters.size > 0) this.urgent.add(name);
    else if (!this.urgent.has(name)) this.queued.add(name);
    this.work();
  }

  private work(): void {
    while (this.running.size < lookupsMax) {
      const [name] = this.urgent.size > 0 ? this.urgent : this.queued;
      if (name === undefined) return;
      this.urgent.delete(name);
      this.queued.delete(name);
      this.running.add(name);
      this.look(name);
    }
  }

  private look(name: BackendName): void {
    const { source } = this;
    let isOver = false;
    const conclude = (lookup: INameLookup) => {
      if (isOver) return;
      isOver = true;
      timer.cancel();
      if (!this.running.delete(name)) return;
      // Another one is asked since.
      if (source !== this.source) this.enqueue(name);
      else this.take(name, lookup);
      this.work();
    };
    const timer = this.clock.setTimeout(() => conclude(nobody), lookupMs);
    const fail = (error: unknown) => {
      const { hostname } = name;
      this.logger.debug('backend.unresolved', `Cannot look up "${hostname}"`, { hostname, error });
      conclude(nobody);
    };
    source.lookup(name.hostname).then(conclude, fail);
  }

  private take(name: BackendName, lookup: INameLookup): void {
    const hadFailed = name.failures > 0;
    const isChanged = name.take(lookup);
    const now = this.clock.monotonic();
    name.answeredAt = now;
    const pauseMs = this.pauseMs(name, lookup);
    name.failedUntil = name.failure === null ? 0 : now + pauseMs;
    this.schedule(name, pauseMs);
    this.tell(name, lookup, hadFailed);
    const waiters = [...name.waiters];
    name.waiters.clear();
    for (const waiter of waiters) waiter();
    if (isChanged) this.onChange?.(name.hostname);
  }

  private tell(
    { hostname, failures, places }: BackendName,
    lookup: INameLookup,
    had: boolean,
  ): void {
    const { logger } = this;
    if (failures === 1 && !had) {
      const reason = lookup.failure ?? 'partial';
      const kept = places.length;
      const message = `Cannot look up "${hostname}" of a backend`;
      logger.warn('backend.unresolved', message, { hostname, reason, kept });
    } else if (had && failures === 0) {
      const addresses = places.length;
      logger.info('backend.resolved', `"${hostname}" resolves again`, { hostname, addresses });
    }
  }

  private pauseMs(name: BackendName, { ttlMs, failure, isPartial }: INameLookup): number {
    const retryMs = Math.min(retryMsMax, retryMsMin * 2 ** Math.min(name.failures - 1, 10));
    if (failure !== null) return name.places.length === 0 ? retryMsMin : retryMs;
    const holdsMs = Math.max(ttlMsMin, Math.min(ttlMsMax, isPartial ? retryMs : ttlMs));
    return holdsMs + Math.min(jitterMsMax, holdsMs * jitter) * this.random();
  }

  private schedule(name: BackendName, pauseMs: number): void {
    this.timers.get(name)?.cancel();
    name.dueAt = this.clock.monotonic() + pauseMs;
    const timer = this.clock.setTimeout(() => this.due(name), pauseMs);
    this.timers.set(name, timer);
  }

  /** It is looked up again while it is in use, else forgotten; what leads nowhere waits to be asked for. */
  private due(name: BackendName): void {
    this.timers.delete(name);
    const isHeld = name.followers.size > 0 || name.waiters.size > 0;
    const isRecent = this.clock.monotonic() - name.usedAt < keptMs;
    if (!isHeld && !isRecent && name.usedAt <= name.answeredAt) this.names.delete(name.hostname);
    else if (isHeld || name.places.length > 0) this.enqueue(name);
    else this.schedule(name, keptMs);
  }
}

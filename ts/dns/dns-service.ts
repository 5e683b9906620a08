import { availableParallelism } from 'node:os';
import type { IDnsOptions, IDnsStats, IZoneOptions } from '../../ts_interfaces/index.ts';
import { type IClock, systemClock } from '../core/clock.ts';
import type { ITcpHandle } from '../net/handles.ts';
import type { IHeldPort } from '../net/port-table.ts';
import type { IWebService } from '../net/web-service.ts';
import { DnsHost, type IDnsHostParts, type IPreparedOptions } from './dns-host.ts';
import type {
  IDnsAddress,
  IDnsCache,
  IDnsPrepareOptions,
  IExplainRequest,
  IQueryExplanation,
} from './plane/index.ts';
import type { IResolver } from './resolver/index.ts';
import type { DNSManager, IPreparedZones, IZoneKeys, ZoneBook } from './zones/index.ts';

/** What DNS works with; it owns none of it. */
export interface IDnsServiceParts extends Omit<IDnsHostParts, 'workers' | 'clock'> {
  /** Threads that answer by UDP; `auto`: one for each core. @default 0 */
  readonly workers?: number | 'auto';
  /** @default systemClock */
  readonly clock?: IClock;
}

/**
 * DNS as a part of the router: zones, their keys and transfers, the servers and the resolver.
 *
 * Its resolver, zones and records are there from `load` to `stop`, and what is answered follows
 * `applyOptions` (ports, views, the resolver) and `apply` (zones). It can be loaded again.
 */
export class DnsService {
  /** Resolves names by our own zones and the resolver; the same object for good. */
  readonly resolver: IResolver;
  private readonly parts: IDnsServiceParts;
  private host: DnsHost;

  constructor(parts: IDnsServiceParts) {
    this.parts = parts;
    this.host = this.makeHost();
    this.resolver = {
      resolve: (name, type, options) => this.host.plane.resolver.resolve(name, type, options),
    };
  }

  /** The zones, and every way to change them. */
  get book(): ZoneBook {
    return this.host.book;
  }

  /** DNSSEC of the zones. */
  get keys(): IZoneKeys {
    return this.host.keys;
  }

  /** Records that are set for a purpose, each with an owner. */
  get manager(): DNSManager {
    return this.host.manager;
  }

  /** The resolver's cache. */
  get cache(): IDnsCache {
    return this.host.plane.cache;
  }

  /** DNS over HTTPS, for the web plane. */
  get webServices(): readonly IWebService[] {
    return this.host.plane.webServices;
  }

  /** Reads what is kept; the store is open. @throws DcError `STORE_FAILED`, `STORE_CORRUPT` */
  async load(): Promise<void> {
    if (this.host.isUsed) this.host = this.makeHost();
    await this.host.load();
  }

  /** Closes ports, ends transfers, and stores what waits; before the store closes. Idempotent. */
  stop(drainTimeoutMs: number): Promise<void> {
    return this.host.stop(drainTimeoutMs);
  }

  /**
   * Checks options and binds ports; nothing has changed yet.
   *
   * @throws DcError `LISTEN_FAILED`, `CONFIG_INVALID`, `STORE_FAILED`
   */
  prepareOptions(
    options: IDnsOptions | undefined,
    how?: IDnsPrepareOptions,
  ): Promise<IPreparedOptions> {
    return this.host.prepare(options, how);
  }

  /** Serves what was prepared. Never throws. */
  applyOptions(prepared: IPreparedOptions): void {
    this.host.apply(prepared);
  }

  /** Closes what was bound for it. */
  discardOptions({ plane }: IPreparedOptions): Promise<void> {
    return this.host.plane.discard(plane);
  }

  /** Loads and checks zones; see `ZoneBook.prepare`. @throws DcError `ZONE_INVALID`, `STORE_FAILED` */
  prepare(changes: {
    set: readonly IZoneOptions[];
    removed: readonly string[];
  }): Promise<IPreparedZones> {
    return this.host.book.prepare(changes);
  }

  /** Answers for them from the next query on. Never throws. */
  apply(prepared: IPreparedZones): void {
    this.host.book.apply(prepared);
  }

  /** They will not be answered for. */
  discard(prepared: IPreparedZones): Promise<void> {
    return this.host.book.discard(prepared);
  }

  /**
   * Brings a port of the process that this one takes over from.
   *
   * @param key of `heldPorts` there. @returns false when it is none of DNS: nothing was taken.
   */
  takeOver(key: string, handle: ITcpHandle): boolean {
    return this.host.plane.takeOver(key, handle);
  }

  /** What was brought and is not used is closed. */
  endTakeOver(): void {
    this.host.plane.endTakeOver();
  }

  /** The TCP ports that are held now, for a process that takes over. */
  heldPorts(): Iterable<IHeldPort> {
    return this.host.plane.heldPorts();
  }

  /** Lets go of the store, which another process is to have; answers go on as they are. */
  release(): Promise<void> {
    return this.host.release();
  }

  /** Nobody took over, and the store is open again. */
  reclaim(): void {
    this.host.reclaim();
  }

  /** Resolves when every thread serves what was changed before. */
  live(): Promise<void> {
    return this.host.plane.live();
  }

  /** Where it listens, by name of the listener. */
  addresses(): Record<string, IDnsAddress> {
    return this.host.plane.addresses();
  }

  /** Numbers since the start. */
  stats(): Promise<IDnsStats> {
    return this.host.plane.stats();
  }

  /** Asks our own servers or the resolver. @throws DcError `CONFIG_INVALID` */
  query(request: IExplainRequest): Promise<IQueryExplanation> {
    return this.host.plane.query(request);
  }

  /** Tells the secondaries of a zone that it may have changed. @throws DcError `ZONE_UNKNOWN` */
  notify(id: string): void {
    this.host.notify(id);
  }

  /**
   * Asks the primaries of a secondary zone now.
   *
   * @param whole fetches all of it, whatever the serial says.
   * @throws DcError `ZONE_UNKNOWN`, `ZONE_INVALID` for a zone that is no secondary, `DNS_FAILED`
   */
  refresh(id: string, whole: boolean): Promise<void> {
    return this.host.refresh(id, whole);
  }

  private makeHost(): DnsHost {
    const { workers = 0, clock = systemClock, ...parts } = this.parts;
    const count = workers === 'auto' ? availableParallelism() : workers;
    return new DnsHost({ ...parts, clock, workers: count });
  }
}

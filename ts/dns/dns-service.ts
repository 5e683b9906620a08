import { availableParallelism } from 'node:os';
import type { IDnsOptions, IDnsStats, IZoneOptions } from '../../ts_interfaces/index.ts';
import { type IClock, systemClock } from '../core/clock.ts';
import type { EventBus } from '../core/event-bus.ts';
import type { ILogger } from '../core/logger.ts';
import type { DescriptorGuard } from '../net/descriptors.ts';
import type { IWebService } from '../net/web-service.ts';
import type { Store } from '../storage/store.ts';
import { DnsHost } from './dns-host.ts';
import type {
  IDnsAddress,
  IDnsAddressLists,
  IDnsCache,
  IDnsPrepareOptions,
  IDnsTls,
  IExplainRequest,
  IPreparedDns,
  IQueryExplanation,
} from './plane/index.ts';
import type { IResolver, IResolverOptions } from './resolver/index.ts';
import type {
  DNSManager,
  IHealthSource,
  IPreparedZones,
  IZoneKeys,
  ZoneBook,
} from './zones/index.ts';

/** What DNS works with; it owns none of it. */
export interface IDnsServiceParts {
  /** Open from `load` to `stop`. */
  readonly store: Store;
  readonly bus: EventBus;
  readonly logger: ILogger;
  /** Certificates for DNS over TLS. */
  readonly tls: IDnsTls;
  readonly lists: IDnsAddressLists;
  /** Who lives behind routes and TCP entries. */
  readonly health: IHealthSource;
  /** Of the key file; undefined: nothing is kept. */
  readonly dataDir: string | undefined;
  /** Folder that the `file` of a zone is relative to. */
  readonly baseFolder: () => string;
  /** Threads that answer by UDP; `auto`: one for each core. @default 0 */
  readonly workers?: number | 'auto';
  /** @default systemClock */
  readonly clock?: IClock;
  /** Refuses connections while descriptors are short. @default none is refused */
  readonly guard?: DescriptorGuard;
  /** Of the resolvers that are made, for tests. @default the machine's network and files */
  readonly resolverParts?: Partial<IResolverOptions>;
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

  /** The same, as the management sees it. */
  get owned(): DNSManager {
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
  ): Promise<IPreparedDns> {
    return this.host.plane.prepare(options, how);
  }

  /** Serves what was prepared. Never throws. */
  applyOptions(prepared: IPreparedDns): void {
    this.host.apply(prepared);
  }

  /** Closes what was bound for it. */
  discardOptions(prepared: IPreparedDns): Promise<void> {
    return this.host.plane.discard(prepared);
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

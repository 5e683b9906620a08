import type { IDnsOptions } from '../../ts_interfaces/index.ts';
import type { IClock } from '../core/clock.ts';
import { DcError } from '../core/errors.ts';
import type { EventBus } from '../core/event-bus.ts';
import type { ILogger } from '../core/logger.ts';
import type { DescriptorGuard } from '../net/descriptors.ts';
import type { Store } from '../storage/store.ts';
import {
  DnsPlane,
  type IDnsAddressLists,
  type IDnsPrepareOptions,
  type IDnsTls,
  type IPreparedDns,
  type TPlainAnswers,
} from './plane/index.ts';
import { type IResolverOptions, NodeTransport } from './resolver/index.ts';
import { secureRandom } from './resolver/random.ts';
import {
  NotifySender,
  SecondaryKeeper,
  SpecialQueries,
  TransferCounters,
  TransferSender,
} from './transfer/index.ts';
import { DNSManager, type IHealthSource, ZoneBook } from './zones/index.ts';
import { makeStages } from './zones/make-stages.ts';
import type { ZoneSigning } from './zones/signing/index.ts';
import { TsigKeys } from './zones/tsig-keys.ts';
import { zoneUnknown } from './zones/zone-base.ts';

/** What a host works with; it owns none of it. */
export interface IDnsHostParts {
  /** Open from `load` to `stop`. */
  readonly store: Store;
  readonly bus: EventBus;
  readonly logger: ILogger;
  readonly clock: IClock;
  /** Certificates for DNS over TLS. */
  readonly tls: IDnsTls;
  readonly lists: IDnsAddressLists;
  /** Who lives behind routes and TCP entries. */
  readonly health: IHealthSource;
  /** Of the key file; undefined: nothing is kept. */
  readonly dataDir: string | undefined;
  /** Folder that the `file` of a zone is relative to. */
  readonly baseFolder: () => string;
  /** Threads that answer by UDP in place of this one. */
  readonly workers: number;
  /** Refuses connections while descriptors are short. @default none is refused */
  readonly guard?: DescriptorGuard;
  /** Of the resolvers that are made, for tests. @default the machine's network and files */
  readonly resolverParts?: Partial<IResolverOptions>;
}

/** Options that were checked and whose new ports are bound. */
export interface IPreparedOptions {
  readonly keys: TsigKeys;
  readonly plane: IPreparedDns;
}

/** All parts of DNS, from one `load` to one `stop`. */
export class DnsHost {
  readonly book: ZoneBook;
  readonly plane: DnsPlane;
  readonly manager: DNSManager;
  readonly keys: ZoneSigning;
  /** What transfers, notifications and updates have come to. */
  readonly counters = new TransferCounters();
  private readonly parts: IDnsHostParts;
  private readonly notifier: NotifySender;
  private readonly keeper: SecondaryKeeper;
  private readonly transport = new NodeTransport({ random: secureRandom });
  private readonly sender: TransferSender;
  private tsig = new TsigKeys();
  private udpSizeMax: number | undefined;
  private isStarted = false;
  private stopping: Promise<void> | null = null;

  constructor(parts: IDnsHostParts) {
    this.parts = parts;
    const { store, bus, logger, clock, health, dataDir, baseFolder, lists } = parts;
    const { counters, transport } = this;
    const made: ZoneSigning[] = [];
    this.book = new ZoneBook({
      ...{ store, bus, logger, clock, health, dataDir, baseFolder },
      isInMemory: dataDir === undefined,
      resolver: () => this.plane.resolver,
      stages: (outer) => {
        const stages = makeStages(outer);
        made.push(stages.signing);
        return stages;
      },
    });
    const { book } = this;
    this.keys = made[0] as ZoneSigning;
    this.manager = new DNSManager({ book, clock, logger });
    this.sender = new TransferSender({ counters, logger });
    const keys = (): TsigKeys => this.tsig;
    const shared = { book, keys, transport, counters, logger, clock };
    this.notifier = new NotifySender(shared);
    this.keeper = new SecondaryKeeper(shared);
    this.plane = new DnsPlane({
      ...{ book, bus, logger, store, lists, clock },
      tls: parts.tls,
      workers: parts.workers,
      guard: parts.guard,
      resolver: parts.resolverParts,
      baseFolder,
      special: (view, plain) => this.specialOf(view, plain),
      specialCounts: () => ({
        transfers: { out: counters.out, in: counters.in, failed: counters.failed },
        updates: { applied: counters.updatesApplied, refused: counters.updatesRefused },
      }),
    });
  }

  /** Whether it was stopped: it cannot be loaded again. */
  get isUsed(): boolean {
    return this.stopping !== null;
  }

  /** Reads the store. @throws DcError `STORE_FAILED`, `STORE_CORRUPT` */
  async load(): Promise<void> {
    await this.book.load();
  }

  /**
   * Checks options and binds ports; nothing has changed yet.
   *
   * @throws DcError as `DnsPlane.prepare`; NameError, RangeError for a TSIG key that is refused.
   */
  async prepare(
    options: IDnsOptions | undefined,
    how?: IDnsPrepareOptions,
  ): Promise<IPreparedOptions> {
    const keys = new TsigKeys(options?.keys);
    return { keys, plane: await this.plane.prepare(options, how) };
  }

  /** Serves what was prepared; with the first one, transfers begin. Never throws. */
  apply({ keys, plane }: IPreparedOptions): void {
    this.tsig = keys;
    this.udpSizeMax = plane.options?.udpSizeMax;
    this.plane.apply(plane);
    if (this.isStarted) return;
    this.isStarted = true;
    this.notifier.start();
    this.keeper.start();
    this.manager.start();
  }

  /**
   * Lets go of the store, before it closes: zones are answered for as they stand, until `reclaim`.
   * Updates are refused, and nothing is fetched or renewed.
   */
  async release(): Promise<void> {
    this.manager.stop();
    await this.keeper.stop();
    await this.book.pause();
  }

  /** The store is open again: goes on. */
  reclaim(): void {
    this.book.resume();
    if (!this.isStarted) return;
    this.manager.start();
    this.keeper.start();
  }

  /** Closes everything. Idempotent. */
  stop(drainTimeoutMs: number): Promise<void> {
    this.stopping ??= this.close(drainTimeoutMs);
    return this.stopping;
  }

  /** @throws DcError `ZONE_UNKNOWN` */
  notify(id: string): void {
    this.zone(id);
    this.notifier.notify(id);
  }

  /** @throws DcError `ZONE_UNKNOWN`, `ZONE_INVALID`, `DNS_FAILED` */
  async refresh(id: string, whole: boolean): Promise<void> {
    if (!this.zone(id).isSecondary) {
      throw new DcError('ZONE_INVALID', `The zone "${id}" is no secondary: it has no primaries`);
    }
    await (whole ? this.keeper.retransfer(id) : this.keeper.refresh(id));
  }

  private zone(id: string) {
    const zone = this.book.get(id);
    if (zone === undefined) throw zoneUnknown(id);
    return zone;
  }

  private specialOf(view: string | null, plain: TPlainAnswers): SpecialQueries {
    const { bus, logger, clock, lists } = this.parts;
    const { book, counters, sender, keeper } = this;
    return new SpecialQueries({
      ...{ book, view, bus, logger, clock, lists, counters, sender, plain },
      keys: () => this.tsig,
      notified: keeper.notified,
      udpSizeMax: this.udpSizeMax,
    });
  }

  private async close(drainTimeoutMs: number): Promise<void> {
    this.notifier.stop();
    this.manager.stop();
    await this.keeper.stop();
    await this.plane.stop(drainTimeoutMs);
    this.plane.end();
    await this.book.stop();
    this.transport.close();
  }
}

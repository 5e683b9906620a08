import type { IClock } from '../core/clock.ts';
import { DcError } from '../core/errors.ts';
import type { IDnsServiceParts } from './dns-service.ts';
import { DnsPlane, type IPreparedDns, type TPlainAnswers } from './plane/index.ts';
import { NodeTransport } from './resolver/index.ts';
import { secureRandom } from './resolver/random.ts';
import {
  NotifySender,
  SecondaryKeeper,
  SpecialQueries,
  TransferCounters,
  TransferSender,
} from './transfer/index.ts';
import { DNSManager, ZoneBook } from './zones/index.ts';
import { makeStages } from './zones/make-stages.ts';
import type { ZoneSigning } from './zones/signing/index.ts';
import { TsigKeys } from './zones/tsig-keys.ts';

/** What a host works with. */
export interface IDnsHostParts extends Omit<IDnsServiceParts, 'workers' | 'clock'> {
  readonly workers: number;
  readonly clock: IClock;
}

/** All parts of DNS, from one `load` to one `stop`. */
export class DnsHost {
  readonly book: ZoneBook;
  readonly plane: DnsPlane;
  readonly manager: DNSManager;
  readonly keys: ZoneSigning;
  private readonly parts: IDnsHostParts;
  private readonly notifier: NotifySender;
  private readonly keeper: SecondaryKeeper;
  private readonly transport = new NodeTransport({ random: secureRandom });
  private readonly counters = new TransferCounters();
  private readonly sender: TransferSender;
  private tsig = new TsigKeys();
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

  /** Serves what was prepared; with the first one, transfers begin. */
  apply(prepared: IPreparedDns): void {
    this.tsig = new TsigKeys(prepared.options?.keys);
    this.plane.apply(prepared);
    if (this.isStarted) return;
    this.isStarted = true;
    this.notifier.start();
    this.keeper.start();
    this.manager.start();
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
    if (zone === undefined) throw new DcError('ZONE_UNKNOWN', `There is no zone "${id}"`);
    return zone;
  }

  private specialOf(view: string | null, plain: TPlainAnswers): SpecialQueries {
    const { bus, logger, clock, lists } = this.parts;
    const { book, counters, sender, keeper } = this;
    return new SpecialQueries({
      ...{ book, view, bus, logger, clock, lists, counters, sender, plain },
      keys: () => this.tsig,
      notified: keeper.notified,
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

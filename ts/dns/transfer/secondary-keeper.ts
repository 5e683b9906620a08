import { type IClock, systemClock } from '../../core/clock.ts';
import { DcError } from '../../core/errors.ts';
import { type ILogger, silentLogger } from '../../core/logger.ts';
import { secureRandom, type TRandom } from '../resolver/random.ts';
import type { ITransport } from '../resolver/transport.ts';
import type { TsigKeys } from '../zones/tsig-keys.ts';
import type { IHostedZone, IZoneBook } from '../zones/types.ts';
import { TransferCounters } from './counters.ts';
import { Gate } from './gate.ts';
import type { IStreamLimits } from './peer-stream.ts';
import { type ISecondaryHost, SecondaryZone } from './secondary-zone.ts';
import type { ITransferLimits } from './transfer-reader.ts';

/** Transfers in at once; further ones wait. */
export const transfersInMax = 10;
/** Primaries that are asked for a SOA at once. */
const checksMax = 50;

/** What secondaries are kept with. */
export interface ISecondaryKeeperParts {
  readonly book: IZoneBook;
  /** The keys of the moment. */
  readonly keys: () => TsigKeys;
  /** Whoever makes it closes it. */
  readonly transport: ITransport;
  /** @default counters of its own */
  readonly counters?: TransferCounters;
  readonly logger?: ILogger;
  readonly clock?: IClock;
  readonly random?: TRandom;
  /** What a primary may send. @default transferLimitsDefault */
  readonly limits?: ITransferLimits;
  /** How long a transfer may take. @default 30 s for each message, 2 h in all */
  readonly times?: IStreamLimits;
}

/**
 * Keeps the secondaries of the book fresh: each is looked at when it comes (so after a start at
 * once), when its SOA says (RFC 1035 §3.3.13; see `timesOf` for the bounds), and when its primary
 * says by NOTIFY that it has changed. A newer version is fetched by IXFR or AXFR and served as soon
 * as all of it is there and good; until then, and when no primary answers, the old one stays, with a
 * warning in its status, until it expires.
 */
export class SecondaryKeeper {
  private readonly host: ISecondaryHost;
  private readonly zones = new Map<string, SecondaryZone>();
  private leave: (() => void) | null = null;

  constructor(parts: ISecondaryKeeperParts) {
    this.host = {
      counters: new TransferCounters(),
      logger: silentLogger,
      clock: systemClock,
      random: secureRandom,
      ...parts,
      checks: new Gate(checksMax),
      transfers: new Gate(transfersInMax),
    };
  }

  /** Begins with the zones of the book, and those that come. */
  start(): void {
    if (this.leave !== null) throw new Error('The keeper was started already');
    this.leave = this.host.book.follow({
      onServed: (zone) => this.take(zone),
      onRemoved: (zone) => this.drop(zone.id),
    });
    for (const zone of this.host.book.zones()) this.take(zone);
  }

  /** Ends what is under way. Idempotent. */
  async stop(): Promise<void> {
    this.leave?.();
    this.leave = null;
    const zones = [...this.zones.values()];
    this.zones.clear();
    await Promise.all(zones.map((zone) => zone.stop()));
  }

  /** Hears of a NOTIFY. @param serial that it names; null: none. */
  readonly notified = (id: string, serial: number | null): void => {
    this.zones.get(id)?.notified(serial);
  };

  /**
   * Looks at the primaries now, and fetches the zone when it is newer.
   *
   * @throws DcError `ZONE_UNKNOWN` when it is no secondary, `DNS_FAILED` when no primary helps.
   */
  refresh(id: string): Promise<void> {
    return this.run(id, 'check');
  }

  /** Fetches the zone whole, whatever its serial is. @throws as `refresh`. */
  retransfer(id: string): Promise<void> {
    return this.run(id, 'whole');
  }

  private async run(id: string, task: 'check' | 'whole'): Promise<void> {
    const zone = this.zones.get(id);
    if (zone === undefined) {
      throw new DcError('ZONE_UNKNOWN', `There is no secondary zone "${id}"`);
    }
    const failure = await zone.run(task);
    if (failure !== null)
      throw new DcError('DNS_FAILED', `Cannot fetch the zone "${id}": ${failure}`);
  }

  private take(zone: IHostedZone): void {
    if (!zone.isSecondary) {
      this.drop(zone.id);
      return;
    }
    const known = this.zones.get(zone.id);
    if (known !== undefined) {
      known.follow(zone);
      return;
    }
    const secondary = new SecondaryZone(this.host, zone);
    this.zones.set(zone.id, secondary);
    // Not within the book's call: the zone may expire at once.
    queueMicrotask(() => {
      if (this.zones.get(zone.id) !== secondary) return;
      void secondary.expire();
      void secondary.run('check');
    });
  }

  private drop(id: string): void {
    const zone = this.zones.get(id);
    this.zones.delete(id);
    void zone?.stop();
  }
}

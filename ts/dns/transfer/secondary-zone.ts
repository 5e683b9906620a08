import type { IZonePeer } from '../../../ts_interfaces/index.ts';
import type { ITimer } from '../../core/clock.ts';
import { DcError } from '../../core/errors.ts';
import type { ILogger } from '../../core/logger.ts';
import { compareSerials } from '../zone/serial.ts';
import type { Zone } from '../zone/zone.ts';
import type { IHostedZone, IZoneBook } from '../zones/types.ts';
import type { TransferCounters } from './counters.ts';
import { fetchZone } from './fetch-zone.ts';
import type { Gate } from './gate.ts';
import { type IPeerParts, PeerFailure, peerText } from './peer-query.ts';
import type { IStreamLimits } from './peer-stream.ts';
import { firstRetry, jittered, timesOf } from './secondary-times.ts';
import { serialAt } from './soa-check.ts';
import type { ITransferLimits } from './transfer-reader.ts';

/** What secondaries share. */
export interface ISecondaryHost extends IPeerParts {
  readonly book: IZoneBook;
  readonly logger: ILogger;
  readonly counters: TransferCounters;
  /** Questions for a SOA, and transfers, that run at once. */
  readonly checks: Gate;
  readonly transfers: Gate;
  readonly limits?: ITransferLimits;
  readonly times?: IStreamLimits;
}

/** What is to be done: look for a newer version, or fetch the zone whatever its serial is. */
type TTask = 'check' | 'whole';

/** Two NOTIFY lead to two looks only when they are that far apart. */
const notifyIntervalMs = 1000;

/** One secondary: looks at its primaries when it is time to, and fetches what is newer. */
export class SecondaryZone {
  private readonly host: ISecondaryHost;
  private readonly id: string;
  private readonly abort = new AbortController();
  private timer: ITimer | null = null;
  private expiry: ITimer | null = null;
  private running: Promise<void> | null = null;
  /** What is asked for while something runs. */
  private next: TTask | null = null;
  private failures = 0;
  private failure: string | null = null;
  private notifiedAtMs = Number.NEGATIVE_INFINITY;
  private primaries: string;

  constructor(host: ISecondaryHost, zone: IHostedZone) {
    this.host = host;
    this.id = zone.id;
    this.primaries = JSON.stringify(zone.options.primaries);
  }

  /** What runs ends without a result, and nothing is done any more. Idempotent. */
  async stop(): Promise<void> {
    this.abort.abort(new Error('The zone is no secondary any more'));
    this.timer?.cancel();
    this.expiry?.cancel();
    await this.running;
  }

  /** Does it now, or when what runs is over. @returns why it failed, when it is done; null: it did not. */
  async run(task: TTask): Promise<string | null> {
    if (this.running !== null) {
      this.next = this.next === 'whole' ? 'whole' : task;
      await this.running;
      return this.failure;
    }
    this.timer?.cancel();
    this.running = this.work(task);
    await this.running;
    return this.failure;
  }

  /** The options may be others. */
  follow(zone: IHostedZone): void {
    const primaries = JSON.stringify(zone.options.primaries);
    if (primaries === this.primaries) return;
    this.primaries = primaries;
    void this.run('check');
  }

  /** A primary says that the zone has changed. @param serial that it has; null: not said. */
  notified(serial: number | null): void {
    const zone = this.zone;
    const isKnown =
      zone?.state === 'serving' &&
      zone.source !== null &&
      serial !== null &&
      compareSerials(zone.source.serial, serial) !== -1;
    if (isKnown) return;
    const nowMs = this.host.clock.monotonic();
    const waitMs = this.notifiedAtMs + notifyIntervalMs - nowMs;
    if (waitMs <= 0) {
      this.notifiedAtMs = nowMs;
      void this.run('check');
    } else if (this.running === null) {
      this.schedule(waitMs);
    } else {
      this.next ??= 'check';
    }
  }

  private get zone(): IHostedZone | undefined {
    return this.host.book.get(this.id);
  }

  /** Never rejects. */
  private async work(task: TTask): Promise<void> {
    let todo: TTask | null = task;
    while (todo !== null && !this.abort.signal.aborted) {
      this.next = null;
      await this.attempt(todo);
      todo = this.next;
    }
    this.running = null;
    if (!this.abort.signal.aborted) this.plan();
  }

  private async attempt(task: TTask): Promise<void> {
    const { counters, logger, book } = this.host;
    let failure: string | null;
    try {
      failure = await this.askAll(task);
    } catch (error) {
      if (this.abort.signal.aborted) return;
      // Not a primary's fault: the store, or one of ours.
      failure = error instanceof Error ? error.message : String(error);
    }
    if (this.abort.signal.aborted) return;
    const isNews = failure !== this.failure;
    this.failure = failure;
    this.failures = failure === null ? 0 : this.failures + 1;
    if (failure !== null) {
      counters.failed++;
      const data = { zone: this.id, reason: failure, attempts: this.failures };
      if (isNews) logger.warn('dns.transferFailed', 'A zone cannot be fetched', data);
      else logger.debug('dns.transferFailed', 'A zone still cannot be fetched', data);
    }
    book.warn(this.id, 'transfer', failure);
  }

  /** Asks one primary after the other. @returns why none was of help; null: one was. */
  private async askAll(task: TTask): Promise<string | null> {
    const primaries = this.zone?.options.primaries ?? [];
    const reasons: string[] = [];
    for (const primary of primaries) {
      try {
        await this.ask(primary, task);
        return null;
      } catch (error) {
        this.abort.signal.throwIfAborted();
        if (!(error instanceof PeerFailure)) throw error;
        reasons.push(`${peerText(primary)}: ${error.message}`);
      }
    }
    return `No primary has the zone for us: ${reasons.join('; ')}`;
  }

  private async ask(primary: IZonePeer, task: TTask): Promise<void> {
    const { book, checks, transfers } = this.host;
    const { signal } = this.abort;
    const before = this.sourceNow();
    if (task === 'check' && before !== null) {
      const serial = await checks.run(() => serialAt(this.host, primary, before.apex, signal));
      const order = compareSerials(before.serial, serial);
      if (order === 0) {
        await book.transferred(this.id, { kind: 'current', primary: peerText(primary) });
        return;
      }
      if (order !== -1)
        throw new PeerFailure(`its serial ${serial} is older than ${before.serial}`);
    }
    await transfers.run(() => this.fetch(primary, task));
  }

  private async fetch(primary: IZonePeer, task: TTask): Promise<void> {
    const { book, counters, logger, limits, times } = this.host;
    const { signal } = this.abort;
    const zone = this.zone;
    if (zone === undefined) return;
    signal.throwIfAborted();
    const base = task === 'whole' ? null : this.sourceNow();
    counters.inActive++;
    try {
      const options = { apex: zone.apex, base, limits, times };
      const fetched = await fetchZone(this.host, primary, options, signal);
      const from = peerText(primary);
      if (fetched.kind === 'current') {
        await book.transferred(this.id, { kind: 'current', primary: from });
        return;
      }
      const { serial, recordCount } = fetched.zone;
      if (base !== null && compareSerials(base.serial, serial) !== -1) {
        throw new PeerFailure(`it sent serial ${serial}, which is not newer than ${base.serial}`);
      }
      await book.transferred(this.id, { kind: 'zone', zone: fetched.zone, primary: from });
      counters.in++;
      const data = { zone: this.id, primary: from, serial, records: recordCount };
      logger.info('dns.transferReceived', 'A zone was fetched', {
        ...data,
        whole: fetched.isWhole,
      });
    } catch (error) {
      const isInvalid = error instanceof DcError && /^(ZONE|CONFIG)_INVALID$/.test(error.code);
      if (isInvalid) throw new PeerFailure(`its zone is invalid: ${error.message}`);
      throw error;
    } finally {
      counters.inActive--;
    }
  }

  private sourceNow(): Zone | null {
    return this.zone?.source ?? null;
  }

  /** Sets the timers for the next look, and for the end. */
  private plan(): void {
    const { book, clock, random } = this.host;
    const source = this.sourceNow();
    const checkedAt = book.transferTimes(this.id)?.checkedAt;
    this.expiry?.cancel();
    if (source === null || checkedAt === undefined) {
      this.schedule(jittered(firstRetry(Math.max(1, this.failures)), random));
      return;
    }
    const { refreshMs, retryMs, expireMs } = timesOf(source);
    this.schedule(jittered(this.failures > 0 ? retryMs : refreshMs, random));
    if (this.zone?.state !== 'serving') return;
    const leftMs = checkedAt + expireMs - clock.now();
    this.expiry = clock.setTimeout(() => void this.expire(), leftMs);
  }

  private schedule(delayMs: number): void {
    this.timer?.cancel();
    this.timer = this.host.clock.setTimeout(() => void this.run('check'), delayMs);
  }

  /** @internal for the keeper, which calls it when a zone was loaded whose time is over. */
  async expire(): Promise<void> {
    const { book, clock, logger } = this.host;
    const source = this.sourceNow();
    const checkedAt = book.transferTimes(this.id)?.checkedAt;
    if (this.abort.signal.aborted || source === null || checkedAt === undefined) return;
    // It may have been found to be good since the timer was set.
    if (this.zone?.state !== 'serving') return;
    if (checkedAt + timesOf(source).expireMs > clock.now()) return;
    try {
      await book.transferred(this.id, { kind: 'expired' });
      const data = { zone: this.id, checkedAt: new Date(checkedAt).toISOString() };
      logger.error('dns.secondaryExpired', 'A zone is too old to be answered for', data);
    } catch (error) {
      logger.error('dns.transferFailed', 'A zone cannot be marked as expired', {
        zone: this.id,
        error,
      });
    }
  }
}

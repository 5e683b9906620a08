import type { ITimer } from '../../core/clock.ts';
import type { IBookParts } from './book-parts.ts';
import type { HostedZone } from './hosted-zone.ts';
import { stateChange } from './zone-state.ts';

/** Zones with more records are not written with every transfer. */
const recordsAtOnceMax = 10_000;
/** Milliseconds between two writes of such a zone, and of the times of any. */
const pauseMs = 60_000;

/** Keeps what secondaries have fetched in the store, without writing large zones all the time. */
export class TransferSaver {
  private readonly parts: IBookParts;
  /** Those with something that the store does not have. */
  private readonly waiting = new Map<HostedZone, ITimer>();
  private readonly savedAtMs = new WeakMap<HostedZone, number>();
  private isStopped = false;

  constructor(parts: IBookParts) {
    this.parts = parts;
  }

  /** What a zone holds, or knows of its primary, has changed: it is stored now or soon. */
  async changed(zone: HostedZone): Promise<void> {
    const isSmall = (zone.base?.zone.recordCount ?? 0) <= recordsAtOnceMax;
    const nowMs = this.parts.clock.monotonic();
    const dueMs = (this.savedAtMs.get(zone) ?? Number.NEGATIVE_INFINITY) + pauseMs;
    const isUrgent = isSmall && zone.base !== zone.storedBase;
    if (isUrgent || nowMs >= dueMs) return this.save(zone);
    if (this.waiting.has(zone)) return;
    this.saveLater(zone, dueMs - nowMs);
  }

  /** Stores all that waits, and from now on nothing later, until `resume`. */
  async stop(): Promise<void> {
    this.isStopped = true;
    for (const zone of [...this.waiting.keys()]) await this.save(zone);
  }

  /** Stores what comes again. */
  resume(): void {
    this.isStopped = false;
  }

  /** A zone is served no more: it is not stored later. */
  forget(zone: HostedZone): void {
    this.waiting.get(zone)?.cancel();
    this.waiting.delete(zone);
  }

  private saveLater(zone: HostedZone, delayMs: number): void {
    if (this.isStopped || !zone.isLive) return;
    const run = (): void => void zone.jobs.run(() => this.save(zone));
    this.waiting.set(zone, this.parts.clock.setTimeout(run, delayMs));
  }

  /** Never rejects: the zone is answered for, and is fetched again after a restart. */
  private async save(zone: HostedZone): Promise<void> {
    this.forget(zone);
    const { parts } = this;
    const { base, saved: before } = zone;
    try {
      if (base === null || base === zone.storedBase) {
        await parts.writer.write([stateChange(zone.id, before)]);
      } else {
        const { place, changes } = await parts.texts.save(zone.id, 'dns-transfers', base.zone);
        const removal = parts.texts.removal(zone.id, zone.saved.text);
        const saved = { ...zone.saved, text: place };
        await parts.writer.write([...changes, ...removal, stateChange(zone.id, saved)]);
        zone.saved = saved;
        zone.storedBase = base;
      }
      zone.warn('store', []);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      zone.warn('store', [`What was fetched cannot be stored: ${reason}`]);
      const message = `What was fetched of "${zone.id}" cannot be stored`;
      parts.logger.error('zone.failed', message, { zone: zone.id, error });
      this.saveLater(zone, pauseMs);
    }
    this.savedAtMs.set(zone, parts.clock.monotonic());
  }
}

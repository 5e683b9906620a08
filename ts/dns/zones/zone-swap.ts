import type { IBookParts } from './book-parts.ts';
import type { HostedZone } from './hosted-zone.ts';
import type { IPreparedZone } from './prepare-zone.ts';
import type { SecondaryContent } from './secondary-content.ts';
import type { ZonePublisher } from './zone-publisher.ts';
import { stateChange } from './zone-state.ts';

/** Puts prepared zones in force, and takes zones away. Nothing of it throws. */
export class ZoneSwap {
  private readonly parts: IBookParts;
  private readonly publisher: ZonePublisher;
  private readonly secondaries: SecondaryContent;

  constructor(parts: IBookParts, publisher: ZonePublisher, secondaries: SecondaryContent) {
    this.parts = parts;
    this.publisher = publisher;
    this.secondaries = secondaries;
  }

  /** Answers for a zone no more; nothing happens when it is not there. */
  remove(id: string): void {
    const zone = this.parts.index.get(id);
    if (zone === undefined) return;
    this.parts.stages.signing.removed(id);
    this.retire(zone);
    this.parts.bus.emit('zone.removed', { zone: id });
  }

  /** Answers for a zone as it was prepared. */
  apply(prepared: IPreparedZone): void {
    const { zone, identity, signing, content } = prepared;
    const { index, stages, bus } = this.parts;
    const before = index.get(zone.id);
    if (before !== undefined && before !== zone) this.retire(before);
    stages.signing.apply(signing);
    zone.options = identity.options;
    index.add(zone);
    if (before === undefined) bus.emit('zone.added', { zone: zone.id });
    const wasLive = zone.isLive;
    zone.isLive = true;
    zone.epoch++;
    if (content === null) this.publisher.tell(zone);
    else if (wasLive && hasChangedSince(prepared)) this.takeLater(prepared, content);
    else this.takeNow(prepared, content);
  }

  private takeNow(
    { zone, saved, state, isUnsaved }: IPreparedZone,
    content: IPreparedZone['content'] & object,
  ): void {
    const { base, origin, leftOut, warnings, candidate, changedSets } = content;
    zone.base = base;
    zone.origin = origin;
    zone.leftOut = leftOut;
    zone.saved = saved;
    zone.isUnsaved = isUnsaved;
    if (zone.isSecondary) zone.storedBase ??= base;
    zone.warn('load', base.warnings);
    this.warn(zone, warnings);
    this.publisher.install(zone, candidate, changedSets);
    if (state === 'expired') this.secondaries.expire(zone);
    if (isUnsaved) this.saveSoon(zone);
  }

  /** Somebody changed the zone since it was prepared: all is laid together anew. */
  private takeLater(
    { zone }: IPreparedZone,
    { base, origin }: IPreparedZone['content'] & object,
  ): void {
    const isImported = zone.saved.text?.collection === 'dns-imports';
    if (!zone.isSecondary && !isImported) {
      zone.base = base;
      zone.origin = origin;
      zone.warn('load', base.warnings);
    }
    const job = this.publisher.run(zone, async () => {
      if (zone.isSecondary) this.publisher.tell(zone);
      else await this.publisher.rebuild(zone);
    });
    job.catch((error: unknown) => {
      this.publisher.fail(zone, 'The new configuration cannot be stored', error);
    });
  }

  private saveSoon(zone: HostedZone): void {
    const { saved } = zone;
    this.parts.writer.write([stateChange(zone.id, saved)]).then(
      () => {
        if (zone.saved === saved) zone.isUnsaved = false;
      },
      (error: unknown) => {
        this.publisher.fail(zone, 'The serial of the zone cannot be stored', error);
        if (zone.isLive) this.publisher.retryLater(zone);
      },
    );
  }

  private warn(zone: HostedZone, warnings: readonly string[]): void {
    const known = zone.warningsOf('overlay');
    zone.warn('overlay', warnings);
    for (const warning of warnings) {
      if (known.includes(warning)) continue;
      this.parts.logger.warn('zone.warning', warning, { zone: zone.id });
    }
  }

  private retire(zone: HostedZone): void {
    this.secondaries.forget(zone);
    this.publisher.retire(zone);
  }
}

/** A serial that was given away meanwhile is above that of what was prepared. */
function hasChangedSince({ zone, revision, serialBefore }: IPreparedZone): boolean {
  return zone.revision !== revision || zone.saved.serial !== serialBefore || zone.jobs.pending > 0;
}

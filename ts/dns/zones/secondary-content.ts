import { runStepsGently } from '../zone/steps.ts';
import type { IBookParts } from './book-parts.ts';
import type { HostedZone } from './hosted-zone.ts';
import { transferBase } from './prepare-zone.ts';
import { shareInSteps } from './shared-tree.ts';
import { TransferSaver } from './transfer-saver.ts';
import type { ITransferOutcome } from './types.ts';
import { zoneInvalid } from './zone-base.ts';
import type { ZonePublisher } from './zone-publisher.ts';
import { makeVersion } from './zone-version.ts';

/** What secondaries answer with: as their primaries gave it. */
export class SecondaryContent {
  private readonly parts: IBookParts;
  private readonly publisher: ZonePublisher;
  private readonly saver: TransferSaver;

  constructor(parts: IBookParts, publisher: ZonePublisher) {
    this.parts = parts;
    this.publisher = publisher;
    this.saver = new TransferSaver(parts);
  }

  /** Takes what came of asking a primary; the store follows, at once for small zones. */
  transferred(zone: HostedZone, outcome: ITransferOutcome): Promise<void> {
    return this.publisher.run(zone, async () => {
      if (outcome.kind === 'expired') {
        zone.saved = { ...zone.saved, isExpired: true };
        if (zone.state === 'serving') this.expire(zone);
      } else {
        zone.saved = {
          ...zone.saved,
          checkedAtMs: this.parts.clock.now(),
          checkedWith: outcome.primary,
          isExpired: undefined,
        };
        if (outcome.kind === 'zone') await this.take(zone, outcome);
        else if (zone.state === 'expired') this.serveAgain(zone);
      }
      await this.saver.changed(zone);
    });
  }

  /** It is answered with SERVFAIL from now on. */
  expire(zone: HostedZone): void {
    zone.state = 'expired';
    zone.served = null;
    this.publisher.tell(zone);
    this.parts.bus.emit('zone.expired', { zone: zone.id });
  }

  /** Stores all that waits, and from now on nothing later, until `resume`. */
  stop(): Promise<void> {
    return this.saver.stop();
  }

  /** Stores what comes again. */
  resume(): void {
    this.saver.resume();
  }

  /** A zone is served no more. */
  forget(zone: HostedZone): void {
    this.saver.forget(zone);
  }

  private async take(
    zone: HostedZone,
    outcome: ITransferOutcome & { kind: 'zone' },
  ): Promise<void> {
    if (!outcome.zone.apex.equals(zone.apex)) {
      const message = 'Another zone than this one was transferred';
      throw zoneInvalid(`Cannot take the transfer of "${zone.id}"`, [{ path: '', message }]);
    }
    const older = zone.base?.zone;
    const shared =
      older === undefined
        ? { zone: outcome.zone, changed: null }
        : await runStepsGently(shareInSteps(older, outcome.zone));
    const base = await transferBase(shared.zone);
    zone.base = base;
    zone.revision++;
    zone.warn('load', base.warnings);
    this.serve(zone, shared.changed === null ? null : shared.changed + 1);
    const { serial } = outcome.zone;
    this.parts.bus.emit('zone.transferred', { zone: zone.id, serial, primary: outcome.primary });
  }

  private serveAgain(zone: HostedZone): void {
    if (zone.base === null) return;
    this.serve(zone, 0);
  }

  private serve(zone: HostedZone, changedSets: number | null): void {
    const { base } = zone;
    if (base === null) return;
    const { stages, clock } = this.parts;
    const candidate = makeVersion(zone, {
      identity: zone,
      source: base,
      expansion: stages.expansion,
      signing: stages.signing.signingOf(zone.id),
      isChanged: zone.saved.base !== base.digest,
      ownSerial: base.ownSerial,
      nowMs: clock.now(),
    });
    const { serial, dynamic } = candidate;
    const changedAtMs = serial === zone.saved.serial ? zone.saved.changedAtMs : clock.now();
    zone.saved = { ...zone.saved, serial, base: base.digest, dynamic, changedAtMs };
    this.publisher.install(zone, candidate, changedSets);
  }
}

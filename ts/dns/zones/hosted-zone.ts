import type { IZoneOptions, TZoneState } from '../../../ts_interfaces/index.ts';
import type { ITimer } from '../../core/clock.ts';
import { SerialQueue } from '../../core/serial-queue.ts';
import { ZoneSigner } from '../dnssec/zone-signer.ts';
import type { Zone } from '../zone/zone.ts';
import { Dynamics } from './dynamics.ts';
import type { RecordOverlay } from './record-overlay.ts';
import { newerSerial } from './served-serial.ts';
import type { IZoneIdentity } from './stages.ts';
import type { IHostedZone, IServedVersion } from './types.ts';
import { VersionHistory } from './version-history.ts';
import type { IZoneBase } from './zone-base.ts';
import type { IZoneSource } from './zone-source.ts';
import type { IZoneState } from './zone-state.ts';

/** A zone of the book: what its neighbours see of it, and what only the book changes. */
export class HostedZone implements IHostedZone, IZoneIdentity {
  readonly id: string;
  readonly apex: Buffer;
  readonly isSecondary: boolean;
  options: IZoneOptions;
  state: TZoneState = 'loading';
  source: Zone | null = null;
  served: IServedVersion | null = null;

  /** ALIAS and health record sets of `source`. */
  dynamics = Dynamics.none;
  /** Null: a secondary that was never fetched. */
  base: IZoneBase | null = null;
  /** What the base was loaded from; null: an import or a transfer. */
  origin: IZoneSource | null = null;
  readonly overlay: RecordOverlay;
  /** Keys of the overlay that do not fit to the base. */
  leftOut: ReadonlySet<string> = new Set();
  /** Secondaries: the base whose text the store has. */
  storedBase: IZoneBase | null = null;
  /** As the store has it, or will have it soon. */
  saved: IZoneState;
  /** The store could not be told of `saved`. */
  isUnsaved = false;
  /** The highest serial that was ever given away. */
  highest: number | null;
  /** Changes of the zone, one after another. */
  readonly jobs = new SerialQueue();
  /** Rises whenever the base, overlay or owned records become others. */
  revision = 0;
  /** Rises when another configuration was applied, also while a job of the zone runs. */
  epoch = 0;
  /** It is answered for. */
  isLive = false;
  /** A job waits that will publish anew. */
  isStale = false;
  /** When the serial has to rise though nothing has changed. */
  raise: ITimer | null = null;
  /** When a state that could not be stored is tried again. */
  retry: ITimer | null = null;
  private readonly versions = new VersionHistory();
  private readonly warningsByPart = new Map<string, readonly string[]>();

  constructor({ id, apex, options }: IZoneIdentity, overlay: RecordOverlay, saved: IZoneState) {
    this.id = id;
    this.apex = apex;
    this.options = options;
    this.isSecondary = options.primaries !== undefined;
    this.overlay = overlay;
    this.saved = saved;
    this.highest = saved.serial;
  }

  get history(): readonly Zone[] {
    return this.versions.versions;
  }

  get isImported(): boolean {
    return this.saved.text?.collection === 'dns-imports';
  }

  get warnings(): string[] {
    return [...this.warningsByPart.values()].flat();
  }

  /** Warnings of a part. */
  warningsOf(part: string): readonly string[] {
    return this.warningsByPart.get(part) ?? [];
  }

  /** Keeps warnings of a part instead of those before. */
  warn(part: string, messages: readonly string[]): void {
    if (messages.length === 0) this.warningsByPart.delete(part);
    else this.warningsByPart.set(part, messages);
  }

  /** Nothing is done later any more. */
  cancelTimers(): void {
    this.raise?.cancel();
    this.retry?.cancel();
    this.raise = null;
    this.retry = null;
  }

  /** Takes note that a serial was given away. */
  reserve(serial: number): void {
    this.highest = newerSerial(this.highest, serial);
  }

  /** Serves a version. @param changes as `VersionHistory.push`. */
  serve(version: IServedVersion, changes: number | null): void {
    this.served = version;
    const isKept = !(version.signer instanceof ZoneSigner) && version.isProvisional !== true;
    if (isKept) this.versions.push(version.zone, changes);
    else this.versions.clear();
  }
}

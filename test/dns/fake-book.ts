import type { IClock } from '../../ts/core/clock.ts';
import { PresignedSigner } from '../../ts/dns/answer/presigned.ts';
import type { ZoneSet } from '../../ts/dns/answer/zone-set.ts';
import { formatName, isSubdomain, lowerName, parseName } from '../../ts/dns/codec/name.ts';
import type { ZoneSigner } from '../../ts/dns/dnssec/zone-signer.ts';
import type { Zone } from '../../ts/dns/zone/zone.ts';
import type {
  IHostedZone,
  IRecordSetChange,
  ITransferOutcome,
  ITransferTimes,
  IZoneBook,
  IZoneListener,
} from '../../ts/dns/zones/types.ts';
import type { IZoneOptions, TZoneState } from '../../ts_interfaces/index.ts';

/** A zone of the fake book. */
export interface IFakeZone extends IHostedZone {
  source: Zone | null;
  state: TZoneState;
  options: IZoneOptions;
  signer: ZoneSigner | null;
  versions: Zone[];
}

/** Zones in memory, as transfers and updates see them. Nothing is stored. */
export class FakeBook implements IZoneBook {
  readonly warnings = new Map<string, string>();
  readonly outcomes: ITransferOutcome[] = [];
  /** What the next change is refused with. */
  failure: Error | null = null;
  private readonly byId = new Map<string, IFakeZone>();
  private readonly times = new Map<string, ITransferTimes>();
  private readonly listeners = new Set<IZoneListener>();
  private readonly waiting = new Set<() => void>();
  private readonly clock: IClock;
  private readonly set: ZoneSet | null;

  /** @param set gets what is served. */
  constructor(clock: IClock, set: ZoneSet | null = null) {
    this.clock = clock;
    this.set = set;
  }

  /** Puts a zone in; null: a secondary that has not been fetched. */
  put(
    options: IZoneOptions,
    source: Zone | null,
    more: { signer?: ZoneSigner; times?: ITransferTimes; isProvisional?: boolean } = {},
  ): IFakeZone {
    const apex = lowerName(parseName(options.name));
    const id =
      formatName(apex).slice(0, -1) + (options.view === undefined ? '' : `@${options.view}`);
    const zone: IFakeZone = {
      id,
      apex,
      options,
      isSecondary: options.primaries !== undefined,
      state: source === null ? 'loading' : 'serving',
      source,
      signer: more.signer ?? null,
      versions: source === null ? [] : [source],
      get served() {
        if (this.state !== 'serving' || this.source === null) return null;
        const zone = this.signer?.prepare(this.source) ?? this.source;
        const signer = this.signer ?? PresignedSigner.of(zone);
        return { zone, signer, draws: [], isProvisional: more.isProvisional === true };
      },
      get history() {
        return this.versions;
      },
    };
    this.byId.set(id, zone);
    if (more.times !== undefined) this.times.set(id, more.times);
    this.announce(zone);
    return zone;
  }

  /** Another version of a zone. */
  serve(id: string, source: Zone): void {
    const zone = this.byId.get(id) as IFakeZone;
    zone.source = source;
    zone.state = 'serving';
    zone.versions = [...zone.versions, source];
    this.announce(zone);
  }

  remove(id: string): void {
    const zone = this.byId.get(id) as IFakeZone;
    this.byId.delete(id);
    this.set?.delete(zone.apex);
    for (const listener of this.listeners) listener.onRemoved(zone);
  }

  /** Waits until something is so that a change or warning makes so. */
  async until(is: () => boolean): Promise<void> {
    while (!is()) await new Promise<void>((go) => this.waiting.add(go));
  }

  get(id: string): IFakeZone | undefined {
    return this.byId.get(id);
  }

  zones(): Iterable<IFakeZone> {
    return [...this.byId.values()];
  }

  closest(name: Buffer, view: string | null): IFakeZone | undefined {
    const lower = lowerName(name);
    return [...this.byId.values()]
      .filter((zone) => isSubdomain(lower, zone.apex) && (zone.options.view ?? view) === view)
      .sort((one, other) => other.apex.length - one.apex.length)[0];
  }

  find(apex: Buffer, view: string | null): IFakeZone | undefined {
    const zone = this.closest(apex, view);
    return zone?.apex.equals(lowerName(apex)) === true ? zone : undefined;
  }

  follow(listener: IZoneListener): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  async change(
    id: string,
    _origin: 'api' | 'update',
    edit: (source: Zone) => readonly IRecordSetChange[],
  ): Promise<number> {
    const zone = this.byId.get(id) as IFakeZone;
    const source = zone.source as Zone;
    const changes = edit(source);
    if (this.failure !== null) throw this.failure;
    const changed = source.replace(changes);
    if (changed !== source) this.serve(id, changed);
    return changed.serial;
  }

  recordSets(): never {
    throw new Error('Not of use here');
  }

  import(): never {
    throw new Error('Not of use here');
  }

  export(): never {
    throw new Error('Not of use here');
  }

  revert(): never {
    throw new Error('Not of use here');
  }

  info(): undefined {
    return undefined;
  }

  async transferred(id: string, outcome: ITransferOutcome): Promise<void> {
    const zone = this.byId.get(id);
    if (zone === undefined) return;
    if (this.failure !== null) throw this.failure;
    this.outcomes.push(outcome);
    if (outcome.kind === 'expired') {
      zone.state = 'expired';
      this.announce(zone);
      return;
    }
    this.times.set(id, { checkedAt: this.clock.now(), checkedWith: outcome.primary });
    if (outcome.kind === 'zone') this.serve(id, outcome.zone);
    else if (zone.state !== 'serving') {
      zone.state = 'serving';
      this.announce(zone);
    }
    this.wake();
  }

  transferTimes(id: string): ITransferTimes | undefined {
    return this.times.get(id);
  }

  warn(id: string, part: string, message: string | null): void {
    if (message === null) this.warnings.delete(`${id} ${part}`);
    else this.warnings.set(`${id} ${part}`, message);
    this.wake();
  }

  private announce(zone: IFakeZone): void {
    const { served } = zone;
    if (served !== null) this.set?.set(served.zone, served.signer);
    else this.set?.setAbsent(zone.apex, zone.state === 'expired' ? 'expired' : 'loading');
    for (const listener of this.listeners) listener.onServed(zone);
    this.wake();
  }

  private wake(): void {
    const waiting = [...this.waiting];
    this.waiting.clear();
    for (const go of waiting) go();
  }
}

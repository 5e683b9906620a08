import type { IZoneInfo, IZoneOptions } from '../../../ts_interfaces/index.ts';
import { DcError, type IProblem } from '../../core/errors.ts';
import type { Store } from '../../storage/store.ts';
import { soaSerial } from '../codec/soa.ts';
import { recordType } from '../codec/types.ts';
import { runStepsGently } from '../zone/steps.ts';
import type { Zone } from '../zone/zone.ts';
import type { IBookParts } from './book-parts.ts';
import { compose } from './compose.ts';
import { GroupedWriter } from './grouped-writer.ts';
import type { HostedZone } from './hosted-zone.ts';
import { makeStages } from './make-stages.ts';
import { type IOwnedEdit, OwnedRecords, ownedChanges } from './owned-records.ts';
import { type IPreparedZone, prepareZone } from './prepare-zone.ts';
import { type IRecordQuery, listRecordSets } from './record-list.ts';
import { type IOverlaid, RecordOverlay } from './record-overlay.ts';
import { readSetKey, setKey } from './record-set.ts';
import { SecondaryContent } from './secondary-content.ts';
import { shareInSteps } from './shared-tree.ts';
import type { IStageParts, IStages } from './stages.ts';
import type {
  IHostedZone,
  IRecordSet,
  IRecordSetChange,
  ITransferOutcome,
  ITransferTimes,
  IZoneBook,
  IZoneListener,
} from './types.ts';
import { type IZoneBase, zoneInvalid, zoneUnknown } from './zone-base.ts';
import { type ISource, ZoneContent } from './zone-content.ts';
import { exportZone } from './zone-export.ts';
import { ZoneIndex } from './zone-index.ts';
import { zoneInfo } from './zone-info.ts';
import { loadZones } from './zone-loading.ts';
import { ZonePublisher } from './zone-publisher.ts';
import { loadSource, loadText } from './zone-source.ts';
import { newState, stateChange, stateCollection } from './zone-state.ts';
import { ZoneSwap } from './zone-swap.ts';
import { ZoneTexts } from './zone-texts.ts';

/** What a book works with; it owns none of it. */
export interface IZoneBookOptions extends Omit<IStageParts, 'book'> {
  /** Folder that the `file` of a zone is relative to. */
  readonly baseFolder: () => string;
  /**
   * Makes what expands and signs zones; the book stops it. Its `book` answers once the constructor
   * is through. @default makeStages
   */
  readonly stages?: (parts: IStageParts) => IStages;
}

/** Zones that may change. */
export interface IZoneBookChanges {
  readonly set: readonly IZoneOptions[];
  /** Ids; those that are not there do not matter. */
  readonly removed: readonly string[];
}

/** Zones that are ready to be answered for. */
export interface IPreparedZones {
  readonly zones: readonly IPreparedZone[];
  readonly removed: readonly string[];
}

/**
 * The zones that are hosted: their content with all that was changed, in the store and in memory,
 * the serials that clients see, and who is told of changes.
 *
 * Call `load` when the store is open, then `prepare` and `apply`; `stop` before the store closes.
 */
export class ZoneBook implements IZoneBook {
  /** What expands and signs. */
  readonly stages: IStages;
  private readonly store: Store;
  private readonly parts: IBookParts;
  private readonly index = new ZoneIndex();
  private readonly owned = new OwnedRecords();
  private readonly publisher: ZonePublisher;
  private readonly secondaries: SecondaryContent;
  private readonly swap: ZoneSwap;

  constructor(options: IZoneBookOptions) {
    const { store, bus, logger, clock, baseFolder } = options;
    this.store = store;
    this.stages = (options.stages ?? makeStages)({ ...options, book: this });
    this.parts = {
      bus,
      logger,
      clock,
      baseFolder,
      stages: this.stages,
      index: this.index,
      owned: this.owned,
      writer: new GroupedWriter(store),
      texts: new ZoneTexts(store),
      overlays: new Map(),
      states: new Map(),
    };
    this.publisher = new ZonePublisher(this.parts);
    this.secondaries = new SecondaryContent(this.parts, this.publisher);
    this.swap = new ZoneSwap(this.parts, this.publisher, this.secondaries);
  }

  /** Reads the store. @throws DcError `STORE_FAILED`, `STORE_CORRUPT`, `NOT_RUNNING` */
  async load(): Promise<void> {
    await loadZones(this.store, this.parts);
    await this.stages.signing.load();
  }

  /**
   * Lets go of the store, before it closes: what is changed is refused (`NOT_RUNNING`) from now on,
   * what runs ends, what waits is stored. Everything is answered for as it stands, until `resume`.
   */
  async pause(): Promise<void> {
    await this.publisher.pause();
    await this.stages.signing.pause();
    await this.secondaries.stop();
    await this.parts.writer.idle();
  }

  /** The store is open again: goes on with what has happened meanwhile. */
  resume(): void {
    this.secondaries.resume();
    this.publisher.resume();
    this.stages.signing.resume();
  }

  /** Ends what runs, stores what waits, and answers for nothing else; `load` may not follow. */
  async stop(): Promise<void> {
    this.publisher.stop();
    await this.stages.expansion.stop();
    await this.stages.signing.stop();
    for (const zone of this.index.all()) await zone.jobs.idle();
    await this.secondaries.stop();
    await this.parts.writer.idle();
  }

  /**
   * Loads and checks zones; nothing has changed yet. A zone whose files and options are as before is
   * not loaded again.
   *
   * @throws DcError `ZONE_INVALID` with every problem, of one zone at its place in the options, e.g.
   *   `file` or `records[3]`, of several behind `zones[<id>].`; `STORE_FAILED`.
   */
  async prepare({ set, removed }: IZoneBookChanges): Promise<IPreparedZones> {
    const zones: IPreparedZone[] = [];
    const errors: { name: string; error: DcError }[] = [];
    for (const options of set) {
      try {
        const zone = await prepareZone(this.parts, options);
        if (zone !== null) zones.push(zone);
      } catch (error) {
        const isRefused = error instanceof DcError && error.code === 'ZONE_INVALID';
        if (!isRefused) await this.discard({ zones, removed });
        if (!isRefused) throw error;
        errors.push({ name: options.name, error });
      }
    }
    const [first] = errors;
    if (first === undefined) return { zones, removed };
    await this.discard({ zones, removed });
    if (set.length === 1) throw first.error;
    const problems = errors.flatMap(({ name, error }) =>
      error.problems.map(
        (problem): IProblem => ({ ...problem, path: `zones[${name}].${problem.path}` }),
      ),
    );
    throw zoneInvalid('Cannot use the zones', problems);
  }

  /** Answers for them from the next query on. Never throws. */
  apply({ zones, removed }: IPreparedZones): void {
    for (const id of removed) this.swap.remove(id);
    for (const prepared of zones) this.swap.apply(prepared);
  }

  /** They will not be. */
  async discard({ zones }: IPreparedZones): Promise<void> {
    for (const { signing } of zones) this.stages.signing.discard(signing);
  }

  /**
   * Forgets what was ever changed in a zone that is not hosted (any more): its record sets, import,
   * serial. Without it, a zone that comes back has all that again.
   *
   * @throws DcError `ZONE_EXISTS` when it is hosted, `STORE_FAILED`
   */
  async purge(id: string): Promise<void> {
    if (this.index.get(id) !== undefined) {
      throw new DcError('ZONE_EXISTS', `The zone "${id}" is answered for`);
    }
    const { overlays, states, texts, writer } = this.parts;
    const overlay = overlays.get(id) ?? new RecordOverlay();
    const owned = this.owned.ofZone(id).map((before): IOwnedEdit => ({ before, set: null }));
    const clear = clearing(overlay);
    // The serial stays: secondaries would not take a lower one.
    const state = { ...newState, serial: states.get(id)?.serial ?? null };
    await writer.write([
      ...overlay.changesOf(id, clear),
      ...owned.flatMap(ownedChanges),
      ...texts.removal(id, states.get(id)?.text),
      state.serial === null
        ? { collection: stateCollection, key: id, value: undefined }
        : stateChange(id, state),
    ]);
    overlays.delete(id);
    for (const edit of owned) this.owned.apply(edit);
    states.set(id, state);
  }

  get(id: string): IHostedZone | undefined {
    return this.index.get(id);
  }

  zones(): Iterable<IHostedZone> {
    return this.index.all();
  }

  closest(name: Buffer, view: string | null): IHostedZone | undefined {
    return this.index.closest(name, view);
  }

  find(apex: Buffer, view: string | null): IHostedZone | undefined {
    return this.index.find(apex, view);
  }

  follow(listener: IZoneListener): () => void {
    return this.publisher.follow(listener);
  }

  async change(
    id: string,
    origin: 'api' | 'update',
    edit: (source: Zone) => readonly IRecordSetChange[],
  ): Promise<number> {
    const zone = this.primary(id);
    return this.publisher.run(zone, async () => {
      const { content, source } = this.contentOf(zone);
      const changes = edit(source.zone);
      const edits = { overlay: content.editsFor(changes, origin), owned: [] };
      const edited = content.edited(source, edits);
      const ownSerial = givenSerial(changes, source.zone);
      const isChanged = edited.zone !== source.zone || edited.dynamics !== source.dynamics;
      if (!isChanged && edits.overlay.size === 0 && ownSerial === null) return servedOf(zone);
      const changedSets = changes.length + 1;
      return this.publisher.commit(zone, {
        source: edited,
        edits,
        isChanged,
        ownSerial,
        changedSets,
      });
    });
  }

  *recordSets(id: string, query: IRecordQuery = {}): Generator<IRecordSet, void> {
    const zone = this.live(id);
    if (zone.base === null) return;
    yield* listRecordSets(zone, this.publisher.contentOf(zone, zone.base), query);
  }

  async import(id: string, masterFile: string | Buffer): Promise<number> {
    const zone = this.primary(id);
    const { clock, texts } = this.parts;
    const loaded = await loadText(zone.apex, masterFile, zone.options, clock.now());
    return this.publisher.run(zone, async () => {
      const shared = await runStepsGently(shareInSteps(zone.source as Zone, loaded.zone));
      const base = { ...loaded, zone: shared.zone };
      const { place, changes } = await texts.save(id, 'dns-imports', base.zone);
      const old = texts.removal(id, zone.saved.text);
      return this.replaceBase(zone, base, {
        changes: [...changes, ...old],
        state: { text: place },
        changedSets: shared.changed,
      });
    });
  }

  export(id: string, source: 'source' | 'served' = 'source'): AsyncIterable<string> {
    return exportZone(this.live(id), source);
  }

  async revert(id: string, name?: Buffer, type?: number): Promise<number> {
    const zone = this.primary(id);
    if (name === undefined) return this.publisher.run(zone, () => this.revertAll(zone));
    return this.publisher.run(zone, async () => {
      const { content, source } = this.contentOf(zone);
      const overlay = new Map<string, null>();
      for (const [key] of zone.overlay.entries()) {
        const set = readSetKey(key);
        if (key !== setKey(name, set.type) || (type !== undefined && type !== set.type)) continue;
        overlay.set(key, null);
      }
      if (overlay.size === 0) return servedOf(zone);
      const edits = { overlay, owned: [] };
      const edited = content.edited(source, edits);
      const isChanged = edited.zone !== source.zone || edited.dynamics !== source.dynamics;
      return this.publisher.commit(zone, {
        source: edited,
        edits,
        isChanged,
        changedSets: overlay.size + 1,
      });
    });
  }

  async transferred(id: string, outcome: ITransferOutcome): Promise<void> {
    const zone = this.live(id);
    if (!zone.isSecondary) throw notFor(zone, 'It is no secondary');
    return this.secondaries.transferred(zone, outcome);
  }

  transferTimes(id: string): ITransferTimes | undefined {
    const { checkedAtMs, checkedWith } = this.index.get(id)?.saved ?? newState;
    if (checkedAtMs === undefined || checkedWith === undefined) return undefined;
    return { checkedAt: checkedAtMs, checkedWith };
  }

  info(id: string): IZoneInfo | undefined {
    const zone = this.index.get(id);
    return zone === undefined ? undefined : zoneInfo(zone);
  }

  warn(id: string, part: string, message: string | null): void {
    // Parts of the book itself keep theirs apart.
    this.index.get(id)?.warn(`other ${part}`, message === null ? [] : [message]);
  }

  /** @internal for `DNSManager`: all records with owners. */
  ownedRecords(): OwnedRecords {
    return this.owned;
  }

  /**
   * @internal for `DNSManager`: changes records with owners, all of one zone, whether it is hosted or
   * not.
   * @param edits is asked when it is the zone's turn; none: nothing is done.
   * @throws DcError `ZONE_INVALID`, `STORE_FAILED`
   */
  async changeOwned(id: string, edits: () => readonly IOwnedEdit[]): Promise<void> {
    this.publisher.checkRunning();
    const zone = this.index.get(id);
    if (zone === undefined || zone.isSecondary) {
      const owned = edits();
      await this.parts.writer.write(owned.flatMap(ownedChanges));
      for (const edit of owned) this.owned.apply(edit);
      return;
    }
    await this.publisher.run(zone, async () => {
      const owned = edits();
      if (owned.length === 0) return;
      const { content, source } = this.contentOf(zone);
      const all = { overlay: new Map(), owned };
      const edited = content.edited(source, all);
      const isChanged = edited.zone !== source.zone || edited.dynamics !== source.dynamics;
      const changedSets = owned.length + 1;
      await this.publisher.commit(zone, { source: edited, edits: all, isChanged, changedSets });
    });
  }

  /** What is to be changed of a primary. @throws DcError `ZONE_INVALID` when that must not be. */
  private contentOf(zone: HostedZone): { content: ZoneContent; source: ISource } {
    const { base, source, dynamics } = zone;
    if (base === null || source === null) throw notFor(zone, 'It is not loaded');
    if (base.isPresigned && this.stages.signing.signingOf(zone.id) === null) {
      throw notFor(zone, 'It comes with its signatures: change it where it is signed');
    }
    const content = this.publisher.contentOf(zone, base);
    return { content, source: { zone: source, dynamics } };
  }

  private live(id: string): HostedZone {
    const zone = this.index.get(id);
    if (zone === undefined) throw zoneUnknown(id);
    return zone;
  }

  private primary(id: string): HostedZone {
    const zone = this.live(id);
    if (zone.isSecondary) throw notFor(zone, 'It is a secondary: its primary changes it');
    return zone;
  }

  /** The file's content again, without what was changed or imported. */
  private async revertAll(zone: HostedZone): Promise<number> {
    const { clock, texts, baseFolder } = this.parts;
    const { text } = zone.saved;
    const isImported = text?.collection === 'dns-imports';
    if (!isImported && zone.overlay.size === 0) return servedOf(zone);
    if (!isImported) {
      const { base, origin } = zone;
      const reverted = await this.replaceBase(zone, base as IZoneBase, { changedSets: null });
      if (zone.base === base) zone.origin = origin;
      return reverted;
    }
    const context = { baseFolder: baseFolder(), nowMs: clock.now() };
    const source = await loadSource(zone.apex, zone.options, context);
    const shared = await runStepsGently(shareInSteps(zone.source as Zone, source.base.zone));
    const base = { ...source.base, zone: shared.zone };
    const serial = await this.replaceBase(zone, base, {
      changes: texts.removal(zone.id, text),
      state: { text: undefined },
      changedSets: shared.changed,
    });
    zone.origin = { ...source, base };
    return serial;
  }

  private replaceBase(
    zone: HostedZone,
    base: IZoneBase,
    commit: Pick<Parameters<ZonePublisher['commit']>[1], 'changes' | 'state' | 'changedSets'>,
  ): Promise<number> {
    const overlay = clearing(zone.overlay);
    const bare = new ZoneContent(zone, base, new RecordOverlay(), this.owned);
    const { warnings, leftOut: _, ...source } = compose(bare);
    for (const warning of warnings) {
      this.parts.logger.warn('zone.warning', warning, { zone: zone.id });
    }
    const edits = { overlay, owned: [] };
    const { ownSerial } = base;
    return this.publisher.commit(zone, {
      ...commit,
      source,
      edits,
      base,
      isChanged: true,
      ownSerial,
    });
  }
}

function servedOf({ served, saved }: HostedZone): number {
  return served?.zone.serial ?? saved.serial ?? 0;
}

function clearing(overlay: RecordOverlay): Map<string, IOverlaid | null> {
  return new Map([...overlay.entries()].map(([key]) => [key, null]));
}

/** The serial of a SOA among changes, where it is another one than that of now. */
function givenSerial(changes: readonly IRecordSetChange[], zone: Zone): number | null {
  const soa = changes.findLast(
    ({ name, type }) => type === recordType.SOA && zone.keyOf(name) === '',
  );
  const rdata = soa?.rdatas[0];
  if (rdata === undefined) return null;
  const serial = soaSerial(rdata);
  return serial === zone.serial ? null : serial;
}

function notFor({ id }: HostedZone, reason: string): DcError {
  return zoneInvalid(`Cannot change the zone "${id}"`, [{ path: '', message: reason }]);
}

import { DcError } from '../../core/errors.ts';
import type { IStoreChange } from '../../storage/store.ts';
import type { IBookParts } from './book-parts.ts';
import { compose } from './compose.ts';
import { Dynamics } from './dynamics.ts';
import type { HostedZone } from './hosted-zone.ts';
import { ownedChanges } from './owned-records.ts';
import type { IZoneListener } from './types.ts';
import { asZoneInvalid, type IZoneBase, zoneUnknown } from './zone-base.ts';
import { type IContentEdits, type ISource, noEdits, ZoneContent } from './zone-content.ts';
import { type IZoneState, stateChange } from './zone-state.ts';
import { type ICandidate, makeVersion } from './zone-version.ts';

/** Until a state that could not be stored is tried again. */
const retryMs = 60_000;

/** A change of a zone that is ready to be stored. */
export interface ICommit {
  readonly source: ISource;
  readonly edits?: IContentEdits;
  /** In place of the one of now; where it was loaded from is forgotten. */
  readonly base?: IZoneBase;
  /** Further changes of the store. */
  readonly changes?: readonly IStoreChange[];
  /** Members of the state that become others. */
  readonly state?: Partial<IZoneState>;
  /** What is in the source is another than what is served. */
  readonly isChanged: boolean;
  /** That somebody wrote into the SOA. @default null: nobody did */
  readonly ownSerial?: number | null;
  /** Record sets that differ; null: too many to count. */
  readonly changedSets: number | null;
}

/** Stores versions of zones and puts them in force. */
export class ZonePublisher {
  private readonly parts: IBookParts;
  private readonly listeners = new Set<IZoneListener>();
  private isStopped = false;
  /** Zones that are to be published anew when the store is back; null: it is ours. */
  private paused: Set<string> | null = null;

  constructor(parts: IBookParts) {
    this.parts = parts;
    parts.stages.expansion.onChanged = (id) => this.refresh(id);
    parts.stages.signing.onChanged = (id) => this.refresh(id);
  }

  /** @returns a function that ends it. */
  follow(listener: IZoneListener): () => void {
    this.listeners.add(listener);
    return () => void this.listeners.delete(listener);
  }

  /** The layers of a zone that has a base. */
  contentOf(zone: HostedZone, base: IZoneBase, leftOut = zone.leftOut): ZoneContent {
    return new ZoneContent(zone, base, zone.overlay, this.parts.owned, leftOut);
  }

  /**
   * Runs a change of a zone when those before it have ended.
   *
   * @throws DcError `ZONE_UNKNOWN` when the zone went meanwhile, `NOT_RUNNING` while paused; what
   * `job` throws.
   */
  run<T>(zone: HostedZone, job: () => Promise<T>): Promise<T> {
    if (this.paused !== null) return Promise.reject(takenOver());
    return zone.jobs.run(async () => {
      if (!zone.isLive) throw zoneUnknown(zone.id);
      return job();
    });
  }

  /**
   * Stores a change, then answers with it. Only inside of `run`.
   *
   * @returns the serial that clients see.
   * @throws DcError `ZONE_INVALID`, `STORE_FAILED`: nothing has changed.
   */
  async commit(zone: HostedZone, commit: ICommit): Promise<number> {
    const { writer } = this.parts;
    const { edits = noEdits, changes = [] } = commit;
    const candidate = this.versionOf(zone, commit);
    const state = this.stateOf(zone, commit, candidate);
    const { epoch } = zone;
    await writer.write([
      ...changes,
      ...zone.overlay.changesOf(zone.id, edits.overlay),
      ...edits.owned.flatMap(ownedChanges),
      ...(isStored(zone, state) ? [] : [stateChange(zone.id, state)]),
    ]);
    this.take(zone, commit, edits, state);
    if (!zone.isLive) return candidate.serial;
    // Another configuration came while this was written: it is laid over that one now.
    if (zone.epoch !== epoch) return this.rebuild(zone);
    this.install(zone, candidate, commit.changedSets);
    return candidate.serial;
  }

  /** Lays all layers over the base anew. Only inside of `run`. @throws as `commit`. */
  async rebuild(zone: HostedZone): Promise<number> {
    const { base } = zone;
    if (base === null) return zone.saved.serial ?? 0;
    const { leftOut, warnings, ...source } = compose(this.contentOf(zone, base, new Set()));
    zone.leftOut = leftOut;
    zone.warn('overlay', warnings);
    const { ownSerial } = base;
    return this.commit(zone, { source, isChanged: true, ownSerial, changedSets: null });
  }

  /** Puts a version in force whose serial is in the store. */
  install(zone: HostedZone, candidate: ICandidate, changedSets: number | null): void {
    const { source, served, serial, warnings } = candidate;
    const { stages, bus, logger } = this.parts;
    const isNew = zone.source === null;
    const before = zone.served?.zone.serial;
    const isOther = zone.dynamics !== source.dynamics;
    zone.source = source.zone;
    zone.dynamics = source.dynamics;
    zone.state = 'serving';
    zone.warn('expansion', warnings);
    zone.serve(served, changedSets);
    this.planRaise(zone);
    this.tell(zone);
    if (isOther) stages.expansion.served(zone, source.dynamics);
    if (isNew || before === serial) return;
    const data = { zone: zone.id, serial };
    bus.emit('zone.changed', data);
    logger.debug('zone.published', `The zone "${zone.id}" has the serial ${serial} now`, data);
  }

  /** Tells the listeners of a zone. */
  tell(zone: HostedZone): void {
    for (const listener of this.listeners) listener.onServed(zone);
  }

  /** Answers for a zone no more. */
  retire(zone: HostedZone): void {
    const { index, stages, states } = this.parts;
    zone.isLive = false;
    zone.cancelTimers();
    states.set(zone.id, zone.saved);
    if (index.get(zone.id) === zone) index.delete(zone);
    if (!zone.dynamics.isEmpty) stages.expansion.served(zone, Dynamics.none);
    for (const listener of this.listeners) listener.onRemoved(zone);
  }

  /** @throws DcError `NOT_RUNNING` while paused. */
  checkRunning(): void {
    if (this.paused !== null) throw takenOver();
  }

  /**
   * Changes nothing from now on; resolves when what runs has ended. Another process is to go on from
   * what is stored: a serial that this one still gave away would stand for two contents.
   */
  async pause(): Promise<void> {
    this.paused ??= new Set();
    for (const zone of this.parts.index.all()) if (zone.jobs.pending > 0) await zone.jobs.idle();
  }

  /** Nobody took over: publishes what has changed meanwhile. */
  resume(): void {
    const { paused } = this;
    this.paused = null;
    for (const id of paused ?? []) this.refresh(id, this.isRaiseDue(id));
  }

  /** Sets no timers from now on. */
  stop(): void {
    this.isStopped = true;
    for (const zone of this.parts.index.all()) zone.cancelTimers();
  }

  /** What expansion or signing gives for a zone has changed: it is published anew, soon. */
  refresh(id: string, raises = false): void {
    const zone = this.parts.index.get(id);
    if (zone === undefined || zone.isStale || this.isStopped) return;
    if (this.paused !== null) {
      this.paused.add(id);
      return;
    }
    zone.isStale = true;
    const job = zone.jobs.run(async () => {
      zone.isStale = false;
      if (zone.isLive && zone.source !== null) await this.republish(zone, raises);
    });
    job.catch((error: unknown) => {
      this.fail(zone, 'The zone cannot be published anew', error);
    });
  }

  /** Tells of what went wrong with nobody waiting for it. */
  fail(zone: HostedZone, message: string, error: unknown): void {
    const reason = error instanceof Error ? error.message : String(error);
    zone.warn('store', [`${message}: ${reason}`]);
    this.parts.logger.error('zone.failed', `${message}: "${zone.id}"`, { zone: zone.id, error });
  }

  /** Who lives counts more than a full disk: it is answered even when it cannot be stored. */
  private async republish(zone: HostedZone, raises: boolean): Promise<void> {
    if (zone.source === null || zone.state !== 'serving') return;
    const source: ISource = { zone: zone.source, dynamics: zone.dynamics };
    const commit: ICommit = {
      source,
      isChanged: raises,
      changedSets: 1 + zone.dynamics.aliases.length * 3 + zone.dynamics.health.length,
    };
    const candidate = this.versionOf(zone, commit);
    const state = this.stateOf(zone, commit, candidate);
    const { epoch } = zone;
    let isUnsaved = false;
    if (!isStored(zone, state)) {
      try {
        await this.parts.writer.write([stateChange(zone.id, state)]);
        zone.warn('store', []);
      } catch (error) {
        this.fail(zone, 'The serial of the zone cannot be stored', error);
        isUnsaved = true;
      }
    }
    if (!zone.isLive) return;
    zone.saved = state;
    zone.isUnsaved = isUnsaved;
    zone.retry?.cancel();
    if (isUnsaved) this.retryLater(zone);
    if (zone.epoch !== epoch) await this.rebuild(zone);
    else this.install(zone, candidate, commit.changedSets);
  }

  /** Stores what is known of a zone later, which failed. */
  retryLater(zone: HostedZone): void {
    zone.retry?.cancel();
    if (this.isStopped) return;
    zone.retry = this.parts.clock.setTimeout(() => this.refresh(zone.id), retryMs);
  }

  private versionOf(zone: HostedZone, commit: ICommit): ICandidate {
    const { stages, clock } = this.parts;
    try {
      return makeVersion(zone, {
        identity: zone,
        source: commit.source,
        expansion: stages.expansion,
        signing: stages.signing.signingOf(zone.id),
        isChanged: commit.isChanged,
        ownSerial: commit.ownSerial ?? null,
        nowMs: clock.now(),
      });
    } catch (error) {
      throw asZoneInvalid(error);
    }
  }

  /** What the store has to know before the candidate is served. */
  private stateOf(zone: HostedZone, commit: ICommit, candidate: ICandidate): IZoneState {
    const { saved } = zone;
    const { serial, dynamic } = candidate;
    const base = (commit.base ?? zone.base)?.digest ?? '';
    const changedAtMs = serial === saved.serial ? saved.changedAtMs : this.parts.clock.now();
    return { ...saved, ...commit.state, serial, base, dynamic, changedAtMs };
  }

  private take(zone: HostedZone, { base }: ICommit, edits: IContentEdits, state: IZoneState): void {
    zone.revision++;
    zone.saved = state;
    zone.isUnsaved = false;
    zone.warn('store', []);
    zone.overlay.apply(edits.overlay);
    for (const edit of edits.owned) this.parts.owned.apply(edit);
    if ([...edits.overlay.keys()].some((key) => zone.leftOut.has(key))) {
      zone.leftOut = new Set([...zone.leftOut].filter((key) => !edits.overlay.has(key)));
      if (zone.leftOut.size === 0) zone.warn('overlay', []);
    }
    if (base === undefined) return;
    zone.base = base;
    zone.origin = null;
    zone.leftOut = new Set();
    zone.warn('load', base.warnings);
    zone.warn('overlay', []);
  }

  private isRaiseDue(id: string): boolean {
    const signing = this.parts.stages.signing.signingOf(id);
    const changedAtMs = this.parts.index.get(id)?.saved.changedAtMs ?? 0;
    return (
      signing !== null && changedAtMs + signing.transferIntervalS * 1000 <= this.parts.clock.now()
    );
  }

  /** Signatures that secondaries hold come to their end, so that they have to fetch fresh ones. */
  private planRaise(zone: HostedZone): void {
    zone.raise?.cancel();
    zone.raise = null;
    const signing = this.parts.stages.signing.signingOf(zone.id);
    if (signing === null || this.isStopped) return;
    const { clock } = this.parts;
    const dueMs = zone.saved.changedAtMs + signing.transferIntervalS * 1000;
    zone.raise = clock.setTimeout(() => this.refresh(zone.id, true), dueMs - clock.now());
  }
}

function takenOver(): DcError {
  return new DcError('NOT_RUNNING', 'Another process is taking over');
}

/** Whether the store has that state of a zone. */
function isStored(zone: HostedZone, state: IZoneState): boolean {
  return !zone.isUnsaved && isSameState(state, zone.saved);
}

/** Whether two states are the same to the store. */
export function isSameState(one: IZoneState, other: IZoneState): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}

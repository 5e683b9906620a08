import type { IZoneOptions, TZoneState } from '../../../ts_interfaces/index.ts';
import { sameData } from '../../config/diff.ts';
import { zoneIdOf } from '../../config/zone-ids.ts';
import { lowerName, NameError, parseName } from '../codec/name.ts';
import { soaNumbers } from '../codec/soa.ts';
import { loadZoneGently } from '../zone/load-zone.ts';
import { runStepsGently } from '../zone/steps.ts';
import type { Zone } from '../zone/zone.ts';
import type { IBookParts } from './book-parts.ts';
import { compose } from './compose.ts';
import { HostedZone } from './hosted-zone.ts';
import { RecordOverlay } from './record-overlay.ts';
import { shareInSteps } from './shared-tree.ts';
import type { IPreparedSigning, IZoneIdentity } from './stages.ts';
import { type IZoneBase, makeBase, zoneInvalid } from './zone-base.ts';
import { type ISource, ZoneContent } from './zone-content.ts';
import { isSameState } from './zone-publisher.ts';
import { type IZoneSource, isSameSource, loadSource, loadText } from './zone-source.ts';
import { type IZoneState, newState, stateChange } from './zone-state.ts';
import { type ICandidate, makeVersion } from './zone-version.ts';

/** A zone that is loaded and checked, and not answered for yet. */
export interface IPreparedZone {
  /** Live already, or new. */
  readonly zone: HostedZone;
  readonly identity: IZoneIdentity;
  readonly signing: IPreparedSigning;
  /** Null: a secondary that was never fetched. */
  readonly content: {
    readonly base: IZoneBase;
    readonly origin: IZoneSource | null;
    readonly leftOut: ReadonlySet<string>;
    readonly warnings: readonly string[];
    readonly candidate: ICandidate;
    readonly changedSets: number | null;
  } | null;
  readonly state: TZoneState;
  readonly saved: IZoneState;
  /** The store is to be told of `saved`, soon. */
  readonly isUnsaved: boolean;
  /** Of the zone when it was prepared. */
  readonly revision: number;
  /** Of `zone.saved` then. */
  readonly serialBefore: number | null;
}

/** What a base was loaded from. */
interface ILoaded {
  readonly base: IZoneBase;
  readonly origin: IZoneSource | null;
  /** Owners that differ from the base of now; null: more than were counted. */
  readonly changed: number | null;
}

/**
 * Loads a zone and lays over it what was changed; nothing is answered otherwise by that.
 *
 * @returns null: it is served already, with these options and what its files hold.
 * @throws DcError `ZONE_INVALID`, with problems at their places in the options; `STORE_FAILED`.
 */
export async function prepareZone(
  parts: IBookParts,
  options: IZoneOptions,
): Promise<IPreparedZone | null> {
  const identity = { id: zoneIdOf(options), apex: apexOf(options), options };
  const zone = zoneFor(parts, identity);
  if (await isServedSo(parts, zone, options)) return null;
  const { revision } = zone;
  const serialBefore = zone.saved.serial;
  const loaded = zone.isSecondary
    ? await loadSecondary(parts, zone)
    : await loadPrimary(parts, zone, identity);
  const signing = await parts.stages.signing.prepare(identity, zone.saved.serial === null);
  try {
    const prepared = { zone, identity, signing, revision, serialBefore };
    if (loaded === null) {
      return { ...prepared, content: null, state: 'loading', saved: zone.saved, isUnsaved: false };
    }
    return { ...prepared, ...(await prepareVersion(parts, zone, identity, signing, loaded)) };
  } catch (error) {
    parts.stages.signing.discard(signing);
    throw error;
  }
}

/** With very many zones, a reload is mostly this. */
async function isServedSo(
  { clock, baseFolder }: IBookParts,
  zone: HostedZone,
  options: IZoneOptions,
): Promise<boolean> {
  if (!zone.isLive || zone.isUnsaved) return false;
  if (zone.options !== options && !sameData(zone.options, options)) return false;
  if (zone.isSecondary) return true;
  const { base, origin } = zone;
  if (base === null) return false;
  if (zone.isImported) return true;
  const context = { baseFolder: baseFolder(), nowMs: clock.now() };
  return origin !== null && (await isSameSource(origin, options, context));
}

async function prepareVersion(
  parts: IBookParts,
  zone: HostedZone,
  identity: IZoneIdentity,
  { signing }: IPreparedSigning,
  { base, origin, changed }: ILoaded,
): Promise<Pick<IPreparedZone, 'content' | 'state' | 'saved' | 'isUnsaved'>> {
  const { leftOut, warnings, ...source } = sourceOf(parts, zone, identity, base);
  const nowMs = parts.clock.now();
  const candidate = makeVersion(zone, {
    identity,
    source,
    expansion: parts.stages.expansion,
    signing,
    isChanged: zone.saved.base !== base.digest,
    ownSerial: base.ownSerial,
    nowMs,
  });
  const { serial, dynamic } = candidate;
  const changedAtMs = serial === zone.saved.serial ? zone.saved.changedAtMs : nowMs;
  const saved = { ...zone.saved, serial, base: base.digest, dynamic, changedAtMs };
  const isUnsaved = !isSameState(saved, zone.saved);
  // What was seen under a serial must not be another thing after a crash. The first time nobody
  // has seen anything: a hundred thousand new zones do not wait for the disk one by one.
  const isNew = zone.saved.serial === null || zone.isSecondary;
  if (isUnsaved && !isNew) await parts.writer.write([stateChange(zone.id, saved)]);
  const changedSets = changed === null ? null : changed + zone.overlay.size + 1;
  const content = { base, origin, leftOut, warnings, candidate, changedSets };
  const state = zone.isSecondary && isTooOld(base.zone, saved, nowMs) ? 'expired' : 'serving';
  return { content, state, saved, isUnsaved: isUnsaved && isNew };
}

/** What is served already when nothing was loaded. */
function sourceOf(
  { owned }: IBookParts,
  zone: HostedZone,
  identity: IZoneIdentity,
  base: IZoneBase,
): ISource & { leftOut: ReadonlySet<string>; warnings: readonly string[] } {
  if (base === zone.base && zone.source !== null) {
    const { leftOut, dynamics } = zone;
    return { zone: zone.source, dynamics, leftOut, warnings: zone.warningsOf('overlay') };
  }
  return compose(new ZoneContent(identity, base, zone.overlay, owned));
}

async function loadPrimary(
  parts: IBookParts,
  zone: HostedZone,
  { apex, options }: IZoneIdentity,
): Promise<ILoaded> {
  const { texts, clock, baseFolder } = parts;
  const { text } = zone.saved;
  const context = { baseFolder: baseFolder(), nowMs: clock.now() };
  if (text?.collection === 'dns-imports') {
    if (zone.base !== null) return { base: zone.base, origin: null, changed: 0 };
    const master = await texts.load(zone.id, text);
    if (master !== undefined) {
      const base = await loadText(apex, master, options, context.nowMs);
      return { base, origin: null, changed: null };
    }
    parts.logger.error('zone.failed', `The import of "${zone.id}" is damaged`, { zone: zone.id });
  }
  const { origin, base: before } = zone;
  if (origin !== null && before !== null && (await isSameSource(origin, options, context))) {
    return { base: before, origin, changed: 0 };
  }
  const source = await loadSource(apex, options, context);
  if (before === null) return { base: source.base, origin: source, changed: null };
  const shared = await runStepsGently(shareInSteps(before.zone, source.base.zone));
  const base = { ...source.base, zone: shared.zone };
  return { base, origin: { ...source, base }, changed: shared.changed };
}

/** What was fetched before the restart. */
async function loadSecondary(parts: IBookParts, zone: HostedZone): Promise<ILoaded | null> {
  if (zone.base !== null) return { base: zone.base, origin: null, changed: 0 };
  const { text } = zone.saved;
  if (text?.collection !== 'dns-transfers') return null;
  const master = await parts.texts.load(zone.id, text);
  const loaded = master === undefined ? null : await loadTransfer(zone.apex, master);
  if (loaded !== null) return { base: loaded, origin: null, changed: null };
  const message = `What was fetched of "${zone.id}" is damaged and is fetched anew`;
  parts.logger.warn('zone.warning', message, { zone: zone.id });
  return null;
}

async function loadTransfer(apex: Buffer, master: string): Promise<IZoneBase | null> {
  const { zone } = await loadZoneGently(master, { origin: apex });
  return zone === null ? null : transferBase(zone);
}

/** The base of a zone that was transferred: it is what its serial says. */
export function transferBase(zone: Zone): Promise<IZoneBase> {
  return makeBase({ zone, origin: 'transfer', digest: `serial ${zone.serial}` });
}

/** Whether a secondary has not been checked for longer than its SOA allows. */
function isTooOld(zone: Zone, { checkedAtMs = 0, isExpired }: IZoneState, nowMs: number): boolean {
  const { expireS } = soaNumbers(zone.soa().rdatas[0] as Buffer);
  return isExpired === true || nowMs > checkedAtMs + expireS * 1000;
}

function zoneFor({ index, overlays, states }: IBookParts, identity: IZoneIdentity): HostedZone {
  const { id, options } = identity;
  const live = index.get(id);
  if (live !== undefined && live.isSecondary === (options.primaries !== undefined)) return live;
  const overlay = overlays.get(id) ?? new RecordOverlay();
  overlays.set(id, overlay);
  return new HostedZone(identity, overlay, live?.saved ?? states.get(id) ?? newState);
}

function apexOf({ name }: IZoneOptions): Buffer {
  try {
    return lowerName(parseName(name));
  } catch (error) {
    if (!(error instanceof NameError)) throw error;
    throw zoneInvalid('Cannot use this zone', [
      { path: 'name', message: error.message, value: name },
    ]);
  }
}

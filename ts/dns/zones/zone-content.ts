import type { TRecordOrigin } from '../../../ts_interfaces/index.ts';
import type { IProblem } from '../../core/errors.ts';
import { messageBytesMax } from '../codec/encode.ts';
import { isName, lowerName } from '../codec/name.ts';
import { rdataCodec } from '../codec/rdata.ts';
import { soaWithSerial } from '../codec/soa.ts';
import { ttlMax } from '../codec/ttl.ts';
import { isMetaType, recordType } from '../codec/types.ts';
import type { IRrsetChange, Zone } from '../zone/zone.ts';
import type { Dynamics, ITouchedSet } from './dynamics.ts';
import { defaultTtlS } from './made-records.ts';
import type { IOwnedEdit, IOwnedSet, OwnedRecords } from './owned-records.ts';
import type { IOverlaid, RecordOverlay, TOverlayEdits } from './record-overlay.ts';
import {
  describeSet,
  type IRecordData,
  isSameData,
  rdataKey,
  readSetKey,
  setKey,
  type TSetName,
} from './record-set.ts';
import type { IZoneIdentity } from './stages.ts';
import type { IRecordSetChange } from './types.ts';
import { asZoneInvalid, type IZoneBase, zoneInvalid } from './zone-base.ts';

/** A content to be served: as configured and changed. */
export interface ISource {
  readonly zone: Zone;
  readonly dynamics: Dynamics;
}

/** What is to change, not stored yet. */
export interface IContentEdits {
  readonly overlay: TOverlayEdits;
  readonly owned: readonly IOwnedEdit[];
}

/** Nothing is to change. */
export const noEdits: IContentEdits = { overlay: new Map(), owned: [] };

/** A record set as it stands in the base or overlay. */
export interface IOwnSet extends IRecordData {
  readonly origin: TRecordOrigin;
}

/** What a zone holds, in its layers: the base, what was changed over it, records with owners. */
export class ZoneContent {
  readonly identity: IZoneIdentity;
  readonly base: IZoneBase;
  readonly overlay: RecordOverlay;
  private readonly leftOut: ReadonlySet<string>;
  private readonly ownedRecords: OwnedRecords;

  /** @param leftOut keys of the overlay that do not fit to the base, and wait for another one. */
  constructor(
    identity: IZoneIdentity,
    base: IZoneBase,
    overlay: RecordOverlay,
    ownedRecords: OwnedRecords,
    leftOut: ReadonlySet<string> = new Set(),
  ) {
    this.identity = identity;
    this.base = base;
    this.overlay = overlay;
    this.leftOut = leftOut;
    this.ownedRecords = ownedRecords;
  }

  /** The record set without records of owners. */
  ownSet({ name, type }: TSetName): IOwnSet | undefined {
    return this.overlaid(setKey(name, type)) ?? this.baseSet({ name, type });
  }

  /** Who has records in a record set. */
  owners({ name, type }: TSetName): ReadonlyMap<string, IOwnedSet> {
    return this.ownedRecords.of(this.identity.id, setKey(name, type));
  }

  /** The record sets that are not as the base has them. */
  laidOver(): TSetName[] {
    const sets = new Map<string, TSetName>(this.overlay.entries());
    for (const [key] of this.ownedRecords.inZone(this.identity.id)) sets.set(key, readSetKey(key));
    return [...sets.values()];
  }

  /**
   * What changes of record sets mean for the overlay. The zone already shows the owned records: what
   * comes back of them is not stored a second time. Of two changes of one record set the last counts.
   *
   * @throws DcError `ZONE_INVALID` for data that is malformed.
   */
  editsFor(changes: readonly IRecordSetChange[], origin: IOverlaid['origin']): TOverlayEdits {
    checkChanges(changes);
    const edits = new Map<string, IOverlaid | null>();
    for (const change of changes) {
      const { type, ttl, health } = change;
      const name = Buffer.from(lowerName(change.name));
      const rdatas = this.withoutOwned(change).map((rdata) => Buffer.from(rdata));
      const set = { name, type, ttl, rdatas, origin, ...(health && { health }) };
      const key = setKey(name, type);
      edits.delete(key);
      const original = this.baseSet(set);
      const isBase = original === undefined ? isGone(set) : isSameData(original, set);
      const known = this.overlaid(key);
      if (isBase) {
        if (this.overlay.get(key) !== undefined) edits.set(key, null);
      } else if (known === undefined || !isSameData(known, set)) {
        edits.set(key, set);
      }
    }
    return edits;
  }

  /**
   * The version of a source in which the edits are made; the same zone when they change nothing.
   * The serial stays.
   *
   * @throws DcError `ZONE_INVALID` with everything that must not be.
   */
  edited(source: ISource, edits: IContentEdits): ISource {
    const sets = new Map<string, TSetName>();
    for (const [key] of edits.overlay) sets.set(key, readSetKey(key));
    for (const { before, set } of edits.owned) {
      for (const one of [before, set]) if (one) sets.set(setKey(one.name, one.type), one);
    }
    return this.withSets(source, [...sets.values()], edits);
  }

  /**
   * The version of a source in which these sets are as all layers together want them.
   *
   * @throws DcError `ZONE_INVALID`
   */
  withSets(source: ISource, sets: readonly TSetName[], edits = noEdits): ISource {
    const changes: IRrsetChange[] = [];
    const touched: ITouchedSet[] = [];
    for (const set of sets) {
      const { health, ...change } = this.effective(set, edits);
      changes.push(withKeptSerial(change, source.zone.serial));
      const { name, type, ttl } = change;
      touched.push({ name, type, health: health && { name, type, ttl, health } });
    }
    let zone: Zone;
    try {
      zone = source.zone.replace(changes, { serial: 'keep' });
    } catch (error) {
      throw asZoneInvalid(error);
    }
    const dynamics = source.dynamics.with(zone, touched);
    if (!dynamics.isEmpty) checkDynamics(zone, dynamics, touched);
    return { zone, dynamics };
  }

  private overlaid(key: string): IOverlaid | undefined {
    return this.leftOut.has(key) ? undefined : this.overlay.get(key);
  }

  private baseSet({ name, type }: TSetName): IOwnSet | undefined {
    const { zone, health, made, origin } = this.base;
    const byHealth = health.get(setKey(name, type));
    if (byHealth !== undefined) return { ...byHealth, rdatas: [], origin };
    const rrset = zone.rrset(name, type);
    if (rrset === undefined) return undefined;
    const isMade = made.has(type) && zone.keyOf(name) === '';
    const { ttl, rdatas } = rrset;
    return { name, type, ttl, rdatas, origin: isMade ? 'made' : origin };
  }

  private withoutOwned({ name, type, rdatas }: IRecordSetChange): readonly Buffer[] {
    const owners = this.owners({ name, type });
    if (owners.size === 0) return rdatas;
    const keyOf = (rdata: Buffer): string => rdataKey(type, rdata);
    const own = new Set(this.ownSet({ name, type })?.rdatas.map(keyOf));
    const owned = new Set([...owners.values()].flatMap((set) => set.rdatas.map(keyOf)));
    return rdatas.filter((rdata) => !owned.has(keyOf(rdata)) || own.has(keyOf(rdata)));
  }

  /** What shall be at a name: its own records and those of all owners together. */
  private effective(
    { name, type }: TSetName,
    edits: IContentEdits,
  ): IRrsetChange & Pick<IRecordData, 'health'> {
    const key = setKey(name, type);
    const edit = edits.overlay.get(key);
    const base = (): IOwnSet | undefined => this.baseSet({ name, type });
    const own = edit === undefined ? this.ownSet({ name, type }) : (edit ?? base());
    const owners = [...this.ownersAfter({ name, type }, edits.owned)];
    if (own?.health !== undefined) {
      if (owners.length === 0) return { name, type, ttl: own.ttl, rdatas: [], health: own.health };
      const message = 'Records by health and records of an owner cannot be one record set';
      const path = describeSet({ name, type });
      throw zoneInvalid('Cannot change the zone', [{ path, message }]);
    }
    const rdatas = [...(own?.rdatas ?? []), ...owners.flatMap((set) => set.rdatas)];
    const fallback = this.identity.options.ttl ?? defaultTtlS;
    const isOwn = own !== undefined && own.rdatas.length > 0;
    const ttl = isOwn || owners.length === 0 ? own?.ttl : shortest(owners, fallback);
    return { name, type, ttl: ttl ?? fallback, rdatas };
  }

  private ownersAfter(of: TSetName, edits: readonly IOwnedEdit[]): Iterable<IOwnedSet> {
    const key = setKey(of.name, of.type);
    const owners = new Map(this.owners(of));
    for (const { before, set } of edits) {
      if (before && setKey(before.name, before.type) === key) owners.delete(before.owner);
      if (set && setKey(set.name, set.type) === key) owners.set(set.owner, set);
    }
    return owners.values();
  }
}

function isGone({ rdatas, health }: Pick<IRecordData, 'rdatas' | 'health'>): boolean {
  return rdatas.length === 0 && health === undefined;
}

function shortest(owners: readonly IOwnedSet[], fallback: number): number {
  return Math.min(...owners.map(({ ttl }) => ttl ?? fallback));
}

/** What cannot be compared with what is there, as its form is broken. */
function checkChanges(changes: readonly IRecordSetChange[]): void {
  const problems: IProblem[] = [];
  for (const { name, type, ttl, rdatas, health } of changes) {
    if (!isName(name)) {
      problems.push({ path: '', message: 'Expected a domain name in wire form' });
      continue;
    }
    const message = faultOf({ name, type, ttl, rdatas, ...(health && { health }) });
    if (message !== undefined) problems.push({ path: describeSet({ name, type }), message });
  }
  if (problems.length > 0) throw zoneInvalid('Cannot change the zone', problems);
}

/** Header, type and class of the question, and an OPT record without options. */
const messageBytesLeast = 12 + 4 + 11;
/** A pointer to the owner, type, class, TTL and length. */
const recordHeadBytes = 12;

/** Whether no message holds the records, so that nobody could ever be told of them. */
function isTooLong({ name, rdatas }: IRecordSetChange): boolean {
  const bytes = rdatas.reduce((sum, { length }) => sum + recordHeadBytes + length, 0);
  return messageBytesLeast + name.length + bytes > messageBytesMax;
}

function faultOf(change: IRecordSetChange): string | undefined {
  const { type, ttl, rdatas, health } = change;
  if (isMetaType(type) || !(Number.isInteger(type) && type > 0 && type <= 0xffff)) {
    return 'No zone can hold this type';
  }
  if (!Number.isInteger(ttl) || ttl < 0 || ttl > ttlMax) {
    return `Expected a TTL of 0 to ${ttlMax} seconds, found ${ttl}`;
  }
  if (health !== undefined) {
    if (rdatas.length > 0) return 'Expected data, or health, not both';
    if (type !== recordType.A && type !== recordType.AAAA) {
      return 'Expected the type A or AAAA with health';
    }
  }
  const { check } = rdataCodec(type);
  const isGood = rdatas.every((rdata) => rdata.length <= 0xffff && check(rdata));
  if (!isGood) return 'The data breaks the format of its type';
  return isTooLong(change) ? 'The record set is longer than any answer may be' : undefined;
}

function checkDynamics(zone: Zone, dynamics: Dynamics, touched: readonly ITouchedSet[]): void {
  const problems = touched.flatMap(({ name }) => {
    const conflict = dynamics.conflictAt(zone, name);
    if (conflict === undefined) return [];
    return [{ path: describeSet({ name, type: conflict.type }), message: conflict.message }];
  });
  if (problems.length > 0) throw zoneInvalid('Cannot change the zone', problems);
}

/** The book decides on serials, so that of a SOA that was given does not count here. */
function withKeptSerial(change: IRrsetChange, serial: number): IRrsetChange {
  if (change.type !== recordType.SOA) return change;
  return { ...change, rdatas: change.rdatas.map((rdata) => soaWithSerial(rdata, serial)) };
}

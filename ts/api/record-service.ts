import type { IRecordSetInfo, TRecordOrigin } from '../../ts_interfaces/index.ts';
import { DcError, type IProblem } from '../core/errors.ts';
import { Slices } from '../core/slices.ts';
import { compareNames, formatName, lowerName } from '../dns/codec/name.ts';
import { recordType, recordTypeName } from '../dns/codec/types.ts';
import { ZoneNode } from '../dns/zone/owner-data.ts';
import { defaultTtlS } from '../dns/zones/made-records.ts';
import { setKey } from '../dns/zones/record-set.ts';
import type { IHostedZone, IRecordSet, IRecordSetChange } from '../dns/zones/types.ts';
import { checkPrecondition, entityTag, type IPrecondition } from './entity-tag.ts';
import {
  cursorAfter,
  type IPage,
  type IPageQuery,
  nameOfCursor,
  pageLimitDefault,
} from './paging.ts';
import { readBatch, readRecordSetBody, refuseRecords } from './record-input.ts';
import {
  type IRecordSource,
  readName,
  readOwner,
  readRecordSet,
  readType,
  recordSetInfo,
} from './record-text.ts';
import type { ITagged } from './route-view.ts';
import type { ControlState } from './state.ts';
import { badParameter, parameterOf, problemAt } from './text-input.ts';
import type { IZoneChanged, ZoneService } from './zone-service.ts';

/** Which record sets of a zone. */
export interface IRecordQuery extends IPageQuery {
  /** Relative to the zone, `@`, or absolute with a trailing dot. */
  name?: string | undefined;
  type?: string | undefined;
  /** Also names below `name`. @default false */
  below?: boolean | undefined;
  origin?: TRecordOrigin | undefined;
}

/** What a batch did. */
export interface IRecordsChanged extends IZoneChanged {
  /** Record sets that it named. */
  sets: number;
}

/** Items between two looks at the clock. */
const itemsPerLook = 64;

/**
 * The record sets of zones, by name and type. A change is checked as a whole with the zone, stored
 * (synced), and answered from the next query on; of several changes in one, all are made or none.
 */
export class RecordService {
  private readonly state: ControlState;
  private readonly zones: ZoneService;
  /** Record sets of a version of a zone: to count them takes a walk. */
  private readonly counts = new WeakMap<object, number>();

  constructor(state: ControlState, zones: ZoneService) {
    this.state = state;
    this.zones = zones;
  }

  /**
   * A page of the record sets, names in canonical order.
   * @throws DcError `ZONE_UNKNOWN`; ApiError `REQUEST_INVALID` (400)
   */
  async list(selector: string, query: IRecordQuery = {}): Promise<IPage<IRecordSetInfo>> {
    const zone = this.zones.hosted(selector);
    const { limit = pageLimitDefault, cursor, below = false, origin } = query;
    const name = query.name === undefined ? undefined : ownerIn(zone, query.name);
    const type = query.type === undefined ? undefined : typeOf(query.type);
    const isAll = name === undefined && type === undefined && origin === undefined;
    const start = placeOf(nameOfCursor(cursor));
    const known = isAll ? await this.countOf(zone) : undefined;
    const items: IRecordSetInfo[] = [];
    let [total, place] = [0, ''];
    let hasMore = false;
    const walk = this.ordered(zone.id, {
      ...(name === undefined ? {} : { name, below }),
      // Where the number of all is known, what comes before the page need not be walked.
      ...(known === undefined || start === null ? {} : { after: start.name }),
    });
    await inSlices(walk, (set) => {
      if (type !== undefined && set.type !== type) return true;
      if (origin !== undefined && set.origin !== origin) return true;
      total++;
      if (start !== null && !isBehind(set, start)) return true;
      if (items.length === limit) {
        hasMore = true;
        return known === undefined;
      }
      items.push(recordSetInfo(set));
      place = `${set.type} ${formatName(set.name)}`;
      return true;
    });
    const nextCursor = cursorAfter(hasMore ? place : null);
    return { items, total: known ?? total, nextCursor };
  }

  /** One record set. @throws DcError `ZONE_UNKNOWN`, `RECORD_UNKNOWN`; ApiError `REQUEST_INVALID` */
  get(selector: string, name: string, type: string): ITagged<IRecordSetInfo> {
    const zone = this.zones.hosted(selector);
    return this.shown(zone, ownerIn(zone, name), typeOf(type));
  }

  /**
   * Puts records in place of those of a name and type, or the first ones there.
   * @throws DcError `ZONE_UNKNOWN`, `ZONE_INVALID`, `PRECONDITION_FAILED`, `STORE_FAILED`; ApiError
   *   `REQUEST_INVALID` (400) for a bad name or type.
   */
  async put(
    selector: string,
    nameText: string,
    typeText: string,
    input: unknown,
    precondition?: IPrecondition,
  ): Promise<ITagged<IRecordSetInfo> & { created: boolean }> {
    const hosted = this.zones.hosted(selector);
    const [name, type] = [ownerIn(hosted, nameText), typeOf(typeText)];
    const body = readRecordSetBody(input, { name: nameText, type: typeText });
    const problems: IProblem[] = [];
    const message = 'Must be the one that the address names';
    if (!isSameName(body.name, name, hosted)) problems.push({ path: 'name', message });
    if (readType(body.type) !== type) problems.push({ path: 'type', message });
    const change = this.changeOf(hosted, name, type, body, '', problems);
    refuseRecords(problems);
    let created = false;
    await this.zones.change(selector, async (id) => {
      await this.state.dns.book.change(id, 'api', () => {
        const before = this.find(id, name, type);
        checkPrecondition(precondition, before === undefined ? undefined : tagOf(before));
        created = before === undefined;
        return [change];
      });
    });
    return { ...this.shown(this.zones.hosted(selector), name, type), created };
  }

  /**
   * Removes a record set.
   * @throws as `put`, and DcError `RECORD_UNKNOWN`
   */
  async remove(
    selector: string,
    nameText: string,
    typeText: string,
    precondition?: IPrecondition,
  ): Promise<void> {
    const hosted = this.zones.hosted(selector);
    const [name, type] = [ownerIn(hosted, nameText), typeOf(typeText)];
    await this.zones.change(selector, async (id) => {
      await this.state.dns.book.change(id, 'api', () => {
        const before = this.find(id, name, type);
        if (before === undefined) throw unknown(id, name, type);
        checkPrecondition(precondition, tagOf(before));
        return [{ name, type, ttl: before.ttl, rdatas: [] }];
      });
    });
  }

  /**
   * Changes many record sets at once, all or none; one without data goes away, and may be gone
   * already.
   * @throws DcError `ZONE_UNKNOWN`, `ZONE_INVALID` with every problem, `STORE_FAILED`
   */
  async batch(selector: string, input: unknown): Promise<IRecordsChanged> {
    const hosted = this.zones.hosted(selector);
    const sets = readBatch(input);
    const problems: IProblem[] = [];
    const seen = new Map<string, number>();
    const changes = sets.flatMap((set, at) => {
      const name = readOwner(set.name, nameOfZone(hosted), hosted.apex);
      const type = readType(set.type);
      if (!Buffer.isBuffer(name)) problems.push(problemAt(`[${at}].name`, name, set.name));
      if (typeof type !== 'number') problems.push(problemAt(`[${at}].type`, type, set.type));
      if (!Buffer.isBuffer(name) || typeof type !== 'number') return [];
      const key = setKey(name, type);
      const first = seen.get(key);
      if (first !== undefined) {
        problems.push({ path: `[${at}]`, message: `Must be there once: it is [${first}] too` });
      }
      seen.set(key, at);
      return [this.changeOf(hosted, name, type, set, `[${at}]`, problems)];
    });
    refuseRecords(problems);
    const changed = await this.zones.change(selector, async (id) => {
      await this.state.dns.book.change(id, 'api', () => changes);
    });
    return { ...changed, sets: sets.length };
  }

  /**
   * Takes back what was changed over the file: all, or one name, or one of its types.
   * @throws DcError `ZONE_UNKNOWN`, `ZONE_INVALID`, `STORE_FAILED`; ApiError `REQUEST_INVALID`
   */
  async revert(selector: string, name?: string, type?: string): Promise<IZoneChanged> {
    const hosted = this.zones.hosted(selector);
    const owner = name === undefined ? undefined : ownerIn(hosted, name);
    const number = type === undefined ? undefined : typeOf(type);
    return await this.zones.change(selector, async (id) => {
      await this.state.dns.book.revert(id, owner, number);
    });
  }

  /** Record sets of a zone in all; counted once for each version. */
  private async countOf({ id, source, served }: IHostedZone): Promise<number> {
    if (source === null) return 0;
    const version = served?.zone ?? source;
    const known = this.counts.get(version);
    if (known !== undefined) return known;
    // Those by health have no records in the zone itself.
    let count = (this.state.dns.book.info(id)?.records ?? 0) - source.recordCount;
    await inSlices(source.tree.entries(), ({ bytes, start, end }) => {
      count += new Set(new ZoneNode(source.apex, bytes, start, end).types()).size;
      return true;
    });
    this.counts.set(version, count);
    return count;
  }

  private changeOf(
    zone: IHostedZone,
    name: Buffer,
    type: number,
    input: IRecordSource,
    path: string,
    problems: IProblem[],
  ): IRecordSetChange {
    const at = { name, type, apex: zone.apex, path, ttlDefault: zone.options.ttl ?? defaultTtlS };
    return readRecordSet(input, at, problems);
  }

  private find(id: string, name: Buffer, type: number): IRecordSet | undefined {
    for (const set of this.state.dns.book.recordSets(id, { name, type })) return set;
    return undefined;
  }

  private shown({ id }: IHostedZone, name: Buffer, type: number): ITagged<IRecordSetInfo> {
    const set = this.find(id, name, type);
    if (set === undefined) throw unknown(id, name, type);
    return { item: recordSetInfo(set), tag: tagOf(set) };
  }

  /** Record sets of the book; those of a name in the order of their types, the SOA first. */
  private *ordered(
    id: string,
    query: Parameters<ControlState['dns']['book']['recordSets']>[1],
  ): Generator<IRecordSet, void> {
    let ofName: IRecordSet[] = [];
    for (const set of this.state.dns.book.recordSets(id, query)) {
      const [first] = ofName;
      if (first !== undefined && !first.name.equals(set.name)) {
        yield* ofName.sort((one, other) => rankOf(one.type) - rankOf(other.type));
        ofName = [];
      }
      ofName.push(set);
    }
    yield* ofName.sort((one, other) => rankOf(one.type) - rankOf(other.type));
  }
}

/** Takes one after the other, as long as `take` wants more; others have their turn in between. */
async function inSlices<T>(items: Iterable<T>, take: (item: T) => boolean): Promise<void> {
  let count = 0;
  const slices = new Slices();
  for (const item of items) {
    if (!take(item)) return;
    if (++count % itemsPerLook === 0 && slices.isOver) await slices.rest();
  }
}

function rankOf(type: number): number {
  return type === recordType.SOA ? -1 : type;
}

/** The place of a cursor. @throws ApiError `REQUEST_INVALID` (400) */
function placeOf(text: string | null): { name: Buffer; type: number } | null {
  if (text === null) return null;
  const [, type, name = ''] = /^(\d{1,5}) (.+)$/s.exec(text) ?? [];
  const wire = readName(name);
  if (Buffer.isBuffer(wire)) return { name: lowerName(wire), type: Number(type) };
  throw badParameter('cursor', text, { problem: 'Must be the nextCursor of an earlier page' });
}

function isBehind(set: IRecordSet, place: { name: Buffer; type: number }): boolean {
  const order = compareNames(set.name, place.name);
  return order > 0 || (order === 0 && rankOf(set.type) > rankOf(place.type));
}

/** Of what a client can change. */
function tagOf(set: IRecordSet): string {
  const { ttl, data, health, origin, owners } = recordSetInfo(set);
  return entityTag({ ttl, data, health }, JSON.stringify({ origin, owners }));
}

function nameOfZone({ options }: IHostedZone): string {
  return options.name;
}

/** A name of a path or query. @throws ApiError `REQUEST_INVALID` (400) */
function ownerIn(zone: IHostedZone, text: string): Buffer {
  return parameterOf('name', text, readOwner(text, nameOfZone(zone), zone.apex));
}

/** A type of a path or query. @throws ApiError `REQUEST_INVALID` (400) */
function typeOf(text: string): number {
  return parameterOf('type', text, readType(text));
}

function isSameName(text: string, name: Buffer, zone: IHostedZone): boolean {
  const read = readOwner(text, nameOfZone(zone), zone.apex);
  return Buffer.isBuffer(read) && lowerName(read).equals(lowerName(name));
}

function unknown(zone: string, name: Buffer, type: number): DcError {
  const what = `${formatName(name)} ${recordTypeName(type)}`;
  return new DcError('RECORD_UNKNOWN', `The zone "${zone}" has no records ${what}`);
}

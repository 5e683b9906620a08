import type { IDnsOptions, IZoneInfo, IZoneOptions } from '../../ts_interfaces/index.ts';
import { zoneIdOf } from '../config/zone-ids.ts';
import { DcError, type IProblem } from '../core/errors.ts';
import type { IHostedZone } from '../dns/zones/types.ts';
import { ApiError } from './api-error.ts';
import { entityTag, type IPrecondition } from './entity-tag.ts';
import { type IItemKind, ItemStore } from './item-store.ts';
import {
  cursorAfter,
  type IPage,
  type IPageQuery,
  nameOfCursor,
  pageLimitDefault,
} from './paging.ts';
import { pageOf } from './route-index.ts';
import type { ITagged } from './route-view.ts';
import type { ControlState } from './state.ts';
import type { IProcessControl } from './types.ts';
import { checkZoneFile, parseZoneInput, zoneIdOfText, zoneWords } from './zone-input.ts';
import { checkZoneNames } from './zone-names.ts';

/** A zone with what it was made from. */
export interface IZoneView extends IZoneInfo {
  /** As a file has them; what the API changed among its records is not in them. */
  options: IZoneOptions;
}

/** What came of a change of what a zone holds. */
export interface IZoneChanged {
  /** Id of the zone. */
  zone: string;
  /** Of the SOA that is served afterwards; null: nothing is. */
  serial: number | null;
}

/** Which zones. */
export interface IZoneQuery extends IPageQuery {
  /** Only with this text in the id. */
  q?: string | undefined;
  state?: IZoneInfo['state'] | undefined;
}

/** Zones that the status tells of. */
const problemsMax = 100;

/**
 * The zones: those of the file with what was changed over them. A selector is the id of a zone,
 * `example.com` or `example.com@internal`, in any spelling.
 *
 * A change is loaded and checked, stored (synced), and answered from the next query on.
 */
export class ZoneService {
  private readonly state: ControlState;
  private readonly items: ItemStore<IZoneOptions, unknown>;

  constructor(state: ControlState, process: IProcessControl) {
    this.state = state;
    this.items = new ItemStore(
      state,
      zoneKind(state, () => process.options().dns),
    );
  }

  /** Number of zones. */
  get size(): number {
    return this.state.zones.size;
  }

  /**
   * A page of the zones, ordered by id.
   * @throws ApiError `REQUEST_INVALID` (400) for a foreign cursor.
   */
  list({ q, state, limit = pageLimitDefault, cursor }: IZoneQuery = {}): IPage<IZoneInfo> {
    const { book } = this.state.dns;
    const ids = [...this.items.layers.entries()].flatMap(([id]) => {
      const isWanted = q === undefined || id.includes(q.toLowerCase());
      return isWanted && (state === undefined || book.get(id)?.state === state) ? [id] : [];
    });
    const page = pageOf(ids.sort(), nameOfCursor(cursor), limit);
    const items = page.ids.flatMap((id) => infoOf(this.state, id) ?? []);
    return { items, total: ids.length, nextCursor: cursorAfter(page.next) };
  }

  /** @throws DcError `ZONE_UNKNOWN` */
  get(selector: string): ITagged<IZoneView> {
    const id = this.idOf(selector);
    return { item: viewOf(this.state, id), tag: tagOf(this.state, id) };
  }

  /** The id of a zone. @throws DcError `ZONE_UNKNOWN` */
  idOf(selector: string): string {
    return this.items.resolve(zoneIdOfText(selector));
  }

  /** A zone as it is answered for. @throws DcError `ZONE_UNKNOWN` */
  hosted(selector: string): IHostedZone {
    const id = this.idOf(selector);
    const zone = this.state.dns.book.get(id);
    if (zone === undefined) throw new DcError('ZONE_UNKNOWN', `The zone "${id}" is not served`);
    return zone;
  }

  /**
   * Adds a zone.
   * @throws DcError `ZONE_INVALID`, `ZONE_EXISTS`, `STORE_FAILED`
   */
  async add(input: unknown): Promise<ITagged<IZoneView>> {
    return this.get(await this.items.add(input));
  }

  /**
   * Replaces the options of a zone, or adds it under this id. Records that were changed over it stay
   * changed.
   * @throws as `add`, and DcError `PRECONDITION_FAILED`
   */
  async put(
    selector: string,
    input: unknown,
    precondition?: IPrecondition,
  ): Promise<ITagged<IZoneView> & { created: boolean }> {
    const { key, created } = await this.items.put(zoneIdOfText(selector), input, precondition);
    return { ...this.get(key), created };
  }

  /**
   * Changes members of the options by a JSON merge patch (RFC 7396).
   * @throws as `put`, and DcError `ZONE_UNKNOWN`
   */
  async patch(
    selector: string,
    patch: unknown,
    precondition?: IPrecondition,
  ): Promise<ITagged<IZoneView>> {
    return this.get(await this.items.patch(zoneIdOfText(selector), patch, precondition));
  }

  /** Changes options in their turn: `change` makes the new ones. @throws as `patch` */
  async edit(
    selector: string,
    precondition: IPrecondition | undefined,
    change: (current: IZoneOptions) => unknown,
  ): Promise<string> {
    return await this.items.edit(zoneIdOfText(selector), precondition, change);
  }

  /**
   * Removes a zone with its records, and forgets what was changed in it. One of the file stays
   * away until it is added again.
   * @throws DcError `ZONE_UNKNOWN`, `PRECONDITION_FAILED`, `STORE_FAILED`
   */
  async remove(selector: string, precondition?: IPrecondition): Promise<void> {
    const { book } = this.state.dns;
    const id = zoneIdOfText(selector);
    await this.items.remove(id, precondition);
    // A zone of this name that comes later is another one.
    await this.state.serial.run(async () => {
      if (book.get(id) === undefined) await book.purge(id);
    });
  }

  /**
   * Puts another content in place of all that a zone holds, what was changed over it too.
   * @throws DcError `ZONE_UNKNOWN`, `ZONE_INVALID` with the line of each problem, `STORE_FAILED`
   */
  import(selector: string, masterFile: Buffer): Promise<IZoneChanged> {
    return this.change(selector, (id) => this.state.dns.book.import(id, masterFile));
  }

  /**
   * The zone as a master file, in pieces.
   * @param source `served`: with what signing and expansion made.
   * @throws DcError `ZONE_UNKNOWN`; ApiError `ZONE_EMPTY` (409) while there is nothing to export.
   */
  export(selector: string, source: 'source' | 'served'): AsyncIterable<string> {
    const { id, source: held, served } = this.hosted(selector);
    if ((source === 'served' ? served : held) !== null) {
      return this.state.dns.book.export(id, source);
    }
    const why = held === null ? 'it was never fetched' : 'it has expired';
    throw new ApiError('ZONE_EMPTY', `There is nothing to export of the zone "${id}": ${why}`);
  }

  /** Tells the secondaries of a zone that it may have changed. @throws DcError `ZONE_UNKNOWN` */
  notify(selector: string): IZoneChanged {
    const zone = this.idOf(selector);
    this.state.dns.notify(zone);
    return { zone, serial: this.serialOf(zone) };
  }

  /**
   * Asks the primaries of a secondary now.
   * @param whole fetches all of it, whatever the serial says.
   * @throws DcError `ZONE_UNKNOWN`, `ZONE_INVALID` for a zone that is no secondary, `DNS_FAILED`
   */
  async refresh(selector: string, whole: boolean): Promise<IZoneChanged> {
    const id = this.idOf(selector);
    await this.state.dns.refresh(id, whole);
    await this.state.live();
    return { zone: id, serial: this.serialOf(id) };
  }

  /**
   * Runs a change of what a zone holds; ends when every process serves it. It waits for no turn: the
   * book changes each zone in turns of its own, and an import may take a minute.
   */
  async change(selector: string, task: (id: string) => Promise<unknown>): Promise<IZoneChanged> {
    const { id: zone } = this.hosted(selector);
    await task(zone);
    await this.state.live();
    return { zone, serial: this.serialOf(zone) };
  }

  /** Zones that are answered with SERVFAIL, and why; at most 100. */
  problems(): IProblem[] {
    const found: IProblem[] = [];
    for (const { id, state } of this.state.dns.book.zones()) {
      if (state === 'serving') continue;
      const { warnings = [] } = this.state.dns.book.info(id) ?? {};
      const why = state === 'expired' ? 'It has expired' : 'It was never fetched';
      const message = [`${why}: it is answered with SERVFAIL`, ...warnings].join('; ');
      found.push({ path: `zones[${id}]`, message });
      if (found.length === problemsMax) break;
    }
    return found;
  }

  private serialOf(id: string): number | null {
    return this.state.dns.book.info(id)?.serial ?? null;
  }
}

/** What may be shown of a zone; undefined: it is not there (any more). */
function infoOf({ zones, dns }: ControlState, id: string): IZoneInfo | undefined {
  const info = dns.book.info(id);
  const found = zones.get(id);
  return info === undefined || found === undefined ? undefined : { ...info, origin: found.origin };
}

function viewOf(state: ControlState, id: string): IZoneView {
  const info = infoOf(state, id);
  const options = state.zones.get(id)?.value;
  if (info !== undefined && options !== undefined) return { ...info, options };
  throw new DcError('ZONE_UNKNOWN', `The zone "${id}" is not there any more`);
}

function tagOf(state: ControlState, id: string): string {
  return entityTag(state.zones.get(id)?.value ?? null, JSON.stringify(infoOf(state, id) ?? null));
}

/** What is particular to zones. */
function zoneKind(
  state: ControlState,
  dns: () => IDnsOptions | undefined,
): IItemKind<IZoneOptions, unknown> {
  return {
    ...zoneWords,
    kind: 'zones',
    unknown: 'ZONE_UNKNOWN',
    exists: 'ZONE_EXISTS',
    unknownMessage: (id) => `There is no zone "${id}"`,
    keyOf: zoneIdOf,
    parse: parseZoneInput,
    tag: (id) => tagOf(state, id),
    prepare: async ({ key, after }) => {
      const { zoneTarget } = state;
      if (after === undefined) return await zoneTarget.prepare({ set: [], removed: [key] });
      checkZoneFile(after, state.zones.baseOf(key));
      checkZoneNames(after, dns(), state.access);
      return await zoneTarget.prepare({ set: [after], removed: [] });
    },
    discard: (prepared) => state.zoneTarget.discard(prepared),
    swap: (prepared, { key: id, before, after }) => {
      state.zoneTarget.apply(prepared);
      const what = after === undefined ? 'removed' : before === undefined ? 'added' : 'changed';
      state.logger.info(`zone.${what}`, `The zone "${id}" was ${what}`, { zone: id });
    },
  };
}

import type { z } from 'zod';
import type { IDnsStats, IOwnedRecords } from '../../ts_interfaces/index.ts';
import { DcError, type IProblem } from '../core/errors.ts';
import { formatName, lowerName } from '../dns/codec/name.ts';
import type { ICacheEntryInfo, IExplainRequest, IQueryExplanation } from '../dns/plane/types.ts';
import { canonicalIp } from '../net/ip.ts';
import { ApiError } from './api-error.ts';
import {
  cursorAfter,
  type IPage,
  type IPageQuery,
  nameOfCursor,
  pageLimitDefault,
} from './paging.ts';
import { readData, readName, readType } from './record-text.ts';
import { dnsQueryInputSchema, ownedInputSchema } from './schemas/dns.ts';
import type { ControlState } from './state.ts';
import { badParameter, parameterOf, problemAt } from './text-input.ts';
import type { IProcessControl } from './types.ts';
import { problemsOfZod } from './zod-problems.ts';
import { checkMasterFile, type IZoneCheck } from './zone-check.ts';
import { zoneIdOfText } from './zone-input.ts';
import type { ZoneService } from './zone-service.ts';

/** A question as clients of the API ask it. */
export type TDnsQuestion = z.output<typeof dnsQueryInputSchema>;

/** Which answers of the cache. */
export interface ICacheFilter {
  name?: string | undefined;
  /** @default false */
  below?: boolean | undefined;
  type?: string | undefined;
}

/** Which owned records. */
export interface IOwnedFilter {
  owner?: string | undefined;
  purpose?: string | undefined;
  /** Id of a zone. */
  zone?: string | undefined;
}

const servers = { auto: 'auto', authoritative: 'zones', resolver: 'resolver' } as const;

/** Our name servers and the resolver: questions, cache, numbers, checks, and owned records. */
export class DnsService {
  private readonly state: ControlState;
  private readonly process: IProcessControl;
  private readonly zones: ZoneService;

  constructor(state: ControlState, process: IProcessControl, zones: ZoneService) {
    this.state = state;
    this.process = process;
    this.zones = zones;
  }

  /** Numbers since the start. */
  stats(): Promise<IDnsStats> {
    return this.state.dns.stats();
  }

  /**
   * Asks our own servers or the resolver, and tells the path that led to the answer.
   * @throws ApiError `REQUEST_INVALID` (400), `BODY_INVALID` (422)
   */
  async query(input: unknown): Promise<IQueryExplanation> {
    const result = dnsQueryInputSchema.safeParse(input);
    if (result.success) return await this.state.dns.query(this.requestOf(result.data));
    throw new ApiError('BODY_INVALID', 'The body is not valid', {
      problems: problemsOfZod(dnsQueryInputSchema, input, result.error),
    });
  }

  /** A page of the resolver's cache. @throws ApiError `REQUEST_INVALID` (400) */
  look({
    limit = pageLimitDefault,
    cursor,
    ...filter
  }: ICacheFilter & IPageQuery = {}): IPage<ICacheEntryInfo> {
    const { name, type, below = false } = filter;
    const offset = offsetOf(nameOfCursor(cursor));
    const { entries, total } = this.state.dns.cache.look({
      ...(name === undefined ? {} : { name: nameText(name), below }),
      ...(type === undefined ? {} : { type: typeText(type) }),
      offset,
      limit,
    });
    const next = offset + entries.length;
    const hasMore = entries.length > 0 && next < total;
    return { items: [...entries], total, nextCursor: cursorAfter(hasMore ? String(next) : null) };
  }

  /** Forgets answers: all, or those of a name. @returns how many. @throws ApiError `REQUEST_INVALID` (400) */
  flush({ name, below = false }: Omit<ICacheFilter, 'type'> = {}): number {
    const { cache } = this.state.dns;
    return name === undefined ? cache.flush() : cache.flush({ name: nameText(name), below });
  }

  /**
   * Finds what named-checkzone would find in a master file.
   *
   * @param origin name of the zone.
   * @param zone id of one of ours, whose serial it has to be above.
   * @throws DcError `ZONE_UNKNOWN`; ApiError `REQUEST_INVALID` (400)
   */
  async check(masterFile: Buffer, origin: string, zone?: string): Promise<IZoneCheck> {
    const apex = lowerName(parameterOf('origin', origin, readName(origin)));
    const previous = zone === undefined ? undefined : this.zones.hosted(zone).served?.zone;
    const { zone: _made, ...found } = await checkMasterFile(masterFile, { origin: apex, previous });
    return found;
  }

  /** A page of the owned records, by owner, name and type. @throws ApiError `REQUEST_INVALID` (400) */
  owned({
    limit = pageLimitDefault,
    cursor,
    ...filter
  }: IOwnedFilter & IPageQuery = {}): IPage<IOwnedRecords> {
    const { owner, purpose, zone } = filter;
    const found = this.state.dns.manager.list({
      ...(owner === undefined ? {} : { owner }),
      ...(purpose === undefined ? {} : { purpose }),
      ...(zone === undefined ? {} : { zone: zoneIdOfText(zone) }),
    });
    const keyed = found
      .map((records) => ({ key: `${records.owner} ${records.name} ${records.type}`, records }))
      .sort((one, other) => (one.key < other.key ? -1 : 1));
    const after = nameOfCursor(cursor);
    const rest = after === null ? keyed : keyed.filter(({ key }) => key > after);
    const page = rest.slice(0, limit);
    const next = rest.length > limit ? (page.at(-1)?.key ?? null) : null;
    const items = page.map(({ records }) => records);
    return { items, total: found.length, nextCursor: cursorAfter(next) };
  }

  /**
   * Adds records to a name's own, or replaces those of this owner there.
   * @throws DcError `ZONE_UNKNOWN`, `ZONE_INVALID`, `STORE_FAILED`
   */
  async own(input: unknown): Promise<IOwnedRecords> {
    const result = ownedInputSchema.safeParse(input);
    if (!result.success) throw refusedRecords(problemsOfZod(ownedInputSchema, input, result.error));
    const { name, type, ttl, expiresAt, ...rest } = result.data;
    const wire = readName(name);
    const number = readType(type);
    const problems: IProblem[] = [];
    if (!Buffer.isBuffer(wire)) problems.push(problemAt('name', wire, name));
    if (typeof number !== 'number') problems.push(problemAt('type', number, type));
    else {
      for (const [at, line] of rest.data.entries()) {
        // Names in it are absolute, whether or not they end with a dot.
        const rdata = readData(number, line, Buffer.alloc(1));
        if (!Buffer.isBuffer(rdata)) problems.push(problemAt(`data[${at}]`, rdata, line));
      }
    }
    if (!Buffer.isBuffer(wire) || problems.length > 0) throw refusedRecords(problems);
    const records: IOwnedRecords = {
      ...rest,
      name: formatName(lowerName(wire)),
      type,
      ...(ttl === undefined ? {} : { ttl }),
      ...(expiresAt === undefined ? {} : { expiresAt }),
    };
    await this.state.dns.manager.set(records);
    await this.state.live();
    return records;
  }

  /**
   * Removes all records of an owner, or those of one name and type.
   * @returns how many record sets it had; 0: none.
   * @throws ApiError `REQUEST_INVALID` (400)
   */
  async disown(owner: string, name?: string, type?: string): Promise<number> {
    if ((name === undefined) !== (type === undefined)) {
      const path = name === undefined ? 'name' : 'type';
      const problems = [{ path, message: 'Must be there: name and type go together' }];
      throw new ApiError('REQUEST_INVALID', 'The query is not valid', { problems });
    }
    const { manager } = this.state.dns;
    const isAll = name === undefined || type === undefined;
    const removed = isAll
      ? await manager.removeAll(owner)
      : Number(await manager.remove(owner, nameText(name), typeText(type)));
    await this.state.live();
    return removed;
  }

  private requestOf(question: TDnsQuestion): IExplainRequest {
    const { name, type = 'A', server = 'auto', view, client, ...flags } = question;
    const views = this.process.options().dns?.views ?? [];
    if (view !== undefined && view !== '' && !views.some((one) => one.name === view)) {
      throw badParameter('view', view, { problem: `Must name a view: there is no "${view}"` });
    }
    if (client !== undefined && canonicalIp(client) === undefined) {
      throw badParameter('client', client, { problem: 'Must be an IP address' });
    }
    const { dnssec = false, checkingDisabled = false, trace = false } = flags;
    return {
      name: nameText(name),
      type: typeText(type, false),
      from: servers[server],
      ...(view === undefined ? {} : { view: view === '' ? null : view }),
      ...(client === undefined ? {} : { client }),
      ...{ dnssec, checkingDisabled, trace },
    };
  }
}

/** @throws ApiError `REQUEST_INVALID` (400) */
function offsetOf(text: string | null): number {
  if (text === null) return 0;
  if (/^\d{1,9}$/.test(text)) return Number(text);
  throw badParameter('cursor', text, { problem: 'Must be the nextCursor of an earlier page' });
}

/** A name of a query, absolute and in ASCII. @throws ApiError `REQUEST_INVALID` (400) */
function nameText(text: string): string {
  return formatName(parameterOf('name', text, readName(text)));
}

/** A type of a query, in upper case. @throws ApiError `REQUEST_INVALID` (400) */
function typeText(text: string, ofZone = true): string {
  parameterOf('type', text, readType(text, ofZone));
  return text.toUpperCase();
}

function refusedRecords(problems: readonly IProblem[]): DcError {
  const [first] = problems;
  const message = `Cannot use these records: ${first?.path}: ${first?.message}`;
  return new DcError('ZONE_INVALID', message, { problems });
}

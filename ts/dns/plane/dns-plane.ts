import { isDeepStrictEqual } from 'node:util';
import type { IDnsOptions, IDnsStats } from '../../../ts_interfaces/index.ts';
import { type IClock, systemClock } from '../../core/clock.ts';
import type { EventBus } from '../../core/event-bus.ts';
import type { ILogger } from '../../core/logger.ts';
import type { DescriptorGuard } from '../../net/descriptors.ts';
import type { ITcpHandle } from '../../net/handles.ts';
import type { IHeldPort } from '../../net/port-table.ts';
import type { IWebService } from '../../net/web-service.ts';
import type { Store } from '../../storage/store.ts';
import type { IResolver, IResolverOptions } from '../resolver/index.ts';
import { failureTo } from '../server/replies.ts';
import { StreamServer } from '../server/stream-server.ts';
import type { IHostedZone, IZoneBook } from '../zones/types.ts';
import { CacheView } from './cache-view.ts';
import { DohService } from './doh-service.ts';
import { explain } from './explain.ts';
import { Front } from './front.ts';
import { type IPreparedListeners, Listeners } from './listeners.ts';
import { ownZones } from './own-zones.ts';
import { Recursion } from './recursion.ts';
import { type IPreparedResolver, ResolverService } from './resolver-service.ts';
import { checkPlan, type IServePlan, listsOf, servePlanOf } from './serve-plan.ts';
import { keptCookieSecret } from './settings.ts';
import { addCounts, cacheStats, type IThreadCounts, RateMeter, topNamesOf } from './stats.ts';
import type { TListTexts } from './threads/messages.ts';
import { ThreadPool } from './threads/thread-pool.ts';
import type {
  IDnsAddress,
  IDnsAddressLists,
  IDnsCache,
  IDnsPlane,
  IDnsPrepareOptions,
  IDnsTls,
  IExplainRequest,
  IPreparedDns,
  IQueryExplanation,
  TSpecialCounts,
  TSpecialFactory,
} from './types.ts';
import { LocalUdpPorts } from './udp-ports.ts';
import { faultLogger } from './view-handler.ts';
import type { IViewedZone } from './view-zones.ts';

/** What the plane works with. */
export interface IDnsPlaneParts {
  readonly book: Pick<IZoneBook, 'zones' | 'follow'>;
  readonly bus: EventBus;
  readonly logger: ILogger;
  /** Open before the first `prepare`. */
  readonly store: Store;
  readonly tls: IDnsTls;
  readonly lists: IDnsAddressLists;
  /** @default systemClock */
  readonly clock?: IClock;
  /** Threads that answer by UDP in place of this one. @default 0 */
  readonly workers?: number;
  /** Answers transfers, notifications, updates and what is signed. @default they are refused */
  readonly special?: TSpecialFactory;
  /** Counts of `special`. @default nothing was done */
  readonly specialCounts?: () => TSpecialCounts;
  /** Refuses connections while descriptors are short. @default none is refused */
  readonly guard?: DescriptorGuard;
  /** Folder that files of the resolver's options are relative to. @default the working folder */
  readonly baseFolder?: () => string;
  /** Of the resolvers that are made, for tests. @default the machine's network and files */
  readonly resolver?: Partial<IResolverOptions>;
}

/** What `prepare` made. */
interface IPrepared extends IPreparedDns {
  readonly plan: IServePlan;
  readonly listeners: IPreparedListeners;
  readonly resolver: IPreparedResolver;
}

const listenersDefault = { dns: { port: 5300 } } as const;
/** Answers that are looked up, or are transfers, at once on a connection. */
const streamsMax = 32;
const noSpecialCounts: TSpecialCounts = {
  transfers: { out: 0, in: 0, failed: 0 },
  updates: { applied: 0, refused: 0 },
};

/**
 * DNS: the ports, the zones as each client sees them, the resolver, and threads.
 *
 * Made once; `prepare` and `apply` change its options, and the zones of the book are followed from
 * the start on. A query goes: port → view (`view-handler.ts`) → kept answers and zones (`answer`) →
 * or, for clients that may, the resolver (`recursion.ts`).
 */
export class DnsPlane implements IDnsPlane {
  readonly resolver: IResolver;
  readonly cache: IDnsCache;
  private readonly parts: IDnsPlaneParts;
  private readonly clock: IClock;
  private readonly front: Front;
  private readonly service: ResolverService;
  private readonly streams: StreamServer;
  private readonly listeners: Listeners;
  private readonly local: LocalUdpPorts;
  /** @internal for tests; null: this thread answers by UDP. */
  readonly pool: ThreadPool | null;
  private readonly meter: RateMeter;
  private readonly leaves: (() => void)[] = [];
  private readonly onFault: (error: unknown) => void;
  private https: IDnsOptions['https'] = false;
  private plan: IServePlan | null = null;
  private services: readonly IWebService[] = [];
  private listsRevision = -1;

  constructor(parts: IDnsPlaneParts) {
    const { bus, logger, lists, book, tls, guard, workers = 0 } = parts;
    this.parts = parts;
    this.clock = parts.clock ?? systemClock;
    const { clock } = this;
    this.onFault = faultLogger(logger, () => clock.monotonic());
    const { onFault } = this;
    const service = (): ResolverService => this.service;
    this.front = new Front({
      ...{ clock, lists, bus, share: 1 },
      special: parts.special ?? null,
      foreign: (clients) => new Recursion(clients, service()),
    });
    const { handler, counters, zones } = this.front;
    const own = ownZones(zones.setOf(null));
    const { resolver: overrides, baseFolder } = parts;
    this.service = new ResolverService({ clock, logger, own, overrides, baseFolder });
    this.resolver = this.service;
    this.cache = new CacheView(this.service, clock);
    this.streams = new StreamServer({ handler, counters, clock, onFault, streamsMax });
    this.local = new LocalUdpPorts({ front: this.front, clock, onFault });
    this.pool = workers === 0 ? null : this.makePool(workers);
    const udp = this.pool ?? this.local;
    this.listeners = new Listeners({ streams: this.streams, udp, tls, logger, guard });
    this.meter = new RateMeter(clock, () => this.measure());
    for (const zone of book.zones()) this.front.zones.set(viewed(zone));
    const unfollow = book.follow({
      onServed: (zone) => this.served(viewed(zone)),
      onRemoved: (zone) => this.removed(viewed(zone)),
    });
    const untied = tls.contexts.follow?.(() => this.listeners.showDefaults());
    this.leaves.push(unfollow, untied ?? (() => undefined));
  }

  get webServices(): readonly IWebService[] {
    return this.services;
  }

  async prepare(
    options: IDnsOptions | undefined,
    { isTakeOver = false }: IDnsPrepareOptions = {},
  ): Promise<IPrepared> {
    const given = options ?? {};
    const secret = given.cookieSecret ?? (await keptCookieSecret(this.parts.store));
    const plan = servePlanOf(given, secret);
    checkPlan(plan, this.parts.lists);
    const resolver = this.service.prepare(given.resolver);
    const wanted = options === undefined ? {} : (given.listeners ?? listenersDefault);
    try {
      const listeners = await this.listeners.prepare(wanted, isTakeOver);
      return { options: options ?? null, plan, resolver, listeners };
    } catch (error) {
      this.service.discard(resolver);
      throw error;
    }
  }

  apply(prepared: IPreparedDns): void {
    const { options, plan, resolver, listeners } = prepared as IPrepared;
    this.plan = plan;
    this.service.apply(resolver);
    this.front.use(plan);
    this.local.useRate();
    this.streams.limit(options?.limits ?? {});
    this.listsRevision = this.parts.lists.revision;
    this.pool?.use(plan, this.listTexts());
    this.listeners.apply(listeners);
    this.useHttps(options?.https ?? false);
    if (options === null) this.meter.stop();
    else this.meter.start();
  }

  async discard(prepared: IPreparedDns): Promise<void> {
    const { listeners, resolver } = prepared as IPrepared;
    this.listeners.discard(listeners);
    this.service.discard(resolver);
    await this.pool?.live();
  }

  async live(): Promise<void> {
    this.checkLists();
    await this.pool?.live();
  }

  async stop(drainTimeoutMs: number): Promise<void> {
    this.meter.stop();
    this.useHttps(false);
    this.listeners.stop();
    await Promise.all([this.streams.drain(drainTimeoutMs), this.local.closed()]);
    this.streams.stop();
    await this.pool?.stop();
    this.service.stop();
  }

  /** Follows zones and certificates no more: the plane cannot be used again. */
  end(): void {
    for (const leave of this.leaves.splice(0)) leave();
  }

  /** As `Listeners.offer`. */
  takeOver(key: string, handle: ITcpHandle): boolean {
    return this.listeners.offer(key, handle);
  }

  /** What was brought and is not used is closed. */
  endTakeOver(): void {
    this.listeners.endTakeOver();
  }

  /** The TCP ports that are held now, for a process that takes over. */
  heldPorts(): Iterable<IHeldPort> {
    return this.listeners.held();
  }

  addresses(): Record<string, IDnsAddress> {
    return this.listeners.addresses();
  }

  async stats(): Promise<IDnsStats> {
    const counts = await this.counts();
    const { numbers } = counts;
    const { queries, rcodes, types, truncated, dropped, rateLimited, slipped, faults } = numbers;
    let zones = 0;
    let records = 0;
    for (const { served } of this.front.zones.all()) {
      zones++;
      records += served?.zone.recordCount ?? 0;
    }
    return {
      ...{ queries: { ...queries }, rcodes: { ...rcodes }, types: { ...types } },
      ...{ truncated, dropped, rateLimited, slipped, faults, zones, records },
      queriesPerSecond: this.meter.perSecond(totalOf(counts)),
      connections: this.streams.connections,
      topNames: topNamesOf(counts, this.front.counters.top.sample),
      cache: cacheStats(this.service),
      ...(this.parts.specialCounts?.() ?? noSpecialCounts),
    };
  }

  query(request: IExplainRequest): Promise<IQueryExplanation> {
    const { front, service, clock, plan } = this;
    const views = plan?.views.map(({ name }) => name) ?? [];
    return explain(request, {
      zones: front.zones,
      handler: front.handler,
      service,
      clock,
      views,
    });
  }

  private served(zone: IViewedZone): void {
    this.front.zones.set(zone);
    this.pool?.zone(zone);
  }

  private removed(zone: IViewedZone): void {
    this.front.zones.remove(zone);
    this.pool?.removed(zone.id);
  }

  private makePool(count: number): ThreadPool {
    const { logger } = this.parts;
    const { clock, front, onFault } = this;
    return new ThreadPool({
      ...{ count, clock, logger, onFault },
      zones: () => front.zones.all(),
      answer: async (query, address) => {
        try {
          return await front.handler.answerOnce(query, { address, transport: 'udp' });
        } catch (error) {
          front.counters.faults++;
          onFault(error);
          return failureTo(query);
        }
      },
    });
  }

  private useHttps(https: NonNullable<IDnsOptions['https']>): void {
    if (isDeepStrictEqual(https, this.https)) return;
    this.https = https;
    const { handler, counters } = this.front;
    const parts = { handler, counters, onFault: this.onFault };
    this.services = https ? [new DohService(parts, https === true ? {} : https)] : [];
  }

  /** Threads have copies of the lists. */
  private checkLists(): void {
    const { revision } = this.parts.lists;
    if (revision === this.listsRevision) return;
    this.listsRevision = revision;
    this.pool?.useLists(this.listTexts());
  }

  private listTexts(): TListTexts {
    const { lists } = this.parts;
    const names = this.pool === null || this.plan === null ? [] : listsOf(this.plan);
    return Object.fromEntries(names.map((name) => [name, lists.get(name)?.cidrs() ?? []]));
  }

  private async counts(): Promise<IThreadCounts> {
    const { counters } = this.front;
    const own = { numbers: counters.numbers(), top: counters.top.entries() };
    return this.pool === null ? own : addCounts([own, await this.pool.collect()]);
  }

  /** Once a second. */
  private async measure(): Promise<number> {
    this.checkLists();
    return totalOf(await this.counts());
  }
}

function totalOf({ numbers: { queries } }: IThreadCounts): number {
  return queries.udp + queries.tcp + queries.tls + queries.https;
}

function viewed({ id, apex, options, state, served }: IHostedZone): IViewedZone {
  return { id, apex, view: options.view ?? null, state, served };
}

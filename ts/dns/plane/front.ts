import type { IClock } from '../../core/clock.ts';
import type { EventBus } from '../../core/event-bus.ts';
import { ClientSet, type IAddressLists } from '../../net/client-set.ts';
import type { IForeignAnswers } from '../answer/foreign-answers.ts';
import { DnsCounters } from '../server/dns-counters.ts';
import { ResponseRate } from '../server/response-rate.ts';
import type { IServePlan } from './serve-plan.ts';
import type { TSpecialFactory } from './types.ts';
import { ViewHandler } from './view-handler.ts';
import { ViewZones } from './view-zones.ts';

/** Answers that are kept as bytes, of all views. */
const cacheBytesMax = 33_554_432;

/** What a front works with. */
export interface IFrontParts {
  readonly clock: IClock;
  readonly lists: IAddressLists;
  /** Null: nobody hears of queries. */
  readonly bus: EventBus | null;
  /** Answers transfers and the like; null: they are refused. */
  readonly special: TSpecialFactory | null;
  /** Looks names up for these clients. */
  readonly foreign: (clients: ClientSet) => IForeignAnswers;
  /** Threads that share the clients: each has its part of the rate limit. */
  readonly share: number;
}

/** All that answers queries in one thread, but for its sockets. */
export class Front {
  readonly zones = new ViewZones();
  readonly counters = new DnsCounters();
  readonly handler: ViewHandler;
  /** Of the plan in force; null: no limit. */
  rate: ResponseRate | null = null;
  private readonly parts: IFrontParts;
  private rateText = '';

  constructor(parts: IFrontParts) {
    this.parts = parts;
    this.handler = new ViewHandler(this.zones, parts.bus);
  }

  /** Answers like that from the next query on. @throws for a plan whose options were not checked */
  use(plan: IServePlan): void {
    const { clock, lists, special, foreign } = this.parts;
    const { udpSizeMax, nsid, minimalResponses, cookieSecret, idleTimeoutMs } = plan;
    const hasForeign = plan.resolverClients.length > 0;
    this.handler.use({
      views: plan.views.map(({ name, clients }) => ({
        name,
        clients: new ClientSet(clients, lists),
      })),
      answerer: {
        ...(udpSizeMax === undefined ? {} : { udpSizeMax }),
        nsid: nsid === null ? null : Buffer.from(nsid),
        cookieSecrets: [Buffer.from(cookieSecret, 'hex')],
        minimalResponses,
        idleTimeoutMs,
        cache: { bytesMax: cacheBytesMax / (plan.views.length + 1) },
        foreign: hasForeign ? foreign(new ClientSet(plan.resolverClients, lists)) : null,
        clock,
      },
      special,
    });
    this.useRate(plan);
  }

  /** Buckets go on while the limit is the same. */
  private useRate({ rateLimit }: IServePlan): void {
    const text = JSON.stringify(rateLimit);
    if (text === this.rateText) return;
    this.rateText = text;
    if (rateLimit === null) {
      this.rate = null;
      return;
    }
    const { responsesPerSecond, exempt = [], ...others } = rateLimit;
    const { share, lists } = this.parts;
    this.rate = new ResponseRate({
      ...others,
      responsesPerSecond: responsesPerSecond / share,
      exempt: exempt.length === 0 ? null : new ClientSet(exempt, lists),
    });
  }
}

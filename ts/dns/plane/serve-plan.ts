import type { IDnsOptions, IDnsRateLimit, IDnsViewOptions } from '../../../ts_interfaces/index.ts';
import { ClientSet, type IAddressLists, listNames } from '../../net/client-set.ts';
import { streamDefaults } from '../server/stream-server.ts';

/** How queries are answered, as plain data, so that a thread can be told of it. */
export interface IServePlan {
  readonly views: readonly IDnsViewOptions[];
  readonly udpSizeMax: number | undefined;
  readonly nsid: string | null;
  readonly minimalResponses: boolean;
  /** 32 hex digits. */
  readonly cookieSecret: string;
  /** What clients by TCP are told. */
  readonly idleTimeoutMs: number;
  readonly rateLimit: IDnsRateLimit | null;
  /** Clients for whom names are looked up that are not ours. */
  readonly resolverClients: readonly string[];
}

/** The plan of checked options. */
export function servePlanOf(options: IDnsOptions, cookieSecret: string): IServePlan {
  const { views = [], udpSizeMax, nsid = null, minimalResponses = false, rateLimit } = options;
  return Object.freeze({
    views,
    udpSizeMax,
    nsid,
    minimalResponses,
    cookieSecret,
    idleTimeoutMs: options.limits?.idleTimeoutMs ?? streamDefaults.idleTimeoutMs,
    rateLimit: rateLimit || null,
    resolverClients: options.resolver?.clients ?? [],
  });
}

/** Makes sure that the plan can be used. @throws DcError `CONFIG_INVALID` */
export function checkPlan(plan: IServePlan, lists: IAddressLists): void {
  const { views, rateLimit, resolverClients } = plan;
  const all = [...views.map(({ clients }) => clients), rateLimit?.exempt ?? [], resolverClients];
  for (const clients of all) new ClientSet(clients, lists);
}

/** Names of the address lists that a plan points to. */
export function listsOf({ views, rateLimit, resolverClients }: IServePlan): string[] {
  const entries = views.flatMap(({ clients }) => clients);
  return [...new Set(listNames([...entries, ...(rateLimit?.exempt ?? []), ...resolverClients]))];
}

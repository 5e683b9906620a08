import { type IClock, systemClock } from '../../core/clock.ts';
import type { TName } from '../codec/name.ts';
import type { IAnswerSource } from './answer.ts';
import type { IBudgetLimits } from './budget.ts';
import { AnswerCache, type ICacheLimits } from './cache.ts';
import { CachingResolver } from './caching-resolver.ts';
import { Forwarder } from './forwarder.ts';
import { Hosts } from './hosts.ts';
import { NodeTransport } from './node-transport.ts';
import { QueryClient } from './query-client.ts';
import { secureRandom, type TRandom } from './random.ts';
import { Recursor } from './recursor.ts';
import { type IResolvConf, parseResolvConf } from './resolv-conf.ts';
import { Resolver, type TOwnZones } from './resolver.ts';
import type { rootHints } from './root-hints.ts';
import { ServerTable } from './server-table.ts';
import { SystemSource } from './system.ts';
import type { IServer, ITransport } from './transport.ts';
import type { IValidator } from './validation.ts';
import { WatchedFile } from './watched-file.ts';

/** Whom a resolver asks. */
export type TResolverMode =
  /** The servers of resolv.conf. */
  | { readonly type: 'system'; readonly resolvConfPath?: string }
  /** The given servers; see `IForwarderParts`. */
  | {
      readonly type: 'forward';
      readonly upstreams: readonly IServer[];
      readonly trustAd?: boolean;
      readonly inOrder?: boolean;
    }
  /** Everybody, from the root on; see `IRecursorParts`. */
  | {
      readonly type: 'recurse';
      readonly ipv6?: boolean;
      readonly minimises?: boolean;
      readonly hints?: typeof rootHints;
      readonly neverAsk?: readonly string[];
    };

/** What a resolver is made of. */
export interface IResolverOptions {
  readonly mode: TResolverMode;
  /** Null: nothing is validated. @default null */
  readonly validator?: IValidator | null;
  readonly cache?: ICacheLimits;
  readonly budget?: IBudgetLimits;
  /** See `IResolverParts`. */
  readonly own?: TOwnZones | null;
  /** See `ICachingResolverParts`; 0: nothing is renewed before it expires. */
  readonly prefetchShare?: number;
  /** Null: no hosts file. @default '/etc/hosts' */
  readonly hostsPath?: string | null;
  /** @default the network of this machine */
  readonly transport?: ITransport;
  /** @default systemClock */
  readonly clock?: IClock;
  /** @default secureRandom */
  readonly random?: TRandom;
  /** See `ICachingResolverParts`. */
  readonly onFault?: (error: unknown) => void;
  /** Called when a file of the system cannot be read. */
  readonly onFileProblem?: (error: Error) => void;
}

/** A resolver with its parts, for the management and for whoever serves it to clients. */
export interface IOwnedResolver {
  readonly resolver: Resolver;
  readonly caching: CachingResolver;
  readonly cache: AnswerCache;
  readonly servers: ServerTable;
  /**
   * Forgets a name, with all below it when asked: answers, who serves it, and all keys of zones. Without a
   * name it forgets everything, also which servers are dead.
   *
   * @returns how many answers.
   */
  flush(name?: TName | null, withSubdomains?: boolean): number;
  /** Closes connections; what is under way fails. */
  close(): void;
}

const resolvConfPathDefault = '/etc/resolv.conf';
const hostsPathDefault = '/etc/hosts';

/** Puts a resolver together. It opens nothing before the first question; whoever made it closes it. */
export function createResolver(options: IResolverOptions): IOwnedResolver {
  const { mode, clock = systemClock, random = secureRandom, validator = null } = options;
  const { hostsPath = hostsPathDefault, onFileProblem: onProblem, budget, onFault } = options;
  const transport = options.transport ?? new NodeTransport({ random });
  const servers = new ServerTable({ clock, random });
  const client = new QueryClient({ transport, clock, random, servers });
  const cache = new AnswerCache(clock, options.cache);
  const common = { client, servers, validator, clock, random };
  let recursor: Recursor | null = null;
  const flush = (name: TName | null = null, withSubdomains = false): number => {
    if (name === null) servers.clear();
    recursor?.flush(name, withSubdomains);
    validator?.clear?.();
    return cache.flush(name, withSubdomains);
  };
  let source: IAnswerSource;
  let configuration: WatchedFile<IResolvConf> | null = null;
  if (mode.type === 'recurse') {
    recursor = new Recursor({ ...mode, ...common });
    source = recursor;
  } else if (mode.type === 'forward') {
    source = new Forwarder({ ...mode, ...common });
  } else {
    const path = mode.resolvConfPath ?? resolvConfPathDefault;
    const file = new WatchedFile({ path, parse: parseResolvConf, clock, onProblem });
    configuration = file;
    source = new SystemSource({
      ...common,
      configuration: () => file.current(),
      onChange: () => flush(),
    });
  }
  const caching = new CachingResolver({
    ...{ source, cache, clock, budget, onFault },
    prefetchShare: options.prefetchShare,
  });
  const search = configuration;
  const parse = (text: string): Hosts => new Hosts(text);
  const hosts =
    hostsPath === null ? null : new WatchedFile({ path: hostsPath, parse, clock, onProblem });
  const resolver = new Resolver({
    caching,
    hosts: hosts === null ? null : () => hosts.current(),
    search: search === null ? null : () => search.current(),
    // A private root may know the private networks.
    isPublic: mode.type === 'recurse' && mode.hints === undefined,
    own: options.own ?? null,
  });
  return { resolver, caching, cache, servers, flush, close: () => client.close() };
}

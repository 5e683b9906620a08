/**
 * What the DNS plane is to the parts around it: the process, the management, transfers, the web
 * plane.
 */
import type { SecureContext } from 'node:tls';
import type { IDnsOptions, IDnsStats } from '../../../ts_interfaces/index.ts';
import type { IWebService } from '../../net/web-service.ts';
import type { IQueryHandler } from '../answer/query-handler.ts';
import type { ISpecialQueries } from '../answer/special-queries.ts';
import type { IResolver, ITraceStep } from '../resolver/index.ts';

/** Certificates for DNS over TLS: the web plane's `TlsContexts` is one. */
export interface IDnsTls {
  readonly contexts: {
    /**
     * The certificate for the host name that a client asks for; undefined: there is none.
     *
     * @throws DcError `CERTIFICATE_INVALID`
     */
    find(serverName: string): Promise<IDnsCertificate | undefined>;
    /** Calls when certificates may be others than before. @returns a function that ends it. */
    follow?(listener: () => void): () => void;
  };
}

/** A certificate as TLS needs it. */
export interface IDnsCertificate {
  readonly context: SecureContext;
  /** PEM, for clients that name no host. */
  readonly material: { readonly key: string | Buffer; readonly cert: string | Buffer };
}

/** Named lists of addresses whose content can be sent on: `AddressLists` of ts/net is one. */
export interface IDnsAddressLists {
  /** Grows with each change of any list. */
  readonly revision: number;
  get(name: string): IDnsAddressList | undefined;
}

/** A list of addresses. */
export interface IDnsAddressList {
  contains(address: string): boolean;
  /** Its networks as text, for threads. */
  cidrs(): readonly string[];
}

/** Numbers of transfers and updates, which others count. */
export type TSpecialCounts = Pick<IDnsStats, 'transfers' | 'updates'>;

/**
 * What answers queries that carry nothing special, e.g. one whose signature was verified and removed:
 * from the zones of a view, at once. Names that are not ours are refused.
 */
export type TPlainAnswers = () => IQueryHandler;

/**
 * Makes what answers transfers, updates, notifications and whatever is signed, for the clients of a
 * view.
 *
 * @param view null: clients of no view.
 * @returns null: all of that is refused.
 */
export type TSpecialFactory = (view: string | null, plain: TPlainAnswers) => ISpecialQueries | null;

/** How options are prepared. */
export interface IDnsPrepareOptions {
  /** Another process, whose place this one takes, may hold the ports too. @default false */
  readonly isTakeOver?: boolean;
}

/** Options that were checked and whose new ports are bound; `apply` or `discard` it, once. */
export interface IPreparedDns {
  /** Null: there is no DNS. */
  readonly options: IDnsOptions | null;
}

/** Where a listener is. */
export interface IDnsAddress {
  readonly address: string;
  /** Of TCP, and of UDP unless `tls`. */
  readonly port: number;
  readonly tls: boolean;
}

/** What is asked of our own servers or the resolver, by the management. */
export interface IExplainRequest {
  /** Absolute, with or without the trailing dot; Unicode is taken by IDNA. */
  readonly name: string;
  /** @default 'A' */
  readonly type?: string;
  /**
   * `auto` is what a client that may use the resolver gets: our zones, then the resolver. `zones`:
   * as a stranger. `resolver`: our zones are passed over.
   *
   * @default 'auto'
   */
  readonly from?: 'auto' | 'zones' | 'resolver';
  /** Asked as a client with this address would; `view` wins. @default of no view */
  readonly client?: string;
  /** Name of a view; null: of none. @default by `client` */
  readonly view?: string | null;
  /** DO: DNSSEC records are shown. @default false */
  readonly dnssec?: boolean;
  /** CD: an answer that fails validation is shown. @default false */
  readonly checkingDisabled?: boolean;
  /** Servers are asked even when the cache has the answer, and each query is told of. @default false */
  readonly trace?: boolean;
}

/** A record as text. */
export interface IExplainedRecord {
  /** Absolute, with a trailing dot. */
  readonly name: string;
  readonly type: string;
  /** Seconds. */
  readonly ttl: number;
  /** As in a master file. */
  readonly data: string;
}

/** One step on the way to an answer. */
export type TExplainedStep =
  /** The view that the client is in; null: none. */
  | { readonly kind: 'view'; readonly view: string | null }
  /** A zone of ours was asked. */
  | {
      readonly kind: 'zone';
      /** Id of the zone, e.g. `example.com@internal`. */
      readonly zone: string;
      /** The name that was looked up in it. */
      readonly name: string;
      /** `servfail`: the zone is not loaded or has expired. */
      readonly found:
        | 'answer'
        | 'cname'
        | 'dname'
        | 'delegation'
        | 'nodata'
        | 'nxdomain'
        | 'servfail';
      /** Owner of the wildcard that the answer was made from; null: the name itself. */
      readonly wildcard: string | null;
      /** Where an alias or delegation leads; null: the end. */
      readonly target: string | null;
      readonly signed: boolean;
    }
  /** No zone of ours has the name. */
  | { readonly kind: 'foreign'; readonly name: string }
  /** The resolver was asked, and had it from there. */
  | {
      readonly kind: 'resolver';
      readonly name: string;
      readonly origin: 'cache' | 'network' | 'stale' | 'local';
      /** What the signatures say; `unchecked`: nobody looked. */
      readonly security: 'secure' | 'insecure' | 'bogus' | 'indeterminate' | 'unchecked';
      readonly durationMs: number;
    }
  /** A query to a server. */
  | ({ readonly kind: 'query' } & ITraceStep);

/** An answer, and the path that led to it. */
export interface IQueryExplanation {
  readonly name: string;
  readonly type: string;
  readonly rcode: string;
  /** AA: it is from our zones. */
  readonly authoritative: boolean;
  /** AD: signatures prove it, or it is from a zone that we sign. */
  readonly authenticated: boolean;
  readonly answer: readonly IExplainedRecord[];
  readonly authority: readonly IExplainedRecord[];
  readonly additional: readonly IExplainedRecord[];
  /** Why it failed, or is as it is; null: nothing is known. */
  readonly extendedError: { readonly code: number; readonly text: string } | null;
  /** In their order; at most 500, then the last ones are missing. */
  readonly path: readonly TExplainedStep[];
  readonly durationMs: number;
}

/** What of the resolver's cache is looked at. */
export interface ICacheQuery {
  /** @default every name */
  readonly name?: string;
  /** Also what is below the name. @default false */
  readonly below?: boolean;
  /** @default every type */
  readonly type?: string;
  /** Entries to pass over. @default 0 */
  readonly offset?: number;
  /** @default 100 */
  readonly limit?: number;
}

/** An answer in the resolver's cache. */
export interface ICacheEntryInfo {
  readonly name: string;
  /** Null: the name does not exist, whatever the type. */
  readonly type: string | null;
  readonly rcode: string;
  /** Seconds that are left; below 0: so long ago it expired, and is kept for when servers fail. */
  readonly ttl: number;
  readonly security: string;
  /** Kept for those who asked with CD. */
  readonly checkingDisabled: boolean;
  readonly hits: number;
  readonly records: readonly IExplainedRecord[];
}

/** The resolver's cache, for the management. */
export interface IDnsCache {
  /** The ones used last come first. @throws DcError `CONFIG_INVALID` for a bad name or type. */
  look(query?: ICacheQuery): {
    readonly entries: readonly ICacheEntryInfo[];
    readonly total: number;
  };
  /** Forgets a name, with `below` all of its subdomains too; all without a name. @returns how many. */
  flush(query?: { readonly name?: string; readonly below?: boolean }): number;
}

/** The DNS plane. */
export interface IDnsPlane {
  /** Resolves names by our own zones (those of no view) and the resolver; follows the options. */
  readonly resolver: IResolver;
  /** DNS over HTTPS, for `ProxyManager.services`: of the options in force; none while it is off. */
  readonly webServices: readonly IWebService[];
  readonly cache: IDnsCache;
  /**
   * Checks options and binds the ports that are not bound yet; nothing else changes.
   *
   * @throws DcError `LISTEN_FAILED`, `CONFIG_INVALID`, `STORE_FAILED`; nothing is left open then.
   */
  prepare(options: IDnsOptions | undefined, how?: IDnsPrepareOptions): Promise<IPreparedDns>;
  /** Serves what was prepared from the next query on. Never throws. */
  apply(prepared: IPreparedDns): void;
  /** Closes what was bound for it. */
  discard(prepared: IPreparedDns): Promise<void>;
  /** Resolves when every thread serves what was changed (zones, options) before the call. */
  live(): Promise<void>;
  /** Closes all; answers under way may end within `drainTimeoutMs`. Idempotent. */
  stop(drainTimeoutMs: number): Promise<void>;
  /** By name of the listener. */
  addresses(): Record<string, IDnsAddress>;
  stats(): Promise<IDnsStats>;
  /** @throws DcError `CONFIG_INVALID` for a name, type, client or view that is none. */
  query(request: IExplainRequest): Promise<IQueryExplanation>;
}

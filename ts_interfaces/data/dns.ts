import type { TOrigin } from './certificate.ts';
import type { IEntrypointTls } from './web.ts';

/** A port on which DNS is answered. */
export interface IDnsListenerOptions {
  /** IP address to bind. @default every address, IPv4 and IPv6 */
  address?: string;
  /** 0 to 65535; 0 takes a free one, the same for UDP and TCP. */
  port: number;
  /** Absent: plain UDP and TCP. Else DNS over TLS (RFC 7858) by TCP alone. */
  tls?: IEntrypointTls | boolean;
}

/** DNS over HTTPS (RFC 8484), by GET and POST, on entrypoints of the web plane that have TLS. */
export interface IDnsHttpsOptions {
  /** Path of the queries. @default '/dns-query' */
  path?: string;
  /** Virtual hosts for which the path is DNS. @default absent: every host */
  hosts?: string[];
  /** Names of entrypoints; one without TLS may be named, for a proxy in front. @default absent: all that have TLS */
  entrypoints?: string[];
}

/** How large and how many TCP and TLS connections may be. */
export interface IDnsLimits {
  /** Above that the one that has been idle longest is closed. @default 1000 */
  connectionsMax?: number;
  /** For each client network (IPv4 address, IPv6 /64). @default 100 */
  connectionsPerClientMax?: number;
  /** Milliseconds without a query. @default 10000 */
  idleTimeoutMs?: number;
}

/** Response rate limiting by UDP: what keeps our answers from being an attack on a forged address. */
export interface IDnsRateLimit {
  /** Answers a second for each client network and kind (data, NXDOMAIN, errors). */
  responsesPerSecond: number;
  /** Every so many answers above the limit one goes out truncated; 0: none. @default 2 */
  slip?: number;
  /** Bits of an IPv4 address that make the network. @default 24 */
  prefix4?: number;
  /** Bits of an IPv6 address that make the network. @default 56 */
  prefix6?: number;
  /** Addresses, CIDRs or `@list` without a limit. @default none */
  exempt?: string[];
}

/** A secret that is shared with another server, for TSIG (RFC 8945). */
export interface ITsigKeyOptions {
  /** How messages are signed. @default 'hmac-sha256' */
  algorithm?: 'hmac-sha256' | 'hmac-sha384' | 'hmac-sha512';
  /** Base64, at least 16 bytes. */
  secret: string;
}

/** Clients that see zones of their own. The first view that a client is in counts. */
export interface IDnsViewOptions {
  /** Letters, digits, `-` and `_`. */
  name: string;
  /** Addresses, CIDRs or `@list`. */
  clients: string[];
}

/** One record set of a zone. */
export interface IZoneRecord {
  /** Owner: relative to the zone, `@` for the apex, or absolute with a trailing dot. */
  name: string;
  /** E.g. `A`, `TYPE65`, or `ALIAS` (the addresses of another name). */
  type: string;
  /** Seconds. @default the zone's `ttl` */
  ttl?: number;
  /** One or more records as in a master file; several make one record set. Absent with `health`. */
  data?: string | string[];
  /** Only what lives is answered (A and AAAA). */
  health?: IHealthRecords;
}

/** Addresses that are answered while what is behind them lives. */
export interface IHealthRecords {
  /** Id of a route, or `tcp:<entry>` or `tcp:<entry>/<domain config>` of the TCP plane. */
  upstream: string;
  /**
   * What is answered for which backend. @default absent: each backend's own address; one that is given
   * by name is resolved
   */
  members?: IHealthMember[];
  /** Addresses in an answer, drawn by weight; 0: all that live, in an order drawn by weight. @default 0 */
  answers?: number;
  /** When nothing lives: all addresses as if they did, none (NODATA), SERVFAIL, or `fallback`. @default 'all' */
  whenAllDead?: 'all' | 'none' | 'servfail' | 'fallback';
  /** Addresses for `whenAllDead: fallback`. */
  fallback?: string[];
}

/** An address that stands for a backend. */
export interface IHealthMember {
  /** IPv4 address for A, IPv6 address for AAAA. */
  address: string;
  /** Id of the backend; absent: it lives while any backend of the upstream does. */
  backend?: string;
  /** 1 to 65535. @default the backend's weight, or 1 */
  weight?: number;
}

/** A server that this one fetches zones from or tells of changes. */
export interface IZonePeer {
  /** IP address. */
  address: string;
  /** 1 to 65535. @default 53 */
  port?: number;
  /** Name of a key of `dns.keys`: messages are signed. @default none */
  key?: string;
}

/** Who may change records of a zone (RFC 2136), and which. */
export interface IUpdateRule {
  /** Name of a key of `dns.keys`. Absent: clients of `from` without a key. */
  key?: string;
  /** Addresses, CIDRs or `@list`. @default with a key: everybody */
  from?: string[];
  /**
   * Names that it may change: relative or absolute; `*.x` for all below `x`, `x.*` for `x` in front of
   * any name (`_acme-challenge.*`), `**` for all of the zone.
   * @default ['**']
   */
  names?: string[];
  /**
   * Types that it may change; SOA, DNSSEC types and the NS of the apex only when they are named.
   * @default all others
   */
  types?: string[];
}

/** How a zone is signed. */
export interface IDnssecOptions {
  /** Of keys and signatures. @default 'ECDSAP256SHA256' */
  algorithm?: 'ECDSAP256SHA256' | 'ED25519';
  /** One key for all (CSK), or a KSK and a ZSK. @default 'csk' */
  keys?: 'csk' | 'ksk-zsk';
  /** `compact`: RFC 9824; `nsec`: the chain of names, `nsec3`: of hashes. @default 'compact' */
  denial?: 'compact' | 'nsec' | 'nsec3';
  /** Days that a signature holds. @default 14 */
  validityDays?: number;
  /** Days after which a ZSK is replaced; 0: never. @default 90 */
  zskLifetimeDays?: number;
  /** Days after which a KSK or CSK is replaced, which waits for the parent's DS; 0: when asked. @default 0 */
  kskLifetimeDays?: number;
  /** Seconds of the DS in the parent. @default 86400 */
  parentDsTtl?: number;
}

/**
 * A zone: what is answered for with authority. One of `file`, `records` and `primaries` has to be
 * there; `file` and `records` may be together.
 */
export interface IZoneOptions {
  /** Apex, e.g. `example.com`. IDN is taken as Unicode. */
  name: string;
  /** View whose clients see it. @default absent: clients of every view that has no zone of this name */
  view?: string;
  /** Master file (RFC 1035 §5), relative to the configuration file. */
  file?: string;
  /** Lines of a master file (no `$INCLUDE`), or record sets. */
  records?: (string | IZoneRecord)[];
  /** It is a secondary: servers that the zone is fetched from, the first one that answers. */
  primaries?: IZonePeer[];
  /** Whole names of servers for the NS records, and the first for the SOA, where the zone lacks them. */
  nameservers?: string[];
  /** Mail address for the SOA that is made. @default `hostmaster@` and the zone */
  contact?: string;
  /** Seconds, for record sets without one. @default 3600 */
  ttl?: number;
  /** How the serial rises with a change. @default 'increment' */
  serial?: 'increment' | 'unix-time' | 'date';
  /**
   * Who may fetch the zone: addresses, CIDRs, `@list`, `key:NAME`, or `any`. Where addresses and keys
   * are given, it takes both. @default nobody
   */
  transfer?: string[];
  /** Servers that are told of changes. */
  notify?: IZonePeer[];
  /** Who may send NOTIFY besides the primaries: as `transfer`. @default nobody */
  notifyFrom?: string[];
  /** Who may change records. The first rule that fits allows. @default nobody */
  update?: IUpdateRule[];
  /** Signs the zone. @default false */
  dnssec?: IDnssecOptions | boolean;
}

/** Where the resolver asks. */
export interface IDnsResolverOptions {
  /** The machine's servers, `servers`, or everybody from the root on. @default 'system', or 'forward' with `servers` */
  mode?: 'system' | 'forward' | 'recurse';
  /**
   * For `forward`: `192.0.2.1`, `192.0.2.1:5353`, `tcp://…`, `tls://192.0.2.1#name.example`,
   * `https://name.example/dns-query@192.0.2.1`.
   */
  servers?: string[];
  /**
   * For `recurse`: servers of another root, as the path of a file such as `named.root`, relative to the
   * configuration file, or as addresses. @default those of the public root
   */
  rootHints?: string | string[];
  /** Validates by DNSSEC. @default true for `recurse`, else false */
  validate?: boolean;
  /**
   * Keys that validation begins with: DS or DNSKEY records, as the path of a file, relative to the
   * configuration file, or as lines. @default those of the public root
   */
  trustAnchors?: string | string[];
  /** Clients that are served: addresses, CIDRs or `@list`. @default nobody */
  clients?: string[];
  /** Bytes of the cache. @default 33554432, i.e. 32 MiB */
  cacheBytesMax?: number;
  /** Seconds that an answer is kept at least. @default 0 */
  ttlMin?: number;
  /** Seconds that an answer is kept at most. @default 86400 */
  ttlMax?: number;
  /** Seconds that a negative answer is kept at most. @default 3600 */
  negativeTtlMax?: number;
  /** Seconds that an expired answer is used while the servers do not answer (RFC 8767); 0: never. @default 86400 */
  staleTtlMax?: number;
  /** Whether popular answers are fetched anew before they expire. @default true */
  prefetch?: boolean;
}

/** DNS: zones that are answered for, and the resolver. */
export interface IDnsOptions {
  /** Ports by name. @default one named `dns` at port 5300 */
  listeners?: Record<string, IDnsListenerOptions>;
  /** DNS over HTTPS. @default false */
  https?: IDnsHttpsOptions | boolean;
  /** Largest answer by UDP in bytes, 512 to 4096. @default 1232 */
  udpSizeMax?: number;
  /** Told to whoever asks by NSID (RFC 5001), at most 128 bytes. @default absent: nothing */
  nsid?: string;
  /** Addresses only where a client cannot go on without them. @default false */
  minimalResponses?: boolean;
  /**
   * Secret of DNS cookies (RFC 7873), 32 hex digits; the same for all servers behind one address.
   * @default a random one, which is kept
   */
  cookieSecret?: string;
  /** How many answers a network gets by UDP. @default false */
  rateLimit?: IDnsRateLimit | false;
  limits?: IDnsLimits;
  /** TSIG keys by name, in lower case. */
  keys?: Record<string, ITsigKeyOptions>;
  /** Clients that see zones of their own. */
  views?: IDnsViewOptions[];
  /** What is answered for with authority. */
  zones?: IZoneOptions[];
  resolver?: IDnsResolverOptions;
}

/** What a zone is doing. */
export type TZoneState =
  /** It is answered for. */
  | 'serving'
  /** A secondary that has never been fetched: SERVFAIL. */
  | 'loading'
  /** A secondary whose primaries have not answered for longer than the SOA allows: SERVFAIL. */
  | 'expired';

/** What may be shown of a zone. */
export interface IZoneInfo {
  /** `example.com`, or `example.com@internal` with a view. */
  id: string;
  name: string;
  view: string | null;
  kind: 'primary' | 'secondary';
  origin: TOrigin;
  state: TZoneState;
  /** Of the SOA that is served; null: nothing is. */
  serial: number | null;
  records: number;
  /** Record sets that were changed over the file's. */
  changed: number;
  dnssec: boolean;
  /** What somebody should look at, e.g. a primary that does not answer. Empty: all is well. */
  warnings: string[];
  /** Secondaries: the next refresh, and when it expires; ISO 8601. */
  refreshAt: string | null;
  expireAt: string | null;
  /** Secondaries: when it was last found to be up to date, and by whom. */
  checkedAt: string | null;
  checkedWith: string | null;
}

/** Where records of a set come from. */
export type TRecordOrigin = 'file' | 'api' | 'update' | 'owned' | 'transfer' | 'made';

/** A record set as it is answered. */
export interface IRecordSetInfo {
  /** Absolute, with a trailing dot. */
  name: string;
  type: string;
  ttl: number;
  /** As in a master file; names absolute. */
  data: string[];
  origin: TRecordOrigin;
  /** Absent: plain data. */
  health?: IHealthRecords;
  /** Who set records among them: see `IOwnedRecords`. */
  owners?: string[];
}

/** Records that a part of the router, or a program, set for a purpose; they are added to the zone's own. */
export interface IOwnedRecords {
  /** Absolute or without the trailing dot; a zone of ours has to have it. */
  name: string;
  type: string;
  /** Seconds. @default the zone's */
  ttl?: number;
  data: string[];
  /** Who set it, e.g. `acme:example.com`, `dkim:example.com/2026a`. */
  owner: string;
  /** E.g. `acme-challenge`, `dkim`, `spf`. */
  purpose: string;
  /** ISO 8601: they are removed then, whoever has forgotten them. @default never */
  expiresAt?: string;
}

/** A DNSSEC key without its secret. */
export interface IDnssecKeyInfo {
  id: string;
  role: 'ksk' | 'zsk' | 'csk';
  state: string;
  algorithm: string;
  tag: number;
  /** In the DNSKEY rrset as presentation text. */
  dnskey: string;
  /** DS (SHA-256) for the parent; null for a ZSK. */
  ds: string | null;
  /** The parent has to get its DS: a rollover waits for it. */
  waitsForDs: boolean;
  createdAt: string;
}

/** DNSSEC of a zone. */
export interface IZoneDnssecInfo {
  zone: string;
  enabled: boolean;
  denial: string | null;
  keys: IDnssecKeyInfo[];
  /** DS records that the parent should have, as presentation text. */
  ds: string[];
  /** It was asked to be unsigned, and waits until nobody has its DS. */
  withdrawing: boolean;
}

/** Counters of the DNS servers since the start. */
export interface IDnsCounts {
  queries: Record<'udp' | 'tcp' | 'tls' | 'https', number>;
  /** By name; those that never were are left out. */
  rcodes: Record<string, number>;
  /** By type of the question. */
  types: Record<string, number>;
  truncated: number;
  dropped: number;
  rateLimited: number;
  slipped: number;
  faults: number;
}

/** Answer of `GET /api/v1/dns/stats`. */
export interface IDnsStats extends IDnsCounts {
  queriesPerSecond: number;
  zones: number;
  records: number;
  connections: number;
  /** Names that were asked for most often, of a sample. */
  topNames: { name: string; count: number }[];
  cache: {
    entries: number;
    bytes: number;
    hits: number;
    misses: number;
    hitRate: number;
    stale: number;
    prefetches: number;
  };
  transfers: { out: number; in: number; failed: number };
  updates: { applied: number; refused: number };
}

import type { IAccessRules } from './access.ts';
import type { IAuth } from './auth.ts';
import type { IRateLimit } from './limit.ts';
import type { IHttpLimits, IHttpTimeouts } from './web.ts';

/** How a route chooses the backend of a request. */
export type BalancingStrategy =
  | 'ROUND_ROBIN'
  | 'IP_HASH'
  | 'RANDOM'
  | 'LEAST_LATENCY'
  | 'LEAST_CONNECTIONS';

/** How the proxy speaks TLS to a backend. */
export interface IBackendTls {
  /** Verify the backend's certificate. @default true */
  verify?: boolean;
  /** PEM of the authorities that may have signed it. @default Node's own root store */
  ca?: string;
  /** Name sent by SNI and checked in the certificate. @default the backend's hostname */
  serverName?: string;
  /** PEM client certificate, for mutual TLS; needs `key`. */
  cert?: string;
  /** PEM key of `cert`. */
  key?: string;
}

/** A server that requests are forwarded to. */
export interface Backend {
  /** Unique within its route. @default backend-1, backend-2, … by its place */
  id: string;
  /**
   * IP address or name; a name is followed by the TTL of its A and AAAA records. With port 0, a name
   * such as `_http._tcp.example.com` stands for its SRV records, which have the ports.
   */
  hostname: string;
  /** 1 to 65535; 0, the default, where SRV records say it. */
  port: number;
  /** Share of the requests, 1 to 65535. @default 1 */
  weight?: number;
  /** Absolute path of a unix socket; then `hostname` and `port` only name the backend. */
  socketPath?: string;
  /** Connect to the backend by TLS. @default absent: plain TCP */
  tls?: IBackendTls;
  /**
   * Sends a PROXY protocol header with the client's address; connections to it are then used for one
   * request each. @default absent: none
   */
  sendProxyProtocol?: 'v1' | 'v2';

  /** Out of rotation: it failed, or somebody took it out by hand. @default false */
  isDead: boolean;
  /** When it died, in milliseconds since the epoch. */
  deadSince?: number;
  /** Failures since it last worked. @default 0 */
  failureCount: number;
  /** Taken out by hand: no probe brings it back, only `POST …/alive`. */
  maintenance?: boolean;
}

/** Backend as accepted from a file or over the API: what has a default may be missing. */
export type TBackendInput = Pick<Backend, 'hostname'> & Partial<Backend>;

/** Path condition. `prefix` matches whole segments: `/api` matches `/api` and `/api/x`, not `/apix`. */
export interface IPathMatch {
  /** How the path is compared. */
  type: 'prefix' | 'exact';
  /** Starts with `/`; compared as sent, after the query is cut off. */
  path: string;
}

/** Header condition; with neither `value` nor `pattern` the header only has to be there. */
export interface IHeaderMatch {
  /** Case-insensitive. */
  name: string;
  /** The whole value, compared exactly. */
  value?: string;
  /** Regular expression (JavaScript, without flags) that must be found in the value. */
  pattern?: string;
}

/** Changes to a header section, in this order: remove, set, add. Names are case-insensitive. */
export interface IHeaderChanges {
  /** Replaces every header of the name. */
  set?: Record<string, string>;
  /** Appends a header and keeps those that are there. */
  add?: Record<string, string>;
  /** Takes every header of the name away. */
  remove?: string[];
}

/** Answers with a redirect and contacts no backend. */
export interface IRedirect {
  /** Target; `{host}`, `{path}` and `{query}` (with its `?`) are replaced. */
  to: string;
  /** Status of the answer. @default 308 */
  status?: 301 | 302 | 303 | 307 | 308;
}

/** How failed requests are tried again; only requests that may be replayed are. */
export interface IRetryOptions {
  /** Further attempts after the first. @default 2 */
  attempts?: number;
  /** Retries allowed, as a share of the route's recent requests; a few per second are always allowed. @default 0.2 */
  budget?: number;
}

/** When a backend counts as dead and how it comes back. */
export interface IHealthOptions {
  /** Consecutive failures until a backend is dead. @default 1 */
  failuresMax?: number;
  /** Milliseconds between recovery probes of a dead backend. @default 60000 */
  recoveryIntervalMs?: number;
  /** Probe by connecting only, or by a GET. @default 'tcp' */
  probe?: 'tcp' | 'http';
  /** Path of an HTTP probe. @default '/' */
  path?: string;
  /** Host header of an HTTP probe. @default the backend's hostname and port */
  host?: string;
  /** Lowest and highest status that an HTTP probe accepts. @default [200, 399] */
  statusRange?: [number, number];
  /** Milliseconds until a probe counts as failed. @default 5000 */
  probeTimeoutMs?: number;
  /** Checks all backends all the time, not only dead ones. @default absent: passive only */
  active?: {
    /** Milliseconds between checks of one backend. @default 10000 */
    intervalMs?: number;
    /** Consecutive failed checks until it is dead. @default 3 */
    unhealthyThreshold?: number;
    /** Consecutive good checks until it is back. @default 2 */
    healthyThreshold?: number;
  };
}

/** Cookie that brings a client back to the backend that served it first. */
export interface IStickyOptions {
  /** Cookie name. @default 'dcrouter_backend' */
  cookie?: string;
  /** Seconds; absent: until the browser closes. */
  maxAgeSeconds?: number;
  /** Adds `Secure`. @default true on TLS entrypoints */
  secure?: boolean;
  /** When browsers send the cookie with requests from other sites. @default 'Lax' */
  sameSite?: 'Strict' | 'Lax' | 'None';
}

/** A virtual host route: which requests it takes and what becomes of them. */
export interface RouteConfig {
  /** Unique name. */
  id: string;
  /** `api.example.com`, `*.example.com` (any depth below) or `*` (every host). Unicode names are accepted. */
  vHost: string;
  /** How the backend of a request is chosen. @default 'ROUND_ROBIN' */
  strategy: BalancingStrategy;

  /** Redirect plain HTTP to HTTPS where the router has a TLS entrypoint. @default false */
  autoHttps: boolean;
  /** Requests that may wait for a free place; the next one gets 503. @default 1000 */
  reqQueueLength: number;
  /** Requests that may be with the backends at once. @default 10000 */
  reqActiveLength: number;
  /** Milliseconds that a request may wait in the queue before it gets 503; 0: no deadline. @default 10000 */
  queueTimeoutMs?: number;

  /** Only requests with one of these paths. A string is a prefix. @default every path */
  paths?: (string | IPathMatch)[];
  /** Only requests with one of these methods, in upper case. @default every method */
  methods?: string[];
  /** Only requests that fulfil all of these. */
  matchHeaders?: IHeaderMatch[];
  /**
   * The higher wins among routes of one host that match; equal ones: the longer path, then more
   * conditions. @default 0
   */
  priority?: number;

  /** Who may come; others get 403. */
  access?: IAccessRules;
  /** Request rate limits: of its own, or names of `limits`. Above one of them: 429. @default none */
  rateLimits?: (IRateLimit | string)[];

  /** Name of a provider in `web.authProviders` or `hooks.authProviders`. */
  authProvider?: string;
  /** Credentials that are checked by the router itself. */
  auth?: IAuth;
  /** Headers set on the request to the backend (short for `requestHeaders.set`). */
  headers?: Record<string, string>;
  /** Changes to the request's headers. */
  requestHeaders?: IHeaderChanges;
  /** Changes to the response's headers. */
  responseHeaders?: IHeaderChanges;

  /** Host header sent to the backend: the client's, the backend's own, or this one. @default 'preserve' */
  upstreamHost?: 'preserve' | 'backend' | { name: string };
  /** Path prefix taken off before forwarding, e.g. `/api`; whole segments only. */
  stripPrefix?: string;
  /** Path prefix put in front before forwarding, e.g. `/v2`. */
  addPrefix?: string;
  /** Answers with a redirect; `backends` may then be empty. */
  redirect?: IRedirect;
  /** Adds RFC 7239 `Forwarded`. @default false */
  forwarded?: boolean;
  /** Allows CONNECT to this route's backends as a byte tunnel. @default false */
  allowConnect?: boolean;

  /** Cookie affinity. @default absent: none */
  sticky?: IStickyOptions;
  /** Repeated attempts. */
  retry?: IRetryOptions;
  /** Health of the backends. */
  health?: IHealthOptions;
  /** Limits of this route; what is absent comes from the entrypoint. */
  limits?: IHttpLimits;
  /** Timeouts of this route; what is absent comes from the entrypoint. */
  timeouts?: IHttpTimeouts;
  /** Idle connections kept per backend. @default 256 */
  keepAliveMax?: number;

  /** The servers; at least one unless the route redirects. */
  backends: Backend[];

  /** Certificate of the vHost. */
  ssl?: {
    /** PEM private key. */
    key: string;
    /** PEM certificate, followed by its chain. */
    cert: string;
  };
}

/** Route as accepted from a file or over the API: what has a default may be missing. */
export type TRouteInput = Pick<RouteConfig, 'id' | 'vHost'> &
  Partial<Omit<RouteConfig, 'backends'>> & { backends?: TBackendInput[] };

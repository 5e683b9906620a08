import type { IAccessRules, IProxyProtocol } from './access.ts';
import type { IForwardAuthOptions } from './auth.ts';
import type { IBandwidth, IConnectionRate } from './limit.ts';
import type { TRouteInput } from './route.ts';

/** Sizes that a request may have. */
export interface IHttpLimits {
  /** Bytes of request line and headers; above: 431. @default 32768 */
  headBytesMax?: number;
  /** Headers of a request; above: 431. @default 100 */
  headerCountMax?: number;
  /** Bytes of the request target; above: 414. @default 16384 */
  uriBytesMax?: number;
  /** Bytes of a request's body; above: 413. @default 0: no limit */
  bodyBytesMax?: number;
  /** Bytes of a response's head; above: 502. @default 65536 */
  responseHeadBytesMax?: number;
}

/** Times in milliseconds; 0 switches one off. */
export interface IHttpTimeouts {
  /** From the first byte of a request (or the connection's start) to its complete head; then 408. @default 10000 */
  headMs?: number;
  /** Longest pause while a body arrives; then 408. @default 30000 */
  bodyMs?: number;
  /** A connection without a request. @default 75000 */
  idleMs?: number;
  /** TCP and TLS connect to a backend; then the next backend or 504. @default 5000 */
  connectMs?: number;
  /** From the request's end to the response's head; then 504. @default 60000 */
  firstByteMs?: number;
  /**
   * Longest pause while the response's body arrives from the backend, or while the client takes none
   * of it. @default 60000
   */
  responseMs?: number;
  /** A request from its head to the response's end. @default 0: no limit */
  totalMs?: number;
  /** A tunnel (WebSocket, CONNECT) in which nothing moves. @default 3600000 */
  tunnelIdleMs?: number;
  /** An unused connection to a backend. @default 60000 */
  upstreamIdleMs?: number;
  /** TLS handshake of a client. @default 10000 */
  handshakeMs?: number;
}

/** TLS of an entrypoint. */
export interface IEntrypointTls {
  /** The oldest version of TLS that a client may speak. @default 'TLSv1.2' */
  minVersion?: 'TLSv1.2' | 'TLSv1.3';
  /**
   * Domain of the certificate for clients that name no host or an unknown one.
   * @default absent: the handshake is refused
   */
  defaultCertificate?: string;
}

/** A port on which the web plane listens. */
export interface IEntrypointOptions {
  /** IP address to bind. @default every address, IPv4 and IPv6 */
  address?: string;
  /** 0 to 65535; 0 takes a free one. */
  port: number;
  /** Absent: plain HTTP. */
  tls?: IEntrypointTls | boolean;
  /** Overrides those of `web`. */
  limits?: IHttpLimits;
  /** Overrides those of `web`. */
  timeouts?: IHttpTimeouts;
  /** Open connections; the next ones are closed. @default 0: bounded by the process's descriptors */
  connectionsMax?: number;
  /** Open connections of one client address (IPv6: of one /64). @default 0: no limit */
  connectionsPerClientMax?: number;
  /** New connections of one client address (IPv6: of one /64). @default absent: no limit */
  connectionRate?: IConnectionRate;
  /** Speed of each connection. @default absent: no limit */
  bandwidth?: IBandwidth;
  /** Who may come; others' connections are closed. */
  access?: IAccessRules;
  /** PROXY protocol of the proxies in front of it. @default absent: none is read */
  proxyProtocol?: IProxyProtocol;
}

/** One JSON line a request. */
export interface IAccessLogOptions {
  /** Whether requests are logged. @default false in the library, true in the daemon */
  enabled?: boolean;
  /** File, or `stdout`. @default 'stdout' */
  path?: string;
  /** Share of the requests that is logged, 0 to 1; errors (5xx) are always logged. @default 1 */
  sample?: number;
  /** Bytes that may wait to be written; further lines are dropped and counted. @default 4194304 */
  bufferBytesMax?: number;
}

/** The web plane. */
export interface IWebOptions {
  /** By name. @default http on 8080 and https on 8443 */
  entrypoints?: Record<string, IEntrypointOptions>;
  /** CIDRs whose `X-Forwarded-*`, `X-Real-IP` and `Forwarded` are believed. @default none */
  trustedProxies?: string[];
  limits?: IHttpLimits;
  timeouts?: IHttpTimeouts;
  /** Forward-auth services by name. */
  authProviders?: Record<string, IForwardAuthOptions>;
  accessLog?: IAccessLogOptions;
  /** Text of `Via` and `Forwarded`'s `by`. @default 'dcrouter' */
  serverName?: string;
  /** Which requests go where. */
  routes?: TRouteInput[];
}

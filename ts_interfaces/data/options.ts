import type { IAccessOptions } from './access.ts';
import type { TAuthProvider } from './auth.ts';
import type { ICertificateOptions } from './certificate.ts';
import type { IDnsOptions } from './dns.ts';
import type { IRequestHookContext, IResponseHookContext } from './hook.ts';
import type { IRateLimit } from './limit.ts';
import type { ILogOptions } from './log.ts';
import type { TPortProxyInput } from './tcp.ts';
import type { IWebOptions } from './web.ts';

/** The management port. */
export interface IApiOptions {
  /** Whether the management port is opened. @default true in the daemon, false in the library */
  enabled?: boolean;
  /** IP address to bind. @default '127.0.0.1' */
  address?: string;
  /** 0 takes a free one. @default 7700 */
  port?: number;
  /** Names under which it may be asked besides addresses and `localhost`, e.g. of a container. @default none */
  hosts?: string[];
}

/** Functions, which cannot be data; they exist in the library only. */
export interface IHooks {
  /** By the names that routes use in `authProvider`. */
  authProviders?: Record<string, TAuthProvider>;
  /** Runs before the backend is picked; may change headers or answer by itself. An error it throws is a 500. */
  onRequest?: (context: IRequestHookContext) => void | Promise<void>;
  /** Runs on the response's head, synchronously. An error it throws is logged and changes nothing. */
  onResponse?: (context: IResponseHookContext) => void;
}

/** All that a DcRouter can be told. Everything but `hooks` is JSON data and can stand in `dcrouter.yaml`. */
export interface IDcRouterOptions {
  /** Version of the configuration's format. @default 1 */
  version?: 1;
  /** Folder of the store. @default absent in the library (nothing is kept), './dcrouter-data' in the daemon */
  dataDir?: string;
  /**
   * Worker processes for the web and TCP planes; they share the ports. `auto`: one for each core. 0 runs
   * everything in one process. @default 0
   */
  workers?: number | 'auto';
  log?: ILogOptions;
  api?: IApiOptions;
  web?: IWebOptions;
  /** Ports that are forwarded: one entry or a list of them. */
  tcp?: TPortProxyInput | TPortProxyInput[];
  /**
   * Zones that are answered for, and the resolver.
   * @default absent: no port is opened; the machine's resolver is used
   */
  dns?: IDnsOptions;
  /** Lists of addresses for access rules. */
  access?: IAccessOptions;
  /** Request rate limits that routes name: they share its buckets. */
  limits?: Record<string, IRateLimit>;
  /** Certificates that entrypoints choose from by the name that a client asks for. */
  certificates?: ICertificateOptions[];
  /** Milliseconds that `stop()` and a replaced listener let open requests finish. @default 10000 */
  drainTimeoutMs?: number;
  hooks?: IHooks;
}

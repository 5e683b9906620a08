import type { IDnsOptions } from '../../ts_interfaces/data/dns.ts';
import type { IDcRouterOptions } from '../../ts_interfaces/data/options.ts';
import type { RouteConfig } from '../../ts_interfaces/data/route.ts';
import type { IHttpLimits, IHttpTimeouts, IWebOptions } from '../../ts_interfaces/data/web.ts';
import { deepFreeze } from './freeze.ts';

/** Ports that need no root, taken when the configuration names none. */
export const DEFAULT_PORTS = Object.freeze({ http: 8080, https: 8443, api: 7700, dns: 5300 });

/** Limits of an entrypoint or a route that sets none; bytes, counts, and 0 for "no limit". */
export const httpLimits: Readonly<Required<IHttpLimits>> = Object.freeze({
  headBytesMax: 32_768,
  headerCountMax: 100,
  uriBytesMax: 16_384,
  bodyBytesMax: 0,
  responseHeadBytesMax: 65_536,
});

/** Timeouts of an entrypoint or a route that sets none; milliseconds, and 0 for "off". */
export const httpTimeouts: Readonly<Required<IHttpTimeouts>> = Object.freeze({
  headMs: 10_000,
  bodyMs: 30_000,
  idleMs: 75_000,
  connectMs: 5_000,
  firstByteMs: 60_000,
  responseMs: 60_000,
  totalMs: 0,
  tunnelIdleMs: 3_600_000,
  upstreamIdleMs: 60_000,
  handshakeMs: 10_000,
});

/** What `parseRoute` fills in when a route leaves it out. */
export const routeDefaults: Readonly<
  Pick<RouteConfig, 'strategy' | 'autoHttps' | 'reqQueueLength' | 'reqActiveLength'>
> = Object.freeze({
  strategy: 'ROUND_ROBIN',
  autoHttps: false,
  reqQueueLength: 1_000,
  reqActiveLength: 10_000,
});

/** The configuration of a daemon that is started without a file: frozen, and valid. */
export const daemonDefaults: Readonly<IDcRouterOptions> = deepFreeze({
  version: 1,
  dataDir: './dcrouter-data',
  log: { level: 'info', format: 'auto', path: 'stderr' },
  api: { enabled: true, address: '127.0.0.1', port: DEFAULT_PORTS.api },
  web: {
    entrypoints: {
      http: { port: DEFAULT_PORTS.http },
      https: { port: DEFAULT_PORTS.https, tls: true },
    },
    accessLog: { enabled: true, path: 'stdout' },
    routes: [],
  },
  certificates: [],
  drainTimeoutMs: 10_000,
} satisfies IDcRouterOptions);

/** The web plane listens on the default ports where the options name none, and nowhere without it. */
export function withEntrypoints(web: IWebOptions | undefined): IWebOptions {
  if (web === undefined) return {};
  return web.entrypoints === undefined
    ? { ...web, entrypoints: daemonDefaults.web?.entrypoints }
    : web;
}

/** DNS is answered on the default port where the options name none, and nowhere without `dns`. */
export function withDnsListeners<T extends IDnsOptions | undefined>(dns: T): T {
  if (dns === undefined || dns.listeners !== undefined) return dns;
  return { ...dns, listeners: { dns: { port: DEFAULT_PORTS.dns } } };
}

import type { IAccessRules, IConnectionRate, IHooks } from '../../../ts_interfaces/index.ts';
import type { EventBus } from '../../core/event-bus.ts';
import type { ILogger } from '../../core/logger.ts';
import type { AccessLog } from '../../metrics/access-log.ts';
import type { Tracker } from '../../metrics/tracker.ts';
import type { CidrSet } from '../../net/cidr.ts';
import type { IWebService } from '../../net/web-service.ts';
import type { HealthMonitor } from '../health-monitor.ts';
import type { IProxyInPlan } from '../intake.ts';
import type { Route } from '../route.ts';
import type { TLimits, TTimeouts } from '../route-plan.ts';
import type { RouteTable } from '../route-table.ts';
import type { IBandwidthPlan } from './connection-pace.ts';
import type { UpstreamPools } from './upstream-pool.ts';

/** Settings of the whole web plane; replaced as a whole. */
export interface IWebSettings {
  /** Proxies in front of us whose word is believed; null: none. */
  readonly trusted: CidrSet | null;
  /** Name of this proxy in `Via` and `Forwarded`. */
  readonly serverName: string;
  /** The complete `Via` value of a request that has none. */
  readonly via: string;
  readonly hooks: IHooks | null;
  /** Parts of the router that answer requests themselves; null: there are none. */
  readonly services: readonly IWebService[] | null;
  /** Port to which `autoHttps` redirects; null: there is no TLS entrypoint. */
  readonly httpsPort: number | null;
}

/** Settings of an entrypoint; replaced as a whole. */
export interface IEntrypointPlan {
  readonly name: string;
  readonly secure: boolean;
  readonly limits: TLimits;
  readonly timeouts: TTimeouts;
  /** Speed of each connection; null: no limit. */
  readonly bandwidth: IBandwidthPlan | null;
  readonly connectionsMax: number;
  readonly connectionsPerClientMax: number;
  /** New connections of one client; undefined: any number. */
  readonly connectionRate: IConnectionRate | undefined;
  /** Who may connect; undefined: everybody. */
  readonly access: IAccessRules | undefined;
  /** PROXY headers of those in front of us; null: none is read. */
  readonly proxyProtocol: IProxyInPlan | null;
}

/** What every connection shares. */
export interface IEngine {
  /** Monotonic milliseconds as of the current I/O event. */
  now: number;
  settings: IWebSettings;
  readonly routes: RouteTable<Route>;
  readonly tracker: Tracker;
  readonly pools: UpstreamPools;
  readonly health: HealthMonitor;
  readonly bus: EventBus;
  readonly logger: ILogger;
  accessLog: AccessLog | null;
  /** Connections that have become tunnels. */
  tunnels: number;
}

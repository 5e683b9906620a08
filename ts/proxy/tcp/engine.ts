import type { IClock } from '../../core/clock.ts';
import type { EventBus } from '../../core/event-bus.ts';
import type { ILogger } from '../../core/logger.ts';
import type { BackendNames } from '../backend-names.ts';
import type { HealthMonitor } from '../health-monitor.ts';
import type { INetworkProxyBridge } from '../network-proxy-bridge.ts';
import type { Throttle } from './throttle.ts';

/** What every session of the TCP plane shares. */
export interface ITcpEngine {
  /** Monotonic milliseconds as of the last sweep or connect: good for deadlines, not for measuring. */
  now: number;
  /** Brings `now` up to date and returns it. */
  touch(): number;
  readonly health: HealthMonitor;
  readonly names: BackendNames;
  readonly bus: EventBus;
  readonly logger: ILogger;
  readonly clock: IClock;
  /** null: there is no web plane. */
  readonly bridge: INetworkProxyBridge | null;
  readonly throttle: Throttle;
  /** Called for each session that begins. */
  onActive(): void;
}

import type { TEventName } from '../../ts_interfaces/index.ts';
import type { EventBus } from '../core/event-bus.ts';
import type { Endpoint } from './endpoint.ts';
import type { IHealthGroup } from './health-monitor.ts';

/** A backend and whether it lives, for other parts of the router: DNS answers by it. */
export interface IBackendHealth {
  readonly id: string;
  /** IP address or name. */
  readonly hostname: string;
  readonly weight: number;
  readonly isAlive: boolean;
}

/** Where routes and entries are. */
export interface IHealthSourceParts {
  bus: Pick<EventBus, 'on'>;
  router: { route(id: string): IHealthGroup | undefined };
  tcp: { healthGroup(id: string): IHealthGroup | undefined };
}

/** After each of them somebody may live who did not, or the other way round. */
const events: readonly TEventName[] = [
  'backend.dead',
  'backend.alive',
  'route.added',
  'route.changed',
  'route.removed',
  'tcp.added',
  'tcp.changed',
  'tcp.removed',
];

/** Who lives behind a route or an entry, as the health monitor decides: with workers, the main process's. */
export class HealthSource {
  private readonly parts: IHealthSourceParts;
  private readonly listeners = new Set<() => void>();
  /** Ends following the bus; empty while nobody listens. */
  private unfollow: (() => void)[] = [];
  private isScheduled = false;

  constructor(parts: IHealthSourceParts) {
    this.parts = parts;
  }

  /**
   * Backends of a route (its id), a TCP or UDP entry (`tcp:<entry>`) or a domain config
   * (`tcp:<entry>/<id>`), without those at unix sockets, which have no address; undefined: there is no
   * such thing.
   */
  backends(upstream: string): readonly IBackendHealth[] | undefined {
    const { router, tcp } = this.parts;
    const isEntry = upstream.startsWith('tcp:');
    const group = router.route(upstream) ?? (isEntry ? tcp.healthGroup(upstream) : undefined);
    return group?.endpoints.filter(({ config }) => config.socketPath === undefined).map(healthOf);
  }

  /**
   * Calls when what `backends` says may have changed, once for all changes of a turn.
   *
   * @returns ends it.
   */
  follow(listener: () => void): () => void {
    const own = () => listener();
    this.listeners.add(own);
    if (this.listeners.size === 1) {
      this.unfollow = events.map((name) => this.parts.bus.on(name, () => this.schedule()));
    }
    return () => {
      if (!this.listeners.delete(own) || this.listeners.size > 0) return;
      for (const leave of this.unfollow.splice(0)) leave();
    };
  }

  private schedule(): void {
    if (this.isScheduled) return;
    this.isScheduled = true;
    // A reload changes thousands of routes at once.
    queueMicrotask(() => {
      this.isScheduled = false;
      for (const listener of [...this.listeners]) listener();
    });
  }
}

function healthOf({ id, config, weight, isDead }: Endpoint): IBackendHealth {
  return { id, hostname: config.hostname, weight, isAlive: !isDead };
}

import type { Accepted } from './accepted.ts';
import type { ITcpHandle } from './handles.ts';
import { type IBoundPort, type IPortAddress, type IPortBinder, portKey } from './ports.ts';

/** A port that is held, as another process may take it over. */
export interface IHeldPort {
  /** `portKey` of its address as it is configured. */
  readonly key: string;
  readonly handles: readonly ITcpHandle[];
}

/**
 * The ports that this process holds, so that one may move between entrypoints, entries and planes
 * without being closed.
 *
 * Binding an address that is held gives a further lease of the same port: the lease that accepted
 * last gets the connections, and the port closes with its last lease.
 */
export class PortTable implements IPortBinder {
  private readonly binder: IPortBinder;
  private readonly ports = new Map<string, HeldPort>();
  /** Ports whose number the kernel chose: nobody else asks for them. */
  private readonly unnamed = new Set<HeldPort>();
  private readonly binding = new Map<string, Promise<unknown>>();

  /** @param binder binds what is not held yet. */
  constructor(binder: IPortBinder) {
    this.binder = binder;
  }

  async bind(address: IPortAddress): Promise<IBoundPort> {
    const key = portKey(address);
    if (address.port === 0) {
      const port = new HeldPort(key, await this.binder.bind(address), () => {
        this.unnamed.delete(port);
      });
      this.unnamed.add(port);
      return port.lease();
    }
    // Who asks for a port that is just being bound waits for it; a failure is for each to see.
    while (this.binding.has(key)) await Promise.allSettled([this.binding.get(key)]);
    const held = this.ports.get(key);
    if (held !== undefined) return held.lease();
    const binding = this.binder.bind(address);
    this.binding.set(key, binding);
    try {
      const port = new HeldPort(key, await binding, () => this.ports.delete(key));
      this.ports.set(key, port);
      return port.lease();
    } finally {
      this.binding.delete(key);
    }
  }

  /** All ports that are held now. */
  *held(): Generator<IHeldPort> {
    yield* this.ports.values();
    yield* this.unnamed;
  }
}

class HeldPort implements IHeldPort {
  readonly key: string;
  readonly port: IBoundPort;
  private readonly onFree: () => void;
  private readonly leases = new Set<Lease>();
  private current: ((connection: Accepted) => void) | null = null;
  private owner: Lease | null = null;
  private accepts = false;
  /** Connections that came while nobody took them. */
  private waiting: Accepted[] = [];

  constructor(key: string, port: IBoundPort, onFree: () => void) {
    this.key = key;
    this.port = port;
    this.onFree = onFree;
  }

  get handles(): readonly ITcpHandle[] {
    return this.port.handles;
  }

  lease(): IBoundPort {
    const lease = new Lease(this);
    this.leases.add(lease);
    return lease;
  }

  accept(lease: Lease, onConnection: (connection: Accepted) => void): void {
    this.owner = lease;
    this.current = onConnection;
    for (const connection of this.waiting.splice(0)) onConnection(connection);
    if (this.accepts) return;
    this.accepts = true;
    this.port.accept((connection) => {
      if (this.current === null) this.waiting.push(connection);
      else this.current(connection);
    });
  }

  release(lease: Lease): void {
    if (!this.leases.delete(lease)) return;
    if (this.owner === lease) {
      this.owner = null;
      this.current = null;
    }
    if (this.leases.size > 0) return;
    this.onFree();
    this.port.close();
    for (const connection of this.waiting.splice(0)) connection.destroy();
  }
}

class Lease implements IBoundPort {
  private readonly held: HeldPort;

  constructor(held: HeldPort) {
    this.held = held;
  }

  get address(): string {
    return this.held.port.address;
  }

  get port(): number {
    return this.held.port.port;
  }

  get handles(): readonly ITcpHandle[] {
    return this.held.port.handles;
  }

  accept(onConnection: (connection: Accepted) => void): void {
    this.held.accept(this, onConnection);
  }

  close(): void {
    this.held.release(this);
  }
}

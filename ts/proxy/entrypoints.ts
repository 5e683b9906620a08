import type { IWebOptions } from '../../ts_interfaces/index.ts';
import { DcError } from '../core/errors.ts';
import type { ClientConnection } from './http/client-connection.ts';
import type { IEntrypointPlan } from './http/engine.ts';
import { type IListenerParts, Listener } from './listener.ts';
import type { IHandedConnection } from './network-proxy-bridge.ts';
import type { ITlsPlan } from './tls-terminator.ts';
import { compileEntrypoint, compileTls } from './web-plan.ts';

/** An entrypoint whose port is bound. */
export interface IPreparedEntrypoint {
  readonly listener: Listener;
  readonly plan: IEntrypointPlan;
  readonly tls: ITlsPlan | null;
}

/** What serves connections that the TCP plane hands over; it has no port of its own. */
interface IHandedListener {
  readonly listener: Listener;
  readonly entryId: string;
  tls: ITlsPlan | null;
}

/** Counts of connections. */
export interface IConnectionCounts {
  open: number;
  total: number;
  refused: number;
}

/** The listeners of the entrypoints: those that are open, and those that only finish what they have. */
export class Entrypoints {
  private readonly parts: IListenerParts;
  private listeners = new Map<string, Listener>();
  private readonly leaving = new Set<Listener>();
  /** By entry of the TCP plane, for plain connections and for TLS. */
  private readonly handed = new Map<string, IHandedListener>();
  /** Of listeners that are gone. */
  private readonly past = { total: 0, refused: 0 };

  constructor(parts: IListenerParts) {
    this.parts = parts;
  }

  /**
   * Binds the ports that are not open yet. Nothing is served there before `apply`.
   *
   * @throws DcError `LISTEN_FAILED`; nothing is left open then.
   */
  async prepare(web: IWebOptions): Promise<Map<string, IPreparedEntrypoint>> {
    const entries = Object.entries(web.entrypoints ?? {});
    const prepared = new Map<string, IPreparedEntrypoint>();
    const kept = new Map<string, Listener>();
    // An entrypoint keeps its own listener; only then may another one have it, under a new name.
    for (const own of [true, false]) {
      for (const [name, { address: host, port }] of entries) {
        if (kept.has(name)) continue;
        const listener = this.reusable(own ? name : null, host, port, new Set(kept.values()));
        if (listener !== undefined) kept.set(name, listener);
      }
    }
    try {
      for (const [name, options] of entries) {
        const plan = compileEntrypoint(name, options, web);
        const tls = compileTls(options, plan);
        const address = { host: options.address, port: options.port };
        const listener = kept.get(name) ?? new Listener(this.parts, address);
        if (!kept.has(name)) await this.bind(listener, name);
        prepared.set(name, { listener, plan, tls });
      }
    } catch (error) {
      await this.discard(prepared);
      throw error;
    }
    return prepared;
  }

  /**
   * Serves what was prepared, and nothing else. Connections of listeners that
   * go may finish their requests within `drainTimeoutMs`.
   */
  apply(
    prepared: ReadonlyMap<string, IPreparedEntrypoint>,
    web: IWebOptions,
    drainTimeoutMs: number,
  ): void {
    const gone = new Set(this.listeners.values());
    this.listeners = new Map();
    for (const [name, { listener, plan, tls }] of prepared) {
      listener.open(plan, tls);
      gone.delete(listener);
      this.listeners.set(name, listener);
    }
    for (const listener of gone) void this.retire(listener, drainTimeoutMs);
    for (const handed of this.handed.values()) openHanded(handed, web);
  }

  /** Serves a connection of the TCP plane like one of an entrypoint. */
  handOver(connection: IHandedConnection, web: IWebOptions): void {
    const { entryId, wire, bytes, client, tls, onClosed } = connection;
    const key = `${tls === null ? 'plain' : 'tls'} ${entryId}`;
    let handed = this.handed.get(key);
    if (handed === undefined) {
      const address = { host: undefined, port: client.localPort };
      handed = { listener: new Listener(this.parts, address), entryId, tls };
      this.handed.set(key, handed);
      openHanded(handed, web);
    } else if (handed.tls !== tls) {
      handed.tls = tls;
      openHanded(handed, web);
    }
    handed.listener.handOver(wire, bytes, client, tls !== null, onClosed);
  }

  /** An entry of the TCP plane hands nothing over any more. */
  retireHanded(entryId: string, drainTimeoutMs: number): void {
    for (const [key, handed] of this.handed) {
      if (handed.entryId !== entryId) continue;
      this.handed.delete(key);
      void this.retire(handed.listener, drainTimeoutMs);
    }
  }

  /** Closes the ports that were bound and are not served. */
  async discard(prepared: ReadonlyMap<string, IPreparedEntrypoint>): Promise<void> {
    const open = new Set(this.listeners.values());
    for (const { listener } of prepared.values()) {
      if (open.has(listener)) continue;
      const closed = listener.close();
      listener.destroy();
      await closed;
    }
  }

  /**
   * Closes all ports; requests may end within `drainTimeoutMs`.
   *
   * @returns true when all did.
   */
  async close(drainTimeoutMs: number): Promise<boolean> {
    const listeners = [...this.every()];
    this.listeners.clear();
    this.handed.clear();
    const drained = await Promise.all(
      listeners.map((listener) => this.retire(listener, drainTimeoutMs)),
    );
    return drained.every((inTime) => inTime);
  }

  /** Where they listen, by name. */
  addresses(): Record<string, { address: string; port: number }> {
    const entries = [...this.listeners].map(
      ([
        name,
        {
          bound: { address, port },
        },
      ]) => [name, { address, port }],
    );
    return Object.fromEntries(entries);
  }

  /** Connections of clients, now and since the start. */
  counts(): IConnectionCounts {
    const counts = { open: 0, ...this.past };
    for (const listener of this.every()) {
      counts.open += listener.connections.size;
      counts.total += listener.total;
      counts.refused += listener.refused;
    }
    return counts;
  }

  /** The connections of all listeners; none is left out while others close. */
  *connections(): Generator<ClientConnection> {
    for (const listener of this.every()) yield* listener.connections;
  }

  /** The default certificates may be others than before. */
  showDefaults(): void {
    for (const listener of this.every()) listener.showDefault();
  }

  /**
   * Looks at the deadlines of all connections.
   *
   * @returns how many are open.
   */
  check(now: number): number {
    let open = 0;
    for (const listener of this.every()) {
      for (const connection of listener.connections) connection.check(now);
      open += listener.connections.size;
    }
    // Connections that have become idle since their listener left.
    for (const listener of this.leaving) listener.drain();
    return open;
  }

  private async bind(listener: Listener, name: string): Promise<void> {
    const { port } = listener.address;
    const [own] = [...this.listeners].find(([, { bound }]) => bound.port === port) ?? [];
    try {
      await listener.listen(name);
    } catch (cause) {
      if (!(cause instanceof DcError) || own === undefined) throw cause;
      const hint = `entrypoint "${own}" holds it with another address; change the port as well, or restart`;
      throw new DcError(cause.code, `${cause.message}: ${hint}`, { cause });
    }
  }

  private *every(): Generator<Listener> {
    yield* this.listeners.values();
    yield* this.leaving;
    for (const { listener } of this.handed.values()) yield listener;
  }

  /** @param name only the listener of this entrypoint will do; null: any at the address. */
  private reusable(
    name: string | null,
    host: string | undefined,
    port: number,
    taken: ReadonlySet<Listener>,
  ): Listener | undefined {
    for (const [ownName, listener] of this.listeners) {
      const { address } = listener;
      if (taken.has(listener) || address.host !== host || address.port !== port) continue;
      if (name === ownName || (name === null && port !== 0)) return listener;
    }
    return undefined;
  }

  /** Closes a listener and gives its requests time to finish. */
  private async retire(listener: Listener, drainTimeoutMs: number): Promise<boolean> {
    this.leaving.add(listener);
    const closed = listener.close();
    listener.drain();
    // Clients that only take their time to close have lost nothing.
    const inTime = (await settledWithin(closed, drainTimeoutMs)) || !listener.isBusy;
    listener.destroy();
    await closed;
    if (this.leaving.delete(listener)) {
      this.past.total += listener.total;
      this.past.refused += listener.refused;
    }
    return inTime;
  }
}

function openHanded({ listener, entryId, tls }: IHandedListener, web: IWebOptions): void {
  const options = { port: listener.address.port, tls: tls !== null };
  listener.open(compileEntrypoint(`tcp:${entryId}`, options, web), tls);
}

async function settledWithin(promise: Promise<unknown>, ms: number): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<boolean>((resolve) => {
    timer = setTimeout(() => resolve(false), ms);
  });
  const inTime = await Promise.race([promise.then(() => true), late]);
  clearTimeout(timer);
  return inTime;
}

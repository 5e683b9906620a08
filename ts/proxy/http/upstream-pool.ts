import { connect, isIP } from 'node:net';
import { type ConnectionOptions, connect as connectTls, type TLSSocket } from 'node:tls';
import type { Backend } from '../../../ts_interfaces/index.ts';
import { Wire } from '../../net/wire.ts';
import type { BackendName, INameFollower } from '../backend-name.ts';
import { BackendNames } from '../backend-names.ts';
import { isService, knownName, lookedUpName } from '../service-name.ts';
import { type IUpstreamOwner, UpstreamConnection } from './upstream-connection.ts';

/**
 * The connections to one backend address, or to the addresses of one name.
 *
 * The one used last is taken first, so that those that are not needed grow old
 * and are closed. Whoever takes a connection gives it back with `release` or
 * destroys it.
 */
export class UpstreamPool implements INameFollower {
  /** Host and port, for Host headers and messages. */
  readonly authority: string;
  /** Idle connections that are kept. The route sets it. */
  idleMax = 256;
  /** Milliseconds after which an idle connection is closed; 0: never. The route sets it. */
  idleMs = 60_000;
  /** What makes it the pool of one address. */
  readonly key: string;
  /** All that are open or being opened. */
  readonly connections = new Set<UpstreamConnection>();
  private readonly backend: Backend;
  private readonly idle: UpstreamConnection[] = [];
  private readonly pools: UpstreamPools;
  /** The backend is no address: where it is may change. */
  private readonly isNamed: boolean;
  /** The name that is followed; null: there are no connections, or none by name. */
  private name: BackendName | null = null;

  constructor(pools: UpstreamPools, backend: Backend, key: string) {
    this.isNamed = backend.socketPath === undefined && isIP(backend.hostname) === 0;
    this.pools = pools;
    this.key = key;
    this.backend = backend;
    this.authority = authorityOf(backend);
  }

  /** Connections that wait for a request. */
  get idleCount(): number {
    return this.idle.length;
  }

  /** An idle connection, or undefined. */
  take(): UpstreamConnection | undefined {
    for (;;) {
      const connection = this.isSpread ? this.takeSpread() : this.idle.pop();
      if (connection === undefined) return undefined;
      connection.isIdle = false;
      // One that failed in this turn of the event loop reports its close only in the next.
      if (!connection.wire.isClosed) return connection;
    }
  }

  /** The name has several places, among which requests are spread. */
  private get isSpread(): boolean {
    return this.name !== null && this.name.places.length > 1;
  }

  /** One to the place whose turn it is; undefined: there is none, and a new one may lead there. */
  private takeSpread(): UpstreamConnection | undefined {
    const { clock, random } = this.pools.names;
    const wanted = this.name?.next(clock.monotonic(), random);
    const index = this.idle.findLastIndex(({ route }) => route?.place === wanted);
    return index === -1 ? undefined : this.idle.splice(index, 1)[0];
  }

  /** Opens a connection; the owner hears `onUpstreamConnect` or `onUpstreamFailure`. */
  connect(owner: IUpstreamOwner): UpstreamConnection {
    const { backend } = this;
    const connection = new UpstreamConnection(this, owner);
    if (this.connections.size === 0) this.pools.opened(this);
    this.connections.add(connection);
    const { sendProxyProtocol: version } = backend;
    const header = version === undefined ? null : owner.proxyHeader(version === 'v1' ? 1 : 2);
    if (this.isNamed) {
      this.dial(connection, header);
      return connection;
    }
    if (backend.tls !== undefined) {
      const socket = this.connectTls(header);
      connection.wire = Wire.secure(socket, connection);
      socket.once('secureConnect', () => connection.onConnect());
      return connection;
    }
    const target =
      backend.socketPath === undefined
        ? { host: backend.hostname, port: backend.port }
        : { path: backend.socketPath };
    connection.wire = Wire.connect(target, connection, () => {
      if (header !== null) connection.wire.writeStable(header);
      connection.onConnect();
    });
    return connection;
  }

  /** Takes back a connection that is ready for another request. */
  release(connection: UpstreamConnection, now: number): void {
    // What was said about the client holds for all requests of a connection.
    const isOnlyOurs = this.backend.sendProxyProtocol !== undefined;
    if (isOnlyOurs || connection.isAway || this.idle.length >= this.idleMax) {
      connection.wire.destroy();
      return;
    }
    // Only a socket that is read shows that the backend closes it.
    connection.wire.resume();
    connection.isIdle = true;
    connection.idleSince = now;
    this.idle.push(connection);
  }

  /** Forgets a connection that closed. */
  remove(connection: UpstreamConnection): void {
    if (this.connections.delete(connection) && this.connections.size === 0) {
      this.pools.closed(this);
      this.name?.followers.delete(this);
      this.name = null;
    }
    if (!connection.isIdle) return;
    connection.isIdle = false;
    const index = this.idle.indexOf(connection);
    if (index !== -1) this.idle.splice(index, 1);
  }

  /** Closes the idle connections that nobody used since `before`. */
  expire(before: number): void {
    // The oldest stand first.
    let count = 0;
    while (
      count < this.idle.length &&
      (this.idle[count] as UpstreamConnection).idleSince < before
    ) {
      count++;
    }
    for (const connection of this.idle.splice(0, count)) {
      connection.isIdle = false;
      connection.wire.destroy();
    }
  }

  /** The name does not lead to some places any more: what is idle there is closed. */
  onPlaces(): void {
    for (const connection of this.idle.filter(({ isAway }) => isAway)) {
      this.idle.splice(this.idle.indexOf(connection), 1);
      connection.isIdle = false;
      connection.wire.destroy();
    }
  }

  /** Connects to one of the places that the backend's name stands for. */
  private dial(connection: UpstreamConnection, header: Buffer | null): void {
    const { port, tls } = this.backend;
    const route = this.pools.names.dial(lookedUpName(this.backend), port);
    if (this.name !== route.name) {
      this.name?.followers.delete(this);
      this.name = route.name;
      this.name.followers.add(this);
    }
    connection.route = route;
    connection.wire = Wire.connect({ route }, connection, () => {
      if (tls === undefined) {
        if (header !== null) connection.wire.writeStable(header);
        return connection.onConnect();
      }
      const below = connection.wire.toSocket(null);
      if (header !== null) below.write(header);
      const socket = this.startTls({ socket: below });
      connection.wire = Wire.secure(socket, connection);
      socket.once('secureConnect', () => connection.onConnect());
    });
  }

  /** @param header is sent before the handshake. */
  private connectTls(header: Buffer | null): TLSSocket {
    const { hostname, port, socketPath } = this.backend;
    const target = socketPath === undefined ? { host: hostname, port } : { path: socketPath };
    return this.startTls(header === null ? target : { socket: connectWith(header, target) });
  }

  private startTls(target: ConnectionOptions): TLSSocket {
    const { tls } = this.backend;
    const name = tls?.serverName ?? knownName(this.backend);
    const options: ConnectionOptions & { allowHalfOpen: boolean } = {
      ...target,
      ...(isIP(name) === 0 ? { servername: name } : {}),
      ca: tls?.ca,
      cert: tls?.cert,
      key: tls?.key,
      rejectUnauthorized: tls?.verify ?? true,
      ALPNProtocols: ['http/1.1'],
      allowHalfOpen: true,
    };
    return connectTls(options).setNoDelay(true);
  }
}

/**
 * All pools, one per backend address; routes with the same backend share one.
 *
 * A pool is forgotten when its last connection closes. Whoever still has it
 * may go on using it: with its next connection it is known again.
 */
export class UpstreamPools {
  private readonly pools = new Map<string, UpstreamPool>();
  /** Those that have connections. */
  private readonly open = new Set<UpstreamPool>();
  /** Where backends by name are. */
  readonly names: BackendNames;

  /** @param names stopped by whoever made them. @default names of its own */
  constructor(names = new BackendNames()) {
    this.names = names;
  }

  /** The pool of a backend's address. */
  poolOf(backend: Backend): UpstreamPool {
    const key = addressKey(backend);
    return this.pools.get(key) ?? new UpstreamPool(this, backend, key);
  }

  /** Closes the connections that have been idle for too long. */
  expire(now: number): void {
    for (const pool of this.open) if (pool.idleMs !== 0) pool.expire(now - pool.idleMs);
  }

  /** Closes every connection. */
  destroy(): void {
    for (const pool of this.open) {
      for (const { wire } of pool.connections) wire.destroy();
    }
  }

  /** Connections that are open or being opened. */
  get openCount(): number {
    let count = 0;
    for (const { connections } of this.open) count += connections.size;
    return count;
  }

  /** For pools only: one has its first connection. */
  opened(pool: UpstreamPool): void {
    this.open.add(pool);
    if (!this.pools.has(pool.key)) this.pools.set(pool.key, pool);
  }

  /** For pools only: one has no connection any more. */
  closed(pool: UpstreamPool): void {
    this.open.delete(pool);
    if (this.pools.get(pool.key) === pool) this.pools.delete(pool.key);
  }
}

/** What makes two backends the same address. */
export function addressKey(backend: Backend): string {
  const { tls } = backend;
  const place = backend.socketPath ?? `${backend.hostname}:${backend.port}`;
  const version = backend.sendProxyProtocol;
  const address = version === undefined ? place : `${place} PROXY ${version}`;
  return tls === undefined ? address : `${address} ${JSON.stringify(tls)}`;
}

/** A connection whose first bytes are the header, for TLS on top of it. */
function connectWith(header: Buffer, target: { host: string; port: number } | { path: string }) {
  const socket = connect({ ...target, allowHalfOpen: true });
  socket.setNoDelay(true);
  socket.write(header);
  return socket;
}

function authorityOf(backend: Backend): string {
  const host = isIP(backend.hostname) === 6 ? `[${backend.hostname}]` : knownName(backend);
  if (isService(backend)) return host;
  const usual = backend.tls === undefined ? 80 : 443;
  return backend.port === usual ? host : `${host}:${backend.port}`;
}

import { isIP, type Socket } from 'node:net';
import { type ConnectionOptions, connect as connectTls } from 'node:tls';
import type { Backend, IBackendTls } from '../../../ts_interfaces/index.ts';
import { type IWireConsumer, Wire } from '../../net/wire.ts';
import type { BackendDial } from '../backend-dial.ts';
import type { BackendNames } from '../backend-names.ts';
import { knownName, lookedUpName } from '../service-name.ts';

/** Whoever a backend's connection belongs to. */
export interface IBackendOwner {
  onBackendBytes(bytes: Buffer, start: number, end: number): void;
  /** The backend sent FIN. */
  onBackendEnd(): void;
  /** What was written to the backend has left. */
  onBackendDrain(): void;
  /** The connection is gone, or never came. */
  onBackendClose(error: Error | null): void;
}

/** Whoever waits for a backend's connection. */
export interface IBackendWaiter extends IBackendOwner {
  /**
   * The connection is there, and its TLS if it has one: bytes may be sent.
   *
   * @param header has to be sent before anything else; null: nothing has.
   */
  onBackendReady(header: Buffer | null): void;
}

/** The backend's side of a session. */
export class BackendSide implements IWireConsumer {
  // Set by `connect` right after construction.
  wire!: Wire;
  /** null: it is dropped. */
  owner: IBackendOwner | null;
  private route: BackendDial | null = null;

  private constructor(owner: IBackendWaiter) {
    this.owner = owner;
  }

  /**
   * Connects; the owner hears `onBackendReady` or `onBackendClose`, never before this returns.
   *
   * @param port where the backend has none of its own.
   * @param header sent first, in front of TLS too; null: none.
   * @param alpn offered where the backend speaks TLS; empty: nothing.
   */
  static connect(
    names: BackendNames,
    owner: IBackendWaiter,
    backend: Backend,
    port: number,
    header: Buffer | null,
    alpn: readonly string[],
  ): BackendSide {
    const { hostname: host, socketPath, tls } = backend;
    const side = new BackendSide(owner);
    const at = backend.port || port;
    const route = routeTo(names, backend, at);
    side.route = route;
    const address = socketPath === undefined ? { host, port: at } : { path: socketPath };
    const target = route === null ? address : { route };
    const wire = Wire.connect(target, side, () => {
      // Nobody waits any more.
      if (side.owner !== owner) return wire.destroy();
      if (tls === undefined) return owner.onBackendReady(header);
      const below = wire.toSocket(null);
      if (header !== null) below.write(header);
      const socket = connectTls(tlsOptions(below, tls, knownName(backend), alpn));
      side.wire = Wire.secure(socket, side);
      socket.once('secureConnect', () => {
        if (side.owner === owner) owner.onBackendReady(null);
      });
    });
    wire.readsAfterFailure = true;
    side.wire = wire;
    return side;
  }

  /** Nobody knows yet where the backend's name leads. */
  get isUnresolved(): boolean {
    return this.route?.isWaiting === true;
  }

  /** Closes at once; the owner hears nothing any more. */
  drop(): void {
    this.owner = null;
    this.wire.destroy();
  }

  /** Breaks off with RST; the owner hears nothing any more. */
  reset(): void {
    this.owner = null;
    this.wire.reset();
  }

  onBytes(bytes: Buffer, start: number, end: number): void {
    this.owner?.onBackendBytes(bytes, start, end);
  }

  onEnd(): void {
    this.owner?.onBackendEnd();
  }

  onDrain(): void {
    this.owner?.onBackendDrain();
  }

  onClose(error: Error | null): void {
    const { owner } = this;
    this.owner = null;
    owner?.onBackendClose(error);
  }
}

/** null: it is an address, or a unix socket. */
function routeTo(names: BackendNames, backend: Backend, port: number): BackendDial | null {
  const isNamed = backend.socketPath === undefined && isIP(backend.hostname) === 0;
  return isNamed ? names.dial(lookedUpName(backend), port) : null;
}

function tlsOptions(
  socket: Socket,
  tls: IBackendTls,
  hostname: string,
  alpn: readonly string[],
): ConnectionOptions & { allowHalfOpen: boolean } {
  const name = tls.serverName ?? hostname;
  return {
    socket,
    // Checked in the certificate; as a name also sent by SNI, which knows no addresses (RFC 6066 §3).
    ...(isIP(name) === 0 ? { servername: name } : { host: name }),
    ca: tls.ca,
    cert: tls.cert,
    key: tls.key,
    rejectUnauthorized: tls.verify ?? true,
    ...(alpn.length === 0 ? {} : { ALPNProtocols: [...alpn] }),
    allowHalfOpen: true,
  };
}

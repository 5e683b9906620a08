import { createServer, type Server, type Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { DcError } from '../core/errors.ts';
import { canonicalIp, clientNetwork } from '../net/ip.ts';
import { Wire } from '../net/wire.ts';
import { ClientConnection, phase } from './http/client-connection.ts';
import type { IEngine, IEntrypointPlan } from './http/engine.ts';
import type { TlsContexts } from './tls-contexts.ts';
import { type ITlsPlan, TlsTerminator } from './tls-terminator.ts';

const backlog = 4096;

/** What a listener is bound to; another address or port is another listener. */
export interface IListenerAddress {
  /** undefined: every address, IPv4 and IPv6. */
  readonly host: string | undefined;
  /** 0: a free one. */
  readonly port: number;
}

/** What a listener works with. */
export interface IListenerParts {
  engine: IEngine;
  contexts: TlsContexts;
  /** Shared by all listeners, so that a session goes on at any of them. */
  ticketKeys: Buffer;
  /** Called for each connection that begins. */
  onActive: () => void;
}

/**
 * The live socket of an entrypoint, and its connections.
 *
 * `listen` binds it; connections that come then wait until `open` says what to
 * do with them, so that nobody sees a configuration that is not in force.
 */
export class Listener {
  readonly address: IListenerAddress;
  /** What is really bound. */
  bound: { address: string; port: number };
  /** Connections since the start. */
  total = 0;
  /** Connections that were closed at once because of a limit. */
  refused = 0;
  readonly connections = new Set<ClientConnection>();
  private readonly parts: IListenerParts;
  private readonly server: Server;
  private plan: IEntrypointPlan | null = null;
  private tls: TlsTerminator | null = null;
  private waiting: Socket[] = [];
  private readonly perClient = new Map<string, number>();
  /** Sockets below TLS connections, from their first byte on. */
  private readonly encrypted = new Set<Socket>();
  private openCount = 0;
  private closed: Promise<void> | null = null;

  constructor(parts: IListenerParts, address: IListenerAddress) {
    this.parts = parts;
    this.address = address;
    this.bound = { address: address.host ?? '::', port: address.port };
    const options = { pauseOnConnect: true, allowHalfOpen: true, noDelay: true };
    this.server = createServer(options, (socket) => {
      if (this.plan === null) this.waiting.push(socket);
      else this.accept(socket, this.plan);
    });
  }

  /**
   * Binds the port.
   *
   * @param name of the entrypoint, for the error.
   * @throws DcError `LISTEN_FAILED` that says which and why.
   */
  async listen(name: string): Promise<void> {
    const { server, address } = this;
    await new Promise<void>((resolve, reject) => {
      const onError = (cause: NodeJS.ErrnoException) => {
        reject(new DcError('LISTEN_FAILED', listenFailure(name, address, cause), { cause }));
      };
      server.once('error', onError);
      server.listen({ host: address.host, port: address.port, backlog }, () => {
        server.off('error', onError);
        resolve();
      });
    });
    const bound = server.address();
    if (bound !== null && typeof bound === 'object') this.bound = bound;
    server.on('error', (error) => {
      const { logger } = this.parts.engine;
      logger.error('listener.failed', `Entrypoint "${this.plan?.name ?? name}" failed`, { error });
    });
  }

  /**
   * Serves by this plan from now on, without or with TLS; connections that are open keep theirs.
   *
   * @param tls null: plain.
   */
  open(plan: IEntrypointPlan, tls: ITlsPlan | null): void {
    this.plan = plan;
    if (tls === null) this.tls = null;
    else if (this.tls === null || !isSameHandshake(this.tls.plan, tls))
      this.tls = this.makeTls(tls);
    else this.tls.plan = tls;
    this.showDefault();
    for (const socket of this.waiting.splice(0)) this.accept(socket, plan);
  }

  /** Shows the default certificate of now to clients that name no host or an unknown one. */
  showDefault(): void {
    const { tls } = this;
    tls?.showDefault(tls.plan.defaultName).catch((error: unknown) => {
      const { logger } = this.parts.engine;
      const message = `Cannot show the certificate of "${tls.plan.defaultName}"`;
      logger.error('tls.noCertificate', message, { error });
    });
  }

  /** Takes no further connections; ends when the last one that is open has closed. */
  close(): Promise<void> {
    this.closed ??= new Promise((resolve) => {
      if (this.server.listening) this.server.close(() => resolve());
      else resolve();
    });
    return this.closed;
  }

  /** Whether a request, its response or a tunnel is under way on one of its connections. */
  get isBusy(): boolean {
    for (const connection of this.connections) {
      const { phase: stands, wire } = connection;
      if (stands > phase.idle && stands < phase.closing) return true;
      if (stands === phase.closing && wire.pendingBytes > 0) return true;
    }
    return false;
  }

  /** Closes idle connections; busy ones close after their request. */
  drain(): void {
    for (const socket of this.waiting.splice(0)) socket.destroy();
    for (const connection of this.connections) connection.drain();
  }

  /** Closes everything at once. */
  destroy(): void {
    for (const socket of this.waiting.splice(0)) socket.destroy();
    for (const socket of this.encrypted) socket.destroy();
    for (const connection of this.connections) connection.wire.destroy();
  }

  private accept(socket: Socket, plan: IEntrypointPlan): void {
    const peerIp = this.admit(socket, plan);
    if (peerIp === null) return;
    const { tls } = this;
    if (tls === null) {
      const connection = this.connect(plan, peerIp, () => this.leave(peerIp));
      connection.wire = Wire.accept(socket, connection);
      this.begin(connection);
      return;
    }
    this.encrypted.add(socket);
    socket.once('close', () => {
      this.encrypted.delete(socket);
      this.leave(peerIp);
    });
    tls.take(socket);
  }

  private makeTls(tls: ITlsPlan): TlsTerminator {
    const { contexts, ticketKeys, engine } = this.parts;
    const { logger } = engine;
    // What begins by TLS stays so, even if the entrypoint becomes a plain one meanwhile.
    let securePlan = this.plan as IEntrypointPlan;
    const entrypoint = securePlan.name;
    const onSecure = (socket: TLSSocket) => {
      if (this.plan?.secure) securePlan = this.plan;
      const peerIp = plainIp(socket.remoteAddress);
      if (peerIp === null) return void socket.destroy();
      const connection = this.connect(securePlan, peerIp, null);
      connection.wire = Wire.secure(socket, connection);
      this.begin(connection);
    };
    return new TlsTerminator({ contexts, ticketKeys, logger, entrypoint, onSecure }, tls);
  }

  /** Counts the connection in; null, and it is closed, when a limit forbids it. */
  private admit(socket: Socket, plan: IEntrypointPlan): string | null {
    const { connectionsMax, connectionsPerClientMax } = plan;
    const peerIp = plainIp(socket.remoteAddress);
    if (peerIp === null) {
      socket.destroy();
      return null;
    }
    this.total++;
    const key = clientNetwork(peerIp);
    const same = this.perClient.get(key) ?? 0;
    const full = connectionsMax !== 0 && this.openCount >= connectionsMax;
    if (full || (connectionsPerClientMax !== 0 && same >= connectionsPerClientMax)) {
      this.refused++;
      socket.destroy();
      return null;
    }
    this.openCount++;
    this.perClient.set(key, same + 1);
    return peerIp;
  }

  private leave(peerIp: string): void {
    this.openCount--;
    const key = clientNetwork(peerIp);
    const left = (this.perClient.get(key) ?? 1) - 1;
    if (left <= 0) this.perClient.delete(key);
    else this.perClient.set(key, left);
  }

  private connect(
    plan: IEntrypointPlan,
    peerIp: string,
    onGone: (() => void) | null,
  ): ClientConnection {
    const { engine } = this.parts;
    engine.now = performance.now();
    return new ClientConnection(engine, plan, ++lastId, peerIp, (connection) => {
      this.connections.delete(connection);
      onGone?.();
      const { bus } = engine;
      if (!bus.has('connection.close')) return;
      bus.emit('connection.close', {
        id: connection.id,
        entrypoint: plan.name,
        clientIp: peerIp,
        durationMs: performance.now() - connection.openedAt,
        bytesIn: connection.wire.bytesRead,
        bytesOut: connection.wire.bytesWritten,
      });
    });
  }

  private begin(connection: ClientConnection): void {
    this.connections.add(connection);
    this.parts.onActive();
    const { bus } = this.parts.engine;
    if (!bus.has('connection.open')) return;
    const { id, peerIp, plan } = connection;
    bus.emit('connection.open', { id, entrypoint: plan.name, clientIp: peerIp });
  }
}

let lastId = 0;

/** Whether a terminator for one plan can go on with the other. */
function isSameHandshake(one: ITlsPlan, other: ITlsPlan): boolean {
  return one.minVersion === other.minVersion && one.handshakeMs === other.handshakeMs;
}

/** Address of the peer in its normal form; null: it is gone already. */
function plainIp(address: string | undefined): string | null {
  return address === undefined ? null : (canonicalIp(address) ?? null);
}

const reasons: Readonly<Record<string, string>> = {
  EADDRINUSE: 'somebody listens there already',
  EACCES: 'the process may not bind this port',
  EADDRNOTAVAIL: 'the machine does not have this address',
};

function listenFailure(
  name: string,
  address: IListenerAddress,
  cause: NodeJS.ErrnoException,
): string {
  const host = address.host?.includes(':') ? `[${address.host}]` : (address.host ?? '*');
  const reason = reasons[cause.code ?? ''] ?? cause.message;
  return `Cannot listen on "${host}:${address.port}" for entrypoint "${name}": ${reason}`;
}

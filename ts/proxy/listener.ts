import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { isDeepStrictEqual } from 'node:util';
import type { Accepted } from '../net/accepted.ts';
import type { AddressLists } from '../net/address-list.ts';
import type { ILimiters } from '../net/limiters.ts';
import type { IBoundPort, IPortBinder } from '../net/ports.ts';
import { Wire } from '../net/wire.ts';
import { Admission } from './admission.ts';
import type { IClientAddress } from './client-address.ts';
import { ClientConnection, phase } from './http/client-connection.ts';
import type { IEngine, IEntrypointPlan } from './http/engine.ts';
import { takeIn } from './intake.ts';
import { nextConnectionId } from './live-connection.ts';
import type { TlsContexts } from './tls-contexts.ts';
import { type ITlsPlan, TlsTerminator } from './tls-terminator.ts';

/**
 * Milliseconds without a byte after which a connection is closed when its listener leaves. One that
 * was just opened or used gets its next request soon: that is answered, and the answer says that it
 * is the last one.
 */
const quietMs = 500;

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
  ports: IPortBinder;
  limiters: ILimiters;
  lists: AddressLists;
  /** Called for each connection that begins. */
  onActive: () => void;
}

/**
 * The live port of an entrypoint, and its connections.
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
  /** null: only handed connections come. */
  private port: IBoundPort | null = null;
  private plan: IEntrypointPlan | null = null;
  private tls: TlsTerminator | null = null;
  private admission: Admission | null = null;
  /** Sockets below TLS connections, from their first byte on. */
  private readonly encrypted = new Map<Socket, IClientAddress>();
  /** Close the connections whose PROXY header is being read. */
  private readonly arriving = new Set<() => void>();
  /** Connections that were admitted and are not gone. */
  private openCount = 0;
  private isClosing = false;
  /** Each connection carries one more answer at most. */
  private isLeaving = false;
  /** All that came is gone as well. */
  private isOver = false;
  private readonly closed: Promise<void>;
  private resolveClosed: () => void = () => undefined;

  constructor(parts: IListenerParts, address: IListenerAddress) {
    this.parts = parts;
    this.address = address;
    this.bound = { address: address.host ?? '::', port: address.port };
    this.closed = new Promise((resolve) => {
      this.resolveClosed = resolve;
    });
  }

  /**
   * Binds the port.
   *
   * @param name of the entrypoint, for the error.
   * @throws DcError `LISTEN_FAILED` that says which, why and who holds it.
   */
  async listen(name: string): Promise<void> {
    const port = await this.parts.ports.bind({ ...this.address, purpose: `entrypoint "${name}"` });
    this.port = port;
    this.bound = { address: port.address, port: port.port };
  }

  /**
   * Serves by this plan from now on, without or with TLS; connections that are open keep theirs.
   *
   * @param tls null: plain.
   */
  open(plan: IEntrypointPlan, tls: ITlsPlan | null): void {
    const { limiters, lists } = this.parts;
    const { plan: before } = this;
    this.plan = plan;
    // Only another plan for clients counts them anew.
    if (this.admission === null || before === null || !isSameAdmission(before, plan)) {
      this.admission = new Admission(`entrypoint:${plan.name}`, plan, limiters, lists);
    }
    if (tls === null) this.tls = null;
    else if (this.tls === null || !isSameHandshake(this.tls.plan, tls))
      this.tls = this.makeTls(tls);
    else this.tls.plan = tls;
    this.showDefault();
    if (before === null) this.port?.accept((connection) => this.accept(connection));
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
    this.isClosing = true;
    this.port?.close();
    this.settle();
    return this.closed;
  }

  private settle(): void {
    if (!this.isClosing || this.openCount > 0 || this.arriving.size > 0) return;
    this.isOver = true;
    this.resolveClosed();
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

  /** Closes idle connections soon; busy ones close after their request. */
  drain(): void {
    this.isLeaving = true;
    for (const connection of this.connections) connection.isLeaving = true;
    // What the kernel has already is read first, else a request would be lost with its connection.
    // The second turn of the event loop is the first that sees what came during this one.
    setImmediate(() => setImmediate(() => this.closeIdle(performance.now())));
  }

  private closeIdle(now: number): void {
    for (const cancel of [...this.arriving]) cancel();
    for (const connection of this.connections) {
      if (now >= connection.lastRead + quietMs) connection.drain();
    }
  }

  /** Closes everything at once. */
  destroy(): void {
    for (const cancel of [...this.arriving]) cancel();
    for (const socket of this.encrypted.keys()) socket.destroy();
    for (const connection of this.connections) connection.wire.destroy();
  }

  /** Serves a connection that a port accepted. */
  accept(connection: Accepted): void {
    const { plan, admission } = this;
    this.total++;
    const { peerIp, peerPort } = connection;
    if (plan === null || admission === null || peerIp === '') return connection.destroy();
    if (plan.proxyProtocol !== null) return this.takeIn(connection, plan);
    const { port: localPort } = this.bound;
    const client = { clientIp: peerIp, clientPort: peerPort, localIp: '', localPort, peerIp };
    const decide = (entered: boolean): void => {
      if (!entered) {
        this.refused++;
        connection.reset();
      } else if (this.isOver) {
        admission.leave(peerIp);
        connection.destroy();
      } else if (this.tls === null) {
        this.openCount++;
        const made = this.connect(plan, client, () => this.leave(admission, client));
        made.wire = connection.toWire(made);
        this.begin(made);
      } else {
        this.openCount++;
        this.encrypt(connection.toSocket(), this.tls, client, admission);
      }
    };
    const entered = admission.admit(peerIp, decide);
    if (entered !== null) decide(entered);
  }

  /**
   * Serves a connection that somebody else accepted and looked at, like one of its own.
   *
   * @param wire paused; it belongs to the listener from now on.
   * @param bytes that were read already, in a buffer that nobody changes; null: none.
   * @param secure they are TLS, which is ended here.
   * @param onClosed called once, when the connection is gone.
   */
  handOver(
    wire: Wire,
    bytes: Buffer | null,
    client: IClientAddress,
    secure: boolean,
    onClosed: (() => void) | null = null,
  ): void {
    this.total++;
    this.enter(wire, bytes, client, secure, onClosed);
  }

  private enter(
    wire: Wire,
    bytes: Buffer | null,
    client: IClientAddress,
    secure: boolean,
    onClosed: (() => void) | null,
  ): void {
    const { plan, admission, tls } = this;
    if (plan === null || admission === null || this.isOver || (secure && tls === null)) {
      wire.destroy();
      onClosed?.();
      return;
    }
    const decide = (entered: boolean): void => {
      const isLate = wire.isClosed || this.isOver;
      if (!entered) this.refused++;
      else if (isLate) admission.leave(client.clientIp);
      if (!entered || isLate) {
        wire.reset();
        onClosed?.();
        return;
      }
      this.openCount++;
      if (secure && tls !== null) {
        const socket = wire.toSocket(bytes);
        if (onClosed !== null) socket.once('close', onClosed);
        this.encrypt(socket, tls, client, admission);
        return;
      }
      const made = this.connect(plan, client, () => {
        this.leave(admission, client);
        onClosed?.();
      });
      made.wire = wire;
      wire.consumer = made;
      this.begin(made);
      wire.resume();
      if (bytes !== null) made.onBytes(bytes, 0, bytes.length);
    };
    const entered = admission.admit(client.clientIp, decide);
    if (entered !== null) decide(entered);
  }

  /** Reads the PROXY header first; it is the client who is counted, not the proxy in front of us. */
  private takeIn(connection: Accepted, plan: IEntrypointPlan): void {
    const { proxyProtocol } = plan;
    if (proxyProtocol === null) return;
    // Known only when it is not over at once.
    let cancel: (() => void) | null = null;
    let isOver = false;
    const { peerIp } = connection;
    cancel = takeIn(connection, proxyProtocol, (arrival, reason) => {
      isOver = true;
      if (arrival === null) {
        const { logger } = this.parts.engine;
        this.refused++;
        const data = { entrypoint: plan.name, peerIp, reason };
        logger.debug('connection.refused', 'A connection has no valid PROXY header', data);
      } else {
        this.enter(arrival.wire, arrival.bytes, arrival.client, this.tls !== null, null);
      }
      if (cancel !== null) this.arriving.delete(cancel);
      this.settle();
    });
    if (!isOver) this.arriving.add(cancel);
  }

  /** Does the TLS handshake; the connection begins when it is done. */
  private encrypt(
    socket: Socket,
    tls: TlsTerminator,
    client: IClientAddress,
    admission: Admission,
  ): void {
    this.encrypted.set(socket, client);
    socket.once('close', () => {
      this.encrypted.delete(socket);
      this.leave(admission, client);
    });
    tls.take(socket);
  }

  private makeTls(tls: ITlsPlan): TlsTerminator {
    const { contexts, ticketKeys, engine } = this.parts;
    const { logger } = engine;
    // What begins by TLS stays so, even if the entrypoint becomes a plain one meanwhile.
    let securePlan = this.plan as IEntrypointPlan;
    const entrypoint = securePlan.name;
    const onSecure = (socket: TLSSocket, below: Socket) => {
      if (this.plan?.secure) securePlan = this.plan;
      const client = this.encrypted.get(below);
      if (client === undefined) return void socket.destroy();
      const connection = this.connect(securePlan, client, null);
      connection.wire = Wire.secure(socket, connection);
      this.begin(connection);
    };
    return new TlsTerminator({ contexts, ticketKeys, logger, entrypoint, onSecure }, tls);
  }

  private leave(admission: Admission, { clientIp }: IClientAddress): void {
    admission.leave(clientIp);
    this.openCount--;
    this.settle();
  }

  private connect(
    plan: IEntrypointPlan,
    client: IClientAddress,
    onGone: (() => void) | null,
  ): ClientConnection {
    const { engine } = this.parts;
    engine.now = performance.now();
    return new ClientConnection(engine, plan, nextConnectionId(), client, (connection) => {
      this.connections.delete(connection);
      onGone?.();
      const { bus } = engine;
      if (!bus.has('connection.close')) return;
      bus.emit('connection.close', {
        id: connection.id,
        entrypoint: plan.name,
        clientIp: client.clientIp,
        durationMs: performance.now() - connection.openedAt,
        bytesIn: connection.wire.bytesRead,
        bytesOut: connection.wire.bytesWritten,
      });
    });
  }

  private begin(connection: ClientConnection): void {
    connection.isLeaving = this.isLeaving;
    this.connections.add(connection);
    this.parts.onActive();
    const { bus } = this.parts.engine;
    if (!bus.has('connection.open')) return;
    const { id, peerIp, plan } = connection;
    bus.emit('connection.open', { id, entrypoint: plan.name, clientIp: peerIp });
  }
}

/** Whether clients are admitted by the same rules, and counted together. */
function isSameAdmission(one: IEntrypointPlan, other: IEntrypointPlan): boolean {
  return (
    one.name === other.name &&
    one.connectionsMax === other.connectionsMax &&
    one.connectionsPerClientMax === other.connectionsPerClientMax &&
    isDeepStrictEqual(one.connectionRate, other.connectionRate) &&
    isDeepStrictEqual(one.access, other.access)
  );
}

/** Whether a terminator for one plan can go on with the other. */
function isSameHandshake(one: ITlsPlan, other: ITlsPlan): boolean {
  return one.minVersion === other.minVersion && one.handshakeMs === other.handshakeMs;
}

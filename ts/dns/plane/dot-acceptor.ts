import { randomBytes } from 'node:crypto';
import type { Socket } from 'node:net';
import { createServer, type SecureContext, type Server, type TLSSocket } from 'node:tls';
import type { IEntrypointTls } from '../../../ts_interfaces/index.ts';
import type { ILogger } from '../../core/logger.ts';
import type { Accepted } from '../../net/accepted.ts';
import { clientKey } from '../../net/client-prefix.ts';
import { ConnectionCounter } from '../../net/connection-counter.ts';
import type { IDnsCertificate, IDnsTls } from './types.ts';

/** A client that has not done its handshake by then is not one of ours. */
const handshakeMs = 10_000;
/** Handshakes that are under way, in all and for each client network (IPv4 address, IPv6 /64). */
const handshakesMax = 1000;
const handshakesPerClientMax = 50;

/** What a DoT acceptor works with. */
export interface IDotAcceptorParts {
  readonly tls: IDnsTls;
  readonly logger: ILogger;
  /** Name of the listener, for the log. */
  readonly listener: string;
  /** Gets each connection whose handshake is done. @param address of the client in normal form. */
  readonly onSecure: (socket: TLSSocket, address: string) => void;
}

/** Makes DNS over TLS (RFC 7858) of connections that somebody else accepted. */
export class DotAcceptor {
  readonly options: IEntrypointTls;
  private readonly parts: IDotAcceptorParts;
  private readonly server: Server;
  private readonly ticketKeys = randomBytes(48);
  /** Sockets below the handshakes that are under way, and whose they are. */
  private readonly shaking = new Map<Socket, string>();
  private readonly perClient = new ConnectionCounter();
  private shown: IDnsCertificate | undefined;

  constructor(parts: IDotAcceptorParts, options: IEntrypointTls) {
    this.parts = parts;
    this.options = options;
    this.server = createServer({
      SNICallback: (name, done) => this.choose(name, done),
      ALPNProtocols: ['dot'],
      minVersion: options.minVersion ?? 'TLSv1.2',
      handshakeTimeout: handshakeMs,
      ticketKeys: this.ticketKeys,
    });
    this.server.on('secureConnection', (socket) => {
      // Node keeps the socket below a TLS socket, and shows it to nobody.
      const address = this.done((socket as unknown as { _parent: Socket })._parent);
      if (address === undefined) socket.destroy();
      else parts.onSecure(socket, address);
    });
    this.server.on('tlsClientError', (error: NodeJS.ErrnoException, socket: TLSSocket) => {
      // Node leaves the socket open when the time is over.
      socket.destroy();
      const { logger, listener } = parts;
      const reason = error.code ?? error.message;
      logger.debug('tls.handshakeFailed', 'A TLS handshake failed', { listener, reason });
    });
  }

  /** Does the handshake, unless too many are under way. */
  take(connection: Accepted): void {
    const { peerIp } = connection;
    const isRoom = peerIp !== '' && this.shaking.size < handshakesMax;
    if (!isRoom || !this.perClient.enter(clientKey(peerIp), handshakesPerClientMax)) {
      connection.destroy();
      return;
    }
    const socket = connection.toSocket();
    this.shaking.set(socket, peerIp);
    socket.once('close', () => this.done(socket));
    this.server.emit('connection', socket);
  }

  /**
   * Looks up the certificate for clients that name no host or an unknown one; what there is
   * otherwise is logged.
   */
  async showDefault(): Promise<void> {
    const { defaultCertificate: name, minVersion = 'TLSv1.2' } = this.options;
    if (name === undefined) return;
    try {
      const found = await this.parts.tls.contexts.find(name);
      if (found === this.shown) return;
      this.shown = found;
      const { key, cert } = found?.material ?? {};
      // Node asks SNICallback only when the client names a host.
      this.server.setSecureContext({ key, cert, minVersion, ticketKeys: this.ticketKeys });
    } catch (error) {
      const { logger } = this.parts;
      logger.error('tls.noCertificate', `Cannot show the certificate of "${name}"`, { error });
    }
  }

  /** Gives up the handshakes that are under way. */
  stop(): void {
    for (const socket of this.shaking.keys()) socket.destroy();
  }

  /** @returns the client's address; undefined: it was done before. */
  private done(socket: Socket): string | undefined {
    const address = this.shaking.get(socket);
    if (address === undefined) return undefined;
    this.shaking.delete(socket);
    this.perClient.leave(clientKey(address));
    return address;
  }

  private choose(name: string, done: (error: Error | null, context?: SecureContext) => void): void {
    this.parts.tls.contexts.find(name).then(
      // Without a context the handshake fails with an alert: there is no certificate to show.
      (found) => done(null, (found ?? this.shown)?.context),
      (error: Error) => {
        const { logger } = this.parts;
        logger.error('tls.noCertificate', `Cannot serve "${name}" by TLS`, { error });
        done(error);
      },
    );
  }
}

import type { Socket } from 'node:net';
import { createServer, type SecureContext, type Server, type TLSSocket } from 'node:tls';
import type { ILogger } from '../core/logger.ts';
import type { ITlsContext, TlsContexts } from './tls-contexts.ts';

const timerMsMax = 2_147_483_647;

/** TLS versions that an entrypoint may ask for at least. */
export type TTlsVersion = 'TLSv1.2' | 'TLSv1.3';

/** TLS of a listener; another version or deadline is another terminator. */
export interface ITlsPlan {
  readonly minVersion: TTlsVersion;
  /** Host name whose certificate is shown when no other fits; null: the handshake is refused. */
  readonly defaultName: string | null;
  /** Milliseconds that a handshake may take; 0: as long as it likes. */
  readonly handshakeMs: number;
}

/** What a terminator works with. */
export interface ITlsTerminatorParts {
  contexts: TlsContexts;
  /** 48 bytes; whoever shares them takes up each other's sessions. */
  ticketKeys: Buffer;
  logger: ILogger;
  /** Name of the entrypoint, for the log. */
  entrypoint: string;
  /** Protocols that are offered by ALPN. @default only HTTP/1.1 */
  alpn?: readonly string[];
  /** Gets each connection whose handshake is done, and the socket below it that `take` was given. */
  onSecure: (socket: TLSSocket, below: Socket) => void;
}

/** Ends the TLS of sockets that somebody else accepted. */
export class TlsTerminator {
  /** Only the name of the default certificate may change. */
  plan: ITlsPlan;
  private readonly parts: ITlsTerminatorParts;
  private readonly server: Server;
  private questions = 0;
  private shown: ITlsContext | undefined;

  constructor(parts: ITlsTerminatorParts, plan: ITlsPlan) {
    this.parts = parts;
    this.plan = plan;
    const { alpn = ['http/1.1'] } = parts;
    this.server = createServer({
      SNICallback: (name, done) => this.choose(name, done),
      ...(alpn.length === 0 ? {} : { ALPNProtocols: [...alpn] }),
      minVersion: plan.minVersion,
      handshakeTimeout: plan.handshakeMs || timerMsMax,
      ticketKeys: parts.ticketKeys,
    });
    this.server.on('secureConnection', (socket) => {
      // Node keeps the socket below a TLS socket, and shows it to nobody.
      parts.onSecure(socket, (socket as unknown as { _parent: Socket })._parent);
    });
    this.server.on('tlsClientError', (error: NodeJS.ErrnoException, socket: TLSSocket) => {
      // Node leaves the socket open when the time is over.
      socket.destroy();
      const { entrypoint, logger } = this.parts;
      const reason = error.code ?? error.message;
      logger.debug('tls.handshakeFailed', 'A TLS handshake failed', { entrypoint, reason });
    });
  }

  /**
   * Does the handshake on a connected socket, which belongs to the terminator from now on. What
   * the socket has read already (`socket.unshift`) comes first.
   */
  take(socket: Socket): void {
    this.server.emit('connection', socket);
  }

  /**
   * Looks up the certificate for clients that name no host or an unknown one.
   *
   * @param name host name; null: such clients are refused.
   */
  async showDefault(name: string | null): Promise<void> {
    const question = ++this.questions;
    const found = name === null ? undefined : await this.parts.contexts.find(name);
    // Somebody may have asked again while a source was thinking.
    if (question !== this.questions || found === this.shown) return;
    this.shown = found;
    const { minVersion } = this.plan;
    const { ticketKeys } = this.parts;
    // Node asks SNICallback only when the client names a host.
    const { key, cert } = found?.material ?? {};
    this.server.setSecureContext({ key, cert, minVersion, ticketKeys });
  }

  private choose(name: string, done: (error: Error | null, context?: SecureContext) => void): void {
    this.parts.contexts.find(name).then(
      // Without a context the handshake fails with an alert: there is no certificate to show.
      (found) => done(null, (found ?? this.shown)?.context),
      (error: Error) => {
        const message = `Cannot serve "${name}" by TLS`;
        this.parts.logger.error('tls.noCertificate', message, { error });
        done(error);
      },
    );
  }
}

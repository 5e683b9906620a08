import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import type { ILogger } from '../../core/logger.ts';
import type { TlsContexts } from '../tls-contexts.ts';
import { type ITlsPlan, TlsTerminator } from '../tls-terminator.ts';

/** What TLS is ended with. */
export interface ITlsEndParts {
  contexts: TlsContexts;
  /** 48 bytes; whoever shares them takes up each other's sessions. */
  ticketKeys: Buffer;
  logger: ILogger;
}

/** Ends the TLS of an action's connections. */
export class TlsEnd {
  readonly plan: ITlsPlan;
  readonly alpn: readonly string[];
  private readonly terminator: TlsTerminator;
  private readonly logger: ILogger;
  private readonly waiting = new WeakMap<Socket, (socket: TLSSocket) => void>();

  /** @param name of the entry, for the log. */
  constructor(name: string, plan: ITlsPlan, alpn: readonly string[], parts: ITlsEndParts) {
    this.plan = plan;
    this.alpn = alpn;
    this.logger = parts.logger;
    const onSecure = (socket: TLSSocket, below: Socket) => {
      const done = this.waiting.get(below);
      this.waiting.delete(below);
      if (done === undefined) socket.destroy();
      else done(socket);
    };
    this.terminator = new TlsTerminator({ ...parts, entrypoint: name, alpn, onSecure }, plan);
    this.showDefault();
  }

  /** Does the handshake; `done` is called when it is, and never when the socket closes before. */
  take(socket: Socket, done: (socket: TLSSocket) => void): void {
    this.waiting.set(socket, done);
    this.terminator.take(socket);
  }

  /** Certificates have come or gone: one may be that for clients that name no host. */
  showDefault(): void {
    const { defaultName } = this.plan;
    this.terminator.showDefault(defaultName).catch((error: unknown) => {
      const message = `Cannot show the certificate of "${defaultName}"`;
      this.logger.error('tls.noCertificate', message, { error });
    });
  }
}

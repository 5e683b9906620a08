/**
 * The network as the resolver sees it: injected, so that tests own every packet, and so that
 * nothing else here opens a socket.
 */

/** How queries reach a server: RFC 1035, RFC 7766, RFC 7858 (DoT), RFC 8484 (DoH). */
export type TServerProtocol = 'udp' | 'tcp' | 'tls' | 'https';

/** A name server. */
export interface IServer {
  /** IP address. */
  readonly address: string;
  readonly port: number;
  /** `udp` means UDP with TCP for what does not fit. */
  readonly protocol: TServerProtocol;
  /** Name that the certificate of a `tls` or `https` server must hold. @default the address */
  readonly serverName?: string;
  /** Path of an `https` server. @default '/dns-query' */
  readonly path?: string;
}

/** What arrives at a datagram channel. */
export interface IDatagramEvents {
  /** A datagram from anybody: the receiver compares the source with the server. */
  message(bytes: Buffer, address: string, port: number): void;
  /** The channel is of no use any more; comes at most once, and not after `close()`. */
  failed(error: Error): void;
}

/** A socket for one query: its own random port. */
export interface IDatagramChannel {
  /** Sends to the server that the channel was opened for. */
  send(bytes: Buffer): void;
  /** Frees the port; nothing arrives any more. Twice is harmless. */
  close(): void;
}

/** What happens to a stream. */
export interface IStreamEvents {
  /** Connected, and the TLS handshake (if any) is done. */
  opened(): void;
  data(bytes: Buffer): void;
  /** The stream is gone, by the other side or a failure; comes at most once, not after `close()`. */
  closed(error: Error | null): void;
}

/** A TCP or TLS connection. */
export interface IStreamChannel {
  /** Takes bytes at any time; what comes before `opened` waits. */
  write(bytes: Buffer): void;
  /** Closes at once. Twice is harmless. */
  close(): void;
}

/** The answer of an HTTPS server. */
export interface IPostReply {
  readonly status: number;
  readonly contentType: string;
  readonly body: Buffer;
}

/** A request that can be given up. */
export interface IPostRequest {
  /** Rejects when there is no complete answer. */
  readonly reply: Promise<IPostReply>;
  /** Gives it up; `reply` rejects. */
  cancel(): void;
}

/**
 * Opens what queries travel through. Whoever opens a channel closes it. No event comes before the
 * call that opens has returned.
 */
export interface ITransport {
  /** A socket on a fresh, unpredictable source port (RFC 5452 §4.5). */
  openDatagram(server: IServer, events: IDatagramEvents): IDatagramChannel;
  /** A connection; with TLS when the server's protocol is `tls`. */
  openStream(server: IServer, events: IStreamEvents): IStreamChannel;
  /** Posts a DNS message as `application/dns-message`; a body above 65,535 bytes is a failure. */
  post(server: IServer, body: Buffer): IPostRequest;
  /** Closes what is kept open for later requests. */
  close(): void;
}

/** The key of a server in a table: all that distinguishes it. */
export function serverKey(server: IServer): string {
  const { protocol, address, port, serverName = '', path = '' } = server;
  return `${protocol}:${address}#${port}${serverName}${path}`;
}

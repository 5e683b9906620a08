import http2 from 'node:http2';
import https from 'node:https';
import net from 'node:net';
import tls from 'node:tls';
import { type IPostReply, type IPostRequest, type IServer, serverKey } from './transport.ts';

const replyBytesMax = 65_535;
const dohPath = '/dns-query';
/** Milliseconds without a question until a connection is closed. */
const idleMs = 60_000;
/** HTTP/1.1 connections to one server at a time. */
const socketsMax = 8;

/** A connection that takes many questions at a time; null: the server speaks HTTP/1.1 only. */
type TSession = Promise<http2.ClientHttp2Session | null>;

/**
 * Posts DNS messages over HTTPS (RFC 8484): by HTTP/2, one connection to each server, or by HTTP/1.1
 * where the server does not offer it.
 */
export class HttpsClient {
  private readonly ca: string | undefined;
  private readonly agent = new https.Agent({ keepAlive: true, maxSockets: socketsMax });
  private readonly sessions = new Map<string, TSession>();

  /** @param ca certificates, as PEM, that servers' ones are checked with; undefined: the system's. */
  constructor(ca: string | undefined) {
    this.ca = ca;
  }

  /** See `ITransport`. */
  post(server: IServer, body: Buffer): IPostRequest {
    const { promise, resolve, reject } = Promise.withResolvers<IPostReply>();
    const giveUp = new AbortController();
    giveUp.signal.addEventListener('abort', () => reject(new Error('given up')));
    this.send(server, body, giveUp.signal).then(resolve, reject);
    return { reply: promise, cancel: () => giveUp.abort() };
  }

  /** Closes what is kept open. */
  close(): void {
    this.agent.destroy();
    for (const session of this.sessions.values()) {
      session.then(
        (open) => open?.destroy(),
        () => undefined,
      );
    }
    this.sessions.clear();
  }

  private async send(server: IServer, body: Buffer, signal: AbortSignal): Promise<IPostReply> {
    const key = serverKey(server);
    const known = this.sessions.get(key);
    const opening = known ?? this.open(server);
    const session = await opening;
    if (session === null) return this.ask1(server, body, signal);
    const forget = (): void => {
      if (this.sessions.get(key) === opening) this.sessions.delete(key);
    };
    try {
      return await ask2(session, server, body, signal);
    } catch (error) {
      if (signal.aborted) {
        // Perhaps the way is broken, of which nobody tells: the next question takes another one.
        forget();
        session.close();
        throw error;
      }
      // A connection of before may have been closed while the question was on its way.
      if (known === undefined) throw error;
      forget();
      return this.send(server, body, signal);
    }
  }

  private open(server: IServer): TSession {
    const key = serverKey(server);
    const { promise, resolve, reject } = Promise.withResolvers<http2.ClientHttp2Session | null>();
    const { address: host, port, serverName = host } = server;
    const ALPNProtocols = ['h2', 'http/1.1'];
    const socket = tls.connect({ host, port, ca: this.ca, ALPNProtocols, ...identity(serverName) });
    const forget = (): void => {
      if (this.sessions.get(key) === promise) this.sessions.delete(key);
    };
    socket.setNoDelay(true);
    let isOpen = false;
    const fail = (error: Error): void => {
      if (isOpen) return;
      forget();
      reject(error);
    };
    socket.on('error', fail);
    socket.once('close', () => fail(new Error('the connection was closed')));
    socket.once('secureConnect', () => {
      isOpen = true;
      if (socket.alpnProtocol !== 'h2') {
        resolve(null);
        socket.destroy();
        return;
      }
      const session = http2.connect(`https://${authorityOf(server)}`, {
        createConnection: () => socket,
        settings: { enablePush: false },
      });
      session.setTimeout(idleMs, () => session.close());
      // Questions on it fail each for itself.
      session.on('error', forget);
      session.on('goaway', forget);
      session.on('close', forget);
      resolve(session);
    });
    this.sessions.set(key, promise);
    return promise;
  }

  private ask1(server: IServer, body: Buffer, signal: AbortSignal): Promise<IPostReply> {
    const { address: host, port, serverName = host, path = dohPath } = server;
    const { promise, resolve, reject } = Promise.withResolvers<IPostReply>();
    const headers = { host: authorityOf(server), ...headersOf(body) };
    const way = { host, port, path, ca: this.ca, agent: this.agent, signal };
    const request = https.request({ ...way, method: 'POST', headers, ...identity(serverName) });
    request.on('error', reject);
    request.on('response', (response) => {
      const { statusCode: status = 0, headers: told } = response;
      read(response, { status, contentType: told['content-type'] ?? '' }).then(resolve, reject);
    });
    request.end(body);
    return promise;
  }
}

function ask2(
  session: http2.ClientHttp2Session,
  server: IServer,
  body: Buffer,
  signal: AbortSignal,
): Promise<IPostReply> {
  const { promise, resolve, reject } = Promise.withResolvers<IPostReply>();
  const stream = session.request(
    { ':method': 'POST', ':path': server.path ?? dohPath, ...headersOf(body) },
    { signal },
  );
  stream.on('error', reject);
  let isAnswered = false;
  stream.on('close', () => {
    // Whoever reads the answer hears of it there.
    if (!isAnswered) reject(new Error('the stream was closed'));
  });
  stream.on('response', (told) => {
    isAnswered = true;
    const contentType = told['content-type'] ?? '';
    read(stream, { status: told[':status'] ?? 0, contentType }).then(resolve, reject);
  });
  stream.end(body);
  return promise;
}

async function read(
  stream: NodeJS.ReadableStream & { destroy(error: Error): unknown },
  head: Omit<IPostReply, 'body'>,
): Promise<IPostReply> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > replyBytesMax) {
      const error = new Error('the HTTP answer is too long');
      stream.destroy(error);
      throw error;
    }
    chunks.push(chunk);
  }
  return { ...head, body: Buffer.concat(chunks) };
}

function headersOf(body: Buffer): Record<string, string | number> {
  const type = 'application/dns-message';
  return { accept: type, 'content-type': type, 'content-length': body.length };
}

function authorityOf({ address, port, serverName = address }: IServer): string {
  const host = net.isIPv6(serverName) ? `[${serverName}]` : serverName;
  return port === 443 ? host : `${host}:${port}`;
}

/** The name that the certificate must hold; SNI has no addresses (RFC 6066 §3). */
export function identity(serverName: string): tls.ConnectionOptions {
  return {
    servername: net.isIP(serverName) === 0 ? serverName : '',
    checkServerIdentity: (_host, certificate) => tls.checkServerIdentity(serverName, certificate),
  };
}

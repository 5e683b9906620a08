import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import net from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { TestContext } from 'node:test';
import tls from 'node:tls';
import type { EventBus } from '../../ts/core/event-bus.ts';
import { DcRouter, type IDcRouterContext } from '../../ts/dcrouter.ts';
import {
  type IProxyManagerOptions,
  type IProxyManagerParts,
  ProxyManager,
} from '../../ts/proxy/proxy-manager.ts';
import type {
  IDcRouterOptions,
  IEventMap,
  TEventName,
  TRouteInput,
} from '../../ts_interfaces/index.ts';

/** An origin server, and what it was asked. */
export interface IOrigin {
  port: number;
  /** As a backend of a route. */
  backend: { id: string; hostname: string; port: number };
  /** Requests that arrived, in order. */
  requests: http.IncomingMessage[];
  server: http.Server;
  /** Stops listening and ends its connections; for tests that take it down. */
  stop(): Promise<void>;
  /** Listens again on the same port. */
  restart(): Promise<void>;
}

/** What the origin says about a request by default. */
export interface IEcho {
  origin: string;
  method: string;
  url: string;
  headers: Record<string, string>;
  rawHeaders: string[];
  body: string;
}

/** Answers a request; its body was read. */
export type TRespond = (
  request: http.IncomingMessage,
  response: http.ServerResponse,
  body: string,
) => void;

/**
 * Starts an origin server for the length of a test. Without `respond` it tells what arrived, as an
 * `IEcho` in JSON.
 *
 * @param secure serves by TLS.
 */
export async function startOrigin(
  context: TestContext,
  id: string,
  respond: TRespond = echoAs(id),
  secure?: https.ServerOptions,
): Promise<IOrigin> {
  const requests: http.IncomingMessage[] = [];
  const listener: http.RequestListener = (request, response) => {
    requests.push(request);
    let body = '';
    request.setEncoding('latin1');
    request.on('data', (chunk: string) => {
      body += chunk;
    });
    request.on('error', () => response.destroy());
    request.on('end', () => respond(request, response, body));
  };
  const server: http.Server =
    secure === undefined ? http.createServer(listener) : https.createServer(secure, listener);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as net.AddressInfo;
  const stop = async (): Promise<void> => {
    if (!server.listening) return;
    const closed = once(server, 'close');
    server.close();
    server.closeAllConnections();
    await closed;
  };
  const restart = async (): Promise<void> => {
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');
  };
  context.after(stop);
  return {
    port,
    backend: { id, hostname: '127.0.0.1', port },
    requests,
    server,
    stop,
    restart,
  };
}

function echoAs(origin: string): TRespond {
  return (request, response, body) => {
    const { method = '', url = '', headers, rawHeaders } = request;
    response.setHeader('Content-Type', 'application/json');
    response.end(JSON.stringify({ origin, method, url, headers, rawHeaders, body }));
  };
}

/** Reads what an origin answered by default. */
export function echoOf({ body }: IReply): IEcho {
  return JSON.parse(body) as IEcho;
}

/** Port that nothing listens on. */
export async function closedPort(): Promise<number> {
  const server = net.createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as net.AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

/** A TCP server whose connections a test handles by itself. */
export async function startRaw(
  context: TestContext,
  onConnection: (socket: net.Socket) => void,
): Promise<{ port: number; backend: { id: string; hostname: string; port: number } }> {
  const sockets = new Set<net.Socket>();
  const server = net.createServer((socket) => {
    sockets.add(socket);
    // A test that breaks connections off expects errors.
    socket.on('error', () => sockets.delete(socket));
    socket.on('close', () => sockets.delete(socket));
    onConnection(socket);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as net.AddressInfo;
  context.after(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return { port, backend: { id: 'raw', hostname: '127.0.0.1', port } };
}

/** An answer as it came over the wire. */
export interface IReply {
  status: number;
  /** By name in lower case; repeated ones joined by `, `, cookies by a line feed. */
  headers: Record<string, string>;
  body: string;
}

/** A request to be written. */
export interface IAsk {
  method?: string;
  path?: string;
  host?: string;
  headers?: Record<string, string>;
  body?: string;
}

/** A client's connection; it writes and reads by itself, so that nothing is hidden. */
export class Client {
  readonly socket: net.Socket;
  /** Resolves when the connection is gone. */
  readonly closed: Promise<void>;
  /** What arrived and was not read yet, as Latin-1. */
  received = '';
  private ended = false;
  private wake: (() => void) | null = null;

  constructor(socket: net.Socket) {
    this.socket = socket;
    socket.setEncoding('latin1');
    socket.on('data', (text: string) => {
      this.received += text;
      this.wake?.();
    });
    const end = () => {
      this.ended = true;
      this.wake?.();
    };
    socket.on('end', end);
    // What follows from an error is seen at the close.
    socket.on('error', end);
    this.closed = new Promise((resolve) => {
      socket.on('close', () => {
        end();
        resolve();
      });
    });
  }

  /** Connects; ends with the test. */
  static async open(context: TestContext, port: number): Promise<Client> {
    const socket = net.connect({ port, host: '127.0.0.1' });
    context.after(() => socket.destroy());
    await once(socket, 'connect');
    return new Client(socket);
  }

  /** Connects by TLS; rejects when the handshake fails. */
  static async secure(
    context: TestContext,
    port: number,
    options: tls.ConnectionOptions = {},
  ): Promise<Client> {
    const socket = tls.connect({
      port,
      host: '127.0.0.1',
      rejectUnauthorized: false,
      ...options,
    });
    context.after(() => socket.destroy());
    await once(socket, 'secureConnect');
    return new Client(socket);
  }

  /** Writes a request. */
  send({ method = 'GET', path: target = '/', host = 'a.test', headers, body }: IAsk = {}): void {
    const all: Record<string, string> = { Host: host, ...headers };
    if (body !== undefined) all['Content-Length'] ??= String(Buffer.byteLength(body));
    const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
    this.socket.write(
      `${method} ${target} HTTP/1.1\r\n${lines.join('')}\r\n${body ?? ''}`,
      'latin1',
    );
  }

  /** Reads the next response; informational ones are skipped. */
  async reply(method = 'GET'): Promise<IReply> {
    for (;;) {
      const head = await this.until('\r\n\r\n');
      const [line = '', ...lines] = head.split('\r\n');
      const status = Number(/^HTTP\/1\.1 (\d{3})/.exec(line)?.[1]);
      const headers = headersOf(lines);
      if (status >= 100 && status < 200 && status !== 101) continue;
      if (method === 'HEAD' || status === 204 || status === 304 || status === 101) {
        return { status, headers, body: '' };
      }
      return { status, headers, body: await this.body(headers) };
    }
  }

  /** Writes a request and reads its response. */
  async ask(request: IAsk = {}): Promise<IReply> {
    this.send(request);
    return this.reply(request.method);
  }

  /** Reads up to and without a mark. */
  async until(mark: string): Promise<string> {
    for (;;) {
      const at = this.received.indexOf(mark);
      if (at !== -1) return this.take(at, mark.length);
      await this.more();
    }
  }

  /** Reads so many bytes. */
  async bytes(count: number): Promise<string> {
    while (this.received.length < count) await this.more();
    return this.take(count, 0);
  }

  private async body(headers: Record<string, string>): Promise<string> {
    const { 'content-length': length, 'transfer-encoding': coding } = headers;
    if (length !== undefined) return this.bytes(Number(length));
    if (coding !== 'chunked') {
      while (!this.ended) await this.more();
      return this.take(this.received.length, 0);
    }
    let body = '';
    for (;;) {
      const size = Number.parseInt(await this.until('\r\n'), 16);
      if (size === 0) break;
      body += await this.bytes(size);
      await this.bytes(2);
    }
    await this.until('\r\n');
    return body;
  }

  private take(count: number, markLength: number): string {
    const text = this.received.slice(0, count);
    this.received = this.received.slice(count + markLength);
    return text;
  }

  private async more(): Promise<void> {
    if (this.ended) throw new Error(`The connection ended after ${JSON.stringify(this.received)}`);
    await new Promise<void>((resolve) => {
      this.wake = resolve;
    });
    this.wake = null;
  }
}

function headersOf(lines: readonly string[]): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const line of lines) {
    const colon = line.indexOf(':');
    const name = line.slice(0, colon).toLowerCase();
    const value = line.slice(colon + 1).trim();
    const separator = name === 'set-cookie' ? '\n' : ', ';
    headers[name] = headers[name] === undefined ? value : headers[name] + separator + value;
  }
  return headers;
}

/** One request over a connection of its own. */
export async function ask(context: TestContext, port: number, request: IAsk = {}): Promise<IReply> {
  const client = await Client.open(context, port);
  const reply = await client.ask(request);
  client.socket.destroy();
  return reply;
}

/** A proxy on free ports, and where they are. Stops with the test. */
export async function startProxy(
  context: TestContext,
  options: IProxyManagerOptions & { routes?: TRouteInput[] } = {},
  parts: IProxyManagerParts = {},
): Promise<{ proxy: ProxyManager; port: number; ports: Record<string, number> }> {
  const entrypoints = options.entrypoints ?? { http: { address: '127.0.0.1', port: 0 } };
  const proxy = new ProxyManager({ drainTimeoutMs: 0, ...options, entrypoints }, parts);
  context.after(() => proxy.stop());
  await proxy.start();
  const ports = portsOf(proxy.addresses());
  return { proxy, ports, port: ports.http ?? 0 };
}

/** A DcRouter with one plain entrypoint on a free port, unless the options say otherwise. */
export async function startRouter(
  context: TestContext,
  options: IDcRouterOptions = {},
  about: IDcRouterContext = {},
): Promise<{ router: DcRouter; port: number; ports: Record<string, number> }> {
  const router = new DcRouter(withPort(options), about);
  context.after(() => router.stop());
  await router.start();
  const ports = portsOf(router.addresses());
  return { router, ports, port: ports.http ?? 0 };
}

/** Options with a plain entrypoint on a free port, and nothing to wait for at the end. */
export function withPort(options: IDcRouterOptions): IDcRouterOptions {
  const entrypoints = { http: { address: '127.0.0.1', port: 0 } };
  return { drainTimeoutMs: 0, ...options, web: { entrypoints, ...options.web } };
}

function portsOf(addresses: Record<string, { port: number }>): Record<string, number> {
  return Object.fromEntries(Object.entries(addresses).map(([name, { port }]) => [name, port]));
}

/** The next event of a name that fits. */
export function nextEvent<N extends TEventName>(
  bus: EventBus,
  name: N,
  fits: (payload: IEventMap[N]) => boolean = () => true,
): Promise<IEventMap[N]> {
  return new Promise((resolve) => {
    const leave = bus.on(name, (payload) => {
      if (!fits(payload)) return;
      leave();
      resolve(payload);
    });
  });
}

/** An empty folder that goes with the test. */
export function temporaryFolder(context: TestContext): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'dcrouter-'));
  context.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** A route to backends, for `a.test` unless it says otherwise. */
export function routeTo(
  backends: TRouteInput['backends'],
  rest: Partial<TRouteInput> = {},
): TRouteInput {
  return { id: 'a', vHost: 'a.test', backends, ...rest };
}

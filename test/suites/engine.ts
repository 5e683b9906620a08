import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer as createHttp, type RequestListener } from 'node:http';
import { createServer, type Socket } from 'node:net';
import type { TestContext } from 'node:test';
import { createServer as createTls } from 'node:tls';
import type { IEngine } from '../../ts/proxy/http/engine.ts';
import {
  type IProxyManagerOptions,
  type IProxyManagerParts,
  ProxyManager,
} from '../../ts/proxy/proxy-manager.ts';
import type { Route } from '../../ts/proxy/route.ts';
import type { TBackendInput, TRouteInput } from '../../ts_interfaces/index.ts';
import { dial, dialTls, Peer, PeerClosed } from './peer.ts';

function pem(name: string): string {
  return readFileSync(new URL(`../fixtures/certificates/${name}.pem`, import.meta.url), 'utf8');
}

/** Certificate of `example.test` and 127.0.0.1, and the authority that signed it. */
export const identity = { key: pem('ecdsa.key'), cert: pem('chain.cert'), ca: pem('root.cert') };

/** A raw backend of a test. */
export interface IBackend {
  port: number;
  /** Connections that were opened so far. */
  readonly peers: Peer[];
  /** As a route wants it. */
  readonly input: TBackendInput;
}

/**
 * Starts a backend for the length of a test.
 *
 * @param serve gets every connection; it may end when the proxy closes it. Whatever else it throws
 * fails the test.
 */
export async function startBackend(
  context: TestContext,
  serve: (peer: Peer, index: number) => Promise<void> | void,
  options: { tls?: boolean } = {},
): Promise<IBackend> {
  const peers: Peer[] = [];
  const errors: unknown[] = [];
  const onSocket = (socket: Socket) => {
    const peer = new Peer(socket);
    peers.push(peer);
    Promise.resolve(serve(peer, peers.length - 1)).catch((error: unknown) => {
      if (error instanceof PeerClosed) socket.end();
      else errors.push(error);
    });
  };
  const server = options.tls
    ? createTls({ ...identity, allowHalfOpen: true }, onSocket)
    : createServer({ allowHalfOpen: true, noDelay: true }, onSocket);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  context.after(() => {
    for (const { socket } of peers) socket.destroy();
    server.close();
    assert.deepEqual(errors, [], 'the backend met nothing unexpected');
  });
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  const tls = options.tls ? { ca: identity.ca, serverName: 'example.test' } : undefined;
  return { port, peers, input: { hostname: '127.0.0.1', port, ...(tls ? { tls } : {}) } };
}

/** Starts a backend made of Node's own HTTP for the length of a test. */
export async function startHttpBackend(
  context: TestContext,
  listener: RequestListener,
): Promise<IBackend> {
  const server = createHttp({ keepAliveTimeout: 0 }, listener).listen(0, '127.0.0.1');
  await once(server, 'listening');
  context.after(() => {
    server.closeAllConnections();
    server.close();
  });
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  return { port, peers: [], input: { hostname: '127.0.0.1', port } };
}

/** Answers every request of a connection with its target as the body. */
export async function echoTargets(peer: Peer): Promise<void> {
  for (;;) {
    const { head } = await peer.readRequest();
    peer.write(ok(head.target));
  }
}

/** A response with a length. */
export function ok(body: string, lines = ''): string {
  return `HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n${lines}\r\n${body}`;
}

/** A GET request. */
export function get(target: string, lines = ''): string {
  return `GET ${target} HTTP/1.1\r\nHost: example.test\r\n${lines}\r\n`;
}

/** A POST request with a length; pass another method if need be. */
export function post(target: string, body: string, lines = '', method = 'POST'): string {
  return (
    `${method} ${target} HTTP/1.1\r\nHost: example.test\r\n` +
    `Content-Length: ${body.length}\r\n${lines}\r\n${body}`
  );
}

/** A proxy of a test, with one route for everything. */
export interface IProxy {
  readonly manager: ProxyManager;
  readonly route: Route;
  readonly engine: IEngine;
  readonly port: number;
  readonly securePort: number;
  /** Opens a client's connection; it is closed after the test. */
  dial(): Promise<Peer>;
  /** The same by TLS. */
  dialTls(): Promise<Peer>;
}

/** What of a proxy a test wants otherwise. */
export interface IProxyWishes {
  route?: Partial<TRouteInput>;
  web?: IProxyManagerOptions;
  parts?: IProxyManagerParts;
}

/**
 * Starts a proxy for the length of a test.
 *
 * After the test every counter has to be back at 0. Backends do not die of a failure unless the
 * route says so.
 */
export async function startProxy(
  context: TestContext,
  backends: readonly IBackend[],
  { route = {}, web = {}, parts = {} }: IProxyWishes = {},
): Promise<IProxy> {
  const entrypoints = {
    http: { address: '127.0.0.1', port: 0 },
    https: { address: '127.0.0.1', port: 0, tls: true },
  };
  const manager = new ProxyManager({ entrypoints, ...web }, parts);
  const clients = new Set<Peer>();
  context.after(async () => {
    for (const { socket } of clients) socket.destroy();
    await manager.stop(0);
  });
  await manager.start();
  const added = manager.router.addRoute({
    id: 'all',
    vHost: '*',
    backends: backends.map(({ input }) => input),
    health: { failuresMax: 1000 },
    ssl: { key: identity.key, cert: identity.cert },
    ...route,
  });
  const { engine } = manager as unknown as { engine: IEngine };
  const addresses = manager.addresses();
  const port = addresses.http?.port ?? 0;
  const securePort = addresses.https?.port ?? 0;
  const hold = (peer: Peer) => {
    clients.add(peer);
    peer.socket.once('close', () => clients.delete(peer));
    return peer;
  };
  context.after(() => assertAtRest({ manager, engine, route: added }));
  return {
    manager,
    route: added,
    engine,
    port,
    securePort,
    dial: async () => hold(await dial(port)),
    dialTls: async () =>
      hold(await dialTls(securePort, { ca: identity.ca, servername: 'example.test' })),
  };
}

/** Every counter that has to be 0 when nothing goes on. */
function countersOf({ manager, engine, route }: TInside): Record<string, number> {
  const { total } = manager.tracker;
  return {
    active: total.active,
    queued: total.queued,
    routeActive: route.counter.active,
    routeQueued: route.counter.queued,
    places: route.queue.active,
    line: route.queue.queued,
    endpoints: route.endpoints.reduce((sum, endpoint) => sum + endpoint.active, 0),
    tunnels: engine.tunnels,
    connections: manager.connectionStats().open,
  };
}

type TInside = Pick<IProxy, 'manager' | 'engine' | 'route'>;

/** The open connections of an entrypoint's clients, with what they keep. */
export function clientsOf({ manager }: Pick<IProxy, 'manager'>, name = 'http'): IClientInside[] {
  const { entrypoints } = manager as unknown as {
    entrypoints: { listeners: Map<string, { connections: Set<IClientInside> }> };
  };
  return [...(entrypoints.listeners.get(name)?.connections ?? [])];
}

/** The inside of a client's connection. */
export interface IClientInside {
  /** Bytes that cannot be used yet. */
  stash: Buffer | null;
  wire: { pendingBytes: number };
}

/** Fails unless every counter comes back to 0. */
export async function assertAtRest(inside: TInside): Promise<void> {
  const until = performance.now() + 5000;
  const isBusy = () => Object.values(countersOf(inside)).some((count) => count !== 0);
  while (isBusy() && performance.now() < until) {
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  const counters = countersOf(inside);
  const rest = Object.fromEntries(Object.keys(counters).map((name) => [name, 0]));
  assert.deepEqual(counters, rest);
}

/**
 * Waits for something that is announced by no event, e.g. that a counter is back at 0.
 *
 * @throws when it has not come true after ten seconds.
 */
export async function eventually(isTrue: () => boolean, what = 'it'): Promise<void> {
  const until = performance.now() + 10_000;
  while (!isTrue()) {
    if (performance.now() > until) assert.fail(`${what} did not come true`);
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}

/** Waits until a number has not changed for a while: whatever moved it has come to a stop. */
export async function standstill(measure: () => number, ms = 150): Promise<number> {
  let value = measure();
  let since = performance.now();
  while (performance.now() - since < ms) {
    await new Promise((resolve) => setTimeout(resolve, 5));
    const next = measure();
    if (next !== value) since = performance.now();
    value = next;
  }
  return value;
}

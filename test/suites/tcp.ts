import { once } from 'node:events';
import net from 'node:net';
import type { TestContext } from 'node:test';
import { parseTcpEntry } from '../../ts/config/parse.ts';
import { systemClock } from '../../ts/core/clock.ts';
import { EventBus } from '../../ts/core/event-bus.ts';
import { silentLogger } from '../../ts/core/logger.ts';
import { AddressLists } from '../../ts/net/address-list.ts';
import { LocalLimiters } from '../../ts/net/limiters.ts';
import { PortTable } from '../../ts/net/port-table.ts';
import { LocalPorts } from '../../ts/net/ports.ts';
import { HealthMonitor } from '../../ts/proxy/health-monitor.ts';
import { type ISmartProxyParts, SmartProxy } from '../../ts/proxy/tcp/index.ts';
import { TlsContexts } from '../../ts/proxy/tls-contexts.ts';
import type { TPortProxyInput } from '../../ts_interfaces/index.ts';

/** A TCP plane, and what a test wants to do with it. */
export interface ITcpPlane {
  proxy: SmartProxy;
  parts: ISmartProxyParts;
  /** The first port of an entry. */
  port(id?: string): number;
  /** Adds or changes entries. */
  set(...entries: TPortProxyInput[]): Promise<void>;
  remove(...ids: string[]): Promise<void>;
}

/** Starts a TCP plane on loopback; it stops with the test. Ports are 0 unless an entry says otherwise. */
export async function startTcp(
  context: TestContext,
  entries: TPortProxyInput | TPortProxyInput[],
  wishes: Partial<ISmartProxyParts> = {},
): Promise<ITcpPlane> {
  const clock = wishes.clock ?? systemClock;
  const logger = wishes.logger ?? silentLogger;
  const bus = wishes.bus ?? new EventBus(logger);
  const health = wishes.health ?? new HealthMonitor({ bus, logger, clock });
  const parts: ISmartProxyParts = {
    ports: new PortTable(new LocalPorts()),
    limiters: new LocalLimiters(),
    lists: new AddressLists(),
    contexts: new TlsContexts([]),
    ticketKeys: Buffer.alloc(48, 1),
    bridge: null,
    ...wishes,
    bus,
    logger,
    clock,
    health,
  };
  const proxy = new SmartProxy(parts);
  health.start();
  await proxy.start();
  context.after(async () => {
    await proxy.stop(0);
    health.stop();
  });
  const set = async (...inputs: TPortProxyInput[]) => {
    proxy.apply(await proxy.prepare({ set: inputs.map(entryOf), removed: [] }));
  };
  await set(...[entries].flat());
  return {
    proxy,
    parts,
    port: (id) => {
      const all = proxy.addresses();
      return (id === undefined ? Object.values(all)[0] : all[id])?.[0]?.port ?? 0;
    },
    set,
    remove: async (...removed) => proxy.apply(await proxy.prepare({ set: [], removed })),
  };
}

/** An entry in its normal form, on loopback and a free port unless it says otherwise. */
export function entryOf(input: TPortProxyInput) {
  const ports = input.globalPortRanges === undefined ? { fromPort: 0 } : {};
  return parseTcpEntry({ id: 'a', address: '127.0.0.1', ...ports, ...input });
}

/** A TCP server of a test. */
export interface ITcpServer {
  port: number;
  /** Every connection that came. */
  sockets: net.Socket[];
  /** Resolves to the next connection that comes. */
  next(): Promise<net.Socket>;
  /** Listens no more and cuts its connections. */
  stop(): Promise<void>;
}

/** Starts a TCP server; both sides of its connections may be half closed. */
export async function startServer(
  context: TestContext,
  onConnection: (socket: net.Socket) => void = () => undefined,
  port = 0,
  host = '127.0.0.1',
): Promise<ITcpServer> {
  const sockets: net.Socket[] = [];
  const waiting: ((socket: net.Socket) => void)[] = [];
  const server = net.createServer({ allowHalfOpen: true }, (socket) => {
    sockets.push(socket);
    // Tests break connections off; they look at the close.
    socket.on('error', () => socket.destroy());
    onConnection(socket);
    waiting.shift()?.(socket);
  });
  server.listen(port, host);
  await once(server, 'listening');
  const stop = async () => {
    if (!server.listening) return;
    const closed = once(server, 'close');
    server.close();
    for (const socket of sockets) socket.destroy();
    await closed;
  };
  context.after(stop);
  return {
    port: (server.address() as net.AddressInfo).port,
    sockets,
    next: () => new Promise((resolve) => waiting.push(resolve)),
    stop,
  };
}

/** A server that sends back what it gets. */
export function startEcho(context: TestContext, port = 0, host?: string): Promise<ITcpServer> {
  return startServer(context, (socket) => void socket.pipe(socket), port, host);
}

/** A server that says its name at once, and then sends back what it gets. */
export function startNamed(context: TestContext, name: string): Promise<ITcpServer> {
  return startServer(context, (socket) => {
    socket.write(`${name}:`);
    socket.pipe(socket);
  });
}

/** A client's connection. */
export class TcpClient {
  readonly socket: net.Socket;
  received = Buffer.alloc(0);
  /** The server has sent FIN. */
  ended = false;
  /** How it closed: an error's code, or '' without one; undefined while it is open. */
  closedBy: string | undefined;
  private wake: (() => void)[] = [];
  private error = '';

  constructor(socket: net.Socket) {
    this.socket = socket;
    socket.on('data', (bytes: Buffer) => {
      this.received = Buffer.concat([this.received, bytes]);
      this.changed();
    });
    socket.on('end', () => {
      this.ended = true;
      this.changed();
    });
    socket.on('error', (error: NodeJS.ErrnoException) => {
      this.error = error.code ?? error.message;
    });
    socket.on('close', () => {
      this.closedBy = this.error;
      this.changed();
    });
  }

  /** Begins to connect; ends with the test. */
  static dial(context: TestContext, port: number, host = '127.0.0.1'): TcpClient {
    const socket = net.connect({ port, host, allowHalfOpen: true, noDelay: true });
    context.after(() => socket.destroy());
    return new TcpClient(socket);
  }

  /** Connects; ends with the test. */
  static async open(context: TestContext, port: number, host = '127.0.0.1'): Promise<TcpClient> {
    const client = TcpClient.dial(context, port, host);
    await once(client.socket, 'connect');
    return client;
  }

  /** Resolves when the text has come. */
  async until(text: string): Promise<string> {
    await this.when(() => this.received.includes(text));
    return this.received.toString('latin1');
  }

  /** Resolves when the server has sent FIN, or closed. */
  async end(): Promise<string> {
    await this.when(() => this.ended || this.closedBy !== undefined);
    return this.received.toString('latin1');
  }

  /** Resolves to the error's code when the connection is gone. */
  async closed(): Promise<string> {
    await this.when(() => this.closedBy !== undefined);
    return this.closedBy as string;
  }

  private async when(holds: () => boolean): Promise<void> {
    while (!holds()) {
      if (this.closedBy !== undefined) {
        throw new Error(
          `Closed by "${this.closedBy}" after ${JSON.stringify(String(this.received))}`,
        );
      }
      await new Promise<void>((resolve) => this.wake.push(resolve));
    }
  }

  private changed(): void {
    for (const resolve of this.wake.splice(0)) resolve();
  }
}

/** Resolves when something holds that no event tells; asked once in a turn of the event loop. */
export async function eventually(holds: () => boolean, what = 'it'): Promise<void> {
  const end = performance.now() + 5000;
  while (!holds()) {
    if (performance.now() > end) throw new Error(`Waited too long: ${what}`);
    await new Promise((resolve) => setImmediate(resolve));
  }
}

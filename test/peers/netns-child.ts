/**
 * Runs inside of a network namespace and does what it is told: a line of JSON in, a line of JSON out.
 * The parent is `netns.ts`.
 */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { createInterface } from 'node:readline';
import { systemClock } from '../../ts/core/clock.ts';
import { silentLogger } from '../../ts/core/logger.ts';
import { AddressLists } from '../../ts/net/address-list.ts';
import { KernelForwarder } from '../../ts/proxy/kernel/index.ts';
import { SmartProxy } from '../../ts/proxy/tcp/index.ts';
import type { IPortProxySettings, TPortProxyInput } from '../../ts_interfaces/index.ts';

/** What can be asked of it. */
export interface ICommands {
  /** Answers `<name>:` and what came, with the client's address, by TCP and UDP. */
  serve(name: string, ports: number[]): Promise<null>;
  /** Connects, sends and gives the first answer; an error's code when there is none. */
  tcp(host: string, port: number, text: string): Promise<string>;
  /** As `tcp`, and the connection stays: its number. */
  open(host: string, port: number): Promise<number>;
  /** As `tcp`, by a connection that was opened. */
  say(connection: number, text: string): Promise<string>;
  udp(host: string, port: number, text: string): Promise<string>;
  lists(lists: Record<string, string[]>): Promise<null>;
  check(entry: IPortProxySettings): Promise<{ usable: boolean; reason?: string }>;
  apply(entries: IPortProxySettings[]): Promise<null>;
  refresh(): Promise<null>;
  counters(): Promise<Record<string, Record<string, number>>>;
  clear(): Promise<null>;
  /** Forwards by a whole TCP plane, and says how. */
  proxy(entry: TPortProxyInput): Promise<{ forwardedBy: string; reason?: string }>;
}

const waitMs = 1000;
const lists = new AddressLists();
const kernel = new KernelForwarder({ logger: silentLogger, clock: systemClock, lists });
const connections: Socket[] = [];

const commands: ICommands = {
  serve: async (name, ports) => {
    for (const port of ports) {
      const server = createServer((socket) => {
        socket.on('error', () => socket.destroy());
        socket.on('data', (bytes) => socket.write(`${name}:${bytes}:${socket.remoteAddress}`));
      });
      await once(server.listen(port, '::'), 'listening');
      const udp = createSocket('udp6').bind(port, '::');
      udp.on('message', (bytes, { address, port: from }) => {
        udp.send(`${name}:${bytes}:${address}`, from, address);
      });
      await once(udp, 'listening');
    }
    return null;
  },
  tcp: async (host, port, text) => {
    const socket = connect(port, host);
    try {
      return await talk(socket, text);
    } catch (error) {
      return (error as NodeJS.ErrnoException).code ?? 'timeout';
    } finally {
      socket.destroy();
    }
  },
  open: async (host, port) => {
    const socket = connect(port, host);
    await once(socket, 'connect');
    return connections.push(socket) - 1;
  },
  say: (connection, text) => talk(connections[connection] as Socket, text),
  udp: async (host, port, text) => {
    const socket = createSocket(host.includes(':') ? 'udp6' : 'udp4');
    try {
      const answer = once(socket, 'message', { signal: AbortSignal.timeout(waitMs) });
      socket.send(text, port, host);
      return String((await answer)[0]);
    } catch {
      return 'timeout';
    } finally {
      socket.close();
    }
  },
  lists: async (all) => {
    for (const [name, cidrs] of Object.entries(all)) lists.set(name, cidrs);
    return null;
  },
  check: (entry) => kernel.check(entry),
  apply: async (entries) => {
    await kernel.apply(entries);
    return null;
  },
  refresh: async () => {
    await kernel.refresh();
    return null;
  },
  counters: async () => {
    const all = [...(await kernel.counters())].map(([id, counts]) => [id, { ...counts }]);
    return Object.fromEntries(all);
  },
  clear: async () => {
    await kernel.clear();
    return null;
  },
  proxy: async (entry) => {
    const proxy = new SmartProxy(entry);
    await proxy.start();
    const { forwardedBy = 'none', reason } = proxy.info(entry.id as string) ?? {};
    return reason === undefined ? { forwardedBy } : { forwardedBy, reason };
  },
};

/** Sends, and waits for what comes back. */
async function talk(socket: Socket, text: string): Promise<string> {
  socket.write(text);
  const [bytes] = await once(socket, 'data', { signal: AbortSignal.timeout(waitMs) });
  return String(bytes);
}

if (import.meta.main) {
  for await (const line of createInterface({ input: process.stdin })) {
    const [name, args] = JSON.parse(line) as [keyof ICommands, unknown[]];
    const command = commands[name] as (...args: unknown[]) => Promise<unknown>;
    try {
      process.stdout.write(`${JSON.stringify({ value: await command(...args) })}\n`);
    } catch (error) {
      process.stdout.write(`${JSON.stringify({ error: (error as Error).message })}\n`);
    }
  }
  process.exit(0);
}

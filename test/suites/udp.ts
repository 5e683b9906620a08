import assert from 'node:assert/strict';
import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import { once } from 'node:events';
import type { TestContext } from 'node:test';
import { systemClock } from '../../ts/core/clock.ts';
import { EventBus } from '../../ts/core/event-bus.ts';
import { silentLogger } from '../../ts/core/logger.ts';
import { AddressLists } from '../../ts/net/address-list.ts';
import { LocalLimiters } from '../../ts/net/limiters.ts';
import { HealthMonitor } from '../../ts/proxy/health-monitor.ts';
import { type IUdpForwarderParts, UdpForwarder } from '../../ts/proxy/udp/index.ts';
import type { Backend, IPortProxySettings } from '../../ts_interfaces/index.ts';

/** A datagram that came, with who sent it. */
export type TDatagram = [bytes: Buffer, from: RemoteInfo];

/** A UDP socket of a test, closed with it. */
export async function udpSocket(
  context: TestContext,
  address = '127.0.0.1',
  port = 0,
): Promise<Socket> {
  const socket = createSocket(address.includes(':') ? 'udp6' : 'udp4').bind(port, address);
  context.after(() => new Promise<void>((done) => closeSocket(socket, done)));
  await once(socket, 'listening');
  return socket;
}

/** Closes a socket that may be closed already. */
export function closeSocket(socket: Socket, done: () => void = () => undefined): void {
  try {
    socket.close(done);
  } catch {
    // It is closed already.
    done();
  }
}

/** A backend that answers `<name>:` and what came, to each datagram. */
export async function echo(context: TestContext, name = 'a', address = '127.0.0.1', port = 0) {
  const socket = await udpSocket(context, address, port);
  const seen: TDatagram[] = [];
  socket.on('message', (bytes, from) => {
    seen.push([bytes, from]);
    socket.send(Buffer.concat([Buffer.from(`${name}:`), bytes]), from.port, from.address);
  });
  return { socket, port: socket.address().port, seen };
}

/** Sends a datagram and gives the next one that comes. */
export async function ask(
  client: Socket,
  port: number,
  bytes: Buffer | string,
  host = '127.0.0.1',
): Promise<TDatagram> {
  const answer = once(client, 'message');
  client.send(bytes, port, host);
  return (await answer) as TDatagram;
}

/** As `ask`, for texts. */
export async function askText(client: Socket, port: number, text: string, host?: string) {
  return (await ask(client, port, text, host))[0].toString();
}

/** A forwarder with what it needs; stopped with the test. */
export function udpForwarder(context: TestContext, parts: Partial<IUdpForwarderParts> = {}) {
  const clock = parts.clock ?? systemClock;
  const bus = new EventBus();
  const logged: { event: string; data: Record<string, unknown> | undefined }[] = [];
  const record = (event: string, _message: string, data?: Record<string, unknown>) => {
    logged.push({ event, data });
  };
  const logger = { ...silentLogger, warn: record, error: record };
  const health = new HealthMonitor({ bus, logger: silentLogger, clock });
  const lists = new AddressLists();
  const limiters = new LocalLimiters();
  const udp = new UdpForwarder({
    ...{ limiters, lists, health, bus, logger, clock, reusePort: false },
    ...parts,
  });
  health.start();
  context.after(async () => {
    health.stop();
    await udp.stop();
  });
  /** Prepares and applies an entry, and gives the port that it has, or the first of them. */
  const set = async (entry: Partial<IPortProxySettings>): Promise<number> => {
    const prepared = await udp.prepare(udpEntry(entry));
    udp.apply(prepared);
    return prepared.ports[0]?.port ?? 0;
  };
  const stats = (id = 'udp-1') => {
    const live = udp.info(id);
    assert.ok(live !== undefined, `there is no entry "${id}"`);
    return live.stats;
  };
  return { udp, set, stats, logged, bus, health, lists, limiters };
}

/** A UDP entry on a free port of the loopback. */
export function udpEntry(entry: Partial<IPortProxySettings>): IPortProxySettings {
  const isRange = entry.globalPortRanges !== undefined;
  return {
    id: 'udp-1',
    protocol: 'udp',
    address: '127.0.0.1',
    ...(isRange ? {} : { fromPort: 0 }),
    ...entry,
  };
}

/** A backend on the loopback. */
export function udpBackend(id: string, port: number, more: Partial<Backend> = {}): Backend {
  return { id, hostname: '127.0.0.1', port, isDead: false, failureCount: 0, ...more };
}

/** Waits until something is so, looking after each turn of the event loop; the test's limit ends it. */
export async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await new Promise((turn) => setTimeout(turn, 1));
}

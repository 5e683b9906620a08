import { isDeepStrictEqual } from 'node:util';
import type { IDnsListenerOptions, IEntrypointTls } from '../../../ts_interfaces/index.ts';
import { DcError } from '../../core/errors.ts';
import type { ILogger } from '../../core/logger.ts';
import type { Accepted } from '../../net/accepted.ts';
import type { DescriptorGuard } from '../../net/descriptors.ts';
import type { ITcpHandle } from '../../net/handles.ts';
import type { IHeldPort } from '../../net/port-table.ts';
import type { IBoundPort, IPortAddress } from '../../net/ports.ts';
import type { StreamServer } from '../server/stream-server.ts';
import { DotAcceptor } from './dot-acceptor.ts';
import { adoptTcp, bindTcp, checkFree, checkFreeUdp } from './tcp-ports.ts';
import type { IDnsAddress, IDnsTls } from './types.ts';
import type { IUdpPort, IUdpPorts } from './udp-ports.ts';

/** What listeners work with. */
export interface IListenersParts {
  /** Serves the connections of all listeners. */
  readonly streams: StreamServer;
  readonly udp: IUdpPorts;
  readonly tls: IDnsTls;
  readonly logger: ILogger;
  readonly guard: DescriptorGuard | undefined;
}

/** A TCP port, whatever it serves. */
interface ITcpSide {
  readonly port: IBoundPort;
  /** Null: connections wait. */
  serve: ((connection: Accepted) => void) | null;
}

/** The ports of a listener. */
interface IPorts {
  /** Which ports could be used instead. */
  readonly key: string;
  readonly tcp: ITcpSide;
  /** Null: DNS over TLS. */
  readonly udp: IUdpPort | null;
}

interface IListener {
  readonly ports: IPorts;
  readonly dot: DotAcceptor | null;
}

/** Listeners whose ports are bound. */
export interface IPreparedListeners {
  readonly options: ReadonlyMap<string, IDnsListenerOptions>;
  readonly ports: ReadonlyMap<string, IPorts>;
}

/** Ports that the kernel chose for TCP and that are taken for UDP are given up so often. */
const attemptsMax = 20;
/** Of the keys of our ports among all that are handed over. */
const heldPrefix = 'dns:';

/** The ports on which DNS is answered: those that are open stay so while their place does not change. */
export class Listeners {
  private readonly parts: IListenersParts;
  private listeners = new Map<string, IListener>();
  /** Ports of the process that this one takes over from, by the keys of `held`. */
  private readonly offered = new Map<string, ITcpHandle[]>();

  constructor(parts: IListenersParts) {
    this.parts = parts;
  }

  /**
   * Binds the ports that are not open yet. Nothing is served there before `apply`.
   *
   * @param isTakeOver another process may hold them as well.
   * @throws DcError `LISTEN_FAILED`; nothing is left open then.
   */
  async prepare(
    options: Readonly<Record<string, IDnsListenerOptions>>,
    isTakeOver: boolean,
  ): Promise<IPreparedListeners> {
    const ports = new Map<string, IPorts>();
    const wanted = new Map(Object.entries(options));
    const prepared = { options: wanted, ports };
    try {
      for (const [name, listener] of wanted) {
        ports.set(name, await this.portsOf(name, listener, isTakeOver, [...ports.values()]));
      }
    } catch (error) {
      this.discard(prepared);
      throw error;
    }
    return prepared;
  }

  /** Serves on these ports, and closes all others. Connections that are open stay. */
  apply({ options, ports }: IPreparedListeners): void {
    const before = this.listeners;
    const open = new Set([...before.values()].map((listener) => listener.ports));
    const after = new Map<string, IListener>();
    for (const [name, own] of ports) {
      const dot = this.dotOf(name, options.get(name)?.tls, before.get(name));
      this.serve(own, dot);
      after.set(name, { ports: own, dot });
    }
    this.listeners = after;
    const kept = new Set([...after.values()].flatMap((listener) => sides(listener.ports)));
    for (const one of open) this.close(one, kept);
    const acceptors = new Set([...after.values()].map(({ dot }) => dot));
    for (const { dot } of before.values()) if (!acceptors.has(dot)) dot?.stop();
  }

  /** Closes what was bound and is not served. */
  discard({ ports }: IPreparedListeners): void {
    const open = [...this.listeners.values()].flatMap((listener) => sides(listener.ports));
    for (const one of ports.values()) this.close(one, new Set(open));
  }

  /**
   * Brings a TCP port of the process that this one takes over from.
   *
   * @param key of `held` there. @returns false when it is another one's port: nothing was taken.
   */
  offer(key: string, handle: ITcpHandle): boolean {
    if (!key.startsWith(heldPrefix)) return false;
    const handles = this.offered.get(key) ?? [];
    this.offered.set(key, handles);
    handles.push(handle);
    return true;
  }

  /** What was brought and is not used is closed. */
  endTakeOver(): void {
    for (const handles of this.offered.values()) for (const handle of handles) handle.close();
    this.offered.clear();
  }

  /** The TCP ports that are held now, for a process that takes over; by UDP it binds its own beside. */
  *held(): Generator<IHeldPort> {
    for (const { ports } of this.listeners.values()) {
      yield { key: heldPrefix + ports.key, handles: ports.tcp.port.handles };
    }
  }

  /** Closes all ports. */
  stop(): void {
    for (const { ports, dot } of this.listeners.values()) {
      this.close(ports, new Set());
      dot?.stop();
    }
    this.listeners.clear();
  }

  /** Where they listen, by name. */
  addresses(): Record<string, IDnsAddress> {
    const entries = [...this.listeners].map(([name, { ports, dot }]) => {
      const { address, port } = ports.tcp.port;
      return [name, { address, port, tls: dot !== null }] as const;
    });
    return Object.fromEntries(entries);
  }

  /** The default certificates may be others than before. */
  showDefaults(): void {
    for (const { dot } of this.listeners.values()) void dot?.showDefault();
  }

  private serve({ tcp, udp }: IPorts, dot: DotAcceptor | null): void {
    const { streams } = this.parts;
    const isNew = tcp.serve === null;
    tcp.serve = (connection) => (dot === null ? streams.take(connection) : dot.take(connection));
    if (isNew) tcp.port.accept((connection) => tcp.serve?.(connection));
    udp?.open();
  }

  private dotOf(
    name: string,
    tls: IEntrypointTls | boolean | undefined,
    before: IListener | undefined,
  ): DotAcceptor | null {
    if (!tls) return null;
    const options = tls === true ? {} : tls;
    const known = before?.dot ?? null;
    const { tls: source, logger, streams } = this.parts;
    const isSame = known !== null && isDeepStrictEqual(known.options, options);
    const onSecure: StreamServer['takeSecure'] = (socket, ip) => streams.takeSecure(socket, ip);
    const dot = isSame
      ? known
      : new DotAcceptor({ tls: source, logger, listener: name, onSecure }, options);
    void dot.showDefault();
    return dot;
  }

  /** Ports that are open, as far as they fit, or else new ones. */
  private async portsOf(
    name: string,
    { address: host, port, tls }: IDnsListenerOptions,
    isTakeOver: boolean,
    taken: readonly IPorts[],
  ): Promise<IPorts> {
    const key = `${host ?? '*'}|${port}|${port === 0 ? name : ''}`;
    const all = [...taken, ...[...this.listeners.values()].map((listener) => listener.ports)];
    const known = all.find((one) => one.key === key);
    const address = { host, port, purpose: `DNS listener "${name}"` };
    const isPlain = !tls;
    if (known === undefined) {
      const handed = this.offered.get(heldPrefix + key);
      this.offered.delete(heldPrefix + key);
      if (handed !== undefined) return { key, ...(await this.adopt(address, isPlain, handed)) };
      return { key, ...(await this.bind(address, isPlain, isTakeOver)) };
    }
    if (taken.includes(known)) {
      // Two listeners at one place: the second one would be given half of the clients.
      throw new DcError('LISTEN_FAILED', `Two DNS listeners cannot share a port: "${name}"`);
    }
    if (!isPlain) return { key, tcp: known.tcp, udp: null };
    const bound = { ...address, port: known.tcp.port.port };
    return { key, tcp: known.tcp, udp: known.udp ?? (await this.parts.udp.bind(bound)) };
  }

  private async adopt(
    address: IPortAddress,
    isPlain: boolean,
    handles: readonly ITcpHandle[],
  ): Promise<Omit<IPorts, 'key'>> {
    const port = await adoptTcp(address, handles, this.parts.guard);
    const tcp = { port, serve: null };
    if (!isPlain) return { tcp, udp: null };
    try {
      return { tcp, udp: await this.parts.udp.bind({ ...address, port: port.port }, true) };
    } catch (error) {
      port.close();
      throw error;
    }
  }

  private async bind(
    address: IPortAddress,
    isPlain: boolean,
    isTakeOver: boolean,
  ): Promise<Omit<IPorts, 'key'>> {
    for (let attempt = 1; ; attempt++) {
      // Where a listener of our own has the port with another address, it is ours to share.
      if (!isTakeOver && !this.holds(address.port)) {
        await this.parts.udp.closed();
        await checkFree(address, isPlain);
      }
      const port = await bindTcp(address, this.parts.guard);
      const tcp = { port, serve: null };
      if (!isPlain) return { tcp, udp: null };
      try {
        const bound = { ...address, port: port.port };
        // What the kernel chose is free for TCP only.
        if (address.port === 0) await checkFreeUdp(bound);
        return { tcp, udp: await this.parts.udp.bind(bound, isTakeOver) };
      } catch (error) {
        port.close();
        if (address.port !== 0 || attempt === attemptsMax) throw error;
      }
    }
  }

  private holds(port: number): boolean {
    return [...this.listeners.values()].some(({ ports }) => ports.tcp.port.port === port);
  }

  private close({ tcp, udp }: IPorts, kept: ReadonlySet<object>): void {
    if (!kept.has(tcp)) tcp.port.close();
    if (udp !== null && !kept.has(udp)) udp.close();
  }
}

function sides({ tcp, udp }: IPorts): object[] {
  return udp === null ? [tcp] : [tcp, udp];
}

import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import { DcError } from '../core/errors.ts';
import { Accepted } from './accepted.ts';
import type { DescriptorGuard } from './descriptors.ts';
import {
  type ISocketName,
  type ITcpHandle,
  newTcpServer,
  reusePortFlag,
  systemError,
} from './handles.ts';
import { listenFailure, noPort, notOffered } from './listen-failure.ts';

/** Connections that the kernel keeps until we take them. */
const backlog = 4096;

/** A port to bind. */
export interface IPortAddress {
  /** IP address or name; undefined: every address, IPv4 and IPv6. */
  readonly host: string | undefined;
  /** 0: a free one. */
  readonly port: number;
  /** What it is for, for messages: `entrypoint "web"`. */
  readonly purpose?: string;
}

/** A port that is bound; whoever has it closes it. */
export interface IBoundPort {
  /** What is really bound. */
  readonly address: string;
  readonly port: number;
  /** Raw handles that are bound, for other processes; one for each. */
  readonly handles: readonly ITcpHandle[];
  /** Takes connections from now on; those that came before come first. Call it once. */
  accept(onConnection: (connection: Accepted) => void): void;
  /** Takes no further connections. Idempotent. */
  close(): void;
}

/** Binds ports, in this process or with others. */
export interface IPortBinder {
  /** @throws DcError `LISTEN_FAILED`: which port, why, who holds it, and what helps. */
  bind(address: IPortAddress): Promise<IBoundPort>;
}

/** Name of an address among others. */
export function portKey({ host, port }: IPortAddress): string {
  return `${host ?? '*'}|${port}`;
}

/** The address that a key of `portKey` stands for. */
export function addressOfKey(key: string): IPortAddress {
  const bar = key.lastIndexOf('|');
  const host = key.slice(0, bar);
  return { host: host === '*' ? undefined : host, port: Number(key.slice(bar + 1)) };
}

/** How ports are bound and connections accepted in this process. */
export interface ILocalPortsOptions {
  /** Refuses clients while descriptors are short. @default none is refused */
  guard?: DescriptorGuard;
}

/** Binds and accepts in this process. */
export class LocalPorts implements IPortBinder {
  private readonly options: ILocalPortsOptions;

  constructor(options: ILocalPortsOptions = {}) {
    this.options = options;
  }

  async bind(address: IPortAddress): Promise<IBoundPort> {
    const handle = await openPort(address, { reusePort: false, isAlone: false });
    return listen([handle], address, this.options.guard);
  }
}

/**
 * Binds ports for worker processes: several handles for each, of which every worker gets one. Here
 * nobody accepts, and `accept` does nothing.
 */
export class SharedPorts implements IPortBinder {
  private readonly copies: () => number;
  private readonly handed: HandedPorts | undefined;

  /**
   * @param copies how many handles a port gets, asked at each `bind`.
   * @param options `handed`: handles that came from another process are used first.
   */
  constructor(copies: () => number, { handed }: { handed?: HandedPorts } = {}) {
    this.copies = copies;
    this.handed = handed;
  }

  async bind(address: IPortAddress): Promise<IBoundPort> {
    const given = this.handed?.take(portKey(address)) ?? [];
    if (given.length > 0) return this.share(given);
    const first = await openPort(address, { reusePort: true, isAlone: true });
    const handles = [first];
    const bound = nameOf(first);
    try {
      for (let count = this.copies(); handles.length < count; ) {
        handles.push(
          await openPort({ ...address, port: bound.port }, { reusePort: true, isAlone: false }),
        );
      }
    } catch (error) {
      for (const handle of handles) handle.close();
      throw error;
    }
    const close = () => {
      for (const handle of handles.splice(0)) handle.close();
    };
    return { ...bound, handles, accept: () => undefined, close };
  }

  /** Who came with fewer processes has fewer sockets: some workers then share one. */
  private share(given: ITcpHandle[]): IBoundPort {
    const count = Math.max(this.copies(), given.length);
    const handles = Array.from(
      { length: count },
      (_, index) => given[index % given.length] as ITcpHandle,
    );
    const close = () => {
      for (const handle of new Set(handles.splice(0))) handle.close();
    };
    return { ...nameOf(given[0] as ITcpHandle), handles, accept: () => undefined, close };
  }
}

/** Uses handles that came from another process; what was not offered goes to another binder. */
export class HandedPorts implements IPortBinder {
  private readonly offered = new Map<string, ITcpHandle[]>();
  /** Ports that are bound, by their keys. */
  private readonly open = new Map<string, Set<ListeningPort>>();
  /** Handles that are accepted from in place of somebody. */
  private readonly adopted = new Map<string, [ListeningPort, ITcpHandle][]>();
  private readonly rest: IPortBinder | null;
  private readonly guard: DescriptorGuard | undefined;
  private readonly listensLate: boolean;

  /**
   * @param rest binds what was not offered; null: that is refused.
   * @param options `listensLate`: nothing is taken from a handle before `accept`. For handles on
   * which another process listens: what one that may still give up has taken would be lost.
   */
  constructor(
    rest: IPortBinder | null = null,
    guard?: DescriptorGuard,
    { listensLate = false }: { listensLate?: boolean } = {},
  ) {
    this.rest = rest;
    this.guard = guard;
    this.listensLate = listensLate;
  }

  /**
   * Brings a handle that is bound; it belongs to the binder until `bind` asks for its address, and
   * then gets all handles of it.
   *
   * @param key `portKey` of the address as it is configured.
   */
  offer(key: string, handle: ITcpHandle): void {
    const handles = this.offered.get(key);
    if (handles === undefined) this.offered.set(key, [handle]);
    else handles.push(handle);
  }

  /** Keys of the handles that nobody asked for yet. */
  keys(): string[] {
    return [...this.offered.keys()];
  }

  /** The handles of an address, which belong to the caller from now on. */
  take(key: string): ITcpHandle[] {
    const handles = this.offered.get(key) ?? [];
    this.offered.delete(key);
    return handles;
  }

  /**
   * Accepts from a further handle of a port that is open, in place of somebody who is away; the
   * handle is closed when there is no such port.
   *
   * @param owner names who is away, for `release`.
   */
  adopt(key: string, handle: ITcpHandle, owner: string): void {
    const [port] = this.open.get(key) ?? [];
    if (port?.add(handle) !== true) {
      handle.close();
      return;
    }
    const adopted = this.adopted.get(owner) ?? [];
    adopted.push([port, handle]);
    this.adopted.set(owner, adopted);
  }

  /** Who was away is back: their handles are closed here. */
  release(owner: string): void {
    for (const [port, handle] of this.adopted.get(owner) ?? []) port.remove(handle);
    this.adopted.delete(owner);
  }

  /** Closes the handles that nobody asked for. */
  discard(): void {
    for (const handles of this.offered.values()) for (const handle of handles) handle.close();
    this.offered.clear();
  }

  async bind(address: IPortAddress): Promise<IBoundPort> {
    const key = portKey(address);
    const handles = this.take(key);
    if (handles.length > 0) {
      const onClose = () => this.open.get(key)?.delete(port);
      const port = await listen(handles, address, this.guard, onClose, this.listensLate);
      const ports = this.open.get(key) ?? new Set();
      this.open.set(key, ports.add(port));
      return port;
    }
    if (this.rest !== null) return this.rest.bind(address);
    throw new DcError('LISTEN_FAILED', await listenFailure(address, notOffered));
  }
}

/** A port that accepts; connections that come before somebody takes them wait. */
class ListeningPort implements IBoundPort {
  readonly address: string;
  readonly port: number;
  readonly handles: ITcpHandle[] = [];
  private readonly guard: DescriptorGuard | undefined;
  private readonly onClose: () => void;
  private waiting: Accepted[] = [];
  /** Handles that are listened on from `accept` on. */
  private late: ITcpHandle[] = [];
  private onConnection: ((connection: Accepted) => void) | null = null;
  private isClosed = false;

  constructor(first: ITcpHandle, guard: DescriptorGuard | undefined, onClose: () => void) {
    const { address, port } = nameOf(first);
    this.address = address;
    this.port = port;
    this.guard = guard;
    this.onClose = onClose;
  }

  /** Accepts from a handle too. @returns true, or libuv's status when it cannot listen */
  add(handle: ITcpHandle): true | number {
    handle.onconnection = (status, connection) => {
      if (status === 0 && connection !== undefined) this.take(connection);
    };
    // Connections inherit it: one system call for all of them.
    handle.setNoDelay(true);
    const status = handle.listen(backlog);
    if (status !== 0) return status;
    this.handles.push(handle);
    return true;
  }

  /** Accepts from a handle as soon as somebody takes connections. */
  addLate(handle: ITcpHandle): void {
    this.handles.push(handle);
    this.late.push(handle);
  }

  /** Closes one of the handles; the others go on. */
  remove(handle: ITcpHandle): void {
    const index = this.handles.indexOf(handle);
    if (index === -1) return;
    this.handles.splice(index, 1);
    handle.close();
  }

  accept(onConnection: (connection: Accepted) => void): void {
    this.onConnection = onConnection;
    for (const connection of this.waiting.splice(0)) onConnection(connection);
    for (const handle of this.late.splice(0)) {
      const index = this.handles.indexOf(handle);
      if (index === -1) continue;
      this.handles.splice(index, 1);
      const status = this.add(handle);
      if (status !== true) throw systemError(status, 'listen');
    }
  }

  close(): void {
    if (this.isClosed) return;
    this.isClosed = true;
    this.onClose();
    for (const handle of this.handles.splice(0)) handle.close();
    for (const connection of this.waiting.splice(0)) connection.destroy();
  }

  private take(handle: ITcpHandle): void {
    if (this.isClosed || this.guard?.admits(handle.fd) === false) {
      handle.close();
      return;
    }
    const connection = new Accepted(handle);
    if (this.onConnection === null) this.waiting.push(connection);
    else this.onConnection(connection);
  }
}

async function listen(
  handles: readonly ITcpHandle[],
  address: IPortAddress,
  guard: DescriptorGuard | undefined,
  onClose: () => void = () => undefined,
  listensLate = false,
): Promise<ListeningPort> {
  const port = new ListeningPort(handles[0] as ITcpHandle, guard, onClose);
  for (const handle of handles) {
    if (listensLate) {
      port.addLate(handle);
      continue;
    }
    const status = port.add(handle);
    if (status === true) continue;
    for (const one of handles) one.close();
    throw await failure(address, status);
  }
  return port;
}

/**
 * Binds a handle, without listening.
 *
 * @param how `reusePort`: other handles may have the port too. `isAlone`: but for one that somebody
 * has already.
 */
async function openPort(
  address: IPortAddress,
  { reusePort, isAlone }: { reusePort: boolean; isAlone: boolean },
): Promise<ITcpHandle> {
  const { host, port } = address;
  if (!Number.isInteger(port) || port < 0 || port > 65_535) {
    throw new DcError('LISTEN_FAILED', await listenFailure(address, noPort));
  }
  const ips = host === undefined ? ['::', '0.0.0.0'] : [await ipOf(address)];
  let status = 0;
  for (const ip of ips) {
    if (isAlone && port !== 0) {
      const trial = bindTo(ip, port, 0);
      if (trial === portTaken) throw await failure(address, trial);
      if (typeof trial !== 'number') trial.close();
    }
    const handle = bindTo(ip, port, reusePort ? reusePortFlag : 0);
    if (typeof handle !== 'number') return handle;
    status = handle;
    // Only a machine without IPv6 has to do with IPv4.
    if (status !== noSuchFamily && status !== invalid && status !== noSuchAddress) break;
  }
  throw await failure(address, status);
}

// libuv's statuses, which are the kernel's.
const portTaken = -98;
const noSuchFamily = -97;
const invalid = -22;
const noSuchAddress = -99;

function bindTo(ip: string, port: number, flags: number): ITcpHandle | number {
  const handle = newTcpServer();
  let status = isIP(ip) === 6 ? handle.bind6(ip, port, flags) : handle.bind(ip, port, flags);
  // libuv tells only later that a port is taken.
  if (status === 0) status = handle.getsockname({});
  if (status === 0) return handle;
  handle.close();
  return status;
}

async function ipOf(address: IPortAddress): Promise<string> {
  const { host = '' } = address;
  if (isIP(host) !== 0) return host;
  try {
    return (await lookup(host)).address;
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code ?? 'ENOTFOUND';
    throw new DcError('LISTEN_FAILED', await listenFailure(address, code), { cause });
  }
}

function nameOf(handle: ITcpHandle): { address: string; port: number } {
  const name: ISocketName = {};
  const status = handle.getsockname(name);
  if (status !== 0) throw systemError(status, 'getsockname');
  return { address: name.address ?? '', port: name.port ?? 0 };
}

async function failure(address: IPortAddress, status: number): Promise<DcError> {
  const cause = systemError(status, 'listen');
  return new DcError('LISTEN_FAILED', await listenFailure(address, cause.code), { cause });
}

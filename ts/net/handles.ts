import { getSystemErrorName } from 'node:util';

/** What a handle answers when it is asked for an address. */
export interface ISocketName {
  address?: string;
  port?: number;
}

/** A pending operation of a handle. */
interface IRequest<TArguments extends unknown[]> {
  oncomplete: ((...results: TArguments) => void) | null;
}

/** A pending write; keeps what is written alive until libuv is done with it. */
export interface IWriteRequest extends IRequest<[status: number]> {
  buffer?: Uint8Array | null;
  /** Whose write it is. */
  owner?: unknown;
  /** How much it is. */
  size?: number;
}

/** A pending FIN. */
export interface IShutdownRequest extends IRequest<[status: number]> {
  owner?: unknown;
}

/** A pending connect. */
export interface IConnectRequest extends IRequest<[status: number]> {
  owner?: unknown;
  /** Where it goes, for messages. */
  place?: string;
  /** Called when the connection is there. */
  done?: () => void;
}

/** A connection as libuv has it: TCP, or a unix socket. */
export interface IStreamHandle {
  /** Number of the descriptor; negative without one. */
  readonly fd: number;
  /** Bytes that the kernel has not taken yet. */
  readonly writeQueueSize: number;
  /** Called with the handle as `this`; what was read is told by `streamState`. */
  onread: (this: IStreamHandle) => undefined;
  /** Whose it is; ours, libuv does not know it. */
  owner?: unknown;
  useUserBuffer(buffer: Uint8Array): void;
  readStart(): number;
  readStop(): number;
  writeLatin1String(request: IWriteRequest, text: string): number;
  writeBuffer(request: IWriteRequest, bytes: Uint8Array): number;
  shutdown(request: IShutdownRequest): number;
  close(onClosed?: (this: IStreamHandle) => void): void;
  unref(): void;
}

/** A TCP connection, or a TCP port. */
export interface ITcpHandle extends IStreamHandle {
  onconnection: (status: number, connection: ITcpHandle | undefined) => void;
  bind(ip: string, port: number, flags: number): number;
  bind6(ip: string, port: number, flags: number): number;
  listen(backlog: number): number;
  connect(request: IConnectRequest, ip: string, port: number): number;
  connect6(request: IConnectRequest, ip: string, port: number): number;
  getsockname(name: ISocketName): number;
  getpeername(name: ISocketName): number;
  setNoDelay(on: boolean): number;
  setKeepAlive(on: boolean, initialDelaySeconds: number): number;
  reset(onClosed: (this: IStreamHandle) => void): number;
}

/** A unix socket. */
export interface IPipeHandle extends IStreamHandle {
  connect(request: IConnectRequest, path: string): number;
}

interface IStreamBinding {
  WriteWrap: new () => IWriteRequest;
  ShutdownWrap: new () => IShutdownRequest;
  /** Filled by every read and write. */
  streamBaseState: Int32Array;
  /** Index: whether the last write is still pending. */
  kLastWriteWasAsync: number;
  /** Index: bytes of the last read, or the negative error. */
  kReadBytesOrError: number;
}

interface ITcpBinding {
  TCP: new (kind: number) => ITcpHandle;
  TCPConnectWrap: new () => IConnectRequest;
  constants: { SOCKET: number; SERVER: number; UV_TCP_REUSEPORT: number };
}

interface IPipeBinding {
  Pipe: new (kind: number) => IPipeHandle;
  PipeConnectWrap: new () => IConnectRequest;
  constants: { SOCKET: number };
}

/**
 * Opens one of the parts that Node's own `net` is made of. They are no public interface, but every
 * Node from 24 on has them, and they carry connections at half the cost of `net.Socket`.
 */
function open<TBinding>(name: string, members: readonly (keyof TBinding & string)[]): TBinding {
  const { binding } = process as unknown as { binding?: (name: string) => unknown };
  const advice = 'run it with Node 24 and without --permission';
  let found: Partial<TBinding>;
  try {
    found = binding?.call(process, name) as Partial<TBinding>;
  } catch (cause) {
    throw new Error(`Cannot open "${name}" of Node ${process.version}: ${advice}`, { cause });
  }
  const missing = members.filter((member) => found?.[member] === undefined);
  if (missing.length === 0) return found as TBinding;
  throw new Error(`Node ${process.version} has no ${name}.${missing.join(', ')}: ${advice}`);
}

const stream = open<IStreamBinding>('stream_wrap', [
  'WriteWrap',
  'ShutdownWrap',
  'streamBaseState',
  'kLastWriteWasAsync',
  'kReadBytesOrError',
]);
const tcp = open<ITcpBinding>('tcp_wrap', ['TCP', 'TCPConnectWrap', 'constants']);
const pipe = open<IPipeBinding>('pipe_wrap', ['Pipe', 'PipeConnectWrap', 'constants']);

/** What the last read and the last write of any handle did; read it before the next one. */
export const streamState = stream.streamBaseState;
/** Index in `streamState`: not 0 when the last write is still pending. */
export const lastWriteIsPending = stream.kLastWriteWasAsync;
/** Index in `streamState`: bytes of the last read, or the negative error. */
export const lastReadCount = stream.kReadBytesOrError;

/** A request of one write; it can be used again when the write was not pending. */
export const WriteRequest = stream.WriteWrap;
/** A request of one FIN. */
export const ShutdownRequest = stream.ShutdownWrap;
/** A request of one TCP connect. */
export const TcpConnectRequest = tcp.TCPConnectWrap;
/** A request of one unix-socket connect. */
export const PipeConnectRequest = pipe.PipeConnectWrap;

/** Flag of `bind` and `bind6`: several sockets share the port, and the kernel shares out the connections. */
export const reusePortFlag = tcp.constants.UV_TCP_REUSEPORT;

/** A TCP handle that can connect; whoever makes it closes it. */
export function newTcpClient(): ITcpHandle {
  return new tcp.TCP(tcp.constants.SOCKET);
}

/** A TCP handle that can be bound; whoever makes it closes it. */
export function newTcpServer(): ITcpHandle {
  return new tcp.TCP(tcp.constants.SERVER);
}

/** A unix-socket handle that can connect; whoever makes it closes it. */
export function newPipeClient(): IPipeHandle {
  return new pipe.Pipe(pipe.constants.SOCKET);
}

/** Whether somebody gave us a TCP handle, e.g. another process. */
export function isTcpHandle(handle: unknown): handle is ITcpHandle {
  return handle instanceof tcp.TCP;
}

/**
 * The error of a negative status, as Node's own look: `code`, `errno` and `syscall`, and a message
 * such as `connect ECONNREFUSED 127.0.0.1:80`.
 */
export function systemError(
  status: number,
  syscall: string,
  place = '',
): NodeJS.ErrnoException & { code: string } {
  const code = getSystemErrorName(status);
  const message = `${syscall} ${code}${place === '' ? '' : ` ${place}`}`;
  return Object.assign(new Error(message), { code, errno: status, syscall });
}

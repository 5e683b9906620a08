import { isIP, Socket } from 'node:net';
import { isLastDescriptor } from './descriptors.ts';
import { Dialer, type IDialRoute, lookupRoute } from './dialer.ts';
import {
  type IConnectRequest,
  type IPipeHandle,
  type IShutdownRequest,
  type ISocketName,
  type IStreamHandle,
  type ITcpHandle,
  type IWriteRequest,
  isTcpHandle,
  lastReadCount,
  lastWriteIsPending,
  newPipeClient,
  newTcpClient,
  PipeConnectRequest,
  ShutdownRequest,
  streamState,
  systemError,
  TcpConnectRequest,
  WriteRequest,
} from './handles.ts';
import { canonicalIp } from './ip.ts';
import { type IWireConsumer, readBuffer, replaceAssembly, WireBase } from './wire-base.ts';

/**
 * Where a wire connects to: an IP address (`localAddress` is for these) or a name with a port, where
 * a name that is followed leads, or the path of a unix socket.
 */
export type TWireTarget =
  | { readonly host: string; readonly port: number; readonly localAddress?: string }
  | { readonly route: IDialRoute }
  | { readonly path: string };

const stage = { connecting: 0, open: 1, closing: 2, closed: 3 } as const;

/** libuv's status of a read that met the peer's FIN. */
const endOfFile = -4095;
/** libuv's statuses, which are the kernel's on Linux. */
const tooManyFiles = -24;
const notConnected = -107;

/** Taken by a write only when that write is pending. */
let spare: IWriteRequest = new WriteRequest();

/**
 * A TCP or unix-socket connection on libuv's handle itself, without `net.Socket`.
 *
 * Reads land in one buffer that all share; a write that the kernel takes at once, as nearly all
 * are, needs no memory; an idle connection is this object and its handle.
 */
export class PlainWire extends WireBase {
  /** null: closed or being closed, given up, or its name is still being looked up. */
  private handle: IStreamHandle | null = null;
  private stage: number;
  private paused = false;
  /** `end()` was called. */
  private ended = false;
  /** Our FIN has left. */
  private finished = false;
  /** Our FIN is about to leave. */
  private shutting = false;
  /** The peer's FIN has come. */
  private hasRead = false;
  /** Open, not ended, and no write has failed. */
  private isWritable = false;
  private resetsLater = false;
  /** With which the connection closes. */
  private error: Error | null = null;
  /** Why nothing can be written any more, while the connection is still read. */
  private failure: Error | null = null;
  /** What was written before the connection was there. */
  private early: Buffer[] | null = null;
  /** Looks up a name and tries its addresses. */
  private dialing: Dialer | null = null;
  private pending = 0;

  private constructor(consumer: IWireConsumer, at: number) {
    super(consumer);
    this.stage = at;
  }

  /** Takes over the handle of an accepted connection. */
  static accept(handle: ITcpHandle, consumer: IWireConsumer): PlainWire {
    const wire = new PlainWire(consumer, stage.open);
    wire.own(handle);
    wire.open();
    return wire;
  }

  /** Starts a connection; see `Wire.connect`. */
  static connect(target: TWireTarget, consumer: IWireConsumer, onConnect: () => void): PlainWire {
    const wire = new PlainWire(consumer, stage.connecting);
    if ('path' in target) wire.connectPipe(target.path, onConnect);
    else if ('route' in target) wire.dial(target.route, onConnect);
    else if (isIP(target.host) === 0) wire.dial(lookupRoute(target.host, target.port), onConnect);
    else wire.connectTcp(target.host, target.port, target.localAddress, onConnect);
    return wire;
  }

  get secure(): boolean {
    return false;
  }

  get serverName(): string {
    return '';
  }

  local(): { ip: string; port: number } {
    const name: ISocketName = {};
    const { handle } = this;
    const isKnown = handle !== null && isTcpHandle(handle) && handle.getsockname(name) === 0;
    if (!isKnown) return { ip: '', port: 0 };
    return { ip: canonicalIp(name.address ?? '') ?? '', port: name.port ?? 0 };
  }

  get isClosed(): boolean {
    return this.stage >= stage.closing;
  }

  get isPaused(): boolean {
    return this.paused;
  }

  get pendingBytes(): number {
    return this.pending;
  }

  protected get queuedBytes(): number {
    return this.handle?.writeQueueSize ?? 0;
  }

  pause(): void {
    if (this.paused) return;
    this.paused = true;
    if (this.stage === stage.open) this.handle?.readStop();
  }

  resume(): void {
    if (!this.paused) return;
    this.paused = false;
    // Reading on behind its FIN would bring the FIN again.
    if (this.stage === stage.open && !this.hasRead) this.handle?.readStart();
  }

  setKeepAlive(initialDelayMs: number | null): void {
    const { handle } = this;
    if (handle === null || !isTcpHandle(handle)) return;
    handle.setKeepAlive(
      initialDelayMs !== null,
      Math.max(1, Math.ceil((initialDelayMs ?? 0) / 1000)),
    );
  }

  setNoDelay(on: boolean): void {
    const { handle } = this;
    if (handle !== null && isTcpHandle(handle)) handle.setNoDelay(on);
  }

  end(): void {
    if (this.ended) return;
    this.ended = true;
    this.isWritable = false;
    if (this.stage === stage.open && this.pending === 0 && this.failure === null) this.shutdown();
  }

  destroy(): void {
    this.close(null);
  }

  reset(): void {
    const { handle } = this;
    if (this.stage !== stage.open || handle === null) return this.close(null);
    this.stage = stage.closing;
    this.isWritable = false;
    if (this.shutting) {
      // libuv cannot do both at once, and a FIN alone would make what the peer has look complete.
      this.resetsLater = true;
      handle.readStop();
      return;
    }
    this.handle = null;
    resetHandle(handle);
  }

  toSocket(unread: Buffer | null): Socket {
    const { handle } = this;
    const isUsable = this.stage === stage.open && this.pending === 0 && !this.ended;
    if (handle === null || !isUsable || !isTcpHandle(handle)) {
      throw new Error('Cannot make a socket of a wire that is not open TCP or still sends');
    }
    handle.owner = null;
    handle.readStop();
    this.handle = null;
    this.stage = stage.closed;
    this.isWritable = false;
    return socketOf(handle, unread);
  }

  protected sendText(text: string): boolean {
    const { handle } = this;
    if (!this.isWritable || handle === null) return this.sendUnready(Buffer.from(text, 'latin1'));
    const request = spare;
    const status = handle.writeLatin1String(request, text);
    if (status === 0 && streamState[lastWriteIsPending] === 0) return this.pending === 0;
    return this.wait(request, status, text.length, null);
  }

  protected sendStable(bytes: Buffer): boolean {
    const { handle } = this;
    if (!this.isWritable || handle === null) return this.sendUnready(bytes);
    if (bytes.length === 0) return this.pending === 0;
    const request = spare;
    const status = handle.writeBuffer(request, bytes);
    if (status === 0 && streamState[lastWriteIsPending] === 0) return this.pending === 0;
    return this.wait(request, status, bytes.length, bytes);
  }

  protected sendAssembled(part: Buffer): boolean {
    // Who waits already keeps what it is given: a copy of just the right size.
    if (!this.isWritable || this.pending > 0) return this.sendStable(Buffer.from(part));
    if (this.sendStable(part)) return true;
    if (this.pending > 0) replaceAssembly();
    return false;
  }

  /** Remembers a write that is pending, or fails by one that did not even begin. */
  private wait(request: IWriteRequest, status: number, size: number, kept: Buffer | null): boolean {
    if (status !== 0) {
      this.fail(status);
      return false;
    }
    request.buffer = kept;
    request.owner = this;
    request.size = size;
    request.oncomplete = onWritten;
    spare = new WriteRequest();
    this.pending += size;
    return false;
  }

  private sendUnready(bytes: Buffer): boolean {
    if (this.ended) {
      if (this.stage < stage.closing) this.close(new Error('Cannot write after the end'));
      return false;
    }
    if (this.stage === stage.connecting) {
      this.early ??= [];
      this.early.push(bytes);
      this.pending += bytes.length;
      return false;
    }
    // Who writes to what is being closed need not wait: onClose comes next.
    return this.failure === null;
  }

  /** For the handle's callbacks only. */
  written(size: number, status: number): void {
    this.pending -= size;
    if (this.handle === null || this.failure !== null || this.stage !== stage.open) return;
    if (status !== 0) return this.fail(status);
    if (this.pending > 0) return;
    if (this.ended) this.shutdown();
    this.consumer.onDrain();
  }

  /** For the handle's callbacks only. */
  read(count: number): void {
    if (count > 0) {
      this.bytesRead += count;
      this.consumer.onBytes(readBuffer, 0, count);
    } else if (count === endOfFile) {
      this.hasRead = true;
      this.readsAfterFailure = false;
      if (this.failure !== null) return this.close(this.failure);
      this.consumer.onEnd();
      if (this.finished) this.close(null);
    } else if (count < 0) {
      this.close(systemError(count, 'read'));
    }
  }

  /** For the handle's callbacks only. */
  shut(): void {
    const { handle } = this;
    this.shutting = false;
    if (handle === null) return;
    if (this.resetsLater) {
      this.handle = null;
      resetHandle(handle);
      return;
    }
    this.finished = true;
    if (this.hasRead) this.close(null);
  }

  /** For the handle's callbacks only. */
  connected(request: IConnectRequest, status: number): void {
    if (this.stage !== stage.connecting) return;
    if (status !== 0) return this.close(systemError(status, 'connect', request.place));
    this.open();
    request.done?.();
  }

  /** For the handle's callbacks only. */
  gone(): void {
    this.stage = stage.closed;
    this.consumer.onClose(this.error);
  }

  private own(handle: IStreamHandle): void {
    this.handle = handle;
    handle.owner = this;
    handle.onread = onRead;
    handle.useUserBuffer(readBuffer);
  }

  /** Begins to read and to write. */
  private open(): void {
    const { early } = this;
    this.stage = stage.open;
    if (!this.paused) this.handle?.readStart();
    this.early = null;
    this.isWritable = true;
    for (const bytes of early ?? []) {
      this.pending -= bytes.length;
      this.sendStable(bytes);
    }
    if (this.ended) {
      this.isWritable = false;
      if (this.pending === 0 && this.failure === null) this.shutdown();
    }
  }

  private connectTcp(
    host: string,
    port: number,
    localAddress: string | undefined,
    onConnect: () => void,
  ): void {
    const handle = newTcpClient();
    this.own(handle);
    handle.setNoDelay(true);
    const request = new TcpConnectRequest();
    request.owner = this;
    request.oncomplete = onConnected;
    request.place = `${host}:${port}`;
    request.done = onConnect;
    let status = 0;
    if (localAddress !== undefined) {
      status =
        isIP(localAddress) === 6
          ? handle.bind6(localAddress, 0, 0)
          : handle.bind(localAddress, 0, 0);
    }
    if (status === 0) {
      status =
        isIP(host) === 6
          ? handle.connect6(request, host, port)
          : handle.connect(request, host, port);
    }
    if (status === 0 && isLastDescriptor(handle.fd)) status = tooManyFiles;
    if (status !== 0) this.close(systemError(status, 'connect', request.place));
  }

  private connectPipe(path: string, onConnect: () => void): void {
    const handle: IPipeHandle = newPipeClient();
    this.own(handle);
    const request = new PipeConnectRequest();
    request.owner = this;
    request.oncomplete = onConnected;
    request.place = path;
    request.done = onConnect;
    const status = handle.connect(request, path);
    if (status !== 0) this.close(systemError(status, 'connect', path));
  }

  private dial(route: IDialRoute, onConnect: () => void): void {
    const dialing = new Dialer(route, (error, handle) => {
      if (handle === null) return this.close(error);
      this.dialing = null;
      this.own(handle);
      this.open();
      onConnect();
    });
    this.dialing = dialing;
    dialing.start();
  }

  /** A write failed. */
  private fail(status: number): void {
    const error = systemError(status, 'write');
    if (this.readsAfterFailure && !this.paused && !this.hasRead && isBroken(error)) {
      this.isWritable = false;
      this.failure = error;
    } else {
      this.close(error);
    }
  }

  private shutdown(): void {
    const { handle } = this;
    if (handle === null) return;
    const request = new ShutdownRequest();
    request.owner = this;
    request.oncomplete = onShut;
    this.shutting = true;
    const status = handle.shutdown(request);
    if (status === 0) return;
    // The peer has broken off already: then there is nobody to send a FIN to.
    if (status < 0 && status !== notConnected) this.close(systemError(status, 'shutdown'));
    else this.shut();
  }

  private close(error: Error | null): void {
    if (this.stage >= stage.closing) return;
    const { handle, dialing } = this;
    this.stage = stage.closing;
    this.isWritable = false;
    this.error = error;
    this.handle = null;
    this.dialing = null;
    if (handle !== null) return handle.close(onClosed);
    dialing?.cancel();
    // Whoever closes does not hear of it inside the call.
    setImmediate(() => this.gone());
  }
}

/** Makes a paused socket of a handle that nobody else uses; it reads `unread` first. */
export function socketOf(handle: IStreamHandle, unread: Buffer | null): Socket {
  const options = { handle, allowHalfOpen: true, pauseOnCreate: true };
  const socket = new Socket(options as unknown as ConstructorParameters<typeof Socket>[0]);
  if (unread !== null && unread.length > 0) socket.unshift(unread);
  return socket;
}

function resetHandle(handle: IStreamHandle): void {
  // A unix socket knows no reset.
  if (isTcpHandle(handle)) handle.reset(onClosed);
  else handle.close(onClosed);
}

function onRead(this: IStreamHandle): undefined {
  (this.owner as PlainWire | null)?.read(streamState[lastReadCount] as number);
}

function onWritten(this: IWriteRequest, status: number): void {
  this.buffer = null;
  (this.owner as PlainWire).written(this.size ?? 0, status);
}

function onShut(this: IShutdownRequest): void {
  (this.owner as PlainWire).shut();
}

function onConnected(this: IConnectRequest, status: number): void {
  (this.owner as PlainWire).connected(this, status);
}

function onClosed(this: IStreamHandle): void {
  const wire = this.owner as PlainWire | null;
  this.owner = null;
  wire?.gone();
}

/** The peer broke the connection off, as opposed to a failure of our own. */
function isBroken({ code }: { code: string }): boolean {
  return code === 'EPIPE' || code === 'ECONNRESET';
}

import { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { type IDirectReader, readDirectly } from './direct-read.ts';
import { directWriter } from './direct-write.ts';

/** Bytes that one read can bring: 256 KiB move bulk data at almost twice the speed of 64 KiB. */
export const readBytesMax = 262_144;

/** Bytes that are assembled before they are written: one read, its framing and a usual head. */
const assemblyBytes = readBytesMax + 16_384;

/**
 * Every plain TCP wire reads into this one buffer. A consumer has to use or
 * copy what it gets before it returns: the next read of any wire overwrites it.
 */
const readBuffer = Buffer.allocUnsafeSlow(readBytesMax);

let assembly = Buffer.allocUnsafeSlow(assemblyBytes);
let assembled = 0;

/** Who gets what a wire reads. Set one with `wire.consumer`; it may change at any time. */
export interface IWireConsumer {
  /** Bytes from `start` to `end`; valid until the method returns. */
  onBytes(bytes: Buffer, start: number, end: number): void;
  /** The peer will send no more (FIN). */
  onEnd(): void;
  /** What was written has left: after a write that returned false. */
  onDrain(): void;
  /** The socket is gone, once, after which nothing else is called. */
  onClose(error: Error | null): void;
}

/**
 * A TCP or TLS socket without the stream machinery's costs: reads land in one
 * shared buffer, small writes go out in the same call.
 *
 * The owner closes it with `end()`, `destroy()` or `reset()`.
 */
export class Wire {
  readonly socket: Socket;
  readonly secure: boolean;
  /** The socket is plain, connected and open. */
  private mayWriteDirectly = false;
  /** Something was written through the stream; it may not have left yet. */
  private usedStream = false;
  consumer: IWireConsumer;
  bytesRead = 0;
  bytesWritten = 0;
  /**
   * A write that fails does not close the socket while it is read: what the
   * peer sent before it broke off comes first, then `onClose`. Plain TCP only.
   */
  readsAfterFailure = false;
  /** null: the socket is read through its stream. */
  private reader: IDirectReader | null = null;
  private paused = false;
  private flowing = true;
  private ended = false;
  private error: Error | null = null;
  /** Why nothing can be written any more, while the socket is still read. */
  private failure: Error | null = null;

  private constructor(socket: Socket, secure: boolean, consumer: IWireConsumer) {
    this.socket = socket;
    this.secure = secure;
    this.consumer = consumer;
    socket.on('end', () => {
      this.readsAfterFailure = false;
      if (this.failure === null) this.consumer.onEnd();
      else socket.destroy(this.failure);
    });
    socket.on('drain', () => this.consumer.onDrain());
    socket.on('error', (error) => {
      this.error = error;
    });
    socket.on('close', () => {
      this.mayWriteDirectly = false;
      this.consumer.onClose(this.error);
    });
  }

  /**
   * Takes over a connection that `net.Server` accepted with `pauseOnConnect`
   * and that nobody has read from.
   *
   * The accepted socket object is given up: only a socket that is created with
   * `onread` can read into a buffer of ours.
   */
  static accept(accepted: Socket, consumer: IWireConsumer): Wire {
    const { handle, server } = detach(accepted);
    const options = {
      handle,
      allowHalfOpen: true,
      onread: { buffer: readBuffer, callback: onRead },
    };
    const socket = new Socket(options as ConstructorParameters<typeof Socket>[0]);
    // The server counts its open sockets; this is the one that will be closed.
    (socket as unknown as IAcceptedSocket)._server = server;
    const wire: Wire = new Wire(socket, false, consumer);
    function onRead(count: number, buffer: Uint8Array): boolean {
      return wire.deliver(buffer as Buffer, count);
    }
    wire.mayWriteDirectly = directWriter !== null;
    socket.resume();
    return wire;
  }

  /** Starts a TCP or unix-socket connection; `onConnect` is called when it is there. */
  static connect(
    target: { host: string; port: number } | { path: string },
    consumer: IWireConsumer,
    onConnect: () => void,
  ): Wire {
    const options = {
      allowHalfOpen: true,
      onread: { buffer: readBuffer, callback: onRead },
    };
    const socket = new Socket(options as ConstructorParameters<typeof Socket>[0]);
    const wire: Wire = new Wire(socket, false, consumer);
    function onRead(count: number, buffer: Uint8Array): boolean {
      return wire.deliver(buffer as Buffer, count);
    }
    socket.setNoDelay(true);
    socket.connect(target, () => {
      wire.mayWriteDirectly = directWriter !== null;
      onConnect();
    });
    return wire;
  }

  /** Wraps a TLS socket whose handshake is done or under way. */
  static secure(socket: TLSSocket, consumer: IWireConsumer): Wire {
    const wire = new Wire(socket, true, consumer);
    wire.reader = readDirectly(socket, readBuffer, (count) => {
      wire.bytesRead += count;
      wire.consumer.onBytes(readBuffer, 0, count);
    });
    // Also makes the stream flow, without which its end would not be seen.
    socket.on('data', (bytes: Buffer) => {
      wire.bytesRead += bytes.length;
      wire.consumer.onBytes(bytes, 0, bytes.length);
    });
    return wire;
  }

  /** Stops reading; at most what is being delivered now still arrives. */
  pause(): void {
    if (this.paused) return;
    this.paused = true;
    if (this.reader === null) this.socket.pause();
    else this.reader.pause();
  }

  /** Reads on after `pause()`. */
  resume(): void {
    if (!this.paused) return;
    this.paused = false;
    if (this.reader === null) this.socket.resume();
    else this.reader.resume();
  }

  /** True while reading is stopped. */
  get isPaused(): boolean {
    return this.paused;
  }

  /** Bytes that wait to be sent. */
  get pendingBytes(): number {
    return this.socket.writableLength + this.directBytes;
  }

  /** True when some of what waits has been sent since the last call: the peer is slow, not dead. */
  get unsentMoved(): boolean {
    const { _handle: handle } = this.socket as unknown as { _handle: IQueueingHandle | null };
    // TLS counts what it has encrypted; only the handle below it knows what has left.
    const queueing = handle?._parent ?? handle;
    const unsent = this.pendingBytes === 0 ? 0 : (queueing?.writeQueueSize ?? 0);
    const moved = unsent !== this.unsent && unsent !== 0;
    this.unsent = unsent;
    return moved;
  }

  private unsent = 0;
  /** Bytes of pending direct writes. */
  private directBytes = 0;

  /**
   * Sends text of code points below 256.
   *
   * @returns false when the writer should wait for `onDrain`.
   */
  writeText(text: string): boolean {
    this.bytesWritten += text.length;
    const { socket } = this;
    if (this.writesDirectly) {
      if (directWriter?.write(socket, text, this.onDirectEnd)) return true;
      this.directBytes += text.length;
      return false;
    }
    if (this.failure !== null) return false;
    this.usedStream = true;
    return socket.write(text, 'latin1') || socket.writableLength === 0;
  }

  /** Nothing waits in the stream, so that the socket's handle may be written to past it. */
  private get writesDirectly(): boolean {
    if (!this.mayWriteDirectly || this.directBytes > 0) return false;
    if (!this.usedStream) return true;
    this.usedStream = this.socket.writableLength > 0;
    return !this.usedStream;
  }

  private readonly onDirectEnd = (error: Error | null): void => {
    this.directBytes = 0;
    if (this.socket.destroyed) return;
    if (error === null) {
      this.consumer.onDrain();
    } else if (this.readsAfterFailure && !this.paused && isBroken(error)) {
      this.mayWriteDirectly = false;
      this.failure = error;
    } else {
      this.socket.destroy(error);
    }
  };

  /**
   * Starts a message that is put together from parts and then sent as one.
   *
   * All wires share the place where it is put together: call `addText`,
   * `addBytes` and `flush` without anything else in between.
   */
  begin(): void {
    assembled = 0;
    this.flowing = true;
  }

  /** Appends text of code points below 256. */
  addText(text: string): void {
    if (text.length > assemblyBytes - assembled) {
      this.flush();
      assembled = 0;
      if (text.length > assemblyBytes) {
        this.flowing = this.writeText(text);
        return;
      }
    }
    assembled += assembly.write(text, assembled, text.length, 'latin1');
  }

  /** Appends a copy of the bytes from `start` to `end`. */
  addBytes(bytes: Buffer, start: number, end: number): void {
    if (end - start > assemblyBytes - assembled) {
      this.flush();
      assembled = 0;
      if (end - start > assemblyBytes) {
        this.flowing = this.writeStable(Buffer.from(bytes.subarray(start, end)));
        return;
      }
    }
    assembled += bytes.copy(assembly, assembled, start, end);
  }

  /**
   * Sends what was put together.
   *
   * @returns false when the writer should wait for `onDrain`.
   */
  flush(): boolean {
    if (assembled === 0) return this.flowing;
    const { socket } = this;
    const part = assembly.subarray(0, assembled);
    this.bytesWritten += assembled;
    if (this.writesDirectly) {
      this.flowing = directWriter?.write(socket, part, this.onDirectEnd) ?? true;
      if (this.flowing) return true;
      this.directBytes += assembled;
      assembly = Buffer.allocUnsafeSlow(assemblyBytes);
      return false;
    }
    if (this.failure !== null) return false;
    // Who waits already, or encrypts, keeps what it is given: a copy of just the right size.
    this.usedStream = true;
    this.flowing = socket.write(Buffer.from(part)) || socket.writableLength === 0;
    return this.flowing;
  }

  /** Sends bytes that nobody changes any more. */
  writeStable(bytes: Buffer): boolean {
    this.bytesWritten += bytes.length;
    if (this.failure !== null) return false;
    this.usedStream = true;
    return this.socket.write(bytes) || this.socket.writableLength === 0;
  }

  /** Sends FIN after all that was written. */
  end(): void {
    if (this.ended) return;
    this.ended = true;
    this.mayWriteDirectly = false;
    this.socket.end();
  }

  /** Closes at once; what waits to be sent is lost. */
  destroy(): void {
    this.socket.destroy();
  }

  /** Closes with RST, so that the peer cannot take what it has for complete. */
  reset(): void {
    const { socket } = this;
    if (this.secure) {
      // TLS itself knows no reset: the accepted socket below it has to break off.
      (socket as unknown as { _parent?: Socket })._parent?.resetAndDestroy();
      socket.destroy();
    } else if (socket.connecting) {
      socket.destroy();
    } else {
      socket.resetAndDestroy();
    }
  }

  private deliver(buffer: Buffer, count: number): boolean {
    this.bytesRead += count;
    this.consumer.onBytes(buffer, 0, count);
    return !this.paused;
  }
}

/** The peer broke the connection off, as opposed to a failure of our own. */
function isBroken({ code }: NodeJS.ErrnoException): boolean {
  return code === 'EPIPE' || code === 'ECONNRESET';
}

/** What Node's handles tell about what they have not sent. */
interface IQueueingHandle {
  writeQueueSize?: number;
  /** Of TLS: the handle below it. */
  _parent?: IQueueingHandle;
}

/** What Node keeps in a socket that a server accepted. */
interface IAcceptedSocket {
  _handle: unknown;
  _server: unknown;
}

/** Takes handle and server out of an accepted socket; they then belong to the caller. */
function detach(socket: Socket): { handle: unknown; server: unknown } {
  const holder = socket as unknown as IAcceptedSocket;
  const { _handle: handle, _server: server } = holder;
  holder._handle = null;
  holder._server = null;
  return { handle, server };
}

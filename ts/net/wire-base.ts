import type { Socket } from 'node:net';

/** Bytes that one read can bring: 256 KiB move bulk data at almost twice the speed of 64 KiB. */
export const readBytesMax = 262_144;

/**
 * Every wire reads into this one buffer. A consumer has to use or copy what it gets before it
 * returns: the next read of any wire overwrites it.
 */
export const readBuffer = Buffer.allocUnsafeSlow(readBytesMax);

/** Bytes that are assembled before they are written: one read, its framing and a usual head. */
const assemblyBytes = readBytesMax + 16_384;

let assembly = Buffer.allocUnsafeSlow(assemblyBytes);
let assembled = 0;
let flowing = true;

/** Who gets what a wire reads. Set one with `wire.consumer`; it may change at any time. */
export interface IWireConsumer {
  /** Bytes from `start` to `end`; valid until the method returns. */
  onBytes(bytes: Buffer, start: number, end: number): void;
  /** The peer will send no more (FIN). */
  onEnd(): void;
  /** What was written has left: after a write that returned false. */
  onDrain(): void;
  /** The connection is gone, once, after which nothing else is called. */
  onClose(error: Error | null): void;
}

/** What plain and encrypted connections have in common: see `wire.ts`. */
export abstract class WireBase {
  consumer: IWireConsumer;
  bytesRead = 0;
  bytesWritten = 0;
  /**
   * A write that fails does not close the connection while it is read: what the
   * peer sent before it broke off comes first, then `onClose`. Plain only.
   */
  readsAfterFailure = false;
  private unsent = 0;

  constructor(consumer: IWireConsumer) {
    this.consumer = consumer;
  }

  /** By TLS. */
  abstract readonly secure: boolean;
  /** Name that the client asked for by SNI; '' without. */
  abstract readonly serverName: string;
  /** Our own end of it; '' and 0 when that is not known (any more), and for unix sockets. */
  abstract local(): { ip: string; port: number };
  /** It is closed or being closed: nothing more can be sent. */
  abstract readonly isClosed: boolean;
  /** True while reading is stopped. */
  abstract readonly isPaused: boolean;
  /** Bytes that wait to be sent. */
  abstract readonly pendingBytes: number;
  /** Bytes that the kernel has not taken yet, of what waits to be sent. */
  protected abstract readonly queuedBytes: number;
  /** Stops reading; at most what is being delivered now still arrives. */
  abstract pause(): void;
  /** Reads on after `pause()`. */
  abstract resume(): void;
  /** Sends FIN after all that was written; when the peer has done so too, the connection closes. */
  abstract end(): void;
  /** Closes at once; what waits to be sent is lost. */
  abstract destroy(): void;
  /** Closes with RST, so that the peer cannot take what it has for complete. */
  abstract reset(): void;
  /** Probes the peer after so many milliseconds without traffic; null: never. */
  abstract setKeepAlive(initialDelayMs: number | null): void;
  /** Whether small writes leave at once; they do unless this is asked for. */
  abstract setNoDelay(on: boolean): void;
  /**
   * Gives the wire up: its consumer is never called again, and whoever gets the socket closes it.
   *
   * The socket is paused and reads `unread` first. It is for TLS on top of it: what it reads by
   * itself would land in the buffer that all wires share. May be called inside `onBytes`.
   *
   * @param unread bytes that nobody changes any more; null: none.
   * @throws Error when it is not an open, plain TCP connection with nothing left to send.
   */
  abstract toSocket(unread: Buffer | null): Socket;
  /** @returns false when the writer should wait for `onDrain`. */
  protected abstract sendText(text: string): boolean;
  /** Sends bytes that nobody changes any more. */
  protected abstract sendStable(bytes: Buffer): boolean;
  /** Sends a part of the assembly; whoever keeps it calls `replaceAssembly`. */
  protected abstract sendAssembled(part: Buffer): boolean;

  /** True when some of what waits has been sent since the last call: the peer is slow, not dead. */
  get unsentMoved(): boolean {
    const unsent = this.pendingBytes === 0 ? 0 : this.queuedBytes;
    const moved = unsent !== this.unsent && unsent !== 0;
    this.unsent = unsent;
    return moved;
  }

  /**
   * Sends text of code points below 256.
   *
   * @returns false when the writer should wait for `onDrain`.
   */
  writeText(text: string): boolean {
    this.bytesWritten += text.length;
    return this.sendText(text);
  }

  /**
   * Sends bytes that nobody changes any more.
   *
   * @returns false when the writer should wait for `onDrain`.
   */
  writeStable(bytes: Buffer): boolean {
    this.bytesWritten += bytes.length;
    return this.sendStable(bytes);
  }

  /**
   * Starts a message that is put together from parts and then sent as one.
   *
   * All wires share the place where it is put together: call `addText`,
   * `addBytes` and `flush` without anything else in between.
   */
  begin(): void {
    assembled = 0;
    flowing = true;
  }

  /** Appends text of code points below 256. */
  addText(text: string): void {
    if (text.length > assemblyBytes - assembled) {
      this.flush();
      assembled = 0;
      if (text.length > assemblyBytes) {
        flowing = this.writeText(text);
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
        flowing = this.writeStable(Buffer.from(bytes.subarray(start, end)));
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
    if (assembled === 0) return flowing;
    this.bytesWritten += assembled;
    flowing = this.sendAssembled(assembly.subarray(0, assembled));
    return flowing;
  }
}

/** What was given to `sendAssembled` is still needed: further messages are put together elsewhere. */
export function replaceAssembly(): void {
  assembly = Buffer.allocUnsafeSlow(assemblyBytes);
}

import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { type IDirectReader, readDirectly } from './direct-read.ts';
import { canonicalIp } from './ip.ts';
import { type IWireConsumer, readBuffer, WireBase } from './wire-base.ts';

/** A TLS connection: `node:tls` writes and closes; reads go past its stream where they can. */
export class SecureWire extends WireBase {
  private readonly socket: TLSSocket;
  /** null: the socket is read through its stream. */
  private readonly reader: IDirectReader | null;
  private paused = false;
  private ended = false;
  private error: Error | null = null;

  /** Wraps a TLS socket whose handshake is done or under way. */
  constructor(socket: TLSSocket, consumer: IWireConsumer) {
    super(consumer);
    this.socket = socket;
    socket.on('end', () => this.consumer.onEnd());
    socket.on('drain', () => this.consumer.onDrain());
    socket.on('error', (error) => {
      this.error = error;
    });
    socket.on('close', () => this.consumer.onClose(this.error));
    this.reader = readDirectly(socket, readBuffer, (count) => {
      this.bytesRead += count;
      this.consumer.onBytes(readBuffer, 0, count);
    });
    // Also makes the stream flow, without which its end would not be seen.
    socket.on('data', (bytes: Buffer) => {
      this.bytesRead += bytes.length;
      this.consumer.onBytes(bytes, 0, bytes.length);
    });
  }

  get secure(): boolean {
    return true;
  }

  get serverName(): string {
    const { servername } = this.socket as { servername?: string | false | null };
    return typeof servername === 'string' ? servername : '';
  }

  local(): { ip: string; port: number } {
    const { localAddress = '', localPort = 0 } = this.socket;
    return { ip: canonicalIp(localAddress) ?? '', port: localPort };
  }

  get isClosed(): boolean {
    return this.socket.destroyed;
  }

  get isPaused(): boolean {
    return this.paused;
  }

  get pendingBytes(): number {
    return this.socket.writableLength;
  }

  protected get queuedBytes(): number {
    // TLS counts what it has encrypted; only the handle below it knows what has left.
    const { _handle: handle } = this.socket as unknown as { _handle: ITlsHandle | null };
    return handle?._parent?.writeQueueSize ?? 0;
  }

  pause(): void {
    if (this.paused) return;
    this.paused = true;
    if (this.reader === null) this.socket.pause();
    else this.reader.pause();
  }

  resume(): void {
    if (!this.paused) return;
    this.paused = false;
    if (this.reader === null) this.socket.resume();
    else this.reader.resume();
  }

  setKeepAlive(initialDelayMs: number | null): void {
    this.socket.setKeepAlive(initialDelayMs !== null, Math.max(1000, initialDelayMs ?? 0));
  }

  setNoDelay(on: boolean): void {
    this.socket.setNoDelay(on);
  }

  toSocket(_unread: Buffer | null): Socket {
    throw new Error('Cannot make a plain socket of an encrypted wire');
  }

  end(): void {
    if (this.ended) return;
    this.ended = true;
    this.socket.end();
  }

  destroy(): void {
    this.socket.destroy();
  }

  reset(): void {
    // TLS itself knows no reset: the accepted socket below it has to break off. Behind its own end,
    // which says that all was sent, libuv could do neither the FIN nor the reset.
    if (!this.ended) (this.socket as unknown as { _parent?: Socket })._parent?.resetAndDestroy();
    this.socket.destroy();
  }

  protected sendText(text: string): boolean {
    const { socket } = this;
    return socket.write(text, 'latin1') || socket.writableLength === 0;
  }

  protected sendStable(bytes: Buffer): boolean {
    const { socket } = this;
    return socket.write(bytes) || socket.writableLength === 0;
  }

  protected sendAssembled(part: Buffer): boolean {
    // What is encrypted later has to stay as it is: a copy of just the right size.
    return this.sendStable(Buffer.from(part));
  }
}

/** What Node's TLS handles tell about the handle below them. */
interface ITlsHandle {
  _parent?: { writeQueueSize?: number };
}

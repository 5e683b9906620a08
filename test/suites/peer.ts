import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { type ConnectionOptions, connect as connectTls } from 'node:tls';

/** The connection ended while somebody waited for bytes. */
export class PeerClosed extends Error {}

/** How a connection ended: an orderly FIN, or a reset. */
export type TEnding = 'end' | 'reset';

/** First line and fields of a message, as they were sent. */
export class MessageHead {
  readonly text: string;
  readonly line: string;
  readonly fields: readonly (readonly [string, string])[];

  constructor(text: string) {
    const [line = '', ...lines] = text.split('\r\n');
    this.text = text;
    this.line = line;
    this.fields = lines
      .filter((field) => field !== '')
      .map((field) => {
        const colon = field.indexOf(':');
        return [field.slice(0, colon).toLowerCase(), field.slice(colon + 1).trim()] as const;
      });
  }

  /** Of a response. */
  get status(): number {
    return Number(this.line.split(' ')[1]);
  }

  /** Of a request. */
  get method(): string {
    return this.line.split(' ')[0] ?? '';
  }

  /** Of a request. */
  get target(): string {
    return this.line.split(' ')[1] ?? '';
  }

  /** Value of a field by its name in lower case; several are joined by `|`. */
  get(name: string): string | undefined {
    const values = this.fields.filter(([field]) => field === name).map(([, value]) => value);
    return values.length === 0 ? undefined : values.join('|');
  }
}

/** A message with its body. */
export interface IMessage {
  head: MessageHead;
  body: Buffer;
  /** Sizes of the chunks, null when it was not chunked. */
  chunks: number[] | null;
  /** The trailer section as sent, without its empty line. */
  trailers: string;
}

/**
 * One end of a raw connection that a test holds in its hands: it writes and
 * reads exactly the bytes that it is told to. It knows nothing of our parsers.
 */
export class Peer {
  readonly socket: Socket;
  /** All bytes that came. */
  bytesRead = 0;
  ending: TEnding | null = null;
  private parts: Buffer[] = [];
  private available = 0;
  private wake: (() => void) | null = null;

  constructor(socket: Socket) {
    this.socket = socket;
    socket.on('data', (bytes: Buffer) => {
      this.bytesRead += bytes.length;
      this.available += bytes.length;
      this.parts.push(bytes);
      this.wake?.();
    });
    socket.on('end', () => this.conclude('end'));
    socket.on('error', () => this.conclude('reset'));
    socket.on('close', () => this.conclude('reset'));
  }

  /** Sends text (code points below 256) or bytes. */
  write(data: string | Buffer): void {
    this.socket.write(typeof data === 'string' ? Buffer.from(data, 'latin1') : data);
  }

  /** Sends, and resolves when the kernel has it all. */
  send(data: string | Buffer): Promise<void> {
    const bytes = typeof data === 'string' ? Buffer.from(data, 'latin1') : data;
    return new Promise((resolve, reject) => {
      this.socket.write(bytes, (error) => (error ? reject(new PeerClosed()) : resolve()));
    });
  }

  /** Sends FIN. */
  end(): void {
    this.socket.end();
  }

  /** Closes with RST; by TLS, without a word. */
  reset(): void {
    if (this.socket.connecting || 'encrypted' in this.socket) this.socket.destroy();
    else this.socket.resetAndDestroy();
  }

  /** Bytes that came and were not read yet. */
  get pending(): Buffer {
    if (this.parts.length !== 1) this.parts = [Buffer.concat(this.parts)];
    return this.parts[0] as Buffer;
  }

  /** Exactly so many bytes. @throws PeerClosed */
  async read(count: number): Promise<Buffer> {
    await this.until(() => this.available >= count);
    return this.take(count);
  }

  /** Everything up to and with a mark. @throws PeerClosed */
  async readTo(mark: string): Promise<string> {
    await this.until(() => this.pending.indexOf(mark, 0, 'latin1') !== -1);
    const bytes = this.take(this.pending.indexOf(mark, 0, 'latin1') + mark.length);
    return bytes.toString('latin1');
  }

  /** Everything up to the end; how it ended is in `ending`. */
  async readAll(): Promise<Buffer> {
    await this.closed();
    return this.take(this.available);
  }

  /** The next head. @throws PeerClosed */
  async readHead(): Promise<MessageHead> {
    return new MessageHead((await this.readTo('\r\n\r\n')).slice(0, -4));
  }

  /** The next request. @throws PeerClosed */
  async readRequest(): Promise<IMessage> {
    const head = await this.readHead();
    return this.readBody(head, false);
  }

  /** The next final response; 1xx before it are skipped. @throws PeerClosed */
  async readResponse(method = 'GET'): Promise<IMessage> {
    for (;;) {
      const head = await this.readHead();
      if (head.status < 200 && head.status !== 101) continue;
      const isBare = method === 'HEAD' || [101, 204, 304].includes(head.status);
      if (isBare) return { head, body: Buffer.alloc(0), chunks: null, trailers: '' };
      return this.readBody(head, true);
    }
  }

  /** How the connection ends. */
  async closed(): Promise<TEnding> {
    while (this.ending === null) await this.moved();
    return this.ending;
  }

  private async readBody(head: MessageHead, lastsToEnd: boolean): Promise<IMessage> {
    const length = head.get('content-length');
    if (length !== undefined) {
      const body = await this.read(Number(length));
      return { head, body, chunks: null, trailers: '' };
    }
    if (head.get('transfer-encoding') !== undefined) return this.readChunked(head);
    const body = lastsToEnd ? await this.readAll() : Buffer.alloc(0);
    if (lastsToEnd && this.ending === 'reset') throw new PeerClosed('reset');
    return { head, body, chunks: null, trailers: '' };
  }

  private async readChunked(head: MessageHead): Promise<IMessage> {
    const parts: Buffer[] = [];
    const chunks: number[] = [];
    for (;;) {
      const size = Number.parseInt(await this.readTo('\r\n'), 16);
      if (size === 0) break;
      chunks.push(size);
      parts.push(await this.read(size));
      await this.read(2);
    }
    let trailers = '';
    for (;;) {
      const line = await this.readTo('\r\n');
      if (line === '\r\n') return { head, body: Buffer.concat(parts), chunks, trailers };
      trailers += line;
    }
  }

  private take(count: number): Buffer {
    const { pending } = this;
    this.parts = [pending.subarray(count)];
    this.available -= count;
    return pending.subarray(0, count);
  }

  private async until(isEnough: () => boolean): Promise<void> {
    for (;;) {
      if (isEnough()) return;
      if (this.ending !== null) throw new PeerClosed(this.ending);
      await this.moved();
    }
  }

  private moved(): Promise<void> {
    return new Promise((resolve) => {
      this.wake = resolve;
    });
  }

  private conclude(ending: TEnding): void {
    this.ending ??= ending;
    this.wake?.();
  }
}

/** Connects to a port of this machine; half-open is allowed. */
export async function dial(port: number): Promise<Peer> {
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true, noDelay: true });
  const peer = new Peer(socket);
  await once(socket, 'connect');
  return peer;
}

/** Connects by TLS. */
export async function dialTls(port: number, options: ConnectionOptions): Promise<Peer> {
  const both: ConnectionOptions & { allowHalfOpen: boolean } = {
    port,
    host: '127.0.0.1',
    allowHalfOpen: true,
    ...options,
  };
  const socket = connectTls(both);
  const peer = new Peer(socket);
  await once(socket, 'secureConnect');
  return peer;
}

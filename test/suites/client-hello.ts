import { once } from 'node:events';
import { Duplex } from 'node:stream';
import { type ConnectionOptions, connect } from 'node:tls';

/** The first flight of Node's own TLS client. */
export async function realClientHello(options: ConnectionOptions): Promise<Buffer> {
  const socket = new Duplex({
    read: () => undefined,
    write(chunk: Buffer, _encoding, done) {
      this.emit('sent', chunk);
      done();
    },
  });
  const sent = once(socket, 'sent');
  const client = connect({ ...options, socket });
  client.on('error', () => client.destroy());
  const [hello] = await sent;
  client.destroy();
  return hello as Buffer;
}

/** Parts of a ClientHello made by hand; what is left out is usual. */
export interface IHelloParts {
  version?: number;
  session?: Buffer;
  ciphers?: Buffer;
  compressions?: Buffer;
  /** In order; null: not even their length. */
  extensions?: readonly Buffer[] | null;
  /** Behind the extensions. */
  rest?: Buffer;
}

/** Bytes behind their length of `size` bytes. */
export function vector(size: 1 | 2 | 3, bytes: Buffer): Buffer {
  const length = Buffer.alloc(size);
  length.writeUIntBE(bytes.length, 0, size);
  return Buffer.concat([length, bytes]);
}

/** A number of two bytes. */
export function uint16(value: number): Buffer {
  return Buffer.from([value >>> 8, value & 255]);
}

/** One extension. */
export function extension(type: number, bytes: Buffer): Buffer {
  return Buffer.concat([uint16(type), vector(2, bytes)]);
}

/** The extension server_name with host names. */
export function serverNames(...names: string[]): Buffer {
  const entries = names.map((name) =>
    Buffer.concat([Buffer.from([0]), vector(2, Buffer.from(name, 'latin1'))]),
  );
  return extension(0, vector(2, Buffer.concat(entries)));
}

/** The extension application_layer_protocol_negotiation. */
export function protocols(...names: string[]): Buffer {
  const entries = names.map((name) => vector(1, Buffer.from(name, 'latin1')));
  return extension(16, vector(2, Buffer.concat(entries)));
}

/** A ClientHello without records. */
export function helloMessage(parts: IHelloParts = {}): Buffer {
  const { extensions = [serverNames('example.org')] } = parts;
  const body = Buffer.concat([
    uint16(parts.version ?? 0x0303),
    Buffer.alloc(32, 0x5a),
    vector(1, parts.session ?? Buffer.alloc(32, 7)),
    vector(2, parts.ciphers ?? Buffer.from([0x13, 0x01, 0x13, 0x02])),
    vector(1, parts.compressions ?? Buffer.from([0])),
    extensions === null ? Buffer.alloc(0) : vector(2, Buffer.concat(extensions)),
    parts.rest ?? Buffer.alloc(0),
  ]);
  return Buffer.concat([Buffer.from([1]), vector(3, body)]);
}

/** The bytes in TLS records of up to `size` bytes each. */
export function inRecords(message: Buffer, size = 16_384): Buffer {
  const records: Buffer[] = [];
  for (let at = 0; at < message.length; at += size) {
    const part = message.subarray(at, at + size);
    records.push(Buffer.from([0x16, 3, 1]), vector(2, part));
  }
  return Buffer.concat(records);
}

/** A ClientHello as it is sent. */
export function clientHello(parts: IHelloParts = {}): Buffer {
  return inRecords(helloMessage(parts));
}

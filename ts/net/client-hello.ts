/**
 * Reads what a TLS client asks for, without answering it: RFC 8446 §4.1.2, RFC 5246 §7.4.1.2.
 *
 * The name in an encrypted hello (ECH) stays hidden: what counts is the outer hello's. Values that
 * clients make up to keep servers tolerant (GREASE, RFC 8701) need no care, since whatever is not
 * known here is skipped.
 */

/** What `readClientHello` found. */
export type TClientHello =
  /** May become a hello; ask again with the same bytes and more. */
  | { readonly kind: 'incomplete' }
  /** No TLS, or a hello that a server would refuse. */
  | { readonly kind: 'invalid'; readonly reason: string }
  | IClientHello;

/** The part of a ClientHello that routes can ask for. */
export interface IClientHello {
  readonly kind: 'hello';
  /** Host name in lower case without trailing dot, at most 253 characters; null when none came. */
  readonly serverName: string | null;
  /** Protocols in the client's order, e.g. `h2`; a character a byte; empty when none came. */
  readonly alpn: readonly string[];
  /** Another, encrypted hello is in it (RFC 9849). Clients also send a fake one (GREASE). */
  readonly hasEch: boolean;
}

/** Longest ClientHello that is read, in bytes with its four-byte head. */
export const clientHelloBytesMax = 16_384;

/**
 * Longest ClientHello with the heads of its TLS records; `readClientHello` has decided by then,
 * so nobody needs to keep more bytes for it.
 */
export const clientHelloRecordsBytesMax = clientHelloBytesMax + 2048;

const recordHeadBytes = 5;
const recordBytesMax = 16_384;
const messageHeadBytes = 4;

const extensionTypes = { SERVER_NAME: 0, ALPN: 16, ECH: 0xfe0d } as const;
const hostName = /^[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63})*$/;
const hostNameLengthMax = 253;

const incomplete: TClientHello = { kind: 'incomplete' };

/**
 * Reads the ClientHello at the very start of a connection, in `bytes` from `start` to before `end`.
 *
 * It never throws and reads nothing outside of that range. While the hello is incomplete a call
 * looks at the heads of the records only and copies no more than four bytes, so that a client that
 * sends byte by byte costs little. What follows the hello is not looked at.
 */
export function readClientHello(bytes: Buffer, start: number, end: number): TClientHello {
  const stop = Math.min(end, start + clientHelloRecordsBytesMax);
  /** Bytes of the message that came, and its length with its head; 0: not known yet. */
  let came = 0;
  let length = 0;
  for (let at = start; at < stop; ) {
    const problem = recordProblem(bytes, at, stop);
    if (problem !== null) return invalid(problem);
    if (stop - at <= recordHeadBytes) break;
    const recordEnd = at + recordHeadBytes + bytes.readUInt16BE(at + 3);
    if (came === 0 && bytes[at + recordHeadBytes] !== 1) return invalid('no ClientHello');
    came += Math.min(recordEnd, stop) - at - recordHeadBytes;
    if (length === 0 && came >= messageHeadBytes) {
      length = messageLength(bytes, start);
      if (length > clientHelloBytesMax) return invalid(`longer than ${clientHelloBytesMax} bytes`);
    }
    if (length !== 0 && came >= length) return readMessage(bytes, start, length);
    at = recordEnd;
  }
  return stop < end ? invalid('too many records') : full(stop - start);
}

/** At the limit waiting is over, even when no byte behind it came yet. */
function full(length: number): TClientHello {
  return length < clientHelloRecordsBytesMax ? incomplete : invalid('too many records');
}

function invalid(reason: string): TClientHello {
  return { kind: 'invalid', reason };
}

/** What is wrong with the record at `at`, as far as it came. */
function recordProblem(bytes: Buffer, at: number, stop: number): string | null {
  if (bytes[at] !== 0x16) return 'no TLS handshake';
  if (at + 1 < stop && bytes[at + 1] !== 3) return 'no TLS version';
  if (at + recordHeadBytes > stop) return null;
  const length = bytes.readUInt16BE(at + 3);
  // RFC 8446 §5.1 forbids empty fragments: they could be sent for ever.
  if (length === 0) return 'an empty record';
  return length > recordBytesMax ? 'a record that is too long' : null;
}

/** The message's length with its head; its first four bytes may lie in as many records. */
function messageLength(bytes: Buffer, start: number): number {
  const head = gather(bytes, start, messageHeadBytes);
  return messageHeadBytes + head.readUIntBE(1, 3);
}

/** The first bytes of the message, without the heads of the records they lie in. */
function gather(bytes: Buffer, start: number, length: number): Buffer {
  const first = bytes.readUInt16BE(start + 3);
  const messageStart = start + recordHeadBytes;
  if (first >= length) return bytes.subarray(messageStart, messageStart + length);
  const message = Buffer.alloc(length);
  let at = start;
  for (let filled = 0; filled < length; ) {
    const from = at + recordHeadBytes;
    const to = from + Math.min(bytes.readUInt16BE(at + 3), length - filled);
    filled += bytes.copy(message, filled, from, to);
    at = to;
  }
  return message;
}

function readMessage(bytes: Buffer, start: number, length: number): TClientHello {
  const reader = new Reader(gather(bytes, start, length), messageHeadBytes);
  const hello = readHello(reader);
  return typeof hello === 'string' ? invalid(hello) : hello;
}

/** @returns the reason when it is none. */
function readHello(reader: Reader): IClientHello | string {
  const version = reader.number(2);
  if (version >>> 8 !== 3) return 'no TLS version in the ClientHello';
  reader.skip(32);
  const session = reader.vector(1);
  if (session.length > 32) return 'a session id that is too long';
  const ciphers = reader.vector(2).length;
  if (ciphers === 0 || ciphers % 2 !== 0) return 'a malformed list of ciphers';
  if (reader.vector(1).length === 0) return 'no compression method';
  if (reader.isBroken) return 'a length that is wrong';
  // TLS 1.2 and older clients may have no extensions at all.
  if (reader.isDone) return { kind: 'hello', serverName: null, alpn: [], hasEch: false };
  const extensions = reader.inner(2);
  if (extensions.isBroken || !reader.isDone) return 'extensions of a wrong length';
  return readExtensions(extensions);
}

function readExtensions(reader: Reader): IClientHello | string {
  const types = new Set<number>();
  let serverName: string | null = null;
  let alpn: string[] = [];
  while (!reader.isDone) {
    const type = reader.number(2);
    const extension = reader.inner(2);
    if (extension.isBroken) return 'an extension of a wrong length';
    // RFC 8446 §4.2; which of two names would count is nothing to guess at.
    if (types.has(type)) return `extension ${type} twice`;
    types.add(type);
    if (type === extensionTypes.SERVER_NAME) {
      serverName = readServerName(extension);
      if (serverName === null) return 'a malformed server name';
    } else if (type === extensionTypes.ALPN) {
      const protocols = readAlpn(extension);
      if (protocols === null) return 'a malformed list of protocols';
      alpn = protocols;
    }
  }
  return { kind: 'hello', serverName, alpn, hasEch: types.has(extensionTypes.ECH) };
}

/** RFC 6066 §3: one name of each type, of which only host names exist; null: malformed. */
function readServerName(extension: Reader): string | null {
  const list = extension.inner(2);
  let name: string | null = null;
  while (!list.isDone && !list.isBroken) {
    const type = list.number(1);
    const value = list.vector(2);
    if (type !== 0) continue;
    if (name !== null) return null;
    name = value.toString('latin1').toLowerCase();
  }
  if (name === null || list.isBroken || !extension.isDone) return null;
  // RFC 6066 has no trailing dot; some clients send the one of their URL.
  if (name.endsWith('.')) name = name.slice(0, -1);
  return name.length <= hostNameLengthMax && hostName.test(name) ? name : null;
}

/** RFC 7301 §3.1; null: malformed. */
function readAlpn(extension: Reader): string[] | null {
  const list = extension.inner(2);
  const protocols: string[] = [];
  while (!list.isDone && !list.isBroken) {
    const protocol = list.vector(1);
    if (protocol.length === 0) return null;
    protocols.push(protocol.toString('latin1'));
  }
  return list.isBroken || !extension.isDone || protocols.length === 0 ? null : protocols;
}

const nothing = Buffer.alloc(0);

/** Walks through bytes; asked for more than there are it breaks and gives zeros and nothing. */
class Reader {
  isBroken = false;
  private readonly bytes: Buffer;
  private at: number;

  constructor(bytes: Buffer, at = 0) {
    this.bytes = bytes;
    this.at = at;
  }

  get isDone(): boolean {
    return this.at === this.bytes.length;
  }

  /** The next bytes as a number, the most significant first. */
  number(size: 1 | 2): number {
    const at = this.at;
    if (!this.skip(size)) return 0;
    return size === 1 ? (this.bytes[at] as number) : this.bytes.readUInt16BE(at);
  }

  /** Bytes behind their length, which takes `size` bytes. */
  vector(size: 1 | 2): Buffer {
    const length = this.number(size);
    const at = this.at;
    return this.skip(length) ? this.bytes.subarray(at, at + length) : nothing;
  }

  /** A vector to walk through; broken when it is not there as a whole. */
  inner(size: 1 | 2): Reader {
    const reader = new Reader(this.vector(size));
    reader.isBroken = this.isBroken;
    return reader;
  }

  /** @returns false, with nothing left, when there are not as many bytes. */
  skip(length: number): boolean {
    this.at += length;
    if (this.at <= this.bytes.length) return true;
    this.isBroken = true;
    this.at = this.bytes.length;
    return false;
  }
}

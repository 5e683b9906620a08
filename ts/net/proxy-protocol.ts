/**
 * The PROXY protocol, versions 1 and 2, read and written: HAProxy's `doc/proxy-protocol.txt`.
 *
 * A header is to be believed only from a peer whose address is trusted, and only at the very
 * start of a connection; both is the caller's business.
 */
import { crc32c } from './crc32c.ts';
import { canonicalIp, formatIp, ipWords, parseIp } from './ip.ts';

/** What the sender says about the connection. */
export interface IProxyHeader {
  version: 1 | 2;
  /** `local`: the sender itself connected (a health check), so the socket's addresses count. */
  command: 'local' | 'proxy';
  /** As written; `unknown` (always with `local`) and `unix`: the socket's addresses count. */
  family: 'tcp4' | 'tcp6' | 'udp4' | 'udp6' | 'unix' | 'unknown';
  /** The client's address as `canonicalIp` gives it; empty for `unix` and `unknown`. */
  sourceIp: string;
  /** From 0; 0 for `unix` and `unknown`. */
  sourcePort: number;
  /** Where the client connected to; empty for `unix` and `unknown`. */
  destinationIp: string;
  /** From 0; 0 for `unix` and `unknown`. */
  destinationPort: number;
  /** In order, without NOOP; empty in version 1, for `local` and for `unknown`. */
  tlvs: IProxyTlv[];
}

/** One further fact of a version 2 header. */
export interface IProxyTlv {
  /** 0 to 255; see `proxyTlv`. */
  type: number;
  /** At most 65,535 bytes; what was parsed is a copy of the bytes that came. */
  value: Buffer;
}

/** What `parseProxyHeader` found. */
export type TProxyParse =
  /** May become a header; ask again with the same bytes and more. */
  | { readonly kind: 'incomplete' }
  /** Cannot be a header: the bytes are payload. */
  | { readonly kind: 'none' }
  /** Started as a header and is none; the connection is to be closed. */
  | { readonly kind: 'invalid'; readonly reason: string }
  /** The first `length` bytes are a header; payload follows. */
  | { readonly kind: 'header'; readonly length: number; readonly header: IProxyHeader };

/** What goes into a header that we send. */
export interface IProxyHeaderParts {
  /** Not an address: the header says `UNKNOWN`. */
  sourceIp: string;
  /** 0 to 65,535. */
  sourcePort: number;
  /** An IPv4 address beside an IPv6 one is sent IPv4-mapped. */
  destinationIp: string;
  /** 0 to 65,535. */
  destinationPort: number;
  /** @default 'proxy' */
  command?: 'local' | 'proxy';
  /** Version 1 has no UDP and says `UNKNOWN`. @default 'tcp' */
  transport?: 'tcp' | 'udp';
  /** Version 2 with command `proxy` only, otherwise left out. CRC32C is not given here. */
  tlvs?: readonly IProxyTlv[];
  /** Adds a CRC32C; version 2 with command `proxy` only. @default false */
  hasChecksum?: boolean;
}

/** Types of TLVs (§2.2.1 to §2.2.9). */
export const proxyTlv = {
  ALPN: 0x01,
  AUTHORITY: 0x02,
  CRC32C: 0x03,
  NOOP: 0x04,
  UNIQUE_ID: 0x05,
  SSL: 0x20,
  NETNS: 0x30,
} as const;

/** Types of the TLVs within `proxyTlv.SSL`. */
export const proxySslTlv = {
  VERSION: 0x21,
  COMMON_NAME: 0x22,
  CIPHER: 0x23,
  SIGNATURE_ALGORITHM: 0x24,
  KEY_ALGORITHM: 0x25,
  GROUP: 0x26,
  SIGNATURE_SCHEME: 0x27,
  CLIENT_CERTIFICATE: 0x28,
} as const;

/** What the TLV `proxyTlv.SSL` says about the client's TLS session with the sender. */
export interface IProxySsl {
  /** The client connected over TLS. */
  isSecure: boolean;
  /** It gave a certificate, on this connection or on one of the same session. */
  hasCertificate: boolean;
  /** The certificate was given and verified. */
  isVerified: boolean;
  /** See `proxySslTlv`. */
  tlvs: IProxyTlv[];
}

/** Longest header of version 2 that is read, in bytes; the format itself allows 65,551. */
export const proxyHeaderBytesMax = 16_384;

/** A version 1 header with its CR LF is never longer (§2.1). */
const lineBytesMax = 107;
/** Bytes of a version 2 header before the addresses. */
const fixedBytes = 16;
/** Bytes of a TLV before its value. */
const tlvHeadBytes = 3;
/** §2.2.6. */
const uniqueIdBytesMax = 128;

const textSignature = Buffer.from('PROXY ', 'latin1');
const binarySignature = Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1');

const incomplete: TProxyParse = { kind: 'incomplete' };
const none: TProxyParse = { kind: 'none' };
const words = ipWords();

/**
 * Reads a header from the first bytes of a connection, in `bytes` from `start` to before `end`.
 *
 * It never throws and reads nothing outside of that range. While it is `incomplete` it costs the
 * same however many bytes there are, and at `proxyHeaderBytesMax` bytes it has decided.
 */
export function parseProxyHeader(bytes: Buffer, start: number, end: number): TProxyParse {
  if (end <= start) return incomplete;
  const isText = bytes[start] === textSignature[0];
  const signature = isText ? textSignature : binarySignature;
  const length = Math.min(end - start, signature.length);
  for (let index = 0; index < length; index++) {
    if (bytes[start + index] !== signature[index]) return none;
  }
  if (length < signature.length) return incomplete;
  return isText ? parseText(bytes, start, end) : parseBinary(bytes, start, end);
}

/**
 * Writes a header, to be sent before anything else.
 *
 * @throws RangeError for a port outside of 0 to 65,535 and for TLVs that do not fit.
 */
export function buildProxyHeader(version: 1 | 2, parts: IProxyHeaderParts): Buffer {
  return version === 1 ? buildText(parts) : buildBinary(parts);
}

/** Reads the value of a TLV `proxyTlv.SSL`; null when it is malformed. */
export function parseProxySsl(value: Buffer): IProxySsl | null {
  if (value.length < 5) return null;
  const client = value[0] as number;
  const tlvs = parseTlvs(value.subarray(5));
  if (tlvs === null) return null;
  const hasCertificate = (client & 0x06) !== 0;
  const isVerified = hasCertificate && value.readUInt32BE(1) === 0;
  return { isSecure: (client & 0x01) !== 0, hasCertificate, isVerified, tlvs };
}

function invalid(reason: string): TProxyParse {
  return { kind: 'invalid', reason };
}

function parseText(bytes: Buffer, start: number, end: number): TProxyParse {
  const stop = Math.min(end, start + lineBytesMax);
  let at = start + textSignature.length;
  while (at < stop && bytes[at] !== 0x0d && bytes[at] !== 0x0a) at++;
  if (at + 1 >= stop) {
    // Full without CR LF; also when the CR is the last byte that may be one.
    if (stop - start === lineBytesMax) return invalid('no CR LF within 107 bytes');
    if (at === stop || bytes[at] === 0x0d) return incomplete;
  }
  if (bytes[at] !== 0x0d || bytes[at + 1] !== 0x0a) return invalid('a line end that is not CR LF');
  const line = bytes.toString('latin1', start + textSignature.length, at);
  const header = headerOfLine(line);
  if (typeof header === 'string') return invalid(header);
  return { kind: 'header', length: at + 2 - start, header };
}

/** @returns the reason when there is no header. */
function headerOfLine(line: string): IProxyHeader | string {
  // Whatever follows UNKNOWN is to be ignored (§2.1).
  if (line === 'UNKNOWN' || line.startsWith('UNKNOWN ')) return unknownHeader(1, 'proxy');
  const [protocol, source, destination, sourcePort, destinationPort, ...rest] = line.split(' ');
  const family = protocol === 'TCP4' ? 4 : protocol === 'TCP6' ? 6 : undefined;
  if (family === undefined) return 'a protocol other than TCP4, TCP6 and UNKNOWN';
  if (destinationPort === undefined || rest.length > 0) return 'not two addresses and two ports';
  const sourceIp = ipOfText(source, family);
  const destinationIp = ipOfText(destination, family);
  if (sourceIp === undefined || destinationIp === undefined) return `no ${protocol} address`;
  if (!isPort(sourcePort) || !isPort(destinationPort)) return 'no port from 0 to 65535';
  return {
    version: 1,
    command: 'proxy',
    family: family === 4 ? 'tcp4' : 'tcp6',
    sourceIp,
    sourcePort: Number(sourcePort),
    destinationIp,
    destinationPort: Number(destinationPort),
    tlvs: [],
  };
}

function ipOfText(text: string | undefined, family: 4 | 6): string | undefined {
  // A zone means nothing on another machine; and in TCP6, addresses are written as IPv6.
  if (text === undefined || text.includes('%')) return undefined;
  return text.includes(':') === (family === 6) ? canonicalIp(text) : undefined;
}

function isPort(text: string | undefined): boolean {
  return text !== undefined && /^(?:0|[1-9]\d{0,4})$/.test(text) && Number(text) <= 65_535;
}

function unknownHeader(version: 1 | 2, command: 'local' | 'proxy'): IProxyHeader {
  return {
    version,
    command,
    family: 'unknown',
    sourceIp: '',
    sourcePort: 0,
    destinationIp: '',
    destinationPort: 0,
    tlvs: [],
  };
}

/** By the family's half of byte 14. */
const addressBytes = [0, 4, 16, 108] as const;
const familyNames = [null, ['tcp4', 'udp4'], ['tcp6', 'udp6'], ['unix', 'unix']] as const;

function parseBinary(bytes: Buffer, start: number, end: number): TProxyParse {
  if (end - start < 13) return incomplete;
  const command = (bytes[start + 12] as number) & 15;
  if ((bytes[start + 12] as number) >>> 4 !== 2) return invalid('a version other than 2');
  if (command > 1) return invalid('a command other than LOCAL and PROXY');
  if (end - start < 14) return incomplete;
  const family = (bytes[start + 13] as number) >>> 4;
  const transport = (bytes[start + 13] as number) & 15;
  // LOCAL says that the family is to be ignored, whatever it is (§2.2).
  if (command === 1 && (family > 3 || transport > 2)) return invalid('an unknown family');
  if (end - start < fixedBytes) return incomplete;
  const length = fixedBytes + bytes.readUInt16BE(start + 14);
  if (length > proxyHeaderBytesMax) return invalid(`longer than ${proxyHeaderBytesMax} bytes`);
  const name = command === 0 || transport === 0 ? undefined : familyNames[family]?.[transport - 1];
  const ipBytes = addressBytes[family] as number;
  const tlvStart = fixedBytes + 2 * ipBytes + (name === 'unix' ? 0 : 4);
  if (name !== undefined && length < tlvStart) return invalid('too short for its addresses');
  if (end - start < length) return incomplete;
  if (name === undefined) {
    const header = unknownHeader(2, command === 0 ? 'local' : 'proxy');
    return { kind: 'header', length, header };
  }

  // The bytes may be reused by whoever reads the socket.
  const block = Buffer.from(bytes.subarray(start, start + length));
  const tlvs = parseTlvs(block.subarray(tlvStart));
  if (tlvs === null) return invalid('a TLV that is longer than the header');
  const reason = tlvProblem(block, tlvs);
  if (reason !== null) return invalid(reason);
  const isIp = name !== 'unix';
  const header: IProxyHeader = {
    version: 2,
    command: 'proxy',
    family: name,
    sourceIp: isIp ? ipOfBytes(block, fixedBytes, ipBytes) : '',
    sourcePort: isIp ? block.readUInt16BE(tlvStart - 4) : 0,
    destinationIp: isIp ? ipOfBytes(block, fixedBytes + ipBytes, ipBytes) : '',
    destinationPort: isIp ? block.readUInt16BE(tlvStart - 2) : 0,
    tlvs: tlvs.filter(({ type }) => type !== proxyTlv.NOOP),
  };
  return { kind: 'header', length, header };
}

function ipOfBytes(bytes: Buffer, start: number, length: number): string {
  for (let index = 0; index < length / 4; index++) {
    words[index] = bytes.readUInt32BE(start + index * 4);
  }
  return formatIp(length === 4 ? 4 : 6, words);
}

/** @returns null when they do not end where the bytes end. */
function parseTlvs(bytes: Buffer): IProxyTlv[] | null {
  const tlvs: IProxyTlv[] = [];
  let at = 0;
  while (at < bytes.length) {
    if (bytes.length - at < tlvHeadBytes) return null;
    const valueStart = at + tlvHeadBytes;
    const valueEnd = valueStart + bytes.readUInt16BE(at + 1);
    if (valueEnd > bytes.length) return null;
    tlvs.push({ type: bytes[at] as number, value: bytes.subarray(valueStart, valueEnd) });
    at = valueEnd;
  }
  return tlvs;
}

/** @returns null when there is none. */
function tlvProblem(block: Buffer, tlvs: readonly IProxyTlv[]): string | null {
  let checksums = 0;
  for (const { type, value } of tlvs) {
    if (type === proxyTlv.SSL && parseProxySsl(value) === null) return 'a malformed SSL TLV';
    if (type === proxyTlv.UNIQUE_ID && value.length > uniqueIdBytesMax) {
      return `a UNIQUE_ID of more than ${uniqueIdBytesMax} bytes`;
    }
    if (type !== proxyTlv.CRC32C) continue;
    if (value.length !== 4 || ++checksums > 1) return 'a malformed CRC32C';
    const expected = value.readUInt32BE(0);
    // The checksum is made over the header with zeros in its place (§2.2.3).
    value.fill(0);
    if (crc32c(block) !== expected) return 'a wrong CRC32C';
    value.writeUInt32BE(expected, 0);
  }
  return null;
}

/** The addresses in one family: both as IPv6 if one is; null when one is no address. */
function pairOf(parts: IProxyHeaderParts): { family: 4 | 6; ips: [string, string] } | null {
  const source = canonicalIp(parts.sourceIp);
  const destination = canonicalIp(parts.destinationIp);
  if (source === undefined || destination === undefined) return null;
  if (!source.includes(':') && !destination.includes(':')) {
    return { family: 4, ips: [source, destination] };
  }
  const asV6 = (ip: string) => (ip.includes(':') ? ip : `::ffff:${ip}`);
  return { family: 6, ips: [asV6(source), asV6(destination)] };
}

function buildText(parts: IProxyHeaderParts): Buffer {
  const { sourcePort, destinationPort, command = 'proxy', transport = 'tcp' } = parts;
  const pair = command === 'proxy' && transport === 'tcp' ? pairOf(parts) : null;
  if (pair === null) return Buffer.from('PROXY UNKNOWN\r\n', 'latin1');
  for (const port of [sourcePort, destinationPort]) {
    if (!isPort(String(port))) throw new RangeError(`Port ${port} is not from 0 to 65535`);
  }
  const { family, ips } = pair;
  const line = `PROXY TCP${family} ${ips.join(' ')} ${sourcePort} ${destinationPort}\r\n`;
  return Buffer.from(line, 'latin1');
}

function buildBinary(parts: IProxyHeaderParts): Buffer {
  const { command = 'proxy', transport = 'tcp', tlvs = [], hasChecksum = false } = parts;
  const pair = command === 'proxy' ? pairOf(parts) : null;
  if (pair === null) {
    // Without addresses nothing but the command is said.
    const bare = Buffer.alloc(fixedBytes);
    binarySignature.copy(bare);
    bare[12] = command === 'local' ? 0x20 : 0x21;
    return bare;
  }
  const { family, ips } = pair;
  const ipBytes = family === 4 ? 4 : 16;
  const sent = tlvs.filter(({ type }) => type !== proxyTlv.CRC32C);
  if (hasChecksum) sent.push({ type: proxyTlv.CRC32C, value: Buffer.alloc(4) });
  const valueBytes = sent.reduce((sum, { value }) => sum + tlvHeadBytes + value.length, 0);
  const tlvStart = fixedBytes + 2 * ipBytes + 4;
  const header = Buffer.alloc(tlvStart + valueBytes);
  binarySignature.copy(header);
  header[12] = 0x21;
  header[13] = (family === 4 ? 0x10 : 0x20) | (transport === 'tcp' ? 1 : 2);
  header.writeUInt16BE(header.length - fixedBytes, 14);
  ips.forEach((ip, index) => {
    writeIp(header, fixedBytes + index * ipBytes, ip, family);
  });
  header.writeUInt16BE(parts.sourcePort, tlvStart - 4);
  header.writeUInt16BE(parts.destinationPort, tlvStart - 2);
  let at = tlvStart;
  for (const { type, value } of sent) {
    header.writeUInt8(type, at);
    header.writeUInt16BE(value.length, at + 1);
    value.copy(header, at + tlvHeadBytes);
    at += tlvHeadBytes + value.length;
  }
  // It is the last one, so its value ends the header.
  if (hasChecksum) header.writeUInt32BE(crc32c(header), header.length - 4);
  return header;
}

function writeIp(header: Buffer, at: number, ip: string, family: 4 | 6): void {
  const read = parseIp(ip, words);
  if (family === 4) {
    header.writeUInt32BE(words[0] as number, at);
  } else if (read === 4) {
    header.writeUInt16BE(0xffff, at + 10);
    header.writeUInt32BE(words[0] as number, at + 12);
  } else {
    words.forEach((word, index) => {
      header.writeUInt32BE(word, at + index * 4);
    });
  }
}

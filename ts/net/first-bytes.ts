/** What a connection speaks, by its first bytes. */
export type TSniffedProtocol = 'tls' | 'http' | 'ssh' | 'other' | 'incomplete';

/** Longest method that is taken for one of HTTP. */
const methodBytesMax = 32;
const space = 0x20;

const ssh = Buffer.from('SSH-', 'latin1');
const connect = Buffer.from('CONNECT ', 'latin1');

/**
 * Tells the protocols of one port apart by what the client sends first, in `bytes` from `start` to
 * before `end`: a TLS record with a handshake; an HTTP/1 request (or HTTP/2 with prior knowledge),
 * whose method is in capitals as all registered ones are; SSH.
 *
 * Decides at the first byte that tells: two for TLS, four for SSH, seldom more than 16 for HTTP and
 * never more than 42. `incomplete`: ask again with the same bytes and more.
 */
export function sniffProtocol(bytes: Buffer, start: number, end: number): TSniffedProtocol {
  if (end <= start) return 'incomplete';
  switch (bytes[start]) {
    case 0x16:
      if (end - start < 2) return 'incomplete';
      return bytes[start + 1] === 3 ? 'tls' : 'other';
    case 0x0d:
      // One empty line may precede a request (RFC 9112 §2.2).
      if (end - start < 2) return 'incomplete';
      return bytes[start + 1] === 0x0a ? sniffRequest(bytes, start + 2, end) : 'other';
    default:
      return sniffText(bytes, start, end);
  }
}

function sniffText(bytes: Buffer, start: number, end: number): TSniffedProtocol {
  const same = startsWith(bytes, start, end, ssh);
  if (same === true) return 'ssh';
  const request = sniffRequest(bytes, start, end);
  return request === 'other' && same === undefined ? 'incomplete' : request;
}

function sniffRequest(bytes: Buffer, start: number, end: number): TSniffedProtocol {
  const stop = Math.min(end, start + methodBytesMax + 1);
  let at = start;
  while (at < stop && isMethodByte(bytes[at] as number)) at++;
  if (at === stop) return stop === end && at - start <= methodBytesMax ? 'incomplete' : 'other';
  if (at === start || bytes[at] !== space || !isCapital(bytes[start] as number)) return 'other';
  if (at + 1 === end) return 'incomplete';
  // CONNECT alone has a target that is a host and a port.
  if (startsWith(bytes, start, end, connect) === true) {
    return isHostByte(bytes[at + 1] as number) ? 'http' : 'other';
  }
  return sniffTarget(bytes, at + 1, end);
}

/** A path, `* `, `http:` or `https:`; the colon tells them from `HELO httpd.example.org`. */
function sniffTarget(bytes: Buffer, start: number, end: number): TSniffedProtocol {
  const first = bytes[start] as number;
  if (first === 0x2f) return 'http';
  if (first === 0x2a) {
    if (start + 1 === end) return 'incomplete';
    return bytes[start + 1] === space ? 'http' : 'other';
  }
  const text = bytes.toString('latin1', start, Math.min(end, start + 6)).toLowerCase();
  if (text.startsWith('http:') || text === 'https:') return 'http';
  return 'https:'.startsWith(text) || 'http:'.startsWith(text) ? 'incomplete' : 'other';
}

/** Undefined: as far as there are bytes. */
function startsWith(bytes: Buffer, start: number, end: number, text: Buffer): boolean | undefined {
  for (let index = 0; index < text.length; index++) {
    if (start + index >= end) return undefined;
    if (bytes[start + index] !== text[index]) return false;
  }
  return true;
}

function isCapital(byte: number): boolean {
  return byte >= 0x41 && byte <= 0x5a;
}

function isDigit(byte: number): boolean {
  return byte >= 0x30 && byte <= 0x39;
}

/** A capital, a digit, `-` or `_`, as in M-SEARCH. */
function isMethodByte(byte: number): boolean {
  return isCapital(byte) || isDigit(byte) || byte === 0x2d || byte === 0x5f;
}

/** How a name, an IPv4 address or an IPv6 address in brackets starts. */
function isHostByte(byte: number): boolean {
  return isCapital(byte & ~0x20) || isDigit(byte) || byte === 0x5b;
}

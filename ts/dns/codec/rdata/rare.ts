import { formatName, nameEnd } from '../name.ts';
import { codecOf, type IRdataCodec } from './codec.ts';
import type { IField, TokenReader } from './field.ts';
import { formatIpv4, formatIpv6, ipv4, ipv4Bytes, ipv6Bytes, named, number } from './numbers.ts';
import { base64, hex, name, parseBase64, parseHex } from './texts.ts';

/** Types that old zones have: RFC 1035, 1706, 3123, 4025, 8005, 8777. */

/**
 * A gateway: none, an IPv4 or IPv6 address, or a name, by a type that stands before it in the data.
 *
 * @param typeBefore so many bytes before the gateway.
 * @param mask the bits of that byte which are the type.
 */
function gateway(typeBefore: number, mask: number): Pick<IField, 'end' | 'format'> {
  const typeAt = (bytes: Buffer, at: number) => (bytes[at - typeBefore] as number) & mask;
  return {
    end(bytes, at) {
      const type = typeAt(bytes, at);
      if (type === 3) return nameEnd(bytes, at);
      const size = [0, 4, 16][type];
      // RFC 8777 §4.2.4: what relays of other types look like is not known.
      if (size === undefined && mask === 0x7f) return bytes.length;
      return size !== undefined && at + size <= bytes.length ? at + size : -1;
    },
    format(bytes, at, end) {
      switch (typeAt(bytes, at)) {
        case 1:
          return formatIpv4(bytes, at);
        case 2:
          return formatIpv6(bytes, at);
        case 3:
          return formatName(bytes.subarray(at, end));
        case 0:
          return '.';
        default:
          return null;
      }
    },
  };
}

function parseGateway(input: TokenReader, type: number): Buffer {
  const expected = `a gateway of type ${type}`;
  if (type === 3) return input.name(expected);
  const text = input.next(expected);
  if (type === 0 && text === '.') return Buffer.alloc(0);
  const parse = [null, ipv4Bytes, ipv6Bytes][type];
  const address = parse?.(text) ?? null;
  if (address === null) throw input.failure(expected);
  return address;
}

/** A byte, a type of gateway, what stands between, the gateway itself: one field. */
function withGateway(middle: 'algorithm' | 'discovery'): IField {
  const headBytes = middle === 'algorithm' ? 3 : 2;
  const tail = gateway(headBytes - 1, middle === 'algorithm' ? 0xff : 0x7f);
  const byte = number(1, 'a number');
  const bit = number(1, 'a discovery bit');
  return {
    parse(input) {
      const [precedence = 0] = byte.parse(input);
      if (middle === 'algorithm') {
        const [type = 0] = byte.parse(input);
        const head = [Buffer.of(precedence, type), byte.parse(input)];
        return Buffer.concat([...head, parseGateway(input, type)]);
      }
      const [discovery = 0] = bit.parse(input);
      const [type = 0] = byte.parse(input);
      if (discovery > 1 || type > 127) throw input.failure('a discovery bit and a type');
      const head = Buffer.of(precedence, discovery * 128 + type);
      return Buffer.concat([head, parseGateway(input, type)]);
    },
    end: (bytes, at) => (at + headBytes <= bytes.length ? tail.end(bytes, at + headBytes) : -1),
    format(bytes, at, end) {
      const [precedence, type = 0, algorithm] = bytes.subarray(at, at + headBytes);
      const head =
        middle === 'algorithm'
          ? `${precedence} ${type} ${algorithm}`
          : `${precedence} ${type >>> 7} ${type & 0x7f}`;
      const text = tail.format(bytes, at + headBytes, end);
      return text === null ? null : `${head} ${text}`;
    },
  };
}

/** RFC 3123 §4: items like `!1:192.0.2.0/24`, any count of them. */
const prefixes: IField = {
  parse(input) {
    const items: Buffer[] = [];
    while (!input.isDone) items.push(parsePrefix(input));
    return Buffer.concat(items);
  },
  end(bytes, from) {
    let at = from;
    while (at < bytes.length) {
      const end = prefixEnd(bytes, at);
      if (end === -1) return -1;
      at = end;
    }
    return at;
  },
  format(bytes, from, end) {
    const texts: string[] = [];
    for (let at = from; at < end; at = prefixEnd(bytes, at)) {
      const family = bytes.readUInt16BE(at);
      if (family !== 1 && family !== 2) return null;
      const address = Buffer.alloc(16);
      bytes.copy(address, 0, at + 4, prefixEnd(bytes, at));
      const text = family === 1 ? formatIpv4(address, 0) : formatIpv6(address, 0);
      const negation = (bytes[at + 3] as number) >= 0x80 ? '!' : '';
      texts.push(`${negation}${family}:${text}/${bytes[at + 2]}`);
    }
    return texts.join(' ');
  },
};

function parsePrefix(input: TokenReader): Buffer {
  const expected = 'a prefix like 1:192.0.2.0/24';
  const parts = /^(!?)([12]):([^/]+)\/(\d{1,3})$/.exec(input.next(expected));
  const [, negation, family, text = '', bits] = parts ?? [];
  const address = family === '1' ? ipv4Bytes(text) : ipv6Bytes(text);
  if (address === null || Number(bits) > address.length * 8) throw input.failure(expected);
  const length = address.findLastIndex((byte) => byte !== 0) + 1;
  const head = Buffer.of(0, Number(family), Number(bits), length + (negation === '' ? 0 : 128));
  return Buffer.concat([head, address.subarray(0, length)]);
}

function prefixEnd(bytes: Buffer, at: number): number {
  if (at + 4 > bytes.length) return -1;
  const length = (bytes[at + 3] as number) & 0x7f;
  const end = at + 4 + length;
  if (end > bytes.length || (length > 0 && bytes[end - 1] === 0)) return -1;
  const size = ({ 1: 4, 2: 16 } as Record<number, number>)[bytes.readUInt16BE(at)];
  const isInside = size === undefined || (length <= size && (bytes[at + 2] as number) <= size * 8);
  return isInside ? end : -1;
}

const protocol = named(1, 'a protocol', { ICMP: 1, TCP: 6, UDP: 17 });

const portNumbers = new Map(
  Object.entries({
    ftp: 21,
    ssh: 22,
    telnet: 23,
    smtp: 25,
    time: 37,
    domain: 53,
    finger: 79,
    http: 80,
    pop3: 110,
    nntp: 119,
    ntp: 123,
    imap: 143,
    https: 443,
  }),
);

/** RFC 1035 §3.4.2: a bit for each port. */
const ports: IField = {
  parse(input) {
    const bits = Buffer.alloc(0x2000);
    let length = 0;
    while (!input.isDone) {
      const text = input.next('a port');
      const port = /^\d{1,5}$/.test(text) ? Number(text) : portNumbers.get(text.toLowerCase());
      if (port === undefined || port > 0xffff) throw input.failure('a port');
      bits[port >>> 3] = (bits[port >>> 3] as number) | (0x80 >>> (port & 7));
      length = Math.max(length, (port >>> 3) + 1);
    }
    return bits.subarray(0, length);
  },
  end: (bytes, at) => (bytes.length - at <= 0x2000 ? bytes.length : -1),
  format(bytes, at, end) {
    if (end > at && bytes[end - 1] === 0) return null;
    const texts: string[] = [];
    for (let port = 0; port < (end - at) * 8; port++) {
      const byte = bytes[at + (port >>> 3)] as number;
      if ((byte & (0x80 >>> (port & 7))) !== 0) texts.push(String(port));
    }
    return texts.join(' ');
  },
};

/** RFC 8005 §5: lengths first, then identity, key and the names of rendezvous servers. */
const hostIdentity: IField = {
  parse(input) {
    const [algorithm = 0] = number(1, 'an algorithm').parse(input);
    const identity = parseHex(input.next('a host identity tag'));
    if (identity === null || identity.length === 0 || identity.length > 255) {
      throw input.failure('a host identity tag in hex digits');
    }
    const key = parseBase64(input.next('a public key'));
    if (key === null || key.length === 0 || key.length > 0xffff) {
      throw input.failure('a public key in base64');
    }
    const head = Buffer.of(identity.length, algorithm, key.length >>> 8, key.length & 0xff);
    const servers: Buffer[] = [];
    while (!input.isDone) servers.push(input.name('a rendezvous server'));
    return Buffer.concat([head, identity, key, ...servers]);
  },
  end(bytes, from) {
    if (from + 4 > bytes.length || bytes[from] === 0) return -1;
    let at = hostKeyEnd(bytes, from);
    if (bytes.readUInt16BE(from + 2) === 0 || at > bytes.length) return -1;
    while (at !== -1 && at < bytes.length) at = nameEnd(bytes, at);
    return at;
  },
  format(bytes, at, end) {
    const keyAt = at + 4 + (bytes[at] as number);
    const keyEnd = hostKeyEnd(bytes, at);
    const servers: string[] = [];
    for (let start = keyEnd; start < end; start = nameEnd(bytes, start)) {
      servers.push(formatName(bytes.subarray(start, nameEnd(bytes, start))));
    }
    const tag = bytes.toString('hex', at + 4, keyAt).toUpperCase();
    const key = bytes.toString('base64', keyAt, keyEnd);
    return [bytes[at + 1], tag, key, ...servers].join(' ');
  },
};

function hostKeyEnd(bytes: Buffer, at: number): number {
  return at + 4 + (bytes[at] as number) + bytes.readUInt16BE(at + 2);
}

/** RFC 1706 §5: hex digits behind `0x`, with dots where one likes. */
const serviceAccessPoint: IField = {
  parse(input) {
    const text = input.next('an NSAP address');
    const bytes = /^0x/i.test(text) ? parseHex(text.slice(2).replaceAll('.', '')) : null;
    if (bytes === null || bytes.length === 0) throw input.failure('an NSAP address like 0x47.0005');
    return bytes;
  },
  end: (bytes, at) => (at < bytes.length ? bytes.length : -1),
  format: (bytes, at, end) => `0x${bytes.toString('hex', at, end).toUpperCase()}`,
};

const endpoint = codecOf({ fields: [hex('an identifier')] });

/** What is seldom seen. */
export const rareCodecs = {
  WKS: codecOf({ fields: [ipv4, protocol, ports] }),
  NSAP: codecOf({ fields: [serviceAccessPoint] }),
  'NSAP-PTR': codecOf({ fields: [name('a domain name', { lowered: true })] }),
  EID: endpoint,
  NIMLOC: endpoint,
  APL: codecOf({ fields: [prefixes] }),
  IPSECKEY: codecOf({
    fields: [withGateway('algorithm'), base64('a public key', { optional: true })],
  }),
  AMTRELAY: codecOf({ fields: [withGateway('discovery')] }),
  HIP: codecOf({ fields: [hostIdentity] }),
} as const satisfies Record<string, IRdataCodec>;

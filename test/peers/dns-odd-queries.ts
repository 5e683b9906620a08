import { plainEdns, queryFor } from '../dns/query.ts';

/** A query, and what it is. */
export interface IOddQuery {
  readonly what: string;
  readonly bytes: Buffer;
}

const name = 'host.odd.test';
const plain = queryFor(name, 'A');
const edns = queryFor(name, 'A', { edns: plainEdns });
/** Of the OPT record of `edns`, which is the last. */
const optStart = edns.length - 11;

/** The zone that they ask. */
export const oddZone = `$TTL 300
@ SOA ns1 hostmaster 1 7200 900 1209600 60
@ NS ns1
ns1 A 192.0.2.1
host A 192.0.2.2
alias CNAME host
long TXT ${Array.from({ length: 8 }, (_, index) => `"${String(index).repeat(250)}"`).join(' ')}
cut NS ns.cut
ns.cut A 192.0.2.3
`;

function change(
  bytes: Buffer,
  ...places: readonly (readonly [at: number, value: number])[]
): Buffer {
  const changed = Buffer.from(bytes);
  for (const [at, value] of places) changed[at] = value;
  return changed;
}

function withOption(code: number, data: Buffer, base = edns): Buffer {
  const option = Buffer.alloc(4);
  option.writeUInt16BE(code, 0);
  option.writeUInt16BE(data.length, 2);
  const whole = Buffer.concat([base, option, data]);
  const lengthAt = optStart + 9;
  whole.writeUInt16BE(whole.readUInt16BE(lengthAt) + 4 + data.length, lengthAt);
  return whole;
}

function withType(type: number, base = plain): Buffer {
  const bytes = Buffer.from(base);
  bytes.writeUInt16BE(type, plain.length - 4);
  return bytes;
}

function withClass(number: number): Buffer {
  const bytes = Buffer.from(plain);
  bytes.writeUInt16BE(number, plain.length - 2);
  return bytes;
}

function withVersion(version: number, base = edns): Buffer {
  return change(base, [optStart + 6, version]);
}

/** @param flags of EDNS, 16 bits. */
function withFlags(flags: number, base = edns): Buffer {
  return change(base, [optStart + 7, flags >>> 8], [optStart + 8, flags & 255]);
}

function withUdpSize(bytes: number): Buffer {
  return queryFor('long.odd.test', 'TXT', { edns: { ...plainEdns, udpSize: bytes } });
}

/** A question alone. */
const question = plain.subarray(12);
const clientCookie = Buffer.from('0123456789abcdef', 'hex');
const soa = queryFor('odd.test', 'SOA', { edns: plainEdns });

const opcodes = Array.from({ length: 16 }, (_, opcode) => opcode).filter((opcode) => opcode > 0);

/** As RFC 8906 §8 has them, and many more that nobody should send. */
export const oddQueries: readonly IOddQuery[] = [
  { what: 'plain', bytes: plain },
  { what: 'EDNS', bytes: edns },
  { what: 'RD', bytes: change(plain, [2, 1]) },
  { what: 'CD', bytes: change(plain, [3, 0x10]) },
  { what: 'AD', bytes: change(plain, [3, 0x20]) },
  { what: 'AD and CD with EDNS', bytes: change(edns, [3, 0x30]) },
  { what: 'the reserved bit', bytes: change(plain, [3, 0x40]) },
  { what: 'RA', bytes: change(plain, [3, 0x80]) },
  { what: 'AA', bytes: change(plain, [2, 4]) },
  { what: 'TC', bytes: change(plain, [2, 2]) },
  { what: 'an rcode', bytes: change(plain, [3, 5]) },
  { what: 'a response', bytes: change(plain, [2, 0x80]) },
  ...opcodes.map((opcode) => ({
    what: `opcode ${opcode}`,
    bytes: change(plain, [2, opcode << 3]),
  })),
  { what: 'opcode 15, header alone', bytes: change(plain.subarray(0, 12), [2, 0x78], [5, 0]) },
  { what: 'opcode 15 with EDNS', bytes: change(edns, [2, 0x78]) },
  ...[0, 1000, 65_280, 65_535, 128, 251, 252, 249, 250, 253, 254, 41].map((type) => ({
    what: `type ${type}`,
    bytes: withType(type),
  })),
  ...[0, 2, 3, 4, 254, 255, 65_535].map((number) => ({
    what: `class ${number}`,
    bytes: withClass(number),
  })),
  { what: 'EDNS version 1', bytes: withVersion(1) },
  { what: 'EDNS version 255', bytes: withVersion(255) },
  { what: 'EDNS version 1 and DO', bytes: withFlags(0x8000, withVersion(1)) },
  { what: 'EDNS version 1 and an unknown flag', bytes: withFlags(0x40, withVersion(1)) },
  {
    what: 'EDNS version 1 and an unknown option',
    bytes: withOption(100, Buffer.alloc(0), withVersion(1)),
  },
  { what: 'an unknown flag of EDNS', bytes: withFlags(0x40) },
  { what: 'all flags of EDNS', bytes: withFlags(0xffff) },
  { what: 'DO', bytes: withFlags(0x8000) },
  { what: 'an extended rcode', bytes: change(edns, [optStart + 5, 7]) },
  { what: 'an unknown option', bytes: withOption(100, Buffer.from('abc')) },
  {
    what: 'an unknown option twice',
    bytes: withOption(100, Buffer.from('a'), withOption(100, Buffer.from('b'))),
  },
  { what: 'option 0', bytes: withOption(0, Buffer.alloc(0)) },
  { what: 'option 65535', bytes: withOption(65_535, Buffer.alloc(100)) },
  { what: 'NSID', bytes: withOption(3, Buffer.alloc(0)) },
  { what: 'an EDNS client subnet', bytes: withOption(8, Buffer.from('00011800c00002', 'hex')) },
  { what: 'padding', bytes: withOption(12, Buffer.alloc(20)) },
  { what: 'keepalive by UDP', bytes: withOption(11, Buffer.alloc(0)) },
  { what: 'EXPIRE of an A', bytes: withOption(9, Buffer.alloc(0)) },
  { what: 'a cookie', bytes: withOption(10, clientCookie) },
  { what: 'a cookie of 7 bytes', bytes: withOption(10, clientCookie.subarray(1)) },
  { what: 'a cookie of 15 bytes', bytes: withOption(10, Buffer.alloc(15, 1)) },
  { what: 'a cookie of 41 bytes', bytes: withOption(10, Buffer.alloc(41, 1)) },
  { what: 'a bad server cookie', bytes: withOption(10, Buffer.alloc(24, 1)) },
  {
    what: 'an option that is cut off',
    bytes: change(withOption(100, Buffer.from('abc')), [edns.length + 3, 9]),
  },
  { what: 'OPT data that is cut off', bytes: change(edns, [optStart + 10, 4]) },
  { what: 'OPT that is cut off', bytes: edns.subarray(0, edns.length - 3) },
  {
    what: 'OPT of a name',
    bytes: Buffer.concat([
      edns.subarray(0, optStart),
      Buffer.of(0xc0, 12),
      edns.subarray(optStart + 1),
    ]),
  },
  { what: 'two OPT', bytes: change(Buffer.concat([edns, edns.subarray(optStart)]), [11, 2]) },
  { what: 'OPT in the answer', bytes: change(edns, [7, 1], [11, 0]) },
  { what: 'OPT in the authority', bytes: change(edns, [9, 1], [11, 0]) },
  ...[0, 1, 100, 511, 512, 513, 1232, 4096, 65_535].map((bytes) => ({
    what: `an answer too long for ${bytes} bytes`,
    bytes: withUdpSize(bytes),
  })),
  { what: 'a long answer without EDNS', bytes: queryFor('long.odd.test', 'TXT') },
  { what: 'no question', bytes: change(plain.subarray(0, 12), [5, 0]) },
  {
    what: 'no question but EDNS',
    bytes: change(Buffer.concat([plain.subarray(0, 12), edns.subarray(optStart)]), [5, 0], [11, 1]),
  },
  { what: 'no question but its bytes', bytes: change(plain, [5, 0]) },
  { what: 'two questions', bytes: change(Buffer.concat([plain, question]), [5, 2]) },
  { what: 'two questions counted', bytes: change(plain, [5, 2]) },
  {
    what: 'a record in the answer',
    bytes: change(
      Buffer.concat([plain, Buffer.from('c00c00010001000000000004c0000201', 'hex')]),
      [7, 1],
    ),
  },
  {
    what: 'a record in the authority',
    bytes: change(
      Buffer.concat([plain, Buffer.from('c00c00010001000000000004c0000201', 'hex')]),
      [9, 1],
    ),
  },
  {
    what: 'a record in the additional section',
    bytes: change(
      Buffer.concat([plain, Buffer.from('c00c00010001000000000004c0000201', 'hex')]),
      [11, 1],
    ),
  },
  { what: 'a byte behind the message', bytes: Buffer.concat([plain, Buffer.of(0)]) },
  { what: '400 bytes behind the message', bytes: Buffer.concat([edns, Buffer.alloc(400)]) },
  { what: 'a question that is cut off', bytes: plain.subarray(0, plain.length - 1) },
  { what: 'a name that is cut off', bytes: plain.subarray(0, 16) },
  { what: 'a header alone that counts a question', bytes: plain.subarray(0, 12) },
  { what: 'a pointer to itself', bytes: change(plain, [12, 0xc0], [13, 12]) },
  {
    what: 'a pointer into the header',
    bytes: Buffer.concat([plain.subarray(0, 12), Buffer.of(0xc0, 4), plain.subarray(-4)]),
  },
  { what: 'a label of type 01', bytes: change(plain, [12, 0x41]) },
  { what: 'a label of type 10', bytes: change(plain, [12, 0x81]) },
  { what: '11 bytes', bytes: plain.subarray(0, 11) },
  { what: 'an empty datagram', bytes: Buffer.alloc(0) },
  { what: 'SOA', bytes: soa },
  { what: 'the root', bytes: queryFor('.', 'NS') },
  { what: 'version.bind', bytes: change(queryFor('version.bind', 'TXT'), [27, 3]) },
  { what: 'a zone of others', bytes: queryFor('example.net', 'A', { edns: plainEdns }) },
  { what: 'a delegation', bytes: queryFor('a.cut.odd.test', 'A') },
  { what: 'no such name', bytes: queryFor('none.odd.test', 'A', { edns: plainEdns }) },
];

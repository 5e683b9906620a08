import assert from 'node:assert/strict';
import { test } from 'node:test';
import { crc32c } from '../ts/net/crc32c.ts';
import {
  buildProxyHeader,
  type IProxyHeader,
  type IProxyTlv,
  parseProxyHeader,
  parseProxySsl,
  proxyHeaderBytesMax,
  proxySslTlv,
  proxyTlv,
} from '../ts/net/proxy-protocol.ts';

const signature = '0d0a0d0a000d0a515549540a';

function parse(bytes: Buffer) {
  return parseProxyHeader(bytes, 0, bytes.length);
}

function line(text: string) {
  return parse(Buffer.from(text, 'latin1'));
}

/** A version 2 header: version and command, family, what follows; and its length if it lies. */
function binary(command: number, family: number, block: Buffer, length = block.length): Buffer {
  const head = Buffer.from(`${signature}00000000`, 'hex');
  head[12] = command;
  head[13] = family;
  head.writeUInt16BE(length, 14);
  return Buffer.concat([head, block]);
}

function tlv(type: number, value: Buffer): Buffer {
  return Buffer.concat([Buffer.from([type, value.length >>> 8, value.length & 255]), value]);
}

const v4 = Buffer.from('c0000201cb00710712340050', 'hex');
const unknown = {
  command: 'proxy',
  family: 'unknown',
  sourceIp: '',
  sourcePort: 0,
  destinationIp: '',
  destinationPort: 0,
  tlvs: [],
};
const read4: IProxyHeader = {
  version: 2,
  command: 'proxy',
  family: 'tcp4',
  sourceIp: '192.0.2.1',
  sourcePort: 0x1234,
  destinationIp: '203.0.113.7',
  destinationPort: 80,
  tlvs: [],
};

const lines = [
  {
    text: 'PROXY TCP4 192.0.2.1 203.0.113.7 4660 80\r\n',
    header: { ...read4, version: 1 },
  },
  {
    text: 'PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n',
    header: {
      ...read4,
      version: 1,
      sourceIp: '255.255.255.255',
      sourcePort: 65_535,
      destinationIp: '255.255.255.255',
      destinationPort: 65_535,
    },
  },
  {
    text: 'PROXY TCP6 2001:DB8::1 0:0:0:0:0:0:0:1 0 443\r\n',
    header: {
      version: 1,
      command: 'proxy',
      family: 'tcp6',
      sourceIp: '2001:db8::1',
      sourcePort: 0,
      destinationIp: '::1',
      destinationPort: 443,
      tlvs: [],
    },
  },
  {
    text: 'PROXY TCP6 ::ffff:192.0.2.1 ::ffff:cb00:7107 4660 80\r\n',
    header: { ...read4, version: 1, family: 'tcp6' },
  },
  { text: 'PROXY UNKNOWN\r\n', header: { ...unknown, version: 1 } },
  { text: 'PROXY UNKNOWN what \0 ever\r\n', header: { ...unknown, version: 1 } },
  { text: `PROXY UNKNOWN ${'f'.repeat(91)}\r\n`, header: { ...unknown, version: 1 } },
];

for (const { text, header } of lines) {
  test(`version 1: ${JSON.stringify(text.slice(0, 60))}`, () => {
    const bytes = Buffer.from(`${text}PROXY payload`, 'latin1');
    assert.deepEqual(parse(bytes), { kind: 'header', length: text.length, header });
    for (let end = 0; end < text.length; end++) {
      assert.equal(parseProxyHeader(bytes, 0, end).kind, 'incomplete', `${end} bytes`);
    }
  });
}

const badLines = [
  'PROXY TCP4 192.0.2.1 203.0.113.7 4660 65536\r\n',
  'PROXY TCP4 192.0.2.1 203.0.113.7 99999999999 80\r\n',
  'PROXY TCP4 192.0.2.1 203.0.113.7 04660 80\r\n',
  'PROXY TCP4 192.0.2.1 203.0.113.7 00 80\r\n',
  'PROXY TCP4 192.0.2.1 203.0.113.7 -1 80\r\n',
  'PROXY TCP4 192.0.2.1 203.0.113.7 +1 80\r\n',
  'PROXY TCP4 192.0.2.1 203.0.113.7 0x1 80\r\n',
  'PROXY TCP4 192.0.2.01 203.0.113.7 1 80\r\n',
  'PROXY TCP4 192.0.2.256 203.0.113.7 1 80\r\n',
  'PROXY TCP4 192.0.2 203.0.113.7 1 80\r\n',
  'PROXY TCP4 2001:db8::1 203.0.113.7 1 80\r\n',
  'PROXY TCP4 192.0.2.1 ::1 1 80\r\n',
  'PROXY TCP4 ::ffff:192.0.2.1 ::ffff:192.0.2.1 1 80\r\n',
  'PROXY TCP6 192.0.2.1 203.0.113.7 1 80\r\n',
  'PROXY TCP6 ::1 203.0.113.7 1 80\r\n',
  'PROXY TCP6 fe80::1%eth0 ::1 1 80\r\n',
  'PROXY TCP6 [::1] [::1] 1 80\r\n',
  'PROXY TCP4 192.0.2.1 203.0.113.7 1\r\n',
  'PROXY TCP4 192.0.2.1 203.0.113.7 1 80 \r\n',
  'PROXY TCP4 192.0.2.1 203.0.113.7 1 80 90\r\n',
  'PROXY  TCP4 192.0.2.1 203.0.113.7 1 80\r\n',
  'PROXY TCP4  192.0.2.1 203.0.113.7 1 80\r\n',
  'PROXY TCP4\t192.0.2.1 203.0.113.7 1 80\r\n',
  'PROXY TCP4 192.0.2.1 203.0.113.7 1 80\0\r\n',
  'PROXY TCP4 192.0.2.1 203.0.113.7 1 80\n',
  'PROXY TCP4 192.0.2.1 203.0.113.7 1 80\r\r\n',
  'PROXY TCP4 192.0.2.1 203.0.113.7 1 80\rX',
  'PROXY tcp4 192.0.2.1 203.0.113.7 1 80\r\n',
  'PROXY UDP4 192.0.2.1 203.0.113.7 1 80\r\n',
  'PROXY UNKNOWNX\r\n',
  'PROXY unknown\r\n',
  'PROXY \r\n',
  `PROXY UNKNOWN ${'f'.repeat(92)}\r\n`,
  `PROXY UNKNOWN ${'f'.repeat(93)}`,
  `PROXY UNKNOWN ${'f'.repeat(92)}\r`,
  `PROXY TCP4 ${' '.repeat(1000)}`,
];

for (const text of badLines) {
  test(`version 1 refused: ${JSON.stringify(text.slice(0, 60))}`, () => {
    assert.equal(line(text).kind, 'invalid');
  });
}

for (const text of ['proxy TCP4 1', 'PROXYTCP4', 'PROXX', 'GET / HTTP/1.1', '\r\n\r\n\0\r\nQUIX']) {
  test(`no header: ${JSON.stringify(text)}`, () => assert.equal(line(text).kind, 'none'));
}

test('version 2: TCP over IPv4, split everywhere, with payload behind', () => {
  const bytes = Buffer.concat([binary(0x21, 0x11, v4), Buffer.from('payload')]);
  assert.deepEqual(parse(bytes), { kind: 'header', length: 28, header: read4 });
  for (let end = 0; end < 28; end++) {
    assert.equal(parseProxyHeader(bytes, 0, end).kind, 'incomplete');
  }
});

test('version 2: the other families', () => {
  const v6 = Buffer.from(`20010db8${'00'.repeat(11)}01${'00'.repeat(15)}02ffff0001`, 'hex');
  const read6 = {
    sourceIp: '2001:db8::1',
    sourcePort: 65_535,
    destinationIp: '::2',
    destinationPort: 1,
  };
  const mapped = Buffer.from(v6);
  Buffer.from('00000000000000000000ffffc0000201', 'hex').copy(mapped);
  const cases = [
    [binary(0x21, 0x12, v4), { ...read4, family: 'udp4' }],
    [binary(0x21, 0x21, v6), { ...read4, ...read6, family: 'tcp6' }],
    [binary(0x21, 0x22, v6), { ...read4, ...read6, family: 'udp6' }],
    [binary(0x21, 0x21, mapped), { ...read4, ...read6, family: 'tcp6', sourceIp: '192.0.2.1' }],
    [binary(0x21, 0x31, Buffer.alloc(216, 65)), { ...unknown, version: 2, family: 'unix' }],
    [binary(0x21, 0x32, Buffer.alloc(216)), { ...unknown, version: 2, family: 'unix' }],
    [binary(0x21, 0x00, Buffer.alloc(0)), { ...unknown, version: 2 }],
    [binary(0x21, 0x00, Buffer.alloc(300, 1)), { ...unknown, version: 2 }],
    [binary(0x21, 0x10, v4), { ...unknown, version: 2 }],
    [binary(0x20, 0x00, Buffer.alloc(0)), { ...unknown, version: 2, command: 'local' }],
    [binary(0x20, 0x11, v4), { ...unknown, version: 2, command: 'local' }],
    [binary(0x20, 0xff, Buffer.alloc(3)), { ...unknown, version: 2, command: 'local' }],
  ] as const;
  for (const [bytes, header] of cases) {
    assert.deepEqual(parse(bytes), { kind: 'header', length: bytes.length, header });
  }
});

test('version 2: TLVs are kept in order, as a copy, without NOOP', () => {
  const tlvs = [
    tlv(proxyTlv.ALPN, Buffer.from('h2')),
    tlv(proxyTlv.NOOP, Buffer.alloc(7)),
    tlv(proxyTlv.AUTHORITY, Buffer.from('example.org')),
    tlv(0xee, Buffer.alloc(0)),
    tlv(proxyTlv.UNIQUE_ID, Buffer.alloc(128, 1)),
  ];
  const bytes = binary(0x21, 0x11, Buffer.concat([v4, ...tlvs]));
  const result = parse(bytes);
  bytes.fill(0);
  assert.ok(result.kind === 'header');
  const found = result.header.tlvs.map(({ type, value }) => [type, value.toString('latin1')]);
  assert.deepEqual(found, [
    [1, 'h2'],
    [2, 'example.org'],
    [0xee, ''],
    [5, '\x01'.repeat(128)],
  ]);
});

test('version 2: the SSL TLV', () => {
  const inner = [tlv(proxySslTlv.VERSION, Buffer.from('TLSv1.3'))];
  const value = Buffer.concat([Buffer.from([0x05, 0, 0, 0, 0]), ...inner]);
  const result = parse(binary(0x21, 0x11, Buffer.concat([v4, tlv(proxyTlv.SSL, value)])));
  assert.ok(result.kind === 'header');
  const [ssl] = result.header.tlvs as [IProxyTlv];
  assert.deepEqual(parseProxySsl(ssl.value), {
    isSecure: true,
    hasCertificate: true,
    isVerified: true,
    tlvs: [{ type: 0x21, value: Buffer.from('TLSv1.3') }],
  });
  // Verified is who gave a certificate and no error came of it.
  assert.equal(parseProxySsl(Buffer.from([1, 0, 0, 0, 0]))?.isVerified, false);
  assert.equal(parseProxySsl(Buffer.from([7, 0, 0, 0, 1]))?.isVerified, false);
  assert.equal(parseProxySsl(Buffer.from([7, 0, 0, 0])), null);
  assert.equal(parseProxySsl(Buffer.from([7, 0, 0, 0, 0, 0x21, 0, 1])), null);
});

const refused: [string, Buffer][] = [
  ['version 1 in binary', binary(0x11, 0x11, v4)],
  ['version 3', binary(0x31, 0x11, v4)],
  ['command 2', binary(0x22, 0x11, v4)],
  ['family 4', binary(0x21, 0x41, v4)],
  ['transport 3', binary(0x21, 0x13, v4)],
  ['too short for IPv4', binary(0x21, 0x11, v4.subarray(1))],
  ['too short for IPv6', binary(0x21, 0x21, Buffer.alloc(35))],
  ['too short for AF_UNIX', binary(0x21, 0x31, Buffer.alloc(215))],
  ['a length of 0', binary(0x21, 0x11, v4, 0)],
  ['a length above our limit', binary(0x21, 0x11, v4, proxyHeaderBytesMax - 15)],
  ['a length of 65535', binary(0x20, 0x00, Buffer.alloc(0), 65_535)],
  ['one byte of a TLV', binary(0x21, 0x11, Buffer.concat([v4, Buffer.from([1])]))],
  ['a TLV that is cut', binary(0x21, 0x11, Buffer.concat([v4, Buffer.from([1, 0, 2, 0])]))],
  ['a UNIQUE_ID of 129', binary(0x21, 0x11, Buffer.concat([v4, tlv(5, Buffer.alloc(129))]))],
  ['an SSL TLV of 4', binary(0x21, 0x11, Buffer.concat([v4, tlv(0x20, Buffer.alloc(4))]))],
  ['a CRC32C of 3', binary(0x21, 0x11, Buffer.concat([v4, tlv(3, Buffer.alloc(3))]))],
  ['a wrong CRC32C', binary(0x21, 0x11, Buffer.concat([v4, tlv(3, Buffer.alloc(4))]))],
];

for (const [title, bytes] of refused) {
  test(`version 2 refused: ${title}`, () => assert.equal(parse(bytes).kind, 'invalid'));
}

test('the largest header is read, and decided at that length', () => {
  const block = Buffer.alloc(proxyHeaderBytesMax - 16 - 12 - 3, 1);
  const bytes = binary(0x21, 0x11, Buffer.concat([v4, tlv(0xe0, block)]));
  assert.equal(bytes.length, proxyHeaderBytesMax);
  assert.equal(parse(bytes).kind, 'header');
});

test('crc32c() of the check text and of the vectors of RFC 3720', () => {
  assert.equal(crc32c(Buffer.from('123456789')), 0xe3069283);
  assert.equal(crc32c(Buffer.alloc(32)), 0x8a9136aa);
  assert.equal(crc32c(Buffer.alloc(32, 0xff)), 0x62a8ab43);
});

const parts = {
  sourceIp: '192.0.2.1',
  sourcePort: 0x1234,
  destinationIp: '203.0.113.7',
  destinationPort: 80,
};

test('buildProxyHeader(): the bytes of version 1', () => {
  const text = (more: object) => buildProxyHeader(1, { ...parts, ...more }).toString('latin1');
  assert.equal(text({}), 'PROXY TCP4 192.0.2.1 203.0.113.7 4660 80\r\n');
  assert.equal(
    text({ sourceIp: '2001:DB8:0::1', destinationIp: '::1' }),
    'PROXY TCP6 2001:db8::1 ::1 4660 80\r\n',
  );
  assert.equal(text({ destinationIp: '::1' }), 'PROXY TCP6 ::ffff:192.0.2.1 ::1 4660 80\r\n');
  for (const more of [{ sourceIp: '' }, { command: 'local' }, { transport: 'udp' }]) {
    assert.equal(text(more), 'PROXY UNKNOWN\r\n');
  }
  assert.throws(() => text({ sourcePort: 65_536 }), RangeError);
  assert.throws(() => text({ destinationPort: -1 }), RangeError);
  assert.throws(() => text({ destinationPort: 1.5 }), RangeError);
});

test('buildProxyHeader(): the bytes of version 2', () => {
  assert.deepEqual(buildProxyHeader(2, parts), binary(0x21, 0x11, v4));
  assert.deepEqual(buildProxyHeader(2, { ...parts, transport: 'udp' }), binary(0x21, 0x12, v4));
  const none = Buffer.alloc(0);
  assert.deepEqual(buildProxyHeader(2, { ...parts, command: 'local' }), binary(0x20, 0, none));
  assert.deepEqual(buildProxyHeader(2, { ...parts, sourceIp: '' }), binary(0x21, 0, none));
  assert.throws(() => buildProxyHeader(2, { ...parts, sourcePort: 65_536 }), RangeError);
  const tlvs = [{ type: 1, value: Buffer.alloc(65_535) }];
  assert.throws(() => buildProxyHeader(2, { ...parts, tlvs }), RangeError);
});

test('what is built is read: mixed families, TLVs and CRC32C, and no bit may change', () => {
  const tlvs = [
    { type: proxyTlv.ALPN, value: Buffer.from('h2') },
    { type: proxyTlv.CRC32C, value: Buffer.from('ours') },
    { type: proxyTlv.NETNS, value: Buffer.from('blue') },
  ];
  const given = { ...parts, destinationIp: '2001:db8::7', tlvs, hasChecksum: true };
  const bytes = buildProxyHeader(2, given);
  const result = parse(bytes);
  assert.ok(result.kind === 'header');
  assert.equal(result.length, bytes.length);
  const { tlvs: found, ...header } = result.header;
  const { tlvs: _, ...expected } = { ...read4, family: 'tcp6', destinationIp: '2001:db8::7' };
  assert.deepEqual(header, expected);
  assert.deepEqual(
    found.map(({ type }) => type),
    [proxyTlv.ALPN, proxyTlv.NETNS, proxyTlv.CRC32C],
  );
  // Behind the length every bit is under the checksum, and the TLV's own type and length hold it.
  for (let bit = 16 * 8; bit < bytes.length * 8; bit++) {
    const changed = Buffer.from(bytes);
    changed[bit >>> 3] = (changed[bit >>> 3] as number) ^ (1 << (bit & 7));
    const isTypeOfChecksum = bit >>> 3 === bytes.length - 7;
    if (!isTypeOfChecksum) assert.equal(parse(changed).kind, 'invalid', `bit ${bit}`);
  }
});

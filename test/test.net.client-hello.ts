import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  clientHelloBytesMax,
  clientHelloRecordsBytesMax,
  readClientHello,
} from '../ts/net/client-hello.ts';
import {
  clientHello,
  extension,
  helloMessage,
  type IHelloParts,
  inRecords,
  protocols,
  realClientHello,
  serverNames,
  uint16,
  vector,
} from './suites/client-hello.ts';

function read(bytes: Buffer) {
  return readClientHello(bytes, 0, bytes.length);
}

function hello(serverName: string | null, alpn: string[] = [], hasEch = false) {
  return { kind: 'hello', serverName, alpn, hasEch };
}

/** Decides at the last byte and not before. */
function assertPrefixesIncomplete(bytes: Buffer): void {
  for (let end = 0; end < bytes.length; end++) {
    assert.equal(readClientHello(bytes, 0, end).kind, 'incomplete', `${end} bytes`);
  }
}

const real = [
  { maxVersion: 'TLSv1.2', servername: 'tls12.example.org', ALPNProtocols: ['http/1.1'] },
  { minVersion: 'TLSv1.3', servername: 'TLS13.Example.org', ALPNProtocols: ['h2', 'http/1.1'] },
  { servername: 'both.example.org' },
  {},
] as const;

for (const options of real) {
  test(`a hello of Node: ${JSON.stringify(options)}`, async () => {
    const given: { servername?: string; ALPNProtocols?: readonly string[] } = options;
    const { servername, ALPNProtocols = [] } = given;
    const bytes = await realClientHello({ ...options, ALPNProtocols: [...ALPNProtocols] });
    const expected = hello(servername?.toLowerCase() ?? null, [...ALPNProtocols]);
    assert.deepEqual(read(bytes), expected);
    assertPrefixesIncomplete(bytes);
    const message = bytes.subarray(5);
    for (const size of [1, 2, 3, 5, 100])
      assert.deepEqual(read(inRecords(message, size)), expected);
  });
}

const grease = [0x0a0a, 0x1a1a, 0xfafa];

test('GREASE is skipped wherever it may be', () => {
  const bytes = clientHello({
    ciphers: Buffer.concat([...grease, 0x1301].map(uint16)),
    extensions: [
      extension(0xdada, Buffer.alloc(0)),
      serverNames('grease.example.org'),
      // supported_groups, supported_versions, key_share.
      extension(10, vector(2, Buffer.concat([0x3a3a, 29].map(uint16)))),
      extension(43, vector(1, Buffer.concat([0x5a5a, 0x0304].map(uint16)))),
      extension(51, vector(2, Buffer.concat([uint16(0x3a3a), vector(2, Buffer.from([0]))]))),
      protocols('\x0a\x0a', 'h2'),
      extension(0xeaea, Buffer.from([0])),
    ],
  });
  assert.deepEqual(read(bytes), hello('grease.example.org', ['\x0a\x0a', 'h2']));
});

test('ECH: the outer name counts', () => {
  const ech = extension(0xfe0d, Buffer.alloc(200, 3));
  const bytes = clientHello({ extensions: [ech, serverNames('public.example')] });
  assert.deepEqual(read(bytes), hello('public.example', [], true));
});

test('a hello of exactly 16 KiB is read, in one record and byte by byte', () => {
  const empty = helloMessage({ extensions: [extension(21, Buffer.alloc(0)), serverNames('a.b')] });
  const padding = extension(21, Buffer.alloc(clientHelloBytesMax - empty.length));
  const message = helloMessage({ extensions: [padding, serverNames('a.b')] });
  assert.equal(message.length, clientHelloBytesMax);
  const bytes = inRecords(message);
  assertPrefixesIncomplete(bytes);
  assert.deepEqual(read(bytes), hello('a.b'));
  assert.deepEqual(read(inRecords(message, 100)), hello('a.b'));

  const longer = extension(21, Buffer.alloc(clientHelloBytesMax - empty.length + 1));
  const tooLong = inRecords(helloMessage({ extensions: [longer, serverNames('a.b')] }));
  // The length says it before the rest has come.
  assert.equal(readClientHello(tooLong, 0, 9).kind, 'invalid');
});

test('very many records are refused, and byte by byte they cost little', () => {
  const message = helloMessage({ extensions: [extension(21, Buffer.alloc(9000))] });
  const bytes = inRecords(message, 1);
  assert.ok(bytes.length > clientHelloRecordsBytesMax);
  const start = performance.now();
  for (let end = 0; end < clientHelloRecordsBytesMax; end += 16) {
    assert.equal(readClientHello(bytes, 0, end).kind, 'incomplete');
  }
  assert.equal(readClientHello(bytes, 0, clientHelloRecordsBytesMax).kind, 'invalid');
  assert.equal(read(bytes).kind, 'invalid');
  assert.ok(performance.now() - start < 1500);
});

test('what follows the hello is not looked at', () => {
  const bytes = Buffer.concat([clientHello(), Buffer.from('anything')]);
  assert.deepEqual(read(bytes), hello('example.org'));
});

const names = [
  ['EXAMPLE.org', 'example.org'],
  ['example.org.', 'example.org'],
  ['_sip.xn--bcher-kva.example', '_sip.xn--bcher-kva.example'],
  ['localhost', 'localhost'],
  ['192.0.2.1', '192.0.2.1'],
  [`${'a'.repeat(63)}.example`, `${'a'.repeat(63)}.example`],
  ['', null],
  ['.', null],
  ['a..b', null],
  ['.a', null],
  ['example.org..', null],
  ['a b', null],
  ['a\0b', null],
  ['*.example.org', null],
  ['b\xfccher.example', null],
  ['[::1]', null],
  ['::1', null],
  ['example.org:443', null],
  [`${'a'.repeat(64)}.example`, null],
  [`${'abcdefg.'.repeat(32)}ab`, null],
] as const;

for (const [name, expected] of names) {
  test(`the name ${JSON.stringify(name)} is ${expected === null ? 'refused' : 'read'}`, () => {
    const result = read(clientHello({ extensions: [serverNames(name)] }));
    if (expected === null) assert.equal(result.kind, 'invalid');
    else assert.deepEqual(result, hello(expected));
  });
}

const name = Buffer.from('\0\0\x03a.b', 'latin1');
const accepted: [string, IHelloParts, ReturnType<typeof hello>][] = [
  ['no extensions at all', { extensions: null }, hello(null)],
  ['an empty list of extensions', { extensions: [] }, hello(null)],
  ['SSL 3.0', { version: 0x0300 }, hello('example.org')],
  ['no session', { session: Buffer.alloc(0) }, hello('example.org')],
  [
    'a name of an unknown type',
    { extensions: [extension(0, vector(2, Buffer.concat([Buffer.from([9, 0, 1, 1]), name])))] },
    hello('a.b'),
  ],
];

for (const [title, parts, expected] of accepted) {
  test(`accepted: ${title}`, () => assert.deepEqual(read(clientHello(parts)), expected));
}

const refused: [string, Buffer][] = [
  ['two names', clientHello({ extensions: [serverNames('a.example', 'b.example')] })],
  ['two server_name', clientHello({ extensions: [serverNames('a.b'), serverNames('a.b')] })],
  ['two GREASE', clientHello({ extensions: [0, 1].map(() => extension(0x0a0a, name)) })],
  ['an empty server_name', clientHello({ extensions: [extension(0, Buffer.alloc(0))] })],
  ['an empty list of names', clientHello({ extensions: [extension(0, uint16(0))] })],
  [
    'a byte behind the names',
    clientHello({ extensions: [extension(0, Buffer.concat([vector(2, name), uint16(0)]))] }),
  ],
  ['an empty protocol', clientHello({ extensions: [protocols('')] })],
  ['no protocol', clientHello({ extensions: [protocols()] })],
  ['an odd list of ciphers', clientHello({ ciphers: Buffer.alloc(3) })],
  ['no ciphers', clientHello({ ciphers: Buffer.alloc(0) })],
  ['no compression', clientHello({ compressions: Buffer.alloc(0) })],
  ['a session of 33 bytes', clientHello({ session: Buffer.alloc(33) })],
  ['a byte behind the extensions', clientHello({ rest: Buffer.from([0]) })],
  ['version 2', clientHello({ version: 0x0203 })],
  ['an SSLv2 hello', Buffer.from('802e0103010015000000', 'hex')],
  ['an alert', Buffer.from('15030100020100', 'hex')],
  ['a ServerHello', inRecords(Buffer.concat([Buffer.from([2]), vector(3, Buffer.alloc(50))]))],
  ['an empty record', Buffer.from('1603010000', 'hex')],
  ['a record of 16385 bytes', Buffer.from('1603014001', 'hex')],
  ['an empty hello', inRecords(Buffer.from([1, 0, 0, 0]))],
  ['a hello of one byte', inRecords(Buffer.from([1, 0, 0, 1, 3]))],
  ['HTTP', Buffer.from('GET / HTTP/1.1\r\n')],
  [
    'another record between',
    Buffer.concat([inRecords(helloMessage().subarray(0, 20)), Buffer.from('140301000101', 'hex')]),
  ],
];

for (const [title, bytes] of refused) {
  test(`refused: ${title}`, () => assert.equal(read(bytes).kind, 'invalid'));
}

test('each length that is wrong by some bytes is refused or asks for more', () => {
  const bytes = clientHello({ extensions: [serverNames('a.example'), protocols('h2')] });
  const session = 5 + 4 + 2 + 32;
  const ciphers = session + 1 + 32;
  const compressions = ciphers + 2 + 4;
  const extensions = compressions + 2;
  const sni = extensions + 2 + 2;
  const alpn = sni + 2 + 14 + 2;
  const lengths: [at: number, size: 1 | 2 | 3][] = [
    [3, 2],
    [6, 3],
    [session, 1],
    [ciphers, 2],
    [compressions, 1],
    [extensions, 2],
    [sni, 2],
    [sni + 2, 2],
    [sni + 5, 2],
    [alpn, 2],
    [alpn + 2, 2],
    [alpn + 4, 1],
  ];
  for (const [at, size] of lengths) {
    const right = bytes.readUIntBE(at, size);
    for (const by of [-300, -16, -2, -1, 1, 2, 16, 300]) {
      const value = right + by;
      if (value < 0 || value >= 2 ** (8 * size)) continue;
      const changed = Buffer.from(bytes);
      changed.writeUIntBE(value, at, size);
      const { kind } = read(changed);
      // A record may go on behind the hello; a longer message waits for the rest.
      const expected = at === 3 && by > 0 ? 'hello' : at === 6 && by > 0 ? 'incomplete' : 'invalid';
      assert.equal(kind, expected, `${by} at ${at}`);
    }
  }
});

test('only the range that was given is read', () => {
  const bytes = clientHello();
  for (const fill of [0, 0x16, 0xff]) {
    const padded = Buffer.alloc(bytes.length + 60, fill);
    bytes.copy(padded, 30);
    assert.deepEqual(readClientHello(padded, 30, 30 + bytes.length), hello('example.org'));
    assert.equal(readClientHello(padded, 30, 29 + bytes.length).kind, 'incomplete');
    assert.equal(readClientHello(padded, 30, 30).kind, 'incomplete');
  }
});

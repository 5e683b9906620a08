import assert from 'node:assert/strict';
import { test } from 'node:test';
import { INCOMPLETE, MALFORMED } from '../ts/proxy/http/field-table.ts';
import {
  bodyKind,
  brokenLimit,
  parseContentLength,
  RequestHead,
} from '../ts/proxy/http/request-head.ts';
import {
  guarded,
  readRequests,
  singleBytes,
  splitsOf,
  usualLimits,
  withGarbage,
} from './suites/http-reading.ts';

function parse(text: string, limits = usualLimits): { stop: number; head: RequestHead } {
  const { buffer, start, end } = withGarbage(Buffer.from(text, 'latin1'));
  const head = new RequestHead();
  const stop = head.parse(buffer, start, end, limits);
  return { stop: stop < 0 ? stop : stop - start, head };
}

/** A request with Host and the given lines. */
function withLines(...lines: string[]): string {
  return `GET / HTTP/1.1\r\nHost: a\r\n${lines.map((line) => `${line}\r\n`).join('')}\r\n`;
}

const refused: { text: string; status?: number; why: string }[] = [
  // Framing (RFC 9112 §6).
  {
    text: withLines('Content-Length: 5', 'Transfer-Encoding: chunked'),
    why: 'one of the two would be believed by somebody else',
  },
  {
    text: withLines('Transfer-Encoding: chunked', 'Content-Length: 0'),
    why: 'even a length of 0 contradicts the coding',
  },
  { text: withLines('Content-Length: 5', 'Content-Length: 6'), why: 'lengths differ' },
  {
    text: withLines('Content-Length: 5', 'content-length: 5'),
    why: 'a repeated length is a trick',
  },
  { text: withLines('Content-Length: 5, 5'), why: 'a list is no length' },
  { text: withLines('Content-Length: 5,6'), why: 'a list is no length' },
  { text: withLines('Content-Length: +5'), why: 'a sign is no digit' },
  { text: withLines('Content-Length: -5'), why: 'a sign is no digit' },
  { text: withLines('Content-Length: 0x5'), why: 'lengths are decimal' },
  { text: withLines('Content-Length: 5 5'), why: 'digits with a gap' },
  { text: withLines('Content-Length: 5.0'), why: 'no fraction' },
  { text: withLines('Content-Length: 5\x0b'), why: 'a vertical tab is no white space' },
  { text: withLines('Content-Length: \xb2'), why: 'a superscript two is no digit' },
  { text: withLines('Content-Length:'), why: 'no digit at all' },
  { text: withLines('Content-Length: 9007199254740993'), why: 'no number holds it exactly' },
  { text: withLines('Content-Length: 18446744073709551621'), why: '5 for who counts modulo 2^64' },
  { text: withLines('Transfer-Encoding: gzip, chunked'), why: 'a coding that we do not know' },
  { text: withLines('Transfer-Encoding: chunked, gzip'), why: 'chunked is not the last one' },
  { text: withLines('Transfer-Encoding: chunked, chunked'), why: 'chunked may be applied once' },
  { text: withLines('Transfer-Encoding: identity'), why: 'not a coding any more' },
  { text: withLines('Transfer-Encoding: xchunked'), why: 'looks like chunked' },
  { text: withLines('Transfer-Encoding: chunkedx'), why: 'looks like chunked' },
  { text: withLines('Transfer-Encoding: chunked;a=b'), why: 'chunked has no parameters' },
  { text: withLines('Transfer-Encoding: "chunked"'), why: 'quoted' },
  { text: withLines('Transfer-Encoding: ,chunked'), why: 'an empty element first' },
  { text: withLines('Transfer-Encoding: chunked,'), why: 'an empty element last' },
  { text: withLines('Transfer-Encoding:'), why: 'an empty coding' },
  { text: withLines('Transfer-Encoding:\tchunked'), why: 'not everybody skips a tab' },
  { text: withLines('Transfer-Encoding: chunked\t'), why: 'not everybody cuts a tab off' },
  { text: withLines('Transfer-Encoding: \x0bchunked'), why: 'a vertical tab before it' },
  { text: withLines('Transfer-Encoding: chunked\xa0'), why: 'a no-break space behind it' },
  { text: withLines('Transfer-Encoding: chunked', 'Transfer-Encoding: chunked'), why: 'twice' },
  { text: withLines('Transfer-Encoding: gzip', 'Transfer-Encoding: chunked'), why: 'in two lines' },
  {
    text: 'POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n',
    why: 'HTTP/1.0 has no codings',
  },
  {
    text: 'CONNECT a:80 HTTP/1.1\r\nHost: a:80\r\nContent-Length: 5\r\n\r\n',
    why: 'CONNECT has no body',
  },
  // Lines (RFC 9112 §2.2, §5).
  { text: 'GET / HTTP/1.1\nHost: a\n\n', why: 'bare LF behind the request line' },
  { text: 'GET / HTTP/1.1\r\nHost: a\n\r\n', why: 'bare LF behind a field' },
  { text: 'GET / HTTP/1.1\r\nHost: a\r\n\n', why: 'bare LF for the empty line' },
  { text: 'GET / HTTP/1.1\rHost: a\r\r', why: 'bare CR' },
  { text: withLines('X: a\rb'), why: 'bare CR in a value' },
  { text: withLines('X: a\nb'), why: 'bare LF in a value' },
  { text: withLines('X: a\r'), why: 'CR CR LF' },
  { text: withLines('X\r: a'), why: 'CR in a name' },
  { text: withLines('X: a', ' b'), why: 'a folded line' },
  { text: withLines('X: a', '\tb'), why: 'a line folded by a tab' },
  { text: 'GET / HTTP/1.1\r\n Host: a\r\n\r\n', why: 'white space before the first field' },
  { text: withLines('X : a'), why: 'a space before the colon' },
  { text: withLines('X\t: a'), why: 'a tab before the colon' },
  { text: withLines('Transfer-Encoding : chunked'), why: 'a space before the colon' },
  { text: withLines(': a'), why: 'no name' },
  { text: withLines('X'), why: 'no colon' },
  { text: withLines('X(: a'), why: 'a delimiter in a name' },
  { text: withLines('X\x80: a'), why: 'a name outside of ASCII' },
  { text: withLines('X\0: a'), why: 'NUL in a name' },
  { text: withLines('X: a\0'), why: 'NUL in a value' },
  { text: withLines('X: \x01'), why: 'a control byte in a value' },
  { text: withLines('X: \x7f'), why: 'DEL in a value' },
  // Request line (RFC 9112 §3).
  { text: 'GET /\r\n\r\n', why: 'no version: HTTP/0.9' },
  { text: 'GET / HTTP\r\n\r\n', why: 'half a version' },
  { text: 'GET  / HTTP/1.1\r\nHost: a\r\n\r\n', why: 'two spaces' },
  { text: 'GET /  HTTP/1.1\r\nHost: a\r\n\r\n', why: 'two spaces' },
  { text: 'GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n', why: 'a tab for the space' },
  { text: 'GET / HTTP/1.1 \r\nHost: a\r\n\r\n', why: 'a space behind the version' },
  { text: ' GET / HTTP/1.1\r\nHost: a\r\n\r\n', why: 'a space before the method' },
  { text: 'GET /a b HTTP/1.1\r\nHost: a\r\n\r\n', why: 'a space in the target' },
  { text: 'GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n', why: 'a fragment' },
  { text: 'GET /\x80 HTTP/1.1\r\nHost: a\r\n\r\n', why: 'a target outside of ASCII' },
  { text: 'GET /\0 HTTP/1.1\r\nHost: a\r\n\r\n', why: 'NUL in the target' },
  { text: 'GE(T / HTTP/1.1\r\nHost: a\r\n\r\n', why: 'a delimiter in the method' },
  { text: 'GET / http/1.1\r\nHost: a\r\n\r\n', why: 'the name of the protocol has capitals' },
  { text: 'GET / HTTP/1.10\r\nHost: a\r\n\r\n', why: 'a version has two digits' },
  { text: 'GET / HTTP/01.1\r\nHost: a\r\n\r\n', why: 'a version has two digits' },
  { text: 'GET / HTTP/1,1\r\nHost: a\r\n\r\n', why: 'a version has a dot' },
  { text: 'GET / XTTP/1.1\r\nHost: a\r\n\r\n', why: 'another protocol' },
  { text: '\x16\x03\x01\x02\x00\x01', why: 'a TLS hello on a plain port' },
  { text: '\n\nGET / HTTP/1.1\r\nHost: a\r\n\r\n', why: 'empty lines without CR' },
  { text: '\r\rGET / HTTP/1.1\r\nHost: a\r\n\r\n', why: 'empty lines without LF' },
  { text: 'GET / HTTP/2.0\r\n\r\n', status: 505, why: 'another major version' },
  { text: 'GET / HTTP/0.9\r\n\r\n', status: 505, why: 'another major version' },
  { text: 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', status: 505, why: 'the preface of HTTP/2' },
  { text: `${'A'.repeat(65)} / HTTP/1.1\r\n`, status: 501, why: 'nobody has such a method' },
  { text: 'GET a HTTP/1.1\r\nHost: a\r\n\r\n', why: 'no form of a target' },
  { text: 'GET a:80 HTTP/1.1\r\nHost: a:80\r\n\r\n', why: 'the form of CONNECT' },
  { text: 'GET * HTTP/1.1\r\nHost: a\r\n\r\n', why: 'the form of OPTIONS' },
  { text: 'GET ftp://a/ HTTP/1.1\r\nHost: a\r\n\r\n', why: 'a scheme that is not ours' },
  { text: 'GET http:/a HTTP/1.1\r\nHost: a\r\n\r\n', why: 'an absolute form without authority' },
  { text: 'GET http:///x HTTP/1.1\r\nHost: a\r\n\r\n', why: 'an empty authority' },
  { text: 'CONNECT / HTTP/1.1\r\nHost: a\r\n\r\n', why: 'CONNECT has an authority' },
  { text: 'CONNECT a HTTP/1.1\r\nHost: a\r\n\r\n', why: 'CONNECT names a port' },
  { text: 'CONNECT a: HTTP/1.1\r\nHost: a:\r\n\r\n', why: 'CONNECT names a port' },
  { text: 'CONNECT a:80 HTTP/1.1\r\nHost: b:80\r\n\r\n', why: 'CONNECT disagrees with Host' },
  { text: 'CONNECT u@a:80 HTTP/1.1\r\nHost: u@a:80\r\n\r\n', why: 'user information' },
  // Host (RFC 9112 §3.2).
  { text: 'GET / HTTP/1.1\r\n\r\n', why: 'no Host' },
  { text: 'GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n', why: 'Host twice' },
  { text: 'GET / HTTP/1.1\r\nHost: a\r\nhOST: b\r\n\r\n', why: 'Host twice' },
  ...[
    ['', 'an empty Host'],
    ['a, b', 'a list'],
    ['a b', 'a space'],
    ['a/b', 'a path'],
    ['a?b', 'a query'],
    ['a#b', 'a fragment'],
    ['u@a', 'user information'],
    ['u:p@a', 'user information with a password'],
    ['http://a', 'a URL'],
    ['a:b', 'a port that is no number'],
    ['a:80:80', 'two ports'],
    ['a:-1', 'a negative port'],
    ['a:65536', 'a port that is too high'],
    ['a:000080', 'a port that is too long'],
    ['a\\b', 'a backslash'],
    ['a%00b', 'an encoded byte'],
    ['a%2eb', 'an encoded dot'],
    ['\xe4', 'a byte outside of ASCII'],
    ['.', 'only a dot'],
    ['.a', 'an empty label first'],
    ['a..b', 'an empty label'],
    ['a..', 'an empty label last'],
    ['[::1', 'a bracket that stays open'],
    ['[]', 'no address'],
    ['[:::]', 'no address'],
    ['[1.2.3.4]', 'no IPv6 address'],
    ['[::1%25eth0]', 'a zone'],
    ['[fe80::1%eth0]', 'a zone'],
    ['[v1.a]', 'an address of the future'],
    ['[::1]x', 'something behind the address'],
    ['::1', 'an address without brackets'],
    [`${'a'.repeat(256)}`, 'a name that is too long'],
    ['a;b', 'a sub-delimiter'],
    ["a'b", 'a quote'],
    ['<a>', 'a tag'],
  ].map(([host, why]) => ({
    text: `GET / HTTP/1.1\r\nHost: ${host}\r\n\r\n`,
    why: `Host with ${why}`,
  })),
  { text: 'GET http://a/ HTTP/1.1\r\nHost: b\r\n\r\n', why: 'Host disagrees with the target' },
  { text: 'GET http://a:81/ HTTP/1.1\r\nHost: a\r\n\r\n', why: 'Host has another port' },
  { text: 'GET http://a:443/ HTTP/1.1\r\nHost: a\r\n\r\n', why: '443 is not the port of http' },
  { text: 'GET http://u@a/ HTTP/1.1\r\nHost: a\r\n\r\n', why: 'user information in the target' },
  { text: 'GET http://a@b/ HTTP/1.1\r\nHost: b\r\n\r\n', why: 'user information in the target' },
  { text: 'GET http://a/ HTTP/1.1\r\n\r\n', why: 'Host is needed beside an absolute form' },
  { text: 'GET http://a\\b/ HTTP/1.1\r\nHost: a\r\n\r\n', why: 'a backslash in the authority' },
  { text: withLines('Expect: 200-ok'), status: 417, why: 'an expectation that we do not know' },
  { text: withLines('Expect: 100-continue', 'Expect: x'), status: 417, why: 'in a second line' },
  { text: withLines('Expect: 100-continue, x'), status: 417, why: 'the second of a list' },
];

for (const { text, status = 400, why } of refused) {
  test(`RequestHead refuses ${JSON.stringify(text).slice(0, 90)}: ${why}`, () => {
    const { stop, head } = parse(text);
    assert.equal(stop, MALFORMED);
    assert.equal(head.status, status);
    for (const parts of [...splitsOf(Buffer.from(text, 'latin1'))]) {
      const reading = readRequests(parts);
      assert.deepEqual([reading.end, reading.status, reading.messages], ['refused', status, []]);
    }
    assert.equal(readRequests(singleBytes(Buffer.from(text, 'latin1'))).status, status);
  });
}

const accepted: { text: string; expected: Partial<RequestHead>; why: string }[] = [
  {
    text: 'GET /a?b=c HTTP/1.1\r\nHost: a\r\n\r\n',
    expected: { method: 'GET', target: '/a?b=c', host: 'a', minor: 1, keepAlive: true },
    why: 'the usual request',
  },
  {
    text: '\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n',
    expected: { method: 'GET', target: '/', isLineUnchanged: true },
    why: 'empty lines before a request are skipped (RFC 9112 §2.2)',
  },
  {
    text: 'GET / HTTP/1.0\r\n\r\n',
    expected: { host: '', authority: '', minor: 0, keepAlive: false, isLineUnchanged: false },
    why: 'HTTP/1.0 needs no Host and closes',
  },
  {
    text: 'GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n',
    expected: { keepAlive: true },
    why: 'HTTP/1.0 stays open when both want it',
  },
  {
    text: 'GET / HTTP/1.0\r\nConnection: keep-alive, close\r\n\r\n',
    expected: { keepAlive: false },
    why: 'close wins',
  },
  {
    text: 'GET / HTTP/1.7\r\nHost: a\r\n\r\n',
    expected: { minor: 1, isLineUnchanged: false },
    why: 'a higher minor version is read as 1.1 (RFC 9110 §2.5)',
  },
  {
    text: withLines('Connection: close'),
    expected: { keepAlive: false, nominated: null },
    why: 'the client closes',
  },
  {
    text: withLines('Connection: x', 'Connection: CLOSE'),
    expected: { keepAlive: false, nominated: new Set(['x']) },
    why: 'Connection in two lines, in capitals',
  },
  {
    text: withLines('Connection: close\xa0'),
    expected: { keepAlive: true, nominated: new Set(['close\xa0']) },
    why: 'a no-break space belongs to the word',
  },
  {
    text: withLines('Connection: Host, Content-Length, X-Forwarded-For, Cookie, X-A', 'X-A: 1'),
    expected: { nominated: new Set(['x-a']) },
    why: 'the fields that the router depends on cannot be nominated',
  },
  {
    text: withLines('Content-Length: 0'),
    expected: { body: bodyKind.none, contentLength: 0 },
    why: 'no body',
  },
  {
    text: withLines('Content-Length: 9007199254740991'),
    expected: { body: bodyKind.length, contentLength: Number.MAX_SAFE_INTEGER },
    why: 'the largest exact length',
  },
  {
    text: withLines('Content-Length: \t5 '),
    expected: { contentLength: 5 },
    why: 'white space around a value does not count',
  },
  {
    text: withLines('Transfer-Encoding: chunked'),
    expected: { body: bodyKind.chunked },
    why: 'chunked',
  },
  {
    text: withLines('TRANSFER-ENCODING:ChunkeD'),
    expected: { body: bodyKind.chunked },
    why: 'names and codings in any case, no space',
  },
  {
    text: withLines('Content_Length: 5', 'Transfer_Encoding: chunked'),
    expected: { body: bodyKind.none },
    why: 'names with underscores are other names',
  },
  {
    text: withLines('Connection: Upgrade', 'Upgrade: websocket'),
    expected: { upgrade: 'websocket' },
    why: 'an upgrade',
  },
  {
    text: withLines('Upgrade: websocket'),
    expected: { upgrade: '' },
    why: 'an upgrade that Connection does not name',
  },
  {
    text: withLines('Connection: Upgrade'),
    expected: { upgrade: '' },
    why: 'nothing to upgrade to',
  },
  {
    text: 'GET / HTTP/1.0\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n',
    expected: { upgrade: '' },
    why: 'HTTP/1.0 cannot upgrade (RFC 9110 §7.8)',
  },
  ...[
    'h2c',
    'H2C',
    'h2',
    'h2c-14',
    'h3',
    'HTTP/2.0',
    'http/1.1',
    'TLS/1.0',
    ' h2c ',
    'h2c, h2',
  ].map((protocol) => ({
    text: withLines('Connection: Upgrade, HTTP2-Settings', `Upgrade: ${protocol}`),
    expected: { upgrade: '', nominated: null },
    why: `${protocol} would carry requests past the routes`,
  })),
  {
    text: withLines('Connection: Upgrade', 'Upgrade: h2c, websocket', 'Upgrade: foo/2'),
    expected: { upgrade: 'websocket, foo/2' },
    why: 'only the protocols that are no HTTP are left',
  },
  {
    text: withLines('Connection: Upgrade', 'Upgrade: web socket, a"b'),
    expected: { upgrade: '' },
    why: 'what is no name of a protocol is dropped',
  },
  {
    text: 'GET http://A:80/x?y HTTP/1.1\r\nHost: a\r\n\r\n',
    expected: { target: '/x?y', host: 'A', authority: 'A:80', isLineUnchanged: false },
    why: 'the absolute form, with the scheme’s own port',
  },
  {
    text: 'GET HTTPS://a:443 HTTP/1.1\r\nHost: A\r\n\r\n',
    expected: { target: '/', host: 'a' },
    why: 'an absolute form without a path',
  },
  {
    text: 'GET http://a?x HTTP/1.1\r\nHost: a\r\n\r\n',
    expected: { target: '/?x' },
    why: 'an absolute form with a query only',
  },
  {
    text: 'GET http://a/ HTTP/1.0\r\n\r\n',
    expected: { target: '/', host: 'a', authority: 'a' },
    why: 'HTTP/1.0 with the host in the target only',
  },
  {
    text: 'OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n',
    expected: { target: '*', isLineUnchanged: true },
    why: 'the asterisk form',
  },
  {
    text: 'OPTIONS http://a HTTP/1.1\r\nHost: a\r\n\r\n',
    expected: { target: '*', isLineUnchanged: false },
    why: 'OPTIONS for the server in absolute form (RFC 9112 §3.2.4)',
  },
  {
    text: 'CONNECT a.b:443 HTTP/1.1\r\nHost: A.B:443\r\n\r\n',
    expected: { target: 'a.b:443', host: 'a.b', authority: 'a.b:443' },
    why: 'CONNECT',
  },
  {
    text: 'CONNECT [::1]:443 HTTP/1.0\r\n\r\n',
    expected: { host: '[::1]', authority: '[::1]:443' },
    why: 'CONNECT without Host: the target names it',
  },
  {
    text: 'GET //a//b HTTP/1.1\r\nHost: a\r\n\r\n',
    expected: { target: '//a//b', host: 'a' },
    why: 'two slashes begin a path, not a host',
  },
  {
    text: `${'M'.repeat(64)} / HTTP/1.1\r\nHost: a\r\n\r\n`,
    expected: { method: 'M'.repeat(64) },
    why: 'the longest method',
  },
  ...[
    ['a:', 'a'],
    ['a:0', 'a'],
    ['a:65535', 'a'],
    ['a.b.', 'a.b.'],
    ['a_b-c', 'a_b-c'],
    ['xn--a', 'xn--a'],
    ['127.0.0.1:80', '127.0.0.1'],
    ['[::1]', '[::1]'],
    ['[2001:db8::192.0.2.1]:80', '[2001:db8::192.0.2.1]'],
    ['a'.repeat(255), 'a'.repeat(255)],
  ].map(([authority, host]) => ({
    text: `GET / HTTP/1.1\r\nHost: ${authority}\r\n\r\n`,
    expected: { authority, host },
    why: `Host "${authority?.slice(0, 30)}"`,
  })),
  {
    text: withLines('Expect: 100-Continue', 'Expect: 100-continue'),
    expected: { method: 'GET' },
    why: 'the expectation that we know, twice',
  },
];

for (const { text, expected, why } of accepted) {
  test(`RequestHead reads ${JSON.stringify(text).slice(0, 90)}: ${why}`, () => {
    const { stop, head } = parse(text);
    assert.equal(stop, text.length);
    const read: Record<string, unknown> = { ...head };
    for (const [name, value] of Object.entries(expected)) assert.deepEqual(read[name], value, name);

    const whole = readRequests([Buffer.from(text, 'latin1')]);
    for (const parts of splitsOf(Buffer.from(text, 'latin1'))) {
      assert.deepEqual(readRequests(parts), whole);
    }
    assert.deepEqual(readRequests(singleBytes(Buffer.from(text, 'latin1'))), whole);
  });
}

test('RequestHead keeps fields in their order, as sent, without white space around values', () => {
  const { head } = parse(
    'GET / HTTP/1.1\r\nX-a:1\r\nHost:   a\t \r\nx-A: b \t c \r\nY:\r\nZ: \xe4\r\n\r\n',
  );
  const { fields } = head;
  const read = Array.from({ length: fields.count }, (_, at) => [fields.name(at), fields.value(at)]);
  assert.deepEqual(read, [
    ['X-a', '1'],
    ['Host', 'a'],
    ['x-A', 'b \t c'],
    ['Y', ''],
    ['Z', '\xe4'],
  ]);
  assert.equal(fields.lookup('x-a'), '1, b \t c');
  assert.equal(fields.lookup('x-b'), undefined);
  assert.equal(head.headerOf('y'), '');
  assert.equal(fields.canonical, false);
});

test('RequestHead joins repeated cookies by semicolons, other fields by commas', () => {
  const { head } = parse(withLines('Cookie: a=1', 'X: 1', 'Cookie: b=2', 'X: 2'));
  assert.equal(head.headerOf('cookie'), 'a=1; b=2');
  assert.equal(head.headerOf('x'), '1, 2');
});

test('a request keeps nothing of the one before', () => {
  const head = new RequestHead();
  const texts = [
    'POST http://b/x HTTP/1.0\r\nConnection: keep-alive, x-a\r\nContent-Length: 5\r\n\r\n',
    withLines('Connection: upgrade', 'Upgrade: x', 'Transfer-Encoding: chunked'),
    withLines(),
  ];
  for (const text of texts) {
    const bytes = Buffer.from(text, 'latin1');
    assert.equal(head.parse(bytes, 0, bytes.length, usualLimits), bytes.length);
  }
  const { body, contentLength, keepAlive, upgrade, nominated, host, minor, isLineUnchanged } = head;
  assert.deepEqual(
    { body, contentLength, keepAlive, upgrade, nominated, host, minor, isLineUnchanged },
    {
      body: bodyKind.none,
      contentLength: 0,
      keepAlive: true,
      upgrade: '',
      nominated: null,
      host: 'a',
      minor: 1,
      isLineUnchanged: true,
    },
  );
  assert.equal(head.fields.count, 1);
});

test('no byte behind the end is looked at', () => {
  for (const text of [...accepted.slice(0, 12), ...refused].map((each) => each.text)) {
    const head = new RequestHead();
    for (let size = 1; size <= text.length; size++) {
      const { buffer, start } = withGarbage(Buffer.from(text, 'latin1'));
      head.parse(guarded(buffer, start, start + size), start, start + size, usualLimits);
    }
  }
});

test('limits hold at the very byte, however much has arrived', () => {
  const text = withLines('X: 1234567890');
  const size = text.length;
  const cases = [
    { limits: { headBytesMax: size }, status: 0, why: 'a head of just the limit' },
    { limits: { headBytesMax: size - 1 }, status: 431, why: 'one byte more' },
    { limits: { headerCountMax: 2 }, status: 0, why: 'just as many fields' },
    { limits: { headerCountMax: 1 }, status: 431, why: 'one field more' },
    { limits: { uriBytesMax: 1 }, status: 0, why: 'a target of just the limit' },
    { limits: { uriBytesMax: 0 }, status: 414, why: 'one byte more' },
  ];
  for (const { limits, status, why } of cases) {
    for (const parts of [...splitsOf(Buffer.from(text)), singleBytes(Buffer.from(text))]) {
      assert.equal(readRequests(parts, { ...usualLimits, ...limits }).status, status, why);
    }
  }
});

test('what exceeds a limit is refused before its end has come', () => {
  const limits = { headBytesMax: 100, headerCountMax: 2, uriBytesMax: 20 };
  const cases = [
    { text: `GET /${'a'.repeat(20)}`, status: 414 },
    { text: `GET / HTTP/1.1\r\nX: ${'a'.repeat(100)}`, status: 431 },
    { text: `GET / HTTP/1.1\r\n${'X'.repeat(100)}`, status: 431 },
    { text: `${'\r\n'.repeat(51)}`, status: 431 },
    { text: 'GET / HTTP/1.1\r\nA: 1\r\nB: 2\r\nC: 3\r\n', status: 431 },
    { text: 'A'.repeat(65), status: 501 },
  ];
  for (const { text, status } of cases) {
    const { stop, head } = parse(text, limits);
    assert.deepEqual([stop, head.status], [MALFORMED, status], text);
  }
  assert.equal(parse(`GET /${'a'.repeat(19)}`, limits).stop, INCOMPLETE);
  assert.equal(parse(`GET / HTTP/1.1\r\nX: ${'a'.repeat(81)}`, limits).stop, INCOMPLETE);
});

test('a request line that is too long for a head is refused even when the target may be longer', () => {
  const limits = { headBytesMax: 100, headerCountMax: 2, uriBytesMax: 1000 };
  const { stop, head } = parse(`GET /${'a'.repeat(96)}`, limits);
  assert.deepEqual([stop, head.status], [MALFORMED, 431]);
});

test('many fields grow the table', () => {
  const lines = Array.from({ length: 99 }, (_, index) => `X-${index}: ${index}`);
  const { head } = parse(withLines(...lines));
  assert.equal(head.fields.count, 100);
  assert.equal(head.headerOf('x-98'), '98');
});

test('brokenLimit() names the first limit of a route that a request breaks', () => {
  const { head, stop } = parse(
    'POST /12345 HTTP/1.1\r\nHost: a\r\nX: 1\r\nContent-Length: 10\r\n\r\n',
  );
  const limits = { ...usualLimits, bodyBytesMax: 0 };
  assert.equal(brokenLimit(head, stop, limits), 0);
  assert.equal(brokenLimit(head, stop, { ...limits, bodyBytesMax: 10 }), 0);
  assert.equal(brokenLimit(head, stop, { ...limits, bodyBytesMax: 9 }), 413);
  assert.equal(brokenLimit(head, stop, { ...limits, uriBytesMax: 6 }), 0);
  assert.equal(brokenLimit(head, stop, { ...limits, uriBytesMax: 5 }), 414);
  assert.equal(brokenLimit(head, stop, { ...limits, headBytesMax: stop }), 0);
  assert.equal(brokenLimit(head, stop, { ...limits, headBytesMax: stop - 1 }), 431);
  assert.equal(brokenLimit(head, stop, { ...limits, headerCountMax: 3 }), 0);
  assert.equal(brokenLimit(head, stop, { ...limits, headerCountMax: 2 }), 431);
});

test('parseContentLength() takes digits that make an exact number', () => {
  const cases: [string, number][] = [
    ['0', 0],
    ['42', 42],
    ['007', 7],
    ['9007199254740991', Number.MAX_SAFE_INTEGER],
    ['9007199254740992', -1],
    ['0000000000000000000', 0],
    ['00000000000000000000', -1],
    ['', -1],
    [' 1', -1],
    ['1e1', -1],
  ];
  for (const [text, length] of cases) assert.equal(parseContentLength(text), length, text);
});

test('pipelined requests are found one behind the other', () => {
  const text =
    'POST /1 HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc' +
    '\r\nPOST /2 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1;x\r\na\r\n0\r\nT: 1\r\n\r\n' +
    'GET /3 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\nGET /4 HTTP/1.1\r\n';
  const bytes = Buffer.from(text);
  const whole = readRequests([bytes]);
  assert.deepEqual(
    whole.messages.map(({ line, body, trailers }) => [line[1], body, trailers]),
    [
      ['/1', 'abc', ''],
      ['/2', 'a', 'T: 1\r\n'],
      ['/3', '', ''],
    ],
  );
  assert.equal(whole.end, 'closed');
  for (const parts of [...splitsOf(bytes), singleBytes(bytes)]) {
    const { rest: _, ...reading } = readRequests(parts);
    assert.deepEqual(reading, { end: whole.end, status: 0, messages: whole.messages });
  }
});

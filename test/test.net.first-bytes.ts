import assert from 'node:assert/strict';
import { METHODS } from 'node:http';
import { test } from 'node:test';
import { sniffProtocol, type TSniffedProtocol } from '../ts/net/first-bytes.ts';
import { Random } from './fuzz/random.ts';
import { clientHello } from './suites/client-hello.ts';

/** What it is and after how many bytes that is known. */
function sniff(bytes: Buffer): [TSniffedProtocol, number] {
  for (let end = 0; end <= bytes.length; end++) {
    const protocol = sniffProtocol(bytes, 0, end);
    if (protocol !== 'incomplete') return [protocol, end];
  }
  return ['incomplete', bytes.length];
}

const cases: [text: string, protocol: TSniffedProtocol, bytes: number][] = [
  ['', 'incomplete', 0],
  ['\x16\x03\x01\x02\0', 'tls', 2],
  ['\x16\x04', 'other', 2],
  ['\x80\x2e\x01\x03\x01', 'other', 1],
  ['SSH-2.0-OpenSSH_9.9\r\n', 'ssh', 4],
  ['SSH', 'incomplete', 3],
  ['SSX a', 'other', 5],
  ['GET / HTTP/1.1\r\n', 'http', 5],
  ['\r\nGET / HTTP/1.1\r\n', 'http', 7],
  ['\r\n\r\n\0\r\nQUIT\n', 'other', 3],
  ['\rGET /', 'other', 2],
  ['OPTIONS * HTTP/1.1\r\n', 'http', 10],
  ['PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'http', 6],
  ['GET http://a/ HTTP/1.1', 'http', 9],
  ['GET HTTPS://a/ HTTP/1.1', 'http', 10],
  ['CONNECT example.org:443 HTTP/1.1', 'http', 9],
  ['CONNECT [::1]:443 HTTP/1.1', 'http', 9],
  ['CONNECT / HTTP/1.1', 'other', 9],
  ['VERSION-CONTROL /a HTTP/1.1', 'http', 17],
  ['M-SEARCH * HTTP/1.1', 'http', 11],
  ['EHLO mail.example.org\r\n', 'other', 6],
  ['HELO httpd.example.org\r\n', 'other', 10],
  ['A001 LOGIN a b\r\n', 'other', 6],
  ['HELP\r\n', 'other', 5],
  ['QUIT\n', 'other', 5],
  ['*1\r\n$4\r\nPING\r\n', 'other', 1],
  ['get / HTTP/1.1', 'other', 1],
  [' GET /', 'other', 1],
  ['1GET /', 'other', 5],
  ['\0\0\0\x08\x04\xd2\x16\x2f', 'other', 1],
  [`${'A'.repeat(32)} / HTTP/1.1`, 'http', 34],
  [`${'A'.repeat(33)} / HTTP/1.1`, 'other', 33],
];

for (const [text, protocol, bytes] of cases) {
  test(`${JSON.stringify(text.slice(0, 40))} is ${protocol} after ${bytes} bytes`, () => {
    assert.deepEqual(sniff(Buffer.from(text, 'latin1')), [protocol, bytes]);
  });
}

test('every method of Node is HTTP, with every form of target', () => {
  for (const method of METHODS) {
    const target = method === 'CONNECT' ? 'a:1' : '/';
    assert.equal(sniff(Buffer.from(`${method} ${target} HTTP/1.1\r\n`))[0], 'http', method);
    if (method === 'CONNECT') continue;
    assert.equal(sniff(Buffer.from(`${method} http://a/ HTTP/1.1\r\n`))[0], 'http', method);
  }
});

test('a ClientHello is TLS', () => assert.equal(sniff(clientHello())[0], 'tls'));

test('fuzz: it is decided within 42 bytes, for good, by the given range alone', () => {
  const random = new Random(7);
  const words = ['GET', 'SSH-', ' ', '/', '*', 'http:', 'https:', '\r\n', 'CONNECT', '\x16\x03'];
  for (let round = 0; round < 20_000; round++) {
    const parts = Array.from({ length: 60 }, () =>
      random.oneIn(4) ? String.fromCharCode(random.number(256)) : random.pick(words),
    );
    const bytes = Buffer.from(parts.join('').slice(0, 60), 'latin1');
    const [protocol, known] = sniff(bytes);
    assert.notEqual(protocol, 'incomplete');
    assert.ok(known <= 42);
    const padded = Buffer.concat([Buffer.from('GET /'), bytes, Buffer.from('/ http')]);
    for (let end = 0; end <= bytes.length; end++) {
      const expected = end < known ? 'incomplete' : protocol;
      assert.equal(sniffProtocol(padded, 5, 5 + end), expected);
    }
  }
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BodyReader } from '../ts/proxy/http/body-reader.ts';
import { bodyKind } from '../ts/proxy/http/request-head.ts';
import { guarded, singleBytes, splitsOf, withGarbage } from './suites/http-reading.ts';

interface IResult {
  data: string;
  /** Bytes behind the body. */
  rest: string;
  outcome: 'complete' | 'failed' | 'open';
  trailers: string;
  total: number;
}

/** Reads a body from bytes that come in parts; each part stands between garbage. */
function read(parts: readonly Buffer[], kind: number, length = 0): IResult {
  const body = new BodyReader();
  body.begin(kind, length);
  const result: IResult = { data: '', rest: '', outcome: 'open', trailers: '', total: 0 };
  for (const part of parts) {
    const { buffer, start, end } = withGarbage(part);
    let at = start;
    while (at < end && !body.complete && !body.failed) {
      at = body.read(buffer, at, end);
      assert.ok(at >= start && at <= end);
      for (let index = 0; index < body.pieceCount; index++) {
        const [from, to] = [body.pieceStart(index), body.pieceEnd(index)];
        assert.ok(from >= start && from < to && to <= end);
        result.data += buffer.toString('latin1', from, to);
      }
    }
    if (!body.failed) result.rest += buffer.toString('latin1', at, end);
  }
  result.outcome = body.failed ? 'failed' : body.complete ? 'complete' : 'open';
  result.trailers = body.trailers;
  result.total = body.total;
  assert.equal(result.total, result.data.length);
  return result;
}

/** The result for the whole, which every way of cutting it must give as well. */
function readAlways(text: string, kind: number, length = 0): IResult {
  const bytes = Buffer.from(text, 'latin1');
  const whole = read([bytes], kind, length);
  for (const parts of [...splitsOf(bytes), singleBytes(bytes)]) {
    assert.deepEqual(read(parts, kind, length), whole, `in ${parts.map((part) => part.length)}`);
  }
  return whole;
}

const chunked: { text: string; data: string; rest?: string; trailers?: string; why: string }[] = [
  { text: '0\r\n\r\n', data: '', why: 'the last chunk only' },
  { text: '5\r\nhello\r\n0\r\n\r\n', data: 'hello', why: 'one chunk' },
  { text: '5\r\nhello\r\n1\r\n!\r\n0\r\n\r\n', data: 'hello!', why: 'two chunks' },
  { text: 'a\r\n0123456789\r\n0\r\n\r\n', data: '0123456789', why: 'hexadecimal' },
  { text: 'A\r\n0123456789\r\n0\r\n\r\n', data: '0123456789', why: 'hexadecimal, capitals' },
  { text: '005\r\nhello\r\n000\r\n\r\n', data: 'hello', why: 'leading zeros' },
  { text: '0000000000000005\r\nhello\r\n0\r\n\r\n', data: 'hello', why: 'sixteen digits' },
  { text: '4\r\n\r\n\r\n\r\n0\r\n\r\n', data: '\r\n\r\n', why: 'data that looks like an end' },
  { text: '5\r\n0\r\n\r\n\r\n0\r\n\r\n', data: '0\r\n\r\n', why: 'data that looks like a chunk' },
  {
    text: '1\r\na\r\n0\r\n\r\nGET / HTTP/1.1',
    data: 'a',
    rest: 'GET / HTTP/1.1',
    why: 'a request behind it',
  },
  { text: '0\r\n\r\n\r\n\r\n', data: '', rest: '\r\n\r\n', why: 'empty lines behind it' },
  // Extensions (RFC 9112 §7.1.1).
  { text: '1;a\r\nx\r\n0;b\r\n\r\n', data: 'x', why: 'an extension without value' },
  { text: '1;a=b;c=d\r\nx\r\n0\r\n\r\n', data: 'x', why: 'two extensions' },
  { text: '1; a = b\r\nx\r\n0\r\n\r\n', data: 'x', why: 'white space in an extension' },
  { text: '1;a="b;c\\"d"\r\nx\r\n0\r\n\r\n', data: 'x', why: 'a quoted value' },
  { text: '1;a="\\\\"\r\nx\r\n0\r\n\r\n', data: 'x', why: 'a quoted backslash' },
  { text: '1;\r\nx\r\n0;\r\n\r\n', data: 'x', why: 'an empty extension' },
  // Trailers (RFC 9110 §6.5).
  { text: '0\r\nX: 1\r\n\r\n', data: '', trailers: 'X: 1\r\n', why: 'a trailer' },
  {
    text: '1\r\na\r\n0\r\nX:1 \r\nY:\t2\r\n\r\nrest',
    data: 'a',
    rest: 'rest',
    trailers: 'X: 1\r\nY: 2\r\n',
    why: 'trailers are rebuilt',
  },
  {
    text:
      '0\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\nHost: b\r\nAuthorization: x\r\n' +
      'Set-Cookie: a\r\nCookie: a\r\nX-Forwarded-For: 1\r\nX_Forwarded_For: 1\r\nX-Real-IP: 1\r\n' +
      'Content-Type: a\r\nTE: a\r\nTrailer: a\r\nConnection: a\r\nCache-Control: a\r\nIf-Match: a\r\n' +
      'Location: a\r\nX-Sum: 1\r\nContent-Digest: 2\r\n\r\n',
    data: '',
    trailers: 'X-Sum: 1\r\nContent-Digest: 2\r\n',
    why: 'what a trailer must not carry is dropped (RFC 9110 §6.5.1)',
  },
];

for (const { text, data, rest = '', trailers = '', why } of chunked) {
  test(`BodyReader reads ${JSON.stringify(text).slice(0, 90)}: ${why}`, () => {
    const result = readAlways(text, bodyKind.chunked);
    assert.deepEqual(result, { data, rest, outcome: 'complete', trailers, total: data.length });
  });
}

const broken: { text: string; why: string }[] = [
  { text: '\r\n', why: 'no size' },
  { text: ';a\r\n', why: 'no size' },
  { text: ' 5\r\n', why: 'a space before the size' },
  { text: '5 \r\n', why: 'a space behind the size' },
  { text: '5\t\r\n', why: 'a tab behind the size' },
  { text: '5 ;a\r\n', why: 'a space before an extension' },
  { text: '+5\r\n', why: 'a sign' },
  { text: '-5\r\n', why: 'a sign' },
  { text: '0x5\r\n', why: 'a prefix' },
  { text: '5_0\r\n', why: 'an underscore' },
  { text: 'g\r\n', why: 'no digit' },
  { text: '\xb2\r\n', why: 'a superscript two' },
  { text: '20000000000000\r\n', why: 'no number holds it exactly' },
  { text: 'ffffffffffffffff\r\n', why: '-1 for who counts in 64 bits' },
  { text: '10000000000000005\r\n', why: '5 for who counts modulo 2^64' },
  { text: '00000000000000005\r\n', why: 'more zeros than any sender needs' },
  { text: '5\n', why: 'bare LF behind the size' },
  { text: '5\rh', why: 'bare CR behind the size' },
  { text: '5\r\r\n', why: 'CR CR LF' },
  { text: '5;a\nhello', why: 'bare LF in an extension' },
  { text: '5;a\rb', why: 'bare CR in an extension' },
  { text: '5;a="b\r\n', why: 'a line end in quotes' },
  { text: '5;a="\\\r\n', why: 'a quoted CR' },
  { text: '5;a\0\r\n', why: 'NUL in an extension' },
  { text: '5;a\x7f\r\n', why: 'DEL in an extension' },
  { text: '5\r\nhello\n', why: 'bare LF behind the data' },
  { text: '5\r\nhello\rx', why: 'bare CR behind the data' },
  { text: '5\r\nhello!', why: 'more data than announced' },
  { text: '5\r\nhello0\r\n\r\n', why: 'no line end behind the data' },
  { text: '5\r\nhello\r\n\r\n', why: 'an empty line for the next size' },
  { text: '0\r\n\n', why: 'bare LF for the empty line' },
  { text: '0\r\n\rx\n', why: 'bare CR for the empty line' },
  { text: '0\n', why: 'bare LF behind the last chunk' },
  { text: '0\r\nX: 1\n\n', why: 'bare LF behind a trailer' },
  { text: '0\r\nX : 1\r\n', why: 'a space before the colon' },
  { text: '0\r\n X: 1\r\n', why: 'white space before a trailer' },
  { text: '0\r\nX: 1\r\n a\r\n', why: 'a folded trailer' },
  { text: '0\r\nX\r\n', why: 'no colon' },
  { text: '0\r\nX: \0\r\n', why: 'NUL in a trailer' },
  { text: '0\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n', why: 'a request where a trailer stands' },
  { text: `0\r\n${'X: 1\r\n'.repeat(65)}\r\n`, why: 'too many trailers' },
];

for (const { text, why } of broken) {
  test(`BodyReader refuses ${JSON.stringify(text).slice(0, 60)}: ${why}`, () => {
    assert.equal(readAlways(text, bodyKind.chunked).outcome, 'failed');
    assert.equal(readAlways(`1\r\na\r\n${text}`, bodyKind.chunked).data[0], 'a');
  });
}

test('no byte behind the end is looked at', () => {
  for (const { text } of [...chunked, ...broken]) {
    for (let size = 1; size <= text.length; size++) {
      const { buffer, start } = withGarbage(Buffer.from(text, 'latin1'));
      const body = new BodyReader();
      body.begin(bodyKind.chunked, 0);
      body.read(guarded(buffer, start, start + size), start, start + size);
    }
  }
});

test('a chunked body is open before its last byte has come', () => {
  const text = '5;a="b"\r\nhello\r\n0\r\nX: 1\r\n\r\n';
  for (let size = 0; size < text.length; size++) {
    const result = read([Buffer.from(text.slice(0, size))], bodyKind.chunked);
    assert.equal(result.outcome, 'open', text.slice(0, size));
  }
});

test('extensions and trailers have limits, at the very byte', () => {
  const extended = (size: number) => `1;${'x'.repeat(size)}\r\na\r\n0\r\n\r\n`;
  const withTrailer = (size: number) => `0\r\nX: ${'x'.repeat(size)}\r\n\r\n`;
  const outcome = (text: string) => {
    const bytes = Buffer.from(text);
    const whole = read([bytes], bodyKind.chunked);
    for (const parts of [[bytes.subarray(0, 9000), bytes.subarray(9000)], singleBytes(bytes)]) {
      assert.deepEqual(read(parts, bodyKind.chunked), whole);
    }
    return whole.outcome;
  };
  // The CR that ends the extension counts.
  assert.equal(outcome(extended(16_383)), 'complete');
  assert.equal(outcome(extended(16_384)), 'failed');
  assert.equal(outcome(withTrailer(16_384 - 7)), 'complete');
  assert.equal(outcome(withTrailer(16_384 - 6)), 'failed');
});

test('extensions of all chunks count together', () => {
  const text = `1;${'x'.repeat(1000)}\r\na\r\n`;
  assert.equal(read([Buffer.from(text.repeat(16))], bodyKind.chunked).outcome, 'open');
  assert.equal(read([Buffer.from(text.repeat(17))], bodyKind.chunked).outcome, 'failed');
});

test('more pieces than one call takes are found by further calls', () => {
  const count = 10_000;
  const text = `${'1\r\na\r\n'.repeat(count)}0\r\n\r\nrest`;
  const result = read([Buffer.from(text)], bodyKind.chunked);
  assert.deepEqual([result.data, result.rest], ['a'.repeat(count), 'rest']);
});

test('a body with a length ends there', () => {
  const expected = { data: 'hello', outcome: 'complete', trailers: '', total: 5 };
  assert.deepEqual(readAlways('hello', bodyKind.length, 5), { ...expected, rest: '' });
  assert.deepEqual(readAlways('helloGET /', bodyKind.length, 5), { ...expected, rest: 'GET /' });
  assert.equal(readAlways('hell', bodyKind.length, 5).outcome, 'open');
});

test('a body of more than 4 GiB is counted exactly', () => {
  const body = new BodyReader();
  const length = 2 ** 32 + 5;
  const bytes = Buffer.alloc(1024 * 1024);
  body.begin(bodyKind.length, length);
  for (let index = 0; index < 4096; index++) body.read(bytes, 0, bytes.length);
  assert.equal(body.complete, false);
  assert.equal(body.read(bytes, 0, bytes.length), 5);
  assert.deepEqual([body.complete, body.total], [true, length]);
});

test('a body that lasts until the close is complete only then', () => {
  const body = new BodyReader();
  body.begin(bodyKind.untilClose, 0);
  assert.equal(body.read(Buffer.from('0\r\n\r\n'), 0, 5), 5);
  assert.deepEqual([body.complete, body.pieceBytes], [false, 5]);
  body.finish();
  assert.deepEqual([body.complete, body.failed], [true, false]);
});

test('a close in the middle of other bodies is a break-off', () => {
  for (const kind of [bodyKind.length, bodyKind.chunked]) {
    const body = new BodyReader();
    body.begin(kind, 5);
    body.read(Buffer.from('5\r\nh'), 0, 4);
    body.finish();
    assert.deepEqual([body.complete, body.failed], [false, true]);
  }
});

test('no body is complete at once and takes nothing', () => {
  const body = new BodyReader();
  body.begin(bodyKind.none, 0);
  assert.equal(body.complete, true);
  assert.equal(body.read(Buffer.from('GET'), 0, 3), 0);
  body.finish();
  assert.equal(body.failed, false);
});

test('a reader that is used again keeps nothing of the body before', () => {
  const body = new BodyReader();
  body.begin(bodyKind.chunked, 0);
  const bytes = Buffer.from('1;a\r\nx\r\n0\r\nX: 1\r\n\r\n');
  body.read(bytes, 0, bytes.length);
  assert.equal(body.trailers, 'X: 1\r\n');
  body.begin(bodyKind.chunked, 0);
  assert.deepEqual([body.complete, body.trailers, body.total], [false, '', 0]);
  const broken = Buffer.from('0\r\nX: 1');
  body.read(broken, 0, broken.length);
  body.begin(bodyKind.chunked, 0);
  const next = Buffer.from('0\r\n\r\n');
  assert.equal(body.read(next, 0, next.length), 5);
  assert.deepEqual([body.complete, body.failed], [true, false]);
});

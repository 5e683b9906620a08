import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseRoute } from '../ts/config/parse.ts';
import { BodyReader } from '../ts/proxy/http/body-reader.ts';
import { framing } from '../ts/proxy/http/body-writer.ts';
import { INCOMPLETE, MALFORMED } from '../ts/proxy/http/field-table.ts';
import { bodyKind } from '../ts/proxy/http/request-head.ts';
import {
  buildInformational,
  buildResponse,
  buildSwitching,
} from '../ts/proxy/http/response-builder.ts';
import { ResponseHead } from '../ts/proxy/http/response-head.ts';
import { PlanCache } from '../ts/proxy/route-plan.ts';
import type { TRouteInput } from '../ts_interfaces/index.ts';
import {
  guarded,
  readResponses,
  singleBytes,
  splitsOf,
  withGarbage,
} from './suites/http-reading.ts';

const bytesMax = 65_536;

function parse(text: string, method = 'GET', head = new ResponseHead(), max = bytesMax) {
  const { buffer, start, end } = withGarbage(Buffer.from(text, 'latin1'));
  const stop = head.parse(buffer, start, end, method, max);
  return { stop: stop < 0 ? stop : stop - start, head };
}

/** A 200 with the given lines. */
function withLines(...lines: string[]): string {
  return `HTTP/1.1 200 OK\r\n${lines.map((line) => `${line}\r\n`).join('')}\r\n`;
}

const refused: { text: string; why: string }[] = [
  { text: withLines('Content-Length: 5', 'Transfer-Encoding: chunked'), why: 'two framings' },
  { text: withLines('Content-Length: 5', 'Content-Length: 6'), why: 'two lengths' },
  { text: withLines('Content-Length: 5', 'Content-Length: 5'), why: 'a length twice' },
  { text: withLines('Content-Length: 5, 5'), why: 'a list of lengths' },
  { text: withLines('Content-Length: -1'), why: 'a negative length' },
  { text: withLines('Content-Length: 1e3'), why: 'no decimal length' },
  { text: withLines('Content-Length:'), why: 'an empty length' },
  { text: withLines('Transfer-Encoding: gzip, chunked'), why: 'a coding that we do not know' },
  { text: withLines('Transfer-Encoding: identity'), why: 'not a coding any more' },
  { text: withLines('Transfer-Encoding: chunked', 'Transfer-Encoding: chunked'), why: 'twice' },
  { text: withLines('Transfer-Encoding: chunked\t'), why: 'Node reads this until the close' },
  {
    text: 'HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n',
    why: 'HTTP/1.0 has no codings',
  },
  { text: withLines('X: a', ' b'), why: 'a folded line' },
  { text: withLines('X : a'), why: 'a space before the colon' },
  { text: withLines('X: a\rSet-Cookie: b'), why: 'bare CR' },
  { text: withLines('X: a\nSet-Cookie: b'), why: 'bare LF' },
  { text: withLines('X: a\0'), why: 'NUL' },
  { text: withLines('X'), why: 'no colon' },
  { text: withLines('X\xe4: a'), why: 'a name outside of ASCII' },
  { text: 'HTTP/1.1 200 OK\nX: a\n\n', why: 'bare LF' },
  { text: 'HTTP/1.1 200 O\rK\r\n\r\n', why: 'bare CR in the reason' },
  { text: 'HTTP/1.1 200 O\0K\r\n\r\n', why: 'NUL in the reason' },
  { text: 'HTTP/1.1 20 OK\r\n\r\n', why: 'a status of two digits' },
  { text: 'HTTP/1.1 2000 OK\r\n\r\n', why: 'a status of four digits' },
  { text: 'HTTP/1.1 099 OK\r\n\r\n', why: 'no class of status' },
  { text: 'HTTP/1.1 +20 OK\r\n\r\n', why: 'a sign' },
  { text: 'HTTP/1.1 200\tOK\r\n\r\n', why: 'a tab for the space' },
  { text: 'HTTP/1.1  200 OK\r\n\r\n', why: 'two spaces' },
  { text: 'HTTP/2.0 200 OK\r\n\r\n', why: 'another major version' },
  { text: 'HTTP/1 200 OK\r\n\r\n', why: 'half a version' },
  { text: 'http/1.1 200 OK\r\n\r\n', why: 'the name of the protocol has capitals' },
  { text: 'ICY 200 OK\r\n\r\n', why: 'another protocol' },
  { text: '\r\nHTTP/1.1 200 OK\r\n\r\n', why: 'an empty line before it' },
  { text: '<html>no head at all</html>\r\n\r\n', why: 'HTTP/0.9' },
  { text: 'SSH-2.0-OpenSSH_9.2\r\n\r\n', why: 'not HTTP' },
  { text: '\x15\x03\x03\x00\x02\x02\x50', why: 'a TLS alert' },
];

for (const { text, why } of refused) {
  test(`ResponseHead refuses ${JSON.stringify(text).slice(0, 90)}: ${why}`, () => {
    assert.equal(parse(text).stop, MALFORMED);
    const bytes = Buffer.from(text, 'latin1');
    for (const parts of [...splitsOf(bytes), singleBytes(bytes)]) {
      assert.equal(readResponses(parts, ['GET']).end, 'refused');
    }
  });
}

const accepted: {
  text: string;
  method?: string;
  expected: Partial<ResponseHead>;
  why: string;
}[] = [
  {
    text: withLines('Content-Length: 5'),
    expected: {
      status: 200,
      reason: 'OK',
      body: bodyKind.length,
      contentLength: 5,
      keepAlive: true,
    },
    why: 'the usual response',
  },
  { text: withLines('Content-Length: 0'), expected: { body: bodyKind.none }, why: 'no body' },
  {
    text: withLines('Transfer-Encoding: CHUNKED'),
    expected: { body: bodyKind.chunked, keepAlive: true },
    why: 'chunked',
  },
  {
    text: withLines(),
    expected: { body: bodyKind.untilClose, keepAlive: false },
    why: 'without framing the close ends the body',
  },
  {
    text: withLines('Connection: keep-alive'),
    expected: { body: bodyKind.untilClose, keepAlive: false },
    why: 'whatever Connection says',
  },
  {
    text: 'HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\n',
    expected: { minor: 0, keepAlive: false, isLineCanonical: false },
    why: 'HTTP/1.0 closes',
  },
  {
    text: 'HTTP/1.0 200 OK\r\nContent-Length: 5\r\nConnection: Keep-Alive\r\n\r\n',
    expected: { keepAlive: true },
    why: 'HTTP/1.0 stays open when it says so',
  },
  {
    text: withLines('Content-Length: 5', 'Connection: close'),
    expected: { keepAlive: false },
    why: 'the backend closes',
  },
  {
    text: withLines('Content-Length: 5', 'Connection: Content-Length, Date, X-A', 'X-A: 1'),
    expected: { nominated: new Set(['x-a']), contentLength: 5 },
    why: 'a length cannot be nominated: the client would not find the end',
  },
  {
    text: withLines('Content-Length: 5'),
    method: 'HEAD',
    expected: { body: bodyKind.none, contentLength: 5, hasLength: true, keepAlive: true },
    why: 'the answer to HEAD has no body',
  },
  {
    text: withLines('Transfer-Encoding: chunked'),
    method: 'HEAD',
    expected: { body: bodyKind.none, keepAlive: true },
    why: 'the answer to HEAD has no body',
  },
  {
    text: 'HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n',
    expected: { body: bodyKind.none, contentLength: 5, keepAlive: true },
    why: 'a 304 has no body, its length is that of another answer',
  },
  {
    text: 'HTTP/1.1 204 No Content\r\n\r\n',
    expected: { body: bodyKind.none, keepAlive: true },
    why: 'a 204 has no body',
  },
  {
    text: 'HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n',
    expected: { body: bodyKind.none, keepAlive: false },
    why: 'a 204 that announces a body may send one',
  },
  {
    text: 'HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n',
    expected: { body: bodyKind.none, keepAlive: false },
    why: 'a 204 that announces a body may send one',
  },
  {
    text: 'HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n',
    expected: { status: 103, body: bodyKind.none, keepAlive: true },
    why: '1xx has no body',
  },
  {
    text: 'HTTP/1.1 200 OK\r\n\r\n',
    method: 'CONNECT',
    expected: { body: bodyKind.none },
    why: 'behind a successful CONNECT comes the tunnel',
  },
  {
    text: 'HTTP/1.1 403 No\r\nContent-Length: 5\r\n\r\n',
    method: 'CONNECT',
    expected: { body: bodyKind.length },
    why: 'a refused CONNECT has a body',
  },
  {
    text: 'HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n',
    expected: { status: 200, reason: '', isLineCanonical: false },
    why: 'no reason and no space',
  },
  {
    text: 'HTTP/1.1 200 \r\nContent-Length: 0\r\n\r\n',
    expected: { reason: '', isLineCanonical: false },
    why: 'an empty reason',
  },
  {
    text: 'HTTP/1.1 999 A\tb \xe4\r\nContent-Length: 0\r\n\r\n',
    expected: { status: 999, reason: 'A\tb \xe4', isLineCanonical: true },
    why: 'an unknown status, a reason with a tab',
  },
  {
    text: 'HTTP/1.9 200 OK\r\nContent-Length: 5\r\n\r\n',
    expected: { minor: 1, isLineCanonical: false },
    why: 'a higher minor version is read as 1.1',
  },
];

for (const { text, method = 'GET', expected, why } of accepted) {
  test(`ResponseHead reads ${JSON.stringify(text).slice(0, 90)} (${method}): ${why}`, () => {
    const { stop, head } = parse(text, method);
    assert.equal(stop, text.length);
    for (const name of Object.keys(expected) as (keyof ResponseHead)[]) {
      assert.deepEqual(head[name], expected[name], name);
    }
    const bytes = Buffer.from(text, 'latin1');
    const { rest: _, ...whole } = readResponses([bytes], [method]);
    for (const parts of [...splitsOf(bytes), singleBytes(bytes)]) {
      const { rest: __, ...reading } = readResponses(parts, [method]);
      assert.deepEqual(reading, whole);
    }
  });
}

test('no byte behind the end is looked at', () => {
  for (const { text } of [...accepted, ...refused]) {
    const head = new ResponseHead();
    for (let size = 1; size <= text.length; size++) {
      const { buffer, start } = withGarbage(Buffer.from(text, 'latin1'));
      const bytes = guarded(buffer, start, start + size);
      head.parse(bytes, start, start + size, 'GET', bytesMax);
      // The head that is known now is longer than what comes.
      if (size > 1)
        head.parse(guarded(buffer, start, start + 1), start, start + 1, 'GET', bytesMax);
    }
  }
});

test('a head is refused above its limit, at the very byte', () => {
  const text = withLines('X: 12345');
  for (const parts of [...splitsOf(Buffer.from(text)), singleBytes(Buffer.from(text))]) {
    assert.notEqual(readResponses(parts, ['GET'], undefined, text.length).end, 'refused');
    assert.equal(readResponses(parts, ['GET'], undefined, text.length - 1).end, 'refused');
  }
  assert.equal(parse(`HTTP/1.1 200 ${'a'.repeat(100)}`, 'GET', undefined, 100).stop, MALFORMED);
  assert.equal(parse(`HTTP/1.1 200 ${'a'.repeat(87)}`, 'GET', undefined, 100).stop, INCOMPLETE);
});

test('a thousand fields are read, one more is not', () => {
  const lines = Array.from({ length: 1000 }, (_, index) => `X-${index}: a`);
  assert.equal(parse(withLines(...lines)).head.fields.count, 1000);
  assert.equal(parse(withLines(...lines, 'Y: a')).stop, MALFORMED);
});

// The head that came last is recognised.

test('a head that comes again is not parsed again, and means the same', () => {
  const head = new ResponseHead();
  const text = withLines('Content-Length: 5', 'Connection: X-A', 'X-A: 1');
  assert.equal(parse(text, 'GET', head).stop, text.length);
  const rebuilt = 'what was made of it';
  head.rebuilt = rebuilt;
  for (const body of ['', 'hello', 'hello and more']) {
    assert.equal(parse(text + body, 'GET', head).stop, text.length);
    assert.equal(head.rebuilt, rebuilt);
    assert.deepEqual([head.status, head.body, head.contentLength], [200, bodyKind.length, 5]);
    assert.deepEqual(head.nominated, new Set(['x-a']));
  }
});

test('the same head for another method is another head', () => {
  const head = new ResponseHead();
  const text = withLines('Content-Length: 5');
  parse(text, 'GET', head);
  head.rebuilt = 'what was made of it';
  parse(text, 'HEAD', head);
  assert.deepEqual([head.body, head.rebuilt], [bodyKind.none, null]);
  parse(text, 'GET', head);
  assert.deepEqual([head.body, head.rebuilt], [bodyKind.length, null]);
});

test('a head that differs in a single byte, or is a part of the one before, is another head', () => {
  const text = withLines('Content-Length: 5', 'X: abc');
  for (let at = 0; at < text.length; at++) {
    const head = new ResponseHead();
    parse(text, 'GET', head);
    head.rebuilt = 'what was made of it';
    const changed = `${text.slice(0, at)}${text[at] === '6' ? '7' : '6'}${text.slice(at + 1)}`;
    const fresh = parse(changed);
    const { stop } = parse(changed, 'GET', head);
    assert.equal(stop, fresh.stop, changed);
    assert.notEqual(head.rebuilt, 'what was made of it');
    if (stop > 0) assert.equal(head.contentLength, fresh.head.contentLength);
    assert.equal(parse(text.slice(0, at), 'GET', head).stop, INCOMPLETE);
    assert.equal(parse(text, 'GET', head).stop, text.length);
    assert.equal(head.contentLength, 5);
  }
});

test('a known head is no longer taken after one that was refused', () => {
  const head = new ResponseHead();
  const text = withLines('Content-Length: 5');
  parse(text, 'GET', head);
  assert.equal(parse(withLines('Content-Length: x'), 'GET', head).stop, MALFORMED);
  assert.equal(parse(text, 'GET', head).stop, text.length);
  assert.equal(head.contentLength, 5);
});

test('a known head above the limit of another route is refused', () => {
  const head = new ResponseHead();
  const text = withLines('Content-Length: 5');
  parse(text, 'GET', head);
  assert.equal(parse(text, 'GET', head, text.length - 1).stop, MALFORMED);
  assert.equal(parse(text, 'GET', head, text.length).stop, text.length);
});

test('1xx heads and the final one are told apart, also when they repeat', () => {
  const text = `${'HTTP/1.1 103 Early\r\nX: 1\r\n\r\n'.repeat(3)}${withLines('Content-Length: 1')}a`;
  const reading = readResponses([Buffer.from(text + text)], ['GET', 'GET']);
  assert.deepEqual(
    reading.messages.map(({ line, body }) => line[0] + body),
    ['103', '103', '103', '200a', '103', '103', '103', '200a'],
  );
});

test('a hundred 1xx heads are read before a final one, one more is not', () => {
  const final = `${withLines('Content-Length: 0')}`;
  for (const [hint, other] of [
    ['HTTP/1.1 103 Early\r\nX: 1\r\n\r\n', 'HTTP/1.1 103 Early\r\nX: 1\r\n\r\n'],
    ['HTTP/1.1 100 Go\r\n\r\n', 'HTTP/1.1 102 Wait\r\n\r\n'],
  ] as const) {
    const read = (text: string) => readResponses([Buffer.from(text)], ['GET', 'GET']);
    const hints = (hint + other).repeat(50);
    assert.deepEqual(read((hints + final).repeat(2)).messages.length, 202);
    const { end, messages } = read(hints + hint + final);
    assert.deepEqual([end, messages.length], ['refused', 100]);
  }
});

// What is made of it for the client.

const plans = new PlanCache();

function planWith(rest: Partial<TRouteInput> = {}) {
  const backends = [{ hostname: '127.0.0.1', port: 1 }];
  return plans.planOf(parseRoute({ id: 'r', vHost: '*', backends, ...rest }));
}

function build(
  text: string,
  context: { minor?: number; method?: string; keepAlive?: boolean } = {},
) {
  const { head } = parse(text, context.method);
  const body = new BodyReader();
  body.begin(head.body, head.contentLength);
  const full = { minor: 1, method: 'GET', keepAlive: true, rateLines: '', ...context };
  const response = buildResponse(head, planWith(), body, full);
  const lines = response.lines.replace(/Date: .*GMT\r\n/, '');
  return { ...response, lines };
}

test('a response is rebuilt from its parts: the fields of the hop stay behind', () => {
  const { lines, end, keepAlive } = build(
    'HTTP/1.0 200 Fine\r\nContent-Length:  05 \r\nConnection: keep-alive, X-Hop\r\nKeep-Alive: x\r\n' +
      'X-Hop: 1\r\nProxy-Connection: x\r\nUpgrade: h2c\r\nTE: x\r\nProxy-Authenticate: x\r\n' +
      'Date: yes\r\nSet-Cookie: a\r\nset-cookie: b\r\n\r\n',
  );
  const expected =
    'HTTP/1.1 200 Fine\r\nContent-Length: 5\r\nDate: yes\r\nSet-Cookie: a\r\nset-cookie: b\r\n';
  assert.deepEqual([lines, end, keepAlive], [expected, '\r\n', true]);
});

const framed: {
  text: string;
  minor?: number;
  keepAlive?: boolean;
  end: string;
  isChunked: boolean;
  why: string;
}[] = [
  {
    text: withLines('Transfer-Encoding: chunked'),
    end: 'Transfer-Encoding: chunked\r\n\r\n',
    isChunked: true,
    why: 'chunked stays chunked',
  },
  {
    text: withLines(),
    end: 'Transfer-Encoding: chunked\r\n\r\n',
    isChunked: true,
    why: 'what the close ends becomes chunked, so that a break can be seen',
  },
  {
    text: withLines('Transfer-Encoding: chunked'),
    minor: 0,
    end: 'Connection: close\r\n\r\n',
    isChunked: false,
    why: 'HTTP/1.0 does not know chunks',
  },
  {
    text: withLines('Content-Length: 5'),
    minor: 0,
    end: 'Connection: keep-alive\r\n\r\n',
    isChunked: false,
    why: 'HTTP/1.0 has to be told that the connection stays',
  },
  {
    text: withLines('Transfer-Encoding: chunked'),
    keepAlive: false,
    end: 'Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n',
    isChunked: true,
    why: 'the client wants to close',
  },
];

for (const { text, minor, keepAlive, end, isChunked, why } of framed) {
  test(`buildResponse() for HTTP/1.${minor ?? 1}: ${why}`, () => {
    const response = build(text, { minor: minor ?? 1, keepAlive: keepAlive ?? true });
    assert.equal(response.end, end);
    assert.equal(response.framing, isChunked ? framing.chunked : framing.raw);
    assert.equal(response.keepAlive, !end.includes('close'));
  });
}

test('1xx and 204 go without a length, a 304 and the answer to HEAD with theirs', () => {
  const hints = parse('HTTP/1.1 103 Early\r\nContent-Length: 5\r\nLink: a\r\n\r\n').head;
  assert.equal(buildInformational(hints), 'HTTP/1.1 103 Early\r\nLink: a\r\n\r\n');
  const length = 'Content-Length: 5\r\n';
  assert.equal(build(`HTTP/1.1 204 No\r\n${length}\r\n`).lines, 'HTTP/1.1 204 No\r\n');
  assert.equal(build(`HTTP/1.1 304 No\r\n${length}\r\n`).lines, `HTTP/1.1 304 No\r\n${length}`);
  const head = build(`HTTP/1.1 200 OK\r\n${length}\r\n`, { method: 'HEAD' });
  assert.equal(head.lines, `HTTP/1.1 200 OK\r\n${length}`);
});

test('buildSwitching() passes the protocol on and nothing that frames a body', () => {
  const { head } = parse(
    'HTTP/1.1 101 Go\r\nConnection: Upgrade, X-Hop\r\nUpgrade: websocket\r\nContent-Length: 5\r\n' +
      'X-Hop: 1\r\nSec-WebSocket-Accept: y\r\n\r\n',
  );
  assert.equal(
    buildSwitching(head, planWith()),
    'HTTP/1.1 101 Go\r\nSec-WebSocket-Accept: y\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n',
  );
});

test('a response without Date gets one', () => {
  const { head } = parse(withLines('Content-Length: 0'));
  const body = new BodyReader();
  const context = { minor: 1, method: 'GET', keepAlive: true, rateLines: '' };
  const { lines } = buildResponse(head, planWith(), body, context);
  assert.match(lines, /\r\nDate: \w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT\r\n$/);
});

test('the changes of a route apply to each response by itself', () => {
  const { head } = parse(withLines('Content-Length: 0', 'Date: d', 'Server: s'));
  const body = new BodyReader();
  const context = { minor: 1, method: 'GET', keepAlive: true, rateLines: '' };
  const changed = planWith({ responseHeaders: { remove: ['Server'], set: { Date: 'x' } } });
  const plain = 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\nDate: d\r\nServer: s\r\n';
  // One head in memory serves routes with different changes.
  assert.equal(buildResponse(head, planWith(), body, context).lines, plain);
  assert.equal(
    buildResponse(head, changed, body, context).lines,
    'HTTP/1.1 200 OK\r\nContent-Length: 0\r\nDate: x\r\n',
  );
  assert.equal(buildResponse(head, planWith(), body, context).lines, plain);
});

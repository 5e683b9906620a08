import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseRoute } from '../ts/config/parse.ts';
import { CidrSet } from '../ts/net/cidr.ts';
import type { IWebSettings } from '../ts/proxy/http/engine.ts';
import { forwardedElement, forwardedNodes, nodeAddress } from '../ts/proxy/http/forwarded-field.ts';
import {
  directForwarding,
  forwardedLine,
  type IForwarding,
  trustedForwarding,
} from '../ts/proxy/http/forwarding.ts';
import { buildRequest } from '../ts/proxy/http/request-builder.ts';
import { RequestHead } from '../ts/proxy/http/request-head.ts';
import { PlanCache } from '../ts/proxy/route-plan.ts';
import type { TRouteInput } from '../ts_interfaces/index.ts';
import { usualLimits } from './suites/http-reading.ts';

const settings: IWebSettings = {
  trusted: null,
  serverName: 'proxy',
  via: '1.1 proxy',
  hooks: null,
  services: null,
  httpsPort: null,
};
const trusted = new CidrSet(['10.0.0.0/8', 'fd00::/8', '127.0.0.1']);
const plans = new PlanCache();

function parse(text: string): RequestHead {
  const head = new RequestHead();
  const bytes = Buffer.from(text, 'latin1');
  assert.equal(head.parse(bytes, 0, bytes.length, usualLimits), bytes.length);
  return head;
}

/** A request of HTTP/1.1 with Host and the given lines. */
function withLines(...lines: string[]): RequestHead {
  return parse(
    `GET / HTTP/1.1\r\nHost: a:80\r\n${lines.map((line) => `${line}\r\n`).join('')}\r\n`,
  );
}

/** Everything that goes to the backend but the value of Host. */
function forwarded(
  head: RequestHead,
  forwarding: IForwarding = directForwarding('192.0.2.1', 'http', head.authority),
  rest: Partial<TRouteInput> = {},
): string[] {
  const backends = [{ hostname: '127.0.0.1', port: 1 }];
  const plan = plans.planOf(parseRoute({ id: 'r', vHost: '*', backends, ...rest }));
  const { line, lines, end } = buildRequest(head, plan, settings, forwarding);
  const text = `${line}${lines}${end}`;
  assert.ok(text.endsWith('X-Request-Id: '));
  return text.split('\r\n');
}

const direct = [
  'X-Forwarded-For: 192.0.2.1',
  'X-Real-IP: 192.0.2.1',
  'X-Forwarded-Proto: http',
  'X-Forwarded-Host: a:80',
  'Via: 1.1 proxy',
];

test('a request of a client gets our fields, and keeps its own in their order', () => {
  const lines = ['User-Agent: x', 'Accept:*/*', 'Cookie: a=b', 'accept: text/html'];
  assert.deepEqual(forwarded(withLines(...lines)), [
    'GET / HTTP/1.1',
    'Host: ',
    ...direct,
    'User-Agent: x',
    'Accept: */*',
    'Cookie: a=b',
    'accept: text/html',
    'X-Request-Id: ',
  ]);
});

test('HTTP/1.0 becomes 1.1, is named in Via, and without Host no host is claimed', () => {
  const head = parse('GET /x HTTP/1.0\r\nVia: 1.0 before\r\n\r\n');
  assert.deepEqual(forwarded(head), [
    'GET /x HTTP/1.1',
    'Host: ',
    'X-Forwarded-For: 192.0.2.1',
    'X-Real-IP: 192.0.2.1',
    'X-Forwarded-Proto: http',
    'Via: 1.0 before, 1.0 proxy',
    'X-Request-Id: ',
  ]);
});

const dropped: { lines: string[]; why: string }[] = [
  { lines: ['Connection: keep-alive', 'Keep-Alive: timeout=5'], why: 'they are of the hop' },
  { lines: ['Proxy-Connection: keep-alive'], why: 'a habit of old clients' },
  { lines: ['Connection: X-A, x-b', 'X-A: 1', 'x-B: 2', 'X-a: 3'], why: 'Connection names them' },
  { lines: ['Proxy: http://evil.example'], why: 'CGI makes HTTP_PROXY of it (httpoxy)' },
  { lines: ['Proxy-Authorization: Basic eA=='], why: 'it is for a proxy' },
  {
    lines: ['Connection: Upgrade, HTTP2-Settings', 'Upgrade: h2c', 'HTTP2-Settings: x'],
    why: 'h2c',
  },
  { lines: ['Upgrade: websocket'], why: 'Connection does not name it' },
  { lines: ['TE: gzip'], why: 'nobody takes other codings from us' },
  { lines: ['X-Forwarded-For: 6.6.6.6'], why: 'a client may say what it likes' },
  { lines: ['X-Real-IP: 6.6.6.6', 'X-Forwarded-Proto: https'], why: 'a client may say it' },
  { lines: ['X-Forwarded-Host: evil', 'Forwarded: for=6.6.6.6'], why: 'a client may say it' },
  { lines: ['X-Forwarded-Port: 1', 'X-Forwarded-Server: x'], why: 'a client may say it' },
  { lines: ['X-Forwarded-Prefix: /x', 'X-Forwarded-Ssl: on'], why: 'a client may say it' },
  { lines: ['X-Forwarded-User: root', 'x-forwarded-scheme: https'], why: 'all of the family' },
  { lines: ['X_Forwarded_For: 6.6.6.6', 'X-Forwarded_Proto: https'], why: 'the same to CGI' },
  { lines: ['x_forwarded_user: root', 'X_REAL_IP: 6.6.6.6'], why: 'the same to CGI' },
  { lines: ['Content_Length: 5', 'Transfer_Encoding: chunked'], why: 'the same to CGI' },
  { lines: ['X-Request-Id: 1', 'X_Request_Id: 2'], why: 'the router gives the id' },
];

for (const { lines, why } of dropped) {
  test(`${lines.join(', ')} stays behind: ${why}`, () => {
    const expected = ['GET / HTTP/1.1', 'Host: ', ...direct, 'X-B: 1', 'X-Request-Id: '];
    const nominated = lines.some((line) => line.includes('x-b'));
    assert.deepEqual(
      forwarded(withLines('X-B: 1', ...lines)),
      nominated ? expected.filter((line) => line !== 'X-B: 1') : expected,
    );
  });
}

test('what the message depends on cannot be nominated away', () => {
  const head = parse(
    'POST / HTTP/1.1\r\nHost: a:80\r\nContent-Length: 5\r\nCookie: c\r\nAuthorization: d\r\n' +
      'Connection: close, Host, Content-Length, Cookie, Authorization, X-Forwarded-For, Via\r\n\r\n',
  );
  assert.deepEqual(forwarded(head).slice(2), [
    ...direct,
    'Content-Length: 5',
    'Cookie: c',
    'Authorization: d',
    'X-Request-Id: ',
  ]);
});

test('a length goes on in its shortest form', () => {
  const head = parse('POST / HTTP/1.1\r\nHost: a:80\r\nContent-Length: 0010\r\n\r\n');
  assert.ok(forwarded(head).includes('Content-Length: 10'));
});

test('Transfer-Encoding, Upgrade and TE are those of our hop', () => {
  const end = (head: RequestHead) => forwarded(head).slice(7, -1);
  assert.deepEqual(end(withLines('transfer-encoding:CHUNKED')), ['Transfer-Encoding: chunked']);
  assert.deepEqual(end(withLines('TE: gzip;q=1, Trailers')), ['TE: trailers', 'Connection: TE']);
  assert.deepEqual(end(withLines('Connection: upgrade', 'Upgrade: websocket, h2c')), [
    'Connection: Upgrade',
    'Upgrade: websocket',
  ]);
  assert.deepEqual(end(withLines('TE: trailers', 'Connection: upgrade', 'Upgrade: a')), [
    'Connection: Upgrade',
    'Upgrade: a',
  ]);
});

test('the absolute form becomes the origin form', () => {
  const head = parse('GET http://A:80/x?y HTTP/1.1\r\nHost: a\r\n\r\n');
  assert.equal(forwarded(head)[0], 'GET /x?y HTTP/1.1');
});

test('prefixes are stripped and added', () => {
  const head = parse('GET /api/x?y HTTP/1.1\r\nHost: a\r\n\r\n');
  const route = { stripPrefix: '/api', addPrefix: '/v2' };
  assert.equal(forwarded(head, undefined, route)[0], 'GET /v2/x?y HTTP/1.1');
});

// Trusted proxies.

const chains: {
  lines: string[];
  peer?: string;
  client: string;
  list?: string;
  why: string;
}[] = [
  { lines: [], client: '10.0.0.1', list: '10.0.0.1', why: 'the proxy itself asks' },
  {
    lines: ['X-Forwarded-For: 192.0.2.7'],
    client: '192.0.2.7',
    list: '192.0.2.7, 10.0.0.1',
    why: 'one client',
  },
  {
    lines: ['X-Forwarded-For: 6.6.6.6, 192.0.2.7, 10.0.0.2'],
    client: '192.0.2.7',
    why: 'read from the right, over our own proxies; what the client said stays its own word',
  },
  {
    lines: ['X-Forwarded-For: 6.6.6.6', 'X-Forwarded-For: 192.0.2.7,10.0.0.2'],
    client: '192.0.2.7',
    list: '6.6.6.6, 192.0.2.7, 10.0.0.2, 10.0.0.1',
    why: 'several lines are one list',
  },
  {
    lines: ['X-Forwarded-For: 10.0.0.3, 10.0.0.2'],
    client: '10.0.0.3',
    why: 'all of them are ours: the first one asks',
  },
  {
    lines: ['X-Forwarded-For: 6.6.6.6, unknown, 10.0.0.2'],
    client: '10.0.0.2',
    why: 'behind what is no address nothing is believed',
  },
  { lines: ['X-Forwarded-For: 6.6.6.6, 999.1.1.1'], client: '10.0.0.1', why: 'no address' },
  { lines: ['X-Forwarded-For: 6.6.6.6, 1.2.3'], client: '10.0.0.1', why: 'no address' },
  { lines: ['X-Forwarded-For: 6.6.6.6, 01.2.3.4'], client: '10.0.0.1', why: 'octal for some' },
  { lines: ['X-Forwarded-For: 192.0.2.7:4711'], client: '192.0.2.7', why: 'with a port' },
  { lines: ['X-Forwarded-For: [2001:DB8::0:7]:4711'], client: '2001:db8::7', why: 'IPv6, port' },
  { lines: ['X-Forwarded-For: 2001:db8::7'], client: '2001:db8::7', why: 'IPv6 without brackets' },
  { lines: ['X-Forwarded-For: ::ffff:192.0.2.7'], client: '192.0.2.7', why: 'mapped IPv4' },
  { lines: ['X-Forwarded-For: , ,192.0.2.7 ,'], client: '192.0.2.7', why: 'empty elements' },
  { lines: ['X-Forwarded-For:'], client: '10.0.0.1', list: '10.0.0.1', why: 'an empty list' },
  {
    lines: ['X-Forwarded-For: 192.0.2.7'],
    peer: 'fd00::1',
    client: '192.0.2.7',
    list: '192.0.2.7, fd00::1',
    why: 'a proxy by IPv6',
  },
  {
    lines: ['Forwarded: for=6.6.6.6, For="[2001:db8::7]:80";proto=https;by=_x'],
    client: '2001:db8::7',
    why: 'RFC 7239 instead',
  },
  {
    lines: ['Forwarded: for=192.0.2.7;host="a, for=6.6.6.6;x"'],
    client: '192.0.2.7',
    why: 'what is quoted is no element',
  },
  {
    lines: ['Forwarded: for=192.0.2.7;host="a\\";for=6.6.6.6"'],
    client: '192.0.2.7',
    why: 'an escaped quote does not end the quotes',
  },
  {
    lines: ['Forwarded: for="6.6.6.6', 'Forwarded: for=192.0.2.7'],
    client: '192.0.2.7',
    why: 'a quote that a client left open ends before what our proxy wrote',
  },
  {
    lines: ['Forwarded: for=6.6.6.6, for=unknown, for=10.0.0.2'],
    client: '10.0.0.2',
    why: 'an unknown node ends the chain',
  },
  {
    lines: ['Forwarded: for=6.6.6.6, proto=https'],
    client: '10.0.0.1',
    why: 'an element without a node ends the chain',
  },
  {
    lines: ['X-Real-IP: 192.0.2.7'],
    client: '192.0.2.7',
    list: '192.0.2.7, 10.0.0.1',
    why: 'only X-Real-IP',
  },
  {
    lines: ['X-Real-IP: 6.6.6.6', 'Forwarded: for=6.6.6.6', 'X-Forwarded-For: 192.0.2.7'],
    client: '192.0.2.7',
    why: 'X-Forwarded-For comes first',
  },
];

for (const { lines, peer = '10.0.0.1', client, list, why } of chains) {
  test(`trustedForwarding() with ${lines.join(' | ') || 'nothing'}: ${why}`, () => {
    const forwarding = trustedForwarding(withLines(...lines), peer, 'http', trusted);
    assert.equal(forwarding.clientIp, client);
    const sent = forwarding.lines.split('\r\n');
    assert.ok(sent.includes(`X-Real-IP: ${client}`));
    if (list !== undefined) assert.equal(sent[0], `X-Forwarded-For: ${list}`);
  });
}

test('protocol and host are what the nearest proxy said', () => {
  const lines = ['X-Forwarded-Proto: http, HTTPS', 'X-Forwarded-Host: evil, good.example'];
  const forwarding = trustedForwarding(withLines(...lines), '10.0.0.1', 'http', trusted);
  assert.equal(forwarding.protocol, 'https');
  assert.match(
    forwarding.lines,
    /\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: good.example\r\n$/,
  );
  const other = trustedForwarding(withLines('X-Forwarded-Proto: ws'), '10.0.0.1', 'https', trusted);
  assert.equal(other.protocol, 'https');
  assert.match(other.lines, /\r\nX-Forwarded-Host: a:80\r\n$/);
});

test('what else a trusted proxy says goes on, lookalikes do not', () => {
  const head = withLines('X-Forwarded-Port: 443', 'X-Forwarded-User: x', 'X_Forwarded_User: root');
  const forwarding = trustedForwarding(head, '10.0.0.1', 'http', trusted);
  const sent = forwarded(head, forwarding);
  assert.ok(sent.includes('X-Forwarded-Port: 443') && sent.includes('X-Forwarded-User: x'));
  assert.ok(!sent.some((line) => line.includes('root')));
});

// RFC 7239.

test('forwardedLine() adds our element behind those of trusted proxies', () => {
  const cases: [string[], string][] = [
    [[], 'for=10.0.0.1;by=_proxy;host="a:80";proto=http'],
    [
      ['Forwarded: for=192.0.2.7;proto=https'],
      'for=192.0.2.7;proto=https, for=10.0.0.1;by=_proxy;host="a:80";proto=http',
    ],
    [
      ['X-Forwarded-For: 192.0.2.7, 2001:db8::7, who', 'X-Forwarded-Proto: https'],
      'for=192.0.2.7, for="[2001:db8::7]", for=unknown, for=10.0.0.1;by=_proxy;host="a:80";proto=http',
    ],
  ];
  for (const [lines, expected] of cases) {
    const head = withLines(...lines);
    const forwarding = trustedForwarding(head, '10.0.0.1', 'http', trusted);
    assert.equal(forwardedLine(head, forwarding, 'proxy'), `Forwarded: ${expected}\r\n`);
    const sent = forwarded(head, forwarding, { forwarded: true });
    assert.equal(sent.filter((line) => line.startsWith('Forwarded:')).length, 1);
  }
});

test('forwardedLine() believes nothing of a client', () => {
  const head = withLines('Forwarded: for=6.6.6.6', 'X-Forwarded-For: 6.6.6.6');
  const line = forwardedLine(head, directForwarding('2001:db8::1', 'https', 'a'), 'proxy');
  const expected = 'for="[2001:db8::1]";by=_proxy;host="a:80";proto=https';
  assert.equal(line, `Forwarded: ${expected}\r\n`);
});

test('forwardedElement() quotes what is no token', () => {
  const element = (host: string) => forwardedElement('192.0.2.1', 'http', host, 'p');
  assert.match(element('a.b-c'), /;host=a\.b-c;/);
  assert.match(element('[::1]:80'), /;host="\[::1\]:80";/);
  assert.match(element(''), /;host="";/);
});

test('forwardedNodes() reads elements from the right', () => {
  const cases: [string, string[]][] = [
    ['', []],
    ['for=a', ['a']],
    ['FOR=a;proto=x , proto=y;for="b" ,', ['a', 'b']],
    ['for="a\\"b"', ['a"b']],
    ['for="a', ['unknown']],
    ['for="a, for=b', ['unknown', 'b']],
    ['for=a, for="b\\\\", for=c', ['a', 'b\\', 'c']],
    ['for = a', ['unknown']],
    ['for', ['unknown']],
    ['by=x', ['unknown']],
  ];
  for (const [value, nodes] of cases) assert.deepEqual(forwardedNodes(value), nodes, value);
});

test('nodeAddress() takes addresses only, and gives their one form', () => {
  const cases: [string, string | null][] = [
    ['192.0.2.1', '192.0.2.1'],
    ['192.0.2.1:80', '192.0.2.1'],
    ['[::1]', '::1'],
    ['[::1]:80', '::1'],
    ['2001:DB8:0:0:0:0:0:1', '2001:db8::1'],
    ['::ffff:10.0.0.1', '10.0.0.1'],
    ['[::1', null],
    ['::1]', null],
    ['unknown', null],
    ['_hidden', null],
    ['', null],
    ['192.0.2', null],
    ['192.0.2.1:x', null],
    ['192.0.2.1.', null],
    ['1.2.3.4, 5.6.7.8', null],
  ];
  for (const [node, address] of cases) assert.equal(nodeAddress(node), address, node);
});

test('a long list costs no more than its length', () => {
  const started = performance.now();
  const list = Array.from({ length: 2000 }, () => '10.0.0.2').join(',');
  const head = withLines(`X-Forwarded-For: ${list}`);
  assert.equal(trustedForwarding(head, '10.0.0.1', 'http', trusted).clientIp, '10.0.0.2');
  const quoted = withLines(`Forwarded: ${'for="\\"'.repeat(3000)}`);
  trustedForwarding(quoted, '10.0.0.1', 'http', trusted);
  const options = withLines(`Connection: ${'a,'.repeat(8000)}b`, ...Array(90).fill('X-A: 1'));
  assert.deepEqual(options.nominated, new Set(['a', 'b']));
  const names = Array.from({ length: 5000 }, (_, index) => `n${index}`).join(',');
  forwarded(withLines(`Connection: ${names}`, ...Array(90).fill('X-A: 1')));
  assert.ok(performance.now() - started < 2000);
});

import { mutate, type Random } from './random.ts';

/** What mutation puts into messages. */
const words = [
  'Transfer-Encoding: chunked\r\n',
  'Transfer-Encoding: identity\r\n',
  'Content-Length: 5\r\n',
  'Content-Length: 0\r\n',
  'Host: a\r\n',
  'Connection: close\r\n',
  'Connection: keep-alive, Content-Length\r\n',
  'Expect: 100-continue\r\n',
  'Upgrade: h2c\r\n',
  '\r\n\r\n',
  '\n\n',
  '\r\n ',
  '0\r\n\r\n',
  '5\r\nhello\r\n',
  'GET / HTTP/1.1\r\nHost: a\r\n\r\n',
  ' HTTP/1.1\r\n',
  'chunked',
  ', ',
  '5',
];

const lineEnds = ['\n', '\r', '\r\r\n', '\r\n\r\n', ' \r\n', '\r\n ', '\t\r\n'];
const blanks = ['', '  ', '\t', ' \t ', '\x0b', '\xa0'];
const transferCodings = [
  'Chunked',
  'CHUNKED',
  'chunked, chunked',
  'gzip, chunked',
  'chunked, gzip',
  'identity',
  'xchunked',
  'chunked;q=1',
  '"chunked"',
  ' chunked',
  '\x0bchunked',
  'chunked\x0b',
  'chunked,',
  ',chunked',
  '',
];
const lengths = [
  '+5',
  '-5',
  '5,5',
  '5, 5',
  '5 5',
  '0x5',
  '05',
  '5.0',
  '',
  '1e1',
  '١',
  '4294967296',
];
const otherFields = [
  'Accept: */*',
  'User-Agent: fuzz/1.0 (like a client)',
  'Cookie: a=b; c=d',
  'X-Empty:',
  'X-Latin: \xe4\xf6\xfc',
  'Connection: keep-alive',
  'Connection: close',
  'Connection: upgrade, x-hop',
  'Connection: Host, Content-Length, Transfer-Encoding',
  'Keep-Alive: timeout=5',
  'X-Hop: 1',
  'TE: trailers',
  'Trailer: X-Sum',
  'Upgrade: websocket',
  'Upgrade: h2c',
  'Expect: 100-continue',
  'X-Forwarded-For: 6.6.6.6',
  'X_Forwarded_For: 6.6.6.6',
  'Forwarded: for=6.6.6.6',
  'Content_Length: 7',
  'Content-Type: text/plain',
  'Via: 1.1 x',
  'Proxy: http://evil.example',
];

function framing(random: Random): string[] {
  const length = random.mostly(`Content-Length: ${random.number(12)}`, 4, [
    `Content-Length: ${random.pick(lengths)}`,
    `content-length:${random.number(12)}`,
    'Content-Length : 5',
    'Content-Length: 5\r\nContent-Length: 5',
    'Content-Length: 5\r\nContent-Length: 6',
  ]);
  const coding = random.mostly('Transfer-Encoding: chunked', 4, [
    `Transfer-Encoding: ${random.pick(transferCodings)}`,
    'transfer-encoding:chunked',
    'Transfer-Encoding : chunked',
    'Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked',
    'Transfer_Encoding: chunked',
    ' Transfer-Encoding: chunked',
    'Transfer-Encoding:\r\n chunked',
    'X: y\rTransfer-Encoding: chunked',
    'X: y\nTransfer-Encoding: chunked',
  ]);
  switch (random.number(10)) {
    case 0:
      return [length, coding];
    case 1:
    case 2:
    case 3:
      return [length];
    case 4:
    case 5:
    case 6:
      return [coding];
    default:
      return [];
  }
}

function chunk(random: Random, size: number): string {
  const digits = random.mostly(size.toString(16), 6, [
    `0${size.toString(16)}`,
    size.toString(16).toUpperCase(),
    `0x${size.toString(16)}`,
    `${size} `,
    ` ${size}`,
    `+${size}`,
    `-${size}`,
    `${'0'.repeat(15)}${size.toString(16)}`,
    `1${'0'.repeat(15)}${size.toString(16)}`,
    'ffffffffffffffff',
    '',
  ]);
  const extension = random.mostly('', 5, [
    ';a',
    ';a=b',
    ';a="b;c"',
    ';a="b\r\n"',
    ';a="\\""',
    ' ;a=b',
    '; a = b',
    ';',
    ';a=b\n',
    ';a="',
    ';\x80',
  ]);
  const end = random.mostly('\r\n', 12, lineEnds);
  const data = 'x'.repeat(size);
  const dataEnd =
    size === 0 ? '' : random.mostly('\r\n', 12, ['', '\n', '\r', ' \r\n', '\r\n\r\n']);
  return digits + extension + end + data + dataEnd;
}

function chunked(random: Random): string {
  let text = '';
  for (let count = random.number(3); count > 0; count--)
    text += chunk(random, 1 + random.number(20));
  text += chunk(random, 0);
  if (random.oneIn(4)) {
    text += random.pick([
      'X-Sum: 1',
      'X-Sum:',
      'Content-Length: 5',
      'Host: b',
      'X-Sum : 1',
      ' a: b',
    ]);
    text += random.mostly('\r\n', 8, lineEnds);
  }
  return text + random.mostly('\r\n', 12, ['\n', '', '\r']);
}

function body(random: Random, head: string): string {
  const length = /content-length *: *0*(\d{1,3})/i.exec(head)?.[1];
  if (/chunked/i.test(head) ? !random.oneIn(10) : random.oneIn(20)) return chunked(random);
  const size = length === undefined ? 0 : Number(length);
  return 'b'.repeat(random.mostly(size, 10, [0, size + 1, size + 9, Math.max(0, size - 1)]));
}

function fields(random: Random, first: readonly string[]): string {
  const lines = [...first, ...framing(random)];
  for (let count = random.number(4); count > 0; count--) {
    const other = random.pick(otherFields);
    lines.splice(random.number(lines.length + 1), 0, other);
  }
  return lines
    .map((line) => {
      const spaced = random.oneIn(15) ? line.replace(': ', `:${random.pick(blanks)}`) : line;
      return spaced + random.mostly('\r\n', 60, lineEnds);
    })
    .join('');
}

/** One to three requests, most of them nearly right. */
export function generateRequests(random: Random): string {
  let text = random.mostly('', 20, ['\r\n', '\r\n\r\n', '\n', '\r', ' ']);
  for (let count = 1 + random.number(3); count > 0; count--) {
    const method = random.mostly(random.pick(['GET', 'POST', 'PUT', 'HEAD', 'DELETE']), 12, [
      'OPTIONS',
      'CONNECT',
      'PATCH',
      'get',
      'G(T',
      '',
      'PRI',
    ]);
    const target = random.mostly(random.pick(['/', '/a?b=c', '/a/../b', '/%61']), 8, [
      '*',
      'http://a/x',
      'http://b/',
      'HTTP://A',
      'a:80',
      '/a#b',
      '/\x80',
      '//a',
      '',
      'ftp://a/',
      '/a b',
    ]);
    const version = random.mostly('HTTP/1.1', 12, [
      'HTTP/1.0',
      'HTTP/1.2',
      'HTTP/2.0',
      'HTTP/0.9',
      'http/1.1',
      'HTTP/1.1 ',
      'HTTP/01.1',
      '',
    ]);
    const host = random.mostly(['Host: a'], 10, [
      [],
      ['Host: a', 'Host: a'],
      ['Host: b'],
      ['host:A:80'],
      ['Host: a, b'],
      ['Host: u@a'],
      ['Host:'],
    ]);
    const line = `${method} ${target} ${version}${random.mostly('\r\n', 40, lineEnds)}`;
    const head = `${line}${fields(random, host)}${random.mostly('\r\n', 40, ['\n', '', '\r'])}`;
    text += head + body(random, head);
  }
  return random.oneIn(3) ? mutate(random, text, words) : text;
}

/** A response, often with 1xx before it, most of them nearly right. */
export function generateResponse(random: Random): string {
  let text = '';
  for (let count = random.mostly(0, 5, [1, 2]); count > 0; count--) {
    text += `HTTP/1.1 ${random.pick([100, 102, 103])} Wait\r\n${random.mostly('', 3, [
      'Link: </a>; rel=preload\r\n',
      'Content-Length: 5\r\n',
      'Transfer-Encoding: chunked\r\n',
    ])}\r\n`;
  }
  const version = random.mostly('HTTP/1.1', 8, [
    'HTTP/1.0',
    'HTTP/1.2',
    'HTTP/2.0',
    'ICY',
    'http/1.1',
  ]);
  const status = random.mostly(random.pick(['200', '404', '500']), 4, [
    ...['204', '205', '304', '101', '199', '999', '099', '20', '2000', '', '+20', '301'],
  ]);
  const reason = random.mostly(' OK', 5, ['', ' ', ' \xe4', '\tOK', ' a\0b', ' a\rb', '  OK ']);
  const line = `${version} ${status}${reason}${random.mostly('\r\n', 40, lineEnds)}`;
  const head = `${line}${fields(random, ['Server: x'])}${random.mostly('\r\n', 40, ['\n', '', '\r'])}`;
  text += head + body(random, head);
  return random.oneIn(3) ? mutate(random, text, words) : text;
}

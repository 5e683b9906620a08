import { refuses } from '../suites/hostile.ts';

const start = 'GET / HTTP/1.1\r\nHost: a\r\n';

/** A folded line (RFC 9112 §5.2) is the value's rest for some, and a field of its own for others. */
refuses('a folded line', [
  { bytes: `${start}X: a\r\n b\r\n\r\n`, why: 'by a space' },
  { bytes: `${start}X: a\r\n\tb\r\n\r\n`, why: 'by a tab' },
  { bytes: `${start}X: a\r\n \r\n\r\n`, why: 'with nothing on it' },
  { bytes: `${start}X: a\r\n \r\n`, why: 'that looks like the empty line' },
  { bytes: `${start}X:\r\n a\r\n\r\n`, why: 'of an empty value' },
  { bytes: `${start}X: a\r\n Transfer-Encoding: chunked\r\n\r\n`, why: 'that is a field for some' },
  { bytes: `${start}Content-Length:\r\n 5\r\n\r\nhello`, why: 'with the length on it' },
  { bytes: `GET / HTTP/1.1\r\n Host: a\r\n\r\n`, why: 'as the first one' },
  { bytes: `GET / HTTP/1.1\r\n X: a\r\nHost: a\r\n\r\n`, why: 'before the first field' },
  { bytes: `GET / HTTP/1.1\r\nHost: a\r\n .evil\r\n\r\n`, why: 'that makes the Host longer' },
]);

import { refuses, smuggled } from '../suites/hostile.ts';

const line = 'GET / HTTP/1.1';

/** Who takes a bare CR or LF for a line end sees other fields, or another request. */
refuses('a bare CR or LF in a head', [
  { bytes: `${line}\nHost: a\n\n`, why: 'LF everywhere' },
  { bytes: `${line}\rHost: a\r\r`, why: 'CR everywhere' },
  { bytes: `${line}\nHost: a\r\n\r\n`, why: 'LF behind the request line' },
  { bytes: `${line}\r\nHost: a\n\r\n`, why: 'LF behind a field' },
  { bytes: `${line}\r\nHost: a\r\n\n`, why: 'LF for the empty line' },
  { bytes: `${line}\r\nHost: a\n\n${smuggled}`, why: 'LF LF ends the head for some' },
  { bytes: `${line}\r\nHost: a\r\nX: b\nContent-Length: 50\r\n\r\n`, why: 'a field behind LF' },
  { bytes: `${line}\r\nHost: a\r\nX: b\rContent-Length: 50\r\n\r\n`, why: 'a field behind CR' },
  { bytes: `${line}\r\nHost: a\r\nX: b\r\r\nY: c\r\n\r\n`, why: 'CR CR LF' },
  { bytes: `${line}\r\nHost: a\r\nX: b\n\r\nY: c\r\n\r\n`, why: 'LF CR LF' },
  { bytes: `${line}\r\nHost: a\r\nX\n: b\r\n\r\n`, why: 'LF in a name' },
  { bytes: `${line}\r\nHost: a\r\n\rX: b\r\n\r\n`, why: 'CR before a name' },
  { bytes: `${line}\r\r\nHost: a\r\n\r\n`, why: 'CR CR LF behind the request line' },
  { bytes: `${line}\r\nHost: a\r\n\r\r\n`, why: 'CR CR LF for the empty line' },
  { bytes: `GET /\n HTTP/1.1\r\nHost: a\r\n\r\n`, why: 'LF behind the target' },
  { bytes: `GET /\r\nX: HTTP/1.1\r\nHost: a\r\n\r\n`, why: 'a line end behind the target' },
  { bytes: `GET /a\rb HTTP/1.1\r\nHost: a\r\n\r\n`, why: 'CR in the target' },
  { bytes: `\n${line}\r\nHost: a\r\n\r\n`, why: 'LF before the request' },
  { bytes: `\r${line}\r\nHost: a\r\n\r\n`, why: 'CR before the request' },
  { bytes: `\r\n\n${line}\r\nHost: a\r\n\r\n`, why: 'CR LF LF before the request' },
]);

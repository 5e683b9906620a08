import { postWith, refuses, smuggled } from '../suites/hostile.ts';

const size = smuggled.length.toString(16);

/** One server believes the length, the other one the chunks: CL.TE and TE.CL. */
refuses('Content-Length with Transfer-Encoding', [
  {
    bytes: `${postWith(`Content-Length: ${5 + smuggled.length}`, 'Transfer-Encoding: chunked')}0\r\n\r\n${smuggled}`,
    why: 'CL.TE: who believes the chunks sees a second request',
  },
  {
    bytes: `${postWith('Content-Length: 4', 'Transfer-Encoding: chunked')}${size}\r\n${smuggled}\r\n0\r\n\r\n`,
    why: 'TE.CL: who believes the length sees a second request',
  },
  {
    bytes: `${postWith('Transfer-Encoding: chunked', 'Content-Length: 0')}0\r\n\r\n${smuggled}`,
    why: 'CL.0: who ignores the body sees a second request',
  },
  {
    bytes: `${postWith('Transfer-Encoding: chunked', 'Content-Length: 5')}0\r\n\r\n`,
    why: 'both say the same',
  },
  {
    bytes: `${postWith('Transfer-Encoding: identity', 'Content-Length: 5')}hello${smuggled}`,
    why: 'with a coding that says nothing',
  },
  {
    bytes: `${postWith('Content-Length: 5', 'Transfer-Encoding:')}hello`,
    why: 'with an empty coding',
  },
  {
    bytes: `POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n`,
    why: 'in HTTP/1.0, which has no codings',
  },
  {
    bytes: `GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n${smuggled}`,
    why: 'with a GET',
  },
]);

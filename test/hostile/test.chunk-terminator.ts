import { chunkedHead, refusesBody, smuggled } from '../suites/hostile.ts';

/** Two servers see another end of a line or of the body. */
refusesBody('odd line ends in a chunked body', [
  { bytes: `${chunkedHead}5\nhello\r\n0\r\n\r\n`, why: 'bare LF behind a size' },
  { bytes: `${chunkedHead}5\rhello\r\n0\r\n\r\n`, why: 'bare CR behind a size' },
  { bytes: `${chunkedHead}5\r\r\nhello\r\n0\r\n\r\n`, why: 'CR CR LF behind a size' },
  { bytes: `${chunkedHead}5\n\rhello\r\n0\r\n\r\n`, why: 'LF CR behind a size' },
  { bytes: `${chunkedHead}5\r\nhello\n0\r\n\r\n`, why: 'bare LF behind data' },
  { bytes: `${chunkedHead}5\r\nhello\r0\r\n\r\n`, why: 'bare CR behind data' },
  { bytes: `${chunkedHead}5\r\nhello0\r\n\r\n`, why: 'nothing behind data' },
  { bytes: `${chunkedHead}5\r\nhelloXX0\r\n\r\n`, why: 'two other bytes behind data' },
  { bytes: `${chunkedHead}5\r\nhello\r\n\r\n0\r\n\r\n`, why: 'an empty line between chunks' },
  { bytes: `${chunkedHead}\r\n5\r\nhello\r\n0\r\n\r\n`, why: 'an empty line before the first' },
  { bytes: `${chunkedHead}0\n\n${smuggled}`, why: 'bare LFs at the end' },
  { bytes: `${chunkedHead}0\r\n\n${smuggled}`, why: 'bare LF for the empty line' },
  { bytes: `${chunkedHead}0\n\r\n${smuggled}`, why: 'bare LF behind the last size' },
  { bytes: `${chunkedHead}0\r\r${smuggled}`, why: 'bare CRs at the end' },
  { bytes: `${chunkedHead}0\r\n${smuggled}`, why: 'a request where trailers stand' },
]);

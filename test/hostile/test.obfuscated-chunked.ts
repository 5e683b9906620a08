import { postWith, refuses, smuggled } from '../suites/hostile.ts';

const body = `0\r\n\r\n${smuggled}`;

/** TE.TE: one of two servers does not recognise the coding. Each one goes with a length and without. */
const lines = [
  ['Transfer-Encoding: xchunked', 'a prefix'],
  ['Transfer-Encoding: chunkedx', 'a suffix'],
  ['Transfer-Encoding : chunked', 'a space before the colon'],
  ['Transfer-Encoding\t: chunked', 'a tab before the colon'],
  ['Transfer-Encoding\x0b: chunked', 'a vertical tab before the colon'],
  ['Transfer-Encoding\0: chunked', 'NUL before the colon'],
  ['Transfer-Encoding:\tchunked', 'a tab behind the colon'],
  ['Transfer-Encoding: chunked\t', 'a tab at the end'],
  ['Transfer-Encoding: \x0bchunked', 'a vertical tab before the value'],
  ['Transfer-Encoding: \x0cchunked', 'a form feed before the value'],
  ['Transfer-Encoding: \0chunked', 'NUL before the value'],
  ['Transfer-Encoding: chunked\0', 'NUL behind the value'],
  ['Transfer-Encoding: \xa0chunked', 'a no-break space'],
  ['Transfer-Encoding: \xffchunked', 'a byte outside of ASCII'],
  ['Transfer-Encoding: chunke\xe4', 'a letter outside of ASCII'],
  ['Transfer-Encoding: chun\x7fked', 'DEL'],
  ['Transfer-Encoding: "chunked"', 'quotes'],
  ["Transfer-Encoding: 'chunked'", 'single quotes'],
  ['Transfer-Encoding: chunked;', 'a semicolon'],
  ['Transfer-Encoding: chunked;q=0', 'a weight'],
  ['Transfer-Encoding: chunked,', 'an empty element behind'],
  ['Transfer-Encoding: ,chunked', 'an empty element before'],
  ['Transfer-Encoding: chunked, identity', 'identity behind'],
  ['Transfer-Encoding: identity, chunked', 'identity before'],
  ['Transfer-Encoding: gzip, chunked', 'a coding before'],
  ['Transfer-Encoding: chunked, cow', 'an unknown coding behind'],
  ['Transfer-Encoding: chunked chunked', 'twice without a comma'],
  ['Transfer-Encoding: chu nked', 'a space within'],
  ['Transfer-Encoding: chunked\r\nTransfer-Encoding: cow', 'an unknown coding in a second line'],
  ['Transfer-Encoding: cow\r\nTransfer-Encoding: chunked', 'an unknown coding in a first line'],
  ['Transfer-encoding: identity\r\nTransfer-Encoding: chunked', 'identity in a first line'],
  ['Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked', 'two lines'],
  ['Transfer-Encoding:\r\n chunked', 'a folded line'],
  ['Transfer-Encoding: chunked\r\n ', 'a folded line behind it'],
  [' Transfer-Encoding: chunked', 'a line that begins with a space'],
  ['\tTransfer-Encoding: chunked', 'a line that begins with a tab'],
  ['X: y\nTransfer-Encoding: chunked', 'behind a bare LF'],
  ['X: y\rTransfer-Encoding: chunked', 'behind a bare CR'],
  ['X: y\0\r\nTransfer-Encoding: chunked', 'behind NUL'],
  ['Transfer-Encoding: chunked\n', 'before a bare LF'],
  ['Transfer-Encoding: chunked\r', 'before a bare CR'],
  ['Transfer\xadEncoding: chunked', 'a soft hyphen'],
  ['Transfer-Encod\xef: chunked', 'a letter outside of ASCII in the name'],
  ['(Transfer-Encoding: chunked', 'a delimiter in the name'],
  [': chunked\r\nTransfer-Encoding: chunked', 'behind a line without a name'],
] as const;

refuses(
  'obfuscated Transfer-Encoding',
  lines.flatMap(([line, why]) => [
    { bytes: postWith(line) + body, why },
    {
      bytes: postWith(line, `Content-Length: ${body.length}`) + body,
      why: `${why}, with a length`,
    },
  ]),
);

import { chunkedHead, refusesBody, smuggled } from '../suites/hostile.ts';

/** Two servers read another size: what is left of the chunk becomes a request. */
const sizes = [
  ['-5', 'a minus'],
  ['+5', 'a plus'],
  ['0x5', 'a prefix'],
  ['x5', 'half a prefix'],
  [' 5', 'a space before'],
  ['5 ', 'a space behind'],
  ['5\t', 'a tab behind'],
  ['5\x0b', 'a vertical tab behind'],
  ['5\0', 'NUL behind'],
  ['5 0', 'a space within'],
  ['5_0', 'an underscore'],
  ['5,0', 'a comma'],
  ['"5"', 'quotes'],
  ['', 'no size'],
  [';a=b', 'an extension without a size'],
  ['g', 'no digit'],
  ['\xb5', 'no digit of ASCII'],
  ['ffffffffffffffff', '-1 in 64 bits'],
  ['8000000000000005', 'negative in 64 bits'],
  ['10000000000000005', '5 in 64 bits'],
  ['20000000000000', 'no exact number'],
  ['0000000000000000000000000000005', 'very many zeros'],
];

refusesBody(
  'odd chunk size',
  sizes.map(([size, why = '']) => ({
    bytes: `${chunkedHead}${size}\r\nhello\r\n0\r\n\r\n${smuggled}`,
    why,
  })),
);

refusesBody('more data than the chunk size says', [
  { bytes: `${chunkedHead}5\r\nhello!\r\n0\r\n\r\n`, why: 'one byte' },
  { bytes: `${chunkedHead}0\r\nhello\r\n0\r\n\r\n`, why: 'behind the last chunk' },
  { bytes: `${chunkedHead}5\r\nhello${smuggled}`, why: 'a request' },
  { bytes: `${chunkedHead}5\r\nhello\r\n${smuggled}`, why: 'a request for the next size' },
]);

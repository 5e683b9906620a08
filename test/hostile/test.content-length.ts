import assert from 'node:assert/strict';
import { test } from 'node:test';
import { passes, postWith, refuses, smuggled, startRecorder } from '../suites/hostile.ts';

/** Two servers read another number: what is left of the body becomes a request. */
const lengths = [
  ['Content-Length: 0\r\nContent-Length: 5', 'two lengths'],
  ['Content-Length: 5\r\nContent-Length: 5', 'a length twice'],
  ['Content-Length: 5\r\ncontent-length: 0', 'in another case'],
  ['Content-Length: 0, 5', 'a list'],
  ['Content-Length: 5, 5', 'a list of the same'],
  ['Content-Length: 5,', 'a list with an empty element'],
  ['Content-Length: +5', 'a plus'],
  ['Content-Length: -0', 'a minus'],
  ['Content-Length: 0x5', 'hexadecimal'],
  ['Content-Length: 5 0', 'a space within'],
  ['Content-Length: 5\t0', 'a tab within'],
  ['Content-Length: 5;', 'a semicolon'],
  ['Content-Length: 5.', 'a dot'],
  ['Content-Length: 5e0', 'an exponent'],
  ['Content-Length: 1_0', 'an underscore'],
  ['Content-Length: "5"', 'quotes'],
  ['Content-Length:', 'no digit'],
  ['Content-Length: ', 'a space'],
  ['Content-Length: \xb5', 'no digit of ASCII'],
  ['Content-Length: 5\0', 'NUL'],
  ['Content-Length: \x0b5', 'a vertical tab'],
  ['Content-Length: 18446744073709551621', '5 in 64 bits'],
  ['Content-Length: 9223372036854775808', 'negative in 64 bits'],
  ['Content-Length: 9007199254740992', 'no exact number'],
  ['Content-Length: 00000000000000000005', 'twenty digits'],
  ['Content-Length : 5', 'a space before the colon'],
  ['Content-Length:\r\n 5', 'a folded line'],
  [' Content-Length: 5', 'a line that begins with a space'],
  ['X: y\nContent-Length: 5', 'behind a bare LF'],
];

refuses(
  'odd Content-Length',
  lengths.map(([line = '', why = '']) => ({ bytes: `${postWith(line)}hello${smuggled}`, why })),
);

test('leading zeros and blanks are read, and written anew', async (t) => {
  const recorder = await startRecorder(t);
  const bytes = `${postWith('Content-Length: \t 00000005 \t')}hello`;
  const [request] = await passes(recorder, bytes, ['/attack']);
  assert.equal(request?.head.get('content-length'), '5');
  assert.match(recorder.received(), /\r\nContent-Length: 5\r\n/);
});

test('an underscore makes another name, which is not forwarded', async (t) => {
  const recorder = await startRecorder(t);
  await passes(recorder, postWith('Content_Length: 50', 'Content-Length: 0'), ['/attack']);
  assert.doesNotMatch(recorder.received(), /content_length/i);
});

test('a body without a length is the next request', async (t) => {
  const recorder = await startRecorder(t);
  await passes(recorder, postWith() + smuggled, ['/attack', '/smuggled']);
});

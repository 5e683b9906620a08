import assert from 'node:assert/strict';
import { test } from 'node:test';
import { get } from '../suites/engine.ts';
import { passes, refuses, startRecorder } from '../suites/hostile.ts';

const start = 'GET / HTTP/1.1\r\nHost: a\r\n';
const odd = ' \t"(),/;<=>?@[\\]{}\x80\xa0\xad\xe4\xff';

refuses('a field name that is no token', [
  ...Array.from(odd, (mark) => ({
    bytes: `${start}X${mark}Y: a\r\n\r\n`,
    why: `${JSON.stringify(mark)} in it`,
  })),
  { bytes: `${start}X : a\r\n\r\n`, why: 'a space before the colon' },
  { bytes: `${start}X\t: a\r\n\r\n`, why: 'a tab before the colon' },
  { bytes: `${start}: a\r\n\r\n`, why: 'no name' },
  { bytes: `${start}:\r\n\r\n`, why: 'a colon only' },
  { bytes: `${start}X\r\n\r\n`, why: 'no colon' },
  { bytes: `${start}"X": a\r\n\r\n`, why: 'quotes' },
  { bytes: `${start}\xef\xbb\xbfX: a\r\n\r\n`, why: 'a byte order mark' },
]);

test('names of all marks that a token may have go through as they are', async (t) => {
  const recorder = await startRecorder(t);
  const name = "X!#$%&'*+-.^_`|~09azAZ";
  const [request] = await passes(recorder, get('/a', `${name}: yes\r\n`), ['/a']);
  assert.ok(request?.head.text.includes(`${name}: yes`));
});

test('a colon behind the first one belongs to the value', async (t) => {
  const recorder = await startRecorder(t);
  const [request] = await passes(recorder, get('/a', 'X:: a: b\r\n'), ['/a']);
  assert.equal(request?.head.get('x'), ': a: b');
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { chunkedHead, passes, refusesBody, smuggled, startRecorder } from '../suites/hostile.ts';

const rest = `\r\nhello\r\n0\r\n\r\n${smuggled}`;

/** Who skips extensions carelessly ends the line elsewhere (CVE-2025-55315, TERM.EXT, EXT.TERM). */
refusesBody('a line end that hides in a chunk extension', [
  { bytes: `${chunkedHead}5;a\nhello\r\n0\r\n\r\n${smuggled}`, why: 'bare LF' },
  { bytes: `${chunkedHead}5;a\rb${rest}`, why: 'bare CR' },
  { bytes: `${chunkedHead}5;\r\r${rest}`, why: 'CR CR LF' },
  { bytes: `${chunkedHead}5;a="b\nc"${rest}`, why: 'bare LF in quotes' },
  { bytes: `${chunkedHead}5;a="b\r\nc"${rest}`, why: 'CR LF in quotes' },
  { bytes: `${chunkedHead}5;a="${rest}`, why: 'quotes that stay open' },
  { bytes: `${chunkedHead}5;a="\\"${rest}`, why: 'quotes that only seem to close' },
  { bytes: `${chunkedHead}5;a\0${rest}`, why: 'NUL' },
  { bytes: `${chunkedHead}5;a\x7f${rest}`, why: 'DEL' },
  { bytes: `${chunkedHead}5 ;a${rest}`, why: 'a space before the semicolon' },
  { bytes: `${chunkedHead}5\t;a${rest}`, why: 'a tab before the semicolon' },
  { bytes: `${chunkedHead}5,a${rest}`, why: 'a comma for the semicolon' },
  { bytes: `${chunkedHead}5;${'a'.repeat(20_000)}${rest}`, why: 'an endless extension' },
  { bytes: `${chunkedHead}${`1;${'a'.repeat(3000)}\r\nx\r\n`.repeat(10)}`, why: 'many long ones' },
]);

test('extensions are not forwarded', async (t) => {
  const recorder = await startRecorder(t);
  const bytes = `${chunkedHead}2;a="b;c\\"";d\r\nhe\r\n3;${'x'.repeat(1000)}\r\nllo\r\n0;e=f\r\n\r\n`;
  const [request] = await passes(recorder, bytes, ['/attack']);
  assert.equal(request?.body.toString(), 'hello');
  assert.doesNotMatch(recorder.received(), /;/);
});

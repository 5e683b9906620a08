import assert from 'node:assert/strict';
import { test } from 'node:test';
import { chunkedHead, passes, refusesBody, smuggled, startRecorder } from '../suites/hostile.ts';

refusesBody('a trailer section that is none', [
  { bytes: `${chunkedHead}0\r\nX: 1\n\n${smuggled}`, why: 'bare LF' },
  { bytes: `${chunkedHead}0\r\nX: 1\r\r\n${smuggled}`, why: 'CR CR LF' },
  { bytes: `${chunkedHead}0\r\nX: 1\rY: 2\r\n\r\n`, why: 'bare CR' },
  { bytes: `${chunkedHead}0\r\nX : 1\r\n\r\n`, why: 'a space before the colon' },
  { bytes: `${chunkedHead}0\r\nX: 1\r\n 2\r\n\r\n`, why: 'a folded line' },
  { bytes: `${chunkedHead}0\r\n X: 1\r\n\r\n`, why: 'a line that begins with a space' },
  { bytes: `${chunkedHead}0\r\nX\r\n\r\n`, why: 'no colon' },
  { bytes: `${chunkedHead}0\r\nX: \0\r\n\r\n`, why: 'NUL' },
  { bytes: `${chunkedHead}0\r\nX\xe4: 1\r\n\r\n`, why: 'a name outside of ASCII' },
  { bytes: `${chunkedHead}0\r\n${'X: 1\r\n'.repeat(65)}\r\n`, why: 'too many' },
  { bytes: `${chunkedHead}0\r\nX: ${'a'.repeat(20_000)}\r\n\r\n`, why: 'too long' },
]);

test('trailers cannot become what decides about a request', async (t) => {
  const recorder = await startRecorder(t);
  const names = [
    ...['Host', 'Content-Length', 'Transfer-Encoding', 'Connection', 'Upgrade', 'TE', 'Trailer'],
    ...['Authorization', 'Cookie', 'Set-Cookie', 'Content-Type', 'Content-Encoding', 'Expect'],
    ...[
      'X-Forwarded-For',
      'X_Forwarded_For',
      'X-Real-IP',
      'Forwarded',
      'Via',
      'Proxy-Authorization',
    ],
    ...['Cache-Control', 'Range', 'If-Match', 'Host', 'Content_Length'],
  ];
  const trailers = names.map((name) => `${name}: evil\r\n`).join('');
  const bytes = `${chunkedHead}2\r\nhi\r\n0\r\n${trailers}X-Sum: 1\r\n\r\n`;
  const [request] = await passes(recorder, bytes, ['/attack']);
  assert.equal(request?.body.toString(), 'hi');
  assert.equal(request?.trailers, 'X-Sum: 1\r\n');
  assert.doesNotMatch(recorder.received(), /evil/);
});

test('bytes that come one by one in trailers are understood all the same', async (t) => {
  const recorder = await startRecorder(t);
  const client = await recorder.proxy.dial();
  for (const byte of `${chunkedHead}1;a\r\nx\r\n0\r\nX-Sum: 1\r\nY: 2\r\n\r\n`)
    await client.send(byte);
  assert.equal((await client.readResponse()).body.toString(), '/attack');
  assert.equal(recorder.requests[0]?.trailers, 'X-Sum: 1\r\nY: 2\r\n');
});

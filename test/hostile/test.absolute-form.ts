import assert from 'node:assert/strict';
import { test } from 'node:test';
import { passes, refuses, startRecorder } from '../suites/hostile.ts';

/** One server routes by the target, the next one by Host. */
refuses('an absolute form that disagrees with Host', [
  { bytes: 'GET http://a/ HTTP/1.1\r\nHost: b\r\n\r\n', why: 'another host' },
  { bytes: 'GET http://a:81/ HTTP/1.1\r\nHost: a\r\n\r\n', why: 'another port' },
  { bytes: 'GET http://a/ HTTP/1.1\r\nHost: a:81\r\n\r\n', why: 'a port in Host only' },
  { bytes: 'GET https://a:80/ HTTP/1.1\r\nHost: a\r\n\r\n', why: 'the port of another scheme' },
  { bytes: 'GET http://a./ HTTP/1.1\r\nHost: a\r\n\r\n', why: 'a dot at the end' },
  { bytes: 'GET http://a/ HTTP/1.1\r\n\r\n', why: 'no Host' },
  { bytes: 'GET http://a/ HTTP/1.1\r\nHost:\r\n\r\n', why: 'an empty Host' },
  { bytes: 'GET http:// HTTP/1.1\r\nHost: a\r\n\r\n', why: 'no authority' },
  { bytes: 'GET http:///x HTTP/1.1\r\nHost: a\r\n\r\n', why: 'an empty authority' },
  { bytes: 'GET http://u@a/ HTTP/1.1\r\nHost: a\r\n\r\n', why: 'a user' },
  { bytes: 'GET http://a@b/ HTTP/1.1\r\nHost: b\r\n\r\n', why: 'a user that looks like a host' },
  { bytes: 'GET http://b\\@a/ HTTP/1.1\r\nHost: a\r\n\r\n', why: 'a backslash' },
  { bytes: 'GET http://a%2eb/ HTTP/1.1\r\nHost: a.b\r\n\r\n', why: 'an encoded dot' },
  { bytes: 'GET ws://a/ HTTP/1.1\r\nHost: a\r\n\r\n', why: 'another scheme' },
  { bytes: 'GET file:///etc/passwd HTTP/1.1\r\nHost: a\r\n\r\n', why: 'a file' },
  { bytes: 'GET gopher://a/ HTTP/1.1\r\nHost: a\r\n\r\n', why: 'gopher' },
  { bytes: 'GET a HTTP/1.1\r\nHost: a\r\n\r\n', why: 'no form at all' },
  { bytes: 'GET @a/ HTTP/1.1\r\nHost: a\r\n\r\n', why: 'an @' },
  { bytes: 'GET a:80 HTTP/1.1\r\nHost: a:80\r\n\r\n', why: 'the form of CONNECT' },
  { bytes: 'POST * HTTP/1.1\r\nHost: a\r\n\r\n', why: 'the form of OPTIONS' },
]);

test('the backend gets the origin form and the same host', async (t) => {
  const recorder = await startRecorder(t);
  const bytes = 'GET HTTP://A:80?q HTTP/1.1\r\nHost: a\r\n\r\n';
  const [request] = await passes(recorder, bytes, ['/?q']);
  assert.equal(request?.head.line, 'GET /?q HTTP/1.1');
  assert.equal(request?.head.get('host'), 'A:80');
  assert.equal(request?.head.get('x-forwarded-host'), 'A:80');
});

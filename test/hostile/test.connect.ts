import assert from 'node:assert/strict';
import { test } from 'node:test';
import { get } from '../suites/engine.ts';
import { assertServes, refuses, smuggled, startRecorder } from '../suites/hostile.ts';

refuses('CONNECT that is none', [
  { bytes: 'CONNECT / HTTP/1.1\r\nHost: a\r\n\r\n', why: 'with a path' },
  { bytes: 'CONNECT http://a/ HTTP/1.1\r\nHost: a\r\n\r\n', why: 'with a URL' },
  { bytes: 'CONNECT a HTTP/1.1\r\nHost: a\r\n\r\n', why: 'without a port' },
  { bytes: 'CONNECT a:80 HTTP/1.1\r\nHost: b:80\r\n\r\n', why: 'with another Host' },
  { bytes: 'CONNECT u@a:80 HTTP/1.1\r\nHost: a:80\r\n\r\n', why: 'with a user' },
  { bytes: 'CONNECT a:80 HTTP/1.1\r\n\r\n', why: 'without Host' },
  {
    bytes: 'CONNECT a:80 HTTP/1.1\r\nHost: a:80\r\nContent-Length: 5\r\n\r\nhello',
    why: 'with a body',
  },
  {
    bytes: 'CONNECT a:80 HTTP/1.1\r\nHost: a:80\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
    why: 'with chunks',
  },
]);

test('CONNECT opens no tunnel that the route does not allow', async (t) => {
  const recorder = await startRecorder(t);
  const client = await recorder.proxy.dial();
  client.write('CONNECT 169.254.169.254:80 HTTP/1.1\r\nHost: 169.254.169.254:80\r\n\r\n');
  assert.equal((await client.readResponse()).head.status, 405);
  assert.equal(recorder.received(), '');
  await assertServes(recorder);
});

test('CONNECT that a route allows goes to its backend, wherever it points', async (t) => {
  const recorder = await startRecorder(t, { route: { allowConnect: true } }, ({ head }) =>
    head.method === 'CONNECT'
      ? 'HTTP/1.1 403 No\r\nContent-Length: 2\r\n\r\nno'
      : 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok',
  );
  const client = await recorder.proxy.dial();
  client.write(
    `CONNECT 169.254.169.254:80 HTTP/1.1\r\nHost: 169.254.169.254:80\r\n\r\n${smuggled}`,
  );
  assert.equal((await client.readResponse()).body.toString(), 'no');
  assert.match(recorder.received(), /^CONNECT 169\.254\.169\.254:80 HTTP\/1\.1\r\n/);
  // A refused CONNECT leaves a connection for requests, which the routes see.
  assert.equal((await client.readResponse()).body.toString(), 'ok');
  client.write(get('/next'));
  assert.equal((await client.readResponse()).body.toString(), 'ok');
});

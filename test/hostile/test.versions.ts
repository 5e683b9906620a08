import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assertRefused, assertServes, refuses, startRecorder } from '../suites/hostile.ts';

const preface = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0';

refuses('another version of HTTP', [
  { bytes: 'GET /\r\n', why: '0.9, which has none' },
  { bytes: 'GET / \r\n\r\n', why: '0.9 with a space' },
  { bytes: 'GET /\r\nHost: a\r\n\r\n', why: '0.9 with fields' },
  { bytes: 'GET / HTTP/0.9\r\nHost: a\r\n\r\n', status: 505, why: '0.9 by name' },
  { bytes: 'GET / HTTP/2.0\r\nHost: a\r\n\r\n', status: 505, why: '2.0' },
  { bytes: 'GET / HTTP/3.0\r\nHost: a\r\n\r\n', status: 505, why: '3.0' },
  { bytes: preface, status: 505, why: 'the preface of HTTP/2' },
  { bytes: `\r\n${preface}`, status: 505, why: 'the preface behind an empty line' },
  { bytes: 'PRI * HTTP/1.1\r\nHost: a\r\n\r\n', why: 'the preface as HTTP/1.1' },
  { bytes: 'GET / HTTP/1\r\nHost: a\r\n\r\n', why: 'half of it' },
  { bytes: 'GET / HTTP/1.1.1\r\nHost: a\r\n\r\n', why: 'more of it' },
  { bytes: 'GET / HTTP/11\r\nHost: a\r\n\r\n', why: 'no dot' },
  { bytes: 'GET / HTTP/1.x\r\nHost: a\r\n\r\n', why: 'no digit' },
  { bytes: 'GET / HTTP/ 1.1\r\nHost: a\r\n\r\n', why: 'a space within' },
  { bytes: 'GET / http/1.1\r\nHost: a\r\n\r\n', why: 'small letters' },
  { bytes: 'GET / ICY/1.1\r\nHost: a\r\n\r\n', why: 'another protocol' },
  { bytes: 'EHLO a\r\n', why: 'mail' },
  { bytes: '\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03', why: 'a TLS hello' },
  { bytes: 'SSH-2.0-x\r\n', why: 'SSH' },
  { bytes: '\x05\x01\0', why: 'SOCKS' },
  { bytes: 'PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\n', why: 'the PROXY protocol' },
]);

refuses('Transfer-Encoding in HTTP/1.0', [
  {
    bytes: 'POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
    why: 'a body that ends elsewhere for others',
  },
  {
    bytes:
      'POST / HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
    why: 'on a connection that stays',
  },
]);

test('HTTP/1.0 closes behind its answer: what follows is no request', async (t) => {
  const recorder = await startRecorder(t);
  const client = await recorder.proxy.dial();
  client.write('GET /a HTTP/1.0\r\nHost: a\r\n\r\nGET /b HTTP/1.1\r\nHost: a\r\n\r\n');
  const { head, body } = await client.readResponse();
  assert.equal(body.toString(), '/a');
  assert.equal(head.get('connection'), 'close');
  assert.equal((await client.readAll()).length, 0);
  assert.equal(recorder.requests.length, 1);
});

test('bytes that come one by one are refused as soon as they are wrong', async (t) => {
  const recorder = await startRecorder(t);
  const client = await recorder.proxy.dial();
  for (const byte of 'GET / HTTP/2') await client.send(byte);
  await client.send('.0\r\n');
  await assertRefused(client, 505);
  await assertServes(recorder);
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { get } from '../suites/engine.ts';
import { assertServes, chunkedHead, postWith, smuggled, startRecorder } from '../suites/hostile.ts';

/** Behind a refusal nobody knows where a request begins. */
const refused = [
  'GET / HTTP/1.1\r\n\r\n',
  'GET / HTTP/1.1\r\nHost: a b\r\n\r\n',
  'GET / HTTP/1.1\r\nHost: a\r\nX : y\r\n\r\n',
  'GET / HTTP/9.9\r\nHost: a\r\n\r\n',
  postWith('Content-Length: x'),
  postWith('Content-Length: 5', 'Transfer-Encoding: chunked'),
  postWith('Expect: y'),
  `${chunkedHead}x\r\n`,
];

for (const bytes of refused) {
  for (const isSplit of [false, true]) {
    const how = isSplit ? ', even later' : '';
    test(`behind ${JSON.stringify(bytes).slice(0, 70)} nothing is served${how}`, async (t) => {
      const recorder = await startRecorder(t);
      const client = await recorder.proxy.dial();
      client.write(get('/first') + bytes + (isSplit ? '' : smuggled));
      assert.equal((await client.readResponse()).body.toString(), '/first');
      const refusal = await client.readResponse();
      assert.ok(refusal.head.status >= 400);
      assert.equal(refusal.head.get('connection'), 'close');
      if (isSplit) client.write(smuggled);
      assert.equal((await client.readAll()).length, 0);
      client.end();
      await assertServes(recorder);
      assert.doesNotMatch(recorder.received(), /smuggled/);
    });
  }
}

test('behind Connection: close nothing is served', async (t) => {
  const recorder = await startRecorder(t);
  const client = await recorder.proxy.dial();
  client.write(get('/first', 'Connection: close\r\n') + smuggled);
  assert.equal((await client.readResponse()).head.get('connection'), 'close');
  assert.equal((await client.readAll()).length, 0);
  assert.doesNotMatch(recorder.received(), /smuggled/);
});

test('behind an answer to half a body nothing is served', async (t) => {
  const route = { limits: { bodyBytesMax: 10 } };
  const recorder = await startRecorder(t, { route });
  for (const bytes of [
    `${postWith('Content-Length: 1000')}${smuggled}`,
    `${chunkedHead}ff\r\n${smuggled}`,
    `${chunkedHead}14\r\n${'x'.repeat(20)}\r\n${smuggled}`,
  ]) {
    const client = await recorder.proxy.dial();
    client.write(bytes);
    assert.ok([400, 413].includes((await client.readResponse()).head.status));
    client.end();
    assert.equal((await client.readAll()).length, 0);
  }
  assert.doesNotMatch(recorder.received(), /smuggled/);
});

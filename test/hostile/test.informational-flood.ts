import assert from 'node:assert/strict';
import { test } from 'node:test';
import { get, ok } from '../suites/engine.ts';
import { startRecorder } from '../suites/hostile.ts';

test('a backend that sends 1xx without an end is given up', async (t) => {
  const hint = `HTTP/1.1 103 Early Hints\r\nLink: ${'a'.repeat(1000)}\r\n\r\n`;
  const recorder = await startRecorder(t, {}, async ({ head }, peer) => {
    if (head.target !== '/1') return ok('ok');
    for (let count = 0; count < 20_000 && peer.ending === null; count++) {
      await peer.send(hint);
      if (count % 10 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    return ok('too late');
  });
  const client = await recorder.proxy.dial();
  client.write(get('/1'));
  const { head } = await client.readResponse();
  assert.equal(head.status, 502);
  assert.ok(client.bytesRead < 1_000_000, `${client.bytesRead} bytes of it came through`);
});

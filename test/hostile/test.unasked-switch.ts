import assert from 'node:assert/strict';
import { test } from 'node:test';
import { get, ok } from '../suites/engine.ts';
import { smuggled, startRecorder } from '../suites/hostile.ts';

const answer =
  'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n';

/** A tunnel that nobody asked for would carry the client's next requests past the routes. */
for (const lines of ['', 'Upgrade: websocket\r\n', 'Connection: Upgrade\r\n']) {
  test(`101 for a request with ${JSON.stringify(lines)} is a 502`, async (t) => {
    const recorder = await startRecorder(t, {}, ({ head }) =>
      head.target === '/1' ? answer : ok(head.target),
    );
    const client = await recorder.proxy.dial();
    client.write(get('/1', lines) + smuggled);
    assert.equal((await client.readResponse()).head.status, 502);
    assert.equal((await client.readResponse()).body.toString(), '/smuggled');
    assert.equal(recorder.proxy.manager.connectionStats().tunnels, 0);
  });
}

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { get, ok } from '../suites/engine.ts';
import { startRecorder } from '../suites/hostile.ts';

const upgrade = 'Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n';

/** A client that takes a refused upgrade for a tunnel reaches paths that no route lets it reach. */
for (const status of ['200 OK', '400 Bad Request', '426 Upgrade Required', '500 Oops']) {
  test(`behind an upgrade that got ${status}, requests are matched by the routes`, async (t) => {
    const route = { paths: ['/socket'] };
    const recorder = await startRecorder(t, { route }, () => {
      return `HTTP/1.1 ${status}\r\nContent-Length: 2\r\n\r\nno`;
    });
    const client = await recorder.proxy.dial();
    client.write(get('/socket', upgrade) + get('/admin') + get('/socket'));
    assert.equal((await client.readResponse()).body.toString(), 'no');
    assert.equal((await client.readResponse()).head.status, 404);
    assert.equal((await client.readResponse()).body.toString(), 'no');
    assert.deepEqual(
      recorder.requests.map(({ head }) => head.target),
      ['/socket', '/socket'],
    );
  });
}

test('a switch is final: requests behind it are bytes for the backend', async (t) => {
  const recorder = await startRecorder(t, {}, async (_request, peer) => {
    peer.write('HTTP/1.1 101 Go\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n');
    assert.equal((await peer.read(5)).toString(), 'hello');
    peer.write('world');
    peer.end();
    return '';
  });
  const client = await recorder.proxy.dial();
  client.write(`${get('/socket', upgrade)}hello`);
  assert.equal((await client.readResponse()).head.status, 101);
  assert.equal((await client.read(5)).toString(), 'world');
  client.end();
  await client.closed();
});

test('HTTP/1.0 cannot upgrade', async (t) => {
  const recorder = await startRecorder(t, {}, ({ head }) => ok(String(head.get('upgrade'))));
  const client = await recorder.proxy.dial();
  client.write(`GET / HTTP/1.0\r\nHost: a\r\n${upgrade}\r\n`);
  assert.equal((await client.readResponse()).body.toString(), 'undefined');
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { get } from '../suites/engine.ts';
import { passes, postWith, smuggled, startRecorder } from '../suites/hostile.ts';

/** Behind an upgrade to HTTP/2 in clear text nobody would look at paths and fields any more. */
const upgrades = [
  'Upgrade: h2c',
  'Upgrade: H2C',
  'Upgrade: h2c, websocket',
  'Upgrade: h2',
  'Upgrade: HTTP/2.0',
  'Upgrade: TLS/1.2',
  'Upgrade: h2c\r\nUpgrade: h2c',
  'Upgrade:\th2c ',
];

for (const line of upgrades) {
  for (const connection of ['Upgrade, HTTP2-Settings', 'Upgrade', 'HTTP2-Settings,upgrade , x']) {
    test(`${JSON.stringify(line)} with Connection: ${connection} is not forwarded`, async (t) => {
      const recorder = await startRecorder(t);
      const lines = `Connection: ${connection}\r\n${line}\r\nHTTP2-Settings: AAMAAABkAAQCAAAAAAIAAAAA\r\n`;
      const [request] = await passes(recorder, get('/a', lines), ['/a']);
      const isWebSocket = line.includes('websocket');
      assert.equal(request?.head.get('upgrade'), isWebSocket ? 'websocket' : undefined);
      assert.equal(request?.head.get('connection'), isWebSocket ? 'Upgrade' : undefined);
      assert.equal(request?.head.get('http2-settings'), undefined);
    });
  }
}

test('a backend that switches all the same is not believed', async (t) => {
  const answer = 'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n';
  let asked = 0;
  const recorder = await startRecorder(t, {}, ({ head }) => {
    asked++;
    return head.target === '/h2c' ? answer : 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n';
  });
  const client = await recorder.proxy.dial();
  client.write(get('/h2c', 'Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n') + get('/b'));
  assert.equal((await client.readResponse()).head.status, 502);
  assert.equal((await client.readResponse()).head.status, 200);
  assert.equal(asked, 2);
});

test('an upgrade with a body: the body is the body, what follows is a request', async (t) => {
  const recorder = await startRecorder(t);
  const lines = ['Connection: Upgrade', 'Upgrade: h2c', 'Content-Length: 5'];
  const seen = await passes(recorder, `${postWith(...lines)}hello${smuggled}`, [
    '/attack',
    '/smuggled',
  ]);
  assert.equal(seen[0]?.body.toString(), 'hello');
});

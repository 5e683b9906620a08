import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { IHttpTimeouts } from '../../ts_interfaces/index.ts';
import { get, ok } from '../suites/engine.ts';
import {
  chunkedHead,
  type IRecorder,
  postWith,
  recorded,
  startRecorder,
} from '../suites/hostile.ts';
import type { Peer } from '../suites/peer.ts';

function start(t: TestContext, timeouts: IHttpTimeouts): Promise<IRecorder> {
  const entrypoints = { http: { address: '127.0.0.1', port: 0 } };
  return startRecorder(t, { web: { entrypoints, timeouts } });
}

/** Sends a byte every few milliseconds until the proxy has enough of it; true when it came to that. */
async function drip(client: Peer, bytes: string): Promise<boolean> {
  for (const byte of bytes) {
    if (client.bytesRead > 0 || client.ending !== null) return true;
    await client.send(byte);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  return client.bytesRead > 0;
}

const endless = 'X-A: b\r\n'.repeat(1000);

test('a head that comes byte by byte has one deadline as a whole', async (t) => {
  const recorder = await start(t, { headMs: 300 });
  const client = await recorder.proxy.dial();
  const started = performance.now();
  assert.ok(await drip(client, get('/').slice(0, -2) + endless));
  assert.ok(performance.now() - started < 2000);
  assert.equal((await client.readResponse()).head.status, 408);
  assert.equal(await client.closed(), 'end');
  assert.equal(recorder.received(), '');
});

test('a connection that sends nothing is closed', async (t) => {
  const recorder = await start(t, { headMs: 200, idleMs: 200 });
  const client = await recorder.proxy.dial();
  assert.equal((await client.readAll()).length, 0);
  assert.equal(client.ending, 'end');
});

test('a connection that sends nothing but empty lines is closed', async (t) => {
  const recorder = await start(t, { headMs: 300, idleMs: 300 });
  const client = await recorder.proxy.dial();
  const started = performance.now();
  while (client.ending === null && performance.now() - started < 5000) {
    client.write('\r\n');
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  assert.notEqual(client.ending, null);
});

test('a second head on a connection has a deadline of its own', async (t) => {
  const recorder = await start(t, { headMs: 300, idleMs: 10_000 });
  const client = await recorder.proxy.dial();
  client.write(get('/1'));
  await client.readResponse();
  const before = client.bytesRead;
  client.write('GET /2 HTTP/1.1\r\n');
  assert.equal((await client.readResponse()).head.status, 408);
  assert.ok(client.bytesRead > before);
});

for (const [head, how] of [
  [postWith('Content-Length: 1000'), 'with a length'],
  [chunkedHead, 'in chunks'],
] as const) {
  test(`a body ${how} that stops is given up, and the backend sees no end of it`, async (t) => {
    const recorder = await start(t, { bodyMs: 300 });
    const client = await recorder.proxy.dial();
    client.write(`${head}5\r\nhello\r\n`);
    await recorded(recorder, 'hello');
    assert.equal((await client.readResponse()).head.status, 408);
    assert.equal(await client.closed(), 'end');
    assert.equal(recorder.requests.length, 0);
  });
}

test('whole requests byte by byte are understood', async (t) => {
  const recorder = await startRecorder(t, {}, ({ head, body }) => ok(`${head.target}${body}`));
  const client = await recorder.proxy.dial();
  const body = '5;a="b"\r\nhello\r\n0\r\nX-Sum: 1\r\n\r\n';
  for (const byte of `\r\n${get('/1')}\r\n${chunkedHead}${body}${get('/2')}`)
    await client.send(byte);
  const bodies: string[] = [];
  for (let count = 0; count < 3; count++) bodies.push(String((await client.readResponse()).body));
  assert.deepEqual(bodies, ['/1', '/attackhello', '/2']);
});

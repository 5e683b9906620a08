import assert from 'node:assert/strict';
import { test } from 'node:test';
import { get, ok } from '../suites/engine.ts';
import { startRecorder } from '../suites/hostile.ts';
import { PeerClosed } from '../suites/peer.ts';

const start = 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n';
const answers = [
  [`${start}X: ${'a'.repeat(70_000)}\r\n\r\n`, 'a long value'],
  [`${start}${'X'.repeat(70_000)}: a\r\n\r\n`, 'a long name'],
  [`${start}${'X: a\r\n'.repeat(1000)}\r\n`, 'many fields'],
  [`HTTP/1.1 200 ${'a'.repeat(70_000)}`, 'a reason without an end'],
] as const;

for (const [answer, why] of answers) {
  test(`a response head with ${why} is a 502`, async (t) => {
    const recorder = await startRecorder(t, {}, ({ head }) =>
      head.target === '/1' ? answer : ok('ok'),
    );
    const client = await recorder.proxy.dial();
    client.write(get('/1') + get('/2'));
    assert.equal((await client.readResponse()).head.status, 502);
    assert.equal((await client.readResponse()).body.toString(), 'ok');
  });
}

test('a response head without an end is a 502 while it comes', async (t) => {
  const recorder = await startRecorder(t, {}, async (_request, peer) => {
    await peer.send(start);
    for (let count = 0; count < 10_000; count++) await peer.send(`X: ${'a'.repeat(1000)}\r\n`);
    throw new PeerClosed('nobody stopped it');
  });
  const client = await recorder.proxy.dial();
  client.write(get('/1'));
  assert.equal((await client.readResponse()).head.status, 502);
});

test('a response head of just the limit passes, one of a byte more does not', async (t) => {
  const size = 65_536 - `${start}X: \r\n\r\n`.length;
  const recorder = await startRecorder(
    t,
    {},
    ({ head }) => `${start}X: ${'a'.repeat(size + Number(head.target.slice(1)))}\r\n\r\n`,
  );
  const client = await recorder.proxy.dial();
  client.write(get('/0') + get('/1'));
  assert.equal((await client.readResponse()).head.get('x')?.length, size);
  assert.equal((await client.readResponse()).head.status, 502);
});

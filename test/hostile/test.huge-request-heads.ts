import assert from 'node:assert/strict';
import { test } from 'node:test';
import { get } from '../suites/engine.ts';
import { assertRefused, passes, refuses, startRecorder } from '../suites/hostile.ts';

const start = 'GET / HTTP/1.1\r\nHost: a\r\n';

refuses('a head above the limits', [
  { bytes: `${start}X: ${'a'.repeat(40_000)}\r\n\r\n`, status: 431, why: 'a long value' },
  { bytes: `${start}${'X'.repeat(40_000)}: a\r\n\r\n`, status: 431, why: 'a long name' },
  { bytes: `${start}${'X: a\r\n'.repeat(100)}\r\n`, status: 431, why: 'many fields' },
  { bytes: `${start}X: ${'a'.repeat(40_000)}`, status: 431, why: 'a value without an end' },
  { bytes: `GET /${'a'.repeat(17_000)} HTTP/1.1\r\n\r\n`, status: 414, why: 'a long target' },
  { bytes: `GET /${'a'.repeat(17_000)}`, status: 414, why: 'a target without an end' },
  { bytes: 'A'.repeat(100), status: 501, why: 'a method without an end' },
  { bytes: `${start}X: ${'\t'.repeat(40_000)}`, status: 431, why: 'white space without an end' },
]);

test('heads of just the limits pass', async (t) => {
  const recorder = await startRecorder(t);
  const target = `/${'a'.repeat(16_383)}`;
  const lines = Array.from({ length: 99 }, (_, index) => `X-${index}: a\r\n`).join('');
  const size = 32_768 - get(target, lines).length - 'X: \r\n'.length;
  const many = lines.slice(0, lines.lastIndexOf('X-98'));
  const rest = size + 'X-98: a\r\n'.length;
  await passes(recorder, get(target, `${many}X: ${'a'.repeat(rest)}\r\n`), [target]);
});

test('a head of one byte more than the limit does not', async (t) => {
  const recorder = await startRecorder(t);
  const client = await recorder.proxy.dial();
  const text = get('/', 'X: \r\n');
  client.write(get('/', `X: ${'a'.repeat(32_769 - text.length)}\r\n`));
  await assertRefused(client, 431);
});

test('an endless head is refused while it comes', async (t) => {
  const recorder = await startRecorder(t);
  const client = await recorder.proxy.dial();
  client.write(start);
  let sent = 0;
  while (client.bytesRead === 0 && sent < 10_000_000) {
    await client.send(`X-${sent}: ${'a'.repeat(1000)}\r\n`);
    await new Promise((resolve) => setImmediate(resolve));
    sent += 1000;
  }
  await assertRefused(client, 431);
  assert.equal(recorder.received(), '');
});

test('endless empty lines are not kept', async (t) => {
  const recorder = await startRecorder(t);
  const client = await recorder.proxy.dial();
  for (let count = 0; count < 100; count++) await client.send('\r\n'.repeat(1000));
  client.write(get('/a'));
  assert.equal((await client.readResponse()).body.toString(), '/a');
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { get } from '../suites/engine.ts';
import { passes, startRecorder } from '../suites/hostile.ts';

const claims = [
  'X-Forwarded-For: 6.6.6.6',
  'X-FORWARDED-FOR: 6.6.6.6',
  'X_Forwarded_For: 6.6.6.6',
  'X-Forwarded_For: 6.6.6.6',
  'X-Real-IP: 6.6.6.6',
  'X_REAL_IP: 6.6.6.6',
  'X-Forwarded-Proto: https\r\nX-Forwarded-Ssl: on\r\nX-Forwarded-Scheme: https-6.6.6.6',
  'X-Forwarded-Host: 6.6.6.6',
  'X-Forwarded-Server: 6.6.6.6\r\nX-Forwarded-Port: 6666\r\nX-Forwarded-Prefix: /6.6.6.6',
  'X-Forwarded-User: 6.6.6.6\r\nX-Forwarded-Email: 6.6.6.6',
  'Forwarded: for=6.6.6.6;proto=https;host=6.6.6.6',
  'X-Request-Id: 6.6.6.6\r\nX_Request_Id: 6.6.6.6',
  'X-Forwarded-For: 6.6.6.6\r\nX-Forwarded-For: 127.0.0.1',
  'X-Forwarded-For:\r\nX-Forwarded-For: 6.6.6.6',
];

for (const claim of claims) {
  test(`a client is not believed when it says ${JSON.stringify(claim)}`, async (t) => {
    const recorder = await startRecorder(t);
    const [request] = await passes(recorder, get('/a', `${claim}\r\n`), ['/a']);
    assert.doesNotMatch(recorder.received(), /6\.?6\.?6/);
    const head = request?.head;
    assert.equal(head?.get('x-forwarded-for'), '127.0.0.1');
    assert.equal(head?.get('x-real-ip'), '127.0.0.1');
    assert.equal(head?.get('x-forwarded-proto'), 'http');
    assert.equal(head?.get('x-forwarded-host'), 'example.test');
    assert.match(head?.get('x-request-id') ?? '', /^[0-9a-f-]{36}$/);
  });
}

test('nor when it says so a second time, in the same words', async (t) => {
  const recorder = await startRecorder(t);
  const bytes = get('/a', 'X-Forwarded-For: 6.6.6.6\r\nX-Request-Id: 6.6.6.6\r\n');
  const seen = await passes(recorder, bytes.repeat(3), ['/a', '/a', '/a']);
  assert.doesNotMatch(recorder.received(), /6\.6\.6\.6/);
  assert.equal(new Set(seen.map(({ head }) => head.get('x-request-id'))).size, 3);
});

test('a client behind a trusted proxy cannot move to the left of itself', async (t) => {
  const recorder = await startRecorder(t, {
    web: { trustedProxies: ['127.0.0.1'], ...entrypoints },
  });
  const cases = [
    ['X-Forwarded-For: 6.6.6.6, 192.0.2.7', '192.0.2.7'],
    ['X-Forwarded-For: 6.6.6.6\r\nX-Forwarded-For: 192.0.2.7', '192.0.2.7'],
    ['X-Forwarded-For: 127.0.0.1, 192.0.2.7', '192.0.2.7'],
    ['X-Real-IP: 6.6.6.6\r\nX-Forwarded-For: 192.0.2.7', '192.0.2.7'],
    ['X_Forwarded_For: 6.6.6.6\r\nX-Forwarded-For: 192.0.2.7', '192.0.2.7'],
    ['Forwarded: for="6.6.6.6\r\nForwarded: for=192.0.2.7', '192.0.2.7'],
    ['Forwarded: for=192.0.2.7;host=";for=6.6.6.6"', '192.0.2.7'],
  ];
  for (const [line, client] of cases) {
    const [request] = await passes(recorder, get('/a', `${line}\r\n`), ['/a']);
    assert.equal(request?.head.get('x-real-ip'), client, line);
  }
});

const entrypoints = { entrypoints: { http: { address: '127.0.0.1', port: 0 } } };

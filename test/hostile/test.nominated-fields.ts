import assert from 'node:assert/strict';
import { test } from 'node:test';
import { get } from '../suites/engine.ts';
import { passes, postWith, smuggled, startRecorder } from '../suites/hostile.ts';

test('a length that Connection names still goes along: else its body were a request', async (t) => {
  const recorder = await startRecorder(t);
  const lines = [`Content-Length: ${smuggled.length}`, 'Connection: keep-alive, Content-Length'];
  const [request] = await passes(recorder, postWith(...lines) + smuggled, ['/attack']);
  assert.equal(request?.head.get('content-length'), String(smuggled.length));
  assert.equal(request?.body.toString(), smuggled);
});

test('the same for chunks', async (t) => {
  const recorder = await startRecorder(t);
  const lines = ['Transfer-Encoding: chunked', 'Connection: Transfer-Encoding, TE'];
  const chunk = `${smuggled.length.toString(16)}\r\n${smuggled}\r\n0\r\n\r\n`;
  const [request] = await passes(recorder, postWith(...lines) + chunk, ['/attack']);
  assert.equal(request?.head.get('transfer-encoding'), 'chunked');
  assert.equal(request?.body.toString(), smuggled);
});

test('Host and what the router says of the client cannot be taken away', async (t) => {
  const recorder = await startRecorder(t);
  const names = [
    ...['Host', 'X-Forwarded-For', 'X-Forwarded-Proto', 'X-Forwarded-Host', 'X-Real-IP'],
    ...['Via', 'X-Request-Id', 'Authorization', 'Cookie', 'Forwarded'],
  ];
  const lines = `Connection: ${names.join(', ')}\r\nAuthorization: a\r\nCookie: b\r\n`;
  const [request] = await passes(recorder, get('/a', lines), ['/a']);
  for (const name of names.slice(0, -1)) assert.ok(request?.head.get(name.toLowerCase()), name);
  assert.equal(request?.head.get('connection'), undefined);
  assert.equal(request?.head.get('x-forwarded-for'), '127.0.0.1');
});

test('fields of the route are set even if Connection names them', async (t) => {
  const route = { headers: { 'X-Role': 'user' } };
  const recorder = await startRecorder(t, { route });
  const lines = 'Connection: X-Role\r\nX-Role: admin\r\nx_role: admin\r\n';
  const [request] = await passes(recorder, get('/a', lines), ['/a']);
  assert.equal(request?.head.get('x-role'), 'user');
  assert.doesNotMatch(recorder.received(), /admin/);
});

test('what else Connection names stays behind, however it is written', async (t) => {
  const recorder = await startRecorder(t);
  const lines =
    'Connection: ,x-A ,\tX-B,,\r\nX-a: 1\r\nConnection: X-C\r\nX-B: 2\r\nX-C: 3\r\nX-D: 4\r\n';
  const [request] = await passes(recorder, get('/a', lines), ['/a']);
  const names = ['x-a', 'x-b', 'x-c', 'x-d'].map((name) => request?.head.get(name));
  assert.deepEqual(names, [undefined, undefined, undefined, '4']);
});

test('thousands of names cost no time', async (t) => {
  const recorder = await startRecorder(t);
  const names = Array.from({ length: 4000 }, (_, index) => `n${index}`).join(',');
  const started = performance.now();
  await passes(recorder, get('/a', `Connection: ${names}\r\n${'X-A: 1\r\n'.repeat(90)}`), ['/a']);
  assert.ok(performance.now() - started < 2000);
});

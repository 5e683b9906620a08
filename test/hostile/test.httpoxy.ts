import assert from 'node:assert/strict';
import { test } from 'node:test';
import { get } from '../suites/engine.ts';
import { passes, startRecorder } from '../suites/hostile.ts';

/** CGI makes the variable HTTP_PROXY of it, in which programs look for their proxy (CVE-2016-5385). */
test('Proxy is not forwarded', async (t) => {
  const recorder = await startRecorder(t);
  const lines = 'Proxy: http://evil\r\nPROXY: http://evil\r\npRoXy:http://evil\r\n';
  await passes(recorder, get('/a', lines), ['/a']);
  assert.doesNotMatch(recorder.received(), /evil/);
});

test('nor is what is meant for a proxy', async (t) => {
  const recorder = await startRecorder(t);
  const lines = 'Proxy-Authorization: Basic evil\r\nProxy-Connection: evil\r\n';
  await passes(recorder, get('/a', lines), ['/a']);
  assert.doesNotMatch(recorder.received(), /evil/);
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { get } from '../suites/engine.ts';
import { passes, startRecorder } from '../suites/hostile.ts';

/** Everything that some server takes for `/admin`, though only `/public` is routed. */
const hidden = [
  '/public/../admin',
  '/public/./../admin',
  '/public//../../admin',
  '/public/x/../../admin',
  '/./admin',
  '/public/%2e%2e/admin',
  '/public/%2E./admin',
  '/public/.%2e/admin',
  '/public/..%2fadmin',
  '/public/%2e%2e%2fadmin',
  '/public%2f..%2fadmin',
  '/public/..%5cadmin',
  '/public/..\\admin',
  '/public\\..\\admin',
  '/public/..;/admin',
  '/public/..;x=1/admin',
  '/public/%2e%2e;/admin',
  '/public/.;/../admin',
  '/../admin',
  '/../../public/../admin',
  '/%61dmin',
  '/%%36%31dmin',
  '/publicadmin',
  '/public%',
  '/admin/../public/../admin',
];

for (const target of hidden) {
  test(`${target} does not get past the routes`, async (t) => {
    const recorder = await startRecorder(t, { route: { paths: ['/public'] } });
    const client = await recorder.proxy.dial();
    client.write(get(target));
    const { head } = await client.readResponse();
    assert.ok([400, 404].includes(head.status), String(head.status));
    assert.equal(recorder.received(), '');
    client.write(get('/public/ok'));
    assert.equal((await client.readResponse()).body.toString(), '/public/ok');
  });
}

const resolved = [
  ['/public/a/../b', '/public/b'],
  ['/x/../public/a', '/public/a'],
  ['/public/./a?b=/../c', '/public/a?b=/../c'],
  ['/%70ublic/%61', '/public/a'],
  ['/public/a%2fb', '/public/a%2fb'],
  ['/public/%252e%252e/a', '/public/%252e%252e/a'],
  ['/public/...', '/public/...'],
  ['http://example.test/x/../public/a', '/public/a'],
] as const;

for (const [target, expected] of resolved) {
  test(`of ${target} the backend sees ${expected}, which is what the routes saw`, async (t) => {
    const recorder = await startRecorder(t, { route: { paths: ['/public', '/last'] } });
    await passes(recorder, get(target), [expected]);
    assert.ok(recorder.received().startsWith(`GET ${expected} HTTP/1.1\r\n`));
  });
}

test('a path of thousands of segments is as quick as others', async (t) => {
  const recorder = await startRecorder(t, { route: { paths: ['/public', '/last'] } });
  const started = performance.now();
  const target = `/public${'/a/..'.repeat(3000)}`;
  await passes(recorder, get(target), ['/public/']);
  const client = await recorder.proxy.dial();
  client.write(get(`${'/'.repeat(16_000)}`) + get(`/public${'/.'.repeat(8000)}`));
  assert.equal((await client.readResponse()).head.status, 404);
  assert.equal((await client.readResponse()).head.status, 200);
  assert.ok(performance.now() - started < 2000);
});

test('a prefix that is stripped leaves no way out of it', async (t) => {
  const route = { paths: ['/api', '/last'], stripPrefix: '/api', addPrefix: '/inside' };
  const recorder = await startRecorder(t, { route });
  const client = await recorder.proxy.dial();
  for (const target of ['/api/../x', '/api/..%2fx', '/api/%2e%2e/x']) {
    client.write(get(target));
    assert.ok((await client.readResponse()).head.status >= 400, target);
  }
  client.write(get('/api//../x') + get('/apix'));
  assert.equal((await client.readResponse()).body.toString(), '/inside/x');
  assert.equal((await client.readResponse()).head.status, 404);
});

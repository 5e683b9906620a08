import assert from 'node:assert/strict';
import { startRouter } from './origin.ts';
import { freePort, peerTest, run, serveNginx } from './peer.ts';

const backend = (port: number): string => `
  keepalive_requests 1000000;
  server { listen 127.0.0.1:${port}; location / { return 200 "hello"; } }`;

peerTest('h2load --h1: every one of 20,000 requests succeeds', ['h2load', 'nginx'], async (t) => {
  const nginx = await freePort();
  await serveNginx(t, nginx, () => backend(nginx));
  const port = await startRouter(t, nginx);
  const { stdout } = await run('h2load', [
    ...['--h1', '-n', '20000', '-c', '64', '-t', '1', `http://127.0.0.1:${port}/`],
  ]);
  assert.match(stdout, /20000 succeeded, 0 failed, 0 errored, 0 timeout/);
  assert.match(stdout, /status codes: 20000 2xx/);
});

peerTest('wrk: two seconds without an error', ['wrk', 'nginx'], async (t) => {
  const nginx = await freePort();
  await serveNginx(t, nginx, () => backend(nginx));
  const port = await startRouter(t, nginx);
  const { stdout } = await run('wrk', ['-t1', '-c64', '-d2s', `http://127.0.0.1:${port}/`]);
  assert.match(stdout, /\d{3,} requests in/);
  assert.doesNotMatch(stdout, /Socket errors|Non-2xx/);
});

peerTest(
  'wrk: a new connection for each request, without an error',
  ['wrk', 'nginx'],
  async (t) => {
    const nginx = await freePort();
    await serveNginx(t, nginx, () => backend(nginx));
    const port = await startRouter(t, nginx);
    const { stdout } = await run('wrk', [
      ...['-t1', '-c32', '-d1s', '-H', 'Connection: close', `http://127.0.0.1:${port}/`],
    ]);
    assert.match(stdout, /\d{2,} requests in/);
    assert.doesNotMatch(stdout, /Socket errors|Non-2xx/);
  },
);

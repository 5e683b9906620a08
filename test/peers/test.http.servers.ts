import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { type IInspection, startOrigin, startRouter, startRouterWith } from './origin.ts';
import { folderFor, freePort, peerTest, run, serve, serveNginx } from './peer.ts';

peerTest('nginx as a backend: files, ranges, compression', ['nginx', 'curl'], async (t) => {
  const nginx = await freePort();
  await serveNginx(t, nginx, (folder) => {
    writeFileSync(join(folder, 'text.txt'), 'hello '.repeat(10_000));
    return `
      gzip on; gzip_types text/plain; gzip_proxied any; types { text/plain txt; }
      server { listen 127.0.0.1:${nginx}; root ${folder}; }`;
  });
  const port = await startRouter(t, nginx);
  const url = `http://127.0.0.1:${port}/text.txt`;

  const plain = await run('curl', ['-sS', url]);
  assert.equal(plain.stdout.length, 60_000);
  const range = await run('curl', ['-sS', '-r', '6-10', url]);
  assert.equal(range.stdout, 'hello');
  const zipped = await run('curl', ['-sS', '-H', 'Accept-Encoding: gzip', url]);
  assert.ok(zipped.stdout.length < 10_000);
  const text = gunzipSync(Buffer.from(zipped.stdout, 'latin1')).toString();
  assert.equal(text, plain.stdout);
  const missing = await run('curl', ['-sS', '-o', '-', '-w', '%{http_code}', `${url}x`]);
  assert.match(missing.stdout, /404 Not Found[\s\S]*404$/);
});

peerTest(
  'nginx that closes connections all the time loses no request',
  ['nginx', 'h2load'],
  async (t) => {
    const nginx = await freePort();
    await serveNginx(
      t,
      nginx,
      () => `
      keepalive_requests 7; keepalive_timeout 1;
      server { listen 127.0.0.1:${nginx}; location / { return 200 "hello"; } }`,
    );
    const port = await startRouter(t, nginx);
    const { stdout } = await run('h2load', [
      ...['--h1', '-n', '3000', '-c', '16', '-t', '1', `http://127.0.0.1:${port}/`],
    ]);
    assert.match(stdout, /status codes: 3000 2xx, 0 3xx, 0 4xx, 0 5xx/);
  },
);

peerTest('Caddy as a backend', ['caddy', 'curl'], async (t) => {
  const caddy = await freePort();
  const folder = folderFor(t);
  const config = join(folder, 'Caddyfile');
  writeFileSync(
    config,
    `{
  admin off
  auto_https off
}
http://:${caddy} {
  bind 127.0.0.1
  respond /empty 204
  respond "{method} {host} {header.X-Forwarded-Proto}"
}
`,
  );
  await serve(t, ['caddy', 'run', '--adapter', 'caddyfile', '--config', config], caddy);
  const port = await startRouter(t, caddy);
  const url = `http://127.0.0.1:${port}/`;
  const answer = await run('curl', ['-sS', '-X', 'PATCH', '-H', 'Host: a.example.com', url]);
  assert.equal(answer.stdout, 'PATCH a.example.com http');
  const empty = await run('curl', ['-sS', '-w', '%{http_code}', `${url}empty`, `${url}empty`]);
  assert.equal(empty.stdout, '204204');
});

peerTest(
  'HAProxy in front: believed when trusted, and only then',
  ['haproxy', 'curl'],
  async (t) => {
    const origin = await startOrigin(t);
    const routes = [{ id: 'all', vHost: '*', backends: [{ hostname: '127.0.0.1', port: origin }] }];
    const entrypoints = { http: { address: '127.0.0.1', port: 0 } };
    const seenThrough = async (trustedProxies: string[]): Promise<IInspection> => {
      const { ports } = await startRouterWith(t, { web: { entrypoints, routes, trustedProxies } });
      const haproxy = await freePort();
      const config = join(folderFor(t), 'haproxy.cfg');
      writeFileSync(
        config,
        `global
  nbthread 1
defaults
  mode http
  timeout connect 5s
  timeout client 10s
  timeout server 10s
frontend in
  bind 127.0.0.1:${haproxy}
  http-request set-header X-Forwarded-For 203.0.113.7
  http-request set-header X-Forwarded-Proto https
  default_backend out
backend out
  server a 127.0.0.1:${ports.http}
`,
      );
      await serve(t, ['haproxy', '-db', '-f', config], haproxy);
      const { stdout } = await run('curl', ['-sS', `http://127.0.0.1:${haproxy}/inspect`]);
      return JSON.parse(stdout) as IInspection;
    };

    const trusted = await seenThrough(['127.0.0.0/8']);
    assert.equal(trusted.headers['x-real-ip'], '203.0.113.7');
    assert.equal(trusted.headers['x-forwarded-for'], '203.0.113.7, 127.0.0.1');
    assert.equal(trusted.headers['x-forwarded-proto'], 'https');

    const stranger = await seenThrough([]);
    assert.equal(stranger.headers['x-real-ip'], '127.0.0.1');
    assert.equal(stranger.headers['x-forwarded-for'], '127.0.0.1');
    assert.equal(stranger.headers['x-forwarded-proto'], 'http');
  },
);

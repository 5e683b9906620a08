import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type IInspection, sha256, startOrigin, startRouter } from './origin.ts';
import { folderFor, peerTest, run } from './peer.ts';

const curl = (args: string[], input?: Buffer) =>
  run('curl', ['-sS', '--max-time', '60', ...args], input === undefined ? {} : { input });

peerTest('curl: a GET reaches the backend with the forwarded headers', ['curl'], async (t) => {
  const port = await startRouter(t, await startOrigin(t));
  const { stdout, stderr } = await curl([
    '-H',
    'Host: www.example.com',
    `http://127.0.0.1:${port}/inspect?a=b%20c`,
  ]);
  assert.equal(stderr, '');
  const seen = JSON.parse(stdout) as IInspection;
  assert.equal(seen.url, '/inspect?a=b%20c');
  assert.equal(seen.headers.host, 'www.example.com');
  assert.equal(seen.headers['x-forwarded-for'], '127.0.0.1');
  assert.equal(seen.headers['x-real-ip'], '127.0.0.1');
  assert.equal(seen.headers['x-forwarded-proto'], 'http');
  assert.equal(seen.headers['x-forwarded-host'], 'www.example.com');
  assert.match(seen.headers.via ?? '', /^1\.1 /);
});

peerTest('curl: HTTP/1.0 gets the body unchunked, and the end', ['curl'], async (t) => {
  const port = await startRouter(t, await startOrigin(t));
  const { stdout } = await curl(['-0', '-i', '--raw', `http://127.0.0.1:${port}/chunked/5000`]);
  const [head = '', body] = stdout.split('\r\n\r\n');
  assert.match(head, /^HTTP\/1\.[01] 200 /);
  assert.doesNotMatch(head, /transfer-encoding/i);
  assert.equal(body, 'x'.repeat(5000));
});

peerTest('curl: Expect: 100-continue is answered before the body', ['curl'], async (t) => {
  const port = await startRouter(t, await startOrigin(t));
  const file = join(folderFor(t), 'body');
  const body = randomBytes(2_000_000);
  writeFileSync(file, body);
  const { stdout, stderr } = await curl([
    ...['-v', '-X', 'POST', '-T', file, '-H', 'Expect: 100-continue'],
    ...['--expect100-timeout', '50', `http://127.0.0.1:${port}/inspect`],
  ]);
  assert.match(stderr, /< HTTP\/1\.1 100 Continue/);
  assert.equal((JSON.parse(stdout) as IInspection).bodySha256, sha256(body));
});

peerTest('curl: a chunked upload arrives whole', ['curl'], async (t) => {
  const port = await startRouter(t, await startOrigin(t));
  const body = randomBytes(3_000_001);
  const { stdout } = await curl(['-T', '-', `http://127.0.0.1:${port}/inspect`], body);
  const seen = JSON.parse(stdout) as IInspection;
  assert.equal(seen.method, 'PUT');
  assert.equal(seen.headers['transfer-encoding'], 'chunked');
  assert.equal(seen.bodySha256, sha256(body));
});

peerTest('curl: trailers of a response arrive', ['curl'], async (t) => {
  const port = await startRouter(t, await startOrigin(t));
  const { stdout } = await curl([
    ...['-D', '-', '-o', join(folderFor(t), 'body'), '-H', 'TE: trailers'],
    `http://127.0.0.1:${port}/trailers`,
  ]);
  assert.match(stdout, /^X-Checksum: abc\r?$/im);
});

peerTest('curl: a body that ends with the connection arrives whole', ['curl'], async (t) => {
  const port = await startRouter(t, await startOrigin(t));
  const { stdout, code } = await curl([`http://127.0.0.1:${port}/close`]);
  assert.equal(code, 0);
  assert.equal(stdout, 'until the end');
});

peerTest('curl: 103 Early Hints come before the answer', ['curl'], async (t) => {
  const port = await startRouter(t, await startOrigin(t));
  const { stdout, stderr } = await curl(['-v', `http://127.0.0.1:${port}/hints`]);
  assert.match(stderr, /< HTTP\/1\.1 103 [\s\S]*< HTTP\/1\.1 200 /);
  assert.equal(stdout, 'hinted');
});

peerTest('curl: HEAD tells the length and the connection goes on', ['curl'], async (t) => {
  const port = await startRouter(t, await startOrigin(t));
  const { stdout, code } = await curl([
    ...['-I', '-w', 'connects %{num_connects}\n'],
    ...[`http://127.0.0.1:${port}/bytes/777`, `http://127.0.0.1:${port}/bytes/778`],
  ]);
  assert.equal(code, 0);
  assert.match(stdout, /content-length: 777[\s\S]*content-length: 778/i);
  assert.deepEqual(stdout.match(/connects \d/g), ['connects 1', 'connects 0']);
});

peerTest('curl: a range is a 206 with its bytes', ['curl'], async (t) => {
  const port = await startRouter(t, await startOrigin(t));
  const url = `http://127.0.0.1:${port}/bytes/1000`;
  const { stdout } = await curl(['-i', '-r', '100-199', url]);
  const [head = '', body = ''] = stdout.split('\r\n\r\n');
  assert.match(head, /^HTTP\/1\.1 206 [\s\S]*content-range: bytes 100-199\/1000/i);
  assert.equal(body.length, 100);
});

peerTest('curl: 64 MiB go up and 64 MiB come down', ['curl'], async (t) => {
  const port = await startRouter(t, await startOrigin(t));
  const bytes = 64 << 20;
  const file = join(folderFor(t), 'body');
  const body = Buffer.alloc(bytes, 'x');
  writeFileSync(file, body);
  const up = await curl(['-T', file, `http://127.0.0.1:${port}/inspect`]);
  const seen = JSON.parse(up.stdout) as IInspection;
  assert.equal(seen.headers['content-length'], String(bytes));
  assert.equal(seen.bodySha256, sha256(body));
  const down = await curl([
    ...['-o', '/dev/null', '-w', '%{http_code} %{size_download}'],
    `http://127.0.0.1:${port}/bytes/${bytes}`,
  ]);
  assert.equal(down.stdout, `200 ${bytes}`);
});

peerTest('curl: requests share a connection until the client closes it', ['curl'], async (t) => {
  const port = await startRouter(t, await startOrigin(t));
  const url = `http://127.0.0.1:${port}/chunked/10`;
  const many = await curl(['-w', ' %{num_connects} ', url, url, url]);
  assert.equal(many.stdout, 'xxxxxxxxxx 1 xxxxxxxxxx 0 xxxxxxxxxx 0 ');
  const close = await curl(['-i', '-H', 'Connection: close', url]);
  assert.match(close.stdout, /^connection: close\r$/im);
});

peerTest('curl: an offer of HTTP/2 by Upgrade is declined', ['curl'], async (t) => {
  const port = await startRouter(t, await startOrigin(t));
  const { stdout } = await curl(['--http2', `http://127.0.0.1:${port}/inspect`]);
  const seen = JSON.parse(stdout) as IInspection;
  assert.equal(seen.headers['http2-settings'], undefined);
});

peerTest('curl: a redirect is followed to another route', ['curl'], async (t) => {
  const backendPort = await startOrigin(t);
  const port = await startRouter(t, backendPort, {
    routes: [
      { id: 'old', vHost: 'old.example.com', redirect: { to: 'http://new.example.com{path}' } },
      {
        id: 'new',
        vHost: 'new.example.com',
        backends: [{ hostname: '127.0.0.1', port: backendPort }],
      },
    ],
  });
  const { stdout } = await curl([
    ...['-L', '-w', '\n%{url_effective}', '-H', 'Accept: text/plain'],
    ...['--connect-to', `::127.0.0.1:${port}`, 'http://old.example.com/inspect'],
  ]);
  const [body = '', url] = stdout.split('\n');
  assert.equal(url, 'http://new.example.com/inspect');
  assert.equal((JSON.parse(body) as IInspection).headers.host, 'new.example.com');
});

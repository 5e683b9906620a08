import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import type { IEntrypointTls } from '../../ts_interfaces/index.ts';
import { type ITestCertificate, makeCertificate } from './certificate.ts';
import { type IInspection, startOrigin, startRouterWith } from './origin.ts';
import { folderFor, peerTest, run } from './peer.ts';

const domain = 'secure.example.com';

interface ISecure {
  port: number;
  folder: string;
  certificate: ITestCertificate;
}

async function startSecure(t: TestContext, tls: IEntrypointTls | true = true): Promise<ISecure> {
  const folder = folderFor(t);
  const certificate = makeCertificate(folder, domain);
  const origin = await startOrigin(t);
  const { ports } = await startRouterWith(t, {
    certificates: [{ domain, key: certificate.key, cert: certificate.cert }],
    web: {
      entrypoints: { https: { address: '127.0.0.1', port: 0, tls } },
      routes: [{ id: 'all', vHost: '*', backends: [{ hostname: '127.0.0.1', port: origin }] }],
    },
  });
  return { port: ports.https ?? 0, folder, certificate };
}

/** A TLS session with one request in it. */
function client(secure: ISecure, args: string[], serverName = ['-servername', domain]) {
  return run(
    'openssl',
    [
      ...['s_client', '-connect', `127.0.0.1:${secure.port}`, ...serverName],
      ...['-CAfile', secure.certificate.certFile, '-verify_return_error', '-ign_eof', ...args],
    ],
    { input: `GET /bytes/3 HTTP/1.1\r\nHost: ${domain}\r\nConnection: close\r\n\r\n` },
  );
}

for (const [option, protocol] of [
  ['-tls1_2', 'TLSv1.2'],
  ['-tls1_3', 'TLSv1.3'],
] as const) {
  peerTest(
    `openssl: ${protocol}, verified, and a session that is resumed`,
    ['openssl'],
    async (t) => {
      const secure = await startSecure(t);
      const session = join(secure.folder, 'session');
      const first = await client(secure, [option, '-sess_out', session]);
      assert.match(first.stdout, new RegExp(`New, ${protocol}, Cipher is `));
      assert.match(first.stdout, /Verif(?:y return code: 0|ication: OK)/);
      assert.match(first.stdout, /HTTP\/1\.1 200 [\s\S]*\r\n\r\nxxx/);
      const second = await client(secure, [option, '-sess_in', session]);
      assert.match(second.stdout, new RegExp(`Reused, ${protocol}, Cipher is `));
      assert.match(second.stdout, /HTTP\/1\.1 200 /);
    },
  );
}

peerTest('openssl: TLS 1.1 is refused', ['openssl'], async (t) => {
  const { stdout } = await client(await startSecure(t), ['-tls1_1', '-cipher', 'ALL:@SECLEVEL=0']);
  assert.match(stdout, /Cipher is \(NONE\)/);
});

peerTest('openssl: a name without a certificate is refused by name', ['openssl'], async (t) => {
  const refused = await client(await startSecure(t), [], ['-servername', 'other.example.com']);
  assert.notEqual(refused.code, 0);
  assert.match(refused.stderr, /alert (?:unrecognized name|handshake failure)/);
});

for (const serverName of [['-noservername'], ['-servername', 'other.example.com']]) {
  const title = `openssl ${serverName.join(' ')}: the default certificate is shown`;
  peerTest(title, ['openssl'], async (t) => {
    const secure = await startSecure(t, { defaultCertificate: domain });
    const { stdout } = await client(secure, [], serverName);
    assert.match(stdout, /subject=CN = secure\.example\.com/);
    assert.match(stdout, /HTTP\/1\.1 200 /);
  });
}

peerTest(
  'curl: HTTPS, verified by name, and the backend is told',
  ['curl', 'openssl'],
  async (t) => {
    const { port, certificate } = await startSecure(t);
    const { stdout, stderr } = await run('curl', [
      ...['-sS', '--cacert', certificate.certFile, '--connect-to', `::127.0.0.1:${port}`],
      `https://${domain}/inspect`,
    ]);
    assert.equal(stderr, '');
    const { headers } = JSON.parse(stdout) as IInspection;
    assert.equal(headers['x-forwarded-proto'], 'https');
  },
);

interface IFinding {
  id: string;
  severity: string;
  finding: string;
}

peerTest('testssl: no protocol, cipher or weakness worse than medium', ['testssl'], async (t) => {
  const { port, folder } = await startSecure(t);
  const file = join(folder, 'findings.json');
  await run('testssl', [
    ...['--quiet', '--color', '0', '--warnings', 'off', '--ip', '127.0.0.1', '--jsonfile', file],
    ...['-p', '-s', '-f', '-U', `${domain}:${port}`],
  ]);
  const findings = JSON.parse(readFileSync(file, 'utf8')) as IFinding[];
  const bad = findings.filter(({ severity }) => ['HIGH', 'CRITICAL'].includes(severity));
  assert.deepEqual(bad, []);
  const tls13 = findings.find(({ id }) => id === 'TLS1_3');
  assert.match(tls13?.finding ?? '', /offered/);
});

import assert from 'node:assert/strict';
import type { Socket } from 'node:net';
import type { TestContext } from 'node:test';
import { TLSSocket } from 'node:tls';
import type { TPortProxyInput } from '../../ts_interfaces/index.ts';
import { certificateOf } from '../fixtures/control-plane.ts';
import { startServer } from '../suites/tcp.ts';
import { makeCertificate } from './certificate.ts';
import { type IInspection, startOrigin, startRouterWith } from './origin.ts';
import { folderFor, freePort, type IOutcome, peerTest, run, serve } from './peer.ts';

const names = ['one.test', 'two.test'] as const;

/** openssl servers that send back each line reversed, by their names; each has its own certificate. */
async function startServers(t: TestContext): Promise<Record<(typeof names)[number], number>> {
  const folder = folderFor(t);
  const ports = { 'one.test': await freePort(), 'two.test': await freePort() };
  for (const name of names) {
    const { certFile } = makeCertificate(folder, name);
    const files = ['-cert', certFile, '-key', certFile.replace(/crt$/, 'key')];
    const accept = ['-accept', `127.0.0.1:${ports[name]}`, '-alpn', 'h2,http/1.1'];
    await serve(t, ['openssl', 's_server', '-rev', '-quiet', ...accept, ...files], ports[name]);
  }
  return ports;
}

/** Starts one TCP entry, and returns its port. */
async function startEntry(t: TestContext, entry: TPortProxyInput): Promise<number> {
  const { ports } = await startRouterWith(t, {
    certificates: [{ domain: '*.example.test', ...certificateOf('wildcard') }],
    web: { entrypoints: {} },
    tcp: { id: 'entry', address: '127.0.0.1', fromPort: 0, ...entry },
  });
  return ports['tcp:entry'] ?? 0;
}

/** A TLS client that says a line, and ends when the other side does. */
function openssl(port: number, args: readonly string[], input = 'hello\nCLOSE\n') {
  const base = ['s_client', '-connect', `127.0.0.1:${port}`, '-ign_eof'];
  return run('openssl', [...base, ...args], { input });
}

/** A long list of protocols, so that the hello does not fit into a packet. */
const longAlpn = Array.from({ length: 40 }, (_, index) => `protocol-${index}-${'x'.repeat(200)}`);

const hellos: Record<string, string[]> = {
  'TLS 1.3': [],
  'TLS 1.2': ['-tls1_2'],
  ALPN: ['-alpn', 'h2'],
  'a hello in many packets': ['-alpn', [...longAlpn, 'h2'].join(',')],
  'a hello in many records': ['-alpn', [...longAlpn, 'h2'].join(','), '-max_send_frag', '512'],
};

for (const [title, args] of Object.entries(hellos)) {
  peerTest(`openssl through SNI pass-through: ${title}`, ['openssl'], async (t) => {
    const servers = await startServers(t);
    const port = await startEntry(t, {
      domainConfigs: [
        { domains: ['one.test'], toPort: servers['one.test'] },
        { domains: ['*.test'], toPort: servers['two.test'] },
      ],
      unknownName: 'reset',
    });
    for (const name of names) {
      const { stdout } = await openssl(port, ['-servername', name, ...args]);
      assert.match(stdout, new RegExp(`subject=CN = ${name}\n`));
      assert.match(stdout, /\nolleh\n/);
      assert.match(stdout, args.includes('-alpn') ? /ALPN protocol: h2/ : /No ALPN negotiated/);
      assert.match(stdout, args.includes('-tls1_2') ? /TLSv1\.2/ : /TLSv1\.3/);
    }
    for (const unknown of [['-noservername'], ['-servername', 'three.example']]) {
      const { code, stdout } = await openssl(port, [...unknown, ...args]);
      assert.notEqual(code, 0);
      assert.match(stdout, /no peer certificate available/);
    }
  });
}

peerTest('openssl through SNI pass-through: by ALPN, and the default', ['openssl'], async (t) => {
  const servers = await startServers(t);
  const port = await startEntry(t, {
    domainConfigs: [{ domains: ['*'], alpn: ['h2'], toPort: servers['one.test'] }],
    toPort: servers['two.test'],
  });
  const subject = ({ stdout }: IOutcome) => /subject=CN = (.*)\n/.exec(stdout)?.[1];
  const asked = ['-servername', 'any.test'];
  assert.equal(subject(await openssl(port, [...asked, '-alpn', 'h2'])), 'one.test');
  assert.equal(subject(await openssl(port, [...asked, '-alpn', 'http/1.1'])), 'two.test');
  assert.equal(subject(await openssl(port, asked)), 'two.test');
});

/** A mail server of a few words, which speaks first and can STARTTLS. */
async function startMail(t: TestContext): Promise<number> {
  const { port } = await startServer(t, (socket) => {
    socket.write('220 mail.example.test ESMTP\r\n');
    talk(socket, () => {
      socket.removeAllListeners('data');
      const material = certificateOf('wildcard');
      talk(new TLSSocket(socket, { isServer: true, ...material }), () => assert.fail());
    });
  });
  return port;
}

function talk(socket: Socket, startTls: () => void): void {
  socket.on('error', () => socket.destroy());
  socket.on('data', (bytes: Buffer) => {
    for (const line of bytes.toString('latin1').split('\r\n').slice(0, -1)) {
      const verb = line.slice(0, 4).toUpperCase();
      if (verb === 'EHLO') socket.write('250-mail.example.test\r\n250 STARTTLS\r\n');
      else if (verb === 'QUIT') socket.end('221 bye\r\n');
      else if (verb !== 'STAR') socket.write('250 fine\r\n');
      else socket.write('220 go on\r\n', startTls);
    }
  });
}

for (const entry of ['an entry', 'protocol: silent'] as const) {
  peerTest(`a server that speaks first, through ${entry}`, ['socat', 'openssl'], async (t) => {
    const mail = await startMail(t);
    const servers = await startServers(t);
    const port = await startEntry(
      t,
      entry === 'an entry'
        ? { toPort: mail }
        : {
            domainConfigs: [
              { protocol: 'silent', toPort: mail },
              { domains: ['one.test'], toPort: servers['one.test'] },
            ],
            timeouts: { silentMs: 50 },
          },
    );
    // Its first word comes before the client has said anything.
    const { stdout } = await run('socat', ['-u', `TCP4:127.0.0.1:${port},readbytes=4`, '-']);
    assert.equal(stdout, '220 ');
    const begun = await openssl(port, ['-starttls', 'smtp', '-crlf'], 'NOOP\nQUIT\n');
    assert.match(begun.stdout, /subject=CN = wildcard test\n/);
    assert.match(begun.stdout, /250 fine\r?\n[\s\S]*221 bye/);
    if (entry === 'an entry') return;
    const passed = await openssl(port, ['-servername', 'one.test']);
    assert.match(passed.stdout, /subject=CN = one\.test\n/);
  });
}

for (const version of ['-tls1_2', '-tls1_3']) {
  peerTest(
    `openssl ${version}: TLS ends here, the backend gets plain TCP`,
    ['openssl'],
    async (t) => {
      const mail = await startMail(t);
      const port = await startEntry(t, { toPort: mail, tls: 'terminate' });
      const asked = [version, '-servername', 'mail.example.test', '-crlf'];
      const { code, stdout } = await openssl(port, asked, 'NOOP\nQUIT\n');
      assert.equal(code, 0);
      assert.match(stdout, /subject=CN = wildcard test\n/);
      assert.match(stdout, /220 mail[\s\S]*250 fine\r?\n[\s\S]*221 bye/);
      const refused = await openssl(port, [version, '-servername', 'mail.example.org']);
      assert.notEqual(refused.code, 0);
    },
  );
}

peerTest('openssl behind: TLS ends here and begins anew', ['openssl'], async (t) => {
  const servers = await startServers(t);
  const port = await startEntry(t, {
    tls: 'terminate',
    backends: [{ hostname: '127.0.0.1', port: servers['one.test'], tls: { verify: false } }],
  });
  const { stdout } = await openssl(port, ['-servername', 'a.example.test']);
  assert.match(stdout, /subject=CN = wildcard test\n/);
  assert.match(stdout, /\nolleh\n/);
});

peerTest(
  'curl and openssl on one port: web plane by TLS and plain HTTP, other names passed through',
  ['curl', 'openssl', 'socat'],
  async (t) => {
    const servers = await startServers(t);
    const origin = await startOrigin(t);
    const echo = await startServer(t, (socket) => void socket.pipe(socket));
    const backends = [{ hostname: '127.0.0.1', port: origin }];
    const { ports } = await startRouterWith(t, {
      certificates: [{ domain: '*.example.test', ...certificateOf('wildcard') }],
      web: { entrypoints: {}, routes: [{ id: 'all', vHost: '*', backends }] },
      tcp: {
        ...{ id: 'edge', address: '127.0.0.1', fromPort: 0 },
        domainConfigs: [
          { domains: ['one.test'], toPort: servers['one.test'] },
          { domains: ['*.example.test'], useNetworkProxy: true },
          { protocol: 'http', useNetworkProxy: true },
          { protocol: 'other', toPort: echo.port },
        ],
      },
    });
    const port = ports['tcp:edge'] ?? 0;
    const curl = async (url: string, ...args: string[]) => {
      const connectTo = ['--connect-to', `::127.0.0.1:${port}`, '--noproxy', '*', '-m', '10'];
      const { code, stdout, stderr } = await run('curl', ['-sS', '-k', ...connectTo, ...args, url]);
      assert.equal(code, 0, stderr);
      return stdout;
    };
    const secure = JSON.parse(await curl('https://a.example.test/inspect')) as IInspection;
    assert.equal(secure.headers['x-forwarded-proto'], 'https');
    const plain = JSON.parse(await curl('http://b.test/inspect')) as IInspection;
    assert.equal(plain.headers['x-forwarded-proto'], 'http');
    assert.equal(plain.headers.host, 'b.test');
    const large = 'x'.repeat(300_000);
    for (const url of ['https://a.example.test', 'http://a.test']) {
      const twice = await curl(`${url}/bytes/300000`, `${url}/chunked/300000`);
      assert.equal(twice, large + large, 'two requests of a connection');
      const body = ['-H', 'Expect: 100-continue', '--data-binary', '@-'];
      const connectTo = ['--connect-to', `::127.0.0.1:${port}`, '--noproxy', '*', '-m', '10'];
      const posted = await run('curl', ['-sS', '-k', ...connectTo, ...body, `${url}/inspect`], {
        input: large,
      });
      assert.equal((JSON.parse(posted.stdout) as IInspection).bodyBytes, 300_000);
    }
    const passed = await openssl(port, ['-servername', 'one.test']);
    assert.match(passed.stdout, /subject=CN = one\.test\n[\s\S]*\nolleh\n/);
    const other = await run('socat', ['-t5', '-', `TCP4:127.0.0.1:${port}`], { input: '\0other' });
    assert.equal(other.stdout, '\0other');
  },
);

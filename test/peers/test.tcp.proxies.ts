import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import type {
  IDcRouterOptions,
  IProxyProtocol,
  TPortProxyInput,
} from '../../ts_interfaces/index.ts';
import { certificateOf } from '../fixtures/control-plane.ts';
import { startServer } from '../suites/tcp.ts';
import { serveHaproxy, serveNginxStream, streamObstacle } from './balancers.ts';
import { type IInspection, startOrigin, startRouterWith } from './origin.ts';
import { folderFor, freePort, peerTest, run, serveNginx } from './peer.ts';

/** The address that clients of these tests come from; proxies come from 127.0.0.1. */
const client = '127.0.0.9';
const name = 'a.example.test';
const loopback = { address: '127.0.0.1', port: 0 };
const fromHaproxy: IProxyProtocol = { from: ['127.0.0.1'] };

/** What an entry for the backend is told; it is on a free port of loopback. */
type TEntry = Omit<TPortProxyInput, 'id' | 'address' | 'fromPort'>;

interface IPorts {
  http: number;
  https: number;
  tcp: number;
}

/** A router with web entrypoints (plain and TLS) and a TCP entry. */
async function startAll(
  t: TestContext,
  origin: number,
  proxyProtocol: IProxyProtocol | undefined,
  entry: TEntry,
): Promise<IPorts> {
  const options: IDcRouterOptions = {
    certificates: [{ domain: '*.example.test', ...certificateOf('wildcard') }],
    web: {
      entrypoints: {
        http: { ...loopback, proxyProtocol },
        https: { ...loopback, tls: true, proxyProtocol },
      },
      routes: [{ id: 'all', vHost: '*', backends: [{ hostname: '127.0.0.1', port: origin }] }],
    },
    tcp: { id: 'entry', address: '127.0.0.1', fromPort: 0, proxyProtocol, ...entry },
  };
  const { ports } = await startRouterWith(t, options);
  return { http: ports.http ?? 0, https: ports.https ?? 0, tcp: ports['tcp:entry'] ?? 0 };
}

/** curl from the client's address. */
async function curl(url: string, ...args: string[]): Promise<string> {
  const from = ['--interface', client, '--noproxy', '*', '-m', '10'];
  const { code, stdout, stderr } = await run('curl', ['-sS', '-k', ...from, ...args, url]);
  assert.equal(code, 0, stderr);
  return stdout;
}

async function inspect(url: string, ...args: string[]): Promise<IInspection> {
  return JSON.parse(await curl(url, ...args)) as IInspection;
}

/** A server that sends back the first line that it gets, and then the rest. */
async function startLines(t: TestContext): Promise<number> {
  const { port } = await startServer(t, (socket) => void socket.pipe(socket));
  return port;
}

const manners = {
  'send-proxy': 'send-proxy',
  'send-proxy-v2': 'send-proxy-v2',
  'send-proxy-v2 with TLVs': 'send-proxy-v2 proxy-v2-options crc32c,unique-id,authority',
};

for (const [title, manner] of Object.entries(manners)) {
  peerTest(
    `HAProxy in front, ${title}: who the client is`,
    ['haproxy', 'curl', 'socat'],
    async (t) => {
      const origin = await startOrigin(t);
      const us = await startAll(t, origin, fromHaproxy, {
        toPort: await startLines(t),
        sendProxyProtocol: 'v1',
      });
      const at = { http: await freePort(), https: await freePort(), tcp: await freePort() };
      const sections = (['http', 'https', 'tcp'] as const).map(
        (plane) => `listen ${plane}
  mode tcp
  unique-id-format %{+X}o\\ %ci:%cp_%rt
  bind 127.0.0.1:${at[plane]}
  server us 127.0.0.1:${us[plane]} ${manner}`,
      );
      await serveHaproxy(t, at.tcp, sections.join('\n'));

      const plain = await inspect(`http://127.0.0.1:${at.http}/inspect`);
      assert.equal(plain.headers['x-forwarded-for'], client);
      assert.equal(plain.headers['x-real-ip'], client);
      const connectTo = ['--connect-to', `::127.0.0.1:${at.https}`];
      const secure = await inspect(`https://${name}/inspect`, ...connectTo);
      assert.equal(secure.headers['x-forwarded-for'], client);
      assert.equal(secure.headers['x-forwarded-proto'], 'https');

      const where = `TCP4:127.0.0.1:${at.tcp},bind=${client}`;
      const { stdout } = await run('socat', ['-t5', '-', where], { input: 'hello' });
      assert.match(
        stdout,
        new RegExp(`^PROXY TCP4 ${client} 127\\.0\\.0\\.1 \\d+ ${at.tcp}\r\nhello$`),
      );
    },
  );
}

peerTest(
  'HAProxy in front, TLS ended there, send-proxy-v2-ssl-cn: web plane and TCP entry read past the TLVs',
  ['haproxy', 'curl'],
  async (t) => {
    const origin = await startOrigin(t);
    const us = await startAll(t, origin, fromHaproxy, { useNetworkProxy: true });
    const folder = folderFor(t);
    const files = { server: join(folder, 'server.pem'), root: join(folder, 'root.pem') };
    const { cert, key } = certificateOf('wildcard');
    writeFileSync(files.server, cert + key);
    writeFileSync(files.root, certificateOf('root', 'ecdsa').cert);
    const own = certificateOf('client');
    const mine = { cert: join(folder, 'client.pem'), key: join(folder, 'client.key') };
    writeFileSync(mine.cert, own.cert);
    writeFileSync(mine.key, own.key);
    const at = { http: await freePort(), tcp: await freePort() };
    const options = 'proxy-v2-options ssl,cert-cn,cert-key,cert-sig,ssl-cipher,authority,crc32c';
    const sections = (['http', 'tcp'] as const).map(
      (plane) => `listen ${plane}
  mode http
  bind 127.0.0.1:${at[plane]} ssl crt ${files.server} ca-file ${files.root} verify optional
  server us 127.0.0.1:${us[plane]} send-proxy-v2-ssl-cn ${options}`,
    );
    await serveHaproxy(t, at.tcp, sections.join('\n'));
    for (const port of [at.http, at.tcp]) {
      const args = ['--connect-to', `::127.0.0.1:${port}`, '--cert', mine.cert, '--key', mine.key];
      const seen = await inspect(`https://${name}/inspect`, ...args);
      assert.equal(seen.headers['x-forwarded-for'], client);
      const anonymous = await inspect(`https://${name}/inspect`, ...args.slice(0, 2));
      assert.equal(anonymous.headers['x-forwarded-for'], client);
    }
  },
);

peerTest(
  'HAProxy in front: its health checks come without a client, and are answered',
  ['haproxy', 'curl'],
  async (t) => {
    const { port: origin, asked } = await startCounted(t);
    const us = await startAll(t, origin, fromHaproxy, { toPort: origin });
    const at = { http: await freePort(), tcp: await freePort() };
    const sections = (['http', 'tcp'] as const).map(
      (plane) => `listen ${plane}
  mode http
  option httpchk GET /health
  bind 127.0.0.1:${at[plane]}
  server us 127.0.0.1:${us[plane]} send-proxy-v2 check inter 50 fall 1 rise 1000`,
    );
    await serveHaproxy(t, at.tcp, sections.join('\n'));
    // A check that failed would take us out for good.
    while (asked() < 10) await new Promise((resolve) => setTimeout(resolve, 10));
    for (const port of Object.values(at)) {
      assert.equal(await curl(`http://127.0.0.1:${port}/`), 'fine');
    }
  },
);

/** An origin that counts its health checks. */
async function startCounted(t: TestContext): Promise<{ port: number; asked: () => number }> {
  let asked = 0;
  const { port } = await startServer(t, (socket) => {
    socket.on('data', (bytes: Buffer) => {
      if (bytes.includes('GET /health')) asked++;
      socket.end('HTTP/1.1 200 OK\r\nContent-Length: 4\r\nConnection: close\r\n\r\nfine');
    });
  });
  return { port, asked: () => asked };
}

peerTest(
  'curl --haproxy-protocol: believed of whom we trust; of a stranger it is no header',
  ['curl'],
  async (t) => {
    const origin = await startOrigin(t);
    const status = async (port: number, ...args: string[]) => {
      const url = `http://127.0.0.1:${port}/inspect`;
      const shown = ['-o', '/dev/null', '-w', '%{http_code}', '--noproxy', '*', '-m', '10'];
      return (await run('curl', ['-sS', ...shown, ...args, url])).stdout;
    };
    const trusted = ['--interface', '127.0.0.1', '--haproxy-protocol'];
    const stranger = ['--interface', client, '--haproxy-protocol'];
    const required = await startAll(t, origin, fromHaproxy, { toPort: origin });
    for (const port of [required.http, required.tcp]) {
      assert.equal(await status(port, ...trusted), '200');
      assert.equal(await status(port, ...stranger), '000', 'closed');
      assert.equal(await status(port, '--interface', '127.0.0.1'), '000', 'without a header');
    }
    const optional = await startAll(
      t,
      origin,
      { ...fromHaproxy, mode: 'optional' },
      { useNetworkProxy: true },
    );
    for (const port of [optional.http, optional.tcp]) {
      assert.equal(await status(port, ...trusted), '200');
      assert.equal(await status(port, ...stranger), '400', 'a bad request line');
      assert.equal(await status(port, '--interface', client), '200');
      assert.equal(await status(port, '--interface', '127.0.0.1'), '200');
    }
    const { headers } = await inspect(`http://127.0.0.1:${optional.tcp}/inspect`);
    assert.equal(headers['x-forwarded-for'], client);
  },
);

peerTest(
  'nginx stream in front with proxy_protocol, and behind: the client arrives',
  ['nginx', 'curl', 'socat'],
  async (t) => {
    const origin = await startOrigin(t);
    const [front, frontTcp, behind] = [await freePort(), await freePort(), await freePort()];
    const us = await startAll(t, origin, fromHaproxy, {
      toPort: behind,
      sendProxyProtocol: 'v2',
    });
    await serveNginxStream(
      t,
      front,
      `
      server { listen 127.0.0.1:${front}; proxy_pass 127.0.0.1:${us.http}; proxy_protocol on; }
      server { listen 127.0.0.1:${frontTcp}; proxy_pass 127.0.0.1:${us.tcp}; proxy_protocol on; }
      server {
        listen 127.0.0.1:${behind} proxy_protocol;
        return "$proxy_protocol_addr to $proxy_protocol_server_addr:$proxy_protocol_server_port";
      }`,
    );
    const { headers } = await inspect(`http://127.0.0.1:${front}/inspect`);
    assert.equal(headers['x-forwarded-for'], client);
    const where = `TCP4:127.0.0.1:${frontTcp},bind=${client}`;
    // Only listening: nginx ends what a client half closes.
    const { stdout } = await run('socat', ['-u', where, '-']);
    assert.equal(stdout, `${client} to 127.0.0.1:${frontTcp}`);
  },
  streamObstacle,
);

for (const version of ['v1', 'v2'] as const) {
  peerTest(
    `HAProxy and nginx behind, sendProxyProtocol ${version}: TCP entries and backends of routes`,
    ['haproxy', 'nginx', 'curl'],
    async (t) => {
      const [haproxy, nginx] = [await freePort(), await freePort()];
      await serveHaproxy(
        t,
        haproxy,
        `frontend behind
  mode http
  bind 127.0.0.1:${haproxy} accept-proxy
  http-request return status 200 content-type text/plain lf-string "%[src] %[src_port] %[dst_port]"`,
      );
      const said = '$proxy_protocol_addr $proxy_protocol_port $proxy_protocol_server_port';
      await serveNginx(
        t,
        nginx,
        () =>
          `server { listen 127.0.0.1:${nginx} proxy_protocol; location / { return 200 "${said}"; } }`,
      );
      const backends = [haproxy, nginx].map((port) => ({
        ...{ hostname: '127.0.0.1', port, sendProxyProtocol: version },
      }));
      const { ports } = await startRouterWith(t, {
        web: { entrypoints: { http: loopback }, routes: [{ id: 'all', vHost: '*', backends }] },
        tcp: [
          {
            ...{ id: 'entry', address: '127.0.0.1', fromPort: 0 },
            ...{ toPort: [haproxy, nginx], sendProxyProtocol: version },
          },
        ],
      });
      for (const port of [ports.http, ports['tcp:entry']]) {
        // Several requests on a connection, and then another client: each backend hears the truth.
        const url = `http://127.0.0.1:${port}/`;
        const shown = ['-w', ' %{local_port}\n'];
        const lines = (await curl(url, ...shown, url, url, url)).trim().split('\n');
        const other = await run('curl', ['-sS', '--interface', '127.0.0.8', ...shown, url, url]);
        lines.push(...other.stdout.trim().split('\n'));
        assert.equal(lines.length, 6);
        for (const [index, line] of lines.entries()) {
          const [address, from, to, local] = line.split(' ');
          assert.equal(address, index < 4 ? client : '127.0.0.8');
          assert.equal(from, local);
          assert.equal(to, String(port));
        }
      }
    },
  );
}

peerTest(
  'HAProxy behind, v2: the name that the client asked for is told',
  ['haproxy', 'curl'],
  async (t) => {
    const haproxy = await freePort();
    await serveHaproxy(
      t,
      haproxy,
      `frontend behind
  mode http
  bind 127.0.0.1:${haproxy} accept-proxy
  http-request return status 200 content-type text/plain lf-string "%[src] %[fc_pp_authority]"`,
    );
    const us = await startAll(t, 1, undefined, {
      ...{ tls: 'terminate', toPort: haproxy, sendProxyProtocol: 'v2' },
    });
    const text = await curl(`https://${name}/`, '--connect-to', `::127.0.0.1:${us.tcp}`);
    assert.equal(text, `${client} ${name}`);
  },
);

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import { type TestContext, test } from 'node:test';
import { createServer as createTls } from 'node:tls';
import { parseProxyHeader } from '../ts/net/proxy-protocol.ts';
import type { TBackendInput } from '../ts_interfaces/index.ts';
import { get, identity, ok, post, startBackend, startProxy } from './suites/engine.ts';
import { Peer } from './suites/peer.ts';

/** A connection whose header was read, and which may then go on by TLS. */
interface ITold {
  source: string;
  destination: string;
  peer: Peer;
}

/** Reads a version 1 or 2 header, byte for byte, so that what follows is left alone. */
async function readHeader(socket: Socket): Promise<Buffer> {
  let bytes = Buffer.alloc(0);
  for (;;) {
    const next: Buffer | null = socket.read(1);
    if (next === null) {
      await once(socket, 'readable');
      continue;
    }
    bytes = Buffer.concat([bytes, next]);
    if (parseProxyHeader(bytes, 0, bytes.length).kind !== 'incomplete') return bytes;
  }
}

/** A backend that wants a header on each connection, and answers each request with what it says. */
async function startTold(context: TestContext, isTls = false) {
  const told: ITold[] = [];
  const sockets = new Set<Socket>();
  const serve = async (peer: Peer, source: string) => {
    for (;;) {
      const { head } = await peer.readRequest();
      peer.write(ok(`${source} ${head.target}`));
    }
  };
  const begin = (socket: Socket, source: string, destination: string) => {
    const peer = new Peer(socket);
    told.push({ source, destination, peer });
    serve(peer, source).catch(() => socket.destroy());
  };
  const secure: Server = createTls(identity);
  const server = createServer(async (socket) => {
    sockets.add(socket);
    socket.on('error', () => socket.destroy());
    const bytes = await readHeader(socket);
    const found = parseProxyHeader(bytes, 0, bytes.length);
    assert.ok(found.kind === 'header', 'a header comes first');
    const { sourceIp, sourcePort, destinationIp, destinationPort } = found.header;
    const source = `${sourceIp}:${sourcePort}`;
    const destination = `${destinationIp}:${destinationPort}`;
    if (!isTls) return begin(socket, source, destination);
    secure.once('secureConnection', (inner: Socket) => begin(inner, source, destination));
    secure.emit('connection', socket);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  context.after(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  const { port } = server.address() as { port: number };
  const tls = isTls ? { ca: identity.ca, serverName: 'example.test' } : undefined;
  const input = (version: 'v1' | 'v2', hostname = '127.0.0.1'): TBackendInput => ({
    hostname,
    port,
    sendProxyProtocol: version,
    ...(tls === undefined ? {} : { tls }),
  });
  return { told, port, input };
}

function localOf(peer: Peer): string {
  return `127.0.0.1:${peer.socket.localPort}`;
}

for (const isTls of [false, true]) {
  for (const version of ['v1', 'v2'] as const) {
    const name = `${version}${isTls ? ' before TLS' : ''}`;
    test(`${name}: each connection says who the client is, and has one request`, async (context) => {
      const { told, input } = await startTold(context, isTls);
      const proxy = await startProxy(context, [], { route: { backends: [input(version)] } });
      const clients = [await proxy.dial(), await proxy.dial()];
      const bodies = [];
      for (const client of [...clients, ...clients]) {
        client.write(get('/x'));
        bodies.push((await client.readResponse()).body.toString());
      }
      const expected = [...clients, ...clients].map((client) => `${localOf(client)} /x`);
      assert.deepEqual(bodies, expected);
      assert.equal(told.length, 4);
      for (const { destination, peer } of told) {
        assert.equal(destination, `127.0.0.1:${proxy.port}`);
        assert.equal(await peer.closed(), 'end');
      }
      assert.equal(proxy.manager.idleConnections(proxy.route.endpoints[0] as never), 0);
    });
  }
}

test('a name is looked up, and the header still comes first, by TLS too', async (context) => {
  const { input } = await startTold(context, true);
  const proxy = await startProxy(context, [], { route: { backends: [input('v2', 'localhost')] } });
  const client = await proxy.dialTls();
  client.write(post('/post', 'body'));
  assert.equal((await client.readResponse()).body.toString(), `${localOf(client)} /post`);
});

test('behind a trusted proxy the client that it names is told of, without a port', async (context) => {
  const { input } = await startTold(context);
  const proxy = await startProxy(context, [], {
    route: { backends: [input('v1')] },
    web: { trustedProxies: ['127.0.0.1'] },
  });
  const client = await proxy.dial();
  const cases = [
    { from: '203.0.113.9', told: '203.0.113.9:0' },
    { from: '2001:db8::9', told: '2001:db8::9:0' },
    { from: 'unknown', told: localOf(client) },
  ];
  for (const { from, told } of cases) {
    client.write(get('/', `X-Forwarded-For: ${from}\r\n`));
    assert.equal((await client.readResponse()).body.toString(), `${told} /`);
  }
});

test('what a stranger claims is not told', async (context) => {
  const { input } = await startTold(context);
  const proxy = await startProxy(context, [], { route: { backends: [input('v1')] } });
  const client = await proxy.dial();
  client.write(get('/', 'X-Forwarded-For: 203.0.113.9\r\n'));
  assert.equal((await client.readResponse()).body.toString(), `${localOf(client)} /`);
});

test('a backend with a header shares no connections with the same one without', async (context) => {
  const seen: string[] = [];
  const backend = await startBackend(context, async (peer) => {
    for (;;) {
      const head = await peer.readHead();
      seen.push(head.line.split(' ')[0] ?? '');
      // Behind the header stands the request; both were read up to the request's end.
      peer.write(ok('x'));
    }
  });
  const proxy = await startProxy(context, [backend]);
  const { router } = proxy.manager;
  router.addRoute({
    id: 'told',
    vHost: 'told.test',
    backends: [{ ...backend.input, sendProxyProtocol: 'v1' }],
  });
  const client = await proxy.dial();
  for (const host of ['example.test', 'told.test', 'example.test', 'told.test']) {
    client.write(`GET / HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
    await client.readResponse();
  }
  assert.deepEqual(seen, ['GET', 'PROXY', 'GET', 'PROXY']);
  assert.equal(backend.peers.length, 3);
});

test('a refused connection is tried elsewhere, before TLS too', async (context) => {
  for (const isTls of [false, true]) {
    const { input } = await startTold(context, isTls);
    const closed = createServer().listen(0, '127.0.0.1');
    await once(closed, 'listening');
    const { port } = closed.address() as { port: number };
    closed.close();
    const proxy = await startProxy(context, [], {
      route: {
        strategy: 'ROUND_ROBIN',
        health: { failuresMax: 1, recoveryIntervalMs: 600_000 },
        backends: [
          { ...input('v2'), id: 'dead', port },
          { ...input('v2'), id: 'well' },
        ],
      },
    });
    const client = await proxy.dial();
    client.write(get('/'));
    assert.equal((await client.readResponse()).head.status, 200);
    assert.deepEqual(
      proxy.route.endpoints.map(({ id, isDead }) => [id, isDead]),
      [
        ['dead', true],
        ['well', false],
      ],
    );
  }
});

test('a backend that closes in the TLS handshake behind the header gives 502', async (context) => {
  const backend = await startBackend(context, (peer) => peer.end());
  const { input } = backend;
  const told = { ...input, sendProxyProtocol: 'v2' as const, tls: { verify: false } };
  const proxy = await startProxy(context, [], { route: { backends: [told] } });
  const client = await proxy.dial();
  client.write(get('/'));
  assert.equal((await client.readResponse()).head.status, 502);
});

test('a client that leaves while the connection is made takes it along', async (context) => {
  const backend = await startBackend(context, async (peer) => {
    await peer.readTo('\r\n');
    await peer.closed();
  });
  const told = {
    ...backend.input,
    sendProxyProtocol: 'v1' as const,
    tls: { verify: false },
  };
  const proxy = await startProxy(context, [], { route: { backends: [told] } });
  const client = await proxy.dial();
  client.write(get('/'));
  const started = performance.now();
  while (backend.peers.length === 0 || backend.peers[0]?.bytesRead === 0) {
    assert.ok(performance.now() - started < 5000);
    await new Promise((resolve) => setImmediate(resolve));
  }
  client.reset();
  await backend.peers[0]?.closed();
});

test('an HTTP probe says that it speaks for itself', async (context) => {
  const { told, input } = await startTold(context);
  const proxy = await startProxy(context, [], {
    route: {
      backends: [{ ...input('v2'), isDead: true }],
      health: { probe: 'http', recoveryIntervalMs: 100 },
    },
  });
  const [endpoint] = proxy.route.endpoints;
  const started = performance.now();
  while (endpoint?.isDead === true) {
    assert.ok(performance.now() - started < 5000, 'the probe is answered');
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  assert.equal(told[0]?.source, ':0');
});

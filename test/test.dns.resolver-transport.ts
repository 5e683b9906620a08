import assert from 'node:assert/strict';
import dgram from 'node:dgram';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import http2 from 'node:http2';
import https from 'node:https';
import net from 'node:net';
import { type TestContext, test } from 'node:test';
import tls from 'node:tls';
import { encodeMessage } from '../ts/dns/codec/encode.ts';
import { decodeMessage, type IMessage, responseTo } from '../ts/dns/codec/message.ts';
import {
  createResolver,
  type IServer,
  NodeTransport,
  type TServerProtocol,
} from '../ts/dns/resolver/index.ts';
import { record } from './dns/internet.ts';

const ca = pem('root.cert');
const cert = pem('chain.cert');
const key = pem('ecdsa.key');

function pem(name: string): string {
  return readFileSync(new URL(`./fixtures/certificates/${name}.pem`, import.meta.url), 'utf8');
}

/** The answer to a query: so many addresses of the name that was asked for. */
function answerTo(bytes: Buffer, count = 1): Buffer {
  const query = decodeMessage(bytes) as IMessage;
  const name = query.question[0]?.name as Buffer;
  const answer = Array.from({ length: count }, (_, index) => {
    return { ...record(`x. 60 A 192.0.2.${index}`), name };
  });
  return encodeMessage({ ...responseTo(query, 0), recursionAvailable: true, answer });
}

function framed(message: Buffer): Buffer {
  const head = Buffer.alloc(2);
  head.writeUInt16BE(message.length);
  return Buffer.concat([head, message]);
}

/** Answers each query of a stream. */
function answerStream(socket: net.Socket, count = 1): void {
  let rest = Buffer.alloc(0);
  socket.on('error', () => socket.destroy());
  socket.on('data', (bytes) => {
    rest = Buffer.concat([rest, bytes]);
    while (rest.length >= 2 && rest.length >= 2 + rest.readUInt16BE(0)) {
      const end = 2 + rest.readUInt16BE(0);
      socket.write(framed(answerTo(rest.subarray(2, end), count)));
      rest = rest.subarray(end);
    }
  });
}

function resolverFor(context: TestContext, server: IServer) {
  const owned = createResolver({
    mode: { type: 'forward', upstreams: [server] },
    hostsPath: null,
    transport: new NodeTransport({ ca }),
    budget: { timeoutMs: 1500 },
  });
  context.after(() => owned.close());
  return owned.resolver;
}

async function listening(context: TestContext, server: net.Server): Promise<number> {
  const sockets = new Set<net.Socket>();
  server.on('connection', (socket: net.Socket) => sockets.add(socket));
  context.after(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return (server.address() as net.AddressInfo).port;
}

async function udpServer(context: TestContext, port = 0): Promise<dgram.Socket> {
  const socket = dgram.createSocket('udp4');
  context.after(() => socket.close());
  socket.bind(port, '127.0.0.1');
  await once(socket, 'listening');
  return socket;
}

test('NodeTransport: UDP, from a new port for each query', async (t) => {
  const server = await udpServer(t);
  const ports = new Set<number>();
  server.on('message', (bytes, from) => {
    ports.add(from.port);
    server.send(answerTo(bytes), from.port, from.address);
  });
  const { port } = server.address();
  const resolver = resolverFor(t, { address: '127.0.0.1', port, protocol: 'udp' });
  for (let index = 0; index < 10; index++) {
    const { records } = await resolver.resolve(`n${index}.x`, 'A');
    assert.equal(records[0]?.data, '192.0.2.0');
  }
  assert.ok(ports.size >= 9, String(ports.size));
});

test('NodeTransport: what others send to the port is not heard', async (t) => {
  const server = await udpServer(t);
  const stranger = await udpServer(t);
  server.on('message', (bytes, from) => {
    const fake = answerTo(bytes, 7);
    stranger.send(fake, from.port, from.address, () => {
      server.send(answerTo(bytes), from.port, from.address);
    });
  });
  const { port } = server.address();
  const resolver = resolverFor(t, { address: '127.0.0.1', port, protocol: 'udp' });
  assert.equal((await resolver.resolve('a.x', 'A')).records.length, 1);
});

test('NodeTransport: a closed port fails at once', async (t) => {
  const server = dgram.createSocket('udp4');
  server.bind(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  await new Promise<void>((done) => server.close(() => done()));
  for (const protocol of ['udp', 'tcp', 'tls', 'https'] as const) {
    const resolver = resolverFor(t, { address: '127.0.0.1', port, protocol });
    const startMs = performance.now();
    assert.equal((await resolver.resolve('a.x', 'A')).rcode, 'SERVFAIL');
    assert.ok(performance.now() - startMs < 1000, protocol);
  }
});

test('NodeTransport: what UDP truncates comes by TCP', async (t) => {
  const tcp = net.createServer((socket) => answerStream(socket, 200));
  const port = await listening(t, tcp);
  const udp = await udpServer(t, port);
  udp.on('message', (bytes, from) => {
    const truncated = { ...responseTo(decodeMessage(bytes) as IMessage, 0), truncated: true };
    udp.send(encodeMessage(truncated), from.port, from.address);
  });
  const resolver = resolverFor(t, { address: '127.0.0.1', port, protocol: 'udp' });
  assert.equal((await resolver.resolve('a.x', 'A')).records.length, 200);
});

test('NodeTransport: TLS and HTTPS servers must have the certificate for their name', async (t) => {
  const answerPost = (
    request: http2.Http2ServerRequest | IncomingMessage,
    response: http2.Http2ServerResponse | ServerResponse,
  ) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const isRight =
        request.method === 'POST' &&
        request.url === '/dns-query' &&
        request.headers['content-type'] === 'application/dns-message';
      response.statusCode = isRight ? 200 : 400;
      response.setHeader('content-type', 'application/dns-message');
      response.end(answerTo(Buffer.concat(chunks)));
    });
  };
  const doh1 = https.createServer({ cert, key }, answerPost);
  const doh2 = http2.createSecureServer({ cert, key }, answerPost);
  const dot = tls.createServer({ cert, key, ALPNProtocols: ['dot'] }, (socket) => {
    assert.equal(socket.alpnProtocol, 'dot');
    answerStream(socket);
  });
  dot.on('tlsClientError', () => undefined);
  for (const doh of [doh1, doh2]) doh.on('tlsClientError', () => undefined);
  const ports: [TServerProtocol, number][] = [
    ['https', await listening(t, doh1)],
    ['https', await listening(t, doh2)],
    ['tls', await listening(t, dot)],
  ];
  for (const [protocol, port] of ports) {
    const server = { address: '127.0.0.1', port, protocol };
    for (const [serverName, rcode, reason = /^$/] of [
      ['www.example.test', 'NOERROR'],
      [undefined, 'NOERROR'],
      ['other.test', 'SERVFAIL', /does not match/],
    ] as const) {
      const resolver = resolverFor(t, { ...server, serverName });
      const outcome = await resolver.resolve('a.x', 'A');
      assert.equal(outcome.rcode, rcode, `${protocol} ${serverName}`);
      assert.match(outcome.extendedError?.text ?? '', reason);
    }
  }
});

test('NodeTransport: an HTTPS answer that is none, or endless, is a failure', async (t) => {
  const endless = Buffer.alloc(100_000);
  const cases: [status: number, type: string, body: Buffer | null][] = [
    [200, 'application/dns-message', null],
    [404, 'application/dns-message', null],
    [200, 'text/html', null],
    [200, 'application/dns-message', endless],
    [200, 'application/dns-message', Buffer.from('short')],
  ];
  const reasons = [/^$/, /status 404/, /no DNS message/, /too long/, /another question/];
  for (const [index, [status, type, body]] of cases.entries()) {
    const server = https.createServer({ cert, key }, (request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        response.writeHead(status, { 'content-type': type });
        response.end(body ?? answerTo(Buffer.concat(chunks)));
      });
    });
    const port = await listening(t, server);
    const resolver = resolverFor(t, { address: '127.0.0.1', port, protocol: 'https' });
    const { rcode, extendedError } = await resolver.resolve('a.x', 'A');
    assert.equal(rcode, index === 0 ? 'NOERROR' : 'SERVFAIL', `${status} ${type}`);
    assert.match(extendedError?.text ?? '', reasons[index] as RegExp);
  }
});

test('NodeTransport: HTTPS questions share a connection by HTTP/2, and outlive its end', async (t) => {
  const sessions: http2.ServerHttp2Session[] = [];
  let isSilent = false;
  const server = http2.createSecureServer({ cert, key }, (request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      if (isSilent) return;
      response.setHeader('content-type', 'application/dns-message');
      response.end(answerTo(Buffer.concat(chunks)));
    });
  });
  server.on('session', (session) => sessions.push(session));
  const port = await listening(t, server);
  const resolver = resolverFor(t, { address: '127.0.0.1', port, protocol: 'https' });
  const ask = async (names: readonly string[]) => {
    const found = await Promise.all(names.map((name) => resolver.resolve(name, 'A')));
    return found.map(({ rcode }) => rcode);
  };
  assert.deepEqual(await ask(['a.x', 'b.x', 'c.x']), ['NOERROR', 'NOERROR', 'NOERROR']);
  assert.equal(sessions.length, 1);
  const first = sessions[0] ?? assert.fail('there is no connection');
  const closed = once(first, 'close');
  first.goaway();
  first.close();
  // Until the other side knows, a question may still be answered by it.
  await closed;
  assert.deepEqual(await ask(['d.x']), ['NOERROR']);
  sessions[1]?.destroy();
  assert.deepEqual(await ask(['e.x']), ['NOERROR']);
  assert.equal(sessions.length, 3);
  // A connection on which nothing comes back is not used again.
  isSilent = true;
  assert.deepEqual(await ask(['f.x']), ['SERVFAIL']);
  isSilent = false;
  assert.deepEqual(await ask(['g.x']), ['NOERROR']);
  assert.equal(sessions.length, 4);
});

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { type TestContext, test } from 'node:test';
import { type ConnectionOptions, connect as connectTls, createSecureContext } from 'node:tls';
import { onLoopback, planeOf } from './dns/plane.ts';
import { clientSocket, decoded, exchange, plainEdns, queryFor } from './dns/query.ts';
import { certificateOf } from './fixtures/control-plane.ts';

const query = queryFor('www.example.org', 'A', { edns: plainEdns });

/** Sends a message by a stream and gives the next one. */
async function askBy(socket: Socket, bytes = query) {
  const length = Buffer.alloc(2);
  length.writeUInt16BE(bytes.length);
  socket.write(Buffer.concat([length, bytes]));
  for (;;) {
    await once(socket, 'readable');
    const head = socket.read(2) as Buffer | null;
    if (head === null) continue;
    return decoded(socket.read(head.readUInt16BE(0)) as Buffer);
  }
}

async function tcp(context: TestContext, port: number): Promise<Socket> {
  const socket = connect({ port, host: '127.0.0.1' });
  context.after(() => socket.destroy());
  socket.on('error', () => undefined);
  await once(socket, 'connect');
  return socket;
}

const tls = {
  contexts: {
    async find(name: string) {
      const known = { 'dns.example.test': 'wildcard', 'www.example.test': 'chain' }[name];
      if (known === undefined) return undefined;
      const material = certificateOf(known, known === 'chain' ? 'ecdsa' : known);
      return { material, context: createSecureContext(material) };
    },
  },
};

async function dot(context: TestContext, port: number, options: ConnectionOptions = {}) {
  const socket = connectTls({
    ...{ port, host: '127.0.0.1', rejectUnauthorized: false, ALPNProtocols: ['dot'] },
    ...options,
  });
  context.after(() => socket.destroy());
  await once(socket, 'secureConnect');
  return socket;
}

test('one port for UDP and TCP; without options there is none', async (context) => {
  const { book, use, port, plane } = await planeOf(context);
  book.set('example.org', 'www 60 A 192.0.2.1');
  assert.deepEqual(plane.addresses(), {});
  await use({ listeners: onLoopback });
  const socket = await clientSocket(context);
  assert.equal(decoded(await exchange(socket, port(), query)).answer.length, 1);
  assert.equal((await askBy(await tcp(context, port()))).answer.length, 1);
  const { queries, types } = await plane.stats();
  assert.deepEqual([queries.udp, queries.tcp, types], [1, 1, { A: 2 }]);
  await use(undefined);
  assert.deepEqual(plane.addresses(), {});
});

test('listeners come, go and change roles; what stays is not touched', async (context) => {
  const { book, use, port, plane } = await planeOf(context, { tls });
  book.set('example.org', 'www 60 A 192.0.2.1');
  await use({ listeners: { a: onLoopback.dns, b: { ...onLoopback.dns, tls: true } } });
  const [a, b] = [port('a'), port('b')];
  const kept = await tcp(context, a);
  assert.equal((await askBy(kept)).answer.length, 1);
  const at = (port: number) => ({ address: '127.0.0.1', port });
  // By number they are other listeners: a place of our own is no foreign one.
  await use({ listeners: { a: at(a), b: { ...at(b), tls: true } } });
  assert.deepEqual([port('a'), port('b')], [a, b]);
  await use({ listeners: { a: at(b), b: { ...at(a), tls: true } } });
  const secure = await dot(context, a, { servername: 'dns.example.test' });
  assert.equal((await askBy(secure)).answer.length, 1);
  assert.equal((await askBy(await tcp(context, b))).answer.length, 1);
  const socket = await clientSocket(context);
  assert.equal(decoded(await exchange(socket, b, query)).answer.length, 1);
  assert.equal((await askBy(kept)).answer.length, 1, 'a connection goes on');
  await use({ listeners: { c: at(b) } });
  assert.deepEqual(Object.keys(plane.addresses()), ['c']);
  const late = connect({ port: a, host: '127.0.0.1' });
  assert.equal(((await once(late, 'error')) as [NodeJS.ErrnoException])[0].code, 'ECONNREFUSED');
});

test('a port that somebody holds refuses all, and nothing has changed', async (context) => {
  const { book, use, port, plane } = await planeOf(context);
  book.set('example.org', 'www 60 A 192.0.2.1');
  await use({ listeners: onLoopback });
  const holder = await clientSocket(context);
  const taken = { address: '127.0.0.1', port: holder.address().port };
  const before = port();
  const listeners = { fresh: onLoopback.dns, taken };
  await assert.rejects(plane.prepare({ listeners }), { code: 'LISTEN_FAILED', message: /taken/ });
  assert.deepEqual(Object.keys(plane.addresses()), ['dns']);
  const socket = await clientSocket(context);
  assert.equal(decoded(await exchange(socket, before, query)).answer.length, 1);
  // A process that takes over finds the ports held by the one before.
  const heir = await planeOf(context);
  const own = { listeners: { dns: { address: '127.0.0.1', port: before } } };
  await assert.rejects(heir.plane.prepare(own), { code: 'LISTEN_FAILED' });
  const prepared = await heir.plane.prepare(own, { isTakeOver: true });
  heir.plane.apply(prepared);
  assert.equal(heir.port(), before);
  const place = own.listeners.dns;
  await assert.rejects(plane.prepare({ listeners: { a: place, b: place } }), {
    code: 'LISTEN_FAILED',
  });
});

test('what was prepared and is discarded is closed', async (context) => {
  const { plane } = await planeOf(context);
  const prepared = await plane.prepare({ listeners: onLoopback });
  await plane.discard(prepared);
  assert.deepEqual(plane.addresses(), {});
});

test('DNS over TLS: by host name, with the default certificate, from a version on', async (context) => {
  const { book, use, port } = await planeOf(context, { tls });
  book.set('example.org', 'www 60 A 192.0.2.1');
  const options = { defaultCertificate: 'www.example.test', minVersion: 'TLSv1.3' } as const;
  await use({ listeners: { dns: { ...onLoopback.dns, tls: options } } });
  const named = await dot(context, port(), { servername: 'dns.example.test' });
  assert.equal(named.alpnProtocol, 'dot');
  assert.equal(named.getPeerCertificate().subjectaltname, 'DNS:*.example.test');
  const padded = { ...plainEdns, options: [{ code: 12, data: Buffer.alloc(0) }] };
  const length = Buffer.alloc(2);
  const asked = queryFor('www.example.org', 'A', { edns: padded });
  length.writeUInt16BE(asked.length);
  named.write(Buffer.concat([length, asked]));
  await once(named, 'readable');
  assert.equal((named.read(2) as Buffer).readUInt16BE(0) % 468, 0, 'RFC 8467');
  const nameless = await dot(context, port());
  assert.match(nameless.getPeerCertificate().subjectaltname ?? '', /www\.example\.test/);
  assert.equal((await askBy(nameless)).answer.length, 1);
  await assert.rejects(dot(context, port(), { maxVersion: 'TLSv1.2' }));
  // Without a protocol that both know there is no connection; without ALPN there is: RFC 7858 has none.
  await assert.rejects(dot(context, port(), { ALPNProtocols: ['h2'] }));
  assert.equal((await dot(context, port(), { ALPNProtocols: [] })).alpnProtocol, false);
});

test('garbage in place of a handshake is closed, and so are handshakes when it stops', async (context) => {
  const { use, port, plane } = await planeOf(context, { tls });
  await use({ listeners: { dns: { ...onLoopback.dns, tls: true } } });
  const garbage = await tcp(context, port());
  garbage.write('GET / HTTP/1.1\r\n\r\n');
  garbage.resume();
  await once(garbage, 'close');
  const silent = await tcp(context, port());
  silent.resume();
  const closed = once(silent, 'close');
  await plane.stop(0);
  await closed;
});

test('limits of connections count from the next one on', async (context) => {
  const { book, use, port, plane } = await planeOf(context);
  book.set('example.org', 'www 60 A 192.0.2.1');
  await use({ listeners: onLoopback });
  const first = await tcp(context, port());
  await askBy(first);
  await use({ listeners: onLoopback, limits: { connectionsPerClientMax: 1 } });
  const second = await tcp(context, port());
  second.resume();
  await once(second, 'close');
  assert.equal((await askBy(first)).answer.length, 1);
  assert.equal((await plane.stats()).connections, 1);
});

test('stop waits for nobody who is idle, and a plane can be used again', async (context) => {
  const { book, use, port, plane } = await planeOf(context);
  book.set('example.org', 'www 60 A 192.0.2.1');
  await use({ listeners: onLoopback });
  const idle = await tcp(context, port());
  await askBy(idle);
  idle.resume();
  const ended = once(idle, 'end');
  await plane.stop(60_000);
  await ended;
  await use({ listeners: onLoopback });
  const socket = await clientSocket(context);
  assert.equal(decoded(await exchange(socket, port(), query)).answer.length, 1);
});

test('without an address it is every one, by IPv4 and IPv6', async (context) => {
  const { book, use, port } = await planeOf(context);
  book.set('example.org', 'www 60 A 192.0.2.1');
  await use({ listeners: { dns: { port: 0 } } });
  for (const address of ['127.0.0.1', '::1']) {
    const socket = await clientSocket(context, address);
    assert.equal(decoded(await exchange(socket, port(), query)).answer.length, 1, address);
  }
});

test('stop waits for an answer that is under way, but not for longer than it may', async (context) => {
  const waiting: (() => void)[] = [];
  const special = () => ({
    takes: () => true,
    async *answer(_: unknown, bytes: Buffer) {
      await new Promise<void>((resume) => waiting.push(resume));
      yield bytes;
    },
  });
  const { use, port, plane } = await planeOf(context, { special });
  await use({ listeners: onLoopback });
  const ask = async () => {
    const socket = await tcp(context, port());
    const answer = askBy(socket, queryFor('example.org', 'AXFR'));
    while (waiting.length === 0) await new Promise((resume) => setImmediate(resume));
    return { socket, answer };
  };
  const { answer } = await ask();
  const stopped = plane.stop(60_000);
  waiting.pop()?.();
  assert.equal((await answer).question.length, 1);
  await stopped;
  await use({ listeners: onLoopback });
  const { socket } = await ask();
  const closed = once(socket, 'close');
  await plane.stop(0);
  await closed;
});

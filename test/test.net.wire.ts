import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import type { Accepted } from '../ts/net/accepted.ts';
import { LocalPorts } from '../ts/net/ports.ts';
import { type IWireConsumer, type TWireTarget, Wire } from '../ts/net/wire.ts';
import { eventually, identity } from './suites/engine.ts';
import { connectTlsOver, startTlsOver } from './suites/wires.ts';

/** Writes down what a wire says. */
class Notes implements IWireConsumer {
  readonly parts: Buffer[] = [];
  ended = 0;
  drains = 0;
  closes: (Error | null)[] = [];
  wire!: Wire;
  /** Called with each read, after it was written down. */
  onRead: (bytes: Buffer) => void = () => undefined;
  onFin: () => void = () => undefined;

  get bytes(): Buffer {
    return Buffer.concat(this.parts);
  }

  get text(): string {
    return this.bytes.toString('latin1');
  }

  get code(): string | undefined {
    return (this.closes[0] as NodeJS.ErrnoException | null | undefined)?.code;
  }

  onBytes(bytes: Buffer, start: number, end: number): void {
    assert.equal(this.closes.length, 0, 'nothing comes after the close');
    const part = Buffer.from(bytes.subarray(start, end));
    this.parts.push(part);
    this.onRead(part);
  }

  onEnd(): void {
    this.ended++;
    this.onFin();
  }

  onDrain(): void {
    this.drains++;
  }

  onClose(error: Error | null): void {
    this.closes.push(error);
  }

  async closed(): Promise<void> {
    await eventually(() => this.closes.length > 0, 'the close');
    await new Promise((resolve) => setImmediate(resolve));
    assert.equal(this.closes.length, 1, 'closed once');
  }
}

/** A wire that a port of ours accepted, and the socket at its other end. */
interface IPair {
  notes: Notes;
  wire: Wire;
  peer: Socket;
}

async function acceptOne(context: TestContext): Promise<{ connection: Accepted; peer: Socket }> {
  const port = await new LocalPorts().bind({ host: '127.0.0.1', port: 0 });
  context.after(() => port.close());
  const accepted = new Promise<Accepted>((resolve) => port.accept(resolve));
  const peer = connect({ port: port.port, host: '127.0.0.1', allowHalfOpen: true });
  peer.on('error', () => peer.destroy());
  context.after(() => peer.destroy());
  const [connection] = await Promise.all([accepted, once(peer, 'connect')]);
  return { connection, peer };
}

async function acceptPair(context: TestContext): Promise<IPair> {
  const { connection, peer } = await acceptOne(context);
  const notes = new Notes();
  const wire = connection.toWire(notes);
  notes.wire = wire;
  context.after(() => wire.destroy());
  return { notes, wire, peer };
}

/** A server of Node's for the length of a test. */
async function startServer(
  context: TestContext,
  onSocket: (socket: Socket) => void,
  place: string | number = 0,
): Promise<Server> {
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    context.after(() => socket.destroy());
    socket.on('error', () => socket.destroy());
    onSocket(socket);
  });
  if (typeof place === 'string') server.listen(place);
  else server.listen(place, '127.0.0.1');
  await once(server, 'listening');
  context.after(() => server.close());
  return server;
}

/** Waits for the close, whatever error comes before. */
function goneOf(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    if (socket.closed) resolve();
    else socket.once('close', () => resolve());
  });
}

function portOf(server: Server): number {
  const address = server.address();
  return typeof address === 'object' && address !== null ? address.port : 0;
}

/** Connects and waits until it is there. */
async function dial(context: TestContext, target: TWireTarget): Promise<IPair['notes']> {
  const notes = new Notes();
  await new Promise<void>((resolve) => {
    notes.wire = Wire.connect(target, notes, resolve);
  });
  context.after(() => notes.wire.destroy());
  return notes;
}

test('Accepted: says who came, where to, and can be taken once only', async (t) => {
  const { connection, peer } = await acceptOne(t);
  assert.deepEqual(
    [connection.peerIp, connection.peerPort, connection.local()],
    ['127.0.0.1', peer.localPort, { ip: '127.0.0.1', port: peer.remotePort }],
  );
  const wire = connection.toWire(new Notes());
  assert.throws(() => connection.toWire(new Notes()), /taken already/);
  assert.throws(() => connection.toSocket(), /taken already/);
  connection.destroy();
  assert.equal(wire.isClosed, false, 'what was taken is not closed by its former owner');
  wire.destroy();
});

for (const [way, code] of [
  ['destroy', undefined],
  ['reset', 'ECONNRESET'],
] as const) {
  test(`Accepted: ${way}() before anybody takes it`, async (t) => {
    const { connection, peer } = await acceptOne(t);
    const errors: (string | undefined)[] = [];
    peer.on('error', (error: NodeJS.ErrnoException) => errors.push(error.code));
    peer.resume();
    connection[way]();
    connection[way]();
    if (code === undefined) await once(peer, 'end');
    else await goneOf(peer);
    assert.deepEqual(errors, code === undefined ? [] : [code]);
  });
}

test('Wire: text and bytes both ways, counted', async (t) => {
  const { notes, wire, peer } = await acceptPair(t);
  peer.write('hello');
  await eventually(() => notes.text === 'hello');
  wire.writeText('text \xe9,');
  wire.begin();
  wire.addText('a');
  wire.addBytes(Buffer.from('xbcx'), 1, 3);
  assert.equal(wire.flush(), true);
  assert.equal(wire.writeStable(Buffer.from(';')), true);
  wire.begin();
  assert.equal(wire.flush(), true, 'nothing was put together');
  const [bytes] = (await once(peer, 'data')) as [Buffer];
  assert.equal(bytes.toString('latin1'), 'text \xe9,abc;');
  assert.deepEqual([wire.bytesRead, wire.bytesWritten, wire.pendingBytes], [5, 11, 0]);
  assert.deepEqual([wire.secure, wire.serverName, wire.isClosed], [false, '', false]);
});

test('Wire: half-close each way, then it is closed once', async (t) => {
  const { notes, wire, peer } = await acceptPair(t);
  const heard: string[] = [];
  peer.on('data', (bytes: Buffer) => heard.push(bytes.toString()));
  peer.end('bye');
  await eventually(() => notes.ended === 1, 'the end');
  assert.equal(notes.text, 'bye');
  wire.pause();
  wire.resume();
  wire.writeText('still here');
  await eventually(() => heard.join('') === 'still here');
  assert.equal(notes.ended, 1, 'reading on does not bring the end again');
  assert.deepEqual(notes.closes, []);
  const ended = once(peer, 'end');
  wire.end();
  wire.end();
  assert.deepEqual(notes.closes, [], 'not inside the call');
  await ended;
  await notes.closed();
  assert.deepEqual(notes.closes, [null]);
});

test('Wire: our FIN first; the peer may go on', async (t) => {
  const { notes, wire, peer } = await acceptPair(t);
  peer.resume();
  wire.writeText('all');
  wire.end();
  await once(peer, 'end');
  peer.write('more');
  await eventually(() => notes.text === 'more');
  peer.end();
  await notes.closed();
  assert.deepEqual(notes.closes, [null]);
  // Closed is closed: nothing of this does anything.
  wire.end();
  wire.destroy();
  wire.reset();
  wire.pause();
  wire.resume();
  assert.equal(wire.writeText('x'), false);
});

test('Wire: a write after end() is a mistake of ours, and closes', async (t) => {
  const { notes, wire } = await acceptPair(t);
  wire.end();
  assert.equal(wire.writeText('late'), false);
  await notes.closed();
  assert.match(String(notes.closes[0]), /after the end/);
});

test('Wire: destroy() inside onBytes; nothing is delivered after it', async (t) => {
  const { notes, wire, peer } = await acceptPair(t);
  notes.onRead = () => {
    wire.destroy();
    assert.equal(wire.isClosed, true);
    assert.deepEqual(notes.closes, [], 'not inside the call');
  };
  peer.write(Buffer.alloc(1_000_000));
  await notes.closed();
  assert.equal(notes.parts.length, 1);
  assert.equal(wire.writeText('x'), true, 'who writes to what is being closed need not wait');
});

test('Wire: destroy() inside onEnd and inside onDrain', async (t) => {
  const first = await acceptPair(t);
  first.notes.onFin = () => first.wire.destroy();
  first.peer.end();
  await first.notes.closed();
  const second = await acceptPair(t);
  second.notes.onDrain = () => second.wire.destroy();
  assert.equal(second.wire.writeStable(Buffer.alloc(20_000_000)), false);
  second.peer.resume();
  await second.notes.closed();
  assert.deepEqual(second.notes.closes, [null]);
});

test('Wire: reset() is a reset to the peer, also with a FIN or bytes on their way', async (t) => {
  const prepare: ((wire: Wire) => void)[] = [
    () => undefined,
    (wire) => void wire.writeText('something'),
    (wire) => wire.end(),
    (wire) => {
      wire.writeStable(Buffer.alloc(30_000_000));
      wire.end();
    },
  ];
  for (const [index, before] of prepare.entries()) {
    const { notes, wire, peer } = await acceptPair(t);
    const errors: unknown[] = [];
    peer.on('error', (error: NodeJS.ErrnoException) => errors.push(error.code));
    peer.resume();
    before(wire);
    wire.reset();
    wire.reset();
    assert.equal(wire.isClosed, true);
    await notes.closed();
    // Node looks for a reset no more when it has seen the FIN, which was on its way already.
    if (index === 2) peer.write('anybody?');
    await goneOf(peer);
    assert.equal(errors.length, 1, `case ${index}`);
    assert.match(String(errors[0]), index === 2 ? /ECONNRESET|EPIPE/ : /^ECONNRESET$/);
    assert.deepEqual(notes.closes, [null]);
  }
});

test('Wire: the peer resets while it is read, paused, and half-closed', async (t) => {
  const read = await acceptPair(t);
  read.peer.resetAndDestroy();
  await read.notes.closed();
  assert.equal(read.notes.code, 'ECONNRESET');

  const paused = await acceptPair(t);
  paused.wire.pause();
  paused.peer.resetAndDestroy();
  await goneOf(paused.peer);
  assert.equal(paused.wire.isClosed, false, 'who does not read does not see it');
  paused.wire.resume();
  await paused.notes.closed();
  assert.equal(paused.notes.code, 'ECONNRESET');

  const half = await acceptPair(t);
  half.peer.resume();
  half.wire.end();
  await once(half.peer, 'end');
  half.peer.resetAndDestroy();
  await half.notes.closed();
  assert.equal(half.notes.code, 'ECONNRESET');
});

test('Wire: a write to a peer that broke off closes with the error, not inside the call', async (t) => {
  const { notes, wire, peer } = await acceptPair(t);
  wire.pause();
  peer.resetAndDestroy();
  await goneOf(peer);
  await eventually(() => {
    const flows = wire.writeText('x');
    assert.deepEqual(notes.closes, []);
    return !flows;
  });
  await notes.closed();
  assert.match(notes.code ?? '', /EPIPE|ECONNRESET/);
});

test('Wire: a pending write that fails closes with the error', async (t) => {
  const { notes, wire, peer } = await acceptPair(t);
  wire.pause();
  assert.equal(wire.writeStable(Buffer.alloc(30_000_000)), false);
  assert.equal(wire.writeText('behind it'), false);
  assert.equal(wire.pendingBytes, 30_000_009);
  peer.resetAndDestroy();
  await notes.closed();
  assert.match(notes.code ?? '', /EPIPE|ECONNRESET/);
  assert.equal(notes.drains, 0);
});

test('Wire: readsAfterFailure lets what the peer said before come first', async (t) => {
  let far: Socket | undefined;
  const server = await startServer(t, (socket) => {
    far = socket;
  });
  const notes = await dial(t, { host: '127.0.0.1', port: portOf(server) });
  const { wire } = notes;
  wire.readsAfterFailure = true;
  await eventually(() => far !== undefined);
  // It answers and closes, with bytes of ours unread: a reset follows the answer.
  wire.writeText('question');
  far?.write('answer');
  far?.destroy();
  await notes.closed();
  assert.ok(['answer', ''].includes(notes.text));
  assert.match(notes.code ?? 'EPIPE', /EPIPE|ECONNRESET/);
});

test('Wire: 10 MiB both ways at once, byte for byte, with back-pressure', async (t) => {
  const size = 10 * 1024 * 1024;
  const data = randomBytes(size);
  const { notes, wire, peer } = await acceptPair(t);
  const hashes = { there: createHash('sha256'), back: createHash('sha256') };
  let received = 0;
  notes.onRead = (bytes) => {
    hashes.there.update(bytes);
    // A slow reader: it rests after each read.
    wire.pause();
    setImmediate(() => wire.resume());
  };
  peer.on('data', (bytes: Buffer) => {
    received += bytes.length;
    hashes.back.update(bytes);
    if (received % 7 === 0) {
      peer.pause();
      setImmediate(() => peer.resume());
    }
  });
  peer.end(data);
  let at = 0;
  let waits = 0;
  const send = () => {
    while (at < size) {
      const end = Math.min(size, at + 70_001);
      wire.begin();
      wire.addBytes(data, at, end);
      at = end;
      if (wire.flush()) continue;
      waits++;
      return;
    }
    wire.end();
  };
  notes.onDrain = send;
  send();
  await notes.closed();
  const expected = createHash('sha256').update(data).digest('hex');
  assert.equal(hashes.there.digest('hex'), expected);
  await goneOf(peer);
  assert.equal(hashes.back.digest('hex'), expected);
  assert.ok(waits > 0, 'the writer had to wait');
  assert.deepEqual([wire.bytesRead, wire.bytesWritten, wire.pendingBytes], [size, size, 0]);
});

test('Wire: many writes that are pending leave in order', async (t) => {
  const { notes, wire, peer } = await acceptPair(t);
  const expected: string[] = [];
  wire.writeStable(Buffer.alloc(8_000_000, '.'));
  for (let index = 0; index < 300; index++) {
    const text = `[${index}]`;
    expected.push(text);
    if (index % 3 === 0) {
      wire.writeText(text);
    } else if (index % 3 === 1) {
      wire.writeStable(Buffer.from(text));
    } else {
      wire.begin();
      wire.addText(text);
      wire.flush();
    }
  }
  assert.equal(notes.drains, 0);
  wire.end();
  const parts: Buffer[] = [];
  for await (const part of peer) parts.push(part as Buffer);
  assert.equal(Buffer.concat(parts).subarray(8_000_000).toString(), expected.join(''));
  assert.equal(notes.drains, 1);
});

test('Wire: unsentMoved tells a slow peer from one that takes nothing', async (t) => {
  const { wire, peer } = await acceptPair(t);
  assert.equal(wire.unsentMoved, false);
  wire.writeStable(Buffer.alloc(30_000_000));
  assert.equal(wire.unsentMoved, true);
  assert.equal(wire.unsentMoved, false, 'nobody reads');
  peer.resume();
  await eventually(() => wire.unsentMoved || wire.pendingBytes === 0);
});

test('Wire.connect(): what is written and ended before it is there arrives', async (t) => {
  for (const host of ['127.0.0.1', 'localhost']) {
    const heard: Buffer[] = [];
    let far: Socket | undefined;
    const server = await startServer(t, (socket) => {
      far = socket;
      socket.on('data', (bytes: Buffer) => heard.push(bytes));
      socket.on('end', () => socket.end('answer'));
    });
    const notes = new Notes();
    const wire = Wire.connect({ host, port: portOf(server) }, notes, () => undefined);
    assert.equal(wire.writeText('early '), false);
    wire.begin();
    wire.addText('bird');
    assert.equal(wire.flush(), false);
    assert.equal(wire.pendingBytes, 10);
    wire.end();
    await notes.closed();
    assert.deepEqual(notes.closes, [null], host);
    assert.deepEqual([Buffer.concat(heard).toString(), notes.text], ['early bird', 'answer']);
    assert.equal(far?.destroyed || far?.readableEnded, true);
  }
});

test('Wire.connect(): paused before it is there, nothing is read', async (t) => {
  const server = await startServer(t, (socket) => void socket.write('hello'));
  for (const host of ['127.0.0.1', 'localhost']) {
    const notes = new Notes();
    const connected = new Promise<void>((resolve) => {
      notes.wire = Wire.connect({ host, port: portOf(server) }, notes, resolve);
      notes.wire.pause();
    });
    t.after(() => notes.wire.destroy());
    await connected;
    for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve));
    assert.equal(notes.text, '');
    assert.equal(notes.wire.isPaused, true);
    notes.wire.resume();
    await eventually(() => notes.text === 'hello');
  }
});

test('Wire.connect(): from a chosen address', async (t) => {
  const from: (string | undefined)[] = [];
  const server = await startServer(t, (socket) => from.push(socket.remoteAddress));
  const notes = await dial(t, {
    host: '127.0.0.1',
    port: portOf(server),
    localAddress: '127.0.0.9',
  });
  await eventually(() => from.length === 1);
  assert.deepEqual(from, ['127.0.0.9']);
  notes.wire.setKeepAlive(60_000);
  notes.wire.setKeepAlive(null);
  notes.wire.setNoDelay(false);
});

test('Wire.connect(): unix sockets, which know no reset', async (t) => {
  const place = path.join(tmpdir(), `dcrouter-${process.pid}-${randomBytes(4).toString('hex')}`);
  t.after(() => rmSync(place, { force: true }));
  await startServer(t, (socket) => void socket.pipe(socket), place);
  const notes = await dial(t, { path: place });
  notes.wire.writeText('echo');
  await eventually(() => notes.text === 'echo');
  notes.wire.setKeepAlive(1000);
  notes.wire.setNoDelay(true);
  assert.throws(() => notes.wire.toSocket(null), /not open TCP/);
  notes.wire.reset();
  await notes.closed();
});

const failures: { why: string; target: TWireTarget; code: RegExp }[] = [
  {
    why: 'a closed port',
    target: { host: '127.0.0.1', port: 1 },
    code: /^ECONNREFUSED$/,
  },
  { why: 'a closed port of a name', target: { host: 'localhost', port: 1 }, code: /ECONNREFUSED/ },
  {
    why: 'a name that does not resolve',
    target: { host: 'nowhere.invalid', port: 80 },
    code: /ENOTFOUND|EAI_AGAIN/,
  },
  { why: 'a missing unix socket', target: { path: '/nowhere/socket' }, code: /^ENOENT$/ },
  {
    why: 'a path that is too long',
    target: { path: `/${'x'.repeat(300)}` },
    code: /EINVAL|ENAMETOOLONG|ENOENT/,
  },
  {
    why: 'an address of ours that is none',
    target: { host: '127.0.0.1', port: 1, localAddress: '192.0.2.1' },
    code: /^EADDRNOTAVAIL$/,
  },
];

for (const { why, target, code } of failures) {
  test(`Wire.connect(): ${why}: closed once, later, with the reason`, async () => {
    const notes = new Notes();
    const wire = Wire.connect(target, notes, () => assert.fail('connected'));
    wire.writeText('never seen');
    assert.deepEqual(notes.closes, [], 'not inside the call');
    await notes.closed();
    assert.match(notes.code ?? '', code);
    assert.equal(wire.isClosed, true);
  });
}

for (const way of ['destroy', 'reset'] as const) {
  test(`Wire.connect(): ${way}() before it is there`, async (t) => {
    const server = await startServer(t, () => undefined);
    const targets = [
      { host: '127.0.0.1', port: portOf(server) },
      { host: 'localhost', port: portOf(server) },
    ];
    for (const target of targets) {
      const notes = new Notes();
      const wire = Wire.connect(target, notes, () => assert.fail('connected'));
      wire[way]();
      assert.equal(wire.isClosed, true);
      await notes.closed();
      assert.deepEqual(notes.closes, [null]);
    }
  });
}

test('Wire.toSocket(): TLS over what was peeked at, inside onBytes', async (t) => {
  const { connection, peer } = await acceptOne(t);
  const notes = new Notes();
  const wire = connection.toWire(notes);
  const serverSide = new Promise<string>((resolve, reject) => {
    notes.onRead = (bytes) => {
      try {
        const socket = wire.toSocket(bytes);
        assert.throws(() => wire.toSocket(null), /not open TCP/);
        startTlsOver(socket, identity).then(resolve, reject);
      } catch (error) {
        reject(error);
      }
    };
  });
  const answer = await connectTlsOver(peer, identity.ca, 'ping');
  assert.equal(answer, 'pong to ping');
  assert.equal(await serverSide, 'ping');
  assert.deepEqual([notes.parts.length, notes.ended, notes.closes.length], [1, 0, 0]);
  assert.equal(wire.isClosed, true, 'it was given up');
});

test('Wire.toSocket(): refuses what cannot be taken over cleanly', async (t) => {
  const { wire } = await acceptPair(t);
  wire.writeStable(Buffer.alloc(30_000_000));
  assert.throws(() => wire.toSocket(null), /still sends/);
  wire.destroy();
  assert.throws(() => wire.toSocket(null), /not open TCP/);
});

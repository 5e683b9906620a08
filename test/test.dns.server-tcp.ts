import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { type TestContext, test } from 'node:test';
import { ManualClock } from '../ts/core/manual-clock.ts';
import { Answerer, type IQueryHandler, streamed, ZoneSet } from '../ts/dns/answer/index.ts';
import { type IStreamServerParts, StreamServer } from '../ts/dns/server/index.ts';
import { LocalPorts } from '../ts/net/ports.ts';
import { decoded, queryFor, zoneOf } from './dns/query.ts';

const zone = zoneOf(`@ 300 SOA ns h 1 1 1 1 1\n@ 300 NS ns\nns 300 A 192.0.2.1
${Array.from({ length: 200 }, (_, index) => `big 300 TXT ${`${index}`.padEnd(250, 'x')}`).join('\n')}
`);
const facts = { rcode: 0, isProven: false, questionEnd: 12, optStart: 12 };

function answerer(): Answerer {
  const zones = new ZoneSet();
  zones.set(zone);
  return new Answerer(zones);
}

function framed(...queries: Buffer[]): Buffer {
  return Buffer.concat(
    queries.flatMap((query) => {
      const length = Buffer.alloc(2);
      length.writeUInt16BE(query.length);
      return [length, query];
    }),
  );
}

async function serve(context: TestContext, parts: Partial<IStreamServerParts> = {}) {
  const server = new StreamServer({ handler: answerer(), clock: new ManualClock(), ...parts });
  const { port } = await server.start(new LocalPorts(), { host: '127.0.0.1', port: 0 });
  context.after(() => server.stop());
  const client = async () => {
    const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
    context.after(() => socket.destroy());
    // A connection that is closed with bytes unread is reset.
    socket.on('error', () => undefined);
    await once(socket, 'connect');
    return socket;
  };
  return { server, port, client };
}

const unread = new WeakMap<Socket, Buffer>();

/** The next message. */
async function take(socket: Socket): Promise<Buffer> {
  return (await takeOrEnd(socket)) ?? assert.fail('It ended within a message');
}

/** The next message, or null: the connection ends. It reads no more than there is a need for. */
async function takeOrEnd(socket: Socket): Promise<Buffer | null> {
  for (;;) {
    const bytes = unread.get(socket) ?? Buffer.alloc(0);
    const end = bytes.length < 2 ? 2 : 2 + bytes.readUInt16BE(0);
    if (bytes.length >= 2 && bytes.length >= end) {
      unread.set(socket, bytes.subarray(end));
      return bytes.subarray(2, end);
    }
    const chunk = socket.read() as Buffer | null;
    if (chunk !== null) unread.set(socket, Buffer.concat([bytes, chunk]));
    else if (socket.readableEnded || socket.destroyed) return null;
    else await Promise.race(['readable', 'end', 'close'].map((name) => once(socket, name)));
  }
}

async function gone(socket: Socket): Promise<void> {
  socket.resume();
  if (!socket.closed && !socket.readableEnded) {
    await Promise.race([once(socket, 'end'), once(socket, 'close')]);
  }
}

const query = queryFor('ns.example.org', 'A');
const manual = () => new ManualClock();

test('queries in pieces, in one, and after each other are answered in order', async (context) => {
  const { client, server } = await serve(context);
  const socket = await client();
  socket.setNoDelay(true);
  const ids = [1, 2, 3, 4, 5];
  const bytes = framed(...ids.map((id) => queryFor('ns.example.org', 'A', { id })));
  for (const byte of bytes.subarray(0, 70)) {
    await new Promise((written) => socket.write(Buffer.of(byte), written));
  }
  socket.write(bytes.subarray(70));
  for (const id of ids) {
    const answer = decoded(await take(socket));
    assert.deepEqual([answer.id, answer.answer.length], [id, 1]);
  }
  socket.write(framed(queryFor('big.example.org', 'TXT')));
  const big = await take(socket);
  assert.equal(decoded(big).answer.length, 200);
  assert.ok(big.length > 50_000);
  assert.deepEqual(server.counters.numbers().queries.tcp, 6);
});

test('after a FIN of the client its last queries are answered', async (context) => {
  const { client } = await serve(context);
  const socket = await client();
  socket.end(framed(query, query));
  for (const _ of [1, 2]) assert.equal(decoded(await take(socket)).answer.length, 1);
  await gone(socket);
});

test('a FIN within a query closes the connection', async (context) => {
  const { client } = await serve(context);
  const socket = await client();
  socket.end(framed(query).subarray(0, 20));
  await gone(socket);
});

const nonsense = [
  { what: 'an empty message', bytes: Buffer.of(0, 0) },
  { what: 'less than a header', bytes: framed(query.subarray(0, 11)) },
  { what: 'a response', bytes: framed(Buffer.concat([Buffer.of(1, 2, 0x80), query.subarray(3)])) },
  { what: 'HTTP', bytes: Buffer.from(`GET / HTTP/1.1\r\n${'x'.repeat(20_000)}`) },
];
for (const { what, bytes } of nonsense) {
  test(`${what}: answered as far as it goes, or closed; others go on`, async (context) => {
    const clock = manual();
    const { client } = await serve(context, { clock });
    const [bad, good] = [await client(), await client()];
    bad.write(bytes);
    good.write(framed(query));
    assert.equal(decoded(await take(good)).answer.length, 1);
    if (what === 'HTTP') clock.advance(20_000);
    await gone(bad);
  });
}

test('who says 64 KiB and sends nothing, or a byte at a time, is closed', async (context) => {
  const clock = manual();
  const { client, server } = await serve(context, { clock, idleTimeoutMs: 5000 });
  const [silent, slow] = [await client(), await client()];
  silent.write(Buffer.of(0xff, 0xff));
  slow.write(framed(query).subarray(0, 10));
  const good = await client();
  good.write(framed(query));
  await take(good);
  clock.advance(3000);
  slow.write(Buffer.of(0));
  good.write(framed(query));
  await take(good);
  clock.advance(2500);
  await Promise.all([gone(silent), gone(slow)]);
  good.write(framed(query));
  await take(good);
  assert.equal(server.connections, 1);
  clock.advance(6000);
  await gone(good);
});

test('who takes no answers is read no further, and is closed', async (context) => {
  const clock = manual();
  const { client, server } = await serve(context, { clock });
  const socket = await client();
  socket.pause();
  const many = framed(...new Array<Buffer>(1000).fill(queryFor('big.example.org', 'TXT')));
  socket.write(many);
  const other = await client();
  for (let round = 0; round < 50; round++) {
    other.write(framed(query));
    await take(other);
  }
  // All of them would be 50 MB; the kernel takes some.
  assert.ok(server.counters.queries.tcp < 500);
  clock.advance(11_000);
  await gone(socket);
});

test('a client gets no more connections than it may have', async (context) => {
  const { client, server } = await serve(context, { connectionsPerClientMax: 2 });
  const sockets = [await client(), await client()];
  for (const socket of sockets) {
    socket.write(framed(query));
    await take(socket);
  }
  await gone(await client());
  assert.equal(server.connections, 2);
  sockets[0]?.destroy();
  for (;;) {
    const next = await client();
    next.write(framed(query));
    if ((await takeOrEnd(next)) !== null) break;
  }
});

test('above all connections the one that is idle longest makes room', async (context) => {
  const clock = manual();
  const { client, server } = await serve(context, { clock, connectionsMax: 2 });
  const [first, second] = [await client(), await client()];
  for (const socket of [first, second, first]) {
    clock.advance(10);
    socket.write(framed(query));
    await take(socket);
  }
  const third = await client();
  third.write(framed(query));
  await Promise.all([take(third), gone(second)]);
  first.write(framed(query));
  await take(first);
  assert.equal(server.connections, 2);
});

test('answers of many messages do not hold up others, and end with the client', async (context) => {
  let isStopped = false;
  const steps: (() => void)[] = [];
  const inner = answerer();
  const handler: IQueryHandler = {
    reply: facts,
    answer: (bytes, client, out) =>
      bytes.readUInt16BE(0) === 1 ? streamed : inner.answer(bytes, client, out),
    async *stream(bytes) {
      try {
        for (;;) {
          yield bytes;
          await new Promise<void>((step) => steps.push(step));
        }
      } finally {
        isStopped = true;
      }
    },
  };
  const { client, server } = await serve(context, { handler });
  const socket = await client();
  const slow = queryFor('ns.example.org', 'A', { id: 1 });
  socket.write(framed(slow, query));
  const ids = [decoded(await take(socket)).id, decoded(await take(socket)).id];
  assert.deepEqual(ids.sort(), [1, 4711]);
  steps.shift()?.();
  assert.deepEqual(await take(socket), slow);
  socket.destroy();
  // A FIN alone ends nothing, what is sent after it does.
  while (!isStopped || server.connections > 0) {
    steps.shift()?.();
    await new Promise(setImmediate);
  }
});

test('a fault of ours: SERVFAIL, or the end of a stream', async (context) => {
  const faults: unknown[] = [];
  const handler: IQueryHandler = {
    reply: facts,
    answer(bytes) {
      if (bytes.readUInt16BE(0) === 1) return streamed;
      throw new Error('broken');
    },
    // biome-ignore lint/correctness/useYield: it fails before that.
    async *stream() {
      throw new Error('broken too');
    },
  };
  const { client } = await serve(context, { handler, onFault: (error) => faults.push(error) });
  const socket = await client();
  socket.write(framed(query));
  assert.equal(decoded(await take(socket)).rcode, 2);
  socket.write(framed(queryFor('ns.example.org', 'A', { id: 1 })));
  await gone(socket);
  assert.equal(faults.length, 2);
});

test('a server that stops closes its connections', async (context) => {
  const { client, server } = await serve(context);
  const socket = await client();
  socket.write(framed(query));
  await take(socket);
  server.stop();
  await gone(socket);
  server.stop();
});

test('who sends queries without end lets others have their turn', async (context) => {
  const handler = answerer();
  let inTurn = 0;
  let most = 0;
  const counting: IQueryHandler = {
    get reply() {
      return handler.reply;
    },
    answer: (bytes, from, out) => {
      most = Math.max(most, ++inTurn);
      return handler.answer(bytes, from, out);
    },
    stream: (bytes, from) => handler.stream(bytes, from),
  };
  const { client } = await serve(context, { handler: counting });
  let isOver = false;
  context.after(() => {
    isOver = true;
  });
  const nextTurn = (): void => {
    inTurn = 0;
    if (!isOver) setImmediate(nextTurn);
  };
  nextTurn();
  const socket = await client();
  const count = 5000;
  const big = framed(queryFor('big.example.org', 'TXT'));
  socket.end(Buffer.concat([...Array(count).fill(framed(query)), big, big, big, big]));
  const parts: Buffer[] = [];
  socket.on('data', (part) => parts.push(part));
  await once(socket, 'end');
  const all = Buffer.concat(parts);
  const answers: number[] = [];
  for (let at = 0; at < all.length; ) {
    const end = at + 2 + all.readUInt16BE(at);
    answers.push(decoded(all.subarray(at + 2, end)).answer.length);
    at = end;
  }
  assert.deepEqual(answers, [...Array(count).fill(1), 200, 200, 200, 200]);
  // 256 when bytes come, and as many behind them before an immediate of ours.
  assert.ok(most > 1 && most <= 600, `${most} answers in one turn`);
});

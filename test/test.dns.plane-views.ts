import assert from 'node:assert/strict';
import type { Socket } from 'node:dgram';
import { test } from 'node:test';
import { rcodeName } from '../ts/dns/codec/types.ts';
import { onLoopback, planeOf } from './dns/plane.ts';
import { clientSocket, decoded, exchange, plainEdns, queryFor } from './dns/query.ts';

const edns = plainEdns;

/** The data of the first answer as hex, or the rcode. */
async function ask(socket: Socket, port: number, name: string, type = 'A'): Promise<string> {
  const message = decoded(await exchange(socket, port, queryFor(name, type, { edns })));
  const [first] = message.answer;
  return first === undefined ? rcodeName(message.rcode) : [...first.rdata].join('.');
}

test('a client sees the zones of its view, and those of no view besides', async (context) => {
  const { book, use, port, lists } = await planeOf(context);
  lists.set('office', ['127.0.0.3']);
  book.set('example.org', 'www 60 A 192.0.2.1');
  book.set('example.org', 'www 60 A 10.0.0.1', 'internal');
  book.set('example.net', 'www 60 A 192.0.2.2');
  book.set('lab.example.net', 'www 60 A 10.0.0.2', 'internal');
  await use({
    listeners: onLoopback,
    views: [
      { name: 'internal', clients: ['127.0.0.2/32', '@office'] },
      { name: 'unused', clients: ['127.0.0.0/8', '@nobody'] },
    ],
  });
  const inside = await clientSocket(context, '127.0.0.2');
  const office = await clientSocket(context, '127.0.0.3');
  const outside = await clientSocket(context);
  // The helper sends to the address of the socket: here to the one that is bound.
  const cases = [
    [inside, 'www.example.org', '10.0.0.1'],
    [office, 'www.example.org', '10.0.0.1'],
    [outside, 'www.example.org', '192.0.2.1'],
    [inside, 'www.example.net', '192.0.2.2'],
    [outside, 'www.example.net', '192.0.2.2'],
    [inside, 'www.lab.example.net', '10.0.0.2'],
    [outside, 'www.lab.example.net', 'NXDOMAIN'],
    [inside, 'www.example.com', 'REFUSED'],
  ] as const;
  for (const [socket, name, expected] of cases) {
    assert.equal(
      await askAt(socket, port(), name),
      expected,
      `${socket.address().address} ${name}`,
    );
  }
  // Without its zone the view sees that of no view again; a list counts from its change on.
  book.remove('example.org@internal');
  assert.equal(await askAt(inside, port(), 'www.example.org'), '192.0.2.1');
  book.set('example.org', 'www 60 A 10.0.0.9', 'internal');
  assert.equal(await askAt(inside, port(), 'www.example.org'), '10.0.0.9');
  lists.set('office', []);
  assert.equal(await askAt(office, port(), 'www.example.org'), '192.0.2.1');
  book.remove('example.org');
  assert.equal(await askAt(outside, port(), 'www.example.org'), 'REFUSED');
  assert.equal(await askAt(inside, port(), 'www.example.org'), '10.0.0.9');
});

test('views come and go with the options; the zones stay', async (context) => {
  const { book, use, port } = await planeOf(context);
  book.set('example.org', 'www 60 A 192.0.2.1');
  book.set('example.org', 'www 60 A 10.0.0.1', 'internal');
  const client = await clientSocket(context);
  const views = [{ name: 'internal', clients: ['127.0.0.0/8'] }];
  await use({ listeners: onLoopback, views });
  const first = port();
  assert.equal(await ask(client, first, 'www.example.org'), '10.0.0.1');
  await use({ listeners: onLoopback });
  assert.equal(port(), first, 'the sockets are kept');
  assert.equal(await ask(client, first, 'www.example.org'), '192.0.2.1');
  await use({ listeners: onLoopback, views });
  assert.equal(await ask(client, first, 'www.example.org'), '10.0.0.1');
});

test('a zone that is loading is SERVFAIL, and answers when it comes', async (context) => {
  const { book, use, port } = await planeOf(context);
  book.serve('example.org', null);
  await use({ listeners: onLoopback });
  const client = await clientSocket(context);
  assert.equal(await ask(client, port(), 'www.example.org'), 'SERVFAIL');
  book.set('example.org', 'www 60 A 192.0.2.1');
  assert.equal(await ask(client, port(), 'www.example.org'), '192.0.2.1');
});

/** From any loopback address to 127.0.0.1. */
function askAt(socket: Socket, port: number, name: string): Promise<string> {
  return new Promise((resolve) => {
    socket.once('message', (bytes) => {
      const message = decoded(bytes);
      const [first] = message.answer;
      resolve(first === undefined ? rcodeName(message.rcode) : [...first.rdata].join('.'));
    });
    socket.send(queryFor(name, 'A', { edns }), port, '127.0.0.1');
  });
}

test('what is special has plain answers of the same view, without the resolver', async (context) => {
  const out = Buffer.alloc(65_535);
  const { book, use, port } = await planeOf(context, {
    special: (view, plain) => ({
      takes: ({ opcode }) => opcode === 5,
      async *answer(_, bytes, client) {
        const query = Buffer.from(bytes);
        query[2] = 1;
        const length = plain().answer(query, client, out);
        assert.equal(view, 'internal');
        yield Buffer.from(out.subarray(0, length));
      },
    }),
  });
  book.set('example.org', 'www 60 A 192.0.2.1');
  book.set('example.org', 'www 60 A 10.0.0.1', 'internal');
  const clients = ['127.0.0.0/8'];
  await use({
    listeners: onLoopback,
    views: [{ name: 'internal', clients }],
    resolver: { servers: ['127.0.0.1:1'], clients },
  });
  const socket = await clientSocket(context);
  const special = async (name: string) =>
    decoded(await exchange(socket, port(), queryFor(name, 'A', { opcode: 5 })));
  const [first] = (await special('www.example.org')).answer;
  assert.deepEqual([...(first?.rdata ?? [])], [10, 0, 0, 1]);
  const foreign = await special('www.example.com');
  assert.deepEqual([foreign.rcode, foreign.recursionAvailable], [5, false]);
});

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { test } from 'node:test';
import { decodeMessage, isMessageError } from '../../ts/dns/codec/message.ts';
import { clientSocket, decoded, exchange, plainEdns, queryFor, zoneOf } from '../dns/query.ts';
import { serveZones } from '../suites/dns-server.ts';
import { randomFrom } from '../suites/random.ts';

const zone = zoneOf(`$TTL 300
@ SOA ns1 hostmaster 1 7200 900 1209600 60
@ NS ns1
ns1 A 192.0.2.1
* TXT "any"
d DNAME ns1
long TXT ${Array.from({ length: 12 }, (_, index) => `"${String(index % 10).repeat(250)}"`).join(' ')}
`);
const bases = [
  queryFor('ns1.example.org', 'A'),
  queryFor('long.example.org', 'TXT', { edns: { ...plainEdns, udpSize: 65_535 } }),
  queryFor('long.example.org', 'ANY', { edns: { ...plainEdns, udpSize: 4096, do: true } }),
  queryFor('a.d.example.org', 'MX', { edns: plainEdns }),
  queryFor('a.b.c.example.org', 'TXT', {
    edns: { ...plainEdns, options: [{ code: 10, data: Buffer.alloc(24, 1) }] },
  }),
];
const ping = queryFor('ns1.example.org', 'A', { id: 0xffff });
const udpSizeMax = 1232;

/** One of the bases with some bytes changed, cut off or added, or bytes that are nothing at all. */
function garbage(random: (bound: number) => number): Buffer {
  if (random(10) === 0) return Buffer.from(Array.from({ length: random(600) }, () => random(256)));
  const bytes = Buffer.from(bases[random(bases.length)] as Buffer);
  for (let count = random(5); count > 0; count--) bytes[random(bytes.length)] = random(256);
  if (random(5) === 0) return bytes.subarray(0, random(bytes.length));
  return random(5) === 0 ? Buffer.concat([bytes, Buffer.alloc(random(100), 7)]) : bytes;
}

/** The id of a query is its own unless it is that of the ping. */
function withoutPing(bytes: Buffer): Buffer {
  if (bytes.length >= 2) bytes[0] = (bytes[0] as number) & 0x7f;
  return bytes;
}

test('datagrams at random: what is answered is a short response', async (context) => {
  const { port, faults, counters } = await serveZones(context, [{ zone }]);
  const socket = await clientSocket(context);
  const random = randomFrom(20_261_121);
  let answers = 0;
  socket.on('message', (bytes) => {
    answers++;
    assert.ok(bytes.length >= 12 && bytes.length <= udpSizeMax, `${bytes.length} bytes`);
    assert.equal((bytes[2] as number) & 0x80, 0x80);
    const message = decodeMessage(bytes);
    assert.ok(!isMessageError(message), bytes.toString('hex'));
  });
  for (let round = 0; round < 200; round++) {
    for (let index = 0; index < 50; index++) {
      socket.send(withoutPing(garbage(random)), port, '127.0.0.1');
    }
    let bytes = await exchange(socket, port, ping);
    while (bytes.readUInt16BE(0) !== 0xffff) [bytes] = (await once(socket, 'message')) as [Buffer];
    assert.equal(decoded(bytes).answer.length, 1);
  }
  assert.ok(answers > 4000, `${answers} answers`);
  assert.ok(counters.dropped > 0);
  assert.deepEqual(faults, []);
});

test('without EDNS an answer has at most 512 bytes, however much there is', async (context) => {
  const { port } = await serveZones(context, [{ zone }], { udpSizeMax: 4096 });
  const socket = await clientSocket(context);
  for (const type of ['TXT', 'ANY', 'A']) {
    for (const udpSize of [null, 0, 1, 511, 512]) {
      const edns = udpSize === null ? null : { ...plainEdns, udpSize };
      const bytes = await exchange(socket, port, queryFor('long.example.org', type, { edns }));
      assert.ok(bytes.length <= 512, `${type} ${udpSize}: ${bytes.length} bytes`);
    }
  }
});

test('streams at random: a whole query that came before garbage is answered', async (context) => {
  const { port, faults } = await serveZones(context, [{ zone }]);
  const random = randomFrom(4711);
  const good = framed(ping);
  for (let round = 0; round < 60; round++) {
    const socket = connect(port, '127.0.0.1');
    const parts: Buffer[] = [];
    socket.on('data', (part) => parts.push(part));
    // Whoever sends nonsense may be cut off.
    socket.on('error', (error) => assert.match(error.message, /ECONNRESET|EPIPE/));
    socket.write(good);
    await once(socket, 'data');
    const rest = Array.from({ length: 20 }, () => {
      const bytes = garbage(random);
      return random(3) === 0 ? bytes : framed(bytes);
    });
    socket.end(Buffer.concat(rest));
    await once(socket, 'close');
    const all = Buffer.concat(parts);
    assert.equal(decoded(all.subarray(2, 2 + all.readUInt16BE(0))).answer.length, 1);
  }
  assert.deepEqual(faults, []);
});

function framed(message: Buffer): Buffer {
  const length = Buffer.alloc(2);
  length.writeUInt16BE(message.length);
  return Buffer.concat([length, message]);
}

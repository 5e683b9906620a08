import assert from 'node:assert/strict';
import { test } from 'node:test';
import { clientHelloBytesMax } from '../../ts/net/client-hello.ts';
import {
  clientHello,
  extension,
  helloMessage,
  inRecords,
  serverNames,
} from '../suites/client-hello.ts';
import { eventually, startNamed, startTcp, TcpClient } from '../suites/tcp.ts';

/** A ClientHello for a name that is exactly so long, with its four-byte head. */
function helloOf(length: number, name = 'a.test'): Buffer {
  const bare = helloMessage({ extensions: [serverNames(name)] }).length + 4;
  const filler = extension(0x1234, Buffer.alloc(length - bare, 1));
  return helloMessage({ extensions: [serverNames(name), filler] });
}

const garbled = [
  { bytes: Buffer.from('16030100000100', 'hex'), why: 'an empty record' },
  { bytes: Buffer.from('1603ffffff01ffffff', 'hex'), why: 'a record that is too long' },
  { bytes: Buffer.from('160301000402000000', 'hex'), why: 'a ServerHello' },
  { bytes: Buffer.from('16030100080100000400000000', 'hex'), why: 'a message of zeros' },
  { bytes: inRecords(helloOf(clientHelloBytesMax + 1)), why: 'longer than 16 KiB' },
  { bytes: clientHello({ extensions: [serverNames('a.test', 'b.test')] }), why: 'two names' },
  { bytes: clientHello({ extensions: [serverNames('../../etc')] }), why: 'a name that is none' },
  {
    bytes: clientHello({ extensions: [serverNames('a.test'), serverNames('b.test')] }),
    why: 'the name twice',
  },
];

for (const { bytes, why } of garbled) {
  test(`Garbage instead of a ClientHello: ${why}`, async (t) => {
    const [named, other, rest] = [
      await startNamed(t, 'named'),
      await startNamed(t, 'other'),
      await startNamed(t, 'rest'),
    ];
    const domainConfigs = [{ domains: ['*'], toPort: named.port }];
    // Closed where unknown names are, so that nobody gets past it by being broken.
    const plane = await startTcp(t, { domainConfigs, toPort: rest.port, unknownName: 'reset' });
    const refused = TcpClient.dial(t, plane.port());
    refused.socket.write(bytes);
    assert.equal(await refused.closed(), 'ECONNRESET');
    // Otherwise it is another protocol: for a config of its own, or the entry.
    await plane.set({ domainConfigs, toPort: rest.port });
    const served = await TcpClient.open(t, plane.port());
    served.socket.write(bytes);
    await served.until('rest:');
    const asked = [...domainConfigs, { protocol: 'other' as const, toPort: other.port }];
    await plane.set({ domainConfigs: asked, toPort: rest.port, unknownName: 'reset' });
    const taken = await TcpClient.open(t, plane.port());
    taken.socket.write(bytes);
    await taken.until('other:');
    assert.equal(named.sockets.length, 0);
  });
}

test('A ClientHello of exactly 16 KiB, in records of any size', async (t) => {
  const server = await startNamed(t, 'named');
  const plane = await startTcp(t, {
    domainConfigs: [{ domains: ['a.test'], toPort: server.port }],
  });
  for (const size of [16_384, 1000, 60]) {
    const bytes = inRecords(helloOf(clientHelloBytesMax), size);
    const client = await TcpClient.open(t, plane.port());
    client.socket.end(bytes);
    await client.end();
    assert.deepEqual(client.received.subarray('named:'.length), bytes, `records of ${size}`);
  }
});

test('A ClientHello byte by byte costs little', async (t) => {
  const server = await startNamed(t, 'named');
  const plane = await startTcp(t, {
    domainConfigs: [{ domains: ['a.test'], toPort: server.port }],
  });
  const bytes = inRecords(helloOf(4000));
  const client = await TcpClient.open(t, plane.port());
  const begin = process.cpuUsage();
  for (const byte of bytes) {
    client.socket.write(Buffer.from([byte]));
    await new Promise((resolve) => setImmediate(resolve));
  }
  await eventually(() => client.received.length === 'named:'.length + bytes.length);
  const { user } = process.cpuUsage(begin);
  // Client, proxy and server together: most of it are the 4,000 writes.
  assert.ok(user < 2_000_000, `${user} µs`);
});

test('Random first bytes end somewhere, and the port serves on', async (t) => {
  const server = await startNamed(t, 'x');
  const domainConfigs = [
    { domains: ['a.test'], toPort: server.port },
    { protocol: 'http' as const, toPort: server.port },
  ];
  const plane = await startTcp(t, { domainConfigs });
  let state = 12_345;
  const random = () => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    return state >>> 16;
  };
  for (let round = 0; round < 150; round++) {
    const bytes = Buffer.from(Array.from({ length: random() % 80 }, () => random() & 255));
    if (round % 3 === 0) bytes.set([0x16, 3, 1].slice(0, bytes.length));
    if (round % 3 === 1) bytes.write('GET '.slice(0, bytes.length));
    const client = TcpClient.dial(t, plane.port());
    client.socket.end(bytes);
    await client.end().catch((error: unknown) => error);
    client.socket.destroy();
  }
  await eventually(() => plane.proxy.stats().open === 0);
  assert.equal(plane.proxy.stats().total, 150);
  const good = await TcpClient.open(t, plane.port());
  good.socket.write(clientHello({ extensions: [serverNames('a.test')] }));
  await good.until('x:');
});

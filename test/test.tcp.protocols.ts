import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { ManualClock } from '../ts/core/manual-clock.ts';
import type { TPortProxyInput } from '../ts_interfaces/index.ts';
import { clientHello } from './suites/client-hello.ts';
import { eventually, startNamed, startTcp, TcpClient } from './suites/tcp.ts';

type TConfigs = TPortProxyInput['domainConfigs'];

/** One port for TLS, HTTP, SSH, a protocol whose server speaks first, and anything else. */
async function startMixed(t: TestContext) {
  const kinds = ['tls', 'http', 'ssh', 'silent', 'other'] as const;
  const clock = new ManualClock();
  const domainConfigs: TConfigs = [];
  for (const protocol of kinds) {
    const { port } = await startNamed(t, protocol);
    domainConfigs.push({ protocol, toPort: port });
  }
  return { clock, plane: await startTcp(t, { domainConfigs }, { clock }) };
}

test('One port serves TLS, HTTP, SSH and other protocols by their first bytes', async (t) => {
  const { plane } = await startMixed(t);
  const cases = [
    ['GET / HTTP/1.1\r\n\r\n', 'http'],
    ['PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'http'],
    ['SSH-2.0-OpenSSH_9.2\r\n', 'ssh'],
    ['\0\0\0\b\x04\xd2\x16/', 'other'],
    ['EHLO there\r\n', 'other'],
    [clientHello().toString('latin1'), 'tls'],
  ] as const;
  for (const [bytes, name] of cases) {
    const client = await TcpClient.open(t, plane.port());
    client.socket.end(bytes, 'latin1');
    assert.equal(await client.end(), `${name}:${bytes}`);
  }
});

test('A client that waits for the server is served after `silentMs`', async (t) => {
  const { clock, plane } = await startMixed(t);
  const client = await TcpClient.open(t, plane.port());
  await eventually(() => plane.proxy.stats().open === 1);
  clock.advance(200);
  assert.equal(plane.proxy.stats().open, 1);
  assert.equal(client.received.length, 0);
  clock.advance(200);
  assert.equal(await client.until('silent:'), 'silent:');
  client.socket.end('hello');
  assert.equal(await client.end(), 'silent:hello');
});

test('A client that has sent something is not silent, however slow it is', async (t) => {
  const { clock, plane } = await startMixed(t);
  const client = await TcpClient.open(t, plane.port());
  client.socket.write('GE');
  await eventually(() => plane.proxy.stats().bytesIn === 2);
  clock.advance(1000);
  client.socket.end('T / HTTP/1.1\r\n\r\n');
  assert.equal(await client.end(), 'http:GET / HTTP/1.1\r\n\r\n');
});

test('A client that ends at once counts as silent where somebody waits for such', async (t) => {
  const { plane } = await startMixed(t);
  const client = await TcpClient.open(t, plane.port());
  client.socket.end();
  assert.equal(await client.end(), 'silent:');
});

test('A client that ends before it has said what it is, is served as another protocol', async (t) => {
  const { plane } = await startMixed(t);
  for (const bytes of ['GE', 'SSH', '\x16']) {
    const client = await TcpClient.open(t, plane.port());
    client.socket.end(bytes, 'latin1');
    assert.equal(await client.end(), `other:${bytes}`);
  }
});

test('A health check that connects and closes is nobody’s failure', async (t) => {
  const server = await startNamed(t, 'x');
  const domainConfigs = [{ domains: ['a.test'], toPort: server.port }];
  const { port, proxy } = await startTcp(t, { domainConfigs });
  const client = await TcpClient.open(t, port());
  client.socket.end();
  assert.equal(await client.closed(), '');
  await eventually(() => proxy.stats().open === 0);
  assert.deepEqual([proxy.stats().total, proxy.stats().failed], [1, 0]);
  assert.equal(server.sockets.length, 0);
});

test('Without a config for a protocol the entry’s own action takes it, else it is broken off', async (t) => {
  const [tls, rest] = [await startNamed(t, 'tls'), await startNamed(t, 'rest')];
  const domainConfigs: TConfigs = [{ protocol: 'tls', toPort: tls.port }];
  const plane = await startTcp(t, { domainConfigs, toPort: rest.port, unknownName: 'reset' });
  const client = await TcpClient.open(t, plane.port());
  client.socket.end('GET / HTTP/1.1\r\n\r\n');
  assert.match(await client.end(), /^rest:GET/);
  await plane.set({ domainConfigs });
  const refused = TcpClient.dial(t, plane.port());
  refused.socket.write('GET / HTTP/1.1\r\n\r\n');
  assert.equal(await refused.closed(), 'ECONNRESET');
});

test('A config without conditions but ports takes every connection to them, unseen', async (t) => {
  const [all, tls] = [await startNamed(t, 'all'), await startNamed(t, 'tls')];
  const [first, second] = [await freePort(t), await freePort(t)];
  const domainConfigs: TConfigs = [
    { portRanges: [second], toPort: all.port },
    { domains: ['a.test'], portRanges: [first], toPort: tls.port },
  ];
  await startTcp(t, { fromPort: first, globalPortRanges: [second], domainConfigs });
  const client = await TcpClient.open(t, second);
  assert.equal(await client.until('all:'), 'all:');
});

async function freePort(t: TestContext): Promise<number> {
  const server = await startNamed(t, '');
  await server.stop();
  return server.port;
}

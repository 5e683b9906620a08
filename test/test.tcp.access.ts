import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Admission } from '../ts/proxy/admission.ts';
import { realClientHello } from './suites/client-hello.ts';
import { eventually, startEcho, startNamed, startTcp, TcpClient } from './suites/tcp.ts';

test('access of an entry: who is denied is closed with RST, and nobody is connected to', async (t) => {
  const echo = await startEcho(t);
  const plane = await startTcp(t, { toPort: echo.port, access: { deny: ['127.0.0.0/8'] } });
  const denied = TcpClient.dial(t, plane.port());
  assert.equal(await denied.closed(), 'ECONNRESET');
  const { total, refused, failed } = plane.proxy.stats();
  assert.deepEqual({ total, refused, failed }, { total: 1, refused: 1, failed: 0 });
  assert.equal(echo.sockets.length, 0);
  await plane.set({ toPort: echo.port, access: { allow: ['127.0.0.1'] } });
  const allowed = await TcpClient.open(t, plane.port());
  allowed.socket.end('x');
  assert.equal(await allowed.end(), 'x');
});

test('access by a list that changes while it is used', async (t) => {
  const echo = await startEcho(t);
  const plane = await startTcp(t, { toPort: echo.port, access: { deny: ['@bad'] } });
  const first = await TcpClient.open(t, plane.port());
  first.socket.end('x');
  assert.equal(await first.end(), 'x');
  plane.parts.lists.set('bad', ['127.0.0.1']);
  assert.equal(await TcpClient.dial(t, plane.port()).closed(), 'ECONNRESET');
  plane.parts.lists.set('bad', ['10.0.0.1']);
  const second = await TcpClient.open(t, plane.port());
  second.socket.end('y');
  assert.equal(await second.end(), 'y');
});

test('access of a domain config is asked once the name is known', async (t) => {
  const [secret, open] = [await startNamed(t, 'secret'), await startNamed(t, 'open')];
  const access = { allow: ['10.0.0.0/8'] };
  const domainConfigs = [
    { domains: ['secret.test'], toPort: secret.port, access },
    { domains: ['open.test'], toPort: open.port },
  ];
  const plane = await startTcp(t, { domainConfigs });
  const denied = await TcpClient.open(t, plane.port());
  denied.socket.write(await realClientHello({ servername: 'secret.test' }));
  assert.equal(await denied.closed(), 'ECONNRESET');
  assert.deepEqual([plane.proxy.stats().refused, plane.proxy.stats().failed], [1, 0]);
  assert.equal(secret.sockets.length, 0);
  const allowed = await TcpClient.open(t, plane.port());
  allowed.socket.write(await realClientHello({ servername: 'open.test' }));
  await allowed.until('open:');
});

test('connectionsMax of an entry and of a domain config; who leaves makes room', async (t) => {
  const server = await startNamed(t, 'x');
  const config = { domains: ['one.test'], toPort: server.port, connectionsMax: 1 };
  const plane = await startTcp(t, {
    domainConfigs: [config],
    toPort: server.port,
    connectionsMax: 2,
  });
  const named = async () => {
    const client = TcpClient.dial(t, plane.port());
    client.socket.write(await realClientHello({ servername: 'one.test' }));
    return client;
  };
  const first = await named();
  await first.until('x:');
  assert.equal(await (await named()).closed(), 'ECONNRESET', 'the domain config is full');
  const other = await TcpClient.open(t, plane.port());
  other.socket.write('SSH-2.0-x\r\n');
  await other.until('x:');
  assert.equal(await (await named()).closed(), 'ECONNRESET', 'the entry is full');
  first.socket.destroy();
  await eventually(() => plane.proxy.stats().open === 1);
  await (await named()).until('x:');
  assert.equal(plane.proxy.stats().refused, 2);
});

test('connectionsPerClientMax and connectionRate', async (t) => {
  const echo = await startEcho(t);
  const plane = await startTcp(t, { toPort: echo.port, connectionsPerClientMax: 1 });
  const first = await TcpClient.open(t, plane.port());
  first.socket.write('x');
  await first.until('x');
  assert.equal(await TcpClient.dial(t, plane.port()).closed(), 'ECONNRESET');
  const connectionRate = { connections: 2, windowSeconds: 3600 };
  await plane.set({ toPort: echo.port, connectionRate });
  for (const text of ['a', 'b']) {
    const client = await TcpClient.open(t, plane.port());
    client.socket.end(text);
    assert.equal(await client.end(), text);
  }
  assert.equal(await TcpClient.dial(t, plane.port()).closed(), 'ECONNRESET');
});

test('The client of a PROXY header is who is asked for', async (t) => {
  const echo = await startEcho(t);
  const proxyProtocol = { from: ['127.0.0.1'] };
  const access = { deny: ['203.0.113.0/24'] };
  const plane = await startTcp(t, { toPort: echo.port, proxyProtocol, access });
  const denied = await TcpClient.open(t, plane.port());
  denied.socket.write('PROXY TCP4 203.0.113.1 192.0.2.1 1 2\r\n');
  assert.equal(await denied.closed(), 'ECONNRESET');
  const allowed = await TcpClient.open(t, plane.port());
  allowed.socket.end('PROXY TCP4 198.51.100.1 192.0.2.1 1 2\r\nhello');
  assert.equal(await allowed.end(), 'hello');
});

test('An answer that comes later: yes, no, and after the client has gone', async (t) => {
  const server = await startNamed(t, 'x');
  const answers: ((entered: boolean) => void)[] = [];
  let left = 0;
  t.mock.method(Admission.prototype, 'admit', (_ip: string, done: (entered: boolean) => void) => {
    answers.push(done);
    return null;
  });
  t.mock.method(Admission.prototype, 'leave', () => {
    left++;
  });
  const domainConfigs = [{ domains: ['a.test'], toPort: server.port, connectionsMax: 5 }];
  const plane = await startTcp(t, { domainConfigs, toPort: server.port, connectionsMax: 9 });
  const hello = await realClientHello({ servername: 'a.test' });
  const begin = async () => {
    const count = answers.length;
    const client = TcpClient.dial(t, plane.port());
    client.socket.write(hello);
    await eventually(() => answers.length === count + 1);
    return client;
  };
  // The entry says yes, then its domain config does.
  const first = await begin();
  answers.shift()?.(true);
  await eventually(() => answers.length === 1);
  answers.shift()?.(true);
  await first.until('x:');
  // The entry says no.
  const second = await begin();
  answers.shift()?.(false);
  assert.equal(await second.closed(), 'ECONNRESET');
  // The session is over before the domain config's answer comes.
  const third = await begin();
  answers.shift()?.(true);
  await eventually(() => answers.length === 1);
  for (const live of plane.proxy.connections()) live.close();
  assert.equal(await third.closed(), 'ECONNRESET');
  answers.shift()?.(true);
  // Twice for the first session, for the third one its entry, and what came too late.
  assert.equal(left, 4);
  assert.deepEqual([plane.proxy.stats().refused, plane.proxy.stats().open], [1, 0]);
});

test('Who waits for an answer, or has not sent its PROXY header, goes with the entry', async (t) => {
  const echo = await startEcho(t);
  const answers: ((entered: boolean) => void)[] = [];
  let left = 0;
  t.mock.method(Admission.prototype, 'admit', (_ip: string, done: (entered: boolean) => void) => {
    answers.push(done);
    return null;
  });
  t.mock.method(Admission.prototype, 'leave', () => {
    left++;
  });
  const proxyProtocol = { from: ['127.0.0.1'] };
  const plane = await startTcp(t, [
    { id: 'asks', toPort: echo.port, connectionsMax: 1 },
    { id: 'reads', toPort: echo.port, proxyProtocol },
  ]);
  const waiting = TcpClient.dial(t, plane.port('asks'));
  await eventually(() => answers.length === 1);
  const reading = await TcpClient.open(t, plane.port('reads'));
  reading.socket.write('PROXY TCP4 ');
  await eventually(() => plane.proxy.stats().total === 2);
  await plane.remove('asks', 'reads');
  await reading.end().catch((error: unknown) => error);
  answers[0]?.(true);
  assert.equal(await waiting.closed(), 'ECONNRESET');
  assert.equal(left, 1);
  assert.equal(echo.sockets.length, 0);
});

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { type TestContext, test } from 'node:test';
import { DcError } from '../ts/core/errors.ts';
import { silentLogger } from '../ts/core/logger.ts';
import type { Accepted } from '../ts/net/accepted.ts';
import { DescriptorGuard, isLastDescriptor } from '../ts/net/descriptors.ts';
import { portHolder } from '../ts/net/port-holder.ts';
import {
  HandedPorts,
  type IBoundPort,
  type IPortAddress,
  type IPortBinder,
  LocalPorts,
  portKey,
  SharedPorts,
} from '../ts/net/ports.ts';

const local = { host: '127.0.0.1', port: 0 };

async function bind(
  context: TestContext,
  binder: IPortBinder,
  address: IPortAddress = local,
): Promise<IBoundPort> {
  const port = await binder.bind(address);
  context.after(() => port.close());
  return port;
}

function dial(context: TestContext, port: number, host = '127.0.0.1'): Socket {
  const socket = connect({ port, host });
  socket.on('error', () => socket.destroy());
  context.after(() => socket.destroy());
  return socket;
}

/** The next connection of a port; call it once a port. */
function next(port: IBoundPort): Promise<Accepted> {
  return new Promise((resolve) => port.accept(resolve));
}

async function refusal(promise: Promise<unknown>): Promise<string> {
  const error = await promise.then(
    () => assert.fail('bound'),
    (reason: unknown) => reason,
  );
  assert.ok(error instanceof DcError && error.code === 'LISTEN_FAILED', String(error));
  return error.message;
}

test('LocalPorts: connections wait until somebody takes them', async (t) => {
  const port = await bind(t, new LocalPorts());
  const sockets = [dial(t, port.port), dial(t, port.port)];
  await Promise.all(sockets.map((socket) => once(socket, 'connect')));
  const seen: number[] = [];
  const both = new Promise<void>((resolve) => {
    port.accept((connection) => {
      seen.push(connection.peerPort);
      connection.destroy();
      if (seen.length === 2) resolve();
    });
  });
  await both;
  assert.deepEqual(seen.sort(), sockets.map(({ localPort }) => localPort).sort());
});

test('LocalPorts: close() closes what waits, and the port is free at once', async (t) => {
  const port = await bind(t, new LocalPorts());
  const socket = dial(t, port.port);
  await once(socket, 'connect');
  const closed = once(socket, 'close');
  socket.resume();
  port.close();
  port.close();
  await closed;
  const again = await bind(t, new LocalPorts(), { ...local, port: port.port });
  assert.equal(again.port, port.port);
});

test('LocalPorts: every address takes IPv4 and IPv6; IPv4 clients look like IPv4', async (t) => {
  const port = await bind(t, new LocalPorts(), { host: undefined, port: 0 });
  const accepted = next(port);
  dial(t, port.port);
  const connection = await accepted;
  assert.deepEqual([connection.peerIp, connection.local().ip], ['127.0.0.1', '127.0.0.1']);
  connection.destroy();
});

test('LocalPorts: a name is looked up', async (t) => {
  const port = await bind(t, new LocalPorts(), { host: 'localhost', port: 0 });
  assert.match(port.address, /^(127\.0\.0\.1|::1)$/);
});

test('LocalPorts: small writes of accepted connections leave at once', async (t) => {
  const port = await bind(t, new LocalPorts());
  const accepted = next(port);
  const peer = dial(t, port.port);
  const socket = (await accepted).toSocket();
  t.after(() => socket.destroy());
  const times: number[] = [];
  peer.on('data', () => times.push(performance.now()));
  // With Nagle's algorithm the second one would wait for an acknowledgement: 40 ms.
  const start = performance.now();
  for (let index = 0; index < 20; index++) {
    socket.write('x');
    socket.write('y');
    await new Promise((resolve) => setImmediate(resolve));
  }
  while (peer.bytesRead < 40) await once(peer, 'data');
  assert.ok(performance.now() - start < 400);
});

test('LISTEN_FAILED names the port, the purpose and who holds it', async (t) => {
  const mine = await bind(t, new LocalPorts());
  const address = { ...local, port: mine.port, purpose: 'entrypoint "web"' };
  assert.equal(
    await refusal(new LocalPorts().bind(address)),
    `Cannot listen on "127.0.0.1:${mine.port}" for entrypoint "web": ` +
      'this process listens there already',
  );
  assert.deepEqual((await portHolder(mine.port))?.pid, process.pid);
  mine.close();
  assert.equal(await portHolder(mine.port), null);
});

test('LISTEN_FAILED names another process', async (t) => {
  const script =
    "require('net').createServer().listen(0,'127.0.0.1',function(){console.log(this.address().port)})";
  const child = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'inherit'] });
  t.after(() => child.kill());
  const [line] = (await once(child.stdout, 'data')) as [Buffer];
  const port = Number(line.toString());
  const told = await refusal(new LocalPorts().bind({ ...local, port }));
  assert.match(told, new RegExp(`".+" \\(pid ${child.pid}\\) listens there already$`));
});

const refusals: { why: string; address: IPortAddress; message: RegExp }[] = [
  {
    why: 'an address that the machine does not have',
    address: { host: '192.0.2.1', port: 0 },
    message: /"192\.0\.2\.1:0": the machine does not have this address/,
  },
  {
    why: 'an IPv6 zone that is no network interface',
    address: { host: 'fe80::1%nowhere', port: 0 },
    message: /"\[fe80::1%nowhere\]:0": the machine (cannot bind|does not have)/,
  },
  {
    why: 'a name that does not resolve',
    address: { host: 'nowhere.invalid', port: 0 },
    message: /does not resolve/,
  },
  { why: 'port 65,536', address: { ...local, port: 65_536 }, message: /no port/ },
  { why: 'port -1', address: { ...local, port: -1 }, message: /no port/ },
];

for (const { why, address, message } of refusals) {
  test(`LISTEN_FAILED: ${why}`, async () => {
    assert.match(await refusal(new LocalPorts().bind(address)), message);
    assert.match(await refusal(new SharedPorts(() => 2).bind(address)), message);
  });
}

test('SharedPorts: a port of others is refused, also of others that would share it', async (t) => {
  const first = await bind(t, new SharedPorts(() => 2));
  const address = { ...local, port: first.port };
  // As the workers do, who have a copy of each handle.
  for (const handle of first.handles) assert.equal(handle.listen(1), 0);
  assert.match(await refusal(new SharedPorts(() => 1).bind(address)), /listens there/);
  assert.match(await refusal(new LocalPorts().bind(address)), /listens there/);

  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  const taken = server.address();
  const port = typeof taken === 'object' && taken !== null ? taken.port : 0;
  assert.match(await refusal(new SharedPorts(() => 2).bind({ ...local, port })), /listens there/);
});

test('SharedPorts: several handles of one port; handed over, each accepts', async (t) => {
  const shared = await bind(t, new SharedPorts(() => 3));
  shared.accept(() => assert.fail('it never accepts'));
  assert.equal(shared.handles.length, 3);
  const ports = await Promise.all(
    shared.handles.map((handle) => {
      const handed = new HandedPorts();
      handed.offer(portKey(local), handle);
      return handed.bind(local);
    }),
  );
  t.after(() => {
    for (const port of ports) port.close();
  });
  assert.deepEqual(
    ports.map(({ port }) => port),
    [shared.port, shared.port, shared.port],
  );
  const counts = [0, 0, 0];
  let open = 60;
  const all = new Promise<void>((resolve) => {
    for (const [index, port] of ports.entries()) {
      port.accept((connection) => {
        counts[index] = (counts[index] ?? 0) + 1;
        connection.destroy();
        if (--open === 0) resolve();
      });
    }
  });
  for (let index = 0; index < 60; index++) dial(t, shared.port).resume();
  await all;
  assert.ok(
    counts.every((count) => count > 0),
    `${counts}`,
  );
});

test('HandedPorts: a port has all handles that were offered, and those of others for a while', async (t) => {
  const shared = await bind(t, new SharedPorts(() => 3));
  const [first, second, third] = shared.handles;
  assert.ok(first && second && third);
  const handed = new HandedPorts();
  const key = portKey(local);
  handed.offer(key, first);
  handed.offer(key, second);
  const port = await handed.bind(local);
  t.after(() => port.close());
  assert.deepEqual(handed.keys(), []);
  handed.adopt(key, third, 'another');
  let count = 0;
  let wake: () => void = () => undefined;
  port.accept((connection) => {
    connection.destroy();
    count++;
    wake();
  });
  const arrivals = async (wanted: number): Promise<void> => {
    for (let index = 0; index < wanted; index++) dial(t, shared.port).resume();
    while (count < wanted) {
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
    count = 0;
  };
  // Whichever of the three the kernel gives them to.
  await arrivals(30);
  handed.release('another');
  handed.release('nobody');
  assert.equal(third.fd, -1, 'closed');
  await arrivals(30);
  const stray = await new SharedPorts(() => 1).bind(local);
  const [lost] = stray.handles;
  assert.ok(lost);
  handed.adopt('nowhere|1', lost, 'another');
  assert.equal(lost.fd, -1, 'there is no such port');
  port.close();
  port.close();
  const again = await new SharedPorts(() => 1).bind(local);
  t.after(() => again.close());
  const [late] = again.handles;
  assert.ok(late);
  handed.adopt(key, late, 'another');
  assert.equal(late.fd, -1, 'the port is closed');
});

test('HandedPorts: what was not offered is refused, or goes to another binder', async (t) => {
  const none = new HandedPorts();
  assert.match(
    await refusal(none.bind({ ...local, port: 5 })),
    /main process did not hand it over/,
  );
  const rest = new HandedPorts(new LocalPorts());
  assert.ok((await bind(t, rest)).port > 0);
  const shared = await new SharedPorts(() => 1).bind(local);
  const [handle] = shared.handles;
  assert.ok(handle);
  rest.offer(portKey(local), handle);
  rest.discard();
  assert.notEqual((await bind(t, rest)).port, shared.port);
});

test('portKey() tells addresses apart', () => {
  const keys = [
    { host: undefined, port: 80 },
    { host: '0.0.0.0', port: 80 },
    { host: '::', port: 80 },
    { host: undefined, port: 8 },
  ].map(portKey);
  assert.equal(new Set(keys).size, keys.length);
});

test('DescriptorGuard: refuses near the limit, recovers, and logs once a second', () => {
  const lines: string[] = [];
  const changes: boolean[] = [];
  let now = 0;
  const clock = {
    now: () => now,
    monotonic: () => now,
    setTimeout: () => ({ cancel: () => undefined }),
  };
  const guard = new DescriptorGuard({
    limit: 256,
    clock,
    logger: {
      ...silentLogger,
      warn: (event) => void lines.push(event),
      info: (event) => void lines.push(event),
    },
    onChange: (isPaused) => void changes.push(isPaused),
  });
  assert.equal(guard.admits(239), true);
  assert.equal(guard.admits(240), false);
  assert.equal(guard.admits(241), false);
  for (let index = 0; index < 50; index++) {
    assert.equal(guard.admits(100), true);
    assert.equal(guard.admits(250), false);
  }
  assert.deepEqual(lines, ['listener.paused']);
  now = 1001;
  assert.equal(guard.admits(100), true);
  assert.deepEqual(lines, ['listener.paused', 'listener.resumed']);
  assert.deepEqual([guard.refused, changes.length, changes.at(-1)], [52, 102, false]);
  assert.equal(isLastDescriptor(3), false);
});

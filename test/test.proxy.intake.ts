import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { type TestContext, test } from 'node:test';
import type { IClock } from '../ts/core/clock.ts';
import { systemClock } from '../ts/core/clock.ts';
import { CidrSet } from '../ts/net/cidr.ts';
import { LocalPorts } from '../ts/net/ports.ts';
import { buildProxyHeader } from '../ts/net/proxy-protocol.ts';
import { type IArrival, type IProxyInPlan, takeIn } from '../ts/proxy/intake.ts';
import { eventually, get, identity, startHttpBackend, startProxy } from './suites/engine.ts';
import { dial, Peer } from './suites/peer.ts';
import { connectTlsOver } from './suites/wires.ts';

const trusted = new CidrSet(['127.0.0.0/8']);
const nobody = new CidrSet(['192.0.2.0/24']);
const required: IProxyInPlan = { mode: 'required', trusted, timeoutMs: 10_000 };
const optional: IProxyInPlan = { mode: 'optional', trusted, timeoutMs: 10_000 };

const addresses = {
  sourceIp: '203.0.113.7',
  sourcePort: 1234,
  destinationIp: '198.51.100.1',
  destinationPort: 443,
};
const v1 = buildProxyHeader(1, addresses);
const v2 = buildProxyHeader(2, addresses);
const v2Local = buildProxyHeader(2, { ...addresses, command: 'local' });

interface ITaken {
  peer: Socket;
  /** Settles when the intake is over. */
  outcome: Promise<{ arrival: IArrival | null; reason: string }>;
  cancel: () => void;
}

/** Connects to a port that takes one connection in. */
async function take(
  context: TestContext,
  plan: IProxyInPlan,
  clock: IClock = systemClock,
): Promise<ITaken> {
  const port = await new LocalPorts().bind({ host: '127.0.0.1', port: 0 });
  context.after(() => port.close());
  let cancel: () => void = () => undefined;
  let calls = 0;
  const { promise: outcome, resolve } = Promise.withResolvers<{
    arrival: IArrival | null;
    reason: string;
  }>();
  const begun = new Promise<void>((resolveBegun) => {
    port.accept((connection) => {
      cancel = takeIn(
        connection,
        plan,
        (arrival, reason) => {
          assert.equal(++calls, 1, 'over once');
          context.after(() => arrival?.wire.destroy());
          resolve({ arrival, reason });
        },
        clock,
      );
      resolveBegun();
    });
  });
  const peer = connect({ port: port.port, host: '127.0.0.1', noDelay: true });
  peer.on('error', () => peer.destroy());
  peer.resume();
  context.after(() => peer.destroy());
  await Promise.all([once(peer, 'connect'), begun]);
  return { peer, outcome, cancel };
}

const headers = [
  { name: 'version 1', bytes: v1, clientIp: '203.0.113.7' },
  { name: 'version 2', bytes: v2, clientIp: '203.0.113.7' },
  { name: 'version 2 LOCAL', bytes: v2Local, clientIp: '127.0.0.1' },
  { name: 'version 1 UNKNOWN', bytes: Buffer.from('PROXY UNKNOWN\r\n'), clientIp: '127.0.0.1' },
];

for (const { name, bytes, clientIp } of headers) {
  for (const plan of [required, optional]) {
    test(`takeIn() ${plan.mode}: ${name}, with what follows in the same read`, async (t) => {
      const { peer, outcome } = await take(t, plan);
      peer.write(Buffer.concat([bytes, Buffer.from('payload')]));
      const { arrival } = await outcome;
      assert.ok(arrival);
      assert.equal(arrival.bytes?.toString(), 'payload');
      assert.equal(arrival.wire.isPaused, true);
      const { client } = arrival;
      assert.deepEqual([client.clientIp, client.peerIp], [clientIp, '127.0.0.1']);
      if (clientIp === '203.0.113.7') {
        assert.deepEqual(
          [client.clientPort, client.localIp, client.localPort],
          [1234, '198.51.100.1', 443],
        );
      } else {
        assert.deepEqual([client.clientPort, client.localIp], [peer.localPort, '127.0.0.1']);
      }
    });
  }

  test(`takeIn(): ${name}, one byte at a time`, async (t) => {
    const { peer, outcome } = await take(t, required);
    for (const byte of bytes) {
      peer.write(Buffer.of(byte));
      await new Promise((resolve) => setImmediate(resolve));
    }
    const { arrival } = await outcome;
    assert.deepEqual([arrival?.bytes, arrival?.client.clientIp], [null, clientIp]);
  });
}

const refused = [
  { why: 'no header', send: Buffer.from('GET / HTTP/1.1\r\n\r\n'), reason: /no PROXY header/ },
  { why: 'a broken version 1', send: Buffer.from('PROXY TCP4 1.2.3\r\n'), reason: /./ },
  { why: 'a line without an end', send: Buffer.from(`PROXY TCP4 ${'1'.repeat(200)}`), reason: /./ },
  {
    why: 'a broken version 2',
    send: Buffer.concat([v2.subarray(0, 12), Buffer.alloc(4, 255)]),
    reason: /./,
  },
];

for (const { why, send, reason } of refused) {
  test(`takeIn() required: ${why}: closed`, async (t) => {
    const { peer, outcome } = await take(t, required);
    const closed = new Promise((resolve) => peer.once('close', resolve));
    peer.write(send);
    const { arrival, reason: told } = await outcome;
    assert.equal(arrival, null);
    assert.match(told, reason);
    await closed;
  });
}

test('takeIn(): a header that began and is broken is refused in optional mode too', async (t) => {
  const { peer, outcome } = await take(t, optional);
  peer.write('PROXY TCP4 nonsense\r\n');
  assert.equal((await outcome).arrival, null);
});

test('takeIn() optional: no header is payload', async (t) => {
  const { peer, outcome } = await take(t, optional);
  peer.write('PRO');
  await new Promise((resolve) => setTimeout(resolve, 5));
  peer.write('POSAL');
  const { arrival } = await outcome;
  assert.deepEqual([arrival?.bytes?.toString(), arrival?.header], ['PROPOSAL', null]);
});

test('takeIn(): from a peer that is not trusted a header is payload, or it is closed', async (t) => {
  const first = await take(t, { ...optional, trusted: nobody });
  const { arrival } = await first.outcome;
  assert.ok(arrival);
  const parts: Buffer[] = [];
  arrival.wire.consumer = {
    onBytes: (bytes, start, end) => void parts.push(Buffer.from(bytes.subarray(start, end))),
    onEnd: () => undefined,
    onDrain: () => undefined,
    onClose: () => undefined,
  };
  arrival.wire.resume();
  first.peer.write(v1);
  await eventually(() => Buffer.concat(parts).equals(v1));
  assert.equal(arrival.client.clientIp, '127.0.0.1');

  const second = await take(t, { ...required, trusted: nobody });
  assert.deepEqual(await second.outcome, { arrival: null, reason: 'the peer is not trusted' });
});

for (const { why, leave } of [
  { why: 'ends', leave: (peer: Socket) => void peer.end() },
  { why: 'resets', leave: (peer: Socket) => void peer.resetAndDestroy() },
]) {
  test(`takeIn(): a peer that ${why} before its header is complete`, async (t) => {
    const { peer, outcome } = await take(t, required);
    await new Promise((resolve) => peer.write(v2.subarray(0, 9), resolve));
    leave(peer);
    const { arrival, reason } = await outcome;
    assert.equal(arrival, null);
    assert.match(reason, /before its PROXY header/);
  });
}

test('takeIn(): the deadline, and cancelling', async (t) => {
  let expire: () => void = () => undefined;
  let cancels = 0;
  const clock: IClock = {
    ...systemClock,
    now: () => 0,
    monotonic: () => 0,
    setTimeout: (run, delayMs) => {
      assert.equal(delayMs, 10_000);
      expire = run;
      return { cancel: () => void cancels++ };
    },
  };
  const late = await take(t, required, clock);
  late.peer.write('PROXY ');
  expire();
  assert.match((await late.outcome).reason, /too long/);
  const silent = await take(t, optional, clock);
  expire();
  assert.ok((await silent.outcome).arrival, 'a client that waits for the server to speak');
  const cancelled = await take(t, required, clock);
  cancelled.cancel();
  cancelled.cancel();
  assert.equal((await cancelled.outcome).arrival, null);
  assert.equal(cancels, 3);
});

for (const tls of [false, true]) {
  test(`Entrypoint with proxyProtocol${tls ? ' and TLS' : ''}: the header's client counts`, async (t) => {
    const seen: (string | undefined)[] = [];
    const backend = await startHttpBackend(t, (request, response) => {
      seen.push(String(request.headers['x-forwarded-for']));
      response.end('hello');
    });
    const own = { address: '127.0.0.1', port: 0, tls, connectionsPerClientMax: 1 };
    const proxyProtocol = { from: ['127.0.0.1'] };
    const { manager } = await startProxy(t, [backend], {
      web: { entrypoints: { http: { ...own, proxyProtocol } } },
    });
    const port = manager.addresses().http?.port ?? 0;
    const ask = async (header: Buffer): Promise<string> => {
      // The one before is counted until it is closed.
      await eventually(() => manager.connectionStats().open === 0);
      const peer = await dial(port);
      t.after(() => peer.socket.destroy());
      const request = get('/', 'Connection: close\r\n');
      if (!tls) {
        peer.write(Buffer.concat([header, Buffer.from(request)]));
        const answer = (await peer.readAll()).toString();
        peer.socket.destroy();
        return answer;
      }
      peer.socket.removeAllListeners('data');
      peer.write(header);
      return connectTlsOver(peer.socket, identity.ca, request);
    };
    assert.match(await ask(v1), /hello/);
    assert.match(await ask(v2), /hello/);
    assert.match(await ask(v2Local), /hello/);
    assert.deepEqual(seen, ['203.0.113.7', '203.0.113.7', '127.0.0.1']);
    // The limit is the client's, not that of the proxy in front.
    const holder = await dial(port);
    t.after(() => holder.socket.destroy());
    holder.write(v1);
    await eventually(() => manager.connectionStats().total === 4);
    if (!tls) {
      await eventually(() => manager.connectionStats().open === 1);
      const same = new Peer((await dial(port)).socket);
      same.write(Buffer.concat([v2, Buffer.from(get('/'))]));
      await same.closed();
      assert.equal(same.bytesRead, 0);
    }
    const bare = await dial(port);
    bare.write(get('/'));
    await bare.closed();
    assert.equal(bare.bytesRead, 0);
    assert.equal(manager.connectionStats().refused, tls ? 1 : 2);
  });
}

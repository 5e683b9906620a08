import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AccessLog } from '../ts/metrics/access-log.ts';
import {
  assertAtRest,
  eventually,
  type IProxy,
  startBackend,
  startProxy,
} from './suites/engine.ts';
import { type MessageHead, type Peer, PeerClosed } from './suites/peer.ts';
import { randomFrom } from './suites/random.ts';

/** How long everybody misbehaves. */
const chaosMs = 3000;
/** The longest, for a machine on which the counts come slowly. */
const chaosMsMax = 30_000;
/** Ends of requests that have to occur often. */
const outcomes = ['200', '101', '502', 'closed'];

/** Nothing that a client waits for may take longer: all timeouts of the proxy are shorter. */
const patienceMs = 8000;

const clientCount = 60;

type TRandom = (bound: number) => number;

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** A backend that does one of everything, well or badly, and says in each body whom it answers. */
function misbehaving(random: TRandom): (peer: Peer) => Promise<void> {
  return async (peer) => {
    for (;;) {
      const head = await peer.readHead();
      const isEarly = random(12) === 0;
      if (!isEarly) await readBody(peer, head);
      if (random(5) === 0) await pause(random(30));
      if (random(10) === 0) peer.write('HTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\n');
      if (head.get('upgrade') !== undefined && random(3) > 0) return tunnel(peer, random);
      const isKept = await respond(peer, head, random);
      if (!isKept || isEarly) return;
    }
  };
}

/** Answers; false when the connection cannot go on. */
async function respond(peer: Peer, head: MessageHead, random: TRandom): Promise<boolean> {
  const token = head.target;
  const size = random(8) === 0 ? random(600_000) : random(300);
  const body = token + 'z'.repeat(size);
  const bare = head.method === 'HEAD';
  switch (random(16)) {
    case 0:
      peer.reset();
      return false;
    case 1:
      peer.end();
      return false;
    case 2:
      peer.write(
        `HTTP/1.1 200 OK\r\nContent-Length: ${body.length + 1}\r\n\r\n${bare ? '' : body}`,
      );
      if (random(2) === 0) peer.end();
      else peer.reset();
      return false;
    case 3:
      peer.write(`HTTP/1.1 200 OK\r\n\r\n${bare ? '' : body}`);
      peer.end();
      return false;
    case 4:
      peer.write(`HTTP/1.0 200 OK\r\n\r\n${bare ? '' : body}`);
      await pause(random(20));
      peer.end();
      return false;
    case 5:
      peer.write('garbage\r\n\r\n');
      return false;
    case 6:
      // Never answers.
      await peer.closed();
      return false;
    case 7:
      peer.write(`HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: ${body.length}\r\n\r\n`);
      if (!bare) peer.write(body);
      peer.end();
      return false;
    case 8:
    case 9:
    case 10:
      peer.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n');
      if (bare) return true;
      for (let at = 0; at < body.length; ) {
        const piece = body.slice(at, at + 1 + random(100_000));
        at += piece.length;
        await peer.send(`${piece.length.toString(16)};x=y\r\n${piece}\r\n`);
        if (random(20) === 0) {
          peer.reset();
          return false;
        }
      }
      peer.write(`0\r\nX-T: ${token}\r\n\r\n`);
      return true;
    default:
      peer.write(`HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n`);
      if (!bare) await peer.send(body);
      return true;
  }
}

async function readBody(peer: Peer, head: MessageHead): Promise<void> {
  const length = Number(head.get('content-length') ?? 0);
  if (head.get('expect') !== undefined) peer.write('HTTP/1.1 100 Continue\r\n\r\n');
  if (length > 0) await peer.read(length);
  if (head.get('transfer-encoding') === undefined) return;
  while ((await peer.readTo('\r\n')) !== '0\r\n') await peer.readTo('\r\n');
  while ((await peer.readTo('\r\n')) !== '\r\n');
}

/** Echoes for a while, then ends in some way. */
async function tunnel(peer: Peer, random: TRandom): Promise<void> {
  peer.write('HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n');
  for (let round = random(5); round > 0; round--) peer.write(await peer.read(10));
  if (random(3) === 0) peer.reset();
  else if (random(2) === 0) peer.end();
}

/** A client that does one of everything; counts what it saw in `seen`. */
async function misbehave(
  proxy: IProxy,
  random: TRandom,
  name: string,
  seen: Map<string, number>,
  goesOn: () => boolean,
): Promise<void> {
  const count = (what: string) => seen.set(what, (seen.get(what) ?? 0) + 1);
  for (let round = 0; goesOn(); round++) {
    const client = random(4) === 0 ? await proxy.dialTls() : await proxy.dial();
    try {
      for (let requests = 1 + random(6); requests > 0; requests--) {
        await act(client, random, `/${name}-${round}-${requests}`, count);
      }
      if (random(2) === 0) client.end();
    } catch (error) {
      if (!(error instanceof PeerClosed)) throw error;
      count('closed');
    } finally {
      if (random(2) === 0) client.socket.destroy();
      else client.socket.destroySoon();
    }
  }
}

/** One request, or several at once, and what comes of it. */
async function act(
  client: Peer,
  random: TRandom,
  token: string,
  count: (what: string) => void,
): Promise<void> {
  const body = 'b'.repeat(random(4) === 0 ? random(400_000) : random(200));
  const host = 'Host: chaos.test\r\n';
  const sized = `${host}Content-Length: ${body.length}\r\n`;
  const size = body.length.toString(16);
  const chunks = body === '' ? '' : `${size}\r\n${body}\r\n`;
  switch (random(14)) {
    case 0: {
      const tokens = Array.from({ length: 5 }, (_, index) => `${token}.${index}`);
      client.write(tokens.map((target) => `GET ${target} HTTP/1.1\r\n${host}\r\n`).join(''));
      for (const target of tokens) await expect(client, 'GET', target, count);
      return;
    }
    case 1:
      client.write(`HEAD ${token} HTTP/1.1\r\n${host}\r\n`);
      return expect(client, 'HEAD', token, count);
    case 2:
    case 3:
      client.write(`POST ${token} HTTP/1.1\r\n${sized}\r\n${body}`);
      return expect(client, 'POST', token, count);
    case 4:
      client.write(`PUT ${token} HTTP/1.1\r\n${host}Transfer-Encoding: chunked\r\n\r\n`);
      if (random(2) === 0) await pause(random(20));
      client.write(`${chunks}0\r\n\r\n`);
      return expect(client, 'PUT', token, count);
    case 5:
      client.write(`POST ${token} HTTP/1.1\r\n${sized}\r\n${body.slice(0, -1)}`);
      if (random(2) === 0) await pause(random(20));
      if (random(2) === 0) client.reset();
      else client.end();
      throw new PeerClosed();
    case 6:
      client.write(`GET ${token} HTTP/1.1\r\n${host}\r\n`);
      await pause(random(20));
      client.reset();
      throw new PeerClosed();
    case 7:
      client.write(`GET ${token} HTTP/1.1\r\n${host}\r\n`);
      client.socket.pause();
      await pause(random(60));
      client.socket.resume();
      return expect(client, 'GET', token, count);
    case 8:
      client.write(`GET ${token} HTTP/1.1\r\n${host}Connection: upgrade\r\nUpgrade: x\r\n\r\n`);
      return useTunnel(client, random, token, count);
    case 9:
      client.write(`GET ${token} HTTP/1.${random(2)}\r\n${host}Bad Header: x\r\n\r\n`);
      return expect(client, 'GET', token, count);
    case 10:
      client.write(`GET ${token} HTTP/1.0\r\n${host}Connection: keep-alive\r\n\r\n`);
      return expect(client, 'GET', token, count);
    case 11:
      client.write(`POST ${token} HTTP/1.1\r\n${sized}Expect: 100-continue\r\n\r\n`);
      if (random(2) === 0) await pause(random(20));
      client.write(body);
      return expect(client, 'POST', token, count);
    case 12:
      client.write(`GET ${token} HTTP/1.1\r\n${host}\r\n`);
      client.end();
      return expect(client, 'GET', token, count);
    default:
      client.write(`GET ${token} HTTP/1.1\r\n${host}\r\n`);
      return expect(client, 'GET', token, count);
  }
}

/** The next response is the request's own, or one of the proxy's. */
async function expect(
  client: Peer,
  method: string,
  token: string,
  count: (what: string) => void,
): Promise<void> {
  const { head, body } = await inTime(client.readResponse(method), token);
  const { status } = head;
  count(String(status));
  if (status === 200 && method !== 'HEAD') {
    assert.equal(body.subarray(0, token.length).toString(), token);
    const rest = body.subarray(token.length);
    assert.ok(/^z*$/.test(rest.toString()), `${token} got ${rest.subarray(0, 50)}`);
  } else if (status !== 200) {
    assert.ok([400, 408, 413, 502, 503, 504].includes(status), `${token} got ${status}`);
  }
  if (head.get('connection') === 'close') throw new PeerClosed();
}

async function useTunnel(
  client: Peer,
  random: TRandom,
  token: string,
  count: (what: string) => void,
): Promise<void> {
  const { head } = await inTime(client.readResponse(), token);
  count(String(head.status));
  if (head.status !== 101) return;
  for (let round = random(4); round > 0; round--) {
    client.write('0123456789');
    assert.equal((await inTime(client.read(10), token)).toString(), '0123456789');
  }
  if (random(3) === 0) client.reset();
  else client.end();
  await inTime(client.closed(), token);
  throw new PeerClosed();
}

/** Fails when something takes longer than the proxy may take. */
async function inTime<T>(promise: Promise<T>, what: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what} hangs`)), patienceMs);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

test('chaos: whatever clients and backends do, answers are right and all is given back', async (t) => {
  const seed = Number(process.env.SEED ?? 20_260_101);
  const random = randomFrom(seed);
  t.diagnostic(`SEED=${seed}`);
  const backends = await Promise.all([
    startBackend(t, misbehaving(random)),
    startBackend(t, misbehaving(random)),
    startBackend(t, misbehaving(random), { tls: true }),
  ]);
  const refusing = { hostname: '127.0.0.1', port: 1 };
  const proxy = await startProxy(t, backends, {
    route: {
      backends: [...backends.map(({ input }) => input), refusing],
      reqActiveLength: 20,
      reqQueueLength: 12,
      queueTimeoutMs: 400,
      keepAliveMax: 6,
      limits: { bodyBytesMax: 390_000 },
      timeouts: { firstByteMs: 150, responseMs: 400, bodyMs: 400, totalMs: 2000 },
    },
    web: {
      timeouts: { headMs: 500, idleMs: 500, tunnelIdleMs: 500, upstreamIdleMs: 500 },
      hooks: {
        onRequest: ({ setHeader }) => {
          if (random(3) > 0) return undefined;
          return pause(random(10)).then(() => setHeader('X-Hook', '1'));
        },
      },
    },
  });
  // Also what only the access log does.
  proxy.engine.accessLog = new AccessLog({
    options: { enabled: true, path: '/dev/null' },
    logger: proxy.engine.logger,
  });
  const seen = new Map<string, number>();
  const start = performance.now();
  const requests = () => proxy.manager.tracker.total.snapshot(performance.now()).requests;
  const isEnough = () => requests() > 1000 && outcomes.every((what) => (seen.get(what) ?? 0) > 20);
  // A busy machine takes longer to come to as many.
  const goesOn = () => {
    const elapsed = performance.now() - start;
    return elapsed < chaosMs || (elapsed < chaosMsMax && !isEnough());
  };
  const clients = Array.from({ length: clientCount }, (_, index) =>
    misbehave(proxy, random, `c${index}`, seen, goesOn),
  );
  await Promise.all(clients);

  for (const what of outcomes) {
    assert.ok((seen.get(what) ?? 0) > 20, `${what}: ${JSON.stringify([...seen])}`);
  }
  t.diagnostic(JSON.stringify(Object.fromEntries(seen)));
  assert.ok(requests() > 1000);
  // Everything ends by itself: no stop() yet.
  await eventually(() => proxy.manager.connectionStats().open === 0, 'the end of connections');
  await assertAtRest(proxy);
  await eventually(() => proxy.engine.pools.openCount === 0, 'the end of backend connections');
  const { entrypoints } = proxy.manager as unknown as {
    entrypoints: {
      listeners: Map<string, { admission: { open: number }; openCount: number }>;
    };
  };
  for (const { admission, openCount } of entrypoints.listeners.values()) {
    assert.deepEqual([admission.open, openCount], [0, 0]);
  }
});

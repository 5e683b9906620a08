import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { eventually, get, startHttpBackend } from './suites/engine.ts';
import { dial, type Peer, PeerClosed } from './suites/peer.ts';

interface IState {
  events: string[];
  isDead: boolean;
  cpuUs: number;
}

/** Status of one request; 0: the connection was closed. */
async function statusOf(peer: Peer): Promise<number> {
  try {
    peer.write(get('/'));
    return (await peer.readResponse()).head.status;
  } catch (error) {
    assert.ok(error instanceof PeerClosed);
    return 0;
  }
}

test('File descriptors used up: open connections live, new ones are closed, it recovers', async (t) => {
  const backend = await startHttpBackend(t, (_request, response) => {
    // So that every request needs a connection of its own.
    response.setHeader('Connection', 'close').end('hello');
  });
  const file = fileURLToPath(new URL('fixtures/few-descriptors.ts', import.meta.url));
  const command = `ulimit -n 128; exec "${process.execPath}" "${file}" ${backend.port}`;
  const child = spawn('bash', ['-c', command], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  t.after(() => child.kill('SIGKILL'));
  const [{ port }] = (await once(child, 'message')) as [{ port: number }];
  const ask = async (what: string): Promise<IState> => {
    const answer = once(child, 'message');
    child.send(what);
    return ((await answer) as [IState])[0];
  };

  const first = await dial(port);
  t.after(() => first.socket.destroy());
  assert.equal(await statusOf(first), 200);

  // Clients that hold what there is.
  const clients = await Promise.all(Array.from({ length: 150 }, () => dial(port)));
  t.after(() => {
    for (const { socket } of clients) socket.destroy();
  });
  await eventually(() => clients.some(({ ending }) => ending !== null), 'the refusal');
  const held = clients.filter(({ ending }) => ending === null);
  assert.ok(held.length > 20 && held.length < 128, `${held.length} were taken in`);
  assert.equal(await statusOf(first), 200, 'an open connection lives');
  assert.equal((await ask('look')).events[0], 'paused');

  // Not even a connection to the backend can be made: that is our fault, not the backend's.
  await ask('fill');
  const [some] = held;
  assert.ok(some);
  assert.equal(await statusOf(some), 503);
  const { isDead, cpuUs } = await ask('look');
  assert.equal(isDead, false);
  // Nobody runs in circles meanwhile.
  await new Promise((resolve) => setTimeout(resolve, 200));
  assert.ok((await ask('look')).cpuUs - cpuUs < 100_000);

  await ask('free');
  for (const { socket } of clients) socket.destroy();
  const later = async (): Promise<number> => {
    const peer = await dial(port);
    t.after(() => peer.socket.destroy());
    return statusOf(peer);
  };
  let status = await later();
  for (let tries = 0; tries < 100 && status !== 200; tries++) status = await later();
  assert.equal(status, 200);
  assert.ok((await ask('look')).events.includes('resumed'));
});

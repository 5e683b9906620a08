import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import {
  echoTargets,
  eventually,
  get,
  type IProxy,
  post,
  startBackend,
  startProxy,
} from './suites/engine.ts';
import type { Peer } from './suites/peer.ts';

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

/** Bytes that live, on the heap and beside it. */
async function livingBytes(): Promise<number> {
  // What closed in this turn of the event loop is let go in the next ones.
  for (let round = 0; round < 5; round++) {
    await new Promise((resolve) => setImmediate(resolve));
    collect();
  }
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

async function ask(client: Peer, requests: readonly string[]): Promise<void> {
  client.write(requests.join(''));
  for (const _ of requests) await client.readResponse();
}

/** So many requests of every kind. */
async function load(proxy: IProxy, clients: readonly Peer[], count: number): Promise<void> {
  const batch = [
    ...Array.from({ length: 20 }, () => get('/same')),
    ...Array.from({ length: 20 }, (_, index) => get(`/${index}`)),
    ...Array.from({ length: 10 }, () => post('/body', 'x'.repeat(500))),
  ];
  const perRound = batch.length * clients.length;
  for (let done = 0; done < count; done += perRound) {
    await Promise.all(clients.map((client) => ask(client, batch)));
    for (let index = 0; index < 5; index++) {
      const client = index === 0 ? await proxy.dialTls() : await proxy.dial();
      if (index < 3) await ask(client, [get('/once')]);
      else client.write(post('/never', 'x'.repeat(100)).slice(0, -50));
      if (index === 1) client.end();
      else client.reset();
      await client.closed();
    }
  }
  await eventually(() => proxy.manager.connectionStats().open === clients.length);
}

test('20,000 requests leave nothing behind', async (t) => {
  const backend = await startBackend(t, echoTargets);
  const proxy = await startProxy(t, [backend]);
  const clients = await Promise.all(Array.from({ length: 8 }, () => proxy.dial()));
  await load(proxy, clients, 6000);
  backend.peers.length = 0;
  const before = await livingBytes();
  await load(proxy, clients, 20_000);
  backend.peers.length = 0;
  const grown = (await livingBytes()) - before;
  t.diagnostic(`${grown} bytes`);
  // A hundred bytes a request would be 2 MB.
  assert.ok(grown < 1_000_000, `${grown} bytes more than before`);
});

import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import type { IHttpTimeouts } from '../../ts_interfaces/index.ts';
import { plainOptions, startOrigin, startRouterWith } from './origin.ts';
import { peerTest, run } from './peer.ts';

const connections = 40;
const attackSeconds = 30;

/**
 * Lets slowhttptest at a router with short timeouts: others are served meanwhile, and long before the
 * attack ends by itself the router has closed every one of its connections.
 */
async function attack(t: TestContext, timeouts: IHttpTimeouts, path: string, options: string[]) {
  const origin = await startOrigin(t);
  const { router, ports } = await startRouterWith(t, plainOptions(origin, { timeouts }));
  let closed = 0;
  const allClosed = new Promise<string>((done) => {
    router.events.on('connection.close', () => {
      closed++;
      if (closed > connections) done('closed');
    });
  });

  const url = `http://127.0.0.1:${ports.http}${path}`;
  const abort = new AbortController();
  const attacked = run(
    'slowhttptest',
    [
      ...['-c', String(connections), '-r', String(connections), '-l', String(attackSeconds)],
      ...['-p', '5', '-v', '1', ...options, '-u', url],
    ],
    { signal: abort.signal },
  );
  const meanwhile = await run('curl', [
    ...['-sS', '-o', '/dev/null', '-w', '%{http_code}', '--max-time', '5'],
    `http://127.0.0.1:${ports.http}/inspect`,
  ]);
  assert.equal(meanwhile.stdout, '200', 'others are served while it goes on');

  // It ends by itself when no connection is left, or when its time is over.
  const timeOver = attacked.then(
    ({ stdout, stderr }) => {
      assert.match(stdout + stderr, /No open connections left/);
      return allClosed;
    },
    (error: Error) => error.name,
  );
  assert.equal(await Promise.race([allClosed, timeOver]), 'closed');
  abort.abort();
  await timeOver;
}

peerTest('slowhttptest: slowloris runs into headMs', ['slowhttptest', 'curl'], (t) =>
  attack(t, { headMs: 1000 }, '/inspect', ['-H', '-i', '5', '-t', 'GET', '-x', '24']),
);

peerTest('slowhttptest: a slow body runs into bodyMs', ['slowhttptest', 'curl'], (t) =>
  attack(t, { bodyMs: 1000 }, '/inspect', ['-B', '-i', '5', '-s', '8192', '-x', '10']),
);

peerTest('slowhttptest: a slow reader runs into responseMs', ['slowhttptest', 'curl'], (t) =>
  attack(t, { responseMs: 1000 }, '/bytes/8000000', [
    ...['-X', '-w', '512', '-y', '1024', '-n', '20', '-z', '32', '-k', '1'],
  ]),
);

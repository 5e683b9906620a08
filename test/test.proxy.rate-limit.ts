import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { LocalLimiters } from '../ts/net/limiters.ts';
import type { IRateLimiter, IRateVerdict } from '../ts/net/rate-limiter.ts';
import { RateLimiter } from '../ts/net/rate-limiter.ts';
import { NamedLimits } from '../ts/proxy/named-limits.ts';
import { type IRateOutcome, RateLimits } from '../ts/proxy/rate-limits.ts';
import type { IRateLimit, TRouteInput } from '../ts_interfaces/index.ts';
import {
  echoTargets,
  eventually,
  get,
  ok,
  post,
  startBackend,
  startProxy,
} from './suites/engine.ts';
import type { Peer } from './suites/peer.ts';

/** So slow that no token comes back during a test. */
const hourly = { windowSeconds: 3600 };

async function limitedProxy(context: TestContext, route: Partial<TRouteInput>, web = {}) {
  const backend = await startBackend(context, echoTargets);
  const proxy = await startProxy(context, [backend], { route, web });
  return { backend, proxy };
}

async function statusOf(peer: Peer, lines = ''): Promise<number> {
  peer.write(get('/', lines));
  return (await peer.readResponse()).head.status;
}

async function statusesOf(peer: Peer, count: number, lines = ''): Promise<number[]> {
  const statuses: number[] = [];
  for (let index = 0; index < count; index++) statuses.push(await statusOf(peer, lines));
  return statuses;
}

test('a request over the limit gets 429 and says when to come back', async (context) => {
  const { proxy, backend } = await limitedProxy(context, {
    rateLimits: [{ requests: 2, ...hourly }],
  });
  const client = await proxy.dial();
  const answers = [];
  for (let index = 0; index < 3; index++) {
    client.write(get('/'));
    answers.push(await client.readResponse());
  }
  const told = answers.map(({ head }) => [
    head.status,
    head.get('ratelimit-limit'),
    head.get('ratelimit-remaining'),
    head.get('ratelimit-reset'),
    head.get('ratelimit-policy'),
    head.get('ratelimit'),
    head.get('retry-after'),
  ]);
  const policy = '"limit-1";q=2;w=3600';
  assert.deepEqual(told, [
    [200, '2', '1', '1800', policy, '"limit-1";r=1;t=1800', undefined],
    [200, '2', '0', '3600', policy, '"limit-1";r=0;t=3600', undefined],
    [429, '2', '0', '3600', policy, '"limit-1";r=0;t=3600', '1800'],
  ]);
  assert.match(answers[2]?.body.toString() ?? '', /^429 Too Many Requests\nRATE_LIMITED \S+\n$/);
  assert.equal(backend.peers.length, 1);
  assert.equal(proxy.route.counter.active, 0);
});

test('Retry-After is a whole second at least', async (context) => {
  const { proxy } = await limitedProxy(context, {
    rateLimits: [{ requests: 2, burst: 1 }],
  });
  const client = await proxy.dial();
  client.write(get('/') + get('/'));
  await client.readResponse();
  const { head } = await client.readResponse();
  assert.deepEqual([head.status, head.get('retry-after')], [429, '1']);
});

test('pipelined requests over the limit are all answered, in order', async (context) => {
  const { proxy, backend } = await limitedProxy(context, {
    rateLimits: [{ requests: 3, ...hourly }],
  });
  const client = await proxy.dial();
  // Equal heads are recognised and not parsed; unequal ones are.
  client.write(get('/').repeat(5) + get('/x').repeat(100));
  const statuses = [];
  for (let index = 0; index < 105; index++) {
    statuses.push((await client.readResponse()).head.status);
  }
  assert.deepEqual(statuses, [200, 200, 200, ...new Array(102).fill(429)]);
  assert.equal(backend.peers.length, 1);
});

test('a refused POST does not reach the backend, nor does its body', async (context) => {
  const { proxy, backend } = await limitedProxy(context, {
    rateLimits: [{ requests: 1, ...hourly }],
  });
  const client = await proxy.dial();
  assert.equal(await statusOf(client), 200);
  client.write(post('/', 'GET /smuggled HTTP/1.1\r\nHost: example.test\r\n\r\n'));
  const { head } = await client.readResponse();
  assert.deepEqual([head.status, head.get('connection')], [429, 'close']);
  await client.closed();
  assert.equal(backend.peers[0]?.pending.length, 0);
});

test('each client address has a bucket; X-Forwarded-For of a stranger makes no other', async (context) => {
  const { proxy } = await limitedProxy(context, { rateLimits: [{ requests: 2, ...hourly }] });
  const statuses = [];
  for (let index = 0; index < 4; index++) {
    const client = await proxy.dial();
    const lines =
      `X-Forwarded-For: 203.0.113.${index}\r\nForwarded: for=203.0.113.${index}\r\n` +
      `X-Real-IP: 203.0.113.${index}\r\n`;
    statuses.push(await statusOf(client, lines));
  }
  assert.deepEqual(statuses, [200, 200, 429, 429]);
});

test('behind a trusted proxy the clients that it names are limited, by their networks', async (context) => {
  const { proxy } = await limitedProxy(
    context,
    { rateLimits: [{ requests: 1, prefix4: 24, ...hourly }] },
    { trustedProxies: ['127.0.0.1'] },
  );
  const client = await proxy.dial();
  const cases = [
    { from: '203.0.113.1', status: 200, why: 'the first of its network' },
    { from: '203.0.113.77', status: 429, why: 'a neighbour in the same /24' },
    { from: '203.0.114.1', status: 200, why: 'the next network' },
    { from: '198.51.100.1, 203.0.113.9', status: 429, why: 'what the client claims is not asked' },
    { from: '2001:db8::1', status: 200, why: 'IPv6' },
    { from: '2001:db8::ffff:2', status: 429, why: 'the same /64' },
    { from: '2001:db8:0:1::1', status: 200, why: 'another /64' },
    { from: '::ffff:203.0.113.5', status: 429, why: 'an IPv4 address in IPv6' },
  ];
  for (const { from, status, why } of cases) {
    assert.equal(await statusOf(client, `X-Forwarded-For: ${from}\r\n`), status, why);
  }
});

test('a limit by header has a bucket for each value, and one for those without', async (context) => {
  const key = { header: 'X-Api-Key' };
  const { proxy } = await limitedProxy(context, {
    rateLimits: [{ requests: 1, key, ...hourly }],
  });
  const client = await proxy.dial();
  const long = 'k'.repeat(8192);
  const cases: [string, number][] = [
    ['X-Api-Key: one\r\n', 200],
    ['X-Api-Key: one\r\n', 429],
    ['x-api-key: one\r\n', 429],
    ['X-Api-Key: two\r\n', 200],
    ['', 200],
    ['', 429],
    [`X-Api-Key: ${long}\r\n`, 200],
    [`X-Api-Key: ${long}\r\n`, 429],
    [`X-Api-Key: ${long}x\r\n`, 200],
    ['X-Api-Key: one\r\nX-Api-Key: two\r\n', 200],
    ['X-Api-Key: one\r\n', 429],
  ];
  for (const [lines, status] of cases) assert.equal(await statusOf(client, lines), status, lines);
});

test('a limit of the route as a whole counts all its clients together', async (context) => {
  const { proxy } = await limitedProxy(
    context,
    { rateLimits: [{ requests: 2, key: 'route', ...hourly }] },
    { trustedProxies: ['127.0.0.1'] },
  );
  const client = await proxy.dial();
  const statuses = [];
  for (const ip of ['192.0.2.1', '192.0.2.2', '192.0.2.3']) {
    statuses.push(await statusOf(client, `X-Forwarded-For: ${ip}\r\n`));
  }
  assert.deepEqual(statuses, [200, 200, 429]);
});

test('all limits of a route must allow; a refusal takes nothing from the others', async (context) => {
  const { proxy } = await limitedProxy(context, { rateLimits: ['wide', 'narrow'] });
  const { limits } = proxy.manager;
  limits.set('wide', { requests: 10, ...hourly });
  limits.set('narrow', { requests: 2, ...hourly });
  const client = await proxy.dial();
  assert.deepEqual(await statusesOf(client, 6), [200, 200, 429, 429, 429, 429]);
  assert.deepEqual(await limits.info('wide'), { keys: 1, allowed: 2, refused: 0 });
  assert.deepEqual(await limits.info('narrow'), { keys: 1, allowed: 2, refused: 4 });
  client.write(get('/'));
  const { head } = await client.readResponse();
  assert.equal(head.get('ratelimit-limit'), '2', 'the one that refuses is told of');
  assert.equal(head.get('ratelimit-policy'), '"wide";q=10;w=3600, "narrow";q=2;w=3600');
});

test('a named limit changes at once, without its routes; what was taken stays taken', async (context) => {
  const { proxy } = await limitedProxy(context, { rateLimits: ['api'] });
  const { limits, router } = proxy.manager;
  const client = await proxy.dial();
  assert.equal(await limits.info('api'), undefined);
  assert.equal(await statusOf(client), 200, 'a name without a limit limits nobody');
  limits.set('api', { requests: 1, ...hourly });
  assert.deepEqual(await statusesOf(client, 2), [200, 429]);
  limits.set('api', { requests: 3, ...hourly });
  assert.deepEqual(await statusesOf(client, 3), [200, 200, 429]);
  limits.set('api', { requests: 1, key: { header: 'X-Key' }, ...hourly });
  assert.equal(await statusOf(client), 200, 'another kind of key, on a known request');
  assert.equal(await statusOf(client), 429);
  assert.equal(router.route('all'), proxy.route, 'the route is the same');
  assert.equal(limits.delete('api'), true);
  assert.equal(limits.delete('api'), false);
  assert.equal(await statusOf(client), 200);
});

test('a route that is changed keeps what its clients took', async (context) => {
  const { proxy, backend } = await limitedProxy(context, {
    rateLimits: [{ requests: 2, ...hourly }],
  });
  const { router } = proxy.manager;
  const client = await proxy.dial();
  assert.deepEqual(await statusesOf(client, 3), [200, 200, 429]);
  const { config } = proxy.route;
  router.setRoute(router.prepareRoute({ ...config, headers: { 'X-New': '1' } }));
  assert.equal(await statusOf(client), 429);
  const rateLimits = [{ requests: 3, ...hourly }];
  // What is prepared is not in force.
  const wider = router.prepareRoute({ ...config, rateLimits });
  assert.equal(await statusOf(client), 429);
  router.setRoute(wider);
  assert.deepEqual(await statusesOf(client, 2), [200, 429]);
  assert.equal(backend.peers.length, 1);
});

test('the fields about limits stand in for those of the backend; the route may take them away', async (context) => {
  const own = 'RateLimit-Limit: 7\r\nratelimit: "theirs";r=1;t=1\r\nRateLimit-Other: stays\r\n';
  const backend = await startBackend(context, async (peer) => {
    for (;;) {
      await peer.readRequest();
      peer.write(ok('x', own));
    }
  });
  const proxy = await startProxy(context, [backend], {
    route: {
      rateLimits: [{ requests: 5, ...hourly }],
      responseHeaders: { remove: ['RateLimit-Policy'] },
    },
  });
  const client = await proxy.dial();
  client.write(get('/'));
  const { head } = await client.readResponse();
  assert.equal(head.get('ratelimit-limit'), '5');
  assert.equal(head.get('ratelimit'), '"limit-1";r=4;t=720');
  assert.equal(head.get('ratelimit-other'), 'stays');
  assert.equal(head.get('ratelimit-policy'), undefined);
});

test('limits come before redirects', async (context) => {
  const { proxy } = await limitedProxy(context, {
    rateLimits: [{ requests: 1, ...hourly }],
    redirect: { to: 'https://elsewhere.test{path}' },
  });
  const client = await proxy.dial();
  client.write(get('/'));
  const first = await client.readResponse();
  assert.deepEqual([first.head.status, first.head.get('ratelimit-remaining')], [308, '0']);
  assert.equal(await statusOf(client), 429);
});

test('who guesses credentials is limited as well', async (context) => {
  const { proxy } = await limitedProxy(context, {
    rateLimits: [{ requests: 2, ...hourly }],
    auth: { type: 'bearer', tokenHashes: [`sha256$${'0'.repeat(64)}`] },
  });
  const client = await proxy.dial();
  assert.deepEqual(await statusesOf(client, 3), [401, 401, 429]);
});

/** Limits that answer when they are told to, as those of a worker process do. */
class LaterLimiters extends LocalLimiters {
  readonly waiting: (() => void)[] = [];

  override rateLimiter(id: string, settings: { amount: number; windowMs: number }): RateLimiter {
    const real = super.rateLimiter(id, settings);
    const { waiting } = this;
    const later: Pick<IRateLimiter, 'take' | 'giveBack'> = {
      take: (key: string, now: number, answer: (verdict: IRateVerdict) => void) => {
        waiting.push(() => answer(real.take(key, now)));
        return null;
      },
      giveBack: (key) => real.giveBack(key),
    };
    return Object.assign(Object.create(real) as RateLimiter, later);
  }

  answerNext(): void {
    this.waiting.shift()?.();
  }
}

async function laterProxy(context: TestContext, rest: Partial<TRouteInput> = {}) {
  const backend = await startBackend(context, async (peer) => {
    for (;;) {
      const { head, body } = await peer.readRequest();
      peer.write(ok(`${head.target} ${body}`, `X-Auth: ${head.get('x-user') ?? 'none'}\r\n`));
    }
  });
  const limiters = new LaterLimiters();
  const { manager, route, dial } = await startProxy(context, [backend], {
    route: { rateLimits: [{ requests: 2, ...hourly }], ...rest },
    parts: { limiters },
  });
  return { backend, limiters, proxy: manager, route, open: dial };
}

test('a verdict that comes later: others are served meanwhile, and heads do not mix', async (context) => {
  const { limiters, open, proxy, backend } = await laterProxy(context);
  proxy.router.addRoute({ id: 'free', vHost: 'free.test', backends: [backend.input] });
  const [one, two] = [await open(), await open()];
  one.write(post('/o/%6Ee?x', 'its body', 'X-One: 1\r\n'));
  await eventually(() => limiters.waiting.length === 1);
  two.write('GET /free HTTP/1.1\r\nHost: free.test\r\nX-Two: 2\r\n\r\n');
  assert.equal((await two.readResponse()).body.toString(), '/free ');
  two.write(get('/two'));
  await eventually(() => limiters.waiting.length === 2);
  limiters.answerNext();
  assert.equal((await one.readResponse()).body.toString(), '/o/ne?x its body');
  limiters.answerNext();
  assert.equal((await two.readResponse()).body.toString(), '/two ');
  one.write(get('/again') + get('/again'));
  await eventually(() => limiters.waiting.length === 1);
  limiters.answerNext();
  const { head } = await one.readResponse();
  assert.deepEqual([head.status, head.get('retry-after')], [429, '1800']);
  await eventually(() => limiters.waiting.length === 1);
  limiters.answerNext();
  assert.equal((await one.readResponse()).head.status, 429);
});

test('a verdict that comes after its client has left does nothing', async (context) => {
  const { limiters, open, route, backend, proxy } = await laterProxy(context);
  const gone = await open();
  gone.write(get('/'));
  await eventually(() => limiters.waiting.length === 1);
  gone.reset();
  await eventually(() => proxy.connectionStats().open === 0, 'the connection is gone');
  limiters.answerNext();
  assert.equal(backend.peers.length, 0);
  assert.deepEqual([route.counter.active, route.queue.active], [0, 0]);
  // Who only sends no more gets the answer.
  const half = await open();
  half.write(get('/half'));
  half.end();
  await eventually(() => limiters.waiting.length === 1);
  limiters.answerNext();
  assert.equal((await half.readResponse()).body.toString(), '/half ');
});

test('several limits that answer later: what was taken is given back', async (context) => {
  const { limiters, open, proxy } = await laterProxy(context, { rateLimits: ['wide', 'narrow'] });
  proxy.limits.set('wide', { requests: 5, ...hourly });
  proxy.limits.set('narrow', { requests: 2, ...hourly });
  const client = await open();
  const statuses = [];
  for (let index = 0; index < 3; index++) {
    client.write(get('/'));
    for (let asked = 0; asked < 2; asked++) {
      await eventually(() => limiters.waiting.length === 1);
      limiters.answerNext();
    }
    statuses.push((await client.readResponse()).head.status);
  }
  // The second one is recognised as the first again.
  assert.deepEqual(statuses, [200, 200, 429]);
  assert.equal((await proxy.limits.info('wide'))?.allowed, 2);
});

test('a flood of distinct addresses and header values keeps memory bounded', () => {
  const limiters = new LocalLimiters();
  const named = new NamedLimits(limiters);
  const limit: IRateLimit = { requests: 1, windowSeconds: 3600 };
  named.set('address', limit);
  named.set('header', { ...limit, key: { header: 'x-key' } });
  const byAddress = new RateLimits('a', ['address'], named);
  const byHeader = new RateLimits('a', ['header'], named);
  const answersLater = () => assert.fail('it answers at once');
  const before = process.memoryUsage().heapUsed;
  let last: IRateOutcome | null = null;
  // A part of a long text, as parsed headers are: the whole must not be kept.
  const head = 'x'.repeat(2000);
  for (let index = 0; index < 300_000; index++) {
    const ip = `10.${index >> 16}.${(index >> 8) & 255}.${index & 255}`;
    last = byAddress.take(ip, () => undefined, 1, answersLater);
    if (index % 2 === 0) continue;
    const value = `${head}${index}`.slice(1000);
    byHeader.take(ip, () => value, 1, answersLater);
  }
  const grown = process.memoryUsage().heapUsed - before;
  assert.equal(last?.allowed, true);
  const keys = [named.get('address')?.counts.keys, named.get('header')?.counts.keys];
  assert.deepEqual(keys, [100_000, 100_000]);
  assert.ok(grown < 150 * 1_048_576, `${Math.round(grown / 1_048_576)} MiB`);
});

test('LocalLimiters: one object an id, which other settings change', () => {
  const limiters = new LocalLimiters();
  const one = limiters.rateLimiter('a', { amount: 1, windowMs: 1000 });
  assert.equal(one.take('k', 0).allowed, true);
  assert.equal(one.take('k', 0).allowed, false);
  assert.equal(limiters.rateLimiter('a', { amount: 1, windowMs: 1000 }), one);
  assert.equal(one.take('k', 0).allowed, false, 'the same settings change nothing');
  assert.equal(limiters.rateLimiter('a', { amount: 2, windowMs: 1000 }), one);
  assert.equal(one.take('k', 0).allowed, true);
  assert.equal(limiters.knownRateLimiter('b'), undefined);
  assert.notEqual(limiters.connectionCounter('a'), limiters.connectionCounter('b'));
  assert.equal(limiters.connectionCounter('a'), limiters.connectionCounter('a'));
});

test('LocalLimiters forgets what nobody holds, and nothing else', async () => {
  const limiters = new LocalLimiters();
  const held = limiters.rateLimiter('held', { amount: 1, windowMs: 1000 });
  for (let index = 0; index < 100; index++) {
    limiters.rateLimiter(`gone ${index}`, { amount: 1, windowMs: 1000 });
    limiters.connectionCounter(`gone ${index}`);
  }
  setFlagsFromString('--expose-gc');
  const collect: () => void = runInNewContext('gc');
  // What was looked at in this turn of the event loop lives until its end.
  await new Promise((resolve) => setImmediate(resolve));
  collect();
  assert.equal(limiters.size, 1);
  assert.equal(limiters.knownRateLimiter('held'), held);
});

test('RateLimiter.giveBack() makes the request undone', () => {
  const limiter = new RateLimiter({ amount: 2, windowMs: 1000 });
  assert.deepEqual([limiter.take('k', 0).remaining, limiter.take('k', 0).remaining], [1, 0]);
  limiter.giveBack('k');
  limiter.giveBack('k');
  assert.deepEqual([limiter.keys, limiter.allowed], [0, 0], 'a full bucket is not remembered');
  assert.equal(limiter.take('k', 0).remaining, 1);
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hashPassword, hashToken } from '../ts/core/credentials.ts';
import type { IAuth, IAuthVerdict, TRouteInput } from '../ts_interfaces/index.ts';
import {
  Client,
  closedPort,
  echoOf,
  routeTo,
  startOrigin,
  startProxy,
  type TRespond,
} from './suites/web.ts';

const basic = (text: string) => `Basic ${Buffer.from(text).toString('base64')}`;

test('auth: basic credentials, and what is none', async (context) => {
  const origin = await startOrigin(context, 'one');
  const auth: IAuth = {
    type: 'basic',
    realm: 'Back office',
    users: [{ name: 'ali', passwordHash: await hashPassword('open: sesame') }],
  };
  const { port } = await startProxy(context, { routes: [routeTo([origin.backend], { auth })] });
  const client = await Client.open(context, port);
  const cases: [authorization: string | undefined, status: number][] = [
    [undefined, 401],
    [basic('ali:open: sesame'), 200],
    ['basic  YWxpOm9wZW46IHNlc2FtZQ==', 200],
    [basic('ali:open'), 401],
    [basic('eve:open: sesame'), 401],
    ['Basic %%%', 401],
    ['Bearer YWxpOm9wZW46IHNlc2FtZQ==', 401],
  ];
  for (const [authorization, status] of cases) {
    const headers = authorization === undefined ? undefined : { Authorization: authorization };
    const reply = await client.ask({ headers });
    assert.equal(reply.status, status, authorization);
    if (status === 401) {
      assert.equal(reply.headers['www-authenticate'], 'Basic realm="Back office", charset="UTF-8"');
    }
  }
  assert.equal(origin.requests.length, 2);
});

test('auth: bearer tokens', async (context) => {
  const origin = await startOrigin(context, 'one');
  const auth: IAuth = { type: 'bearer', tokenHashes: [hashToken('first'), hashToken('second')] };
  const { port } = await startProxy(context, { routes: [routeTo([origin.backend], { auth })] });
  const client = await Client.open(context, port);
  const ask = (token: string) => client.ask({ headers: { Authorization: `Bearer ${token}` } });
  assert.equal((await ask('first')).status, 200);
  assert.equal((await ask('second')).status, 200);
  const refused = await ask('third');
  assert.equal(refused.status, 401);
  assert.match(
    refused.headers['www-authenticate'] ?? '',
    /^Bearer realm="restricted", error="invalid_token"/,
  );
  assert.equal((await client.ask()).headers['www-authenticate'], 'Bearer realm="restricted"');
});

test('auth: a provider function sees the request, sets headers and takes them off, or refuses', async (context) => {
  const origin = await startOrigin(context, 'one');
  const seen: string[] = [];
  const { port } = await startProxy(context, {
    hooks: {
      authProviders: {
        keys: async (request): Promise<IAuthVerdict> => {
          const { method, uri, host, clientIp, routeId, headers } = request;
          seen.push([method, uri, host, clientIp, routeId, headers['x-key']].join(' '));
          const key = headers['x-key'];
          if (key === 'throw') throw new Error('down');
          if (key !== 'good') {
            return {
              allow: false,
              status: 403,
              headers: { 'X-Why': 'bad key' },
              setCookies: ['a=1; Path=/', 'b=2'],
              body: 'No entry',
            };
          }
          return { allow: true, headers: { 'X-User': 'ali' }, removeHeaders: ['X-Groups'] };
        },
      },
    },
    routes: [routeTo([origin.backend], { authProvider: 'keys' })],
  });
  const client = await Client.open(context, port);
  const ask = (key: string, rest: Record<string, string> = {}) =>
    client.ask({ path: '/p?q', headers: { 'X-Key': key, ...rest } });
  const allowed = await ask('good', { 'X-User': 'forged', 'X-Groups': 'admin' });
  assert.equal(echoOf(allowed).headers['x-user'], 'ali');
  assert.equal(echoOf(allowed).headers['x-groups'], undefined);
  const refused = await ask('bad');
  assert.deepEqual([refused.status, refused.body], [403, 'No entry']);
  assert.equal(refused.headers['x-why'], 'bad key');
  assert.equal(refused.headers['set-cookie'], 'a=1; Path=/\nb=2');
  const down = await ask('throw');
  assert.equal(down.status, 503);
  assert.deepEqual(seen, [
    'GET /p?q a.test 127.0.0.1 a good',
    'GET /p?q a.test 127.0.0.1 a bad',
    'GET /p?q a.test 127.0.0.1 a throw',
  ]);
  assert.equal(origin.requests.length, 1);
});

/** An auth service: `X-Key: good` passes, anything else is sent to a login page. */
const authService: TRespond = (request, response) => {
  if (request.headers['x-key'] === 'good') {
    response.setHeader('X-User', 'ali');
    response.setHeader('X-Other', 'not asked for');
    response.end();
    return;
  }
  response.statusCode = 302;
  response.setHeader('Location', 'https://login.test/');
  response.setHeader('Set-Cookie', ['state=1; HttpOnly', 'other=2']);
  response.end('Please log in');
};

function forwardTo(port: number, route: Partial<TRouteInput> = {}) {
  return {
    authProviders: {
      login: {
        type: 'forward' as const,
        url: `http://127.0.0.1:${port}/check`,
        responseHeaders: ['X-User'],
        timeoutMs: 2_000,
      },
    },
    routes: [{ id: 'a', vHost: 'a.test', authProvider: 'login', ...route }],
  };
}

test('auth: forward auth passes named headers on, and takes forged ones off', async (context) => {
  const origin = await startOrigin(context, 'one');
  const service = await startOrigin(context, 'service', authService);
  const { port } = await startProxy(
    context,
    forwardTo(service.port, { backends: [origin.backend] }),
  );
  const client = await Client.open(context, port);
  const reply = await client.ask({
    method: 'POST',
    path: '/p?q',
    body: 'data',
    headers: { 'X-Key': 'good', 'X-User': 'forged', 'X-Forwarded-Method': 'forged' },
  });
  const { headers, body } = echoOf(reply);
  assert.equal(headers['x-user'], 'ali');
  assert.equal(headers['x-other'], undefined);
  assert.equal(body, 'data');
  const [question] = service.requests;
  assert.equal(question?.method, 'GET');
  assert.equal(question?.url, '/check');
  assert.equal(question?.headers['x-forwarded-method'], 'POST');
  assert.equal(question?.headers['x-forwarded-uri'], '/p?q');
  assert.equal(question?.headers['x-forwarded-host'], 'a.test');
  assert.equal(question?.headers['x-forwarded-for'], '127.0.0.1');
});

test('auth: a refusal of the forward-auth service is the client’s, with its cookies', async (context) => {
  const origin = await startOrigin(context, 'one');
  const service = await startOrigin(context, 'service', authService);
  const { port } = await startProxy(
    context,
    forwardTo(service.port, { backends: [origin.backend] }),
  );
  const client = await Client.open(context, port);
  const reply = await client.ask();
  assert.deepEqual([reply.status, reply.body], [302, 'Please log in']);
  assert.equal(reply.headers.location, 'https://login.test/');
  assert.equal(reply.headers['set-cookie'], 'state=1; HttpOnly\nother=2');
  assert.equal(origin.requests.length, 0);
});

test('auth: a forward-auth service that is down closes the route (503), not opens it', async (context) => {
  const origin = await startOrigin(context, 'one');
  const { port } = await startProxy(
    context,
    forwardTo(await closedPort(), { backends: [origin.backend] }),
  );
  const client = await Client.open(context, port);
  const reply = await client.ask({ headers: { 'X-Key': 'good' } });
  assert.equal(reply.status, 503);
  assert.match(reply.body, /AUTH_PROVIDER_DOWN/);
  assert.equal(origin.requests.length, 0);
});

test('auth: a client that leaves while the provider thinks leaves nothing behind', async (context) => {
  const origin = await startOrigin(context, 'one');
  const { promise: asked, resolve: ask } = Promise.withResolvers<void>();
  const { promise: verdict, resolve: allow } = Promise.withResolvers<boolean>();
  const { proxy, port } = await startProxy(context, {
    hooks: {
      authProviders: {
        slow: () => {
          ask();
          return verdict;
        },
      },
    },
    routes: [routeTo([origin.backend], { authProvider: 'slow' })],
  });
  const client = await Client.open(context, port);
  client.send();
  await asked;
  const closed = new Promise<void>((resolve) => {
    const leave = proxy.events.on('connection.close', () => {
      leave();
      resolve();
    });
  });
  client.socket.resetAndDestroy();
  await closed;
  allow(true);
  const other = await Client.open(context, port);
  assert.equal((await other.ask()).status, 200);
  assert.equal(origin.requests.length, 1);
  assert.equal(proxy.router.route('a')?.counter.active, 0);
});

test('auth: a route whose provider nobody defines is refused', async (context) => {
  const { proxy } = await startProxy(context);
  const route = routeTo([{ hostname: '127.0.0.1', port: 1 }], { authProvider: 'nobody' });
  assert.throws(() => proxy.router.addRoute(route), {
    code: 'ROUTE_INVALID',
    message: /unknown auth provider "nobody"/,
  });
});

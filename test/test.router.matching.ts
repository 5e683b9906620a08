import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TRouteInput } from '../ts_interfaces/index.ts';
import { ask, Client, echoOf, type IAsk, startOrigin, startProxy } from './suites/web.ts';

/** Which route each request takes, told by a header that the route adds. */
const routes: Omit<TRouteInput, 'backends'>[] = [
  { id: 'exact', vHost: 'www.example.com' },
  { id: 'wildcard', vHost: '*.example.com' },
  { id: 'deeper', vHost: '*.eu.example.com' },
  { id: 'idn', vHost: 'Bücher.example' },
  { id: 'ipv6', vHost: '[::1]' },
  { id: 'ipv4', vHost: '127.0.0.1' },
  { id: 'paths', vHost: 'paths.test' },
  { id: 'api', vHost: 'paths.test', paths: ['/api'] },
  { id: 'api-v2', vHost: 'paths.test', paths: ['/api/v2/'] },
  { id: 'exact-path', vHost: 'paths.test', paths: [{ type: 'exact', path: '/api/v2/only' }] },
  { id: 'post', vHost: 'methods.test', methods: ['POST', 'PUT'] },
  { id: 'get', vHost: 'methods.test', methods: ['GET'] },
  { id: 'beta', vHost: 'headers.test', matchHeaders: [{ name: 'X-Beta', value: 'yes' }] },
  {
    id: 'mobile',
    vHost: 'headers.test',
    matchHeaders: [{ name: 'User-Agent', pattern: 'Mobile' }],
  },
  { id: 'some', vHost: 'headers.test', matchHeaders: [{ name: 'x-any' }] },
  { id: 'both', vHost: 'headers.test', matchHeaders: [{ name: 'x-any' }, { name: 'x-beta' }] },
  { id: 'low', vHost: 'priority.test', paths: ['/deep/path'] },
  { id: 'high', vHost: 'priority.test', priority: 10 },
  { id: 'fallback', vHost: '*.fall.test' },
  { id: 'narrow', vHost: 'x.fall.test', paths: ['/only'] },
];

const cases: (IAsk & { route: string | number; why: string })[] = [
  { host: 'www.example.com', route: 'exact', why: 'exact host' },
  { host: 'WWW.Example.COM', route: 'exact', why: 'case does not count' },
  { host: 'www.example.com:8080', route: 'exact', why: 'the port does not count' },
  { host: 'www.example.com.', route: 'exact', why: 'nor does a trailing dot' },
  { host: 'WWW.example.com.:80', route: 'exact', why: 'nor all three' },
  { host: 'a.example.com', route: 'wildcard', why: 'wildcard' },
  { host: 'a.b.c.example.com', route: 'wildcard', why: 'wildcard of any depth' },
  { host: 'x.eu.example.com', route: 'deeper', why: 'the most specific wildcard' },
  { host: 'eu.example.com', route: 'wildcard', why: 'a wildcard is for what is below it' },
  { host: 'example.com', route: 404, why: 'a wildcard does not take its own domain' },
  { host: 'badexample.com', route: 404, why: 'labels match, not characters' },
  { host: 'xn--bcher-kva.example', route: 'idn', why: 'IDN is matched as punycode' },
  { host: '[::1]:8080', route: 'ipv6', why: 'IPv6 address' },
  { host: '127.0.0.1', route: 'ipv4', why: 'IPv4 address' },
  { host: 'paths.test', path: '/', route: 'paths', why: 'no path condition' },
  { host: 'paths.test', path: '/api', route: 'api', why: 'prefix itself' },
  { host: 'paths.test', path: '/api/v1?x=/api/v2/', route: 'api', why: 'the query does not count' },
  { host: 'paths.test', path: '/apix', route: 'paths', why: 'whole segments' },
  { host: 'paths.test', path: '/api/v2', route: 'api-v2', why: 'the slash at the end is the same' },
  { host: 'paths.test', path: '/api/v2/x', route: 'api-v2', why: 'longer prefix first' },
  { host: 'paths.test', path: '/api/v2/only', route: 'exact-path', why: 'exact before prefix' },
  { host: 'paths.test', path: '/x/../api/v2', route: 'api-v2', why: 'dots are resolved first' },
  { host: 'paths.test', path: '/%2e%2e/api', route: 400, why: 'above the root is nothing' },
  { host: 'methods.test', method: 'PUT', route: 'post', why: 'method' },
  { host: 'methods.test', method: 'GET', route: 'get', why: 'other method' },
  { host: 'methods.test', method: 'DELETE', route: 404, why: 'no method' },
  { host: 'headers.test', headers: { 'x-BETA': 'yes' }, route: 'beta', why: 'header value' },
  { host: 'headers.test', headers: { 'X-Beta': 'Yes' }, route: 404, why: 'values have case' },
  {
    host: 'headers.test',
    headers: { 'User-Agent': 'A Mobile thing' },
    route: 'mobile',
    why: 'pattern',
  },
  { host: 'headers.test', headers: { 'X-Any': '' }, route: 'some', why: 'presence' },
  {
    host: 'headers.test',
    headers: { 'X-Any': '1', 'X-Beta': 'no' },
    route: 'both',
    why: 'more conditions first',
  },
  { host: 'headers.test', route: 404, why: 'nothing fits' },
  { host: 'priority.test', path: '/deep/path', route: 'high', why: 'priority before path' },
  { host: 'x.fall.test', path: '/only', route: 'narrow', why: 'specific host' },
  { host: 'x.fall.test', path: '/', route: 'fallback', why: 'then the less specific one' },
  { host: 'nobody.test', route: 404, why: 'unknown host' },
];

test('routes: host, path, method, header and priority decide, over the wire', async (context) => {
  const origin = await startOrigin(context, 'one');
  const { proxy, port } = await startProxy(context, {
    routes: routes.map((route) => ({
      ...route,
      backends: [origin.backend],
      headers: { 'X-Route': route.id },
    })),
  });
  const client = await Client.open(context, port);
  for (const { route, why, ...request } of cases) {
    const reply = await client.ask(request);
    const taken = reply.status === 200 ? echoOf(reply).headers['x-route'] : reply.status;
    assert.equal(taken, route, `${request.host}${request.path ?? '/'}: ${why}`);
  }
  assert.equal(proxy.router.size, routes.length);
});

test('routes: `*` takes every host that nothing else takes', async (context) => {
  const origin = await startOrigin(context, 'one');
  const { proxy, port } = await startProxy(context);
  const backends = [origin.backend];
  proxy.router.addRoute({ id: 'all', vHost: '*', backends, headers: { 'X-Route': 'all' } });
  proxy.router.addRoute({ id: 'a', vHost: 'a.test', backends, headers: { 'X-Route': 'a' } });
  const seen = [];
  for (const host of ['a.test', 'b.test', '192.0.2.1:99']) {
    seen.push(echoOf(await ask(context, port, { host })).headers['x-route']);
  }
  assert.deepEqual(seen, ['a', 'all', 'all']);
});

test('routes: what no route takes gets 404 with a code and an id; the connection stays', async (context) => {
  const { port, proxy } = await startProxy(context);
  const client = await Client.open(context, port);
  const reply = await client.ask({ method: 'DELETE' });
  assert.equal(reply.status, 404);
  assert.match(reply.body, /^404 Not Found\nNO_ROUTE \S+\n$/);
  assert.match(reply.headers['x-request-id'] ?? '', /^\S{16,}$/);
  assert.equal((await client.ask({ method: 'HEAD' })).status, 404);
  assert.equal((await client.ask()).status, 404);
  assert.equal(proxy.tracker.total.snapshot(performance.now()).statuses['4xx'], 3);
});

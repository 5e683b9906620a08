import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TRouteInput } from '../ts_interfaces/index.ts';
import { Client, echoOf, type IAsk, startOrigin, startProxy } from './suites/web.ts';

const rewrites: { route: Partial<TRouteInput>; path: string; forwarded: string }[] = [
  { route: { stripPrefix: '/api' }, path: '/api/x?y', forwarded: '/x?y' },
  { route: { stripPrefix: '/api' }, path: '/api', forwarded: '/' },
  { route: { stripPrefix: '/api' }, path: '/api/', forwarded: '/' },
  { route: { stripPrefix: '/api' }, path: '/api?y', forwarded: '/?y' },
  { route: { stripPrefix: '/api' }, path: '/apix', forwarded: '/apix' },
  { route: { addPrefix: '/v2' }, path: '/x?y', forwarded: '/v2/x?y' },
  { route: { addPrefix: '/v2' }, path: '/', forwarded: '/v2/' },
  { route: { stripPrefix: '/a', addPrefix: '/b' }, path: '/a/c', forwarded: '/b/c' },
  { route: {}, path: '/a/./b/../c?d=/../e', forwarded: '/a/c?d=/../e' },
  { route: {}, path: '/a%2Fb//c', forwarded: '/a%2Fb//c' },
];

test('routes: path prefixes are taken off and put in front, by whole segments', async (context) => {
  const origin = await startOrigin(context, 'one');
  const { proxy, port } = await startProxy(context);
  const client = await Client.open(context, port);
  for (const { route, path, forwarded } of rewrites) {
    proxy.router.addRoute({ id: 'a', vHost: 'a.test', backends: [origin.backend], ...route });
    assert.equal(
      echoOf(await client.ask({ path })).url,
      forwarded,
      `${path} ${JSON.stringify(route)}`,
    );
    proxy.router.removeRoute('a');
  }
});

test('routes: OPTIONS * goes through as it is', async (context) => {
  const origin = await startOrigin(context, 'one');
  const { port } = await startProxy(context, {
    routes: [{ id: 'a', vHost: 'a.test', backends: [origin.backend], addPrefix: '/v2' }],
  });
  const client = await Client.open(context, port);
  assert.equal(echoOf(await client.ask({ method: 'OPTIONS', path: '*' })).url, '*');
});

const hosts: { route: Partial<TRouteInput>; host: string | RegExp; why: string }[] = [
  { route: {}, host: 'A.test:81', why: "the client's by default, as sent" },
  { route: { upstreamHost: 'preserve' }, host: 'A.test:81', why: 'preserve' },
  { route: { upstreamHost: 'backend' }, host: /^127\.0\.0\.1:\d+$/, why: "the backend's own" },
  { route: { upstreamHost: { name: 'inside:99' } }, host: 'inside:99', why: 'a name' },
];

test('routes: the Host header is kept, the backend’s, or a name', async (context) => {
  const origin = await startOrigin(context, 'one');
  const { proxy, port } = await startProxy(context);
  const client = await Client.open(context, port);
  for (const { route, host, why } of hosts) {
    proxy.router.addRoute({ id: 'a', vHost: 'a.test', backends: [origin.backend], ...route });
    const { headers } = echoOf(await client.ask({ host: 'A.test:81' }));
    if (typeof host === 'string') assert.equal(headers.host, host, why);
    else assert.match(headers.host ?? '', host, why);
    assert.equal(headers['x-forwarded-host'], 'A.test:81', why);
    proxy.router.removeRoute('a');
  }
});

const redirects: {
  route: Partial<TRouteInput>;
  request: IAsk;
  status: number;
  location: string;
}[] = [
  {
    route: { redirect: { to: 'https://www.new.test{path}{query}' } },
    request: { path: '/x?y=1' },
    status: 308,
    location: 'https://www.new.test/x?y=1',
  },
  {
    route: { redirect: { to: 'https://{host}/', status: 301 } },
    request: { method: 'DELETE', path: '/x', host: 'A.test:81' },
    status: 301,
    location: 'https://A.test:81/',
  },
  {
    route: { redirect: { to: '/moved', status: 303 } },
    request: { method: 'HEAD' },
    status: 303,
    location: '/moved',
  },
];

test('routes: a redirect is answered here, with its parts filled in', async (context) => {
  const { proxy, port } = await startProxy(context);
  const client = await Client.open(context, port);
  for (const { route, request, status, location } of redirects) {
    proxy.router.addRoute({ id: 'a', vHost: 'a.test', ...route });
    const reply = await client.ask(request);
    assert.equal(reply.status, status);
    assert.equal(reply.headers.location, location);
    proxy.router.removeRoute('a');
  }
});

test('routes: autoHttps redirects plain requests to the port of the TLS entrypoint', async (context) => {
  const origin = await startOrigin(context, 'one');
  const { proxy, ports } = await startProxy(context, {
    entrypoints: {
      http: { address: '127.0.0.1', port: 0 },
      https: { address: '127.0.0.1', port: 0, tls: true },
    },
    routes: [{ id: 'a', vHost: 'a.test', autoHttps: true, backends: [origin.backend] }],
  });
  const client = await Client.open(context, ports.http ?? 0);
  const reply = await client.ask({ method: 'PUT', host: 'a.test:8080', path: '/x?y' });
  assert.equal(reply.status, 308);
  assert.equal(reply.headers.location, `https://a.test:${ports.https}/x?y`);
  assert.equal(origin.requests.length, 0);

  // Without TLS anywhere there is nowhere to go.
  const entrypoints = { http: { address: '127.0.0.1', port: 0 } };
  proxy.apply(await proxy.prepare({ entrypoints }, null));
  assert.equal((await client.ask()).status, 200);
});

test('routes: autoHttps leaves alone what a trusted proxy received by TLS', async (context) => {
  const origin = await startOrigin(context, 'one');
  const { ports } = await startProxy(context, {
    trustedProxies: ['127.0.0.0/8'],
    entrypoints: {
      http: { address: '127.0.0.1', port: 0 },
      https: { address: '127.0.0.1', port: 0, tls: true },
    },
    routes: [{ id: 'a', vHost: 'a.test', autoHttps: true, backends: [origin.backend] }],
  });
  const client = await Client.open(context, ports.http ?? 0);
  const headers = { 'X-Forwarded-For': '192.0.2.7', 'X-Forwarded-Proto': 'https' };
  assert.equal((await client.ask({ headers })).status, 200);
  assert.equal((await client.ask()).status, 308);
});

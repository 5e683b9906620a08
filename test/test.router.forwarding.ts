import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TRouteInput } from '../ts_interfaces/index.ts';
import { Client, echoOf, routeTo, startOrigin, startProxy } from './suites/web.ts';

/** Answers the headers that the backend got for a request with these. */
async function forwarding(
  context: Parameters<typeof startProxy>[0],
  trustedProxies: string[],
  headers: Record<string, string>,
  route: Partial<TRouteInput> = {},
): Promise<Record<string, string | undefined>> {
  const origin = await startOrigin(context, 'one');
  const { port } = await startProxy(context, {
    trustedProxies,
    routes: [routeTo([origin.backend], route)],
  });
  const client = await Client.open(context, port);
  return echoOf(await client.ask({ host: 'a.test:81', headers })).headers;
}

test('forwarding: a client that nobody vouches for is described by us alone', async (context) => {
  const seen = await forwarding(context, [], {
    'X-Forwarded-For': '203.0.113.9',
    'X-Forwarded-Proto': 'https',
    'X-Forwarded-Host': 'evil.test',
    'X-Forwarded-Port': '443',
    'X-Real-IP': '203.0.113.9',
    Forwarded: 'for=203.0.113.9',
    'X-Request-Id': 'forged',
    Via: '1.0 other',
  });
  assert.equal(seen['x-forwarded-for'], '127.0.0.1');
  assert.equal(seen['x-real-ip'], '127.0.0.1');
  assert.equal(seen['x-forwarded-proto'], 'http');
  assert.equal(seen['x-forwarded-host'], 'a.test:81');
  assert.equal(seen['x-forwarded-port'], undefined);
  assert.equal(seen.forwarded, undefined);
  assert.equal(seen.via, '1.0 other, 1.1 dcrouter');
  assert.notEqual(seen['x-request-id'], 'forged');
  assert.match(seen['x-request-id'] ?? '', /^\S{16,}$/);
});

test('forwarding: a trusted proxy is believed, read from right to left', async (context) => {
  const seen = await forwarding(context, ['127.0.0.1', '10.0.0.0/8'], {
    'X-Forwarded-For': '6.6.6.6, 192.0.2.7, 10.1.1.1',
    'X-Forwarded-Proto': 'https',
    'X-Forwarded-Host': 'public.test',
    'X-Request-Id': 'given-by-the-edge',
  });
  assert.equal(seen['x-forwarded-for'], '6.6.6.6, 192.0.2.7, 10.1.1.1, 127.0.0.1');
  assert.equal(seen['x-real-ip'], '192.0.2.7');
  assert.equal(seen['x-forwarded-proto'], 'https');
  assert.equal(seen['x-forwarded-host'], 'public.test');
  assert.equal(seen['x-request-id'], 'given-by-the-edge');
});

test('forwarding: the address of the client decides for hooks and balancing too', async (context) => {
  const origin = await startOrigin(context, 'one');
  const seen: string[] = [];
  const { port } = await startProxy(context, {
    trustedProxies: ['127.0.0.0/8'],
    hooks: { onRequest: ({ clientIp, protocol }) => void seen.push(`${protocol} ${clientIp}`) },
    routes: [routeTo([origin.backend])],
  });
  const client = await Client.open(context, port);
  await client.ask({
    headers: { 'X-Forwarded-For': '[2001:DB8::1]:99', 'X-Forwarded-Proto': 'https' },
  });
  await client.ask({ headers: { 'X-Forwarded-For': 'unknown, 192.0.2.1:80' } });
  await client.ask({
    headers: { Forwarded: 'for=192.0.2.60;proto=http, for="[2001:db8::2]:4711"' },
  });
  await client.ask({ headers: { 'X-Real-IP': '192.0.2.3' } });
  await client.ask({ headers: { 'X-Forwarded-For': '192.0.2.4, garbage' } });
  assert.deepEqual(seen, [
    'https 2001:db8::1',
    'http 192.0.2.1',
    'http 2001:db8::2',
    'http 192.0.2.3',
    'http 127.0.0.1',
  ]);
});

test('forwarding: `forwarded` adds an RFC 7239 element, behind those of trusted proxies only', async (context) => {
  const given = { Forwarded: 'for=192.0.2.60', 'X-Forwarded-For': '192.0.2.60' };
  const untrusted = await forwarding(context, [], given, { forwarded: true });
  assert.equal(untrusted.forwarded, 'for=127.0.0.1;by=_dcrouter;host="a.test:81";proto=http');
  const trusted = await forwarding(context, ['127.0.0.1'], given, { forwarded: true });
  assert.equal(
    trusted.forwarded,
    'for=192.0.2.60, for=127.0.0.1;by=_dcrouter;host="a.test:81";proto=http',
  );
});

test('forwarding: serverName is what Via and Forwarded say', async (context) => {
  const origin = await startOrigin(context, 'one');
  const { port } = await startProxy(context, {
    serverName: 'edge-1',
    routes: [routeTo([origin.backend], { forwarded: true })],
  });
  const client = await Client.open(context, port);
  const { headers } = echoOf(await client.ask());
  assert.equal(headers.via, '1.1 edge-1');
  assert.equal(headers.forwarded, 'for=127.0.0.1;by=_edge-1;host=a.test;proto=http');
});

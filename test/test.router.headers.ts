import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Client, echoOf, type IEcho, routeTo, startOrigin, startProxy } from './suites/web.ts';

test('routes: headers of the request are removed, set and added, in this order', async (context) => {
  const origin = await startOrigin(context, 'one');
  const { port } = await startProxy(context, {
    routes: [
      routeTo([origin.backend], {
        headers: { 'X-Short': 'short' },
        requestHeaders: {
          remove: ['X-Gone', 'x-set'],
          set: { 'X-Set': 'new' },
          add: { 'X-List': 'two', 'X-Set': 'more' },
        },
      }),
    ],
  });
  const client = await Client.open(context, port);
  const { rawHeaders } = echoOf(
    await client.ask({
      headers: {
        'x-gone': '1',
        'X-SET': 'old',
        'X-List': 'one',
        'X-Short': 'forged',
        'X-Keep': 'k',
      },
    }),
  );
  assert.deepEqual(valuesOf(rawHeaders), {
    'x-gone': undefined,
    'x-set': ['new', 'more'],
    'x-list': ['one', 'two'],
    'x-short': ['short'],
    'x-keep': ['k'],
  });
});

function valuesOf(rawHeaders: string[]): Record<string, string[] | undefined> {
  const names = ['x-gone', 'x-set', 'x-list', 'x-short', 'x-keep'];
  return Object.fromEntries(
    names.map((name) => {
      const values = rawHeaders.filter(
        (_, index) => index % 2 === 1 && rawHeaders[index - 1]?.toLowerCase() === name,
      );
      return [name, values.length === 0 ? undefined : values];
    }),
  );
}

test('routes: headers of the response are removed, set and added', async (context) => {
  const origin = await startOrigin(context, 'one', (_request, response) => {
    response.setHeader('Server', 'secret/1.0');
    response.setHeader('X-List', 'one');
    response.setHeader('Cache-Control', 'public');
    response.setHeader('Set-Cookie', ['a=1', 'b=2']);
    response.end('body');
  });
  const { port } = await startProxy(context, {
    routes: [
      routeTo([origin.backend], {
        responseHeaders: {
          remove: ['server'],
          set: { 'Cache-Control': 'no-store', 'X-New': 'new' },
          add: { 'X-List': 'two', 'Set-Cookie': 'c=3' },
        },
      }),
    ],
  });
  const client = await Client.open(context, port);
  // Twice: a repeated request and response take a shorter way.
  for (const _ of [1, 2, 3]) {
    const { headers, body } = await client.ask();
    assert.equal(body, 'body');
    assert.equal(headers.server, undefined);
    assert.equal(headers['cache-control'], 'no-store');
    assert.equal(headers['x-new'], 'new');
    assert.equal(headers['x-list'], 'one, two');
    assert.equal(headers['set-cookie'], 'a=1\nb=2\nc=3');
  }
});

test('routes: hop-by-hop headers stay behind, both ways', async (context) => {
  const origin = await startOrigin(context, 'one', (request, response) => {
    response.setHeader('Connection', 'X-Hop, keep-alive');
    response.setHeader('X-Hop', 'secret');
    response.setHeader('Proxy-Authenticate', 'Basic');
    response.end(JSON.stringify({ headers: request.headers }));
  });
  const { port } = await startProxy(context, { routes: [routeTo([origin.backend])] });
  const client = await Client.open(context, port);
  const reply = await client.ask({
    headers: {
      Connection: 'X-Mine, keep-alive',
      'X-Mine': '1',
      'Keep-Alive': 'timeout=5',
      'Proxy-Authorization': 'Basic eA==',
      'Proxy-Connection': 'keep-alive',
      Upgrade: 'h2c',
      Proxy: 'http://evil',
    },
  });
  const { headers } = JSON.parse(reply.body) as Pick<IEcho, 'headers'>;
  for (const name of ['x-mine', 'keep-alive', 'proxy-authorization', 'proxy-connection', 'proxy']) {
    assert.equal(headers[name], undefined, name);
  }
  assert.equal(headers.upgrade, undefined);
  assert.equal(reply.headers['x-hop'], undefined);
  assert.equal(reply.headers['proxy-authenticate'], undefined);
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { IHooks } from '../ts_interfaces/index.ts';
import { Client, echoOf, routeTo, startOrigin, startProxy } from './suites/web.ts';

async function start(context: Parameters<typeof startOrigin>[0], hooks: IHooks) {
  const origin = await startOrigin(context, 'one');
  const { port } = await startProxy(context, {
    hooks,
    routes: [routeTo([origin.backend], { responseHeaders: { set: { 'X-Route': 'a' } } })],
  });
  return { origin, client: await Client.open(context, port) };
}

test('hooks.onRequest: changes the request’s headers, at once or later', async (context) => {
  const { client } = await start(context, {
    onRequest: ({ uri, header, setHeader, removeHeader }) => {
      setHeader('X-Seen', `${uri} ${header('X-In')}`);
      removeHeader('x-in');
      if (uri === '/later') {
        return new Promise((resolve) => {
          setImmediate(() => {
            setHeader('X-Later', 'yes');
            resolve();
          });
        });
      }
    },
  });
  for (const path of ['/now', '/later']) {
    const { headers, body } = echoOf(
      await client.ask({ method: 'POST', path, body: 'data', headers: { 'X-In': 'in' } }),
    );
    assert.equal(headers['x-seen'], `${path} in`);
    assert.equal(headers['x-in'], undefined);
    assert.equal(headers['x-later'], path === '/later' ? 'yes' : undefined);
    assert.equal(body, 'data');
  }
});

test('hooks.onRequest: answers by itself', async (context) => {
  const { client, origin } = await start(context, {
    onRequest: ({ respond }) => respond(418, { 'X-Pot': 'tea', 'Content-Length': '999' }, 'Grüße'),
  });
  const reply = await client.ask();
  assert.equal(reply.status, 418);
  assert.equal(Buffer.from(reply.body, 'latin1').toString(), 'Grüße');
  assert.equal(reply.headers['x-pot'], 'tea');
  assert.equal((await client.ask({ method: 'HEAD' })).status, 418);
  assert.equal(origin.requests.length, 0);
});

test('hooks.onRequest: an error or a header that cannot be is a 500, and the next request is well', async (context) => {
  const { client, origin } = await start(context, {
    onRequest: async ({ uri, setHeader }) => {
      if (uri === '/throw') throw new Error('out of order');
      if (uri === '/header') setHeader('X-Bad', 'a\r\nX-Injected: 1');
    },
  });
  for (const path of ['/throw', '/header']) {
    const reply = await client.ask({ path });
    assert.equal(reply.status, 500, path);
    assert.match(reply.body, /HOOK_FAILED/);
  }
  assert.equal((await client.ask()).status, 200);
  assert.equal(origin.requests.length, 1);
});

test('hooks.onResponse: changes the response’s head; an error changes nothing', async (context) => {
  const { client } = await start(context, {
    onResponse: ({ status, header, setHeader, removeHeader }) => {
      if (header('content-type') === undefined) throw new Error('never');
      setHeader('X-Status', `${status} ${header('X-Route')}`);
      removeHeader('Content-Type');
      if (header('content-type') !== undefined) throw new Error('still there');
    },
  });
  for (const _ of [1, 2]) {
    const reply = await client.ask();
    assert.equal(reply.headers['x-status'], '200 a');
    assert.equal(reply.headers['content-type'], undefined);
    assert.equal(echoOf(reply).origin, 'one');
  }
});

test('hooks.onResponse: an error is logged and the response goes on as it was', async (context) => {
  const { client } = await start(context, {
    onResponse: ({ setHeader }) => {
      setHeader('X-Half', 'done');
      throw new Error('out of order');
    },
  });
  const reply = await client.ask();
  assert.equal(reply.status, 200);
  assert.equal(reply.headers['x-half'], undefined);
});

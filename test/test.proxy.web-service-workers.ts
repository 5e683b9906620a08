import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { IWebService } from '../ts/net/web-service.ts';
import { clientOfEach, startPool } from './suites/workers.ts';

test('WorkerPool: the main process answers for its services, in every worker', async (t) => {
  const { pool, proxy, port } = await startPool(t);
  const clients = await clientOfEach(t, pool, port);
  const ask = { method: 'POST', path: '/dns-query?a=1', body: 'a\0\xff' };
  const headers = { 'Content-Length': '3', 'X-Name': 'value' };
  for (const client of clients) {
    assert.equal((await client.ask({ path: '/dns-query' })).status, 404);
  }
  const service: IWebService = {
    name: 'echo',
    scope: { paths: ['/dns-query'], hosts: ['a.test'], entrypoints: ['http'] },
    bodyBytesMax: 3,
    handle: async (request) => {
      if (request.query === 'fail') throw new Error('failed');
      assert.ok(Buffer.isBuffer(request.body));
      const { method, query, body, clientIp, entrypoint } = request;
      const text = [method, query, body.toString('latin1'), clientIp, entrypoint];
      const answer = Buffer.from([...text, request.headers.get('x-name')].join('|'), 'latin1');
      return { status: 200, headers: { 'X-Pid': String(process.pid) }, body: answer };
    },
  };
  proxy.services = [service];
  await pool.flush();
  for (const client of clients) {
    const reply = await client.ask({ ...ask, headers });
    assert.deepEqual([reply.status, reply.body], [200, 'POST|a=1|a\0\xff|127.0.0.1|http|value']);
    assert.equal(reply.headers['x-pid'], String(process.pid));
    assert.equal((await client.ask({ path: '/dns-query?fail' })).status, 500);
    assert.equal((await client.ask({ path: '/dns-query', host: 'b.test' })).status, 404);
    assert.equal((await client.ask({ path: '/other' })).status, 404);
  }
  const tooLarge = await clients[0]?.ask({ method: 'POST', path: '/dns-query', body: '1234' });
  assert.equal(tooLarge?.status, 413);
  proxy.services = [];
  await pool.flush();
  for (const client of await clientOfEach(t, pool, port)) {
    assert.equal((await client.ask({ ...ask, headers })).status, 404);
  }
});

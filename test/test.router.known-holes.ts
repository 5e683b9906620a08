import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TRouteInput } from '../ts_interfaces/index.ts';
import { echoTargets, get, startBackend, startProxy } from './suites/engine.ts';

const pathCases: { paths: TRouteInput['paths']; target: string; status: number; why: string }[] = [
  { paths: ['/%7Ex'], target: '/~x', status: 200, why: 'escaped as configured, plain as sent' },
  { paths: ['/%7Ex'], target: '/%7ex/y?z', status: 200, why: 'both escaped' },
  { paths: ['/~x'], target: '/%7Ex', status: 200, why: 'only the request is escaped' },
  { paths: ['/%7Ex'], target: '/%7Exy', status: 404, why: 'whole segments still' },
  { paths: ['/a/../b/./c'], target: '/b/c', status: 200, why: 'dots are resolved' },
  { paths: ['/a%2Fb'], target: '/a%2Fb', status: 200, why: 'other escapes stay' },
  { paths: ['/a%2Fb'], target: '/a/b', status: 404, why: 'other escapes mean something else' },
  {
    paths: [{ type: 'exact', path: '/%61' }],
    target: '/a',
    status: 200,
    why: 'exact paths have a normal form too',
  },
];

for (const { paths, target, status, why } of pathCases) {
  test(`paths ${JSON.stringify(paths)} and ${target}: ${why}`, async (context) => {
    const backend = await startBackend(context, echoTargets);
    const proxy = await startProxy(context, [backend], { route: { paths } });
    const client = await proxy.dial();
    client.write(get(target));
    assert.equal((await client.readResponse()).head.status, status);
    // What was added can be taken out again.
    assert.equal(proxy.manager.router.removeRoute('all'), true);
    assert.equal(proxy.manager.router.table.size, 0);
  });
}

test('stripPrefix is taken off in its normal form', async (context) => {
  const backend = await startBackend(context, echoTargets);
  const proxy = await startProxy(context, [backend], { route: { stripPrefix: '/%7Euser' } });
  const client = await proxy.dial();
  client.write(get('/~user/a%7E?b') + get('/%7euser'));
  assert.equal((await client.readResponse()).body.toString(), '/a~?b');
  assert.equal((await client.readResponse()).body.toString(), '/');
});

const redirects: { route: Partial<TRouteInput>; status: number; to: string | undefined }[] = [
  { route: { autoHttps: true }, status: 400, to: undefined },
  { route: { redirect: { to: 'https://{host}{path}' } }, status: 400, to: undefined },
  {
    route: { redirect: { to: 'https://a.test{path}' } },
    status: 308,
    to: 'https://a.test/x',
  },
];

for (const { route, status, to } of redirects) {
  test(`a request without Host and ${JSON.stringify(route)}: ${status}`, async (context) => {
    const backend = await startBackend(context, echoTargets);
    const proxy = await startProxy(context, [backend], { route });
    for (const lines of ['', 'Host:\r\n', 'Host: \r\n']) {
      const client = await proxy.dial();
      client.write(`GET /x HTTP/1.0\r\n${lines}\r\n`);
      const { head } = await client.readResponse();
      // Hosts without a name are refused as requests already.
      if (lines === '' || head.status !== 400) {
        assert.deepEqual([head.status, head.get('location')], [status, to]);
      }
    }
    assert.equal(backend.peers.length, 0);
  });
}

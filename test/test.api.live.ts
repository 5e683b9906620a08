import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { DcRouter } from '../ts/dcrouter.ts';
import type { IConnectionInfo, ITcpEntryInfo } from '../ts_interfaces/index.ts';
import { folderOf } from './fixtures/cli.ts';
import { caller } from './fixtures/control-plane.ts';

/** A server that answers with what it gets; its port. */
async function echo(context: TestContext): Promise<number> {
  const server = net.createServer((socket) => {
    socket.on('error', () => undefined);
    socket.pipe(socket);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  context.after(() => server.close());
  return (server.address() as net.AddressInfo).port;
}

/** A router with everything that the management API works on. */
async function startRouter(context: TestContext, dataDir: string) {
  const entrypoints = { http: { address: '127.0.0.1', port: 0 } };
  const api = { enabled: true, port: 0 };
  const router = new DcRouter({ dataDir, api, web: { entrypoints }, drainTimeoutMs: 100 });
  await router.start();
  context.after(() => router.stop());
  const token = readFileSync(path.join(dataDir, 'admin-token'), 'utf8').trim();
  const ask = caller(`http://127.0.0.1:${router.addresses().api?.port}/api/v1`, token);
  return { router, ask };
}

/** What a connection says back; null: it was closed. */
async function say(port: number, text: string, keep?: net.Socket[]): Promise<string | null> {
  const socket = net.connect(port, '127.0.0.1');
  const closed = new Promise<null>((resolve) => socket.on('close', () => resolve(null)));
  socket.on('error', () => undefined);
  socket.write(text);
  const answer = new Promise<string>((resolve) => {
    socket.once('data', (data) => resolve(String(data)));
  });
  const said = await Promise.race([answer, closed]);
  if (keep === undefined) socket.destroy();
  else keep.push(socket);
  return said;
}

async function portOf(ask: ReturnType<typeof caller>, id: string): Promise<number> {
  const { body } = await ask('GET', `/tcp/${id}`);
  return (body as ITcpEntryInfo).listening[0]?.port ?? 0;
}

test('an entry that the API makes forwards, and is back after a restart with its dead mark', async (context) => {
  const dataDir = folderOf(context);
  const backend = { hostname: '127.0.0.1', port: await echo(context) };
  const { router, ask } = await startRouter(context, dataDir);
  const entry = { id: 'echo', address: '127.0.0.1', fromPort: 0, backends: [backend] };
  assert.equal((await ask('POST', '/tcp', entry)).status, 201);
  assert.equal(await say(await portOf(ask, 'echo'), 'hi'), 'hi');
  await ask('POST', '/tcp/echo/backends/backend-1/dead');
  assert.equal(await say(await portOf(ask, 'echo'), 'hi'), null);
  await router.stop();

  const next = await startRouter(context, dataDir);
  const { body } = await next.ask('GET', '/tcp/echo');
  const { endpoints, backends, origin } = body as ITcpEntryInfo;
  assert.deepEqual([origin, endpoints[0]?.isDead, backends?.[0]?.maintenance], ['api', true, true]);
  await next.ask('POST', '/tcp/echo/backends/backend-1/alive');
  assert.equal(await say(await portOf(next.ask, 'echo'), 'hi'), 'hi');
});

test('ports of other entries, of entrypoints and of others are refused by name', async (context) => {
  const { router, ask } = await startRouter(context, folderOf(context));
  const taken = await echo(context);
  const other = { id: 'other', address: '127.0.0.1', fromPort: taken, toPort: 1 };
  const busy = await ask('POST', '/tcp', other);
  assert.deepEqual([busy.status, (busy.body as { code: string }).code], [422, 'LISTEN_FAILED']);
  const web = { ...other, fromPort: router.addresses().http?.port };
  const clash = await ask('POST', '/tcp', web);
  assert.equal(clash.status, 409);
  assert.match((clash.body as { detail: string }).detail, /the entrypoint "http" has it/);
  assert.equal(((await ask('GET', '/tcp')).body as { total: number }).total, 0);
  assert.equal((await ask('POST', '/tcp', { ...other, fromPort: 0 })).status, 201);
});

test('a connection is listed while it is open, lives through changes, and is closed by its id', async (context) => {
  const { ask } = await startRouter(context, folderOf(context));
  const toPort = `127.0.0.1:${await echo(context)}`;
  await ask('POST', '/tcp', { id: 'echo', address: '127.0.0.1', fromPort: 0, toPort });
  const port = await portOf(ask, 'echo');
  const open: net.Socket[] = [];
  assert.equal(await say(port, 'hello', open), 'hello');
  await ask('PATCH', '/tcp/echo', { connectionsMax: 5 });
  await ask('PUT', '/access/blocked', { addresses: ['127.0.0.0/8'] });
  await ask('PATCH', '/tcp/echo', { access: { deny: ['@blocked'] } });
  assert.equal(await portOf(ask, 'echo'), port, 'the port stays');
  assert.equal(await say(port, 'hi'), null, 'new ones are refused');
  const { body } = await ask('GET', '/connections?client=127.0.0.1&entrypoint=echo');
  const [found] = (body as { items: IConnectionInfo[] }).items;
  assert.deepEqual([found?.protocol, found?.backend, found?.bytesIn], ['tcp', toPort, 5]);
  const closed = new Promise((resolve) => open[0]?.on('close', resolve));
  assert.equal((await ask('DELETE', `/connections/${found?.id}`)).status, 204);
  await closed;
  await ask('POST', '/access/blocked/addresses', { remove: ['127.0.0.0/8'] });
  assert.equal(await say(port, 'hi'), 'hi', 'a list holds at once');
});

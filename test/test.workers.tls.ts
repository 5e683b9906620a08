import assert from 'node:assert/strict';
import { once } from 'node:events';
import type net from 'node:net';
import { test } from 'node:test';
import tls from 'node:tls';
import { certificateOf } from './fixtures/control-plane.ts';
import { Client, routeTo, startOrigin } from './suites/web.ts';
import { startPool } from './suites/workers.ts';

test('WorkerPool: certificates and TLS sessions hold in all workers', async (context) => {
  const origin = await startOrigin(context, 'one');
  const entrypoints = {
    https: { address: '127.0.0.1', port: 0, tls: { defaultCertificate: 'www.example.test' } },
  };
  const { pool, proxy, certificates } = await startPool(context, {
    web: { entrypoints },
    routes: [routeTo([origin.backend], { vHost: '*', sticky: { cookie: 'which' } })],
  });
  const port = proxy.addresses().https?.port ?? 0;
  const servername = 'www.example.test';
  await assert.rejects(Client.secure(context, port, { servername }));
  certificates.set({ domain: servername, ...certificateOf('chain', 'ecdsa') });
  await pool.flush();

  const seen = new Set<number>();
  const cookies = new Set<string>();
  const first = tls.connect({ port, host: '127.0.0.1', servername, rejectUnauthorized: false });
  context.after(() => first.destroy());
  first.resume();
  const [session] = (await once(first, 'session')) as [Buffer];
  while (seen.size < 2) {
    const client = await Client.secure(context, port, { servername, session });
    const socket = client.socket as tls.TLSSocket;
    assert.equal(socket.isSessionReused(), true);
    const { status, headers } = await client.ask();
    assert.equal(status, 200);
    cookies.add(headers['set-cookie']?.split(';')[0] ?? '');
    const address = `127.0.0.1:${(socket.address() as net.AddressInfo).port}`;
    const listed = (await pool.connections()).find((one) => one.client === address);
    assert.equal(listed?.protocol, 'https');
    seen.add(listed?.worker ?? 0);
    socket.destroy();
  }
  assert.equal(cookies.size, 1, 'a backend has the same cookie in both');

  certificates.remove(servername);
  await pool.flush();
  for (let count = 0; count < 4; count++) {
    await assert.rejects(Client.secure(context, port, { servername }));
  }
});

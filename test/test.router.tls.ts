import assert from 'node:assert/strict';
import { once } from 'node:events';
import net from 'node:net';
import { test } from 'node:test';
import tls from 'node:tls';
import { CertificateStore } from '../ts/certificates/certificate-store.ts';
import { EventBus } from '../ts/core/event-bus.ts';
import type { IEntrypointTls, TRouteInput } from '../ts_interfaces/index.ts';
import { certificateOf } from './fixtures/control-plane.ts';
import { Client, routeTo, startOrigin, startProxy } from './suites/web.ts';

const chain = certificateOf('chain', 'ecdsa');
const rsa = certificateOf('rsa');
const wildcard = certificateOf('wildcard');

/** A proxy with a TLS entrypoint, a store of certificates, and one route for every host. */
async function start(
  context: Parameters<typeof startProxy>[0],
  entrypoint: IEntrypointTls | true = true,
  routes: Partial<TRouteInput>[] = [{}],
) {
  const origin = await startOrigin(context, 'one');
  const bus = new EventBus();
  const certificates = new CertificateStore(bus);
  const { proxy, ports } = await startProxy(
    context,
    {
      entrypoints: { https: { address: '127.0.0.1', port: 0, tls: entrypoint } },
      routes: routes.map((route, index) =>
        routeTo([origin.backend], { id: `r${index}`, vHost: '*', ...route }),
      ),
    },
    { bus, certificates },
  );
  return { origin, proxy, certificates, port: ports.https ?? 0 };
}

/** Names of the certificate that a client is shown. */
async function shown(
  context: Parameters<typeof startProxy>[0],
  port: number,
  options: tls.ConnectionOptions,
): Promise<string | undefined> {
  const client = await Client.secure(context, port, options);
  const { subject } = (client.socket as tls.TLSSocket).getPeerCertificate();
  client.socket.destroy();
  return String(subject.CN).replace(' test', '');
}

/** Nothing to show: the handshake ends with an alert. */
async function refused(
  context: Parameters<typeof startProxy>[0],
  port: number,
  options: tls.ConnectionOptions,
): Promise<void> {
  await assert.rejects(Client.secure(context, port, options), (error: NodeJS.ErrnoException) => {
    assert.match(error.code ?? '', /^ERR_SSL_|^ECONNRESET$/);
    return true;
  });
}

test('TLS: the name that a client asks for decides which certificate it is shown', async (context) => {
  const { certificates, port } = await start(context);
  certificates.set({ domain: 'www.example.test', ...chain });
  certificates.set({ domain: 'rsa.example.test', ...rsa });
  certificates.set({ domain: '*.example.test', ...wildcard });
  for (const [servername, name] of [
    ['www.example.test', 'ecdsa'],
    ['WWW.Example.Test', 'ecdsa'],
    ['rsa.example.test', 'rsa'],
    ['other.example.test', 'wildcard'],
  ] as const) {
    assert.equal(await shown(context, port, { servername }), name, servername);
  }
  await refused(context, port, { servername: 'nobody.test' });
  await refused(context, port, {});
});

test('TLS: the client can verify the chain, and the request goes through', async (context) => {
  const { certificates, port } = await start(context);
  certificates.set({ domain: 'www.example.test', ...chain });
  const client = await Client.secure(context, port, {
    servername: 'www.example.test',
    ca: certificateOf('root', 'ecdsa').cert,
    rejectUnauthorized: true,
  });
  const reply = await client.ask({ host: 'www.example.test' });
  assert.equal(reply.status, 200);
  assert.equal(JSON.parse(reply.body).headers['x-forwarded-proto'], 'https');
});

for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
  test(`TLS: ${version}`, async (context) => {
    const { certificates, port } = await start(context);
    certificates.set({ domain: 'www.example.test', ...chain });
    const client = await Client.secure(context, port, {
      servername: 'www.example.test',
      minVersion: version,
      maxVersion: version,
    });
    assert.equal((client.socket as tls.TLSSocket).getProtocol(), version);
    assert.equal((await client.ask()).status, 200);
  });
}

test('TLS: minVersion refuses older clients, also with SNI; 1.1 never', async (context) => {
  const { certificates, port, proxy } = await start(context, { minVersion: 'TLSv1.3' });
  certificates.set({ domain: 'www.example.test', ...chain });
  const servername = 'www.example.test';
  assert.equal(await shown(context, port, { servername }), 'ecdsa');
  await refused(context, port, { servername, maxVersion: 'TLSv1.2' });
  // It takes effect at once when it changes, and open connections live on.
  const client = await Client.secure(context, port, { servername });
  const entrypoints = { https: { address: '127.0.0.1', port: 0, tls: true } };
  proxy.apply(await proxy.prepare({ entrypoints }, null));
  assert.equal(proxy.addresses().https?.port, port);
  assert.equal(await shown(context, port, { servername, maxVersion: 'TLSv1.2' }), 'ecdsa');
  assert.equal((await client.ask()).status, 200);
  await refused(context, port, {
    servername,
    minVersion: 'TLSv1',
    maxVersion: 'TLSv1.1',
    ciphers: 'DEFAULT@SECLEVEL=0',
  });
});

test('TLS: ALPN is http/1.1; a client that speaks only something else is refused', async (context) => {
  const { certificates, port } = await start(context);
  certificates.set({ domain: 'www.example.test', ...chain });
  const servername = 'www.example.test';
  const client = await Client.secure(context, port, {
    servername,
    ALPNProtocols: ['h2', 'http/1.1'],
  });
  assert.equal((client.socket as tls.TLSSocket).alpnProtocol, 'http/1.1');
  await refused(context, port, { servername, ALPNProtocols: ['h2'] });
});

test('TLS: a swapped certificate is for new connections; open ones live on', async (context) => {
  const { certificates, port } = await start(context);
  const servername = 'www.example.test';
  certificates.set({ domain: servername, ...chain });
  const client = await Client.secure(context, port, { servername });
  assert.equal((await client.ask()).status, 200);
  certificates.set({ domain: servername, ...rsa });
  assert.equal(await shown(context, port, { servername }), 'rsa');
  certificates.remove(servername);
  await refused(context, port, { servername });
  assert.equal((await client.ask()).status, 200);
});

test('TLS: a default certificate is for clients that name no host, or an unknown one', async (context) => {
  const { certificates, port } = await start(context, { defaultCertificate: 'www.example.test' });
  await refused(context, port, {});
  certificates.set({ domain: 'www.example.test', ...chain });
  certificates.set({ domain: 'rsa.example.test', ...rsa });
  assert.equal(await shown(context, port, {}), 'ecdsa');
  assert.equal(await shown(context, port, { servername: 'nobody.test' }), 'ecdsa');
  assert.equal(await shown(context, port, { servername: 'rsa.example.test' }), 'rsa');
  certificates.set({ domain: 'www.example.test', ...wildcard });
  assert.equal(await shown(context, port, {}), 'wildcard');
  assert.equal(await shown(context, port, { servername: 'nobody.test' }), 'wildcard');
  certificates.remove('www.example.test');
  await refused(context, port, {});
  await refused(context, port, { servername: 'nobody.test' });
});

test('TLS: the default certificate can be another one, or none, by a new configuration', async (context) => {
  const { certificates, port, proxy } = await start(context);
  certificates.set({ domain: 'www.example.test', ...chain });
  certificates.set({ domain: 'rsa.example.test', ...rsa });
  const apply = async (defaultCertificate: string | undefined) => {
    const entrypoints = {
      https: { address: '127.0.0.1', port: 0, tls: { defaultCertificate } },
    };
    proxy.apply(await proxy.prepare({ entrypoints }, null));
  };
  await refused(context, port, {});
  await apply('www.example.test');
  assert.equal(await shown(context, port, {}), 'ecdsa');
  await apply('rsa.example.test');
  assert.equal(await shown(context, port, {}), 'rsa');
  await apply(undefined);
  await refused(context, port, {});
  await refused(context, port, { servername: 'nobody.test' });
});

test('TLS: routes bring certificates for their vHost; the exact name wins', async (context) => {
  const { proxy, certificates, port } = await start(context, true, [
    { vHost: '*.example.test', ssl: wildcard },
    { vHost: 'rsa.example.test', ssl: rsa },
  ]);
  assert.equal(await shown(context, port, { servername: 'rsa.example.test' }), 'rsa');
  assert.equal(await shown(context, port, { servername: 'www.example.test' }), 'wildcard');
  assert.equal(await shown(context, port, { servername: 'a.b.example.test' }), 'wildcard');
  certificates.set({ domain: 'www.example.test', ...chain });
  assert.equal(await shown(context, port, { servername: 'www.example.test' }), 'ecdsa');
  proxy.router.removeRoute('r1');
  assert.equal(await shown(context, port, { servername: 'rsa.example.test' }), 'wildcard');
});

test('TLS: of two routes with certificates for one host, the other one’s stays when one goes', async (context) => {
  const { proxy, port } = await start(context, { defaultCertificate: 'www.example.test' }, [
    { vHost: 'www.example.test', ssl: chain },
  ]);
  const { router } = proxy;
  const servername = 'www.example.test';
  assert.equal(await shown(context, port, {}), 'ecdsa');
  router.addRoute({
    ...routeTo([{ hostname: '127.0.0.1', port: 1 }]),
    id: 'second',
    vHost: servername,
    paths: ['/x'],
    ssl: wildcardOfWww(),
  });
  assert.equal(await shown(context, port, { servername }), 'wildcard');
  router.removeRoute('second');
  assert.equal(await shown(context, port, { servername }), 'ecdsa');
  assert.equal(await shown(context, port, {}), 'ecdsa');
  router.removeRoute('r0');
  await refused(context, port, { servername });
  await refused(context, port, {});
});

/** `*.example.test` covers `www.example.test` too. */
function wildcardOfWww() {
  return wildcard;
}

for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
  test(`TLS: tickets resume sessions, also after a swapped certificate (${version})`, async (context) => {
    const { certificates, port, proxy } = await start(context, {
      defaultCertificate: 'www.example.test',
    });
    certificates.set({ domain: 'www.example.test', ...chain });
    const options = { maxVersion: version, minVersion: version };
    const named = { ...options, servername: 'www.example.test' };
    const sessions = new Map<tls.ConnectionOptions, Buffer>();
    for (const one of [options, named]) sessions.set(one, await sessionOf(context, port, one));

    certificates.set({ domain: 'www.example.test', ...wildcard });
    const entrypoints = {
      https: {
        address: '127.0.0.1',
        port: 0,
        tls: { defaultCertificate: 'www.example.test' },
        timeouts: { handshakeMs: 5_000 },
      },
    };
    proxy.apply(await proxy.prepare({ entrypoints }, null));
    for (const [one, session] of sessions) {
      const client = await Client.secure(context, port, { ...one, session });
      assert.equal((client.socket as tls.TLSSocket).isSessionReused(), true, one.servername);
      assert.equal((await client.ask()).status, 200);
    }
    assert.equal(await shown(context, port, named), 'wildcard');
  });
}

/** The ticket that a connection is given. */
async function sessionOf(
  context: Parameters<typeof startProxy>[0],
  port: number,
  options: tls.ConnectionOptions,
): Promise<Buffer> {
  const socket = tls.connect({ port, host: '127.0.0.1', rejectUnauthorized: false, ...options });
  context.after(() => socket.destroy());
  socket.resume();
  const [session] = (await once(socket, 'session')) as [Buffer];
  socket.destroy();
  return session;
}

test('TLS: an entrypoint becomes plain and TLS again on its port; open connections go on', async (context) => {
  const { certificates, port, proxy } = await start(context);
  certificates.set({ domain: 'www.example.test', ...chain });
  const servername = 'www.example.test';
  const secure = await Client.secure(context, port, { servername });
  const apply = async (isSecure: boolean) => {
    const entrypoints = { https: { address: '127.0.0.1', port: 0, tls: isSecure } };
    proxy.apply(await proxy.prepare({ entrypoints }, null));
    assert.equal(proxy.addresses().https?.port, port);
  };
  await apply(false);
  const plain = await Client.open(context, port);
  assert.equal(JSON.parse((await plain.ask()).body).headers['x-forwarded-proto'], 'http');
  assert.equal(JSON.parse((await secure.ask()).body).headers['x-forwarded-proto'], 'https');
  await apply(true);
  assert.equal(await shown(context, port, { servername }), 'ecdsa');
  assert.equal((await plain.ask()).status, 200);
});

test('TLS: a handshake that takes too long, or is none, is cut and hurts nobody', async (context) => {
  const { certificates, port, proxy } = await start(context);
  certificates.set({ domain: 'www.example.test', ...chain });
  const entrypoints = {
    https: { address: '127.0.0.1', port: 0, tls: true, timeouts: { handshakeMs: 20 } },
  };
  proxy.apply(await proxy.prepare({ entrypoints }, null));
  const silent = net.connect(port, '127.0.0.1');
  const rude = net.connect(port, '127.0.0.1');
  rude.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
  // Both are cut; how the kernel reports that is its business.
  for (const socket of [silent, rude]) socket.on('error', () => socket.destroy()).resume();
  await Promise.all([once(silent, 'close'), once(rude, 'close')]);
  assert.equal(await shown(context, port, { servername: 'www.example.test' }), 'ecdsa');
  assert.equal(proxy.connectionStats().open <= 1, true);
});

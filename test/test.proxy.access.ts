import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { DcError } from '../ts/core/errors.ts';
import { AddressLists } from '../ts/net/address-list.ts';
import type { ConnectionCounter } from '../ts/net/connection-counter.ts';
import { LocalLimiters } from '../ts/net/limiters.ts';
import { loadAddressLists } from '../ts/proxy/access-lists.ts';
import { Admission, type IAdmissionOptions } from '../ts/proxy/admission.ts';
import type { IProxyManagerParts } from '../ts/proxy/proxy-manager.ts';
import type { IEntrypointOptions } from '../ts_interfaces/index.ts';
import { echoTargets, eventually, get, post, startBackend, startProxy } from './suites/engine.ts';
import { dial } from './suites/peer.ts';

const hourly = { windowSeconds: 3600 };

test('a client that the route does not allow gets 403, on known requests as well', async (context) => {
  const backend = await startBackend(context, echoTargets);
  const proxy = await startProxy(context, [backend], { route: { access: { deny: ['@bad'] } } });
  const { lists } = proxy.manager;
  const client = await proxy.dial();
  const statuses: number[] = [];
  const ask = async () => {
    client.write(get('/'));
    statuses.push((await client.readResponse()).head.status);
  };
  await ask();
  await ask();
  lists.set('bad', ['127.0.0.0/8']);
  client.write(get('/'));
  const refused = await client.readResponse();
  assert.match(refused.body.toString(), /^403 Forbidden\nACCESS_DENIED \S+\n$/);
  assert.equal(refused.head.get('connection'), undefined, 'the connection stays open');
  lists.get('bad')?.remove(['127.0.0.0/8']);
  await ask();
  lists.set('bad', ['::ffff:127.0.0.1']);
  await ask();
  lists.delete('bad');
  await ask();
  assert.deepEqual(statuses, [200, 200, 200, 403, 200]);
  assert.equal(backend.peers.length, 1);
});

test('who is asked about is the client behind trusted proxies, not what others claim', async (context) => {
  const backend = await startBackend(context, echoTargets);
  const route = {
    access: { allow: ['198.51.100.0/24', '2001:db8::/32'], deny: ['198.51.100.66'] },
  };
  const statusOf = async (port: number, from: string) => {
    const client = await dial(port);
    context.after(() => client.socket.destroy());
    client.write(get('/', `X-Forwarded-For: ${from}\r\n`));
    return (await client.readResponse()).head.status;
  };
  const trusting = await startProxy(context, [backend], {
    route,
    web: { trustedProxies: ['127.0.0.1'] },
  });
  const cases: [string, number][] = [
    ['198.51.100.1', 200],
    ['::ffff:198.51.100.1', 200],
    ['[2001:db8::1]:443', 200],
    ['198.51.100.66', 403],
    ['192.0.2.1', 403],
    ['198.51.100.1, 192.0.2.1', 403],
    ['unknown', 403],
    ['', 403],
  ];
  for (const [from, status] of cases) {
    assert.equal(await statusOf(trusting.port, from), status, from);
  }
  const strict = await startProxy(context, [backend], { route });
  assert.equal(await statusOf(strict.port, '198.51.100.1'), 403);
});

test('a refused POST reaches nobody, and the rate limit is not asked', async (context) => {
  const backend = await startBackend(context, echoTargets);
  const proxy = await startProxy(context, [backend], {
    route: { access: { allow: ['192.0.2.0/24'] }, rateLimits: ['api'] },
  });
  proxy.manager.limits.set('api', { requests: 1 });
  const client = await proxy.dial();
  client.write(post('/', 'x'.repeat(100_000)));
  const { head } = await client.readResponse();
  assert.deepEqual([head.status, head.get('connection')], [403, 'close']);
  assert.equal(head.get('ratelimit-limit'), undefined);
  assert.deepEqual(await proxy.manager.limits.info('api'), { keys: 0, allowed: 0, refused: 0 });
  assert.equal(backend.peers.length, 0);
});

async function startServing(
  context: TestContext,
  entrypoints: Record<string, IEntrypointOptions>,
  parts: IProxyManagerParts,
) {
  const backend = await startBackend(context, echoTargets);
  return startProxy(context, [backend], { web: { entrypoints }, parts });
}

async function withEntrypoint(context: TestContext, options: Partial<IEntrypointOptions>) {
  const lists = new AddressLists();
  lists.set('bad', ['127.0.0.1']);
  const entrypoints = { http: { address: '127.0.0.1', port: 0, ...options } };
  const { manager, port } = await startServing(context, entrypoints, { lists });
  return { lists, proxy: manager, port };
}

/** Status of the answer, or how the connection ended; the reset may come while it is being made. */
async function fateOf(port: number): Promise<number | string> {
  const client = await dial(port).catch(({ code }: NodeJS.ErrnoException) => {
    assert.equal(code, 'ECONNRESET');
    return null;
  });
  if (client === null) return 'reset';
  client.write(get('/'));
  const fate = await client.readHead().then(
    ({ status }) => status,
    () => client.closed(),
  );
  client.socket.destroy();
  return fate;
}

for (const tls of [false, true]) {
  test(`an entrypoint ${tls ? 'with TLS ' : ''}resets who may not come, before anything is read`, async (context) => {
    const { lists, proxy, port } = await withEntrypoint(context, {
      tls,
      access: { deny: ['@bad'] },
    });
    assert.equal(await fateOf(port), 'reset');
    assert.equal(proxy.connectionStats().refused, 1);
    lists.delete('bad');
    if (!tls) assert.equal(await fateOf(port), 200);
  });
}

test('an entrypoint resets those who come too often', async (context) => {
  const { proxy, port } = await withEntrypoint(context, {
    connectionRate: { connections: 2, ...hourly },
  });
  const fates = [];
  for (let index = 0; index < 4; index++) fates.push(await fateOf(port));
  assert.deepEqual(fates, [200, 200, 'reset', 'reset']);
  assert.equal(proxy.connectionStats().refused, 2);
});

/** Counts that answer when they are told to, as those of a worker process do. */
class LaterLimiters extends LocalLimiters {
  readonly waiting: (() => void)[] = [];

  override connectionCounter(id: string): ConnectionCounter {
    const real = super.connectionCounter(id);
    const { waiting } = this;
    return Object.assign(Object.create(real) as ConnectionCounter, {
      enter: (key: string, max: number, answer: (entered: boolean) => void) => {
        waiting.push(() => answer(real.enter(key, max)));
        return null;
      },
    });
  }

  answerNext(): void {
    this.waiting.shift()?.();
  }
}

test('an admission that is decided later: the client waits, or may leave', async (context) => {
  const limiters = new LaterLimiters();
  const entrypoints = { http: { address: '127.0.0.1', port: 0, connectionsMax: 1 } };
  const { manager: proxy, port } = await startServing(context, entrypoints, { limiters });
  const open = async () => {
    const client = await dial(port);
    context.after(() => client.socket.destroy());
    return client;
  };
  const first = await open();
  first.write(get('/'));
  await eventually(() => limiters.waiting.length === 1);
  assert.equal(first.bytesRead, 0);
  limiters.answerNext();
  assert.equal((await first.readHead()).status, 200);
  const second = fateOf(port);
  await eventually(() => limiters.waiting.length === 1);
  limiters.answerNext();
  assert.equal(await second, 'reset');
  first.socket.destroy();
  await eventually(() => proxy.connectionStats().open === 0);
  const third = await open();
  await eventually(() => limiters.waiting.length === 1);
  third.reset();
  limiters.answerNext();
  await eventually(() => limiters.connectionCounter('entrypoint:http').keys === 0, 'it was left');
});

test('an admission that is decided behind the end of its listener serves nobody', async (context) => {
  const limiters = new LaterLimiters();
  const entrypoints = { http: { address: '127.0.0.1', port: 0, connectionsMax: 1 } };
  const { manager: proxy, port } = await startServing(context, entrypoints, { limiters });
  const client = await dial(port);
  await eventually(() => limiters.waiting.length === 1);
  await proxy.stop(0);
  limiters.answerNext();
  await client.closed();
  assert.equal(client.bytesRead, 0);
  assert.equal(limiters.connectionCounter('entrypoint:http').keys, 0);
});

function temporaryFolder(context: TestContext): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'dcrouter-'));
  context.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

function admissionOf(options: IAdmissionOptions, limiters = new LocalLimiters()) {
  const admission = new Admission('a', options, limiters, new AddressLists());
  const admit = (ip: string) => admission.admit(ip, () => assert.fail('it answers at once'));
  return { admission, admit, limiters };
}

test('Admission: what one limit has counted is given back when another one refuses', () => {
  const { admission, admit, limiters } = admissionOf({
    connectionRate: { connections: 4, ...hourly },
    connectionsMax: 3,
    connectionsPerClientMax: 2,
  });
  const ips = ['10.0.0.1', '10.0.0.1', '10.0.0.1', '10.0.0.2', '10.0.0.3'];
  assert.deepEqual(ips.map(admit), [true, true, false, true, false]);
  assert.deepEqual([admission.open, admission.refused], [3, 2]);
  assert.equal(limiters.knownRateLimiter('a')?.allowed, 3);
  for (const ip of ['10.0.0.1', '10.0.0.2']) admission.leave(ip);
  assert.deepEqual(['10.0.0.1', '10.0.0.2'].map(admit), [true, true]);
  for (const ip of ['10.0.0.1', '10.0.0.1', '10.0.0.2']) admission.leave(ip);
  assert.deepEqual([admission.open, limiters.connectionCounter('a').keys], [0, 0]);
  // Four have come from this address by now.
  assert.deepEqual([admit('10.0.0.1'), admit('10.0.0.1')], [true, false]);
});

test('Admission: an IPv6 /64 is one client', () => {
  const { admit } = admissionOf({ connectionsPerClientMax: 1 });
  assert.deepEqual(['2001:db8::1', '2001:db8::2', '2001:db8:0:1::1'].map(admit), [
    true,
    false,
    true,
  ]);
});

test('Admission: 300,000 distinct addresses keep memory bounded', () => {
  const { admission, admit, limiters } = admissionOf({
    access: { deny: ['192.0.2.0/24'] },
    connectionRate: { connections: 1, ...hourly },
    connectionsMax: 10,
    connectionsPerClientMax: 1,
  });
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  collect();
  const before = process.memoryUsage().heapUsed;
  for (let index = 0; index < 300_000; index++) {
    const ip = `10.${index >> 16}.${(index >> 8) & 255}.${index & 255}`;
    if (admit(ip) === true) admission.leave(ip);
  }
  collect();
  const grown = process.memoryUsage().heapUsed - before;
  assert.equal(admission.refused, 0);
  assert.equal(limiters.knownRateLimiter('a')?.keys, 100_000);
  assert.equal(limiters.connectionCounter('a').keys, 0);
  assert.ok(grown < 60 * 1_048_576, `${Math.round(grown / 1_048_576)} MiB`);
});

test('loadAddressLists() reads files beside the configuration and adds them to the addresses', async (context) => {
  const folder = temporaryFolder(context);
  writeFileSync(path.join(folder, 'bad.txt'), '# bad\r\n10.0.0.0/8 ; all of it\n\n2001:db8::/32\n');
  const lists = {
    bad: { addresses: ['192.0.2.1'], file: 'bad.txt' },
    none: {},
    office: { addresses: ['198.51.100.0/24'] },
  };
  const loaded = await loadAddressLists({ lists }, folder);
  assert.deepEqual(
    [...loaded],
    [
      ['bad', ['192.0.2.1', '10.0.0.0/8', '2001:db8::/32']],
      ['none', []],
      ['office', ['198.51.100.0/24']],
    ],
  );
  assert.equal((await loadAddressLists(undefined, folder)).size, 0);
});

test('loadAddressLists() reports every bad line and every file that cannot be read', async (context) => {
  const folder = temporaryFolder(context);
  const file = path.join(folder, 'bad.txt');
  writeFileSync(file, '10.0.0.0/8\n10.0.0.0/33\nlocalhost\n');
  writeFileSync(path.join(folder, 'binary'), Buffer.from([0x31, 0xff, 0xfe, 0x0a]));
  const lists = {
    lines: { file: 'bad.txt' },
    binary: { file: 'binary' },
    missing: { file: 'gone.txt' },
    folder: { file: '.' },
  };
  await assert.rejects(loadAddressLists({ lists }, folder), (error) => {
    assert.ok(error instanceof DcError && error.code === 'CONFIG_INVALID');
    const told = error.problems.map(({ path: at, file: name, line }) => [at, name, line]);
    assert.deepEqual(told, [
      ['access.lists.lines.file', file, 2],
      ['access.lists.lines.file', file, 3],
      ['access.lists.binary.file', undefined, undefined],
      ['access.lists.missing.file', undefined, undefined],
      ['access.lists.folder.file', undefined, undefined],
    ]);
    const texts = error.problems.slice(2).map(({ message }) => message);
    assert.match(texts[0] ?? '', /it is not UTF-8 text$/);
    assert.match(texts[1] ?? '', /there is no such file$/);
    assert.match(texts[2] ?? '', /it is a folder$/);
    return true;
  });
});

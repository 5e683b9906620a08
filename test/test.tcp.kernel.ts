import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ManualClock } from '../ts/core/manual-clock.ts';
import type { IKernelCounters, IKernelForwarder } from '../ts/proxy/kernel/index.ts';
import type { IPortProxySettings, TPortProxyInput } from '../ts_interfaces/index.ts';
import { entryOf, eventually, startEcho, startTcp, TcpClient } from './suites/tcp.ts';
import { closedPort } from './suites/web.ts';

/** A kernel that keeps what it is told. */
class FakeKernel implements IKernelForwarder {
  applied: string[][] = [];
  cleared = 0;
  reason: string | undefined;
  failure: Error | null = null;
  counts = new Map<string, IKernelCounters>();

  async available() {
    return { usable: this.reason === undefined, reason: this.reason };
  }

  async check(_entry: IPortProxySettings) {
    return this.available();
  }

  async apply(entries: readonly IPortProxySettings[]) {
    if (this.failure !== null) throw this.failure;
    this.applied.push(entries.map(({ id }) => id));
  }

  async refresh() {
    // Nothing has changed.
  }

  async counters() {
    return this.counts;
  }

  async clear() {
    this.cleared++;
  }
}

const forwarding = 'kernel' as const;

async function kernelEntry(port: number, rest: TPortProxyInput = {}): Promise<TPortProxyInput> {
  return { fromPort: await closedPort(), toPort: `127.0.0.1:${port}`, forwarding, ...rest };
}

test('forwarding: kernel is told of its entries only, and counts for them', async (t) => {
  const echo = await startEcho(t);
  const clock = new ManualClock();
  const kernel = new FakeKernel();
  const plane = await startTcp(
    t,
    [await kernelEntry(echo.port, { id: 'k' }), { id: 'user', toPort: echo.port }],
    { kernel, clock },
  );
  await eventually(() => plane.proxy.info('k')?.forwardedBy === 'kernel');
  assert.deepEqual(kernel.applied, [['k']]);
  assert.equal(kernel.cleared, 1, 'what a killed process left is taken away first');
  assert.equal(plane.proxy.info('user')?.forwardedBy, 'user');
  const counted = {
    packets: 9,
    bytes: 900,
    bytesIn: 500,
    bytesOut: 400,
    connections: 3,
    refused: 2,
  };
  kernel.counts.set('k', counted);
  clock.advance(5000);
  await eventually(() => plane.proxy.info('k')?.stats.bytesIn === 500);
  const { total, refused, bytesOut } = plane.proxy.info('k')?.stats ?? {};
  assert.deepEqual([total, refused, bytesOut], [3, 2, 400]);
  assert.equal(plane.proxy.stats().bytesIn, 500);
  await plane.set({ id: 'user', toPort: echo.port, retries: 1 });
  assert.equal(kernel.applied.length, 1, 'other entries do not concern the kernel');
  await plane.remove('k');
  await eventually(() => kernel.applied.length === 2);
  assert.deepEqual(kernel.applied[1], []);
});

test('forwarding: kernel that is not to be had is served by this process, and says why', async (t) => {
  const echo = await startEcho(t);
  const kernel = new FakeKernel();
  kernel.reason = 'nft is missing';
  const plane = await startTcp(t, await kernelEntry(echo.port), { kernel });
  const client = await TcpClient.open(t, plane.port());
  client.socket.end('x');
  assert.equal(await client.end(), 'x');
  const { forwardedBy, reason } = plane.proxy.info('a') ?? {};
  assert.deepEqual([forwardedBy, reason], ['user', 'nft is missing']);
});

test('kernelFallback: false makes that a problem', async (t) => {
  const echo = await startEcho(t);
  const kernel = new FakeKernel();
  kernel.reason = 'nft is missing';
  const plane = await startTcp(t, [], { kernel });
  const settings = entryOf(await kernelEntry(echo.port, { kernelFallback: false }));
  await assert.rejects(plane.proxy.prepare({ set: [settings], removed: [] }), (error: Error) => {
    assert.equal((error as { code?: string }).code, 'TCP_INVALID');
    assert.match(error.message, /nft is missing/);
    return true;
  });
  kernel.reason = undefined;
  plane.proxy.apply(await plane.proxy.prepare({ set: [settings], removed: [] }));
  await eventually(() => plane.proxy.info('a')?.forwardedBy === 'kernel');
  await assert.rejects(TcpClient.open(t, settings.fromPort ?? 0), /ECONNREFUSED/);
  assert.deepEqual(
    plane.proxy.info('a')?.listening.map(({ port }) => port),
    [settings.fromPort],
  );
});

test('A kernel that refuses leaves the entry with this process', async (t) => {
  const echo = await startEcho(t);
  const kernel = new FakeKernel();
  kernel.failure = new Error('Cannot install the nftables rules');
  const plane = await startTcp(t, await kernelEntry(echo.port), { kernel });
  await eventually(() => plane.proxy.info('a')?.reason !== undefined);
  const { forwardedBy, reason } = plane.proxy.info('a') ?? {};
  assert.deepEqual([forwardedBy, reason], ['user', 'Cannot install the nftables rules']);
  const client = await TcpClient.open(t, plane.port());
  client.socket.end('x');
  assert.equal(await client.end(), 'x');
});

test('stop() takes everything out of the kernel', async (t) => {
  const echo = await startEcho(t);
  const kernel = new FakeKernel();
  const plane = await startTcp(t, await kernelEntry(echo.port), { kernel });
  await eventually(() => kernel.applied.length === 1);
  await plane.proxy.stop(0);
  assert.deepEqual(kernel.applied.at(-1), []);
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { DcError } from '../ts/core/errors.ts';
import { silentLogger } from '../ts/core/logger.ts';
import { ManualClock } from '../ts/core/manual-clock.ts';
import { AddressLists } from '../ts/net/address-list.ts';
import { type IKernelHost, type INftOutcome, KernelForwarder } from '../ts/proxy/kernel/index.ts';
import { kernelName } from '../ts/proxy/kernel/ruleset.ts';
import type { IPortProxySettings } from '../ts_interfaces/index.ts';

const entry: IPortProxySettings = { id: 'web', fromPort: 80, toPort: '10.0.0.1:8080' };

const ok: INftOutcome = { code: 0, stdout: '', stderr: '' };
const missing: INftOutcome = {
  code: 1,
  stdout: '',
  stderr: 'Error: No such file or directory\nlist counters table inet dcrouter\n',
};
const denied: INftOutcome = {
  code: 1,
  stdout: '',
  stderr: 'netlink: Error: cache initialization failed: Operation not permitted\n',
};

/** nft with one table: it keeps what it is given, and answers as the real one does. */
class FakeNft {
  readonly calls: { args: readonly string[]; input: string }[] = [];
  /** Names and values of the counters; null: there is no table. */
  counters: Map<string, { packets: number; bytes: number }> | null = null;
  failure: INftOutcome | Error | null = null;
  running = 0;
  runningMax = 0;

  readonly run = async (args: readonly string[], input: string): Promise<INftOutcome> => {
    this.calls.push({ args, input });
    this.running++;
    this.runningMax = Math.max(this.runningMax, this.running);
    await new Promise((turn) => setImmediate(turn));
    this.running--;
    if (this.failure instanceof Error) throw this.failure;
    if (this.failure !== null) return this.failure;
    if (args.includes('--check')) return ok;
    if (args.includes('list')) return this.list();
    return this.change(input);
  };

  /** Transactions that changed something. */
  get changes(): string[] {
    return this.calls.filter(({ args }) => args[0] === '--file').map(({ input }) => input);
  }

  private list(): INftOutcome {
    if (this.counters === null) return missing;
    const counters = [...this.counters].map(([name, count]) => ({ counter: { name, ...count } }));
    return { ...ok, stdout: JSON.stringify({ nftables: [{ metainfo: {} }, ...counters] }) };
  }

  private change(input: string): INftOutcome {
    const before = input.startsWith('add table') ? new Map() : this.counters;
    const deleted = [...input.matchAll(/^delete counter inet dcrouter (\w+)$/gm)].map((m) => m[1]);
    if (before === null || deleted.some((name) => !before.has(name))) return missing;
    const counters = new Map(before);
    for (const name of deleted) counters.delete(name);
    if (/^delete table inet dcrouter$/m.test(input) && !input.includes(' {\n')) {
      this.counters = null;
      return ok;
    }
    for (const [, name = ''] of input.matchAll(/^ {2}counter (\w+) \{$/gm)) {
      if (!counters.has(name)) counters.set(name, { packets: 0, bytes: 0 });
    }
    this.counters = counters;
    return ok;
  }
}

function setUp(settings: Record<string, string> = {}, alive: Record<number, string> = {}) {
  const nft = new FakeNft();
  const clock = new ManualClock();
  const lists = new AddressLists();
  const logged: string[] = [];
  const record = (event: string) => {
    logged.push(event);
  };
  const logger = { ...silentLogger, warn: record, error: record };
  const host: IKernelHost = {
    setting: (name) => settings[name] ?? '1',
    addresses: () => new Set(['127.0.0.1', '192.0.2.1']),
    startOf: (pid) => ({ [process.pid]: '500', ...alive })[pid],
  };
  const parts = { logger, clock, lists, host, run: nft.run };
  return { nft, clock, lists, logged, parts, kernel: new KernelForwarder(parts) };
}

test('KernelForwarder.apply() gives one transaction by standard input, and nothing by arguments', async () => {
  const { nft, kernel } = setUp();
  await kernel.apply([entry]);
  assert.deepEqual(
    nft.calls.map(({ args }) => args),
    [['--file', '-']],
  );
  assert.match(nft.calls[0]?.input ?? '', /dnat ip to 10\.0\.0\.1:8080/);
});

test('KernelForwarder.apply() leaves out what is switched off; without entries the table goes', async () => {
  const { nft, kernel } = setUp();
  await kernel.apply([entry, { ...entry, id: 'off', fromPort: 81, enabled: false }]);
  assert.ok(!nft.changes[0]?.includes('{ 81 }'));
  await kernel.apply([{ ...entry, enabled: false }]);
  assert.equal(nft.counters, null);
});

test('KernelForwarder.apply() goes on with the counters of entries that stay', async () => {
  const { nft, kernel } = setUp();
  await kernel.apply([entry]);
  nft.counters?.set(`${kernelName('web')}_in`, { packets: 3, bytes: 300 });
  nft.counters?.set(`${kernelName('web')}_out`, { packets: 2, bytes: 2000 });
  nft.counters?.set(`${kernelName('web')}_new`, { packets: 1, bytes: 60 });
  nft.counters?.set(`${kernelName('web')}_refused`, { packets: 4, bytes: 240 });
  await kernel.apply([entry, { ...entry, id: 'dns', protocol: 'udp', fromPort: 53 }]);
  const counters = await kernel.counters();
  assert.deepEqual([...counters.keys()], ['web', 'dns']);
  assert.deepEqual(counters.get('web'), {
    ...{ packets: 5, bytes: 2300, bytesIn: 300, bytesOut: 2000 },
    ...{ connections: 1, refused: 4 },
  });
  assert.equal(counters.get('dns')?.packets, 0);
});

test('KernelForwarder.apply(): what nft refuses is told, and the plan from before stays', async () => {
  const { nft, kernel } = setUp();
  await kernel.apply([entry]);
  nft.failure = { code: 1, stdout: '', stderr: '/dev/stdin:3:1-2: Error: \u001b[31mno\nmore' };
  await assert.rejects(kernel.apply([{ ...entry, id: 'other' }]), (error: DcError) => {
    assert.equal(error.code, 'LISTEN_FAILED');
    assert.match(error.message, /Error: \\u001b\[31mno$/);
    return true;
  });
  nft.failure = null;
  assert.deepEqual([...(await kernel.counters()).keys()], ['web']);
});

test('KernelForwarder.apply() refuses entries that rules cannot say, before it runs anything', async () => {
  const { nft, kernel } = setUp();
  await assert.rejects(kernel.apply([{ ...entry, toPort: 'db.example:1' }]), /rules know no names/);
  assert.equal(nft.calls.length, 0);
});

test('KernelForwarder runs nft once at a time, in the order of the calls', async () => {
  const { nft, kernel } = setUp();
  const ports = [81, 82, 83, 84];
  await Promise.all(ports.map((fromPort) => kernel.apply([{ ...entry, fromPort }])));
  assert.equal(nft.runningMax, 1);
  const found = nft.changes.map((input) => Number(/dport \{ (\d+) \}/.exec(input)?.[1]));
  assert.deepEqual(found, ports);
});

const unavailable: { failure: INftOutcome | Error; reason: RegExp }[] = [
  {
    failure: Object.assign(new Error('spawn nft ENOENT'), { code: 'ENOENT' }),
    reason: /^nft is not installed/,
  },
  { failure: denied, reason: /CAP_NET_ADMIN/ },
  {
    failure: { code: 1, stdout: '', stderr: 'Error: Could not process rule: not supported\n' },
    reason: /not supported/,
  },
  { failure: { code: null, stdout: '', stderr: '' }, reason: /nft ended with null/ },
];

for (const { failure, reason } of unavailable) {
  test(`KernelForwarder.available() says why not: ${reason}`, async () => {
    const { nft, kernel } = setUp();
    nft.failure = failure;
    const answer = await kernel.available();
    assert.equal(answer.usable, false);
    assert.match(answer.reason ?? '', reason);
    assert.deepEqual(await kernel.check(entry), answer);
    assert.equal(nft.changes.length, 0, 'nothing was changed');
    // Whoever stops or starts then has nothing to clear.
    await kernel.clear();
  });
}

test('KernelForwarder.available() asks again after a while', async () => {
  const { nft, kernel, clock } = setUp();
  nft.failure = denied;
  assert.equal((await kernel.available()).usable, false);
  nft.failure = null;
  assert.equal((await kernel.available()).usable, false);
  clock.advance(10_000);
  assert.deepEqual(await kernel.available(), { usable: true });
  assert.deepEqual(nft.calls.at(-1)?.args, ['--check', '--file', '-']);
});

const hosts: { settings: Record<string, string>; toPort: string; reason: RegExp | null }[] = [
  {
    settings: { 'net/ipv4/ip_forward': '0' },
    toPort: '10.0.0.1:80',
    reason: /does not forward IPv4: run "sysctl -w net\.ipv4\.ip_forward=1"/,
  },
  {
    settings: { 'net/ipv6/conf/all/forwarding': '0' },
    toPort: '[2001:db8::1]:80',
    reason: /sysctl -w net\.ipv6\.conf\.all\.forwarding=1/,
  },
  { settings: { 'net/ipv4/ip_forward': '0' }, toPort: '192.0.2.1:80', reason: null },
  {
    settings: { 'net/ipv4/conf/all/route_localnet': '0' },
    toPort: '127.0.0.1:80',
    reason: /route_localnet=1/,
  },
  { settings: {}, toPort: '127.0.0.1:80', reason: null },
];

for (const { settings, toPort, reason } of hosts) {
  test(`KernelForwarder.check() of ${toPort} with ${JSON.stringify(settings)}`, async () => {
    const { kernel } = setUp(settings);
    const answer = await kernel.check({ ...entry, toPort });
    assert.equal(answer.usable, reason === null);
    if (reason !== null) assert.match(answer.reason ?? '', reason);
  });
}

test('KernelForwarder.check() names what the options want of this process', async () => {
  const { kernel, nft } = setUp();
  const answer = await kernel.check({ ...entry, tls: 'terminate' });
  assert.deepEqual(answer, { usable: false, reason: 'TLS is terminated in this process' });
  assert.equal(nft.calls.length, 0);
});

test('KernelForwarder.clear() deletes its table, also that of a process that was killed', async () => {
  const { nft, kernel, parts } = setUp();
  await kernel.apply([entry]);
  await kernel.clear();
  assert.equal(nft.counters, null);

  for (const owner of ['owner_4242_77_abcdef01', `owner_${process.pid}_1_abcdef01`]) {
    nft.counters = new Map([[owner, { packets: 0, bytes: 0 }]]);
    await new KernelForwarder(parts).clear();
    assert.equal(nft.counters, null);
  }
});

test('KernelForwarder.clear() leaves the table of a living process alone', async () => {
  const { nft, kernel, parts, logged } = setUp({}, { 4242: '77' });
  nft.counters = new Map([['owner_4242_77_abcdef01', { packets: 0, bytes: 0 }]]);
  await kernel.clear();
  assert.ok(nft.counters !== null);
  assert.deepEqual(logged, ['kernel.failed']);

  // A new process that took over: the old one's stop does not delete the rules.
  await kernel.apply([entry]);
  const successor = new KernelForwarder(parts);
  await successor.apply([entry]);
  await kernel.clear();
  assert.ok(nft.counters !== null);
  await successor.clear();
  assert.equal(nft.counters, null);
});

test('KernelForwarder.counters() of an old owner are 0, and it does not take the table back', async () => {
  const { nft, kernel, parts } = setUp();
  await kernel.apply([entry]);
  await new KernelForwarder(parts).apply([{ ...entry, id: 'theirs' }]);
  const before = nft.changes.length;
  assert.equal((await kernel.counters()).get('web')?.packets, 0);
  assert.equal(nft.changes.length, before);
});

test('KernelForwarder.counters() installs the rules again when somebody has flushed them', async () => {
  const { nft, kernel, logged } = setUp();
  await kernel.apply([entry]);
  nft.counters = null;
  assert.equal((await kernel.counters()).get('web')?.packets, 0);
  assert.ok(nft.counters !== null);
  assert.deepEqual(logged, ['kernel.failed']);
});

test('KernelForwarder.counters(): an answer that is no JSON is an error', async () => {
  const { nft, kernel } = setUp();
  await kernel.apply([entry]);
  nft.failure = { code: 0, stdout: 'table inet', stderr: '' };
  await assert.rejects(kernel.counters(), /does not answer in JSON/);
});

test('KernelForwarder.refresh() follows address lists, and only when they changed', async () => {
  const { nft, kernel, lists } = setUp();
  lists.set('bad', ['192.0.2.0/24']);
  await kernel.apply([{ ...entry, access: { deny: ['@bad'] } }]);
  await kernel.refresh();
  assert.equal(nft.changes.length, 1);
  lists.set('bad', ['198.51.100.0/24']);
  await kernel.refresh();
  assert.equal(nft.changes.length, 2);
  assert.match(nft.changes[1] ?? '', /198\.51\.100\.0\/24/);
  await kernel.apply([entry]);
  lists.set('bad', []);
  await kernel.refresh();
  assert.equal(nft.changes.length, 3, 'nobody names a list any more');
});

import assert from 'node:assert/strict';
import type { IPortProxySettings } from '../../ts_interfaces/index.ts';
import { netnsTest, network } from './netns.ts';

const [router4, router6] = ['10.77.1.1', 'fd77:1::1'];
const ports = [8080, 8081, 8082];

const web: IPortProxySettings = {
  id: 'web',
  fromPort: 80,
  toPort: ['10.77.2.2:8080', '[fd77:2::2]:8080'],
};
const range: IPortProxySettings = {
  id: 'games"\n} flush ruleset',
  protocol: 'udp',
  globalPortRanges: ['8080-8082', 9000],
  toPort: { '8080-8082': '10.77.2.2', 9000: '10.77.2.2:8081' },
};

netnsTest(
  'kernel: TCP and UDP, IPv4 and IPv6, ranges and mappings, and what is counted',
  async (t) => {
    const { client, router, backend } = await network(t);
    await backend.ask.serve('b', ports);
    assert.deepEqual(await router.ask.check(web), { usable: true });
    await router.ask.apply([web, range]);
    // The backend has no way to the client: the answer came through us, with our address.
    assert.equal(await client.ask.tcp(router4, 80, 'hello'), 'b:hello:::ffff:10.77.2.1');
    assert.equal(await client.ask.tcp(router6, 80, 'hello'), 'b:hello:fd77:2::1');
    for (const port of ports) {
      assert.equal(await client.ask.udp(router4, port, 'x'), 'b:x:::ffff:10.77.2.1');
    }
    assert.equal(await client.ask.udp(router4, 9000, 'mapped'), 'b:mapped:::ffff:10.77.2.1');
    assert.equal(await client.ask.tcp(router4, 81, 'closed'), 'ECONNREFUSED');
    // A client on the router itself.
    assert.match(await router.ask.tcp(router4, 80, 'local'), /^b:local:/);

    const { web: tcp, [range.id]: udp } = await router.ask.counters();
    assert.equal(tcp?.connections, 3);
    assert.equal(udp?.connections, 4);
    const from = 'b:x:::ffff:10.77.2.1';
    // 20 bytes of IP, 8 of UDP, and the payload: "x" or "mapped".
    assert.equal(udp?.bytesIn, 3 * (28 + 1) + 28 + 6);
    assert.equal(udp?.bytesOut, 4 * 28 + 3 * from.length + from.length + 5);
    assert.equal(udp?.packets, 8);
    assert.ok((tcp?.bytesIn ?? 0) > 300 && (tcp?.bytesOut ?? 0) > 300);
  },
);

netnsTest('kernel: a change is atomic: open connections stay, no new one fails', async (t) => {
  const { client, router, backend } = await network(t);
  await backend.ask.serve('b', ports);
  const toPort = (port: number): IPortProxySettings => ({
    ...{ id: 'web', fromPort: 80, toPort: `10.77.2.2:${port}` },
  });
  await router.ask.apply([toPort(8080)]);
  const connection = await client.ask.open(router4, 80);
  assert.match(await client.ask.say(connection, 'before'), /^b:before/);
  let isOver = false;
  const changes = (async () => {
    for (let count = 0; count < 100; count++) await router.ask.apply([toPort(8080 + (count % 3))]);
    isOver = true;
  })();
  let asked = 0;
  while (!isOver) {
    assert.match(await client.ask.tcp(router4, 80, 'x'), /^b:x/);
    asked++;
  }
  await changes;
  assert.ok(asked > 10, `${asked} connections`);
  assert.match(await client.ask.say(connection, 'after'), /^b:after/);
  const { web: counted } = await router.ask.counters();
  assert.ok((counted?.connections ?? 0) > asked * 0.9, 'counters go on over changes');
});

netnsTest('kernel: several backends by their weights', async (t) => {
  const { client, router, backend } = await network(t);
  await backend.ask.serve('b', ports);
  const backends = [3, 1].map((weight, index) => ({
    ...{ id: `b${index}`, hostname: `10.77.2.${2 + index}`, port: 8080, weight },
    ...{ isDead: false, failureCount: 0 },
  }));
  await router.ask.apply([{ id: 'web', fromPort: 8081, backends }]);
  for (let count = 0; count < 60; count++) {
    assert.match(await client.ask.tcp(router4, 8081, 'x'), /^b:x/);
  }
  // Where one backend keeps the port, ports are mapped one by one.
  await router.ask.apply([{ id: 'web', fromPort: 8082, toPort: ['10.77.2.2', '10.77.2.3:8080'] }]);
  for (let count = 0; count < 10; count++) {
    assert.match(await client.ask.tcp(router4, 8082, 'x'), /^b:x/);
  }
});

netnsTest('kernel: access rules, lists that change, and limits', async (t) => {
  const { client, router, backend } = await network(t);
  await backend.ask.serve('b', ports);
  const entry: IPortProxySettings = { id: 'web', fromPort: 80, toPort: '10.77.2.2:8080' };
  await router.ask.lists({ bad: ['10.77.1.2'] });
  await router.ask.apply([{ ...entry, access: { allow: ['0.0.0.0/0'], deny: ['@bad'] } }]);
  assert.equal(await client.ask.tcp(router4, 80, 'x'), 'ABORT_ERR');
  await router.ask.lists({ bad: [] });
  await router.ask.refresh();
  assert.match(await client.ask.tcp(router4, 80, 'x'), /^b:x/);
  assert.ok(((await router.ask.counters()).web?.refused ?? 0) >= 1);
  await router.ask.apply([{ ...entry, access: { allow: ['10.9.0.0/16'] } }]);
  assert.equal(await client.ask.tcp(router4, 80, 'x'), 'ABORT_ERR');

  await router.ask.apply([{ ...entry, connectionRate: { connections: 2, windowSeconds: 3600 } }]);
  assert.match(await client.ask.tcp(router4, 80, '1'), /^b:1/);
  assert.match(await client.ask.tcp(router4, 80, '2'), /^b:2/);
  assert.equal(await client.ask.tcp(router4, 80, '3'), 'ABORT_ERR');

  for (const limit of ['connectionsMax', 'connectionsPerClientMax'] as const) {
    const fromPort = limit === 'connectionsMax' ? 81 : 82;
    await router.ask.apply([{ ...entry, fromPort, [limit]: 2 }]);
    const [one] = [
      await client.ask.open(router4, fromPort),
      await client.ask.open(router4, fromPort),
    ];
    assert.equal(await client.ask.tcp(router4, fromPort, 'x'), 'ABORT_ERR', limit);
    assert.match(await client.ask.say(one, 'goes on'), /^b:goes on/);
  }
});

netnsTest('kernel: a large deny list', async (t) => {
  const { client, router, backend } = await network(t);
  await backend.ask.serve('b', ports);
  const bad = Array.from({ length: 20_000 }, (_, index) => {
    return `172.${16 + (index >> 14)}.${(index >> 6) & 255}.${(index & 63) * 4}/31`;
  });
  await router.ask.lists({ bad });
  await router.ask.apply([{ ...web, access: { deny: ['@bad'] } }]);
  assert.match(await client.ask.tcp(router4, 80, 'x'), /^b:x/);
  assert.match(await client.ask.tcp(router6, 80, 'x'), /^b:x/);
});

netnsTest(
  'kernel: rules outlive kill -9, and the next start takes over or clears; others stay',
  async (t) => {
    const { client, router, backend, another, atRouter } = await network(t);
    await backend.ask.serve('b', ports);
    await atRouter('nft', 'add table inet other');
    const tables = async () => (await atRouter('nft', 'list', 'tables')).trim().split('\n');
    await router.ask.apply([web]);
    await router.kill('SIGKILL');
    assert.match(await client.ask.tcp(router4, 80, 'x'), /^b:x/);
    assert.deepEqual(await tables(), ['table inet other', 'table inet dcrouter']);

    const second = await another();
    await second.ask.clear();
    assert.deepEqual(await tables(), ['table inet other']);
    assert.equal(await client.ask.tcp(router4, 80, 'x'), 'ECONNREFUSED');

    await second.ask.apply([web]);
    const third = await another();
    await third.ask.clear();
    assert.equal((await tables()).length, 2, 'the second one is alive');
    await third.ask.apply([web]);
    await second.ask.clear();
    assert.match(await client.ask.tcp(router4, 80, 'x'), /^b:x/, 'the third one has taken over');
    await atRouter('nft', 'flush', 'ruleset');
    await third.ask.counters();
    assert.match(
      await client.ask.tcp(router4, 80, 'x'),
      /^b:x/,
      'a firewall has flushed all rules',
    );
    await third.ask.clear();
    assert.deepEqual(await tables(), ['']);
  },
);

netnsTest(
  'kernel: without forwarding, the right, or nft: it says so, and the process forwards',
  async (t) => {
    const { client, backend, another, atRouter } = await network(t);
    await backend.ask.serve('b', ports);
    const entry = {
      ...web,
      address: router4,
      toPort: '10.77.2.2:8080',
      forwarding: 'kernel',
    } as const;
    const cases = [
      { prepare: 'mount -t tmpfs none /usr/sbin', reason: /nft is not installed/ },
      {
        prepare: 'exec setpriv --bounding-set=-net_admin --inh-caps=-net_admin --reuid=0 --',
        reason: /CAP_NET_ADMIN/,
      },
      { prepare: 'sysctl -qw net.ipv4.ip_forward=0', reason: /sysctl -w net\.ipv4\.ip_forward=1/ },
    ];
    for (const { prepare, reason } of cases) {
      const shell = prepare.startsWith('exec ') ? `${prepare} "$0" "$@"; false` : prepare;
      const router = await another(shell);
      const answer = await router.ask.check(entry);
      assert.match(answer.reason ?? '', reason);
      await assert.rejects(router.ask.proxy({ ...entry, kernelFallback: false }), reason);
      const live = await router.ask.proxy(entry);
      assert.equal(live.forwardedBy, 'user');
      assert.match(live.reason ?? '', reason);
      assert.equal(await client.ask.tcp(router4, 80, 'x'), 'b:x:::ffff:10.77.2.1');
      await router.kill('SIGKILL');
    }
    await atRouter('sysctl', '-qw', 'net.ipv4.ip_forward=1');
    const router = await another();
    await router.ask.proxy(entry);
    assert.match(await client.ask.tcp(router4, 80, 'x'), /^b:x/);
    assert.match(await atRouter('nft', 'list', 'tables'), /inet dcrouter/);
  },
);

import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import type { IDomainConfig, ITcpEntryInfo } from '../ts_interfaces/index.ts';
import { folderOf, jsonOf, machine } from './fixtures/cli.ts';

test('tcp add, list, show, remove', async (context) => {
  const { cli, person, tcp } = await machine(context);
  const added = jsonOf<ITcpEntryInfo>(
    await cli('tcp', 'add', '--port', '5432', '--to', 'db-1:5432', '--to', 'db-2:5432'),
  );
  assert.deepEqual(
    [added.id, added.fromPort, added.toPort],
    ['tcp-5432', 5432, ['db-1:5432', 'db-2:5432']],
  );
  const games = [
    '--id',
    'games',
    '--port',
    '6000-6010',
    '--port',
    '7000',
    '--udp',
    '--to',
    'games.internal',
  ];
  assert.match((await person('tcp', 'add', ...games)).stdout, /^added {2}games\n/);
  assert.deepEqual(tcp.live.get('games')?.globalPortRanges, [
    { from: 6000, to: 6010 },
    { from: 7000, to: 7000 },
  ]);
  const backends = [
    '--id',
    'b',
    '--port=1',
    '--backend',
    '10.0.0.1:2,weight=3',
    '--send-proxy',
    'v2',
  ];
  await cli('tcp', 'add', ...backends, '--strategy', 'LEAST_CONNECTIONS');
  const b = tcp.live.get('b');
  assert.deepEqual(
    [b?.backends?.[0]?.weight, b?.sendProxyProtocol, b?.strategy],
    [3, 'v2', 'LEAST_CONNECTIONS'],
  );
  const lines = (await person('tcp', 'list')).stdout.split('\n');
  assert.match(lines[0] ?? '', /^ID +PROTOCOL +PORTS +TARGET +ALIVE +OPEN +STATE +ORIGIN$/);
  assert.match(lines[1] ?? '', /^b +tcp +1 +10\.0\.0\.1:2 +1\/1 +1 +serving +api$/);
  assert.match(lines[2] ?? '', /^games +udp +6000-6010 7000 +games\.internal +- /);
  assert.match(lines[3] ?? '', /^tcp-5432 +tcp +5432 +db-1:5432 \+1 +- /);
  const shown = (await person('tcp', 'show', 'b')).stdout;
  assert.match(shown, /1 open, 2 in all, 0 refused, 0 failed/);
  assert.match(shown, /^backend-1 +- +10\.0\.0\.1:2 +alive/m);
  assert.deepEqual(jsonOf(await cli('tcp', 'remove', 'b')), { removed: 'b' });
  assert.equal(tcp.live.has('b'), false);
});

test('tcp add: a port that cannot be had, said once; --replace says that it replaced', async (context) => {
  const { cli, person, tcp } = await machine(context);
  tcp.taken.add(80);
  const busy = await cli('tcp', 'add', '--port', '80', '--to', '1');
  assert.equal(busy.code, 1);
  assert.match(busy.stderr, /"postgres" \(pid 42\) has it/);
  const file = path.join(folderOf(context), 'entry.yaml');
  writeFileSync(file, 'id: x\nfromPort: 81\ntoPort: {"81": "a:1"}\n');
  assert.match((await person('tcp', 'add', '-f', file, '--replace')).stdout, /^added {2}x\n/);
  assert.match((await person('tcp', 'add', '-f', file, '--replace')).stdout, /^replaced {2}x\n/);
  assert.match((await person('tcp', 'list')).stdout, /by port \(1\)/);
  const clash = await cli('tcp', 'add', '--port', '81', '--to', '1');
  assert.match(clash.stderr, /Cannot listen on port 81: TCP entry "x" has it already/);
  const bad = await cli('tcp', 'add', '--port', '0-5', '--to', '1');
  assert.equal(bad.stderr.split('\n').length, 2, bad.stderr);
  assert.match(
    bad.stderr,
    /^dcrouter: Cannot use this TCP entry: globalPortRanges\[0\]: Must be ports .*is "0-5"/,
  );
});

test('tcp domain add, list, remove; tcp range add, remove', async (context) => {
  const { cli, person, tcp } = await machine(context);
  await cli('tcp', 'add', '--id', 'tls', '--port', '443', '--to', 'fallback');
  const added = jsonOf<IDomainConfig>(
    await cli(
      'tcp',
      'domain',
      'add',
      'tls',
      'a.example.com',
      '*.b.example',
      '--to',
      '10.0.0.1:443',
    ),
  );
  assert.deepEqual([added.id, added.domains], ['a.example.com', ['a.example.com', '*.b.example']]);
  assert.match(
    (await person('tcp', 'domain', 'add', 'tls', '--protocol', 'http', '--web')).stdout,
    /^added {2}http/,
  );
  const again = [
    'tcp',
    'domain',
    'add',
    'tls',
    'a.example.com',
    '--to',
    '1',
    '--terminate',
    '--replace',
  ];
  assert.match((await person(...again)).stdout, /^replaced {2}a\.example\.com/);
  const listed = (await person('tcp', 'domain', 'list', 'tls')).stdout;
  assert.match(
    listed,
    /^a\.example\.com +a\.example\.com +tls +127\.0\.0\.1:1 \(TLS ends here\)$|^a\.example\.com .*\(TLS ends here\)$/m,
  );
  assert.match(listed, /^http +- +http +web$/m);
  jsonOf(await cli('tcp', 'domain', 'remove', 'tls', 'a.example.com'));
  assert.deepEqual(
    tcp.live.get('tls')?.domainConfigs?.map(({ id }) => id),
    ['http'],
  );
  assert.deepEqual(jsonOf(await cli('tcp', 'range', 'add', 'tls', '8000-8001')), {
    from: 8000,
    to: 8001,
  });
  assert.equal((await cli('tcp', 'range', 'remove', 'tls', '8000')).code, 1);
  jsonOf(await cli('tcp', 'range', 'remove', 'tls', '8000-8001'));
  assert.equal(tcp.live.get('tls')?.globalPortRanges, undefined);
});

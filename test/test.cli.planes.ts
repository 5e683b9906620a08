import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import type { IConnectionInfo } from '../ts_interfaces/index.ts';
import { folderOf, jsonOf, machine } from './fixtures/cli.ts';
import { route, startApi, takeIn } from './fixtures/control-plane.ts';
import { run } from './fixtures/terminal.ts';

test('access add, set, show, check, remove, list', async (context) => {
  const { cli, person, lists, dataDir } = await machine(context);
  const added = jsonOf<{ added: number }>(await cli('access', 'add', 'bad', '10.0.0.0/8', '::1'));
  assert.equal(added.added, 2);
  const more = await person('access', 'add', 'bad', '192.0.2.1', '10.0.0.0/8');
  assert.equal(more.stdout, 'bad: 1 added, 0 removed, 3 ranges in it\n');
  assert.equal((await person('access', 'check', '10.1.1.1')).stdout, 'bad\n');
  assert.equal((await person('access', 'check', '11.1.1.1')).stdout, 'It is in no list\n');
  await cli('access', 'remove', 'bad', '::1');
  assert.equal((await person('access', 'show', 'bad')).stdout, '10.0.0.0/8\n192.0.2.1\n');

  const file = path.join(folderOf(context), 'list.txt');
  writeFileSync(file, '# office\n192.0.2.0/24 ; all\n\n2001:db8::/32\n');
  assert.match(
    (await person('access', 'set', 'bad', file)).stdout,
    /^replaced {2}bad with 2 ranges\n/,
  );
  const input = '198.51.100.1\n';
  const typed = await run(['access', 'set', 'new', '-', '--data-dir', dataDir], { input });
  assert.equal(jsonOf<{ ranges: number }>(typed).ranges, 1);
  assert.match((await person('access', 'list')).stdout, /^bad +2 +api\nnew +1 +api$/m);
  writeFileSync(file, '10.0.0.1\nnonsense\n');
  const broken = await cli('access', 'set', 'bad', file);
  assert.deepEqual(
    [broken.code, /list\.txt:2 .*is "nonsense"/.test(broken.stderr)],
    [1, true],
    broken.stderr,
  );
  assert.equal(lists.get('bad')?.size, 2);
  jsonOf(await cli('access', 'remove', 'bad', '--list'));
  assert.equal(lists.get('bad'), undefined);
  assert.equal((await cli('access', 'show', 'bad')).code, 1);
});

test('limit set, show, list, remove', async (context) => {
  const { cli, person, limits } = await machine(context);
  const set = [
    'limit',
    'set',
    'login',
    '--requests',
    '5',
    '--window',
    '60',
    '--key',
    'header:X-Key',
  ];
  assert.equal((await person(...set)).stdout, 'added  login: 5 in 60 s\n');
  assert.match((await person(...set)).stdout, /^replaced/);
  const { limit } = jsonOf<{ limit: object }>(await cli('limit', 'show', 'login'));
  assert.deepEqual(limit, { requests: 5, windowSeconds: 60, key: { header: 'X-Key' } });
  assert.match((await person('limit', 'list')).stdout, /^login +5 in 60 s +header X-Key +0 /m);
  assert.match((await person('limit', 'show', 'login')).stdout, /^Burst +5$/m);
  const bad = await cli('limit', 'set', 'x', '--requests', '0');
  assert.deepEqual([bad.code, bad.stderr.split('\n').length], [1, 2], bad.stderr);
  jsonOf(await cli('limit', 'remove', 'login'));
  assert.deepEqual(limits.names(), []);
});

const connection: IConnectionInfo = {
  id: '7',
  protocol: 'tls',
  client: '[2001:db8::1]:99',
  entrypoint: 'tls',
  port: 443,
  route: 'a.example',
  backend: '10.0.0.1:443',
  serverName: 'a.example',
  openedAt: '2026-01-01T00:00:00.000Z',
  ageSeconds: 3700,
  idleSeconds: 2,
  bytesIn: 2048,
  bytesOut: 1,
  worker: null,
};

test('connections: a table, filters, --close', async (context) => {
  const { cli, person, connections } = await machine(context);
  assert.equal((await person('connections')).stdout, 'There are no connections\n');
  connections.open.push(connection, { ...connection, id: '8', client: '10.0.0.9:1' });
  const { stdout } = await person('connections', '--client', '2001:db8::/32');
  const row =
    '7 +tls +\\[2001:db8::1\\]:99 +tls:443 +a\\.example +a\\.example +10\\.0\\.0\\.1:443 +1h 1m +2s +2\\.0 KiB';
  assert.match(stdout, new RegExp(`^${row}`, 'm'));
  assert.equal(stdout.split('\n').length, 3);
  assert.equal(jsonOf<unknown[]>(await cli('connections')).length, 2);
  assert.deepEqual(jsonOf(await cli('connections', '--close', '7')), { closed: ['7'] });
  assert.equal(connections.open.length, 1);
  const gone = await cli('connections', '--close', '7');
  assert.deepEqual([gone.code, gone.stderr], [1, 'dcrouter: There is no connection "7"\n']);
});

test('status: TCP entries and workers; reload --binary', async (context) => {
  const { cli, person, process } = await machine(context);
  await cli('tcp', 'add', '--port', '5432', '--to', '1');
  const startedAt = '2026-01-01T00:00:00.000Z';
  const worker = { worker: 1, pid: 42, state: 'serving' as const, restarts: 2, startedAt };
  process.running = [{ ...worker, connections: 3, rssBytes: 1_048_576 }];
  const { stdout } = await person('status');
  assert.match(stdout, /^tcp-5432 +tcp +5432 +/m);
  assert.match(stdout, /^1 +42 +serving +3 +1\.0 MiB +2 +2026-01-01 00:00:00$/m);
  assert.equal(jsonOf<{ tcp: number }>(await cli('status')).tcp, 1);
  const cannot = await cli('reload', '--binary');
  assert.deepEqual([cannot.code, /cannot hand its ports over/.test(cannot.stderr)], [1, true]);
  process.reloadBinary = async () => {
    process.startedAt += 1000;
    return { pid: 99 };
  };
  assert.match((await person('reload', '--binary')).stdout, /Process 99 serves/);
  assert.deepEqual(jsonOf(await cli('reload', '--binary')), { pid: 99 });
});

test('a missing file is told in words; a single problem is told once', async (context) => {
  const { cli, person } = await machine(context);
  const missing = await cli('route', 'add', '-f', '/nowhere/x.yaml');
  assert.deepEqual(
    [missing.code, missing.stderr],
    [1, 'dcrouter: Cannot use "/nowhere/x.yaml": there is no such file\n'],
  );
  const folder = await cli('access', 'set', 'x', '/tmp');
  assert.match(folder.stderr, /it is a folder/);
  const one = await cli('route', 'add', '--host', '*x.com', '--backend', 'h:1');
  assert.match(one.stderr, /^dcrouter: Cannot use this route: vHost: Must .*did you mean .*\n$/);
  const two = await cli('route', 'add', '--host', '*x.com', '--backend', 'h:0');
  assert.match(two.stderr, /^dcrouter: Cannot use this route: 2 problems\n {2}/);
  assert.equal(two.stderr.split('\n').length, 4);
  const added = [
    'route',
    'add',
    '--id',
    'a',
    '--host',
    'a.example',
    '--backend',
    'h:1',
    '--replace',
  ];
  assert.match((await person(...added)).stdout, /^added/);
  assert.match((await person(...added)).stdout, /^replaced/);
  takeIn((await startApi(context)).control, [route('a')]);
  assert.match((await person('route', 'explain', 'a.example')).stdout, /its only backend/);
});

test('bash completes commands of three words', async () => {
  const { stdout } = await run(['completion', 'bash']);
  const ask = (...words: string[]): string => {
    const list = ['dcrouter', ...words].map((word) => `'${word}'`).join(' ');
    const script = `${stdout}\nCOMP_WORDS=(${list}); COMP_CWORD=${words.length}; _dcrouter; echo "\${COMPREPLY[@]}"`;
    return execFileSync('bash', ['-c', script], { encoding: 'utf8' }).trim();
  };
  assert.equal(ask('tcp', ''), 'list show add remove domain range');
  assert.equal(ask('tcp', 'domain', ''), 'list add remove');
  assert.equal(ask('tcp', 'domain', 'add', 'x', '--term'), '--terminate');
  assert.equal(ask('tcp', 'add', '--ud'), '--udp');
  assert.equal(ask('connections', '--cl'), '--client --close');
  assert.equal(ask('acc'), 'access');
});

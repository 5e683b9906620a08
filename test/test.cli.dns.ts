import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import type { IZoneView } from '../ts/api/zone-service.ts';
import { helpFor } from '../ts/cli/help.ts';
import type { IQueryExplanation } from '../ts/dns/plane/types.ts';
import type { IRecordSetInfo, IZoneInfo } from '../ts_interfaces/index.ts';
import { folderOf, jsonOf, machine } from './fixtures/cli.ts';
import { run } from './fixtures/terminal.ts';

const masterFile = `$TTL 3600
@ IN SOA ns1 hostmaster 5 7200 3600 1209600 3600
@ NS ns1
ns1 A 192.0.2.1
web AAAA 2001:db8::1
`;

test('dns zone add, list, show, set, remove', async (context) => {
  const { cli, person } = await machine(context);
  assert.equal((await person('dns', 'zone', 'list')).stdout, 'There are no zones\n');
  const ns = ['--nameserver', 'ns1.example.net', '--nameserver', 'ns2.example.net'];
  const added = await person('dns', 'zone', 'add', 'Example.COM', ...ns, '--ttl', '300');
  assert.equal(added.stdout, 'added  example.com\n', added.stderr);
  const twice = await cli('dns', 'zone', 'add', 'example.com', ...ns);
  assert.deepEqual(
    [twice.code, /has the name "example\.com" already/.test(twice.stderr)],
    [1, true],
  );
  const peer = ['--primary', '192.0.2.53,port=5353', '--primary', '2001:db8::53'];
  const { options } = jsonOf<IZoneView>(await cli('dns', 'zone', 'add', 'b.example', ...peer));
  assert.deepEqual(options.primaries, [
    { address: '192.0.2.53', port: 5353 },
    { address: '2001:db8::53' },
  ]);
  const { stdout } = await person('dns', 'zone', 'list');
  assert.match(stdout, /^b\.example +secondary +loading +- +0 +0 +- +api$/m);
  assert.match(stdout, /^example\.com +primary +serving +\d+ +3 +0 +- +api$/m);
  assert.match(stdout, /^b\.example: The zone was never fetched/m);
  const found = jsonOf<IZoneInfo[]>(await cli('dns', 'zone', 'list', '--state', 'serving'));
  assert.deepEqual(
    found.map(({ id }) => id),
    ['example.com'],
  );
  const set = [
    'dns',
    'zone',
    'set',
    'example.com',
    '--notify',
    '192.0.2.9',
    '--transfer',
    '10.0.0.0/8',
  ];
  assert.equal((await person(...set, '--unset', 'ttl')).stdout, 'changed  example.com\n');
  const shown = await person('dns', 'zone', 'show', 'example.com');
  assert.match(shown.stdout, /^Notify +192\.0\.2\.9$/m);
  assert.match(shown.stdout, /^Transfer +10\.0\.0\.0\/8$/m);
  const one = jsonOf<IZoneView>(await cli('dns', 'zone', 'show', 'example.com'));
  assert.equal(one.options.ttl, undefined);
  const bad = await cli('dns', 'zone', 'set', 'example.com', '--primary', '192.0.2.1,prt=1');
  assert.deepEqual([bad.code, /ADDRESS\[,port=N\]/.test(bad.stderr)], [1, true], bad.stderr);
  assert.equal((await cli('dns', 'zone', 'set', 'example.com')).code, 1);
  assert.equal((await cli('dns', 'zone', 'add', 'a', '--ttl', '1h')).code, 1);
  const file = path.join(folderOf(context), 'zone.yaml');
  writeFileSync(file, 'nameservers: [ns.x.example]\nrecords: ["www A 192.0.2.1"]\n');
  assert.equal(
    (await person('dns', 'zone', 'add', 'c.example', '-f', file)).stdout,
    'added  c.example\n',
  );
  assert.equal((await cli('dns', 'zone', 'add', 'd.example', '-f', file, '--dnssec')).code, 1);
  assert.equal((await person('dns', 'zone', 'notify', 'c.example')).code, 0);
  assert.match(
    (await person('dns', 'zone', 'retransfer', 'b.example', '--if-newer')).stdout,
    /^fetched {2}b\.example \(nothing is served\)/,
  );
  assert.match((await person('status')).stdout, /^DNS zones +3$/m);
  jsonOf(await cli('dns', 'zone', 'remove', 'c.example'));
  assert.equal((await cli('dns', 'zone', 'show', 'c.example')).code, 1);
});

test('dns zone import and export: what is exported, imports; files that are refused say where', async (context) => {
  const { cli, person, dataDir } = await machine(context);
  const folder = folderOf(context);
  const file = path.join(folder, 'a.zone');
  writeFileSync(file, masterFile);
  const added = await person('dns', 'zone', 'import', 'example.com', file);
  assert.equal(added.stdout, 'added  example.com (serial 5)\n', added.stderr);
  const exported = await run(['dns', 'zone', 'export', 'example.com', '--data-dir', dataDir]);
  assert.match(exported.stdout, /^web\t3600\tIN\tAAAA\t2001:db8::1$/m);
  writeFileSync(file, exported.stdout.replace('web', 'new'));
  const imported = await person('dns', 'zone', 'import', 'example.com', file);
  assert.match(imported.stdout, /^imported {2}example\.com \(serial 6\)/, imported.stderr);
  const asJson = await cli('dns', 'zone', 'export', 'example.com', '--json');
  assert.match(jsonOf<{ masterFile: string }>(asJson).masterFile, /^new\t/m);
  const input = masterFile.replace('2001:db8::1', 'g::');
  const broken = await run(['dns', 'zone', 'import', 'example.com', '-', '--data-dir', dataDir], {
    input,
  });
  assert.deepEqual([broken.code, /5/.test(broken.stderr)], [1, true], broken.stderr);
  writeFileSync(path.join(folder, 'more'), 'more A 192.0.2.7\n');
  writeFileSync(file, `${masterFile}$INCLUDE more\n`);
  await cli('dns', 'zone', 'import', 'example.com', file);
  const shown = await cli('dns', 'record', 'list', 'example.com', 'more');
  assert.deepEqual(jsonOf<IRecordSetInfo[]>(shown)[0]?.data, ['192.0.2.7']);
  writeFileSync(path.join(folder, 'more'), 'more A 192.0.2.700\n');
  const included = await cli('dns', 'zone', 'import', 'example.com', file);
  assert.deepEqual(
    [included.code, /more:1:8: error/.test(included.stderr)],
    [1, true],
    included.stderr,
  );
  const view = await cli('dns', 'zone', 'import', 'example.com@none', file);
  assert.equal(view.code, 1);
  assert.equal((await cli('dns', 'zone', 'import', 'example.com', folder)).code, 1);
  assert.match(
    (await person('dns', 'zone', 'revert', 'example.com')).stdout,
    /^reverted {2}example\.com/,
  );
  assert.equal((await cli('dns', 'zone', 'export', 'none')).code, 1);
});

test('dns record set, add, remove, list', async (context) => {
  const { cli, person } = await machine(context);
  await cli('dns', 'zone', 'add', 'example.com', '--nameserver', 'ns1.example.net');
  const record = (...argv: string[]) => cli('dns', 'record', ...argv);
  const data = async (name: string, type: string): Promise<string[]> => {
    const found = jsonOf<IRecordSetInfo[]>(await record('list', 'example.com', name, type));
    return found.flatMap((set) => set.data);
  };
  const set = await person(
    'dns',
    'record',
    'set',
    'example.com',
    'www',
    'A',
    '192.0.2.1',
    '192.0.2.2',
    '--ttl',
    '60',
  );
  assert.equal(set.stdout, 'added  www.example.com. A\n', set.stderr);
  await record('add', 'example.com', 'www.example.com', 'a', '192.0.2.3');
  assert.deepEqual(await data('www', 'A'), ['192.0.2.1', '192.0.2.2', '192.0.2.3']);
  const table = await person('dns', 'record', 'list', 'example.com', 'www');
  assert.match(table.stdout, /^www\.example\.com\. +60 +A +api +192\.0\.2\.1$/m);
  await record('remove', 'example.com', 'www', 'A', '192.0.2.2');
  assert.deepEqual(await data('www', 'A'), ['192.0.2.1', '192.0.2.3']);
  const none = await record('remove', 'example.com', 'www', 'A', '192.0.2.9');
  assert.deepEqual([none.code, /no such data/.test(none.stderr)], [1, true], none.stderr);
  await record('remove', 'example.com', 'www', 'A', '192.0.2.1', '192.0.2.3');
  assert.deepEqual(await data('www', 'A'), []);

  const long = 'k=rsa; p='.padEnd(600, 'A');
  await record('set', 'example.com', '@', 'TXT', 'v=spf1 -all', long, '"a" "b"');
  const texts = await data('@', 'TXT');
  assert.ok(texts.includes('"v=spf1 -all"') && texts.includes('"a" "b"'), texts.join());
  assert.equal(texts.find((one) => one.startsWith('"k='))?.replaceAll('" "', ''), `"${long}"`);
  await record('remove', 'example.com', '@', 'TXT', 'v=spf1 -all');
  assert.ok(!(await data('@', 'TXT')).includes('"v=spf1 -all"'));
  await record('set', 'example.com', '@', 'MX', '10 mail', '20 Mail2.example.com.');
  await record('remove', 'example.com', 'example.com', 'MX', '20 mail2');
  assert.deepEqual(await data('@', 'MX'), ['10 mail.example.com.']);
  await record('remove', 'example.com', '@', 'MX');
  const gone = await record('remove', 'example.com', '@', 'MX');
  assert.deepEqual([gone.code, /has no records/.test(gone.stderr)], [1, true]);
  const bad = await record('set', 'example.com', 'x', 'A', 'nonsense\u001b[31m');
  assert.equal(bad.code, 1);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: that is what must not come out
  assert.doesNotMatch(bad.stderr, /\u001b/);
  assert.equal((await record('set', 'example.com', 'x', 'A', '192.0.2.1', '--ttl', 'x')).code, 1);
  assert.equal((await record('add', 'none', 'x', 'A', '192.0.2.1')).code, 1);
  assert.equal((await record('set', 'example.com', 'x', 'A')).code, 1);
  await record('add', 'example.com', 'new', 'AAAA', '::1');
  assert.deepEqual(await data('new', 'AAAA'), ['::1']);
  assert.match(
    (await person('dns', 'zone', 'revert', 'example.com', 'new', 'AAAA')).stdout,
    /^reverted/,
  );
  assert.equal(
    (await person('dns', 'record', 'list', 'example.com', 'new')).stdout,
    'There are no such records\n',
  );
});

test('dns query: as dig shows it, and the path', async (context) => {
  const { cli, person } = await machine(context);
  await cli('dns', 'zone', 'add', 'example.com', '--nameserver', 'ns1.example.net');
  await cli('dns', 'record', 'set', 'example.com', 'www', 'A', '192.0.2.1', '--ttl', '60');
  await cli('dns', 'record', 'set', 'example.com', 'alias', 'CNAME', 'www');
  const { code, stdout } = await person('dns', 'query', 'alias.example.com', '--path');
  assert.equal(code, 0);
  assert.match(stdout, /^;; NOERROR {2}authoritative, /);
  assert.match(stdout, /^;; QUESTION {2}alias\.example\.com\. A$/m);
  assert.match(stdout, /^www\.example\.com\. + 60 {2}IN {2}A +192\.0\.2\.1$/m);
  assert.match(stdout, /^ +1\. the client is in no view$/m);
  assert.match(
    stdout,
    /^ +2\. our zone example\.com has an alias: alias\.example\.com\. → www\.example\.com\.$/m,
  );
  assert.match(stdout, /^ +3\. our zone example\.com has the records: www\.example\.com\.$/m);
  const short = await person('dns', 'query', 'none.example.com', 'AAAA');
  assert.match(short.stdout, /^;; NXDOMAIN/);
  assert.match(short.stdout, /;; AUTHORITY\nexample\.com\. +\d+ {2}IN {2}SOA /);
  assert.doesNotMatch(short.stdout, /PATH/);
  const far = await person('dns', 'query', 'far.example.net', '--trace');
  assert.match(far.stdout, /the resolver asked the network: far\.example\.net\., unchecked/);
  assert.match(far.stdout, /^ {5}.*192\.0\.2\.53 as a resolver: far\.example\.net\. A → answer/m);
  const refused = await person('dns', 'query', 'far.example.net', '--server', 'authoritative');
  assert.match(refused.stdout, /^;; REFUSED/);
  const json = jsonOf<IQueryExplanation>(await cli('dns', 'query', 'www.example.com'));
  assert.equal(json.answer[0]?.data, '192.0.2.1');
  assert.equal((await cli('dns', 'query', 'a..b')).code, 1);
  assert.equal((await cli('dns', 'query', 'a', '--server', 'x')).code, 1);
});

test('dns cache, flush, stats', async (context) => {
  const { cli, person } = await machine(context);
  assert.equal((await person('dns', 'cache')).stdout, 'The cache has no such answers\n');
  for (const name of ['a.net', 'b.a.net']) await cli('dns', 'query', name);
  assert.match(
    (await person('dns', 'cache', 'a.net')).stdout,
    /^a\.net\. +A +NOERROR +300 s +unchecked +\d+ +A 192\.0\.2\.77$/m,
  );
  assert.equal(jsonOf<unknown[]>(await cli('dns', 'cache', 'a.net', '--below')).length, 2);
  assert.equal((await person('dns', 'flush', 'b.a.net')).stdout, '1 answer forgotten\n');
  assert.deepEqual(jsonOf(await cli('dns', 'flush')), { flushed: 1 });
  assert.equal((await cli('dns', 'flush', '--below')).code, 1);
  assert.match((await person('dns', 'stats')).stdout, /^Zones +0 with 0 records$/m);
  assert.match(
    (await person('stats', '--once')).stdout,
    /^DNS +0 queries\/s, 0 in all, 0 failed, 0 dropped$/m,
  );
});

test('dns dnssec enable, show, ds, roll, disable', async (context) => {
  const { cli, person } = await machine(context);
  await cli('dns', 'zone', 'add', 'example.com', '--nameserver', 'ns1.example.net');
  const dnssec = (...argv: string[]) => person('dns', 'dnssec', ...argv);
  assert.match((await dnssec('show', 'example.com')).stdout, /^State +not signed$/m);
  const on = await dnssec('enable', 'example.com', '--algorithm', 'ED25519', '--denial', 'nsec');
  assert.match(on.stdout, /^State +signed$/m, on.stderr);
  assert.match(on.stdout, / +CSK +\S.* +ED25519 +\d+ +/m);
  const ds = await dnssec('ds', 'example.com');
  assert.match(ds.stdout, /^example\.com\. IN DS \d+ 15 2 [0-9A-F]{64}\n$/i);
  const confirmed = await dnssec('ds', 'example.com', '--published');
  assert.equal(confirmed.code, 0, confirmed.stderr);
  assert.equal((await dnssec('ds', 'example.com', '1 2 3 4', '--published')).code, 1);
  assert.equal((await dnssec('roll', 'example.com', 'CSK')).code, 0);
  assert.equal((await dnssec('roll', 'example.com', 'all')).code, 1);
  assert.match(
    (await dnssec('disable', 'example.com')).stdout,
    /^State +(not signed|signed until)/m,
  );
  assert.deepEqual(
    jsonOf<{ options: null }>(await cli('dns', 'dnssec', 'show', 'example.com')).options,
    null,
  );
});

test('help and completion know the commands', async () => {
  const help = helpFor(['dns']);
  for (const line of [
    'dns zone import ZONE FILE',
    'dns record set ZONE NAME TYPE DATA...',
    'dns check FILE',
  ]) {
    assert.ok(help.includes(line), line);
  }
  for (const shell of ['bash', 'zsh', 'fish']) {
    const { stdout } = await run(['completion', shell]);
    for (const word of ['retransfer', 'dnssec', '--previous', 'published'].map((one) =>
      one.replace('--', ''),
    )) {
      assert.ok(stdout.includes(word), `${shell}: ${word}`);
    }
  }
  const odd = await run(['dns', 'zon', 'list']);
  assert.deepEqual([odd.code, /Did you mean "dns zone"/.test(odd.stderr)], [1, true], odd.stderr);
});

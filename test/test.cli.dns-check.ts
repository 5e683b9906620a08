import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import type { IZoneCheck } from '../ts/api/zone-check.ts';
import { folderOf } from './fixtures/cli.ts';
import { run } from './fixtures/terminal.ts';

const head = `$TTL 3600
@ IN SOA ns1 hostmaster 2026010101 7200 3600 1209600 3600
@ NS ns1
ns1 A 192.0.2.1
`;

const person = { tty: true, env: { NO_COLOR: '1' } };

test('dns check: a good zone, by the name of the file, needs no router', async (context) => {
  const file = path.join(folderOf(context), 'example.com.zone');
  writeFileSync(file, `${head}www A 192.0.2.2\n`);
  const good = await run(['dns', 'check', file], person);
  const line = 'zone example.com.: 4 records, serial 2026010101: good\n';
  assert.deepEqual([good.code, good.stdout, good.stderr], [0, line, '']);
  const { code, stdout } = await run(['dns', 'check', file, '--json']);
  assert.equal(code, 0);
  const { problems, ...found } = JSON.parse(stdout) as IZoneCheck;
  const numbers = { serial: 2_026_010_101, records: 4, errors: 0, warnings: 0 };
  assert.deepEqual([found, problems], [{ origin: 'example.com.', ...numbers }, []]);
});

const faults: [name: string, lines: string, expected: RegExp, code: number][] = [
  [
    'bad data',
    'bad A 1.2.3\n',
    /z\.zone:5:7: error: .*Expected an IPv4 address, found "1\.2\.3"/,
    1,
  ],
  ['an unknown type', 'x AA 192.0.2.1\n', /z\.zone:5:3: error: /, 1],
  ['CNAME beside other data', 'w CNAME ns1\nw A 192.0.2.1\n', /z\.zone:5: error: w\..* CNAME: /, 1],
  [
    'a name outside',
    'x.net. A 192.0.2.1\n',
    /z\.zone:5: warning: x\.net\. A: .* not in the zone/,
    0,
  ],
  ['missing glue', 'sub NS ns.sub\n', /z\.zone:5: warning: sub\.example\.com\. NS: .*glue/, 0],
  ['MX to an alias', 'm MX 1 w\nw CNAME ns1\n', /z\.zone:5: warning: m\..* MX: .*alias/, 0],
  ['NS without address', '@ NS ns9\n', /z\.zone:3: error: example\.com\. NS: .*no address/, 1],
  ['a forgotten dot', 'www.example.com A 192.0.2.1\n', /:5: warning: .*a dot may be missing/, 0],
  ['an odd name', 'a_b A 192.0.2.1\n', /:5: warning: a_b\..*letters, digits and hyphens/, 0],
  ['an open quote', 't TXT "a\n', /z\.zone:5:\d+: error: /, 1],
  ['two SOA', '@ SOA ns1 h 2 7200 3600 1209600 3600\n', /SOA: /, 1],
  ['controls', 'w TXT \u001b[31m\u0007"\n', /z\.zone:5/, 1],
];

for (const [name, lines, expected, code] of faults) {
  test(`dns check finds ${name}`, async (context) => {
    const file = path.join(folderOf(context), 'z.zone');
    writeFileSync(file, head + lines);
    const found = await run(['dns', 'check', file, '--origin', 'Example.COM'], person);
    assert.match(found.stdout, expected);
    assert.equal(found.code, code, found.stdout);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: that is what must not come out
    assert.doesNotMatch(found.stdout, /[\u0000-\u0009\u000b-\u001f]/);
  });
}

test('dns check: serials, 0 and not above the version before', async (context) => {
  const folder = folderOf(context);
  const [before, after] = [path.join(folder, 'old'), path.join(folder, 'new')];
  writeFileSync(before, head);
  writeFileSync(after, `${head}www A 192.0.2.2\n`);
  const args = ['dns', 'check', after, '--origin', 'example.com', '--previous', before];
  const same = await run(args, person);
  assert.match(same.stdout, /warning: .*The serial 2026010101 is not above 2026010101/);
  writeFileSync(after, head.replace('2026010101', '0'));
  assert.match((await run(args, person)).stdout, /serial 0 for none/);
  writeFileSync(before, 'nonsense');
  const broken = await run(args, person);
  assert.deepEqual([broken.code, /check it first/.test(broken.stderr)], [1, true], broken.stderr);
});

test('dns check: $ORIGIN, includes, standard input, and files that are none', async (context) => {
  const folder = folderOf(context);
  const file = path.join(folder, 'master');
  mkdirSync(path.join(folder, 'part'));
  writeFileSync(path.join(folder, 'part', 'more'), 'www A 192.0.2.300\n');
  writeFileSync(file, `; a comment\n$ORIGIN example.org.\n${head}$INCLUDE part/more\n`);
  const included = await run(['dns', 'check', file], person);
  assert.match(included.stdout, /part\/more:1:7: error: .*IPv4 address/);
  assert.match(included.stdout, /^zone example\.org\.: /m);
  const typed = await run(['dns', 'check', '-', '--origin', 'bücher.example'], { input: head });
  assert.equal((JSON.parse(typed.stdout) as IZoneCheck).origin, 'xn--bcher-kva.example.');
  const nameless = await run(['dns', 'check', '-'], { input: head });
  assert.deepEqual([nameless.code, /--origin is missing/.test(nameless.stderr)], [1, true]);
  const missing = await run(['dns', 'check', path.join(folder, 'none.zone')]);
  assert.deepEqual([missing.code, /there is no such file/.test(missing.stderr)], [1, true]);
  assert.equal((await run(['dns', 'check', folder])).code, 1);
  const odd = await run(['dns', 'check', file, '--origin', `${'a'.repeat(64)}.com`]);
  assert.deepEqual([odd.code, /labels? .*63/.test(odd.stderr)], [1, true], odd.stderr);
  for (const origin of ['', '..', 'a b', 'x'.repeat(5_000), '\u0007']) {
    assert.equal((await run(['dns', 'check', file, '--origin', origin])).code, 1, origin);
  }
});

test('dns check: a flood of problems is counted, the first are told', async (context) => {
  const file = path.join(folderOf(context), 'z.zone');
  writeFileSync(file, head + 'x A nonsense\n'.repeat(1_000));
  const { code, stdout } = await run(['dns', 'check', file, '--origin', 'example.com'], person);
  assert.equal(code, 1);
  assert.match(stdout, /and 900 more problems\nzone example\.com\.: .*: 1,000 errors\n$/);
});

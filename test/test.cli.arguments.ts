import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { parseBackendFlag } from '../ts/cli/backend-flag.ts';
import { commands } from '../ts/cli/commands.ts';
import { amount, bytes, duration, milliseconds } from '../ts/cli/format.ts';
import { parseWhen } from '../ts/cli/token.ts';
import { verifyPassword, verifyToken } from '../ts/core/credentials.ts';
import { version } from '../ts/core/version.ts';
import { run } from './fixtures/terminal.ts';

const mistakes: [argv: string, message: RegExp][] = [
  ['rout list', /"rout" is no command\. Did you mean "route"\?/],
  ['route lst', /"route lst" is no command\. Did you mean "route list"\?/],
  ['add', /Did you mean "route add", "tcp add", .* or "cert add"\?/],
  ['route', /Say which: dcrouter route \(list, show, add, remove, explain\)/],
  ['route list --jsn', /--jsn is no flag.*"--json"/],
  ['route list -x', /-x is no flag/],
  ['route list extra', /"extra" is one word too many: dcrouter route list/],
  ['route show', /ROUTE is missing: dcrouter route show ROUTE/],
  ['route add --host', /--host needs a value: --host=HOST/],
  ['route add --host --backend=h:1', /--host needs a value/],
  ['route add --host=a --host=b', /--host is given twice/],
  ['route list --json=yes', /--json takes no value/],
  [
    'route add --host=a --backend=h:1 --strategy=RANDM',
    /--strategy must be one of.*Did you mean "RANDOM"\?/,
  ],
  ['route add --backend=h:1', /--host is missing/],
  ['route add --host=a', /--backend HOST:PORT .* is missing/],
  ['route add --host=a --backend=h', /--backend must be HOST:PORT/],
  ['route add --host=a --backend=h:1,wieght=2', /Did you mean "weight"\?/],
  ['route add -f x --host=a', /--host cannot stand beside --file/],
  ['token create x --scope=root', /--scope must be one of read, write, admin/],
  ['token create x --expires=soon', /"soon" is no time/],
  ['completion bahs', /Did you mean "bash"\?/],
  ['tcp', /Say which: dcrouter tcp \(list, show, add, remove, domain, range\)/],
  ['tcp domain', /Say which: dcrouter tcp domain \(list, add, remove\)/],
  ['tcp domain ad x', /"tcp domain ad" is no command\. Did you mean "tcp domain add"\?/],
  ['tcp add --to h:1', /--port is missing/],
  ['tcp add --port 1', /by one of --to, --backend and --web/],
  ['tcp add --port 1 --to h:1 --web', /by one of --to, --backend and --web/],
  ['tcp add -f x --port 1', /--port cannot stand beside --file/],
  ['tcp domain add', /ENTRY is missing/],
  ['tcp domain add x --to 1', /Name a domain/],
  ['tcp range add x', /PORTS is missing/],
  ['access add x', /ADDRESS\.\.\. is missing/],
  ['access remove x', /give --list/],
  ['access remove x 10.0.0.1 --list', /give --list/],
  ['limit set x', /--requests is missing/],
  ['limit set x --requests many', /--requests must be a whole number, not "many"/],
  ['connections --close 1 --client 10.0.0.1', /--close takes ids alone/],
  ['connections --protocol htp', /Did you mean "http"\?/],
  ['help rout', /Did you mean "route"\?/],
  ['frobnicate', /The commands are run, validate/],
  ['__proto__', /is no command/],
  ['route list --__proto__=x', /is no flag/],
  ['route list --constructor', /is no flag/],
];
for (const [argv, message] of mistakes) {
  test(`dcrouter ${argv}: exit code 1, and a hint`, async () => {
    const { code, stdout, stderr } = await run(argv.split(' '));
    assert.match(stderr, message);
    assert.deepEqual([code, stdout], [1, '']);
  });
}

test('flags may stand before and between the words of a command', async () => {
  const { stderr } = await run(['--data-dir', '/nowhere', 'route', '--json', 'list']);
  assert.match(JSON.parse(stderr).error.message, /"\/nowhere\/admin-token" is not there/);
});

test('help: of the program, of a group, of every command', async () => {
  const { code, stdout } = await run(['help']);
  assert.equal(code, 0);
  for (const { path: words } of commands)
    assert.ok(stdout.includes(words.join(' ')), words.join(' '));
  assert.equal((await run(['--help'])).stdout, stdout);
  const nothing = await run([]);
  assert.deepEqual([nothing.code, nothing.stderr], [1, stdout]);
  assert.match((await run(['help', 'route'])).stdout, /route explain URL/);
  for (const group of [['route'], ['dns'], ['dns', 'zone']]) {
    assert.equal((await run([...group, '--help'])).stdout, (await run(['help', ...group])).stdout);
  }
  assert.match((await run(['rout', '--help'])).stderr, /Did you mean "route"/);
  for (const { path: words, options } of commands) {
    const shown = (await run([...words, '--help'])).stdout;
    for (const name of Object.keys(options))
      assert.ok(shown.includes(`--${name}`), `${words} ${name}`);
    assert.ok(
      shown.split('\n').every((line) => line.length <= 120),
      words.join(' '),
    );
  }
});

test('version: text, and JSON when it is asked for', async () => {
  assert.match(
    (await run(['version'])).stdout,
    new RegExp(`^dcrouter ${version.replaceAll('.', '\\.')} `),
  );
  assert.equal(JSON.parse((await run(['version', '--json'])).stdout).version, version);
  assert.equal((await run(['--version'])).code, 0);
});

test('dcrouter version loads neither fastify nor zod nor the router', () => {
  const script = `
    import { registerHooks } from 'node:module';
    const seen = [];
    registerHooks({ load(url, context, next) { seen.push(url); return next(url, context); } });
    const { main } = await import(${JSON.stringify(path.join(import.meta.dirname, '..', 'ts', 'cli', 'main.ts'))});
    await main(['version']);
    console.error(seen.join('\\n'));`;
  const { stderr, status } = spawnSync(process.execPath, ['--input-type=module', '-e', script], {
    encoding: 'utf8',
  });
  assert.equal(status, 0, stderr);
  assert.match(stderr, /ts\/cli\/main\.ts/);
  assert.doesNotMatch(stderr, /fastify|zod|yaml|dcrouter\.ts|smartlog|rxjs/);
});

const backends: [flag: string, backend: object][] = [
  ['127.0.0.1:3000', { hostname: '127.0.0.1', port: 3000 }],
  ['app:80,weight=3,id=x', { hostname: 'app', port: 80, weight: 3, id: 'x' }],
  ['[::1]:81', { hostname: '::1', port: 81 }],
  ['http://app', { hostname: 'app', port: 80 }],
  ['https://app.internal/', { hostname: 'app.internal', port: 443, tls: {} }],
  ['unix:/run/app.sock', { hostname: 'localhost', port: 80, socketPath: '/run/app.sock' }],
];
for (const [flag, backend] of backends) {
  test(`--backend ${flag}`, () => assert.deepEqual(parseBackendFlag(flag), backend));
}
for (const flag of [
  '',
  ':80',
  'h:x',
  'h:80/path',
  '::1:80',
  'h:80,weight=x',
  'h:80,id=',
  'ftp://h:1',
  'a b:1',
]) {
  test(`--backend "${flag}" is refused`, () =>
    assert.throws(() => parseBackendFlag(flag), { name: 'UsageError' }));
}

test('parseWhen(): dates and times from now', () => {
  const now = Date.UTC(2026, 0, 1);
  assert.equal(parseWhen('90d', now), '2026-04-01T00:00:00.000Z');
  assert.equal(parseWhen('30m', now), '2026-01-01T00:30:00.000Z');
  assert.equal(parseWhen('2030-01-31', now), '2030-01-31T00:00:00.000Z');
  assert.equal(parseWhen('2030-01-31T12:00:00+01:00', now), '2030-01-31T11:00:00.000Z');
  for (const text of ['', '1y', '-1d', '2030-13-01', '01/02/2030']) {
    assert.throws(() => parseWhen(text, now), { name: 'UsageError' }, text);
  }
});

test('numbers for people', () => {
  assert.deepEqual([0, 59, 61, 3_600, 90_061].map(duration), ['0s', '59s', '1m 1s', '1h', '1d 1h']);
  assert.deepEqual([0, 1_023, 1_536, 5 * 1024 ** 3].map(bytes), [
    '0 B',
    '1023 B',
    '1.5 KiB',
    '5.0 GiB',
  ]);
  assert.deepEqual([0, 1.25, 1_234_567].map(amount), ['0', '1.3', '1,234,567']);
  assert.deepEqual([0.123, 12.34, 2_500].map(milliseconds), ['0.12 ms', '12.3 ms', '2.5 s']);
});

test('config hash: from standard input, one line end less', async () => {
  const { code, stdout } = await run(['config', 'hash'], { input: 'p ä$$\n' });
  assert.equal(code, 0);
  assert.ok(await verifyPassword('p ä$$', stdout.trim()));
  const token = await run(['config', 'hash', '--token', '--json'], { input: 'secret' });
  assert.ok(verifyToken('secret', JSON.parse(token.stdout).hash));
  assert.equal((await run(['config', 'hash'], { input: '\n' })).code, 1);
  assert.equal((await run(['config', 'hash', 'geheim'])).code, 1, 'never from the arguments');
});

test('config hash: asks a person twice, and shows nothing of it', async () => {
  const typed = await run(['config', 'hash'], { tty: true, input: 'abX\u007fc\rabc\r' });
  assert.equal(typed.stderr, 'Password: \nAgain: \n');
  assert.ok(await verifyPassword('abc', typed.stdout.trim()));
  const differing = await run(['config', 'hash'], { tty: true, input: 'a\rb\r' });
  assert.match(differing.stderr, /differ/);
  assert.equal((await run(['config', 'hash'], { tty: true, input: 'a\u0003' })).code, 1);
});

test('validate: a file, its problems with their lines, and the file of the folder', async (context) => {
  const folder = mkdtempSync(path.join(tmpdir(), 'dcrouter-cli-'));
  context.after(() => rmSync(folder, { recursive: true }));
  const file = path.join(folder, 'dcrouter.yaml');
  writeFileSync(
    file,
    'web:\n  routes:\n    - {id: a, vHost: a.example, backends: [{hostname: h, port: 1}]}\n',
  );
  const good = await run(['validate', file]);
  assert.deepEqual([good.code, JSON.parse(good.stdout).routes], [0, 1]);
  writeFileSync(
    file,
    'web:\n  routes:\n    - {id: a, vHost: "*a", backends: [{hostname: h, port: 0}]}\n',
  );
  const bad = await run(['validate', '-c', file], { tty: true });
  assert.equal(bad.code, 1);
  assert.match(bad.stdout, /dcrouter\.yaml:3:\d+ web\.routes\[0\]\.vHost/);
  assert.match(bad.stdout, /2 problems/);
  const missing = JSON.parse((await run(['validate', '/nowhere.yaml'])).stdout);
  assert.deepEqual([missing.valid, missing.problems.length], [false, 1]);
});

test('validate: counts what there is, and reads the files of address lists', async (context) => {
  const folder = mkdtempSync(path.join(tmpdir(), 'dcrouter-cli-'));
  context.after(() => rmSync(folder, { recursive: true }));
  const file = path.join(folder, 'dcrouter.yaml');
  writeFileSync(
    file,
    'tcp: { fromPort: 5432, toPort: 1 }\naccess: { lists: { spam: { file: spam.txt } } }\n',
  );
  const missing = JSON.parse((await run(['validate', file])).stdout);
  assert.match(missing.problems[0].message, /there is no such file/);
  writeFileSync(path.join(folder, 'spam.txt'), '192.0.2.1\nbanana\n');
  const bad = JSON.parse((await run(['validate', file])).stdout);
  assert.deepEqual(
    bad.problems.map(({ line, value }: { line: number; value: string }) => [line, value]),
    [[2, 'banana']],
  );
  writeFileSync(path.join(folder, 'spam.txt'), '192.0.2.1\n');
  const good = await run(['validate', file], { tty: true, env: { NO_COLOR: '1' } });
  assert.match(good.stdout, /0 routes, 1 TCP entry, 0 certificates/);
});

test('config schema prints the schema', async () => {
  const schema = JSON.parse((await run(['config', 'schema'])).stdout);
  assert.match(schema.$schema, /2020-12/);
});

test('completion: the bash script completes verbs, words and flags', async () => {
  const { stdout } = await run(['completion', 'bash']);
  const complete = (...words: string[]): string[] => {
    const script = `${stdout}
      COMP_WORDS=(dcrouter ${words.map((word) => `'${word}'`).join(' ')}); COMP_CWORD=${words.length}
      _dcrouter; printf '%s\\n' "\${COMPREPLY[@]}"`;
    return execFileSync('bash', ['-c', script], { encoding: 'utf8' }).trim().split('\n');
  };
  assert.deepEqual(complete('sta'), ['status', 'stats']);
  assert.deepEqual(complete('route', ''), ['list', 'show', 'add', 'remove', 'explain']);
  assert.deepEqual(complete('route', 'add', '--str'), ['--strategy', '--strip-prefix']);
  assert.deepEqual(complete('completion', 'z'), ['zsh']);
});

test('completion: zsh and fish name every command', async () => {
  for (const shell of ['zsh', 'fish']) {
    const { stdout } = await run(['completion', shell]);
    for (const { path: words } of commands) {
      for (const word of words) assert.ok(stdout.includes(word), `${shell}: ${word}`);
    }
  }
});

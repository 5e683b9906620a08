import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { CONFIG_BYTES_MAX, loadConfigFile, parseConfigText } from '../ts/config/file.ts';
import { parseOptions } from '../ts/config/schema.ts';
import { WORKER_LENGTH_MIN } from '../ts/config/yaml-reader.ts';
import { DcError, formatProblems } from '../ts/core/errors.ts';

function folderFor(context: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'dcrouter-config-'));
  context.after(() => rmSync(folder, { recursive: true }));
  return folder;
}

async function read(text: string, env: Record<string, string> = {}, file = 'x.yaml') {
  const { value, source } = await parseConfigText(text, { file, env });
  assert.deepEqual(source.findings, []);
  return value;
}

/** The problems of a text, from reading it or from parsing what it says. */
async function problemsOf(text: string, file = 'x.yaml', folder?: string): Promise<string> {
  try {
    const { value, source } = await parseConfigText(text, { file, folder, env: {} });
    parseOptions(value, { source });
  } catch (error) {
    assert.ok(error instanceof DcError, String(error));
    assert.equal(error.code, 'CONFIG_INVALID');
    return formatProblems(error.problems);
  }
  return assert.fail('accepted');
}

test('loadConfigFile() reads YAML and JSON, with a byte order mark and with CRLF', async (context) => {
  const folder = folderFor(context);
  const texts = {
    'plain.yaml': 'log:\n  level: warn\n',
    'mark.yaml': '\uFEFFlog:\n  level: warn\n',
    'lines.yaml': 'log:\r\n  level: warn\r\n',
    'data.json': '{"log": {"level": "warn"}}',
    'mark.JSON': '\uFEFF{"log": {"level": "warn"}}\r\n',
    'flow.yaml': '{"log": {"level": "warn"}}',
    'nearly.conf': '{log: {level: warn}} # YAML after all\n',
  };
  for (const [name, text] of Object.entries(texts)) {
    const path = join(folder, name);
    writeFileSync(path, text);
    const loaded = await loadConfigFile(path, { env: {} });
    assert.deepEqual(loaded.value, { log: { level: 'warn' } }, name);
    assert.equal(loaded.path, path);
    assert.equal(loaded.source.file, path);
    parseOptions(loaded.value, { source: loaded.source });
  }
});

test('loadConfigFile() says why a file cannot be read', async (context) => {
  const folder = folderFor(context);
  const binary = join(folder, 'binary.yaml');
  writeFileSync(binary, Buffer.from([0x61, 0x3a, 0x20, 0xff, 0xfe]));
  const cases: [string, RegExp][] = [
    [join(folder, 'missing.yaml'), /Cannot read ".*missing\.yaml": there is no such file$/],
    [folder, /it is a folder$/],
    [join(binary, 'inside.yaml'), /a part of its path is no folder$/],
    [binary, /it is not UTF-8 text$/],
    ['a\0b', /its name is not valid$/],
  ];
  for (const [path, message] of cases) {
    await assert.rejects(loadConfigFile(path), { code: 'CONFIG_UNREADABLE', message });
  }
});

test('loadConfigFile() stops at its limit, also with a device that never ends', async () => {
  assert.equal(CONFIG_BYTES_MAX, 64 * 1024 * 1024);
  await assert.rejects(loadConfigFile('/dev/zero'), {
    code: 'CONFIG_UNREADABLE',
    message: /it has more than 67108864 bytes$/,
  });
});

test('problems have the right lines with CRLF and after a byte order mark', async () => {
  assert.equal(
    await problemsOf('\uFEFFlog:\r\n  level: warm\r\nbda: 1\r\nwbe: {}\r\n'),
    [
      'x.yaml:2:10 log.level: Must be one of error, warn, info, debug ' +
        '(is "warm"; did you mean "warn"?)',
      'x.yaml:3:1 bda: Unknown key; accepted here: version, dataDir, workers, log, api, web, ' +
        'tcp, dns, access, limits, certificates, drainTimeoutMs',
      'x.yaml:4:1 wbe: Unknown key (did you mean "web"?)',
    ].join('\n'),
  );
});

const replaced: { written: string; value: unknown; why: string }[] = [
  { written: '${A}', value: 'one', why: 'a variable' },
  { written: 'x-${A}-${B}-y', value: 'x-one--y', why: 'in the middle, and empty' },
  { written: '${C:-else}', value: 'else', why: 'a default where it is not set' },
  { written: '${B:-else}', value: 'else', why: 'a default where it is empty' },
  { written: '${A:-else}', value: 'one', why: 'no default where it is set' },
  { written: '${C:-}', value: '', why: 'an empty default' },
  { written: '${C:-a:-b}', value: 'a:-b', why: 'a default with anything but a brace' },
  { written: '$${A}', value: '${A}', why: 'an escape' },
  { written: '$${A}${A}$$', value: '${A}one$$', why: 'an escape beside a variable' },
  { written: '$A {A} $ {A}', value: '$A {A} $ {A}', why: 'nothing to replace' },
  { written: '${D}', value: '${A}', why: 'a value is not looked at again' },
  { written: '${E}', value: 'file:/etc/hostname', why: 'a value names no file' },
  { written: '${F}', value: 'a: [1, &x {b: c}]\n- d', why: 'a value is no YAML' },
  { written: '${C:-}file:x', value: 'file:x', why: 'a text that begins like a reference' },
  { written: '${PORT}', value: '8080', why: 'a text stays a text where one is wanted' },
];

for (const { written, value: expected, why } of replaced) {
  test(`${written} becomes ${JSON.stringify(expected)}: ${why}`, async () => {
    const env = {
      A: 'one',
      B: '',
      D: '${A}',
      E: 'file:/etc/hostname',
      F: 'a: [1, &x {b: c}]\n- d',
      PORT: '8080',
    };
    for (const file of ['x.yaml', 'x.json']) {
      const value = await read(JSON.stringify({ dataDir: written }), env, file);
      assert.deepEqual(value, { dataDir: expected });
    }
  });
}

const kinds = [
  { path: 'api', field: 'port', given: '8080', value: 8080 },
  { path: 'api', field: 'port', given: '08080', value: '08080' },
  { path: 'api', field: 'port', given: '0x10', value: '0x10' },
  { path: 'api', field: 'port', given: '', value: '' },
  { path: 'api', field: 'port', given: ' 1', value: ' 1' },
  { path: 'api', field: 'port', given: '99999999999999999999', value: '99999999999999999999' },
  { path: 'api', field: 'enabled', given: 'true', value: true },
  { path: 'api', field: 'enabled', given: 'false', value: false },
  { path: 'api', field: 'enabled', given: 'yes', value: 'yes' },
  { path: 'api', field: 'address', given: '1', value: '1' },
  { path: 'api', field: 'unknown', given: '1', value: '1' },
];

for (const { path, field, given, value } of kinds) {
  test(`a variable ${JSON.stringify(given)} for ${path}.${field} becomes ${JSON.stringify(value)}`, async () => {
    const text = `${path}: { ${field}: "\${GIVEN}" }`;
    assert.deepEqual(await read(text, { GIVEN: given }), { [path]: { [field]: value } });
  });
}

test('a variable becomes a number or a boolean inside of lists, unions and constants', async () => {
  const text = [
    'version: ${ONE}',
    'web:',
    '  accessLog: { sample: "${HALF}" }',
    '  entrypoints: { a: { port: "${ONE}", tls: "${TRUE}" } }',
    '  routes: [{ redirect: { to: "${ONE}", status: "${FOUND}" }, health: { statusRange: ["${ONE}", 2] } }]',
  ].join('\n');
  assert.deepEqual(await read(text, { ONE: '1', HALF: '0.5', TRUE: 'true', FOUND: '302' }), {
    version: 1,
    web: {
      accessLog: { sample: 0.5 },
      entrypoints: { a: { port: 1, tls: true } },
      routes: [{ redirect: { to: '1', status: 302 }, health: { statusRange: [1, 2] } }],
    },
  });
});

test('a variable that is only a part of a text gives no number', async () => {
  const value = await read('api: { port: "8${REST}" }', { REST: '080' });
  assert.deepEqual(value, { api: { port: '8080' } });
});

test('file: reads beside the configuration, and cuts one line end off', async (context) => {
  const folder = folderFor(context);
  writeFileSync(join(folder, 'a.txt'), 'one\n');
  writeFileSync(join(folder, 'b.txt'), 'two\r\n\r\n');
  writeFileSync(join(folder, 'c.txt'), '${HOME} $${X} file:a.txt');
  writeFileSync(join(folder, 'd.txt'), '');
  const text = [
    'dataDir: file:a.txt',
    'log: { path: "file:./b.txt" }',
    `api: { address: "file:${join(folder, 'c.txt')}" }`,
    'certificates: [{ domain: "file:${NAME}.txt", key: file:a.txt, cert: " file:a.txt" }]',
  ].join('\n');
  const path = join(folder, 'x.yaml');
  writeFileSync(path, text);
  const { value } = await loadConfigFile(path, { env: { NAME: 'd' } });
  assert.deepEqual(value, {
    dataDir: 'one',
    log: { path: 'two\r\n' },
    api: { address: '${HOME} $${X} file:a.txt' },
    certificates: [{ domain: '', key: 'one', cert: ' file:a.txt' }],
  });
});

test('file: tells why nothing could be read, and never what', async (context) => {
  const folder = folderFor(context);
  writeFileSync(join(folder, 'binary'), Buffer.from([0xff, 0xfe]));
  writeFileSync(join(folder, 'big'), Buffer.alloc(1_048_577, 0x61));
  const text = [
    'dataDir: file:missing',
    'log: { path: file:binary }',
    'api: { address: file:big }',
    'certificates: [{ domain: "file:", key: "file:missing", cert: "file:binary/x" }]',
  ].join('\n');
  const lines = (await problemsOf(text, 'x.yaml', folder)).split('\n');
  assert.deepEqual(
    lines.map((line) => line.slice(line.lastIndexOf(': Must') + 2)),
    [
      'Must name a file that can be read: there is no such file (is "file:missing")',
      'Must name a file that can be read: it is not UTF-8 text (is "file:binary")',
      'Must name a file of at most 1048576 bytes (is "file:big")',
      'Must name a file that can be read: it is a folder (is "file:")',
      'Must name a file that can be read: there is no such file (is "file:missing")',
      'Must name a file that can be read: a part of its path is no folder (is "file:binary/x")',
    ],
  );
});

test('what aliases share is filled in once, and is secret at each of its places', async () => {
  const text = [
    'x-pool: &pool { strategy: "${WORD}", headers: { X-A: "$${WORD}" } }',
    'web:',
    '  routes:',
    '    - { id: a, vHost: a, <<: *pool, backends: &b [{ hostname: "${WORD}", port: 1 }] }',
    '    - { id: b, vHost: b, <<: *pool, backends: *b }',
  ].join('\n');
  const env = { WORD: 'secret word' };
  const { value, source } = await parseConfigText(text, { file: 'x.yaml', env });
  const { routes } = (value as { web: { routes: { headers: object }[] } }).web;
  for (const { headers } of routes) assert.deepEqual(headers, { 'X-A': '${WORD}' });
  assert.throws(
    () => parseOptions(value, { source }),
    (error: DcError) => {
      const shown = formatProblems(error.problems);
      assert.equal(error.problems.length, 4, shown);
      assert.doesNotMatch(shown, /secret word/);
      return true;
    },
  );
});

test('keys are never filled in', async () => {
  const value = await read('"${A}": 1\n"file:x": 2\n', { A: 'log' });
  assert.deepEqual(value, { '${A}': 1, 'file:x': 2 });
});

test('keys that begin with x- are left alone, at the top only', async () => {
  assert.deepEqual(await read('x-a: "${MISSING}"\nlog: {}\n'), { log: {} });
  assert.match(await problemsOf('log: { x-a: 1 }'), /log\.x-a: Unknown key/);
});

test('a big YAML file is read in a thread of its own, with the same result', async () => {
  const route = (name: string) =>
    `    - { id: ${name}, vHost: ${name}, redirect: { to: "https://x/" } }`;
  const comment = `# ${'x'.repeat(WORKER_LENGTH_MIN)}`;
  const text = [comment, 'web:', '  routes:', route('a'), route('b'), ''].join('\n');
  const { value, source } = await parseConfigText(text, { file: 'x.yaml', env: {} });
  assert.equal(parseOptions(value, { source }).options.web?.routes?.length, 2);
  const bad = `${text}    - { id: c, vHost: c, redirct: {} }\n`;
  assert.match(await problemsOf(bad), /^x\.yaml:6:7 web\.routes\[2\]\.backends: /);
  assert.match(await problemsOf(`${text}\tx: 1\n`), /^x\.yaml:6:1 /);
  const deep = `${comment}\nweb: ${'['.repeat(100_000)}${']'.repeat(100_000)}\n`;
  assert.match(await problemsOf(deep), /Must not be nested/);
});

test('data that are nested without end are refused', async () => {
  for (const depth of [100, 20_000, 200_000]) {
    const lists = `${'['.repeat(depth)}${']'.repeat(depth)}`;
    for (const file of ['x.json', 'x.yaml']) {
      assert.match(await problemsOf(`{"web": ${lists}}`, file), /Must not be nested/);
    }
  }
});

test('a text that is no map is refused', async () => {
  for (const text of ['- a', 'word', '5', '"${A:-x}"']) {
    assert.match(await problemsOf(text), /^x\.yaml:1:1 Must be a map/);
  }
});

test('values of the environment are not shown, whatever is wrong with them', async () => {
  const env = { WORD: 's3cret' };
  const text = [
    'dataDir: "${WORD}"',
    'log: { level: "${WORD}", path: "${WORD}\\0" }',
    'web: { trustedProxies: ["${WORD}"], serverName: "${WORD} x", routes: "${WORD}" }',
  ].join('\n');
  const { value, source } = await parseConfigText(text, { file: 'x.yaml', env });
  assert.throws(
    () => parseOptions(value, { source }),
    (error: DcError) => {
      assert.equal(error.problems.length, 5);
      assert.doesNotMatch(`${error.message} ${formatProblems(error.problems)}`, /s3cret/);
      return true;
    },
  );
});

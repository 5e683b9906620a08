import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { promisify } from 'node:util';
import { formatJson, formatPretty } from '../ts/core/log-format.ts';
import { createLogger, silentLogger } from '../ts/core/logger.ts';
import type { ILogOptions } from '../ts_interfaces/data/log.ts';

function openLog(context: TestContext, options: ILogOptions = {}) {
  const folder = fs.mkdtempSync(join(tmpdir(), 'dcrouter-log-'));
  const path = join(folder, 'log');
  const logger = createLogger({ path, ...options });
  context.after(async () => {
    await logger.close();
    fs.rmSync(folder, { recursive: true });
  });
  const lines = async (): Promise<string[]> => {
    await logger.close();
    return fs.readFileSync(path, 'utf8').split('\n').slice(0, -1);
  };
  return { logger, path, lines };
}

test('createLogger(): one JSON object a line, in order, to a file by default', async (context) => {
  const { logger, lines } = openLog(context);
  const before = Date.now();
  logger.error('process.failed', 'first\nline', { error: new Error('x'), password: 'p' });
  logger.info('process.started', 'second');
  const [first, second, ...others] = (await lines()).map((line) => JSON.parse(line));
  assert.deepEqual(others, []);
  assert.equal(first.message, 'first\nline');
  assert.equal(first.data.error.message, 'x');
  assert.equal(first.data.password, '[redacted]');
  const { time, ...rest } = second;
  assert.deepEqual(rest, { level: 'info', event: 'process.started', message: 'second' });
  assert.ok(Math.abs(Date.parse(time) - before) < 60_000);
});

const levels = ['error', 'warn', 'info', 'debug'] as const;

for (const [index, level] of levels.entries()) {
  test(`createLogger(): level "${level}" lets through what is as loud`, async (context) => {
    const { logger, lines } = openLog(context, { level });
    for (const other of levels) logger[other]('process.started', other);
    const written = (await lines()).map((line) => JSON.parse(line).level);
    assert.deepEqual(written, levels.slice(0, index + 1));
    for (const other of levels) assert.equal(logger.enabled(other), written.includes(other));
  });
}

test('createLogger(): the default level is info', (context) => {
  const { logger } = openLog(context);
  assert.deepEqual([logger.enabled('info'), logger.enabled('debug')], [true, false]);
});

test('createLogger(): pretty is text without colours in a file', async (context) => {
  const { logger, lines } = openLog(context, { format: 'pretty' });
  logger.warn('backend.dead', 'gone', { routeId: 'a' });
  assert.match((await lines())[0] ?? '', /^[\d-]+ [\d:.]+ WARN {2}backend\.dead gone routeId=a$/);
});

test('createLogger(): reopen() goes on in a new file', async (context) => {
  const { logger, path, lines } = openLog(context);
  logger.info('process.started', 'one');
  fs.renameSync(path, `${path}.1`);
  await logger.reopen();
  logger.info('process.started', 'two');
  const all = [...(await lines()), ...fs.readFileSync(`${path}.1`, 'utf8').split('\n')];
  const messages = all.filter((line) => line !== '').map((line) => JSON.parse(line).message);
  assert.deepEqual(messages.sort(), ['one', 'two']);
});

test('createLogger(): standard error by default, complete also on process.exit()', async () => {
  const url = new URL('../ts/core/logger.ts', import.meta.url).href;
  const script = `import { createLogger } from ${JSON.stringify(url)};
    createLogger().error('process.failed', 'last words');
    process.exit(0);`;
  const { stdout, stderr } = await promisify(execFile)(process.execPath, [
    '--input-type=module',
    '-e',
    script,
  ]);
  assert.equal(stdout, '');
  assert.equal(JSON.parse(stderr).message, 'last words');
});

test('formatPretty(): nothing that a client sent forges a line or reaches the terminal', () => {
  const line = formatPretty(
    {
      timeMs: 0,
      level: 'info',
      event: 'request.failed',
      message: 'bad\r\n2026 ERROR forged \u001b[2J\u009b31m\u202e',
      data: { 'a\nb': 'c\nd', uri: '/x?y=1 2', list: ['\u001b'], none: undefined },
    },
    false,
  );
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not be there
  assert.doesNotMatch(line, /[\u0000-\u001f\u007f-\u009f\u2028\u202e]/);
  assert.equal(
    line,
    '1970-01-01 00:00:00.000 INFO  request.failed bad\\u000d\\u000a2026 ERROR forged ' +
      '\\u001b[2J\\u009b31m\\u202e a\\u000ab="c\\nd" uri="/x?y=1 2" list=["\\u001b"]',
  );
});

test('formatPretty(): colours on request', () => {
  const record = { timeMs: 0, level: 'error', event: 'log.recovered', message: 'x' } as const;
  assert.ok(formatPretty(record, true).includes('\u001b[31mERROR\u001b[0m'));
});

test('formatJson(): is one line', () => {
  const record = { timeMs: 0, level: 'info', event: 'log.recovered', message: 'a\nb' } as const;
  assert.equal(
    formatJson(record),
    '{"time":"1970-01-01T00:00:00.000Z","level":"info","event":"log.recovered","message":"a\\nb"}',
  );
});

test('silentLogger: says nothing', () => {
  silentLogger.error('process.failed', 'x');
  assert.equal(silentLogger.enabled('error'), false);
});

import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { type ILogger, silentLogger } from '../ts/core/logger.ts';
import { ManualClock } from '../ts/core/manual-clock.ts';
import { AccessLog, type IAccessLogDependencies } from '../ts/metrics/access-log.ts';

function openLog(context: TestContext, parts: Partial<IAccessLogDependencies>) {
  const folder = fs.mkdtempSync(join(tmpdir(), 'dcrouter-access-'));
  const path = join(folder, 'access.log');
  const events: string[] = [];
  const logger: ILogger = {
    ...silentLogger,
    error: (event) => events.push(event),
    warn: (event, _message, data) => events.push(`${event} ${data?.dropped}`),
  };
  const { options, ...others } = parts;
  const log = new AccessLog({ options: { path, ...options }, logger, ...others });
  context.after(async () => {
    await log.close();
    fs.rmSync(folder, { recursive: true });
  });
  return { log, path, events };
}

/** Lets the callbacks and promises that are ready run. */
function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

test('AccessLog: close() writes what waits', async (context) => {
  const { log, path } = openLog(context, {});
  log.write('{"a":1}');
  log.write('{"b":2}');
  await log.close();
  assert.equal(fs.readFileSync(path, 'utf8'), '{"a":1}\n{"b":2}\n');
  assert.deepEqual([log.written, log.dropped], [2, 0]);
});

test('AccessLog: a batch goes every 250 ms', (context) => {
  const clock = new ManualClock();
  const writes: string[] = [];
  const { log } = openLog(context, {
    clock,
    writeBytes: (_descriptor, bytes, _offset, done) => {
      writes.push(bytes.toString());
      done(null, bytes.length);
    },
  });
  log.write('one');
  clock.advance(200);
  log.write('two');
  clock.advance(49);
  assert.deepEqual(writes, []);
  clock.advance(1);
  assert.deepEqual(writes, ['one\ntwo\n']);
});

test('AccessLog: a full disk costs lines above the bound, is logged once, and passes', async (context) => {
  const clock = new ManualClock();
  let full = true;
  let text = '';
  const { log, events } = openLog(context, {
    clock,
    options: { bufferBytesMax: 1000 },
    writeBytes: (_descriptor, bytes, offset, done) => {
      if (full) return done(Object.assign(new Error('full'), { code: 'ENOSPC' }), 0);
      text += bytes.subarray(offset).toString();
      done(null, bytes.length - offset);
    },
  });
  for (let index = 0; index < 100; index++) {
    log.write(`line ${index} ${'x'.repeat(40)}`);
    clock.advance(250);
    await settled();
  }
  assert.deepEqual(events, ['accessLog.failed']);
  assert.ok(log.dropped > 70);
  const { dropped } = log;
  full = false;
  clock.advance(1000);
  await settled();
  assert.deepEqual(events, ['accessLog.failed', `accessLog.recovered ${dropped}`]);
  assert.equal(log.written + log.dropped, 100);
  assert.equal(text.split('\n').length - 1, log.written);
});

test('AccessLog.sampled(): the share is kept, errors always are', (context) => {
  let next = 0;
  const { log } = openLog(context, {
    options: { sample: 0.25 },
    random: () => (next++ % 100) / 100,
  });
  let sampled = 0;
  for (let index = 0; index < 400; index++) if (log.sampled(200)) sampled++;
  assert.equal(sampled, 100);
  for (let index = 0; index < 100; index++) assert.equal(log.sampled(503), true);
});

test('AccessLog.sampled(): without a share all, with 0 only errors', (context) => {
  assert.equal(openLog(context, { random: () => 0.999 }).log.sampled(200), true);
  const none = openLog(context, { options: { sample: 0 }, random: () => 0 }).log;
  assert.equal(none.sampled(499), false);
  assert.equal(none.sampled(500), true);
});

test('AccessLog.reopen(): goes on in a new file', async (context) => {
  const { log, path } = openLog(context, {});
  log.write('one');
  fs.renameSync(path, `${path}.1`);
  await log.reopen();
  log.write('two');
  await log.close();
  const lines = fs.readFileSync(`${path}.1`, 'utf8') + fs.readFileSync(path, 'utf8');
  assert.equal(lines, 'one\ntwo\n');
  assert.ok(fs.readFileSync(path, 'utf8').endsWith('two\n'));
});

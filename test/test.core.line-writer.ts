import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { promisify } from 'node:util';
import { DcError } from '../ts/core/errors.ts';
import { type ILineWriterOptions, LineWriter, type TWriteBytes } from '../ts/core/line-writer.ts';
import { ManualClock } from '../ts/core/manual-clock.ts';

const lineWriterUrl = new URL('../ts/core/line-writer.ts', import.meta.url).href;

function temporaryFolder(context: TestContext): string {
  const folder = fs.mkdtempSync(join(tmpdir(), 'dcrouter-lines-'));
  context.after(() => fs.rmSync(folder, { recursive: true }));
  return folder;
}

function openWriter(context: TestContext, options: Partial<ILineWriterOptions>) {
  const failures: string[] = [];
  const recoveries: number[] = [];
  const writer = new LineWriter({
    path: join(temporaryFolder(context), 'log'),
    flushMs: 250,
    bufferBytesMax: 1_000_000,
    onFailure: (error) => failures.push(error.message),
    onRecovery: (dropped) => recoveries.push(dropped),
    ...options,
  });
  context.after(() => writer.close());
  return { writer, failures, recoveries };
}

/** A kernel in the hands of the test: every write waits for `answer`. */
class FakeKernel {
  text = '';
  private pending: ((error: NodeJS.ErrnoException | null, bytesMax: number) => void) | undefined;
  private arrived: (() => void) | undefined;

  readonly writeBytes: TWriteBytes = (_descriptor, bytes, offset, done) => {
    this.pending = (error, bytesMax) => {
      const part = bytes.subarray(offset, offset + bytesMax);
      if (error === null) this.text += part.toString();
      done(error, error === null ? part.length : 0);
    };
    this.arrived?.();
  };

  /** Waits for a write and lets it take some bytes, or fail with a code. */
  async answer(result: number | string = Infinity): Promise<void> {
    if (this.pending === undefined) {
      await new Promise<void>((resolve) => {
        this.arrived = resolve;
      });
    }
    const answer = this.pending;
    this.pending = undefined;
    const error =
      typeof result === 'string' ? Object.assign(new Error(result), { code: result }) : null;
    answer?.(error, typeof result === 'string' ? 0 : result);
    await settled();
  }

  get isAsked(): boolean {
    return this.pending !== undefined;
  }
}

/** Lets promises that are ready run. */
function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

test('LineWriter: lines wait for the timer and go in one write', async (context) => {
  const clock = new ManualClock();
  const kernel = new FakeKernel();
  const { writer } = openWriter(context, { clock, writeBytes: kernel.writeBytes });
  writer.write('one');
  writer.write('zwei ü');
  clock.advance(249);
  assert.equal(kernel.isAsked, false);
  clock.advance(1);
  await kernel.answer();
  assert.equal(kernel.text, 'one\nzwei ü\n');
  assert.equal(writer.written, 2);
  assert.equal(clock.timerCount, 0);
});

test('LineWriter: 64 KiB do not wait for the timer', async (context) => {
  const kernel = new FakeKernel();
  const clock = new ManualClock();
  const { writer } = openWriter(context, { clock, writeBytes: kernel.writeBytes });
  writer.write('x'.repeat(40_000));
  assert.equal(kernel.isAsked, false);
  writer.write('y'.repeat(40_000));
  assert.equal(kernel.isAsked, true);
  await kernel.answer();
  assert.equal(writer.written, 2);
  assert.equal(clock.timerCount, 0);
});

test('LineWriter: a write that takes a part is continued', async (context) => {
  const kernel = new FakeKernel();
  const clock = new ManualClock();
  const { writer } = openWriter(context, { clock, writeBytes: kernel.writeBytes });
  writer.write('abc');
  clock.advance(250);
  await kernel.answer(2);
  assert.equal(writer.written, 0);
  await kernel.answer(1);
  await kernel.answer(1);
  assert.equal(kernel.text, 'abc\n');
  assert.equal(writer.written, 1);
});

test('LineWriter: what comes during a write waits up to the bound', async (context) => {
  const kernel = new FakeKernel();
  const clock = new ManualClock();
  const { writer } = openWriter(context, {
    clock,
    writeBytes: kernel.writeBytes,
    bufferBytesMax: 100,
  });
  const line = 'x'.repeat(39);
  assert.equal(writer.write(line), true);
  clock.advance(250);
  assert.equal(writer.write(line), true);
  assert.equal(writer.write(line), false, 'what is under way counts');
  assert.equal(writer.dropped, 1);
  await kernel.answer();
  assert.equal(writer.write(line), true, 'there is room again');
  clock.advance(250);
  await kernel.answer();
  assert.equal(writer.written, 3);
});

test('LineWriter: a full disk is told of once, half a line is completed', async (context) => {
  const kernel = new FakeKernel();
  const clock = new ManualClock();
  const { writer, failures, recoveries } = openWriter(context, {
    clock,
    writeBytes: kernel.writeBytes,
    bufferBytesMax: 20,
  });
  writer.write('first line');
  clock.advance(250);
  await kernel.answer(5);
  await kernel.answer('ENOSPC');
  for (let second = 0; second < 5; second++) {
    clock.advance(1000);
    await kernel.answer('ENOSPC');
  }
  assert.equal(writer.write('a line that finds no room'), false);
  assert.equal(writer.write('more'), true);
  assert.deepEqual(failures, ['ENOSPC']);
  assert.deepEqual(recoveries, []);
  clock.advance(1000);
  await kernel.answer();
  await kernel.answer();
  assert.equal(kernel.text, 'first line\nmore\n');
  assert.deepEqual(recoveries, [1]);
  assert.deepEqual([writer.written, writer.dropped], [2, 1]);
});

test('LineWriter: a reader that is gone loses what was under way', async (context) => {
  const kernel = new FakeKernel();
  const clock = new ManualClock();
  const { writer, failures, recoveries } = openWriter(context, {
    clock,
    writeBytes: kernel.writeBytes,
  });
  writer.write('one');
  writer.write('two');
  clock.advance(250);
  await kernel.answer(4);
  await kernel.answer('EPIPE');
  writer.write('three');
  clock.advance(1000);
  await kernel.answer();
  assert.deepEqual([writer.written, writer.dropped], [2, 1]);
  assert.deepEqual([failures, recoveries], [['EPIPE'], [1]]);
  assert.equal(kernel.text, 'one\nthree\n');
});

test('LineWriter: a pipe that is full is no failure', async (context) => {
  const kernel = new FakeKernel();
  const clock = new ManualClock();
  const { writer, failures } = openWriter(context, { clock, writeBytes: kernel.writeBytes });
  writer.write('one');
  clock.advance(250);
  await kernel.answer('EAGAIN');
  clock.advance(10);
  await kernel.answer();
  assert.equal(kernel.text, 'one\n');
  assert.deepEqual(failures, []);
});

test('LineWriter: close() while writing fails gives up and counts', async (context) => {
  const kernel = new FakeKernel();
  const clock = new ManualClock();
  const { writer } = openWriter(context, { clock, writeBytes: kernel.writeBytes });
  writer.write('one');
  clock.advance(250);
  await kernel.answer('EIO');
  writer.write('two');
  const closed = writer.close();
  await kernel.answer('EIO');
  await closed;
  assert.deepEqual([writer.written, writer.dropped], [0, 2]);
  writer.write('three');
  assert.equal(writer.dropped, 3, 'after close() a line is dropped');
});

test('LineWriter.reopen(): every line is whole and in one of the files', async (context) => {
  const folder = temporaryFolder(context);
  const path = join(folder, 'log');
  const { writer } = openWriter(context, { path, flushMs: 1 });
  const count = 4000;
  for (let index = 0; index < count; index++) {
    writer.write(`${index} ${'x'.repeat(index % 200)}`);
    if (index % 500 !== 250) continue;
    fs.renameSync(path, `${path}.${index}`);
    await writer.reopen();
  }
  await writer.close();
  const lines = fs
    .readdirSync(folder)
    .flatMap((name) => fs.readFileSync(join(folder, name), 'utf8').split('\n').slice(0, -1));
  const numbers = lines.map((line) => {
    const [number, filling] = line.split(' ');
    assert.equal(filling?.length, Number(number) % 200);
    return Number(number);
  });
  assert.deepEqual(
    numbers.sort((a, b) => a - b),
    Array.from({ length: count }, (_, index) => index),
  );
  assert.deepEqual([writer.written, writer.dropped], [count, 0]);
});

test('LineWriter.reopen(): a line that is half written is completed first', async (context) => {
  const kernel = new FakeKernel();
  const clock = new ManualClock();
  const { writer } = openWriter(context, { clock, writeBytes: kernel.writeBytes });
  writer.write('one');
  clock.advance(250);
  const reopened = writer.reopen();
  await kernel.answer(2);
  await kernel.answer('EAGAIN');
  clock.advance(10);
  await kernel.answer();
  await reopened;
  assert.equal(kernel.text, 'one\n');
  assert.deepEqual([writer.written, writer.dropped], [1, 0]);
});

test('LineWriter.reopen(): half of a split line is not in the new file', async (context) => {
  const kernel = new FakeKernel();
  const clock = new ManualClock();
  const { writer } = openWriter(context, { clock, writeBytes: kernel.writeBytes });
  for (const line of ['one', 'two', 'three']) writer.write(line);
  clock.advance(250);
  await kernel.answer(6);
  await kernel.answer('ENOSPC');
  assert.equal(kernel.text, 'one\ntw');
  kernel.text = '';
  const reopened = writer.reopen();
  await kernel.answer();
  await reopened;
  assert.equal(kernel.text, 'three\n');
  assert.deepEqual([writer.written, writer.dropped], [2, 1]);
});

test('LineWriter.reopen(): a path that cannot be opened leaves the old file', async (context) => {
  const folder = join(temporaryFolder(context), 'logs');
  fs.mkdirSync(folder);
  const { writer, failures } = openWriter(context, { path: join(folder, 'log') });
  fs.renameSync(folder, `${folder}.old`);
  await writer.reopen();
  assert.equal(failures.length, 1);
  assert.match(failures[0] ?? '', /^Cannot open the log ".*\/log": ENOENT$/);
  writer.write('still here');
  await writer.close();
  assert.equal(fs.readFileSync(`${folder}.old/log`, 'utf8'), 'still here\n');
});

test('LineWriter: a path that cannot be opened at first is an error', (context) => {
  const path = join(temporaryFolder(context), 'no', 'such', 'log');
  assert.throws(
    () => openWriter(context, { path }),
    (error) => error instanceof DcError && error.code === 'LOG_FAILED',
  );
});

test('LineWriter: a file is created without rights for others and appended to', async (context) => {
  const path = join(temporaryFolder(context), 'log');
  fs.writeFileSync(path, 'before\n');
  const { writer } = openWriter(context, { path });
  writer.write('after');
  await writer.close();
  assert.equal(fs.readFileSync(path, 'utf8'), 'before\nafter\n');
  const { writer: fresh } = openWriter(context, { path: `${path}2` });
  assert.equal(fs.statSync(`${path}2`).mode & 0o007, 0);
  await fresh.close();
});

test('LineWriter: a named pipe without a reader is refused at once', async (context) => {
  const path = join(temporaryFolder(context), 'pipe');
  await promisify(execFile)('mkfifo', [path]);
  assert.throws(() => openWriter(context, { path }), /ENXIO/);
});

test('LineWriter: process.exit() loses no line', async (context) => {
  const path = join(temporaryFolder(context), 'log');
  const script = `
    import { LineWriter } from ${JSON.stringify(lineWriterUrl)};
    const writer = new LineWriter({ path: process.argv[1], flushMs: 1000, bufferBytesMax: 1e9,
      onFailure() {}, onRecovery() {} });
    for (let index = 0; index < 20000; index++) writer.write(index + 'x'.repeat(50));
    setImmediate(() => { writer.write('last'); process.exit(); });`;
  await promisify(execFile)(process.execPath, ['--input-type=module', '-e', script, path]);
  const lines = fs.readFileSync(path, 'utf8').split('\n');
  assert.equal(lines.length, 20_002);
  assert.ok(lines.includes('last'));
});

test('LineWriter: a reader that closes standard output does not end the process', async () => {
  const script = `
    import { LineWriter } from ${JSON.stringify(lineWriterUrl)};
    const writer = new LineWriter({ path: 'stdout', flushMs: 0, bufferBytesMax: 1e6,
      onFailure: (error) => process.stderr.write(error.code + '\\n'), onRecovery() {} });
    writer.write('one');
    process.stdin.once('data', async () => {
      writer.write('two');
      await writer.close();
      process.stderr.write('dropped ' + writer.dropped);
      process.exit(0);
    });`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', script]);
  let errors = '';
  child.stderr.on('data', (data) => {
    errors += data;
  });
  await once(child.stdout, 'data');
  child.stdout.destroy();
  await once(child.stdout, 'close');
  child.stdin.write('go');
  const [code] = await once(child, 'close');
  assert.equal(code, 0);
  assert.equal(errors, 'EPIPE\ndropped 1');
});

test('LineWriter: a reader that stops reading neither blocks nor holds the process', async () => {
  const script = `
    import { LineWriter } from ${JSON.stringify(lineWriterUrl)};
    const writer = new LineWriter({ path: 'stdout', flushMs: 0, bufferBytesMax: 1e9,
      onFailure() {}, onRecovery() {} });
    for (let index = 0; index < 1000; index++) writer.write('x'.repeat(1000));
    setTimeout(() => process.exit(3), 20);`;
  const node = `"${process.execPath}" --input-type=module -e "$0"`;
  const readNothing = `{ ${node}; echo "code $?" >&2; } | { read x; exec sleep 60; }`;
  // By a socket, as Node makes it, and by a pipe, as a shell makes it.
  const viaSocket = spawn(process.execPath, ['--input-type=module', '-e', script]);
  const viaPipe = spawn('sh', ['-c', readNothing, script], { detached: true });
  viaSocket.stdout.pause();
  const [[code], [said]] = await Promise.all([
    once(viaSocket, 'exit'),
    once(viaPipe.stderr, 'data'),
  ]);
  viaSocket.stdout.destroy();
  process.kill(-Number(viaPipe.pid), 'SIGKILL');
  assert.equal(code, 3);
  assert.equal(String(said), 'code 3\n');
});

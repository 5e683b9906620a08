import assert from 'node:assert/strict';
import { type ChildProcessByStdio, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { SqliteStore } from '../ts/storage/sqlite-store.ts';
import { hasCode } from './suites/store.ts';

const childPath = fileURLToPath(new URL('./fixtures/store-child.ts', import.meta.url));

function temporaryFolder(context: TestContext): string {
  const folder = fs.mkdtempSync(join(tmpdir(), 'dcrouter-crash-'));
  context.after(() => fs.rmSync(folder, { recursive: true }));
  return folder;
}

function startChild(folder: string, mode: string): ChildProcessByStdio<null, Readable, null> {
  return spawn(process.execPath, [childPath, folder, mode], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
}

/** Runs a child to its end; resolves with its lines and exit code. */
async function runChild(folder: string, mode: string): Promise<{ code: number; lines: string[] }> {
  const child = startChild(folder, mode);
  let text = '';
  child.stdout.on('data', (data) => {
    text += data;
  });
  const [code] = (await once(child, 'close')) as [number];
  return { code, lines: text.split('\n').slice(0, -1) };
}

test('SqliteStore: nothing that was acknowledged is lost by kill -9', async (context) => {
  const folder = temporaryFolder(context);
  for (const linesUntilKill of [35, 123, 501]) {
    const child = startChild(folder, 'loop');
    const acknowledged: string[] = [];
    for await (const line of createInterface(child.stdout)) {
      acknowledged.push(line);
      if (acknowledged.length === linesUntilKill) child.kill('SIGKILL');
    }
    assert.equal(child.signalCode ?? (await once(child, 'exit'))[1], 'SIGKILL');
    assert.ok(acknowledged.length >= linesUntilKill);
    const store = new SqliteStore(folder);
    await store.open();
    const numbers = new Map(await store.entries('numbers'));
    for (const line of acknowledged) assert.equal(numbers.get(line), Number(line));
    // Each write changed two collections: neither is there without the other.
    assert.deepEqual(await store.entries('twins'), [...numbers]);
    await store.close();
  }
});

test('SqliteStore: a second process is refused; kill -9 frees the folder', async (context) => {
  const folder = temporaryFolder(context);
  const holder = startChild(folder, 'hold');
  context.after(() => holder.kill('SIGKILL'));
  await once(holder.stdout, 'data');

  const { code, lines } = await runChild(folder, 'hold');
  assert.equal(code, 1);
  assert.match(
    lines.join(),
    new RegExp(`^STORE_LOCKED The store ".*" is held by process ${holder.pid}, since \\d{4}-.*Z$`),
  );
  const store = new SqliteStore(folder);
  await assert.rejects(store.open(), hasCode('STORE_LOCKED'));

  holder.kill('SIGKILL');
  await once(holder, 'exit');
  await store.open();
  await store.write([{ collection: 'c', key: 'k', value: 1 }]);
  const refused = await runChild(folder, 'hold');
  assert.match(refused.lines.join(), new RegExp(`held by process ${process.pid}, since`));
  await store.close();
});

test('SqliteStore: an open store does not keep the process alive', async (context) => {
  const folder = temporaryFolder(context);
  assert.deepEqual(await runChild(folder, 'idle'), { code: 0, lines: ['open'] });
});

test('SqliteStore: a write under way does keep the process alive', async (context) => {
  const folder = temporaryFolder(context);
  assert.deepEqual(await runChild(folder, 'write'), { code: 0, lines: ['1'] });
});

test('SqliteStore: a disk that takes no more refuses what does not fit, whole', async (context) => {
  const folder = temporaryFolder(context);
  // The shell lets no file grow above 128 or 256 KiB; the signal that would kill is ignored.
  const limited = `trap '' XFSZ; ulimit -f 256; exec "$0" "$@"`;
  const command = ['-c', limited, process.execPath, childPath, folder, 'full'];
  const { stdout } = await promisify(execFile)('sh', command);
  assert.deepEqual(stdout.split('\n').slice(0, -1).sort(), [
    'huge STORE_FAILED',
    'small-1 acknowledged',
    'small-2 acknowledged',
    'small-3 acknowledged',
  ]);
  const store = new SqliteStore(folder);
  await store.open();
  const keys = (await store.entries('texts')).map(([key]) => key);
  await store.close();
  const small = [1, 2, 3].flatMap((number) => [`small-${number}-a`, `small-${number}-b`]);
  assert.deepEqual(keys, small);
});

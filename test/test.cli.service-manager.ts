import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { notifyServiceManager } from '../ts/cli/service-manager.ts';

/** A folder with a `systemd-notify` that writes down what it was given. */
function fakeSystemd(context: TestContext): { folder: string; told: () => string } {
  const folder = mkdtempSync(path.join(tmpdir(), 'dcrouter-notify-'));
  context.after(() => rmSync(folder, { recursive: true }));
  const program = path.join(folder, 'systemd-notify');
  writeFileSync(program, `#!/bin/sh\necho "$NOTIFY_SOCKET $*" > ${folder}/told\n`);
  chmodSync(program, 0o755);
  return { folder, told: () => readFileSync(path.join(folder, 'told'), 'utf8').trim() };
}

test('notifyServiceManager() tells that the process serves, and which one it is', async (t) => {
  const { folder, told } = fakeSystemd(t);
  const env = { NOTIFY_SOCKET: '/run/notify', PATH: `${folder}:/usr/bin:/bin` };
  assert.equal(await notifyServiceManager(env), null);
  assert.equal(told(), `/run/notify --ready --pid=${process.pid}`);
});

test('notifyServiceManager() tells nobody who did not ask', async (t) => {
  const { folder, told } = fakeSystemd(t);
  assert.equal(await notifyServiceManager({ PATH: folder }), null);
  assert.throws(told, { code: 'ENOENT' });
});

test('notifyServiceManager() says why it could not tell', async () => {
  const reason = await notifyServiceManager({ NOTIFY_SOCKET: '/run/notify', PATH: '/nowhere' });
  assert.match(reason ?? '', /systemd-notify/);
});

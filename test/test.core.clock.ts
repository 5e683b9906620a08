import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { systemClock } from '../ts/core/clock.ts';
import { ManualClock } from '../ts/core/manual-clock.ts';

test('systemClock: runs a timer after its delay, once', async (context) => {
  context.mock.timers.enable({ apis: ['setTimeout'] });
  let runs = 0;
  systemClock.setTimeout(() => runs++, 100);
  context.mock.timers.tick(99);
  assert.equal(runs, 0);
  context.mock.timers.tick(1);
  context.mock.timers.tick(1000);
  assert.equal(runs, 1);
});

test('systemClock: a delay longer than 2^31 ms is waited for', (context) => {
  context.mock.timers.enable({ apis: ['setTimeout'] });
  let runs = 0;
  const delayMs = 2 ** 32 + 5;
  systemClock.setTimeout(() => runs++, delayMs);
  const cancelled = systemClock.setTimeout(() => assert.fail('cancelled'), delayMs);
  const stepMs = 2 ** 31 - 1;
  context.mock.timers.tick(stepMs);
  cancelled.cancel();
  cancelled.cancel();
  context.mock.timers.tick(stepMs);
  context.mock.timers.tick(delayMs - 2 * stepMs - 1);
  assert.equal(runs, 0);
  context.mock.timers.tick(1);
  assert.equal(runs, 1);
});

test('systemClock: a delay below zero is none, and Node has nothing to warn of', async () => {
  const { href } = new URL('../ts/core/clock.ts', import.meta.url);
  const code = `
    import { systemClock } from ${JSON.stringify(href)};
    systemClock.setTimeout(() => console.log('ran'), -2e11);
    setTimeout(() => undefined, 50);`;
  const { stdout, stderr } = await promisify(execFile)(process.execPath, [
    '--input-type=module',
    '--eval',
    code,
  ]);
  assert.deepEqual([stdout, stderr], ['ran\n', '']);
});

test('systemClock: a timer does not keep the process alive', async () => {
  const url = new URL('../ts/core/clock.ts', import.meta.url).href;
  const script = `import { systemClock } from ${JSON.stringify(url)};
    systemClock.setTimeout(() => console.log('ran'), 60_000);`;
  const { stdout } = await promisify(execFile)(process.execPath, [
    '--input-type=module',
    '-e',
    script,
  ]);
  assert.equal(stdout, '');
});

test('systemClock: tells the time', () => {
  assert.ok(Math.abs(systemClock.now() - Date.now()) < 1000);
  const earlier = systemClock.monotonic();
  assert.ok(systemClock.monotonic() >= earlier);
});

test('ManualClock: runs timers in order of time, then of age, each at its time', () => {
  const clock = new ManualClock(1000);
  const ran: string[] = [];
  const note = (name: string) => () => ran.push(`${name} at ${clock.now()}`);
  clock.setTimeout(note('late'), 30);
  clock.setTimeout(note('first'), 10);
  clock.setTimeout(() => {
    note('second')();
    clock.setTimeout(note('nested'), 5);
    clock.setTimeout(note('nested now'), -1);
  }, 10);
  clock.setTimeout(note('never'), 12).cancel();
  clock.advance(20);
  assert.deepEqual(ran, [
    'first at 1010',
    'second at 1010',
    'nested now at 1010',
    'nested at 1015',
  ]);
  assert.deepEqual([clock.now(), clock.monotonic(), clock.timerCount], [1020, 20, 1]);
  clock.advance(10);
  assert.equal(ran.at(-1), 'late at 1030');
});

test('ManualClock: a timer that cancels another one wins', () => {
  const clock = new ManualClock();
  clock.setTimeout(() => other.cancel(), 1);
  const other = clock.setTimeout(() => assert.fail('cancelled'), 1);
  clock.advance(1);
  assert.equal(clock.timerCount, 0);
});

test('ManualClock: what a timer throws reaches the test', () => {
  const clock = new ManualClock();
  clock.setTimeout(() => {
    throw new Error('boom');
  }, 1);
  assert.throws(() => clock.advance(5), /boom/);
  assert.equal(clock.monotonic(), 1);
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DcError } from '../ts/core/errors.ts';
import { ManualClock } from '../ts/core/manual-clock.ts';
import { AuthProviders, type IAccess } from '../ts/proxy/access/index.ts';
import type { TAuthProvider } from '../ts_interfaces/index.ts';
import { authRequest, recordingLogger, short } from './suites/access.ts';

function setUp(provider: TAuthProvider) {
  const clock = new ManualClock();
  const { logger, events } = recordingLogger();
  const providers = new AuthProviders({ clock, logger, functions: { mine: provider } });
  const access = providers.get('mine') as IAccess;
  return { clock, events, check: () => access.check(authRequest(), undefined) };
}

const answers: { name: string; answer: unknown; verdict: string }[] = [
  { name: 'true', answer: true, verdict: 'allow' },
  { name: 'false', answer: false, verdict: '401' },
  { name: 'a verdict', answer: { allow: false, status: 403 }, verdict: '403' },
  { name: 'nothing', answer: undefined, verdict: '503' },
  { name: 'null', answer: null, verdict: '503' },
  { name: 'a text', answer: 'yes', verdict: '503' },
  { name: 'a number', answer: 1, verdict: '503' },
  { name: 'a verdict that is truthy only', answer: { allow: 'yes' }, verdict: '503' },
  { name: 'an empty verdict', answer: {}, verdict: '503' },
  { name: 'a bad status', answer: { allow: false, status: 42 }, verdict: '503' },
  { name: 'a body that is no text', answer: { allow: false, body: 1 }, verdict: '503' },
  { name: 'a line break', answer: { allow: true, headers: { a: 'b\r\nc: d' } }, verdict: '503' },
  { name: 'a bad name', answer: { allow: true, headers: { 'a b': 'c' } }, verdict: '503' },
  { name: 'a bad cookie', answer: { allow: false, setCookies: ['a\nb'] }, verdict: '503' },
  { name: 'a bad removal', answer: { allow: true, removeHeaders: ['a:'] }, verdict: '503' },
];
for (const { name, answer, verdict } of answers) {
  test(`function provider: ${name}, at once and later, is ${verdict}`, async () => {
    const now = setUp(() => answer as boolean).check();
    assert.ok(!(now instanceof Promise));
    assert.equal(short(now), verdict);
    const later = setUp(async () => answer as boolean).check();
    assert.equal(short(await later), verdict);
  });
}

test('function provider: what it throws or rejects with is 503, told once per outage', async () => {
  let mode = 'throw';
  const { events, check } = setUp((): boolean | Promise<boolean> => {
    if (mode === 'throw') throw new Error('broken');
    return mode === 'reject' ? Promise.reject(new Error('broken')) : true;
  });
  assert.equal(short(await check()), '503');
  mode = 'reject';
  assert.equal(short(await check()), '503');
  mode = 'work';
  assert.equal(short(await check()), 'allow');
  assert.equal(short(await check()), 'allow');
  assert.deepEqual(events, ['auth.providerDown', 'auth.providerUp']);
});

test('function provider: silence for 30 s is 503', async () => {
  const { clock, check } = setUp(() => new Promise<boolean>(() => undefined));
  const verdict = check();
  clock.advance(30_000);
  assert.equal(short(await verdict), '503');
});

test('function provider: an answer in time leaves no timer', async () => {
  const { clock, check } = setUp(async () => true);
  await check();
  assert.equal(clock.timerCount, 0);
});

test('function provider: headers of the framing are left out, names are in lower case', async () => {
  const { check } = setUp(() => ({
    allow: true,
    headers: { 'X-User': 'ann', 'Content-Length': '5', Host: 'evil', Connection: 'close' },
  }));
  assert.deepEqual(await check(), { allow: true, headers: { 'x-user': 'ann' } });
});

test('function provider: a header cannot reach the prototype', async () => {
  const headers = JSON.parse('{"__proto__": "x", "X-A": "1"}') as Record<string, string>;
  const verdict = await setUp(() => ({ allow: true, headers })).check();
  assert.equal(verdict.headers?.['x-a'], '1');
  assert.equal(Object.getPrototypeOf(verdict.headers), Object.prototype);
});

test('AuthProviders: a new configuration keeps what did not change', () => {
  const clock = new ManualClock();
  const { logger } = recordingLogger();
  const same: TAuthProvider = () => true;
  const forward = { type: 'forward', url: 'http://127.0.0.1:1/' } as const;
  const before = new AuthProviders({
    clock,
    logger,
    functions: { same, other: () => true },
    forward: { kept: forward, changed: forward },
  });
  const after = new AuthProviders(
    {
      clock,
      logger,
      functions: { same, other: () => true },
      forward: { kept: { ...forward }, changed: { ...forward, timeoutMs: 1 } },
    },
    before,
  );
  assert.equal(after.passwords, before.passwords);
  assert.equal(after.get('same'), before.get('same'));
  assert.equal(after.get('kept'), before.get('kept'));
  assert.notEqual(after.get('other'), before.get('other'));
  assert.notEqual(after.get('changed'), before.get('changed'));
  assert.deepEqual(after.names.sort(), ['changed', 'kept', 'other', 'same']);
  after.close();
});

for (const { name, url, functions } of [
  { name: 'no URL', url: 'nonsense' },
  { name: 'another protocol', url: 'ftp://example.test/' },
  { name: 'a name that a function has', url: 'http://example.test/', functions: { x: () => true } },
]) {
  test(`AuthProviders: ${name} is refused with its place`, () => {
    const { logger } = recordingLogger();
    const forward = { x: { type: 'forward' as const, url } };
    assert.throws(
      () => new AuthProviders({ clock: new ManualClock(), logger, forward, functions }),
      (error) =>
        error instanceof DcError &&
        error.code === 'CONFIG_INVALID' &&
        error.problems[0]?.path.startsWith('web.authProviders.x') === true,
    );
  });
}

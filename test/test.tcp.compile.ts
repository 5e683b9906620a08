import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compileEntry } from '../ts/proxy/tcp/compile.ts';
import { targetsOf } from '../ts/proxy/tcp/targets.ts';
import { entryOf } from './suites/tcp.ts';

test('targetsOf(): every way to write a target', () => {
  const cases = [
    [5432, ['127.0.0.1:5432']],
    ['db:5432', ['db:5432']],
    ['db', ['db']],
    ['[2001:db8::1]:443', ['[2001:db8::1]:443']],
    [{ host: 'db' }, ['db']],
    [{ host: 'db', port: 1 }, ['db:1']],
    [
      ['a:1', 2, 'a:1'],
      ['a:1', '127.0.0.1:2'],
    ],
  ] as const;
  for (const [toPort, ids] of cases) {
    const { backends, byPort } = targetsOf(toPort as never);
    assert.deepEqual(
      backends.map(({ id }) => id),
      ids,
    );
    assert.equal(byPort, null);
  }
});

test('targetsOf(): a mapping shares the backends that several ports name', () => {
  const { backends, byPort } = targetsOf({ '80': ['a:1', 'b'], '100-200': 'b', '300': 'c:3' });
  assert.deepEqual(
    backends.map(({ id, port }) => [id, port]),
    [
      ['a:1', 1],
      ['b', 0],
      ['c:3', 3],
    ],
  );
  assert.deepEqual(byPort?.get(80), [0, 1]);
  assert.deepEqual(byPort?.get(150), [1]);
  assert.deepEqual(byPort?.get(300), [2]);
  assert.equal(byPort?.get(81), undefined);
});

test('compileEntry(): timeouts of a domain config come from its entry, then from the defaults', () => {
  const { timeouts, domains } = compileEntry(
    entryOf({
      toPort: 1,
      timeouts: { idleMs: 5 },
      domainConfigs: [{ domains: ['a.test'], toPort: 2, timeouts: { connectMs: 7 } }],
    }),
  );
  assert.deepEqual([timeouts.idleMs, timeouts.connectMs, timeouts.peekMs], [5, 5000, 5000]);
  const own = domains[0]?.action.timeouts;
  assert.deepEqual([own?.idleMs, own?.connectMs, own?.halfCloseMs], [5, 7, 300_000]);
});

test('compileEntry(): limits of a domain config are its own, bandwidth also the entry’s', () => {
  const { admission, action, domains } = compileEntry(
    entryOf({
      toPort: 1,
      connectionsMax: 5,
      bandwidth: { inBytesPerSecond: 9 },
      domainConfigs: [{ domains: ['a.test'], toPort: 2 }],
    }),
  );
  assert.equal(admission?.connectionsMax, 5);
  assert.equal(action?.admission, null);
  assert.equal(domains[0]?.action.admission, null);
  assert.equal(domains[0]?.action.bandwidth?.inBytesPerSecond, 9);
});

test('compileEntry(): without an action unknown names are reset, with one they are its', () => {
  const domainConfigs = [{ domains: ['a.test'], toPort: 2 }];
  assert.equal(compileEntry(entryOf({ domainConfigs })).resetsUnknown, true);
  assert.equal(compileEntry(entryOf({ domainConfigs, toPort: 1 })).resetsUnknown, false);
  const strict = entryOf({ domainConfigs, toPort: 1, unknownName: 'reset' });
  assert.equal(compileEntry(strict).resetsUnknown, true);
});

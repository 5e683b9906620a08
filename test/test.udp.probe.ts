import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { ManualClock } from '../ts/core/manual-clock.ts';
import { BackendNames } from '../ts/proxy/backend-names.ts';
import { ResolverNames } from '../ts/proxy/name-source.ts';
import { udpProbe } from '../ts/proxy/udp/udp-probe.ts';
import { FakeResolver } from './suites/names.ts';
import { udpBackend, udpSocket } from './suites/udp.ts';

const unknown = () => new BackendNames({ source: new ResolverNames(new FakeResolver()) });

test('udpProbe: an unknown name fails, and not before check() has returned', async () => {
  const clock = new ManualClock();
  let hasReturned = false;
  const failure = await new Promise<string | null>((resolve) => {
    const backend = udpBackend('a', 53, { hostname: 'gone.example' });
    udpProbe(clock, unknown()).check(backend, undefined, (reason) => {
      assert.ok(hasReturned);
      resolve(reason);
    });
    hasReturned = true;
  });
  assert.equal(failure, 'ENOTFOUND');
  assert.equal(clock.timerCount, 0);
});

test('udpProbe: an answer is well at once', async (t) => {
  const backend = await udpSocket(t);
  backend.on('message', (_bytes, from) => backend.send('here', from.port, from.address));
  const probe = udpProbe(new ManualClock(), unknown());
  const failure = await new Promise((done) => {
    probe.check(udpBackend('a', backend.address().port), undefined, done);
  });
  assert.equal(failure, null);
});

test('udpProbe: a closed port fails', async (t) => {
  const socket = await udpSocket(t);
  const { port } = socket.address();
  await new Promise<void>((done) => socket.close(done));
  const probe = udpProbe(new ManualClock(), unknown());
  const failure = await new Promise((done) => {
    probe.check(udpBackend('a', port), undefined, done);
  });
  assert.equal(failure, 'ECONNREFUSED');
});

test('udpProbe: one that is given up says nothing and leaves nothing', async (t) => {
  const clock = new ManualClock();
  const backend = await udpSocket(t);
  const probe = udpProbe(clock, unknown());
  const fail = () => assert.fail('it was given up');
  probe.check(udpBackend('a', backend.address().port), undefined, fail)();
  const cancel = probe.check(udpBackend('a', backend.address().port), undefined, fail);
  await once(backend, 'message');
  cancel();
  cancel();
  clock.advance(10_000);
  assert.equal(clock.timerCount, 0);
});

test('udpProbe: a name that nobody answers for fails in time', () => {
  const clock = new ManualClock();
  const failures: (string | null)[] = [];
  const probe = udpProbe(clock, { pick: () => undefined });
  probe.check(udpBackend('a', 1), { probeTimeoutMs: 700 }, (failure) => failures.push(failure));
  clock.advance(699);
  assert.deepEqual(failures, []);
  clock.advance(1);
  assert.deepEqual(failures, ['timeout']);
});

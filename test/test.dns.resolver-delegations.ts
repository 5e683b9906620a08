import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ManualClock } from '../ts/core/manual-clock.ts';
import { formatName, parseName } from '../ts/dns/codec/name.ts';
import { Delegations, type IZoneServer } from '../ts/dns/resolver/delegations.ts';
import { authorityAt } from '../ts/dns/resolver/root-hints.ts';

/** As large as a referral may make it. */
function largest(zone: string): IZoneServer[] {
  const pad = `${'p'.repeat(60)}.`.repeat(3);
  return Array.from({ length: 20 }, (_, server) => ({
    name: parseName(`${server}.${pad}${zone}`),
    glue: Array.from({ length: 6 }, (_, n) => authorityAt(`192.0.2.${n}`)),
  }));
}

test('delegations are bounded by their memory: what was used longest ago goes first', () => {
  const delegations = new Delegations(new ManualClock(), 1_000_000);
  const first = parseName('first.example.');
  delegations.store(first, [], 3600);
  for (let index = 0; index < 500; index++) {
    const zone = `z${index}.evil.example.`;
    delegations.store(parseName(zone), largest(zone), 3600);
    // It is in use, so that the flood does not push it out.
    assert.equal(delegations.closest(parseName('www.first.example.'))?.zone.equals(first), true);
  }
  assert.ok(delegations.size > 10 && delegations.size < 60, `${delegations.size} zones`);
  assert.equal(delegations.closest(parseName('z0.evil.example.')), null);
  const last = delegations.closest(parseName('a.z499.evil.example.'));
  assert.equal(formatName(last?.zone ?? Buffer.alloc(1)), 'z499.evil.example.');
  assert.deepEqual(
    last?.servers.map(({ name }) => formatName(name)),
    largest('z499.evil.example.').map(({ name }) => formatName(name)),
  );
});

test('what is larger than all that is kept is used once, and what went leaves room', () => {
  const clock = new ManualClock();
  const delegations = new Delegations(clock, 1000);
  const huge = delegations.store(parseName('huge.example.'), largest('huge.example.'), 60);
  assert.equal(huge.servers.length, 20);
  assert.equal(delegations.size, 1);
  for (const name of ['a.example.', 'b.example.', 'a.example.', 'b.example.']) {
    delegations.store(parseName(name), [], 60);
  }
  assert.equal(delegations.size, 2);
  delegations.forget(parseName('a.example.'));
  delegations.store(parseName('c.example.'), [], 60);
  assert.equal(delegations.size, 2);
  clock.advance(61_000);
  assert.equal(delegations.closest(parseName('b.example.')), null);
  assert.equal(delegations.closest(parseName('c.example.')), null);
  assert.equal(delegations.size, 0);
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ManualClock } from '../ts/core/manual-clock.ts';
import { Pace } from '../ts/net/pace.ts';

test('the burst passes at once, then each read is paid for', () => {
  const pace = new Pace(1_000_000);
  assert.equal(pace.spend(100_000, 0), 0);
  assert.equal(pace.spend(1, 0), 1);
  assert.equal(pace.spend(49_999, 0), 50);
  assert.equal(pace.spend(0, 50), 0);
  assert.equal(pace.spend(1000, 51), 0);
  // However long nothing came, no more than the burst was saved.
  assert.equal(pace.spend(101_000, 1_000_000), 1);
});

test('a slow rate still lets a usual read pass', () => {
  const pace = new Pace(1000);
  assert.equal(pace.spend(16_384, 0), 0);
  assert.equal(pace.spend(65_536, 0), 65_536);
});

for (const rate of [1500, 64_000, 10_000_000]) {
  test(`over ten minutes ${rate} bytes a second pass, whatever the reads are`, () => {
    const clock = new ManualClock();
    const pace = new Pace(rate);
    let bytes = 0;
    for (let read = 1; clock.monotonic() < 600_000; read = (read * 7) % 65_537) {
      bytes += read;
      clock.advance(pace.spend(read, clock.monotonic()));
    }
    const due = (clock.monotonic() / 1000) * rate;
    const burst = Math.max(16_384, rate / 10);
    assert.ok(bytes <= due + burst + 65_536, `${bytes} of ${due}`);
    assert.ok(bytes >= due * 0.9, `${bytes} of ${due}`);
  });
}

test('a clock that goes back gives and takes nothing', () => {
  const pace = new Pace(1000);
  pace.spend(16_384, 1000);
  assert.equal(pace.spend(100, 0), 100);
  assert.equal(pace.spend(0, 1000), 100);
  assert.equal(pace.spend(0, 1050), 50);
});

test('a rate that is not above 0 is refused', () => {
  for (const rate of [0, -1, Number.NaN]) assert.throws(() => new Pace(rate), RangeError);
});

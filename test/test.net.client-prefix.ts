import assert from 'node:assert/strict';
import { test } from 'node:test';
import { clientKey } from '../ts/net/client-prefix.ts';
import { clientNetwork } from '../ts/net/ip.ts';
import { randomFrom } from './suites/random.ts';

const cases: [ip: string, prefix4: number, prefix6: number, key: string][] = [
  ['192.0.2.77', 32, 64, '192.0.2.77'],
  ['192.0.2.77', 24, 64, '192.0.2.0/24'],
  ['192.0.2.77', 25, 64, '192.0.2.0/25'],
  ['192.0.2.177', 25, 64, '192.0.2.128/25'],
  ['192.0.2.77', 0, 64, '0.0.0.0/0'],
  ['::ffff:192.0.2.77', 32, 64, '192.0.2.77'],
  ['::ffff:192.0.2.77', 24, 128, '192.0.2.0/24'],
  ['2001:db8:1:2:3:4:5:6', 32, 64, '2001:db8:1:2::/64'],
  ['2001:db8:1:2:3:4:5:6', 32, 48, '2001:db8:1::/48'],
  ['2001:db8:1:2:3:4:5:6', 32, 56, '2001:db8:1::/56'],
  ['2001:db8:1:2:3:4:5:6', 32, 128, '2001:db8:1:2:3:4:5:6'],
  ['2001:db8:1:2:3:4:5:6', 32, 127, '2001:db8:1:2:3:4:5:6/127'],
  ['2001:db8:1:2:3:4:5:6', 32, 0, '::/0'],
  ['', 24, 64, ''],
  ['no address', 24, 64, 'no address'],
  ['no: address', 24, 64, 'no: address'],
];

for (const [ip, prefix4, prefix6, key] of cases) {
  test(`clientKey("${ip}", ${prefix4}, ${prefix6}) is "${key}", also when asked again`, () => {
    assert.equal(clientKey(ip, prefix4, prefix6), key);
    assert.equal(clientKey(ip, prefix4, prefix6), key);
  });
}

test('clientKey() is clientNetwork(), for more addresses than are kept', () => {
  const random = randomFrom(3);
  for (let round = 0; round < 5000; round++) {
    const ip = `2001:db8:${random(9) + 1}::${(random(0xffff) + 1).toString(16)}`;
    assert.equal(clientKey(ip), clientNetwork(ip));
    assert.equal(clientKey(ip, 32, 48), clientKey(ip).replace('::/64', '::/48'));
  }
});
